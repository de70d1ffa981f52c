/* Shampoo, K-FAC and the Fisher diagonal on tiny networks against what their definitions say,
 * formed naively from gradients of single examples. */
#include "tests/experiments/compare/test_compare_support.h"

#include <math.h>

#include "core/linalg.h"
#include "experiments/compare/kfac.h"

enum { EXAMPLES = COMPARE_EXAMPLES, MOST = COMPARE_MOST };

typedef compare_fixture fixture;

static void square_of(size_t n, const double *a, double *out) {
  symo_mat m = symo_mat_dense((void *)(uintptr_t)a, n, n);
  symo_gemm(SYMO_F64, 1, m, m, 0, symo_mat_dense(out, n, n));
}

/* Block-diagonal, per tensor: L (x) R of the gradient's matrix; (g g')^vector of a bias. */
static void naive_shampoo(const fixture *f, int vector, double *out) {
  memset(out, 0, f->size * f->size * sizeof *out);
  for (size_t l = 0; l < symo_net_num_weights(f->net); l++) {
    symo_net_weight layer = symo_net_get_weight(f->net, l);
    const double *g = f->grad + layer.weight;
    size_t rows = layer.outputs, cols = layer.inputs;
    for (size_t e = 0; e < rows * cols; e++)
      for (size_t d = 0; d < rows * cols; d++) {
        double left = 0, right = 0;
        for (size_t k = 0; k < cols; k++) left += g[e / cols * cols + k] * g[d / cols * cols + k];
        for (size_t k = 0; k < rows; k++) right += g[k * cols + e % cols] * g[k * cols + d % cols];
        out[(layer.weight + e) * f->size + layer.weight + d] = left * right;
      }
    const double *b = f->grad + layer.bias;
    double norm = 0;
    for (size_t i = 0; i < rows && f->spec.bias; i++) norm += b[i] * b[i];
    for (size_t i = 0; i < rows && f->spec.bias; i++)
      for (size_t j = 0; j < rows; j++)
        out[(layer.bias + i) * f->size + layer.bias + j] = b[i] * b[j] * pow(norm, vector - 1);
  }
}

/* shampoo squared is L (x) R and (g g')^2; shampoo-root squared is shampoo. */
Test(compare_competitors, shampoo_is_the_root_of_the_kronecker_product) {
  for (int bias = 0; bias <= 1; bias++) {
    fixture f;
    compare_setup_fixture(&f, "3-4-2", SYMO_LOSS_MSE, bias == 1);
    static double dense[MOST * MOST], square[MOST * MOST], naive[MOST * MOST], root[MOST * MOST];
    size_t count = f.size * f.size;
    compare_build_dense(&f, "shampoo", dense);
    square_of(f.size, dense, square);
    naive_shampoo(&f, 2, naive);
    cr_assert(symo_test_rel(square, naive, count) <= 1e-12, "%g",
              symo_test_rel(square, naive, count));
    compare_build_dense(&f, "shampoo-root", root);
    square_of(f.size, root, square);
    cr_assert(symo_test_rel(square, dense, count) <= 1e-12);
    compare_teardown_fixture(&f);
  }
}

/* E[d d'] and E[a a'] of both layers from single gradients: the bias gradient is d, and a is a row
 * of the weight gradient over the entry of d. */
static void naive_kfac(const fixture *f, const double *singles, double *out) {
  memset(out, 0, f->size * f->size * sizeof *out);
  for (size_t l = 0; l < symo_net_num_weights(f->net); l++) {
    symo_net_weight layer = symo_net_get_weight(f->net, l);
    double d[MOST * MOST] = {0}, a[MOST * MOST] = {0}, input[MOST];
    size_t wide = layer.inputs + 1;
    for (size_t n = 0; n < EXAMPLES; n++) {
      const double *g = singles + n * f->size, *b = g + layer.bias;
      for (size_t j = 0; j < layer.inputs; j++) input[j] = g[layer.weight + j] / b[0];
      input[layer.inputs] = 1;
      for (size_t i = 0; i < layer.outputs * layer.outputs; i++)
        d[i] += b[i / layer.outputs] * b[i % layer.outputs] / EXAMPLES;
      for (size_t i = 0; i < wide * wide; i++) a[i] += input[i / wide] * input[i % wide] / EXAMPLES;
    }
    for (size_t i = 0; i < layer.outputs * wide; i++)
      for (size_t j = 0; j < layer.outputs * wide; j++) {
        size_t r = i % wide < layer.inputs ? layer.weight + i / wide * layer.inputs + i % wide
                                           : layer.bias + i / wide;
        size_t c = j % wide < layer.inputs ? layer.weight + j / wide * layer.inputs + j % wide
                                           : layer.bias + j / wide;
        out[r * f->size + c] =
            d[i / wide * layer.outputs + j / wide] * a[i % wide * wide + j % wide];
      }
  }
}

Test(compare_competitors, empirical_kfac_from_single_gradients) {
  static const symo_loss losses[] = {SYMO_LOSS_MSE, SYMO_LOSS_CROSS_ENTROPY};
  for (size_t k = 0; k < 2; k++) {
    fixture f;
    compare_setup_fixture(&f, "3-4-2", losses[k], true);
    static double dense[MOST * MOST], naive[MOST * MOST], singles[EXAMPLES * MOST];
    compare_single_gradients(&f, singles);
    naive_kfac(&f, singles, naive);
    compare_build_dense(&f, "kfac-empirical", dense);
    cr_assert(symo_test_rel(dense, naive, f.size * f.size) <= 1e-11, "%g",
              symo_test_rel(dense, naive, f.size * f.size));
    compare_teardown_fixture(&f);
  }
}

