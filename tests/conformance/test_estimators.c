/* What every row of the registry of estimators must satisfy. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "experiments/plot/plot.h"
#include "hessian/estimator.h"
#include "tests/support/world.h"

enum { LAYOUTS = 6, PARAMETERS = 40 };

typedef struct kit {
  symo_world *w;
  const symo_estimator *e;
  symo_plan *plan;
  symo_estimate_spec spec;
  symo_test_batch grads, params;
  double tolerance;
  char text[640];
} kit;

static void for_each_case(uint64_t seed, void (*check)(kit *k)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int layout = 0; layout < LAYOUTS; layout++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    for (size_t i = 0; i < symo_estimator_count(); i++)
      for (int option = 0; option < 4; option++) {
        symo_dtype dtype = option & 1 ? SYMO_F32 : SYMO_F64;
        kit k = {.w = &w, .e = symo_estimator_at(i)};
        k.spec = (symo_estimate_spec){k.e, 0, false};
        k.plan = symo_world_plan(&w, dtype, symo_estimator_coupling(k.e), option & 2);
        k.grads = symo_test_batch_make(w.layout, dtype, w.rng, 2 * w.n + 8);
        k.params = symo_test_batch_make(w.layout, dtype, w.rng, 2 * w.n + 8);
        k.tolerance = dtype == SYMO_F32 ? 2e-4 : 1e-11;
        snprintf(k.text, sizeof k.text, "%s, %s%s: %s", symo_estimator_name(k.e),
                 symo_dtype_name(dtype), option & 2 ? ", centred" : "", w.text);
        check(&k);
        symo_test_batch_free(&k.grads);
        symo_test_batch_free(&k.params);
        symo_plan_destroy(k.plan);
      }
  }
  symo_world_close(&w);
}

static const symo_const_vector *params_of(const kit *k) {
  return symo_estimator_needs_parameters(k->e) ? k->params.in : NULL;
}

static symo_hessian *run(const kit *k) {
  symo_hessian *h = NULL;
  cr_ok(k->w->context,
        symo_estimate(k->plan, &k->spec, k->grads.count, k->grads.in, params_of(k), &h));
  return h;
}

static symo_status attempt(const kit *k, size_t count, const symo_const_vector *grads,
                           const symo_const_vector *params) {
  symo_hessian *h = NULL;
  symo_status status = symo_estimate(k->plan, &k->spec, count, grads, params, &h);
  cr_assert((h != NULL) == (status == SYMO_OK), "*out is written on success only");
  symo_hessian_destroy(h);
  return status;
}

static void check_texts(kit *k) {
  cr_assert(symo_estimator_name(k->e)[0] && symo_estimator_summary(k->e)[0]);
  cr_assert(symo_estimator_find(symo_estimator_name(k->e)) == k->e);
  cr_assert(k->e->help != NULL && k->e->help[0]);
  cr_assert(k->e->curve.colour == NULL || plot_colour_find(k->e->curve.colour) < PLOT_COLOURS,
            "%s: the palette has no \"%s\"", k->text, k->e->curve.colour);
}

Test(estimators, every_row_describes_itself) {
  for_each_case(31, check_texts);
  cr_assert_null(symo_estimator_at(symo_estimator_count()));
  cr_assert_null(symo_estimator_find("kfac"));
  cr_assert_null(symo_estimator_find(NULL));
}

/* Estimates of the Fisher matrix and of |H| are positive semi-definite. */
static void check_sign(kit *k) {
  if (k->e->target == ESTIMATE_HESSIAN) return;
  symo_hessian *h = run(k);
  double *values = NULL;
  size_t *multiplicities = NULL, n = 0;
  cr_assert(symo_hessian_eigenvalues(h, &n, &values, &multiplicities) == SYMO_OK);
  cr_assert(values[0] >= -k->tolerance * values[n - 1], "%s: eigenvalue %g", k->text, values[0]);
  symo_free(values);
  symo_free(multiplicities);
  symo_hessian_destroy(h);
}

Test(estimators, estimates_have_the_sign_that_the_row_says) { for_each_case(31, check_sign); }

static void check_symmetric(kit *k) {
  symo_hessian *h = run(k);
  cr_assert_str_eq(symo_hessian_name(h), symo_estimator_name(k->e));
  cr_assert(symo_hessian_plan(h) == k->plan);
  for (size_t l = 0; l < symo_plan_num_labels(k->plan); l++) {
    symo_label_info info = symo_plan_label(k->plan, l);
    size_t m = info.multiplicity;
    const void *blocks = symo_hessian_blocks(h, l);
    cr_assert_eq(blocks == NULL, info.dropped, "%s", k->text);
    for (size_t i = 0; blocks != NULL && i < info.count * m * m; i++) {
      size_t member = i / (m * m), row = i / m % m, column = i % m;
      size_t other = (member * m + column) * m + row;
      cr_assert(symo_get(symo_plan_dtype(k->plan), blocks, i) ==
                    symo_get(symo_plan_dtype(k->plan), blocks, other),
                "%s: %s is not symmetric to the bit", k->text, info.name);
    }
  }
  symo_hessian_destroy(h);
}

