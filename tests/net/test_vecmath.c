/* Elementary functions of float32 arrays against the C library in float64: over dense grids, at the
 * ends, and wherever an entry stands. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "net/kernels.h"
#include "net/vecmath.h"

enum { COUNT = 20011 }; /* odd, so that there is a rest behind whole registers */

typedef void (*jet_array)(size_t n, const float *z, float *y, float *d1, float *d2);

static float z[COUNT], got[3][COUNT];

static void grid(double from, double to) {
  for (size_t i = 0; i < COUNT; i++)
    z[i] = (float)(from + (to - from) * (double)i / (double)(COUNT - 1));
}

/* Of the last place of a float32 of that size, the least normal one at least. */
static double ulp(double x) {
  int exponent;
  frexp(fmax(fabs(x), (double)FLT_MIN), &exponent);
  return ldexp(1.0, exponent - 24);
}

static void tanh_64(double x, double *j) {
  const double d = 1.0 / (cosh(x) * cosh(x));
  j[0] = tanh(x), j[1] = d, j[2] = -2.0 * tanh(x) * d;
}

static void gelu_64(double x, double *j) {
  const double cdf = 0.5 * erfc(-x * sqrt(0.5)), f = exp(-0.5 * x * x) * 0.39894228040143268;
  j[0] = x * cdf, j[1] = cdf + x * f, j[2] = (2.0 - x * x) * f;
}

static void gelu_tanh_64(double x, double *j) {
  const double a = 2.0 * sqrt(2.0 / acos(-1.0)), b = 0.044715;
  const double v = a * (x + b * x * x * x), dv = a * (1.0 + 3.0 * b * x * x);
  const double s = 1.0 / (1.0 + exp(-v)), d = s / (1.0 + exp(v));
  j[0] = x * s, j[1] = s + x * d * dv;
  j[2] = d * (2.0 * dv + x * (6.0 * a * b * x + (1.0 - 2.0 * s) * dv * dv));
}

/* Errors of value and derivatives: absolute, and of the value relative to it where it is more than
 * `least`. */
static void compare(jet_array run, void (*exact)(double, double *), double from, double to,
                    double least, double *absolute, double *relative) {
  grid(from, to);
  run(COUNT, z, got[0], got[1], got[2]);
  for (size_t i = 0; i < COUNT; i++) {
    double j[3];
    exact((double)z[i], j);
    for (size_t d = 0; d < 3; d++) {
      const double error = fabs((double)got[d][i] - j[d]);
      cr_assert(error <= 1.0, "derivative %zu at %g: %g, not %g", d, (double)z[i],
                (double)got[d][i], j[d]);
      *absolute = fmax(*absolute, error);
      if (d == 0 && fabs(j[d]) > least) *relative = fmax(*relative, error / fabs(j[d]));
    }
  }
}

Test(vecmath, exponentials_keep_the_last_place) {
  double worst = 0.0;
  const double ends[][2] = {{-104.0, 88.7}, {-20.0, 20.0}, {-1.0, 1.0}, {-1e-4, 1e-4}};
  for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
    grid(ends[e][0], ends[e][1]);
    symo_vec_exp_f32(COUNT, z, got[0]);
    for (size_t i = 0; i < COUNT; i++) {
      const double y = exp((double)z[i]), error = fabs((double)got[0][i] - y) / ulp(y);
      cr_assert(error <= 1.5, "exp(%g) = %g, %g places from it", (double)z[i], (double)got[0][i],
                error);
      worst = fmax(worst, error);
    }
  }
  cr_assert(worst > 0.5, "nothing was compared");
}

Test(vecmath, activations_agree_with_the_c_library) {
  const double ends[][2] = {{-13.0, 13.0}, {-3.0, 3.0}, {-0.1, 0.1}, {-1e-4, 1e-4}};
  double absolute = 0.0, relative[3] = {0.0};
  for (size_t e = 0; e < sizeof ends / sizeof *ends; e++) {
    const double from = ends[e][0], to = ends[e][1];
    compare(symo_vec_tanh_f32, tanh_64, from, to, 0.0, &absolute, &relative[0]);
    compare(symo_vec_gelu_f32, gelu_64, from, to, 1e-37, &absolute, &relative[1]);
    compare(symo_vec_gelu_tanh_f32, gelu_tanh_64, from, to, 0.03, &absolute, &relative[2]);
  }
  /* Half a place of what lies below 13 is 4.8e-7. */
  cr_assert(absolute <= 6e-7, "%g", absolute);
  cr_assert(relative[0] <= 2e-7, "tanh %g", relative[0]);
  cr_assert(relative[1] <= 4e-7, "gelu, tail and all, %g", relative[1]);
  cr_assert(relative[2] <= 4e-7, "gelu-tanh %g", relative[2]);
}

