/* What is read of metrics. */
#include "experiments/train/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/statistics.h"
#include "io/file.h"

enum { LARGEST = 1 << 30 };

symo_status train_curve_read(symo_context *context, const char *directory, train_curve *out) {
  char *path = cli_join(directory, "metrics.jsonl"), *text = NULL;
  size_t length = 0, lines = 0, r = 0;
  train_curve curve = {0};
  symo_status status = SYMO_OK;
  if (path == NULL) return symo_fail_memory(context, "metrics");
  SYMO_TRY(symo_file_read_all(context, path, LARGEST, &text, &length));
  for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++) lines++;
  curve.step = symo_calloc(4 * (lines + 1), sizeof *curve.step);
  if (curve.step == NULL) {
    status = symo_fail_memory(context, path);
    goto fail;
  }
  curve.loss = curve.step + lines, curve.val_loss = curve.loss + lines;
  curve.seconds = curve.val_loss + lines;
  const char *at = text;
  for (json_t *line; r < lines && (line = train_line_next(&at)) != NULL; r++) {
    curve.step[r] = train_line_number(line, "step");
    curve.loss[r] = train_line_number(line, "loss");
    curve.val_loss[r] = train_line_number(line, "val_loss");
    curve.seconds[r] = train_line_number(line, "seconds");
    json_decref(line);
  }
  if (r < lines) {
    status = symo_fail(context, SYMO_E_FORMAT, "%s: line %zu is not an object (was it edited?)",
                       path, r + 1);
    goto fail;
  }
  curve.count = lines;
  *out = curve;
  curve.step = NULL;
fail:
  symo_free(curve.step);
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
  for (json_t *line; (line = train_line_next(&text)) != NULL; json_decref(line)) {
    const double x = train_line_number(line, key);
    if (!isnan(x)) values[count++] = x;
  }
  return symo_median(count, values);
}

symo_status train_metrics_medians(symo_context *context, const char *directory, size_t count,
                                  const char *const *keys, double *out) {
  char *path = cli_join(directory, "metrics.jsonl"), *text = NULL;
  double *values = NULL;
  size_t length = 0, lines = 1;
  symo_status status = SYMO_OK;
  if (path == NULL) return symo_fail_memory(context, "metrics");
  SYMO_TRY(symo_file_read_all(context, path, LARGEST, &text, &length));
  for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++) lines++;
  values = symo_calloc(lines, sizeof *values);
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
