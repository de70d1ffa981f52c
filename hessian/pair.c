/* (G (x) A)^p with damping, on matrices X [outputs, inputs], in the eigenbases of G and A.
 *
 * With all vectors, f acts on the entries of the coordinates:
 *
 *     Y = V_g' (f o (V_g X V_a')) V_a,     f_ij = f(g_i, a_j).
 *
 * With the first k only, X has parts inside and outside of the span on either side, and f is one
 * number where both are outside (t: the tail).  R = V_g X, P = X V_a', Q = V_g X V_a':
 *
 *     Y = f_tt X + V_g' [(f_it - f_tt) R + (f_ij - f_it - f_tj + f_tt) Q V_a] + P (f_tj - f_tt)
 * V_a,
 *
 * which for f the inverse of one damped factor is Woodbury's formula.  Damping by lambda:
 *   exact     f(g a) = g a + lambda
 *   factored  (g + s / pi)(a + s pi), s = sqrt(lambda), pi^2 = (tr A / n_a) / (tr G / n_g): the
 *             split that makes the error least in trace norm (Martens, Grosse 2015, section 6.3)
 *   plain     the same with pi = 1
 * Moments (George et al. 2018, arXiv 1806.03884) take the place of g_i a_j.
 *
 * Check value: G = (2), A = (3), lambda 1: exact 7, plain 12, factored 3 + (sqrt 2 + sqrt 3)^2 - 2.
 * */
#include "hessian/pair.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"

/* ---- eigenvalues ---- */

double symo_basis_trace(const factor_basis *b) {
  double sum = (double)(b->n - b->k) * b->tail;
  for (size_t i = 0; i < b->k; i++) sum += b->values[i];
  return sum;
}

static double largest(const factor_basis *b) {
  double most = b->k < b->n ? b->tail : 0;
  for (size_t i = 0; i < b->k; i++) most = fmax(most, b->values[i]);
  return most;
}

double symo_pair_trace(const factor_pair *p) {
  double sum = 0;
  if (p->moments == NULL) return symo_basis_trace(&p->g) * symo_basis_trace(&p->a);
  for (size_t i = 0; i < p->g.n * p->a.n; i++) sum += symo_get(p->dtype, p->moments, i);
  return sum;
}

static double value_of(const factor_basis *b, size_t i) {
  return i < b->k ? b->values[i] : b->tail;
}

static double product(const factor_pair *p, size_t i, size_t j) {
  if (p->moments != NULL) return symo_get(p->dtype, p->moments, i * p->a.n + j);
  return value_of(&p->g, i) * value_of(&p->a, j);
}

pair_spectrum symo_pair_spectrum(const factor_pair *p, pair_function f) {
  pair_spectrum s = {.pair = p, .f = f};
  const double root = sqrt(f.lambda), inputs = symo_basis_trace(&p->a) / (double)p->a.n,
               outputs = symo_basis_trace(&p->g) / (double)p->g.n;
  double pi = 1;
  if (f.damping == SYMO_KFAC_FACTORED && inputs > 0 && outputs > 0) pi = sqrt(inputs / outputs);
  if (f.damping != SYMO_KFAC_EXACT) s.input_shift = root * pi, s.output_shift = root / pi;
  const size_t n = p->g.n > p->a.n ? p->g.n : p->a.n;
  if (f.lambda > 0) return s;
  double most = p->moments == NULL ? largest(&p->g) * largest(&p->a) : 0;
  for (size_t i = 0; p->moments != NULL && i < p->g.n * p->a.n; i++)
    most = fmax(most, symo_get(p->dtype, p->moments, i));
  s.zero = symo_rank_tolerance(p->dtype, n) * most;
  return s;
}

double symo_pair_value(const pair_spectrum *s, size_t i, size_t j) {
  const factor_pair *p = s->pair;
  if (s->f.damping == SYMO_KFAC_EXACT) return fmax(product(p, i, j), 0) + s->f.lambda;
  return (fmax(value_of(&p->g, i), 0) + s->output_shift) *
         (fmax(value_of(&p->a, j), 0) + s->input_shift);
}

