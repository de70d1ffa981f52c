/* A training step of GPTs by its parts, against the rate of sgemm in the same run.
 *
 * The limit is the number of flops that any implementation needs.  With P numbers in matrices (the
 * head counts, tied or not; embeddings do not), t tokens, c features and block T it is
 *     6 P t + 12 layers c T t / 2
 * flops: two for a weight and a token forward, four backward; the two products of attention forward
 * and the four backward, of which the causal mask leaves half.  A third of it is forward.  The rate
 * is that of a square sgemm of side 512, which takes about as long as the model's own do, so that
 * what else runs on the machine disturbs both alike; the best of the model's own shapes stands
 * beside it.
 *
 * A step is a gradient and the step of an optimizer by the rules of symo train gpt.  Optimizers are
 * measured over as many steps as lie between two roots of one matrix, and the mean of these is
 * taken.  Forward is a pass by itself, backward what is left of the gradient.  A token is what a
 * reader takes for one more position.
 *
 * Every figure is the least of its repetitions, so that other work on the machine, which only adds
 * time, lengthens long and short ones alike as little as can be.  On one thread the seconds are
 * those of the processor, which do not run while others have it. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/bench/gpt.h"
#include "experiments/train/train.h"
#include "net/gpt.h"

#include <symo/io.h>

enum {
  GEMM_SIDE = 512,
  CALLS = 4,
  CADENCE = 5,
  MOST = 64,
  OPTIMIZERS = 3,
  VOCABULARY = 65,
  NEAR = 10,
  GPT_MOST_BLOCK = 256
};

typedef struct gpt_case {
  size_t layers, width, heads, block, batch, groups; /* groups: of CADENCE steps */
  bench_target target;
} gpt_case;

static const gpt_case cases[] = {{4, 128, 4, 64, 12, 6, BENCH_TARGET_GPT_128},
                                 {1, 768, 12, 256, 4, 1, BENCH_TARGET_GPT_768}};
enum { CASES = sizeof cases / sizeof cases[0] };

static const struct {
  const char *name;
  bench_target share; /* of a step */
} optimizers[OPTIMIZERS] = {
    {"adamw", BENCH_TARGET_GPT_ADAMW}, {"muon", BENCH_NO_TARGET}, {"symo", BENCH_TARGET_GPT_SYMO}};

/* ---- a case ---- */

typedef struct gpt_bench {
  const gpt_case *of;
  int threads;
  symo_pool *pool;
  symo_net *net;
  symo_gpt_reader *reader; /* at theta */
  symo_layout *layout;
  symo_problem problem;
  symo_optim *optim[OPTIMIZERS];
  symo_optim_state *state[OPTIMIZERS];
  float *numbers, *theta, *moved, *grad; /* in one block */
  void **params;
  const void **grads;
  bench_gemm gemm, own; /* own: room for the model's shapes */
} gpt_bench;

static void drop(gpt_bench *b) {
  for (size_t i = 0; i < OPTIMIZERS; i++) {
    symo_optim_state_destroy(b->state[i]);
    symo_optim_destroy(b->optim[i]);
  }
  symo_gpt_reader_destroy(b->reader);
  symo_net_destroy(b->net);
  symo_pool_destroy(b->pool);
  symo_layout_destroy(b->layout);
  symo_free(b->numbers);
  symo_free(b->params);
  symo_free((void *)(uintptr_t)b->grads);
  bench_gemm_destroy(&b->gemm);
  bench_gemm_destroy(&b->own);
}

symo_status bench_gpt_net(symo_context *context, const symo_gpt_spec *gpt, size_t batch,
                          symo_net **out) {
  symo_net_spec spec;
  symo_status status = SYMO_OK;
  const size_t numbers = batch * gpt->block;
  uint32_t *x = symo_calloc(2 * numbers, sizeof *x);
  if (x == NULL) return symo_fail_memory(context, "bench");
  for (size_t i = 0; i < 2 * numbers; i++)
    x[i] = (uint32_t)(symo_data_seed(1, SYMO_STREAM_DATA, i) % gpt->vocabulary);
  SYMO_TRY(symo_gpt_to_net(context, gpt, &spec));
  SYMO_TRY(symo_net_create(context, &spec, out));
  SYMO_TRY(symo_net_set_tokens(*out, batch, x, x + numbers));
fail:
  symo_free(x);
  return status;
}

