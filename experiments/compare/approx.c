/* Estimates in structured, diagonal and dense form.  Kronecker blocks are in kron.c. */
#include "experiments/compare/approx_form.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

void compare_approx_destroy(compare_approx *a) {
  if (a == NULL) return;
  if (a->self != NULL) a->form->destroy(a->self);
  symo_free(a);
}

symo_status compare_approx_make(symo_context *context, const compare_form *form, size_t size,
                                double stored, void *self, compare_approx **out) {
  compare_approx *a = self == NULL ? NULL : symo_malloc(sizeof *a);
  if (a == NULL) {
    if (self != NULL) form->destroy(self);
    return symo_fail_memory(context, "compare");
  }
  *a = (compare_approx){form, context, size, stored, self};
  *out = a;
  return SYMO_OK;
}

/* ---- structured ---- */

typedef struct structured {
  symo_hessian *hessian, *absolute;
  symo_dtype dtype;
  void *flat[2];  /* g and d in the plan's number type */
  void **data[2]; /* their tensors */
} structured;

static void structured_destroy(void *self) {
  structured *s = self;
  symo_hessian_destroy(s->hessian);
  symo_hessian_destroy(s->absolute);
  for (int i = 0; i < 2; i++) {
    symo_free(s->flat[i]);
    symo_free(s->data[i]);
  }
  symo_free(s);
}

static symo_status structured_dense(compare_approx *a, double *out) {
  return symo_hessian_dense(((structured *)a->self)->hessian, out);
}

static symo_status structured_eigenvalues(compare_approx *a, double *out) {
  double *values = NULL;
  size_t *multiplicities = NULL, count = 0, at = 0;
  symo_status status =
      symo_hessian_eigenvalues(((structured *)a->self)->hessian, &count, &values, &multiplicities);
  if (status != SYMO_OK) return status;
  for (size_t k = 0; k < count; k++)
    for (size_t i = 0; i < multiplicities[k] && at < a->size; i++) out[at++] = values[k];
  while (at < a->size) out[at++] = 0;
  symo_free(values);
  symo_free(multiplicities);
  return SYMO_OK;
}

static symo_status structured_step(compare_approx *a, double lambda, const double *g, double *d) {
  structured *s = a->self;
  for (size_t i = 0; i < a->size; i++) symo_put(s->dtype, s->flat[0], i, g[i]);
  symo_const_vector x = symo_const_vector_of(s->dtype, (const void *const *)s->data[0]);
  symo_vector y = symo_vector_of(s->dtype, s->data[1]);
  symo_status status = symo_hessian_solve(s->absolute, lambda, x, y);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < a->size; i++) d[i] = -symo_get(s->dtype, s->flat[1], i);
  return SYMO_OK;
}

static const compare_form structured_form = {.name = "structured",
                                             .dense = structured_dense,
                                             .eigenvalues = structured_eigenvalues,
                                             .step = structured_step,
                                             .destroy = structured_destroy};

symo_status compare_approx_structured(symo_context *context, symo_hessian *hessian,
                                      compare_approx **out) {
  const symo_plan *plan = symo_hessian_plan(hessian);
  const symo_layout *layout = symo_plan_layout(plan);
  size_t size = symo_layout_num_parameters(layout), tensors = symo_layout_num_tensors(layout);
  structured *s = symo_calloc(1, sizeof *s);
  if (s == NULL) {
    symo_hessian_destroy(hessian);
    return symo_fail_memory(context, "compare");
  }
  s->hessian = hessian;
  s->dtype = symo_plan_dtype(plan);
  symo_status status = SYMO_OK;
  for (int i = 0; i < 2; i++) {
    s->flat[i] = symo_calloc(size, symo_dtype_size(s->dtype));
    s->data[i] = symo_calloc(tensors, sizeof *s->data[i]);
    if (s->flat[i] == NULL || s->data[i] == NULL) {
      status = symo_fail_memory(context, "compare");
      goto fail;
    }
    symo_layout_split(layout, s->dtype, s->flat[i], s->data[i]);
  }
  SYMO_TRY(symo_hessian_abs(hessian, &s->absolute));
  return compare_approx_make(context, &structured_form, size,
                             symo_plan_cost_of(plan).stored_numbers, s, out);
fail:
  structured_destroy(s);
  return status;
}

