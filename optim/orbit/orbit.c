/* Orbit covariances coupled across tensors: equal labels of all tensors share one C, so curvature
 * between layers is kept.  With the group of the network this is the full Symo step. */
#include "optim/orbit/orbit_common.h"

static symo_status create(const curvature_task *task, void **self) {
  return symo_orbit_create(task, SYMO_COUPLED, self);
}

const symo_curvature symo_curvature_orbit = {
    .name = "orbit",
    .summary = "averages of u u' over the group, coupled across tensors",
    .refuse = symo_orbit_refuse,
    .create = create,
    .destroy = symo_orbit_destroy,
    .num_entries = symo_orbit_num_entries,
    .entry = symo_orbit_entry,
    .work_bytes = symo_orbit_work_bytes,
    .accumulate = symo_orbit_accumulate,
    .num_roots = symo_orbit_num_roots,
    .refresh = symo_orbit_refresh,
    .apply = symo_orbit_apply,
    .describe = symo_orbit_describe,
    .accumulate_flops = symo_orbit_accumulate_flops,
    .refresh_flops = symo_orbit_refresh_flops,
    .apply_flops = symo_orbit_apply_flops,
};
