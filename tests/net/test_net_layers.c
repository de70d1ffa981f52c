/* Recurrent layers, convolutions, pools, norms and residual blocks: derivatives, under every
 * activation and loss, with and without biases. */
#include "tests/net/test_net_support.h"

#include <math.h>

#include "core/linalg.h"

/* With random parameters no kink of relu or of a maximum is near. */
static void check_one(const char *text, size_t index, size_t examples, double scale) {
  symo_net_spec spec = net_combination(index, text);
  net_case c = net_case_create(&spec, examples, scale, 31 + index);
  net_check_gradient(&c);
  net_check_hvp(&c);
  net_check_structure(&c, false);
  net_check_structure(&c, true);
  net_check_dense(&c);
  net_case_destroy(&c);
}

static void check_all(const char *text, double scale) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    check_one(text, i, 5, scale);
    if (i >= 8) continue;
    symo_net_spec spec = net_combination(i, text);
    net_case c = net_case_create(&spec, 3, scale, 51 + i);
    net_check_ggn(&c);
    net_check_float32(&c);
    net_case_destroy(&c);
  }
}

Test(net_layers, recurrent) { check_all("rnn:4x3-5-2", 0.5); }
Test(net_layers, recurrent_one_step) { check_all("rnn:1x3-4-2", 0.6); }
Test(net_layers, recurrent_stacked) { check_all("rnn:3x2-4-3-2", 0.5); }
Test(net_layers, recurrent_leaky) { check_all("rnn:4x3-5leak0.3-2", 0.7); }
Test(net_layers, recurrent_leaky_one_step) { check_all("rnn:1x3-4leak0.25-2", 0.6); }
Test(net_layers, recurrent_leaky_stacked) { check_all("rnn:3x2-4leak0.5-3-2", 0.6); }

/* Of the losses that are sums over outputs, f32 among them. */
Test(net_layers, outputs_at_each_step) {
  static const char *const texts[] = {"rnn:4x3-5-2each", "rnn:4x2-4leak0.3-3each", "rnn:3x2-2each",
                                      "rnn:4x2-4-ln-3leak0.5-2each"};
  for (size_t t = 0; t < 4; t++)
    for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
      symo_net_spec spec = net_combination(i, texts[t]);
      if (spec.loss == SYMO_LOSS_CROSS_ENTROPY) continue;
      check_one(texts[t], i, 5, 0.6);
      net_case c = net_case_create(&spec, 3, 0.6, 61 + i);
      net_check_ggn(&c);
      net_check_float32(&c);
      net_case_destroy(&c);
    }
}

Test(net_layers, recurrent_with_parts) { check_all("rnn:3x2-4-ln-res-4-add-rms-2", 0.5); }
Test(net_layers, convolution) { check_all("conv:4x3x2-c3k3-2", 0.4); }
Test(net_layers, convolution_circular) { check_all("conv:4x3x1-c2k3c-c2k3x5c-2", 0.4); }
Test(net_layers, convolution_wide_kernel) { check_all("conv:2x3x1-c2k3x5-2", 0.4); }
Test(net_layers, convolution_of_one) { check_all("conv:2x3x2-c3k1-c2k1-2", 0.5); }
Test(net_layers, convolution_1d) { check_all("conv:6x2-c3k3-c2k5c-3", 0.4); }
Test(net_layers, average_pool) { check_all("conv:4x4x1-c2k3-p2-c3k3-p2x1-3-2", 0.5); }
Test(net_layers, maximum_pool) { check_all("conv:4x4x1-c2k3-m2-c3k3-m1x2-2", 0.5); }
Test(net_layers, pools_1d) { check_all("conv:8x1-c3k3-m2-c2k3-p4-2", 0.5); }
Test(net_layers, pools_of_inputs) { check_all("conv:4x4x2-p2-m2-3-2", 0.5); }
Test(net_layers, flatten_of_inputs) { check_all("conv:2x2x2-3-2", 0.5); }
Test(net_layers, layer_norm) { check_all("4-5-ln-4-2", 0.7); }
Test(net_layers, rms_norm) { check_all("4-5-rms-4-2", 0.7); }
Test(net_layers, norms_of_inputs) { check_all("4-ln-5-2", 0.7); }
Test(net_layers, norms_in_a_row) { check_all("3-rms-4-ln-rms-2", 0.8); }
Test(net_layers, norms_of_images) { check_all("conv:3x2x3-ln-c3k3-rms-c2k1-ln-2", 0.5); }
Test(net_layers, residual) { check_all("4-5-res-3-5-add-2", 0.5); }
Test(net_layers, residual_of_inputs) { check_all("3-res-4-3-add-2", 0.5); }
Test(net_layers, residual_nested) { check_all("3-4-res-4-res-ln-4-add-rms-add-2", 0.5); }
Test(net_layers, residual_of_images) {
  check_all("conv:3x3x1-res-c1k3-add-c2k3-res-c3k3c-c2k3-add-2", 0.3);
}

