/* Shares of an optimizer in several processes.
 *
 * A rule falls into parts: sets of tensors that its curvature takes without the others, but for the
 * mean of eigenvalues by which centred covariances move what they have none for.  Parts are given to
 * processes, and each makes a block of its tensors from the layout of the whole rule: the blocks of
 * all processes together do what that of one does.  What a whole rule keeps one number each of (units,
 * counters of roots) is found again by what the number is of, so that checkpoints do not know of
 * processes. */
#include "optim/share.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "groups/instance.h"
#include "optim/cost.h"
#include "optim/state.h"

symo_optim *symo_optim_whole(symo_optim *optim) {
  return optim->share != NULL ? optim->share->whole : optim;
}

void symo_share_destroy(optim_share *share) {
  if (share == NULL) return;
  symo_optim_destroy(share->whole);
  symo_free(share->owner);
  symo_free(share);
}

const optim_block *symo_share_block(const symo_optim *optim, size_t rule) {
  for (size_t i = 0; i < optim->num_blocks; i++)
    if (optim->blocks[i].rule == rule) return &optim->blocks[i];
  return NULL;
}

/* ---- parts, and who has them ---- */

typedef struct part {
  const optim_block *b;
  size_t number; /* of those of the block */
  share_load load;
} part;

typedef struct assignment {
  const symo_optim *whole;
  size_t num_parts, *part_of; /* part_of [tensors]: of its rule */
  part *parts;
  share_load all;
} assignment;

/* Parts of a block; to [num_tensors of the block]. */
static size_t divide(const optim_block *b, size_t *to) {
  if (b->curvature->parts != NULL) return b->curvature->parts(b->self, to);
  for (size_t i = 0; i < b->num_tensors; i++) to[i] = 0;
  return 1;
}

static double entry_bytes(const symo_state_entry *e) {
  double bytes = (double)symo_dtype_size(e->dtype);
  for (size_t a = 0; a < e->order; a++) bytes *= (double)e->shape[a];
  return bytes;
}

/* Flops of a step and bytes of state of some tensors of a block: those of a block of their own. */
static symo_status weigh(const symo_optim *whole, const optim_block *of, size_t count,
                         const size_t *places, share_load *load) {
  optim_block b = {.method = of->method, .num_tensors = count, .curvature = of->curvature};
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_block_extract(of->layout, count, places, whole->dtype, &b.layout));
  curvature_task task = {.context = whole->context,
                         .layout = b.layout,
                         .dtype = whole->dtype,
                         .method = &b.method,
                         .threads = whole->spec.threads,
                         .share = true};
  SYMO_TRY(b.curvature->create(&task, &b.self));
  const double vector = (double)(b.layout->parameters * symo_dtype_size(whole->dtype));
  load->flops = symo_block_update_flops(&b) + symo_block_apply_flops(&b) +
                symo_block_accumulate_flops(&b) / (double)b.method.statistics_every +
                symo_block_refresh_flops(&b) / (double)b.method.refresh_every;
  load->bytes =
      (symo_block_has_momentum(&b) ? vector : 0) + (symo_block_grafts_adam(&b) ? vector : 0);
  for (size_t i = 0; i < b.curvature->num_entries(b.self); i++) {
    const symo_state_entry e = b.curvature->entry(b.self, i);
    load->bytes += entry_bytes(&e);
  }
fail:
  if (b.self != NULL) b.curvature->destroy(b.self);
  symo_layout_destroy(b.layout);
  return status;
}

/* The first axis of the tensors that has the space of axis a of tensor i, as a number. */
static size_t first_use(const symo_layout *layout, const size_t *tensors, size_t i, size_t a) {
  const size_t space = layout->tensors[tensors[i]].space[a];
  for (size_t k = 0; k <= i; k++)
    for (size_t b = 0; b < layout->tensors[tensors[k]].order; b++)
      if (layout->tensors[tensors[k]].space[b] == space) return k * SYMO_MAX_ORDER + b;
  return SYMO_NONE;
}

/* Whether tensors x and y [n] differ by names alone: blocks of a network repeat. */
static bool are_alike(const symo_layout *layout, size_t n, const size_t *x, const size_t *y) {
  for (size_t i = 0; i < n; i++) {
    const layout_tensor *s = &layout->tensors[x[i]], *t = &layout->tensors[y[i]];
    if (s->order != t->order) return false;
    for (size_t a = 0; a < s->order; a++)
      if (s->dim[a] != t->dim[a] || s->dual[a] != t->dual[a] ||
          !symo_group_equal(layout->spaces[s->space[a]].group, layout->spaces[t->space[a]].group) ||
          first_use(layout, x, i, a) != first_use(layout, y, i, a))
        return false;
  }
  return true;
}

