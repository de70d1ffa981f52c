/* When statistics and roots are taken, what is done before and without them, and grafts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/block.h"
#include "tests/support/stepping.h"

static const char net[] = "in: identity 5; h1: signed-permutation 7; h2: signed-permutation 6; "
                          "out: identity 3; w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] b3[out]";

/* ---- cadences ---- */

Test(optim_cadence, roots_are_spread_over_the_cadence) {
  for (int stagger = 0; stagger < 2; stagger++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, SYMO_F64, 38, false);
    symo_stepper_preset(&s, "symo-published",
                        stagger ? "curvature=orbit-blocked refresh_every=5 start_step=3"
                                : "curvature=orbit-blocked refresh_every=5 start_step=3 "
                                  "stagger=false");
    size_t roots = symo_block_num_roots(&s.optim->blocks[0]), window = 0;
    cr_assert(roots >= 3 && symo_curvature_start(&s.optim->blocks[0].method) == 3);
    for (int t = 1; t <= 43; t++) {
      symo_step_report r = symo_stepper_random(&s, 1);
      size_t taken = (size_t)(r.refreshes + r.kept_roots);
      cr_assert(r.failed_roots == 0);
      if (t < 3)
        cr_assert(taken == 0);
      else if (t == 3)
        cr_assert(taken == roots, "%zu of %zu", taken, roots);
      else if (stagger)
        cr_assert(taken <= (roots + 4) / 5);
      else
        cr_assert(taken == ((t - 3) % 5 == 0 ? roots : 0));
      if (t > 3) window += taken;
    }
    cr_assert(window == 8 * roots); /* 40 steps: each root eight times */
    symo_stepper_close(&s);
  }
}

Test(optim_cadence, before_the_start_the_graft_is_taken) {
  static const char *const grafts[] = {"graft=none", "graft=sgd", "graft=adam"};
  for (int k = 0; k < 3; k++) {
    symo_test_stepper s, plain;
    char settings[160];
    symo_stepper_open(&s, net, SYMO_F64, 39, false);
    symo_stepper_open(&plain, net, SYMO_F64, 39, false);
    snprintf(settings, sizeof settings,
             "schedule=constant lr=0.01 start_step=6 momentum=0.9 momentum_correction=true "
             "beta2=0.99 %s",
             grafts[k]);
    symo_stepper_preset(&s, "symo-published", settings);
    symo_stepper_preset(&plain, k == 2 ? "adam" : "sgd",
                        "lr=0.01 momentum=0.9 momentum_ema=true momentum_correction=true "
                        "beta2=0.99");
    for (int t = 1; t <= 9; t++) {
      symo_stepper_random(&s, 1);
      memcpy(plain.g, s.g, s.w.n * sizeof *s.g);
      symo_stepper_step(&plain);
      bool same = memcmp(s.theta, plain.theta, s.w.n * sizeof *s.theta) == 0;
      cr_assert(same == (t < 6), "%s, step %d", grafts[k], t);
    }
    symo_stepper_drop(&s);
    symo_stepper_close(&plain);
  }
}

/* With a graft every tensor moves as far as that would move it. */
Test(optim_cadence, grafts_give_their_norm) {
  for (int k = 0; k < 2; k++) {
    symo_test_stepper s, plain;
    symo_stepper_open(&s, net, SYMO_F64, 40, false);
    symo_stepper_open(&plain, net, SYMO_F64, 40, false);
    symo_stepper_preset(&s, "symo-published",
                        k == 0 ? "schedule=constant lr=0.01 graft=sgd"
                               : "schedule=constant lr=0.01 beta2=0.9 graft=adam");
    symo_stepper_preset(&plain, k == 0 ? "sgd" : "adam",
                        k == 0 ? "lr=0.01" : "lr=0.01 momentum=0 beta2=0.9");
    for (int t = 1; t <= 4; t++) {
      double a[128], b[128];
      memcpy(a, s.theta, s.w.n * sizeof *a);
      memcpy(b, plain.theta, s.w.n * sizeof *b);
      symo_stepper_random(&s, 1);
      memcpy(plain.g, s.g, s.w.n * sizeof *s.g);
      symo_stepper_step(&plain);
      for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
        size_t first = symo_layout_tensor_offset(s.w.layout, i);
        double x = 0, y = 0;
        for (size_t e = first; e < first + symo_layout_tensor_size(s.w.layout, i); e++) {
          x += (s.theta[e] - a[e]) * (s.theta[e] - a[e]);
          y += (plain.theta[e] - b[e]) * (plain.theta[e] - b[e]);
        }
        cr_assert(fabs(x - y) <= 1e-11 * y, "tensor %zu: %g, %g", i, x, y);
      }
    }
    symo_stepper_drop(&s);
    symo_stepper_close(&plain);
  }
}

