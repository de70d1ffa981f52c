/* What is trained and how: fields, defaults, texts, and the file that keeps them, run.json. */
#include "experiments/train/option.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/names.h"
#include "core/registry.h"
#include "core/text.h"
#include "experiments/train/tasks.h"
#include "io/json.h"

/* ---- tasks ---- */

#define TASK_ROW(name) &train_task_##name,
static const void *const tasks[] = {TRAIN_TASK_LIST(TASK_ROW)};
#undef TASK_ROW

const train_task *train_task_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(tasks), index);
}

const train_task *train_task_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(tasks), name);
}

void train_model_destroy(train_model *model) {
  if (model->destroy != NULL) model->destroy(model->self);
  symo_layout_destroy(model->layout);
  for (size_t i = 0; i < model->num_texts; i++) {
    symo_free(model->texts[i][0]);
    symo_free(model->texts[i][1]);
  }
  symo_free(model->texts);
  symo_free(model->items);
  *model = (train_model){0};
}

/* ---- fields ---- */

/* A number in the range of the row, whole where the row says so. */
static symo_status read_number(symo_context *context, const train_option *o, const char *value,
                               double *out) {
  double x = 0;
  const bool whole = o->kind == TRAIN_COUNT;
  const double min = o->properties & TRAIN_ZERO_IS_CHOICE ? 0 : o->min;
  if (!symo_decimal_read(value, NULL, &x) || (whole && x != floor(x)))
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" is not a %s (give one)", o->key,
                     symo_quoted(value).text, whole ? "whole number" : "finite number");
  if (x < min || x > o->max)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s is out of range (from %g to %g)", o->key,
                     value, min, o->max);
  *out = x;
  return SYMO_OK;
}

static symo_status set_count(symo_context *context, const train_option *o, const char *value,
                             size_t *place) {
  double x;
  symo_status status = read_number(context, o, value, &x);
  if (status == SYMO_OK) *place = (size_t)x;
  return status;
}

/* Settings are kept one behind the other, each with a semicolon. */
static symo_status add_setting(symo_context *context, train_spec *spec, const char *value) {
  const size_t used = strlen(spec->settings), length = strlen(value);
  if (strchr(value, ';') != NULL || strchr(value, '=') == NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "set: \"%s\" is not KEY=VALUE (such as lr=0.1)",
                     symo_quoted(value).text);
  if (used + length + 2 > sizeof spec->settings)
    return symo_fail(context, SYMO_E_SIZE, "set: too many settings (write a spec file)");
  snprintf(spec->settings + used, sizeof spec->settings - used, "%s;", value);
  return SYMO_OK;
}

/* The value of an option without a field: a setting under the optimizer's own name. */
static symo_status set_setting(symo_context *context, train_spec *spec, const train_option *o,
                               const char *value) {
  char text[128];
  double x;
  symo_status status = read_number(context, o, value, &x);
  if (status != SYMO_OK) return status;
  snprintf(text, sizeof text, "%s=%s", o->setting, symo_decimal_of(x).text);
  return add_setting(context, spec, text);
}

/* "a=1;b=2": fields. */
static symo_status set_all(symo_context *context, train_spec *spec, const char *settings) {
  char key[64], value[256];
  symo_status status = SYMO_OK;
  for (const char *s = settings; *s != '\0' && status == SYMO_OK;) {
    const size_t equal = strcspn(s, "="), end = strcspn(s, ";");
    snprintf(key, sizeof key, "%.*s", (int)equal, s);
    snprintf(value, sizeof value, "%.*s", (int)(end - equal - 1), s + equal + 1);
    status = train_spec_set(context, spec, key, value);
    s += end + (s[end] == ';');
  }
  return status;
}

