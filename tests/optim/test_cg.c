/* Conjugate gradients: dense solves, truncation, starts, scales, failures. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/solvers.h"
#include "tests/support/testing.h"

enum { MOST = 60 };

typedef struct problem {
  symo_context *context;
  symo_rng *rng;
  symo_dtype dtype;
  size_t n;
  double a[MOST * MOST], inverse[MOST * MOST], b[MOST], x[MOST], wanted[MOST], w[MOST];
  double scale;                        /* of the precondition */
  int products, preconditions, spoil;  /* spoil: the product from which there are NaN */
  unsigned char rows[MOST * MOST * 8]; /* a in the dtype */
  solver_system_report report;
} problem;

static problem *begin(uint64_t seed) {
  problem *k = calloc(1, sizeof *k);
  cr_assert(k != NULL);
  k->context = symo_test_context();
  k->rng = symo_test_rng(k->context, seed);
  return k;
}

static void end(problem *k) {
  symo_rng_destroy(k->rng);
  symo_context_destroy(k->context);
  free(k);
  cr_no_leaks();
}

/* a with eigenvalues w, and b normal. */
static void make(problem *k, symo_dtype dtype, size_t n) {
  k->dtype = dtype;
  k->n = n;
  solvers_spd(k->rng, n, k->w, k->a);
  symo_test_pack(dtype, k->a, k->rows, n * n);
  symo_test_unpack(dtype, k->rows, k->a, n * n);
  symo_test_randn(k->rng, k->b, n);
  for (size_t i = 0; i < n; i++) k->x[i] = 0;
  k->products = k->preconditions = k->spoil = 0;
}

static symo_status multiply(void *self, const void *v, void *av) {
  problem *k = self;
  symo_mat a = symo_mat_dense(k->rows, k->n, k->n);
  symo_gemm(k->dtype, 1, a, symo_mat_dense((void *)(uintptr_t)v, k->n, 1), 0,
            symo_mat_dense(av, k->n, 1));
  if (++k->products == k->spoil) symo_put(k->dtype, av, k->n / 2, NAN);
  return SYMO_OK;
}

static symo_status fail(void *self, const void *v, void *av) { return SYMO_SINGULAR; }

/* By the diagonal of a, which it may be given the sign of. */
static symo_status precondition(void *self, const void *r, void *z) {
  problem *k = self;
  k->preconditions++;
  for (size_t i = 0; i < k->n; i++)
    symo_put(k->dtype, z, i, k->scale * symo_get(k->dtype, r, i) / fabs(k->a[i * k->n + i]));
  return SYMO_OK;
}

static solver_system task_of(problem *k) {
  return (solver_system){.dtype = k->dtype,
                         .n = k->n,
                         .tolerance = k->dtype == SYMO_F32 ? 1e-6 : 1e-12,
                         .max_iterations = 500,
                         .self = k,
                         .multiply = multiply};
}

static symo_status solve(problem *k, const solver_system *task) {
  size_t bytes = symo_solver_cg.solve_work(k->dtype, k->n);
  unsigned char *work = aligned_alloc(64, bytes + 64);
  double b[MOST], x[MOST];
  cr_assert(work != NULL);
  memset(work, 0xff, bytes);
  memset(work + bytes, 0x41, 64); /* no NaN, which sums would leave as it is */
  symo_test_pack(k->dtype, k->b, b, k->n);
  symo_test_pack(k->dtype, k->x, x, k->n);
  size_t calls = symo_alloc_calls();
  symo_status status = symo_solver_cg.solve(task, b, x, &k->report, work);
  cr_assert(symo_alloc_calls() == calls);
  for (size_t i = 0; i < 64; i++) cr_assert(work[bytes + i] == 0x41, "oversteps its work space");
  symo_test_unpack(k->dtype, x, k->x, k->n);
  free(work);
  return status;
}

/* wanted := (a + damping)^{-1} b */
static void oracle(problem *k, double damping) {
  solvers_oracle_root(k->n, k->a, damping, -1, 0, k->inverse);
  for (size_t i = 0; i < k->n; i++) {
    k->wanted[i] = 0;
    for (size_t j = 0; j < k->n; j++) k->wanted[i] += k->inverse[i * k->n + j] * k->b[j];
  }
}

