#ifndef SYMO_HESSIAN_OPERATOR_H
#define SYMO_HESSIAN_OPERATOR_H

#include <symo/operator.h>

/* SYMO_OK, or the reason why nothing can be computed with the operator. */
symo_status symo_operator_check(symo_context *context, const char *where, const symo_operator *a);

/* av = A v for k directions.  A failure without a detail gets one; SYMO_E_NUMERIC if a number of
 * the product is not finite. */
symo_status symo_operator_apply(symo_context *context, const char *where, const symo_operator *a,
                                size_t k, const void *v, void *av);

/* x [n] := independent normal numbers. */
void symo_random_normal(symo_dtype dtype, size_t n, symo_rng *rng, void *x);

/* w -= V'V w for rows [count, n] of V that are orthonormal, twice; coefficients [count] in dtype,
 * scratch of as many: the sums of both passes.  Returns |w| before and after. */
typedef struct projected_norms {
  double before, after;
} projected_norms;
projected_norms symo_project_out(symo_dtype dtype, size_t n, size_t count, const void *v, void *w,
                                 void *coefficients, void *scratch);

#endif
