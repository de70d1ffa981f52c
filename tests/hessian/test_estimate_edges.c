/* Estimates where matrices are singular or numbers extreme. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/support/world.h"

enum { LAYOUTS = 20, PARAMETERS = 40 };

static const char *const names[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
enum { NAMES = 5 };

/* What an estimate magnifies rounding by, for batches of full rank.  Averages over a group, blocks
 * of tensors and centring leave the eigenvalues between the ends of those before. */
static double condition_of(const char *name, const symo_test_batch *g, const symo_test_batch *t) {
  double *gg = symo_dense_outer(g->n, g->count, g->flat, g->flat);
  double *tt = symo_dense_outer(t->n, t->count, t->flat, t->flat);
  const double of_g = symo_dense_condition(g->n, gg, 0), of_t = symo_dense_condition(t->n, tt, 0);
  free(gg);
  free(tt);
  if (strcmp(name, "covariance") == 0) return 1;
  if (strcmp(name, "h-star") == 0) return of_t;
  return strcmp(name, "h-pd") == 0 ? of_g * of_t : of_g;
}

/* One gradient and one set of parameters: C_t and C_g have the rank of one orbit.  M is then
 * defined by the pseudo-inverse: M C_t M = P C_g P with P the projector on the range of C_t, and M
 * = P M P. */
static void check_pseudo_inverse(symo_world *w, bool centered) {
  size_t n = w->n;
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 1);
  symo_test_batch t = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 1);
  symo_test_case how = {"covariance", SYMO_F64, centered, false, 0};
  double *cg = symo_world_dense(w, &how, &g, NULL), *ct = symo_world_dense(w, &how, &t, NULL);
  double *p = symo_dense_power(n, ct, 0, 1e-12), *pcp = symo_dense_sandwich(n, p, cg);
  how.estimator = "h-pd";
  double *m = symo_world_dense(w, &how, &g, &t), *mcm = symo_dense_sandwich(n, m, ct);
  double *pmp = symo_dense_sandwich(n, p, m), scale = symo_dense_norm(n, cg);
  double bound = symo_test_bound(SYMO_F64, n, symo_dense_condition(n, ct, 1e-12)),
         size = symo_dense_norm(n, m);
  for (size_t i = 0; i < n * n; i++) {
    cr_assert(fabs(mcm[i] - pcp[i]) <= bound * scale, "M C_t M: %g, %g: %s", mcm[i], pcp[i],
              w->text);
    cr_assert(fabs(pmp[i] - m[i]) <= bound * size, "P M P: %s", w->text);
  }
  free(cg);
  free(ct);
  free(p);
  free(pcp);
  free(m);
  free(mcm);
  free(pmp);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
}

Test(estimate_edges, h_pd_of_one_gradient_uses_the_pseudo_inverse) {
  symo_world w;
  symo_world_open(&w, 41);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    check_pseudo_inverse(&w, false);
    check_pseudo_inverse(&w, true);
  }
  symo_world_close(&w);
}

