/* Gram matrices of coordinates, and products with the M of a label.
 *
 * A piece that is a view with the strides of a BLAS matrix is multiplied in place, block by block.
 * Families of one-dimensional irreps use the elementwise kernel.  All other coordinates are
 * computed in dense panels of bounded size. */
#include <assert.h>
#include <string.h>

#include "core/alloc.h"
#include "groups/plan/plan.h"

/* Rows of the first row axis that make up one panel. */
static size_t panel_rows(const symo_plan *plan, const plan_label *label) {
  if (label->num_rows == 0) return 1;
  size_t one = symo_label_stride(label) * label->m;
  size_t rows = plan->panel / (one > 0 ? one : 1);
  return rows < 1 ? 1 : rows < label->row[0] ? rows : label->row[0];
}

static size_t panel_bytes(const symo_plan *plan, const plan_label *label) {
  size_t numbers = panel_rows(plan, label) * symo_label_stride(label) * label->m;
  return symo_padded(numbers * symo_dtype_size(plan->dtype));
}

size_t symo_gram_work(const symo_plan *plan, const plan_label *label, bool two) {
  return (two ? 2 : 1) * panel_bytes(plan, label) +
         symo_gather_scratch(plan, label, panel_rows(plan, label));
}

/* The pieces of x as matrices [rows, width]; false if one is none. */
static bool piece_matrix(const symo_plan *plan, const plan_label *label, size_t piece,
                         symo_const_vector x, symo_mat *out) {
  symo_nd view;
  return symo_piece_view(plan, label, &label->pieces[piece], x, &view) &&
         symo_nd_matrix(view, label->num_rows, out);
}

/* For pieces that all_matrices has found to be matrices. */
static symo_mat matrix_of(const symo_plan *plan, const plan_label *label, size_t piece,
                          symo_const_vector x) {
  symo_mat out = {0};
  bool found = piece_matrix(plan, label, piece, x, &out);
  assert(found);
  (void)found;
  return out;
}

static bool all_matrices(const symo_plan *plan, const plan_label *label, symo_const_vector x) {
  symo_mat mat;
  if (label->num_families > 0) return false;
  for (size_t p = 0; p < label->num_pieces; p++)
    if (!piece_matrix(plan, label, p, x, &mat)) return false;
  return true;
}

static void gram_of_matrices(const symo_plan *plan, const plan_label *label, double alpha,
                             symo_const_vector x, symo_const_vector y, double beta, void *c) {
  symo_dtype t = plan->dtype;
  symo_mat whole = symo_mat_dense(c, label->m, label->m);
  for (size_t i = 0; i < label->num_pieces; i++) {
    const plan_piece *pi = &label->pieces[i];
    symo_mat row = symo_mat_rows(t, whole, pi->column, pi->width);
    symo_mat xi = matrix_of(plan, label, i, x);
    for (size_t j = 0; j <= i; j++) {
      const plan_piece *pj = &label->pieces[j];
      symo_mat block = symo_mat_cols(t, row, pj->column, pj->width);
      if (i == j && y.data == NULL) {
        symo_syrk(t, alpha, xi, beta, block);
      } else if (i == j) {
        symo_syr2k(t, alpha, xi, matrix_of(plan, label, i, y), beta, block);
      } else if (y.data == NULL) {
        symo_gemm(t, alpha, symo_mat_t(xi), matrix_of(plan, label, j, x), beta, block);
      } else {
        symo_mat yi = matrix_of(plan, label, i, y), yj = matrix_of(plan, label, j, y);
        symo_gemm(t, alpha, symo_mat_t(xi), yj, beta, block);
        symo_gemm(t, alpha, symo_mat_t(yi), matrix_of(plan, label, j, x), 1, block);
      }
    }
  }
}

/* Without the columns of length one, of which a piece may have as many as it has families: three
 * such lists of axes would not fit a view. */
static symo_nd squeeze(symo_nd x, int families) {
  for (int k = x.nd - 1; k >= families; k--)
    if (x.n[k] == 1) x = symo_nd_pick(x, k, 0);
  return x;
}

