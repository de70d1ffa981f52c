/* Is a group a symmetry of a loss?  Verdicts on problems whose symmetries are known. */
#include <math.h>
#include <stdio.h>

#include "core/linalg.h"
#include "tests/support/symmetry.h"

/* ---- a network: f(x) = sum_k v_k phi(w_k x + b_k), mean squared error, plus eps theta_0 ---- */

enum { INPUTS = 2, HIDDEN = 4, EXAMPLES = 12, WEIGHTS = HIDDEN * (INPUTS + 2) };

typedef struct network {
  symo_dtype dtype;
  bool relu;
  double eps;
  double x[EXAMPLES][INPUTS], y[EXAMPLES];
} network;

static symo_status network_gradient(void *self, const void *theta, double *loss, void *grad) {
  const network *net = self;
  double t[WEIGHTS], g[WEIGHTS] = {0}, total = 0;
  for (size_t i = 0; i < WEIGHTS; i++) t[i] = symo_get(net->dtype, theta, i);
  const double *w = t, *b = t + HIDDEN * INPUTS, *v = b + HIDDEN;
  for (size_t n = 0; n < EXAMPLES; n++) {
    double a[HIDDEN], d[HIDDEN], r = -net->y[n];
    for (size_t k = 0; k < HIDDEN; k++) {
      double z = w[2 * k] * net->x[n][0] + w[2 * k + 1] * net->x[n][1] + b[k];
      a[k] = net->relu ? fmax(z, 0) : tanh(z);
      d[k] = net->relu ? (z > 0 ? 1 : 0) : 1 - a[k] * a[k];
      r += v[k] * a[k];
    }
    total += r * r / 2 / EXAMPLES;
    for (size_t k = 0; k < HIDDEN; k++) {
      double delta = r / EXAMPLES * v[k] * d[k];
      g[2 * k] += delta * net->x[n][0];
      g[2 * k + 1] += delta * net->x[n][1];
      g[HIDDEN * INPUTS + k] += delta;
      g[HIDDEN * (INPUTS + 1) + k] += r / EXAMPLES * a[k];
    }
  }
  g[0] += net->eps;
  for (size_t i = 0; i < WEIGHTS; i++) symo_put(net->dtype, grad, i, g[i]);
  *loss = total + net->eps * t[0];
  return SYMO_OK;
}

/* Runs the network under a layout of its tensors w, b, v; or under a group for its hidden units. */
static symo_symmetry_report *measure_layout(symo_test_stage *s, const char *layout,
                                            symo_dtype dtype, bool relu, double eps) {
  symo_test_stage_open(s, 301, layout);
  network net = {.dtype = dtype, .relu = relu, .eps = eps};
  symo_test_randn(s->w.rng, &net.x[0][0], (size_t)EXAMPLES * INPUTS);
  symo_test_randn(s->w.rng, net.y, EXAMPLES);
  symo_problem p = {.name = "network",
                    .size = WEIGHTS,
                    .dtype = dtype,
                    .self = &net,
                    .gradient = network_gradient};
  return symo_test_measure(s, &p, 12);
}

static symo_symmetry_report *measure_network(symo_test_stage *s, const char *group,
                                             symo_dtype dtype, bool relu, double eps) {
  char layout[160];
  snprintf(layout, sizeof layout, "i: identity 2; h: %s 4; w[h,i] b[h] v[h]", group);
  return measure_layout(s, layout, dtype, relu, eps);
}

/* ---- verdicts ---- */

Test(symmetry, what_is_exact) {
  static const struct {
    const char *group;
    bool relu;
  } rows[] = {{"permutation", false},
              {"signed-permutation", false},
              {"sign-flip", false},
              {"permutation", true}};
  for (size_t i = 0; i < 4; i++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_test_stage s;
      symo_symmetry_report *r =
          measure_network(&s, rows[i].group, (symo_dtype)dtype, rows[i].relu, 0);
      cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT, "%s: %g", rows[i].group, r->rows[0].defect);
      cr_assert_eq(r->num_rows, 2);
      cr_assert_eq(r->num_tensors, 3);
      cr_assert(r->loss > 0 && r->gradient > 0 && !r->loss_nearby && !r->gradient_nearby);
      cr_assert_eq(r->rows[0].space, 1);
      cr_assert_eq(r->rows[1].space, SYMO_SYMMETRY_JOINT);
      for (size_t k = 0; k < 2; k++) {
        cr_assert_eq(r->rows[k].elements, 12);
        cr_assert(r->rows[k].defect <= (dtype == SYMO_F32 ? 1e-5 : 1e-13), "%g", r->rows[k].defect);
      }
      symo_test_stage_close(&s, r);
    }
}

