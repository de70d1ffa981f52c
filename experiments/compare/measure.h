#ifndef SYMO_EXPERIMENTS_COMPARE_MEASURE_H
#define SYMO_EXPERIMENTS_COMPARE_MEASURE_H

#include "experiments/compare/run.h"

/* The inside of a run: shared by run.c, rows.c, measure.c and lowrank.c. */

/* The workspace of one run. */
typedef struct compare_bench {
  cli *c;
  const compare_want *want;
  compare_run *run;
  compare_reference ref;
  double *v, *abs_v, *scratch; /* [COMPARE_DIRECTIONS, P] */
  double *abs, *dense;         /* [P, P] */
  double *values;              /* [P] */
  double *solved;              /* [COMPARE_SOLVES, P]: (|H| + lambda I)^-1 v */
  double *lead_values;         /* of the leading eigenpairs of H, as many as h-lr has */
  double *lead_vectors;
  int stopped; /* exit code of another process, which has failed; 0: none has */
} compare_bench;

enum { COMPARE_DIRECTIONS = 32 };

/* Parts of a run, in their order (run.c).  prepare: memory and directions; exact_reference: |H| and
 * what is compared with, of run->h; rows: averages of exact matrices, estimates from one gradient,
 * the identity, what others use. */
symo_status compare_prepare(compare_bench *b);
symo_status compare_choose_centering(cli *c, compare_run *run);
symo_status compare_exact_reference(compare_bench *b);
symo_status compare_star_row(compare_bench *b, double seconds); /* seconds: that H* took */
symo_status compare_average_rows(compare_bench *b);
symo_status compare_family_rows(compare_bench *b);
symo_status compare_identity_row(compare_bench *b);
symo_status compare_competitor_rows(compare_bench *b);
void compare_bench_free(compare_bench *b);

/* symo_reynolds, by all processes where the run is one of all. */
symo_status compare_average(compare_bench *b, const double *dense, symo_hessian **out);

/* A new row like the one given, at the end of the run's, and a progress line with its name. */
compare_row *compare_row_add(compare_bench *b, const compare_row *like);

/* All figures of one estimate, into its row; takes the estimate over. */
symo_status compare_measure(compare_bench *b, compare_approx *a, compare_row *row);

/* Parts of compare_measure, for matrices that are no estimates: the absolute eigenvalues; a small
 * image of a dense matrix times scale; the file <name>.npy, if asked for. */
symo_status compare_spectrum(compare_bench *b, compare_approx *a, compare_row *row);
symo_status compare_picture(compare_bench *b, const double *dense, double scale, compare_row *row);
symo_status compare_save(compare_bench *b, const char *name, const double *dense);

#endif
