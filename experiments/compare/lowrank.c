/* Low rank plus symmetry in a comparison: leading eigenpairs of H and a structured matrix for the
 * rest, from a budget of products with H; and the same from the exact Hessian. */
#include "experiments/compare/lowrank.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/compare/approx_form.h"
#include "experiments/models/curvature_prior.h"

/* ---- the form ---- */

typedef struct form {
  symo_lowrank *h;
  symo_dtype dtype;
  void *flat[2];
  void **data[2];
} form;

static void destroy(void *self) {
  form *f = self;
  symo_lowrank_destroy(f->h);
  for (int i = 0; i < 2; i++) {
    symo_free(f->flat[i]);
    symo_free(f->data[i]);
  }
  symo_free(f);
}

static symo_status dense(compare_approx *a, double *out) {
  return symo_lowrank_dense(((form *)a->self)->h, out);
}

static symo_status eigenvalues(compare_approx *a, double *out) {
  const size_t n = a->size;
  size_t bytes = 0;
  symo_status status = SYMO_OK;
  double *m = symo_mul_size(n, n * sizeof *m, &bytes) ? symo_malloc(bytes) : NULL;
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (m == NULL || work == NULL) SYMO_TRY(symo_fail_memory(a->context, "compare: h-lr"));
  SYMO_TRY(dense(a, m));
  status = symo_eigvalsh(SYMO_F64, n, m, out, work);
  if (status != SYMO_OK)
    symo_fail(a->context, status, "compare: h-lr: the eigendecomposition failed (try --dtype f64)");
fail:
  symo_free(m);
  symo_free(work);
  return status;
}

static symo_status step(compare_approx *a, double lambda, const double *g, double *d) {
  form *f = a->self;
  for (size_t i = 0; i < a->size; i++) symo_put(f->dtype, f->flat[0], i, g[i]);
  symo_status status = symo_lowrank_solve(
      f->h, lambda, symo_const_vector_of(f->dtype, (const void *const *)f->data[0]),
      symo_vector_of(f->dtype, f->data[1]));
  for (size_t i = 0; status == SYMO_OK && i < a->size; i++)
    d[i] = -symo_get(f->dtype, f->flat[1], i);
  return status;
}

static const compare_form lowrank_form = {.name = "low rank plus symmetry",
                                          .dense = dense,
                                          .eigenvalues = eigenvalues,
                                          .step = step,
                                          .destroy = destroy};

symo_status compare_approx_lowrank(symo_context *context, symo_lowrank *h, compare_approx **out) {
  const symo_plan *plan = symo_hessian_plan(symo_lowrank_rest(h));
  const symo_layout *layout = symo_plan_layout(plan);
  size_t size = symo_layout_num_parameters(layout), tensors = symo_layout_num_tensors(layout);
  double stored =
      symo_plan_cost_of(plan).stored_numbers + (double)symo_lowrank_rank(h) * ((double)size + 1);
  form *f = symo_calloc(1, sizeof *f);
  if (f == NULL) {
    symo_lowrank_destroy(h);
    return symo_fail_memory(context, "compare");
  }
  f->h = h;
  f->dtype = symo_plan_dtype(plan);
  for (int i = 0; i < 2; i++) {
    f->flat[i] = symo_calloc(size, symo_dtype_size(f->dtype));
    f->data[i] = symo_calloc(tensors + 1, sizeof *f->data[i]);
    if (f->flat[i] == NULL || f->data[i] == NULL) {
      destroy(f);
      return symo_fail_memory(context, "compare");
    }
    symo_layout_split(layout, f->dtype, f->flat[i], f->data[i]);
  }
  return compare_approx_make(context, &lowrank_form, size, stored, f, out);
}

/* ---- rows ---- */

static const compare_row exact = {
    .name = "h-lr-exact",
    .summary = "the exact leading eigenpairs of H, and the absolute value of the orbit average of "
               "the exact rest",
    .kind = COMPARE_FLOOR,
    .style = {PLOT_RED, 3, 4, 2},
    .swept = true};
static const compare_row estimate = {
    .name = "h-lr",
    .summary = "low rank plus symmetry: leading eigenpairs of H by a Lanczos iteration and the "
               "structured matrix of least squares for the rest, from products with H",
    .kind = COMPARE_PRODUCTS,
    .style = {PLOT_RED, 1, 7, 3},
    .swept = true};
