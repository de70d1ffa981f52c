/* Spectral Newton (arXiv 2606.02596), s -> s / (s^alpha + damping) on the momentum: several steps
 * of the preset against singular values by GSL in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "optim/solver/filter.h"
#include "tests/support/optim_reference.h"
#include "tests/support/stepping.h"

#include <symo/io.h>

enum { STEPS = 12 };
static const double cut = 0.012, rate = 0.003, memory = 0.9;

static void plan_rules(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, settings);
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  cr_assert(num == 2 && rules[0].min_order == 2 &&
            rules[1].method.curvature == &symo_curvature_diagonal);
  symo_stepper_plan(s, num, rules);
}

/* d [rows, cols] := U f(s) V' of u with rms 1, c the cut times the 4-norm of s. */
static void filtered(size_t rows, size_t cols, double alpha, const double *u, double *d) {
  reference_svd x = reference_svd_of(rows, cols, u);
  double fourth = 0, square = 0, n = (double)(rows * cols);
  for (size_t k = 0; k < x.n; k++) fourth += pow(x.s[k], 4);
  double damping = pow(cut * pow(fourth, 0.25), alpha);
  for (size_t k = 0; k < x.n; k++) {
    x.s[k] /= pow(x.s[k], alpha) + damping;
    square += x.s[k] * x.s[k];
  }
  for (size_t k = 0; k < x.n; k++) x.s[k] *= sqrt(n / square);
  reference_svd_put(&x, x.s, d);
  reference_svd_free(&x);
}

/* One step of the rule on a tensor of two axes and more, as the matrix [first axis, the rest]. */
static void reference_step(size_t rows, size_t cols, double alpha, const double *g, double *m,
                           double *p) {
  size_t n = rows * cols;
  double *u = symo_dense_new(2, n), *d = u + n;
  for (size_t i = 0; i < n; i++) {
    m[i] += (1 - memory) * (g[i] - m[i]);
    u[i] = (1 - memory) * g[i] + memory * m[i];
  }
  filtered(rows, cols, alpha, u, d);
  for (size_t i = 0; i < n; i++) p[i] -= rate * d[i];
  free(u);
}

static const char net[] =
    "c: identity 3; a: permutation 5; b: signed-permutation 9; k: identity 3; "
    "out: identity 4; v[a,c,k,k*] b1[a] w[b,a] x[b,b*] y[out,b] s[]";

/* Squares of singular values are known to u times the largest, and the filter looks at them down to
 * the square of the cut; parameters add up STEPS of rms `rate`. */
static void follow(symo_dtype dtype, bool strided, double alpha) {
  symo_test_stepper s;
  char settings[32];
  symo_stepper_open(&s, net, dtype, 41, strided);
  (void)snprintf(settings, sizeof settings, "alpha=%g", alpha);
  plan_rules(&s, "spectral-newton-exact", settings);
  const symo_layout *l = s.w.layout;
  double *p = symo_dense_new(3, s.w.n), *m = p + s.w.n, *before = m + s.w.n;
  memcpy(p, s.theta, s.w.n * sizeof *p);
  memcpy(before, s.theta, s.w.n * sizeof *p);
  for (int t = 0; t < STEPS; t++) {
    symo_stepper_random(&s, pow(10, t % 3 - 1));
    for (size_t i = 0; i < symo_layout_num_tensors(l); i++) {
      size_t at = symo_layout_tensor_offset(l, i), size = symo_layout_tensor_size(l, i);
      if (symo_layout_tensor_order(l, i) < 2) continue;
      size_t rows = symo_layout_axis_dim(l, i, 0), cols = size / rows,
             n = rows < cols ? rows : cols;
      double error = 0;
      reference_step(rows, cols, alpha, s.g + at, m + at, p + at);
      for (size_t j = at; j < at + size; j++) error += pow(s.theta[j] - p[j], 2);
      error = sqrt(error / (double)size) / rate;
      double limit = (t + 1) * symo_test_bound(dtype, n, 1 / (cut * cut));
      if (dtype == SYMO_F32) limit += (t + 1) * symo_test_bound(dtype, 1, 1 / rate);
      cr_assert(error <= limit, "%s, %s, alpha %g, step %d: %g above %g",
                symo_layout_tensor_name(l, i), symo_dtype_name(dtype), alpha, t, error, limit);
    }
  }
  cr_assert(symo_test_rel(p, before, s.w.n) > 1e-3); /* there were steps */
  free(p);
  symo_stepper_close(&s);
}

