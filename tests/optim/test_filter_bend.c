/* Where a cut is: what it is relative to, against singular values by GSL and against noise whose
 * variance is known. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "tests/support/optim_reference.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"

enum { MOST = 48 * 48, PRODUCTS = 8 };

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};

/* Filters of all rungs, for both solvers. */
static void rungs_of(double alpha, double order, symo_filter rung[SYMO_FILTER_RUNGS]) {
  for (int i = 0; i < SYMO_FILTER_RUNGS; i++) {
    const symo_filter_shape shape = {alpha, symo_filter_rung_cut(i), order};
    cr_assert(symo_filter_fit(&shape, PRODUCTS, 0, &rung[i]) == SYMO_OK);
  }
}

/* ---- solvers ---- */

/* The median of s if log s is normal: log s^2 has mean mu and variance w with e^(mu + w/2) the mean
 * of s^2 and e^(2 mu + 2 w) that of s^4. */
static double normal_median(size_t n, const double *s) {
  double second = 0, fourth = 0;
  for (size_t i = 0; i < n; i++) {
    second += s[i] * s[i] / (double)n;
    fourth += s[i] * s[i] * s[i] * s[i] / (double)n;
  }
  double variance = log(fourth / second / second), mean = log(second) - variance / 2;
  return exp(mean / 2);
}

static double four_norm(size_t n, const double *s) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += pow(s[i], 4);
  return pow(sum, 0.25);
}

typedef struct bend_case {
  symo_cut_reference reference;
  double factor, edge; /* edge: in units of the largest singular value */
} bend_case;

static const bend_case bends[] = {{SYMO_CUT_MEDIAN, 0.1, 0}, {SYMO_CUT_MEDIAN, 1, 0},
                                  {SYMO_CUT_MEDIAN, 6, 0},   {SYMO_CUT_NOISE, 0.5, 0},
                                  {SYMO_CUT_NOISE, 0.3, 1},  {SYMO_CUT_NOISE, 1, 0.017},
                                  {SYMO_CUT_NOISE, 1, 0.1},  {SYMO_CUT_NOISE, 2, 3}};

/* Both solvers against U f(s) V', f at the cut that the definition gives. */
static void check_bend(const bend_case *k, const symo_filter *rung, symo_dtype dtype, size_t rows,
                       size_t cols, double condition, double scale) {
  const size_t n = rows < cols ? rows : cols, size = rows * cols;
  const symo_filter_shape *shape = &rung[0].shape;
  double s[48], h[48], x[MOST], wanted[MOST], out[MOST];
  symo_context *context = symo_test_context();
  solvers_log_spaced(n, condition, s);
  double top = four_norm(n, s), cut = k->factor * k->edge;
  if (k->reference == SYMO_CUT_MEDIAN) cut = k->factor * normal_median(n, s);
  cut = fmax(cut, SYMO_FILTER_LEAST * top);
  for (size_t i = 0; i < n; i++) {
    h[i] =
        s[i] * pow(pow(s[i], shape->order) + pow(cut, shape->order), -shape->alpha / shape->order);
    h[i] *= pow(scale, 1 - shape->alpha);
    s[i] *= scale;
  }
  symo_rng *rng = symo_test_rng(context, 77), *same = symo_test_rng(context, 77);
  solvers_matrix(rng, rows, cols, s, x);
  solvers_matrix(same, rows, cols, h, wanted);
  solver_options o = {.dtype = dtype,
                      .power = -shape->alpha / 2,
                      .steps = PRODUCTS,
                      .filter = rung,
                      .bend = {k->reference, k->factor, k->edge * scale}};
  solver_report report;
  const double rounding = symo_test_bound(dtype, rows + cols, 1 + pow(cut / top, -2));
  for (int view = 0; view < 3; view++) {
    cr_assert(solvers_polar(&symo_solver_eigh, &o, rows, cols, view, x, out, &report) == SYMO_OK);
    double error = symo_test_rel(out, wanted, size);
    cr_assert(error <= rounding, "eigh %s, reference %d, factor %g, edge %g: %g above %g",
              symo_dtype_name(dtype), k->reference, k->factor, k->edge, error, rounding);
    cr_assert(solvers_polar(&symo_solver_shaped, &o, rows, cols, view, x, out, &report) == SYMO_OK);
    /* Every singular value is off by no more than the error of the rung, relative to what it is, or
     * below half of the cut to what the filter is there. */
    const double fit = 2 * rung[symo_filter_rung_of(cut / top)].error * fmax(1, cut / 2);
    error = symo_test_rel(out, wanted, size);
    cr_assert(error <= fit + rounding, "shaped %s, reference %d, factor %g, edge %g: %g above %g",
              symo_dtype_name(dtype), k->reference, k->factor, k->edge, error, fit + rounding);
  }
  symo_rng_destroy(rng);
  symo_rng_destroy(same);
  symo_context_destroy(context);
}

