/* From gradients to an estimate: orbit averages of one label at a time, in the memory where its M
 * will stand, then the estimator on each of its blocks.
 *
 * Squares of numbers near 1e-30 or 1e30 leave the range of float32.  The trace of the averages
 * tells, without another pass over the vectors, whether that happened or something is NaN; only
 * then are the tensors looked through, the label's vectors copied times a power of two (before
 * coordinates are sums of them), and M scaled back: an M that the type cannot hold is refused.
 *
 * Labels with scaling spaces go together: the averages of them all, by one scale, then the moments
 * of the scalings, which mix labels (groups/plan/moments.c), then the estimator. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/estimate.h"

symo_estimate_spec symo_estimate_spec_default(void) {
  return (symo_estimate_spec){.estimator = &symo_estimator_h_g, .damping = 0, .scale = false};
}

/* What the vectors are called in details. */
static const char *grads_of(const estimate_job *j) {
  return j->estimator->products ? "product" : "gradient";
}
static const char *params_of(const estimate_job *j) {
  return j->estimator->products ? "probe" : "parameters";
}

static symo_status check_pointers(const estimate_job *j, const symo_const_vector *x,
                                  const char *what) {
  symo_status status = SYMO_OK;
  for (size_t k = 0; k < j->count && status == SYMO_OK; k++) {
    char which[64];
    snprintf(which, sizeof which, "estimate: %s %zu", what, k);
    status = symo_layout_check_arrays(j->plan->layout, j->plan->dtype, x[k], which);
  }
  return status;
}

/* The largest entry of the tensors of a label, in all vectors. */
static symo_status survey(const estimate_job *j, const plan_label *label,
                          const symo_const_vector *x, const char *what, double *largest) {
  const symo_layout *layout = j->plan->layout;
  for (size_t k = 0; k < j->count; k++)
    for (size_t p = 0; p < label->num_pieces; p++) {
      size_t tensor = label->pieces[p].tensor;
      double most = symo_nd_max_abs(symo_layout_view(layout, j->plan->dtype, x[k], tensor));
      if (!isfinite(most))
        return symo_fail(
            j->plan->context, SYMO_E_NONFINITE,
            "estimate: %s %zu: tensor %s holds NaN or infinity (check the loss and the "
            "step before)",
            what, k, layout->tensors[tensor].name);
      *largest = fmax(*largest, most);
    }
  return SYMO_OK;
}

/* Squares, summed: so far from the limits that products of two averages are in range as well. */
static bool in_range(symo_dtype dtype, double trace) {
  return dtype == SYMO_F32 ? trace >= 1e-14 && trace <= 1e10 : trace >= 1e-120 && trace <= 1e120;
}

typedef struct stack_source {
  const estimate_job *j;
  const plan_label *label;
  const void *work;
} stack_source;

static void stack_multiply(void *self, symo_mat a, void *y) {
  const stack_source *s = self;
  symo_stack_multiply(s->j->plan, s->label, s->j->count, 1, s->j->grads, a, y, s->work);
}

/* Forms the averages of a label: C_g or C_gt + C_gt' in c, C_t in its params; for a stack the small
 * Gram matrix in b->work.  False if a trace says that the numbers left their range. */
