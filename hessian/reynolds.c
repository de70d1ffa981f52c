/* The Reynolds average of a dense symmetric matrix: for every label
 *     M_ab = (1/n) sum_r  F_ra' H F_rb ,
 * F_ra being the embedding of unit coordinate (r, a).  The ambient frame is tight (the F_ra F_ra'
 * of all r sum to the projector), so the formula holds in it as in an orthonormal basis.
 *
 * Scaling spaces: the M of the structure groups, times the moments (a Hessian moves like g g'). */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/hessian.h"

/* half [rows m, P] := for every row of H its coordinates in the label, as columns. */
static void analyse_rows(const symo_plan *plan, const plan_label *l, const double *h, double *half,
                         double *panel, const void **data, arena *scratch) {
  size_t p = plan->layout->parameters, numbers = symo_label_rows(l) * l->m;
  for (size_t i = 0; i < p; i++) {
    symo_layout_split_const(plan->layout, SYMO_F64, h + i * p, data);
    symo_label_gather(plan, l, symo_const_vector_of(SYMO_F64, data), 0,
                      l->num_rows > 0 ? l->row[0] : 1, panel, scratch);
    for (size_t k = 0; k < numbers; k++) half[k * p + i] = panel[k];
  }
}

/* Adds row r of the coordinates of half[(r, b), :] to column b of M. */
static void trace_rows(const symo_plan *plan, const plan_label *l, const double *half,
                       double *panel, const void **data, arena *scratch, double *m) {
  size_t p = plan->layout->parameters, rows = symo_label_rows(l), stride = symo_label_stride(l);
  for (size_t r = 0; r < rows; r++)
    for (size_t b = 0; b < l->m; b++) {
      symo_layout_split_const(plan->layout, SYMO_F64, half + (r * l->m + b) * p, data);
      symo_label_gather(plan, l, symo_const_vector_of(SYMO_F64, data), r / stride, 1, panel,
                        scratch);
      double *block = m + r / l->ambient * l->m * l->m;
      for (size_t a = 0; a < l->m; a++)
        block[a * l->m + b] += panel[r % stride * l->m + a] / (double)l->dim;
    }
}

static symo_status average(const symo_plan *plan, const double *dense, symo_hessian *out) {
  size_t p = plan->layout->parameters;
  symo_status status = SYMO_OK;
  const void **data = symo_calloc(plan->layout->num_tensors, sizeof *data);
  if (data == NULL) return symo_fail_memory(plan->context, "reynolds");
  for (size_t i = 0; i < plan->num_labels && status == SYMO_OK; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    size_t numbers = symo_label_rows(l) * l->m, all = l->num_rows > 0 ? l->row[0] : 1, size;
    bool fits = symo_mul_size(numbers, p + 1, &size) && symo_mul_size(size, sizeof(double), &size);
    char *work = fits ? symo_malloc(size + symo_gather_scratch(plan, l, all) + 64) : NULL;
    if (work == NULL) {
      status = symo_fail_memory(plan->context, "reynolds");
      break;
    }
    double *half = (double *)(void *)work, *panel = half + numbers * p, *m = out->m[i];
    arena scratch = {.base = work + symo_padded(size)};
    memset(m, 0, l->count * l->m * l->m * sizeof(double));
    analyse_rows(plan, l, dense, half, panel, data, &scratch);
    trace_rows(plan, l, half, panel, data, &scratch, m);
    for (size_t c = 0; c < l->count; c++)
      for (size_t a = 0; a < l->m; a++)
        for (size_t b = 0; b < a; b++) {
          double *x = m + (c * l->m + a) * l->m + b, *y = m + (c * l->m + b) * l->m + a;
          *x = *y = 0.5 * (*x + *y);
        }
    symo_free(work);
  }
  symo_free(data);
  return status;
}

symo_status symo_reynolds(const symo_plan *plan, const double *dense, symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (dense == NULL || out == NULL)
    return symo_fail_null(plan->context, "reynolds", dense == NULL ? "dense" : "out");
  size_t p = plan->layout->parameters;
  if (!symo_all_finite(SYMO_F64, p * p, dense))
    return symo_fail(plan->context, SYMO_E_NONFINITE,
                     "reynolds: the matrix holds NaN or infinity (check where it comes from)");
  size_t entries = p * p;
  double most = symo_nd_max_abs(symo_nd_dense(SYMO_F64, (void *)(uintptr_t)dense, 1, &entries));
  symo_status status;
  symo_plan *wide = NULL; /* the same plan in float64 */
  symo_hessian *average64 = NULL, *result = NULL;
  symo_plan_spec spec = {SYMO_F64, plan->coupling, plan->centered};
  SYMO_TRY(symo_plan_create(plan->layout, &spec, &wide));
  SYMO_TRY(symo_hessian_create(wide, "reynolds", &average64));
  SYMO_TRY(average(wide, dense, average64));
  SYMO_TRY(symo_plan_moments(wide, MOMENT_SAME, NULL, average64->m));
  for (size_t i = 0; i < wide->num_labels; i++) /* moments are put into lower triangles */
    for (size_t c = 0; wide->labels[i].scaled && c < wide->labels[i].count; c++)
      symo_symmetrize(SYMO_F64, wide->labels[i].m, symo_hessian_member(average64, i, c));
  SYMO_TRY(symo_hessian_create(plan, "reynolds", &result));
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    size_t n = l->count * l->m * l->m;
    if (l->dropped) continue;
    for (size_t k = 0; k < n; k++)
      symo_put(plan->dtype, result->m[i], k, ((const double *)average64->m[i])[k]);
    double largest = symo_nd_max_abs(symo_nd_dense(SYMO_F64, average64->m[i], 1, &n));
    /* What is nothing beside the whole matrix may vanish. */
    if (largest > symo_rank_tolerance(SYMO_F64, p) * most && largest >= DBL_MIN)
      SYMO_TRY(symo_hessian_check_small(result, i, largest, "reynolds"));
  }
  SYMO_TRY(symo_hessian_check(result, "reynolds"));
  *out = result;
  result = NULL;
fail:
  symo_hessian_destroy(result);
  symo_hessian_destroy(average64);
  symo_plan_destroy(wide);
  return status;
}
