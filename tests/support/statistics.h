#ifndef SYMO_TESTS_SUPPORT_STATISTICS_H
#define SYMO_TESTS_SUPPORT_STATISTICS_H

#include "net/net.h"

/* Layer statistics row by row, which sums of symo_factor_sums are held against. */

/* What entered weight `index` and the derivative of the PER-EXAMPLE loss (that is, N times that of
 * the mean loss) by what left it: inputs [N rows, inputs], deltas [N rows, outputs], float64,
 * caller's arrays.  Each position or step of an example is a row, the rows of an example together
 * and in order (the expand form of Eschenhagen et al. 2023); the sum over rows of delta input' is N
 * times the gradient of the weight.  Wh has its zero initial state as the first input.
 * labels NULL: at the data's labels.  Else deltas at these targets instead ([N, targets] float64):
 * for Fisher matrices with labels drawn from the model. */
symo_status symo_test_statistics(symo_net *net, const void *theta, const double *labels,
                                 size_t index, double *inputs, double *deltas);

#endif