Test(filter_bend, solvers_bend_where_the_reference_says) {
  symo_filter rung[SYMO_FILTER_RUNGS];
  rungs_of(1.4, 1.4, rung);
  for (size_t i = 0; i < sizeof bends / sizeof *bends; i++)
    for (size_t t = 0; t < 2; t++) {
      check_bend(&bends[i], rung, dtypes[t], 30, 48, 1e3, 1);
      check_bend(&bends[i], rung, dtypes[t], 40, 40, 30, 1);
      check_bend(&bends[i], rung, dtypes[t], 24, 9, 1e2, 1e-12);
      check_bend(&bends[i], rung, dtypes[t], 12, 1, 1, 1e10);
      check_bend(&bends[i], rung, dtypes[t], 1, 1, 1, 1);
    }
  cr_no_leaks();
}

/* A root of C = x'x and what a solver says of one number bend where the polar factor does. */
Test(filter_bend, roots_and_numbers_bend_alike) {
  symo_filter rung[SYMO_FILTER_RUNGS];
  const symo_solver *solvers[] = {&symo_solver_eigh, &symo_solver_shaped};
  rungs_of(1.2, 2, rung);
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof bends / sizeof *bends; i++)
    for (int k = 0; k < 2; k++) {
      symo_rng *rng = symo_test_rng(context, 5);
      double s[20], x[400], c[400], root[400], polar[400], product[400] = {0}, one;
      solvers_log_spaced(20, 100, s);
      solvers_matrix(rng, 20, 20, s, x);
      symo_rng_destroy(rng);
      symo_syrk(SYMO_F64, 1, symo_mat_dense(x, 20, 20), 0, symo_mat_dense(c, 20, 20));
      symo_symmetrize(SYMO_F64, 20, c);
      solver_report report;
      const solver_options o = {.dtype = SYMO_F64,
                                .power = -0.6,
                                .steps = PRODUCTS,
                                .filter = rung,
                                .bend = {bends[i].reference, bends[i].factor, bends[i].edge}};
      cr_assert(solvers_root(solvers[k], &o, 20, c, root, &report) == SYMO_OK);
      cr_assert(solvers_polar(solvers[k], &o, 20, 20, 0, x, polar, &report) == SYMO_OK);
      symo_gemm(SYMO_F64, 1, symo_mat_dense(x, 20, 20), symo_mat_dense(root, 20, 20), 0,
                symo_mat_dense(product, 20, 20));
      cr_assert(symo_test_rel(product, polar, 400) <= symo_test_bound(SYMO_F64, 40, 1e5));
      const double value = 0.3;
      cr_assert(solvers_root(solvers[k], &o, 1, &value, &one, &report) == SYMO_OK);
      const double number = solvers[k]->number(&o, value) * pow(value, o.power);
      cr_assert(fabs(number - one) <= symo_test_bound(SYMO_F64, 1, 1e3) * one, "%g %g", number,
                one);
    }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(filter_bend, the_median_is_that_of_normal_logarithms) {
  enum { N = 1000 };
  static const double widths[] = {0, 0.3, 0.7};
  const symo_filter_shape shape = {1, 0.01, 1};
  const symo_filter_bend bend = {SYMO_CUT_MEDIAN, 1, 0};
  for (int k = 0; k < 3; k++) {
    double trace = 0, squares = 0;
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 3);
    for (int i = 0; i < N; i++) {
      double z = 9 * exp(2 * widths[k] * symo_rng_normal(rng));
      trace += z;
      squares += z * z;
    }
    double cut = symo_filter_cut(&shape, &bend, N, trace, sqrt(squares)) * pow(squares, 0.25);
    /* Fourth moments of s of 1,000 numbers. */
    cr_assert(fabs(cut / 3 - 1) <= (k == 0 ? 1e-12 : 0.15), "width %g: %g", widths[k], cut);
    symo_rng_destroy(rng);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}

