/* Which process gets which tensors of an optimizer (share.h).
 *
 * A rule falls into parts: sets of tensors that its curvature takes without the others, but for the
 * mean of eigenvalues by which centred covariances move what they have none for.  What a part costs
 * in flops and bytes is that of a block of its own; parts go, those with most to do first, to where
 * the larger of the shares in flops and in bytes stays least. */
#include "optim/share.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/instance.h"
#include "optim/cost.h"

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

size_t symo_share_parts(const optim_block *b, size_t *to) {
  if (b->curvature == NULL) return 0;
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
  size_t *tensors = symo_calloc(count, sizeof *tensors);
  if (tensors == NULL) SYMO_TRY(symo_fail_memory(whole->context, "optim"));
  for (size_t i = 0; i < count; i++) tensors[i] = of->tensors[places[i]];
  SYMO_TRY(symo_block_extract(of->layout, count, places, whole->dtype, &b.layout));
  const curvature_task task = {.context = whole->context,
                               .layout = b.layout,
                               .dtype = whole->dtype,
                               .method = &b.method,
                               .threads = whole->spec.threads,
                               .share = true,
                               .whole = whole->layout,
                               .tensors = tensors,
                               .num_sites = whole->spec.num_sites,
                               .sites = whole->sites};
  SYMO_TRY(b.curvature->create(&task, &b.self));
  const double vector = (double)(b.layout->parameters * symo_dtype_size(whole->dtype));
  load->parameters = (double)b.layout->parameters;
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
  symo_free(tensors);
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
    const size_t count = symo_share_parts(b, to);
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
  const share_load none = {0};
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
  for (int r = 0; r < ranks; r++) load[r] = (share_load){0};
  for (size_t k = 0; k < a->num_parts; k++) {
    const part *p = &a->parts[k];
    int best = 0;
    for (int r = 1; r < ranks; r++)
      if (level_of(a, &load[r], &p->load) < level_of(a, &load[best], &p->load)) best = r;
    load[best].flops += p->load.flops, load[best].bytes += p->load.bytes;
    load[best].parameters += p->load.parameters;
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
