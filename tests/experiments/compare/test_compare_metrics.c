/* The figures of `symo compare` on matrices whose answers are known, and the forms of an estimate
 * against the dense matrices that they stand for. */
#include "tests/support/dense.h"
#include "tests/support/testing.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "experiments/compare/metrics.h"
#include "experiments/compare/run.h"

enum { N = 12, K = 5 };

/* The loss (t - c)' A (t - c) / 2. */
typedef struct bowl {
  double a[N * N], center[N];
} bowl;

static symo_status bowl_loss(void *self, const void *theta, double *loss) {
  const bowl *b = self;
  const double *t = theta;
  *loss = 0;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++)
      *loss += 0.5 * (t[i] - b->center[i]) * b->a[i * N + j] * (t[j] - b->center[j]);
  return SYMO_OK;
}

typedef struct fixture {
  symo_context *context;
  symo_rng *rng;
  bowl bowl;
  symo_problem problem;
  double theta[N], grad[N], v[K * N], abs_v[K * N], scratch[K * N];
  compare_reference ref;
} fixture;

/* B = X X' / n + shift I, symmetric to the last bit. */
static void definite(symo_rng *rng, size_t n, double shift, double *out) {
  double x[N * N];
  symo_test_randn(rng, x, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = i == j ? shift : 0;
      for (size_t k = 0; k < n; k++) sum += x[i * n + k] * x[j * n + k] / (double)n;
      out[i * n + j] = sum;
    }
}

static void setup(fixture *f) {
  f->context = symo_test_context();
  f->rng = symo_test_rng(f->context, 5);
  definite(f->rng, N, 0.1, f->bowl.a);
  symo_test_randn(f->rng, f->bowl.center, N);
  symo_test_randn(f->rng, f->theta, N);
  symo_test_randn(f->rng, f->v, K * N);
  f->problem = (symo_problem){
      .name = "bowl", .size = N, .dtype = SYMO_F64, .self = &f->bowl, .loss = bowl_loss};
  symo_mat a = symo_mat_dense(f->bowl.a, N, N);
  double step[N];
  for (size_t i = 0; i < N; i++) step[i] = f->theta[i] - f->bowl.center[i];
  symo_gemm(SYMO_F64, 1, a, symo_mat_dense(step, N, 1), 0, symo_mat_dense(f->grad, N, 1));
  symo_gemm(SYMO_F64, 1, symo_mat_dense(f->v, K, N), a, 0, symo_mat_dense(f->abs_v, K, N));
  f->ref = (compare_reference){.context = f->context,
                               .size = N,
                               .abs = f->bowl.a,
                               .h = f->bowl.a,
                               .star = f->bowl.a,
                               .directions = K,
                               .v = f->v,
                               .abs_v = f->abs_v,
                               .problem = &f->problem,
                               .theta = f->theta,
                               .grad = f->grad};
  bowl_loss(&f->bowl, f->theta, &f->ref.loss);
}

