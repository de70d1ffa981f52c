/* Derivatives of a network against an independent oracle and against each other. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"

void net_check_gradient(net_case *c) {
  double loss, *grad = net_vector(c->size), *expected = net_vector(c->size);
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->theta, &loss, grad));
  double truth = (double)net_oracle_loss(c, c->theta);
  cr_assert(fabs(loss - truth) <= 1e-13 * fabs(truth), "%s: loss %.17g, %.17g",
            net_spec_text(&c->spec), loss, truth);
  double alone;
  cr_ok(c->context, c->problem.loss(c->problem.self, c->theta, &alone));
  cr_assert(alone == loss);
  const double h = 1e-7;
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

/* sum += weight * gradient at theta + step v. */
static void add_gradient(net_case *c, const double *v, double step, double weight, double *sum) {
  double *moved = net_vector(c->size), *grad = net_vector(c->size);
  for (size_t i = 0; i < c->size; i++) moved[i] = c->theta[i] + step * v[i];
  cr_ok(c->context, c->problem.gradient(c->problem.self, moved, NULL, grad));
  symo_axpy(SYMO_F64, c->size, weight, grad, sum);
  symo_free(moved);
  symo_free(grad);
}

/* Against central differences of fourth order: norms have large third derivatives. */
void net_check_hvp(net_case *c) {
  enum { K = 3, LONGEST = 100 }; /* no sum of these networks is longer */
  double *v = net_random(c, K * c->size), *hv = net_product(c, false, c->theta, K, v);
  double *expected = net_vector(c->size), *grad = net_vector(c->size);
  const double h = 1e-6;
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->theta, NULL, grad));
  const double size = symo_nrm2(SYMO_F64, c->size, grad);
  for (size_t k = 0; k < K; k++) {
    const double *direction = v + k * c->size;
    memset(expected, 0, c->size * sizeof *expected);
    for (int side = -1; side <= 1; side += 2) {
      add_gradient(c, direction, side * h, side * 2.0 / (3.0 * h), expected);
      add_gradient(c, direction, side * 2.0 * h, -side / (12.0 * h), expected);
    }
    double rel = symo_test_rel(hv + k * c->size, expected, c->size);
    /* Rounding of gradients, 3/2 of them over h; the fourth order leaves h^4, which is nothing. */
    const double off = rel * symo_nrm2(SYMO_F64, c->size, expected);
    cr_assert(off <= symo_test_bound(SYMO_F64, LONGEST, 1.5 * size / h), "%s: product off by %g",
              net_spec_text(&c->spec), rel);
  }
  symo_free(v);
  symo_free(hv);
  symo_free(grad);
  symo_free(expected);
}

