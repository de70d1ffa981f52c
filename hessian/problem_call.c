/* The functions of a problem, and what to say when they fail without a word. */
#include "hessian/problem.h"

#include "core/context.h"
#include "core/error.h"

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

symo_status symo_problem_call_product(const problem_call *call, bool ggn, size_t k, const void *v,
                                      void *out) {
  const symo_problem *p = call->problem;
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, (ggn ? p->ggn : p->hvp)(p->self, call->theta, k, v, out),
                 ggn ? "Gauss-Newton product" : "Hessian product");
}

symo_status symo_problem_call_hessian(const problem_call *call, double *hessian) {
  const size_t failures = symo_context_failures(call->context);
  return pass_on(call, failures, call->problem->hessian(call->problem->self, call->theta, hessian),
                 "Hessian");
}
