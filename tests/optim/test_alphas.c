/* alpha=auto: exponents planted in a quadratic are found, averaged, used, kept and refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/state.h"
#include "tests/support/dense.h"
#include "tests/support/problems.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"

/* v [12, 9] and w [7, 12] with curvature h_k = 3 sigma_k^alpha along the singular directions of their
 * gradients, which are -b at 0; s [7]. */
enum { A = 12, B = 9, C = 7, V = A * B, W = C * A, N = V + W + C };
static const char text[] = "a: permutation 12; b: identity 9; c: identity 7; v[a,b] w[c,a] s[c]";

typedef struct fixture {
  symo_context *context;
  symo_layout *layout;
  symo_test_problem p;
  symo_test_descent d;
  double u[2][A * A], v[2][A * A]; /* singular vectors, in rows */
} fixture;

static void shape(int matrix, size_t *rows, size_t *cols, size_t *at) {
  *rows = matrix == 0 ? A : C, *cols = matrix == 0 ? B : A, *at = matrix == 0 ? 0 : V;
}
static double sigma(size_t k) { return pow((double)k + 1, -1.2); }

/* The curvature of a matrix becomes that of this exponent. */
static void plant(fixture *f, int matrix, double alpha) {
  size_t rows, cols, at;
  shape(matrix, &rows, &cols, &at);
  for (size_t i = at; i < at + rows * cols; i++)
    for (size_t j = at; j < at + rows * cols; j++) {
      double sum = 0;
      const size_t p = i - at, q = j - at;
      for (size_t k = 0; k < C; k++)
        sum += 3 * pow(sigma(k), alpha) * f->u[matrix][k * rows + p / cols] *
               f->v[matrix][k * cols + p % cols] * f->u[matrix][k * rows + q / cols] *
               f->v[matrix][k * cols + q % cols];
      f->p.a[i * N + j] = sum;
    }
}

static void make(fixture *f, const char *preset, const char *settings, int threads) {
  if (f->d.state != NULL) symo_descent_close(&f->d);
  symo_descent_open(&f->d, f->context, &f->p.problem, f->layout, preset, settings);
  if (threads <= 1) return;
  symo_optim_state_destroy(f->d.state);
  symo_optim_destroy(f->d.optim);
  f->d.spec.threads = threads;
  cr_ok(f->context, symo_optim_create(f->layout, &f->d.spec, &f->d.optim));
  cr_ok(f->context, symo_optim_state_create(f->d.optim, &f->d.state));
}

static void open_fixture(fixture *f, symo_dtype dtype, double first, double second) {
  double w[N];
  memset(f, 0, sizeof *f);
  f->context = symo_test_context();
  symo_rng *rng = symo_test_rng(f->context, 7);
  for (size_t i = 0; i < N; i++) w[i] = 1;
  symo_test_quadratic(&f->p, rng, dtype, N, w);
  for (size_t i = 0; i < N * N; i++) f->p.a[i] = i % (N + 1) == 0 ? 1 : 0;
  cr_ok(f->context, symo_layout_parse(f->context, text, &f->layout));
  for (int m = 0; m < 2; m++) {
    size_t rows, cols, at;
    shape(m, &rows, &cols, &at);
    solvers_orthogonal(rng, rows, f->u[m]);
    solvers_orthogonal(rng, cols, f->v[m]);
    for (size_t i = 0; i < rows * cols; i++) {
      f->p.b[at + i] = 0;
      for (size_t k = 0; k < C; k++)
        f->p.b[at + i] += sigma(k) * f->u[m][k * rows + i / cols] * f->v[m][k * cols + i % cols];
    }
    plant(f, m, m == 0 ? first : second);
  }
  symo_rng_destroy(rng);
}

