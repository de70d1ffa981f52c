/* Steps: the direction by the roots of covariances kept, or by its own.
 *
 * Without memory a member X [n, m] of a label goes to X (X'X / n + eps I)^p, p = -alpha/2, which is
 * n^{alpha/2} X (X'X + n eps I)^p and therefore, up to a factor, what solvers call polar: from
 * whichever side is smaller.  Where X is one BLAS matrix as it lies, nothing is copied; f(X') is
 * f(X)', so a result that lies transposed is had by transposing X. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "optim/orbit/division.h"
#include "optim/solver/scaled.h"

/* What is known of the covariances so far, for the part of a centred plan that has none. */
typedef struct spectrum_mean {
  double sum, number;
} spectrum_mean;

/* C in the units of the mean. */
static void add_trace(spectrum_mean *mean, const plan_label *l, double trace) {
  mean->sum += (double)l->dim * trace;
  mean->number += (double)l->dim * (double)l->m;
}

/* value^power, zero for zero. */
static double power_of(const orbit_power *p, double value) {
  if (!(value > 0)) return 0;
  if (p->alpha == 1) return 1 / sqrt(value);
  return p->alpha == 2 ? 1 / value : pow(value, p->power);
}

/* The same by the solver of the method.  edge: of noise, in the unit of the root of value. */
static double factor_of(const orbit *o, const orbit_power *p, double value, double edge) {
  if (o->method.cut_reference != SYMO_CUT_NOISE || !(value > 0))
    return p->number * power_of(p, value);
  const symo_solver *solver = o->method.solver->chooses ? &symo_solver_eigh : o->method.solver;
  const solver_options options = symo_orbit_options(o, p, 0, edge);
  return solver->number(&options, value) * power_of(p, value);
}

/* ---- labels that numbers scale ---- */

/* sum of squares without overflow on the way, if the result is in range. */
static double square_norm(const orbit *o, size_t n, const void *x) {
  double norm = symo_nrm2(o->dtype, n, x);
  return norm * norm;
}

/* In two steps where float32 may not hold the factor, but does hold the result. */
static void multiply(const orbit *o, size_t n, double factor, void *x) {
  bool large = o->dtype == SYMO_F32 && (factor > 1e18 || (factor < 1e-30 && factor > 0));
  symo_scal(o->dtype, n, large ? sqrt(factor) : factor, x);
  if (large) symo_scal(o->dtype, n, sqrt(factor), x);
}

/* Members that are single numbers, as with sign flips on all coordinates: x by c (or its square, c
 * NULL), corrected or over the divisor.  Returns the sum of all C. */
static double scale_f64(const orbit *o, const orbit_power *p, const curvature_step *step, size_t n,
                        double scale, double back, double edge, const double *c, double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double trace = scale * (c != NULL ? c[i] : x[i] * x[i]);
    x[i] *= back * factor_of(o, p, trace + symo_orbit_damping(o, step, trace, 1), edge);
    sum += trace;
  }
  return sum;
}

static double scale_f32(const orbit *o, const orbit_power *p, const curvature_step *step, size_t n,
                        double scale, double back, double edge, const float *c, float *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double old = (double)x[i], trace = scale * (c != NULL ? (double)c[i] : old * old);
    x[i] =
        (float)(old * back * factor_of(o, p, trace + symo_orbit_damping(o, step, trace, 1), edge));
    sum += trace;
  }
  return sum;
}

/* What apply has at hand.  The result is to be taken times 2^to; of a label, as its power is. */
typedef struct apply_job {
  const orbit *o;
  const orbit_power *power; /* of the label */
  void *const *state;
  const curvature_step *step;
  orbit_vectors v;
  double level;       /* of all, where results are not taken as they are, else 0 */
  double to, mean_to; /* the mean of C is in units of 2^(2 mean_to) */
  void **spare;
  const orbit_noise *noise;
  char *work;
  size_t first;    /* number of the part that is task 0 */
  symo_pool *pool; /* for the products of one label; NULL in tasks */
} apply_job;

/* Where nothing is kept C is made of the vector itself, which is taken in the unit 2^level, of its
 * own size or not too far below that of eps. */
