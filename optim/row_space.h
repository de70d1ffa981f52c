#ifndef SYMO_OPTIM_ROW_SPACE_H
#define SYMO_OPTIM_ROW_SPACE_H

#include "hessian/problem.h"
#include "optim/optim.h"

/* Systems with the Gauss-Newton or the empirical Fisher matrix solved in the space of its rows. */
typedef struct row_task {
  problem_call call;
  symo_optim_state *state; /* has the work space, which grows with the rows */
  const symo_method *method;
  symo_dtype dtype;
  size_t n;
  double damping, decay;
  symo_problem_matrix matrix; /* ggn or fisher */
} row_task;

/* d := (S'S + (damping + decay) I)^-1 (S'w + decay theta). */
symo_status symo_row_space_solve(const row_task *task, void *d, solver_system_report *report);

/* NULL if the problem has rows, else the slot that is missing. */
const char *symo_row_space_lacks(const symo_problem *problem, symo_problem_matrix matrix);

#endif
