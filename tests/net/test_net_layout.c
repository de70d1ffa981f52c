/* Layouts of networks: spelled out, and tried on the loss itself. */
#include <math.h>
#include <symo/element.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"

static void check_text(const char *net, symo_activation activation, bool bias, const char *group,
                       const char *expected) {
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  symo_layout *layout;
  char *text;
  cr_ok(context, symo_net_parse(context, net, &spec));
  spec.activation = activation, spec.bias = bias;
  cr_ok(context, symo_net_layout(context, &spec, group, &layout));
  cr_ok(context, symo_layout_to_text(layout, &text));
  cr_assert_str_eq(text, expected, "%s: %s", net, text);
  cr_assert(symo_layout_num_parameters(layout) == (size_t)symo_net_count(&spec));
  symo_free(text);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_layout, dense) {
  check_text("20-64-5", SYMO_ACT_TANH, true, NULL,
             "in: identity 20; h1: signed-permutation 64; out: identity 5; w1[h1,in] b1[h1] "
             "w2[out,h1] b2[out]");
  check_text("20-64-ln-8-rms-5", SYMO_ACT_LINEAR, true, NULL,
             "in: identity 20; h1: permutation 64; h2: permutation 8; out: identity 5; w1[h1,in] "
             "b1[h1] ln1.gain[h1] ln1.bias[h1] w2[h2,h1] b2[h2] rms2.gain[h2] w3[out,h2] b3[out]");
  check_text("4-ln-5-2", SYMO_ACT_TANH, false, NULL,
             "in: identity 4; h1: signed-permutation 5; out: identity 2; ln1.gain[in] w1[h1,in] "
             "w2[out,h1]");
}

Test(net_layout, residual) {
  check_text("20-64-res-16-64-add-5", SYMO_ACT_LINEAR, false, NULL,
             "in: identity 20; h1: orthogonal 64; h2: orthogonal 16; out: identity 5; w1[h1,in] "
             "w2[h2,h1] w3[h1,h2] w4[out,h1]");
  check_text("6-res-4-6-add-5", SYMO_ACT_TANH, false, NULL,
             "in: identity 6; h1: signed-permutation 4; out: identity 5; w1[h1,in] w2[in,h1] "
             "w3[out,in]");
  check_text("6-8-res-ln-8-add-5", SYMO_ACT_TANH, false, NULL,
             "in: identity 6; h1: permutation 8; out: identity 5; w1[h1,in] ln1.gain[h1] w2[h1,h1] "
             "w3[out,h1]");
}

Test(net_layout, recurrent) {
  check_text("rnn:8-16-4", SYMO_ACT_TANH, true, NULL,
             "in: identity 8; h: signed-permutation 16; out: identity 4; wx[h,in] wh[h,h] b[h] "
             "wo[out,h] bo[out]");
  check_text("rnn:8-16-8-4", SYMO_ACT_RELU, true, "sign-flip",
             "in: identity 8; h1: sign-flip 16; h2: sign-flip 8; out: identity 4; wx1[h1,in] "
             "wh1[h1,h1] b1[h1] wx2[h2,h1] wh2[h2,h2] b2[h2] wo[out,h2] bo[out]");
}

Test(net_layout, convolution) {
  check_text("conv:8x8x1-c8k3-p2-c16k3x5c-10", SYMO_ACT_TANH, true, NULL,
             "in: identity 1; kh1: identity 3; kw1: identity 3; h1: signed-permutation 8; kh2: "
             "identity 3; kw2: identity 5; h2: signed-permutation 16; p3: identity 16; out: "
             "identity 10; w1[h1,in,kh1,kw1] b1[h1] w2[h2,h1,kh2,kw2] b2[h2] w3[out,h2,p3] "
             "b3[out]");
  check_text("conv:16x2-c4k5-m2-6-3", SYMO_ACT_TANH, false, NULL,
             "in: identity 2; k1: identity 5; h1: permutation 4; p2: identity 8; h2: "
             "signed-permutation 6; out: identity 3; w1[h1,in,k1] w2[h2,h1,p2] w3[out,h2]");
}

/* ---- on the loss ---- */

/* The largest relative change of the loss under the group of the layout. */
static double defect(const char *net, size_t index, const char *group) {
  symo_net_spec spec = net_combination(index, net);
  net_case c = net_case_create(&spec, 6, 0.6, 61 + index);
  const double most = net_defect(&c, group, 6);
  net_case_destroy(&c);
  return most;
}

Test(net_layout, exact_groups_leave_the_loss) {
  static const char *const nets[] = {"4-5-4-2",
                                     "4-5-ln-4-rms-2",
                                     "4-5-res-3-5-add-2",
                                     "4-5-res-ln-5-add-rms-2",
                                     "3-res-4-3-add-2",
                                     "rnn:3x2-5-2",
                                     "rnn:3x2-4-3-2",
                                     "rnn:3x2-4-ln-res-4-add-2",
                                     "conv:4x4x2-c3k3-p2-c2k3c-2",
                                     "conv:4x4x1-c3k3-m2-4-2",
                                     "conv:6x2-c3k3-res-c3k3-add-rms-m3-3-2"};
  for (size_t n = 0; n < sizeof nets / sizeof *nets; n++)
    for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
      double most = defect(nets[n], i, NULL);
      cr_assert(most <= 1e-12, "%s, %zu: the loss moves by %g", nets[n], i, most);
    }
}

/* What the exact groups leave out is no symmetry. */
Test(net_layout, larger_groups_do_not) {
  cr_assert(defect("4-5-ln-3-2", SYMO_ACT_TANH, "signed-permutation") > 1e-3);
  cr_assert(defect("4-5-rms-3-2", SYMO_ACT_TANH, "signed-permutation") > 1e-3);
  cr_assert(defect("4-5-rms-3-2", SYMO_ACT_LINEAR, "orthogonal") > 1e-3);
  cr_assert(defect("conv:4x4x1-c3k3-m2-2", SYMO_ACT_TANH, "signed-permutation") > 1e-3);
  cr_assert(defect("rnn:3x2-5-2", SYMO_ACT_RELU, "signed-permutation") > 1e-3);
}

/* Layers that only C can put together: a flattened image is not one space. */
Test(net_layout, sums_of_flattened_images) {
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(context, symo_net_parse(context, "conv:2x1-c2k3-4-3", &spec));
  const symo_net_layer layers[] = {spec.layers[0],
                                   {.kind = SYMO_NET_FLATTEN},
                                   {.kind = SYMO_NET_LAYER_NORM},
                                   {.kind = SYMO_NET_FORK},
                                   {.kind = SYMO_NET_DENSE, .width = 4},
                                   {.kind = SYMO_NET_ADD},
                                   {.kind = SYMO_NET_DENSE, .width = 3}};
  spec.num_layers = sizeof layers / sizeof *layers;
  memcpy(spec.layers, layers, sizeof layers);
  symo_layout *layout;
  char *text;
  cr_ok(context, symo_net_layout(context, &spec, NULL, &layout));
  cr_ok(context, symo_layout_to_text(layout, &text));
  cr_assert_str_eq(text,
                   "in: identity 1; k1: identity 3; h1: identity 2; p2: identity 2; h2: identity "
                   "4; out: identity 3; w1[h1,in,k1] b1[h1] ln1.gain[h1,p2] ln1.bias[h1,p2] "
                   "w2[h2,h1,p2] b2[h2] w3[out,h2] b3[out]",
                   "%s", text);
  symo_free(text);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  net_case c = net_case_create(&spec, 4, 0.5, 62);
  net_check_gradient(&c);
  net_check_hvp(&c);
  net_case_destroy(&c);
}
