/* Per-axis factors against plain loops: Shampoo. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/rig.h"

/* mat_k(x) mat_k(x)' of a dense array of shape n, [n_k, n_k] into new memory. */
static double *gram_of(int order, const size_t *n, int k, const double *x) {
  size_t before = 1, after = 1, d = n[k];
  for (int i = 0; i < k; i++) before *= n[i];
  for (int i = k + 1; i < order; i++) after *= n[i];
  double *l = symo_dense_new(d, d);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      for (size_t p = 0; p < before; p++)
        for (size_t q = 0; q < after; q++)
          l[i * d + j] += x[(p * d + i) * after + q] * x[(p * d + j) * after + q];
  return l;
}

/* x multiplied by r [n_k, n_k] along axis k, in place. */
static void multiply(int order, const size_t *n, int k, const double *r, double *x) {
  size_t before = 1, after = 1, d = n[k];
  for (int i = 0; i < k; i++) before *= n[i];
  for (int i = k + 1; i < order; i++) after *= n[i];
  double *lane = symo_dense_new(1, d);
  for (size_t p = 0; p < before; p++)
    for (size_t q = 0; q < after; q++) {
      for (size_t i = 0; i < d; i++) lane[i] = x[(p * d + i) * after + q];
      for (size_t i = 0; i < d; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++) sum += r[i * d + j] * lane[j];
        x[(p * d + i) * after + q] = sum;
      }
    }
  free(lane);
}

/* By how much the step magnifies a relative change of the damped factors `rooted`: of each in turn,
 * beside the roots of the others.  u is x with the axis in front. */
static double condition_of(int order, const size_t *n, double *const *rooted, double *const *root,
                           double power, size_t size, const double *u) {
  double sum = 0, *x = symo_dense_new(2, size), *turned = x + size;
  for (int k = 0; k < order; k++) {
    size_t before = 1, d = n[k], after = 1;
    if (root[k] == NULL) continue;
    for (int i = 0; i < k; i++) before *= n[i];
    for (int i = k + 1; i < order; i++) after *= n[i];
    memcpy(x, u, size * sizeof *x);
    for (int i = 0; i < order; i++)
      if (i != k && root[i] != NULL) multiply(order, n, i, root[i], x);
    for (size_t i = 0; i < size; i++)
      turned[(i / after % d * before + i / after / d) * after + i % after] = x[i];
    sum += symo_dense_power_condition(d, rooted[k], 0, power, 1e-13, before * after, turned);
  }
  free(x);
  return sum;
}

typedef struct tensor {
  const char *layout;
  int order;
  size_t n[4];
} tensor;

static const tensor tensors[] = {
    {"a: identity 6; w[a]", 1, {6}},
    {"a: identity 5; b: identity 7; w[a,b]", 2, {5, 7}},
    {"a: identity 7; b: identity 3; w[a,b]", 2, {7, 3}},
    {"a: identity 4; b: identity 3; c: identity 5; w[a,b,c]", 3, {4, 3, 5}},
    {"a: identity 3; b: identity 2; w[a,b,a,b]", 4, {3, 2, 3, 2}},
    {"w[]", 1, {1}},
};
enum { TENSORS = sizeof tensors / sizeof *tensors };

/* Twenty steps against the dense formula, with roots every `every` steps. */
static void check(const tensor *x, const symo_method *method, int every, symo_dtype dtype) {
  symo_world w;
  symo_world_open(&w, 51);
  symo_world_parse(&w, x->layout);
  symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, method, dtype);
  double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n,
         beta = method->beta2;
  double *l[4] = {NULL}, *root[4] = {NULL}, *rooted[4] = {NULL};
  size_t longest = 1;
  int number = 0;
  bool active[4];
  for (int k = 0; k < x->order; k++) {
    active[k] = x->n[k] <= method->max_dim;
    number += active[k];
    if (active[k] && x->n[k] > longest) longest = x->n[k];
    l[k] = symo_dense_new(x->n[k], x->n[k]);
  }
  for (int t = 1; t <= 20; t++) {
    symo_test_randn(w.rng, u, w.n);
    symo_rig_step(&rig, (t - 1) % every == 0, u, found);
    memcpy(expected, u, w.n * sizeof *u);
    for (int k = 0; k < x->order; k++) {
      if (!active[k]) continue;
      size_t d = x->n[k];
      double *gram = gram_of(x->order, x->n, k, u), trace = 0;
      double weight = beta < 1 ? 1 - beta : 1;
      double correction = method->correction && beta < 1 ? 1 / (1 - pow(beta, t)) : 1;
      for (size_t i = 0; i < d * d; i++) l[k][i] = beta * l[k][i] + weight * gram[i];
      for (size_t i = 0; i < d; i++) trace += correction * l[k][i * d + i];
      for (size_t i = 0; i < d * d; i++) gram[i] = correction * l[k][i];
      double eps = method->eps;
      if (method->damping == &symo_damping_trace) eps *= trace / (double)d;
      for (size_t i = 0; i < d; i++) gram[i * d + i] += eps;
      if ((t - 1) % every == 0) {
        free(root[k]);
        free(rooted[k]);
        root[k] = symo_dense_power(d, gram, -method->alpha / 2 / number, 1e-13);
        rooted[k] = gram;
      } else {
        free(gram);
      }
      multiply(x->order, x->n, k, root[k], expected);
    }
    double condition =
        condition_of(x->order, x->n, rooted, root, -method->alpha / 2 / number, w.n, u);
    double error = symo_test_rel(found, expected, w.n);
    cr_assert(error <= symo_test_bound(dtype, longest, 1 + condition), "%s, beta2 %g, step %d: %g",
              x->layout, beta, t, error);
  }
  for (int k = 0; k < x->order; k++) {
    free(l[k]);
    free(root[k]);
    free(rooted[k]);
  }
  free(u);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

