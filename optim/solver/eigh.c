/* Any power by eigendecomposition: (C + eps I)^p = V' (diag(w) + eps)^p V.
 *
 * Polar factors come from the smaller side, x (x'x + eps)^p = (x x' + eps)^p x.  A Gram matrix in a
 * type of unit roundoff u has its eigenvalues to u times the largest only, which spoils the answer
 * by u cond, cond that of x x' + eps.  So the condition is asked for first, by a Cholesky
 * factorisation (n^3/3 flops beside the 9 n^3 of the eigendecomposition):
 *     cond <= accuracy / u    Gram matrix and eigenvalues in the type of x;
 *     worse, float32          Gram matrix, eigenvalues and the product with x in float64, x being
 *                             widened in panels: twice the time, and good for any x of float32;
 *     worse, float64          there is no wider type: singular values of x itself (xGESDD), two to
 *                             four times the time.
 * accuracy is 1e-3 in float32 and 1e-10 in float64.  Where norms of rows differ as much, as those of
 * gradients do, they say it without a factorisation.
 *
 * Coordinates of permutation groups have mean 0 over their smaller side, so that x x' is singular
 * but for no bad reason: with v = (1, .., 1)' / sqrt(n) and v'x = 0 (looked at in x itself, where
 * rounding is u and not sqrt(u)),
 *     f(x x') x = f(x x' + c v v') x
 * for any c.  Before a wider type is taken for eps 0, c = tr / n is tried.
 *
 * With eps 0, singular values at most 10 n u of the largest count as zero and stay zero.  With eps
 * above 0, no eigenvalue of C + eps I counts as less than u times the largest (roots) or u^2 times
 * (polar factors): an eps that vanishes in rounding cannot blow the rounding up.  Power 0 is the
 * identity, whatever C.
 *
 * With a cut the condition is that of what lies above it, 1 / cut^2 or less.
 *
 * Check: C = [[2, 1], [1, 2]], p = -1/2 gives entries (1 + 3^{-1/2})/2 and (3^{-1/2} - 1)/2. */
#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"

enum { PANEL = 256 };

static const char *refuse(double power) {
  return power <= 0 ? NULL : "eigh takes powers of 0 and below";
}

static void spectrum_power(const symo_spectrum *s, size_t n, double *w, solver_report *report) {
  symo_spectrum_report found;
  symo_spectrum_power(s, n, w, w, &found);
  *report = (solver_report){.condition = found.condition, .effective_rank = found.effective_rank};
}

static symo_status eigen_status(symo_status status) {
  return status == SYMO_E_NUMERIC ? SYMO_NO_CONVERGENCE : status;
}

static double number(const solver_options *o, double value) {
  if (o->filter == NULL) return 1;
  symo_filter_shape shape = o->filter->shape;
  shape.cut = symo_filter_cut(&shape, &o->bend, 1, value, value);
  return symo_filter_value(&shape, 1);
}

/* ---- roots ---- */

static size_t root_work(symo_dtype dtype, size_t m) {
  return symo_piece_bytes(SYMO_F64, m) + symo_eigh_work(dtype, m);
}

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  double *w = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, m));
  double largest = symo_lower_max_abs(o->dtype, m, c);
  double unit = symo_unit_scale(o->dtype, fmax(largest, o->eps));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  symo_lower_scale(o->dtype, m, unit, 0, c);
  symo_status status = symo_eigh(o->dtype, m, c, w, work);
  if (status != SYMO_OK) return eigen_status(status);
  symo_spectrum s = {.power = o->power, .eps = o->eps * unit};
  s.tolerance = symo_rank_tolerance(o->dtype, m);
  s.floor = symo_epsilon(o->dtype);
  if (o->filter != NULL) symo_spectrum_cut(o, m, w, sqrt(unit), &s);
  spectrum_power(&s, m, w, report);
  double back = pow(unit, -o->power);
  for (size_t i = 0; i < m; i++) w[i] *= back;
  symo_from_eigh(o->dtype, m, c, w, work, out);
  return SYMO_OK;
}