/* c[f, a, b] += alpha x[f, a] y[f, b] for views [families.., columns..] of two pieces. */
static void outer_families(symo_dtype dtype, const plan_label *label, double alpha, symo_nd x,
                           symo_nd y, size_t row, size_t column, void *c) {
  int f = label->num_families;
  x = squeeze(x, f);
  y = squeeze(y, f);
  symo_nd to = {.p = c, .dtype = dtype};
  to.p = symo_at(dtype, c, (ptrdiff_t)(row * label->m + column));
  ptrdiff_t stride = 1;
  int xc = x.nd - f, yc = y.nd - f;
  for (int k = yc - 1; k >= 0; k--) {
    to = symo_nd_insert(to, 0, y.n[f + k], stride);
    stride *= (ptrdiff_t)y.n[f + k];
  }
  stride = (ptrdiff_t)label->m;
  for (int k = xc - 1; k >= 0; k--) {
    to = symo_nd_insert(to, 0, x.n[f + k], stride);
    stride *= (ptrdiff_t)x.n[f + k];
  }
  stride = (ptrdiff_t)(label->m * label->m);
  for (int k = f - 1; k >= 0; k--) {
    to = symo_nd_insert(to, 0, x.n[k], stride);
    stride *= (ptrdiff_t)x.n[k];
  }
  for (int k = 0; k < xc; k++) y = symo_nd_insert(y, f + k, x.n[f + k], 0);
  for (int k = 0; k < yc; k++) x = symo_nd_insert(x, x.nd, y.n[f + xc + k], 0);
  symo_nd_mul(alpha, x, y, to);
}

static symo_nd whole_c(symo_dtype dtype, const plan_label *label, void *c) {
  size_t n = label->count * label->m * label->m;
  return symo_nd_dense(dtype, c, 1, &n);
}

/* beta of 0 must not read c, and BLAS is not involved here. */
static void scale_c(symo_dtype dtype, const plan_label *label, double beta, void *c) {
  symo_nd all = whole_c(dtype, label, c);
  if (beta == 0)
    symo_nd_fill(0, all);
  else if (beta != 1)
    symo_nd_copy(beta, all, all);
}

static bool all_views(const symo_plan *plan, const plan_label *label, symo_const_vector x) {
  symo_nd view;
  for (size_t p = 0; p < label->num_pieces; p++)
    if (!symo_piece_view(plan, label, &label->pieces[p], x, &view)) return false;
  return true;
}

static void gram_of_families(const symo_plan *plan, const plan_label *label, double alpha,
                             symo_const_vector x, symo_const_vector y, double beta, void *c) {
  scale_c(plan->dtype, label, beta, c);
  for (size_t i = 0; i < label->num_pieces; i++)
    for (size_t j = 0; j <= i; j++) {
      const plan_piece *pi = &label->pieces[i], *pj = &label->pieces[j];
      symo_nd xi, xj, yi, yj;
      symo_piece_view(plan, label, pi, x, &xi);
      symo_piece_view(plan, label, pj, x, &xj);
      if (y.data == NULL) {
        outer_families(plan->dtype, label, alpha, xi, xj, pi->column, pj->column, c);
        continue;
      }
      symo_piece_view(plan, label, pi, y, &yi);
      symo_piece_view(plan, label, pj, y, &yj);
      outer_families(plan->dtype, label, alpha, xi, yj, pi->column, pj->column, c);
      outer_families(plan->dtype, label, alpha, yi, xj, pi->column, pj->column, c);
    }
}

