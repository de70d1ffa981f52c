/* Published rules in plain loops; see optim_reference.h.
 *
 *   Muon       github.com/KellerJordan/Muon
 *   Adam, SGD  arXiv 1412.6980, 1711.05101; the documentation of torch.optim
 *   AdaGrad    Duchi, Hazan, Singer 2011
 *   Shampoo    arXiv 1802.09568, 2309.06497
 *   SOAP       arXiv 2409.11321 */
#include "tests/support/optim_reference.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *numbers(size_t n) {
  double *x = calloc(n + 1, sizeof *x);
  if (x == NULL) abort();
  return x;
}

static double norm_of(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i];
  return sqrt(sum);
}

/* ---- dense matrices ---- */

/* c [n, m] := op(a) op(b), k the inner dimension. */
static void product(size_t n, size_t k, size_t m, const double *a, bool ta, const double *b,
                    bool tb, double *c) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) {
      double sum = 0;
      for (size_t q = 0; q < k; q++)
        sum += (ta ? a[q * n + i] : a[i * k + q]) * (tb ? b[j * k + q] : b[q * m + j]);
      c[i * m + j] = sum;
    }
}

/* w ascending, column k of v is the eigenvector of w[k]. */
static void eigen(size_t n, const double *a, double *w, double *v) {
  gsl_matrix *m = gsl_matrix_alloc(n, n), *vectors = gsl_matrix_alloc(n, n);
  gsl_vector *values = gsl_vector_alloc(n);
  gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
  for (size_t i = 0; i < n * n; i++) gsl_matrix_set(m, i / n, i % n, a[i]);
  gsl_eigen_symmv(m, values, vectors, work);
  gsl_eigen_symmv_sort(values, vectors, GSL_EIGEN_SORT_VAL_ASC);
  for (size_t i = 0; i < n; i++) w[i] = gsl_vector_get(values, i);
  for (size_t i = 0; i < n * n; i++) v[i] = gsl_matrix_get(vectors, i / n, i % n);
  gsl_eigen_symmv_free(work);
  gsl_vector_free(values);
  gsl_matrix_free(vectors);
  gsl_matrix_free(m);
}

void reference_power(size_t n, const double *a, double eps, double power, double zero,
                     double *out) {
  double *w = numbers(n), *v = numbers(n * n);
  eigen(n, a, w, v);
  for (size_t i = 0; i < n * n; i++) {
    out[i] = 0;
    for (size_t k = 0; k < n; k++) {
      double value = fmax(w[k], 0) + eps;
      if (eps == 0 && w[k] <= zero * w[n - 1]) continue;
      out[i] += v[i / n * n + k] * pow(value, power) * v[i % n * n + k];
    }
  }
  free(w);
  free(v);
}

reference_svd reference_svd_of(size_t rows, size_t cols, const double *x) {
  bool wide = rows < cols;
  size_t m = wide ? cols : rows, n = wide ? rows : cols;
  gsl_matrix *a = gsl_matrix_alloc(m, n), *b = gsl_matrix_alloc(n, n);
  gsl_vector *s = gsl_vector_alloc(n);
  reference_svd d = {rows, cols, n, numbers(rows * n), numbers(n), numbers(cols * n)};
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++)
      gsl_matrix_set(a, wide ? j : i, wide ? i : j, x[i * cols + j]);
  gsl_linalg_SV_decomp_jacobi(a, b, s);
  for (size_t k = 0; k < n; k++) {
    d.s[k] = gsl_vector_get(s, k);
    for (size_t i = 0; i < rows; i++) d.u[i * n + k] = gsl_matrix_get(wide ? b : a, i, k);
    for (size_t j = 0; j < cols; j++) d.v[j * n + k] = gsl_matrix_get(wide ? a : b, j, k);
  }
  gsl_matrix_free(a);
  gsl_matrix_free(b);
  gsl_vector_free(s);
  return d;
}

void reference_svd_free(reference_svd *d) {
  free(d->u);
  free(d->s);
  free(d->v);
}

void reference_svd_put(const reference_svd *d, const double *f, double *out) {
  for (size_t i = 0; i < d->rows; i++)
    for (size_t j = 0; j < d->cols; j++) {
      double sum = 0;
      for (size_t k = 0; k < d->n; k++) sum += d->u[i * d->n + k] * f[k] * d->v[j * d->n + k];
      out[i * d->cols + j] = sum;
    }
}

