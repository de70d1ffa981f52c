/* Elementary functions in float32, without tables, branches or fused operations.
 *
 * e^x      n = round(x / ln 2), r = x - n ln 2 with ln 2 in two parts, n times the first being exact
 *          (Cody and Waite 1980), e^r = 1 + r + r^2 q(r) on |r| <= 0.35, and 2^n in two factors, as
 *          it may lie outside the normal numbers.  1.0 ulp.
 * tanh     z + z^3 q(z^2) for |z| < 0.65, else (1 - e) / (1 + e) with e = e^(-2 |z|); tanh' = 4 e /
 *          (1 + e)^2.
 * gelu     z Phi(z) with Phi(-t) = f(t) M(t), t = |z|, f the normal density and M Mills' ratio;
 *          M(t) (t + 3) is a polynomial in (t - 3) / (t + 3) on 0 <= t <= 14.5.  f takes t^2 as h^2 +
 *          (t - h) (t + h), h being the first 12 bits of t, so that the tail keeps its digits.
 *          phi' = Phi + z f,  phi'' = (2 - z^2) f.
 * gelu-tanh   z S(v), S the logistic function of v = 2 sqrt(2 / pi) (z + 0.044715 z^3); with D = S (1
 *          - S):  phi' = S + z D v',  phi'' = D (2 v' + z (v'' + (1 - 2 S) v'^2)).
 *
 * The polynomials are our own: least squares at 300 to 400 Chebyshev nodes in 40 digits, reweighted
 * (Lawson 1961) until the relative error of the function is level: 3e-9 (e^r), 7e-9 (tanh), 2e-8
 * (Mills' ratio, its coefficients rounded one after the other, the rest being fitted again).  What
 * is left is rounding.  Relative errors of values, the largest seen at eight million random places
 * of
 * |z| < 5.5: tanh 1.5e-7, gelu 3.7e-7, gelu-tanh 3.1e-7 where it is more than 0.03, growing to 3e-6
 * in the tail, as the cube does.  Derivatives go through zero: absolute errors are 2.7e-7 at
 * most. */
#include "net/vecmath.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/vector.h"

enum { LANES = 16, BLOCK = 256 };

typedef union word {
  float number;
  uint32_t bits;
} word;

/* `yes` or `no`; both are computed, without a branch. */
SYMO_INLINE float either(bool choice, float yes, float no) {
  const uint32_t mask = -(uint32_t)choice;
  word a = {.number = yes}, b = {.number = no};
  a.bits = (a.bits & mask) | (b.bits & ~mask);
  return a.number;
}

/* Comparisons are such that a NaN stays. */
SYMO_INLINE float at_most(float x, float most) { return x > most ? most : x; }
SYMO_INLINE float at_least(float x, float least) { return x < least ? least : x; }

SYMO_INLINE float magnitude(float x) {
  word a = {.number = x};
  a.bits &= UINT32_C(0x7fffffff);
  return a.number;
}

/* e^(x + more), |more| small against 1. */
SYMO_INLINE float exponential(float x, float more) {
  const symo_vec_power e = symo_vec_exp_parts(at_least(at_most(x, 89.0f), -105.0f), more);
  word power = {.bits = e.exponent + 254}, half; /* the sum of the exponents of both factors */
  half.bits = power.bits >> 1;
  power.bits = (power.bits - half.bits) << 23;
  half.bits = half.bits << 23;
  return e.fraction * half.number * power.number;
}

SYMO_VECTOR void symo_vec_exp_f32(size_t n, const float *x, float *y) {
  SYMO_ENTRIES
  for (size_t i = 0; i < n; i++) y[i] = exponential(x[i], 0.0f);
}

/* ---- activations ---- */

typedef struct jet {
  float y, d1, d2;
} jet;

SYMO_INLINE float with_sign(float size, float x) {
  word a = {.number = size}, b = {.number = x};
  a.bits |= b.bits & UINT32_C(0x80000000);
  return a.number;
}

/* The compiler drops the results that a loop does not use. */
SYMO_INLINE jet tanh_jet(float z) {
  const float t = magnitude(z), s = z * z;
  float q = -5.51516423e-3f;
  q = q * s + 2.04694197e-2f;
  q = q * s - 5.36880232e-2f;
  q = q * s + 1.33308306e-1f;
  q = q * s - 3.33332598e-1f;
  const float e = exponential(-2.0f * t, 0.0f), below = 1.0f + e;
  const float y = either(t < 0.65f, z + z * (s * q), with_sign((1.0f - e) / below, z));
  const float d1 = either(t < 0.65f, 1.0f - y * y, 4.0f * e / (below * below));
  return (jet){y, d1, -2.0f * y * d1};
}

