/* The memory of a tensor stands in units 2^e: factors and second moments in squares of them, so
 * that neither overflows or vanishes.  e is 0 for numbers that are not far out; a change of unit
 * turns memory to the new one, which rounds nothing.  Roots are those of factors in units, and are
 * remembered with the unit that they were taken in. */
#include <math.h>

#include "optim/per_axis/per_axis.h"
#include "optim/update/update.h"

/* Binary exponents that norms in units may have, squares of which are then far from both ends of
 * the range; and how far below the root of eps a unit may be. */
typedef struct unit_range {
  double low, high, below_eps;
} unit_range;

static unit_range range_of(const per_axis *p) {
  return p->dtype == SYMO_F32 ? (unit_range){-45, 50, 50} : (unit_range){-400, 480, 400};
}

static double entry_of(void *const *state, int entry, size_t index) {
  double unit = entry >= 0 ? ((const double *)state[entry])[index] : 0;
  return fabs(unit) <= 2000 ? nearbyint(unit) : 0;
}

double symo_axis_unit(const per_axis *p, void *const *state, size_t tensor) {
  return entry_of(state, p->units, tensor);
}

double symo_axis_root_unit(const per_axis *p, void *const *state, size_t axis) {
  return entry_of(state, p->root_units, axis);
}

/* The least exponent with which eps is no hindrance.  With a basis eps is added to the power alpha
 * of a norm, else to its square. */
static double least_unit(const per_axis *p, const curvature_step *step) {
  double degree = p->basis ? p->method.alpha : 2;
  if (!(step->damping > 0) || p->relative || degree == 0) return -INFINITY;
  return round(log2(step->damping) / degree - range_of(p).below_eps);
}

double symo_axis_level(const per_axis *p, const curvature_step *step, const curvature_scale *scale,
                       size_t tensor) {
  double level = scale->level != NULL ? scale->level[tensor] : 0;
  if (level == CURVATURE_ZERO) return curvature_stored(scale, tensor);
  return p->method.beta2 == 0 ? fmax(level, least_unit(p, step)) : level;
}

double symo_axis_damping(const per_axis *p, const curvature_step *step, double unit) {
  return step->damping > 0 ? step->damping * exp2(-unit) : 0;
}

static void shift(const per_axis *p, void *const *state, size_t tensor, int by) {
  const axis_tensor *t = &p->tensors[tensor];
  for (size_t i = t->first; i < t->first + t->num; i++) {
    size_t n = p->axes[i].dim * p->axes[i].dim;
    symo_nd factor = symo_nd_dense(p->dtype, state[p->axes[i].factor], 1, &n);
    symo_nd_shift(2 * by, factor, factor);
  }
  if (!p->basis) return;
  symo_nd m = symo_axis_dense(p, state[t->moment], tensor);
  symo_nd v = symo_axis_dense(p, state[t->second], tensor);
  symo_nd_shift(by, m, m);
  symo_nd_shift(2 * by, v, v);
}

/* The binary logarithm of the root of what memory holds, in units. */
static double kept_of(const per_axis *p, void *const *state, size_t tensor) {
  const axis_tensor *t = &p->tensors[tensor];
  double most = 0;
  for (size_t i = t->first; i < t->first + t->num; i++)
    most = fmax(most, symo_trace(p->dtype, p->axes[i].dim, state[p->axes[i].factor]));
  if (p->basis)
    most =
        fmax(most, symo_nd_max_abs(symo_axis_dense(p, state[t->second], tensor)) * (double)t->size);
  return 0.5 * log2(p->method.beta2 * most);
}

void symo_axis_take_unit(const per_axis *p, void *const *state, const curvature_step *step,
                         size_t tensor, symo_const_vector x, const curvature_scale *scale) {
  double *unit = (double *)state[p->units] + tensor, old = symo_axis_unit(p, state, tensor);
  int level = scale->level != NULL ? scale->level[tensor] : 0, exponent;
  unit_range r = range_of(p);
  if (level == 0 && old == 0 && scale->level != NULL) return; /* nothing is far out, nor was */
  double norm = symo_update_far_norm(symo_axis_view(p, x, tensor), &exponent);
  double now = log2(norm) + exponent + curvature_stored(scale, tensor) - old;
  double want = fmax(kept_of(p, state, tensor), now);
  want = fmax(want, least_unit(p, step) - old);
  if (!isfinite(want) || (want >= r.low && want <= r.high)) {
    *unit = old;
    return;
  }
  double to = fabs(old + want) <= -r.low ? 0 : round(old + want);
  shift(p, state, tensor, (int)(old - to));
  *unit = to;
}
