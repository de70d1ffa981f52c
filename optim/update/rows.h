#ifndef SYMO_OPTIM_UPDATE_ROWS_H
#define SYMO_OPTIM_UPDATE_ROWS_H

#include <symo/optim.h>

#include "optim/update/loops.h"

/* The loops over entries that a step is made of, for symo_loop and for the strips of strips.c: the
 * settings that each takes as self, and in its comment the operands that it takes in this order. */
#define UPDATE_ROW(name)                                                                           \
  void symo_update_##name##_f32(void *self, size_t n, size_t first, void *const *p,                \
                                const ptrdiff_t *s);                                               \
  void symo_update_##name##_f64(void *self, size_t n, size_t first, void *const *p,                \
                                const ptrdiff_t *s)

/* g, p, out: clipping and L2 decay (gradient.c). */
typedef struct update_clip {
  double factor, most, decay;
} update_clip;
UPDATE_ROW(clip_row);
/* norm: of all tensors.  False if the method leaves this gradient as it is. */
bool symo_update_clip(const symo_method *method, double norm, double decay, update_clip *out);

/* g, m, u: momentum (momentum.c).  u is written if `direction`, else it is m. */
typedef struct update_memory {
  double b, c, correction; /* c: of the gradient */
  bool direction, nesterov;
} update_memory;
UPDATE_ROW(memory_row);
update_memory symo_update_memory(const symo_method *method, uint64_t t);

/* g, v: second moments; u, v, out: the quotient, for alpha = 1 and for others (moments.c). */
typedef struct update_average {
  double b, c;
  bool sum;
} update_average;
typedef struct update_quotient {
  double correction, eps, power;
} update_quotient;
UPDATE_ROW(average_row);
UPDATE_ROW(root_row);
UPDATE_ROW(power_row);
update_average symo_update_average(double b);

/* g, m, v, out: memory, average and root, one after the other (adam.c). */
typedef struct update_adam {
  update_memory memory;
  update_average average;
  update_quotient quotient;
} update_adam;
UPDATE_ROW(adam_row);

/* d, p: p <- keep p - take d (apply.c). */
typedef struct update_factors {
  double keep, take;
} update_factors;
UPDATE_ROW(apply_row);
update_factors symo_update_factors(double rate, double decay, double factor);

/* x, or x and y: the sum of the squares of a x, or of a x + b y (norm.c).  Numbers of a tensor are
 * summed in chunks of UPDATE_CHUNK, and the sums of the chunks in order, so that chunks may be
 * summed by themselves: `sum` is that of whole chunks, the lanes belong to the one at hand. */
enum { UPDATE_CHUNK = 65536, UPDATE_LANES = 8 };
typedef struct update_squares {
  double lane[UPDATE_LANES], sum, a, b;
  bool two;
} update_squares;
UPDATE_ROW(square_row);
double symo_update_sum_of(const update_squares *squares);

/* symo_update_apply, and the norm of what it takes off p, in one pass over memory. */
double symo_update_advance(double rate, double decay, double factor, symo_nd d, symo_nd p);

#endif