static void close_fixture(fixture *f) {
  symo_descent_close(&f->d);
  symo_layout_destroy(f->layout);
  symo_test_problem_free(&f->p);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

static double alpha_of(const fixture *f, size_t tensor, double *measured) {
  return symo_optim_state_alpha(f->d.state, tensor, measured);
}

/* Where theta is after a step from 0 of this method. */
static void one_step(fixture *f, const char *preset, const char *settings, double *theta) {
  make(f, preset, settings, 1);
  cr_assert(symo_descent_step(&f->d).accepted);
  symo_descent_get(&f->d, theta);
}

/* What is found is what was planted: of exact power laws the regression errs by rounding, which the
 * smallest h, 1e-3 of the largest, feels a thousandfold.  The step is then, bit by bit, that of a
 * method with these numbers. */
static void check_planted(symo_dtype dtype, const char *preset, const char *more) {
  static double auto_theta[N], fixed[N];
  const double planted[] = {0.8, 1.7}, close = dtype == SYMO_F32 ? 1e-3 : 1e-9;
  const size_t first[] = {0, V, V + W, N};
  fixture f;
  char settings[128];
  double measured;
  open_fixture(&f, dtype, planted[0], planted[1]);
  snprintf(settings, sizeof settings, "alpha=auto alpha_first=0 alpha_initial=1.1 %s", more);
  one_step(&f, preset, settings, auto_theta);
  cr_assert_eq(f.p.products, 2 * C, "a product for each direction: %zu", f.p.products);
  for (size_t t = 0; t < 2; t++) {
    const double alpha = alpha_of(&f, t, &measured);
    cr_assert(fabs(measured - planted[t]) <= close, "%s: %g", preset, measured);
    cr_assert(alpha == planted[t], "%g is no multiple of .1", alpha);
  }
  cr_assert(alpha_of(&f, 2, &measured) == 1.1 && isnan(measured), "a vector");
  for (size_t t = 0; t < 3; t++) {
    snprintf(settings, sizeof settings, "alpha=%g %s", t < 2 ? planted[t] : 1.1,
             strstr(more, "hessian") != NULL ? "" : more);
    one_step(&f, preset, settings, fixed);
    cr_assert_arr_eq(auto_theta + first[t], fixed + first[t],
                     (first[t + 1] - first[t]) * sizeof *fixed, "%s, tensor %zu", preset, t);
  }
  close_fixture(&f);
}

Test(alphas, planted_exponents_are_found_and_used) {
  check_planted(SYMO_F64, "spectral-newton-exact", "");
  check_planted(SYMO_F32, "spectral-newton-exact", "alpha_curvature=hessian");
  check_planted(SYMO_F64, "muon-exact", "");
}
Test(alphas, with_polynomials) { check_planted(SYMO_F32, "spectral-newton", ""); }
Test(alphas, with_a_cut_relative_to_the_median) {
  check_planted(SYMO_F64, "spectral-newton-exact", "cut_reference=median cut=0.1");
  check_planted(SYMO_F64, "spectral-newton", "cut_reference=median cut=0.1 solver_steps=3");
}
Test(alphas, with_groups) { check_planted(SYMO_F64, "symo", "solver=eigh"); }
Test(alphas, with_exponents_chosen_by_auto) {
  check_planted(SYMO_F64, "muon-exact", "solver=auto groups=alternate");
}

/* Before steps 2, 4 and 6: 1.26, 1.5 and what lies below the least.  Parameters stay. */
Test(alphas, measurements_are_averaged_at_their_cadence) {
  fixture f;
  double measured;
  open_fixture(&f, SYMO_F64, 1.26, 1);
  make(&f, "spectral-newton-exact",
       "alpha=auto lr=0 alpha_first=1 alpha_every=2 alpha_memory=0.5 alpha_min=0.9 alpha_max=1.6 "
       "alpha_step=0.1 alpha_directions=6",
       1);
  const double averages[] = {0, 1.26, 1.26, 1.38, 1.38, 1.14},
               alphas[] = {1.4, 1.3, 1.3, 1.4, 1.4, 1.1};
  for (size_t step = 0; step < 6; step++) {
    if (step == 2) plant(&f, 0, 1.5);
    if (step == 4) plant(&f, 0, 0.3);
    const symo_step_report r = symo_descent_step(&f.d);
    const double alpha = alpha_of(&f, 0, &measured);
    cr_assert(f.p.products == 12 * ((step + 1) / 2), "six directions each: %zu", f.p.products);
    cr_assert_eq(r.measured_alphas, step % 2 == 1 ? 2 : 0);
    cr_assert(step == 0 ? isnan(measured) : fabs(measured - averages[step]) <= 1e-9, "%zu: %g",
              step, measured);
    cr_assert(alpha == alphas[step], "%zu: %g", step, alpha);
  }
  plant(&f, 0, 5);
  symo_descent_step(&f.d), symo_descent_step(&f.d);
  alpha_of(&f, 0, &measured);
  cr_assert(fabs(measured - 0.5 * (1.14 + 1.6)) <= 1e-9);
  close_fixture(&f);
}

Test(alphas, once_is_once) {
  fixture f;
  open_fixture(&f, SYMO_F64, 1.2, 1);
  make(&f, "spectral-newton-exact", "alpha=auto alpha_first=2", 1);
  for (int step = 0; step < 5; step++) {
    symo_descent_step(&f.d);
    cr_assert_eq(f.p.products, step < 2 ? 0 : 2 * C);
  }
  close_fixture(&f);
}

/* A new state with the entries of another goes on with its bits, through further measurements. */
Test(alphas, a_state_goes_on_with_the_same_bits) {
  static const char settings[] = "alpha=auto alpha_first=1 alpha_every=3 lr=0.05";
  fixture f, g;
  open_fixture(&f, SYMO_F32, 0.9, 1.6);
  open_fixture(&g, SYMO_F32, 0.9, 1.6);
  make(&f, "spectral-newton", settings, 1);
  make(&g, "spectral-newton", settings, 1);
  for (int step = 0; step < 3; step++) symo_descent_step(&f.d);
  for (size_t i = 0; i < symo_optim_state_num_entries(f.d.state); i++) {
    const symo_state_entry from = symo_optim_state_entry(f.d.state, i);
    const symo_state_entry to = symo_optim_state_entry(g.d.state, i);
    size_t bytes = symo_dtype_size(from.dtype);
    for (size_t a = 0; a < from.order; a++) bytes *= from.shape[a];
    memcpy(to.data, from.data, bytes);
  }
  memcpy(g.d.theta, f.d.theta, N * sizeof(float));
  for (int step = 0; step < 4; step++) symo_descent_step(&f.d), symo_descent_step(&g.d);
  symo_test_bytes a = symo_descent_bytes(&f.d, true), b = symo_descent_bytes(&g.d, true);
  cr_assert(symo_test_same_bytes(a, b) && f.p.products == 4 * C && g.p.products == 2 * C);
  free(a.p), free(b.p);
  symo_descent_close(&g.d);
  symo_layout_destroy(g.layout);
  symo_test_problem_free(&g.p);
  symo_context_destroy(g.context);
  close_fixture(&f);
}

Test(alphas, threads_give_the_same_bits) {
  symo_test_bytes bytes[2];
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  for (int k = 0; k < 2; k++) {
    fixture f;
    open_fixture(&f, SYMO_F32, 0.9, 1.6);
    make(&f, "spectral-newton-exact", "alpha=auto alpha_first=1 alpha_every=2 lr=0.05",
         k == 0 ? 1 : 3);
    for (int step = 0; step < 5; step++) symo_descent_step(&f.d);
    bytes[k] = symo_descent_bytes(&f.d, true);
    close_fixture(&f);
  }
  cr_assert(symo_test_same_bytes(bytes[0], bytes[1]));
  free(bytes[0].p), free(bytes[1].p);
}

/* ---- what goes wrong ---- */

static void expect_refusal(fixture *f, const char *preset, const char *settings,
                           const char *reason) {
  symo_test_stepper s = {.w = {.context = f->context, .layout = f->layout}};
  cr_fails(f->context, SYMO_E_UNSUPPORTED, reason, symo_stepper_try(&s, preset, settings));
}

Test(alphas, refusals) {
  fixture f;
  double zero[N] = {0};
  const void *g[3] = {zero, zero + V, zero + V + W};
  void *x[3] = {zero, zero + V, zero + V + W};
  open_fixture(&f, SYMO_F64, 1, 1);
  make(&f, "spectral-newton-exact", "alpha=auto alpha_first=0", 1);
  expect_refusal(&f, "adamw", "alpha=auto", "alpha auto is measured matrix by matrix");
  expect_refusal(&f, "symo-coupled", "alpha=auto", "curvature orbit-blocked");
  expect_refusal(&f, "symo-published", "curvature=orbit-blocked alpha=auto", "beta2 0");
  expect_refusal(&f, "symo", "alpha=auto centered=true", "centered false");
  expect_refusal(&f, "symo", "alpha=auto alpha_min=1.5 alpha_max=1.4", "alpha_min is above");
  expect_refusal(&f, "muon", "alpha=auto", "quintic iterations");
  cr_fails(f.context, SYMO_E_UNSUPPORTED, "alpha auto asks the problem for products",
           symo_optim_step(f.d.state, symo_const_vector_of(SYMO_F64, g),
                           symo_vector_of(SYMO_F64, x), NULL));
  cr_assert(symo_optim_needs_problem(f.d.optim));
  f.d.problem.ggn = NULL;
  cr_fails(f.context, SYMO_E_UNSUPPORTED, "no products with the Gauss-Newton matrix (fill ggn",
           symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL));
  make(&f, "spectral-newton-exact", "alpha=auto alpha_first=0 alpha_curvature=hessian", 1);
  f.d.problem.hvp = NULL;
  cr_fails(f.context, SYMO_E_UNSUPPORTED, "no products with the Hessian (fill hvp",
           symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL));
  close_fixture(&f);
}

