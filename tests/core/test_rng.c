/* Random numbers: the same for the same seed on every machine, and distributed as they should be.
 */
#include <math.h>

#include "tests/support/testing.h"

/* MT19937 seeded with 1: 1791095845, 4282876139, 3093770124 over 2^32. */
Test(rng, first_numbers_of_seed_1) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 1);
  const double draws[] = {1791095845, 4282876139, 3093770124};
  for (int i = 0; i < 3; i++) cr_assert(symo_rng_uniform(rng) == draws[i] / 4294967296.0);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(rng, seeds_repeat_and_differ) {
  symo_context *context = symo_test_context();
  const uint64_t seeds[] = {0, 1, 2, 4357, (uint64_t)1 << 32, UINT64_MAX};
  enum { SEEDS = 6 };
  double first[SEEDS][4];
  for (int s = 0; s < SEEDS; s++) {
    symo_rng *a = symo_test_rng(context, seeds[s]), *b = symo_test_rng(context, seeds[s]);
    for (int i = 0; i < 4; i++) {
      first[s][i] = symo_rng_normal(a);
      cr_assert(first[s][i] == symo_rng_normal(b));
    }
    symo_rng_destroy(a);
    symo_rng_destroy(b);
    for (int t = 0; t < s; t++) /* 0 stands for 4357 in MT19937 */
      cr_assert(first[s][0] != first[t][0] || (seeds[t] == 0 && seeds[s] == 4357), "%d, %d", s, t);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Moments within 5 standard errors. */
Test(rng, moments) {
  enum { N = 200000 };
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 2);
  double u[4] = {0}, z[4] = {0}, previous = 0, correlation = 0;
  for (int i = 0; i < N; i++) {
    double x = symo_rng_uniform(rng), y = symo_rng_normal(rng);
    cr_assert(x >= 0 && x < 1 && isfinite(y));
    for (int k = 0; k < 4; k++) {
      u[k] += pow(x, k + 1) / N;
      z[k] += pow(y, k + 1) / N;
    }
    correlation += y * previous / N;
    previous = y;
  }
  for (int k = 0; k < 4; k++) { /* E x^p = 1/(p+1) */
    double p = k + 1, error = sqrt((1 / (2 * p + 1) - 1 / (p + 1) / (p + 1)) / N);
    cr_assert(fabs(u[k] - 1 / (p + 1)) <= 5 * error, "uniform, moment %d: %g", k + 1, u[k]);
  }
  const double wanted[] = {0, 1, 0, 3}, variance[] = {1, 2, 15, 96};
  for (int k = 0; k < 4; k++)
    cr_assert(fabs(z[k] - wanted[k]) <= 5 * sqrt(variance[k] / N), "normal, moment %d: %g", k + 1,
              z[k]);
  cr_assert(fabs(correlation) <= 5 / sqrt(N));
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(rng, below_is_unbiased) {
  enum { N = 60000 };
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 3);
  const uint64_t sizes[] = {1, 2, 3, 7, 10};
  for (int s = 0; s < 5; s++) {
    double counts[10] = {0}, p = 1 / (double)sizes[s];
    for (int i = 0; i < N; i++) {
      uint64_t k = symo_rng_below(rng, sizes[s]);
      cr_assert(k < sizes[s]);
      counts[k]++;
    }
    for (uint64_t k = 0; k < sizes[s]; k++)
      cr_assert(fabs(counts[k] - N * p) <= 5 * sqrt(N * p * (1 - p)) + 1e-9, "%g", counts[k]);
  }
  /* Where a remainder of 2^32 would show. */
  uint64_t large = ((uint64_t)1 << 31) - 1;
  double low = 0;
  for (int i = 0; i < N; i++) low += symo_rng_below(rng, large) < large / 2;
  cr_assert(fabs(low - N / 2.0) <= 5 * sqrt(N / 4.0), "%g", low);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