/* The fields of a preset; its name itself is set by the caller. */
static symo_status set_preset(symo_context *context, train_spec *spec, const char *name) {
  enum { MOST = 16 };
  const char *known[MOST];
  char list[256] = "";
  size_t count = 0;
  for (const train_preset *p = spec->task->presets; p != NULL && p->name != NULL; p++) {
    if (strcmp(p->name, name) == 0) return set_all(context, spec, p->settings);
    const size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", p->name);
    if (count < MOST) known[count++] = p->name;
  }
  return symo_fail(context, SYMO_E_ARGUMENT, "preset: there is no \"%s\"%s (one of %s)",
                   symo_quoted(name).text, symo_did_you_mean(name, count, known).text, list);
}

static symo_status set_flag(symo_context *context, const char *key, const char *value,
                            bool *place) {
  if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" is neither true nor false (give one)",
                     key, symo_quoted(value).text);
  *place = value[0] == 't';
  return SYMO_OK;
}

static symo_status set_text(symo_context *context, train_spec *spec, const train_option *o,
                            const char *key, const char *value) {
  if (strlen(value) >= o->size)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: longer than %zu %s (shorten it)", key,
                     o->size - 1, symo_plural(o->size - 1, "character", "characters"));
  symo_status status = o->kind == TRAIN_SETS ? set_preset(context, spec, value) : SYMO_OK;
  if (status == SYMO_OK) memcpy((char *)spec + o->offset, value, strlen(value) + 1);
  return status;
}

/* Whatever the task. */
static symo_status set_field(symo_context *context, train_spec *spec, const train_option *o,
                             const char *key, const char *value) {
  void *place = (char *)spec + o->offset;
  if (place == (void *)&spec->batch) spec->any_batch = false;
  switch (o->kind) {
  case TRAIN_FLAG: return set_flag(context, key, value, place);
  case TRAIN_COUNT: return set_count(context, o, value, place);
  case TRAIN_SETTING: return set_setting(context, spec, o, value);
  case TRAIN_NUMBER:
    if (*value != '\0') return read_number(context, o, value, place);
    *(double *)place = NAN; /* not given */
    return SYMO_OK;
  default: return set_text(context, spec, o, key, value);
  }
}

static symo_status refuse_unknown(symo_context *context, const char *key) {
  enum { MOST = 96 };
  const char *known[MOST];
  size_t count = 0;
  for (; count < MOST && train_option_at(count) != NULL; count++)
    known[count] = train_option_at(count)->key;
  return symo_fail(context, SYMO_E_NAME, "%s: there is no such option%s (see symo train --help)",
                   symo_quoted(key).text, symo_did_you_mean(key, count, known).text);
}

symo_status train_spec_set(symo_context *context, train_spec *spec, const char *key,
                           const char *value) {
  const train_option *o = train_option_find(key);
  if (strcmp(key, "set") == 0) return add_setting(context, spec, value);
  if (o == NULL) return refuse_unknown(context, key);
  if (!train_option_of_task(o, spec->task)) {
    const char *which = train_option_tasks(o);
    const bool without = which[0] == '!';
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s for %s (leave it out)", key,
                     without ? "not" : "only", which + without);
  }
  return set_field(context, spec, o, key, value);
}

/* The fewest digits that read back to the same number. */
static void number_text(double x, char text[TRAIN_SETTINGS]) {
  text[0] = '\0';
  for (int digits = 1; digits <= 17 && !isnan(x); digits++) {
    snprintf(text, TRAIN_SETTINGS, "%.*g", digits, x);
    if (strtod(text, NULL) == x) return;
  }
}

void train_option_text(const train_option *option, const train_spec *spec,
                       char text[TRAIN_SETTINGS]) {
  const void *place = (const char *)spec + option->offset;
  if (option->kind == TRAIN_SETTING)
    text[0] = '\0'; /* spec->settings has it */
  else if (option->kind == TRAIN_FLAG)
    snprintf(text, TRAIN_SETTINGS, "%s", *(const bool *)place ? "true" : "false");
  else if (option->kind == TRAIN_COUNT)
    snprintf(text, TRAIN_SETTINGS, "%zu", *(const size_t *)place);
  else if (option->kind == TRAIN_NUMBER)
    number_text(*(const double *)place, text);
  else
    snprintf(text, TRAIN_SETTINGS, "%s", (const char *)place);
}