static const compare_row all_pairs = {
    .name = "h-lr-all",
    .summary =
        "the same from the same products with all pairs that the iteration found, in place of "
        "as many as --rank says",
    .kind = COMPARE_PRODUCTS,
    .style = {PLOT_RED, 2, 6, 2},
    .swept = true};
static const compare_row probes_alone = {
    .name = "h-probes",
    .summary = "the absolute value of the structured matrix of least squares of the products of H "
               "with random vectors, as many as h-lr takes in all",
    .kind = COMPARE_PRODUCTS,
    .style = {PLOT_ORANGE, 1, 5, 2},
    .swept = true};

static symo_lowrank_spec spec_of(const compare_spec *s) {
  return (symo_lowrank_spec){.products = s->products,
                             .rank = s->rank,
                             .probes = s->probes,
                             .absolute = true,
                             .strength = s->prior_strength};
}

symo_status compare_plan_products(compare_bench *b) {
  const symo_lowrank_spec spec = spec_of(&b->run->spec);
  return symo_lowrank_plan(b->run->setup.exact_plan, &spec, &b->run->lowrank);
}

symo_status compare_lead(compare_bench *b, const double *v, const double *w) {
  const size_t n = b->run->setup.parameters, k = b->run->lowrank.rank;
  b->lead_values = symo_malloc(k * sizeof *w);
  b->lead_vectors = symo_malloc(k * n * sizeof *w);
  if (b->lead_values == NULL || b->lead_vectors == NULL)
    return symo_fail_memory(b->ref.context, "compare");
  for (size_t i = 0, low = 0, high = n; i < k; i++) {
    size_t at = fabs(w[low]) > fabs(w[high - 1]) ? low++ : --high;
    b->lead_values[i] = w[at];
    memcpy(b->lead_vectors + i * n, v + at * n, n * sizeof *w);
  }
  return SYMO_OK;
}

symo_status compare_lowrank_exact(compare_bench *b) {
  const size_t n = b->run->setup.parameters, k = b->run->lowrank.rank;
  symo_hessian *rest = NULL;
  symo_lowrank *h = NULL, *absolute = NULL;
  compare_approx *a = NULL;
  compare_row *row = compare_row_add(b, &exact);
  double start = cli_seconds(), *scaled = symo_malloc(k * n * sizeof *scaled);
  symo_status status = SYMO_OK;
  if (scaled == NULL) SYMO_TRY(symo_fail_memory(b->ref.context, "compare"));
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < n; j++)
      scaled[i * n + j] = b->lead_values[i] * b->lead_vectors[i * n + j];
  memcpy(b->dense, b->ref.h, n * n * sizeof *b->dense);
  symo_gemm(SYMO_F64, -1, symo_mat_t(symo_mat_dense(b->lead_vectors, k, n)),
            symo_mat_dense(scaled, k, n), 1, symo_mat_dense(b->dense, n, n));
  symo_symmetrize(SYMO_F64, n, b->dense);
  SYMO_TRY(compare_average(b, b->dense, &rest));
  SYMO_TRY(symo_lowrank_create(rest, k, b->lead_values, b->lead_vectors, &h));
  SYMO_TRY(symo_lowrank_abs(h, &absolute));
  row->seconds = cli_seconds() - start;
  status = compare_approx_lowrank(b->ref.context, absolute, &a);
  if (status == SYMO_OK) status = compare_measure(b, a, row);
fail:
  symo_free(scaled);
  symo_hessian_destroy(rest);
  symo_lowrank_destroy(h);
  return status;
}

/* What the rows from products stand on. */
typedef struct products_input {
  const symo_plan *plan;
  const symo_operator *op;
  const symo_hessian *prior; /* NULL: none */
  uint64_t seed;
} products_input;

