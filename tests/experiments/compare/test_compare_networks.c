/* Shampoo, K-FAC, and the Fisher diagonal of recurrent, convolutional, normalised and residual
 * networks: against definitions formed naively, and against the dense network that a recurrent or
 * convolutional one is where nothing is shared. */
#include "tests/experiments/compare/test_compare_support.h"
#include "tests/support/statistics.h"

#include <math.h>

#include "core/linalg.h"

enum { EXAMPLES = COMPARE_EXAMPLES, MOST = COMPARE_MOST };

typedef compare_fixture fixture;

static const char *const nets[] = {
    "rnn:3x2-4-2",
    "rnn:2x2-3-3-2",
    "conv:3x3x1-c2k3-2",
    "conv:4x4x1-c2k3c-p2-ln-2",
    "conv:5x2-c3k3-m5-rms-2",
    "3-4-res-4-add-2",
    "rnn:2x2-3-ln-2",
};
enum { NETS = sizeof nets / sizeof nets[0] };

static double dense[MOST * MOST], other[MOST * MOST], power[MOST * MOST], naive[MOST * MOST];

/* ---- groups ---- */

static void check_layout(const char *net, const char *group, const char *expected) {
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  symo_layout *layout = NULL;
  char *text = NULL;
  cr_ok(context, symo_net_parse(context, net, &spec));
  cr_ok(context, symo_net_layout(context, &spec, group, &layout));
  cr_ok(context, symo_layout_to_text(layout, &text));
  cr_assert_str_eq(text, expected, "%s", text);
  symo_free(text);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* The group is made for each hidden space; under scaling what weights read from is dual. */
Test(compare_networks, layouts_with_parameters) {
  check_layout("2-4-4-1", "product(cyclic 2, permutation 2)",
               "in: identity 2; h1: product(cyclic 2, permutation 2); h2: product(cyclic 2, "
               "permutation 2); out: identity 1; w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] "
               "b3[out]");
  check_layout("rnn:2-3-1", "scaling(2, signs)",
               "in: identity 2; h: scaling(2, signs) 3; out: identity 1; wx[h,in] wh[h,h*] b[h] "
               "wo[out,h*] bo[out]");
  check_layout("conv:4x4x1-c2k3-c3k3-p4-2", "scaling",
               "in: identity 1; kh1: identity 3; kw1: identity 3; h1: scaling(1) 2; kh2: identity "
               "3; kw2: identity 3; h2: scaling(1) 3; p3: identity 1; out: identity 2; "
               "w1[h1,in,kh1,kw1] b1[h1] w2[h2,h1*,kh2,kw2] b2[h2] w3[out,h2*,p3] b3[out]");
  check_layout("3-4-res-2-4-add-1", "scaling(1)",
               "in: identity 3; h1: scaling(1) 4; h2: scaling(1) 2; out: identity 1; w1[h1,in] "
               "b1[h1] w2[h2,h1*] b2[h2] w3[h1,h2*] b3[h1] w4[out,h1*] b4[out]");
}

/* Which space does not fit, or what is wrong, is said. */
Test(compare_networks, layouts_that_are_refused) {
  static const struct refusal {
    const char *group, *text;
    symo_status status;
  } rows[] = {
      {"wreath(2, permutation 2)", "space h2 has dimension 5", SYMO_E_SHAPE},
      {"permutation(4)", "permutation", SYMO_E_FORMAT},
      {"nonsense(1)", "unknown group nonsense", SYMO_E_NAME},
      {"nonsense", "unknown group 'nonsense'", SYMO_E_NAME},
      {"product", "expected '('", SYMO_E_FORMAT},
      {"custom", "short notation", SYMO_E_UNSUPPORTED},
      {"scaling(0)", "space h1", SYMO_E_ARGUMENT},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    symo_context *context = symo_test_context();
    symo_net_spec spec = symo_net_spec_default();
    symo_layout *layout = NULL;
    cr_ok(context, symo_net_parse(context, "2-4-5-1", &spec));
    symo_status status = symo_net_layout(context, &spec, rows[i].group, &layout);
    cr_assert(status == rows[i].status, "%s: %d, %s", rows[i].group, status,
              symo_context_detail(context));
    cr_assert(layout == NULL);
    cr_assert(strstr(symo_context_detail(context), rows[i].text) != NULL, "%s: %s", rows[i].group,
              symo_context_detail(context));
    symo_context_destroy(context);
    cr_no_leaks();
  }
}

/* ---- the Fisher diagonal ---- */

Test(compare_networks, diagonal_is_the_mean_of_squared_gradients) {
  static double singles[EXAMPLES * MOST];
  for (size_t k = 0; k < 2 * NETS; k++) {
    fixture f;
    compare_setup_fixture(&f, nets[k / 2], SYMO_LOSS_CROSS_ENTROPY, k % 2 == 0);
    compare_build_dense(&f, "diagonal", dense);
    compare_single_gradients(&f, singles);
    memset(naive, 0, sizeof naive);
    for (size_t n = 0; n < EXAMPLES; n++)
      for (size_t i = 0; i < f.size; i++)
        naive[i * f.size + i] += singles[n * f.size + i] * singles[n * f.size + i] / EXAMPLES;
    double apart = symo_test_rel(dense, naive, f.size * f.size);
    cr_assert(apart <= 1e-12, "%s: %g", nets[k / 2], apart);
    compare_teardown_fixture(&f);
  }
}

/* ---- Shampoo ---- */

/* The product over axes of the Gram matrices along them: what shampoo to the power `order` is. */
static void naive_block(const fixture *f, const compare_tensor *t) {
  size_t size = 1;
  for (size_t a = 0; a < t->order; a++) size *= t->dims[a];
  const double *g = f->grad + t->offset;
  for (size_t e = 0; e < size; e++)
    for (size_t d = 0; d < size; d++) {
      double product = 1;
      size_t stride = size;
      for (size_t a = 0; a < t->order; a++) {
        stride /= t->dims[a];
        size_t i = e / stride % t->dims[a], j = d / stride % t->dims[a];
        double gram = 0;
        for (size_t k = 0; k < size; k++)
          if (k / stride % t->dims[a] == i) gram += g[k] * g[k + (j - i) * stride];
        product *= gram;
      }
      naive[e * size + d] = product;
    }
}

static void take_block(const fixture *f, const double *from, size_t offset, size_t size,
                       double *out) {
  for (size_t e = 0; e < size; e++)
    for (size_t d = 0; d < size; d++) out[e * size + d] = from[(offset + e) * f->size + offset + d];
}

static void multiply(size_t n, const double *a, const double *b, double *out) {
  symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)a, n, n),
            symo_mat_dense((void *)(uintptr_t)b, n, n), 0, symo_mat_dense(out, n, n));
}

