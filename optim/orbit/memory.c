/* Covariances with memory.
 *
 * C, or beta2-weighted sums of it, stands in lower triangles, in units s^2: vectors are taken in
 * over s, so that their squares neither overflow nor vanish.  s is 1, or for numbers far out a
 * power of two, which rounds nothing; a change of unit changes C to the new one.  A root is that of
 * C in units, and what it gives is to be multiplied by s^{-alpha}, s that of when the root was
 * taken. */
#include <math.h>

#include "optim/orbit/division.h"

/* Exponents of two that norms in units of their label may have, squares of which are then far from
 * both ends of the range; and those that units themselves may have. */
typedef struct unit_range {
  double low, high, most;
} unit_range;

static unit_range range_of(const orbit *o) {
  return o->dtype == SYMO_F32 ? (unit_range){-45, 50, 200} : (unit_range){-400, 480, 1000};
}

static double unit_of(const orbit *o, void *const *state, int entry, const orbit_label *l) {
  double most = range_of(o).most;
  if (entry == ORBIT_NO_ENTRY) return 1;
  double unit = ((const double *)state[entry])[l - o->labels];
  return unit >= ldexp(1, -(int)most) && unit <= ldexp(1, (int)most) ? unit : 1; /* 0: not yet */
}

double symo_orbit_unit(const orbit *o, void *const *state, const orbit_label *l) {
  return unit_of(o, state, o->units, l);
}

double symo_orbit_root_unit(const orbit *o, void *const *state, const orbit_label *l) {
  return unit_of(o, state, o->root_units, l);
}

curvature_step symo_orbit_in_units(const orbit *o, const curvature_step *step, double unit) {
  curvature_step now = *step;
  if (!o->relative && now.damping > 0) now.damping = now.damping / unit / unit;
  return now;
}

static double trace_of(const orbit *o, const orbit_label *l, const void *covariance) {
  size_t m = l->label->m;
  double sum = 0;
  for (size_t i = 0; i < l->label->count; i++)
    sum += symo_trace(o->dtype, m, symo_at(o->dtype, covariance, (ptrdiff_t)(i * m * m)));
  return sum;
}

/* The binary logarithm of the norm of all tensors that lie in the label, no less than that of its
 * coordinates. */
static double log_norm_of(const orbit *o, const orbit_label *l, symo_const_vector x,
                          const curvature_scale *scale) {
  double most = -INFINITY;
  for (size_t i = 0; i < l->label->num_pieces; i++)
    most = fmax(most, symo_orbit_log_norm(o, x, scale, l->label->pieces[i].tensor));
  return most + 0.5 * log2((double)l->label->num_pieces);
}

/* C times 2^exponent, in steps that the type can hold. */
static void shift(const orbit *o, size_t n, int exponent, void *c) {
  for (int step; exponent != 0; exponent -= step) {
    step = exponent > 100 ? 100 : exponent < -100 ? -100 : exponent;
    symo_scal(o->dtype, n, ldexp(1, step), c);
  }
}

/* The sum of C's eigenvalues, or where second moments may run ahead of it, of these. */
static double size_of(const orbit *o, const orbit_label *l, void *const *state) {
  double trace = trace_of(o, l, state[l->covariance]), sum = 0;
  if (!orbit_in_basis(l) || !symo_orbit_moments_ahead(o)) return trace;
  for (size_t i = 0; i < symo_orbit_moments_size(o, l); i++)
    sum += symo_get(o->dtype, state[l->moments], i);
  return fmax(trace, sum);
}

/* The unit in which both the covariance so far and x, of a norm of 2^all, can be held.  A look at
 * the trace settles it unless the numbers are far out. */
static double choose_unit(const orbit *o, const orbit_label *l, symo_const_vector x,
                          const curvature_scale *scale, double all, double eps,
                          void *const *state) {
  unit_range r = range_of(o);
  void *c = state[l->covariance];
  double unit = symo_orbit_unit(o, state, l), old = log2(unit);
  double kept =
      o->method.beta2 > 0 ? 0.5 * log2(o->method.beta2 * size_of(o, l, state)) : -INFINITY;
  if (all - old <= r.high && kept >= r.low && kept <= r.high) return unit;
  double want = fmax(kept, log_norm_of(o, l, x, scale) - old);
  if (eps > 0) want = fmax(want, 0.5 * log2(eps) - old); /* beside which less is nothing */
  if (!isfinite(want) || (want >= r.low && want <= r.high)) return unit;
  double to = fmin(fmax(round(old + want), -r.most), r.most);
  size_t m = l->label->m;
  if (kept > -INFINITY) {
    shift(o, l->label->count * m * m, (int)(2 * (old - to)), c);
    if (orbit_in_basis(l))
      shift(o, symo_orbit_moments_size(o, l), (int)(2 * (old - to)), state[l->moments]);
  }
  return ldexp(1, (int)to);
}

double symo_orbit_take_unit(const orbit *o, void *const *state, const orbit_label *l,
                            const curvature_step *step, symo_const_vector x,
                            const curvature_scale *scale, double all) {
  if (isnan(all)) all = log_norm_of(o, l, x, scale);
  double unit = choose_unit(o, l, x, scale, all, o->relative ? 0 : step->damping, state);
  ((double *)state[o->units])[l - o->labels] = unit;
  return unit;
}

