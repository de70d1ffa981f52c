/* The rows of a run: H at the orbit mean, averages of exact matrices, the library's estimates, and
 * what others use. */
#include "experiments/compare/measure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/compare/competitor.h"

/* A positive status is the estimate's own verdict on these numbers, "unsupported" that it does not
 * apply to this network or group: the row says so, and so does a note; the run goes on. */
static symo_status verdict(compare_bench *b, compare_row *row, symo_status status) {
  if (status <= SYMO_OK && status != SYMO_E_UNSUPPORTED) return status;
  (void)snprintf(row->note, sizeof row->note, "%s", symo_context_detail(b->ref.context));
  cli_note(b->c, "%s: none: %s", row->name, row->note);
  return SYMO_OK;
}

/* The Reynolds average of a dense matrix as a row. */
symo_status compare_rows_average(compare_bench *b, const char *name, const char *summary,
                                 compare_kind kind, const double *dense, double seconds) {
  compare_row *row = compare_row_add(b, name, summary, kind);
  symo_hessian *hessian = NULL;
  compare_approx *a = NULL;
  double start = cli_seconds();
  symo_status status = symo_reynolds(b->run->setup.exact_plan, dense, &hessian);
  if (status != SYMO_OK) return verdict(b, row, status);
  row->seconds = seconds + cli_seconds() - start;
  status = compare_approx_structured(b->ref.context, hessian, &a);
  return status == SYMO_OK ? compare_measure(b, a, row) : status;
}