static double root_flops(size_t m, int steps) {
  double n = (double)m;
  return 10 * n * n * n;
}

/* ---- polar factors ---- */

static size_t large(size_t a, size_t b) { return a > b ? a : b; }

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  size_t n = rows < cols ? rows : cols;
  size_t own = symo_piece_bytes(dtype, n * n) + symo_eigh_work(dtype, n);
  size_t wide = symo_piece_bytes(SYMO_F64, n * n);
  wide += dtype == SYMO_F32
              ? 2 * symo_piece_bytes(SYMO_F64, n * PANEL) + symo_eigh_work(SYMO_F64, n)
              : symo_svd_work(rows, cols);
  return symo_piece_bytes(dtype, rows * cols) + symo_piece_bytes(SYMO_F64, n) + large(own, wide);
}

typedef struct polar_task {
  symo_dtype dtype;
  size_t n;
  symo_mat z;       /* scaled x, dense, in x's own order */
  symo_mat wide, y; /* z and the answer from the smaller side */
  double *w;
  double factor; /* of the answer: what the scale leaves */
  symo_spectrum s;
  solver_report *report;
} polar_task;

/* Whether the type of x will do.  The factor stands in the first half of work for xSYEVD. */
static bool well_conditioned(const polar_task *p, symo_mat gram, void *work) {
  double accuracy = p->dtype == SYMO_F32 ? 1e-3 : 1e-10, rcond = 0;
  if (p->s.cut * p->s.cut * accuracy > symo_epsilon(p->dtype)) return true;
  size_t numbers = p->n * p->n;
  memcpy(work, gram.p, numbers * symo_dtype_size(p->dtype));
  symo_add_diagonal(p->dtype, p->n, p->s.eps, work);
  return symo_cholesky(p->dtype, p->n, work, &rcond, symo_at(p->dtype, work, (ptrdiff_t)numbers)) ==
             SYMO_OK &&
         rcond * accuracy > symo_epsilon(p->dtype);
}

/* The squares of the norms of the rows. */
static void row_squares(symo_dtype t, symo_mat x, double *out) {
  for (size_t i = 0; i < x.rows && x.cs == 1; i++) {
    const void *row = symo_at(t, x.p, (ptrdiff_t)i * x.rs);
    out[i] = symo_dot(t, x.cols, row, row);
  }
  if (x.cs == 1) return;
  memset(out, 0, x.rows * sizeof *out);
  for (size_t j = 0; j < x.cols; j++) {
    const void *column = symo_at(t, x.p, (ptrdiff_t)j * x.cs);
    for (size_t i = 0; i < x.rows; i++) {
      const double value = symo_get(t, column, i);
      out[i] += value * value;
    }
  }
}

/* Whether the norms of rows say by themselves that the type of x will not do, without and with
 * c v v', so that neither a Gram matrix nor its factor need be had.  If a and b are the least
 * squares of norms, of rows i and j, the unit vector (e_i - e_j) / sqrt(2), orthogonal to v, has
 * x x' at most a + b; and no square is larger than the largest eigenvalue. */
static bool rows_forbid(const polar_task *p) {
  const double accuracy = p->dtype == SYMO_F32 ? 1e-3 : 1e-10;
  double a = INFINITY, b = INFINITY, most = 0;
  if (p->n < 2) return false;
  row_squares(p->dtype, p->wide, p->w);
  for (size_t i = 0; i < p->n; i++) {
    const double square = p->w[i];
    most = fmax(most, square);
    b = fmin(b, fmax(a, square));
    a = fmin(a, square);
  }
  return (a + b + p->s.eps) * accuracy <= symo_epsilon(p->dtype) * (most + p->s.eps);
}

/* Whether |v'x| counts as zero beside the largest singular value, which is no less than any
 * entry. */
