/* Newton's method far from the minimum: steps that raise f are taken back, and the preset converges
 * from random starts where steps without damping do not. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/problems.h"

enum { N = 6 };

/* Chains of Rosenbrock's valley, sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2, and hyperbolas, sum
 * sqrt(1 + x_i^2) + (x_i - x_{i+1})^2 / 20000, where Newton's steps grow like x^3. */
typedef struct far {
  bool chain;
} far;

static double value(const far *f, const double *x) {
  double sum = 0;
  for (int i = 0; i < N; i++) {
    double d = i + 1 < N ? (f->chain ? x[i + 1] - x[i] * x[i] : x[i] - x[i + 1]) : 0;
    if (f->chain)
      sum += i + 1 < N ? 100 * d * d + (1 - x[i]) * (1 - x[i]) : 0;
    else
      sum += sqrt(1 + x[i] * x[i]) + d * d / 2e4;
  }
  return sum;
}

static symo_status loss_of(void *self, const void *theta, double *loss) {
  *loss = value(self, theta);
  return SYMO_OK;
}

static symo_status gradient_of(void *self, const void *theta, double *loss, void *grad) {
  const far *f = self;
  const double *x = theta;
  double *g = grad;
  *loss = value(f, x);
  memset(g, 0, N * sizeof *g);
  for (int i = 0; i < N; i++) {
    if (!f->chain) g[i] += x[i] / sqrt(1 + x[i] * x[i]);
    if (i + 1 == N) break;
    if (f->chain) {
      double d = x[i + 1] - x[i] * x[i];
      g[i] += -400 * d * x[i] - 2 * (1 - x[i]);
      g[i + 1] += 200 * d;
    } else {
      double d = (x[i] - x[i + 1]) / 1e4;
      g[i] += d;
      g[i + 1] -= d;
    }
  }
  return SYMO_OK;
}

static symo_status product_of(void *self, const void *theta, size_t k, const void *v, void *out) {
  const far *f = self;
  const double *x = theta;
  for (size_t j = 0; j < k; j++) {
    const double *u = (const double *)v + j * N;
    double *h = (double *)out + j * N;
    memset(h, 0, N * sizeof *h);
    for (int i = 0; i < N; i++) {
      if (!f->chain) h[i] += u[i] / pow(1 + x[i] * x[i], 1.5);
      if (i + 1 == N) break;
      if (f->chain) {
        h[i] += (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * u[i] - 400 * x[i] * u[i + 1];
        h[i + 1] += 200 * u[i + 1] - 400 * x[i] * u[i];
      } else {
        h[i] += (u[i] - u[i + 1]) / 1e4;
        h[i + 1] -= (u[i] - u[i + 1]) / 1e4;
      }
    }
  }
  return SYMO_OK;
}

/* Steps to a gradient of 1e-8, or `most`.  The loss never rises where steps are judged. */
static int descend(far *f, uint64_t seed, double spread, const char *settings, bool judged,
                   int most) {
  symo_problem problem = {.size = N,
                          .dtype = SYMO_F64,
                          .self = f,
                          .loss = loss_of,
                          .gradient = gradient_of,
                          .hvp = product_of};
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, seed);
  symo_test_descent d;
  double start[N], last = INFINITY;
  int step = 0;
  symo_test_randn(rng, start, N);
  for (int i = 0; i < N; i++) start[i] *= spread;
  symo_descent_open(&d, context, &problem, NULL, "newton-cg", settings);
  symo_descent_set(&d, start);
  for (; step < most; step++) {
    symo_step_report r = symo_descent_step(&d);
    if (r.gradient_norm <= 1e-8) break;
    if (judged) cr_assert(d.loss <= last + 1e-12 * fabs(last), "seed %d, step %d", (int)seed, step);
    last = d.loss;
  }
  symo_descent_close(&d);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  return step;
}

Test(newton_far, the_preset_converges_from_random_starts) {
  for (int chain = 0; chain < 2; chain++) {
    far f = {.chain = chain == 1};
    int plain_failed = 0, longest = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
      double spread = chain ? 2 : 5;
      int steps = descend(&f, seed, spread, "", true, 400);
      cr_assert(steps < 400, "chain %d, seed %d", chain, (int)seed);
      longest = steps > longest ? steps : longest;
      plain_failed += descend(&f, seed, spread, "damping=constant eps=0", false, 400) == 400;
    }
    cr_log_info("chain %d: at most %d steps; without damping %d of 20 fail\n", chain, longest,
                plain_failed);
    if (!chain) cr_assert(plain_failed >= 5, "%d", plain_failed);
  }
  cr_no_leaks();
}
