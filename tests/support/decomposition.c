#include "tests/support/decomposition.h"

#include <math.h>

#include "core/linalg.h"
#include "tests/support/testing.h"

enum { POWERS = SYMO_MAX_REPEAT + 1 };

typedef struct whole { /* the direct sum of the powers */
  const generator_set *set;
  const isotypic *iso;
  size_t total, first[POWERS], size[POWERS];
} whole;

static whole whole_of(const generator_set *set, const isotypic *iso) {
  whole w = {.set = set, .iso = iso};
  size_t points = 1;
  for (unsigned p = 0; p < POWERS; p++, points *= set->dim) {
    if ((iso->orders >> p & 1) == 0) continue;
    w.first[p] = w.total;
    w.size[p] = points;
    w.total += points;
  }
  return w;
}

/* rho(q) on the direct sum, [total, total]. */
static void represent(const whole *w, const double *q, double *rho) {
  size_t d = w->set->dim;
  memset(rho, 0, w->total * w->total * sizeof *rho);
  for (unsigned p = 1; p < POWERS; p++)
    for (size_t i = 0; i < w->size[p]; i++)
      for (size_t j = 0; j < w->size[p]; j++) {
        double product = 1;
        for (size_t a = i, b = j, k = 0; k < p; k++, a /= d, b /= d)
          product *= q[a % d * d + b % d];
        rho[(w->first[p] + i) * w->total + w->first[p] + j] = product;
      }
}

/* Columns of an irrep over all powers: [n][*columns][total]. */
static double *columns_of(const whole *w, const isotypic_irrep *r, size_t *columns) {
  size_t all = 0, column = 0;
  for (unsigned p = 1; p < POWERS; p++) all += r->copies[p] * r->type;
  double *b = symo_calloc(r->n * all * w->total + 1, sizeof *b);
  for (unsigned p = 1; p < POWERS; p++) {
    size_t here = r->copies[p] * r->type;
    cr_assert((r->basis[p] != NULL) == (here > 0));
    for (size_t c = 0; c < here; c++, column++)
      for (size_t i = 0; i < r->n; i++)
        memcpy(b + (i * all + column) * w->total + w->first[p],
               r->basis[p] + (i * here + c) * w->size[p], w->size[p] * sizeof *b);
  }
  *columns = all;
  return b;
}

/* The group acts on all columns by one orthogonal matrix. */
static void check_equivariance(const whole *w, const isotypic_irrep *r, const double *b,
                               size_t columns, const double *rho) {
  size_t n = r->n, row = columns * w->total;
  double *moved = symo_malloc(n * row * sizeof *moved), *m = symo_malloc(3 * n * n * sizeof *m);
  double *unit = m + n * n, *product = unit + n * n;
  symo_mat rows = symo_mat_dense((void *)(uintptr_t)b, n * columns, w->total);
  symo_mat group = symo_mat_dense((void *)(uintptr_t)rho, w->total, w->total);
  symo_gemm(SYMO_F64, 1, rows, group, 0, symo_mat_dense(moved, n * columns, w->total));
  symo_mat x = symo_mat_dense((void *)(uintptr_t)b, n, row), y = symo_mat_dense(moved, n, row);
  symo_mat mm = symo_mat_dense(m, n, n);
  symo_gemm(SYMO_F64, (double)r->type, symo_mat_cols(SYMO_F64, y, 0, w->total),
            symo_mat_t(symo_mat_cols(SYMO_F64, x, 0, w->total)), 0, mm);
  symo_gemm(SYMO_F64, 1, mm, symo_mat_t(mm), 0, symo_mat_dense(product, n, n));
  memset(unit, 0, n * n * sizeof *unit);
  symo_add_diagonal(SYMO_F64, n, 1, unit);
  cr_assert(symo_test_rel(product, unit, n * n) <= 1e-10, "irrep of dimension %zu", n);
  double norm = symo_nrm2(SYMO_F64, n * row, moved);
  symo_gemm(SYMO_F64, -1, mm, x, 1, y);
  cr_assert(symo_nrm2(SYMO_F64, n * row, moved) <= 1e-10 * norm, "irrep of dimension %zu", n);
  symo_free(m);
  symo_free(moved);
}

/* out += sum_r b_r' (X'X type / n) b_r, the average of x x' over the group as the irrep has it. */
static void add_average(const whole *w, const isotypic_irrep *r, const double *b, size_t columns,
                        const double *x, double *out) {
  size_t n = r->n, total = w->total;
  double *coordinates = symo_malloc(n * columns * sizeof *coordinates);
  double *gram = symo_malloc(columns * columns * sizeof *gram);
  double *half = symo_malloc(columns * total * sizeof *half);
  for (size_t k = 0; k < n * columns; k++)
    coordinates[k] = symo_dot(SYMO_F64, total, b + k * total, x);
  symo_mat c = symo_mat_dense(coordinates, n, columns), g = symo_mat_dense(gram, columns, columns);
  symo_gemm(SYMO_F64, (double)r->type / (double)n, symo_mat_t(c), c, 0, g);
  for (size_t i = 0; i < n; i++) {
    symo_mat rows = symo_mat_dense((void *)(uintptr_t)(b + i * columns * total), columns, total);
    symo_mat h = symo_mat_dense(half, columns, total);
    symo_gemm(SYMO_F64, 1, g, rows, 0, h);
    symo_gemm(SYMO_F64, 1, symo_mat_t(rows), h, 1, symo_mat_dense(out, total, total));
  }
  symo_free(half);
  symo_free(gram);
  symo_free(coordinates);
}

