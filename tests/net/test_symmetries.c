/* Symmetries found from operations: against layouts written by hand, against a plain evaluation of
 * the network, and refusals. */
#include "tests/io/test_symmetries_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/net_graph.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect(const char *shape, const char *nodes, double window, const char *layout) {
  char text[4096];
  sym_test_wrap(text, sizeof text, shape, nodes);
  symo_context *context = symo_test_context();
  graph *g = sym_test_parse(context, text);
  symo_layout *found = sym_test_propose(context, g, window);
  char *notation = NULL;
  cr_ok(context, symo_layout_to_text(found, &notation));
  cr_assert_str_eq(notation, layout);
  symo_free(notation);
  symo_layout_destroy(found);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- networks of the engine ---- */

static const char *const nets[] = {"5-3",
                                   "6-7-5-4",
                                   "20-64-ln-64-5",
                                   "6-7-rms-7-4",
                                   "6-ln-7-4",
                                   "6-7-res-7-7-add-5",
                                   "6-res-6-add-7-5",
                                   "6-7-res-ln-7-add-5",
                                   "6-7-res-7-res-7-add-add-rms-5",
                                   "rnn:8-4",
                                   "rnn:8-16-4",
                                   "rnn:5x3-6-5-4",
                                   "rnn:4x3-6-ln-4",
                                   "rnn:4x3-6-res-6-add-4",
                                   "conv:8x8x1-c4k3-p2-c5k3c-10",
                                   "conv:8x1-c4k5c-m2-10",
                                   "conv:8x2-c4k3-p2-7-3",
                                   "conv:4x4x1-c4k3-res-c4k3-add-rms-p2-10",
                                   "conv:4x4x1-c4k1x3-ln-m2x1-6-3"};

/* Axis by axis, as text: the number of the space in the order of first use, its dimension and
 * group; identity axes side by side count as one. */
static void canonical(const symo_layout *layout, char *text, size_t size) {
  size_t seen[64], count = 0, n = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    n += (size_t)snprintf(text + n, size - n, "%s[", symo_layout_tensor_name(layout, t));
    size_t fixed = 0;
    for (size_t a = 0; a <= symo_layout_tensor_order(layout, t); a++) {
      bool end = a == symo_layout_tensor_order(layout, t);
      size_t space = end ? 0 : symo_layout_axis_space(layout, t, a), id = 0;
      const char *group = end ? "" : symo_group_name(symo_layout_space_group(layout, space));
      if (strcmp(group, "identity") == 0) {
        fixed = (fixed ? fixed : 1) * symo_layout_axis_dim(layout, t, a);
        continue;
      }
      if (fixed) n += (size_t)snprintf(text + n, size - n, " %zu", fixed);
      fixed = 0;
      if (end) break;
      while (id < count && seen[id] != space) id++;
      cr_assert_lt(id, 64);
      if (id == count) seen[count++] = space;
      n += (size_t)snprintf(text + n, size - n, " %s.%zu:%zu%s", group, id,
                            symo_layout_axis_dim(layout, t, a),
                            symo_layout_axis_dual(layout, t, a) ? "*" : "");
    }
    n += (size_t)snprintf(text + n, size - n, "]\n");
    cr_assert_lt(n, size);
  }
}

static void compare_net(symo_context *context, const symo_net_spec *spec) {
  char net[256], ours[8192], theirs[8192];
  graph *g = NULL;
  symo_layout *hand = NULL;
  cr_ok(context, graph_of_net(context, spec, &g));
  cr_ok(context, symo_net_layout(context, spec, NULL, &hand));
  symo_layout *found = sym_test_propose(context, g, 0);
  canonical(found, ours, sizeof ours);
  canonical(hand, theirs, sizeof theirs);
  symo_net_text(spec, net, sizeof net);
  cr_assert(strcmp(ours, theirs) == 0, "%s, %s: found\n%sby hand\n%s", net,
            symo_activation_name(spec->activation), ours, theirs);
  symo_layout_destroy(found);
  symo_layout_destroy(hand);
  graph_destroy(g);
}

