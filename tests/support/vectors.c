/* Vectors over the parameters of a layout, stored in many ways; see vectors.h. */
#include "tests/support/vectors.h"

#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/testing.h"

static void *take(size_t count, size_t size) {
  void *block = calloc(count > 0 ? count : 1, size);
  cr_assert(block != NULL, "out of memory");
  return block;
}

/* Random strides for one tensor; returns how many numbers it spans, and where entry 0 lies. */
static size_t scatter_axes(const symo_layout *layout, size_t tensor, symo_rng *rng, ptrdiff_t *s,
                           size_t *origin) {
  size_t order = symo_layout_tensor_order(layout, tensor), axis[SYMO_MAX_ORDER], span = 1;
  for (size_t a = 0; a < order; a++) axis[a] = a;
  for (size_t a = order; a > 1; a--) {
    size_t b = (size_t)symo_rng_below(rng, a), kept = axis[a - 1];
    axis[a - 1] = axis[b];
    axis[b] = kept;
  }
  *origin = 0;
  if (symo_rng_below(rng, 4) == 0) span += 1;
  for (size_t k = 0; k < order; k++) { /* innermost first */
    size_t d = symo_layout_axis_dim(layout, tensor, axis[k]);
    bool backwards = symo_rng_below(rng, 4) == 0;
    s[axis[k]] = backwards ? -(ptrdiff_t)span : (ptrdiff_t)span;
    if (backwards) *origin += (d - 1) * span;
    span *= d;
    if (symo_rng_below(rng, 3) == 0) span += (size_t)symo_rng_below(rng, 3);
  }
  return span;
}

/* The place in store of entry `index` (row-major) of a tensor. */
static ptrdiff_t place(const symo_test_vector *x, size_t tensor, size_t index) {
  ptrdiff_t at = 0;
  for (size_t a = symo_layout_tensor_order(x->layout, tensor); a-- > 0;) {
    size_t d = symo_layout_axis_dim(x->layout, tensor, a);
    at += (ptrdiff_t)(index % d) * x->strides[tensor][a];
    index /= d;
  }
  return at;
}

static void mark_entries(symo_test_vector *x) {
  size_t item = symo_dtype_size(x->dtype);
  for (size_t i = 0; i < x->room; i++) {
    x->untouched[i] = 1;
    symo_put(x->dtype, x->store, i, (double)NAN);
  }
  for (size_t t = 0; t < symo_layout_num_tensors(x->layout); t++)
    for (size_t k = 0; k < symo_layout_tensor_size(x->layout, t); k++) {
      ptrdiff_t bytes = (unsigned char *)x->data[t] - x->store;
      x->untouched[bytes / (ptrdiff_t)item + place(x, t, k)] = 0;
    }
}

symo_test_vector symo_test_vector_make(const symo_layout *layout, symo_dtype dtype, symo_rng *rng) {
  size_t tensors = symo_layout_num_tensors(layout), item = symo_dtype_size(dtype);
  symo_test_vector x = {.layout = layout, .dtype = dtype};
  size_t *start = take(tensors, sizeof *start);
  x.n = symo_layout_num_parameters(layout);
  x.data = take(tensors, sizeof *x.data);
  x.strides = take(tensors, sizeof *x.strides);
  if (rng != NULL) x.stride_rows = take(tensors, sizeof *x.stride_rows);
  for (size_t t = 0; t < tensors; t++) {
    size_t origin = 0, span = symo_layout_tensor_size(layout, t);
    if (rng != NULL) {
      span = scatter_axes(layout, t, rng, x.strides[t], &origin);
      x.stride_rows[t] = x.strides[t];
    } else {
      ptrdiff_t s = 1;
      for (size_t a = symo_layout_tensor_order(layout, t); a-- > 0;) {
        x.strides[t][a] = s;
        s *= (ptrdiff_t)symo_layout_axis_dim(layout, t, a);
      }
    }
    start[t] = x.room + origin;
    x.room += span + (rng != NULL);
  }
  x.store = take(x.room, item);
  x.untouched = take(x.room, 1);
  for (size_t t = 0; t < tensors; t++) x.data[t] = x.store + start[t] * item;
  mark_entries(&x);
  free(start);
  return x;
}

void symo_test_vector_free(symo_test_vector *x) {
  free(x->store);
  free(x->untouched);
  free(x->data);
  free(x->strides);
  free((void *)x->stride_rows);
}

void symo_test_vector_set(symo_test_vector *x, const double *flat) {
  size_t next = 0, item = symo_dtype_size(x->dtype);
  for (size_t t = 0; t < symo_layout_num_tensors(x->layout); t++)
    for (size_t k = 0; k < symo_layout_tensor_size(x->layout, t); k++)
      symo_put(x->dtype, (char *)x->data[t] + place(x, t, k) * (ptrdiff_t)item, 0, flat[next++]);
}

void symo_test_vector_get(const symo_test_vector *x, double *flat) {
  size_t next = 0, item = symo_dtype_size(x->dtype);
  for (size_t t = 0; t < symo_layout_num_tensors(x->layout); t++)
    for (size_t k = 0; k < symo_layout_tensor_size(x->layout, t); k++)
      flat[next++] = symo_get(x->dtype, (char *)x->data[t] + place(x, t, k) * (ptrdiff_t)item, 0);
  for (size_t i = 0; i < x->room; i++)
    cr_assert(!x->untouched[i] || isnan(symo_get(x->dtype, x->store, i)),
              "number %zu, which belongs to no tensor, was written to", i);
}

symo_vector symo_test_out(const symo_test_vector *x) {
  return (symo_vector){x->dtype, x->data, x->stride_rows};
}

symo_const_vector symo_test_in(const symo_test_vector *x) {
  return (symo_const_vector){x->dtype, (const void *const *)x->data, x->stride_rows};
}

symo_test_batch symo_test_batch_make(const symo_layout *layout, symo_dtype dtype, symo_rng *rng,
                                     size_t count) {
  symo_test_batch b = {.count = count, .n = symo_layout_num_parameters(layout)};
  b.flat = take(count * b.n, sizeof *b.flat);
  b.vectors = take(count, sizeof *b.vectors);
  b.in = take(count, sizeof *b.in);
  symo_test_randn(rng, b.flat, count * b.n);
  for (size_t i = 0; i < count; i++) {
    b.vectors[i] = symo_test_vector_make(layout, dtype, NULL);
    symo_test_vector_set(&b.vectors[i], b.flat + i * b.n);
    b.in[i] = symo_test_in(&b.vectors[i]);
  }
  return b;
}

void symo_test_batch_free(symo_test_batch *b) {
  for (size_t i = 0; i < b->count; i++) symo_test_vector_free(&b->vectors[i]);
  free(b->flat);
  free(b->vectors);
  free(b->in);
}

void symo_test_batch_scale(symo_test_batch *b, double s) {
  for (size_t i = 0; i < b->count * b->n; i++) b->flat[i] *= s;
  for (size_t i = 0; i < b->count; i++) symo_test_vector_set(&b->vectors[i], b->flat + i * b->n);
}
