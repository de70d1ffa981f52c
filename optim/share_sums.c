/* Layer statistics of shares (share.h): each process adds up those of its examples for all sites, by
 * the plan of all tensors, and the problem brings the sums of a site to the process that has it.
 * Bases that sums are taken in come from the processes that have them. */
#include "optim/share.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "optim/state.h"

/* Calls visit for every entry of the whole that sums look at: its number, and who has it. */
typedef struct visitor {
  const symo_optim *optim; /* the share */
  void (*visit)(struct visitor *v, size_t entry, int owner);
  symo_optim_state *state;
  size_t bytes, pieces;
} visitor;

static void visit_reads(visitor *v) {
  const optim_share *s = v->optim->share;
  for (size_t i = 0; i < s->whole->num_blocks; i++) {
    const optim_block *b = &s->whole->blocks[i];
    if (b->curvature == NULL || b->curvature->sums_reads == NULL) continue;
    for (size_t e = 0; e < b->curvature->num_entries(b->self); e++) {
      const size_t tensor = b->curvature->sums_reads(b->self, e);
      if (tensor != SYMO_NONE)
        v->visit(v, symo_block_curvature_entry(b) + e, s->owner[b->tensors[tensor]]);
    }
  }
}

static size_t bytes_of(const symo_optim *whole, size_t entry) {
  const symo_state_entry *e = &whole->entries[entry];
  size_t bytes = symo_dtype_size(e->dtype);
  for (size_t a = 0; a < e->order; a++) bytes *= e->shape[a];
  return bytes;
}

static void add_bytes(visitor *v, size_t entry, int owner) {
  const optim_share *s = v->optim->share;
  if (owner != s->comm->rank) v->bytes += symo_padded(bytes_of(s->whole, entry));
}

size_t symo_share_sums_bytes(const symo_optim *optim) {
  visitor v = {.optim = optim, .visit = add_bytes};
  visit_reads(&v);
  return optim->share->whole->sums_bytes + v.bytes;
}

static void place(visitor *v, size_t entry, int owner) {
  const optim_share *s = v->optim->share;
  void **at = &v->state->sums_state[entry];
  if (owner == s->comm->rank) {
    for (size_t i = 0; i < v->optim->num_entries; i++)
      if (strcmp(v->optim->entries[i].name, s->whole->entries[entry].name) == 0)
        *at = v->state->data[i];
    return;
  }
  *at = (char *)v->state->sums_memory + s->whole->sums_bytes + v->bytes;
  v->bytes += symo_padded(bytes_of(s->whole, entry));
}

symo_status symo_share_take_sums(symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  visitor v = {.optim = optim, .visit = place, .state = state};
  if (state->sums == NULL) return SYMO_OK;
  state->sums_state = symo_calloc(optim->share->whole->num_entries, sizeof *state->sums_state);
  if (state->sums_state == NULL) return symo_fail_memory(optim->context, "optim");
  visit_reads(&v);
  return SYMO_OK;
}

static void bring(visitor *v, size_t entry, int owner) {
  const optim_share *s = v->optim->share;
  symo_comm_share(s->comm, owner, bytes_of(s->whole, entry), v->state->sums_state[entry]);
}

void symo_share_bring_sums(symo_optim_state *state) {
  visitor v = {.optim = state->optim, .visit = bring, .state = state};
  visit_reads(&v);
}
