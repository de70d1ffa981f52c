/* The layout of transformers: names in the order of the flat vector, groups, and which of them
 * leave the loss. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <symo/layout.h>

#include "core/linalg.h"
#include "tests/experiments/gpt/test_gpt_support.h"

/* ---- as text ---- */

static void check_text(size_t index, const char *group, const char *expected) {
  symo_gpt_spec gpt = gpt_combination(index);
  gpt.layers = 1;
  symo_net_spec spec = symo_net_spec_default();
  symo_context *context = symo_test_context();
  symo_layout *layout;
  char *text;
  cr_ok(context, symo_gpt_to_net(context, &gpt, &spec));
  cr_ok(context, symo_net_layout(context, &spec, group, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), (size_t)symo_net_count(&spec));
  cr_ok(context, symo_layout_to_text(layout, &text));
  cr_assert_str_eq(text, expected);
  symo_free(text);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
}

Test(gpt_layout, texts) {
  check_text(0, NULL,
             "block: identity 5; vocab: identity 7; embd: identity 6; qk0: wreath(2, orthogonal "
             "3); vo0: wreath(2, orthogonal 3); mlp0: permutation 9; "
             "wte.weight[vocab,embd] wpe.weight[block,embd] h.0.ln_1.weight[embd] "
             "h.0.attn.q.weight[qk0,embd] h.0.attn.k.weight[qk0,embd] h.0.attn.v.weight[vo0,embd] "
             "h.0.attn.c_proj.weight[embd,vo0] h.0.ln_2.weight[embd] "
             "h.0.mlp.c_fc.weight[mlp0,embd] h.0.mlp.c_proj.weight[embd,mlp0] "
             "ln_f.weight[embd]");
  check_text(0, "heads=permutation; vo=identity",
             "block: identity 5; vocab: identity 7; embd: identity 6; heads0: permutation 2; qk0: "
             "orthogonal 3; vo0: identity 3; mlp0: permutation 9; "
             "wte.weight[vocab,embd] wpe.weight[block,embd] h.0.ln_1.weight[embd] "
             "h.0.attn.q.weight[heads0,qk0,embd] h.0.attn.k.weight[heads0,qk0,embd] "
             "h.0.attn.v.weight[heads0,vo0,embd] h.0.attn.c_proj.weight[embd,heads0,vo0] "
             "h.0.ln_2.weight[embd] h.0.mlp.c_fc.weight[mlp0,embd] "
             "h.0.mlp.c_proj.weight[embd,mlp0] ln_f.weight[embd]");
  check_text(3, "mlp=identity; qk=scaling(1); vo=sign-flip, embd=permutation",
             "block: identity 5; vocab: identity 7; embd: permutation 6; qk0: scaling(1) 6; vo0: "
             "sign-flip 6; mlp0: identity 9; "
             "wte.weight[vocab,embd] wpe.weight[block,embd] h.0.ln_1.weight[embd] "
             "h.0.ln_1.bias[embd] h.0.attn.q.weight[qk0,embd] h.0.attn.k.weight[qk0*,embd] "
             "h.0.attn.v.weight[vo0,embd] h.0.attn.q.bias[qk0] h.0.attn.k.bias[qk0*] "
             "h.0.attn.v.bias[vo0] h.0.attn.c_proj.weight[embd,vo0] h.0.attn.c_proj.bias[embd] "
             "h.0.ln_2.weight[embd] h.0.ln_2.bias[embd] h.0.mlp.c_fc.weight[mlp0,embd] "
             "h.0.mlp.c_fc.bias[mlp0] h.0.mlp.c_proj.weight[embd,mlp0] h.0.mlp.c_proj.bias[embd] "
             "ln_f.weight[embd] ln_f.bias[embd] lm_head.weight[vocab,embd]");
}

