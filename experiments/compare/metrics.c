/* The figures of merit.  Sums over the entries of a matrix go row by row, so that rounding grows
 * with the side of the matrix and not with its area, and do not depend on the number of threads. */
#include "experiments/compare/metrics.h"

#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

compare_metrics compare_metrics_none(void) {
  return (compare_metrics){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
}

typedef struct products {
  double bb, ba, bh, bs, aa, hh, ss;
} products;

static products inner_products(const compare_reference *ref, const double *b) {
  products p = {0};
  for (size_t i = 0; i < ref->size; i++) {
    const double *x = b + i * ref->size, *a = ref->abs + i * ref->size;
    const double *h = ref->h + i * ref->size;
    const double *s = ref->star == NULL ? NULL : ref->star + i * ref->size;
    products r = {0};
    for (size_t j = 0; j < ref->size; j++) {
      r.bb += x[j] * x[j];
      r.ba += x[j] * a[j];
      r.bh += x[j] * h[j];
      r.aa += a[j] * a[j];
      r.hh += h[j] * h[j];
    }
    for (size_t j = 0; s != NULL && j < ref->size; j++) {
      r.bs += x[j] * s[j];
      r.ss += s[j] * s[j];
    }
    p.bb += r.bb;
    p.ba += r.ba;
    p.bh += r.bh;
    p.bs += r.bs;
    p.aa += r.aa;
    p.hh += r.hh;
    p.ss += r.ss;
  }
  return p;
}

static double cosine(double xy, double xx, double yy) {
  return xx > 0 && yy > 0 ? xy / (sqrt(xx) * sqrt(yy)) : NAN;
}

/* |s B - A|, entry by entry: sqrt(1 - cosine^2) would lose half the digits where they are equal. */
static double distance(size_t n, double s, const double *b, const double *a) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    double row = 0;
    for (size_t j = 0; j < n; j++) {
      double d = s * b[i * n + j] - a[i * n + j];
      row += d * d;
    }
    sum += row;
  }
  return sqrt(sum);
}

void compare_metrics_dense(const compare_reference *ref, const double *b, double *scratch,
                           compare_metrics *m) {
  size_t n = ref->size;
  products p = inner_products(ref, b);
  m->cosine_abs_hessian = cosine(p.ba, p.bb, p.aa);
  m->cosine_hessian = cosine(p.bh, p.bb, p.hh);
  m->cosine_hessian_star = cosine(p.bs, p.bb, p.ss);
  m->scale = p.bb > 0 ? p.ba / p.bb : NAN;
  m->scale_hessian = p.bb > 0 ? p.bh / p.bb : NAN;
  m->rel_error_abs_hessian =
      p.bb > 0 && p.aa > 0 ? distance(n, m->scale, b, ref->abs) / sqrt(p.aa) : NAN;
  symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)ref->v, ref->directions, n),
            symo_mat_dense((void *)(uintptr_t)b, n, n), 0,
            symo_mat_dense(scratch, ref->directions, n));
  double sum = 0;
  for (size_t k = 0; k < ref->directions; k++) {
    const double *bv = scratch + k * n, *av = ref->abs_v + k * n;
    sum += cosine(symo_dot(SYMO_F64, n, bv, av), symo_dot(SYMO_F64, n, bv, bv),
                  symo_dot(SYMO_F64, n, av, av));
  }
  m->hvp_cosine = ref->directions > 0 ? sum / (double)ref->directions : NAN;
}

symo_status compare_metrics_damped(const compare_reference *ref, compare_approx *a,
                                   const double *values, compare_metrics *m) {
  const size_t n = ref->size;
  const double s = m->scale;
  if (!(s > 0) || !(ref->lambda > 0)) return SYMO_OK;
  double logdet = 0, sum = 0, *d = symo_malloc(n * sizeof *d);
  symo_status status = d == NULL ? symo_fail_memory(ref->context, "compare") : SYMO_OK;
  for (size_t i = 0; i < n; i++) logdet += log(s * values[i] + ref->lambda);
  for (size_t k = 0; k < COMPARE_SOLVES && status == SYMO_OK; k++) {
    const double *exact = ref->solved + k * n;
    status = a->form->step(a, ref->lambda / s, ref->v + k * n, d);
    double apart = 0;
    for (size_t i = 0; status == SYMO_OK && i < n; i++) {
      double x = -d[i] / s - exact[i];
      apart += x * x;
    }
    sum += sqrt(apart) / symo_nrm2(SYMO_F64, n, exact) / COMPARE_SOLVES;
  }
  symo_free(d);
  if (status != SYMO_OK) return status;
  m->solve_error = sum;
  m->logdet_error = fabs(logdet - ref->logdet) / (double)n;
  return SYMO_OK;
}

