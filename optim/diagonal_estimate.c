/* Estimates of a diagonal by functions of the problem.
 *
 *   hutchinson  D = mean over probes of v (H v), entry by entry, v of random signs: unbiased for the
 *               diagonal of the Hessian, and exact where H is diagonal (Bekas, Kokiopoulou, Saad
 *               2007; AdaHessian: Yao et al. 2021)
 *   bartlett    D = N g g, entry by entry, g the gradient of the mean over N examples with targets
 *               from the model's own distribution: unbiased for the diagonal of the Gauss-Newton
 *               matrix (Liu et al. 2023)
 *
 * Signs are bits of a hash of seed, step, probe and place, so that a run taken up from a checkpoint
 * has the same ones.  spatial_average: over all axes of a tensor but the first two, absolute values
 * (AdaHessian's, for kernels). */
#include "optim/diagonal_estimate.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "optim/share.h"

enum { PROBES = 8 }; /* at a time */

bool symo_block_estimates(const optim_block *b) {
  return b->method.source >= SYMO_SOURCE_HUTCHINSON;
}

static bool is_due(const optim_block *b, uint64_t t) {
  return symo_block_estimates(b) && (t - 1) % b->method.statistics_every == 0;
}

/* Of a share: what is due in any process, since all of them make the estimates together. */
static const symo_optim *whole_of(const symo_optim *optim) {
  return optim->share != NULL ? optim->share->whole : optim;
}

bool symo_diagonal_is_due(const symo_optim *optim, uint64_t t, bool *hessian) {
  bool due = false;
  optim = whole_of(optim);
  *hessian = false;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (!is_due(b, t)) continue;
    due = true;
    *hessian = *hessian || b->method.source == SYMO_SOURCE_HUTCHINSON;
  }
  return due;
}

/* ---- memory, taken by the first step that estimates ---- */

/* Vectors over all parameters, and pointers to those of the first by block. */
typedef struct room {
  void *out, *one, *v, *av; /* [n], [n], [PROBES, n] twice */
  void **pointers;          /* [tensors] */
} room;

static room room_of(const symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  const size_t vector = symo_padded(optim->layout->parameters * symo_dtype_size(optim->dtype));
  char *at = state->estimates;
  return (room){.out = at,
                .one = at + vector,
                .v = at + 2 * vector,
                .av = at + (2 + PROBES) * vector,
                .pointers = (void **)(void *)(at + (2 + 2 * PROBES) * vector)};
}

static symo_status take_room(symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  const size_t vector = symo_padded(optim->layout->parameters * symo_dtype_size(optim->dtype));
  size_t used = 0;
  if (state->estimates != NULL) return SYMO_OK;
  state->estimates =
      symo_malloc((2 + 2 * PROBES) * vector + optim->layout->num_tensors * sizeof(void *));
  if (state->estimates == NULL) return symo_fail_memory(optim->context, "optim");
  const room r = room_of(state);
  for (size_t i = 0; i < optim->num_blocks; i++) /* block by block */
    for (size_t k = 0; k < optim->blocks[i].num_tensors; k++) {
      const layout_tensor *t = &optim->layout->tensors[optim->blocks[i].tensors[k]];
      r.pointers[used++] = symo_at(optim->dtype, r.out, (ptrdiff_t)t->offset);
    }
  return SYMO_OK;
}

symo_const_vector symo_diagonal_of_block(const symo_optim_state *state, const optim_block *b) {
  size_t before = 0;
  for (const optim_block *c = state->optim->blocks; c < b; c++) before += c->num_tensors;
  return symo_const_vector_of(state->optim->dtype,
                              (const void *const *)(room_of(state).pointers + before));
}

/* ---- the two estimates, into `one` ---- */

#define SYMO_KERNELS "optim/diagonal_estimate.inc"
#include "core/real.h"

