/* What is trained and how: fields, defaults, texts, and the file that keeps them. */
#include "experiments/train/train.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "experiments/train/tasks.h"

typedef enum field_kind { TEXT, FLAG, COUNT, NUMBER } field_kind;

/* tasks: those that have it, "a|b", "!" before one that has not; NULL: all have it. */
typedef struct field {
  const char *key, *alias, *tasks;
  field_kind kind;
  size_t offset, size; /* size: of texts */
  double min, max;
} field;

#define TEXT_FIELD(key, tasks, member)                                                             \
  { key, NULL, tasks, TEXT, offsetof(train_spec, member), sizeof(((train_spec *)0)->member), 0, 0 }
#define FIELD(key, alias, tasks, kind, member, min, max)                                           \
  { key, alias, tasks, kind, offsetof(train_spec, member), 0, min, max }

/* "preset" comes first: what it sets may be set otherwise behind it. */
static const field fields[] = {
    TEXT_FIELD("preset", "gpt", gpt.preset),
    TEXT_FIELD("net", "!gpt", net),
    TEXT_FIELD("act", NULL, act),
    TEXT_FIELD("data", NULL, data),
    TEXT_FIELD("label", "classifier|autoencoder", label),
    TEXT_FIELD("header", "classifier|autoencoder", header),
    FIELD("standardize", NULL, "classifier|autoencoder", FLAG, standardize, 0, 0),
    TEXT_FIELD("groups", NULL, groups),
    TEXT_FIELD("layout", NULL, layout),
    TEXT_FIELD("optimizer", NULL, optimizer),
    TEXT_FIELD("settings", NULL, settings),
    TEXT_FIELD("dtype", NULL, dtype),
    FIELD("bias", NULL, NULL, FLAG, bias, 0, 0),
    FIELD("data-exponent", NULL, "teacher-student", NUMBER, data_exponent, 0, 300),
    FIELD("lr", "learning-rate", NULL, NUMBER, lr, 0, 1e6),
    FIELD("train", NULL, "!gpt", COUNT, train, 0, 1e9),
    FIELD("test", NULL, "!gpt", COUNT, test, 0, 1e9),
    FIELD("batch", "batch-size", NULL, COUNT, batch, 0, 1e9),
    FIELD("steps", "max-iters", NULL, COUNT, steps, 0, 1e12),
    FIELD("eval-every", "eval-interval", NULL, COUNT, eval_every, 0, 1e12),
    FIELD("checkpoint-every", NULL, NULL, COUNT, checkpoint_every, 0, 1e12),
    FIELD("seed", NULL, NULL, COUNT, seed, 0, 9e15),
    FIELD("data-seed", NULL, NULL, COUNT, data_seed, 0, 9e15),
    FIELD("n-layer", NULL, "gpt", COUNT, gpt.layers, 1, 1e4),
    FIELD("n-head", NULL, "gpt", COUNT, gpt.heads, 1, 1e5),
    FIELD("n-embd", NULL, "gpt", COUNT, gpt.width, 1, 1e6),
    FIELD("block-size", NULL, "gpt", COUNT, gpt.block, 1, 1e7),
    FIELD("gradient-accumulation-steps", NULL, "gpt", COUNT, gpt.accumulation, 1, 1e6),
    FIELD("dropout", NULL, "gpt", NUMBER, gpt.dropout, 0, 0.999),
    FIELD("tied", NULL, "gpt", FLAG, gpt.tied, 0, 0),
    TEXT_FIELD("vocab", "gpt", gpt.vocab),
    TEXT_FIELD("merges", "gpt", gpt.merges),
    TEXT_FIELD("init-from", "gpt", gpt.init_from),
    FIELD("eval-iters", NULL, "gpt", COUNT, gpt.eval_iters, 1, 1e9),
    FIELD("warmup-iters", NULL, "gpt", COUNT, gpt.warmup, 0, 1e12),
    FIELD("lr-decay-iters", NULL, "gpt", COUNT, gpt.decay, 0, 1e12),
    FIELD("min-lr", NULL, "gpt", NUMBER, gpt.min_lr, 0, 1e6),
    FIELD("adamw-lr", NULL, "gpt", NUMBER, gpt.adamw_lr, 0, 1e6),
    FIELD("beta1", NULL, "gpt", NUMBER, gpt.beta1, 0, 0.9999999),
    FIELD("beta2", NULL, "gpt", NUMBER, gpt.beta2, 0, 0.9999999),
    FIELD("weight-decay", NULL, "gpt", NUMBER, gpt.weight_decay, 0, 1e6),
    FIELD("grad-clip", NULL, "gpt", NUMBER, gpt.grad_clip, 0, 1e30)};