Test(symmetry, what_is_wrong) {
  static const char *const groups[] = {"sign-flip", "signed-permutation", "orthogonal"};
  for (size_t i = 0; i < 3; i++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_test_stage s;
      symo_symmetry_report *r = measure_network(&s, groups[i], (symo_dtype)dtype, true, 0);
      cr_assert_eq(r->verdict, SYMO_SYMMETRY_WRONG);
      for (size_t k = 0; k < 2; k++) {
        const symo_symmetry_row *row = &r->rows[k];
        cr_assert_eq(row->verdict, SYMO_SYMMETRY_WRONG);
        cr_assert(row->loss > 0.01 && row->gradient > 0.3 && isfinite(row->defect));
        for (size_t t = 0; t < 3; t++) cr_assert(row->tensors[t] > 0.1);
        cr_assert(row->tensor < 3 && row->defect == fmax(row->gradient, row->loss));
      }
      symo_test_stage_close(&s, r);
    }
}

/* A group that is not orthogonal: only the inverse transpose predicts the gradient. */
Test(symmetry, scaling_of_relu) {
  static const struct {
    const char *layout;
    symo_symmetry_verdict verdict;
  } rows[] = {{"i: identity 2; h: scaling(1) 4; w[h,i] b[h] v[h*]", SYMO_SYMMETRY_EXACT},
              {"i: identity 2; h: scaling(1) 4; w[h,i] b[h] v[h]",
               SYMO_SYMMETRY_WRONG}, /* outgoing weights the wrong way */
              {"i: identity 2; h: scaling(0.01) 4; n: identity 4; w[h,i] b[n] v[h*]",
               SYMO_SYMMETRY_APPROXIMATE}}; /* biases left behind */
  for (size_t i = 0; i < 3; i++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_test_stage s;
      symo_symmetry_report *r = measure_layout(&s, rows[i].layout, (symo_dtype)dtype, true, 0);
      cr_assert_eq(r->verdict, rows[i].verdict, "%s: %g", rows[i].layout, r->rows[0].defect);
      symo_test_stage_close(&s, r);
    }
}

/* A term eps w_00 breaks the symmetry: the gradients differ by eps (e_0 - rho e_0). */
Test(symmetry, a_small_term_shows_with_its_size) {
  static const double sizes[] = {1e-6, 1e-4, 1e-2};
  for (size_t i = 0; i < 3; i++) {
    symo_test_stage s;
    symo_symmetry_report *r = measure_network(&s, "sign-flip", SYMO_F64, false, sizes[i]);
    double expected = 2 * sizes[i] / r->gradient;
    cr_assert_eq(r->verdict, SYMO_SYMMETRY_APPROXIMATE);
    for (size_t k = 0; k < 2; k++) {
      cr_assert(fabs(r->rows[k].gradient / expected - 1) <= 1e-8, "%g", r->rows[k].gradient);
      cr_assert_eq(r->rows[k].tensor, 0, "the term is in w");
      cr_assert(r->rows[k].tensors[1] <= 1e-12 && r->rows[k].tensors[2] <= 1e-12);
      double loss = 2 * sizes[i] * fabs(s.theta[0]) / fabs(r->loss);
      cr_assert(fabs(r->rows[k].loss / loss - 1) <= 1e-8, "%g", r->rows[k].loss);
    }
    symo_test_stage_close(&s, r);
  }
  symo_test_stage s;
  symo_symmetry_report *r = measure_network(&s, "sign-flip", SYMO_F32, false, 1e-2);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_APPROXIMATE);
  cr_assert(fabs(r->rows[0].gradient * r->gradient / 2e-2 - 1) <= 1e-3);
  symo_test_stage_close(&s, r);
}

