/* Averages over scalings: what the moments of the scales do to averages over the structure group.
 *
 * A scale c_u acts on an entry of a tensor as c_u^e, e the sum of +1 for every axis and -1 for
 * every dual axis on which the entry has index u.  For gradients e changes sign.  So the average of
 * a product of two entries over independent scales is the product times
 *
 *     prod_u kappa(e_u + f_u)    two gradients, two parameters, an entry of a Hessian
 *     prod_u kappa(e_u - f_u)    a gradient and a parameter ("cross")
 *
 * with kappa(e) = E c^e, which is even (groups/forms/scaling.c).  Permutations are averaged first;
 * the scales have the same distribution for all coordinates.
 *
 *   No permutations: columns, with the member of a sign-flip family, tell e and f, and entries of
 *     Gram matrices are multiplied one by one.
 *   Permutations: the labels that differ only in the irrep of the space mix, by a small linear map
 *     for every pair of columns of the other axes (groups/plan/moments_table.c).
 *
 * Several spaces act on different axes and do so one after the other. */
#include "groups/plan/moments.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

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
                         "plan: tensor %s: space %s stands on %d %s, and scaling with signs or "
                         "permutations reaches %d (name the others after an identity space)",
                         layout->tensors[t].name, layout->spaces[s].name, axes_of(layout, t, s),
                         symo_plural(axes_of(layout, t, s), "axis", "axes"), SCALED_AXES);
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

const occurrence *symo_moments_occurrence(const plan_piece *piece, size_t space) {
  for (int i = 0; i < piece->num_occurrences; i++)
    if (piece->occ[i].space == space) return &piece->occ[i];
  return NULL;
}

void symo_moments_widths(const symo_plan *plan, const plan_piece *piece, size_t *width) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  for (size_t a = 0; a < t->order; a++) width[a] = t->dim[a];
  for (int i = 0; i < piece->num_occurrences; i++) {
    const occurrence *o = &piece->occ[i];
    for (int k = 0; k < o->order; k++) width[o->axis[k]] = k == 0 ? o->copies : 1;
  }
}

size_t symo_moments_family(const plan_label *label, size_t member, int row) {
  for (int r = label->num_families - 1; r > row; r--) member /= label->row[r];
  return member % label->row[row];
}

size_t symo_moments_lower(size_t m, size_t row, size_t column) {
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

/* Signs: the irrep tells the indices up to order, the copy the order (groups/forms/sign_flip.c). */
static void add_flipped(const plan_label *label, size_t member, const layout_tensor *t,
                        const occurrence *o, size_t copy, exponents *out) {
  bool first = t->dual[o->axis[0]], second = o->order > 1 && t->dual[o->axis[1]];
  if (o->order == 1) {
    add_exponent(out, symo_moments_family(label, member, o->family_row), first);
  } else if (!o->irrep.family) {
    add_exponent(out, copy, first);
    add_exponent(out, copy, second);
  } else {
    size_t i, j;
    find_pair(t->dim[o->axis[0]], symo_moments_family(label, member, o->family_row), &i, &j);
    add_exponent(out, copy == 0 ? i : j, first);
    add_exponent(out, copy == 0 ? j : i, second);
  }
}

static exponents exponents_of(const symo_plan *plan, const plan_label *label, size_t member,
                              const plan_piece *piece, size_t column, size_t space) {
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  size_t width[SYMO_MAX_ORDER], index[SYMO_MAX_ORDER];
  exponents out = {0};
  symo_moments_widths(plan, piece, width);
  for (size_t a = t->order; a-- > 0; column /= width[a]) index[a] = column % width[a];
  const occurrence *o = symo_moments_occurrence(piece, space);
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

/* ---- means ---- */

/* The copies of a permuting space in the trivial label, and no second tensor. */
static void mean_of_copies(const symo_plan *plan, const plan_piece *piece, const scaled_space *s,
                           symo_dtype dtype, void *x, size_t stride) {
  const occurrence *o = symo_moments_occurrence(piece, s->space);
  double map[MAX_ENTRIES * MAX_ENTRIES], v[MAX_ENTRIES];
  size_t inner = 1, width[SYMO_MAX_ORDER];
  int side[2 * SCALED_AXES] = {0};
  if (o == NULL) return;
  const layout_tensor *t = &plan->layout->tensors[piece->tensor];
  symo_moments_widths(plan, piece, width);
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
static symo_status allocate_means(const symo_plan *plan, void *const *blocks, double **out) {
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
        c[a * l->m + b] = symo_get(plan->dtype, blocks[i], symo_moments_lower(l->m, a, b));
    for (size_t a = 0; a < l->m; a++) symo_moments_mean(plan, l, SYMO_F64, c + a, l->m);
    for (size_t a = 0; a < l->m; a++) symo_moments_mean(plan, l, SYMO_F64, c + a * l->m, 1);
    c += l->m * l->m;
  }
  *out = store;
  return SYMO_OK;
}

/* What is left carries the rounding errors of what was there: loss says how much more that was. */
static void subtract_means(const symo_plan *plan, const double *c, void *const *blocks,
                           double *loss) {
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->num_keys > 0 || !l->scaled) continue;
    double before = symo_trace(plan->dtype, l->m, blocks[i]);
    for (size_t a = 0; a < l->m; a++)
      for (size_t b = 0; b <= a; b++) {
        size_t at = a * l->m + b;
        symo_put(plan->dtype, blocks[i], at, symo_get(plan->dtype, blocks[i], at) - c[at]);
      }
    double after = symo_trace(plan->dtype, l->m, blocks[i]);
    loss[i] = fmax(loss[i], after > 0 ? before / after : before > 0 ? 1e300 : 1);
    c += l->m * l->m;
  }
}

symo_status symo_plan_moments(const symo_plan *plan, moment_kind kind, double *loss,
                              void *const *blocks) {
  symo_status status = SYMO_OK;
  double *means = NULL;
  int sign = kind == MOMENT_CROSS ? -1 : 1;
  if (plan->moments == NULL) return SYMO_OK;
  if (loss != NULL) SYMO_TRY(allocate_means(plan, blocks, &means));
  for (size_t i = 0; i < plan->moments->num_spaces && status == SYMO_OK; i++) {
    const scaled_space *s = &plan->moments->spaces[i];
    status = s->spec->permute ? symo_moments_mix(plan, s, sign, blocks)
                              : multiply(plan, s, sign, blocks);
  }
  if (status == SYMO_OK && loss != NULL) subtract_means(plan, means, blocks, loss);
fail:
  symo_free(means);
  return status;
}
