/* The rules of symmetries against a plain evaluation of the network: what is proposed does not
 * change the loss, and nothing smaller is proposed. */
#include "io/symmetries/classes.h"
#include "tests/io/test_symmetries_forward.h"
#include "tests/io/test_symmetries_support.h"

#include <math.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every rule, on networks that the engine does not have: shape of the input, nodes. */
static const struct {
  const char *shape, *nodes;
} graphs[] = {
    {"[4, 3]", "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 5, 'cell': 'lstm', 'weight': "
               "'a', 'weight_hidden': 'b', 'bias': 'c', 'bias_hidden': 'd', 'last': true},"
               "{'op': 'dense', 'name': 'y', 'from': 'h', 'out': 2, 'weight': 'w'}"},
    {"[4, 3]", "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 5, 'cell': 'gru', 'weight': "
               "'a', 'weight_hidden': 'b', 'bias': 'c', 'bias_hidden': 'd'},"
               "{'op': 'reduce', 'name': 'm', 'from': 'h', 'axis': 0, 'kind': 'mean'},"
               "{'op': 'dense', 'name': 'y', 'from': 'm', 'out': 2, 'weight': 'w'}"},
    {"[4, 3]", "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 5, 'cell': 'leaky', 'weight': "
               "'a', 'weight_hidden': 'b', 'bias': 'c'},"
               "{'op': 'dense', 'name': 'y', 'from': 'h', 'out': 2, 'weight': 'w', 'bias': 'o'}"},
    {"[5, 6]", "{'op': 'dense', 'name': 'e', 'from': 'x', 'out': 6, 'weight': 'w0'},"
               "{'op': 'rmsnorm', 'name': 'n', 'from': 'e'},"
               "{'op': 'attention', 'name': 't', 'from': 'n', 'heads': 1, 'query': 'q', 'key': 'k',"
               " 'value': 'v', 'projection': 'o', 'key_bias': 'kb', 'value_dim': 4},"
               "{'op': 'add', 'name': 's', 'from': ['e', 't']},"
               "{'op': 'dense', 'name': 'y', 'from': 's', 'out': 2, 'weight': 'w1'}"},
    {"[5, 6]", "{'op': 'attention', 'name': 't', 'from': 'x', 'heads': 3, 'qkv': 'a', 'qkv_bias': "
               "'b', 'projection': 'o', 'projection_bias': 'p', 'causal': true, 'head_dim': 2},"
               "{'op': 'layernorm', 'name': 'n', 'from': 't', 'gain': 'g', 'bias': 'gb'},"
               "{'op': 'dense', 'name': 'y', 'from': 'n', 'out': 2, 'weight': 'w1'}"},
    {"[5, 6]", "{'op': 'dense', 'name': 'q', 'from': 'x', 'out': 4, 'weight': 'wq'},"
               "{'op': 'dense', 'name': 'k', 'from': 'x', 'out': 4, 'weight': 'wk'},"
               "{'op': 'dense', 'name': 'v', 'from': 'x', 'out': 3, 'weight': 'wv'},"
               "{'op': 'matmul', 'name': 's', 'from': ['q', 'k'], 'transposed': true},"
               "{'op': 'softmax', 'name': 'p', 'from': 's'},"
               "{'op': 'matmul', 'name': 'z', 'from': ['p', 'v']},"
               "{'op': 'dense', 'name': 'y', 'from': 'z', 'out': 2, 'weight': 'wo'}"},
    {"[7]", "{'op': 'embedding', 'name': 'e', 'from': 'x', 'rows': 9, 'out': 5, 'weight': 'w'},"
            "{'op': 'parameter', 'name': 'p', 'shape': [7, 5], 'weight': 'pos'},"
            "{'op': 'add', 'name': 's', 'from': ['e', 'p']},"
            "{'op': 'rmsnorm', 'name': 'n', 'from': 's'},"
            "{'op': 'dense', 'name': 'y', 'from': 'n', 'out': 9, 'weight': 'w'}"},
    {"[6]", "{'op': 'dense', 'name': 'g', 'from': 'x', 'out': 7, 'weight': 'wg', 'bias': 'bg'},"
            "{'op': 'activation', 'name': 'a', 'from': 'g', 'function': 'silu'},"
            "{'op': 'dense', 'name': 'u', 'from': 'x', 'out': 7, 'weight': 'wu'},"
            "{'op': 'multiply', 'name': 'm', 'from': ['a', 'u']},"
            "{'op': 'dropout', 'name': 'd', 'from': 'm'},"
            "{'op': 'dense', 'name': 'y', 'from': 'd', 'out': 2, 'weight': 'wd'}"},
    {"[6]",
     "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
     "{'op': 'activation', 'name': 'a', 'from': 'h', 'function': 'relu'},"
     "{'op': 'dense', 'name': 'y', 'from': 'a', 'out': 6, 'weight': 'w', 'transposed': true}"},
    {"[2, 8]", "{'op': 'conv1d', 'name': 'c', 'from': 'x', 'out': 5, 'kernel': 3, 'weight': 'w'},"
               "{'op': 'batchnorm', 'name': 'n', 'from': 'c', 'axis': 0},"
               "{'op': 'activation', 'name': 'a', 'from': 'n', 'function': 'sin'},"
               "{'op': 'pool', 'name': 'p', 'from': 'a', 'window': 2, 'kind': 'average'},"
               "{'op': 'transpose', 'name': 't', 'from': 'p', 'order': [1, 0]},"
               "{'op': 'dense', 'name': 'u', 'from': 't', 'out': 3, 'weight': 'wu', 'bias': 'bu'},"
               "{'op': 'activation', 'name': 'b', 'from': 'u', 'function': 'erf'},"
               "{'op': 'flatten', 'name': 'f', 'from': 'b'},"
               "{'op': 'dense', 'name': 'y', 'from': 'f', 'out': 2, 'weight': 'wy'}"},
    {"[2, 8]", "{'op': 'conv1d', 'name': 'c', 'from': 'x', 'out': 5, 'kernel': 3, 'weight': 'w',"
               " 'padding': 'circular'},"
               "{'op': 'batchnorm', 'name': 'n', 'from': 'c', 'axis': 0, 'gain': 'g', 'bias': 'b'},"
               "{'op': 'activation', 'name': 'a', 'from': 'n', 'function': 'leaky-relu'},"
               "{'op': 'pool', 'name': 'p', 'from': 'a', 'window': 2, 'kind': 'max'},"
               "{'op': 'reduce', 'name': 'r', 'from': 'p', 'axis': 1, 'kind': 'max'},"
               "{'op': 'dense', 'name': 'y', 'from': 'r', 'out': 2, 'weight': 'wy'}"},
    {"[3, 4]", "{'op': 'parameter', 'name': 'p', 'shape': [6, 4], 'weight': 'latent'},"
               "{'op': 'matmul', 'name': 's', 'from': ['p', 'x'], 'transposed': true},"
               "{'op': 'activation', 'name': 'a', 'from': 's', 'function': 'tanh'},"
               "{'op': 'reduce', 'name': 'r', 'from': 'a', 'axis': 0, 'kind': 'sum'},"
               "{'op': 'dense', 'name': 'y', 'from': 'r', 'out': 2, 'weight': 'wy', 'bias': 'by'}"},
    {"[6]", "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
            "{'op': 'parameter', 'name': 'p', 'shape': [4], 'weight': 'v'},"
            "{'op': 'add', 'name': 's', 'from': ['h', 'p', 'h']},"
            "{'op': 'activation', 'name': 'a', 'from': 's', 'function': 'square'},"
            "{'op': 'layernorm', 'name': 'n', 'from': 'a'},"
            "{'op': 'dense', 'name': 'y', 'from': 'n', 'out': 2, 'weight': 'wy'}"}};

