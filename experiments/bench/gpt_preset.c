/* A step of a GPT of known size with every optimizer: its memory by the plan, before anything of it
 * is allocated, and its time where the machine has that memory.
 *
 * A step holds parameters and gradient, the state and work space of the optimizer, and what the
 * network needs for a gradient (activations, their cotangents, a gradient more for each further
 * thread).  Symo's memory is to be at most Muon's and a tenth.
 *
 * A gradient is measured once for all optimizers.  The first step of an optimizer is shown by
 * itself, since some find eigenvectors in it; the step is the least of the `repeats` behind it.
 * Rows that
 * --only leaves out are not measured. */
#include "experiments/bench/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/order.h"
#include "net/gpt.h"

#include <symo/optim.h>

static const char *const optimizers[] = {"adamw", "muon", "soap", "symo", "symo-coupled"};
enum { OPTIMIZERS = sizeof optimizers / sizeof *optimizers, MUON = 1, SYMO = 3 };

static const struct {
  const char *name;
  symo_gpt_spec gpt;
} presets[] = {{"gpt2",
                {.vocabulary = 50257,
                 .block = 1024,
                 .width = 768,
                 .heads = 12,
                 .layers = 12,
                 .bias = true,
                 .tied = true,
                 .activation = SYMO_ACT_GELU_TANH,
                 .dtype = SYMO_F32}}};

/* Of the plan, in bytes. */
typedef struct plan_bytes {
  double parameters, activations, state[OPTIMIZERS], work[OPTIMIZERS];
} plan_bytes;

typedef struct preset_bench {
  bench_report *report;
  const char *name;
  symo_gpt_spec gpt;
  symo_net_spec spec;
  int threads;
  symo_layout *layout;
  symo_optim *optim[OPTIMIZERS];
  plan_bytes bytes;
  symo_net *net;
  symo_pool *pool;
  float *theta, *grad;
  void **params;
  const void **grads;
} preset_bench;

static void drop(preset_bench *b) {
  for (size_t i = 0; i < OPTIMIZERS; i++) symo_optim_destroy(b->optim[i]);
  symo_net_destroy(b->net);
  symo_pool_destroy(b->pool);
  symo_layout_destroy(b->layout);
  symo_free(b->theta);
  symo_free(b->grad);
  symo_free(b->params);
  symo_free((void *)(uintptr_t)b->grads);
}

/* ---- the plan ---- */

static symo_status plan(symo_context *context, preset_bench *b) {
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_gpt_to_net(context, &b->gpt, &b->spec));
  SYMO_TRY(symo_net_layout(context, &b->spec, NULL, &b->layout));
  SYMO_TRY(symo_layout_set_dtype(b->layout, b->spec.dtype));
  b->bytes.parameters = sizeof(float) * (double)symo_layout_num_parameters(b->layout);
  b->bytes.activations = symo_net_bytes(&b->spec, b->threads, false);
  if (isnan(b->bytes.activations)) SYMO_TRY(symo_fail_memory(context, b->name));
  for (size_t i = 0; i < OPTIMIZERS; i++) {
    cli_progress(b->report->c, "%s: plan of %s", b->name, optimizers[i]);
    SYMO_TRY(bench_gpt_optimizer(context, b->layout, optimizers[i], b->threads, &b->optim[i]));
    const symo_optim_cost cost = symo_optim_cost_of(b->optim[i]);
    b->bytes.state[i] = cost.state_bytes, b->bytes.work[i] = cost.work_bytes;
  }
fail:
  return status;
}

static double total(const preset_bench *b, size_t optimizer) {
  const plan_bytes *p = &b->bytes;
  return 2 * p->parameters + p->activations + p->state[optimizer] + p->work[optimizer];
}

static bool wanted(const preset_bench *b, const char *name) {
  return b->report->only == NULL || strstr(name, b->report->only) != NULL;
}

/* limit: NaN, or what the figure is to be at most 1.1 times. */
static void add_bytes(const preset_bench *b, const char *what, double bytes, double limit) {
  char name[96];
  (void)snprintf(name, sizeof name, "%s plan: %s", b->name, what);
  if (!wanted(b, name)) return;
  bench_add(b->report,
            (bench_row){.figure = bytes / 1e6,
                        .unit = "MB",
                        .floor = limit / 1e6,
                        .ratio = bytes / limit,
                        .target = isfinite(limit) ? BENCH_TARGET_GPT_MEMORY : BENCH_NO_TARGET},
            "%s", name);
}

