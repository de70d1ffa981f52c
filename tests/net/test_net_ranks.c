/* A network in several processes: to the bit what one process comes to with as many lanes; products
 * up to rounding what it comes to by itself. */
#include "core/comm.h"
#include "core/pool.h"
#include "net/gpt.h"
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

/* ---- gradients that are summed while backward goes on ---- */

/* A transformer whose table is its head as well: that is not there before the last operation. */
static const char *const deep[] = {"7-12-9-11-10-4", "gpt:v11-t6-c8-h2-l2"};

typedef struct sum_case {
  const char *net;
  size_t owners, bucket; /* owners: parts that the vector is cut into, 0: it is for all */
  int threads;
  /* of each process */
  double *grad[TEST_MOST_RANKS], waited[TEST_MOST_RANKS];
  symo_reduction_counts counts[TEST_MOST_RANKS];
  size_t size, passes;
} sum_case;

static _Thread_local const symo_comm *clocked; /* whose clock each operation moves */

static double tick(void) {
  symo_test_work(clocked, 0.5); /* before and after each operation */
  return 0;
}

static void fill_tokens(symo_net *net) {
  uint32_t tokens[EXAMPLES * 7];
  for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) tokens[i] = (uint32_t)(i * i % 11);
  cr_ok(NULL, symo_net_set_tokens(net, EXAMPLES, tokens, tokens + EXAMPLES));
}

static size_t list_owners(const sum_case *c, int size, symo_reduction_part parts[8]) {
  for (size_t k = 0, first, end; k < c->owners; k++) {
    symo_comm_part(c->size, c->owners, k, &first, &end);
    parts[k] = (symo_reduction_part){first, end - first, (int)(k * 5 % (size_t)size)};
  }
  return c->owners;
}

static void take_gradient(const symo_comm *comm, void *arg) {
  sum_case *c = arg;
  const int rank = symo_comm_rank(comm), size = symo_comm_size(comm);
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  symo_net *net = NULL;
  symo_pool *pool = NULL;
  symo_reduction_part parts[8];
  static symo_net_times times[TEST_MOST_RANKS];
  double loss;
  cr_ok(context, symo_net_parse(context, c->net, &spec));
  cr_ok(context, symo_net_create(context, &spec, &net));
  const bool tokens = strncmp(c->net, "gpt", 3) == 0;
  symo_problem problem = symo_net_problem(net);
  double *x = net_vector(EXAMPLES * 16), *theta = net_vector(problem.size);
  for (size_t i = 0; i < EXAMPLES * 16; i++) x[i] = sin((double)i);
  for (size_t i = 0; i < problem.size; i++) theta[i] = 0.3 * cos(1.7 * (double)i);
  if (tokens)
    fill_tokens(net);
  else
    cr_ok(context, symo_net_set_data(net, EXAMPLES, x, x));
  cr_ok(context, symo_pool_create(context, c->threads, &pool));
  if (c->threads > 1) symo_net_set_pool(net, pool);
  if (comm != NULL) symo_net_set_comm(net, comm);
  if (rank == 0) c->size = problem.size;
  sum_case own = *c;
  own.size = problem.size;
  cr_ok(context, symo_net_set_reduction(net, list_owners(&own, size, parts), parts, c->bucket));
  c->grad[rank] = net_vector(problem.size);
  times[rank].clock = tick;
  clocked = comm;
  if (c->passes == 0) symo_net_set_times(net, &times[rank]);
  for (size_t pass = 0; pass < 2; pass++)
    cr_ok(context, problem.gradient(net, theta, &loss, c->grad[rank]));
  c->waited[rank] = c->passes == 0 ? symo_test_waited(comm) : 0;
  c->counts[rank] = symo_net_get_reduction(net);
  for (size_t k = 0; k < c->owners; k++) /* the rest is undefined */
    for (size_t i = 0; i < parts[k].count && parts[k].owner != rank; i++)
      c->grad[rank][parts[k].first + i] = 0;
  symo_net_set_pool(net, NULL);
  symo_pool_destroy(pool);
  symo_net_destroy(net);
  symo_free(x), symo_free(theta);
  symo_context_destroy(context);
}

/* The gradient from what each process has of it. */
static void gather(sum_case *c, int size, double *out) {
  for (size_t i = 0; i < c->size; i++) out[i] = c->grad[0][i];
  for (int r = 1; r < size; r++)
    for (size_t i = 0; i < c->size && c->owners > 0; i++) out[i] += c->grad[r][i];
  for (int r = 0; r < size; r++) symo_free(c->grad[r]);
}

