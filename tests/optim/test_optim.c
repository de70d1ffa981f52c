/* Plans: what is refused and why, groups of the blocks, costs, texts; steps of every preset. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/block.h"
#include "tests/support/stepping.h"

static const char net[] = "in: identity 5; h1: signed-permutation 7; h2: signed-permutation 6; "
                          "out: identity 3; w1[h1,in] b1[h1] w2[h2,h1] b2[h2] w3[out,h2] b3[out]";

/* ---- refusals ---- */

Test(optim_plan, impossible_pairings_are_refused_with_the_reason) {
  static const struct {
    const char *preset, *settings, *reason;
  } rows[] = {
      {"sgd", "nesterov=true", "nesterov needs momentum"},
      {"sgd", "momentum=0.9 momentum_correction=true", "momentum_ema true"},
      {"adam", "source=momentum momentum=0", "source momentum needs momentum"},
      {"adam", "schedule=cosine", "total_steps above warmup_steps"},
      {"adam", "schedule=wsd total_steps=10 warmup_steps=10", "total_steps above warmup_steps"},
      {"adam", "schedule=linear", "total_steps above warmup_steps"},
      {"adam", "min_lr=1", "min_lr"},
      {"adam", "damping=levenberg-marquardt", "hessian or ggn"},
      {"symo", "damping=levenberg-marquardt", "hessian or ggn"},
      {"symo", "solver=cg", "hessian or ggn"},
      {"symo", "precondition=diagonal", "hessian or ggn"},
      {"adam", "warm_start=true", "hessian or ggn"},
      {"adam", "damping=trace", "no trace"},
      {"adam", "solver=eigh", "no root"},
      {"adam", "basis=adam", "no eigenbasis"},
      {"adam", "groups=orthogonal", "orbit curvature only"},
      {"normalized-sgd", "groups=alternate", "orbit curvature only"},
      {"normalized-sgd", "centered=true", "orbit curvature only"},
      {"sgd", "alpha=1", "alpha = 0"},
      {"sgd", "eps=0.1", "nothing to damp"},
      {"sgd", "damping=trace", "nothing to damp"},
      {"sgd", "solver=newton-schulz", "no root"},
      {"sgd", "refresh_every=2", "roots that are kept"},
      {"adam", "refresh_every=2", "roots that are kept"},
      {"muon", "refresh_every=2", "roots that are kept"},
      {"symo", "refresh_every=2", "roots that are kept"},
      {"symo-published", "refresh_every=2 beta2=0", "roots that are kept"},
      {"symo-stateless", "refresh_every=2", "roots that are kept"},
  };
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 31, false);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    cr_fails(s.w.context, SYMO_E_UNSUPPORTED, rows[i].reason,
             symo_stepper_try(&s, rows[i].preset, rows[i].settings));
  symo_stepper_close(&s);
}

Test(optim_plan, products_are_of_all_tensors) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 31, false);
  symo_method newton = symo_stepper_method(&s, "newton-cg", "");
  symo_method adam = symo_stepper_method(&s, "adam", "");
  symo_rule rules[2] = {symo_stepper_rule(&newton), symo_stepper_rule(&adam)};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  rules[0].min_order = 2;
  spec.num_rules = 2;
  spec.rules = rules;
  cr_fails(s.w.context, SYMO_E_UNSUPPORTED, "one rule for all",
           symo_optim_create(s.w.layout, &spec, &optim));
  symo_stepper_close(&s);
}

