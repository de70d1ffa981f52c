/* Strided views against naive loops over random views with broadcasts, and which of them are
 * matrices. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "core/nd.h"
#include "tests/support/testing.h"

enum { ROUNDS = 400, ROOM = 20000, MAX_AXES = 6 };

/* A view on memory of its own, with strides of any order and sign, and perhaps zero. */
typedef struct random_view {
  symo_nd view;
  double store[ROOM]; /* bytes for either type */
} random_view;

static void draw_view(symo_rng *rng, symo_dtype dtype, int nd, const size_t *n, bool broadcast,
                      random_view *out) {
  int order[SYMO_ND_MAX];
  ptrdiff_t span = 1, origin = 0;
  out->view = (symo_nd){.dtype = dtype, .nd = nd};
  for (int i = 0; i < nd; i++) order[i] = i;
  for (int i = nd; i > 1; i--) {
    int j = (int)symo_rng_below(rng, (uint64_t)i), kept = order[i - 1];
    order[i - 1] = order[j];
    order[j] = kept;
  }
  for (int k = 0; k < nd; k++) {
    int i = order[k];
    out->view.n[i] = n[i];
    if (broadcast && symo_rng_below(rng, 4) == 0) continue; /* stride 0 */
    bool backwards = symo_rng_below(rng, 4) == 0;
    out->view.s[i] = backwards ? -span : span;
    if (backwards && n[i] > 0) origin += (ptrdiff_t)(n[i] - 1) * span;
    if (n[i] > 0) span *= (ptrdiff_t)n[i];
    if (symo_rng_below(rng, 3) == 0) span += (ptrdiff_t)symo_rng_below(rng, 3);
  }
  cr_assert(span <= ROOM, "%td", span);
  for (size_t i = 0; i < ROOM; i++) symo_put(dtype, out->store, i, symo_rng_normal(rng));
  out->view.p = symo_at(dtype, out->store, origin);
}

static size_t draw_shape(symo_rng *rng, size_t *n, bool empty) {
  size_t nd = (size_t)symo_rng_below(rng, MAX_AXES + 1);
  for (size_t i = 0; i < nd; i++) {
    n[i] = 1 + (size_t)symo_rng_below(rng, i < 2 ? 7 : 3);
    if (empty && symo_rng_below(rng, 12) == 0) n[i] = 0;
  }
  return nd;
}

/* Where in the memory of the view entry `index` (row-major) lies, from `base`. */
static size_t place(const symo_nd *x, const void *base, size_t index) {
  ptrdiff_t at = 0, item = (ptrdiff_t)symo_dtype_size(x->dtype);
  for (int i = x->nd - 1; i >= 0; i--) {
    at += (ptrdiff_t)(index % x->n[i]) * x->s[i];
    index /= x->n[i];
  }
  return (size_t)(((const char *)x->p - (const char *)base) / item + at);
}

static double entry(const random_view *x, size_t index) {
  return symo_get(x->view.dtype, x->store, place(&x->view, x->store, index));
}

static void compare_memory(symo_dtype dtype, const random_view *found, const double *wanted,
                           const char *what) {
  double limit = dtype == SYMO_F32 ? 2e-4 : 1e-12;
  for (size_t i = 0; i < ROOM; i++) {
    double x = symo_get(dtype, found->store, i);
    cr_assert(fabs(x - wanted[i]) <= limit * (1 + fabs(wanted[i])), "%s: number %zu: %g, %g", what,
              i, x, wanted[i]);
  }
}

static void load(symo_dtype dtype, const random_view *x, double *out) {
  for (size_t i = 0; i < ROOM; i++) out[i] = symo_get(dtype, x->store, i);
}

