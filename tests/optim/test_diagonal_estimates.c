/* Steps with estimates of a diagonal against their formulas, written out here in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"
#include "tests/support/problems.h"

enum { N = 6 };

typedef struct fixture {
  symo_context *context;
  symo_test_problem p;
  symo_test_descent d;
} fixture;

/* A diagonal Hessian, for which one probe is exact; one entry negative. */
static void open_diagonal(fixture *f, symo_dtype dtype, const char *preset, const char *settings) {
  const double w[N] = {3, 1, 0.5, 2, 7, 1}, start[N] = {1, -2, 0.5, 3, -0.1, 0.7};
  f->context = symo_test_context();
  symo_rng *rng = symo_test_rng(f->context, 9);
  symo_test_quadratic(&f->p, rng, dtype, N, w);
  for (size_t i = 0; i < N * N; i++) f->p.a[i] = 0;
  for (size_t i = 0; i < N; i++) f->p.a[i * N + i] = w[i];
  symo_rng_destroy(rng);
  symo_descent_open(&f->d, f->context, &f->p.problem, NULL, preset, settings);
  symo_descent_set(&f->d, start);
}

static void close_all(fixture *f) {
  symo_descent_close(&f->d);
  symo_test_problem_free(&f->p);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

static void gradient_at(const fixture *f, const double *x, double *g) {
  for (size_t i = 0; i < N; i++) g[i] = f->p.a[i * N + i] * x[i] - f->p.b[i];
}

Test(diagonal_estimates, adahessian_is_its_formula) {
  for (int narrow = 0; narrow < 2; narrow++) {
    fixture f;
    double x[N], g[N], m[N] = {0}, v[N] = {0}, got[N];
    open_diagonal(&f, narrow ? SYMO_F32 : SYMO_F64, "adahessian", "probes=3");
    symo_descent_get(&f.d, x);
    for (int t = 1; t <= 6; t++) {
      gradient_at(&f, x, g);
      for (size_t i = 0; i < N; i++) {
        const double h = f.p.a[i * N + i];
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * h * h;
        x[i] -= 0.15 * m[i] / (1 - pow(0.9, t)) / (sqrt(v[i] / (1 - pow(0.999, t))) + 1e-4);
      }
      const symo_step_report r = symo_descent_step(&f.d);
      symo_descent_get(&f.d, got);
      cr_assert(r.accepted && symo_test_rel(got, x, N) <= (narrow ? 1e-5 : 1e-13), "step %d", t);
    }
    cr_assert(f.p.products == 18 && f.p.gradients == 6);
    close_all(&f);
  }
}

/* Rules that estimate apart from each other: each tensor goes as under its own rule alone, the Hessian
 * being diagonal, in either order of the rules. */
Test(diagonal_estimates, rules_take_their_own_part) {
  static const char *const settings[] = {"lr=0.15 eps=1e-4", "lr=0.02 beta2=0.5 momentum=0.3"};
  static const char *const presets[] = {"adahessian", "sophia-h"};
  enum { FIRST = 2 }; /* numbers of u */
  const double w[N] = {3, 1, 0.5, 2, 7, 1}, start[N] = {1, -2, 0.5, 3, -0.1, 0.7};
  for (int turned = 0; turned < 2; turned++) {
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 9);
    symo_test_problem p;
    symo_layout *layout;
    symo_test_descent d[3]; /* each rule alone, and both */
    cr_ok(context, symo_layout_parse(context, "x: identity 2; y: identity 4; u[x] v[y]", &layout));
    symo_test_quadratic(&p, rng, SYMO_F64, N, w);
    for (size_t i = 0; i < N * N; i++) p.a[i] = i % (N + 1) == 0 ? w[i / N] : 0;
    for (int k = 0; k < 3; k++)
      symo_descent_open(&d[k], context, &p.problem, layout, presets[k % 2], settings[k % 2]);
    symo_rule rules[2];
    for (int k = 0; k < 2; k++) {
      symo_rule *rule = &rules[turned ? 1 - k : k];
      *rule = d[k].rule;
      snprintf(rule->pattern, sizeof rule->pattern, "%s", k == 0 ? "u" : "v");
    }
    symo_optim_state_destroy(d[2].state);
    symo_optim_destroy(d[2].optim);
    d[2].spec.num_rules = 2;
    d[2].spec.rules = rules;
    cr_ok(context, symo_optim_create(layout, &d[2].spec, &d[2].optim));
    cr_ok(context, symo_optim_state_create(d[2].optim, &d[2].state));
    for (int k = 0; k < 3; k++) symo_descent_set(&d[k], start);
    for (int t = 1; t <= 6; t++) {
      double x[3][N];
      for (int k = 0; k < 3; k++) {
        cr_assert(symo_descent_step(&d[k]).accepted);
        symo_descent_get(&d[k], x[k]);
      }
      for (size_t i = 0; i < N; i++)
        cr_assert(fabs(x[2][i] - x[i < FIRST ? 0 : 1][i]) <= 1e-13, "step %d, entry %zu", t, i);
    }
    for (int k = 0; k < 3; k++) symo_descent_close(&d[k]);
    symo_layout_destroy(layout);
    symo_test_problem_free(&p);
    symo_rng_destroy(rng);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}

/* Every second step; where the diagonal is negative the direction is a sign. */
Test(diagonal_estimates, sophia_is_its_formula) {
  fixture f;
  double x[N], g[N], m[N] = {0}, h[N] = {0}, got[N];
  open_diagonal(&f, SYMO_F64, "sophia-h",
                "gamma=20 statistics_every=2 lr=0.05 weight_decay=0.3 beta2=0.8");
  f.p.a[0] = -3;
  symo_descent_get(&f.d, x);
  size_t clipped = 0, inside = 0;
  for (int t = 1; t <= 8; t++) {
    gradient_at(&f, x, g);
    for (size_t i = 0; i < N; i++) {
      m[i] = 0.96 * m[i] + 0.04 * g[i];
      if (t % 2 == 1) h[i] = 0.8 * h[i] + 0.2 * f.p.a[i * N + i];
      const double ratio = m[i] / fmax(20 * h[i], 1e-12), step = fmax(-1, fmin(1, ratio));
      clipped += fabs(ratio) > 1, inside += fabs(ratio) < 1;
      x[i] = x[i] * (1 - 0.05 * 0.3) - 0.05 * step;
    }
    symo_descent_step(&f.d);
    symo_descent_get(&f.d, got);
    cr_assert(symo_test_rel(got, x, N) <= 1e-13, "step %d: %g", t, symo_test_rel(got, x, N));
  }
  cr_assert(f.p.products == 4 && clipped >= 8 && inside > 8, "%zu %zu", clipped, inside);
  close_all(&f);
}

/* N g g of the problem's sampled gradient, with the seed of the step. */
Test(diagonal_estimates, bartlett_asks_for_samples) {
  fixture f, other;
  double a[N], b[N];
  open_diagonal(&f, SYMO_F64, "sophia-g", "statistics_every=1");
  open_diagonal(&other, SYMO_F64, "sophia-h", "statistics_every=1 gamma=0.05");
  for (int t = 0; t < 3; t++) symo_descent_step(&f.d), symo_descent_step(&other.d);
  symo_descent_get(&f.d, a), symo_descent_get(&other.d, b);
  cr_assert(f.p.sampled == 3 && f.p.products == 0 && other.p.sampled == 0);
  cr_assert(symo_test_rel(a, b, N) <= 1e-13, "S is diagonal, so both are exact");
  symo_descent_close(&other.d);
  symo_test_problem_free(&other.p);
  symo_context_destroy(other.context);
  close_all(&f);
}

/* The mean over seeds is the diagonal within five standard errors. */
Test(diagonal_estimates, hutchinson_is_unbiased) {
  enum { SEEDS = 4000 };
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 9);
  symo_test_problem p;
  const double w[N] = {3, -1, 0.5, 2, 7, 1};
  double sum[N] = {0}, square[N] = {0};
  symo_test_quadratic(&p, rng, SYMO_F64, N, w);
  symo_rng_destroy(rng);
  symo_test_descent d;
  symo_descent_open(&d, context, &p.problem, NULL, "sophia-h",
                    "beta2=0 statistics_every=1 lr=0 weight_decay=0 probes=11");
  for (int seed = 0; seed < SEEDS; seed++) {
    symo_descent_step(&d);
    for (size_t e = 0; e < symo_optim_state_num_entries(d.state); e++) {
      const symo_state_entry entry = symo_optim_state_entry(d.state, e);
      if (strstr(entry.name, "diagonal") == NULL) continue;
      for (size_t i = 0; i < N; i++) {
        const double x = ((const double *)entry.data)[i];
        sum[i] += x / SEEDS, square[i] += x * x / SEEDS;
      }
    }
  }
  for (size_t i = 0; i < N; i++) {
    const double error = sqrt((square[i] - sum[i] * sum[i]) / SEEDS);
    cr_assert(fabs(sum[i] - p.a[i * N + i]) <= 5 * error, "%zu: %g, not %g", i, sum[i],
              p.a[i * N + i]);
  }
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Kernels get the mean of absolute values; matrices and vectors stay as they are. */
Test(diagonal_estimates, averages_over_kernels) {
  const double w[N] = {3, 1, 0.5, 2, 7, 1};
  for (int spatial = 0; spatial < 2; spatial++) {
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 9);
    symo_layout *layout = NULL;
    symo_test_problem p;
    symo_test_descent d;
    symo_test_quadratic(&p, rng, SYMO_F64, N, w);
    for (size_t i = 0; i < N * N; i++) p.a[i] = i % (N + 1) == 0 ? w[i / N] : 0;
    symo_rng_destroy(rng);
    cr_ok(context,
          symo_layout_parse(context, "o: identity 1; k: identity 2; w[o,k,k] b[k]", &layout));
    symo_descent_open(&d, context, &p.problem, layout, "adahessian",
                      spatial ? "lr=0" : "lr=0 spatial_average=false");
    symo_descent_step(&d);
    for (size_t e = 0; e < symo_optim_state_num_entries(d.state); e++) {
      const symo_state_entry entry = symo_optim_state_entry(d.state, e);
      const double *v = entry.data;
      if (strstr(entry.name, "w.second") != NULL) {
        const double first = spatial ? 2 : 3, last = spatial ? 1.25 : 2;
        cr_assert(fabs(v[0] - 0.001 * first * first) <= 1e-15);
        cr_assert(fabs(v[3] - 0.001 * last * last) <= 1e-15);
      } else if (strstr(entry.name, "b.second") != NULL) {
        cr_assert(fabs(v[0] - 0.049) <= 1e-15 && fabs(v[1] - 0.001) <= 1e-15);
      }
    }
    symo_descent_close(&d);
    symo_layout_destroy(layout);
    symo_test_problem_free(&p);
    symo_context_destroy(context);
    cr_no_leaks();
  }
}

