#ifndef SYMO_CORE_SYMMETRIC_H
#define SYMO_CORE_SYMMETRIC_H

#include "core/linalg.h"
#include "core/pool.h"

/* Products that are symmetric matrices, and products with these, in pieces that the threads of a
 * pool take one by one.  Pieces depend on the sizes alone and each is one call of BLAS, or of a
 * kernel of our own for squares of few rows (core/square.inc), so results do too: the bits are the
 * same for any pool, and for none (NULL), where the pieces go one after the other.  Small matrices
 * are one piece.  Not to be called with a pool from inside a task of one. */

/* Whether products of this order have more than one piece. */
bool symo_symmetric_has_tiles(size_t n);

/* Lower triangle of C = X X', X [n, m] a view, C [n, n] dense. */
void symo_gram(symo_pool *pool, symo_dtype dtype, symo_mat x, symo_mat c);

/* The first term of a sum of polynomials of A, in the lower triangle of p:
 *     P := slope A + offset I, both triangles, in the place of A;
 *     S := weight P + constant I, lower triangle.
 * p and s are dense [n, n] and share no memory. */
typedef struct symo_affine {
  double slope, offset, weight, constant;
  bool last; /* of symo_symmetric_square: S gets both triangles */
} symo_affine;
void symo_symmetric_start(symo_pool *pool, symo_dtype dtype, const symo_affine *f, symo_mat p,
                          symo_mat s);

/* A further term, by one product:
 *     Q := slope P P + offset I, both triangles, of a symmetric P of which both are there;
 *     S += weight Q, lower triangle, or both triangles if it is the last term.
 * The constant is not looked at.  p, q and s are dense [n, n] and share no memory. */
void symo_symmetric_square(symo_pool *pool, symo_dtype dtype, const symo_affine *f, symo_mat p,
                           symo_mat q, symo_mat s);

/* Y = alpha A X for a square A, views. */
void symo_square_times(symo_pool *pool, symo_dtype dtype, double alpha, symo_mat a, symo_mat x,
                       symo_mat y);

#endif
