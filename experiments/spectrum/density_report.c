/* Spectra as JSON, tables and pictures. */
#include <math.h>
#include <string.h>

#include "core/text.h"
#include "experiments/plot/plot.h"
#include "experiments/spectrum/density.h"

/* ---- JSON ---- */

static json_t *mean_json(cli *c, spectrum_mean m) {
  json_t *o = json_object();
  cli_set(c, o, "value", cli_number(m.value));
  cli_set(c, o, "error", cli_number(m.error));
  return o;
}

static json_t *pair_json(cli *c, const spectrum_density *d, size_t k) {
  json_t *o = json_object(), *shares = json_object();
  for (size_t t = 0; t < d->num_tensors; t++)
    cli_set(c, shares, d->tensors[t].name, cli_number(d->shares[k * d->num_tensors + t]));
  cli_set(c, o, "value", cli_number(d->pairs.values[k]));
  cli_set(c, o, "residual", cli_number(d->pairs.residuals[k]));
  cli_set(c, o, "participation", cli_number(d->spread[k]));
  cli_set(c, o, "tensors", shares);
  return o;
}

static json_t *numbers_json(cli *c, size_t n, const double *x) {
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++) cli_push(c, array, cli_number(x[i]));
  return array;
}

json_t *spectrum_density_json(cli *c, const spectrum_density *d) {
  json_t *o = json_object(), *pairs = json_array(), *tensors = json_array(),
         *density = json_object();
  for (size_t k = 0; k < d->pairs.count; k++) cli_push(c, pairs, pair_json(c, d, k));
  for (size_t t = 0; t < d->num_tensors; t++) {
    json_t *x = json_object();
    cli_set(c, x, "name", json_string(d->tensors[t].name));
    cli_set(c, x, "size", json_integer((json_int_t)d->tensors[t].size));
    cli_set(c, x, "trace", mean_json(c, d->tensors[t].trace));
    cli_push(c, tensors, x);
  }
  cli_set(c, density, "nodes", numbers_json(c, d->num_nodes, d->nodes));
  cli_set(c, density, "weights", numbers_json(c, d->num_nodes, d->weights));
  cli_set(c, o, "loss", cli_number(d->loss));
  cli_set(c, o, "gradient_norm", cli_number(d->gradient));
  cli_set(c, o, "products", json_integer((json_int_t)d->products));
  cli_set(c, o, "trace", mean_json(c, d->trace));
  cli_set(c, o, "squared_norm", mean_json(c, d->squares));
  cli_set(c, o, "participation", cli_number(d->participation));
  cli_set(c, o, "converged", json_integer((json_int_t)d->pairs.converged));
  cli_set(c, o, "eigenpairs", pairs);
  cli_set(c, o, "tensors", tensors);
  cli_set(c, o, "density", density);
  return o;
}

/* ---- text ---- */

static size_t largest_share(const spectrum_density *d, size_t k) {
  const double *shares = d->shares + k * d->num_tensors;
  size_t best = 0;
  for (size_t t = 1; t < d->num_tensors; t++) best = shares[t] > shares[best] ? t : best;
  return best;
}

static void print_pairs(const spectrum_density *d) {
  if (d->pairs.count == 0) return;
  printf("\n%5s  %12s  %9s  %10s  %s\n", "", "eigenvalue", "residual", "parameters",
         "most of it in");
  for (size_t k = 0; k < d->pairs.count; k++) {
    const size_t t = largest_share(d, k);
    printf("%5zu  %12.5g  %9.1e  %10.1f  %s %.0f %%\n", k + 1, d->pairs.values[k],
           d->pairs.residuals[k], d->spread[k], d->tensors[t].name,
           100 * d->shares[k * d->num_tensors + t]);
  }
  if (d->pairs.converged < d->pairs.count)
    printf("only %zu of %zu have converged\n", d->pairs.converged, d->pairs.count);
}

static void print_tensors(const spectrum_density *d) {
  size_t width = 6;
  for (size_t t = 0; t < d->num_tensors; t++)
    width = strlen(d->tensors[t].name) > width ? strlen(d->tensors[t].name) : width;
  printf("\n%-*s  %10s  %12s  %9s  %12s\n", (int)width, "tensor", "parameters", "trace", "+-",
         "a parameter");
  for (size_t t = 0; t < d->num_tensors; t++) {
    const spectrum_tensor *x = &d->tensors[t];
    printf("%-*s  %10zu  %12.5g  %9.2g  %12.3g\n", (int)width, x->name, x->size, x->trace.value,
           x->trace.error, x->trace.value / (double)x->size);
  }
}

/* Weight of the nodes that are below zero by more than rounding. */
static double negative(const spectrum_density *d) {
  const double largest = fmax(fabs(d->nodes[0]), fabs(d->nodes[d->num_nodes - 1]));
  double sum = 0;
  for (size_t i = 0; i < d->num_nodes && d->nodes[i] < -1e-9 * largest; i++) sum += d->weights[i];
  return sum;
}

void spectrum_density_print(const spectrum_density *d) {
  printf("trace    %.5g +- %.2g, squared norm %.5g +- %.2g\n", d->trace.value, d->trace.error,
         d->squares.value, d->squares.error);
  printf("density  participation ratio %.1f of %zu %s, %.0f %% of the eigenvalues below 0,\n"
         "         from %.4g to %.4g\n",
         d->participation, d->parameters, symo_plural(d->parameters, "parameter", "parameters"),
         100 * negative(d), d->nodes[0], d->nodes[d->num_nodes - 1]);
  print_pairs(d);
  print_tensors(d);
}

/* ---- pictures ---- */

enum { GRID = 600 };

