/* Layer statistics of the engine against sums over the pairs (a, d) of single layers, written out;
 * sampled labels against the exact Fisher; lanes, chunks and recomputation. */
#include <math.h>

#include "core/linalg.h"
#include "core/pool.h"
#include "net/gpt.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/net/test_net_support.h"
#include "tests/support/factors.h"
#include "tests/support/statistics.h"

static const char *const nets[] = {
    "5-7-4",
    "rnn:4x3-6-3",
    "rnn:3x2-4-3-2",
    "conv:4x4x2-c3k3-p2-4",
    "conv:6x2-c3k3-m2-3",
    "5-res-ln-5-add-3",
};
enum { NETS = sizeof nets / sizeof *nets, EXAMPLES = 23 };

static net_case open_case(size_t net, symo_loss loss, symo_dtype dtype) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, nets[net], &spec));
  spec.loss = loss, spec.dtype = dtype;
  spec.bias = net != 3;
  return net_case_create(&spec, EXAMPLES, 0.5, 17 + net);
}

/* The worst site; labels as of symo_test_statistics. */
static double worst_error(net_case *c, const factor_case *f, const double *labels) {
  double worst = 0;
  for (size_t k = 0; k < symo_net_num_weights(c->net); k++) {
    const symo_net_weight w = symo_net_get_weight(c->net, k);
    double *a = net_vector(c->examples * w.rows * w.inputs);
    double *d = net_vector(c->examples * w.rows * w.outputs);
    cr_ok(c->context, symo_test_statistics(c->net, c->packed, labels, k, a, d));
    worst = fmax(worst, factor_case_error(f, k, c->examples, w.rows, a, d));
    symo_free(a), symo_free(d);
  }
  return worst;
}

static void check_empirical(size_t net, symo_loss loss, symo_dtype dtype, symo_sharing sharing,
                            size_t columns) {
  net_case c = open_case(net, loss, dtype);
  factor_case f = factor_case_create(&c.problem, sharing, columns, columns == 0, c.rng);
  symo_factor_request request = factor_case_request(&f, SYMO_FISHER_EMPIRICAL);
  void *grad = symo_calloc(c.size, sizeof(double)), *want = symo_calloc(c.size, sizeof(double));
  double loss_here, loss_there;
  cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss_here, grad, &request));
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss_there, want));
  cr_assert(loss_here == loss_there);
  cr_assert(memcmp(grad, want, c.size * symo_dtype_size(dtype)) == 0, "the gradient is another");
  const double error = worst_error(&c, &f, NULL);
  /* Sums over examples, positions and a basis. */
  cr_assert(error <= symo_test_bound(dtype, 300, 10), "%s: %g", nets[net], error);
  /* At other labels, and twice as many of them, without inputs the second time. */
  double *labels = net_vector(c.examples * c.outputs); /* those of the next example */
  for (size_t i = 0; i < c.examples * c.outputs; i++)
    labels[i] = c.y[(i + c.outputs) % (c.examples * c.outputs)];
  factor_case_clear(&f);
  request.labels = labels;
  cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss_here, NULL, &request));
  request.known = true;
  cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss_here, NULL, &request));
  const double other = worst_error(&c, &f, labels);
  cr_assert(other <= symo_test_bound(dtype, 300, 10), "%s: %g", nets[net], other);
  symo_free(labels), symo_free(grad), symo_free(want);
  factor_case_destroy(&f);
  net_case_destroy(&c);
}

Test(net_factors, are_those_of_the_pairs_of_every_layer) {
  for (size_t net = 0; net < NETS; net++)
    for (int k = 0; k < 8; k++)
      check_empirical(net, k % 2 == 0 ? SYMO_LOSS_MSE : SYMO_LOSS_CROSS_ENTROPY,
                      k / 2 % 2 == 0 ? SYMO_F64 : SYMO_F32,
                      k / 4 == 0 ? SYMO_SHARING_EXPAND : SYMO_SHARING_REDUCE, 0);
}

Test(net_factors, products_with_test_matrices) {
  for (size_t net = 0; net < NETS; net++)
    for (int k = 0; k < 4; k++)
      check_empirical(net, SYMO_LOSS_MSE, k % 2 == 0 ? SYMO_F64 : SYMO_F32,
                      k / 2 == 0 ? SYMO_SHARING_EXPAND : SYMO_SHARING_REDUCE, 3);
}

