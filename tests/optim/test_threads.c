/* Any number of threads gives the same bits, allocates nothing in steps, and leaks nothing. */
#include <math.h>

#include "optim/optim.h"
#include "optim/orbit/orbit.h"
#include "tests/support/stepping.h"

static const char wide[] = "in: identity 6; a: signed-permutation 9; b: permutation 8; "
                           "c: orthogonal 5; out: identity 3; w1[a,in] b1[a] w2[b,a] b2[b] w3[c,b] "
                           "w4[c,c] w5[out,c] b5[out]";

enum { STEPS = 7, THREADS = 3 };

typedef struct trace {
  double *theta; /* after each step */
  symo_step_report last;
  uint64_t refreshes;
} trace;

static trace follow(const char *preset, const char *settings, symo_dtype dtype, int threads) {
  symo_test_stepper s;
  trace t = {0};
  symo_stepper_open(&s, wide, dtype, 5, true);
  symo_method method = symo_stepper_method(&s, preset, settings);
  symo_rule rules[4];
  symo_optim_spec spec = symo_optim_spec_default();
  cr_ok(s.w.context, symo_optim_preset_rules(s.w.context, &method, &spec.num_rules, rules));
  spec.rules = rules, spec.dtype = dtype, spec.threads = threads;
  cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
  cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
  t.theta = malloc(STEPS * s.w.n * sizeof *t.theta);
  cr_assert(t.theta != NULL);
  for (int step = 0; step < STEPS; step++) {
    const size_t calls = symo_alloc_calls();
    t.last = symo_stepper_random(&s, 1);
    cr_assert_eq(symo_alloc_calls(), calls, "%s allocates", preset);
    cr_assert(t.last.accepted);
    t.refreshes += t.last.refreshes;
    memcpy(t.theta + (size_t)step * s.w.n, s.theta, s.w.n * sizeof *t.theta);
  }
  symo_stepper_close(&s);
  return t;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void compare(const char *preset, const char *settings) {
  static const symo_dtype both[] = {SYMO_F64, SYMO_F32};
  const size_t n = 54 + 9 + 72 + 8 + 40 + 25 + 15 + 3;
  for (size_t d = 0; d < 2; d++) {
    trace one = follow(preset, settings, both[d], 1);
    for (int threads = 2; threads <= THREADS; threads++) {
      trace many = follow(preset, settings, both[d], threads);
      for (size_t i = 0; i < STEPS * n; i++)
        cr_assert(one.theta[i] == many.theta[i], "%s, %s, %d threads, step %zu, entry %zu", preset,
                  settings, threads, i / n, i % n);
      cr_assert(one.refreshes == many.refreshes);
      cr_assert(same(one.last.worst_condition, many.last.worst_condition));
      cr_assert(same(one.last.effective_rank, many.last.effective_rank));
      cr_assert(one.last.update_norm == many.last.update_norm);
      free(many.theta);
    }
    free(one.theta);
  }
}

Test(optim_threads, give_the_same_bits) {
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  compare("symo-published", "");
  compare("symo-published", "centered=true damping=trace eps=0.01");
  compare("symo-published", "refresh_every=3 stagger=true");
  compare("symo-published", "curvature=orbit-blocked skip_tolerance=0.5");
  compare("symo-stateless", "");
  compare("muon", "");
  compare("muon-exact", "");
  compare("shampoo", "refresh_every=2");
  compare("shampoo", "beta2=0 source=momentum");
  compare("soap", "refresh_every=2");
  compare("adamw", "");
}

/* ---- who takes which label ---- */

static const orbit *orbit_of(const symo_optim *optim) { return optim->blocks[0].self; }

static symo_test_stepper open_symo(const char *preset, const char *layout, symo_dtype dtype,
                                   int threads) {
  symo_test_stepper s;
  symo_stepper_open(&s, layout, dtype, 8, false);
  symo_method method = symo_stepper_method(&s, preset, "");
  symo_rule rule = symo_stepper_rule(&method);
  symo_optim_spec spec = symo_optim_spec_default();
  spec.num_rules = 1, spec.rules = &rule, spec.dtype = dtype, spec.threads = threads;
  cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &s.optim));
  cr_ok(s.w.context, symo_optim_state_create(s.optim, &s.state));
  return s;
}

