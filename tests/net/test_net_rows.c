/* The rows of the Gauss-Newton matrix, gradients at sampled targets, and passes that are held:
 * against products that the other tests hold against definitions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "tests/net/test_net_support.h"

static const char *const texts[] = {"4-5-3", "rnn:3x2-4leak0.3-2each", "conv:4x4x1-c2k3-p2-ln-3",
                                    "4-5-ln-res-5-add-2"};
enum { NUM_TEXTS = 4, EXAMPLES = 7 };

static net_case open_case(const char *text, symo_loss loss, symo_dtype dtype, uint64_t seed) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, text, &spec), SYMO_OK);
  spec.loss = loss, spec.dtype = dtype;
  net_case c = net_case_create(&spec, EXAMPLES, 0.7, seed);
  if (loss == SYMO_LOSS_CROSS_ENTROPY) { /* soft targets whose sums are not 1, and one of 0 */
    for (size_t i = 0; i < EXAMPLES * c.outputs; i++)
      c.y[i] *= i < c.outputs ? 0.0 : 0.5 + 0.2 * (double)(i / c.outputs);
    cr_ok(c.context, symo_net_set_data(c.net, EXAMPLES, c.x, c.y));
  }
  return c;
}

static bool is_case(const char *text, symo_loss loss) {
  return loss != SYMO_LOSS_TOKENS &&
         !(loss == SYMO_LOSS_CROSS_ENTROPY && strstr(text, "each") != NULL);
}

/* S as [P, R], a row for each parameter. */
static double *matrix(net_case *c, size_t rows) {
  const size_t n = c->size;
  double *unit = net_vector(n * n), *s = net_vector(n * rows);
  for (size_t i = 0; i < n; i++) unit[i * n + i] = 1.0;
  cr_ok(c->context, c->problem.row_product(c->problem.self, c->theta, n, unit, s));
  symo_free(unit);
  return s;
}

static void check_rows(net_case *c, size_t examples) {
  const symo_problem *p = &c->problem;
  const size_t n = c->size, rows = p->rows(p->self);
  cr_assert_eq(rows, examples * c->outputs);
  double *s = matrix(c, rows), *a = net_dense(c, true), *mine = net_vector(n * n);
  double *w = net_vector(rows), *g = net_vector(n), *sw = net_vector(n), loss;
  symo_gemm(SYMO_F64, 1.0, symo_mat_dense(s, n, rows), symo_mat_t(symo_mat_dense(s, n, rows)), 0.0,
            symo_mat_dense(mine, n, n));
  cr_assert(symo_test_rel(mine, a, n * n) <= 1e-13, "%s: S'S %g", net_spec_text(&c->spec),
            symo_test_rel(mine, a, n * n));
  cr_ok(c->context, p->row_residual(p->self, c->theta, w));
  cr_ok(c->context, p->row_transposed(p->self, c->theta, 1, w, sw));
  cr_ok(c->context, p->gradient(p->self, c->theta, &loss, g));
  cr_assert(symo_test_rel(sw, g, n) <= 1e-13, "%s: S'w", net_spec_text(&c->spec));
  /* S'U by the matrix, for more vectors than a block has. */
  enum { MANY = 19 };
  double *u = net_random(c, MANY * rows), *su = net_vector(MANY * n), *want = net_vector(MANY * n);
  cr_ok(c->context, p->row_transposed(p->self, c->theta, MANY, u, su));
  symo_gemm(SYMO_F64, 1.0, symo_mat_dense(u, MANY, rows), symo_mat_t(symo_mat_dense(s, n, rows)),
            0.0, symo_mat_dense(want, MANY, n));
  cr_assert(symo_test_rel(su, want, MANY * n) <= 1e-13, "%s: S'U", net_spec_text(&c->spec));
  double *owned[] = {s, a, mine, w, g, sw, u, su, want};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
}

Test(net_rows, are_those_of_the_gauss_newton_matrix) {
  for (size_t t = 0; t < NUM_TEXTS; t++)
    for (int loss = SYMO_LOSS_MSE; loss <= SYMO_LOSS_BERNOULLI; loss++) {
      if (!is_case(texts[t], (symo_loss)loss)) continue;
      const size_t chosen[] = {5, 0, 0, 3};
      net_case c = open_case(texts[t], (symo_loss)loss, SYMO_F64, 71 + t);
      check_rows(&c, EXAMPLES);
      cr_ok(c.context, symo_net_select(c.net, 4, chosen));
      check_rows(&c, 4);
      net_case_destroy(&c);
    }
}

