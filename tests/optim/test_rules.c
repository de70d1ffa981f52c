/* Rules: patterns, the first that fits, those of presets. */
#include "optim/block.h"
#include "tests/support/stepping.h"

Test(optim_rules, patterns) {
  static const struct {
    const char *pattern, *name;
    bool fits;
  } rows[] = {
      {"*", "w1", true},
      {"w?", "w1", true},
      {"w?", "w", false},
      {"w?", "w12", false},
      {"w*", "w", true},
      {"*.weight", "h.0.weight", true},
      {"*.weight", "weight", false},
      {"h.*.b*s", "h.3.bias", true},
      {"h.*.b*s", "h.3.bia", false},
      {"*a*b*c", "xaxxbxxbxc", true},
      {"*a*b*c", "xaxxcxxb", false},
      {"**", "x", true},
      {"w1", "w1", true},
      {"w1", "w10", false},
      {"w10", "w1", false},
      {"*w1", "w1w1", true},
      {"?*", "x", true},
      {"emb*", "w1", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_rule rule = {.max_order = 1};
    strcpy(rule.pattern, rows[i].pattern);
    cr_assert(symo_rule_fits(&rule, rows[i].name, 1, true, true) == rows[i].fits, "%s %s",
              rows[i].pattern, rows[i].name);
    cr_assert(!symo_rule_fits(&rule, rows[i].name, 2, true, true));
  }
}

static const char net[] = "v: identity 9; in: identity 5; h: signed-permutation 7; "
                          "embed[v,in] w1[h,in] b1[h] w2[v,h] t[h,in,in]";

Test(optim_rules, the_first_that_fits_counts) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 21, false);
  symo_method adam = symo_stepper_method(&s, "adam", ""), sgd = symo_stepper_method(&s, "sgd", "");
  symo_rule rules[4];
  for (int i = 0; i < 4; i++) rules[i] = symo_stepper_rule(i % 2 == 0 ? &adam : &sgd);
  strcpy(rules[0].pattern, "embed*");
  rules[1].min_order = rules[1].max_order = 2;
  rules[2].max_order = 1;
  symo_stepper_plan(&s, 4, rules);
  const size_t expected[] = {0, 1, 2, 1, 3};
  for (size_t i = 0; i < 5; i++) cr_assert(symo_optim_rule_of(s.optim, i) == expected[i]);
  /* Each tensor moves as its rule alone would have it. */
  double together[512], *before = malloc(s.w.n * sizeof *before);
  memcpy(before, s.theta, s.w.n * sizeof *before);
  symo_test_randn(s.w.rng, s.g, s.w.n);
  for (int t = 0; t < 3; t++) symo_stepper_step(&s);
  memcpy(together, s.theta, s.w.n * sizeof *together);
  for (int k = 0; k < 2; k++) {
    symo_stepper_preset(&s, k == 0 ? "adam" : "sgd", "");
    symo_stepper_set(&s, before);
    for (int t = 0; t < 3; t++) symo_stepper_step(&s);
    for (size_t i = 0; i < 5; i++) {
      if (expected[i] % 2 != (size_t)k) continue;
      size_t at = symo_layout_tensor_offset(s.w.layout, i);
      cr_assert(memcmp(together + at, s.theta + at,
                       symo_layout_tensor_size(s.w.layout, i) * sizeof *together) == 0);
    }
  }
  free(before);
  symo_stepper_close(&s);
}

Test(optim_rules, tensors_that_no_group_moves_may_go_elsewhere) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 23, false);
  symo_method symo = symo_stepper_method(&s, "symo", "");
  symo_rule rules[4];
  size_t num = 0;
  cr_ok(s.w.context, symo_optim_preset_rules(s.w.context, &symo, &num, rules));
  symo_stepper_plan(&s, num, rules);
  const size_t expected[] = {1, 0, 1, 0, 0}; /* embed[v,in] and b1[h] are adamw's */
  for (size_t i = 0; i < 5; i++) cr_assert_eq(symo_optim_rule_of(s.optim, i), expected[i]);
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.num_rules = 1;
  spec.rules = rules;
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "embed of 2 axes, which no group moves",
           symo_optim_create(s.w.layout, &spec, &optim));
  symo_stepper_close(&s);
}