static symo_status make_net(symo_context *context, gpt_bench *b) {
  symo_gpt_spec gpt = symo_gpt_spec_default();
  symo_status status = SYMO_OK;
  gpt.vocabulary = VOCABULARY, gpt.block = b->of->block, gpt.width = b->of->width;
  gpt.heads = b->of->heads, gpt.layers = b->of->layers;
  SYMO_TRY(bench_gpt_net(context, &gpt, b->of->batch, &b->net));
  SYMO_TRY(symo_net_layout(context, symo_net_get_spec(b->net), NULL, &b->layout));
  SYMO_TRY(symo_layout_set_dtype(b->layout, SYMO_F32));
  SYMO_TRY(symo_pool_create(context, b->threads, &b->pool));
  symo_net_set_pool(b->net, b->pool);
  b->problem = symo_net_problem(b->net);
fail:
  return status;
}

symo_status bench_gpt_optimizer(symo_context *context, symo_layout *layout, const char *preset,
                                int threads, symo_optim **out) {
  train_spec spec = train_spec_default(train_task_find("gpt"));
  symo_optim_spec *made = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(train_spec_set(context, &spec, "optimizer", preset));
  SYMO_TRY(train_optimizer_spec(context, &spec, NULL, &made));
  made->threads = threads;
  SYMO_TRY(symo_optim_create(layout, made, out));
fail:
  symo_optim_spec_destroy(made);
  return status;
}

static symo_status make_optimizer(symo_context *context, gpt_bench *b, size_t index) {
  const symo_status status =
      bench_gpt_optimizer(context, b->layout, optimizers[index].name, b->threads, &b->optim[index]);
  return status == SYMO_OK ? symo_optim_state_create(b->optim[index], &b->state[index]) : status;
}

static symo_status take(symo_context *context, gpt_bench *b) {
  const size_t n = b->problem.size, tensors = symo_layout_num_tensors(b->layout);
  symo_rng *rng = NULL;
  b->numbers = symo_calloc(3 * n, sizeof *b->numbers);
  b->params = symo_calloc(tensors, sizeof *b->params);
  b->grads = symo_calloc(tensors, sizeof *b->grads);
  if (b->numbers == NULL || b->params == NULL || b->grads == NULL)
    return symo_fail_memory(context, "bench");
  b->theta = b->numbers, b->moved = b->theta + n, b->grad = b->moved + n;
  symo_status status = symo_rng_create(context, 1, &rng);
  if (status != SYMO_OK) return status;
  symo_gpt_init(b->net, rng, b->theta);
  symo_rng_destroy(rng);
  memcpy(b->moved, b->theta, n * sizeof *b->theta);
  symo_layout_split(b->layout, SYMO_F32, b->moved, b->params);
  symo_layout_split_const(b->layout, SYMO_F32, b->grad, b->grads);
  return symo_gpt_reader_create(b->net, b->theta, &b->reader);
}

static int create(cli *c, const gpt_case *of, int threads, gpt_bench *b) {
  *b = (gpt_bench){.of = of, .threads = threads};
  symo_status status = make_net(cli_context(c), b);
  if (status == SYMO_OK) status = take(cli_context(c), b);
  for (size_t i = 0; i < OPTIMIZERS && status == SYMO_OK; i++)
    status = make_optimizer(cli_context(c), b, i);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = bench_gemm_create(c, SYMO_F32, GEMM_SIDE, &b->gemm);
  const size_t side = 2 * of->width > GEMM_SIDE ? 2 * of->width : GEMM_SIDE;
  return code == CLI_DONE ? bench_gemm_create(c, SYMO_F32, side, &b->own) : code;
}

/* ---- measuring ---- */

/* Seconds: forward, the whole gradient, a token at position NEAR and at the last, a step of each
 * optimizer; a flop of sgemm. */
typedef struct figures {
  double forward, gradient, near, far, step[OPTIMIZERS], square, own;
} figures;

static double seconds(const gpt_bench *b) {
  return b->threads == 1 ? cli_processor() : cli_seconds();
}

/* Seconds a flop of [t, k] times [k, n]; b is read as [n, k]. */
static double flop(const gpt_bench *b, const bench_gemm *g, size_t t, size_t k, size_t n) {
  double best = INFINITY;
  for (int call = 0; call < CALLS; call++) {
    const double start = seconds(b);
    symo_gemm(SYMO_F32, 1, symo_mat_dense(g->a, t, k), symo_mat_t(symo_mat_dense(g->b, n, k)), 0,
              symo_mat_dense(g->c, t, n));
    best = fmin(best, seconds(b) - start);
  }
  return best / (2 * (double)t * (double)k * (double)n);
}