/* All four operations; a destination may sum (stride 0) where the operation adds. */
static void check_operations(symo_rng *rng, symo_dtype dtype) {
  static random_view x, y, z, kept;
  static double wanted[ROOM];
  size_t n[SYMO_ND_MAX] = {0}, nd = draw_shape(rng, n, true);
  double alpha = symo_rng_normal(rng);
  draw_view(rng, dtype, (int)nd, n, true, &x);
  draw_view(rng, dtype, (int)nd, n, true, &y);
  draw_view(rng, dtype, (int)nd, n, true, &z);
  size_t size = symo_nd_size(&x.view);

  load(dtype, &z, wanted);
  for (size_t i = 0; i < size; i++) wanted[place(&z.view, z.store, i)] += alpha * entry(&x, i);
  symo_nd_axpy(alpha, x.view, z.view);
  compare_memory(dtype, &z, wanted, "axpy");

  for (size_t i = 0; i < size; i++)
    wanted[place(&z.view, z.store, i)] += alpha * entry(&x, i) * entry(&y, i);
  symo_nd_mul(alpha, x.view, y.view, z.view);
  compare_memory(dtype, &z, wanted, "mul");

  draw_view(rng, dtype, (int)nd, n, false, &kept);
  load(dtype, &kept, wanted);
  for (size_t i = 0; i < size; i++) wanted[place(&kept.view, kept.store, i)] = alpha * entry(&x, i);
  symo_nd_copy(alpha, x.view, kept.view);
  compare_memory(dtype, &kept, wanted, "copy");

  double most = 0;
  for (size_t i = 0; i < size; i++) most = fmax(most, fabs(entry(&x, i)));
  cr_assert(symo_nd_max_abs(x.view) == most, "%g, %g", symo_nd_max_abs(x.view), most);

  load(dtype, &z, wanted);
  for (size_t i = 0; i < size; i++) wanted[place(&z.view, z.store, i)] = alpha;
  symo_nd_fill(alpha, z.view);
  compare_memory(dtype, &z, wanted, "fill");

  load(dtype, &kept, wanted); /* in place */
  for (size_t i = 0; i < size; i++) wanted[place(&kept.view, kept.store, i)] *= 1 + alpha;
  symo_nd_axpy(alpha, kept.view, kept.view);
  compare_memory(dtype, &kept, wanted, "axpy in place");
  for (size_t i = 0; i < size; i++) wanted[place(&kept.view, kept.store, i)] *= -2;
  symo_nd_copy(-2, kept.view, kept.view);
  compare_memory(dtype, &kept, wanted, "copy in place");
}

/* Where source and destination run along different axes, in tiles and at their edges; sums of many
 * numbers a stride apart; and one number spread over a row. */
static void check_crossing(symo_rng *rng, symo_dtype dtype) {
  static random_view x, y;
  static double wanted[ROOM];
  const size_t n = 20 + (size_t)symo_rng_below(rng, 60), m = 20 + (size_t)symo_rng_below(rng, 60);
  const double alpha = symo_rng_normal(rng);
  const size_t shape[] = {n, m};
  for (int what = 0; what < 5; what++) {
    draw_view(rng, dtype, 2, shape, false, &x);
    draw_view(rng, dtype, 2, shape, false, &y);
    const ptrdiff_t pad = (ptrdiff_t)symo_rng_below(rng, 3);
    x.view.p = x.store, x.view.s[0] = 1, x.view.s[1] = (ptrdiff_t)n + pad;
    y.view.p = y.store, y.view.s[0] = (ptrdiff_t)m + pad, y.view.s[1] = 1;
    if (what == 2) y.view.s[1] = 0;
    if (what == 3) y.view.s[0] = 0;
    if (what == 4) x.view.s[1] = 0;
    load(dtype, &y, wanted);
    for (size_t i = 0; i < n * m; i++) {
      double *at = &wanted[place(&y.view, y.store, i)];
      *at = (what == 1 ? 0 : *at) + alpha * entry(&x, i);
    }
    if (what == 1)
      symo_nd_copy(alpha, x.view, y.view);
    else
      symo_nd_axpy(alpha, x.view, y.view);
    compare_memory(dtype, &y, wanted, "crossing axes");
  }
}