static bool has_mean_zero(symo_dtype t, symo_mat x) {
  double sum[PANEL], squares = 0, n = (double)x.rows;
  for (size_t j = 0; j < x.cols; j += PANEL) {
    size_t k = j + PANEL <= x.cols ? PANEL : x.cols - j;
    memset(sum, 0, sizeof sum);
    for (size_t i = 0; i < x.rows; i++) {
      const void *row = symo_at(t, x.p, (ptrdiff_t)i * x.rs + (ptrdiff_t)j * x.cs);
      for (size_t l = 0; l < k; l++) sum[l] += symo_get(t, row, l * (size_t)x.cs);
    }
    for (size_t l = 0; l < k; l++) squares += sum[l] * sum[l] / n;
  }
  return sqrt(squares) <= symo_rank_tolerance(t, x.rows) * symo_mat_max_abs(t, x);
}

/* gram += c v v', lower triangle. */
static void fill_mean(symo_dtype t, symo_mat gram) {
  size_t n = gram.rows;
  double c = symo_trace(t, n, gram.p) / (double)n / (double)n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++)
      symo_put(t, gram.p, i * n + j, symo_get(t, gram.p, i * n + j) + c);
}

static symo_status polar_own(const polar_task *p, symo_mat gram, void *work) {
  symo_status status = symo_eigh(p->dtype, p->n, gram.p, p->w, work);
  if (status != SYMO_OK) return eigen_status(status);
  spectrum_power(&p->s, p->n, p->w, p->report);
  symo_from_eigh(p->dtype, p->n, gram.p, p->w, work, gram.p);
  symo_gemm(p->dtype, p->factor, gram, p->wide, 0, p->y);
  return SYMO_OK;
}

/* A float64 panel [n, k] with entries in the order of z. */
static symo_mat panel_like(const polar_task *p, void *memory, size_t k) {
  return p->z.rows <= p->z.cols ? symo_mat_dense(memory, p->n, k)
                                : symo_mat_t(symo_mat_dense(memory, k, p->n));
}

/* float32 by way of float64, PANEL columns at a time. */
static symo_status polar_widened(const polar_task *p, void *work) {
  size_t n = p->n, m = p->wide.cols;
  symo_mat gram = symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n * n)), n, n);
  void *in = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n * PANEL));
  void *out = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n * PANEL));
  for (size_t j = 0; j < m; j += PANEL) {
    size_t k = j + PANEL <= m ? PANEL : m - j;
    symo_mat panel = panel_like(p, in, k);
    symo_mat_convert(SYMO_F32, symo_mat_cols(SYMO_F32, p->wide, j, k), panel);
    symo_syrk(SYMO_F64, 1, symo_mat_t(panel), j == 0 ? 0 : 1, gram);
  }
  symo_status status = symo_eigh(SYMO_F64, n, gram.p, p->w, work);
  if (status != SYMO_OK) return eigen_status(status);
  spectrum_power(&p->s, n, p->w, p->report);
  symo_from_eigh(SYMO_F64, n, gram.p, p->w, work, gram.p);
  for (size_t j = 0; j < m; j += PANEL) {
    size_t k = j + PANEL <= m ? PANEL : m - j;
    symo_mat panel = panel_like(p, in, k), product = panel_like(p, out, k);
    symo_mat_convert(SYMO_F32, symo_mat_cols(SYMO_F32, p->wide, j, k), panel);
    symo_gemm(SYMO_F64, p->factor, gram, panel, 0, product);
    symo_mat_convert(SYMO_F64, product, symo_mat_cols(SYMO_F32, p->y, j, k));
  }
  return SYMO_OK;
}

/* float64 by singular values: z = U diag(s) V'. */
static symo_status polar_svd(const polar_task *p, void *work) {
  size_t n = p->n, rows = p->z.rows, cols = p->z.cols;
  symo_mat small = symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n * n)), n, n);
  symo_status status = symo_svd(rows, cols, p->z.p, p->w, small.p, work);
  if (status != SYMO_OK) return eigen_status(status);
  double *s = work, *f = p->w;
  for (size_t i = 0; i < n; i++) s[i] = f[n - 1 - i];
  for (size_t i = 0; i < n; i++) f[i] = s[i] * s[i];
  spectrum_power(&p->s, n, f, p->report);
  for (size_t i = 0; i < n * n; i++) { /* U by columns, or V' by rows */
    size_t k = n - 1 - (rows <= cols ? i % n : i / n);
    ((double *)small.p)[i] *= s[k] * f[k];
  }
  symo_mat y = rows <= cols ? p->y : symo_mat_t(p->y);
  if (rows <= cols)
    symo_gemm(SYMO_F64, p->factor, small, p->z, 0, y);
  else
    symo_gemm(SYMO_F64, p->factor, p->z, small, 0, y);
  return SYMO_OK;
}

