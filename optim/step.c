/* One step, block after block, in the one order that makes sense:
 *
 *     clip -> l2 decay -> momentum -> statistics -> roots -> C^{-alpha/2} -> graft -> scale ->
 *     decoupled decay -> step
 *
 * and in a basis, as published for SOAP, step -> decoupled decay, with none in the step that only
 * makes the basis.
 *
 * Before anything is written the gradient is looked through for NaN and infinity, and for norms
 * whose squares or sums the method could not hold (range.c).  Before the start
 * step of a rule, and as long as one of its roots has not been found even once, the direction is
 * that of the graft: Adam's, or the momentum as it is. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "optim/alphas.h"
#include "optim/diagonal_estimate.h"
#include "optim/share.h"
#include "optim/step.h"
#include "optim/update/moments.h"
#include "optim/update/rows.h"

/* Arrays of pointers and strides in the work space: of the caller's gradient and parameters, and of
 * the dense buffers. */
static void lay_out(block_step *s, symo_const_vector grad, symo_vector params) {
  const optim_block *b = s->b;
  size_t n = b->num_tensors;
  void **pointers = symo_step_at(s, s->w.pointers_at);
  const ptrdiff_t **strides = symo_step_at(s, s->w.strides_at);
  const void **g = (const void **)pointers;
  void **p = pointers + n, **out = pointers + 2 * n;
  for (size_t i = 0; i < n; i++) {
    size_t tensor = b->tensors[i];
    g[i] = grad.data[tensor];
    p[i] = params.data[tensor];
    strides[i] = grad.strides != NULL ? grad.strides[tensor] : NULL;
    strides[n + i] = params.strides != NULL ? params.strides[tensor] : NULL;
  }
  s->p = (symo_vector){s->state->optim->dtype, p, strides + n};
  s->theta = symo_vector_const(s->p);
  if (b->all != NULL) { /* other processes keep theirs to themselves, but for the parameters */
    const void **theta = symo_step_at(s, s->w.theta_at);
    for (size_t i = 0; i < b->all->num_tensors; i++) theta[i] = params.data[b->all->tensors[i]];
    s->theta = symo_const_vector_of(s->state->optim->dtype, theta);
  }
  symo_layout_split(b->layout, s->state->optim->dtype, symo_step_at(s, s->w.out_at), out);
  s->g = s->u = (symo_const_vector){s->state->optim->dtype, g, strides};
  s->out = symo_vector_of(s->state->optim->dtype, out);
  s->norms = symo_step_at(s, s->w.norms_at);
  s->graft = s->norms + n;
  s->shift = s->graft + n;
  s->g_level = symo_step_at(s, s->w.levels_at);
  s->u_level = s->g_level + n;
  s->u_stored = s->u_level + n;
  for (size_t i = 0; i < n; i++) {
    s->shift[i] = s->graft[i] = 0;
    s->u_stored[i] = 0;
  }
  s->curvature_work = symo_step_at(s, s->w.curvature_at);
  s->counters = s->state->data[symo_block_counter_entry(b)];
}

/* ---- curvature ---- */

static void combine(void *self, curvature_common *common) {
  block_step *s = self;
  symo_share_combine(s->state, common);
  s->combined = true;
}

static curvature_step curvature_now(block_step *s) {
  const bool share = s->state->optim->share != NULL;
  return (curvature_step){.combine = share ? combine : NULL,
                          .combine_self = s,
                          .t = s->t,
                          .updates = (uint64_t)s->counters[0],
                          .damping = s->b->method.eps,
                          .pool = s->state->pool,
                          .stride = s->w.stride,
                          .theta = s->theta,
                          .rate = s->rate,
                          .sums = s->state->sums,
                          .x = {.stored = s->u_stored, .level = s->u_level},
                          .g = {.level = s->g_level}};
}

static void *const *curvature_state(const block_step *s) {
  return s->state->data + symo_block_curvature_entry(s->b);
}

