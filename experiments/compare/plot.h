#ifndef SYMO_EXPERIMENTS_COMPARE_PLOT_H
#define SYMO_EXPERIMENTS_COMPARE_PLOT_H

#include "experiments/compare/report.h"
#include "experiments/plot/plot.h"

/* The pictures of a comparison. */

/* Two lines at the top left: what is shown, and of which network.  It takes 4.5 lines of margin. */
void compare_plot_headline(FILE *out, const char *what, const compare_run *run);

/* Scripts and data of the pictures of a comparison: matrices, spectra, cosines.  Exit code. */
int compare_plot_matrices(cli *c, const char *plots, const compare_run *run);
int compare_plot_spectra(cli *c, const char *plots, const compare_run *run);
int compare_plot_cosines(cli *c, const char *plots, const compare_run *runs, size_t count);

#endif
