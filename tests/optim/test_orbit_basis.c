/* Second moments in the eigenbasis of orbit covariances: against plain roots, dense formulas and a
 * rule of its own by GSL's eigenvectors, and what symmetry says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/rig.h"
#include "tests/support/stepping.h"

static const char two_layers[] =
    "in: identity 3; h: signed-permutation 4; out: identity 2; w1[h,in] b1[h] w2[out,h] b2[out]";
static const char *const layouts[] = {
    two_layers,
    "a: orthogonal 9; i: identity 4; w[a,i]", /* folded */
    "a: orthogonal 4; i: identity 9; w[a,i]",
    "a: permutation 4; i: identity 2; w[a,i] v[a] x[a,a]",
    "a: sign-flip 3; i: identity 2; w[a,i] v[a] x[i]",
    "a: sign-flip 3; b: permutation 3; w[a,b] v[a]",
    "a: cyclic 5; i: identity 2; w[a,i] v[a] x[i]",
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static symo_method with_memory(const char *basis, double beta, double eps) {
  symo_method method = symo_rig_method();
  cr_ok(NULL, symo_method_set(NULL, &method, "basis", basis));
  method.mean = method.correction = true;
  method.beta2 = beta;
  method.eps = eps;
  return method;
}

/* One step with a gradient and a direction of their own. */
static void step_apart(symo_rig *r, bool refresh, const double *g, const double *u, double *out) {
  symo_test_vector x = symo_test_vector_make(r->layout, r->dtype, NULL);
  symo_test_vector y = symo_test_vector_make(r->layout, r->dtype, NULL);
  symo_test_vector z = symo_test_vector_make(r->layout, r->dtype, NULL);
  symo_test_vector_set(&x, g);
  symo_test_vector_set(&y, u);
  r->step.t++;
  symo_rig_accumulate(r, symo_test_in(&x));
  if (refresh) cr_assert(symo_rig_refresh(r) == SYMO_OK);
  cr_assert(symo_rig_apply(r, symo_test_in(&x), symo_test_in(&y), symo_test_out(&z)) == SYMO_OK);
  symo_test_vector_get(&z, out);
  symo_test_vector_free(&x);
  symo_test_vector_free(&y);
  symo_test_vector_free(&z);
}

/* ---- columns ---- */

Test(orbit_basis, columns_with_a_fresh_basis_are_the_plain_root) {
  static const double alphas[] = {1, 0.5, 2};
  for (size_t k = 0; k < LAYOUTS * 12; k++) {
    symo_world w;
    symo_world_open(&w, 61);
    symo_world_parse(&w, layouts[k % LAYOUTS]);
    symo_dtype dtype = k / LAYOUTS % 2 == 0 ? SYMO_F64 : SYMO_F32;
    bool relative = k / LAYOUTS % 4 >= 2;
    symo_method method = with_memory("none", k / LAYOUTS < 8 ? 0.8 : 1, 1e-2);
    method.alpha = alphas[k / LAYOUTS / 4 % 3];
    method.centered = k % LAYOUTS == 3;
    method.damping = relative ? &symo_damping_trace : &symo_damping_constant;
    const symo_curvature *c = k % 2 == 0 ? &symo_curvature_orbit : &symo_curvature_orbit_blocked;
    symo_rig plain = symo_rig_make(&w, c, &method, dtype);
    method.basis = SYMO_BASIS_COLUMN;
    symo_rig columns = symo_rig_make(&w, c, &method, dtype);
    double *g = symo_dense_new(4, w.n), *u = g + w.n, *expected = u + w.n, *found = expected + w.n;
    double trace = 0;
    for (int t = 0; t < 6; t++) {
      symo_test_randn(w.rng, g, 2 * w.n);
      step_apart(&plain, true, g, u, expected);
      step_apart(&columns, true, g, u, found);
      double error = symo_test_rel(found, expected, w.n);
      for (size_t i = 0; i < w.n; i++) trace += g[i] * g[i]; /* of C, or more */
      const double condition = 1 + (relative ? (double)w.n : trace) / method.eps;
      cr_assert(error <= symo_test_bound(dtype, w.n, condition), "case %zu, step %d: %g", k, t,
                error);
    }
    free(g);
    symo_rig_free(&plain);
    symo_rig_free(&columns);
    symo_world_close(&w);
  }
}

