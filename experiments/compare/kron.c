/* Block-diagonal matrices of Kronecker products, as Shampoo's and K-FAC's are.
 *
 * With L = U' diag(l) U and R = V' diag(r) V the block is (U (x) V)' diag(l (x) r) (U (x) V), so
 * for a gradient block G [rows, cols]
 *
 *     (|L (x) R| + lambda)^-1 vec(G) = vec( U' [ (U G V')_ij / (|l_i r_j| + lambda) ] V )
 *
 * where vec is row-major: four small products, nothing of the size of the block squared. */
#include "experiments/compare/approx_form.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/spectrum.h"

typedef struct kron {
  size_t count;
  compare_kron *blocks;
} kron;

static void kron_destroy(void *self) {
  kron *k = self;
  for (size_t b = 0; b < k->count && k->blocks != NULL; b++) {
    symo_free(k->blocks[b].left);
    symo_free(k->blocks[b].left_values);
    symo_free(k->blocks[b].right);
    symo_free(k->blocks[b].right_values);
  }
  symo_free(k->blocks);
  symo_free(k);
}

/* Where entry (i, j) of the block's matrix lies in the flat vector. */
static size_t place(const compare_kron *b, size_t i, size_t j) {
  if (b->augmented && j + 1 == b->cols) return b->bias + i;
  return b->offset + i * (b->augmented ? b->cols - 1 : b->cols) + j;
}

static symo_status block_dense(compare_approx *a, const compare_kron *b, double *out) {
  symo_status status = SYMO_OK;
  size_t most = b->rows > b->cols ? b->rows : b->cols, n = a->size;
  double *scratch = symo_calloc(most * most, sizeof *scratch);
  double *left = symo_calloc(b->rows * b->rows, sizeof *left);
  double *right = symo_calloc(b->cols * b->cols, sizeof *right);
  if (scratch == NULL || left == NULL || right == NULL) {
    status = symo_fail_memory(a->context, "compare");
    goto fail;
  }
  symo_from_eigh(SYMO_F64, b->rows, b->left, b->left_values, scratch, left);
  symo_from_eigh(SYMO_F64, b->cols, b->right, b->right_values, scratch, right);
  for (size_t i = 0; i < b->rows; i++)
    for (size_t j = 0; j < b->cols; j++) {
      double *row = out + place(b, i, j) * n;
      for (size_t k = 0; k < b->rows; k++)
        for (size_t l = 0; l < b->cols; l++)
          row[place(b, k, l)] = left[i * b->rows + k] * right[j * b->cols + l];
    }
fail:
  symo_free(scratch);
  symo_free(left);
  symo_free(right);
  return status;
}

static symo_status kron_dense(compare_approx *a, double *out) {
  const kron *k = a->self;
  memset(out, 0, a->size * a->size * sizeof *out);
  for (size_t b = 0; b < k->count; b++) {
    symo_status status = block_dense(a, &k->blocks[b], out);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status kron_eigenvalues(compare_approx *a, double *out) {
  const kron *k = a->self;
  size_t at = 0;
  for (size_t b = 0; b < k->count; b++)
    for (size_t i = 0; i < k->blocks[b].rows; i++)
      for (size_t j = 0; j < k->blocks[b].cols; j++)
        out[at++] = k->blocks[b].left_values[i] * k->blocks[b].right_values[j];
  while (at < a->size) out[at++] = 0;
  return SYMO_OK;
}

static symo_status block_step(compare_approx *a, const compare_kron *b, double lambda,
                              const double *g, double *d) {
  size_t r = b->rows, c = b->cols;
  double *x = symo_calloc(2 * r * c, sizeof *x);
  if (x == NULL) return symo_fail_memory(a->context, "compare");
  double *y = x + r * c;
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j < c; j++) x[i * c + j] = g[place(b, i, j)];
  symo_mat mx = symo_mat_dense(x, r, c), my = symo_mat_dense(y, r, c);
  symo_mat u = symo_mat_dense(b->left, r, r), v = symo_mat_dense(b->right, c, c);
  symo_gemm(SYMO_F64, 1, u, mx, 0, my);
  symo_gemm(SYMO_F64, 1, my, symo_mat_t(v), 0, mx);
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j < c; j++)
      x[i * c + j] /= -(fabs(b->left_values[i] * b->right_values[j]) + lambda);
  symo_gemm(SYMO_F64, 1, symo_mat_t(u), mx, 0, my);
  symo_gemm(SYMO_F64, 1, my, v, 0, mx);
  for (size_t i = 0; i < r; i++)
    for (size_t j = 0; j < c; j++) d[place(b, i, j)] = x[i * c + j];
  symo_free(x);
  return SYMO_OK;
}

