/* The rows of a comparison that are not from products: averages of exact matrices, the library's
 * estimates, and what others use. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/compare/competitor.h"
#include "experiments/compare/lowrank.h"
#include "experiments/compare/measure.h"
#include "hessian/estimator.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- rows: H at the orbit mean, averages of exact matrices ---- */

/* A positive status is the estimate's own verdict on these numbers, "unsupported" that it does not
 * apply to this network or group: the row says so, and so does a note; the run goes on. */
static symo_status verdict(compare_bench *b, compare_row *row, symo_status status) {
  if (status <= SYMO_OK && status != SYMO_E_UNSUPPORTED) return status;
  (void)snprintf(row->note, sizeof row->note, "%s", symo_context_detail(b->ref.context));
  cli_note(b->c, "%s: none: %s", row->name, row->note);
  return SYMO_OK;
}

static const compare_row star = {.name = "h-star-exact",
                                 .summary = "the true Hessian at the orbit mean theta*",
                                 .kind = COMPARE_EXACT,
                                 .style = {PLOT_GREY, 4, 8, 2}};
static const compare_row reynolds = {
    .name = "reynolds",
    .summary = "orbit average of H(theta): nearest structured matrix to H (scaling: over the "
               "window, and not the nearest)",
    .kind = COMPARE_FLOOR,
    .style = {PLOT_GREY, 2, 4, 2}};
/* The ceiling of the other curves of a sweep. */
static const compare_row reynolds_abs = {
    .name = "reynolds-abs",
    .summary = "orbit average of |H|: nearest structured matrix to |H| (scaling: over the window, "
               "and not the nearest)",
    .kind = COMPARE_FLOOR,
    .style = {PLOT_BLACK, 3, 6, 2},
    .swept = true};

/* The Reynolds average of a dense matrix as a row. */
static symo_status average_row(compare_bench *b, const compare_row *like, const double *dense,
                               double seconds) {
  compare_row *row = compare_row_add(b, like);
  symo_hessian *hessian = NULL;
  compare_approx *a = NULL;
  double start = cli_seconds();
  symo_status status = compare_average(b, dense, &hessian);
  if (status != SYMO_OK) return verdict(b, row, status);
  row->seconds = seconds + cli_seconds() - start;
  status = compare_approx_structured(b->ref.context, hessian, &a);
  return status == SYMO_OK ? compare_measure(b, a, row) : status;
}

/* H(theta*) commutes with an exact group, and is then kept as structured; else it is what it is. */
symo_status compare_star_row(compare_bench *b, double seconds) {
  compare_run *run = b->run;
  size_t n = run->setup.parameters;
  symo_hessian *average = NULL;
  symo_status status = compare_average(b, run->star, &average);
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
  if (run->defect <= enough) return average_row(b, &star, run->star, seconds);
  compare_row *row = compare_row_add(b, &star);
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

symo_status compare_average_rows(compare_bench *b) {
  const compare_run *run = b->run;
  symo_status status = average_row(b, &reynolds, run->h, run->hessian_seconds);
  if (status == SYMO_OK)
    status = average_row(b, &reynolds_abs, b->abs, run->hessian_seconds + run->eigen_seconds);
  return status == SYMO_OK ? compare_lowrank_exact(b) : status;
}

/* ---- rows: the library's estimates, and what others use ---- */

/* Short times are noisy: what takes less than this is done some times, and the least counts. */
static const double short_time = 5e-3;
enum { REPEATS = 5 };

/* Estimators that name no colour of the palette have a grey line. */
static compare_row row_of(const symo_estimator *e) {
  compare_row row = {.name = e->name,
                     .summary = e->summary,
                     .kind = COMPARE_FAMILY,
                     .style = {PLOT_GREY, 3, 2, 1.5},
                     .swept = true};
  const size_t colour = e->curve.colour != NULL ? plot_colour_find(e->curve.colour) : PLOT_COLOURS;
  if (colour < PLOT_COLOURS)
    row.style = (plot_style){colour, e->curve.dash, e->curve.point, e->curve.width};
  if (e->target == ESTIMATE_ABS)
    row.cost = e->coupling == SYMO_BLOCKED ? COMPARE_COST_BLOCKED : COMPARE_COST_COUPLED;
  return row;
}

static symo_status family_row(compare_bench *b, const symo_estimator *estimator,
                              symo_plan *const plans[2]) {
  network_point *s = &b->run->setup;
  const compare_row like = row_of(estimator);
  compare_row *row = compare_row_add(b, &like);
  if (s->theta == NULL && symo_estimator_needs_parameters(estimator)) {
    (void)snprintf(row->note, sizeof row->note, "needs the parameters (--param)");
    return SYMO_OK;
  }
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
  if (s->theta != NULL) symo_layout_split_const(s->layout, dtype, s->theta, data + tensors);
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

symo_status compare_family_rows(compare_bench *b) {
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

symo_status compare_identity_row(compare_bench *b) {
  const compare_competitor *row = compare_competitor_find("identity");
  const size_t n = b->run->setup.parameters;
  const compare_row like = {.name = row->name,
                            .summary = row->summary,
                            .kind = COMPARE_COMPETITOR,
                            .style = row->style,
                            .competitor = true,
                            .swept = true,
                            .cost = row->cost};
  compare_row *r = compare_row_add(b, &like);
  compare_approx *a = NULL;
  double *one = symo_malloc(n * sizeof *one);
  if (one == NULL) return symo_fail_memory(b->ref.context, "compare");
  for (size_t i = 0; i < n; i++) one[i] = 1;
  symo_status status = compare_approx_diagonal(b->ref.context, n, one, 1, &a);
  return status == SYMO_OK ? compare_measure(b, a, r) : status;
}

symo_status compare_competitor_rows(compare_bench *b) {
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
    const compare_row like = {.name = row->name,
                              .summary = row->summary,
                              .kind = row->costly ? COMPARE_EXACT : COMPARE_COMPETITOR,
                              .style = row->style,
                              .competitor = true,
                              .swept = !row->costly,
                              .cost = row->cost};
    compare_row *r = compare_row_add(b, &like);
    compare_approx *a = NULL;
    status = competitor_build(row, &input, s->spec.seed + 0x6b666163, &r->seconds, &a);
    status = status == SYMO_OK ? compare_measure(b, a, r) : verdict(b, r, status);
  }
  return status;
}
