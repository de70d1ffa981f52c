/* Transformers against an oracle and against themselves. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "tests/experiments/gpt/test_gpt_support.h"

Test(gpt, loss_and_gradient) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 3, 0.6, 100 + i);
    double loss, alone, *grad = net_vector(c.size), *truth = gpt_oracle_gradient(&c);
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, grad));
    cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &alone));
    double expected = (double)gpt_oracle_loss(&c, c.theta);
    cr_assert(fabs(loss - expected) <= 1e-13 * expected, "%zu: loss %.17g, %.17g", i, loss,
              expected);
    cr_assert(fabs(alone - expected) <= 1e-13 * expected);
    double rel = symo_test_rel(grad, truth, c.size);
    cr_assert(rel <= 1e-10, "%zu: gradient off by %g", i, rel);
    symo_free(grad);
    symo_free(truth);
    net_case_destroy(&c);
  }
}

Test(gpt, products) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 3, 0.6, 110 + i);
    net_check_hvp(&c);
    net_check_structure(&c, false);
    net_check_structure(&c, true);
    net_case_destroy(&c);
  }
}

Test(gpt, float32_agrees) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    gpt.layers = 1;
    net_case c = gpt_case_create(&gpt, 4, 0.4, 120 + i);
    net_check_float32(&c);
    net_case_destroy(&c);
  }
}

/* Directions that touch one tensor alone begin in the middle of the network. */
Test(gpt, sparse_directions) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 2, 0.6, 130 + i);
    const size_t n = c.size, piece = 17;
    double *full = net_random(&c, n);
    for (int ggn = 0; ggn < 2; ggn++) {
      double *whole = net_product(&c, ggn == 1, c.theta, 1, full), *sum = net_vector(n);
      for (size_t at = 0; at < n; at += piece) {
        double *part = net_vector(n);
        memcpy(part + at, full + at, (n - at < piece ? n - at : piece) * sizeof *part);
        double *product = net_product(&c, ggn == 1, c.theta, 1, part);
        symo_axpy(SYMO_F64, n, 1.0, product, sum);
        symo_free(part);
        symo_free(product);
      }
      cr_assert(symo_test_rel(sum, whole, n) <= 1e-12, "%zu", i);
      symo_free(whole);
      symo_free(sum);
    }
    symo_free(full);
    net_case_destroy(&c);
  }
}

/* v'Gv = sum over tokens of (Jv)' (diag p - p p') (Jv) / (N t), Jv by differences of the
 * outputs. */
Test(gpt, gauss_newton_is_jqj) {
  for (size_t i = 0; i < NUM_GPTS; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 3, 0.5, 140 + i);
    const size_t w = gpt.vocabulary, rows = c.examples * gpt.block;
    const double h = 1e-4;
    static const double steps[] = {-2, -1, 1, 2, 0}, weights[] = {1, -8, 8, -1};
    double *v = net_random(&c, c.size), *jv = net_vector(rows * w), *f = net_vector(rows * w);
    double *theta = net_vector(c.size), *gv = net_product(&c, true, c.theta, 1, v), sum = 0.0;
    for (size_t s = 0; s < 5; s++) {
      for (size_t j = 0; j < c.size; j++) theta[j] = c.theta[j] + steps[s] * h * v[j];
      cr_ok(c.context, symo_net_predict(c.net, theta, c.examples, c.x, f));
      if (s < 4) symo_axpy(SYMO_F64, rows * w, weights[s] / (12.0 * h), f, jv);
    }
    for (size_t r = 0; r < rows; r++) {
      double mass = 0.0, mean = 0.0, square = 0.0;
      for (size_t k = r * w; k < (r + 1) * w; k++) {
        mass += exp(f[k]);
        mean += exp(f[k]) * jv[k];
        square += exp(f[k]) * jv[k] * jv[k];
      }
      sum += (square / mass - mean * mean / (mass * mass)) / (double)rows;
    }
    double curve = symo_dot(SYMO_F64, c.size, v, gv);
    cr_assert(fabs(curve - sum) <= 1e-8 * sum, "%zu: %.15g and %.15g", i, curve, sum);
    double *mine[] = {v, jv, f, theta, gv};
    for (size_t m = 0; m < sizeof mine / sizeof *mine; m++) symo_free(mine[m]);
    net_case_destroy(&c);
  }
}

/* ---- the mask ---- */