static symo_status accumulate(block_step *s) {
  const optim_block *b = s->b;
  if (b->curvature->accumulate == NULL || !s->due) return SYMO_OK;
  s->counters[0]++;
  curvature_step now = curvature_now(s);
  bool momentum = b->method.source == SYMO_SOURCE_MOMENTUM;
  if (symo_block_estimates(b)) {
    now.x = (curvature_scale){0};
    return b->curvature->accumulate(b->self, curvature_state(s), &now,
                                    symo_diagonal_of_block(s->state, b), s->curvature_work);
  }
  if (!momentum) now.x = now.g;
  return b->curvature->accumulate(b->self, curvature_state(s), &now, momentum ? s->u : s->g,
                                  s->curvature_work);
}

/* The roots that are due, in order; with threads the longest come first, so that none is left alone
 * at the end. */
static size_t find_due(const block_step *s, block_root *due) {
  const optim_block *b = s->b;
  size_t roots = symo_block_num_roots(b), count = 0;
  bool sorted = s->state->pool != NULL && b->curvature->refresh_flops != NULL;
  for (size_t r = 0; r < roots; r++) {
    const size_t number = b->root_at != NULL ? b->root_at[r] : r;
    const size_t all = b->root_at != NULL ? b->all_roots : roots;
    if (!symo_curvature_is_due(&b->method, s->t, number, all) && s->counters[1 + r] > 0) continue;
    block_root root = {.root = r, .report = {.condition = NAN, .effective_rank = NAN}};
    root.flops = sorted ? b->curvature->refresh_flops(b->self, r) : 0;
    size_t at = count++;
    for (; at > 0 && due[at - 1].flops < root.flops; at--) due[at] = due[at - 1];
    due[at] = root;
  }
  return count;
}

typedef struct refresh_job {
  block_step *s;
  curvature_step now;
  block_root *due;
} refresh_job;

static void refresh_one(void *arg, size_t index, int worker) {
  const refresh_job *j = arg;
  const block_step *s = j->s;
  block_root *due = &j->due[index];
  due->status =
      s->b->curvature->refresh(s->b->self, curvature_state(s), &j->now, due->root, &due->report,
                               curvature_work(&j->now, s->curvature_work, worker));
}

/* *found: every root has been taken once at least. */
static symo_status refresh(block_step *s, bool *found) {
  size_t roots = symo_block_num_roots(s->b);
  refresh_job j = {.s = s, .now = curvature_now(s), .due = symo_step_at(s, s->w.roots_at)};
  size_t count = find_due(s, j.due);
  symo_pool_run(s->state->pool, count, refresh_one, &j);
  for (size_t i = 0; i < count; i++) {
    const block_root *due = &j.due[i];
    if (due->status < 0) return due->status;
    if (due->status == SYMO_OK) s->counters[1 + due->root] = 1;
    if (due->report.elsewhere) continue;
    if (due->status == SYMO_OK)
      symo_curvature_report(&due->report, s->report);
    else
      s->report->failed_roots++;
  }
  *found = true;
  for (size_t r = 0; r < roots; r++) *found = *found && s->counters[1 + r] > 0;
  return SYMO_OK;
}

/* ---- direction ---- */

/* The direction of the graft of tensor i into out, and its norm. */
static void take_graft(void *arg, size_t i, int worker) {
  const block_step *s = arg;
  const optim_block *b = s->b;
  const symo_method *m = &b->method;
  double memory = m->beta2 > 0 && m->beta2 < 1 ? m->beta2 : 0.999;
  double correction = symo_update_correction(memory, s->t, true);
  symo_nd u = symo_step_view(s, s->u, i), out = symo_step_view(s, symo_vector_const(s->out), i);
  int exponent;
  (void)worker;
  if (symo_block_grafts_adam(b)) {
    symo_nd v = symo_step_entry(s, symo_block_graft_entry(b) + i, i);
    symo_update_squares(memory, symo_step_view(s, s->g, i), v);
    symo_update_divide(1, correction, 1e-8, u, v, out);
    u = out;
  }
  s->norms[i] = symo_update_far_norm(u, &exponent);
  s->graft[i] = s->shift[i] + exponent;
}

/* Whether processes that have shares of a rule wait for each other in a step.  What takes every
 * entry by itself has nothing to say, and may be one pass over memory in some of them. */
