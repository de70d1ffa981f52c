/* Gradients of single examples of a problem, and the empirical Fisher matrix F = G'G / N of them, G
 * [N, P] with the g_i in its rows.  G is taken a block of rows B at a time:
 *
 *     F V' = sum_B B' (B V') / N      diag F = sum_B of squares / N      F = sum_B B'B / N
 *
 * and only the inner products G G' / N, which couple all examples, take all of it at once.
 *
 * Check: two examples with g = (1, 0) and (1, 2): F = ((1, 1), (1, 2)), G G' / 2 = ((1, 1), (1, 5)) / 2,
 * and both have trace 3. */
#include "hessian/examples.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "core/vector.h"

enum { BLOCK_BYTES = 256 << 10, SQUARE_LANES = 8 };

/* ---- what may be asked ---- */

static symo_status check(const problem_call *call, const void *out, const char *name) {
  const symo_problem *p = call->problem;
  if (p == NULL || call->theta == NULL || out == NULL)
    return symo_fail_null(call->context, call->where,
                          p == NULL             ? "problem"
                          : call->theta == NULL ? "theta"
                                                : name);
  const char *slot = p->examples == NULL            ? "examples"
                     : p->example_gradients == NULL ? "example_gradients"
                                                    : NULL;
  if (slot != NULL)
    return symo_fail(call->context, SYMO_E_UNSUPPORTED,
                     "%s: the problem %s has no gradients of single examples (fill %s)",
                     call->where, p->name == NULL ? "" : p->name, slot);
  if (symo_dtype_size(p->dtype) == 0)
    return symo_fail(call->context, SYMO_E_DTYPE, "%s: the problem %s has no dtype (f32 or f64)",
                     call->where, p->name == NULL ? "" : p->name);
  return SYMO_OK;
}

symo_status symo_problem_example_gradients(symo_context *context, const symo_problem *problem,
                                           const void *theta, size_t first, size_t count,
                                           void *gradients) {
  const problem_call call = {context, "problem_example_gradients", problem, theta};
  const symo_example_request request = {
      .first = first, .count = count, .block = count, .gradients = gradients};
  symo_status status = check(&call, gradients, "gradients");
  if (status != SYMO_OK) return status;
  const size_t examples = problem->examples(problem->self);
  if (first > examples || count > examples - first)
    return symo_fail(context, SYMO_E_SHAPE, "%s: %zu %s from %zu on, of %zu", call.where, count,
                     symo_plural(count, "example", "examples"), first, examples);
  return count == 0 ? SYMO_OK : symo_problem_call_examples(&call, &request);
}

static symo_status all_finite(const problem_call *call, size_t n, const double *a) {
  if (symo_all_finite(SYMO_F64, n * n, a)) return SYMO_OK;
  return symo_fail(call->context, SYMO_E_NONFINITE,
                   "%s: the matrix of %s holds NaN or infinity (check theta and the data)",
                   call->where, call->problem->name == NULL ? "the problem" : call->problem->name);
}

/* ---- block by block ---- */

static size_t block_of(const symo_problem *p, size_t block, size_t examples) {
  const size_t one = p->size * symo_dtype_size(p->dtype);
  if (block == 0) block = one > 0 && one < BLOCK_BYTES ? BLOCK_BYTES / one : 1;
  return block < examples ? block : examples;
}

static symo_status each(const problem_call *call, size_t block, symo_example_take take,
                        void *self) {
  const symo_problem *p = call->problem;
  const size_t examples = p->examples(p->self);
  size_t bytes;
  if (examples == 0) return SYMO_OK;
  block = block_of(p, block, examples);
  if (!symo_mul_size(block, p->size, &bytes) ||
      !symo_mul_size(bytes, symo_dtype_size(p->dtype), &bytes))
    return symo_fail(call->context, SYMO_E_SIZE, "%s: blocks of %zu gradients are too large",
                     call->where, block);
  void *room = symo_malloc(bytes);
  if (room == NULL) return symo_fail_memory(call->context, call->where);
  const symo_example_request request = {
      .count = examples, .block = block, .gradients = room, .take = take, .self = self};
  symo_status status = symo_problem_call_examples(call, &request);
  symo_free(room);
  return status;
}

symo_status symo_problem_each_example(symo_context *context, const symo_problem *problem,
                                      const void *theta, size_t block, symo_example_take take,
                                      void *self) {
  const problem_call call = {context, "problem_each_example", problem, theta};
  symo_status status = check(&call, theta, "theta");
  if (status == SYMO_OK && take == NULL) return symo_fail_null(context, call.where, "take");
  return status == SYMO_OK ? each(&call, block, take, self) : status;
}

