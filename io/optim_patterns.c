/* Settings for tensors of some names: "PATTERN:KEY=value", "PATTERN:rules.1.KEY=value",
 * "PATTERN:rules.*.KEY=value".
 *
 * A rule that such settings are for gets a copy in front of it, which has the pattern as its second
 * one and the settings on top of its method.  So plans, files and states know nothing but rules. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "core/text.h"
#include "io/optim_spec.h"
#include "optim/method.h"

/* The colon behind the pattern, or NULL. */
static const char *colon_of(const char *setting) {
  const char *equal = strchr(setting, '='), *found = NULL;
  for (const char *c = setting; c < equal; ++c)
    if (*c == ':') found = c;
  return found;
}

bool symo_spec_has_pattern(const char *setting) { return colon_of(setting) != NULL; }

const char symo_spec_pattern_rule[] =
    "a pattern has letters, digits, _ . - / * and ?, 127 at most (as in h.*.attn*:alpha=1.4)";
static_assert(SYMO_MAX_NAME == 127, "the text says so");

bool symo_spec_read_pattern(const char *setting, const char *colon, char out[SYMO_MAX_NAME + 1]) {
  const size_t length = (size_t)(colon - setting);
  if (length > SYMO_MAX_NAME) return false;
  memcpy(out, setting, length);
  out[length] = '\0';
  return symo_is_pattern(out);
}

symo_status symo_spec_draft_keep(spec_draft *draft, const char *key, const char *value) {
  char *text = NULL, **kept;
  symo_text out = {0};
  symo_text_add(&out, "%s=%s", key, value);
  symo_status status = symo_text_finish(&out, draft->context, &text);
  if (status != SYMO_OK) return status;
  kept = symo_calloc(draft->num_kept + 1, sizeof *kept);
  if (kept == NULL) {
    symo_free(text);
    return symo_fail_memory(draft->context, "optimizer");
  }
  if (draft->num_kept > 0) memcpy(kept, draft->kept, draft->num_kept * sizeof *kept);
  kept[draft->num_kept++] = text;
  symo_free(draft->kept);
  draft->kept = kept;
  return SYMO_OK;
}

/* ---- a setting ---- */

enum { KEY = 64, ALL = -1 };

typedef struct pattern_setting {
  const char *text; /* all of it */
  char pattern[SYMO_MAX_NAME + 1], key[KEY];
  const char *value;
  long rule; /* which it is for, or ALL */
  bool read; /* a rule that it is for looks at it */
  const char *unread;
} pattern_setting;

/* "1." or "*." behind "rules." */
static bool read_rule(const char **key, long *rule) {
  uint64_t number = 0;
  const char *end = *key + 1;
  *rule = ALL;
  if (**key != '*') {
    if (!symo_whole_read(*key, &end, 999999, &number)) return false;
    *rule = (long)number;
  }
  if (*end != '.') return false;
  *key = end + 1;
  return true;
}

static symo_status parse(const spec_draft *draft, const char *text, pattern_setting *out) {
  static const char rules[] = "rules.";
  const char *colon = colon_of(text), *key = colon + 1, *equal = strchr(text, '=');
  bool sound = true;
  *out = (pattern_setting){.text = text, .value = equal + 1};
  if (!symo_spec_read_pattern(text, colon, out->pattern))
    return symo_fail(draft->context, SYMO_E_ARGUMENT, "%s: %s", symo_quoted(text).text,
                     symo_spec_pattern_rule);
  if (strncmp(key, rules, sizeof rules - 1) == 0) {
    key += sizeof rules - 1;
    sound = read_rule(&key, &out->rule);
  }
  if (!sound || key > equal || (size_t)(equal - key) >= sizeof out->key)
    return symo_fail(draft->context, SYMO_E_ARGUMENT,
                     "%s: names no option of a rule (write PATTERN:KEY=VALUE, "
                     "PATTERN:rules.1.KEY=VALUE or PATTERN:rules.*.KEY=VALUE)",
                     symo_quoted(text).text);
  memcpy(out->key, key, (size_t)(equal - key));
  if (out->rule != ALL && (size_t)out->rule >= draft->num_rules)
    return symo_fail(draft->context, SYMO_E_ARGUMENT, "%s: there are only %zu %s (count from 0)",
                     symo_quoted(text).text, draft->num_rules,
                     symo_plural(draft->num_rules, "rule", "rules"));
  return SYMO_OK;
}

