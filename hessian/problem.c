/* The functions of a caller's problem, and its dense second-order matrices by products with blocks
 * of unit vectors. */
#include "hessian/problem.h"

#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/context.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "hessian/examples.h"

/* ---- calls: what to say when a function fails without a word ---- */

static symo_status pass_on(const problem_call *call, size_t failures, symo_status status,
                           const char *what) {
  const char *name = call->problem->name;
  if (status == SYMO_OK || symo_context_failures(call->context) != failures) return status;
  return symo_fail(call->context, status, "%s: the %s of %s ended with %s (%s)", call->where, what,
                   name == NULL ? "the problem" : name, symo_status_name(status),
                   symo_strerror(status));
}

symo_status symo_problem_call_loss(const problem_call *call, double *loss) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, call->problem->loss(call->problem->self, call->theta, loss),
                 "loss");
}

symo_status symo_problem_call_gradient(const problem_call *call, double *loss, void *grad) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures,
                 call->problem->gradient(call->problem->self, call->theta, loss, grad), "gradient");
}

symo_status symo_problem_call_factors(const problem_call *call, double *loss, void *grad,
                                      const symo_factor_request *request) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures,
                 call->problem->factors(call->problem->self, call->theta, loss, grad, request),
                 "layer statistics");
}

typedef struct matrix_words {
  const char *slot, *product, *lacks;
} matrix_words;
static const matrix_words words[] = {
    {"hvp", "Hessian product", "Hessian-vector product"},
    {"ggn", "Gauss-Newton product", "Gauss-Newton product"},
    {"fisher", "Fisher product", "product with the empirical Fisher matrix"}};

symo_status symo_problem_multiply(const problem_call *call, symo_problem_matrix matrix, size_t k,
                                  const void *v, void *out) {
  const symo_problem *p = call->problem;
  if (matrix == SYMO_MATRIX_FISHER && p->fisher == NULL)
    return symo_problem_multiply_examples(call, k, v, out);
  return (matrix == SYMO_MATRIX_HESSIAN ? p->hvp
          : matrix == SYMO_MATRIX_GGN   ? p->ggn
                                        : p->fisher)(p->self, call->theta, k, v, out);
}

const char *symo_problem_lacks(const symo_problem *p, symo_problem_matrix matrix) {
  const bool there =
      matrix == SYMO_MATRIX_HESSIAN ? p->hvp != NULL
      : matrix == SYMO_MATRIX_GGN
          ? p->ggn != NULL
          : p->fisher != NULL || (p->examples != NULL && p->example_gradients != NULL);
  return there ? NULL : words[matrix].slot;
}

symo_status symo_problem_check_matrix(symo_context *context, const char *where,
                                      const symo_problem *problem, symo_problem_matrix matrix) {
  if ((unsigned)matrix > SYMO_MATRIX_FISHER)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: there is no matrix %d (hessian, ggn, fisher)",
                     where, (int)matrix);
  if (symo_problem_lacks(problem, matrix) == NULL) return SYMO_OK;
  return symo_fail(context, SYMO_E_UNSUPPORTED, "%s: the problem %s has no %s (fill %s)", where,
                   problem->name == NULL ? "" : problem->name, words[matrix].lacks,
                   words[matrix].slot);
}

symo_status symo_problem_call_product(const problem_call *call, symo_problem_matrix matrix,
                                      size_t k, const void *v, void *out) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, symo_problem_multiply(call, matrix, k, v, out),
                 words[matrix].product);
}

symo_status symo_problem_call_examples(const problem_call *call,
                                       const symo_example_request *request) {
  const symo_problem *p = call->problem;
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, p->example_gradients(p->self, call->theta, request),
                 "gradients of single examples");
}

symo_status symo_problem_call_rows(const problem_call *call, problem_rows what, size_t k,
                                   const void *in, void *out) {
  const symo_problem *p = call->problem;
  const size_t failures = symo_context_failures(call->context);
  symo_status status = SYMO_OK;
  switch (what) {
  case PROBLEM_ROW_RESIDUAL: status = p->row_residual(p->self, call->theta, out); break;
  case PROBLEM_ROW_PRODUCT: status = p->row_product(p->self, call->theta, k, in, out); break;
  case PROBLEM_ROW_TRANSPOSED: status = p->row_transposed(p->self, call->theta, k, in, out); break;
  case PROBLEM_EXAMPLE_PRODUCT:
    status = p->example_product(p->self, call->theta, k, in, out);
    break;
  case PROBLEM_EXAMPLE_TRANSPOSED:
    status = p->example_transposed(p->self, call->theta, k, in, out);
    break;
  }
  return pass_on(call, failures, status, "rows");
}

symo_status symo_problem_call_sampled(const problem_call *call, uint64_t seed, double *examples,
                                      void *grad) {
  const symo_problem *p = call->problem;
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, p->sampled_gradient(p->self, call->theta, seed, examples, grad),
                 "gradient at sampled targets");
}

void symo_problem_call_hold(const problem_call *call, bool hold, bool hessian) {
  const symo_problem *p = call->problem;
  if (p->hold != NULL) p->hold(p->self, hold ? call->theta : NULL, hessian);
}

static symo_status call_hessian(const problem_call *call, double *hessian) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, call->problem->hessian(call->problem->self, call->theta, hessian),
                 "Hessian");
}

/* ---- dense matrices ---- */

enum { DIRECTIONS = 64 };

enum { TILE = 32 }; /* of transpositions, for the sake of the cache */

