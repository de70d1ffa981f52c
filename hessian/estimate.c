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
#include "hessian/estimator.h"
#include "hessian/hessian.h"

symo_estimate_spec symo_estimate_spec_default(void) {
  return (symo_estimate_spec){.estimator = &symo_estimator_h_g, .damping = 0, .scale = false};
}

typedef struct job {
  const symo_plan *plan;
  const symo_estimator *estimator;
  symo_estimate_spec spec;
  size_t count;
  const symo_const_vector *grads, *params;
  bool with_params;
  const double *loss; /* [num_labels] of precision, by subtracting orbit means; NULL: none */
} job;

/* What the vectors are called in details. */
static const char *grads_of(const job *j) {
  return j->estimator->products ? "product" : "gradient";
}
static const char *params_of(const job *j) {
  return j->estimator->products ? "probe" : "parameters";
}

static symo_status check_pointers(const job *j, const symo_const_vector *x, const char *what) {
  symo_status status = SYMO_OK;
  for (size_t k = 0; k < j->count && status == SYMO_OK; k++) {
    char which[64];
    snprintf(which, sizeof which, "estimate: %s %zu", what, k);
    status = symo_layout_check_arrays(j->plan->layout, j->plan->dtype, x[k], which);
  }
  return status;
}

/* The largest entry of the tensors of a label, in all vectors. */
static symo_status survey(const job *j, const plan_label *label, const symo_const_vector *x,
                          const char *what, double *largest) {
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

typedef struct buffers {
  char *block, *near;   /* near: copies of vectors, taken where some are far from 1 */
  void **params, *work; /* params [num_labels]: of labels with scaling spaces apart, else shared */
  double *w, *roots;
} buffers;

/* True if the label is done from the smaller side. */
static bool use_stack(const job *j, const plan_label *l) {
  size_t rows;
  return j->estimator->apply_stack != NULL && !j->with_params && !l->scaled && l->count == 1 &&
         l->num_families == 0 && symo_mul_size(symo_label_rows(l), j->count, &rows) && rows > 1 &&
         rows < l->m;
}

/* True if C_g of a block is x x' for one vector x. */
static bool rank_one(const job *j, const plan_label *l) {
  return l->ambient == 1 && j->count == 1 && !l->scaled;
}

/* How `work` is divided for a stack: Gram matrix, Y, eigendecomposition or gathered coordinates. */
typedef struct stack_parts {
  size_t rows, gram, y, eigh, all;
} stack_parts;

static stack_parts divide_stack(const job *j, const plan_label *l) {
  size_t item = symo_dtype_size(j->plan->dtype), rows = j->count * symo_label_rows(l);
  stack_parts p = {.rows = rows};
  p.gram = symo_padded(rows * rows * item);
  p.y = symo_padded(rows * l->m * item);
  p.eigh = symo_padded(symo_eigh_work(j->plan->dtype, rows));
  p.all = p.gram + p.y + p.eigh + symo_stack_work(j->plan, l, j->count);
  return p;
}

/* Bytes of C_t of a label. */
static size_t params_bytes(const job *j, const plan_label *l) {
  size_t bytes = l->count * l->m * l->m * symo_dtype_size(j->plan->dtype);
  return j->with_params && !l->dropped ? symo_padded(bytes) : 0;
}

/* Points every label to its C_t, from `at` on, those of labels with scaling spaces behind. */
static void place_params(const job *j, char *at, size_t shared, buffers *out) {
  size_t used = shared;
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    out->params[i] = l->scaled ? at + used : at;
    if (l->scaled) used += params_bytes(j, l);
  }
}

/* Allocates one block: the workspace of the label that needs most, and C_t of all labels that are
 * averaged together. */
static symo_status allocate_buffers(const job *j, buffers *out) {
  size_t shared = 0, own = 0, work = 0, values = 0, pointers;
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    if (l->dropped) continue;
    size_t need;
    if (use_stack(j, l)) {
      need = divide_stack(j, l).all;
    } else { /* panels and eigendecompositions never live at the same time */
      bool closed = j->estimator->eigh == EIGH_NEVER ||
                    (j->estimator->eigh == EIGH_UNLESS_RANK_ONE && rank_one(j, l));
      size_t eigh = l->m == 1 || closed ? 256 : symo_eigh_work(j->plan->dtype, l->m);
      if (!closed && l->m > SYMO_EIGH_MAX)
        return symo_fail(j->plan->context, SYMO_E_SIZE,
                         "estimate %s: label %s: multiplicity %zu, and eigendecompositions end at "
                         "%d (choose groups with smaller multiplicities; see `symo layout`)",
                         j->estimator->name, l->name, l->m, SYMO_EIGH_MAX);
      need = symo_gram_work(j->plan, l, j->estimator->cross);
      need = need > eigh ? need : eigh;
    }
    if (need > work) work = need;
    need = params_bytes(j, l);
    if (l->scaled) own += need;
    if (!l->scaled && need > shared) shared = need;
    if (l->m > values) values = l->m;
  }
  size_t params = shared + own;
  work = symo_padded(work);
  pointers = symo_padded(j->plan->num_labels * sizeof *out->params);
  out->block = symo_malloc(params + work + pointers + 2 * values * sizeof(double));
  if (out->block == NULL)
    return symo_fail(j->plan->context, SYMO_E_MEMORY,
                     "estimate: out of memory for %.3f GiB of work space (choose groups with "
                     "smaller multiplicities; see `symo layout`)",
                     (double)(params + work) / 1073741824.0);
  out->work = out->block + params;
  out->params = (void **)(void *)(out->block + params + work);
  out->w = (double *)(void *)(out->block + params + work + pointers);
  out->roots = out->w + values;
  place_params(j, out->block, shared, out);
  return SYMO_OK;
}

