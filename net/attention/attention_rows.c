/* Loops over rows: copies between the network's strided rows and contiguous workspace, and what is
 * done to rows of scores.
 *
 * e^x is that of vecmath.h in float32, and in float64 the same with q of degree 9: a relative error
 * of 2e-17 before rounding.  What is less than the least normal number becomes 0, and a NaN stays.
 *
 * Maxima and sums of a row are taken in lanes, so that the compiler may use wide registers without
 * leave to reorder sums.
 *
 * Dropout: the entry (query, key) falls when a hash of the seed, the node's salt, the example, the
 * head, the query and the key is less than rate 2^32: SplitMix64's finaliser (Steele, Lea and Flood
 * 2014) for all but the key, MurmurHash3's (Appleby 2011) for that. */
#include "net/attention/attention.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"
#include "core/vector.h"
#include "net/vecmath.h"

enum { LANES = SYMO_ATTENTION_LANES, SQUARE = 16 };

/* Rows of two arrays, from .. to numbers apart. */
typedef struct extent {
  size_t rows, cols, room;
  ptrdiff_t from, to;
} extent;

static inline uint32_t seen(const symo_attention_rows *at, size_t i) {
  return (uint32_t)symo_attention_seen(at, i);
}
static inline uint32_t roomy(uint32_t count) { return (uint32_t)symo_round_up(count, LANES); }

SYMO_INLINE float exp_f32(float x) {
  const symo_vec_power e = symo_vec_exp_parts(x, 0.0f);
  union {
    float number;
    uint32_t bits;
  } power = {.bits = (e.exponent + 127) << 23};
  const uint32_t keep = -(uint32_t) !(x < -87.0f); /* as numbers it would become a branch */
  power.number = e.fraction * power.number;
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

static inline uint32_t hash(uint32_t a, uint32_t b, uint32_t key) {
  uint32_t x = key * UINT32_C(0x9e3779b1) + a;
  x = (x ^ (x >> 16)) * UINT32_C(0x85ebca6b);
  x = ((x ^ (x >> 13)) + b) * UINT32_C(0xc2b2ae35);
  return x ^ (x >> 16);
}

/* Bits as integers, and the largest of them. */
typedef int32_t bits_f32;
typedef int64_t bits_f64;
#define LARGEST_f32 INT32_MAX
#define LARGEST_f64 INT64_MAX

/* A whole square in registers, if the machine can. */
static bool square_f32(const float *x, ptrdiff_t rs, float *to, size_t ld) {
  return symo_attention_square(x, rs, to, ld);
}
static bool square_f64(const double *x, ptrdiff_t rs, double *to, size_t ld) {
  (void)x, (void)rs, (void)to, (void)ld;
  return false;
}

#define SYMO_KERNELS "net/attention/attention_rows.inc"
#include "core/real.h"

void symo_attention_softmax(const symo_attention_rows *at, void *s, void *lse, void *sum) {
  SYMO_BY_TYPE(at->dtype, softmax, at, s, lse, sum);
}

void symo_attention_weights(const symo_attention_rows *at, const void *lse, void *s) {
  SYMO_BY_TYPE(at->dtype, weights, at, lse, s);
}

void symo_attention_slope(const symo_attention_rows *at, const void *p, const void *r, void *da) {
  SYMO_BY_TYPE(at->dtype, slope, at, p, r, da);
}

void symo_attention_mean(const symo_attention_rows *at, const void *p, const void *t, void *sum) {
  SYMO_BY_TYPE(at->dtype, mean, at, p, t, sum);
}

void symo_attention_curve(const symo_attention_rows *at, const void *p, const void *rp,
                          const void *r, const void *rr, const void *da, void *rda) {
  SYMO_BY_TYPE(at->dtype, curve, at, p, rp, r, rr, da, rda);
}

/* ---- copies ---- */

void symo_attention_pack(symo_dtype dtype, double factor, symo_mat from, symo_mat to) {
  const extent at = {from.rows, from.cols, to.cols, from.rs, to.rs};
  SYMO_BY_TYPE(dtype, scale, &at, factor, NULL, from.p, to.p);
  if (to.rows > from.rows)
    memset(symo_at(dtype, to.p, (ptrdiff_t)from.rows * to.rs), 0,
           (to.rows - from.rows) * to.cols * symo_dtype_size(dtype));
}

void symo_attention_unpack(symo_dtype dtype, double factor, const void *over, symo_mat from,
                           symo_mat to) {
  const extent at = {to.rows, to.cols, to.cols, from.rs, to.rs};
  SYMO_BY_TYPE(dtype, scale, &at, factor, over, from.p, to.p);
}

void symo_attention_transpose(symo_dtype dtype, symo_mat from, symo_mat to) {
  if (to.rows > from.cols || to.cols > from.rows)
    memset(to.p, 0, to.rows * to.cols * symo_dtype_size(dtype));
  SYMO_BY_TYPE(dtype, transpose, from, to.p, to.cols);
}

void symo_attention_dots(symo_dtype dtype, symo_mat a, symo_mat b, void *out) {
  const extent at = {a.rows, a.cols, a.cols, a.rs, b.rs};
  SYMO_BY_TYPE(dtype, dots, &at, a.p, b.p, out);
}

/* ---- dropout ---- */

void symo_attention_drop(const symo_attention_dropout *drop, const symo_attention_rows *at,
                         void *x) {
  for (size_t i = 0; i < at->rows; i++) {
    const uint64_t row = symo_hash_join(drop->key, at->query + i);
    void *to = symo_at(at->dtype, x, (ptrdiff_t)(i * at->ld));
    const size_t count = symo_attention_seen(at, i);
    SYMO_BY_TYPE(at->dtype, drop, row, drop->threshold, drop->scale, at->key, count, to);
  }
}
