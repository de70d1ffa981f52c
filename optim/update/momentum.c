/* Momentum, in this order of operations, every one rounded to the type of the numbers (and one loop
 * for each case: a choice within a loop keeps it from being vectorised):
 *
 *     m <- (b m) + (1 - b) g        or        m <- (b m) + g
 *     u  = m,   with Nesterov        (1 - b) g + (b m)    or    g + (b m)
 *     u  = u / (1 - b^t)            where that is asked for
 *
 * b, 1 - b and 1 - b^t are computed in float64 first. */
#include "core/vector.h"
#include "optim/update/loops.h"
#include "optim/update/update.h"

#include <math.h>

typedef struct memory {
  double b, c, correction; /* c: of the gradient */
  bool direction, nesterov;
} memory;

SYMO_INLINE void run_f64(const memory *o, size_t n, const double *g, ptrdiff_t gs, double *m,
                         ptrdiff_t ms, double *u, ptrdiff_t us) {
  double b = o->b, c = o->c, correction = o->correction;
  if (!o->direction) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      double old = b * m[i * ms], new = c *g[i * gs];
      m[i * ms] = old + new;
    }
  } else if (o->nesterov) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      double old = b * m[i * ms], new = c *g[i * gs], now = old + new, ahead = b *now;
      m[i * ms] = now;
      u[i * us] = (new + ahead) / correction;
    }
  } else {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      double old = b * m[i * ms], new = c *g[i * gs], now = old + new;
      m[i * ms] = now;
      u[i * us] = now / correction;
    }
  }
}

SYMO_INLINE void run_f32(const memory *o, size_t n, const float *g, ptrdiff_t gs, float *m,
                         ptrdiff_t ms, float *u, ptrdiff_t us) {
  float b = (float)o->b, c = (float)o->c, correction = (float)o->correction;
  if (!o->direction) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      float old = b * m[i * ms], new = c *g[i * gs];
      m[i * ms] = old + new;
    }
  } else if (o->nesterov) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      float old = b * m[i * ms], new = c *g[i * gs], now = old + new, ahead = b *now;
      m[i * ms] = now;
      u[i * us] = (new + ahead) / correction;
    }
  } else {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      float old = b * m[i * ms], new = c *g[i * gs], now = old + new;
      m[i * ms] = now;
      u[i * us] = now / correction;
    }
  }
}

SYMO_VECTOR static void row_f64(void *self, size_t n, size_t first, void *const *p,
                                const ptrdiff_t *s) {
  double *g = loop_f64(p, 0), *m = loop_f64(p, 1), *u = loop_f64(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    run_f64(self, n, g, 1, m, 1, u, 1);
  else
    run_f64(self, n, g, s[0], m, s[1], u, s[2]);
}

SYMO_VECTOR static void row_f32(void *self, size_t n, size_t first, void *const *p,
                                const ptrdiff_t *s) {
  float *g = loop_f32(p, 0), *m = loop_f32(p, 1), *u = loop_f32(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    run_f32(self, n, g, 1, m, 1, u, 1);
  else
    run_f32(self, n, g, s[0], m, s[1], u, s[2]);
}

bool symo_update_momentum(const symo_method *method, uint64_t t, symo_nd g, symo_nd m, symo_nd u) {
  memory o = {.b = method->momentum, .c = 1, .correction = 1, .nesterov = method->nesterov};
  if (method->momentum_ema) o.c = 1 - method->momentum;
  if (method->momentum_correction) o.correction = 1 - pow(method->momentum, (double)t);
  o.direction = method->nesterov || method->momentum_correction;
  symo_nd x[3] = {g, m, o.direction ? u : m};
  symo_loop(3, x, g.dtype == SYMO_F32 ? row_f32 : row_f64, &o);
  return !o.direction;
}