Test(diagonal_estimates, refusals) {
  fixture f;
  double zero[N] = {0};
  const void *g[1] = {zero};
  void *x[1] = {zero};
  open_diagonal(&f, SYMO_F64, "sophia-h", "");
  cr_fails(f.context, SYMO_E_UNSUPPORTED, "call symo_optim_problem_step",
           symo_optim_step(f.d.state, symo_const_vector_of(SYMO_F64, g),
                           symo_vector_of(SYMO_F64, x), NULL));
  f.d.problem.hvp = NULL;
  cr_fails(f.context, SYMO_E_UNSUPPORTED,
           "source hutchinson: the problem test has no such function",
           symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL));
  f.d.problem.hvp = f.p.problem.hvp;
  f.p.nan_product = true;
  symo_test_bytes before = symo_descent_bytes(&f.d, false);
  symo_step_report r = symo_descent_step(&f.d);
  symo_test_bytes after = symo_descent_bytes(&f.d, false);
  cr_assert(!r.accepted && r.refused_steps == 1 && symo_test_same_bytes(before, after));
  free(before.p), free(after.p);
  close_all(&f);
  open_diagonal(&f, SYMO_F64, "sophia-g", "");
  f.d.problem.sampled_gradient = NULL;
  cr_fails(f.context, SYMO_E_UNSUPPORTED, "fill sampled_gradient",
           symo_optim_problem_step(f.d.state, &f.d.problem, f.d.theta, NULL, NULL));
  close_all(&f);
}

/* One forward and one backward pass for the gradient and all probes. */
Test(diagonal_estimates, passes_of_a_step) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, "4-5-3", &spec), SYMO_OK);
  spec.loss = SYMO_LOSS_CROSS_ENTROPY;
  for (int k = 0; k < 3; k++) {
    static const char *const presets[] = {"adahessian", "sophia-h", "sophia-g"};
    net_case c = net_case_create(&spec, 9, 0.7, 3);
    symo_test_descent d;
    symo_descent_open(&d, c.context, &c.problem, NULL, presets[k], k < 2 ? "probes=3" : "");
    symo_descent_set(&d, c.theta);
    symo_descent_step(&d);
    const symo_net_counts n = symo_net_get_counts(c.net);
    cr_assert(n.forward == 1 && n.backward == (k < 2 ? 1 : 2) && n.tangent == (k < 2 ? 3 : 0) &&
                  n.backward_tangent == n.tangent,
              "%s: %g %g %g", presets[k], n.forward, n.backward, n.tangent);
    symo_descent_close(&d);
    net_case_destroy(&c);
  }
}
