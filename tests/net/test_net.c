/* Networks against an independent oracle: losses, gradients, second derivatives, statistics. */
#include "tests/net/test_net_support.h"

#include <math.h>

#include "core/linalg.h"

/* All checks of a network of the given widths under every activation, loss and bias. */
static void check_all(const char *widths, size_t examples) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, widths);
    net_case c = net_case_create(&spec, examples, 0.7, 11 + i);
    net_check_gradient(&c);
    net_check_hvp(&c);
    net_check_structure(&c, false);
    net_check_structure(&c, true);
    net_check_dense(&c);
    net_case_destroy(&c);
  }
}

Test(net, two_layers) { check_all("5-7-3", 13); }
Test(net, one_layer) { check_all("4-3", 6); }
Test(net, three_layers) { check_all("3-6-5-4", 9); }
Test(net, six_layers) { check_all("3-4-5-4-3-4-2", 7); }
Test(net, width_one) { check_all("1-1-1", 3); }
Test(net, single_example) { check_all("4-5-3", 1); }

/* Chunks of examples, and panels of the dense Hessian, that do not come out even. */
Test(net, many_examples) {
  symo_net_spec spec = net_combination(4, "3-5-4");
  net_case c = net_case_create(&spec, 1111, 0.7, 3);
  net_check_gradient(&c);
  net_check_hvp(&c);
  net_check_structure(&c, false);
  net_check_dense(&c);
  net_case_destroy(&c);
}

/* Enough outputs, and enough examples with them, that seeds come in batches and batches in blocks.
 */
static void check_panels(const char *widths, size_t examples) {
  symo_net_spec spec = net_combination(0, widths);
  net_case c = net_case_create(&spec, examples, 0.2, 4);
  net_check_hvp(&c);
  size_t n = c.size;
  double *dense = net_vector(n * n), *v = net_random(&c, 4 * n), *hv = net_vector(4 * n);
  cr_ok(c.context, symo_problem_hessian(c.context, &c.problem, c.theta, dense));
  symo_gemm(SYMO_F64, 1.0, symo_mat_dense(v, 4, n), symo_mat_dense(dense, n, n), 0.0,
            symo_mat_dense(hv, 4, n));
  double *expected = net_product(&c, false, c.theta, 4, v);
  cr_assert(symo_test_rel(hv, expected, 4 * n) <= 1e-12, "%s", widths);
  symo_free(dense);
  symo_free(v);
  symo_free(hv);
  symo_free(expected);
  net_case_destroy(&c);
}

Test(net, wide_layers) {
  check_panels("40-37-41-2", 30);
  check_panels("6-70-3", 600);
  check_panels("3-4-90-5-2", 700);
}

Test(net, zero_inputs) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "3-4-2");
    net_case c = net_case_create(&spec, 5, 0.7, 5);
    memset(c.x, 0, c.examples * c.inputs * sizeof *c.x);
    /* Without biases every z is 0, the kink of relu: finite differences say nothing there. */
    bool kink = spec.activation == SYMO_ACT_RELU && !spec.bias;
    cr_ok(c.context, symo_net_set_data(c.net, c.examples, c.x, c.y));
    if (!kink) net_check_gradient(&c);
    net_check_dense(&c);
    net_case_destroy(&c);
  }
}

Test(net, zero_parameters) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "3-4-2");
    net_case c = net_case_create(&spec, 5, 0.0, 6);
    if (spec.activation != SYMO_ACT_RELU) net_check_gradient(&c);
    net_check_dense(&c);
    net_case_destroy(&c);
  }
}

/* Directions that touch one tensor only take the short cuts. */
Test(net, sparse_directions) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "3-4-5-2");
    net_case c = net_case_create(&spec, 6, 0.7, 7);
    size_t n = c.size;
    double *full = net_random(&c, n), *sum = net_vector(n);
    double *whole = net_product(&c, false, c.theta, 1, full);
    for (size_t at = 0; at < n; at += 5) {
      double *part = net_vector(n);
      size_t count = n - at < 5 ? n - at : 5;
      memcpy(part + at, full + at, count * sizeof *part);
      double *product = net_product(&c, false, c.theta, 1, part);
      symo_axpy(SYMO_F64, n, 1.0, product, sum);
      symo_free(part);
      symo_free(product);
    }
    cr_assert(symo_test_rel(sum, whole, n) <= 1e-12, "%s", net_spec_text(&spec));
    memset(full, 0, n * sizeof *full);
    double *zero = net_product(&c, false, c.theta, 1, full);
    cr_assert(symo_test_max(zero, n) == 0.0);
    double *mine[] = {full, sum, whole, zero};
    for (size_t m = 0; m < 4; m++) symo_free(mine[m]);
    net_case_destroy(&c);
  }
}

/* A linear network of one layer, and the last layer of any: the loss is convex there, GGN = H. With
 * more layers they differ only by the products of two layers' parameters. */
