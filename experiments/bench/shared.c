/* Steps that share what they compute at one theta, against the same steps without (symo_problem.hold):
 * seconds of the processor, in turn, and passes of each kind, which the names of the rows give: an
 * example is 1 / examples of a pass, a direction of a tangent pass one.
 *
 * Iterations and damping are held fixed, so that both do the same: ten of conjugate gradients; or a
 * Cholesky factor, of the inner products of the examples' gradients. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/bench/gpt.h"
#include "experiments/models/network_point.h"

enum { REPEATS = 15, EXAMPLES = 128, WAYS = 2 };

typedef struct shared_case {
  const network_point *at;
  const char *preset;
  bool iterates;
  symo_layout *layout;
  symo_optim *optim;
  void *theta;
  double best[WAYS];
  symo_net_counts passes[WAYS];
} shared_case;

static const struct {
  const char *preset;
  bool iterates;
} methods[] = {{"newton-cg", true}, {"ggn-cg", true}, {"egn-cg", true}, {"ngd", false}};

static symo_status open_method(symo_context *context, shared_case *k) {
  symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_status status = symo_method_preset(context, k->preset, &rule.method);
  if (status == SYMO_OK) status = symo_method_set(context, &rule.method, "damping", "constant");
  if (status == SYMO_OK && k->iterates)
    status = symo_method_set(context, &rule.method, "solver_steps", "10");
  if (status == SYMO_OK && k->iterates)
    status = symo_method_set(context, &rule.method, "solver_tolerance", "1e-30");
  spec.num_rules = 1, spec.rules = &rule, spec.dtype = SYMO_F32;
  return status == SYMO_OK ? symo_optim_create(k->layout, &spec, &k->optim) : status;
}

/* One step from theta, by a state of its own. */
static symo_status step(shared_case *k, int way, double *took) {
  const size_t bytes = k->at->parameters * sizeof(float);
  symo_problem problem = k->at->problem;
  symo_optim_state *state = NULL;
  symo_step_report report;
  double loss;
  if (way == 1) problem.hold = NULL;
  symo_status status = symo_optim_state_create(k->optim, &state);
  if (status != SYMO_OK) return status;
  memcpy(k->theta, k->at->theta, bytes);
  const symo_net_counts before = symo_net_get_counts(k->at->net);
  const double start = symo_get_threads() == 1 ? cli_processor() : cli_seconds();
  status = symo_optim_problem_step(state, &problem, k->theta, &loss, &report);
  *took = (symo_get_threads() == 1 ? cli_processor() : cli_seconds()) - start;
  const symo_net_counts now = symo_net_get_counts(k->at->net);
  k->passes[way] = (symo_net_counts){now.forward - before.forward, now.backward - before.backward,
                                     now.tangent - before.tangent,
                                     now.backward_tangent - before.backward_tangent};
  symo_optim_state_destroy(state);
  return status;
}

static symo_status measure(bench_report *report, const char *net, shared_case *k) {
  const size_t repeats = report->repeats > 0 ? report->repeats : REPEATS;
  for (size_t r = 0; r < repeats + 1; r++) /* the first allocates */
    for (int way = 0; way < WAYS; way++) {
      double took;
      cli_progress(report->c, "%s %s: %zu of %zu", net, k->preset, r, repeats);
      symo_status status = step(k, way, &took);
      if (status != SYMO_OK) return status;
      k->best[way] = r <= 1 ? took : fmin(k->best[way], took);
    }
  return SYMO_OK;
}

static void add(bench_report *report, const char *net, const shared_case *k) {
  for (int way = 0; way < WAYS; way++) {
    const symo_net_counts *c = &k->passes[way];
    bench_row row = {.figure = 1e3 * k->best[way],
                     .unit = "ms",
                     .floor = 1e3 * k->best[0],
                     .ratio = k->best[way] / k->best[0]};
    bench_add(report, row, "%s, %s, %s: passes %.3g %.3g %.3g %.3g", net, k->preset,
              way == 0 ? "shared" : "apart", c->forward, c->backward, c->tangent,
              c->backward_tangent);
  }
}

static symo_status run_methods(bench_report *report, const char *net, const network_point *at) {
  symo_context *context = cli_context(report->c);
  shared_case k = {.at = at};
  symo_status status = SYMO_OK;
  k.theta = symo_malloc(at->parameters * sizeof(float));
  if (k.theta == NULL) return symo_fail_memory(context, "bench");
  SYMO_TRY(symo_net_layout(context, symo_net_get_spec(at->net), NULL, &k.layout));
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    k.preset = methods[i].preset, k.iterates = methods[i].iterates;
    SYMO_TRY(open_method(context, &k));
    SYMO_TRY(measure(report, net, &k));
    add(report, net, &k);
    symo_optim_destroy(k.optim);
    k.optim = NULL;
  }
fail:
  symo_optim_destroy(k.optim);
  symo_layout_destroy(k.layout);
  symo_free(k.theta);
  return status;
}

static int run_net(bench_report *report, const char *net) {
  network_spec spec = {.net = symo_net_spec_default(),
                       .data = "digits",
                       .groups = "auto",
                       .examples = EXAMPLES,
                       .init_scale = 0.1,
                       .seed = 1,
                       .target_scale = 1};
  if (report->only != NULL && strstr(net, report->only) == NULL) return CLI_DONE;
  symo_status status = symo_net_parse(cli_context(report->c), net, &spec.net);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  spec.net.dtype = SYMO_F32;
  spec.net.loss = SYMO_LOSS_CROSS_ENTROPY;
  spec.net.activation = SYMO_ACT_TANH;
  network_point point;
  int code = network_point_open(report->c, &spec, &point);
  if (code == CLI_DONE) {
    status = run_methods(report, net, &point);
    if (status != SYMO_OK) code = cli_fail_status(report->c, status);
  }
  network_point_destroy(&point);
  return code;
}

static int run(bench_report *report) {
  static const char *const nets[] = {"64-128-128-10", "conv:8x8x1-c16k3-p2-10", "rnn:8x8-64-10"};
  int code = CLI_DONE;
  for (size_t i = 0; i < sizeof nets / sizeof nets[0] && code == CLI_DONE; i++)
    code = run_net(report, nets[i]);
  return code;
}

const bench_subject bench_subject_shared = {
    .name = "shared",
    .summary = "steps that share passes at one theta against steps that do not",
    .run = run};
