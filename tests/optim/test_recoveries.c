/* Presets against the rules that their authors publish, step by step through the public interface
 * alone: tests/support/optim_reference.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/optim_reference.h"
#include "tests/support/solvers.h"
#include "tests/support/stepping.h"

/* ---- help ---- */

/* The rules that go with a preset. */
static void plan_rules(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, settings);
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  symo_stepper_plan(s, num, rules);
}

/* A tensor as a matrix: first axis, the others together. */
typedef struct span {
  size_t at, size, order, rows, cols, dim[3];
} span;

static span span_of(const symo_test_stepper *s, size_t tensor) {
  const symo_layout *l = s->w.layout;
  span x = {.at = symo_layout_tensor_offset(l, tensor),
            .size = symo_layout_tensor_size(l, tensor),
            .order = symo_layout_tensor_order(l, tensor),
            .rows = 1};
  for (size_t a = 0; a < x.order && a < 3; a++) x.dim[a] = symo_layout_axis_dim(l, tensor, a);
  if (x.order > 0) x.rows = x.dim[0];
  x.cols = x.size / x.rows;
  return x;
}

static double *copy_of(const double *x, size_t n) {
  double *out = malloc((n + 1) * sizeof *out);
  cr_assert(out != NULL);
  memcpy(out, x, n * sizeof *x);
  return out;
}

/* The step itself from 0 with a rate of 1: the direction, with its sign. */
static void direction(symo_test_stepper *s, const double *g, double *out) {
  double *zero = symo_dense_new(1, s->w.n);
  symo_stepper_set(s, zero);
  memcpy(s->g, g, s->w.n * sizeof *g);
  symo_stepper_step(s);
  for (size_t i = 0; i < s->w.n; i++) out[i] = -s->theta[i];
  free(zero);
}

/* Singular values from 1 down to 1 / condition, evenly on a log scale; rank of them. */
static void conditioned(symo_test_stepper *s, const span *x, size_t rank, double condition,
                        double scale, double *g) {
  double *a = symo_dense_new(1, x->size);
  symo_test_randn(s->w.rng, a, x->size);
  reference_svd d = reference_svd_of(x->rows, x->cols, a);
  for (size_t k = 0; k < d.n; k++)
    d.s[k] = k < rank ? scale * pow(condition, -(double)k / (double)(d.n - 1)) : 0;
  reference_svd_put(&d, d.s, g + x->at);
  reference_svd_free(&d);
  free(a);
}

/* ---- without memory: one direction under four names ---- */

/* Square, tall, wide; one with an even number of hidden layers between spaces without a group. */
static const char *const shapes[] = {
    "h: signed-permutation 7; i: identity 7; w[h,i]",
    "h: signed-permutation 12; i: identity 5; w[h,i]",
    "h: signed-permutation 4; i: identity 9; w[h,i]",
    "h: signed-permutation 3; i: identity 8; w[i,h]",
    "in: identity 5; a: signed-permutation 6; b: signed-permutation 9; out: identity 3; "
    "w1[a,in] w2[b,a] w3[out,b]",
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* preset, settings; whether it goes through Gram matrices, whose condition is the square. */
static const struct {
  const char *preset, *settings;
  bool gram;
} stateless[] = {
    {"symo-published", "curvature=orbit-blocked groups=alternate beta2=0 mean=false lr=1", false},
    {"muon-exact", "source=gradient momentum=0 nesterov=false scale=none lr=1", false},
    {"shampoo", "beta2=0 momentum=0 eps=0 lr=1", true},
};

static void check_polar(const char *layout, size_t lost, double condition, double scale) {
  symo_test_stepper s;
  symo_stepper_open(&s, layout, SYMO_F64, 101, false);
  double *g = symo_dense_new(3, s.w.n), *found = g + s.w.n, *expected = found + s.w.n;
  size_t widest = 1;
  for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
    span x = span_of(&s, i);
    size_t n = x.rows < x.cols ? x.rows : x.cols;
    if (n > widest) widest = n;
    conditioned(&s, &x, n - lost, condition, scale, g);
    reference_polar(x.rows, x.cols, g + x.at, 1e-11, expected + x.at);
  }
  for (size_t k = 0; k < sizeof stateless / sizeof *stateless; k++) {
    plan_rules(&s, stateless[k].preset, stateless[k].settings);
    direction(&s, g, found);
    double error = symo_test_rel(found, expected, s.w.n);
    double limit = symo_test_bound(
        SYMO_F64, widest,
        stateless[k].gram ? condition * condition : solvers_polar_condition(SYMO_F64, condition));
    cr_assert(error <= limit, "%s, %s, condition %g, scale %g: %g", stateless[k].preset, layout,
              condition, scale, error);
  }
  free(g);
  symo_stepper_close(&s);
}

