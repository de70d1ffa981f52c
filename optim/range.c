/* Gradients that are finite, but too large for what a method makes of them in the type of its
 * numbers: squares of second moments entry by entry.  They are found before anything is written, so
 * that no state ever holds an infinity.
 *
 * With all norms at most R an average of squares stays below R^2.  What memory holds already is
 * asked of the curvature where it only grows.  All else comes in powers of two (step.c,
 * orbit/memory.c, per_axis.c), and has no such bound. */
#include <math.h>
#include <string.h>

#include "optim/block.h"
#include "optim/state.h"

/* The largest norm of a tensor's gradient that the block can work with. */
static double room_of(const symo_optim_state *state, const optim_block *b) {
  double range = symo_largest(state->optim->dtype), room = INFINITY;
  if (b->curvature != NULL && b->curvature->room != NULL)
    room = b->curvature->room(b->self, state->data + symo_block_curvature_entry(b));
  if (symo_block_grafts_adam(b)) room = fmin(room, sqrt(range));
  return room;
}

bool symo_state_holds(symo_dtype dtype, double norm, double factor, int exponent, symo_nd d,
                      symo_nd p) {
  double range = symo_largest(dtype);
  if (norm <= range / 4) return true; /* but for parameters that are at the end themselves */
  double change = ldexp(symo_nd_max_abs(d) * fabs(factor), exponent);
  return change <= range && symo_nd_max_abs(p) <= range - change;
}

/* What clipping leaves of the norm of a tensor, `all` being that of all gradients. */
static double clipped(const symo_method *m, double norm, double all, size_t size) {
  if (m->clip_norm > 0 && all > m->clip_norm) norm *= m->clip_norm / all;
  return m->clip_value > 0 ? fmin(norm, m->clip_value * sqrt((double)size)) : norm;
}

bool symo_state_in_range(const symo_optim_state *state, symo_const_vector grad, double norm,
                         size_t *tensor) {
  const symo_optim *optim = state->optim;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    double room = room_of(state, b);
    for (size_t k = 0; norm > room && k < b->num_tensors; k++) {
      size_t t = b->tensors[k], size = optim->layout->tensors[t].size;
      double own = symo_update_norm(symo_layout_view(optim->layout, optim->dtype, grad, t));
      *tensor = t;
      if (clipped(&b->method, own, norm, size) > room) return false;
    }
  }
  return true;
}
