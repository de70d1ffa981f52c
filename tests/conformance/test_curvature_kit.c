/* What every row of the registry of curvatures must satisfy: as a table, inside an optimizer, and
 * called by itself (tests/support/rig.h watches those calls). */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/damping/damping.h"
#include "optim/method.h"
#include "tests/support/curvatures.h"
#include "tests/support/rig.h"

/* ---- the table ---- */

Test(curvature_kit, rows_are_named_and_whole) {
  for (size_t i = 0; i < curvatures_count(); i++) {
    const symo_curvature *c = curvatures_at(i);
    cr_assert(c->name != NULL && c->name[0] != 0 && c->summary != NULL && c->summary[0] != 0);
    for (size_t j = 0; j < i; j++)
      cr_assert_str_neq(c->name, curvatures_at(j)->name, "two rows have one name");
    const bool slots[] = {c->refuse != NULL,      c->create != NULL, c->destroy != NULL,
                          c->num_entries != NULL, c->entry != NULL,  c->num_roots != NULL,
                          c->work_bytes != NULL,  c->apply != NULL,  c->describe != NULL,
                          c->apply_flops != NULL};
    for (size_t k = 0; k < sizeof slots / sizeof *slots; k++)
      cr_assert(slots[k] == !c->products, "%s: slot %zu", c->name, k);
    cr_assert((c->accumulate != NULL) == (c->accumulate_flops != NULL), "%s", c->name);
    cr_assert((c->refresh != NULL) == (c->refresh_flops != NULL), "%s", c->name);
    cr_assert((c->refresh != NULL) == (c->keeps_roots != NULL), "%s", c->name);
    cr_assert(c->matrix == SYMO_MATRIX_HESSIAN || c->products, "%s", c->name);
  }
  cr_assert_null(curvatures_at(curvatures_count()));
}

