/* Order statistics, by GSL. */
#include "core/statistics.h"

#include <math.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

double symo_median(size_t n, double *values) {
  if (n == 0) return NAN; /* GSL returns 0 */
  gsl_sort(values, 1, n);
  return gsl_stats_median_from_sorted_data(values, 1, n);
}
