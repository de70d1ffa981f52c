#ifndef SYMO_NET_VECMATH_H
#define SYMO_NET_VECMATH_H

#include <stddef.h>
#include <stdint.h>

#include "core/vector.h"

/* Elementary functions of arrays of float32.  Every entry is a function of the entry of the same
 * number alone, to the last bit, at any position and on any machine; outputs may be the
 * input.  A NaN gives NaN; infinities give the limits.  vecmath.c says how accurate each is. */

/* e^(x + more) = fraction 2^exponent, where |more| is small against 1 and |x| <= 105.  The caller
 * multiplies the two, in as many factors as the range of its x needs. */
typedef struct symo_vec_power {
  float fraction;
  uint32_t exponent; /* modulo 2^32 */
} symo_vec_power;

SYMO_INLINE symo_vec_power symo_vec_exp_parts(float x, float more) {
  const float shift = 12582912.0f; /* 1.5 2^23: the sum has the nearest integer in its low bits */
  union {
    float number;
    uint32_t bits;
  } sum;
  sum.number = x * 1.44269504f + shift;
  const float n = sum.number - shift;
  const float r = ((x - n * 0.693359375f) - n * -2.12194440e-4f) + more;
  float q = 1.38131448e-3f;
  q = q * r + 8.36941879e-3f;
  q = q * r + 4.16684560e-2f;
  q = q * r + 1.66665152e-1f;
  q = q * r + 4.9999994e-1f;
  return (symo_vec_power){(q * r) * r + r + 1.0f, sum.bits - UINT32_C(0x4b400000)};
}

/* y = e^x: 0 below -104, infinity from 88.73 on, subnormal numbers between. */
void symo_vec_exp_f32(size_t n, const float *x, float *y);

/* y = phi(z) and the first two derivatives; each of y, d1, d2 may be NULL.
 *   tanh        phi'' = -2 phi phi'
 *   gelu        z Phi(z), Phi the normal distribution
 *   gelu_tanh   z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2 */
void symo_vec_tanh_f32(size_t n, const float *z, float *y, float *d1, float *d2);
void symo_vec_gelu_f32(size_t n, const float *z, float *y, float *d1, float *d2);
void symo_vec_gelu_tanh_f32(size_t n, const float *z, float *y, float *d1, float *d2);

/* The largest entry (NaN entries are passed over, unless the first is one), and the sum of
 * e^(x - top), which go to y unless that is NULL. */
float symo_vec_max_f32(size_t n, const float *x);
double symo_vec_exp_sum_f32(size_t n, const float *x, float top, float *y);

#endif