/* ---- tables and attention ---- */

/* The derivatives by what an embedding gives are the gradients of the rows of positions, example by
 * example. */
static void check_table(net_case *c, const factor_case *f, size_t site, const symo_gpt_spec *gpt) {
  const symo_factor_site *tokens = &c->problem.sites[site];
  const size_t n = c->examples, r = gpt->block, w = gpt->width;
  double *d = net_vector(n * r * w), *a = net_vector(n * r * tokens->inputs);
  double *places = net_vector(n * r * r), *grad = net_vector(c->size), loss;
  for (size_t e = 0; e < n; e++) {
    cr_ok(c->context, symo_net_select(c->net, 1, &e));
    cr_ok(c->context, c->problem.gradient(c->problem.self, c->packed, &loss, grad));
    memcpy(d + e * r * w, grad + tokens->weight + tokens->inputs * w, r * w * sizeof *d);
    for (size_t p = 0; p < r; p++) {
      a[(e * r + p) * tokens->inputs + (size_t)c->x[e * r + p]] = 1;
      places[(e * r + p) * r + p] = 1;
    }
  }
  cr_ok(c->context, symo_net_select(c->net, 0, NULL));
  double error = factor_case_error(f, site, n, r, a, d);
  cr_assert(error <= symo_test_bound(SYMO_F64, 300, 10), "tokens: %g", error);
  error = factor_case_error(f, site + 1, n, r, places, d);
  cr_assert(error <= symo_test_bound(SYMO_F64, 300, 10), "positions: %g", error);
  symo_free(d), symo_free(a), symo_free(places), symo_free(grad);
}

Test(net_factors, embeddings_and_attention) {
  for (int tied = 0; tied <= 1; tied++) {
    symo_gpt_spec gpt = gpt_combination(0);
    gpt.tied = tied == 1, gpt.bias = true, gpt.dropout = 0;
    net_case c = gpt_case_create(&gpt, 9, 0.3, 5);
    const size_t weights = symo_net_num_weights(c.net);
    cr_assert_eq(c.problem.num_sites, weights + (tied ? 0 : 2));
    factor_case f = factor_case_create(&c.problem, SYMO_SHARING_EXPAND, 0, true, c.rng);
    symo_factor_request request = factor_case_request(&f, SYMO_FISHER_EMPIRICAL);
    double loss;
    cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
    const double error = worst_error(&c, &f, NULL);
    cr_assert(error <= symo_test_bound(SYMO_F64, 300, 10), "%g", error);
    if (!tied) check_table(&c, &f, weights, &gpt);
    cr_fails(c.context, SYMO_E_UNSUPPORTED, "use sampled",
             (request.fisher = SYMO_FISHER_EXACT,
              c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request)));
    factor_case_destroy(&f);
    net_case_destroy(&c);
  }
}

/* ---- Fisher matrices ---- */

/* G of the last layer, whose d is the derivative of the loss by the outputs: the mean of their
 * Hessians, by the Gauss-Newton matrix of the bias. */
Test(net_factors, exact_is_the_hessian_of_the_loss) {
  static const symo_loss losses[] = {SYMO_LOSS_MSE, SYMO_LOSS_CROSS_ENTROPY, SYMO_LOSS_BERNOULLI};
  for (size_t l = 0; l < 3; l++) {
    net_case c = open_case(0, losses[l], SYMO_F64);
    factor_case f = factor_case_create(&c.problem, SYMO_SHARING_EXPAND, 0, true, c.rng);
    symo_factor_request request = factor_case_request(&f, SYMO_FISHER_EXACT);
    double loss, *ggn = net_dense(&c, true), worst = 0;
    cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
    const symo_factor_site *last = &c.problem.sites[1];
    const double *g = f.sums[1].outputs;
    cr_assert(f.sums[1].output_count == EXAMPLES && f.sums[1].input_count == EXAMPLES);
    for (size_t i = 0; i < last->outputs; i++)
      for (size_t j = 0; j <= i; j++)
        worst = fmax(worst, fabs(g[i * last->outputs + j] / EXAMPLES -
                                 ggn[(last->bias + i) * c.size + last->bias + j]));
    cr_assert(worst <= 1e-14, "%g", worst); /* entries are of size 1 */
    symo_free(ggn);
    factor_case_destroy(&f);
    net_case_destroy(&c);
  }
}