/* The same for h-star: the solution of least norm, whatever the rank of C_t. */
Test(estimate_edges, h_star_of_one_gradient_is_the_solution_of_least_norm) {
  symo_world w;
  symo_world_open(&w, 49);
  for (int k = 0; k < 2 * LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    size_t n = w.n;
    symo_test_batch both = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 4);
    symo_test_batch g = both, t = both, sum = both; /* g, t, g + t, each of one vector */
    g.count = t.count = sum.count = 1;
    t.in = both.in + 1;
    sum.in = both.in + 2;
    for (size_t i = 0; i < n; i++) both.flat[2 * n + i] = both.flat[i] + both.flat[n + i];
    symo_test_batch_scale(&both, 1);
    symo_test_case how = {"covariance", SYMO_F64, k % 2, false, 0};
    double *cg = symo_world_dense(&w, &how, &g, NULL), *ct = symo_world_dense(&w, &how, &t, NULL);
    double *cross = symo_world_dense(&w, &how, &sum, NULL), *values = symo_dense_new(1, n);
    for (size_t i = 0; i < n * n; i++) cross[i] -= cg[i] + ct[i]; /* C_gt + C_gt' */
    symo_dense_eigen(n, ct, values, NULL);
    double least = values[n - 1], most = values[n - 1];
    for (size_t i = 0; i < n; i++)
      if (values[i] > 1e-11 * most) least = fmin(least, values[i]);
    how.estimator = "h-star";
    double *m = symo_world_dense(&w, &how, &g, &t);
    double *wanted = symo_dense_lyapunov(n, ct, cross, 1e-11);
    double error = least > 0 ? symo_test_rel(m, wanted, n * n) : symo_test_max(m, n * n);
    cr_assert(error <= symo_test_bound(SYMO_F64, n, 1 + most / least) || least <= 1e-6 * most,
              "%g: %s", error, w.text);
    free(cg);
    free(ct);
    free(cross);
    free(values);
    free(m);
    free(wanted);
    symo_test_batch_free(&both);
  }
  symo_world_close(&w);
}

/* M M = C_g whatever the rank. */
Test(estimate_edges, h_g_of_one_gradient_squares_to_the_covariance) {
  symo_world w;
  symo_world_open(&w, 42);
  for (int k = 0; k < 2 * LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1 + (size_t)(k % 3));
    symo_test_case how = {"covariance", SYMO_F64, k % 2, false, 0};
    double *cg = symo_world_dense(&w, &how, &g, NULL);
    how.estimator = "h-g";
    double *m = symo_world_dense(&w, &how, &g, NULL), *mm = symo_dense_product(w.n, m, m);
    double *root = symo_dense_power(w.n, cg, 0.5, 1e-13);
    cr_assert(symo_test_rel(mm, cg, w.n * w.n) <= symo_test_bound(SYMO_F64, w.n, 1), "%s", w.text);
    double error = symo_test_rel(m, root, w.n * w.n);
    /* A root turns rounding of eps at zero eigenvalues into sqrt(eps). */
    cr_assert(error <= sqrt(symo_test_bound(SYMO_F64, w.n, 1)), "off the root by %g: %s", error,
              w.text);
    free(cg);
    free(m);
    free(mm);
    free(root);
    symo_test_batch_free(&g);
  }
  symo_world_close(&w);
}

/* theta = 0: what divides by it gives zero, also with scale; damping makes it C_g^{1/2} / sqrt(d).
 */
Test(estimate_edges, zero_parameters) {
  symo_world w;
  symo_world_open(&w, 43);
  symo_world_parse(&w, "h: signed-permutation 6; p: permutation 5; i: identity 2;"
                       "w[h,i] b[h] v[p,h] c[p] r[p,p]");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 80);
  symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 80);
  const double condition = condition_of("h-g", &g, &t);
  symo_test_batch_scale(&t, 0);
  for (int k = 0; k < 4; k++) {
    static const char *const which[] = {"h-pd", "h-star", "h-g", "h-g-bd"};
    symo_test_case how = {which[k], SYMO_F64, false, k >= 2, 0};
    double *m = symo_world_dense(&w, &how, &g, &t);
    cr_assert(symo_test_max(m, w.n * w.n) == 0, "%s", which[k]);
    free(m);
  }
  symo_test_case damped = {"h-pd", SYMO_F64, false, false, 4},
                 plain = {"h-g", SYMO_F64, false, false, 0};
  double *a = symo_world_dense(&w, &damped, &g, &t), *b = symo_world_dense(&w, &plain, &g, NULL);
  for (size_t i = 0; i < w.n * w.n; i++) b[i] /= 2;
  cr_assert(symo_test_rel(a, b, w.n * w.n) <= symo_test_bound(SYMO_F64, w.n, condition));
  free(a);
  free(b);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  symo_world_close(&w);
}