/* As many lanes in one process; owners and small buckets change no bit. */
Test(net_ranks, sums_for_owners_have_the_bits_of_sums_for_all) {
  for (size_t n = 0; n < sizeof deep / sizeof *deep; n++)
    for (int size = 2; size <= 4; size++)
      for (size_t k = 0; k < 4; k++) {
        sum_case c = {.net = deep[n], .threads = size, .passes = 1}, lanes = c;
        symo_test_ranks(1, take_gradient, &lanes);
        c.threads = 1, c.owners = k / 2 * 7, c.bucket = k % 2 == 0 ? 0 : 100;
        symo_test_ranks(size, take_gradient, &c);
        double *sum = net_vector(c.size);
        gather(&c, size, sum);
        cr_assert_eq(memcmp(sum, lanes.grad[0], c.size * sizeof *sum), 0, "%s in %d", c.net, size);
        symo_free(sum), symo_free(lanes.grad[0]);
      }
  cr_no_leaks();
}

/* Several lanes in each process: what one says is there, all have. */
Test(net_ranks, lanes_in_several_processes) {
  for (size_t n = 0; n < sizeof deep / sizeof *deep; n++) {
    sum_case one = {.net = deep[n], .threads = 1, .passes = 1}, c = one, again;
    symo_test_ranks(1, take_gradient, &one);
    c.threads = 3, c.bucket = 200, c.owners = 5;
    again = c;
    symo_test_ranks(2, take_gradient, &c);
    symo_test_ranks(2, take_gradient, &again);
    double *sum = net_vector(2 * c.size), *twice = sum + c.size;
    gather(&c, 2, sum);
    gather(&again, 2, twice);
    cr_assert_eq(memcmp(sum, twice, c.size * sizeof *sum), 0);
    cr_assert(symo_test_rel(sum, one.grad[0], c.size) <= symo_test_bound(SYMO_F64, EXAMPLES, 100));
    symo_free(sum), symo_free(one.grad[0]);
  }
  cr_no_leaks();
}

/* Forward and backward take 10 each, all of the gradient takes 10 to send: layer by layer it goes while
 * backward goes on, in one bucket it is waited for. */
Test(net_ranks, buckets_go_while_backward_goes_on) {
  double waited[2] = {0, 0};
  for (int k = 0; k < 2; k++) {
    sum_case c = {.net = deep[0], .threads = 1, .owners = 7, .bucket = k == 0 ? 1000 : 1 << 20};
    symo_test_ranks_slow(3, 0.1, 0.004, take_gradient, &c);
    for (int r = 0; r < 3; r++) {
      waited[k] = fmax(waited[k], c.waited[r]);
      if (k == 0) cr_assert(c.counts[r].early == c.counts[r].buckets);
      if (k == 1) cr_assert(c.counts[r].buckets == 2);
      symo_free(c.grad[r]);
    }
  }
  cr_assert(waited[1] >= 16 && waited[0] <= 0.6 * waited[1], "%g of %g", waited[0], waited[1]);
}

/* ---- dense Hessians: each process has some of the directions ---- */

typedef struct hessian_case {
  size_t combination;
  double *of[TEST_MOST_RANKS];
} hessian_case;

static void take_hessian(const symo_comm *comm, void *arg) {
  hessian_case *h = arg;
  const ranks_case r = {.net = "7-12-9-4", .combination = h->combination, .examples = EXAMPLES};
  net_case c = make(&r);
  if (comm->size > 1) symo_net_set_comm(c.net, comm);
  double *out = net_vector(c.size * c.size);
  cr_ok(c.context, symo_problem_hessian(c.context, &c.problem, c.packed, out));
  h->of[comm->rank] = out;
  net_case_drop(&c);
}

Test(net_ranks, dense_hessians_have_the_numbers_of_one_process) {
  for (size_t combination = 0; combination < 8; combination++) {
    const ranks_case r = {.net = "7-12-9-4", .combination = combination, .examples = EXAMPLES};
    hessian_case one = {.combination = combination}, many = one;
    net_case c = make(&r);
    const size_t entries = c.size * c.size;
    net_case_destroy(&c);
    symo_test_ranks(1, take_hessian, &one);
    for (int size = 2; size <= 4; size++) {
      symo_test_ranks(size, take_hessian, &many);
      for (int k = 0; k < size; k++) {
        for (size_t i = 0; i < entries; i++)
          cr_assert(many.of[k][i] == one.of[0][i], "%zu: %g of %g", i, many.of[k][i], one.of[0][i]);
        symo_free(many.of[k]);
      }
    }
    symo_free(one.of[0]);
  }
}
