#ifndef SYMO_HESSIAN_PROBLEM_H
#define SYMO_HESSIAN_PROBLEM_H

#include <symo/problem.h>

/* Calls the functions of a problem.  Their statuses are passed on.  If a function fails without a
 * detail, the context gets one, "WHERE: the gradient of NAME ended with STATUS", so that it does
 * not show the detail of an earlier failure. */
typedef struct problem_call {
  symo_context *context;
  const char *where;
  const symo_problem *problem;
  const void *theta;
} problem_call;

symo_status symo_problem_call_loss(const problem_call *call, double *loss);
symo_status symo_problem_call_gradient(const problem_call *call, double *loss, void *grad);

symo_status symo_problem_call_factors(const problem_call *call, double *loss, void *grad,
                                      const symo_factor_request *request);

/* Of rows: w (k and in are not looked at), S in or S'in for k directions; and the same of the
 * gradients of single examples. */
typedef enum problem_rows {
  PROBLEM_ROW_RESIDUAL,
  PROBLEM_ROW_PRODUCT,
  PROBLEM_ROW_TRANSPOSED,
  PROBLEM_EXAMPLE_PRODUCT,
  PROBLEM_EXAMPLE_TRANSPOSED
} problem_rows;
symo_status symo_problem_call_rows(const problem_call *call, problem_rows what, size_t k,
                                   const void *in, void *out);

symo_status symo_problem_call_sampled(const problem_call *call, uint64_t seed, double *examples,
                                      void *grad);

/* hold, where there is such a function. */
void symo_problem_call_hold(const problem_call *call, bool hold, bool hessian);

symo_status symo_problem_call_product(const problem_call *call, symo_problem_matrix matrix,
                                      size_t k, const void *v, void *out);

symo_status symo_problem_call_examples(const problem_call *call,
                                       const symo_example_request *request);

/* The slot without a word about failures; of the empirical Fisher matrix, where there is none, by
 * the gradients of single examples (examples.c). */
symo_status symo_problem_multiply(const problem_call *call, symo_problem_matrix matrix, size_t k,
                                  const void *v, void *out);

/* SYMO_OK, or what the problem lacks for products with the matrix. */
symo_status symo_problem_check_matrix(symo_context *context, const char *where,
                                      const symo_problem *problem, symo_problem_matrix matrix);

/* "hvp", "ggn", "fisher": a slot that is missing; NULL: none. */
const char *symo_problem_lacks(const symo_problem *problem, symo_problem_matrix matrix);

/* out, [n, n] float64, shares no byte with theta, which is read while out is written. */
symo_status symo_problem_check_apart(symo_context *context, const symo_problem *problem,
                                     const void *theta, const double *out, const char *where,
                                     const char *name);

#endif