/* The best of the shapes that the blocks have. */
static double own_flop(const gpt_bench *b) {
  const size_t c = b->of->width, tokens = b->of->batch * b->of->block;
  const size_t room = b->own.n * b->own.n / (4 * c), t = tokens < room ? tokens : room;
  const size_t ways[][2] = {{c, 3 * c}, {c, c}, {c, 4 * c}, {4 * c, c}};
  double best = INFINITY;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    best = fmin(best, flop(b, &b->own, t, ways[i][0], ways[i][1]));
  return best;
}

/* A reader that is asked again for the same text computes its last position. */
static symo_status time_token(gpt_bench *b, size_t length, double *took) {
  uint32_t tokens[GPT_MOST_BLOCK] = {0};
  double logits[VOCABULARY];
  symo_status status = symo_gpt_next(b->reader, length, tokens, logits);
  *took = INFINITY;
  for (int call = 0; call < CALLS && status == SYMO_OK; call++) {
    const double start = seconds(b);
    status = symo_gpt_next(b->reader, length, tokens, logits);
    *took = fmin(*took, seconds(b) - start);
  }
  return status;
}

static symo_status one_turn(gpt_bench *b, figures *f) {
  const symo_const_vector grad = symo_const_vector_of(b->problem.dtype, b->grads);
  const symo_vector params = symo_vector_of(b->problem.dtype, b->params);
  double loss, start;
  (void)symo_set_threads(b->threads);
  f->square = flop(b, &b->gemm, GEMM_SIDE, GEMM_SIDE, GEMM_SIDE);
  f->own = own_flop(b);
  symo_status status = time_token(b, NEAR, &f->near);
  if (status == SYMO_OK) status = time_token(b, b->of->block, &f->far);
  (void)symo_set_threads(1);
  start = seconds(b);
  if (status == SYMO_OK) status = b->problem.loss(b->problem.self, b->theta, &loss);
  f->forward = seconds(b) - start;
  start = seconds(b);
  if (status == SYMO_OK) status = b->problem.gradient(b->problem.self, b->theta, &loss, b->grad);
  f->gradient = seconds(b) - start;
  for (size_t i = 0; i < OPTIMIZERS && status == SYMO_OK; i++) {
    start = seconds(b);
    status = symo_optim_step(b->state[i], grad, params, NULL);
    f->step[i] = seconds(b) - start;
  }
  return status;
}

/* The least of turns at one place of the cadence after the other, and the mean of these; of what
 * does not depend on the place, the least of all. */
static double least(const figures *turns, size_t count, size_t offset, bool cadence) {
  const size_t places = cadence ? CADENCE : 1;
  double sum = 0;
  for (size_t place = 0; place < places; place++) {
    double best = INFINITY;
    for (size_t i = place; i < count; i += places) {
      double x;
      memcpy(&x, (const char *)&turns[i] + offset, sizeof x);
      best = fmin(best, x);
    }
    sum += best / (double)places;
  }
  return sum;
}

static int measure(bench_report *report, gpt_bench *b, const char *name, figures *out) {
  figures turns[MOST + 1];
  size_t groups = report->repeats > 0 ? (report->repeats + CADENCE - 1) / CADENCE : b->of->groups;
  if (groups > MOST / CADENCE) groups = MOST / CADENCE;
  const size_t count = groups * CADENCE;
  for (size_t i = 0; i < count + 1; i++) { /* the first is slow */
    cli_progress(report->c, "%s: %zu of %zu", name, i, count);
    symo_status status = one_turn(b, &turns[i > 0 ? i - 1 : 0]);
    if (status != SYMO_OK) return cli_fail_status(report->c, status);
  }
  static const size_t offsets[] = {offsetof(figures, forward), offsetof(figures, gradient),
                                   offsetof(figures, near),    offsetof(figures, far),
                                   offsetof(figures, square),  offsetof(figures, own)};
  for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
    const double x = least(turns, count, offsets[i], false);
    memcpy((char *)out + offsets[i], &x, sizeof x);
  }
  for (size_t i = 0; i < OPTIMIZERS; i++)
    out->step[i] = least(turns, count, offsetof(figures, step) + i * sizeof(double), true);
  return CLI_DONE;
}

/* ---- rows ---- */

static double flops(const gpt_bench *b) {
  const gpt_case *of = b->of;
  const double tokens = (double)(of->batch * of->block);
  const double c = (double)of->width, layers = (double)of->layers, block = (double)of->block;
  const double matrices = layers * 12 * c * c + VOCABULARY * c;
  return 6 * matrices * tokens + 12 * layers * c * block * tokens / 2;
}

static void add_ms(bench_report *report, const char *name, const char *what, double seconds,
                   double floor, bench_target target) {
  bench_add(report,
            (bench_row){.figure = 1e3 * seconds,
                        .unit = "ms",
                        .floor = 1e3 * floor,
                        .ratio = floor / seconds,
                        .target = target},
            "%s: %s", name, what);
}

