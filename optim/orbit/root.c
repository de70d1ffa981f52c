/* Roots of covariances with memory.
 *
 * The state holds C, or beta2-weighted sums of it, in lower triangles and in units (memory.c); a
 * root is that of the corrected C.  With skip_tolerance the eigenvectors V (rows) of the last
 * eigendecomposition are kept as well: while |off(V C V')| <= tolerance |C| they serve again, with
 * the diagonal of V C V' for eigenvalues.  Two products and half of one, against nine and slower
 * ones.  That is asked only when memory has taken in as many rows as C has, and D = V C V' must be
 * diagonal beside its own eigenvalues too, |D_ij| <= tolerance sqrt(D_ii D_jj) in the mean: else
 * small eigenvalues, where C is still growing, would belong to directions that mean nothing.
 *
 * A fresh root bounds the step: C holds x with some weight w, so x C^{-1} x' <= 1 / w, and X with n
 * rows has |X C^{-1/2}|^2 <= n r / w, r = min(n, m).  A root that is some steps old bounds nothing:
 * it multiplies a component of x along an eigenvalue near 0 by a number near infinity, because C
 * does not hold x.  A vector of mean size, spread over r directions, would have added w tr C / r to
 * C along a direction that no earlier vector had.  So where roots are taken every T > 1 steps,
 * `stale_floor` times that is added to C.  The bound for x of mean size is then that of a fresh
 * root over sqrt(stale_floor). */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/spectrum.h"
#include "optim/orbit/orbit.h"
#include "optim/solver/scaled.h"

/* The parts of the work space: C; all roots of a family, which is renewed as a whole or not at all,
 * or the product with the basis; eigenvalues; and work space of the solver. */
typedef struct root_parts {
  size_t c, roots, values, solver, all;
} root_parts;

static root_parts divide(const orbit *o, const orbit_label *l) {
  size_t item = symo_dtype_size(o->dtype), m = l->label->m, count = l->label->count;
  root_parts p = {.c = symo_padded(m * m * item)};
  bool basis = l->basis != ORBIT_NO_ENTRY;
  p.roots = count > 1 ? symo_padded(count * m * m * item) : 0;
  if (basis) p.roots = (count > 1 ? 2 : 1) * symo_padded(count * m * m * item);
  if (orbit_in_basis(l)) p.roots = symo_padded(count * m * m * item);
  p.values = basis ? symo_padded((2 + count) * m * sizeof(double)) : 0;
  p.solver = symo_padded(basis ? symo_eigh_work(o->dtype, m) : l->solver->root_work(o->dtype, m));
  p.all = p.c + p.roots + p.values + p.solver;
  return p;
}

size_t symo_orbit_refresh_work(const orbit *o, const orbit_label *l) {
  return l->way == ORBIT_ROOTS ? divide(o, l).all : 0;
}

/* What the numbers of one root say. */
static void merge(curvature_report *report, double condition, double rank, bool first) {
  report->condition = first ? condition : fmax(report->condition, condition);
  report->effective_rank = first ? rank : fmin(report->effective_rank, rank);
}

/* The root from eigenvectors and eigenvalues of C, zeros as the solver eigh has them; f: m numbers.
 * root NULL: its condition alone. */
static void root_of_spectrum(const orbit *o, size_t m, const void *v, const double *w, double eps,
                             double *f, void *scratch, void *root, double *condition) {
  symo_spectrum s = {.power = o->own.power,
                     .eps = eps,
                     .tolerance = symo_rank_tolerance(o->dtype, m),
                     .floor = symo_epsilon(o->dtype)};
  if (o->method.cut > 0) {
    const solver_options options = symo_orbit_options(o, &o->own, eps, 0);
    symo_spectrum_cut(&options, m, w, 1, &s);
  }
  symo_spectrum_report report;
  symo_spectrum_power(&s, m, w, f, &report);
  *condition = report.condition;
  if (root != NULL) symo_from_eigh(o->dtype, m, v, f, scratch, root);
}