bool train_option_differs(const train_option *option, const train_spec *a, const train_spec *b) {
  char one[TRAIN_SETTINGS], two[TRAIN_SETTINGS];
  train_option_text(option, a, one);
  train_option_text(option, b, two);
  return strcmp(one, two) != 0;
}

/* The rows and the texts of the tasks set without errors: the tests look at all. */
train_spec train_spec_default(const train_task *task) {
  train_spec spec = {.task = task};
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++)
    if (o->initial != NULL) (void)set_field(NULL, &spec, o, o->key, o->initial);
  (void)set_all(NULL, &spec, task->defaults);
  spec.any_batch = true;
  return spec;
}

/* ---- run.json ---- */

json_t *train_spec_to_json(const train_spec *spec) {
  char text[TRAIN_SETTINGS];
  json_t *options = json_object();
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    if (!train_option_of_task(o, spec->task) || o->kind == TRAIN_SETTING) continue;
    train_option_text(o, spec, text);
    json_object_set_new(options, o->key, json_string(text));
  }
  return json_pack("{s:i, s:s, s:o}", "format", 1, "task", spec->task->name, "options", options);
}

/* Files from before there were options of single tasks have all of them, as they were. */
static bool is_idle(const train_spec *spec, const char *key, const char *value) {
  char text[TRAIN_SETTINGS];
  const train_option *o = train_option_find(key);
  if (o == NULL || strcmp(o->key, key) != 0 || train_option_of_task(o, spec->task)) return false;
  train_option_text(o, spec, text);
  return strcmp(text, value) == 0;
}

/* Options that set others come first, so that what stands beside them takes precedence. */
static symo_status set_options(symo_context *context, const char *where, json_t *options,
                               train_spec *spec) {
  const char *key;
  json_t *value;
  symo_status status = SYMO_OK;
  const train_option *o;
  for (size_t i = 0; (o = train_option_at(i)) != NULL && o->kind == TRAIN_SETS; i++) {
    value = json_object_get(options, o->key);
    if (json_is_string(value))
      SYMO_TRY(train_spec_set(context, spec, o->key, json_string_value(value)));
  }
  json_object_foreach(options, key, value) {
    SYMO_TRY(symo_json_expect(context, where, key, value, JSON_STRING, "a text"));
    o = train_option_find(key);
    if (o != NULL && o->kind == TRAIN_SETS) continue;
    if (is_idle(spec, key, json_string_value(value))) continue;
    SYMO_TRY(train_spec_set(context, spec, key, json_string_value(value)));
  }
fail:
  return status;
}

symo_status train_spec_from_json(symo_context *context, const char *where, json_t *object,
                                 train_spec *out) {
  static const char *const known[] = {"format", "task",    "options",         "folder",
                                      "data",   "history", "changed_by_task", "threads",
                                      "memory", "plugins"}; /* all but the first three: record.c */
  json_t *options = json_object_get(object, "options");
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_expect(context, where, "", object, JSON_OBJECT, "as symo train writes it"));
  SYMO_TRY(symo_json_check_keys(context, where, "", object, sizeof known / sizeof *known, known));
  SYMO_TRY(symo_json_expect(context, where, "options", options, JSON_OBJECT, "of the run"));
  SYMO_TRY(symo_json_expect(context, where, "task", json_object_get(object, "task"), JSON_STRING,
                            "the name of a task"));
  if (json_integer_value(json_object_get(object, "format")) != 1)
    return symo_fail(context, SYMO_E_FORMAT, "%s: format: not 1 (take the symo that wrote it)",
                     where);
  const train_task *task = train_task_find(json_string_value(json_object_get(object, "task")));
  if (task == NULL)
    return symo_fail(context, SYMO_E_NAME, "%s: task: there is no such task (symo train --help)",
                     where);
  train_spec spec = train_spec_default(task);
  SYMO_TRY(set_options(context, where, options, &spec));
  spec.any_batch = true; /* a run with one that was asked for and too large was never begun */
  *out = spec;
fail:
  return status;
}