Test(estimators, outputs_are_symmetric) { for_each_case(32, check_symmetric); }

static void check_definite(kit *k) {
  symo_hessian *h = run(k);
  size_t count, *multiplicities;
  double *values;
  cr_ok(k->w->context, symo_hessian_eigenvalues(h, &count, &values, &multiplicities));
  double most = fmax(fabs(values[0]), fabs(values[count - 1]));
  if (strcmp(symo_estimator_name(k->e), "h-star") != 0)
    cr_assert(values[0] >= -0.01 * k->tolerance * most, "%s: eigenvalue %g of %g", k->text,
              values[0], most);
  symo_free(values);
  symo_free(multiplicities);
  symo_hessian_destroy(h);
}

Test(estimators, all_but_h_star_are_semi_definite) { for_each_case(33, check_definite); }

/* H(rho g, rho theta) = rho H(g, theta) rho', and both equal H(g, theta), which commutes with rho.
 */
static void check_equivariant(kit *k) {
  symo_dtype dtype = symo_plan_dtype(k->plan);
  symo_context *context = k->w->context;
  size_t n = k->w->n;
  symo_element *g;
  symo_hessian *before = run(k);
  symo_test_batch moved_grads = k->grads, moved_params = k->params;
  symo_test_vector x = symo_test_vector_make(k->w->layout, dtype, NULL);
  symo_test_vector y = symo_test_vector_make(k->w->layout, dtype, NULL);
  symo_test_vector z = symo_test_vector_make(k->w->layout, dtype, NULL);
  double *flat = symo_dense_new(1, n), *left = symo_dense_new(1, n), *right = symo_dense_new(1, n);
  cr_ok(context, symo_element_create(k->w->layout, &g));
  cr_ok(context, symo_element_sample(g, k->w->rng));
  /* rho H x = H rho x */
  symo_test_vector_set(&x, k->grads.flat);
  cr_ok(context, symo_hessian_matvec(before, symo_test_in(&x), symo_test_out(&y)));
  cr_ok(context, symo_element_act(g, symo_test_in(&y), symo_test_out(&z)));
  symo_test_vector_get(&z, left);
  cr_ok(context, symo_element_act(g, symo_test_in(&x), symo_test_out(&y)));
  cr_ok(context, symo_hessian_matvec(before, symo_test_in(&y), symo_test_out(&z)));
  symo_test_vector_get(&z, right);
  cr_assert(symo_test_rel(left, right, n) <= k->tolerance, "%s: does not commute", k->text);
  for (size_t i = 0; i < k->grads.count; i++) {
    symo_test_batch *const batches[] = {&moved_grads, &moved_params};
    for (int b = 0; b < 2; b++) {
      cr_ok(context, symo_element_act(g, batches[b]->in[i], symo_test_out(&x)));
      symo_test_vector_get(&x, flat);
      symo_test_vector_set(&batches[b]->vectors[i], flat);
    }
  }
  symo_hessian *after = run(k);
  double *a = symo_dense_of(before), *b = symo_dense_of(after);
  cr_assert(symo_test_rel(b, a, n * n) <= k->tolerance, "%s: not equivariant", k->text);
  free(a);
  free(b);
  free(flat);
  free(left);
  free(right);
  symo_test_vector_free(&x);
  symo_test_vector_free(&y);
  symo_test_vector_free(&z);
  symo_hessian_destroy(before);
  symo_hessian_destroy(after);
  symo_element_destroy(g);
}

Test(estimators, are_equivariant) { for_each_case(34, check_equivariant); }

static void check_homogeneous(kit *k) {
  size_t n = k->w->n;
  double by = 8, bt = 0.25;
  symo_hessian *before = run(k);
  symo_test_batch_scale(&k->grads, by);
  symo_test_batch_scale(&k->params, bt);
  symo_hessian *after = run(k);
  double *a = symo_dense_of(before), *b = symo_dense_of(after);
  double factor = pow(by, k->e->grad_power) * pow(bt, k->e->param_power);
  for (size_t i = 0; i < n * n; i++) a[i] *= factor;
  cr_assert(symo_test_rel(b, a, n * n) <= k->tolerance, "%s", k->text);
  free(a);
  free(b);
  symo_hessian_destroy(before);
  symo_hessian_destroy(after);
}