/* Another token changes what is said from its position on, and not a bit before. */
Test(gpt, causal) {
  symo_gpt_spec gpt = gpt_combination(1);
  net_case c = gpt_case_create(&gpt, 1, 0.6, 150);
  const size_t t = gpt.block, v = gpt.vocabulary;
  double *before = net_vector(t * v), *after = net_vector(t * v);
  cr_ok(c.context, symo_net_predict(c.net, c.theta, 1, c.x, before));
  for (size_t j = 0; j < t; j++) {
    const double keep = c.x[j];
    c.x[j] = fmod(keep + 1.0, (double)v);
    cr_ok(c.context, symo_net_predict(c.net, c.theta, 1, c.x, after));
    cr_assert(memcmp(before, after, j * v * sizeof *after) == 0, "token %zu is seen before", j);
    for (size_t p = j; p < t; p++)
      cr_assert(symo_test_rel(after + p * v, before + p * v, v) > 1e-6, "token %zu, not at %zu", j,
                p);
    c.x[j] = keep;
  }
  symo_free(before);
  symo_free(after);
  net_case_destroy(&c);
}

/* Gradients too: another target at one position moves those of no later positions.  What the other
 * positions give is the same in both gradients. */
Test(gpt, causal_gradient) {
  symo_gpt_spec gpt = gpt_combination(1);
  net_case c = gpt_case_create(&gpt, 1, 0.6, 151);
  size_t size, wpe = gpt_offset(&c, "wpe.weight", &size), width = gpt.width;
  double *one = net_vector(c.size), *two = net_vector(c.size);
  for (size_t p = 0; p < gpt.block; p++) {
    const double keep = c.y[p];
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, one));
    c.y[p] = fmod(keep + 1.0, (double)gpt.vocabulary);
    cr_ok(c.context, symo_net_set_data(c.net, 1, c.x, c.y));
    cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, NULL, two));
    c.y[p] = keep;
    cr_ok(c.context, symo_net_set_data(c.net, 1, c.x, c.y));
    for (size_t s = 0; s < gpt.block; s++) {
      double most = 0.0;
      for (size_t i = wpe + s * width; i < wpe + (s + 1) * width; i++)
        most = fmax(most, fabs(two[i] - one[i]));
      if (s > p)
        cr_assert(most <= symo_test_bound(SYMO_F64, 1, symo_test_max(two, c.size)),
                  "the target at %zu moves position %zu by %g", p, s, most);
      else
        cr_assert(most > 1e-6, "the target at %zu does not move position %zu", p, s);
    }
  }
  symo_free(one);
  symo_free(two);
  net_case_destroy(&c);
}

/* ---- the tied head ---- */

/* A case with a head of its own, equal to the embedding, beside the tied one. */
static net_case untied_twin(const net_case *c, uint64_t seed) {
  symo_gpt_spec gpt;
  cr_assert(symo_gpt_of_net(&c->spec, &gpt) && gpt.tied);
  const size_t size = gpt.vocabulary * gpt.width;
  gpt.tied = false;
  net_case u = gpt_case_create(&gpt, c->examples, 0.6, seed);
  cr_assert_eq(u.size, c->size + size);
  memcpy(u.theta, c->theta, c->size * sizeof *u.theta);
  memcpy(u.theta + c->size, c->theta, size * sizeof *u.theta);
  memcpy(u.x, c->x, c->examples * c->inputs * sizeof *u.x);
  memcpy(u.y, c->y, c->examples * c->outputs * sizeof *u.y);
  cr_ok(u.context, symo_net_set_data(u.net, u.examples, u.x, u.y));
  return u;
}

/* Adds the part of the head to that of the embedding. */
static void fold(const net_case *u, size_t size, double *x) {
  for (size_t i = 0; i < u->size - size; i++) x[i] += x[size + i];
}

Test(gpt, tied_head_is_the_sum_of_both) {
  for (size_t i = 0; i < 2; i++) {
    symo_gpt_spec gpt = gpt_combination(i);
    net_case c = gpt_case_create(&gpt, 3, 0.6, 160 + i);
    symo_context *context = c.context;
    net_case u = untied_twin(&c, 160 + i);
    const size_t head = u.size - c.size;
    double loss[2], *tied = net_vector(c.size), *both = net_vector(u.size);
    cr_ok(context, c.problem.gradient(c.problem.self, c.theta, &loss[0], tied));
    cr_ok(u.context, u.problem.gradient(u.problem.self, u.theta, &loss[1], both));
    /* Sums over all tokens, added up in another order. */
    const double bound = symo_test_bound(SYMO_F64, c.examples * gpt.block, 1);
    cr_assert(fabs(loss[0] - loss[1]) <= bound * loss[0]);
    cr_assert(symo_test_max(both, head) > 1e-6 && symo_test_max(both + c.size, head) > 1e-6);
    fold(&u, c.size, both);
    cr_assert(symo_test_rel(tied, both, c.size) <= bound);
    double *v = net_random(&c, c.size), *w = net_vector(u.size);
    memcpy(w, v, c.size * sizeof *w);
    memcpy(w + c.size, v, head * sizeof *w);
    for (int ggn = 0; ggn < 2; ggn++) {
      double *hv = net_product(&c, ggn == 1, c.theta, 1, v);
      double *hw = net_product(&u, ggn == 1, u.theta, 1, w);
      fold(&u, c.size, hw);
      double rel = symo_test_rel(hv, hw, c.size);
      cr_assert(rel <= 1e-12, "%s off by %g", ggn ? "Gauss-Newton" : "Hessian", rel);
      symo_free(hv);
      symo_free(hw);
    }
    double *mine[] = {tied, both, v, w};
    for (size_t m = 0; m < 4; m++) symo_free(mine[m]);
    symo_free(u.theta), symo_free(u.packed), symo_free(u.x), symo_free(u.y);
    symo_net_destroy(u.net);
    symo_rng_destroy(u.rng);
    symo_context_destroy(u.context);
    net_case_destroy(&c);
  }
}