/* ---- steps ---- */

enum { STEPS = 6 };

typedef struct memory {
  double b;
  bool ema, nesterov, correction;
} memory;

/* The weights a[k] of g_{t-k} in the direction of step t, by the rule itself on impulses. */
static void impulses(const memory *r, int t, double *a) {
  for (int k = 0; k < t; k++) {
    double m = 0, u = 0, c = r->ema ? 1 - r->b : 1;
    for (int step = 1; step <= t; step++) {
      double g = step == t - k ? 1 : 0;
      m = r->b * m + c * g;
      u = r->nesterov ? c * g + r->b * m : m;
    }
    a[k] = r->correction ? u / (1 - pow(r->b, t)) : u;
  }
}

/* The standard deviation of the noise in u, from the gradients g[t - k] of so far. */
static double noise_of(const memory *r, int t, size_t n, double *const *history, const double *u) {
  double a[STEPS * 40], sum = 0, squares = 0, v = 0, distance = 0;
  impulses(r, t, a);
  for (int k = 0; k < t; k++) sum += a[k], squares += a[k] * a[k];
  for (int k = 0; k < t; k++) v += pow((k == 0 ? 1 : 0) - a[k] / sum, 2);
  for (size_t i = 0; i < n; i++) distance += pow(history[t - 1][i] - u[i] / sum, 2);
  return v > 1e-20 ? sqrt(distance / (double)n * squares / v) : 0;
}

static void direction(const memory *r, int t, size_t n, double *const *history, double *u) {
  double a[STEPS * 40];
  impulses(r, t, a);
  memset(u, 0, n * sizeof *u);
  for (int k = 0; k < t; k++)
    for (size_t i = 0; i < n; i++) u[i] += a[k] * history[t - 1 - k][i];
}

static const double alpha = 1.4, factor = 0.7;

/* d := U f(s) V' of u, with the cut at factor times edge. */
static void filtered(size_t rows, size_t cols, double edge, const double *u, double *d) {
  reference_svd x = reference_svd_of(rows, cols, u);
  const double cut = fmax(factor * edge, SYMO_FILTER_LEAST * four_norm(x.n, x.s));
  for (size_t k = 0; k < x.n; k++)
    x.s[k] = x.s[k] > 0 ? x.s[k] / (pow(x.s[k], alpha) + pow(cut, alpha)) : 0;
  reference_svd_put(&x, x.s, d);
  reference_svd_free(&x);
}

/* By label: the mean over the rows and what is left of them, or all of it. */
static void expected(size_t rows, size_t cols, bool split, double sigma, const double *u,
                     double *d) {
  if (!split) {
    filtered(rows, cols, sigma * (sqrt((double)rows) + sqrt((double)cols)), u, d);
    return;
  }
  double *mean = symo_dense_new(3, rows * cols), *rest = mean + rows * cols;
  double *part = rest + rows * cols;
  for (size_t j = 0; j < cols; j++)
    for (size_t i = 0; i < rows; i++) mean[j] += u[i * cols + j] / sqrt((double)rows);
  for (size_t i = 0; i < rows * cols; i++) rest[i] = u[i] - mean[i % cols] / sqrt((double)rows);
  filtered(rows, cols, sigma * (sqrt((double)rows) + sqrt((double)cols)), rest, d);
  filtered(1, cols, sigma * (1 + sqrt((double)cols)), mean, part);
  for (size_t i = 0; i < rows * cols; i++) d[i] += part[i % cols] / sqrt((double)rows);
  free(mean);
}

enum { ROWS = 14, COLS = 9, SIZE = ROWS * COLS };

