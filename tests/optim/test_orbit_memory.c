/* Orbit covariances with memory: against dense averages over the group, textbook recursions, and at
 * the edges of numbers. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/rig.h"

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

static void cut_between_tensors(const symo_layout *layout, size_t n, double *c) {
  for (size_t t = 0, p = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t end = p + symo_layout_tensor_size(layout, t);
    for (size_t i = p; i < end; i++)
      for (size_t j = 0; j < n; j++)
        if (j < p || j >= end) c[i * n + j] = 0;
    p = end;
  }
}

/* c <- beta c + weight average(u u') */
static void remember(const symo_world *w, double beta, double weight, const double *u, double *c) {
  double *outer = symo_dense_outer(w->n, 1, u, u), *average = symo_dense_average(w->layout, outer);
  for (size_t i = 0; i < w->n * w->n; i++) c[i] = beta * c[i] + weight * average[i];
  free(outer);
  free(average);
}

static const char two_layers[] =
    "in: identity 3; h: signed-permutation 4; out: identity 2; w1[h,in] b1[h] w2[out,h] b2[out]";

/* Six steps, roots renewed at steps 1, 1 + every, ..; covariances of one number have none, and are
 * used as they are. */
static void check_memory(const char *layout, bool blocked, int every, double beta, double alpha,
                         bool correct, symo_dtype dtype) {
  symo_world w;
  symo_world_open(&w, 41);
  symo_world_parse(&w, layout);
  const symo_curvature *curvature = blocked ? &symo_curvature_orbit_blocked : &symo_curvature_orbit;
  symo_method method = symo_rig_method();
  method.mean = true;
  method.beta2 = beta;
  method.alpha = alpha;
  method.correction = correct;
  method.eps = 1e-3;
  symo_rig rig = symo_rig_make(&w, curvature, &method, dtype);
  double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n;
  double *c = symo_dense_new(w.n, w.n), *rooted = symo_dense_new(w.n, w.n);
  for (int t = 1; t <= 6; t++) {
    bool refresh = (t - 1) % every == 0;
    double correction = correct && beta < 1 ? 1 / (1 - pow(beta, t)) : 1;
    symo_test_randn(w.rng, u, w.n);
    remember(&w, beta, beta < 1 ? 1 - beta : 1, u, c);
    if (blocked) cut_between_tensors(w.layout, w.n, c);
    symo_rig_step(&rig, refresh, u, found);
    for (size_t i = 0; refresh && i < w.n * w.n; i++) rooted[i] = correction * c[i];
    step_of(w.n, rooted, method.eps, alpha, u, expected);
    double error = symo_test_rel(found, expected, w.n);
    double condition = symo_dense_power_condition(w.n, rooted, method.eps, -alpha / 2, 0, 1, u);
    cr_assert(error <= symo_test_bound(dtype, w.n, condition),
              "%s, beta2 %g, alpha %g, step %d: %g", layout, beta, alpha, t, error);
  }
  free(u);
  free(c);
  free(rooted);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

Test(orbit_memory, coupled_symo_is_the_dense_formula) {
  static const double alphas[] = {0.5, 1, 1.7, 2};
  for (size_t a = 0; a < 4; a++) {
    check_memory(two_layers, false, 3, 0.9, alphas[a], true, SYMO_F64);
    check_memory(two_layers, true, 1, 0.9, alphas[a], false, SYMO_F64);
  }
  check_memory(two_layers, false, 3, 1, 1, true, SYMO_F64);
  check_memory(two_layers, false, 3, 0.5, 1, true, SYMO_F32);
}

Test(orbit_memory, identity_everywhere_with_a_sum_is_full_matrix_adagrad) {
  check_memory("a: identity 4; b: identity 3; w[a,b] v[a]", false, 2, 1, 1, false, SYMO_F64);
  check_memory("a: identity 4; b: identity 3; w[a,b] v[a]", true, 2, 1, 1, false, SYMO_F64);
}

Test(orbit_memory, groups_with_several_irreps_are_the_dense_formula) {
  check_memory("a: permutation 4; i: identity 2; w[a,i] v[a] x[a,a]", false, 1, 0.8, 1, true,
               SYMO_F64);
  check_memory("a: sign-flip 3; i: identity 2; w[a,i] v[a] x[i]", false, 3, 0.8, 1, true, SYMO_F64);
  check_memory("a: sign-flip 3; b: permutation 3; w[a,b] v[a]", true, 1, 0.8, 1.2, true, SYMO_F64);
}

Test(orbit_memory, sign_flips_on_all_coordinates_are_the_second_moments_of_adam) {
  symo_world w;
  symo_world_open(&w, 42);
  symo_world_parse(&w, "a: sign-flip 5; b: sign-flip 4; w[a,b]");
  for (int f32 = 0; f32 < 2; f32++) {
    symo_dtype dtype = f32 == 1 ? SYMO_F32 : SYMO_F64;
    symo_method method = symo_rig_method();
    method.beta2 = 0.99;
    method.correction = true;
    symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, dtype);
    cr_assert(rig.num_entries == 2 && rig.curvature->num_roots(rig.self) == 0);
    double *u = symo_dense_new(3, w.n), *found = u + w.n, *v = found + w.n;
    for (int t = 1; t <= 20; t++) {
      symo_test_randn(w.rng, u, w.n);
      u[3] = 0; /* never moves */
      symo_rig_step(&rig, true, u, found);
      for (size_t i = 0; i < w.n; i++) {
        v[i] = 0.99 * v[i] + (1 - 0.99) * u[i] * u[i];
        double expected = i == 3 ? 0 : u[i] / sqrt(v[i] / (1 - pow(0.99, t)));
        cr_assert(fabs(found[i] - expected) <= symo_test_bound(dtype, (size_t)t, fabs(expected)));
      }
    }
    free(u);
    symo_rig_free(&rig);
  }
  symo_world_close(&w);
}