/* single: tokens per second on one thread, NaN there. */
static void add_rows(bench_report *report, const gpt_bench *b, const char *name, const figures *f,
                     double single) {
  const double work = flops(b), tokens = (double)(b->of->batch * b->of->block);
  const double floor = work * f->square, step = f->gradient + f->step[0];
  bench_add(report,
            (bench_row){.figure = 1e-9 / f->square, .unit = "Gflop/s", .floor = NAN, .ratio = NAN},
            "%s: sgemm, %d square", name, (int)GEMM_SIDE);
  bench_add(report,
            (bench_row){.figure = 1e-9 / f->own,
                        .unit = "Gflop/s",
                        .floor = 1e-9 / f->square,
                        .ratio = f->square / f->own},
            "%s: sgemm, best own shape", name);
  add_ms(report, name, "forward", f->forward, floor / 3, BENCH_NO_TARGET);
  add_ms(report, name, "backward", f->gradient - f->forward, 2 * floor / 3, BENCH_NO_TARGET);
  add_ms(report, name, "gradient", f->gradient, floor, BENCH_NO_TARGET);
  add_ms(report, name, "step with adamw", step, floor, b->of->target);
  for (size_t i = 0; i < OPTIMIZERS; i++)
    bench_add(report,
              (bench_row){.figure = 1e3 * f->step[i],
                          .unit = "ms",
                          .floor = 1e3 * (f->gradient + f->step[i]),
                          .ratio = f->step[i] / (f->gradient + f->step[i]),
                          .target = optimizers[i].share},
              "%s: %s, of its step", name, optimizers[i].name);
  bench_add(report,
            (bench_row){.figure = tokens / step,
                        .unit = "token/s",
                        .floor = tokens / floor,
                        .ratio = floor / step},
            "%s: tokens", name);
  bench_add(report, (bench_row){.figure = 1e3 * f->near, .unit = "ms", .floor = NAN, .ratio = NAN},
            "%s: sampling, token at position %d", name, (int)NEAR);
  bench_add(
      report,
      (bench_row){
          .figure = 1e3 * f->far, .unit = "ms", .floor = 1e3 * f->near, .ratio = f->near / f->far},
      "%s: sampling, token at position %zu", name, b->of->block);
  if (isfinite(single))
    bench_add(report,
              (bench_row){.figure = tokens / step,
                          .unit = "token/s",
                          .floor = single * (double)b->threads,
                          .ratio = tokens / step / single / (double)b->threads,
                          .target = BENCH_TARGET_GPT_THREADS},
              "%s: over one thread times %d", name, b->threads);
}

static int run_case(bench_report *report, const gpt_case *of, int threads, double *single) {
  gpt_bench b;
  figures f = {0};
  char name[64];
  (void)snprintf(name, sizeof name, "gpt %zu x %zu, %d thread%s", of->layers, of->width, threads,
                 threads == 1 ? "" : "s");
  if (report->only != NULL && strstr(name, report->only) == NULL) return CLI_DONE;
  int code = create(report->c, of, threads, &b);
  if (code == CLI_DONE) code = measure(report, &b, name, &f);
  if (code == CLI_DONE && threads == 1)
    code = bench_gpt_parts(report, name, b.net, b.theta, b.grad, of->batch, f.square);
  if (code == CLI_DONE) {
    const double step = f.gradient + f.step[0], tokens = (double)(of->batch * of->block);
    add_rows(report, &b, name, &f, threads > 1 ? *single : (double)NAN);
    if (threads == 1) *single = tokens / step;
    if (of == cases) {
      bench_figure(report, "tokens_per_s", tokens / step);
      bench_figure(report, "fraction_of_sgemm", flops(&b) * f.square / step);
      bench_figure(report, "optimizer_share", f.step[0] / step);
      bench_figure(report, "optimizer_share_symo", f.step[2] / (f.gradient + f.step[2]));
    }
  }
  drop(&b);
  return code;
}

static int run(bench_report *report) {
  int given = symo_get_threads(), code = CLI_DONE;
  if (report->preset != NULL) return bench_gpt_preset(report);
  for (size_t i = 0; i < CASES && code == CLI_DONE; i++) {
    double single = NAN;
    code = run_case(report, &cases[i], 1, &single);
    if (given > 1 && code == CLI_DONE) code = run_case(report, &cases[i], given, &single);
  }
  (void)symo_set_threads(given);
  return code;
}

const bench_subject bench_subject_gpt = {
    .name = "gpt", .summary = "training steps of GPTs against the rate of sgemm", .run = run};