/* ---- rules ---- */

static bool is_for(const pattern_setting *s, const char *pattern, size_t rule) {
  return strcmp(s->pattern, pattern) == 0 && (s->rule == ALL || (size_t)s->rule == rule);
}

/* Whether setting i is the first of its pattern that is for the rule. */
static bool is_first(const pattern_setting *list, size_t i, size_t rule) {
  if (!is_for(&list[i], list[i].pattern, rule)) return false;
  for (size_t k = 0; k < i; ++k)
    if (is_for(&list[k], list[i].pattern, rule)) return false;
  return true;
}

/* The rule of that number for the pattern of setting i. */
static symo_status refine(const spec_draft *draft, size_t count, pattern_setting *list, size_t i,
                          size_t number, symo_rule *out) {
  const symo_rule *rule = &draft->rules[number];
  *out = *rule;
  if (rule->also[0] != '\0')
    return symo_fail(draft->context, SYMO_E_ARGUMENT,
                     "%s: rule %zu has a second pattern, \"%s\" (write the rules in a file)",
                     symo_quoted(list[i].text).text, number, symo_quoted(rule->also).text);
  snprintf(out->also, sizeof out->also, "%s", list[i].pattern);
  for (size_t k = 0; k < count; ++k) {
    if (!is_for(&list[k], out->also, number)) continue;
    symo_status status =
        symo_spec_set_option(draft->context, &out->method, list[k].key, list[k].value);
    if (status != SYMO_OK)
      return symo_spec_pass_on(draft->context, status, symo_quoted(list[k].text).text, "");
  }
  for (size_t k = 0; k < count; ++k) {
    if (!is_for(&list[k], out->also, number)) continue;
    const char *of =
        strcmp(list[k].key, "betas") == 0 ? NULL : symo_method_unread(&out->method, list[k].key);
    list[k].read = list[k].read || of == NULL;
    list[k].unread = of;
  }
  return SYMO_OK;
}

static symo_status expand(spec_draft *draft, size_t count, pattern_setting *list,
                          symo_rule *rules) {
  size_t used = 0;
  for (size_t r = 0; r < draft->num_rules; ++r) {
    for (size_t i = 0; i < count; ++i) {
      if (!is_first(list, i, r)) continue;
      symo_status status = refine(draft, count, list, i, r, &rules[used++]);
      if (status != SYMO_OK) return status;
    }
    rules[used++] = draft->rules[r];
  }
  for (size_t i = 0; i < count; ++i)
    if (!list[i].read)
      return symo_fail(draft->context, SYMO_E_ARGUMENT,
                       "%s: nothing looks at %s here, which is of %s (leave it out)",
                       symo_quoted(list[i].text).text, list[i].key, list[i].unread);
  symo_free(draft->rules);
  draft->rules = rules;
  draft->num_rules = used;
  return SYMO_OK;
}

symo_status symo_spec_draft_patterns(spec_draft *draft, size_t count, const char *const *settings) {
  size_t number = draft->num_kept, bytes = 0;
  symo_status status = SYMO_OK;
  symo_rule *rules = NULL;
  for (size_t i = 0; i < count; ++i) number += symo_spec_has_pattern(settings[i]);
  if (number == 0) return SYMO_OK;
  pattern_setting *list = symo_calloc(number, sizeof *list);
  if (list != NULL && symo_mul_size(draft->num_rules, number + 1, &bytes))
    rules = symo_calloc(bytes, sizeof *rules);
  if (rules == NULL) SYMO_TRY(symo_fail_memory(draft->context, "optimizer"));
  number = 0;
  for (size_t i = 0; i < draft->num_kept; ++i)
    SYMO_TRY(parse(draft, draft->kept[i], &list[number++]));
  for (size_t i = 0; i < count; ++i)
    if (symo_spec_has_pattern(settings[i])) SYMO_TRY(parse(draft, settings[i], &list[number++]));
  SYMO_TRY(expand(draft, number, list, rules));
  rules = NULL; /* the draft's now */
fail:
  symo_free(rules);
  symo_free(list);
  return status;
}
