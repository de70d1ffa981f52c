/* Networks against an independent oracle: losses, gradients, second derivatives, statistics. */
#include "tests/experiments/test_net_support.h"

#include <math.h>

#include "core/linalg.h"

static void check_gradient(net_case *c) {
  double loss, *grad = net_vector(c->size), *expected = net_vector(c->size);
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->theta, &loss, grad));
  double truth = (double)net_oracle_loss(c, c->theta);
  cr_assert(fabs(loss - truth) <= 1e-13 * fabs(truth), "%s: loss %.17g, %.17g",
            net_spec_text(&c->spec), loss, truth);
  double alone;
  cr_ok(c->context, c->problem.loss(c->problem.self, c->theta, &alone));
  cr_assert(alone == loss);
  const double h = 1e-6;
  for (size_t i = 0; i < c->size; i++) {
    double keep = c->theta[i], up = keep + h, down = keep - h;
    c->theta[i] = up;
    long double high = net_oracle_loss(c, c->theta);
    c->theta[i] = down;
    expected[i] = (double)((high - net_oracle_loss(c, c->theta)) / (long double)(up - down));
    c->theta[i] = keep;
  }
  double rel = symo_test_rel(grad, expected, c->size);
  cr_assert(rel <= 1e-8, "%s: gradient off by %g", net_spec_text(&c->spec), rel);
  symo_free(grad);
  symo_free(expected);
}

static void check_hvp(net_case *c) {
  enum { K = 3 };
  double *v = net_random(c, K * c->size), *hv = net_product(c, false, c->theta, K, v);
  double *up = net_vector(c->size), *down = net_vector(c->size), *expected = net_vector(c->size);
  double *moved = net_vector(c->size);
  const double h = 1e-5;
  for (size_t k = 0; k < K; k++) {
    for (size_t i = 0; i < c->size; i++) moved[i] = c->theta[i] + h * v[k * c->size + i];
    cr_ok(c->context, c->problem.gradient(c->problem.self, moved, NULL, up));
    for (size_t i = 0; i < c->size; i++) moved[i] = c->theta[i] - h * v[k * c->size + i];
    cr_ok(c->context, c->problem.gradient(c->problem.self, moved, NULL, down));
    for (size_t i = 0; i < c->size; i++) expected[i] = (up[i] - down[i]) / (2.0 * h);
    double rel = symo_test_rel(hv + k * c->size, expected, c->size);
    cr_assert(rel <= 1e-7, "%s: product off by %g", net_spec_text(&c->spec), rel);
  }
  double *mine[] = {v, hv, up, down, expected, moved};
  for (size_t i = 0; i < sizeof mine / sizeof *mine; i++) symo_free(mine[i]);
}

/* u'Hv = v'Hu; H(a u + b v) = a Hu + b Hv; a block is its single products. */
static void check_structure(net_case *c, bool gauss_newton) {
  enum { K = 19 }; /* more than a block */
  double *v = net_random(c, (K + 1) * c->size), *w = v + K * c->size;
  for (size_t i = 0; i < c->size; i++) w[i] = 2.0 * v[i] - 0.5 * v[c->size + i];
  double *hv = net_product(c, gauss_newton, c->theta, K + 1, v);
  double scale = symo_nrm2(SYMO_F64, c->size, v) * symo_nrm2(SYMO_F64, c->size, hv);
  double left = symo_dot(SYMO_F64, c->size, v, hv + c->size);
  double right = symo_dot(SYMO_F64, c->size, v + c->size, hv);
  cr_assert(fabs(left - right) <= 1e-12 * scale, "%s: not symmetric", net_spec_text(&c->spec));
  if (gauss_newton) cr_assert(symo_dot(SYMO_F64, c->size, v, hv) >= -1e-14 * scale);
  for (size_t i = 0; i < c->size; i++) w[i] = 2.0 * hv[i] - 0.5 * hv[c->size + i];
  cr_assert(symo_test_rel(hv + K * c->size, w, c->size) <= 1e-12);
  for (size_t k = 0; k < K; k++) {
    double *one = net_product(c, gauss_newton, c->theta, 1, v + k * c->size);
    double rel = symo_test_rel(one, hv + k * c->size, c->size);
    cr_assert(rel <= 1e-12, "%s: direction %zu by itself is off by %g", net_spec_text(&c->spec), k,
              rel);
    symo_free(one);
  }
  symo_free(v);
  symo_free(hv);
}

static void check_dense(net_case *c) {
  size_t n = c->size;
  double *products = net_dense(c, false), *dense = net_vector(n * n);
  cr_ok(c->context, symo_problem_hessian(c->context, &c->problem, c->theta, dense));
  double rel = symo_test_rel(dense, products, n * n);
  cr_assert(rel <= 1e-12, "%s: dense Hessian off by %g", net_spec_text(&c->spec), rel);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) cr_assert(dense[i * n + j] == dense[j * n + i]);
  symo_free(products);
  symo_free(dense);
}

/* All checks of a network of the given widths under every activation, loss and bias. */
static void check_all(const char *widths, size_t examples) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, widths);
    net_case c = net_case_create(&spec, examples, 0.7, 11 + i);
    check_gradient(&c);
    check_hvp(&c);
    check_structure(&c, false);
    check_structure(&c, true);
    check_dense(&c);
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
  check_gradient(&c);
  check_hvp(&c);
  check_structure(&c, false);
  check_dense(&c);
  net_case_destroy(&c);
}

/* Enough outputs, and enough examples with them, that seeds come in batches and batches in blocks.
 */
static void check_panels(const char *widths, size_t examples) {
  symo_net_spec spec = net_combination(0, widths);
  net_case c = net_case_create(&spec, examples, 0.2, 4);
  check_hvp(&c);
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
    if (!kink) check_gradient(&c);
    check_dense(&c);
    net_case_destroy(&c);
  }
}

