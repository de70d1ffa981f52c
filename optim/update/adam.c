/* Momentum, second moments and their quotient in one loop, for dense arrays: the operations of
 * momentum.c and moments.c in their order, so that the numbers are the same bits.  What bounds the
 * speed of the three in turn is what they write and read again between them. */
#include "core/vector.h"
#include "optim/update/rows.h"

#include <math.h>

#define SYMO_KERNELS "optim/update/adam.inc"
#include "core/real.h"
