/* Is a group a symmetry of a loss?  Special parameters, options, refusals, failures. */
#include <math.h>

#include "tests/support/symmetry.h"

static double root(double x, size_t i, double *d) {
  (void)i;
  *d = 0.5 / sqrt(x);
  return sqrt(x);
}

static double sharp(double x, size_t i, double *d) { /* only the derivative is not defined */
  (void)i;
  *d = x < 0 ? (double)NAN : 1;
  return fabs(x);
}

static double huge(double x, size_t i, double *d) {
  (void)i;
  *d = x;
  return x < 0 ? (double)INFINITY : x * x;
}

/* ---- special parameters ---- */

Test(symmetry_edges, at_a_minimum) {
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_test_stage s;
    symo_test_stage_open(&s, 307, "a: sign-flip 4; x[a]");
    symo_test_sum q = {.dtype = (symo_dtype)dtype, .parts = {{4, 1, symo_test_wells}}};
    symo_problem p = symo_test_sum_problem(&q);
    for (size_t i = 0; i < 4; i++) s.theta[i] = i % 2 ? -1 : 1;
    symo_symmetry_report *r = symo_test_measure(&s, &p, 6);
    cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT);
    cr_assert(r->loss_nearby && r->gradient_nearby && r->loss == 0 && r->gradient == 0);
    symo_symmetry_destroy(r);
    q.parts[0].f = symo_test_target;
    for (size_t i = 0; i < 4; i++) s.theta[i] = (double)i;
    r = symo_test_measure(&s, &p, 6);
    cr_assert_eq(r->verdict, SYMO_SYMMETRY_WRONG);
    cr_assert(r->loss_nearby && r->gradient_nearby);
    cr_assert(isfinite(r->rows[0].defect) && r->rows[0].gradient > 1);
    symo_test_stage_close(&s, r);
  }
}

Test(symmetry_edges, where_nothing_can_be_measured) {
  symo_test_stage s;
  symo_test_stage_open(&s, 308, "a: sign-flip 4; b: permutation 3; x[a] y[b]");
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{4, 1, symo_test_flat}, {3, 1, symo_test_flat}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = NULL;
  cr_fails(s.w.context, SYMO_E_NUMERIC, "gradient of sum is zero", symo_test_try(&s, &p, 2, &r));
  q.parts[0].f = q.parts[1].f = symo_test_exponential;
  for (size_t i = 4; i < 7; i++) s.theta[i] = 0.5;
  cr_fails(s.w.context, SYMO_E_NUMERIC, "space b does not move theta",
           symo_test_try(&s, &p, 2, &r));
  for (size_t i = 0; i < 4; i++) s.theta[i] = 0;
  cr_fails(s.w.context, SYMO_E_NUMERIC, "space a does not move theta",
           symo_test_try(&s, &p, 2, &r));
  cr_assert_null(r);
  symo_test_stage_close(&s, NULL);
}

/* Groups with the neutral element alone, on what there is. */
Test(symmetry_edges, neutral_elements) {
  symo_test_stage s;
  symo_test_stage_open(&s, 309, "a: permutation 1; b: sign-flip 3; c: sign-flip 1; x[a] y[c]");
  symo_test_sum q = {.dtype = SYMO_F64,
                     .parts = {{1, 1, symo_test_exponential}, {1, 1, symo_test_square}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 5);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT);
  cr_assert_eq(r->num_rows, 4);
  cr_assert(r->rows[0].elements == 0 && r->rows[1].elements == 0);
  cr_assert(r->rows[2].elements == 5 && r->rows[3].elements == 5);
  cr_assert_eq(q.calls, 2 + 2 * 5 + 2 + 6 * 2);
  symo_symmetry_destroy(r);
  q.parts[1].f = symo_test_exponential; /* one sample is enough: neutral ones are drawn again */
  r = symo_test_measure(&s, &p, 1);
  cr_assert_eq(r->rows[2].verdict, SYMO_SYMMETRY_WRONG);
  symo_test_stage_close(&s, r);
}

