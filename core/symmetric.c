/* Symmetric products in tiles.
 *
 * A lower triangle of k x k tiles has k (k - 1) / 2 off the diagonal, each a product, and k on it,
 * each half of one.  Those off the diagonal are taken first, so that what is left for the end is
 * small.  What is done to the entries of a product (the diagonal, the mirror image, the sum) is
 * done to a tile while it is in the cache.
 *
 * Tiles have some 192 rows, at which products have their full speed (of 768 x 768, float32, AVX2,
 * GFLOP/s counting half of the entries: one syrk 105, tiles of 96 103, of 192 107, of 384 109). */
#include "core/symmetric.h"

#include <assert.h>

#include "core/transpose.h"
#include "core/vector.h"

enum { TILE = 192, MULTIPLE = 16, FEW = 128 };

/* What is done to entries once they are there. */
typedef struct settle {
  double slope, offset, weight, constant;
  bool first; /* S is set, and P is still to be scaled */
  bool last;  /* S gets both triangles */
} settle;

typedef struct job {
  symo_dtype dtype;
  double alpha;
  symo_mat a, x, y;
  symo_mat p, s;   /* of settle */
  const settle *f; /* NULL: nothing is done */
  size_t side, tiles;
  bool square; /* X X' is P P, of few rows */
} job;

#define SYMO_KERNELS "core/symmetric_kernels.inc"
#include "core/real.h"

bool symo_symmetric_has_tiles(size_t n) { return n >= 2 * TILE; }

/* Rows of a tile, for n of them. */
static size_t side_of(size_t n) {
  if (!symo_symmetric_has_tiles(n)) return n;
  const size_t tiles = (n + TILE / 2) / TILE, side = (n + tiles - 1) / tiles;
  return (side + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Row and column of tile `index`: those off the diagonal row by row, then the diagonal. */
static void place_of(size_t index, size_t tiles, size_t *row, size_t *column) {
  const size_t off = tiles * (tiles - 1) / 2;
  if (index >= off) {
    *row = *column = index - off;
    return;
  }
  *row = 1;
  while (index >= *row) index -= (*row)++;
  *column = index;
}

/* Products P P of few rows have kernels of their own.  BLAS copies both operands into another order
 * before it multiplies; here they are one symmetric matrix, in the cache, and half of the product is
 * wanted.
 *
 * Time of a whole step of symo over that with BLAS, float32, one core of an AMD Zen 5, by rows n of
 * the matrices that are squared:
 *     n                                    16   32   64   96  128
 *     AVX-512, beside BLAS with AVX2      .71  .75  .77  .80  .83
 *     AVX2, beside the same               .74  .82  .90  .94  .95
 *     SSE2, beside BLAS with SSE3         .70  .79  .85 */
static bool has_few_rows(size_t n) { return n <= FEW && n % MULTIPLE == 0; }

/* Tile [i, j] of X X' into y, of which then what `f` says. */
static void take_tile(void *arg, size_t index, int worker) {
  const job *b = arg;
  const symo_dtype t = b->dtype;
  const size_t n = b->y.rows;
  size_t row, column;
  (void)worker;
  place_of(index, b->tiles, &row, &column);
  const size_t i = row * b->side, j = column * b->side;
  const size_t rows = least(b->side, n - i), columns = least(b->side, n - j);
  if (b->square) {
    SYMO_BY_TYPE(t, square, n, b->alpha, b->x.p, b->y.p);
  } else if (b->x.p != NULL) {
    const symo_mat to = symo_mat_cols(t, symo_mat_rows(t, b->y, i, rows), j, columns);
    const symo_mat left = symo_mat_rows(t, b->x, i, rows);
    const symo_mat right = symo_mat_t(symo_mat_rows(t, b->x, j, columns));
    if (i == j)
      symo_syrk(t, b->alpha, right, 0, to);
    else
      symo_gemm(t, b->alpha, left, right, 0, to);
  }
  if (b->f == NULL) return;
  if (t == SYMO_F32)
    settle_f32(b->f, n, i, i + rows, j, j + columns, b->y.p, b->s.p);
  else
    settle_f64(b->f, n, i, i + rows, j, j + columns, b->y.p, b->s.p);
}

static void run_tiles(symo_pool *pool, job *b) {
  const size_t n = b->y.rows;
  assert(b->y.cols == n && b->y.cs == 1 && b->y.rs == (ptrdiff_t)n);
  if (n == 0) return;
  b->side = side_of(n);
  b->tiles = (n + b->side - 1) / b->side;
  symo_pool_run(pool, b->tiles * (b->tiles + 1) / 2, take_tile, b);
}

void symo_gram(symo_pool *pool, symo_dtype dtype, symo_mat x, symo_mat c) {
  job b = {.dtype = dtype, .alpha = 1, .x = x, .y = c};
  assert(x.rows == c.rows);
  run_tiles(pool, &b);
}

static settle settle_of(const symo_affine *f, bool first) {
  return (settle){f->slope, f->offset, f->weight, f->constant, first, !first && f->last};
}

void symo_symmetric_start(symo_pool *pool, symo_dtype dtype, const symo_affine *f, symo_mat p,
                          symo_mat s) {
  const settle now = settle_of(f, true);
  job b = {.dtype = dtype, .y = p, .s = s, .f = &now};
  run_tiles(pool, &b);
}

void symo_symmetric_square(symo_pool *pool, symo_dtype dtype, const symo_affine *f, symo_mat p,
                           symo_mat q, symo_mat s) {
  const settle now = settle_of(f, false);
  job b = {.dtype = dtype, .alpha = f->slope, .x = p, .y = q, .s = s, .f = &now};
  b.square = has_few_rows(p.rows);
  run_tiles(pool, &b);
}

static void take_columns(void *arg, size_t index, int worker) {
  const job *b = arg;
  const size_t j = index * b->side, columns = least(b->side, b->y.cols - j);
  (void)worker;
  symo_gemm(b->dtype, b->alpha, b->a, symo_mat_cols(b->dtype, b->x, j, columns), 0,
            symo_mat_cols(b->dtype, b->y, j, columns));
}

void symo_square_times(symo_pool *pool, symo_dtype dtype, double alpha, symo_mat a, symo_mat x,
                       symo_mat y) {
  job b = {.dtype = dtype, .alpha = alpha, .a = a, .x = x, .y = y};
  assert(a.rows == a.cols && a.cols == x.rows && y.rows == x.rows && y.cols == x.cols);
  if (y.cols == 0) return;
  b.side = symo_symmetric_has_tiles(a.rows) ? side_of(y.cols) : y.cols;
  symo_pool_run(pool, (y.cols + b.side - 1) / b.side, take_columns, &b);
}
