/* How far a low rank plus symmetry is from the matrix that it estimates.  With E = A - H and normal z,
 *     |E|^2 = mean |E z|^2 ,   |A|^2 = |H|^2 + 2 tr H E + |E|^2 ,   tr H E = mean (H z)'(E z) .
 * |H| is known, so that nothing random multiplies the large eigenvalues that H has.  Where H has
 * none of them, or is larger than A, 2 tr H E + |E|^2 is more than |A|^2, and the mean of |A z|^2
 * varies less: the sum with the smaller random part is taken. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/lowrank.h"
#include "hessian/operator.h"

static symo_status check(const symo_lowrank *h, const symo_operator *a, size_t probes,
                         symo_rng *rng, symo_lowrank_quality *out) {
  const char *where = "lowrank_measure";
  const symo_plan *plan = h->rest->plan;
  if (rng == NULL || out == NULL)
    return symo_fail_null(h->context, where, rng == NULL ? "rng" : "out");
  symo_status status = symo_lowrank_check_operator(plan, where, a);
  if (status == SYMO_OK && probes == 0)
    return symo_fail(h->context, SYMO_E_ARGUMENT, "%s: no probes (take at least one)", where);
  return status;
}

static double mean(size_t n, const double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] / (double)n;
  return sum;
}

/* The ratio of the means and, by its first derivatives, the standard error.  square[i]: |E z|^2;
 * cross[i]: (H z)'(E z); whole[i]: |A z|^2; all over |H|^2, or what stands for it. */
static symo_lowrank_quality conclude(size_t n, const double *square, const double *cross,
                                     double *whole, double known, double scale) {
  const double e = mean(n, square), varies = 2 * mean(n, cross) + e;
  double spread = 0;
  if (fabs(varies) < mean(n, whole) && known + varies > 0)
    for (size_t i = 0; i < n; i++) whole[i] = known + 2 * cross[i] + square[i];
  const double a = mean(n, whole);
  symo_lowrank_quality q = {.error = NAN, .norm = scale * sqrt(a)};
  if (!(a > 0))
    return (symo_lowrank_quality){.relative = e > 0 ? (double)INFINITY : 0,
                                  .error = n > 1 ? 0 : (double)NAN};
  q.relative = sqrt(e / a);
  for (size_t i = 0; n > 1 && i < n; i++) {
    const double d = ((square[i] - e) - e / a * (whole[i] - a)) / a; /* of e / a */
    spread += d * d;
  }
  spread = sqrt(spread / ((double)n * ((double)n - 1 > 0 ? (double)n - 1 : 1)));
  if (n > 1) q.error = q.relative > 0 ? spread / (2 * q.relative) : 0;
  return q;
}

symo_status symo_lowrank_measure(const symo_lowrank *h, const symo_operator *a, size_t probes,
                                 symo_rng *rng, symo_lowrank_quality *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  symo_status status = check(h, a, probes, rng, out);
  if (status != SYMO_OK) return status;
  const char *where = "lowrank_measure";
  const symo_layout *layout = h->rest->plan->layout;
  const symo_dtype t = h->rest->plan->dtype;
  const size_t p = layout->parameters, item = symo_dtype_size(t), tensors = layout->num_tensors;
  const double size = symo_lowrank_frobenius(h), scale = size > 0 ? size : 1;
  char *z = symo_malloc(3 * p * item), *az, *hz;
  void **data = symo_malloc((2 * tensors + 1) * sizeof *data);
  double *square = symo_calloc(3 * probes, sizeof *square), *cross, *whole;
  if (z == NULL || data == NULL || square == NULL) SYMO_TRY(symo_fail_memory(h->context, where));
  az = z + p * item, hz = az + p * item;
  cross = square + probes, whole = cross + probes;
  symo_layout_split(layout, t, z, data);
  symo_layout_split(layout, t, hz, data + tensors);
  for (size_t i = 0; i < probes; i++) {
    symo_random_normal(t, p, rng, z);
    SYMO_TRY(symo_operator_apply(h->context, where, a, 1, z, az));
    SYMO_TRY(symo_lowrank_matvec(h, symo_const_vector_of(t, (const void *const *)data),
                                 symo_vector_of(t, data + tensors)));
    whole[i] = pow(symo_nrm2(t, p, az) / scale, 2);
    symo_axpy(t, p, -1, hz, az);
    square[i] = pow(symo_nrm2(t, p, az) / scale, 2);
    cross[i] = symo_dot(t, p, hz, az) / scale / scale;
  }
  *out = conclude(probes, square, cross, whole, size > 0 ? 1 : 0, scale);
fail:
  symo_free(z);
  symo_free(data);
  symo_free(square);
  return status;
}