typedef struct stack_source {
  const job *j;
  const plan_label *label;
  const void *work;
} stack_source;

static void stack_multiply(void *self, symo_mat a, void *y) {
  const stack_source *s = self;
  symo_stack_multiply(s->j->plan, s->label, s->j->count, 1, s->j->grads, a, y, s->work);
}

/* Vectors are taken over 2^grad and 2^param. */
typedef struct levels {
  int grad, param;
} levels;

/* Whether a tensor lies in a label; NULL: in any that has scaling spaces. */
static bool lies_in(const job *j, const plan_label *label, size_t tensor) {
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    for (size_t p = 0; (label == NULL ? l->scaled : l == label) && p < l->num_pieces; p++)
      if (l->pieces[p].tensor == tensor) return true;
  }
  return false;
}

static void copy_near(const job *j, const plan_label *label, int level, const symo_const_vector *x,
                      symo_const_vector *near) {
  const symo_layout *layout = j->plan->layout;
  symo_dtype t = j->plan->dtype;
  for (size_t i = 0; i < layout->num_tensors; i++)
    for (size_t k = 0; k < j->count && lies_in(j, label, i); k++)
      symo_nd_shift(-level, symo_layout_view(layout, t, x[k], i),
                    symo_layout_view(layout, t, near[k], i));
}

/* Allocates the scaled copies: vectors, pointers to tensors, numbers. */
static symo_status allocate_scaled(const job *j, buffers *b) {
  size_t vectors = (j->with_params ? 2 : 1) * j->count, one = 0, bytes = 0;
  size_t tensors = j->plan->layout->num_tensors;
  size_t heads = symo_padded(vectors * sizeof(symo_const_vector));
  size_t pointers = symo_padded(vectors * tensors * sizeof(void *));
  bool fits = symo_mul_size(j->plan->layout->parameters, symo_dtype_size(j->plan->dtype), &one) &&
              symo_mul_size(symo_padded(one), vectors, &bytes);
  if (b->near != NULL) return SYMO_OK;
  if (fits) b->near = symo_malloc(heads + pointers + bytes);
  if (b->near == NULL) return symo_fail_memory(j->plan->context, "estimate");
  for (size_t k = 0; k < vectors; k++) {
    void **data = (void **)(void *)(b->near + heads) + k * tensors;
    symo_layout_split(j->plan->layout, j->plan->dtype,
                      b->near + heads + pointers + k * symo_padded(one), data);
    ((symo_const_vector *)(void *)b->near)[k] =
        symo_const_vector_of(j->plan->dtype, (const void *const *)data);
  }
  return SYMO_OK;
}

/* The job with vectors near 1. */
static symo_status come_near(const job *j, const plan_label *label, levels at, buffers *b,
                             job *out) {
  *out = *j;
  if (at.grad == 0 && at.param == 0) return SYMO_OK;
  symo_status status = allocate_scaled(j, b);
  if (status != SYMO_OK) return status;
  symo_const_vector *grads = (symo_const_vector *)(void *)b->near, *params = grads + j->count;
  copy_near(j, label, at.grad, j->grads, grads);
  out->grads = grads;
  if (!j->with_params) return SYMO_OK;
  copy_near(j, label, at.param, j->params, params);
  out->params = params;
  return SYMO_OK;
}

/* Forms the averages of a label: C_g or C_gt + C_gt' in c, C_t in its params; for a stack the small
 * Gram matrix in b->work.  False if a trace says that the numbers left their range. */