/* The load of part p of a block, whose tensors are places [begin[p], begin[p + 1]). */
static symo_status weigh_part(assignment *a, const optim_block *b, size_t p, const size_t *places,
                              const size_t *begin) {
  part *out = &a->parts[a->num_parts], *first = out - p;
  const size_t n = begin[p + 1] - begin[p];
  *out = (part){.b = b, .number = p};
  a->num_parts++;
  for (size_t q = 0; q < p; q++) {
    if (begin[q + 1] - begin[q] != n ||
        !are_alike(b->layout, n, places + begin[q], places + begin[p]))
      continue;
    out->load = first[q].load;
    return SYMO_OK;
  }
  return weigh(a->whole, b, n, places + begin[p], &out->load);
}

static symo_status weigh_parts(assignment *a, const optim_block *b, const size_t *to,
                               size_t count) {
  size_t *places = symo_calloc(b->num_tensors, sizeof *places), n = 0;
  size_t *begin = symo_calloc(count + 1, sizeof *begin);
  symo_status status = SYMO_OK;
  if (places == NULL || begin == NULL) SYMO_TRY(symo_fail_memory(a->whole->context, "optim"));
  for (size_t p = 0; p < count; p++) {
    for (size_t i = 0; i < b->num_tensors; i++)
      if (to[i] == p) places[n++] = i;
    begin[p + 1] = n;
  }
  for (size_t p = 0; p < count; p++) {
    SYMO_TRY(weigh_part(a, b, p, places, begin));
    const share_load *load = &a->parts[a->num_parts - 1].load;
    a->all.flops += load->flops, a->all.bytes += load->bytes;
  }
fail:
  symo_free(places);
  symo_free(begin);
  return status;
}

static symo_status list_parts(assignment *a) {
  const symo_optim *whole = a->whole;
  size_t *to = symo_calloc(whole->layout->num_tensors, sizeof *to);
  symo_status status = to != NULL ? SYMO_OK : symo_fail_memory(whole->context, "optim");
  for (size_t k = 0; k < whole->num_blocks && status == SYMO_OK; k++) {
    const optim_block *b = &whole->blocks[k];
    const size_t count = divide(b, to);
    for (size_t i = 0; i < b->num_tensors; i++) a->part_of[b->tensors[i]] = to[i];
    status = weigh_parts(a, b, to, count);
  }
  symo_free(to);
  return status;
}

/* The larger of the shares in flops and in bytes. */
static double level_of(const assignment *a, const share_load *x, const share_load *y) {
  const double flops = a->all.flops > 0 ? (x->flops + y->flops) / a->all.flops : 0;
  const double bytes = a->all.bytes > 0 ? (x->bytes + y->bytes) / a->all.bytes : 0;
  return fmax(flops, bytes);
}

/* Those with most to do first; of equal ones those that come first. */
static void sort_parts(assignment *a) {
  const share_load none = {0, 0};
  for (size_t i = 1; i < a->num_parts; i++) {
    const part p = a->parts[i];
    const double level = level_of(a, &p.load, &none);
    size_t at = i;
    for (; at > 0 && level_of(a, &a->parts[at - 1].load, &none) < level; at--)
      a->parts[at] = a->parts[at - 1];
    a->parts[at] = p;
  }
}

static void give(const assignment *a, int ranks, int *owner, share_load *load) {
  for (int r = 0; r < ranks; r++) load[r] = (share_load){0, 0};
  for (size_t k = 0; k < a->num_parts; k++) {
    const part *p = &a->parts[k];
    int best = 0;
    for (int r = 1; r < ranks; r++)
      if (level_of(a, &load[r], &p->load) < level_of(a, &load[best], &p->load)) best = r;
    load[best].flops += p->load.flops, load[best].bytes += p->load.bytes;
    for (size_t i = 0; i < p->b->num_tensors; i++)
      if (a->part_of[p->b->tensors[i]] == p->number) owner[p->b->tensors[i]] = best;
  }
}

