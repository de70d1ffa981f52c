/* Vectors and matrices far from 1: what is summed and multiplied is brought near 1 by a power of two,
 * which rounds nothing, and the result is taken back. */
#include <float.h>
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/hessian.h"

int symo_near_level(symo_dtype dtype, double largest) {
  double low = dtype == SYMO_F32 ? 1e-7 : 1e-60, high = dtype == SYMO_F32 ? 1e5 : 1e60;
  int exponent;
  if (!(largest > 0) || !isfinite(largest) || (largest >= low && largest <= high)) return 0;
  frexp(largest, &exponent);
  return exponent;
}

double symo_vector_max_abs(const symo_plan *plan, symo_const_vector x) {
  double most = 0;
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    most = fmax(most, symo_nd_max_abs(symo_layout_view(plan->layout, plan->dtype, x, i)));
  return most;
}

int symo_vector_level(const symo_plan *plan, symo_const_vector x) {
  return symo_near_level(plan->dtype, symo_vector_max_abs(plan, x));
}

int symo_label_level(const symo_hessian *h, size_t label, double damping) {
  const plan_label *l = &h->plan->labels[label];
  size_t n = l->count * l->m * l->m;
  double most = l->dropped ? 0 : symo_nd_max_abs(symo_nd_dense(h->plan->dtype, h->m[label], 1, &n));
  return symo_near_level(h->plan->dtype, fmax(most, damping));
}

symo_status symo_vector_near(const symo_plan *plan, const char *what, symo_const_vector x,
                             int level, void **block, symo_const_vector *out) {
  const symo_layout *layout = plan->layout;
  size_t heads = symo_padded(layout->num_tensors * sizeof(void *));
  char *memory = symo_malloc(heads + layout->parameters * symo_dtype_size(plan->dtype));
  if (memory == NULL) return symo_fail_memory(plan->context, what);
  void **data = (void **)(void *)memory;
  symo_layout_split(layout, plan->dtype, memory + heads, data);
  *block = memory;
  *out = symo_const_vector_of(plan->dtype, (const void *const *)data);
  for (size_t i = 0; i < layout->num_tensors; i++)
    symo_nd_shift(-level, symo_layout_view(layout, plan->dtype, x, i),
                  symo_layout_view(layout, plan->dtype, *out, i));
  return SYMO_OK;
}

symo_status symo_vector_check(const symo_plan *plan, const char *what, symo_const_vector x,
                              double log_size, symo_const_vector y) {
  double least = plan->dtype == SYMO_F32 ? FLT_MIN : DBL_MIN;
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    if (!isfinite(symo_nd_max_abs(symo_layout_view(plan->layout, plan->dtype, y, i))))
      return symo_fail(plan->context, SYMO_E_NUMERIC,
                       "%s: tensor %s of the result overflows %s (scale the vector down, or add "
                       "damping%s)",
                       what, plan->layout->tensors[i].name, symo_dtype_name(plan->dtype),
                       symo_dtype_wider(plan->dtype));
  double of_x = symo_vector_max_abs(plan, x), of_y = symo_vector_max_abs(plan, y);
  if (!isfinite(log_size) || of_y >= least || (of_x < least && 64 * of_y >= of_x)) return SYMO_OK;
  return symo_fail(plan->context, SYMO_E_NUMERIC,
                   "%s: the result, near 2^%d, underflows %s (scale the vector up%s)", what,
                   (int)log_size, symo_dtype_name(plan->dtype), symo_dtype_wider(plan->dtype));
}