static void teardown(fixture *f) {
  symo_rng_destroy(f->rng);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

/* The dense form of b, in which step and eigenvalues are the plain formulas. */
static compare_approx *dense_of(fixture *f, const double *b, size_t n) {
  double *v = symo_malloc(n * n * sizeof *v), *w = symo_malloc(n * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  cr_assert(v != NULL && w != NULL && work != NULL);
  memcpy(v, b, n * n * sizeof *v);
  cr_ok(f->context, symo_eigh(SYMO_F64, n, v, w, work));
  symo_free(work);
  compare_approx *a = NULL;
  cr_ok(f->context, compare_approx_dense(f->context, n, v, w, &a));
  return a;
}

static double top_of(compare_approx *a) {
  double values[4 * N], top = 0;
  cr_assert(a->form->eigenvalues(a, values) == SYMO_OK);
  for (size_t i = 0; i < a->size; i++) top = fmax(top, fabs(values[i]));
  return top;
}

/* Of sums over all entries, over their size. */
static const double rounding = 10 * N * N * DBL_EPSILON;

Test(compare_metrics, matrix_against_itself_and_a_multiple) {
  static const double scales[] = {1, 7, 1e-30, 1e30};
  for (size_t s = 0; s < 4; s++) {
    fixture f;
    setup(&f);
    double b[N * N];
    for (size_t i = 0; i < N * N; i++) b[i] = scales[s] * f.bowl.a[i];
    compare_metrics m = compare_metrics_none();
    compare_metrics_dense(&f.ref, b, f.scratch, &m);
    cr_assert(fabs(m.cosine_abs_hessian - 1) <= rounding, "%g", m.cosine_abs_hessian);
    cr_assert(fabs(m.cosine_hessian - 1) <= rounding);
    cr_assert(fabs(m.cosine_hessian_star - 1) <= rounding);
    cr_assert(m.rel_error_abs_hessian <= rounding, "%g", m.rel_error_abs_hessian);
    cr_assert(fabs(m.scale * scales[s] - 1) <= rounding);
    cr_assert(fabs(m.hvp_cosine - 1) <= rounding);
    teardown(&f);
  }
}

/* Solutions and determinants of multiples of the matrix itself are exact; those of the identity are
 * what the formulas say. */
Test(compare_metrics, solutions_and_determinants) {
  static const double scales[] = {1, 7, 1e-30, 1e30};
  fixture f;
  setup(&f);
  double shifted[N * N], w[N], vectors[N * N], solved[COMPARE_SOLVES * N],
      directions[COMPARE_SOLVES * N];
  memcpy(shifted, f.bowl.a, sizeof shifted);
  symo_dense_eigen(N, f.bowl.a, w, vectors);
  f.ref.lambda = 0.01 * w[N - 1];
  for (size_t i = 0; i < N; i++) {
    shifted[i * N + i] += f.ref.lambda;
    f.ref.logdet += log(w[i] + f.ref.lambda);
  }
  double *inverse = symo_dense_power(N, shifted, -1, 0), apart = 0;
  symo_test_randn(f.rng, directions, COMPARE_SOLVES * N);
  for (size_t k = 0; k < COMPARE_SOLVES; k++)
    symo_dense_matvec(N, inverse, directions + k * N, solved + k * N);
  f.ref.v = directions;
  f.ref.solved = solved;
  for (size_t s = 0; s < 4; s++) {
    double b[N * N], values[N];
    for (size_t i = 0; i < N * N; i++) b[i] = scales[s] * f.bowl.a[i];
    compare_approx *a = dense_of(&f, b, N);
    compare_metrics m = compare_metrics_none();
    m.scale = 1 / scales[s];
    cr_ok(f.context, a->form->eigenvalues(a, values));
    cr_ok(f.context, compare_metrics_damped(&f.ref, a, values, &m));
    cr_assert(m.solve_error <= 1e4 * rounding && m.logdet_error <= 100 * rounding, "%g, %g",
              m.solve_error, m.logdet_error);
    m.scale = -1;
    m.solve_error = m.logdet_error = NAN;
    cr_ok(f.context, compare_metrics_damped(&f.ref, a, values, &m));
    cr_assert(isnan(m.solve_error) && isnan(m.logdet_error), "a negative multiple");
    compare_approx_destroy(a);
  }
  double one[N], logdet = 0;
  for (size_t i = 0; i < N; i++) logdet += log(2 + f.ref.lambda) / N - log(w[i] + f.ref.lambda) / N;
  for (size_t i = 0; i < N; i++) one[i] = 1;
  double *diagonal = symo_malloc(sizeof one);
  memcpy(diagonal, one, sizeof one);
  compare_approx *identity = NULL;
  compare_metrics m = compare_metrics_none();
  m.scale = 2;
  cr_ok(f.context, compare_approx_diagonal(f.context, N, diagonal, 1, &identity));
  cr_ok(f.context, compare_metrics_damped(&f.ref, identity, one, &m));
  for (size_t k = 0; k < COMPARE_SOLVES; k++) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < N; i++) {
      double exact = solved[k * N + i];
      difference = hypot(difference, directions[k * N + i] / (2 + f.ref.lambda) - exact);
      norm = hypot(norm, exact);
    }
    apart += difference / norm / COMPARE_SOLVES;
  }
  cr_assert(fabs(m.solve_error - apart) <= 1e3 * rounding, "%g for %g", m.solve_error, apart);
  cr_assert(fabs(m.logdet_error - fabs(logdet)) <= 100 * rounding);
  compare_approx_destroy(identity);
  free(inverse);
  teardown(&f);
}

