#ifndef SYMO_CORE_SPECTRUM_H
#define SYMO_CORE_SPECTRUM_H

#include <symo/types.h>

/* Functions of a symmetric matrix, on its eigenvalues w [n], in any order.
 *
 * One rule for zero: an eigenvalue w counts as zero if |w| <= tolerance max |w|.  The tolerance of
 * a computed matrix is symo_rank_tolerance (core/linalg.h), or more where it lost precision before.
 * A positive semi-definite matrix has negative eigenvalues by rounding alone: they are zero too. */

double symo_spectrum_largest(size_t n, const double *w); /* max |w|; NaN if any of them is */
double symo_spectrum_zero(size_t n, const double *w, double tolerance); /* tolerance max |w| */

/* f(C) = (C + eps I)^power of a positive semi-definite C.  With eps 0, eigenvalues that count as
 * zero stay zero (the pseudo-inverse for powers below 0).  With eps above 0, no eigenvalue of C +
 * eps I counts as less than `floor` times the largest, so that an eps below rounding cannot blow
 * rounding up.  Power 0 gives the identity, whatever C.
 *
 * With cut above 0 it bends at d = cut^2 |C + eps I|_F to a constant below:
 *     f(C) = ((C + eps I)^q + d^q I)^{power / q} ,  q = order / 2 ,
 * and no eigenvalue need count as zero. */
typedef struct symo_spectrum {
  double power, eps;
  double tolerance; /* eps 0 */
  double floor;     /* eps above 0 */
  double cut, order;
} symo_spectrum;

typedef struct symo_spectrum_report {
  double condition;      /* largest over least eigenvalue of C + eps I that counts; NaN for zero */
  double effective_rank; /* (tr C)^2 / |C|_F^2; NaN for zero */
} symo_spectrum_report;

/* f[i] = f(w[i]); f may be w, and report NULL.  A NaN stays one (but for power 0). */
void symo_spectrum_power(const symo_spectrum *s, size_t n, const double *w, double *f,
                         symo_spectrum_report *report);

#endif