/* ---- products ---- */

typedef struct product_job {
  symo_dtype dtype;
  size_t size, k, examples, block;
  const void *v;
  void *fv, *scores; /* [block, k] */
} product_job;

static symo_status add_product(void *self, size_t first, size_t count, const void *gradients) {
  const product_job *j = self;
  const symo_mat g = symo_mat_dense((void *)(uintptr_t)gradients, count, j->size);
  const symo_mat v = symo_mat_dense((void *)(uintptr_t)j->v, j->k, j->size);
  const symo_mat s = symo_mat_dense(j->scores, count, j->k);
  symo_gemm(j->dtype, 1.0 / (double)j->examples, g, symo_mat_t(v), 0, s);
  symo_gemm(j->dtype, 1.0, symo_mat_t(s), g, first == 0 ? 0 : 1.0,
            symo_mat_dense(j->fv, j->k, j->size));
  return SYMO_OK;
}

symo_status symo_problem_multiply_examples(const problem_call *call, size_t k, const void *v,
                                           void *fv) {
  const symo_problem *p = call->problem;
  const size_t item = symo_dtype_size(p->dtype), examples = p->examples(p->self);
  product_job j = {.dtype = p->dtype, .size = p->size, .k = k, .examples = examples, .v = v};
  j.fv = fv;
  j.block = block_of(p, 0, examples);
  if (examples == 0) memset(fv, 0, k * p->size * item);
  if (k == 0 || examples == 0) return SYMO_OK;
  j.scores = symo_calloc(j.block * k, item);
  if (j.scores == NULL) return symo_fail_memory(call->context, call->where);
  symo_status status = each(call, j.block, add_product, &j);
  symo_free(j.scores);
  return status;
}

symo_status symo_problem_fisher_product(symo_context *context, const symo_problem *problem,
                                        const void *theta, size_t k, const void *v, void *fv) {
  const problem_call call = {context, "problem_fisher_product", problem, theta};
  if (problem == NULL || theta == NULL || v == NULL || fv == NULL)
    return symo_fail_null(context, call.where,
                          problem == NULL ? "problem"
                          : theta == NULL ? "theta"
                          : v == NULL     ? "v"
                                          : "fv");
  symo_status status = symo_problem_check_matrix(context, call.where, problem, SYMO_MATRIX_FISHER);
  if (status == SYMO_OK && problem->fisher == NULL) status = check(&call, v, "v");
  return status == SYMO_OK ? symo_problem_call_product(&call, SYMO_MATRIX_FISHER, k, v, fv)
                           : status;
}

/* ---- diagonal and trace ---- */

typedef struct square_job {
  symo_dtype dtype;
  size_t size, examples;
  double *diagonal, trace;
} square_job;

#define SYMO_KERNELS "hessian/examples.inc"
#include "core/real.h"

static symo_status add_squares(void *self, size_t first, size_t count, const void *gradients) {
  square_job *j = self;
  const double scale = 1.0 / (double)j->examples;
  if (j->diagonal != NULL && first == 0) memset(j->diagonal, 0, j->size * sizeof *j->diagonal);
  if (j->diagonal != NULL)
    SYMO_BY_TYPE(j->dtype, add_squares, count, j->size, scale, gradients, j->diagonal);
  else
    j->trace += scale * SYMO_BY_TYPE(j->dtype, sum_squares, count * j->size, gradients);
  return SYMO_OK;
}

symo_status symo_problem_fisher_diagonal(symo_context *context, const symo_problem *problem,
                                         const void *theta, double *diagonal, double *trace) {
  const problem_call call = {context, "problem_fisher_diagonal", problem, theta};
  symo_status status = check(&call, diagonal != NULL ? diagonal : trace, "trace");
  if (status != SYMO_OK) return status;
  square_job j = {.dtype = problem->dtype,
                  .size = problem->size,
                  .examples = problem->examples(problem->self),
                  .diagonal = diagonal};
  if (diagonal != NULL && j.examples == 0) memset(diagonal, 0, j.size * sizeof *diagonal);
  status = each(&call, 0, add_squares, &j);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; diagonal != NULL && i < problem->size; i++) j.trace += diagonal[i];
  if (!isfinite(j.trace))
    return symo_fail(context, SYMO_E_NONFINITE,
                     "%s: gradients of %s hold NaN or infinity (check theta and the data)",
                     call.where, problem->name == NULL ? "the problem" : problem->name);
  if (trace != NULL) *trace = j.trace;
  return SYMO_OK;
}

