/* A structured matrix applied to vectors: solutions, products, and the dense blocks, diagonals and
 * samples that are computed from products. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/spectrum.h"
#include "hessian/hessian.h"

/* ---- scaling near 1 ----
 *
 * Vectors and matrices that are far from 1 are divided by a power of two before they are squared or
 * multiplied, and the result is multiplied by it.  Powers of two cause no rounding. */

int symo_near_level(symo_dtype dtype, double largest) {
  double low = dtype == SYMO_F32 ? 1e-7 : 1e-60, high = dtype == SYMO_F32 ? 1e5 : 1e60;
  int exponent;
  if (!(largest > 0) || !isfinite(largest) || (largest >= low && largest <= high)) return 0;
  frexp(largest, &exponent);
  return exponent;
}

static double vector_max_abs(const symo_plan *plan, symo_const_vector x) {
  double most = 0;
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    most = fmax(most, symo_nd_max_abs(symo_layout_view(plan->layout, plan->dtype, x, i)));
  return most;
}

int symo_vector_level(const symo_plan *plan, symo_const_vector x) {
  return symo_near_level(plan->dtype, vector_max_abs(plan, x));
}

int symo_label_level(const symo_hessian *h, size_t label, double damping) {
  const plan_label *l = &h->plan->labels[label];
  size_t n = l->count * l->m * l->m;
  double most = l->dropped ? 0 : symo_nd_max_abs(symo_nd_dense(h->plan->dtype, h->m[label], 1, &n));
  return symo_near_level(h->plan->dtype, fmax(most, damping));
}

symo_status symo_vector_near(const symo_plan *plan, const char *what, symo_const_vector x,
                             int level, void **block, symo_const_vector *out) {
  const symo_layout *layout = plan->layout;
  size_t heads = symo_padded(layout->num_tensors * sizeof(void *));
  char *memory = symo_malloc(heads + layout->parameters * symo_dtype_size(plan->dtype));
  if (memory == NULL) return symo_fail_memory(plan->context, what);
  void **data = (void **)(void *)memory;
  symo_layout_split(layout, plan->dtype, memory + heads, data);
  *block = memory;
  *out = symo_const_vector_of(plan->dtype, (const void *const *)data);
  for (size_t i = 0; i < layout->num_tensors; i++)
    symo_nd_shift(-level, symo_layout_view(layout, plan->dtype, x, i),
                  symo_layout_view(layout, plan->dtype, *out, i));
  return SYMO_OK;
}

symo_status symo_vector_check(const symo_plan *plan, const char *what, symo_const_vector x,
                              double log_size, symo_const_vector y) {
  double least = plan->dtype == SYMO_F32 ? FLT_MIN : DBL_MIN;
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    if (!isfinite(symo_nd_max_abs(symo_layout_view(plan->layout, plan->dtype, y, i))))
      return symo_fail(plan->context, SYMO_E_NUMERIC,
                       "%s: tensor %s of the result overflows %s (scale the vector down, or add "
                       "damping%s)",
                       what, plan->layout->tensors[i].name, symo_dtype_name(plan->dtype),
                       symo_dtype_wider(plan->dtype));
  double of_x = vector_max_abs(plan, x), of_y = vector_max_abs(plan, y);
  if (!isfinite(log_size) || of_y >= least || (of_x < least && 64 * of_y >= of_x)) return SYMO_OK;
  return symo_fail(plan->context, SYMO_E_NUMERIC,
                   "%s: the result, near 2^%d, underflows %s (scale the vector up%s)", what,
                   (int)log_size, symo_dtype_name(plan->dtype), symo_dtype_wider(plan->dtype));
}

/* ---- solutions ----
 *
 * (A + damping I)^-1 x is X (M + damping I)^-1 in the coordinates of each label.  If the matrix is
 * far from singular, by its Cholesky factorization; otherwise by the pseudo-inverse, from its
 * eigendecomposition. */

