/* Gradients whose squares the type of the numbers cannot hold: the step is the one that float64
 * gives, or it is refused with nothing written. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/problems.h"
#include "tests/support/stepping.h"

static const char matrices[] = "i: identity 5; a: signed-permutation 6; b: signed-permutation 4; "
                               "o: identity 3; w1[a,i] w2[b,a] w3[o,b]";

static void plan(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, settings);
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  symo_stepper_plan(s, num, rules);
}

static symo_test_bytes bytes_of(symo_test_stepper *s) {
  symo_test_bytes all = {NULL, 0};
  for (size_t i = 1; i < symo_optim_state_num_entries(s->state); i++) {
    symo_state_entry e = symo_optim_state_entry(s->state, i);
    size_t n = symo_dtype_size(e.dtype);
    for (size_t a = 0; a < e.order; a++) n *= e.shape[a];
    all.p = realloc(all.p, all.n + n + 1);
    cr_assert(all.p != NULL);
    memcpy(all.p + all.n, e.data, n);
    all.n += n;
  }
  return all;
}

/* Takes the gradient in narrow->g in float32 and, the same numbers, in float64. */
static void both(symo_test_stepper *narrow, symo_test_stepper *wide, symo_step_report *report) {
  *report = symo_stepper_step(narrow);
  memcpy(wide->g, narrow->g, wide->w.n * sizeof *wide->g);
  symo_stepper_step(wide);
}

static void fill(symo_test_stepper *s, double scale) {
  for (size_t i = 0; i < s->w.n; i++) s->g[i] = scale * (2 * symo_rng_uniform(s->w.rng) - 1);
}

/* Ordinary steps, then steps of this scale; true if these are refused. */
static bool follow(const char *preset, const char *settings, double scale, int before) {
  symo_test_stepper narrow, wide;
  symo_step_report report;
  double from[2][128];
  bool refused = false;
  symo_stepper_open(&narrow, matrices, SYMO_F32, 71, false);
  symo_stepper_open(&wide, matrices, SYMO_F64, 71, false);
  plan(&narrow, preset, settings);
  plan(&wide, preset, settings);
  cr_assert(narrow.w.n <= 128);
  for (int t = 1; t <= before; t++) {
    fill(&narrow, 1);
    both(&narrow, &wide, &report);
  }
  memset(narrow.theta, 0, narrow.w.n * sizeof *narrow.theta);
  symo_stepper_set(&narrow, narrow.theta);
  symo_stepper_set(&wide, narrow.theta);
  for (uint64_t t = 1; t <= 4; t++) {
    symo_test_bytes old = bytes_of(&narrow);
    memcpy(from[0], narrow.theta, narrow.w.n * sizeof(double));
    memcpy(from[1], wide.theta, wide.w.n * sizeof(double));
    fill(&narrow, scale);
    both(&narrow, &wide, &report);
    refused = !report.accepted;
    if (refused) {
      symo_test_bytes now = bytes_of(&narrow);
      cr_assert(report.refused_steps == t && symo_test_same_bytes(old, now), "%s", preset);
      cr_assert(memcmp(from[0], narrow.theta, narrow.w.n * sizeof(double)) == 0);
      free(now.p);
    } else {
      cr_assert(isfinite(report.update_norm) && report.failed_roots == 0);
      for (size_t i = 0; i < wide.w.n; i++) {
        from[0][i] = narrow.theta[i] - from[0][i];
        from[1][i] = wide.theta[i] - from[1][i];
      }
      /* A basis of eigenvalues that are all rounding is anything. */
      bool free_basis = strcmp(preset, "soap") == 0 && (scale > 1 || before > 0);
      double error = free_basis ? 0 : symo_test_rel(from[0], from[1], wide.w.n);
      cr_assert(error <= 2e-3, "%s %s, %g, step %d: %g", preset, settings, scale, (int)t, error);
    }
    free(old.p);
  }
  symo_stepper_drop(&narrow);
  symo_stepper_drop(&wide);
  return refused;
}

typedef struct range_case {
  const char *preset, *settings;
  bool squares; /* memory of squares entry by entry: refused from 1e20 */
} range_case;

static const range_case cases[] = {
    {"symo-published", "", false},
    {"symo-published", "centered=true", false},
    {"symo-published", "groups=sign-flip", false},
    {"symo-published", "source=momentum momentum=0.9 beta2=0 mean=false", false},
    {"symo-published", "beta2=1 correction=false alpha=0.5", false},
    {"symo-published", "skip_tolerance=0.1", false},
    {"symo-published", "curvature=orbit-blocked", false},
    {"symo-published", "curvature=orbit-blocked damping=trace eps=0.01 solver=coupled-newton",
     false},
    {"muon", "", false},
    {"muon-exact", "", false},
    {"normalized-sgd", "", false},
    {"adagrad-full", "", false},
    {"sgd", "", false},
    {"sgd", "momentum=0.9", false},
    {"shampoo", "", false},
    {"soap", "", false},
    {"adam", "", true},
    {"adamw", "", true},
    {"muon", "graft=adam", true},
};