static void gram_of_panels(const symo_plan *plan, const plan_label *label, double alpha,
                           double xscale, symo_const_vector x, double yscale, symo_const_vector y,
                           double beta, void *c, void *work) {
  symo_dtype t = plan->dtype;
  bool two = y.data != NULL;
  size_t m = label->m, rows = panel_rows(plan, label), bytes = panel_bytes(plan, label);
  char *px = work, *py = px + bytes;
  arena scratch = {.base = two ? py + bytes : py};
  size_t all = label->num_rows == 0 ? 1 : label->row[0];
  size_t stride = symo_label_stride(label), ambient = label->ambient;
  if (label->num_families > 0) scale_c(t, label, beta, c);
  for (size_t first = 0; first < all; first += rows) {
    size_t n = all - first < rows ? all - first : rows;
    symo_label_gather(plan, label, x, first, n, px, &scratch);
    if (two) symo_label_gather(plan, label, y, first, n, py, &scratch);
    if (xscale != 1) symo_scal(t, n * stride * m, xscale, px);
    if (two && yscale != 1) symo_scal(t, n * stride * m, yscale, py);
    size_t members = label->num_families > 0 ? n * stride / ambient : 1;
    size_t height = label->num_families > 0 ? ambient : n * stride;
    size_t member = label->num_families > 0 ? first * (stride / ambient) : 0;
    double keep = label->num_families > 0 || first > 0 ? 1 : beta;
    for (size_t i = 0; i < members; i++) {
      ptrdiff_t at = (ptrdiff_t)(i * height * m);
      symo_mat a = symo_mat_dense(symo_at(t, px, at), height, m);
      symo_mat out = symo_mat_dense(symo_at(t, c, (ptrdiff_t)((member + i) * m * m)), m, m);
      if (two)
        symo_syr2k(t, alpha, a, symo_mat_dense(symo_at(t, py, at), height, m), keep, out);
      else
        symo_syrk(t, alpha, a, keep, out);
    }
  }
}

void symo_label_gram(const symo_plan *plan, const plan_label *label, double alpha, double xscale,
                     symo_const_vector x, double yscale, symo_const_vector y, double beta, void *c,
                     void *work) {
  bool two = y.data != NULL, plain = xscale == 1 && (!two || yscale == 1);
  if (plain && all_matrices(plan, label, x) && (!two || all_matrices(plan, label, y)))
    gram_of_matrices(plan, label, alpha, x, y, beta, c);
  else if (plain && label->num_families > 0 && label->ambient == 1 && all_views(plan, label, x) &&
           (!two || all_views(plan, label, y)))
    gram_of_families(plan, label, alpha, x, y, beta, c);
  else
    gram_of_panels(plan, label, alpha, xscale, x, yscale, y, beta, c, work);
}

/* ---- the other side ---- */

size_t symo_stack_work(const symo_plan *plan, const plan_label *label, size_t count) {
  size_t all = symo_label_indices(label);
  size_t numbers = count * symo_label_rows(label) * label->m;
  return symo_padded(numbers * symo_dtype_size(plan->dtype)) +
         symo_gather_scratch(plan, label, all);
}

static bool stack_of_views(const symo_plan *plan, const plan_label *label, size_t count,
                           double scale, const symo_const_vector *x) {
  bool views = scale == 1;
  for (size_t k = 0; k < count; k++) views = views && all_matrices(plan, label, x[k]);
  return views;
}

void symo_stack_gram(const symo_plan *plan, const plan_label *label, size_t count, double scale,
                     const symo_const_vector *x, double alpha, void *k, void *work) {
  symo_dtype t = plan->dtype;
  size_t rows = symo_label_rows(label), all = count * rows;
  symo_mat whole = symo_mat_dense(k, all, all);
  if (!stack_of_views(plan, label, count, scale, x)) {
    size_t bytes = symo_padded(all * label->m * symo_dtype_size(t));
    arena scratch = {.base = (char *)work + bytes};
    for (size_t i = 0; i < count; i++)
      symo_label_gather(plan, label, x[i], 0, symo_label_indices(label),
                        symo_at(t, work, (ptrdiff_t)(i * rows * label->m)), &scratch);
    if (scale != 1) symo_scal(t, all * label->m, scale, work);
    symo_syrk(t, alpha, symo_mat_t(symo_mat_dense(work, all, label->m)), 0, whole);
    return;
  }
  for (size_t p = 0; p < label->num_pieces; p++)
    for (size_t i = 0; i < count; i++)
      for (size_t j = 0; j <= i; j++) {
        symo_mat row = symo_mat_rows(t, whole, i * rows, rows);
        symo_mat block = symo_mat_cols(t, row, j * rows, rows);
        symo_mat xi = matrix_of(plan, label, p, x[i]), xj = matrix_of(plan, label, p, x[j]);
        if (i == j)
          symo_syrk(t, alpha, symo_mat_t(xi), p > 0, block);
        else
          symo_gemm(t, alpha, xi, symo_mat_t(xj), p > 0, block);
      }
}

