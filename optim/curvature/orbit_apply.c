/* Steps: the direction by the roots of covariances kept, or by its own.
 *
 * Without memory a member X [n, m] of a label goes to X (X'X / n + eps I)^p, p = -alpha/2, which is
 * n^{alpha/2} X (X'X + n eps I)^p and therefore, up to a factor, what solvers call polar: from
 * whichever side is smaller.  Where X is one BLAS matrix as it lies, nothing is copied; f(X') is
 * f(X)', so a result that lies transposed is had by transposing X. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "optim/curvature/orbit_common.h"
#include "optim/solver/scaled.h"

/* What is known of the covariances so far, for the part of a centred plan that has none. */
typedef struct spectrum_mean {
  double sum, number;
} spectrum_mean;

static void add_trace(spectrum_mean *mean, const plan_label *l, double trace) {
  mean->sum += (double)l->dim * trace;
  mean->number += (double)l->dim * (double)l->m;
}

/* value^power, zero for zero. */
static double power_of(const orbit *o, double value) {
  if (!(value > 0)) return 0;
  if (o->method.alpha == 1) return 1 / sqrt(value);
  return o->method.alpha == 2 ? 1 / value : pow(value, o->power);
}

/* The same by the solver of the method. */
static double factor_of(const orbit *o, double value) { return o->number * power_of(o, value); }

/* ---- dense coordinates ---- */

/* Work: X, Y, and behind them scratch or the solver's. */
static size_t x_bytes(const orbit *o, const plan_label *l) {
  return orbit_round(orbit_size(l) * symo_dtype_size(o->dtype));
}

void symo_orbit_gather(const orbit *o, const plan_label *l, symo_const_vector u, void *x,
                       void *rest) {
  arena scratch = {.base = rest};
  symo_label_gather(o->plan, l, u, 0, l->num_rows > 0 ? l->row[0] : 1, x, &scratch);
}

void symo_orbit_scatter(const orbit *o, const plan_label *l, const void *x, symo_vector out,
                        void *rest) {
  arena scratch = {.base = rest};
  symo_label_scatter(o->plan, l, x, out, &scratch);
}

size_t symo_orbit_gather_bytes(const orbit *o, const plan_label *l) {
  size_t in = symo_gather_scratch(o->plan, l, l->num_rows > 0 ? l->row[0] : 1);
  size_t out = symo_scatter_scratch(o->plan, l);
  return orbit_round(in > out ? in : out);
}

/* sum of squares without overflow on the way, if the result is in range. */
static double square_norm(const orbit *o, size_t n, const void *x) {
  double norm = symo_nrm2(o->dtype, n, x);
  return norm * norm;
}

/* ---- labels that numbers scale ---- */

/* In two steps where float32 may not hold the factor, but does hold the result. */
static void multiply(const orbit *o, size_t n, double factor, void *x) {
  bool large = o->dtype == SYMO_F32 && (factor > 1e18 || (factor < 1e-30 && factor > 0));
  symo_scal(o->dtype, n, large ? sqrt(factor) : factor, x);
  if (large) symo_scal(o->dtype, n, sqrt(factor), x);
}

/* Members that are single numbers, as with sign flips on all coordinates: x by c (or its square, c
 * NULL), corrected or over the divisor.  Returns the sum of all C. */
static double scale_f64(const orbit *o, const curvature_step *step, size_t n, double scale,
                        double back, const double *c, double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double trace = scale * (c != NULL ? c[i] : x[i] * x[i]);
    x[i] *= back * factor_of(o, trace + symo_orbit_damping(o, step, trace, 1));
    sum += trace;
  }
  return sum;
}

static double scale_f32(const orbit *o, const curvature_step *step, size_t n, double scale,
                        double back, const float *c, float *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double old = (double)x[i], trace = scale * (c != NULL ? (double)c[i] : old * old);
    x[i] = (float)(old * back * factor_of(o, trace + symo_orbit_damping(o, step, trace, 1)));
    sum += trace;
  }
  return sum;
}

/* Every member of X by a number of its own: of its covariance, or, without memory, of its norm. */
static void apply_numbers(const orbit *o, const orbit_label *l, void *const *state,
                          const curvature_step *at, symo_const_vector u, symo_vector out,
                          spectrum_mean *mean, char *work) {
  const void *covariance = l->covariance != ORBIT_NO_ENTRY ? state[l->covariance] : NULL;
  double unit = symo_orbit_unit(o, state, l), back = pow(unit, -o->method.alpha);
  const curvature_step now = symo_orbit_in_units(o, at, unit), *step = &now;
  const plan_label *label = l->label;
  size_t size = orbit_member_size(label), n = label->count;
  char *rest = work + x_bytes(o, label);
  double scale = covariance != NULL ? symo_orbit_correction(o, step) : 1 / orbit_divisor(o, label);
  symo_orbit_gather(o, label, u, work, rest);
  if (size == 1) {
    void *x = work;
    double sum = o->dtype == SYMO_F32 ? scale_f32(o, step, n, scale, back, covariance, x)
                                      : scale_f64(o, step, n, scale, back, covariance, x);
    mean->sum += (double)label->dim * sum * unit * unit;
    mean->number += (double)label->dim * (double)n;
  }
  for (size_t i = 0; size > 1 && i < n; i++) {
    void *x = symo_at(o->dtype, work, (ptrdiff_t)(i * size));
    /* A covariance of one row X has the one eigenvalue that counts, its trace. */
    double trace =
        scale * (covariance != NULL ? symo_get(o->dtype, covariance, i) : square_norm(o, size, x));
    multiply(o, size, back * factor_of(o, trace + symo_orbit_damping(o, step, trace, label->m)), x);
    add_trace(mean, label, trace * unit * unit);
  }
  symo_orbit_scatter(o, label, work, out, rest);
}

