/* Metrics of a run, a line at a time, and the curves that are read of them. */
#include "experiments/train/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/statistics.h"
#include "core/text.h"
#include "io/file.h"

enum { LARGEST = 1 << 30 };

/* ---- reading ---- */

/* A figure of a line, NaN where there is none; and the next whole line of text as an object, NULL
 * at the end or where it is none. */
static double number_of(const json_t *line, const char *key) {
  const json_t *value = json_object_get(line, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static json_t *next_line(const char **at) {
  const char *end = strchr(*at, '\n');
  if (end == NULL) return NULL;
  json_t *line = json_loadb(*at, (size_t)(end - *at), 0, NULL);
  if (!json_is_object(line)) {
    json_decref(line);
    return NULL;
  }
  *at = end + 1;
  return line;
}

/* How many bytes the lines before `step` take. */
static symo_status kept_bytes(symo_context *context, const char *path, const char *text,
                              uint64_t step, size_t *bytes, double *seconds,
                              double *optimizer_seconds) {
  const char *at = text, *good = text;
  uint64_t lines = 0;
  for (json_t *line; lines < step && (line = next_line(&at)) != NULL; lines++) {
    const double now = number_of(line, "seconds");
    const double optimizer = number_of(line, "optimizer_seconds");
    const bool fits = number_of(line, "step") == (double)lines;
    json_decref(line);
    if (!fits) break;
    if (!isnan(now)) *seconds = now;
    if (!isnan(optimizer)) *optimizer_seconds += optimizer;
    good = at;
  }
  if (lines < step)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: line %llu is not that of step %llu, but the checkpoint is at step %llu "
                     "(start anew)",
                     path, (unsigned long long)lines + 1, (unsigned long long)lines,
                     (unsigned long long)step);
  *bytes = (size_t)(good - text);
  return SYMO_OK;
}

symo_status train_metrics_open(symo_context *context, const char *directory, uint64_t step,
                               train_metrics *out, double *seconds, double *optimizer_seconds) {
  train_metrics metrics = {.context = context, .path = cli_join(directory, "metrics.jsonl")};
  char *text = NULL;
  size_t length = 0, bytes = 0;
  symo_status status = SYMO_OK;
  *seconds = *optimizer_seconds = 0;
  if (metrics.path == NULL) return symo_fail_memory(context, "metrics");
  if (step > 0) {
    SYMO_TRY(symo_file_read_all(context, metrics.path, LARGEST, &text, &length));
    SYMO_TRY(kept_bytes(context, metrics.path, text, step, &bytes, seconds, optimizer_seconds));
  }
  metrics.file = fopen(metrics.path, step > 0 ? "r+" : "w");
  if (metrics.file == NULL || (step > 0 && ftruncate(fileno(metrics.file), (off_t)bytes) != 0) ||
      fseek(metrics.file, 0, SEEK_END) != 0) {
    status = symo_file_fail(context, metrics.path, "be opened for writing", errno);
    goto fail;
  }
  *out = metrics;
fail:
  symo_free(text);
  if (status != SYMO_OK) train_metrics_close(&metrics);
  return status;
}

/* ---- writing ---- */

static void add_number(symo_text *line, const char *key, double value) {
  if (isfinite(value)) symo_text_add(line, ", \"%s\": %s", key, symo_decimal_of(value).text);
}

static void add_short(symo_text *line, const char *key, double value) {
  if (isfinite(value)) symo_text_add(line, ", \"%s\": %.6g", key, value);
}

static void add_count(symo_text *line, const char *key, uint64_t value) {
  if (value > 0) symo_text_add(line, ", \"%s\": %llu", key, (unsigned long long)value);
}

static void add_report(symo_text *line, const symo_step_report *r) {
  add_number(line, "gradient_norm", r->gradient_norm);
  add_number(line, "update_norm", r->update_norm);
  if (r->damping > 0) add_number(line, "damping", r->damping);
  add_number(line, "reduction_ratio", r->reduction_ratio);
  add_number(line, "condition", r->worst_condition);
  add_number(line, "effective_rank", r->effective_rank);
  add_count(line, "refreshes", r->refreshes);
  add_count(line, "kept_roots", r->kept_roots);
  add_count(line, "failed_roots", r->failed_roots);
  add_count(line, "cg_iterations", r->cg_iterations);
  add_count(line, "refused_steps", r->refused_steps);
  add_count(line, "rejected_steps", r->rejected_steps);
}

/* Where the optimizer's time went, what is not zero. */
static void add_items(symo_text *line, const symo_step_seconds *s) {
  const struct {
    const char *name;
    double seconds;
  } items[] = {
      {"gradient", s->gradient}, {"update", s->update},       {"statistics", s->statistics},
      {"roots", s->roots},       {"direction", s->direction}, {"solve", s->solve},
      {"trial", s->trial}};
  size_t written = 0;
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    if (items[i].seconds > 0)
      symo_text_add(line, "%s\"%s\": %.3g", written++ == 0 ? ", \"optimizer_items\": {" : ", ",
                    items[i].name, items[i].seconds);
  if (written > 0) symo_text_add(line, "}");
}

static void add_times(symo_text *line, const train_row *row) {
  const train_times *t = row->times;
  add_short(line, "tokens_per_s", (double)row->tokens / t->step);
  add_short(line, "gradient_ms", 1e3 * t->gradient);
  add_short(line, "optimizer_ms", 1e3 * row->optimizer_seconds);
  add_short(line, "forward_ms", 1e3 * t->forward);
  add_short(line, "backward_ms", 1e3 * (t->gradient - t->forward));
}

symo_status train_metrics_write(train_metrics *metrics, const train_row *row) {
  symo_text line = {0};
  char *text = NULL;
  symo_text_add(&line, "{\"step\": %llu", (unsigned long long)row->step);
  if (isfinite(row->loss))
    symo_text_add(&line, ", \"loss\": %s", symo_decimal_of(row->loss).text);
  else
    symo_text_add(&line, ", \"loss\": null");
  add_number(&line, "val_loss", row->val_loss);
  add_number(&line, "val_accuracy", row->val_accuracy);
  add_number(&line, "train_loss", row->train_loss);
  if (row->report != NULL) add_number(&line, "lr", row->report->lr);
  add_short(&line, "seconds", row->seconds);
  if (row->report != NULL) {
    add_report(&line, row->report);
    add_short(&line, "optimizer_seconds", row->optimizer_seconds);
    add_items(&line, &row->report->seconds);
    if (row->times != NULL) add_times(&line, row);
  }
  symo_text_add(&line, "}\n");
  symo_status status = symo_text_finish(&line, metrics->context, &text);
  if (status != SYMO_OK) return status;
  const size_t length = strlen(text);
  if (fwrite(text, 1, length, metrics->file) != length || fflush(metrics->file) != 0)
    status = symo_file_fail(metrics->context, metrics->path, "be written", errno);
  symo_free(text);
  return status;
}

symo_status train_metrics_sync(train_metrics *metrics) {
  if (fflush(metrics->file) != 0 || (fsync(fileno(metrics->file)) != 0 && errno != EINVAL))
    return symo_file_fail(metrics->context, metrics->path, "be written", errno);
  return SYMO_OK;
}

void train_metrics_close(train_metrics *metrics) {
  if (metrics->file != NULL) (void)fclose(metrics->file);
  symo_free(metrics->path);
  *metrics = (train_metrics){0};
}

/* ---- reading ---- */

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
  for (json_t *line; r < lines && (line = next_line(&at)) != NULL; r++) {
    curve.step[r] = number_of(line, "step");
    curve.loss[r] = number_of(line, "loss");
    curve.val_loss[r] = number_of(line, "val_loss");
    curve.seconds[r] = number_of(line, "seconds");
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
  for (json_t *line; (line = next_line(&text)) != NULL; json_decref(line)) {
    const double x = number_of(line, key);
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
