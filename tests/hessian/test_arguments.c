/* Bad arguments to every public function that can refuse them: a status, a sentence, outputs
 * untouched. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

static const char net[] = "i: identity 2; h: signed-permutation 3; w[h,i] b[h]";

typedef struct stage {
  symo_world w;
  symo_plan *plan;
  symo_hessian *h;
  symo_test_batch x;
  const void *holes[2];
  symo_const_vector none, hollow; /* no data; data whose second array is NULL */
  symo_vector out, out_none, out_hollow;
} stage;

static void open_stage(stage *s) {
  symo_world_open(&s->w, 121);
  symo_world_parse(&s->w, net);
  s->plan = symo_world_plan(&s->w, SYMO_F64, SYMO_COUPLED, false);
  s->h = symo_world_definite(&s->w, s->plan);
  s->x = symo_test_batch_make(s->w.layout, SYMO_F64, s->w.rng, 2);
  s->holes[0] = s->x.in[0].data[0];
  s->holes[1] = NULL;
  s->none = symo_const_vector_of(SYMO_F64, NULL);
  s->hollow = symo_const_vector_of(SYMO_F64, s->holes);
  s->out = symo_test_out(&s->x.vectors[1]);
  s->out_none = symo_vector_of(SYMO_F64, NULL);
  s->out_hollow = symo_vector_of(SYMO_F64, (void *const *)(uintptr_t)s->holes);
}

static void close_stage(stage *s) {
  symo_test_batch_free(&s->x);
  symo_hessian_destroy(s->h);
  symo_plan_destroy(s->plan);
  symo_world_close(&s->w);
}

Test(arguments, destroy_accepts_null) {
  symo_layout_destroy(NULL);
  symo_plan_destroy(NULL);
  symo_hessian_destroy(NULL);
  symo_element_destroy(NULL);
  symo_rng_destroy(NULL);
  symo_context_destroy(NULL);
  symo_free(NULL);
}

Test(arguments, of_plans_and_elements) {
  stage s;
  open_stage(&s);
  symo_context *context = s.w.context;
  symo_plan *plan = NULL;
  symo_element *g = NULL;
  char *text = NULL;
  cr_assert_eq(symo_plan_create(NULL, NULL, &plan), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_plan_create(s.w.layout, NULL, NULL), SYMO_E_ARGUMENT);
  symo_plan_spec bad = {(symo_dtype)7, SYMO_COUPLED, false};
  cr_fails(context, SYMO_E_DTYPE, "dtype", symo_plan_create(s.w.layout, &bad, &plan));
  bad = (symo_plan_spec){SYMO_F64, (symo_coupling)7, false};
  cr_fails(context, SYMO_E_ARGUMENT, "coupling", symo_plan_create(s.w.layout, &bad, &plan));
  cr_assert_null(plan);
  cr_assert_eq(symo_plan_describe(NULL, &text), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_plan_describe(s.plan, NULL), SYMO_E_ARGUMENT);
  cr_assert_null(text);
  cr_assert_eq(symo_plan_mean(NULL, s.x.in[0], s.out), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "mean", symo_plan_mean(s.plan, s.none, s.out));
  cr_fails(context, SYMO_E_ARGUMENT, "tensor b", symo_plan_mean(s.plan, s.hollow, s.out));
  cr_fails(context, SYMO_E_ARGUMENT, "mean", symo_plan_mean(s.plan, s.x.in[0], s.out_none));
  cr_fails(context, SYMO_E_ARGUMENT, "tensor b", symo_plan_mean(s.plan, s.x.in[0], s.out_hollow));
  cr_assert_eq(symo_element_create(NULL, &g), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_element_create(s.w.layout, NULL), SYMO_E_ARGUMENT);
  cr_assert_null(g);
  cr_ok(context, symo_element_create(s.w.layout, &g));
  cr_assert_eq(symo_element_sample(NULL, s.w.rng), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_element_sample(g, NULL), SYMO_E_ARGUMENT);
  for (int inverse = 0; inverse < 2; inverse++) {
    symo_status (*act)(const symo_element *, symo_const_vector, symo_vector) =
        inverse ? symo_element_act_inverse : symo_element_act;
    cr_assert_eq(act(NULL, s.x.in[0], s.out), SYMO_E_ARGUMENT);
    cr_fails(context, SYMO_E_ARGUMENT, inverse ? "act_inverse: x: data" : "act: x: data",
             act(g, s.none, s.out));
    cr_fails(context, SYMO_E_ARGUMENT, inverse ? "act_inverse: y: data" : "act: y: data",
             act(g, s.x.in[0], s.out_none));
    cr_fails(context, SYMO_E_ARGUMENT, inverse ? "act_inverse: x: tensor b" : "act: x: tensor b",
             act(g, s.hollow, s.out));
    cr_fails(context, SYMO_E_ARGUMENT, inverse ? "act_inverse: y: tensor b" : "act: y: tensor b",
             act(g, s.x.in[0], s.out_hollow));
  }
  symo_element_destroy(g);
  close_stage(&s);
}

