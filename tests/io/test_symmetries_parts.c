/* Axes that are read as several, and the operations that do it: what is found does not change the
 * loss, and it is no less than written here. */
#include <math.h>
#include <stdio.h>
#include <symo/io.h>

#include "io/symmetries/classes.h"
#include "tests/io/test_symmetries_forward.h"
#include "tests/io/test_symmetries_support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DENSE(name, from, out, more)                                                               \
  "{'op': 'dense', 'name': '" name "', 'from': '" from "', 'out': " #out ", 'weight': 'w" name     \
  "'" more "}"
#define SHAPE(name, from, shape)                                                                   \
  "{'op': 'reshape', 'name': '" name "', 'from': '" from "', 'shape': " shape "}"
#define TURN(name, from, order)                                                                    \
  "{'op': 'transpose', 'name': '" name "', 'from': '" from "', 'order': " order "}"
#define ONE(name, from, axis)                                                                      \
  "{'op': 'reduce', 'name': '" name "', 'from': '" from "', 'axis': " #axis ", 'kind': 'one'}"
#define MATMUL(name, a, b, more)                                                                   \
  "{'op': 'matmul', 'name': '" name "', 'from': ['" a "', '" b "']" more "}"
#define ADD(name, a, b) "{'op': 'add', 'name': '" name "', 'from': ['" a "', '" b "']}"
#define MULTIPLY(name, a, b) "{'op': 'multiply', 'name': '" name "', 'from': ['" a "', '" b "']}"
#define ACT(name, from, f)                                                                         \
  "{'op': 'activation', 'name': '" name "', 'from': '" from "', 'function': '" f "'}"
#define PARAMETER(name, shape)                                                                     \
  "{'op': 'parameter', 'name': '" name "', 'shape': " shape ", 'weight': 'w" name "'}"
#define SOFTMAX(name, from) "{'op': 'softmax', 'name': '" name "', 'from': '" from "'}"
#define HEADS(name, from)                                                                          \
  SHAPE(name "s", from, "[2, 3, 2, 4]") "," TURN(name "h", name "s", "[0, 2, 1, 3]")
/* Behind products of heads t, [2, 2, 3, 4], to the end. */
#define BACK(t)                                                                                    \
  TURN("m", t, "[0, 2, 1, 3]") "," SHAPE("j", "m", "[2, 3, 8]") "," DENSE("y", "j", 3, "")
/* Scores of queries and keys, what `between` makes of them, and the values. */
#define SCORES(between, last)                                                                      \
  MATMUL("c", "qh", "kh", ", 'transposed': true")                                                  \
  "," between SOFTMAX("p", last) "," MATMUL("t", "p", "vh", "") "," BACK("t")
#define QKV                                                                                        \
  DENSE("q", "x", 8, "") "," DENSE("k", "x", 8, "") "," DENSE("v", "x", 8, ", 'bias': 'bv'")

