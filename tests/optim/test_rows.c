/* Tensors with one row or one column: a solver is what its name says there too. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/support/stepping.h"

/* a s + b s^3 + c s^5; *error: of s, in units of the roundoff, grows by the slope and by what
 * rounding adds to each term. */
static long double quintic(long double s, const long double p[3], long double *error) {
  long double a = p[0] * s, b = p[1] * s * s * s, c = p[2] * s * s * s * s * s;
  *error *= fabsl(a + 3 * b + 5 * c) / s;
  *error += 3 * (fabsl(a) + fabsl(b) + fabsl(c));
  return a + b + c;
}

/* s after steps of the published coefficients, from 1. */
static long double muon(int steps, long double *error) {
  static const long double p[3] = {3.4445L, -4.7750L, 2.0315L};
  long double s = 1;
  for (int k = 0; k < steps; k++) s = quintic(s, p, error);
  return s;
}

static long double express(int steps, long double *error) {
  static const long double p[6][3] = {
      {8.156554524902461L, -22.48329292557795L, 15.878769915207462L},
      {4.042929935166739L, -2.808917465908714L, 0.5000178451051316L},
      {3.8916678022926607L, -2.772484153217685L, 0.5060648178503393L},
      {3.285753657755655L, -2.3681294933425376L, 0.46449024233003106L},
      {2.3465413258596377L, -1.7097828382687081L, 0.42323551169305323L},
      {1.875L, -1.25L, 0.375L},
  };
  long double s = 1 / 1.02L;
  for (int k = 0; k < steps; k++) s = quintic(s, p[k < 5 ? k : 5], error);
  return s;
}

typedef struct row_case {
  const char *settings;
  long double (*number)(int steps, long double *error);
  int steps;
} row_case;

static const row_case cases[] = {
    {"", muon, 5},
    {"solver_steps=3", muon, 3},
    {"solver=polar-express solver_steps=5", express, 5},
    {"solver=polar-express solver_steps=8", express, 8},
    {"solver=eigh", NULL, 0},
    {"solver=auto solver_steps=0", NULL, 0},
    {"scale=none beta2=0.5 correction=true", muon, 5},
    {"scale=none beta2=0.5 correction=true solver=polar-express", express, 5},
};

static const struct {
  const char *layout;
  double rows, columns;
} shapes[] = {
    {"a: identity 1; b: signed-permutation 6; w[a,b]", 1, 6},
    {"a: signed-permutation 7; b: identity 1; w[a,b]", 7, 1},
    {"a: identity 1; b: identity 1; w[a,b]", 1, 1},
    {"a: orthogonal 5; b: identity 1; w[b,a]", 1, 5},
};

Test(optim_rows, polynomials_see_rows_and_columns) {
  for (size_t k = 0; k < 4 * sizeof cases / sizeof *cases * 2; k++) {
    const row_case *c = &cases[k / 8];
    size_t shape = k / 2 % 4;
    symo_dtype dtype = k % 2 == 0 ? SYMO_F32 : SYMO_F64;
    bool memory = strstr(c->settings, "beta2") != NULL;
    char settings[160];
    symo_test_stepper s;
    double zero[16] = {0};
    /* The first step of a corrected average is that without memory. */
    snprintf(settings, sizeof settings, "lr=0.5 nesterov=false %s%s",
             memory ? "momentum=0 source=gradient " : "", c->settings);
    symo_stepper_open(&s, shapes[shape].layout, dtype, 90 + shape, false);
    symo_stepper_preset(&s, "muon", settings);
    symo_stepper_set(&s, zero);
    symo_stepper_random(&s, 1);
    long double norm = 0, error = 1;
    long double factor = c->number == NULL ? 1 : c->number(c->steps, &error);
    for (size_t i = 0; i < s.w.n; i++) norm += (long double)s.g[i] * s.g[i];
    double stretch = memory ? 1 : sqrt(fmax(1, shapes[shape].rows / shapes[shape].columns));
    /* With memory the root of several columns is that of a matrix. */
    bool number = !memory || s.w.n == 1;
    double tolerance = 10 * symo_epsilon(dtype) * fmax(1, (double)error);
    for (size_t i = 0; i < s.w.n && number; i++) {
      double want = (double)(-0.5L * stretch * factor * (s.g[i] / sqrtl(norm)));
      cr_assert(fabs(s.theta[i] - want) <= tolerance * fabs(want), "%s, %g x %g: %.17g, %.17g",
                settings, shapes[shape].rows, shapes[shape].columns, s.theta[i], want);
    }
    symo_stepper_close(&s);
  }
}
