/* The rules (see rules.c) of values that meet: entry by entry, or in products of matrices. */
#include <string.h>

#include "core/text.h"
#include "io/symmetries/classes.h"

static const sym_value *input_of(const sym_state *s, const graph_node *n, size_t index) {
  return &s->values[n->from[index]];
}

void sym_meet_axes(sym_state *s, const sym_value *x, size_t a, const sym_value *y, size_t b) {
  static const char *const why = "it meets an axis that is flattened in another way";
  size_t count = x->start[a + 1] - x->start[a];
  bool alike = count == y->start[b + 1] - y->start[b];
  for (size_t i = 0; alike && i < count; i++)
    alike = sym_dim(s, x->atoms[x->start[a] + i]) == sym_dim(s, y->atoms[y->start[b] + i]);
  for (size_t i = 0; alike && i < count; i++)
    sym_unite(s, x->atoms[x->start[a] + i], y->atoms[y->start[b] + i]);
  if (alike) return;
  sym_limit_axis(s, x, a, SYM_IDENTITY, false, why);
  sym_limit_axis(s, y, b, SYM_IDENTITY, false, why);
}

/* The axis of atom `at`. */
static size_t axis_of(const sym_value *v, size_t at) {
  size_t a = 0;
  while (v->start[a + 1] <= at) a++;
  return a;
}

/* Whether the value has more than one place on the axis that is k-th from the end, k >= 1. */
static bool is_long(const sym_state *s, const sym_value *v, size_t k) {
  return k <= v->order && sym_axis_dim(s, v, v->order - k) != 1;
}

/* Values that have an inner axis and not its outer one would act on all parts alike. */
static void mix_met(sym_state *s, const graph_node *n) {
  for (size_t i = 0; i < n->num_from; i++) {
    const sym_value *x = input_of(s, n, i);
    for (size_t at = 0; at < x->start[x->order]; at++) {
      size_t o = sym_outer_of(s, x, at);
      if (o == SIZE_MAX) continue;
      size_t inner = x->order - axis_of(x, at), outer = x->order - axis_of(x, o);
      for (size_t j = 0; j < n->num_from; j++)
        if (is_long(s, input_of(s, n, j), inner) && !is_long(s, input_of(s, n, j), outer))
          sym_mix_atom(s, x->atoms[at]);
    }
  }
}

/* The axes that are k-th from the end, leaving `skip` at the end of each value, k >= 1; missing
 * ones and those of dimension one are repeated.  Pushes the common axis. */
static symo_status meet_axis(sym_state *s, const graph_node *n, size_t skip, size_t k,
                             sym_value *out) {
  static const char *const why = "the same numbers are repeated along this axis";
  size_t base = SIZE_MAX;
  bool repeated = false;
  for (size_t i = 0; i < n->num_from; i++) {
    const sym_value *y = input_of(s, n, i);
    if (y->order < skip + k) continue;
    if (base == SIZE_MAX ||
        (!is_long(s, input_of(s, n, base), skip + k) && is_long(s, y, skip + k)))
      base = i;
  }
  const sym_value *x = input_of(s, n, base);
  size_t a = x->order - skip - k, dim = sym_axis_dim(s, x, a);
  for (size_t i = 0; i < n->num_from; i++) {
    const sym_value *y = input_of(s, n, i);
    size_t b = y->order - skip - k; /* where y has the axis */
    if (y->order < skip + k || (dim != 1 && sym_axis_dim(s, y, b) == 1)) {
      repeated = true;
      if (y->order >= skip + k) sym_limit_axis(s, y, b, SYM_PERMUTATION, false, why);
      continue;
    }
    if (sym_axis_dim(s, y, b) != dim)
      return sym_refuse(s, SYMO_E_SHAPE,
                        "axis %zu of %s has dimension %zu, but axis %zu of %s has %zu (they must "
                        "be equal)",
                        a, s->g->nodes[n->from[base]].name, dim, b, s->g->nodes[n->from[i]].name,
                        sym_axis_dim(s, y, b));
    if (i != base) sym_meet_axes(s, x, a, y, b);
  }
  if (repeated) sym_limit_axis(s, x, a, SYM_PERMUTATION, false, why);
  return sym_value_push_axis(s, out, x, a);
}