Test(net, zero_parameters) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "3-4-2");
    net_case c = net_case_create(&spec, 5, 0.0, 6);
    if (spec.activation != SYMO_ACT_RELU) check_gradient(&c);
    check_dense(&c);
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
  for (size_t loss = 0; loss < 2; loss++) {
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

/* J by central differences of the library's outputs would be the same program twice: here J comes
 * from gradients of squared errors with one-hot residuals, f - y = e_k, example by example. */
static double *jacobian(net_case *c) {
  size_t rows = c->examples * c->outputs;
  double *j = net_vector(rows * c->size), *f = net_vector(rows);
  symo_net_spec spec = c->spec;
  spec.loss = SYMO_LOSS_MSE;
  symo_net *net;
  cr_ok(c->context, symo_net_create(c->context, &spec, &net));
  cr_ok(c->context, symo_net_predict(net, c->theta, c->examples, c->x, f));
  symo_problem problem = symo_net_problem(net);
  for (size_t r = 0; r < rows; r++) {
    double *y = f + r / c->outputs * c->outputs;
    f[r] -= 1.0;
    cr_ok(c->context, symo_net_set_data(net, 1, c->x + r / c->outputs * c->inputs, y));
    cr_ok(c->context, problem.gradient(problem.self, c->theta, NULL, j + r * c->size));
    f[r] += 1.0;
  }
  symo_net_destroy(net);
  symo_free(f);
  return j;
}

Test(net, ggn_of_cross_entropy_is_jqj) {
  for (size_t activation = 0; activation < 4; activation++) {
    symo_net_spec spec = net_combination(activation + 4, "3-5-4");
    net_case c = net_case_create(&spec, 4, 0.7, 10);
    size_t n = c.size, m = c.outputs;
    double *j = jacobian(&c), *qj = net_vector(m * n), *expected = net_vector(n * n), f[16];
    for (size_t r = 0; r < c.examples; r++) {
      double sum = 0.0, q[16];
      cr_ok(c.context, symo_net_predict(c.net, c.theta, 1, c.x + r * c.inputs, f));
      for (size_t i = 0; i < m; i++) sum += f[i] = exp(f[i]);
      for (size_t i = 0; i < m * m; i++)
        q[i] = (i / m == i % m ? f[i / m] / sum : 0.0) - f[i / m] * f[i % m] / (sum * sum);
      symo_mat jr = symo_mat_dense(j + r * m * n, m, n);
      symo_gemm(SYMO_F64, 0.25, symo_mat_dense(q, m, m), jr, 0.0, symo_mat_dense(qj, m, n));
      symo_gemm(SYMO_F64, 1.0, symo_mat_t(jr), symo_mat_dense(qj, m, n), 1.0,
                symo_mat_dense(expected, n, n));
    }
    double *ggn = net_dense(&c, true);
    double rel = symo_test_rel(ggn, expected, n * n);
    cr_assert(rel <= 1e-12, "%s: off by %g", net_spec_text(&spec), rel);
    double *mine[] = {j, qj, expected, ggn};
    for (size_t i = 0; i < 4; i++) symo_free(mine[i]);
    net_case_destroy(&c);
  }
}

Test(net, float32_agrees) {
  for (size_t i = 0; i < NUM_COMBINATIONS; i++) {
    symo_net_spec spec = net_combination(i, "6-8-7-3");
    net_case c = net_case_create(&spec, 40, 0.5, 12);
    spec.dtype = SYMO_F32;
    net_case f = net_case_create(&spec, 40, 0.5, 12);
    size_t n = c.size;
    double loss, loss32, *grad = net_vector(n), *v = net_random(&c, 2 * n);
    float *grad32 = symo_malloc(n * 4), *v32 = symo_malloc(2 * n * 4),
          *hv32 = symo_malloc(2 * n * 4);
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, grad));
    cr_ok(f.context, f.problem.gradient(f.problem.self, f.packed, &loss32, grad32));
    cr_assert(fabs(loss - loss32) <= 1e-5 * loss);
    cr_assert(symo_test_rel_dtype(SYMO_F32, grad32, grad, n) <= 1e-4);
    symo_test_narrow(v, v32, 2 * n);
    double *hv = net_product(&c, false, c.theta, 2, v), *gv = net_product(&c, true, c.theta, 2, v);
    cr_ok(f.context, f.problem.hvp(f.problem.self, f.packed, 2, v32, hv32));
    cr_assert(symo_test_rel_dtype(SYMO_F32, hv32, hv, 2 * n) <= 1e-4);
    cr_ok(f.context, f.problem.ggn(f.problem.self, f.packed, 2, v32, hv32));
    cr_assert(symo_test_rel_dtype(SYMO_F32, hv32, gv, 2 * n) <= 1e-4);
    double *dense = net_vector(n * n), *dense32 = net_vector(n * n);
    cr_ok(c.context, symo_problem_hessian(c.context, &c.problem, c.theta, dense));
    cr_ok(f.context, symo_problem_hessian(f.context, &f.problem, f.packed, dense32));
    cr_assert(symo_test_rel(dense32, dense, n * n) <= 1e-4);
    void *mine[] = {grad, v, grad32, v32, hv32, hv, gv, dense, dense32};
    for (size_t m = 0; m < sizeof mine / sizeof *mine; m++) symo_free(mine[m]);
    symo_free(f.theta), symo_free(f.packed), symo_free(f.x), symo_free(f.y);
    symo_net_destroy(f.net);
    symo_rng_destroy(f.rng);
    symo_context_destroy(f.context);
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
