/* What is read of metrics.jsonl: lines, curves, medians. */
#include "experiments/train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/statistics.h"
#include "io/file.h"

enum { LARGEST = 1 << 30 };

/* ---- lines ---- */

double train_line_number(const json_t *line, const char *key) {
  const json_t *value = json_object_get(line, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_t *train_next_line(const char **at, uint64_t step) {
  const char *end = strchr(*at, '\n');
  if (end == NULL) return NULL;
  json_t *line = json_loadb(*at, (size_t)(end - *at), 0, NULL);
  const json_t *loss = json_object_get(line, "loss");
  if (train_line_number(line, "step") != (double)step ||
      !(json_is_number(loss) || json_is_null(loss))) {
    json_decref(line);
    return NULL;
  }
  *at = end + 1;
  return line;
}

static size_t lines_of(const char *text, size_t length) {
  size_t lines = 0;
  for (size_t i = 0; i < length; i++) lines += text[i] == '\n';
  return lines;
}

symo_status train_metrics_text(symo_context *context, const char *path, char **out) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = symo_file_read_all(context, path, LARGEST, &text, &length);
  if (status != SYMO_OK) return status;
  const char *nul = memchr(text, '\0', length);
  size_t whole = length;
  while (whole > 0 && text[whole - 1] != '\n') whole--;
  if (nul != NULL || (whole < length && text[whole] != '{')) {
    const size_t at = nul != NULL ? (size_t)(nul - text) : whole;
    status = symo_fail(context, SYMO_E_FORMAT, "%s: line %zu holds %s (is the file damaged?)", path,
                       lines_of(text, at) + 1, nul != NULL ? "a byte of 0" : "no figures");
    symo_free(text);
    return status;
  }
  text[whole] = '\0';
  *out = text;
  return SYMO_OK;
}

/* ---- curves ---- */

static symo_status take_curve(symo_context *context, const char *path, const char *text,
                              train_curve *out) {
  const size_t lines = lines_of(text, strlen(text));
  train_curve curve = {.step = symo_calloc(4 * (lines + 1), sizeof *curve.step)};
  size_t r = 0;
  if (curve.step == NULL) return symo_fail_memory(context, path);
  curve.loss = curve.step + lines, curve.val_loss = curve.loss + lines;
  curve.seconds = curve.val_loss + lines;
  for (json_t *line; r < lines && (line = train_next_line(&text, r)) != NULL; r++) {
    curve.step[r] = (double)r;
    curve.loss[r] = train_line_number(line, "loss");
    curve.val_loss[r] = train_line_number(line, "val_loss");
    curve.seconds[r] = train_line_number(line, "seconds");
    json_decref(line);
  }
  if (r < lines) {
    symo_free(curve.step);
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: line %zu is not an object with step %zu and its loss (was it edited?)",
                     path, r + 1, r);
  }
  curve.count = lines;
  *out = curve;
  return SYMO_OK;
}

symo_status train_curve_read(symo_context *context, const char *directory, train_curve *out) {
  char *path = cli_join(directory, "metrics.jsonl"), *text = NULL;
  if (path == NULL) return symo_fail_memory(context, "metrics");
  symo_status status = train_metrics_text(context, path, &text);
  if (status == SYMO_OK) status = take_curve(context, path, text, out);
  symo_free(text);
  symo_free(path);
  return status;
}

void train_curve_drop(train_curve *curve) {
  symo_free(curve->step);
  *curve = (train_curve){0};
}

/* ---- medians ---- */

static double median_of(const char *text, const char *key, double *values) {
  size_t count = 0;
  uint64_t step = 0;
  for (json_t *line; (line = train_next_line(&text, step)) != NULL; json_decref(line), step++) {
    const double x = train_line_number(line, key);
    if (!isnan(x)) values[count++] = x;
  }
  return symo_median(count, values);
}

symo_status train_metrics_medians(symo_context *context, const char *directory, size_t count,
                                  const char *const *keys, double *out) {
  char *path = cli_join(directory, "metrics.jsonl"), *text = NULL;
  double *values = NULL;
  symo_status status = SYMO_OK;
  if (path == NULL) return symo_fail_memory(context, "metrics");
  SYMO_TRY(train_metrics_text(context, path, &text));
  values = symo_calloc(lines_of(text, strlen(text)) + 1, sizeof *values);
  if (values == NULL) {
    status = symo_fail_memory(context, path);
    goto fail;
  }
  for (size_t i = 0; i < count; i++) out[i] = median_of(text, keys[i], values);
fail:
  symo_free(values);
  symo_free(text);
  symo_free(path);
  return status;
}