/* Where the eigenvectors stay what they are, one refresh serves for all steps. */
Test(orbit_basis, columns_are_the_fresh_root_while_eigenvectors_stay) {
  enum { N = 6, M = 4 };
  for (int how = 0; how < 4; how++) {
    symo_world w;
    symo_world_open(&w, 62);
    symo_world_parse(&w, "h: orthogonal 6; i: identity 4; w[h,i]");
    symo_method method = with_memory("none", how % 2 == 0 ? 0.9 : 1, 0);
    symo_rig fresh = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
    method.basis = SYMO_BASIS_COLUMN;
    method.source = how < 2 ? SYMO_SOURCE_GRADIENT : SYMO_SOURCE_MOMENTUM;
    symo_rig once = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
    double *q = symo_dense_new(1, N * N), *v = symo_dense_new(1, M * M), *room = malloc(20000);
    double *g = symo_dense_new(3, w.n), *expected = g + w.n, *found = expected + w.n, tau[N];
    symo_test_randn(w.rng, q, N * N);
    symo_test_randn(w.rng, v, M * M);
    cr_assert(symo_eigh_work(SYMO_F64, N) <= 20000);
    cr_assert(symo_haar_orthogonal(N, q, tau, room, 20000) == SYMO_OK);
    cr_assert(symo_haar_orthogonal(M, v, tau, room, 20000) == SYMO_OK);
    for (int t = 0; t < 30; t++) {
      for (size_t i = 0; i < N * M; i++) { /* Q diag V' */
        g[i] = 0;
        for (size_t k = 0; k < M; k++)
          g[i] += q[i / M * N + k] * v[i % M * M + k] *
                  (t == 0 ? 1 + (double)k : 1.5 + sin((double)t * (1 + (double)k)));
      }
      symo_rig_step(&fresh, true, g, expected);
      symo_rig_step(&once, t == 0, g, found);
      double error = symo_test_rel(found, expected, w.n);
      /* singular values between 0.5 and 4: of C up to the square of 8 apart */
      cr_assert(error <= symo_test_bound(SYMO_F64, N, 64), "%d, step %d: %g", how, t, error);
    }
    free(q);
    free(v);
    free(room);
    free(g);
    symo_rig_free(&fresh);
    symo_rig_free(&once);
    symo_world_close(&w);
  }
}

/* v = diag(V C V') with the C of the step, whenever V was made. */
Test(orbit_basis, columns_are_the_diagonal_of_the_covariance_between_refreshes) {
  enum { M = 4 };
  symo_world w;
  symo_world_open(&w, 63);
  symo_world_parse(&w, "h: signed-permutation 7; i: identity 4; w[h,i]");
  symo_method method = with_memory("column", 0.7, 0);
  symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
  double *u = symo_dense_new(2, w.n);
  for (int t = 0; t < 9; t++) {
    symo_test_randn(w.rng, u, w.n);
    symo_rig_step(&rig, t % 4 == 0, u, u + w.n);
    double *c = symo_rig_entry(&rig, "h:vector/covariance");
    double *v = symo_rig_entry(&rig, "h:vector/basis");
    double *moments = symo_rig_entry(&rig, "h:vector/moments");
    double trace = 0;
    for (size_t i = 0; i < M; i++) trace += c[i * M + i];
    for (size_t k = 0; k < M; k++) {
      double sum = 0;
      for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++)
          sum += v[k * M + i] * v[k * M + j] * (i >= j ? c[i * M + j] : c[j * M + i]);
      cr_assert(fabs(moments[k] - sum) <= symo_test_bound(SYMO_F64, M, trace), "step %d: %g, %g", t,
                moments[k], sum);
    }
    free(c);
    free(v);
    free(moments);
  }
  free(u);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