typedef struct solver {
  const symo_hessian *h;
  double damping;
  int level;                   /* the vector was divided by 2^level */
  double *log_size;            /* log2 of the largest coordinate of the solution */
  void *square, *other, *work; /* m^2, m^2, eigh_work */
  double *w;
} solver;

/* square := (M + damping I) / 2^level. */
static void load(const solver *s, size_t m, int level, const void *block) {
  size_t n = m * m;
  symo_dtype t = s->h->plan->dtype;
  symo_nd from = symo_nd_dense(t, (void *)(uintptr_t)block, 1, &n);
  symo_nd_shift(-level, from, symo_nd_dense(t, s->square, 1, &n));
  symo_add_diagonal(t, m, ldexp(s->damping, -level), s->square);
}

/* x [rows, m] := 2^level x (M + damping I)^-1. */
static symo_status solve_block(const solver *s, size_t label, int level, size_t member, size_t rows,
                               void *x) {
  symo_dtype t = s->h->plan->dtype;
  size_t m = s->h->plan->labels[label].m;
  const void *block = symo_hessian_member(s->h, label, member);
  symo_mat right = symo_mat_dense(x, rows, m);
  double rcond = 0;
  if (m == 1) { /* families have millions of these */
    double value = ldexp(symo_get(t, block, 0), -level) + ldexp(s->damping, -level);
    symo_scal(t, rows, value != 0 ? 1 / value : 0, x);
    return SYMO_OK;
  }
  load(s, m, level, block);
  if (symo_cholesky(t, m, s->square, &rcond, s->work) == SYMO_OK && rcond > sqrt(symo_epsilon(t))) {
    symo_trsm(t, m, s->square, false, symo_mat_t(right));
    symo_trsm(t, m, s->square, true, symo_mat_t(right));
    return SYMO_OK;
  }
  load(s, m, level, block);
  symo_status status = symo_eigh(t, m, s->square, s->w, s->work);
  if (status != SYMO_OK)
    return symo_fail(s->h->context, status,
                     "solve: label %s: the eigendecomposition failed (try float64 or damping)",
                     s->h->plan->labels[label].name);
  double least = symo_spectrum_zero(m, s->w, symo_rank_tolerance(t, m));
  for (size_t i = 0; i < m; i++) s->w[i] = fabs(s->w[i]) > least ? 1 / s->w[i] : 0;
  symo_from_eigh(t, m, s->square, s->w, s->work, s->other);
  for (size_t i = 0; i < rows; i += m) { /* m rows at a time: x may not alias the product */
    size_t n = rows - i < m ? rows - i : m;
    symo_mat part = symo_mat_dense(symo_at(t, x, (ptrdiff_t)(i * m)), n, m);
    memcpy(s->work, part.p, n * m * symo_dtype_size(t));
    symo_gemm(t, 1, symo_mat_dense(s->work, n, m), symo_mat_dense(s->other, m, m), 0, part);
  }
  return SYMO_OK;
}

/* y += the part of one label; dropped labels are zero and only feel the damping. */
static symo_status solve_label(const solver *s, size_t label, symo_const_vector x, symo_vector y,
                               char *coordinates, size_t bytes) {
  const symo_plan *plan = s->h->plan;
  const plan_label *l = &plan->labels[label];
  arena scratch = {.base = coordinates + bytes};
  size_t all = symo_label_indices(l), rows = symo_label_rows(l);
  const int level = symo_label_level(s->h, label, s->damping);
  if (l->dropped && s->damping == 0) return SYMO_OK;
  symo_label_gather(plan, l, x, 0, all, coordinates, &scratch);
  if (l->dropped) symo_scal(plan->dtype, rows * l->m, 1 / ldexp(s->damping, -level), coordinates);
  for (size_t c = 0; !l->dropped && c < l->count; c++) {
    void *part = symo_at(plan->dtype, coordinates, (ptrdiff_t)(c * l->ambient * l->m));
    symo_status status = solve_block(s, label, level, c, l->ambient, part);
    if (status != SYMO_OK) return status;
  }
  size_t n = rows * l->m;
  symo_nd whole = symo_nd_dense(plan->dtype, coordinates, 1, &n);
  *s->log_size = fmax(*s->log_size, log2(symo_nd_max_abs(whole)) + s->level - level);
  if (s->level != level) symo_nd_shift(s->level - level, whole, whole);
  symo_label_scatter(plan, l, coordinates, y, &scratch);
  return SYMO_OK;
}

