/* Metrics of a run, a line at a time. */
#include "experiments/train/metrics.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "io/file.h"

enum { LARGEST = 1 << 30 };

/* ---- opening ---- */

/* What of a file is kept: the lines before the step that the run goes on from. */
typedef struct kept {
  size_t bytes;
  uint64_t lines;
  double seconds, optimizer_seconds;
} kept;

static kept kept_of(const char *text, uint64_t step) {
  kept k = {.lines = 0};
  const char *at = text;
  for (json_t *line; k.lines < step && (line = train_next_line(&at, k.lines)) != NULL; k.lines++) {
    const double now = train_line_number(line, "seconds");
    const double optimizer = train_line_number(line, "optimizer_seconds");
    json_decref(line);
    if (!isnan(now)) k.seconds = now;
    if (!isnan(optimizer)) k.optimizer_seconds += optimizer;
    k.bytes = (size_t)(at - text);
  }
  return k;
}

/* Lines are missing: the file goes under another name, and one takes its place that has those that
 * are whole, and for other steps no loss. */
static symo_status mend(train_metrics *metrics, const char *text, const kept *k, uint64_t step) {
  symo_status status = SYMO_OK;
  if (access(metrics->path, F_OK) == 0)
    status = symo_file_set_aside(metrics->context, metrics->path, &metrics->damaged);
  if (status != SYMO_OK) return status;
  metrics->lost = k->lines, metrics->file = fopen(metrics->path, "w");
  if (metrics->file == NULL)
    return symo_file_fail(metrics->context, metrics->path, "be opened for writing", errno);
  bool good = fwrite(text, 1, k->bytes, metrics->file) == k->bytes;
  for (uint64_t i = k->lines; i < step && good; i++)
    good = fprintf(metrics->file, "{\"step\": %llu, \"loss\": null}\n", (unsigned long long)i) > 0;
  if (!good) return symo_file_fail(metrics->context, metrics->path, "be written", errno);
  return train_metrics_sync(metrics);
}

static symo_status go_on(train_metrics *metrics, uint64_t step, kept *k) {
  char *text = NULL;
  size_t length = 0;
  symo_status status = SYMO_OK;
  if (access(metrics->path, F_OK) == 0) {
    status = symo_file_read_all(metrics->context, metrics->path, LARGEST, &text, &length);
    if (status != SYMO_OK) return status;
  }
  const char *lines = text != NULL ? text : "";
  *k = kept_of(lines, step);
  if (k->lines < step) {
    status = mend(metrics, lines, k, step);
  } else {
    metrics->file = fopen(metrics->path, "r+");
    if (metrics->file == NULL || ftruncate(fileno(metrics->file), (off_t)k->bytes) != 0 ||
        fseek(metrics->file, 0, SEEK_END) != 0)
      status = symo_file_fail(metrics->context, metrics->path, "be opened for writing", errno);
  }
  symo_free(text);
  return status;
}

symo_status train_metrics_open(symo_context *context, const char *directory, uint64_t step,
                               train_metrics *out, double *seconds, double *optimizer_seconds) {
  train_metrics metrics = {
      .context = context, .path = cli_join(directory, "metrics.jsonl"), .lost = step};
  kept k = {.lines = 0};
  symo_status status = SYMO_OK;
  if (metrics.path == NULL) return symo_fail_memory(context, "metrics");
  if (step > 0) {
    status = go_on(&metrics, step, &k);
  } else {
    metrics.file = fopen(metrics.path, "w");
    if (metrics.file == NULL)
      status = symo_file_fail(context, metrics.path, "be opened for writing", errno);
  }
  *seconds = k.seconds, *optimizer_seconds = k.optimizer_seconds;
  if (status == SYMO_OK)
    *out = metrics;
  else
    train_metrics_close(&metrics);
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
    if (row->state != NULL) {
      train_alphas_add(&line, "measured_alphas", row->state, row->layout, false);
      train_alphas_add(&line, "alphas", row->state, row->layout, true);
    }
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
  symo_free(metrics->damaged);
  *metrics = (train_metrics){0};
}
