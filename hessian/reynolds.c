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

/* The work space of one label.  half: for each row of H its coordinates in the label, [P, rows m];
 * then a panel of coordinates, and column [COLUMNS, P]. */
typedef struct reynolds_work {
  double *half, *panel, *column;
  const void **data;       /* [tensors] */
  symo_comm_piece *pieces; /* [processes] */
  char *block;             /* of the first three and of scratch */
  arena scratch;
} reynolds_work;

enum { COLUMNS = 8 }; /* of half at a time: a cache line */

static size_t numbers_of(const plan_label *l) { return symo_label_rows(l) * l->m; }

/* Enough for every label. */
static symo_status reserve(const symo_plan *plan, const symo_comm *comm, reynolds_work *w) {
  const size_t p = plan->layout->parameters;
  size_t numbers = 0, scratch = 0, size;
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    const size_t n = numbers_of(l), s = symo_gather_scratch(plan, l, symo_label_indices(l));
    numbers = n > numbers ? n : numbers;
    scratch = s > scratch ? s : scratch;
  }
  if (symo_mul_size(numbers + COLUMNS, p + 1, &size) &&
      symo_mul_size(size, sizeof(double), &size) && size < SIZE_MAX / 2 - scratch)
    w->block = symo_malloc(symo_padded(size) + scratch + 64);
  w->data = symo_calloc(plan->layout->num_tensors, sizeof *w->data);
  w->pieces = symo_calloc((size_t)symo_comm_size(comm), sizeof *w->pieces);
  if (w->block == NULL || w->data == NULL || w->pieces == NULL)
    return symo_fail_memory(plan->context, "reynolds");
  w->half = (double *)(void *)w->block;
  w->panel = w->half + numbers * p;
  w->column = w->panel + numbers;
  w->scratch.base = w->block + symo_padded(size);
  return SYMO_OK;
}

static void release(reynolds_work *w) {
  symo_free(w->block);
  symo_free(w->data);
  symo_free(w->pieces);
}

/* The rows of half that this process takes, and from the others theirs. */
static void analyse_rows(const symo_plan *plan, const plan_label *l, const double *h,
                         const symo_comm *comm, reynolds_work *w) {
  const size_t p = plan->layout->parameters, numbers = numbers_of(l);
  const size_t size = (size_t)symo_comm_size(comm);
  for (size_t r = 0, first, end; r < size; r++) {
    symo_comm_part(p, size, r, &first, &end);
    double *to = w->half + first * numbers;
    w->pieces[r] = (symo_comm_piece){(int)r, (end - first) * numbers * sizeof *to, to};
    for (size_t i = first; i < end && (int)r == symo_comm_rank(comm); i++, to += numbers) {
      symo_layout_split_const(plan->layout, SYMO_F64, h + i * p, w->data);
      symo_label_gather(plan, l, symo_const_vector_of(SYMO_F64, w->data), 0, symo_label_indices(l),
                        to, &w->scratch);
    }
  }
  symo_comm_spread(comm, size, w->pieces);
}

/* column[j] := column k + j of half, j < n. */
static void take_columns(size_t p, size_t numbers, size_t k, size_t n, reynolds_work *w) {
  for (size_t i = 0; i < p; i++)
    for (size_t j = 0; j < n; j++) w->column[j * p + i] = w->half[i * numbers + k + j];
}

/* The columns of M that this process takes: column b is the sum over r of row r of the coordinates
 * of the columns (r, b) of half. */
static void trace_rows(const symo_plan *plan, const plan_label *l, const symo_comm *comm,
                       reynolds_work *w, double *m) {
  const size_t p = plan->layout->parameters, rows = symo_label_rows(l),
               stride = symo_label_stride(l);
  size_t first, end;
  symo_comm_part(l->m, (size_t)symo_comm_size(comm), (size_t)symo_comm_rank(comm), &first, &end);
  for (size_t r = 0; r < rows; r++)
    for (size_t b = first; b < end; b++) {
      const size_t at = (b - first) % COLUMNS, left = end - b;
      if (at == 0) take_columns(p, rows * l->m, r * l->m + b, left < COLUMNS ? left : COLUMNS, w);
      symo_layout_split_const(plan->layout, SYMO_F64, w->column + at * p, w->data);
      symo_label_gather(plan, l, symo_const_vector_of(SYMO_F64, w->data), r / stride, 1, w->panel,
                        &w->scratch);
      double *block = m + r / l->ambient * l->m * l->m;
      for (size_t a = 0; a < l->m; a++)
        block[a * l->m + b] += w->panel[r % stride * l->m + a] / (double)l->dim;
    }
}

static void average(const symo_plan *plan, const double *dense, const symo_comm *comm,
                    reynolds_work *w, symo_hessian *out) {
  for (size_t i = 0; i < plan->num_labels; i++) {
    const plan_label *l = &plan->labels[i];
    if (l->dropped) continue;
    const size_t entries = l->count * l->m * l->m;
    memset(out->m[i], 0, entries * sizeof(double));
    analyse_rows(plan, l, dense, comm, w);
    trace_rows(plan, l, comm, w, out->m[i]);
    symo_comm_sum(comm, SYMO_F64, entries, out->m[i]); /* a column has one process */
    for (size_t c = 0; c < l->count; c++) {
      double *m = symo_hessian_member(out, i, c);
      for (size_t a = 0; a < l->m; a++)
        for (size_t b = 0; b < a; b++)
          m[a * l->m + b] = m[b * l->m + a] = 0.5 * (m[a * l->m + b] + m[b * l->m + a]);
    }
  }
}

symo_status symo_reynolds(const symo_plan *plan, const double *dense, symo_hessian **out) {
  return symo_reynolds_among(plan, dense, NULL, out);
}

symo_status symo_reynolds_among(const symo_plan *plan, const double *dense, const symo_comm *comm,
                                symo_hessian **out) {
  if (plan == NULL) return SYMO_E_ARGUMENT;
  if (dense == NULL || out == NULL)
    return symo_fail_null(plan->context, "reynolds", dense == NULL ? "dense" : "out");
  size_t p = plan->layout->parameters;
  if (!symo_all_finite(SYMO_F64, p * p, dense))
    return symo_fail(plan->context, SYMO_E_NONFINITE,
                     "reynolds: the matrix holds NaN or infinity (check where it comes from)");
  size_t entries = p * p;
  double most = symo_nd_max_abs(symo_nd_dense(SYMO_F64, (void *)(uintptr_t)dense, 1, &entries));
  symo_plan *wide = NULL; /* the same plan in float64 */
  symo_hessian *average64 = NULL, *result = NULL;
  reynolds_work work = {0};
  symo_plan_spec spec = {SYMO_F64, plan->coupling, plan->centered};
  symo_status status = symo_plan_create(plan->layout, &spec, &wide);
  if (status == SYMO_OK) status = symo_hessian_create(wide, "reynolds", &average64);
  if (status == SYMO_OK) status = reserve(wide, comm, &work);
  const int failed = symo_comm_first(comm, status != SYMO_OK);
  if (status == SYMO_OK && failed >= 0)
    status =
        symo_fail(plan->context, SYMO_E_MEMORY, "reynolds: process %d ran out of memory", failed);
  if (status != SYMO_OK) goto fail;
  average(wide, dense, comm, &work, average64);
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
  release(&work);
  symo_hessian_destroy(result);
  symo_hessian_destroy(average64);
  symo_plan_destroy(wide);
  return status;
}