static double own_level(const apply_job *j, const orbit_label *l) {
  double level = symo_orbit_level(j->o, l->label, &j->step->x, 0), eps = j->step->damping;
  double apart = j->o->dtype == SYMO_F32 ? 50 : 400;
  return eps > 0 && !j->o->relative ? fmax(level, round(0.5 * log2(eps) - apart)) : level;
}

/* Every member of X by a number of its own: of its covariance, or, without memory, of its norm. */
static void apply_numbers(const apply_job *j, const orbit_label *l, spectrum_mean *mean,
                          char *work) {
  const orbit *o = j->o;
  const plan_label *label = l->label;
  const void *covariance = l->covariance != ORBIT_NO_ENTRY ? j->state[l->covariance] : NULL;
  const double alpha = j->power->alpha;
  double level = covariance != NULL ? log2(symo_orbit_unit(o, j->state, l)) : own_level(j, l);
  /* With memory the power of the unit goes into the vector, which is linear in the result. */
  double in = covariance != NULL ? alpha * level + j->to : level;
  double back = covariance != NULL ? 1 : exp2((1 - alpha) * level - j->to);
  double squares = exp2(2 * (level - j->mean_to));
  double edge = symo_orbit_edge(o, label, j->noise, level) / sqrt(orbit_divisor(o, label));
  const curvature_step now = symo_orbit_in_units(o, j->step, exp2(level)), *step = &now;
  size_t size = orbit_member_size(label), n = label->count;
  char *rest = work + orbit_x_bytes(o, label);
  double scale = covariance != NULL ? symo_orbit_correction(o, step) : 1 / orbit_divisor(o, label);
  symo_orbit_gather(o, l, symo_orbit_in(o, label, j->v.u, &j->step->x, in, j->spare), in,
                    &j->v.u_far, work, rest);
  if (size == 1) {
    void *x = work;
    double sum = o->dtype == SYMO_F32
                     ? scale_f32(o, j->power, step, n, scale, back, edge, covariance, x)
                     : scale_f64(o, j->power, step, n, scale, back, edge, covariance, x);
    mean->sum += (double)label->dim * sum * squares;
    mean->number += (double)label->dim * (double)n;
  }
  for (size_t i = 0; size > 1 && i < n; i++) {
    void *x = symo_at(o->dtype, work, (ptrdiff_t)(i * size));
    /* A covariance of one row X has the one eigenvalue that counts, its trace. */
    double trace =
        scale * (covariance != NULL ? symo_get(o->dtype, covariance, i) : square_norm(o, size, x));
    double damped = trace + symo_orbit_damping(o, step, trace, label->m);
    multiply(o, size, back * factor_of(o, j->power, damped, edge), x);
    add_trace(mean, label, trace * squares);
  }
  symo_orbit_scatter(o, l, work, j->v.out, &j->v.u_far, rest);
}

/* The part that has no covariance, by the mean of those of the others: by one number, so that every
 * tensor may keep a unit of its own. */
static void apply_dropped(const apply_job *j, const orbit_label *l, const spectrum_mean *mean,
                          char *work) {
  const orbit *o = j->o;
  const plan_label *label = l->label;
  double value = mean->number > 0 ? mean->sum / mean->number : 0;
  const curvature_step now = symo_orbit_in_units(o, j->step, exp2(j->mean_to));
  double in = o->method.alpha * j->mean_to + (j->step->out != NULL ? 0 : j->to);
  symo_const_vector u =
      symo_orbit_in_own(o, label, j->v.u, &j->step->x, in, j->step->out, j->spare);
  double factor = o->estimated ? *(const double *)j->state[o->fixed] * exp2(j->mean_to)
                               : power_of(&o->own, value + symo_orbit_damping(o, &now, value, 1));
  for (size_t p = 0; p < label->num_pieces; p++) {
    plan_piece piece;
    const plan_label one = symo_orbit_piece(label, p, &piece);
    arena scratch = {.base = work + orbit_x_bytes(o, &one)};
    if (!symo_orbit_has(o, piece.tensor)) continue;
    symo_label_gather(o->plan, &one, u, 0, orbit_first_rows(&one), work, &scratch);
    multiply(o, orbit_size(&one), factor, work);
    symo_label_scatter(o->plan, &one, work, j->v.out, &scratch);
  }
}

