/* Products of which a triangle is nothing: what the machine has against BLAS. */
#include "core/linalg.h"
#include "net/attention/attention.h"
#include "net/vecmath.h"
#include "tests/support/testing.h"

static double *numbers(size_t count) {
  double *x = symo_calloc(count, sizeof *x);
  cr_assert(x != NULL);
  return x;
}

static double *normal(symo_rng *rng, size_t count) {
  double *x = numbers(count);
  symo_test_randn(rng, x, count);
  return x;
}

static void *packed(symo_dtype dtype, const double *x, size_t count) {
  void *to = symo_malloc(count * symo_dtype_size(dtype));
  cr_assert(to != NULL);
  symo_test_pack(dtype, x, to, count);
  return to;
}

/* One product by what the machine has and by BLAS.  Where C is not wanted it is not compared, where
 * A is nothing it is zero. */
static void one_product(symo_dtype dtype, symo_attention_shape shape, size_t rows, size_t keys,
                        size_t width, size_t offset, bool add, symo_rng *rng) {
  const size_t room_rows = (rows + 15) / 16 * 16, room_keys = (keys + 15) / 16 * 16;
  const size_t room = 160 * 160;
  double *x = normal(rng, 3 * room), *y = numbers(room), *z = numbers(room);
  if (shape == SYMO_ATTENTION_QUERIES || shape == SYMO_ATTENTION_KEYS)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = i + offset + 1; j < room_keys; j++) x[i * room_keys + j] = 0.0;
  void *a = packed(dtype, x, room), *b = packed(dtype, x + room, room);
  void *c = packed(dtype, x + 2 * room, room), *c2 = packed(dtype, x + 2 * room, room);
  symo_mat left = symo_mat_dense(a, rows, room_keys), right = symo_mat_dense(b, room_keys, width);
  symo_mat to = symo_mat_dense(c, rows, width);
  if (shape == SYMO_ATTENTION_SCORES)
    left = symo_mat_dense(a, rows, width), right = symo_mat_dense(b, width, room_keys),
    to = symo_mat_dense(c, rows, room_keys);
  if (shape == SYMO_ATTENTION_KEYS)
    left = symo_mat_t(left), right = symo_mat_dense(b, rows, width),
    to = symo_mat_dense(c, room_keys, width);
  symo_attention_product(dtype, shape, (ptrdiff_t)offset, left, right, add, to);
  to.p = c2;
  symo_attention_blas(dtype, shape, (ptrdiff_t)offset, left, right, add, to);
  for (size_t i = 0; i < to.rows; i++)
    for (size_t j = 0; j < to.cols; j++)
      if (shape != SYMO_ATTENTION_SCORES || j <= i + offset)
        y[i * to.cols + j] = symo_get(dtype, c, i * to.cols + j),
                        z[i * to.cols + j] = symo_get(dtype, c2, i * to.cols + j);
  const double apart = symo_test_rel(y, z, room);
  const size_t inner = shape == SYMO_ATTENTION_SCORES ? width
                       : shape == SYMO_ATTENTION_KEYS ? rows
                                                      : room_keys;
  cr_assert(apart <= symo_test_bound(dtype, inner, 1), "shape %d rows %zu keys %zu width %zu: %g",
            (int)shape, rows, keys, width, apart);
  for (size_t i = room_rows * to.cols; i < room && shape != SYMO_ATTENTION_KEYS; i++)
    cr_assert(symo_get(dtype, c, i) == symo_get(dtype, c2, i), "beyond the room");
  symo_free(a), symo_free(b), symo_free(c), symo_free(c2), symo_free(x), symo_free(y), symo_free(z);
}

static void products(symo_dtype dtype) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 3);
  const symo_attention_shape shapes[] = {SYMO_ATTENTION_WHOLE, SYMO_ATTENTION_SCORES,
                                         SYMO_ATTENTION_QUERIES, SYMO_ATTENTION_KEYS};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
    for (size_t rows = 1; rows <= 64; rows += 9)
      for (size_t offset = 0; offset <= 70; offset += 35)
        for (size_t width = 16; width <= 48; width += 16)
          one_product(dtype, shapes[s], rows, offset + rows, width, offset, width % 32 == 0, rng);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(net_attention_products, float64) { products(SYMO_F64); }
Test(net_attention_products, float32) { products(SYMO_F32); }

/* Whole squares and what is left at the edges, to the bit; room to spare becomes zero. */
Test(net_attention_products, transposes) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 4);
  for (size_t i = 0; i < 2 * 48 * 5; i++) {
    const symo_dtype dtype = i % 2 == 0 ? SYMO_F32 : SYMO_F64;
    const size_t rows = i / 2 % 48 + 1, cols = 11 * (i / 96) + 5, rs = cols + i % 7;
    const size_t room_rows = (rows + 15) / 16 * 16, room_cols = (cols + 15) / 16 * 16;
    double *x = normal(rng, rows * rs);
    void *from = packed(dtype, x, rows * rs);
    void *to = symo_malloc(room_rows * room_cols * symo_dtype_size(dtype));
    symo_attention_transpose(dtype, (symo_mat){from, rows, cols, (ptrdiff_t)rs, 1},
                             symo_mat_dense(to, room_cols, room_rows));
    for (size_t c = 0; c < room_cols; c++)
      for (size_t r = 0; r < room_rows; r++) {
        const bool inside = r < rows && c < cols;
        cr_assert(symo_get(dtype, to, c * room_rows + r) ==
                      (inside ? symo_get(dtype, from, r * rs + c) : 0.0),
                  "%zu x %zu at (%zu, %zu)", rows, cols, r, c);
      }
    symo_free(x), symo_free(from), symo_free(to);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Weights of float32 are the exponentials of vecmath.h, to the last bit, down to the least normal
 * numbers, and 0 below. */
Test(net_attention, weights_are_the_exponential) {
  enum { ROWS = 64, N = 128 };
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 91);
  float x[ROWS * N], s[ROWS * N], e[ROWS * N], lse[ROWS] = {0};
  const symo_attention_rows at = {SYMO_F32, ROWS, N, N, N, 0};
  for (size_t i = 0; i < ROWS * N; i++) s[i] = x[i] = (float)(-100.0 * symo_rng_uniform(rng));
  symo_attention_weights(&at, lse, s);
  symo_vec_exp_f32(ROWS * N, x, e);
  for (size_t i = 0; i < ROWS * N; i++)
    cr_assert(s[i] == (x[i] < -87.0f ? 0.0f : e[i]), "%.9g: %.9g and %.9g", (double)x[i],
              (double)s[i], (double)e[i]);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
