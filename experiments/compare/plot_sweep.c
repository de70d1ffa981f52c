/* Pictures of sweeps: quality against the setting that varies, and, over groups, against cost. */
#include "experiments/compare/sweep.h"

#include <math.h>
#include <string.h>

/* ---- cost ----
 * What estimates are worth against what they cost, one point for each group and estimator: cosine
 * with |H| over decrease by the damped step, against numbers to keep and seconds to form.  Groups
 * are letters, estimators are colours and points; what others use stands there for comparison. */

/* Letters stand on different sides of the marks of different estimates. */
static const char *const beside[] = {"right offset -0.7,0.1", "left offset 0.7,0.3",
                                     "left offset 0.7,-0.3"};
enum { SIDES = sizeof beside / sizeof beside[0], MOST_LABEL = COMPARE_SWEEP_MOST + 1 };

/* The rows whose points are drawn. */
typedef struct drawing {
  const compare_row *rows[COMPARE_MAX_ROWS];
  size_t count, of_groups; /* the first of_groups have a point for each group */
  const compare_row *line; /* what costs nothing; NULL: nothing does */
} drawing;

static drawing drawing_of(const compare_run *run) {
  drawing d = {.count = 0};
  for (int cost = COMPARE_COST_BLOCKED; cost < COMPARE_COST_KINDS; cost++) {
    if (cost == COMPARE_COST_POINT) d.of_groups = d.count;
    for (size_t i = 0; i < run->count; i++) {
      if ((int)run->rows[i].cost != cost) continue;
      if (cost == COMPARE_COST_LINE)
        d.line = &run->rows[i];
      else
        d.rows[d.count++] = &run->rows[i];
    }
  }
  return d;
}

static const char *const worth_titles[] = {"cosine with |H|",
                                           "decrease by the best damped step (1: that of |H|)"};
static const char *const cost_titles[] = {"numbers to keep", "seconds to form the estimate"};

/* A mark of one panel; label: the letters of all groups whose marks lie on it, or none. */
typedef struct mark {
  double x, y;
  char label[MOST_LABEL];
} mark;

typedef struct panel {
  drawing drawn;
  mark marks[COMPARE_MAX_ROWS][COMPARE_SWEEP_MOST];
  size_t count[COMPARE_MAX_ROWS];
  double least[2], most[2]; /* of x and y over all marks that are finite */
  double identity;          /* its y */
} panel;

static double cost(const compare_sweep *sweep, size_t i, const char *row, int column) {
  return compare_stat_by(sweep->runs + i * sweep->seeds, sweep->seeds, row,
                         column == 0 ? compare_row_stored : compare_row_seconds)
      .median;
}

static double worth(const compare_sweep *sweep, size_t i, const char *name, int row) {
  const compare_figure *figure =
      compare_figure_find(row == 0 ? "cosine_abs_hessian" : "newton_decrease");
  return compare_stat_of(sweep->runs + i * sweep->seeds, sweep->seeds, name, figure).median;
}

static void stretch(panel *p, int axis, double value) {
  p->least[axis] = fmin(p->least[axis], value);
  p->most[axis] = fmax(p->most[axis], value);
}

/* Marks of one estimate that would cover one another share the label of the first. */
static void merge(panel *p, size_t k) {
  double wide = log(p->most[0] / p->least[0]), high = p->most[1] - p->least[1];
  for (size_t i = 0; i < p->count[k]; i++)
    for (size_t j = i + 1; j < p->count[k]; j++) {
      mark *a = &p->marks[k][i], *b = &p->marks[k][j];
      if (a->label[0] == '\0' || b->label[0] == '\0') continue;
      if (fabs(log(a->x / b->x)) > 0.02 * wide || fabs(a->y - b->y) > 0.025 * high) continue;
      strcat(a->label, b->label);
      b->label[0] = '\0';
    }
}