/* Probabilities that underflow leave S'w the gradient. */
Test(net_rows, certain_outputs) {
  for (int loss = SYMO_LOSS_CROSS_ENTROPY; loss <= SYMO_LOSS_BERNOULLI; loss++) {
    net_case c = open_case("4-5-3", (symo_loss)loss, SYMO_F64, 81);
    const symo_problem *p = &c.problem;
    for (size_t i = 0; i < c.size; i++) c.theta[i] *= 300.0;
    double *w = net_vector(p->rows(p->self)), *g = net_vector(c.size), *sw = net_vector(c.size);
    cr_ok(c.context, p->row_residual(p->self, c.theta, w));
    cr_ok(c.context, p->row_transposed(p->self, c.theta, 1, w, sw));
    cr_ok(c.context, p->gradient(p->self, c.theta, NULL, g));
    cr_assert(symo_test_max(g, c.size) > 0 && symo_all_finite(SYMO_F64, c.size, sw));
    cr_assert(symo_test_rel(sw, g, c.size) <= 1e-12);
    symo_free(w), symo_free(g), symo_free(sw);
    net_case_destroy(&c);
  }
}

/* S v, the direction the same but for its rounding to float32. */
static double *product(symo_loss loss, symo_dtype dtype, size_t *rows) {
  net_case c = open_case("4-5-3", loss, dtype, 91);
  void *v = symo_calloc(c.size, sizeof(double)), *sv = symo_calloc(64, sizeof(double));
  for (size_t i = 0; i < c.size; i++) symo_put(dtype, v, i, sin(1.0 + (double)i));
  *rows = c.problem.rows(c.problem.self);
  cr_ok(c.context, c.problem.row_product(c.problem.self, c.packed, 1, v, sv));
  double *out = malloc(64 * sizeof *out);
  for (size_t i = 0; i < *rows; i++) out[i] = symo_get(dtype, sv, i);
  symo_free(v), symo_free(sv);
  net_case_destroy(&c);
  return out;
}

Test(net_rows, float32_agrees) {
  for (int loss = SYMO_LOSS_MSE; loss <= SYMO_LOSS_BERNOULLI; loss++) {
    size_t rows;
    double *wide = product((symo_loss)loss, SYMO_F64, &rows);
    double *narrow = product((symo_loss)loss, SYMO_F32, &rows);
    cr_assert(symo_test_rel(narrow, wide, rows) <= 1e-5);
    free(wide), free(narrow);
  }
}

/* ---- what is held ---- */

static bool are(symo_net_counts a, double forward, double backward, double tangent,
                double backward_tangent) {
  return a.forward == forward && a.backward == backward && a.tangent == tangent &&
         a.backward_tangent == backward_tangent;
}

static symo_net_counts since(const symo_net *net, symo_net_counts before) {
  const symo_net_counts now = symo_net_get_counts(net);
  return (symo_net_counts){now.forward - before.forward, now.backward - before.backward,
                           now.tangent - before.tangent,
                           now.backward_tangent - before.backward_tangent};
}

/* A gradient, four products in two calls and three directions of rows.  out: all of them. */
static symo_net_counts run_products(net_case *c, bool held, bool hessian, double *out) {
  const symo_problem *p = &c->problem;
  const symo_net_counts before = symo_net_get_counts(c->net);
  const size_t n = c->size;
  double loss;
  p->hold(p->self, held ? c->theta : NULL, hessian);
  cr_ok(c->context, p->gradient(p->self, c->theta, &loss, out));
  cr_ok(c->context, (hessian ? p->hvp : p->ggn)(p->self, c->theta, 1, out, out + n));
  cr_ok(c->context, (hessian ? p->hvp : p->ggn)(p->self, c->theta, 3, out, out + 2 * n));
  p->hold(p->self, NULL, false);
  return since(c->net, before);
}

Test(net_rows, what_is_held_is_computed_once) {
  for (size_t t = 0; t < NUM_TEXTS; t++)
    for (int hessian = 0; hessian < 2; hessian++) {
      net_case c = open_case(texts[t], SYMO_LOSS_MSE, SYMO_F64, 21);
      const size_t n = c.size;
      double *apart = net_vector(5 * n), *together = net_vector(5 * n);
      /* the products read what stands behind the gradient too */
      symo_net_counts counts = run_products(&c, false, hessian, apart);
      cr_assert(are(counts, 3, hessian ? 3 : 1, 4, 4), "%g %g %g %g", counts.forward,
                counts.backward, counts.tangent, counts.backward_tangent);
      counts = run_products(&c, true, hessian, together);
      cr_assert(are(counts, 1, 1, 4, 4), "%g %g %g %g", counts.forward, counts.backward,
                counts.tangent, counts.backward_tangent);
      cr_assert(symo_test_rel(together, apart, 5 * n) <= 1e-12);
      symo_free(apart), symo_free(together);
      net_case_destroy(&c);
    }
}

