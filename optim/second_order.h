#ifndef SYMO_OPTIM_SECOND_ORDER_H
#define SYMO_OPTIM_SECOND_ORDER_H

#include "hessian/problem.h"
#include "optim/optim.h"
#include "optim/precondition/precondition.h"

/* Where things lie in the work space of a step: arrays of pointers to tensors, gradient, solution,
 * vectors of the solver (which then serve the trial), and for preconditioners their work space and
 * what their state was before the step. */
typedef struct second_order_work {
  size_t pointers_at, gradient_at, solution_at, solver_at, precondition_at, saved_at, bytes;
} second_order_work;
second_order_work symo_second_order_work(const symo_optim *optim);

/* Entries of the block: the last solution, tensor by tensor (warm_start), then the preconditioner's. */
static inline size_t symo_second_order_precondition_entry(const optim_block *b) {
  return b->first_entry + (b->method.warm_start ? b->num_tensors : 0);
}

/* One step on its way. */
typedef struct newton {
  symo_optim_state *state;
  const optim_block *b;
  const symo_problem *problem;
  bool ggn; /* products with the Gauss-Newton matrix, else with the Hessian */
  void *theta;
  symo_dtype dtype;
  size_t n;
  second_order_work w;
  void *g, *d, *solver;
  double rate, decay, loss; /* loss: f, with decay */
  preconditioner_step precondition;
  bool preconditioned;
  symo_step_report *report;
} newton;

static inline symo_nd symo_newton_flat(const newton *s, const void *p) {
  return symo_nd_dense(s->dtype, (void *)(uintptr_t)p, 1, &s->n);
}
static inline size_t symo_newton_bytes(const newton *s) { return s->n * symo_dtype_size(s->dtype); }

/* For calls of the problem's functions at theta. */
problem_call symo_newton_call(const newton *s);

/* f from L at theta. */
double symo_newton_objective(const newton *s, double loss);

/* av := (A + w I) v; self: a newton. */
symo_status symo_newton_multiply(void *self, const void *v, void *av);

/* What the model says the step takes off f: one product. */
symo_status symo_newton_predict(newton *s, double *decrease);

/* theta <- theta - lr d.  predicted NULL: whatever comes of it; else ratio, next damping, and theta
 * put back where the step does not stand. */
symo_status symo_newton_try(newton *s, const double *predicted, bool *accept);

#endif
