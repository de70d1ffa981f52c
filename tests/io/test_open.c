/* Optimizers and estimates from texts: the same bits as by the long road, whole sentences for what
 * goes wrong, and handles that keep what they were made from. */
#include <stdio.h>

#include "tests/support/stepping.h"
#include "tests/support/testing.h"

static const char text[] = "in: identity 3; h: signed-permutation 4; w[h,in] b[h]";
enum { P = 16, STEPS = 3 };

/* Numbers of either type, made from one sequence. */
static void numbers(symo_dtype dtype, uint64_t seed, void *out) {
  double x[P];
  symo_rng *rng;
  cr_assert(symo_rng_create(NULL, seed, &rng) == SYMO_OK);
  symo_test_randn(rng, x, P);
  symo_rng_destroy(rng);
  if (dtype == SYMO_F32)
    symo_test_narrow(x, out, P);
  else
    memcpy(out, x, sizeof x);
}

static void take_steps(symo_optim_state *state, symo_dtype dtype, void *theta) {
  size_t size = symo_dtype_size(dtype);
  double grad[P];
  const void *grads[] = {grad, (char *)grad + 12 * size};
  void *params[] = {theta, (char *)theta + 12 * size};
  numbers(dtype, 1, theta);
  for (uint64_t i = 0; i < STEPS; i++) {
    numbers(dtype, 2 + i, grad);
    symo_status status = symo_optim_step(state, symo_const_vector_of(dtype, grads),
                                         symo_vector_of(dtype, params), NULL);
    cr_assert(status == SYMO_OK, "%s", symo_optim_state_detail(state));
  }
}

/* A method with its rate, by the functions that symo_optim_open is made of. */
static void long_road(const symo_method *method, symo_dtype dtype, void *theta) {
  symo_context *context = symo_test_context();
  symo_layout *layout;
  symo_rule rules[4];
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim;
  symo_optim_state *state;
  spec.rules = rules;
  spec.dtype = dtype;
  cr_ok(context, symo_layout_parse(context, text, &layout));
  cr_ok(context, symo_optim_preset_rules(context, method, &spec.num_rules, rules));
  cr_ok(context, symo_optim_create(layout, &spec, &optim));
  cr_ok(context, symo_optim_state_create(optim, &state));
  take_steps(state, dtype, theta);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
}

static symo_method method_of(const char *preset, const char *lr) {
  symo_method method;
  cr_assert(symo_method_preset(NULL, preset, &method) == SYMO_OK);
  cr_assert(symo_method_set(NULL, &method, "lr", lr) == SYMO_OK);
  return method;
}

static void open_and_step(const char *method, symo_dtype dtype, void *theta) {
  symo_optim_state *state;
  char detail[SYMO_MAX_DETAIL] = "old";
  cr_assert(symo_optim_open(text, method, dtype, &state, detail) == SYMO_OK, "%s: %s", method,
            detail);
  cr_assert(detail[0] == 0);
  take_steps(state, dtype == SYMO_ANY ? SYMO_F64 : dtype, theta);
  symo_optim_state_destroy(state);
}

Test(open, optimizers_have_the_bits_of_the_long_road) {
  size_t tried = 0;
  for (size_t i = 0; i < symo_method_num_presets(); i++)
    for (int t = SYMO_F32; t <= SYMO_F64; t++) {
      const symo_dtype dtype = (symo_dtype)t;
      const char *preset = symo_method_preset_name(i);
      double opened[P] = {0}, made[P] = {0};
      char method[64];
      if (symo_test_preset_asks(preset)) continue;
      snprintf(method, sizeof method, "%s lr=0.03", preset);
      open_and_step(method, dtype, opened);
      symo_method m = method_of(preset, "0.03");
      long_road(&m, dtype, made);
      cr_assert(memcmp(opened, made, sizeof made) == 0, "%s, %s", preset, symo_dtype_name(dtype));
      tried++;
    }
  cr_assert(tried >= 20);
  cr_no_leaks();
}

Test(open, settings_stand_apart_by_spaces_or_semicolons) {
  static const char *const same[] = {
      "symo groups=alternate orthogonal lr=0.02",
      " symo;groups=alternate orthogonal;lr=0.02 ",
      "symo\tlr=0.02\n  groups=alternate orthogonal;",
      "symo  lr=5 ; lr=0.02 ;; dtype=f64 groups=alternate orthogonal",
  };
  double expected[P] = {0}, theta[P] = {0};
  symo_method method = method_of("symo", "0.02");
  cr_assert(symo_method_set(NULL, &method, "groups", "alternate orthogonal") == SYMO_OK);
  long_road(&method, SYMO_F64, expected);
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    open_and_step(same[i], i == 0 ? SYMO_F64 : SYMO_ANY, theta); /* any: float64 */
    cr_assert(memcmp(theta, expected, sizeof theta) == 0, "%s", same[i]);
  }
  cr_no_leaks();
}

