/* The largest entry of every tensor: C is one number r^2,
 *
 *     r <- hypot(sqrt(b) r, sqrt(1 - b) max |g|),      out = u (r^2 / (1 - b^n) + eps)^(-alpha / 2) ,
 *
 * and without memory and with alpha = 1 every step changes the entry with the largest gradient by
 * lr.  A permutation of a tensor's entries, and a change of their signs, leaves C as it is.
 * Check: b 0, eps 0, alpha 1: g = (3, -4) gives (3/4, -1). */
#include <math.h>
#include <stdio.h>

#include "optim/curvature/elementwise.h"
#include "optim/damping/damping.h"
#include "optim/update/moments.h"

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (!symo_damping_is_constant(method->damping))
    return "the largest entry is no trace to measure eps by: damping constant";
  return symo_elementwise_refuse(method);
}

static symo_status create(const curvature_task *task, void **self) {
  return symo_elementwise_create(task, "one number a tensor", self);
}

/* r of every tensor, in float64: gradients of float32 and their squares are in its range. */
static size_t num_entries(const void *self) {
  return ((const elementwise *)self)->task.layout->num_tensors;
}

static symo_state_entry entry(const void *self, size_t index) {
  const elementwise *e = self;
  symo_state_entry out = {.dtype = SYMO_F64};
  snprintf(out.name, sizeof out.name, "%s.largest", e->task.layout->tensors[index].name);
  return out;
}

static symo_status accumulate(const void *self, void *const *state, const curvature_step *step,
                              symo_const_vector x, void *work) {
  const elementwise *e = self;
  const double b = e->task.method->beta2;
  for (size_t t = 0; t < e->task.layout->num_tensors; t++) {
    double *r = state[t], largest = symo_nd_max_abs(symo_elementwise_view(e, x, t));
    largest = ldexp(largest, curvature_stored(&step->x, t));
    *r = hypot(sqrt(b) * *r, (b == 1 ? 1 : sqrt(1 - b)) * largest);
  }
  return SYMO_OK;
}

/* u is brought to size 1 by a power of two, which rounds nothing.  What is left of the powers of
 * two is for the executor, so that no product is out of the range of the type. */
static symo_status apply(const void *self, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const elementwise *e = self;
  const symo_method *m = e->task.method;
  const double correction = symo_update_correction(m->beta2, step->updates, m->correction);
  for (size_t t = 0; t < e->task.layout->num_tensors; t++) {
    symo_nd to = symo_elementwise_view(e, symo_vector_const(out), t);
    const int level = curvature_level(&step->x, t), stored = curvature_stored(&step->x, t);
    int exponent;
    const double *kept = state[t];
    const double r = frexp(hypot(*kept / sqrt(correction), sqrt(step->damping)), &exponent);
    const double factor = m->alpha == 0 ? 1 : r > 0 ? pow(r, -m->alpha) : 0;
    const double left = level - m->alpha * exponent;
    symo_nd_shift(stored - level, symo_elementwise_view(e, u, t), to);
    symo_nd_copy(step->out != NULL ? factor : factor * exp2(left), to, to);
    if (step->out != NULL) step->out[t] = left;
  }
  return SYMO_OK;
}

static double flops(const void *self) {
  return (double)((const elementwise *)self)->task.layout->parameters;
}

const symo_curvature symo_curvature_largest = {
    .name = "largest",
    .summary = "the largest entry of every tensor",
    .refuse = refuse,
    .create = create,
    .destroy = symo_elementwise_destroy,
    .num_entries = num_entries,
    .entry = entry,
    .work_bytes = symo_elementwise_work,
    .accumulate = accumulate,
    .num_roots = symo_elementwise_roots,
    .apply = apply,
    .describe = symo_elementwise_describe,
    .accumulate_flops = flops,
    .apply_flops = flops,
};
