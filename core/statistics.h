#ifndef SYMO_CORE_STATISTICS_H
#define SYMO_CORE_STATISTICS_H

#include <stddef.h>

/* Sorts values [n], none of them NaN, and returns their median: for even n the mean of the two in
 * the middle.  NaN for n = 0. */
double symo_median(size_t n, double *values);

#endif
