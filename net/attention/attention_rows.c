/* Loops over rows of scores.
 *
 * e^x: n = round(x / ln 2), r = x - n ln 2 in two parts of which n times the first is exact (Cody
 * and Waite 1980), |r| <= 0.35, e^r = 1 + r + r^2 q(r) with q fitted at Chebyshev nodes: relative
 * errors 1.1e-8 in degree 6 and 2e-17 in degree 11, before rounding.  What is less than the least
 * normal number becomes 0, and a NaN stays.
 *
 * Maxima and sums of a row are taken in lanes, so that the compiler may use wide registers without
 * leave to reorder sums. */
#include "core/alloc.h"
#include "net/attention/attention.h"

#include <math.h>
#include <string.h>

#include "core/vector.h"

enum { LANES = SYMO_ATTENTION_LANES };

static inline uint32_t seen(const symo_attention_rows *at, size_t i) {
  return (uint32_t)symo_attention_seen(at, i);
}
static inline uint32_t roomy(uint32_t count) { return (uint32_t)symo_round_up(count, LANES); }

SYMO_INLINE float exp_f32(float x) {
  const float shift = 12582912.0f; /* 1.5 2^23: the sum has the nearest integer in its low bits */
  union {
    float number;
    uint32_t bits;
  } power;
  power.number = x * 1.44269504f + shift;
  const float n = power.number - shift;
  const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  float q = 1.3926918e-3f;
  q = q * r + 8.3637670e-3f;
  q = q * r + 4.1666550e-2f;
  q = q * r + 1.66665734e-1f;
  q = q * r + 0.5f;
  power.bits = (power.bits << 23) + (UINT32_C(127) << 23);
  const uint32_t keep = -(uint32_t) !(x < -87.0f); /* as numbers it would become a branch */
  power.number = ((q * r) * r + r + 1.0f) * power.number;
  power.bits &= keep;
  return power.number;
}

SYMO_INLINE double exp_f64(double x) {
  const double shift = 6755399441055744.0; /* 1.5 2^52 */
  union {
    double number;
    uint64_t bits;
  } power;
  power.number = x * 1.4426950408889634 + shift;
  const double n = power.number - shift;
  const double r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
  double q = 2.5101335854788522e-08;
  q = q * r + 2.7621324269313687e-07;
  q = q * r + 2.7557266442353424e-06;
  q = q * r + 2.4801518672268355e-05;
  q = q * r + 1.9841269864364933e-4;
  q = q * r + 1.3888888918918907e-3;
  q = q * r + 8.333333333329796e-3;
  q = q * r + 4.166666666662068e-2;
  q = q * r + 0.16666666666666669;
  q = q * r + 0.5;
  power.bits = (power.bits << 52) + (UINT64_C(1023) << 52);
  const uint64_t keep = -(uint64_t) !(x < -708.0);
  power.number = ((q * r) * r + r + 1.0) * power.number;
  power.bits &= keep;
  return power.number;
}

/* ---- float32 ---- */

typedef union word_f32 {
  float number;
  int32_t bits;
} word_f32;

/* x, or 0: without a branch, which would keep loops narrow. */
SYMO_INLINE float only_f32(bool choice, float x) {
  word_f32 now = {.number = x};
  now.bits &= -(int32_t)choice;
  return now.number;
}

/* In numbers of the same order as those of the bits, which the compiler may take in any order.  A
 * NaN is passed over, or is the largest. */
SYMO_INLINE float most_f32(uint32_t count, uint32_t end, const float *x) {
  int32_t most = INT32_MIN;
  for (uint32_t j = 0; j < end; j++) {
    const word_f32 now = {.number = x[j]};
    const int32_t key = now.bits ^ ((now.bits >> 31) & INT32_MAX);
    const int32_t seen = j < count ? key : INT32_MIN;
    most = seen > most ? seen : most;
  }
  const word_f32 top = {.bits = most ^ ((most >> 31) & INT32_MAX)};
  return top.number;
}

