/* Dense Hessians of a caller's problem. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

/* L = theta' A theta / 2 + b' theta, with A not quite symmetric to the bit. */
typedef struct quadratic {
  size_t n;
  symo_dtype dtype;
  const double *a;
  size_t calls;
  symo_status answer;
} quadratic;

static symo_status loss(void *self, const void *theta, double *out) {
  const quadratic *q = self;
  *out = 0;
  for (size_t i = 0; i < q->n; i++)
    for (size_t j = 0; j < q->n; j++)
      *out +=
          0.5 * q->a[i * q->n + j] * symo_get(q->dtype, theta, i) * symo_get(q->dtype, theta, j);
  return SYMO_OK;
}

static symo_status gradient(void *self, const void *theta, double *out, void *grad) {
  const quadratic *q = self;
  for (size_t i = 0; i < q->n; i++) {
    double sum = 0;
    for (size_t j = 0; j < q->n; j++) sum += q->a[i * q->n + j] * symo_get(q->dtype, theta, j);
    symo_put(q->dtype, grad, i, sum);
  }
  return out != NULL ? loss(self, theta, out) : SYMO_OK;
}

static symo_status product(void *self, const void *theta, size_t k, const void *v, void *hv) {
  quadratic *q = self;
  (void)theta;
  q->calls++;
  for (size_t d = 0; d < k; d++)
    for (size_t i = 0; i < q->n; i++) {
      double sum = 0;
      for (size_t j = 0; j < q->n; j++)
        sum += q->a[i * q->n + j] * symo_get(q->dtype, v, d * q->n + j);
      symo_put(q->dtype, hv, d * q->n + i, sum);
    }
  return q->answer;
}

static symo_status whole(void *self, const void *theta, double *hessian) {
  quadratic *q = self;
  (void)theta;
  q->calls += 1000;
  memcpy(hessian, q->a, q->n * q->n * sizeof *hessian);
  return SYMO_OK;
}

static double *random_symmetric(symo_rng *rng, size_t n) {
  double *a = symo_dense_new(n, n);
  symo_test_randn(rng, a, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) a[i * n + j] = a[j * n + i] * (1 + 1e-15);
  return a;
}

static symo_problem problem_of(quadratic *q) {
  return (symo_problem){.name = "quadratic",
                        .size = q->n,
                        .dtype = q->dtype,
                        .self = q,
                        .loss = loss,
                        .gradient = gradient};
}

static void check_equal(const double *h, const double *a, size_t n, double limit) {
  cr_assert(symo_test_rel(h, a, n * n) <= limit, "%zu parameters", n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) cr_assert(h[i * n + j] == h[j * n + i]);
}

Test(problem, hessian_of_a_quadratic) {
  symo_world w;
  symo_world_open(&w, 101);
  const size_t sizes[] = {1, 2, 7, 63, 64, 65, 129, 200};
  for (int k = 0; k < 8; k++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      size_t n = sizes[k];
      double *a = random_symmetric(w.rng, n), *h = symo_dense_new(n, n),
             *theta = symo_dense_new(1, n);
      double limit = dtype == SYMO_F32 ? 1e-6 : 1e-14;
      quadratic q = {n, (symo_dtype)dtype, a, 0, SYMO_OK};
      symo_problem p = problem_of(&q);
      p.hvp = product;
      cr_ok(w.context, symo_problem_hessian(w.context, &p, theta, h));
      check_equal(h, a, n, limit);
      cr_assert(q.calls >= 1 && q.calls <= 1 + n / 8, "%zu calls", q.calls);
      p.ggn = product;
      memset(h, 0, n * n * sizeof *h);
      cr_ok(w.context, symo_problem_ggn(w.context, &p, theta, h));
      check_equal(h, a, n, limit);
      p.hessian = whole;
      q.calls = 0;
      cr_ok(w.context, symo_problem_hessian(w.context, &p, theta, h));
      check_equal(h, a, n, 1e-14);
      cr_assert_eq(q.calls, 1000, "the problem's own way is taken");
      free(a);
      free(h);
      free(theta);
    }
  symo_world_close(&w);
}

