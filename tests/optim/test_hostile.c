/* Gradients and curvatures at the edge of what numbers are, and LAPACK that does not converge: every
 * preset takes a finite step or refuses with everything as it was, and says so. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "groups/plan/layout.h"
#include "optim/curvature/curvature.h"
#include "tests/support/problems.h"
#include "tests/support/shim.h"
#include "tests/support/stepping.h"

enum { N = 64, STEPS = 4 };
static const char net[] = "i: identity 4; a: signed-permutation 4; o: identity 3; "
                          "w1[a,i] b1[a] w2[o,a] b2[o]";
static const double infinite = (double)INFINITY;

/* ---- gradients ---- */

typedef enum hostile {
  ZERO,
  SUBNORMAL,
  LARGE, /* 1e38, 1e300 */
  ONE_INFINITE,
  ONE_NAN,
  ONE_ENTRY,
  RANK_ONE,  /* the same direction in every step */
  CONDITION, /* columns from 1 to 1e-16 */
  REPEATED,  /* the identity matrix, so that all eigenvalues are one */
  SWINGING,  /* 1e-30 and 1e30 in turns */
  HOSTILE
} hostile;
static const char *const names[HOSTILE] = {"zero",     "subnormal",    "large",    "one infinite",
                                           "one NaN",  "one entry",    "rank one", "condition 1e16",
                                           "repeated", "swinging size"};

/* Entry i of n in step t, u uniform in [-1, 1]. */
static double entry_of(hostile kind, symo_dtype dtype, size_t i, int t, double u) {
  const double least = dtype == SYMO_F32 ? 1.401298464324817e-45 : 4.9406564584124654e-324;
  switch (kind) {
  case ZERO: return 0;
  case SUBNORMAL: return least * (double)(i % 7);
  case LARGE: return (dtype == SYMO_F32 ? 1e38 : 1e300) * u;
  case ONE_INFINITE: return i == 5 ? infinite : u;
  case ONE_NAN: return i == 5 ? (double)NAN : u;
  case ONE_ENTRY: return i == 3 ? 1 : 0;
  case RANK_ONE: return (1 + (double)(i % 4)) * (double)(1 + i / 4);
  case CONDITION: return pow(10, -16.0 / 3 * (double)(i % 4)) * u;
  case REPEATED: return i / 4 == i % 4 ? 1 : 0;
  case SWINGING: return (t % 2 == 0 ? 1e-30 : 1e30) * u;
  default: return u;
  }
}

static bool is_refused(hostile kind) { return kind == ONE_INFINITE || kind == ONE_NAN; }

/* ---- presets ---- */

static void plan_preset(symo_test_stepper *s, const char *preset) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, "");
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  symo_stepper_plan(s, num, rules);
}

/* By presets: with a gradient alone, with a problem, or with a network's layer statistics (K-FAC). */
typedef enum wants { GRADIENT, PROBLEM, STATISTICS } wants;

static wants wants_of(const char *preset) {
  symo_method m;
  cr_assert(symo_method_preset(NULL, preset, &m) == SYMO_OK);
  if (m.curvature->sites) return STATISTICS;
  return symo_test_preset_asks(preset) ? PROBLEM : GRADIENT;
}

/* A step, which is finite, or else has left the parameters alone and says why. */
static symo_step_report survive(symo_test_stepper *s, const char *preset, const char *what) {
  symo_step_report report = {0};
  double before[N];
  memcpy(before, s->theta, s->w.n * sizeof *before);
  symo_test_vector_set(&s->grad, s->g);
  symo_status status =
      symo_optim_step(s->state, symo_test_in(&s->grad), symo_test_out(&s->params), &report);
  symo_test_vector_get(&s->params, s->theta);
  const char *detail = symo_context_detail(s->w.context);
  cr_assert(status == SYMO_OK ||
                ((status == SYMO_E_NUMERIC || status == SYMO_NO_CONVERGENCE) && detail[0] != '\0'),
            "%s, %s, %s: %s: %s", preset, what, symo_dtype_name(s->dtype), symo_status_name(status),
            detail);
  for (size_t i = 0; i < s->w.n; i++) {
    cr_assert(isfinite(s->theta[i]), "%s, %s, %s: parameter %zu is %g", preset, what,
              symo_dtype_name(s->dtype), i, s->theta[i]);
    cr_assert(status != SYMO_OK || report.accepted || s->theta[i] == before[i],
              "%s, %s: refused, but parameter %zu has changed", preset, what, i);
  }
  return report;
}

/* A state as at the start, and parameters of size 1. */
static void restart(symo_test_stepper *s) {
  double theta[N];
  symo_optim_state_destroy(s->state);
  cr_ok(s->w.context, symo_optim_state_create(s->optim, &s->state));
  for (size_t i = 0; i < s->w.n; i++) theta[i] = 1 - (double)(i % 5) / 2;
  symo_stepper_set(s, theta);
}