double symo_orbit_unseen(const orbit *o, const orbit_label *l, const curvature_step *step,
                         double trace) {
  const symo_method *q = &o->method;
  double updates = step->updates > 0 ? (double)step->updates : 1, weight = 1 / updates;
  if (q->refresh_every <= 1 && q->statistics_every <= 1) return 0;
  if (q->beta2 < 1) weight = (1 - q->beta2) / (1 - pow(q->beta2, updates));
  size_t m = l->label->m, rows = l->label->ambient;
  return q->stale_floor * weight * trace / (double)(rows < m ? rows : m);
}

/* Whether the off-diagonal part of c, whose diagonal is w, is small beside the eigenvalues that it
 * joins; those that count as zero weigh as much as the least that does not. */
static bool diagonal_in_ratio(const orbit *o, size_t m, const void *c, const double *w,
                              double eps) {
  double sum = 0, tolerance = o->method.skip_tolerance;
  double least = symo_spectrum_zero(m, w, symo_rank_tolerance(o->dtype, m));
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < i; j++) {
      double d = symo_get(o->dtype, c, i * m + j);
      sum += 2 * d * d / ((fmax(w[i], least) + eps) * (fmax(w[j], least) + eps));
    }
  return sum <= tolerance * tolerance * (double)m;
}

/* D = V C V' through `product`; false if the basis does not serve.  c holds D afterwards. */
static bool basis_serves(const orbit *o, size_t m, const void *v, void *c, void *product,
                         double norm, double eps, double *w) {
  symo_mat basis = symo_mat_dense((void *)(uintptr_t)v, m, m), d = symo_mat_dense(c, m, m);
  symo_gemm(o->dtype, 1, basis, d, 0, symo_mat_dense(product, m, m));
  symo_gemm(o->dtype, 1, symo_mat_dense(product, m, m), symo_mat_t(basis), 0, d);
  double all = symo_nrm2(o->dtype, m * m, c);
  for (size_t i = 0; i < m; i++) {
    w[i] = symo_get(o->dtype, c, i * (m + 1));
    symo_put(o->dtype, c, i * (m + 1), 0);
  }
  double off = symo_nrm2(o->dtype, m * m, c);
  /* An unset basis is zero, and gives 0 for D. */
  return all >= 0.5 * norm && off <= o->method.skip_tolerance * norm &&
         diagonal_in_ratio(o, m, c, w, eps);
}

/* C of one member, corrected, in c; false if it left the range of numbers. */
static bool load(const orbit *o, const orbit_label *l, const void *covariance, size_t member,
                 double scale, void *c, double *trace) {
  size_t m = l->label->m;
  memcpy(c, symo_at(o->dtype, covariance, (ptrdiff_t)(member * m * m)),
         m * m * symo_dtype_size(o->dtype));
  if (scale != 1) symo_scal(o->dtype, m * m, scale, c);
  *trace = symo_trace(o->dtype, m, c);
  return isfinite(*trace);
}

/* One member by its eigenbasis, kept or new; root NULL: the eigenvalues are wanted, into f. */
static symo_status refresh_basis(const orbit *o, const orbit_label *l, const void *covariance,
                                 size_t member, double scale, double eps, bool full, void *v,
                                 void *root, double *f, curvature_report *one, char *work) {
  size_t m = l->label->m, item = symo_dtype_size(o->dtype);
  root_parts p = divide(o, l);
  char *c = work, *solver = work + p.c + p.roots + p.values;
  double *w = (double *)(void *)(work + p.c + p.roots), trace;
  symo_symmetrize(o->dtype, m, c);
  double norm = symo_nrm2(o->dtype, m * m, c), square = norm * norm;
  one->kept = full && norm > 0 && basis_serves(o, m, v, c, solver, norm, eps, w);
  if (!one->kept) {
    load(o, l, covariance, member, scale, c, &trace);
    symo_status status = symo_eigh(o->dtype, m, c, w, solver);
    if (status != SYMO_OK) return SYMO_NO_CONVERGENCE;
    memcpy(v, c, m * m * item);
  }
  double sum = 0;
  for (size_t i = 0; i < m; i++) sum += w[i];
  one->effective_rank = square > 0 ? sum * sum / square : NAN;
  root_of_spectrum(o, m, v, w, eps, f, solver, root, &one->condition);
  if (root == NULL) memcpy(f, w, m * sizeof *f);
  return SYMO_OK;
}

