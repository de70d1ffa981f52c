/* Runs from folders, put together by their settings, and the titles of their curves. */
#include "core/alloc.h"
#include "core/error.h"
#include "core/statistics.h"
#include "experiments/train/option.h"
#include "experiments/train/plot.h"
#include "experiments/train/record.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- finding ---- */

enum { DEPTH = 6 };

static bool has(const char *directory, const char *name) {
  char *path = cli_join(directory, name);
  const bool there = path != NULL && access(path, R_OK) == 0;
  symo_free(path);
  return there;
}

static symo_status grow(symo_context *context, plot_runs *runs) {
  if (runs->count < runs->room) return SYMO_OK;
  const size_t room = 2 * runs->room + 16;
  train_spec *specs = symo_calloc(room, sizeof *specs);
  train_curve *curves = symo_calloc(room, sizeof *curves);
  if (specs == NULL || curves == NULL) {
    symo_free(specs);
    symo_free(curves);
    return symo_fail_memory(context, "plot");
  }
  for (size_t i = 0; i < runs->count; i++) specs[i] = runs->specs[i], curves[i] = runs->curves[i];
  symo_free(runs->specs);
  symo_free(runs->curves);
  runs->specs = specs, runs->curves = curves, runs->room = room;
  return SYMO_OK;
}

static int add_run(cli *c, plot_runs *runs, const char *directory) {
  symo_status status = grow(cli_context(c), runs);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = train_read_run(c, directory, &runs->specs[runs->count], NULL);
  if (code != CLI_DONE) return code;
  status = train_curve_read(cli_context(c), directory, &runs->curves[runs->count]);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  runs->count++;
  return runs->csv ? train_metrics_csv(c, directory) : CLI_DONE;
}

static int add_below(cli *c, plot_runs *runs, const char *directory, int depth) {
  struct dirent **names = NULL;
  if (has(directory, "metrics.jsonl") && has(directory, "run.json"))
    return add_run(c, runs, directory);
  const int count = depth > 0 ? scandir(directory, &names, NULL, alphasort) : 0;
  int code = CLI_DONE;
  for (int i = 0; i < count; i++) {
    char *path = names[i]->d_name[0] != '.' && code == CLI_DONE
                     ? cli_join(directory, names[i]->d_name)
                     : NULL;
    if (path != NULL && access(path, X_OK) == 0) code = add_below(c, runs, path, depth - 1);
    symo_free(path);
    free(names[i]);
  }
  free(names);
  return code;
}

int plot_add(cli *c, plot_runs *runs, const char *directory) {
  const size_t before = runs->count;
  int code = add_below(c, runs, directory, DEPTH);
  if (code == CLI_DONE && runs->count == before)
    return cli_fail(c, CLI_IO, "%s: no runs there (give folders with metrics.jsonl and run.json)",
                    directory);
  return code;
}

void plot_drop(plot_runs *runs) {
  for (size_t i = 0; i < runs->count; i++) train_curve_drop(&runs->curves[i]);
  for (size_t g = 0; g < runs->num_groups; g++) symo_free(runs->groups[g].runs);
  symo_free(runs->groups);
  symo_free(runs->specs);
  symo_free(runs->curves);
  *runs = (plot_runs){0};
}

bool plot_has_losses(const plot_runs *runs) {
  for (size_t i = 0; i < runs->count; i++)
    for (size_t k = 0; k < runs->curves[i].count; k++)
      if (!isnan(runs->curves[i].loss[k])) return true;
  return false;
}

/* ---- figures ---- */

static double figure(const train_curve *curve, const plot_view *view, size_t line) {
  const double *values = strcmp(view->metric, "loss") == 0 ? curve->loss : curve->val_loss;
  if (line >= curve->count || isnan(values[line])) return NAN;
  double sum = 0;
  size_t count = 0;
  for (size_t i = line + 1 > view->smooth ? line + 1 - view->smooth : 0; i <= line; i++)
    if (!isnan(values[i])) sum += values[i], count++;
  return sum / (double)count;
}

size_t plot_longest(const plot_runs *runs, const plot_group *group) {
  size_t most = 0;
  for (size_t r = 0; r < group->count; r++)
    if (runs->curves[group->runs[r]].count > most) most = runs->curves[group->runs[r]].count;
  return most;
}

