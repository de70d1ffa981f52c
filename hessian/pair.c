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
 * Moments (George et al. 2018, arXiv 1806.03884) take the place of g_i a_j, and of that alone:
 * factored, m + s (a / pi + g pi) + lambda.
 *
 * Check value: G = (2), A = (3), lambda 1: exact 7, plain 12, factored (1 + sqrt 6)^2.
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

void symo_pair_shifts(double inputs, double outputs, pair_function f, double *input_shift,
                      double *output_shift) {
  const double root = f.damping != SYMO_KFAC_EXACT ? sqrt(f.lambda) : 0;
  double pi = 1;
  if (f.damping == SYMO_KFAC_FACTORED && inputs > 0 && outputs > 0) pi = sqrt(inputs / outputs);
  *input_shift = root * pi, *output_shift = root / pi;
}

pair_spectrum symo_pair_spectrum(const factor_pair *p, pair_function f) {
  pair_spectrum s = {.pair = p, .f = f};
  symo_pair_shifts(symo_basis_trace(&p->a) / (double)p->a.n,
                   symo_basis_trace(&p->g) / (double)p->g.n, f, &s.input_shift, &s.output_shift);
  const size_t n = p->g.n > p->a.n ? p->g.n : p->a.n;
  if (f.lambda > 0) return s;
  double most = p->moments == NULL ? largest(&p->g) * largest(&p->a) : 0;
  for (size_t i = 0; p->moments != NULL && i < p->g.n * p->a.n; i++)
    most = fmax(most, symo_get(p->dtype, p->moments, i));
  s.zero = symo_rank_tolerance(p->dtype, n) * most;
  return s;
}

static inline double positive(double x) { return x > 0 ? x : 0; }

/* Damped: x, a product of values g and a or a moment. */
static inline double damped(const pair_spectrum *s, double x, double g, double a) {
  if (s->f.damping == SYMO_KFAC_EXACT) return positive(x) + s->f.lambda;
  return positive(x) + s->output_shift * positive(a) + s->input_shift * positive(g) +
         s->output_shift * s->input_shift;
}

double symo_pair_value(const pair_spectrum *s, size_t i, size_t j) {
  const factor_pair *p = s->pair;
  return damped(s, product(p, i, j), value_of(&p->g, i), value_of(&p->a, j));
}

/* ---- their powers, a row at a time ---- */

static void take_powers(const pair_spectrum *s, size_t n, double *x) {
  const double zero = s->zero, power = s->f.power, of_zero = power == 0 ? 1 : 0;
  if (power == -1) {
    for (size_t j = 0; j < n; j++) x[j] = x[j] > zero ? 1 / x[j] : 0;
  } else if (power != 1) {
    for (size_t j = 0; j < n; j++) x[j] = x[j] > zero ? pow(x[j], power) : of_zero;
  }
}

/* Row i of f, [a.k] and the tail where there is one; i = g.k: that of the tail. */
static void take_row(const pair_spectrum *s, size_t i, double *out) {
  const factor_pair *p = s->pair;
  const size_t k = p->a.k;
  const double g = value_of(&p->g, i), *a = p->a.values;
  if (p->moments != NULL && p->dtype == SYMO_F32) {
    const float *m = (const float *)p->moments + i * p->a.n;
    for (size_t j = 0; j < k; j++) out[j] = damped(s, (double)m[j], g, a[j]);
  } else if (p->moments != NULL) {
    const double *m = (const double *)p->moments + i * p->a.n;
    for (size_t j = 0; j < k; j++) out[j] = damped(s, m[j], g, a[j]);
  } else {
    for (size_t j = 0; j < k; j++) out[j] = damped(s, g * a[j], g, a[j]);
  }
  if (k < p->a.n) out[k] = symo_pair_value(s, i, k);
  take_powers(s, k + (k < p->a.n ? 1 : 0), out);
}

/* ---- products ---- */

static bool is_full(const factor_basis *b) { return b->k == b->n; }

/* Both factors damped by themselves: f(g, a) is a product of a function of each. */
static bool separates(const factor_pair *p, pair_function f) {
  return p->moments == NULL && f.damping != SYMO_KFAC_EXACT && f.lambda > 0;
}

static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

/* What an application works with: rows of f, [a.k + 1] and [max(a.k, g.k) + 1]; panels. */
typedef struct pair_room {
  double *row, *tail;
  char *r, *q, *c; /* [g.k, a.n], [g.k, a.k], [g.n, a.k] */
  bool separate;   /* r and c only, one after the other, in one place */
} pair_room;

