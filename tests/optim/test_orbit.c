/* Steps by orbit covariances without memory, against singular values by GSL, dense averages over
 * the group, and what symmetry says. */
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/rig.h"
#include "tests/support/solvers.h"

/* G [rows, cols] = U diag(s) V' by GSL; u [rows, n], v [cols, n], n the smaller side. */
typedef struct svd {
  size_t rows, cols, n;
  double *u, *v, *s;
} svd;

static svd svd_of(size_t rows, size_t cols, const double *g) {
  bool wide = rows < cols;
  size_t m = wide ? cols : rows, n = wide ? rows : cols;
  gsl_matrix *a = gsl_matrix_alloc(m, n), *v = gsl_matrix_alloc(n, n);
  gsl_vector *s = gsl_vector_alloc(n);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++)
      gsl_matrix_set(a, wide ? j : i, wide ? i : j, g[i * cols + j]);
  cr_assert(gsl_linalg_SV_decomp_jacobi(a, v, s) == 0);
  svd out = {rows, cols, n, symo_dense_new(rows, n), symo_dense_new(cols, n), symo_dense_new(1, n)};
  for (size_t k = 0; k < n; k++) {
    out.s[k] = gsl_vector_get(s, k);
    for (size_t i = 0; i < rows; i++) out.u[i * n + k] = gsl_matrix_get(wide ? v : a, i, k);
    for (size_t j = 0; j < cols; j++) out.v[j * n + k] = gsl_matrix_get(wide ? a : v, j, k);
  }
  gsl_matrix_free(a);
  gsl_matrix_free(v);
  gsl_vector_free(s);
  return out;
}

static void svd_free(svd *d) {
  free(d->u);
  free(d->v);
  free(d->s);
}

/* out = U diag(f) V' */
static void svd_put(const svd *d, const double *f, double *out) {
  for (size_t i = 0; i < d->rows; i++)
    for (size_t j = 0; j < d->cols; j++) {
      out[i * d->cols + j] = 0;
      for (size_t k = 0; k < d->n; k++)
        out[i * d->cols + j] += d->u[i * d->n + k] * f[k] * d->v[j * d->n + k];
    }
}

/* A matrix with singular values log-spaced from 1 to 1/condition. */
static void matrix_of_condition(symo_rng *rng, size_t rows, size_t cols, double condition,
                                double *out) {
  symo_test_randn(rng, out, rows * cols);
  svd d = svd_of(rows, cols, out);
  for (size_t k = 0; k < d.n; k++) d.s[k] = pow(condition, -(double)k / (double)(d.n - 1));
  svd_put(&d, d.s, out);
  svd_free(&d);
}

typedef struct shape {
  const char *layout;
  size_t rows, cols;
} shape;

static const shape shapes[] = {
    {"h: signed-permutation 7; i: identity 7; w[h,i]", 7, 7},
    {"h: signed-permutation 12; i: identity 5; w[h,i]", 12, 5},
    {"h: orthogonal 4; i: identity 9; w[h,i]", 4, 9},
    {"h: signed-permutation 6; i: identity 11; w[i,h]", 11, 6},
    {"h: orthogonal 8; i: identity 3; w[i,h]", 3, 8},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* L^{-1/4} G R^{-1/4} with L = G G', R = G'G, by dense eigendecompositions. */
static void shampoo(const double *g, size_t rows, size_t cols, double *out) {
  double *l = symo_dense_new(rows, rows), *r = symo_dense_new(cols, cols);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < rows; j++)
      for (size_t k = 0; k < cols; k++) l[i * rows + j] += g[i * cols + k] * g[j * cols + k];
  for (size_t i = 0; i < cols; i++)
    for (size_t j = 0; j < cols; j++)
      for (size_t k = 0; k < rows; k++) r[i * cols + j] += g[k * cols + i] * g[k * cols + j];
  double *lp = symo_dense_power(rows, l, -0.25, 1e-13),
         *rp = symo_dense_power(cols, r, -0.25, 1e-13);
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < cols; j++) {
      out[i * cols + j] = 0;
      for (size_t a = 0; a < rows; a++)
        for (size_t b = 0; b < cols; b++)
          out[i * cols + j] += lp[i * rows + a] * g[a * cols + b] * rp[b * cols + j];
    }
  free(l);
  free(r);
  free(lp);
  free(rp);
}