/* The part that has no covariance, by the mean of those of the others. */
static void apply_dropped(const orbit *o, const orbit_label *l, const curvature_step *step,
                          symo_const_vector u, symo_vector out, const spectrum_mean *mean,
                          char *work) {
  double value = mean->number > 0 ? mean->sum / mean->number : 0;
  char *rest = work + x_bytes(o, l->label);
  symo_orbit_gather(o, l->label, u, work, rest);
  multiply(o, orbit_size(l->label), power_of(o, value + symo_orbit_damping(o, step, value, 1)),
           work);
  symo_orbit_scatter(o, l->label, work, out, rest);
}

/* ---- the smaller side ---- */

/* The whole label as one matrix in u and, dense, in out; *to is then where the result goes, and *x
 * transposed if that lies transposed. */
static bool as_matrices(const orbit *o, const orbit_label *l, symo_const_vector u, symo_vector out,
                        symo_mat *x, void **to) {
  const plan_label *label = l->label;
  symo_nd from, target;
  symo_mat y;
  if (label->num_pieces != 1 || label->num_families > 0) return false;
  if (!symo_piece_view(o->plan, label, &label->pieces[0], u, &from) ||
      !symo_piece_view(o->plan, label, &label->pieces[0], symo_vector_const(out), &target))
    return false;
  if (!symo_nd_matrix(from, label->num_rows, x) || !symo_nd_matrix(target, label->num_rows, &y))
    return false;
  *to = y.p;
  if (y.cs == 1 && y.rs == (ptrdiff_t)y.cols) return true;
  if (y.rs != 1 || y.cs != (ptrdiff_t)y.rows) return false;
  *x = symo_mat_t(*x);
  return true;
}

static symo_status polar_of(const symo_solver *solver, const solver_options *options, symo_mat x,
                            void *y, solver_report *report, void *work) {
  if (solver->polar != NULL) return solver->polar(options, x, y, report, work);
  return symo_polar_by_root(solver, options, x, y, report, work);
}

static size_t polar_bytes(const orbit *o, const symo_solver *s, size_t rows, size_t cols) {
  return orbit_round(s->polar != NULL ? s->polar_work(o->dtype, rows, cols)
                                      : symo_polar_by_root_work(s, o->dtype, rows, cols));
}

static symo_status apply_polar(const orbit *o, const orbit_label *l, const curvature_step *step,
                               symo_const_vector u, symo_vector out, spectrum_mean *mean,
                               char *work) {
  const plan_label *label = l->label;
  symo_dtype t = o->dtype;
  size_t size = orbit_member_size(label), bytes = x_bytes(o, label);
  double divisor = orbit_divisor(o, label), back = pow(divisor, o->method.alpha / 2);
  char *y = work + bytes, *rest = y + bytes;
  void *to = NULL;
  symo_mat x;
  solver_report report;
  bool norms = o->relative || o->plan->centered;
  if (!norms && as_matrices(o, l, u, out, &x, &to)) {
    solver_options options = symo_orbit_options(o, step->damping * divisor);
    symo_status status = polar_of(l->solver, &options, x, to, &report, rest);
    if (status == SYMO_OK && back != 1) symo_scal(t, size, back, to);
    return status;
  }
  symo_orbit_gather(o, label, u, work, rest);
  for (size_t i = 0; i < label->count; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * size);
    double square = norms ? square_norm(o, size, symo_at(t, work, at)) : 0;
    double eps = symo_orbit_damping(o, step, square / divisor, label->m) * divisor;
    solver_options options = symo_orbit_options(o, eps);
    x = symo_mat_dense(symo_at(t, work, at), label->ambient, label->m);
    add_trace(mean, label, square / divisor);
    symo_status status = polar_of(l->solver, &options, x, symo_at(t, y, at), &report, rest);
    if (status != SYMO_OK) return status;
  }
  if (back != 1) symo_scal(t, label->count * size, back, y);
  symo_orbit_scatter(o, label, y, out, rest);
  return SYMO_OK;
}

/* ---- all labels ---- */

