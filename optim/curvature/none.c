/* No curvature: the direction is the step, as in SGD. */
#include "optim/curvature/elementwise.h"

#include "optim/damping/damping.h"

static const char *refuse(const symo_method *method, const symo_layout *layout) {
  if (method->alpha != 0) return "without curvature there is nothing to take to a power: alpha = 0";
  if (!symo_damping_is_constant(method->damping) || method->eps != 0)
    return "without curvature there is nothing to damp: damping constant, eps 0";
  return symo_elementwise_refuse(method);
}

static symo_status create(const curvature_task *task, void **self) {
  return symo_elementwise_create(task, "nothing kept", self);
}

static size_t num_entries(const void *self) { return 0; }
static symo_state_entry entry(const void *self, size_t index) {
  return (symo_state_entry){.dtype = SYMO_ANY};
}

static symo_status apply(const void *self, void *const *state, const curvature_step *step,
                         symo_const_vector g, symo_const_vector u, symo_vector out, void *work) {
  const elementwise *e = self;
  for (size_t t = 0; t < e->task.layout->num_tensors; t++) {
    symo_nd_copy(1, symo_elementwise_view(e, u, t),
                 symo_elementwise_view(e, symo_vector_const(out), t));
    if (step->out != NULL) step->out[t] = curvature_stored(&step->x, t);
  }
  return SYMO_OK;
}

static double apply_flops(const void *self) { return 0; }

const symo_curvature symo_curvature_none = {
    .name = "none",
    .identity = true,
    .summary = "the direction as it is",
    .refuse = refuse,
    .create = create,
    .destroy = symo_elementwise_destroy,
    .num_entries = num_entries,
    .entry = entry,
    .work_bytes = symo_elementwise_work,
    .num_roots = symo_elementwise_roots,
    .parts = symo_elementwise_parts,
    .key = symo_elementwise_key,
    .apply = apply,
    .describe = symo_elementwise_describe,
    .apply_flops = apply_flops,
};
