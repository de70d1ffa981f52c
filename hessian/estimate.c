/* From gradients to an estimate: orbit averages of one label at a time, in the memory where its M
 * will stand, then the estimator on each of its blocks.
 *
 * Squares of numbers near 1e-30 or 1e30 leave the range of float32, so each label's gradients (and
 * parameters) are scaled by a power of two when the largest is far from 1, and M is scaled back. */
#include <math.h>
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
  double *largest[2]; /* [num_tensors]: of all gradients, of all parameters */
  bool with_params;
} job;

/* Checks vectors and finds the largest entry of every tensor. */
static symo_status survey(const job *j, const symo_const_vector *x, const char *what,
                          double *largest) {
  const symo_layout *layout = j->plan->layout;
  for (size_t k = 0; k < j->count; k++)
    for (size_t i = 0; i < layout->num_tensors; i++) {
      const char *name = layout->tensors[i].name;
      if (x[k].data == NULL || x[k].data[i] == NULL)
        return symo_fail(j->plan->context, SYMO_E_ARGUMENT,
                         "%s %zu: tensor %s: the array is NULL (pass one per tensor)", what, k,
                         name);
      double most = symo_nd_max_abs(symo_layout_view(layout, j->plan->dtype, x[k], i));
      if (!isfinite(most))
        return symo_fail(j->plan->context, SYMO_E_NONFINITE,
                         "%s: tensor %s holds NaN or infinity (check the loss and the step before)",
                         what, name);
      largest[i] = most > largest[i] ? most : largest[i];
    }
  return SYMO_OK;
}

/* A power of two that brings `largest` near 1, or 1 where it is harmless as it is. */
static double scale_for(symo_dtype dtype, double largest) {
  double low = dtype == SYMO_F32 ? 1e-7 : 1e-60, high = dtype == SYMO_F32 ? 1e5 : 1e60;
  int exponent;
  if (largest == 0 || (largest >= low && largest <= high)) return 1;
  frexp(largest, &exponent);
  return ldexp(1, -exponent);
}

static double label_scale(const job *j, const plan_label *label, const double *largest,
                          double floor) {
  double most = floor;
  for (size_t p = 0; p < label->num_pieces; p++)
    most = fmax(most, largest[label->pieces[p].tensor]);
  return scale_for(j->plan->dtype, most);
}

typedef struct buffers {
  char *block;
  void *params, *square, *work;
  double *w, *roots;
} buffers;

/* True if the label is done from the smaller side. */
static bool use_stack(const job *j, const plan_label *l) {
  size_t rows;
  return j->estimator->apply_stack != NULL && !j->with_params && l->count == 1 &&
         l->num_families == 0 && symo_mul_size(symo_label_rows(l), j->count, &rows) && rows > 1 &&
         rows < l->m;
}

static size_t round_up(size_t bytes) { return (bytes + 63) / 64 * 64; }

/* How `work` is divided for a stack: Gram matrix, Y, eigendecomposition or gathered coordinates. */
typedef struct stack_parts {
  size_t rows, gram, y, eigh, all;
} stack_parts;

static stack_parts divide_stack(const job *j, const plan_label *l) {
  size_t item = symo_dtype_size(j->plan->dtype), rows = j->count * symo_label_rows(l);
  stack_parts p = {.rows = rows};
  p.gram = round_up(rows * rows * item);
  p.y = round_up(rows * l->m * item);
  p.eigh = round_up(symo_eigh_work(j->plan->dtype, rows));
  p.all = p.gram + p.y + p.eigh + symo_stack_work(j->plan, l, j->count);
  return p;
}