/* The mean over many seeds is the exact matrix within five standard errors; one seed gives the same
 * labels in every chunk and lane. */
Test(net_factors, sampled_has_the_exact_as_its_mean) {
  static const symo_loss losses[] = {SYMO_LOSS_MSE, SYMO_LOSS_CROSS_ENTROPY, SYMO_LOSS_BERNOULLI};
  enum { DRAWS = 400, OUT = 4 };
  for (size_t l = 0; l < 3; l++) {
    net_case c = open_case(0, losses[l], SYMO_F64);
    factor_case exact = factor_case_create(&c.problem, SYMO_SHARING_EXPAND, 0, false, c.rng);
    factor_case f = factor_case_create(&c.problem, SYMO_SHARING_EXPAND, 0, false, c.rng);
    symo_factor_request request = factor_case_request(&exact, SYMO_FISHER_EXACT);
    double loss, sum[OUT * OUT] = {0}, squares[OUT * OUT] = {0};
    cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
    request = factor_case_request(&f, SYMO_FISHER_SAMPLED);
    for (request.seed = 1; request.seed <= DRAWS; request.seed++) {
      factor_case_clear(&f);
      cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
      const double *g = f.sums[1].outputs;
      for (size_t i = 0; i < OUT * OUT; i++) sum[i] += g[i], squares[i] += g[i] * g[i];
    }
    const double *want = exact.sums[1].outputs;
    for (size_t i = 0; i < OUT * OUT; i++) {
      const double mean = sum[i] / DRAWS, spread = sqrt(fmax(squares[i] / DRAWS - mean * mean, 0));
      if (i % OUT > i / OUT) continue;
      cr_assert(spread > 0 && fabs(mean - want[i]) <= 5 * spread / sqrt(DRAWS), "%g, %g +- %g",
                want[i], mean, spread / sqrt(DRAWS));
    }
    factor_case_destroy(&exact);
    factor_case_destroy(&f);
    net_case_destroy(&c);
  }
}

/* ---- lanes, chunks, recomputation ---- */

static void same_sums(const net_case *c, const factor_case *a, const factor_case *b) {
  for (size_t s = 0; s < c->problem.num_sites; s++) {
    const size_t m = symo_factor_width(&c->problem.sites[s], &a->sums[s]);
    const size_t n = c->problem.sites[s].outputs;
    cr_assert(symo_test_rel(a->sums[s].inputs, b->sums[s].inputs, m * m) <= 1e-12);
    cr_assert(symo_test_rel(a->sums[s].outputs, b->sums[s].outputs, n * n) <= 1e-12);
    cr_assert(symo_test_rel(a->sums[s].moments, b->sums[s].moments, n * m) <= 1e-12);
    cr_assert(a->sums[s].output_count == b->sums[s].output_count);
  }
}

