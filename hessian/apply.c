/* Products with vectors, and what is read off by them: dense blocks, diagonal, samples. */
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/hessian.h"

static symo_status check_target(const symo_hessian *h, symo_vector y, const char *what) {
  return symo_layout_check_arrays(h->plan->layout, symo_vector_const(y), what);
}

static void clear(const symo_plan *plan, symo_vector y) {
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    symo_nd_fill(0, symo_layout_view(plan->layout, plan->dtype, symo_vector_const(y), i));
}

static size_t work_bytes(const symo_plan *plan) {
  size_t most = 64;
  for (size_t i = 0; i < plan->num_labels; i++) {
    size_t bytes = plan->labels[i].dropped ? 0 : symo_apply_work(plan, &plan->labels[i]);
    most = bytes > most ? bytes : most;
  }
  return most;
}

static void multiply(const symo_hessian *h, symo_const_vector x, symo_vector y, void *work) {
  clear(h->plan, y);
  for (size_t i = 0; i < h->plan->num_labels; i++)
    if (!h->plan->labels[i].dropped)
      symo_label_apply(h->plan, &h->plan->labels[i], h->m[i], x, y, work);
}

symo_status symo_hessian_matvec(const symo_hessian *h, symo_const_vector x, symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  symo_status status = symo_layout_check_vector(h->plan->layout, h->plan->dtype, x, "matvec");
  if (status == SYMO_OK) status = check_target(h, y, "matvec output");
  if (status != SYMO_OK) return status;
  void *work = symo_malloc(work_bytes(h->plan));
  if (work == NULL) return symo_fail_memory(h->context, "matvec");
  multiply(h, x, y, work);
  symo_free(work);
  return SYMO_OK;
}

symo_status symo_hessian_diagonal(const symo_hessian *h, symo_vector out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  symo_status status = check_target(h, out, "diagonal output");
  if (status != SYMO_OK) return status;
  size_t most = 64;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    size_t bytes = symo_diagonal_scratch(h->plan, &h->plan->labels[i]);
    most = bytes > most ? bytes : most;
  }
  arena scratch = {.base = symo_malloc(most)};
  if (scratch.base == NULL) return symo_fail_memory(h->context, "diagonal");
  clear(h->plan, out);
  for (size_t i = 0; i < h->plan->num_labels; i++)
    if (!h->plan->labels[i].dropped)
      symo_label_diagonal(h->plan, &h->plan->labels[i], h->m[i], out, &scratch);
  symo_free(scratch.base);
  return SYMO_OK;
}

/* Columns [first, first + columns) of rows [row, row + rows), by products with unit vectors; out is
 * [rows, columns] with the given row stride.  The matrix is symmetric, so column j is also row j.
 */
static symo_status dense_part(const symo_hessian *h, size_t row, size_t rows, size_t first,
                              size_t columns, bool transposed, double *out, size_t stride) {
  const symo_layout *layout = h->plan->layout;
  symo_dtype t = h->plan->dtype;
  size_t p = layout->parameters, item = symo_dtype_size(t);
  symo_status status = SYMO_OK;
  char *vectors = symo_calloc(2 * p, item);
  void **data = symo_calloc(2 * layout->num_tensors, sizeof *data);
  void *work = symo_malloc(work_bytes(h->plan));
  if (vectors == NULL || data == NULL || work == NULL)
    SYMO_TRY(symo_fail_memory(h->context, "dense"));
  void **ydata = data + layout->num_tensors;
  symo_layout_split(layout, t, vectors, data);
  symo_layout_split(layout, t, vectors + p * item, ydata);
  symo_const_vector x = {(const void *const *)data, NULL};
  for (size_t j = 0; j < columns; j++) {
    symo_put(t, vectors, first + j, 1);
    multiply(h, x, (symo_vector){ydata, NULL}, work);
    symo_put(t, vectors, first + j, 0);
    for (size_t i = 0; i < rows; i++)
      out[transposed ? j * stride + i : i * stride + j] = symo_get(t, vectors + p * item, row + i);
  }
fail:
  symo_free(vectors);
  symo_free(data);
  symo_free(work);
  return status;
}

symo_status symo_hessian_block(const symo_hessian *h, size_t row_tensor, size_t column_tensor,
                               double *out) {
  if (h == NULL || out == NULL) return SYMO_E_ARGUMENT;
  const symo_layout *layout = h->plan->layout;
  if (row_tensor >= layout->num_tensors || column_tensor >= layout->num_tensors)
    return symo_fail(h->context, SYMO_E_ARGUMENT, "block: tensor %zu, %zu (the layout has %zu)",
                     row_tensor, column_tensor, layout->num_tensors);
  const layout_tensor *r = &layout->tensors[row_tensor], *c = &layout->tensors[column_tensor];
  return dense_part(h, r->offset, r->size, c->offset, c->size, false, out, c->size);
}

symo_status symo_hessian_dense(const symo_hessian *h, double *out) {
  if (h == NULL || out == NULL) return SYMO_E_ARGUMENT;
  size_t p = h->plan->layout->parameters;
  symo_status status = dense_part(h, 0, p, 0, p, true, out, p);
  for (size_t i = 0; status == SYMO_OK && i < p; i++) /* symmetric to the last bit */
    for (size_t j = 0; j < i; j++)
      out[j * p + i] = out[i * p + j] = 0.5 * (out[i * p + j] + out[j * p + i]);
  return status;
}

symo_status symo_hessian_sample(const symo_hessian *h, double damping, symo_rng *rng,
                                symo_vector out) {
  if (h == NULL || rng == NULL) return SYMO_E_ARGUMENT;
  const symo_layout *layout = h->plan->layout;
  symo_dtype t = h->plan->dtype;
  symo_hessian *root = NULL;
  void *noise = NULL;
  const void **data = NULL;
  symo_status status;
  SYMO_TRY(check_target(h, out, "sample output"));
  SYMO_TRY(symo_hessian_invsqrt(h, damping, &root));
  noise = symo_malloc(layout->parameters * symo_dtype_size(t));
  data = symo_malloc(layout->num_tensors * sizeof *data);
  if (noise == NULL || data == NULL) SYMO_TRY(symo_fail_memory(h->context, "sample"));
  for (size_t i = 0; i < layout->parameters; i++) symo_put(t, noise, i, symo_rng_normal(rng));
  symo_layout_split_const(layout, t, noise, data);
  SYMO_TRY(symo_hessian_matvec(root, (symo_const_vector){data, NULL}, out));
fail:
  symo_hessian_destroy(root);
  symo_free(noise);
  symo_free(data);
  return status;
}