/* The mean eigenvalue of what is left makes the step of the part that the group does not move. */
static void check_centered(double beta, bool blocked) {
  symo_world w;
  symo_world_open(&w, 43);
  symo_world_parse(&w, "a: permutation 4; i: identity 2; w[a,i] v[a] x[i]");
  symo_method method = symo_rig_method();
  method.mean = method.centered = true;
  method.beta2 = beta;
  method.alpha = 1.4;
  method.eps = 0.01;
  const symo_curvature *curvature = blocked ? &symo_curvature_orbit_blocked : &symo_curvature_orbit;
  symo_rig rig = symo_rig_make(&w, curvature, &method, SYMO_F64);
  size_t n = w.n;
  double *u = symo_dense_new(4, n), *found = u + n, *expected = found + n, *mean = expected + n;
  double *c = symo_dense_new(n, n), *fixed = symo_dense_fixed(w.layout);
  double *kept = symo_dense_identity(n, 1);
  for (size_t i = 0; i < n * n; i++) kept[i] -= fixed[i];
  for (int t = 0; t < 3; t++) {
    symo_test_randn(w.rng, u, n);
    remember(&w, beta, 1 - beta, u, c);
    if (blocked) cut_between_tensors(w.layout, n, c);
    double *moved = symo_dense_sandwich(n, kept, c), trace = 0, dim = 0;
    for (size_t i = 0; i < n; i++) {
      trace += moved[i * n + i];
      dim += kept[i * n + i];
    }
    symo_rig_step(&rig, true, u, found);
    step_of(n, moved, method.eps, method.alpha, u, expected);
    symo_dense_matvec(n, fixed, u, mean);
    /* what step_of made of the fixed part is (eps)^{-alpha/2} times it */
    for (size_t i = 0; i < n; i++)
      expected[i] += mean[i] * (pow(trace / dim + method.eps, -0.7) - pow(method.eps, -0.7));
    double error = symo_test_rel(found, expected, n);
    double condition = symo_dense_power_condition(n, moved, method.eps, -method.alpha / 2, 0, 1, u);
    cr_assert(error <= symo_test_bound(SYMO_F64, n, condition), "beta2 %g: %g", beta, error);
    free(moved);
  }
  free(u);
  free(c);
  free(fixed);
  free(kept);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

Test(orbit_memory, centred_covariances_leave_the_fixed_part_to_the_mean_of_the_others) {
  check_centered(0, false);
  check_centered(0, true);
  check_centered(0.7, false);
  check_centered(0.7, true);
}

/* ---- roots ---- */

Test(orbit_memory, a_basis_that_serves_is_kept_and_its_eigenvalues_renewed) {
  static const char *const layouts[] = {two_layers, "a: sign-flip 3; i: identity 4; w[a,i] v[a]"};
  for (size_t k = 0; k < 2; k++) {
    symo_world w;
    symo_world_open(&w, 44);
    symo_world_parse(&w, layouts[k]);
    symo_method method = symo_rig_method();
    method.mean = true;
    method.beta2 = 0.9;
    method.eps = 1e-3;
    symo_rig always = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
    method.skip_tolerance = 1e-3;
    symo_rig lazy = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
    double *u = symo_dense_new(3, w.n), *expected = u + w.n, *found = expected + w.n;
    double largest = 0; /* no eigenvalue of an average of u u' is above the largest |u|^2 */
    for (int t = 0; t < 12; t++) {
      bool same = t >= 8; /* the last direction again, a little longer: C only grows along it */
      if (!same) symo_test_randn(w.rng, u, w.n);
      if (t == 8) /* now C is dominated by one gradient, and then stays what it is */
        for (int i = 0; i < 400; i++) {
          symo_rig_step(&always, false, u, expected);
          symo_rig_step(&lazy, false, u, found);
        }
      for (size_t i = 0; i < w.n; i++) u[i] *= same && t > 8 ? 1.01 : 1;
      symo_rig_step(&always, true, u, expected);
      symo_rig_step(&lazy, true, u, found);
      cr_assert(!always.report.kept);
      cr_assert(lazy.report.kept == (t > 8), "step %d: kept %d", t, lazy.report.kept);
      /* Eigenvalues in a basis that is off by the tolerance are off by its square. */
      const double second = method.skip_tolerance * method.skip_tolerance;
      cr_assert(fabs(lazy.report.condition / always.report.condition - 1) <= second);
      cr_assert(fabs(lazy.report.effective_rank / always.report.effective_rank - 1) <= second);
      double error = symo_test_rel(found, expected, w.n), square = 0;
      for (size_t i = 0; i < w.n; i++) square += u[i] * u[i];
      largest = fmax(largest, square);
      cr_assert(error <= symo_test_bound(SYMO_F64, w.n, 1 + largest / method.eps), "step %d: %g", t,
                error);
    }
    free(u);
    symo_rig_free(&always);
    symo_rig_free(&lazy);
    symo_world_close(&w);
  }
}

enum { KEPT_N = 4 };

/* What off / tolerance is that decides whether a basis V (columns) of C is kept, the larger of both:
 *     |off| / |C|  and  sqrt(1 / n sum_{i != j} d_ij^2 / ((d_ii + eps) (d_jj + eps)))  of D = V' C V. */
static double off_of(const double *c, const double *v, double eps, double *small) {
  double d[KEPT_N * KEPT_N] = {0}, off = 0, all = 0, beside = 0;
  for (size_t i = 0; i < KEPT_N; i++)
    for (size_t j = 0; j < KEPT_N; j++)
      for (size_t k = 0; k < KEPT_N; k++)
        for (size_t l = 0; l < KEPT_N; l++)
          d[i * KEPT_N + j] += v[k * KEPT_N + i] * c[k * KEPT_N + l] * v[l * KEPT_N + j];
  for (size_t i = 0; i < KEPT_N; i++)
    for (size_t j = 0; j < KEPT_N; j++) {
      const double x = d[i * KEPT_N + j] * d[i * KEPT_N + j];
      all += x;
      if (i == j) continue;
      off += x;
      beside += x / ((d[i * KEPT_N + i] + eps) * (d[j * KEPT_N + j] + eps));
    }
  *small = sqrt(beside / KEPT_N);
  return fmax(sqrt(off / all), *small);
}

/* A basis serves by |off| beside C and, entry by entry, beside the damped eigenvalues that it joins: with
 * much damping a turn among small eigenvalues is nothing, with little it counts. */
Test(orbit_memory, a_basis_is_kept_while_what_it_leaves_is_small_beside_damped_eigenvalues) {
  static const double damping[] = {1e-4, 0.01, 0.3, 3};
  static const double size[KEPT_N] = {2, 1, 0.5, 0.1}; /* of gradients: eigenvalues are uneven */
  size_t kept = 0, not_kept = 0, by_ratio = 0;
  for (int e = 0; e < 4; e++)
    for (int trial = 0; trial < 40; trial++) {
      symo_world w;
      symo_world_open(&w, 300 + (uint64_t)trial);
      symo_world_parse(&w, "a: identity 4; w[a]");
      symo_method method = symo_rig_method();
      method.beta2 = 0.98;
      method.eps = damping[e];
      method.skip_tolerance = 0.05;
      symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
      double c[KEPT_N * KEPT_N] = {0}, v[KEPT_N * KEPT_N], l[KEPT_N], u[KEPT_N], out[KEPT_N],
                        ratio = 0;
      bool turned = false;
      for (int t = 1; t <= 40; t++) {
        const bool refresh = t >= 36 || t == 30;
        symo_test_randn(w.rng, u, KEPT_N);
        for (size_t i = 0; i < KEPT_N; i++) u[i] *= size[i];
        remember(&w, method.beta2, 1 - method.beta2, u, c);
        symo_rig_step(&rig, refresh, u, out);
        if (!refresh) continue;
        const double off = turned ? off_of(c, v, method.eps, &ratio) : INFINITY;
        if (fabs(off / method.skip_tolerance - 1) > 1e-6)
          cr_assert(rig.report.kept == (off <= method.skip_tolerance),
                    "eps %g, step %d: %g, kept %d", method.eps, t, off, rig.report.kept);
        kept += rig.report.kept, not_kept += turned && !rig.report.kept;
        by_ratio += turned && !rig.report.kept && ratio == off;
        if (!rig.report.kept) symo_dense_eigen(KEPT_N, c, l, v);
        turned = true;
      }
      symo_rig_free(&rig);
      symo_world_close(&w);
    }
  cr_assert(kept >= 20 && not_kept >= 20 && by_ratio >= 20, "%zu, %zu, %zu", kept, not_kept,
            by_ratio);
}

Test(orbit_memory, a_root_that_fails_leaves_the_last_one) {
  static const double tolerances[] = {0, 0.1};
  for (size_t k = 0; k < 2; k++) {
    symo_world w;
    symo_world_open(&w, 45);
    symo_world_parse(&w, "a: sign-flip 3; i: identity 4; w[a,i]");
    symo_method method = symo_rig_method();
    method.beta2 = 0.5;
    method.skip_tolerance = tolerances[k];
    symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F32);
    double *u = symo_dense_new(2, w.n), *found = u + w.n;
    symo_test_randn(w.rng, u, w.n);
    symo_rig_step(&rig, true, u, found);
    double *root = symo_rig_entry(&rig, "a:character/root");
    for (size_t i = 0; i < rig.num_entries; i++) /* as a checkpoint may have it */
      if (strcmp(rig.entries[i].name, "a:character/covariance") == 0)
        ((float *)rig.state[i])[0] = INFINITY;
    cr_assert(symo_rig_refresh(&rig) == SYMO_NO_CONVERGENCE);
    double *after = symo_rig_entry(&rig, "a:character/root");
    cr_assert(memcmp(root, after, 3 * 16 * sizeof *root) == 0);
    free(root);
    free(after);
    free(u);
    symo_rig_free(&rig);
    symo_world_close(&w);
  }
}

