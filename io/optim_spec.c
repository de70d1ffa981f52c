/* Specs of optimizers as JSON: {"preset": NAME, KEY: value, ..} or {"rules": [{..}, ..]}, both with
 * "dtype", "nan", "budget_memory" and "threads".  The preset is applied first, wherever it is in
 * the object, then the keys in their order.  Names and ranges come from the rows of
 * symo_method_option; this file has no knowledge of single options. */
#include "io/optim_spec.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/plan/group_text.h"
#include "io/file.h"
#include "io/json.h"

#include <symo/io.h>

/* ---- writing: every rule with every option, one rule in a paragraph ---- */

static bool is_preset(const char *name) {
  for (size_t i = 0; i < symo_method_num_presets(); ++i)
    if (strcmp(symo_method_preset_name(i), name) == 0) return true;
  return false;
}

/* Whether the value of a number is the word that may stand in its place. */
static bool is_word(const symo_option *option, const char *value) {
  return option->kind == SYMO_OPTION_NUMBER && option->values != NULL &&
         strcmp(value, option->values) == 0;
}

static void add_value(symo_text *text, const symo_option *option, const char *value) {
  if (option->kind == SYMO_OPTION_NAME || is_word(option, value))
    symo_json_add_string(text, value);
  else /* a whole number has no sign of zero in JSON */
    symo_text_add(text, "%s%s", value, strcmp(value, "-0") == 0 ? ".0" : "");
}

static symo_status add_rule(symo_text *text, symo_context *context, const symo_rule *rule) {
  enum { A_LINE = 90 };
  size_t line = text->used;
  symo_text_add(text, "{\"match\": ");
  symo_json_add_string(text, rule->pattern);
  if (rule->also[0] != '\0') {
    symo_text_add(text, ", \"also\": ");
    symo_json_add_string(text, rule->also);
  }
  symo_text_add(text, ", \"min_order\": %d, \"max_order\": %d", rule->min_order, rule->max_order);
  if (rule->needs_site) symo_text_add(text, ", \"needs_site\": true");
  if (rule->needs_group) symo_text_add(text, ", \"needs_group\": true");
  if (is_preset(rule->method.preset))
    symo_text_add(text, ", \"preset\": \"%s\"", rule->method.preset);
  for (size_t i = 0; i < symo_method_num_options(); ++i) {
    const symo_option *option = symo_method_option(i);
    char value[128];
    symo_status status = symo_method_get(context, &rule->method, option->key, value);
    if (status != SYMO_OK) return status;
    bool turn = text->used - line > A_LINE;
    symo_text_add(text, ",%s\"%s\": ", turn ? "\n   " : " ", option->key);
    if (turn) line = text->used;
    add_value(text, option, value);
  }
  symo_text_add(text, "}");
  return SYMO_OK;
}

symo_status symo_optim_spec_to_json(symo_context *context, const symo_optim_spec *spec,
                                    char **out) {
  if (spec == NULL || out == NULL || (spec->rules == NULL && spec->num_rules > 0))
    return symo_fail_null(context, "optim_spec_to_json",
                          spec == NULL  ? "spec"
                          : out == NULL ? "out"
                                        : "spec->rules");
  symo_text text = {0};
  symo_status status = SYMO_OK;
  symo_text_add(&text, "{\"rules\": [");
  for (size_t i = 0; i < spec->num_rules && status == SYMO_OK; ++i) {
    if (i > 0) symo_text_add(&text, ",\n  ");
    status = add_rule(&text, context, &spec->rules[i]);
  }
  if (status != SYMO_OK) {
    symo_free(text.text);
    return status;
  }
  symo_text_add(&text, "],\n \"dtype\": \"%s\", \"nan\": \"%s\", \"budget_memory\": ",
                symo_dtype_name(spec->dtype), spec->nan == SYMO_NAN_STOP ? "stop" : "skip");
  symo_text_add_number(&text, spec->budget_bytes);
  symo_text_add(&text, ", \"threads\": %d}\n", spec->threads);
  return symo_text_finish(&text, context, out);
}

enum { LARGEST_FILE = 1 << 20, MOST_RULES = 1000, MOST_KEYS = 96, AT = 160, VALUE = 160 };

static const char *const lists = "symo optimizers lists them";