/* A product that is not finite refuses the step and leaves all as it was, but for the count; a gradient
 * of zero has no directions, and that is no failure. */
Test(alphas, no_measurement) {
  fixture f;
  double measured;
  open_fixture(&f, SYMO_F64, 1, 1);
  make(&f, "spectral-newton-exact", "alpha=auto alpha_first=0", 1);
  f.p.nan_product = true;
  symo_test_bytes before = symo_descent_bytes(&f.d, false);
  const symo_step_report r = symo_descent_step(&f.d);
  symo_test_bytes after = symo_descent_bytes(&f.d, false);
  cr_assert(!r.accepted && r.refused_steps == 1 && symo_test_same_bytes(before, after));
  free(before.p), free(after.p);
  f.p.nan_product = false;
  memset(f.p.b, 0, N * sizeof *f.p.b);
  cr_assert(symo_descent_step(&f.d).accepted);
  cr_assert(alpha_of(&f, 0, &measured) == 1.4 && isnan(measured));
  close_fixture(&f);
}

static symo_status measure(void *self) {
  fixture *f = self;
  symo_step_report r;
  memset(f->d.theta, 0, N * sizeof(double));
  return symo_optim_problem_step(f->d.state, &f->d.problem, f->d.theta, NULL, &r);
}

Test(alphas, memory_may_run_out_anywhere) {
  fixture f;
  open_fixture(&f, SYMO_F64, 1, 1);
  make(&f, "spectral-newton-exact", "alpha=auto alpha_first=0 alpha_every=1", 1);
  cr_ok(f.context, measure(&f)); /* room for a gradient */
  symo_test_allocations(measure, &f);
  close_fixture(&f);
}

