/* The solvers there are: one row each in SYMO_SOLVER_LIST. */
#include <string.h>

#include "core/registry.h"
#include "optim/solver/solver.h"

static const void *const rows[] = {
#define SYMO_SOLVER_ROW(name) &symo_solver_##name,
    SYMO_SOLVER_LIST(SYMO_SOLVER_ROW)
#undef SYMO_SOLVER_ROW
};

size_t symo_solver_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_solver *symo_solver_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}

const symo_solver *symo_solver_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(rows), name);
}

int symo_solver_steps(const symo_method *method) {
  if (method->solver == &symo_solver_auto) return SYMO_AUTO_STEPS;
  return method->solver_steps > 0 ? (int)method->solver_steps : method->solver->default_steps;
}
