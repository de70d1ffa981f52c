/* What a run keeps beside its numbers: run.json, summary.json, and the files that it needs
 * again. */
#include "experiments/train/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/folder.h"
#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/option.h"
#include "experiments/train/run.h"
#include "io/file.h"
#include "io/json.h"

enum { LARGEST = 1 << 24 };

static symo_status read_object(symo_context *context, const char *path, json_t **out) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = symo_file_read_all(context, path, LARGEST, &text, &length);
  if (status == SYMO_OK) status = symo_json_parse(context, path, text, length, out);
  symo_free(text);
  return status;
}

/* ---- run.json ---- */

void train_record_drop(train_record *record) {
  json_decref(record->history);
  json_decref(record->by_task);
  json_decref(record->plugins);
  *record = (train_record){0};
}

static symo_status read_text(symo_context *context, const char *where, json_t *object,
                             const char *key, size_t room, char *out) {
  const json_t *value = json_object_get(object, key);
  if (value == NULL) return SYMO_OK;
  symo_status status = symo_json_expect(context, where, key, value, JSON_STRING, "a text");
  if (status == SYMO_OK) snprintf(out, room, "%s", json_string_value(value));
  return status;
}

static symo_status read_machine(symo_context *context, const char *where, json_t *object,
                                train_record *out) {
  const json_t *threads = json_object_get(object, "threads");
  const json_t *memory = json_object_get(object, "memory");
  json_t *plugins = json_object_get(object, "plugins");
  symo_status status = SYMO_OK;
  if (threads != NULL) {
    SYMO_TRY(symo_json_expect(context, where, "threads", threads, JSON_INTEGER, "a whole number"));
    const json_int_t count = json_integer_value(threads);
    if (count < 1 || count > CLI_MOST_THREADS)
      SYMO_TRY(symo_fail(context, SYMO_E_FORMAT, "%s: threads: not from 1 to %d (was it edited?)",
                         where, CLI_MOST_THREADS));
    out->threads = (int)count;
  }
  if (memory != NULL) {
    out->memory = json_number_value(memory);
    if (!(out->memory > 0))
      SYMO_TRY(symo_fail(context, SYMO_E_FORMAT, "%s: memory: no positive number (was it edited?)",
                         where));
  }
  if (plugins != NULL) {
    SYMO_TRY(symo_json_expect(context, where, "plugins", plugins, JSON_ARRAY, "of files"));
    for (size_t i = 0; i < json_array_size(plugins); i++)
      SYMO_TRY(symo_json_expect(context, where, "plugins", json_array_get(plugins, i), JSON_STRING,
                                "a file"));
    out->plugins = json_incref(plugins);
  }
fail:
  return status;
}

static symo_status read_record(symo_context *context, const char *where, json_t *object,
                               train_record *out) {
  json_t *history = json_object_get(object, "history");
  symo_status status = SYMO_OK;
  SYMO_TRY(read_text(context, where, object, "folder", sizeof out->folder, out->folder));
  SYMO_TRY(read_text(context, where, object, "data", sizeof out->data, out->data));
  SYMO_TRY(read_machine(context, where, object, out));
  if (history != NULL) {
    SYMO_TRY(symo_json_expect(context, where, "history", history, JSON_ARRAY, "of changes"));
    out->history = json_incref(history);
  }
fail:
  return status;
}

static symo_status read_run(symo_context *context, const char *directory, train_spec *out,
                            train_record *record) {
  char *path = cli_join(directory, "run.json");
  json_t *object = NULL;
  symo_status status = path != NULL ? SYMO_OK : symo_fail_memory(context, directory);
  if (record != NULL) *record = (train_record){0};
  SYMO_TRY(status);
  SYMO_TRY(read_object(context, path, &object));
  SYMO_TRY(train_spec_from_json(context, path, object, out));
  if (record != NULL) SYMO_TRY(read_record(context, path, object, record));
fail:
  json_decref(object);
  symo_free(path);
  return status;
}

