/* From --optimizer, --lr, --set and what suits the task to the spec of an optimizer. */
#include "experiments/train/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

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

static const char *tuned_for(const train_spec *spec) {
  for (const train_tuned *t = spec->task->tuned; t != NULL && t->optimizer != NULL; t++)
    if (strcmp(t->optimizer, spec->optimizer) == 0) return t->settings;
  return "";
}

/* Schedules that end somewhere end with the run, unless they say when. */
static bool wants_end(const symo_optim_spec *optim) {
  for (size_t r = 0; r < optim->num_rules; r++) {
    const symo_method *m = &optim->rules[r].method;
    const bool ends =
        strcmp(m->schedule, "constant") != 0 && strcmp(m->schedule, "exponential") != 0;
    if (ends && !(m->total_steps > 0)) return true;
  }
  return false;
}

static bool is_preset(const char *name) {
  for (size_t i = 0; i < symo_method_num_presets(); i++)
    if (strcmp(symo_method_preset_name(i), name) == 0) return true;
  return false;
}

/* By the rules of the task. */
static symo_status open_rules(symo_context *context, const train_spec *spec,
                              const setting_list *list, symo_optim_spec **out) {
  symo_rule rules[TRAIN_MOST_RULES] = {{.pattern = "*"}};
  spec_draft draft;
  size_t count = 0;
  symo_status status = SYMO_OK;
  symo_spec_draft_start(context, &draft);
  SYMO_TRY(symo_spec_draft_room(&draft, 1));
  SYMO_TRY(symo_method_preset(context, spec->optimizer, &draft.rules[0].method));
  SYMO_TRY(spec->task->method(context, spec, &draft.rules[0].method));
  SYMO_TRY(symo_spec_draft_settings(&draft, list->count, list->items, false));
  SYMO_TRY(spec->task->rules(context, spec, &draft.rules[0].method, &count, rules));
  SYMO_TRY(symo_spec_draft_room(&draft, count));
  memcpy(draft.rules, rules, count * sizeof *rules);
  SYMO_TRY(symo_spec_draft_settings(&draft, list->count, list->items, true));
  SYMO_TRY(symo_spec_draft_finish(&draft, spec->optimizer, out));
fail:
  symo_spec_draft_drop(&draft);
  return status;
}

static symo_status open(symo_context *context, const train_spec *spec, const setting_list *list,
                        symo_optim_spec **out) {
  if (spec->task->rules != NULL && is_preset(spec->optimizer))
    return open_rules(context, spec, list, out);
  return symo_optim_spec_open(context, spec->optimizer, list->count, list->items, out);
}

symo_status train_optimizer_spec(symo_context *context, const train_spec *spec,
                                 symo_optim_spec **out) {
  char text[64];
  symo_status status = SYMO_OK;
  symo_optim_spec *optim = NULL;
  setting_list *list = symo_calloc(1, sizeof *list);
  if (list == NULL) return symo_fail_memory(context, "optimizer");
  bool room = add(list, tuned_for(spec));
  snprintf(text, sizeof text, "lr=%.17g", spec->lr);
  if (!isnan(spec->lr)) room = room && add(list, text);
  room = room && add(list, spec->settings);
  SYMO_TRY(open(context, spec, list, &optim));
  if (room && wants_end(optim)) {
    symo_optim_spec_destroy(optim);
    optim = NULL;
    snprintf(text, sizeof text, "rules.*.total_steps=%zu", spec->steps);
    room = add(list, text);
    SYMO_TRY(open(context, spec, list, &optim));
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