/* By roots, of coordinates that come from several processes. */
static void apply_roots_apart(const apply_job *j, const orbit_label *l, double in, char *work) {
  const orbit *o = j->o;
  const symo_dtype t = o->dtype;
  const size_t rows = l->label->ambient, m = l->label->m, bytes = orbit_x_bytes(o, l->label);
  char *y = work + bytes, *rest = y + bytes;
  symo_orbit_gather(o, l, symo_orbit_in(o, l->label, j->v.u, &j->step->x, in, j->spare), in,
                    &j->v.u_far, work, rest);
  for (size_t i = 0; i < l->label->count; i++) {
    const ptrdiff_t at = (ptrdiff_t)(i * rows * m);
    void *root = symo_at(t, j->state[l->root], (ptrdiff_t)(i * m * m));
    symo_gemm(t, 1, symo_mat_dense(symo_at(t, work, at), rows, m), symo_mat_dense(root, m, m), 0,
              symo_mat_dense(symo_at(t, y, at), rows, m));
  }
  symo_orbit_scatter(o, l, y, j->v.out, &j->v.u_far, rest);
}

/* ---- the smaller side ---- */

static symo_status polar_of(const symo_solver *solver, const solver_options *options, symo_mat x,
                            void *y, solver_report *report, void *work) {
  if (solver->polar != NULL) return solver->polar(options, x, y, report, work);
  return symo_polar_by_root(solver, options, x, y, report, work);
}

static size_t polar_bytes(const orbit *o, const symo_solver *s, size_t rows, size_t cols) {
  return symo_padded(s->polar != NULL ? s->polar_work(o->dtype, rows, cols)
                                      : symo_polar_by_root_work(s, o->dtype, rows, cols));
}

static symo_status apply_polar(const apply_job *j, const orbit_label *l, spectrum_mean *mean,
                               char *work) {
  const orbit *o = j->o;
  const plan_label *label = l->label;
  symo_dtype t = o->dtype;
  size_t size = orbit_member_size(label), bytes = orbit_x_bytes(o, label);
  const double alpha = j->power->alpha, divisor = orbit_divisor(o, label);
  const double level = own_level(j, l), squares = exp2(2 * (level - j->mean_to));
  const double edge = symo_orbit_edge(o, label, j->noise, level);
  const double back = pow(divisor, alpha / 2) * exp2((1 - alpha) * level - j->to);
  const curvature_step now = symo_orbit_in_units(o, j->step, exp2(level));
  symo_const_vector u = symo_orbit_in(o, label, j->v.u, &j->step->x, level, j->spare);
  char *y = work + bytes, *rest = y + bytes;
  void *to = NULL;
  symo_mat x;
  solver_report report;
  bool norms = o->relative || o->plan->centered;
  if (!norms && !l->apart && symo_orbit_as_matrices(o, l, u, j->v.out, &x, &to)) {
    solver_options options = symo_orbit_options(o, j->power, now.damping * divisor, edge);
    options.pool = j->pool;
    symo_status status = polar_of(l->solver, &options, x, to, &report, rest);
    if (status == SYMO_OK && back != 1) symo_scal(t, size, back, to);
    return status;
  }
  const orbit_room room = {j->pool, j->step, j->work, rest};
  const bool together = j->pool != NULL && !l->apart;
  if (together)
    symo_orbit_gather_by(o, label, &room, u, work);
  else
    symo_orbit_gather(o, l, u, level, &j->v.u_far, work, rest);
  for (size_t i = 0; i < label->count; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * size);
    double square = norms ? square_norm(o, size, symo_at(t, work, at)) : 0;
    double eps = symo_orbit_damping(o, &now, square / divisor, label->m) * divisor;
    solver_options options = symo_orbit_options(o, j->power, eps, edge);
    options.pool = j->pool;
    x = symo_mat_dense(symo_at(t, work, at), label->ambient, label->m);
    add_trace(mean, label, square / divisor * squares);
    symo_status status = polar_of(l->solver, &options, x, symo_at(t, y, at), &report, rest);
    if (status != SYMO_OK) return status;
  }
  if (back != 1) symo_scal(t, label->count * size, back, y);
  if (together)
    symo_orbit_scatter_by(o, label, &room, y, j->v.out);
  else
    symo_orbit_scatter(o, l, y, j->v.out, &j->v.u_far, rest);
  return SYMO_OK;
}

