#ifndef SYMO_EXPERIMENTS_COMPARE_SWEEP_H
#define SYMO_EXPERIMENTS_COMPARE_SWEEP_H

#include "experiments/compare/plot.h"

/* What the values are, and how the axis of the picture runs. */
typedef enum compare_axis {
  COMPARE_AXIS_WORDS,
  COMPARE_AXIS_LINEAR,
  COMPARE_AXIS_LOG,
  COMPARE_AXIS_FROM_ZERO /* linear near 0, logarithmic beyond */
} compare_axis;

/* The same comparison at several values of one setting. */
typedef struct compare_sweep_kind {
  const char *name;
  const char *values; /* by default; separated by commas outside of parentheses */
  const char *label;  /* of the axis */
  compare_axis axis;
  bool keeps_weights; /* may stand beside --weights */
  bool costs;         /* shows what estimates cost: a table and the picture "cost" */
  /* Sets the value; false: it makes no sense. */
  bool (*apply)(compare_spec *spec, const char *value);
} compare_sweep_kind;

const compare_sweep_kind *compare_sweep_find(const char *name);
const compare_sweep_kind *compare_sweep_at(size_t index); /* NULL past the end */

enum { COMPARE_SWEEP_MOST = 26 }; /* as many as there are letters */

typedef struct compare_sweep {
  const compare_sweep_kind *kind;
  size_t count, seeds;
  char value[COMPARE_SWEEP_MOST][128];
  compare_run *runs; /* [count][seeds] */
} compare_sweep;

double compare_sweep_number(const compare_sweep *sweep, size_t i); /* NaN: value i is a word */

/* True if values are too long to stand over columns or at an axis: they are then called A, B, .. in
 * their order, with a list. */
bool compare_sweep_letters(const compare_sweep *sweep);

/* values NULL: the default ones.  Exit code after the error line; compare_sweep_destroy in any
 * case. */
int compare_sweep_make(cli *c, const compare_spec *spec, const compare_sweep_kind *kind,
                       const char *values, size_t seeds, compare_sweep *sweep);
void compare_sweep_destroy(compare_sweep *sweep);

void compare_sweep_print(const compare_sweep *sweep);
json_t *compare_sweep_json(cli *c, const compare_sweep *sweep);

/* Data and script of the picture "sweep". */
int compare_plot_sweep(cli *c, const char *plots, const compare_sweep *sweep);

/* The picture "cost": what an estimate is worth against what it costs. */
int compare_plot_cost(cli *c, const char *plots, const compare_sweep *sweep);

#endif