symo_status symo_hessian_solve(const symo_hessian *h, double damping, symo_const_vector x,
                               symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  const symo_plan *plan = h->plan;
  symo_dtype t = plan->dtype;
  size_t m = 1, coordinates = 0, scratch = 0, item = symo_dtype_size(t);
  char *block = NULL;
  void *copy = NULL;
  symo_status status;
  SYMO_TRY(symo_check_damping(h->context, "solve", damping));
  SYMO_TRY(symo_layout_check_vector(plan->layout, t, x, "solve: x"));
  SYMO_TRY(symo_layout_check_arrays(plan->layout, t, symo_vector_const(y), "solve: y"));
  SYMO_TRY(symo_layout_check_apart(plan->layout, "solve", x, "x", y, "y", NULL));
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t bytes = symo_padded(symo_label_rows(l) * l->m * item);
    size_t gather = symo_gather_scratch(plan, l, symo_label_indices(l));
    size_t scatter = symo_scatter_scratch(plan, l);
    if (!l->dropped && l->m > m) m = l->m;
    coordinates = bytes > coordinates ? bytes : coordinates;
    scratch = gather > scratch ? gather : scratch;
    scratch = scatter > scratch ? scatter : scratch;
  }
  size_t square = symo_padded(m * m * item), eigh = symo_padded(symo_eigh_work(t, m));
  block = symo_malloc(2 * square + eigh + m * sizeof(double) + 64 + coordinates + scratch);
  if (block == NULL) SYMO_TRY(symo_fail_memory(h->context, "solve"));
  solver s = {.h = h, .damping = damping, .square = block, .other = block + square};
  s.work = block + 2 * square;
  double log_size = -INFINITY;
  const symo_const_vector given = x;
  s.log_size = &log_size;
  s.level = symo_vector_level(plan, x);
  if (s.level != 0) SYMO_TRY(symo_vector_near(plan, "solve", x, s.level, &copy, &x));
  s.w = (double *)(void *)(block + 2 * square + eigh);
  char *x_at = block + 2 * square + eigh + symo_padded(m * sizeof(double));
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    symo_nd_fill(0, symo_layout_view(plan->layout, t, symo_vector_const(y), i));
  for (size_t i = 0; i < plan->num_labels; i++)
    SYMO_TRY(solve_label(&s, i, x, y, x_at, coordinates));
  status = symo_vector_check(plan, "solve", given, log_size, symo_vector_const(y));
fail:
  symo_free(block);
  symo_free(copy);
  return status;
}

static symo_status check_target(const symo_hessian *h, symo_vector y, const char *what) {
  return symo_layout_check_arrays(h->plan->layout, h->plan->dtype, symo_vector_const(y), what);
}

static void clear(const symo_plan *plan, symo_vector y) {
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    symo_nd_fill(0, symo_layout_view(plan->layout, plan->dtype, symo_vector_const(y), i));
}

static size_t work_bytes(const symo_plan *plan) {
  size_t most = 64;
  for (size_t i = 0; i < plan->num_labels; i++) {
    size_t bytes = plan->labels[i].dropped ? 0 : symo_apply_work(plan, &plan->labels[i]);
    most = bytes > most ? bytes : most;
  }
  return most;
}

static void multiply(const symo_hessian *h, symo_const_vector x, symo_vector y, void *work) {
  clear(h->plan, y);
  for (size_t i = 0; i < h->plan->num_labels; i++)
    if (!h->plan->labels[i].dropped)
      symo_label_apply(h->plan, &h->plan->labels[i], h->m[i], x, y, work);
}