/* The upper triangle becomes the mean of both. */
static void average_triangles(size_t n, double *a) {
  for (size_t bi = 0; bi < n; bi += TILE)
    for (size_t bj = 0; bj <= bi; bj += TILE)
      for (size_t i = bi; i < n && i < bi + TILE; i++)
        for (size_t j = bj; j < i && j < bj + TILE; j++)
          a[j * n + i] = 0.5 * (a[i * n + j] + a[j * n + i]);
}

/* The lower triangle becomes the upper one; false if anything is NaN or infinite, in the same
 * pass. */
static bool mirror_upper(size_t n, double *a) {
  double zero[TILE] = {0}, sum = 0; /* sums of x * 0: NaN once an x is not finite */
  for (size_t bi = 0; bi < n; bi += TILE)
    for (size_t bj = bi; bj < n; bj += TILE)
      for (size_t i = bi; i < n && i < bi + TILE; i++)
        for (size_t j = bj > i ? bj : i; j < n && j < bj + TILE; j++) {
          double x = a[i * n + j];
          zero[j - bj] += x * 0;
          a[j * n + i] = x;
        }
  for (size_t l = 0; l < TILE; l++) sum += zero[l];
  return sum == 0;
}

static symo_status by_products(symo_context *context, const symo_problem *problem,
                               const char *where, symo_problem_matrix matrix, const void *theta,
                               double *out) {
  size_t n = problem->size, item = symo_dtype_size(problem->dtype), bytes;
  if (item == 0)
    return symo_fail(context, SYMO_E_DTYPE, "%s: the problem %s has no dtype (f32 or f64)", where,
                     problem->name == NULL ? "" : problem->name);
  if (!symo_mul_size(2 * DIRECTIONS * item, n, &bytes))
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu %s are too many", where, n,
                     symo_plural(n, "parameter", "parameters"));
  char *v = symo_malloc(bytes);
  if (v == NULL) return symo_fail_memory(context, where);
  char *hv = v + DIRECTIONS * n * item;
  const problem_call call = {context, where, problem, theta};
  symo_status status = SYMO_OK;
  for (size_t first = 0; first < n && status == SYMO_OK; first += DIRECTIONS) {
    size_t k = n - first < DIRECTIONS ? n - first : DIRECTIONS;
    memset(v, 0, DIRECTIONS * n * item);
    for (size_t i = 0; i < k; i++) symo_put(problem->dtype, v, i * n + first + i, 1);
    status = symo_problem_call_product(&call, matrix, k, v, hv);
    for (size_t i = 0; status == SYMO_OK && i < k * n; i++)
      out[first * n + i] = symo_get(problem->dtype, hv, i);
  }
  if (status == SYMO_OK) average_triangles(n, out);
  symo_free(v);
  return status;
}

static symo_status finish(symo_context *context, const symo_problem *problem, const char *where,
                          double *out) {
  if (!mirror_upper(problem->size, out))
    return symo_fail(context, SYMO_E_NONFINITE,
                     "%s: the matrix of %s holds NaN or infinity (check theta and the data)", where,
                     problem->name == NULL ? "the problem" : problem->name);
  return SYMO_OK;
}

symo_status symo_problem_check_apart(symo_context *context, const symo_problem *problem,
                                     const void *theta, const double *out, const char *where,
                                     const char *name) {
  size_t n = problem->size, numbers, bytes;
  uintptr_t t = (uintptr_t)theta, h = (uintptr_t)out;
  if (!symo_mul_size(n, n, &numbers) || !symo_mul_size(numbers, sizeof *out, &bytes))
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu %s are too many", where, n,
                     symo_plural(n, "parameter", "parameters"));
  if (t + n * symo_dtype_size(problem->dtype) <= h || h + bytes <= t) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT,
                   "%s: %s shares memory with theta (give it memory of its own)", where, name);
}

symo_status symo_problem_hessian(symo_context *context, const symo_problem *problem,
                                 const void *theta, double *hessian) {
  if (problem == NULL || theta == NULL || hessian == NULL)
    return symo_fail_null(context, "problem_hessian",
                          problem == NULL ? "problem"
                          : theta == NULL ? "theta"
                                          : "hessian");
  symo_status status =
      symo_problem_check_apart(context, problem, theta, hessian, "problem_hessian", "hessian");
  const problem_call call = {context, "problem_hessian", problem, theta};
  if (status != SYMO_OK) return status;
  if (problem->hessian != NULL) {
    status = call_hessian(&call, hessian);
  } else if (problem->hvp != NULL) {
    status = by_products(context, problem, "problem_hessian", SYMO_MATRIX_HESSIAN, theta, hessian);
  } else {
    return symo_fail(
        context, SYMO_E_UNSUPPORTED,
        "problem_hessian: the problem %s has no Hessian-vector product (fill hvp or hessian)",
        problem->name == NULL ? "" : problem->name);
  }
  return status == SYMO_OK ? finish(context, problem, "problem_hessian", hessian) : status;
}

symo_status symo_problem_ggn(symo_context *context, const symo_problem *problem, const void *theta,
                             double *ggn) {
  if (problem == NULL || theta == NULL || ggn == NULL)
    return symo_fail_null(context, "problem_ggn",
                          problem == NULL ? "problem"
                          : theta == NULL ? "theta"
                                          : "ggn");
  if (problem->ggn == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "problem_ggn: the problem %s has no Gauss-Newton product (fill ggn)",
                     problem->name == NULL ? "" : problem->name);
  symo_status status = symo_problem_check_apart(context, problem, theta, ggn, "problem_ggn", "ggn");
  if (status == SYMO_OK)
    status = by_products(context, problem, "problem_ggn", SYMO_MATRIX_GGN, theta, ggn);
  return status == SYMO_OK ? finish(context, problem, "problem_ggn", ggn) : status;
}