static bool is_joint(const symo_optim *optim, const symo_method *method, uint64_t t) {
  const symo_curvature *c = method->curvature;
  return optim->share != NULL && !c->elementwise && !c->identity &&
         t >= symo_curvature_start(method);
}

/* The direction of the curvature, of which all roots have been found. */
static symo_status curve(block_step *s, bool joint) {
  const optim_block *b = s->b;
  curvature_step now = curvature_now(s);
  now.out = s->shift;
  for (size_t i = 0; i < b->num_tensors; i++) s->shift[i] = 0;
  symo_status status =
      b->curvature->apply(b->self, curvature_state(s), &now, s->g, s->u, s->out, s->curvature_work);
  if (joint && !s->combined) {
    curvature_common common = {.failed = status != SYMO_OK};
    symo_share_combine(s->state, &common);
    if (status == SYMO_OK && common.failed > 0) status = SYMO_NO_CONVERGENCE;
  }
  if (status < 0) return status;
  s->curved = status == SYMO_OK;
  if (!s->curved && (!joint || s->state->optim->share->comm->rank == 0)) s->report->failed_roots++;
  for (size_t i = 0; i < b->num_tensors && !s->curved; i++) s->shift[i] = s->u_stored[i];
  return SYMO_OK;
}

/* Moves on from u to the direction of the curvature if there is one.  status: of what came before,
 * which others have to know of. */
static symo_status precondition(block_step *s, symo_status status) {
  const optim_block *b = s->b;
  const bool joint = is_joint(s->state->optim, &b->method, s->t);
  bool found = false;
  if (s->t >= symo_curvature_start(&b->method)) {
    if (status == SYMO_OK) status = refresh(s, &found);
    if (joint) status = symo_share_agree(s->state, status, &found);
    symo_state_lap(s->state, &s->report->seconds.roots);
    if (status == SYMO_OK && found) status = curve(s, joint);
  }
  if (status != SYMO_OK) return status;
  /* Without, out still holds the direction of Adam where that is the graft. */
  if (s->curved || symo_block_grafts_adam(b)) s->u = symo_vector_const(s->out);
  return SYMO_OK;
}

static void advance_one(void *arg, size_t i, int worker) {
  const block_step *s = arg;
  (void)worker;
  symo_step_advance(s, i, symo_step_view(s, s->u, i));
}

/* What the tensors have come to, in order. */
static symo_status add_changes(block_step *s) {
  for (size_t i = 0; i < s->b->num_tensors; i++) {
    if (s->state->changes != NULL) s->state->changes[s->b->tensors[i]] = fmax(s->norms[i], 0);
    if (s->norms[i] == STEP_OUT_OF_RANGE)
      return symo_fail(s->state->optim->context, SYMO_E_NUMERIC,
                       "optim: step %llu: the step of tensor %s overflows %s (lower the learning "
                       "rate, or clip%s)",
                       (unsigned long long)s->t, s->b->layout->tensors[i].name,
                       symo_dtype_name(s->state->optim->dtype),
                       symo_dtype_wider(s->state->optim->dtype));
    if (s->norms[i] == STEP_NOT_FINITE)
      return symo_fail(s->state->optim->context, SYMO_E_NUMERIC,
                       "optim: step %llu: the direction of tensor %s is not finite (take a larger "
                       "eps%s)",
                       (unsigned long long)s->t, s->b->layout->tensors[i].name,
                       symo_dtype_wider(s->state->optim->dtype));
    s->report->update_norm = hypot(s->report->update_norm, s->norms[i]);
  }
  return SYMO_OK;
}

/* ---- the gradient ---- */

/* The same with all norms, where bounds were not enough. */
static double survey_norms(symo_optim_state *state, symo_const_vector grad, size_t *tensor) {
  state->light = false;
  return symo_step_survey(state, grad, tensor);
}

/* Whether a step needs no norms: all that it does is one pass over memory, and nobody asks. */
static bool needs_no_norms(const symo_optim_state *state) {
  bool all = !state->measured && state->optim->share == NULL;
  for (size_t i = 0; i < state->optim->num_blocks && all; i++) {
    const optim_block *b = &state->optim->blocks[i];
    all = symo_step_may_be_entries(b, state->steps + 1) && b->method.clip_norm == 0;
  }
  return all;
}