static bool average(const estimate_job *j, size_t index, const estimate_buffers *b, void *c) {
  const plan_label *label = &j->plan->labels[index];
  const symo_const_vector none = {0};
  symo_dtype t = j->plan->dtype;
  double n = (double)label->dim, trace = 0, param_trace = 0;
  size_t m = label->m;
  if (symo_estimate_use_stack(j, label)) {
    stack_parts parts = symo_estimate_divide_stack(j, label);
    symo_stack_gram(j->plan, label, j->count, 1, j->grads, 1 / n, b->work,
                    (char *)b->work + parts.gram + parts.y + parts.eigh);
    return in_range(t, symo_trace(t, parts.rows, b->work));
  }
  for (size_t k = 0; k < j->count; k++) {
    double beta = k == 0 ? 0 : 1;
    if (j->estimator->cross)
      symo_label_gram(j->plan, label, 1 / n, 1, j->grads[k], 1, j->params[k], beta, c, b->work);
    else
      symo_label_gram(j->plan, label, 1 / n, 1, j->grads[k], 1, none, beta, c, b->work);
    if (j->with_params)
      symo_label_gram(j->plan, label, 1 / n, 1, j->params[k], 1, none, beta, b->params[index],
                      b->work);
  }
  for (size_t i = 0; i < label->count; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * m * m);
    trace += symo_trace(t, m, symo_at(t, c, at));
    if (j->with_params) param_trace += symo_trace(t, m, symo_at(t, b->params[index], at));
  }
  /* The trace of C_gt + C_gt' says nothing of the size of the gradient. */
  bool fine = !j->estimator->cross && in_range(t, trace) &&
              (!j->with_params ||
               (in_range(t, param_trace) && symo_near_level(t, sqrt(j->spec.damping)) == 0));
  double most = symo_moments_largest(j->plan);
  return fine && (!label->scaled || (in_range(t, most * trace) &&
                                     (!j->with_params || in_range(t, most * param_trace))));
}

static symo_status apply_to_stack(const estimate_job *j, const plan_label *label,
                                  const estimate_buffers *b, void *m) {
  stack_parts parts = symo_estimate_divide_stack(j, label);
  char *y = (char *)b->work + parts.gram, *eigh = y + parts.y;
  stack_source source = {j, label, eigh + parts.eigh};
  estimate_stack stack = {.dtype = j->plan->dtype,
                          .rows = parts.rows,
                          .m = label->m,
                          .gram = b->work,
                          .y = y,
                          .out = m,
                          .tolerance = symo_rank_tolerance(j->plan->dtype, parts.rows),
                          .w = b->w,
                          .work = eigh,
                          .self = &source,
                          .multiply = stack_multiply};
  symo_status status = j->estimator->apply_stack(&stack);
  /* Z = X / sqrt(n), so that C_g = Z'Z; the products were with X. */
  if (status == SYMO_OK) symo_scal(j->plan->dtype, label->m * label->m, 1 / (double)label->dim, m);
  return status;
}

static symo_status apply_to_blocks(const estimate_job *j, size_t index, estimate_levels level,
                                   const estimate_buffers *b, symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_status status = SYMO_OK;
  double loss = j->loss == NULL ? 1 : j->loss[index];
  for (size_t c = 0; c < label->count && status == SYMO_OK; c++) {
    ptrdiff_t at = (ptrdiff_t)(c * label->m * label->m);
    estimate_block block = {.dtype = j->plan->dtype,
                            .m = label->m,
                            .average = symo_hessian_member(h, index, c),
                            .params = symo_at(j->plan->dtype, b->params[index], at),
                            .damping = ldexp(j->spec.damping, -2 * level.param),
                            .scale = j->spec.scale,
                            .rank_one = symo_estimate_rank_one(j, label),
                            .tolerance = loss * symo_rank_tolerance(j->plan->dtype, label->m),
                            .w = b->w,
                            .roots = b->roots,
                            .work = b->work};
    status = j->estimator->apply(&block);
  }
  return status;
}

/* The largest entries of the tensors of a label. */
static symo_status survey_label(const estimate_job *j, const plan_label *label, double *grad,
                                double *param) {
  symo_status status = survey(j, label, j->grads, grads_of(j), grad);
  if (status == SYMO_OK && j->with_params)
    status = survey(j, label, j->params, params_of(j), param);
  return status;
}

static symo_status refuse_result(const estimate_job *j, const plan_label *label, const char *how,
                                 int power, double log_size) {
  int by = (int)round(-log_size / power);
  return symo_fail(j->plan->context, SYMO_E_NUMERIC,
                   "estimate %s: label %s: the estimate %s %s (scale the loss by 2^%d%s)",
                   j->estimator->name, label->name, how, symo_dtype_name(j->plan->dtype), by,
                   symo_dtype_wider(j->plan->dtype));
}

