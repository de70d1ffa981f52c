/* Sophia (Liu et al. 2023, algorithm 3): with h an average of estimates of the diagonal of the
 * Hessian or of the Gauss-Newton matrix,
 *
 *     h <- b h + (1 - b) D,      out = clip(u / max(gamma h, eps), -1, 1),
 *
 * b = 1: h <- h + D.  Where h is not positive the direction is the sign of u. */
#include <math.h>

#include "optim/curvature/elementwise.h"
#include "optim/damping/damping.h"
#include "optim/update/moments.h"

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (!symo_damping_is_constant(method->damping)) return "eps is the least that is divided by";
  if (!(method->gamma > 0)) return "gamma, the scale of the curvature, must be above 0 (0.05, say)";
  if (method->alpha != 1) return "directions are divided by h and no power of it: alpha 1";
  return symo_elementwise_refuse(method);
}

static symo_status create(const curvature_task *task, void **self) {
  return symo_elementwise_create(task, "estimates of the diagonal", self);
}

static symo_state_entry entry(const void *self, size_t index) {
  return symo_elementwise_entry(self, index, "diagonal");
}

static symo_status accumulate(const void *self, void *const *state, const curvature_step *step,
                              symo_const_vector x, void *work) {
  const elementwise *e = self;
  for (size_t t = 0; t < e->task.layout->num_tensors; t++)
    symo_update_mean(e->task.method->beta2, symo_elementwise_view(e, x, t),
                     symo_elementwise_dense(e, state[t], t));
  return SYMO_OK;
}

static symo_status apply(const void *self, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const elementwise *e = self;
  const symo_method *m = e->task.method;
  double correction = symo_update_correction(m->beta2, step->updates, m->correction);
  for (size_t t = 0; t < e->task.layout->num_tensors; t++)
    symo_update_clipped(m->gamma / correction, step->damping, symo_elementwise_view(e, u, t),
                        symo_elementwise_dense(e, state[t], t),
                        symo_elementwise_view(e, symo_vector_const(out), t));
  return SYMO_OK;
}

static double flops(const void *self) {
  return 4 * (double)((const elementwise *)self)->task.layout->parameters;
}

const symo_curvature symo_curvature_clipped = {
    .name = "clipped",
    .elementwise = true,
    .takes_estimates = true,
    .needs_estimates = true,
    .summary =
        "estimates of the diagonal of the Hessian; directions over them, clipped, as in Sophia",
    .refuse = refuse,
    .create = create,
    .destroy = symo_elementwise_destroy,
    .num_entries = symo_elementwise_num_entries,
    .entry = entry,
    .work_bytes = symo_elementwise_work,
    .accumulate = accumulate,
    .num_roots = symo_elementwise_roots,
    .parts = symo_elementwise_parts,
    .key = symo_elementwise_key,
    .apply = apply,
    .describe = symo_elementwise_describe,
    .accumulate_flops = flops,
    .apply_flops = flops,
};