enum { NUM_FIELDS = sizeof fields / sizeof *fields };

static const field *field_of(const char *key) {
  for (size_t i = 0; i < NUM_FIELDS; i++)
    if (strcmp(fields[i].key, key) == 0 ||
        (fields[i].alias != NULL && strcmp(fields[i].alias, key) == 0))
      return &fields[i];
  return NULL;
}

const char *train_spec_key(size_t index) { return index < NUM_FIELDS ? fields[index].key : NULL; }

const char *train_spec_alias(const char *key) {
  const field *f = field_of(key);
  return f != NULL ? f->alias : NULL;
}

bool train_spec_has(const train_task *task, const char *key) {
  const field *f = field_of(key);
  if (f == NULL || f->tasks == NULL) return f != NULL;
  const bool without = f->tasks[0] == '!';
  const size_t length = strlen(task->name);
  for (const char *p = f->tasks + without; *p != '\0'; p += p[strcspn(p, "|")] == '|') {
    if (strncmp(p, task->name, length) == 0 && (p[length] == '|' || p[length] == '\0'))
      return !without;
    p += strcspn(p, "|");
  }
  return without;
}

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
  for (size_t i = 0; i < model->num_texts; i++) {
    symo_free(model->texts[i][0]);
    symo_free(model->texts[i][1]);
  }
  symo_free(model->texts);
  symo_free(model->items);
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

static symo_status refuse_foreign(symo_context *context, const field *f, const char *key) {
  const bool without = f->tasks[0] == '!';
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s for %s (leave it out)", key,
                   without ? "not" : "only", f->tasks + without);
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
  if (!train_spec_has(spec->task, f->key)) return refuse_foreign(context, f, key);
  void *place = (char *)spec + f->offset;
  if (place == (void *)&spec->batch) spec->any_batch = false;
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
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: longer than %zu %s (shorten it)", key,
                     f->size - 1, symo_plural(f->size - 1, "character", "characters"));
  if (f == &fields[0]) {
    symo_status status = set_preset(context, spec, value);
    if (status != SYMO_OK) return status;
  }
  memcpy(place, value, strlen(value) + 1);
  return SYMO_OK;
}

/* The fewest digits that read back to the same number. */
static void number_text(double x, char text[TRAIN_SETTINGS]) {
  text[0] = '\0';
  for (int digits = 1; digits <= 17 && !isnan(x); digits++) {
    snprintf(text, TRAIN_SETTINGS, "%.*g", digits, x);
    if (strtod(text, NULL) == x) return;
  }
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
  else
    number_text(*(const double *)place, text);
}

train_spec train_spec_default(const train_task *task) {
  train_spec spec = {.task = task,
                     .act = "tanh",
                     .header = "auto",
                     .groups = "auto",
                     .optimizer = "symo",
                     .dtype = "f32",
                     .bias = true,
                     .data_exponent = 5,
                     .lr = NAN,
                     .steps = 500,
                     .eval_every = 50,
                     .checkpoint_every = 100,
                     .gpt = {.min_lr = NAN, .adamw_lr = NAN},
                     .seed = 1};
  (void)set_all(NULL, &spec, task->defaults); /* the tests look at all tables */
  spec.any_batch = true;
  return spec;
}