/* M := 2^back M.  An M below the normal numbers has lost digits, unless the gradients, of this
 * size, had lost as many, or it was made of their rounding alone. */
static symo_status scale_back(const estimate_job *j, size_t index, int back, double size,
                              symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_dtype t = j->plan->dtype;
  size_t total = label->count * label->m * label->m;
  symo_nd all = symo_nd_dense(t, h->m[index], 1, &total);
  double before = symo_nd_max_abs(all), least = t == SYMO_F32 ? FLT_MIN : DBL_MIN;
  int power = j->estimator->grad_power;
  symo_nd_shift(back, all, all);
  double after = symo_nd_max_abs(all), noise = symo_rank_tolerance(t, label->m);
  if (power > 1) noise *= noise;
  if (!isfinite(after)) return refuse_result(j, label, "overflows", power, log2(before) + back);
  if (before > noise && after < least && !(size < least && 64 * after >= size))
    return refuse_result(j, label, "underflows", power, log2(before) + back);
  return SYMO_OK;
}

/* The estimator on the averages of a label, and its scale taken back.  size: of its gradients. */
static symo_status finish_label(const estimate_job *j, size_t index, estimate_levels at,
                                double size, const estimate_buffers *b, symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_status status = symo_estimate_use_stack(j, label) ? apply_to_stack(j, label, b, h->m[index])
                                                         : apply_to_blocks(j, index, at, b, h);
  if (status != SYMO_OK)
    return symo_fail(j->plan->context, status,
                     "estimate %s: label %s: the eigendecomposition failed (try float64 or "
                     "--damping)",
                     j->estimator->name, label->name);
  int param_power = j->spec.scale ? -1 : j->estimator->param_power;
  int back = j->estimator->grad_power * at.grad + param_power * at.param;
  return back == 0 ? SYMO_OK : scale_back(j, index, back, size, h);
}

static symo_status estimate_label(const estimate_job *j, size_t index, estimate_buffers *b,
                                  symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_dtype t = j->plan->dtype;
  estimate_levels at = {0, 0};
  estimate_job near = *j;
  double grad = 0, param = sqrt(j->spec.damping);
  if (!average(j, index, b, h->m[index])) {
    symo_status status = survey_label(j, label, &grad, &param);
    if (status != SYMO_OK) return status;
    at.grad = symo_near_level(t, grad);
    if (j->with_params) at.param = symo_near_level(t, param);
    status = symo_estimate_come_near(j, label, at, b, &near);
    if (status != SYMO_OK) return status;
    if (at.grad != 0 || at.param != 0) average(&near, index, b, h->m[index]);
  }
  return finish_label(&near, index, at, grad, b, h);
}

static bool average_scaled(const estimate_job *j, const estimate_buffers *b, symo_hessian *h) {
  bool fine = true;
  for (size_t i = 0; i < j->plan->num_labels; i++)
    if (j->plan->labels[i].scaled) fine = average(j, i, b, h->m[i]) && fine;
  return fine;
}

/* All labels that moments may mix. */
static symo_status estimate_scaled(const estimate_job *j, estimate_buffers *b, symo_hessian *h) {
  const symo_plan *plan = j->plan;
  moment_kind kind = j->estimator->cross ? MOMENT_CROSS : MOMENT_SAME;
  estimate_levels at = {0, 0};
  estimate_job precise = *j;
  symo_status status = SYMO_OK;
  double *loss = NULL, grad = 0, param = sqrt(j->spec.damping);
  if (!average_scaled(j, b, h)) {
    int most = ilogb(symo_moments_largest(plan)) / 2;
    for (size_t i = 0; i < plan->num_labels; i++)
      if (plan->labels[i].scaled) SYMO_TRY(survey_label(j, &plan->labels[i], &grad, &param));
    at.grad = symo_near_level(plan->dtype, ldexp(grad, most));
    if (j->with_params) at.param = symo_near_level(plan->dtype, ldexp(param, most));
    SYMO_TRY(symo_estimate_come_near(j, NULL, at, b, &precise));
    if (at.grad != 0 || at.param != 0) average_scaled(&precise, b, h);
  }
  /* The trace of C_gt says nothing of its size: what it loses goes into the second half. */
  loss = symo_malloc(2 * plan->num_labels * sizeof *loss);
  if (loss == NULL) return symo_fail_memory(plan->context, "estimate");
  for (size_t i = 0; i < 2 * plan->num_labels; i++) loss[i] = 1;
  double *kept = plan->centered ? loss : NULL;
  SYMO_TRY(symo_plan_moments(
      plan, kind, kept != NULL && kind == MOMENT_CROSS ? kept + plan->num_labels : kept, h->m));
  if (j->with_params) SYMO_TRY(symo_plan_moments(plan, MOMENT_SAME, kept, b->params));
  precise.loss = kept;
  for (size_t i = 0; i < plan->num_labels; i++)
    if (plan->labels[i].scaled) SYMO_TRY(finish_label(&precise, i, at, grad, b, h));
fail:
  symo_free(loss);
  return status;
}