/* Tensor after tensor: shampoo^order is the product of the Gram matrices, shampoo-root^2 is
 * shampoo, and nothing stands outside of the blocks. */
Test(compare_networks, shampoo_takes_the_root_along_every_axis) {
  static double root[MOST * MOST], block[MOST * MOST], next[MOST * MOST];
  for (size_t k = 0; k < NETS; k++) {
    fixture f;
    compare_tensor *tensors = NULL;
    size_t count = 0, highest = 0;
    double inside = 0;
    compare_setup_fixture(&f, nets[k], SYMO_LOSS_MSE, true);
    cr_ok(f.context, compare_tensors(&f.input, &count, &tensors));
    compare_build_dense(&f, "shampoo", dense);
    compare_build_dense(&f, "shampoo-root", root);
    for (size_t t = 0; t < count; t++) {
      size_t size = 1;
      for (size_t a = 0; a < tensors[t].order; a++) size *= tensors[t].dims[a];
      highest = tensors[t].order > highest ? tensors[t].order : highest;
      naive_block(&f, &tensors[t]);
      take_block(&f, dense, tensors[t].offset, size, block);
      for (size_t i = 0; i < size * size; i++) inside += block[i] * block[i];
      memcpy(power, block, size * size * sizeof *power);
      for (size_t p = 1; p < tensors[t].order; p++) {
        multiply(size, power, block, next);
        memcpy(power, next, size * size * sizeof *power);
      }
      double apart = symo_test_rel(power, naive, size * size);
      cr_assert(apart <= 1e-11, "%s, tensor %zu: %g", nets[k], t, apart);
      take_block(&f, root, tensors[t].offset, size, other);
      multiply(size, other, other, power);
      cr_assert(symo_test_rel(power, block, size * size) <= 1e-11, "%s, tensor %zu", nets[k], t);
    }
    double all = symo_nrm2(SYMO_F64, f.size * f.size, dense);
    cr_assert(fabs(sqrt(inside) - all) <= 1e-13 * all, "%s", nets[k]);
    cr_assert(highest == (strncmp(nets[k], "conv:5", 6) == 0 ? 3
                          : strncmp(nets[k], "conv", 4) == 0 ? 4
                                                             : 2),
              "%s: %zu", nets[k], highest);
    symo_free(tensors);
    compare_teardown_fixture(&f);
  }
}

