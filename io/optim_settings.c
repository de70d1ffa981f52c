/* An optimizer from texts: the name of a preset or of a file, and settings "key=value".  Settings
 * of the method are applied before the rules of the preset are made, since the rules depend on the
 * method; settings "rules.N.key=value" are applied afterwards, and at last those with a pattern
 * (io/optim_patterns.c). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "io/optim_spec.h"
#include "optim/method.h"

#include <symo/io.h>

static const char rules_dot[] = "rules.";

static bool is_for_rules(const char *setting) {
  return strncmp(setting, rules_dot, sizeof rules_dot - 1) == 0;
}

/* ---- one setting ---- */

/* "betas=0.9,0.99" is momentum and beta2. */
static symo_status set_betas(symo_context *context, symo_method *method, const char *value) {
  char first[64];
  size_t n = strcspn(value, ",");
  if (value[n] == '\0' || n >= sizeof first)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "betas: must be two numbers, momentum and beta2 (as in 0.9,0.999)");
  memcpy(first, value, n);
  first[n] = '\0';
  symo_status status = symo_method_set(context, method, "momentum", first);
  return status == SYMO_OK ? symo_method_set(context, method, "beta2", value + n + 1) : status;
}

symo_status symo_spec_set_option(symo_context *context, symo_method *method, const char *key,
                                 const char *value) {
  if (strcmp(key, "betas") == 0) return set_betas(context, method, value);
  return symo_method_set(context, method, key, value);
}

/* Splits "key=value".  Keys are short. */
enum { KEY = 96 };
static symo_status split(symo_context *context, const char *setting, char key[KEY],
                         const char **value) {
  size_t n = strcspn(setting, "=");
  if (setting[n] == '\0' || n == 0 || n >= KEY)
    return symo_fail(context, SYMO_E_ARGUMENT, "\"%s\": is no setting (write KEY=VALUE)",
                     symo_quoted(setting).text);
  memcpy(key, setting, n);
  key[n] = '\0';
  *value = setting + n + 1;
  return SYMO_OK;
}

/* key: "1.lr" or "*.lr", behind "rules." */
static symo_status set_in_rules(spec_draft *draft, const char *key, const char *value) {
  const char *dot = strchr(key, '.');
  size_t first = 0, last = draft->num_rules;
  uint64_t rule = 0;
  const char *end = NULL;
  symo_status status = SYMO_OK;
  bool all = dot != NULL && dot == key + 1 && *key == '*';
  if (dot == NULL || (!all && (!symo_whole_read(key, &end, 999999, &rule) || end != dot)))
    return symo_fail(draft->context, SYMO_E_ARGUMENT,
                     "rules.%s: names no rule (write rules.0.KEY=VALUE, or rules.*.KEY=VALUE)",
                     symo_quoted(key).text);
  if (!all) {
    first = (size_t)rule;
    last = first + 1;
  }
  if (last > draft->num_rules)
    return symo_fail(draft->context, SYMO_E_ARGUMENT,
                     "rules.%s: there are only %zu %s (count from 0)", symo_quoted(key).text,
                     draft->num_rules, symo_plural(draft->num_rules, "rule", "rules"));
  for (size_t i = first; i < last && status == SYMO_OK; ++i)
    status = symo_spec_set_option(draft->context, &draft->rules[i].method, dot + 1, value);
  return status;
}

/* Which rules a setting is for: [*first, *last).  set_in_rules has found it sound. */
static const char *rules_of(const spec_draft *draft, const char *key, size_t *first, size_t *last) {
  *first = 0, *last = is_for_rules(key) ? draft->num_rules : 1;
  if (!is_for_rules(key)) return key;
  const char *number = key + sizeof rules_dot - 1, *dot = strchr(number, '.');
  uint64_t rule = 0;
  if (symo_whole_read(number, &number, 999999, &rule)) *first = (size_t)rule, *last = *first + 1;
  return dot + 1;
}

/* A setting that none of its rules looks at is refused: better than silence. */
static symo_status check_read(const spec_draft *draft, const char *setting) {
  char key[KEY];
  const char *value = NULL, *of = NULL;
  size_t first, last;
  symo_status status = split(draft->context, setting, key, &value);
  if (status != SYMO_OK || symo_spec_is_common(key)) return status;
  const char *option = rules_of(draft, key, &first, &last);
  if (strcmp(option, "betas") == 0) return SYMO_OK;
  for (size_t i = first; i < last; ++i)
    if ((of = symo_method_unread(&draft->rules[i].method, option)) == NULL) return SYMO_OK;
  return symo_fail(draft->context, SYMO_E_ARGUMENT,
                   "%s: nothing looks at %s here, which is of %s (leave it out)",
                   symo_quoted(setting).text, option, of);
}

