/* The rules (see rules.c) of layers with inner structure: attention, recurrent, convolution,
 * pool. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "io/symmetries/classes.h"

/* ---- attention ---- */

/* Head r gives  softmax(Q_r K_r') V_r W_r  with queries Q_r = x A_r', keys K_r = y B_r' and values
 * V_r = y C_r'.  A_r -> R A_r, B_r -> R^{-T} B_r leaves Q_r K_r'; C_r -> S C_r, W_r -> W_r S^{-1}
 * leaves the rest: orthogonal R and S are the group of one head, apart for each, and heads are
 * added up, so that they may change places, queries, keys and values of a head together.  In
 * layouts the two spaces are independent, also in the places; averages are the same, as each space
 * is irreducible either way and the two stay inequivalent. */
typedef struct heads {
  size_t inner, value, out;
} heads;

static symo_status read_heads(sym_state *s, const graph_node *n, const sym_value *x, heads *h) {
  size_t width = sym_axis_dim(s, x, x->order - 1), dim = n->head_dim;
  if (dim == 0 && width % n->heads != 0)
    return sym_refuse(s, SYMO_E_SHAPE,
                      "the last axis of %s has dimension %zu, which %zu %s do not divide (give "
                      "head_dim)",
                      s->g->nodes[n->from[0]].name, width, n->heads,
                      symo_plural(n->heads, "head", "heads"));
  if (dim == 0) dim = width / n->heads;
  h->inner = n->heads * dim;
  h->value = n->heads * (n->value_dim != 0 ? n->value_dim : dim);
  h->out = n->out != 0 ? n->out : width;
  if (n->heads > INT32_MAX || h->inner > INT32_MAX || h->value > INT32_MAX)
    return sym_refuse(s, SYMO_E_SIZE, "heads times dimension is too large (take fewer)");
  return SYMO_OK;
}

static symo_status check_attention(sym_state *s, const graph_node *n, const heads *h) {
  static const graph_role apart[] = {ROLE_QUERY, ROLE_KEY, ROLE_VALUE};
  bool fused = n->tensor[ROLE_QKV] != NULL;
  for (size_t i = 0; i < 3; i++)
    if ((n->tensor[apart[i]] != NULL) == fused)
      return sym_refuse(s, SYMO_E_FORMAT,
                        fused ? "%s and qkv (give either qkv or query, key and value)"
                              : "%s is missing (or give qkv, all three in one tensor)",
                        graph_role_key(apart[i]));
  if (fused && (n->num_from > 1 || h->inner != h->value))
    return sym_refuse(s, SYMO_E_SHAPE,
                      "qkv needs one value and value_dim equal to head_dim (give "
                      "query, key and value apart)");
  return SYMO_OK;
}

static size_t head_space(sym_state *s, const graph_node *n, size_t dim, const char *ending) {
  size_t atom = sym_atom_new(s, dim, ending);
  if (n->heads > 1) s->atoms[atom].copies = n->heads;
  s->atoms[atom].together = SIZE_MAX - s->here;
  return atom;
}

static void limit_heads(sym_state *s, const graph_node *n, size_t qk, size_t v) {
  const char *places = n->heads > 1 ? ", and heads may change places" : "";
  if (n->rotary) {
    sym_limit_atom(s, qk, SYM_IDENTITY, false,
                   "rotary positions turn pairs of coordinates by given angles");
    sym_remark(s, qk, "each pair of coordinates may be turned, in queries and keys alike%s",
               places);
  } else {
    sym_limit_atom(s, qk, SYM_ORTHOGONAL, false,
                   "attention takes inner products of queries and keys, which the same rotation of "
                   "both leaves, in each head by itself%s",
                   places);
    sym_remark(s, qk,
               "any invertible matrix on the queries of a head with its inverse transpose on "
               "the keys");
    if (n->tensor[ROLE_KEY_BIAS] != NULL)
      sym_remark(s, qk,
                 "the loss does not depend on tensor %s at all: it adds the same to all scores "
                 "of a query",
                 n->tensor[ROLE_KEY_BIAS]);
  }
  if (v != qk)
    sym_limit_atom(s, v, SYM_ORTHOGONAL, false,
                   "between values and projection attention is linear, so each head may be rotated "
                   "by itself%s",
                   places);
  if (v != qk) sym_remark(s, v, "any invertible matrix on the values of a head");
  if (v != qk && n->heads > 1 && n->rotary && n->tensor[ROLE_PROJECTION] == NULL)
    sym_limit_atom(s, v, SYM_IDENTITY, false,
                   "heads change places together with those of %s.qk only, which stay", n->name);
  if (v != qk && n->heads > 1 && !n->rotary)
    sym_remark(s, v,
               "heads change places together with those of %s.qk: to move one space alone is no "
               "symmetry of the loss, but gives the same averages, as no tensor has both",
               n->name);
}

