/* Structured estimates against their limit: the syrk and eigendecomposition calls that they cannot
 * do without, on the same shapes, alternating with them; and their peak memory against what must be
 * held (the caller's gradient and parameters, and the M of the estimate). */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/estimator.h"

/* ---- layouts ---- */

static symo_status mlp_layout(symo_context *context, symo_layout **out) {
  return symo_layout_parse(
      context,
      "in: identity 512; h1: signed-permutation 1024; h2: signed-permutation 1024; "
      "h3: signed-permutation 384; out: identity 10; "
      "w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[h3,h2] b3[h3] w4[out,h3] b4[out]",
      out);
}

typedef struct builder {
  symo_layout *layout;
  symo_status status;
  int layer;
} builder;

static void space(builder *b, const char *name, size_t dim, const char *group) {
  char full[32];
  (void)snprintf(full, sizeof full, b->layer < 0 ? "%s" : "%s_%d", name, b->layer);
  if (b->status == SYMO_OK)
    b->status = symo_layout_add_space(b->layout, full, dim, symo_group_find(group));
}

/* Axes ending in '_' belong to the layer. */
static void tensor(builder *b, const char *name, const char *row, const char *column) {
  char full[3][32];
  const char *axes[2] = {full[1], full[2]}, *given[3] = {name, row, column};
  for (int i = 0; i < 3 && given[i] != NULL; i++) {
    size_t length = strlen(given[i]);
    bool own = b->layer >= 0 && (i == 0 || given[i][length - 1] == '_');
    if (own)
      (void)snprintf(full[i], sizeof full[i], "%s%s%d", given[i], i == 0 ? "_" : "", b->layer);
    else
      (void)snprintf(full[i], sizeof full[i], "%s", given[i]);
  }
  if (b->status == SYMO_OK)
    b->status = symo_layout_add_tensor(b->layout, full[0], column == NULL ? 1 : 2, axes);
}

/* GPT-2 of 124,439,808 parameters.  The rows of a matrix that only meet other weights of the same
 * layer are a space of their own; vectors along the residual stream are the diagonal of an adaptive
 * method. */
static symo_status gpt2_layout(symo_context *context, symo_layout **out) {
  builder b = {.status = SYMO_OK, .layer = -1};
  symo_status status = symo_layout_create(context, &b.layout);
  if (status != SYMO_OK) return status;
  space(&b, "vocab", 50257, "orthogonal");
  space(&b, "pos", 1024, "orthogonal");
  space(&b, "model", 768, "identity");
  space(&b, "gain", 768, "sign-flip");
  for (b.layer = 0; b.layer < 12; b.layer++) {
    space(&b, "qkv", 2304, "orthogonal");
    space(&b, "v", 768, "orthogonal");
    space(&b, "ff", 3072, "orthogonal");
  }
  b.layer = -1;
  tensor(&b, "wte", "vocab", "model");
  tensor(&b, "wpe", "pos", "model");
  for (b.layer = 0; b.layer < 12; b.layer++) {
    static const char *const gains[] = {"ln1_w", "ln1_b", "b_o", "ln2_w", "ln2_b", "b_proj"};
    for (size_t k = 0; k < 6; k++) tensor(&b, gains[k], "gain", NULL);
    tensor(&b, "w_qkv", "qkv_", "model");
    tensor(&b, "b_qkv", "qkv_", NULL);
    tensor(&b, "w_o", "model", "v_");
    tensor(&b, "w_fc", "ff_", "model");
    tensor(&b, "b_fc", "ff_", NULL);
    tensor(&b, "w_proj", "model", "ff_");
  }
  b.layer = -1;
  tensor(&b, "lnf_w", "gain", NULL);
  tensor(&b, "lnf_b", "gain", NULL);
  if (b.status != SYMO_OK) {
    symo_layout_destroy(b.layout);
    return b.status;
  }
  *out = b.layout;
  return SYMO_OK;
}

/* ---- the limit ---- */

typedef struct limit {
  const symo_plan *plan;
  symo_dtype dtype;
  const void *flat[2]; /* gradient, parameters: read as if they were the coordinates */
  int vectors;         /* 1: the gradient's Gram matrices; 2: the parameters' too */
  void *m, *work;
  double *w;
} limit;

