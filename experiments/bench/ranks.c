/* Several processes (mpirun -n N symo bench ranks), and one for comparison.
 *
 * Strong: a training step of a GPT, whose examples and optimizer N processes divide.  Weak: roots of
 * two matrices for every process, which has two.  Memory: what the allocator counts when the state
 * of each preset is made, in the process that has most.
 *
 * Where there are fewer cores than processes the clock says little.  So what a process computes is in
 * seconds of the processor, without those in exchanges (a process that waits may spin), and what
 * it exchanges is counted: a table of exchanges stands before the launcher's and notes calls,
 * bytes and seconds.  Each figure is that of the process with most, the median of the steps.  The
 * limit beside it is the model's (experiments/scaling) with the flops of the gradient at hand, and the
 * latency and bandwidth that two processes have here. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/bench/bench.h"
#include "experiments/bench/gpt.h"
#include "experiments/scaling/scaling.h"
#include "experiments/train/train.h"
#include "optim/alphas.h"
#include "optim/share.h"

enum {
  STEPS = 8,
  VOCABULARY = 65,
  TOKENS = 12 * 64,
  PINGS = 200,
  LONG_PINGS = 20,
  LONG_BYTES = 1 << 22,
  SIDE = 256,
  MOST_RANKS = 4096
};
static const char *const optimizers[] = {"adamw", "symo", "soap", "symo-coupled", "symo-pd"};

/* ---- exchanges that are counted ---- */

typedef struct counted {
  const symo_comm *real;
  symo_comm comm;
  double seconds, processor, bytes;
} counted;

