/* Steps of optimizers on the matrices of networks, against the rates of the machine in the same
 * run, and their memory against Adam's.
 *
 * The limit of a step is the larger of its flops, as the plan counts them, at the rate of sgemm,
 * and of the bytes that it cannot avoid (gradient read, parameters and state read and written) at
 * the rate of memory.  Both are taken between the steps.  Roots fall on every other step here,
 * whatever the method says, so that they are told from the rest by the difference; what is shown is
 *     rest + roots / refresh_every ,
 * the mean step at the cadence of the method.  The first step (eigenvectors of SOAP) stands apart.
 * Methods that work entry by entry have a second row: bytes per second, beside those of y = a x + y
 * on arrays that no cache holds; the ratio is the median over pairs of neighbouring measurements.
 *
 * Gradients are Gaussian with rows scaled from 1 down to 1e-3: solvers that look at the condition
 * see something like a gradient.  Two of them take turns. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <symo/optim.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "core/text.h"
#include "optim/cost.h"
#include "optim/method.h"
#include "optim/optim.h"

enum { MOST = 32, GEMM_SIDE = 1024, STREAM = 1 << 24 };
static const double BUDGET = 1; /* seconds of steps, of one case */

/* ---- networks ---- */

typedef struct model {
  const char *name;
  size_t layers, width, heads, vocabulary; /* of a GPT; layers 0: the autoencoder */
  bool timed;
  bench_target target; /* of presets for matrices */
} model;

static const model models[] = {
    {"gpt 4 x 128", 4, 128, 4, 512, true, BENCH_TARGET_MATRICES_128},
    {"gpt 1 x 768", 1, 768, 12, 0, true, BENCH_TARGET_MATRICES_768}, /* one of twelve alike */
    {"gpt 12 x 768", 12, 768, 12, 0, false, BENCH_NO_TARGET},
    {"autoencoder", .timed = true},
};
enum { MODELS = sizeof models / sizeof models[0], WIDE = 1 };

/* Heads may be turned and permuted, queries with keys and values with outputs; hidden units of the
 * MLP may be permuted; the residual stream stays. */
static symo_status gpt_layout(symo_context *context, const model *g, symo_layout **out) {
  symo_text text = {0};
  char *notation = NULL;
  size_t w = g->width, head = w / g->heads;
  symo_text_add(&text, "r: identity %zu; ", w);
  if (g->vocabulary > 0)
    symo_text_add(&text, "t: identity %zu; p: identity 256; emb-t[t,r] emb-p[p,r]; ",
                  g->vocabulary);
  for (size_t i = 0; i < g->layers; i++)
    symo_text_add(&text,
                  "a%zu: wreath(%zu, orthogonal %zu); b%zu: wreath(%zu, orthogonal %zu); "
                  "h%zu: permutation %zu; q%zu[a%zu,r] k%zu[a%zu,r] v%zu[b%zu,r] o%zu[r,b%zu] "
                  "up%zu[h%zu,r] down%zu[r,h%zu]; ",
                  i, g->heads, head, i, g->heads, head, i, 4 * w, i, i, i, i, i, i, i, i, i, i, i,
                  i);
  symo_status status = symo_text_finish(&text, context, &notation);
  if (status == SYMO_OK) status = symo_layout_parse(context, notation, out);
  symo_free(notation);
  return status;
}

static symo_status model_layout(symo_context *context, const model *m, symo_layout **out) {
  if (m->layers > 0) return gpt_layout(context, m, out);
  return symo_layout_parse(
      context,
      "in: identity 784; h1: signed-permutation 1000; h2: signed-permutation 500; "
      "h3: signed-permutation 250; c: signed-permutation 30; h5: signed-permutation 250; "
      "h6: signed-permutation 500; h7: signed-permutation 1000; w1[h1,in] b1[h1] w2[h2,h1] b2[h2] "
      "w3[h3,h2] b3[h3] w4[c,h3] b4[c] w5[h5,c] b5[h5] w6[h6,h5] b6[h6] w7[h7,h6] b7[h7] "
      "w8[in,h7] b8[in]",
      out);
}

