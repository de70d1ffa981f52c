/* Low rank plus symmetry: H = U' diag(values) U + Q S Q with Q = I - U'U.  Here: how it is made, and
 * its numbers.
 *     tr QSQ = tr S - tr USU'          |QSQ|^2 = |S|^2 - 2 |SU'|^2 + |USU'|^2
 *     det of QSQ on the range of Q = det S det(U S^-1 U')
 * The last one follows from the blocks of S in a basis that begins with U: the inverse of the block
 * of S^-1 on U is the Schur complement of the other block of S. */
#include "hessian/lowrank.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

void symo_lowrank_destroy(symo_lowrank *h) {
  if (h == NULL) return;
  spectral_drop(&h->s);
  symo_hessian_destroy(h->rest);
  symo_free(h->values);
  symo_free(h->vectors);
  symo_free(h->coordinates);
  symo_free(h->inner);
  symo_free(h);
}

const char *symo_lowrank_detail(const symo_lowrank *h) {
  return h == NULL ? "" : symo_context_detail(h->context);
}
const symo_hessian *symo_lowrank_rest(const symo_lowrank *h) { return h == NULL ? NULL : h->rest; }
size_t symo_lowrank_rank(const symo_lowrank *h) { return h == NULL ? 0 : h->k; }
const double *symo_lowrank_values(const symo_lowrank *h) { return h == NULL ? NULL : h->values; }
const void *symo_lowrank_vectors(const symo_lowrank *h) { return h == NULL ? NULL : h->vectors; }

/* ---- making one ---- */

static symo_status check_vectors(const symo_plan *plan, size_t k, const double *values,
                                 const void *vectors) {
  const char *where = "lowrank_create";
  const symo_dtype t = plan->dtype;
  const size_t p = plan->layout->parameters;
  const double limit = 100 * sqrt((double)p) * symo_epsilon(t);
  if (k > p)
    return symo_fail(plan->context, SYMO_E_SIZE, "%s: %zu eigenpairs of %zu parameters", where, k,
                     p);
  if (!symo_all_finite(SYMO_F64, k, values) || !symo_all_finite(t, k * p, vectors))
    return symo_fail(plan->context, SYMO_E_NONFINITE,
                     "%s: the eigenpairs hold NaN or infinity (check where they come from)", where);
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j <= i; j++) {
      double dot = symo_dot(t, p, symo_at(t, vectors, (ptrdiff_t)(i * p)),
                            symo_at(t, vectors, (ptrdiff_t)(j * p)));
      if (fabs(dot - (i == j)) <= limit) continue;
      return symo_fail(plan->context, SYMO_E_ARGUMENT,
                       "%s: vectors %zu and %zu have the product %.9g (they must be orthonormal)",
                       where, j, i, dot);
    }
  return SYMO_OK;
}

/* The coordinates of the vectors, and U S U'. */
static symo_status finish(symo_lowrank *h) {
  const symo_plan *plan = h->rest->plan;
  const symo_dtype t = plan->dtype;
  symo_status status = SYMO_OK;
  const void **data = symo_malloc((plan->layout->num_tensors + 1) * sizeof *data);
  void *work = symo_malloc(h->s.work), *row = symo_malloc(h->s.numbers * symo_dtype_size(t) + 1);
  if (data == NULL || work == NULL || row == NULL)
    SYMO_TRY(symo_fail_memory(h->context, "lowrank_create"));
  for (size_t i = 0; i < h->k; i++) {
    const void *u = symo_at(t, h->vectors, (ptrdiff_t)(i * plan->layout->parameters));
    symo_layout_split_const(plan->layout, t, u, data);
    spectral_analyze(&h->s, symo_const_vector_of(t, data), symo_lowrank_coordinates(h, i), work);
  }
  for (size_t i = 0; i < h->k; i++) {
    spectral_weigh(&h->s, h->s.w, 1, symo_lowrank_coordinates(h, i), false, row);
    h->image[i] = symo_nrm2(t, h->s.numbers, row);
    for (size_t j = 0; j <= i; j++)
      h->inner[i * h->k + j] = h->inner[j * h->k + i] =
          symo_dot(t, h->s.numbers, row, symo_lowrank_coordinates(h, j));
  }
fail:
  symo_free(data);
  symo_free(work);
  symo_free(row);
  return status;
}

