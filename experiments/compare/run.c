/* One run: exact Hessians at theta and at the orbit mean theta*, one eigendecomposition of
 * H(theta), and every estimate measured against them.
 *
 * Dense matrices held at once: H, |H|, H*, the eigenvectors, one estimate, and scratch.  The only
 * cubic steps in the number of parameters are that eigendecomposition and |H| = V' |w| V;
 * everything else is elementwise, a few gemv, or cubic in the small multiplicities. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/compare/lowrank.h"
#include "experiments/compare/measure.h"
#include "hessian/hessian.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *compare_kind_name(compare_kind kind) {
  static const char *const names[] = {"exact", "floor", "symmetry", "products", "competitor"};
  return names[kind];
}

void compare_bench_free(compare_bench *b) {
  symo_free(b->v);
  symo_free(b->abs_v);
  symo_free(b->scratch);
  symo_free(b->abs);
  symo_free(b->dense);
  symo_free(b->values);
  symo_free(b->solved);
  symo_free(b->lead_values);
  symo_free(b->lead_vectors);
}

/* ---- the exact matrices ---- */

/* |H| and the decrease of its own step. */
symo_status compare_exact_reference(compare_bench *b) {
  compare_run *run = b->run;
  size_t n = run->setup.parameters, bytes = n * n * sizeof(double);
  symo_context *context = b->ref.context;
  symo_status status = SYMO_OK;
  compare_approx *a = NULL;
  double *v = symo_malloc(bytes), *w = symo_malloc(n * sizeof *w), start = cli_seconds();
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (v == NULL || w == NULL || work == NULL) {
    status = symo_fail_memory(context, "compare");
    goto fail;
  }
  memcpy(v, run->h, bytes);
  status = symo_eigh(SYMO_F64, n, v, w, work);
  if (status != SYMO_OK) {
    symo_fail(context, status,
              "compare: the eigendecomposition of the Hessian failed (try other "
              "weights: --seed, --init-scale)");
    goto fail;
  }
  symo_free(work);
  work = NULL;
  SYMO_TRY(compare_lead(b, v, w));
  double top = fmax(fabs(w[0]), fabs(w[n - 1]));
  b->ref.lambda = COMPARE_DAMPING * top;
  for (size_t i = 0; i < n; i++) {
    if (w[i] < -1e-12 * top) run->negative++;
    w[i] = fabs(w[i]);
    b->ref.logdet += log(w[i] + b->ref.lambda);
  }
  status = compare_approx_dense(context, n, v, w, &a);
  v = w = NULL;
  if (status != SYMO_OK) goto fail;
  SYMO_TRY(a->form->dense(a, b->abs));
  run->eigen_seconds = cli_seconds() - start;
  SYMO_TRY(compare_spectrum(b, a, &run->abs));
  b->ref.abs = b->abs;
  symo_gemm(SYMO_F64, 1, symo_mat_dense(b->v, COMPARE_DIRECTIONS, n), symo_mat_dense(b->abs, n, n),
            0, symo_mat_dense(b->abs_v, COMPARE_DIRECTIONS, n));
  for (size_t k = 0; k < COMPARE_SOLVES && top > 0; k++) {
    SYMO_TRY(a->form->step(a, b->ref.lambda, b->v + k * n, b->solved + k * n));
    symo_scal(SYMO_F64, n, -1, b->solved + k * n);
  }
  SYMO_TRY(
      compare_best_decrease(&b->ref, a, top, &b->ref.decrease, &run->abs.metrics.best_damping));
  SYMO_TRY(compare_picture(b, b->abs, 1, &run->abs));
  SYMO_TRY(compare_picture(b, run->h, 1, &run->raw[0]));
  if (run->star != NULL) SYMO_TRY(compare_picture(b, run->star, 1, &run->raw[1]));
  SYMO_TRY(compare_save(b, "abs-hessian", b->abs));
fail:
  symo_free(v);
  symo_free(w);
  symo_free(work);
  compare_approx_destroy(a);
  return status;
}

/* ---- the run ---- */

