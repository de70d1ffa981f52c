/* Images to train on and images held back. */
#include "experiments/train/net_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"
#include "experiments/models/network_weights.h"

static symo_status find_data(symo_context *context, const char *data, char name[TRAIN_TEXT]) {
  if (strchr(data, '\n') != NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "data: more than one (several are for texts)");
  if (data[0] == '\0') {
    if (!symo_data_find_user("mnist", symo_data_has_images, TRAIN_TEXT, name))
      snprintf(name, TRAIN_TEXT, "digits");
  } else if (strcmp(data, "mnist") != 0 && strcmp(data, "fashion-mnist") != 0) {
    if (strlen(data) >= TRAIN_TEXT)
      return symo_fail(context, SYMO_E_ARGUMENT, "data: longer than %d characters (shorten it)",
                       TRAIN_TEXT - 1);
    memcpy(name, data, strlen(data) + 1);
  } else if (!symo_data_find_user(data, symo_data_has_images, TRAIN_TEXT, name)) {
    return symo_fail(
        context, SYMO_E_IO,
        "data: there is no folder %s with train-images-idx3-ubyte (.gz) in " SYMO_DATA_PLACES
        " (give its path: --data DIR; digits is always there)",
        data);
  }
  return SYMO_OK;
}

/* `count` examples of `from` by number, appended nowhere: a set of their own. */
static symo_status pick(symo_context *context, const symo_dataset *from, size_t count,
                        const size_t *rows, symo_dataset *out) {
  *out = *from;
  out->x = out->y = NULL, out->labels = NULL;
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
    return symo_fail(context, SYMO_E_ARGUMENT, "test: %zu of %zu %s (leave some to train on)", held,
                     n, symo_plural(n, "example", "examples"));
  const size_t kept = spec->train > 0 ? spec->train : n - held;
  if (kept > n - held)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "train: %zu of %zu %s, of which %zu are held back (ask for fewer, or --test)",
                     kept, n, symo_plural(n, "example", "examples"), held);
  const uint64_t seed = spec->data_seed > 0 ? spec->data_seed : 1; /* the same for all seeds */
  symo_data_order order = {0};
  const size_t *rows = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(
      symo_data_order_create(context, symo_data_seed(seed, SYMO_STREAM_DATA, 0), n, 0, &order));
  SYMO_TRY(symo_data_order_batch(&order, 0, &rows));
  if (held > 0) SYMO_TRY(pick(context, whole, held, rows, test));
  SYMO_TRY(pick(context, whole, kept, rows + held, train));
fail:
  symo_data_order_drop(&order);
  return status;
}

/* ---- classes and scales ---- */

/* Of the checkpoint; without classes in it those of the data at hand, or, where these are others
 * than it was trained on, the numbers of its outputs. */
static symo_status kept_frame(symo_context *context, const train_spec *spec, bool labelled,
                              symo_data_frame *frame, bool *assumed) {
  symo_net_spec net = symo_net_spec_default();
  symo_status status = network_file_frame(context, spec->kept, frame);
  *assumed = status == SYMO_OK && spec->kept[0] != '\0' && labelled && frame->labels == NULL &&
             spec->whole;
  if (status != SYMO_OK || !*assumed) return status;
  status = symo_net_parse(context, spec->net, &net);
  if (status == SYMO_OK) status = symo_data_frame_number(context, symo_net_outputs(&net), frame);
  return status;
}

symo_status train_keep_frame(symo_context *context, const symo_data_frame *frame,
                             train_model *model) {
  static const char *const keys[] = {"labels", "inputs"};
  char *texts[2] = {NULL, NULL};
  symo_status status = symo_data_frame_to_json(context, frame, &texts[0], &texts[1]);
  if (status != SYMO_OK) return status;
  model->texts = symo_calloc(2, sizeof *model->texts);
  if (model->texts == NULL) status = symo_fail_memory(context, "checkpoint");
  for (size_t i = 0; i < 2 && status == SYMO_OK; i++) {
    if (texts[i] == NULL) continue;
    char **pair = model->texts[model->num_texts++];
    pair[0] = symo_strdup(keys[i]), pair[1] = symo_strdup(texts[i]);
    if (pair[0] == NULL || pair[1] == NULL) status = symo_fail_memory(context, "checkpoint");
  }
  free(texts[0]);
  free(texts[1]);
  return status;
}

static symo_status standardize(symo_context *context, const train_spec *spec, train_model *out,
                               symo_dataset *train, symo_dataset *test, symo_data_frame *frame) {
  size_t constant = 0;
  symo_status status = SYMO_OK;
  if (spec->standardize && frame->mean == NULL)
    SYMO_TRY(symo_data_frame_measure(context, out->data, train, frame));
  SYMO_TRY(symo_data_frame_apply(context, out->data, frame, train));
  SYMO_TRY(symo_data_frame_apply(context, out->data, frame, test));
  for (size_t j = 0; frame->mean != NULL && j < frame->inputs; j++)
    constant += frame->mean[frame->inputs + j] > 0.0 ? 0 : 1;
  if (constant > 0)
    train_add_remark(out, "%zu constant %s became 0", constant,
                     symo_plural(constant, "input", "inputs"));
fail:
  return status;
}

