/* From the direction to the parameters: graft, scale, decay, and the change itself, by directions
 * that stand in powers of two. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "optim/step.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

bool symo_step_is_plain(symo_dtype dtype, double factor) {
  double most = symo_largest(dtype), least = dtype == SYMO_F32 ? FLT_MIN : DBL_MIN;
  return factor == 0 || (fabs(factor) >= least && fabs(factor) <= most);
}

/* p takes off 2^exponent times what it would take off, by d brought near 1, in out. */
static void advance_far(const block_step *s, size_t i, double decay, double factor, int exponent,
                        symo_nd d, symo_nd p) {
  symo_nd near = symo_step_view(s, symo_vector_const(s->out), i);
  int own, shift;
  double norm = symo_update_far_norm(d, &own), take;
  frexp(norm, &shift);
  shift += own;
  take = frexp(s->rate * factor, &own);
  exponent += own + shift;
  symo_nd_shift(-shift, d, near);
  if (symo_step_is_plain(s->state->optim->dtype, ldexp(take, exponent))) {
    take = ldexp(take, exponent);
  } else { /* the change is at an end of the range, if not beyond */
    symo_nd_shift(exponent - 1, near, near);
    take *= 2;
  }
  symo_update_apply(1, s->rate * decay, take, near, p);
}

void symo_step_advance(const block_step *s, size_t i, symo_nd d) {
  const optim_block *b = s->b;
  const bool graft = symo_block_grafts(b) && s->curved, basis = symo_block_in_basis(b) && s->curved;
  const bool unit = b->method.scale == SYMO_SCALE_UNIT_RMS;
  const double decay = basis && s->t == symo_curvature_start(&b->method) ? 0 : s->decay;
  const layout_tensor *t = &b->layout->tensors[i];
  const symo_nd p = symo_step_view(s, symo_vector_const(s->p), i);
  int exponent;
  double norm = symo_update_far_norm(d, &exponent), factor = 1, shift = s->shift[i];
  if (!isfinite(norm)) {
    s->norms[i] = STEP_NOT_FINITE;
    return;
  }
  if (graft) {
    factor = norm > 0 ? s->norms[i] / norm : 0;
    shift = s->graft[i] - exponent;
  }
  factor *= symo_update_scale(&b->method, t->order, t->dim, norm * factor, t->size);
  if (unit) shift = -exponent;
  if (basis) factor *= 1 - s->rate * decay; /* (p - d) (1 - rate decay) */
  const int whole = (int)nearbyint(shift);
  factor *= exp2(shift - whole);
  const double length = fabs(s->rate * factor) * norm;
  s->norms[i] = ldexp(length, whole + exponent); /* as it would be taken again */
  if (!symo_state_holds(s->state->optim->dtype, s->norms[i], s->rate * factor, whole, d, p)) {
    s->norms[i] = STEP_OUT_OF_RANGE;
    return;
  }
  if (whole != 0 || !symo_step_is_plain(s->state->optim->dtype, s->rate * factor))
    advance_far(s, i, decay, factor, whole, d, p);
  else if (decay == 0)
    symo_update_apply(s->rate, decay, factor, d, p);
  else
    s->norms[i] = symo_update_advance(s->rate, decay, factor, d, p);
}
