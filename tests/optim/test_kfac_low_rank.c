/* K-FAC of low rank: at full rank the dense one, below it as near as the spectrum lets it be;
 * memory that grows as the width, by the counting allocator. */
#include <math.h>
#include <stdio.h>

#include "core/linalg.h"
#include "optim/optim.h"
#include "tests/net/test_net_support.h"
#include "tests/support/dense.h"
#include "tests/support/stepping.h"

#include <stdlib.h>

typedef struct run {
  net_case c;
  symo_layout *layout;
  symo_optim *optim;
  symo_optim_state *state;
  double *theta;
} run;

static symo_method method_of(symo_context *context, const char *settings) {
  symo_method m;
  cr_ok(context, symo_method_preset(context, "kfac-lowrank", &m));
  symo_test_settings(context, &m, settings);
  return m;
}

static run open_run(const char *net, size_t examples, const char *settings) {
  run r = {.layout = NULL};
  symo_net_spec spec = symo_net_spec_default();
  symo_rule rule = {.pattern = "*", .max_order = 8};
  symo_optim_spec plan = symo_optim_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.loss = SYMO_LOSS_CROSS_ENTROPY;
  r.c = net_case_create(&spec, examples, 0.3, 3);
  rule.method = method_of(r.c.context, settings);
  plan.rules = &rule, plan.num_rules = 1;
  plan.num_sites = r.c.problem.num_sites, plan.sites = r.c.problem.sites;
  cr_ok(r.c.context, symo_net_layout(r.c.context, &spec, NULL, &r.layout));
  cr_ok(r.c.context, symo_optim_create(r.layout, &plan, &r.optim));
  cr_ok(r.c.context, symo_optim_state_create(r.optim, &r.state));
  r.theta = net_vector(r.c.size);
  memcpy(r.theta, r.c.theta, r.c.size * sizeof *r.theta);
  return r;
}

static void close_run(run *r, bool leaks) {
  symo_free(r->theta);
  symo_optim_state_destroy(r->state);
  symo_optim_destroy(r->optim);
  symo_layout_destroy(r->layout);
  if (leaks) {
    net_case_destroy(&r->c);
    return;
  }
  symo_free(r->c.theta), symo_free(r->c.packed), symo_free(r->c.x), symo_free(r->c.y);
  symo_net_destroy(r->c.net);
  symo_rng_destroy(r->c.rng);
  symo_context_destroy(r->c.context);
}

static void step(run *r) {
  cr_ok(r->c.context, symo_optim_problem_step(r->state, &r->c.problem, r->theta, NULL, NULL));
}

#define COMMON "lr=0.02 kl_clip=0 statistics_every=2 skip_tolerance=0 rank_share=0 fisher=exact "

Test(optim_kfac_low_rank, full_rank_is_dense) {
  static const char *const dampings[] = {"damping=constant eps=0.05", "damping=factored eps=0.05",
                                         "damping=trace eps=0.5"};
  for (size_t k = 0; k < 3; k++) {
    char low[256], whole[256];
    snprintf(low, sizeof low, COMMON "rank=1000 %s", dampings[k]);
    snprintf(whole, sizeof whole, COMMON "rank=0 %s", dampings[k]);
    run a = open_run("9-12-5", 40, low), b = open_run("9-12-5", 40, whole);
    for (int t = 0; t < 8; t++) {
      step(&a);
      step(&b);
      const double error = symo_test_rel(a.theta, b.theta, a.c.size);
      cr_assert(error <= 1e-8, "%s: step %d: %g", dampings[k], t + 1, error);
    }
    close_run(&a, false);
    close_run(&b, true);
  }
}

static symo_state_entry entry_of(run *r, const char *name) {
  for (size_t i = 0; i < symo_optim_state_num_entries(r->state); i++) {
    symo_state_entry e = symo_optim_state_entry(r->state, i);
    if (strstr(e.name, name) != NULL) return e;
  }
  cr_assert_fail("no entry %s", name);
  return (symo_state_entry){0};
}

/* V' L V + tau (I - V'V). */
static void dense_of(run *r, const char *side, size_t n, double *out) {
  char name[64];
  snprintf(name, sizeof name, "w1.%s.values", side);
  const symo_state_entry values = entry_of(r, name);
  snprintf(name, sizeof name, "w1.%s.basis", side);
  const double *v = entry_of(r, name).data, *w = values.data;
  const size_t k = entry_of(r, name).shape[0];
  const double tail = w[k], active = w[k + 1];
  for (size_t i = 0; i < n * n; i++) {
    out[i] = i % (n + 1) == 0 ? tail : 0;
    for (size_t e = 0; e < (size_t)active; e++)
      out[i] += (w[e] - tail) * v[e * n + i / n] * v[e * n + i % n];
  }
}

/* The same statistics again and again (lr 0): the best that rank k and a tail can do is the root of
 * the sum of (w - mean)^2 over the eigenvalues left out. */
