/* Gradients of single examples against the gradient of a network that has that example alone, and
 * the empirical Fisher matrix against sums over them. */
#include <math.h>
#include <string.h>

#include <symo/examples.h>
#include <symo/operator.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "core/pool.h"
#include "net/gpt.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/net/test_net_support.h"

static const char *const texts[] = {
    "5-7-4",
    "rnn:4x3-6-3",
    "rnn:3x2-4leak0.3-3-2each",
    "rnn:1x3-4-2",
    "conv:4x4x2-c3k3-p2-4",
    "conv:6x2-c3k3c-m2-rms-3",
    "5-res-ln-5-add-3",
    "conv:4x4x1-c2k3-ln-res-c2k1-add-p2-3",
};
enum { TEXTS = sizeof texts / sizeof *texts, NETS = TEXTS + 2, EXAMPLES = 11 };

/* The last two are transformers, the second with a tied head. */
static net_case open_case(size_t net, symo_loss loss, symo_dtype dtype) {
  if (net >= TEXTS) {
    symo_gpt_spec gpt = gpt_combination(0);
    gpt.tied = net > TEXTS, gpt.bias = true, gpt.dropout = 0, gpt.dtype = dtype;
    return gpt_case_create(&gpt, EXAMPLES, 0.3, 5);
  }
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, texts[net], &spec));
  spec.loss = strstr(texts[net], "each") != NULL ? SYMO_LOSS_MSE : loss, spec.dtype = dtype;
  spec.bias = net != 4;
  return net_case_create(&spec, EXAMPLES, 0.6, 23 + net);
}

/* One at a time, by the gradient: [examples, size] of the dtype. */
static void *one_by_one(net_case *c) {
  const size_t bytes = c->size * symo_dtype_size(c->spec.dtype);
  char *g = symo_calloc(c->examples, bytes);
  double loss;
  cr_assert(g != NULL);
  for (size_t e = 0; e < c->examples; e++) {
    cr_ok(c->context, symo_net_select(c->net, 1, &e));
    cr_ok(c->context, c->problem.gradient(c->problem.self, c->packed, &loss, g + e * bytes));
  }
  cr_ok(c->context, symo_net_select(c->net, 0, NULL));
  return g;
}

static double *as_double(symo_dtype dtype, size_t n, const void *x) {
  double *out = net_vector(n);
  for (size_t i = 0; i < n; i++) out[i] = symo_get(dtype, x, i);
  return out;
}

/* The worst of all examples, relative to the largest gradient: some are nearly zero. */
static double error_of(symo_dtype dtype, size_t n, size_t size, const void *a, const void *b) {
  double *x = as_double(dtype, n * size, a), *y = as_double(dtype, n * size, b);
  double worst = 0, most = 0;
  for (size_t e = 0; e < n; e++) most = fmax(most, symo_test_max(y + e * size, size));
  for (size_t i = 0; i < n * size; i++)
    worst = fabs(x[i] - y[i]) <= worst ? worst : fabs(x[i] - y[i]);
  symo_free(x), symo_free(y);
  return worst / most;
}

/* A sum over positions, after passes of a few layers. */
static double tolerance(symo_dtype dtype) { return symo_test_bound(dtype, 30, 10); }

typedef struct visit {
  const net_case *c;
  void *g;
  size_t next, most;
} visit;

static symo_status keep(void *self, size_t first, size_t count, const void *gradients) {
  visit *v = self;
  const size_t bytes = v->c->size * symo_dtype_size(v->c->spec.dtype);
  cr_assert_eq(first, v->next);
  cr_assert(count > 0 && count <= v->most);
  memcpy((char *)v->g + first * bytes, gradients, count * bytes);
  v->next = first + count;
  return SYMO_OK;
}

