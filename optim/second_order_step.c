/* Newton steps: (A + damping I) d = g, theta <- theta - lr d, once a step, with A the Hessian
 * (newton-cg: Nocedal and Wright, Numerical Optimization, algorithm 7.1, without its line search)
 * or the Gauss-Newton matrix (ggn-cg; Martens 2010) or the empirical Fisher matrix, by conjugate gradients or, where A is small
 * enough to be formed, by its factor; of the last two also in the space of their rows
 * (row_space.c).  The problem is told that theta stays until the trial, so that it may make one
 * forward pass serve the gradient and all products.
 *
 * Weight decay w is L2: the objective is f = L + w/2 |theta|^2 throughout, so g = dL + w theta and
 * A = H + w I.
 *
 * Check: f quadratic, damping 0, exact solution: its minimum after one step, and rho = 1. */
#include "optim/second_order.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "hessian/problem.h"
#include "optim/block.h"
#include "optim/precondition/precondition.h"
#include "optim/row_space.h"
#include "optim/state.h"

/* Entries of the block: the last solution, tensor by tensor (warm_start), then the
 * preconditioner's. */
static size_t precondition_entry(const optim_block *b) {
  return b->first_entry + (b->method.warm_start ? b->num_tensors : 0);
}

/* One step on its way. */
typedef struct newton {
  symo_optim_state *state;
  const optim_block *b;
  const symo_problem *problem;
  symo_problem_matrix matrix; /* that products are with */
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

static symo_nd flat(const newton *s, const void *p) {
  return symo_nd_dense(s->dtype, (void *)(uintptr_t)p, 1, &s->n);
}
static size_t vector_bytes(const newton *s) { return s->n * symo_dtype_size(s->dtype); }

/* ---- the model ---- */

/* f from L at theta. */
static double objective(const newton *s, double loss) {
  if (s->decay == 0) return loss;
  double norm = symo_update_norm(flat(s, s->theta));
  return loss + 0.5 * s->decay * norm * norm;
}

/* For calls of the problem's functions at theta. */
static problem_call call_at(const newton *s) {
  return (problem_call){s->state->optim->context, "optim", s->problem, s->theta};
}

/* av := (A + w I) v for k directions; self: a newton. */
static symo_status multiply_block(void *self, size_t k, const void *v, void *av) {
  const newton *s = self;
  const problem_call call = call_at(s);
  symo_status status = symo_problem_call_product(&call, s->matrix, k, v, av);
  if (status == SYMO_OK && s->decay != 0) symo_axpy(s->dtype, k * s->n, s->decay, v, av);
  return status;
}

static symo_status multiply(void *self, const void *v, void *av) {
  return multiply_block(self, 1, v, av);
}

/* ---- the trial ---- */

/* Levenberg-Marquardt: the ratio of what f loses to what the model without damping says it would,
 *
 *     rho = (f(theta) - f(theta - s)) / (g's - s'As / 2),      s = lr d,
 *
 * for one more product and one more loss.  Damping is the radius of the step and no part of the
 * model (Moré 1978; Martens has it in the model, where rho of a quadratic is not 1).  What rho does
 * to the damping, and whether the step stands, is the damping module's business; a step that does
 * not stand is taken back bit for bit: theta, and all state but counters and damping.
 *
 * Changes of f below 10 eps |f| are noise: where both the actual and the predicted one are, rho is
 * 1 (Conn, Gould, Toint, Trust-Region Methods, section 17.4.2).  A loss that is not finite, or a
 * model that does not decrease, is a step that does not stand.  Where g is zero there is nothing to
 * do: rho is NaN and the damping stays. */

/* What the model says the step takes off f: one product. */
static symo_status predict(newton *s, double *decrease) {
  void *ad = s->solver;
  symo_status status = multiply(s, s->d, ad);
  double slope = symo_dot(s->dtype, s->n, s->g, s->d);
  double curvature = symo_dot(s->dtype, s->n, s->d, ad);
  *decrease = s->rate * (slope - 0.5 * s->rate * curvature);
  return status;
}

static double ratio_of(const newton *s, double actual, double predicted) {
  double noise = 10 * symo_epsilon(s->dtype) * fabs(s->loss);
  if (fabs(actual) <= noise && fabs(predicted) <= noise) return 1;
  return predicted > 0 && isfinite(predicted) ? actual / predicted : NAN;
}

/* theta <- theta - lr d.  predicted NULL: whatever comes of it; else ratio, next damping, and theta
 * put back where the step does not stand. */
static symo_status try_step(newton *s, const double *predicted, bool *accept) {
  symo_status status = SYMO_OK;
  double after = NAN;
  const problem_call call = call_at(s);
  symo_problem_call_hold(&call, false, false);
  memcpy(s->solver, s->theta, vector_bytes(s));
  symo_update_apply(s->rate, 0, 1, flat(s, s->d), flat(s, s->theta));
  *accept = true;
  if (predicted == NULL) return SYMO_OK;
  status = symo_problem_call_loss(&call, &after);
  if (status == SYMO_E_NONFINITE) status = SYMO_OK, after = NAN;
  if (status == SYMO_OK) {
    s->report->reduction_ratio = ratio_of(s, s->loss - objective(s, after), *predicted);
    s->state->damping =
        s->b->damping->update(s->report->damping, s->report->reduction_ratio, accept);
  }
  if (status != SYMO_OK || !*accept) memcpy(s->theta, s->solver, vector_bytes(s));
  return status;
}

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
      .state = s->state->data + precondition_entry(s->b),
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
      .multiply = multiply,
      .multiply_block = multiply_block,
      .precondition = preconditioned ? apply_preconditioner : NULL,
  };
  solver_system_report report = {0};
  symo_status status = symo_solver_of_systems(m)->solve(&task, s->g, s->d, &report, s->solver);
  s->report->cg_iterations += (uint64_t)report.iterations;
  return status;
}