/* Orthogonal in the Frobenius inner product, and opposite. */
Test(compare_metrics, known_cosines) {
  fixture f;
  setup(&f);
  double b[N * N];
  double norm = symo_nrm2(SYMO_F64, N * N, f.bowl.a), trace = symo_trace(SYMO_F64, N, f.bowl.a);
  for (size_t i = 0; i < N * N; i++)
    b[i] = f.bowl.a[i] * trace / (norm * norm) - (i % (N + 1) == 0 ? 1 : 0);
  compare_metrics m = compare_metrics_none();
  compare_metrics_dense(&f.ref, b, f.scratch, &m);
  cr_assert(fabs(m.cosine_abs_hessian) <= rounding, "%g", m.cosine_abs_hessian);
  cr_assert(fabs(m.rel_error_abs_hessian - 1) <= rounding);
  for (size_t i = 0; i < N * N; i++) b[i] = -f.bowl.a[i];
  compare_metrics_dense(&f.ref, b, f.scratch, &m);
  cr_assert(fabs(m.cosine_abs_hessian + 1) <= rounding);
  cr_assert(fabs(m.hvp_cosine + 1) <= rounding);
  for (size_t i = 0; i < N * N; i++) b[i] = i % (N + 1) == 0 ? 2 : 0;
  compare_metrics_dense(&f.ref, b, f.scratch, &m);
  double expected = trace / (norm * sqrt((double)N));
  cr_assert(fabs(m.cosine_abs_hessian - expected) <= rounding);
  cr_assert(fabs(m.rel_error_abs_hessian - sqrt(1 - expected * expected)) <= rounding);
  teardown(&f);
}

Test(compare_metrics, zero_matrix_has_no_direction) {
  fixture f;
  setup(&f);
  double b[N * N] = {0};
  compare_metrics m = compare_metrics_none();
  compare_metrics_dense(&f.ref, b, f.scratch, &m);
  cr_assert(isnan(m.cosine_abs_hessian) && isnan(m.cosine_hessian));
  cr_assert(isnan(m.rel_error_abs_hessian) && isnan(m.hvp_cosine) && isnan(m.scale));
  double decrease = -1, damping;
  compare_approx *a = dense_of(&f, b, N);
  cr_ok(f.context, compare_best_decrease(&f.ref, a, 0, &decrease, &damping));
  cr_assert(decrease == 0 && isnan(damping));
  compare_approx_destroy(a);
  teardown(&f);
}

/* The exact Hessian of a bowl steps to its bottom, but for the smallest damping; so does a multiple
 * of it, and nothing does better. */
Test(compare_metrics, newton_step_reaches_the_bottom) {
  fixture f;
  setup(&f);
  double b[N * N], decrease, damping, scaled, worse;
  compare_approx *a = dense_of(&f, f.bowl.a, N);
  cr_ok(f.context, compare_best_decrease(&f.ref, a, top_of(a), &decrease, &damping));
  compare_approx_destroy(a);
  cr_assert(fabs(decrease / f.ref.loss - 1) <= 1e-8, "%.17g", decrease / f.ref.loss);
  cr_assert(fabs(damping / 1e-6 - 1) <= 1e-9);
  for (size_t i = 0; i < N * N; i++) b[i] = 1e5 * f.bowl.a[i];
  a = dense_of(&f, b, N);
  cr_ok(f.context, compare_best_decrease(&f.ref, a, top_of(a), &scaled, &damping));
  compare_approx_destroy(a);
  cr_assert(fabs(scaled / decrease - 1) <= 1e-10);
  for (size_t i = 0; i < N * N; i++) b[i] = i % (N + 1) == 0 ? 1 : 0;
  a = dense_of(&f, b, N);
  cr_ok(f.context, compare_best_decrease(&f.ref, a, 1, &worse, &damping));
  compare_approx_destroy(a);
  cr_assert(worse > 0 && worse < decrease);
  teardown(&f);
}

/* An indefinite matrix is taken with absolute eigenvalues: B and -B and |B| step alike. */
Test(compare_metrics, steps_take_absolute_eigenvalues) {
  fixture f;
  setup(&f);
  double b[N * N], minus[N * N], d[N], e[N], x[N * N];
  symo_test_randn(f.rng, x, N * N);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < N; j++) b[i * N + j] = x[i * N + j] + x[j * N + i];
  for (size_t i = 0; i < N * N; i++) minus[i] = -b[i];
  compare_approx *p = dense_of(&f, b, N), *m = dense_of(&f, minus, N);
  cr_ok(f.context, p->form->step(p, 0.3, f.grad, d));
  cr_ok(f.context, m->form->step(m, 0.3, f.grad, e));
  cr_assert(symo_test_rel(d, e, N) <= 1e-12);
  cr_assert(symo_dot(SYMO_F64, N, d, f.grad) < 0);
  compare_approx_destroy(p);
  compare_approx_destroy(m);
  teardown(&f);
}