static void check_gradients(size_t net, symo_loss loss, symo_dtype dtype) {
  net_case c = open_case(net, loss, dtype);
  const size_t n = c.examples, bytes = c.size * symo_dtype_size(dtype);
  void *want = one_by_one(&c), *g = symo_malloc((n + 1) * bytes);
  memset(g, 0x5a, (n + 1) * bytes);
  cr_ok(c.context, symo_problem_example_gradients(c.context, &c.problem, c.packed, 0, n, g));
  double error = error_of(dtype, n, c.size, g, want);
  cr_assert(error <= tolerance(dtype), "net %zu: %g", net, error);
  for (size_t i = 0; i < bytes; i++) cr_assert(((unsigned char *)g)[n * bytes + i] == 0x5a);
  /* A part, in chunks of another size, by several threads, and of what is held. */
  symo_pool *pool = NULL;
  cr_ok(c.context, symo_pool_create(c.context, 3, &pool));
  for (int way = 0; way < 4; way++) {
    symo_net_set_pool(c.net, way % 2 == 0 ? NULL : pool);
    cr_ok(c.context, symo_net_set_chunk(c.net, 3));
    if (way >= 2) c.problem.hold(c.problem.self, c.packed, false);
    cr_ok(c.context, symo_problem_example_gradients(c.context, &c.problem, c.packed, 2, 7, g));
    error = error_of(dtype, 7, c.size, g, (char *)want + 2 * bytes);
    cr_assert(error <= tolerance(dtype), "net %zu, way %d: %g", net, way, error);
    visit v = {&c, g, 0, 4};
    cr_ok(c.context, symo_problem_each_example(c.context, &c.problem, c.packed, 4, keep, &v));
    cr_assert_eq(v.next, n);
    error = error_of(dtype, n, c.size, g, want);
    cr_assert(error <= tolerance(dtype), "net %zu, blocks, way %d: %g", net, way, error);
    c.problem.hold(c.problem.self, NULL, false);
  }
  symo_net_set_pool(c.net, NULL);
  symo_pool_destroy(pool);
  symo_free(want), symo_free(g);
  net_case_destroy(&c);
}

Test(net_examples, are_the_gradients_of_each_alone) {
  for (size_t net = 0; net < NETS; net++)
    for (int k = 0; k < (net < TEXTS ? 4 : 2); k++)
      check_gradients(net, k / 2 == 0 ? SYMO_LOSS_CROSS_ENTROPY : SYMO_LOSS_MSE,
                      k % 2 == 0 ? SYMO_F64 : SYMO_F32);
}

/* Examples that the loss is not on are none; one that it is on twice is two. */
Test(net_examples, are_those_that_are_selected) {
  net_case c = open_case(0, SYMO_LOSS_MSE, SYMO_F64);
  const size_t chosen[] = {4, 0, 4};
  double *want = one_by_one(&c), *g = net_vector(3 * c.size);
  cr_ok(c.context, symo_net_select(c.net, 3, chosen));
  cr_assert_eq(c.problem.examples(c.problem.self), 3);
  cr_ok(c.context, symo_problem_example_gradients(c.context, &c.problem, c.packed, 0, 3, g));
  for (size_t i = 0; i < 3; i++)
    cr_assert(error_of(SYMO_F64, 1, c.size, g + i * c.size, want + chosen[i] * c.size) <=
              tolerance(SYMO_F64));
  cr_fails(c.context, SYMO_E_SHAPE, "2 examples from 2 on, of 3",
           symo_problem_example_gradients(c.context, &c.problem, c.packed, 2, 2, g));
  symo_free(want), symo_free(g);
  net_case_destroy(&c);
}

/* Dropout falls as in the gradient: the mean of all is that. */
Test(net_examples, have_the_gradient_as_their_mean_under_dropout) {
  symo_gpt_spec gpt = gpt_combination(0);
  gpt.dropout = 0.3;
  net_case c = gpt_case_create(&gpt, EXAMPLES, 0.3, 9);
  symo_net_set_dropout(c.net, true, 7);
  double *g = net_vector(EXAMPLES * c.size), *want = net_vector(c.size), loss;
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.packed, &loss, want));
  cr_ok(c.context, symo_problem_example_gradients(c.context, &c.problem, c.packed, 0, EXAMPLES, g));
  for (size_t e = 1; e < EXAMPLES; e++) symo_axpy(SYMO_F64, c.size, 1, g + e * c.size, g);
  symo_scal(SYMO_F64, c.size, 1.0 / EXAMPLES, g);
  cr_assert(symo_test_rel(g, want, c.size) <= tolerance(SYMO_F64));
  symo_free(g), symo_free(want);
  net_case_destroy(&c);
}