symo_status symo_share_assign(const symo_optim *whole, int ranks, int *owner, share_load *load) {
  const size_t tensors = whole->layout->num_tensors;
  assignment a = {.whole = whole};
  symo_status status = SYMO_OK;
  a.part_of = symo_calloc(tensors, sizeof *a.part_of);
  a.parts = symo_calloc(tensors, sizeof *a.parts);
  if (a.part_of == NULL || a.parts == NULL) SYMO_TRY(symo_fail_memory(whole->context, "optim"));
  SYMO_TRY(list_parts(&a));
  sort_parts(&a);
  give(&a, ranks, owner, load);
fail:
  symo_free(a.part_of);
  symo_free(a.parts);
  return status;
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
  if (symo_optim_needs_problem(whole)) {
    symo_optim_destroy(whole);
    return symo_optim_create(layout, spec, out);
  }
  whole->spec.budget_bytes = spec->budget_bytes; /* as checkpoints have it */
  share = symo_calloc(1, sizeof *share);
  load = symo_calloc((size_t)comm->size, sizeof *load);
  if (share == NULL || load == NULL) SYMO_TRY(symo_fail_memory(layout->context, "optim"));
  share->owner = symo_calloc(layout->num_tensors, sizeof *share->owner);
  if (share->owner == NULL) SYMO_TRY(symo_fail_memory(layout->context, "optim"));
  SYMO_TRY(symo_share_assign(whole, comm->size, share->owner, load));
  share->comm = comm, share->whole = whole;
  symo_free(load);
  return symo_optim_create_part(layout, spec, share, out);
fail:
  symo_free(load);
  symo_share_destroy(share);
  symo_optim_destroy(whole);
  return status;
}

symo_status symo_share_number_roots(const optim_share *share, symo_context *context,
                                    optim_block *b) {
  const optim_block *all = symo_share_block(share->whole, b->rule);
  const size_t own = symo_block_num_roots(b);
  char mine[CURVATURE_KEY], other[CURVATURE_KEY];
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

/* ---- states ---- */

/* An entry of the plan of all tensors, and where it is in the share. */
typedef struct entry_pair {
  const optim_block *all,
      *own;            /* blocks; all NULL: the counters of the whole; own NULL: not here */
  size_t whole, share; /* entries; share SYMO_NONE: not here */
  size_t count;        /* numbers */
  bool keyed;          /* of the whole rule: several processes have some of it */
} entry_pair;

/* What number `index` of an entry that belongs to a whole rule is of. */
static bool key_of(const optim_block *b, size_t entry, size_t index, char key[CURVATURE_KEY]) {
  const size_t first = symo_block_curvature_entry(b);
  key[0] = '\0';
  if (b->curvature->parts == NULL) return false;
  if (entry == symo_block_counter_entry(b)) {
    if (index > 0) b->curvature->key(b->self, SYMO_NONE, index - 1, key);
    return true;
  }
  if (symo_block_has_exponents(b) && entry == symo_block_exponent_entry(b)) {
    snprintf(key, CURVATURE_KEY, "%s", b->layout->tensors[index].name);
    return true;
  }
  return entry >= first && entry - first < b->curvature->num_entries(b->self) &&
         b->curvature->key(b->self, entry - first, index, key);
}

static const optim_block *block_of_entry(const symo_optim *optim, size_t entry) {
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (entry >= b->first_entry && entry < b->first_entry + b->num_entries) return b;
  }
  return NULL;
}

static entry_pair pair_of(const symo_optim *share, size_t entry) {
  const symo_optim *whole = share->share->whole;
  const symo_state_entry *e = &whole->entries[entry];
  entry_pair p = {.whole = entry, .share = SYMO_NONE, .count = 1};
  char key[CURVATURE_KEY];
  for (size_t a = 0; a < e->order; a++) p.count *= e->shape[a];
  for (size_t i = 0; i < share->num_entries; i++)
    if (strcmp(share->entries[i].name, e->name) == 0) p.share = i;
  p.all = block_of_entry(whole, entry);
  if (p.all == NULL) return p;
  p.own = symo_share_block(share, p.all->rule);
  p.keyed = p.count > 0 && key_of(p.all, entry, 0, key);
  return p;
}

/* For each number of the whole entry: which number of ours it is, or SYMO_NONE. */
static void match_keys(const symo_optim *share, const entry_pair *p, size_t *places) {
  char mine[CURVATURE_KEY], other[CURVATURE_KEY];
  size_t own = 1, at = 0;
  for (size_t i = 0; i < p->count; i++) places[i] = SYMO_NONE;
  if (p->share == SYMO_NONE) return;
  const symo_state_entry *e = &share->entries[p->share];
  for (size_t a = 0; a < e->order; a++) own *= e->shape[a];
  for (size_t i = 0; i < own; i++) {
    key_of(p->own, p->share, i, mine);
    for (size_t tried = 0; tried < p->count; tried++, at = (at + 1) % p->count) {
      key_of(p->all, p->whole, at, other);
      if (strcmp(mine, other) == 0) break;
    }
    places[at] = i;
  }
}