typedef struct graph_case {
  const graph *g;
} graph_case;

static double graph_loss(void *self, const symo_layout *layout, const double *theta) {
  const graph_case *c = self;
  return sym_forward(c->g, layout, theta, 3);
}

static void check_graph(symo_context *context, const graph *g, const char *what) {
  graph_case c = {g};
  for (int scaling = 0; scaling < 2; scaling++) {
    symo_layout *layout = sym_test_propose(context, g, scaling);
    sym_test_invariant(context, layout, what, graph_loss, &c);
    symo_layout_destroy(layout);
  }
}

Test(symmetries, rules_together) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(graphs); i++) {
    char text[4096];
    sym_test_wrap(text, sizeof text, graphs[i].shape, graphs[i].nodes);
    graph *g = sym_test_parse(context, text);
    check_graph(context, g, graphs[i].nodes);
    graph_destroy(g);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* One operation at a time between linear maps, and what it must leave to one space. */
#define H4 "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w'},"
#define Y(from) "{'op': 'dense', 'name': 'y', 'from': '" from "', 'out': 2, 'weight': 'v'}"
#define P "{'op': 'parameter', 'name': 'p', 'shape': [6, 4], 'weight': 'u'},"
#define ATTENTION(from, more)                                                                      \
  "{'op': 'attention', 'name': 'd', 'from': " from ", 'heads': 1, 'query': 'q', 'key': 'k',"       \
  "'value': 'n', 'projection': 'o'" more "},"
/* The first axis contracted. */
#define TURN(from)                                                                                 \
  "{'op': 'transpose', 'name': 't', 'from': '" from "', 'order': [1, 0]},"                         \
  "{'op': 'dense', 'name': 'c', 'from': 't', 'out': 3, 'weight': 'r'},"                            \
  "{'op': 'flatten', 'name': 'f', 'from': 'c'}," Y("f")

static const struct {
  const char *shape, *nodes, *space;
  sym_level level;
  bool scales;
} single[] = {
    {"[3]", H4 Y("h"), "h", SYM_ORTHOGONAL, true},
    {"[3]", H4 "{'op': 'dropout', 'name': 'a', 'from': 'h'}," Y("a"), "h", SYM_SIGNED_PERMUTATION,
     true},
    {"[3]", H4 "{'op': 'softmax', 'name': 'a', 'from': 'h'}," Y("a"), "h", SYM_PERMUTATION, false},
    {"[3]", H4 "{'op': 'layernorm', 'name': 'a', 'from': 'h'}," Y("a"), "h", SYM_PERMUTATION,
     false},
    {"[3]", H4 "{'op': 'rmsnorm', 'name': 'a', 'from': 'h'}," Y("a"), "h", SYM_ORTHOGONAL, false},
    {"[3]", H4 "{'op': 'rmsnorm', 'name': 'a', 'from': 'h', 'gain': 'g'}," Y("a"), "h",
     SYM_PERMUTATION, false},
    {"[5, 3]", H4 "{'op': 'batchnorm', 'name': 'a', 'from': 'h', 'axis': 1}," Y("a"), "h",
     SYM_SIGNED_PERMUTATION, false},
    {"[5, 3]", H4 "{'op': 'batchnorm', 'name': 'a', 'from': 'h', 'axis': 1, 'gain': 'g'}," Y("a"),
     "h", SYM_PERMUTATION, false},
    {"[3]",
     H4 "{'op': 'dense', 'name': 'k', 'from': 'x', 'out': 4, 'weight': 'w2'},"
        "{'op': 'multiply', 'name': 'a', 'from': ['h', 'k']}," Y("a"),
     "h", SYM_PERMUTATION, false},
    {"[5, 3]", H4 "{'op': 'reduce', 'name': 'a', 'from': 'h', 'axis': 0, 'kind': 'max'}," Y("a"),
     "h", SYM_PERMUTATION, true},
    {"[5, 3]", H4 "{'op': 'reduce', 'name': 'a', 'from': 'h', 'axis': 0, 'kind': 'last'}," Y("a"),
     "h", SYM_ORTHOGONAL, true},
    {"[3, 6]",
     "{'op': 'conv1d', 'name': 'h', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w'},"
     "{'op': 'pool', 'name': 'a', 'from': 'h', 'window': 2, 'kind': 'max'},"
     "{'op': 'flatten', 'name': 'f', 'from': 'a'}," Y("f"),
     "h", SYM_PERMUTATION, true},
    {"[3, 6]",
     "{'op': 'conv1d', 'name': 'h', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w'},"
     "{'op': 'pool', 'name': 'a', 'from': 'h', 'window': 2, 'kind': 'average'},"
     "{'op': 'flatten', 'name': 'f', 'from': 'a'}," Y("f"),
     "h", SYM_ORTHOGONAL, true},
    /* Axes that meet a flattened one in another way. */
    {"[3, 6]",
     "{'op': 'conv1d', 'name': 'h', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w'},"
     "{'op': 'flatten', 'name': 'f', 'from': 'h'},"
     "{'op': 'parameter', 'name': 'p', 'shape': [24], 'weight': 'u'},"
     "{'op': 'add', 'name': 'a', 'from': ['f', 'p']}," Y("a"),
     "h", SYM_IDENTITY, false},
    {"[3, 6]",
     "{'op': 'conv1d', 'name': 'h', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w'},"
     "{'op': 'flatten', 'name': 'f', 'from': 'h'},"
     "{'op': 'parameter', 'name': 'p', 'shape': [24], 'weight': 'u'},"
     "{'op': 'add', 'name': 'a', 'from': ['f', 'p']}," Y("a"),
     "p", SYM_IDENTITY, false},
    /* Symbols, untied. */
    {"[7]",
     "{'op': 'embedding', 'name': 'e', 'from': 'x', 'rows': 9, 'out': 5, 'weight': 'w'},"
     "{'op': 'reduce', 'name': 'a', 'from': 'e', 'axis': 0, 'kind': 'sum'}," Y("a"),
     "e.rows", SYM_IDENTITY, false},
    /* The first axis of a learned value. */
    {NULL, P TURN("p"), "p.0", SYM_ORTHOGONAL, true},
    {NULL, P "{'op': 'dense', 'name': 'd', 'from': 'p', 'out': 3, 'weight': 'w'}," TURN("d"), "p.0",
     SYM_ORTHOGONAL, true},
    {NULL,
     P "{'op': 'dense', 'name': 'd', 'from': 'p', 'out': 3, 'weight': 'w', 'bias': 'b'}," TURN("d"),
     "p.0", SYM_PERMUTATION, false},
    {NULL,
     P "{'op': 'parameter', 'name': 'k', 'shape': [4], 'weight': 's'},"
       "{'op': 'add', 'name': 'd', 'from': ['k', 'p']}," TURN("d"),
     "p.0", SYM_PERMUTATION, false},
    {NULL, P "{'op': 'layernorm', 'name': 'd', 'from': 'p', 'bias': 's'}," TURN("d"), "p.0",
     SYM_PERMUTATION, false},
    {NULL, P "{'op': 'softmax', 'name': 'd', 'from': 'p'}," TURN("d"), "p.0", SYM_PERMUTATION,
     false},
    {NULL, P ATTENTION("'p'", "") TURN("d"), "p.0", SYM_PERMUTATION, false},
    {NULL, P ATTENTION("'p'", "") TURN("d"), "d.qk", SYM_ORTHOGONAL, false},
    {NULL, P ATTENTION("'p'", "") TURN("d"), "d.v", SYM_ORTHOGONAL, false},
    {NULL, P ATTENTION("'p'", ", 'causal': true") TURN("d"), "p.0", SYM_IDENTITY, false},
    {NULL, P ATTENTION("'p'", ", 'rotary': true") TURN("d"), "d.qk", SYM_IDENTITY, false},
    {NULL, P ATTENTION("'p'", ", 'rotary': true") TURN("d"), "p.0", SYM_IDENTITY, false},
    {NULL, P ATTENTION("'p'", ", 'rotary': true") TURN("d"), "d.v", SYM_ORTHOGONAL, false},
    /* Two heads that must stay, behind them an activation with a trivial part. */
    {"[5, 4]",
     "{'op': 'attention', 'name': 'd', 'from': 'x', 'heads': 2, 'query': 'q', 'key': 'k',"
     "'value': 'n', 'rotary': true},"
     "{'op': 'activation', 'name': 'a', 'from': 'd', 'function': 'relu'}," Y("a"),
     "d.v", SYM_IDENTITY, false},
    {"[5, 4]", P ATTENTION("['x', 'p']", "") "{'op': 'flatten', 'name': 'f', 'from': 'd'}," Y("f"),
     "p.0", SYM_PERMUTATION, false},
    {"[5, 4]",
     P ATTENTION("['x', 'p']",
                 ", 'causal': true") "{'op': 'flatten', 'name': 'f', 'from': 'd'}," Y("f"),
     "p.0", SYM_IDENTITY, false},
    {NULL,
     P "{'op': 'recurrent', 'name': 'h', 'from': 'p', 'out': 3, 'weight': 'a',"
       "'weight_hidden': 'b', 'last': true}," Y("h"),
     "p.0", SYM_IDENTITY, false},
    {NULL, P "{'op': 'reduce', 'name': 'h', 'from': 'p', 'axis': 0, 'kind': 'sum'}," Y("h"), "p.0",
     SYM_PERMUTATION, false},
    {NULL, P "{'op': 'reduce', 'name': 'h', 'from': 'p', 'axis': 0, 'kind': 'last'}," Y("h"), "p.0",
     SYM_IDENTITY, false},
    {NULL,
     P "{'op': 'transpose', 'name': 't', 'from': 'p', 'order': [1, 0]},"
       "{'op': 'conv1d', 'name': 'h', 'from': 't', 'out': 3, 'kernel': 3, 'weight': 'a'},"
       "{'op': 'reduce', 'name': 'a', 'from': 'h', 'axis': 1, 'kind': 'max'}," Y("a"),
     "p.0", SYM_IDENTITY, false},
    {NULL,
     P "{'op': 'parameter', 'name': 'k', 'shape': [5, 4], 'weight': 's'},"
       "{'op': 'matmul', 'name': 'm', 'from': ['p', 'k'], 'transposed': true},"
       "{'op': 'flatten', 'name': 'f', 'from': 'm'}," Y("f"),
     "p.1", SYM_ORTHOGONAL, false}};

static const sym_space *find_space(const sym_proposal *p, const char *name) {
  for (size_t i = 0; i < p->num_spaces; i++)
    if (strcmp(p->spaces[i].name, name) == 0) return &p->spaces[i];
  cr_assert_fail("there is no space %s", name);
  return NULL;
}

Test(symmetries, one_rule_at_a_time) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(single); i++) {
    char text[4096];
    sym_test_wrap(text, sizeof text, single[i].shape, single[i].nodes);
    const graph *g = sym_test_parse(context, text);
    sym_proposal *p = NULL;
    cr_ok(context, sym_infer(g, 0, &p));
    const sym_space *space = find_space(p, single[i].space);
    cr_assert(space->level == single[i].level && space->scales == single[i].scales,
              "%s: space %s: %s%s", single[i].nodes, single[i].space, sym_level_name(space->level),
              space->scales ? " and scales" : "");
    sym_proposal_destroy(p);
    if (strstr(text, "rotary") == NULL) check_graph(context, g, single[i].nodes);
    graph_destroy((graph *)(uintptr_t)g);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* The table of functions against the functions. */
Test(symmetries, functions) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 2);
  const char *name;
  for (size_t i = 0; (name = sym_forward_name(i)) != NULL; i++) {
    double odd = 0, homogeneous = 0, additive = 0;
    for (size_t k = 0; k < 200; k++) {
      double x = 3 * symo_rng_normal(rng), y = 3 * symo_rng_normal(rng),
             c = .1 + symo_rng_uniform(rng);
      double fx = sym_forward_function(name, x);
      odd = fmax(odd, fabs(sym_forward_function(name, -x) + fx));
      homogeneous = fmax(homogeneous, fabs(sym_forward_function(name, c * x) - c * fx));
      additive = fmax(additive,
                      fabs(sym_forward_function(name, x + y) - fx - sym_forward_function(name, y)));
    }
    sym_level level = SYM_PERMUTATION;
    if (odd <= 1e-12) level = additive <= 1e-12 ? SYM_ORTHOGONAL : SYM_SIGNED_PERMUTATION;
    const sym_function *f = sym_function_find(name);
    cr_assert_str_eq(f->name, name);
    cr_assert(f->level == level && f->scales == (homogeneous <= 1e-12), "%s: %g %g %g", name, odd,
              homogeneous, additive);
  }
  cr_assert_eq(sym_function_find("no-such")->level, SYM_PERMUTATION);
  cr_assert(!sym_function_find("no-such")->scales);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- heads ---- */