/* x takes part in every v with the weight w: |column|^2 <= n / w, and by entry 1 / w. */
Test(orbit_basis, steps_are_bounded_by_themselves) {
  enum { N = 3, M = 8 };
  static const char *const bases[] = {"column", "adam"};
  for (int k = 0; k < 8; k++) {
    symo_world w;
    symo_world_open(&w, 64);
    symo_world_parse(&w, "h: signed-permutation 3; i: identity 8; w[h,i]");
    symo_method method = with_memory(bases[k % 2], k / 4 == 0 ? 0.9 : 0.5, 0);
    symo_dtype dtype = k / 2 % 2 == 0 ? SYMO_F64 : SYMO_F32;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, dtype);
    double *u = symo_dense_new(2, w.n), *found = u + w.n, weight = 1 - method.beta2, most = 0;
    for (int t = 0; t < 100; t++) {
      for (size_t i = 0; i < w.n; i++) u[i] = 0;
      symo_test_randn(w.rng, u, M); /* rank one, elsewhere in every step and of any size */
      for (size_t i = 0; i < M; i++) u[i] *= pow(10, t * 7 % 11 - 5);
      symo_rig_step(&rig, t % 10 == 0, u, found);
      double square = 0;
      for (size_t i = 0; i < w.n; i++) square += found[i] * found[i];
      most = fmax(most, square);
    }
    double bound = N * M / weight;
    cr_assert(most > 0 && most <= bound * 1.0001, "%d: %g, at most %g", k, most, bound);
    free(u);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}

/* ---- what symmetry says ---- */

static void move(const symo_layout *layout, const symo_element *e, const double *u, double *out) {
  const void *in[16];
  void *to[16];
  symo_layout_split_const(layout, SYMO_F64, u, in);
  symo_layout_split(layout, SYMO_F64, out, to);
  cr_assert(symo_element_act(e, symo_const_vector_of(SYMO_F64, in), symo_vector_of(SYMO_F64, to)) ==
            SYMO_OK);
}

/* 50 steps with the gradient g and the direction u, and the same moved; the largest error. */
static double run_moved(symo_world *w, const symo_curvature *c, const symo_method *method) {
  symo_element *e;
  cr_ok(w->context, symo_element_create(w->layout, &e));
  cr_ok(w->context, symo_element_sample(e, w->rng));
  symo_rig a = symo_rig_make(w, c, method, SYMO_F64), b = symo_rig_make(w, c, method, SYMO_F64);
  double *g = symo_dense_new(7, w->n), *u = g + w->n, *mg = u + w->n, *mu = mg + w->n;
  double *plain = mu + w->n, *after = plain + w->n, *moved = after + w->n, worst = 0;
  for (int t = 0; t < 50; t++) {
    symo_test_randn(w->rng, g, w->n);
    for (size_t i = 0; i < w->n; i++) u[i] = 0.9 * u[i] + 0.1 * g[i];
    move(w->layout, e, g, mg);
    move(w->layout, e, u, mu);
    step_apart(&a, t % 5 == 0, g, u, plain);
    step_apart(&b, t % 5 == 0, mg, mu, moved);
    move(w->layout, e, plain, after);
    worst = fmax(worst, symo_test_rel(moved, after, w->n));
  }
  free(g);
  symo_rig_free(&a);
  symo_rig_free(&b);
  symo_element_destroy(e);
  return worst;
}

