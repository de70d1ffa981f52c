/* Functions of a structured matrix through the eigenvalues of its M. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/spectrum.h"
#include "hessian/hessian.h"

/* The largest multiplicity among the labels that are kept. */
static size_t widest(const symo_plan *plan) {
  size_t m = 0;
  for (size_t i = 0; i < plan->num_labels; i++)
    if (!plan->labels[i].dropped && plan->labels[i].m > m) m = plan->labels[i].m;
  return m;
}

symo_status symo_hessian_map(const symo_hessian *h, const char *what, symo_spectral_function f,
                             const double *parameters, symo_hessian **out) {
  symo_dtype t = h->plan->dtype;
  size_t m = widest(h->plan), item = symo_dtype_size(t), eigh = symo_padded(symo_eigh_work(t, m));
  size_t square = symo_padded(m * m * item);
  symo_hessian *result = NULL;
  symo_status status;
  char *block = symo_malloc(square + eigh + m * sizeof(double));
  if (block == NULL) SYMO_TRY(symo_fail_memory(h->context, what));
  SYMO_TRY(symo_hessian_create(h->plan, h->name, &result));
  double *w = (double *)(void *)(block + square + eigh);
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    for (size_t c = 0; !l->dropped && c < l->count; c++) {
      memcpy(block, symo_hessian_member(h, i, c), l->m * l->m * item);
      status = symo_eigh(t, l->m, block, w, block + square);
      double before = symo_spectrum_largest(l->m, w), least = t == SYMO_F32 ? FLT_MIN : DBL_MIN;
      if (status == SYMO_OK) status = f(l->m, w, symo_rank_tolerance(t, l->m), parameters);
      if (status == SYMO_OK && symo_spectrum_largest(l->m, w) < least && before >= least)
        SYMO_TRY(symo_fail(h->context, SYMO_E_NUMERIC,
                           "%s: label %s: underflows %s (scale the matrix up%s)", what, l->name,
                           symo_dtype_name(t), symo_dtype_wider(t)));
      for (size_t k = 0; status == SYMO_OK && k < l->m; k++)
        if (!isfinite(w[k])) status = SYMO_E_NUMERIC;
      if (status != SYMO_OK)
        SYMO_TRY(symo_fail(h->context, status, "%s: label %s: %s (%s)", what, l->name,
                           symo_strerror(status),
                           status == SYMO_INDEFINITE ? "take symo_hessian_abs first, or add damping"
                                                     : "try float64 or damping"));
      symo_from_eigh(t, l->m, block, w, block + square, symo_hessian_member(result, i, c));
    }
  }
  SYMO_TRY(symo_hessian_check(result, what));
  *out = result;
  result = NULL;
fail:
  symo_hessian_destroy(result);
  symo_free(block);
  return status;
}

/* parameters: the power, the damping. */
static symo_status power(size_t n, double *w, double tolerance, const double *parameters) {
  double p = parameters[0];
  for (size_t i = 0; i < n; i++) w[i] += parameters[1];
  double largest = symo_spectrum_largest(n, w);
  bool whole = p == floor(p);
  /* What rounding makes of a zero eigenvalue is about eps times the largest; sqrt(eps) is far
   * beyond. */
  double refused = -sqrt(tolerance / (10 * (double)n)) * largest;
  for (size_t i = 0; i < n; i++) {
    if (!whole && w[i] < refused) return SYMO_INDEFINITE;
    if (fabs(w[i]) <= tolerance * largest || (!whole && w[i] < 0))
      w[i] = p == 0 ? 1 : p > 0 && whole ? pow(w[i], p) : p > 0 && w[i] > 0 ? pow(w[i], p) : 0;
    else
      w[i] = pow(w[i], p);
  }
  return SYMO_OK;
}

static symo_status absolute(size_t n, double *w, double tolerance, const double *parameters) {
  (void)tolerance;
  (void)parameters;
  for (size_t i = 0; i < n; i++) w[i] = fabs(w[i]);
  return SYMO_OK;
}

static symo_status raise(const symo_hessian *h, const char *where, double p, double damping,
                         symo_hessian **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, where, "out");
  if (!isfinite(p))
    return symo_fail(h->context, SYMO_E_ARGUMENT, "%s: exponent %g (must be finite)", where, p);
  symo_status status = symo_check_damping(h->context, where, damping);
  if (status != SYMO_OK) return status;
  return symo_hessian_map(h, where, power, (double[]){p, damping}, out);
}

symo_status symo_hessian_power(const symo_hessian *h, double p, double damping,
                               symo_hessian **out) {
  return raise(h, "power", p, damping, out);
}

symo_status symo_hessian_sqrt(const symo_hessian *h, double damping, symo_hessian **out) {
  return raise(h, "sqrt", 0.5, damping, out);
}