/* ---- blocks ---- */

static symo_status step_block(symo_optim_state *state, const optim_block *b, double norm,
                              symo_const_vector grad, symo_vector params,
                              symo_step_report *report) {
  block_step s = {.state = state, .b = b, .t = state->steps, .norm = norm, .report = report};
  symo_status status;
  size_t tensor;
  s.w = symo_block_work(b, state->optim->dtype, state->optim->spec.threads);
  s.rate = symo_state_rate(state, b, s.t);
  s.due = (s.t - 1) % b->method.statistics_every == 0;
  lay_out(&s, grad, params);
  if (symo_step_is_entries(&s)) {
    symo_step_entries(&s);
    status = add_changes(&s);
    symo_state_lap(state, &report->seconds.update);
    return status;
  }
  if (state->light) s.norm = survey_norms(state, grad, &tensor);
  symo_step_gradient(&s);
  symo_step_momentum(&s);
  symo_state_lap(state, &report->seconds.update);
  status = accumulate(&s);
  symo_state_lap(state, &report->seconds.statistics);
  if (symo_block_grafts(b)) symo_pool_run(state->pool, b->num_tensors, take_graft, &s);
  symo_state_lap(state, &report->seconds.update);
  SYMO_TRY(precondition(&s, status));
  symo_state_lap(state, &report->seconds.direction);
  symo_pool_run(state->pool, b->num_tensors, advance_one, &s);
  SYMO_TRY(add_changes(&s));
  symo_state_lap(state, &report->seconds.update);
fail:
  return status;
}

/* What a process without a tensor of a rule does in its step. */
static symo_status step_beside(const symo_optim_state *state, const symo_method *method) {
  bool found = true;
  curvature_common common = {.failed = 0};
  if (!is_joint(state->optim, method, state->steps)) return SYMO_OK;
  symo_status status = symo_share_agree(state, SYMO_OK, &found);
  if (status == SYMO_OK && found) symo_share_combine(state, &common);
  return status;
}

static symo_status step_blocks(symo_optim_state *state, double norm, symo_const_vector grad,
                               symo_vector params, symo_step_report *report) {
  const symo_optim *whole = symo_optim_whole(state->optim);
  symo_status status = SYMO_OK;
  report->lr = symo_state_rate(state, &whole->blocks[0], state->steps);
  for (size_t i = 0; i < whole->num_blocks && status == SYMO_OK; i++) {
    const optim_block *all = &whole->blocks[i];
    const bool shared = whole != state->optim;
    const optim_block *own = shared ? symo_share_block(state->optim, all->rule) : all;
    status = shared && own == NULL ? step_beside(state, &all->method)
                                   : step_block(state, own, norm, grad, params, report);
  }
  return status;
}

/* Whether this gradient can be taken; *tensor: where not. */
static bool in_range(const symo_optim_state *state, symo_const_vector grad, double norm,
                     size_t *tensor) {
  const optim_share *share = state->optim->share;
  const bool own = symo_state_in_range(state, grad, norm, tensor);
  if (share == NULL) return own;
  const int first = symo_comm_first(share->comm, !own);
  if (first >= 0) symo_comm_share(share->comm, first, sizeof *tensor, tensor);
  return first < 0;
}

/* ---- the step ---- */

symo_step_report symo_state_report(const symo_optim_state *state) {
  return (symo_step_report){.step = state->steps,
                            .lr = NAN,
                            .damping = NAN,
                            .reduction_ratio = NAN,
                            .gradient_norm = NAN,
                            .update_norm = NAN,
                            .worst_condition = NAN,
                            .effective_rank = NAN};
}

static void count_refusal(symo_optim_state *state, symo_step_report *report) {
  state->refused++;
  symo_state_save(state);
  report->accepted = false;
  report->refused_steps = state->refused;
  report->rejected_steps = state->rejected;
}