static int limit_create(cli *c, limit *l) {
  size_t most = 1;
  for (size_t k = 0; k < symo_plan_num_labels(l->plan); k++) {
    size_t m = symo_plan_label(l->plan, k).multiplicity;
    if (m > most) most = m;
  }
  l->m = symo_malloc(most * most * symo_dtype_size(l->dtype));
  l->w = symo_malloc(most * sizeof *l->w);
  l->work = symo_malloc(symo_eigh_work(l->dtype, most));
  if (!l->m || !l->w || !l->work) return cli_fail_memory(c);
  return CLI_DONE;
}

static void limit_destroy(limit *l) {
  symo_free(l->m);
  symo_free(l->w);
  symo_free(l->work);
}

/* One Gram matrix and one eigendecomposition for each label and copy.  A 1 x 1 M: a dot product. */
static symo_status limit_run(const limit *l) {
  for (int v = 0; v < l->vectors; v++) {
    size_t at = 0;
    for (size_t k = 0; k < symo_plan_num_labels(l->plan); k++) {
      symo_label_info label = symo_plan_label(l->plan, k);
      size_t n = label.dim, m = label.multiplicity;
      for (size_t copy = 0; copy < label.count; copy++, at += n * m) {
        void *x = symo_at(l->dtype, l->flat[v], (ptrdiff_t)at);
        if (m == 1) {
          symo_put(l->dtype, l->m, 0, symo_dot(l->dtype, n, x, x));
          continue;
        }
        symo_syrk(l->dtype, 1.0 / (double)n, symo_mat_dense(x, n, m), 0,
                  symo_mat_dense(l->m, m, m));
        symo_status status = symo_eigh(l->dtype, m, l->m, l->w, l->work);
        if (status != SYMO_OK) return status;
      }
    }
  }
  return SYMO_OK;
}

/* ---- one case ---- */

typedef struct model {
  const char *name;
  symo_status (*layout)(symo_context *context, symo_layout **out);
  symo_dtype dtype;
  size_t repeats;
  bool parameters; /* also estimators that need the parameters */
} model;

typedef struct vectors {
  symo_layout *layout;
  void *flat[2];
  const void **data[2];
  size_t parameters;
} vectors;

static void vectors_destroy(vectors *v) {
  for (int i = 0; i < 2; i++) {
    symo_free(v->flat[i]);
    symo_free(v->data[i]);
  }
  symo_layout_destroy(v->layout);
}

static int vectors_create(cli *c, const model *m, vectors *v) {
  symo_status status = m->layout(cli_context(c), &v->layout);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  v->parameters = symo_layout_num_parameters(v->layout);
  for (int i = 0; i < 2; i++) {
    v->flat[i] = symo_malloc(v->parameters * symo_dtype_size(m->dtype));
    v->data[i] = symo_calloc(symo_layout_num_tensors(v->layout), sizeof *v->data[i]);
    if (v->flat[i] == NULL || v->data[i] == NULL)
      return cli_fail(c, CLI_NUMERIC, "bench: out of memory for %zu parameters (give --only mlp)",
                      v->parameters);
    int code = bench_random(c, m->dtype, v->parameters, (uint64_t)i + 1, v->flat[i]);
    if (code != CLI_DONE) return code;
    symo_layout_split_const(v->layout, m->dtype, v->flat[i], v->data[i]);
  }
  return CLI_DONE;
}

/* Times in seconds, alternating; peak: bytes above what was held before. */
typedef struct timing {
  double estimate, floor, peak;
} timing;

static symo_status measure(bench_report *report, const symo_estimate_spec *spec, const limit *l,
                           const vectors *v, size_t repeats, const char *name, timing *out) {
  double estimate[64], bare[64];
  if (repeats > 64) repeats = 64;
  symo_const_vector grad = symo_const_vector_of(l->dtype, v->data[0]),
                    param = symo_const_vector_of(l->dtype, v->data[1]);
  out->peak = 0;
  for (size_t r = 0; r < repeats; r++) {
    cli_progress(report->c, "%s: %zu of %zu", name, r + 1, repeats);
    symo_hessian *hessian = NULL;
    size_t before = symo_alloc_live_bytes();
    symo_alloc_reset_peak();
    double start = cli_seconds();
    symo_status status = symo_estimate(l->plan, spec, 1, &grad, &param, &hessian);
    estimate[r] = cli_seconds() - start;
    out->peak = fmax(out->peak, (double)(symo_alloc_peak_bytes() - before));
    symo_hessian_destroy(hessian);
    if (status != SYMO_OK) return status;
    start = cli_seconds();
    status = limit_run(l);
    bare[r] = cli_seconds() - start;
    if (status != SYMO_OK) return status;
  }
  out->estimate = symo_median(repeats, estimate);
  out->floor = symo_median(repeats, bare);
  return SYMO_OK;
}

