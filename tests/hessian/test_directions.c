/* Curvature along singular directions against entries of a diagonal matrix. */
#include "hessian/directions.h"

#include <math.h>
#include <string.h>

#include "tests/support/problems.h"
#include "tests/support/testing.h"

/* f(x) = x'A x / 2 with A diagonal, and two matrices in x, 9 x 12 and, from 110 on, 14 x 6, whose
 * gradients are zero but for one entry in each row: sigma_k = 2^-k and (k + 1)^-1, both from 1.  A is
 * k + 3 where these are, in the second with minus in front of it.  The entries left over weigh 1e6. */
enum { FIRST = 9, COLS = 12, SECOND = 6, ROWS = 14, AT = 110, N = AT + ROWS * SECOND + 3 };

typedef struct fixture {
  symo_context *context;
  symo_test_problem p;
  symo_directions d[2];
  double g[N], h[2][FIRST];
} fixture;

static size_t place(int matrix, size_t k) {
  return matrix == 0 ? k * COLS + (5 * k + 2) % COLS : AT + (2 * k + 1) * SECOND + (k + 4) % SECOND;
}
static double sigma(int matrix, size_t k) {
  return matrix == 0 ? pow(2, -(double)k) : 1 / ((double)k + 1);
}

static void open_fixture(fixture *f, symo_dtype dtype) {
  double w[N];
  memset(f, 0, sizeof *f);
  for (size_t i = 0; i < N; i++) w[i] = 1e6;
  f->context = symo_test_context();
  symo_rng *rng = symo_test_rng(f->context, 3);
  symo_test_quadratic(&f->p, rng, dtype, N, w);
  symo_rng_destroy(rng);
  for (size_t i = 0; i < N * N; i++) f->p.a[i] = i % (N + 1) == 0 ? 1e6 : 0;
  for (int m = 0; m < 2; m++)
    for (size_t k = 0; k < (m == 0 ? FIRST : SECOND); k++) {
      f->g[place(m, k)] = sigma(m, k) * (k % 2 == 0 ? 1 : -1);
      f->p.a[place(m, k) * (N + 1)] = ((double)k + 3) * (m == 0 ? 1 : -1);
    }
}

static void make(fixture *f, size_t most) {
  cr_ok(f->context,
        symo_directions_make(f->context, SYMO_F64, FIRST, COLS, f->g, 1e-9, most, &f->d[0]));
  cr_ok(f->context,
        symo_directions_make(f->context, SYMO_F64, ROWS, SECOND, f->g + AT, 0.3, most, &f->d[1]));
}

static symo_status look(void *self) {
  fixture *f = self;
  double theta[N] = {0};
  const symo_along both[] = {{&f->d[0], 0, f->h[0]}, {&f->d[1], AT, f->h[1]}};
  const problem_call call = {f->context, "test", &f->p.problem, theta};
  return symo_curvature_along(&call, f->p.c > 0, 2, both);
}

static void close_fixture(fixture *f) {
  for (int m = 0; m < 2; m++) symo_directions_drop(&f->d[m]);
  symo_test_problem_free(&f->p);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

Test(directions, curvature_is_that_of_the_entries) {
  for (int k = 0; k < 4; k++) {
    fixture f;
    open_fixture(&f, k % 2 == 0 ? SYMO_F64 : SYMO_F32);
    f.p.c = k / 2; /* Gauss-Newton products */
    make(&f, k == 3 ? 4 : 0);
    cr_assert(f.d[0].rank == FIRST && f.d[0].range == FIRST && f.d[1].rank == SECOND);
    cr_assert(f.d[1].range == 3, "1, 1/2 and 1/3 are above .3: %zu", f.d[1].range);
    cr_assert(f.d[0].count == (k == 3 ? 4 : FIRST) && f.d[1].count == 3);
    cr_ok(f.context, look(&f));
    cr_assert_eq(f.p.products, f.d[0].count + f.d[1].count);
    for (int m = 0; m < 2; m++)
      for (size_t i = 0; i < f.d[m].count; i++) {
        const double at = f.d[m].at[i], h = (at + 2) * (m == 0 ? 1 : -1);
        cr_assert(fabs(f.d[m].chosen[i] - sigma(m, (size_t)at - 1)) <= 1e-14);
        cr_assert(fabs(f.h[m][i] - h) <= 1e-5 * fabs(h) * (k % 2 == 0 ? 1e-7 : 1), "%d, %g: %g", m,
                  at, f.h[m][i]);
      }
    close_fixture(&f);
  }
}

Test(directions, a_zero_matrix_has_none) {
  fixture f;
  open_fixture(&f, SYMO_F64);
  memset(f.g, 0, sizeof f.g);
  make(&f, 0);
  cr_assert(f.d[0].range == 0 && f.d[0].count == 0 && f.d[1].count == 0);
  cr_ok(f.context, look(&f));
  cr_assert_eq(f.p.products, 0);
  close_fixture(&f);
}

/* All of the first, then fewer and fewer up to the last: where numbers are left out, the steps that go on
 * to the end are equal in log k but for the rounding to whole numbers. */
Test(directions, choices_are_even_on_a_log_scale) {
  enum { MANY = 60 };
  symo_context *context = symo_test_context();
  static double g[MANY * MANY];
  for (size_t i = 0; i < MANY; i++) g[i * MANY + (i + 7) % MANY] = 1 / ((double)i + 1);
  for (size_t most = 1; most <= MANY + 1; most++) {
    symo_directions d;
    cr_ok(context, symo_directions_make(context, SYMO_F64, MANY, MANY, g, 0, most, &d));
    const size_t last = d.count - 1;
    cr_assert(d.range == MANY && d.count == (most < MANY ? most : MANY) && d.at[last] == MANY);
    cr_assert(most == 1 || d.at[0] == 1);
    for (size_t i = 0; i < last; i++) {
      const double even = d.at[i] * pow(MANY / d.at[i], 1 / (double)(last - i));
      cr_assert(d.at[i + 1] == d.at[i] + 1 ? even <= d.at[i] + 1.5 + 1e-9
                                           : fabs(d.at[i + 1] - even) <= 0.5 + 1e-9,
                "%zu of %zu: %g behind %g", i + 1, d.count, d.at[i + 1], d.at[i]);
      cr_assert(d.at[i + 1] > d.at[i]);
    }
    for (size_t i = 0; i < d.count; i++) cr_assert(fabs(d.chosen[i] * d.at[i] - 1) <= 1e-13);
    symo_directions_drop(&d);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status make_and_look(void *self) {
  fixture *f = self;
  symo_directions d;
  symo_status status = symo_directions_make(f->context, SYMO_F64, FIRST, COLS, f->g, 1e-9, 5, &d);
  if (status != SYMO_OK) return status;
  symo_directions_drop(&d);
  return look(f);
}

Test(directions, memory_may_run_out_anywhere) {
  fixture f;
  open_fixture(&f, SYMO_F64);
  make(&f, 0);
  symo_test_allocations(make_and_look, &f);
  close_fixture(&f);
}

/* A product that fails is passed on. */
static symo_status fails(void *self, const void *theta, size_t k, const void *v, void *hv) {
  (void)self, (void)theta, (void)k, (void)v, (void)hv;
  return SYMO_E_NUMERIC;
}

Test(directions, a_product_that_fails) {
  fixture f;
  open_fixture(&f, SYMO_F64);
  make(&f, 0);
  f.p.problem.hvp = fails;
  cr_fails(f.context, SYMO_E_NUMERIC, "test: the Hessian product of", look(&f));
  close_fixture(&f);
}
