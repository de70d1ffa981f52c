/* Vectors of the caller: views of their tensors, and checks of types, numbers and memory. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/overlap.h"
#include "groups/plan/layout.h"

static symo_status check_split(const symo_layout *layout, const char *where, symo_dtype dtype,
                               const void *flat, const void *data) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (symo_dtype_size(dtype) == 0)
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "%s: no number type (pass SYMO_F32 or SYMO_F64)", where);
  if (flat == NULL || data == NULL)
    return symo_fail_null(layout->context, where, flat == NULL ? "flat" : "data");
  return SYMO_OK;
}

symo_status symo_layout_split(const symo_layout *layout, symo_dtype dtype, void *flat,
                              void **data) {
  symo_status status = check_split(layout, "layout_split", dtype, flat, data);
  for (size_t i = 0; status == SYMO_OK && i < layout->num_tensors; i++)
    data[i] = (char *)flat + layout->tensors[i].offset * symo_dtype_size(dtype);
  return status;
}

symo_status symo_layout_split_const(const symo_layout *layout, symo_dtype dtype, const void *flat,
                                    const void **data) {
  symo_status status = check_split(layout, "layout_split_const", dtype, flat, data);
  for (size_t i = 0; status == SYMO_OK && i < layout->num_tensors; i++)
    data[i] = (const char *)flat + layout->tensors[i].offset * symo_dtype_size(dtype);
  return status;
}

symo_nd symo_layout_view(const symo_layout *layout, symo_dtype dtype, symo_const_vector x,
                         size_t tensor) {
  const layout_tensor *t = &layout->tensors[tensor];
  symo_nd view = symo_nd_dense(dtype, (void *)(uintptr_t)x.data[tensor], (int)t->order, t->dim);
  if (x.strides != NULL && x.strides[tensor] != NULL)
    for (size_t a = 0; a < t->order; a++) view.s[a] = x.strides[tensor][a];
  return view;
}

symo_status symo_layout_check_arrays(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what) {
  if (symo_dtype_size(x.dtype) == 0)
    return symo_fail(layout->context, SYMO_E_ARGUMENT,
                     "%s: no number type (set .dtype to SYMO_F32 or SYMO_F64)", what);
  if (dtype != SYMO_ANY && x.dtype != dtype)
    return symo_fail(layout->context, SYMO_E_DTYPE,
                     "%s: the vector is in %s, and %s is wanted (convert it, or make the plan in "
                     "%s)",
                     what, symo_dtype_name(x.dtype), symo_dtype_name(dtype),
                     symo_dtype_name(x.dtype));
  if (x.data == NULL)
    return symo_fail(layout->context, SYMO_E_ARGUMENT, "%s: data is NULL (one array per tensor)",
                     what);
  for (size_t i = 0; i < layout->num_tensors; i++)
    if (x.data[i] == NULL)
      return symo_fail(layout->context, SYMO_E_ARGUMENT,
                       "%s: tensor %s: the array is NULL (pass one per tensor)", what,
                       layout->tensors[i].name);
  return SYMO_OK;
}

symo_status symo_layout_check_vector(const symo_layout *layout, symo_dtype dtype,
                                     symo_const_vector x, const char *what) {
  symo_status status = symo_layout_check_arrays(layout, dtype, x, what);
  for (size_t i = 0; i < layout->num_tensors && status == SYMO_OK; i++)
    if (!isfinite(symo_nd_max_abs(symo_layout_view(layout, x.dtype, x, i))))
      status = symo_fail(layout->context, SYMO_E_NONFINITE,
                         "%s: tensor %s holds NaN or infinity (check the loss and the step before)",
                         what, layout->tensors[i].name);
  return status;
}

/* ---- memory in common ---- */

typedef struct range {
  symo_span span;
  size_t tensor;
  bool written;
} range;

static bool before(const range *a, const range *b) { return a->span.first < b->span.first; }

static void sift(range *r, size_t from, size_t n) {
  for (size_t child; (child = 2 * from + 1) < n; from = child) {
    if (child + 1 < n && before(&r[child], &r[child + 1])) child++;
    if (!before(&r[from], &r[child])) return;
    const range kept = r[from];
    r[from] = r[child];
    r[child] = kept;
  }
}

/* By first byte.  A heap: qsort may allocate, and a step must not. */
static void sort(range *r, size_t n) {
  for (size_t i = n / 2; i-- > 0;) sift(r, i, n);
  for (size_t i = n; i-- > 1;) {
    const range kept = r[0];
    r[0] = r[i];
    r[i] = kept;
    sift(r, 0, i);
  }
}

typedef struct pair {
  const symo_layout *layout;
  symo_const_vector x, y;
  const char *where, *xname, *yname;
} pair;

static symo_nd view_of(const pair *p, const range *r) {
  const symo_const_vector v = r->written ? p->y : p->x;
  return symo_layout_view(p->layout, v.dtype, v, r->tensor);
}

/* a and b are in order of their first bytes; one at least is written. */
static symo_status check_pair(const pair *p, const range *a, const range *b) {
  const symo_nd first = view_of(p, a), second = view_of(p, b);
  if (!symo_nd_overlap(&first, &second)) return SYMO_OK;
  const range *out = a->written ? a : b, *other = out == a ? b : a;
  return symo_fail(
      p->layout->context, SYMO_E_ARGUMENT,
      "%s: %s: tensor %s shares memory with tensor %s of %s (give it memory of its own)", p->where,
      p->yname, p->layout->tensors[out->tensor].name, p->layout->tensors[other->tensor].name,
      other->written ? p->yname : p->xname);
}

size_t symo_layout_apart_room(const symo_layout *layout) {
  return 2 * layout->num_tensors * sizeof(range);
}

symo_status symo_layout_check_apart(const symo_layout *layout, const char *where,
                                    symo_const_vector x, const char *xname, symo_vector y,
                                    const char *yname, void *room) {
  const pair p = {layout, x, symo_vector_const(y), where, xname, yname};
  range *r = room != NULL ? room : symo_malloc(symo_layout_apart_room(layout));
  symo_status status = SYMO_OK;
  size_t n = 0;
  if (r == NULL) return symo_fail_memory(layout->context, where);
  for (size_t written = 0; written < 2; written++)
    for (size_t i = 0; (written == 1 || x.data != NULL) && i < layout->num_tensors; i++) {
      r[n] = (range){.tensor = i, .written = written == 1};
      const symo_nd view = view_of(&p, &r[n]);
      r[n++].span = symo_nd_span(&view);
      if (written == 1 && status == SYMO_OK && !symo_nd_is_apart(&view))
        status = symo_fail(layout->context, SYMO_E_ARGUMENT,
                           "%s: %s: strides of tensor %s put entries in one place (each must step "
                           "over all that smaller ones reach)",
                           where, yname, layout->tensors[i].name);
    }
  sort(r, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n && status == SYMO_OK && r[j].span.first < r[i].span.end; j++)
      if (r[i].written || r[j].written) status = check_pair(&p, &r[i], &r[j]);
  if (room == NULL) symo_free(r);
  return status;
}
