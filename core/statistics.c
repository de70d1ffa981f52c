/* Order statistics, lines through points, and a special function, by GSL.
 *
 * Check values: a line with a tenth of its points moved far away is found again; zeta(2) = pi^2 / 6. */
#include "core/statistics.h"

#include <math.h>
#include <stdbool.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_sf_zeta.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>

#include <symo/types.h>

#include "core/alloc.h"

double symo_median(size_t n, double *values) {
  if (n == 0) return NAN; /* GSL returns 0 */
  gsl_sort(values, 1, n);
  return gsl_stats_median_from_sorted_data(values, 1, n);
}

double symo_quantile(size_t n, const double *sorted, double p) {
  if (n == 0 || !(p >= 0 && p <= 1)) return NAN;
  return gsl_stats_quantile_from_sorted_data(sorted, 1, n, p);
}

double symo_zeta(double s) { return s > 1 ? gsl_sf_zeta(s) : INFINITY; }

/* ---- lines ----
 *
 * Weights that vanish far out (bisquare, Welsch) have several fixed points on data that bend, and
 * now and then reweighting goes round in a circle; Cauchy's settle. */

enum { MOST_ROUNDS = 1000 };

static bool one_x(size_t n, const double *x) {
  for (size_t i = 1; i < n; i++)
    if (x[i] != x[0]) return false;
  return true;
}

/* GSL sees views of our memory: a matrix of its own would be lost if its numbers could not be had
 * (GSL 2.7). */
static symo_status fit_run(gsl_multifit_robust_workspace *work, size_t n, double *numbers,
                           const double *x, const double *y, symo_line *out) {
  double covariance[4], line[2];
  gsl_matrix_view rows = gsl_matrix_view_array(numbers, n, 2),
                  square = gsl_matrix_view_array(covariance, 2, 2);
  gsl_vector_const_view values = gsl_vector_const_view_array(y, n);
  gsl_vector_view coefficients = gsl_vector_view_array(line, 2);
  for (size_t i = 0; i < n; i++) numbers[2 * i] = 1, numbers[2 * i + 1] = x[i];
  gsl_multifit_robust_maxiter(MOST_ROUNDS, work);
  if (gsl_multifit_robust(&rows.matrix, &values.vector, &coefficients.vector, &square.matrix,
                          work) != GSL_SUCCESS)
    return SYMO_NO_CONVERGENCE;
  if (!isfinite(line[0]) || !isfinite(line[1])) return SYMO_NO_CONVERGENCE;
  *out = (symo_line){.slope = line[1],
                     .intercept = line[0],
                     .scatter = gsl_multifit_robust_statistics(work).sigma_mad};
  return SYMO_OK;
}

symo_status symo_line_fit(size_t n, const double *x, const double *y, symo_line *out) {
  if (n < 3 || one_x(n, x)) return SYMO_E_ARGUMENT;
  gsl_error_handler_t *handler = gsl_set_error_handler_off();
  symo_status status = SYMO_E_MEMORY;
  size_t bytes;
  double *numbers = symo_mul_size(n, 2 * sizeof *numbers, &bytes) ? symo_malloc(bytes) : NULL;
  gsl_multifit_robust_workspace *work =
      numbers != NULL ? gsl_multifit_robust_alloc(gsl_multifit_robust_cauchy, n, 2) : NULL;
  if (work != NULL) {
    status = fit_run(work, n, numbers, x, y, out);
    gsl_multifit_robust_free(work);
  }
  symo_free(numbers);
  (void)gsl_set_error_handler(handler);
  return status;
}