/* ---- the empirical Fisher matrix ---- */

static double *fisher_of(const net_case *c, const double *g) {
  double *f = net_vector(c->size * c->size);
  symo_gemm(SYMO_F64, 1.0 / (double)c->examples,
            symo_mat_t(symo_mat_dense((void *)(uintptr_t)g, c->examples, c->size)),
            symo_mat_dense((void *)(uintptr_t)g, c->examples, c->size), 0,
            symo_mat_dense(f, c->size, c->size));
  return f;
}

enum { MANY = 18 }; /* more directions than a block has */

static void check_fisher(size_t net, symo_dtype dtype) {
  net_case c = open_case(net, SYMO_LOSS_CROSS_ENTROPY, dtype);
  const size_t n = c.size, examples = c.examples;
  void *each = one_by_one(&c);
  double *g = as_double(dtype, examples * n, each), *f = fisher_of(&c, g);
  double *dense = net_vector(n * n), *diagonal = net_vector(n), trace = 0;
  const double close = tolerance(dtype);
  cr_ok(c.context, symo_problem_fisher(c.context, &c.problem, c.packed, dense));
  cr_assert(symo_test_rel(dense, f, n * n) <= close, "net %zu: dense", net);
  cr_ok(c.context, symo_problem_fisher_diagonal(c.context, &c.problem, c.packed, diagonal, &trace));
  double sum = 0, worst = 0;
  for (size_t i = 0; i < n; i++)
    sum += f[i * n + i], worst = fmax(worst, fabs(diagonal[i] - f[i * n + i]));
  cr_assert(worst <= close * sum && fabs(trace - sum) <= close * sum, "net %zu: diagonal", net);
  trace = 0;
  cr_ok(c.context, symo_problem_fisher_diagonal(c.context, &c.problem, c.packed, NULL, &trace));
  cr_assert(fabs(trace - sum) <= close * sum);
  double *gram = net_vector(examples * examples), *want = net_vector(examples * examples);
  cr_ok(c.context, symo_problem_fisher_gram(c.context, &c.problem, c.packed, gram));
  symo_gemm(SYMO_F64, 1.0 / (double)examples, symo_mat_dense(g, examples, n),
            symo_mat_t(symo_mat_dense(g, examples, n)), 0,
            symo_mat_dense(want, examples, examples));
  cr_assert(symo_test_rel(gram, want, examples * examples) <= close, "net %zu: gram", net);
  /* Products by one pass, and by the gradients alone; of both halves. */
  void *v = symo_calloc(MANY * n, sizeof(double)), *fv = symo_calloc(MANY * n, sizeof(double));
  for (size_t i = 0; i < MANY * n; i++) symo_put(dtype, v, i, sin(1.0 + (double)i));
  double *vs = as_double(dtype, MANY * n, v), *wanted = net_vector(MANY * n);
  symo_gemm(SYMO_F64, 1, symo_mat_dense(vs, MANY, n), symo_mat_dense(f, n, n), 0,
            symo_mat_dense(wanted, MANY, n));
  symo_problem slow = c.problem;
  slow.fisher = NULL;
  for (int way = 0; way < 2; way++) {
    cr_ok(c.context, symo_problem_fisher_product(c.context, way == 0 ? &c.problem : &slow, c.packed,
                                                 MANY, v, fv));
    double *got = as_double(dtype, MANY * n, fv);
    cr_assert(symo_test_rel(got, wanted, MANY * n) <= close, "net %zu, way %d: %g", net, way,
              symo_test_rel(got, wanted, MANY * n));
    symo_free(got);
  }
  void *owned[] = {each, g, f, dense, diagonal, gram, want, v, fv, vs, wanted};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
  net_case_destroy(&c);
}

Test(net_examples, empirical_fisher_matrix) {
  for (size_t net = 0; net < NETS; net++)
    for (int k = 0; k < 2; k++) check_fisher(net, k == 0 ? SYMO_F64 : SYMO_F32);
}

