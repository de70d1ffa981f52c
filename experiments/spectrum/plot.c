/* Log-log pictures, one panel a matrix: curvature against singular value, and both against k. */
#include <math.h>
#include <string.h>

#include "experiments/plot/plot.h"
#include "experiments/spectrum/exponents.h"

enum { MOST_PANELS = 36, PANEL = 300 };

/* One line a direction: k, sigma, h by H, by Gauss-Newton, by factors, both h sorted; "nan" where a
 * logarithm is none. */
static void put(FILE *out, double value) {
  if (value > 0 && isfinite(value))
    fprintf(out, "\t%.6e", value);
  else
    fprintf(out, "\tnan");
}

static int write_data(cli *c, const char *plots, const spectrum_exponents *e) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  for (size_t i = 0; i < e->count; i++) {
    const spectrum_matrix *m = &e->matrices[i];
    fprintf(text.stream, "%s# %s\n", i > 0 ? "\n\n" : "", m->place.name);
    for (size_t k = 0; k < m->count; k++) {
      fprintf(text.stream, "%.0f", m->at[k]);
      put(text.stream, m->measured[k]);
      put(text.stream, m->hessian[k]);
      put(text.stream, m->ggn[k]);
      put(text.stream, m->kfac[k]);
      put(text.stream, m->sorted[k]);
      put(text.stream, m->sorted_ggn[k]);
      fprintf(text.stream, "\n");
    }
    if (m->count == 0) fprintf(text.stream, "1\tnan\tnan\tnan\tnan\tnan\tnan\n");
  }
  return plot_text_close(&text, plots, "exponents.tsv");
}

static size_t panels_of(const spectrum_exponents *e) {
  return e->count < MOST_PANELS ? e->count : MOST_PANELS;
}

static void begin(const plot_text *text, const spectrum_exponents *e, const char *name,
                  const char *title) {
  const size_t n = panels_of(e), columns = n < 2 ? 1 : n < 4 ? n : n <= 16 ? 4 : 6;
  const size_t rows = (n + columns - 1) / columns;
  const int height = 60 + 270 * (int)rows;
  plot_begin(text, name, PANEL * (int)columns + 40, height);
  fprintf(text->stream,
          "set multiplot layout %zu,%zu title \"%s\" font \",14\" margins screen 0.06, screen "
          "0.98, screen 0.06, screen %.3f "
          "spacing screen 0.05, screen %.3f\n"
          "set logscale xy\nset format xy \"1e%%T\"\nset tics font \",8\" nomirror\n"
          "set key font \",8\" samplen 1 spacing 1 Left reverse\nset border 3\n"
          "set grid lc rgb \"#e4e4e4\" lt 1 lw 0.6\n",
          rows, columns, title, 1 - 75.0 / height, 58.0 / height);
}

static int end(plot_text *text, const char *plots, const char *file) {
  fprintf(text->stream, "unset multiplot\n");
  plot_end(text->stream);
  return plot_text_close(text, plots, file);
}

/* The line of a fit over the range of its points. */
static void add_line(FILE *out, const symo_power *p, double sign, double low, double high,
                     size_t colour) {
  if (!isfinite(p->value) || !(low > 0) || !(high > low)) return;
  fprintf(out, ", \\\n  [%.6e:%.6e] %.6e*x**(%.6f) with lines lc rgb \"%s\" lw 1.5 notitle", low,
          high, p->factor, sign * p->value, plot_colour(colour));
}

static int plot_alignment(cli *c, const char *plots, const spectrum_exponents *e) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  begin(&text, e, "alignment", "Curvature along singular directions against singular value");
  for (size_t i = 0; i < panels_of(e); i++) {
    const spectrum_matrix *m = &e->matrices[i];
    const double high = m->count > 0 ? m->measured[0] : 0;
    const double low = m->count > 0 ? m->measured[m->count - 1] : 0;
    fprintf(
        text.stream,
        "set title \"%s\\nalpha %.2f, Gauss-Newton %.2f\" font \",9\" offset 0,-0.7\n"
        "set key %s\n"
        "plot \"exponents.tsv\" index %zu using 2:5 with points pt 2 ps 0.5 lc rgb \"%s\" title "
        "\"factors\", \\\n  \"\" index %zu using 2:4 with points pt 6 ps 0.6 lc rgb \"%s\" title "
        "\"Gauss-Newton\", \\\n  \"\" index %zu using 2:3 with points pt 7 ps 0.4 lc rgb \"%s\" "
        "title \"Hessian\"",
        m->place.name, m->alpha.value, m->alpha_ggn.value, i == 0 ? "top left" : "off", i,
        plot_colour(PLOT_ORANGE), i, plot_colour(PLOT_RED), i, plot_colour(PLOT_BLUE));
    add_line(text.stream, &m->alpha, 1, low, high, PLOT_BLUE);
    add_line(text.stream, &m->alpha_ggn, 1, low, high, PLOT_RED);
    fprintf(text.stream, "\n");
  }
  return end(&text, plots, "alignment.gp");
}

static int plot_decay(cli *c, const char *plots, const spectrum_exponents *e) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  begin(&text, e, "decay", "Singular values, and curvature sorted, against k");
  for (size_t i = 0; i < panels_of(e); i++) {
    const spectrum_matrix *m = &e->matrices[i];
    const double high = m->count > 0 ? m->at[m->count - 1] : 0;
    fprintf(
        text.stream,
        "set title \"%s\\ngamma %.2f, s %.2f, Gauss-Newton %.2f\" font \",9\" offset 0,-0.7\n"
        "set key %s\n"
        "plot \"exponents.tsv\" index %zu using 1:2 with points pt 2 ps 0.5 lc rgb \"%s\" title "
        "\"singular value\", \\\n  \"\" index %zu using 1:7 with points pt 6 ps 0.6 lc rgb "
        "\"%s\" title \"Gauss-Newton\", \\\n  \"\" index %zu using 1:6 with points pt 7 ps 0.4 "
        "lc rgb \"%s\" title \"Hessian\"",
        m->place.name, m->gamma.value, m->s.value, m->s_ggn.value, i == 0 ? "bottom left" : "off",
        i, plot_colour(PLOT_BLACK), i, plot_colour(PLOT_RED), i, plot_colour(PLOT_BLUE));
    add_line(text.stream, &m->gamma, -1, 1, high, PLOT_BLACK);
    add_line(text.stream, &m->s, -1, 1, high, PLOT_BLUE);
    add_line(text.stream, &m->s_ggn, -1, 1, high, PLOT_RED);
    fprintf(text.stream, "\n");
  }
  return end(&text, plots, "decay.gp");
}

int spectrum_exponents_plot(cli *c, const char *plots, const spectrum_exponents *e) {
  int code = write_data(c, plots, e);
  if (code == CLI_DONE) code = plot_alignment(c, plots, e);
  return code == CLI_DONE ? plot_decay(c, plots, e) : code;
}
