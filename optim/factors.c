/* Layer statistics on their way from a problem to the curvatures of a plan. */
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "optim/share.h"
#include "optim/state.h"

bool symo_optim_has_site(const symo_optim *optim, size_t tensor) {
  const layout_tensor *t = &optim->layout->tensors[tensor];
  for (size_t s = 0; s < optim->spec.num_sites; s++) {
    const symo_factor_site *site = &optim->sites[s];
    const size_t at = t->offset;
    if (at >= site->weight && at - site->weight < site->outputs * site->inputs) return true;
    if (site->bias != SYMO_NONE && at >= site->bias && at - site->bias < site->outputs) return true;
  }
  return false;
}

symo_status symo_state_take_sums(symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  if (optim->sums_bytes == 0) return SYMO_OK;
  state->sums = symo_calloc(optim->spec.num_sites, sizeof *state->sums);
  state->sums_memory = symo_malloc(optim->sums_bytes);
  if (state->sums == NULL || state->sums_memory == NULL)
    return symo_fail_memory(optim->context, "optim");
  return symo_state_take_gradient(state);
}

/* Of a block, at the step behind those that there are. */
static bool is_due(const symo_optim_state *state, const optim_block *b) {
  return b->curvature != NULL && b->curvature->sites &&
         state->steps % b->method.statistics_every == 0;
}

/* Of a share: the plan of all tensors, since all processes take the statistics of all sites. */
static const symo_optim *plan_of(const symo_optim_state *state) {
  return state->optim->share != NULL ? state->optim->share->whole : state->optim;
}

bool symo_state_wants_factors(const symo_optim_state *state) {
  const symo_optim *plan = plan_of(state);
  for (size_t i = 0; i < plan->num_blocks; i++)
    if (is_due(state, &plan->blocks[i])) return true;
  return false;
}

const symo_factor_request *symo_optim_state_factors(symo_optim_state *state) {
  if (state == NULL) return NULL;
  const symo_optim *optim = plan_of(state);
  symo_state_load(state);
  if (state->sums == NULL || !symo_state_wants_factors(state)) return NULL;
  if (state->sums_state != NULL) symo_share_bring_sums(state);
  void *const *data = state->sums_state != NULL ? state->sums_state : state->data;
  char *memory = state->sums_memory;
  for (size_t s = 0; s < optim->spec.num_sites; s++)
    state->sums[s] = (symo_factor_sums){.dtype = optim->dtype};
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (b->curvature == NULL || !b->curvature->sites) continue;
    state->request.fisher = b->method.fisher;
    if (is_due(state, b))
      b->curvature->sums(b->self, data + symo_block_curvature_entry(b), state->steps, memory,
                         state->sums);
    memory += symo_padded(b->curvature->sums_bytes(b->self));
  }
  for (size_t s = 0; s < optim->spec.num_sites; s++)
    symo_factor_sums_clear(&optim->sites[s], &state->sums[s]);
  state->request.seed = symo_hash(state->steps);
  state->request.num_sites = optim->spec.num_sites;
  state->request.sums = state->sums;
  return &state->request;
}

symo_status symo_state_check_factors(const symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  if (state->sums == NULL || !symo_state_wants_factors(state)) return SYMO_OK;
  for (size_t s = 0; s < optim->spec.num_sites; s++) {
    const symo_factor_sums *sums = &state->sums[s];
    const bool wanted = sums->inputs != NULL;
    if (state->request.sums != NULL &&
        (!wanted || (sums->output_count > 0 && sums->input_count > 0)))
      continue;
    return symo_fail(optim->context, SYMO_E_ARGUMENT,
                     "optim: step %llu: no layer statistics of site %zu (call "
                     "symo_optim_problem_step, or fill what symo_optim_state_factors gives)",
                     (unsigned long long)state->steps + 1, s);
  }
  return SYMO_OK;
}