static symo_status use_qkv(sym_state *s, const graph_node *n, const sym_value *x,
                           const sym_value *y, size_t qk, size_t v) {
  static const struct {
    graph_role weight, bias;
  } parts[] = {
      {ROLE_QUERY, ROLE_QUERY_BIAS}, {ROLE_KEY, ROLE_KEY_BIAS}, {ROLE_VALUE, ROLE_VALUE_BIAS}};
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < 3 && status == SYMO_OK; i++) {
    sym_axes weight = {0}, bias = {0};
    const sym_value *from = i == 0 ? x : y;
    sym_axes_add(&weight, i < 2 ? qk : v, i == 1);
    sym_axes_add_axis(&weight, from, from->order - 1, true);
    sym_axes_add(&bias, i < 2 ? qk : v, i == 1);
    status = sym_use(s, parts[i].weight, &weight);
    if (status == SYMO_OK) status = sym_use(s, parts[i].bias, &bias);
  }
  if (status != SYMO_OK || n->tensor[ROLE_QKV] == NULL) return status;
  sym_axes weight = {0}, bias = {0};
  size_t which = sym_atom_new(s, 3, ".which");
  sym_limit_atom(s, which, SYM_IDENTITY, false, "queries, keys and values are different things");
  sym_remark(s, qk,
             "queries and keys on one side and values on the other could turn apart, if they "
             "were tensors apart");
  sym_axes_add(&weight, which, false);
  sym_axes_add(&weight, qk, false);
  sym_axes_add_axis(&weight, x, x->order - 1, true);
  sym_axes_add(&bias, which, false);
  sym_axes_add(&bias, qk, false);
  status = sym_use(s, ROLE_QKV, &weight);
  return status == SYMO_OK ? sym_use(s, ROLE_QKV_BIAS, &bias) : status;
}

symo_status sym_rule_attention(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]], *y = &s->values[n->from[n->num_from - 1]];
  heads h = {0};
  if (x->order != 2 || y->order != 2)
    return sym_refuse(s, SYMO_E_SHAPE, "values of %zu and %zu %s (takes [positions, features])",
                      x->order, y->order, symo_plural(y->order, "axis", "axes"));
  symo_status status = read_heads(s, n, x, &h);
  if (status == SYMO_OK) status = check_attention(s, n, &h);
  if (status != SYMO_OK) return status;
  size_t qk = head_space(s, n, h.inner, n->tensor[ROLE_QKV] != NULL ? ".heads" : ".qk");
  size_t v = n->tensor[ROLE_QKV] != NULL ? qk : head_space(s, n, h.value, ".v");
  limit_heads(s, n, qk, v);
  status = use_qkv(s, n, x, y, qk, v);
  if (status != SYMO_OK) return status;
  static const char *const masked = "a position attends to earlier ones only";
  static const char *const turned = "rotary positions turn queries and keys by their places";
  static const char *const open = "attention weights are normalised over positions";
  sym_level level = n->causal || n->rotary ? SYM_IDENTITY : SYM_PERMUTATION;
  const char *why = n->causal ? masked : n->rotary ? turned : open;
  sym_limit_axis(s, x, 0, level, false, why);
  if (y != x) sym_limit_axis(s, y, 0, level, false, why);
  status = sym_value_push_axis(s, out, x, 0);
  if (status != SYMO_OK || n->tensor[ROLE_PROJECTION] == NULL)
    return status == SYMO_OK ? sym_value_push(s, out, v) : status;
  sym_axes weight = {0}, bias = {0};
  size_t units = sym_atom_new(s, h.out, "");
  sym_axes_add(&weight, units, false);
  sym_axes_add(&weight, v, true);
  sym_axes_add(&bias, units, false);
  status = sym_use(s, ROLE_PROJECTION, &weight);
  if (status == SYMO_OK) status = sym_use(s, ROLE_PROJECTION_BIAS, &bias);
  return status == SYMO_OK ? sym_value_push(s, out, units) : status;
}