/* u'Hv = v'Hu; H(a u + b v) = a Hu + b Hv; a block is its single products. */
void net_check_structure(net_case *c, bool gauss_newton) {
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

void net_check_dense(net_case *c) {
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

/* Q: the second derivative of the loss by the outputs f, times the weight of an example. */
static void output_curvature(const net_case *c, const double *f, double *q) {
  const size_t m = c->outputs;
  double sum = 0.0, e[16];
  for (size_t i = 0; i < m; i++) sum += e[i] = exp(f[i]);
  for (size_t i = 0; i < m * m; i++) {
    q[i] = i / m == i % m ? 1.0 : 0.0;
    if (c->spec.loss == SYMO_LOSS_CROSS_ENTROPY)
      q[i] = (q[i] * e[i / m]) / sum - e[i / m] * e[i % m] / (sum * sum);
    if (c->spec.loss == SYMO_LOSS_BERNOULLI)
      q[i] *= e[i / m] / ((1.0 + e[i / m]) * (1.0 + e[i / m]));
    q[i] /= (double)c->examples;
  }
}

void net_check_ggn(net_case *c) {
  size_t n = c->size, m = c->outputs;
  double *j = jacobian(c), *qj = net_vector(m * n), *expected = net_vector(n * n), f[16], q[256];
  for (size_t r = 0; r < c->examples; r++) {
    cr_ok(c->context, symo_net_predict(c->net, c->theta, 1, c->x + r * c->inputs, f));
    output_curvature(c, f, q);
    symo_mat jr = symo_mat_dense(j + r * m * n, m, n);
    symo_gemm(SYMO_F64, 1.0, symo_mat_dense(q, m, m), jr, 0.0, symo_mat_dense(qj, m, n));
    symo_gemm(SYMO_F64, 1.0, symo_mat_t(jr), symo_mat_dense(qj, m, n), 1.0,
              symo_mat_dense(expected, n, n));
  }
  double *ggn = net_dense(c, true);
  double rel = symo_test_rel(ggn, expected, n * n);
  cr_assert(rel <= 1e-12, "%s: Gauss-Newton off by %g", net_spec_text(&c->spec), rel);
  double *mine[] = {j, qj, expected, ggn};
  for (size_t i = 0; i < 4; i++) symo_free(mine[i]);
}

/* The same network in float32, with the parameters and data of the case. */
static symo_net *narrow_net(const net_case *c, void **theta) {
  symo_net *net;
  symo_net_spec spec = c->spec;
  spec.dtype = SYMO_F32;
  cr_ok(c->context, symo_net_create(c->context, &spec, &net));
  cr_ok(c->context, symo_net_set_data(net, c->examples, c->x, c->y));
  *theta = symo_malloc(c->size * sizeof(float));
  symo_test_pack(SYMO_F32, c->theta, *theta, c->size);
  return net;
}

void net_check_float32(net_case *c) {
  void *theta;
  symo_net *net = narrow_net(c, &theta);
  symo_problem p = symo_net_problem(net);
  const char *name = net_spec_text(&c->spec);
  size_t n = c->size;
  double loss, loss32, *grad = net_vector(n), *v = net_random(c, 2 * n), rel;
  float *grad32 = symo_malloc(n * 4), *v32 = symo_malloc(2 * n * 4), *hv32 = symo_malloc(2 * n * 4);
  cr_ok(c->context, c->problem.gradient(c->problem.self, c->theta, &loss, grad));
  cr_ok(c->context, p.gradient(p.self, theta, &loss32, grad32));
  cr_assert(fabs(loss - loss32) <= 1e-5 * loss, "%s: %g and %g", name, loss, loss32);
  rel = symo_test_rel_dtype(SYMO_F32, grad32, grad, n);
  cr_assert(rel <= 1e-4, "%s: gradient off by %g", name, rel);
  symo_test_narrow(v, v32, 2 * n);
  double *hv = net_product(c, false, c->theta, 2, v), *gv = net_product(c, true, c->theta, 2, v);
  cr_ok(c->context, p.hvp(p.self, theta, 2, v32, hv32));
  rel = symo_test_rel_dtype(SYMO_F32, hv32, hv, 2 * n);
  cr_assert(rel <= 1e-4, "%s: product off by %g", name, rel);
  cr_ok(c->context, p.ggn(p.self, theta, 2, v32, hv32));
  rel = symo_test_rel_dtype(SYMO_F32, hv32, gv, 2 * n);
  cr_assert(rel <= 1e-4, "%s: Gauss-Newton product off by %g", name, rel);
  double *dense = net_vector(n * n), *dense32 = net_vector(n * n);
  cr_ok(c->context, symo_problem_hessian(c->context, &c->problem, c->theta, dense));
  cr_ok(c->context, symo_problem_hessian(c->context, &p, theta, dense32));
  rel = symo_test_rel(dense32, dense, n * n);
  cr_assert(rel <= 1e-4, "%s: Hessian off by %g", name, rel);
  void *mine[] = {grad, v, grad32, v32, hv32, hv, gv, dense, dense32, theta};
  for (size_t m = 0; m < sizeof mine / sizeof *mine; m++) symo_free(mine[m]);
  symo_net_destroy(net);
}