Test(orbit, without_memory_one_sided_is_the_polar_factor_and_shampoo) {
  symo_world w;
  symo_world_open(&w, 11);
  symo_method method = symo_rig_method();
  for (size_t k = 0; k < SHAPES; k++) {
    size_t n = shapes[k].rows * shapes[k].cols;
    double *g = symo_dense_new(1, n), *polar = symo_dense_new(1, n), *found = symo_dense_new(1, n);
    symo_world_parse(&w, shapes[k].layout);
    for (int ill = 0; ill < 3; ill++) {
      double condition = 3 * pow(1000, ill);
      matrix_of_condition(w.rng, shapes[k].rows, shapes[k].cols, condition, g);
      svd d = svd_of(shapes[k].rows, shapes[k].cols, g);
      for (size_t i = 0; i < d.n; i++) d.s[i] = 1;
      svd_put(&d, d.s, polar);
      svd_free(&d);
      symo_rig_once(&w, &symo_curvature_orbit_blocked, &method, SYMO_F64, g, found);
      double error = symo_test_rel(found, polar, n);
      cr_assert(error <=
                    symo_test_bound(SYMO_F64, d.n, solvers_polar_condition(SYMO_F64, condition)),
                "%s, condition %g: %g", shapes[k].layout, condition, error);
      if (ill > 0) continue; /* eigenvalues of Gram matrices have lost their digits */
      shampoo(g, shapes[k].rows, shapes[k].cols, polar);
      error = symo_test_rel(found, polar, n);
      cr_assert(error <= symo_test_bound(SYMO_F64, d.n, condition * condition), "%s, Shampoo: %g",
                shapes[k].layout, error);
    }
    symo_world_drop(&w);
    free(g);
    free(polar);
    free(found);
  }
  symo_world_close(&w);
}

Test(orbit, any_exponent_and_damping_act_on_singular_values) {
  symo_world w;
  symo_world_open(&w, 12);
  enum { CONDITION = 20 };
  static const double alphas[] = {0, 0.4, 1, 1.5, 2}, damping[] = {0, 0.3};
  for (size_t k = 0; k < SHAPES; k++)
    for (size_t a = 0; a < 5; a++)
      for (size_t e = 0; e < 4; e++) {
        size_t n = shapes[k].rows * shapes[k].cols;
        double *g = symo_dense_new(1, n), *expected = symo_dense_new(1, n);
        double *found = symo_dense_new(1, n), square = 0;
        symo_world_parse(&w, shapes[k].layout);
        symo_method method = symo_rig_method();
        bool first = shapes[k].layout[strlen(shapes[k].layout) - 4] == 'h';
        double dim = (double)(first ? shapes[k].rows : shapes[k].cols);
        double m = (double)(first ? shapes[k].cols : shapes[k].rows);
        method.alpha = alphas[a];
        method.eps = damping[e % 2];
        method.mean = e >= 2;
        matrix_of_condition(w.rng, shapes[k].rows, shapes[k].cols, CONDITION, g);
        svd d = svd_of(shapes[k].rows, shapes[k].cols, g);
        for (size_t i = 0; i < d.n; i++) square += d.s[i] * d.s[i];
        for (int relative = 0; relative < 2; relative++) {
          double divisor = method.mean ? dim : 1, eps = method.eps;
          double *f = symo_dense_new(1, d.n);
          if (relative == 1) eps *= square / divisor / m;
          method.damping = relative == 1 ? &symo_damping_trace : &symo_damping_constant;
          for (size_t i = 0; i < d.n; i++)
            f[i] = d.s[i] * pow(d.s[i] * d.s[i] / divisor + eps, -alphas[a] / 2);
          svd_put(&d, f, expected);
          symo_rig_once(&w, &symo_curvature_orbit_blocked, &method, SYMO_F64, g, found);
          double error = symo_test_rel(found, expected, n);
          /* Powers are taken of the Gram matrix, whose condition is the square. */
          cr_assert(error <= symo_test_bound(SYMO_F64, d.n, CONDITION * CONDITION),
                    "%s, alpha %g, eps %g %s: %g", shapes[k].layout, alphas[a], method.eps,
                    method.damping, error);
          free(f);
        }
        svd_free(&d);
        symo_world_drop(&w);
        free(g);
        free(expected);
        free(found);
      }
  symo_world_close(&w);
}