Test(recoveries, without_memory_symo_muon_and_shampoo_are_the_polar_factor) {
  static const double conditions[] = {3, 100, 1e5}, scales[] = {1, 1e-12, 1e8};
  for (size_t k = 0; k < SHAPES; k++)
    for (int c = 0; c < 3; c++) check_polar(shapes[k], 0, conditions[c], scales[c]);
}

Test(recoveries, directions_without_a_gradient_stay_where_they_are) {
  for (size_t k = 0; k < SHAPES; k++) check_polar(shapes[k], 1, 5, 1);
}

/* ---- Muon ---- */

static const char muon_net[] =
    "in: identity 5; h1: signed-permutation 8; h2: signed-permutation 6; out: identity 3; "
    "w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] b3[out] s[]";

/* Every tensor by muon.py: matrices by Muon, the others by its Adam.  The five steps of the quintic
 * magnify what is small by 3.4445^5 = 485, and rounding adds up over the steps; apart: what the
 * two rules differ by beside. */
static void follow_muon(const char *layout, double nudge, bool nesterov, double momentum,
                        double decay, double apart) {
  symo_test_stepper s;
  char settings[128];
  symo_stepper_open(&s, layout, SYMO_F64, 102, false);
  snprintf(settings, sizeof settings, "nesterov=%s momentum=%g weight_decay=%g",
           nesterov ? "true" : "false", momentum, decay);
  plan_rules(&s, "muon", settings);
  double *p = copy_of(s.theta, s.w.n), *m = symo_dense_new(2, s.w.n), *v = m + s.w.n;
  for (int t = 1; t <= 50; t++) {
    symo_stepper_random(&s, nudge);
    for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
      span x = span_of(&s, i);
      reference_muon muon = {x.rows, x.cols, 0.02, momentum, decay, nesterov, m + x.at};
      reference_adam adam = {x.size, 3e-4,  0.9,   0.95,     1e-10,
                             decay,  false, t - 1, m + x.at, v + x.at};
      if (x.order >= 2)
        reference_muon_step(&muon, s.g + x.at, p + x.at);
      else
        reference_adam_step(&adam, s.g + x.at, p + x.at);
      double error = symo_test_rel(s.theta + x.at, p + x.at, x.size);
      double limit = apart + symo_test_bound(SYMO_F64, 1, 485 * 0.02 * t);
      cr_assert(error <= limit, "%s, step %d: %g", symo_layout_tensor_name(s.w.layout, i), t,
                error);
    }
  }
  free(p);
  free(m);
  symo_stepper_close(&s);
}

/* muon.py adds 1e-7 to norms, which gradients of this size do not feel, and ours are free of. */
Test(recoveries, muon_is_its_published_rule) {
  follow_muon(muon_net, 1e6, true, 0.95, 0, 0);
  follow_muon(muon_net, 1e6, true, 0.95, 0.1, 0);
  follow_muon(muon_net, 1e6, false, 0.9, 0.01, 0);
  follow_muon(muon_net, 1, true, 0.95, 0.1, 1e-7);
}

/* Tensors of more axes are matrices [first axis, the others], whoever their neighbours are. */
Test(recoveries, muon_takes_convolutions_as_published) {
  follow_muon("c: identity 3; a: permutation 5; b: permutation 4; k: identity 2; "
              "v[a,c,k] w[b,a,k] x[a,b,k] y[b,b*,k]",
              1e6, true, 0.95, 0, 0);
}