/* ---- recurrent ---- */

/* Axes before those that an operation works on, such as examples: it treats each place alike. */
static symo_status push_examples(sym_state *s, const sym_value *x, size_t count, sym_value *out) {
  symo_status status = SYMO_OK;
  for (size_t a = 0; a < count && status == SYMO_OK; a++) {
    sym_limit_axis(s, x, a, SYM_PERMUTATION, false,
                   "places along this axis are treated one by one");
    status = sym_value_push_axis(s, out, x, a);
  }
  return status;
}

symo_status sym_rule_recurrent(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]];
  bool lstm = n->kind != NULL && strcmp(n->kind, "lstm") == 0;
  bool gru = n->kind != NULL && strcmp(n->kind, "gru") == 0;
  if (x->order < 2)
    return sym_refuse(s, SYMO_E_SHAPE, "a value of %zu %s (takes [steps, features])", x->order,
                      symo_plural(x->order, "axis", "axes"));
  size_t features = x->order - 1;
  if (n->in != 0 && n->in != sym_axis_dim(s, x, features))
    return sym_refuse(s, SYMO_E_SHAPE,
                      "axis %zu of %s has dimension %zu, but \"in\" says %zu (correct one of them)",
                      features, s->g->nodes[n->from[0]].name, sym_axis_dim(s, x, features), n->in);
  size_t units = sym_atom_new(s, n->out, "");
  sym_axes weight = {0}, hidden = {0}, bias = {0};
  if (lstm || gru) {
    size_t gates = sym_atom_new(s, lstm ? 4 : 3, ".gates");
    sym_limit_atom(s, gates, SYM_IDENTITY, false, "gates are different things");
    sym_limit_atom(
        s, units, SYM_PERMUTATION, false,
        "the gates of %s are sigmoids, which are not odd, so units may only change places",
        n->kind);
    sym_remark(s, units,
               "the sign of a unit's candidate, with all weights that read the unit; its "
               "gates stay, so that it is no action on this axis");
    sym_axes_add(&weight, gates, false);
    sym_axes_add(&hidden, gates, false);
    sym_axes_add(&bias, gates, false);
  } else {
    sym_value one = {.order = 1, .start = {0, 1}, .atoms = {units}};
    sym_limit_function(s, &one, n->function != NULL ? n->function : "tanh");
  }
  sym_axes_add(&weight, units, false);
  sym_axes_add_axis(&weight, x, features, true);
  sym_axes_add(&hidden, units, false);
  sym_axes_add(&hidden, units, true);
  sym_axes_add(&bias, units, false);
  sym_limit_axis(s, x, features - 1, SYM_IDENTITY, false, "steps stand in their order");
  symo_status status = push_examples(s, x, features - 1, out);
  if (status == SYMO_OK) status = sym_use(s, ROLE_WEIGHT, &weight);
  if (status == SYMO_OK) status = sym_use(s, ROLE_WEIGHT_HIDDEN, &hidden);
  if (status == SYMO_OK) status = sym_use(s, ROLE_BIAS, &bias);
  if (status == SYMO_OK) status = sym_use(s, ROLE_BIAS_HIDDEN, &bias);
  if (status == SYMO_OK && !n->last) status = sym_value_push_axis(s, out, x, features - 1);
  return status == SYMO_OK ? sym_value_push(s, out, units) : status;
}

/* ---- windows ---- */