static void many(uint64_t seed, void (*check)(symo_rng *rng, symo_dtype dtype)) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, seed);
  for (int k = 0; k < ROUNDS; k++) check(rng, k % 2 ? SYMO_F32 : SYMO_F64);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(nd, operations_are_what_loops_give) { many(171, check_operations); }

Test(nd, axes_that_cross) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 174);
  for (int k = 0; k < 40; k++) check_crossing(rng, k % 2 ? SYMO_F32 : SYMO_F64);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Every transformation of views, entry by entry. */
static void check_views(symo_rng *rng, symo_dtype dtype) {
  static random_view x;
  const size_t n[] = {4, 3, 4, 2};
  draw_view(rng, dtype, 4, n, false, &x);
  const symo_nd v = x.view, swapped = symo_nd_swap(v, 0, 3), moved = symo_nd_move(v, 3, 1);
  const symo_nd back = symo_nd_move(v, 0, 2), cut = symo_nd_slice(v, 2, 1, 2);
  const symo_nd picked = symo_nd_pick(v, 1, 2), diagonal = symo_nd_diag(v, 0, 2);
  const symo_nd wide = symo_nd_stretch(symo_nd_slice(v, 1, 1, 1), 1, 5);
  const symo_nd more = symo_nd_insert(v, 2, 6, 0);
  cr_assert(swapped.nd == 4 && swapped.n[0] == 2 && swapped.n[3] == 4);
  cr_assert(moved.n[0] == 4 && moved.n[1] == 2 && moved.n[2] == 3 && moved.n[3] == 4);
  cr_assert(back.n[0] == 3 && back.n[1] == 4 && back.n[2] == 4 && back.n[3] == 2);
  cr_assert(back.s[2] == v.s[0] && back.s[0] == v.s[1] && back.s[1] == v.s[2]);
  cr_assert(picked.nd == 3 && diagonal.nd == 3 && more.nd == 5);
  for (size_t a = 0; a < 4; a++)
    for (size_t b = 0; b < 3; b++)
      for (size_t c = 0; c < 4; c++)
        for (size_t d = 0; d < 2; d++) {
          double e = entry(&x, ((a * 3 + b) * 4 + c) * 2 + d);
          const ptrdiff_t i[] = {(ptrdiff_t)a, (ptrdiff_t)b, (ptrdiff_t)c, (ptrdiff_t)d};
#define GET(v, i0, i1, i2, i3)                                                                     \
  symo_get(dtype,                                                                                  \
           symo_at(dtype, (v).p,                                                                   \
                   (i0) * (v).s[0] + (i1) * (v).s[1] + (i2) * (v).s[2] + (i3) * (v).s[3]),         \
           0)
          cr_assert(GET(swapped, i[3], i[1], i[2], i[0]) == e);
          cr_assert(GET(moved, i[0], i[3], i[1], i[2]) == e);
          cr_assert(GET(back, i[1], i[2], i[0], i[3]) == e);
          if (c >= 1 && c < 3) cr_assert(GET(cut, i[0], i[1], i[2] - 1, i[3]) == e);
          if (b == 2) cr_assert(GET(picked, i[0], i[2], i[3], 0) == e);
          if (a == c) cr_assert(GET(diagonal, i[0], i[1], i[3], 0) == e);
          if (b == 1) cr_assert(GET(wide, i[0], 4, i[2], i[3]) == e);
          cr_assert(GET(more, i[0], i[1], 5, i[2]) == GET(v, i[0], i[1], i[2], 0));
#undef GET
        }
}

Test(nd, views_of_views) { many(172, check_views); }

