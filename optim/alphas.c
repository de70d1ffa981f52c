/* Exponents measured on the run: alpha of h_k ~ sigma_k^alpha, h_k the curvature along the singular
 * directions of a matrix's gradient (docs/mathematics.md, section 6a), as symo spectrum --exponents
 * has it: directions down to a thousandth of the largest singular value, spread over log k, robust
 * regression on logarithms.  A tensor of more than two axes is the matrix [first, the others].
 *
 * All matrices share the calls of the problem's function, which takes several directions at once.
 *
 * Check: a quadratic with h_k = sigma_k^1.3 along the singular directions of its gradient: 1.3. */
#include "optim/alphas.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/directions.h"
#include "hessian/power_law.h"
#include "optim/block.h"
#include "optim/method.h"

static const double range = 1e-3; /* directions count with sigma_k >= range sigma_1 */

bool symo_block_measures(const optim_block *b) { return symo_method_measures(&b->method); }

bool symo_optim_measures(const symo_optim *optim) {
  for (size_t i = 0; i < optim->num_blocks; i++)
    if (symo_block_measures(&optim->blocks[i])) return true;
  return false;
}

static bool is_due(const optim_block *b, uint64_t t) {
  const uint64_t first = b->method.alpha_first + 1, every = b->method.alpha_every;
  if (!symo_block_measures(b) || t < first) return false;
  return every > 0 ? (t - first) % every == 0 : t == first;
}

bool symo_alphas_are_due(const symo_optim *optim, uint64_t t, bool *hessian) {
  bool due = false;
  *hessian = false;
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    if (!is_due(b, t)) continue;
    due = true;
    *hessian = *hessian || b->method.alpha_curvature == SYMO_ALPHA_HESSIAN;
  }
  return due;
}

/* ---- matrices ---- */

/* Rows and columns of a tensor; false where too few directions could come of it. */
static bool shape_of(const layout_tensor *t, size_t *rows, size_t *cols) {
  if (t->order < 2) return false;
  *rows = t->dim[0], *cols = t->size / t->dim[0];
  return (*rows < *cols ? *rows : *cols) >= SYMO_POWER_POINTS;
}

double symo_block_alpha_products(const optim_block *b) {
  double sum = 0;
  for (size_t t = 0; t < b->num_tensors; t++) {
    size_t rows, cols;
    if (!shape_of(&b->layout->tensors[t], &rows, &cols)) continue;
    sum += fmin((double)(rows < cols ? rows : cols), (double)b->method.alpha_directions);
  }
  return sum;
}

/* Golub and Van Loan, figure 8.6.1: singular values and thin vectors, 6 m n^2 + 20 n^3. */
double symo_block_alpha_flops(const optim_block *b) {
  double sum = 0;
  for (size_t t = 0; t < b->num_tensors; t++) {
    size_t rows, cols;
    if (!shape_of(&b->layout->tensors[t], &rows, &cols)) continue;
    const double n = (double)(rows < cols ? rows : cols), m = (double)(rows < cols ? cols : rows);
    sum += 6 * m * n * n + 20 * n * n * n;
  }
  return sum;
}

/* The matrices of a block. */
typedef struct measurement {
  const symo_optim_state *state;
  const optim_block *b;
  size_t count;
  size_t *tensor;              /* [count], of the block */
  symo_directions *directions; /* [count] */
  symo_along *along;           /* [count] */
  symo_status *status;         /* [count] */
  double *alpha;               /* [tensors of the block] */
} measurement;

static void drop(measurement *m) {
  for (size_t i = 0; m->directions != NULL && i < m->count; i++) {
    symo_directions_drop(&m->directions[i]);
    symo_free(m->along[i].h);
  }
  symo_free(m->tensor);
  symo_free(m->directions);
  symo_free(m->along);
  symo_free(m->status);
  symo_free(m->alpha);
}

static symo_status list(measurement *m) {
  const size_t tensors = m->b->num_tensors;
  m->tensor = symo_calloc(tensors, sizeof *m->tensor);
  m->along = symo_calloc(tensors, sizeof *m->along);
  m->status = symo_calloc(tensors, sizeof *m->status);
  m->alpha = symo_calloc(tensors, sizeof *m->alpha);
  m->directions = symo_calloc(tensors, sizeof *m->directions);
  if (m->tensor == NULL || m->along == NULL || m->status == NULL || m->alpha == NULL ||
      m->directions == NULL)
    return symo_fail_memory(m->state->optim->context, "optim");
  for (size_t t = 0; t < tensors; t++) {
    size_t rows, cols;
    m->alpha[t] = NAN;
    if (shape_of(&m->b->layout->tensors[t], &rows, &cols)) m->tensor[m->count++] = t;
  }
  return SYMO_OK;
}