symo_status symo_spec_draft_settings(spec_draft *draft, size_t count, const char *const *settings,
                                     bool for_rules) {
  for (size_t i = 0; i < count; ++i) {
    char key[KEY];
    const char *value = NULL;
    if (is_for_rules(settings[i]) != for_rules || symo_spec_has_pattern(settings[i])) continue;
    symo_status status = split(draft->context, settings[i], key, &value);
    if (status != SYMO_OK) return status;
    if (for_rules)
      status = set_in_rules(draft, key + sizeof rules_dot - 1, value);
    else if (symo_spec_is_common(key))
      status = symo_spec_set_common(draft->context, &draft->spec, key, value);
    else
      status = symo_spec_set_option(draft->context, &draft->rules[0].method, key, value);
    if (status != SYMO_OK)
      return symo_spec_pass_on(draft->context, status, symo_quoted(settings[i]).text, "");
  }
  /* Together they may make what one alone would not: schedule=wsd and stable_fraction=0.5. */
  for (size_t i = 0; i < count; ++i) {
    if (is_for_rules(settings[i]) != for_rules || symo_spec_has_pattern(settings[i])) continue;
    symo_status status = check_read(draft, settings[i]);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

/* ---- presets and files ---- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static symo_quote suggest_preset(const char *name) {
  enum { MOST = 64 };
  const char *known[MOST];
  size_t count = 0;
  for (; count < MOST && count < symo_method_num_presets(); ++count)
    known[count] = symo_method_preset_name(count);
  return symo_did_you_mean(name, count, known);
}

/* A preset goes before a file of the same name. */
static symo_status start(spec_draft *draft, const char *name_or_path) {
  symo_context *context = draft->context;
  struct stat info;
  symo_status status = symo_spec_draft_room(draft, 1);
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < symo_method_num_presets(); ++i)
    if (strcmp(symo_method_preset_name(i), name_or_path) == 0) {
      draft->plain = true;
      return symo_spec_draft_preset(draft, name_or_path, &draft->rules[0].method);
    }
  if (ends_with(name_or_path, ".json") || strchr(name_or_path, '/') != NULL ||
      stat(name_or_path, &info) == 0)
    return symo_spec_draft_read(draft, name_or_path);
  return symo_fail(context, SYMO_E_NAME,
                   "\"%s\" is no preset, and no such file%s (symo optimizers "
                   "lists the presets)",
                   symo_quoted(name_or_path).text, suggest_preset(name_or_path).text);
}

symo_status symo_optim_spec_open(symo_context *context, const char *name_or_path,
                                 size_t num_settings, const char *const *settings,
                                 symo_optim_spec **out) {
  return symo_optim_spec_open_adapted(context, name_or_path, num_settings, settings, NULL, out);
}

symo_status symo_optim_spec_open_adapted(symo_context *context, const char *name_or_path,
                                         size_t num_settings, const char *const *settings,
                                         const spec_adapter *adapter, symo_optim_spec **out) {
  if (name_or_path == NULL || out == NULL || (settings == NULL && num_settings > 0))
    return symo_fail_null(context, "optim_spec_open",
                          name_or_path == NULL ? "name_or_path"
                          : out == NULL        ? "out"
                                               : "settings");
  for (size_t i = 0; i < num_settings; ++i)
    if (settings[i] == NULL)
      return symo_fail(context, SYMO_E_ARGUMENT,
                       "optim_spec_open: setting %zu of %zu is NULL (pass texts \"key=value\")", i,
                       num_settings);
  spec_draft draft;
  symo_status status;
  symo_spec_draft_start(context, &draft);
  if (adapter != NULL) draft.adapter = *adapter;
  SYMO_TRY(start(&draft, name_or_path));
  SYMO_TRY(symo_spec_draft_settings(&draft, num_settings, settings, false));
  SYMO_TRY(symo_spec_draft_expand(&draft, name_or_path));
  SYMO_TRY(symo_spec_draft_settings(&draft, num_settings, settings, true));
  SYMO_TRY(symo_spec_draft_patterns(&draft, num_settings, settings));
  SYMO_TRY(symo_spec_draft_finish(&draft, name_or_path, out));
fail:
  symo_spec_draft_drop(&draft);
  return status;
}
