/* Steps lr H^{-1} u by an estimate H that sees the parameters theta, for all labels at once.
 *
 * With S_w the orbit covariance of theta now, X_theta'X_theta / n in every label, S_g that of past
 * vectors (memory.c), and every power of a matrix damped by eps times its largest eigenvalue over
 * all labels, X^p = U diag((eps s_max + s)^p) U':
 *
 *     h-pd    H^{-1} = S_w^{1/2} (S_w^{1/2} S_g S_w^{1/2})^{-1/2} S_w^{1/2}
 *             (arXiv 2606.00442, equation 10, as the library of its authors takes it);
 *     h-star  H^{-1} = |M|^{-1},  S_w M + M S_w = C  with S_w damped, C the memory of past vectors
 *             times the parameters at which they were taken, X'X_theta + X_theta'X over n.
 *
 * Momentum that is an average from zero is taken over 1 - b^t when it enters memory.  Centred, S_w
 * and S_g are zero on label 0, and H^{-1} is a number there.
 *
 * Check: one label, S_w = 4, S_g = 9, eps 0: h-pd 4 / sqrt(36) = 2/3 = 1 / H with H^2 S_w = S_g. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/spectrum.h"
#include "optim/orbit/division.h"

const char *symo_orbit_estimated_refuse(const symo_method *m) {
  if (m->alpha < 1 || m->alpha > 1) return "estimators h-pd and h-star invert H: alpha 1";
  if (!(m->beta2 > 0)) return "estimators h-pd and h-star keep averages: beta2 above 0";
  if (!m->mean) return "estimators h-pd and h-star are of means over the group: mean true";
  if (m->basis != SYMO_BASIS_NONE || m->skip_tolerance > 0 || m->cut > 0 || m->stale_floor > 0)
    return "estimators h-pd and h-star have no basis, skip_tolerance, cut or stale_floor";
  if (!m->solver->chooses && m->solver != &symo_solver_eigh)
    return "estimators h-pd and h-star need eigenvalues: solver eigh or auto";
  return NULL;
}

double symo_orbit_estimated_weight(const orbit *o, const curvature_step *step) {
  const symo_method *m = &o->method;
  bool biased = m->source == SYMO_SOURCE_MOMENTUM && m->momentum_ema && !m->momentum_correction;
  if (!o->estimated || !biased) return 1;
  double taken = 1 - pow(m->momentum, (double)step->t);
  return m->estimator == SYMO_STEP_H_PD ? 1 / (taken * taken) : 1 / taken;
}

/* The work space: a matrix and a second one for every member of every label, the eigenvalues of the
 * first or of the second, and scratch for one member. */
typedef struct estimate_parts {
  size_t second, values, scratch, all;
} estimate_parts;

static estimate_parts divide(const orbit *o) {
  size_t numbers = 0, rows = 0, scratch = 0, item = symo_dtype_size(o->dtype);
  for (size_t i = 0; i < o->num_labels; i++) {
    const plan_label *l = o->labels[i].label;
    if (o->labels[i].way != ORBIT_ROOTS || !o->labels[i].here) continue;
    size_t need[] = {symo_eigh_work(o->dtype, l->m), l->m * l->m * item,
                     symo_gram_work(o->plan, l, false)};
    for (int k = 0; k < 3; k++) scratch = need[k] > scratch ? need[k] : scratch;
    numbers += l->count * l->m * l->m;
    rows += l->count * l->m;
  }
  estimate_parts p = {.second = symo_padded(numbers * item)};
  p.values = 2 * p.second;
  p.scratch = p.values + symo_padded(rows * sizeof(double));
  p.all = p.scratch + symo_padded(scratch);
  return p;
}

size_t symo_orbit_estimate_work(const orbit *o) { return divide(o).all; }

/* One member in turn. */
typedef struct member {
  size_t label, number, m;
  void *first, *second, *scratch, *root;
  const void *memory;
  double *w;
  double unit; /* of the label over the largest, squared (h-pd) */
} member;

typedef struct estimate_job {
  const orbit *o;
  void *const *state;
  const curvature_step *step;
  double eps, top_w, top; /* largest eigenvalues: of S_w; of what is inverted */
  double theta_scale, largest_unit;
  curvature_report report;
} estimate_job;

