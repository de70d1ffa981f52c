/* What is known of a gradient before a step: whether its entries are finite, and its norms.
 *
 * Squares are summed chunk by chunk by whichever thread is free, and added in their order.  A norm whose
 * squares would leave the range is taken over a power of two; of several processes each has the
 * norms of its tensors.  Where all of a step is one pass over memory and nobody asks for norms, the
 * largest entries give bounds of them. */
#include <math.h>
#include <string.h>

#include "optim/share.h"
#include "optim/step.h"
#include "optim/update/rows.h"

typedef struct survey_job {
  symo_optim_state *state;
  const optim_block *b;
  symo_const_vector grad;
} survey_job;

/* The sum of squares of a chunk, or its largest entry. */
static void survey_chunk(void *arg, size_t index, int worker) {
  const survey_job *j = arg;
  const symo_optim *optim = j->state->optim;
  size_t first, i = symo_block_tensor_of(j->b, index, &first), tensor = j->b->tensors[i];
  size_t left = optim->layout->tensors[tensor].size - first,
         n = left < UPDATE_CHUNK ? left : UPDATE_CHUNK;
  const bool dense = j->grad.strides == NULL || j->grad.strides[tensor] == NULL;
  (void)worker;
  j->state->partial[index] = 0;
  if (!dense && first > 0) return; /* the task of the first chunk takes all of the tensor */
  symo_nd g =
      dense ? symo_nd_dense(optim->dtype,
                            symo_at(optim->dtype, j->grad.data[tensor], (ptrdiff_t)first), 1, &n)
            : symo_layout_view(optim->layout, optim->dtype, j->grad, tensor);
  j->state->partial[index] = j->state->light ? symo_nd_max_abs(g) : symo_update_sum_squares(g);
}

/* The norm of tensor i from its chunks, or the largest that it can have. */
static double norm_of_chunks(const symo_optim_state *state, const optim_block *b, size_t i) {
  double most = 0;
  if (!state->light) return symo_block_norm(state, b, i);
  for (size_t k = b->chunk_at[i]; k < b->chunk_at[i + 1]; k++) most = fmax(most, state->partial[k]);
  return most * sqrt((double)b->layout->tensors[i].size);
}

/* The norm of tensor i over 2^exponent, from what its chunks said. */
static double near_norm(const symo_optim_state *state, symo_const_vector grad, size_t i,
                        int *exponent) {
  const symo_optim *optim = state->optim;
  const double own = state->log_norms[i];
  if (state->light || symo_update_near(own)) return own;
  return symo_update_far_norm(symo_layout_view(optim->layout, optim->dtype, grad, i), exponent);
}

/* The same of all tensors, each from the process that has it. */
static void join_norms(const symo_optim_state *state, symo_const_vector grad) {
  const symo_optim *optim = state->optim;
  const size_t tensors = optim->layout->num_tensors;
  memset(state->numbers, 0, 2 * tensors * sizeof *state->numbers);
  for (size_t i = 0; i < tensors; i++) {
    int exponent = 0;
    if (optim->share->owner[i] != optim->share->comm->rank) continue;
    state->numbers[2 * i] = near_norm(state, grad, i, &exponent);
    state->numbers[2 * i + 1] = exponent;
  }
  symo_share_join(state, 2, state->numbers);
}

static double joined_norm(const symo_optim_state *state, size_t i, int *exponent) {
  *exponent = (int)state->numbers[2 * i + 1];
  return state->numbers[2 * i];
}

double symo_step_survey(symo_optim_state *state, symo_const_vector grad, size_t *tensor) {
  const symo_optim *optim = state->optim;
  double norm = 0, *norms = state->log_norms;
  for (size_t k = 0; k < optim->num_blocks; k++) {
    const optim_block *b = &optim->blocks[k];
    survey_job j = {state, b, grad};
    symo_pool_run(state->pool, b->chunk_at[b->num_tensors], survey_chunk, &j);
    for (size_t i = 0; i < b->num_tensors; i++) norms[b->tensors[i]] = norm_of_chunks(state, b, i);
  }
  state->far_norm = 0;
  if (optim->share != NULL) join_norms(state, grad);
  for (size_t i = 0; i < optim->layout->num_tensors; i++) {
    int exponent = 0;
    const double own = optim->share != NULL ? joined_norm(state, i, &exponent)
                                            : near_norm(state, grad, i, &exponent);
    norms[i] = log2(own) + exponent;
    if (!isfinite(own)) {
      *tensor = i;
      return (double)NAN;
    }
    norm = hypot(norm, ldexp(own, exponent));
    state->far_norm = hypot(state->far_norm, ldexp(own, exponent - STEP_FAR));
  }
  return norm;
}
