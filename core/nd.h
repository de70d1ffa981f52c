#ifndef SYMO_CORE_ND_H
#define SYMO_CORE_ND_H

#include <stdbool.h>
#include <symo/types.h>

/* For advice on a number that the type cannot hold: ", or use f64", or nothing for f64. */
const char *symo_dtype_wider(symo_dtype dtype);

/* A strided view of an n-dimensional array: the language in which every closed form of groups/ is
 * written.  Views are values; they own nothing.  Strides count elements.  A stride of 0 broadcasts
 * a source and sums into a destination. */
enum { SYMO_ND_MAX = 3 * SYMO_MAX_ORDER + 2 };

typedef struct symo_nd {
  void *p;
  symo_dtype dtype;
  int nd;
  size_t n[SYMO_ND_MAX];
  ptrdiff_t s[SYMO_ND_MAX];
} symo_nd;

/* Row-major view of dense memory. */
symo_nd symo_nd_dense(symo_dtype dtype, void *p, int nd, const size_t *n);

size_t symo_nd_size(const symo_nd *x);

/* Views of views.  axis < x.nd. */
symo_nd symo_nd_slice(symo_nd x, int axis, size_t first, size_t n);
symo_nd symo_nd_pick(symo_nd x, int axis, size_t index); /* the axis goes */
symo_nd symo_nd_diag(symo_nd x, int a, int b);           /* a becomes the diagonal, b goes */
symo_nd symo_nd_swap(symo_nd x, int a, int b);           /* axes a and b exchanged */
symo_nd symo_nd_move(symo_nd x, int from, int to);       /* the others keep their order */
symo_nd symo_nd_stretch(symo_nd x, int axis, size_t n);  /* axis of length 1 -> n, stride 0 */
symo_nd symo_nd_insert(symo_nd x, int axis, size_t n, ptrdiff_t stride); /* a new axis */

/* dst += alpha src; dst = alpha src; dst = value.  Shapes must be equal (asserted); src and dst may
 * be the same view and must not overlap otherwise. */
void symo_nd_axpy(double alpha, symo_nd src, symo_nd dst);
void symo_nd_copy(double alpha, symo_nd src, symo_nd dst);
void symo_nd_fill(double value, symo_nd dst);

/* dst = 2^exponent src, for exponents that the type itself may not hold: exact unless the result is
 * subnormal or out of range. */
void symo_nd_shift(int exponent, symo_nd src, symo_nd dst);

/* dst += alpha x y, elementwise. */
void symo_nd_mul(double alpha, symo_nd x, symo_nd y, symo_nd dst);

/* The largest absolute value; infinity if an entry is NaN or infinite.  One pass. */
double symo_nd_max_abs(symo_nd x);

/* As a matrix for BLAS: the first `rows` axes together are the rows, the others the columns.  False
 * when these do not have one stride each, or neither stride is 1. */
struct symo_mat;
bool symo_nd_matrix(symo_nd x, int rows, struct symo_mat *out);

#endif
