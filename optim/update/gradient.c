/* Clipping and L2 decay:  out = cut(g min(1, c / |g|)) + w p,  |g| over all tensors of the plan,
 * cut to [-v, v] entry by entry. */
#include "core/vector.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

#include <math.h>

#define SYMO_KERNELS "optim/update/gradient.inc"
#include "core/real.h"

bool symo_update_clip(const symo_method *method, double norm, double decay, update_clip *out) {
  *out = (update_clip){.factor = 1, .most = INFINITY, .decay = decay};
  if (method->clip_norm > 0 && norm > method->clip_norm) out->factor = method->clip_norm / norm;
  if (method->clip_value > 0) out->most = method->clip_value;
  return out->factor != 1 || out->most != INFINITY || decay > 0;
}

void symo_update_gradient(const symo_method *method, double norm, double decay, symo_nd g,
                          symo_nd p, symo_nd out) {
  update_clip c;
  symo_nd x[3] = {g, p, out};
  (void)symo_update_clip(method, norm, decay, &c);
  symo_loop(3, x, g.dtype == SYMO_F32 ? symo_update_clip_row_f32 : symo_update_clip_row_f64, &c);
}