static size_t place(const factor_pair *p, pair_function f, char *memory, pair_room *room) {
  const size_t size = symo_dtype_size(p->dtype);
  const size_t row = symo_padded((p->a.k + 1) * sizeof(double));
  const size_t tail = symo_padded((max_size(p->a.k, p->g.k) + 1) * sizeof(double));
  const size_t r = symo_padded(p->g.k * p->a.n * size), q = symo_padded(p->g.k * p->a.k * size),
               c = symo_padded(p->g.n * p->a.k * size), at = row + tail;
  const bool separate = separates(p, f);
  if (room != NULL) *room = (pair_room){.row = (double *)(void *)memory, .separate = separate};
  if (room != NULL) room->tail = (double *)(void *)(memory + row);
  if (separate) {
    if (room != NULL) room->r = room->q = room->c = memory + at;
    return at + max_size(r, c);
  }
  const bool inputs = is_full(&p->a), outputs = is_full(&p->g);
  const size_t first = inputs ? 0 : r, second = first + (inputs && outputs ? 0 : q);
  if (room != NULL)
    room->r = memory + at, room->q = memory + at + first, room->c = memory + at + second;
  return at + second + (outputs && !inputs ? 0 : c);
}

size_t symo_pair_work(const factor_pair *p, pair_function f) { return place(p, f, NULL, NULL); }