int train_read_run(cli *c, const char *directory, train_spec *out, train_record *record) {
  symo_status status = read_run(cli_context(c), directory, out, record);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

int train_write_run(cli *c, const char *directory, const train_spec *spec,
                    const train_record *record) {
  char *path = cli_join(directory, "run.json");
  json_t *object = train_spec_to_json(spec);
  if (path == NULL || object == NULL) {
    json_decref(object);
    symo_free(path);
    return cli_fail_status(c, symo_fail_memory(cli_context(c), "run.json"));
  }
  if (record->folder[0] != '\0') cli_set(c, object, "folder", json_string(record->folder));
  if (record->data[0] != '\0') cli_set(c, object, "data", json_string(record->data));
  if (record->threads > 0) cli_set(c, object, "threads", json_integer(record->threads));
  if (record->memory > 0) cli_set(c, object, "memory", cli_number(record->memory));
  if (record->plugins != NULL) cli_set(c, object, "plugins", json_incref(record->plugins));
  if (record->by_task != NULL) cli_set(c, object, "changed_by_task", json_incref(record->by_task));
  if (record->history != NULL) cli_set(c, object, "history", json_incref(record->history));
  const int code = cli_write_json(c, path, object);
  symo_free(path);
  return code;
}

/* ---- the machine ---- */

static json_t *plugins_given(cli *c) {
  size_t count;
  const char *const *files = cli_list(c, "plugin", &count);
  json_t *list = count > 0 ? json_array() : NULL;
  for (size_t i = 0; i < count; i++) cli_push(c, list, json_string(files[i]));
  return list;
}

int train_record_keep(cli *c, const char *directory, train_record *record, train_spec *spec) {
  if (cli_given(c, "threads"))
    record->threads = spec->threads;
  else if (record->threads > 0)
    spec->threads = record->threads;
  if (cli_given(c, "memory"))
    record->memory = spec->memory;
  else if (record->memory > 0)
    spec->memory = record->memory;
  if (cli_given(c, "plugin")) {
    json_decref(record->plugins);
    record->plugins = plugins_given(c);
  } else if (json_array_size(record->plugins) > 0) {
    return cli_fail(c, CLI_USAGE,
                    "--resume: the run in %s was given --plugin %s (give it again: code runs only "
                    "where it is asked for)",
                    directory, json_string_value(json_array_get(record->plugins, 0)));
  }
  return CLI_DONE;
}

/* ---- places ---- */

void train_here(char folder[TRAIN_TEXT]) {
  if (getcwd(folder, TRAIN_TEXT) == NULL) folder[0] = '\0';
}

/* Whether a path, one of a line's, is there: seen from folder, or, where that is NULL, from here.
 */
static bool is_there(const char *folder, const char *path) {
  char joined[2 * TRAIN_TEXT];
  if (folder == NULL || path[0] == '/') return access(path, F_OK) == 0;
  const int length =
      snprintf(joined, sizeof joined, "%.*s/%.*s", TRAIN_TEXT - 1, folder, TRAIN_TEXT - 1, path);
  return length > 0 && access(joined, F_OK) == 0;
}

/* A line is a path, if it is that of something that is there. */
static bool is_only_here(const char *folder, const char *lines) {
  char copy[TRAIN_SETTINGS];
  snprintf(copy, sizeof copy, "%s", lines);
  for (char *line = copy; *line != '\0';) {
    char *end = line + strcspn(line, "\n");
    const bool last = *end == '\0';
    *end = '\0';
    if (strcmp(line, "digits") != 0 && is_there(NULL, line) && !is_there(folder, line)) return true;
    line = last ? end : end + 1;
  }
  return false;
}

void train_absolute(char lines[TRAIN_SETTINGS]) {
  char out[2 * TRAIN_SETTINGS] = "", copy[TRAIN_SETTINGS], folder[TRAIN_TEXT];
  size_t used = 0;
  train_here(folder);
  memcpy(copy, lines, sizeof copy);
  for (char *line = copy; *line != '\0' && used < sizeof out;) {
    char *end = line + strcspn(line, "\n");
    const bool last = *end == '\0';
    *end = '\0';
    const bool joined = line[0] != '/' && strcmp(line, "digits") != 0 && is_there(NULL, line);
    used += (size_t)snprintf(out + used, sizeof out - used, "%s%s%s%s", used > 0 ? "\n" : "",
                             joined ? folder : "", joined ? "/" : "", line);
    line = last ? end : end + 1;
  }
  if (used < TRAIN_SETTINGS) memcpy(lines, out, used + 1);
}

static bool is_preset(const char *name) {
  for (size_t i = 0; i < symo_method_num_presets(); i++)
    if (strcmp(symo_method_preset_name(i), name) == 0) return true;
  return false;
}

void train_go_home(const train_spec *spec, const char *folder) {
  const train_option *o;
  if (folder[0] == '\0') return;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    const char *files = (const char *)spec + o->offset;
    if (!(o->properties & TRAIN_IS_FILE) || (files == spec->optimizer && is_preset(files)))
      continue;
    if (is_only_here(folder, files)) return;
  }
  if (chdir(folder) != 0) return; /* it is gone: then what is here is looked at */
}