/* One number for all axes, or one each, or the default. */
static symo_status per_axis(sym_state *s, const char *what, size_t count, const size_t *given,
                            size_t axes, const size_t *fallback, size_t *out) {
  if (count > 1 && count != axes)
    return sym_refuse(s, SYMO_E_SHAPE, "%s has %zu %s for %zu %s (one, or one each)", what, count,
                      symo_plural(count, "number", "numbers"), axes,
                      symo_plural(axes, "axis", "axes"));
  for (size_t a = 0; a < axes; a++) {
    out[a] = count == 0 ? fallback[a] : given[count == 1 ? 0 : a];
    if (out[a] == 0)
      return sym_refuse(s, SYMO_E_ARGUMENT, "%s is 0 on axis %zu (take 1 or more)", what, a);
  }
  return SYMO_OK;
}

/* The last `axes` axes are positions, the one before is channels. */
static symo_status check_windowed(sym_state *s, const sym_value *x, size_t axes) {
  if (x->order < axes + 1)
    return sym_refuse(s, SYMO_E_SHAPE, "a value of %zu %s (takes channels and %zu of positions)",
                      x->order, symo_plural(x->order, "axis", "axes"), axes);
  for (size_t a = x->order - axes; a < x->order; a++)
    if (x->start[a + 1] - x->start[a] != 1)
      return sym_refuse(s, SYMO_E_UNSUPPORTED,
                        "axis %zu of %s is a flattened one (take windows before flatten)", a,
                        s->g->nodes[s->g->nodes[s->here].from[0]].name);
  return SYMO_OK;
}