static symo_status check_job(const estimate_job *j) {
  symo_context *context = j->plan->context;
  const symo_estimator *e = j->estimator;
  if (e == NULL)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "estimate: the estimator is NULL (symo_estimator_find gives that for an unknown "
        "name; symo_estimate_spec_default has the default)");
  if (j->count == 0 || j->grads == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: no %s (pass at least one)", grads_of(j));
  symo_status status = symo_check_damping(context, "estimate", j->spec.damping);
  if (status != SYMO_OK) return status;
  char names[256];
  symo_estimator_list(symo_estimator_can_scale, ", ", " and ", names, sizeof names);
  if (j->spec.scale && !e->can_scale)
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: scale has no meaning for %s (%s have it)",
                     e->name, names);
  symo_estimator_list(symo_estimator_needs_parameters, ", ", " and ", names, sizeof names);
  if (j->spec.damping > 0 && !e->params && !j->spec.scale)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "estimate: damping is added to C_t, which %s does not use (%s do; when "
                     "solving, damping goes to the solve)",
                     e->name, names);
  if (j->with_params && j->params == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: %s%s needs the parameters (pass them)",
                     e->name, j->spec.scale ? " with scale" : "");
  if (e->coupling != j->plan->coupling)
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: %s needs a plan that is %s", e->name,
                     e->coupling == SYMO_COUPLED ? "coupled" : "blocked");
  return SYMO_OK;
}

symo_status symo_estimate(const symo_plan *plan, const symo_estimate_spec *spec, size_t count,
                          const symo_const_vector *grads, const symo_const_vector *params,
                          symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(plan->context, "estimate", "out");
  estimate_job j = {.plan = plan, .count = count, .grads = grads, .params = params};
  j.spec = spec == NULL ? symo_estimate_spec_default() : *spec;
  j.estimator = j.spec.estimator;
  j.with_params = symo_estimator_needs_parameters(j.estimator) || j.spec.scale;
  estimate_buffers b = {NULL};
  symo_hessian *h = NULL;
  symo_status status = check_job(&j);
  if (status != SYMO_OK) return status;
  SYMO_TRY(check_pointers(&j, grads, grads_of(&j)));
  if (j.with_params) SYMO_TRY(check_pointers(&j, params, params_of(&j)));
  SYMO_TRY(symo_hessian_create(plan, j.estimator->name, &h));
  SYMO_TRY(symo_estimate_allocate(&j, &b));
  for (size_t i = 0; i < plan->num_labels; i++) {
    double unused = 0; /* a dropped label is not averaged, but NaN in it is still an error */
    const plan_label *label = &plan->labels[i];
    if (label->dropped)
      SYMO_TRY(survey_label(&j, label, &unused, &unused));
    else if (!label->scaled)
      SYMO_TRY(estimate_label(&j, i, &b, h));
  }
  if (plan->moments != NULL) SYMO_TRY(estimate_scaled(&j, &b, h));
  *out = h;
  h = NULL;
fail:
  symo_hessian_destroy(h);
  symo_free(b.block);
  symo_free(b.near);
  return status;
}