typedef struct reader {
  spec_draft *draft;
  const char *where;
} reader;

/* ---- values ---- */

/* "rules[0].lr"; at: "" or "rules[0]". */
typedef struct json_path {
  char text[AT];
} json_path;
static json_path join(const char *at, const char *key) {
  json_path path;
  snprintf(path.text, sizeof path.text, "%.40s%s%.80s", at, *at == '\0' ? "" : ".", key);
  return path;
}

static symo_status wrong_type(const reader *r, const char *at, const char *wanted,
                              const json_t *value, const char *help) {
  return symo_fail(r->draft->context, SYMO_E_FORMAT, "%s: %s: must be %s, not %s (%s)", r->where,
                   at, wanted, symo_json_type_name(json_typeof(value)), help);
}

/* As text that reads back to the same bits, with a point in every locale. */
static void number_text(const json_t *value, char text[VALUE]) {
  if (json_is_integer(value)) {
    snprintf(text, VALUE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return;
  }
  snprintf(text, VALUE, "%s", symo_decimal_of(json_real_value(value)).text);
}

/* The text of a value, where it has the type that the option wants. */
static symo_status value_text(const reader *r, const char *at, const symo_option *option,
                              const json_t *value, char text[VALUE]) {
  switch (option->kind) {
  case SYMO_OPTION_NUMBER:
    if (json_is_string(value) && is_word(option, json_string_value(value))) {
      snprintf(text, VALUE, "%s", option->values);
      return SYMO_OK;
    }
    if (!json_is_number(value)) return wrong_type(r, at, "a number", value, option->help);
    number_text(value, text);
    return SYMO_OK;
  case SYMO_OPTION_FLAG:
    if (!json_is_boolean(value)) return wrong_type(r, at, "true or false", value, option->help);
    snprintf(text, VALUE, "%s", json_is_true(value) ? "true" : "false");
    return SYMO_OK;
  default:
    if (!json_is_string(value)) return wrong_type(r, at, "a name", value, option->help);
    /* What is cut here is too long for a name all the same. */
    snprintf(text, VALUE, "%s", json_string_value(value));
    return SYMO_OK;
  }
}

/* What is no name and no value for an option is a malformed file. */
static symo_status malformed(symo_status status) {
  return status == SYMO_E_NAME || status == SYMO_E_ARGUMENT ? SYMO_E_FORMAT : status;
}

static symo_status set(const reader *r, const char *at, symo_method *method, const char *key,
                       const char *text) {
  symo_status status = symo_method_set(r->draft->context, method, key, text);
  return malformed(symo_spec_pass_on(r->draft->context, status, r->where, at));
}

/* ---- methods ---- */

static const symo_option *find_option(const char *key) {
  for (size_t i = 0; i < symo_method_num_options(); ++i)
    if (strcmp(symo_method_option(i)->key, key) == 0) return symo_method_option(i);
  return NULL;
}

/* Keys that are neither options nor among `more` are refused. */
static symo_status check_keys(const reader *r, const char *at, json_t *object, size_t num_more,
                              const char *const *more) {
  const char *known[MOST_KEYS], *key;
  size_t count = 0;
  json_t *value;
  for (size_t i = 0; i < num_more; ++i) known[count++] = more[i];
  for (size_t i = 0; i < symo_method_num_options() && count < MOST_KEYS; ++i)
    known[count++] = symo_method_option(i)->key;
  json_object_foreach(object, key, value) {
    size_t i = 0;
    if (r->draft->plain && *at == '\0' && strchr(key, ':') != NULL) continue;
    while (i < count && strcmp(key, known[i]) != 0) ++i;
    if (i == count)
      return symo_fail(r->draft->context, SYMO_E_FORMAT, "%s: %s: unknown key%s (%s)", r->where,
                       join(at, symo_quoted(key).text).text,
                       symo_did_you_mean(key, count, known).text, lists);
  }
  return SYMO_OK;
}

static symo_status read_betas(const reader *r, const char *at, json_t *object,
                              symo_method *method) {
  static const char *const keys[] = {"momentum", "beta2"};
  const json_t *value = json_object_get(object, "betas");
  json_path path = join(at, "betas");
  if (value == NULL) return SYMO_OK;
  bool pair = json_is_array(value) && json_array_size(value) == 2;
  for (size_t i = 0; i < 2; ++i) {
    const json_t *item = pair ? json_array_get(value, i) : NULL;
    char text[VALUE];
    if (!json_is_number(item))
      return symo_fail(r->draft->context, SYMO_E_FORMAT,
                       "%s: %s: must be two numbers, momentum and beta2 (as in [0.9, 0.999])",
                       r->where, path.text);
    if (json_object_get(object, keys[i]) != NULL)
      return symo_fail(r->draft->context, SYMO_E_FORMAT, "%s: %s: stands beside %s (give either)",
                       r->where, path.text, keys[i]);
    number_text(item, text);
    symo_status status = set(r, path.text, method, keys[i], text);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* Where the method starts: the preset, or nothing, where every option is given. */
static symo_status read_preset(const reader *r, const char *at, json_t *object,
                               symo_method *method) {
  symo_context *context = r->draft->context;
  const json_t *preset = json_object_get(object, "preset");
  const char *missing = NULL;
  json_path path = join(at, "preset");
  if (preset != NULL && !json_is_string(preset))
    return wrong_type(r, path.text, "a name", preset, lists);
  if (preset != NULL) {
    const char *name = json_string_value(preset);
    symo_status status = r->draft->plain ? symo_spec_draft_preset(r->draft, name, method)
                                         : symo_method_preset(context, name, method);
    return malformed(symo_spec_pass_on(context, status, r->where, at));
  }
  for (size_t i = 0; i < symo_method_num_options() && missing == NULL; ++i)
    if (json_object_get(object, symo_method_option(i)->key) == NULL)
      missing = symo_method_option(i)->key;
  memset(method, 0, sizeof *method);
  if (missing == NULL) return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT,
                   "%s: %s: is missing (write \"preset\": NAME, %s; without one all options must "
                   "stand there, and %s does not)",
                   r->where, path.text, lists, missing);
}

static symo_status read_method(const reader *r, const char *at, json_t *object,
                               symo_method *method) {
  const char *key;
  json_t *value;
  symo_status status;
  SYMO_TRY(read_preset(r, at, object, method));
  SYMO_TRY(read_betas(r, at, object, method));
  json_object_foreach(object, key, value) {
    const symo_option *option = find_option(key);
    char text[VALUE];
    if (option == NULL) continue;
    SYMO_TRY(value_text(r, join(at, key).text, option, value, text));
    SYMO_TRY(set(r, at, method, key, text));
  }
fail:
  return status;
}

/* ---- rules ---- */

static symo_status read_order(const reader *r, const char *at, const char *key, json_t *object,
                              int *out) {
  const json_t *value = json_object_get(object, key);
  if (value == NULL) return SYMO_OK;
  json_int_t order = json_is_integer(value) ? json_integer_value(value) : -1;
  if (order < 0 || order > INT_MAX)
    return symo_fail(r->draft->context, SYMO_E_FORMAT,
                     "%s: %s: must be a whole number >= 0 (axes of a tensor, %d at most)", r->where,
                     join(at, key).text, SYMO_MAX_ORDER);
  *out = (int)order;
  return SYMO_OK;
}

/* Leaves what is there if the key is missing. */
static symo_status read_pattern(const reader *r, const char *at, const char *key, json_t *object,
                                char out[SYMO_MAX_NAME + 1]) {
  const json_t *match = json_object_get(object, key);
  const char *pattern = json_string_value(match);
  if (match == NULL) return SYMO_OK;
  if (!symo_is_pattern(pattern))
    return symo_fail(r->draft->context, SYMO_E_FORMAT,
                     "%s: %s: must be 1 to %d letters, digits, _ . - / * and ? (such as \"*.w*\", "
                     "* for any run of characters and ? for one)",
                     r->where, join(at, key).text, SYMO_MAX_NAME);
  snprintf(out, SYMO_MAX_NAME + 1, "%s", pattern);
  return SYMO_OK;
}

static symo_status read_rule(const reader *r, size_t index, json_t *value, symo_rule *rule) {
  static const char *const more[] = {"match",       "also",       "min_order", "max_order",
                                     "needs_group", "needs_site", "preset",    "betas"};
  const json_t *needs_group = json_object_get(value, "needs_group");
  const json_t *needs_site = json_object_get(value, "needs_site");
  char at[32];
  symo_status status;
  snprintf(at, sizeof at, "rules[%zu]", index);
  SYMO_TRY(symo_json_expect(r->draft->context, r->where, at, value, JSON_OBJECT,
                            "{\"match\": \"*\", \"preset\": \"adamw\"}"));
  SYMO_TRY(check_keys(r, at, value, sizeof more / sizeof *more, more));
  SYMO_TRY(read_pattern(r, at, "match", value, rule->pattern));
  SYMO_TRY(read_pattern(r, at, "also", value, rule->also));
  SYMO_TRY(read_order(r, at, "min_order", value, &rule->min_order));
  SYMO_TRY(read_order(r, at, "max_order", value, &rule->max_order));
  if (rule->min_order > rule->max_order)
    return symo_fail(r->draft->context, SYMO_E_FORMAT,
                     "%s: %s.min_order: %d is above max_order %d (no tensor would fit)", r->where,
                     at, rule->min_order, rule->max_order);
  if (needs_group != NULL && !json_is_boolean(needs_group))
    return wrong_type(r, join(at, "needs_group").text, "true or false", needs_group,
                      "true: only tensors with a group on some axis");
  if (needs_site != NULL && !json_is_boolean(needs_site))
    return wrong_type(r, join(at, "needs_site").text, "true or false", needs_site,
                      "true: only tensors with layer statistics");
  rule->needs_site = json_is_true(needs_site);
  rule->needs_group = json_is_true(needs_group);
  return read_method(r, at, value, &rule->method);
fail:
  return status;
}

static symo_status read_rules(const reader *r, json_t *list) {
  static const char *const example = "[{\"match\": \"*\", \"preset\": \"adamw\"}]";
  json_t *value;
  size_t index, count;
  symo_status status;
  SYMO_TRY(symo_json_expect(r->draft->context, r->where, "rules", list, JSON_ARRAY, example));
  count = json_array_size(list);
  if (count == 0 || count > MOST_RULES)
    return symo_fail(r->draft->context, SYMO_E_FORMAT,
                     "%s: rules: %zu of them (write 1 to %d, as in %s)", r->where, count,
                     MOST_RULES, example);
  SYMO_TRY(symo_spec_draft_room(r->draft, count));
  json_array_foreach(list, index, value)
      SYMO_TRY(read_rule(r, index, value, &r->draft->rules[index]));
fail:
  return status;
}

/* ---- "PATTERN:KEY": value, kept as the settings that they are ---- */

static symo_status read_patterns(const reader *r, json_t *root) {
  const char *key;
  json_t *value;
  json_object_foreach(root, key, value) {
    const char *colon = strrchr(key, ':'), *dot = strrchr(key, '.');
    char text[VALUE], pattern[SYMO_MAX_NAME + 1];
    if (colon == NULL) continue;
    const char *name = dot != NULL && dot > colon ? dot + 1 : colon + 1;
    const symo_option *option = find_option(name);
    json_path path = join("", symo_quoted(key).text);
    if (!symo_spec_read_pattern(key, colon, pattern))
      return symo_fail(r->draft->context, SYMO_E_FORMAT, "%s: %s: %s", r->where, path.text,
                       symo_spec_pattern_rule);
    if (option == NULL)
      return symo_fail(r->draft->context, SYMO_E_FORMAT,
                       "%s: %s: \"%s\" is no option (PATTERN:KEY; %s)", r->where, path.text,
                       symo_quoted(name).text, lists);
    symo_status status = value_text(r, path.text, option, value, text);
    if (status == SYMO_OK) status = symo_spec_draft_keep(r->draft, key, text);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* ---- documents ---- */

static symo_status read_common(const reader *r, json_t *root) {
  for (size_t i = 0; i < SYMO_SPEC_COMMON_KEYS; ++i) {
    const char *key = symo_spec_common_keys[i];
    const json_t *value = json_object_get(root, key);
    char text[VALUE];
    if (value == NULL) continue;
    if (json_is_number(value))
      number_text(value, text);
    else if (json_is_string(value))
      snprintf(text, sizeof text, "%s", json_string_value(value));
    else
      return wrong_type(r, key, "a number or a text", value, "\"f32\", \"skip\", \"2GiB\", 1");
    symo_status status = symo_spec_set_common(r->draft->context, &r->draft->spec, key, text);
    status = malformed(symo_spec_pass_on(r->draft->context, status, r->where, ""));
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status read_document(const reader *r, json_t *root) {
  symo_status status;
  SYMO_TRY(symo_json_expect(r->draft->context, r->where, "", root, JSON_OBJECT,
                            "{\"preset\": \"adamw\", \"lr\": 0.001}"));
  SYMO_TRY(read_common(r, root));
  r->draft->plain = json_object_get(root, "rules") == NULL;
  if (r->draft->plain) {
    const char *more[SYMO_SPEC_COMMON_KEYS + 3] = {"preset", "betas", "rules"};
    memcpy(more + 3, symo_spec_common_keys, sizeof symo_spec_common_keys);
    SYMO_TRY(check_keys(r, "", root, SYMO_SPEC_COMMON_KEYS + 3, more));
    SYMO_TRY(symo_spec_draft_room(r->draft, 1));
    SYMO_TRY(read_patterns(r, root));
    return read_method(r, "", root, &r->draft->rules[0].method);
  }
  const char *key;
  json_t *value;
  json_object_foreach(root, key, value) {
    if (strcmp(key, "rules") == 0 || symo_spec_is_common(key)) continue;
    bool option =
        find_option(key) != NULL || strcmp(key, "preset") == 0 || strchr(key, ':') != NULL;
    return symo_fail(r->draft->context, SYMO_E_FORMAT,
                     "%s: %s: %s (known: rules, dtype, nan, budget_memory, threads)", r->where,
                     symo_quoted(key).text,
                     option ? "does not go beside rules, but into them" : "unknown key");
  }
  return read_rules(r, json_object_get(root, "rules"));
fail:
  return status;
}

/* From JSON; where: the file, and the part of it, that failures name. */
static symo_status parse_text(spec_draft *draft, const char *where, const char *text,
                              size_t length) {
  const reader r = {draft, where};
  json_t *root = NULL;
  symo_status status = symo_json_parse(draft->context, where, text, length, &root);
  if (status == SYMO_OK) status = read_document(&r, root);
  json_decref(root);
  return status;
}

symo_status symo_spec_draft_read(spec_draft *draft, const char *path) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = symo_file_read_all(draft->context, path, LARGEST_FILE, &text, &length);
  if (status == SYMO_OK) status = parse_text(draft, path, text, length);
  symo_free(text);
  return status;
}

symo_status symo_optim_spec_parse(symo_context *context, const char *where, const char *text,
                                  size_t length, symo_optim_spec **out) {
  spec_draft draft;
  symo_spec_draft_start(context, &draft);
  symo_status status = parse_text(&draft, where, text, length);
  if (status == SYMO_OK) status = malformed(symo_spec_draft_expand(&draft, where));
  if (status == SYMO_OK) status = malformed(symo_spec_draft_patterns(&draft, 0, NULL));
  if (status == SYMO_OK) status = symo_spec_draft_finish(&draft, where, out);
  symo_spec_draft_drop(&draft);
  return status;
}

symo_status symo_optim_spec_from_json(symo_context *context, const char *text,
                                      symo_optim_spec **out) {
  if (text == NULL || out == NULL)
    return symo_fail_null(context, "optim_spec_from_json", text == NULL ? "text" : "out");
  return symo_optim_spec_parse(context, "optimizer", text, strlen(text), out);
}

symo_status symo_optim_spec_read_json(symo_context *context, const char *path,
                                      symo_optim_spec **out) {
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "optim_spec_read_json", path == NULL ? "path" : "out");
  spec_draft draft;
  symo_spec_draft_start(context, &draft);
  symo_status status = symo_spec_draft_read(&draft, path);
  if (status == SYMO_OK) status = malformed(symo_spec_draft_expand(&draft, path));
  if (status == SYMO_OK) status = malformed(symo_spec_draft_patterns(&draft, 0, NULL));
  if (status == SYMO_OK) status = symo_spec_draft_finish(&draft, path, out);
  symo_spec_draft_drop(&draft);
  return status;
}