Test(symmetry, the_space_at_fault_is_named) {
  symo_test_stage s;
  symo_test_stage_open(&s, 303, "a: sign-flip 3; n: identity 2; b: permutation 3; x[a] z[n] y[b]");
  symo_test_sum q = {
      .dtype = SYMO_F64,
      .parts = {{3, 1, symo_test_square}, {2, 1, symo_test_exponential}, {3, 1, symo_test_target}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 10);
  cr_assert_eq(r->num_rows, 3);
  cr_assert_eq(r->rows[0].space, 0);
  cr_assert_eq(r->rows[0].verdict, SYMO_SYMMETRY_EXACT);
  cr_assert_eq(r->rows[1].space, 2);
  cr_assert_eq(r->rows[1].verdict, SYMO_SYMMETRY_WRONG);
  cr_assert_eq(r->rows[1].tensor, 2);
  cr_assert_eq(r->rows[2].verdict, SYMO_SYMMETRY_WRONG);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_WRONG);
  cr_assert_eq(q.calls, 2 + 3 * 10 + 2 + 6 * 1, "as many gradients as the header says");
  symo_test_stage_close(&s, r);
}

/* The one at the opening of symmetry.c: theta_0^2 + theta_1^2 + eps theta_0 at (1, 1). */
static double tilted(double x, size_t i, double *d) {
  *d = 2 * x + (i == 0 ? 0.01 : 0);
  return x * x + (i == 0 ? 0.01 * x : 0);
}

Test(symmetry, check_value) {
  symo_test_stage s;
  symo_test_stage_open(&s, 304, "a: sign-flip 2; x[a]");
  s.theta[0] = s.theta[1] = 1;
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{2, 1, tilted}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 40);
  const double gradient = 0.02 / sqrt(2.01 * 2.01 + 4), loss = 0.02 / 2.01;
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_APPROXIMATE);
  for (size_t k = 0; k < 2; k++) {
    cr_assert(fabs(r->rows[k].gradient / gradient - 1) <= 1e-12);
    cr_assert(fabs(r->rows[k].tensors[0] / gradient - 1) <= 1e-12);
    cr_assert(fabs(r->rows[k].loss / loss - 1) <= 1e-12);
    cr_assert(r->rows[k].defect == r->rows[k].loss);
  }
  symo_test_stage_close(&s, r);
}

/* A wrong group on a tensor with next to no gradient does not hide behind the others. */
Test(symmetry, small_tensors_count) {
  symo_test_stage s;
  symo_test_stage_open(&s, 305, "a: sign-flip 4; b: sign-flip 4; x[a] y[b]");
  symo_test_sum q = {.dtype = SYMO_F64,
                     .parts = {{4, 1e4, symo_test_square}, {4, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 6);
  cr_assert(r->rows[1].gradient > 0.3 && r->rows[1].loss <= 0.01);
  cr_assert(r->rows[1].tensors[0] == 0 && r->rows[1].tensors[1] == r->rows[1].gradient);
  cr_assert(r->rows[2].gradient <= 0.01 && r->rows[2].tensors[1] > 0.3);
  cr_assert_eq(r->rows[1].tensor, 1);
  cr_assert_eq(r->rows[1].verdict, SYMO_SYMMETRY_WRONG);
  cr_assert_eq(r->rows[0].verdict, SYMO_SYMMETRY_EXACT);
  symo_symmetry_destroy(r);
  q.parts[1].f = symo_test_flat; /* no gradient at all: nothing wrong */
  r = symo_test_measure(&s, &p, 6);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT);
  symo_test_stage_close(&s, r);
}

Test(symmetry, rotations) {
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_test_stage s;
    symo_test_stage_open(&s, 306, "a: orthogonal 4; b: orthogonal 3; x[a,b]");
    symo_test_sum q = {.dtype = (symo_dtype)dtype, .parts = {{12, 1, symo_test_square}}};
    symo_problem p = symo_test_sum_problem(&q);
    symo_symmetry_report *r = symo_test_measure(&s, &p, 5);
    cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT, "%g", r->rows[2].defect);
    cr_assert_eq(r->num_rows, 3);
    symo_symmetry_destroy(r);
    q.parts[0].f = symo_test_wells;
    r = symo_test_measure(&s, &p, 5);
    for (size_t k = 0; k < 3; k++) cr_assert_eq(r->rows[k].verdict, SYMO_SYMMETRY_WRONG);
    symo_test_stage_close(&s, r);
  }
}