/* ---- the loss ---- */

/* Logits of thousands neither overflow nor lose the loss. */
Test(gpt, loss_is_stable) {
  symo_gpt_spec gpt = gpt_combination(2);
  net_case c = gpt_case_create(&gpt, 2, 0.6, 170);
  size_t size, head = gpt_offset(&c, "lm_head.weight", &size);
  for (size_t i = head; i < head + size; i++) c.theta[i] *= 1e4;
  double loss, *grad = net_vector(c.size), *v = net_random(&c, c.size);
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, grad));
  double truth = (double)gpt_oracle_loss(&c, c.theta);
  cr_assert(truth > 1e3 && isfinite(truth));
  cr_assert(fabs(loss - truth) <= 1e-12 * truth, "%.17g and %.17g", loss, truth);
  cr_assert(symo_all_finite(SYMO_F64, c.size, grad));
  double *hv = net_product(&c, false, c.theta, 1, v);
  cr_assert(symo_all_finite(SYMO_F64, c.size, hv));
  symo_free(grad), symo_free(v), symo_free(hv);
  net_case_destroy(&c);
}

/* At zero weights all tokens are as likely. */
Test(gpt, loss_at_zero) {
  symo_gpt_spec gpt = gpt_combination(0);
  net_case c = gpt_case_create(&gpt, 2, 0.0, 171);
  double loss;
  cr_ok(c.context, c.problem.loss(c.problem.self, c.theta, &loss));
  const double exact = log((double)gpt.vocabulary);
  cr_assert(fabs(loss - exact) <= symo_test_bound(SYMO_F64, 1, exact));
  net_case_destroy(&c);
}

/* ---- the activation ---- */

/* Values and both derivatives of gelu-tanh against differences, far out too. */
Test(gpt, gelu_tanh_derivatives) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, "1-1-1", &spec), SYMO_OK);
  spec.activation = SYMO_ACT_GELU_TANH;
  spec.bias = false;
  net_case c = net_case_create(&spec, 1, 1.0, 172);
  for (double z = -40.0; z <= 40.0; z += 0.3) {
    const double theta[] = {1.0, 1.0}, y = 0.0;
    double grad[2], hv[2], f;
    const double direction[] = {1.0, 0.0};
    cr_ok(c.context, symo_net_set_data(c.net, 1, &z, &y));
    cr_ok(c.context, symo_net_predict(c.net, theta, 1, &z, &f));
    cr_ok(c.context, c.problem.gradient(c.problem.self, theta, NULL, grad));
    cr_ok(c.context, c.problem.hvp(c.problem.self, theta, 1, direction, hv));
    long double phi[3], h = 0x1p-14L, a = 0.797884560802865355879892119868763737L;
    for (int s = 0; s < 3; s++) {
      long double x = (long double)z + (s - 1) * h;
      phi[s] = x * (1 + tanhl(a * (x + 0.044715L * x * x * x))) / 2;
    }
    const double d1 = (double)((phi[2] - phi[0]) / (2 * h));
    const double d2 = (double)((phi[2] - 2 * phi[1] + phi[0]) / (h * h));
    const double scale = 1.0 + z * z;
    cr_assert(fabs(f - (double)phi[1]) <= symo_test_bound(SYMO_F64, 1, 1 + fabs(z)), "%g: %.17g", z,
              f);
    cr_assert(fabs(grad[0] - f * d1 * z) <= 1e-7 * scale * (1 + fabs(f)), "%g: %g", z, grad[0]);
    cr_assert(fabs(hv[0] - z * z * (d1 * d1 + f * d2)) <= 1e-6 * scale * (1 + fabs(f)),
              "%g: %.17g and %.17g", z, hv[0], z * z * (d1 * d1 + f * d2));
  }
  net_case_destroy(&c);
}