Test(optim_cadence, statistics_have_a_cadence) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 41, false);
  symo_stepper_preset(&s, "adam", "statistics_every=4 momentum=0 lr=0.1");
  double v[128] = {0}, p[128];
  memcpy(p, s.theta, s.w.n * sizeof *p);
  for (int t = 1; t <= 13; t++) {
    symo_stepper_random(&s, 1);
    int updates = (t - 1) / 4 + 1;
    for (size_t i = 0; i < s.w.n; i++) {
      if ((t - 1) % 4 == 0) v[i] = 0.999 * v[i] + (1 - 0.999) * (s.g[i] * s.g[i]);
      p[i] -= 0.1 * (s.g[i] / (sqrt(v[i] / (1 - pow(0.999, updates))) + 1e-8));
      cr_assert(fabs(p[i] - s.theta[i]) <= 1e-14 * (1 + fabs(p[i])));
    }
  }
  const double *counters = symo_stepper_entry(&s, "rule-0.counters").data;
  cr_assert(counters[0] == 4);
  symo_stepper_close(&s);
}

/* ---- roots that fail ---- */

static const symo_curvature *real_table;
static int failing = -1; /* the root that fails; -2: all */
static symo_status failing_status;

static symo_status unreliable(const void *self, void *const *state, const curvature_step *step,
                              size_t root, curvature_report *report, void *work) {
  if (failing == -2 || (int)root == failing) return failing_status;
  return real_table->refresh(self, state, step, root, report, work);
}

/* The plan's table with a refresh that can be told to fail. */
static void make_unreliable(symo_test_stepper *s, symo_curvature *copy) {
  real_table = s->optim->blocks[0].curvature;
  *copy = *real_table;
  copy->refresh = unreliable;
  s->optim->blocks[0].curvature = copy;
  failing = -1;
  failing_status = SYMO_NO_CONVERGENCE;
}

Test(optim_cadence, failed_roots_keep_the_last_good_one) {
  symo_test_stepper s;
  symo_curvature copy;
  symo_stepper_open(&s, net, SYMO_F64, 42, false);
  symo_stepper_preset(&s, "symo-published", "curvature=orbit-blocked schedule=constant");
  make_unreliable(&s, &copy);
  size_t roots = symo_block_num_roots(&s.optim->blocks[0]);
  symo_step_report r = symo_stepper_random(&s, 1);
  cr_assert(r.refreshes == roots && r.failed_roots == 0);
  failing = 1;
  for (int t = 0; t < 3; t++) {
    r = symo_stepper_random(&s, 1);
    cr_assert(r.accepted && r.refreshes == roots - 1 && r.failed_roots == 1);
    for (size_t i = 0; i < s.w.n; i++) cr_assert(isfinite(s.theta[i]));
  }
  failing_status = SYMO_E_NUMERIC; /* not recoverable */
  cr_assert(symo_optim_step(s.state, symo_test_in(&s.grad), symo_test_out(&s.params), NULL) ==
            SYMO_E_NUMERIC);
  symo_stepper_close(&s);
}

Test(optim_cadence, without_any_root_the_plain_direction_is_taken) {
  symo_test_stepper s, plain;
  symo_curvature copy;
  symo_stepper_open(&s, net, SYMO_F64, 43, false);
  symo_stepper_open(&plain, net, SYMO_F64, 43, false);
  symo_stepper_preset(&s, "symo-published",
                      "curvature=orbit-blocked schedule=constant lr=0.01 refresh_every=10");
  symo_stepper_preset(&plain, "sgd", "lr=0.01");
  make_unreliable(&s, &copy);
  failing = -2;
  for (int t = 0; t < 4; t++) {
    if (t == 3) failing = -1; /* found at last, though not due */
    symo_step_report r = symo_stepper_random(&s, 1);
    memcpy(plain.g, s.g, s.w.n * sizeof *s.g);
    symo_stepper_step(&plain);
    bool same = memcmp(s.theta, plain.theta, s.w.n * sizeof *s.theta) == 0;
    cr_assert(same == (t < 3));
    cr_assert((r.failed_roots > 0) == (t < 3) && (r.refreshes > 0) == (t == 3));
  }
  symo_stepper_drop(&s);
  symo_stepper_close(&plain);
}
