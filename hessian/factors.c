/* Sums of layer statistics over rows (a, d): matrices E a a' and E d d', their products with test
 * matrices, and second moments of examples in a basis.
 *
 * The inputs of a site with a bias have a 1 behind them that is written nowhere: the last row of
 * the sum of [a; 1] [a; 1]' is the sum of the rows, and a product with a matrix B of m rows is
 * a B[:-1] + 1 B[-1].
 *
 * Check value: one row a = 2, d = 3, with bias: inputs (4; 2 1), outputs 9. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/nd.h"
#include "core/vector.h"
#include "hessian/factors.h"

enum {
  BLOCK_ROWS = 512, /* that work space is taken for */
  STRIP = 256       /* numbers that sums of narrow rows are taken in */
};

size_t symo_factor_width(const symo_factor_site *site, const symo_factor_sums *sums) {
  return site == NULL || sums == NULL ? 0 : site->inputs + (sums->bias ? 1 : 0);
}

/* ---- the arrays ---- */

typedef struct sum_array {
  void *p;
  size_t count;
} sum_array;

enum { NUM_ARRAYS = 3 };

static void arrays_of(const symo_factor_site *site, const symo_factor_sums *s,
                      sum_array arrays[NUM_ARRAYS]) {
  const size_t m = symo_factor_width(site, s), n = site->outputs;
  arrays[0] = (sum_array){s->inputs, site->table            ? m
                                     : s->input_columns > 0 ? m * s->input_columns
                                                            : m * m};
  arrays[1] = (sum_array){s->outputs, n * (s->output_columns > 0 ? s->output_columns : n)};
  arrays[2] = (sum_array){s->moments, n * m};
}

void symo_factor_sums_clear(const symo_factor_site *site, symo_factor_sums *sums) {
  sum_array arrays[NUM_ARRAYS];
  if (site == NULL || sums == NULL) return;
  arrays_of(site, sums, arrays);
  for (int i = 0; i < NUM_ARRAYS; i++)
    if (arrays[i].p != NULL) memset(arrays[i].p, 0, arrays[i].count * symo_dtype_size(sums->dtype));
  sums->input_count = sums->output_count = sums->input_trace = sums->output_trace = 0;
}

void symo_factor_sums_join(const symo_factor_site *site, symo_factor_sums *sums,
                           const symo_factor_sums *more) {
  sum_array to[NUM_ARRAYS], from[NUM_ARRAYS];
  if (site == NULL || sums == NULL || more == NULL) return;
  arrays_of(site, sums, to);
  arrays_of(site, more, from);
  for (int i = 0; i < NUM_ARRAYS; i++)
    if (to[i].p != NULL && from[i].p != NULL)
      symo_axpy(sums->dtype, to[i].count, 1, from[i].p, to[i].p);
  sums->input_count += more->input_count, sums->output_count += more->output_count;
  sums->input_trace += more->input_trace, sums->output_trace += more->output_trace;
}

void symo_factor_sums_exchange(const symo_comm *comm, int owner, const symo_factor_site *site,
                               symo_factor_sums *sums) {
  sum_array arrays[NUM_ARRAYS];
  double numbers[] = {sums->input_count, sums->output_count, sums->input_trace, sums->output_trace};
  arrays_of(site, sums, arrays);
  for (int i = 0; i < NUM_ARRAYS; i++)
    if (arrays[i].p != NULL && owner < 0)
      symo_comm_sum(comm, sums->dtype, arrays[i].count, arrays[i].p);
    else if (arrays[i].p != NULL)
      symo_comm_sum_to(comm, owner, sums->dtype, arrays[i].count, arrays[i].p);
  symo_comm_sum(comm, SYMO_F64, 4, numbers);
  sums->input_count = numbers[0], sums->output_count = numbers[1];
  sums->input_trace = numbers[2], sums->output_trace = numbers[3];
}

/* ---- rows ---- */

/* Vectors [n, width] in rows; ones: a 1 stands behind each. */
typedef struct row_block {
  symo_dtype dtype;
  size_t n, width;
  const void *p;
  bool ones;
} row_block;

static symo_mat matrix_of(const row_block *x) {
  return symo_mat_dense((void *)(uintptr_t)x->p, x->n, x->width);
}