static void check_ways(net_case *c, symo_fisher fisher) {
  factor_case want = factor_case_create(&c->problem, SYMO_SHARING_EXPAND, 0, true, c->rng);
  symo_factor_request request = factor_case_request(&want, fisher);
  double loss, *grad = net_vector(c->size), *first = net_vector(c->size);
  request.seed = 8;
  cr_ok(c->context, c->problem.factors(c->problem.self, c->packed, &loss, first, &request));
  for (int way = 0; way < 8; way++) {
    symo_pool *pool = NULL;
    cr_ok(c->context, symo_pool_create(c->context, way % 2 == 0 ? 1 : 3, &pool));
    symo_net_set_pool(c->net, pool);
    cr_ok(c->context, symo_net_set_chunk(c->net, way / 2 % 2 == 0 ? 0 : 4));
    symo_net_set_recompute(c->net, way >= 4);
    symo_rng *rng = symo_test_rng(c->context, 3);
    factor_case f = factor_case_create(&c->problem, SYMO_SHARING_EXPAND, 0, true, rng);
    for (size_t s = 0; s < c->problem.num_sites; s++) { /* the same bases */
      const symo_factor_sums *from = &want.sums[s];
      const size_t m = symo_factor_width(&c->problem.sites[s], from),
                   n = c->problem.sites[s].outputs;
      memcpy((void *)(uintptr_t)f.sums[s].input_basis, from->input_basis, m * m * sizeof(double));
      memcpy((void *)(uintptr_t)f.sums[s].output_basis, from->output_basis, n * n * sizeof(double));
    }
    request = factor_case_request(&f, fisher);
    request.seed = 8;
    cr_ok(c->context, c->problem.factors(c->problem.self, c->packed, &loss, grad, &request));
    cr_assert(symo_test_rel(grad, first, c->size) <= 1e-12);
    same_sums(c, &f, &want);
    factor_case_destroy(&f);
    symo_rng_destroy(rng);
    symo_net_set_pool(c->net, NULL);
    symo_net_set_recompute(c->net, false);
    symo_pool_destroy(pool);
  }
  symo_free(grad), symo_free(first);
  factor_case_destroy(&want);
}

Test(net_factors, any_lanes_and_chunks_give_the_same) {
  for (size_t net = 0; net < NETS; net++)
    for (int fisher = SYMO_FISHER_EMPIRICAL; fisher <= SYMO_FISHER_EXACT; fisher++) {
      net_case c = open_case(net, SYMO_LOSS_CROSS_ENTROPY, SYMO_F64);
      check_ways(&c, (symo_fisher)fisher);
      net_case_destroy(&c);
    }
}

/* ---- what is refused, and memory ---- */

Test(net_factors, requests_that_are_refused) {
  net_case c = open_case(0, SYMO_LOSS_MSE, SYMO_F64);
  factor_case f = factor_case_create(&c.problem, SYMO_SHARING_EXPAND, 0, true, c.rng);
  symo_factor_request request = factor_case_request(&f, SYMO_FISHER_EMPIRICAL);
  symo_factor_rows rows = {.examples = 1, .repeats = 1};
  symo_factor_sums without = f.sums[0];
  double loss;
  request.num_sites = 1;
  cr_fails(c.context, SYMO_E_SHAPE, "1 sites",
           c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
  request.num_sites = 2;
  f.sums[1].dtype = SYMO_F32;
  cr_fails(c.context, SYMO_E_DTYPE, "site 1",
           c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
  cr_fails(c.context, SYMO_E_ARGUMENT, "request",
           c.problem.factors(c.problem.self, c.packed, &loss, NULL, NULL));
  cr_fails(c.context, SYMO_E_ARGUMENT, "rows->inputs",
           symo_factor_sums_add(c.context, &c.problem.sites[0], &f.sums[0], &rows));
  rows.inputs = rows.outputs = c.theta;
  without.output_basis = NULL;
  cr_fails(c.context, SYMO_E_ARGUMENT, "output_basis",
           symo_factor_sums_add(c.context, &c.problem.sites[0], &without, &rows));
  cr_fails(c.context, SYMO_E_ARGUMENT, "sums is NULL",
           symo_factor_sums_add(c.context, &c.problem.sites[0], NULL, &rows));
  factor_case_destroy(&f);
  net_case_destroy(&c);
}

typedef struct attempt {
  net_case *c;
  factor_case *f;
} attempt;

static symo_status take_statistics(void *self) {
  attempt *t = self;
  symo_factor_request request = factor_case_request(t->f, SYMO_FISHER_SAMPLED);
  double loss;
  return t->c->problem.factors(t->c->problem.self, t->c->packed, &loss, NULL, &request);
}

Test(net_factors, allocations_that_fail) {
  net_case c = open_case(1, SYMO_LOSS_MSE, SYMO_F64);
  factor_case f = factor_case_create(&c.problem, SYMO_SHARING_REDUCE, 2, true, c.rng);
  attempt t = {&c, &f};
  cr_ok(c.context, take_statistics(&t)); /* the workspace of lanes stays */
  cr_assert(symo_test_allocations(take_statistics, &t) > 0);
  factor_case_destroy(&f);
  net_case_destroy(&c);
}
