/* What steps and plans report: time by item from the caller's clock, ranks, costs. */
#include <math.h>

#include "tests/support/problems.h"
#include "tests/support/stepping.h"

/* A clock that moves on by 1 whenever it is looked at. */
static double tick(void *self) {
  double *now = self;
  return (*now)++;
}

static double sum_of(const symo_step_seconds *s) {
  return s->gradient + s->update + s->statistics + s->roots + s->direction + s->solve + s->trial;
}

Test(optim_telemetry, time_is_told_by_item_and_none_is_lost) {
  symo_test_stepper s;
  double now = 100;
  symo_stepper_open(&s, "a: sign-flip 3; b: identity 8; w[a,b] v[a]", SYMO_F64, 91, false);
  symo_stepper_preset(&s, "symo-published", "refresh_every=3 start_step=2");
  cr_assert(sum_of(&(symo_step_seconds){0}) == 0);
  symo_step_report r = symo_stepper_random(&s, 1);
  cr_assert(sum_of(&r.seconds) == 0, "no clock");
  symo_optim_state_set_clock(s.state, tick, &now);
  for (int t = 0; t < 5; t++) {
    double before = now;
    r = symo_stepper_random(&s, 1);
    cr_assert(sum_of(&r.seconds) == now - before - 1, "%g of %g", sum_of(&r.seconds), now - before);
    cr_assert(r.seconds.update > 0 && r.seconds.statistics == 1 && r.seconds.roots == 1);
    cr_assert(r.seconds.direction == 1 && r.seconds.solve == 0 && r.seconds.gradient == 0);
  }
  symo_optim_state_set_clock(s.state, NULL, NULL);
  r = symo_stepper_random(&s, 1);
  cr_assert(sum_of(&r.seconds) == 0);
  symo_stepper_close(&s);
}

Test(optim_telemetry, problems_are_timed_too) {
  static const char *const presets[] = {"newton-cg", "lm", "adam"};
  for (int k = 0; k < 3; k++) {
    enum { N = 6 };
    double w[N] = {1, 2, 3, 4, 5, 6}, theta[N] = {0}, now = 0;
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 92);
    symo_test_problem p;
    symo_test_descent d;
    symo_test_quadratic(&p, rng, SYMO_F64, N, w);
    symo_descent_open(&d, context, &p.problem, NULL, presets[k],
                      k == 0 ? "precondition=orbit beta2=0.9" : "");
    symo_descent_set(&d, theta);
    symo_optim_state_set_clock(d.state, tick, &now);
    symo_step_report r = symo_descent_step(&d);
    cr_assert(r.seconds.gradient == 1 && (r.seconds.update > 0) == (k == 2));
    cr_assert((r.seconds.solve == 1) == (k < 2) && (r.seconds.trial == 1) == (k < 2));
    symo_descent_close(&d);
    symo_test_problem_free(&p);
    symo_rng_destroy(rng);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}

/* Roots of a precondition are taken in the first step and in every one that is due, and in no other. */
Test(optim_telemetry, preconditions_are_refreshed_when_they_are_due) {
  static const char *const settings[] = {
      "precondition=orbit beta2=0.9 refresh_every=3 stagger=false",
      "precondition=orbit beta2=0.9 refresh_every=1"};
  for (int k = 0; k < 2; k++) {
    enum { N = 6 };
    double w[N] = {1, 2, 3, 4, 5, 6}, theta[N] = {0};
    symo_context *context = symo_test_context();
    symo_rng *rng = symo_test_rng(context, 93);
    symo_test_problem p;
    symo_test_descent d;
    symo_test_quadratic(&p, rng, SYMO_F64, N, w);
    symo_descent_open(&d, context, &p.problem, NULL, "newton-cg", settings[k]);
    symo_descent_set(&d, theta);
    for (int t = 0; t < 8; t++) {
      const symo_step_report r = symo_descent_step(&d);
      cr_assert((r.refreshes > 0) == (k == 1 || t % 3 == 0), "%s: step %d", settings[k], t + 1);
      cr_assert(r.failed_roots == 0 && r.kept_roots == 0);
    }
    symo_descent_close(&d);
    symo_test_problem_free(&p);
    symo_rng_destroy(rng);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}

/* One gradient makes a covariance of rank one, whatever rounding says. */
Test(optim_telemetry, effective_ranks_are_one_at_least) {
  static const symo_dtype both[] = {SYMO_F64, SYMO_F32};
  static const char *const presets[] = {"symo-published", "adagrad-full", "shampoo"};
  for (int k = 0; k < 6; k++)
    for (uint64_t seed = 1; seed <= 20; seed++) {
      symo_test_stepper s;
      symo_stepper_open(&s, "i: identity 17; j: identity 3; w[i]", both[k % 2], seed, false);
      symo_stepper_preset(&s, presets[k / 2], "");
      symo_step_report r = symo_stepper_random(&s, 1);
      cr_assert(r.effective_rank >= 1 && r.effective_rank <= 1 + 1e-4, "%s: %.9g", presets[k / 2],
                r.effective_rank);
      symo_stepper_close(&s);
    }
}

Test(optim_telemetry, plans_count_what_preconditioners_cost) {
  static const char *const settings[] = {"", "precondition=diagonal", "precondition=orbit",
                                         "precondition=orbit refresh_every=10"};
  double flops[4];
  symo_test_stepper s;
  symo_stepper_open(&s, "i: identity 20; w[i]", SYMO_F64, 93, false);
  for (int k = 0; k < 4; k++) {
    symo_stepper_preset(&s, "lm", settings[k]);
    flops[k] = symo_optim_cost_of(s.optim).flops_per_step;
  }
  cr_assert(flops[0] > 0 && flops[1] > flops[0] && flops[2] > flops[1]);
  /* The root of every step, n = 20, is what refreshing less often saves. */
  cr_assert(flops[2] - flops[3] > 20 * 20 * 20 && flops[3] > flops[1]);
  symo_stepper_close(&s);
}
