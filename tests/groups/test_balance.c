/* The relu network for which scaling is a symmetry, and steps in the balanced frame. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/forms/scaling.h"
#include "tests/support/scaling.h"

/* Sweeps end where logarithms of scales change by 1e-12.  From a change of 1 they get there within
 * 1000 sweeps only if every one takes 2.7 % of the way: at most 1e-12 / 0.027 is left to go. */
static const double FRAME = 3.7e-11;

/* ---- a relu network ---- */

enum { INPUTS = 3, HIDDEN = 4, SECOND = 3, OUTPUTS = 2, EXAMPLES = 7 };

static const char relu_text[] = "in: identity 3; h: scaling(0.6%s) 4; g: scaling(0.4%s) 3; "
                                "out: identity 2; w1[h,in] b1[h] w2[g,h*] b2[g] w3[out,g*] b3[out]";

typedef struct example {
  double x[INPUTS], y[OUTPUTS];
} example;

static double relu(double x) { return x > 0 ? x : 0; }

/* Half the mean squared error, and its gradient by hand. */
static double relu_loss(const example *data, const double *theta, double *grad) {
  const double *w1 = theta, *b1 = w1 + HIDDEN * INPUTS, *w2 = b1 + HIDDEN;
  const double *b2 = w2 + SECOND * HIDDEN, *w3 = b2 + SECOND, *b3 = w3 + OUTPUTS * SECOND;
  size_t n = (size_t)(b3 - theta) + OUTPUTS;
  double *g1 = grad, *gb1 = g1 + (b1 - w1), *g2 = gb1 + (w2 - b1), *gb2 = g2 + (b2 - w2);
  double *g3 = gb2 + (w3 - b2), *gb3 = g3 + (b3 - w3), loss = 0;
  memset(grad, 0, n * sizeof *grad);
  for (int k = 0; k < EXAMPLES; k++) {
    double h[HIDDEN], g[SECOND], dg[SECOND] = {0}, dh[HIDDEN] = {0};
    for (int i = 0; i < HIDDEN; i++) {
      h[i] = b1[i];
      for (int j = 0; j < INPUTS; j++) h[i] += w1[i * INPUTS + j] * data[k].x[j];
      h[i] = relu(h[i]);
    }
    for (int i = 0; i < SECOND; i++) {
      g[i] = b2[i];
      for (int j = 0; j < HIDDEN; j++) g[i] += w2[i * HIDDEN + j] * h[j];
      g[i] = relu(g[i]);
    }
    for (int i = 0; i < OUTPUTS; i++) {
      double out = b3[i], d;
      for (int j = 0; j < SECOND; j++) out += w3[i * SECOND + j] * g[j];
      d = (out - data[k].y[i]) / EXAMPLES;
      loss += 0.5 * (out - data[k].y[i]) * d;
      gb3[i] += d;
      for (int j = 0; j < SECOND; j++) {
        g3[i * SECOND + j] += d * g[j];
        dg[j] += d * w3[i * SECOND + j];
      }
    }
    for (int i = 0; i < SECOND; i++) {
      double d = g[i] > 0 ? dg[i] : 0;
      gb2[i] += d;
      for (int j = 0; j < HIDDEN; j++) {
        g2[i * HIDDEN + j] += d * h[j];
        dh[j] += d * w2[i * HIDDEN + j];
      }
    }
    for (int i = 0; i < HIDDEN; i++) {
      double d = h[i] > 0 ? dh[i] : 0;
      gb1[i] += d;
      for (int j = 0; j < INPUTS; j++) g1[i * INPUTS + j] += d * data[k].x[j];
    }
  }
  return loss;
}

static void open_relu(symo_world *w, uint64_t seed, const char *flags, example *data) {
  char text[300];
  symo_world_open(w, seed);
  snprintf(text, sizeof text, relu_text, flags, flags);
  symo_world_parse(w, text);
  for (int k = 0; k < EXAMPLES; k++) {
    symo_test_randn(w->rng, data[k].x, INPUTS);
    symo_test_randn(w->rng, data[k].y, OUTPUTS);
  }
}

