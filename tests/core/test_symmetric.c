/* Symmetric products against sums over entries in float64, below, at and above one tile, and the
 * bits that they have with and without threads. */
#include <math.h>
#include <stdlib.h>

#include "core/symmetric.h"
#include "core/transpose.h"
#include "tests/support/testing.h"

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};
static const size_t sizes[] = {1,  2,   3,   5,   16,  17,  32,  35,  48,
                               64, 112, 128, 130, 144, 383, 384, 401, 590};
enum { SIZES = sizeof sizes / sizeof *sizes, COLUMNS = 40, MOST = 590 };

/* Numbers of either type, and the same in float64. */
typedef struct numbers {
  void *p;
  double *d;
  size_t count;
} numbers;

static numbers draw(symo_rng *rng, symo_dtype dtype, size_t count) {
  numbers x = {malloc(count * sizeof(double)), malloc(count * sizeof(double)), count};
  cr_assert(x.p != NULL && x.d != NULL);
  for (size_t i = 0; i < count; i++) symo_put(dtype, x.p, i, symo_rng_normal(rng));
  for (size_t i = 0; i < count; i++) x.d[i] = symo_get(dtype, x.p, i);
  return x;
}

static void drop(numbers x) {
  free(x.p);
  free(x.d);
}

/* |found - wanted| over the norm of wanted; lower: of the lower triangles. */
static double error_of(symo_dtype dtype, size_t n, size_t m, bool lower, const void *found,
                       const double *wanted) {
  double off = 0, all = 0;
  for (size_t i = 0; i < n * m; i++) {
    if (lower && i % m > i / m) continue;
    off = hypot(off, symo_get(dtype, found, i) - wanted[i]);
    all = hypot(all, wanted[i]);
  }
  return all > 0 ? off / all : INFINITY;
}

/* w := a b of row-major [n, k], [k, m]. */
static void multiply(size_t n, size_t k, size_t m, const double *a, const double *b, double *w) {
  for (size_t i = 0; i < n * m; i++) w[i] = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t l = 0; l < k; l++)
      for (size_t j = 0; j < m; j++) w[i * m + j] += a[i * k + l] * b[l * m + j];
}

static void transpose(size_t n, size_t m, const double *a, double *out) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) out[j * n + i] = a[i * m + j];
}

typedef void (*check)(symo_rng *rng, symo_pool *pool, symo_dtype dtype, size_t n);

static void for_each_size(check run) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 3);
  symo_pool *pool = NULL;
  cr_ok(context, symo_pool_create(context, 3, &pool));
  for (size_t i = 0; i < 2 * SIZES; i++)
    run(rng, i % 4 < 2 ? pool : NULL, dtypes[i % 2], sizes[i / 2]);
  symo_pool_destroy(pool);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

static void check_gram(symo_rng *rng, symo_pool *pool, symo_dtype dtype, size_t n) {
  const size_t m = COLUMNS;
  numbers x = draw(rng, dtype, n * m), c = draw(rng, dtype, n * n);
  double *w = malloc((n * n + n * m) * sizeof *w), *t = w + n * n;
  transpose(n, m, x.d, t);
  multiply(n, m, n, x.d, t, w);
  symo_gram(pool, dtype, symo_mat_dense(x.p, n, m), symo_mat_dense(c.p, n, n));
  double error = error_of(dtype, n, n, true, c.p, w);
  cr_assert(error <= symo_test_bound(dtype, m, 1), "%zu: %g", n, error);
  for (size_t i = 0; i < n * n; i++)
    if (i % n > i / n && !symo_symmetric_has_tiles(n))
      cr_assert(symo_get(dtype, c.p, i) == c.d[i], "%zu: above the diagonal", n);
  symo_test_pack(dtype, t, x.p, n * m); /* the same, column-major */
  symo_gram(pool, dtype, symo_mat_t(symo_mat_dense(x.p, m, n)), symo_mat_dense(c.p, n, n));
  error = error_of(dtype, n, n, true, c.p, w);
  cr_assert(error <= symo_test_bound(dtype, m, 1), "%zu: %g", n, error);
  free(w);
  drop(x);
  drop(c);
}

