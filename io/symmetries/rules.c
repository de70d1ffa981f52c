/* What each operation ties together and what it commutes with.  A value x has a group on its axes;
 * an operation f with parameters w is taken along when f(g w, g x) = g f(w, x) for all g that the
 * classes keep, so by induction every value moves as its classes say, and the loss, whose axes keep
 * nothing, does not move at all.  Contraction needs Q'Q = I, and w's axis there is dual. */
#include "core/text.h"
#include "io/symmetries/classes.h"

#include <string.h>

static const sym_value *input_of(const sym_state *s, const graph_node *n, size_t index) {
  return &s->values[n->from[index]];
}

static symo_status need_axes(sym_state *s, const sym_value *v, size_t least, const char *what) {
  if (v->order >= least) return SYMO_OK;
  return sym_refuse(s, SYMO_E_SHAPE, "the value it is made from has %zu %s (needs %s)", v->order,
                    symo_plural(v->order, "axis", "axes"), what);
}

static symo_status check_in(sym_state *s, const graph_node *n, const sym_value *x, size_t axis) {
  size_t dim = sym_axis_dim(s, x, axis);
  if (n->in == 0 || n->in == dim) return SYMO_OK;
  return sym_refuse(s, SYMO_E_SHAPE,
                    "axis %zu of %s has dimension %zu, but \"in\" says %zu (correct one of them)",
                    axis, s->g->nodes[n->from[0]].name, dim, n->in);
}

/* ---- beginnings and ends ---- */

static symo_status rule_input(sym_state *s, const graph_node *n, sym_value *out) {
  static const char *const endings[] = {".0", ".1", ".2", ".3", ".4", ".5", ".6", ".7"};
  bool data = n->op == GRAPH_INPUT;
  sym_axes axes = {0};
  for (size_t a = 0; a < n->order; a++) {
    size_t atom = sym_atom_new(s, n->sizes[a], n->order > 1 ? endings[a] : "");
    symo_status status = sym_value_push(s, out, atom);
    if (status != SYMO_OK) return status;
    if (data) sym_limit_atom(s, atom, SYM_IDENTITY, false, "inputs are data and stay as they are");
    sym_axes_add(&axes, atom, false);
  }
  return data ? SYMO_OK : sym_use(s, ROLE_WEIGHT, &axes);
}

static symo_status rule_output(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  sym_limit_value(s, out, SYM_IDENTITY, false,
                  "outputs are compared with given targets and stay as they are");
  return SYMO_OK;
}

static symo_status rule_embedding(sym_state *s, const graph_node *n, sym_value *out) {
  sym_axes axes = {0};
  *out = *input_of(s, n, 0);
  sym_limit_value(s, out, SYM_IDENTITY, false,
                  "the numbers in it are symbols, which are looked up");
  size_t rows = sym_atom_new(s, n->rows, ".rows"), features = sym_atom_new(s, n->out, "");
  sym_limit_atom(s, rows, SYM_IDENTITY, false, "rows of an embedding belong to given symbols");
  sym_axes_add(&axes, rows, false);
  sym_axes_add(&axes, features, false);
  symo_status status = sym_use(s, ROLE_WEIGHT, &axes);
  return status == SYMO_OK ? sym_value_push(s, out, features) : status;
}

/* ---- linear maps ---- */

static symo_status rule_dense(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = input_of(s, n, 0);
  sym_axes weight = {0}, bias = {0};
  symo_status status = need_axes(s, x, 1, "one or more, of which the last is contracted");
  if (status == SYMO_OK) status = check_in(s, n, x, x->order - 1);
  if (status != SYMO_OK) return status;
  size_t units = sym_atom_new(s, n->out, "");
  if (!n->transposed) sym_axes_add(&weight, units, false);
  sym_axes_add_axis(&weight, x, x->order - 1, true);
  if (n->transposed) sym_axes_add(&weight, units, false);
  sym_axes_add(&bias, units, false);
  status = sym_use(s, ROLE_WEIGHT, &weight);
  if (status == SYMO_OK) status = sym_use(s, ROLE_BIAS, &bias);
  for (size_t a = 0; a + 1 < x->order && status == SYMO_OK; a++) {
    if (n->tensor[ROLE_BIAS] != NULL)
      sym_limit_axis(s, x, a, SYM_PERMUTATION, false,
                     "the same bias is added everywhere along this axis");
    status = sym_value_push_axis(s, out, x, a);
  }
  return status == SYMO_OK ? sym_value_push(s, out, units) : status;
}

/* ---- entry by entry ---- */

static symo_status rule_activation(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  sym_limit_function(s, out, n->function);
  return SYMO_OK;
}

static symo_status rule_dropout(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  sym_limit_value(s, out, SYM_SIGNED_PERMUTATION, true,
                  "dropout zeroes units independently, so on average places and signs are free and "
                  "rotations are not");
  return SYMO_OK;
}

static symo_status rule_softmax(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  sym_limit_value(s, out, SYM_PERMUTATION, false,
                  "softmax passes changes of places, neither signs nor scales");
  return SYMO_OK;
}

/* ---- norms ---- */

static symo_status use_gain(sym_state *s, const sym_value *x, size_t axis) {
  sym_axes axes = {0};
  sym_axes_add_axis(&axes, x, axis, false);
  symo_status status = sym_use(s, ROLE_GAIN, &axes);
  return status == SYMO_OK ? sym_use(s, ROLE_BIAS, &axes) : status;
}

static void limit_others(sym_state *s, const sym_value *x, size_t axis, const char *text) {
  for (size_t a = 0; a < x->order; a++)
    if (a != axis) sym_limit_axis(s, x, a, SYM_PERMUTATION, false, text);
}

