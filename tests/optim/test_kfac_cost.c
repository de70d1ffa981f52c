/* What steps of K-FAC cost, and the roads that make them cheaper: inverses in place of eigenbases,
 * fewer test vectors where the rank is small; memory by the plan and time by item. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "net/gpt.h"
#include "optim/optim.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/net/test_net_support.h"
#include "tests/support/dense.h"
#include "tests/support/stepping.h"

typedef struct run {
  symo_context *context;
  symo_layout *layout;
  symo_optim *optim;
  symo_optim_state *state;
  void *theta;
} run;

static run open_run(const net_case *c, const char *preset, const char *settings) {
  run r = {.context = c->context};
  symo_rule rules[4];
  symo_method method;
  symo_optim_spec plan = symo_optim_spec_default();
  cr_ok(r.context, symo_method_preset(r.context, preset, &method));
  symo_test_settings(r.context, &method, settings);
  cr_ok(r.context, symo_optim_preset_rules(r.context, &method, &plan.num_rules, rules));
  plan.rules = rules, plan.dtype = c->spec.dtype;
  plan.num_sites = c->problem.num_sites, plan.sites = c->problem.sites;
  cr_ok(r.context, symo_net_layout(r.context, &c->spec, "identity", &r.layout));
  cr_ok(r.context, symo_optim_create(r.layout, &plan, &r.optim));
  cr_ok(r.context, symo_optim_state_create(r.optim, &r.state));
  const size_t bytes = c->size * symo_dtype_size(c->spec.dtype);
  r.theta = symo_malloc(bytes);
  memcpy(r.theta, c->packed, bytes);
  return r;
}

static void close_run(run *r) {
  symo_free(r->theta);
  symo_optim_state_destroy(r->state);
  symo_optim_destroy(r->optim);
  symo_layout_destroy(r->layout);
}

static net_case open_case(const char *net, symo_dtype dtype, size_t examples) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.loss = SYMO_LOSS_CROSS_ENTROPY, spec.dtype = dtype;
  return net_case_create(&spec, examples, 0.3, 3);
}

static symo_step_report step(run *r, const symo_problem *p) {
  symo_step_report report;
  cr_ok(r->context, symo_optim_problem_step(r->state, p, r->theta, NULL, &report));
  cr_assert(report.accepted && report.failed_roots == 0);
  return report;
}

/* ---- inverses ---- */

/* The same steps as by eigenbases, which `solver=eigh` asks for. */
static void check_inverses(net_case *c, const char *settings) {
  char own[256];
  snprintf(own, sizeof own, "solver=eigh %s", settings);
  run a = open_run(c, "kfac", settings), b = open_run(c, "kfac", own);
  cr_assert(symo_optim_cost_of(a.optim).flops_per_step <
            0.6 * symo_optim_cost_of(b.optim).flops_per_step);
  double *x = net_vector(c->size), *y = net_vector(c->size);
  for (int k = 0; k < 8; k++) {
    const symo_step_report report = step(&a, &c->problem);
    (void)step(&b, &c->problem);
    if (report.refreshes > 0)
      cr_assert(report.worst_condition >= 1 && report.effective_rank >= 1, "%g %g",
                report.worst_condition, report.effective_rank);
    symo_test_unpack(c->spec.dtype, a.theta, x, c->size);
    symo_test_unpack(c->spec.dtype, b.theta, y, c->size);
    /* Systems of condition 1e3 at most. */
    cr_assert(symo_test_rel(x, y, c->size) <= symo_test_bound(c->spec.dtype, 10, 1000),
              "%s: step %d: %g", settings, k + 1, symo_test_rel(x, y, c->size));
  }
  symo_free(x), symo_free(y);
  close_run(&a), close_run(&b);
}

static const char *const plain[] = {
    "lr=0.02 statistics_every=2 refresh_every=3 eps=0.05",
    "lr=0.02 statistics_every=1 refresh_every=1 eps=0.05 stagger=false kl_clip=0 fisher=exact",
};

Test(optim_kfac_cost, inverses_are_those_of_eigenbases) {
  static const char *const nets[] = {"9-12-5", "conv:4x4x2-c3k3-p2-4", "rnn:4x3-6-3"};
  for (size_t k = 0; k < 6; k++) {
    net_case c = open_case(nets[k / 2], SYMO_F64, 40);
    check_inverses(&c, plain[k % 2]);
    net_case_destroy(&c);
  }
}

/* Inputs of tables are diagonals. */
Test(optim_kfac_cost, inverses_of_tables) {
  symo_gpt_spec gpt = gpt_combination(0);
  gpt.dropout = 0, gpt.tied = false;
  net_case c = gpt_case_create(&gpt, 6, 0.2, 5);
  check_inverses(&c, plain[0]);
  net_case_destroy(&c);
}

/* Inputs that are the same in every example: A of rank one, and a damping below what rounding leaves
 * of it: roots are found nevertheless. */
