#ifndef SYMO_OPTIM_BLOCK_H
#define SYMO_OPTIM_BLOCK_H

#include "optim/optim.h"

/* Rules (optim/rules.c): the first that fits a tensor, or num_rules.  moved: some axis of the
 * tensor has a group.  site: it is part of one. */
bool symo_rule_fits(const symo_rule *rule, const char *name, size_t order, bool moved, bool site);
size_t symo_rule_find(size_t num_rules, const symo_rule *rules, const char *name, size_t order,
                      bool moved, bool site);

/* The layout of some tensors of a layout alone, with the groups that the method says
 * (optim/sublayout.c). */
symo_status symo_block_layout(const symo_layout *layout, size_t num_tensors, const size_t *tensors,
                              const symo_method *method, symo_dtype dtype, symo_layout **out);

/* Entries of a block: momentum, second moments of the graft, those of the curvature, exponents, and
 * "counters", [1 + roots]: updates of the covariances, and 1 for every root that has been taken.
 * Second moments in a per-axis basis come with a momentum of their own: ours is then for the graft
 * and for steps before the start. */
bool symo_block_in_basis(const optim_block *b);
bool symo_block_has_momentum(const optim_block *b);
bool symo_block_grafts_adam(const optim_block *b);
bool symo_block_grafts(const optim_block *b);
/* Whether the momentum of each tensor is stored with a power of two, in the entry "exponents".  It
 * is not for second moments of every entry, whose eps is absolute. */
bool symo_block_has_exponents(const optim_block *b);
size_t symo_block_graft_entry(const optim_block *b);
size_t symo_block_curvature_entry(const optim_block *b);
static inline size_t symo_block_counter_entry(const optim_block *b) {
  return b->first_entry + b->num_entries - 1;
}
static inline size_t symo_block_exponent_entry(const optim_block *b) {
  return b->first_entry + b->num_entries - 2;
}

/* The buffers of a step of the block, and their offsets in the work space: arrays of pointers and
 * strides; norms; the gradient after clipping and L2 decay; the direction, where it is not the
 * momentum itself; the direction after the curvature; work space of the curvature.  Blocks use the
 * same memory one after the other.  Each thread of a state has its own work space of the curvature,
 * `stride` bytes behind that of the thread before. */
typedef struct block_work {
  bool gradient, direction;
  size_t pointers_at, strides_at, theta_at, norms_at, levels_at, roots_at, gradient_at,
      direction_at, out_at, curvature_at, stride, bytes;
} block_work;
block_work symo_block_work(const optim_block *b, symo_dtype dtype, int threads);

/* Work on a block goes by chunks of UPDATE_CHUNK numbers of a tensor.  The tensor that a chunk
 * belongs to, and the chunk's first number in it. */
size_t symo_block_tensor_of(const optim_block *b, size_t chunk, size_t *first);
/* The norm of tensor i, from the sums of squares of its chunks in state->partial. */
double symo_block_norm(const symo_optim_state *state, const optim_block *b, size_t i);

/* A root that is due in a step, and what came of it. */
typedef struct block_root {
  size_t root;
  double flops;
  symo_status status;
  curvature_report report;
} block_root;

size_t symo_block_num_roots(const optim_block *b);

#endif
