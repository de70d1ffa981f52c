/* One picture with two panels, figure against step and against second, as a gnuplot script. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/compare/plot.h"
#include "experiments/train/plot.h"

enum { LEGEND = 58, CAPTION = 84 }; /* bytes that fit */

/* Colours of Okabe and Ito (2008), which the colour-blind can tell apart; relatives share one. */
static const struct {
  const char *optimizer, *colour;
} colours[] = {
    {"symo", "#0072b2"},           {"symo-bd", "#56b4e9"},      {"muon", "#d55e00"},
    {"muon-exact", "#a0522d"},     {"shampoo", "#009e73"},      {"soap", "#cc79a7"},
    {"adamw", "#000000"},          {"adam", "#5f5f5f"},         {"sgd", "#e69f00"},
    {"normalized-sgd", "#999933"}, {"lm", "#882255"},           {"ggn-cg", "#44aa99"},
    {"newton-cg", "#332288"},      {"adagrad-full", "#7f7f7f"}, {"symo-stateless", "#117733"}};

static const char *colour_of(const char *optimizer, size_t index) {
  const size_t n = sizeof colours / sizeof *colours;
  for (size_t i = 0; i < n; i++)
    if (strcmp(colours[i].optimizer, optimizer) == 0) return colours[i].colour;
  return colours[index % n].colour;
}

/* Groups of one optimizer that are shown before this one: dashes tell them apart. */
static int dash_of(const plot_runs *runs, size_t group) {
  int before = 0;
  for (size_t g = 0; g < group; g++)
    if (runs->groups[g].shown &&
        strcmp(runs->groups[g].spec.optimizer, runs->groups[group].spec.optimizer) == 0)
      before++;
  return before % 5 + 1;
}

/* A block for each group, two empty lines between: step, seconds, median, smallest, largest. */
static int write_data(cli *c, const plot_runs *runs, const plot_view *view, const char *plots,
                      const char *name) {
  compare_text text;
  if (!compare_text_open(&text)) return cli_fail(c, CLI_NUMERIC, "plot: out of memory");
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
    for (size_t i = 0; i < count; i++)
      fprintf(text.stream, "%.0f\t%.6g\t%.8g\t%.8g\t%.8g\n", points[i], points[most + i],
              points[2 * most + i], points[3 * most + i], points[4 * most + i]);
    fprintf(text.stream, "\n\n");
    symo_free(points);
  }
  char file[160];
  (void)snprintf(file, sizeof file, "%s.tsv", name);
  int code = compare_text_close(c, &text, plots, file);
  return good ? code : cli_fail_status(c, symo_fail_memory(cli_context(c), "plot"));
}

/* Without what ends a text of gnuplot's. */
static void quotable(char *text) {
  for (char *p = text; *p != '\0'; p++)
    if (*p == '"' || *p == '\\') *p = ' ';
}

static void write_curves(FILE *out, const plot_runs *runs, const char *name, int column,
                         bool titles) {
  size_t block = 0;
  fprintf(out, "plot ");
  for (size_t g = 0; g < runs->num_groups; g++)
    if (runs->groups[g].shown) {
      if (runs->groups[g].count > 1)
        fprintf(out,
                "\"%s.tsv\" index %zu using %d:4:5 with filledcurves lc rgb \"%s\" "
                "fs transparent solid 0.15 noborder notitle, \\\n  ",
                name, block, column, colour_of(runs->groups[g].spec.optimizer, g));
      block++;
    }
  block = 0;
  for (size_t g = 0; g < runs->num_groups; g++) {
    const plot_group *group = &runs->groups[g];
    char title[PLOT_TITLE] = "";
    if (!group->shown) continue;
    plot_title(runs, group, title);
    plot_cut(title, LEGEND);
    quotable(title);
    fprintf(out, "%s\"%s.tsv\" index %zu using %d:3 with lines lc rgb \"%s\" lw 2 dt %d ",
            block > 0 ? ", \\\n  " : "", name, block, column, colour_of(group->spec.optimizer, g),
            dash_of(runs, g));
    fprintf(out, titles ? "title \"%s\"" : "notitle", title);
    block++;
  }
  fprintf(out, "\n");
}

static size_t shown(const plot_runs *runs) {
  size_t count = 0;
  for (size_t g = 0; g < runs->num_groups; g++) count += runs->groups[g].shown;
  return count;
}

static void write_script(FILE *out, const plot_runs *runs, const plot_view *view,
                         const char *name) {
  const plot_group *first = runs->groups;
  const size_t rows = (shown(runs) + 1) / 2;
  const int height = 470 + 17 * (int)(rows > 40 ? 40 : rows);
  const double bottom = (50.0 + 17.0 * (double)rows) / height + 0.06;
  char common[PLOT_TITLE];
  plot_common(runs, common);
  plot_cut(common, CAPTION);
  quotable(common);
  compare_plot_begin(out, name, 1100, height);
  if (common[0] != '\0')
    fprintf(out,
            "set label 2 \"all: %s\" at screen 0.99, screen 0.965 right font \",9\" "
            "tc rgb \"#555555\"\n",
            common);
  fprintf(out,
          "set encoding utf8\nset multiplot\nset logscale y\nset format y \"%%g\"\nset border "
          "3\nset tics nomirror\n"
          "set grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\n"
          "set label 1 \"%s: %s\" at screen 0.01, screen 0.965 font \",13\"\n"
          "set bmargin at screen %.4f\nset tmargin at screen 0.92\n",
          first->spec.task->name,
          strcmp(view->metric, "loss") == 0 ? "loss in training" : "loss on examples held back",
          bottom > 0.6 ? 0.6 : bottom);
  fprintf(out,
          "set lmargin at screen 0.07\nset rmargin at screen 0.485\nset xlabel \"step\"\n"
          "set key at screen 0.5, screen 0.01 center bottom maxrows %zu Left reverse samplen 3 "
          "spacing 1.1 font \",10\"\n",
          rows > 0 ? rows : 1);
  write_curves(out, runs, name, 1, true);
  fprintf(out, "unset label\nset lmargin at screen 0.565\nset rmargin at screen 0.98\n"
               "set xlabel \"seconds of training\"\nunset key\n");
  write_curves(out, runs, name, 2, false);
  fprintf(out, "unset multiplot\n");
  compare_plot_end(out);
}

int plot_write(cli *c, const plot_runs *runs, const plot_view *view, const char *plots,
               const char *name) {
  compare_text text;
  char file[160];
  int code = write_data(c, runs, view, plots, name);
  if (code != CLI_DONE) return code;
  if (!compare_text_open(&text)) return cli_fail(c, CLI_NUMERIC, "plot: out of memory");
  write_script(text.stream, runs, view, name);
  (void)snprintf(file, sizeof file, "%s.gp", name);
  return compare_text_close(c, &text, plots, file);
}