Test(symmetries, finds_what_is_written_by_hand) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(nets); i++)
    for (int act = SYMO_ACT_TANH; act <= SYMO_ACT_LINEAR; act++) {
      symo_net_spec spec = symo_net_spec_default();
      cr_ok(context, symo_net_parse(context, nets[i], &spec));
      spec.activation = (symo_activation)act;
      for (int bias = 0; bias < 2; bias++) {
        spec.bias = bias == 1;
        compare_net(context, &spec);
      }
    }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- moving the weights ---- */

static double net_loss(void *self, const symo_layout *layout, const double *theta) {
  const symo_problem *problem = self;
  double value = NAN;
  cr_assert_eq(problem->size, symo_layout_num_parameters(layout));
  cr_assert(problem->loss(problem->self, theta, &value) == SYMO_OK);
  return value;
}

static void check_net(symo_context *context, const char *text, symo_activation act, double window) {
  enum { EXAMPLES = 3 };
  symo_net_spec spec = symo_net_spec_default();
  symo_net *net = NULL;
  graph *g = NULL;
  cr_ok(context, symo_net_parse(context, text, &spec));
  spec.activation = act;
  if (symo_net_inputs(&spec) == 0) cr_ok(context, symo_net_fit(context, &spec, 24));
  cr_ok(context, symo_net_create(context, &spec, &net));
  size_t in = symo_net_inputs(&spec), out = symo_net_outputs(&spec);
  double *data = symo_malloc(EXAMPLES * (in + out) * sizeof *data);
  symo_rng *rng = symo_test_rng(context, 5);
  cr_assert(data != NULL);
  symo_test_randn(rng, data, EXAMPLES * (in + out));
  cr_ok(context, symo_net_set_data(net, EXAMPLES, data, data + EXAMPLES * in));
  symo_problem problem = symo_net_problem(net);
  cr_ok(context, graph_of_net(context, &spec, &g));
  symo_layout *layout = sym_test_propose(context, g, window);
  sym_test_invariant(context, layout, text, net_loss, &problem);
  symo_layout_destroy(layout);
  graph_destroy(g);
  symo_rng_destroy(rng);
  symo_free(data);
  symo_net_destroy(net);
}

Test(symmetries, engine_does_not_notice) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(nets); i++)
    for (int act = SYMO_ACT_TANH; act <= SYMO_ACT_LINEAR; act++)
      check_net(context, nets[i], (symo_activation)act, act == SYMO_ACT_RELU ? 1 : 0);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- what is found ---- */

Test(symmetries, layouts) {
  expect("[3]",
         "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
         "{'op': 'activation', 'name': 'a', 'from': 'h', 'function': 'no-such'},"
         "{'op': 'dense', 'name': 'y', 'from': 'a', 'out': 2, 'weight': 'v'}",
         1, "x: identity 3; h: permutation 4; y: identity 2; w[h,x] b[h] v[y,h]");
  expect("[3]",
         "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
         "{'op': 'dropout', 'name': 'a', 'from': 'h'},"
         "{'op': 'dense', 'name': 'y', 'from': 'a', 'out': 2, 'weight': 'v'}",
         0, "x: identity 3; h: signed-permutation 4; y: identity 2; w[h,x] b[h] v[y,h]");
  /* A tied autoencoder: rotations cancel, scales would not. */
  expect("[3]",
         "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
         "{'op': 'dense', 'name': 'y', 'from': 'h', 'out': 3, 'weight': 'w', 'transposed': true}",
         0, "x: identity 3; h: orthogonal 4; w[h,x] b[h]");
  /* The positions of a flattened image are one space, channels stay apart. */
  expect("[2, 4, 4]",
         "{'op': 'conv2d', 'name': 'c', 'from': 'x', 'out': 3, 'kernel': [3, 1], 'weight': 'w'},"
         "{'op': 'activation', 'name': 'a', 'from': 'c', 'function': 'tanh'},"
         "{'op': 'flatten', 'name': 'f', 'from': 'a'},"
         "{'op': 'dense', 'name': 'y', 'from': 'f', 'in': 48, 'out': 2, 'weight': 'v'}",
         0,
         "x.0: identity 2; c: signed-permutation 3; c.ky: identity 3; c.kx: identity 1; "
         "y: identity 2; y.p: identity 16; w[c,x.0,c.ky,c.kx] v[y,c,y.p]");
}