symo_status symo_state_refuse(symo_optim_state *state, const char *what, const char *where,
                              symo_step_report *report) {
  const symo_optim *optim = state->optim;
  count_refusal(state, report);
  if (optim->spec.nan == SYMO_NAN_SKIP) return SYMO_OK;
  return symo_fail(optim->context, SYMO_E_NONFINITE,
                   "optim: step %llu: %s%s holds NaN or infinity (lower the learning rate, or set "
                   "nan to skip, which leaves such steps out)",
                   (unsigned long long)state->steps + 1, what, where);
}

symo_status symo_state_refuse_large(symo_optim_state *state, const char *where,
                                    symo_step_report *report) {
  const symo_optim *optim = state->optim;
  count_refusal(state, report);
  if (optim->spec.nan == SYMO_NAN_SKIP) return SYMO_OK;
  return symo_fail(optim->context, SYMO_E_NUMERIC,
                   "optim: step %llu: the gradient of tensor %s is too large for its squares or "
                   "sums in %s (scale the loss down, or clip%s)",
                   (unsigned long long)state->steps + 1, where, symo_dtype_name(optim->dtype),
                   symo_dtype_wider(optim->dtype));
}

static symo_status take_step(symo_optim_state *state, symo_const_vector grad, symo_vector params,
                             symo_step_report *report) {
  const symo_optim *optim = state->optim;
  size_t tensor = 0;
  symo_state_lap(state, NULL);
  state->light = needs_no_norms(state);
  double norm = symo_step_survey(state, grad, &tensor);
  if (state->light && isnan(norm)) norm = survey_norms(state, grad, &tensor);
  report->gradient_norm = norm;
  if (isnan(norm))
    return symo_state_refuse(state, "the gradient of tensor ", optim->layout->tensors[tensor].name,
                             report);
  if (!in_range(state, grad, norm, &tensor))
    return symo_state_refuse_large(state, optim->layout->tensors[tensor].name, report);
  report->step = ++state->steps;
  report->update_norm = 0;
  if (optim->share != NULL)
    memset(state->changes, 0, optim->layout->num_tensors * sizeof *state->changes);
  symo_status status = step_blocks(state, norm, grad, params, report);
  if (optim->share != NULL) status = symo_share_finish(state, status, params, report);
  if (status != SYMO_OK) return status;
  report->accepted = true;
  report->refused_steps = state->refused;
  report->rejected_steps = state->rejected;
  symo_state_save(state);
  return SYMO_OK;
}

static symo_status refuse_without_problem(const symo_optim *optim) {
  const optim_block *b = &optim->blocks[0];
  while (!b->method.curvature->products && !symo_block_estimates(b) && !symo_block_measures(b)) b++;
  return symo_fail(optim->context, SYMO_E_UNSUPPORTED,
                   "optim: %s%s asks the problem for products or samples (call "
                   "symo_optim_problem_step)",
                   symo_block_measures(b) ? "" : "curvature ",
                   symo_block_measures(b) ? "alpha auto" : b->method.curvature->name);
}

symo_status symo_optim_step(symo_optim_state *state, symo_const_vector grad, symo_vector params,
                            symo_step_report *report) {
  if (state == NULL) return SYMO_E_ARGUMENT;
  const symo_optim *optim = state->optim;
  symo_step_report unused;
  state->measured = report != NULL;
  if (report == NULL) report = &unused;
  if (symo_optim_asks(optim) && !state->estimated) return refuse_without_problem(optim);
  symo_status status =
      symo_layout_check_arrays(optim->layout, optim->dtype, grad, "optim: gradient");
  if (status == SYMO_OK)
    status = symo_layout_check_arrays(optim->layout, optim->dtype, symo_vector_const(params),
                                      "optim: parameters");
  if (status == SYMO_OK && optim->share != NULL && params.strides != NULL)
    status = symo_fail(optim->context, SYMO_E_UNSUPPORTED,
                       "optim: parameters with strides go with one process (pass dense ones)");
  if (status == SYMO_OK)
    status = symo_layout_check_apart(optim->layout, "optim", grad, "gradient", params, "parameters",
                                     state->work);
  if (status != SYMO_OK) return status;
  symo_state_load(state);
  *report = symo_state_report(state);
  status = symo_state_check_factors(state);
  if (status != SYMO_OK) return status;
  status = take_step(state, grad, params, report);
  state->request.sums = NULL; /* used once */
  return status;
}
