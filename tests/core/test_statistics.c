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