static void fill(const compare_sweep *sweep, int row, int column, panel *p) {
  *p = (panel){.drawn = drawing_of(sweep->runs),
               .least = {(double)INFINITY, (double)INFINITY},
               .identity = NAN};
  for (size_t k = 0; k < p->drawn.count; k++)
    for (size_t i = 0; i < (k < p->drawn.of_groups ? sweep->count : 1); i++) {
      mark m = {cost(sweep, i, p->drawn.rows[k]->name, column),
                worth(sweep, i, p->drawn.rows[k]->name, row),
                {0}};
      if (!isfinite(m.x) || !isfinite(m.y) || !(m.x > 0)) continue;
      if (k < p->drawn.of_groups) m.label[0] = (char)('A' + (char)i);
      stretch(p, 0, m.x);
      stretch(p, 1, m.y);
      p->marks[k][p->count[k]++] = m;
    }
  if (p->drawn.line != NULL) p->identity = worth(sweep, 0, p->drawn.line->name, row);
  if (isfinite(p->identity)) stretch(p, 1, p->identity);
  for (size_t k = 0; k < p->drawn.count; k++) merge(p, k);
}

/* One block of lines for each estimate: x, y, label. */
static void print(FILE *out, const panel *p) {
  for (size_t k = 0; k < p->drawn.count; k++) {
    fprintf(out, "# %s\n", p->drawn.rows[k]->name);
    for (size_t i = 0; i < p->count[k]; i++)
      fprintf(out, "%.6g\t%.6g\t\"%s\"\n", p->marks[k][i].x, p->marks[k][i].y,
              p->marks[k][i].label);
    if (p->count[k] == 0) fprintf(out, "nan\tnan\t\"\"\n");
    fprintf(out, "\n\n");
  }
}

static void frame(FILE *out, const panel *p, int row, int column) {
  double left = column == 0 ? 0.05 : 0.43, top = row == 0 ? 0.905 : 0.465;
  fprintf(out,
          "set lmargin at screen %.3f\nset rmargin at screen %.3f\n"
          "set tmargin at screen %.3f\nset bmargin at screen %.3f\n"
          "set ylabel \"%s\" offset 1.5,0\nset xlabel \"%s\" offset 0,0.4\n",
          left, left + 0.335, top, top - 0.385, column == 0 ? worth_titles[row] : "",
          row == 1 ? cost_titles[column] : "");
  if (!(p->most[0] > 0)) return;
  plot_log_axis(out, 'x', p->least[0] / 2.2, p->most[0] * 1.8);
  double high = p->most[1] - p->least[1];
  if (row == 1 && p->least[1] > 0 && p->most[1] > 6 * p->least[1])
    plot_log_axis(out, 'y', p->least[1] / 1.2, p->most[1] * 1.2);
  else
    fprintf(out, "unset logscale y\nset ytics autofreq\nset yrange [%.6g:%.6g] noextend\n",
            row == 0 ? fmin(0, p->least[1]) : p->least[1] - 0.08 * high - 1e-3,
            row == 0 ? 1.04 : p->most[1] + 0.08 * high + 1e-3);
}

static void draw(FILE *out, const panel *p, int row, int column) {
  bool titled = row + column == 0;
  size_t block = p->drawn.count * (size_t)(2 * row + column);
  const char *separator = "plot ";
  if (isfinite(p->identity)) {
    fprintf(out, "plot %.6g with lines lc rgb \"%s\" dt 2 lw 1.5 %s", p->identity,
            plot_colour(PLOT_GREY), titled ? "title \"unit matrix\"" : "notitle");
    separator = ", \\\n  ";
  }
  for (size_t k = 0; k < p->drawn.count; k++) {
    const plot_style s = p->drawn.rows[k]->style;
    char title[64] = "notitle";
    if (titled) (void)snprintf(title, sizeof title, "title \"%s\"", p->drawn.rows[k]->name);
    fprintf(out, "%s\"cost.tsv\" index %zu using 1:2 with points pt %d ps %.1f lc rgb \"%s\" %s",
            separator, block + k, s.point, k < p->drawn.of_groups ? 1.3 : 1.8,
            plot_colour(s.colour), title);
    separator = ", \\\n  ";
    if (k < p->drawn.of_groups)
      fprintf(out, "%s\"\" index %zu using 1:2:3 with labels %s font \",10\" tc rgb \"%s\" notitle",
              separator, block + k, beside[k % SIDES], plot_colour(s.colour));
  }
  fprintf(out, "\n");
}