static bool average(const job *j, size_t index, const buffers *b, void *c) {
  const plan_label *label = &j->plan->labels[index];
  const symo_const_vector none = {0};
  symo_dtype t = j->plan->dtype;
  double n = (double)label->dim, trace = 0, param_trace = 0;
  size_t m = label->m;
  if (use_stack(j, label)) {
    stack_parts parts = divide_stack(j, label);
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

static symo_status apply_to_stack(const job *j, const plan_label *label, const buffers *b,
                                  void *m) {
  stack_parts parts = divide_stack(j, label);
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

static symo_status apply_to_blocks(const job *j, size_t index, levels level, const buffers *b,
                                   symo_hessian *h) {
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
                            .rank_one = rank_one(j, label),
                            .tolerance = loss * symo_rank_tolerance(j->plan->dtype, label->m),
                            .w = b->w,
                            .roots = b->roots,
                            .work = b->work};
    status = j->estimator->apply(&block);
  }
  return status;
}

/* The largest entries of the tensors of a label. */
static symo_status survey_label(const job *j, const plan_label *label, double *grad,
                                double *param) {
  symo_status status = survey(j, label, j->grads, grads_of(j), grad);
  if (status == SYMO_OK && j->with_params)
    status = survey(j, label, j->params, params_of(j), param);
  return status;
}

static symo_status refuse_result(const job *j, const plan_label *label, const char *how, int power,
                                 double log_size) {
  int by = (int)round(-log_size / power);
  return symo_fail(j->plan->context, SYMO_E_NUMERIC,
                   "estimate %s: label %s: the estimate %s %s (scale the loss by 2^%d%s)",
                   j->estimator->name, label->name, how, symo_dtype_name(j->plan->dtype), by,
                   symo_dtype_wider(j->plan->dtype));
}

/* M := 2^back M.  An M below the normal numbers has lost digits, unless the gradients, of this
 * size, had lost as many, or it was made of their rounding alone. */
static symo_status scale_back(const job *j, size_t index, int back, double size, symo_hessian *h) {
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
static symo_status finish_label(const job *j, size_t index, levels at, double size,
                                const buffers *b, symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_status status = use_stack(j, label) ? apply_to_stack(j, label, b, h->m[index])
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

static symo_status estimate_label(const job *j, size_t index, buffers *b, symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_dtype t = j->plan->dtype;
  levels at = {0, 0};
  job near = *j;
  double grad = 0, param = sqrt(j->spec.damping);
  if (!average(j, index, b, h->m[index])) {
    symo_status status = survey_label(j, label, &grad, &param);
    if (status != SYMO_OK) return status;
    at.grad = symo_near_level(t, grad);
    if (j->with_params) at.param = symo_near_level(t, param);
    status = come_near(j, label, at, b, &near);
    if (status != SYMO_OK) return status;
    if (at.grad != 0 || at.param != 0) average(&near, index, b, h->m[index]);
  }
  return finish_label(&near, index, at, grad, b, h);
}

static bool average_scaled(const job *j, const buffers *b, symo_hessian *h) {
  bool fine = true;
  for (size_t i = 0; i < j->plan->num_labels; i++)
    if (j->plan->labels[i].scaled) fine = average(j, i, b, h->m[i]) && fine;
  return fine;
}

/* All labels that moments may mix. */
static symo_status estimate_scaled(const job *j, buffers *b, symo_hessian *h) {
  const symo_plan *plan = j->plan;
  moment_kind kind = j->estimator->cross ? MOMENT_CROSS : MOMENT_SAME;
  levels at = {0, 0};
  job precise = *j;
  symo_status status = SYMO_OK;
  double *loss = NULL, grad = 0, param = sqrt(j->spec.damping);
  if (!average_scaled(j, b, h)) {
    int most = ilogb(symo_moments_largest(plan)) / 2;
    for (size_t i = 0; i < plan->num_labels; i++)
      if (plan->labels[i].scaled) SYMO_TRY(survey_label(j, &plan->labels[i], &grad, &param));
    at.grad = symo_near_level(plan->dtype, ldexp(grad, most));
    if (j->with_params) at.param = symo_near_level(plan->dtype, ldexp(param, most));
    SYMO_TRY(come_near(j, NULL, at, b, &precise));
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

static symo_status check_job(const job *j) {
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
  job j = {.plan = plan, .count = count, .grads = grads, .params = params};
  j.spec = spec == NULL ? symo_estimate_spec_default() : *spec;
  j.estimator = j.spec.estimator;
  j.with_params = symo_estimator_needs_parameters(j.estimator) || j.spec.scale;
  buffers b = {NULL};
  symo_hessian *h = NULL;
  symo_status status = check_job(&j);
  if (status != SYMO_OK) return status;
  SYMO_TRY(check_pointers(&j, grads, grads_of(&j)));
  if (j.with_params) SYMO_TRY(check_pointers(&j, params, params_of(&j)));
  SYMO_TRY(symo_hessian_create(plan, j.estimator->name, &h));
  SYMO_TRY(allocate_buffers(&j, &b));
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