/* A matrix where symo_nd_matrix says so, entry by entry. */
static void check_matrices(symo_rng *rng, symo_dtype dtype) {
  static random_view x;
  size_t n[SYMO_ND_MAX] = {0}, nd = draw_shape(rng, n, false);
  draw_view(rng, dtype, (int)nd, n, symo_rng_below(rng, 4) == 0, &x);
  for (int rows = 0; rows <= (int)nd; rows++) {
    symo_mat m;
    if (!symo_nd_matrix(x.view, rows, &m)) continue;
    size_t columns = 1, height = 1;
    for (int i = 0; i < (int)nd; i++) *(i < rows ? &height : &columns) *= n[i];
    cr_assert(m.rows == height && m.cols == columns);
    cr_assert(m.rs >= 1 && m.cs >= 1 && (m.rs == 1 || m.cs == 1));
    for (size_t i = 0; i < symo_nd_size(&x.view); i++) {
      ptrdiff_t at = (ptrdiff_t)(i / columns) * m.rs + (ptrdiff_t)(i % columns) * m.cs;
      cr_assert(symo_get(dtype, symo_at(dtype, m.p, at), 0) == entry(&x, i));
    }
    /* BLAS wants leading dimensions that cover what they step over. */
    if (m.rows > 1 && m.cols > 1)
      cr_assert((m.cs == 1 && m.rs >= (ptrdiff_t)m.cols) ||
                (m.rs == 1 && m.cs >= (ptrdiff_t)m.rows));
  }
}

Test(nd, matrices_are_what_they_seem) { many(173, check_matrices); }

/* What must be seen as a matrix, and what must not. */
Test(nd, matrix_detection) {
  double store[4096];
  const size_t n[] = {4, 3, 2, 5};
  symo_mat m;
  symo_nd v = symo_nd_dense(SYMO_F64, store, 4, n);
  for (int rows = 0; rows <= 4; rows++) cr_assert(symo_nd_matrix(v, rows, &m), "%d", rows);
  symo_nd t = symo_nd_move(symo_nd_move(v, 0, 3), 0, 3); /* [2, 5, 4, 3] of a transposed */
  cr_assert(symo_nd_matrix(t, 2, &m) && m.rs == 1 && m.cs == 10 && m.rows == 10 && m.cols == 12);
  cr_assert_not(symo_nd_matrix(t, 1, &m));
  symo_nd padded = v;
  padded.s[0] = 40;
  cr_assert(symo_nd_matrix(padded, 1, &m) && m.rs == 40 && m.cs == 1 && m.cols == 30);
  cr_assert_not(symo_nd_matrix(padded, 2, &m));
  symo_nd gap = v;
  gap.s[3] = 2;
  cr_assert_not(symo_nd_matrix(gap, 2, &m));
  symo_nd backwards = v;
  backwards.s[0] = -30;
  cr_assert_not(symo_nd_matrix(backwards, 1, &m));
  symo_nd broadcast = symo_nd_insert(symo_nd_dense(SYMO_F64, store, 1, n), 0, 6, 0);
  cr_assert_not(symo_nd_matrix(broadcast, 1, &m));
  cr_assert(symo_nd_matrix(symo_nd_dense(SYMO_F64, store, 0, n), 0, &m) && m.rows == 1 &&
            m.cols == 1);
}

Test(nd, max_abs_sees_what_is_not_finite) {
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_dtype t = (symo_dtype)dtype;
    double store[24];
    const size_t n[] = {4, 6};
    symo_nd v = symo_nd_dense(t, store, 2, n);
    const double bad[] = {(double)NAN, -(double)NAN, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < 24; i++)
      for (int k = 0; k < 4; k++) {
        symo_nd_fill(-2.5, v);
        cr_assert(symo_nd_max_abs(v) == 2.5);
        symo_put(t, store, i, bad[k]);
        cr_assert(isinf(symo_nd_max_abs(v)) && symo_nd_max_abs(v) > 0, "%zu", i);
        cr_assert(isinf(symo_nd_max_abs(symo_nd_swap(v, 0, 1))));
      }
    symo_nd_fill(0, v);
    cr_assert(symo_nd_max_abs(v) == 0);
    symo_put(t, store, 5, t == SYMO_F32 ? 1e-45 : 5e-324); /* the smallest there is */
    cr_assert(symo_nd_max_abs(v) > 0);
  }
}
