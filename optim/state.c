/* State: one block of memory with all entries, zero at the start, and the work space. */
#include "optim/state.h"

#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/share.h"

static size_t most_chunks(const symo_optim *optim) {
  size_t most = 1;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (b->chunk_at[b->num_tensors] > most) most = b->chunk_at[b->num_tensors];
  }
  return most;
}

/* What processes with shares exchange. */
static symo_status take_share(symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  const size_t tensors = optim->layout->num_tensors;
  if (optim->share == NULL) return SYMO_OK;
  state->numbers = symo_calloc(symo_share_numbers(optim->share), sizeof *state->numbers);
  state->changes = symo_calloc(tensors, sizeof *state->changes);
  state->pieces = symo_calloc(tensors, sizeof *state->pieces);
  return state->numbers != NULL && state->changes != NULL && state->pieces != NULL
             ? SYMO_OK
             : symo_fail_memory(optim->context, "optim");
}

symo_status symo_optim_state_create(symo_optim *optim, symo_optim_state **out) {
  if (optim == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(optim->context, "optim_state_create", "out");
  symo_optim_state *state = symo_calloc(1, sizeof *state);
  if (state == NULL) return symo_fail_memory(optim->context, "optim");
  state->optim = optim;
  atomic_fetch_add(&optim->references, 1);
  state->store = symo_calloc(optim->state_bytes, 1);
  state->data = symo_calloc(optim->num_entries, sizeof *state->data);
  state->work = symo_malloc(optim->work_bytes);
  state->lr = symo_calloc(optim->spec.num_rules, sizeof *state->lr);
  const size_t tensors = optim->layout->num_tensors;
  state->log_norms = symo_calloc(2 * tensors + most_chunks(optim), sizeof *state->log_norms);
  if (state->store == NULL || state->data == NULL || state->work == NULL || state->lr == NULL ||
      state->log_norms == NULL) {
    symo_optim_state_destroy(state);
    return symo_fail_memory(optim->context, "optim");
  }
  symo_status status = take_share(state);
  if (status != SYMO_OK) {
    symo_optim_state_destroy(state);
    return status;
  }
  for (size_t i = 0; i < optim->spec.num_rules; i++) state->lr[i] = optim->rules[i].method.lr;
  state->bounds = state->log_norms + tensors;
  state->partial = state->bounds + tensors;
  if (optim->spec.threads > 1) {
    status = symo_pool_create(optim->context, optim->spec.threads, &state->pool);
    if (status != SYMO_OK) {
      symo_optim_state_destroy(state);
      return status;
    }
  }
  for (size_t i = 0; i < optim->num_entries; i++)
    state->data[i] = state->store + optim->entry_offset[i];
  const symo_optim *whole = symo_optim_whole(optim);
  if (whole->num_blocks == 1) state->damping = whole->blocks[0].method.eps;
  symo_state_save(state);
  symo_status sums = symo_state_take_sums(state);
  if (sums == SYMO_OK && optim->share != NULL) sums = symo_share_take_sums(state);
  if (sums != SYMO_OK) {
    symo_optim_state_destroy(state);
    return sums;
  }
  *out = state;
  return SYMO_OK;
}

void symo_optim_state_destroy(symo_optim_state *state) {
  if (state == NULL) return;
  symo_pool_destroy(state->pool);
  symo_free(state->store);
  symo_free(state->data);
  symo_free(state->work);
  symo_free(state->gradient);
  symo_free(state->row_work);
  symo_free(state->estimates);
  symo_free(state->sums);
  symo_free(state->sums_memory);
  symo_free(state->sums_state);
  symo_free(state->lr);
  symo_free(state->log_norms);
  symo_free(state->numbers);
  symo_free(state->changes);
  symo_free(state->pieces);
  symo_optim_destroy(state->optim);
  symo_free(state);
}

const char *symo_optim_state_detail(const symo_optim_state *state) {
  return state == NULL ? "" : symo_context_detail(state->optim->context);
}

size_t symo_optim_state_num_entries(const symo_optim_state *state) {
  return state == NULL ? 0 : state->optim->num_entries;
}

symo_state_entry symo_optim_state_entry(symo_optim_state *state, size_t index) {
  if (state == NULL) return (symo_state_entry){0};
  if (index >= state->optim->num_entries) {
    symo_fail_index(state->optim->context, "optim_state_entry", "entry", index, "state",
                    state->optim->num_entries);
    return (symo_state_entry){0};
  }
  state->shared = true;
  return symo_state_entry_at(state, index);
}

symo_state_entry symo_state_entry_at(symo_optim_state *state, size_t index) {
  symo_state_entry entry = state->optim->entries[index];
  entry.data = state->data[index];
  return entry;
}

void symo_state_forget_bounds(symo_optim_state *state) {
  for (size_t i = 0; i < state->optim->layout->num_tensors; i++) state->bounds[i] = INFINITY;
}

/* ---- learning rates ---- */

symo_status symo_optim_state_set_lr(symo_optim_state *state, size_t rule, double lr) {
  if (state == NULL) return SYMO_E_ARGUMENT;
  const symo_optim *optim = state->optim;
  if (rule >= optim->spec.num_rules)
    return symo_fail(optim->context, SYMO_E_ARGUMENT,
                     "optim_state_set_lr: there is no rule %zu (there are %zu, counted from 0)",
                     rule, optim->spec.num_rules);
  const double low = optim->rules[rule].method.min_lr;
  if (!(lr >= low && lr <= 1e6))
    return symo_fail(optim->context, SYMO_E_ARGUMENT,
                     "optim_state_set_lr: lr of rule %zu is %g (must be from min_lr, %g, to 1e6)",
                     rule, lr, low);
  state->lr[rule] = lr;
  return SYMO_OK;
}

double symo_state_rate(const symo_optim_state *state, const optim_block *b, uint64_t t) {
  symo_method method = b->method;
  method.lr = state->lr[b->rule];
  return symo_schedule_rate(&method, t);
}

/* ---- counters ---- */

/* A number that a checkpoint brought: whole and not negative, else 0. */
static uint64_t count(double x) { return x >= 0 && x <= 9e15 ? (uint64_t)x : 0; }

void symo_state_load(symo_optim_state *state) {
  const double *c = state->data[0];
  state->steps = count(c[0]);
  state->refused = count(c[1]);
  state->rejected = count(c[2]);
  state->damping = c[3];
}

void symo_state_save(symo_optim_state *state) {
  double *c = state->data[0];
  c[0] = (double)state->steps;
  c[1] = (double)state->refused;
  c[2] = (double)state->rejected;
  c[3] = state->damping;
}

/* ---- telemetry ---- */

void symo_optim_state_set_clock(symo_optim_state *state, symo_clock clock, void *self) {
  if (state == NULL) return;
  state->clock = clock;
  state->clock_self = self;
}

void symo_state_lap(symo_optim_state *state, double *item) {
  if (state->clock == NULL) return;
  double now = state->clock(state->clock_self);
  if (item != NULL) *item += now - state->mark;
  state->mark = now;
}