Test(recoveries, muon_lies_in_the_band_of_its_quintic_around_the_exact_factor) {
  static const char *const settings = "source=gradient momentum=0 nesterov=false lr=1";
  for (size_t k = 0; k < SHAPES; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, shapes[k], SYMO_F64, 103, false);
    double *g = symo_dense_new(4, s.w.n), *quick = g + s.w.n, *exact = quick + s.w.n;
    double *inside = exact + s.w.n;
    for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
      span x = span_of(&s, i);
      conditioned(&s, &x, x.size, 100, 1, g); /* s / |g| >= 1 / (100 sqrt 9) */
    }
    plan_rules(&s, "muon", settings);
    direction(&s, g, quick);
    plan_rules(&s, "muon-exact", settings);
    direction(&s, g, exact);
    for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
      span x = span_of(&s, i);
      reference_svd d = reference_svd_of(x.rows, x.cols, g + x.at);
      double scale = sqrt(fmax(1, (double)x.rows / (double)x.cols)), f[16];
      for (size_t q = 0; q < d.n; q++) f[q] = scale;
      reference_svd_put(&d, f, inside + x.at);
      cr_assert(symo_test_rel(exact + x.at, inside + x.at, x.size) <=
                symo_test_bound(SYMO_F64, d.n, solvers_polar_condition(SYMO_F64, 100)));
      for (size_t q = 0; q < d.n; q++) { /* u' quick v */
        f[q] = 0;
        for (size_t e = 0; e < x.size; e++)
          f[q] += d.u[e / x.cols * d.n + q] * quick[x.at + e] * d.v[e % x.cols * d.n + q];
        cr_assert(f[q] >= 0.68 * scale && f[q] <= 1.21 * scale, "%s: %g", shapes[k], f[q] / scale);
      }
      reference_svd_put(&d, f, inside + x.at);
      cr_assert(symo_test_rel(quick + x.at, inside + x.at, x.size) <=
                symo_test_bound(SYMO_F64, d.n, 485)); /* of what is small, by 3.4445^5 */
      reference_svd_free(&d);
    }
    free(g);
    symo_stepper_close(&s);
  }
}

/* ---- Adam, SGD ---- */

static const char net[] = "in: identity 5; h: signed-permutation 7; out: identity 3; "
                          "w1[h,in] b1[h] w2[out,h] b2[out]";

/* Every step rounds the parameters; nothing magnifies that. */
static double bound_of(symo_dtype dtype, int steps) {
  return symo_test_bound(dtype, (size_t)steps, 1);
}

static void follow_adam(const char *preset, const char *settings, reference_adam adam,
                        symo_dtype dtype) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, dtype, 104, true);
  plan_rules(&s, preset, settings);
  double *p = copy_of(s.theta, s.w.n);
  adam.n = s.w.n;
  adam.m = symo_dense_new(2, s.w.n);
  adam.v = adam.m + s.w.n;
  for (int t = 1; t <= 100; t++) {
    symo_stepper_random(&s, pow(10, t % 5 - 2));
    reference_adam_step(&adam, s.g, p);
    cr_assert(symo_test_rel(s.theta, p, s.w.n) <= bound_of(dtype, t), "%s, step %d: %g", preset, t,
              symo_test_rel(s.theta, p, s.w.n));
  }
  free(p);
  free(adam.m);
  symo_stepper_close(&s);
}

/* To the last bit: test_step.c.  Here by the rules that go with the presets. */
Test(recoveries, adam_and_adamw_are_their_published_rules) {
  for (int k = 0; k < 2; k++) {
    symo_dtype dtype = k == 0 ? SYMO_F64 : SYMO_F32;
    reference_adam adam = {.lr = 1e-3, .b1 = 0.9, .b2 = 0.999, .eps = 1e-8};
    follow_adam("adam", "", adam, dtype);
    adam.decay = 0.01;
    follow_adam("adamw", "", adam, dtype);
    adam.l2 = true;
    follow_adam("adam", "weight_decay=0.01", adam, dtype);
  }
}

/* C of sign flips on every coordinate is the diagonal of second moments. */
Test(recoveries, symo_with_sign_flips_has_the_denominators_of_adam) {
  static const char *const curvatures[] = {"orbit", "orbit-blocked"};
  for (int k = 0; k < 4; k++) {
    reference_adam adam = {.lr = 0.01, .b1 = 0.9, .b2 = 0.99};
    char settings[160];
    snprintf(settings, sizeof settings,
             "curvature=%s groups=sign-flip lr=0.01 schedule=constant beta2=0.99 momentum=0.9 "
             "momentum_correction=true",
             curvatures[k % 2]);
    follow_adam("symo-published", settings, adam, k < 2 ? SYMO_F64 : SYMO_F32);
  }
}

Test(recoveries, sgd_is_the_rule_of_torch) {
  static const char *const settings[] = {"", "momentum=0.9", "momentum=0.9 nesterov=true",
                                         "momentum=0.8 nesterov=true weight_decay=0.1 lr=0.1"};
  for (int k = 0; k < 4; k++) {
    symo_test_stepper s;
    reference_sgd sgd = {.lr = k == 3 ? 0.1 : 1e-3, .momentum = k == 0 ? 0 : k == 3 ? 0.8 : 0.9};
    symo_stepper_open(&s, net, SYMO_F64, 105, false);
    plan_rules(&s, "sgd", settings[k]);
    double *p = copy_of(s.theta, s.w.n);
    sgd.n = s.w.n;
    sgd.nesterov = k > 1;
    sgd.decay = k == 3 ? 0.1 : 0;
    sgd.m = symo_dense_new(1, s.w.n);
    for (int t = 1; t <= 50; t++) {
      symo_stepper_random(&s, 1);
      reference_sgd_step(&sgd, s.g, p);
      cr_assert(symo_test_rel(s.theta, p, s.w.n) <= bound_of(SYMO_F64, t), "%s, step %d",
                settings[k], t);
    }
    free(p);
    free(sgd.m);
    symo_stepper_close(&s);
  }
}