Test(cg, positive_definite) {
  static const size_t sizes[] = {1, 2, 7, MOST};
  problem *k = begin(1);
  for (int i = 0; i < 2 * 4 * 3 * 2; i++) {
    size_t n = sizes[i / 2 % 4];
    double cond = i / 8 % 3 == 0 ? 1 : i / 8 % 3 == 1 ? 30 : 1e4;
    solvers_log_spaced(n, cond, k->w);
    make(k, i % 2 ? SYMO_F32 : SYMO_F64, n);
    solver_system task = task_of(k);
    task.damping = i / 8 % 3 == 2 ? 1e-2 : 0;
    if (i / 24) {
      task.precondition = precondition;
      k->scale = 1;
    }
    oracle(k, task.damping);
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.converged && !k->report.negative_curvature);
    cr_assert(k->report.residual <= task.tolerance);
    cr_assert((k->preconditions > 0) == (task.precondition != NULL));
    double resid = symo_test_rel(k->x, k->wanted, n);
    cr_assert(resid <= 1000 * task.tolerance, "n %zu cond %g: %g", n, cond, resid);
    if (cond == 1) cr_assert(k->report.iterations <= 2);
  }
  end(k);
}

/* A diagonal of 12 orders of magnitude takes the precondition a handful of iterations. */
Test(cg, precondition_helps) {
  problem *k = begin(2);
  solvers_log_spaced(MOST, 10, k->w);
  make(k, SYMO_F64, MOST);
  double d[MOST];
  solvers_log_spaced(MOST, 1e6, d);
  for (size_t i = 0; i < MOST * MOST; i++) k->a[i] *= d[i / MOST] * d[i % MOST];
  symo_test_pack(SYMO_F64, k->a, k->rows, MOST * MOST);
  k->scale = 1;
  solver_system task = task_of(k);
  task.tolerance = 1e-8;
  task.precondition = precondition;
  task.max_iterations = 200;
  cr_ok(k->context, solve(k, &task));
  cr_assert(k->report.converged, "%g", k->report.residual);
  memset(k->x, 0, sizeof k->x);
  task.precondition = NULL;
  cr_ok(k->context, solve(k, &task));
  cr_assert(!k->report.converged && k->report.iterations == 200);
  end(k);
}

Test(cg, warm_start) {
  problem *k = begin(3);
  for (int i = 0; i < 2; i++) {
    solvers_log_spaced(MOST, 1e2, k->w);
    make(k, i ? SYMO_F32 : SYMO_F64, MOST);
    solver_system task = task_of(k);
    task.tolerance = 1e-5;
    cr_ok(k->context, solve(k, &task));
    int cold = k->report.iterations;
    cr_ok(k->context, solve(k, &task)); /* from the solution: at most a step for rounding */
    cr_assert(k->report.converged && k->report.iterations <= 1);
    for (size_t j = 0; j < MOST; j++) k->x[j] *= 1 + 1e-4 * symo_rng_normal(k->rng);
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.converged && k->report.iterations < cold);
  }
  end(k);
}

Test(cg, scale_free) {
  static const double scales[] = {1e-30, 1e30, 1e-150, 1e150};
  problem *k = begin(4);
  for (int i = 0; i < 6; i++) {
    symo_dtype dtype = i < 2 ? SYMO_F32 : SYMO_F64;
    double scale = scales[i % 2 + (i >= 4 ? 2 : 0)], plain[MOST];
    solvers_log_spaced(MOST, 50, k->w);
    make(k, dtype, MOST);
    solver_system task = task_of(k);
    cr_ok(k->context, solve(k, &task));
    int iterations = k->report.iterations;
    for (size_t j = 0; j < MOST; j++) {
      plain[j] = k->x[j] * scale;
      k->b[j] *= scale;
      k->x[j] = 0;
    }
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.converged && abs(k->report.iterations - iterations) <= 3);
    cr_assert(symo_test_rel(k->x, plain, MOST) <= 100 * task.tolerance);
  }
  memset(k->b, 0, sizeof k->b); /* b = 0, whatever the start */
  solver_system task = task_of(k);
  cr_ok(k->context, solve(k, &task));
  cr_assert(k->report.converged && symo_test_max(k->x, MOST) == 0);
  end(k);
}

