/* Second moments, see the header for the order of operations. */
#include "optim/update/moments.h"

#include <math.h>

#include "core/vector.h"
#include "optim/update/loops.h"

typedef struct squares {
  double b, c;
  bool sum;
} squares;

SYMO_INLINE void square_f64(const squares *o, size_t n, const double *g, ptrdiff_t gs, double *v,
                            ptrdiff_t vs) {
  double b = o->b, c = o->c;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double old = o->sum ? v[i * vs] : b * v[i * vs], square = g[i * gs] * g[i * gs];
    double new = o->sum ? square : c *square;
    v[i * vs] = old + new;
  }
}

SYMO_INLINE void square_f32(const squares *o, size_t n, const float *g, ptrdiff_t gs, float *v,
                            ptrdiff_t vs) {
  float b = (float)o->b, c = (float)o->c;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    float old = o->sum ? v[i * vs] : b * v[i * vs], square = g[i * gs] * g[i * gs];
    float new = o->sum ? square : c *square;
    v[i * vs] = old + new;
  }
}

SYMO_VECTOR static void square_row_f64(void *self, size_t n, size_t first, void *const *p,
                                       const ptrdiff_t *s) {
  if (s[0] == 1 && s[1] == 1)
    square_f64(self, n, loop_f64(p, 0), 1, loop_f64(p, 1), 1);
  else
    square_f64(self, n, loop_f64(p, 0), s[0], loop_f64(p, 1), s[1]);
}

SYMO_VECTOR static void square_row_f32(void *self, size_t n, size_t first, void *const *p,
                                       const ptrdiff_t *s) {
  if (s[0] == 1 && s[1] == 1)
    square_f32(self, n, loop_f32(p, 0), 1, loop_f32(p, 1), 1);
  else
    square_f32(self, n, loop_f32(p, 0), s[0], loop_f32(p, 1), s[1]);
}

void symo_update_squares(double b, symo_nd g, symo_nd v) {
  squares o = {.b = b, .c = 1 - b, .sum = b == 1};
  symo_nd x[2] = {g, v};
  symo_loop(2, x, g.dtype == SYMO_F32 ? square_row_f32 : square_row_f64, &o);
}

double symo_update_correction(double b, uint64_t n, bool correct) {
  return correct && b > 0 && b < 1 ? 1 - pow(b, (double)n) : 1;
}

/* ---- division ---- */

typedef struct quotient {
  double correction, eps, power;
} quotient;

SYMO_INLINE void root_f64(const quotient *o, size_t n, const double *u, ptrdiff_t us,
                          const double *v, ptrdiff_t vs, double *out, ptrdiff_t os) {
  double correction = o->correction, eps = o->eps;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double mean = v[i * vs] / correction, root = sqrt(mean), below = root + eps;
    double ratio = u[i * us] / (below == 0 ? 1 : below);
    out[i * os] = below == 0 ? 0 : ratio;
  }
}

SYMO_INLINE void root_f32(const quotient *o, size_t n, const float *u, ptrdiff_t us, const float *v,
                          ptrdiff_t vs, float *out, ptrdiff_t os) {
  float correction = (float)o->correction, eps = (float)o->eps;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    float mean = v[i * vs] / correction, root = sqrtf(mean), below = root + eps;
    float ratio = u[i * us] / (below == 0 ? 1 : below);
    out[i * os] = below == 0 ? 0 : ratio;
  }
}

SYMO_VECTOR static void root_row_f64(void *self, size_t n, size_t first, void *const *p,
                                     const ptrdiff_t *s) {
  double *u = loop_f64(p, 0), *v = loop_f64(p, 1), *out = loop_f64(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    root_f64(self, n, u, 1, v, 1, out, 1);
  else
    root_f64(self, n, u, s[0], v, s[1], out, s[2]);
}

SYMO_VECTOR static void root_row_f32(void *self, size_t n, size_t first, void *const *p,
                                     const ptrdiff_t *s) {
  float *u = loop_f32(p, 0), *v = loop_f32(p, 1), *out = loop_f32(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    root_f32(self, n, u, 1, v, 1, out, 1);
  else
    root_f32(self, n, u, s[0], v, s[1], out, s[2]);
}

static void power_row_f64(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  const quotient *o = self;
  const double *u = loop_f64(p, 0), *v = loop_f64(p, 1);
  double *out = loop_f64(p, 2);
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double below = pow(v[i * s[1]] / o->correction, o->power) + o->eps;
    out[i * s[2]] = below == 0 ? 0 : u[i * s[0]] / below;
  }
}

static void power_row_f32(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  const quotient *o = self;
  const float *u = loop_f32(p, 0), *v = loop_f32(p, 1);
  float *out = loop_f32(p, 2);
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double below = pow((double)v[i * s[1]] / o->correction, o->power) + o->eps;
    out[i * s[2]] = below == 0 ? 0 : (float)((double)u[i * s[0]] / below);
  }
}

void symo_update_divide(double alpha, double correction, double eps, symo_nd u, symo_nd v,
                        symo_nd out) {
  bool narrow = u.dtype == SYMO_F32;
  quotient o = {correction, eps, alpha / 2};
  symo_nd x[3] = {u, v, out};
  if (alpha == 0)
    symo_nd_copy(1, u, out);
  else if (alpha == 1)
    symo_loop(3, x, narrow ? root_row_f32 : root_row_f64, &o);
  else
    symo_loop(3, x, narrow ? power_row_f32 : power_row_f64, &o);
}
