#ifndef SYMO_EXPERIMENTS_COMPARE_SWEEP_H
#define SYMO_EXPERIMENTS_COMPARE_SWEEP_H

#include "experiments/compare/plot.h"

/* The same comparison at several values of one setting. */
typedef struct compare_sweep_kind {
  const char *name;
  const char *values; /* by default; separated by commas outside of parentheses */
  const char *label;  /* of the axis */
  bool numbers;       /* values are numbers; else words */
  bool logarithmic;
  /* Sets the value; false: it makes no sense. */
  bool (*apply)(compare_spec *spec, const char *value);
} compare_sweep_kind;

#define COMPARE_SWEEP_CHOICES "scale|steps|width|depth|activation|groups"

const compare_sweep_kind *compare_sweep_find(const char *name);

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

/* True for sweeps over groups, which have a picture "cost" too: what an estimate is worth against
 * what it costs. */
bool compare_sweep_costs(const compare_sweep_kind *kind);
int compare_plot_cost(cli *c, const char *plots, const compare_sweep *sweep);

/* The list of what the letters stand for as labels 10, 11, .. of a script, from (x, y) of the
 * screen down. */
void compare_plot_letters(FILE *out, const compare_sweep *sweep, double x, double y, double step);

#endif
