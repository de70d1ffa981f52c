/* One run: exact Hessians at theta and at the orbit mean theta*, one eigendecomposition of
 * H(theta), and every estimate measured against them.
 *
 * Dense matrices held at once: H, |H|, H*, the eigenvectors, one estimate, and scratch.  The only
 * cubic steps in the number of parameters are that eigendecomposition and |H| = V' |w| V;
 * everything else is elementwise, a few gemv, or cubic in the small multiplicities. */
#include "experiments/compare/measure.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"

const char *compare_kind_name(compare_kind kind) {
  static const char *const names[] = {"exact", "floor", "symmetry", "competitor"};
  return names[kind];
}

static void bench_free(compare_bench *b) {
  symo_free(b->v);
  symo_free(b->abs_v);
  symo_free(b->scratch);
  symo_free(b->abs);
  symo_free(b->dense);
  symo_free(b->values);
}

/* ---- the exact matrices ---- */

/* |H| and the decrease of its own step. */
static symo_status exact_reference(compare_bench *b) {
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
  double top = fmax(fabs(w[0]), fabs(w[n - 1]));
  for (size_t i = 0; i < n; i++) {
    if (w[i] < -1e-12 * top) run->negative++;
    w[i] = fabs(w[i]);
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
  SYMO_TRY(
      compare_best_decrease(&b->ref, a, top, &b->ref.decrease, &run->abs.metrics.best_damping));
  SYMO_TRY(compare_picture(b, b->abs, 1, &run->abs));
  SYMO_TRY(compare_picture(b, run->h, 1, &run->raw[0]));
  SYMO_TRY(compare_picture(b, run->star, 1, &run->raw[1]));
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

/* Label 0 of an estimate from one gradient is of rank one, with the share of its squared norm that it
 * has of the gradient's.  Where that is much, it hides the rest; where it is most of the parameters,
 * nothing else would be left. */
static symo_status choose_centering(cli *c, compare_run *run) {
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

static symo_status prepare(compare_bench *b) {
  compare_run *run = b->run;
  size_t n = run->setup.parameters, bytes = n * n * sizeof(double);
  run->side = n < COMPARE_IMAGE ? n : COMPARE_IMAGE;
  run->grad = symo_calloc(n, sizeof *run->grad);
  run->h = symo_malloc(bytes);
  run->star = symo_malloc(bytes);
  b->abs = symo_malloc(bytes);
  b->dense = symo_malloc(bytes);
  b->v = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->abs_v = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->scratch = symo_malloc(COMPARE_DIRECTIONS * n * sizeof *b->v);
  b->values = symo_malloc(n * sizeof *b->values);
  if (!run->grad || !run->h || !run->star || !b->abs || !b->dense || !b->v || !b->abs_v ||
      !b->scratch || !b->values)
    return symo_fail_memory(b->ref.context, "compare");
  symo_rng *rng = NULL;
  symo_status status = symo_rng_create(b->ref.context, run->setup.spec.seed + 0x68767020, &rng);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < COMPARE_DIRECTIONS * n; i++) b->v[i] = symo_rng_normal(rng);
  symo_rng_destroy(rng);
  return SYMO_OK;
}

static symo_status compute(compare_bench *b) {
  compare_run *run = b->run;
  network_point *s = &run->setup;
  size_t n = s->parameters;
  symo_status status = SYMO_OK;
  SYMO_TRY(prepare(b));
  SYMO_TRY(point(run));
  SYMO_TRY(choose_centering(b->c, run));
  cli_progress(b->c, "seed %llu: exact Hessian of %zu %s", (unsigned long long)s->spec.seed, n,
               symo_plural(n, "parameter", "parameters"));
  double start = cli_seconds();
  SYMO_TRY(symo_problem_hessian(b->ref.context, &s->problem, s->theta, run->h));
  run->hessian_seconds = cli_seconds() - start;
  start = cli_seconds();
  SYMO_TRY(symo_problem_hessian(b->ref.context, &s->problem, s->star, run->star));
  double star_seconds = cli_seconds() - start;
  run->h_norm = symo_nrm2(SYMO_F64, n * n, run->h);
  run->star_norm = symo_nrm2(SYMO_F64, n * n, run->star);
  b->ref.size = n;
  b->ref.h = run->h;
  b->ref.star = run->star;
  b->ref.directions = COMPARE_DIRECTIONS;
  b->ref.v = b->v;
  b->ref.abs_v = b->abs_v;
  b->ref.problem = &s->problem;
  b->ref.theta = s->theta;
  b->ref.grad = run->grad;
  b->ref.loss = run->loss;
  cli_progress(b->c, "seed %llu: eigendecomposition of %zu x %zu", (unsigned long long)s->spec.seed,
               n, n);
  SYMO_TRY(exact_reference(b));
  SYMO_TRY(compare_rows_star(b, star_seconds));
  SYMO_TRY(compare_rows_average(
      b, "reynolds",
      "orbit average of H(theta): nearest structured matrix to H (scaling: over the "
      "window, and not the nearest)",
      COMPARE_FLOOR, run->h, run->hessian_seconds));
  SYMO_TRY(compare_rows_average(
      b, "reynolds-abs",
      "orbit average of |H|: nearest structured matrix to |H| (scaling: over the "
      "window, and not the nearest)",
      COMPARE_FLOOR, b->abs, run->hessian_seconds + run->eigen_seconds));
  SYMO_TRY(compare_rows_family(b));
  SYMO_TRY(compare_rows_competitors(b));
fail:
  return status;
}

int compare_run_make(cli *c, const compare_spec *spec, const compare_want *want, compare_run *run) {
  *run = (compare_run){.spec = *spec};
  run->abs.metrics = run->raw[0].metrics = run->raw[1].metrics = compare_metrics_none();
  int code = network_point_make(c, &spec->network, &run->setup);
  if (code != CLI_DONE) return code;
  compare_bench b = {.c = c, .want = want, .run = run, .ref = {.context = cli_context(c)}};
  symo_status status = compute(&b);
  bench_free(&b);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
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
  network_point_destroy(&run->setup);
  *run = (compare_run){0};
}

const compare_row *compare_run_row(const compare_run *run, const char *name) {
  for (size_t i = 0; i < run->count; i++)
    if (strcmp(run->rows[i].name, name) == 0) return &run->rows[i];
  return NULL;
}
