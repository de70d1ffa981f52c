/* Structured matrices: creation, access and sums. */
#include "hessian/hessian.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

symo_status symo_hessian_create(const symo_plan *plan, const char *name, symo_hessian **out) {
  symo_status status;
  size_t numbers = 0, used = 0, item = symo_dtype_size(plan->dtype);
  bool fits = true;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t block = 0;
    if (l->dropped) continue;
    fits = fits && symo_mul_size(l->m, l->m, &block) && symo_mul_size(block, l->count, &block);
    fits = fits && block < PTRDIFF_MAX / 64 - numbers;
    numbers += block;
  }
  if (!fits)
    return symo_fail(plan->context, SYMO_E_SIZE,
                     "%s: the blocks do not fit an address space (choose other groups)", name);
  symo_hessian *h = symo_calloc(1, sizeof *h);
  if (h == NULL) return symo_fail_memory(plan->context, name);
  h->context = plan->context;
  h->plan = symo_plan_retain((symo_plan *)(uintptr_t)plan);
  snprintf(h->name, sizeof h->name, "%s", name);
  h->m = symo_calloc(plan->num_labels, sizeof *h->m);
  if (h->m == NULL) SYMO_TRY(symo_fail_memory(plan->context, name));
  h->store = symo_malloc(numbers * item);
  if (h->store == NULL)
    SYMO_TRY(symo_fail(plan->context, SYMO_E_MEMORY,
                       "%s: out of memory for %.3f GiB of blocks (choose groups with smaller "
                       "multiplicities; see `symo layout`)",
                       name, (double)numbers * (double)item / 1073741824.0));
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    h->m[i] = symo_at(plan->dtype, h->store, (ptrdiff_t)used);
    used += l->count * l->m * l->m;
  }
  *out = h;
  return SYMO_OK;
fail:
  symo_hessian_destroy(h);
  return status;
}

const char *symo_hessian_detail(const symo_hessian *hessian) {
  return hessian == NULL ? "" : symo_context_detail(hessian->context);
}

symo_status symo_hessian_check(const symo_hessian *h, const char *what) {
  symo_dtype t = h->plan->dtype;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    if (!l->dropped && !symo_all_finite(t, l->count * l->m * l->m, h->m[i]))
      return symo_fail(h->context, SYMO_E_NUMERIC, "%s: label %s: overflows %s (scale down%s)",
                       what, l->name, symo_dtype_name(t), symo_dtype_wider(t));
  }
  return SYMO_OK;
}

symo_status symo_hessian_check_small(const symo_hessian *h, size_t label, double largest,
                                     const char *what) {
  symo_dtype t = h->plan->dtype;
  const plan_label *l = &h->plan->labels[label];
  size_t n = l->count * l->m * l->m;
  double least = t == SYMO_F32 ? FLT_MIN : DBL_MIN;
  if (!(largest > 0) || symo_nd_max_abs(symo_nd_dense(t, h->m[label], 1, &n)) >= least)
    return SYMO_OK;
  return symo_fail(h->context, SYMO_E_NUMERIC, "%s: label %s: underflows %s (scale up%s)", what,
                   l->name, symo_dtype_name(t), symo_dtype_wider(t));
}

void symo_hessian_destroy(symo_hessian *h) {
  if (h == NULL) return;
  symo_free(h->store);
  symo_free(h->m);
  symo_plan_destroy(h->plan);
  symo_free(h);
}

/* Sets *out, or refuses what has overflowed. */
static symo_status hand_over(symo_hessian *h, const char *what, symo_hessian **out) {
  symo_status status = symo_hessian_check(h, what);
  if (status == SYMO_OK)
    *out = h;
  else
    symo_hessian_destroy(h);
  return status;
}

symo_status symo_hessian_identity(const symo_plan *plan, double s, symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(plan->context, "identity", "out");
  if (!isfinite(s))
    return symo_fail(plan->context, SYMO_E_NONFINITE, "identity: %g (pass a finite number)", s);
  symo_hessian *h;
  symo_status status = symo_hessian_create(plan, "identity", &h);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    memset(h->m[i], 0, l->count * l->m * l->m * symo_dtype_size(plan->dtype));
    for (size_t c = 0; c < l->count; c++)
      symo_add_diagonal(plan->dtype, l->m, s, symo_hessian_member(h, i, c));
  }
  return hand_over(h, "identity", out);
}

symo_status symo_hessian_from_blocks(const symo_plan *plan, const void *const *m,
                                     symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (m == NULL || out == NULL)
    return symo_fail_null(plan->context, "from_blocks", m == NULL ? "m" : "out");
  symo_status status;
  symo_hessian *h = NULL;
  SYMO_TRY(symo_hessian_create(plan, "", &h));
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    size_t numbers = l->count * l->m * l->m;
    if (m[i] == NULL)
      SYMO_TRY(symo_fail(plan->context, SYMO_E_ARGUMENT,
                         "from_blocks: label %s: no block (pass one)", l->name));
    if (!symo_all_finite(plan->dtype, numbers, m[i]))
      SYMO_TRY(symo_fail(plan->context, SYMO_E_NONFINITE,
                         "from_blocks: label %s holds NaN or infinity (check where it comes from)",
                         l->name));
    memcpy(h->m[i], m[i], numbers * symo_dtype_size(plan->dtype));
    for (size_t c = 0; c < l->count; c++)
      symo_symmetrize(plan->dtype, l->m, symo_hessian_member(h, i, c));
  }
  SYMO_TRY(symo_hessian_check_structure(h, "from_blocks"));
  *out = h;
  return SYMO_OK;