static symo_status for_each_member(estimate_job *j, char *work,
                                   symo_status (*f)(estimate_job *j, const member *one)) {
  const orbit *o = j->o;
  estimate_parts p = divide(o);
  size_t at = 0, row = 0;
  for (size_t i = 0; i < o->num_labels; i++) {
    const orbit_label *l = &o->labels[i];
    if (l->way != ORBIT_ROOTS || !l->here) continue;
    double unit = symo_orbit_unit(o, j->state, l) / j->largest_unit;
    size_t m = l->label->m;
    for (size_t c = 0; c < l->label->count; c++, at += m * m, row += m) {
      ptrdiff_t own = (ptrdiff_t)(c * m * m);
      member one = {.label = i,
                    .number = c,
                    .m = m,
                    .first = symo_at(o->dtype, work, (ptrdiff_t)at),
                    .second = symo_at(o->dtype, work + p.second, (ptrdiff_t)at),
                    .scratch = work + p.scratch,
                    .root = symo_at(o->dtype, j->state[l->root], own),
                    .memory = symo_at(o->dtype, j->state[l->covariance], own),
                    .w = (double *)(void *)(work + p.values) + row,
                    .unit = unit * unit};
      symo_status status = f(j, &one);
      if (status != SYMO_OK) return status;
    }
  }
  return SYMO_OK;
}

/* w := (w + eps top)^power */
static void raise(const estimate_job *j, const member *one, double power, double top,
                  symo_spectrum_report *report) {
  const symo_spectrum s = {.power = power,
                           .eps = j->eps * top,
                           .tolerance = symo_rank_tolerance(j->o->dtype, one->m),
                           .floor = symo_epsilon(j->o->dtype)};
  symo_spectrum_power(&s, one->m, one->w, one->w, report);
}

/* a := b a b' or, transposed, b' a b. */
static void sandwich(const orbit *o, const member *one, const void *b, bool transpose, void *a) {
  size_t m = one->m;
  symo_mat left = symo_mat_dense((void *)(uintptr_t)b, m, m), x = symo_mat_dense(a, m, m);
  symo_mat s = symo_mat_dense(one->scratch, m, m);
  if (transpose) left = symo_mat_t(left);
  symo_gemm(o->dtype, 1, left, x, 0, s);
  symo_gemm(o->dtype, 1, s, symo_mat_t(left), 0, x);
  symo_symmetrize(o->dtype, m, a);
}

/* first := eigenvectors of S_w. */
static symo_status decompose(estimate_job *j, const member *one) {
  const orbit *o = j->o;
  const plan_label *l = o->labels[one->label].label;
  const symo_const_vector none = {0};
  if (one->number == 0)
    symo_label_gram(o->plan, l, 1 / orbit_divisor(o, l), j->theta_scale, j->step->theta, 1, none, 0,
                    one->first, one->scratch);
  if (!isfinite(symo_trace(o->dtype, one->m, one->first))) return SYMO_NO_CONVERGENCE;
  if (symo_eigh(o->dtype, one->m, one->first, one->w, one->scratch) != SYMO_OK)
    return SYMO_NO_CONVERGENCE;
  j->top_w = fmax(j->top_w, one->w[one->m - 1]);
  return SYMO_OK;
}

/* second := the memory, corrected. */
static bool load(const estimate_job *j, const member *one) {
  const orbit *o = j->o;
  size_t numbers = one->m * one->m;
  memcpy(one->second, one->memory, numbers * symo_dtype_size(o->dtype));
  symo_scal(o->dtype, numbers, symo_orbit_correction(o, j->step), one->second);
  symo_symmetrize(o->dtype, one->m, one->second);
  return isfinite(symo_trace(o->dtype, one->m, one->second));
}

/* first := S_w^{1/2}, second := eigenvectors of S_w^{1/2} S_g S_w^{1/2}. */
static symo_status join_pd(estimate_job *j, const member *one) {
  const orbit *o = j->o;
  raise(j, one, 0.5, j->top_w, NULL);
  symo_from_eigh(o->dtype, one->m, one->first, one->w, one->scratch, one->first);
  if (!load(j, one)) return SYMO_NO_CONVERGENCE;
  sandwich(o, one, one->first, false, one->second);
  if (symo_eigh(o->dtype, one->m, one->second, one->w, one->scratch) != SYMO_OK)
    return SYMO_NO_CONVERGENCE;
  for (size_t i = 0; i < one->m; i++) one->w[i] *= one->unit;
  j->top = fmax(j->top, one->w[one->m - 1]);
  return SYMO_OK;
}

/* second := eigenvectors of M, w the absolute values. */
static symo_status join_star(estimate_job *j, const member *one) {
  const orbit *o = j->o;
  size_t m = one->m;
  if (!load(j, one)) return SYMO_NO_CONVERGENCE;
  sandwich(o, one, one->first, false, one->second);
  raise(j, one, 1, j->top_w, NULL);
  for (size_t i = 0; i < m * m; i++) {
    double sum = one->w[i / m] + one->w[i % m];
    symo_put(o->dtype, one->second, i, sum > 0 ? symo_get(o->dtype, one->second, i) / sum : 0);
  }
  sandwich(o, one, one->first, true, one->second);
  if (symo_eigh(o->dtype, m, one->second, one->w, one->scratch) != SYMO_OK)
    return SYMO_NO_CONVERGENCE;
  for (size_t i = 0; i < m; i++) {
    one->w[i] = fabs(one->w[i]);
    j->top = fmax(j->top, one->w[i]);
  }
  return SYMO_OK;
}

