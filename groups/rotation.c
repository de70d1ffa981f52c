/* Arithmetic of orthogonal matrices.
 *
 * Nearest orthogonal matrix: one step of Newton and Schulz, Q (3 - Q'Q) / 2, which squares the
 * defect (Higham, Functions of Matrices, 2008, ch. 8).
 * Exponential: if no row of A has more than one entry, A turns disjoint coordinate planes, and the
 * answer is sines and cosines.  Else scaling and squaring: exp(A) = p(A / 2^s)^(2^s), p the Taylor
 * polynomial of degree 12 in three blocks of powers of B^3 (Paterson and Stockmeyer 1973); with
 * |A / 2^s| <= 1/4 what is left out is below 3e-18. */
#include "groups/rotation.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/linalg.h"

void symo_rotation_identity(size_t d, double *q) {
  memset(q, 0, d * d * sizeof *q);
  for (size_t i = 0; i < d; i++) q[i * d + i] = 1;
}

static void multiply(size_t d, double alpha, const double *a, const double *b, double beta,
                     double *c) {
  symo_gemm(SYMO_F64, alpha, symo_mat_dense((void *)(uintptr_t)a, d, d),
            symo_mat_dense((void *)(uintptr_t)b, d, d), beta, symo_mat_dense(c, d, d));
}

void symo_rotation_correct(size_t d, double *q, double *scratch) {
  double *gram = scratch, *old = scratch + d * d;
  symo_mat m = symo_mat_dense(q, d, d);
  symo_gemm(SYMO_F64, 1, symo_mat_t(m), m, 0, symo_mat_dense(gram, d, d));
  memcpy(old, q, d * d * sizeof *old);
  multiply(d, -0.5, old, gram, 1.5, q);
}

/* ---- exponentials ---- */

/* b := the antisymmetric part of a over |A|; 0 if that is zero.  All eigenvalues are i w, -i w in
 * pairs, so |A|_F / sqrt(2) bounds w, and so does the largest sum of a row. */
static bool normalised(size_t d, const double *a, double *b) {
  double size = 0, rows = 0, squares = 0;
  for (size_t n = 0; n < d * d; n++) size = fmax(size, fabs(a[n]));
  if (size == 0) return false;
  for (size_t i = 0; i < d; i++) {
    double sum = 0;
    for (size_t j = 0; j < d; j++) {
      double x = (a[i * d + j] / size - a[j * d + i] / size) / 2;
      b[i * d + j] = x;
      sum += fabs(x);
      squares += x * x;
    }
    rows = fmax(rows, sum);
  }
  double norm = fmin(rows, sqrt(squares / 2));
  if (!(norm > 0)) return false;
  symo_scal(SYMO_F64, d * d, 1 / norm, b);
  return true;
}

/* The only column of row i that is not 0; d if there is none, d + 1 if there are several. */
static size_t partner(size_t d, const double *a, size_t i) {
  size_t entries = 0, column = d;
  for (size_t j = 0; j < d; j++) {
    entries += a[i * d + j] != 0;
    if (a[i * d + j] != 0) column = j;
  }
  return entries > 1 ? d + 1 : column;
}

static double angular(size_t d, const double *a, size_t i, size_t j) {
  return a[i * d + j] / 2 - a[j * d + i] / 2;
}

/* Whether a pairs the coordinates, some of them with themselves, which turns nothing; *size is then
 * the largest frequency. */
static bool is_planar(size_t d, const double *a, double *size) {
  *size = 0;
  for (size_t i = 0; i < d; i++) {
    size_t j = partner(d, a, i);
    if (j == d) continue;
    if (j > d || partner(d, a, j) != i) return false;
    *size = fmax(*size, fabs(angular(d, a, i, j)));
  }
  return true;
}

static void rotate_planes(size_t d, const double *a, double size, double t, double *q) {
  for (size_t i = 0; i < d; i++) {
    size_t j = partner(d, a, i);
    if (j == d || j < i) continue;
    double angle = t * (angular(d, a, i, j) / size);
    double c = cos(angle), s = sin(angle), *x = q + i * d, *y = q + j * d;
    for (size_t k = 0; k < d; k++) {
      double old = x[k];
      x[k] = c * old + s * y[k];
      y[k] = c * y[k] - s * old;
    }
  }
}

/* p(B) in *out; b2, b3, out, other: [d, d].  Returns whichever of out, other holds it. */
static double *taylor(size_t d, const double *b, double *b2, double *b3, double *out,
                      double *other) {
  double c[13] = {1};
  for (int k = 1; k <= 12; k++) c[k] = c[k - 1] / k;
  multiply(d, 1, b, b, 0, b2);
  multiply(d, 1, b2, b, 0, b3);
  for (int k = 9; k >= 0; k -= 3) {
    if (k == 9) {
      memcpy(out, b3, d * d * sizeof *out);
      symo_scal(SYMO_F64, d * d, c[12], out);
    } else {
      double *swapped = out;
      multiply(d, 1, b3, out, 0, other);
      out = other;
      other = swapped;
    }
    symo_axpy(SYMO_F64, d * d, c[k + 2], b2, out);
    symo_axpy(SYMO_F64, d * d, c[k + 1], b, out);
    symo_add_diagonal(SYMO_F64, d, c[k], out);
  }
  return out;
}

void symo_rotation_exp(size_t d, const double *a, double t, double *q, double *scratch) {
  size_t size = d * d;
  double *b = scratch, *b2 = b + size, *b3 = b2 + size, *x = b3 + size, *y = x + size;
  double *old = y + size;
  double frequency;
  if (is_planar(d, a, &frequency)) {
    if (frequency > 0) rotate_planes(d, a, frequency, t, q);
    return;
  }
  if (!normalised(d, a, b)) return;
  int squarings = 0;
  double step = t;
  while (fabs(step) > 0.25) step /= 2, squarings++;
  symo_scal(SYMO_F64, size, step, b);
  double *e = taylor(d, b, b2, b3, x, y), *other = e == x ? y : x;
  for (int k = 0; k < squarings; k++) { /* each doubles a defect */
    double *squared = other;
    multiply(d, 1, e, e, 0, squared);
    other = e;
    e = squared;
    if (k % 4 == 3) symo_rotation_correct(d, e, b2);
  }
  symo_rotation_correct(d, e, b2);
  memcpy(old, q, size * sizeof *q);
  multiply(d, 1, e, old, 0, q);
}

/* ---- signed permutations ---- */

void symo_code_set(size_t d, const size_t *image, const signed char *sign, uint32_t *code) {
  for (size_t i = 0; i < d; i++) code[i] = (uint32_t)(2 * image[i] + (sign[i] < 0));
}

void symo_code_identity(size_t d, uint32_t *code) {
  for (size_t i = 0; i < d; i++) code[i] = (uint32_t)(2 * i);
}

void symo_code_product(size_t d, const uint32_t *a, const uint32_t *b, uint32_t *out) {
  for (size_t i = 0; i < d; i++) out[i] = a[b[i] >> 1] ^ (b[i] & 1U);
}

void symo_code_inverse(size_t d, const uint32_t *a, uint32_t *out) {
  for (size_t i = 0; i < d; i++) out[a[i] >> 1] = (uint32_t)(2 * i) | (a[i] & 1U);
}

void symo_code_expand(size_t d, const uint32_t *code, double *q) {
  memset(q, 0, d * d * sizeof *q);
  for (size_t i = 0; i < d; i++) q[(code[i] >> 1) * d + i] = (code[i] & 1U) != 0 ? -1 : 1;
}
