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

#define SYMO_KERNELS "optim/update/momentum.inc"
#include "core/real.h"

bool symo_update_momentum(const symo_method *method, uint64_t t, symo_nd g, symo_nd m, symo_nd u) {
  memory o = {.b = method->momentum, .c = 1, .correction = 1, .nesterov = method->nesterov};
  if (method->momentum_ema) o.c = 1 - method->momentum;
  if (method->momentum_correction) o.correction = 1 - pow(method->momentum, (double)t);
  o.direction = method->nesterov || method->momentum_correction;
  symo_nd x[3] = {g, m, o.direction ? u : m};
  symo_loop(3, x, g.dtype == SYMO_F32 ? row_f32 : row_f64, &o);
  return !o.direction;
}