static void add_plan(const preset_bench *b) {
  const plan_bytes *p = &b->bytes;
  char what[64];
  (void)snprintf(what, sizeof what, "activations, batch %zu, %d thread%s", b->report->batch,
                 b->threads, b->threads == 1 ? "" : "s");
  add_bytes(b, "parameters", p->parameters, (double)NAN);
  add_bytes(b, "gradient", p->parameters, (double)NAN);
  add_bytes(b, what, p->activations, (double)NAN);
  for (size_t i = 0; i < OPTIMIZERS; i++) {
    const double muon = p->state[MUON] + p->work[MUON];
    (void)snprintf(what, sizeof what, "%s, state", optimizers[i]);
    add_bytes(b, what, p->state[i], (double)NAN);
    (void)snprintf(what, sizeof what, "%s, state and work", optimizers[i]);
    add_bytes(b, what, p->state[i] + p->work[i], i == SYMO ? muon : (double)NAN);
    (void)snprintf(what, sizeof what, "%s, all of a step", optimizers[i]);
    add_bytes(b, what, total(b, i), i == SYMO ? total(b, MUON) : (double)NAN);
  }
}

/* ---- the step ---- */

static symo_status make_data(symo_context *context, preset_bench *b) {
  const size_t n = b->report->batch * b->gpt.block;
  uint32_t *x = symo_calloc(2 * n, sizeof *x);
  if (x == NULL) return symo_fail_memory(context, "bench");
  for (size_t i = 0; i < 2 * n; i++)
    x[i] = (uint32_t)(symo_data_seed(1, SYMO_STREAM_DATA, i) % b->gpt.vocabulary);
  const symo_status status = symo_net_set_tokens(b->net, b->report->batch, x, x + n);
  symo_free(x);
  return status;
}

static symo_status make(symo_context *context, preset_bench *b) {
  const size_t n = symo_layout_num_parameters(b->layout);
  const size_t tensors = symo_layout_num_tensors(b->layout);
  symo_rng *rng = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_net_create(context, &b->spec, &b->net));
  SYMO_TRY(make_data(context, b));
  SYMO_TRY(symo_pool_create(context, b->threads, &b->pool));
  symo_net_set_pool(b->net, b->pool);
  b->theta = symo_calloc(n, sizeof *b->theta), b->grad = symo_calloc(n, sizeof *b->grad);
  b->params = symo_calloc(tensors, sizeof *b->params);
  b->grads = symo_calloc(tensors, sizeof *b->grads);
  if (b->theta == NULL || b->grad == NULL || b->params == NULL || b->grads == NULL) {
    status = symo_fail_memory(context, "bench");
    goto fail;
  }
  SYMO_TRY(symo_rng_create(context, 1, &rng));
  symo_gpt_init(b->net, rng, b->theta);
  symo_layout_split(b->layout, SYMO_F32, b->theta, b->params);
  symo_layout_split_const(b->layout, SYMO_F32, b->grad, b->grads);
fail:
  symo_rng_destroy(rng);
  return status;
}

static void add_seconds(const preset_bench *b, const char *name, double seconds) {
  bench_add(b->report, (bench_row){.figure = seconds, .unit = "s", .floor = NAN, .ratio = NAN},
            "%s", name);
}

static size_t repeats(const preset_bench *b) {
  return b->report->repeats > 0 ? b->report->repeats : 1;
}

static symo_status time_gradient(preset_bench *b, const char *name) {
  const symo_problem problem = symo_net_problem(b->net);
  double best = INFINITY, loss;
  for (size_t r = 0; r < repeats(b) + 1; r++) { /* the first allocates */
    cli_progress(b->report->c, "%s: %zu of %zu", name, r, repeats(b));
    const double start = cli_seconds();
    const symo_status status = problem.gradient(problem.self, b->theta, &loss, b->grad);
    if (status != SYMO_OK) return status;
    if (r > 0) best = fmin(best, cli_seconds() - start);
  }
  add_seconds(b, name, best);
  return SYMO_OK;
}

static symo_status time_optimizer(preset_bench *b, size_t index, const char *name) {
  const symo_const_vector grad = symo_const_vector_of(SYMO_F32, b->grads);
  const symo_vector params = symo_vector_of(SYMO_F32, b->params);
  symo_optim_state *state = NULL;
  char first[112];
  double best = INFINITY;
  symo_status status = symo_optim_state_create(b->optim[index], &state);
  (void)snprintf(first, sizeof first, "%s, the first", name);
  for (size_t r = 0; r < repeats(b) + 1 && status == SYMO_OK; r++) {
    cli_progress(b->report->c, "%s: %zu of %zu", name, r, repeats(b));
    const double start = cli_seconds();
    status = symo_optim_step(state, grad, params, NULL);
    const double took = cli_seconds() - start;
    if (r == 0)
      add_seconds(b, first, took);
    else
      best = fmin(best, took);
  }
  if (status == SYMO_OK) add_seconds(b, name, best);
  symo_optim_state_destroy(state);
  return status;
}

