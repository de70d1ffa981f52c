/* Roots that serve for several steps: they bound the steps of gradients that they have not seen,
 * and a basis is kept only when memory has seen enough to make one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/stepping.h"

static const symo_dtype both[] = {SYMO_F64, SYMO_F32};

enum { DIM = 24 };

/* Rank-one gradients whose direction changes between roots, with a trace of the next one before;
 * the largest update. matrix: as [8, 3] moved by signs, else one vector. */
static double largest_update(symo_dtype dtype, bool matrix, double trace, const char *settings) {
  symo_test_stepper s;
  double most = 0;
  symo_stepper_open(&s, matrix ? "a: sign-flip 3; b: identity 8; w[a,b]" : "i: identity 24; w[i]",
                    dtype, 81, false);
  symo_stepper_preset(&s, "symo-published", settings);
  double *q = calloc(DIM * DIM, sizeof *q);
  cr_assert(q != NULL);
  symo_test_randn(s.w.rng, q, DIM * DIM);
  for (int t = 0; t < 60; t++) {
    int main = t / 3 % DIM, other = (t / 3 + 1) % DIM; /* not in step with the roots */
    bool hint = t % 3 == 1;                            /* of what is to come */
    for (int i = 0; i < DIM; i++) s.g[i] = hint ? trace * q[other * DIM + i] : q[main * DIM + i];
    symo_step_report r = symo_stepper_step(&s);
    cr_assert(r.accepted && r.failed_roots == 0);
    most = fmax(most, r.update_norm);
  }
  free(q);
  symo_stepper_close(&s);
  return most;
}

#define RATE "schedule=constant lr=1 rate=1 "

Test(optim_stale, steps_stay_within_a_small_multiple_of_those_of_fresh_roots) {
  static const char *const memory[] = {"beta2=0.95", "beta2=0.8", "beta2=1 correction=false"};
  for (int k = 0; k < 12; k++) {
    symo_dtype dtype = both[k % 2];
    bool matrix = k / 2 % 2 == 1;
    char fresh[160], stale[160], bare[160];
    snprintf(fresh, sizeof fresh, RATE "%s", memory[k / 4]);
    snprintf(stale, sizeof stale, RATE "%s refresh_every=5", memory[k / 4]);
    snprintf(bare, sizeof bare, RATE "%s refresh_every=5 stale_floor=0", memory[k / 4]);
    double trace = dtype == SYMO_F64 ? 1e-5 : 1e-2;
    double f = largest_update(dtype, matrix, trace, fresh);
    double s = largest_update(dtype, matrix, trace, stale);
    double b = largest_update(dtype, matrix, trace, bare);
    cr_log_info("%s %s %s: fresh %.3g, stale %.3g, without the floor %.3g\n",
                symo_dtype_name(dtype), matrix ? "matrix" : "vector", memory[k / 4], f, s, b);
    cr_assert(s <= 5 * f, "%d: %g, fresh %g", k, s, f);
    if (!matrix) cr_assert(b > (dtype == SYMO_F64 ? 1000 : 5) * s, "%d: %g, %g", k, b, s);
  }
}

/* Roots of every step do not ask for the floor, bit for bit. */
Test(optim_stale, fresh_roots_are_what_they_were) {
  symo_test_stepper with, without;
  for (int k = 0; k < 2; k++) {
    symo_stepper_open(&with, "a: sign-flip 3; b: identity 8; w[a,b]", both[k], 82, false);
    symo_stepper_open(&without, "a: sign-flip 3; b: identity 8; w[a,b]", both[k], 82, false);
    symo_stepper_preset(&with, "symo-published", "stale_floor=0.7");
    symo_stepper_preset(&without, "symo-published", "stale_floor=0");
    for (int t = 0; t < 10; t++) {
      symo_stepper_random(&with, 1);
      symo_stepper_random(&without, 1);
    }
    cr_assert(memcmp(with.theta, without.theta, with.w.n * sizeof *with.theta) == 0);
    symo_stepper_drop(&with);
    symo_stepper_drop(&without);
  }
  cr_no_leaks();
}

/* One large gradient first, then small ones in all directions: beside the norm of C its
 * off-diagonal part is small from the start. */
Test(optim_stale, a_basis_is_not_kept_before_memory_has_full_rank) {
  enum { SMALL = 6 };
  symo_test_stepper lazy, always;
  double q[SMALL * SMALL] = {0};
  symo_stepper_open(&lazy, "i: identity 6; w[i]", SYMO_F64, 83, false);
  symo_stepper_open(&always, "i: identity 6; w[i]", SYMO_F64, 83, false);
  symo_stepper_preset(&lazy, "symo-published", RATE "skip_tolerance=0.01");
  symo_stepper_preset(&always, "symo-published", RATE);
  symo_test_randn(lazy.w.rng, q, SMALL * SMALL);
  for (int i = 0; i < SMALL; i++) { /* orthonormal */
    double *x = q + i * SMALL, norm = 0;
    for (int j = 0; j < i; j++) {
      double dot = 0;
      for (int k = 0; k < SMALL; k++) dot += x[k] * q[j * SMALL + k];
      for (int k = 0; k < SMALL; k++) x[k] -= dot * q[j * SMALL + k];
    }
    for (int k = 0; k < SMALL; k++) norm += x[k] * x[k];
    for (int k = 0; k < SMALL; k++) x[k] /= sqrt(norm);
  }
  uint64_t kept = 0;
  for (int t = 0; t < 40; t++) {
    int direction = t % SMALL;
    double size = t == 0 ? 1 : 1e-3 * (1 + direction);
    for (int k = 0; k < SMALL; k++) lazy.g[k] = always.g[k] = size * q[direction * SMALL + k];
    symo_step_report r = symo_stepper_step(&lazy);
    symo_stepper_step(&always);
    cr_assert(t >= SMALL - 1 || r.kept_roots == 0, "kept at step %d", t + 1);
    kept += r.kept_roots;
    double error = symo_test_rel(lazy.theta, always.theta, SMALL);
    cr_assert(error <= 1e-6, "step %d: %g", t + 1, error);
  }
  cr_assert(kept >= 25, "%d", (int)kept);
  symo_stepper_drop(&lazy);
  symo_stepper_close(&always);
}

/* As published, SOAP's bases turn in every refresh; with a tolerance, not before they have seen as
 * many columns as they have rows. */
Test(optim_stale, bases_of_axes_wait_as_well) {
  symo_test_stepper s;
  symo_stepper_open(&s, "i: identity 12; o: identity 2; w[i,o]", SYMO_F64, 84, false);
  symo_stepper_preset(&s, "soap", "skip_tolerance=1 refresh_every=1");
  for (int t = 1; t <= 12; t++) {
    symo_step_report r = symo_stepper_random(&s, 1);
    /* Made in step 1; axis 0 has 2 columns a gradient, axis 1 has 12. */
    cr_assert(r.kept_roots == (t == 1 ? 2 : t < 7 ? 1 : 2), "step %d: %d", t, (int)r.kept_roots);
  }
  symo_stepper_close(&s);
}