double symo_pair_power(const pair_spectrum *s, size_t i, size_t j) {
  const double x = symo_pair_value(s, i, j), power = s->f.power;
  if (power == 1) return x;
  if (x <= s->zero) return power == 0 ? 1 : 0;
  return power == -1 ? 1 / x : pow(x, power);
}

/* ---- products ---- */

static bool is_full(const factor_basis *b) { return b->k == b->n; }

size_t symo_pair_work(const factor_pair *p) {
  const size_t r = p->g.k * p->a.n, q = p->g.k * p->a.k, c = p->g.n * p->a.k;
  const size_t size = symo_dtype_size(p->dtype);
  return symo_padded(r * size) + symo_padded(q * size) + symo_padded(c * size);
}

double symo_pair_flops(const factor_pair *p) {
  const double gn = (double)p->g.n, gk = (double)p->g.k, an = (double)p->a.n, ak = (double)p->a.k;
  return 4 * (gn * an * (gk + ak) + gk * ak * (gn + an) / 2);
}

static symo_mat basis_of(const factor_basis *b) {
  return symo_mat_dense((void *)(uintptr_t)b->v, b->k, b->n);
}

/* out [k, cols] = V x; the identity copies. */
static void into_rows(symo_dtype t, const factor_basis *b, const void *x, size_t cols, void *out) {
  if (b->v == NULL)
    memcpy(out, x, b->n * cols * symo_dtype_size(t));
  else
    symo_gemm(t, 1, basis_of(b), symo_mat_dense((void *)(uintptr_t)x, b->n, cols), 0,
              symo_mat_dense(out, b->k, cols));
}

/* out [rows, k] = x V'. */
static void into_columns(symo_dtype t, const factor_basis *b, const void *x, size_t rows,
                         void *out) {
  if (b->v == NULL)
    memcpy(out, x, rows * b->n * symo_dtype_size(t));
  else
    symo_gemm(t, 1, symo_mat_dense((void *)(uintptr_t)x, rows, b->n), symo_mat_t(basis_of(b)), 0,
              symo_mat_dense(out, rows, b->k));
}

/* y [n, cols] = V' x + beta y. */
static void from_rows(symo_dtype t, const factor_basis *b, const void *x, size_t cols, double beta,
                      void *y) {
  if (b->v == NULL) {
    if (beta == 0) memset(y, 0, b->n * cols * symo_dtype_size(t));
    symo_axpy(t, b->n * cols, 1, x, y);
  } else {
    symo_gemm(t, 1, symo_mat_t(basis_of(b)), symo_mat_dense((void *)(uintptr_t)x, b->k, cols), beta,
              symo_mat_dense(y, b->n, cols));
  }
}

/* y [rows, n] = x V + beta y. */
static void from_columns(symo_dtype t, const factor_basis *b, const void *x, size_t rows,
                         double beta, void *y) {
  if (b->v == NULL) {
    if (beta == 0) memset(y, 0, rows * b->n * symo_dtype_size(t));
    symo_axpy(t, rows * b->n, 1, x, y);
  } else {
    symo_gemm(t, 1, symo_mat_dense((void *)(uintptr_t)x, rows, b->k), basis_of(b), beta,
              symo_mat_dense(y, rows, b->n));
  }
}

/* What entries are multiplied by: f_ij, f_it or f_tj, less what is counted elsewhere. */
typedef struct entry_rule {
  const pair_spectrum *s;
  bool rows_tail, columns_tail; /* entry (i, j) takes f_tj, f_it */
  bool less_rows, less_columns; /* .. minus f_tj, minus f_it, and plus f_tt with both */
} entry_rule;

