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

/* What GSL works with. */
typedef struct fit {
  gsl_multifit_robust_workspace *work;
  gsl_matrix *rows, *covariance;
  gsl_vector *values, *line;
} fit;

static bool fit_open(size_t n, fit *f) {
  f->work = gsl_multifit_robust_alloc(gsl_multifit_robust_cauchy, n, 2);
  f->rows = gsl_matrix_alloc(n, 2);
  f->covariance = gsl_matrix_alloc(2, 2);
  f->values = gsl_vector_alloc(n);
  f->line = gsl_vector_alloc(2);
  return f->work != NULL && f->rows != NULL && f->covariance != NULL && f->values != NULL &&
         f->line != NULL;
}

/* Each of these takes NULL. */
static void fit_close(fit *f) {
  if (f->work != NULL) gsl_multifit_robust_free(f->work);
  gsl_matrix_free(f->rows);
  gsl_matrix_free(f->covariance);
  gsl_vector_free(f->values);
  gsl_vector_free(f->line);
}

static symo_status fit_run(fit *f, size_t n, const double *x, const double *y, symo_line *out) {
  for (size_t i = 0; i < n; i++) {
    gsl_matrix_set(f->rows, i, 0, 1);
    gsl_matrix_set(f->rows, i, 1, x[i]);
    gsl_vector_set(f->values, i, y[i]);
  }
  gsl_multifit_robust_maxiter(MOST_ROUNDS, f->work);
  if (gsl_multifit_robust(f->rows, f->values, f->line, f->covariance, f->work) != GSL_SUCCESS)
    return SYMO_NO_CONVERGENCE;
  const symo_line line = {.slope = gsl_vector_get(f->line, 1),
                          .intercept = gsl_vector_get(f->line, 0),
                          .scatter = gsl_multifit_robust_statistics(f->work).sigma_mad};
  if (!isfinite(line.slope) || !isfinite(line.intercept)) return SYMO_NO_CONVERGENCE;
  *out = line;
  return SYMO_OK;
}

symo_status symo_line_fit(size_t n, const double *x, const double *y, symo_line *out) {
  if (n < 3 || one_x(n, x)) return SYMO_E_ARGUMENT;
  gsl_error_handler_t *handler = gsl_set_error_handler_off();
  fit f;
  symo_status status = fit_open(n, &f) ? fit_run(&f, n, x, y, out) : SYMO_E_MEMORY;
  fit_close(&f);
  (void)gsl_set_error_handler(handler);
  return status;
}
