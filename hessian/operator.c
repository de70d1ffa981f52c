/* Symmetric matrices that are known by their products. */
#include "hessian/operator.h"

#include "core/alloc.h"
#include "core/context.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/problem.h"

static const char *name_of(const symo_operator *a) {
  return a->name == NULL || a->name[0] == '\0' ? "the operator" : a->name;
}

symo_status symo_operator_check(symo_context *context, const char *where, const symo_operator *a) {
  if (a == NULL) return symo_fail_null(context, where, "operator");
  if (a->product == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s has no product (fill product)", where,
                     name_of(a));
  if (a->size == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s has size 0 (fill size)", where, name_of(a));
  if (symo_dtype_size(a->dtype) == 0)
    return symo_fail(context, SYMO_E_DTYPE, "%s: %s has no dtype (f32 or f64)", where, name_of(a));
  return SYMO_OK;
}

symo_status symo_operator_apply(symo_context *context, const char *where, const symo_operator *a,
                                size_t k, const void *v, void *av) {
  const size_t failures = symo_context_failures(context);
  symo_status status = a->product(a->self, k, v, av);
  if (status != SYMO_OK && symo_context_failures(context) == failures)
    return symo_fail(context, status, "%s: the product of %s ended with %s (%s)", where, name_of(a),
                     symo_status_name(status), symo_strerror(status));
  if (status == SYMO_OK && !symo_all_finite(a->dtype, k * a->size, av))
    return symo_fail(context, SYMO_E_NUMERIC,
                     "%s: a product of %s holds NaN or infinity (check the parameters and the "
                     "data)",
                     where, name_of(a));
  return status;
}

static symo_status problem_product(void *self, size_t k, const void *v, void *av) {
  const symo_problem_point *at = self;
  const problem_call call = {NULL, "operator_of_problem", at->problem, at->theta};
  return symo_problem_multiply(&call, at->matrix, k, v, av);
}

symo_status symo_operator_of_problem(symo_context *context, const symo_problem_point *point,
                                     symo_operator *out) {
  const char *where = "operator_of_problem";
  if (point == NULL || out == NULL)
    return symo_fail_null(context, where, point == NULL ? "point" : "out");
  const symo_problem *p = point->problem;
  if (p == NULL || point->theta == NULL)
    return symo_fail_null(context, where, p == NULL ? "problem" : "theta");
  symo_status status = symo_problem_check_matrix(context, where, p, point->matrix);
  if (status != SYMO_OK) return status;
  if (symo_dtype_size(p->dtype) == 0)
    return symo_fail(context, SYMO_E_DTYPE, "%s: the problem %s has no dtype (f32 or f64)", where,
                     p->name == NULL ? "" : p->name);
  *out = (symo_operator){.name = p->name,
                         .size = p->size,
                         .dtype = p->dtype,
                         .self = (void *)(uintptr_t)point,
                         .product = problem_product};
  return SYMO_OK;
}

/* ---- vectors ---- */

void symo_random_normal(symo_dtype dtype, size_t n, symo_rng *rng, void *x) {
  for (size_t i = 0; i < n; i++) symo_put(dtype, x, i, symo_rng_normal(rng));
}

projected_norms symo_project_out(symo_dtype dtype, size_t n, size_t count, const void *v, void *w,
                                 void *coefficients, void *scratch) {
  symo_mat rows = symo_mat_dense((void *)(uintptr_t)v, count, n);
  projected_norms norms = {.before = symo_nrm2(dtype, n, w)};
  for (int pass = 0; pass < 2 && count > 0; pass++) {
    void *c = pass == 0 ? coefficients : scratch;
    symo_gemv(dtype, 1, rows, w, 0, c);
    symo_gemv(dtype, -1, symo_mat_t(rows), c, 1, w);
    if (pass == 1) symo_axpy(dtype, count, 1, scratch, coefficients);
  }
  norms.after = symo_nrm2(dtype, n, w);
  return norms;
}
