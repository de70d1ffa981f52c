/* From --optimizer, --lr, --set and what the task wants to the spec of an optimizer.
 *
 * A preset means the same by its name and in a file without rules: first the preset, then the
 * task's changes (train_task.method), then what the file says, then --lr and --set; then the task's
 * rules.  Files with rules are taken as they stand. */
#include "experiments/train/option.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

#include "io/optim_spec.h"

#include <symo/io.h>

enum { MOST = 128 };

/* Settings in order; the texts point into `text`. */
typedef struct setting_list {
  char text[2 * TRAIN_SETTINGS];
  size_t used, count;
  const char *items[MOST];
} setting_list;

/* Adds the parts of "a=1;b=2;". */
static bool add(setting_list *list, const char *settings) {
  for (const char *s = settings; *s != '\0';) {
    const size_t length = strcspn(s, ";");
    if (length > 0) {
      if (list->count == MOST || list->used + length + 1 > sizeof list->text) return false;
      char *to = list->text + list->used;
      memcpy(to, s, length);
      to[length] = '\0';
      list->items[list->count++] = to;
      list->used += length + 1;
    }
    s += length + (s[length] == ';');
  }
  return true;
}

/* Schedules that end somewhere end with the run, unless they say when. */
static bool wants_end(const symo_optim_spec *optim) {
  for (size_t r = 0; r < optim->num_rules; r++) {
    const symo_method *m = &optim->rules[r].method;
    const bool ends =
        m->schedule != SYMO_SCHEDULE_CONSTANT && m->schedule != SYMO_SCHEDULE_EXPONENTIAL;
    if (ends && !(m->total_steps > 0)) return true;
  }
  return false;
}

/* ---- what the task makes of presets ---- */

typedef struct task_adapter {
  symo_context *context;
  const train_spec *spec;
  json_t *changes; /* or NULL */
} task_adapter;

/* min_lr is left open until lr is known. */
static symo_status value_of(symo_context *context, const symo_method *m, const char *key,
                            char text[128]) {
  if (strcmp(key, "min_lr") != 0 || !isnan(m->min_lr))
    return symo_method_get(context, m, key, text);
  snprintf(text, 128, "lr / 10");
  return SYMO_OK;
}

static symo_status note_changes(const task_adapter *a, const symo_method *before,
                                const symo_method *after) {
  for (size_t i = 0; i < symo_method_num_options(); i++) {
    const char *key = symo_method_option(i)->key;
    char was[128], is[128];
    symo_status status = value_of(a->context, before, key, was);
    if (status == SYMO_OK) status = value_of(a->context, after, key, is);
    if (status != SYMO_OK) return status;
    if (strcmp(was, is) == 0) continue;
    if (json_object_set_new(a->changes, key, json_pack("{s:s, s:s}", "preset", was, "task", is)))
      return symo_fail_memory(a->context, "optimizer");
  }
  return SYMO_OK;
}

static symo_status task_method(void *self, symo_method *method) {
  const task_adapter *a = self;
  const symo_method before = *method;
  symo_status status = a->spec->task->method(a->context, a->spec, method);
  if (status != SYMO_OK || a->changes == NULL) return status;
  return note_changes(a, &before, method);
}

static symo_status task_rules(void *self, const symo_method *method, size_t *num,
                              symo_rule rules[TRAIN_MOST_RULES]) {
  const task_adapter *a = self;
  return a->spec->task->rules(a->context, a->spec, method, num, rules);
}

static symo_status open_spec(symo_context *context, const train_spec *spec,
                             const setting_list *list, json_t *changes, symo_optim_spec **out) {
  task_adapter self = {context, spec, changes};
  const spec_adapter adapter = {.self = &self,
                                .method = spec->task->method != NULL ? task_method : NULL,
                                .rules = spec->task->rules != NULL ? task_rules : NULL};
  return symo_optim_spec_open_adapted(context, spec->optimizer, list->count, list->items, &adapter,
                                      out);
}

symo_status train_optimizer_spec(symo_context *context, const train_spec *spec, json_t *changes,
                                 symo_optim_spec **out) {
  char text[64];
  symo_status status = SYMO_OK;
  symo_optim_spec *optim = NULL;
  bool room = true;
  setting_list *list = symo_calloc(1, sizeof *list);
  if (list == NULL) return symo_fail_memory(context, "optimizer");
  snprintf(text, sizeof text, "lr=%s", symo_decimal_of(spec->lr).text);
  if (!isnan(spec->lr)) room = add(list, text);
  room = room && add(list, spec->settings);
  SYMO_TRY(open_spec(context, spec, list, changes, &optim));
  if (room && wants_end(optim)) {
    symo_optim_spec_destroy(optim);
    optim = NULL;
    snprintf(text, sizeof text, "rules.*.total_steps=%zu", spec->steps);
    room = add(list, text);
    if (changes != NULL && json_object_set_new(changes, "total_steps",
                                               json_pack("{s:s, s:s}", "preset", "0", "task",
                                                         strchr(text, '=') + 1))) {
      status = symo_fail_memory(context, "optimizer");
      goto fail;
    }
    SYMO_TRY(open_spec(context, spec, list, changes, &optim));
  }
  if (!room) {
    status = symo_fail(context, SYMO_E_SIZE, "optimizer: too many settings (write a spec file)");
    goto fail;
  }
  *out = optim;
  optim = NULL;
fail:
  symo_optim_spec_destroy(optim);
  symo_free(list);
  return status;
}

/* ---- options that an optimizer does not look at ---- */

/* The optimizer as text, with the option at `value`. */
static symo_status text_with(symo_context *context, const train_option *o, const train_spec *spec,
                             double value, char **text) {
  train_spec other = *spec;
  symo_optim_spec *optim = NULL;
  symo_status status = train_spec_set(context, &other, o->key, symo_decimal_of(value).text);
  if (status == SYMO_OK) status = train_optimizer_spec(context, &other, NULL, &optim);
  if (status == SYMO_OK) status = symo_optim_spec_to_json(context, optim, text);
  symo_optim_spec_destroy(optim);
  return status;
}

/* What fails with either value has looked at it. */
symo_status train_option_check_used(symo_context *context, const train_option *option,
                                    const train_spec *spec) {
  char given[TRAIN_SETTINGS], *texts[2] = {NULL, NULL};
  double value;
  if (!(option->properties & TRAIN_OF_OPTIMIZER)) return SYMO_OK;
  train_option_text(option, spec, given);
  if (!symo_decimal_read(given, NULL, &value)) return SYMO_OK; /* not given */
  const double half = option->kind == TRAIN_COUNT ? floor(value / 2) : value / 2;
  const double other = half != value && half >= option->min ? half : fmin(value + 1, option->max);
  symo_status status = text_with(context, option, spec, value, &texts[0]);
  if (status == SYMO_OK) status = text_with(context, option, spec, other, &texts[1]);
  const bool unused = status == SYMO_OK && strcmp(texts[0], texts[1]) == 0;
  symo_free(texts[0]);
  symo_free(texts[1]);
  if (!unused) return SYMO_OK;
  return symo_fail(
      context, SYMO_E_ARGUMENT,
      "%s: optimizer %s, with what else is given, does not depend on it (leave it out)",
      option->key, spec->optimizer);
}
