/* Averages over scalings where a space is permuted as well: the labels that differ only in the
 * irrep of that space mix, pair by pair of columns of the other axes, by the maps of
 * groups/plan/moments_table.c. */
#include "groups/plan/moments.h"

#include "core/alloc.h"
#include "core/error.h"

/* The member of `to` with the family indices of a member of `from`; their keys differ in spaces
 * without families only. */
static size_t same_member(const plan_label *from, size_t member, const plan_label *to) {
  size_t out = 0;
  for (int row = 0; row < to->num_families; row++) {
    int i = 0, j = 0;
    while (to->key_family[i] != row) i++;
    while (from->key_space[j] != to->key_space[i]) j++;
    out = out * to->row[row] + symo_moments_family(from, member, from->key_family[j]);
  }
  return out;
}

/* A tensor with irreps chosen for all spaces but one: its columns in the labels that differ in the
 * irrep of that space are [outer][copies][inner]. */
typedef struct stem {
  const plan_piece *piece; /* one of them */
  int order, side[SCALED_AXES];
  size_t outer, inner, column[SYMO_MAX_IRREPS], copies[SYMO_MAX_IRREPS];
} stem;

/* The labels that differ in the irrep of a space, and the stems in them. */
typedef struct bundle {
  const symo_plan *plan;
  const scaled_space *space;
  const plan_label *first, *label[SYMO_MAX_IRREPS];
  void *block[SYMO_MAX_IRREPS];
  size_t num_stems;
  stem *stems;
} bundle;

/* The irrep of a space that a label is for; 0 if it has no such key. */
static int irrep_of(const plan_label *label, size_t space) {
  for (int i = 0; i < label->num_keys; i++)
    if (label->key_space[i] == space) return label->key_irrep[i];
  return 0;
}

/* Keys are in the order of the spaces. */
static bool same_but_for(const symo_plan *plan, const plan_label *a, const plan_label *b,
                         size_t space) {
  int i = 0, j = 0;
  if (plan->coupling == SYMO_BLOCKED && a->tensor != b->tensor) return false;
  for (;; i++, j++) {
    if (i < a->num_keys && a->key_space[i] == space) i++;
    if (j < b->num_keys && b->key_space[j] == space) j++;
    if (i == a->num_keys || j == b->num_keys) return i == a->num_keys && j == b->num_keys;
    if (a->key_space[i] != b->key_space[j] || a->key_irrep[i] != b->key_irrep[j]) return false;
  }
}

static bool same_stem(const plan_piece *a, const plan_piece *b, size_t space) {
  if (a->tensor != b->tensor) return false;
  for (int i = 0; i < a->num_occurrences; i++)
    if (a->occ[i].space != space && a->occ[i].number != b->occ[i].number) return false;
  return true;
}

static void add_piece(bundle *b, const plan_piece *piece, int irrep) {
  const layout_tensor *t = &b->plan->layout->tensors[piece->tensor];
  const occurrence *o = symo_moments_occurrence(piece, b->space->space);
  size_t i = 0, width[SYMO_MAX_ORDER];
  while (i < b->num_stems && !same_stem(b->stems[i].piece, piece, b->space->space)) i++;
  stem *s = &b->stems[i];
  if (i == b->num_stems) {
    *s = (stem){.piece = piece, .outer = piece->width, .inner = 1};
    b->num_stems++;
  }
  s->column[irrep] = piece->column;
  s->copies[irrep] = o == NULL ? 1 : o->copies;
  if (o == NULL) return;
  s->order = o->order;
  for (int k = 0; k < o->order; k++) s->side[k] = t->dual[o->axis[k]] ? -1 : 1;
  symo_moments_widths(b->plan, piece, width);
  s->outer = s->inner = 1;
  for (size_t a = 0; a < t->order; a++) {
    if ((int)a < o->axis[0]) s->outer *= width[a];
    if ((int)a > o->axis[0]) s->inner *= width[a];
  }
}

