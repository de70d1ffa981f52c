#ifndef SYMO_OPTIM_SECOND_ORDER_H
#define SYMO_OPTIM_SECOND_ORDER_H

#include "optim/optim.h"

/* What second_order.c, which sizes, and second_order_step.c, which steps, have in common. */

/* Offsets in the work space of a step: arrays of pointers to tensors; the gradient; the solution;
 * vectors of the solver, which the trial uses again; and, with a preconditioner, its work space and
 * a copy of its state from before the step. */
typedef struct second_order_work {
  size_t pointers_at, gradient_at, solution_at, solver_at, precondition_at, saved_at, bytes;
} second_order_work;

second_order_work symo_second_order_work(const symo_optim *optim);

#endif