Test(net, ggn_is_hessian_when_linear) {
  for (size_t loss = 0; loss < 3; loss++) {
    symo_net_spec spec = net_combination(3 + 4 * loss, "5-4");
    net_case c = net_case_create(&spec, 12, 0.7, 8);
    double *hessian = net_dense(&c, false), *ggn = net_dense(&c, true);
    cr_assert(symo_test_rel(ggn, hessian, c.size * c.size) <= 1e-12);
    symo_free(hessian);
    symo_free(ggn);
    net_case_destroy(&c);
  }
}

/* At zero residual the terms with output gradients vanish for squared error. */
Test(net, ggn_is_hessian_at_zero_residual) {
  for (size_t activation = 0; activation < 4; activation++) {
    symo_net_spec spec = net_combination(activation, "4-6-5-3");
    net_case c = net_case_create(&spec, 12, 0.7, 9);
    cr_ok(c.context, symo_net_predict(c.net, c.theta, c.examples, c.x, c.y));
    cr_ok(c.context, symo_net_set_data(c.net, c.examples, c.x, c.y));
    double *hessian = net_dense(&c, false), *ggn = net_dense(&c, true);
    cr_assert(symo_test_rel(ggn, hessian, c.size * c.size) <= 1e-12, "%s", net_spec_text(&spec));
    symo_free(hessian);
    symo_free(ggn);
    net_case_destroy(&c);
  }
}

Test(net, ggn_of_cross_entropy_is_jqj) {
  for (size_t activation = 0; activation < 4; activation++) {
    symo_net_spec spec = net_combination(activation + 4, "3-5-4");
    net_case c = net_case_create(&spec, 4, 0.7, 10);
    net_check_ggn(&c);
    net_case_destroy(&c);
  }
}

Test(net, ggn_of_bernoulli_is_jqj) {
  for (size_t activation = 0; activation < 4; activation++) {
    symo_net_spec spec = net_combination(activation + 8, "3-5-4");
    net_case c = net_case_create(&spec, 4, 0.7, 13);
    net_check_ggn(&c);
    net_case_destroy(&c);
  }
}

Test(net, float32_agrees) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "6-8-7-3");
    net_case c = net_case_create(&spec, 40, 0.5, 12);
    net_check_float32(&c);
    net_case_destroy(&c);
  }
}

/* Logits of 1e4 neither overflow nor lose the loss. */
Test(net, cross_entropy_is_stable) {
  symo_net_spec spec = net_combination(7, "1-3");
  spec.bias = false;
  net_case c = net_case_create(&spec, 1, 1.0, 13);
  const double theta[] = {1e4, 0.0, -1e4}, x = 1.0, right[] = {1, 0, 0}, wrong[] = {0, 0, 1};
  double loss, grad[3], v[] = {1, 2, 3}, hv[3];
  cr_ok(c.context, symo_net_set_data(c.net, 1, &x, right));
  cr_ok(c.context, c.problem.gradient(c.problem.self, theta, &loss, grad));
  cr_assert(loss == 0.0 && symo_test_max(grad, 3) == 0.0);
  cr_ok(c.context, symo_net_set_data(c.net, 1, &x, wrong));
  cr_ok(c.context, c.problem.gradient(c.problem.self, theta, &loss, grad));
  cr_assert(loss == 2e4 && grad[0] == 1.0 && grad[1] == 0.0 && grad[2] == -1.0);
  cr_ok(c.context, c.problem.hvp(c.problem.self, theta, 1, v, hv));
  cr_assert(symo_test_max(hv, 3) == 0.0);
  net_case_destroy(&c);
}

/* phi'' in closed form, at points that finite differences of a network seldom visit. */
Test(net, gelu_far_out) {
  symo_net_spec spec = net_combination(2, "1-1-1");
  spec.bias = false;
  net_case c = net_case_create(&spec, 1, 1.0, 14);
  for (double z = -60.0; z <= 60.0; z += 0.5) {
    const double theta[] = {1.0, 1.0};
    double loss, grad[2], hessian[4], y = 0.0;
    cr_ok(c.context, symo_net_set_data(c.net, 1, &z, &y));
    cr_ok(c.context, c.problem.gradient(c.problem.self, theta, &loss, grad));
    cr_ok(c.context, symo_problem_hessian(c.context, &c.problem, theta, hessian));
    long double density = expl(-z * z / 2) / sqrtl(8.0L * atanl(1.0L));
    long double cdf = 0.5L * erfcl(-(long double)z / sqrtl(2.0L)), g = z * cdf;
    long double d1 = cdf + z * density, d2 = (2 - z * z) * density;
    double truth[] = {(double)(z * z * (d1 * d1 + g * d2)), (double)(2 * z * g * d1)};
    cr_assert(fabs(hessian[0] - truth[0]) <= 1e-12 * (1e-30 + fabs(truth[0])), "z %g: %g %g", z,
              hessian[0], truth[0]);
    cr_assert(fabs(hessian[1] - truth[1]) <= 1e-12 * (1e-30 + fabs(truth[1])));
  }
  net_case_destroy(&c);
}
