/* The whole product of modules: what can be planned runs, and what cannot is refused with a reason. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optim/curvature/curvature.h"
#include "optim/damping/damping.h"
#include "optim/modules.h"
#include "optim/precondition/precondition.h"
#include "tests/support/problems.h"

enum { N = 6 };

typedef struct choice {
  const symo_curvature *curvature;
  const symo_solver *solver;
  const symo_damping *damping;
  const symo_precondition *precondition;
  symo_space space;
  symo_source source;
} choice;

/* Everything else such that it fits: a refusal is then of the modules. */
static symo_method method_of(symo_context *context, const choice *c) {
  symo_method m;
  cr_ok(context, symo_method_preset(context, c->curvature->products ? "ggn-cg" : "sgd", &m));
  const bool estimates = c->source >= SYMO_SOURCE_HUTCHINSON;
  m.curvature = c->curvature, m.solver = c->solver, m.damping = c->damping;
  m.precondition = c->precondition, m.space = c->space, m.source = c->source;
  m.lr = 0.01, m.eps = 0.5, m.solver_steps = 0;
  m.momentum_ema = true;
  if (c->precondition->curvature != NULL) m.beta2 = 0.9;
  if (c->curvature->products) return m;
  m.alpha = c->curvature->identity ? 0 : 1;
  m.beta2 = c->curvature->identity ? 0 : 0.9;
  m.momentum = c->source == SYMO_SOURCE_MOMENTUM ? 0.5 : 0;
  if (c->solver->fits) m.cut = 0.1, m.beta2 = 0, m.mean = false, m.eps = 0;
  if (c->damping->largest) m.estimator = SYMO_STEP_H_PD;
  if (c->curvature->needs_estimates || (estimates && strcmp(c->curvature->name, "clipped") == 0))
    m.gamma = 0.1;
  return m;
}

/* What products go with, both ways; of all others what no refusal may miss. */
static bool is_of_products(const choice *c) {
  const bool rows = c->space == SYMO_SPACE_ROWS, own = c->precondition->curvature != NULL;
  const bool dense = c->solver->most > 0;
  return (c->solver->chooses || c->solver->solve != NULL) && !c->damping->relative &&
         !c->damping->largest && !c->damping->factored && c->source == SYMO_SOURCE_GRADIENT &&
         !(rows && (own || c->curvature->matrix == SYMO_MATRIX_HESSIAN)) && !(dense && own);
}

static bool must_be_refused(const choice *c) {
  const bool estimates = c->source >= SYMO_SOURCE_HUTCHINSON;
  return c->space == SYMO_SPACE_ROWS || c->precondition->curvature != NULL ||
         c->damping->needs_ratio || (c->solver->solve != NULL && c->solver->root == NULL) ||
         (estimates && !c->curvature->takes_estimates) ||
         (!estimates && c->curvature->needs_estimates) ||
         (c->damping->largest && !c->curvature->takes_estimator);
}

static void say(const choice *c, char text[256]) {
  (void)snprintf(text, 256, "%s, %s, %s, %s, space %d, source %d", c->curvature->name,
                 c->solver->name, c->damping->name, c->precondition->name, (int)c->space,
                 (int)c->source);
}

/* Three steps from the same start. */
static void run(symo_context *context, symo_optim *optim, const symo_problem *problem,
                const char *what) {
  double theta[N] = {1, -2, 0.5, 3, -0.1, 0.7}, loss;
  symo_optim_state *state = NULL;
  symo_step_report report;
  cr_ok(context, symo_optim_state_create(optim, &state));
  for (int step = 0; step < 3; step++) {
    const symo_status status = symo_optim_problem_step(state, problem, theta, &loss, &report);
    cr_assert(status == SYMO_OK, "%s: %s", what, symo_context_detail(context));
    cr_assert(isfinite(loss) && report.refused_steps == 0, "%s", what);
    for (size_t i = 0; i < N; i++) cr_assert(isfinite(theta[i]), "%s", what);
  }
  symo_optim_state_destroy(state);
}

typedef struct tally {
  size_t runs, refused;
} tally;

static void check(symo_context *context, symo_layout *layout, const symo_problem *problem,
                  const choice *c, tally *t) {
  symo_optim *optim = NULL;
  symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER, .method = method_of(context, c)};
  symo_optim_spec spec = symo_optim_spec_default();
  char what[256];
  say(c, what);
  spec.num_rules = 1, spec.rules = &rule;
  const symo_status status = symo_optim_create(layout, &spec, &optim);
  cr_assert(status == SYMO_OK || status == SYMO_E_UNSUPPORTED, "%s: %s", what,
            symo_context_detail(context));
  if (c->curvature->products)
    cr_assert((status == SYMO_OK) == is_of_products(c), "%s: %s", what,
              status == SYMO_OK ? "is planned" : symo_context_detail(context));
  else
    cr_assert(status != SYMO_OK || !must_be_refused(c), "%s is planned", what);
  if (status == SYMO_OK) {
    run(context, optim, problem, what);
    t->runs++;
  } else {
    const char *reason = strstr(symo_context_detail(context), ": ");
    cr_assert(reason != NULL && strlen(reason) > 12, "%s: %s", what, symo_context_detail(context));
    t->refused++;
  }
  symo_optim_destroy(optim);
}

Test(modules, every_combination_runs_or_says_why_not) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 4);
  symo_layout *layout = NULL;
  symo_test_problem p;
  const double w[N] = {3, 1, 0.5, 2, 7, 1};
  tally t = {0};
  symo_test_quadratic(&p, rng, SYMO_F64, N, w);
  symo_rng_destroy(rng);
  cr_ok(context,
        symo_layout_parse(context, "h: permutation 2; i: identity 2; w[h,i] b[h]", &layout));
  const symo_registry curvatures = symo_modules(MODULE_CURVATURE),
                      solvers = symo_modules(MODULE_SOLVER),
                      dampings = symo_modules(MODULE_DAMPING),
                      preconditions = symo_modules(MODULE_PRECONDITION);
  for (size_t a = 0; a < curvatures.count; a++)
    for (size_t b = 0; b < solvers.count; b++)
      for (size_t c = 0; c < dampings.count; c++)
        for (size_t d = 0; d < preconditions.count; d++)
          for (int e = 0; e < 2; e++)
            for (int f = 0; f < 4; f++) {
              const choice now = {curvatures.rows[a],    solvers.rows[b], dampings.rows[c],
                                  preconditions.rows[d], (symo_space)e,   (symo_source)f};
              check(context, layout, &p.problem, &now, &t);
            }
  cr_assert(t.runs > 60 && t.refused > 10 * t.runs, "%zu run, %zu are refused", t.runs, t.refused);
  symo_layout_destroy(layout);
  symo_test_problem_free(&p);
  symo_context_destroy(context);
  cr_no_leaks();
}