static row_block part_of(const row_block *x, size_t first, size_t most) {
  row_block part = *x;
  part.n = x->n - first < most ? x->n - first : most;
  part.p = symo_at(x->dtype, x->p, (ptrdiff_t)(first * x->width));
  return part;
}

#define SYMO_KERNELS "hessian/factors.inc"
#include "core/real.h"

/* to [width] += the sum of the rows. */
static void add_rows(symo_dtype dtype, size_t n, size_t width, const void *rows, void *to) {
  if (width <= STRIP / 2)
    SYMO_BY_TYPE(dtype, add_narrow, n, width, rows, to);
  else
    SYMO_BY_TYPE(dtype, add_rows, n, width, rows, to);
}

/* out [n, columns] = [x 1] B', B [columns, m]. */
static void multiply(const row_block *x, const void *b, size_t columns, void *out) {
  const size_t m = x->width + (x->ones ? 1 : 0);
  const symo_mat whole = symo_mat_t(symo_mat_dense((void *)(uintptr_t)b, columns, m));
  symo_mat to = symo_mat_dense(out, x->n, columns);
  symo_gemm(x->dtype, 1, matrix_of(x), symo_mat_rows(x->dtype, whole, 0, x->width), 0, to);
  if (!x->ones) return;
  const size_t shape[] = {x->n, columns};
  symo_nd last = {symo_at(x->dtype, b, (ptrdiff_t)x->width * whole.rs),
                  x->dtype,
                  2,
                  {x->n, columns},
                  {0, whole.cs}};
  symo_nd_axpy(1, last, symo_nd_dense(x->dtype, out, 2, shape));
}

static double sum_of_squares(const row_block *x) {
  const double norm = symo_nrm2(x->dtype, x->n * x->width, x->p);
  return norm * norm + (x->ones ? (double)x->n : 0);
}

/* The lower triangle of sum [m, m] += x'x. */
static void add_products(const row_block *x, void *sum) {
  const size_t m = x->width + (x->ones ? 1 : 0);
  symo_syrk(x->dtype, 1, matrix_of(x), 1, (symo_mat){sum, x->width, x->width, (ptrdiff_t)m, 1});
  if (!x->ones) return;
  void *last = symo_at(x->dtype, sum, (ptrdiff_t)(x->width * m));
  add_rows(x->dtype, x->n, x->width, x->p, last);
  symo_put(x->dtype, last, x->width, symo_get(x->dtype, last, x->width) + (double)x->n);
}

/* sum [columns, m] += (W x') x, W [columns, m]; room: [BLOCK_ROWS, columns]. */
static void add_tested(const row_block *x, const void *tests, size_t columns, void *sum,
                       void *room) {
  const size_t m = x->width + (x->ones ? 1 : 0);
  for (size_t first = 0; first < x->n; first += BLOCK_ROWS) {
    const row_block part = part_of(x, first, BLOCK_ROWS);
    const size_t shape[] = {part.n, columns};
    multiply(&part, tests, columns, room);
    symo_gemm(x->dtype, 1, symo_mat_t(symo_mat_dense(room, part.n, columns)), matrix_of(&part), 1,
              (symo_mat){sum, columns, x->width, (ptrdiff_t)m, 1});
    if (!x->ones) continue;
    symo_nd last = {symo_at(x->dtype, sum, (ptrdiff_t)x->width),
                    x->dtype,
                    2,
                    {part.n, columns},
                    {0, (ptrdiff_t)m}};
    symo_nd_axpy(1, symo_nd_dense(x->dtype, room, 2, shape), last);
  }
}

/* ---- positions ---- */

/* [examples, width] = factor times the sum over the positions. */
static void reduce(const symo_factor_rows *rows, symo_dtype dtype, size_t width, double factor,
                   const void *from, void *to) {
  const size_t n = rows->examples, r = rows->repeats, shape[] = {1, n, width};
  const ptrdiff_t w = (ptrdiff_t)width;
  symo_nd source = {
      (void *)(uintptr_t)from,
      dtype,
      3,
      {r, n, width},
      {rows->repeats_first ? (ptrdiff_t)n * w : w, rows->repeats_first ? w : (ptrdiff_t)r * w, 1}};
  memset(to, 0, n * width * symo_dtype_size(dtype));
  symo_nd_axpy(factor, source, symo_nd_stretch(symo_nd_dense(dtype, to, 3, shape), 0, r));
}

