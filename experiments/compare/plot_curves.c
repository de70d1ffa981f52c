/* Spectra, and cosines of all estimates. */
#include "core/text.h"
#include "experiments/compare/plot.h"

#include <math.h>
#include <string.h>

void compare_plot_headline(FILE *out, const char *what, const compare_run *run) {
  char net[256];
  const symo_net_spec *spec = &run->setup.spec.net;
  symo_net_text(spec, net, sizeof net);
  fprintf(out,
          "set label 1 \"%s\" at screen 0, screen 1 offset 2,-1.3 font \",14\"\n"
          "set label 2 \"%s %s, %s, %zu %s, %s\" at screen 0, screen 1 offset 2,-2.7 "
          "tc rgb \"#606060\"\nset tmargin 4.5\n",
          what, net, symo_activation_name(spec->activation), symo_loss_name(spec->loss),
          run->setup.parameters, symo_plural(run->setup.parameters, "parameter", "parameters"),
          run->setup.data_name);
}

/* ---- spectra ---- */

/* One eigenvalue of each estimate a line, |H| first; below 1e-12 of the largest it is rounding:
 * "nan". */
static int spectra_data(cli *c, const char *plots, const compare_run *run) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  FILE *out = text.stream;
  fprintf(out, "index\tabs");
  for (size_t r = 0; r < run->count; r++)
    if (run->rows[r].spectrum != NULL) fprintf(out, "\t%s", run->rows[r].name);
  fprintf(out, "\n");
  for (size_t i = 0; i < run->setup.parameters; i++) {
    fprintf(out, "%zu", i + 1);
    for (size_t r = 0; r <= run->count; r++) {
      const compare_row *row = r == 0 ? &run->abs : &run->rows[r - 1];
      if (row->spectrum == NULL) continue;
      bool of_h;
      double scale = r == 0 ? 1 : fabs(compare_shown(row, &of_h)), top = row->spectrum[0];
      if (row->spectrum[i] > 1e-12 * top && isfinite(scale) && scale > 0)
        fprintf(out, "\t%.6e", scale * row->spectrum[i]);
      else
        fprintf(out, "\tnan");
    }
    fprintf(out, "\n");
  }
  return plot_text_close(&text, plots, "spectra.tsv");
}

/* Which panel a row is drawn in: what the group gives, and what others use. */
static int panel_of(const compare_row *row) { return row->competitor; }

/* Rows that are rounding alone (zero matrices) have no line. */
static bool has_spectrum(const compare_row *row) {
  bool of_h;
  double scale = fabs(compare_shown(row, &of_h));
  return row->spectrum != NULL && row->spectrum[0] > 0 && isfinite(scale) && scale > 0;
}

static void spectra_panel(FILE *out, const compare_run *run, int panel) {
  static const char *const titles[] = {"from the symmetry", "of others"};
  double left = panel == 0 ? 0.06 : 0.55;
  fprintf(
      out,
      "set lmargin at screen %.3f\nset rmargin at screen %.3f\nset title \"%s\"\n"
      "set key at screen %.3f,0.83 right top Left reverse samplen 3 spacing 1.2\n"
      "plot \"spectra.tsv\" skip 1 using 1:2 with lines lc rgb \"%s\" lw 3.5 title \"|H(theta)|\"",
      left, left + 0.32, titles[panel], left + 0.445, plot_colour(PLOT_BLACK));
  for (size_t r = 0, column = 3; r < run->count; r++) {
    const compare_row *row = &run->rows[r];
    if (row->spectrum == NULL) continue;
    column++;
    if (panel_of(row) != panel || !has_spectrum(row)) continue;
    const plot_style s = row->style;
    fprintf(out,
            ", \\\n  \"\" skip 1 using 1:%zu with lines lc rgb \"%s\" lw %.1f dt %d title \"%s\"",
            column - 1, plot_colour(s.colour), s.width, s.dash, row->name);
  }
  fprintf(out, "\n");
}

int compare_plot_spectra(cli *c, const char *plots, const compare_run *run) {
  int code = spectra_data(c, plots, run);
  if (code != CLI_DONE) return code;
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  FILE *out = text.stream;
  plot_begin(&text, "spectra", 1400, 620);
  compare_plot_headline(out, "Absolute eigenvalues, each estimate times its best multiple", run);
  double top = run->abs.spectrum[0] > 0 ? run->abs.spectrum[0] : 1;
  plot_log_axis(out, 'x', 1, (double)run->setup.parameters);
  plot_log_axis(out, 'y', top * 1e-7, top * 4);
  fprintf(out, "set multiplot\nset xlabel \"index, largest first\"\n"
               "set ylabel \"|eigenvalue|\" offset 1,0\n"
               "set tmargin at screen 0.83\nset bmargin at screen 0.11\n"
               "set grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\nset border 3\n"
               "set datafile missing \"nan\"\n");
  spectra_panel(out, run, 0);
  fprintf(out, "unset label\nunset ylabel\n");
  spectra_panel(out, run, 1);
  fprintf(out, "unset multiplot\n");
  plot_end(out);
  return plot_text_close(&text, plots, "spectra.gp");
}