/* ---- forms ---- */

/* Dense export, eigenvalues and step of a form agree with the dense form of its export. */
static void conform(fixture *f, compare_approx *a) {
  size_t n = a->size;
  double *b = symo_malloc(n * n * sizeof *b), g[4 * N], d[4 * N], e[4 * N], values[4 * N];
  cr_assert(b != NULL && n <= 4 * N);
  cr_ok(f->context, a->form->dense(a, b));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      cr_assert(fabs(b[i * n + j] - b[j * n + i]) <= 1e-13, "%zu %zu", i, j);
  compare_approx *dense = dense_of(f, b, n);
  symo_test_randn(f->rng, g, n);
  cr_ok(f->context, a->form->step(a, 0.05, g, d));
  cr_ok(f->context, dense->form->step(dense, 0.05, g, e));
  cr_assert(symo_test_rel(d, e, n) <= 1e-11, "%s: %g", a->form->name, symo_test_rel(d, e, n));
  cr_ok(f->context, a->form->eigenvalues(a, values));
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    sum += values[i];
    squares += values[i] * values[i];
  }
  cr_assert(fabs(sum - symo_trace(SYMO_F64, n, b)) <= 1e-11 * (1 + fabs(sum)));
  cr_assert(fabs(sqrt(squares) - symo_nrm2(SYMO_F64, n * n, b)) <= 1e-11 * (1 + sqrt(squares)));
  compare_approx_destroy(dense);
  symo_free(b);
}

Test(compare_forms, diagonal) {
  fixture f;
  setup(&f);
  double *diagonal = symo_malloc(N * sizeof *diagonal);
  cr_assert(diagonal != NULL);
  symo_test_randn(f.rng, diagonal, N);
  compare_approx *a = NULL;
  cr_ok(f.context, compare_approx_diagonal(f.context, N, diagonal, N, &a));
  conform(&f, a);
  compare_approx_destroy(a);
  teardown(&f);
}

Test(compare_forms, structured) {
  {
    fixture f;
    setup(&f);
    symo_layout *layout = NULL;
    symo_plan *plan = NULL;
    symo_hessian *hessian = NULL;
    symo_plan_spec spec = symo_plan_spec_default();
    cr_ok(f.context,
          symo_layout_parse(f.context, "in: identity 2; h: permutation 5; w[h,in] b[h]", &layout));
    cr_ok(f.context, symo_plan_create(layout, &spec, &plan));
    double dense[15 * 15], x[15 * 15];
    symo_test_randn(f.rng, x, 15 * 15);
    for (size_t r = 0; r < 15; r++)
      for (size_t k = 0; k < 15; k++) dense[r * 15 + k] = x[r * 15 + k] + x[k * 15 + r];
    cr_ok(f.context, symo_reynolds(plan, dense, &hessian));
    compare_approx *a = NULL;
    cr_ok(f.context, compare_approx_structured(f.context, hessian, &a));
    cr_assert(a->stored == symo_plan_cost_of(plan).stored_numbers);
    conform(&f, a);
    compare_approx_destroy(a);
    symo_plan_destroy(plan);
    symo_layout_destroy(layout);
    teardown(&f);
  }
}

