#include "tests/support/solvers.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

#include "optim/modules.h"
#include "tests/support/testing.h"

static double *numbers(size_t n) {
  double *out = calloc(n + 1, sizeof *out);
  cr_assert(out != NULL);
  return out;
}

const symo_solver *solvers_at(size_t index) {
  const symo_registry all = symo_modules(MODULE_SOLVER);
  for (size_t i = 0; i < all.count; i++) {
    const symo_solver *s = all.rows[i];
    if ((s->root != NULL || s->polar != NULL) && index-- == 0) return s;
  }
  return NULL;
}

size_t solvers_count(void) {
  size_t count = 0;
  while (solvers_at(count) != NULL) count++;
  return count;
}

static const symo_filter *filter_of(const symo_solver *solver, double power) {
  enum { POWERS = 8 };
  static symo_filter filters[POWERS];
  const symo_filter_shape shape = {-2 * power, 0.05, -2 * power};
  for (int i = 0; i < POWERS; i++) {
    if (filters[i].products == 0)
      cr_assert(symo_filter_fit(&shape, solver->default_steps, 0, &filters[i]) == SYMO_OK);
    if (filters[i].shape.alpha == shape.alpha) return &filters[i];
  }
  cr_assert(false, "more powers than %d", POWERS);
  return NULL;
}

solver_options solvers_options(const symo_solver *solver, symo_dtype dtype, double eps,
                               double power) {
  return (solver_options){.dtype = dtype,
                          .eps = eps,
                          .power = power,
                          .steps = solver->default_steps,
                          .tolerance = 1e-15,
                          .filter = solver->fits ? filter_of(solver, power) : NULL};
}

void solvers_orthogonal(symo_rng *rng, size_t n, double *q) {
  for (size_t i = 0; i < n; i++) {
    double *row = q + i * n, norm = 0;
    for (size_t j = 0; j < n; j++) row[j] = symo_rng_normal(rng);
    for (int pass = 0; pass < 3; pass++)
      for (size_t k = 0; k < i; k++) {
        double dot = 0;
        for (size_t j = 0; j < n; j++) dot += q[k * n + j] * row[j];
        for (size_t j = 0; j < n; j++) row[j] -= dot * q[k * n + j];
      }
    for (size_t j = 0; j < n; j++) norm += row[j] * row[j];
    for (size_t j = 0; j < n; j++) row[j] /= sqrt(norm);
  }
}

/* out := sum_k f[k] a_k b_k', rows a_k of a [., n], b_k of b [., m]. */
static void combine(size_t count, size_t n, size_t m, const double *f, const double *a,
                    const double *b, double *out) {
  for (size_t i = 0; i < n * m; i++) out[i] = 0;
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < m; j++) out[i * m + j] += f[k] * a[k * n + i] * b[k * m + j];
}

void solvers_spd(symo_rng *rng, size_t n, const double *w, double *a) {
  double *q = numbers(n * n);
  solvers_orthogonal(rng, n, q);
  combine(n, n, n, w, q, q, a);
  free(q);
}

void solvers_matrix(symo_rng *rng, size_t rows, size_t cols, const double *s, double *x) {
  double *u = numbers(rows * rows), *v = numbers(cols * cols);
  solvers_orthogonal(rng, rows, u);
  solvers_orthogonal(rng, cols, v);
  combine(rows < cols ? rows : cols, rows, cols, s, u, v, x);
  free(u);
  free(v);
}

void solvers_log_spaced(size_t n, double cond, double *w) {
  for (size_t i = 0; i < n; i++) w[i] = pow(cond, n > 1 ? -(double)i / (double)(n - 1) : 0);
}

void solvers_oracle_root(size_t n, const double *a, double eps, double power, double zero,
                         double *out) {
  gsl_matrix *m = gsl_matrix_alloc(n, n), *v = gsl_matrix_alloc(n, n);
  gsl_vector *w = gsl_vector_alloc(n);
  gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
  for (size_t i = 0; i < n * n; i++) gsl_matrix_set(m, i / n, i % n, a[i]);
  gsl_eigen_symmv(m, w, v, work);
  double *f = numbers(n), *rows = numbers(n * n), top = gsl_vector_max(w);
  for (size_t k = 0; k < n; k++) {
    double value = gsl_vector_get(w, k);
    f[k] = eps == 0 && value <= zero * top ? 0 : pow(fmax(value, 0) + eps, power);
    for (size_t i = 0; i < n; i++) rows[k * n + i] = gsl_matrix_get(v, i, k);
  }
  combine(n, n, n, f, rows, rows, out);
  free(f);
  free(rows);
  gsl_eigen_symmv_free(work);
  gsl_vector_free(w);
  gsl_matrix_free(v);
  gsl_matrix_free(m);
}

/* x = sum s_k u_k v_k', u_k in rows of u [n, rows], v_k of v [n, cols]. */
static void singular(size_t rows, size_t cols, const double *x, double *s, double *u, double *v) {
  size_t n = rows < cols ? rows : cols, m = rows < cols ? cols : rows;
  gsl_matrix *tall = gsl_matrix_alloc(m, n), *small = gsl_matrix_alloc(n, n);
  gsl_vector *w = gsl_vector_alloc(n), *scratch = gsl_vector_alloc(n);
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++)
      gsl_matrix_set(tall, i, j, rows < cols ? x[j * cols + i] : x[i * cols + j]);
  gsl_linalg_SV_decomp(tall, small, w, scratch);
  for (size_t k = 0; k < n; k++) {
    s[k] = gsl_vector_get(w, k);
    double *large = rows < cols ? v : u, *other = rows < cols ? u : v;
    for (size_t i = 0; large != NULL && i < m; i++) large[k * m + i] = gsl_matrix_get(tall, i, k);
    for (size_t i = 0; other != NULL && i < n; i++) other[k * n + i] = gsl_matrix_get(small, i, k);
  }
  gsl_vector_free(scratch);
  gsl_vector_free(w);
  gsl_matrix_free(small);
  gsl_matrix_free(tall);
}

