/* Shares of an optimizer in several processes: each makes a block of its tensors from the layout of the
 * whole rule, and the blocks of all processes together do what that of one does.  Which tensors they
 * are: share_assign.c; states: share_state.c. */
#include "optim/share.h"
#include "optim/alphas.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/state.h"

symo_optim *symo_optim_whole(symo_optim *optim) {
  return optim->share != NULL ? optim->share->whole : optim;
}

void symo_share_destroy(optim_share *share) {
  if (share == NULL) return;
  symo_share_free_units(share->whole, share->units);
  symo_optim_destroy(share->whole);
  symo_free(share->owner);
  symo_free(share);
}

const optim_block *symo_share_block(const symo_optim *optim, size_t rule) {
  for (size_t i = 0; i < optim->num_blocks; i++)
    if (optim->blocks[i].rule == rule) return &optim->blocks[i];
  return NULL;
}

const int *symo_share_units(const optim_share *share, size_t rule) {
  for (size_t i = 0; share != NULL && i < share->whole->num_blocks; i++)
    if (share->whole->blocks[i].rule == rule) return share->units[i];
  return NULL;
}

void symo_share_free_units(const symo_optim *whole, int **units) {
  for (size_t i = 0; units != NULL && i < whole->num_blocks; i++) symo_free(units[i]);
  symo_free(units);
}

size_t symo_share_list(const symo_optim *optim, symo_reduction_part *parts) {
  const symo_layout *layout = optim->layout;
  size_t n = 0;
  for (size_t t = 0; optim->share != NULL && t < layout->num_tensors; t++)
    parts[n++] = (symo_reduction_part){layout->tensors[t].offset, layout->tensors[t].size,
                                       optim->share->owner[t]};
  return n;
}

/* ---- making one ---- */

symo_status symo_optim_create_share(symo_layout *layout, const symo_optim_spec *spec,
                                    const symo_comm *comm, symo_optim **out) {
  symo_optim_spec unlimited = *spec;
  optim_share *share = NULL;
  share_load *load = NULL;
  symo_optim *whole = NULL;
  symo_status status = SYMO_OK;
  if (symo_comm_size(comm) == 1) return symo_optim_create(layout, spec, out);
  unlimited.budget_bytes = 0;
  SYMO_TRY(symo_optim_create(layout, &unlimited, &whole));
  if (symo_optim_has_products(whole) || symo_optim_measures(whole)) { /* the same in all */
    symo_optim_destroy(whole);
    return symo_optim_create(layout, spec, out);
  }
  whole->spec.budget_bytes = spec->budget_bytes; /* as checkpoints have it */
  share = symo_calloc(1, sizeof *share);
  load = symo_calloc((size_t)comm->size, sizeof *load);
  if (share != NULL) share->comm = comm, share->whole = whole;
  if (share == NULL || load == NULL) SYMO_TRY(symo_fail_memory(layout->context, "optim"));
  share->owner = symo_calloc(layout->num_tensors, sizeof *share->owner);
  share->units = symo_calloc(whole->num_blocks, sizeof *share->units);
  if (share->owner == NULL || share->units == NULL)
    SYMO_TRY(symo_fail_memory(layout->context, "optim"));
  SYMO_TRY(symo_share_assign(whole, comm->size, share->owner, share->units, load));
  symo_free(load);
  return symo_optim_create_part(layout, spec, share, out);
fail:
  symo_free(load);
  if (share == NULL) symo_optim_destroy(whole);
  symo_share_destroy(share);
  return status;
}

symo_status symo_share_number_roots(const optim_share *share, symo_context *context,
                                    optim_block *b) {
  const optim_block *all = symo_share_block(share->whole, b->rule);
  const size_t own = symo_block_num_roots(b);
  char mine[CURVATURE_KEY], other[CURVATURE_KEY];
  assert(all != NULL); /* the whole has every rule that a share has */
  b->all_roots = symo_block_num_roots(all);
  if (own == b->all_roots) return SYMO_OK;
  b->root_at = symo_calloc(own + 1, sizeof *b->root_at);
  if (b->root_at == NULL) return symo_fail_memory(context, "optim");
  for (size_t r = 0, at = 0; r < own; r++) {
    b->curvature->key(b->self, SYMO_NONE, r, mine);
    for (size_t tried = 0; tried < b->all_roots; tried++, at = (at + 1) % b->all_roots) {
      all->curvature->key(all->self, SYMO_NONE, at, other);
      if (strcmp(mine, other) == 0) break;
    }
    b->root_at[r] = at;
  }
  return SYMO_OK;
}

/* ---- what is exchanged in a step ---- */

/* Of the end of a step: changes of all tensors, counts, and of every process its status, worst
 * condition and least effective rank. */
enum { COUNTS = 3, EACH = 3 };

size_t symo_share_numbers(const optim_share *share) {
  const size_t tensors = share->whole->layout->num_tensors, ranks = (size_t)share->comm->size;
  return 2 * tensors + COUNTS + (EACH + 4) * ranks;
}

