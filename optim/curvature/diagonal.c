/* Sign flips on every coordinate: C is the diagonal of second moments v, so this is Adam (Kingma
 * and Ba, arXiv 1412.6980, algorithm 1) when the direction is a corrected running mean m:
 *
 *     v <- (b v) + (1 - b) (g g),      out = u / (sqrt(v / (1 - b^n)) + eps),
 *
 * every operation rounded in this order to the type of the numbers, b^n and 1 - b in float64 first.
 * With the momentum u = m / (1 - b1^t) and the step p - lr out that is the textbook's recursion to
 * the last bit.  n counts the gradients taken in. */
#include "optim/curvature/elementwise.h"

#include <math.h>

#include "optim/damping/damping.h"
#include "optim/update/moments.h"

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (!symo_damping_is_constant(method->damping))
    return "eps is added to every root by itself: there is no trace to measure it by";
  return symo_elementwise_refuse(method);
}

static symo_status create(const curvature_task *task, void **self) {
  return symo_elementwise_create(task, "second moments", self);
}

static symo_state_entry entry(const void *self, size_t index) {
  return symo_elementwise_entry(self, index, "second");
}

static symo_status accumulate(const void *self, void *const *state, const curvature_step *step,
                              symo_const_vector x, void *work) {
  const elementwise *e = self;
  for (size_t t = 0; t < e->task.layout->num_tensors; t++)
    symo_update_squares(e->task.method->beta2, symo_elementwise_view(e, x, t),
                        symo_elementwise_dense(e, state[t], t));
  return SYMO_OK;
}

/* Averages stay below the largest square; sums are as large as they are. */
static double room(const void *self, void *const *state) {
  const elementwise *e = self;
  double range = symo_largest(e->task.dtype), most = 0;
  for (size_t t = 0; e->task.method->beta2 >= 1 && t < e->task.layout->num_tensors; t++)
    most = fmax(most, symo_nd_max_abs(symo_elementwise_dense(e, state[t], t)));
  return sqrt(fmax(range - most, 0));
}

static symo_status apply(const void *self, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const elementwise *e = self;
  const symo_method *m = e->task.method;
  double correction = symo_update_correction(m->beta2, step->updates, m->correction);
  for (size_t t = 0; t < e->task.layout->num_tensors; t++)
    symo_update_divide(m->alpha, correction, step->damping, symo_elementwise_view(e, u, t),
                       symo_elementwise_dense(e, state[t], t),
                       symo_elementwise_view(e, symo_vector_const(out), t));
  return SYMO_OK;
}

static double accumulate_flops(const void *self) {
  return 4 * (double)((const elementwise *)self)->task.layout->parameters;
}

const symo_curvature symo_curvature_diagonal = {
    .name = "diagonal",
    .elementwise = true,
    .takes_estimates = true,
    .summary = "second moments of every coordinate, as in Adam",
    .refuse = refuse,
    .create = create,
    .destroy = symo_elementwise_destroy,
    .num_entries = symo_elementwise_num_entries,
    .entry = entry,
    .work_bytes = symo_elementwise_work,
    .accumulate = accumulate,
    .room = room,
    .num_roots = symo_elementwise_roots,
    .parts = symo_elementwise_parts,
    .key = symo_elementwise_key,
    .apply = apply,
    .describe = symo_elementwise_describe,
    .accumulate_flops = accumulate_flops,
    .apply_flops = accumulate_flops,
};
