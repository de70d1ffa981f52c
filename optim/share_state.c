/* States of shares and of the plan of all tensors (share.h).  What a whole rule keeps one number each
 * of (units, counters of roots) is found again by what the number is of, so that checkpoints do not
 * know of processes. */
#include "optim/share.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/state.h"

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
    bool found = false;
    if (!key_of(p->own, p->share, i, mine)) continue;
    for (size_t tried = 0; tried < p->count && !found; tried++, at = (at + 1) % p->count) {
      key_of(p->all, p->whole, at, other);
      found = strcmp(mine, other) == 0;
      if (found) places[at] = i;
    }
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
  /* Where several have it, what they have is the same.  So is the mean, but it may round: that is for
   * counts that the first process does not have. */
  for (size_t i = 0; i < p->count && whole != NULL; i++)
    whole[i] = places[i] != SYMO_NONE ? ((const double *)share->data[p->share])[places[i]]
               : holders[i] > 0       ? x[i] / holders[i]
                                      : 0;
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
    if (owner == 0 && to != NULL) {
      assert(from != NULL); /* `whole` is given where the rank is 0 */
      memcpy(to, from, bytes_of(s->whole, &p));
    }
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
      assert(to != NULL);
      if (from != NULL) memcpy(to, from, bytes_of(s->whole, &p));
      symo_comm_share(s->comm, 0, bytes_of(s->whole, &p), to);
    } else {
      const int owner = symo_comm_first(s->comm, to != NULL);
      if (owner == 0 && from != NULL) {
        assert(to != NULL); /* as above */
        memcpy(to, from, bytes_of(s->whole, &p));
      }
      if (owner > 0) s->comm->move(s->comm->self, 0, owner, bytes_of(s->whole, &p), from, to);
    }
  }
  symo_state_load(share);
  symo_state_forget_bounds(share);
fail:
  return status;
}