Test(orbit, newton_schulz_lies_within_the_band_of_its_quintic) {
  symo_world w;
  symo_world_open(&w, 13);
  symo_method method = symo_rig_method();
  method.solver = &symo_solver_newton_schulz;
  method.solver_steps = 5;
  for (size_t k = 0; k < SHAPES; k++) {
    size_t n = shapes[k].rows * shapes[k].cols;
    double *g = symo_dense_new(1, n), *found = symo_dense_new(1, n), off = 0;
    symo_world_parse(&w, shapes[k].layout);
    matrix_of_condition(w.rng, shapes[k].rows, shapes[k].cols, 50, g);
    svd d = svd_of(shapes[k].rows, shapes[k].cols, g);
    symo_rig_once(&w, &symo_curvature_orbit_blocked, &method, SYMO_F64, g, found);
    for (size_t a = 0; a < d.n; a++)
      for (size_t b = 0; b < d.n; b++) { /* U' Y V */
        double sum = 0;
        for (size_t i = 0; i < d.rows; i++)
          for (size_t j = 0; j < d.cols; j++)
            sum += d.u[i * d.n + a] * found[i * d.cols + j] * d.v[j * d.n + b];
        if (a == b)
          cr_assert(sum >= 0.68 && sum <= 1.21, "%s: singular value %g", shapes[k].layout, sum);
        else
          off = fmax(off, fabs(sum));
      }
    /* The polynomials multiply what is next to zero by 3.4445 in each of five steps. */
    const double bound = symo_test_bound(SYMO_F64, d.rows + d.cols, pow(3.4445, 5));
    cr_assert(off <= bound, "%s: %g off the diagonal", shapes[k].layout, off);
    svd_free(&d);
    symo_world_drop(&w);
    free(g);
    free(found);
  }
  symo_world_close(&w);
}

/* ---- dense averages ---- */

/* Average of u u' over the group, without what lies between tensors if blocked. */
static double *average_of(const symo_world *w, const double *u, bool blocked) {
  double *outer = symo_dense_outer(w->n, 1, u, u), *c = symo_dense_average(w->layout, outer);
  size_t p = 0;
  for (size_t t = 0; blocked && t < symo_layout_num_tensors(w->layout); t++) {
    size_t end = p + symo_layout_tensor_size(w->layout, t);
    for (size_t i = p; i < end; i++)
      for (size_t j = 0; j < w->n; j++)
        if (j < p || j >= end) c[i * w->n + j] = 0;
    p = end;
  }
  free(outer);
  return c;
}

/* (C + eps I)^{-alpha/2} u */
static void step_of(size_t n, const double *c, double eps, double alpha, const double *u,
                    double *out) {
  double *damped = symo_dense_new(n, n);
  memcpy(damped, c, n * n * sizeof *c);
  for (size_t i = 0; i < n; i++) damped[i * n + i] += eps;
  double *power = symo_dense_power(n, damped, -alpha / 2, 1e-12);
  symo_dense_matvec(n, power, u, out);
  free(damped);
  free(power);
}