/* One linear layer, one output, squared error, labels one off the prediction, up and down: d d' is
 * 1 and K-FAC is the Gauss-Newton matrix, which is the Hessian. */
Test(compare_competitors, kfac_of_a_linear_layer_is_gauss_newton) {
  for (int bias = 0; bias <= 1; bias++) {
    fixture f;
    compare_setup_fixture(&f, "3-1", SYMO_LOSS_MSE, bias == 1);
    double labels[EXAMPLES], dense[MOST * MOST], exact[MOST * MOST], ggn[MOST * MOST];
    cr_ok(f.context, symo_net_predict(f.net, f.theta, EXAMPLES, f.x, labels));
    for (size_t n = 0; n < EXAMPLES; n++) labels[n] += n % 2 == 0 ? 1 : -1;
    const double *const draws[] = {labels, labels};
    compare_approx *a = NULL;
    cr_ok(f.context, compare_kfac(&f.input, 2, draws, false, &a));
    cr_ok(f.context, a->form->dense(a, dense));
    compare_approx_destroy(a);
    symo_problem problem = symo_net_problem(f.net);
    cr_ok(f.context, symo_problem_hessian(f.context, &problem, f.theta, exact));
    cr_assert(symo_test_rel(dense, exact, f.size * f.size) <= 1e-12);
    compare_build_dense(&f, "ggn", ggn);
    cr_assert(symo_test_rel(ggn, exact, f.size * f.size) <= 1e-11);
    compare_teardown_fixture(&f);
  }
}

/* With many draws the sampled Fisher nears the Gauss-Newton matrix: for two outputs and unit noise
 * the error of E[d d'] is sqrt(2 / draws) or so. */
Test(compare_competitors, sampled_kfac_nears_gauss_newton) {
  fixture f;
  compare_setup_fixture(&f, "3-2", SYMO_LOSS_MSE, true);
  double dense[MOST * MOST], exact[MOST * MOST];
  f.input.samples = 2000;
  compare_build_dense(&f, "kfac", dense);
  symo_problem problem = symo_net_problem(f.net);
  cr_ok(f.context, symo_problem_ggn(f.context, &problem, f.theta, exact));
  double apart = symo_test_rel(dense, exact, f.size * f.size);
  cr_assert(apart <= 5 * sqrt(2.0 / (2000.0 * EXAMPLES)), "%g", apart);
  compare_teardown_fixture(&f);
}

Test(compare_competitors, diagonal_is_the_mean_of_squared_gradients) {
  for (int bias = 0; bias <= 1; bias++) {
    fixture f;
    compare_setup_fixture(&f, "3-4-2", SYMO_LOSS_CROSS_ENTROPY, bias == 1);
    static double dense[MOST * MOST], naive[MOST * MOST], singles[EXAMPLES * MOST];
    compare_single_gradients(&f, singles);
    memset(naive, 0, sizeof naive);
    for (size_t n = 0; n < EXAMPLES; n++)
      for (size_t i = 0; i < f.size; i++)
        naive[i * f.size + i] += singles[n * f.size + i] * singles[n * f.size + i] / EXAMPLES;
    compare_build_dense(&f, "diagonal", dense);
    cr_assert(symo_test_rel(dense, naive, f.size * f.size) <= 1e-13);
    compare_teardown_fixture(&f);
  }
}

Test(compare_competitors, identity_and_the_registry) {
  fixture f;
  compare_setup_fixture(&f, "3-4-2", SYMO_LOSS_MSE, true);
  static double dense[MOST * MOST];
  compare_build_dense(&f, "identity", dense);
  for (size_t i = 0; i < f.size * f.size; i++)
    cr_assert(dense[i] == (i % (f.size + 1) == 0 ? 1 : 0));
  for (size_t i = 0; i < compare_competitor_count(); i++) {
    const compare_competitor *row = compare_competitor_at(i);
    cr_assert(compare_competitor_find(row->name) == row);
    cr_assert(row->summary != NULL && row->build != NULL);
  }
  cr_assert(compare_competitor_at(compare_competitor_count()) == NULL);
  cr_assert(compare_competitor_find("nothing") == NULL);
  compare_teardown_fixture(&f);
}

/* Nothing leaks, and nothing is handed out, wherever memory runs out. */
typedef struct attempt {
  fixture *f;
  const compare_competitor *row;
} attempt;

static symo_status operation(void *self) {
  attempt *t = self;
  compare_approx *a = NULL;
  symo_status status = t->row->build(&t->f->input, &a);
  cr_assert((status == SYMO_OK) == (a != NULL));
  compare_approx_destroy(a);
  return status;
}

Test(compare_competitors, allocations_that_fail) {
  fixture f;
  compare_setup_fixture(&f, "3-4-2", SYMO_LOSS_MSE, true);
  for (size_t i = 0; i < compare_competitor_count(); i++) {
    attempt t = {&f, compare_competitor_at(i)};
    cr_ok(f.context, operation(&t)); /* takes the network's own workspace, which stays */
    cr_assert(symo_test_allocations(operation, &t) > 0);
  }
  compare_teardown_fixture(&f);
}
