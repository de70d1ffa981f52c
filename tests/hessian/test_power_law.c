/* Fits of power laws, and participation ratios. */
#include "hessian/power_law.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/testing.h"

#include <stdlib.h>

enum { POINTS = 48, RESAMPLES = 200 };

Test(symo_power, an_exact_law_is_found_to_rounding) {
  double x[POINTS], y[POINTS];
  symo_power p;
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 1);
  for (int i = 0; i < POINTS; i++) x[i] = i + 1, y[i] = 3 * pow(x[i], -2);
  cr_ok(context, symo_power_fit(context, rng, 50, POINTS, x, y, &p));
  cr_assert(p.points == POINTS && fabs(p.value + 2) <= 1e-12 && fabs(p.factor - 3) <= 1e-11);
  cr_assert(fabs(p.low + 2) <= 1e-11 && fabs(p.high + 2) <= 1e-11);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
}

Test(symo_power, what_is_not_positive_is_left_out) {
  double x[] = {1, 2, 3, 4, 5, 6, 7}, y[] = {1, 4, -9, 16, 25, 36, NAN};
  symo_power p;
  symo_context *context = symo_test_context();
  cr_ok(context, symo_power_fit(context, NULL, 0, 7, x, y, &p));
  cr_assert(p.points == 5 && fabs(p.value - 2) <= 1e-12 && isnan(p.low) && isnan(p.high));
  cr_ok(context, symo_power_fit(context, NULL, 0, 6, x, y, &p));
  cr_assert(p.points == 5 && fabs(p.value - 2) <= 1e-12);
  cr_ok(context, symo_power_fit(context, NULL, 0, 5, x, y, &p)); /* four points */
  cr_assert(p.points == 4 && isnan(p.value) && isnan(p.factor));
  cr_ok(context, symo_power_fit(context, NULL, 0, 0, x, y, &p));
  cr_assert(p.points == 0 && isnan(p.value));
  for (int i = 0; i < 7; i++) x[i] = 2;
  cr_ok(context, symo_power_fit(context, NULL, 0, 6, x, y, &p));
  cr_assert(isnan(p.value));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Room for the fit itself, which is not taken by our allocator: here there is enough for the logarithms
 * (4 n numbers) and not for the fit (a multiple of that).  Address space of a sanitizer has no limit. */
#if defined(__linux__) && !defined(TEST_ADDRESS_SANITIZER)
Test(symo_power, a_fit_that_gets_no_memory_says_so) {
  enum { MANY = 1 << 20 };
  symo_context *context = symo_test_context();
  double *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y);
  symo_power p = {.value = 7};
  unsigned long pages;
  struct rlimit before, limit;
  cr_assert(x != NULL && y != NULL && getrlimit(RLIMIT_AS, &before) == 0);
  for (size_t i = 0; i < MANY; i++) x[i] = (double)(i + 1), y[i] = 1 / x[i];
  FILE *file = fopen("/proc/self/statm", "r");
  cr_assert(file != NULL && fscanf(file, "%lu", &pages) == 1);
  fclose(file);
  limit = before;
  limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + 4 * MANY * sizeof *x + (4 << 20);
  cr_assert(setrlimit(RLIMIT_AS, &limit) == 0);
  const symo_status status = symo_power_fit(context, NULL, 0, MANY, x, y, &p);
  cr_assert(setrlimit(RLIMIT_AS, &before) == 0);
  cr_fails(context, SYMO_E_MEMORY, "power law", status);
  cr_assert(p.value == 7, "written though it failed");
  free(x);
  free(y);
  symo_context_destroy(context);
  cr_no_leaks();
}
#endif

Test(symo_power, participation) {
  const double equal[] = {2, 2, 2, 2}, one[] = {0, 5, 0}, zero[] = {0, 0};
  double power[100];
  cr_assert_eq(symo_participation(4, equal), 4);
  cr_assert_eq(symo_participation(3, one), 1);
  cr_assert(isnan(symo_participation(2, zero)));
  for (int k = 0; k < 100; k++) power[k] = pow(k + 1, -1.3);
  cr_assert(fabs(symo_participation_of_power(1.3, 100) - symo_participation(100, power)) <= 1e-12);
  cr_assert(fabs(symo_participation_of_power(2, 0) - 2.5) <= 1e-13);
  cr_assert(isinf(symo_participation_of_power(1, 0)));
  /* The tail of sum k^-2 beyond n is 1 / n. */
  cr_assert(fabs(symo_participation_of_power(2, 100000) - 2.5) <= 5e-5);
}