Test(optim_plan, specs_are_checked) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 32, false);
  symo_method adam = symo_stepper_method(&s, "adam", "");
  symo_rule rule = symo_stepper_rule(&adam), good = rule;
  symo_optim_spec spec = symo_optim_spec_default(), fine;
  symo_optim *optim = NULL;
  symo_context *context = s.w.context;
  cr_fails(context, SYMO_E_ARGUMENT, "no rules", symo_optim_create(s.w.layout, &spec, &optim));
  spec.num_rules = 1;
  spec.rules = &rule;
  fine = spec;
  spec.dtype = (symo_dtype)9;
  cr_fails(context, SYMO_E_DTYPE, "dtype 9", symo_optim_create(s.w.layout, &spec, &optim));
  spec = fine;
  spec.nan = (symo_nan_policy)5;
  cr_fails(context, SYMO_E_ARGUMENT, "nan policy", symo_optim_create(s.w.layout, &spec, &optim));
  spec = fine;
  spec.budget_bytes = (double)NAN;
  cr_fails(context, SYMO_E_ARGUMENT, "budget", symo_optim_create(s.w.layout, &spec, &optim));
  spec = fine;
  spec.threads = 0;
  cr_fails(context, SYMO_E_ARGUMENT, "threads", symo_optim_create(s.w.layout, &spec, &optim));
  spec = fine;
  rule.pattern[0] = 0;
  cr_fails(context, SYMO_E_NAME, "pattern", symo_optim_create(s.w.layout, &spec, &optim));
  rule.pattern[0] = '=';
  cr_fails(context, SYMO_E_NAME, "pattern", symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  rule.also[0] = '\xff';
  cr_fails(context, SYMO_E_NAME, "pattern", symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  rule.min_order = 3;
  rule.max_order = 2;
  cr_fails(context, SYMO_E_ARGUMENT, "3 to 2 axes", symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  rule.method.lr = (double)NAN;
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0: lr", symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  cr_fails(context, SYMO_E_NAME, "did you mean diagonal?",
           symo_method_set(context, &rule.method, "curvature", "diagnal"));
  rule.method.curvature = NULL;
  cr_fails(context, SYMO_E_NAME, "rule 0: curvature: none of the library's (must be one of: orbit",
           symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  rule.method.scale = (symo_scale)4; /* one past the last */
  cr_fails(context, SYMO_E_NAME, "rule 0: scale: none of the library's (must be one of: none",
           symo_optim_create(s.w.layout, &spec, &optim));
  rule = good;
  memset(rule.method.groups, 'x', sizeof rule.method.groups);
  cr_fails(context, SYMO_E_NAME, "without end", symo_optim_create(s.w.layout, &spec, &optim));
  symo_layout *empty;
  cr_ok(context, symo_layout_create(context, &empty));
  rule = good;
  cr_fails(context, SYMO_E_ARGUMENT, "no tensors", symo_optim_create(empty, &spec, &optim));
  symo_layout_destroy(empty);
  cr_assert(symo_optim_create(NULL, &spec, &optim) == SYMO_E_ARGUMENT && optim == NULL);
  cr_assert(symo_optim_step(NULL, symo_test_in(&s.grad), symo_test_out(&s.params), NULL) ==
            SYMO_E_ARGUMENT);
  symo_stepper_close(&s);
}

Test(optim_plan, the_budget_is_kept) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 33, false);
  symo_stepper_preset(&s, "adam", "");
  symo_optim_cost cost = symo_optim_cost_of(s.optim);
  cr_assert(cost.state_bytes >= 2.0 * 8 * (double)s.w.n && cost.flops_per_step > 0);
  cr_assert(cost.state_bytes <= 2.0 * 8 * (double)s.w.n + 64.0 * 16);
  symo_method adam = symo_stepper_method(&s, "adam", "");
  symo_rule rule = symo_stepper_rule(&adam);
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.num_rules = 1;
  spec.rules = &rule;
  spec.budget_bytes = cost.state_bytes + cost.work_bytes;
  cr_ok(s.w.context, symo_optim_create(s.w.layout, &spec, &optim));
  symo_optim_destroy(optim);
  char number[32];
  spec.budget_bytes -= 1;
  snprintf(number, sizeof number, "%.0f", spec.budget_bytes);
  cr_fails(s.w.context, SYMO_E_SIZE, number, symo_optim_create(s.w.layout, &spec, &optim));
  snprintf(number, sizeof number, "%.0f", spec.budget_bytes + 1);
  cr_assert(strstr(symo_context_detail(s.w.context), number) != NULL);
  symo_stepper_close(&s);
}

/* ---- making and unmaking ---- */

typedef struct creation {
  symo_layout *layout;
  symo_optim_spec spec;
} creation;

static symo_status create_all(void *self) {
  const creation *c = self;
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  char *text = NULL;
  symo_status status = symo_optim_create(c->layout, &c->spec, &optim);
  if (status == SYMO_OK) status = symo_optim_state_create(optim, &state);
  if (status == SYMO_OK) status = symo_optim_describe(optim, &text);
  symo_free(text);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  return status;
}

