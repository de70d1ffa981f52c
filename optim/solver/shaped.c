/* Powers that bend at a cut, by the polynomial that was fitted to them (optim/solver/filter.c).
 *
 * With A = (X X' + eps I) / s^2 from the smaller side, s^2 = |X X' + eps I|_F, whose square root s
 * is the Schatten 4-norm and never below the largest singular value, so that all of A's eigenvalues
 * z lie in [0, 1]:
 *     P_1 = a A + b I ,  P_{j+1} = e_j P_j^2 + d_j I ,  G = c_0 I + sum_j c_j P_j ,
 *     (X X' + eps I)^power  ~  s^{2 power} G ,
 * one symmetric product (n^3 flops) for each P behind the first.  The bound is a norm of the matrix
 * that is iterated, not an estimate: no z can lie above it by more than rounding, where |P| is 1
 * and rises by less than 4^products times what z is above 1.
 *
 * Where the bend is not at a fixed share of the norm (symo_filter_bend), A is taken in a larger unit,
 * so that the bend comes to lie where that of one of a few polynomials is.  z is then below 1.
 *
 * Rounding of a product, u beside |P| <= 1, comes to g(z) ~ 1 at z = 1 with a factor of |c_j|, of
 * some cut^-alpha, 1,200 for the presets: 1e-4 in float32.
 *
 * Check: X = (x), any x: s = |x|, z = 1, and the factor is p(1) = 1 to the error of the fit. */
#include <math.h>
#include <string.h>

#include "core/symmetric.h"
#include "optim/solver/scaled.h"

enum { PRODUCTS = 8 }; /* where the method asks for none */

static const char *refuse(double power) { return power < 0 ? NULL : "shaped takes powers below 0"; }

/* The filter for a matrix of n singular values; *norm becomes the unit, squared, that it is taken
 * in. */
static const symo_filter *filter_for(const solver_options *o, size_t n, double trace,
                                     double *norm) {
  if (o->bend.reference == SYMO_CUT_LARGEST) return o->filter;
  const double cut = symo_filter_cut(&o->filter->shape, &o->bend, n, trace, *norm);
  const symo_filter *f = &o->filter[symo_filter_rung_of(cut)];
  *norm *= cut / f->shape.cut * (cut / f->shape.cut);
  return f;
}

static double number(const solver_options *o, double value) {
  double unit = value;
  const symo_filter *f = filter_for(o, 1, value, &unit);
  return symo_filter_polynomial(f, value / unit) * pow(unit / value, o->power);
}

static double flops(size_t m, int steps) {
  double n = (double)m;
  return (steps > 0 ? steps : PRODUCTS) * (n * n * n + 4 * n * n);
}

/* g := G, both triangles, from A in the lower triangle of p, which is spoilt; q: as large. */
static void polynomial(const symo_filter *f, const solver_options *o, double norm, symo_mat p,
                       symo_mat q, symo_mat g) {
  const symo_affine first = {f->slope / norm, f->offset, f->weight[1], f->weight[0], false};
  symo_symmetric_start(o->pool, o->dtype, &first, p, g);
  for (int j = 0; j < f->products; j++) {
    const bool last = j + 1 == f->products;
    const symo_affine term = {f->scale[j], f->shift[j], f->weight[j + 2], 0, last};
    const symo_mat old = p;
    symo_symmetric_square(o->pool, o->dtype, &term, p, q, g);
    p = q;
    q = old;
  }
}

static symo_mat square_take(symo_dtype t, size_t n, void **work) {
  return symo_mat_dense(symo_piece_take(work, symo_piece_bytes(t, n * n)), n, n);
}

