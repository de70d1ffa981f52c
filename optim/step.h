#ifndef SYMO_OPTIM_STEP_H
#define SYMO_OPTIM_STEP_H

#include "optim/block.h"
#include "optim/state.h"

/* What the files of a step share: step.c, step_survey.c, step_entries.c, step_direction.c,
 * step_advance.c. */

/* A power of two that takes what overflows float64 as a sum back into its range. */
enum { STEP_FAR = 100 };

/* What is at hand while a block steps. */
typedef struct block_step {
  symo_optim_state *state;
  const optim_block *b;
  block_work w;
  uint64_t t;
  double rate, norm, decay;          /* of the step; of all gradients; decoupled */
  symo_vector p;                     /* the caller's, tensors of the block alone */
  symo_const_vector g, u;            /* the gradient and the direction so far */
  symo_const_vector theta;           /* the parameters that the curvature sees */
  symo_vector out;                   /* the direction to be */
  double *norms;                     /* of each tensor: of the graft, then of the change */
  double *graft;                     /* norms of the graft are to be taken times 2^graft[i], .. */
  double *shift;                     /* .. and tensors of u times 2^shift[i] */
  int *g_level, *u_level, *u_stored; /* of g and of momentum: see curvature_scale */
  bool due;                          /* second moments take this gradient in */
  bool curved;                       /* the direction is that of the curvature */
  bool combined;                     /* with what it is in other processes */
  void *curvature_work;
  double *counters;
  symo_step_report *report;
} block_step;

static inline void *symo_step_at(const block_step *s, size_t offset) {
  return (char *)s->state->work + offset;
}

static inline symo_nd symo_step_view(const block_step *s, symo_const_vector x, size_t i) {
  return symo_layout_view(s->b->layout, s->state->optim->dtype, x, i);
}

static inline symo_nd symo_step_entry(const block_step *s, size_t entry, size_t i) {
  const layout_tensor *t = &s->b->layout->tensors[i];
  return symo_nd_dense(s->state->optim->dtype, s->state->data[entry], (int)t->order, t->dim);
}

/* The norm of the gradient, and those of its tensors as logarithms; NaN where an entry is not
 * finite: *tensor is the first where (optim/step_survey.c). */
double symo_step_survey(symo_optim_state *state, symo_const_vector grad, size_t *tensor);

/* The gradient after clipping and L2 decay; the levels of its tensors, and the momentum, which
 * becomes the direction. */
void symo_step_gradient(block_step *s);
void symo_step_momentum(block_step *s);

/* Whether a method may make the whole step in one pass over memory at all, at step t. */
bool symo_step_may_be_entries(const optim_block *b, uint64_t t);

/* Whether the whole step of the block can be one pass over memory, and that pass, which leaves the
 * norms of the changes as symo_step_advance does (optim/step_entries.c). */
bool symo_step_is_entries(block_step *s);
void symo_step_entries(block_step *s);

/* False if entries near 1 times this factor would be rounded or lost in the type. */
bool symo_step_is_plain(symo_dtype dtype, double factor);

/* Graft, scale, decay, step of tensor i by d.  Its norm becomes that of the change, or what the
 * step cannot be taken for. */
enum { STEP_NOT_FINITE = -1, STEP_OUT_OF_RANGE = -2 };
void symo_step_advance(const block_step *s, size_t i, symo_nd d);

#endif
