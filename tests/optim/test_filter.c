/* Powers that bend at a cut: the fit of their polynomials, the exact and the fitted solver against
 * singular vectors known from how a matrix was made, and methods that ask for them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"
#include "tests/support/testing.h"

enum { MOST = 48 * 48, FINE = 20000 };

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};

static symo_filter fitted(double alpha, double cut, double order, int products) {
  const symo_filter_shape shape = {alpha, cut, order};
  symo_filter filter;
  cr_assert(symo_filter_fit(&shape, products, 0.2, &filter) == SYMO_OK);
  return filter;
}

/* The error as filter.h defines it, on a grid that the fit does not know; NaN counts. */
static double measured_error(const symo_filter *filter) {
  const symo_filter_shape *shape = &filter->shape;
  double worst = 0, bend = shape->cut / 2;
  for (int i = 0; i <= FINE; i++) {
    double part = i / (double)FINE, s = i % 2 == 0 ? part : pow(shape->cut / 100, part);
    double least = fmax(s, bend), unit = least * symo_filter_value(shape, least * least);
    double wanted =
        s * pow(pow(s, shape->order) + pow(shape->cut, shape->order), -shape->alpha / shape->order);
    double error = fabs(s * symo_filter_polynomial(filter, s * s) - wanted) / unit;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

Test(filter, error_is_as_reported_on_any_grid) {
  static const double shapes[][3] = {{1.4, 0.012, 1.4}, {1.2, 0.007, 1.2}, {1, 0.03, 1},
                                     {2, 0.05, 2},      {1.4, 0.012, 2},   {0.5, 0.02, 4}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int products = 5; products <= 9; products++) {
      symo_filter f = fitted(shapes[i][0], shapes[i][1], shapes[i][2], products);
      double error = measured_error(&f);
      cr_assert(f.products == products);
      cr_assert(error <= 1.15 * f.error, "alpha %g cut %g order %g, %d products: %g reported, %g",
                shapes[i][0], shapes[i][1], shapes[i][2], products, f.error, error);
    }
  cr_no_leaks();
}

/* By squares alone, p_{j+1} = 2 p_j^2 - 1 doubles the degree of Chebyshev's polynomials:
 * p_j(cos a) = cos(2^(j-1) a).  Numbers behind the products are of no filter, and not read. */
Test(filter, polynomials_are_their_recursion) {
  for (int products = 1; products <= SYMO_FILTER_MOST; products++) {
    symo_filter f = {.products = products, .slope = 1};
    for (int j = 0; j < SYMO_FILTER_MOST; j++) {
      f.scale[j] = j < products ? 2 : (double)NAN;
      f.shift[j] = j < products ? -1 : (double)NAN;
    }
    for (int j = 0; j < SYMO_FILTER_MOST + 2; j++)
      f.weight[j] = j < products + 2 ? 1 + 0.25 * j : (double)NAN;
    for (double angle = 0.1; angle < 1.5; angle += 0.17) {
      double expected = f.weight[0];
      for (int j = 0; j <= products; j++) expected += f.weight[j + 1] * cos(ldexp(angle, j));
      /* Each square doubles the error of the angle. */
      const double off = fabs(symo_filter_polynomial(&f, cos(angle)) - expected);
      cr_assert(off <= symo_test_bound(SYMO_F64, (size_t)products, ldexp(4, products)), "%d: %g",
                products, off);
    }
  }
}

/* What README and the presets rest on. */
Test(filter, few_products_serve) {
  symo_filter seven = fitted(1.4, 0.012, 1.4, 7), eight = fitted(1.4, 0.012, 1.4, 8);
  cr_assert(measured_error(&seven) <= 0.2);
  cr_assert(measured_error(&eight) <= 0.1);
  symo_filter fewest = fitted(1.4, 0.012, 1.4, 0);
  cr_assert(fewest.error <= 0.2 && fewest.products <= 7, "%d products", fewest.products);
}

Test(filter, same_fit_every_time) {
  const symo_filter_shape shape = {1.3, 0.01, 1.3};
  symo_filter a, b;
  cr_assert(symo_filter_compute(&shape, 7, 0, &a) == SYMO_OK);
  cr_assert(symo_filter_compute(&shape, 7, 0, &b) == SYMO_OK);
  cr_assert(memcmp(&a, &b, sizeof a) == 0);
}

/* float32 holds every p, and nothing above 1 runs away by more than rounding can put there. */
Test(filter, polynomials_are_bounded) {
  for (int products = 4; products <= SYMO_FILTER_MOST; products++) {
    symo_filter f = fitted(1.4, 0.012, 1.4, products);
    double p = 0;
    for (int i = 0; i <= FINE; i++) {
      p = f.slope * i / FINE + f.offset;
      for (int j = 0; j < products; j++) {
        cr_assert(fabs(p) <= 1.01, "%d products, p_%d %g", products, j + 1, p);
        p = f.scale[j] * p * p + f.shift[j];
      }
    }
    double inside = symo_filter_polynomial(&f, 1), outside = symo_filter_polynomial(&f, 1 + 1e-5);
    cr_assert(fabs(outside - inside) <= 0.1 * fabs(inside), "%d products: %g, %g", products, inside,
              outside);
  }
}

Test(filter, bad_shapes_and_no_memory) {
  const symo_filter_shape bad[] = {{0, 0.01, 1}, {2.1, 0.01, 1},        {1, 0, 1},
                                   {1, 1, 1},    {1, 0.01, 0},          {-1, 0.01, 1},
                                   {1, -0.1, 1}, {1, 0.01, -2},         {NAN, 0.01, 1},
                                   {1, NAN, 1},  {1, 0.01, (double)NAN}};
  symo_filter kept = {.products = 77}, out = kept;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_assert(symo_filter_fit(&bad[i], 7, 0.2, &out) == SYMO_E_ARGUMENT, "%zu", i);
  const symo_filter_shape good = {1.4, 0.012, 1.4};
  cr_assert(symo_filter_fit(&good, -1, 0.2, &out) == SYMO_E_ARGUMENT);
  cr_assert(symo_filter_fit(&good, SYMO_FILTER_MOST + 1, 0.2, &out) == SYMO_E_ARGUMENT);
  size_t refused = 0;
  for (;; refused++) {
    symo_alloc_fail_after((long)refused);
    symo_status status = symo_filter_fit(&good, 4, 0.2, &out);
    symo_alloc_fail_after(-1);
    if (status == SYMO_OK) break;
    cr_assert(status == SYMO_E_MEMORY);
    cr_assert(out.products == kept.products);
  }
  cr_assert(refused == 2);
  cr_no_leaks();
}

/* ---- solvers ---- */

typedef struct cut_case {
  size_t rows, cols;
  double condition, scale;
} cut_case;

static const cut_case cases[] = {{7, 7, 10, 1},       {40, 48, 1e3, 1},     {48, 20, 1e5, 1},
                                 {1, 9, 1, 1},        {9, 1, 1, 1},         {1, 1, 1, 1},
                                 {20, 20, 1e8, 1},    {20, 30, 1e3, 1e-30}, {30, 20, 1e3, 1e15},
                                 {20, 20, 1e3, 1e-12}};

/* U h(s) V' from the singular values s and vectors that x was made from. */
static void compare(const symo_solver *solver, const symo_filter *filter, bool exact,
                    symo_dtype dtype, const cut_case *k, uint64_t seed) {
  size_t n = k->rows < k->cols ? k->rows : k->cols, size = k->rows * k->cols;
  double s[48], h[48], x[MOST], wanted[MOST], out[MOST], fourth = 0, largest = 0;
  symo_context *context = symo_test_context();
  solvers_log_spaced(n, k->condition, s);
  for (size_t i = 0; i < n; i++) fourth += pow(s[i], 4);
  for (size_t i = 0; i < n; i++) {
    double z = s[i] * s[i] / sqrt(fourth);
    double g = exact ? symo_filter_value(&filter->shape, z) : symo_filter_polynomial(filter, z);
    h[i] =
        s[i] * g * pow(fourth, -filter->shape.alpha / 4) * pow(k->scale, 1 - filter->shape.alpha);
    largest = fmax(largest, fabs(h[i]));
    s[i] *= k->scale;
  }
  symo_rng *rng = symo_test_rng(context, seed), *same = symo_test_rng(context, seed);
  solvers_matrix(rng, k->rows, k->cols, s, x);
  solvers_matrix(same, k->rows, k->cols, h, wanted);
  solver_report report;
  const solver_options o = {.dtype = dtype,
                            .power = -filter->shape.alpha / 2,
                            .steps = filter->products,
                            .filter = filter};
  for (int view = 0; view < 3; view++) {
    cr_assert(solvers_polar(solver, &o, k->rows, k->cols, view, x, out, &report) == SYMO_OK);
    /* Rounding of z beside the knee, where g is steepest. */
    double condition = pow(filter->shape.cut, -filter->shape.alpha);
    double error = symo_test_rel(out, wanted, size);
    cr_assert(error <= symo_test_bound(dtype, k->rows + k->cols, condition),
              "%s %s %zu x %zu, condition %g, scale %g, view %d: %g", solver->name,
              symo_dtype_name(dtype), k->rows, k->cols, k->condition, k->scale, view, error);
  }
  symo_rng_destroy(rng);
  symo_rng_destroy(same);
  symo_context_destroy(context);
}

Test(filter, solvers_apply_it_to_singular_values) {
  static const double shapes[][3] = {
      {1.4, 0.012, 1.4}, {1, 0.03, 1}, {1.4, 0.05, 2}, {1.8, 0.02, 8}};
  for (size_t i = 0; i < 4; i++) {
    symo_filter filter = fitted(shapes[i][0], shapes[i][1], shapes[i][2], 8);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++)
      for (size_t t = 0; t < 2; t++) {
        if (dtypes[t] == SYMO_F32 && cases[c].scale != 1 && filter.shape.alpha > 1.5) continue;
        compare(&symo_solver_eigh, &filter, true, dtypes[t], &cases[c], 3 + c);
        compare(&symo_solver_shaped, &filter, false, dtypes[t], &cases[c], 3 + c);
      }
  }
  cr_no_leaks();
}

/* A matrix of rank 1 in a large space, where all else is rounding, stays finite and of rank 1. */
Test(filter, rank_one_keeps_its_rank) {
  symo_filter filter = fitted(1.4, 0.012, 1.4, 8);
  double s[30] = {1}, x[900], out[900], values[30];
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 8);
  solvers_matrix(rng, 30, 30, s, x);
  solver_report report;
  for (size_t t = 0; t < 2; t++) {
    const solver_options o = {
        .dtype = dtypes[t], .power = -0.7, .steps = filter.products, .filter = &filter};
    cr_assert(solvers_polar(&symo_solver_shaped, &o, 30, 30, 0, x, out, &report) == SYMO_OK);
    solvers_singular_values(30, 30, out, values);
    double steepest = pow(filter.shape.cut, -filter.shape.alpha);
    cr_assert(fabs(values[0] - symo_filter_polynomial(&filter, 1)) <= 1e-3);
    cr_assert(values[1] <= symo_test_bound(dtypes[t], 30, steepest), "%g", values[1]);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
}

/* ---- methods ---- */

enum { ROWS = 24, COLS = 10 };
static const char layout[] = "in: identity 10; h: orthogonal 24; w[h,in]";
#define SETTINGS                                                                                   \
  "groups=layout centered=false scale=none lr=1 momentum=0.5 momentum_ema=false nesterov=false "   \
  "alpha=1.4 cut=0.02 "

/* One step from zero along -U f(s) V' for a gradient U diag(s) V'. */
static void step_by(symo_dtype dtype, const char *settings, const double f[COLS], double bound) {
  symo_test_stepper s;
  double values[COLS], wanted[ROWS * COLS];
  symo_stepper_open(&s, layout, dtype, 5, false);
  symo_stepper_preset(&s, "symo", settings);
  symo_rng *rng = symo_test_rng(s.w.context, 9), *same = symo_test_rng(s.w.context, 9);
  solvers_log_spaced(COLS, 1e3, values);
  solvers_matrix(rng, ROWS, COLS, values, s.g);
  solvers_matrix(same, ROWS, COLS, f, wanted);
  double zero[ROWS * COLS] = {0};
  symo_stepper_set(&s, zero);
  symo_step_report report = symo_stepper_step(&s);
  cr_assert(report.accepted);
  for (int i = 0; i < ROWS * COLS; i++) wanted[i] = -wanted[i];
  double error = symo_test_rel(s.theta, wanted, ROWS * COLS);
  cr_assert(error <= bound, "%s, %s: %g", settings, symo_dtype_name(dtype), error);
  symo_rng_destroy(rng);
  symo_rng_destroy(same);
  symo_stepper_close(&s);
}

Test(filter, steps_are_filtered) {
  const symo_filter_shape shapes[] = {{1.4, 0.02, 1.4}, {1.4, 0.02, 3}};
  const char *order[] = {"", "cut_order=3 "};
  for (int i = 0; i < 2; i++) {
    double s[COLS], exact[COLS], near[COLS], norm = 0;
    symo_filter eight = fitted(1.4, 0.02, shapes[i].order, 8);
    solvers_log_spaced(COLS, 1e3, s);
    for (int k = 0; k < COLS; k++) norm = hypot(norm, s[k] * s[k]);
    for (int k = 0; k < COLS; k++) {
      double z = s[k] * s[k] / norm, unit = s[k] * pow(norm, -0.7);
      exact[k] = unit * symo_filter_value(&shapes[i], z);
      near[k] = unit * symo_filter_polynomial(&eight, z);
    }
    for (size_t t = 0; t < 2; t++) {
      char settings[256];
      double bound = symo_test_bound(dtypes[t], ROWS + COLS, pow(0.02, -1.4));
      (void)snprintf(settings, sizeof settings, SETTINGS "solver=shaped %s", order[i]);
      step_by(dtypes[t], settings, near, bound);
      (void)snprintf(settings, sizeof settings, SETTINGS "solver=eigh %s", order[i]);
      step_by(dtypes[t], settings, exact, bound);
      (void)snprintf(settings, sizeof settings, SETTINGS "solver=auto %s", order[i]);
      step_by(dtypes[t], settings, exact, bound);
      /* With memory of this one gradient alone the root is that of the same covariance. */
      (void)snprintf(settings, sizeof settings,
                     SETTINGS "solver=shaped %sbeta2=0.9 correction=true", order[i]);
      step_by(dtypes[t], settings, near, 10 * bound);
    }
  }
}

Test(filter, plans_say_what_was_fitted) {
  symo_test_stepper s;
  char *text = NULL;
  symo_stepper_open(&s, layout, SYMO_F64, 5, false);
  symo_stepper_preset(&s, "symo", SETTINGS "solver=shaped solver_steps=7");
  cr_ok(s.w.context, symo_optim_describe(s.optim, &text));
  symo_filter seven = fitted(1.4, 0.02, 1.4, 7);
  char wanted[80];
  (void)snprintf(wanted, sizeof wanted, "cut 0.02 by a polynomial of 7 products, error %.2g",
                 seven.error);
  cr_assert(strstr(text, wanted) != NULL, "no \"%s\" in\n%s", wanted, text);
  symo_free(text);
  symo_stepper_close(&s);
}

static void refused(symo_test_stepper *s, const char *preset, const char *settings,
                    const char *text) {
  cr_assert(symo_stepper_try(s, preset, settings) != SYMO_OK, "%s %s", preset, settings);
  const char *found = symo_context_detail(s->w.context);
  cr_assert(strstr(found, text) != NULL, "no \"%s\" in \"%s\"", text, found);
}

Test(filter, what_cannot_be_is_refused) {
  symo_test_stepper s;
  symo_stepper_open(&s, layout, SYMO_F64, 5, false);
  refused(&s, "symo", "cut=0 solver=shaped", "set cut");
  refused(&s, "adamw", "cut=0.01", "cut is of curvature orbit");
  refused(&s, "shampoo", "cut=0.01", "cut is of curvature orbit");
  refused(&s, "symo", "cut=0.01 solver=newton-schulz alpha=1", "eigh, shaped or auto");
  refused(&s, "symo", "cut=0.01 alpha=0 solver=eigh", "alpha above 0");
  refused(&s, "symo", "cut=0 cut_order=2 solver=eigh", "cut_order is of a cut");
  refused(&s, "symo-published", "cut=0.01 basis=column", "take no cut");
  refused(&s, "symo", "cut=0.01 solver=shaped solver_steps=13", "at most 12");
  symo_stepper_close(&s);
}