static symo_status point(compare_run *run) {
  network_point *s = &run->setup;
  symo_dtype dtype = s->spec.net.dtype;
  void *grad = symo_malloc(s->parameters * symo_dtype_size(dtype));
  if (grad == NULL) return SYMO_E_MEMORY;
  symo_status status = s->problem.gradient(s->problem.self, s->theta, &run->loss, grad);
  for (size_t i = 0; status == SYMO_OK && i < s->parameters; i++)
    run->grad[i] = symo_get(dtype, grad, i);
  run->grad_norm = symo_nrm2(SYMO_F64, s->parameters, run->grad);
  symo_free(grad);
  return status;
}

/* Label 0 of an estimate from one gradient has rank one, and its share of the squared norm is that
 * of label 0 in the gradient.  A large share hides the other labels.  Where label 0 holds most of
 * the parameters it is kept, because nothing else would be left. */
symo_status compare_choose_centering(cli *c, compare_run *run) {
  network_point *s = &run->setup;
  const void **data = symo_calloc(symo_layout_num_tensors(s->layout) + 1, sizeof *data);
  if (data == NULL) return symo_fail_memory(cli_context(c), "compare");
  symo_layout_split_const(s->layout, SYMO_F64, run->grad, data);
  symo_const_vector gradient = symo_const_vector_of(SYMO_F64, data);
  symo_status status = cli_trivial_part(c, s->exact_plan, 1, &gradient, &run->fixed);
  symo_free(data);
  run->centered = run->spec.center == COMPARE_CENTER_YES ||
                  (run->spec.center == COMPARE_CENTER_AUTO && cli_trivial_dominates(run->fixed));
  return status;
}

symo_status compare_prepare(compare_bench *b) {
  compare_run *run = b->run;
  size_t n = run->setup.parameters, bytes = n * n * sizeof(double);
  run->side = n < COMPARE_IMAGE ? n : COMPARE_IMAGE;
  run->grad = symo_calloc(n, sizeof *run->grad);
  b->abs = symo_malloc(bytes);
  b->dense = symo_malloc(bytes);
  b->v = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->abs_v = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->scratch = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->values = symo_malloc(n * sizeof *b->values);
  b->solved = symo_malloc(COMPARE_SOLVES * n * sizeof *b->solved);
  if (!run->grad || !b->abs || !b->dense || !b->v || !b->abs_v || !b->scratch || !b->values ||
      !b->solved)
    return symo_fail_memory(b->ref.context, "compare");
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(b->ref.context, run->setup.spec.seed + 0x68767020, &rng);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < COMPARE_DIRECTIONS * n; i++) b->v[i] = symo_rng_normal(rng);
  symo_rng_destroy(rng);
  b->ref.size = n;
  b->ref.directions = COMPARE_DIRECTIONS;
  b->ref.v = b->v;
  b->ref.abs_v = b->abs_v;
  b->ref.solved = b->solved;
  return compare_plan_products(b);
}

static symo_status operator_rows(compare_bench *b) {
  const network_point *s = &b->run->setup;
  const symo_problem_point point = {&s->problem, s->theta, SYMO_MATRIX_HESSIAN};
  symo_operator a;
  symo_status status = symo_operator_of_problem(b->ref.context, &point, &a);
  return status == SYMO_OK ? compare_products_rows(b, &a) : status;
}

/* Several processes take the directions of a Hessian together, and averages over the group;
 * everything else each by itself.  NULL: the run has one process. */
static const symo_comm *comm_of(const compare_bench *b) {
  return b->want->owner == COMPARE_ALL ? cli_ranks(b->c) : NULL;
}

/* Before processes exchange: if one has failed since they last met, b->stopped is its exit code, and
 * this fails in all. */
static symo_status meet(compare_bench *b) {
  b->stopped = symo_comm_agree(comm_of(b), CLI_DONE);
  return b->stopped == CLI_DONE ? SYMO_OK : SYMO_E_MEMORY;
}

symo_status compare_average(compare_bench *b, const double *dense, symo_hessian **out) {
  const symo_status status = meet(b);
  if (status != SYMO_OK) return status;
  return symo_reynolds_among(b->run->setup.exact_plan, dense, comm_of(b), out);
}