symo_status train_go_home_of(symo_context *context, const char *path, char **absolute) {
  char here[TRAIN_TEXT];
  train_record record = {.history = NULL};
  train_spec spec;
  symo_status status = SYMO_OK;
  char *folder = NULL, *moved = path[0] != '/' ? NULL : symo_strdup(path);
  const char *slash = strrchr(path, '/');
  train_here(here);
  folder = symo_strdup(slash != NULL ? path : ".");
  if (moved == NULL) moved = cli_join(here, path);
  if (folder == NULL || moved == NULL) SYMO_TRY(symo_fail_memory(context, path));
  if (slash != NULL) folder[slash - path + (slash == path)] = '\0';
  if (cli_folder_has(folder, "run.json")) {
    SYMO_TRY(read_run(context, folder, &spec, &record));
    train_go_home(&spec, record.folder);
  }
  *absolute = moved;
  moved = NULL;
fail:
  train_record_drop(&record);
  symo_free(folder);
  symo_free(moved);
  return status;
}

/* ---- summary.json ---- */

const char *const train_speed_keys[TRAIN_SPEEDS] = {"tokens_per_s", "forward_ms", "backward_ms",
                                                    "optimizer_ms"};

static double real(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static symo_status check_summary(symo_context *context, const char *path, const json_t *o) {
  static const char *const figures[] = {"loss", "smooth_loss", "val_loss", "best_val_loss"};
  static const char *const counts[] = {"steps", "parameters", "seconds", "optimizer_seconds"};
  symo_status status =
      symo_json_expect(context, path, "", o, JSON_OBJECT, "as symo train writes it");
  if (status != SYMO_OK) return status;
  const char *wrong = NULL;
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    const json_t *value = json_object_get(o, figures[i]);
    if (!json_is_number(value) && !json_is_null(value)) wrong = figures[i];
  }
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (!(real(o, counts[i]) >= 0)) wrong = counts[i];
  if (!json_is_boolean(json_object_get(o, "diverged"))) wrong = "diverged";
  if (wrong == NULL) return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT,
                   "%s: %s is missing or of the wrong type (was it edited?)", path, wrong);
}