/* What no group moves is one label of all tensors, and is taken behind the others. */
Test(optim_threads, what_is_dropped_joins_no_labels) {
  symo_test_stepper s = open_symo("symo-coupled",
                                  "in: identity 6; a: permutation 9; b: permutation 8; "
                                  "c: permutation 7; w1[a,in] b1[a] w2[b,in] w3[c,in]",
                                  SYMO_F64, 2);
  const orbit *o = orbit_of(s.optim);
  cr_assert_eq(o->num_labels, 4);
  cr_assert_eq(o->num_parts, 3, "%zu", o->num_parts);
  cr_assert_eq(o->num_shared, 0);
  symo_stepper_close(&s);
}

/* Alone it would leave the other threads idle; its bits are those that one thread makes. */
static void check_shared(const char *preset, const char *layout) {
  static const symo_dtype both[] = {SYMO_F64, SYMO_F32};
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  for (size_t d = 0; d < 2; d++) {
    double *first = NULL;
    for (int threads = 1; threads <= THREADS; threads++) {
      symo_test_stepper s = open_symo(preset, layout, both[d], threads);
      const size_t bytes = s.w.n * sizeof *s.theta;
      cr_assert_eq(orbit_of(s.optim)->num_parts, 2);
      cr_assert_eq(orbit_of(s.optim)->num_shared, threads > 1 ? 1 : 0, "%d threads", threads);
      for (int step = 0; step < 2; step++) cr_assert(symo_stepper_random(&s, 1).accepted);
      if (first == NULL) {
        first = malloc(bytes);
        cr_assert(first != NULL);
        memcpy(first, s.theta, bytes);
      }
      cr_assert(memcmp(first, s.theta, bytes) == 0, "%d threads", threads);
      symo_stepper_close(&s);
    }
    free(first);
  }
  cr_no_leaks();
}

Test(optim_threads, a_label_heavier_than_the_rest_is_taken_by_all) {
  check_shared("symo", "a: identity 400; b: orthogonal 410; c: orthogonal 90; d: identity 80; "
                       "w1[b,a] w2[c,d]");
  /* gathered from two tensors, and with a part that is dropped */
  check_shared("symo-coupled", "a: identity 200; b: permutation 410; c: orthogonal 90; "
                               "d: identity 80; w1[b,a] w2[a,b] w3[c,d]");
}

/* BLAS with two threads: the same bits again for the same number of ours. */
Test(optim_threads, repeat_beside_threads_of_blas) {
  static const char *const presets[] = {"symo", "muon-exact", "soap"};
  const size_t n = 54 + 9 + 72 + 8 + 40 + 25 + 15 + 3;
  cr_assert_eq(symo_set_threads(2), SYMO_OK);
  for (int k = 0; k < 6; k++) {
    trace first = follow(presets[k / 2], "", SYMO_F64, 1 + k % 2);
    trace again = follow(presets[k / 2], "", SYMO_F64, 1 + k % 2);
    cr_assert_eq(symo_get_threads(), 2);
    cr_assert(memcmp(first.theta, again.theta, STEPS * n * sizeof *first.theta) == 0, "%s, %d",
              presets[k / 2], 1 + k % 2);
    free(first.theta);
    free(again.theta);
  }
}

/* ---- memory ---- */

static symo_status make_state(void *self) {
  symo_optim_state *state = NULL;
  symo_status status = symo_optim_state_create(self, &state);
  symo_optim_state_destroy(state);
  return status;
}

Test(optim_threads, cost_and_failing_allocations) {
  symo_test_stepper s;
  symo_stepper_open(&s, wide, SYMO_F64, 6, false);
  symo_method method = symo_stepper_method(&s, "symo-published", "");
  symo_rule rule = symo_stepper_rule(&method);
  symo_optim_spec spec = symo_optim_spec_default();
  double work[2];
  spec.num_rules = 1, spec.rules = &rule;
  for (int threads = 1; threads <= 2; threads++) {
    symo_optim *optim = NULL;
    spec.threads = threads;
    cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &optim));
    work[threads - 1] = symo_optim_cost_of(optim).work_bytes;
    const size_t took = symo_test_allocations(make_state, optim);
    cr_assert_eq(took, threads == 1 ? 6 : 8);
    symo_optim_destroy(optim);
  }
  cr_assert(work[1] > work[0] && work[1] < 2 * work[0]);
  symo_stepper_close(&s);
}
