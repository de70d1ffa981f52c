/* Steps by estimates that see the parameters, against dense matrices in float64: averages over all
 * elements of the group, GSL's eigenvectors. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/stepping.h"

/* The dense rule: see optim/orbit/estimated.c. */
typedef struct dense_rule {
  const symo_layout *layout;
  size_t n;
  bool star, centered;
  double lr, momentum, beta2, eps;
  int t;
  double *m, *memory, *theta;
} dense_rule;

static dense_rule rule_open(const symo_test_stepper *s, const symo_method *method, bool star) {
  dense_rule r = {.layout = s->w.layout, .n = s->w.n, .star = star};
  r.lr = method->lr, r.momentum = method->momentum, r.beta2 = method->beta2, r.eps = method->eps;
  r.centered = method->centered;
  r.m = symo_dense_new(1, r.n);
  r.memory = symo_dense_new(r.n, r.n);
  r.theta = symo_dense_new(1, r.n);
  memset(r.m, 0, r.n * sizeof *r.m);
  memset(r.memory, 0, r.n * r.n * sizeof *r.memory);
  memcpy(r.theta, s->theta, r.n * sizeof *r.theta);
  return r;
}

static void rule_close(dense_rule *r) {
  free(r->m);
  free(r->memory);
  free(r->theta);
}

/* R[(x - x*) (y - y*)' + ..] / 2, without x* and y* if not centred. */
static double *average_of(const dense_rule *r, const double *x, const double *y) {
  double *a = symo_dense_new(1, r->n), *b = symo_dense_new(1, r->n);
  memset(a, 0, r->n * sizeof *a);
  memset(b, 0, r->n * sizeof *b);
  if (r->centered) {
    oracle_mean(r->layout, x, a);
    oracle_mean(r->layout, y, b);
  }
  for (size_t i = 0; i < r->n; i++) {
    a[i] = x[i] - a[i];
    b[i] = y[i] - b[i];
  }
  double *outer = symo_dense_outer(r->n, 1, a, b), *out = symo_dense_average(r->layout, outer);
  free(a);
  free(b);
  free(outer);
  return out;
}

/* (|a| + eps largest I)^p */
static double *power_of(size_t n, const double *a, double eps, double p) {
  double *w = symo_dense_new(1, n), *v = symo_dense_new(n, n), *out = symo_dense_new(n, n), top = 0;
  symo_dense_eigen(n, a, w, v);
  for (size_t k = 0; k < n; k++) top = fmax(top, fabs(w[k]));
  for (size_t i = 0; i < n * n; i++) {
    out[i] = 0;
    for (size_t k = 0; k < n; k++)
      out[i] += v[i / n * n + k] * pow(fabs(w[k]) + eps * top, p) * v[i % n * n + k];
  }
  free(w);
  free(v);
  return out;
}

static double *inverse_pd(const dense_rule *r, const double *sw, const double *sg) {
  double *root = power_of(r->n, sw, r->eps, 0.5), *both = symo_dense_sandwich(r->n, root, sg);
  double *inner = power_of(r->n, both, r->eps, -0.5);
  double *out = symo_dense_sandwich(r->n, root, inner);
  free(root);
  free(both);
  free(inner);
  return out;
}

static double *inverse_star(const dense_rule *r, const double *sw, const double *c) {
  size_t n = r->n;
  double *w = symo_dense_new(1, n), *v = symo_dense_new(n, n), *m = symo_dense_new(n, n);
  symo_dense_eigen(n, sw, w, v);
  double damping = r->eps * w[n - 1];
  for (size_t i = 0; i < n * n; i++) m[i] = 0;
  for (size_t k = 0; k < n; k++)
    for (size_t l = 0; l < n; l++) {
      double value = 0;
      for (size_t i = 0; i < n * n; i++) value += v[i / n * n + k] * c[i] * v[i % n * n + l];
      value /= fmax(w[k], 0) + fmax(w[l], 0) + 2 * damping;
      for (size_t i = 0; i < n * n; i++) m[i] += v[i / n * n + k] * value * v[i % n * n + l];
    }
  double *out = power_of(n, m, r->eps, -1);
  free(w);
  free(v);
  free(m);
  return out;
}

static void rule_step(dense_rule *r, const double *g) {
  size_t n = r->n;
  double *hat = symo_dense_new(1, n), *now = symo_dense_new(n, n), *u = symo_dense_new(1, n);
  r->t++;
  for (size_t i = 0; i < n; i++) {
    r->m[i] = r->momentum * r->m[i] + (1 - r->momentum) * g[i];
    hat[i] = r->m[i] / (1 - pow(r->momentum, r->t));
  }
  double *taken = average_of(r, hat, r->star ? r->theta : hat);
  double *sw = average_of(r, r->theta, r->theta), debias = 1 - pow(r->beta2, r->t);
  for (size_t i = 0; i < n * n; i++) {
    r->memory[i] =
        r->beta2 * r->memory[i] + (1 - r->beta2) * taken[i] * (r->star ? 2 : 1); /* C + C' */
    now[i] = r->memory[i] / debias;
  }
  double *h = (r->star ? inverse_star : inverse_pd)(r, sw, now);
  symo_dense_matvec(n, h, r->m, u);
  for (size_t i = 0; i < n; i++) r->theta[i] -= r->lr * u[i];
  free(hat);
  free(now);
  free(u);
  free(taken);
  free(sw);
  free(h);
}