/* Two blocks, the second with its last column elsewhere, against the products of the entries. */
Test(compare_forms, kronecker) {
  fixture f;
  setup(&f);
  double left[9], right[16], more[4], other[9], dense[18 * 18];
  definite(f.rng, 3, 0.1, left);
  definite(f.rng, 4, 0.1, right);
  definite(f.rng, 2, 0.1, more);
  definite(f.rng, 3, 0.1, other);
  compare_approx *a = NULL;
  cr_ok(f.context, compare_approx_kron(f.context, 18, 2, &a));
  cr_ok(f.context,
        compare_kron_set(a, 0, (compare_kron){.rows = 3, .cols = 4, .offset = 0}, left, right, 1));
  compare_kron where = {.rows = 2, .cols = 3, .offset = 12, .bias = 16, .augmented = true};
  cr_ok(f.context, compare_kron_set(a, 1, where, more, other, 1));
  cr_assert(a->stored == 6 + 10 + 3 + 6);
  cr_ok(f.context, a->form->dense(a, dense));
  static const size_t place[2][3] = {{12, 13, 16}, {14, 15, 17}};
  double worst = 0;
  for (size_t i = 0; i < 12; i++)
    for (size_t j = 0; j < 18; j++) {
      double want = j < 12 ? left[i / 4 * 3 + j / 4] * right[i % 4 * 4 + j % 4] : 0;
      worst = fmax(worst, fabs(dense[i * 18 + j] - want));
    }
  for (size_t i = 0; i < 6; i++)
    for (size_t j = 0; j < 6; j++) {
      double want = more[i / 3 * 2 + j / 3] * other[i % 3 * 3 + j % 3];
      double got = dense[place[i / 3][i % 3] * 18 + place[j / 3][j % 3]];
      worst = fmax(worst, fabs(got - want));
    }
  cr_assert(worst <= 1e-13, "%g", worst);
  conform(&f, a);
  compare_approx_destroy(a);
  teardown(&f);
}

/* A tensor of three axes: entries are products of three, and every factor is kept by itself. */
Test(compare_forms, kronecker_of_three_axes) {
  enum { SIZE = 24 };
  fixture f;
  setup(&f);
  static const size_t dims[] = {2, 3, 4};
  double first[4], second[9], third[16], dense[SIZE * SIZE];
  double worst = 0, most = 0;
  const double *const factors[] = {first, second, third};
  definite(f.rng, 2, 0.1, first);
  definite(f.rng, 3, 0.1, second);
  definite(f.rng, 4, 0.1, third);
  compare_approx *a = NULL;
  cr_ok(f.context, compare_approx_kron(f.context, SIZE, 1, &a));
  cr_ok(f.context, compare_kron_set_axes(a, 0, 0, 3, dims, factors, 1));
  cr_assert(a->stored == 3 + 6 + 10);
  cr_ok(f.context, a->form->dense(a, dense));
  for (size_t i = 0; i < SIZE; i++)
    for (size_t j = 0; j < SIZE; j++) {
      double want =
          first[i / 12 * 2 + j / 12] * second[i / 4 % 3 * 3 + j / 4 % 3] * third[i % 4 * 4 + j % 4];
      worst = fmax(worst, fabs(dense[i * SIZE + j] - want));
      most = fmax(most, fabs(want));
    }
  cr_assert(worst <= symo_test_bound(SYMO_F64, 2 + 3 + 4, most), "%g of %g", worst, most);
  conform(&f, a);
  compare_approx_destroy(a);
  teardown(&f);
}

/* A rank-one factor keeps rank one under a root: rounding is not lifted. */
Test(compare_forms, kronecker_root_of_rank_one) {
  fixture f;
  setup(&f);
  double x[6], left[36], right[1] = {1}, values[6], norm = 0;
  symo_test_randn(f.rng, x, 6);
  for (size_t i = 0; i < 6; i++) norm += x[i] * x[i];
  for (size_t i = 0; i < 36; i++) left[i] = x[i / 6] * x[i % 6];
  compare_approx *a = NULL;
  cr_ok(f.context, compare_approx_kron(f.context, 6, 1, &a));
  cr_ok(f.context, compare_kron_set(a, 0, (compare_kron){.rows = 6, .cols = 1}, left, right, 0.25));
  cr_ok(f.context, a->form->eigenvalues(a, values));
  size_t positive = 0;
  for (size_t i = 0; i < 6; i++) positive += values[i] > 0;
  cr_assert(positive == 1);
  cr_assert(fabs(values[5] - pow(norm, 0.25)) <= 1e-13);
  compare_approx_destroy(a);
  teardown(&f);
}

/* ---- images ---- */

Test(compare_image, root_mean_square_with_the_sign_of_the_sum) {
  double b[16] = {1, 1, 0, 0, 1, 1, 0, 4, -3, 0, 2, 2, 0, 0, 2, 2}, out[4];
  compare_image(b, 4, 2, 2, out);
  cr_assert(out[0] == 2 && out[1] == 4);
  cr_assert(out[2] == -3 && out[3] == 4);
  double same[16];
  compare_image(b, 4, 1, 4, same);
  cr_assert(memcmp(same, b, sizeof b) == 0);
  compare_image(b, 4, 1, 1, out);
  cr_assert(out[0] == sqrt((4 + 16 + 9 + 16) / 16.0));
}
