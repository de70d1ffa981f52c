/* Truncated Newton steps: (A + damping I) d = g by conjugate gradients, theta <- theta - lr d, with A
 * the Hessian (newton-cg: Nocedal and Wright, Numerical Optimization, algorithm 7.1, without its
 * line search) or the Gauss-Newton matrix (ggn-cg; Martens 2010), once a step.
 *
 * Weight decay w is L2: the objective is f = L + w/2 |theta|^2 throughout, so g = dL + w theta and
 * A = H + w I.
 *
 * How a step is judged, and taken back: second_order_trial.c.
 *
 * Check: f quadratic, damping 0, exact solution: its minimum after one step, and rho = 1. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/second_order.h"
#include "optim/state.h"

static void *at(const newton *s, size_t offset) { return (char *)s->state->work + offset; }

/* ---- state that a step may have to put back ---- */

static size_t kept_bytes(const newton *s) {
  const symo_optim *optim = s->state->optim;
  return optim->state_bytes - optim->entry_offset[s->b->first_entry];
}

static void keep_state(const newton *s) {
  if (s->b->precondition != NULL)
    memcpy(at(s, s->w.saved_at), s->state->data[s->b->first_entry], kept_bytes(s));
}

static void put_state_back(const newton *s) {
  if (s->b->precondition != NULL)
    memcpy(s->state->data[s->b->first_entry], at(s, s->w.saved_at), kept_bytes(s));
}

/* The last solution, in the state tensor by tensor: to d, or from it. */
static void move_solution(const newton *s, bool to_state) {
  const symo_layout *layout = s->b->layout;
  for (size_t i = 0; i < layout->num_tensors; i++) {
    const layout_tensor *t = &layout->tensors[i];
    void *kept = s->state->data[s->b->first_entry + i];
    void *mine = symo_at(s->dtype, s->d, (ptrdiff_t)t->offset);
    memcpy(to_state ? kept : mine, to_state ? mine : kept, t->size * symo_dtype_size(s->dtype));
  }
}

/* ---- the system ---- */

static symo_status apply_preconditioner(void *self, const void *r, void *z) {
  const newton *s = self;
  const symo_layout *layout = s->b->layout;
  void **to = at(s, s->w.pointers_at);
  const void **from = (const void **)(to + layout->num_tensors);
  symo_layout_split(layout, s->dtype, z, to);
  symo_layout_split_const(layout, s->dtype, r, from);
  return symo_preconditioner_apply(s->b->precondition, &s->precondition,
                                   symo_const_vector_of(s->dtype, from),
                                   symo_vector_of(s->dtype, to));
}

/* The preconditioner's share of damping is at least a thousandth of the root mean square of the
 * gradient: directions in which it has seen nothing yet are left to the solver. */
static symo_status update_preconditioner(newton *s, double norm) {
  const symo_layout *layout = s->b->layout;
  const void **g = at(s, s->w.pointers_at);
  if (s->b->precondition == NULL) return SYMO_OK;
  s->precondition = (preconditioner_step){
      .t = s->state->steps + 1,
      .damping = s->report->damping + 1e-3 * norm / sqrt((double)s->n),
      .state = s->state->data + symo_second_order_precondition_entry(s->b),
      .work = at(s, s->w.precondition_at),
  };
  symo_layout_split_const(layout, s->dtype, s->g, g);
  return symo_preconditioner_update(s->b->precondition, &s->precondition,
                                    symo_const_vector_of(s->dtype, g), &s->preconditioned,
                                    s->report);
}

static symo_status solve_from(newton *s, bool preconditioned) {
  const symo_method *m = &s->b->method;
  const solver_system task = {
      .dtype = s->dtype,
      .n = s->n,
      .damping = s->report->damping,
      .tolerance = m->solver_tolerance,
      .max_iterations = symo_solver_steps(m),
      .self = s,
      .multiply = symo_newton_multiply,
      .precondition = preconditioned ? apply_preconditioner : NULL,
  };
  solver_system_report report = {0};
  symo_status status = symo_solver_of_systems(m)->solve(&task, s->g, s->d, &report, s->solver);
  s->report->cg_iterations += (uint64_t)report.iterations;
  return status;
}

/* d with g'd > 0.  A preconditioner that is not positive definite in the numbers there are is given
 * up, and so is a start that did not lead downhill. */
static symo_status solve(newton *s) {
  bool warm = s->b->method.warm_start;
  if (warm)
    move_solution(s, false);
  else
    memset(s->d, 0, symo_newton_bytes(s));
  symo_status status = solve_from(s, s->preconditioned);
  if (status > 0 && s->preconditioned) {
    s->report->failed_roots++;
    status = solve_from(s, false);
  }
  if (status != SYMO_OK || !warm || symo_dot(s->dtype, s->n, s->g, s->d) > 0) return status;
  memset(s->d, 0, symo_newton_bytes(s));
  return solve_from(s, false);
}

/* ---- the trial ---- */