Test(optim_kfac_cost, factors_that_rounding_leaves_indefinite) {
  net_case c = open_case("40-30-5", SYMO_F32, 20);
  for (size_t i = 0; i < 20 * 40; i++) c.x[i] = 30 * cos((double)(i % 40));
  cr_ok(c.context, symo_net_set_data(c.net, 20, c.x, c.y));
  run r = open_run(&c, "kfac",
                   "eps=1e-14 lr=0.01 statistics_every=1 refresh_every=1 fisher=empirical "
                   "momentum=0");
  for (int k = 0; k < 5; k++) (void)step(&r, &c.problem);
  double *x = net_vector(c.size);
  symo_test_unpack(SYMO_F32, r.theta, x, c.size);
  for (size_t i = 0; i < c.size; i++) cr_assert(isfinite(x[i]));
  symo_free(x);
  close_run(&r);
  net_case_destroy(&c);
}

/* ---- memory and time ---- */

/* The plan counts all that a state and its steps allocate, and not much more. */
Test(optim_kfac_cost, plans_count_layer_statistics) {
  static const char *const presets[] = {"kfac", "ekfac", "kfac-lowrank"};
  for (size_t k = 0; k < 3; k++) {
    net_case c = open_case("200-90-10", SYMO_F32, 16);
    double loss;
    void *grad = symo_malloc(c.size * sizeof(float));
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss, grad));
    run r = open_run(&c, presets[k], "statistics_every=1 refresh_every=1");
    const symo_optim_cost cost = symo_optim_cost_of(r.optim);
    symo_optim_state_destroy(r.state);
    const size_t base = symo_alloc_live_bytes();
    symo_alloc_reset_peak();
    cr_ok(c.context, symo_optim_state_create(r.optim, &r.state));
    for (int t = 0; t < 3; t++) (void)step(&r, &c.problem);
    const double peak = (double)(symo_alloc_peak_bytes() - base);
    const double told = cost.state_bytes + cost.work_bytes;
    /* Beside it pointers, and rows that statistics are taken of. */
    cr_assert(peak <= 1.15 * told && peak >= 0.9 * told, "%s: %g, %g by the plan", presets[k], peak,
              told);
    symo_free(grad);
    close_run(&r);
    net_case_destroy(&c);
  }
}

/* A problem whose gradient takes 10 by the clock, and 14 with statistics. */
typedef struct timed {
  const symo_problem *inner;
  double now;
} timed;

static double now_of(void *self) { return ((timed *)self)->now; }

static symo_status slow_gradient(void *self, const void *theta, double *loss, void *grad) {
  timed *t = self;
  t->now += 10;
  return t->inner->gradient(t->inner->self, theta, loss, grad);
}

static symo_status slow_factors(void *self, const void *theta, double *loss, void *grad,
                                const symo_factor_request *request) {
  timed *t = self;
  t->now += 14;
  return t->inner->factors(t->inner->self, theta, loss, grad, request);
}

Test(optim_kfac_cost, statistics_are_timed_beside_the_gradient) {
  net_case c = open_case("9-12-5", SYMO_F64, 20);
  timed t = {&c.problem, 0};
  symo_problem p = c.problem;
  p.self = &t, p.gradient = slow_gradient, p.factors = slow_factors;
  p.loss = NULL, p.hvp = NULL, p.ggn = NULL, p.hessian = NULL, p.hold = NULL;
  run r = open_run(&c, "kfac", "statistics_every=2");
  symo_optim_state_set_clock(r.state, now_of, &t);
  for (int k = 0; k < 6; k++) {
    const symo_step_report report = step(&r, &p);
    const double extra = k % 2 == 0 && k > 0 ? 4 : 0;
    cr_assert(report.seconds.gradient == (k == 0 ? 14 : 10), "%g", report.seconds.gradient);
    cr_assert(report.seconds.statistics == extra, "%g", report.seconds.statistics);
  }
  close_run(&r);
  net_case_destroy(&c);
}

/* ---- test vectors ---- */

static size_t columns_asked(run *r, net_case *c) {
  const symo_factor_request *request = symo_optim_state_factors(r->state);
  const size_t columns = request->sums[0].input_columns;
  (void)step(r, &c->problem);
  return columns;
}

/* Inputs of 3 directions take few test vectors after the first look; when all 30 come, the rank
 * grows to its cap again. */
Test(optim_kfac_cost, test_vectors_follow_the_rank) {
  enum { EXAMPLES = 200, CAP = 24 };
  net_case c = open_case("30-8-5", SYMO_F64, EXAMPLES);
  run r =
      open_run(&c, "kfac-lowrank",
               "lr=0.001 statistics_every=1 skip_tolerance=0 beta2=0.5 rank=24 rank_share=0.95");
  double *all = net_vector(EXAMPLES * 30);
  memcpy(all, c.x, EXAMPLES * 30 * sizeof *all);
  for (size_t e = 0; e < EXAMPLES; e++)
    for (size_t i = 3; i < 30; i++) c.x[e * 30 + i] = 0;
  cr_ok(c.context, symo_net_set_data(c.net, EXAMPLES, c.x, c.y));
  cr_assert_eq(columns_asked(&r, &c), 31);
  const size_t few = columns_asked(&r, &c);
  cr_assert(few <= 4 + 8, "%zu", few);
  memcpy(c.x, all, EXAMPLES * 30 * sizeof *all);
  cr_ok(c.context, symo_net_set_data(c.net, EXAMPLES, c.x, c.y));
  size_t most = 0;
  for (int k = 0; k < 8; k++) most = columns_asked(&r, &c);
  cr_assert_eq(most, 31);
  symo_free(all);
  close_run(&r);
  net_case_destroy(&c);
}