static double processor(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct mark {
  double seconds, processor;
} mark;

static mark enter(void) { return (mark){cli_seconds(), processor()}; }

static void leave(counted *c, mark from, double bytes) {
  c->seconds += cli_seconds() - from.seconds;
  c->processor += processor() - from.processor;
  c->bytes += bytes;
}

static void trade(void *self, size_t bytes, const void *from, void *to) {
  counted *c = self;
  const mark m = enter();
  c->real->trade(c->real->self, bytes, from, to);
  leave(c, m, (double)(c->real->size - 1) * (double)bytes);
}

static void collect(void *self, size_t bytes, void *all) {
  counted *c = self;
  const mark m = enter();
  c->real->collect(c->real->self, bytes, all);
  leave(c, m, (double)(c->real->size - 1) * (double)bytes);
}

static void spread(void *self, size_t count, const symo_comm_piece *pieces) {
  counted *c = self;
  const mark m = enter();
  double bytes = 0;
  for (size_t i = 0; i < count; i++)
    if (pieces[i].owner == c->real->rank) bytes += (double)pieces[i].bytes;
  c->real->spread(c->real->self, count, pieces);
  leave(c, m, bytes);
}

static void move(void *self, int from, int to, size_t bytes, const void *source, void *target) {
  counted *c = self;
  const mark m = enter();
  c->real->move(c->real->self, from, to, bytes, source, target);
  leave(c, m, from == c->real->rank ? (double)bytes : 0);
}

static void begin(void *self, int slot, const symo_comm_parcel *parcel) {
  counted *c = self;
  const mark m = enter();
  double bytes = 0;
  for (int r = 0; r < c->real->size; r++) bytes += (double)parcel->send[r];
  c->real->begin(c->real->self, slot, parcel);
  leave(c, m, bytes);
}

static bool done(void *self, int slot, bool wait) {
  counted *c = self;
  const mark m = enter();
  const bool all = c->real->done(c->real->self, slot, wait);
  leave(c, m, 0);
  return all;
}

/* NULL where there is one process. */
static const symo_comm *count_exchanges(counted *c, const symo_comm *real) {
  if (real == NULL) return NULL;
  *c = (counted){.real = real, .comm = *real};
  c->comm.self = c;
  c->comm.trade = trade, c->comm.collect = collect, c->comm.spread = spread;
  c->comm.move = move, c->comm.begin = begin, c->comm.done = done;
  return &c->comm;
}

/* ---- figures of all processes ---- */

/* The largest of x; of more processes than that, our own. */
static double most(const symo_comm *comm, double x) {
  static double all[MOST_RANKS];
  if (comm == NULL || comm->size > MOST_RANKS) return x;
  memset(all, 0, (size_t)comm->size * sizeof *all);
  all[comm->rank] = x;
  symo_comm_sum(comm, SYMO_F64, (size_t)comm->size, all);
  for (int r = 0; r < comm->size; r++) x = fmax(x, all[r]);
  return x;
}

static void add(bench_report *report, double figure, const char *unit, double floor,
                const char *what, const char *part) {
  bench_add(report,
            (bench_row){.figure = figure, .unit = unit, .floor = floor, .ratio = floor / figure},
            "%d process%s: %s%s%s", symo_comm_size(cli_ranks(report->c)),
            symo_comm_size(cli_ranks(report->c)) == 1 ? "" : "es", what, part[0] ? ", " : "", part);
}

/* ---- the machine ---- */

/* Bytes that pass over long vectors in a second of the processor: two are read, one is written. */
static double memory_rate(void) {
  const size_t n = LONG_BYTES;
  float *x = symo_calloc(2 * n, sizeof *x);
  double best = INFINITY;
  for (int k = 0; k < 4 && x != NULL; k++) {
    const double start = processor();
    symo_axpy(SYMO_F32, n, 1.0, x, x + n);
    best = fmin(best, processor() - start);
  }
  symo_free(x);
  return 3.0 * (double)n * sizeof *x / best;
}

/* Seconds of a message of `bytes` from one process to another and back, halved. */
static double ping(const symo_comm *comm, size_t bytes, int count, char *room) {
  double best = INFINITY;
  for (int k = 0; k < count; k++) {
    const double start = cli_seconds();
    comm->move(comm->self, 0, 1, bytes, room, room);
    comm->move(comm->self, 1, 0, bytes, room, room);
    best = fmin(best, (cli_seconds() - start) / 2);
  }
  return best;
}

static int measure_link(bench_report *report, scaling_machine *machine) {
  const symo_comm *comm = cli_ranks(report->c);
  *machine = (scaling_machine){.memory = memory_rate(), .bandwidth = INFINITY};
  symo_comm_share(comm, 0, sizeof machine->memory, &machine->memory);
  add(report, 1e-9 * machine->memory, "GB/s", NAN, "passes over memory", "");
  if (comm == NULL) return CLI_DONE;
  char *room = symo_calloc(LONG_BYTES, 1);
  if (room == NULL) return cli_fail_memory(report->c);
  double link[2] = {0, 0};
  link[0] = ping(comm, 8, PINGS, room);
  link[1] = (double)LONG_BYTES / fmax(ping(comm, LONG_BYTES, LONG_PINGS, room) - link[0], 1e-12);
  symo_comm_share(comm, 0, sizeof link, link);
  machine->latency = link[0], machine->bandwidth = link[1];
  add(report, 1e6 * link[0], "us", NAN, "a message of 8 bytes", "");
  add(report, 1e-9 * link[1], "GB/s", NAN, "messages of 4 MiB", "");
  symo_free(room);
  return CLI_DONE;
}

/* ---- a step ---- */

typedef struct stage {
  symo_net *net;
  symo_layout *layout;
  symo_problem problem;
  symo_optim *optim;
  symo_optim_state *state;
  float *theta, *grad;
  void **params;
  const void **grads;
} stage;

static void drop_optimizer(stage *s) {
  symo_optim_state_destroy(s->state);
  symo_optim_destroy(s->optim);
  s->state = NULL, s->optim = NULL;
}

static void drop(stage *s) {
  drop_optimizer(s);
  symo_net_destroy(s->net);
  symo_layout_destroy(s->layout);
  symo_free(s->theta);
  symo_free(s->params);
  symo_free((void *)(uintptr_t)s->grads);
}

static symo_status make(symo_context *context, const symo_comm *comm, stage *s) {
  symo_gpt_spec gpt = symo_gpt_spec_default();
  symo_rng *rng = NULL;
  symo_status status = SYMO_OK;
  gpt.vocabulary = VOCABULARY, gpt.block = 64, gpt.width = 128, gpt.heads = 4, gpt.layers = 4;
  SYMO_TRY(bench_gpt_net(context, &gpt, 12, &s->net));
  symo_net_set_comm(s->net, comm);
  s->problem = symo_net_problem(s->net);
  SYMO_TRY(symo_net_layout(context, symo_net_get_spec(s->net), NULL, &s->layout));
  SYMO_TRY(symo_layout_set_dtype(s->layout, SYMO_F32));
  const size_t tensors = symo_layout_num_tensors(s->layout);
  s->theta = symo_calloc(2 * s->problem.size, sizeof *s->theta);
  s->params = symo_calloc(tensors, sizeof *s->params);
  s->grads = symo_calloc(tensors, sizeof *s->grads);
  if (s->theta == NULL || s->params == NULL || s->grads == NULL)
    SYMO_TRY(symo_fail_memory(context, "bench"));
  s->grad = s->theta + s->problem.size;
  SYMO_TRY(symo_rng_create(context, 1, &rng));
  symo_gpt_init(s->net, rng, s->theta);
  symo_rng_destroy(rng);
  symo_layout_split(s->layout, SYMO_F32, s->theta, s->params);
  symo_layout_split_const(s->layout, SYMO_F32, s->grad, s->grads);
fail:
  return status;
}

/* The share of this process, and *bytes of its state as the allocator counts. */
static symo_status make_optimizer(symo_context *context, const symo_comm *comm, const char *preset,
                                  stage *s, double *bytes) {
  train_spec spec = train_spec_default(train_task_find("gpt"));
  symo_optim_spec *made = NULL;
  symo_reduction_part *parts = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(train_spec_set(context, &spec, "optimizer", preset));
  SYMO_TRY(train_optimizer_spec(context, &spec, NULL, &made));
  made->num_sites = s->problem.num_sites, made->sites = s->problem.sites;
  SYMO_TRY(symo_optim_create_share(s->layout, made, comm, &s->optim));
  const double before = (double)symo_alloc_live_bytes();
  SYMO_TRY(symo_optim_state_create(s->optim, &s->state));
  *bytes = (double)symo_alloc_live_bytes() - before;
  parts = symo_calloc(symo_layout_num_tensors(s->layout), sizeof *parts);
  if (parts == NULL) SYMO_TRY(symo_fail_memory(context, "bench"));
  SYMO_TRY(symo_net_set_reduction(s->net, symo_share_list(s->optim, parts), parts, 0));
fail:
  symo_free(parts);
  symo_optim_spec_destroy(made);
  return status;
}

/* Of one step: seconds of the processor outside exchanges, seconds in exchanges, bytes sent. */
typedef struct figures {
  double gradient[STEPS], optimizer[STEPS], exchange[STEPS], bytes[STEPS], wall[STEPS];
} figures;

static symo_status take_steps(stage *s, counted *c, figures *f) {
  const symo_const_vector grad = symo_const_vector_of(SYMO_F32, s->grads);
  const symo_vector params = symo_vector_of(SYMO_F32, s->params);
  double loss;
  for (int k = -1; k < STEPS; k++) { /* the first allocates */
    const int at = k < 0 ? 0 : k;
    const counted before = *c;
    const double start = processor(), wall = cli_seconds();
    symo_status status = s->problem.gradient(s->problem.self, s->theta, &loss, s->grad);
    const double between = processor(), in = c->processor;
    if (status == SYMO_OK) status = symo_optim_step(s->state, grad, params, NULL);
    if (status != SYMO_OK) return status;
    f->gradient[at] = between - start - (in - before.processor);
    f->optimizer[at] = processor() - between - (c->processor - in);
    f->exchange[at] = c->seconds - before.seconds;
    f->bytes[at] = c->bytes - before.bytes;
    f->wall[at] = cli_seconds() - wall;
  }
  return SYMO_OK;
}

static double median(const symo_comm *comm, double *x) { return most(comm, symo_median(STEPS, x)); }

/* Flops of a second that the gradient of one process has, as that of all is divided. */
static void add_steps(bench_report *report, const char *name, const stage *s, figures *f,
                      scaling_machine machine) {
  const symo_comm *comm = cli_ranks(report->c);
  const int ranks = symo_comm_size(comm);
  const symo_optim *whole = symo_optim_whole(s->optim);
  const scaling_job job = scaling_job_of(whole, TOKENS);
  scaling_cost cost = {0};
  const double gradient = median(comm, f->gradient), bytes = median(comm, f->bytes);
  machine.flops = job.gradient_flops / (double)ranks / gradient;
  (void)scaling_cost_of(ranks > 1 ? SCALING_SHARDED : SCALING_REPLICATED, &job, &machine, ranks,
                        &cost);
  add(report, 1e3 * gradient, "ms", NAN, name, "gradient");
  add(report, 1e3 * median(comm, f->optimizer), "ms", 1e3 * cost.optimizer, name, "optimizer");
  add(report, 1e3 * median(comm, f->wall), "ms", 1e3 * scaling_seconds(&cost), name,
      "step by the clock");
  if (ranks == 1) return;
  add(report, 1e3 * median(comm, f->exchange), "ms", 1e3 * (cost.wait + cost.spread), name,
      "in exchanges");
  /* Of the gradient what others own; of the parameters what is ours, once; what goes to labels. */
  add(report, 1e-6 * bytes, "MB", 1e-6 * (job.parameters * job.item + cost.labels), name, "sent");
}

static int measure_steps(bench_report *report, const scaling_machine *machine) {
  symo_context *context = cli_context(report->c);
  counted c = {0};
  const symo_comm *comm = count_exchanges(&c, cli_ranks(report->c));
  stage s = {0};
  symo_status status = make(context, comm, &s);
  for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers && status == SYMO_OK; i++) {
    static figures f;
    double bytes;
    cli_progress(report->c, "a step of %s", optimizers[i]);
    status = make_optimizer(context, comm, optimizers[i], &s, &bytes);
    if (status == SYMO_OK) status = take_steps(&s, &c, &f);
    if (status == SYMO_OK) add_steps(report, optimizers[i], &s, &f, *machine);
    drop_optimizer(&s);
  }
  drop(&s);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(report->c, status);
}

