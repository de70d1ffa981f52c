/* What steps cost.  Elementwise work is counted at its operations, roots and covariances as their
 * modules say; each divided by its cadence. */
#include "optim/cost.h"

#include "optim/alphas.h"
#include "optim/precondition/precondition.h"

double symo_block_update_flops(const optim_block *b) {
  double each = 2; /* the norm of the gradient */
  if (symo_block_has_momentum(b)) each += 3;
  if (symo_block_grafts_adam(b)) each += 10;
  each += 4 + (b->method.weight_decay > 0 ? 3 : 0); /* norm of the direction, step */
  return each * (double)b->layout->parameters;
}

double symo_block_accumulate_flops(const optim_block *b) {
  const symo_curvature *c = b->curvature;
  return c->accumulate != NULL && c->accumulate_flops != NULL ? c->accumulate_flops(b->self) : 0;
}

double symo_block_refresh_flops(const optim_block *b) {
  double sum = 0;
  for (size_t r = 0; r < symo_block_num_roots(b); r++)
    if (b->curvature->refresh_flops != NULL) sum += b->curvature->refresh_flops(b->self, r);
  return sum;
}

double symo_block_apply_flops(const optim_block *b) {
  return b->curvature->apply_flops != NULL ? b->curvature->apply_flops(b->self) : 0;
}

symo_optim_cost symo_optim_cost_of(const symo_optim *optim) {
  if (optim == NULL) return (symo_optim_cost){0};
  symo_optim_cost cost = {.state_bytes = (double)optim->state_bytes,
                          .work_bytes = (double)optim->work_bytes};
  if (optim->sums_bytes > 0) /* of layer statistics, and the gradient that comes with them */
    cost.work_bytes += (double)(optim->sums_bytes + symo_optim_gradient_bytes(optim));
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (b->curvature == NULL) { /* products of the caller's are not known, what is round them is */
      double iterations = (double)symo_solver_steps(&b->method), n = (double)b->layout->parameters;
      cost.flops_per_step += 14 * n * iterations; /* four sums, three dots and norms */
      if (b->precondition != NULL)
        cost.flops_per_step += symo_preconditioner_flops(b->precondition, iterations + 1);
      continue;
    }
    cost.flops_per_step += symo_block_update_flops(b) + symo_block_apply_flops(b) +
                           symo_block_accumulate_flops(b) / (double)b->method.statistics_every +
                           symo_block_refresh_flops(b) / (double)b->method.refresh_every;
    if (symo_block_measures(b) && b->method.alpha_every > 0)
      cost.flops_per_step += symo_block_alpha_flops(b) / (double)b->method.alpha_every;
  }
  return cost;
}