Test(balance, is_a_symmetry_of_a_relu_network) {
  example data[EXAMPLES];
  symo_world w;
  open_relu(&w, 3, ", permute", data);
  size_t n = w.n;
  double *v[5];
  symo_element *e;
  for (int i = 0; i < 5; i++) v[i] = symo_dense_new(n, 1);
  cr_ok(w.context, symo_element_create(w.layout, &e));
  for (int k = 0; k < 20; k++) {
    symo_test_randn(w.rng, v[0], n);
    double loss = relu_loss(data, v[0], v[1]);
    cr_ok(w.context, symo_element_sample(e, w.rng));
    scaling_move(&w, e, symo_element_act, SYMO_F64, v[0], v[2]);
    double moved = relu_loss(data, v[2], v[3]);
    cr_assert(fabs(moved - loss) <= 1e-13 * loss, "%g, %g", moved, loss);
    scaling_move(&w, e, symo_element_act_dual, SYMO_F64, v[1], v[4]);
    cr_assert(symo_test_rel(v[3], v[4], n) <= 1e-12);
  }
  /* finite differences, for the gradient itself */
  symo_test_randn(w.rng, v[0], n);
  relu_loss(data, v[0], v[1]);
  for (size_t i = 0; i < n; i++) {
    double kept = v[0][i], h = 1e-6, up, down;
    v[0][i] = kept + h;
    up = relu_loss(data, v[0], v[2]);
    v[0][i] = kept - h;
    down = relu_loss(data, v[0], v[2]);
    v[0][i] = kept;
    cr_assert(fabs((up - down) / (2 * h) - v[1][i]) <= 1e-7 * (1 + fabs(v[1][i])));
  }
  for (int i = 0; i < 5; i++) free(v[i]);
  symo_element_destroy(e);
  symo_world_close(&w);
}

/* ---- the balanced frame ---- */

static symo_status balance_at(symo_world *w, symo_element *e, symo_dtype t, const double *theta) {
  symo_test_vector x = symo_test_vector_make(w->layout, t, w->rng);
  symo_test_vector_set(&x, theta);
  symo_status status = symo_element_balance(e, symo_test_in(&x));
  symo_test_vector_free(&x);
  return status;
}

/* The largest |sum of e theta^2| over the units of a space, relative to the sum of theta^2. */
static double imbalance(const symo_layout *layout, size_t space, const double *theta) {
  size_t d = symo_layout_space_dim(layout, space);
  double worst = 0;
  for (size_t u = 0; u < d; u++) {
    double sum = 0, all = 0;
    for (size_t t = 0; t < symo_layout_num_tensors(layout); t++)
      for (size_t k = 0; k < symo_layout_tensor_size(layout, t); k++) {
        double x = theta[symo_layout_tensor_offset(layout, t) + k];
        size_t rest = k;
        int e = 0;
        for (size_t a = symo_layout_tensor_order(layout, t); a-- > 0;) {
          size_t dim = symo_layout_axis_dim(layout, t, a);
          if (symo_layout_axis_space(layout, t, a) == space && rest % dim == u)
            e += symo_layout_axis_dual(layout, t, a) ? -1 : 1;
          rest /= dim;
        }
        sum += e * x * x;
        all += abs(e) * x * x;
      }
    worst = fmax(worst, all > 0 ? fabs(sum) / all : 0);
  }
  return worst;
}

static const char *const frames[] = {
    "in: identity 3; h: scaling 4; w1[h,in] b1[h] w2[in,h*]",
    "in: identity 3; h: scaling(1, signs) 4; g: scaling(1, permute) 5; w1[h,in] w2[g,h*] b2[g] "
    "w3[in,g*]",
    "in: identity 2; h: scaling(1, signs, permute) 5; w[h,in] r[h,h*] b[h] o[in,h*]",
    "h: scaling 4; r[h,h*]",
    "h: scaling 3; in: identity 2; r[h,h] b[in,h*] q[h,in,h*]",
    "h: scaling 3; r[h,h] b[h*] q[h*,h*,h*] t[h,h,h,h*]",
};