static symo_method shampoo(void) {
  symo_method m = symo_rig_method();
  m.curvature = &symo_curvature_per_axis;
  m.beta2 = 1;
  m.eps = 1e-6;
  m.max_dim = 1024;
  return m;
}

Test(per_axis, shampoo_with_accumulation_is_the_dense_formula) {
  for (size_t k = 0; k < TENSORS; k++) {
    symo_method m = shampoo();
    check(&tensors[k], &m, 1, SYMO_F64);
    check(&tensors[k], &m, 4, SYMO_F64);
    m.eps = 1e-2;
    check(&tensors[k], &m, 1, SYMO_F32);
    m.beta2 = 0.9;
    m.correction = true;
    check(&tensors[k], &m, 3, SYMO_F64);
    m.alpha = 1.6;
    m.damping = &symo_damping_trace;
    check(&tensors[k], &m, 1, SYMO_F64);
  }
}

Test(per_axis, long_axes_are_left_alone) {
  symo_method m = shampoo();
  m.max_dim = 5;
  check(&tensors[1], &m, 2, SYMO_F64);
  check(&tensors[2], &m, 2, SYMO_F64);
  m.max_dim = 3;
  check(&tensors[3], &m, 2, SYMO_F64);
}

/* Without memory a matrix goes to its polar factor, as with a group on one side. */
Test(per_axis, without_memory_agrees_with_the_orbit_of_one_side) {
  symo_world w;
  symo_world_open(&w, 52);
  static const char *const layouts[] = {"h: orthogonal 6; i: identity 6; w[h,i]",
                                        "h: orthogonal 4; i: identity 7; w[h,i]",
                                        "h: orthogonal 3; i: identity 8; w[i,h]"};
  static const size_t shapes[][2] = {{6, 6}, {4, 7}, {8, 3}};
  for (size_t k = 0; k < 3; k++) {
    symo_world_parse(&w, layouts[k]);
    symo_method m = shampoo(), orbit = symo_rig_method();
    m.beta2 = m.eps = 0;
    double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n;
    symo_test_randn(w.rng, u, w.n);
    symo_rig_once(&w, &symo_curvature_per_axis, &m, SYMO_F64, u, found);
    symo_rig_once(&w, &symo_curvature_orbit_blocked, &orbit, SYMO_F64, u, expected);
    double error = symo_test_rel(found, expected, w.n);
    int side = shapes[k][0] <= shapes[k][1] ? 0 : 1;
    size_t n = shapes[k][side];
    double *gram = gram_of(2, shapes[k], side, u), *values = symo_dense_new(1, n);
    symo_dense_eigen(n, gram, values, NULL);
    cr_assert(error <= symo_test_bound(SYMO_F64, n, values[n - 1] / values[0]), "%s: %g",
              layouts[k], error);
    free(gram);
    free(values);
    free(u);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(per_axis, mean_divides_by_the_other_axes) {
  symo_world w;
  symo_world_open(&w, 53);
  symo_world_parse(&w, tensors[3].layout);
  symo_method m = shampoo();
  m.eps = 0;
  double *u = symo_dense_new(3, w.n), *found = u + w.n, *other = found + w.n;
  symo_test_randn(w.rng, u, w.n);
  symo_rig_once(&w, &symo_curvature_per_axis, &m, SYMO_F64, u, found);
  m.mean = true;
  symo_rig_once(&w, &symo_curvature_per_axis, &m, SYMO_F64, u, other);
  double factor = pow(15.0 * 20 * 12, 1.0 / 6);
  for (size_t i = 0; i < w.n; i++) found[i] *= factor;
  double condition = 1; /* of the worst factor */
  for (int k = 0; k < tensors[3].order; k++) {
    double *gram = gram_of(tensors[3].order, tensors[3].n, k, u);
    condition = fmax(condition, symo_dense_condition(tensors[3].n[k], gram, 0));
    free(gram);
  }
  cr_assert(symo_test_rel(other, found, w.n) <= symo_test_bound(SYMO_F64, w.n, condition));
  free(u);
  symo_world_close(&w);
}

Test(per_axis, alpha_zero_copies) {
  symo_world w;
  symo_world_open(&w, 54);
  symo_world_parse(&w, tensors[3].layout);
  symo_method m = shampoo();
  m.alpha = 0;
  double *u = symo_dense_new(2, w.n), *found = u + w.n;
  symo_test_randn(w.rng, u, w.n);
  symo_rig_once(&w, &symo_curvature_per_axis, &m, SYMO_F64, u, found);
  cr_assert(memcmp(u, found, w.n * sizeof *u) == 0);
  free(u);
  symo_world_close(&w);
}

static void check_strides(const symo_method *m, double limit) {
  symo_world w;
  symo_world_open(&w, 55);
  for (size_t k = 0; k < TENSORS; k++)
    for (int again = 0; again < 6; again++) {
      symo_world_parse(&w, tensors[k].layout);
      symo_rig a = symo_rig_make(&w, &symo_curvature_per_axis, m, SYMO_F64);
      symo_rig b = symo_rig_make(&w, &symo_curvature_per_axis, m, SYMO_F64);
      double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n;
      symo_test_vector x = symo_test_vector_make(w.layout, SYMO_F64, w.rng);
      symo_test_vector y = symo_test_vector_make(w.layout, SYMO_F64, w.rng);
      for (int t = 1; t <= 4; t++) {
        symo_test_randn(w.rng, u, w.n);
        symo_rig_step(&a, true, u, expected);
        symo_test_vector_set(&x, u);
        symo_test_vector_set(&y, u);
        b.step.t++;
        symo_rig_accumulate(&b, symo_test_in(&x));
        cr_assert(symo_rig_refresh(&b) == SYMO_OK);
        cr_assert(symo_rig_apply(&b, symo_test_in(&x), symo_test_in(&x), symo_test_out(&y)) ==
                  SYMO_OK);
        symo_test_vector_get(&y, found);
        double error = symo_test_rel(found, expected, w.n);
        if (symo_test_max(expected, w.n) == 0) error = symo_test_max(found, w.n);
        cr_assert(error <= limit, "%s, step %d: %g", tensors[k].layout, t, error);
      }
      symo_test_vector_free(&x);
      symo_test_vector_free(&y);
      symo_rig_free(&a);
      symo_rig_free(&b);
      free(u);
      symo_world_drop(&w);
    }
  symo_world_close(&w);
}

Test(per_axis, strides_do_not_matter) {
  symo_method m = shampoo();
  check_strides(&m, 1e-10);
  m.beta2 = 0;
  m.eps = 1e-2;
  check_strides(&m, 1e-10);
}

Test(per_axis, zero_tiny_and_huge_directions) {
  static const double sizes[] = {0, 1e-30, 1e15};
  for (int k = 0; k < 3 * 2 * 3 * (int)TENSORS; k++) {
    symo_world w;
    symo_world_open(&w, 56);
    symo_world_parse(&w, tensors[k / 18].layout);
    symo_method m = shampoo();
    m.beta2 = k / 6 % 3 * 0.5;
    m.eps = 0;
    symo_dtype dtype = k / 3 % 2 == 0 ? SYMO_F32 : SYMO_F64;
    double *u = symo_dense_new(2, w.n), *found = u + w.n;
    symo_test_randn(w.rng, u, w.n);
    for (size_t i = 0; i < w.n; i++) u[i] *= sizes[k % 3];
    symo_rig_once(&w, &symo_curvature_per_axis, &m, dtype, u, found);
    cr_assert(isfinite(symo_test_max(found, w.n)), "case %d", k);
    if (sizes[k % 3] == 0) cr_assert(symo_test_max(found, w.n) == 0);
    free(u);
    symo_world_close(&w);
  }
}

Test(per_axis, a_root_that_fails_leaves_the_last_one) {
  symo_world w;
  symo_world_open(&w, 57);
  symo_world_parse(&w, tensors[1].layout);
  symo_method m = shampoo();
  symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &m, SYMO_F32);
  double *u = symo_dense_new(2, w.n), *found = u + w.n;
  symo_test_randn(w.rng, u, w.n);
  symo_rig_step(&rig, true, u, found);
  cr_assert(rig.report.condition >= 1 && rig.report.effective_rank <= 7);
  double *root = symo_rig_entry(&rig, "w/axis-1/root");
  symo_rig_step(&rig, false, u, found);
  for (size_t i = 0; i < rig.num_entries; i++) /* as no step leaves it */
    if (strcmp(rig.entries[i].name, "w/axis-1/factor") == 0) *(float *)rig.state[i] = INFINITY;
  cr_assert(symo_rig_refresh(&rig) == SYMO_NO_CONVERGENCE);
  double *after = symo_rig_entry(&rig, "w/axis-1/root");
  cr_assert(memcmp(root, after, 49 * sizeof *root) == 0);
  free(root);
  free(after);
  free(u);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

typedef struct making {
  curvature_task task;
} making;

static symo_status make_and_destroy(void *self) {
  making *m = self;
  void *made = NULL;
  symo_status status = symo_curvature_per_axis.create(&m->task, &made);
  if (status == SYMO_OK) symo_curvature_per_axis.destroy(made);
  return status;
}

Test(per_axis, failed_allocations_leave_nothing) {
  symo_world w;
  symo_world_open(&w, 58);
  symo_world_parse(&w, "a: identity 5; b: identity 7; w[a,b] v[a]");
  symo_method m = shampoo();
  making task = {
      {.context = w.context, .layout = w.layout, .dtype = SYMO_F64, .method = &m, .threads = 1}};
  cr_assert(symo_test_allocations(make_and_destroy, &task) == 5);
  symo_rig rig = symo_rig_make(&w, &symo_curvature_per_axis, &m, SYMO_F64);
  char *text;
  cr_ok(w.context, symo_curvature_per_axis.describe(rig.self, &text));
  cr_assert(strstr(text, "w axis 1: 7 x 7 power -0.25 by eigh, ") != NULL, "%s", text);
  cr_assert(strstr(text, "v axis 0: 5 x 5 power -0.5 by eigh, ") != NULL, "%s", text);
  symo_free(text);
  cr_assert(symo_curvature_per_axis.num_roots(rig.self) == 3);
  cr_assert(symo_curvature_per_axis.refresh_flops(rig.self, 2) > 0);
  cr_assert(symo_curvature_per_axis.accumulate_flops(rig.self) == 35 * 6 + 35 * 8 + 5 * 6);
  cr_assert(symo_curvature_per_axis.apply_flops(rig.self) == 2 * 35 * 12 + 2 * 25);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

static void refused(symo_world *w, const symo_method *method, const char *text) {
  const char *reason = symo_curvature_per_axis.refuse(method, w->layout);
  cr_assert(reason != NULL && strstr(reason, text) != NULL, "no \"%s\" in \"%s\"", text,
            reason == NULL ? "" : reason);
}

Test(per_axis, what_cannot_be_is_refused) {
  symo_world w;
  symo_world_open(&w, 59);
  symo_world_parse(&w, "a: identity 5; b: identity 7; w[a,b] v[b]");
  symo_method good = shampoo(), m = good;
  cr_assert(symo_curvature_per_axis.refuse(&m, w.layout) == NULL);
  m.alpha = 3;
  refused(&w, &m, "alpha must be in [0, 2]");
  m = good;
  m.beta2 = -1;
  refused(&w, &m, "beta2 must be in [0, 1]");
  m = good;
  m.centered = true;
  refused(&w, &m, "centered");
  m = good;
  m.skip_tolerance = 0.1;
  refused(&w, &m, "skip_tolerance");
  m = good;
  m.max_dim = 6;
  refused(&w, &m, "longer than max_dim");
  m = good;
  m.beta2 = 0;
  m.momentum = 0.5;
  refused(&w, &m, "set source to momentum");
  m = good;
  m.solver = &symo_solver_cg;
  refused(&w, &m, "takes no roots");
  m = good;
  m.solver = &symo_solver_newton_schulz;
  cr_assert(symo_curvature_per_axis.refuse(&m, w.layout) != NULL);
  good.basis = SYMO_BASIS_ADAM;
  m = good;
  m.damping = &symo_damping_trace;
  refused(&w, &m, "set damping to constant");
  m = good;
  m.source = SYMO_SOURCE_MOMENTUM;
  refused(&w, &m, "set source to gradient");
  m = good;
  m.nesterov = true;
  refused(&w, &m, "nesterov");
  symo_world_close(&w);
}
