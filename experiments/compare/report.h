#ifndef SYMO_EXPERIMENTS_COMPARE_REPORT_H
#define SYMO_EXPERIMENTS_COMPARE_REPORT_H

#include "experiments/compare/run.h"

/* The answer in its forms: a table for people, results.json and arrays for programs. */

/* One figure of merit of a row: how it is called in JSON and over its column. */
typedef struct compare_figure {
  const char *key, *head, *meaning;
  size_t offset; /* of the double in compare_metrics */
} compare_figure;

extern const compare_figure compare_figures[];
enum { COMPARE_FIGURES = 8 };

const compare_figure *compare_figure_find(const char *key); /* NULL: there is none */
double compare_figure_of(const compare_figure *figure, const compare_row *row);

/* Over the runs (seeds) in which the figure is defined; all NaN where there are none. */
typedef struct compare_stat {
  double median, min, max;
} compare_stat;

compare_stat compare_stat_of(const compare_run *runs, size_t count, const char *row,
                             const compare_figure *figure);

/* The same of what `get` gives; rows that are not done do not count. */
compare_stat compare_stat_by(const compare_run *runs, size_t count, const char *row,
                             double (*get)(const compare_row *row));
/* The share of label 0 in the gradient's square; NaN where all gradients are zero. */
double compare_median_share(const compare_run *runs, size_t count);

double compare_row_stored(const compare_row *row);
double compare_row_seconds(const compare_row *row);

/* On stdout: */

/* "exact (largest defect 2.2e-16)", in the words of symo verify. */
void compare_print_verdict(const network_point *setup);

/* Parts of the header: "groups   h signed-permutation(64), "; what the estimates leave out and what
 * h-lr takes. */
void compare_print_groups(const network_point *setup);
void compare_print_estimates(const compare_run *run, size_t seeds);

void compare_print_header(const compare_run *run, size_t seeds);
void compare_print_table(const compare_run *runs, size_t count);

/* The keys of one run; with several, the first run's and `runs`, `summary` as well. */
json_t *compare_json(cli *c, const compare_run *runs, size_t count);

/* The part of it that needs no network: centring, norms, h-lr, seconds, and all rows. */
void compare_set_estimates(cli *c, json_t *out, const compare_run *run);

/* theta, gradient, layout, Hessians and data of a run that is not trimmed.  Exit code. */
int compare_write_arrays(cli *c, const char *directory, const compare_run *run);

#endif