Test(optim_kfac_low_rank, error_falls_as_the_discarded_spectrum) {
  enum { N = 31, EXAMPLES = 200 };
  double before = INFINITY;
  run whole = open_run("30-8-5", EXAMPLES, COMMON "lr=0 rank=0 momentum=0");
  double w[N], v[N * N], a[N * N], low[N * N];
  /* Inputs of very different sizes. */
  for (size_t i = 0; i < EXAMPLES * 30; i++) whole.c.x[i] *= pow(0.8, (double)(i % 30));
  cr_ok(whole.c.context, symo_net_set_data(whole.c.net, EXAMPLES, whole.c.x, whole.c.y));
  step(&whole);
  const double *average = entry_of(&whole, "w1.inputs.average").data;
  for (size_t i = 0; i < N * N; i++) a[i] = average[i / N >= i % N ? i : i % N * N + i / N];
  symo_dense_eigen(N, a, w, v);
  for (size_t k = 2; k <= 14; k += 4) {
    char settings[256];
    snprintf(settings, sizeof settings, COMMON "lr=0 rank=%zu momentum=0 statistics_every=1", k);
    run r = open_run("30-8-5", EXAMPLES, settings);
    cr_ok(r.c.context, symo_net_set_data(r.c.net, EXAMPLES, whole.c.x, whole.c.y));
    for (int t = 0; t < 60; t++) step(&r);
    dense_of(&r, "inputs", N, low);
    double error = 0, tail = 0, best = 0;
    for (size_t i = 0; i < N * N; i++) error += (low[i] - a[i]) * (low[i] - a[i]);
    for (size_t i = 0; i + k < N; i++) tail += w[i] / (double)(N - k);
    for (size_t i = 0; i + k < N; i++) best += (w[i] - tail) * (w[i] - tail);
    error = sqrt(error), best = sqrt(best);
    cr_assert(error <= 1.1 * best, "rank %zu: %g, at best %g", k, error, best);
    cr_assert(error < 0.7 * before, "rank %zu: %g, %g before", k, error, before);
    before = error;
    close_run(&r, false);
  }
  close_run(&whole, true);
}

/* As many pairs as have the share, and no more than the cap. */
Test(optim_kfac_low_rank, the_rank_follows_the_trace) {
  enum { N = 31, EXAMPLES = 200 };
  static const double shares[] = {0.5, 0.9, 0.99};
  double before = 0;
  for (size_t k = 0; k < 3; k++) {
    char settings[256];
    snprintf(settings, sizeof settings,
             "lr=0 kl_clip=0 momentum=0 fisher=exact skip_tolerance=0 statistics_every=1 rank=20 "
             "rank_share=%g",
             shares[k]);
    run r = open_run("30-8-5", EXAMPLES, settings);
    for (size_t i = 0; i < EXAMPLES * 30; i++) r.c.x[i] *= pow(0.8, (double)(i % 30));
    cr_ok(r.c.context, symo_net_set_data(r.c.net, EXAMPLES, r.c.x, r.c.y));
    for (int t = 0; t < 4; t++) step(&r);
    const double *values = entry_of(&r, "w1.inputs.values").data;
    const double active = values[21], trace = values[22];
    double sum = 0, less = 0;
    for (size_t i = 0; i < (size_t)active; i++) less = sum, sum += values[i];
    cr_assert(sum >= shares[k] * trace && less < shares[k] * trace, "share %g: %g pairs", shares[k],
              active);
    cr_assert(active > before && active <= 20);
    before = active;
    close_run(&r, true);
  }
}

/* ---- memory ---- */

/* Peak bytes of a state, its plan and five steps, without those of the network. */
static double peak_of(const char *net, const char *settings) {
  symo_net_spec spec = symo_net_spec_default();
  symo_rule rule = {.pattern = "*", .max_order = 8};
  symo_optim_spec plan = symo_optim_spec_default();
  symo_layout *layout = NULL;
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  double loss;
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.loss = SYMO_LOSS_CROSS_ENTROPY;
  net_case c = net_case_create(&spec, 16, 0.05, 3);
  double *grad = net_vector(c.size);
  rule.method = method_of(c.context, settings);
  plan.rules = &rule, plan.num_rules = 1;
  plan.num_sites = c.problem.num_sites, plan.sites = c.problem.sites;
  cr_ok(c.context, symo_net_layout(c.context, &spec, "identity", &layout));
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss, grad));
  const size_t base = symo_alloc_live_bytes();
  symo_alloc_reset_peak();
  cr_ok(c.context, symo_optim_create(layout, &plan, &optim));
  cr_ok(c.context, symo_optim_state_create(optim, &state));
  const size_t before = symo_alloc_live_bytes();
  for (int t = 0; t < 5; t++)
    cr_ok(c.context, symo_optim_problem_step(state, &c.problem, c.packed, &loss, NULL));
  cr_assert_eq(symo_alloc_live_bytes(), before); /* nothing stays of a step */
  /* Momentum, gradient, direction and what a direction works with: some vectors of all parameters.
   * */
  const double bytes = (double)(symo_alloc_peak_bytes() - base);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_free(grad);
  net_case_destroy(&c);
  return bytes;
}

/* A thin output: factors are all there is.  At a rank that stays, twice the width is twice the
 * memory; whole factors take four times as much. */
Test(optim_kfac_low_rank, memory_grows_as_the_width) {
  static const char low[] = "statistics_every=2 rank=12 rank_share=0",
                    whole[] = "statistics_every=2 rank=0 rank_share=0";
  const double small = peak_of("300-4", low), large = peak_of("600-4", low);
  const double small_whole = peak_of("300-4", whole), large_whole = peak_of("600-4", whole);
  cr_assert(large <= 2.2 * small, "%g, %g", small, large);
  cr_assert(large_whole >= 3.5 * small_whole, "%g, %g", small_whole, large_whole);
  cr_assert(large <= 600 * (12 + 8) * 8 * 12, "%g bytes", large); /* a dozen panels */
}

/* At rank 15 % of wide layers, with everything that the optimizer holds. */
Test(optim_kfac_low_rank, rank_of_fifteen_percent_takes_62_percent_less) {
  const double whole = peak_of("784-256-10", "statistics_every=2 rank=0 rank_share=0");
  const double low = peak_of("784-256-10", "statistics_every=2 rank=0.15 rank_share=0");
  cr_assert(low <= 0.38 * whole, "%g of %g: %g", low, whole, low / whole);
}