void reference_polar(size_t rows, size_t cols, const double *x, double zero, double *out) {
  reference_svd d = reference_svd_of(rows, cols, x);
  double least = zero * d.s[0];
  for (size_t k = 0; k < d.n; k++) d.s[k] = d.s[k] > least ? 1 : 0;
  reference_svd_put(&d, d.s, out);
  reference_svd_free(&d);
}

/* ---- Muon ---- */

void reference_quintic(size_t rows, size_t cols, const double *x, double *out) {
  bool turned = rows > cols;
  size_t r = turned ? cols : rows, c = turned ? rows : cols;
  double *y = numbers(r * c), *a = numbers(r * r), *b = numbers(r * r), *z = numbers(r * c);
  double norm = norm_of(rows * cols, x) + 1e-7;
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j < c; j++)
      y[i * c + j] = (turned ? x[j * cols + i] : x[i * cols + j]) / norm;
  for (int step = 0; step < 5; step++) {
    product(r, c, r, y, false, y, true, a);
    product(r, r, r, a, false, a, false, b);
    for (size_t i = 0; i < r * r; i++) b[i] = -4.7750 * a[i] + 2.0315 * b[i];
    product(r, r, c, b, false, y, false, z);
    for (size_t i = 0; i < r * c; i++) y[i] = 3.4445 * y[i] + z[i];
  }
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j < c; j++) out[turned ? j * cols + i : i * cols + j] = y[i * c + j];
  free(y);
  free(a);
  free(b);
  free(z);
}

void reference_muon_step(reference_muon *o, const double *g, double *p) {
  size_t n = o->rows * o->cols;
  double *u = numbers(n), b = o->momentum, rows = (double)o->rows, cols = (double)o->cols;
  for (size_t i = 0; i < n; i++) {
    o->m[i] += (1 - b) * (g[i] - o->m[i]);
    u[i] = o->nesterov ? (1 - b) * g[i] + b * o->m[i] : o->m[i];
  }
  reference_quintic(o->rows, o->cols, u, u);
  double scale = sqrt(fmax(1, rows / cols));
  for (size_t i = 0; i < n; i++) {
    p[i] *= 1 - o->lr * o->decay;
    p[i] -= o->lr * (scale * u[i]);
  }
  free(u);
}

/* ---- vectors ---- */

void reference_adam_step(reference_adam *o, const double *g, double *p) {
  int t = ++o->t;
  for (size_t i = 0; i < o->n; i++) {
    double d = o->l2 ? g[i] + o->decay * p[i] : g[i];
    o->m[i] = o->b1 * o->m[i] + (1 - o->b1) * d;
    o->v[i] = o->b2 * o->v[i] + (1 - o->b2) * d * d;
    double mean = o->m[i] / (1 - pow(o->b1, t)), square = o->v[i] / (1 - pow(o->b2, t));
    if (!o->l2) p[i] *= 1 - o->lr * o->decay;
    p[i] -= o->lr * mean / (sqrt(square) + o->eps);
  }
}

void reference_sgd_step(reference_sgd *o, const double *g, double *p) {
  int t = ++o->t;
  for (size_t i = 0; i < o->n; i++) {
    double d = g[i] + o->decay * p[i];
    if (o->momentum != 0) {
      o->m[i] = t == 1 ? d : o->momentum * o->m[i] + d;
      d = o->nesterov ? d + o->momentum * o->m[i] : o->m[i];
    }
    p[i] -= o->lr * d;
  }
}

void reference_adagrad_step(reference_adagrad *o, const double *g, double *p) {
  size_t n = o->n;
  double *root = numbers(n * n), *d = numbers(n);
  for (size_t i = 0; i < n * n; i++) o->c[i] += g[i / n] * g[i % n];
  reference_power(n, o->c, o->eps, -0.5, 0, root);
  product(n, n, 1, root, false, g, false, d);
  for (size_t i = 0; i < n; i++) p[i] -= o->lr * d[i];
  free(root);
  free(d);
}

/* ---- Shampoo ---- */

void reference_shampoo_open(reference_shampoo *o, size_t order, const size_t *dim) {
  o->order = order;
  o->n = 1;
  for (size_t k = 0; k < order; k++) {
    o->dim[k] = dim[k];
    o->n *= dim[k];
    o->l[k] = numbers(dim[k] * dim[k]);
    o->root[k] = numbers(dim[k] * dim[k]);
  }
  o->m = numbers(o->n);
  o->v = numbers(o->n);
}

