/* Options of methods, presets, and what does not go together. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "optim/method.h"
#include "optim/modules.h"
#include "tests/support/stepping.h"

static symo_method preset(symo_context *context, const char *name) {
  symo_method m;
  cr_ok(context, symo_method_preset(context, name, &m));
  return m;
}

Test(optim_method, numbers_read_back_to_the_same_bits) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 1);
  symo_method m = preset(context, "adam"), other = m;
  char text[128];
  for (size_t i = 0; i < symo_method_num_options(); i++) {
    const symo_option *o = symo_method_option(i);
    if (o->kind != SYMO_OPTION_NUMBER) continue;
    for (int k = 0; k < 50; k++) {
      double u = symo_rng_uniform(rng), x = o->min + u * (o->max - o->min);
      if (k % 2 == 0) x = o->min + pow(10, -20 * u);
      if (k < 2) x = k == 0 ? o->min : o->max;
      snprintf(text, sizeof text, "%.17g", x);
      if (symo_method_set(context, &m, o->key, text) != SYMO_OK) {
        snprintf(text, sizeof text, "%.0f", floor(x)); /* a whole number then */
        cr_ok(context, symo_method_set(context, &m, o->key, text));
      }
      cr_ok(context, symo_method_get(context, &m, o->key, text));
      cr_ok(context, symo_method_set(context, &other, o->key, text));
    }
    cr_assert(memcmp(&m, &other, sizeof m) == 0, "%s: %s", o->key, text);
  }
  m.lr = 0.1;
  cr_ok(context, symo_method_get(context, &m, "lr", text));
  cr_assert_str_eq(text, "0.1");
  m.lr = DBL_MIN / 8;
  cr_ok(context, symo_method_get(context, &m, "lr", text));
  cr_ok(context, symo_method_set(context, &other, "lr", text));
  cr_assert(other.lr == m.lr);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* All that a preset is can be written down and read into another. */