typedef struct gram_job {
  const orbit *o;
  void *const *state;
  const curvature_step *step;
  symo_const_vector x;
  orbit_far far;
  void **spare;
  void *work;
} gram_job;

/* C of coordinates that come from several processes. */
static void take_gram_apart(const gram_job *j, const orbit_label *l, symo_const_vector x, double to,
                            double weight, bool cross, char *work) {
  const orbit *o = j->o;
  const plan_label *label = l->label;
  const symo_dtype t = o->dtype;
  const size_t m = label->m, rows = label->ambient, all = rows * m * label->count;
  char *y = work + symo_padded(all * symo_dtype_size(t)), *rest = y;
  if (cross) {
    arena scratch = {.base = rest += symo_padded(all * symo_dtype_size(t))};
    symo_label_gather(o->plan, label, j->step->theta, 0, orbit_first_rows(label), y, &scratch);
  }
  symo_orbit_gather(o, l, x, to, &j->far, work, rest);
  for (size_t i = 0; i < label->count; i++) {
    const ptrdiff_t at = (ptrdiff_t)(i * rows * m);
    const symo_mat a = symo_mat_dense(symo_at(t, work, at), rows, m);
    const symo_mat c =
        symo_mat_dense(symo_at(t, j->state[l->covariance], (ptrdiff_t)(i * m * m)), m, m);
    if (cross)
      symo_syr2k(t, weight, a, symo_mat_dense(symo_at(t, y, at), rows, m), o->method.beta2, c);
    else
      symo_syrk(t, weight, a, o->method.beta2, c);
  }
}

size_t symo_orbit_gram_work(const orbit *o, const orbit_label *l) {
  const size_t bytes = orbit_x_bytes(o, l->label);
  if (!l->apart) return symo_gram_work(o->plan, l->label, o->estimated);
  return (o->estimated ? 2 : 1) * bytes + symo_orbit_gather_bytes(o, l->label);
}

static void take_gram(void *arg, size_t index, int worker) {
  const gram_job *j = arg;
  const orbit *o = j->o;
  const symo_const_vector none = {0};
  const orbit_label *l = &o->labels[o->part_label[index]];
  double beta = o->method.beta2, weight = beta >= 1 ? 1 : 1 - beta;
  bool cross = o->method.estimator == SYMO_STEP_H_STAR;
  weight *= symo_orbit_estimated_weight(o, j->step);
  if (l->covariance == ORBIT_NO_ENTRY) return;
  const double to = log2(symo_orbit_unit(o, j->state, l));
  symo_const_vector x = symo_orbit_in(o, l->label, j->x, &j->step->x, to, j->spare);
  char *work = (char *)curvature_work(j->step, j->work, worker) + o->head;
  weight /= orbit_divisor(o, l->label);
  if (l->apart)
    take_gram_apart(j, l, x, to, weight, cross, work);
  else
    symo_label_gram(o->plan, l->label, weight, 1, x, 1, cross ? j->step->theta : none, beta,
                    j->state[l->covariance], work);
}

/* Labels that share tensors one after the other, as they take turns in the spare vector. */
static void take_part(void *arg, size_t part, int worker) {
  const gram_job *j = arg;
  for (size_t i = part > 0 ? j->o->part_end[part - 1] : 0; i < j->o->part_end[part]; i++)
    take_gram(arg, i, worker);
}

symo_status symo_orbit_accumulate(const void *self, void *const *state, const curvature_step *step,
                                  symo_const_vector x, void *work) {
  const orbit *o = self;
  const symo_layout *layout = o->plan->layout;
  const symo_const_vector none = {0};
  gram_job j = {.o = o, .state = state, .step = step, .x = x, .work = work};
  orbit_wide wide;
  double all = -INFINITY; /* of the norm */
  bool plain = true;
  if (o->units == ORBIT_NO_ENTRY) return SYMO_OK; /* without memory */
  if (o->division != NULL) {
    symo_orbit_widen(o, step, none, x, (symo_vector){0}, true, work, &wide);
    j.step = step = &wide.step;
    j.x = x = wide.x, j.far = wide.x_far;
  }
  j.spare = symo_orbit_spare(o, work);
  for (size_t t = 0; t < layout->num_tensors; t++) {
    all = fmax(all, symo_orbit_log_norm(o, x, &step->x, t));
    plain = plain && (step->x.stored == NULL || step->x.stored[t] == 0);
  }
  all += 0.5 * log2((double)layout->num_tensors);
  for (size_t i = 0; i < o->num_labels; i++)
    if (o->labels[i].covariance != ORBIT_NO_ENTRY && o->method.estimator != SYMO_STEP_H_STAR)
      plain = symo_orbit_take_unit(o, state, &o->labels[i], step, x, &step->x, all) == 1 && plain;
  if (plain)
    symo_pool_run(step->pool, o->num_parts > 0 ? o->part_end[o->num_parts - 1] : 0, take_gram, &j);
  else
    symo_pool_run(step->pool, o->num_parts, take_part, &j);
  return SYMO_OK;
}