static const char *const layouts[] = {
    "h: permutation 4; i: identity 3; w[h,i] b[h] s[]",
    "h: signed-permutation 3; i: identity 2; w[h,i] b[h] v[i,h]",
    "h: permutation 4; w[h,h] b[h]",
    "h: sign-flip 3; k: permutation 3; w[h,k] b[h] c[k]",
    "h: signed-permutation 3; i: identity 5; w[h,i]", /* more columns than rows */
};

enum { LAYOUTS = sizeof layouts / sizeof *layouts, STEPS = 6 };

static void follow(const char *text, symo_dtype dtype, const char *settings, double scale,
                   double bound) {
  symo_test_stepper s;
  symo_stepper_open(&s, text, dtype, 91, true);
  symo_method method = symo_stepper_method(&s, "symo-pd", settings);
  symo_stepper_preset(&s, "symo-pd", settings);
  bool star = method.estimator == SYMO_STEP_H_STAR;
  dense_rule r = rule_open(&s, &method, star);
  for (int t = 0; t < STEPS; t++) {
    for (size_t i = 0; i < s.w.n; i++) s.g[i] = scale * symo_rng_normal(s.w.rng);
    double *g = symo_dense_new(1, s.w.n), *before = symo_dense_new(1, s.w.n);
    for (size_t i = 0; i < s.w.n; i++)
      g[i] = s.g[i] = dtype == SYMO_F32 ? (double)(float)s.g[i] : s.g[i];
    /* From the same parameters, so that what is compared is one step and its memory. */
    memcpy(r.theta, s.theta, s.w.n * sizeof *r.theta);
    memcpy(before, s.theta, s.w.n * sizeof *before);
    symo_step_report report = symo_stepper_step(&s);
    cr_assert(report.accepted && report.failed_roots == 0);
    rule_step(&r, g);
    double change = 0, off = 0;
    for (size_t i = 0; i < s.w.n; i++) {
      change = hypot(change, r.theta[i] - before[i]);
      off = hypot(off, r.theta[i] - s.theta[i]);
    }
    cr_assert(change > 0 && off <= bound * change, "%s, %s, %s, step %d: %g > %g", text,
              symo_dtype_name(dtype), settings, t + 1, off / change, bound);
    free(g);
    free(before);
  }
  rule_close(&r);
  symo_stepper_close(&s);
}

/* Powers damped by eps of the largest eigenvalue magnify rounding by 1 / eps at most, twice for the
 * two roots; what is left is of sums over some tens of numbers. */
static double bound_of(symo_dtype dtype, double eps) {
  return fmin(symo_test_bound(dtype, 20, 1 / eps), 1);
}

static void follow_all(const char *settings, double scale, double eps) {
  for (int k = 0; k < 2 * LAYOUTS; k++) {
    symo_dtype dtype = k % 2 ? SYMO_F32 : SYMO_F64;
    follow(layouts[k / 2], dtype, settings, scale, bound_of(dtype, eps));
  }
}

Test(orbit_estimated, h_pd_is_equation_ten) { follow_all("", 1, 1e-4); }
Test(orbit_estimated, h_pd_with_other_settings) {
  follow_all("eps=0.01 lr=0.01 momentum=0.5 beta2=0.6", 1, 1e-2);
  follow_all("eps=0.01 centered=false", 1, 1e-2);
}
Test(orbit_estimated, h_pd_of_small_gradients) { follow_all("eps=0.01", 1e-12, 1e-2); }
Test(orbit_estimated, h_star_is_the_absolute_value_of_least_squares) {
  follow_all("estimator=h-star eps=0.01 lr=0.01", 1, 1e-4);
}

/* Far from 1 on either side: a power of two in the gradients divides the step, one in the parameters
 * multiplies it, and with both the bits are the same. */
static void run(symo_dtype dtype, double parameters, double gradients, double *theta, size_t n) {
  symo_test_stepper s;
  symo_stepper_open(&s, layouts[0], dtype, 92, false);
  symo_stepper_preset(&s, "symo-pd", "");
  cr_assert_eq(s.w.n, n);
  for (size_t i = 0; i < n; i++) theta[i] = parameters * (double)((int)(7 * i % 11) - 5);
  symo_stepper_set(&s, theta);
  for (int t = 0; t < 4; t++) {
    for (size_t i = 0; i < n; i++)
      s.g[i] = gradients * (double)((int)((5 + (size_t)t) * i % 13) - 6);
    symo_step_report r = symo_stepper_step(&s);
    cr_assert(r.accepted && r.failed_roots == 0);
  }
  for (size_t i = 0; i < n; i++) theta[i] = s.theta[i] / parameters;
  symo_stepper_close(&s);
}

