#ifndef SYMO_OPTIM_UPDATE_LOOPS_H
#define SYMO_OPTIM_UPDATE_LOOPS_H

#include "core/nd.h"

/* Runs over up to LOOP_MAX views of one shape (their dtypes are the kernel's business) in row-major
 * order, in stretches along which every operand has one stride. */
enum { LOOP_MAX = 4 };

/* n entries, the first of which is number `first`: operand k at p[k], strides s[k] in elements. */
typedef void (*loop_row)(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s);

void symo_loop(int count, const symo_nd *x, loop_row row, void *self);

/* Numbers as kernels of either type want them. */
static inline double *loop_f64(void *const *p, int k) { return (double *)p[k]; }
static inline float *loop_f32(void *const *p, int k) { return (float *)p[k]; }

#endif