Test(optim_plan, failing_allocations_leave_nothing_behind) {
  static const char *const presets[] = {"adam", "muon", "symo", "shampoo", "normalized-sgd", "sgd"};
  for (int p = 0; p < 6; p++) {
    symo_test_stepper s;
    symo_rule rules[4];
    size_t num;
    symo_stepper_open(&s, net, SYMO_F64, 34, false);
    symo_method method = symo_stepper_method(&s, presets[p], "graft=adam");
    cr_ok(s.w.context, symo_optim_preset_rules(s.w.context, &method, &num, rules));
    creation c = {s.w.layout, symo_optim_spec_default()};
    c.spec.num_rules = num;
    c.spec.rules = rules;
    cr_assert(symo_test_allocations(create_all, &c) > 10);
    symo_stepper_close(&s);
  }
}

Test(optim_plan, states_keep_their_plan_alive) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 35, false);
  symo_stepper_preset(&s, "adam", "");
  symo_optim_destroy(s.optim);
  s.optim = NULL;
  symo_step_report r = symo_stepper_random(&s, 1);
  cr_assert(r.accepted);
  symo_stepper_close(&s);
}

Test(optim_plan, the_layout_decides_the_type_where_the_spec_does_not) {
  for (int k = 0; k < 3; k++) {
    symo_world w;
    symo_world_open(&w, 36);
    symo_world_parse(&w, net);
    const symo_dtype types[] = {SYMO_ANY, SYMO_F32, SYMO_F64};
    cr_ok(w.context, symo_layout_set_dtype(w.layout, types[k]));
    symo_method m;
    cr_ok(w.context, symo_method_preset(w.context, "adam", &m));
    symo_rule rule = symo_stepper_rule(&m);
    symo_optim_spec spec = symo_optim_spec_default();
    symo_optim *optim;
    spec.num_rules = 1;
    spec.rules = &rule;
    cr_ok(w.context, symo_optim_create(w.layout, &spec, &optim));
    cr_assert(optim->dtype == (k == 1 ? SYMO_F32 : SYMO_F64));
    symo_optim_destroy(optim);
    symo_world_close(&w);
  }
}

/* ---- groups of blocks ---- */

/* How the groups of a block look: "w1:sp,id b1:sp ..", with twins marked. */
static void sides(const symo_layout *layout, char *out, size_t room) {
  size_t used = 0;
  out[0] = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    used += (size_t)snprintf(out + used, room - used, "%s%s:", t > 0 ? " " : "",
                             symo_layout_tensor_name(layout, t));
    for (size_t a = 0; a < symo_layout_tensor_order(layout, t); a++) {
      const symo_group *g = symo_layout_space_group(layout, symo_layout_axis_space(layout, t, a));
      bool identity = strcmp(symo_group_name(g), "identity") == 0;
      bool dual = symo_layout_axis_dual(layout, t, a);
      used += (size_t)snprintf(out + used, room - used, "%c%s",
                               identity ? '-' : symo_group_name(g)[0], dual ? "*" : "");
    }
  }
}

