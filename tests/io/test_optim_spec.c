/* Specs of optimizers: JSON and back to the same bits, what is refused and where it says so, and
 * the settings of a command line. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/testing.h"

#include <symo/io.h>

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_optim_spec, .init = setup, .fini = teardown);

/* ---- comparing ---- */

static void expect_equal_methods(const symo_method *a, const symo_method *b) {
  for (size_t i = 0; i < symo_method_num_options(); ++i) {
    const char *key = symo_method_option(i)->key;
    char x[128], y[128];
    cr_ok(context, symo_method_get(context, a, key, x));
    cr_ok(context, symo_method_get(context, b, key, y));
    cr_assert_str_eq(x, y, "%s: %s, %s", key, x, y);
  }
  /* Some by their bits, in case get should round. */
  const double numbers[][2] = {{a->lr, b->lr},       {a->eps, b->eps},
                               {a->alpha, b->alpha}, {a->beta2, b->beta2},
                               {a->rate, b->rate},   {a->clip_value, b->clip_value}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
    cr_assert(memcmp(&numbers[i][0], &numbers[i][1], sizeof(double)) == 0, "%a, %a", numbers[i][0],
              numbers[i][1]);
}

static void expect_equal(const symo_optim_spec *a, const symo_optim_spec *b) {
  cr_assert_eq(a->num_rules, b->num_rules);
  cr_assert(a->dtype == b->dtype && a->nan == b->nan && a->threads == b->threads);
  cr_assert(memcmp(&a->budget_bytes, &b->budget_bytes, sizeof(double)) == 0);
  for (size_t i = 0; i < a->num_rules; ++i) {
    const symo_rule *x = &a->rules[i], *y = &b->rules[i];
    cr_assert_str_eq(x->pattern, y->pattern);
    cr_assert(x->min_order == y->min_order && x->max_order == y->max_order);
    cr_assert(x->needs_group == y->needs_group);
    cr_assert_str_eq(x->method.preset, y->method.preset);
    expect_equal_methods(&x->method, &y->method);
  }
}

/* Writes, reads and compares; the text, to be freed. */
static char *round_trip(const symo_optim_spec *spec) {
  symo_optim_spec *back = NULL;
  char *text = NULL, *again = NULL;
  cr_ok(context, symo_optim_spec_to_json(context, spec, &text));
  cr_ok(context, symo_optim_spec_from_json(context, text, &back));
  expect_equal(spec, back);
  cr_ok(context, symo_optim_spec_to_json(context, back, &again));
  cr_assert_str_eq(text, again);
  symo_optim_spec_destroy(back);
  symo_free(again);
  return text;
}

Test(io_optim_spec, presets_come_back) {
  for (size_t i = 0; i < symo_method_num_presets(); ++i) {
    symo_optim_spec *spec = NULL, *same = NULL;
    const char *name = symo_method_preset_name(i);
    char json[100];
    cr_ok(context, symo_optim_spec_open(context, name, 0, NULL, &spec));
    symo_free(round_trip(spec));
    snprintf(json, sizeof json, "{\"preset\": \"%s\"}", name);
    cr_ok(context, symo_optim_spec_from_json(context, json, &same));
    expect_equal(spec, same);
    /* The rules are those that go with the preset. */
    symo_method method;
    symo_rule rules[4];
    size_t count = 0;
    cr_ok(context, symo_method_preset(context, name, &method));
    cr_ok(context, symo_optim_preset_rules(context, &method, &count, rules));
    cr_assert_eq(spec->num_rules, count);
    const symo_optim_spec library = {.num_rules = count,
                                     .rules = rules,
                                     .dtype = spec->dtype,
                                     .nan = spec->nan,
                                     .threads = spec->threads};
    expect_equal(spec, &library);
    symo_optim_spec_destroy(spec);
    symo_optim_spec_destroy(same);
  }
}

/* Any value of any option, also those that do not go together. */
static void draw_method(symo_rng *rng, symo_method *method) {
  for (size_t i = 0; i < symo_method_num_options(); ++i) {
    const symo_option *o = symo_method_option(i);
    char value[128] = "";
    double u = symo_rng_uniform(rng);
    if (o->kind == SYMO_OPTION_FLAG) {
      snprintf(value, sizeof value, "%s", u < 0.5 ? "true" : "false");
    } else if (o->kind == SYMO_OPTION_NUMBER) {
      double x = fmin(o->max, o->min + (o->max - o->min) * pow(u, 20));
      snprintf(value, sizeof value, "%.17g", x);
      if (symo_method_set(context, method, o->key, value) == SYMO_OK) continue;
      snprintf(value, sizeof value, "%.17g", floor(x)); /* of those without fractions */
    } else if (o->values == NULL) {
      snprintf(value, sizeof value, "%s", u < 0.5 ? "alternate sign-flip" : "orthogonal");
    } else {
      const char *word = o->values;
      for (const char *p = o->values; *p != '\0'; ++p)
        if (*p == ' ' && symo_rng_uniform(rng) < 0.3) word = p + 1;
      snprintf(value, sizeof value, "%.*s", (int)strcspn(word, " "), word);
    }
    cr_ok(context, symo_method_set(context, method, o->key, value));
  }
}

Test(io_optim_spec, any_values_come_back_bit_for_bit) {
  static const double budgets[] = {0, 1, 1e9 + 0.1, 123456789.0, 0x1p60};
  static const char *const patterns[] = {"*", "*.w*", "a?b", "_.-/09Zz", "?"};
  symo_rng *rng = symo_test_rng(context, 4);
  symo_rule rules[5];
  memset(rules, 0, sizeof rules);
  for (size_t round = 0; round < 60; ++round) {
    symo_optim_spec spec = symo_optim_spec_default();
    spec.num_rules = 1 + round % 5;
    spec.rules = rules;
    spec.dtype = (symo_dtype)(round % 3);
    spec.nan = round % 2 ? SYMO_NAN_STOP : SYMO_NAN_SKIP;
    spec.budget_bytes = budgets[round % 5];
    spec.threads = 1 + (int)(round % 7);
    for (size_t i = 0; i < spec.num_rules; ++i) {
      cr_ok(context, symo_method_preset(context, round % 2 ? "lm" : "soap", &rules[i].method));
      snprintf(rules[i].pattern, sizeof rules[i].pattern, "%s", patterns[(round + i) % 5]);
      rules[i].min_order = (int)(i % 3);
      rules[i].needs_group = (round + i) % 2 == 0;
      rules[i].max_order = (int)(2 + i);
      draw_method(rng, &rules[i].method);
      if (round % 4 == 0) rules[i].method.preset[0] = '\0';
    }
    symo_free(round_trip(&spec));
  }
  symo_rng_destroy(rng);
}

/* -0 is a number of its own. */
Test(io_optim_spec, the_sign_of_zero_is_kept) {
  symo_optim_spec *spec = NULL;
  const char *setting = "weight_decay=-0";
  cr_ok(context, symo_optim_spec_open(context, "adamw", 1, &setting, &spec));
  cr_assert(signbit(spec->rules[0].method.weight_decay));
  symo_optim_spec *back = NULL;
  char *text = NULL;
  cr_ok(context, symo_optim_spec_to_json(context, spec, &text));
  cr_ok(context, symo_optim_spec_from_json(context, text, &back));
  cr_assert(signbit(back->rules[0].method.weight_decay));
  symo_free(text);
  symo_optim_spec_destroy(spec);
  symo_optim_spec_destroy(back);
}

/* Decimal commas elsewhere do not matter. */
Test(io_optim_spec, other_locales) {
  static const char *const locales[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
  size_t i = 0;
  while (i < 3 && setlocale(LC_ALL, locales[i]) == NULL) ++i;
  symo_optim_spec *spec = NULL;
  cr_ok(context, symo_optim_spec_from_json(context,
                                           "{\"preset\": \"adamw\", \"lr\": 0.0625, "
                                           "\"budget_memory\": \"1.5GiB\"}",
                                           &spec));
  cr_assert(spec->rules[0].method.lr == 0.0625 && spec->budget_bytes == 1.5 * 0x1p30);
  char *text = round_trip(spec);
  cr_assert(strstr(text, "\"lr\": 0.0625") != NULL, "%s", text);
  symo_free(text);
  symo_optim_spec_destroy(spec);
  setlocale(LC_ALL, "C");
}

/* ---- what can be written ---- */

Test(io_optim_spec, a_file_with_rules) {
  symo_optim_spec *spec = NULL;
  static const char text[] =
      "{\"budget_memory\": \"2GiB\", \"nan\": \"stop\", \"dtype\": \"f32\", \"threads\": 3,\n"
      " \"rules\": [{\"lr\": 0.5, \"match\": \"*.w?\", \"min_order\": 2, \"preset\": \"muon\",\n"
      "              \"nesterov\": false, \"scale\": \"match-rms\", \"solver_steps\": 7},\n"
      "            {\"max_order\": 1, \"preset\": \"adamw\", \"betas\": [0.8, 0.97]},\n"
      "            {\"preset\": \"sgd\"}]}";
  symo_test_write(symo_test_path("s.json"), text, sizeof text - 1);
  cr_ok(context, symo_optim_spec_read_json(context, symo_test_path("s.json"), &spec));
  cr_assert(spec->num_rules == 3 && spec->nan == SYMO_NAN_STOP && spec->dtype == SYMO_F32);
  cr_assert(spec->budget_bytes == 2147483648.0 && spec->threads == 3);
  const symo_rule *r = spec->rules;
  cr_assert_str_eq(r[0].pattern, "*.w?");
  cr_assert_str_eq(r[0].method.preset, "muon");
  cr_assert(r[0].min_order == 2 && r[0].max_order == SYMO_MAX_ORDER);
  cr_assert(r[0].method.lr == 0.5 && !r[0].method.nesterov && r[0].method.solver_steps == 7);
  cr_assert_eq(r[0].method.scale, SYMO_SCALE_MATCH_RMS);
  cr_assert(r[1].min_order == 0 && r[1].max_order == 1);
  cr_assert(r[1].method.momentum == 0.8 && r[1].method.beta2 == 0.97);
  cr_assert_str_eq(r[2].pattern, "*");
  symo_free(round_trip(spec));
  symo_optim_spec_destroy(spec);
}

Test(io_optim_spec, amounts_of_memory) {
  static const struct {
    const char *text;
    double bytes;
  } rows[] = {{"0", 0},
              {"1234", 1234},
              {"\"12\"", 12},
              {"\"2GiB\"", 0x1p31},
              {"\"500 MB\"", 5e8},
              {"\"1.5kB\"", 1500},
              {"\"3KiB\"", 3072},
              {"\"1e3 bytes\"", 1e3},
              {"1e12", 1e12},
              {"\"2TiB\"", 0x1p41},
              {"\"7B\"", 7}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    symo_optim_spec *spec = NULL;
    char json[120];
    snprintf(json, sizeof json, "{\"preset\": \"sgd\", \"budget_memory\": %s}", rows[i].text);
    cr_ok(context, symo_optim_spec_from_json(context, json, &spec));
    cr_assert(spec->budget_bytes == rows[i].bytes, "%s: %g", rows[i].text, spec->budget_bytes);
    symo_optim_spec_destroy(spec);
  }
}

/* ---- what is refused ---- */

static const struct refusal {
  const char *text, *detail;
} refusals[] = {
    {"", "line 1"},
    {"[]", "must be an object"},
    {"{", "line 1"},
    {"{\"preset\": \"sgd\"} x", "line 1"},
    {"{\"preset\": \"sgd\", \"preset\": \"sgd\"}", "duplicate"},
    {"{\"lr\": 1}", "preset: is missing"},
    {"{\"preset\": 3}", "preset: must be a name, not a whole number"},
    {"{\"preset\": \"mun\"}", "there is no preset \"mun\"; did you mean muon? (symo optimizers"},
    {"{\"preset\": \"sgd\", \"lrr\": 1}",
     "lrr: unknown key; did you mean \"lr\"? (symo optimizers"},
    {"{\"preset\": \"sgd\", \"match\": \"*\"}", "match: unknown key"},
    {"{\"preset\": \"sgd\", \"lr\": \"1\"}", "lr: must be a number, not a string (learning rate)"},
    {"{\"preset\": \"sgd\", \"lr\": -1}", "lr: -1 (must be a number from 0 to"},
    {"{\"preset\": \"sgd\", \"lr\": 1e300}", "lr: 1e300 (must be"},
    {"{\"preset\": \"sgd\", \"lr\": 1e400}", "line 1"},
    {"{\"preset\": \"sgd\", \"lr\": null}", "lr: must be a number, not null"},
    {"{\"preset\": \"sgd\", \"refresh_every\": 1.5}", "refresh_every: 1.5 (must be a whole number"},
    {"{\"preset\": \"sgd\", \"nesterov\": 1}", "nesterov: must be true or false, not a whole"},
    {"{\"preset\": \"sgd\", \"scale\": \"shapes\"}", "scale: \"shapes\" (must be one of: none"},
    {"{\"preset\": \"sgd\", \"scale\": true}", "scale: must be a name, not true"},
    {"{\"preset\": \"sgd\", \"groups\": \"sphere\"}", "groups: \"sphere\""},
    {"{\"preset\": \"sgd\", \"betas\": 0.9}", "betas: must be two numbers"},
    {"{\"preset\": \"sgd\", \"betas\": [0.9]}", "betas: must be two numbers"},
    {"{\"preset\": \"sgd\", \"betas\": [0.9, true]}", "betas: must be two numbers"},
    {"{\"preset\": \"sgd\", \"betas\": [0.9, 2]}", "betas: beta2: 2 (must be"},
    {"{\"preset\": \"sgd\", \"betas\": [0.9, 1], \"beta2\": 0}", "betas: stands beside beta2"},
    {"{\"preset\": \"sgd\", \"dtype\": \"f16\"}", "dtype: \"f16\" cannot be (give f32, f64"},
    {"{\"preset\": \"sgd\", \"nan\": \"go\"}", "nan: \"go\" cannot be (give skip or stop)"},
    {"{\"preset\": \"sgd\", \"nan\": {}}", "nan: must be a number or a text"},
    {"{\"preset\": \"sgd\", \"budget_memory\": -1}", "budget_memory: \"-1\" cannot be"},
    {"{\"preset\": \"sgd\", \"budget_memory\": \"2 GiBi\"}", "budget_memory: \"2 GiBi\" cannot"},
    {"{\"preset\": \"sgd\", \"budget_memory\": \"nan\"}", "budget_memory: \"nan\" cannot be"},
    {"{\"preset\": \"sgd\", \"threads\": 0}", "threads: \"0\" cannot be (give a whole number"},
    {"{\"preset\": \"sgd\", \"threads\": 1.5}", "threads: \"1.5\" cannot be"},
    {"{\"rules\": {}}", "rules: must be a list"},
    {"{\"rules\": []}", "rules: 0 of them"},
    {"{\"rules\": [3]}", "rules[0]: must be an object"},
    {"{\"rules\": [{}]}", "rules[0].preset: is missing"},
    {"{\"rules\": [{\"preset\": \"sgd\"}], \"lr\": 1}", "lr: does not go beside rules"},
    {"{\"rules\": [{\"preset\": \"sgd\"}], \"foo\": 1}", "foo: unknown key"},
    {"{\"rules\": [{\"preset\": \"sgd\"}, {\"preset\": \"sgd\", \"nan\": \"skip\"}]}",
     "rules[1].nan: unknown key"},
    {"{\"rules\": [{\"preset\": \"sgd\"}, {\"preset\": \"sgd\", \"eps\": -2}]}",
     "rules[1]: eps: -2 (must be"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"match\": \"\"}]}",
     "rules[0].match: must be 1 to 127 letters"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"match\": 3}]}",
     "rules[0].match: must be 1 to 127 letters"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"needs_group\": 1}]}",
     "rules[0].needs_group: must be true or false"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"min_order\": -1}]}", "rules[0].min_order: must be a wh"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"max_order\": 1.0}]}", "rules[0].max_order: must be a w"},
    {"{\"rules\": [{\"preset\": \"sgd\", \"min_order\": 3, \"max_order\": 2}]}",
     "rules[0].min_order: 3 is above max_order 2"},
};

Test(io_optim_spec, refusals_say_where) {
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; ++i) {
    symo_optim_spec *spec = NULL;
    const char *path = symo_test_path("s.json");
    cr_fails(context, SYMO_E_FORMAT, refusals[i].detail,
             symo_optim_spec_from_json(context, refusals[i].text, &spec));
    symo_test_write(path, refusals[i].text, strlen(refusals[i].text));
    cr_fails(context, SYMO_E_FORMAT, refusals[i].detail,
             symo_optim_spec_read_json(context, path, &spec));
    const char *detail = symo_context_detail(context);
    cr_assert(strncmp(detail, path, strlen(path)) == 0, "%s", detail);
    cr_assert(detail[strlen(detail) - 1] == ')', "%s", detail);
    cr_assert(spec == NULL);
  }
}

Test(io_optim_spec, long_and_broken_texts) {
  symo_optim_spec *spec = NULL;
  char *text = NULL, pattern[300];
  memset(pattern, 'x', sizeof pattern - 1);
  pattern[sizeof pattern - 1] = '\0';
  char json[800];
  snprintf(json, sizeof json, "{\"rules\": [{\"preset\": \"sgd\", \"match\": \"%s\"}]}", pattern);
  cr_fails(context, SYMO_E_FORMAT, "rules[0].match",
           symo_optim_spec_from_json(context, json, &spec));
  snprintf(json, sizeof json, "{\"preset\": \"sgd\", \"scale\": \"%s\"}", pattern);
  cr_fails(context, SYMO_E_FORMAT, "too long", symo_optim_spec_from_json(context, json, &spec));
  snprintf(json, sizeof json, "{\"preset\": \"sgd\", \"%s\": 1}", pattern);
  cr_fails(context, SYMO_E_FORMAT, "unknown key", symo_optim_spec_from_json(context, json, &spec));
  /* Cut anywhere. */
  cr_ok(context, symo_optim_spec_open(context, "muon", 0, NULL, &spec));
  cr_ok(context, symo_optim_spec_to_json(context, spec, &text));
  symo_optim_spec_destroy(spec);
  spec = NULL;
  for (size_t n = strlen(text) - 2; n > 0; --n) {
    text[n] = '\0';
    cr_fails(context, SYMO_E_FORMAT, "line ", symo_optim_spec_from_json(context, text, &spec));
  }
  symo_free(text);
}

Test(io_optim_spec, files_that_are_not_there_or_too_large) {
  symo_optim_spec *spec = NULL;
  cr_fails(context, SYMO_E_IO, "none.json",
           symo_optim_spec_read_json(context, symo_test_path("none.json"), &spec));
  cr_fails(context, SYMO_E_IO, "none.json",
           symo_optim_spec_open(context, symo_test_path("none.json"), 0, NULL, &spec));
  size_t size = (1 << 20) + 8;
  char *large = malloc(size);
  memset(large, ' ', size);
  symo_test_write(symo_test_path("large.json"), large, size);
  free(large);
  cr_fails(context, SYMO_E_SIZE, "large.json",
           symo_optim_spec_read_json(context, symo_test_path("large.json"), &spec));
}

/* ---- settings ---- */

Test(io_optim_spec, settings_reach_their_rules) {
  static const char *const settings[] = {
      "lr=0.5",      "nan=stop",           "rules.1.eps=1e-3", "threads=2", "budget_memory=1GiB",
      "betas=0.5,0", "rules.*.alpha=0.25", "dtype=f64"};
  symo_optim_spec *spec = NULL, *plain = NULL;
  cr_ok(context, symo_optim_spec_open(context, "muon", 8, settings, &spec));
  cr_assert(spec->num_rules == 2 && spec->nan == SYMO_NAN_STOP && spec->threads == 2);
  cr_assert(spec->budget_bytes == 0x1p30 && spec->dtype == SYMO_F64);
  cr_assert(spec->rules[0].method.lr == 0.5 && spec->rules[0].method.momentum == 0.5);
  cr_assert(spec->rules[0].method.eps == 0 && spec->rules[1].method.eps == 1e-3);
  cr_assert(spec->rules[0].method.alpha == 0.25 && spec->rules[1].method.alpha == 0.25);
  symo_optim_spec_destroy(spec);
  /* A file with one method is a preset that was changed; in one with rules the first is meant. */
  static const char file[] = "{\"preset\": \"muon\", \"lr\": 3}";
  symo_test_write(symo_test_path("a"), file, sizeof file - 1);
  cr_ok(context, symo_optim_spec_open(context, symo_test_path("a"), 1, settings, &spec));
  cr_ok(context, symo_optim_spec_open(context, "muon", 1, settings, &plain));
  expect_equal(spec, plain);
  char *text = round_trip(spec);
  symo_test_write(symo_test_path("b.json"), text, strlen(text));
  symo_free(text);
  symo_optim_spec_destroy(spec);
  static const char *const other = "lr=0.25";
  cr_ok(context, symo_optim_spec_open(context, symo_test_path("b.json"), 1, &other, &spec));
  cr_assert(spec->rules[0].method.lr == 0.25);
  cr_assert(spec->rules[1].method.lr == plain->rules[1].method.lr);
  symo_optim_spec_destroy(spec);
  symo_optim_spec_destroy(plain);
}

Test(io_optim_spec, settings_that_cannot_be) {
  static const struct {
    const char *setting;
    symo_status status;
    const char *detail;
  } rows[] = {{"lr", SYMO_E_ARGUMENT, "\"lr\": is no setting (write KEY=VALUE)"},
              {"=3", SYMO_E_ARGUMENT, "is no setting"},
              {"lrr=3", SYMO_E_NAME, "lrr=3: \"lrr\" is no option; did you mean lr?"},
              {"lr=x", SYMO_E_ARGUMENT, "lr=x: lr: \"x\" (must be a number"},
              {"lr=", SYMO_E_ARGUMENT, "lr=: lr: \"\" (must be a number"},
              {"nesterov=maybe", SYMO_E_ARGUMENT, "(must be true or false)"},
              {"scale=big", SYMO_E_NAME, "scale: \"big\" (must be one of"},
              {"betas=0.9", SYMO_E_ARGUMENT, "betas: must be two numbers"},
              {"preset=adam", SYMO_E_NAME, "\"preset\" is no option"},
              {"threads=0", SYMO_E_ARGUMENT, "threads: \"0\" cannot be"},
              {"rules.2.lr=1", SYMO_E_ARGUMENT, "there are only 2 rules"},
              {"rules.99999999999999999999.lr=1", SYMO_E_ARGUMENT, "names no rule"},
              {"rules.lr=1", SYMO_E_ARGUMENT, "names no rule"},
              {"rules.-1.lr=1", SYMO_E_ARGUMENT, "names no rule"},
              {"rules..lr=1", SYMO_E_ARGUMENT, "names no rule"},
              {"rules.0=1", SYMO_E_ARGUMENT, "names no rule"},
              {"rules.0.lrr=1", SYMO_E_NAME, "did you mean lr?"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; ++i) {
    symo_optim_spec *spec = NULL;
    cr_fails(context, rows[i].status, rows[i].detail,
             symo_optim_spec_open(context, "muon", 1, &rows[i].setting, &spec));
    const char *detail = symo_context_detail(context);
    cr_assert(detail[strlen(detail) - 1] == ')', "%s", detail);
    cr_assert(spec == NULL);
  }
  symo_optim_spec *spec = NULL;
  cr_fails(context, SYMO_E_NAME, "\"mun\" is no preset, and no such file; did you mean \"muon\"?",
           symo_optim_spec_open(context, "mun", 0, NULL, &spec));
}

Test(io_optim_spec, null_arguments) {
  symo_optim_spec *spec = NULL;
  char *text = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_from_json(context, NULL, &spec));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_from_json(context, "", NULL));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_read_json(context, NULL, &spec));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_open(context, NULL, 0, NULL, &spec));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_open(context, "sgd", 1, NULL, &spec));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_optim_spec_to_json(context, NULL, &text));
  symo_optim_spec_destroy(NULL);
}

static symo_status open_and_write(void *self) {
  static const char *const settings[] = {"lr=0.5", "rules.*.eps=1e-3"};
  symo_optim_spec *spec = NULL, *back = NULL;
  char *text = NULL;
  (void)self;
  symo_status status = symo_optim_spec_open(context, "muon", 2, settings, &spec);
  if (status == SYMO_OK) status = symo_optim_spec_to_json(context, spec, &text);
  if (status == SYMO_OK) status = symo_optim_spec_from_json(context, text, &back);
  symo_optim_spec_destroy(spec);
  symo_optim_spec_destroy(back);
  symo_free(text);
  return status;
}

Test(io_optim_spec, out_of_memory) { cr_assert(symo_test_allocations(open_and_write, NULL) >= 5); }
