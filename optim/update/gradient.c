/* Clipping and L2 decay:  out = cut(g min(1, c / |g|)) + w p,  |g| over all tensors of the plan,
 * cut to [-v, v] entry by entry. */
#include "core/vector.h"
#include "optim/update/loops.h"
#include "optim/update/update.h"

#include <math.h>

typedef struct clip {
  double factor, most, decay;
} clip;

SYMO_INLINE void run_f64(const clip *c, size_t n, const double *g, ptrdiff_t gs, const double *p,
                         ptrdiff_t ps, double *out, ptrdiff_t os) {
  const double factor = c->factor;
  const double most = c->most, decay = c->decay;
  if (decay > 0) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      double v = g[i * gs] * factor, w = decay * p[i * ps];
      v = v > most ? most : v;
      v = v < -most ? -most : v;
      out[i * os] = v + w;
    }
  } else {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      double v = g[i * gs] * factor;
      v = v > most ? most : v;
      out[i * os] = v < -most ? -most : v;
    }
  }
}

SYMO_VECTOR static void row_f64(void *self, size_t n, size_t first, void *const *p,
                                const ptrdiff_t *s) {
  double *g = loop_f64(p, 0), *x = loop_f64(p, 1), *out = loop_f64(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    run_f64(self, n, g, 1, x, 1, out, 1);
  else
    run_f64(self, n, g, s[0], x, s[1], out, s[2]);
}

SYMO_INLINE void run_f32(const clip *c, size_t n, const float *g, ptrdiff_t gs, const float *p,
                         ptrdiff_t ps, float *out, ptrdiff_t os) {
  const double factor = c->factor;
  const float most = (float)c->most, decay = (float)c->decay;
  if (decay > 0) {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      float v = (float)((double)g[i * gs] * factor), w = decay * p[i * ps];
      v = v > most ? most : v;
      v = v < -most ? -most : v;
      out[i * os] = v + w;
    }
  } else {
    SYMO_ENTRIES
    for (size_t k = 0; k < n; k++) {
      ptrdiff_t i = (ptrdiff_t)k;
      float v = (float)((double)g[i * gs] * factor);
      v = v > most ? most : v;
      out[i * os] = v < -most ? -most : v;
    }
  }
}

SYMO_VECTOR static void row_f32(void *self, size_t n, size_t first, void *const *p,
                                const ptrdiff_t *s) {
  float *g = loop_f32(p, 0), *x = loop_f32(p, 1), *out = loop_f32(p, 2);
  if (s[0] == 1 && s[1] == 1 && s[2] == 1)
    run_f32(self, n, g, 1, x, 1, out, 1);
  else
    run_f32(self, n, g, s[0], x, s[1], out, s[2]);
}

void symo_update_gradient(const symo_method *method, double norm, double decay, symo_nd g,
                          symo_nd p, symo_nd out) {
  clip c = {.factor = 1, .most = INFINITY, .decay = decay};
  if (method->clip_norm > 0 && norm > method->clip_norm) c.factor = method->clip_norm / norm;
  if (method->clip_value > 0) c.most = method->clip_value;
  symo_nd x[3] = {g, p, out};
  symo_loop(3, x, g.dtype == SYMO_F32 ? row_f32 : row_f64, &c);
}