/* ---- all labels ---- */

static size_t largest_piece(const orbit *o, const plan_label *l) {
  size_t most = 0;
  for (size_t p = 0; p < l->num_pieces; p++) {
    plan_piece piece;
    const plan_label one = symo_orbit_piece(l, p, &piece);
    if (symo_orbit_has(o, piece.tensor) && orbit_x_bytes(o, &one) > most)
      most = orbit_x_bytes(o, &one);
  }
  return most;
}

size_t symo_orbit_apply_work(const orbit *o, const orbit_label *l) {
  const plan_label *label = l->label;
  size_t rest = symo_orbit_gather_bytes(o, label), bytes = orbit_x_bytes(o, label);
  if (!l->here || l->way == ORBIT_DROPPED) return largest_piece(o, label) + rest;
  if (orbit_in_basis(l)) return symo_orbit_basis_work(o, l);
  if (l->way == ORBIT_ROOTS) return l->apart ? 2 * bytes + rest : symo_apply_work(o->plan, label);
  if (l->way != ORBIT_POLAR) return bytes + rest;
  size_t solver = polar_bytes(o, l->solver, label->ambient, label->m);
  size_t other = polar_bytes(o, l->solver, label->m, label->ambient); /* where it lies transposed */
  solver = other > solver ? other : solver;
  return 2 * bytes + (solver > rest ? solver : rest);
}

static double trace_of(const orbit *o, const orbit_label *l, void *const *state) {
  size_t m = l->label->m;
  double sum = 0;
  for (size_t i = 0; i < l->label->count; i++)
    sum += symo_trace(o->dtype, m, symo_at(o->dtype, state[l->covariance], (ptrdiff_t)(i * m * m)));
  return sum;
}

/* The traces of all members. */
static void add_traces(const apply_job *j, const orbit_label *l, spectrum_mean *mean) {
  const orbit *o = j->o;
  double unit = exp2(2 * (log2(symo_orbit_unit(o, j->state, l)) - j->mean_to));
  mean->sum +=
      (double)l->label->dim * symo_orbit_correction(o, j->step) * unit * trace_of(o, l, j->state);
  mean->number += (double)l->label->dim * (double)(l->label->m * l->label->count);
}

/* Whether a tensor lies in nothing but what is dropped. */
static bool is_dropped(const orbit *o, size_t tensor) {
  for (size_t i = 0; i < o->num_labels; i++)
    for (size_t p = 0; o->labels[i].way != ORBIT_DROPPED && p < o->labels[i].label->num_pieces; p++)
      if (o->labels[i].label->pieces[p].tensor == tensor) return false;
  return true;
}

/* The power of two in which a result with this power is left. */
static double to_of(const apply_job *j, const orbit_power *p) { return (1 - p->alpha) * j->level; }

/* That of a tensor. */
static double left_of(const apply_job *j, size_t tensor) {
  const curvature_scale *x = &j->step->x;
  orbit_power room;
  const double to = to_of(j, symo_orbit_power_of(j->o, j->state, tensor, &room));
  int level = x->level != NULL ? x->level[tensor] : 0;
  bool own = j->o->plan->centered && level != CURVATURE_ZERO &&
             level - j->o->method.alpha * j->mean_to != to && is_dropped(j->o, tensor);
  return own ? level - j->o->method.alpha * j->mean_to : to;
}