/* ---- roots, two matrices a process ---- */

static symo_status make_matrices(symo_context *context, const symo_comm *comm, stage *s) {
  char text[4096] = "";
  size_t used = 0;
  symo_status status = SYMO_OK;
  symo_optim_spec spec = symo_optim_spec_default();
  symo_rule rules[4];
  symo_method method;
  for (int k = 0; k < 2 * symo_comm_size(comm) && used < sizeof text; k++)
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "%sa%d: identity %d; b%d: identity %d; w%d[a%d, b%d]",
                             k > 0 ? "; " : "", k, SIDE, k, SIDE, k, k, k);
  SYMO_TRY(symo_method_preset(context, "shampoo", &method));
  SYMO_TRY(symo_optim_preset_rules(context, &method, &spec.num_rules, rules));
  spec.rules = rules, spec.dtype = SYMO_F32;
  SYMO_TRY(symo_layout_parse(context, text, &s->layout));
  SYMO_TRY(symo_optim_create_share(s->layout, &spec, comm, &s->optim));
  SYMO_TRY(symo_optim_state_create(s->optim, &s->state));
  const size_t n = symo_layout_num_parameters(s->layout),
               tensors = symo_layout_num_tensors(s->layout);
  s->theta = symo_calloc(2 * n, sizeof *s->theta);
  s->params = symo_calloc(tensors, sizeof *s->params);
  s->grads = symo_calloc(tensors, sizeof *s->grads);
  if (s->theta == NULL || s->params == NULL || s->grads == NULL)
    SYMO_TRY(symo_fail_memory(context, "bench"));
  s->grad = s->theta + n;
  for (size_t i = 0; i < n; i++) s->grad[i] = (float)sin(1e-3 * (double)(i * i % 10007));
  symo_layout_split(s->layout, SYMO_F32, s->theta, s->params);
  symo_layout_split_const(s->layout, SYMO_F32, s->grad, s->grads);