/* ---- cosines ---- */

static const char *const shown[] = {"cosine_abs_hessian", "cosine_hessian", "cosine_hessian_star"};

static int cosines_data(cli *c, const char *plots, const compare_run *runs, size_t count) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  fprintf(text.stream, "place\tname");
  for (size_t k = 0; k < 3; k++) fprintf(text.stream, "\t%s\tmin\tmax", shown[k]);
  fprintf(text.stream, "\n");
  for (size_t r = 0; r < runs->count; r++) {
    fprintf(text.stream, "%zu\t%s", r, runs->rows[r].name);
    for (size_t k = 0; k < 3; k++) {
      compare_stat s =
          compare_stat_of(runs, count, runs->rows[r].name, compare_figure_find(shown[k]));
      if (isfinite(s.median))
        fprintf(text.stream, "\t%.6f\t%.6f\t%.6f", s.median, s.min, s.max);
      else
        fprintf(text.stream, "\tnan\tnan\tnan");
    }
    fprintf(text.stream, "\n");
  }
  return plot_text_close(&text, plots, "cosines.tsv");
}

/* Grey lines between the kinds of rows. */
static void separators(FILE *out, const compare_run *run) {
  for (size_t r = 1; r < run->count; r++)
    if (run->rows[r].kind != run->rows[r - 1].kind)
      fprintf(out,
              "set arrow from graph 0,first %.1f to graph 1,first %.1f nohead lc rgb \"#bbbbbb\" "
              "lw 0.8\n",
              (double)r - 0.5, (double)r - 0.5);
}

int compare_plot_cosines(cli *c, const char *plots, const compare_run *runs, size_t count) {
  int code = cosines_data(c, plots, runs, count);
  if (code != CLI_DONE) return code;
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  FILE *out = text.stream;
  double low = 0;
  for (size_t r = 0; r < runs->count; r++)
    for (size_t k = 0; k < 3; k++) {
      compare_stat s =
          compare_stat_of(runs, count, runs->rows[r].name, compare_figure_find(shown[k]));
      if (s.min < low) low = s.min;
    }
  plot_begin(&text, "cosines", 900, 120 + 30 * (int)runs->count);
  compare_plot_headline(out,
                        count > 1 ? "Cosine with the exact Hessian, median and range over seeds"
                                  : "Cosine with the exact Hessian",
                        runs);
  fprintf(out,
          "set xrange [%.2f:1.02]\nset yrange [%.1f:-0.5]\nset xtics %s nomirror\n"
          "set grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\n"
          "set border 1\nset xlabel \"cosine (Frobenius)\"\nset bars 0\n"
          "set key outside right top Left reverse spacing 1.4 samplen 1\n",
          low < 0 ? floor(low * 5) / 5 - 0.02 : 0, (double)runs->count - 0.5, "0.2");
  separators(out, runs);
  fprintf(out, "set ytics (");
  for (size_t r = 0; r < runs->count; r++)
    fprintf(out, "%s\"%s\" %zu", r > 0 ? ", " : "", runs->rows[r].name, r);
  fprintf(out, ") nomirror scale 0\n");
  static const char *const titles[] = {"with |H(theta)|", "with H(theta)", "with H(theta*)"};
  static const size_t colours[] = {PLOT_BLUE, PLOT_RED, PLOT_GREEN};
  static const int points[] = {7, 4, 8};
  fprintf(out, "plot ");
  for (int k = 2; k >= 0; k--)
    fprintf(out,
            "\"cosines.tsv\" skip 1 using %d:($1%+.2f):%d:%d with xerrorbars pt %d ps 1.2 "
            "lc rgb \"%s\" lw 1.5 title \"%s\"%s",
            3 + 3 * k, 0.16 * (k - 1), 4 + 3 * k, 5 + 3 * k, points[k], plot_colour(colours[k]),
            titles[k], k > 0 ? ", \\\n  " : "\n");
  plot_end(out);
  return plot_text_close(&text, plots, "cosines.gp");
}