Test(symmetry_edges, identities_are_exact_without_work) {
  symo_test_stage s;
  symo_test_stage_open(&s, 310, "a: identity 4; x[a]");
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{4, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 5);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT);
  cr_assert(r->num_rows == 0 && q.calls == 0 && isnan(r->loss));
  symo_test_stage_close(&s, r);
}

/* ---- weights that cannot tell ---- */

/* Rotations keep the square alone: of small x float32 does not see the rest. */
static double bowl(double x, size_t i, double *d) {
  (void)i;
  *d = 2 * x + 4 * x * x * x;
  return x * x + x * x * x * x;
}

static symo_symmetry_report *rotate(symo_test_stage *s, symo_dtype dtype, double size,
                                    double (*f)(double, size_t, double *)) {
  symo_test_stage_open(s, 316, "a: orthogonal 6; x[a]");
  for (size_t i = 0; i < 6; i++) s->theta[i] *= size;
  symo_test_sum q = {.dtype = dtype, .parts = {{6, 1, f}}};
  symo_problem p = symo_test_sum_problem(&q);
  return symo_test_measure(s, &p, 0);
}

Test(symmetry_edges, a_defect_that_rounding_hides) {
  static const struct {
    double size;
    symo_symmetry_verdict f32, f64;
  } rows[] = {{1e-5, SYMO_SYMMETRY_UNCERTAIN, SYMO_SYMMETRY_UNCERTAIN},
              {1e-3, SYMO_SYMMETRY_UNCERTAIN, SYMO_SYMMETRY_APPROXIMATE},
              {0.1, SYMO_SYMMETRY_APPROXIMATE, SYMO_SYMMETRY_APPROXIMATE},
              {3, SYMO_SYMMETRY_WRONG, SYMO_SYMMETRY_WRONG}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
      symo_test_stage s;
      symo_symmetry_report *r = rotate(&s, (symo_dtype)dtype, rows[i].size, bowl);
      cr_assert_eq(r->verdict, dtype == SYMO_F32 ? rows[i].f32 : rows[i].f64, "%g: %s",
                   rows[i].size, symo_symmetry_verdict_name(r->verdict));
      for (size_t k = 0; k < r->num_rows; k++) {
        cr_assert_eq(r->rows[k].verdict == SYMO_SYMMETRY_UNCERTAIN, r->rows[k].elsewhere > 0);
        if (r->rows[k].elsewhere > 0)
          cr_assert(r->rows[k].elsewhere > 1e-2 && r->rows[k].elsewhere_size == 0.3);
      }
      symo_test_stage_close(&s, r);
      r = rotate(&s, (symo_dtype)dtype, rows[i].size, symo_test_square);
      cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT, "a symmetry is seen to be one at any size");
      symo_test_stage_close(&s, r);
    }
  cr_assert_str_eq(symo_symmetry_verdict_name(SYMO_SYMMETRY_UNCERTAIN), "cannot tell");
}

/* Where the loss is not finite at other weights, those say nothing. */
Test(symmetry_edges, other_weights_may_not_exist) {
  symo_test_stage s;
  symo_test_stage_open(&s, 317, "a: permutation 5; x[a]");
  for (size_t i = 0; i < 5; i++) s.theta[i] = 1 + (double)i;
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{5, 1, root}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = symo_test_measure(&s, &p, 3);
  cr_assert_eq(r->verdict, SYMO_SYMMETRY_EXACT);
  symo_test_stage_close(&s, r);
}

/* ---- options ---- */

