/* What the solvers share.  With z = s x and e = s^2 eps,
 *     x (x'x + eps I)^p = s^{-1-2p} (z z' + e I)^p z ,
 * and s a power of two: nothing is rounded by it, and for p = -1/2 it drops out. */
#include "optim/solver/scaled.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/nd.h"

size_t symo_piece_bytes(symo_dtype dtype, size_t count) {
  return symo_padded(count * symo_dtype_size(dtype));
}

void *symo_piece_take(void **work, size_t bytes) {
  void *piece = *work;
  *work = (char *)piece + bytes;
  return piece;
}

double symo_unit_scale(symo_dtype dtype, double largest) {
  int exponent, most = dtype == SYMO_F32 ? 120 : 1000;
  if (!(largest > 0) || !isfinite(largest)) return 1;
  (void)frexp(largest, &exponent);
  exponent = 1 - exponent;
  return ldexp(1, exponent > most ? most : exponent < -most ? -most : exponent);
}

static symo_nd view_of(symo_dtype dtype, symo_mat a) {
  return (symo_nd){.p = a.p, .dtype = dtype, .nd = 2, .n = {a.rows, a.cols}, .s = {a.rs, a.cs}};
}

double symo_mat_max_abs(symo_dtype dtype, symo_mat a) { return symo_nd_max_abs(view_of(dtype, a)); }

double symo_lower_max_abs(symo_dtype dtype, size_t n, const void *a) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    const void *row = symo_at(dtype, a, (ptrdiff_t)(i * n));
    most = fmax(most, symo_mat_max_abs(dtype, symo_mat_dense((void *)(uintptr_t)row, 1, i + 1)));
  }
  return most;
}

void symo_lower_scale(symo_dtype dtype, size_t n, double scale, double shift, void *a) {
  for (size_t i = 0; i < n && scale != 1; i++)
    symo_scal(dtype, i + 1, scale, symo_at(dtype, a, (ptrdiff_t)(i * n)));
  if (shift != 0) symo_add_diagonal(dtype, n, shift, a);
}

static double lower_squares(symo_dtype dtype, size_t n, const void *a) {
  double squares = 0;
  for (size_t i = 0; i < n; i++) {
    const void *row = symo_at(dtype, a, (ptrdiff_t)(i * n));
    double d = symo_get(dtype, row, i);
    squares += d * d + 2 * symo_dot(dtype, i, row, row);
  }
  return squares;
}

double symo_lower_norm(symo_dtype dtype, size_t n, const void *a) {
  return sqrt(lower_squares(dtype, n, a));
}

double symo_lower_effective_rank(symo_dtype dtype, size_t n, const void *a) {
  double squares = lower_squares(dtype, n, a), trace = symo_trace(dtype, n, a);
  return squares > 0 ? trace * trace / squares : (double)NAN;
}

void symo_mat_load(symo_dtype dtype, double scale, symo_mat x, void *z) {
  symo_nd_copy(scale, view_of(dtype, x), view_of(dtype, symo_mat_dense(z, x.rows, x.cols)));
}

static void widen(size_t n, const float *from, double *to) {
  for (size_t i = 0; i < n; i++) to[i] = (double)from[i];
}

static void narrow(size_t n, const double *from, float *to) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

void symo_mat_convert(symo_dtype from_dtype, symo_mat from, symo_mat to) {
  if (from.cs != 1 && from.cols > 1) { /* by columns */
    from = symo_mat_t(from);
    to = symo_mat_t(to);
  }
  symo_dtype to_dtype = from_dtype == SYMO_F32 ? SYMO_F64 : SYMO_F32;
  for (size_t i = 0; i < from.rows; i++) {
    const void *source = symo_at(from_dtype, from.p, (ptrdiff_t)i * from.rs);
    void *target = symo_at(to_dtype, to.p, (ptrdiff_t)i * to.rs);
    if (from_dtype == SYMO_F32)
      widen(from.cols, source, target);
    else
      narrow(from.cols, source, target);
  }
}

void symo_mat_zero(symo_dtype dtype, size_t count, void *y) {
  memset(y, 0, count * symo_dtype_size(dtype)); /* the bits of 0 in both types */
}

void symo_spectrum_cut(const solver_options *o, size_t n, const double *w, double unit,
                       symo_spectrum *s) {
  const double top = symo_spectrum_largest(n, w) + s->eps;
  double trace = 0, squares = 0;
  symo_filter_bend bend = o->bend;
  for (size_t i = 0; i < n && top > 0; i++) {
    const double value = (w[i] + s->eps) / top;
    trace += value;
    squares += value * value;
  }
  bend.edge *= unit / sqrt(top);
  s->order = o->filter->shape.order;
  s->cut = squares > 0 ? symo_filter_cut(&o->filter->shape, &bend, n, trace, sqrt(squares))
                       : o->filter->shape.cut;
}

size_t symo_polar_by_root_work(const symo_solver *solver, symo_dtype dtype, size_t rows,
                               size_t cols) {
  size_t n = rows < cols ? rows : cols;
  return symo_piece_bytes(dtype, rows * cols) + 2 * symo_piece_bytes(dtype, n * n) +
         solver->root_work(dtype, n);
}

symo_status symo_polar_by_root(const symo_solver *solver, const solver_options *o, symo_mat x,
                               void *y, solver_report *report, void *work) {
  symo_dtype t = o->dtype;
  double largest = symo_mat_max_abs(t, x), unit = symo_unit_scale(t, fmax(largest, sqrt(o->eps)));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  size_t n = symo_mat_wide(x).rows;
  symo_mat z =
      symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(t, x.rows * x.cols)), x.rows, x.cols);
  symo_mat gram = symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(t, n * n)), n, n);
  symo_mat root = symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(t, n * n)), n, n);
  symo_mat_load(t, unit, x, z.p);
  symo_syrk(t, 1, symo_mat_t(symo_mat_wide(z)), 0, gram);
  solver_options scaled = *o;
  scaled.eps = o->eps * unit * unit;
  symo_status status = solver->root(&scaled, n, gram.p, root.p, report, work);
  if (status != SYMO_OK) return status;
  symo_gemm(t, pow(unit, -1 - 2 * o->power), root, symo_mat_wide(z), 0,
            x.rows <= x.cols ? symo_mat_dense(y, x.rows, x.cols)
                             : symo_mat_t(symo_mat_dense(y, x.rows, x.cols)));
  return SYMO_OK;
}

double symo_polar_by_root_flops(const symo_solver *solver, size_t rows, size_t cols, int steps) {
  double n = (double)(rows < cols ? rows : cols), m = (double)(rows < cols ? cols : rows);
  return 3 * n * n * m + solver->root_flops((size_t)n, steps);
}