enum { CASES = sizeof cases / sizeof *cases };

Test(optim_range, float32_steps_are_those_of_float64_or_refused) {
  static const double scales[] = {1e15, 1e20, 1e30, 1e38};
  for (size_t k = 0; k < CASES; k++)
    for (size_t j = 0; j < 4; j++)
      for (int before = 0; before < 4; before += 3) {
        bool refused = follow(cases[k].preset, cases[k].settings, scales[j], before);
        if (j == 0 || !cases[k].squares)
          cr_assert(!refused, "%s %s %g", cases[k].preset, cases[k].settings, scales[j]);
        if (j > 0 && cases[k].squares) cr_assert(refused, "%s %g", cases[k].preset, scales[j]);
      }
  cr_no_leaks();
}

Test(optim_range, tiny_gradients_keep_their_direction) {
  for (size_t k = 0; k < CASES; k++)
    for (int before = 0; before < 4; before += 3) {
      /* An eps of 1e-10 beside a covariance of 1 is rounding in float32. */
      if (before > 0 && strcmp(cases[k].preset, "adagrad-full") == 0) continue;
      bool refused = follow(cases[k].preset, cases[k].settings, 1e-30, before);
      cr_assert(!refused, "%s %s", cases[k].preset, cases[k].settings);
    }
  cr_no_leaks();
}

Test(optim_range, refusals_say_where_and_stop_if_asked) {
  symo_test_stepper s;
  symo_step_report report;
  symo_stepper_open(&s, "a: identity 3; b: identity 4; w[a] v[b]", SYMO_F32, 72, false);
  symo_method method = symo_stepper_method(&s, "adam", "");
  symo_rule rule = symo_stepper_rule(&method);
  symo_optim_spec spec = symo_optim_spec_default();
  spec.num_rules = 1, spec.rules = &rule, spec.dtype = SYMO_F32, spec.nan = SYMO_NAN_STOP;
  cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
  cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
  s.g[5] = 1e20;
  symo_test_vector_set(&s.grad, s.g);
  cr_fails(s.w.context, SYMO_E_NUMERIC, "tensor v",
           symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), &report));
  cr_assert(report.refused_steps == 1 && !report.accepted && report.step == 0);
  /* What clipping makes small is taken. */
  symo_stepper_preset(&s, "adam", "clip_norm=1");
  cr_assert(symo_stepper_step(&s).accepted);
  symo_stepper_preset(&s, "adam", "clip_value=1");
  cr_assert(symo_stepper_step(&s).accepted);
  symo_stepper_close(&s);
}

/* Sums fill up: the step that would not fit is refused, and smaller ones go on. */
Test(optim_range, sums_never_overflow) {
  static const char *const settings[] = {"beta2=1 correction=false", "", ""};
  static const char *const presets[] = {"adam", "shampoo", "adagrad-full"};
  for (size_t k = 0; k < 3; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, "a: identity 3; b: identity 4; w[a,b]", SYMO_F32, 73, false);
    symo_stepper_preset(&s, presets[k], settings[k]);
    uint64_t refused = 0;
    for (int t = 0; t < 100; t++) {
      fill(&s, 5e18);
      symo_step_report report = symo_stepper_step(&s);
      cr_assert(report.failed_roots == 0 && !(report.update_norm == INFINITY));
      refused = report.refused_steps;
    }
    cr_assert(k > 0 ? refused == 0 : refused > 0 && refused < 100, "%s: %d", presets[k],
              (int)refused);
    fill(&s, 1);
    cr_assert(symo_stepper_step(&s).accepted);
    symo_stepper_close(&s);
  }
}

/* Products with extreme gradients: (A + damping) d = b scales with b. */
Test(optim_range, second_order_steps_scale) {
  static const char *const presets[] = {"newton-cg", "ggn-cg", "lm"};
  static const double scales[] = {1e-30, 1e20, 1e30};
  for (size_t k = 0; k < 9; k++) {
    enum { N = 8 };
    double w[N], x[N], theta[N] = {0};
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 74);
    symo_test_problem p;
    symo_test_descent d;
    for (size_t i = 0; i < N; i++) w[i] = 1 + (double)i;
    symo_test_quadratic(&p, rng, SYMO_F32, N, w);
    for (size_t i = 0; i < N; i++) p.b[i] *= scales[k / 3];
    symo_descent_open(&d, context, &p.problem, NULL, presets[k % 3], "eps=1e-6");
    symo_descent_set(&d, theta);
    for (int t = 0; t < 3; t++) symo_descent_step(&d);
    symo_descent_get(&d, theta);
    double *a = calloc(N * N, sizeof *a);
    memcpy(a, p.a, N * N * sizeof *a);
    memcpy(x, p.b, sizeof x);
    symo_test_solve(N, a, 0, x);
    cr_assert(symo_test_rel(theta, x, N) <= 1e-3, "%s, %g: %g", presets[k % 3], scales[k / 3],
              symo_test_rel(theta, x, N));
    free(a);
    symo_descent_close(&d);
    symo_test_problem_free(&p);
    symo_rng_destroy(rng);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}