Test(recoveries, normalised_sgd_divides_by_norms) {
  static const double scales[] = {1, 1e-200, 1e200};
  for (int k = 0; k < 3; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, net, SYMO_F64, 106, false);
    plan_rules(&s, "normalized-sgd", "");
    double *p = copy_of(s.theta, s.w.n);
    for (int t = 1; t <= 10; t++) {
      symo_stepper_random(&s, scales[k]);
      for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++) {
        span x = span_of(&s, i);
        double square = 0;
        for (size_t e = 0; e < x.size; e++) square += pow(s.g[x.at + e] / scales[k], 2);
        for (size_t e = 0; e < x.size; e++)
          p[x.at + e] -= 0.01 * (s.g[x.at + e] / scales[k]) / sqrt(square);
      }
      cr_assert(symo_test_rel(s.theta, p, s.w.n) <= bound_of(SYMO_F64, t), "scale %g, step %d",
                scales[k], t);
    }
    free(p);
    symo_stepper_close(&s);
  }
}

Test(recoveries, adagrad_full_has_the_root_of_all_outer_products) {
  symo_test_stepper s;
  symo_stepper_open(&s, "i: identity 3; h: permutation 4; w[h,i] b[h]", SYMO_F64, 107, false);
  plan_rules(&s, "adagrad-full", "");
  reference_adagrad o = {s.w.n, 0.01, 1e-10, symo_dense_new(s.w.n, s.w.n)};
  double *p = copy_of(s.theta, s.w.n), condition = 0;
  for (int t = 1; t <= 40; t++) { /* singular up to the 15th */
    symo_stepper_random(&s, 1);
    reference_adagrad_step(&o, s.g, p);
    condition += o.lr * symo_dense_power_condition(s.w.n, o.c, o.eps, -0.5, 0, 1, s.g);
    cr_assert(symo_test_rel(s.theta, p, s.w.n) <= symo_test_bound(SYMO_F64, s.w.n, condition),
              "step %d: %g", t, symo_test_rel(s.theta, p, s.w.n));
  }
  free(p);
  free(o.c);
  symo_stepper_close(&s);
}

/* ---- Shampoo ---- */

static const char blocks[] = "a: identity 5; b: identity 4; c: identity 3; u[a,b] v[b,c] t[c,b,a] "
                             "x[a]";

typedef struct shampoo_case {
  const char *settings;
  double beta2;
  int every, start;
  reference_graft graft;
} shampoo_case;

static void follow_shampoo(const shampoo_case *how) {
  symo_test_stepper s;
  enum { TENSORS = 4 };
  reference_shampoo o[TENSORS];
  symo_stepper_open(&s, blocks, SYMO_F64, 108, false);
  symo_stepper_preset(&s, "shampoo", how->settings);
  double *p = copy_of(s.theta, s.w.n);
  for (size_t i = 0; i < TENSORS; i++) {
    span x = span_of(&s, i);
    bool average = how->beta2 < 1;
    o[i] = (reference_shampoo){.lr = 0.01,
                               .b1 = 0.9,
                               .b2 = how->beta2,
                               .eps = 1e-12,
                               .graft_b2 = average ? how->beta2 : 0.999,
                               .graft_eps = 1e-8,
                               .every = how->every,
                               .start = how->start,
                               .graft = how->graft};
    reference_shampoo_open(&o[i], x.order, x.dim);
  }
  for (int t = 1; t <= 30; t++) {
    symo_stepper_random(&s, 1);
    for (size_t i = 0; i < TENSORS; i++) {
      span x = span_of(&s, i);
      reference_shampoo_step(&o[i], s.g + x.at, p + x.at);
      double error = symo_test_rel(s.theta + x.at, p + x.at, x.size);
      cr_assert(error <= 1e-8, "\"%s\", %s, step %d: %g", how->settings,
                symo_layout_tensor_name(s.w.layout, i), t, error);
    }
  }
  for (size_t i = 0; i < TENSORS; i++) reference_shampoo_close(&o[i]);
  free(p);
  symo_stepper_close(&s);
}

