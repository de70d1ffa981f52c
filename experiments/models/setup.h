#ifndef SYMO_EXPERIMENTS_MODELS_SETUP_H
#define SYMO_EXPERIMENTS_MODELS_SETUP_H

#include "cli/cli.h"
#include "experiments/models/spec.h"

/* The network, its data, its layout, and the point at which everything is computed. */
typedef struct compare_setup {
  compare_spec spec;
  symo_net *net;
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
} compare_setup;

/* Exit code, after the error line; compare_setup_destroy in any case. */
int compare_setup_make(cli *c, const compare_spec *spec, compare_setup *setup);

/* The same without what exact matrices need: star, exact_plan, verdict and defects stay empty, and
 * any number of parameters that fits memory will do. */
int compare_setup_open(cli *c, const compare_spec *spec, compare_setup *setup);
void compare_setup_destroy(compare_setup *setup);

/* Is the group a symmetry of the network?  symo_symmetry_measure at theta, with elements that depend
 * on the seed alone: symo verify and symo compare have the same numbers. */
enum { COMPARE_SYMMETRY_SAMPLES = 8 };
symo_status compare_setup_measure(cli *c, const compare_setup *setup, size_t samples,
                                  symo_symmetry_report **out);

/* Gives network, data and parameters back; what reports need stays. */
void compare_setup_release(compare_setup *setup);

#endif