symo_status symo_hessian_invsqrt(const symo_hessian *h, double damping, symo_hessian **out) {
  return raise(h, "invsqrt", -0.5, damping, out);
}

symo_status symo_hessian_abs(const symo_hessian *h, symo_hessian **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "abs", "out");
  return symo_hessian_map(h, "abs", absolute, NULL, out);
}

/* ---- eigenvalues ---- */

typedef struct eigenvalue {
  double value;
  size_t multiplicity;
  double least; /* 10 m eps times the largest of its block: what counts as zero there */
} eigenvalue;

static int by_value(const void *a, const void *b) {
  double x = ((const eigenvalue *)a)->value, y = ((const eigenvalue *)b)->value;
  return (x > y) - (x < y);
}

/* Of A + damping I. */
static symo_status all_eigenvalues(const symo_hessian *h, double damping, size_t *count,
                                   eigenvalue **out) {
  symo_dtype t = h->plan->dtype;
  size_t n = 0, used = 0, m = widest(h->plan), item = symo_dtype_size(t);
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    n += l->dropped ? 1 : l->count * l->m;
  }
  symo_status status = SYMO_OK;
  size_t square = symo_padded(m * m * item), eigh = symo_padded(symo_eigh_work(t, m));
  eigenvalue *values = symo_malloc(n * sizeof *values);
  char *block = symo_malloc(square + eigh + m * sizeof(double));
  if (values == NULL || block == NULL) SYMO_TRY(symo_fail_memory(h->context, "eigenvalues"));
  double *w = (double *)(void *)(block + square + eigh);
  for (size_t i = 0; i < h->plan->num_labels; i++) {
    const plan_label *l = &h->plan->labels[i];
    if (l->dropped) values[used++] = (eigenvalue){damping, l->m * l->dim * l->count, 0};
    for (size_t c = 0; !l->dropped && c < l->count; c++) {
      memcpy(block, symo_hessian_member(h, i, c), l->m * l->m * item);
      status = symo_eigvalsh(t, l->m, block, w, block + square);
      if (status != SYMO_OK)
        SYMO_TRY(symo_fail(h->context, status,
                           "eigenvalues: label %s: the eigendecomposition failed (try float64)",
                           l->name));
      for (size_t k = 0; k < l->m; k++) w[k] += damping;
      double least = symo_spectrum_zero(l->m, w, symo_rank_tolerance(t, l->m));
      for (size_t k = 0; k < l->m; k++) values[used++] = (eigenvalue){w[k], l->dim, least};
    }
  }
  qsort(values, used, sizeof *values, by_value);
  *count = used;
  *out = values;
  values = NULL;
fail:
  symo_free(values);
  symo_free(block);
  return status;
}

symo_status symo_hessian_eigenvalues(const symo_hessian *h, size_t *count, double **values,
                                     size_t **multiplicities) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (count == NULL || values == NULL || multiplicities == NULL)
    return symo_fail_null(h->context, "eigenvalues",
                          count == NULL    ? "count"
                          : values == NULL ? "values"
                                           : "multiplicities");
  size_t n;
  eigenvalue *all;
  symo_status status = all_eigenvalues(h, 0, &n, &all);
  if (status != SYMO_OK) return status;
  double *v = symo_malloc(n * sizeof *v);
  size_t *k = symo_malloc(n * sizeof *k);
  if (v == NULL || k == NULL) {
    symo_free(v);
    symo_free(k);
    symo_free(all);
    return symo_fail_memory(h->context, "eigenvalues");
  }
  for (size_t i = 0; i < n; i++) {
    v[i] = all[i].value;
    k[i] = all[i].multiplicity;
  }
  symo_free(all);
  *count = n;
  *values = v;
  *multiplicities = k;
  return SYMO_OK;
}

symo_status symo_hessian_logdet(const symo_hessian *h, double damping, double *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "logdet", "out");
  size_t n = 0;
  eigenvalue *all = NULL;
  symo_status status = symo_check_damping(h->context, "logdet", damping);
  if (status == SYMO_OK) status = all_eigenvalues(h, damping, &n, &all);
  if (status != SYMO_OK) return status;
  double sum = 0, refused = 0;
  bool definite = true;
  for (size_t i = 0; i < n && definite; i++) {
    definite = all[i].value > all[i].least;
    if (definite)
      sum += (double)all[i].multiplicity * log(all[i].value);
    else
      refused = all[i].value;
  }
  symo_free(all);
  if (!definite)
    return symo_fail(h->context, SYMO_SINGULAR,
                     "logdet: an eigenvalue is %g with damping %g (add damping)", refused, damping);
  *out = sum;
  return SYMO_OK;
}
