/* Plans and steps for tests; see stepping.h. */
#include "tests/support/stepping.h"

#include "optim/curvature/curvature.h"

#include <stdio.h>
#include <stdlib.h>

void symo_stepper_open(symo_test_stepper *s, const char *text, symo_dtype dtype, uint64_t seed,
                       bool strided) {
  *s = (symo_test_stepper){.dtype = dtype};
  symo_world_open(&s->w, seed);
  symo_world_parse(&s->w, text);
  s->params = symo_test_vector_make(s->w.layout, dtype, strided ? s->w.rng : NULL);
  s->grad = symo_test_vector_make(s->w.layout, dtype, strided ? s->w.rng : NULL);
  s->theta = calloc(2 * s->w.n, sizeof *s->theta);
  cr_assert(s->theta != NULL);
  s->g = s->theta + s->w.n;
  /* Values do not depend on how they are stored. */
  symo_rng *rng = symo_test_rng(s->w.context, seed + 1);
  symo_test_randn(rng, s->theta, s->w.n);
  symo_rng_destroy(rng);
  symo_rng_destroy(s->w.rng);
  s->w.rng = symo_test_rng(s->w.context, seed + 2);
  symo_test_vector_set(&s->params, s->theta);
  symo_test_vector_get(&s->params, s->theta); /* rounded */
}

static void drop_plan(symo_test_stepper *s) {
  symo_optim_state_destroy(s->state);
  symo_optim_destroy(s->optim);
  s->state = NULL;
  s->optim = NULL;
}

void symo_stepper_drop(symo_test_stepper *s) {
  drop_plan(s);
  symo_test_vector_free(&s->params);
  symo_test_vector_free(&s->grad);
  free(s->theta);
  symo_world_drop(&s->w);
  symo_rng_destroy(s->w.rng);
  symo_context_destroy(s->w.context);
}

void symo_stepper_close(symo_test_stepper *s) {
  symo_stepper_drop(s);
  cr_no_leaks();
}

void symo_test_settings(symo_context *context, symo_method *method, const char *settings) {
  char text[512], *word, *rest = text;
  snprintf(text, sizeof text, "%s", settings);
  while ((word = strtok_r(rest, " ", &rest)) != NULL) {
    char *value = strchr(word, '=');
    cr_assert(value != NULL, "%s", word);
    *value++ = 0;
    cr_ok(context, symo_method_set(context, method, word, value));
  }
}

symo_method symo_stepper_method(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_method method;
  cr_ok(s->w.context, symo_method_preset(s->w.context, preset, &method));
  symo_test_settings(s->w.context, &method, settings);
  return method;
}

symo_rule symo_stepper_rule(const symo_method *method) {
  symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER};
  rule.method = *method;
  return rule;
}

void symo_stepper_plan(symo_test_stepper *s, size_t num_rules, const symo_rule *rules) {
  symo_optim_spec spec = symo_optim_spec_default();
  drop_plan(s);
  spec.num_rules = num_rules;
  spec.rules = rules;
  spec.dtype = s->dtype;
  cr_ok(s->w.context, symo_optim_create(s->w.layout, &spec, &s->optim));
  cr_ok(s->w.context, symo_optim_state_create(s->optim, &s->state));
}

void symo_stepper_preset(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_method method = symo_stepper_method(s, preset, settings);
  symo_rule rule = symo_stepper_rule(&method);
  symo_stepper_plan(s, 1, &rule);
}

symo_status symo_stepper_try(symo_test_stepper *s, const char *preset, const char *settings) {
  symo_method method = symo_stepper_method(s, preset, settings);
  symo_rule rule = symo_stepper_rule(&method);
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.num_rules = 1;
  spec.rules = &rule;
  spec.dtype = s->dtype;
  symo_status status = symo_optim_create(s->w.layout, &spec, &optim);
  symo_optim_destroy(optim);
  return status;
}

symo_step_report symo_stepper_step(symo_test_stepper *s) {
  symo_step_report report;
  symo_test_vector_set(&s->grad, s->g);
  symo_test_vector_get(&s->grad, s->g);
  cr_ok(s->w.context,
        symo_optim_step(s->state, symo_test_in(&s->grad), symo_test_out(&s->params), &report));
  symo_test_vector_get(&s->params, s->theta);
  return report;
}

symo_step_report symo_stepper_random(symo_test_stepper *s, double scale) {
  symo_test_randn(s->w.rng, s->g, s->w.n);
  for (size_t i = 0; i < s->w.n; i++) s->g[i] *= scale;
  return symo_stepper_step(s);
}

void symo_stepper_set(symo_test_stepper *s, const double *theta) {
  symo_test_vector_set(&s->params, theta);
  symo_test_vector_get(&s->params, s->theta);
}

symo_state_entry symo_stepper_entry(symo_test_stepper *s, const char *name) {
  for (size_t i = 0; i < symo_optim_state_num_entries(s->state); i++) {
    symo_state_entry entry = symo_optim_state_entry(s->state, i);
    if (strcmp(entry.name, name) == 0) return entry;
  }
  cr_assert_fail("no entry %s", name);
  return (symo_state_entry){.dtype = SYMO_ANY};
}

bool symo_test_asks(const symo_curvature *curvature) {
  return curvature->products || curvature->sites || curvature->needs_estimates;
}

bool symo_test_preset_asks(const char *preset) {
  symo_method m;
  cr_assert(symo_method_preset(NULL, preset, &m) == SYMO_OK);
  return symo_test_asks(m.curvature) || m.source >= SYMO_SOURCE_HUTCHINSON;
}