static const orbit_label *label_of(const orbit *o, size_t root) {
  size_t i = 0;
  for (;; i++)
    if (symo_orbit_keeps_root(&o->labels[i]) && root-- == 0) return &o->labels[i];
}

/* All members, into root (in a basis, where it is NULL, into values) and v [count, m, m]. */
static symo_status refresh_members(const orbit *o, const orbit_label *l, const void *covariance,
                                   const curvature_step *step, void *v, void *root, double *values,
                                   curvature_report *report, char *work) {
  size_t m = l->label->m;
  root_parts p = divide(o, l);
  double scale = symo_orbit_correction(o, step), trace;
  bool full = (double)step->updates * (double)l->label->ambient >= (double)m;
  bool basis = orbit_in_basis(l); /* eigenvalues are wanted, no root */
  report->kept = l->basis != ORBIT_NO_ENTRY;
  for (size_t i = 0; i < l->label->count; i++) {
    void *to = basis ? NULL : symo_at(o->dtype, root, (ptrdiff_t)(i * m * m));
    curvature_report one = {.condition = NAN, .effective_rank = NAN};
    if (!load(o, l, covariance, i, scale, work, &trace)) return SYMO_NO_CONVERGENCE;
    double eps = symo_orbit_damping(o, step, trace, m);
    if (!basis) eps += symo_orbit_unseen(o, l, step, trace);
    symo_status status;
    if (l->basis != ORBIT_NO_ENTRY) {
      status = refresh_basis(o, l, covariance, i, scale, eps, full,
                             symo_at(o->dtype, v, (ptrdiff_t)(i * m * m)), to,
                             basis ? values + i * m : values, &one, work);
    } else {
      solver_options options = symo_orbit_options(o, &o->own, eps, 0);
      solver_report solved = {NAN, NAN, 0};
      status = l->solver->root(&options, m, work, to, &solved, work + p.c + p.roots + p.values);
      one = (curvature_report){.condition = solved.condition,
                               .effective_rank = solved.effective_rank};
    }
    if (status != SYMO_OK) return status;
    merge(report, one.condition, one.effective_rank, i == 0);
    report->kept = report->kept && one.kept;
  }
  return SYMO_OK;
}

symo_status symo_orbit_refresh(const void *self, void *const *state, const curvature_step *step,
                               size_t root, curvature_report *report, void *work) {
  const orbit *o = self;
  assert(root < o->num_roots);
  if (o->estimated) return symo_orbit_estimate(o, state, step, report, work);
  const orbit_label *l = label_of(o, root);
  root_parts p = divide(o, l);
  size_t bytes = l->label->count * l->label->m * l->label->m * symo_dtype_size(o->dtype);
  bool basis = l->basis != ORBIT_NO_ENTRY, apart = l->label->count > 1;
  char *spare = (char *)work + p.c;
  void *v = NULL, *to = apart || orbit_in_basis(l) ? spare : (char *)state[l->root];
  if (basis) v = apart ? spare + symo_padded(bytes) : spare;
  if (orbit_in_basis(l)) {
    v = spare;
    to = NULL;
  }
  if (basis) memcpy(v, state[l->basis], bytes);
  double *values = basis ? (double *)(void *)((char *)work + p.c + p.roots) + l->label->m : NULL;
  curvature_report found = {.condition = NAN, .effective_rank = NAN};
  double unit = symo_orbit_unit(o, state, l);
  curvature_step now = symo_orbit_in_units(o, step, unit);
  symo_status status =
      refresh_members(o, l, state[l->covariance], &now, v, to, values, &found, work);
  if (status != SYMO_OK) return status;
  ((double *)state[o->root_units])[l - o->labels] = unit;
  if (apart && to != NULL) memcpy(state[l->root], to, bytes);
  if (orbit_in_basis(l)) symo_orbit_basis_start(o, l, state, &now, values);
  if (basis && !found.kept) memcpy(state[l->basis], v, bytes);
  if (report != NULL) *report = found;
  return SYMO_OK;
}
