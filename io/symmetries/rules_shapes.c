/* The rules (see rules.c) of what moves, takes and puts together axes, and of operations of which
 * nothing is known. */
#include <string.h>

#include "core/alloc.h"
#include "core/text.h"
#include "io/symmetries/classes.h"

symo_status sym_need_axis(sym_state *s, const graph_node *n, const sym_value *v, size_t axis) {
  if (axis < v->order) return SYMO_OK;
  return sym_refuse(s, SYMO_E_SHAPE, "axis %zu of a value with %zu %s (take a smaller one)", axis,
                    v->order, symo_plural(v->order, "axis", "axes"));
}

/* A new axis on which nothing moves. */
static symo_status push_still(sym_state *s, size_t dim, const char *text, sym_value *out) {
  size_t atom = sym_atom_new(s, dim, ".still");
  sym_limit_atom(s, atom, SYM_IDENTITY, false, "%s", text);
  return sym_value_push(s, out, atom);
}

/* ---- shapes ---- */

symo_status sym_rule_flatten(sym_state *s, const graph_node *n, sym_value *out) {
  *out = s->values[n->from[0]];
  if (out->order == 0)
    return sym_refuse(s, SYMO_E_SHAPE, "the value it is made from has 0 axes (needs one or more)");
  size_t all = out->start[out->order];
  out->order = 1;
  out->start[0] = 0, out->start[1] = all;
  return SYMO_OK;
}

symo_status sym_rule_transpose(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]];
  bool seen[SYM_MAX_ATOMS] = {false};
  symo_status status = SYMO_OK;
  if (n->order != x->order)
    return sym_refuse(s, SYMO_E_SHAPE, "\"order\" has %zu %s for a value of %zu %s (one each)",
                      n->order, symo_plural(n->order, "entry", "entries"), x->order,
                      symo_plural(x->order, "axis", "axes"));
  for (size_t a = 0; a < n->order && status == SYMO_OK; a++) {
    if (n->sizes[a] >= x->order || seen[n->sizes[a]])
      return sym_refuse(s, SYMO_E_SHAPE, "\"order\" is no permutation of 0 to %zu (entry %zu: %zu)",
                        x->order - 1, a, n->sizes[a]);
    seen[n->sizes[a]] = true;
    status = sym_value_push_axis(s, out, x, n->sizes[a]);
  }
  return status;
}

/* Sums over the parts, or over what is in a part that is nowhere told apart, mix them. */
static void mix_reduced(sym_state *s, const sym_value *x, size_t axis) {
  for (size_t i = 0; i < x->start[x->order]; i++) {
    size_t o = sym_outer_of(s, x, i);
    if (o != SIZE_MAX && o >= x->start[axis] && o < x->start[axis + 1])
      sym_mix_atom(s, x->atoms[i]);
  }
}

symo_status sym_rule_reduce(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]];
  bool last = strcmp(n->kind, "last") == 0, one = strcmp(n->kind, "one") == 0;
  bool largest = strcmp(n->kind, "max") == 0;
  symo_status status = sym_need_axis(s, n, x, n->axis);
  if (status != SYMO_OK) return status;
  mix_reduced(s, x, n->axis);
  sym_limit_axis(s, x, n->axis, last || one ? SYM_IDENTITY : SYM_PERMUTATION, false,
                 last  ? "the last place is taken"
                 : one ? "one place of this axis is taken"
                       : "all places are taken together");
  for (size_t a = 0; a < x->order && status == SYMO_OK; a++) {
    if (a == n->axis) continue;
    if (largest)
      sym_limit_axis(s, x, a, SYM_PERMUTATION, true,
                     "a maximum is taken, which signs would change");
    status = sym_value_push_axis(s, out, x, a);
  }
  return status;
}

/* ---- reshape ---- */

/* A sign on an axis of one place would be lost with the axis, or come from nowhere. */
static const char *const one_place = "an axis of one place is put in or left out";

/* Atoms of the input that the axes of the output take one after the other. */
typedef struct supply {
  size_t count, at, atoms[SYM_MAX_ATOMS];
} supply;

/* Appends atoms of size `dim` together to the axis that is being made; false where atoms do not
 * divide so. */
static bool take_axis(sym_state *s, supply *from, size_t dim, size_t *count, size_t *atoms) {
  while (dim > 1) {
    if (from->at == from->count || *count == SYM_MAX_ATOMS) return false;
    size_t atom = from->atoms[from->at], d = sym_dim(s, atom);
    if (d > 1 && dim % d == 0) {
      atoms[(*count)++] = atom;
      dim /= d;
    } else if (d > 1 && d % dim == 0) {
      sym_split_atom(s, atom, dim, &atoms[(*count)++], &from->atoms[from->at]);
      return true;
    } else if (d > 1) {
      return false;
    } else {
      sym_limit_atom(s, atom, SYM_PERMUTATION, false, "%s", one_place);
    }
    from->at++;
  }
  return true;
}

static symo_status push_atoms(sym_state *s, size_t count, const size_t *atoms, sym_value *out) {
  sym_value one = {.order = 1, .start = {0, count}};
  if (count == 0) {
    one.atoms[0] = sym_atom_new(s, 1, ".one");
    sym_limit_atom(s, one.atoms[0], SYM_PERMUTATION, false, "%s", one_place);
    return sym_value_push(s, out, one.atoms[0]);
  }
  memcpy(one.atoms, atoms, count * sizeof *atoms);
  sym_join_axis(s, &one, 0);
  return sym_value_push_axis(s, out, &one, 0);
}