/* Halves upon halves: one after the other they would wait for each other. */
SYMO_INLINE float sum_of_f32(float *lane) {
  for (size_t l = 0; l < 8; l++) lane[l] += lane[l + 8];
  for (size_t l = 0; l < 4; l++) lane[l] += lane[l + 4];
  return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

SYMO_INLINE void clear_f32(uint32_t from, size_t to, float *x) {
  if (from < to) memset(x + from, 0, (to - from) * sizeof *x);
}

SYMO_VECTOR static void softmax_f32(const symo_attention_rows *at, float *s, float *lse,
                                    float *sums) {
  for (size_t i = 0; i < at->rows; i++, s += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const float top = most_f32(count, end, s);
    float sum[LANES] = {0};
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) s[j] = only_f32(j < count, exp_f32(s[j] - top));
    for (uint32_t j = 0; j < end; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += s[j + l];
    clear_f32(end, at->columns, s);
    lse[i] = top;
    sums[i] = sum_of_f32(sum);
  }
  for (size_t i = 0; i < at->rows; i++) lse[i] += logf(sums[i]);
}

SYMO_VECTOR static void weights_f32(const symo_attention_rows *at, const float *lse, float *s) {
  for (size_t i = 0; i < at->rows; i++, s += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const float shift = lse[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) s[j] = only_f32(j < count, exp_f32(s[j] - shift));
    clear_f32(end, at->columns, s);
  }
}

SYMO_VECTOR static void slope_f32(const symo_attention_rows *at, const float *p, const float *r,
                                  float *x) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, x += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const float mean = r[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) x[j] = only_f32(j < count, p[j] * (x[j] - mean));
    clear_f32(end, at->columns, x);
  }
}

SYMO_VECTOR static void mean_f32(const symo_attention_rows *at, const float *p, const float *x,
                                 float *sums) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, x += at->ld) {
    const uint32_t count = seen(at, i), even = count / LANES * LANES;
    float sum[LANES] = {0};
    for (uint32_t j = 0; j < even; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += p[j + l] * x[j + l];
    for (uint32_t j = even; j < count; j++) sum[j - even] += p[j] * x[j];
    sums[i] += sum_of_f32(sum);
  }
}

SYMO_VECTOR static void curve_f32(const symo_attention_rows *at, const float *p, const float *rp,
                                  const float *r, const float *rr, const float *x, float *rx) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, rp += at->ld, x += at->ld, rx += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const float mean = r[i], moved = rr[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++)
      rx[j] = only_f32(j < count, p[j] * (rx[j] - moved) + rp[j] * (x[j] - mean));
    clear_f32(end, at->columns, rx);
  }
}

/* ---- double32 ---- */

typedef union word_f64 {
  double number;
  int64_t bits;
} word_f64;

/* x, or 0: without a branch, which would keep loops narrow. */
SYMO_INLINE double only_f64(bool choice, double x) {
  word_f64 now = {.number = x};
  now.bits &= -(int64_t)choice;
  return now.number;
}

/* In numbers of the same order as those of the bits, which the compiler may take in any order.  A
 * NaN is passed over, or is the largest. */
SYMO_INLINE double most_f64(uint32_t count, uint32_t end, const double *x) {
  int64_t most = INT64_MIN;
  for (uint32_t j = 0; j < end; j++) {
    const word_f64 now = {.number = x[j]};
    const int64_t key = now.bits ^ ((now.bits >> 63) & INT64_MAX);
    const int64_t seen = j < count ? key : INT64_MIN;
    most = seen > most ? seen : most;
  }
  const word_f64 top = {.bits = most ^ ((most >> 63) & INT64_MAX)};
  return top.number;
}