/* Offsets of the layout are those that the network reads. */
Test(gpt_layout, tensors_stand_where_they_are_read) {
  symo_gpt_spec gpt = gpt_combination(3);
  net_case c = gpt_case_create(&gpt, 2, 0.6, 400);
  symo_layout *layout;
  cr_ok(c.context, symo_net_layout(c.context, &c.spec, NULL, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), c.size);
  static const char *const last[] = {"lm_head.weight", "ln_f.bias", "ln_f.weight",
                                     "h.1.mlp.c_proj.bias"};
  const size_t count = symo_layout_num_tensors(layout);
  cr_assert_eq(count, 2 + 2 * 16 + 2 + 1);
  for (size_t i = 0; i < 4; i++)
    cr_assert_str_eq(symo_layout_tensor_name(layout, count - 1 - i), last[i]);
  for (size_t i = 0; i < symo_net_num_weights(c.net); i++) {
    static const char *const names[] = {"h.%zu.attn.q", "h.%zu.attn.c_proj", "h.%zu.mlp.c_fc",
                                        "h.%zu.mlp.c_proj"};
    const symo_net_weight w = symo_net_get_weight(c.net, i);
    char base[32], name[64];
    (void)snprintf(base, sizeof base, names[i % 4], i / 4);
    if (i == 4 * gpt.layers) (void)snprintf(base, sizeof base, "lm_head");
    (void)snprintf(name, sizeof name, "%s.weight", base);
    cr_assert_eq(gpt_offset(&c, name, NULL), w.weight, "%s", name);
    (void)snprintf(name, sizeof name, "%s.bias", base);
    if (w.has_bias) cr_assert_eq(gpt_offset(&c, name, NULL), w.bias, "%s", name);
  }
  symo_layout_destroy(layout);
  net_case_destroy(&c);
}

/* ---- on the loss ---- */

/* The largest relative change of the loss under the group of the layout. */
static double defect(size_t index, size_t heads, const char *group) {
  symo_gpt_spec gpt = gpt_combination(index);
  gpt.heads = heads;
  net_case c = gpt_case_create(&gpt, 4, 0.6, 410 + index);
  const double most = net_defect(&c, group, 4);
  net_case_destroy(&c);
  return most;
}

Test(gpt_layout, what_leaves_the_loss) {
  static const char *const exact[] = {NULL,
                                      "identity",
                                      "permutation",
                                      "qk=orthogonal; vo=identity; mlp=identity",
                                      "vo=orthogonal, qk=identity",
                                      " embd = permutation ;qk=signed-permutation,vo=sign-flip",
                                      "qk=scaling(1, signs), mlp=identity; vo=scaling(1)",
                                      "embd=permutation; vo=wreath(2, orthogonal 3)"};
  for (size_t i = 0; i < NUM_GPTS; i++)
    for (size_t g = 0; g < sizeof exact / sizeof *exact; g++) {
      double most = defect(i, 1, exact[g]);
      cr_assert(most <= 1e-12, "%zu, %s: the loss moves by %g", i,
                exact[g] != NULL ? exact[g] : "the default", most);
    }
}

/* Heads that move in all tensors at once, and rotations in all heads alike or in each by itself. */
Test(gpt_layout, heads_that_leave_the_loss) {
  static const char *const exact[] = {"heads=permutation",
                                      "heads=signed-permutation",
                                      "heads=permutation; embd=permutation",
                                      "heads=permutation; qk=scaling(1), vo=scaling(1, signs)",
                                      "heads=identity; vo=signed-permutation; qk=identity",
                                      "qk=sum(orthogonal 3, orthogonal 3); vo=identity",
                                      "vo=sum(orthogonal 3, orthogonal 3); qk=identity"};
  for (size_t i = 0; i < NUM_GPTS; i++)
    for (size_t g = 0; g < sizeof exact / sizeof *exact; g++) {
      double most = defect(i, 2, exact[g]);
      cr_assert(most <= 1e-12, "%zu, %s: the loss moves by %g", i, exact[g], most);
    }
}

/* Heads may not change places in query and key alone; rotations mix no heads; gains and GELU know
 * directions. */