symo_status symo_lowrank_create(const symo_hessian *rest, size_t k, const double *values,
                                const void *vectors, symo_lowrank **out) {
  if (rest == NULL) return SYMO_E_ARGUMENT;
  const symo_plan *plan = rest->plan;
  if (out == NULL || (k > 0 && (values == NULL || vectors == NULL)))
    return symo_fail_null(rest->context, "lowrank_create",
                          out == NULL      ? "out"
                          : values == NULL ? "values"
                                           : "vectors");
  symo_status status = check_vectors(plan, k, values, vectors);
  if (status != SYMO_OK) return status;
  const size_t item = symo_dtype_size(plan->dtype), p = plan->layout->parameters;
  size_t bytes = 0;
  symo_lowrank *h = symo_calloc(1, sizeof *h);
  if (h == NULL) return symo_fail_memory(rest->context, "lowrank_create");
  h->context = rest->context;
  h->k = k;
  SYMO_TRY(symo_hessian_scale(1, rest, &h->rest));
  SYMO_TRY(spectral_create(rest, "lowrank_create", &h->s));
  h->values = symo_malloc(k * sizeof *values + 1);
  h->vectors = symo_malloc(k * p * item + 1);
  h->inner = symo_calloc(k * k + k + 1, sizeof *h->inner);
  h->image = h->inner == NULL ? NULL : h->inner + k * k;
  if (symo_mul_size(k * item, h->s.numbers, &bytes)) h->coordinates = symo_malloc(bytes + 1);
  if (h->values == NULL || h->vectors == NULL || h->inner == NULL || h->coordinates == NULL)
    SYMO_TRY(symo_fail_memory(h->context, "lowrank_create"));
  if (k > 0) memcpy(h->values, values, k * sizeof *values);
  if (k > 0) memcpy(h->vectors, vectors, k * p * item);
  SYMO_TRY(finish(h));
  *out = h;
  return SYMO_OK;
fail:
  symo_lowrank_destroy(h);
  return status;
}

symo_status symo_lowrank_abs(const symo_lowrank *h, symo_lowrank **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "lowrank_abs", "out");
  symo_hessian *rest = NULL;
  double *values = symo_malloc(h->k * sizeof *values + 1);
  symo_status status = values == NULL ? symo_fail_memory(h->context, "lowrank_abs")
                                      : symo_hessian_abs(h->rest, &rest);
  for (size_t i = 0; status == SYMO_OK && i < h->k; i++) values[i] = fabs(h->values[i]);
  if (status == SYMO_OK) status = symo_lowrank_create(rest, h->k, values, h->vectors, out);
  symo_hessian_destroy(rest);
  symo_free(values);
  return status;
}

/* ---- numbers ---- */

double symo_lowrank_trace(const symo_lowrank *h) {
  if (h == NULL) return (double)NAN;
  double sum = symo_hessian_trace(h->rest);
  for (size_t i = 0; i < h->k; i++) sum += h->values[i] - h->inner[i * h->k + i];
  return sum;
}

double symo_lowrank_frobenius(const symo_lowrank *h) {
  if (h == NULL) return (double)NAN;
  double top = symo_hessian_frobenius(h->rest), scale = top;
  for (size_t i = 0; i < h->k; i++) scale = fmax(scale, fabs(h->values[i]));
  if (!(scale > 0) || !isfinite(scale)) return scale;
  double sum = (top / scale) * (top / scale);
  for (size_t i = 0; i < h->k; i++) {
    sum -= 2 * (h->image[i] / scale) * (h->image[i] / scale);
    for (size_t j = 0; j < h->k; j++) {
      double x = h->inner[i * h->k + j] / scale;
      sum += x * x;
    }
    sum += (h->values[i] / scale) * (h->values[i] / scale);
  }
  return scale * sqrt(fmax(sum, 0));
}

