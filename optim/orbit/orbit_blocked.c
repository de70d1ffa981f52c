/* Orbit covariances tensor by tensor.  With groups on one side of every matrix, no memory and
 * alpha = 1 this is the polar factor of each matrix: Muon, and Shampoo without memory. */
#include "optim/orbit/orbit_common.h"

static symo_status create(const curvature_task *task, void **self) {
  return symo_orbit_create(task, SYMO_BLOCKED, self);
}

const symo_curvature symo_curvature_orbit_blocked = {
    .name = "orbit-blocked",
    .summary = "averages of u u' over the group, every tensor by itself",
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