/* The estimate itself, which is also written where arrays are; rank 0: with all pairs. */
static symo_status lowrank_row(compare_bench *b, const products_input *in, const compare_row *like,
                               size_t rank, symo_lowrank_cost *cost) {
  symo_lowrank_spec spec = spec_of(&b->run->spec);
  compare_row *row = compare_row_add(b, like);
  symo_lowrank *h = NULL;
  symo_rng *rng = NULL;
  compare_approx *a = NULL;
  spec.rank = rank;
  spec.prior = in->prior;
  symo_status status = symo_rng_create(b->ref.context, in->seed, &rng);
  double start = cli_seconds();
  if (status == SYMO_OK) status = symo_lowrank_estimate(in->plan, in->op, &spec, rng, &h, cost);
  row->seconds = cli_seconds() - start;
  symo_rng_destroy(rng);
  if (status == SYMO_OK && b->want->save != NULL) {
    char name[64];
    (void)snprintf(name, sizeof name, "%s.safetensors", like->name);
    char *path = cli_join(b->want->save, name);
    status =
        path == NULL ? symo_fail_memory(b->ref.context, "compare") : symo_lowrank_write(h, path);
    symo_free(path);
    if (status != SYMO_OK) symo_lowrank_destroy(h);
  }
  if (status == SYMO_OK) status = compare_approx_lowrank(b->ref.context, h, &a);
  return status == SYMO_OK ? compare_measure(b, a, row) : status;
}

/* From `count` random vectors alone. */
static symo_status probes_row(compare_bench *b, const products_input *in, symo_rng *rng) {
  const symo_operator *op = in->op;
  const symo_layout *layout = symo_plan_layout(in->plan);
  const symo_dtype t = op->dtype;
  const size_t n = op->size, item = symo_dtype_size(t), count = b->run->lowrank.products;
  const size_t tensors = symo_layout_num_tensors(layout);
  compare_row *row = compare_row_add(b, &probes_alone);
  symo_hessian *signed_one = NULL, *h = NULL;
  compare_approx *a = NULL;
  symo_status status = SYMO_OK;
  double start = cli_seconds();
  char *v = symo_calloc(2 * count, n * item);
  const void **data = symo_calloc(2 * count * tensors + 1, sizeof *data);
  symo_const_vector *x = symo_calloc(2 * count, sizeof *x);
  if (v == NULL || data == NULL || x == NULL) SYMO_TRY(symo_fail_memory(b->ref.context, "compare"));
  for (size_t i = 0; i < count * n; i++) symo_put(t, v, i, symo_rng_normal(rng));
  for (size_t i = 0; i < 2 * count; i++) {
    symo_layout_split_const(layout, t, v + i * n * item, data + i * tensors);
    x[i] = symo_const_vector_of(t, data + i * tensors);
  }
  SYMO_TRY(op->product(op->self, count, v, v + count * n * item));
  if (in->prior == NULL)
    status = symo_estimate_probes(in->plan, SYMO_LEAST_SQUARES, count, x, x + count, &signed_one);
  else
    status = symo_estimate_probes_near(in->prior, b->run->spec.prior_strength, count, x, x + count,
                                       NULL, &signed_one);
  if (status != SYMO_OK) goto fail;
  SYMO_TRY(symo_hessian_abs(signed_one, &h));
  row->seconds = cli_seconds() - start;
  status = compare_approx_structured(b->ref.context, h, &a);
  if (status == SYMO_OK) status = compare_measure(b, a, row);
fail:
  symo_free(v);
  symo_free(data);
  symo_free(x);
  symo_hessian_destroy(signed_one);
  return status;
}

symo_status compare_products_rows(compare_bench *b, const symo_operator *a) {
  compare_run *run = b->run;
  symo_plan *plan = NULL;
  symo_rng *rng = NULL;
  symo_hessian *prior = NULL;
  symo_lowrank_cost all;
  symo_plan_spec spec = symo_plan_spec_default();
  products_input in = {.op = a, .seed = run->setup.spec.seed + 0x6c616e63};
  const curvature_prior_input known = {b->ref.context, b->ref.problem, b->ref.theta, run->grad,
                                       in.seed};
  spec.dtype = a->dtype;
  spec.coupling = SYMO_COUPLED;
  symo_status status;
  SYMO_TRY(symo_plan_create(run->setup.layout, &spec, &plan));
  SYMO_TRY(curvature_prior_make(&known, run->spec.prior, plan, &prior));
  in.plan = plan;
  in.prior = prior;
  SYMO_TRY(lowrank_row(b, &in, &estimate, run->spec.rank, &run->lowrank));
  if (run->lowrank.rank < run->lowrank.iteration)
    SYMO_TRY(lowrank_row(b, &in, &all_pairs, 0, &all));
  SYMO_TRY(symo_rng_create(b->ref.context, in.seed + 1, &rng));
  status = probes_row(b, &in, rng);
fail:
  symo_hessian_destroy(prior);
  symo_plan_destroy(plan);
  symo_rng_destroy(rng);
  return status;
}
