/* Eigenvalues of the block of the Hessian that belongs to one matrix of a network. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/spectrum/exponents.h"

#include <math.h>
#include <string.h>
#include <symo/operator.h>

enum { BLOCK = 8 };

/* A vector of the block is one over all parameters with zeros elsewhere. */
typedef struct block {
  symo_problem problem;
  const void *theta;
  size_t offset, size;
  void *v, *hv; /* [BLOCK, P] */
} block;

static symo_status product(void *self, size_t k, const void *v, void *av) {
  block *b = self;
  const symo_dtype dtype = b->problem.dtype;
  const size_t bytes = b->size * symo_dtype_size(dtype);
  symo_status status = SYMO_OK;
  for (size_t first = 0; first < k && status == SYMO_OK; first += BLOCK) {
    const size_t n = k - first < BLOCK ? k - first : BLOCK;
    for (size_t i = 0; i < n; i++)
      memcpy(symo_at(dtype, b->v, (ptrdiff_t)(i * b->problem.size + b->offset)),
             symo_at(dtype, v, (ptrdiff_t)((first + i) * b->size)), bytes);
    status = b->problem.hvp(b->problem.self, b->theta, n, b->v, b->hv);
    for (size_t i = 0; i < n; i++)
      memcpy(symo_at(dtype, av, (ptrdiff_t)((first + i) * b->size)),
             symo_at(dtype, b->hv, (ptrdiff_t)(i * b->problem.size + b->offset)), bytes);
  }
  return status;
}

static symo_status keep(symo_context *context, const symo_eigenpairs *pairs, spectrum_matrix *m) {
  m->eigenvalues = symo_calloc(pairs->count + 1, sizeof *m->eigenvalues);
  if (m->eigenvalues == NULL) return symo_fail_memory(context, "spectrum");
  m->eigen_products = pairs->products;
  /* Those that have not converged are not even known to be the largest. */
  for (size_t i = 0; i < pairs->converged; i++)
    if (pairs->values[i] != 0) m->eigenvalues[m->num_eigenvalues++] = pairs->values[i];
  return SYMO_OK;
}

symo_status spectrum_eigenvalues(const spectrum_subject *s, const spectrum_options *o,
                                 symo_rng *rng, spectrum_matrix *m) {
  block b = {.problem = symo_net_problem(s->net),
             .theta = s->theta,
             .offset = m->place.offset,
             .size = m->place.rows * m->place.cols};
  const size_t bytes = symo_dtype_size(b.problem.dtype);
  const symo_operator a = {"block of the Hessian", b.size, b.problem.dtype, &b, product};
  symo_lanczos_spec spec = symo_lanczos_spec_default();
  symo_eigenpairs pairs = {0};
  symo_status status = SYMO_OK;
  spec.count = o->eigenvalues < b.size ? o->eigenvalues : b.size;
  spec.tolerance = o->tolerance;
  if (spec.count == 0 || m->count == 0) return SYMO_OK;
  b.v = symo_calloc(BLOCK * b.problem.size, bytes),
  b.hv = symo_calloc(BLOCK * b.problem.size, bytes);
  if (b.v == NULL || b.hv == NULL) {
    status = symo_fail_memory(s->context, "spectrum");
    goto fail;
  }
  SYMO_TRY(symo_lanczos(s->context, &a, &spec, rng, &pairs));
  SYMO_TRY(keep(s->context, &pairs, m));
fail:
  symo_eigenpairs_free(&pairs);
  symo_free(b.v);
  symo_free(b.hv);
  return status;
}