/* One block for all work space of the hungriest label. */
static symo_status take_buffers(const job *j, buffers *out) {
  size_t params = 0, square = 0, work = 0, values = 0, item = symo_dtype_size(j->plan->dtype);
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    if (l->dropped) continue;
    size_t need, m2 = l->m * l->m * item;
    if (use_stack(j, l)) {
      need = divide_stack(j, l).all;
    } else { /* panels and eigendecompositions never live at the same time */
      size_t eigh = l->m > 1 ? symo_eigh_work(j->plan->dtype, l->m) : 256;
      need = symo_gram_work(j->plan, l, j->estimator->cross);
      need = need > eigh ? need : eigh;
    }
    if (need > work) work = need;
    if (j->with_params && m2 * l->count > params) params = m2 * l->count;
    if (j->estimator->params && m2 > square) square = m2;
    if (l->m > values) values = l->m;
  }
  params = round_up(params);
  square = round_up(square);
  work = round_up(work);
  out->block = symo_malloc(params + square + work + 2 * values * sizeof(double));
  if (out->block == NULL)
    return symo_fail(j->plan->context, SYMO_E_MEMORY,
                     "estimate: out of memory for %.3f GiB of work space (choose groups with "
                     "smaller multiplicities; see `symo layout`)",
                     (double)(params + square + work) / 1073741824.0);
  out->params = out->block;
  out->square = out->block + params;
  out->work = out->block + params + square;
  out->w = (double *)(void *)(out->block + params + square + work);
  out->roots = out->w + values;
  return SYMO_OK;
}

typedef struct stack_source {
  const job *j;
  const plan_label *label;
  double scale;
  const void *work;
} stack_source;

static void stack_multiply(void *self, symo_mat a, void *y) {
  const stack_source *s = self;
  symo_stack_multiply(s->j->plan, s->label, s->j->count, s->scale, s->j->grads, a, y, s->work);
}

/* Z = X / sqrt(n), so that C_g = Z'Z. */
static symo_status estimate_stacked(const job *j, const plan_label *label, double scale,
                                    const buffers *b, void *m) {
  stack_parts parts = divide_stack(j, label);
  char *gram = b->work, *y = gram + parts.gram, *eigh = y + parts.y, *rest = eigh + parts.eigh;
  symo_stack_gram(j->plan, label, j->count, scale, j->grads, 1 / (double)label->dim, gram, rest);
  stack_source source = {j, label, scale, rest};
  estimate_stack stack = {.dtype = j->plan->dtype,
                          .rows = parts.rows,
                          .m = label->m,
                          .gram = gram,
                          .y = y,
                          .out = m,
                          .tolerance = (double)parts.rows * symo_epsilon(j->plan->dtype),
                          .w = b->w,
                          .work = eigh,
                          .self = &source,
                          .multiply = stack_multiply};
  symo_status status = j->estimator->apply_stack(&stack);
  if (status == SYMO_OK) symo_scal(j->plan->dtype, label->m * label->m, 1 / (double)label->dim, m);
  return status;
}

static void average(const job *j, size_t index, double gscale, double tscale, const buffers *b,
                    void *c) {
  const plan_label *label = &j->plan->labels[index];
  const symo_const_vector none = {NULL, NULL};
  double n = (double)label->dim;
  for (size_t k = 0; k < j->count; k++) {
    double beta = k == 0 ? 0 : 1;
    if (j->estimator->cross)
      symo_label_gram(j->plan, label, 1 / n, gscale, j->grads[k], tscale, j->params[k], beta, c,
                      b->work);
    else
      symo_label_gram(j->plan, label, 1 / n, gscale, j->grads[k], 1, none, beta, c, b->work);
    if (j->with_params)
      symo_label_gram(j->plan, label, 1 / n, tscale, j->params[k], 1, none, beta, b->params,
                      b->work);
  }
}

static symo_status apply_to_blocks(const job *j, size_t index, double tscale, const buffers *b,
                                   symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  symo_status status = SYMO_OK;
  for (size_t c = 0; c < label->count && status == SYMO_OK; c++) {
    ptrdiff_t at = (ptrdiff_t)(c * label->m * label->m);
    estimate_block block = {.dtype = j->plan->dtype,
                            .m = label->m,
                            .average = symo_hessian_member(h, index, c),
                            .params = symo_at(j->plan->dtype, b->params, at),
                            .damping = j->spec.damping * tscale * tscale,
                            .scale = j->spec.scale,
                            .rank_one = label->ambient == 1 && j->count == 1,
                            .tolerance = (double)label->m * symo_epsilon(j->plan->dtype),
                            .w = b->w,
                            .roots = b->roots,
                            .square = b->square,
                            .work = b->work};
    status = j->estimator->apply(&block);
  }
  return status;
}