/* Two examples of three places with five features, unless a shape says otherwise. */
static const struct {
  const char *shape, *nodes, *layout;
} cases[] = {
    /* Attention as PyTorch programs write it: queries, keys and values apart, */
    {"[2, 3, 5]",
     QKV "," HEADS("q", "q") "," HEADS("k", "k") "," HEADS("v", "v") "," SCORES("", "c"),
     "x.2: identity 5; q: wreath(2, orthogonal 4); v: wreath(2, orthogonal 4); y: identity 3; "
     "wq[q,x.2] wk[q,x.2] wv[v,x.2] bv[v] wy[y,v]"},
    /* in one tensor, */
    {"[2, 3, 5]",
     DENSE("f", "x", 24, ", 'bias': 'bf'") "," SHAPE("g", "f", "[2, 3, 3, 8]") "," ONE(
         "q", "g",
         2) "," ONE("k", "g",
                    2) "," ONE("v", "g",
                               2) "," HEADS("q", "q") "," HEADS("k",
                                                                "k") "," HEADS("v",
                                                                               "v") "," SCORES("",
                                                                                               "c"),
     "x.2: identity 5; f.parts: identity 3; f.part: wreath(2, orthogonal 4); y: identity 3; "
     "wf[f.parts,f.part,x.2] bf[f.parts,f.part] wy[y,f.part]"},
    /* read as five axes at once. */
    {"[2, 3, 5]",
     DENSE("f", "x", 24, "") "," SHAPE("g", "f", "[2, 3, 3, 2, 4]") "," TURN(
         "h", "g", "[2, 0, 3, 1, 4]") "," ONE("qh", "h", 0) "," ONE("kh", "h",
                                                                    0) "," ONE("vh", "h",
                                                                               0) "," SCORES("",
                                                                                             "c"),
     "x.2: identity 5; f.parts: identity 3; f.part: wreath(2, orthogonal 4); y: identity 3; "
     "wf[f.parts,f.part,x.2] wy[y,f.part]"},
    /* A tensor for each head bounds what heads do, but each place of a head stays apart. */
    {"[2, 3, 5]",
     QKV "," HEADS("q", "q") "," HEADS("k", "k") "," HEADS("v", "v") "," SCORES(
         PARAMETER("r", "[2, 1, 1]") "," ADD("d", "c", "r") ",", "d"),
     "x.2: identity 5; q.parts: permutation 2; q.part: orthogonal 4; v.part: orthogonal 4; "
     "r.1: permutation 1; r.2: permutation 1; y: identity 3; wq[q.parts,q.part,x.2] "
     "wk[q.parts,q.part,x.2] wv[q.parts,v.part,x.2] bv[q.parts,v.part] "
     "wr[q.parts,r.1,r.2] wy[y,q.parts,v.part]"},
    /* A gain that all heads share leaves them the same change of places. */
    {"[2, 3, 5]",
     QKV "," HEADS("q", "q") "," HEADS("k", "k") "," HEADS(
         "v", "v") ",{'op': 'rmsnorm', 'name': 'n', 'from': 'qh', 'gain': "
                   "'wn'}," MATMUL("c", "n", "kh", ", 'transposed': true") "," SOFTMAX(
                       "p", "c") "," MATMUL("t", "p", "vh", "") "," BACK("t"),
     "x.2: identity 5; q.parts: permutation 2; q.part: permutation 4; v.part: orthogonal 4; "
     "y: identity 3; wq[q.parts,q.part,x.2] wk[q.parts,q.part,x.2] wv[q.parts,v.part,x.2] "
     "bv[q.parts,v.part] wn[q.part] wy[y,q.parts,v.part]"},
    /* Without a gain each head keeps a rotation of its own. */
    {"[2, 3, 5]",
     QKV "," HEADS("q", "q") "," HEADS("k", "k") "," HEADS(
         "v", "v") ",{'op': 'rmsnorm', 'name': 'n', "
                   "'from': 'qh'}," MATMUL("c", "n", "kh", ", 'transposed': true") "," SOFTMAX(
                       "p", "c") "," MATMUL("t", "p", "vh", "") "," BACK("t"),
     "x.2: identity 5; q: wreath(2, orthogonal 4); v: wreath(2, orthogonal 4); y: identity 3; "
     "wq[q,x.2] wk[q,x.2] wv[v,x.2] bv[v] wy[y,v]"},
    /* A function of the queries leaves permutations.  Heads of the values move with them, so that
     * the same permutation acts on all heads. */
    {"[2, 3, 5]",
     QKV "," ACT("a", "q", "gelu") "," HEADS("q", "a") "," HEADS("k", "k") "," HEADS(
         "v", "v") "," SCORES("", "c"),
     "x.2: identity 5; q.parts: permutation 2; q.part: permutation 4; v.part: orthogonal 4; "
     "y: identity 3; wq[q.parts,q.part,x.2] wk[q.parts,q.part,x.2] wv[q.parts,v.part,x.2] "
     "bv[q.parts,v.part] wy[y,q.parts,v.part]"},
    /* Heads that are added up, */
    {"[3, 5]",
     DENSE("q", "x", 8,
           "") "," SHAPE("s", "q", "[3, 2, 4]") ",{'op': 'reduce', 'name': 'm', 'from': 's', "
                                                "'axis': 1, 'kind': 'sum'}," DENSE("y", "m", 3, ""),
     "x.1: identity 5; q.parts: permutation 2; q.part: orthogonal 4; y: identity 3; "
     "wq[q.parts,q.part,x.1] wy[y,q.part]"},
    /* scaled each by a number of its own, */
    {"[3, 5]",
     DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[3, 2, 4]") "," PARAMETER(
         "r", "[2, 1]") "," MULTIPLY("m", "s", "r") "," SHAPE("j", "m",
                                                              "[3, 8]") "," DENSE("y", "j", 3, ""),
     "x.1: identity 5; q.parts: permutation 2; q.part: permutation 4; r.1: permutation 1; "
     "y: identity 3; wq[q.parts,q.part,x.1] wr[q.parts,r.1] wy[y,q.parts,q.part]"},
    /* moved by the same numbers, */
    {"[3, 5]",
     DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[3, 2, 4]") "," PARAMETER("r", "[4]") "," ADD(
         "m", "s", "r") "," SHAPE("j", "m", "[3, 8]") "," DENSE("y", "j", 3, ""),
     "x.1: identity 5; q.parts: permutation 2; q.part: orthogonal 4; y: identity 3; "
     "wq[q.parts,q.part,x.1] wr[q.part] wy[y,q.parts,q.part]"},
    /* multiplied across heads, */
    {"[3, 5]",
     DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[3, 2, 4]") "," TURN(
         "r", "s", "[0, 2, 1]") "," MATMUL("m", "r", "s",
                                           "") "," SHAPE("j", "m", "[3, 16]") "," DENSE("y", "j", 3,
                                                                                        ""),
     "x.1: identity 5; q.parts: orthogonal 2; q.part: orthogonal 4; y: identity 3; "
     "wq[q.parts,q.part,x.1] wy[y,q.part,q.part]"},
    /* and put together in another order. */
    {"[3, 5]",
     DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[3, 2, 4]") "," TURN(
         "r", "s", "[0, 2, 1]") "," SHAPE("j", "r", "[3, 8]") "," DENSE("y", "j", 3, ""),
     "x.1: identity 5; q.parts: orthogonal 2; q.part: orthogonal 4; y: identity 3; "
     "wq[q.parts,q.part,x.1] wy[y,q.part,q.parts]"},
    /* Two ways to read one axis; and no way. */
    {"[3, 5]",
     DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[3, 2, 4]") "," SHAPE(
         "t", "q",
         "[3, 4, 2]") "," ACT("a", "s",
                              "tanh") "," ACT("b", "t",
                                              "tanh") "," SHAPE("c", "a",
                                                                "[24]") "," SHAPE("d", "b",
                                                                                  "[24]") ",{'op': "
                                                                                          "'concat'"
                                                                                          ", "
                                                                                          "'name': "
                                                                                          "'e', "
                                                                                          "'from': "
                                                                                          "['c', "
                                                                                          "'d'], "
                                                                                          "'axis': "
                                                                                          "0}"
                                                                                          "," DENSE(
                                                                                              "y",
                                                                                              "e",
                                                                                              3,
                                                                                              ""),
     NULL},
    {"[3, 5]", DENSE("q", "x", 8, "") "," SHAPE("s", "q", "[4, 6]") "," DENSE("y", "s", 3, ""),
     "x.1: identity 5; q: identity 8; s.still: identity 6; y: identity 3; wq[q,x.1] wy[y,s.still]"},
    /* A reshape that leaves all axes, adds ones and takes them away. */
    {"[2, 3, 5]",
     DENSE("h", "x", 8, ", 'bias': 'bh'") "," SHAPE("s", "h", "[6, 1, 8]") "," ACT(
         "a", "s", "tanh") "," SHAPE("t", "a", "[2, 3, 8]") "," DENSE("y", "t", 3, ""),
     "x.2: identity 5; h: signed-permutation 8; y: identity 3; wh[h,x.2] bh[h] wy[y,h]"},
    /* Numbers along an axis of one place. */
    {"[2, 5]",
     DENSE("h", "x", 8, "") "," SHAPE(
         "s", "h", "[2, 1, 8]") ",{'op': 'repeat', 'name': 'r', 'from': 's', 'axis': 1, 'out': "
                                "3}," PARAMETER("p", "[3, 8]") "," ADD(
                                    "a", "r", "p") ","
                                                   "{'op': 'reduce', 'name': 'b', 'from': 'a', "
                                                   "'axis': 1, 'kind': 'sum'}," DENSE("y", "b", 3,
                                                                                      ""),
     "x.1: identity 5; h: orthogonal 8; r.repeat: permutation 3; y: identity 3; wh[h,x.1] "
     "wp[r.repeat,h] wy[y,h]"},
    {"[2, 3, 5]",
     DENSE("h", "x", 8,
           "") ",{'op': 'reduce', 'name': 'm', 'from': 'h', 'axis': 1, 'kind': "
               "'mean'}," SHAPE("s", "m",
                                "[2, 1, 8]") ",{'op': 'entrywise', 'name': 'e', 'from': ['h', "
                                             "'s'], 'function': 'div'}," DENSE("y", "e", 3, ""),
     "x.2: identity 5; h: permutation 8; y: identity 3; wh[h,x.2] wy[y,h]"},
    /* Parts and neighbours of an axis. */
    {"[3, 5]",
     DENSE("h", "x", 8, "") ",{'op': 'slice', 'name': 's', 'from': 'h', 'axis': 1, 'out': "
                            "3}," DENSE("g", "x", 4, "") ",{'op': 'concat', 'name': 'c', 'from': "
                                                         "['s', 'g'], 'axis': 1}," DENSE("y", "c",
                                                                                         3, ""),
     "x.1: identity 5; h: identity 8; g: identity 4; c.still: identity 7; y: identity 3; "
     "wh[h,x.1] wg[g,x.1] wy[y,c.still]"},
    /* An axis beside the one that is cut moves as it did. */
    {"[3, 5]",
     DENSE("h", "x", 8, "") ",{'op': 'slice', 'name': 's', 'from': 'h', 'axis': 0, 'out': 2}," ACT(
         "a", "s", "tanh") "," DENSE("y", "a", 3, ""),
     "x.1: identity 5; h: signed-permutation 8; y: identity 3; wh[h,x.1] wy[y,h]"},
    {"[3, 5]",
     DENSE("h", "x", 8, "") ",{'op': 'opaque', 'name': 'o', 'from': 'h', 'shape': [4], 'function': "
                            "'fft'}," DENSE("y", "o", 3, ""),
     "x.1: identity 5; h: identity 8; o.still: identity 4; y: identity 3; wh[h,x.1] wy[y,o.still]"},
    /* Examples before channels and steps. */
    {"[2, 3, 4, 5]",
     "{'op': 'conv2d', 'name': 'h', 'from': 'x', 'out': 4, 'kernel': [3, 3], 'weight': 'wh'}," ACT(
         "a", "h",
         "tanh") ",{'op': 'conv2d', 'name': 'd', 'from': 'a', 'out': 4, 'kernel': [3, 3], "
                 "'weight': 'wd',"
                 "'bias': 'bd', 'depthwise': true},{'op': 'reduce', 'name': 'r', 'from': 'd', "
                 "'axis': 3, 'kind': 'sum'},"
                 "{'op': 'reduce', 'name': 's', 'from': 'r', 'axis': 2, 'kind': 'sum'}," DENSE(
                     "y", "s", 3, ""),
     "x.1: identity 3; h: permutation 4; h.ky: identity 3; h.kx: identity 3; d.one: permutation 1; "
     "d.ky: identity 3; d.kx: identity 3; y: identity 3; wh[h,x.1,h.ky,h.kx] "
     "wd[h,d.one,d.ky,d.kx] bd[h] wy[y,h]"},
    {"[2, 3, 5]",
     "{'op': 'recurrent', 'name': 'h', 'from': 'x', 'out': 4, 'weight': 'wi', 'weight_hidden': "
     "'wh'}," DENSE("y", "h", 3, ""),
     "x.2: identity 5; h: signed-permutation 4; y: identity 3; wi[h,x.2] wh[h,h] wy[y,h]"}};