double symo_pair_flops(const factor_pair *p, pair_function f) {
  const double gn = (double)p->g.n, gk = (double)p->g.k, an = (double)p->a.n, ak = (double)p->a.k;
  const double outside = 4 * gn * an * ((p->g.v != NULL ? gk : 0) + (p->a.v != NULL ? ak : 0));
  if (separates(p, f) || is_full(&p->a) || is_full(&p->g)) return outside;
  return outside + 4 * gk * ak * an;
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

/* ---- f on coordinates ---- */

/* Row `row` of x [.., n] times f, entry by entry; times one number. */
static void scale_row(symo_dtype t, size_t n, const double *f, void *x, size_t row) {
  if (t == SYMO_F32) {
    float *to = (float *)x + row * n;
    for (size_t j = 0; j < n; j++) to[j] *= (float)f[j];
  } else {
    double *to = (double *)x + row * n;
    for (size_t j = 0; j < n; j++) to[j] *= f[j];
  }
}

static void scale_whole(symo_dtype t, size_t n, double f, void *x, size_t row) {
  symo_scal(t, n, f, symo_at(t, x, (ptrdiff_t)(row * n)));
}

/* q [g.k, a.k] := q o (f_ij - f_it - f_tj + f_tt), without the tails of sides that have none; with
 * r [g.k, a.n] given, its rows times f_it - f_tt. */
static void scale_inside(const pair_spectrum *s, const pair_room *room, void *q, void *r) {
  const factor_pair *p = s->pair;
  const size_t gk = p->g.k, ak = p->a.k;
  const bool rows_tail = !is_full(&p->g), columns_tail = !is_full(&p->a);
  const size_t count = ak + (columns_tail ? 1 : 0);
  if (rows_tail) take_row(s, gk, room->tail);
  for (size_t i = 0; i < gk; i++) {
    take_row(s, i, room->row);
    for (size_t j = 0; j < count && rows_tail; j++) room->row[j] -= room->tail[j];
    const double outside = columns_tail ? room->row[ak] : 0;
    for (size_t j = 0; j < ak && columns_tail; j++) room->row[j] -= outside;
    scale_row(p->dtype, ak, room->row, q, i);
    if (r != NULL) scale_whole(p->dtype, p->a.n, outside, r, i);
  }
}

/* c [g.n, a.k] := c o (f_tj - f_tt). */
static void scale_inputs(const pair_spectrum *s, const pair_room *room, void *c) {
  const factor_pair *p = s->pair;
  const size_t ak = p->a.k;
  take_row(s, p->g.k, room->row);
  for (size_t j = 0; j < ak && !is_full(&p->a); j++) room->row[j] -= room->row[ak];
  for (size_t i = 0; i < p->g.n; i++) scale_row(p->dtype, ak, room->row, c, i);
}

static void apply_low(const pair_spectrum *s, const pair_room *room, const void *x, void *y) {
  const factor_pair *p = s->pair;
  const symo_dtype t = p->dtype;
  const size_t gn = p->g.n, an = p->a.n, gk = p->g.k, ak = p->a.k;
  double outside = symo_pair_value(s, gk, ak);
  take_powers(s, 1, &outside);
  into_rows(t, &p->g, x, an, room->r);
  into_columns(t, &p->a, x, gn, room->c);
  into_columns(t, &p->a, room->r, gk, room->q);
  scale_inside(s, room, room->q, room->r);
  scale_inputs(s, room, room->c);
  from_columns(t, &p->a, room->q, gk, 1, room->r);
  memcpy(y, x, gn * an * symo_dtype_size(t));
  symo_scal(t, gn * an, outside, y);
  from_rows(t, &p->g, room->r, an, 1, y);
  from_columns(t, &p->a, room->c, gn, 1, y);
}

/* y = (f_tj C + V_g' (f_ij - f_tj) Q) V_a, C = x V_a', Q = V_g C. */
static void apply_full_inputs(const pair_spectrum *s, const pair_room *room, const void *x,
                              void *y) {
  const factor_pair *p = s->pair;
  const symo_dtype t = p->dtype;
  const size_t gn = p->g.n, an = p->a.n;
  const bool low = !is_full(&p->g);
  into_columns(t, &p->a, x, gn, y);
  into_rows(t, &p->g, y, an, room->q);
  scale_inside(s, room, room->q, NULL);
  if (low) scale_inputs(s, room, y);
  from_rows(t, &p->g, room->q, an, low ? 1 : 0, y);
  from_columns(t, &p->a, y, gn, 0, room->c);
  memcpy(y, room->c, gn * an * symo_dtype_size(t));
}

/* y = V_g' (f_it R + (f_ij - f_it) Q V_a), R = V_g x, Q = R V_a'. */
static void apply_full_outputs(const pair_spectrum *s, const pair_room *room, const void *x,
                               void *y) {
  const factor_pair *p = s->pair;
  const symo_dtype t = p->dtype;
  into_rows(t, &p->g, x, p->a.n, room->r);
  into_columns(t, &p->a, room->r, p->g.k, room->q);
  scale_inside(s, room, room->q, room->r);
  from_columns(t, &p->a, room->q, p->g.k, 1, room->r);
  from_rows(t, &p->g, room->r, p->a.n, 0, y);
}

/* ((value + shift) / unit)^power of each value, less that of the tail, which is returned. */
static double take_side(const factor_basis *b, double shift, double unit, double power,
                        double *out) {
  const double tail = is_full(b) ? 0 : pow((positive(b->tail) + shift) / unit, power);
  for (size_t i = 0; i < b->k; i++)
    out[i] = pow((positive(b->values[i]) + shift) / unit, power) - tail;
  return tail;
}

/* y = f_g (x f_a), where f(g, a) = f_g(g) f_a(a).  Functions are of values over their means, so
 * that what stands between is of the size of x. */
static void apply_sides(const pair_spectrum *s, const pair_room *room, const void *x, void *y) {
  const factor_pair *p = s->pair;
  const symo_dtype t = p->dtype;
  const size_t gn = p->g.n, an = p->a.n, gk = p->g.k, ak = p->a.k;
  const double inputs = symo_basis_trace(&p->a) / (double)an + s->input_shift;
  const double outputs = symo_basis_trace(&p->g) / (double)gn + s->output_shift;
  const double all = pow(inputs * outputs, s->f.power);
  double tail = take_side(&p->a, s->input_shift, inputs, s->f.power, room->row);
  into_columns(t, &p->a, x, gn, room->c);
  for (size_t i = 0; i < gn; i++) scale_row(t, ak, room->row, room->c, i);
  if (tail != 0) memcpy(y, x, gn * an * symo_dtype_size(t));
  from_columns(t, &p->a, room->c, gn, tail, y);
  tail = take_side(&p->g, s->output_shift, outputs, s->f.power, room->tail);
  into_rows(t, &p->g, y, an, room->r);
  for (size_t i = 0; i < gk; i++) scale_whole(t, an, all * room->tail[i], room->r, i);
  from_rows(t, &p->g, room->r, an, all * tail, y);
}

void symo_pair_apply(const factor_pair *p, pair_function f, const void *x, void *y, void *work) {
  const pair_spectrum s = symo_pair_spectrum(p, f);
  pair_room room;
  (void)place(p, f, work, &room);
  if (room.separate)
    apply_sides(&s, &room, x, y);
  else if (is_full(&p->a))
    apply_full_inputs(&s, &room, x, y);
  else if (is_full(&p->g))
    apply_full_outputs(&s, &room, x, y);
  else
    apply_low(&s, &room, x, y);
}