/* Parameters that are nothing beside the damping: C_g^{1/2} / sqrt(d). */
Test(estimate_edges, damping_beyond_the_parameters) {
  symo_world w;
  symo_world_open(&w, 51);
  symo_world_parse(&w, "h: signed-permutation 4; i: identity 2; w[h,i] b[h] c[i]");
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_test_batch g = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 30);
    symo_test_batch t = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 30);
    symo_test_case plain = {"h-g", (symo_dtype)dtype, false, false, 0};
    symo_test_case damped = {"h-pd", (symo_dtype)dtype, false, false, 4};
    const double condition = condition_of("h-g", &g, &t);
    symo_test_batch_scale(&t, 1e-30);
    double *a = symo_world_dense(&w, &damped, &g, &t), *b = symo_world_dense(&w, &plain, &g, NULL);
    for (size_t i = 0; i < w.n * w.n; i++) b[i] /= 2;
    cr_assert(symo_test_rel(a, b, w.n * w.n) <= symo_test_bound((symo_dtype)dtype, w.n, condition));
    free(a);
    free(b);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
  }
  symo_world_close(&w);
}

/* One entry that is not zero: everything is finite, and C_g has that entry's square as its trace.
 */
Test(estimate_edges, one_entry) {
  symo_world w;
  symo_world_open(&w, 44);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    for (int e = 0; e < 2 * NAMES; e++) {
      symo_dtype dtype = e % 2 ? SYMO_F32 : SYMO_F64;
      symo_test_batch g = symo_test_batch_make(w.layout, dtype, w.rng, 1);
      symo_test_batch t = symo_test_batch_make(w.layout, dtype, w.rng, 1);
      symo_test_batch_scale(&g, 0);
      symo_test_batch_scale(&t, 0);
      g.flat[(size_t)k % w.n] = -3;
      t.flat[(size_t)k % w.n] = 0.5;
      symo_test_batch_scale(&g, 1);
      symo_test_batch_scale(&t, 1);
      symo_test_case how = {names[e / 2], dtype, false, false, 0};
      symo_plan *plan;
      symo_hessian *h = symo_world_estimate(&w, &how, &g, &t, &plan);
      double *m = symo_dense_of(h), trace = symo_hessian_trace(h);
      cr_assert(isfinite(symo_test_max(m, w.n * w.n)), "%s: %s", how.estimator, w.text);
      if (e / 2 == 0)
        cr_assert(fabs(trace - 9) <= symo_test_bound(dtype, w.n, 9), "%g: %s", trace, w.text);
      free(m);
      symo_hessian_destroy(h);
      symo_plan_destroy(plan);
      symo_test_batch_free(&g);
      symo_test_batch_free(&t);
    }
  }
  symo_world_close(&w);
}

/* ---- extreme numbers ---- */

/* The estimate of s g, u theta over that of g, theta, times the power that belongs to it. */
static void check_extreme(symo_world *w, const char *name, symo_dtype dtype, double s, double u,
                          symo_test_batch *g, symo_test_batch *t) {
  symo_test_case how = {name, dtype, false, false, 0};
  bool square = strcmp(name, "covariance") == 0, params = name[2] == 'p' || name[2] == 's';
  double log_factor = (square ? 2 : 1) * log10(s) - (params ? log10(u) : 0);
  double top = dtype == SYMO_F32 ? 37 : 300,
         tolerance = symo_test_bound(dtype, w->n, condition_of(name, g, t));
  double *before = symo_world_dense(w, &how, g, t);
  symo_plan *plan;
  symo_hessian *h = NULL;
  symo_test_batch_scale(g, s);
  symo_test_batch_scale(t, u);
  symo_status status = symo_world_try(w, &how, g, t, &plan, &h);
  symo_test_batch_scale(g, 1 / s);
  symo_test_batch_scale(t, 1 / u);
  if (fabs(log_factor) > top) {
    const char *why = log_factor > 0 ? "overflows" : "underflows";
    cr_assert_eq(status, SYMO_E_NUMERIC, "%s %g %g: %s", name, s, u, symo_status_name(status));
    cr_assert(strstr(symo_context_detail(w->context), why) != NULL);
    cr_assert_null(h);
  } else {
    cr_assert(status == SYMO_OK, "%s %s %g %g: %s", name, symo_dtype_name(dtype), s, u,
              symo_context_detail(w->context));
    double *after = symo_dense_of(h), factor = pow(10, log_factor);
    for (size_t i = 0; i < w->n * w->n; i++) before[i] *= factor;
    double error = symo_test_rel(after, before, w->n * w->n);
    cr_assert(error <= tolerance, "%s %s %g %g: off by %g: %s", name, symo_dtype_name(dtype), s, u,
              error, w->text);
    free(after);
  }
  free(before);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
}