/* What a damaged checkpoint may bring: any numbers.  Steps then have an exponent in its range. */
Test(alphas, hostile_entries) {
  static const double values[] = {NAN, INFINITY, -1, 1e300, 1e-300, 13, 0.5};
  fixture f;
  open_fixture(&f, SYMO_F64, 1, 1);
  make(&f, "spectral-newton", "alpha=auto alpha_first=9", 1);
  for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
    for (size_t i = 0; i < symo_optim_state_num_entries(f.d.state); i++) {
      const symo_state_entry e = symo_optim_state_entry(f.d.state, i);
      if (strstr(e.name, "alphas") == NULL && strstr(e.name, "filters") == NULL) continue;
      for (size_t n = 0; n < e.shape[0] * e.shape[1]; n++) ((double *)e.data)[n] = values[k];
    }
    const double alpha = alpha_of(&f, 0, NULL);
    cr_assert(alpha > 0 && alpha <= 2);
    symo_step_report r;
    const symo_status status =
        symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, &r);
    cr_assert(status == SYMO_OK || status == SYMO_E_NUMERIC, "%d", (int)status);
  }
  close_fixture(&f);
}

/* ---- as text ---- */

Test(alphas, auto_is_a_word) {
  symo_context *context = symo_test_context();
  symo_method m;
  char value[128];
  cr_ok(context, symo_method_preset(context, "spectral-newton", &m));
  cr_ok(context, symo_method_set(context, &m, "alpha", "auto"));
  cr_assert(m.alpha == SYMO_ALPHA_AUTO);
  cr_ok(context, symo_method_get(context, &m, "alpha", value));
  cr_assert_str_eq(value, "auto");
  cr_fails(context, SYMO_E_ARGUMENT, "alpha: \"-1\" (must be a number from 0 to 2, or auto)",
           symo_method_set(context, &m, "alpha", "-1"));
  cr_fails(context, SYMO_E_ARGUMENT, "or auto)", symo_method_set(context, &m, "alpha", "Auto"));
  cr_fails(context, SYMO_E_ARGUMENT, "lr: \"auto\" (must be a number from 0 to 1000000)",
           symo_method_set(context, &m, "lr", "auto"));
  cr_assert(m.alpha == SYMO_ALPHA_AUTO, "as it was");
  symo_context_destroy(context);
}
