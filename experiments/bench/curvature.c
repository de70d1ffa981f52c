/* Products with the Hessian and the Gauss-Newton matrix, against the time of a gradient in the same
 * run.
 *
 * A gradient takes three products of a weight's size: forward, and two backward.  A product with
 * the Hessian along one direction takes eight (forward, backward without the weights' gradients,
 * two of the tangent, four of its way back), one with the Gauss-Newton matrix five (forward, two,
 * two), at most, as the first layer needs fewer.  Several directions at once share forward and
 * backward.  Every figure is the least of its repetitions, of gradient and product in turn. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/bench/gpt.h"
#include "experiments/models/network_point.h"

enum { MANY = 16, REPEATS = 15 };

typedef symo_status (*product)(void *self, const void *theta, size_t k, const void *v, void *av);

/* Seconds of the least call of each: gradient, products along one and along MANY directions. */
typedef struct curvature_times {
  double gradient, hvp, ggn, hvps, ggns;
} curvature_times;

/* On one thread of the processor, whatever else runs. */
static double seconds(void) {
  return symo_get_threads() == 1 ? bench_gpt_processor() : cli_seconds();
}

static symo_status time_gradient(const symo_problem *p, const void *theta, void *out,
                                 double *best) {
  double loss, start = seconds();
  symo_status status = p->gradient(p->self, theta, &loss, out);
  *best = fmin(*best, seconds() - start);
  return status;
}

static symo_status time_product(const symo_problem *p, product f, const void *theta, size_t k,
                                const void *v, void *out, double *best) {
  double start = seconds();
  symo_status status = f(p->self, theta, k, v, out);
  *best = fmin(*best, seconds() - start);
  return status;
}

static symo_status measure(bench_report *report, const char *name, const symo_problem *p,
                           const void *theta, const void *v, void *out, curvature_times *t) {
  size_t repeats = report->repeats > 0 ? report->repeats : REPEATS;
  symo_status status = SYMO_OK;
  *t = (curvature_times){INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
  for (size_t r = 0; r < repeats + 1; r++) { /* the first allocates */
    cli_progress(report->c, "%s: %zu of %zu", name, r, repeats);
    if (r == 1) *t = (curvature_times){INFINITY, INFINITY, INFINITY, INFINITY, INFINITY};
    SYMO_TRY(time_gradient(p, theta, out, &t->gradient));
    SYMO_TRY(time_product(p, p->hvp, theta, 1, v, out, &t->hvp));
    SYMO_TRY(time_product(p, p->ggn, theta, 1, v, out, &t->ggn));
    SYMO_TRY(time_product(p, p->hvp, theta, MANY, v, out, &t->hvps));
    SYMO_TRY(time_product(p, p->ggn, theta, MANY, v, out, &t->ggns));
  }
fail:
  return status;
}

static void add(bench_report *report, const char *name, const char *what, double seconds,
                double gradient, size_t k, bench_target target) {
  bench_row row = {.figure = 1e3 * seconds / (double)k,
                   .unit = "ms",
                   .floor = 1e3 * gradient,
                   .ratio = seconds / (double)k / gradient,
                   .target = target};
  bench_add(report, row, "%s, %s", name, what);
}

static int run_problem(bench_report *report, const char *name, const symo_problem *p,
                       const void *theta) {
  const size_t numbers = MANY * p->size;
  curvature_times t;
  float *v = symo_malloc(2 * numbers * sizeof *v);
  if (v == NULL) return cli_fail_memory(report->c);
  int code = bench_random(report->c, SYMO_F32, numbers, 2, v);
  symo_status status =
      code == CLI_DONE ? measure(report, name, p, theta, v, v + numbers, &t) : SYMO_OK;
  symo_free(v);
  if (code != CLI_DONE) return code;
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  add(report, name, "gradient", t.gradient, t.gradient, 1, BENCH_NO_TARGET);
  add(report, name, "Hessian product", t.hvp, t.gradient, 1, BENCH_TARGET_HVP);
  add(report, name, "Gauss-Newton product", t.ggn, t.gradient, 1, BENCH_TARGET_GGN);
  add(report, name, "each of 16 Hessian products", t.hvps, t.gradient, MANY, BENCH_NO_TARGET);
  add(report, name, "each of 16 Gauss-Newton products", t.ggns, t.gradient, MANY, BENCH_NO_TARGET);
  return CLI_DONE;
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
    .name = "curvature", .summary = "products against the time of a gradient", .run = run};