Test(estimate_edges, numbers_of_any_size) {
  symo_world w;
  symo_world_open(&w, 45);
  const double sizes[] = {1e-30, 1e-15, 1, 1e15, 1e30};
  for (int k = 0; k < 3; k++) {
    if (k == 0)
      symo_world_parse(&w, "h: signed-permutation 5; i: identity 2; w[h,i] b[h] v[i,h] c[i]");
    else
      symo_world_random(&w, SYMO_TEST_ALL, 0, 30);
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_test_batch g = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 2 * w.n + 8);
      symo_test_batch t = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 2 * w.n + 8);
      for (int e = 0; e < NAMES; e++)
        for (int s = 0; s < 5; s++)
          for (int u = 0; u < (e < 3 ? 1 : 5); u++)
            check_extreme(&w, names[e], (symo_dtype)dtype, sizes[s], sizes[u], &g, &t);
      symo_test_batch_free(&g);
      symo_test_batch_free(&t);
    }
  }
  symo_world_close(&w);
}

/* Scale divides by the size of the parameters, however small or large that is. */
Test(estimate_edges, scale_with_numbers_of_any_size) {
  symo_world w;
  symo_world_open(&w, 46);
  symo_world_parse(&w, "h: permutation 5; i: identity 2; w[h,i] b[h] c[i]");
  const double sizes[] = {1e-30, 1, 1e30};
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_test_batch g = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 40);
    symo_test_batch t = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 40);
    symo_test_case how = {"h-g", (symo_dtype)dtype, false, true, 0};
    const double condition = condition_of(how.estimator, &g, &t);
    double *before = symo_world_dense(&w, &how, &g, &t);
    for (int s = 0; s < 3; s++) {
      symo_test_batch_scale(&g, sizes[s]);
      symo_test_batch_scale(&t, sizes[s]);
      double *after = symo_world_dense(&w, &how, &g, &t);
      symo_test_batch_scale(&g, 1 / sizes[s]);
      symo_test_batch_scale(&t, 1 / sizes[s]);
      cr_assert(symo_test_rel(after, before, w.n * w.n) <=
                symo_test_bound(how.dtype, w.n, condition));
      free(after);
    }
    free(before);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
  }
  symo_world_close(&w);
}

