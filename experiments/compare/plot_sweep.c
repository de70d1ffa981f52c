/* Quality against the setting that a sweep varies: cosine with |H| on the left, the decrease by the
 * damped step on the right. */
#include "experiments/compare/sweep.h"

#include <math.h>
#include <string.h>

static const char *const keys[] = {"cosine_abs_hessian", "newton_decrease"};
static const char *const titles[] = {"cosine with |H|", "loss decrease by the best damped step"};
static const char *const names[] = {"cosine", "decrease, relative to that of |H|"};

/* One block of lines for each estimate: x, tick, and median, least, greatest of both figures. */
static int data(cli *c, const char *plots, const compare_sweep *sweep) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  for (size_t r = 0; r < sweep->runs->count; r++) {
    const compare_row *row = &sweep->runs->rows[r];
    if (!row->swept) continue;
    fprintf(text.stream, "# %s\n", row->name);
    for (size_t i = 0; i < sweep->count; i++) {
      double x = sweep->kind->numbers ? compare_sweep_number(sweep, i) : (double)i;
      fprintf(text.stream, "%.9g\t\"%s\"", x, sweep->value[i]);
      for (size_t k = 0; k < 2; k++) {
        compare_stat s = compare_stat_of(sweep->runs + i * sweep->seeds, sweep->seeds, row->name,
                                         compare_figure_find(keys[k]));
        if (isfinite(s.median))
          fprintf(text.stream, "\t%.6f\t%.6f\t%.6f", s.median, s.min, s.max);
        else
          fprintf(text.stream, "\tnan\tnan\tnan");
      }
      fprintf(text.stream, "\n");
    }
    fprintf(text.stream, "\n\n");
  }
  return plot_text_close(&text, plots, "sweep.tsv");
}

static void axis(FILE *out, const compare_sweep *sweep) {
  bool letters = compare_sweep_letters(sweep);
  /* Names take two lines, numbers one. */
  fprintf(out, "set xlabel \"%s\" offset 0,%s\n", sweep->kind->label,
          sweep->kind->numbers || letters ? "0" : "-1");
  if (sweep->kind->logarithmic) { /* by itself the axis would go on to whole decades */
    double least = (double)INFINITY, most = 0;
    for (size_t i = 0; i < sweep->count; i++) {
      least = fmin(least, compare_sweep_number(sweep, i));
      most = fmax(most, compare_sweep_number(sweep, i));
    }
    fprintf(out, "set logscale x\nset xrange [%.6g:%.6g] noextend\n", least / 1.2, most * 1.2);
  }
  if (sweep->kind->numbers && strcmp(sweep->kind->name, "steps") != 0) {
    fprintf(out, "set xtics (");
    for (size_t i = 0; i < sweep->count; i++)
      fprintf(out, "%s\"%s\" %s", i > 0 ? ", " : "", sweep->value[i], sweep->value[i]);
    fprintf(out, ") nomirror\n");
  } else if (sweep->kind->numbers) {
    /* From 0 on, yet over decades. */
    fprintf(out, "set nonlinear x via asinh(x/10.0) inverse 10*sinh(x)\nset xtics (");
    for (size_t i = 0; i < sweep->count; i++)
      fprintf(out, "%s\"%s\" %s", i > 0 ? ", " : "", sweep->value[i], sweep->value[i]);
    fprintf(out, ") nomirror\n");
  } else {
    fprintf(out, "set xrange [-0.3:%.1f]\nset xtics (", (double)sweep->count - 0.7);
    for (size_t i = 0; i < sweep->count; i++) { /* long names break at their hyphens */
      const char letter[] = {(char)('A' + (char)i), '\0'};
      fprintf(out, "%s\"", i > 0 ? ", " : "");
      for (const char *p = letters ? letter : sweep->value[i]; *p != 0; p++)
        fprintf(out, *p == '-' ? "-\\n" : "%c", *p);
      fprintf(out, "\" %zu", i);
    }
    fprintf(out, ") nomirror\n");
  }
}