static symo_status estimate_label(const job *j, size_t index, const buffers *b, symo_hessian *h) {
  const plan_label *label = &j->plan->labels[index];
  double gscale = label_scale(j, label, j->largest[0], 0);
  double tscale = j->with_params ? label_scale(j, label, j->largest[1], sqrt(j->spec.damping)) : 1;
  symo_status status;
  if (use_stack(j, label)) {
    status = estimate_stacked(j, label, gscale, b, h->m[index]);
  } else {
    average(j, index, gscale, tscale, b, h->m[index]);
    status = apply_to_blocks(j, index, tscale, b, h);
  }
  if (status != SYMO_OK)
    return symo_fail(j->plan->context, status,
                     "estimate %s: label %s: the eigendecomposition failed (try float64 or "
                     "--damping)",
                     j->estimator->name, label->name);
  int tpower = j->spec.scale ? -1 : j->estimator->param_power;
  double back = pow(gscale, -j->estimator->grad_power) * pow(tscale, -tpower);
  if (back == 1) return SYMO_OK;
  size_t total = label->count * label->m * label->m;
  symo_scal(j->plan->dtype, total, back, h->m[index]);
  if (!symo_all_finite(j->plan->dtype, total, h->m[index]))
    return symo_fail(j->plan->context, SYMO_E_NUMERIC,
                     "estimate %s: label %s: the estimate overflows %s (use f64 or scale the loss)",
                     j->estimator->name, label->name, symo_dtype_name(j->plan->dtype));
  return SYMO_OK;
}

static symo_status check_job(const job *j) {
  symo_context *context = j->plan->context;
  const symo_estimator *e = j->estimator;
  if (j->count == 0 || j->grads == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: no gradient (pass at least one)");
  if (!(j->spec.damping >= 0) || !isfinite(j->spec.damping))
    return symo_fail(context, SYMO_E_ARGUMENT, "estimate: damping %g (must be >= 0)",
                     j->spec.damping);
  if (j->spec.scale && !e->can_scale)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "estimate: scale has no meaning for %s (h-g and h-g-bd have it)", e->name);
  if (j->spec.damping > 0 && !e->params && !j->spec.scale)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "estimate: damping is added to C_t, which %s does not use (h-pd and h-star "
                     "do; when solving, damping goes to the solve)",
                     e->name);
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
  if (plan == NULL || out == NULL) return SYMO_E_ARGUMENT;
  job j = {.plan = plan, .count = count, .grads = grads, .params = params};
  j.spec = spec == NULL ? symo_estimate_spec_default() : *spec;
  j.estimator = j.spec.estimator == NULL ? &symo_estimator_h_g : j.spec.estimator;
  j.with_params = j.estimator->params || j.spec.scale;
  buffers b = {NULL};
  symo_hessian *h = NULL;
  symo_status status = check_job(&j);
  if (status != SYMO_OK) return status;
  j.largest[0] = symo_calloc(2 * plan->layout->num_tensors, sizeof(double));
  if (j.largest[0] == NULL) SYMO_TRY(symo_fail_memory(plan->context, "estimate"));
  j.largest[1] = j.largest[0] + plan->layout->num_tensors;
  SYMO_TRY(survey(&j, grads, "gradient", j.largest[0]));
  if (j.with_params) SYMO_TRY(survey(&j, params, "parameters", j.largest[1]));
  SYMO_TRY(symo_hessian_create(plan, j.estimator->name, &h));
  SYMO_TRY(take_buffers(&j, &b));
  for (size_t i = 0; i < plan->num_labels; i++)
    if (!plan->labels[i].dropped) SYMO_TRY(estimate_label(&j, i, &b, h));
  *out = h;
  h = NULL;
fail:
  symo_hessian_destroy(h);
  symo_free(b.block);
  symo_free(j.largest[0]);
  return status;
}