/* The true group of attention with heads: rotations of each head by itself, and heads changing
 * places in both spaces together.  Moving the heads of one space alone is none, and the notes say
 * so. */
static double move_heads(symo_context *context, const graph *g, const char *spaces, const char *qk,
                         const char *v, size_t space) {
  char text[512];
  symo_layout *layout = NULL;
  symo_element *element = NULL;
  double x[130], y[130];
  void *to[5];
  const void *from[5];
  symo_rng *rng = symo_test_rng(context, 8);
  snprintf(text, sizeof text,
           "x: identity 5; y: identity 2; %s; q[%s,x] k[%s,x] n[%s,x] o[x,%s] v[y,x]", spaces, qk,
           qk, v, v);
  cr_ok(context, symo_layout_parse(context, text, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), 130);
  symo_test_randn(rng, x, symo_layout_num_parameters(layout));
  symo_layout_split(layout, SYMO_F64, y, to);
  symo_layout_split_const(layout, SYMO_F64, x, from);
  cr_ok(context, symo_element_create(layout, &element));
  cr_ok(context, symo_element_sample_space(element, space, rng));
  cr_ok(context, symo_element_act(element, symo_const_vector_of(SYMO_F64, from),
                                  symo_vector_of(SYMO_F64, to)));
  double before = sym_forward(g, layout, x, 4), after = sym_forward(g, layout, y, 4);
  symo_element_destroy(element);
  symo_layout_destroy(layout);
  symo_rng_destroy(rng);
  return fabs(after - before) / fabs(before);
}

Test(symmetries, heads_move_together) {
  static const char *const apart = "sum(orthogonal 2, orthogonal 2, orthogonal 2)";
  static const char *const places = "wreath(3, orthogonal 2)";
  char text[2048], spaces[256];
  sym_test_wrap(text, sizeof text, "[4, 5]",
                "{'op': 'attention', 'name': 't', 'from': 'x', 'heads': 3, 'head_dim': 2,"
                "'query': 'q', 'key': 'k', 'value': 'n', 'projection': 'o'}," Y("t"));
  symo_context *context = symo_test_context();
  graph *g = sym_test_parse(context, text);
  snprintf(spaces, sizeof spaces, "a: %s; b: %s", apart, apart);
  cr_assert(move_heads(context, g, spaces, "a", "b", 2) <= 1e-12);
  cr_assert(move_heads(context, g, spaces, "a", "b", 3) <= 1e-12);
  snprintf(spaces, sizeof spaces, "a: %s", places);
  cr_assert(move_heads(context, g, spaces, "a", "a", 2) <= 1e-12);
  snprintf(spaces, sizeof spaces, "a: %s; b: %s", places, places);
  cr_assert(move_heads(context, g, spaces, "a", "b", 2) > 1e-6);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}
