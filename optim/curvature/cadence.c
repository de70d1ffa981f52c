/* When the roots of a curvature are taken, and what is reported of them: for the step and for
 * preconditioners, which keep curvatures of their own. */
#include <math.h>

#include "optim/curvature/curvature.h"

uint64_t symo_curvature_start(const symo_method *method) {
  return method->start_step > 1 ? method->start_step : 1;
}

size_t symo_curvature_each(const symo_layout *layout, size_t *part) {
  for (size_t t = 0; t < layout->num_tensors; t++) part[t] = t;
  return layout->num_tensors;
}

/* Root r of R falls on step r T / R of every T: no step has more than ceil(R / T) of them. */
uint64_t symo_curvature_phase(const symo_method *method, size_t root, size_t num_roots) {
  const uint64_t every = method->refresh_every;
  if (!method->stagger || every <= 1 || num_roots == 0) return 0;
  return (uint64_t)((double)root * (double)every / (double)num_roots);
}

bool symo_curvature_is_due(const symo_method *method, uint64_t t, size_t root, size_t num_roots) {
  const uint64_t every = method->refresh_every, since = t - symo_curvature_start(method);
  return since % every == symo_curvature_phase(method, root, num_roots) % every;
}

void symo_curvature_report(const curvature_report *root, symo_step_report *report) {
  if (root->kept) {
    report->kept_roots++;
    return;
  }
  report->refreshes++;
  report->worst_condition = fmax(report->worst_condition, root->condition);
  if (isnan(root->effective_rank)) return;
  /* tr^2 >= |C|^2 for what is positive; rounding may say otherwise. */
  report->effective_rank = fmin(report->effective_rank, fmax(root->effective_rank, 1));
}