/* Other examples, other passes through the same workspace and other parameters are seen. */
Test(net_rows, what_is_held_does_not_outlive_its_reason) {
  net_case c = open_case("4-5-3", SYMO_LOSS_CROSS_ENTROPY, SYMO_F64, 31);
  const symo_problem *p = &c.problem;
  const size_t n = c.size, chosen[] = {1, 4};
  double *v = net_random(&c, n), *a = net_vector(n), *b = net_vector(n);
  double *other = net_random(&c, n), *outputs = net_vector(EXAMPLES * c.outputs);
  p->hold(p->self, c.theta, true);
  cr_ok(c.context, p->hvp(p->self, c.theta, 1, v, a));
  cr_ok(c.context, symo_net_predict(c.net, other, EXAMPLES, c.x, outputs));
  cr_ok(c.context, p->ggn(p->self, other, 1, v, b));
  cr_ok(c.context, p->hvp(p->self, c.theta, 1, v, b));
  cr_assert(memcmp(a, b, n * sizeof *a) == 0);
  cr_ok(c.context, symo_net_select(c.net, 2, chosen));
  cr_ok(c.context, p->hvp(p->self, c.theta, 1, v, a));
  p->hold(p->self, NULL, false);
  cr_ok(c.context, p->hvp(p->self, c.theta, 1, v, b));
  cr_assert(memcmp(a, b, n * sizeof *a) == 0);
  symo_free(v), symo_free(a), symo_free(b), symo_free(other), symo_free(outputs);
  net_case_destroy(&c);
}

/* ---- targets drawn from the model ---- */

/* N g g' has the mean A: its diagonal within five standard errors, at every parameter. */
static void check_sampled(const char *text, symo_loss loss) {
  enum { DRAWS = 4000 };
  double examples = 0;
  net_case c = open_case(text, loss, SYMO_F64, 41);
  const symo_problem *p = &c.problem;
  const size_t n = c.size;
  double *a = net_dense(&c, true), *g = net_vector(n), *sum = net_vector(n),
         *square = net_vector(n);
  for (uint64_t seed = 0; seed < DRAWS; seed++) {
    cr_ok(c.context, p->sampled_gradient(p->self, c.theta, seed, &examples, g));
    for (size_t i = 0; i < n; i++) {
      const double x = examples * g[i] * g[i];
      sum[i] += x / DRAWS, square[i] += x * x / DRAWS;
    }
  }
  cr_assert(examples == EXAMPLES);
  for (size_t i = 0; i < n; i++) {
    const double error = sqrt(fmax(square[i] - sum[i] * sum[i], 0) / DRAWS);
    cr_assert(fabs(sum[i] - a[i * n + i]) <= 5 * error + 1e-14, "%s %s %zu: %g, not %g +- %g", text,
              symo_loss_name(loss), i, sum[i], a[i * n + i], error);
  }
  symo_free(a), symo_free(g), symo_free(sum), symo_free(square);
  net_case_destroy(&c);
}

Test(net_rows, sampled_gradients_have_the_gauss_newton_diagonal) {
  for (int loss = SYMO_LOSS_MSE; loss <= SYMO_LOSS_BERNOULLI; loss++)
    check_sampled("4-3-3", (symo_loss)loss);
}

Test(net_rows, seeds_decide) {
  net_case c = open_case("4-3-3", SYMO_LOSS_CROSS_ENTROPY, SYMO_F64, 51);
  const symo_problem *p = &c.problem;
  double *a = net_vector(c.size), *b = net_vector(c.size), examples;
  cr_ok(c.context, p->sampled_gradient(p->self, c.theta, 7, &examples, a));
  cr_ok(c.context, p->sampled_gradient(p->self, c.theta, 7, &examples, b));
  cr_assert(memcmp(a, b, c.size * sizeof *a) == 0);
  cr_ok(c.context, p->sampled_gradient(p->self, c.theta, 8, &examples, b));
  cr_assert(memcmp(a, b, c.size * sizeof *a) != 0);
  symo_free(a), symo_free(b);
  net_case_destroy(&c);
}