/* Chunks of examples and of directions that do not come out even. */
Test(net_layers, many_examples) {
  static const char *const texts[] = {"rnn:3x2-3-2", "conv:4x4x1-c2k3-p2-ln-res-c2k3-add-2",
                                      "4-5-rms-2"};
  for (size_t i = 0; i < 3; i++) {
    symo_net_spec spec = net_combination(4, texts[i]);
    net_case c = net_case_create(&spec, 1111, 0.5, 41);
    net_check_gradient(&c);
    net_check_hvp(&c);
    net_check_structure(&c, false);
    net_case_destroy(&c);
  }
}

/* Directions that touch one part only take the short cuts. */
static void check_sparse(const char *text, bool gauss_newton) {
  symo_net_spec spec = net_combination(4, text);
  net_case c = net_case_create(&spec, 4, 0.5, 42);
  size_t n = c.size;
  double *full = net_random(&c, n), *sum = net_vector(n), *part = net_vector(n);
  double *whole = net_product(&c, gauss_newton, c.theta, 1, full);
  for (size_t at = 0; at < n; at++) {
    part[at] = full[at];
    double *product = net_product(&c, gauss_newton, c.theta, 1, part);
    symo_axpy(SYMO_F64, n, 1.0, product, sum);
    symo_free(product);
    part[at] = 0.0;
  }
  cr_assert(symo_test_rel(sum, whole, n) <= 1e-12, "%s", text);
  double *zero = net_product(&c, gauss_newton, c.theta, 1, part);
  cr_assert(symo_test_max(zero, n) == 0.0);
  double *mine[] = {full, sum, part, whole, zero};
  for (size_t m = 0; m < sizeof mine / sizeof *mine; m++) symo_free(mine[m]);
  net_case_destroy(&c);
}

Test(net_layers, sparse_directions) {
  static const char *const texts[] = {"rnn:3x2-3-ln-3-2",
                                      "conv:4x4x1-c2k3-m2-ln-res-c2k3-rms-add-p2-3-2",
                                      "3-res-ln-3-res-4-3-add-add-rms-2", "rnn:2x2-res-2-add-3-2"};
  for (size_t i = 0; i < 4; i++) {
    check_sparse(texts[i], false);
    check_sparse(texts[i], true);
  }
}

/* Of equal entries the first is the maximum. */
Test(net_layers, maximum_of_equal_entries) {
  symo_net_spec spec = net_combination(3, "conv:2x1-m2-1");
  net_case c = net_case_create(&spec, 1, 0.0, 43);
  const double x[] = {2.0, 2.0}, y = 0.0, theta[] = {3.0, 1.0};
  double out, loss, grad[2];
  cr_ok(c.context, symo_net_set_data(c.net, 1, x, &y));
  cr_ok(c.context, symo_net_predict(c.net, theta, 1, x, &out));
  cr_ok(c.context, c.problem.gradient(c.problem.self, theta, &loss, grad));
  cr_assert(out == 7.0 && loss == 24.5 && grad[0] == 14.0 && grad[1] == 7.0);
  net_case_destroy(&c);
}
