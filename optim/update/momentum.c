/* Momentum, in this order of operations, every one rounded to the type of the numbers (and one loop
 * for each case: a choice within a loop keeps it from being vectorised):
 *
 *     m <- (b m) + (1 - b) g        or        m <- (b m) + g
 *     u  = m,   with Nesterov        (1 - b) g + (b m)    or    g + (b m)
 *     u  = u / (1 - b^t)            where that is asked for
 *
 * b, 1 - b and 1 - b^t are computed in float64 first. */
#include "core/vector.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

#include <math.h>

#define SYMO_KERNELS "optim/update/momentum.inc"
#include "core/real.h"

update_memory symo_update_memory(const symo_method *method, uint64_t t) {
  update_memory o = {.b = method->momentum, .c = 1, .correction = 1, .nesterov = method->nesterov};
  if (method->momentum_ema) o.c = 1 - method->momentum;
  if (method->momentum_correction) o.correction = 1 - pow(method->momentum, (double)t);
  o.direction = method->nesterov || method->momentum_correction;
  return o;
}

bool symo_update_momentum(const symo_method *method, uint64_t t, symo_nd g, symo_nd m, symo_nd u) {
  update_memory o = symo_update_memory(method, t);
  symo_nd x[3] = {g, m, o.direction ? u : m};
  symo_loop(3, x, g.dtype == SYMO_F32 ? symo_update_memory_row_f32 : symo_update_memory_row_f64,
            &o);
  return !o.direction;
}
