/* Which process gets which tensors of an optimizer (share.h).
 *
 * A rule falls into parts: sets of tensors that its curvature takes without the others, but for the
 * mean of eigenvalues by which centred covariances move what they have none for.  What a part costs
 * in flops and bytes is that of a block of its own; parts go, those with most to do first, to where
 * the larger of the shares in flops and in bytes stays least.  A part with more than an equal share
 * is opened where its curvature knows how to be divided: its tensors, with their momentum, and its
 * units (labels, with their covariances and roots) go each for itself. */
#include "optim/share.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "groups/instance.h"
#include "optim/cost.h"

/* What goes to one process: a part; or, of a part that is opened, a tensor or a unit.  number: of the
 * part among those of its block, of the tensor in the block, of the unit. */
typedef enum part_kind { PART_WHOLE, PART_TENSOR, PART_UNIT } part_kind;

typedef struct part {
  const optim_block *b;
  size_t number;
  part_kind kind;
  share_load load;
} part;

typedef struct assignment {
  const symo_optim *whole;
  size_t num_parts, *part_of; /* part_of [tensors]: of its rule */
  part *parts;
  share_load all;
  int *owner, **units; /* -1: not yet */
  double *common;      /* [ranks]: numbers that the part at hand has in common with what is there */
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

/* ---- parts that are more than a share ---- */

static size_t units_of(const optim_block *b) {
  return b->curvature != NULL && b->curvature->num_units != NULL ? b->curvature->num_units(b->self)
                                                                 : 0;
}

static int *units_here(const assignment *a, const optim_block *b) {
  return a->units[b - a->whole->blocks];
}

/* The part of a unit: that of its tensors.  SYMO_NONE: it has none of its own. */
static size_t part_of_unit(const assignment *a, const optim_block *b, size_t unit) {
  for (size_t i = 0; i < b->num_tensors; i++)
    if (b->curvature->unit_in(b->self, unit, i) > 0) return a->part_of[b->tensors[i]];
  return SYMO_NONE;
}

static share_load tensor_load(const assignment *a, const optim_block *b, size_t i) {
  const double size = (double)b->layout->tensors[i].size;
  const double vectors = (symo_block_has_momentum(b) ? 1 : 0) + (symo_block_grafts_adam(b) ? 1 : 0);
  return (share_load){.flops = symo_block_update_flops(b) * size / (double)b->layout->parameters,
                      .bytes = vectors * size * (double)symo_dtype_size(a->whole->dtype),
                      .parameters = size};
}

/* Its tensors and units, in the place of a part and behind all others. */
static void open_part(assignment *a, size_t at) {
  const part p = a->parts[at];
  const optim_block *b = p.b;
  bool first = true;
  for (size_t i = 0; i < b->num_tensors; i++) {
    if (a->part_of[b->tensors[i]] != p.number) continue;
    part *to = first ? &a->parts[at] : &a->parts[a->num_parts++];
    *to = (part){.b = b, .number = i, .kind = PART_TENSOR, .load = tensor_load(a, b, i)};
    first = false;
  }
  for (size_t u = 0; u < units_of(b); u++) {
    if (part_of_unit(a, b, u) != p.number) continue;
    const curvature_unit unit = b->curvature->unit(b->self, u);
    a->parts[a->num_parts++] = (part){
        .b = b, .number = u, .kind = PART_UNIT, .load = {.flops = unit.flops, .bytes = unit.bytes}};
  }
}

static symo_status open_parts(assignment *a, int ranks) {
  const share_load none = {0};
  const size_t count = a->num_parts;
  for (size_t k = 0; k < count; k++) {
    const optim_block *b = a->parts[k].b;
    const size_t units = units_of(b);
    if (units == 0 || !(level_of(a, &a->parts[k].load, &none) * ranks > 1)) continue;
    int **to = &a->units[b - a->whole->blocks];
    if (*to == NULL) *to = symo_calloc(units, sizeof **to);
    if (*to == NULL) return symo_fail_memory(a->whole->context, "optim");
    open_part(a, k);
  }
  return SYMO_OK;
}

/* ---- giving them away ---- */

/* What the part at hand has in common with tensors or units that are given away. */
static void find_common(assignment *a, const part *p, int ranks) {
  const optim_block *b = p->b;
  const symo_curvature *c = b->curvature;
  memset(a->common, 0, (size_t)ranks * sizeof *a->common);
  for (size_t u = 0; u < units_of(b) && p->kind == PART_TENSOR; u++)
    if (units_here(a, b)[u] >= 0)
      a->common[units_here(a, b)[u]] += c->unit_in(b->self, u, p->number);
  for (size_t i = 0; i < b->num_tensors && p->kind == PART_UNIT; i++)
    if (a->owner[b->tensors[i]] >= 0)
      a->common[a->owner[b->tensors[i]]] += c->unit_in(b->self, p->number, i);
}

/* A level that is this much above another is none the worse for it. */
static const double slack = 1.05;

/* Where the level stays least.  Tensors and units, of those processes where it stays below that of others
 * anyway, go to those that have no more bytes than an equal share, or the fewest; and of these to
 * what they have most in common with. */
static int choose(const assignment *a, const part *p, int ranks, const share_load *load) {
  const share_load none = {0};
  double limit = INFINITY, top = 0, bytes = INFINITY;
  int best = -1;
  for (int r = 0; r < ranks; r++) {
    limit = fmin(limit, level_of(a, &load[r], &p->load));
    top = fmax(top, level_of(a, &load[r], &none));
  }
  limit = fmax(limit, top) * (p->kind != PART_WHOLE ? slack : 1);
  for (int r = 0; r < ranks && p->kind != PART_WHOLE; r++)
    if (level_of(a, &load[r], &p->load) <= limit) bytes = fmin(bytes, load[r].bytes);
  if (p->kind != PART_WHOLE) bytes = fmax(bytes, a->all.bytes / ranks - p->load.bytes);
  for (int r = 0; r < ranks; r++) {
    if (!(level_of(a, &load[r], &p->load) <= limit) || load[r].bytes > bytes) continue;
    const bool more = best < 0 || a->common[r] > a->common[best];
    const bool equal = best >= 0 && !more && !(a->common[r] < a->common[best]);
    if (more || (equal && level_of(a, &load[r], &p->load) < level_of(a, &load[best], &p->load)))
      best = r;
  }
  return best;
}

static void take(assignment *a, const part *p, int rank) {
  const optim_block *b = p->b;
  if (p->kind == PART_TENSOR) a->owner[b->tensors[p->number]] = rank;
  if (p->kind == PART_UNIT) units_here(a, b)[p->number] = rank;
  if (p->kind != PART_WHOLE) return;
  for (size_t i = 0; i < b->num_tensors; i++)
    if (a->part_of[b->tensors[i]] == p->number) a->owner[b->tensors[i]] = rank;
  for (size_t u = 0; u < units_of(b) && units_here(a, b) != NULL; u++)
    if (part_of_unit(a, b, u) == p->number) units_here(a, b)[u] = rank;
}

static void give(assignment *a, int ranks, share_load *load) {
  for (int r = 0; r < ranks; r++) load[r] = (share_load){0};
  for (size_t t = 0; t < a->whole->layout->num_tensors; t++) a->owner[t] = -1;
  for (size_t k = 0; k < a->whole->num_blocks; k++)
    for (size_t u = 0; a->units[k] != NULL && u < units_of(&a->whole->blocks[k]); u++)
      a->units[k][u] = -1;
  for (size_t k = 0; k < a->num_parts; k++) {
    const part *p = &a->parts[k];
    find_common(a, p, ranks);
    const int best = choose(a, p, ranks, load);
    load[best].flops += p->load.flops, load[best].bytes += p->load.bytes;
    load[best].parameters += p->load.parameters;
    take(a, p, best);
  }
}

/* Units without tensors of their own are nobody's work; what others send is counted. */
static void count_sent(const assignment *a, share_load *load) {
  for (size_t k = 0; k < a->whole->num_blocks; k++) {
    const optim_block *b = &a->whole->blocks[k];
    for (size_t u = 0; a->units[k] != NULL && u < units_of(b); u++) {
      if (a->units[k][u] < 0) a->units[k][u] = 0;
      const double vectors = b->curvature->unit(b->self, u).vectors;
      for (size_t i = 0; i < b->num_tensors; i++) {
        const int owner = a->owner[b->tensors[i]];
        if (owner == a->units[k][u]) continue;
        const double numbers = b->curvature->unit_in(b->self, u, i);
        load[owner].sent += vectors * numbers, load[a->units[k][u]].sent += numbers;
      }
    }
  }
}

symo_status symo_share_assign(const symo_optim *whole, int ranks, int *owner, int **units,
                              share_load *load) {
  assignment a = {.whole = whole, .owner = owner, .units = units};
  size_t most = whole->layout->num_tensors;
  symo_status status = SYMO_OK;
  for (size_t k = 0; k < whole->num_blocks; k++) most += units_of(&whole->blocks[k]);
  a.part_of = symo_calloc(whole->layout->num_tensors, sizeof *a.part_of);
  a.parts = symo_calloc(most, sizeof *a.parts);
  a.common = symo_calloc((size_t)ranks, sizeof *a.common);
  if (a.part_of == NULL || a.parts == NULL || a.common == NULL)
    SYMO_TRY(symo_fail_memory(whole->context, "optim"));
  SYMO_TRY(list_parts(&a));
  SYMO_TRY(open_parts(&a, ranks));
  sort_parts(&a);
  give(&a, ranks, load);
  count_sent(&a, load);
fail:
  symo_free(a.part_of);
  symo_free(a.parts);
  symo_free(a.common);
  return status;
}