Test(balance, makes_norms_equal) {
  symo_world w;
  symo_world_open(&w, 4);
  for (size_t f = 0; f < sizeof frames / sizeof *frames; f++) {
    symo_world_parse(&w, frames[f]);
    size_t n = w.n;
    double *v[4];
    symo_element *e, *g;
    for (int i = 0; i < 4; i++) v[i] = symo_dense_new(n, 1);
    cr_ok(w.context, symo_element_create(w.layout, &e));
    cr_ok(w.context, symo_element_create(w.layout, &g));
    for (int k = 0; k < 6; k++) {
      symo_dtype t = k % 2 ? SYMO_F32 : SYMO_F64;
      double limit = (k % 2 ? symo_test_bound(SYMO_F32, n, 1) : 0) + FRAME;
      symo_test_randn(w.rng, v[0], n);
      for (size_t i = 0; i < n; i++) v[0][i] *= k > 3 ? 0x1p-100 : 1;
      cr_ok(w.context, balance_at(&w, e, t, v[0]));
      scaling_move(&w, e, symo_element_act, t, v[0], v[1]);
      for (size_t s = 0; s < symo_layout_num_spaces(w.layout); s++)
        if (symo_scaling_spec(symo_layout_space_group(w.layout, s)) != NULL)
          cr_assert(imbalance(w.layout, s, v[1]) <= limit, "%s: %g", w.text,
                    imbalance(w.layout, s, v[1]));
      cr_ok(w.context, balance_at(&w, e, t, v[1])); /* what is balanced stays */
      scaling_move(&w, e, symo_element_act, t, v[1], v[2]);
      cr_assert(symo_test_rel(v[2], v[1], n) <= limit, "%s", w.text);
    }
    for (int i = 0; i < 4; i++) free(v[i]);
    symo_element_destroy(e);
    symo_element_destroy(g);
  }
  symo_world_close(&w);
}

Test(balance, of_one_unit) {
  symo_world w;
  symo_world_open(&w, 5);
  symo_world_parse(&w, "h: scaling 4; a[h] b[h*]");
  /* 4 in and 1 out; nothing in; nothing out; 1e-3 and 1e3 */
  const double theta[] = {4, 0, 3, 1e-3, 1, 2, 0, -1e3}, expected[] = {2, 0, 3, 1, 2, 2, 0, -1};
  double moved[8];
  symo_element *e;
  cr_ok(w.context, symo_element_create(w.layout, &e));
  cr_ok(w.context, balance_at(&w, e, SYMO_F64, theta));
  scaling_move(&w, e, symo_element_act, SYMO_F64, theta, moved);
  cr_assert(symo_test_rel(moved, expected, 8) <= symo_test_bound(SYMO_F64, 1, 1));
  symo_element_destroy(e);
  symo_world_close(&w);
}

Test(balance, failures) {
  symo_world w;
  symo_world_open(&w, 6);
  symo_world_parse(&w, "h: scaling 2; r[h,h*] b[h]");
  symo_element *e;
  double bad[] = {1, (double)NAN, 2, 3, 4, 5}, feed[] = {1, 0, 1, 1, 1, 0};
  cr_ok(w.context, symo_element_create(w.layout, &e));
  cr_ok(w.context, symo_element_sample(e, w.rng));
  cr_fails(w.context, SYMO_E_NONFINITE, "balance: theta: tensor r",
           balance_at(&w, e, SYMO_F64, bad));
  /* b feeds unit 0, which feeds unit 1, which feeds nothing: unit 1 keeps its scale. */
  cr_ok(w.context, balance_at(&w, e, SYMO_F64, feed));
  symo_element_destroy(e);
  /* Units 0 and 1 feed one another and a chain that has no return: the norm has no minimum. */
  symo_world_parse(&w, "h: scaling 4; r[h,h*]");
  double chain[16] = {0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0}, same[16];
  cr_ok(w.context, symo_element_create(w.layout, &e));
  cr_fails(w.context, SYMO_NO_CONVERGENCE, "balance: scales still change",
           balance_at(&w, e, SYMO_F64, chain));
  scaling_move(&w, e, symo_element_act, SYMO_F64, chain, same);
  cr_assert(symo_test_rel(same, chain, 16) == 0, "the element was written to");
  cr_fails(w.context, SYMO_E_ARGUMENT, "balance: theta: no number type",
           symo_element_balance(e, (symo_const_vector){0}));
  symo_element_destroy(e);
  symo_world_close(&w);
}

/* ---- a step in the balanced frame ---- */

