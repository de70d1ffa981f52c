/* Means, scales and names of classes.
 *
 * mean_j = sum x_j / n and scale_j^2 = sum (x_j - mean_j)^2 / n, the sum taken of (e / most)^2 with
 * most the largest |e|, so that squares of large or tiny numbers do not leave the range. */
#include "experiments/data/frame.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"
#include "io/json.h"

void symo_data_frame_drop(symo_data_frame *frame) {
  symo_free(frame->labels);
  symo_free(frame->mean);
  *frame = (symo_data_frame){0};
}

symo_status symo_data_frame_number(symo_context *context, size_t count, symo_data_frame *frame) {
  enum { NUMBER = 24 };
  char *texts = symo_malloc(count * NUMBER);
  const char **names = symo_calloc(count, sizeof *names);
  char **labels = NULL;
  if (texts != NULL && names != NULL) {
    for (size_t i = 0; i < count; i++) {
      names[i] = texts + i * NUMBER;
      snprintf(texts + i * NUMBER, NUMBER, "%zu", i);
    }
    labels = symo_data_copy_texts(count, names);
  }
  symo_free(texts);
  symo_free(names);
  if (labels == NULL) return symo_fail_memory(context, "classes");
  symo_free(frame->labels);
  frame->labels = labels, frame->num_labels = count;
  return SYMO_OK;
}

static void measure_column(const symo_dataset *d, size_t j, double *mean, double *scale) {
  const double n = (double)d->examples;
  double middle = 0.0, most = 0.0, square = 0.0;
  for (size_t r = 0; r < d->examples; r++) middle += d->x[r * d->inputs + j] / n;
  for (size_t r = 0; r < d->examples; r++)
    most = fmax(most, fabs(d->x[r * d->inputs + j] - middle));
  for (size_t r = 0; r < d->examples && most > 0.0; r++) {
    const double e = (d->x[r * d->inputs + j] - middle) / most;
    square += e * e / n;
  }
  *mean = middle, *scale = most * sqrt(square);
  /* A constant column leaves rounding errors, which are not to be blown up. */
  if (*scale <= 1e-13 * fabs(middle)) *scale = 0.0;
}

symo_status symo_data_frame_measure(symo_context *context, const char *where,
                                    const symo_dataset *data, symo_data_frame *frame) {
  double *mean = symo_calloc(2 * data->inputs, sizeof *mean);
  if (mean == NULL) return symo_fail_memory(context, where);
  for (size_t j = 0; j < data->inputs; j++) {
    measure_column(data, j, &mean[j], &mean[data->inputs + j]);
    if (isfinite(mean[j]) && isfinite(mean[data->inputs + j])) continue;
    symo_free(mean);
    return symo_fail(context, SYMO_E_NONFINITE,
                     "%s: input %zu has numbers too large to be standardized (divide them)", where,
                     j);
  }
  symo_free(frame->mean);
  frame->mean = mean, frame->inputs = data->inputs;
  return SYMO_OK;
}

symo_status symo_data_frame_apply(symo_context *context, const char *where,
                                  const symo_data_frame *frame, symo_dataset *data) {
  if (frame->mean == NULL || data->examples == 0) return SYMO_OK;
  const double *scale = frame->mean + frame->inputs;
  if (frame->inputs != data->inputs)
    return symo_fail(context, SYMO_E_SHAPE,
                     "%s: has %zu %s, but the means and scales are of %zu (give data with the "
                     "columns that the network was trained on)",
                     where, data->inputs, symo_plural(data->inputs, "input", "inputs"),
                     frame->inputs);
  for (size_t r = 0; r < data->examples; r++)
    for (size_t j = 0; j < data->inputs; j++) {
      double *x = &data->x[r * data->inputs + j];
      *x = scale[j] > 0.0 ? (*x - frame->mean[j]) / scale[j] : 0.0;
    }
  return SYMO_OK;
}

/* ---- as text ---- */

static json_t *numbers(size_t count, const double *values) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(list, json_real(values[i]));
  return list;
}

/* Takes the value. */
static symo_status dump(symo_context *context, json_t *value, size_t expected, size_t got,
                        char **out) {
  *out = value != NULL && expected == got ? json_dumps(value, JSON_COMPACT) : NULL;
  json_decref(value);
  return *out != NULL ? SYMO_OK : symo_fail_memory(context, "checkpoint");
}

