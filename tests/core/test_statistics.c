/* Medians against their definition: as many values below as above. */
#include "core/statistics.h"
#include "tests/support/testing.h"

#include <math.h>
#include <string.h>

Test(statistics, no_value_has_no_median) { cr_assert(isnan(symo_median(0, NULL))); }

Test(statistics, as_many_below_as_above) {
  symo_rng *rng = NULL;
  cr_assert_eq(symo_rng_create(NULL, 7, &rng), SYMO_OK);
  for (size_t n = 1; n <= 40; n++) {
    double values[40], sorted[40];
    for (size_t i = 0; i < n; i++) values[i] = sorted[i] = (double)symo_rng_below(rng, 9);
    const double median = symo_median(n, sorted);
    size_t below = 0, above = 0;
    for (size_t i = 0; i < n; i++) below += values[i]<median, above += values[i]> median;
    cr_assert(below <= n / 2 && above <= n / 2, "n = %zu: %g", n, median);
    for (size_t i = 1; i < n; i++) cr_assert(sorted[i - 1] <= sorted[i]);
  }
  symo_rng_destroy(rng);
  cr_no_leaks();
}

Test(statistics, the_two_in_the_middle) {
  double even[] = {INFINITY, 4, -1, 2}, odd[] = {INFINITY, INFINITY, 1}, two[] = {1, INFINITY};
  cr_assert_eq(symo_median(4, even), 3);
  cr_assert(isinf(symo_median(3, odd)));
  cr_assert(isinf(symo_median(2, two)));
}

Test(statistics, quantiles_are_linear_between_neighbours) {
  static const double sorted[] = {1, 2, 4, 8, 16};
  cr_assert_eq(symo_quantile(5, sorted, 0), 1);
  cr_assert_eq(symo_quantile(5, sorted, 1), 16);
  cr_assert_eq(symo_quantile(5, sorted, 0.5), 4);
  cr_assert_eq(symo_quantile(5, sorted, 0.625), 6);
  cr_assert(isnan(symo_quantile(0, sorted, 0.5)));
  cr_assert(isnan(symo_quantile(5, sorted, 1.5)) && isnan(symo_quantile(5, sorted, NAN)));
}

Test(statistics, zeta) {
  const double pi = acos(-1);
  cr_assert(fabs(symo_zeta(2) - pi * pi / 6) <= 1e-14);
  cr_assert(fabs(symo_zeta(4) - pow(pi, 4) / 90) <= 1e-14);
  cr_assert(isinf(symo_zeta(1)) && isinf(symo_zeta(0.5)) && isinf(symo_zeta(NAN)));
}

/* Lines to rounding where the points lie on one; one point in ten far off changes nothing much. */
Test(statistics, lines_are_found_again) {
  symo_rng *rng = NULL;
  cr_assert_eq(symo_rng_create(NULL, 8, &rng), SYMO_OK);
  double x[60], y[60];
  symo_line line;
  for (size_t n = 3; n <= 60; n++) {
    for (size_t i = 0; i < n; i++) x[i] = symo_rng_normal(rng), y[i] = 3 - 1.7 * x[i];
    cr_assert_eq(symo_line_fit(n, x, y, &line), SYMO_OK);
    cr_assert(fabs(line.slope + 1.7) <= 1e-10 && fabs(line.intercept - 3) <= 1e-10, "%zu: %g %g", n,
              line.slope + 1.7, line.intercept - 3);
  }
  for (size_t i = 0; i < 60; i++) y[i] += 0.01 * symo_rng_normal(rng) + (i % 10 == 0 ? 50 : 0);
  cr_assert_eq(symo_line_fit(60, x, y, &line), SYMO_OK);
  /* Five times .01 / sqrt(54), the standard error without the others. */
  cr_assert(fabs(line.slope + 1.7) <= 0.007 && fabs(line.intercept - 3) <= 0.007, "%g %g",
            line.slope, line.intercept);
  cr_assert(line.scatter > 0.005 && line.scatter < 0.02, "%g", line.scatter); /* .01 */
  symo_rng_destroy(rng);
}

Test(statistics, lines_that_there_are_not) {
  static const double x[] = {1, 1, 1, 1}, y[] = {0, 1, 2, 3}, nan[] = {0, NAN, 2, 3};
  symo_line line = {.slope = 7};
  cr_assert_eq(symo_line_fit(4, x, y, &line), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_line_fit(2, y, y, &line), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_line_fit(4, y, nan, &line), SYMO_NO_CONVERGENCE);
  cr_assert_eq(line.slope, 7);
  const double level[] = {5, 5, 5, 5};
  cr_assert_eq(symo_line_fit(4, y, level, &line), SYMO_OK);
  cr_assert(fabs(line.slope) <= 1e-14 && fabs(line.intercept - 5) <= 1e-13);
}