Test(gpt_layout, what_does_not) {
  static const struct {
    size_t heads;
    const char *group;
  } rows[] = {{2, NULL},
              {2, "qk=orthogonal; vo=identity"},
              {2, "vo=orthogonal; qk=identity"},
              {2, "heads=orthogonal; qk=identity"},
              {1, "embd=orthogonal"},
              {1, "mlp=orthogonal"},
              {1, "mlp=sign-flip"},
              {1, "vocab=permutation"},
              {1, "block=permutation"}};
  for (size_t i = 0; i < 2; i++)
    for (size_t g = 0; g < sizeof rows / sizeof *rows; g++)
      cr_assert(defect(i, rows[g].heads, rows[g].group) > 1e-4, "%zu, %s", rows[g].heads,
                rows[g].group);
}

/* A rotation in each head by itself, of query with key and of value with what reads it. */
static void rotate(const net_case *c, const char *tensor, size_t columns, double angle, bool right,
                   double *theta) {
  size_t size, at = gpt_offset(c, tensor, &size);
  double *x = theta + at;
  const double co = cos(angle), si = sin(angle);
  const size_t step = right ? 1 : columns, count = right ? size / columns : columns;
  for (size_t i = 0; i < count; i++) { /* the first two features of the second head: 3 and 4 */
    double *a = x + (right ? i * columns : i) + 3 * step, *b = a + step;
    const double keep = *a;
    *a = co * keep - si * *b, *b = si * keep + co * *b;
  }
}

Test(gpt_layout, rotation_within_a_head) {
  symo_gpt_spec gpt = gpt_combination(1);
  net_case c = gpt_case_create(&gpt, 4, 0.6, 430);
  double before, after;
  const size_t w = gpt.width;
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &before));
  rotate(&c, "h.1.attn.q.weight", w, 0.7, false, c.theta);
  rotate(&c, "h.1.attn.q.bias", 1, 0.7, false, c.theta);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &after));
  cr_assert(fabs(after - before) > 1e-4 * before);
  rotate(&c, "h.1.attn.k.weight", w, 0.7, false, c.theta);
  rotate(&c, "h.1.attn.k.bias", 1, 0.7, false, c.theta);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &after));
  cr_assert(fabs(after - before) <= 1e-13 * before);
  rotate(&c, "h.0.attn.v.weight", w, -0.4, false, c.theta);
  rotate(&c, "h.0.attn.v.bias", 1, -0.4, false, c.theta);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &after));
  cr_assert(fabs(after - before) > 1e-4 * before);
  rotate(&c, "h.0.attn.c_proj.weight", w, -0.4, true, c.theta);
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &after));
  cr_assert(fabs(after - before) <= 1e-13 * before);
  net_case_destroy(&c);
}

Test(gpt_layout, refused) {
  static const struct {
    const char *group, *part;
    symo_status status;
  } rows[] = {{"head=permutation", "'head'", SYMO_E_NAME},
              {"heads=wreath(2, permutation 2)", "heads0", SYMO_E_SHAPE},
              {"heads=permutation; qk=wreath(2, orthogonal 3)", "qk0", SYMO_E_SHAPE},
              {"qk=identity, permutation", "'permutation'", SYMO_E_NAME},
              {"qk=", "no group for qk", SYMO_E_ARGUMENT},
              {"qk=nothing", "nothing", SYMO_E_NAME},
              {"qk=wreath(2, orthogonal 4)", "qk0", SYMO_E_SHAPE},
              {"nothing", "nothing", SYMO_E_NAME}};
  symo_gpt_spec gpt = gpt_combination(0);
  net_case c = gpt_case_create(&gpt, 1, 0.6, 440);
  symo_layout *layout = NULL;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cr_assert_eq(symo_net_layout(c.context, &c.spec, rows[i].group, &layout), rows[i].status, "%s",
                 rows[i].group);
    cr_assert(strstr(symo_context_detail(c.context), rows[i].part) != NULL, "%s",
              symo_context_detail(c.context));
  }
  symo_net_spec other = c.spec;
  other.layers[other.num_layers - 2].kind = SYMO_NET_RMS_NORM;
  cr_assert_eq(symo_net_layout(c.context, &other, NULL, &layout), SYMO_E_ARGUMENT);
  cr_assert(layout == NULL);
  net_case_destroy(&c);
}
