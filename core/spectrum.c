/* Functions of a symmetric matrix C = V' diag(w) V:  f(C) = V' diag(f(w)) V.
 *
 * By rounding, a zero eigenvalue becomes a number of size n eps max |w|, of either sign.  A square
 * root would raise it to sqrt(n eps), and in an inverse it would dominate; so it is set to zero
 * first.
 */
#include "core/spectrum.h"

#include <math.h>

double symo_spectrum_largest(size_t n, const double *w) {
  double largest = 0;
  for (size_t i = 0; i < n; i++)
    if (!(fabs(w[i]) <= largest)) largest = fabs(w[i]) + 0 * largest; /* a NaN is kept */
  return largest;
}

double symo_spectrum_zero(size_t n, const double *w, double tolerance) {
  return tolerance * symo_spectrum_largest(n, w);
}

/* sqrt is exact to half an ulp, pow almost. */
static double raise(double x, double power) { return power == 0.5 ? sqrt(x) : pow(x, power); }

/* |C + eps I|_F, by the largest so that squares stay in range. */
static double norm(size_t n, const double *w, double eps) {
  double largest = symo_spectrum_largest(n, w) + eps, squares = 0;
  for (size_t i = 0; i < n; i++) squares += (w[i] + eps) / largest * ((w[i] + eps) / largest);
  return largest > 0 ? largest * sqrt(squares) : 0;
}

void symo_spectrum_power(const symo_spectrum *s, size_t n, const double *w, double *f,
                         symo_spectrum_report *report) {
  const double largest = symo_spectrum_largest(n, w), top = largest + s->eps;
  const double zero = s->tolerance * largest;
  double sum = 0, squares = 0, least = top;
  const double q = s->cut > 0 ? s->order / 2 : 1;
  const double bend = s->cut > 0 ? pow(s->cut * s->cut * norm(n, w, s->eps), q) : 0;
  for (size_t i = 0; i < n; i++) {
    double value = w[i];
    sum += value;
    squares += value * value;
    if (s->eps > 0) {
      value = value < 0 ? s->eps : value + s->eps;
      if (value < s->floor * top) value = s->floor * top;
    } else if (value <= zero) {
      value = 0;
    }
    if (bend > 0) value = pow(pow(value, q) + bend, 1 / q);
    if (value > 0) least = fmin(least, value);
    f[i] = s->power == 0 ? 1 : value == 0 ? 0 : raise(value, s->power);
  }
  if (report != NULL)
    *report =
        (symo_spectrum_report){.condition = top > 0 ? top / least : (double)NAN,
                               .effective_rank = squares > 0 ? sum * sum / squares : (double)NAN};
}
