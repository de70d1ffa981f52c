/* The work space of an estimate: how much, which label has which part, and copies of vectors that are far
 * from 1. */
#include "hessian/estimate.h"

#include "core/alloc.h"
#include "core/error.h"

bool symo_estimate_use_stack(const estimate_job *j, const plan_label *l) {
  size_t rows;
  return j->estimator->apply_stack != NULL && !j->with_params && !l->scaled && l->count == 1 &&
         l->num_families == 0 && symo_mul_size(symo_label_rows(l), j->count, &rows) && rows > 1 &&
         rows < l->m;
}

stack_parts symo_estimate_divide_stack(const estimate_job *j, const plan_label *l) {
  size_t item = symo_dtype_size(j->plan->dtype), rows = j->count * symo_label_rows(l);
  stack_parts p = {.rows = rows};
  p.gram = symo_padded(rows * rows * item);
  p.y = symo_padded(rows * l->m * item);
  p.eigh = symo_padded(symo_eigh_work(j->plan->dtype, rows));
  p.all = p.gram + p.y + p.eigh + symo_stack_work(j->plan, l, j->count);
  return p;
}

/* Bytes of C_t of a label. */
static size_t params_bytes(const estimate_job *j, const plan_label *l) {
  size_t bytes = l->count * l->m * l->m * symo_dtype_size(j->plan->dtype);
  return j->with_params && !l->dropped ? symo_padded(bytes) : 0;
}

/* Points every label to its C_t, from `at` on, those of labels with scaling spaces behind. */
static void place_params(const estimate_job *j, char *at, size_t shared, estimate_buffers *out) {
  size_t used = shared;
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    out->params[i] = l->scaled ? at + used : at;
    if (l->scaled) used += params_bytes(j, l);
  }
}

symo_status symo_estimate_allocate(const estimate_job *j, estimate_buffers *out) {
  size_t shared = 0, own = 0, work = 0, values = 0, pointers;
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    if (l->dropped) continue;
    size_t need;
    if (symo_estimate_use_stack(j, l)) {
      need = symo_estimate_divide_stack(j, l).all;
    } else { /* panels and eigendecompositions never live at the same time */
      bool closed = j->estimator->eigh == EIGH_NEVER ||
                    (j->estimator->eigh == EIGH_UNLESS_RANK_ONE && symo_estimate_rank_one(j, l));
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

/* Whether a tensor lies in a label; NULL: in any that has scaling spaces. */
static bool lies_in(const estimate_job *j, const plan_label *label, size_t tensor) {
  for (size_t i = 0; i < j->plan->num_labels; i++) {
    const plan_label *l = &j->plan->labels[i];
    for (size_t p = 0; (label == NULL ? l->scaled : l == label) && p < l->num_pieces; p++)
      if (l->pieces[p].tensor == tensor) return true;
  }
  return false;
}

static void copy_near(const estimate_job *j, const plan_label *label, int level,
                      const symo_const_vector *x, symo_const_vector *near) {
  const symo_layout *layout = j->plan->layout;
  symo_dtype t = j->plan->dtype;
  for (size_t i = 0; i < layout->num_tensors; i++)
    for (size_t k = 0; k < j->count && lies_in(j, label, i); k++)
      symo_nd_shift(-level, symo_layout_view(layout, t, x[k], i),
                    symo_layout_view(layout, t, near[k], i));
}

/* Allocates the scaled copies: vectors, pointers to tensors, numbers. */
static symo_status allocate_scaled(const estimate_job *j, estimate_buffers *b) {
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

symo_status symo_estimate_come_near(const estimate_job *j, const plan_label *label,
                                    estimate_levels at, estimate_buffers *b, estimate_job *out) {
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
