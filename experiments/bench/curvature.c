/* Second derivatives and what goes with them, against the time of a gradient in the same run.
 *
 * A gradient takes three products of a weight's size: forward, and two backward.  A product with
 * the Hessian along one direction takes eight (forward, backward without the weights' gradients,
 * two of the tangent, four of its way back), one with the Gauss-Newton or the empirical Fisher matrix
 * five (forward, two, two), at most, as the first layer needs fewer.  Several directions at once
 * share forward and backward.
 *
 * Statistics of the layers with the gradient (empirical Fisher, whose backward pass is that of the
 * gradient) take two triangles more: m (m + 1) + n (n + 1) flops for each row of a layer with m
 * inputs (the bias among them) and n outputs, where the gradient takes 6 m n, less 2 m n in the
 * first.  At labels of the model's own they take a backward pass more.  The limit of their row is
 * the count at the rate that the gradient has.
 *
 * Gradients of single examples take the flops of a gradient, and N times as many numbers to write:
 * in blocks that stay in cache, or all of them, of which the limit is the time of writing as many.
 * Every figure is the least of its repetitions, of gradient and the other in turn. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/bench/gpt.h"
#include "experiments/models/network_point.h"

enum { MANY = 16, REPEATS = 15, BLOCK_BYTES = 256 << 10 };

/* What is measured; gradient first. */
typedef enum subject {
  GRADIENT,
  HVP,
  GGN,
  FISHER,
  HVPS,
  GGNS,
  STATISTICS,
  SAMPLED,
  EXAMPLES,
  ALL_EXAMPLES,
  WRITING,
  SUBJECTS
} subject;

/* One network, and room for what is measured. */
typedef struct bench_case {
  const char *name;
  const symo_problem *p;
  const void *theta;
  char *v, *out; /* [MANY, size] each */
  char *all;     /* [N, size]; NULL: too many */
  symo_factor_sums *sums;
  size_t numbers;      /* N size */
  double flops, extra; /* of a gradient and of the statistics, for each example */
  double best[SUBJECTS];
} bench_case;

/* On one thread of the processor, whatever else runs. */
static double seconds(void) { return symo_get_threads() == 1 ? cli_processor() : cli_seconds(); }

static symo_status nothing(void *self, size_t first, size_t count, const void *gradients) {
  (void)first, (void)gradients;
  *(size_t *)self += count;
  return SYMO_OK;
}

static symo_status statistics(bench_case *k, symo_fisher fisher) {
  double loss;
  const symo_problem *p = k->p;
  const symo_factor_request request = {
      .fisher = fisher, .seed = 1, .num_sites = p->num_sites, .sums = k->sums};
  return p->factors(p->self, k->theta, &loss, k->out, &request);
}

static symo_status examples(bench_case *k, bool all) {
  const symo_problem *p = k->p;
  const size_t one = p->size * sizeof(float);
  size_t seen = 0;
  symo_example_request request = {.count = p->examples(p->self),
                                  .gradients = all ? k->all : k->v,
                                  .take = all ? NULL : nothing,
                                  .self = &seen};
  request.block = BLOCK_BYTES / one < 1 ? 1 : BLOCK_BYTES / one;
  if (request.block > MANY) request.block = MANY; /* there is room for so many */
  return p->example_gradients(p->self, k->theta, &request);
}

static symo_status run_subject(bench_case *k, subject what) {
  const symo_problem *p = k->p;
  double loss;
  switch (what) {
  case GRADIENT: return p->gradient(p->self, k->theta, &loss, k->out);
  case HVP: return p->hvp(p->self, k->theta, 1, k->v, k->out);
  case GGN: return p->ggn(p->self, k->theta, 1, k->v, k->out);
  case FISHER: return p->fisher(p->self, k->theta, 1, k->v, k->out);
  case HVPS: return p->hvp(p->self, k->theta, MANY, k->v, k->out);
  case GGNS: return p->ggn(p->self, k->theta, MANY, k->v, k->out);
  case STATISTICS: return statistics(k, SYMO_FISHER_EMPIRICAL);
  case SAMPLED: return statistics(k, SYMO_FISHER_SAMPLED);
  case EXAMPLES: return examples(k, false);
  case ALL_EXAMPLES: return k->all != NULL ? examples(k, true) : SYMO_OK;
  case WRITING:
    if (k->all != NULL) memset(k->all, 1, k->numbers * sizeof(float));
    return SYMO_OK;
  case SUBJECTS: break;
  }
  return SYMO_OK;
}