/* The root: H^{-1} of one member. */
static symo_status finish(estimate_job *j, const member *one) {
  const orbit *o = j->o;
  bool pd = o->method.estimator == SYMO_STEP_H_PD;
  symo_spectrum_report report;
  raise(j, one, pd ? -0.5 : -1, j->top, &report);
  j->report.condition = fmax(j->report.condition, report.condition); /* NaN counts as none */
  j->report.effective_rank = fmin(j->report.effective_rank, report.effective_rank);
  if (pd)
    for (size_t i = 0; i < one->m; i++) one->w[i] *= sqrt(one->unit);
  symo_from_eigh(o->dtype, one->m, one->second, one->w, one->scratch, one->root);
  if (pd) sandwich(o, one, one->first, false, one->root);
  return SYMO_OK;
}

/* A power of two that brings parameters far from 1 near it. */
static double scale_of(const orbit *o, symo_const_vector theta) {
  double most = 0;
  int exponent = 0;
  for (size_t t = 0; t < o->plan->layout->num_tensors; t++)
    most = fmax(most, symo_nd_max_abs(symo_layout_view(o->plan->layout, o->dtype, theta, t)));
  if (isfinite(most)) frexp(most, &exponent); /* 0 of 0 */
  return abs(exponent) <= curvature_tame(o->dtype) ? 1 : ldexp(1, -exponent);
}

/* H^{-1} where S_w and S_g are zero. */
static double fixed_of(const estimate_job *j) {
  if (!(j->eps > 0) || !(j->top > 0)) return 0;
  if (j->o->method.estimator == SYMO_STEP_H_STAR) return 1 / (j->eps * j->top);
  return sqrt(j->eps) * j->top_w / sqrt(j->top) / j->largest_unit / j->theta_scale;
}

/* Units are powers of two up to 2^200, or 2^1000 (memory.c): beyond, the root is left as it was. */
static bool units_fit(const estimate_job *j) {
  double most = j->o->dtype == SYMO_F32 ? 200 : 1000;
  for (size_t i = 0; i < j->o->num_labels; i++) {
    const orbit_label *l = &j->o->labels[i];
    double exponent = log2(symo_orbit_unit(j->o, j->state, l)) + log2(j->theta_scale);
    if (l->way == ORBIT_ROOTS && l->here && fabs(exponent) > most) return false;
  }
  return true;
}

static void join_report(const orbit *o, curvature_report *report) {
  double worst[2] = {report->condition, -report->effective_rank};
  (void)symo_orbit_join(o, SYMO_OK, 2, worst);
  report->condition = worst[0], report->effective_rank = -worst[1];
}

symo_status symo_orbit_estimate(const orbit *o, void *const *state, const curvature_step *step,
                                curvature_report *report, void *work) {
  bool pd = o->method.estimator == SYMO_STEP_H_PD;
  estimate_job job = {.o = o,
                      .state = state,
                      .step = step,
                      .eps = step->damping,
                      .report = {.condition = NAN, .effective_rank = NAN}},
               *j = &job;
  symo_status status;
  j->theta_scale = pd ? scale_of(o, step->theta) : 1;
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].way == ORBIT_ROOTS && o->labels[i].here)
      j->largest_unit = fmax(j->largest_unit, symo_orbit_unit(o, state, &o->labels[i]));
  /* All processes have the largest of all, and fail where one fails. */
  (void)symo_orbit_join(o, SYMO_OK, 1, &j->largest_unit);
  status = for_each_member(j, work, decompose);
  status = symo_orbit_join(o, status, 1, &j->top_w);
  if (status == SYMO_OK) {
    status = for_each_member(j, work, pd ? join_pd : join_star);
    if (status == SYMO_OK && !units_fit(j)) status = SYMO_NO_CONVERGENCE;
    status = symo_orbit_join(o, status, 1, &j->top);
  }
  if (report != NULL) report->elsewhere = o->division != NULL && o->division->comm->rank > 0;
  if (status != SYMO_OK) return status;
  for_each_member(j, work, finish);
  join_report(o, &job.report);
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].way == ORBIT_ROOTS && o->labels[i].here)
      ((double *)state[o->root_units])[i] =
          symo_orbit_unit(o, state, &o->labels[i]) * j->theta_scale;
  *(double *)state[o->fixed] = fixed_of(j);
  if (report == NULL) return SYMO_OK;
  report->condition = job.report.condition, report->effective_rank = job.report.effective_rank;
  return SYMO_OK;
}