symo_status symo_hessian_matvec(const symo_hessian *h, symo_const_vector x, symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  symo_status status = symo_layout_check_vector(h->plan->layout, h->plan->dtype, x, "matvec: x");
  if (status == SYMO_OK) status = check_target(h, y, "matvec: y");
  if (status == SYMO_OK)
    status = symo_layout_check_apart(h->plan->layout, "matvec", x, "x", y, "y", NULL);
  if (status != SYMO_OK) return status;
  int level = symo_vector_level(h->plan, x);
  const symo_const_vector given = x;
  bool far = false;
  for (size_t i = 0; i < h->plan->num_labels; i++) far = far || symo_label_level(h, i, 0) != 0;
  double most = vector_max_abs(h->plan, x);
  if (far && most > 0) level = ilogb(most); /* products of two numbers that are far out vanish */
  void *work = symo_malloc(work_bytes(h->plan)), *copy = NULL;
  if (work == NULL) SYMO_TRY(symo_fail_memory(h->context, "matvec"));
  if (level != 0) SYMO_TRY(symo_vector_near(h->plan, "matvec", x, level, &copy, &x));
  multiply(h, x, y, work);
  double size = log2(vector_max_abs(h->plan, symo_vector_const(y))) + level;
  for (size_t i = 0; level != 0 && i < h->plan->layout->num_tensors; i++) {
    symo_nd part = symo_layout_view(h->plan->layout, h->plan->dtype, symo_vector_const(y), i);
    symo_nd_shift(level, part, part);
  }
  status = symo_vector_check(h->plan, "matvec", given, size, symo_vector_const(y));
fail:
  symo_free(work);
  symo_free(copy);
  return status;
}

symo_status symo_hessian_diagonal(const symo_hessian *h, symo_vector out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  const symo_const_vector none = {0};
  symo_status status = check_target(h, out, "diagonal: out");
  if (status == SYMO_OK)
    status = symo_layout_check_apart(h->plan->layout, "diagonal", none, "", out, "out", NULL);
  if (status != SYMO_OK) return status;
  size_t most = 64;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    size_t bytes = symo_diagonal_scratch(h->plan, &h->plan->labels[i]);
    most = bytes > most ? bytes : most;
  }
  arena scratch = {.base = symo_malloc(most)};
  if (scratch.base == NULL) return symo_fail_memory(h->context, "diagonal");
  clear(h->plan, out);
  for (size_t i = 0; i < h->plan->num_labels; i++)
    if (!h->plan->labels[i].dropped)
      symo_label_diagonal(h->plan, &h->plan->labels[i], h->m[i], out, &scratch);
  symo_free(scratch.base);
  return SYMO_OK;
}

/* A label cut to the pieces of two tensors. */
typedef struct narrowed {
  plan_label label;
  plan_piece pieces[2];
  size_t column[2]; /* of the pieces in the whole label */
} narrowed;

/* False if one of the tensors has no piece there. */
static bool narrow(const plan_label *label, size_t a, size_t b, narrowed *out) {
  size_t n = 0;
  out->label = *label;
  out->label.m = 0;
  for (size_t i = 0; i < label->num_pieces; i++) {
    const plan_piece *piece = &label->pieces[i];
    if (piece->tensor != a && piece->tensor != b) continue;
    out->column[n] = piece->column;
    out->pieces[n] = *piece;
    out->pieces[n++].column = out->label.m;
    out->label.m += piece->width;
  }
  out->label.pieces = out->pieces;
  out->label.num_pieces = n;
  return n == (a == b ? 1 : 2);
}