/* G V' and G'U, held and not. */
Test(net_examples, rows_and_their_transpose) {
  for (size_t net = 0; net < NETS; net++) {
    net_case c = open_case(net, SYMO_LOSS_BERNOULLI, SYMO_F64);
    const size_t n = c.size, e = c.examples;
    double *g = one_by_one(&c), *v = net_random(&c, MANY * n), *u = net_random(&c, MANY * e);
    double *gv = net_vector(MANY * e), *gu = net_vector(MANY * n);
    double *want_v = net_vector(MANY * e), *want_u = net_vector(MANY * n);
    const symo_mat all = symo_mat_dense(g, e, n);
    symo_gemm(SYMO_F64, 1, symo_mat_dense(v, MANY, n), symo_mat_t(all), 0,
              symo_mat_dense(want_v, MANY, e));
    symo_gemm(SYMO_F64, 1, symo_mat_dense(u, MANY, e), all, 0, symo_mat_dense(want_u, MANY, n));
    for (int held = 0; held < 2; held++) {
      c.problem.hold(c.problem.self, held ? c.packed : NULL, false);
      cr_ok(c.context, c.problem.example_product(c.problem.self, c.packed, MANY, v, gv));
      cr_ok(c.context, c.problem.example_transposed(c.problem.self, c.packed, MANY, u, gu));
      cr_assert(symo_test_rel(gv, want_v, MANY * e) <= 1e-12, "net %zu", net);
      cr_assert(symo_test_rel(gu, want_u, MANY * n) <= 1e-12, "net %zu", net);
    }
    c.problem.hold(c.problem.self, NULL, false);
    double *owned[] = {g, v, u, gv, gu, want_v, want_u};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
    net_case_destroy(&c);
  }
}

/* As an operator: the eigenvalues of the inner products. */
Test(net_examples, leading_eigenvalues_of_the_operator) {
  net_case c = open_case(0, SYMO_LOSS_CROSS_ENTROPY, SYMO_F64);
  const symo_problem_point point = {&c.problem, c.packed, SYMO_MATRIX_FISHER};
  symo_operator a;
  symo_eigenpairs pairs = {.count = 0};
  symo_lanczos_spec spec = symo_lanczos_spec_default();
  double gram[EXAMPLES * EXAMPLES], w[EXAMPLES];
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, EXAMPLES));
  spec.count = 4, spec.tolerance = 1e-10;
  cr_ok(c.context, symo_operator_of_problem(c.context, &point, &a));
  cr_ok(c.context, symo_lanczos(c.context, &a, &spec, c.rng, &pairs));
  cr_ok(c.context, symo_problem_fisher_gram(c.context, &c.problem, c.packed, gram));
  cr_ok(c.context, symo_eigvalsh(SYMO_F64, EXAMPLES, gram, w, work));
  for (size_t i = 0; i < 4; i++) /* eigenvalues are good to the square of the residual */
    cr_assert(fabs(pairs.values[i] - w[EXAMPLES - 1 - i]) <= 1e-12 * w[EXAMPLES - 1]);
  symo_eigenpairs_free(&pairs);
  symo_free(work);
  net_case_destroy(&c);
}

/* ---- failures ---- */

static symo_status refuse(void *self, size_t first, size_t count, const void *gradients) {
  (void)count, (void)gradients;
  *(size_t *)self = first;
  return SYMO_E_IO;
}

Test(net_examples, what_take_returns_ends_it) {
  net_case c = open_case(0, SYMO_LOSS_MSE, SYMO_F64);
  size_t seen = SIZE_MAX;
  cr_assert_eq(symo_problem_each_example(c.context, &c.problem, c.packed, 4, refuse, &seen),
               SYMO_E_IO);
  cr_assert_eq(seen, 0);
  c.problem.example_gradients = NULL;
  cr_fails(c.context, SYMO_E_UNSUPPORTED, "fill example_gradients",
           symo_problem_each_example(c.context, &c.problem, c.packed, 4, refuse, &seen));
  net_case_destroy(&c);
}
