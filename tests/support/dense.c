/* Dense oracles; see dense.h. */
#include "tests/support/dense.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/oracle.h"
#include "tests/support/testing.h"

double *symo_dense_new(size_t rows, size_t columns) {
  double *a = calloc(rows * columns + 1, sizeof *a);
  cr_assert(a != NULL, "out of memory");
  return a;
}

double *symo_dense_identity(size_t n, double s) {
  double *a = symo_dense_new(n, n);
  for (size_t i = 0; i < n; i++) a[i * n + i] = s;
  return a;
}

void symo_dense_eigen(size_t n, const double *a, double *w, double *v) {
  gsl_matrix *m = gsl_matrix_alloc(n, n), *vectors = gsl_matrix_alloc(n, n);
  gsl_vector *values = gsl_vector_alloc(n);
  gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) gsl_matrix_set(m, i, j, 0.5 * (a[i * n + j] + a[j * n + i]));
  gsl_eigen_symmv(m, values, vectors, work);
  gsl_eigen_symmv_sort(values, vectors, GSL_EIGEN_SORT_VAL_ASC);
  for (size_t i = 0; i < n; i++) {
    w[i] = gsl_vector_get(values, i);
    for (size_t j = 0; v != NULL && j < n; j++) v[i * n + j] = gsl_matrix_get(vectors, i, j);
  }
  gsl_eigen_symmv_free(work);
  gsl_vector_free(values);
  gsl_matrix_free(vectors);
  gsl_matrix_free(m);
}

double *symo_dense_power(size_t n, const double *a, double p, double tolerance) {
  double *w = symo_dense_new(1, n), *v = symo_dense_new(n, n), *out = symo_dense_new(n, n);
  symo_dense_eigen(n, a, w, v);
  double largest = fmax(fabs(w[0]), fabs(w[n - 1]));
  for (size_t k = 0; k < n; k++) {
    double value = fabs(w[k]) > tolerance * largest ? pow(w[k], p) : 0;
    for (size_t i = 0; value != 0 && i < n; i++)
      for (size_t j = 0; j < n; j++) out[i * n + j] += value * v[i * n + k] * v[j * n + k];
  }
  free(w);
  free(v);
  return out;
}

/* (x^p - y^p) / (x - y) */
static double divided_difference(double x, double y, double p) {
  double apart = x - y;
  if (fabs(apart) <= 1e-4 * fmax(x, y)) return p * pow((x + y) / 2, p - 1);
  return (pow(x, p) - pow(y, p)) / apart;
}

double symo_dense_power_condition(size_t n, const double *a, double damping, double p,
                                  double tolerance, size_t count, const double *x) {
  double *w = symo_dense_new(1, n), *v = symo_dense_new(n, n), *square = symo_dense_new(1, n);
  symo_dense_eigen(n, a, w, v);
  double largest = fmax(w[n - 1], 0) + damping, length = 0, worst = 0;
  for (size_t k = 0; k < n; k++) {
    w[k] = damping > 0 ? fmax(w[k], 0) + damping : w[k];
    for (size_t c = 0; c < count; c++) { /* of V' X, row k */
      double dot = 0;
      for (size_t i = 0; i < n; i++) dot += v[i * n + k] * x[i * count + c];
      square[k] += dot * dot;
    }
    if (w[k] > tolerance * largest) length += pow(w[k], 2 * p) * square[k];
  }
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t j = 0; j < n && w[i] > tolerance * largest; j++)
      if (w[j] > tolerance * largest) sum += pow(divided_difference(w[i], w[j], p), 2) * square[j];
    worst = fmax(worst, sum);
  }
  free(w);
  free(v);
  free(square);
  return length > 0 ? 1 + largest * sqrt(worst / length) : 1;
}

double *symo_dense_product(size_t n, const double *a, const double *b) {
  double *out = symo_dense_new(n, n);
  oracle_multiply(n, a, b, out);
  return out;
}

double *symo_dense_sandwich(size_t n, const double *a, const double *b) {
  double *half = symo_dense_product(n, a, b), *out = symo_dense_product(n, half, a);
  free(half);
  return out;
}

double *symo_dense_mean(size_t n, const double *ct, const double *cg, double tolerance) {
  double *root = symo_dense_power(n, ct, 0.5, tolerance);
  double *inverse = symo_dense_power(n, ct, -0.5, tolerance);
  double *inner = symo_dense_sandwich(n, root, cg);
  double *middle = symo_dense_power(n, inner, 0.5, tolerance);
  double *out = symo_dense_sandwich(n, inverse, middle);
  free(root);
  free(inverse);
  free(inner);
  free(middle);
  return out;
}

double *symo_dense_lyapunov(size_t n, const double *c, const double *b, double tolerance) {
  double *w = symo_dense_new(1, n), *v = symo_dense_new(n, n), *vt = symo_dense_new(n, n);
  symo_dense_eigen(n, c, w, v);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) vt[i * n + j] = v[j * n + i];
  double *half = symo_dense_product(n, vt, b), *inner = symo_dense_product(n, half, v);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = w[i] + w[j];
      inner[i * n + j] = sum > tolerance * fabs(w[n - 1]) ? inner[i * n + j] / sum : 0;
    }
  free(half);
  half = symo_dense_product(n, v, inner);
  double *out = symo_dense_product(n, half, vt);
  free(w);
  free(v);
  free(vt);
  free(half);
  free(inner);
  return out;
}

double *symo_dense_outer(size_t n, size_t count, const double *x, const double *y) {
  double *out = symo_dense_new(n, n);
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        out[i * n + j] += 0.5 * (x[k * n + i] * y[k * n + j] + y[k * n + i] * x[k * n + j]);
  return out;
}

void symo_dense_matvec(size_t n, const double *a, const double *x, double *y) {
  for (size_t i = 0; i < n; i++) {
    y[i] = 0;
    for (size_t j = 0; j < n; j++) y[i] += a[i * n + j] * x[j];
  }
}

double symo_dense_norm(size_t n, const double *a) {
  double sum = 0;
  for (size_t i = 0; i < n * n; i++) sum += a[i] * a[i];
  return sqrt(sum);
}

double *symo_dense_average(const symo_layout *layout, const double *a) {
  size_t n = symo_layout_num_parameters(layout);
  double *out = symo_dense_new(n, n);
  oracle_average(layout, a, out);
  return out;
}

double *symo_dense_fixed(const symo_layout *layout) {
  size_t n = symo_layout_num_parameters(layout);
  double *out = symo_dense_new(n, n), *unit = symo_dense_new(1, n), *mean = symo_dense_new(1, n);
  for (size_t j = 0; j < n; j++) {
    unit[j] = 1;
    oracle_mean(layout, unit, mean);
    unit[j] = 0;
    for (size_t i = 0; i < n; i++) out[i * n + j] = mean[i];
  }
  free(unit);
  free(mean);
  return out;
}

double *symo_dense_of(const symo_hessian *h) {
  size_t n = symo_layout_num_parameters(symo_plan_layout(symo_hessian_plan(h)));
  double *out = symo_dense_new(n, n);
  cr_assert(symo_hessian_dense(h, out) == SYMO_OK);
  return out;
}

double symo_dense_condition(size_t n, const double *a, double tolerance) {
  double *w = symo_dense_new(1, n);
  symo_dense_eigen(n, a, w, NULL);
  double least = w[n - 1], most = w[n - 1];
  for (size_t i = 0; i < n; i++)
    if (w[i] > tolerance * most) least = fmin(least, w[i]);
  free(w);
  return most > 0 ? most / least : 1;
}
