/* The orthogonal group on every axis: C is one number a tensor, |g|^2 (over its size with `mean`),
 * and with memory 0 and alpha = 1 the step is the normalised gradient.  What is kept is the root r
 * of C, in float64, so that squares neither overflow nor vanish:
 *
 *     r <- hypot(sqrt(b) r, sqrt(1 - b) |g|),      out = u (r^2 / (1 - b^n) + eps)^(-alpha / 2).
 *
 * r is a number times 2^unit; unit is 0 where neither end of float64 is near. */
#include "optim/curvature/elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optim/damping/damping.h"
#include "optim/update/moments.h"
#include "optim/update/update.h"

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  return symo_elementwise_refuse(method);
}

static symo_status create(const curvature_task *task, void **self) {
  return symo_elementwise_create(task, "one number a tensor", self);
}

/* One root for each tensor, and behind them the units of all. */
static size_t num_entries(const void *self) {
  return ((const elementwise *)self)->task.layout->num_tensors + 1;
}

static symo_state_entry entry(const void *self, size_t index) {
  const elementwise *e = self;
  symo_state_entry out = {.dtype = SYMO_F64};
  if (index == e->task.layout->num_tensors)
    return (symo_state_entry){"units", SYMO_F64, 1, {index}, NULL};
  snprintf(out.name, sizeof out.name, "%s.root", e->task.layout->tensors[index].name);
  return out;
}

static bool key(const void *self, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  const symo_layout *layout = ((const elementwise *)self)->task.layout;
  if (entry == layout->num_tensors) snprintf(key, CURVATURE_KEY, "%s", layout->tensors[index].name);
  return entry == layout->num_tensors;
}

/* Exponents between which a number and its squares are harmless. */
enum { NEAR = 300 };

static double *units_of(const elementwise *e, void *const *state) {
  return state[e->task.layout->num_tensors];
}

static symo_status accumulate(const void *self, void *const *state, const curvature_step *step,
                              symo_const_vector x, void *work) {
  const elementwise *e = self;
  const symo_method *m = e->task.method;
  double keep = sqrt(m->beta2), take = m->beta2 == 1 ? 1 : sqrt(1 - m->beta2);
  for (size_t t = 0; t < e->task.layout->num_tensors; t++) {
    int exponent;
    double norm = symo_update_far_norm(symo_elementwise_view(e, x, t), &exponent);
    double *r = state[t], *unit = &units_of(e, state)[t];
    exponent += curvature_stored(&step->x, t);
    if (m->mean) norm /= sqrt((double)e->task.layout->tensors[t].size);
    double size = fmax(log2(keep * *r) + *unit, log2(take * norm) + exponent);
    double to = fabs(size) <= NEAR ? 0 : isfinite(size) ? round(size) : *unit;
    *r = hypot(keep * ldexp(*r, (int)(*unit - to)), take * ldexp(norm, exponent - (int)to));
    *unit = to;
  }
  return SYMO_OK;
}

/* (r^2 + eps)^(-alpha/2), 0 where that has no value; the same in units. */
static double inverse_power(const symo_method *m, double r, double eps, double *unit) {
  const symo_damping *damping = m->damping;
  if (m->alpha == 0) return 1;
  if (damping != NULL && damping->relative) {
    r *= sqrt(1 + eps);
  } else if (eps > 0) {
    double to = fmax(*unit, round(0.5 * log2(eps)));
    r = hypot(ldexp(r, (int)(*unit - to)), ldexp(sqrt(eps), -(int)to));
    *unit = to;
  }
  return r > 0 ? pow(r, -m->alpha) : 0;
}

static symo_status apply(const void *self, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const elementwise *e = self;
  const symo_method *m = e->task.method;
  double correction = sqrt(symo_update_correction(m->beta2, step->updates, m->correction));
  for (size_t t = 0; t < e->task.layout->num_tensors; t++) {
    symo_nd to = symo_elementwise_view(e, symo_vector_const(out), t);
    int stored = curvature_stored(&step->x, t), level = curvature_level(&step->x, t);
    double unit = units_of(e, state)[t];
    double factor = inverse_power(m, *(const double *)state[t] / correction, step->damping, &unit);
    double left = level - m->alpha * unit; /* of the result, beside what is near 1 */
    if (step->out != NULL) {
      int own;
      factor = frexp(factor, &own);
      step->out[t] = left + own;
    } else {
      factor *= exp2(left);
    }
    double half = factor > 1e30 ? sqrt(factor) : 1; /* by itself it may be out of float32's range */
    symo_nd_shift(stored - level, symo_elementwise_view(e, u, t), to);
    symo_nd_copy(factor / half, to, to);
    if (half != 1) symo_nd_copy(half, to, to);
  }
  return SYMO_OK;
}

static double accumulate_flops(const void *self) {
  return 2 * (double)((const elementwise *)self)->task.layout->parameters;
}
static double apply_flops(const void *self) {
  return (double)((const elementwise *)self)->task.layout->parameters;
}

const symo_curvature symo_curvature_scalar = {
    .name = "scalar",
    .summary = "the norm of every tensor, as in normalised SGD",
    .refuse = refuse,
    .create = create,
    .destroy = symo_elementwise_destroy,
    .num_entries = num_entries,
    .entry = entry,
    .work_bytes = symo_elementwise_work,
    .accumulate = accumulate,
    .num_roots = symo_elementwise_roots,
    .parts = symo_elementwise_parts,
    .key = key,
    .apply = apply,
    .describe = symo_elementwise_describe,
    .accumulate_flops = accumulate_flops,
    .apply_flops = apply_flops,
};
