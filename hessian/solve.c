/* (A + damping I)^-1 x: for every label X (M + damping I)^-1, by Cholesky where that is far from
 * singular, else by the pseudo-inverse from the eigendecomposition. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/spectrum.h"
#include "hessian/hessian.h"

typedef struct solver {
  const symo_hessian *h;
  double damping;
  int level;                   /* the vector at hand is over 2^level */
  double *log_size;            /* of the largest coordinate of the solution */
  void *square, *other, *work; /* m^2, m^2, eigh_work */
  double *w;
} solver;

/* M + damping I over 2^level. */
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
  size_t all = l->num_rows > 0 ? l->row[0] : 1, rows = symo_label_rows(l);
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
    size_t gather = symo_gather_scratch(plan, l, l->num_rows > 0 ? l->row[0] : 1);
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