static symo_status kron_step(compare_approx *a, double lambda, const double *g, double *d) {
  const kron *k = a->self;
  for (size_t i = 0; i < a->size; i++) d[i] = -g[i] / lambda;
  for (size_t b = 0; b < k->count; b++) {
    symo_status status = block_step(a, &k->blocks[b], lambda, g, d);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static const compare_form kron_form = {.name = "kronecker",
                                       .dense = kron_dense,
                                       .eigenvalues = kron_eigenvalues,
                                       .step = kron_step,
                                       .destroy = kron_destroy};

symo_status compare_approx_kron(symo_context *context, size_t size, size_t count,
                                compare_approx **out) {
  kron *k = symo_calloc(1, sizeof *k);
  if (k != NULL) k->blocks = symo_calloc(count, sizeof *k->blocks);
  if (k == NULL || k->blocks == NULL) {
    symo_free(k);
    return symo_fail_memory(context, "compare");
  }
  k->count = count;
  return compare_approx_make(context, &kron_form, size, 0, k, out);
}

/* The eigendecomposition of factor^power, vectors in rows. */
static symo_status factor_root(symo_context *context, size_t n, const double *factor, double power,
                               double **vectors, double **values) {
  symo_status status = SYMO_OK;
  double *v = symo_malloc(n * n * sizeof *v), *w = symo_malloc(n * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (v == NULL || w == NULL || work == NULL) {
    status = symo_fail_memory(context, "compare");
    goto fail;
  }
  memcpy(v, factor, n * n * sizeof *v);
  status = symo_eigh(SYMO_F64, n, v, w, work);
  if (status != SYMO_OK) {
    symo_fail(context, status,
              "compare: eigendecomposition of a Kronecker factor failed (look for "
              "enormous gradients)");
    goto fail;
  }
  const symo_spectrum s = {.power = power, .tolerance = symo_rank_tolerance(SYMO_F64, n)};
  symo_spectrum_power(&s, n, w, w, NULL);
  *vectors = v;
  *values = w;
  symo_free(work);
  return SYMO_OK;
fail:
  symo_free(v);
  symo_free(w);
  symo_free(work);
  return status;
}

symo_status compare_kron_set(compare_approx *a, size_t index, compare_kron where,
                             const double *left, const double *right, double power) {
  compare_kron *b = &((kron *)a->self)->blocks[index];
  *b = where;
  b->left = b->left_values = b->right = b->right_values = NULL;
  symo_status status = factor_root(a->context, b->rows, left, power, &b->left, &b->left_values);
  if (status == SYMO_OK)
    status = factor_root(a->context, b->cols, right, power, &b->right, &b->right_values);
  double r = (double)b->rows, c = (double)b->cols;
  a->stored += r * (r + 1) / 2 + (b->cols > 1 ? c * (c + 1) / 2 : 0);
  return status;
}

/* (v, w) := those of a Kronecker product of itself and (v2, w2), n2 vectors in rows. */
static symo_status join(symo_context *context, size_t n, double **v, double **w, size_t n2,
                        const double *v2, const double *w2) {
  size_t total = n * n2, count;
  double *values = symo_malloc(total * sizeof *values), *vectors = NULL;
  if (symo_mul_size(total, total * sizeof *vectors, &count)) vectors = symo_malloc(count);
  if (values == NULL || vectors == NULL) {
    symo_free(values);
    symo_free(vectors);
    return symo_fail_memory(context, "compare");
  }
  for (size_t i = 0; i < total; i++) {
    values[i] = (*w)[i / n2] * w2[i % n2];
    for (size_t j = 0; j < total; j++)
      vectors[i * total + j] = (*v)[i / n2 * n + j / n2] * v2[i % n2 * n2 + j % n2];
  }
  symo_free(*v);
  symo_free(*w);
  *v = vectors;
  *w = values;
  return SYMO_OK;
}

/* Axis 0 is the left factor, the product of all others the right one. */
symo_status compare_kron_set_axes(compare_approx *a, size_t index, size_t offset, size_t order,
                                  const size_t *dims, const double *const *factors, double power) {
  static const double one = 1;
  compare_kron where = {.rows = dims[0], .cols = 1, .offset = offset};
  double r = (double)dims[0], *v = NULL, *w = NULL;
  if (order < 3) {
    where.cols = order == 2 ? dims[1] : 1;
    return compare_kron_set(a, index, where, factors[0], order == 2 ? factors[1] : &one, power);
  }
  compare_kron *b = &((kron *)a->self)->blocks[index];
  *b = where;
  a->stored += r * (r + 1) / 2;
  symo_status status =
      factor_root(a->context, dims[0], factors[0], power, &b->left, &b->left_values);
  for (size_t k = 1; k < order && status == SYMO_OK; k++) {
    double n = (double)dims[k];
    a->stored += dims[k] > 1 ? n * (n + 1) / 2 : 0;
    double **to = k == 1 ? &b->right : &v, **values = k == 1 ? &b->right_values : &w;
    status = factor_root(a->context, dims[k], factors[k], power, to, values);
    if (status == SYMO_OK && k > 1)
      status = join(a->context, b->cols, &b->right, &b->right_values, dims[k], v, w);
    symo_free(v);
    symo_free(w);
    v = w = NULL;
    b->cols *= dims[k];
  }
  return status;
}
