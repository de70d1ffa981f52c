/* Copies between the network's strided rows and contiguous workspace. */
#include "net/attention/attention.h"

#include <string.h>

#include "core/vector.h"

enum { LANES = SYMO_ATTENTION_LANES, SQUARE = 16 };

/* Rows of two arrays, from .. to numbers apart. */
typedef struct extent {
  size_t rows, cols, room;
  ptrdiff_t from, to;
} extent;

/* ---- float32 ---- */

/* y = scale x, with factors of the rows if `over` is given: scale / over; the columns [cols, room)
 * of y become zero. */
SYMO_VECTOR static void scale_f32(const extent *at, float scale, const float *over, const float *x,
                                  float *y) {
  for (size_t i = 0; i < at->rows; i++, x += at->from, y += at->to) {
    const float factor = over != NULL ? scale / over[i] : scale;
    SYMO_ENTRIES
    for (size_t j = 0; j < at->cols; j++) y[j] = factor * x[j];
    for (size_t j = at->cols; j < at->room; j++) y[j] = 0.0f;
  }
}

/* In squares, so that what is read and what is written stay in cache. */
static void turn_f32(symo_mat from, float *to, size_t ld) {
  for (size_t i0 = 0; i0 < from.rows; i0 += SQUARE)
    for (size_t j0 = 0; j0 < from.cols; j0 += SQUARE) {
      const size_t rows = from.rows - i0 < SQUARE ? from.rows - i0 : SQUARE;
      const size_t cols = from.cols - j0 < SQUARE ? from.cols - j0 : SQUARE;
      const float *x = (const float *)from.p + (ptrdiff_t)i0 * from.rs + (ptrdiff_t)j0;
      for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < rows; i++)
          to[(j0 + j) * ld + i0 + i] = x[(ptrdiff_t)i * from.rs + (ptrdiff_t)j];
    }
}

SYMO_VECTOR static void dots_f32(const extent *at, const float *x, const float *y, float *out) {
  const size_t even = at->cols / LANES * LANES;
  for (size_t i = 0; i < at->rows; i++, x += at->from, y += at->to) {
    float sum[LANES] = {0};
    for (size_t j = 0; j < even; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += x[j + l] * y[j + l];
    for (size_t j = even; j < at->cols; j++) sum[j - even] += x[j] * y[j];
    for (size_t l = 0; l < 8; l++) sum[l] += sum[l + 8];
    for (size_t l = 0; l < 4; l++) sum[l] += sum[l + 4];
    out[i] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
  }
}

/* ---- float64 ---- */

/* y = scale x, with factors of the rows if `over` is given: scale / over; the columns [cols, room)
 * of y become zero. */
SYMO_VECTOR static void scale_f64(const extent *at, double scale, const double *over,
                                  const double *x, double *y) {
  for (size_t i = 0; i < at->rows; i++, x += at->from, y += at->to) {
    const double factor = over != NULL ? scale / over[i] : scale;
    SYMO_ENTRIES
    for (size_t j = 0; j < at->cols; j++) y[j] = factor * x[j];
    for (size_t j = at->cols; j < at->room; j++) y[j] = 0.0;
  }
}

/* In squares, so that what is read and what is written stay in cache. */
static void turn_f64(symo_mat from, double *to, size_t ld) {
  for (size_t i0 = 0; i0 < from.rows; i0 += SQUARE)
    for (size_t j0 = 0; j0 < from.cols; j0 += SQUARE) {
      const size_t rows = from.rows - i0 < SQUARE ? from.rows - i0 : SQUARE;
      const size_t cols = from.cols - j0 < SQUARE ? from.cols - j0 : SQUARE;
      const double *x = (const double *)from.p + (ptrdiff_t)i0 * from.rs + (ptrdiff_t)j0;
      for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < rows; i++)
          to[(j0 + j) * ld + i0 + i] = x[(ptrdiff_t)i * from.rs + (ptrdiff_t)j];
    }
}

SYMO_VECTOR static void dots_f64(const extent *at, const double *x, const double *y, double *out) {
  const size_t even = at->cols / LANES * LANES;
  for (size_t i = 0; i < at->rows; i++, x += at->from, y += at->to) {
    double sum[LANES] = {0};
    for (size_t j = 0; j < even; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += x[j + l] * y[j + l];
    for (size_t j = even; j < at->cols; j++) sum[j - even] += x[j] * y[j];
    for (size_t l = 0; l < 8; l++) sum[l] += sum[l + 8];
    for (size_t l = 0; l < 4; l++) sum[l] += sum[l + 4];
    out[i] = (sum[0] + sum[2]) + (sum[1] + sum[3]);
  }
}

/* ---- either ---- */

static void scale(symo_dtype dtype, const extent *at, double factor, const void *over,
                  const void *x, void *y) {
  if (dtype == SYMO_F64)
    scale_f64(at, factor, over, x, y);
  else
    scale_f32(at, (float)factor, over, x, y);
}

void symo_attention_pack(symo_dtype dtype, double factor, symo_mat from, symo_mat to) {
  const extent at = {from.rows, from.cols, to.cols, from.rs, to.rs};
  scale(dtype, &at, factor, NULL, from.p, to.p);
  if (to.rows > from.rows)
    memset(symo_at(dtype, to.p, (ptrdiff_t)from.rows * to.rs), 0,
           (to.rows - from.rows) * to.cols * symo_dtype_size(dtype));
}

void symo_attention_unpack(symo_dtype dtype, double factor, const void *over, symo_mat from,
                           symo_mat to) {
  const extent at = {to.rows, to.cols, to.cols, from.rs, to.rs};
  scale(dtype, &at, factor, over, from.p, to.p);
}

void symo_attention_turn(symo_dtype dtype, symo_mat from, symo_mat to) {
  if (to.rows > from.cols || to.cols > from.rows)
    memset(to.p, 0, to.rows * to.cols * symo_dtype_size(dtype));
  if (dtype == SYMO_F64)
    turn_f64(from, to.p, to.cols);
  else
    turn_f32(from, to.p, to.cols);
}

void symo_attention_dots(symo_dtype dtype, symo_mat a, symo_mat b, void *out) {
  const extent at = {a.rows, a.cols, a.cols, a.rs, b.rs};
  if (dtype == SYMO_F64)
    dots_f64(&at, a.p, b.p, out);
  else
    dots_f32(&at, a.p, b.p, out);
}