/* ---- the damped step ---- */

/* The loss at theta + eta d below that at theta; trial: [size] numbers of the dtype. */
static symo_status decrease_at(const compare_reference *ref, const double *d, double eta,
                               void *trial, double *decrease) {
  const symo_problem *problem = ref->problem;
  double loss = NAN;
  for (size_t i = 0; i < ref->size; i++)
    symo_put(problem->dtype, trial, i, symo_get(problem->dtype, ref->theta, i) + eta * d[i]);
  symo_status status = problem->loss(problem->self, trial, &loss);
  *decrease = isfinite(loss) ? ref->loss - loss : -INFINITY;
  return status;
}

/* Largest decrease along one direction d of the given curvature d'|H|d, from the model's step
 * length up, then down, in factors of two for as long as it grows. */
static symo_status best_along(const compare_reference *ref, const double *d, double curvature,
                              void *trial, double *best) {
  double down = -symo_dot(SYMO_F64, ref->size, d, ref->grad), top = 0, here;
  *best = 0;
  if (!(down > 0) || !(curvature > 0)) return SYMO_OK;
  symo_status status = decrease_at(ref, d, down / curvature, trial, &top);
  for (int way = 1; way >= -1 && status == SYMO_OK; way -= 2) {
    double middle = top;
    for (int k = 1; k <= COMPARE_HALVINGS && status == SYMO_OK; k++) {
      status = decrease_at(ref, d, ldexp(down / curvature, way * k), trial, &here);
      if (status != SYMO_OK || (!(here > top) && isfinite(top))) break;
      if (here > top) top = here;
    }
    if (top > middle) break; /* larger on this side, so not on the other */
  }
  if (status == SYMO_OK && top > 0) *best = top;
  return status;
}

/* The dampings, as powers of the square root of ten times the largest eigenvalue. */
enum { LEAST = -12, DAMPINGS = 1 - LEAST };

symo_status compare_best_decrease(const compare_reference *ref, compare_approx *a, double top,
                                  double *decrease, double *damping) {
  size_t n = ref->size;
  symo_status status = SYMO_OK;
  *decrease = 0;
  *damping = NAN;
  if (!(top > 0) || ref->problem == NULL) return SYMO_OK;
  double *d = symo_malloc(DAMPINGS * n * sizeof *d), *hd = symo_malloc(DAMPINGS * n * sizeof *hd);
  void *trial = symo_malloc(n * symo_dtype_size(ref->problem->dtype));
  if (d == NULL || hd == NULL || trial == NULL) {
    status = symo_fail_memory(ref->context, "compare");
    goto fail;
  }
  for (size_t k = 0; k < DAMPINGS; k++)
    SYMO_TRY(a->form->step(a, top * pow(10, 0.5 * ((double)k + LEAST)), ref->grad, d + k * n));
  /* All curvatures at once: |H| is read once. */
  symo_gemm(SYMO_F64, 1, symo_mat_dense(d, DAMPINGS, n),
            symo_mat_dense((void *)(uintptr_t)ref->abs, n, n), 0, symo_mat_dense(hd, DAMPINGS, n));
  for (size_t k = 0; k < DAMPINGS; k++) {
    double best, curvature = symo_dot(SYMO_F64, n, d + k * n, hd + k * n);
    SYMO_TRY(best_along(ref, d + k * n, curvature, trial, &best));
    if (best > *decrease) {
      *decrease = best;
      *damping = pow(10, 0.5 * ((double)k + LEAST));
    }
  }
fail:
  symo_free(d);
  symo_free(hd);
  symo_free(trial);
  return status;
}