static void try_gradients(symo_test_stepper *s, const char *preset, hostile kind) {
  symo_rng *rng = symo_test_rng(s->w.context, 91);
  restart(s);
  for (int t = 0; t < STEPS; t++) {
    for (size_t i = 0; i < s->w.n; i++)
      s->g[i] = entry_of(kind, s->dtype, i, t, 2 * symo_rng_uniform(rng) - 1);
    symo_step_report report = survive(s, preset, names[kind]);
    cr_assert(!is_refused(kind) || (!report.accepted && report.refused_steps == (uint64_t)t + 1),
              "%s, %s: not refused", preset, names[kind]);
    cr_assert(kind != ZERO || !report.accepted || report.gradient_norm == 0);
  }
  /* What was hostile is over: an ordinary step is taken, however good. */
  for (size_t i = 0; i < s->w.n; i++) s->g[i] = 2 * symo_rng_uniform(rng) - 1;
  symo_step_report report = survive(s, preset, "an ordinary gradient");
  cr_assert(report.accepted || kind == LARGE || kind == SWINGING,
            "%s, %s: no step was taken afterwards", preset, names[kind]);
  symo_rng_destroy(rng);
}

Test(hostile, gradients_under_every_preset) {
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (symo_dtype dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      if (wants_of(symo_method_preset_name(p)) != GRADIENT) continue;
      symo_test_stepper s;
      symo_stepper_open(&s, net, dtype, 90, false);
      plan_preset(&s, symo_method_preset_name(p));
      cr_assert(s.w.n <= N);
      for (int kind = 0; kind < HOSTILE; kind++)
        try_gradients(&s, symo_method_preset_name(p), (hostile)kind);
      symo_stepper_close(&s);
    }
}

/* ---- curvatures of problems: rank 0 and 1, condition 1e16, repeated and negative eigenvalues ---- */

enum { M = 6, SPECTRA = 6 };
static const double spectra[SPECTRA][M] = {
    {0, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 0},          {1, 1e-4, 1e-8, 1e-12, 1e-15, 1e-16},
    {2, 2, 2, 2, 2, 2}, {-1, -2, -3, -4, -5, -1e-3}, {1e30, 1e30, 1e-30, 1, 1, 0}};

/* Rows come from a Cholesky factor here: of the zero matrix, or of one that is well conditioned. */
static bool wants_rows(const char *preset) {
  return strncmp(preset, "egn", 3) == 0 || strncmp(preset, "ngd", 3) == 0 ||
         strcmp(preset, "sophia-g") == 0;
}

