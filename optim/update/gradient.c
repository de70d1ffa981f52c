/* Clipping and L2 decay:  out = cut(g min(1, c / |g|)) + w p,  |g| over all tensors of the plan,
 * cut to [-v, v] entry by entry. */
#include "optim/update/loops.h"
#include "optim/update/update.h"

#include <math.h>

typedef struct clip {
  double factor, most, decay;
} clip;

static void row_f64(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  const clip *c = self;
  const double *g = loop_f64(p, 0), *x = loop_f64(p, 1);
  double *out = loop_f64(p, 2);
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double v = c->factor == 1 ? g[i * s[0]] : g[i * s[0]] * c->factor;
    if (v > c->most) v = c->most;
    if (v < -c->most) v = -c->most;
    if (c->decay > 0) {
      double w = c->decay * x[i * s[1]];
      v = v + w;
    }
    out[i * s[2]] = v;
  }
}

static void row_f32(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s) {
  const clip *c = self;
  const float *g = loop_f32(p, 0), *x = loop_f32(p, 1);
  float *out = loop_f32(p, 2), most = (float)c->most, decay = (float)c->decay;
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    float v = c->factor == 1 ? g[i * s[0]] : (float)((double)g[i * s[0]] * c->factor);
    if (v > most) v = most;
    if (v < -most) v = -most;
    if (decay > 0) {
      float w = decay * x[i * s[1]];
      v = v + w;
    }
    out[i * s[2]] = v;
  }
}

void symo_update_gradient(const symo_method *method, double norm, double decay, symo_nd g,
                          symo_nd p, symo_nd out) {
  clip c = {.factor = 1, .most = INFINITY, .decay = decay};
  if (method->clip_norm > 0 && norm > method->clip_norm) c.factor = method->clip_norm / norm;
  if (method->clip_value > 0) c.most = method->clip_value;
  symo_nd x[3] = {g, p, out};
  symo_loop(3, x, g.dtype == SYMO_F32 ? row_f32 : row_f64, &c);
}
