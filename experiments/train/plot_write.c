/* One picture with two panels, figure against step and against second, as a gnuplot script. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/plot/plot.h"
#include "experiments/train/plot.h"

enum { LEGEND = 46, CAPTION = 84 }; /* bytes that fit */

/* An optimizer has the same colour in all pictures, as long as it is free. */
static const struct {
  const char *optimizer;
  size_t colour;
} colours[] = {{"symo", PLOT_BLUE},
               {"symo-bd", PLOT_SKY},
               {"symo-coupled", PLOT_SKY},
               {"symo-stateless", PLOT_BLUE},
               {"symo-published", PLOT_BLUE},
               {"muon", PLOT_RED},
               {"muon-exact", PLOT_RED},
               {"shampoo", PLOT_GREEN},
               {"soap", PLOT_PURPLE},
               {"adamw", PLOT_BLACK},
               {"adam", PLOT_BLACK},
               {"sgd", PLOT_ORANGE},
               {"spectral-newton", PLOT_GREY},
               {"spectral-newton-exact", PLOT_GREY}};

static size_t own_colour(const char *optimizer) {
  for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
    if (strcmp(colours[i].optimizer, optimizer) == 0) return colours[i].colour;
  return PLOT_COLOURS;
}

static bool taken(const plot_runs *runs, const size_t *numbers, size_t number) {
  for (size_t g = 0; g < runs->num_groups; g++)
    if (numbers[g] == number) return true;
  return false;
}

/* Curve number i is palette[i % PLOT_COLOURS] with dash i / PLOT_COLOURS + 1: no two are alike.
 * Optimizers with a colour of their own take it first, in the order of the curves; the rest take
 * what is free.  numbers: [num_groups]. */
static void number_curves(const plot_runs *runs, size_t *numbers) {
  size_t next = 0;
  for (size_t g = 0; g < runs->num_groups; g++) numbers[g] = SIZE_MAX;
  for (size_t g = 0; g < runs->num_groups; g++) {
    size_t own = own_colour(runs->groups[g].spec.optimizer);
    if (runs->groups[g].shown && own < PLOT_COLOURS && !taken(runs, numbers, own)) numbers[g] = own;
  }
  for (size_t g = 0; g < runs->num_groups; g++) {
    if (!runs->groups[g].shown || numbers[g] != SIZE_MAX) continue;
    while (taken(runs, numbers, next)) next++;
    numbers[g] = next;
  }
}

/* ---- data ---- */

/* What the axis of the figure shows: all of it, but no more than three times the largest beginning,
 * so that a run that goes astray does not flatten the others. */
typedef struct extent {
  double low, high, start, seconds;
} extent;

static void extend(extent *e, const double *points, size_t most, size_t count) {
  if (count > 0 && isfinite(points[2 * most])) e->start = fmax(e->start, points[2 * most]);
  for (size_t i = 0; i < count; i++) e->seconds = fmax(e->seconds, points[most + i]);
  for (size_t row = 2; row < 5; row++)
    for (size_t i = 0; i < count; i++) {
      double value = points[row * most + i];
      if (!isfinite(value) || !(value > 0)) continue;
      e->low = fmin(e->low, value);
      e->high = fmax(e->high, value);
    }
}

/* A block for each group, two empty lines between: step, seconds, median, smallest, largest. */
static int write_data(cli *c, const plot_runs *runs, const plot_view *view, const char *plots,
                      const char *name, extent *e) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  bool good = true;
  fprintf(text.stream, "# step\tseconds\tmedian\tmin\tmax\n");
  for (size_t g = 0; g < runs->num_groups && good; g++) {
    const plot_group *group = &runs->groups[g];
    const size_t most = plot_longest(runs, group);
    if (!group->shown) continue;
    double *points = symo_calloc(5 * most + group->count + 1, sizeof *points);
    good = points != NULL;
    if (!good) break;
    const size_t count = plot_points(runs, group, view, most, points, points + 5 * most);
    extend(e, points, most, count);
    for (size_t i = 0; i < count; i++)
      fprintf(text.stream, "%.0f\t%.6g\t%.8g\t%.8g\t%.8g\n", points[i], points[most + i],
              points[2 * most + i], points[3 * most + i], points[4 * most + i]);
    fprintf(text.stream, "\n\n");
    symo_free(points);
  }
  char file[160];
  (void)snprintf(file, sizeof file, "%s.tsv", name);
  int code = plot_text_close(&text, plots, file);
  return good ? code : cli_fail_memory(c);
}

/* Without what ends a text of gnuplot's. */
static void quotable(char *text) {
  for (char *p = text; *p != '\0'; p++)
    if (*p == '"' || *p == '\\') *p = ' ';
}

