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

/* With the Hessian, or with the Gauss-Newton matrix. */
symo_status symo_problem_call_product(const problem_call *call, bool ggn, size_t k, const void *v,
                                      void *out);

#endif
