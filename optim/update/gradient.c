/* Clipping and L2 decay:  out = cut(g min(1, c / |g|)) + w p,  |g| over all tensors of the plan,
 * cut to [-v, v] entry by entry. */
#include "core/vector.h"
#include "optim/update/loops.h"
#include "optim/update/update.h"

#include <math.h>

typedef struct clip {
  double factor, most, decay;
} clip;

#define SYMO_KERNELS "optim/update/gradient.inc"
#include "core/real.h"

void symo_update_gradient(const symo_method *method, double norm, double decay, symo_nd g,
                          symo_nd p, symo_nd out) {
  clip c = {.factor = 1, .most = INFINITY, .decay = decay};
  if (method->clip_norm > 0 && norm > method->clip_norm) c.factor = method->clip_norm / norm;
  if (method->clip_value > 0) c.most = method->clip_value;
  symo_nd x[3] = {g, p, out};
  symo_loop(3, x, g.dtype == SYMO_F32 ? row_f32 : row_f64, &c);
}