void symo_stack_multiply(const symo_plan *plan, const plan_label *label, size_t count, double scale,
                         const symo_const_vector *x, symo_mat a, void *y, const void *work) {
  symo_dtype t = plan->dtype;
  size_t rows = symo_label_rows(label), all = count * rows;
  symo_mat out = symo_mat_dense(y, all, label->m);
  if (!stack_of_views(plan, label, count, scale, x)) {
    symo_gemm(t, 1, a, symo_mat_dense((void *)(uintptr_t)work, all, label->m), 0, out);
    return;
  }
  for (size_t p = 0; p < label->num_pieces; p++)
    for (size_t i = 0; i < count; i++) {
      symo_mat part = symo_mat_cols(t, a, i * rows, rows);
      symo_gemm(t, 1, part, matrix_of(plan, label, p, x[i]), i > 0,
                symo_mat_cols(t, out, label->pieces[p].column, label->pieces[p].width));
    }
}

/* ---- products ---- */

static size_t coordinate_bytes(const symo_plan *plan, const plan_label *label) {
  return symo_padded(symo_label_rows(label) * label->m * symo_dtype_size(plan->dtype));
}

/* Rows that are multiplied at a time: so many that BLAS does not mind. */
static size_t product_rows(const plan_label *label) {
  size_t rows = label->m > 4096 ? label->m : 4096;
  return rows < label->ambient ? rows : label->ambient;
}

size_t symo_apply_work(const symo_plan *plan, const plan_label *label) {
  size_t rows = symo_label_indices(label);
  size_t gather = symo_gather_scratch(plan, label, rows);
  size_t scatter = symo_scatter_scratch(plan, label);
  size_t part = product_rows(label) * label->m * symo_dtype_size(plan->dtype);
  return coordinate_bytes(plan, label) + symo_padded(part) + (gather > scatter ? gather : scatter);
}

void symo_label_apply(const symo_plan *plan, const plan_label *label, const void *blocks,
                      symo_const_vector x, symo_vector y, void *work) {
  symo_dtype t = plan->dtype;
  symo_const_vector target = symo_vector_const(y);
  symo_mat whole = symo_mat_dense((void *)(uintptr_t)blocks, label->m, label->m);
  if (all_matrices(plan, label, x) && all_matrices(plan, label, target)) {
    for (size_t i = 0; i < label->num_pieces; i++)
      for (size_t j = 0; j < label->num_pieces; j++) {
        const plan_piece *from = &label->pieces[i], *to = &label->pieces[j];
        symo_mat row = symo_mat_rows(t, whole, from->column, from->width);
        symo_gemm(t, 1, matrix_of(plan, label, i, x), symo_mat_cols(t, row, to->column, to->width),
                  1, matrix_of(plan, label, j, target));
      }
    return;
  }
  size_t m = label->m, all = symo_label_indices(label), item = symo_dtype_size(t);
  size_t step = product_rows(label);
  char *px = work, *part = px + coordinate_bytes(plan, label);
  arena scratch = {.base = part + symo_padded(step * m * item)};
  symo_label_gather(plan, label, x, 0, all, px, &scratch);
  if (label->count == 1 && step >= label->ambient) {
    size_t rows = label->ambient;
    symo_gemm(t, 1, symo_mat_dense(px, rows, m), whole, 0, symo_mat_dense(part, rows, m));
    symo_label_scatter(plan, label, part, y, &scratch);
    return;
  }
  for (size_t i = 0; i < label->count; i++) {
    whole.p = symo_at(t, blocks, (ptrdiff_t)(i * m * m));
    for (size_t first = 0; first < label->ambient; first += step) {
      size_t n = label->ambient - first < step ? label->ambient - first : step;
      void *at = symo_at(t, px, (ptrdiff_t)((i * label->ambient + first) * m));
      memcpy(part, at, n * m * item);
      symo_gemm(t, 1, symo_mat_dense(part, n, m), whole, 0, symo_mat_dense(at, n, m));
    }
  }
  symo_label_scatter(plan, label, px, y, &scratch);
}
