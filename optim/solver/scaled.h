#ifndef SYMO_OPTIM_SOLVER_SCALED_H
#define SYMO_OPTIM_SOLVER_SCALED_H

#include "core/spectrum.h"
#include "optim/solver/solver.h"

/* What the solvers share: work space cut in pieces, and matrices brought to size 1 by a power of
 * two (which rounds nothing), so that squares neither overflow nor vanish. */

/* Bytes of `count` numbers, rounded up so that pieces stay aligned; the next piece of *work. */
size_t symo_piece_bytes(symo_dtype dtype, size_t count);
void *symo_piece_take(void **work, size_t bytes);

/* x seen from its smaller side, rows <= cols. */
static inline symo_mat symo_mat_wide(symo_mat x) { return x.rows <= x.cols ? x : symo_mat_t(x); }

/* 2^k with 2^k * largest in [1, 2), k within what the dtype holds; 1 for 0. */
double symo_unit_scale(symo_dtype dtype, double largest);

/* The largest absolute value of a view, and of the lower triangle of a dense [n, n]; infinity where
 * not finite. */
double symo_mat_max_abs(symo_dtype dtype, symo_mat a);
double symo_lower_max_abs(symo_dtype dtype, size_t n, const void *a);

/* A := scale A + shift I (lower triangle). */
void symo_lower_scale(symo_dtype dtype, size_t n, double scale, double shift, void *a);

/* |A|_F, and (tr A)^2 / |A|_F^2 (NaN for zero), from the lower triangle. */
double symo_lower_norm(symo_dtype dtype, size_t n, const void *a);
double symo_lower_effective_rank(symo_dtype dtype, size_t n, const void *a);

/* z := scale x, dense in the order of x's own shape (row-major [rows, cols]). */
void symo_mat_load(symo_dtype dtype, double scale, symo_mat x, void *z);

/* to := from, one of them float32, the other float64, of the same shape and order of entries. */
void symo_mat_convert(symo_dtype from_dtype, symo_mat from, symo_mat to);
void symo_mat_zero(symo_dtype dtype, size_t count, void *y);

/* Where a spectrum bends as the options ask: of C with eigenvalues w [n], s->eps to be added; unit:
 * of its singular values, in which the edge of noise is taken. */
void symo_spectrum_cut(const solver_options *o, size_t n, const double *w, double unit,
                       symo_spectrum *s);

/* Polar factors by way of the root of the smaller Gram matrix, for solvers that have only roots. */
size_t symo_polar_by_root_work(const symo_solver *solver, symo_dtype dtype, size_t rows,
                               size_t cols);
symo_status symo_polar_by_root(const symo_solver *solver, const solver_options *o, symo_mat x,
                               void *y, solver_report *report, void *work);
double symo_polar_by_root_flops(const symo_solver *solver, size_t rows, size_t cols, int steps);

#endif
