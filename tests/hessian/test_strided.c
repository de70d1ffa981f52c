/* Tensors stored with axes in any order, with gaps and backwards give what dense ones give, and
 * nothing but their entries is read or written. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/world.h"

enum { LAYOUTS = 24, PARAMETERS = 60 };

/* The same numbers three times: dense, and stored in two other ways. */
typedef struct kit {
  symo_world *w;
  symo_dtype dtype;
  double tolerance;
  double *flat, *left, *right;
  symo_test_vector dense, dense_out, strided, strided_out;
} kit;

static void for_each_case(uint64_t seed, void (*check)(kit *k)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int i = 0; i < LAYOUTS; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_dtype t = (symo_dtype)dtype;
      kit k = {.w = &w, .dtype = t, .tolerance = t == SYMO_F32 ? 1e-5 : 1e-13};
      k.flat = symo_dense_new(1, w.n);
      k.left = symo_dense_new(1, w.n);
      k.right = symo_dense_new(1, w.n);
      k.dense = symo_test_vector_make(w.layout, t, NULL);
      k.dense_out = symo_test_vector_make(w.layout, t, NULL);
      k.strided = symo_test_vector_make(w.layout, t, w.rng);
      k.strided_out = symo_test_vector_make(w.layout, t, w.rng);
      symo_test_randn(w.rng, k.flat, w.n);
      symo_test_vector_set(&k.dense, k.flat);
      symo_test_vector_set(&k.strided, k.flat);
      check(&k);
      free(k.flat);
      free(k.left);
      free(k.right);
      symo_test_vector_free(&k.dense);
      symo_test_vector_free(&k.dense_out);
      symo_test_vector_free(&k.strided);
      symo_test_vector_free(&k.strided_out);
    }
  }
  symo_world_close(&w);
}

static void same(kit *k, const char *what) {
  symo_test_vector_get(&k->dense_out, k->left);
  symo_test_vector_get(&k->strided_out, k->right);
  cr_assert(symo_test_rel(k->right, k->left, k->w->n) <= k->tolerance, "%s, %s: %s", what,
            symo_dtype_name(k->dtype), k->w->text);
  symo_test_vector_get(&k->strided, k->right); /* looks at the gaps of the input too */
  symo_test_vector_get(&k->dense, k->left);
  cr_assert(symo_test_rel(k->right, k->left, k->w->n) == 0, "%s changed its input", what);
}

static void check_estimates(kit *k) {
  symo_context *context = k->w->context;
  size_t n = k->w->n, count = 2 * n + 8;
  for (size_t e = 0; e < symo_estimator_count(); e++) {
    const symo_estimator *estimator = symo_estimator_at(e);
    symo_estimate_spec spec = {estimator, 0, false};
    symo_plan *plan = symo_world_plan(k->w, k->dtype, symo_estimator_coupling(estimator), false);
    symo_hessian *dense, *strided;
    symo_test_batch g = symo_test_batch_make(k->w->layout, k->dtype, k->w->rng, count);
    symo_test_batch t = symo_test_batch_make(k->w->layout, k->dtype, k->w->rng, count);
    const symo_const_vector *params = symo_estimator_needs_parameters(estimator) ? t.in : NULL;
    cr_ok(context, symo_estimate(plan, &spec, count, g.in, params, &dense));
    for (size_t i = 0; i < count; i++) {
      symo_test_batch *const both[] = {&g, &t};
      for (int b = 0; b < 2; b++) {
        symo_test_vector_free(&both[b]->vectors[i]);
        both[b]->vectors[i] =
            symo_test_vector_make(k->w->layout, k->dtype, i % 3 == 2 ? NULL : k->w->rng);
        symo_test_vector_set(&both[b]->vectors[i], both[b]->flat + i * n);
        both[b]->in[i] = symo_test_in(&both[b]->vectors[i]);
      }
    }
    cr_ok(context, symo_estimate(plan, &spec, count, g.in, params, &strided));
    double *a = symo_dense_of(dense), *b = symo_dense_of(strided);
    double limit = k->dtype == SYMO_F32 ? 1e-4 : 1e-11;
    cr_assert(symo_test_rel(b, a, n * n) <= limit, "%s: %s", symo_estimator_name(estimator),
              k->w->text);
    free(a);
    free(b);
    symo_hessian_destroy(dense);
    symo_hessian_destroy(strided);
    symo_test_batch_free(&g);
    symo_test_batch_free(&t);
    symo_plan_destroy(plan);
  }
}

Test(strided, estimates) { for_each_case(71, check_estimates); }