Test(orbit_basis, runs_by_column_move_with_the_group) {
  static const char *const custom[] = {"a: cyclic 6; b: orthogonal 3; w[a,b] v[a] x[a,a]",
                                       "a: wreath(2, orthogonal 2); i: identity 3; w[a,i] v[a]",
                                       "a: dihedral 5; b: cyclic 4; w[a,b] u[b] v[a]",
                                       /* C has not full rank for many steps */
                                       "a: orthogonal 2; i: identity 30; w[a,i]"};
  symo_world w;
  symo_world_open(&w, 65);
  for (int k = 0; k < 16; k++) {
    if (k < 12)
      symo_world_random(&w, SYMO_TEST_ALL, 1000000, 60);
    else
      symo_world_parse(&w, custom[k - 12]);
    for (int how = 0; how < 4; how++) {
      symo_method method = with_memory("column", 0.9, how < 2 ? 1e-3 : 0);
      method.source = how % 2 == 0 ? SYMO_SOURCE_GRADIENT : SYMO_SOURCE_MOMENTUM;
      const symo_curvature *c =
          how % 2 == 1 ? &symo_curvature_orbit_blocked : &symo_curvature_orbit;
      double error = run_moved(&w, c, &method);
      /* Without eps, what rounding leaves of nothing over the root of that, where what is something
       * spreads over 900: C is first of full rank when it is made of 15 pairs, a random matrix of 30
       * columns, and their condition is about their number, for its squares. */
      double limit = how < 2 ? 1e-9 : sqrt(symo_test_bound(SYMO_F64, w.n, 900));
      cr_assert(error <= limit, "%s, %d: %g", w.text, how, error);
    }
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(orbit_basis, runs_by_entry_move_with_signed_permutations) {
  symo_world w;
  symo_world_open(&w, 66);
  symo_world_parse(&w,
                   "h: signed-permutation 7; i: identity 4; w[h,i] b[h]"); /* full rank at once */
  symo_method method = with_memory("adam", 0.9, 1e-6);
  double error = run_moved(&w, &symo_curvature_orbit, &method);
  cr_assert(error <= 1e-9, "%g", error);
  symo_world_close(&w);
}

/* ---- entries ---- */

/* SOAP on one side of a matrix with coordinates [n, m], by plain loops: m is turned. */
typedef struct one_sided {
  size_t n, m;
  double b1, b2, eps;
  double *c, *v, *second, *momentum; /* columns of v are the basis */
} one_sided;

static void one_sided_step(one_sided *s, int t, bool refresh, const double *x, double *out) {
  size_t n = s->n, m = s->m;
  double *w = symo_dense_new(1, m), *z = symo_dense_new(2, n * m), *y = z + n * m;
  for (size_t a = 0; a < m; a++)
    for (size_t b = 0; b < m; b++) {
      double sum = 0;
      for (size_t i = 0; i < n; i++) sum += x[i * m + a] * x[i * m + b];
      s->c[a * m + b] = s->b2 * s->c[a * m + b] + (1 - s->b2) * sum / (double)n;
    }
  if (refresh) symo_dense_eigen(m, s->c, w, s->v);
  for (size_t i = 0; i < n * m; i++) s->momentum[i] = s->b1 * s->momentum[i] + (1 - s->b1) * x[i];
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < m; k++) {
      for (size_t j = 0; j < m; j++) {
        z[i * m + k] += x[i * m + j] * s->v[j * m + k];
        y[i * m + k] += s->momentum[i * m + j] * s->v[j * m + k];
      }
      double *v = &s->second[i * m + k];
      *v = s->b2 * *v + (1 - s->b2) * z[i * m + k] * z[i * m + k];
      y[i * m + k] /= sqrt(*v / (1 - pow(s->b2, t))) + s->eps;
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++) {
      out[i * m + j] = 0;
      for (size_t k = 0; k < m; k++) out[i * m + j] += y[i * m + k] * s->v[j * m + k];
    }
  free(w);
  free(z);
}

Test(orbit_basis, entries_beside_the_identity_are_one_sided_soap) {
  enum { R = 5, C = 4 };
  static const char *const sides[] = {"h: signed-permutation 5; i: identity 4; w[h,i]",
                                      "i: identity 5; h: orthogonal 4; w[i,h]"};
  for (int k = 0; k < 8; k++) {
    bool left = k % 2 == 1; /* the rows are turned */
    symo_test_stepper s;
    symo_dtype dtype = k / 2 % 2 == 0 ? SYMO_F64 : SYMO_F32;
    symo_stepper_open(&s, sides[k % 2], dtype, 67, k / 4 == 1);
    symo_stepper_preset(&s, "symo-published",
                        "basis=adam beta2=0.9 momentum=0.8 lr=0.1 schedule=constant rate=1 "
                        "eps=1e-3 refresh_every=3");
    one_sided o = {.n = left ? C : R, .m = left ? R : C, .b1 = 0.8, .b2 = 0.9, .eps = 1e-3};
    o.c = symo_dense_new(o.m, o.m);
    o.v = symo_dense_new(o.m, o.m);
    o.second = symo_dense_new(R, C);
    o.momentum = symo_dense_new(R, C);
    double theta[R * C], x[R * C], out[R * C];
    memcpy(theta, s.theta, sizeof theta);
    for (int t = 1; t <= 20; t++) {
      symo_stepper_random(&s, 1);
      for (size_t i = 0; i < R * C; i++) x[left ? i % C * R + i / C : i] = s.g[i];
      one_sided_step(&o, t, t % 3 == 1, x, out);
      for (size_t i = 0; i < R * C; i++) theta[i] -= 0.1 * out[left ? i % C * R + i / C : i];
      double error = symo_test_rel(s.theta, theta, R * C);
      cr_assert(error <= (dtype == SYMO_F64 ? 1e-10 : 2e-4), "%d, step %d: %g", k, t, error);
    }
    free(o.c);
    free(o.v);
    free(o.second);
    free(o.momentum);
    symo_stepper_close(&s);
  }
}
