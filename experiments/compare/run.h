#ifndef SYMO_EXPERIMENTS_COMPARE_RUN_H
#define SYMO_EXPERIMENTS_COMPARE_RUN_H

#include "experiments/compare/metrics.h"
#include "experiments/inputs/tensors.h"
#include "experiments/models/curvature_prior.h"
#include "experiments/models/network_point.h"
#include "experiments/plot/plot.h"

/* One comparison: a network at one point, its exact Hessians, and every estimate against them. */

/* What a row is, for the order and the colours of tables and pictures. */
typedef enum compare_kind {
  COMPARE_EXACT,    /* needs the true Hessian: h-star-exact, ggn, and |H| itself */
  COMPARE_FLOOR,    /* Reynolds averages: the best that the structure allows */
  COMPARE_FAMILY,   /* the library's estimates from one gradient */
  COMPARE_PRODUCTS, /* .. and those from products with H */
  COMPARE_COMPETITOR
} compare_kind;

const char *compare_kind_name(compare_kind kind);

/* How the picture of costs shows a row. */
typedef enum compare_cost {
  COMPARE_COST_NONE,
  COMPARE_COST_BLOCKED, /* one point for each group, blocks between tensors left out */
  COMPARE_COST_COUPLED, /* one point for each group */
  COMPARE_COST_POINT,   /* one point: it knows of no group */
  COMPARE_COST_LINE,    /* costs nothing */
  COMPARE_COST_KINDS
} compare_cost;

typedef struct compare_row {
  const char *name, *summary;
  compare_kind kind;
  plot_style style;
  bool competitor; /* what others use, the exact Gauss-Newton matrix included */
  bool swept;      /* has a curve in the picture of a sweep */
  compare_cost cost;
  bool done; /* false: the numbers at hand did not allow it; then only `note` */
  char note[160];
  double seconds; /* to form the estimate; the least of some where it takes milliseconds */
  double stored;  /* numbers to keep for it */
  compare_metrics metrics;
  double *spectrum; /* [P] absolute eigenvalues, descending; NULL unless asked for */
  double *image;    /* [side, side], times compare_shown; NULL unless asked for */
} compare_row;

/* Pictures show an estimate times its best multiple of |H| or of H, whichever it is nearer to
 * (*of_h): an average of the indefinite H would vanish beside |H|. */
double compare_shown(const compare_row *row, bool *of_h);

/* AUTO: by what the gradient at hand says (cli_trivial_dominates). */
typedef enum compare_center {
  COMPARE_CENTER_AUTO,
  COMPARE_CENTER_YES,
  COMPARE_CENTER_NO
} compare_center;

/* What one run of `symo compare` computes; everything that a sweep may vary. */
typedef struct compare_spec {
  network_spec network;
  double damping;
  size_t samples;        /* label draws of K-FAC */
  compare_center center; /* whether estimates leave out what the group does not move, label 0 */
  bool ggn;              /* the exact Gauss-Newton matrix as a row */
  size_t products, rank, probes; /* of h-lr, as in symo_lowrank_spec */
  curvature_prior prior;         /* of the rows from products */
  double prior_strength;
} compare_spec;

enum { COMPARE_MAX_ROWS = 40, COMPARE_IMAGE = 300 };

typedef struct compare_run {
  compare_spec spec;
  network_point setup;
  double loss, grad_norm, h_norm, star_norm;
  double hessian_seconds, eigen_seconds;
  size_t negative;           /* eigenvalues of H below -1e-12 of the largest */
  double defect;             /* |H* - average of H*| / |H*|: 0 where the group is exact */
  cli_trivial fixed;         /* label 0 in the gradient */
  bool centered;             /* the estimates */
  symo_lowrank_cost lowrank; /* of h-lr */
  double *grad;              /* [P] */
  double *h, *star;          /* [P, P]; given back by compare_run_trim */
  compare_row rows[COMPARE_MAX_ROWS];
  size_t count;
  compare_row abs;    /* |H| itself: its spectrum and image */
  compare_row raw[2]; /* images of H and H* as they are */
  size_t side;        /* of the images */
  char *texts;        /* names of rows that came from another process; else NULL */
} compare_run;

typedef struct compare_want {
  bool pictures;    /* fill spectra and images */
  const char *save; /* directory for <name>.npy of every estimate, or NULL */
  int owner;        /* of several processes: the one that takes the run, or COMPARE_ALL */
} compare_want;

/* Of several processes each takes some runs by itself, in rounds; COMPARE_ALL: all of them take this
 * one together, sharing the directions of its Hessians, as they do with those that fill no round.
 * Before such a run, and before they give each other their results, all agree: what stops one stops
 * all, and none waits for ever. */
enum { COMPARE_ALL = -1 };
int compare_run_owner(const cli *c, size_t index, size_t count);
bool compare_run_is_ours(const cli *c, int owner);
/* Runs with the owners of compare_run_owner, all of which have been made: what reports and pictures
 * need of them comes to every process. */
int compare_runs_share(cli *c, int code, compare_run *runs, size_t count);

/* Returns an exit code, after the error line.  The run is the caller's to destroy in any case.  Of
 * one that another process takes there is the network alone. */
int compare_run_make(cli *c, const compare_spec *spec, const compare_want *want, compare_run *run);

/* Gives back all but what reports and pictures need: dense Hessians, network, data, parameters. */
void compare_run_trim(compare_run *run);
void compare_run_destroy(compare_run *run);

/* The row of that name, NULL if there is none. */
const compare_row *compare_run_row(const compare_run *run, const char *name);

/* b [size, size] times scale, as [side, side] root mean squares over blocks with the sign of their
 * sum: unlike means, they do not make a thin stripe vanish.  side <= size. */
void compare_image(const double *b, size_t size, double scale, size_t side, double *out);

#endif