/* Positions behind windows: the same atom where their number stays. */
static symo_status push_positions(sym_state *s, const graph_node *n, const sym_value *x, bool pad,
                                  size_t axes, const size_t *window, const size_t *stride,
                                  sym_value *out) {
  static const char *const endings[] = {".y", ".x", ".z", ".3", ".4", ".5", ".6"};
  size_t first = x->order - axes;
  if (n->num_positions != 0 && n->num_positions != axes)
    return sym_refuse(s, SYMO_E_SHAPE, "positions has %zu %s for %zu %s (one each)",
                      n->num_positions, symo_plural(n->num_positions, "number", "numbers"), axes,
                      symo_plural(axes, "axis", "axes"));
  for (size_t a = first; a < x->order; a++) {
    size_t size = sym_axis_dim(s, x, a), w = window[a - first], step = stride[a - first];
    assert(step > 0);
    if (!pad && w > size && n->num_positions == 0)
      return sym_refuse(s, SYMO_E_SHAPE,
                        "the window is %zu long on axis %zu of %s, which has dimension %zu (take a "
                        "shorter one)",
                        w, a, s->g->nodes[n->from[0]].name, size);
    size_t left = n->num_positions > 0 ? n->positions[a - first]
                  : pad                ? (size - 1) / step + 1
                                       : (size - w) / step + 1;
    size_t atom = x->atoms[x->start[a]];
    static const char *const why = "windows run over it: positions stay where they are";
    sym_limit_atom(s, atom, SYM_IDENTITY, false, "%s", why);
    if (left != size) {
      atom = sym_atom_new(s, left, endings[a - first]);
      sym_limit_atom(s, atom, SYM_IDENTITY, false, "%s", why);
    }
    symo_status status = sym_value_push(s, out, atom);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static const size_t ones[SYM_MAX_ATOMS] = {1, 1, 1, 1, 1, 1, 1, 1};

symo_status sym_rule_conv(sym_state *s, const graph_node *n, sym_value *out) {
  static const char *const endings[] = {".ky", ".kx"};
  const sym_value *x = &s->values[n->from[0]];
  size_t axes = n->op == GRAPH_CONV1D ? 1 : 2, kernel[SYM_MAX_ATOMS] = {0},
         stride[SYM_MAX_ATOMS] = {0};
  symo_status status = check_windowed(s, x, axes);
  size_t from = status == SYMO_OK ? x->order - axes - 1 : 0; /* the axis of channels */
  if (status == SYMO_OK && n->in != 0 && n->in != sym_axis_dim(s, x, from))
    return sym_refuse(s, SYMO_E_SHAPE,
                      "axis %zu of %s has dimension %zu, but \"in\" says %zu (correct one of them)",
                      from, s->g->nodes[n->from[0]].name, sym_axis_dim(s, x, from), n->in);
  if (status == SYMO_OK && n->depthwise && n->out != sym_axis_dim(s, x, from))
    return sym_refuse(s, SYMO_E_SHAPE, "depthwise: %zu channels of %zu (give as many as enter)",
                      n->out, sym_axis_dim(s, x, from));
  if (status == SYMO_OK) status = per_axis(s, "kernel", n->order, n->sizes, axes, ones, kernel);
  if (status == SYMO_OK)
    status = per_axis(s, "stride", n->num_strides, n->strides, axes, ones, stride);
  if (status != SYMO_OK) return status;
  sym_axes weight = {0}, bias = {0};
  size_t channels = sym_atom_new(s, n->out, "");
  sym_axes_add(&weight, channels, false);
  if (n->depthwise) {
    sym_value one = {.order = 1, .start = {0, 1}, .atoms = {channels}};
    sym_meet_axes(s, x, from, &one, 0);
    sym_limit_atom(s, channels, SYM_PERMUTATION, false,
                   "each channel has a kernel of its own, and signs and scales would multiply");
    size_t single = sym_atom_new(s, 1, ".one");
    sym_limit_atom(s, single, SYM_PERMUTATION, false, "an axis of one place, without another end");
    sym_axes_add(&weight, single, false);
  } else {
    sym_axes_add_axis(&weight, x, from, true);
  }
  for (size_t a = 0; a < axes; a++) {
    size_t atom = sym_atom_new(s, kernel[a], axes == 1 ? ".k" : endings[a]);
    sym_limit_atom(s, atom, SYM_IDENTITY, false, "offsets of a kernel are tied to positions");
    sym_axes_add(&weight, atom, false);
  }
  sym_axes_add(&bias, channels, false);
  status = sym_use(s, ROLE_WEIGHT, &weight);
  if (status == SYMO_OK) status = sym_use(s, ROLE_BIAS, &bias);
  if (status == SYMO_OK) status = push_examples(s, x, from, out);
  if (status == SYMO_OK) status = sym_value_push(s, out, channels);
  if (status != SYMO_OK) return status;
  bool pad = n->kind == NULL || strcmp(n->kind, "none") != 0;
  return push_positions(s, n, x, pad, axes, kernel, stride, out);
}

symo_status sym_rule_pool(sym_state *s, const graph_node *n, sym_value *out) {
  const sym_value *x = &s->values[n->from[0]];
  size_t window[SYM_MAX_ATOMS] = {0}, stride[SYM_MAX_ATOMS] = {0};
  if (x->order < 2)
    return sym_refuse(s, SYMO_E_SHAPE, "a value of %zu %s (takes channels and positions)", x->order,
                      symo_plural(x->order, "axis", "axes"));
  size_t axes = n->num_positions > 0 ? n->num_positions : x->order - 1;
  symo_status status = check_windowed(s, x, axes);
  if (status == SYMO_OK) status = per_axis(s, "window", n->order, n->sizes, axes, ones, window);
  if (status == SYMO_OK)
    status = per_axis(s, "stride", n->num_strides, n->strides, axes, window, stride);
  if (status != SYMO_OK) return status;
  size_t channels = x->order - axes - 1;
  if (strcmp(n->kind, "max") == 0)
    sym_limit_axis(
        s, x, channels, SYM_PERMUTATION, true,
        "the maximum over a window becomes the minimum when the sign changes, so channels "
        "only change places and scale");
  else
    sym_limit_axis(s, x, channels, SYM_ORTHOGONAL, true,
                   "averages over windows are linear and let everything pass");
  status = push_examples(s, x, channels, out);
  if (status == SYMO_OK) status = sym_value_push_axis(s, out, x, channels);
  return status == SYMO_OK ? push_positions(s, n, x, false, axes, window, stride, out) : status;
}
