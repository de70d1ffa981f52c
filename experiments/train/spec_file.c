/* What is trained and how, in a file: run.json. */
#include <string.h>

#include "core/error.h"
#include "experiments/train/train.h"
#include "io/json.h"

json_t *train_spec_to_json(const train_spec *spec) {
  char text[TRAIN_SETTINGS];
  json_t *options = json_object();
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    if (!train_spec_has(spec->task, train_spec_key(i))) continue;
    train_spec_text(spec, train_spec_key(i), text);
    json_object_set_new(options, train_spec_key(i), json_string(text));
  }
  return json_pack("{s:i, s:s, s:o}", "format", 1, "task", spec->task->name, "options", options);
}

/* Files from before there were fields of single tasks have all of them, as they were. */
static bool is_idle(const train_spec *spec, const char *key, const char *value) {
  char text[TRAIN_SETTINGS];
  for (size_t i = 0; train_spec_key(i) != NULL; i++) {
    if (strcmp(train_spec_key(i), key) != 0 || train_spec_has(spec->task, key)) continue;
    train_spec_text(spec, key, text);
    return strcmp(text, value) == 0;
  }
  return false;
}

symo_status train_spec_from_json(symo_context *context, const char *where, json_t *object,
                                 train_spec *out) {
  static const char *const known[] = {
      "format", "task",    "options",        "folder",
      "data",   "history", "changed_by_task"}; /* the last ones: record.c */
  const char *key, *first = train_spec_key(0);
  json_t *value, *options = json_object_get(object, "options");
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
  value = json_object_get(options, first); /* what stands beside it goes over it */
  if (json_is_string(value))
    SYMO_TRY(train_spec_set(context, &spec, first, json_string_value(value)));
  json_object_foreach(options, key, value) {
    SYMO_TRY(symo_json_expect(context, where, key, value, JSON_STRING, "a text"));
    if (strcmp(key, first) == 0 || is_idle(&spec, key, json_string_value(value))) continue;
    SYMO_TRY(train_spec_set(context, &spec, key, json_string_value(value)));
  }
  spec.any_batch = true; /* a run with one that was asked for and too large was never begun */
  *out = spec;
fail:
  return status;
}