/* y' A x */
static double form(size_t n, const double *y, const double *a, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += y[i] * symo_dot(SYMO_F64, n, a + i * n, x);
  return sum;
}

/* Finite groups: by all elements.  Else by what makes it the projection of x x': it commutes with
 * the group, and <A(x), A(y)> = y' A(x) y. */
static void check_average(const whole *w, symo_rng *rng, bool finite) {
  size_t total = w->total, square = total * total, d = w->set->dim, count = 20;
  double *x = symo_malloc(2 * total * sizeof *x), *y = x + total;
  double *a = symo_calloc(4 * square, sizeof *a), *other = a + square, *rho = other + square;
  double *t = rho + square, *q = NULL, *elements = NULL;
  symo_test_randn(rng, x, 2 * total);
  for (size_t k = 0; k < w->iso->num_irreps; k++) {
    size_t columns;
    double *b = columns_of(w, &w->iso->irreps[k], &columns);
    if (columns > 0) add_average(w, &w->iso->irreps[k], b, columns, x, a);
    if (columns > 0 && !finite) add_average(w, &w->iso->irreps[k], b, columns, y, other);
    symo_free(b);
  }
  if (finite) {
    cr_ok(w->set->context, symo_enumerate(w->set, 1000, &count, &elements));
    for (size_t k = 0; k < count; k++) {
      represent(w, elements + k * d * d, rho);
      for (size_t i = 0; i < total; i++) y[i] = symo_dot(SYMO_F64, total, rho + i * total, x);
      symo_mat column = symo_mat_dense(y, total, 1);
      symo_gemm(SYMO_F64, 1 / (double)count, column, symo_mat_t(column), 1,
                symo_mat_dense(other, total, total));
    }
    cr_assert(symo_test_rel(a, other, square) <= 1e-10, "average: off by %.1e",
              symo_test_rel(a, other, square));
  } else {
    double product = symo_dot(SYMO_F64, square, a, other);
    cr_assert(fabs(product - form(total, y, a, y)) <= 1e-10 * fabs(product));
    cr_assert(fabs(product - form(total, x, other, x)) <= 1e-10 * fabs(product));
    q = symo_malloc(d * d * sizeof *q);
    void *work = symo_malloc(symo_random_element_work(w->set));
    symo_random_element(w->set, rng, q, work);
    represent(w, q, rho);
    symo_mat rm = symo_mat_dense(rho, total, total), am = symo_mat_dense(a, total, total);
    symo_gemm(SYMO_F64, 1, rm, am, 0, symo_mat_dense(t, total, total));
    symo_gemm(SYMO_F64, 1, symo_mat_dense(t, total, total), symo_mat_t(rm), 0,
              symo_mat_dense(other, total, total));
    cr_assert(symo_test_rel(other, a, square) <= 1e-9);
    symo_free(work);
    symo_free(q);
  }
  symo_free(elements);
  symo_free(a);
  symo_free(x);
}

/* sum b'b of an irrep is a projector; of all irreps, the identity. */
static void check_projectors(const whole *w) {
  size_t total = w->total, square = total * total;
  double *sum = symo_calloc(3 * square, sizeof *sum), *p = sum + square, *pp = p + square;
  for (size_t k = 0; k < w->iso->num_irreps; k++) {
    const isotypic_irrep *r = &w->iso->irreps[k];
    size_t columns;
    double *b = columns_of(w, r, &columns);
    symo_mat rows = symo_mat_dense(b, r->n * columns, total), pm = symo_mat_dense(p, total, total);
    if (columns > 0) {
      symo_gemm(SYMO_F64, 1, symo_mat_t(rows), rows, 0, pm);
      symo_gemm(SYMO_F64, 1, pm, pm, 0, symo_mat_dense(pp, total, total));
      cr_assert(symo_test_rel(pp, p, square) <= 1e-11);
      double rank = symo_trace(SYMO_F64, total, p);
      cr_assert(fabs(rank - (double)(r->n * columns) / (double)r->type) <= 1e-9);
      symo_axpy(SYMO_F64, square, 1, p, sum);
    }
    symo_free(b);
  }
  memset(p, 0, square * sizeof *p);
  symo_add_diagonal(SYMO_F64, total, 1, p);
  cr_assert(symo_test_rel(sum, p, square) <= 1e-11);
  symo_free(sum);
}

static void check_elements(const whole *w, symo_rng *rng) {
  size_t d = w->set->dim;
  double *rho = symo_malloc(w->total * w->total * sizeof *rho);
  double *q = symo_malloc(d * d * sizeof *q);
  void *work = symo_malloc(symo_random_element_work(w->set));
  for (int sample = 0; sample < 3; sample++) {
    symo_random_element(w->set, rng, q, work);
    represent(w, q, rho);
    for (size_t k = 0; k < w->iso->num_irreps; k++) {
      size_t columns;
      double *b = columns_of(w, &w->iso->irreps[k], &columns);
      if (columns > 0) check_equivariance(w, &w->iso->irreps[k], b, columns, rho);
      symo_free(b);
    }
  }
  symo_free(work);
  symo_free(q);
  symo_free(rho);
}

void decomposition_check(const generator_set *set, const isotypic *iso, symo_rng *rng,
                         bool finite) {
  whole w = whole_of(set, iso);
  check_projectors(&w);
  check_elements(&w, rng);
  check_average(&w, rng, finite);
}
