/* What is trained and how: fields, defaults, texts, and the file that keeps them. */
#include "experiments/train/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "experiments/train/tasks.h"
#include "io/json.h"
#include "io/names.h"

typedef enum field_kind { TEXT, FLAG, COUNT, NUMBER } field_kind;

typedef struct field {
  const char *key;
  field_kind kind;
  size_t offset, size; /* size: of texts */
  double min, max;
} field;

#define TEXT_FIELD(key, member)                                                                    \
  { key, TEXT, offsetof(train_spec, member), sizeof(((train_spec *)0)->member), 0, 0 }

static const field fields[] = {
    TEXT_FIELD("net", net),
    TEXT_FIELD("act", act),
    TEXT_FIELD("data", data),
    TEXT_FIELD("groups", groups),
    TEXT_FIELD("optimizer", optimizer),
    TEXT_FIELD("settings", settings),
    TEXT_FIELD("dtype", dtype),
    {"bias", FLAG, offsetof(train_spec, bias), 0, 0, 0},
    {"data-exponent", NUMBER, offsetof(train_spec, data_exponent), 0, 0, 300},
    {"lr", NUMBER, offsetof(train_spec, lr), 0, 0, 1e6},
    {"train", COUNT, offsetof(train_spec, train), 0, 0, 1e9},
    {"test", COUNT, offsetof(train_spec, test), 0, 0, 1e9},
    {"batch", COUNT, offsetof(train_spec, batch), 0, 0, 1e9},
    {"steps", COUNT, offsetof(train_spec, steps), 0, 0, 1e12},
    {"eval-every", COUNT, offsetof(train_spec, eval_every), 0, 0, 1e12},
    {"checkpoint-every", COUNT, offsetof(train_spec, checkpoint_every), 0, 0, 1e12},
    {"seed", COUNT, offsetof(train_spec, seed), 0, 0, 9e15},
    {"data-seed", COUNT, offsetof(train_spec, data_seed), 0, 0, 9e15}};
enum { NUM_FIELDS = sizeof fields / sizeof *fields };

static const field *field_of(const char *key) {
  for (size_t i = 0; i < NUM_FIELDS; i++)
    if (strcmp(fields[i].key, key) == 0) return &fields[i];
  return NULL;
}

const char *train_spec_key(size_t index) { return index < NUM_FIELDS ? fields[index].key : NULL; }

/* ---- tasks ---- */

#define TASK_ROW(name) &train_task_##name,
static const train_task *const tasks[] = {TRAIN_TASK_LIST(TASK_ROW) NULL};
#undef TASK_ROW

const train_task *train_task_at(size_t index) {
  return index < sizeof tasks / sizeof *tasks ? tasks[index] : NULL;
}

const train_task *train_task_find(const char *name) {
  for (size_t i = 0; tasks[i] != NULL; i++)
    if (strcmp(tasks[i]->name, name) == 0) return tasks[i];
  return NULL;
}

void train_model_destroy(train_model *model) {
  if (model->destroy != NULL) model->destroy(model->self);
  symo_layout_destroy(model->layout);
  *model = (train_model){0};
}

/* ---- fields ---- */

static symo_status set_number(symo_context *context, const field *f, const char *value,
                              void *place) {
  char *end = NULL;
  errno = 0;
  const double x = strtod(value, &end);
  const bool whole = f->kind == COUNT;
  if (end == value || *end != '\0' || !isfinite(x) || (whole && x != floor(x)))
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" is not a %s (give one)", f->key,
                     symo_quoted(value).text, whole ? "whole number" : "finite number");
  if (x < f->min || x > f->max)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s is out of range (from %g to %g)", f->key,
                     value, f->min, f->max);
  if (whole)
    *(size_t *)place = (size_t)x;
  else
    *(double *)place = x;
  return SYMO_OK;
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