Test(optim_rules, uncovered_tensors_are_named) {
  symo_test_stepper s;
  symo_stepper_open(&s, net, SYMO_F64, 22, false);
  symo_method adam = symo_stepper_method(&s, "adam", "");
  symo_rule rules[2] = {symo_stepper_rule(&adam), symo_stepper_rule(&adam)};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.num_rules = 2;
  spec.rules = rules;
  rules[0].min_order = 2;
  rules[0].max_order = 2;
  rules[1].max_order = 1;
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "tensor t of 3 axes",
           symo_optim_create(s.w.layout, &spec, &optim));
  rules[0].max_order = 3;
  strcpy(rules[0].pattern, "w*");
  cr_fails(s.w.context, SYMO_E_ARGUMENT, "tensor embed",
           symo_optim_create(s.w.layout, &spec, &optim));
  cr_assert(optim == NULL);
  symo_stepper_close(&s);
}

Test(optim_rules, presets_bring_theirs) {
  symo_context *context = symo_test_context();
  for (size_t p = 0; p < symo_method_num_presets(); p++) {
    const char *name = symo_method_preset_name(p);
    symo_method m;
    symo_rule rules[4];
    size_t num = 0;
    cr_ok(context, symo_method_preset(context, name, &m));
    m.schedule = SYMO_SCHEDULE_COSINE;
    m.total_steps = 77;
    cr_ok(context, symo_optim_preset_rules(context, &m, &num, rules));
    bool matrices = strncmp(name, "muon", 4) == 0 || strncmp(name, "spectral", 8) == 0 ||
                    strcmp(name, "shampoo") == 0 || strcmp(name, "soap") == 0 ||
                    (strncmp(name, "symo", 4) == 0 && strcmp(name, "symo-published") != 0 &&
                     strcmp(name, "symo-pd") != 0);
    const bool sites = m.curvature == &symo_curvature_kfac;
    cr_assert(num == (matrices || sites ? 2 : 1), "%s", name);
    cr_assert(strcmp(rules[0].method.preset, name) == 0);
    for (size_t order = 0; order <= SYMO_MAX_ORDER; order++) {
      cr_assert(symo_rule_find(num, rules, "x", order, true, true) ==
                (matrices && order < 2 ? 1 : 0));
      cr_assert(symo_rule_find(num, rules, "x", order, false, true) ==
                (matrices && (order < 2 || rules[0].needs_group) ? 1 : 0));
    }
    if (sites) { /* what is part of no site is adamw's, at its own rate */
      cr_assert(symo_rule_find(num, rules, "x", 1, true, false) == 1 && rules[1].method.lr == 1e-3);
      cr_assert(rules[0].needs_site && !rules[1].needs_site);
    }
    if (!matrices && !sites) continue;
    cr_assert_str_eq(rules[1].method.preset, "adamw");
    cr_assert_eq(rules[1].method.schedule, SYMO_SCHEDULE_COSINE);
    cr_assert(rules[1].method.total_steps == 77);
    if (strncmp(name, "muon", 4) == 0)
      cr_assert(rules[1].method.lr == 3e-4 && rules[1].method.beta2 == 0.95);
  }
  cr_assert(symo_optim_preset_rules(context, NULL, NULL, NULL) == SYMO_E_ARGUMENT);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Three steps of symo on tensors with heads. */
static void walk(const char *layout, const char *groups, symo_dtype dtype, double *theta) {
  symo_test_stepper s;
  symo_stepper_open(&s, layout, dtype, 23, false);
  symo_method m = symo_stepper_method(&s, "symo", "");
  cr_ok(s.w.context, symo_method_set(s.w.context, &m, "groups", groups));
  symo_rule rule = symo_stepper_rule(&m);
  symo_stepper_plan(&s, 1, &rule);
  for (int t = 0; t < 3; t++) symo_stepper_random(&s, 1);
  cr_assert(s.w.n == 120);
  memcpy(theta, s.theta, s.w.n * sizeof *theta);
  symo_stepper_close(&s);
}

/* `alternate copies` is what heads of one group after the other give. */
Test(optim_rules, copies_by_themselves) {
  static const char wreath[] = "h: wreath(3, orthogonal 4); e: identity 5; q[h,e] o[e,h]";
  static const char sum[] = "h: sum(orthogonal 4, orthogonal 4, orthogonal 4); e: identity 5; "
                            "q[h,e] o[e,h]";
  for (int f32 = 0; f32 < 2; f32++) {
    const symo_dtype dtype = f32 ? SYMO_F32 : SYMO_F64;
    double copies[120], parts[120], whole[120];
    walk(wreath, "alternate copies", dtype, copies);
    walk(sum, "alternate", dtype, parts);
    walk(wreath, "alternate", dtype, whole);
    const double bound = symo_test_bound(dtype, 4, 1), apart = symo_test_rel(copies, parts, 120);
    cr_assert(apart <= bound, "%g", apart);
    cr_assert(symo_test_rel(copies, whole, 120) > 10 * bound);
  }
}