static size_t root_work(symo_dtype dtype, size_t m) { return 2 * symo_piece_bytes(dtype, m * m); }

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  symo_dtype t = o->dtype;
  double largest = symo_lower_max_abs(t, m, c), unit = symo_unit_scale(t, fmax(largest, o->eps));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  if (largest == 0 && o->eps == 0) {
    symo_mat_zero(t, m * m, out);
    return SYMO_OK;
  }
  symo_lower_scale(t, m, unit, o->eps * unit, c);
  double norm = symo_lower_norm(t, m, c), trace = symo_trace(t, m, c);
  *report = (solver_report){NAN, trace / norm * (trace / norm), o->filter->products};
  if (!(norm > 0) || !(trace > 0)) return SYMO_INDEFINITE;
  solver_options scaled = *o;
  scaled.bend.edge *= sqrt(unit);
  const symo_filter *f = filter_for(&scaled, m, trace, &norm);
  symo_mat p = square_take(t, m, &work), q = square_take(t, m, &work);
  memcpy(p.p, c, m * m * symo_dtype_size(t));
  polynomial(f, o, norm, p, q, symo_mat_dense(out, m, m));
  symo_scal(t, m * m, pow(norm / unit, o->power), out);
  return SYMO_OK;
}

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  size_t n = rows < cols ? rows : cols;
  return symo_piece_bytes(dtype, rows * cols) + 3 * symo_piece_bytes(dtype, n * n);
}

/* X X' of x as it lies, if neither squares nor their sum leave what the type holds with full
 * accuracy; else of a scaled copy in z, and *x that copy. */
static double gram_of(const solver_options *o, symo_mat *x, void *z, double *unit, symo_mat a) {
  symo_dtype t = o->dtype;
  double least = t == SYMO_F32 ? 1e-20 : 1e-150, most = 1 / least;
  *unit = 1;
  symo_gram(o->pool, t, symo_mat_wide(*x), a);
  symo_add_diagonal(t, a.rows, o->eps, a.p);
  double norm = symo_lower_norm(t, a.rows, a.p);
  if (norm > least && norm < most) return norm;
  double largest = symo_mat_max_abs(t, *x);
  *unit = symo_unit_scale(t, fmax(largest, sqrt(o->eps)));
  if (!isfinite(largest) || largest == 0) return largest == 0 ? 0 : INFINITY;
  symo_mat_load(t, *unit, *x, z);
  *x = symo_mat_dense(z, x->rows, x->cols);
  symo_gram(o->pool, t, symo_mat_wide(*x), a);
  symo_add_diagonal(t, a.rows, o->eps * *unit * *unit, a.p);
  return symo_lower_norm(t, a.rows, a.p);
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  symo_dtype t = o->dtype;
  size_t n = symo_mat_wide(x).rows;
  symo_mat out = symo_mat_dense(y, x.rows, x.cols);
  void *z = symo_piece_take(&work, symo_piece_bytes(t, x.rows * x.cols));
  symo_mat a = square_take(t, n, &work), q = square_take(t, n, &work), g = square_take(t, n, &work);
  double unit, norm = gram_of(o, &x, z, &unit, a);
  *report = (solver_report){NAN, NAN, o->filter->products};
  if (!isfinite(norm)) return SYMO_NO_CONVERGENCE;
  if (norm == 0) {
    symo_mat_zero(t, x.rows * x.cols, y);
    return SYMO_OK;
  }
  double trace = symo_trace(t, n, a.p);
  report->effective_rank = trace / norm * (trace / norm);
  solver_options scaled = *o;
  scaled.bend.edge *= unit;
  const symo_filter *f = filter_for(&scaled, n, trace, &norm);
  polynomial(f, o, norm, a, q, g);
  double scale = pow(norm, o->power) * pow(unit, -1 - 2 * o->power);
  symo_square_times(o->pool, t, scale, g, symo_mat_wide(x),
                    x.rows <= x.cols ? out : symo_mat_t(out));
  return SYMO_OK;
}

static double polar_flops(size_t rows, size_t cols, int steps) {
  double n = (double)(rows < cols ? rows : cols), m = (double)(rows < cols ? cols : rows);
  return 3 * n * n * m + flops((size_t)n, steps);
}

const symo_solver symo_solver_shaped = {
    .name = "shaped",
    .default_steps = PRODUCTS,
    .summary =
        "powers with a cut by a polynomial fitted to them when the plan is made: a symmetric "
        "product a step",
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .number = number,
    .takes_cut = true,
    .fits = true,
    .shares = true,
    .root_flops = flops,
    .polar_flops = polar_flops,
};
