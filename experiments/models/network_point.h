#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_POINT_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_POINT_H

#include "cli/cli.h"
#include "experiments/models/network_spec.h"

/* The network, its data, its layout, and the point at which everything is computed. */
typedef struct network_point {
  network_spec spec;
  symo_net *net;
  symo_pool *pool; /* of the network: as many threads as BLAS has */
  symo_problem problem;
  symo_layout *layout;
  symo_plan *exact_plan; /* float64, coupled, not centred: of the exact matrices */
  double plan_seconds;   /* to make it: irreps that are found numerically take their time here */
  size_t parameters, examples;
  double *x, *y;                 /* [examples, inputs], [examples, outputs] */
  bool classes;                  /* what y holds, one-hot; else numbers */
  bool table;                    /* the data came from a CSV file */
  char remark[SYMO_DATA_REMARK]; /* how it was read; "" */
  char *data_name;               /* for people */
  void *theta, *star;            /* [P] of the network's dtype: the point, and its orbit mean */
  bool auto_groups;
  symo_symmetry_verdict verdict; /* whether the group is a symmetry, measured at theta */
  double defect, loss_defect; /* the largest, as symo_symmetry_row has them; NaN: none measured */
  double elsewhere;           /* UNCERTAIN: the largest defect at other weights */
} network_point;

/* Exit code, after the error line; network_point_destroy in any case. */
int network_point_make(cli *c, const network_spec *spec, network_point *setup);

/* The same without what exact matrices need: star, exact_plan, verdict and defects stay empty, and
 * any number of parameters that fits memory will do. */
int network_point_open(cli *c, const network_spec *spec, network_point *setup);
void network_point_destroy(network_point *setup);

/* Is the group a symmetry of the network?  symo_symmetry_measure at theta, with elements that
 * depend on the seed alone: symo verify and symo compare have the same numbers. */
enum { NETWORK_SYMMETRY_SAMPLES = 8 };
symo_status network_point_measure(cli *c, const network_point *setup, size_t samples,
                                  symo_symmetry_report **out);

/* Gives network, data and parameters back; what reports need stays. */
void network_point_release(network_point *setup);

#endif