/* What is kept: a triangle for every axis that is longer than 1. */
Test(compare_networks, shampoo_counts_its_factors) {
  fixture f;
  compare_approx *a = NULL;
  compare_setup_fixture(&f, "conv:3x3x1-c2k3-2", SYMO_LOSS_MSE, true);
  cr_ok(f.context, compare_competitor_find("shampoo")->build(&f.input, &a));
  /* w1[2, 1, 3, 3], b1[2], w2[2, 18], b2[2] */
  cr_assert(a->stored == 3 + 6 + 6 + 3 + 3 + 171 + 3, "%g", a->stored);
  compare_approx_destroy(a);
  compare_teardown_fixture(&f);
}

/* ---- K-FAC ---- */

/* E[d d'] summed over rows, E[a a'] averaged over them, of weight w. */
static void naive_factors(fixture *f, const symo_net_weight *w, size_t index, double *d,
                          double *a) {
  size_t n = EXAMPLES * w->rows, wide = w->inputs + 1;
  double *in = symo_calloc(n * w->inputs, sizeof *in),
         *out = symo_calloc(n * w->outputs, sizeof *out);
  cr_assert(in != NULL && out != NULL);
  cr_ok(f->context, symo_test_statistics(f->net, f->theta, NULL, index, in, out));
  memset(d, 0, w->outputs * w->outputs * sizeof *d);
  memset(a, 0, wide * wide * sizeof *a);
  for (size_t r = 0; r < n; r++) {
    for (size_t i = 0; i < w->outputs * w->outputs; i++)
      d[i] +=
          out[r * w->outputs + i / w->outputs] * out[r * w->outputs + i % w->outputs] / EXAMPLES;
    for (size_t i = 0; i < wide * wide; i++) {
      double x = i / wide < w->inputs ? in[r * w->inputs + i / wide] : 1;
      double y = i % wide < w->inputs ? in[r * w->inputs + i % wide] : 1;
      a[i] += x * y / (double)n;
    }
  }
  symo_free(in);
  symo_free(out);
}

/* Where entry e of [W b] lies. */
static size_t place(const symo_net_weight *w, size_t e) {
  size_t wide = w->inputs + 1, i = e / wide, j = e % wide;
  return j < w->inputs ? w->weight + i * w->inputs + j : w->bias + i;
}

/* Weights by their statistics, norms by the diagonal of the Fisher, and zero elsewhere. */
Test(compare_networks, kfac_of_shared_weights) {
  static double d[MOST * MOST], a[MOST * MOST], singles[EXAMPLES * MOST];
  for (size_t k = 0; k < NETS; k++) {
    fixture f;
    compare_setup_fixture(&f, nets[k], SYMO_LOSS_CROSS_ENTROPY, true);
    compare_build_dense(&f, "kfac-empirical", dense);
    compare_single_gradients(&f, singles);
    memset(naive, 0, sizeof naive);
    for (size_t n = 0; n < EXAMPLES; n++)
      for (size_t i = 0; i < f.size; i++)
        naive[i * f.size + i] += singles[n * f.size + i] * singles[n * f.size + i] / EXAMPLES;
    for (size_t index = 0; index < symo_net_num_weights(f.net); index++) {
      symo_net_weight w = symo_net_get_weight(f.net, index);
      size_t wide = w.inputs + 1;
      naive_factors(&f, &w, index, d, a);
      for (size_t e = 0; e < w.outputs * wide; e++)
        for (size_t g = 0; g < w.outputs * wide; g++) {
          bool there = w.has_bias || (e % wide < w.inputs && g % wide < w.inputs);
          if (there)
            naive[place(&w, e) * f.size + place(&w, g)] =
                d[e / wide * w.outputs + g / wide] * a[e % wide * wide + g % wide];
        }
    }
    double apart = symo_test_rel(dense, naive, f.size * f.size);
    cr_assert(apart <= 1e-12, "%s: %g", nets[k], apart);
    compare_teardown_fixture(&f);
  }
}

