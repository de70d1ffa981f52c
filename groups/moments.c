/* Averages over scalings: what the moments of the scales do to averages over the structure group.
 *
 * A scale c_u acts on an entry of a tensor as c_u^e, e the sum of +1 for every axis and -1 for every
 * dual axis on which the entry has index u.  For gradients e changes sign.  So the average of a
 * product of two entries over independent scales is the product times
 *
 *     prod_u kappa(e_u + f_u)    two gradients, two parameters, an entry of a Hessian
 *     prod_u kappa(e_u - f_u)    a gradient and a parameter ("cross")
 *
 * with kappa(e) = E c^e, which is even (groups/scaling.c).  Permutations are averaged first; the
 * scales have the same distribution for all coordinates.
 *
 *   No permutations: columns, with the member of a sign-flip family, tell e and f, and entries of
 *     Gram matrices are multiplied one by one.
 *   Permutations: the labels that differ only in the irrep of the space mix, by a small linear map
 *     for every pair of columns of the other axes (groups/moments_table.c).
 *
 * Several spaces act on different axes and do so one after the other. */
#include "groups/moments.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

/* ---- making ---- */

static int axes_of(const symo_layout *layout, size_t tensor, size_t space) {
  int n = 0;
  for (size_t a = 0; a < layout->tensors[tensor].order; a++)
    n += layout->tensors[tensor].space[a] == space;
  return n;
}

symo_status symo_moments_check(const symo_layout *layout) {
  for (size_t s = 0; s < layout->num_spaces; s++) {
    const symo_group_spec *spec = symo_scaling_spec(layout->spaces[s].group);
    if (spec == NULL || !(spec->signs || spec->permute)) continue;
    for (size_t t = 0; t < layout->num_tensors; t++)
      if (axes_of(layout, t, s) > SCALED_AXES)
        return symo_fail(layout->context, SYMO_E_UNSUPPORTED,
                         "plan: tensor %s: space %s stands on %d axes, and scaling with signs or "
                         "permutations reaches %d (name the others after an identity space)",
                         layout->tensors[t].name, layout->spaces[s].name, axes_of(layout, t, s),
                         SCALED_AXES);
  }
  return SYMO_OK;
}

static symo_status make_tables(const symo_plan *plan, scaled_space *s) {
  const symo_layout *layout = plan->layout;
  bool occurs[SCALED_AXES + 1] = {true};
  for (size_t t = 0; t < layout->num_tensors; t++) occurs[axes_of(layout, t, s->space)] = true;
  for (int p = 0; p <= SCALED_AXES; p++)
    for (int q = 0; q <= SCALED_AXES; q++) {
      if (p + q == 0 || !occurs[p] || !occurs[q]) continue;
      symo_status status =
          symo_pattern_table_create(plan->context, &plan->spaces[s->space],
                                    layout->spaces[s->space].dim, p, q, &s->table[p][q]);
      if (status != SYMO_OK) return status;
    }
  return SYMO_OK;
}

/* The largest moment that two entries of one tensor may get. */
static double largest_moment(const symo_plan *plan, const struct plan_moments *m) {
  double most = 1;
  for (size_t t = 0; t < plan->layout->num_tensors; t++) {
    double own = 1;
    for (size_t i = 0; i < m->num_spaces; i++)
      own *= m->spaces[i].kappa[2 * axes_of(plan->layout, t, m->spaces[i].space)];
    most = own > most ? own : most;
  }
  return most;
}

static void mark_labels(symo_plan *plan) {
  const symo_layout *layout = plan->layout;
  for (size_t i = 0; i < plan->num_labels; i++) {
    plan_label *l = &plan->labels[i];
    for (size_t p = 0; p < l->num_pieces; p++)
      for (size_t k = 0; k < plan->moments->num_spaces; k++)
        if (axes_of(layout, l->pieces[p].tensor, plan->moments->spaces[k].space) > 0)
          l->scaled = true;
    /* The scales move what is trivial for the structure: means are subtracted there instead. */
    if (l->scaled) l->dropped = false;
  }
}