Test(optim_plan, alternate_acts_on_one_side_of_each_matrix) {
  static const char odd[] = "in: identity 5; h1: signed-permutation 7; out: identity 3; "
                            "w1[h1,in] w2[out,h1]";
  static const char deep[] =
      "in: identity 5; a: permutation 4; b: permutation 7; c: permutation 6; "
      "out: identity 3; w1[a,in] b1[a] w2[b,a] w3[c,b] b3[c] w4[out,c]";
  static const char loop[] = "in: identity 5; h: signed-permutation 7; w[h,in] r[h,h*] k[h,in,in]";
  static const char ring[] = "a: permutation 4; b: permutation 5; c: permutation 6; "
                             "x[a,b] y[b,c] z[c,a]";
  static const char wide[] = "in: identity 2; h1: signed-permutation 7; h2: signed-permutation 6; "
                             "out: identity 9; w1[h1,in] w2[h2,h1] w3[out,h2]";
  static const struct {
    const char *layout, *curvature, *groups, *expected;
  } rows[] = {
      {wide, "orbit", "alternate", "w1:s- w2:s- w3:-s"}, /* the smaller one goes alone */
      {net, "orbit", "layout", "w1:s- b1:s w2:ss b2:s w3:-s b3:-"},
      {net, "orbit", "orthogonal", "w1:oo b1:o w2:oo b2:o w3:oo b3:o"},
      {odd, "orbit", "alternate", "w1:s- w2:-s"},
      {odd, "orbit-blocked", "alternate orthogonal", "w1:o- w2:-o"},
      {deep, "orbit", "alternate", "w1:p- b1:p w2:-p w3:p- b3:p w4:-p"},
      {deep, "orbit-blocked", "alternate", "w1:p- b1:p w2:-p w3:p- b3:p w4:-p"},
      /* Two hidden layers: one of the outer matrices is coupled with its bias only. */
      {net, "orbit", "alternate", "w1:s- b1:s w2:-s b2:s w3:-s b3:-"},
      {net, "orbit-blocked", "alternate", "w1:s- b1:s w2:-s b2:s w3:-s b3:-"},
      {net, "orbit-blocked", "alternate orthogonal", "w1:o- b1:o w2:-o b2:o w3:o- b3:o"},
      {net, "orbit", "alternate orthogonal", "w1:o- b1:o w2:-o b2:o w3:o- b3:o"},
      {loop, "orbit-blocked", "alternate", "w:s- r:s-* k:s--"},
      {loop, "orbit", "alternate", "w:s- r:s-* k:s--"},
      {ring, "orbit-blocked", "alternate", "x:p- y:p- z:-p"},
      {ring, "orbit", "alternate", "x:p- y:p- z:-p"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_world w;
    size_t tensors[16];
    char text[256];
    symo_layout *block;
    symo_world_open(&w, 37);
    symo_world_parse(&w, rows[i].layout);
    for (size_t t = 0; t < 16; t++) tensors[t] = t;
    symo_method m;
    cr_ok(w.context, symo_method_preset(w.context, "symo", &m));
    cr_ok(w.context, symo_method_set(w.context, &m, "curvature", rows[i].curvature));
    cr_ok(w.context, symo_method_set(w.context, &m, "groups", rows[i].groups));
    cr_ok(w.context, symo_block_layout(w.layout, symo_layout_num_tensors(w.layout), tensors, &m,
                                       SYMO_F64, &block));
    sides(block, text, sizeof text);
    cr_assert_str_eq(text, rows[i].expected, "%s, %s: %s instead of %s", rows[i].curvature,
                     rows[i].groups, text, rows[i].expected);
    symo_layout_destroy(block);
    symo_world_close(&w);
  }
}

/* ---- steps of every preset ---- */

static const char *const gradient_presets[] = {
    "symo",           "symo-bd", "symo-coupled",    "symo-stateless",
    "symo-published", "muon",    "muon-exact",      "shampoo",
    "soap",           "adam",    "adamw",           "normalized-sgd",
    "adagrad-full",   "sgd",     "spectral-newton", "spectral-newton-exact"};
enum { NUM_GRADIENT = sizeof gradient_presets / sizeof *gradient_presets };

static void plan_preset(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_rule rules[4];
  size_t num;
  symo_method method = symo_stepper_method(s, preset, settings);
  cr_ok(s->w.context, symo_optim_preset_rules(s->w.context, &method, &num, rules));
  symo_stepper_plan(s, num, rules);
}

Test(optim_plan, all_presets_step_on_any_storage_without_allocating) {
  for (int p = 0; p < NUM_GRADIENT; p++)
    for (int k = 0; k < 2; k++) {
      symo_test_stepper dense, strided;
      symo_dtype dtype = k == 0 ? SYMO_F64 : SYMO_F32;
      symo_stepper_open(&dense, net, dtype, 44, false);
      symo_stepper_open(&strided, net, dtype, 44, true);
      plan_preset(&dense, gradient_presets[p], "");
      plan_preset(&strided, gradient_presets[p], "");
      for (int t = 0; t < 4; t++) {
        symo_stepper_random(&dense, 1);
        memcpy(strided.g, dense.g, dense.w.n * sizeof *dense.g);
        symo_test_vector_set(&strided.grad, strided.g);
        size_t calls = symo_alloc_calls();
        symo_alloc_fail_after(0);
        symo_step_report r;
        cr_ok(strided.w.context, symo_optim_step(strided.state, symo_test_in(&strided.grad),
                                                 symo_test_out(&strided.params), &r));
        symo_alloc_fail_after(-1);
        cr_assert(symo_alloc_calls() == calls && r.accepted, "%s", gradient_presets[p]);
      }
      symo_test_vector_get(&strided.params, strided.theta);
      double rel = symo_test_rel(strided.theta, dense.theta, dense.w.n);
      cr_assert(rel <= (k == 0 ? 1e-10 : 1e-3), "%s: %g", gradient_presets[p], rel);
      symo_stepper_drop(&dense);
      symo_stepper_close(&strided);
    }
}

static bool keeps_roots(const char *preset) {
  static const char *const keep[] = {"symo-published", "shampoo", "soap", "adagrad-full"};
  for (size_t i = 0; i < sizeof keep / sizeof *keep; i++)
    if (strcmp(preset, keep[i]) == 0) return true;
  return false;
}

Test(optim_plan, the_text_names_tensors_modules_and_totals) {
  for (int p = 0; p < NUM_GRADIENT; p++) {
    symo_test_stepper s;
    char *text = NULL;
    symo_stepper_open(&s, net, SYMO_F64, 45, false);
    const bool keeps = keeps_roots(gradient_presets[p]);
    plan_preset(&s, gradient_presets[p],
                keeps ? "refresh_every=4 warmup_steps=3" : "warmup_steps=3");
    cr_ok(s.w.context, symo_optim_describe(s.optim, &text));
    for (size_t i = 0; i < symo_layout_num_tensors(s.w.layout); i++)
      cr_assert(strstr(text, symo_layout_tensor_name(s.w.layout, i)) != NULL);
    cr_assert(strstr(text, gradient_presets[p]) != NULL);
    cr_assert(strstr(text, s.optim->blocks[0].curvature->name) != NULL);
    cr_assert(strstr(text, "in all: state") != NULL && strstr(text, "warm-up 3") != NULL);
    cr_assert_eq(symo_block_num_roots(&s.optim->blocks[0]) > 0, keeps);
    if (keeps) cr_assert(strstr(text, "every 4") != NULL && strstr(text, "phases") != NULL);
    symo_free(text);
    for (size_t i = 0; i < s.optim->num_entries; i++)
      cr_assert(strlen(s.optim->entries[i].name) > 0 &&
                symo_optim_state_entry(s.state, i).data != NULL);
    symo_stepper_close(&s);
  }
}

/* ---- steps on a problem: L = |theta|^2 / 2 ---- */

static symo_status half_square(void *self, const void *theta, double *loss, void *grad) {
  const size_t n = *(const size_t *)self;
  const double *x = theta;
  double *g = grad, sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * x[i] / 2;
  if (loss != NULL) *loss = sum;
  for (size_t i = 0; i < n; i++) g[i] = x[i];
  return SYMO_OK;
}

Test(optim_plan, problems_are_stepped_on) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 46, false);
  symo_stepper_preset(&s, "sgd", "lr=0.25");
  symo_problem problem = {.name = "half-square",
                          .size = s.w.n,
                          .dtype = SYMO_F64,
                          .self = &s.w.n,
                          .gradient = half_square};
  double theta[128], loss, last = (double)INFINITY;
  memcpy(theta, s.theta, s.w.n * sizeof *theta);
  size_t calls = 0;
  for (int t = 0; t < 5; t++) {
    symo_step_report r;
    cr_ok(s.w.context, symo_optim_problem_step(s.state, &problem, theta, &loss, &r));
    cr_assert(loss < last && r.accepted);
    cr_assert(fabs(r.gradient_norm * r.gradient_norm / 2 - loss) <= 1e-12 * loss);
    for (size_t i = 0; i < s.w.n; i++)
      cr_assert(fabs(theta[i] - s.theta[i] * pow(0.75, t + 1)) <= 1e-14);
    if (t == 0) calls = symo_alloc_calls();
    last = loss;
  }
  cr_assert(symo_alloc_calls() == calls);
  symo_step_report r;
  double before[128];
  theta[1] = (double)INFINITY;
  memcpy(before, theta, sizeof before);
  cr_ok(s.w.context, symo_optim_problem_step(s.state, &problem, theta, NULL, &r));
  cr_assert(!r.accepted && r.refused_steps == 1 && r.step == 5);
  cr_assert(memcmp(before, theta, s.w.n * sizeof *theta) == 0);
  problem.dtype = SYMO_F32;
  cr_fails(s.w.context, SYMO_E_DTYPE, "f32",
           symo_optim_problem_step(s.state, &problem, theta, NULL, NULL));
  problem.dtype = SYMO_F64;
  problem.size++;
  cr_fails(s.w.context, SYMO_E_SHAPE, "parameters",
           symo_optim_problem_step(s.state, &problem, theta, NULL, NULL));
  problem.size--;
  problem.gradient = NULL;
  cr_fails(s.w.context, SYMO_E_UNSUPPORTED, "no gradient",
           symo_optim_problem_step(s.state, &problem, theta, NULL, NULL));
  symo_stepper_close(&s);
}