Test(arguments, of_makers_of_matrices) {
  stage s;
  open_stage(&s);
  symo_context *context = s.w.context;
  symo_hessian *h = NULL;
  double dense[81] = {0}, bad[1] = {(double)NAN};
  const void *blocks[1] = {NULL};
  cr_assert_eq(symo_estimate(NULL, NULL, 1, s.x.in, NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_estimate(s.plan, NULL, 1, s.x.in, NULL, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_reynolds(NULL, dense, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_reynolds(s.plan, NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_reynolds(s.plan, dense, NULL), SYMO_E_ARGUMENT);
  dense[80] = -(double)INFINITY;
  cr_fails(context, SYMO_E_NONFINITE, "reynolds", symo_reynolds(s.plan, dense, &h));
  cr_assert_eq(symo_hessian_identity(NULL, 1, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_identity(s.plan, 1, NULL), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_NONFINITE, "identity", symo_hessian_identity(s.plan, (double)NAN, &h));
  cr_assert_eq(symo_hessian_from_blocks(NULL, blocks, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_from_blocks(s.plan, NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_from_blocks(s.plan, blocks, NULL), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "label h:vector",
           symo_hessian_from_blocks(s.plan, blocks, &h));
  cr_assert_eq(symo_plan_num_labels(s.plan), 1);
  size_t m = symo_plan_label(s.plan, 0).multiplicity;
  cr_assert_eq(m, 3);
  double block[9] = {0};
  block[8] = bad[0];
  blocks[0] = block;
  cr_fails(context, SYMO_E_NONFINITE, "label h:vector",
           symo_hessian_from_blocks(s.plan, blocks, &h));
  cr_assert_eq(symo_hessian_add(1, NULL, 1, s.h, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_add(1, s.h, 1, NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_add(1, s.h, 1, s.h, NULL), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_NONFINITE, "a factor", symo_hessian_add((double)NAN, s.h, 1, s.h, &h));
  cr_fails(context, SYMO_E_NONFINITE, "a factor",
           symo_hessian_add(1, s.h, (double)INFINITY, s.h, &h));
  cr_assert_eq(symo_hessian_scale(1, NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_scale(1, s.h, NULL), SYMO_E_ARGUMENT);
  cr_assert_null(h);
  close_stage(&s);
}

Test(arguments, of_functions_of_matrices) {
  stage s;
  open_stage(&s);
  symo_context *context = s.w.context;
  symo_hessian *h = NULL;
  const double bad[] = {-1, (double)NAN, (double)INFINITY};
  double x = 3;
  cr_assert_eq(symo_hessian_power(NULL, 1, 0, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_power(s.h, 1, 0, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_sqrt(NULL, 0, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_invsqrt(s.h, 0, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_abs(NULL, &h), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_abs(s.h, NULL), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "exponent", symo_hessian_power(s.h, (double)NAN, 0, &h));
  for (int i = 0; i < 3; i++) {
    cr_fails(context, SYMO_E_ARGUMENT, "damping", symo_hessian_power(s.h, 1, bad[i], &h));
    cr_fails(context, SYMO_E_ARGUMENT, "damping", symo_hessian_sqrt(s.h, bad[i], &h));
    cr_fails(context, SYMO_E_ARGUMENT, "damping", symo_hessian_invsqrt(s.h, bad[i], &h));
    cr_fails(context, SYMO_E_ARGUMENT, "damping", symo_hessian_logdet(s.h, bad[i], &x));
    cr_fails(context, SYMO_E_ARGUMENT, "damping",
             symo_hessian_solve(s.h, bad[i], s.x.in[0], s.out));
    cr_fails(context, SYMO_E_ARGUMENT, "damping", symo_hessian_sample(s.h, bad[i], s.w.rng, s.out));
  }
  cr_assert_eq(symo_hessian_logdet(NULL, 0, &x), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_logdet(s.h, 0, NULL), SYMO_E_ARGUMENT);
  cr_assert(h == NULL && x == 3);
  close_stage(&s);
}

Test(arguments, of_readers_of_matrices) {
  stage s;
  open_stage(&s);
  symo_context *context = s.w.context;
  double a[81], *values = NULL;
  size_t count = 7, *multiplicities = NULL;
  char *text = NULL;
  cr_assert_eq(symo_hessian_dense(NULL, a), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_dense(s.h, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_block(NULL, 0, 0, a), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_block(s.h, 0, 0, NULL), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "block", symo_hessian_block(s.h, 2, 0, a));
  cr_fails(context, SYMO_E_ARGUMENT, "block", symo_hessian_block(s.h, 0, (size_t)-1, a));
  cr_assert_eq(symo_hessian_eigenvalues(NULL, &count, &values, &multiplicities), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_eigenvalues(s.h, NULL, &values, &multiplicities), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_eigenvalues(s.h, &count, NULL, &multiplicities), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_eigenvalues(s.h, &count, &values, NULL), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_describe(NULL, &text), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_describe(s.h, NULL), SYMO_E_ARGUMENT);
  cr_assert(count == 7 && values == NULL && multiplicities == NULL && text == NULL);
  cr_assert_eq(symo_hessian_diagonal(NULL, s.out), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "diagonal", symo_hessian_diagonal(s.h, s.out_none));
  cr_fails(context, SYMO_E_ARGUMENT, "tensor b", symo_hessian_diagonal(s.h, s.out_hollow));
  cr_assert_eq(symo_hessian_sample(NULL, 0, s.w.rng, s.out), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_hessian_sample(s.h, 0, NULL, s.out), SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "sample", symo_hessian_sample(s.h, 0, s.w.rng, s.out_none));
  close_stage(&s);
}

Test(arguments, of_products_and_solves) {
  stage s;
  open_stage(&s);
  symo_context *context = s.w.context;
  double x[9] = {0}, y[9], kept[9];
  const void *px[2];
  symo_layout_split_const(s.w.layout, SYMO_F64, x, px);
  symo_const_vector poison = symo_const_vector_of(SYMO_F64, px);
  x[7] = (double)NAN;
  symo_test_vector_get(&s.x.vectors[1], kept);
  for (int solve = 0; solve < 2; solve++) {
#define CALL(h, x, y) (solve ? symo_hessian_solve(h, 1, x, y) : symo_hessian_matvec(h, x, y))
    cr_assert_eq(CALL(NULL, s.x.in[0], s.out), SYMO_E_ARGUMENT);
    cr_fails(context, SYMO_E_ARGUMENT, solve ? "solve" : "matvec", CALL(s.h, s.none, s.out));
    cr_fails(context, SYMO_E_ARGUMENT, "tensor b", CALL(s.h, s.hollow, s.out));
    cr_fails(context, SYMO_E_ARGUMENT, ": y: data", CALL(s.h, s.x.in[0], s.out_none));
    cr_fails(context, SYMO_E_ARGUMENT, "tensor b", CALL(s.h, s.x.in[0], s.out_hollow));
    cr_fails(context, SYMO_E_NONFINITE, "tensor b", CALL(s.h, poison, s.out));
#undef CALL
  }
  symo_test_vector_get(&s.x.vectors[1], y);
  cr_assert(memcmp(y, kept, sizeof y) == 0, "outputs are written although refused");
  close_stage(&s);
}