int train_read_summary(cli *c, const char *directory, bool *there, train_result *out) {
  char *path = cli_join(directory, "summary.json");
  json_t *o = NULL;
  *there = path != NULL && access(path, F_OK) == 0;
  symo_status status = path == NULL ? SYMO_E_MEMORY : SYMO_OK;
  if (*there) status = read_object(cli_context(c), path, &o);
  if (*there && status == SYMO_OK) status = check_summary(cli_context(c), path, o);
  if (status == SYMO_E_FORMAT) { /* it is made of the checkpoint and the metrics */
    cli_note(c, "%s; it will be made again", symo_context_detail(cli_context(c)));
    *there = false, status = SYMO_OK;
  } else if (*there && status == SYMO_OK) {
    *out = (train_result){.diverged = json_is_true(json_object_get(o, "diverged")),
                          .steps = (uint64_t)real(o, "steps"),
                          .loss = real(o, "loss"),
                          .smooth_loss = real(o, "smooth_loss"),
                          .val_loss = real(o, "val_loss"),
                          .val_accuracy = real(o, "val_accuracy"),
                          .best_val_loss = real(o, "best_val_loss"),
                          .train_loss = real(o, "train_loss"),
                          .seconds = real(o, "seconds"),
                          .optimizer_seconds = real(o, "optimizer_seconds"),
                          .parameters = (size_t)real(o, "parameters")};
    for (size_t i = 0; i < TRAIN_SPEEDS; i++) out->speeds[i] = real(o, train_speed_keys[i]);
  }
  json_decref(o);
  symo_free(path);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

json_t *train_result_json(const train_spec *spec, const train_result *r) {
  json_t *o = json_object();
  json_object_set_new(o, "task", json_string(spec->task->name));
  json_object_set_new(o, "optimizer", json_string(spec->optimizer));
  json_object_set_new(o, "seed", json_integer((json_int_t)spec->seed));
  json_object_set_new(o, "parameters", json_integer((json_int_t)r->parameters));
  json_object_set_new(o, "steps", json_integer((json_int_t)r->steps));
  json_object_set_new(o, "diverged", json_boolean(r->diverged));
  json_object_set_new(o, "loss", cli_number(r->loss));
  json_object_set_new(o, "smooth_loss", cli_number(r->smooth_loss));
  json_object_set_new(o, "val_loss", cli_number(r->val_loss));
  json_object_set_new(o, "val_accuracy", cli_number(r->val_accuracy));
  json_object_set_new(o, "best_val_loss", cli_number(r->best_val_loss));
  json_object_set_new(o, "seconds", cli_number(r->seconds));
  json_object_set_new(o, "optimizer_seconds", cli_number(r->optimizer_seconds));
  if (!isnan(r->train_loss)) json_object_set_new(o, "train_loss", cli_number(r->train_loss));
  for (size_t i = 0; i < TRAIN_SPEEDS; i++)
    if (!isnan(r->speeds[i])) json_object_set_new(o, train_speed_keys[i], cli_number(r->speeds[i]));
  return o;
}

/* ---- pipes, which can be read once only ---- */

static symo_status check(symo_context *context, const char *key, const char *path) {
  if (!symo_file_is_stream(path)) return SYMO_OK;
  return symo_fail(context, SYMO_E_IO,
                   "%s: %s is a pipe or a device, and cannot be read again (put it into a file)",
                   key, path);
}

symo_status train_check_files(symo_context *context, const train_spec *spec, bool again) {
  char path[TRAIN_SETTINGS];
  const train_option *o;
  symo_status status = SYMO_OK;
  for (size_t i = 0; status == SYMO_OK && (o = train_option_at(i)) != NULL; i++)
    if ((o->properties & TRAIN_IS_FILE) && o->kind == TRAIN_STRING)
      status = check(context, o->key, (const char *)spec + o->offset);
  for (const char *p = spec->data; again && *p != '\0' && status == SYMO_OK;) {
    const size_t length = strcspn(p, "\n");
    snprintf(path, sizeof path, "%.*s", (int)length, p);
    status = check(context, "data", path);
    p += length + (p[length] == '\n');
  }
  return status;
}

/* ---- checksums of the data ---- */

symo_status train_check_data(symo_context *context, const char *expected, const char *what,
                             const char *checksum) {
  if (expected[0] == '\0' || checksum[0] == '\0' || strcmp(expected, checksum) == 0) return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT,
                   "%s: has checksum %s, but the run is on data with checksum %s (give those with "
                   "--data, or start a new run)",
                   what, checksum, expected);
}
