/* The step itself, every operation rounded to the type of the numbers, the two factors being
 * computed in float64 first:
 *     p <- (1 - rate decay) p          (decay > 0)
 *     p <- p - (rate factor) d */
#include "core/vector.h"
#include "optim/update/change.h"
#include "optim/update/update.h"

SYMO_INLINE void run_f64(const update_factors *o, size_t n, const double *d, ptrdiff_t ds,
                         double *p, ptrdiff_t ps) {
  double keep = o->keep, take = o->take;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    double kept = keep * p[i * ps], change = take * d[i * ds];
    p[i * ps] = kept - change;
  }
}

SYMO_INLINE void run_f32(const update_factors *o, size_t n, const float *d, ptrdiff_t ds, float *p,
                         ptrdiff_t ps) {
  float keep = (float)o->keep, take = (float)o->take;
  SYMO_ENTRIES
  for (size_t k = 0; k < n; k++) {
    ptrdiff_t i = (ptrdiff_t)k;
    float kept = keep * p[i * ps], change = take * d[i * ds];
    p[i * ps] = kept - change;
  }
}

SYMO_VECTOR void symo_update_apply_f64(void *self, size_t n, size_t first, void *const *p,
                                       const ptrdiff_t *s) {
  if (s[0] == 1 && s[1] == 1)
    run_f64(self, n, loop_f64(p, 0), 1, loop_f64(p, 1), 1);
  else
    run_f64(self, n, loop_f64(p, 0), s[0], loop_f64(p, 1), s[1]);
}

SYMO_VECTOR void symo_update_apply_f32(void *self, size_t n, size_t first, void *const *p,
                                       const ptrdiff_t *s) {
  if (s[0] == 1 && s[1] == 1)
    run_f32(self, n, loop_f32(p, 0), 1, loop_f32(p, 1), 1);
  else
    run_f32(self, n, loop_f32(p, 0), s[0], loop_f32(p, 1), s[1]);
}

void symo_update_apply(double rate, double decay, double factor, symo_nd d, symo_nd p) {
  update_factors o = symo_update_factors(rate, decay, factor);
  symo_nd x[2] = {d, p};
  symo_loop(2, x, d.dtype == SYMO_F32 ? symo_update_apply_f32 : symo_update_apply_f64, &o);
}