/* All pairs of columns of two stems; of one stem with itself once. */
static void mix_lanes(const bundle *b, const stem *x, const stem *y, size_t member,
                      const pattern_table *t, const double *map) {
  symo_dtype dtype = b->plan->dtype;
  size_t at[MAX_ENTRIES], base[SYMO_MAX_IRREPS] = {0};
  double v[MAX_ENTRIES];
  int n = t->num_entries;
  for (int k = 0; k < SYMO_MAX_IRREPS; k++) {
    const plan_label *l = b->label[k];
    if (l != NULL) base[k] = same_member(b->first, member, l) * l->m * l->m;
  }
  for (size_t i = 0; i < x->outer * x->inner; i++) {
    size_t xo = i / x->inner, xi = i % x->inner, end = x == y ? i + 1 : y->outer * y->inner;
    for (size_t j = 0; j < end; j++) {
      size_t yo = j / y->inner, yi = j % y->inner;
      for (int e = 0; e < n; e++) {
        int k = t->entry[e].irrep;
        size_t row = x->column[k] + (xo * x->copies[k] + t->entry[e].a) * x->inner + xi;
        size_t column = y->column[k] + (yo * y->copies[k] + t->entry[e].b) * y->inner + yi;
        at[e] = base[k] + symo_moments_lower(b->label[k]->m, row, column);
        v[e] = symo_get(dtype, b->block[k], at[e]);
      }
      for (int e = 0; e < n; e++) {
        double sum = 0;
        for (int f = 0; f < n; f++) sum += map[e * n + f] * v[f];
        symo_put(dtype, b->block[t->entry[e].irrep], at[e], sum);
      }
    }
  }
}

static void mix_pair(const bundle *b, const stem *x, const stem *y, int sign) {
  const pattern_table *t = b->space->table[x->order][y->order];
  double map[MAX_ENTRIES * MAX_ENTRIES];
  int side[2 * SCALED_AXES] = {0};
  if (t == NULL) return; /* neither has the space */
  for (int k = 0; k < x->order; k++) side[k] = x->side[k];
  for (int k = 0; k < y->order; k++) side[x->order + k] = sign * y->side[k];
  symo_pattern_table_map(t, b->space->kappa, side, map);
  for (size_t c = 0; c < b->first->count; c++) mix_lanes(b, x, y, c, t, map);
}

/* The labels that go with label `first`, unless one of them comes before it. */
static bool open_bundle(const symo_plan *plan, const scaled_space *s, size_t first,
                        void *const *blocks, bundle *b) {
  const plan_label *leader = &plan->labels[first];
  stem *stems = b->stems;
  *b = (bundle){.plan = plan, .space = s, .first = leader, .stems = stems};
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (!l->scaled || !same_but_for(plan, l, leader, s->space)) continue;
    if (i < first) return false;
    int irrep = irrep_of(l, s->space);
    b->label[irrep] = l;
    b->block[irrep] = blocks[i];
    for (size_t p = 0; p < l->num_pieces; p++) add_piece(b, &l->pieces[p], irrep);
  }
  for (size_t i = 0; i < b->num_stems; i++)
    if (b->stems[i].order > 0) return true;
  return false;
}

symo_status symo_moments_mix(const symo_plan *plan, const scaled_space *s, int sign,
                             void *const *blocks) {
  size_t pieces = 0;
  for (size_t i = 0; i < plan->num_labels; i++) pieces += plan->labels[i].num_pieces;
  bundle b = {.stems = symo_calloc(pieces, sizeof *b.stems)};
  if (b.stems == NULL) return symo_fail_memory(plan->context, "moments");
  for (size_t i = 0; i < plan->num_labels; i++) {
    if (!plan->labels[i].scaled || !open_bundle(plan, s, i, blocks, &b)) continue;
    for (size_t x = 0; x < b.num_stems; x++)
      for (size_t y = 0; y <= x; y++) mix_pair(&b, &b.stems[x], &b.stems[y], sign);
  }
  symo_free(b.stems);
  return SYMO_OK;
}