static symo_status lacks(const problem_call *call, const char *source, const char *slot) {
  return symo_fail(call->context, SYMO_E_UNSUPPORTED,
                   "optim: source %s: the problem %s has no such function (fill %s)", source,
                   call->problem->name != NULL ? call->problem->name : "", slot);
}

static symo_status hutchinson(const symo_optim *optim, const optim_block *b, const room *r,
                              const problem_call *call, uint64_t t) {
  const size_t n = optim->layout->parameters, probes = (size_t)b->method.probes;
  if (call->problem->hvp == NULL) return lacks(call, "hutchinson", "hvp");
  memset(r->one, 0, n * symo_dtype_size(optim->dtype));
  for (size_t first = 0; first < probes; first += PROBES) {
    const size_t k = probes - first < PROBES ? probes - first : PROBES;
    for (size_t p = 0; p < k; p++) {
      const uint64_t key =
          symo_hash_join(symo_hash_join(symo_hash(b->method.probe_seed), t), first + p);
      SYMO_BY_TYPE(optim->dtype, signs, n, key, symo_at(optim->dtype, r->v, (ptrdiff_t)(p * n)));
    }
    symo_status status = symo_problem_call_product(call, SYMO_MATRIX_HESSIAN, k, r->v, r->av);
    if (status != SYMO_OK) return status;
    SYMO_BY_TYPE(optim->dtype, add_products, k, n, 1.0 / (double)probes, r->v, r->av, r->one);
  }
  return SYMO_OK;
}

static symo_status bartlett(const symo_optim *optim, const optim_block *b, const room *r,
                            const problem_call *call, uint64_t t) {
  const size_t n = optim->layout->parameters;
  double examples = 0;
  if (call->problem->sampled_gradient == NULL) return lacks(call, "bartlett", "sampled_gradient");
  symo_status status = symo_problem_call_sampled(
      call, symo_hash_join(symo_hash(b->method.probe_seed), t), &examples, r->v);
  if (status != SYMO_OK) return status;
  memset(r->one, 0, n * symo_dtype_size(optim->dtype));
  SYMO_BY_TYPE(optim->dtype, add_products, 1, n, examples, r->v, r->v, r->one);
  return SYMO_OK;
}

/* From `one` to `out`, for the tensors of the block. */
static bool hand_over(const symo_optim *optim, const optim_block *b, const room *r) {
  const double most = sqrt(symo_largest(optim->dtype));
  bool good = true;
  for (size_t k = 0; k < b->num_tensors; k++) {
    const layout_tensor *t = &optim->layout->tensors[b->tensors[k]];
    const void *from = symo_at(optim->dtype, r->one, (ptrdiff_t)t->offset);
    void *to = symo_at(optim->dtype, r->out, (ptrdiff_t)t->offset);
    const bool kernels = b->method.spatial_average && t->order > 2;
    const size_t window = kernels ? t->size / (t->dim[0] * t->dim[1]) : 1;
    good = good && symo_nd_max_abs(
                       symo_nd_dense(optim->dtype, (void *)(uintptr_t)from, 1, &t->size)) <= most;
    if (kernels)
      SYMO_BY_TYPE(optim->dtype, average, t->size, window, from, to);
    else
      memcpy(to, from, t->size * symo_dtype_size(optim->dtype));
  }
  return good;
}

symo_status symo_diagonal_estimate(symo_optim_state *state, const problem_call *call, uint64_t t,
                                   bool *good) {
  const symo_optim *optim = whole_of(state->optim);
  symo_status status = take_room(state);
  *good = true;
  if (status != SYMO_OK) return status;
  const room r = room_of(state);
  for (size_t i = 0; i < optim->num_blocks && status == SYMO_OK; i++) {
    const optim_block *b = &optim->blocks[i];
    if (!is_due(b, t)) continue;
    status =
        (b->method.source == SYMO_SOURCE_HUTCHINSON ? hutchinson : bartlett)(optim, b, &r, call, t);
    if (status == SYMO_OK) *good = hand_over(optim, b, &r) && *good;
  }
  return status;
}
