/* The step itself, every operation rounded to the type of the numbers, the two factors being
 * computed in float64 first:
 *     p <- (1 - rate decay) p          (decay > 0)
 *     p <- p - (rate factor) d */
#include "core/vector.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

#define SYMO_KERNELS "optim/update/apply.inc"
#include "core/real.h"

update_factors symo_update_factors(double rate, double decay, double factor) {
  return (update_factors){.keep = 1 - rate * decay, .take = rate * factor};
}

void symo_update_apply(double rate, double decay, double factor, symo_nd d, symo_nd p) {
  update_factors o = symo_update_factors(rate, decay, factor);
  symo_nd x[2] = {d, p};
  symo_loop(2, x, d.dtype == SYMO_F32 ? symo_update_apply_row_f32 : symo_update_apply_row_f64, &o);
}