static void add_rows(bench_report *report, const char *name, const symo_plan *plan,
                     const vectors *v, symo_dtype dtype, const timing *t) {
  double size = (double)symo_dtype_size(dtype), caller = 2 * (double)v->parameters * size;
  double held = symo_plan_cost_of(plan).held_numbers * size, mib = 1024.0 * 1024.0;
  bench_add(report,
            (bench_row){.figure = t->estimate,
                        .unit = "s",
                        .floor = t->floor,
                        .ratio = t->floor / t->estimate,
                        .target = BENCH_TARGET_ESTIMATE_TIME},
            "%s time", name);
  bench_add(report,
            (bench_row){.figure = (caller + t->peak) / mib,
                        .unit = "MiB",
                        .floor = (caller + held) / mib,
                        .ratio = (caller + t->peak) / (caller + held),
                        .target = BENCH_TARGET_ESTIMATE_MEMORY},
            "%s peak memory", name);
}

static int run_case(bench_report *report, const model *m, const vectors *v,
                    const symo_estimator *estimator, const char *name) {
  symo_context *context = cli_context(report->c);
  symo_estimate_spec spec = symo_estimate_spec_default();
  spec.estimator = estimator;
  symo_plan *plan = NULL;
  symo_plan_spec want = symo_plan_spec_default();
  want.dtype = m->dtype;
  want.coupling = symo_estimator_coupling(spec.estimator);
  symo_status status = symo_plan_create(v->layout, &want, &plan);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  limit l = {.plan = plan,
             .dtype = m->dtype,
             .flat = {v->flat[0], v->flat[1]},
             .vectors = symo_estimator_needs_parameters(spec.estimator) ? 2 : 1};
  int code = limit_create(report->c, &l);
  timing t = {0};
  if (code == CLI_DONE) {
    size_t repeats = report->repeats > 0 ? report->repeats : m->repeats;
    status = measure(report, &spec, &l, v, repeats, name, &t);
    if (status > SYMO_OK) symo_fail(context, status, "bench: %s: no estimate", name);
    if (status != SYMO_OK) code = cli_fail_status(report->c, status);
  }
  if (code == CLI_DONE) add_rows(report, name, plan, v, m->dtype, &t);
  limit_destroy(&l);
  symo_plan_destroy(plan);
  return code;
}

static bool wanted(const bench_report *report, const char *name) {
  return report->only == NULL || strstr(name, report->only) != NULL;
}

static int run_model(bench_report *report, const model *m) {
  char names[16][96];
  const symo_estimator *estimators[16];
  size_t n = 0, chosen = 0;
  for (size_t i = 0; i < symo_estimator_count() && n < 16; i++) {
    const symo_estimator *e = symo_estimator_at(i);
    if (e->target != ESTIMATE_ABS || (e->params && !m->parameters)) continue;
    (void)snprintf(names[n], sizeof names[n], "estimate %s %s %s", m->name,
                   symo_dtype_name(m->dtype), e->name);
    if (wanted(report, names[n])) chosen++;
    estimators[n++] = e;
  }
  if (chosen == 0) return CLI_DONE;
  vectors v = {0};
  cli_progress(report->c, "%s: drawing numbers", m->name);
  int code = vectors_create(report->c, m, &v);
  for (size_t i = 0; i < n && code == CLI_DONE; i++)
    if (wanted(report, names[i])) code = run_case(report, m, &v, estimators[i], names[i]);
  vectors_destroy(&v);
  return code;
}

static int run(bench_report *report) {
  static const model models[] = {{"mlp-2M", mlp_layout, SYMO_F32, 15, true},
                                 {"mlp-2M", mlp_layout, SYMO_F64, 15, true},
                                 {"gpt2-124M", gpt2_layout, SYMO_F32, 3, false}};
  for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
    int code = run_model(report, &models[i]);
    if (code != CLI_DONE) return code;
  }
  return CLI_DONE;
}

const bench_subject bench_subject_estimate = {
    .name = "estimate", .summary = "structured estimates against bare linear algebra", .run = run};