Test(optim_method, presets_travel_as_text) {
  symo_context *context = symo_test_context();
  char text[128];
  for (size_t p = 0; p < symo_method_num_presets(); p++) {
    symo_method m = preset(context, symo_method_preset_name(p)), other = preset(context, "muon");
    cr_ok(context, symo_method_check(context, &m, "preset"));
    cr_assert(symo_method_refuse(&m) == NULL, "%s", symo_method_refuse(&m));
    cr_assert_str_eq(m.preset, symo_method_preset_name(p));
    cr_assert(strlen(symo_method_preset_summary(p)) > 10);
    memcpy(other.preset, m.preset, sizeof m.preset);
    for (size_t i = 0; i < symo_method_num_options(); i++) {
      const char *key = symo_method_option(i)->key;
      char again[128];
      cr_ok(context, symo_method_get(context, &m, key, text));
      cr_ok(context, symo_method_set(context, &other, key, text));
      cr_ok(context, symo_method_get(context, &other, key, again));
      cr_assert_str_eq(text, again);
    }
    cr_assert(other.lr == m.lr && other.beta2 == m.beta2 && other.nesterov == m.nesterov);
    cr_assert(other.curvature == m.curvature);
    cr_assert_str_eq(other.groups, m.groups);
  }
  cr_assert(symo_method_preset_name(symo_method_num_presets()) == NULL);
  cr_assert(symo_method_preset_summary(symo_method_num_presets()) == NULL);
  cr_assert(symo_method_option(symo_method_num_options()) == NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Every option has a field of its own: setting one moves bytes that no other moves. */
Test(optim_method, every_option_has_a_field) {
  unsigned char moved[sizeof(symo_method)] = {0};
  for (size_t i = 0; i < symo_method_num_options(); i++) {
    const symo_option *o = symo_method_option(i);
    symo_method a = preset(NULL, "adam"), b = a;
    char low[128], high[128];
    snprintf(low, sizeof low, "%.17g", o->min);
    snprintf(high, sizeof high, "%.0f", floor(o->max));
    if (o->kind == SYMO_OPTION_NUMBER && o->max < 1) strcpy(high, "0.5");
    if (o->kind == SYMO_OPTION_FLAG) strcpy(low, "false"), strcpy(high, "true");
    if (o->kind == SYMO_OPTION_NAME) {
      const char *values = o->values != NULL ? o->values : "layout identity";
      snprintf(low, sizeof low, "%.*s", (int)strcspn(values, " "), values);
      strcpy(high, strchr(values, ' ') + 1);
      high[strcspn(high, " ")] = 0;
    }
    cr_ok(NULL, symo_method_set(NULL, &a, o->key, low));
    cr_ok(NULL, symo_method_set(NULL, &b, o->key, high));
    const unsigned char *x = (const unsigned char *)&a, *y = (const unsigned char *)&b;
    size_t different = 0;
    for (size_t k = 0; k < sizeof a; k++)
      if (x[k] != y[k]) {
        cr_assert(!moved[k], "%s", o->key);
        moved[k] = 1;
        different++;
      }
    cr_assert(different > 0 && strlen(o->help) > 4 && o->min <= o->max, "%s", o->key);
  }
}

Test(optim_method, defaults_are_those_of_the_authors) {
  symo_context *context = symo_test_context();
  symo_method m = preset(context, "muon");
  cr_assert(m.lr == 0.02 && m.momentum == 0.95 && m.nesterov && m.momentum_ema);
  cr_assert(m.beta2 == 0 && !m.mean && m.solver_steps == 5 && m.alpha == 1);
  m = preset(context, "adam");
  cr_assert(m.lr == 1e-3 && m.momentum == 0.9 && m.beta2 == 0.999 && m.eps == 1e-8);
  m = preset(context, "adamw");
  cr_assert(m.weight_decay == 0.01 && m.decay == SYMO_DECAY_DECOUPLED);
  m = preset(context, "soap");
  cr_assert(m.lr == 3e-3 && m.momentum == 0.95 && m.beta2 == 0.95 && m.refresh_every == 10);
  m = preset(context, "shampoo");
  cr_assert(m.lr == 0.01 && m.beta2 == 1 && m.eps == 1e-12 && m.max_dim == 1024);
  m = preset(context, "symo-published");
  cr_assert(m.lr == 0.09 && m.rate == 0.91 && m.beta2 == 0.95 && m.momentum == 0 && !m.centered);
  symo_context_destroy(context);
}

Test(optim_method, mistakes_are_explained) {
  static const struct {
    const char *key, *value;
    symo_status status;
    const char *text;
  } rows[] = {
      {"momentun", "0.9", SYMO_E_NAME, "did you mean momentum?"},
      {"weightdecay", "0.9", SYMO_E_NAME, "did you mean weight_decay?"},
      {"rl", "0.9", SYMO_E_NAME, "did you mean lr?"}, /* a swap of neighbours is one change */
      {"zzzzzzzz", "0.9", SYMO_E_NAME, "is no option"},
      {"lr", "-1", SYMO_E_ARGUMENT, "from 0 to 1000000"},
      {"lr", "nan", SYMO_E_ARGUMENT, "number"},
      {"lr", "inf", SYMO_E_ARGUMENT, "number"},
      {"lr", "1e400", SYMO_E_ARGUMENT, "number"},
      {"lr", "0x10", SYMO_E_ARGUMENT, "number"},
      {"lr", "1.5.2", SYMO_E_ARGUMENT, "number"},
      {"lr", "", SYMO_E_ARGUMENT, "number"},
      {"lr", " 1", SYMO_E_ARGUMENT, "number"},
      {"lr", "1 ", SYMO_E_ARGUMENT, "number"},
      {"momentum", "1", SYMO_E_ARGUMENT, "momentum: 1"},
      {"beta2", "1.01", SYMO_E_ARGUMENT, "from 0 to 1"},
      {"alpha", "2.5", SYMO_E_ARGUMENT, "from 0 to 2"},
      {"refresh_every", "0", SYMO_E_ARGUMENT, "whole number from 1"},
      {"refresh_every", "1.5", SYMO_E_ARGUMENT, "whole number"},
      {"refresh_every", "-1", SYMO_E_ARGUMENT, "whole number from 1"},
      {"refresh_every", "1000000001", SYMO_E_ARGUMENT, "from 1 to 1000000000"},
      {"start_step", "1e300", SYMO_E_ARGUMENT, "whole number from 0 to 1e15"},
      {"max_dim", "nan", SYMO_E_ARGUMENT, "whole number from 1"},
      {"nesterov", "maybe", SYMO_E_ARGUMENT, "true or false"},
      {"solver", "newton-shulz", SYMO_E_NAME, "did you mean newton-schulz?"},
      {"scale", "big", SYMO_E_NAME, "none shape match-rms unit-rms"},
      {"scale", "", SYMO_E_NAME, "must be one of"},
      {"scale", "none shape", SYMO_E_NAME, "must be one of"},
      {"scale", "a-very-long-name-that-does-not-fit", SYMO_E_NAME, "too long"},
      {"groups", "ortogonal", SYMO_E_NAME, "did you mean orthogonal?"},
      {"groups", "alternate ortogonal", SYMO_E_NAME, "did you mean orthogonal?"},
      {"groups", "alternat", SYMO_E_NAME, "did you mean alternate?"},
      {"groups", "scaling", SYMO_E_ARGUMENT, "has parameters"},
  };
  symo_context *context = symo_test_context();
  symo_method m = preset(context, "adam"), before = m;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cr_fails(context, rows[i].status, rows[i].text,
             symo_method_set(context, &m, rows[i].key, rows[i].value));
    cr_assert(memcmp(&m, &before, sizeof m) == 0, "%s", rows[i].key);
  }
  char text[128];
  cr_fails(context, SYMO_E_NAME, "is no option", symo_method_get(context, &m, "lrr_", text));
  cr_fails(context, SYMO_E_NAME, "did you mean shampoo?",
           symo_method_preset(context, "shampo", &m));
  cr_fails(context, SYMO_E_NAME, "no preset", symo_method_preset(context, "", &m));
  cr_assert(symo_method_preset(context, NULL, &m) == SYMO_E_ARGUMENT);
  cr_assert(symo_method_set(context, &m, "lr", NULL) == SYMO_E_ARGUMENT);
  cr_assert(memcmp(&m, &before, sizeof m) == 0);
  cr_ok(NULL, symo_method_set(NULL, &m, "nesterov", "yes"));
  cr_assert(m.nesterov);
  cr_ok(NULL, symo_method_set(NULL, &m, "nesterov", "off"));
  cr_assert(!m.nesterov && symo_method_set(NULL, &m, "lr", "x") == SYMO_E_ARGUMENT);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(optim_method, groups_are_read) {
  static const struct {
    const char *value, *group;
    bool alternates;
  } rows[] = {{"layout", NULL, false},
              {"alternate", NULL, true},
              {"alternate orthogonal", "orthogonal", true},
              {"alternate copies", NULL, true},
              {"identity", "identity", false}};
  symo_method m = preset(NULL, "symo");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    cr_ok(NULL, symo_method_set(NULL, &m, "groups", rows[i].value));
    const char *group = symo_method_group(&m);
    cr_assert(symo_method_alternates(&m) == rows[i].alternates);
    cr_assert((group == NULL) == (rows[i].group == NULL));
    if (group != NULL) cr_assert_str_eq(group, rows[i].group);
  }
}

Test(optim_method, modules_are_listed_once) {
  static const char *const kinds = "curvature solver damping precondition update";
  for (size_t i = 0; i < symo_module_count(); i++) {
    symo_module a = symo_module_at(i);
    cr_assert(a.name != NULL && strstr(kinds, a.kind) != NULL && strlen(a.summary) > 3);
    for (size_t k = 0; k < i; k++) {
      symo_module b = symo_module_at(k);
      cr_assert(strcmp(a.kind, b.kind) != 0 || strcmp(a.name, b.name) != 0, "%s", a.name);
    }
  }
  cr_assert(symo_module_at(symo_module_count()).name == NULL);
}

/* Counts are integers: every one up to the largest is kept, and checked where C sets it. */
Test(optim_method, counts_are_whole_numbers) {
  symo_context *context = symo_test_context();
  symo_method m = preset(context, "symo");
  char text[128];
  cr_ok(context, symo_method_set(context, &m, "total_steps", "999999999999999"));
  cr_assert(m.total_steps == 999999999999999);
  cr_ok(context, symo_method_get(context, &m, "total_steps", text));
  cr_assert_str_eq(text, "999999999999999");
  cr_ok(context, symo_method_set(context, &m, "refresh_every", "1e3"));
  cr_assert(m.refresh_every == 1000);
  m.refresh_every = 0;
  cr_fails(context, SYMO_E_ARGUMENT, "refresh_every: 0 (must be a whole number from 1",
           symo_method_check(context, &m, "rule 0"));
  m.refresh_every = UINT64_MAX;
  cr_fails(context, SYMO_E_ARGUMENT, "must be a whole number from 1",
           symo_method_check(context, &m, "rule 0"));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* The words of a choice stand in the order of its enum. */
Test(optim_method, choices_are_in_the_order_of_their_words) {
  static const struct {
    const char *key, *word;
    unsigned value;
  } rows[] = {{"source", "gradient", SYMO_SOURCE_GRADIENT},
              {"source", "momentum", SYMO_SOURCE_MOMENTUM},
              {"source", "hutchinson", SYMO_SOURCE_HUTCHINSON},
              {"source", "bartlett", SYMO_SOURCE_BARTLETT},
              {"space", "parameters", SYMO_SPACE_PARAMETERS},
              {"space", "rows", SYMO_SPACE_ROWS},
              {"estimator", "h-g", SYMO_STEP_H_G},
              {"estimator", "h-pd", SYMO_STEP_H_PD},
              {"estimator", "h-star", SYMO_STEP_H_STAR},
              {"basis", "none", SYMO_BASIS_NONE},
              {"basis", "adam", SYMO_BASIS_ADAM},
              {"basis", "column", SYMO_BASIS_COLUMN},
              {"basis", "example", SYMO_BASIS_EXAMPLE},
              {"graft", "none", SYMO_GRAFT_NONE},
              {"graft", "sgd", SYMO_GRAFT_SGD},
              {"graft", "adam", SYMO_GRAFT_ADAM},
              {"scale", "none", SYMO_SCALE_NONE},
              {"scale", "shape", SYMO_SCALE_SHAPE},
              {"scale", "match-rms", SYMO_SCALE_MATCH_RMS},
              {"scale", "unit-rms", SYMO_SCALE_UNIT_RMS},
              {"fisher", "empirical", SYMO_FISHER_EMPIRICAL},
              {"fisher", "sampled", SYMO_FISHER_SAMPLED},
              {"fisher", "exact", SYMO_FISHER_EXACT},
              {"sharing", "expand", SYMO_SHARING_EXPAND},
              {"sharing", "reduce", SYMO_SHARING_REDUCE},
              {"decay", "decoupled", SYMO_DECAY_DECOUPLED},
              {"decay", "l2", SYMO_DECAY_L2},
              {"schedule", "constant", SYMO_SCHEDULE_CONSTANT},
              {"schedule", "exponential", SYMO_SCHEDULE_EXPONENTIAL},
              {"schedule", "linear", SYMO_SCHEDULE_LINEAR},
              {"schedule", "cosine", SYMO_SCHEDULE_COSINE},
              {"schedule", "wsd", SYMO_SCHEDULE_WSD}};
  size_t words = 0, known = 0;
  for (size_t i = 0; i < symo_method_num_options(); i++) {
    const symo_option *o = symo_method_option(i);
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      if (strcmp(rows[k].key, o->key) != 0) continue;
      symo_method m = preset(NULL, "symo");
      cr_ok(NULL, symo_method_set(NULL, &m, o->key, rows[k].word));
      const unsigned now[] = {m.source, m.estimator, m.basis, m.graft,  m.scale,
                              m.decay,  m.schedule,  m.space, m.fisher, m.sharing};
      const char *const keys[] = {"source", "estimator", "basis", "graft",  "scale",
                                  "decay",  "schedule",  "space", "fisher", "sharing"};
      for (size_t c = 0; c < sizeof now / sizeof *now; c++)
        cr_assert(strcmp(keys[c], o->key) != 0 || now[c] == rows[k].value, "%s", rows[k].word);
      known++;
      if (k > 0 && strcmp(rows[k - 1].key, o->key) == 0) continue;
      words++;
      for (const char *p = o->values; *p != 0; p++) words += *p == ' ';
    }
  }
  cr_assert(known == sizeof rows / sizeof *rows && words == known, "a choice has no row here");
}

/* The name that a row of a list gives a module is its own; each is set and read back by it. */
Test(optim_method, modules_are_set_by_their_names) {
  static const char *const keys[MODULE_KINDS] = {"curvature", "damping", "solver", "precondition"};
  for (size_t k = 0; k < MODULE_KINDS; k++) {
    const symo_registry modules = symo_modules((module_kind)k);
    for (size_t i = 0; i < modules.count; i++) {
      const char *name = *(const char *const *)modules.rows[i];
      symo_method m = preset(NULL, "symo");
      char value[128];
      cr_ok(NULL, symo_method_set(NULL, &m, keys[k], name));
      const void *const set[MODULE_KINDS] = {m.curvature, m.damping, m.solver, m.precondition};
      cr_assert(set[k] == modules.rows[i], "%s %s", keys[k], name);
      cr_ok(NULL, symo_method_get(NULL, &m, keys[k], value));
      cr_assert_str_eq(value, name);
    }
  }
}