/* Matrices and vectors as the preset has it, embeddings by adamw. */
static symo_status make_plan(symo_context *context, const model *m, const char *preset,
                             uint64_t every, int threads, symo_optim **out) {
  symo_layout *layout = NULL;
  symo_optim_spec spec = symo_optim_spec_default();
  symo_rule rules[5] = {{.pattern = "emb-*", .max_order = SYMO_MAX_ORDER}};
  symo_method method;
  size_t num = 0;
  symo_status status = symo_method_preset(context, "adamw", &rules[0].method);
  if (status == SYMO_OK) status = symo_method_preset(context, preset, &method);
  if (status == SYMO_OK && every > 0) {
    symo_method kept = method;
    kept.refresh_every = every;
    kept.stagger = false;
    if (symo_method_refuse(&kept) == NULL) method = kept; /* else no root outlives its step */
  }
  if (status == SYMO_OK) status = symo_optim_preset_rules(context, &method, &num, rules + 1);
  if (status == SYMO_OK) status = model_layout(context, m, &layout);
  spec.num_rules = num + 1;
  spec.rules = rules;
  spec.dtype = SYMO_F32;
  spec.threads = threads;
  if (status == SYMO_OK) status = symo_optim_create(layout, &spec, out);
  symo_layout_destroy(layout);
  return status;
}

/* ---- one run ---- */

/* What cases share: numbers to step with, for the largest network; what rates are taken of. */
typedef struct bench_shared {
  size_t most;
  float *flat; /* two gradients, parameters */
  bench_gemm gemm;
  float *stream; /* two halves */
} bench_shared;

typedef struct bench_run {
  symo_optim *optim;
  symo_optim_state *state;
  const void **g; /* [2][num_tensors] */
  void **p;       /* [num_tensors] */
} bench_run;

static void shared_destroy(bench_shared *s) {
  symo_free(s->flat);
  symo_free(s->stream);
  bench_gemm_destroy(&s->gemm);
}

static int shared_create(bench_report *report, bench_shared *s) {
  cli *c = report->c;
  *s = (bench_shared){0};
  for (size_t m = 0; m < MODELS; m++) {
    symo_layout *layout = NULL;
    symo_status status = model_layout(cli_context(c), &models[m], &layout);
    if (status != SYMO_OK) return cli_fail_status(c, status);
    size_t n = symo_layout_num_parameters(layout);
    if (models[m].timed && n > s->most) s->most = n;
    symo_layout_destroy(layout);
  }
  s->flat = symo_malloc(3 * s->most * sizeof *s->flat);
  s->stream = symo_calloc(STREAM, sizeof *s->stream);
  if (!s->flat || !s->stream) return cli_fail_memory(c);
  int code = bench_random(c, SYMO_F32, 3 * s->most, 1, s->flat);
  return code == CLI_DONE ? bench_gemm_create(c, SYMO_F32, GEMM_SIDE, &s->gemm) : code;
}

static void run_destroy(bench_run *r) {
  symo_optim_state_destroy(r->state);
  symo_optim_destroy(r->optim);
  symo_free(r->g);
  symo_free(r->p);
}

static int run_create(bench_report *report, const bench_shared *shared, const model *m,
                      const char *preset, bench_run *r) {
  cli *c = report->c;
  *r = (bench_run){0};
  symo_status status = make_plan(cli_context(c), m, preset, 2, symo_get_threads(), &r->optim);
  if (status == SYMO_OK) status = symo_optim_state_create(r->optim, &r->state);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  size_t tensors = symo_layout_num_tensors(r->optim->layout);
  r->g = symo_calloc(2 * tensors, sizeof *r->g);
  r->p = symo_calloc(tensors, sizeof *r->p);
  if (!r->g || !r->p) return cli_fail_memory(c);
  for (size_t k = 0; k < 2; k++)
    symo_layout_split_const(r->optim->layout, SYMO_F32, shared->flat + k * shared->most,
                            r->g + k * tensors);
  symo_layout_split(r->optim->layout, SYMO_F32, shared->flat + 2 * shared->most, r->p);
  return CLI_DONE;
}

/* Rows of gradients from 1 down to 1e-3, parameters as they are. */
static int scale_rows(bench_report *report, const bench_shared *shared, const model *m) {
  symo_layout *layout = NULL;
  symo_status status = model_layout(cli_context(report->c), m, &layout);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t rows = symo_layout_axis_dim(layout, t, 0);
    size_t columns = symo_layout_tensor_size(layout, t) / rows;
    for (size_t i = 0; i < 2 * rows; i++) {
      float *x = shared->flat + i / rows * shared->most + symo_layout_tensor_offset(layout, t);
      double scale = pow(1e-3, (double)(i % rows) / (double)rows);
      x += i % rows * columns;
      symo_scal(SYMO_F32, columns, scale / symo_nrm2(SYMO_F32, columns, x), x);
    }
  }
  symo_layout_destroy(layout);
  return CLI_DONE;
}