SYMO_INLINE jet gelu_jet(float z) {
  const float t = at_most(magnitude(z), 14.5f); /* beyond it the tail is 0 in float32 */
  word h = {.number = t};
  h.bits &= UINT32_C(0xfffff000);
  const float f = 0.398942280f * exponential(-0.5f * (h.number * h.number),
                                             -0.5f * ((t - h.number) * (t + h.number)));
  const float s = (t - 3.0f) / (t + 3.0f);
  float q = 1.40884687e-4f;
  q = q * s - 5.03139861e-4f;
  q = q * s - 2.3920401e-3f;
  q = q * s + 2.53750128e-3f;
  q = q * s + 1.7400682e-2f;
  q = q * s - 2.62198579e-2f;
  q = q * s - 1.18461289e-1f;
  q = q * s + 5.76568007e-1f;
  q = q * s - 1.27670622f;
  q = q * s + 1.82754183f;
  const float tail = f * (q / (t + 3.0f)), near = at_least(at_most(z, 14.5f), -14.5f);
  const float cdf = either(z > 0.0f, 1.0f - tail, tail);
  const float wide = at_least(z, -14.5f); /* infinity times 0 would be NaN */
  return (jet){wide * cdf, cdf + near * f, (2.0f - near * near) * f};
}

SYMO_INLINE jet gelu_tanh_jet(float z) {
  const float slope = 1.59576912f, cubic = 0.0713548163f; /* 2 sqrt(2 / pi), and 0.044715 of it */
  const float near = at_least(at_most(z, 12.0f), -12.0f), square = near * near;
  word h = {.number = near};
  h.bits &= UINT32_C(0xfffff000);
  const float lead = 1.595703125f * h.number; /* exact, and v + more is v with digits to spare */
  const float rest =
      1.595703125f * (near - h.number) + (6.59966057e-5f * near + cubic * square * near);
  const float v = lead + rest, more = (lead - v) + rest, dv = slope + 3.0f * cubic * square;
  const float e = exponential(-magnitude(v), either(z > 0.0f, -more, more));
  const float inverse = 1.0f / (1.0f + e);
  const float cdf = either(z > 0.0f, 1.0f, e) * inverse, density = e * inverse * inverse;
  const float skew = with_sign((1.0f - e) * inverse, z); /* 2 S - 1 */
  const float wide = at_least(z, -12.0f);
  return (jet){wide * cdf, cdf + near * (density * dv),
               density * (2.0f * dv + near * (6.0f * cubic * near - skew * (dv * dv)))};
}

/* One loop for every set of outputs: a test within a loop keeps it narrow.  Written once for each
 * function of a number, which the compiler puts in place. */
typedef jet (*jet_function)(float z);

SYMO_INLINE void run(jet_function at, size_t n, const float *z, float *y, float *d1, float *d2) {
  if (d2 != NULL && d1 != NULL && y != NULL) {
    SYMO_ENTRIES
    for (size_t i = 0; i < n; i++) {
      const jet j = at(z[i]);
      y[i] = j.y, d1[i] = j.d1, d2[i] = j.d2;
    }
  } else if (d1 != NULL && y != NULL) {
    SYMO_ENTRIES
    for (size_t i = 0; i < n; i++) {
      const jet j = at(z[i]);
      y[i] = j.y, d1[i] = j.d1;
    }
  } else if (y != NULL) {
    SYMO_ENTRIES
    for (size_t i = 0; i < n; i++) y[i] = at(z[i]).y;
  }
}

SYMO_VECTOR void symo_vec_tanh_f32(size_t n, const float *z, float *y, float *d1, float *d2) {
  run(tanh_jet, n, z, y, d1, d2);
}

SYMO_VECTOR void symo_vec_gelu_f32(size_t n, const float *z, float *y, float *d1, float *d2) {
  run(gelu_jet, n, z, y, d1, d2);
}

SYMO_VECTOR void symo_vec_gelu_tanh_f32(size_t n, const float *z, float *y, float *d1, float *d2) {
  run(gelu_tanh_jet, n, z, y, d1, d2);
}

/* ---- rows ---- */

SYMO_VECTOR float symo_vec_max_f32(size_t n, const float *x) {
  float top = x[0];
  size_t i = 0;
  if (n >= LANES) {
    float most[LANES];
    for (size_t l = 0; l < LANES; l++) most[l] = x[l];
    for (i = LANES; i + LANES <= n; i += LANES) {
      SYMO_LANES
      for (size_t l = 0; l < LANES; l++) most[l] = x[i + l] > most[l] ? x[i + l] : most[l];
    }
    for (size_t l = 0; l < LANES; l++) top = most[l] > top ? most[l] : top;
  }
  for (; i < n; i++) top = x[i] > top ? x[i] : top;
  return top;
}

/* Blocks are filled up to whole lanes with what gives 0. */
SYMO_VECTOR double symo_vec_exp_sum_f32(size_t n, const float *x, float top, float *y) {
  float sum[LANES] = {0}, e[BLOCK];
  for (size_t from = 0; from < n; from += BLOCK) {
    const size_t count = n - from < BLOCK ? n - from : BLOCK;
    const size_t end = symo_round_up(count, LANES);
    for (size_t i = 0; i < count; i++) e[i] = x[from + i] - top;
    for (size_t i = count; i < end; i++) e[i] = -INFINITY;
    for (size_t i = 0; i < end; i++) e[i] = exponential(e[i], 0.0f);
    for (size_t i = 0; i < end; i += LANES) {
      SYMO_LANES
      for (size_t l = 0; l < LANES; l++) sum[l] += e[i + l];
    }
    if (y != NULL) memcpy(y + from, e, count * sizeof *y);
  }
  double total = 0.0;
  for (size_t l = 0; l < LANES; l++) total += (double)sum[l];
  return total;
}
