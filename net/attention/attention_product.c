/* What registers of AVX-512 do.  Products with a triangle of zeros.  BLAS computes the whole; where the machine has AVX-512, tiles
 * of 8 rows and two registers of columns skip the zeros, tile by tile, and avoid the cost of a call
 * of BLAS, which at 64 positions is more than that of the triangle.
 *
 * A tile holds 16 sums in registers.  A step loads two registers of B and 8 numbers of A and
 * multiplies 16 times: 10 loads, two at a time, which keeps both multipliers busy.  A is read
 * number by number, so it may be a transpose. */
#include "net/attention/attention.h"

void symo_attention_blas(symo_dtype dtype, symo_attention_shape shape, ptrdiff_t offset, symo_mat a,
                         symo_mat b, bool add, symo_mat c) {
  symo_gemm(dtype, 1.0, a, b, add ? 1.0 : 0.0, c);
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

enum { ROWS = SYMO_ATTENTION_ROWS };

#define WIDE __attribute__((target("avx512f")))
#define WIDE_INLINE static inline __attribute__((always_inline, target("avx512f")))

/* Steps [from, to) of the sums of 8 rows and `registers` (1 or 2) of columns. */
typedef struct tile {
  size_t from, to;
  ptrdiff_t rs, cs; /* of A */
  ptrdiff_t ldb, ldc;
  bool add;
} tile;

WIDE_INLINE void tile_f32(tile t, int registers, const float *a, const float *b, float *c) {
  __m512 sum[ROWS][2];
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < registers; v++)
      sum[r][v] = t.add ? _mm512_loadu_ps(c + r * t.ldc + 16 * v) : _mm512_setzero_ps();
  a += (ptrdiff_t)t.from * t.cs, b += (ptrdiff_t)t.from * t.ldb;
  for (size_t l = t.from; l < t.to; l++, a += t.cs, b += t.ldb) {
    __m512 x[2];
    for (int v = 0; v < registers; v++) x[v] = _mm512_loadu_ps(b + 16 * v);
    for (int r = 0; r < ROWS; r++) {
      const __m512 y = _mm512_set1_ps(a[r * t.rs]);
      for (int v = 0; v < registers; v++) sum[r][v] = _mm512_fmadd_ps(y, x[v], sum[r][v]);
    }
  }
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < registers; v++) _mm512_storeu_ps(c + r * t.ldc + 16 * v, sum[r][v]);
}

WIDE_INLINE void tile_f64(tile t, int registers, const double *a, const double *b, double *c) {
  __m512d sum[ROWS][2];
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < registers; v++)
      sum[r][v] = t.add ? _mm512_loadu_pd(c + r * t.ldc + 8 * v) : _mm512_setzero_pd();
  a += (ptrdiff_t)t.from * t.cs, b += (ptrdiff_t)t.from * t.ldb;
  for (size_t l = t.from; l < t.to; l++, a += t.cs, b += t.ldb) {
    __m512d x[2];
    for (int v = 0; v < registers; v++) x[v] = _mm512_loadu_pd(b + 8 * v);
    for (int r = 0; r < ROWS; r++) {
      const __m512d y = _mm512_set1_pd(a[r * t.rs]);
      for (int v = 0; v < registers; v++) sum[r][v] = _mm512_fmadd_pd(y, x[v], sum[r][v]);
    }
  }
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < registers; v++) _mm512_storeu_pd(c + r * t.ldc + 8 * v, sum[r][v]);
}

WIDE static void tiles_f32(const tile *t, size_t columns, const float *a, const float *b,
                           float *c) {
  if (columns >= 32)
    tile_f32(*t, 2, a, b, c);
  else
    tile_f32(*t, 1, a, b, c);
}

WIDE static void tiles_f64(const tile *t, const double *a, const double *b, double *c) {
  tile_f64(*t, 2, a, b, c);
}

/* The steps of rows [i, i + 8), of which `last` is the last one's query, counted in keys. */
static tile steps(symo_attention_shape shape, ptrdiff_t offset, size_t i, tile t) {
  const ptrdiff_t last = (ptrdiff_t)i + ROWS - 1 + offset;
  if (shape == SYMO_ATTENTION_QUERIES && last + 1 < (ptrdiff_t)t.to)
    t.to = last < 0 ? 0 : (size_t)last + 1;
  if (shape == SYMO_ATTENTION_KEYS && (ptrdiff_t)i > offset)
    t.from = (size_t)((ptrdiff_t)i - offset);
  return t;
}

static void wide_f32(symo_attention_shape shape, ptrdiff_t offset, symo_mat a, symo_mat b, bool add,
                     symo_mat c) {
  const tile whole = {0, b.rows, a.rs, a.cs, b.rs, c.rs, add};
  for (size_t j = 0; j < c.cols; j += 32)
    for (size_t i = 0; i < c.rows; i += ROWS) {
      if (shape == SYMO_ATTENTION_SCORES && (ptrdiff_t)j >= (ptrdiff_t)(i + ROWS) + offset)
        continue;
      const tile t = steps(shape, offset, i, whole);
      tiles_f32(&t, c.cols - j, (const float *)a.p + (ptrdiff_t)i * a.rs, (const float *)b.p + j,
                (float *)c.p + (ptrdiff_t)i * c.rs + j);
    }
}