typedef struct graph_case {
  const graph *g;
} graph_case;

static double graph_loss(void *self, const symo_layout *layout, const double *theta) {
  const graph_case *c = self;
  return sym_forward(c->g, layout, theta, 3);
}

/* Spaces whose copies change places together are moved copy by copy, in their places. */
static symo_layout *apart(symo_context *context, const sym_proposal *p, const symo_layout *from) {
  symo_layout *layout = NULL;
  cr_ok(context, symo_layout_create(context, &layout));
  for (size_t i = 0; i < p->num_spaces; i++) {
    const sym_space *space = &p->spaces[i];
    symo_group *sum = NULL;
    symo_group_part parts[8];
    bool shared = false;
    for (size_t k = 0; k < p->num_spaces; k++)
      shared =
          shared || (k != i && space->together != 0 && p->spaces[k].together == space->together);
    if (shared) {
      symo_group_spec spec = symo_group_spec_default("sum");
      cr_assert(space->copies <= COUNT(parts));
      for (size_t k = 0; k < space->copies; k++)
        parts[k] = (symo_group_part){symo_group_find(sym_level_name(space->level)),
                                     space->dim / space->copies};
      spec.num_parts = space->copies, spec.parts = parts;
      cr_ok(context, symo_group_create(context, &spec, &sum));
    }
    cr_ok(context, symo_layout_add_space(layout, space->name, space->dim,
                                         shared ? sum : symo_layout_space_group(from, i)));
    symo_group_destroy(sum);
  }
  for (size_t t = 0; t < p->num_tensors; t++) {
    const char *axes[SYMO_MAX_ORDER];
    for (size_t a = 0; a < p->tensors[t].order; a++)
      axes[a] = p->spaces[p->tensors[t].space[a]].name;
    cr_ok(context, symo_layout_add_tensor(layout, p->tensors[t].name, p->tensors[t].order, axes));
  }
  return layout;
}