static symo_status measure(bench_report *report, bench_case *k) {
  const size_t repeats = report->repeats > 0 ? report->repeats : REPEATS;
  for (size_t r = 0; r < repeats + 1; r++) { /* the first allocates */
    cli_progress(report->c, "%s: %zu of %zu", k->name, r, repeats);
    for (int what = 0; what < SUBJECTS; what++) {
      const double start = seconds();
      symo_status status = run_subject(k, (subject)what);
      const double took = seconds() - start;
      if (status != SYMO_OK) return status;
      k->best[what] = r <= 1 ? took : fmin(k->best[what], took);
    }
  }
  return SYMO_OK;
}

/* figure of one of k; limit: seconds, NaN that of a gradient. */
static void add(bench_report *report, const bench_case *k, const char *what, double took, double n,
                double limit, bench_target target) {
  const double gradient = k->best[GRADIENT];
  bench_row row = {.figure = 1e3 * took / n,
                   .unit = "ms",
                   .floor = 1e3 * (isfinite(limit) ? limit : gradient),
                   .ratio = took / n / gradient,
                   .target = target};
  bench_add(report, row, "%s, %s", k->name, what);
}

static void add_rows(bench_report *report, const bench_case *k) {
  const double *t = k->best, gradient = t[GRADIENT];
  add(report, k, "gradient", gradient, 1, NAN, BENCH_NO_TARGET);
  add(report, k, "Hessian product", t[HVP], 1, NAN, BENCH_TARGET_HVP);
  add(report, k, "Gauss-Newton product", t[GGN], 1, NAN, BENCH_TARGET_GGN);
  add(report, k, "empirical Fisher product", t[FISHER], 1, NAN, BENCH_TARGET_FISHER);
  add(report, k, "each of 16 Hessian products", t[HVPS], MANY, NAN, BENCH_NO_TARGET);
  add(report, k, "each of 16 Gauss-Newton products", t[GGNS], MANY, NAN, BENCH_NO_TARGET);
  add(report, k, "gradients of single examples, in blocks", t[EXAMPLES], 1, NAN,
      BENCH_TARGET_EXAMPLES);
  if (k->all != NULL)
    add(report, k, "the same, all in memory", t[ALL_EXAMPLES], 1, t[WRITING], BENCH_NO_TARGET);
  const double counted = gradient * k->extra / k->flops;
  add(report, k, "layer statistics beside a gradient", t[STATISTICS] - gradient, 1, counted,
      BENCH_TARGET_STATISTICS);
  add(report, k, "the same at sampled labels", t[SAMPLED] - gradient, 1, counted + gradient / 3,
      BENCH_NO_TARGET);
}

/* ---- rooms ---- */

/* Whole matrices of every site, and flops of both for each example. */
static bool take_sums(bench_case *k) {
  const symo_problem *p = k->p;
  symo_net *net = p->self;
  k->sums = symo_calloc(p->num_sites, sizeof *k->sums);
  if (k->sums == NULL) return false;
  for (size_t s = 0; s < p->num_sites; s++) {
    const symo_factor_site *site = &p->sites[s];
    symo_factor_sums *sums = &k->sums[s];
    *sums = (symo_factor_sums){.dtype = SYMO_F32, .bias = site->bias != SYMO_NONE};
    const size_t m = symo_factor_width(site, sums), n = site->outputs;
    sums->inputs = symo_calloc(site->table ? m : m * m, sizeof(float));
    sums->outputs = symo_calloc(n * n, sizeof(float));
    if (sums->inputs == NULL || sums->outputs == NULL) return false;
    if (site->table) continue;
    const symo_net_weight w = symo_net_get_weight(net, s);
    const double rows = (double)w.rows, a = (double)m, d = (double)n;
    const bool first = s == 0 && !symo_net_reads_tokens(symo_net_get_spec(net));
    k->flops += rows * (double)w.inputs * d * (first ? 4 : 6);
    /* Wx has the d of the Wh behind it. */
    const bool again =
        s + 1 < symo_net_num_weights(net) && symo_net_get_weight(net, s + 1).recurrent;
    k->extra += rows * (a * (a + 1) + (again ? 0 : d * (d + 1)));
  }
  return true;
}