Test(recoveries, shampoo_is_its_published_rule) {
  static const shampoo_case rows[] = {
      {"", 1, 1, 1, GRAFT_NONE},
      {"refresh_every=5 start_step=5 stagger=false", 1, 5, 5, GRAFT_NONE},
      {"refresh_every=5 start_step=5 stagger=false graft=sgd", 1, 5, 5, GRAFT_SGD},
      {"refresh_every=5 start_step=5 stagger=false graft=adam", 1, 5, 5, GRAFT_ADAM},
      {"refresh_every=5 start_step=10 stagger=false graft=adam beta2=0.95 correction=true", 0.95, 5,
       10, GRAFT_ADAM},
  };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) follow_shampoo(&rows[k]);
}

/* Until there are roots, a grafted run is that of its graft. */
Test(recoveries, before_its_start_shampoo_is_its_graft) {
  for (int k = 0; k < 2; k++) {
    symo_test_stepper s;
    symo_stepper_open(&s, blocks, SYMO_F64, 109, false);
    symo_stepper_preset(&s, "shampoo",
                        k == 0 ? "start_step=40 graft=adam beta2=0.9 correction=true"
                               : "start_step=40 graft=sgd momentum=0");
    double *p = copy_of(s.theta, s.w.n), *m = symo_dense_new(2, s.w.n);
    reference_adam adam = {s.w.n, 0.01, 0.9, 0.9, 1e-8, 0, false, 0, m, m + s.w.n};
    reference_sgd sgd = {s.w.n, 0.01, 0, 0, false, 0, m};
    for (int t = 1; t < 40; t++) {
      symo_stepper_random(&s, 1);
      if (k == 0)
        reference_adam_step(&adam, s.g, p);
      else
        reference_sgd_step(&sgd, s.g, p);
      cr_assert(symo_test_rel(s.theta, p, s.w.n) <= bound_of(SYMO_F64, t), "%d, step %d", k, t);
    }
    free(p);
    free(m);
    symo_stepper_close(&s);
  }
}

/* ---- SOAP ---- */

static void follow_soap(const char *settings, int every, double decay) {
  symo_test_stepper s;
  enum { TENSORS = 2 };
  reference_soap o[TENSORS];
  symo_stepper_open(&s, "a: identity 5; b: identity 4; u[a,b] v[b,b*]", SYMO_F64, 110, false);
  plan_rules(&s, "soap", settings);
  double *p = copy_of(s.theta, s.w.n);
  for (size_t i = 0; i < TENSORS; i++) {
    span x = span_of(&s, i);
    o[i] = (reference_soap){
        .lr = 3e-3, .b1 = 0.95, .b2 = 0.95, .eps = 1e-8, .decay = decay, .every = every};
    reference_soap_open(&o[i], x.rows, x.cols);
  }
  for (int t = 1; t <= 30; t++) {
    symo_stepper_random(&s, 1);
    for (size_t i = 0; i < TENSORS; i++) {
      span x = span_of(&s, i);
      reference_soap_step(&o[i], s.g + x.at, p + x.at);
      double error = symo_test_rel(s.theta + x.at, p + x.at, x.size);
      cr_assert(error <= 1e-10, "\"%s\", step %d: %g", settings, t, error);
    }
  }
  for (size_t i = 0; i < TENSORS; i++) reference_soap_close(&o[i]);
  free(p);
  symo_stepper_close(&s);
}

Test(recoveries, soap_is_its_published_rule) {
  follow_soap("", 10, 0.01);
  follow_soap("weight_decay=1", 10, 1);
  follow_soap("weight_decay=0 refresh_every=5", 5, 0);
  follow_soap("refresh_every=1", 1, 0.01);
}

/* Without an axis for a basis: Adam, one step late (eps, which the two scale differently, at 0). */
Test(recoveries, soap_with_the_identity_for_a_basis_is_adam) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 111, false);
  symo_stepper_preset(&s, "soap", "max_dim=1 eps=0 weight_decay=0");
  double *p = copy_of(s.theta, s.w.n), *m = symo_dense_new(2, s.w.n);
  reference_adam adam = {s.w.n, 3e-3, 0.95, 0.95, 0, 0, false, 0, m, m + s.w.n};
  for (int t = 0; t <= 50; t++) {
    symo_stepper_random(&s, 1);
    if (t > 0) reference_adam_step(&adam, s.g, p);
    cr_assert(symo_test_rel(s.theta, p, s.w.n) <= bound_of(SYMO_F64, t + 1), "step %d", t);
  }
  free(p);
  free(m);
  symo_stepper_close(&s);
}
