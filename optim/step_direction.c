/* From the gradient to the direction that the curvature gets: clipping, L2 decay, momentum.
 *
 * Momentum is kept in powers of two, one a tensor: 2^0 unless norms are so far from 1 that its sums
 * would round as subnormals do, or overflow. */
#include <math.h>
#include <string.h>

#include "optim/step.h"
#include "optim/update/rows.h"
#include "optim/update/update.h"

static double l2_of(const symo_method *m) {
  return m->decay == SYMO_DECAY_L2 ? m->weight_decay : 0;
}

/* Arrays of the work space: of the gradient after clipping and decay, and of the direction. */
static symo_const_vector taken(const block_step *s) {
  void **pointers = (void **)symo_step_at(s, s->w.pointers_at) + 3 * s->b->num_tensors;
  return symo_const_vector_of(s->state->optim->dtype, (const void *const *)pointers);
}
static void **directions(const block_step *s) {
  return (void **)symo_step_at(s, s->w.pointers_at) + 4 * s->b->num_tensors;
}

static void take_gradient(void *arg, size_t i, int worker) {
  const block_step *s = arg;
  const symo_method *m = &s->b->method;
  symo_nd g = symo_step_view(s, s->g, i), near = symo_step_view(s, taken(s), i);
  double norm = s->norm;
  (void)worker;
  if (norm == INFINITY && m->clip_norm > 0) { /* clipped for certain: only the direction counts */
    symo_nd_shift(-STEP_FAR, g, near);
    g = near;
    norm = s->state->far_norm;
  }
  symo_update_gradient(m, norm, l2_of(m), g, symo_step_view(s, symo_vector_const(s->p), i), near);
}

void symo_step_gradient(block_step *s) {
  const symo_method *m = &s->b->method;
  const optim_block *b = s->b;
  update_clip clip;
  s->decay = m->decay == SYMO_DECAY_L2 ? 0 : m->weight_decay;
  /* What is below every bound stays where it is. */
  s->w.gradient = s->w.gradient && symo_update_clip(m, s->norm, l2_of(m), &clip);
  if (!s->w.gradient) return;
  symo_layout_split(b->layout, s->state->optim->dtype, symo_step_at(s, s->w.gradient_at),
                    (void **)symo_step_at(s, s->w.pointers_at) + 3 * b->num_tensors);
  symo_pool_run(s->state->pool, b->num_tensors, take_gradient, s);
  s->g = s->u = taken(s);
}

/* ---- numbers far from 1 ---- */

static int level_of(symo_dtype dtype, double log_norm) {
  if (log_norm == -INFINITY) return CURVATURE_ZERO;
  return fabs(log_norm) <= curvature_tame(dtype) ? 0 : (int)round(log_norm);
}

static double log_norm_of(symo_nd x) {
  int exponent;
  double norm = symo_update_far_norm(x, &exponent);
  return log2(norm) + exponent;
}

static void find_level(const block_step *s, size_t i) {
  double log_norm = s->w.gradient ? log_norm_of(symo_step_view(s, s->g, i))
                                  : s->state->log_norms[s->b->tensors[i]];
  s->u_level[i] = s->g_level[i] = level_of(s->state->optim->dtype, log_norm);
}

/* Chooses the power of two of a momentum for what it holds and for the gradient, and turns what it
 * holds to it. */
static void choose_exponent(const block_step *s, size_t i, symo_nd m) {
  double *entry = (double *)s->state->data[symo_block_exponent_entry(s->b)] + i;
  const symo_dtype dtype = s->state->optim->dtype;
  int old = fabs(*entry) <= 2000 ? (int)*entry : 0, to = 0;
  s->u_level[i] = 0;
  if (s->g_level[i] != 0 || old != 0) {
    double of_g = log_norm_of(symo_step_view(s, s->g, i)), of_m = log_norm_of(m) + old;
    double most = fmax(of_g, of_m);
    to = most == -INFINITY                           ? old
         : level_of(dtype, most) == 0                ? 0
         : fabs(most - old) <= curvature_tame(dtype) ? old
                                                     : (int)round(most);
    s->u_level[i] = most == -INFINITY ? CURVATURE_ZERO : to;
  }
  if (to != old) symo_nd_shift(old - to, m, m);
  *entry = to;
  s->u_stored[i] = to;
}

static void take_momentum(void *arg, size_t i, int worker) {
  const block_step *s = arg;
  const optim_block *b = s->b;
  const size_t entry = b->first_entry + i;
  void **to = directions(s);
  (void)worker;
  find_level(s, i);
  if (!symo_block_has_momentum(b)) return;
  if (!s->w.direction) to[i] = s->state->data[entry];
  symo_nd m = symo_step_entry(s, entry, i), u = m, g = symo_step_view(s, s->g, i);
  u.p = to[i];
  if (symo_block_has_exponents(b)) choose_exponent(s, i, m);
  if (s->u_stored[i] != 0) { /* nothing stands in out yet */
    symo_nd near = symo_step_view(s, symo_vector_const(s->out), i);
    symo_nd_shift(-s->u_stored[i], g, near);
    g = near;
  }
  symo_update_momentum(&b->method, s->t, g, m, u);
  s->shift[i] = s->u_stored[i];
}

void symo_step_momentum(block_step *s) {
  const optim_block *b = s->b;
  const symo_dtype dtype = s->state->optim->dtype;
  const bool momentum = symo_block_has_momentum(b);
  if (momentum && s->w.direction)
    symo_layout_split(b->layout, dtype, symo_step_at(s, s->w.direction_at), directions(s));
  symo_pool_run(s->state->pool, b->num_tensors, take_momentum, s);
  if (momentum) s->u = symo_const_vector_of(dtype, (const void *const *)directions(s));
}