/* The M of the pieces. */
static void narrow_blocks(const symo_hessian *h, size_t index, const narrowed *part, void *m) {
  const plan_label *l = &h->plan->labels[index];
  symo_nd from = symo_nd_dense(h->plan->dtype, h->m[index], 3, (size_t[]){l->count, l->m, l->m});
  symo_nd to =
      symo_nd_dense(h->plan->dtype, m, 3, (size_t[]){l->count, part->label.m, part->label.m});
  for (size_t i = 0; i < part->label.num_pieces; i++)
    for (size_t j = 0; j < part->label.num_pieces; j++) {
      const plan_piece *p = &part->pieces[i], *q = &part->pieces[j];
      symo_nd x = symo_nd_slice(from, 1, part->column[i], p->width);
      symo_nd y = symo_nd_slice(to, 1, p->column, p->width);
      symo_nd_copy(1, symo_nd_slice(x, 2, part->column[j], q->width),
                   symo_nd_slice(y, 2, q->column, q->width));
    }
}

/* What all labels of a block need, taken before anything is written. */
typedef struct products {
  char *vectors;
  void **data;
  void *m, *work;
} products;

static void drop_products(products *p) {
  symo_free(p->vectors);
  symo_free(p->data);
  symo_free(p->m);
  symo_free(p->work);
}

static symo_status take_products(const symo_hessian *h, size_t from, size_t to, products *out) {
  const symo_layout *layout = h->plan->layout;
  const size_t item = symo_dtype_size(h->plan->dtype);
  size_t m = item, work = 1;
  narrowed part;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    if (h->plan->labels[i].dropped || !narrow(&h->plan->labels[i], from, to, &part)) continue;
    const size_t block = part.label.count * part.label.m * part.label.m * item;
    const size_t most = symo_apply_work(h->plan, &part.label);
    m = block > m ? block : m;
    work = most > work ? most : work;
  }
  *out = (products){
      .vectors = symo_calloc(2 * (layout->tensors[from].size + layout->tensors[to].size), item),
      .data = symo_calloc(2 * layout->num_tensors, sizeof *out->data),
      .m = symo_malloc(m),
      .work = symo_malloc(work)};
  if (out->vectors != NULL && out->data != NULL && out->m != NULL && out->work != NULL)
    return SYMO_OK;
  drop_products(out);
  return symo_fail_memory(h->context, "block");
}

/* out += the part of one label in the block, by products with unit vectors in tensor `from`, of
 * which `to` is read: out[j * stride_from + i * stride_to] for j in `from`, i in `to`. */
static void add_label(const symo_hessian *h, size_t index, size_t from, size_t to,
                      const products *p, double *out, size_t stride_from, size_t stride_to) {
  const symo_layout *layout = h->plan->layout;
  symo_dtype t = h->plan->dtype;
  size_t n = layout->tensors[from].size, rows = layout->tensors[to].size;
  size_t item = symo_dtype_size(t);
  void **data = p->data, **ydata = data + layout->num_tensors;
  narrowed part;
  if (!narrow(&h->plan->labels[index], from, to, &part)) return;
  data[to] = p->vectors + n * item;
  data[from] = p->vectors; /* the same tensor, perhaps */
  ydata[from] = p->vectors + (n + rows) * item;
  ydata[to] = p->vectors + (2 * n + rows) * item;
  narrow_blocks(h, index, &part, p->m);
  for (size_t j = 0; j < n; j++) {
    memset(p->vectors + (n + rows) * item, 0, (n + rows) * item);
    symo_put(t, data[from], j, 1);
    symo_label_apply(h->plan, &part.label, p->m, symo_const_vector_of(t, (const void *const *)data),
                     symo_vector_of(t, ydata), p->work);
    symo_put(t, data[from], j, 0);
    for (size_t i = 0; i < rows; i++)
      out[j * stride_from + i * stride_to] += symo_get(t, ydata[to], i);
  }
}