static void check_random(uint64_t seed, symo_dtype dtype) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int k = 0; k < 24; k++) {
    symo_world_random(&w, SYMO_TEST_FINITE, 2000, 30);
    double *u = symo_dense_new(1, w.n), *expected = symo_dense_new(1, w.n);
    double *found = symo_dense_new(1, w.n);
    symo_test_randn(w.rng, u, w.n);
    for (int blocked = 0; blocked < 2; blocked++) {
      symo_method method = symo_rig_method();
      const symo_curvature *c =
          blocked == 1 ? &symo_curvature_orbit_blocked : &symo_curvature_orbit;
      method.mean = true;
      method.eps = 0.05;
      method.alpha = 0.5 * (k % 5);
      double *average = average_of(&w, u, blocked == 1);
      step_of(w.n, average, method.eps, method.alpha, u, expected);
      symo_rig_once(&w, c, &method, dtype, u, found);
      double error = symo_test_rel(found, expected, w.n);
      double condition =
          symo_dense_power_condition(w.n, average, method.eps, -method.alpha / 2, 0, 1, u);
      cr_assert(error <= symo_test_bound(dtype, w.n, condition), "%s, %s, alpha %g: %g", c->name,
                w.text, method.alpha, error);
      free(average);
    }
    free(u);
    free(expected);
    free(found);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(orbit, without_memory_is_the_dense_formula_on_random_layouts) {
  check_random(21, SYMO_F64);
  check_random(22, SYMO_F32);
}

Test(orbit, sign_flips_orthogonal_and_identity_are_signs_normalised_and_unchanged_directions) {
  symo_world w;
  symo_world_open(&w, 23);
  symo_method method = symo_rig_method();
  symo_world_parse(&w, "a: sign-flip 4; b: sign-flip 3; w[a,b] c[a] s[b]");
  double *u = symo_dense_new(1, w.n), *found = symo_dense_new(1, w.n), norm = 0;
  symo_test_randn(w.rng, u, w.n);
  u[2] = 0;
  /* c and s keep signs apart from w, whose entries are each alone in their label */
  symo_rig_once(&w, &symo_curvature_orbit_blocked, &method, SYMO_F64, u, found);
  for (size_t i = 0; i < w.n; i++) {
    double sign = u[i] > 0 ? 1 : u[i] < 0 ? -1 : 0;
    cr_assert(fabs(found[i] - sign) <= symo_test_bound(SYMO_F64, 1, 1));
  }
  symo_world_drop(&w);
  free(u);
  free(found);
  symo_world_parse(&w, "a: orthogonal 4; b: orthogonal 3; w[a,b]");
  u = symo_dense_new(1, w.n);
  found = symo_dense_new(1, w.n);
  symo_test_randn(w.rng, u, w.n);
  for (size_t i = 0; i < w.n; i++) norm += u[i] * u[i];
  for (int mean = 0; mean < 2; mean++) {
    method.mean = mean == 1;
    symo_rig_once(&w, &symo_curvature_orbit, &method, SYMO_F64, u, found);
    double scale = mean == 1 ? sqrt((double)w.n / norm) : 1 / sqrt(norm);
    for (size_t i = 0; i < w.n; i++)
      cr_assert(fabs(found[i] - scale * u[i]) <=
                symo_test_bound(SYMO_F64, w.n, fabs(scale * u[i])));
  }
  symo_world_drop(&w);
  free(u);
  free(found);
  symo_world_close(&w);
}

/* ---- what symmetry says ---- */

/* rho u, for a random element. */
static void move(const symo_layout *layout, const symo_element *e, const double *u, double *out) {
  const void *in[16];
  void *to[16];
  symo_layout_split_const(layout, SYMO_F64, u, in);
  symo_layout_split(layout, SYMO_F64, out, to);
  cr_assert(symo_element_act(e, symo_const_vector_of(SYMO_F64, in), symo_vector_of(SYMO_F64, to)) ==
            SYMO_OK);
}

Test(orbit, steps_move_with_the_group) {
  symo_world w;
  symo_world_open(&w, 31);
  static const char *const custom[] = {"a: cyclic 6; b: orthogonal 3; w[a,b] v[a] x[a,a]",
                                       "a: wreath(2, orthogonal 2); i: identity 3; w[a,i] v[a]",
                                       "a: dihedral 5; b: cyclic 4; w[a,b] u[b] v[a]"};
  for (int k = 0; k < 23; k++) {
    if (k < 20)
      symo_world_random(&w, SYMO_TEST_ALL, 1000000, 60);
    else
      symo_world_parse(&w, custom[k - 20]);
    symo_element *e;
    cr_ok(w.context, symo_element_create(w.layout, &e));
    double *u = symo_dense_new(4, w.n);
    double *moved = u + w.n, *of_moved = moved + w.n, *moved_after = of_moved + w.n;
    for (int how = 0; how < 6; how++) {
      symo_method method = symo_rig_method();
      const symo_curvature *c =
          how % 2 == 1 ? &symo_curvature_orbit_blocked : &symo_curvature_orbit;
      method.eps = 0.02;
      method.mean = true;
      method.beta2 = how < 4 ? 0 : 0.8;
      method.correction = true;
      method.alpha = how < 2 ? 1 : 0.7;
      if (how >= 2 && how < 4) method.damping = &symo_damping_trace;
      symo_rig a = symo_rig_make(&w, c, &method, SYMO_F64);
      symo_rig b = symo_rig_make(&w, c, &method, SYMO_F64);
      cr_ok(w.context, symo_element_sample(e, w.rng));
      double square = 0; /* above the trace of every covariance */
      for (int step = 0; step < 2; step++) {
        symo_test_randn(w.rng, u, w.n);
        for (size_t i = 0; i < w.n; i++) square += u[i] * u[i];
        move(w.layout, e, u, moved);
        symo_rig_step(&a, true, u, of_moved);
        move(w.layout, e, of_moved, moved_after);
        symo_rig_step(&b, true, moved, of_moved);
        double error = symo_test_rel(of_moved, moved_after, w.n);
        double share = how < 4 && how >= 2 ? (double)w.n : square; /* eps is relative or not */
        cr_assert(error <= symo_test_bound(SYMO_F64, 1, 1 + share / method.eps), "%s, %s: %g",
                  c->name, w.text, error);
      }
      symo_rig_free(&a);
      symo_rig_free(&b);
    }
    symo_element_destroy(e);
    free(u);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* Complex type, against estimates of the same plan. */
Test(orbit, labels_of_complex_type_are_those_of_estimates) {
  symo_world w;
  symo_world_open(&w, 32);
  symo_world_parse(&w, "a: cyclic 5; i: identity 2; w[a,i] v[a] x[i]");
  double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n;
  double square = 0; /* |u|^2: no eigenvalue of C is larger */
  symo_test_randn(w.rng, u, w.n);
  for (size_t i = 0; i < w.n; i++) square += u[i] * u[i];
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_estimate_spec spec = symo_estimate_spec_default();
  spec.estimator = symo_estimator_find("covariance");
  const void *in[3];
  void *to[3];
  symo_layout_split_const(w.layout, SYMO_F64, u, in);
  symo_layout_split(w.layout, SYMO_F64, expected, to);
  symo_const_vector x = symo_const_vector_of(SYMO_F64, in);
  symo_hessian *h, *power;
  cr_ok(w.context, symo_estimate(plan, &spec, 1, &x, NULL, &h));
  for (int memory = 0; memory < 2; memory++) {
    symo_method method = symo_rig_method();
    method.mean = true;
    method.beta2 = memory;
    method.alpha = 1.3;
    method.eps = 0.01;
    cr_ok(w.context, symo_hessian_power(h, -0.65, 0.01, &power));
    cr_ok(w.context, symo_hessian_matvec(power, x, symo_vector_of(SYMO_F64, to)));
    symo_rig_once(&w, &symo_curvature_orbit, &method, SYMO_F64, u, found);
    double error = symo_test_rel(found, expected, w.n);
    cr_assert(error <= symo_test_bound(SYMO_F64, w.n, 1 + square / method.eps), "%g", error);
    symo_hessian_destroy(power);
  }
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  free(u);
  symo_world_close(&w);
}