symo_status symo_moments_create(symo_plan *plan) {
  const symo_layout *layout = plan->layout;
  size_t n = 0;
  for (size_t s = 0; s < layout->num_spaces; s++)
    n += symo_scaling_spec(layout->spaces[s].group) != NULL;
  if (n == 0) return SYMO_OK;
  plan->moments = symo_calloc(1, sizeof *plan->moments);
  if (plan->moments == NULL) return symo_fail_memory(plan->context, "plan");
  plan->moments->spaces = symo_calloc(n, sizeof *plan->moments->spaces);
  if (plan->moments->spaces == NULL) return symo_fail_memory(plan->context, "plan");
  for (size_t s = 0; s < layout->num_spaces; s++) {
    const symo_group_spec *spec = symo_scaling_spec(layout->spaces[s].group);
    bool used = false;
    for (size_t t = 0; t < layout->num_tensors; t++) used = used || axes_of(layout, t, s) > 0;
    if (spec == NULL || !used) continue;
    scaled_space *to = &plan->moments->spaces[plan->moments->num_spaces++];
    to->space = s;
    to->spec = spec;
    for (int e = 0; e <= MAX_EXPONENT; e++) to->kappa[e] = symo_scaling_moment(spec, e);
    symo_status status = spec->permute ? make_tables(plan, to) : SYMO_OK;
    if (status != SYMO_OK) return status;
  }
  plan->moments->largest = largest_moment(plan, plan->moments);
  mark_labels(plan);
  return SYMO_OK;
}

void symo_moments_destroy(struct plan_moments *m) {
  if (m == NULL) return;
  for (size_t i = 0; m->spaces != NULL && i < m->num_spaces; i++)
    for (int p = 0; p <= SCALED_AXES; p++)
      for (int q = 0; q <= SCALED_AXES; q++) symo_free(m->spaces[i].table[p][q]);
  symo_free(m->spaces);
  symo_free(m);
}

double symo_moments_largest(const symo_plan *plan) {
  return plan->moments == NULL ? 1 : plan->moments->largest;
}

/* ---- where things are ---- */

static const occurrence *occurrence_of(const plan_piece *piece, size_t space) {
  for (int i = 0; i < piece->num_occurrences; i++)
    if (piece->occ[i].space == space) return &piece->occ[i];
  return NULL;
}

/* Columns of a piece along the axes of its tensor; 1 for axes that an earlier one stands for. */
static void column_widths(const symo_plan *plan, const plan_piece *piece, size_t *width) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  for (size_t a = 0; a < t->order; a++) width[a] = t->dim[a];
  for (int i = 0; i < piece->num_occurrences; i++) {
    const occurrence *o = &piece->occ[i];
    for (int k = 0; k < o->order; k++) width[o->axis[k]] = k == 0 ? o->copies : 1;
  }
}

/* The index of a member of a label on one of its family rows. */
static size_t family_index(const plan_label *label, size_t member, int row) {
  for (int r = label->num_families - 1; r > row; r--) member /= label->row[r];
  return member % label->row[row];
}

/* The member of `to` with the family indices of a member of `from`; their keys differ in spaces
 * without families only. */
static size_t same_member(const plan_label *from, size_t member, const plan_label *to) {
  size_t out = 0;
  for (int row = 0; row < to->num_families; row++) {
    int i = 0, j = 0;
    while (to->key_family[i] != row) i++;
    while (from->key_space[j] != to->key_space[i]) j++;
    out = out * to->row[row] + family_index(from, member, from->key_family[j]);
  }
  return out;
}

/* Place of (row, column) in the lower triangle. */
static size_t lower(size_t m, size_t row, size_t column) {
  return row >= column ? row * m + column : column * m + row;
}

/* ---- without permutations ---- */

/* The exponents of one space on the entries that a column stands for. */
typedef struct exponents {
  int n, e[SYMO_MAX_REPEAT];
  size_t unit[SYMO_MAX_REPEAT];
} exponents;

static void add_exponent(exponents *x, size_t unit, bool dual) {
  int i = 0;
  while (i < x->n && x->unit[i] != unit) i++;
  if (i == x->n) {
    x->unit[i] = unit;
    x->e[x->n++] = 0;
  }
  x->e[i] += dual ? -1 : 1;
}

/* Number f of the pairs (0,1), (0,2), .., (1,2), .. */
static void find_pair(size_t d, size_t f, size_t *i, size_t *j) {
  *i = 0;
  while (f >= d - 1 - *i) f -= d - 1 - (*i)++;
  *j = *i + 1 + f;
}

