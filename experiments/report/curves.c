/* Curves and lines of runs of symo train. */
#include "experiments/report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "experiments/train/plot.h"
#include "io/file.h"
#include "io/json.h"

enum { MOST_CURVES = 12 };

/* What is drawn: curves by step, the same by second, and the numbers of both. */
typedef struct drawing {
  report_curve by_step[MOST_CURVES], by_second[MOST_CURVES];
  double *numbers[MOST_CURVES]; /* [5][most]: plot_points */
  size_t count;
} drawing;

static void drop(drawing *d) {
  for (size_t i = 0; i < d->count; i++) symo_free(d->numbers[i]);
}

/* One curve for each group that is shown. */
static int take(cli *c, const plot_runs *runs, const plot_view *view, bool alone, drawing *d) {
  for (size_t g = 0; g < runs->num_groups && d->count < MOST_CURVES; g++) {
    const plot_group *group = &runs->groups[g];
    if (!group->shown) continue;
    const size_t most = plot_longest(runs, group);
    double *numbers = symo_calloc(5 * (most + 1), sizeof *numbers);
    double *scratch = symo_calloc(runs->count, sizeof *scratch);
    if (numbers == NULL || scratch == NULL) {
      symo_free(numbers);
      symo_free(scratch);
      return cli_fail_memory(c);
    }
    const size_t count = plot_points(runs, group, view, most, numbers, scratch);
    symo_free(scratch);
    char title[PLOT_TITLE];
    plot_title(runs, group, title);
    report_curve curve = {.count = count, .x = numbers, .y = numbers + 2 * most};
    (void)snprintf(curve.name, sizeof curve.name, "%.100s", alone ? view->metric : title);
    if (view->smooth > 1 && alone)
      (void)snprintf(curve.name, sizeof curve.name, "%s, mean of %zu", view->metric, view->smooth);
    d->numbers[d->count] = numbers;
    d->by_step[d->count] = curve;
    curve.x = numbers + most;
    d->by_second[d->count++] = curve;
  }
  return CLI_DONE;
}

/* Whether the loss on what is held back is known in any run. */
static bool held_back(const plot_runs *runs) {
  for (size_t i = 0; i < runs->count; i++)
    for (size_t k = 0; k < runs->curves[i].count; k++)
      if (!isnan(runs->curves[i].val_loss[k])) return true;
  return false;
}

static int draw(report_page *page, plot_runs *runs) {
  cli *c = page->c;
  size_t most = 0;
  for (size_t i = 0; i < runs->count; i++)
    if (runs->curves[i].count > most) most = runs->curves[i].count;
  const bool alone = runs->count == 1, held = held_back(runs);
  const plot_view views[] = {{.metric = "loss", .smooth = 1 + most / 100},
                             {.metric = "val_loss", .smooth = 1}};
  drawing *d = symo_calloc(1, sizeof *d);
  if (d == NULL) return cli_fail_memory(c);
  const size_t first = held && !alone ? 1 : 0, views_end = held ? 2 : 1;
  symo_status status = plot_group_runs(cli_context(c), runs, &views[first], true);
  int code = status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
  for (size_t v = first; v < views_end && code == CLI_DONE; v++)
    code = take(c, runs, &views[v], alone, d);
  if (code == CLI_DONE) {
    const char *what = alone || !held ? "loss" : "val_loss";
    report_chart(page, alone ? "Loss by step" : "Loss by step, the best settings of each optimizer",
                 "step", what, d->count, d->by_step);
    report_chart(page,
                 alone ? "Loss by second of training"
                       : "Loss by second of training, the best settings of each optimizer",
                 "second", what, d->count, d->by_second);
  }
  drop(d);
  symo_free(d);
  return code;
}

/* The seeds of all runs, each once. */
static char *seeds_of(const plot_runs *runs) {
  symo_text text = {0};
  for (size_t i = 0; i < runs->count; i++) {
    size_t k = 0;
    while (k < i && runs->specs[k].seed != runs->specs[i].seed) k++;
    if (k == i)
      symo_text_add(&text, "%s%llu", text.used > 0 ? " " : "",
                    (unsigned long long)runs->specs[i].seed);
  }
  char *out = NULL;
  return symo_text_finish(&text, NULL, &out) == SYMO_OK ? out : NULL;
}

int report_curves(report_page *page, const char *directory, char **seeds) {
  plot_runs runs = {0};
  int code = plot_add(page->c, &runs, directory);
  if (code == CLI_DONE && plot_has_losses(&runs))
    code = draw(page, &runs);
  else if (code == CLI_DONE)
    symo_text_add(&page->text, "<p>There are no losses yet.</p>\n");
  if (code == CLI_DONE && (*seeds = seeds_of(&runs)) == NULL) code = cli_fail_memory(page->c);
  plot_drop(&runs);
  return code;
}

/* ---- lines ---- */

static size_t count_lines(const char *text) {
  size_t count = 0;
  for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++) count++;
  return count;
}

/* What takes `count` lines to REPORT_LINES: every n-th. */
static size_t every_of(size_t count) {
  return count == 0 ? 1 : (count + REPORT_LINES - 2) / (REPORT_LINES - 1);
}

/* The lines that are shown, as a list; times by item are left out. */
static symo_status read_lines(symo_context *context, const char *path, const char *text,
                              json_t *list) {
  const size_t count = count_lines(text), every = every_of(count);
  size_t line = 0;
  for (const char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1, line++) {
    if (line % every != 0 && line + 1 != count) continue;
    json_t *o = NULL;
    symo_status status = symo_json_parse(context, path, p, (size_t)(end - p), &o);
    if (status != SYMO_OK) return status;
    (void)json_object_del(o, "optimizer_items");
    if (json_array_append_new(list, o) != 0) return SYMO_E_MEMORY;
  }
  return SYMO_OK;
}

int report_metrics(report_page *page, const char *directory) {
  cli *c = page->c;
  char *path = cli_join(directory, "metrics.jsonl"), *text = NULL, note[120];
  json_t *list = json_array();
  if (path == NULL || list == NULL) {
    symo_free(path);
    json_decref(list);
    return cli_fail_memory(c);
  }
  symo_status status = train_metrics_text(cli_context(c), path, &text);
  if (status == SYMO_OK) status = read_lines(cli_context(c), path, text, list);
  if (status == SYMO_OK) {
    const size_t count = count_lines(text), shown = json_array_size(list);
    (void)snprintf(note, sizeof note, "%zu of the %zu lines of metrics.jsonl.", shown, count);
    report_list(page, "On the way", note, list);
  }
  symo_free(text);
  symo_free(path);
  json_decref(list);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}
