#ifndef SYMO_OPTIM_UPDATE_CHANGE_H
#define SYMO_OPTIM_UPDATE_CHANGE_H

#include "optim/update/loops.h"

/* symo_update_apply, and the norm of what it takes off p, in one pass over memory. */
double symo_update_advance(double rate, double decay, double factor, symo_nd d, symo_nd p);

/* Rows of symo_update_apply: of d and p, with self an update_factors. */
typedef struct update_factors {
  double keep, take;
} update_factors;

static inline update_factors symo_update_factors(double rate, double decay, double factor) {
  return (update_factors){.keep = 1 - rate * decay, .take = rate * factor};
}
void symo_update_apply_f64(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s);
void symo_update_apply_f32(void *self, size_t n, size_t first, void *const *p, const ptrdiff_t *s);

#endif