fail:
  symo_hessian_destroy(h);
  return status;
}

const symo_plan *symo_hessian_plan(const symo_hessian *h) { return h == NULL ? NULL : h->plan; }
const char *symo_hessian_name(const symo_hessian *h) { return h == NULL ? "" : h->name; }

const void *symo_hessian_blocks(const symo_hessian *h, size_t label) {
  if (h == NULL) return NULL;
  if (label < h->plan->num_labels) return h->m[label];
  symo_fail_index(h->context, "hessian_blocks", "label", label, "plan", h->plan->num_labels);
  return NULL;
}

double symo_hessian_trace(const symo_hessian *h) {
  if (h == NULL) return (double)NAN;
  double sum = 0;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    for (size_t c = 0; !l->dropped && c < l->count; c++)
      sum += (double)l->dim * symo_trace(h->plan->dtype, l->m, symo_hessian_member(h, i, c));
  }
  return sum;
}

double symo_hessian_frobenius(const symo_hessian *h) {
  if (h == NULL) return (double)NAN;
  double norm = 0;
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    if (l->dropped) continue;
    double part = symo_nrm2(h->plan->dtype, l->count * l->m * l->m, h->m[i]);
    norm = hypot(norm, sqrt((double)l->dim) * part);
  }
  return norm;
}

static double largest_of(const symo_hessian *h, size_t label) {
  const plan_label *l = &h->plan->labels[label];
  size_t n = l->count * l->m * l->m;
  return l->dropped ? 0 : symo_nd_max_abs(symo_nd_dense(h->plan->dtype, h->m[label], 1, &n));
}

/* By a factor that the type need not hold. */
static void scale(symo_dtype dtype, size_t n, double a, void *m) {
  double least = dtype == SYMO_F32 ? FLT_MIN : DBL_MIN, range = symo_largest(dtype);
  symo_nd all = symo_nd_dense(dtype, m, 1, &n);
  int exponent = 0;
  if (a != 0 && !(fabs(a) >= least && fabs(a) <= range)) a = frexp(a, &exponent);
  if (a != 1) symo_scal(dtype, n, a, m);
  if (exponent != 0) symo_nd_shift(exponent, all, all);
}

/* out = a x + b y; y may be NULL. */
static symo_status combine(const char *where, double a, const symo_hessian *x, double b,
                           const symo_hessian *y, symo_hessian **out) {
  symo_context *context = x->context;
  if (!isfinite(a) || !isfinite(b))
    return symo_fail(context, SYMO_E_NONFINITE, "%s: a factor is %g (pass finite numbers)", where,
                     isfinite(a) ? b : a);
  if (y != NULL && !symo_plan_equal(x->plan, y->plan))
    return symo_fail(
        context, SYMO_E_SHAPE,
        "hessian_add: sum of matrices of different plans (make both from the same layout, "
        "coupling, centring and dtype)");
  symo_hessian *h;
  double least = x->plan->dtype == SYMO_F32 ? FLT_MIN : DBL_MIN, most = 0;
  for (size_t i = 0; i < x->plan->num_labels; i++) most = fmax(most, largest_of(x, i));
  symo_status status = symo_hessian_create(x->plan, x->name, &h);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < x->plan->num_labels; i++) {
    const plan_label *l = &x->plan->labels[i];
    if (l->dropped) continue;
    size_t numbers = l->count * l->m * l->m;
    memcpy(h->m[i], x->m[i], numbers * symo_dtype_size(x->plan->dtype));
    scale(x->plan->dtype, numbers, a, h->m[i]);
    if (y == NULL && a != 0) {
      double before = largest_of(x, i);
      bool counts = before >= least && before > symo_rank_tolerance(x->plan->dtype, l->m) * most;
      if (counts) status = symo_hessian_check_small(h, i, before, "hessian: scale");
      if (status != SYMO_OK) {
        symo_hessian_destroy(h);
        return status;
      }
      continue;
    }
    if (y == NULL) continue;
    symo_axpy(x->plan->dtype, numbers, b, y->m[i], h->m[i]);
    /* BLAS may fuse a product with a sum in the middle of an array and not at its end. */
    for (size_t c = 0; c < l->count; c++)
      symo_symmetrize(x->plan->dtype, l->m, symo_hessian_member(h, i, c));
  }
  return hand_over(h, "hessian: sum", out);
}

symo_status symo_hessian_add(double a, const symo_hessian *x, double b, const symo_hessian *y,
                             symo_hessian **out) {
  const symo_hessian *any = x != NULL ? x : y;
  if (any == NULL) return SYMO_E_ARGUMENT;
  if (x == NULL || y == NULL || out == NULL)
    return symo_fail_null(any->context, "hessian_add", x == NULL ? "x" : y == NULL ? "y" : "out");
  return combine("hessian_add", a, x, b, y, out);
}

symo_status symo_hessian_scale(double a, const symo_hessian *x, symo_hessian **out) {
  if (x == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(x->context, "hessian_scale", "out");
  return combine("hessian_scale", a, x, 0, NULL, out);
}

symo_status symo_hessian_describe(const symo_hessian *h, char **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "hessian_describe", "out");
  char *plan = NULL;
  symo_status status = symo_plan_describe(h->plan, &plan);
  if (status != SYMO_OK) return status;
  symo_text text = {0};
  symo_text_add(&text, "%s: trace %.6g, Frobenius norm %.6g\n%s",
                h->name[0] ? h->name : "structured matrix", symo_hessian_trace(h),
                symo_hessian_frobenius(h), plan);
  symo_free(plan);
  return symo_text_finish(&text, h->context, out);
}