/* ---- edges ---- */

Test(orbit_memory, zero_and_tiny_directions_give_finite_steps) {
  static const char *const layouts[] = {"h: signed-permutation 4; i: identity 3; w[h,i] b[h]",
                                        "h: permutation 4; i: identity 3; w[h,i]",
                                        "h: sign-flip 4; i: identity 3; w[h,i] b[h]",
                                        "h: orthogonal 3; w[h,h] b[h]"};
  static const double sizes[] = {0, 1e-30, 1e-36, 1e15};
  for (int k = 0; k < 4 * 4 * 2 * 3; k++) {
    symo_world w;
    symo_world_open(&w, 46);
    symo_world_parse(&w, layouts[k % 4]);
    double size = sizes[k / 4 % 4];
    symo_dtype dtype = k / 16 % 2 == 0 ? SYMO_F32 : SYMO_F64;
    int how = k / 32;
    symo_method method = symo_rig_method();
    method.beta2 = how == 2 ? 0.9 : 0;
    method.centered = how == 1;
    double *u = symo_dense_new(4, w.n), *found = u + w.n, *one = found + w.n, *expected = one + w.n;
    symo_test_randn(w.rng, one, w.n);
    for (size_t i = 0; i < w.n; i++) u[i] = size * one[i];
    symo_rig_once(&w, &symo_curvature_orbit, &method, dtype, u, found);
    cr_assert(isfinite(symo_test_max(found, w.n)), "case %d", k);
    if (size == 0) cr_assert(symo_test_max(found, w.n) == 0);
    if (how < 2 && size > 0) { /* alpha = 1: the size does not count */
      symo_rig_once(&w, &symo_curvature_orbit, &method, SYMO_F64, one, expected);
      double error = symo_test_rel(found, expected, w.n);
      cr_assert(error <= (dtype == SYMO_F32 ? 1e-3 : 1e-9), "case %d: %g", k, error);
    }
    free(u);
    symo_world_close(&w);
  }
}

