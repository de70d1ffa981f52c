/* summary.json. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/train/run.h"
#include "io/file.h"
#include "io/json.h"

enum { LARGEST = 1 << 20 };

const char *const train_speed_keys[TRAIN_SPEEDS] = {"tokens_per_s", "forward_ms", "backward_ms",
                                                    "optimizer_ms"};

static symo_status read_object(symo_context *context, const char *path, json_t **out) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = symo_file_read_all(context, path, LARGEST, &text, &length);
  if (status == SYMO_OK) status = symo_json_parse(context, path, text, length, out);
  symo_free(text);
  return status;
}

static double real(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

int train_read_summary(cli *c, const char *directory, bool *there, train_result *out) {
  char *path = cli_join(directory, "summary.json");
  json_t *o = NULL;
  *there = path != NULL && access(path, F_OK) == 0;
  symo_status status = path == NULL ? SYMO_E_MEMORY : SYMO_OK;
  if (*there) status = read_object(cli_context(c), path, &o);
  if (o != NULL)
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
  for (size_t i = 0; o != NULL && i < TRAIN_SPEEDS; i++)
    out->speeds[i] = real(o, train_speed_keys[i]);
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