symo_status sym_rule_reshape(sym_state *s, const graph_node *n, sym_value *out) {
  static const char *const why = "it is cut into other axes, across its boundaries";
  const sym_value *x = &s->values[n->from[0]];
  size_t before = 1, after = 1;
  for (size_t i = 0; i < x->start[x->order]; i++) before *= sym_dim(s, x->atoms[i]);
  for (size_t i = 0; i < n->order; i++)
    if (!symo_mul_size(after, n->sizes[i], &after)) after = SIZE_MAX;
  if (before != after)
    return sym_refuse(s, SYMO_E_SHAPE,
                      "the value it is made from has %zu numbers, the shape %zu (give another "
                      "shape)",
                      before, after);
  supply from = {.count = x->start[x->order]};
  memcpy(from.atoms, x->atoms, sizeof from.atoms);
  bool fits = true;
  symo_status status = SYMO_OK;
  for (size_t a = 0; a < n->order && status == SYMO_OK; a++) {
    size_t count = 0, atoms[SYM_MAX_ATOMS];
    fits = fits && take_axis(s, &from, n->sizes[a], &count, atoms);
    if (fits) {
      status = push_atoms(s, count, atoms, out);
      continue;
    }
    for (size_t i = 0; i < count; i++) sym_limit_atom(s, atoms[i], SYM_IDENTITY, false, "%s", why);
    for (; from.at < from.count; from.at++)
      sym_limit_atom(s, from.atoms[from.at], SYM_IDENTITY, false, "%s", why);
    status = push_still(s, n->sizes[a], why, out);
  }
  for (; from.at < from.count; from.at++)
    sym_limit_atom(s, from.atoms[from.at], SYM_PERMUTATION, false, "%s", one_place);
  return status;
}

/* ---- parts of axes, and axes side by side ---- */

symo_status sym_rule_slice(sym_state *s, const graph_node *n, sym_value *out) {
  static const char *const why = "only some places of this axis are taken";
  const sym_value *x = &s->values[n->from[0]];
  symo_status status = sym_need_axis(s, n, x, n->axis);
  if (status != SYMO_OK) return status;
  if (n->out > sym_axis_dim(s, x, n->axis))
    return sym_refuse(s, SYMO_E_SHAPE, "%zu places of axis %zu, which has dimension %zu", n->out,
                      n->axis, sym_axis_dim(s, x, n->axis));
  sym_limit_axis(s, x, n->axis, SYM_IDENTITY, false, why);
  for (size_t a = 0; a < x->order && status == SYMO_OK; a++)
    status = a == n->axis ? push_still(s, n->out, why, out) : sym_value_push_axis(s, out, x, a);
  return status;
}

symo_status sym_rule_repeat(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]];
  symo_status status = sym_need_axis(s, n, x, n->axis);
  if (status != SYMO_OK) return status;
  if (sym_axis_dim(s, x, n->axis) != 1)
    return sym_refuse(s, SYMO_E_SHAPE, "axis %zu has dimension %zu (only one place is repeated)",
                      n->axis, sym_axis_dim(s, x, n->axis));
  for (size_t a = 0; a < x->order && status == SYMO_OK; a++) {
    if (a != n->axis) {
      status = sym_value_push_axis(s, out, x, a);
      continue;
    }
    static const char *const why = "the same numbers are repeated along this axis";
    size_t atom = sym_atom_new(s, n->out, ".repeat");
    sym_limit_atom(s, atom, SYM_PERMUTATION, false, "%s", why);
    sym_limit_axis(s, x, a, SYM_PERMUTATION, false, why);
    status = sym_value_push(s, out, atom);
  }
  return status;
}

symo_status sym_rule_concat(sym_state *s, const graph_node *n, sym_value *out) {
  static const char *const why = "values stand side by side along this axis, each with its own";
  const sym_value *first = &s->values[n->from[0]];
  symo_status status = sym_need_axis(s, n, first, n->axis);
  size_t dim = 0;
  for (size_t i = 0; i < n->num_from && status == SYMO_OK; i++) {
    const sym_value *x = &s->values[n->from[i]];
    if (x->order != first->order)
      return sym_refuse(s, SYMO_E_SHAPE, "values of %zu and %zu axes (they must be equal)",
                        first->order, x->order);
    dim += sym_axis_dim(s, x, n->axis);
    sym_limit_axis(s, x, n->axis, SYM_IDENTITY, false, why);
    for (size_t a = 0; a < x->order; a++) {
      if (a == n->axis || i == 0) continue;
      if (sym_axis_dim(s, x, a) != sym_axis_dim(s, first, a))
        return sym_refuse(s, SYMO_E_SHAPE,
                          "axis %zu of %s has dimension %zu, but that of %s has %zu (they must be "
                          "equal)",
                          a, s->g->nodes[n->from[0]].name, sym_axis_dim(s, first, a),
                          s->g->nodes[n->from[i]].name, sym_axis_dim(s, x, a));
      sym_meet_axes(s, first, a, x, a);
    }
  }
  for (size_t a = 0; a < first->order && status == SYMO_OK; a++)
    status = a == n->axis ? push_still(s, dim, why, out) : sym_value_push_axis(s, out, first, a);
  return status;
}

/* ---- the unknown ---- */

symo_status sym_rule_opaque(sym_state *s, const graph_node *n, sym_value *out) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < n->num_from; i++) {
    const sym_value *x = &s->values[n->from[i]];
    for (size_t k = 0; k < x->start[x->order]; k++)
      sym_limit_atom(s, x->atoms[k], SYM_IDENTITY, false,
                     "%.200s is not understood, so what enters it stays as it is", n->function);
  }
  for (size_t a = 0; a < n->order && status == SYMO_OK; a++)
    status = push_still(s, n->sizes[a], "it comes from what is not understood", out);
  return status;
}