/* ---- all together ---- */

static symo_status load_folder(symo_context *context, const train_spec *spec, const char *folder,
                               symo_data_options options, symo_dataset *train, symo_dataset *test) {
  char path[TRAIN_TEXT];
  options.max_examples = spec->train, options.seed = spec->data_seed;
  symo_status status = symo_data_load(context, folder, &options, train);
  if (status != SYMO_OK) return status;
  if (spec->whole || !symo_data_find_images(folder, "t10k", sizeof path, path)) return SYMO_OK;
  options.max_examples = spec->test;
  if (train->labels != NULL)
    options.num_labels = train->outputs, options.labels = (const char *const *)train->labels;
  status = symo_data_load(context, path, &options, test);
  if (status == SYMO_OK && test->inputs != train->inputs)
    status = symo_fail(context, SYMO_E_SHAPE, "%s: images of another size than to train on", path);
  return status;
}

static symo_status read_options(symo_context *context, const train_spec *spec, bool labelled,
                                const symo_data_frame *frame, symo_data_options *out) {
  *out = symo_data_options_default();
  out->task = labelled ? SYMO_DATA_CLASSES : SYMO_DATA_NONE;
  if (labelled && frame->labels != NULL)
    out->num_labels = frame->num_labels, out->labels = (const char *const *)frame->labels;
  if (spec->label[0] != '\0') out->label = spec->label;
  if (symo_data_header_find(spec->header, &out->header)) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT, "header: \"%s\" is none of auto, yes, no (give one)",
                   spec->header);
}

static symo_status check_options(symo_context *context, const train_spec *spec, const char *name,
                                 const symo_dataset *train) {
  const char *key = spec->label[0] != '\0'              ? "label"
                    : strcmp(spec->header, "auto") != 0 ? "header"
                                                        : NULL;
  if (train->table || key == NULL) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: is of CSV files, and %s is none (leave it out)",
                   key, name);
}

static symo_status load(symo_context *context, const train_spec *spec, const char *name,
                        const symo_data_options *options, symo_dataset *train, symo_dataset *test) {
  symo_dataset whole = {0};
  if (symo_data_has_images(name)) return load_folder(context, spec, name, *options, train, test);
  symo_status status = symo_data_load(context, name, options, &whole);
  if (status == SYMO_OK && spec->whole) {
    *train = whole;
    return SYMO_OK;
  }
  if (status == SYMO_OK) status = split(context, spec, &whole, train, test);
  if (status == SYMO_OK) train->labels = whole.labels, whole.labels = NULL;
  symo_data_drop(&whole);
  return status;
}

static symo_data_bytes numbers(const double *x, size_t examples, size_t width) {
  return (symo_data_bytes){x, x != NULL ? examples * width * sizeof *x : 0};
}

static void take_checksum(const symo_dataset *train, const symo_dataset *test,
                          char text[SYMO_DATA_CHECKSUM]) {
  const symo_data_bytes parts[] = {numbers(train->x, train->examples, train->inputs),
                                   numbers(train->y, train->examples, train->outputs),
                                   numbers(test->x, test->examples, test->inputs),
                                   numbers(test->y, test->examples, test->outputs)};
  symo_data_checksum(sizeof parts / sizeof *parts, parts, text);
}

symo_status train_load_images(symo_context *context, const train_spec *spec, bool labelled,
                              train_model *out, symo_dataset *train, symo_dataset *test,
                              symo_data_frame *frame) {
  symo_data_options options;
  symo_data_frame made = {0};
  bool assumed = false;
  symo_status status = SYMO_OK;
  *train = *test = (symo_dataset){0};
  SYMO_TRY(find_data(context, spec->data, out->data));
  SYMO_TRY(kept_frame(context, spec, labelled, &made, &assumed));
  SYMO_TRY(read_options(context, spec, labelled, &made, &options));
  SYMO_TRY(load(context, spec, out->data, &options, train, test));
  SYMO_TRY(check_options(context, spec, out->data, train));
  take_checksum(train, test, out->checksum);
  SYMO_TRY(train_check_data(context, spec->expected, out->data, out->checksum));
  if (train->remark[0] != '\0') train_add_remark(out, "%s", train->remark);
  SYMO_TRY(standardize(context, spec, out, train, test, &made));
  if (assumed)
    train_add_remark(out, "%s says no classes: 0 to %zu assumed", spec->kept, made.num_labels - 1);
  symo_free(made.labels);
  made.labels = labelled ? train->labels : NULL;
  made.num_labels = made.labels != NULL ? train->outputs : 0;
  if (labelled) train->labels = NULL;
  *frame = made;
  return SYMO_OK;
fail:
  symo_data_frame_drop(&made);
  symo_data_drop(train);
  symo_data_drop(test);
  return status;
}