/* Signs: the irrep tells the indices up to order, the copy the order (groups/sign_flip.c). */
static void add_flipped(const plan_label *label, size_t member, const layout_tensor *t,
                        const occurrence *o, size_t copy, exponents *out) {
  bool first = t->dual[o->axis[0]], second = o->order > 1 && t->dual[o->axis[1]];
  if (o->order == 1) {
    add_exponent(out, family_index(label, member, o->family_row), first);
  } else if (!o->irrep.family) {
    add_exponent(out, copy, first);
    add_exponent(out, copy, second);
  } else {
    size_t i, j;
    find_pair(t->dim[o->axis[0]], family_index(label, member, o->family_row), &i, &j);
    add_exponent(out, copy == 0 ? i : j, first);
    add_exponent(out, copy == 0 ? j : i, second);
  }
}

static exponents exponents_of(const symo_plan *plan, const plan_label *label, size_t member,
                              const plan_piece *piece, size_t column, size_t space) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  size_t width[SYMO_MAX_ORDER], index[SYMO_MAX_ORDER];
  exponents out = {0};
  column_widths(plan, piece, width);
  for (size_t a = t->order; a-- > 0; column /= width[a]) index[a] = column % width[a];
  const occurrence *o = occurrence_of(piece, space);
  if (o != NULL) {
    add_flipped(label, member, t, o, index[o->axis[0]], &out);
    return out;
  }
  for (size_t a = 0; a < t->order; a++)
    if (t->space[a] == space) add_exponent(&out, index[a], t->dual[a]);
  return out;
}

/* prod_u kappa(e_u + sign f_u) */
static double factor(const double *kappa, const exponents *x, const exponents *y, int sign) {
  double out = 1;
  for (int i = 0; i < x->n; i++) {
    int e = x->e[i];
    for (int j = 0; j < y->n; j++) e += y->unit[j] == x->unit[i] ? sign * y->e[j] : 0;
    out *= kappa[abs(e)];
  }
  for (int j = 0; j < y->n; j++) {
    int i = 0;
    while (i < x->n && x->unit[i] != y->unit[j]) i++;
    if (i == x->n) out *= kappa[abs(y->e[j])];
  }
  return out;
}

static void multiply_member(const symo_plan *plan, const plan_label *label, size_t member,
                            const scaled_space *s, int sign, exponents *columns, void *c) {
  symo_dtype t = plan->dtype;
  for (size_t p = 0; p < label->num_pieces; p++)
    for (size_t k = 0; k < label->pieces[p].width; k++)
      columns[label->pieces[p].column + k] =
          exponents_of(plan, label, member, &label->pieces[p], k, s->space);
  for (size_t a = 0; a < label->m; a++)
    for (size_t b = 0; b <= a; b++) {
      if (columns[a].n == 0 && columns[b].n == 0) continue;
      size_t at = (member * label->m + a) * label->m + b;
      double moment = factor(s->kappa, &columns[a], &columns[b], sign);
      symo_put(t, c, at, moment * symo_get(t, c, at));
    }
}

static symo_status multiply(const symo_plan *plan, const scaled_space *s, int sign,
                            void *const *blocks) {
  size_t most = 0;
  for (size_t i = 0; i < plan->num_labels; i++)
    if (plan->labels[i].scaled && plan->labels[i].m > most) most = plan->labels[i].m;
  exponents *columns = symo_calloc(most, sizeof *columns);
  if (columns == NULL) return symo_fail_memory(plan->context, "moments");
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    bool concerned = false;
    for (size_t p = 0; l->scaled && p < l->num_pieces; p++)
      concerned = concerned || axes_of(plan->layout, l->pieces[p].tensor, s->space) > 0;
    for (size_t c = 0; concerned && c < l->count; c++)
      multiply_member(plan, l, c, s, sign, columns, blocks[i]);
  }
  symo_free(columns);
  return SYMO_OK;
}

/* ---- with permutations ---- */

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
  const occurrence *o = occurrence_of(piece, b->space->space);
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
  column_widths(b->plan, piece, width);
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
        at[e] = base[k] + lower(b->label[k]->m, row, column);
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

