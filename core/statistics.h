#ifndef SYMO_CORE_STATISTICS_H
#define SYMO_CORE_STATISTICS_H

#include <stddef.h>
#include <symo/status.h>

/* Sorts values [n], none of them NaN, and returns their median: for even n the mean of the two in
 * the middle.  NaN for n = 0. */
double symo_median(size_t n, double *values);

/* The value below which the part p of sorted values [n] lies, linear between neighbours; NaN for n =
 * 0 and p outside [0, 1]. */
double symo_quantile(size_t n, const double *sorted, double p);

/* A straight line through n points, y = intercept + slope x, by robust regression: least squares
 * with Cauchy's weights 1 / (1 + (r / 2.385 sd)^2), found by reweighting (Holland and Welsch 1977).  scatter: the standard
 * deviation of the residuals from their median absolute deviation.
 *   SYMO_E_ARGUMENT      fewer than 3 points, or all with one x
 *   SYMO_NO_CONVERGENCE  the weights did not settle; SYMO_E_MEMORY; *out is then untouched
 * GSL's error handler is off while it runs: not for threads beside others that rely on it. */
typedef struct symo_line {
  double slope, intercept, scatter;
} symo_line;
symo_status symo_line_fit(size_t n, const double *x, const double *y, symo_line *out);

/* Riemann's zeta function, sum_k k^-s; infinity for s <= 1, where the sum diverges. */
double symo_zeta(double s);

#endif