static double dot(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* Truncated: a direction of descent, below the start in the model. */
Test(cg, negative_curvature) {
  problem *k = begin(5);
  for (int i = 0; i < 20; i++) {
    solvers_log_spaced(MOST, 100, k->w);
    for (size_t j = 0; j < (i < 10 ? 2 : MOST); j++) k->w[j] = i < 10 ? -0.1 : -k->w[j];
    make(k, i % 2 ? SYMO_F32 : SYMO_F64, MOST);
    if (i % 4 >= 2) symo_test_randn(k->rng, k->x, MOST); /* a start that is no good */
    solver_system task = task_of(k);
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.negative_curvature && !k->report.converged);
    cr_assert(isfinite(symo_test_max(k->x, MOST)) && symo_test_max(k->x, MOST) > 0);
    if (i >= 10 || i % 4 < 2) cr_assert(dot(MOST, k->b, k->x) > 0);
    if (i < 10) continue;
    double cosine = dot(MOST, k->b, k->x) / sqrt(dot(MOST, k->b, k->b) * dot(MOST, k->x, k->x));
    cr_assert(cosine >= 1 - 1e-6); /* at once: along b, as long as |A b| says */
    double length = sqrt(dot(MOST, k->x, k->x) / dot(MOST, k->b, k->b));
    cr_assert(length >= 1 && length <= 100, "%g", length);
  }
  memset(k->w, 0, sizeof k->w); /* A = 0: b itself */
  make(k, SYMO_F64, 7);
  solver_system task = task_of(k);
  cr_ok(k->context, solve(k, &task));
  cr_assert(k->report.negative_curvature && symo_test_rel(k->x, k->b, 7) <= 1e-14);
  end(k);
}

/* An iteration count that needs the residual made anew. */
Test(cg, long_runs) {
  problem *k = begin(6);
  for (int i = 0; i < 2; i++) {
    solvers_log_spaced(MOST, i ? 1e3 : 1e8, k->w);
    make(k, i ? SYMO_F32 : SYMO_F64, MOST);
    solver_system task = task_of(k);
    task.tolerance = i ? 1e-3 : 1e-6; /* u cond is what can be had */
    task.max_iterations = 2000;
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.converged && k->report.iterations > (i ? 20 : 50), "%d",
              k->report.iterations);
    double r[MOST];
    for (size_t j = 0; j < MOST; j++) r[j] = k->b[j] - dot(MOST, k->a + j * MOST, k->x);
    double resid = sqrt(dot(MOST, r, r) / dot(MOST, k->b, k->b));
    cr_assert(resid <= 10 * task.tolerance, "%g", resid);
    task.max_iterations = 5;
    memset(k->x, 0, sizeof k->x);
    cr_ok(k->context, solve(k, &task));
    cr_assert(k->report.iterations == 5 && !k->report.converged);
  }
  end(k);
}

Test(cg, failures) {
  problem *k = begin(7);
  double start[MOST];
  solvers_log_spaced(MOST, 100, k->w);
  make(k, SYMO_F64, MOST);
  symo_test_randn(k->rng, k->x, MOST);
  memcpy(start, k->x, sizeof start);
  solver_system task = task_of(k);
  for (k->spoil = 1; k->spoil <= 12; k->spoil += k->spoil == 1 ? 1 : 5) {
    k->products = 0; /* NaN in the first, second, seventh, twelfth product */
    cr_assert(solve(k, &task) == SYMO_E_NONFINITE, "%d", k->spoil);
    cr_assert(memcmp(k->x, start, sizeof start) == 0);
  }
  k->spoil = 0;
  task.multiply = fail;
  cr_assert(solve(k, &task) == SYMO_SINGULAR);
  task = task_of(k);
  task.precondition = precondition;
  k->scale = -1;
  cr_assert(solve(k, &task) == SYMO_INDEFINITE);
  k->scale = NAN;
  cr_assert(solve(k, &task) == SYMO_E_NONFINITE);
  cr_assert(memcmp(k->x, start, sizeof start) == 0);
  k->b[3] = NAN;
  cr_assert(solve(k, &task) == SYMO_E_NONFINITE);
  end(k);
}