static int write_density(cli *c, const char *plots, const spectrum_density *d, double low,
                         double high) {
  const double deviation = (high - low) / 200;
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  for (int i = 0; i <= GRID; i++) {
    const double x = low + (high - low) * i / GRID;
    fprintf(text.stream, "%.8e\t%.8e\n", x, spectrum_density_at(d, deviation, x));
  }
  fprintf(text.stream, "\n\n");
  for (size_t k = 0; k < d->pairs.count; k++) fprintf(text.stream, "%.8e\n", d->pairs.values[k]);
  if (d->pairs.count == 0) fprintf(text.stream, "nan\n");
  return plot_text_close(&text, plots, "density.tsv");
}

static int plot_density(cli *c, const char *plots, const spectrum_density *d) {
  double low = d->nodes[0], high = d->nodes[d->num_nodes - 1];
  for (size_t k = 0; k < d->pairs.count; k++)
    low = fmin(low, d->pairs.values[k]), high = fmax(high, d->pairs.values[k]);
  const double pad = high > low ? 0.05 * (high - low) : fabs(high) + 1;
  low -= pad, high += pad;
  int code = write_density(c, plots, d, low, high);
  plot_text text;
  if (code != CLI_DONE) return code;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  /* A parameter in a thousandth of all: less is the tails of what blurs. */
  const double top = spectrum_density_at(d, (high - low) / 200, 0);
  const double floor = 1e-3 / (double)d->parameters / (high - low);
  plot_begin(&text, "density", 900, 520);
  plot_even_axis(text.stream, 'x', low, high);
  plot_log_axis(text.stream, 'y', floor, fmax(2 * top, 10 * floor));
  fprintf(text.stream,
          "set title \"Density of eigenvalues\" font \",13\"\nset xlabel \"eigenvalue\"\n"
          "set ylabel \"density\"\nset border 3\nset key top right\n"
          "set grid xtics ytics lc rgb \"#e4e4e4\" lt 1 lw 0.6\n"
          "plot \"density.tsv\" index 0 using 1:2 with filledcurves x1 fc rgb \"#cfe3f1\" notitle, "
          "\\\n  \"\" index 0 using 1:2 with lines lc rgb \"%s\" lw 1.5 title \"by quadrature\", "
          "\\\n  \"\" index 1 using 1:(%.6e) with points pt 9 ps 1 lc rgb \"%s\" title \"leading "
          "eigenvalues\"\n",
          plot_colour(PLOT_BLUE), 1.6 * floor, plot_colour(PLOT_RED));
  plot_end(text.stream);
  return plot_text_close(&text, plots, "density.gp");
}

static int write_tensors(cli *c, const char *plots, const spectrum_density *d) {
  plot_text text;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  for (size_t t = 0; t < d->num_tensors; t++)
    fprintf(text.stream, "%zu\t%.8e\t%.8e\n", t, d->tensors[t].trace.value,
            d->tensors[t].trace.error);
  fprintf(text.stream, "\n\n");
  for (size_t k = 0; k < d->pairs.count; k++)
    for (size_t t = 0; t < d->num_tensors; t++)
      fprintf(text.stream, "%zu\t%zu\t%.6e\n", k + 1, t, d->shares[k * d->num_tensors + t]);
  if (d->pairs.count == 0) fprintf(text.stream, "1\t0\tnan\n");
  return plot_text_close(&text, plots, "tensors.tsv");
}

static int plot_tensors(cli *c, const char *plots, const spectrum_density *d) {
  const size_t n = d->num_tensors, pairs = d->pairs.count > 0 ? d->pairs.count : 1;
  int code = write_tensors(c, plots, d);
  plot_text text;
  if (code != CLI_DONE) return code;
  if (plot_text_open(c, &text) != CLI_DONE) return CLI_NUMERIC;
  plot_begin(&text, "tensors", 1200, 160 + 20 * (int)n);
  fprintf(text.stream,
          "set multiplot layout 1,2\nset border 1\nset yrange [%.1f:-0.5]\nset tics nomirror\n"
          "set lmargin at screen 0.17\nset rmargin at screen 0.52\nset tmargin 3\nset bmargin 3.5\n"
          "set grid xtics lc rgb \"#e4e4e4\" lt 1 lw 0.6\nset title \"trace of the block\"\n"
          "set xtics rotate by -30 font \",9\"\nset ytics (",
          (double)n - 0.5);
  for (size_t t = 0; t < n; t++)
    fprintf(text.stream, "%s\"%s\" %zu", t > 0 ? ", " : "", d->tensors[t].name, t);
  fprintf(
      text.stream,
      ") scale 0\nset style fill solid\n"
      "plot \"tensors.tsv\" index 0 using (0):1:(0):2:($1-0.35):($1+0.35) with boxxyerror fc rgb "
      "\"%s\" notitle, \\\n  \"\" index 0 using 2:1:3 with xerrorbars pt 0 lc rgb \"%s\" "
      "notitle\n"
      "unset ytics\nset lmargin at screen 0.57\nset rmargin at screen 0.92\n"
      "set title \"share of each leading eigenvector\"\nset xrange [0.5:%.1f]\n"
      "set xtics 1,%zu norotate\nset cbrange [0:1]\n"
      "set palette defined (0 \"#ffffff\", 0.5 \"#4393c3\", 1 \"#053061\")\n"
      "plot \"tensors.tsv\" index 1 using 1:2:3 with image notitle\nunset multiplot\n",
      plot_colour(PLOT_SKY), plot_colour(PLOT_BLACK), (double)pairs + 0.5, 1 + pairs / 15);
  plot_end(text.stream);
  return plot_text_close(&text, plots, "tensors.gp");
}

int spectrum_density_plot(cli *c, const char *plots, const spectrum_density *d) {
  int code = plot_density(c, plots, d);
  return code == CLI_DONE ? plot_tensors(c, plots, d) : code;
}