Test(estimators, are_homogeneous) { for_each_case(35, check_homogeneous); }

static void check_zero(kit *k) {
  symo_test_batch_scale(&k->grads, 0);
  for (int zero_params = 0; zero_params < 2; zero_params++) {
    if (zero_params) symo_test_batch_scale(&k->params, 0);
    symo_hessian *h = run(k);
    double *a = symo_dense_of(h);
    cr_assert(symo_test_max(a, k->w->n * k->w->n) == 0, "%s", k->text);
    free(a);
    symo_hessian_destroy(h);
  }
}

Test(estimators, a_zero_gradient_gives_zero) { for_each_case(36, check_zero); }

static void check_poison(kit *k, symo_test_batch *batch, size_t count, const char *what) {
  symo_context *context = k->w->context;
  const double poison[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  for (size_t t = 0; t < symo_layout_num_tensors(k->w->layout); t++) {
    char text[200];
    symo_test_vector *x = &batch->vectors[t % count];
    size_t last = symo_layout_tensor_size(k->w->layout, t) - 1;
    double kept = symo_get(x->dtype, x->data[t], last);
    symo_put(x->dtype, x->data[t], last, poison[t % 3]);
    snprintf(text, sizeof text, "estimate: %s %zu: tensor %s holds NaN", what, t % count,
             symo_layout_tensor_name(k->w->layout, t));
    cr_fails(context, SYMO_E_NONFINITE, text, attempt(k, count, k->grads.in, params_of(k)));
    symo_put(x->dtype, x->data[t], last, kept);
  }
}

static void check_refusals(kit *k) {
  symo_context *context = k->w->context;
  size_t count = k->grads.count;
  for (size_t n = 1; n <= count; n += count / 2) { /* few and many go different ways */
    check_poison(k, &k->grads, n, "gradient");
    if (params_of(k) != NULL) check_poison(k, &k->params, n, "parameters");
  }
  cr_assert_eq(attempt(k, count, k->grads.in, params_of(k)), SYMO_OK);
  cr_fails(context, SYMO_E_ARGUMENT, "no gradient", attempt(k, 0, k->grads.in, k->params.in));
  cr_fails(context, SYMO_E_ARGUMENT, "no gradient", attempt(k, count, NULL, k->params.in));
  if (params_of(k) != NULL)
    cr_fails(context, SYMO_E_ARGUMENT, "needs the parameters",
             attempt(k, count, k->grads.in, NULL));
  const void **data = calloc(symo_layout_num_tensors(k->w->layout), sizeof *data);
  symo_const_vector hollow = symo_const_vector_of(k->grads.in[0].dtype, data),
                    none = symo_const_vector_of(k->grads.in[0].dtype, NULL);
  cr_fails(context, SYMO_E_ARGUMENT, "gradient 0: tensor t0", attempt(k, 1, &hollow, k->params.in));
  cr_fails(context, SYMO_E_ARGUMENT, "gradient 0: data is NULL",
           attempt(k, 1, &none, k->params.in));
  free(data);
  const double bad[] = {-1, (double)NAN, (double)INFINITY, -(double)INFINITY};
  for (int i = 0; i < 4; i++) {
    k->spec.damping = bad[i];
    cr_fails(context, SYMO_E_ARGUMENT, "damping", attempt(k, count, k->grads.in, params_of(k)));
  }
  k->spec.damping = 0.5;
  if (params_of(k) == NULL)
    cr_fails(context, SYMO_E_ARGUMENT, "damping", attempt(k, count, k->grads.in, k->params.in));
  k->spec.damping = 0;
  k->spec.scale = true;
  if (!k->e->can_scale)
    cr_fails(context, SYMO_E_ARGUMENT, "scale has no meaning",
             attempt(k, count, k->grads.in, k->params.in));
  else
    cr_fails(context, SYMO_E_ARGUMENT, "with scale needs the parameters",
             attempt(k, count, k->grads.in, NULL));
  k->spec.scale = false;
  symo_plan *right = k->plan;
  bool coupled = symo_estimator_coupling(k->e) == SYMO_COUPLED;
  k->plan = symo_world_plan(k->w, symo_plan_dtype(right), coupled ? SYMO_BLOCKED : SYMO_COUPLED,
                            symo_plan_centered(right));
  cr_fails(context, SYMO_E_ARGUMENT, coupled ? "coupled" : "blocked",
           attempt(k, count, k->grads.in, k->params.in));
  symo_plan_destroy(k->plan);
  k->plan = right;
}

Test(estimators, refuse_what_they_cannot) { for_each_case(37, check_refusals); }