static void remark_axis(sym_state *s, const sym_value *x, size_t axis, const char *text) {
  for (size_t i = x->start[axis]; i < x->start[axis + 1]; i++)
    sym_remark(s, x->atoms[i], "%s", text);
}

static symo_status rule_norm(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  symo_status status = need_axes(s, out, 1, "one or more, of which the last is normalised");
  if (status != SYMO_OK) return status;
  size_t axis = out->order - 1;
  bool gain = n->tensor[ROLE_GAIN] != NULL;
  if (n->op == GRAPH_LAYERNORM) {
    sym_limit_axis(s, out, axis, SYM_PERMUTATION, false,
                   "layernorm subtracts the mean, which signs would change");
    remark_axis(s, out, axis,
                gain ? "gain and bias of a unit times any number, and the weights behind over it, "
                       "change nothing; it is no action on this space, as what enters stays"
                     : "rotations that leave the mean as it is, O(d - 1)");
  } else if (gain) {
    sym_limit_axis(
        s, out, axis, SYM_PERMUTATION, false,
        "rmsnorm passes rotations, but its gain is tied to the units; signs are lost too, "
        "for the gain would have to stay while its axis changes sign");
    remark_axis(
        s, out, axis,
        "sign flips of the units, exact if the gain is put on an identity space of its own");
  } else {
    sym_limit_axis(s, out, axis, SYM_ORTHOGONAL, false,
                   "rmsnorm without gain keeps rotations, which leave the length, but not scales");
  }
  limit_others(s, out, axis, "places along this axis are normalised one by one");
  return use_gain(s, out, axis);
}

static symo_status rule_batchnorm(sym_state *s, const graph_node *n, sym_value *out) {
  *out = *input_of(s, n, 0);
  if (n->axis >= out->order)
    return sym_refuse(s, SYMO_E_SHAPE, "axis %zu of a value with %zu %s (take a smaller one)",
                      n->axis, out->order, symo_plural(out->order, "axis", "axes"));
  bool tied = n->tensor[ROLE_GAIN] != NULL || n->tensor[ROLE_BIAS] != NULL;
  if (tied)
    sym_limit_axis(s, out, n->axis, SYM_PERMUTATION, false,
                   "batchnorm normalises unit by unit; its gain would have to stay while its axis "
                   "changes sign");
  else
    sym_limit_axis(s, out, n->axis, SYM_SIGNED_PERMUTATION, false,
                   "batchnorm normalises unit by unit, and is odd");
  remark_axis(s, out, n->axis,
              "what enters a unit times any c > 0 changes nothing: the batch takes it out again");
  limit_others(s, out, n->axis, "statistics are taken over this axis");
  return use_gain(s, out, n->axis);
}

/* Which operations leave parts of an axis apart (splits.c): those that treat every part alike and by
 * itself.  add, multiply, entrywise, matmul and reduce look closer, in their rules. */
static void mix_parts(sym_state *s, const graph_node *n) {
  for (size_t i = 0; i < n->num_from; i++) {
    const sym_value *x = input_of(s, n, i);
    bool gain = n->tensor[ROLE_GAIN] != NULL || n->tensor[ROLE_BIAS] != NULL;
    switch (n->op) {
    case GRAPH_DENSE:
    case GRAPH_CONV1D:
    case GRAPH_CONV2D:
    case GRAPH_RECURRENT:
    case GRAPH_EMBEDDING:
    case GRAPH_ATTENTION:
    case GRAPH_BATCHNORM:
    case GRAPH_POOL:
    case GRAPH_CONCAT: sym_mix(s, x); break;
    case GRAPH_LAYERNORM:
    case GRAPH_RMSNORM: gain ? sym_mix(s, x) : sym_mix_orphans(s, x); break;
    default: sym_mix_orphans(s, x);
    }
  }
}

symo_status sym_rule(sym_state *s, const graph_node *node, sym_value *out) {
  static symo_status (*const rules[GRAPH_NUM_OPS])(sym_state *, const graph_node *, sym_value *) = {
      [GRAPH_INPUT] = rule_input,           [GRAPH_PARAMETER] = rule_input,
      [GRAPH_DENSE] = rule_dense,           [GRAPH_CONV1D] = sym_rule_conv,
      [GRAPH_CONV2D] = sym_rule_conv,       [GRAPH_RECURRENT] = sym_rule_recurrent,
      [GRAPH_EMBEDDING] = rule_embedding,   [GRAPH_ATTENTION] = sym_rule_attention,
      [GRAPH_ACTIVATION] = rule_activation, [GRAPH_LAYERNORM] = rule_norm,
      [GRAPH_RMSNORM] = rule_norm,          [GRAPH_BATCHNORM] = rule_batchnorm,
      [GRAPH_SOFTMAX] = rule_softmax,       [GRAPH_DROPOUT] = rule_dropout,
      [GRAPH_POOL] = sym_rule_pool,         [GRAPH_REDUCE] = sym_rule_reduce,
      [GRAPH_FLATTEN] = sym_rule_flatten,   [GRAPH_TRANSPOSE] = sym_rule_transpose,
      [GRAPH_ADD] = sym_rule_meet,          [GRAPH_MULTIPLY] = sym_rule_meet,
      [GRAPH_ENTRYWISE] = sym_rule_meet,    [GRAPH_MATMUL] = sym_rule_matmul,
      [GRAPH_RESHAPE] = sym_rule_reshape,   [GRAPH_SLICE] = sym_rule_slice,
      [GRAPH_REPEAT] = sym_rule_repeat,     [GRAPH_CONCAT] = sym_rule_concat,
      [GRAPH_OPAQUE] = sym_rule_opaque,     [GRAPH_OUTPUT] = rule_output};
  mix_parts(s, node);
  return rules[node->op](s, node, out);
}
