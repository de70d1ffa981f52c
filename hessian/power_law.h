#ifndef SYMO_HESSIAN_POWER_LAW_H
#define SYMO_HESSIAN_POWER_LAW_H

#include <symo/types.h>

/* y ~ x^value on points that are both positive: the slope of log y on log x by robust regression
 * (symo_line_fit), with a 95 % interval from resampled points. */
typedef struct symo_power {
  double value, low, high; /* NaN: too few points, or no settled regression */
  double factor;           /* y ~ factor x^value */
  double scatter;          /* of log y around the line */
  size_t points;           /* positive ones, those that were fitted */
} symo_power;

enum { SYMO_POWER_POINTS = 5 };

/* Points with x or y not positive are left out.  resamples 0: no interval (NaN).  The interval is
 * that of percentiles over pairs drawn with replacement (Efron 1979); draws whose regression does
 * not settle are drawn again.  SYMO_E_MEMORY; *out is then untouched. */
symo_status symo_power_fit(symo_context *context, symo_rng *rng, size_t resamples, size_t n,
                           const double *x, const double *y, symo_power *out);

/* (sum h)^2 / sum h^2, how many directions carry the curvature: 1 to n; NaN for zeros. */
double symo_participation(size_t n, const double *h);

/* The same of h_k = k^-s, k = 1 .. n, or without end for n = 0: zeta(s)^2 / zeta(2 s), infinite for
 * s <= 1. */
double symo_participation_of_power(double s, size_t n);

#endif