symo_status symo_lowrank_gram(const symo_lowrank *h, const char *where, const double *w,
                              double *gram, void *scaled) {
  const symo_dtype t = h->rest->plan->dtype;
  const size_t n = h->s.numbers;
  double *inverse = symo_malloc(h->s.groups * sizeof *inverse + 1);
  void *own = scaled == NULL ? symo_malloc(n * symo_dtype_size(t) + 1) : NULL;
  symo_status status = SYMO_OK;
  if (inverse == NULL || (own == NULL && scaled == NULL)) {
    status = symo_fail_memory(h->context, where);
  } else {
    for (size_t g = 0; g < h->s.groups; g++) inverse[g] = 1 / w[g];
    for (size_t i = 0; i < h->k; i++) {
      void *row = scaled == NULL ? own : symo_at(t, scaled, (ptrdiff_t)(i * n));
      spectral_weigh(&h->s, inverse, 1, symo_lowrank_coordinates(h, i), false, row);
      for (size_t j = 0; j <= i; j++)
        gram[i * h->k + j] = gram[j * h->k + i] =
            symo_dot(t, n, row, symo_lowrank_coordinates(h, j));
    }
  }
  symo_free(inverse);
  symo_free(own);
  return status;
}

static symo_status not_definite(const symo_lowrank *h, double damping) {
  return symo_fail(h->context, SYMO_SINGULAR,
                   "lowrank_logdet: not positive definite with damping %g (add damping)", damping);
}

/* log det S, label by label: every eigenvalue `dim` times; the dropped label as often as it is. */
static double structured_logdet(const symo_lowrank *h, const double *w) {
  const symo_plan *plan = h->rest->plan;
  double sum = 0;
  for (size_t l = 0; l < plan->num_labels; l++) {
    const plan_label *label = &plan->labels[l];
    size_t n = label->dropped ? 1 : label->count * label->m;
    double times = (double)label->dim * (label->dropped ? (double)(label->m * label->count) : 1);
    for (size_t g = 0; g < n; g++) sum += times * log(w[h->s.first[l] + g]);
  }
  return sum;
}

symo_status symo_lowrank_logdet(const symo_lowrank *h, double damping, double *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  const char *where = "lowrank_logdet";
  if (out == NULL) return symo_fail_null(h->context, where, "out");
  symo_status status = symo_check_damping(h->context, where, damping);
  if (status != SYMO_OK) return status;
  const size_t k = h->k;
  spectral_signs signs;
  double *w = symo_malloc(h->s.groups * sizeof *w + 1), *gram = symo_malloc(k * k * sizeof *w + 1),
         *values = symo_malloc(k * sizeof *w + 1), sum = 0;
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, k + 1));
  if (w == NULL || gram == NULL || values == NULL || work == NULL)
    SYMO_TRY(symo_fail_memory(h->context, where));
  spectral_shift(&h->s, damping, w, &signs);
  if (signs.zero || signs.below) SYMO_TRY(not_definite(h, damping));
  sum = structured_logdet(h, w);
  for (size_t i = 0; i < k; i++) {
    if (!(h->values[i] + damping > 0)) SYMO_TRY(not_definite(h, damping));
    sum += log(h->values[i] + damping);
  }
  if (k > 0) {
    SYMO_TRY(symo_lowrank_gram(h, where, w, gram, NULL));
    status = symo_eigvalsh(SYMO_F64, k, gram, values, work);
    if (status != SYMO_OK)
      SYMO_TRY(symo_fail(h->context, status,
                         "%s: the eigenvalues of the low-rank part were not found (look for "
                         "enormous values)",
                         where));
    for (size_t i = 0; i < k; i++) {
      /* Positive, but for rounding: S + damping I is. */
      sum += log(fmax(values[i], symo_epsilon(h->rest->plan->dtype) * values[k - 1]));
    }
  }
  *out = sum;
fail:
  symo_free(w);
  symo_free(gram);
  symo_free(values);
  symo_free(work);
  return status;
}

symo_status symo_lowrank_describe(const symo_lowrank *h, char **out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "lowrank_describe", "out");
  char *rest = NULL;
  symo_status status = symo_hessian_describe(h->rest, &rest);
  if (status != SYMO_OK) return status;
  symo_text text = {0};
  symo_text_add(&text, "low rank plus symmetry: trace %.6g, Frobenius norm %.6g\n%zu %s",
                symo_lowrank_trace(h), symo_lowrank_frobenius(h), h->k,
                symo_plural(h->k, "eigenpair", "eigenpairs"));
  for (size_t i = 0; i < h->k && i < 10; i++)
    symo_text_add(&text, "%s %.6g", i == 0 ? ":" : ",", h->values[i]);
  symo_text_add(&text, "%s\non the rest: %s", h->k > 10 ? ", .." : "", rest);
  symo_free(rest);
  return symo_text_finish(&text, h->context, out);
}
