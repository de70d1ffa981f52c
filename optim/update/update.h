#ifndef SYMO_OPTIM_UPDATE_H
#define SYMO_OPTIM_UPDATE_H

#include <symo/optim.h>

#include "core/nd.h"

/* What happens to gradients and directions, elementwise, on the caller's strides.  Plain functions:
 * the executor calls them in the one order that makes sense
 *     clip -> l2 decay -> momentum -> [curvature] -> graft -> scale -> decoupled decay -> step
 * and each is named in the registry of modules for people. */

/* The rate of step t = 1, 2, .. */
double symo_schedule_rate(const symo_method *method, uint64_t t);

/* out := g clipped by value and by the norm given (of all tensors of the plan); decay > 0: + decay
 * p. */
void symo_update_gradient(const symo_method *method, double norm, double decay, symo_nd g,
                          symo_nd p, symo_nd out);

/* m := its update by g; u := the direction (Nesterov, correction), t = 1, 2, ..  u may be NULL
 * (u.p == NULL) where m itself is the direction: then true is returned and the caller uses m. */
bool symo_update_momentum(const symo_method *method, uint64_t t, symo_nd g, symo_nd m, symo_nd u);

/* The factor of the scale mode for a tensor of this shape: rows = first axis, columns = the
 * rest. */
double symo_update_scale(const symo_method *method, size_t order, const size_t *shape, double norm,
                         size_t size);

/* p := (1 - rate decay) p - rate factor d. */
void symo_update_apply(double rate, double decay, double factor, symo_nd d, symo_nd p);

/* The sum of the squares of a tensor in float64.  Its root is the norm if that is near enough to 1:
 * between 1e-140 and 1e140. */
double symo_update_sum_squares(symo_nd x);
double symo_update_sum_dense(symo_dtype dtype, size_t n, const void *x);
/* The same of a x + b y. */
double symo_update_sum_of_two(double a, symo_nd x, double b, symo_nd y);
bool symo_update_near(double norm);

/* Norm of a tensor in float64, without overflow on the way. */
double symo_update_norm(symo_nd x);

/* The same as a number times 2^*exponent, for norms that float64 itself cannot hold; *exponent is 0
 * where the number is between 1e-140 and 1e140, and for 0, infinity and NaN. */
double symo_update_far_norm(symo_nd x, int *exponent);

#endif