Test(symmetric, gram) { for_each_size(check_gram); }

/* Both triangles are equal to the last bit. */
static void check_mirror(symo_dtype dtype, size_t n, const void *p) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      cr_assert(symo_get(dtype, p, i * n + j) == symo_get(dtype, p, j * n + i), "%zu", n);
}

static void check_terms(symo_rng *rng, symo_pool *pool, symo_dtype dtype, size_t n) {
  const symo_affine first = {-1.5, 0.75, 2, -3, true},
                    next = {0.5 / (double)n, -1.25, 0.375, 99, false},
                    final = {0.5 / (double)n, -1.25, 0, 99, true};
  numbers a = draw(rng, dtype, n * n), q = draw(rng, dtype, n * n), s = draw(rng, dtype, n * n);
  double *p = malloc(3 * n * n * sizeof *p), *sum = p + n * n, *square = sum + n * n;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      const size_t low = j <= i ? i * n + j : j * n + i;
      p[i * n + j] = -1.5 * a.d[low] + (i == j ? 0.75 : 0);
      sum[i * n + j] = 2 * p[i * n + j] + (i == j ? -3 : 0);
      if (j > i) symo_put(dtype, a.p, i * n + j, NAN);
    }
  const symo_mat pm = symo_mat_dense(a.p, n, n), qm = symo_mat_dense(q.p, n, n);
  const symo_mat sm = symo_mat_dense(s.p, n, n);
  symo_symmetric_start(pool, dtype, &first, pm, sm);
  const double one = symo_test_bound(dtype, 1, 1);
  double error = error_of(dtype, n, n, false, a.p, p);
  cr_assert(error <= one, "%zu: P %g", n, error);
  cr_assert(error_of(dtype, n, n, true, s.p, sum) <= one, "%zu: S", n);
  multiply(n, n, n, p, p, square);
  for (size_t i = 0; i < n * n; i++) {
    square[i] = 0.5 / (double)n * square[i] + (i % (n + 1) == 0 ? -1.25 : 0);
    sum[i] += 0.375 * square[i];
  }
  symo_symmetric_square(pool, dtype, &next, pm, qm, sm);
  error = error_of(dtype, n, n, false, q.p, square);
  cr_assert(error <= symo_test_bound(dtype, n, 4), "%zu: Q %g", n, error);
  error = error_of(dtype, n, n, true, s.p, sum);
  cr_assert(error <= symo_test_bound(dtype, n, 4), "%zu: S %g", n, error);
  check_mirror(dtype, n, a.p);
  check_mirror(dtype, n, q.p);
  for (size_t i = 0; i < n * n; i++)
    if (i % n > i / n) cr_assert(symo_get(dtype, s.p, i) == s.d[i], "%zu: S above", n);
  symo_symmetric_square(pool, dtype, &final, pm, qm, sm); /* adds nothing */
  error = error_of(dtype, n, n, true, s.p, sum);
  cr_assert(error <= symo_test_bound(dtype, n, 4), "%zu: S %g", n, error);
  check_mirror(dtype, n, s.p);
  free(p);
  drop(a);
  drop(q);
  drop(s);
}

Test(symmetric, polynomials) { for_each_size(check_terms); }

static void check_times(symo_rng *rng, symo_pool *pool, symo_dtype dtype, size_t n) {
  const size_t m = n < 100 ? COLUMNS : n + 7;
  numbers a = draw(rng, dtype, n * n), x = draw(rng, dtype, n * m), y = draw(rng, dtype, n * m);
  double *w = malloc(2 * n * m * sizeof *w), *t = w + n * m;
  multiply(n, n, m, a.d, x.d, w);
  for (size_t i = 0; i < n * m; i++) w[i] *= -0.5;
  const symo_mat am = symo_mat_dense(a.p, n, n);
  symo_square_times(pool, dtype, -0.5, am, symo_mat_dense(x.p, n, m), symo_mat_dense(y.p, n, m));
  double error = error_of(dtype, n, m, false, y.p, w);
  cr_assert(error <= symo_test_bound(dtype, n, 1), "%zu: %g", n, error);
  transpose(n, m, x.d, t);
  symo_test_pack(dtype, t, x.p, n * m);
  transpose(n, m, w, t);
  symo_square_times(pool, dtype, -0.5, am, symo_mat_t(symo_mat_dense(x.p, m, n)),
                    symo_mat_t(symo_mat_dense(y.p, m, n)));
  error = error_of(dtype, m, n, false, y.p, t);
  cr_assert(error <= symo_test_bound(dtype, n, 1), "%zu, column-major: %g", n, error);
  free(w);
  drop(a);
  drop(x);
  drop(y);
}