/* Before there are eigenvalues. */
static void bend_of_gram(const solver_options *o, symo_mat gram, double unit, symo_spectrum *s) {
  const size_t n = gram.rows;
  const double trace = symo_trace(o->dtype, n, gram.p), norm = symo_lower_norm(o->dtype, n, gram.p);
  const double more = (double)n * s->eps;
  symo_filter_bend bend = o->bend;
  bend.edge *= unit;
  s->order = o->filter->shape.order;
  s->cut = symo_filter_cut(&o->filter->shape, &bend, n, trace + more,
                           sqrt(norm * norm + (2 * trace + more) * s->eps));
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  symo_dtype t = o->dtype;
  double largest = symo_mat_max_abs(t, x), unit = symo_unit_scale(t, fmax(largest, sqrt(o->eps)));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  if (largest == 0) {
    *report = (solver_report){.condition = NAN, .effective_rank = NAN};
    symo_mat_zero(t, x.rows * x.cols, y);
    return SYMO_OK;
  }
  size_t n = symo_mat_wide(x).rows;
  symo_mat z =
      symo_mat_dense(symo_piece_take(&work, symo_piece_bytes(t, x.rows * x.cols)), x.rows, x.cols);
  symo_mat_load(t, unit, x, z.p);
  symo_mat out = symo_mat_dense(y, x.rows, x.cols);
  double tolerance = symo_rank_tolerance(t, n), u = symo_epsilon(t);
  polar_task p = {.dtype = t,
                  .n = n,
                  .z = z,
                  .wide = symo_mat_wide(z),
                  .y = x.rows <= x.cols ? out : symo_mat_t(out),
                  .w = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, n)),
                  .factor = pow(unit, -1 - 2 * o->power),
                  .s = {.power = o->power},
                  .report = report};
  p.s.eps = o->eps * unit * unit;
  p.s.tolerance = tolerance * tolerance;
  p.s.floor = u * u;
  if (o->filter == NULL && rows_forbid(&p))
    return t == SYMO_F32 ? polar_widened(&p, work) : polar_svd(&p, work);
  symo_mat gram = symo_mat_dense(work, n, n);
  void *rest = (char *)work + symo_piece_bytes(t, n * n);
  symo_syrk(t, 1, symo_mat_t(p.wide), 0, gram);
  if (o->filter != NULL) bend_of_gram(o, gram, unit, &p.s);
  if (well_conditioned(&p, gram, rest)) return polar_own(&p, gram, rest);
  if (o->eps == 0 && o->filter == NULL && n > 1 && has_mean_zero(t, p.wide)) {
    double rank = symo_lower_effective_rank(t, n, gram.p);
    fill_mean(t, gram);
    if (well_conditioned(&p, gram, rest)) {
      symo_status status = polar_own(&p, gram, rest);
      if (status == SYMO_OK) report->effective_rank = rank;
      return status;
    }
  }
  return t == SYMO_F32 ? polar_widened(&p, work) : polar_svd(&p, work);
}

static double polar_flops(size_t rows, size_t cols, int steps) {
  double n = (double)(rows < cols ? rows : cols), m = (double)(rows < cols ? cols : rows);
  return 4 * n * n * m + n * n * n / 3 + root_flops((size_t)n, steps);
}

const symo_solver symo_solver_eigh = {
    .name = "eigh",
    .summary = "any power, by eigendecomposition of the smaller side",
    .eigenbasis = true,
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .number = number,
    .takes_cut = true,
    .root_flops = root_flops,
    .polar_flops = polar_flops,
};