Test(symmetries, parts_of_axes) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[4096], *found = NULL;
    sym_proposal *p = NULL;
    symo_layout *layout = NULL;
    sym_test_wrap(text, sizeof text, cases[i].shape, cases[i].nodes);
    graph *g = sym_test_parse(context, text);
    cr_ok(context, sym_infer(g, 0, &p));
    cr_ok(context, sym_proposal_layout(context, p, &layout));
    cr_ok(context, symo_layout_to_text(layout, &found));
    cr_assert(cases[i].layout == NULL || strcmp(found, cases[i].layout) == 0, "%s:\n%s\nnot\n%s",
              cases[i].nodes, found, cases[i].layout);
    symo_free(found);
    graph_case c = {g};
    symo_layout *moved = apart(context, p, layout);
    sym_test_invariant(context, moved, cases[i].nodes, graph_loss, &c);
    symo_layout_destroy(moved);
    symo_layout_destroy(layout);
    sym_proposal_destroy(p);
    graph_destroy(g);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* An axis that stays because the two that it is read as stay says what keeps those. */
Test(symmetries, parts_tell_why) {
  symo_context *context = symo_test_context();
  char text[1024];
  sym_proposal *p = NULL;
  bool found = false;
  sym_test_wrap(text, sizeof text, "[3, 5]",
                DENSE("h", "x", 8, "") "," SHAPE(
                    "s", "h", "[3, 2, 4]") ",{'op': 'opaque', 'name': 'o',"
                                           "'from': 's', 'shape': [4], 'function': 'fft'}," DENSE(
                                               "y", "o", 3, ""));
  graph *g = sym_test_parse(context, text);
  cr_ok(context, sym_infer(g, 0, &p));
  for (size_t i = 0; i < p->num_notes; i++)
    found = found || (strcmp(p->spaces[p->notes[i].space].name, "h") == 0 &&
                      strstr(p->notes[i].text, "fft is not understood") != NULL);
  cr_assert(found);
  sym_proposal_destroy(p);
  graph_destroy(g);
  symo_context_destroy(context);
  cr_no_leaks();
}