static double factor_of(const entry_rule *r, size_t i, size_t j) {
  const pair_spectrum *s = r->s;
  const size_t gt = s->pair->g.k, at = s->pair->a.k;
  const size_t row = r->rows_tail ? gt : i, column = r->columns_tail ? at : j;
  double f = symo_pair_power(s, row, column);
  if (r->less_rows) f -= symo_pair_power(s, gt, column);
  if (r->less_columns) f -= symo_pair_power(s, row, at);
  if (r->less_rows && r->less_columns) f += symo_pair_power(s, gt, at);
  return f;
}

/* x [rows, columns] times the factors; those of a row or of a column where one index is a tail. */
static void scale(symo_dtype t, entry_rule r, size_t rows, size_t columns, void *x) {
  for (size_t i = 0; i < rows; i++) {
    const double whole = r.columns_tail ? factor_of(&r, i, 0) : 0;
    for (size_t j = 0; j < columns; j++) {
      const double f = r.columns_tail ? whole : factor_of(&r, i, j);
      if (t == SYMO_F32)
        ((float *)x)[i * columns + j] = (float)(f * (double)((float *)x)[i * columns + j]);
      else
        ((double *)x)[i * columns + j] *= f;
    }
  }
}

/* r [g.k, a.n], q [g.k, a.k] and c [g.n, a.k] are room. */
static void apply_low(const factor_pair *p, const pair_spectrum *s, const void *x, void *y, void *r,
                      void *q, void *c) {
  const symo_dtype t = p->dtype;
  const size_t gn = p->g.n, an = p->a.n, gk = p->g.k, ak = p->a.k;
  into_rows(t, &p->g, x, an, r);
  into_columns(t, &p->a, x, gn, c);
  into_columns(t, &p->a, r, gk, q);
  scale(t, (entry_rule){.s = s, .columns_tail = true, .less_rows = true}, gk, an, r);
  scale(t, (entry_rule){.s = s, .rows_tail = true, .less_columns = true}, gn, ak, c);
  scale(t, (entry_rule){.s = s, .less_rows = true, .less_columns = true}, gk, ak, q);
  from_columns(t, &p->a, q, gk, 1, r);
  memcpy(y, x, gn * an * symo_dtype_size(t));
  symo_scal(t, gn * an, symo_pair_power(s, gk, ak), y);
  from_rows(t, &p->g, r, an, 1, y);
  from_columns(t, &p->a, c, gn, 1, y);
}

void symo_pair_apply(const factor_pair *p, pair_function f, const void *x, void *y, void *work) {
  const pair_spectrum s = symo_pair_spectrum(p, f);
  const symo_dtype t = p->dtype;
  const size_t gn = p->g.n, an = p->a.n, gk = p->g.k, ak = p->a.k, size = symo_dtype_size(t);
  char *r = work, *q = r + symo_padded(gk * an * size), *c = q + symo_padded(gk * ak * size);
  if (!is_full(&p->g) && !is_full(&p->a)) {
    apply_low(p, &s, x, y, r, q, c);
  } else if (is_full(&p->a)) { /* y = (f_tj C + V_g' (f_ij - f_tj) Q) V_a, C = x V_a' */
    const bool low = !is_full(&p->g);
    into_columns(t, &p->a, x, gn, c);
    into_rows(t, &p->g, c, ak, q);
    scale(t, (entry_rule){.s = &s, .less_rows = low}, gk, ak, q);
    if (low) scale(t, (entry_rule){.s = &s, .rows_tail = true}, gn, ak, c);
    from_rows(t, &p->g, q, ak, low ? 1 : 0, c);
    from_columns(t, &p->a, c, gn, 0, y);
  } else { /* y = V_g' (f_it R + (f_ij - f_it) Q V_a), R = V_g x */
    into_rows(t, &p->g, x, an, r);
    into_columns(t, &p->a, r, gk, q);
    scale(t, (entry_rule){.s = &s, .less_columns = true}, gk, ak, q);
    scale(t, (entry_rule){.s = &s, .columns_tail = true}, gk, an, r);
    from_columns(t, &p->a, q, gk, 1, r);
    from_rows(t, &p->g, r, an, 0, y);
  }
}