/* ---- second moments ---- */

/* The rows of one example in an array [rows, width]. */
static symo_mat example_of(const symo_factor_rows *rows, symo_dtype dtype, size_t width,
                           const void *p, size_t e) {
  const size_t first = rows->repeats_first ? e : e * rows->repeats;
  const size_t apart = rows->repeats_first ? rows->examples : 1;
  return (symo_mat){symo_at(dtype, p, (ptrdiff_t)(first * width)), rows->repeats, width,
                    (ptrdiff_t)(apart * width), 1};
}

static void square(symo_dtype dtype, size_t n, void *x) {
  for (size_t i = 0; i < n; i++) {
    const double v = symo_get(dtype, x, i);
    symo_put(dtype, x, i, v * v);
  }
}

/* One position: the squares of d a' are products of squares, and so one product for all rows. */
static void add_single_moments(symo_dtype dtype, size_t n, size_t outputs, size_t m, void *d,
                               void *a, void *moments) {
  square(dtype, n * outputs, d);
  square(dtype, n * m, a);
  symo_gemm(dtype, 1, symo_mat_t(symo_mat_dense(d, n, outputs)), symo_mat_dense(a, n, m), 1,
            symo_mat_dense(moments, outputs, m));
}

static void add_shared_moments(const symo_factor_rows *rows, symo_dtype dtype, size_t outputs,
                               size_t m, const void *d, const void *a, void *moments, void *room) {
  const size_t count = outputs * m;
  for (size_t e = 0; e < rows->examples; e++) {
    symo_gemm(dtype, 1, symo_mat_t(example_of(rows, dtype, outputs, d, e)),
              example_of(rows, dtype, m, a, e), 0, symo_mat_dense(room, outputs, m));
    square(dtype, count, room);
    symo_axpy(dtype, count, 1, room, moments);
  }
}

/* Of a table: entries that stand at several positions of an example have the sum of their d. */
static void add_table_moments(const symo_factor_rows *rows, symo_dtype dtype, size_t outputs,
                              size_t m, void *d, void *moments) {
  const size_t n = rows->examples, r = rows->repeats;
  for (size_t e = 0; e < n; e++)
    for (size_t p = 0; p < r; p++) {
      const size_t at = rows->repeats_first ? p * n + e : e * r + p;
      void *own = symo_at(dtype, d, (ptrdiff_t)(at * outputs));
      bool first = true;
      for (size_t q = 0; q < r && first; q++) {
        const size_t other = rows->repeats_first ? q * n + e : e * r + q;
        if (rows->indices[other] != rows->indices[at] || other == at) continue;
        first = q > p;
        if (first)
          symo_axpy(dtype, outputs, 1, symo_at(dtype, d, (ptrdiff_t)(other * outputs)), own);
      }
      for (size_t i = 0; i < outputs && first; i++) {
        const double v = symo_get(dtype, own, i);
        const size_t to = i * m + rows->indices[at];
        symo_put(dtype, moments, to, symo_get(dtype, moments, to) + v * v);
      }
    }
}

static symo_status add_moments(symo_context *context, const symo_factor_site *site,
                               symo_factor_sums *s, const symo_factor_rows *rows) {
  const size_t n = rows->examples * rows->repeats, out = site->outputs;
  const size_t m = symo_factor_width(site, s), bytes = symo_dtype_size(s->dtype);
  const row_block a = {s->dtype, n, site->inputs, rows->inputs, s->bias};
  const row_block d = {s->dtype, n, out, rows->outputs, false};
  const bool pairs = !site->table;
  char *room =
      symo_calloc(n * out + (pairs ? n * m : 0) + (rows->repeats > 1 ? out * m : 0), bytes);
  if (room == NULL) return symo_fail_memory(context, "factors");
  void *da = room + n * out * bytes, *product = room + n * (out + m) * bytes;
  multiply(&d, s->output_basis, out, room);
  if (pairs) multiply(&a, s->input_basis, m, da);
  if (!pairs)
    add_table_moments(rows, s->dtype, out, m, room, s->moments);
  else if (rows->repeats == 1)
    add_single_moments(s->dtype, n, out, m, room, da, s->moments);
  else
    add_shared_moments(rows, s->dtype, out, m, room, da, s->moments, product);
  symo_free(room);
  return SYMO_OK;
}

