#ifndef SYMO_NET_VECMATH_H
#define SYMO_NET_VECMATH_H

#include <stddef.h>

/* Elementary functions of arrays of float32.  Every entry is a function of the entry of the same
 * number alone, to the last bit, wherever it stands and whatever the machine; outputs may be the
 * input.  A NaN gives NaN; infinities give the limits.  vecmath.c says how accurate each is. */

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