fail:
  return status;
}

static int measure_roots(bench_report *report) {
  symo_context *context = cli_context(report->c);
  counted c = {0};
  const symo_comm *real = cli_ranks(report->c), *comm = count_exchanges(&c, real);
  double took[STEPS];
  stage s = {0};
  symo_status status = make_matrices(context, comm, &s);
  for (int k = 0; k < STEPS && status == SYMO_OK; k++) {
    const double start = processor(), in = c.processor;
    status = symo_optim_step(s.state, symo_const_vector_of(SYMO_F32, s.grads),
                             symo_vector_of(SYMO_F32, s.params), NULL);
    took[k] = processor() - start - (c.processor - in);
  }
  if (status == SYMO_OK)
    add(report, 1e3 * median(real, took), "ms", NAN, "roots of two matrices of 256 a process", "");
  drop(&s);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(report->c, status);
}

/* ---- memory ---- */

/* Beside it: an equal part of what one process by itself takes. */
static symo_status add_preset(bench_report *report, const char *preset, stage *s) {
  symo_context *context = cli_context(report->c);
  const symo_comm *comm = cli_ranks(report->c);
  double bytes = NAN, alone = NAN;
  /* All processes make the same plan, and so refuse the same. */
  symo_status status = make_optimizer(context, NULL, preset, s, &alone);
  const bool divided =
      status == SYMO_OK && !symo_optim_has_products(s->optim) && !symo_optim_measures(s->optim);
  drop_optimizer(s);
  if (status == SYMO_OK) status = make_optimizer(context, comm, preset, s, &bytes);
  drop_optimizer(s);
  if (status == SYMO_E_MEMORY) return status;
  add(report, 1e-6 * most(comm, bytes), "MB", 1e-6 * alone / symo_comm_size(comm), preset,
      status != SYMO_OK ? "refused"
      : divided         ? "state and work space"
                        : "not divided");
  return SYMO_OK;
}

static int measure_memory(bench_report *report) {
  stage s = {0};
  symo_status status = make(cli_context(report->c), cli_ranks(report->c), &s);
  for (size_t i = 0; i < symo_method_num_presets() && status == SYMO_OK; i++)
    status = add_preset(report, symo_method_preset_name(i), &s);
  drop(&s);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(report->c, status);
}

static bool is_wanted(const bench_report *report, const char *part) {
  return report->only == NULL || strstr(report->only, part) != NULL;
}

static int run(bench_report *report) {
  scaling_machine machine;
  const int given = symo_get_threads();
  (void)symo_set_threads(1);
  int code = is_wanted(report, "steps") ? measure_link(report, &machine) : CLI_DONE;
  if (code == CLI_DONE && is_wanted(report, "steps")) code = measure_steps(report, &machine);
  if (code == CLI_DONE && is_wanted(report, "roots")) code = measure_roots(report);
  if (code == CLI_DONE && is_wanted(report, "memory")) code = measure_memory(report);
  (void)symo_set_threads(given);
  return code;
}

const bench_subject bench_subject_ranks = {.name = "ranks",
                                           .summary =
                                               "steps, roots and memory in several processes",
                                           .run = run,
                                           .ranks = true};