Test(vecmath, ends_are_limits_and_nan_stays) {
  const float at[] = {-INFINITY, -FLT_MAX, -200.0f, INFINITY, FLT_MAX, 200.0f, NAN};
  const jet_array runs[] = {symo_vec_tanh_f32, symo_vec_gelu_f32, symo_vec_gelu_tanh_f32};
  float y[7], d1[7], d2[7];
  for (size_t r = 0; r < 3; r++) {
    runs[r](7, at, y, d1, d2);
    for (size_t i = 0; i < 6; i++) {
      const float low = r == 0 ? -1.0f : 0.0f, high = r == 0 ? 1.0f : at[i];
      cr_assert(y[i] == (i < 3 ? low : high), "function %zu at %g: %g", r, (double)at[i],
                (double)y[i]);
      cr_assert(fabsf(d1[i] - (r == 0 || i < 3 ? 0.0f : 1.0f)) <= 1e-30f);
      cr_assert(fabsf(d2[i]) <= 1e-30f);
    }
    cr_assert(isnan(y[6]) && isnan(d1[6]) && isnan(d2[6]));
  }
  symo_vec_exp_f32(7, at, y);
  cr_assert(y[0] == 0.0f && y[1] == 0.0f && y[2] == 0.0f);
  cr_assert(isinf(y[3]) && isinf(y[4]) && isinf(y[5]) && isnan(y[6]));
}

/* Whole registers and the rest, in place or not, with or without derivatives: the same bits. */
Test(vecmath, an_entry_is_a_function_of_its_own_number) {
  const jet_array runs[] = {symo_vec_tanh_f32, symo_vec_gelu_f32, symo_vec_gelu_tanh_f32};
  grid(-7.0, 8.0);
  for (size_t r = 0; r < 3; r++) {
    runs[r](COUNT, z, got[0], got[1], NULL);
    for (size_t i = 0; i < COUNT; i += 97) {
      float y = z[i];
      runs[r](1, &y, &y, NULL, NULL);
      cr_assert(memcmp(&y, &got[0][i], sizeof y) == 0);
    }
  }
  memcpy(got[1], z, sizeof z);
  symo_vec_exp_f32(COUNT, z, got[0]);
  symo_vec_exp_f32(COUNT, got[1], got[1]);
  cr_assert(memcmp(got[0], got[1], sizeof z) == 0);
  for (size_t i = 0; i < COUNT; i += 97) {
    float y;
    symo_vec_exp_f32(1, &z[i], &y);
    cr_assert(memcmp(&y, &got[0][i], sizeof y) == 0);
  }
}

Test(vecmath, rows_of_every_length) {
  grid(-9.0, 9.0);
  for (size_t n = 1; n < 600; n += n < 70 ? 1 : 37) {
    const float *x = z + 31 * n;
    const float top = symo_vec_max_f32(n, x);
    cr_assert(top == x[n - 1]); /* the grid rises */
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)top);
    got[0][n] = -1.0f;
    const double total = symo_vec_exp_sum_f32(n, x, top, got[0]);
    cr_assert(fabs(total - sum) <= 1e-6 * sum, "%zu entries: %g, not %g", n, total, sum);
    cr_assert(total == symo_vec_exp_sum_f32(n, x, top, NULL));
    cr_assert(got[0][n - 1] == 1.0f && got[0][n] == -1.0f);
  }
}

Test(vecmath, the_largest_entry_wherever_it_stands) {
  float x[50];
  for (size_t at = 0; at < 50; at++) {
    for (size_t i = 0; i < 50; i++) x[i] = -1.0f - (float)i;
    x[at] = 2.0f;
    cr_assert(symo_vec_max_f32(50, x) == 2.0f);
  }
}

/* What the network sees: a float32 kernel next to its float64 twin. */
Test(vecmath, kernels_of_both_types_agree) {
  enum { N = 37, W = 65 };
  static float f[N * W], p[N * W], y[N * W];
  static double f64[N * W], p64[N * W], y64[N * W];
  for (size_t i = 0; i < N * W; i++) {
    f64[i] = f[i] = (float)(8.0 * sin(1.7 * (double)i));
    y64[i] = y[i] = i % W == (i / W * 7) % W ? 1.0f : 0.0f;
  }
  f64[3] = f[3] = -INFINITY; /* no target stands there */
  const double loss = symo_kernel_softmax(SYMO_F32, N, W, f, y, p);
  const double loss64 = symo_kernel_softmax(SYMO_F64, N, W, f64, y64, p64);
  cr_assert(fabs(loss - loss64) <= 1e-6 * loss64, "%.9g, not %.9g", loss, loss64);
  cr_assert(loss == symo_kernel_softmax(SYMO_F32, N, W, f, y, NULL));
  double worst = 0.0;
  for (size_t i = 0; i < N * W; i++) {
    const double error = fabs((double)p[i] - p64[i]);
    cr_assert(error <= 1e-6 * p64[i] + 1e-37, "%zu: %g, not %g", i, (double)p[i], p64[i]);
    worst = fmax(worst, error);
  }
  cr_assert(worst > 0.0);
  f[3] = 0.0f, f64[3] = 0.0;
  float scale[N];
  double scale64[N];
  for (int centre = 0; centre < 2; centre++) {
    symo_kernel_norm(SYMO_F32, N, W, centre != 0, f, p, scale);
    symo_kernel_norm(SYMO_F64, N, W, centre != 0, f64, p64, scale64);
    for (size_t i = 0; i < N * W; i++) cr_assert(fabs((double)p[i] - p64[i]) <= 1e-6);
  }
  /* A mean that is ten thousand times the deviation. */
  for (size_t i = 0; i < N * W; i++) f64[i] = f[i] = 8e4f + f[i];
  symo_kernel_norm(SYMO_F32, N, W, true, f, p, scale);
  symo_kernel_norm(SYMO_F64, N, W, true, f64, p64, scale64);
  for (size_t i = 0; i < N * W; i++) cr_assert(fabs((double)p[i] - p64[i]) <= 1e-6);
}