/* ---- dense ---- */

typedef struct dense_job {
  symo_dtype dtype;
  size_t size, examples;
  double *f, *wide; /* wide: [block, size] of float32 gradients */
} dense_job;

static const double *widen(symo_dtype dtype, size_t count, const void *x, double *wide) {
  if (dtype == SYMO_F64) return x;
  for (size_t i = 0; i < count; i++) wide[i] = (double)((const float *)x)[i];
  return wide;
}

static symo_status add_square(void *self, size_t first, size_t count, const void *gradients) {
  const dense_job *j = self;
  const double *g = widen(j->dtype, count * j->size, gradients, j->wide);
  symo_syrk(SYMO_F64, 1.0 / (double)j->examples,
            symo_mat_dense((void *)(uintptr_t)g, count, j->size), first == 0 ? 0 : 1.0,
            symo_mat_dense(j->f, j->size, j->size));
  return SYMO_OK;
}

symo_status symo_problem_fisher(symo_context *context, const symo_problem *problem,
                                const void *theta, double *fisher) {
  enum { ROWS = 128 }; /* of a block: P x P numbers are written for each */
  const problem_call call = {context, "problem_fisher", problem, theta};
  symo_status status = check(&call, fisher, "fisher");
  if (status == SYMO_OK)
    status = symo_problem_check_apart(context, problem, theta, fisher, call.where, "fisher");
  if (status != SYMO_OK) return status;
  dense_job j = {.dtype = problem->dtype,
                 .size = problem->size,
                 .examples = problem->examples(problem->self),
                 .f = fisher};
  const size_t block = block_of(problem, ROWS, j.examples);
  if (j.examples == 0) memset(fisher, 0, j.size * j.size * sizeof *fisher);
  if (j.dtype != SYMO_F64) {
    j.wide = symo_calloc(block * j.size, sizeof *j.wide);
    if (j.wide == NULL) return symo_fail_memory(context, call.where);
  }
  status = each(&call, block, add_square, &j);
  symo_free(j.wide);
  if (status != SYMO_OK) return status;
  symo_symmetrize(SYMO_F64, j.size, fisher);
  return all_finite(&call, j.size, fisher);
}

/* ---- inner products ---- */

size_t symo_problem_gram_bytes(const symo_problem *p) {
  size_t numbers, bytes;
  const bool fits = symo_mul_size(p->examples(p->self), p->size, &numbers) &&
                    symo_mul_size(numbers, sizeof(double), &bytes);
  return fits ? bytes : SIZE_MAX;
}

/* float32 stand at the end of the room, and are read before the float64 reach them. */
symo_status symo_problem_gram(const problem_call *call, void *room, double *gram) {
  const symo_problem *p = call->problem;
  const size_t n = p->examples(p->self), numbers = n * p->size;
  char *g = (char *)room + numbers * (sizeof(double) - symo_dtype_size(p->dtype));
  const symo_example_request request = {.count = n, .block = n, .gradients = g};
  symo_status status = symo_problem_call_examples(call, &request);
  if (status != SYMO_OK) return status;
  const double *wide = widen(p->dtype, numbers, g, room);
  symo_syrk(SYMO_F64, 1.0 / (double)n,
            symo_mat_t(symo_mat_dense((void *)(uintptr_t)wide, n, p->size)), 0,
            symo_mat_dense(gram, n, n));
  return SYMO_OK;
}

symo_status symo_problem_fisher_gram(symo_context *context, const symo_problem *problem,
                                     const void *theta, double *gram) {
  const problem_call call = {context, "problem_fisher_gram", problem, theta};
  symo_status status = check(&call, gram, "gram");
  if (status != SYMO_OK) return status;
  const size_t n = problem->examples(problem->self), bytes = symo_problem_gram_bytes(problem);
  if (n == 0) return SYMO_OK;
  if (bytes == SIZE_MAX)
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu gradients are too large", call.where, n);
  void *room = symo_malloc(bytes);
  if (room == NULL) return symo_fail_memory(context, call.where);
  status = symo_problem_gram(&call, room, gram);
  symo_free(room);
  if (status != SYMO_OK) return status;
  symo_symmetrize(SYMO_F64, n, gram);
  return all_finite(&call, n, gram);
}