/* Damping is compared with C_t at any size: M(g, u theta, u^2 d) = M(g, theta, d) / u. */
Test(estimate_edges, damping_with_numbers_of_any_size) {
  symo_world w;
  symo_world_open(&w, 50);
  symo_world_parse(&w, "h: permutation 5; i: identity 2; w[h,i] b[h] c[i]");
  const double sizes[] = {1e-30, 1e-15, 1, 1e15, 1e30};
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (int e = 0; e < 4; e++) {
      size_t count = e / 2 ? 1 : 40; /* one gradient: singular but for the damping */
      symo_test_batch g = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, count);
      symo_test_batch t = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, count);
      symo_test_case how = {e % 2 ? "h-pd" : "h-star", (symo_dtype)dtype, false, false, 0.5};
      double *before = symo_world_dense(&w, &how, &g, &t), square = 0;
      for (size_t i = 0; i < w.n; i++) square += t.flat[i] * t.flat[i];
      /* A root of a singular C_g turns rounding at zero eigenvalues into its root. */
      const double limit =
          count > 1 ? symo_test_bound(how.dtype, w.n, condition_of(how.estimator, &g, &t))
                    : sqrt(symo_test_bound(how.dtype, w.n, 1 + square / 0.5));
      for (int u = 0; u < 5; u++) {
        how.damping = 0.5 * sizes[u] * sizes[u];
        symo_test_batch_scale(&t, sizes[u]);
        double *after = symo_world_dense(&w, &how, &g, &t);
        symo_test_batch_scale(&t, 1 / sizes[u]);
        for (size_t i = 0; i < w.n * w.n; i++) after[i] *= sizes[u];
        cr_assert(symo_test_rel(after, before, w.n * w.n) <= limit, "%s, %s, size %g: %g",
                  how.estimator, symo_dtype_name(how.dtype), sizes[u],
                  symo_test_rel(after, before, w.n * w.n));
        free(after);
      }
      free(before);
      symo_test_batch_free(&g);
      symo_test_batch_free(&t);
    }
  symo_world_close(&w);
}

/* Tensors of very different size: each block is what it would be alone. */
Test(estimate_edges, tensors_of_different_size) {
  symo_world w;
  symo_world_open(&w, 47);
  symo_world_parse(&w, "h: signed-permutation 7; i: identity 3; w[h,i] b[h] v[i,h] c[i]");
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_test_batch g = symo_test_batch_make(w.layout, (symo_dtype)dtype, w.rng, 50);
    const double sizes[] = {1e30, 1e-30, 1, 1e10};
    symo_test_case how = {"h-g-bd", (symo_dtype)dtype, false, false, 0};
    const double condition = condition_of(how.estimator, &g, &g);
    double *before = symo_world_dense(&w, &how, &g, NULL);
    for (size_t k = 0; k < g.count; k++)
      for (size_t t = 0; t < 4; t++)
        for (size_t i = 0; i < symo_layout_tensor_size(w.layout, t); i++)
          g.flat[k * w.n + symo_layout_tensor_offset(w.layout, t) + i] *= sizes[t];
    symo_test_batch_scale(&g, 1);
    double *after = symo_world_dense(&w, &how, &g, NULL);
    for (size_t t = 0; t < 4; t++) {
      size_t from = symo_layout_tensor_offset(w.layout, t),
             size = symo_layout_tensor_size(w.layout, t);
      double *a = symo_dense_new(size, size), *b = symo_dense_new(size, size);
      for (size_t i = 0; i < size * size; i++) {
        size_t at = (from + i / size) * w.n + from + i % size;
        a[i] = after[at];
        b[i] = before[at] * sizes[t];
      }
      cr_assert(symo_test_rel(a, b, size * size) <= symo_test_bound(how.dtype, size, condition),
                "tensor %zu", t);
      free(a);
      free(b);
    }
    free(before);
    free(after);
    symo_test_batch_free(&g);
  }
  symo_world_close(&w);
}

Test(estimate_edges, f32_agrees_with_f64) {
  symo_world w;
  symo_world_open(&w, 48);
  for (int k = 0; k < LAYOUTS; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2 * w.n + 8);
    symo_test_batch t = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2 * w.n + 8);
    symo_test_batch gf = symo_test_batch_make(w.layout, SYMO_F32, w.rng, g.count);
    symo_test_batch tf = symo_test_batch_make(w.layout, SYMO_F32, w.rng, g.count);
    memcpy(gf.flat, g.flat, g.count * g.n * sizeof *g.flat);
    memcpy(tf.flat, t.flat, t.count * t.n * sizeof *t.flat);
    symo_test_batch_scale(&gf, 1);
    symo_test_batch_scale(&tf, 1);
    for (int e = 0; e < NAMES; e++) {
      symo_test_case how = {names[e], SYMO_F64, k % 2, false, 0};
      double *a = symo_world_dense(&w, &how, &g, &t);
      how.dtype = SYMO_F32;
      double *b = symo_world_dense(&w, &how, &gf, &tf);
      double error = symo_test_rel(b, a, w.n * w.n);
      const double bound = symo_test_bound(SYMO_F32, w.n, condition_of(names[e], &g, &t));
      cr_assert(error <= bound, "%s: off by %g: %s", names[e], error, w.text);
      free(a);
      free(b);
    }
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
    symo_test_batch_free(&gf);
    symo_test_batch_free(&tf);
  }
  symo_world_close(&w);
}

