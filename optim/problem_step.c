/* Steps on a problem: methods with products are called as they are; for the others the gradient is
 * taken first. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "hessian/problem.h"
#include "optim/alphas.h"
#include "optim/diagonal_estimate.h"
#include "optim/state.h"

static symo_status check_problem(const symo_optim *optim, const symo_problem *problem) {
  if (problem->gradient == NULL)
    return symo_fail(optim->context, SYMO_E_UNSUPPORTED, "optim: the problem has no gradient");
  if (problem->size != optim->layout->parameters)
    return symo_fail(optim->context, SYMO_E_SHAPE, "optim: the problem has %zu %s, the layout %zu",
                     problem->size, symo_plural(problem->size, "parameter", "parameters"),
                     optim->layout->parameters);
  if (problem->dtype != optim->dtype)
    return symo_fail(optim->context, SYMO_E_DTYPE, "optim: the problem is in %s, the plan in %s",
                     symo_dtype_name(problem->dtype), symo_dtype_name(optim->dtype));
  return SYMO_OK;
}

/* The sites of the plan are those of the problem. */
static symo_status check_sites(const symo_optim *optim, const symo_problem *problem) {
  if (optim->sums_bytes == 0) return SYMO_OK;
  bool same = problem->factors != NULL && problem->num_sites == optim->spec.num_sites;
  for (size_t s = 0; same && s < problem->num_sites; s++) {
    const symo_factor_site *a = &problem->sites[s], *b = &optim->sites[s];
    same = a->weight == b->weight && a->bias == b->bias && a->outputs == b->outputs &&
           a->inputs == b->inputs && a->table == b->table;
  }
  if (same) return SYMO_OK;
  return symo_fail(optim->context, SYMO_E_UNSUPPORTED,
                   "optim: curvature kfac: the problem %s has not the layer statistics of the plan "
                   "(make the plan with its sites, and fill factors)",
                   problem->name != NULL ? problem->name : "");
}

/* The gradient, and pointers to its tensors and to those of theta behind it. */
static size_t numbers_of_gradient(const symo_optim *optim) {
  return symo_padded(optim->layout->parameters * symo_dtype_size(optim->dtype));
}

size_t symo_optim_gradient_bytes(const symo_optim *optim) {
  return numbers_of_gradient(optim) + 2 * optim->layout->num_tensors * sizeof(void *);
}

symo_status symo_state_take_gradient(symo_optim_state *state) {
  const symo_optim *optim = state->optim;
  if (state->gradient != NULL) return SYMO_OK;
  state->gradient = symo_malloc(symo_optim_gradient_bytes(optim));
  return state->gradient != NULL ? SYMO_OK : symo_fail_memory(optim->context, "optim");
}

/* Layer statistics are what a gradient with them takes longer than the last one without. */
static void divide_time(symo_optim_state *state, bool factors, double *gradient,
                        double *statistics) {
  if (!factors) {
    state->plain_seconds = *gradient;
  } else if (state->plain_seconds > 0 && state->plain_seconds < *gradient) {
    *statistics = *gradient - state->plain_seconds;
    *gradient = state->plain_seconds;
  }
}

static symo_status gradient_step(symo_optim_state *state, const symo_problem *problem, void *theta,
                                 double *loss, symo_step_report *report) {
  const symo_optim *optim = state->optim;
  const problem_call call = {optim->context, "optim", problem, theta};
  symo_status status;
  double value = NAN, spent = 0, probed = 0;
  SYMO_TRY(symo_state_take_gradient(state));
  symo_state_lap(state, NULL);
  const symo_factor_request *request = symo_optim_state_factors(state);
  SYMO_TRY(check_sites(optim, problem));
  symo_state_load(state);
  *report = symo_state_report(state);
  const uint64_t t = state->steps + 1;
  bool hessian[2], good = true, known = true;
  const bool diagonal = symo_diagonal_is_due(optim, t, &hessian[0]);
  const bool alphas = symo_alphas_are_due(optim, t, &hessian[1]);
  uint64_t measured = 0;
  state->estimated = diagonal || alphas;
  if (state->estimated) symo_problem_call_hold(&call, true, hessian[0] || hessian[1]);
  status = request != NULL ? symo_problem_call_factors(&call, &value, state->gradient, request)
                           : symo_problem_call_gradient(&call, &value, state->gradient);
  symo_state_lap(state, &spent);
  divide_time(state, request != NULL, &spent, &probed);
  if (status == SYMO_OK && isfinite(value) && diagonal)
    status = symo_diagonal_estimate(state, &call, t, &good);
  if (status == SYMO_OK && isfinite(value) && good && alphas)
    status = symo_alphas_measure(state, &call, t, &known, &measured);
  symo_state_lap(state, &probed);
  if (state->estimated) symo_problem_call_hold(&call, false, false);
  if (status != SYMO_OK) goto fail;
  if (loss != NULL) *loss = value;
  if (!isfinite(value) || !good || !known) {
    const char *what = !known  ? "the curvature along a singular direction"
                       : !good ? "the estimate of the diagonal"
                               : "the loss";
    state->estimated = false;
    return symo_state_refuse(state, what, "", report);
  }
  state->estimated = true; /* what the step needs is there */
  void **pointers = (void **)((char *)state->gradient + numbers_of_gradient(optim));
  void **params = pointers + optim->layout->num_tensors;
  symo_layout_split(optim->layout, optim->dtype, state->gradient, pointers);
  symo_layout_split(optim->layout, optim->dtype, theta, params);
  symo_const_vector grad = symo_const_vector_of(optim->dtype, (const void *const *)pointers);
  status = symo_optim_step(state, grad, symo_vector_of(optim->dtype, params), report);
  report->seconds.gradient = spent;
  report->seconds.statistics += probed;
  report->measured_alphas = measured;
fail:
  state->estimated = false;
  return status;
}

symo_status symo_optim_problem_step(symo_optim_state *state, const symo_problem *problem,
                                    void *theta, double *loss, symo_step_report *report) {
  if (state == NULL) return SYMO_E_ARGUMENT;
  if (problem == NULL || theta == NULL)
    return symo_fail_null(state->optim->context, "optim_problem_step",
                          problem == NULL ? "problem" : "theta");
  symo_step_report unused;
  if (report == NULL) report = &unused;
  symo_status status = check_problem(state->optim, problem);
  if (status != SYMO_OK) return status;
  if (!symo_optim_has_products(state->optim))
    return gradient_step(state, problem, theta, loss, report);
  symo_state_load(state);
  *report = symo_state_report(state);
  status = symo_second_order_step(state, problem, theta, loss, report);
  if (status == SYMO_OK) symo_state_save(state);
  return status;
}