Test(symmetric, times) { for_each_size(check_times); }

/* All of it, as the bits of Y = (S of two terms) X. */
static void run_all(symo_pool *pool, symo_dtype dtype, size_t n, const numbers *x, void *work,
                    void *y) {
  const symo_affine term = {1 / (double)n, 0.5, 0.25, 0.125, true};
  const ptrdiff_t square = (ptrdiff_t)(n * n);
  const symo_mat p = symo_mat_dense(work, n, n);
  const symo_mat q = symo_mat_dense(symo_at(dtype, work, square), n, n);
  const symo_mat s = symo_mat_dense(symo_at(dtype, work, 2 * square), n, n);
  symo_gram(pool, dtype, symo_mat_dense(x->p, n, x->count / n), p);
  symo_symmetric_start(pool, dtype, &term, p, s);
  symo_symmetric_square(pool, dtype, &term, p, q, s);
  symo_square_times(pool, dtype, 1, s, symo_mat_dense(x->p, n, x->count / n),
                    symo_mat_dense(y, n, x->count / n));
}

static void check_bits(symo_rng *rng, symo_pool *pool, symo_dtype dtype, size_t n) {
  const size_t m = n + 5;
  numbers x = draw(rng, dtype, n * m);
  char *work = malloc(3 * n * n * sizeof(double)), *one = malloc(2 * n * m * sizeof(double));
  char *two = one + n * m * symo_dtype_size(dtype);
  symo_context *context = symo_test_context();
  symo_pool *other = NULL;
  cr_ok(context, symo_pool_create(context, 2, &other));
  cr_assert(symo_set_threads(1) == SYMO_OK);
  run_all(NULL, dtype, n, &x, work, one);
  run_all(pool != NULL ? pool : other, dtype, n, &x, work, two);
  cr_assert(memcmp(one, two, n * m * symo_dtype_size(dtype)) == 0, "%zu, %s", n,
            symo_dtype_name(dtype));
  symo_pool_destroy(other);
  symo_context_destroy(context);
  free(work);
  free(one);
  drop(x);
}

Test(symmetric, threads_do_not_change_bits) { for_each_size(check_bits); }

/* The mirror image, entry by entry, of parts of a matrix too. */
Test(symmetric, mirror_images) {
  enum { SIDE = 37 };
  double a[SIDE * SIDE];
  float f[SIDE * SIDE];
  for (size_t first = 0; first < SIDE; first += 4)
    for (size_t end = first + 1; end <= SIDE; end += 7)
      for (size_t last = 1; last <= SIDE; last += 9) {
        for (size_t i = 0; i < SIDE * SIDE; i++) f[i] = (float)(a[i] = (double)i);
        symo_mirror_f64(SIDE, first, end, 0, last, a);
        symo_mirror_f32(SIDE, first, end, 0, last, f);
        for (size_t i = 0; i < SIDE; i++)
          for (size_t j = 0; j < SIDE; j++) {
            const bool set = j > i && j >= first && j < end && i < last;
            const size_t wanted = set ? j * SIDE + i : i * SIDE + j;
            cr_assert(a[i * SIDE + j] == (double)wanted &&
                          (double)f[i * SIDE + j] == a[i * SIDE + j],
                      "%zu %zu %zu: %zu %zu", first, end, last, i, j);
          }
      }
  cr_no_leaks();
}