/* Numbers of a whole rule, all float64: each from a process that has it. */
static symo_status collect_keyed(symo_optim_state *share, const entry_pair *p, double *whole) {
  const symo_comm *comm = share->optim->share->comm;
  size_t *places = symo_calloc(p->count, sizeof *places);
  double *x = symo_calloc(2 * p->count, sizeof *x), *holders;
  symo_status status = SYMO_OK;
  if (places == NULL || x == NULL) SYMO_TRY(symo_fail_memory(share->optim->context, "optim"));
  holders = x + p->count;
  match_keys(share->optim, p, places);
  for (size_t i = 0; i < p->count; i++) {
    if (places[i] == SYMO_NONE) continue;
    x[i] = ((const double *)share->data[p->share])[places[i]];
    holders[i] = 1;
  }
  symo_comm_sum(comm, SYMO_F64, 2 * p->count, x);
  /* Where several have it, what they have is the same, and so is the mean: of a few of them it may
   * round, but these are counts. */
  for (size_t i = 0; i < p->count && whole != NULL; i++)
    whole[i] = holders[i] > 0 ? x[i] / holders[i] : 0;
fail:
  symo_free(places);
  symo_free(x);
  return status;
}

static symo_status distribute_keyed(symo_optim_state *share, const entry_pair *p,
                                    const double *whole) {
  size_t *places = symo_calloc(p->count, sizeof *places);
  double *x = symo_calloc(p->count, sizeof *x);
  symo_status status = SYMO_OK;
  if (places == NULL || x == NULL) SYMO_TRY(symo_fail_memory(share->optim->context, "optim"));
  match_keys(share->optim, p, places);
  if (whole != NULL) memcpy(x, whole, p->count * sizeof *x);
  symo_comm_share(share->optim->share->comm, 0, p->count * sizeof *x, x);
  for (size_t i = 0; i < p->count; i++)
    if (places[i] != SYMO_NONE) ((double *)share->data[p->share])[places[i]] = x[i];
fail:
  symo_free(places);
  symo_free(x);
  return status;
}

static size_t bytes_of(const symo_optim *whole, const entry_pair *p) {
  return p->count * symo_dtype_size(whole->entries[p->whole].dtype);
}

symo_status symo_share_collect(symo_optim_state *share, symo_optim_state *whole) {
  const optim_share *s = share->optim->share;
  symo_status status = SYMO_OK;
  for (size_t e = 0; e < s->whole->num_entries; e++) {
    const entry_pair p = pair_of(share->optim, e);
    void *to = whole != NULL ? whole->data[e] : NULL;
    const void *from = p.share != SYMO_NONE ? share->data[p.share] : NULL;
    if (p.keyed) {
      SYMO_TRY(collect_keyed(share, &p, to));
      continue;
    }
    const int owner = symo_comm_first(s->comm, from != NULL);
    if (owner == 0 && to != NULL) memcpy(to, from, bytes_of(s->whole, &p));
    if (owner > 0) s->comm->move(s->comm->self, owner, 0, bytes_of(s->whole, &p), from, to);
  }
  if (whole != NULL) symo_state_load(whole);
fail:
  return status;
}

symo_status symo_share_distribute(symo_optim_state *whole, symo_optim_state *share) {
  const optim_share *s = share->optim->share;
  symo_status status = SYMO_OK;
  for (size_t e = 0; e < s->whole->num_entries; e++) {
    const entry_pair p = pair_of(share->optim, e);
    const void *from = whole != NULL ? whole->data[e] : NULL;
    void *to = p.share != SYMO_NONE ? share->data[p.share] : NULL;
    if (p.keyed) {
      SYMO_TRY(distribute_keyed(share, &p, from));
    } else if (p.all == NULL) { /* counters: all have them */
      if (from != NULL) memcpy(to, from, bytes_of(s->whole, &p));
      symo_comm_share(s->comm, 0, bytes_of(s->whole, &p), to);
    } else {
      const int owner = symo_comm_first(s->comm, to != NULL);
      if (owner == 0 && from != NULL) memcpy(to, from, bytes_of(s->whole, &p));
      if (owner > 0) s->comm->move(s->comm->self, 0, owner, bytes_of(s->whole, &p), from, to);
    }
  }
  symo_state_load(share);
  symo_state_forget_bounds(share);
fail:
  return status;
}