/* The exponent of the unit in which the mean of all C can be held. */
static double mean_level(const orbit *o, void *const *state, const curvature_step *step) {
  double most = -INFINITY;
  if (!o->plan->centered) return 0;
  if (o->estimated) { /* the factor times 2^level is near 1 */
    double level = -round(log2(*(const double *)state[o->fixed]));
    return isfinite(level) ? level : 0;
  }
  for (size_t i = 0; i < o->num_labels; i++) {
    const orbit_label *l = &o->labels[i];
    if (o->units == ORBIT_NO_ENTRY && l->way != ORBIT_DROPPED)
      most = fmax(most, symo_orbit_level(o, l->label, &step->x, -INFINITY));
    if (l->covariance != ORBIT_NO_ENTRY && trace_of(o, l, state) > 0)
      most = fmax(most, log2(symo_orbit_unit(o, state, l)));
  }
  if (step->damping > 0 && !o->relative) most = fmax(most, round(0.5 * log2(step->damping)));
  return isfinite(most) ? most : 0;
}

static symo_status apply_label(const apply_job *all, const orbit_label *l, spectrum_mean *mean,
                               char *work) {
  const orbit *o = all->o;
  orbit_power room;
  apply_job job = *all, *j = &job;
  job.power = symo_orbit_power_of(o, j->state, l->label->pieces[0].tensor, &room);
  job.to = to_of(j, job.power);
  switch (l->way) {
  case ORBIT_NORMS:
  case ORBIT_NUMBERS: apply_numbers(j, l, mean, work); break;
  case ORBIT_ROOTS:
    if (orbit_in_basis(l)) {
      symo_orbit_basis_apply(o, l, j->state, j->step, &j->v, j->to, j->spare, work);
    } else {
      double in = o->method.alpha * log2(symo_orbit_root_unit(o, j->state, l)) + j->to;
      if (l->apart)
        apply_roots_apart(j, l, in, work);
      else
        symo_label_apply(o->plan, l->label, j->state[l->root],
                         symo_orbit_in(o, l->label, j->v.u, &j->step->x, in, j->spare), j->v.out,
                         work);
    }
    if (o->plan->centered) add_traces(j, l, mean);
    break;
  case ORBIT_POLAR: return apply_polar(j, l, mean, work);
  case ORBIT_DROPPED: apply_dropped(j, l, mean, work); break;
  }
  return SYMO_OK;
}

/* What a label leaves, so that sums over labels have one order whoever took which. */
typedef struct label_result {
  symo_status status;
  spectrum_mean mean;
} label_result;

/* In front of the work space: one vector to bring others near 1, results, and noise. */
static size_t results_bytes(const orbit *o) {
  return symo_padded(o->num_labels * sizeof(label_result));
}
size_t symo_orbit_apply_head(const orbit *o) {
  return symo_orbit_spare_bytes(o) + results_bytes(o) + symo_orbit_noise_bytes(o) +
         symo_orbit_division_bytes(o);
}

static label_result *results_of(const apply_job *j) {
  return (label_result *)(void *)(j->work + symo_orbit_spare_bytes(j->o));
}

/* Tensors of one part lie in none of the others. */
static void apply_part(void *arg, size_t index, int worker) {
  const apply_job *j = arg;
  const size_t part = j->first + index;
  const orbit *o = j->o;
  label_result *results = results_of(j);
  char *work = (char *)curvature_work(j->step, j->work, worker) + o->head;
  symo_status status = SYMO_OK;
  for (size_t i = part > 0 ? o->part_end[part - 1] : 0; i < o->part_end[part]; i++) {
    const orbit_label *l = &o->labels[o->part_label[i]];
    label_result *r = &results[o->part_label[i]];
    *r = (label_result){.status = status};
    if (status == SYMO_OK && l->here) status = r->status = apply_label(j, l, &r->mean, work);
  }
}

/* The parts that all threads take together.  BLAS has one thread in each of them, here too. */
static void apply_shared(apply_job *j) {
  const int blas = symo_get_threads();
  if (j->step->pool == NULL || j->o->num_shared == 0) return;
  if (blas > 1) (void)symo_set_threads(1);
  j->pool = j->step->pool;
  for (size_t k = 0; k < j->o->num_shared; k++) apply_part(j, k, 0);
  j->pool = NULL;
  j->first = j->o->num_shared;
  if (blas > 1) (void)symo_set_threads(blas);
}

/* The result of a tensor, before labels add to it. */
static void clear_tensor(void *arg, size_t t, int worker) {
  const apply_job *j = arg;
  const orbit *o = j->o;
  (void)worker;
  if (symo_orbit_has(o, t))
    symo_nd_fill(0, symo_layout_view(o->plan->layout, o->dtype, symo_vector_const(j->v.out), t));
}