/* With one position a convolution is a dense layer, and all competitors agree with it but Shampoo,
 * which sees four axes. */
Test(compare_networks, convolution_of_one_pixel_is_dense) {
  static const char *const names[] = {"kfac", "kfac-empirical", "diagonal", "ggn", "identity"};
  for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
    fixture f, g;
    compare_setup_fixture(&f, "3-4-2", SYMO_LOSS_MSE, true);
    compare_build_dense(&f, names[k], dense);
    size_t size = f.size;
    compare_teardown_fixture(&f);
    compare_setup_fixture(&g, "conv:1x1x3-c4k1-2", SYMO_LOSS_MSE, true);
    cr_assert(g.size == size);
    compare_build_dense(&g, names[k], other);
    double apart = symo_test_rel(other, dense, size * size);
    cr_assert(apart <= 1e-11, "%s: %g", names[k], apart);
    compare_teardown_fixture(&g);
  }
}

/* After one step from the zero state wx is the weight of a dense layer, wh meets zeros, and b goes
 * with it. */
Test(compare_networks, recurrence_of_one_step_is_dense) {
  enum { IN = 3, H = 4, OUT = 2, WH = H * H };
  fixture f, g;
  compare_setup_fixture(&f, "rnn:1x3-4-2", SYMO_LOSS_MSE, true);
  compare_setup_fixture(&g, "3-4-2", SYMO_LOSS_MSE, true);
  cr_assert(f.size == g.size + WH);
  /* wx, wh, b, wo, bo: all but wh as they are there */
  for (size_t i = 0; i < g.size; i++) f.theta[i < IN * H ? i : i + WH] = g.theta[i];
  compare_build_dense(&f, "kfac-empirical", dense);
  compare_build_dense(&g, "kfac-empirical", other);
  double worst = 0, top = symo_nrm2(SYMO_F64, g.size * g.size, other);
  for (size_t i = 0; i < g.size; i++)
    for (size_t j = 0; j < g.size; j++) {
      size_t r = i < IN * H ? i : i + WH, c = j < IN * H ? j : j + WH;
      bool mixed = (i < IN * H) != (j < IN * H) && i < IN * H + H && j < IN * H + H;
      double want = mixed ? 0 : other[i * g.size + j];
      worst = fmax(worst, fabs(dense[r * f.size + c] - want));
    }
  for (size_t i = IN * H; i < IN * H + WH; i++)
    for (size_t j = 0; j < f.size; j++) worst = fmax(worst, fabs(dense[i * f.size + j]));
  cr_assert(worst <= 1e-12 * top, "%g", worst / top);
  symo_net_destroy(g.net);
  symo_rng_destroy(g.rng);
  symo_context_destroy(g.context);
  compare_teardown_fixture(&f);
}

/* ---- tensors, and memory ---- */

/* Dense weights are matrices also behind an image; kernels keep their axes. */
Test(compare_networks, tensors_as_implementations_hold_them) {
  fixture f;
  compare_tensor *t = NULL;
  size_t count = 0;
  compare_setup_fixture(&f, "conv:4x4x1-c2k3c-p2-ln-2", SYMO_LOSS_MSE, true);
  cr_ok(f.context, compare_tensors(&f.input, &count, &t));
  cr_assert(count == 6, "%zu", count);
  cr_assert(t[0].order == 4 && t[0].dims[0] == 2 && t[0].dims[1] == 1 && t[0].dims[3] == 3);
  cr_assert(t[1].order == 1 && t[1].offset == 18);
  cr_assert(t[2].order == 1 && t[2].dims[0] == 2 && t[3].order == 1);
  cr_assert(t[4].order == 2 && t[4].dims[0] == 2 && t[4].dims[1] == 8);
  symo_free(t);
  compare_teardown_fixture(&f);
}

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

Test(compare_networks, allocations_that_fail) {
  fixture f;
  compare_setup_fixture(&f, "conv:2x2x1-c2k1-ln-2", SYMO_LOSS_MSE, true);
  for (size_t i = 0; i < compare_competitor_count(); i++) {
    attempt t = {&f, compare_competitor_at(i)};
    cr_ok(f.context, operation(&t)); /* takes the network's own workspace, which stays */
    cr_assert(symo_test_allocations(operation, &t) > 0);
  }
  compare_teardown_fixture(&f);
}