void symo_share_join(const symo_optim_state *state, size_t width, double *x) {
  const symo_optim *optim = state->optim;
  symo_comm_sum(optim->share->comm, SYMO_F64, width * optim->layout->num_tensors, x);
}

/* The status of the first process that failed, with its number. */
static symo_status fail_with(const symo_optim_state *state, symo_status own, int first,
                             symo_status theirs) {
  if (own != SYMO_OK) return own;
  return symo_fail(state->optim->context, theirs, "optim: process %d could not take its share",
                   first);
}

symo_status symo_share_agree(const symo_optim_state *state, symo_status status, bool *found) {
  const symo_comm *comm = state->optim->share->comm;
  double *x = state->numbers;
  memset(x, 0, 2 * (size_t)comm->size * sizeof *x);
  x[2 * comm->rank] = (double)status, x[2 * comm->rank + 1] = *found ? 0 : 1;
  symo_comm_sum(comm, SYMO_F64, 2 * (size_t)comm->size, x);
  for (int r = 0; r < comm->size; r++) {
    if (x[2 * r] < 0 || x[2 * r] > 0) return fail_with(state, status, r, (symo_status)x[2 * r]);
    if (x[2 * r + 1] > 0) *found = false;
  }
  return SYMO_OK;
}

void symo_share_combine(const symo_optim_state *state, curvature_common *common) {
  const symo_comm *comm = state->optim->share->comm;
  double *x = state->numbers, *own = x + 4 * comm->rank;
  memset(x, 0, 4 * (size_t)comm->size * sizeof *x);
  own[0] = common->failed, own[1] = common->sum, own[2] = common->number, own[3] = common->level;
  symo_comm_sum(comm, SYMO_F64, 4 * (size_t)comm->size, x);
  *common = (curvature_common){.level = -INFINITY};
  for (int r = 0; r < comm->size; r++)
    if (x[4 * r + 2] > 0) common->level = fmax(common->level, x[4 * r + 3]);
  for (int r = 0; r < comm->size; r++) {
    common->failed += x[4 * r];
    common->number += x[4 * r + 2];
    if (x[4 * r + 2] > 0) common->sum += x[4 * r + 1] * exp2(2 * (x[4 * r + 3] - common->level));
  }
  if (!isfinite(common->level)) common->level = 0;
}

/* ---- the end of a step ---- */

static double known(double x) { return isnan(x) ? -1 : x; }

static symo_status join_reports(symo_optim_state *state, symo_status status,
                                symo_step_report *report) {
  const symo_optim *optim = state->optim;
  const symo_comm *comm = optim->share->comm;
  const size_t tensors = optim->layout->num_tensors, ranks = (size_t)comm->size;
  double *x = state->numbers, *counts = x + tensors, *each = counts + COUNTS;
  memset(x, 0, (tensors + COUNTS + EACH * ranks) * sizeof *x);
  memcpy(x, state->changes, tensors * sizeof *x);
  counts[0] = (double)report->refreshes, counts[1] = (double)report->kept_roots;
  counts[2] = (double)report->failed_roots;
  each[EACH * comm->rank] = (double)status;
  each[EACH * comm->rank + 1] = known(report->worst_condition);
  each[EACH * comm->rank + 2] = known(report->effective_rank);
  symo_comm_sum(comm, SYMO_F64, tensors + COUNTS + EACH * ranks, x);
  report->refreshes = (uint64_t)counts[0], report->kept_roots = (uint64_t)counts[1];
  report->failed_roots = (uint64_t)counts[2];
  report->update_norm = 0;
  for (size_t k = 0; k < optim->share->whole->num_blocks; k++) {
    const optim_block *b = &optim->share->whole->blocks[k];
    for (size_t i = 0; i < b->num_tensors; i++)
      report->update_norm = hypot(report->update_norm, x[b->tensors[i]]);
  }
  report->worst_condition = report->effective_rank = NAN;
  for (int r = 0; r < comm->size; r++) {
    const double *own = each + EACH * r;
    if (own[0] < 0 || own[0] > 0) return fail_with(state, status, r, (symo_status)own[0]);
    if (own[1] >= 0) report->worst_condition = fmax(report->worst_condition, own[1]);
    if (own[2] >= 0) report->effective_rank = fmin(report->effective_rank, own[2]);
  }
  return SYMO_OK;
}

symo_status symo_share_finish(symo_optim_state *state, symo_status status, symo_vector params,
                              symo_step_report *report) {
  const symo_optim *optim = state->optim;
  const size_t item = symo_dtype_size(optim->dtype);
  status = join_reports(state, status, report);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < optim->layout->num_tensors; i++)
    state->pieces[i] = (symo_comm_piece){optim->share->owner[i],
                                         optim->layout->tensors[i].size * item, params.data[i]};
  symo_comm_spread(optim->share->comm, optim->layout->num_tensors, state->pieces);
  return SYMO_OK;
}