/* A single vector takes paths that several do not. */
static void check_single(kit *k) {
  for (int blocked = 0; blocked < 2; blocked++) {
    symo_estimate_spec spec = {symo_estimator_find(blocked ? "h-g-bd" : "covariance"), 0, false};
    symo_plan *plan = symo_world_plan(k->w, k->dtype, blocked ? SYMO_BLOCKED : SYMO_COUPLED, false);
    symo_hessian *dense, *strided;
    symo_const_vector x = symo_test_in(&k->dense), y = symo_test_in(&k->strided);
    cr_ok(k->w->context, symo_estimate(plan, &spec, 1, &x, NULL, &dense));
    cr_ok(k->w->context, symo_estimate(plan, &spec, 1, &y, NULL, &strided));
    double *a = symo_dense_of(dense), *b = symo_dense_of(strided);
    double limit = blocked ? (k->dtype == SYMO_F32 ? 1e-3 : 1e-7) : k->tolerance;
    cr_assert(symo_test_rel(b, a, k->w->n * k->w->n) <= limit, "%s", k->w->text);
    free(a);
    free(b);
    symo_hessian_destroy(dense);
    symo_hessian_destroy(strided);
    symo_plan_destroy(plan);
  }
}

Test(strided, estimates_of_one_vector) { for_each_case(72, check_single); }

static void check_operations(kit *k) {
  symo_context *context = k->w->context;
  symo_const_vector x = symo_test_in(&k->dense), xs = symo_test_in(&k->strided);
  symo_vector y = symo_test_out(&k->dense_out), ys = symo_test_out(&k->strided_out);
  for (int option = 0; option < 4; option++) {
    symo_plan *plan =
        symo_world_plan(k->w, k->dtype, option & 1 ? SYMO_BLOCKED : SYMO_COUPLED, option & 2);
    symo_hessian *h = symo_world_definite(k->w, plan);
    double kept = k->tolerance;
    cr_ok(context, symo_hessian_matvec(h, x, y));
    cr_ok(context, symo_hessian_matvec(h, xs, ys));
    same(k, "matvec");
    k->tolerance = 100 * kept;
    cr_ok(context, symo_hessian_solve(h, 0.1, x, y));
    cr_ok(context, symo_hessian_solve(h, 0.1, xs, ys));
    same(k, "solve");
    cr_ok(context, symo_hessian_diagonal(h, y));
    cr_ok(context, symo_hessian_diagonal(h, ys));
    same(k, "diagonal");
    symo_rng *one = symo_test_rng(context, 5), *two = symo_test_rng(context, 5);
    cr_ok(context, symo_hessian_sample(h, 0, one, y));
    cr_ok(context, symo_hessian_sample(h, 0, two, ys));
    same(k, "sample");
    symo_rng_destroy(one);
    symo_rng_destroy(two);
    k->tolerance = kept;
    cr_ok(context, symo_plan_mean(plan, x, y));
    cr_ok(context, symo_plan_mean(plan, xs, ys));
    same(k, "mean");
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
  }
}

Test(strided, operations) { for_each_case(73, check_operations); }

static void check_elements(kit *k) {
  symo_context *context = k->w->context;
  symo_element *g;
  symo_const_vector x = symo_test_in(&k->dense), xs = symo_test_in(&k->strided);
  symo_vector y = symo_test_out(&k->dense_out), ys = symo_test_out(&k->strided_out);
  cr_ok(context, symo_element_create(k->w->layout, &g));
  cr_ok(context, symo_element_sample(g, k->w->rng));
  cr_ok(context, symo_element_act(g, x, y));
  cr_ok(context, symo_element_act(g, xs, ys));
  same(k, "act");
  cr_ok(context, symo_element_act_inverse(g, x, y));
  cr_ok(context, symo_element_act_inverse(g, xs, ys));
  same(k, "act_inverse");
  symo_element_destroy(g);
}

Test(strided, elements) { for_each_case(74, check_elements); }

/* Strides for some tensors only. */
Test(strided, null_strides_are_row_major) {
  symo_world w;
  symo_world_open(&w, 75);
  symo_world_parse(&w, "h: signed-permutation 3; i: identity 2; w[h,i] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan);
  double x[9], xt[9], y[9], z[9];
  symo_test_randn(w.rng, x, 9);
  memcpy(xt, x, sizeof xt);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 2; j++) xt[j * 3 + i] = x[i * 2 + j];
  const ptrdiff_t transposed[] = {1, 3};
  const ptrdiff_t *const strides[] = {transposed, NULL};
  const void *px[] = {x, x + 6}, *pt[] = {xt, xt + 6};
  void *py[] = {y, y + 6}, *pz[] = {z, z + 6};
  cr_ok(w.context,
        symo_hessian_matvec(h, symo_const_vector_of(SYMO_F64, px), symo_vector_of(SYMO_F64, py)));
  cr_ok(w.context, symo_hessian_matvec(h, (symo_const_vector){SYMO_F64, pt, strides},
                                       symo_vector_of(SYMO_F64, pz)));
  cr_assert(symo_test_rel(z, y, 9) <= 1e-14);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}