static symo_status exact_hessian(compare_bench *b, const void *theta, double *out) {
  const network_point *s = &b->run->setup;
  symo_status status = meet(b);
  if (status != SYMO_OK) return status;
  symo_net_set_comm(s->net, comm_of(b));
  status = symo_problem_hessian(b->ref.context, &s->problem, theta, out);
  symo_net_set_comm(s->net, NULL);
  return status;
}

static symo_status compute(compare_bench *b) {
  compare_run *run = b->run;
  network_point *s = &run->setup;
  size_t n = s->parameters;
  symo_status status = SYMO_OK;
  SYMO_TRY(compare_prepare(b));
  run->h = symo_malloc(n * n * sizeof *run->h);
  run->star = symo_malloc(n * n * sizeof *run->star);
  if (run->h == NULL || run->star == NULL) SYMO_TRY(symo_fail_memory(b->ref.context, "compare"));
  SYMO_TRY(point(run));
  SYMO_TRY(compare_choose_centering(b->c, run));
  cli_progress(b->c, "seed %llu: exact Hessian of %zu %s", (unsigned long long)s->spec.seed, n,
               symo_plural(n, "parameter", "parameters"));
  double start = cli_seconds();
  SYMO_TRY(exact_hessian(b, s->theta, run->h));
  run->hessian_seconds = cli_seconds() - start;
  start = cli_seconds();
  SYMO_TRY(exact_hessian(b, s->star, run->star));
  double star_seconds = cli_seconds() - start;
  run->h_norm = symo_nrm2(SYMO_F64, n * n, run->h);
  run->star_norm = symo_nrm2(SYMO_F64, n * n, run->star);
  b->ref.h = run->h;
  b->ref.star = run->star;
  b->ref.problem = &s->problem;
  b->ref.theta = s->theta;
  b->ref.grad = run->grad;
  b->ref.loss = run->loss;
  cli_progress(b->c, "seed %llu: eigendecomposition of %zu x %zu", (unsigned long long)s->spec.seed,
               n, n);
  SYMO_TRY(compare_exact_reference(b));
  SYMO_TRY(compare_star_row(b, star_seconds));
  SYMO_TRY(compare_average_rows(b));
  SYMO_TRY(compare_family_rows(b));
  SYMO_TRY(operator_rows(b));
  SYMO_TRY(compare_competitor_rows(b));
fail:
  return status;
}

int compare_run_make(cli *c, const compare_spec *spec, const compare_want *want, compare_run *run) {
  *run = (compare_run){.spec = *spec};
  run->abs.metrics = run->raw[0].metrics = run->raw[1].metrics = compare_metrics_none();
  compare_bench b = {.c = c, .want = want, .run = run, .ref = {.context = cli_context(c)}};
  int code = symo_comm_agree(comm_of(&b), network_point_make(c, &spec->network, &run->setup));
  if (code != CLI_DONE || !compare_run_is_ours(c, want->owner)) return code;
  symo_status status = compute(&b);
  compare_bench_free(&b);
  if (b.stopped != CLI_DONE) return b.stopped;
  return symo_comm_agree(comm_of(&b), status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status));
}

void compare_run_trim(compare_run *run) {
  symo_free(run->h);
  symo_free(run->star);
  run->h = run->star = NULL;
  network_point_release(&run->setup);
}

static void row_free(compare_row *row) {
  symo_free(row->spectrum);
  symo_free(row->image);
}

void compare_run_destroy(compare_run *run) {
  compare_run_trim(run);
  symo_free(run->grad);
  for (size_t i = 0; i < run->count; i++) row_free(&run->rows[i]);
  row_free(&run->abs);
  row_free(&run->raw[0]);
  row_free(&run->raw[1]);
  symo_free(run->texts);
  network_point_destroy(&run->setup);
  *run = (compare_run){0};
}

const compare_row *compare_run_row(const compare_run *run, const char *name) {
  for (size_t i = 0; i < run->count; i++)
    if (strcmp(run->rows[i].name, name) == 0) return &run->rows[i];
  return NULL;
}
