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

/* With the Hessian, or with the Gauss-Newton matrix. */
/* Of rows: w (k and in are not looked at), S in or S'in for k directions. */
typedef enum problem_rows {
  PROBLEM_ROW_RESIDUAL,
  PROBLEM_ROW_PRODUCT,
  PROBLEM_ROW_TRANSPOSED
} problem_rows;
symo_status symo_problem_call_rows(const problem_call *call, problem_rows what, size_t k,
                                   const void *in, void *out);

symo_status symo_problem_call_sampled(const problem_call *call, uint64_t seed, double *examples,
                                      void *grad);

/* hold, where there is such a function. */
void symo_problem_call_hold(const problem_call *call, bool hold, bool hessian);

symo_status symo_problem_call_product(const problem_call *call, bool ggn, size_t k, const void *v,
                                      void *out);

#endif
