/* What a block of a plan needs: entries, work space, and when its roots are taken. */
#include "optim/block.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "optim/update/rows.h"

bool symo_block_grafts(const optim_block *b) { return b->method.graft != SYMO_GRAFT_NONE; }
bool symo_block_grafts_adam(const optim_block *b) { return b->method.graft == SYMO_GRAFT_ADAM; }
bool symo_block_in_basis(const optim_block *b) {
  return b->method.basis != SYMO_BASIS_NONE && b->method.curvature->own_momentum;
}

bool symo_block_has_momentum(const optim_block *b) {
  bool wanted =
      !symo_block_in_basis(b) || symo_block_grafts(b) || symo_curvature_start(&b->method) > 1;
  return b->method.momentum > 0 && wanted;
}

bool symo_block_has_exponents(const optim_block *b) {
  return symo_block_has_momentum(b) && !b->method.curvature->elementwise;
}

size_t symo_block_graft_entry(const optim_block *b) {
  return b->first_entry + (symo_block_has_momentum(b) ? b->num_tensors : 0);
}

size_t symo_block_curvature_entry(const optim_block *b) {
  return symo_block_graft_entry(b) + (symo_block_grafts_adam(b) ? b->num_tensors : 0);
}

size_t symo_block_num_roots(const optim_block *b) { return b->curvature->num_roots(b->self); }

static size_t take(block_work *w, size_t bytes) {
  size_t at = w->bytes;
  w->bytes += symo_padded(bytes);
  return at;
}

block_work symo_block_work(const optim_block *b, symo_dtype dtype, int threads) {
  const symo_method *m = &b->method;
  size_t vector = b->layout->parameters * symo_dtype_size(dtype), n = b->num_tensors;
  bool l2 = m->decay == SYMO_DECAY_L2 && m->weight_decay > 0;
  block_work w = {.gradient = l2 || m->clip_norm > 0 || m->clip_value > 0,
                  .direction =
                      symo_block_has_momentum(b) && (m->nesterov || m->momentum_correction)};
  w.pointers_at = take(&w, 5 * n * sizeof(void *));
  w.strides_at = take(&w, 2 * n * sizeof(ptrdiff_t *));
  w.theta_at = take(&w, (b->all != NULL ? b->all->num_tensors : 0) * sizeof(void *));
  w.norms_at = take(&w, 3 * n * sizeof(double));
  w.levels_at = take(&w, 3 * n * sizeof(int));
  w.roots_at = take(&w, symo_block_num_roots(b) * sizeof(block_root));
  w.gradient_at = take(&w, w.gradient ? vector : 0);
  w.direction_at = take(&w, w.direction ? vector : 0);
  w.out_at = take(&w, vector);
  w.stride = symo_padded(b->curvature->work_bytes(b->self));
  w.curvature_at = take(&w, (size_t)threads * w.stride);
  return w;
}

size_t symo_block_tensor_of(const optim_block *b, size_t chunk, size_t *first) {
  size_t low = 0, high = b->num_tensors; /* chunk_at[low] <= chunk < chunk_at[high] */
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (b->chunk_at[middle] <= chunk)
      low = middle;
    else
      high = middle;
  }
  *first = (chunk - b->chunk_at[low]) * UPDATE_CHUNK;
  return low;
}

double symo_block_norm(const symo_optim_state *state, const optim_block *b, size_t i) {
  double sum = 0;
  for (size_t k = b->chunk_at[i]; k < b->chunk_at[i + 1]; k++) sum += state->partial[k];
  return sqrt(sum);
}