static symo_status mix(const symo_plan *plan, const scaled_space *s, int sign,
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

/* ---- means ---- */

/* The copies of a permuting space in the trivial label, and no second tensor. */
static void mean_of_copies(const symo_plan *plan, const plan_piece *piece, const scaled_space *s,
                           symo_dtype dtype, void *x, size_t stride) {
  const occurrence *o = occurrence_of(piece, s->space);
  double map[MAX_ENTRIES * MAX_ENTRIES], v[MAX_ENTRIES];
  size_t inner = 1, width[SYMO_MAX_ORDER];
  int side[2 * SCALED_AXES] = {0};
  if (o == NULL) return;
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  column_widths(plan, piece, width);
  for (size_t a = (size_t)o->axis[0] + 1; a < t->order; a++) inner *= width[a];
  for (int k = 0; k < o->order; k++) side[k] = t->dual[o->axis[k]] ? -1 : 1;
  symo_pattern_table_map(s->table[o->order][0], s->kappa, side, map);
  for (size_t lane = 0; lane < piece->width / o->copies; lane++) {
    size_t at = piece->column + lane / inner * o->copies * inner + lane % inner;
    for (size_t c = 0; c < o->copies; c++) v[c] = symo_get(dtype, x, (at + c * inner) * stride);
    for (size_t c = 0; c < o->copies; c++) {
      double sum = 0;
      for (size_t f = 0; f < o->copies; f++) sum += map[c * o->copies + f] * v[f];
      symo_put(dtype, x, (at + c * inner) * stride, sum);
    }
  }
}

void symo_moments_mean(const symo_plan *plan, const plan_label *label, symo_dtype dtype, void *x,
                       size_t stride) {
  const exponents none = {0};
  for (size_t k = 0; plan->moments != NULL && k < plan->moments->num_spaces; k++) {
    const scaled_space *s = &plan->moments->spaces[k];
    for (size_t p = 0; p < label->num_pieces; p++) {
      const plan_piece *piece = &label->pieces[p];
      if (s->spec->permute) {
        mean_of_copies(plan, piece, s, dtype, x, stride);
        continue;
      }
      for (size_t i = 0; i < piece->width; i++) {
        exponents e = exponents_of(plan, label, 0, piece, i, s->space);
        size_t at = (piece->column + i) * stride;
        if (e.n > 0)
          symo_put(dtype, x, at, factor(s->kappa, &e, &none, 1) * symo_get(dtype, x, at));
      }
    }
  }
}

/* ---- all together ---- */

/* The outer products of the orbit means, which lie in the trivial labels: one [m, m] after the
 * other in float64.  The average before any moments is the sum of x x' there. */
static symo_status take_means(const symo_plan *plan, void *const *blocks, double **out) {
  size_t numbers = 0;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->num_keys == 0 && l->scaled) numbers += l->m * l->m;
  }
  double *store = symo_malloc(numbers * sizeof *store), *c = store;
  if (store == NULL) return symo_fail_memory(plan->context, "moments");
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->num_keys > 0 || !l->scaled) continue;
    for (size_t a = 0; a < l->m; a++)
      for (size_t b = 0; b < l->m; b++)
        c[a * l->m + b] = symo_get(plan->dtype, blocks[i], lower(l->m, a, b));
    for (size_t a = 0; a < l->m; a++) symo_moments_mean(plan, l, SYMO_F64, c + a, l->m);
    for (size_t a = 0; a < l->m; a++) symo_moments_mean(plan, l, SYMO_F64, c + a * l->m, 1);
    c += l->m * l->m;
  }
  *out = store;
  return SYMO_OK;
}

static void subtract_means(const symo_plan *plan, const double *c, void *const *blocks) {
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->num_keys > 0 || !l->scaled) continue;
    for (size_t a = 0; a < l->m; a++)
      for (size_t b = 0; b <= a; b++) {
        size_t at = a * l->m + b;
        symo_put(plan->dtype, blocks[i], at, symo_get(plan->dtype, blocks[i], at) - c[at]);
      }
    c += l->m * l->m;
  }
}

symo_status symo_plan_moments(const symo_plan *plan, moment_kind kind, bool subtract,
                              void *const *blocks) {
  symo_status status = SYMO_OK;
  double *means = NULL;
  int sign = kind == MOMENT_CROSS ? -1 : 1;
  if (plan->moments == NULL) return SYMO_OK;
  if (subtract) SYMO_TRY(take_means(plan, blocks, &means));
  for (size_t i = 0; i < plan->moments->num_spaces && status == SYMO_OK; i++) {
    const scaled_space *s = &plan->moments->spaces[i];
    status = s->spec->permute ? mix(plan, s, sign, blocks) : multiply(plan, s, sign, blocks);
  }
  if (status == SYMO_OK && subtract) subtract_means(plan, means, blocks);
fail:
  symo_free(means);
  return status;
}
