/* Where K-FAC of a network is the Gauss-Newton matrix, block by block: deep linear networks with
 * squared error, one example, and shared weights in the cases of expand and reduce. */
#include <math.h>

#include "core/linalg.h"
#include "tests/net/test_net_support.h"

/* The largest entry of the difference within the blocks of sites, over the largest entry. */
static double block_error(const symo_problem *p, const double *kfac, const double *ggn) {
  double worst = 0, most = 0;
  for (size_t s = 0; s < p->num_sites; s++) {
    const symo_factor_site *site = &p->sites[s];
    const size_t m = site->inputs + (site->bias != SYMO_NONE ? 1 : 0), n = site->outputs * m;
    for (size_t e = 0; e < n * n; e++) {
      size_t at[2] = {e / n, e % n};
      for (int i = 0; i < 2; i++)
        at[i] = at[i] % m < site->inputs ? site->weight + at[i] / m * site->inputs + at[i] % m
                                         : site->bias + at[i] / m;
      const double want = ggn[at[0] * p->size + at[1]];
      worst = fmax(worst, fabs(kfac[at[0] * p->size + at[1]] - want));
      most = fmax(most, fabs(want));
    }
  }
  return worst / most;
}

static double error_of(net_case *c, const symo_kfac_spec *spec) {
  symo_kfac *kfac = NULL;
  double *dense = net_vector(c->size * c->size), *ggn = net_dense(c, true);
  cr_ok(c->context, symo_kfac_of_problem(c->context, &c->problem, c->packed, spec, &kfac));
  cr_ok(c->context, symo_kfac_dense(kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  const double error = block_error(&c->problem, dense, ggn);
  symo_kfac_destroy(kfac);
  symo_free(dense), symo_free(ggn);
  return error;
}

static net_case open_case(const char *net, symo_activation activation, symo_loss loss,
                          size_t examples) {
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.activation = activation, spec.loss = loss;
  return net_case_create(&spec, examples, 0.6, 31);
}

static symo_kfac_spec exact_spec(symo_sharing sharing) {
  symo_kfac_spec spec = symo_kfac_spec_default();
  spec.fisher = SYMO_FISHER_EXACT;
  spec.sharing = sharing;
  return spec;
}

Test(net_kfac, is_gauss_newton_for_deep_linear_networks) {
  const symo_kfac_spec spec = exact_spec(SYMO_SHARING_EXPAND);
  net_case c = open_case("5-4-6-3", SYMO_ACT_LINEAR, SYMO_LOSS_MSE, 23);
  double error = error_of(&c, &spec);
  cr_assert(error <= 1e-12, "%g", error);
  net_case_destroy(&c);
  c = open_case("5-4-6-3", SYMO_ACT_TANH, SYMO_LOSS_MSE, 23); /* and for no others */
  error = error_of(&c, &spec);
  cr_assert(error >= 1e-3, "%g", error);
  net_case_destroy(&c);
}

/* Sums over batches of 3, 14 and 6 examples are those of all: means, whatever the batches; the
 * matrix of the summed loss is that times the examples. */
Test(net_kfac, unequal_batches) {
  enum { EXAMPLES = 23, MOST = 128 };
  static const size_t ends[] = {3, 17, EXAMPLES};
  net_case c = open_case("5-4-3", SYMO_ACT_LINEAR, SYMO_LOSS_MSE, EXAMPLES);
  symo_factor_sums sums[2];
  static double arrays[2][2][MOST];
  size_t rows[EXAMPLES], first = 0;
  double loss, *ggn = net_dense(&c, true), *dense = net_vector(c.size * c.size);
  symo_kfac *kfac = NULL;
  memset(arrays, 0, sizeof arrays);
  for (size_t s = 0; s < 2; s++)
    sums[s] = (symo_factor_sums){
        .dtype = SYMO_F64, .bias = true, .inputs = arrays[s][0], .outputs = arrays[s][1]};
  symo_factor_request request = {.fisher = SYMO_FISHER_EXACT, .num_sites = 2, .sums = sums};
  for (size_t b = 0; b < 3; b++) {
    for (size_t i = first; i < ends[b]; i++) rows[i - first] = i;
    cr_ok(c.context, symo_net_select(c.net, ends[b] - first, rows));
    cr_ok(c.context, c.problem.factors(c.problem.self, c.packed, &loss, NULL, &request));
    first = ends[b];
  }
  cr_ok(c.context, symo_kfac_create(c.context, c.size, 2, c.problem.sites, &kfac));
  for (size_t s = 0; s < 2; s++) cr_ok(c.context, symo_kfac_set(kfac, s, &sums[s]));
  cr_ok(c.context, symo_kfac_dense(kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  cr_assert(block_error(&c.problem, dense, ggn) <= 1e-12);
  symo_factor_sums whole[2] = {sums[0], sums[1]}; /* the sum: G without its count */
  for (size_t s = 0; s < 2; s++) whole[s].output_count = 1;
  for (size_t s = 0; s < 2; s++) cr_ok(c.context, symo_kfac_set(kfac, s, &whole[s]));
  cr_ok(c.context, symo_kfac_dense(kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  symo_scal(SYMO_F64, c.size * c.size, EXAMPLES, ggn);
  cr_assert(block_error(&c.problem, dense, ggn) <= 1e-12);
  symo_kfac_destroy(kfac);
  symo_free(ggn), symo_free(dense);
  net_case_destroy(&c);
}

Test(net_kfac, is_gauss_newton_for_one_example) {
  static const symo_loss losses[] = {SYMO_LOSS_MSE, SYMO_LOSS_CROSS_ENTROPY, SYMO_LOSS_BERNOULLI};
  const symo_kfac_spec spec = exact_spec(SYMO_SHARING_EXPAND);
  for (size_t l = 0; l < 3; l++) {
    net_case c = open_case("5-7-4-3", SYMO_ACT_TANH, losses[l], 1);
    const double error = error_of(&c, &spec);
    cr_assert(error <= 1e-12, "%g", error);
    net_case_destroy(&c);
  }
}

/* Outputs that are means over the positions of what a shared weight gives: reduce. */
Test(net_kfac, reduce_is_exact_for_means) {
  static const char *const nets[] = {"conv:4x4x3-c5k1-p4-3", "conv:6x2-c4k1-c3k1-p6-2"};
  for (size_t k = 0; k < 2; k++) {
    net_case c = open_case(nets[k], SYMO_ACT_LINEAR, SYMO_LOSS_MSE, 11);
    const symo_kfac_spec reduce = exact_spec(SYMO_SHARING_REDUCE);
    const symo_kfac_spec expand = exact_spec(SYMO_SHARING_EXPAND);
    double error = error_of(&c, &reduce);
    cr_assert(error <= 1e-12, "%s: %g", nets[k], error);
    error = error_of(&c, &expand);
    cr_assert(error >= 1e-3, "%s: %g", nets[k], error);
    net_case_destroy(&c);
  }
}

/* A loss that is the sum over positions of squared errors of W a: expand.  A network of the
 * caller's own: d of output i at a position is the unit vector, one term each. */
Test(net_kfac, expand_is_exact_for_sums) {
  enum { N = 6, R = 4, IN = 3, OUT = 2 };
  const symo_factor_site site = {.weight = 0, .bias = IN * OUT, .outputs = OUT, .inputs = IN};
  enum { SIZE = OUT * (IN + 1) };
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 9);
  double a[N * R * IN], d[N * R * OUT], inputs[16] = {0}, outputs[4] = {0}, dense[SIZE * SIZE];
  double ggn[SIZE * SIZE] = {0};
  symo_kfac *kfac = NULL;
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  symo_test_randn(rng, a, N * R * IN);
  /* The Hessian of the sum over positions has no terms between them. */
  for (size_t r = 0; r < R; r++)
    for (size_t i = 0; i < OUT; i++) {
      memset(d, 0, sizeof d);
      for (size_t e = 0; e < N; e++) d[(e * R + r) * OUT + i] = 1;
      const symo_factor_rows rows = {.examples = N,
                                     .repeats = R,
                                     .inputs = a,
                                     .outputs = d,
                                     .known = r + i > 0,
                                     .counted = r + i > 0};
      cr_ok(context, symo_factor_sums_add(context, &site, &sums, &rows));
    }
  cr_ok(context, symo_kfac_create(context, SIZE, 1, &site, &kfac));
  cr_ok(context, symo_kfac_set(kfac, 0, &sums));
  cr_ok(context, symo_kfac_dense(kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  for (size_t e = 0; e < N * R; e++)
    for (size_t i = 0; i < OUT; i++)
      for (size_t j = 0; j <= IN; j++)
        for (size_t k = 0; k <= IN; k++) {
          const size_t row = j < IN ? i * IN + j : IN * OUT + i;
          const size_t column = k < IN ? i * IN + k : IN * OUT + i;
          ggn[row * SIZE + column] +=
              (j < IN ? a[e * IN + j] : 1) * (k < IN ? a[e * IN + k] : 1) / N;
        }
  cr_assert(symo_test_rel(dense, ggn, SIZE * SIZE) <= 1e-13, "%g",
            symo_test_rel(dense, ggn, SIZE * SIZE));
  symo_kfac_destroy(kfac);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Frobenius distance to the blocks of the Gauss-Newton matrix, and how far the traces are apart. */
static double distance(net_case *c, symo_sharing sharing, bool corrected, double *trace) {
  symo_kfac_spec spec = exact_spec(sharing);
  symo_kfac *kfac = NULL;
  double *dense = net_vector(c->size * c->size), *ggn = net_dense(c, true), sum = 0, whole = 0;
  spec.corrected = corrected;
  cr_ok(c->context, symo_kfac_of_problem(c->context, &c->problem, c->packed, &spec, &kfac));
  cr_ok(c->context, symo_kfac_dense(kfac, 1, SYMO_KFAC_EXACT, 0, dense));
  for (size_t i = 0; i < c->size * c->size; i++) /* zero outside of the blocks in both */
    sum += (dense[i] - ggn[i]) * (dense[i] - ggn[i]);
  for (size_t i = 0; i < c->size; i++) whole += ggn[i * c->size + i];
  *trace = fabs(symo_kfac_trace(kfac) - whole) / whole;
  symo_kfac_destroy(kfac);
  symo_free(dense), symo_free(ggn);
  return sqrt(sum);
}

/* Moments are those of the gradients of examples, sums over their positions, whatever the factors
 * make of these: so EKFAC has the trace of the matrix, with reduce too. */
Test(net_kfac, corrected_is_nearer) {
  static const char *const nets[] = {"5-7-4", "conv:4x4x2-c3k3-4", "rnn:4x3-6-3"};
  static const symo_sharing sharings[] = {SYMO_SHARING_EXPAND, SYMO_SHARING_REDUCE};
  for (size_t k = 0; k < 6; k++) {
    net_case c = open_case(nets[k / 2], SYMO_ACT_TANH, SYMO_LOSS_CROSS_ENTROPY, 40);
    double trace, without;
    const double plain = distance(&c, sharings[k % 2], false, &without),
                 corrected = distance(&c, sharings[k % 2], true, &trace);
    cr_assert(corrected < plain, "%s: %g, %g without", nets[k / 2], corrected, plain);
    cr_assert(trace <= symo_test_bound(SYMO_F64, c.size, 1), "%s: %g", nets[k / 2], trace);
    cr_assert(k < 2 || without >= 1e-3, "%s: %g", nets[k / 2], without); /* not by chance */
    net_case_destroy(&c);
  }
}

/* Many draws near the exact Fisher matrix; float32 near float64. */
Test(net_kfac, draws_and_float32) {
  net_case c = open_case("5-3", SYMO_ACT_TANH, SYMO_LOSS_MSE, 20);
  symo_kfac_spec spec = symo_kfac_spec_default();
  spec.draws = 2000;
  double error = error_of(&c, &spec); /* E d d' of unit noise, 20 * 2000 draws */
  cr_assert(error <= 5 * sqrt(2.0 / (20 * 2000.0)), "%g", error);
  symo_net_spec narrow = c.spec;
  narrow.dtype = SYMO_F32;
  net_case f = net_case_create(&narrow, 20, 0.6, 31);
  symo_kfac *a = NULL, *b = NULL;
  spec = exact_spec(SYMO_SHARING_EXPAND);
  spec.corrected = true;
  double *x = net_random(&c, c.size), *y = net_vector(c.size), *z = net_vector(c.size);
  cr_ok(c.context, symo_kfac_of_problem(c.context, &c.problem, c.packed, &spec, &a));
  cr_ok(f.context, symo_kfac_of_problem(f.context, &f.problem, f.packed, &spec, &b));
  cr_ok(c.context, symo_kfac_solve(a, SYMO_KFAC_EXACT, 0.1, x, y));
  cr_ok(c.context, symo_kfac_solve(b, SYMO_KFAC_EXACT, 0.1, x, z));
  cr_assert(symo_test_rel(z, y, c.size) <= symo_test_bound(SYMO_F32, 20, 100));
  symo_problem without = c.problem;
  without.factors = NULL;
  symo_kfac *none = NULL;
  cr_fails(c.context, SYMO_E_UNSUPPORTED, "no layer statistics",
           symo_kfac_of_problem(c.context, &without, c.packed, &spec, &none));
  symo_kfac_destroy(a), symo_kfac_destroy(b);
  symo_free(x), symo_free(y), symo_free(z);
  symo_net_destroy(f.net);
  symo_free(f.theta), symo_free(f.packed), symo_free(f.x), symo_free(f.y);
  symo_rng_destroy(f.rng);
  symo_context_destroy(f.context);
  net_case_destroy(&c);
}

typedef struct attempt {
  net_case *c;
} attempt;

static symo_status make(void *self) {
  net_case *c = ((attempt *)self)->c;
  symo_kfac_spec spec = exact_spec(SYMO_SHARING_EXPAND);
  symo_kfac *kfac = NULL;
  spec.corrected = true;
  double x[64] = {0}, y[64];
  symo_status status = symo_kfac_of_problem(c->context, &c->problem, c->packed, &spec, &kfac);
  cr_assert((status == SYMO_OK) == (kfac != NULL));
  if (status == SYMO_OK) status = symo_kfac_matvec(kfac, x, y);
  symo_kfac_destroy(kfac);
  return status;
}

Test(net_kfac, allocations_that_fail) {
  net_case c = open_case("5-4-3", SYMO_ACT_TANH, SYMO_LOSS_MSE, 5);
  attempt t = {&c};
  cr_ok(c.context, make(&t));
  cr_assert(symo_test_allocations(make, &t) > 0);
  net_case_destroy(&c);
}