/* The list of what the letters stand for as labels 10, 11, .. of a script, from (x, y) of the
 * screen down. */
static void compare_plot_letters(FILE *out, const compare_sweep *sweep, double x, double y,
                                 double step) {
  bool wrong = false;
  fprintf(out, "set label 10 \"%s\" at screen %.3f,%.3f\n", sweep->kind->label, x, y);
  for (size_t i = 0; i < sweep->count; i++) {
    bool exact = sweep->runs[i * sweep->seeds].setup.verdict == SYMO_SYMMETRY_EXACT;
    wrong = wrong || !exact;
    fprintf(out, "set label %zu \"%c  %s\" at screen %.3f,%.3f font \",10\" tc rgb \"%s\"\n",
            11 + i, (char)('A' + (char)i), sweep->value[i], x, y - step * (double)(i + 1),
            plot_colour(exact ? PLOT_BLACK : PLOT_RED));
  }
  if (wrong)
    fprintf(out,
            "set label %zu \"red: not an exact symmetry\" at screen %.3f,%.3f font \",10\" "
            "tc rgb \"%s\"\n",
            11 + sweep->count, x, y - step * (double)(sweep->count + 1), plot_colour(PLOT_RED));
}

int compare_plot_cost(cli *c, const char *plots, const compare_sweep *sweep) {
  plot_text numbers, script;
  if (plot_text_open(c, &numbers) != CLI_DONE) return CLI_NUMERIC;
  if (plot_text_open(c, &script) != CLI_DONE) {
    (void)plot_text_close(&numbers, plots, "cost.tsv");
    return CLI_NUMERIC;
  }
  FILE *out = script.stream;
  plot_begin(&script, "cost", 1400, 1000);
  compare_plot_headline(out,
                        sweep->seeds > 1
                            ? "The choice of the group: worth against cost, median over seeds"
                            : "The choice of the group: worth against cost",
                        sweep->runs);
  compare_plot_letters(out, sweep, 0.785, 0.68, 0.026);
  fprintf(out, "set multiplot\nset grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\nset border 3\n"
               "set logscale x\nset tics nomirror\nset datafile missing \"nan\"\n"
               "set key at screen 0.785,0.91 left top Left reverse samplen 1.5 spacing 1.2\n");
  for (int k = 0; k < 4; k++) {
    panel p;
    fill(sweep, k / 2, k % 2, &p);
    print(numbers.stream, &p);
    frame(out, &p, k / 2, k % 2);
    draw(out, &p, k / 2, k % 2);
    fprintf(out, "unset label\n"); /* written once */
  }
  fprintf(out, "unset multiplot\n");
  plot_end(out);
  int code = plot_text_close(&numbers, plots, "cost.tsv");
  int also = plot_text_close(&script, plots, "cost.gp");
  return code != CLI_DONE ? code : also;
}

/* ---- quality ----
 * Cosine with |H| on the left, the decrease by the damped step on the right. */

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
      double x =
          sweep->kind->axis != COMPARE_AXIS_WORDS ? compare_sweep_number(sweep, i) : (double)i;
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
  bool letters = compare_sweep_letters(sweep), numbers = sweep->kind->axis != COMPARE_AXIS_WORDS;
  /* Names take two lines, numbers one. */
  fprintf(out, "set xlabel \"%s\" offset 0,%s\n", sweep->kind->label,
          numbers || letters ? "0" : "-1");
  if (sweep->kind->axis == COMPARE_AXIS_LOG) { /* by itself the axis would go on to whole decades */
    double least = (double)INFINITY, most = 0;
    for (size_t i = 0; i < sweep->count; i++) {
      least = fmin(least, compare_sweep_number(sweep, i));
      most = fmax(most, compare_sweep_number(sweep, i));
    }
    fprintf(out, "set logscale x\nset xrange [%.6g:%.6g] noextend\n", least / 1.2, most * 1.2);
  }
  if (numbers) {
    if (sweep->kind->axis == COMPARE_AXIS_FROM_ZERO)
      fprintf(out, "set nonlinear x via asinh(x/10.0) inverse 10*sinh(x)\n");
    fprintf(out, "set xtics (");
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
