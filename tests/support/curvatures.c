/* Cases for curvatures; see curvatures.h. */
#include "tests/support/curvatures.h"

#include <math.h>
#include <stdio.h>

#include "optim/damping/damping.h"
#include "optim/modules.h"
#include "tests/support/rig.h"

size_t curvatures_count(void) { return symo_modules(MODULE_CURVATURE).count; }
const symo_curvature *curvatures_at(size_t index) {
  return symo_registry_at(symo_modules(MODULE_CURVATURE), index);
}

/* Several tensors that share spaces, one without axes, three axes, wide, tall, one row, one column,
 * one number.  Every group moves coordinates by signed permutations. */
const char *const curvatures_layouts[CURVATURES_LAYOUTS] = {
    "h: signed-permutation 3; i: identity 2; w[h,i] b[h] r[h,h] s[]",
    "h: permutation 3; o: sign-flip 2; i: identity 2; t[i,h,o] b[o]",
    "h: sign-flip 2; i: identity 9; w[h,i]",
    "h: permutation 4; i: identity 2; w[h,i]",
    "h: sign-flip 3; one: identity 1; w[one,h]",
    "h: signed-permutation 3; one: identity 1; w[h,one]",
    "one: sign-flip 1; w[one]",
};

/* Gradients have norms below 1, so C, a sum or an average of their squares, has a trace of at most
 * STEPS.  With eps 1 the condition of C + eps I is at most 1 + STEPS; eps relative to the mean
 * eigenvalue of a C of order m gives at most 1 + m. alpha 0 leaves the direction as it is. */
const curvature_setting curvatures_settings[CURVATURES_SETTINGS] = {
    {"alpha=0", true, 0},
    {"beta2=0", false, 1},
    {"beta2=0.9 correction=true", false, 1},
    {"beta2=1 alpha=2", false, 2},
    {"beta2=0 eps=1", true, 1},
    {"beta2=0.9 correction=true eps=1", true, 1},
    {"beta2=1 alpha=2 eps=1", true, 2},
    {"beta2=0.9 damping=trace eps=1", true, 1},
    {"beta2=0.9 correction=true basis=adam", false, 1},
    {"beta2=0.9 correction=true basis=column", false, 1},
};

symo_method curvatures_method(symo_context *context, const symo_curvature *row, const char *texts) {
  symo_method method = symo_rig_method();
  method.curvature = row;
  method.solver = &symo_solver_auto;
  method.lr = 1;
  method.max_dim = 1024;
  symo_test_settings(context, &method, texts);
  return method;
}

/* Products and estimates come from a problem: test_second_order.c, test_diagonal_estimates.c. */
void curvatures_for_each_case(void (*check)(curvature_case *k)) {
  for (size_t r = 0; r < curvatures_count(); r++)
    for (size_t l = 0; l < CURVATURES_LAYOUTS && !symo_test_asks(curvatures_at(r)); l++) {
      size_t accepted = 0;
      for (size_t i = 0; i < 2 * CURVATURES_SETTINGS; i++) {
        curvature_case k = {.row = curvatures_at(r),
                            .layout = curvatures_layouts[l],
                            .setting = &curvatures_settings[i / 2]};
        k.dtype = i % 2 == 0 ? SYMO_F64 : SYMO_F32;
        snprintf(k.text, sizeof k.text, "%s, %s, %s, %s", k.row->name, k.setting->text,
                 symo_dtype_name(k.dtype), k.layout);
        symo_stepper_open(&k.s, k.layout, k.dtype, 7, false);
        k.n = k.s.w.n;
        k.method = curvatures_method(k.s.w.context, k.row, k.setting->text);
        if (k.row->refuse(&k.method, k.s.w.layout) == NULL) {
          const symo_rule rule = symo_stepper_rule(&k.method);
          symo_stepper_plan(&k.s, 1, &rule);
          check(&k);
          accepted++;
        }
        symo_stepper_close(&k.s);
      }
      cr_assert(accepted > 0, "%s runs nowhere on %s", curvatures_at(r)->name,
                curvatures_layouts[l]);
    }
}

void curvatures_draw(curvature_case *k, double *g) {
  cr_assert(k->n <= MOST);
  for (size_t step = 0; step < STEPS; step++) {
    double square = 0, *row = g + step * k->n;
    symo_test_randn(k->s.w.rng, row, k->n);
    for (size_t i = 0; i < k->n; i++) square += row[i] * row[i];
    for (size_t i = 0; i < k->n; i++)
      row[i] = (double)(float)(row[i] / sqrt(square) * (double)(step + 1) / (STEPS + 1));
  }
}

void curvatures_step(symo_test_stepper *s, const double *g, double *d, const char *text) {
  double zero[MOST] = {0};
  symo_stepper_set(s, zero);
  memcpy(s->g, g, s->w.n * sizeof *g);
  const size_t calls = symo_alloc_calls();
  symo_step_report report = symo_stepper_step(s);
  cr_assert(symo_alloc_calls() == calls, "%s: a step allocates", text);
  cr_assert(report.accepted, "%s: refused", text);
  for (size_t i = 0; i < s->w.n; i++) d[i] = -s->theta[i];
}

void curvatures_follow(const curvature_case *k, symo_dtype dtype, bool strided, const double *g,
                       double *d) {
  symo_test_stepper s;
  const symo_rule rule = symo_stepper_rule(&k->method);
  symo_stepper_open(&s, k->layout, dtype, 7, strided);
  symo_stepper_plan(&s, 1, &rule);
  for (size_t i = 0; i < STEPS; i++) curvatures_step(&s, g + i * k->n, d + i * k->n, k->text);
  symo_stepper_drop(&s);
}

void curvatures_close(const curvature_case *k, symo_dtype dtype, const double *d,
                      const double *expected, const char *what) {
  const double condition = k->method.damping->relative ? 1 + (double)k->n : 1 + STEPS;
  const double bound = symo_test_bound(dtype, k->n, k->setting->alpha == 0 ? 1 : condition);
  for (size_t i = 0; i < STEPS; i++) {
    const double error = symo_test_rel(d + i * k->n, expected + i * k->n, k->n);
    cr_assert(error <= bound, "%s: %s: step %zu: %g, bound %g", k->text, what, i + 1, error, bound);
  }
}