symo_status symo_hessian_block(const symo_hessian *h, size_t row_tensor, size_t column_tensor,
                               double *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "block", "out");
  const symo_layout *layout = h->plan->layout;
  const size_t worse = row_tensor > column_tensor ? row_tensor : column_tensor;
  if (worse >= layout->num_tensors)
    return symo_fail_index(h->context, "block", "tensor", worse, "layout", layout->num_tensors);
  size_t rows = layout->tensors[row_tensor].size, columns = layout->tensors[column_tensor].size;
  const bool by_columns = columns <= rows;
  const size_t from = by_columns ? column_tensor : row_tensor;
  const size_t to = by_columns ? row_tensor : column_tensor;
  products taken;
  symo_status status = take_products(h, from, to, &taken);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < rows * columns; i++) out[i] = 0;
  for (size_t i = 0; i < h->plan->num_labels; i++)
    if (!h->plan->labels[i].dropped)
      add_label(h, i, from, to, &taken, out, by_columns ? 1 : columns, by_columns ? columns : 1);
  drop_products(&taken);
  return SYMO_OK;
}

symo_status symo_hessian_dense(const symo_hessian *h, double *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "dense", "out");
  const symo_layout *layout = h->plan->layout;
  symo_dtype t = h->plan->dtype;
  size_t p = layout->parameters, item = symo_dtype_size(t);
  symo_status status = SYMO_OK;
  char *vectors = symo_calloc(2 * p, item);
  void **data = symo_calloc(2 * layout->num_tensors, sizeof *data), **ydata = NULL;
  void *work = symo_malloc(work_bytes(h->plan));
  if (vectors == NULL || data == NULL || work == NULL)
    SYMO_TRY(symo_fail_memory(h->context, "dense"));
  ydata = data + layout->num_tensors;
  symo_layout_split(layout, t, vectors, data);
  symo_layout_split(layout, t, vectors + p * item, ydata);
  for (size_t j = 0; j < p; j++) { /* the matrix is symmetric: column j is also row j */
    symo_put(t, vectors, j, 1);
    multiply(h, symo_const_vector_of(t, (const void *const *)data), symo_vector_of(t, ydata), work);
    symo_put(t, vectors, j, 0);
    for (size_t i = 0; i < p; i++) out[j * p + i] = symo_get(t, vectors + p * item, i);
  }
  for (size_t i = 0; i < p; i++) /* symmetric to the last bit */
    for (size_t j = 0; j < i; j++)
      out[j * p + i] = out[i * p + j] = 0.5 * (out[i * p + j] + out[j * p + i]);
  if (!symo_all_finite(SYMO_F64, p * p, out))
    status = symo_fail(h->context, SYMO_E_NUMERIC,
                       "dense: entries overflow %s (scale the matrix down%s)", symo_dtype_name(t),
                       symo_dtype_wider(t));
fail:
  symo_free(vectors);
  symo_free(data);
  symo_free(work);
  return status;
}

symo_status symo_hessian_sample(const symo_hessian *h, double damping, symo_rng *rng,
                                symo_vector out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL) return symo_fail_null(h->context, "sample", "rng");
  const symo_layout *layout = h->plan->layout;
  symo_dtype t = h->plan->dtype;
  symo_hessian *root = NULL;
  void *noise = NULL;
  const void **data = NULL;
  symo_status status;
  SYMO_TRY(symo_check_damping(h->context, "sample", damping));
  SYMO_TRY(check_target(h, out, "sample: out"));
  SYMO_TRY(symo_layout_check_apart(layout, "sample", (symo_const_vector){0}, "", out, "out", NULL));
  SYMO_TRY(symo_hessian_invsqrt(h, damping, &root));
  noise = symo_malloc(layout->parameters * symo_dtype_size(t));
  data = symo_malloc(layout->num_tensors * sizeof *data);
  if (noise == NULL || data == NULL) SYMO_TRY(symo_fail_memory(h->context, "sample"));
  for (size_t i = 0; i < layout->parameters; i++) symo_put(t, noise, i, symo_rng_normal(rng));
  symo_layout_split_const(layout, t, noise, data);
  SYMO_TRY(symo_hessian_matvec(root, symo_const_vector_of(t, data), out));
fail:
  symo_hessian_destroy(root);
  symo_free(noise);
  symo_free(data);
  return status;
}