/* The mean over the labels of all processes, in a unit that all of them have. */
static symo_status combine(apply_job *j, symo_status status, spectrum_mean *mean) {
  const symo_layout *layout = j->o->plan->layout;
  curvature_common common = {status != SYMO_OK, mean->sum, mean->number, j->mean_to};
  curvature_combine(j->step, &common);
  *mean = (spectrum_mean){common.sum, common.number};
  j->mean_to = common.level;
  for (size_t t = 0; t < layout->num_tensors && j->step->out != NULL && j->o->num_labels > 0; t++)
    j->step->out[t] = left_of(j, t);
  return status == SYMO_OK && common.failed > 0 ? SYMO_NO_CONVERGENCE : status;
}

/* Labels that need what the others say of the mean. */
static symo_status apply_rest(apply_job *j, const orbit_wide *wide) {
  const orbit *o = j->o;
  const label_result *results = results_of(j);
  symo_status status = SYMO_OK;
  spectrum_mean mean = {0, 0};
  for (size_t i = 0; i < o->num_labels && status == SYMO_OK; i++) {
    status = results[i].status;
    mean.sum += results[i].mean.sum;
    mean.number += results[i].mean.number;
  }
  if (j->step->combine != NULL && status >= 0) status = combine(j, status, &mean);
  if (status == SYMO_OK && wide != NULL) symo_orbit_return(o, wide);
  for (size_t i = 0; i < o->num_labels && status == SYMO_OK; i++)
    if (o->labels[i].way == ORBIT_DROPPED)
      status = apply_label(j, &o->labels[i], &mean, j->work + o->head);
  return status;
}

symo_status symo_orbit_apply(const void *self, void *const *state, const curvature_step *step,
                             symo_const_vector g, symo_const_vector u, symo_vector out,
                             void *work) {
  const orbit *o = self;
  const symo_layout *layout = o->plan->layout;
  const bool scaled = step->out != NULL, divided = o->division != NULL;
  double *left = step->out;
  orbit_wide wide;
  if (divided) {
    symo_orbit_widen(o, step, g, u, out, symo_orbit_moments_ahead(o), work, &wide);
    step = &wide.step, g = wide.g, u = wide.x, out = wide.out;
  }
  apply_job j = {
      .o = o, .state = state, .step = step, .v = {.g = g, .u = u, .out = out}, .work = work};
  if (divided) j.v.g_far = wide.g_far, j.v.u_far = wide.x_far;
  if (o->num_labels > 0) {
    j.spare = symo_orbit_spare(o, work);
    orbit_noise *noise = (void *)((char *)work + symo_orbit_spare_bytes(o) + results_bytes(o));
    symo_orbit_noise(o, step, g, u, noise);
    if (divided && symo_orbit_noise_bytes(o) > 0) symo_orbit_join_noise(o, noise, work);
    j.noise = noise;
  }
  if (scaled) j.level = symo_orbit_level_of_all(o, &step->x);
  j.mean_to = mean_level(o, state, step);
  for (size_t t = 0; t < layout->num_tensors; t++) {
    if (scaled && o->num_labels > 0) step->out[t] = left_of(&j, t);
    if (!symo_orbit_has(o, t)) continue;
    if (o->num_labels > 0) continue;
    symo_nd_copy(1, symo_layout_view(layout, o->dtype, u, t),
                 symo_layout_view(layout, o->dtype, symo_vector_const(out), t));
    if (scaled) step->out[t] = curvature_stored(&step->x, t);
  }
  if (o->num_labels > 0) {
    memset(results_of(&j), 0, o->num_labels * sizeof(label_result)); /* those in no part too */
    symo_pool_run(step->pool, layout->num_tensors, clear_tensor, &j);
    apply_shared(&j);
    symo_pool_run(step->pool, o->num_parts - j.first, apply_part, &j);
  }
  const symo_status status = apply_rest(&j, divided ? &wide : NULL);
  for (size_t k = 0; divided && scaled && k < o->division->num_own; k++)
    left[k] = step->out[o->division->own[k]];
  return status;
}