/* A reader that is asked again for the same text computes its last position. */
static symo_status time_token(preset_bench *b, symo_gpt_reader *reader, size_t length,
                              const uint32_t *tokens, double *logits) {
  char name[96];
  double best = INFINITY;
  (void)snprintf(name, sizeof name, "%s step: token of a sample at position %zu", b->name, length);
  cli_progress(b->report->c, "%s", name);
  symo_status status = symo_gpt_next(reader, length, tokens, logits);
  for (size_t r = 0; r < repeats(b) + 4 && status == SYMO_OK; r++) {
    const double start = cli_seconds();
    status = symo_gpt_next(reader, length, tokens, logits);
    best = fmin(best, cli_seconds() - start);
  }
  if (status == SYMO_OK) add_seconds(b, name, best);
  return status;
}

static symo_status time_tokens(symo_context *context, preset_bench *b) {
  uint32_t *tokens = symo_calloc(b->gpt.block, sizeof *tokens);
  double *logits = symo_calloc(b->gpt.vocabulary, sizeof *logits);
  symo_gpt_reader *reader = NULL;
  symo_status status = SYMO_OK;
  if (tokens == NULL || logits == NULL) {
    status = symo_fail_memory(context, "bench");
    goto fail;
  }
  SYMO_TRY(symo_gpt_reader_create(b->net, b->theta, &reader));
  (void)symo_set_threads(b->threads);
  SYMO_TRY(time_token(b, reader, 10, tokens, logits));
  SYMO_TRY(time_token(b, reader, b->gpt.block, tokens, logits));
fail:
  (void)symo_set_threads(1);
  symo_gpt_reader_destroy(reader);
  symo_free(tokens);
  symo_free(logits);
  return status;
}

/* The gradient, and the optimizers that are wanted; one that would need more memory than there is
 * has no figure. */
static symo_status time_steps(preset_bench *b, const char *gradient, const bool *steps,
                              double free_bytes) {
  char name[96];
  symo_status status = time_gradient(b, gradient);
  for (size_t i = 0; i < OPTIMIZERS && status == SYMO_OK; i++) {
    (void)snprintf(name, sizeof name, "%s step: %s", b->name, optimizers[i]);
    if (steps[i] && total(b, i) <= free_bytes)
      status = time_optimizer(b, i, name);
    else if (steps[i])
      add_seconds(b, name, (double)NAN);
  }
  return status;
}

static symo_status measure(symo_context *context, preset_bench *b) {
  char gradient[96], token[96], name[96];
  bool steps[OPTIMIZERS], some;
  const double free_bytes = cli_memory_available();
  (void)snprintf(gradient, sizeof gradient, "%s step: gradient", b->name);
  (void)snprintf(token, sizeof token, "%s step: token of a sample", b->name);
  some = wanted(b, gradient);
  for (size_t i = 0; i < OPTIMIZERS; i++) {
    (void)snprintf(name, sizeof name, "%s step: %s", b->name, optimizers[i]);
    steps[i] = wanted(b, name);
    some = some || steps[i];
  }
  if (!some && !wanted(b, token)) return SYMO_OK;
  if (2 * b->bytes.parameters + b->bytes.activations > free_bytes) {
    add_seconds(b, gradient, (double)NAN);
    return SYMO_OK;
  }
  symo_status status = make(context, b);
  if (status == SYMO_OK && wanted(b, token)) status = time_tokens(context, b);
  if (status == SYMO_OK && some) status = time_steps(b, gradient, steps, free_bytes);
  return status;
}

int bench_gpt_preset(bench_report *report) {
  preset_bench b = {.report = report, .threads = symo_get_threads()};
  for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
    if (strcmp(presets[i].name, report->preset) == 0)
      b.name = presets[i].name, b.gpt = presets[i].gpt;
  symo_status status = plan(cli_context(report->c), &b);
  if (status == SYMO_OK) {
    add_plan(&b);
    (void)symo_set_threads(1); /* the pools of network and optimizer have the threads */
    status = measure(cli_context(report->c), &b);
    (void)symo_set_threads(b.threads);
  }
  drop(&b);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(report->c, status);
}