/* The singular directions of matrix i; without a word in the context, as several may fail at once. */
static void decompose(void *arg, size_t i, int worker) {
  measurement *m = arg;
  const symo_optim *optim = m->state->optim;
  const size_t most = (size_t)m->b->method.alpha_directions;
  const layout_tensor *t = &optim->layout->tensors[m->b->tensors[m->tensor[i]]];
  size_t rows = 0, cols = 0;
  (void)worker;
  shape_of(t, &rows, &cols);
  m->along[i] = (symo_along){.directions = &m->directions[i], .offset = t->offset};
  m->status[i] =
      symo_directions_make(NULL, optim->dtype, rows, cols,
                           symo_at(optim->dtype, m->state->gradient, (ptrdiff_t)t->offset), range,
                           most, &m->directions[i]);
  if (m->status[i] != SYMO_OK) return;
  m->along[i].h = symo_calloc(m->directions[i].count + 1, sizeof(double));
  if (m->along[i].h == NULL) m->status[i] = SYMO_E_MEMORY;
}

/* Those that have none (SYMO_NO_CONVERGENCE, SYMO_E_SIZE) have no directions. */
static symo_status decompose_all(measurement *m) {
  symo_pool_run(m->state->pool, m->count, decompose, m);
  for (size_t i = 0; i < m->count; i++)
    if (m->status[i] == SYMO_E_MEMORY) return symo_fail_memory(m->state->optim->context, "optim");
  return SYMO_OK;
}

/* ---- fits ---- */

static symo_status fit_all(measurement *m, bool *good, uint64_t *measured) {
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < m->count && status == SYMO_OK && *good; i++) {
    const symo_directions *d = &m->directions[i];
    symo_power fit;
    for (size_t k = 0; k < d->count; k++) *good = *good && isfinite(m->along[i].h[k]);
    if (!*good || d->count == 0) continue;
    status =
        symo_power_fit(m->state->optim->context, NULL, 0, d->count, d->chosen, m->along[i].h, &fit);
    if (status != SYMO_OK) continue;
    m->alpha[m->tensor[i]] = fit.value;
    if (!isnan(fit.value)) ++*measured;
  }
  return status;
}

static symo_status check_problem(const optim_block *b, const problem_call *call) {
  const bool ggn = b->method.alpha_curvature == SYMO_ALPHA_GGN;
  if ((ggn ? call->problem->ggn : call->problem->hvp) != NULL) return SYMO_OK;
  return symo_fail(call->context, SYMO_E_UNSUPPORTED,
                   "optim: alpha auto: the problem %s has no products with %s (fill %s, or set "
                   "alpha_curvature to %s, or alpha to a number)",
                   call->problem->name != NULL ? call->problem->name : "",
                   ggn ? "the Gauss-Newton matrix" : "the Hessian", ggn ? "ggn" : "hvp",
                   ggn ? "hessian" : "ggn");
}

static symo_status measure_block(symo_optim_state *state, const optim_block *b,
                                 const problem_call *call, bool *good, uint64_t *measured) {
  const bool ggn = b->method.alpha_curvature == SYMO_ALPHA_GGN;
  measurement m = {.state = state, .b = b};
  symo_status status;
  SYMO_TRY(check_problem(b, call));
  SYMO_TRY(list(&m));
  SYMO_TRY(decompose_all(&m));
  SYMO_TRY(symo_curvature_along(call, ggn, m.count, m.along));
  SYMO_TRY(fit_all(&m, good, measured));
  if (*good)
    SYMO_TRY(
        b->curvature->take_alphas(b->self, state->data + symo_block_curvature_entry(b), m.alpha));
fail:
  drop(&m);
  return status;
}

symo_status symo_alphas_measure(symo_optim_state *state, const problem_call *call, uint64_t t,
                                bool *good, uint64_t *measured) {
  const symo_optim *optim = state->optim;
  symo_status status = SYMO_OK;
  *good = true;
  *measured = 0;
  if (!symo_all_finite(optim->dtype, optim->layout->parameters, state->gradient)) return SYMO_OK;
  for (size_t i = 0; i < optim->num_blocks && status == SYMO_OK && *good; i++)
    if (is_due(&optim->blocks[i], t))
      status = measure_block(state, &optim->blocks[i], call, good, measured);
  return status;
}

/* ---- what they have come to ---- */

double symo_optim_state_alpha(const symo_optim_state *state, size_t tensor, double *measured) {
  double unused;
  if (measured == NULL) measured = &unused;
  *measured = NAN;
  if (state == NULL) return NAN;
  const symo_optim *optim = state->optim;
  if (tensor >= optim->layout->num_tensors) {
    symo_fail_index(optim->context, "optim_state_alpha", "tensor", tensor, "layout",
                    optim->layout->num_tensors);
    return NAN;
  }
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    for (size_t k = 0; k < b->num_tensors; k++)
      if (b->tensors[k] == tensor && symo_block_measures(b))
        return b->curvature->alpha(b->self, state->data + symo_block_curvature_entry(b), k,
                                   measured);
  }
  return optim->rules[optim->rule_of[tensor]].method.alpha;
}