Test(symmetry_edges, bounds_and_seeds) {
  symo_test_stage s;
  symo_test_stage_open(&s, 311, "a: sign-flip 4; x[a]");
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{4, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_spec spec = {.samples = 3, .exact = 1e-3, .approximate = 1e6};
  symo_symmetry_report *r[2] = {NULL, NULL};
  for (size_t i = 0; i < 2; i++) {
    symo_rng *rng = symo_test_rng(s.w.context, 7);
    cr_ok(s.w.context, symo_symmetry_measure(&p, s.w.layout, s.theta, rng, &spec, &r[i]));
    symo_rng_destroy(rng);
    cr_assert(r[i]->exact == 1e-3 && r[i]->approximate == 1e6);
    cr_assert_eq(r[i]->verdict, SYMO_SYMMETRY_APPROXIMATE);
  }
  cr_assert(r[0]->rows[0].defect == r[1]->rows[0].defect, "the same seed, the same figures");
  symo_symmetry_destroy(r[1]);
  spec.exact = 1e6;
  cr_ok(s.w.context, symo_symmetry_measure(&p, s.w.layout, s.theta, s.w.rng, &spec, &r[1]));
  cr_assert_eq(r[1]->verdict, SYMO_SYMMETRY_EXACT);
  symo_symmetry_destroy(r[1]);
  cr_ok(s.w.context, symo_symmetry_measure(&p, s.w.layout, s.theta, s.w.rng, NULL, &r[1]));
  cr_assert_eq(r[1]->verdict, SYMO_SYMMETRY_WRONG);
  cr_assert(r[1]->exact == 1e-9 && r[1]->approximate == 0.3 && r[1]->rows[0].elements == 8);
  symo_symmetry_destroy(r[1]);
  cr_assert_str_eq(symo_symmetry_verdict_name(SYMO_SYMMETRY_EXACT), "exact");
  cr_assert_str_eq(symo_symmetry_verdict_name(SYMO_SYMMETRY_APPROXIMATE), "approximate");
  cr_assert_str_eq(symo_symmetry_verdict_name(SYMO_SYMMETRY_WRONG), "wrong");
  cr_assert_str_eq(symo_symmetry_verdict_name((symo_symmetry_verdict)9), "unknown");
  symo_test_stage_close(&s, r[0]);
}

Test(symmetry_edges, refusals) {
  symo_test_stage s;
  symo_test_stage_open(&s, 312, "a: sign-flip 4; x[a]");
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{4, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q), bad = p;
  symo_symmetry_spec spec = symo_symmetry_spec_default();
  symo_symmetry_report *r = NULL;
  symo_context *c = s.w.context;
  symo_layout *l = s.w.layout;
  cr_assert_eq(symo_symmetry_measure(&p, NULL, s.theta, s.w.rng, NULL, &r), SYMO_E_ARGUMENT);
  cr_fails(c, SYMO_E_ARGUMENT, "NULL", symo_symmetry_measure(NULL, l, s.theta, s.w.rng, NULL, &r));
  cr_fails(c, SYMO_E_ARGUMENT, "NULL", symo_symmetry_measure(&p, l, NULL, s.w.rng, NULL, &r));
  cr_fails(c, SYMO_E_ARGUMENT, "NULL", symo_symmetry_measure(&p, l, s.theta, NULL, NULL, &r));
  cr_fails(c, SYMO_E_ARGUMENT, "NULL", symo_symmetry_measure(&p, l, s.theta, s.w.rng, NULL, NULL));
  bad.gradient = NULL;
  cr_fails(c, SYMO_E_UNSUPPORTED, "sum has no gradient", symo_test_try(&s, &bad, 1, &r));
  bad = p;
  bad.dtype = SYMO_ANY;
  cr_fails(c, SYMO_E_DTYPE, "sum has no dtype", symo_test_try(&s, &bad, 1, &r));
  bad = p;
  bad.size = 5;
  bad.name = NULL;
  cr_fails(c, SYMO_E_SHAPE, "the problem has 5 parameters, the layout 4",
           symo_test_try(&s, &bad, 1, &r));
  const size_t samples[] = {0, (size_t)SYMO_SYMMETRY_MAX_SAMPLES + 1};
  for (size_t i = 0; i < 2; i++) {
    spec.samples = samples[i];
    cr_fails(c, SYMO_E_ARGUMENT, "samples",
             symo_symmetry_measure(&p, l, s.theta, s.w.rng, &spec, &r));
  }
  const double bounds[] = {-1, (double)NAN, (double)INFINITY};
  for (size_t i = 0; i < 6; i++) {
    spec = symo_symmetry_spec_default();
    *(i < 3 ? &spec.exact : &spec.approximate) = bounds[i % 3];
    cr_fails(c, SYMO_E_ARGUMENT, "bounds",
             symo_symmetry_measure(&p, l, s.theta, s.w.rng, &spec, &r));
  }
  q.answer = SYMO_NO_CONVERGENCE; /* passed on */
  cr_assert_eq(symo_test_try(&s, &p, 1, &r), SYMO_NO_CONVERGENCE);
  cr_assert_null(r);
  symo_symmetry_destroy(NULL);
  symo_test_stage_close(&s, NULL);
}

Test(symmetry_edges, numbers_that_are_none) {
  symo_test_stage s;
  symo_test_stage_open(&s, 313, "a: sign-flip 4; b: permutation 2; x[a] y[b]");
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{4, 1, root}, {2, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = NULL;
  symo_context *c = s.w.context;
  for (size_t i = 0; i < 6; i++) s.theta[i] = 1 + (double)i;
  cr_fails(c, SYMO_E_NONFINITE, "NaN at rho theta, for an element of space a",
           symo_test_try(&s, &p, 2, &r));
  q.parts[0].f = huge;
  cr_fails(c, SYMO_E_NONFINITE, "infinite at rho theta, for an element of space a",
           symo_test_try(&s, &p, 2, &r));
  q.parts[0].f = sharp;
  cr_fails(c, SYMO_E_NONFINITE, "tensor x at rho theta, for an element of space a",
           symo_test_try(&s, &p, 2, &r));
  s.theta[0] = -1;
  cr_fails(c, SYMO_E_NONFINITE, "tensor x at theta", symo_test_try(&s, &p, 2, &r));
  q.parts[0].f = root;
  cr_fails(c, SYMO_E_NONFINITE, "loss of sum is NaN at theta", symo_test_try(&s, &p, 2, &r));
  s.theta[5] = (double)NAN;
  cr_fails(c, SYMO_E_NONFINITE, "theta: tensor y", symo_test_try(&s, &p, 2, &r));
  cr_assert_null(r);
  symo_test_stage_close(&s, NULL);
}

/* Only all spaces together leave where the loss is defined: x y is positive. */
static symo_status product(void *self, const void *theta, double *loss, void *grad) {
  const double *x = theta;
  double *g = grad;
  (void)self;
  *loss = x[0] < 0 && x[1] < 0 ? (double)NAN : x[0] * x[0] + x[1] * x[1];
  g[0] = 2 * x[0];
  g[1] = 2 * x[1];
  return SYMO_OK;
}

Test(symmetry_edges, all_spaces_together_are_named) {
  symo_test_stage s;
  symo_test_stage_open(&s, 314, "a: sign-flip 1; b: sign-flip 1; x[a] y[b]");
  symo_problem p = {.name = "product", .size = 2, .dtype = SYMO_F64, .gradient = product};
  symo_symmetry_report *r = NULL;
  s.theta[0] = s.theta[1] = 2;
  cr_fails(s.w.context, SYMO_E_NONFINITE, "an element of all spaces together",
           symo_test_try(&s, &p, 20, &r));
  symo_test_stage_close(&s, NULL);
}

static symo_status operate(void *self) {
  symo_test_stage *s = self;
  symo_test_sum q = {.dtype = SYMO_F64, .parts = {{12, 1, symo_test_exponential}}};
  symo_problem p = symo_test_sum_problem(&q);
  symo_symmetry_report *r = NULL;
  symo_status status = symo_test_try(s, &p, 2, &r);
  cr_assert((r != NULL) == (status == SYMO_OK), "*out is written on success only");
  symo_symmetry_destroy(r);
  return status;
}

Test(symmetry_edges, survives_failing_allocations) {
  symo_test_stage s;
  symo_test_stage_open(&s, 315, "a: orthogonal 4; b: permutation 3; x[a,b]");
  cr_assert(symo_test_allocations(operate, &s) >= 8);
  symo_test_stage_close(&s, NULL);
}