/* ---- dense ---- */

typedef struct spectral {
  double *v, *w, *coordinates;
} spectral;

static void spectral_destroy(void *self) {
  spectral *s = self;
  symo_free(s->v);
  symo_free(s->w);
  symo_free(s->coordinates);
  symo_free(s);
}

static symo_status spectral_dense(compare_approx *a, double *out) {
  spectral *s = a->self;
  size_t bytes;
  double *scratch = NULL;
  if (symo_mul_size(a->size, a->size * sizeof(double), &bytes)) scratch = symo_malloc(bytes);
  if (scratch == NULL) return symo_fail_memory(a->context, "compare");
  symo_from_eigh(SYMO_F64, a->size, s->v, s->w, scratch, out);
  symo_free(scratch);
  return SYMO_OK;
}

static symo_status spectral_eigenvalues(compare_approx *a, double *out) {
  memcpy(out, ((spectral *)a->self)->w, a->size * sizeof *out);
  return SYMO_OK;
}

static symo_status spectral_step(compare_approx *a, double lambda, const double *g, double *d) {
  spectral *s = a->self;
  size_t n = a->size;
  symo_mat v = symo_mat_dense(s->v, n, n), c = symo_mat_dense(s->coordinates, n, 1);
  symo_gemm(SYMO_F64, 1, v, symo_mat_dense((void *)(uintptr_t)g, n, 1), 0, c);
  for (size_t i = 0; i < n; i++) s->coordinates[i] /= -(fabs(s->w[i]) + lambda);
  symo_gemm(SYMO_F64, 1, symo_mat_t(v), c, 0, symo_mat_dense(d, n, 1));
  return SYMO_OK;
}

static const compare_form spectral_form = {.name = "dense",
                                           .dense = spectral_dense,
                                           .eigenvalues = spectral_eigenvalues,
                                           .step = spectral_step,
                                           .destroy = spectral_destroy};

symo_status compare_approx_dense(symo_context *context, size_t size, double *v, double *w,
                                 compare_approx **out) {
  spectral *s = symo_calloc(1, sizeof *s);
  double *coordinates = symo_calloc(size, sizeof *coordinates);
  if (s == NULL || coordinates == NULL) {
    symo_free(v);
    symo_free(w);
    symo_free(coordinates);
    symo_free(s);
    return symo_fail_memory(context, "compare");
  }
  *s = (spectral){v, w, coordinates};
  double stored = (double)size * ((double)size + 1) / 2;
  return compare_approx_make(context, &spectral_form, size, stored, s, out);
}

/* ---- diagonal ---- */

static symo_status diagonal_dense(compare_approx *a, double *out) {
  const double *diagonal = a->self;
  memset(out, 0, a->size * a->size * sizeof *out);
  for (size_t i = 0; i < a->size; i++) out[i * a->size + i] = diagonal[i];
  return SYMO_OK;
}

static symo_status diagonal_eigenvalues(compare_approx *a, double *out) {
  memcpy(out, a->self, a->size * sizeof *out);
  return SYMO_OK;
}

static symo_status diagonal_step(compare_approx *a, double lambda, const double *g, double *d) {
  const double *diagonal = a->self;
  for (size_t i = 0; i < a->size; i++) d[i] = -g[i] / (fabs(diagonal[i]) + lambda);
  return SYMO_OK;
}

static const compare_form diagonal_form = {.name = "diagonal",
                                           .dense = diagonal_dense,
                                           .eigenvalues = diagonal_eigenvalues,
                                           .step = diagonal_step,
                                           .destroy = symo_free};

symo_status compare_approx_diagonal(symo_context *context, size_t size, double *diagonal,
                                    double stored, compare_approx **out) {
  return compare_approx_make(context, &diagonal_form, size, stored, diagonal, out);
}
