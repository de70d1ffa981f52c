/* Every closed form against the brute-force sum over the whole group, on random layouts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/oracle.h"
#include "tests/support/testing.h"

enum { FINITE = 1 | 2 | 4 | 8, LAYOUTS = 60, PARAMETERS = 40, ELEMENTS = 4000 };

typedef struct fixture {
  symo_context *context;
  symo_rng *rng;
  symo_layout *layout;
  size_t n;
  double *x, *y, *a, *b, *c;
  const void *px[8], *py[8];
  char text[512];
} fixture;

static void open_fixture(fixture *f, uint64_t seed) {
  f->context = symo_test_context();
  f->rng = symo_test_rng(f->context, seed);
}

static void next_layout(fixture *f) {
  f->layout = oracle_random_layout(f->context, f->rng, FINITE, ELEMENTS, PARAMETERS);
  char *text;
  cr_ok(f->context, symo_layout_to_text(f->layout, &text));
  snprintf(f->text, sizeof f->text, "%s", text);
  symo_free(text);
  f->n = symo_layout_num_parameters(f->layout);
  f->x = malloc(f->n * sizeof(double));
  f->y = malloc(f->n * sizeof(double));
  f->a = malloc(f->n * f->n * sizeof(double));
  f->b = malloc(f->n * f->n * sizeof(double));
  f->c = malloc(f->n * f->n * sizeof(double));
  symo_test_randn(f->rng, f->x, f->n);
  symo_test_randn(f->rng, f->y, f->n);
  symo_layout_split_const(f->layout, SYMO_F64, f->x, f->px);
  symo_layout_split_const(f->layout, SYMO_F64, f->y, f->py);
}

static void drop_layout(fixture *f) {
  symo_layout_destroy(f->layout);
  free(f->x);
  free(f->y);
  free(f->a);
  free(f->b);
  free(f->c);
}

static void close_fixture(fixture *f) {
  symo_rng_destroy(f->rng);
  symo_context_destroy(f->context);
  cr_no_leaks();
}

/* Largest difference over `scale`; NaN counts as infinite.  For matrices that may be zero. */
static double distance(const double *a, const double *b, size_t n, double scale) {
  double worst = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(a[i] - b[i]);
    if (!(d <= worst)) worst = isnan(d) ? (double)INFINITY : d;
  }
  return worst / scale;
}

static symo_hessian *estimate(fixture *f, const char *name, bool centered, symo_plan **plan) {
  const symo_estimator *e = symo_estimator_find(name);
  symo_plan_spec spec = {SYMO_F64, symo_estimator_coupling(e), centered};
  symo_estimate_spec how = {.estimator = e};
  symo_const_vector g = symo_const_vector_of(SYMO_F64, f->px),
                    t = symo_const_vector_of(SYMO_F64, f->py);
  symo_hessian *h;
  cr_ok(f->context, symo_plan_create(f->layout, &spec, plan));
  cr_ok(f->context, symo_estimate(*plan, &how, 1, &g, &t, &h));
  return h;
}

static void check_covariance(fixture *f, bool centered) {
  symo_plan *plan;
  symo_hessian *h = estimate(f, "covariance", centered, &plan);
  double *x = f->c; /* the gradient, without its mean if centred */
  oracle_mean(f->layout, f->x, x);
  for (size_t i = 0; i < f->n; i++) x[i] = f->x[i] - (centered ? x[i] : 0);
  double scale = 0, trace = 0;
  for (size_t i = 0; i < f->n; i++) scale += f->x[i] * f->x[i];
  for (size_t i = 0; i < f->n; i++) trace += x[i] * x[i];
  for (size_t i = 0; i < f->n; i++)
    for (size_t j = 0; j < f->n; j++) f->b[i * f->n + j] = x[i] * x[j];
  oracle_average(f->layout, f->b, f->a);
  cr_ok(f->context, symo_hessian_dense(h, f->b));
  cr_assert(distance(f->b, f->a, f->n * f->n, scale) <= 1e-12, "covariance: %s", f->text);
  cr_assert(fabs(symo_hessian_trace(h) - trace) <= 1e-12 * scale, "trace: %s", f->text);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
}

Test(closed_forms, covariance_is_the_average_over_the_group) {
  fixture f;
  open_fixture(&f, 11);
  for (int k = 0; k < LAYOUTS; k++) {
    next_layout(&f);
    check_covariance(&f, false);
    check_covariance(&f, true);
    drop_layout(&f);
  }
  close_fixture(&f);
}