/* ---- all ---- */

static void add_block(const row_block *x, const void *tests, size_t columns, void *sum,
                      double *trace, void *room) {
  if (tests == NULL) {
    add_products(x, sum);
    return;
  }
  add_tested(x, tests, columns, sum, room);
  *trace += sum_of_squares(x);
}

static void count_entries(const symo_factor_sums *s, size_t n, const uint32_t *indices) {
  for (size_t i = 0; i < n; i++)
    symo_put(s->dtype, s->inputs, indices[i], symo_get(s->dtype, s->inputs, indices[i]) + 1);
}

/* Rows that are one for each example where `reduce` made them so; room for sketches. */
static void add_factors(const symo_factor_site *site, symo_factor_sums *s,
                        const symo_factor_rows *rows, const row_block *a, const row_block *d,
                        void *room) {
  if (s->inputs != NULL && !rows->known && site->table)
    count_entries(s, rows->examples * rows->repeats, rows->indices);
  else if (s->inputs != NULL && !rows->known)
    add_block(a, s->input_tests, s->input_columns, s->inputs, &s->input_trace, room);
  if (!rows->known) s->input_count += (double)(site->table ? rows->examples * rows->repeats : a->n);
  if (rows->outputs == NULL) return;
  if (s->outputs != NULL)
    add_block(d, s->output_tests, s->output_columns, s->outputs, &s->output_trace, room);
  if (!rows->counted) s->output_count += (double)rows->examples;
}

static const char *missing(const symo_factor_site *site, const symo_factor_sums *s,
                           const symo_factor_rows *rows) {
  if (symo_dtype_size(s->dtype) == 0) return "sums->dtype";
  if (site->table ? rows->indices == NULL : rows->inputs == NULL)
    return site->table ? "rows->indices" : "rows->inputs";
  if (site->table && s->input_tests != NULL) return "the diagonal: tables take no input tests, it";
  if (s->moments != NULL && s->output_basis == NULL) return "sums->output_basis";
  if (s->moments != NULL && s->input_basis == NULL && !site->table) return "sums->input_basis";
  if ((s->input_columns > 0) != (s->input_tests != NULL)) return "sums->input_tests";
  if ((s->output_columns > 0) != (s->output_tests != NULL)) return "sums->output_tests";
  return NULL;
}

symo_status symo_factor_sums_add(symo_context *context, const symo_factor_site *site,
                                 symo_factor_sums *sums, const symo_factor_rows *rows) {
  if (site == NULL || sums == NULL || rows == NULL)
    return symo_fail_null(context, "factor_sums_add",
                          site == NULL   ? "site"
                          : sums == NULL ? "sums"
                                         : "rows");
  const char *what = missing(site, sums, rows);
  if (what != NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "factor_sums_add: %s is missing (give it)", what);
  const size_t n = rows->examples * rows->repeats, bytes = symo_dtype_size(sums->dtype);
  const size_t columns =
      sums->input_columns > sums->output_columns ? sums->input_columns : sums->output_columns;
  const bool reduced = sums->sharing == SYMO_SHARING_REDUCE && rows->repeats > 1 && !site->table;
  const size_t kept = reduced ? rows->examples * (site->inputs + site->outputs) : 0;
  row_block a = {sums->dtype, n, site->inputs, rows->inputs, sums->bias};
  row_block d = {sums->dtype, n, site->outputs, rows->outputs, false};
  char *room = NULL;
  if (n == 0) return SYMO_OK;
  if (reduced || columns > 0) {
    room = symo_calloc(kept + BLOCK_ROWS * columns, bytes);
    if (room == NULL) return symo_fail_memory(context, "factors");
  }
  if (reduced) {
    a.n = d.n = rows->examples;
    reduce(rows, sums->dtype, a.width, 1 / (double)rows->repeats, rows->inputs, room);
    a.p = room;
    if (rows->outputs != NULL) {
      void *to = room + rows->examples * site->inputs * bytes;
      reduce(rows, sums->dtype, d.width, 1, rows->outputs, to);
      d.p = to;
    }
  }
  add_factors(site, sums, rows, &a, &d, room == NULL ? NULL : room + kept * bytes);
  symo_free(room);
  if (sums->moments == NULL || rows->outputs == NULL) return SYMO_OK;
  return add_moments(context, site, sums, rows);
}