/* theta to the frame, one Newton-like step there, and back. */
static void step(symo_world *w, const example *data, const char *estimator, const double *theta,
                 double *out) {
  const symo_estimator *which = symo_estimator_find(estimator);
  symo_estimate_spec how = {which, strcmp(estimator, "h-pd") == 0 ? 0.1 : 0, false};
  symo_plan *plan = symo_world_plan(w, SYMO_F64, symo_estimator_coupling(which), false);
  size_t n = w->n;
  double *grad = symo_dense_new(n, 1), *frame = symo_dense_new(n, 1), *x = symo_dense_new(n, 1);
  symo_test_batch v = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 3);
  symo_element *e;
  symo_hessian *h;
  cr_ok(w->context, symo_element_create(w->layout, &e));
  cr_ok(w->context, balance_at(w, e, SYMO_F64, theta));
  relu_loss(data, theta, grad);
  scaling_move(w, e, symo_element_act, SYMO_F64, theta, frame);
  symo_test_vector_set(&v.vectors[1], frame);
  scaling_move(w, e, symo_element_act_dual, SYMO_F64, grad, x);
  symo_test_vector_set(&v.vectors[0], x);
  cr_ok(w->context, symo_estimate(plan, &how, 1, &v.in[0], &v.in[1], &h));
  cr_ok(w->context, symo_hessian_solve(h, 0.1, v.in[0], symo_test_out(&v.vectors[2])));
  symo_test_vector_get(&v.vectors[2], x);
  scaling_move(w, e, symo_element_act_inverse, SYMO_F64, x, out);
  symo_hessian_destroy(h);
  symo_element_destroy(e);
  symo_test_batch_free(&v);
  symo_plan_destroy(plan);
  free(grad);
  free(frame);
  free(x);
}

/* By how much a step magnifies a relative change of theta, from one small change of it. */
static double step_condition(symo_world *w, const example *data, const char *estimator,
                             const double *theta, const double *out) {
  const double change = 1e-7;
  double *near = symo_dense_new(2, w->n), *other = near + w->n;
  symo_test_randn(w->rng, near, w->n);
  for (size_t i = 0; i < w->n; i++) near[i] = theta[i] * (1 + change * near[i]);
  step(w, data, estimator, near, other);
  double moved = symo_test_rel(other, out, w->n), by = symo_test_rel(near, theta, w->n);
  free(near);
  return 1 + moved / by;
}

static void check_steps(const char *flags) {
  static const char *const estimators[] = {"h-g", "h-g-bd", "h-pd"};
  example data[EXAMPLES];
  symo_world w;
  open_relu(&w, 7, flags, data);
  size_t n = w.n;
  double *v[5];
  symo_element *e;
  for (int i = 0; i < 5; i++) v[i] = symo_dense_new(n, 1);
  cr_ok(w.context, symo_element_create(w.layout, &e));
  for (int k = 0; k < 9; k++) {
    symo_test_randn(w.rng, v[0], n);
    step(&w, data, estimators[k % 3], v[0], v[1]);
    cr_ok(w.context, symo_element_sample(e, w.rng));
    scaling_move(&w, e, symo_element_act, SYMO_F64, v[0], v[2]);
    step(&w, data, estimators[k % 3], v[2], v[3]);
    scaling_move(&w, e, symo_element_act, SYMO_F64, v[1], v[4]);
    double error = symo_test_rel(v[3], v[4], n);
    double condition = step_condition(&w, data, estimators[k % 3], v[0], v[1]);
    double rounding = symo_test_bound(SYMO_F64, n, 1);
    /* The outer root of h-pd is of a singular matrix, and what it makes of zero is no longer in the
     * span of the gradient: |A^{1/2} - B^{1/2}| <= |A - B|^{1/2}. */
    if (k % 3 == 2) rounding = sqrt(rounding);
    cr_assert(error <= (rounding + 2 * FRAME) * condition, /* two frames */
              "%s: %g, condition %g", estimators[k % 3], error, condition);
  }
  for (int i = 0; i < 5; i++) free(v[i]);
  symo_element_destroy(e);
  symo_world_close(&w);
}

Test(balance, steps_in_the_balanced_frame_are_equivariant) { check_steps(""); }

Test(balance, steps_under_permutations_are_equivariant) { check_steps(", permute"); }

typedef struct attempt {
  symo_layout *layout;
  symo_const_vector theta;
} attempt;

static symo_status balance_once(void *self) {
  const attempt *a = self;
  symo_element *e = NULL;
  symo_status status = symo_element_create(a->layout, &e);
  if (status == SYMO_OK) status = symo_element_balance(e, a->theta);
  symo_element_destroy(e);
  return status;
}

Test(balance, may_run_out_of_memory) {
  symo_world w;
  symo_world_open(&w, 8);
  symo_world_parse(&w, frames[1]);
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
  attempt a = {w.layout, x.in[0]};
  cr_assert(symo_test_allocations(balance_once, &a) >= 3);
  symo_test_batch_free(&x);
  symo_world_close(&w);
}