void reference_shampoo_close(reference_shampoo *o) {
  for (size_t k = 0; k < o->order; k++) {
    free(o->l[k]);
    free(o->root[k]);
  }
  free(o->m);
  free(o->v);
}

/* Entries before and behind axis k: x[(a dim + i) behind + b]. */
static size_t behind(const reference_shampoo *o, size_t k) {
  size_t n = 1;
  for (size_t j = k + 1; j < o->order; j++) n *= o->dim[j];
  return n;
}

static void add_factor(reference_shampoo *o, size_t k, const double *g) {
  size_t d = o->dim[k], back = behind(o, k), front = o->n / d / back;
  double keep = o->b2, take = o->b2 == 1 ? 1 : 1 - o->b2;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      double sum = 0;
      for (size_t a = 0; a < front; a++)
        for (size_t b = 0; b < back; b++)
          sum += g[(a * d + i) * back + b] * g[(a * d + j) * back + b];
      o->l[k][i * d + j] = keep * o->l[k][i * d + j] + take * sum;
    }
}

static void renew_root(reference_shampoo *o, size_t k) {
  size_t d = o->dim[k];
  double *c = numbers(d * d), correction = o->b2 == 1 ? 1 : 1 - pow(o->b2, o->t);
  for (size_t i = 0; i < d * d; i++) c[i] = o->l[k][i] / correction;
  reference_power(d, c, o->eps, -1 / (2 * (double)o->order), 0, o->root[k]);
  free(c);
}

/* x := x contracted with the roots of all axes. */
static void contract(const reference_shampoo *o, double *x) {
  double *y = numbers(o->n);
  for (size_t k = 0; k < o->order; k++) {
    size_t d = o->dim[k], back = behind(o, k), front = o->n / d / back;
    for (size_t a = 0; a < front; a++)
      for (size_t i = 0; i < d; i++)
        for (size_t b = 0; b < back; b++) {
          double sum = 0;
          for (size_t j = 0; j < d; j++) sum += o->root[k][i * d + j] * x[(a * d + j) * back + b];
          y[(a * d + i) * back + b] = sum;
        }
    memcpy(x, y, o->n * sizeof *x);
  }
  free(y);
}

void reference_shampoo_step(reference_shampoo *o, const double *g, double *p) {
  int t = ++o->t;
  double *u = numbers(o->n), *d = numbers(o->n);
  for (size_t k = 0; k < o->order; k++) {
    add_factor(o, k, g);
    if ((t % o->every == 0 && t > o->start) || t == o->start) renew_root(o, k);
  }
  for (size_t i = 0; i < o->n; i++) {
    o->m[i] = o->b1 * o->m[i] + (1 - o->b1) * g[i];
    o->v[i] = o->graft_b2 * o->v[i] + (1 - o->graft_b2) * g[i] * g[i];
    u[i] = o->m[i] / (1 - pow(o->b1, t));
    double root = sqrt(o->v[i] / (1 - pow(o->graft_b2, t)));
    d[i] = o->graft == GRAFT_ADAM ? u[i] / (root + o->graft_eps) : u[i];
  }
  if (t >= o->start) {
    double norm = norm_of(o->n, d);
    memcpy(d, u, o->n * sizeof *d);
    contract(o, d);
    double factor = o->graft == GRAFT_NONE ? 1 : norm / (norm_of(o->n, d) + 1e-16);
    for (size_t i = 0; i < o->n; i++) d[i] *= factor;
  }
  for (size_t i = 0; i < o->n; i++) p[i] -= o->lr * d[i];
  free(u);
  free(d);
}

/* ---- SOAP ---- */

void reference_soap_open(reference_soap *o, size_t rows, size_t cols) {
  o->rows = rows;
  o->cols = cols;
  for (int k = 0; k < 2; k++) {
    size_t n = k == 0 ? rows : cols;
    o->l[k] = numbers(n * n);
    o->q[k] = numbers(n * n);
  }
  o->m = numbers(rows * cols);
  o->v = numbers(rows * cols);
}

void reference_soap_close(reference_soap *o) {
  for (int k = 0; k < 2; k++) {
    free(o->l[k]);
    free(o->q[k]);
  }
  free(o->m);
  free(o->v);
}