/* Methods reach every row by its name, and the list of modules says the same of it. */
Test(curvature_kit, rows_are_found_by_name) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < curvatures_count(); i++) {
    const symo_curvature *c = curvatures_at(i);
    char value[128];
    size_t listed = 0;
    symo_method method = symo_rig_method();
    cr_ok(context, symo_method_set(context, &method, "curvature", c->name));
    cr_assert(method.curvature == c, "%s is found by its name", c->name);
    cr_ok(context, symo_method_get(context, &method, "curvature", value));
    cr_assert_str_eq(value, c->name);
    for (size_t m = 0; m < symo_module_count(); m++) {
      const symo_module module = symo_module_at(m);
      if (strcmp(module.kind, "curvature") != 0 || strcmp(module.name, c->name) != 0) continue;
      cr_assert_str_eq(module.summary, c->summary);
      listed++;
    }
    cr_assert(listed == 1, "%s is listed %zu times", c->name, listed);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- refusals ---- */

/* The reason of the row, or of the method whatever the tensors, and what a plan does with it. */
static bool check_refusal(symo_test_stepper *s, const symo_method *method, const char *text) {
  const char *reason = symo_method_refuse(method);
  if (reason == NULL) reason = method->curvature->refuse(method, s->w.layout);
  const symo_rule rule = symo_stepper_rule(method);
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.num_rules = 1, spec.rules = &rule;
  const symo_status status = symo_optim_create(s->w.layout, &spec, &optim);
  const char *detail = symo_context_detail(s->w.context);
  symo_optim_destroy(optim);
  if (reason == NULL && method->curvature->sites) { /* which a layout alone has not */
    cr_assert(status == SYMO_E_UNSUPPORTED && strstr(detail, "names no sites") != NULL, "%s", text);
    return false;
  }
  if (reason == NULL) {
    cr_assert(status == SYMO_OK, "%s: %s: %s", text, symo_status_name(status), detail);
    return false;
  }
  cr_assert(reason[0] != 0 && strchr(reason, '\n') == NULL, "%s is refused without a reason", text);
  cr_assert(status == SYMO_E_UNSUPPORTED && strstr(detail, reason) != NULL, "%s: %s, not \"%s\"",
            text, detail, reason);
  return true;
}

/* One setting more, at each value of interest: every name, both flags, both ends of the range. */
static size_t check_option(symo_test_stepper *s, const symo_method *method,
                           const symo_option *option) {
  char values[256], text[256], *word, *rest = values;
  size_t refused = 0;
  if (option->kind == SYMO_OPTION_NAME)
    snprintf(values, sizeof values, "%s", option->values != NULL ? option->values : "layout");
  else if (option->kind == SYMO_OPTION_FLAG)
    snprintf(values, sizeof values, "false true");
  else
    snprintf(values, sizeof values, "%.17g 0.5 1 3 %.17g", option->min, option->max);
  while ((word = strtok_r(rest, " ", &rest)) != NULL) {
    symo_method changed = *method;
    if (strcmp(option->key, "curvature") == 0) return 0; /* another row */
    if (symo_method_set(s->w.context, &changed, option->key, word) != SYMO_OK) continue;
    snprintf(text, sizeof text, "%s, %s=%s", method->curvature->name, option->key, word);
    refused += check_refusal(s, &changed, text);
  }
  return refused;
}

Test(curvature_kit, every_refusal_has_a_reason_and_all_else_runs) {
  for (size_t r = 0; r < curvatures_count(); r++) {
    const symo_curvature *row = curvatures_at(r);
    size_t refused = 0;
    for (size_t l = 0; l < CURVATURES_LAYOUTS && !row->products; l++)
      for (size_t i = 0; i < CURVATURES_SETTINGS; i++) {
        symo_test_stepper s;
        symo_stepper_open(&s, curvatures_layouts[l], SYMO_F64, 7, false);
        const symo_method method = curvatures_method(s.w.context, row, curvatures_settings[i].text);
        for (size_t o = 0; o < symo_method_num_options(); o++)
          refused += check_option(&s, &method, symo_method_option(o));
        symo_stepper_close(&s);
      }
    cr_assert(row->products || refused > 0, "%s refuses nothing", row->name);
  }
}

/* ---- directions ---- */

/* Where alpha is above 1 and eps 0 the direction grows as g shrinks: a step that leaves the range
 * of the numbers is SYMO_E_NUMERIC, and is not made. */
static void check_finite_step(curvature_case *k, const double *g, int far) {
  const double zero[MOST] = {0};
  const bool grows = k->setting->alpha > 1 && !(k->method.eps > 0);
  symo_stepper_set(&k->s, zero);
  symo_test_vector_set(&k->s.grad, g);
  const symo_status status =
      symo_optim_step(k->s.state, symo_test_in(&k->s.grad), symo_test_out(&k->s.params), NULL);
  cr_assert(status == SYMO_OK || (grows && status == SYMO_E_NUMERIC), "%s: far %d: %s", k->text,
            far, symo_status_name(status));
  symo_test_vector_get(&k->s.params, k->s.theta);
  cr_assert(isfinite(symo_test_max(k->s.theta, k->n)), "%s: far %d", k->text, far);
}

static void check_far(curvature_case *k) {
  const double least = k->dtype == SYMO_F32 ? (double)FLT_TRUE_MIN : DBL_TRUE_MIN;
  double g[MOST], d[MOST], zero[MOST] = {0};
  const symo_rule rule = symo_stepper_rule(&k->method);
  curvatures_step(&k->s, zero, d, k->text);
  cr_assert(symo_test_max(d, k->n) == 0, "%s: a direction of nothing", k->text);
  for (int far = 0; far < 3; far++) {
    symo_test_randn(k->s.w.rng, g, k->n);
    for (size_t i = 0; i < k->n; i++)
      g[i] = far == 0 ? 1e-30 * g[i] : far == 1 ? copysign(least, g[i]) : 1e10 * least * g[i];
    symo_stepper_plan(&k->s, 1, &rule);
    for (int again = 0; again < 3; again++) check_finite_step(k, again == 1 ? zero : g, far);
  }
}

Test(curvature_kit, gradients_of_nothing_and_next_to_nothing_give_finite_directions) {
  curvatures_for_each_case(check_far);
}

/* d(c g) = c^(1 - alpha) d(g) for powers of two c, eps 0.  Squares entry by entry must stay in the
 * range of float32; all other memory comes in powers of two of its own.  Such a c rounds nothing
 * but the powers of eigenvalues: the condition is 1. */
static void check_scale(curvature_case *k) {
  const bool squares = k->row->elementwise;
  double g[STEPS * MOST], d[STEPS * MOST], scaled[STEPS * MOST];
  curvatures_draw(k, g);
  if (k->method.eps > 0) return;
  curvatures_follow(k, k->dtype, false, g, d);
  for (int up = 0; up < 2; up++) {
    const int exponent = up ? (squares ? 40 : 100) : (squares ? -30 : -90);
    const int degree = (int)(1 - k->setting->alpha) * exponent;
    double expected[STEPS * MOST];
    for (size_t i = 0; i < STEPS * k->n; i++) scaled[i] = ldexp(g[i], exponent);
    curvatures_follow(k, k->dtype, false, scaled, scaled);
    for (size_t i = 0; i < STEPS * k->n; i++) expected[i] = ldexp(d[i], degree);
    for (size_t i = 0; i < STEPS; i++) {
      const double error = symo_test_rel(scaled + i * k->n, expected + i * k->n, k->n);
      cr_assert(error <= symo_test_bound(k->dtype, k->n, 1), "%s: times 2^%d: step %zu: %g",
                k->text, exponent, i + 1, error);
    }
  }
}

Test(curvature_kit, directions_scale_as_their_degree_says) {
  curvatures_for_each_case(check_scale);
}

/* Without a power the direction is the gradient. */
static void check_power_zero(curvature_case *k) {
  double g[STEPS * MOST], d[STEPS * MOST];
  if (k->setting->alpha != 0) return;
  curvatures_draw(k, g);
  for (int strided = 0; strided < 2; strided++) {
    curvatures_follow(k, k->dtype, strided, g, d);
    cr_assert(memcmp(d, g, STEPS * k->n * sizeof *d) == 0, "%s", k->text);
  }
}

Test(curvature_kit, power_zero_leaves_the_direction) { curvatures_for_each_case(check_power_zero); }

/* Of one number, C is the memory c of its squares, and the direction g (c + eps)^(-alpha/2); rows
 * that keep moments entry by entry add eps to the root of c instead. */
static void check_number(curvature_case *k) {
  const symo_method *m = &k->method;
  double g[STEPS * MOST], d[STEPS * MOST], expected[STEPS], c = 0;
  if (k->n != 1 || m->basis != SYMO_BASIS_NONE) return;
  curvatures_draw(k, g);
  for (size_t i = 0; i < STEPS; i++) {
    c = m->beta2 * c + (m->beta2 == 1 ? 1 : 1 - m->beta2) * g[i] * g[i];
    const double value = m->correction ? c / (1 - pow(m->beta2, (double)i + 1)) : c;
    const double eps = m->damping->relative ? m->eps * value : m->eps;
    expected[i] = g[i] / (k->row->elementwise ? pow(value, m->alpha / 2) + eps
                                              : pow(value + eps, m->alpha / 2));
  }
  for (int strided = 0; strided < 2; strided++) {
    curvatures_follow(k, k->dtype, strided, g, d);
    curvatures_close(k, k->dtype, d, expected, "one number");
  }
}

Test(curvature_kit, one_number_is_divided_by_the_root_of_its_squares) {
  curvatures_for_each_case(check_number);
}

/* Bases are left out: how far an eigenvector moves depends on the gaps between eigenvalues. */
static void check_types(curvature_case *k) {
  double g[STEPS * MOST], narrow[STEPS * MOST], wide[STEPS * MOST];
  if (k->dtype != SYMO_F32 || !k->setting->bounded) return;
  curvatures_draw(k, g);
  curvatures_follow(k, SYMO_F64, false, g, wide);
  for (int strided = 0; strided < 2; strided++) {
    curvatures_follow(k, SYMO_F32, strided, g, narrow);
    curvatures_close(k, SYMO_F32, narrow, wide, "float32 against float64");
  }
}

Test(curvature_kit, float32_is_float64_up_to_rounding) { curvatures_for_each_case(check_types); }

static void check_strides(curvature_case *k) {
  double g[STEPS * MOST], dense[STEPS * MOST], strided[STEPS * MOST];
  if (!k->setting->bounded) return;
  curvatures_draw(k, g);
  curvatures_follow(k, k->dtype, false, g, dense);
  curvatures_follow(k, k->dtype, true, g, strided);
  curvatures_close(k, k->dtype, strided, dense, "strided against dense");
}

Test(curvature_kit, storage_does_not_matter) { curvatures_for_each_case(check_strides); }

static void check_bits(curvature_case *k) {
  double g[STEPS * MOST], one[STEPS * MOST], two[STEPS * MOST];
  curvatures_draw(k, g);
  curvatures_follow(k, k->dtype, false, g, one);
  curvatures_follow(k, k->dtype, false, g, two);
  cr_assert(memcmp(one, two, STEPS * k->n * sizeof *one) == 0, "%s: two runs differ", k->text);
}

Test(curvature_kit, two_runs_give_the_same_bits) { curvatures_for_each_case(check_bits); }

/* ---- equivariance ---- */

typedef struct moved {
  const curvature_case *k;
  const double *g, *d;
  size_t element;
} moved;

/* The directions of moved gradients are the moved directions. */
static void check_element(void *self, const double *rho, size_t n) {
  moved *m = self;
  double g[STEPS * MOST], expected[STEPS * MOST], d[STEPS * MOST];
  if (m->element++ % 5 != 1) return;
  for (size_t i = 0; i < STEPS; i++) {
    symo_dense_matvec(n, rho, m->g + i * n, g + i * n);
    symo_dense_matvec(n, rho, m->d + i * n, expected + i * n);
  }
  curvatures_follow(m->k, m->k->dtype, false, g, d);
  curvatures_close(m->k, m->k->dtype, d, expected, "moved by an element");
}

static void check_equivariance(curvature_case *k) {
  double g[STEPS * MOST], d[STEPS * MOST];
  moved m = {k, g, d, 0};
  if (!k->setting->bounded) return;
  curvatures_draw(k, g);
  curvatures_follow(k, k->dtype, false, g, d);
  oracle_for_each(k->s.w.layout, check_element, &m);
  cr_assert(m.element > 1, "%s: no element", k->text);
}

Test(curvature_kit, signed_permutations_of_the_layout_move_the_step_as_the_gradient) {
  curvatures_for_each_case(check_equivariance);
}

/* ---- state ---- */

static void copy_state(symo_optim_state *from, symo_optim_state *to) {
  for (size_t i = 0; i < symo_optim_state_num_entries(from); i++) {
    const symo_state_entry a = symo_optim_state_entry(from, i);
    size_t bytes = symo_dtype_size(a.dtype);
    for (size_t axis = 0; axis < a.order; axis++) bytes *= a.shape[axis];
    memcpy(symo_optim_state_entry(to, i).data, a.data, bytes);
  }
}

/* Entries hold all of the state: a copy of them goes on to the same bits. */
static void check_copies(curvature_case *k) {
  double g[STEPS * MOST], one[MOST], two[MOST];
  symo_optim_state *first = k->s.state, *second = NULL;
  curvatures_draw(k, g);
  for (size_t i = 0; i < STEPS; i++) {
    curvatures_step(&k->s, g + i * k->n, one, k->text);
    symo_optim_state_destroy(second);
    cr_ok(k->s.w.context, symo_optim_state_create(k->s.optim, &second));
    copy_state(first, second);
    const double *next = g + (i + 1) % STEPS * k->n;
    k->s.state = second;
    curvatures_step(&k->s, next, two, k->text);
    copy_state(first, second);
    k->s.state = first;
    curvatures_step(&k->s, next, one, k->text);
    cr_assert(memcmp(one, two, k->n * sizeof *one) == 0, "%s: copy after %zu steps", k->text,
              i + 1);
    copy_state(second, first);
  }
  symo_optim_state_destroy(second);
}

Test(curvature_kit, a_copied_state_goes_on_to_the_same_bits) {
  curvatures_for_each_case(check_copies);
}

/* Entry 0 counts the refused step; nothing else may change. */
static unsigned char *bytes_of(symo_test_stepper *s, size_t *count) {
  unsigned char *out = NULL;
  *count = 0;
  for (size_t i = 1; i < symo_optim_state_num_entries(s->state); i++) {
    const symo_state_entry e = symo_optim_state_entry(s->state, i);
    size_t bytes = symo_dtype_size(e.dtype);
    for (size_t axis = 0; axis < e.order; axis++) bytes *= e.shape[axis];
    out = realloc(out, *count + bytes);
    memcpy(out + *count, e.data, bytes);
    *count += bytes;
  }
  return out;
}

static void check_not_finite(curvature_case *k) {
  const double values[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
  double g[STEPS * MOST], d[MOST];
  curvatures_draw(k, g);
  curvatures_step(&k->s, g, d, k->text);
  for (size_t i = 0; i < 3; i++) {
    size_t before_count, after_count;
    double theta[MOST];
    unsigned char *before = bytes_of(&k->s, &before_count);
    memcpy(theta, k->s.theta, k->n * sizeof *theta);
    memcpy(k->s.g, g, k->n * sizeof *g);
    k->s.g[(5 * i + 1) % k->n] = values[i];
    const symo_step_report report = symo_stepper_step(&k->s);
    cr_assert(!report.accepted && report.refused_steps == i + 1, "%s takes %g", k->text, values[i]);
    cr_assert(memcmp(theta, k->s.theta, k->n * sizeof *theta) == 0, "%s: parameters", k->text);
    unsigned char *after = bytes_of(&k->s, &after_count);
    cr_assert(after_count == before_count && memcmp(before, after, after_count) == 0,
              "%s: %g changes the state", k->text, values[i]);
    free(before), free(after);
  }
}

Test(curvature_kit, what_is_not_finite_is_refused_and_the_state_stays) {
  curvatures_for_each_case(check_not_finite);
}

/* ---- by itself ---- */

/* Roots of a state in which something is not finite: those that fail leave all as it was. */
static size_t count_failed_roots(const curvature_case *k, symo_rig *r) {
  unsigned char *kept[2 * MOST];
  size_t failed = 0;
  for (size_t root = 0; root < k->row->num_roots(r->self); root++) {
    for (size_t i = 0; i < r->num_entries; i++) {
      kept[i] = malloc(r->entry_bytes[i]);
      memcpy(kept[i], r->state[i], r->entry_bytes[i]);
    }
    const symo_status status =
        k->row->refresh(r->self, r->state, &r->step, root, &r->report, r->work);
    cr_assert(status >= 0, "%s: %s", k->text, symo_status_name(status));
    failed += status > 0;
    for (size_t i = 0; i < r->num_entries; i++) {
      cr_assert(status == SYMO_OK || memcmp(kept[i], r->state[i], r->entry_bytes[i]) == 0, "%s: %s",
                k->text, r->entries[i].name);
      free(kept[i]);
    }
  }
  return failed;
}

static void check_failed_root(curvature_case *k) {
  double g[STEPS * MOST], d[MOST];
  symo_rig r = symo_rig_make(&k->s.w, k->row, &k->method, k->dtype);
  curvatures_draw(k, g);
  symo_rig_step(&r, true, g, d);
  if (k->row->num_roots(r.self) > 0 && k->row->keeps_roots(&k->method)) {
    cr_assert(r.num_entries <= 2 * MOST);
    g[k->n] = (double)INFINITY;
    symo_test_vector x = symo_test_vector_make(r.layout, r.dtype, NULL);
    symo_test_vector_set(&x, g + k->n);
    symo_rig_accumulate(&r, symo_test_in(&x));
    const size_t failed = count_failed_roots(k, &r);
    /* Bases of rows with a momentum of their own take gradients in after the step. */
    const bool later = k->row->own_momentum && k->method.basis != SYMO_BASIS_NONE;
    cr_assert(failed > 0 || later, "%s: a root of infinity", k->text);
    symo_test_vector_free(&x);
  }
  symo_rig_free(&r);
}

Test(curvature_kit, a_failed_root_leaves_the_state) { curvatures_for_each_case(check_failed_root); }

static void check_cost(curvature_case *k) {
  symo_rig r = symo_rig_make(&k->s.w, k->row, &k->method, k->dtype);
  char *text = NULL;
  cr_ok(k->s.w.context, k->row->describe(r.self, &text));
  cr_assert(text[0] != 0 && text[strlen(text) - 1] == '\n', "%s describes nothing", k->text);
  symo_free(text);
  double flops = k->row->apply_flops(r.self);
  cr_assert(flops >= 0 && isfinite(flops), "%s", k->text);
  if (k->row->accumulate_flops != NULL) cr_assert(k->row->accumulate_flops(r.self) >= 0);
  for (size_t i = 0; i < k->row->num_roots(r.self); i++)
    cr_assert(k->row->refresh_flops(r.self, i) > 0, "%s: root %zu is free", k->text, i);
  const symo_optim_cost cost = symo_optim_cost_of(k->s.optim);
  cr_assert(cost.state_bytes > 0 && cost.work_bytes > 0, "%s", k->text);
  cr_assert(cost.flops_per_step > 0 && isfinite(cost.flops_per_step), "%s", k->text);
  cr_assert(cost.flops_per_step >= flops, "%s: the plan leaves out the curvature", k->text);
  symo_rig_free(&r);
}

Test(curvature_kit, plans_say_what_they_do_and_cost) { curvatures_for_each_case(check_cost); }

static symo_status make(void *self) {
  curvature_case *k = self;
  void *curvature = NULL;
  const curvature_task task = {.context = k->s.w.context,
                               .layout = k->s.w.layout,
                               .dtype = k->dtype,
                               .method = &k->method,
                               .threads = 1};
  const symo_status status = k->row->create(&task, &curvature);
  cr_assert((curvature != NULL) == (status == SYMO_OK), "%s", k->text);
  if (curvature != NULL) k->row->destroy(curvature);
  return status;
}

static void check_memory(curvature_case *k) {
  cr_assert(symo_test_allocations(make, k) > 0, "%s takes no memory", k->text);
  k->row->destroy(NULL);
}

Test(curvature_kit, creation_survives_any_failed_allocation) {
  curvatures_for_each_case(check_memory);
}