/* Eight families on one tensor: with sign flips everywhere the root of C_g is diag |g|. */
Test(estimate_edges, sign_flips_on_eight_axes) {
  symo_world w;
  symo_world_open(&w, 98);
  symo_world_parse(&w, "a: sign-flip 2; b: sign-flip 1; c: sign-flip 2; d: sign-flip 3; "
                       "e: sign-flip 2; f: sign-flip 2; g: sign-flip 1; h: sign-flip 2; "
                       "w[a,b,c,d,e,f,g] v[a,b,c,d,e,f,g,h] u[h,g,f,e,d,c,b,a]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_BLOCKED, false);
  symo_estimate_spec spec = symo_estimate_spec_default();
  spec.estimator = symo_estimator_find("h-g-bd");
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  double *g = symo_dense_new(1, w.n), *d = symo_dense_new(1, w.n);
  symo_hessian *h = NULL;
  symo_test_vector_get(&x.vectors[0], g);
  cr_ok(w.context, symo_estimate(plan, &spec, 1, x.in, NULL, &h));
  cr_ok(w.context, symo_hessian_diagonal(h, symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], d);
  for (size_t i = 0; i < w.n; i++)
    cr_assert(fabs(d[i] - fabs(g[i])) <= symo_test_bound(SYMO_F64, 1, fabs(g[i])));
  free(g);
  free(d);
  symo_test_batch_free(&x);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* What a plan says of work space is not exceeded, families and stacks included. */
Test(estimate_edges, work_space_is_bounded_by_the_plan) {
  static const char *const texts[] = {"h: sign-flip 300; i: identity 4; w[h,i] b[h]",
                                      "h: orthogonal 40; i: identity 60; w[h,i] b[h]",
                                      "h: permutation 50; i: identity 9; w[i,h] r[h,h]",
                                      "i: identity 70; w[i]"};
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 9);
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
    for (size_t e = 0; e < symo_estimator_count(); e++) {
      symo_estimate_spec how = {.estimator = symo_estimator_at(e)};
      symo_plan_spec spec = {SYMO_F64, symo_estimator_coupling(how.estimator), false};
      symo_layout *layout;
      symo_plan *plan;
      symo_hessian *h;
      const void *data[2];
      cr_ok(context, symo_layout_parse(context, texts[k], &layout));
      cr_ok(context, symo_plan_create(layout, &spec, &plan));
      size_t n = symo_layout_num_parameters(layout);
      double *g = malloc(n * sizeof *g);
      symo_test_randn(rng, g, n);
      symo_layout_split_const(layout, SYMO_F64, g, data);
      symo_const_vector x = symo_const_vector_of(SYMO_F64, data);
      symo_plan_cost cost = symo_plan_cost_of(plan);
      symo_alloc_reset_peak();
      double before = (double)symo_alloc_live_bytes();
      cr_ok(context, symo_estimate(plan, &how, 1, &x, &x, &h));
      double taken = (double)symo_alloc_peak_bytes() - before - 8 * cost.held_numbers;
      cr_assert(taken <= cost.workspace_bytes + 2048, "%s of %s: %.0f, not %.0f",
                symo_estimator_name(how.estimator), texts[k], taken, cost.workspace_bytes);
      free(g);
      symo_hessian_destroy(h);
      symo_plan_destroy(plan);
      symo_layout_destroy(layout);
    }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