static void follow(symo_dtype dtype, bool strided, bool split, const memory *r, double scale) {
  symo_test_stepper s;
  char settings[256];
  double *history[STEPS], *u = symo_dense_new(2, SIZE), *d = u + SIZE;
  symo_stepper_open(&s,
                    split ? "h: permutation 14; i: identity 9; w[h,i]"
                          : "h: orthogonal 14; i: identity 9; w[h,i]",
                    dtype, 11, strided);
  (void)snprintf(settings, sizeof settings,
                 "groups=layout centered=false scale=none lr=1 alpha=%g cut=%g solver=eigh "
                 "cut_reference=noise momentum=%g momentum_ema=%s nesterov=%s "
                 "momentum_correction=%s",
                 alpha, factor, r->b, r->ema ? "true" : "false", r->nesterov ? "true" : "false",
                 r->correction ? "true" : "false");
  symo_stepper_preset(&s, "symo", settings);
  double zero[SIZE] = {0};
  for (int t = 1; t <= STEPS; t++) {
    symo_stepper_set(&s, zero);
    history[t - 1] = symo_dense_new(1, SIZE);
    for (size_t i = 0; i < SIZE; i++) /* a mean beside the noise */
      s.g[i] = scale * (0.5 * sin((double)i) + symo_rng_normal(s.w.rng));
    cr_assert(symo_stepper_step(&s).accepted);
    symo_test_vector_get(&s.grad, history[t - 1]); /* rounded */
    for (size_t i = 0; i < SIZE; i++) history[t - 1][i] /= scale;
    direction(r, t, SIZE, history, u);
    expected(ROWS, COLS, split, noise_of(r, t, SIZE, history, u), u, d);
    for (size_t i = 0; i < SIZE; i++) d[i] *= -pow(scale, 1 - alpha);
    const double error = symo_test_rel(s.theta, d, SIZE);
    const double bound = symo_test_bound(dtype, ROWS + COLS, t == 1 ? 1e5 : 1e3);
    cr_assert(error <= bound, "%s, split %d, scale %g, step %d: %g above %g",
              symo_dtype_name(dtype), split, scale, t, error, bound);
  }
  for (int t = 0; t < STEPS; t++) free(history[t]);
  free(u);
  symo_stepper_close(&s);
}

Test(filter_bend, steps_bend_at_the_noise_of_their_gradients) {
  static const memory rules[] = {{0.9, true, true, false},
                                 {0.9, true, false, true},
                                 {0.8, false, true, false},
                                 {0.5, false, false, false}};
  for (size_t r = 0; r < sizeof rules / sizeof *rules; r++)
    for (int t = 0; t < 2; t++)
      for (int split = 0; split < 2; split++) {
        follow(dtypes[t], false, split, &rules[r], 1);
        follow(dtypes[t], true, split, &rules[r], 1e-3);
      }
  follow(SYMO_F32, false, true, &rules[0], ldexp(1, -90));
  follow(SYMO_F64, false, false, &rules[0], ldexp(1, 700));
}

/* What the edge is of: the largest singular value of the direction where gradients are noise. */
Test(filter_bend, the_edge_is_the_largest_of_noise) {
  enum { R = 40, C = 30, N = R * C, T = 40 };
  const memory r = {0.9, true, true, false};
  double *history[T], *u = symo_dense_new(1, N), sum = 0;
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 6);
  for (int t = 0; t < T; t++) {
    history[t] = symo_dense_new(1, N);
    symo_test_randn(rng, history[t], N);
  }
  for (int t = T / 2; t < T; t++) {
    direction(&r, t, N, history, u);
    reference_svd x = reference_svd_of(R, C, u);
    sum += noise_of(&r, t, N, history, u) * (sqrt(R) + sqrt(C)) / x.s[0] / (T - T / 2);
    reference_svd_free(&x);
  }
  /* The largest lies below the edge by some 1.2 n^(-2/3) of it. */
  cr_assert(sum > 0.95 && sum < 1.2, "%g", sum);
  for (int t = 0; t < T; t++) free(history[t]);
  free(u);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* The same bits whoever takes which tensor. */
Test(filter_bend, threads_change_no_bit) {
  double theta[2][400];
  for (int k = 0; k < 2; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, "h: permutation 12; i: identity 7; j: identity 9; v[h,i] w[h,j] x[j,i]",
                      SYMO_F32, 4, false);
    symo_method method =
        symo_stepper_method(&s, "symo", "cut_reference=noise cut=0.5 groups=alternate");
    const symo_rule rule = symo_stepper_rule(&method);
    symo_optim_spec spec = symo_optim_spec_default();
    spec.num_rules = 1, spec.rules = &rule, spec.dtype = SYMO_F32, spec.threads = 1 + 2 * k;
    (void)symo_set_threads(1);
    cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
    cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
    for (int t = 0; t < 4; t++) symo_stepper_random(&s, 1);
    memcpy(theta[k], s.theta, s.w.n * sizeof **theta);
    cr_assert(k == 0 || memcmp(theta[0], theta[1], s.w.n * sizeof **theta) == 0);
    symo_stepper_close(&s);
  }
}

