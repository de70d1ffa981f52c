/* Metrics of a run, a line at a time. */
#include "experiments/train/metrics.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "io/file.h"

enum { LARGEST = 1 << 30 };

/* ---- reading ---- */

double train_line_number(const json_t *line, const char *key) {
  const json_t *value = json_object_get(line, key);
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

json_t *train_line_next(const char **at) {
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
  for (json_t *line; lines < step && (line = train_line_next(&at)) != NULL; lines++) {
    const double now = train_line_number(line, "seconds");
    const double optimizer = train_line_number(line, "optimizer_seconds");
    const bool fits = train_line_number(line, "step") == (double)lines;
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