static symo_status advance(newton *s) {
  bool accept = true, model = s->b->damping->needs_ratio;
  double predicted = NAN, norm = symo_update_norm(symo_newton_flat(s, s->d));
  symo_status status = SYMO_OK;
  if (!isfinite(norm)) return SYMO_E_NONFINITE;
  if (model) status = symo_newton_predict(s, &predicted);
  if (status == SYMO_OK) status = symo_newton_try(s, model ? &predicted : NULL, &accept);
  if (status != SYMO_OK) return status;
  s->state->steps++;
  if (accept) {
    if (s->b->method.warm_start) move_solution(s, true);
  } else {
    put_state_back(s);
    s->state->rejected++;
  }
  s->report->accepted = accept;
  s->report->update_norm = accept ? s->rate * norm : 0;
  return SYMO_OK;
}

/* ---- the step ---- */

static symo_status check(const newton *s) {
  symo_context *context = s->state->optim->context;
  const char *name = s->problem->name != NULL ? s->problem->name : "";
  if ((s->ggn ? s->problem->ggn : s->problem->hvp) == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "optim: curvature %s: the problem %s has no such products (fill %s)",
                     s->b->method.curvature->name, name, s->ggn ? "ggn" : "hvp");
  if (s->b->damping->needs_ratio && s->problem->loss == NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "optim: damping %s: the problem %s has no loss to see what steps do (fill "
                     "loss)",
                     s->b->damping->name, name);
  return SYMO_OK;
}

/* The gradient of f.  *bad: what in it is not finite, or NULL. */
static symo_status take_gradient(newton *s, double *loss, const char **what, const char **where) {
  const symo_layout *layout = s->b->layout;
  double value = NAN;
  const problem_call call = symo_newton_call(s);
  symo_status status = symo_problem_call_gradient(&call, &value, s->g);
  *what = *where = NULL;
  if (status != SYMO_OK) return status;
  if (loss != NULL) *loss = value;
  if (s->decay != 0) symo_axpy(s->dtype, s->n, s->decay, s->theta, s->g);
  s->loss = symo_newton_objective(s, value);
  s->report->gradient_norm = symo_update_norm(symo_newton_flat(s, s->g));
  if (!isfinite(s->loss)) *what = "the loss", *where = "";
  for (size_t i = 0; *what == NULL && i < layout->num_tensors; i++) {
    const layout_tensor *t = &layout->tensors[i];
    if (symo_all_finite(s->dtype, t->size, symo_at(s->dtype, s->g, (ptrdiff_t)t->offset))) continue;
    *what = "the gradient of tensor ", *where = t->name;
  }
  return SYMO_OK;
}

static symo_status run(newton *s, double *loss) {
  const char *what, *where;
  symo_step_seconds *seconds = &s->report->seconds;
  symo_state_lap(s->state, NULL);
  symo_status status = take_gradient(s, loss, &what, &where);
  symo_state_lap(s->state, &seconds->gradient);
  if (status != SYMO_OK) return status;
  if (what != NULL) return symo_state_refuse(s->state, what, where, s->report);
  if (s->report->gradient_norm == 0) { /* nothing to do, and nothing to learn */
    s->state->steps++;
    s->report->accepted = true;
    s->report->update_norm = 0;
    return SYMO_OK;
  }
  keep_state(s);
  status = update_preconditioner(s, s->report->gradient_norm);
  symo_state_lap(s->state, &seconds->roots);
  if (status == SYMO_OK) status = solve(s);
  symo_state_lap(s->state, &seconds->solve);
  if (status == SYMO_OK) status = advance(s);
  symo_state_lap(s->state, &seconds->trial);
  if (status == SYMO_OK) return SYMO_OK;
  put_state_back(s);
  if (status != SYMO_E_NONFINITE) return status;
  return symo_state_refuse(s->state, "a product with the curvature", "", s->report);
}

symo_status symo_second_order_step(symo_optim_state *state, const symo_problem *problem,
                                   void *theta, double *loss, symo_step_report *report) {
  const symo_optim *optim = state->optim;
  const optim_block *b = &optim->blocks[0];
  const symo_method *m = &b->method;
  newton s = {.state = state, .b = b, .problem = problem, .theta = theta, .dtype = optim->dtype};
  s.ggn = m->curvature->gauss_newton;
  s.n = b->layout->parameters;
  s.w = symo_second_order_work(optim);
  s.g = at(&s, s.w.gradient_at);
  s.d = at(&s, s.w.solution_at);
  s.solver = at(&s, s.w.solver_at);
  s.decay = m->weight_decay;
  s.rate = symo_schedule_rate(m, state->steps + 1);
  s.report = report;
  report->lr = s.rate;
  /* What a checkpoint brought may be anything. */
  bool follows = b->damping->update != NULL && state->damping >= 0 && isfinite(state->damping);
  report->damping = follows ? state->damping : m->eps;
  symo_status status = check(&s);
  if (status == SYMO_OK) status = run(&s, loss);
  if (status != SYMO_OK) return status;
  report->step = state->steps;
  report->refused_steps = state->refused;
  report->rejected_steps = state->rejected;
  return SYMO_OK;
}