static void wide_f64(symo_attention_shape shape, ptrdiff_t offset, symo_mat a, symo_mat b, bool add,
                     symo_mat c) {
  const tile whole = {0, b.rows, a.rs, a.cs, b.rs, c.rs, add};
  for (size_t j = 0; j < c.cols; j += 16)
    for (size_t i = 0; i < c.rows; i += ROWS) {
      if (shape == SYMO_ATTENTION_SCORES && (ptrdiff_t)j >= (ptrdiff_t)(i + ROWS) + offset)
        continue;
      const tile t = steps(shape, offset, i, whole);
      tiles_f64(&t, (const double *)a.p + (ptrdiff_t)i * a.rs, (const double *)b.p + j,
                (double *)c.p + (ptrdiff_t)i * c.rs + j);
    }
}

void symo_attention_product(symo_dtype dtype, symo_attention_shape shape, ptrdiff_t offset,
                            symo_mat a, symo_mat b, bool add, symo_mat c) {
  if (!__builtin_cpu_supports("avx512f"))
    symo_attention_blas(dtype, shape, offset, a, b, add, c);
  else if (dtype == SYMO_F64)
    wide_f64(shape, offset, a, b, add, c);
  else
    wide_f32(shape, offset, a, b, add, c);
}

/* Numbers, then pairs of them, then quarters of registers change places. */
WIDE static void square(const float *x, ptrdiff_t rs, float *to, size_t ld) {
  __m512 a[16], b[16];
  for (int i = 0; i < 16; i++) a[i] = _mm512_loadu_ps(x + i * rs);
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4)
    for (int h = 0; h < 2; h++) {
      const __m512d u = _mm512_castps_pd(b[i + h]), v = _mm512_castps_pd(b[i + h + 2]);
      a[i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(u, v));
      a[i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(u, v));
    }
  for (int c = 0; c < 4; c++) { /* quarter q of a[4 i + c]: rows 4 i on of column 4 q + c */
    const __m512 even = _mm512_shuffle_f32x4(a[c], a[4 + c], 0x88);
    const __m512 odd = _mm512_shuffle_f32x4(a[c], a[4 + c], 0xdd);
    const __m512 even2 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0x88);
    const __m512 odd2 = _mm512_shuffle_f32x4(a[8 + c], a[12 + c], 0xdd);
    float *row = to + (size_t)c * ld;
    _mm512_storeu_ps(row, _mm512_shuffle_f32x4(even, even2, 0x88));
    _mm512_storeu_ps(row + 4 * ld, _mm512_shuffle_f32x4(odd, odd2, 0x88));
    _mm512_storeu_ps(row + 8 * ld, _mm512_shuffle_f32x4(even, even2, 0xdd));
    _mm512_storeu_ps(row + 12 * ld, _mm512_shuffle_f32x4(odd, odd2, 0xdd));
  }
}

bool symo_attention_square(const float *x, ptrdiff_t rs, float *to, size_t ld) {
  if (!__builtin_cpu_supports("avx512f")) return false;
  square(x, rs, to, ld);
  return true;
}

#else

bool symo_attention_square(const float *x, ptrdiff_t rs, float *to, size_t ld) {
  (void)x, (void)rs, (void)to, (void)ld;
  return false;
}

void symo_attention_product(symo_dtype dtype, symo_attention_shape shape, ptrdiff_t offset,
                            symo_mat a, symo_mat b, bool add, symo_mat c) {
  symo_attention_blas(dtype, shape, offset, a, b, add, c);
}

#endif

/* ---- the products of a block ---- */

static ptrdiff_t offset_of(const symo_attention_rows *at) {
  return (ptrdiff_t)at->query - (ptrdiff_t)at->key;
}

void symo_attention_scores(const symo_attention_rows *at, symo_mat q, symo_mat keys, bool add,
                           symo_mat s) {
  symo_attention_product(at->dtype, SYMO_ATTENTION_SCORES, offset_of(at), q,
                         symo_mat_cols(at->dtype, keys, at->key, at->columns), add, s);
}

void symo_attention_mix(const symo_attention_rows *at, symo_mat s, symo_mat values, bool add,
                        symo_mat o) {
  symo_attention_product(at->dtype, SYMO_ATTENTION_QUERIES, offset_of(at), s,
                         symo_mat_rows(at->dtype, values, at->key, at->columns), add, o);
}

void symo_attention_collect(const symo_attention_rows *at, symo_mat s, symo_mat q, symo_mat sums) {
  symo_attention_product(at->dtype, SYMO_ATTENTION_KEYS, offset_of(at), symo_mat_t(s), q, true,
                         symo_mat_rows(at->dtype, sums, at->key, at->columns));
}