static void drop(bench_case *k) {
  for (size_t s = 0; s < k->p->num_sites && k->sums != NULL; s++) {
    symo_free(k->sums[s].inputs);
    symo_free(k->sums[s].outputs);
  }
  symo_free(k->sums);
  symo_free(k->v);
  symo_free(k->all);
}

static int run_problem(bench_report *report, const char *name, const symo_problem *p,
                       const void *theta) {
  enum { MOST_NUMBERS = 128 << 20 };
  const size_t numbers = MANY * p->size;
  bench_case k = {.name = name, .p = p, .theta = theta};
  k.numbers = p->examples(p->self) * p->size;
  k.v = symo_malloc(2 * numbers * sizeof(float));
  if (k.numbers <= MOST_NUMBERS) k.all = symo_malloc(k.numbers * sizeof(float));
  if (k.v == NULL || !take_sums(&k)) {
    drop(&k);
    return cli_fail_memory(report->c);
  }
  k.out = k.v + numbers * sizeof(float);
  int code = bench_random(report->c, SYMO_F32, numbers, 2, k.v);
  symo_status status = code == CLI_DONE ? measure(report, &k) : SYMO_OK;
  if (code == CLI_DONE && status != SYMO_OK) code = cli_fail_status(report->c, status);
  if (code == CLI_DONE) add_rows(report, &k);
  drop(&k);
  return code;
}

static bool wanted(const bench_report *report, const char *net, char *name, size_t size) {
  (void)snprintf(name, size, "curvature %s", net);
  return report->only == NULL || strstr(name, report->only) != NULL;
}

/* A network on the digits. */
static int run_net(bench_report *report, const char *net) {
  char name[64];
  if (!wanted(report, net, name, sizeof name)) return CLI_DONE;
  network_spec spec = {.net = symo_net_spec_default(),
                       .data = "digits",
                       .groups = "auto",
                       .init_scale = 0.1,
                       .seed = 1,
                       .target_scale = 1};
  symo_status status = symo_net_parse(cli_context(report->c), net, &spec.net);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  spec.net.dtype = SYMO_F32;
  spec.net.loss = SYMO_LOSS_CROSS_ENTROPY;
  spec.net.activation = SYMO_ACT_TANH;
  network_point setup;
  int code = network_point_open(report->c, &spec, &setup);
  if (code == CLI_DONE) code = run_problem(report, name, &setup.problem, setup.theta);
  network_point_destroy(&setup);
  return code;
}

static int run_gpt(bench_report *report) {
  char name[64];
  if (!wanted(report, "gpt 4 x 128", name, sizeof name)) return CLI_DONE;
  symo_gpt_spec gpt = symo_gpt_spec_default();
  symo_net *net = NULL;
  symo_rng *rng = NULL;
  void *theta = NULL;
  symo_context *context = cli_context(report->c);
  gpt.vocabulary = 65, gpt.block = 64, gpt.width = 128, gpt.heads = 4, gpt.layers = 4;
  symo_status status = bench_gpt_net(context, &gpt, 12, &net);
  if (status == SYMO_OK) status = symo_rng_create(context, 1, &rng);
  if (status == SYMO_OK) {
    theta = symo_malloc(symo_net_num_parameters(net) * sizeof(float));
    if (theta == NULL) status = symo_fail_memory(context, "bench");
  }
  int code = CLI_DONE;
  if (status == SYMO_OK) {
    symo_problem problem = symo_net_problem(net);
    symo_gpt_init(net, rng, theta);
    code = run_problem(report, name, &problem, theta);
  } else {
    code = cli_fail_status(report->c, status);
  }
  symo_free(theta);
  symo_rng_destroy(rng);
  symo_net_destroy(net);
  return code;
}

static int run(bench_report *report) {
  static const char *const nets[] = {"64-128-128-10", "conv:8x8x1-c16k3-p2-10", "rnn:8x8-64-10"};
  int code = CLI_DONE;
  for (size_t i = 0; i < sizeof nets / sizeof nets[0] && code == CLI_DONE; i++)
    code = run_net(report, nets[i]);
  return code == CLI_DONE ? run_gpt(report) : code;
}

const bench_subject bench_subject_curvature = {
    .name = "curvature",
    .summary = "products, layer statistics and gradients of single examples against the time of a "
               "gradient",
    .run = run};