symo_status train_spec_set(symo_context *context, train_spec *spec, const char *key,
                           const char *value) {
  const field *f = field_of(key);
  if (strcmp(key, "set") == 0) return add_setting(context, spec, value);
  if (f == NULL) {
    const char *known[NUM_FIELDS];
    for (size_t i = 0; i < NUM_FIELDS; i++) known[i] = fields[i].key;
    return symo_fail(context, SYMO_E_NAME, "%s: there is no such option%s (see symo train --help)",
                     symo_quoted(key).text, symo_did_you_mean(key, NUM_FIELDS, known).text);
  }
  void *place = (char *)spec + f->offset;
  if (f->kind == FLAG) {
    if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" is neither true nor false (give one)",
                       key, symo_quoted(value).text);
    *(bool *)place = value[0] == 't';
    return SYMO_OK;
  }
  if (f->kind == NUMBER && *value == '\0') { /* not given */
    *(double *)place = NAN;
    return SYMO_OK;
  }
  if (f->kind != TEXT) return set_number(context, f, value, place);
  if (strlen(value) >= f->size)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: longer than %zu characters (shorten it)", key,
                     f->size - 1);
  memcpy(place, value, strlen(value) + 1);
  return SYMO_OK;
}

void train_spec_text(const train_spec *spec, const char *key, char text[TRAIN_SETTINGS]) {
  const field *f = field_of(key);
  const void *place = (const char *)spec + f->offset;
  if (f->kind == TEXT)
    snprintf(text, TRAIN_SETTINGS, "%s", (const char *)place);
  else if (f->kind == FLAG)
    snprintf(text, TRAIN_SETTINGS, "%s", *(const bool *)place ? "true" : "false");
  else if (f->kind == COUNT)
    snprintf(text, TRAIN_SETTINGS, "%zu", *(const size_t *)place);
  else if (isnan(*(const double *)place))
    text[0] = '\0';
  else
    snprintf(text, TRAIN_SETTINGS, "%.17g", *(const double *)place);
}

/* The fewest digits that read back to the same number, for people. */
static void tidy(const field *f, const train_spec *spec, char text[TRAIN_SETTINGS]) {
  if (f->kind != NUMBER) return;
  const double x = *(const double *)(const void *)((const char *)spec + f->offset);
  for (int digits = 1; digits < 17 && !isnan(x); digits++) {
    snprintf(text, TRAIN_SETTINGS, "%.*g", digits, x);
    if (strtod(text, NULL) == x) return;
  }
}

train_spec train_spec_default(const train_task *task) {
  train_spec spec = {.task = task,
                     .act = "tanh",
                     .groups = "auto",
                     .optimizer = "symo",
                     .dtype = "f32",
                     .bias = true,
                     .data_exponent = 5,
                     .lr = NAN,
                     .steps = 500,
                     .eval_every = 50,
                     .checkpoint_every = 100,
                     .seed = 1};
  char key[64], value[256];
  for (const char *s = task->defaults; *s != '\0';) {
    const size_t equal = strcspn(s, "="), end = strcspn(s, ";");
    snprintf(key, sizeof key, "%.*s", (int)equal, s);
    snprintf(value, sizeof value, "%.*s", (int)(end - equal - 1), s + equal + 1);
    (void)train_spec_set(NULL, &spec, key, value); /* the tests look at all tables */
    s += end + (s[end] == ';');
  }
  return spec;
}

/* ---- files ---- */

json_t *train_spec_to_json(const train_spec *spec) {
  char text[TRAIN_SETTINGS];
  json_t *options = json_object();
  for (size_t i = 0; i < NUM_FIELDS; i++) {
    train_spec_text(spec, fields[i].key, text);
    tidy(&fields[i], spec, text);
    json_object_set_new(options, fields[i].key, json_string(text));
  }
  return json_pack("{s:i, s:s, s:o}", "format", 1, "task", spec->task->name, "options", options);
}

symo_status train_spec_from_json(symo_context *context, const char *where, json_t *object,
                                 train_spec *out) {
  static const char *const known[] = {"format", "task", "options"};
  const char *key;
  json_t *value, *options = json_object_get(object, "options");
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_expect(context, where, "", object, JSON_OBJECT, "as symo train writes it"));
  SYMO_TRY(symo_json_check_keys(context, where, "", object, 3, known));
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
  json_object_foreach(options, key, value) {
    SYMO_TRY(symo_json_expect(context, where, key, value, JSON_STRING, "a text"));
    SYMO_TRY(train_spec_set(context, &spec, key, json_string_value(value)));
  }
  *out = spec;
fail:
  return status;
}