Test(open, optimizers_say_what_is_wrong) {
  static const struct {
    const char *layout, *method;
    int dtype;
    symo_status status;
    const char *detail;
  } rows[] = {
      {NULL, "symo", SYMO_F64, SYMO_E_ARGUMENT, "optim_open: layout is NULL (pass one)"},
      {text, NULL, SYMO_F64, SYMO_E_ARGUMENT, "optim_open: method is NULL (pass one)"},
      {"w[h", "symo", SYMO_F64, SYMO_E_FORMAT, "layout text"},
      {"nothing", "symo", SYMO_F64, SYMO_E_FORMAT, "layout \"nothing\": no such file"},
      {"h: permutatoin 3; b[h]", "symo", SYMO_F64, SYMO_E_NAME, "permutatoin"},
      {text, "", SYMO_F64, SYMO_E_NAME, "\"\" is no preset"},
      {text, "adamm", SYMO_F64, SYMO_E_NAME, "did you mean \"adam\"?"},
      {text, "symo lrr=1", SYMO_F64, SYMO_E_NAME, "did you mean"},
      {text, "symo lr=-1", SYMO_F64, SYMO_E_ARGUMENT, "lr"},
      {text, "symo 0.01", SYMO_F64, SYMO_E_ARGUMENT, "\"0.01\": is no setting (write KEY=VALUE)"},
      {text, "symo lr=0.01 0.02", SYMO_F64, SYMO_E_ARGUMENT, "0.01 0.02"},
      {text, "symo =", SYMO_F64, SYMO_E_ARGUMENT, "is no setting"},
      {text, "symo dtype=f32", SYMO_F64, SYMO_E_DTYPE, "says dtype=f32, the caller f64"},
      {text, "symo", 17, SYMO_E_DTYPE, "dtype"},
      {text, "symo budget_memory=10", SYMO_F64, SYMO_E_SIZE, "budget"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char detail[SYMO_MAX_DETAIL] = "";
    symo_optim_state *state = NULL;
    symo_status status =
        symo_optim_open(rows[i].layout, rows[i].method, (symo_dtype)rows[i].dtype, &state, detail);
    cr_assert(status == rows[i].status, "%zu: %s: %s", i, symo_status_name(status), detail);
    cr_assert(strstr(detail, rows[i].detail) != NULL, "%zu: %s", i, detail);
    cr_assert(state == NULL);
    status =
        symo_optim_open(rows[i].layout, rows[i].method, (symo_dtype)rows[i].dtype, &state, NULL);
    cr_assert(status == rows[i].status && state == NULL);
  }
  char detail[SYMO_MAX_DETAIL];
  cr_assert(symo_optim_open(text, "symo", SYMO_F64, NULL, detail) == SYMO_E_ARGUMENT);
  cr_assert_str_eq(detail, "optim_open: out is NULL (pass one)");
  cr_no_leaks();
}

/* ---- estimates ---- */

typedef struct vectors {
  double grad[P], theta[P], step[P];
  const void *grads[2], *thetas[2];
  void *steps[2];
  symo_const_vector gradient, params;
} vectors;

static void make_vectors(symo_dtype dtype, vectors *v) {
  size_t bias = 12 * symo_dtype_size(dtype);
  memset(v, 0, sizeof *v);
  numbers(dtype, 1, v->grad);
  numbers(dtype, 2, v->theta);
  v->grads[0] = v->grad;
  v->grads[1] = (char *)v->grad + bias;
  v->thetas[0] = v->theta;
  v->thetas[1] = (char *)v->theta + bias;
  v->steps[0] = v->step;
  v->steps[1] = (char *)v->step + bias;
  v->gradient = symo_const_vector_of(dtype, v->grads);
  v->params = symo_const_vector_of(dtype, v->thetas);
}

static void solve_long_road(symo_dtype dtype, const symo_estimator *estimator, vectors *v) {
  symo_context *context = symo_test_context();
  symo_layout *layout;
  symo_plan *plan;
  symo_hessian *hessian;
  symo_plan_spec plan_spec = symo_plan_spec_default();
  symo_estimate_spec spec = symo_estimate_spec_default();
  plan_spec.dtype = dtype;
  plan_spec.coupling = symo_estimator_coupling(estimator);
  spec.estimator = estimator;
  cr_ok(context, symo_layout_parse(context, text, &layout));
  cr_ok(context, symo_plan_create(layout, &plan_spec, &plan));
  cr_ok(context, symo_estimate(plan, &spec, 1, &v->gradient, &v->params, &hessian));
  cr_ok(context, symo_hessian_solve(hessian, 1e-3, v->gradient, symo_vector_of(dtype, v->steps)));
  symo_hessian_destroy(hessian);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
}

Test(open, estimates_have_the_bits_of_the_long_road) {
  for (size_t i = 0; i < symo_estimator_count(); i++)
    for (int t = SYMO_F32; t <= SYMO_F64; t++) {
      const symo_estimator *estimator = symo_estimator_at(i);
      char detail[SYMO_MAX_DETAIL];
      vectors opened, made;
      symo_hessian *hessian;
      make_vectors((symo_dtype)t, &opened);
      make_vectors((symo_dtype)t, &made);
      const symo_const_vector *params =
          symo_estimator_needs_parameters(estimator) ? &opened.params : NULL;
      symo_status status = symo_hessian_open(text, symo_estimator_name(estimator), opened.gradient,
                                             params, &hessian, detail);
      cr_assert(status == SYMO_OK, "%s", detail);
      status = symo_hessian_solve(hessian, 1e-3, opened.gradient,
                                  symo_vector_of((symo_dtype)t, opened.steps));
      cr_assert(status == SYMO_OK, "%s", symo_hessian_detail(hessian));
      cr_assert_str_eq(symo_hessian_name(hessian), symo_estimator_name(estimator));
      symo_hessian_destroy(hessian);
      solve_long_road((symo_dtype)t, estimator, &made);
      cr_assert(memcmp(opened.step, made.step, sizeof made.step) == 0, "%s",
                symo_estimator_name(estimator));
    }
  cr_no_leaks();
}

Test(open, estimates_say_what_is_wrong) {
  char detail[SYMO_MAX_DETAIL];
  vectors v;
  symo_hessian *hessian = NULL;
  make_vectors(SYMO_F64, &v);
  cr_assert(symo_hessian_open(NULL, NULL, v.gradient, NULL, &hessian, detail) == SYMO_E_ARGUMENT);
  cr_assert_str_eq(detail, "hessian_open: layout is NULL (pass one)");
  cr_assert(symo_hessian_open(text, NULL, v.gradient, NULL, NULL, detail) == SYMO_E_ARGUMENT);
  cr_assert_str_eq(detail, "hessian_open: out is NULL (pass one)");
  cr_assert(symo_hessian_open(text, "h-sta", v.gradient, NULL, &hessian, detail) == SYMO_E_NAME);
  cr_assert(strstr(detail, "no estimator \"h-sta\"; did you mean \"h-star\"?") != NULL, "%s",
            detail);
  cr_assert(symo_hessian_open(text, "h-star", v.gradient, NULL, &hessian, detail) ==
            SYMO_E_ARGUMENT);
  cr_assert(strstr(detail, "param") != NULL, "%s", detail);
  cr_assert(symo_hessian_open("w[", NULL, v.gradient, NULL, &hessian, detail) == SYMO_E_FORMAT);
  v.gradient.dtype = SYMO_ANY;
  cr_assert(symo_hessian_open(text, NULL, v.gradient, NULL, &hessian, detail) == SYMO_E_ARGUMENT);
  cr_assert(strstr(detail, "no number type") != NULL, "%s", detail);
  cr_assert(hessian == NULL);
  cr_no_leaks();
}

/* ---- memory ---- */

Test(open, nothing_leaks_when_memory_runs_out) {
  char detail[SYMO_MAX_DETAIL];
  vectors v;
  make_vectors(SYMO_F64, &v);
  long n = 0;
  for (symo_status status = SYMO_E_MEMORY; status != SYMO_OK; n++) {
    symo_optim_state *state = NULL;
    symo_alloc_fail_after(n);
    status = symo_optim_open(text, "symo lr=0.01 threads=2", SYMO_F64, &state, detail);
    symo_alloc_fail_after(-1);
    cr_assert(status == SYMO_OK || (status == SYMO_E_MEMORY && state == NULL), "%ld: %s", n,
              detail);
    cr_assert(status == SYMO_OK || detail[0] != 0);
    symo_optim_state_destroy(state);
    cr_no_leaks();
  }
  cr_assert(n > 20);
  n = 0;
  for (symo_status status = SYMO_E_MEMORY; status != SYMO_OK; n++) {
    symo_hessian *hessian = NULL;
    symo_alloc_fail_after(n);
    status = symo_hessian_open(text, "h-pd", v.gradient, &v.params, &hessian, detail);
    symo_alloc_fail_after(-1);
    cr_assert(status == SYMO_OK || (status == SYMO_E_MEMORY && hessian == NULL), "%ld: %s", n,
              detail);
    symo_hessian_destroy(hessian);
    cr_no_leaks();
  }
  cr_assert(n > 10);
}

/* ---- who keeps what ---- */

enum { HANDLES = 7 };

typedef struct family {
  symo_context *context;
  symo_layout *layout;
  symo_plan *plan;
  symo_hessian *hessian;
  symo_element *element;
  symo_optim *optim;
  symo_optim_state *state;
} family;

static void make_family(family *f) {
  symo_method method = method_of("symo", "0.01");
  symo_rule rules[4];
  symo_optim_spec spec = symo_optim_spec_default();
  spec.rules = rules;
  f->context = symo_test_context();
  cr_ok(f->context, symo_layout_parse(f->context, text, &f->layout));
  cr_ok(f->context, symo_plan_create(f->layout, NULL, &f->plan));
  cr_ok(f->context, symo_hessian_identity(f->plan, 2, &f->hessian));
  cr_ok(f->context, symo_element_create(f->layout, &f->element));
  cr_ok(f->context, symo_optim_preset_rules(f->context, &method, &spec.num_rules, rules));
  cr_ok(f->context, symo_optim_create(f->layout, &spec, &f->optim));
  cr_ok(f->context, symo_optim_state_create(f->optim, &f->state));
}

static void destroy_one(family *f, int which) {
  switch (which) {
  case 0: symo_context_destroy(f->context); break;
  case 1: symo_layout_destroy(f->layout); break;
  case 2: symo_plan_destroy(f->plan); break;
  case 3: symo_hessian_destroy(f->hessian); break;
  case 4: symo_element_destroy(f->element); break;
  case 5: symo_optim_destroy(f->optim); break;
  default: symo_optim_state_destroy(f->state);
  }
}

/* Every handle goes first, then each of the others, the rest in a turned order: a layout, plan,
 * Hessian or state that is still there keeps working, with its details. */
Test(open, handles_may_be_destroyed_in_any_order) {
  for (int first = 0; first < HANDLES; first++)
    for (int step = 1; step < HANDLES; step++) { /* HANDLES is prime: each step meets all */
      family f;
      make_family(&f);
      for (int i = 0; i < HANDLES; i++) {
        int which = (first + i * step) % HANDLES;
        if (which == 3) {
          cr_assert(symo_hessian_blocks(f.hessian, 99) == NULL);
          cr_assert_str_eq(symo_hessian_detail(f.hessian),
                           "hessian_blocks: there is no label 99 (the plan has 1)");
        } else if (which == 6) {
          double theta[P];
          take_steps(f.state, SYMO_F64, theta);
          cr_assert(symo_optim_state_entry(f.state, 999).data == NULL);
          cr_assert(strstr(symo_optim_state_detail(f.state), "there is no entry 999") != NULL);
        } else if (which == 1) {
          cr_assert(symo_layout_space_name(f.layout, 5) == NULL);
          cr_assert(strstr(symo_layout_detail(f.layout), "there is no space 5") != NULL);
        }
        destroy_one(&f, which);
      }
      cr_no_leaks();
    }
}

Test(open, a_layout_without_a_context_keeps_details) {
  symo_layout *layout;
  symo_plan *plan;
  symo_plan_spec wrong = symo_plan_spec_default();
  wrong.dtype = (symo_dtype)17;
  cr_assert(symo_layout_parse(NULL, text, &layout) == SYMO_OK);
  cr_assert_str_eq(symo_layout_detail(layout), "");
  cr_assert(symo_plan_create(layout, &wrong, &plan) == SYMO_E_DTYPE);
  cr_assert(strstr(symo_layout_detail(layout), "17") != NULL ||
            strstr(symo_layout_detail(layout), "type") != NULL);
  symo_layout_destroy(layout);
  cr_no_leaks();
}

/* A group belongs to no context: it may come from one that is gone. */
Test(open, groups_outlive_their_context) {
  symo_context *context = symo_test_context();
  const size_t ring[] = {1, 2, 3, 4, 0};
  symo_group_spec spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){.dim = 5, .num_permutations = 1, .permutations = ring};
  symo_group *group;
  symo_generators *copies;
  symo_layout *layout;
  symo_plan *plan;
  const char *axes[] = {"h", "h"};
  cr_ok(context, symo_group_create(context, &spec, &group));
  symo_context_destroy(context);
  cr_assert(symo_group_generators(NULL, group, 5, &copies) == SYMO_OK);
  symo_free(copies);
  cr_assert(symo_layout_create(NULL, &layout) == SYMO_OK);
  cr_assert(symo_layout_add_space(layout, "h", 5, group) == SYMO_OK);
  symo_group_destroy(group);
  cr_assert(symo_layout_add_tensor(layout, "w", 2, axes) == SYMO_OK);
  cr_assert(symo_plan_create(layout, NULL, &plan) == SYMO_OK, "%s", symo_layout_detail(layout));
  symo_layout_destroy(layout);
  cr_assert(symo_plan_num_labels(plan) > 1);
  symo_plan_destroy(plan);
  cr_no_leaks();
}