/* ---- methods ---- */

static const char layout[] = "in: identity 10; h: orthogonal 24; w[h,in]";

Test(filter_bend, plans_say_what_a_cut_is_of) {
  static const char *const settings[] = {"cut_reference=median cut=0.3",
                                         "cut_reference=noise cut=0.5",
                                         "cut_reference=noise cut=0.5 solver=eigh"};
  static const char *const wanted[] = {
      "cut 0.3 of the median by 7 polynomials of 8 products for cuts from 0.006 to 0.384",
      "cut 0.5 of the edge of noise by 7 polynomials", "cut 0.5 of the edge of noise\n"};
  for (int i = 0; i < 3; i++) {
    symo_test_stepper s;
    char *text = NULL;
    symo_stepper_open(&s, layout, SYMO_F64, 5, false);
    symo_stepper_preset(&s, "symo", settings[i]);
    cr_ok(s.w.context, symo_optim_describe(s.optim, &text));
    cr_assert(strstr(text, wanted[i]) != NULL, "no \"%s\" in\n%s", wanted[i], text);
    if (i < 2) { /* the errors are those of the filters at both ends */
      const symo_method m = symo_stepper_method(&s, "symo", settings[i]);
      const double cuts[] = {0.006, 0.384}, order = m.cut_order > 0 ? m.cut_order : m.alpha;
      double errors[2];
      cr_assert(sscanf(strstr(text, "4-norm"), "4-norm, errors %lf to %lf", errors, errors + 1) ==
                2);
      for (int end = 0; end < 2; end++) {
        const symo_filter_shape shape = {m.alpha, cuts[end], order};
        symo_filter f;
        cr_ok(s.w.context, symo_filter_fit(&shape, 8, 0, &f));
        cr_assert(fabs(errors[end] / f.error - 1) <= 0.05, "%g, %g: %s", errors[end], f.error,
                  text);
      }
    }
    cr_assert(strstr(text, i == 0 ? "; cut 0.3 of the median" : "; cut 0.5 of the noise") != NULL);
    symo_free(text);
    symo_stepper_close(&s);
  }
}

/* Roots of memory bend at their own median, by a fresh root and by one in a kept basis. */
Test(filter_bend, memory_takes_the_median) {
  static const char *const settings[] = {"beta2=0.9 correction=true",
                                         "beta2=0.9 correction=true skip_tolerance=0.2", ""};
  double found[3][240];
  for (int i = 0; i < 3; i++) {
    char all[256];
    symo_test_stepper s;
    symo_stepper_open(&s, layout, SYMO_F64, 5, false);
    (void)snprintf(all, sizeof all,
                   "groups=layout centered=false scale=none lr=1 momentum=0.5 momentum_ema=false "
                   "nesterov=false alpha=1.4 solver=eigh cut=0.3 cut_reference=median %s",
                   settings[i]);
    symo_stepper_preset(&s, "symo", all);
    double zero[240] = {0};
    symo_stepper_set(&s, zero);
    symo_stepper_random(&s, 1);
    memcpy(found[i], s.theta, sizeof found[i]);
    symo_stepper_close(&s);
    cr_assert(symo_test_rel(found[i], found[0], 240) <= symo_test_bound(SYMO_F64, 34, 1e3));
  }
}

Test(filter_bend, what_cannot_be_is_refused) {
  static const char *const rows[][3] = {
      {"symo", "cut=0 cut_reference=median solver=eigh", "set cut"},
      {"symo", "cut=0.7", "another cut_reference"},
      {"symo", "cut_reference=noise beta2=0.9", "beta2 0"},
      {"symo-published", "cut_reference=noise cut=0.1", "source momentum"},
      {"symo", "cut_reference=noise momentum=0 source=gradient nesterov=false", "of the momentum"},
      {"adamw", "cut_reference=median cut=0.1", "cut is of curvature orbit"}};
  symo_test_stepper s;
  symo_stepper_open(&s, layout, SYMO_F64, 5, false);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cr_assert(symo_stepper_try(&s, rows[i][0], rows[i][1]) != SYMO_OK, "%s", rows[i][1]);
    const char *detail = symo_context_detail(s.w.context);
    cr_assert(strstr(detail, rows[i][2]) != NULL, "no \"%s\" in \"%s\"", rows[i][2], detail);
  }
  symo_stepper_close(&s);
}