void solvers_oracle_polar(size_t rows, size_t cols, const double *x, double eps, double power,
                          double zero, double *out) {
  size_t n = rows < cols ? rows : cols;
  double *s = numbers(n), *u = numbers(n * rows), *v = numbers(n * cols);
  singular(rows, cols, x, s, u, v);
  double top = s[0];
  for (size_t k = 0; k < n; k++)
    s[k] = eps == 0 && s[k] <= zero * top ? 0 : s[k] * pow(s[k] * s[k] + eps, power);
  combine(n, rows, cols, s, u, v, out);
  free(s);
  free(u);
  free(v);
}

void solvers_singular_values(size_t rows, size_t cols, const double *x, double *s) {
  singular(rows, cols, x, s, NULL, NULL);
}

/* ---- calls ---- */

/* Bytes of NaN, and of a plain number: sums with NaN would be the same NaN, and leave no trace. */
enum { GUARD = 64, UNSET = 0xff, MARK = 0x41 };

/* bytes, not set, and behind them a guard. */
static unsigned char *guarded(size_t bytes) {
  unsigned char *out = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
  cr_assert(out != NULL);
  memset(out, UNSET, bytes);
  memset(out + bytes, MARK, GUARD);
  return out;
}

static bool all_are(const unsigned char *p, size_t bytes, unsigned char byte) {
  for (size_t i = 0; i < bytes; i++)
    if (p[i] != byte) return false;
  return true;
}

static bool is_whole(const unsigned char *guarded, size_t bytes) {
  return all_are(guarded + bytes, GUARD, MARK);
}

static void judge(const symo_solver *solver, symo_status status, size_t calls, symo_dtype dtype,
                  size_t count, const unsigned char *out, const unsigned char *work,
                  size_t work_bytes) {
  size_t bytes = count * symo_dtype_size(dtype);
  cr_assert(symo_alloc_calls() == calls, "%s takes memory", solver->name);
  cr_assert(is_whole(work, work_bytes), "%s oversteps its work space", solver->name);
  cr_assert(is_whole(out, bytes), "%s oversteps its answer", solver->name);
  cr_assert(status >= 0, "%s: %s", solver->name, symo_status_name(status));
  if (status != SYMO_OK) {
    cr_assert(all_are(out, bytes, UNSET), "%s fails and writes", solver->name);
    return;
  }
  cr_assert(symo_all_finite(dtype, count, out), "%s: not finite", solver->name);
}

symo_status solvers_root(const symo_solver *solver, const solver_options *o, size_t n,
                         const double *a, double *out, solver_report *report) {
  size_t size = symo_dtype_size(o->dtype), work_bytes = solver->root_work(o->dtype, n);
  unsigned char *c = guarded(n * n * size), *root = guarded(n * n * size);
  unsigned char *work = guarded(work_bytes);
  symo_test_pack(o->dtype, a, c, n * n);
  for (size_t i = 0; i < n; i++) /* the lower triangle is what counts */
    for (size_t j = i + 1; j < n; j++) symo_put(o->dtype, c, i * n + j, NAN);
  size_t calls = symo_alloc_calls();
  symo_status status = solver->root(o, n, c, root, report, work);
  judge(solver, status, calls, o->dtype, n * n, root, work, work_bytes);
  cr_assert(is_whole(c, n * n * size), "%s oversteps C", solver->name);
  if (status == SYMO_OK) symo_test_unpack(o->dtype, root, out, n * n);
  for (size_t i = 0; status == SYMO_OK && i < n; i++)
    for (size_t j = 0; j < i; j++)
      cr_assert(out[i * n + j] == out[j * n + i], "%s: not symmetric", solver->name);
  free(c);
  free(root);
  free(work);
  return status;
}

symo_status solvers_polar(const symo_solver *solver, const solver_options *o, size_t rows,
                          size_t cols, int view, const double *x, double *out,
                          solver_report *report) {
  size_t size = symo_dtype_size(o->dtype), work_bytes = solver->polar_work(o->dtype, rows, cols);
  size_t pad = view == 1 ? 3 : 0, inner = view == 2 ? rows : cols + pad;
  size_t count = (view == 2 ? cols : rows) * inner;
  unsigned char *in = guarded(count * size), *y = guarded(rows * cols * size);
  unsigned char *work = guarded(work_bytes);
  for (size_t i = 0; i < count; i++) symo_put(o->dtype, in, i, NAN);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++)
      symo_put(o->dtype, in, view == 2 ? j * rows + i : i * inner + j, x[i * cols + j]);
  symo_mat m = {in, rows, cols, view == 2 ? 1 : (ptrdiff_t)inner, view == 2 ? (ptrdiff_t)rows : 1};
  size_t calls = symo_alloc_calls();
  symo_status status = solver->polar(o, m, y, report, work);
  judge(solver, status, calls, o->dtype, rows * cols, y, work, work_bytes);
  if (status == SYMO_OK) symo_test_unpack(o->dtype, y, out, rows * cols);
  free(in);
  free(y);
  free(work);
  return status;
}

double solvers_polar_condition(symo_dtype dtype, double condition) {
  double accuracy = dtype == SYMO_F32 ? 1e-3 : 1e-10, square = condition * condition;
  return square * symo_epsilon(dtype) <= accuracy ? square : condition;
}