Test(orbit_memory, strides_do_not_matter) {
  symo_world w;
  symo_world_open(&w, 47);
  static const char *const layouts[] = {two_layers, "h: orthogonal 5; i: identity 3; w[h,i]",
                                        "a: permutation 4; i: identity 2; w[a,i] v[a] x[a,a]",
                                        "a: sign-flip 3; b: sign-flip 4; w[a,b]"};
  for (int k = 0; k < 4 * 4; k++) {
    symo_world_parse(&w, layouts[k % 4]);
    symo_method method = symo_rig_method();
    const symo_curvature *curvature =
        k / 4 % 2 == 0 ? &symo_curvature_orbit : &symo_curvature_orbit_blocked;
    method.beta2 = k / 8 == 0 ? 0 : 0.9;
    double *u = symo_dense_new(3, w.n), *found = u + w.n, *expected = found + w.n;
    symo_test_randn(w.rng, u, w.n);
    symo_rig_once(&w, curvature, &method, SYMO_F64, u, expected);
    for (int again = 0; again < 4; again++) {
      symo_rig rig = symo_rig_make(&w, curvature, &method, SYMO_F64);
      symo_test_vector x = symo_test_vector_make(w.layout, SYMO_F64, w.rng);
      symo_test_vector y = symo_test_vector_make(w.layout, SYMO_F64, w.rng);
      symo_test_vector_set(&x, u);
      symo_test_vector_set(&y, u);
      symo_rig_accumulate(&rig, symo_test_in(&x));
      cr_assert(symo_rig_refresh(&rig) == SYMO_OK);
      cr_assert(symo_rig_apply(&rig, symo_test_in(&x), symo_test_in(&x), symo_test_out(&y)) ==
                SYMO_OK);
      symo_test_vector_get(&y, found);
      double error = symo_test_rel(found, expected, w.n);
      cr_assert(error <= 1e-12, "%s: %g", layouts[k % 4], error);
      symo_test_vector_free(&x);
      symo_test_vector_free(&y);
      symo_rig_free(&rig);
    }
    free(u);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

typedef struct making {
  const symo_curvature *curvature;
  curvature_task task;
} making;

static symo_status make_and_destroy(void *self) {
  making *m = self;
  void *made = NULL;
  symo_status status = m->curvature->create(&m->task, &made);
  if (status == SYMO_OK) m->curvature->destroy(made);
  return status;
}

Test(orbit_memory, failed_allocations_leave_nothing) {
  symo_world w;
  symo_world_open(&w, 48);
  symo_world_parse(&w, two_layers);
  symo_method method = symo_rig_method();
  method.beta2 = 0.9;
  making m = {&symo_curvature_orbit,
              {.context = w.context,
               .layout = w.layout,
               .dtype = SYMO_F64,
               .method = &method,
               .threads = 1}};
  cr_assert(symo_test_allocations(make_and_destroy, &m) >= 3);
  char *text;
  symo_rig rig = symo_rig_make(&w, &symo_curvature_orbit, &method, SYMO_F64);
  cr_ok(w.context, symo_curvature_orbit.describe(rig.self, &text));
  cr_assert(strstr(text, "h:vector: 6 x 6 root by eigh, ") != NULL, "%s", text);
  cr_assert(strstr(text, "trivial: 2 x 2 root by eigh, ") != NULL, "%s", text);
  symo_free(text);
  cr_assert(symo_curvature_orbit.num_roots(rig.self) == 2);
  cr_assert(symo_curvature_orbit.refresh_flops(rig.self, 1) > 0);
  cr_assert(symo_curvature_orbit.accumulate_flops(rig.self) > 0);
  cr_assert(symo_curvature_orbit.apply_flops(rig.self) > 0);
  symo_rig_free(&rig);
  symo_world_close(&w);
}

static void refused(symo_world *w, const symo_method *method, const char *text) {
  const char *reason = symo_curvature_orbit.refuse(method, w->layout);
  cr_assert(reason != NULL && strstr(reason, text) != NULL, "no \"%s\" in \"%s\"", text,
            reason == NULL ? "" : reason);
}

Test(orbit_memory, what_cannot_be_is_refused) {
  symo_world w;
  symo_world_open(&w, 49);
  symo_world_parse(&w, two_layers);
  symo_method good = symo_rig_method(), m = good;
  cr_assert(symo_curvature_orbit.refuse(&m, w.layout) == NULL);
  m.alpha = (double)NAN;
  refused(&w, &m, "alpha must be in [0, 2]");
  m = good;
  m.beta2 = 1.5;
  refused(&w, &m, "beta2 must be in [0, 1]");
  m = good;
  m.momentum = 0.9;
  refused(&w, &m, "set source to momentum");
  m.source = SYMO_SOURCE_MOMENTUM;
  cr_assert(symo_curvature_orbit.refuse(&m, w.layout) == NULL);
  m = good;
  m.solver = &symo_solver_cg;
  refused(&w, &m, "takes no roots");
  m.solver = &symo_solver_newton_schulz;
  m.beta2 = 0.9;
  m.skip_tolerance = 0.1;
  refused(&w, &m, "skip_tolerance");
  m = good;
  m.solver = &symo_solver_newton_schulz;
  m.alpha = 0.5;
  cr_assert(symo_curvature_orbit.refuse(&m, w.layout) != NULL);
  m = good;
  m.centered = true;
  symo_world_drop(&w);
  symo_world_parse(&w, "i: identity 3; w[i]");
  refused(&w, &m, "no group moves");
  symo_world_drop(&w);
  symo_world_parse(&w, "r: scaling(1) 3; w[r]");
  refused(&w, &good, "scalings");
  symo_world_close(&w);
}
