#ifndef SYMO_EXPERIMENTS_PLOT_PLOT_H
#define SYMO_EXPERIMENTS_PLOT_PLOT_H

#include "cli/cli.h"

#include <stdio.h>

/* Pictures through gnuplot, for all commands.  Every picture is a script and data files in
 * DIR/plots; where gnuplot is installed, it is run there and the pictures are moved to DIR as .png
 * and .svg. */

/* A text in memory that becomes a file. */
typedef struct plot_text {
  cli *c; /* the command that draws */
  FILE *stream;
  char *bytes;
  size_t size;
} plot_text;

/* Exit code, after the error line. */
int plot_text_open(cli *c, plot_text *text);

/* Writes what was printed to plots/name and frees the memory.  Exit code. */
int plot_text_close(plot_text *text, const char *plots, const char *name);

/* The palette: colours that the colour-blind can tell apart.  More curves than colours need
 * dashes too, 1 to PLOT_DASHES. */
enum {
  PLOT_BLACK,
  PLOT_BLUE,
  PLOT_RED,
  PLOT_GREEN,
  PLOT_ORANGE,
  PLOT_PURPLE,
  PLOT_SKY,
  PLOT_GREY,
  PLOT_COLOURS,
  PLOT_DASHES = 5
};
const char *plot_colour(size_t index);     /* "#0072b2" */
size_t plot_colour_find(const char *name); /* of "blue"; PLOT_COLOURS: there is no such colour */

/* How a curve and its points look: a colour of the palette, dash and point as gnuplot numbers them,
 * the width of the line. */
typedef struct plot_style {
  size_t colour;
  int dash, point;
  double width;
} plot_style;

/* Colours of entries of both signs: blue below 0, white at 0, red above. */
void plot_signed_palette(FILE *out);

/* A logarithmic axis ('x' or 'y') from a little below low to a little above high, with labelled
 * ticks whatever the range: powers of ten, 1-2-5, or even steps.  Bounds that make no sense: 0.5
 * to 2. */
void plot_log_axis(FILE *out, char axis, double low, double high);

/* A linear axis from low to high > low, with even steps. */
void plot_even_axis(FILE *out, char axis, double low, double high);

/* The head of every script: a loop over PNG and SVG, of `width` x `height` pixels, named `name`. */
void plot_begin(const plot_text *text, const char *name, int width, int height);
void plot_end(FILE *out);

/* Runs gnuplot on plots/<name>.gp for each name (list ending with NULL) and moves the pictures to
 * `directory`.  A missing gnuplot is a note that says what to install, no failure.  Exit code. */
int plot_draw(cli *c, const char *directory, const char *plots, const char *const *names);

#endif