Test(closed_forms, mean_is_the_average_over_the_group) {
  fixture f;
  open_fixture(&f, 12);
  for (int k = 0; k < LAYOUTS; k++) {
    next_layout(&f);
    symo_plan *plan;
    void *out[8];
    symo_layout_split(f.layout, SYMO_F64, f.a, out);
    cr_ok(f.context, symo_plan_create(f.layout, NULL, &plan));
    cr_ok(f.context, symo_plan_mean(plan, symo_const_vector_of(SYMO_F64, f.px),
                                    symo_vector_of(SYMO_F64, out)));
    oracle_mean(f.layout, f.x, f.b);
    cr_assert(distance(f.a, f.b, f.n, 1) <= 1e-12, "%s", f.text);
    symo_plan_destroy(plan);
    drop_layout(&f);
  }
  close_fixture(&f);
}

/* The Reynolds average equals the sum over the group, is idempotent, keeps the trace, and commutes
 * with the group. */
Test(closed_forms, reynolds) {
  fixture f;
  open_fixture(&f, 13);
  for (int k = 0; k < LAYOUTS; k++) {
    next_layout(&f);
    symo_plan *plan;
    symo_hessian *h;
    double trace = 0, norm = 0;
    symo_test_randn(f.rng, f.c, f.n * f.n);
    for (size_t i = 0; i < f.n; i++)
      for (size_t j = 0; j < i; j++) f.c[i * f.n + j] = f.c[j * f.n + i];
    for (size_t i = 0; i < f.n; i++) trace += f.c[i * f.n + i];
    cr_ok(f.context, symo_plan_create(f.layout, NULL, &plan));
    cr_ok(f.context, symo_reynolds(plan, f.c, &h));
    oracle_average(f.layout, f.c, f.a);
    cr_ok(f.context, symo_hessian_dense(h, f.b));
    cr_assert(distance(f.b, f.a, f.n * f.n, 1) <= 1e-12, "average: %s", f.text);
    cr_assert(fabs(symo_hessian_trace(h) - trace) <= 1e-11, "trace: %s", f.text);
    for (size_t i = 0; i < f.n * f.n; i++) norm += f.b[i] * f.b[i];
    cr_assert(fabs(symo_hessian_frobenius(h) - sqrt(norm)) <= 1e-11 * (1 + sqrt(norm)), "norm: %s",
              f.text);
    symo_hessian_destroy(h);
    cr_ok(f.context, symo_reynolds(plan, f.b, &h));
    cr_ok(f.context, symo_hessian_dense(h, f.a));
    cr_assert(distance(f.a, f.b, f.n * f.n, 1) <= 1e-12, "idempotent: %s", f.text);
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
    drop_layout(&f);
  }
  close_fixture(&f);
}

/* identity x = x: the coordinates are complete and orthonormal. */
Test(closed_forms, coordinates_are_complete) {
  fixture f;
  open_fixture(&f, 14);
  for (int k = 0; k < 2 * LAYOUTS; k++) {
    next_layout(&f);
    for (int coupling = 0; coupling < 2; coupling++) {
      symo_plan_spec spec = {SYMO_F64, coupling ? SYMO_BLOCKED : SYMO_COUPLED, false};
      symo_plan *plan;
      symo_hessian *h;
      void *out[8];
      size_t total = 0;
      symo_layout_split(f.layout, SYMO_F64, f.a, out);
      cr_ok(f.context, symo_plan_create(f.layout, &spec, &plan));
      for (size_t i = 0; i < symo_plan_num_labels(plan); i++) {
        symo_label_info l = symo_plan_label(plan, i);
        total += l.dim * l.count * l.multiplicity;
      }
      cr_assert(total == f.n, "dimensions add to %zu of %zu: %s", total, f.n, f.text);
      cr_ok(f.context, symo_hessian_identity(plan, 1, &h));
      cr_ok(f.context, symo_hessian_matvec(h, symo_const_vector_of(SYMO_F64, f.px),
                                           symo_vector_of(SYMO_F64, out)));
      cr_assert(distance(f.a, f.x, f.n, 1) <= 1e-13, "%s", f.text);
      symo_hessian_destroy(h);
      symo_plan_destroy(plan);
    }
    drop_layout(&f);
  }
  close_fixture(&f);
}

Test(closed_forms, diagonal_is_that_of_the_dense_matrix) {
  fixture f;
  open_fixture(&f, 15);
  for (int k = 0; k < LAYOUTS; k++) {
    next_layout(&f);
    for (int centered = 0; centered < 2; centered++) {
      symo_plan *plan;
      symo_hessian *h = estimate(&f, centered ? "covariance" : "h-g-bd", centered, &plan);
      void *out[8];
      symo_layout_split(f.layout, SYMO_F64, f.a, out);
      cr_ok(f.context, symo_hessian_diagonal(h, symo_vector_of(SYMO_F64, out)));
      cr_ok(f.context, symo_hessian_dense(h, f.b));
      for (size_t i = 0; i < f.n; i++) f.c[i] = f.b[i * f.n + i];
      cr_assert(distance(f.a, f.c, f.n, 1) <= 1e-12, "%s", f.text);
      symo_hessian_destroy(h);
      symo_plan_destroy(plan);
    }
    drop_layout(&f);
  }
  close_fixture(&f);
}
