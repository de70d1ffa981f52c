/* Images to train on and images held back. */
#include "experiments/train/net_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/reader.h"

static bool is_file(char path[TRAIN_TEXT], const char *folder, const char *name) {
  const int length = snprintf(path, TRAIN_TEXT, "%s/%s", folder, name);
  return length > 0 && length < TRAIN_TEXT && access(path, R_OK) == 0;
}

static bool has_images(const char *folder) {
  char path[TRAIN_TEXT];
  return is_file(path, folder, "train-images-idx3-ubyte") ||
         is_file(path, folder, "train-images-idx3-ubyte.gz");
}

/* The folder of a set that is known by its name. */
static bool find_set(const char *name, char folder[TRAIN_TEXT]) {
  const char *const places[] = {getenv("SYMO_DATA"), "data", "."};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (places[i] != NULL && is_file(folder, places[i], name) && has_images(folder)) return true;
  return false;
}

static symo_status find_data(symo_context *context, const char *data, char name[TRAIN_TEXT]) {
  if (strchr(data, '\n') != NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "data: more than one (several are for texts)");
  if (data[0] == '\0') {
    if (!find_set("mnist", name)) snprintf(name, TRAIN_TEXT, "digits");
  } else if (strcmp(data, "mnist") != 0 && strcmp(data, "fashion-mnist") != 0) {
    snprintf(name, TRAIN_TEXT, "%s", data);
  } else if (!find_set(data, name)) {
    return symo_fail(
        context, SYMO_E_IO,
        "data: there is no folder %s with train-images-idx3-ubyte (.gz) in $SYMO_DATA, "
        "data or here (give its path; digits is always there)",
        data);
  }
  return SYMO_OK;
}

/* `count` examples of `from` by number, appended nowhere: a set of their own. */
static symo_status pick(symo_context *context, const symo_dataset *from, size_t count,
                        const size_t *rows, symo_dataset *out) {
  *out = *from;
  out->x = out->y = NULL;
  out->examples = count;
  symo_status status = symo_data_take(context, out);
  for (size_t r = 0; r < count && status == SYMO_OK; r++) {
    memcpy(out->x + r * out->inputs, from->x + rows[r] * from->inputs,
           from->inputs * sizeof *out->x);
    memcpy(out->y + r * out->outputs, from->y + rows[r] * from->outputs,
           from->outputs * sizeof *out->y);
  }
  if (status != SYMO_OK) symo_data_drop(out);
  return status;
}

/* A fifth is held back, or spec->test; of the rest spec->train are taken. */
static symo_status split(symo_context *context, const train_spec *spec, symo_dataset *whole,
                         symo_dataset *train, symo_dataset *test) {
  const size_t n = whole->examples;
  const size_t held = spec->test > 0 ? spec->test : n / 5;
  if (held >= n)
    return symo_fail(context, SYMO_E_ARGUMENT, "test: %zu of %zu examples (leave some to train on)",
                     held, n);
  const size_t kept = spec->train > 0 && spec->train < n - held ? spec->train : n - held;
  const uint64_t seed = spec->data_seed > 0 ? spec->data_seed : 1; /* the same for all seeds */
  train_order order = {0};
  const size_t *rows = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(train_order_create(context, train_seed(seed, TRAIN_DATA, 0), n, 0, &order));
  SYMO_TRY(train_order_batch(&order, 0, &rows));
  if (held > 0) SYMO_TRY(pick(context, whole, held, rows, test));
  SYMO_TRY(pick(context, whole, kept, rows + held, train));
fail:
  train_order_drop(&order);
  return status;
}

static symo_status load_folder(symo_context *context, const train_spec *spec, const char *folder,
                               symo_dataset *train, symo_dataset *test) {
  char path[TRAIN_TEXT];
  symo_data_options options = symo_data_options_default();
  options.max_examples = spec->train, options.seed = spec->data_seed;
  symo_status status = symo_data_load(context, folder, &options, train);
  if (status != SYMO_OK) return status;
  if (spec->whole) return SYMO_OK;
  if (!is_file(path, folder, "t10k-images-idx3-ubyte") &&
      !is_file(path, folder, "t10k-images-idx3-ubyte.gz"))
    return SYMO_OK;
  options.max_examples = spec->test;
  status = symo_data_load(context, path, &options, test);
  if (status == SYMO_OK && (test->inputs != train->inputs || test->outputs != train->outputs))
    status = symo_fail(context, SYMO_E_SHAPE, "%s: images of another size than to train on", path);
  return status;
}

symo_status train_load_images(symo_context *context, const train_spec *spec, char name[TRAIN_TEXT],
                              symo_dataset *train, symo_dataset *test) {
  symo_dataset whole = {0};
  symo_status status = SYMO_OK;
  *train = *test = (symo_dataset){0};
  SYMO_TRY(find_data(context, spec->data, name));
  if (has_images(name)) {
    SYMO_TRY(load_folder(context, spec, name, train, test));
  } else {
    symo_data_options options = symo_data_options_default();
    SYMO_TRY(symo_data_load(context, name, &options, &whole));
    if (spec->whole) {
      *train = whole, whole = (symo_dataset){0};
      return SYMO_OK;
    }
    SYMO_TRY(split(context, spec, &whole, train, test));
  }
fail:
  symo_data_drop(&whole);
  if (status != SYMO_OK) {
    symo_data_drop(train);
    symo_data_drop(test);
  }
  return status;
}
