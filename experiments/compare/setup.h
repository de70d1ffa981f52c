#ifndef SYMO_EXPERIMENTS_COMPARE_SETUP_H
#define SYMO_EXPERIMENTS_COMPARE_SETUP_H

#include "experiments/cli/cli.h"
#include "experiments/compare/spec.h"

/* The network, its data, its layout, and the point at which everything is computed. */
typedef struct compare_setup {
  compare_spec spec;
  symo_net *net;
  symo_problem problem;
  symo_layout *layout;
  symo_plan *exact_plan; /* float64, coupled, not centred: of the exact matrices */
  double plan_seconds;   /* to make it: irreps that are found numerically take their time here */
  size_t parameters, examples;
  double *x, *y;      /* [examples, inputs], [examples, outputs] */
  bool classes;       /* what y holds, one-hot; else numbers */
  char *data_name;    /* for people */
  void *theta, *star; /* [P] of the network's dtype: the point, and its orbit mean */
  bool auto_groups;
  bool exact;        /* the loss does not change under the group, as measured */
  double invariance; /* largest relative change of the loss over sampled elements */
} compare_setup;

/* Exit code, after the error line; compare_setup_destroy in any case. */
int compare_setup_make(cli *c, const compare_spec *spec, compare_setup *setup);

/* The same without what exact matrices need: star, exact_plan, exact and invariance stay empty, and
 * any number of parameters that fits memory will do. */
int compare_setup_open(cli *c, const compare_spec *spec, compare_setup *setup);
void compare_setup_destroy(compare_setup *setup);

/* Gives network, data and parameters back; what reports need stays. */
void compare_setup_release(compare_setup *setup);

#endif
