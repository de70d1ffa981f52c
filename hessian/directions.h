#ifndef SYMO_HESSIAN_DIRECTIONS_H
#define SYMO_HESSIAN_DIRECTIONS_H

#include "hessian/problem.h"

/* The singular directions of a matrix G = sum_k sigma_k u_k v_k' along which curvature is looked at.
 * Of its rank = min(rows, cols) directions those with sigma_k >= range sigma_1 > 0 count, the first
 * `range`, and `count` of these are chosen: number at[i], from 1, with the vectors u [i, rows] and v
 * [i, cols]. */
typedef struct symo_directions {
  size_t rows, cols, rank, range, count;
  double *sigma;       /* [rank], descending */
  double *at, *chosen; /* [count]: whole numbers; sigma at these */
  double *u, *v;       /* [count, rows], [count, cols] */
} symo_directions;

/* Of g [rows, cols] of that type, row-major and finite.  range: from 0 to 1.  most: how many are chosen
 * where more count, as even in log k as whole numbers are: all of the first, then fewer and fewer;
 * 0: all.  *out is the caller's (symo_directions_drop), written on success only. */
symo_status symo_directions_make(symo_context *context, symo_dtype dtype, size_t rows, size_t cols,
                                 const void *g, double range, size_t most, symo_directions *out);
void symo_directions_drop(symo_directions *d); /* {0} is accepted */

/* Where directions lie in the parameters of a problem, and what becomes of them. */
typedef struct symo_along {
  const symo_directions *directions;
  size_t offset; /* of the matrix, which is [rows, cols] there */
  double *h;     /* [count] of the directions: <u v', A u v'> */
} symo_along;

/* h of all directions of `num` matrices by products with A, the Hessian or the Gauss-Newton matrix of
 * the problem, which has that function: one product for each direction, several at once.  Takes
 * memory for two vectors a direction, a quarter of a GiB at most where one takes less. */
symo_status symo_curvature_along(const problem_call *call, bool ggn, size_t num,
                                 const symo_along *matrices);

#endif