size_t plot_points(const plot_runs *runs, const plot_group *group, const plot_view *view,
                   size_t most, double *points, double *scratch) {
  size_t count = 0;
  for (size_t line = 0; line < most; line++) {
    double low = INFINITY, high = -INFINITY, step = NAN;
    size_t n = 0;
    for (size_t r = 0; r < group->count; r++) {
      const train_curve *curve = &runs->curves[group->runs[r]];
      const double value = figure(curve, view, line);
      if (isnan(value)) continue;
      scratch[n++] = value;
      low = fmin(low, value), high = fmax(high, value), step = curve->step[line];
    }
    if (n == 0) continue;
    points[count] = step;
    points[2 * most + count] = symo_median(n, scratch);
    points[3 * most + count] = low, points[4 * most + count] = high;
    n = 0;
    for (size_t r = 0; r < group->count; r++)
      if (line < runs->curves[group->runs[r]].count)
        scratch[n++] = runs->curves[group->runs[r]].seconds[line];
    points[most + count++] = symo_median(n, scratch);
  }
  return count;
}

/* ---- groups ---- */

static bool same(const train_spec *a, const train_spec *b) {
  const train_option *o;
  if (a->task != b->task) return false;
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++)
    if (!(o->properties & TRAIN_SAME_CURVE) && train_option_differs(o, a, b)) return false;
  return true;
}

static symo_status put_run(symo_context *context, plot_runs *runs, size_t run) {
  plot_group *group = NULL;
  for (size_t g = 0; g < runs->num_groups && group == NULL; g++)
    if (same(&runs->groups[g].spec, &runs->specs[run])) group = &runs->groups[g];
  if (group == NULL) {
    group = &runs->groups[runs->num_groups];
    *group = (plot_group){.spec = runs->specs[run], .shown = true};
    group->runs = symo_calloc(runs->count, sizeof *group->runs);
    if (group->runs == NULL) return symo_fail_memory(context, "plot");
    runs->num_groups++;
  }
  group->runs[group->count++] = run;
  return SYMO_OK;
}

/* The median of the last figures; a run that stopped early counts with none. */
static double final_of(const plot_runs *runs, const plot_group *group, const plot_view *view,
                       double *scratch) {
  for (size_t r = 0; r < group->count; r++) {
    const train_curve *curve = &runs->curves[group->runs[r]];
    double last = INFINITY;
    for (size_t line = 0; line < curve->count; line++) {
      const double value = figure(curve, view, line);
      if (!isnan(value)) last = value;
    }
    scratch[r] = curve->count > group->spec.steps ? last : INFINITY;
  }
  return symo_median(group->count, scratch);
}

/* The best one first; those that did not end last. */
static int by_final(const void *a, const void *b) {
  const plot_group *x = a, *y = b;
  const size_t first = x->runs[0], second = y->runs[0];
  const double one = isnan(x->final) ? INFINITY : x->final,
               two = isnan(y->final) ? INFINITY : y->final;
  return one != two ? (one > two) - (one < two) : (first > second) - (first < second);
}

symo_status plot_group_runs(symo_context *context, plot_runs *runs, const plot_view *view,
                            bool best) {
  runs->groups = symo_calloc(runs->count, sizeof *runs->groups);
  double *scratch = symo_calloc(runs->count, sizeof *scratch);
  symo_status status =
      runs->groups != NULL && scratch != NULL ? SYMO_OK : symo_fail_memory(context, "plot");
  for (size_t i = 0; i < runs->count && status == SYMO_OK; i++) status = put_run(context, runs, i);
  for (size_t g = 0; g < runs->num_groups && status == SYMO_OK; g++)
    runs->groups[g].final = final_of(runs, &runs->groups[g], view, scratch);
  for (size_t g = 0; g < runs->num_groups && best && status == SYMO_OK; g++)
    for (size_t k = 0; k < runs->num_groups; k++) {
      const plot_group *other = &runs->groups[k];
      if (k == g || strcmp(other->spec.optimizer, runs->groups[g].spec.optimizer) != 0) continue;
      if (other->final < runs->groups[g].final || (other->final == runs->groups[g].final && k < g))
        runs->groups[g].shown = false;
    }
  if (status == SYMO_OK) qsort(runs->groups, runs->num_groups, sizeof *runs->groups, by_final);
  symo_free(scratch);
  return status;
}

/* ---- titles ---- */

