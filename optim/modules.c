/* The modules of all registries in one list, for people; and those that are no tables but options
 * of the update. */
#include "optim/curvature/curvature.h"
#include "optim/damping/damping.h"
#include "optim/precondition/precondition.h"
#include "optim/solver/solver.h"

static const symo_curvature *const products[] = {&symo_curvature_hessian, &symo_curvature_ggn};
static const symo_solver *const solvers[] = {&symo_solver_auto, &symo_solver_cg};

static const symo_module others[] = {
    {"update", "clip", "of the gradient by norm (clip_norm) and by value (clip_value)"},
    {"update", "momentum", "sum or average, corrected or not, Nesterov's or not"},
    {"update", "graft", "norm of the direction, tensor by tensor, from SGD or Adam"},
    {"update", "scale", "none, shape, match-rms, unit-rms"},
    {"update", "decay", "decoupled, or l2 through the gradient"},
    {"update", "schedule", "constant, exponential, linear, cosine, wsd; all with warm-up"},
};

enum {
  NUM_PRODUCTS = sizeof products / sizeof *products,
  NUM_SOLVERS = sizeof solvers / sizeof *solvers,
  NUM_OTHERS = sizeof others / sizeof *others
};

size_t symo_module_count(void) {
  return symo_curvature_count() + NUM_PRODUCTS + symo_solver_count() + symo_damping_count() +
         symo_precondition_count() + NUM_SOLVERS + NUM_OTHERS;
}

symo_module symo_module_at(size_t index) {
  if (index < symo_curvature_count()) {
    const symo_curvature *c = symo_curvature_at(index);
    return (symo_module){"curvature", c->name, c->summary};
  }
  index -= symo_curvature_count();
  if (index < NUM_PRODUCTS)
    return (symo_module){"curvature", products[index]->name, products[index]->summary};
  index -= NUM_PRODUCTS;
  if (index < symo_damping_count()) {
    const symo_damping *d = symo_damping_at(index);
    return (symo_module){"damping", d->name, d->summary};
  }
  index -= symo_damping_count();
  if (index < symo_solver_count()) {
    const symo_solver *s = symo_solver_at(index);
    return (symo_module){"solver", s->name, s->summary};
  }
  index -= symo_solver_count();
  if (index < symo_precondition_count()) {
    const symo_precondition *p = symo_precondition_at(index);
    return (symo_module){"precondition", p->name, p->summary};
  }
  index -= symo_precondition_count();
  if (index < NUM_SOLVERS)
    return (symo_module){"solver", solvers[index]->name, solvers[index]->summary};
  index -= NUM_SOLVERS;
  return index < NUM_OTHERS ? others[index] : (symo_module){NULL, NULL, NULL};
}