size_t symo_orbit_apply_work(const orbit *o, const orbit_label *l) {
  const plan_label *label = l->label;
  size_t rest = symo_orbit_gather_bytes(o, label), bytes = x_bytes(o, label);
  if (orbit_in_basis(l)) return symo_orbit_basis_work(o, l);
  if (l->way == ORBIT_ROOTS) return symo_apply_work(o->plan, label);
  if (l->way != ORBIT_POLAR) return bytes + rest;
  size_t solver = polar_bytes(o, l->solver, label->ambient, label->m);
  size_t other = polar_bytes(o, l->solver, label->m, label->ambient); /* where it lies transposed */
  solver = other > solver ? other : solver;
  return 2 * bytes + (solver > rest ? solver : rest);
}

static void add_traces(const orbit *o, const orbit_label *l, void *const *state,
                       const curvature_step *step, spectrum_mean *mean) {
  size_t m = l->label->m;
  const void *covariance = state[l->covariance];
  double unit = symo_orbit_unit(o, state, l);
  double correction = symo_orbit_correction(o, step) * unit * unit;
  for (size_t i = 0; i < l->label->count; i++) {
    const void *c = symo_at(o->dtype, covariance, (ptrdiff_t)(i * m * m));
    add_trace(mean, l->label, correction * symo_trace(o->dtype, m, c));
  }
}

static symo_status apply_label(const orbit *o, const orbit_label *l, void *const *state,
                               const curvature_step *step, symo_const_vector g, symo_const_vector u,
                               symo_vector out, spectrum_mean *mean, void *work) {
  switch (l->way) {
  case ORBIT_NORMS:
  case ORBIT_NUMBERS: apply_numbers(o, l, state, step, u, out, mean, work); break;
  case ORBIT_ROOTS:
    if (orbit_in_basis(l))
      symo_orbit_basis_apply(o, l, state, step, g, u, out, work);
    else
      symo_label_apply(o->plan, l->label, state[l->root], u, out, work);
    if (o->plan->centered) add_traces(o, l, state, step, mean);
    break;
  case ORBIT_POLAR: return apply_polar(o, l, step, u, out, mean, work);
  case ORBIT_DROPPED: apply_dropped(o, l, step, u, out, mean, work); break;
  }
  return SYMO_OK;
}

/* What a label leaves, so that sums over labels have one order whoever took which. */
typedef struct label_result {
  symo_status status;
  spectrum_mean mean;
} label_result;

size_t symo_orbit_apply_head(const orbit *o) {
  return orbit_round(o->num_labels * sizeof(label_result));
}

typedef struct apply_job {
  const orbit *o;
  void *const *state;
  const curvature_step *step;
  symo_const_vector g, u;
  symo_vector out;
  char *work;
} apply_job;

/* Tensors of one part lie in none of the others. */
static void apply_part(void *arg, size_t part, int worker) {
  const apply_job *j = arg;
  const orbit *o = j->o;
  label_result *results = (label_result *)(void *)j->work;
  char *work = (char *)curvature_work(j->step, j->work, worker) + o->head;
  symo_status status = SYMO_OK;
  for (size_t i = part > 0 ? o->part_end[part - 1] : 0; i < o->part_end[part]; i++) {
    const orbit_label *l = &o->labels[o->part_label[i]];
    label_result *r = &results[o->part_label[i]];
    *r = (label_result){.status = status};
    if (status == SYMO_OK && l->way != ORBIT_DROPPED)
      status = r->status = apply_label(o, l, j->state, j->step, j->g, j->u, j->out, &r->mean, work);
  }
}

/* Labels that need what the others say of the mean. */
static symo_status apply_rest(const apply_job *j) {
  const orbit *o = j->o;
  const label_result *results = (const label_result *)(const void *)j->work;
  symo_status status = SYMO_OK;
  spectrum_mean mean = {0, 0};
  for (size_t i = 0; i < o->num_labels && status == SYMO_OK; i++) {
    status = results[i].status;
    mean.sum += results[i].mean.sum;
    mean.number += results[i].mean.number;
  }
  for (size_t i = 0; i < o->num_labels && status == SYMO_OK; i++)
    if (o->labels[i].way == ORBIT_DROPPED)
      status = apply_label(o, &o->labels[i], j->state, j->step, j->g, j->u, j->out, &mean,
                           j->work + o->head);
  return status;
}

symo_status symo_orbit_apply(const void *self, void *const *state, const curvature_step *step,
                             symo_const_vector g, symo_const_vector u, symo_vector out,
                             void *work) {
  const orbit *o = self;
  const symo_layout *layout = o->plan->layout;
  for (size_t t = 0; t < layout->num_tensors; t++) {
    symo_nd to = symo_layout_view(layout, o->dtype, symo_vector_const(out), t);
    if (o->num_labels > 0)
      symo_nd_fill(0, to);
    else
      symo_nd_copy(1, symo_layout_view(layout, o->dtype, u, t), to);
  }
  apply_job j = {o, state, step, g, u, out, work};
  symo_pool_run(step->pool, o->num_parts, apply_part, &j);
  return apply_rest(&j);
}