/* What curves are called.  A setting that all runs share says nothing in a legend: it stands once,
 * in the caption.  What tells groups of one optimizer apart comes first, then what it has beyond
 * the others, so that a title that is cut loses the least. */

/* A text that is cut where it ends. */
typedef struct line {
  char *text;
  size_t used, room;
} line;

static void add(line *l, const char *before, const char *text, size_t length) {
  if (l->used + 1 >= l->room) return;
  const int n = snprintf(l->text + l->used, l->room - l->used, "%s%.*s", l->used > 0 ? " " : "",
                         (int)strlen(before), before);
  l->used = l->used + (size_t)n < l->room ? l->used + (size_t)n : l->room - 1;
  const int m = snprintf(l->text + l->used, l->room - l->used, "%.*s", (int)length, text);
  l->used = l->used + (size_t)m < l->room ? l->used + (size_t)m : l->room - 1;
}

static bool has_setting(const train_spec *spec, const char *item, size_t length) {
  for (const char *s = spec->settings; *s != '\0';) {
    const size_t n = strcspn(s, ";");
    if (n == length && memcmp(s, item, n) == 0) return true;
    s += n + (s[n] == ';');
  }
  return false;
}

/* Whether all groups have the setting, or all those of this optimizer; those that are not drawn,
 * because others are better, count too: what was chosen is worth saying. */
static bool shared(const plot_runs *runs, const char *item, size_t length, const char *optimizer) {
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    if (optimizer != NULL && strcmp(optimizer, group->spec.optimizer) != 0) continue;
    if (!has_setting(&group->spec, item, length)) return false;
  }
  return true;
}

/* Settings of the group that all share, that its optimizer's share, and those of its own. */
typedef enum owned_by { BY_ALL, BY_OPTIMIZER, BY_GROUP } owned_by;

static void add_settings(const plot_runs *runs, const plot_group *group, owned_by whose, line *l) {
  for (const char *s = group->spec.settings; *s != '\0';) {
    const size_t n = strcspn(s, ";");
    const owned_by owner = shared(runs, s, n, NULL)                    ? BY_ALL
                           : shared(runs, s, n, group->spec.optimizer) ? BY_OPTIMIZER
                                                                       : BY_GROUP;
    if (n > 0 && owner == whose) add(l, "", s, n);
    s += n + (s[n] == ';');
  }
}

static bool tells(const plot_runs *runs, const plot_group *group, const train_option *o) {
  for (size_t g = 0; g < runs->num_groups; g++)
    if (train_option_differs(o, &runs->groups[g].spec, &group->spec)) return true;
  return false;
}

void plot_title(const plot_runs *runs, const plot_group *group, char title[PLOT_TITLE]) {
  char text[TRAIN_SETTINGS], before[64];
  const train_option *o;
  const char *slash = strrchr(group->spec.optimizer, '/');
  const char *name = slash != NULL ? slash + 1 : group->spec.optimizer;
  line l = {title, 0, PLOT_TITLE};
  title[0] = '\0';
  add(&l, "", name, strlen(name));
  for (size_t i = 0; (o = train_option_at(i)) != NULL; i++) {
    if ((o->properties & TRAIN_SAME_CURVE) || o->group == TRAIN_GROUP_OPTIMIZER ||
        !tells(runs, group, o))
      continue;
    train_option_text(o, &group->spec, text);
    if (text[0] == '\0') continue;
    if (strcmp(o->key, "lr") == 0) (void)snprintf(text, sizeof text, "%.6g", group->spec.lr);
    (void)snprintf(before, sizeof before, "%s=", o->key);
    add(&l, before, text, strlen(text));
  }
  add_settings(runs, group, BY_GROUP, &l);
  add_settings(runs, group, BY_OPTIMIZER, &l);
}

void plot_common(const plot_runs *runs, char text[PLOT_TITLE]) {
  line l = {text, 0, PLOT_TITLE};
  text[0] = '\0';
  if (runs->num_groups > 0) add_settings(runs, &runs->groups[0], BY_ALL, &l);
}

/* The length of whole characters within the first n bytes. */
static size_t whole(const char *text, size_t n) {
  while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  return n;
}

void plot_cut(char *text, size_t most) {
  static const char dots[] = "\xe2\x80\xa6"; /* U+2026 */
  if (strlen(text) <= most || most < 4) return;
  memcpy(text + whole(text, most - 3), dots, sizeof dots);
}
