/* The registries of modules, made from the lists of symo/optim.h; and all modules in one list, for
 * people, with the parts of the update, which are options and no tables. */
#include "optim/modules.h"

#define CURVATURE(id, name) &symo_curvature_##id,
#define DAMPING(id, name) &symo_damping_##id,
#define SOLVER(id, name) &symo_solver_##id,
#define PRECONDITION(id, name) &symo_precondition_##id,
static const void *const curvatures[] = {SYMO_CURVATURE_LIST(CURVATURE)};
static const void *const dampings[] = {SYMO_DAMPING_LIST(DAMPING)};
static const void *const solvers[] = {SYMO_SOLVER_LIST(SOLVER)};
static const void *const preconditions[] = {SYMO_PRECONDITION_LIST(PRECONDITION)};

typedef struct kind_row {
  const char *name;
  symo_registry modules;
} kind_row;

#define ROWS(rows)                                                                                 \
  { (rows), sizeof(rows) / sizeof *(rows) }
static const kind_row kinds[MODULE_KINDS] = {
    [MODULE_CURVATURE] = {"curvature", ROWS(curvatures)},
    [MODULE_DAMPING] = {"damping", ROWS(dampings)},
    [MODULE_SOLVER] = {"solver", ROWS(solvers)},
    [MODULE_PRECONDITION] = {"precondition", ROWS(preconditions)},
};

static const symo_module updates[] = {
    {"update", "clip", "of the gradient by norm (clip_norm) and by value (clip_value)"},
    {"update", "momentum", "sum or average, corrected or not, Nesterov's or not"},
    {"update", "graft", "norm of the direction, tensor by tensor, from SGD or Adam"},
    {"update", "scale", "none, shape, match-rms, unit-rms"},
    {"update", "decay", "decoupled, or l2 through the gradient"},
    {"update", "schedule", "constant, exponential, linear, cosine, wsd; all with warm-up"},
};

enum { NUM_UPDATES = sizeof updates / sizeof *updates };

symo_registry symo_modules(module_kind kind) { return kinds[kind].modules; }

size_t symo_module_count(void) {
  size_t count = NUM_UPDATES;
  for (size_t k = 0; k < MODULE_KINDS; k++) count += kinds[k].modules.count;
  return count;
}

symo_module symo_module_at(size_t index) {
  for (size_t k = 0; k < MODULE_KINDS; k++) {
    const symo_registry modules = kinds[k].modules;
    if (index < modules.count) {
      const char *const *texts = modules.rows[index]; /* the table begins with name and summary */
      return (symo_module){kinds[k].name, texts[0], texts[1]};
    }
    index -= modules.count;
  }
  return index < NUM_UPDATES ? updates[index] : (symo_module){NULL, NULL, NULL};
}