Test(spectral_newton, is_its_rule_in_the_singular_basis) {
  static const double alphas[] = {0.8, 1, 1.4, 2};
  for (int a = 0; a < 4; a++)
    for (int k = 0; k < 4; k++) follow(k % 2 == 0 ? SYMO_F64 : SYMO_F32, k >= 2, alphas[a]);
}

/* The polynomial differs from the filter by its error, relative to f above half the cut and to f
 * there below: of a step of rms 1 that is at most twice the error of a matrix whose singular values
 * all lie above the cut. */
Test(spectral_newton, by_a_polynomial_is_the_rule_to_the_error_of_the_fit) {
  static const double alphas[] = {1, 1.4, 2};
  for (int a = 0; a < 3; a++) {
    symo_test_stepper s;
    char settings[32];
    symo_filter filter;
    const symo_filter_shape shape = {alphas[a], cut, alphas[a]};
    symo_stepper_open(&s, "h: identity 12; i: identity 7; w[h,i]", SYMO_F64, 42, false);
    cr_ok(s.w.context, symo_filter_fit(&shape, 8, 0, &filter));
    (void)snprintf(settings, sizeof settings, "alpha=%g lr=1", alphas[a]);
    plan_rules(&s, "spectral-newton", settings);
    double *d = symo_dense_new(2, s.w.n), *before = d + s.w.n;
    memcpy(before, s.theta, s.w.n * sizeof *d);
    symo_stepper_random(&s, 1);
    filtered(12, 7, alphas[a], s.g, d);
    for (size_t i = 0; i < s.w.n; i++) before[i] -= s.theta[i];
    double error = symo_test_rel(before, d, s.w.n);
    cr_assert(error <= 2 * filter.error, "alpha %g: %g, the fit %g", alphas[a], error,
              filter.error);
    cr_assert(error > 1e-6); /* another solver than the exact one */
    free(d);
    symo_stepper_close(&s);
  }
}

/* alpha 1 far above the cut is the exact polar factor: Muon. */
Test(spectral_newton, with_exponent_one_and_hardly_a_cut_is_muon) {
  symo_test_stepper s;
  symo_stepper_open(&s, "h: identity 6; i: identity 6; w[h,i]", SYMO_F64, 43, false);
  double *d = symo_dense_new(3, s.w.n), *polar = d + s.w.n, *before = polar + s.w.n;
  memcpy(before, s.theta, s.w.n * sizeof *d);
  plan_rules(&s, "spectral-newton-exact", "alpha=1 cut=1e-9 lr=1");
  symo_stepper_random(&s, 1);
  for (size_t i = 0; i < s.w.n; i++) d[i] = before[i] - s.theta[i];
  reference_polar(6, 6, s.g, 0, polar); /* of rms 1 / sqrt(6) */
  for (size_t i = 0; i < s.w.n; i++) polar[i] *= sqrt(6.0);
  /* The cut takes off cut / s, below 1e-7 unless a matrix of normal numbers is nearly singular. */
  cr_assert(symo_test_rel(d, polar, s.w.n) <= 1e-6, "%g", symo_test_rel(d, polar, s.w.n));
  free(d);
  symo_stepper_close(&s);
}

/* By kind of layer: the file that the documentation names. */
Test(spectral_newton, rules_give_each_kind_of_layer_its_exponent) {
  symo_optim_spec *spec = NULL;
  symo_world w;
  symo_world_open(&w, 1);
  cr_ok(w.context,
        symo_optim_spec_open(w.context, "experiments/examples/optim-spectral-newton.json", 0, NULL,
                             &spec));
  symo_world_parse(&w, "a: identity 4; b: identity 5; k: identity 3; h.0.attn.q.weight[a,b] "
                       "h.0.mlp.c_fc.weight[b,a] h.0.mlp.c_proj.weight[a,b] w1[a,b,k,k*] b1[a]");
  static const double expected[] = {1, 0.8, 1.4, 2, 1};
  symo_optim *optim = NULL;
  cr_ok(w.context, symo_optim_create(w.layout, spec, &optim));
  for (size_t t = 0; t < 5; t++)
    cr_assert(spec->rules[symo_optim_rule_of(optim, t)].method.alpha == expected[t], "%s",
              symo_layout_tensor_name(w.layout, t));
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(spec);
  symo_world_close(&w);
}
