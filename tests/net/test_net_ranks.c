/* A network in several processes: to the bit what one process comes to with as many lanes; products
 * up to rounding what it comes to by itself. */
#include "core/comm.h"
#include "core/pool.h"
#include "tests/net/test_net_support.h"
#include "tests/support/factors.h"
#include "tests/support/ranks.h"

#include <math.h>

static const char *const nets[] = {"7-12-9-4", "rnn:4x3-6-2",
                                   "conv:4x4x2-c4k3-res-rms-c4k3-add-m2-5"};
enum { NUM_NETS = sizeof nets / sizeof *nets, EXAMPLES = 37, DIRECTIONS = 3 };

/* Loss, gradient, evaluation, products with the Hessian and the Gauss-Newton matrix, statistics of
 * the first layer with labels that are sampled. */
typedef struct outcome {
  double loss, held, accuracy, *grad, *hv, *gv, *inputs, *outputs, count;
} outcome;

typedef struct ranks_case {
  const char *net;
  size_t combination, examples;
  outcome of[TEST_MOST_RANKS];
} ranks_case;

static void copy_lower(size_t n, const double *from, double *to) {
  for (size_t i = 0; i < n; i++) memcpy(to + i * n, from + i * n, (i + 1) * sizeof *to);
}

/* Twice: what is there already counts once. */
static void take_statistics(net_case *c, outcome *o) {
  factor_case f = factor_case_create(&c->problem, SYMO_SHARING_EXPAND, 0, false, c->rng);
  symo_factor_request request = factor_case_request(&f, SYMO_FISHER_SAMPLED);
  const size_t m = symo_factor_width(&c->problem.sites[0], &f.sums[0]);
  const size_t n = c->problem.sites[0].outputs;
  for (request.seed = 1; request.seed <= 2; request.seed++)
    cr_ok(c->context, c->problem.factors(c->problem.self, c->packed, &o->held, NULL, &request));
  o->inputs = net_vector(m * m), o->outputs = net_vector(n * n);
  copy_lower(m, f.sums[0].inputs, o->inputs);
  copy_lower(n, f.sums[0].outputs, o->outputs);
  o->count = f.sums[0].input_count + f.sums[0].output_trace;
  factor_case_destroy(&f);
}

static outcome take(net_case *c) {
  outcome o = {.grad = net_vector(c->size),
               .hv = net_vector(DIRECTIONS * c->size),
               .gv = net_vector(DIRECTIONS * c->size)};
  double *v = net_random(c, DIRECTIONS * c->size);
  void *self = c->problem.self;
  cr_ok(c->context, c->problem.gradient(self, c->packed, &o.loss, o.grad));
  cr_ok(c->context, symo_net_evaluate(c->net, c->packed, &o.held, &o.accuracy));
  cr_ok(c->context, c->problem.hvp(self, c->packed, DIRECTIONS, v, o.hv));
  cr_ok(c->context, c->problem.ggn(self, c->packed, DIRECTIONS, v, o.gv));
  symo_free(v);
  take_statistics(c, &o);
  return o;
}

static void drop(outcome *o) {
  double *all[] = {o->grad, o->hv, o->gv, o->inputs, o->outputs};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) symo_free(all[i]);
}

static net_case make(const ranks_case *r) {
  symo_net_spec spec = net_combination(r->combination, r->net);
  return net_case_create(&spec, r->examples, 0.6, 91);
}

static void take_rank(const symo_comm *comm, void *arg) {
  ranks_case *r = arg;
  net_case c = make(r);
  symo_net_set_comm(c.net, comm);
  r->of[comm->rank] = take(&c);
  net_case_drop(&c);
}

static void check(const outcome *o, const outcome *lanes, const outcome *alone, const net_case *c,
                  const char *net) {
  const size_t bytes = c->size * sizeof *o->grad, all = DIRECTIONS * c->size;
  const symo_factor_site *site = &c->problem.sites[0];
  const size_t m = site->inputs + (site->bias != SYMO_NONE), n = site->outputs;
  const double bound = symo_test_bound(SYMO_F64, EXAMPLES, 100);
  cr_assert(o->loss == lanes->loss && o->held == lanes->held, "%s", net);
  cr_assert(o->accuracy == lanes->accuracy || (isnan(o->accuracy) && isnan(lanes->accuracy)));
  cr_assert_eq(memcmp(o->grad, lanes->grad, bytes), 0, "%s", net);
  cr_assert(symo_test_rel(o->hv, alone->hv, all) <= bound);
  cr_assert(symo_test_rel(o->gv, alone->gv, all) <= bound);
  cr_assert(symo_test_rel(o->inputs, alone->inputs, m * m) <= bound, "%s", net);
  cr_assert(symo_test_rel(o->outputs, alone->outputs, n * n) <= bound, "%s", net);
  cr_assert(fabs(o->count - alone->count) <= bound * fabs(alone->count));
}

static void check_ranks(const char *net, size_t combination, size_t examples, int size) {
  ranks_case r = {.net = net, .combination = combination, .examples = examples};
  symo_pool *pool = NULL;
  symo_test_ranks(size, take_rank, &r);
  net_case c = make(&r);
  cr_ok(c.context, symo_pool_create(c.context, size, &pool));
  outcome alone = take(&c);
  symo_rng_destroy(c.rng);
  symo_net_set_pool(c.net, pool);
  c.rng = symo_test_rng(c.context, 1);
  outcome lanes = take(&c);
  for (int i = 0; i < size; i++) {
    check(&r.of[i], &lanes, &alone, &c, net);
    drop(&r.of[i]);
  }
  drop(&lanes), drop(&alone);
  symo_net_set_pool(c.net, NULL);
  symo_pool_destroy(pool);
  net_case_destroy(&c);
}

Test(net_ranks, the_bits_of_as_many_lanes) {
  for (size_t i = 0; i < NUM_NETS; i++)
    for (int size = 2; size <= 3; size++) check_ranks(nets[i], 4 + i, EXAMPLES, size);
}

/* Some have nothing to do. */
Test(net_ranks, more_processes_than_examples) { check_ranks(nets[0], 5, 2, 4); }