static symo_status solve_rows(newton *s) {
  const row_task task = {.call = call_at(s),
                         .state = s->state,
                         .method = &s->b->method,
                         .dtype = s->dtype,
                         .n = s->n,
                         .damping = s->report->damping,
                         .decay = s->decay,
                         .matrix = s->matrix};
  solver_system_report report = {0};
  symo_status status = symo_row_space_solve(&task, s->d, &report);
  s->report->cg_iterations += (uint64_t)report.iterations;
  return status;
}

/* d with g'd > 0.  A preconditioner that is not positive definite in the numbers there are is given
 * up, and so is a start that did not lead downhill. */
static symo_status solve(newton *s) {
  bool warm = s->b->method.warm_start;
  if (s->b->method.space == SYMO_SPACE_ROWS) return solve_rows(s);
  if (warm)
    move_solution(s, false);
  else
    memset(s->d, 0, vector_bytes(s));
  symo_status status = solve_from(s, s->preconditioned);
  if (status > 0 && s->preconditioned) {
    s->report->failed_roots++;
    status = solve_from(s, false);
  }
  if (status != SYMO_OK || !warm || symo_dot(s->dtype, s->n, s->g, s->d) > 0) return status;
  memset(s->d, 0, vector_bytes(s));
  return solve_from(s, false);
}

static symo_status advance(newton *s) {
  bool accept = true, model = s->b->damping->needs_ratio;
  double predicted = NAN, norm = symo_update_norm(flat(s, s->d));
  symo_status status = SYMO_OK;
  if (!isfinite(norm)) return SYMO_E_NONFINITE;
  if (model) status = predict(s, &predicted);
  if (status == SYMO_OK) status = try_step(s, model ? &predicted : NULL, &accept);
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

/* A matrix that has no factor: with a damping that follows, a step that does not stand. */
static symo_status refuse_factor(newton *s, symo_status factor) {
  const symo_damping *damping = s->b->damping;
  const char *what = factor == SYMO_SINGULAR ? "singular in the numbers there are" : "indefinite";
  bool accept;
  if (damping->update == NULL)
    return symo_fail(s->state->optim->context, factor,
                     "optim: the curvature plus eps is %s (raise eps, or take damping "
                     "levenberg-marquardt or solver cg)",
                     what);
  put_state_back(s);
  s->state->damping = damping->update(s->report->damping, (double)NAN, &accept);
  s->state->steps++;
  s->state->rejected++;
  s->report->accepted = false;
  s->report->update_norm = 0;
  return SYMO_OK;
}

/* ---- the step ---- */

static const char *lacks(const newton *s) {
  const char *slot = symo_problem_lacks(s->problem, s->matrix);
  if (slot != NULL || s->b->method.space != SYMO_SPACE_ROWS) return slot;
  return symo_row_space_lacks(s->problem, s->matrix);
}

static symo_status check(const newton *s) {
  symo_context *context = s->state->optim->context;
  const char *name = s->problem->name != NULL ? s->problem->name : "";
  if (lacks(s) != NULL)
    return symo_fail(context, SYMO_E_UNSUPPORTED,
                     "optim: curvature %s: the problem %s has no such products (fill %s)",
                     s->b->method.curvature->name, name, lacks(s));
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
  const problem_call call = call_at(s);
  symo_status status = symo_problem_call_gradient(&call, &value, s->g);
  *what = *where = NULL;
  if (status != SYMO_OK) return status;
  if (loss != NULL) *loss = value;
  if (s->decay != 0) symo_axpy(s->dtype, s->n, s->decay, s->theta, s->g);
  s->loss = objective(s, value);
  s->report->gradient_norm = symo_update_norm(flat(s, s->g));
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
  if (status == SYMO_INDEFINITE || status == SYMO_SINGULAR) return refuse_factor(s, status);
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
  s.matrix = m->curvature->matrix;
  s.n = b->layout->parameters;
  s.w = symo_second_order_work(optim);
  s.g = at(&s, s.w.gradient_at);
  s.d = at(&s, s.w.solution_at);
  s.solver = at(&s, s.w.solver_at);
  s.decay = m->weight_decay;
  s.rate = symo_state_rate(state, b, state->steps + 1);
  s.report = report;
  report->lr = s.rate;
  /* What a checkpoint brought may be anything. */
  bool follows = b->damping->update != NULL && state->damping >= 0 && isfinite(state->damping);
  report->damping = follows ? state->damping : m->eps;
  symo_status status = check(&s);
  const problem_call call = call_at(&s);
  if (status != SYMO_OK) return status;
  symo_problem_call_hold(&call, true, s.matrix == SYMO_MATRIX_HESSIAN);
  status = run(&s, loss);
  symo_problem_call_hold(&call, false, false);
  if (status != SYMO_OK) return status;
  report->step = state->steps;
  report->refused_steps = state->refused;
  report->rejected_steps = state->rejected;
  return SYMO_OK;
}