/* Halves upon halves: one after the other they would wait for each other. */
SYMO_INLINE double sum_of_f64(double *lane) {
  for (size_t l = 0; l < 8; l++) lane[l] += lane[l + 8];
  for (size_t l = 0; l < 4; l++) lane[l] += lane[l + 4];
  return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

SYMO_INLINE void clear_f64(uint32_t from, size_t to, double *x) {
  if (from < to) memset(x + from, 0, (to - from) * sizeof *x);
}

SYMO_VECTOR static void softmax_f64(const symo_attention_rows *at, double *s, double *lse,
                                    double *sums) {
  for (size_t i = 0; i < at->rows; i++, s += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const double top = most_f64(count, end, s);
    double sum[LANES] = {0};
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) s[j] = only_f64(j < count, exp_f64(s[j] - top));
    for (uint32_t j = 0; j < end; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += s[j + l];
    clear_f64(end, at->columns, s);
    lse[i] = top;
    sums[i] = sum_of_f64(sum);
  }
  for (size_t i = 0; i < at->rows; i++) lse[i] += log(sums[i]);
}

SYMO_VECTOR static void weights_f64(const symo_attention_rows *at, const double *lse, double *s) {
  for (size_t i = 0; i < at->rows; i++, s += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const double shift = lse[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) s[j] = only_f64(j < count, exp_f64(s[j] - shift));
    clear_f64(end, at->columns, s);
  }
}

SYMO_VECTOR static void slope_f64(const symo_attention_rows *at, const double *p, const double *r,
                                  double *x) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, x += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const double mean = r[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++) x[j] = only_f64(j < count, p[j] * (x[j] - mean));
    clear_f64(end, at->columns, x);
  }
}

SYMO_VECTOR static void mean_f64(const symo_attention_rows *at, const double *p, const double *x,
                                 double *sums) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, x += at->ld) {
    const uint32_t count = seen(at, i), even = count / LANES * LANES;
    double sum[LANES] = {0};
    for (uint32_t j = 0; j < even; j += LANES)
      for (size_t l = 0; l < LANES; l++) sum[l] += p[j + l] * x[j + l];
    for (uint32_t j = even; j < count; j++) sum[j - even] += p[j] * x[j];
    sums[i] += sum_of_f64(sum);
  }
}

SYMO_VECTOR static void curve_f64(const symo_attention_rows *at, const double *p, const double *rp,
                                  const double *r, const double *rr, const double *x, double *rx) {
  for (size_t i = 0; i < at->rows; i++, p += at->ld, rp += at->ld, x += at->ld, rx += at->ld) {
    const uint32_t count = seen(at, i), end = roomy(count);
    const double mean = r[i], moved = rr[i];
    SYMO_ENTRIES
    for (uint32_t j = 0; j < end; j++)
      rx[j] = only_f64(j < count, p[j] * (rx[j] - moved) + rp[j] * (x[j] - mean));
    clear_f64(end, at->columns, rx);
  }
}

/* ---- either ---- */

void symo_attention_softmax(const symo_attention_rows *at, void *s, void *lse, void *sum) {
  if (at->dtype == SYMO_F64)
    softmax_f64(at, s, lse, sum);
  else
    softmax_f32(at, s, lse, sum);
}

void symo_attention_weights(const symo_attention_rows *at, const void *lse, void *s) {
  if (at->dtype == SYMO_F64)
    weights_f64(at, lse, s);
  else
    weights_f32(at, lse, s);
}

void symo_attention_slope(const symo_attention_rows *at, const void *p, const void *r, void *da) {
  if (at->dtype == SYMO_F64)
    slope_f64(at, p, r, da);
  else
    slope_f32(at, p, r, da);
}

void symo_attention_mean(const symo_attention_rows *at, const void *p, const void *t, void *sum) {
  if (at->dtype == SYMO_F64)
    mean_f64(at, p, t, sum);
  else
    mean_f32(at, p, t, sum);
}

void symo_attention_curve(const symo_attention_rows *at, const void *p, const void *rp,
                          const void *r, const void *rr, const void *da, void *rda) {
  if (at->dtype == SYMO_F64)
    curve_f64(at, p, rp, r, rr, da, rda);
  else
    curve_f32(at, p, rp, r, rr, da, rda);
}