/* What products say is averaged with its transpose, entry by entry, in every tile and over more columns
 * than are asked for at once; a matrix that the problem gives is taken by its upper triangle. */
Test(problem, triangles_of_large_matrices) {
  static const size_t sizes[] = {1, 31, 33, 64, 70, 131};
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 41);
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const size_t n = sizes[k];
    double *a = symo_dense_new(n, n), *theta = symo_dense_new(1, n), *h = symo_dense_new(n, n);
    symo_test_randn(rng, a, n * n);
    quadratic q = {.n = n, .dtype = SYMO_F64, .a = a, .answer = SYMO_OK};
    symo_problem problem = problem_of(&q);
    problem.hvp = product;
    cr_ok(context, symo_problem_hessian(context, &problem, theta, h));
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        cr_assert(h[i * n + j] == 0.5 * (a[i * n + j] + a[j * n + i]), "%zu: %zu, %zu", n, i, j);
    problem.hessian = whole;
    cr_ok(context, symo_problem_hessian(context, &problem, theta, h));
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        cr_assert(h[i * n + j] == (i <= j ? a[i * n + j] : a[j * n + i]), "%zu: %zu, %zu", n, i, j);
    free(a);
    free(theta);
    free(h);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(problem, refusals) {
  symo_world w;
  symo_world_open(&w, 102);
  double a[4] = {1, 2, 2, 5}, theta[2] = {1, 1}, h[4];
  quadratic q = {2, SYMO_F64, a, 0, SYMO_OK};
  symo_problem p = problem_of(&q);
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "quadratic",
           symo_problem_hessian(w.context, &p, theta, h));
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "Gauss-Newton",
           symo_problem_ggn(w.context, &p, theta, h));
  p.hvp = p.ggn = product;
  cr_fails(w.context, SYMO_E_ARGUMENT, "NULL", symo_problem_hessian(w.context, NULL, theta, h));
  cr_fails(w.context, SYMO_E_ARGUMENT, "NULL", symo_problem_hessian(w.context, &p, NULL, h));
  cr_fails(w.context, SYMO_E_ARGUMENT, "NULL", symo_problem_hessian(w.context, &p, theta, NULL));
  cr_fails(w.context, SYMO_E_ARGUMENT, "NULL", symo_problem_ggn(w.context, NULL, theta, h));
  cr_fails(w.context, SYMO_E_ARGUMENT, "NULL", symo_problem_ggn(w.context, &p, theta, NULL));
  q.answer = SYMO_NO_CONVERGENCE; /* passed on */
  cr_assert_eq(symo_problem_hessian(w.context, &p, theta, h), SYMO_NO_CONVERGENCE);
  cr_assert_eq(symo_problem_ggn(w.context, &p, theta, h), SYMO_NO_CONVERGENCE);
  q.answer = SYMO_OK;
  a[1] = (double)NAN;
  cr_fails(w.context, SYMO_E_NONFINITE, "quadratic", symo_problem_hessian(w.context, &p, theta, h));
  cr_fails(w.context, SYMO_E_NONFINITE, "quadratic", symo_problem_ggn(w.context, &p, theta, h));
  a[1] = 2;
  p.dtype = SYMO_ANY;
  cr_fails(w.context, SYMO_E_DTYPE, "quadratic", symo_problem_hessian(w.context, &p, theta, h));
  cr_fails(w.context, SYMO_E_DTYPE, "quadratic", symo_problem_ggn(w.context, &p, theta, h));
  symo_world_close(&w);
}

static symo_status operate(void *self) {
  static double theta[2] = {1, 1};
  double h[4];
  return symo_problem_hessian(NULL, self, theta, h);
}

Test(problem, survives_failing_allocations) {
  const double a[4] = {1, 2, 2, 5};
  quadratic q = {2, SYMO_F64, a, 0, SYMO_OK};
  symo_problem p = problem_of(&q);
  p.hvp = product;
  cr_assert(symo_test_allocations(operate, &p) >= 1);
  cr_no_leaks();
}
