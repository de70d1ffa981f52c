/* Estimates of c g for powers of two c from the smallest to the largest number of the type: those
 * of g times a power of c, or refused because the type cannot hold them. */
#include <math.h>
#include <string.h>

#include "hessian/estimator.h"
#include "tests/support/world.h"

enum { N = 64 };

static const char *const layouts[] = {
    "h: signed-permutation 5; i: identity 2; w[h,i] b[h] v[i,h] c[i]",
    "a: identity 4; b: signed-permutation 4; w[a,b] c[a]",
    "h: permutation 4; i: identity 3; w[h,i] b[h]",
    "h: orthogonal 3; i: identity 2; w[h,i] v[i,h]",
    "h: scaling 3; i: identity 2; w[h,i] v[i,h*]",
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static int least_of(symo_dtype dtype) { return dtype == SYMO_F32 ? -149 : -1074; }
static int most_of(symo_dtype dtype) { return dtype == SYMO_F32 ? 127 : 1023; }

static double as_taken(symo_dtype dtype, double g, int c) {
  double x = ldexp(g, c);
  return ldexp(dtype == SYMO_F32 ? (double)(float)x : x, -c);
}

/* Gradient k is 2^(c - apart k) times numbers in [-1, 1]; with c 0 what that is over 2^c. */
static void fill(symo_test_batch *g, symo_dtype dtype, const double *numbers, int c, int apart,
                 bool near) {
  double x[N];
  for (size_t k = 0; k < g->count; k++) {
    int own = c - apart * (int)k;
    for (size_t i = 0; i < g->n; i++) {
      double taken = as_taken(dtype, numbers[k * g->n + i], own);
      x[i] = ldexp(taken, near ? own - c : own);
    }
    symo_test_vector_set(&g->vectors[k], x);
  }
}

typedef struct scale_case {
  const symo_estimator *e;
  symo_dtype dtype;
  bool centered, scale;
  size_t count;
  int apart;
} scale_case;

static void compare(symo_world *w, const scale_case *k, int c) {
  symo_test_case how = {symo_estimator_name(k->e), k->dtype, k->centered, k->scale, 0};
  symo_test_batch g = symo_test_batch_make(w->layout, k->dtype, w->rng, k->count);
  symo_test_batch t = symo_test_batch_make(w->layout, k->dtype, w->rng, k->count);
  double *numbers = symo_dense_new(k->count, w->n);
  for (size_t i = 0; i < k->count * w->n; i++) numbers[i] = 2 * symo_rng_uniform(w->rng) - 1;
  cr_assert(w->n <= N);
  fill(&g, k->dtype, numbers, c, k->apart, true);
  double *near = symo_world_dense(w, &how, &g, &t), degree = k->e->grad_power * (double)c;
  double size = symo_test_max(near, w->n * w->n);
  fill(&g, k->dtype, numbers, c, k->apart, false);
  symo_plan *plan = NULL;
  symo_hessian *h = NULL;
  symo_status status = symo_world_try(w, &how, &g, &t, &plan, &h);
  /* The largest entry against the normal numbers; labels may be 2^-15 of it and less. */
  double top = log2(size) + degree, low = k->dtype == SYMO_F32 ? -126 : -1022;
  if (status != SYMO_OK) {
    const char *text = symo_context_detail(w->context);
    cr_assert(status == SYMO_E_NUMERIC && h == NULL && strstr(text, "label ") != NULL, "%s", text);
    cr_assert(strstr(text, top < 0 ? "underflows" : "overflows") != NULL, "%s", text);
    cr_assert((strstr(text, "use f64") != NULL) == (k->dtype == SYMO_F32), "%s", text);
    bool held = top > low + 15 && top < most_of(k->dtype) - 1;
    cr_assert(!held, "2^%d, %s", c, text);
  } else if (top < most_of(k->dtype) - 1) { /* sums over labels have room, too */
    double *far = symo_dense_of(h), off = 0, tolerance = k->dtype == SYMO_F32 ? 3e-4 : 1e-11;
    double lost = ldexp(8, least_of(k->dtype) - (int)degree);
    for (size_t i = 0; i < w->n * w->n; i++) {
      double one = ldexp(ldexp(far[i], -(int)degree / 2), -(int)degree + (int)degree / 2);
      off = fmax(off, fabs(one - near[i]));
      cr_assert(isfinite(far[i]), "%s %s 2^%d %g %zu: %s", how.estimator, symo_dtype_name(k->dtype),
                c, top, k->count, w->text);
    }
    cr_assert(off <= tolerance * size + lost, "%s %s%s%s, %zu, 2^%d: off by %g of %g: %s",
              how.estimator, symo_dtype_name(k->dtype), k->centered ? " centred" : "",
              k->scale ? " scale" : "", k->count, c, off, size, w->text);
    free(far);
  }
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_test_batch_free(&g);
  symo_test_batch_free(&t);
  free(numbers);
  free(near);
}

Test(estimate_scales, all_powers_of_two) {
  symo_world w;
  symo_world_open(&w, 91);
  for (size_t l = 0; l < LAYOUTS; l++) {
    symo_world_parse(&w, layouts[l]);
    for (size_t e = 0; e < symo_estimator_count(); e++)
      for (int o = 0; o < 16; o++) {
        scale_case k = {.e = symo_estimator_at(e), .dtype = o & 1 ? SYMO_F32 : SYMO_F64};
        k.count = o & 2 ? 20 : 1;
        k.centered = (o & 4) != 0;
        k.scale = (o & 8) != 0;
        if (k.scale && !k.e->can_scale) continue;
        if (k.centered && l == 1) continue; /* nothing moves c */
        k.apart = k.dtype == SYMO_F32 ? 7 : 50;
        int least = least_of(k.dtype), most = most_of(k.dtype),
            step = k.dtype == SYMO_F32 ? 23 : 233;
        for (int c = least; c < most; c += step) compare(&w, &k, c);
        compare(&w, &k, most);
      }
  }
  symo_world_close(&w);
}

/* (2^b H)^-1 (2^c x) = 2^(c - b) H^-1 x, products and roots likewise, or a refusal. */
Test(estimate_scales, solutions_and_products) {
  symo_world w;
  symo_world_open(&w, 92);
  symo_world_parse(&w, layouts[0]);
  for (int narrow = 0; narrow < 2; narrow++) {
    symo_dtype dtype = narrow ? SYMO_F32 : SYMO_F64;
    int far = narrow ? 120 : 1000, least = least_of(dtype), most = most_of(dtype);
    symo_plan *plan = symo_world_plan(&w, dtype, SYMO_COUPLED, false);
    symo_hessian *h = symo_world_definite(&w, plan), *scaled = NULL, *root = NULL;
    symo_test_vector x = symo_test_vector_make(w.layout, dtype, NULL);
    symo_test_vector y = symo_test_vector_make(w.layout, dtype, NULL);
    double numbers[N], in[N], near[2][N], got[N];
    for (size_t i = 0; i < w.n; i++) numbers[i] = 2 * symo_rng_uniform(w.rng) - 1;
    for (int b = -far; b <= far; b += far / 2)
      for (int c = least; c < most; c += narrow ? 23 : 233)
        for (int solve = 0; solve < 2; solve++) {
          double damping = b == 0 ? 0.5 : 0;
          cr_ok(w.context, symo_hessian_scale(ldexp(1, b), h, &scaled));
          for (int k = 0; k < 2; k++) {
            double *out = k == 0 ? near[solve] : got;
            for (size_t i = 0; i < w.n; i++)
              in[i] = ldexp(as_taken(dtype, numbers[i], c), k == 0 ? 0 : c);
            symo_test_vector_set(&x, in);
            symo_hessian *a = k == 0 ? h : scaled;
            symo_status status =
                solve ? symo_hessian_solve(a, damping, symo_test_in(&x), symo_test_out(&y))
                      : symo_hessian_matvec(a, symo_test_in(&x), symo_test_out(&y));
            int power = solve ? c - b : c + b;
            if (status != SYMO_OK) {
              bool end = power > most - 8 || power < (narrow ? -126 : -1022) + 8;
              cr_assert(k == 1 && status == SYMO_E_NUMERIC && end, "2^%d 2^%d", b, c);
              continue;
            }
            symo_test_vector_get(&y, out);
            if (k == 0) continue;
            cr_assert(power > least - 8, "2^%d 2^%d", b, c);
            double off = 0, size = symo_test_max(near[solve], w.n), lost = ldexp(64, least - power);
            for (size_t i = 0; i < w.n; i++)
              off = fmax(
                  off, fabs(ldexp(ldexp(got[i], -power / 2), -power + power / 2) - near[solve][i]));
            cr_assert(off <= 1000 * symo_epsilon(dtype) * size + lost,
                      "%s, solve %d, 2^%d 2^%d: off by %g of %g", symo_dtype_name(dtype), solve, b,
                      c, off, size);
          }
          symo_hessian_destroy(scaled);
          scaled = NULL;
        }
    cr_ok(w.context, symo_hessian_scale(ldexp(1, -far + 20), h, &scaled));
    cr_fails(w.context, SYMO_E_NUMERIC, "underflows", symo_hessian_power(scaled, 2, 0, &root));
    cr_fails(w.context, SYMO_E_NUMERIC, "underflows",
             symo_hessian_scale(ldexp(1, -100), scaled, &root));
    double *dense = symo_dense_new(w.n, w.n);
    for (size_t i = 0; i < w.n; i++) dense[i * w.n + i] = 0x1p-140;
    if (narrow)
      cr_fails(w.context, SYMO_E_NUMERIC, "underflows", symo_reynolds(plan, dense, &root));
    if (!narrow) cr_ok(w.context, symo_reynolds(plan, dense, &root));
    symo_hessian_destroy(root);
    root = NULL;
    free(dense);
    symo_hessian_destroy(scaled);
    scaled = NULL;
    symo_test_vector_free(&x);
    symo_test_vector_free(&y);
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}