/* Sizes behind windows. */
Test(symmetries, windows) {
  expect("[2, 8]",
         "{'op': 'pool', 'name': 'p', 'from': 'x', 'window': 3, 'kind': 'max'},"
         "{'op': 'flatten', 'name': 'f', 'from': 'p'},"
         "{'op': 'dense', 'name': 'y', 'from': 'f', 'in': 4, 'out': 2, 'weight': 'v'}",
         0, "y: identity 2; y.p: identity 4; v[y,y.p]");
  expect("[2, 8, 9]",
         "{'op': 'conv2d', 'name': 'c', 'from': 'x', 'out': 3, 'kernel': [3, 2], 'weight': 'w',"
         " 'padding': 'none', 'stride': [1, 2]},"
         "{'op': 'flatten', 'name': 'f', 'from': 'c'},"
         "{'op': 'dense', 'name': 'y', 'from': 'f', 'in': 72, 'out': 2, 'weight': 'v'}",
         0,
         "x.0: identity 2; c: orthogonal 3; c.ky: identity 3; c.kx: identity 2; y: identity 2; "
         "y.p: identity 24; w[c,x.0,c.ky,c.kx] v[y,c,y.p]");
  expect("[2, 9]",
         "{'op': 'conv1d', 'name': 'c', 'from': 'x', 'out': 3, 'kernel': 5, 'weight': 'w',"
         " 'stride': 2},"
         "{'op': 'flatten', 'name': 'f', 'from': 'c'},"
         "{'op': 'dense', 'name': 'y', 'from': 'f', 'in': 15, 'out': 2, 'weight': 'v'}",
         0,
         "x.0: identity 2; c: orthogonal 3; c.k: identity 5; c.y: identity 5; y: identity 2; "
         "w[c,x.0,c.k] v[y,c,c.y]");
}

