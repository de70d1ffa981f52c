/* The canonical JSON of an optimizer's spec: every rule with every option, a rule a paragraph. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "groups/plan/group_text.h"
#include "io/json.h"

#include <symo/io.h>

static bool is_preset(const char *name) {
  for (size_t i = 0; i < symo_method_num_presets(); ++i)
    if (strcmp(symo_method_preset_name(i), name) == 0) return true;
  return false;
}

static void add_value(symo_text *text, symo_option_kind kind, const char *value) {
  if (kind == SYMO_OPTION_NAME)
    symo_json_add_string(text, value);
  else /* a whole number has no sign of zero in JSON */
    symo_text_add(text, "%s%s", value, strcmp(value, "-0") == 0 ? ".0" : "");
}

static symo_status add_rule(symo_text *text, symo_context *context, const symo_rule *rule) {
  enum { A_LINE = 90 };
  size_t line = text->used;
  symo_text_add(text, "{\"match\": ");
  symo_json_add_string(text, rule->pattern);
  symo_text_add(text, ", \"min_order\": %d, \"max_order\": %d", rule->min_order, rule->max_order);
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
    add_value(text, option->kind, value);
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