symo_status symo_data_frame_to_json(symo_context *context, const symo_data_frame *frame,
                                    char **labels, char **inputs) {
  const size_t n = frame->inputs;
  symo_status status = SYMO_OK;
  *labels = *inputs = NULL;
  if (frame->labels != NULL) {
    json_t *list = json_array();
    for (size_t i = 0; i < frame->num_labels; i++)
      json_array_append_new(list, json_string(frame->labels[i]));
    status = dump(context, list, frame->num_labels, json_array_size(list), labels);
  }
  if (status == SYMO_OK && frame->mean != NULL) {
    json_t *mean = numbers(n, frame->mean), *scale = numbers(n, frame->mean + n);
    const size_t got = json_array_size(mean) + json_array_size(scale);
    status =
        dump(context, json_pack("{s:o, s:o}", "mean", mean, "scale", scale), 2 * n, got, inputs);
  }
  if (status != SYMO_OK) {
    free(*labels);
    *labels = NULL;
  }
  return status;
}

/* ---- and back ---- */

static symo_status read_labels(symo_context *context, const char *path, const char *text,
                               symo_data_frame *out) {
  json_t *list = NULL, *item;
  const char **texts = NULL;
  size_t i;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_parse(context, path, text, strlen(text), &list));
  SYMO_TRY(symo_json_expect(context, path, "labels", list, JSON_ARRAY, "the names of the classes"));
  texts = symo_calloc(json_array_size(list) + 1, sizeof *texts);
  if (texts == NULL) SYMO_TRY(symo_fail_memory(context, path));
  json_array_foreach(list, i, item) {
    SYMO_TRY(symo_json_expect(context, path, "labels", item, JSON_STRING, "the name of a class"));
    texts[i] = json_string_value(item);
  }
  out->num_labels = json_array_size(list);
  out->labels = symo_data_copy_texts(out->num_labels, texts);
  if (out->labels == NULL) status = symo_fail_memory(context, path);
fail:
  symo_free(texts);
  json_decref(list);
  return status;
}

static symo_status read_numbers(symo_context *context, const char *path, const json_t *object,
                                const char *key, size_t count, double *out) {
  const json_t *list = json_object_get(object, key);
  bool good = json_array_size(list) == count;
  for (size_t i = 0; i < count && good; i++) {
    const json_t *item = json_array_get(list, i);
    good = json_is_number(item);
    out[i] = json_number_value(item);
  }
  return good ? SYMO_OK
              : symo_fail(context, SYMO_E_FORMAT,
                          "%s: inputs: %s must be a list of %zu %s (as symo train writes it)", path,
                          key, count, symo_plural(count, "number", "numbers"));
}

static symo_status read_inputs(symo_context *context, const char *path, const char *text,
                               symo_data_frame *out) {
  json_t *object = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(symo_json_parse(context, path, text, strlen(text), &object));
  SYMO_TRY(
      symo_json_expect(context, path, "inputs", object, JSON_OBJECT, "as symo train writes it"));
  out->inputs = json_array_size(json_object_get(object, "mean"));
  out->mean = symo_calloc(2 * out->inputs + 1, sizeof *out->mean);
  if (out->mean == NULL) SYMO_TRY(symo_fail_memory(context, path));
  SYMO_TRY(read_numbers(context, path, object, "mean", out->inputs, out->mean));
  SYMO_TRY(read_numbers(context, path, object, "scale", out->inputs, out->mean + out->inputs));
fail:
  json_decref(object);
  return status;
}

symo_status symo_data_frame_read(symo_context *context, const char *path,
                                 const symo_safetensors *file, symo_data_frame *out) {
  const char *labels = symo_safetensors_metadata(file, "labels");
  const char *inputs = symo_safetensors_metadata(file, "inputs");
  symo_data_frame frame = {0};
  symo_status status = SYMO_OK;
  if (labels != NULL) status = read_labels(context, path, labels, &frame);
  if (status == SYMO_OK && inputs != NULL) status = read_inputs(context, path, inputs, &frame);
  if (status == SYMO_OK)
    *out = frame;
  else
    symo_data_frame_drop(&frame);
  return status;
}