static void try_problem(const char *preset, symo_dtype dtype, int spectrum, int fault) {
  if (wants_rows(preset) && spectrum != 0 && spectrum != 3) return;
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 92);
  symo_test_problem p;
  symo_test_descent d;
  double theta[M], before[M], loss;
  symo_test_quadratic(&p, rng, dtype, M, spectra[spectrum]);
  symo_descent_open(&d, context, &p.problem, NULL, preset, "");
  for (int t = 0; t < STEPS; t++) {
    symo_step_report report = {0};
    symo_descent_get(&d, before);
    p.nan_loss = fault == 1 && t == 1;
    p.nan_gradient = fault == 2 && t == 1;
    p.nan_product = fault == 3 && t == 1;
    symo_status status = symo_optim_problem_step(d.state, &p.problem, d.theta, &loss, &report);
    symo_descent_get(&d, theta);
    cr_assert(status == SYMO_OK || symo_context_detail(context)[0] != '\0');
    cr_assert(status == SYMO_OK || status == SYMO_E_NUMERIC || status == SYMO_E_NONFINITE ||
                  status == SYMO_NO_CONVERGENCE,
              "%s, spectrum %d: %s", preset, spectrum, symo_status_name(status));
    for (size_t i = 0; i < M; i++) {
      cr_assert(isfinite(theta[i]), "%s, spectrum %d, fault %d, step %d: %g", preset, spectrum,
                fault, t, theta[i]);
      cr_assert((status == SYMO_OK && report.accepted) || theta[i] == before[i],
                "%s, spectrum %d, fault %d: refused, but theta has changed", preset, spectrum,
                fault);
    }
  }
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(hostile, curvatures_of_problems) {
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (int spectrum = 0; spectrum < SPECTRA && wants_of(symo_method_preset_name(p)) == PROBLEM;
         spectrum++)
      for (int fault = 0; fault < 4; fault++)
        for (symo_dtype dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
          try_problem(symo_method_preset_name(p), dtype, spectrum, fault);
}

/* ---- scale ---- */

/* Methods whose steps do not depend on the size of the gradient: to the last bits, whatever its
 * singular values. */
Test(hostile, steps_do_not_depend_on_size) {
  static const char *const presets[] = {"symo",       "symo-bd",        "symo-stateless",
                                        "muon-exact", "normalized-sgd", "symo-published"};
  static const hostile kinds[] = {ONE_ENTRY, RANK_ONE, CONDITION, REPEATED};
  for (size_t p = 0; p < sizeof presets / sizeof *presets; p++)
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
      for (symo_dtype dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
        double change[2][N] = {{0}};
        for (int far = 0; far < 2; far++) {
          symo_test_stepper s;
          symo_stepper_open(&s, net, dtype, 93, false);
          symo_stepper_preset(&s, presets[p], "");
          double zero[N] = {0};
          for (int t = 0; t < STEPS; t++) {
            for (size_t i = 0; i < s.w.n; i++)
              s.g[i] = ldexp(entry_of(kinds[k], dtype, i, t, 1 - (double)(i % 3) / 2), 40 * far);
            symo_stepper_set(&s, zero);
            cr_assert(survive(&s, presets[p], names[kinds[k]]).accepted);
          }
          memcpy(change[far], s.theta, s.w.n * sizeof *s.theta);
          symo_stepper_close(&s);
        }
        const double off = symo_test_rel(change[1], change[0], N);
        cr_assert(off <= 2000 * symo_epsilon(dtype), "%s, %s, %s: %g", presets[p], names[kinds[k]],
                  symo_dtype_name(dtype), off);
      }
}

/* ---- estimates ---- */

/* Finite, or refused with a reason. */
Test(hostile, gradients_under_every_estimator) {
  for (size_t e = 0; e < symo_estimator_count(); e++)
    for (int kind = 0; kind < HOSTILE; kind++)
      for (symo_dtype dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
        for (int centered = 0; centered < 2; centered++) {
          symo_world w;
          symo_world_open(&w, 97);
          symo_world_parse(&w, net);
          symo_test_case how = {.estimator = symo_estimator_name(symo_estimator_at(e)),
                                .dtype = dtype,
                                .centered = centered != 0};
          symo_test_batch g = symo_test_batch_make(w.layout, dtype, w.rng, 2);
          symo_test_batch t = symo_test_batch_make(w.layout, dtype, w.rng, 2);
          double numbers[N];
          symo_plan *plan = NULL;
          symo_hessian *h = NULL;
          for (int k = 0; k < 2; k++) {
            for (size_t i = 0; i < w.n; i++)
              numbers[i] = entry_of((hostile)kind, dtype, i, k, 1 - (double)(i % 9) / 4);
            symo_test_vector_set(&g.vectors[k], numbers);
          }
          symo_status status = symo_world_try(&w, &how, &g, &t, &plan, &h);
          cr_assert((h != NULL) == (status == SYMO_OK));
          cr_assert(status == SYMO_OK || status == SYMO_E_NUMERIC ||
                        (status == SYMO_E_NONFINITE && is_refused((hostile)kind)),
                    "%s, %s: %s", how.estimator, names[kind], symo_status_name(status));
          cr_assert(status == SYMO_OK || symo_context_detail(w.context)[0] != '\0');
          cr_assert(!is_refused((hostile)kind) || status == SYMO_E_NONFINITE);
          if (h != NULL) {
            double *dense = symo_dense_of(h);
            cr_assert(isfinite(symo_test_max(dense, w.n * w.n)), "%s, %s", how.estimator,
                      names[kind]);
            free(dense);
          }
          symo_hessian_destroy(h);
          symo_plan_destroy(plan);
          symo_test_batch_free(&g);
          symo_test_batch_free(&t);
          symo_world_close(&w);
        }
}

/* ---- LAPACK ---- */

/* Each decomposition of a few steps fails in turn, alone or with all that follow. */
static size_t try_lapack(symo_test_stepper *s, const char *preset, shim_kind kind, bool always) {
  for (long after = 0;; after++) {
    bool said = false;
    symo_rng *rng = symo_test_rng(s->w.context, 95);
    restart(s);
    shim_arm_lapack(kind, after, always);
    for (int t = 0; t < STEPS; t++) {
      symo_test_randn(rng, s->g, s->w.n);
      symo_step_report report = survive(s, preset, shim_names[kind]);
      said = said || report.failed_roots > 0 || !report.accepted;
    }
    const bool fired = shim_disarm();
    /* A factorization that fails may be replaced by a decomposition. */
    cr_assert(!fired || said || kind == SHIM_CHOLESKY || kind == SHIM_INVERT,
              "%s, %s after %ld: nobody was told", preset, shim_names[kind], after);
    symo_rng_destroy(rng);
    if (!fired) return (size_t)after;
  }
}

Test(hostile, lapack_does_not_converge) {
  static const shim_kind kinds[] = {SHIM_EIGH, SHIM_SVD, SHIM_CHOLESKY, SHIM_INVERT};
  size_t happened = 0;
  for (size_t p = 0; p < symo_method_num_presets(); p++)
    for (symo_dtype dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      if (wants_of(symo_method_preset_name(p)) != GRADIENT) continue;
      symo_test_stepper s;
      symo_stepper_open(&s, net, dtype, 94, false);
      plan_preset(&s, symo_method_preset_name(p));
      for (size_t k = 0; k < 4; k++)
        for (int always = 0; always < 2; always++)
          happened += try_lapack(&s, symo_method_preset_name(p), kinds[k], always != 0);
      symo_stepper_close(&s);
    }
  cr_assert(happened > 20, "only %zu failures", happened);
}