Test(symmetries, scaling) {
  static const char *const nodes =
      "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'weight_hidden': 'u',"
      " 'function': 'relu', 'last': true},"
      "{'op': 'dense', 'name': 'y', 'from': 'h', 'out': 2, 'weight': 'v'}";
  char text[2048];
  sym_test_wrap(text, sizeof text, "[5, 3]", nodes);
  symo_context *context = symo_test_context();
  graph *g = sym_test_parse(context, text);
  symo_layout *layout = sym_test_propose(context, g, 1.5);
  const symo_group *group = symo_layout_space_group(layout, 1);
  cr_assert_str_eq(symo_group_name(group), "scaling");
  const symo_group_spec *spec = symo_group_get_spec(group);
  cr_assert(spec != NULL && spec->window == 1.5 && spec->permute && !spec->signs);
  cr_assert(!symo_layout_axis_dual(layout, 0, 0) && !symo_layout_axis_dual(layout, 1, 0));
  cr_assert(symo_layout_axis_dual(layout, 1, 1) && symo_layout_axis_dual(layout, 2, 1));
  symo_layout_destroy(layout);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(symmetries, heads) {
  char text[2048];
  sym_test_wrap(
      text, sizeof text, "[5, 6]",
      "{'op': 'attention', 'name': 't', 'from': 'x', 'heads': 3, 'head_dim': 2, 'value_dim': 4,"
      " 'query': 'q', 'key': 'k', 'value': 'v', 'projection': 'o', 'out': 7},"
      "{'op': 'dense', 'name': 'y', 'from': 't', 'out': 2, 'weight': 'w'}");
  symo_context *context = symo_test_context();
  graph *g = sym_test_parse(context, text);
  symo_layout *layout = sym_test_propose(context, g, 0);
  for (size_t s = 1; s <= 2; s++) {
    const symo_group_spec *spec = symo_group_get_spec(symo_layout_space_group(layout, s));
    cr_assert(spec != NULL && strcmp(spec->group, "wreath") == 0 && spec->copies == 3);
    cr_assert_str_eq(symo_group_name(spec->parts[0].group), "orthogonal");
    cr_assert_eq(spec->parts[0].dim, s == 1 ? 2 : 4);
    cr_assert_eq(symo_layout_space_dim(layout, s), s == 1 ? 6 : 12);
  }
  cr_assert_str_eq(symo_group_name(symo_layout_space_group(layout, 3)), "orthogonal");
  symo_layout_destroy(layout);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}

static bool has_note(const sym_proposal *p, const char *space, sym_note_kind kind,
                     const char *text) {
  for (size_t i = 0; i < p->num_notes; i++)
    if (p->notes[i].kind == kind && strcmp(p->spaces[p->notes[i].space].name, space) == 0 &&
        strstr(p->notes[i].text, text) != NULL)
      return true;
  return false;
}

Test(symmetries, reasons) {
  char text[2048];
  sym_test_wrap(text, sizeof text, "[3]",
                "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'w', 'bias': 'b'},"
                "{'op': 'activation', 'name': 'a', 'from': 'h', 'function': 'tanh'},"
                "{'op': 'rmsnorm', 'name': 'n', 'from': 'a', 'gain': 'g'},"
                "{'op': 'dense', 'name': 'k', 'from': 'n', 'out': 5, 'weight': 'u', 'bias': 'c'},"
                "{'op': 'activation', 'name': 'r', 'from': 'k', 'function': 'relu'},"
                "{'op': 'dense', 'name': 'y', 'from': 'r', 'out': 2, 'weight': 'v'}");
  symo_context *context = symo_test_context();
  graph *g = sym_test_parse(context, text);
  sym_proposal *p = NULL;
  cr_ok(context, sym_infer(g, 0, &p));
  cr_assert(has_note(p, "h", SYM_BINDING, "n: rmsnorm passes rotations, but its gain is tied"));
  cr_assert(has_note(p, "h", SYM_WEAKER, "a: tanh is odd"));
  cr_assert(has_note(p, "h", SYM_REMARK, "sign flips of the units"));
  cr_assert(has_note(p, "k", SYM_BINDING, "r: relu is positively homogeneous"));
  cr_assert(has_note(p, "k", SYM_REMARK, "scaling"));
  cr_assert(has_note(p, "x", SYM_BINDING, "inputs are data"));
  cr_assert(has_note(p, "y", SYM_BINDING, "targets"));
  sym_proposal_destroy(p);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- refusals ---- */

static const struct {
  symo_status status;
  const char *message, *shape, *nodes;
} refused[] = {
    {SYMO_E_NAME, "nodes[1].op: unknown operation \"dnse\"", "[3]", "{'op': 'dnse'}"},
    {SYMO_E_NAME, "did you mean \"dense\"", "[3]", "{'op': 'dnse'}"},
    {SYMO_E_FORMAT, "nodes[1].op: is missing", "[3]", "{}"},
    {SYMO_E_FORMAT, "nodes[1]: must be an object", "[3]", "3"},
    {SYMO_E_FORMAT, "nodes[1].wieght: unknown key", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2, 'wieght': 'w'}"},
    {SYMO_E_FORMAT, "nodes[1].heads: unknown key", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2, 'weight': 'w', 'heads': 2}"},
    {SYMO_E_FORMAT, "nodes[1].weight: is missing", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2}"},
    {SYMO_E_FORMAT, "nodes[1].from: is missing", "[3]",
     "{'op': 'dense', 'name': 'y', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "nodes[1].from: there is no node \"q\"", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'q', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "\"y\" is made by this very node", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'y', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "nodes[1].from: \"y\" is made by a later node", "[3]",
     "{'op': 'activation', 'name': 'a', 'from': 'y', 'function': 'tanh'},"
     "{'op': 'dense', 'name': 'y', 'from': 'a', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "nodes[1].name: x is the name of nodes[0]", "[3]",
     "{'op': 'dense', 'name': 'x', 'from': 'x', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "nodes[1].name: \"a b\" is not a name", "[3]",
     "{'op': 'dense', 'name': 'a b', 'from': 'x', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_NAME, "nodes[1].weight: \"w[1]\" is not a name", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2, 'weight': 'w[1]'}"},
    {SYMO_E_FORMAT, "nodes[1].name: is missing", "[3]",
     "{'op': 'dense', 'from': 'x', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_ARGUMENT, "nodes[1].out: 0 is out of range", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 0, 'weight': 'w'}"},
    {SYMO_E_ARGUMENT, "nodes[0].shape[1]: -2 is out of range", "[3, -2]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_FORMAT, "nodes[1].out: must be a whole number", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2.5, 'weight': 'w'}"},
    {SYMO_E_SIZE, "nodes[0].shape: 9 sizes", "[1,1,1,1,1,1,1,1,1]",
     "{'op': 'flatten', 'name': 'y', 'from': 'x'}"},
    {SYMO_E_NAME, "nodes[1].kind: there is no \"min\"", "[3, 4]",
     "{'op': 'pool', 'name': 'y', 'from': 'x', 'window': 2, 'kind': 'min'}"},
    {SYMO_E_SHAPE, "nodes[1].from: 1 node for add", "[3]",
     "{'op': 'add', 'name': 'y', 'from': ['x']}"},
    {SYMO_E_SHAPE, "nodes[2] (add y): axis 0 of x has dimension 3, but axis 0 of h has 2", "[3]",
     "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 2, 'weight': 'w'},"
     "{'op': 'add', 'name': 'y', 'from': ['x', 'h']}"},
    {SYMO_E_SHAPE, "nodes[1] (dense y): axis 0 of x has dimension 3, but \"in\" says 4", "[3]",
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'in': 4, 'out': 2, 'weight': 'w'}"},
    {SYMO_E_SHAPE, "nodes[2] (dense y): tensor w has the shape [2, 2] here and [2, 3] in", "[3]",
     "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 2, 'weight': 'w'},"
     "{'op': 'dense', 'name': 'y', 'from': 'h', 'out': 2, 'weight': 'w'}"},
    {SYMO_E_SHAPE, "nodes[1] (conv2d y): a value of 1 axis", "[3]",
     "{'op': 'conv2d', 'name': 'y', 'from': 'x', 'out': 2, 'kernel': 3, 'weight': 'w'}"},
    {SYMO_E_SHAPE, "nodes[1] (pool y): the window is 5 long on axis 1 of x, which has dimension 4",
     "[3, 4]", "{'op': 'pool', 'name': 'y', 'from': 'x', 'window': 5, 'kind': 'max'}"},
    {SYMO_E_UNSUPPORTED, "nodes[4] (conv1d y): axis 1 of t is a flattened one", "[4, 4]",
     "{'op': 'flatten', 'name': 'f', 'from': 'x'},"
     "{'op': 'embedding', 'name': 'e', 'from': 'f', 'rows': 9, 'out': 6, 'weight': 'w'},"
     "{'op': 'transpose', 'name': 't', 'from': 'e', 'order': [1, 0]},"
     "{'op': 'conv1d', 'name': 'y', 'from': 't', 'out': 3, 'kernel': 3, 'weight': 'v'}"},
    {SYMO_E_SHAPE, "has 6 numbers, the shape 8", "[6]",
     "{'op': 'reshape', 'name': 'y', 'from': 'x', 'shape': [2, 4]}"},
    {SYMO_E_SHAPE, "axis 1 of a value with 1 axis", "[6]",
     "{'op': 'slice', 'name': 'y', 'from': 'x', 'axis': 1, 'out': 2}"},
    {SYMO_E_SHAPE, "7 places of axis 0, which has dimension 6", "[6]",
     "{'op': 'slice', 'name': 'y', 'from': 'x', 'axis': 0, 'out': 7}"},
    {SYMO_E_SHAPE, "axis 0 has dimension 6 (only one place is repeated)", "[6]",
     "{'op': 'repeat', 'name': 'y', 'from': 'x', 'axis': 0, 'out': 7}"},
    {SYMO_E_SHAPE, "axis 1 of x has dimension 6, but that of d has 2", "[5, 6]",
     "{'op': 'dense', 'name': 'd', 'from': 'x', 'out': 2, 'weight': 'w'},"
     "{'op': 'concat', 'name': 'y', 'from': ['x', 'd'], 'axis': 0}"},
    {SYMO_E_SHAPE, "depthwise: 4 channels of 5", "[5, 6]",
     "{'op': 'conv1d', 'name': 'y', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w',"
     "'depthwise': true}"},
    {SYMO_E_SHAPE, "positions has 2 numbers for 1 axis", "[5, 6]",
     "{'op': 'conv1d', 'name': 'y', 'from': 'x', 'out': 4, 'kernel': 3, 'weight': 'w',"
     "'positions': [3, 3]}"},
    {SYMO_E_FORMAT, "nodes[1].function: is missing", "[6]",
     "{'op': 'opaque', 'name': 'y', 'from': 'x', 'shape': [2, 4]}"},
    {SYMO_E_SHAPE, "which 4 heads do not divide", "[5, 6]",
     "{'op': 'attention', 'name': 'y', 'from': 'x', 'heads': 4, 'qkv': 'a'}"},
    {SYMO_E_FORMAT, "nodes[1] (attention y): key is missing", "[5, 6]",
     "{'op': 'attention', 'name': 'y', 'from': 'x', 'heads': 2, 'query': 'a', 'value': 'v'}"},
    {SYMO_E_FORMAT, "nodes[1] (attention y): value and qkv", "[5, 6]",
     "{'op': 'attention', 'name': 'y', 'from': 'x', 'heads': 2, 'qkv': 'a', 'value': 'v'}"},
    {SYMO_E_SHAPE, "\"order\" is no permutation", "[5, 6]",
     "{'op': 'transpose', 'name': 'y', 'from': 'x', 'order': [1, 1]}"},
    {SYMO_E_SHAPE, "axis 2 of a value with 2 axes", "[5, 6]",
     "{'op': 'reduce', 'name': 'y', 'from': 'x', 'axis': 2, 'kind': 'sum'}"},
    {SYMO_E_SHAPE, "but axis 0 of x has 5", "[5, 6]",
     "{'op': 'matmul', 'name': 'y', 'from': ['x', 'x']}"},
    {SYMO_E_FORMAT, "no parameter tensors", "[3]",
     "{'op': 'activation', 'name': 'y', 'from': 'x', 'function': 'tanh'}"},
    {SYMO_E_FORMAT, "nodes[1] (dense h): nothing is made from it", "[3]",
     "{'op': 'dense', 'name': 'h', 'from': 'x', 'out': 2, 'weight': 'w'},"
     "{'op': 'dense', 'name': 'y', 'from': 'x', 'out': 2, 'weight': 'v'}"}};

static symo_status run_all(symo_context *context, const char *text, size_t length) {
  graph *g = NULL;
  sym_proposal *p = NULL;
  symo_layout *layout = NULL;
  symo_status status = graph_parse_json(context, "graph", text, length, &g);
  if (status == SYMO_OK) status = sym_infer(g, 1, &p);
  if (status == SYMO_OK) status = sym_proposal_layout(context, p, &layout);
  symo_layout_destroy(layout);
  sym_proposal_destroy(p);
  graph_destroy(g);
  return status;
}

Test(symmetries, refusals) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(refused); i++) {
    char text[4096];
    sym_test_wrap(text, sizeof text, refused[i].shape, refused[i].nodes);
    cr_fails(context, refused[i].status, refused[i].message, run_all(context, text, strlen(text)));
    cr_assert(strncmp(symo_context_detail(context), "graph: ", 7) == 0);
  }
  static const char *const whole[][2] = {
      {"{}", "nodes: is missing"},
      {"[]", "must be an object"},
      {"{\"nodes\": []}", "there is no output"},
      {"{\"nodes\": [], \"x\": 1}", "x: unknown key"},
      {"{\"nodes\": {}}", "nodes: must be a list"},
      {"{\"nodes\"", "line 1"},
      {"{\"nodes\": [], \"dtype\": \"f16\"}", "dtype: there is no"}};
  for (size_t i = 0; i < COUNT(whole); i++) {
    cr_assert(run_all(context, whole[i][0], strlen(whole[i][0])) != SYMO_OK);
    cr_assert(strstr(symo_context_detail(context), whole[i][1]) != NULL, "%s",
              symo_context_detail(context));
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

static const char *const samples[][2] = {
    {"[5, 6]",
     "{'op': 'attention', 'name': 't', 'from': 'x', 'heads': 3, 'qkv': 'a', 'qkv_bias': 'b',"
     "'projection': 'o', 'projection_bias': 'p', 'causal': true, 'head_dim': 2},"
     "{'op': 'layernorm', 'name': 'n', 'from': 't', 'gain': 'g', 'bias': 'gb'},"
     "{'op': 'dense', 'name': 'y', 'from': 'n', 'out': 2, 'weight': 'w1'}"},
    {"[2, 8, 8]",
     "{'op': 'conv2d', 'name': 'c', 'from': 'x', 'out': 5, 'kernel': 3, 'weight': 'w'},"
     "{'op': 'activation', 'name': 'a', 'from': 'c', 'function': 'relu'},"
     "{'op': 'pool', 'name': 'p', 'from': 'a', 'window': [2, 2], 'kind': 'average'},"
     "{'op': 'flatten', 'name': 'f', 'from': 'p'},"
     "{'op': 'dense', 'name': 'y', 'from': 'f', 'in': 80, 'out': 2, 'weight': 'wy'}"},
    {"[4, 3]",
     "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 5, 'cell': 'lstm', 'weight': 'a',"
     "'weight_hidden': 'b', 'bias': 'c'},"
     "{'op': 'reduce', 'name': 'm', 'from': 'h', 'axis': 0, 'kind': 'mean'},"
     "{'op': 'add', 'name': 's', 'from': ['m', 'm']},"
     "{'op': 'dense', 'name': 'y', 'from': 's', 'out': 2, 'weight': 'w'}"}};

/* Bytes of a good graph changed at random: some status, nothing left behind. */
Test(symmetries, damaged_files) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 11);
  size_t blocks = symo_alloc_live_blocks(), good = 0;
  static const char bytes[] = "0123456789{}[],:\"xyhab ";
  for (size_t i = 0; i < 1500; i++) {
    char text[4096];
    size_t which = symo_rng_below(rng, COUNT(samples));
    sym_test_wrap(text, sizeof text, samples[which][0], samples[which][1]);
    for (size_t k = symo_rng_below(rng, 3); k > 0; k--)
      text[symo_rng_below(rng, strlen(text))] = bytes[symo_rng_below(rng, sizeof bytes - 1)];
    good += run_all(context, text, strlen(text)) == SYMO_OK;
    cr_assert_eq(symo_alloc_live_blocks(), blocks);
  }
  cr_assert(good > 0);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

typedef struct memory_case {
  symo_context *context;
  char text[4096];
} memory_case;

static symo_status operation(void *self) {
  memory_case *c = self;
  return run_all(c->context, c->text, strlen(c->text));
}

Test(symmetries, memory) {
  memory_case c = {.context = symo_test_context()};
  sym_test_wrap(c.text, sizeof c.text, samples[0][0], samples[0][1]);
  cr_assert(symo_test_allocations(operation, &c) > 20);
  symo_context_destroy(c.context);
  cr_no_leaks();
}