Test(orbit_estimated, of_any_size) {
  enum { N = 17 };
  for (int k = 0; k < 2; k++) {
    symo_dtype dtype = k ? SYMO_F32 : SYMO_F64;
    double near[N], far[N];
    run(dtype, 1, 1, near, N);
    for (int way = 0; way < 4; way++) {
      double big = dtype == SYMO_F32 ? 0x1p80 : 0x1p400;
      run(dtype, way & 1 ? big : 1 / big, way & 2 ? big : 1 / big, far, N);
      cr_assert(symo_test_rel(far, near, N) <= bound_of(dtype, 1e-4), "%d, %d: %g", k, way,
                symo_test_rel(far, near, N));
    }
  }
}

/* Beyond the units of roots none is taken, which the report says, and the momentum is the direction. */
Test(orbit_estimated, out_of_units) {
  symo_test_stepper s;
  symo_stepper_open(&s, layouts[0], SYMO_F64, 95, false);
  symo_stepper_preset(&s, "symo-pd", "lr=0");
  double *theta = symo_dense_new(1, s.w.n);
  for (size_t i = 0; i < s.w.n; i++) {
    theta[i] = 0x1p-700 * (double)(i + 1);
    s.g[i] = 0x1p700 * (double)(i + 1);
  }
  symo_stepper_set(&s, theta);
  symo_step_report r = symo_stepper_step(&s);
  cr_assert(r.accepted && r.failed_roots == 1);
  free(theta);
  symo_stepper_close(&s);
}

Test(orbit_estimated, threads_change_no_bit) {
  static const char *const settings[] = {"", "estimator=h-star"};
  for (int k = 0; k < 2; k++) {
    symo_test_stepper a, b;
    symo_stepper_open(&a, layouts[3], SYMO_F64, 93, false);
    symo_stepper_open(&b, layouts[3], SYMO_F64, 93, false);
    symo_method m = symo_stepper_method(&a, "symo-pd", settings[k]);
    symo_rule rule = symo_stepper_rule(&m);
    symo_optim_spec spec = symo_optim_spec_default();
    spec.rules = &rule;
    spec.num_rules = 1;
    spec.threads = 3;
    symo_stepper_preset(&a, "symo-pd", settings[k]);
    symo_stepper_preset(&b, "symo-pd", settings[k]);
    symo_optim_state_destroy(b.state);
    symo_optim_destroy(b.optim);
    b.optim = NULL;
    b.state = NULL;
    cr_ok(b.w.context, symo_optim_create(b.w.layout, &spec, &b.optim));
    cr_ok(b.w.context, symo_optim_state_create(b.optim, &b.state));
    for (int t = 0; t < 4; t++) {
      symo_stepper_random(&a, 1);
      symo_stepper_random(&b, 1);
    }
    cr_assert(memcmp(a.theta, b.theta, a.w.n * sizeof *a.theta) == 0, "%s", settings[k]);
    symo_stepper_drop(&a);
    symo_stepper_drop(&b);
  }
  cr_no_leaks();
}

Test(orbit_estimated, refusals) {
  static const char *const rows[][2] = {
      {"alpha=0.5", "alpha 1"},
      {"beta2=0", "beta2 above 0"},
      {"mean=false", "mean true"},
      {"basis=column", "have no basis"},
      {"cut=0.01", "have no basis, skip_tolerance, cut"},
      {"stale_floor=0.1", "stale_floor"},
      {"skip_tolerance=0.1", "skip_tolerance"},
      {"solver=newton-schulz", "solver eigh or auto"},
      {"damping=constant", "damping largest"},
      {"damping=trace", "damping largest"},
      {"estimator=h-g", "damping largest is of estimators h-pd and h-star"},
      {"curvature=diagonal", "estimator is of curvature orbit"},
      {"curvature=none", "estimator is of curvature orbit"},
      {"curvature=per-axis", "estimator is of curvature orbit"},
      {"curvature=hessian", "estimator is of curvature orbit"},
  };
  symo_test_stepper s;
  symo_stepper_open(&s, layouts[0], SYMO_F64, 94, false);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_status status = symo_stepper_try(&s, "symo-pd", rows[i][0]);
    cr_assert(status == SYMO_E_UNSUPPORTED, "%s: %s", rows[i][0], symo_status_name(status));
    cr_assert(strstr(symo_context_detail(s.w.context), rows[i][1]) != NULL, "%s: %s", rows[i][0],
              symo_context_detail(s.w.context));
  }
  symo_stepper_close(&s);
}