static size_t longest(const sym_state *s, const graph_node *n) {
  size_t order = 0;
  for (size_t i = 0; i < n->num_from; i++)
    if (input_of(s, n, i)->order > order) order = input_of(s, n, i)->order;
  return order;
}

/* Values meet from the last axis backwards; where one has fewer axes it is repeated. */
symo_status sym_rule_meet(sym_state *s, const graph_node *n, sym_value *out) {
  symo_status status = SYMO_OK;
  mix_met(s, n);
  for (size_t k = longest(s, n); k > 0 && status == SYMO_OK; k--)
    status = meet_axis(s, n, 0, k, out);
  if (status != SYMO_OK) return status;
  if (n->op == GRAPH_MULTIPLY) {
    sym_limit_value(s, out, SYM_PERMUTATION, false,
                    "two values are multiplied entry by entry, so signs and scales would multiply");
    for (size_t i = 0; i < out->start[out->order]; i++)
      sym_remark(s, out->atoms[i],
                 "one factor of the product alone, with the weights behind, may change signs "
                 "where it is linear in its weights");
  } else if (n->op == GRAPH_ENTRYWISE) {
    for (size_t i = 0; i < out->start[out->order]; i++)
      sym_limit_atom(s, out->atoms[i], SYM_PERMUTATION, false,
                     "%.60s takes several values entry by entry, so units may only change places",
                     n->function);
  }
  return SYMO_OK;
}

/* ---- products of matrices ---- */

/* Parts stay apart where both factors have their outer axis among those that are not multiplied,
 * or where only one of the factors has the inner axis and does not contract it. */
static void mix_multiplied(sym_state *s, const sym_value *x, size_t contracted,
                           const sym_value *other) {
  for (size_t at = 0; at < x->start[x->order]; at++) {
    size_t o = sym_outer_of(s, x, at);
    if (o == SIZE_MAX) continue;
    size_t inner = axis_of(x, at), outer = axis_of(x, o);
    bool apart = outer + 2 < x->order;
    bool both =
        inner == contracted || (inner + 2 < x->order && is_long(s, other, x->order - inner));
    if (!apart || (both && !is_long(s, other, x->order - outer))) sym_mix_atom(s, x->atoms[at]);
  }
}

symo_status sym_rule_matmul(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *a = input_of(s, n, 0), *b = input_of(s, n, 1);
  if (a->order < 2 || b->order < 2)
    return sym_refuse(s, SYMO_E_SHAPE, "values of %zu and %zu %s (takes two of two or more)",
                      a->order, b->order, symo_plural(b->order, "axis", "axes"));
  size_t x = a->order - 1, y = b->order - (n->transposed ? 1 : 2);
  size_t free = b->order - (n->transposed ? 2 : 1);
  if (sym_axis_dim(s, a, x) != sym_axis_dim(s, b, y))
    return sym_refuse(s, SYMO_E_SHAPE,
                      "axis %zu of %s has dimension %zu, but axis %zu of %s has %zu (they are "
                      "summed over together)",
                      x, s->g->nodes[n->from[0]].name, sym_axis_dim(s, a, x), y,
                      s->g->nodes[n->from[1]].name, sym_axis_dim(s, b, y));
  mix_multiplied(s, a, x, b);
  mix_multiplied(s, b, y, a);
  sym_meet_axes(s, a, x, b, y);
  sym_limit_axis(s, a, x, SYM_ORTHOGONAL, false,
                 "products of two values keep inner products, which rotations leave and scales do "
                 "not");
  symo_status status = SYMO_OK;
  for (size_t k = longest(s, n) - 2; k > 0 && status == SYMO_OK; k--) {
    status = meet_axis(s, n, 2, k, out);
    if (status == SYMO_OK)
      sym_limit_axis(s, out, out->order - 1, SYM_PERMUTATION, false,
                     "products are taken place by place along this axis");
  }
  if (status == SYMO_OK) status = sym_value_push_axis(s, out, a, a->order - 2);
  return status == SYMO_OK ? sym_value_push_axis(s, out, b, free) : status;
}
