#ifndef SYMO_EXPERIMENTS_COMPARE_PLOT_H
#define SYMO_EXPERIMENTS_COMPARE_PLOT_H

#include "experiments/compare/report.h"

#include <stdio.h>

/* Pictures through gnuplot.  Every picture is a script and data files in DIR/plots; where gnuplot
 * is installed, it is run there and the pictures are moved to DIR as .png and .svg. */

/* A text in memory that becomes a file. */
typedef struct compare_text {
  FILE *stream;
  char *bytes;
  size_t size;
} compare_text;

bool compare_text_open(compare_text *text);

/* Writes what was printed to plots/name and gives the memory back.  Exit code. */
int compare_text_close(cli *c, compare_text *text, const char *plots, const char *name);

/* The one palette of all pictures: colours that the colour-blind can tell apart.  What needs more
 * than these takes dashes too, 1 to COMPARE_DASHES. */
enum {
  COMPARE_BLACK,
  COMPARE_BLUE,
  COMPARE_RED,
  COMPARE_GREEN,
  COMPARE_ORANGE,
  COMPARE_PURPLE,
  COMPARE_SKY,
  COMPARE_GREY,
  COMPARE_COLOURS,
  COMPARE_DASHES = 5
};
const char *compare_colour(size_t index); /* "#0072b2" */

/* How the curve or the points of an estimate look.  Unknown names get a grey line. */
typedef struct compare_style {
  const char *name;
  size_t colour;
  int dash, point;
  double width;
} compare_style;

compare_style compare_style_of(const char *row);

/* A logarithmic axis ('x' or 'y') from a little below low to a little above high, with labelled ticks
 * whatever the range: powers of ten, 1-2-5, or even steps.  Bounds that make no sense: 0.5 to 2. */
void compare_plot_log_axis(FILE *out, char axis, double low, double high);

/* A linear axis from low to high > low, with even steps. */
void compare_plot_even_axis(FILE *out, char axis, double low, double high);

/* The head of every script: a loop over PNG and SVG, of `width` x `height` pixels, named `name`. */
void compare_plot_begin(FILE *out, const char *name, int width, int height);
void compare_plot_end(FILE *out);

/* Two lines at the top left: what is shown, and of which network.  It takes 4.5 lines of margin. */
void compare_plot_headline(FILE *out, const char *what, const compare_run *run);

/* Scripts and data of the pictures of a comparison: matrices, spectra, cosines.  Exit code. */
int compare_plot_matrices(cli *c, const char *plots, const compare_run *run);
int compare_plot_spectra(cli *c, const char *plots, const compare_run *run);
int compare_plot_cosines(cli *c, const char *plots, const compare_run *runs, size_t count);

/* Runs gnuplot on plots/<name>.gp for each name (list ending with NULL) and moves the pictures to
 * `directory`.  A missing gnuplot is a note that says what to install, no failure.  Exit code. */
int compare_plot_run(cli *c, const char *directory, const char *plots, const char *const *names);

#endif