/* One panel: bands under curves. */
static void write_curves(FILE *out, const plot_runs *runs, const size_t *numbers, const char *name,
                         const char *x, bool titles) {
  size_t block = 0;
  fprintf(out, "plot ");
  for (size_t g = 0; g < runs->num_groups; g++)
    if (runs->groups[g].shown) {
      if (runs->groups[g].count > 1)
        fprintf(out,
                "\"%s.tsv\" index %zu using %s:4:5 with filledcurves lc rgb \"%s\" "
                "fs transparent solid 0.15 noborder notitle, \\\n  ",
                name, block, x, plot_colour(numbers[g]));
      block++;
    }
  block = 0;
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    char title[PLOT_TITLE] = "", final[32] = "not at its end";
    if (!group->shown) continue;
    plot_title(runs, group, title);
    plot_cut(title, LEGEND);
    quotable(title);
    if (isfinite(group->final)) (void)snprintf(final, sizeof final, "%.4g", group->final);
    fprintf(out, "%s\"%s.tsv\" index %zu using %s:3 with lines lc rgb \"%s\" lw 2 dt %zu ",
            block > 0 ? ", \\\n  " : "", name, block, x, plot_colour(numbers[g]),
            numbers[g] / PLOT_COLOURS % PLOT_DASHES + 1);
    if (titles)
      fprintf(out, "title \"%s  (%s)\"", title, final);
    else
      fprintf(out, "notitle");
    block++;
  }
  fprintf(out, "\n");
}

static size_t shown(const plot_runs *runs) {
  size_t count = 0;
  for (size_t g = 0; g < runs->num_groups; g++) count += runs->groups[g].shown;
  return count;
}

/* "training loss, mean of 5 lines" */
static void figure_text(const plot_view *view, char *text, size_t size) {
  char mean[48] = "";
  if (view->smooth > 1)
    (void)snprintf(mean, sizeof mean, ", mean of %zu %s", view->smooth,
                   symo_plural(view->smooth, "line", "lines"));
  (void)snprintf(text, size, "%s%s",
                 strcmp(view->metric, "loss") == 0 ? "training loss" : "loss on held-back examples",
                 mean);
}

static void write_head(FILE *out, const plot_runs *runs, const plot_view *view, double bottom) {
  char common[PLOT_TITLE], figure[96];
  plot_common(runs, common);
  plot_cut(common, CAPTION);
  quotable(common);
  figure_text(view, figure, sizeof figure);
  if (common[0] != '\0')
    fprintf(out,
            "set label 2 \"all: %s\" at screen 0.99, screen 0.965 right font \",9\" "
            "tc rgb \"#555555\"\n",
            common);
  fprintf(
      out,
      "set encoding utf8\nset multiplot\nset border 3\nset tics nomirror\n"
      "set grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\n"
      "set label 1 \"%s: %s (in brackets: at the end)\" at screen 0.01, screen 0.965 font \",13\"\n"
      "set bmargin at screen %.4f\nset tmargin at screen 0.87\nset ylabel \"%s\"\n",
      runs->groups->spec.task->name, figure, bottom > 0.6 ? 0.6 : bottom, figure);
}

/* The right panel, in a unit that suits. */
static void write_times(FILE *out, const plot_runs *runs, const size_t *numbers, const char *name,
                        double seconds) {
  static const struct {
    const char *unit, *x;
    double most, factor;
  } units[] = {{"milliseconds", "(1e3*$2)", 0.1, 1e3},
               {"seconds", "2", 2e4, 1},
               {"hours", "($2/3600)", INFINITY, 1.0 / 3600}};
  size_t u = 0;
  while (u < 2 && seconds > units[u].most) u++;
  fprintf(out,
          "unset label\nset lmargin at screen 0.57\nset rmargin at screen 0.98\n"
          "set title \"by time\"\nset xlabel \"time of training (%s)\"\nunset key\n",
          units[u].unit);
  plot_even_axis(out, 'x', 0, 1.02 * seconds * units[u].factor);
  write_curves(out, runs, numbers, name, units[u].x, false);
}

static void write_script(const plot_text *text, const plot_runs *runs, const size_t *numbers,
                         const plot_view *view, const extent *e, const char *name) {
  const size_t rows = (shown(runs) + 1) / 2;
  const int height = 490 + 17 * (int)(rows > 40 ? 40 : rows);
  FILE *out = text->stream;
  plot_begin(text, name, 1100, height);
  write_head(out, runs, view, (50.0 + 17.0 * (double)rows) / height + 0.06);
  plot_log_axis(out, 'y', e->low, e->start > 0 ? fmin(e->high, 3 * e->start) : e->high);
  fprintf(out,
          "set lmargin at screen 0.075\nset rmargin at screen 0.485\n"
          "set title \"by step\"\nset xlabel \"step\"\n"
          "set key at screen 0.5, screen 0.01 center bottom maxrows %zu Left reverse samplen 4 "
          "spacing 1.1 width 3 font \",10\"\n",
          rows > 0 ? rows : 1);
  write_curves(out, runs, numbers, name, "1", true);
  write_times(out, runs, numbers, name, e->seconds);
  fprintf(out, "unset multiplot\n");
  plot_end(out);
}

int plot_write(cli *c, const plot_runs *runs, const plot_view *view, const char *plots,
               const char *name) {
  plot_text text;
  char file[160];
  extent e = {.low = (double)INFINITY};
  int code = write_data(c, runs, view, plots, name, &e);
  if (code != CLI_DONE) return code;
  size_t *numbers = symo_malloc(runs->num_groups * sizeof *numbers + 1);
  if (numbers == NULL) return cli_fail_memory(c);
  code = plot_text_open(c, &text);
  if (code != CLI_DONE) {
    symo_free(numbers);
    return code;
  }
  number_curves(runs, numbers);
  write_script(&text, runs, numbers, view, &e, name);
  symo_free(numbers);
  (void)snprintf(file, sizeof file, "%s.gp", name);
  return plot_text_close(&text, plots, file);
}