/* H(theta*) commutes with an exact group, and is then kept as structured; else it is what it is. */
symo_status compare_rows_star(compare_bench *b, double seconds) {
  static const char *const summary = "the true Hessian at the orbit mean theta*";
  compare_run *run = b->run;
  size_t n = run->setup.parameters;
  symo_hessian *average = NULL;
  symo_status status = symo_reynolds(run->setup.exact_plan, run->star, &average);
  if (status != SYMO_OK) return status;
  status = symo_hessian_dense(average, b->dense);
  symo_hessian_destroy(average);
  if (status != SYMO_OK) return status;
  double apart = 0;
  for (size_t i = 0; i < n * n; i++) {
    double d = b->dense[i] - run->star[i];
    apart += d * d;
  }
  run->defect = run->star_norm > 0 ? sqrt(apart) / run->star_norm : 0;
  double enough = run->setup.spec.net.dtype == SYMO_F32 ? 1e-4 : 1e-9;
  if (run->defect <= enough)
    return compare_rows_average(b, "h-star-exact", summary, COMPARE_EXACT, run->star, seconds);
  compare_row *row = compare_row_add(b, "h-star-exact", summary, COMPARE_EXACT);
  double *v = symo_malloc(n * n * sizeof *v), *w = symo_malloc(n * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  compare_approx *a = NULL;
  if (v == NULL || w == NULL || work == NULL) {
    status = symo_fail_memory(b->ref.context, "compare");
    goto fail;
  }
  memcpy(v, run->star, n * n * sizeof *v);
  SYMO_TRY(symo_eigh(SYMO_F64, n, v, w, work));
  row->seconds = seconds;
  symo_free(work);
  status = compare_approx_dense(b->ref.context, n, v, w, &a);
  return status == SYMO_OK ? compare_measure(b, a, row) : status;
fail:
  symo_free(v);
  symo_free(w);
  symo_free(work);
  return status;
}

/* ---- the library's estimates ---- */

/* Short times are noisy: what takes less than this is done some times, and the least counts. */
static const double short_time = 5e-3;
enum { REPEATS = 5 };

static symo_status family_row(compare_bench *b, const symo_estimator *estimator,
                              symo_plan *const plans[2]) {
  network_point *s = &b->run->setup;
  compare_row *row = compare_row_add(b, symo_estimator_name(estimator),
                                     symo_estimator_summary(estimator), COMPARE_FAMILY);
  size_t tensors = symo_layout_num_tensors(s->layout);
  symo_dtype dtype = s->spec.net.dtype;
  const void **data = symo_calloc(2 * tensors, sizeof *data);
  void *grad = symo_malloc(s->parameters * symo_dtype_size(dtype));
  symo_status status = SYMO_OK;
  symo_hessian *hessian = NULL;
  compare_approx *a = NULL;
  if (data == NULL || grad == NULL) {
    status = symo_fail_memory(b->ref.context, "compare");
    goto fail;
  }
  for (size_t i = 0; i < s->parameters; i++) symo_put(dtype, grad, i, b->run->grad[i]);
  symo_layout_split_const(s->layout, dtype, grad, data);
  symo_layout_split_const(s->layout, dtype, s->theta, data + tensors);
  symo_const_vector g = symo_const_vector_of(dtype, data),
                    t = symo_const_vector_of(dtype, data + tensors);
  symo_estimate_spec spec = symo_estimate_spec_default();
  spec.estimator = estimator;
  if (symo_estimator_needs_parameters(estimator)) spec.damping = b->run->spec.damping;
  const symo_plan *plan = plans[symo_estimator_coupling(estimator) == SYMO_BLOCKED];
  for (int k = 0; k < REPEATS && status == SYMO_OK && (k == 0 || row->seconds < short_time); k++) {
    symo_hessian_destroy(hessian);
    hessian = NULL;
    double start = cli_seconds();
    status = symo_estimate(plan, &spec, 1, &g, &t, &hessian);
    double seconds = cli_seconds() - start;
    row->seconds = k == 0 ? seconds : fmin(seconds, row->seconds);
  }
  if (status != SYMO_OK) {
    status = verdict(b, row, status);
    goto fail;
  }
  SYMO_TRY(compare_approx_structured(b->ref.context, hessian, &a));
  status = compare_measure(b, a, row);
fail:
  symo_free(data);
  symo_free(grad);
  return status;
}

symo_status compare_rows_family(compare_bench *b) {
  symo_plan *plans[2] = {NULL, NULL};
  symo_status status = SYMO_OK;
  symo_plan_spec spec = symo_plan_spec_default();
  spec.dtype = b->run->setup.spec.net.dtype;
  spec.centered = b->run->centered;
  for (int i = 0; i < 2; i++) {
    spec.coupling = i == 0 ? SYMO_COUPLED : SYMO_BLOCKED;
    SYMO_TRY(symo_plan_create(b->run->setup.layout, &spec, &plans[i]));
  }
  for (size_t i = 0; i < symo_estimator_count(); i++)
    SYMO_TRY(family_row(b, symo_estimator_at(i), plans));
fail:
  symo_plan_destroy(plans[0]);
  symo_plan_destroy(plans[1]);
  return status;
}

/* The first result counts, the others are for the time: labels would be drawn again. */
static symo_status competitor_build(const compare_competitor *row, compare_input *input,
                                    uint64_t seed, double *seconds, compare_approx **out) {
  compare_approx *first = NULL;
  symo_status status = symo_rng_create(input->context, seed, &input->rng);
  for (int k = 0; k < REPEATS && status == SYMO_OK && (k == 0 || *seconds < short_time); k++) {
    compare_approx *made = NULL;
    double start = cli_seconds();
    status = row->build(input, &made);
    double taken = cli_seconds() - start;
    *seconds = k == 0 ? taken : fmin(taken, *seconds);
    if (k == 0)
      first = made;
    else
      compare_approx_destroy(made);
  }
  symo_rng_destroy(input->rng);
  input->rng = NULL;
  if (status == SYMO_OK)
    *out = first;
  else
    compare_approx_destroy(first);
  return status;
}

symo_status compare_rows_competitors(compare_bench *b) {
  network_point *s = &b->run->setup;
  compare_input input = {.context = b->ref.context,
                         .net = s->net,
                         .theta = s->theta,
                         .grad = b->run->grad,
                         .examples = s->examples,
                         .x = s->x,
                         .y = s->y,
                         .samples = b->run->spec.samples};
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < compare_competitor_count() && status == SYMO_OK; i++) {
    const compare_competitor *row = compare_competitor_at(i);
    if (row->costly && !b->run->spec.ggn) continue;
    compare_row *r = compare_row_add(b, row->name, row->summary,
                                     row->costly ? COMPARE_EXACT : COMPARE_COMPETITOR);
    compare_approx *a = NULL;
    status = competitor_build(row, &input, s->spec.seed + 0x6b666163, &r->seconds, &a);
    status = status == SYMO_OK ? compare_measure(b, a, r) : verdict(b, r, status);
  }
  return status;
}