static void curves(FILE *out, const compare_sweep *sweep, size_t figure, bool titled) {
  int block = 0, at = (int)(3 + 3 * figure);
  const char *separator = "plot ";
  for (size_t r = 0; r < sweep->runs->count; r++) {
    const compare_row *row = &sweep->runs->rows[r];
    if (!row->swept) continue;
    const plot_style s = row->style;
    char title[80] = "notitle";
    if (titled) (void)snprintf(title, sizeof title, "title \"%s\"", row->name);
    if (sweep->seeds > 1) {
      fprintf(out,
              "%s\"sweep.tsv\" index %d using 1:%d:%d:%d with yerrorbars pt %d ps 0 lc rgb \"%s\" "
              "lw 1 notitle",
              separator, block, at, at + 1, at + 2, s.point, plot_colour(s.colour));
      separator = ", \\\n  ";
    }
    fprintf(out,
            "%s\"sweep.tsv\" index %d using 1:%d with linespoints pt %d ps 1 lc rgb \"%s\" lw %.1f "
            "dt %d %s",
            separator, block, at, s.point, plot_colour(s.colour), s.width, s.dash, title);
    separator = ", \\\n  ";
    block++;
  }
  fprintf(out, "\n");
}

/* Of the medians: a seed whose |H| gives next to no decrease would stretch it over decades. */
static void log_range(FILE *out, const compare_sweep *sweep) {
  double low = 0.8, high = 1.25;
  for (size_t r = 0; r < sweep->runs->count; r++)
    for (size_t i = 0; sweep->runs->rows[r].swept && i < sweep->count; i++) {
      compare_stat s = compare_stat_of(sweep->runs + i * sweep->seeds, sweep->seeds,
                                       sweep->runs->rows[r].name, compare_figure_find(keys[1]));
      if (!isfinite(s.median) || !(s.median > 0)) continue;
      low = fmin(low, s.median);
      high = fmax(high, s.median);
    }
  plot_log_axis(out, 'y', low, high);
}

int compare_plot_sweep(cli *c, const char *plots, const compare_sweep *sweep) {
  int code = data(c, plots, sweep);
  if (code != CLI_DONE) return code;
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  FILE *out = text.stream;
  char what[128];
  (void)snprintf(what, sizeof what, "Estimates against the %s%s", sweep->kind->label,
                 sweep->seeds > 1 ? ", median and range over seeds" : "");
  bool letters = compare_sweep_letters(sweep);
  plot_begin(&text, "sweep", letters ? 1560 : 1280, letters ? 800 : 600);
  compare_plot_headline(out, what, sweep->runs);
  fprintf(out, "set multiplot\nset grid ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\nset border 3\n"
               "set bars 0.4\nset ytics nomirror\nset yrange [*<0:1.03]\n");
  axis(out, sweep);
  if (letters) compare_plot_letters(out, sweep, 0.845, 0.47, 0.023);
  for (size_t k = 0; k < 2; k++) {
    double left = k == 0 ? 0.06 : 0.485;
    fprintf(out,
            "set lmargin at screen %.3f\nset rmargin at screen %.3f\n"
            "set tmargin at screen 0.83\nset bmargin at screen 0.13\nset title \"%s\"\n"
            "set ylabel \"%s\" offset 0.5,0\n",
            left, left + 0.345, titles[k], names[k]);
    if (k == 0)
      fprintf(out, "unset key\n");
    else
      fprintf(out, "unset label\n"
                   "set key at screen 0.985,0.84 right top Left reverse samplen 3 spacing 1.2\n");
    if (k == 1) log_range(out, sweep);
    curves(out, sweep, k, k == 1);
  }
  fprintf(out, "unset multiplot\n");
  plot_end(out);
  return plot_text_close(&text, plots, "sweep.gp");
}