static symo_status take_step(const bench_run *r, size_t number, double *seconds) {
  size_t tensors = symo_layout_num_tensors(r->optim->layout);
  symo_const_vector g = symo_const_vector_of(r->optim->dtype, r->g + number % 2 * tensors);
  double start = cli_seconds();
  symo_status status = symo_optim_step(r->state, g, symo_vector_of(r->optim->dtype, r->p), NULL);
  *seconds = cli_seconds() - start;
  return status;
}

/* Bytes per second of y = a x + y. */
static double stream_rate(const bench_shared *s) {
  size_t half = STREAM / 2;
  double start = cli_seconds();
  symo_axpy(SYMO_F32, half, 1e-30, s->stream, s->stream + half);
  return 3 * (double)half * sizeof(float) / (cli_seconds() - start);
}

/* With several threads: pairs of steps that do not count, for a tenth of a second.  The threads of
 * BLAS look for the next product for some 26 ms behind one, and take the cores that a step is to
 * have; and threads that have slept come to cores of their own while they work, as in a training. */
static symo_status let_threads_settle(const bench_run *r, size_t *number) {
  symo_status status = SYMO_OK;
  double seconds;
  const double begin = cli_seconds();
  while (symo_get_threads() > 1 && status == SYMO_OK && cli_seconds() - begin < 0.1)
    for (int k = 0; k < 2 && status == SYMO_OK; k++) status = take_step(r, ++*number, &seconds);
  return status;
}

/* Seconds of a first step, of one without roots, of the roots; rates; what memory could have moved
 * during a step. */
typedef struct figures {
  double first, rest, roots, gemm, stream, could;
} figures;

static int measure(bench_report *report, const bench_shared *shared, const bench_run *r,
                   const char *name, figures *f) {
  double step[2][MOST], gemm[2 * MOST], stream[2 * MOST], could[2 * MOST], begin;
  size_t repeats = report->repeats > 0 ? report->repeats : 9, done = 0, number = 0;
  if (repeats > MOST) repeats = MOST;
  symo_status status = take_step(r, 0, &f->first);
  for (begin = cli_seconds(); status == SYMO_OK && done < repeats; done++) {
    if (report->repeats == 0 && done > 0 && cli_seconds() - begin > BUDGET) break;
    cli_progress(report->c, "%s: %zu of %zu", name, done + 1, repeats);
    for (size_t k = 0; k < 2; k++) {
      gemm[2 * done + k] = bench_gemm_rate(&shared->gemm);
      stream[2 * done + k] = stream_rate(shared);
    }
    status = let_threads_settle(r, &number);
    for (size_t k = 0; k < 2 && status == SYMO_OK; k++) { /* without roots, with roots */
      status = take_step(r, ++number, &step[k][done]);
      could[2 * done + k] = step[k][done] * stream[2 * done + k];
    }
  }
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  f->rest = symo_median(done, step[0]);
  f->roots = symo_median(done, step[1]) - f->rest;
  f->gemm = symo_median(2 * done, gemm);
  f->stream = symo_median(2 * done, stream);
  f->could = symo_median(2 * done, could);
  return CLI_DONE;
}

/* ---- rows ---- */

typedef struct work {
  double flops, bytes, roots; /* of a mean step; flops of all roots once */
  double state, every;
  bool entries; /* all of it is entry by entry */
} work;

static int count(bench_report *report, const model *m, const char *preset, work *out) {
  symo_optim *optim = NULL;
  symo_status status = make_plan(cli_context(report->c), m, preset, 0, symo_get_threads(), &optim);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  symo_optim_cost cost = symo_optim_cost_of(optim);
  double parameters = (double)symo_layout_num_parameters(optim->layout);
  *out = (work){.flops = cost.flops_per_step,
                .bytes = 3 * sizeof(float) * parameters + 2 * cost.state_bytes,
                .state = cost.state_bytes,
                .every = 1,
                .entries = true};
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    out->entries = out->entries && (b->curvature->elementwise || b->curvature->identity);
    double roots = symo_block_refresh_flops(b);
    out->roots += roots;
    if (roots > 0) out->every = (double)b->method.refresh_every;
  }
  symo_optim_destroy(optim);
  return CLI_DONE;
}

static void add_time(bench_report *report, const char *name, const char *what, double seconds,
                     double floor, bench_target target) {
  bench_row row = {.figure = seconds * 1e3,
                   .unit = "ms",
                   .floor = floor * 1e3,
                   .ratio = floor / seconds,
                   .target = target};
  bench_add(report, row, "%s%s", name, what);
}

