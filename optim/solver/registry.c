/* The solvers there are: one row each in SYMO_SOLVER_LIST. */
#include <string.h>

#include "optim/solver/solver.h"

static const symo_solver *const solvers[] = {
#define SYMO_SOLVER_ROW(name) &symo_solver_##name,
    SYMO_SOLVER_LIST(SYMO_SOLVER_ROW)
#undef SYMO_SOLVER_ROW
};

size_t symo_solver_count(void) { return sizeof solvers / sizeof solvers[0]; }

const symo_solver *symo_solver_at(size_t index) {
  return index < symo_solver_count() ? solvers[index] : NULL;
}

const symo_solver *symo_solver_find(const char *name) {
  for (size_t i = 0; i < symo_solver_count(); i++)
    if (strcmp(solvers[i]->name, name) == 0) return solvers[i];
  return NULL;
}

int symo_solver_steps(const symo_method *method) {
  const symo_solver *solver = symo_solver_find(method->solver);
  if (strcmp(method->solver, "auto") == 0) return SYMO_AUTO_STEPS;
  if (method->solver_steps > 0) return (int)method->solver_steps;
  return solver != NULL ? solver->default_steps : 100;
}