/* x := Q_l' x Q_r, or back. */
static void project(const reference_soap *o, bool back, double *x) {
  double *half = numbers(o->rows * o->cols);
  product(o->rows, o->rows, o->cols, o->q[0], !back, x, false, half);
  product(o->rows, o->cols, o->cols, half, false, o->q[1], back, x);
  free(half);
}

static void add_sides(reference_soap *o, const double *g) {
  for (int k = 0; k < 2; k++) {
    size_t n = k == 0 ? o->rows : o->cols, inner = k == 0 ? o->cols : o->rows;
    double *c = numbers(n * n);
    product(n, inner, n, g, k == 1, g, k == 0, c);
    for (size_t i = 0; i < n * n; i++) o->l[k][i] = o->b2 * o->l[k][i] + (1 - o->b2) * c[i];
    free(c);
  }
}

/* Columns of a [n, n] orthonormal, one by one (twice: to the last digit). */
static void orthonormalise(size_t n, double *a) {
  for (int twice = 0; twice < 2; twice++)
    for (size_t k = 0; k < n; k++) {
      double square = 0;
      for (size_t j = 0; j < k; j++) {
        double dot = 0;
        for (size_t i = 0; i < n; i++) dot += a[i * n + j] * a[i * n + k];
        for (size_t i = 0; i < n; i++) a[i * n + k] -= dot * a[i * n + j];
      }
      for (size_t i = 0; i < n; i++) square += a[i * n + k] * a[i * n + k];
      for (size_t i = 0; i < n; i++) a[i * n + k] /= sqrt(square);
    }
}

/* One power iteration with sorted columns; v follows the sort. */
static void iterate(reference_soap *o, int side) {
  size_t n = side == 0 ? o->rows : o->cols, size = o->rows * o->cols;
  double *lq = numbers(n * n), *value = numbers(n), *fresh = numbers(n * n), *v = numbers(size);
  product(n, n, n, o->l[side], false, o->q[side], false, lq);
  for (size_t i = 0; i < n * n; i++) value[i % n] += o->q[side][i] * lq[i];
  for (size_t k = 0; k < n; k++) {
    size_t best = 0;
    for (size_t j = 1; j < n; j++)
      if (value[j] > value[best]) best = j;
    value[best] = -INFINITY;
    for (size_t i = 0; i < n; i++) fresh[i * n + k] = lq[i * n + best];
    for (size_t i = 0; i < size; i++) {
      size_t row = i / o->cols, col = i % o->cols;
      if (side == 0 && row == k) v[i] = o->v[best * o->cols + col];
      if (side == 1 && col == k) v[i] = o->v[row * o->cols + best];
    }
  }
  orthonormalise(n, fresh);
  memcpy(o->q[side], fresh, n * n * sizeof *fresh);
  memcpy(o->v, v, size * sizeof *v);
  free(lq);
  free(value);
  free(fresh);
  free(v);
}

static void soap_update(reference_soap *o, int t, const double *g, double *p) {
  size_t n = o->rows * o->cols;
  double *x = numbers(n), *d = numbers(n);
  double rate = o->lr * sqrt(1 - pow(o->b2, t)) / (1 - pow(o->b1, t));
  memcpy(x, g, n * sizeof *x);
  project(o, false, x);
  for (size_t i = 0; i < n; i++) {
    o->m[i] = o->b1 * o->m[i] + (1 - o->b1) * x[i];
    o->v[i] = o->b2 * o->v[i] + (1 - o->b2) * x[i] * x[i];
    d[i] = o->m[i] / (sqrt(o->v[i]) + o->eps);
  }
  project(o, true, d);
  for (size_t i = 0; i < n; i++) {
    p[i] -= rate * d[i];
    p[i] -= o->lr * o->decay * p[i];
  }
  free(x);
  free(d);
}

void reference_soap_step(reference_soap *o, const double *g, double *p) {
  int t = o->calls++;
  if (t == 0) { /* nothing but the basis */
    double *w = numbers(o->rows + o->cols);
    add_sides(o, g);
    eigen(o->rows, o->l[0], w, o->q[0]);
    eigen(o->cols, o->l[1], w, o->q[1]);
    free(w);
    return;
  }
  soap_update(o, t, g, p);
  project(o, true, o->m);
  add_sides(o, g);
  if (t % o->every == 0) {
    iterate(o, 0);
    iterate(o, 1);
  }
  project(o, false, o->m);
}