static const char *const presets[] = {"sgd",  "adamw",      "shampoo",      "soap",
                                      "muon", "muon-exact", "symo-coupled", "symo"};
enum { PRESETS = sizeof presets / sizeof presets[0] };

static bool wanted(const bench_report *report, const char *name) {
  return report->only == NULL || strstr(name, report->only) != NULL;
}

/* muon: seconds of its step, noted there and compared with where symo's is known; NaN before. */
static int run_case(bench_report *report, const bench_shared *shared, size_t which,
                    const char *preset, double *muon) {
  const model *m = &models[which];
  bool newton_schulz = strcmp(preset, "muon") == 0;
  char name[64];
  (void)snprintf(name, sizeof name, "optim %s %s, %d thread%s", m->name, preset, symo_get_threads(),
                 symo_get_threads() == 1 ? "" : "s");
  if (!wanted(report, name)) return CLI_DONE;
  bench_run r;
  work w;
  figures f = {0};
  int code = count(report, m, preset, &w);
  if (code != CLI_DONE) return code;
  code = run_create(report, shared, m, preset, &r);
  if (code == CLI_DONE) code = measure(report, shared, &r, name, &f);
  run_destroy(&r);
  if (code != CLI_DONE) return code;
  double step = f.rest + (w.roots > 0 ? f.roots / w.every : 0);
  add_time(report, name, "", step, fmax(w.flops / f.gemm, w.bytes / f.stream),
           w.entries ? BENCH_NO_TARGET : m->target);
  if (w.roots > 0) {
    add_time(report, name, ": roots", f.roots, w.roots / f.gemm, BENCH_NO_TARGET);
    add_time(report, name, ": first step", f.first, NAN, BENCH_NO_TARGET);
  }
  if (w.entries) {
    bool target = strcmp(preset, "adamw") == 0 && which == WIDE;
    bench_add(report,
              (bench_row){.figure = w.bytes / step * 1e-9,
                          .unit = "GB/s",
                          .floor = f.stream * 1e-9,
                          .ratio = w.bytes / f.could,
                          .target = target ? BENCH_TARGET_ADAMW_BANDWIDTH : BENCH_NO_TARGET},
              "%s: %.3g MB", name, w.bytes * 1e-6);
  }
  if (newton_schulz) *muon = step;
  if (strcmp(preset, "symo") == 0 && isfinite(*muon)) {
    add_time(report, name, ": muon's over it", step, *muon, BENCH_TARGET_SYMO_OVER_MUON);
  }
  return CLI_DONE;
}

static int run_memory(bench_report *report, const model *m) {
  work adam, w;
  char name[64];
  int code = count(report, m, "adamw", &adam);
  for (size_t i = 0; i < PRESETS && code == CLI_DONE; i++) {
    (void)snprintf(name, sizeof name, "optim %s %s, state", m->name, presets[i]);
    if (!wanted(report, name)) continue;
    code = count(report, m, presets[i], &w);
    if (code != CLI_DONE) break;
    bench_add(report,
              (bench_row){.figure = w.state / 1048576,
                          .unit = "MiB",
                          .floor = adam.state / 1048576,
                          .ratio = round(1e4 * w.state / adam.state) / 1e4},
              "%s", name);
  }
  return code;
}

static int run_times(bench_report *report) {
  bench_shared shared;
  int given = symo_get_threads(), code = shared_create(report, &shared);
  for (int pass = 0; pass < (given == 1 ? 1 : 2); pass++) {
    (void)symo_set_threads(pass == 0 ? 1 : given);
    for (size_t m = 0; m < MODELS && code == CLI_DONE; m++) {
      double muon = NAN;
      if (!models[m].timed) continue;
      code = scale_rows(report, &shared, &models[m]);
      for (size_t i = 0; i < PRESETS && code == CLI_DONE; i++)
        code = run_case(report, &shared, m, presets[i], &muon);
    }
  }
  (void)symo_set_threads(given);
  shared_destroy(&shared);
  return code;
}

static int run(bench_report *report) {
  int code = run_times(report);
  for (size_t m = 0; m < MODELS && code == CLI_DONE; m++) code = run_memory(report, &models[m]);
  return code;
}

const bench_subject bench_subject_optim = {
    .name = "optim", .summary = "steps of optimizers against the rate of sgemm", .run = run};
