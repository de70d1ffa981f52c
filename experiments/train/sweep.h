#ifndef SYMO_EXPERIMENTS_TRAIN_SWEEP_H
#define SYMO_EXPERIMENTS_TRAIN_SWEEP_H

#include "experiments/train/run.h"

/* Sweeps: points in a grid of options, each with several seeds. */

enum { SWEEP_VALUE = 128, SWEEP_VALUES = 64, SWEEP_AXES = 16 };

/* "lr=0.1,0.3", "lr=1e-4:1e-1" (a range, evenly in its logarithm, for random points),
 * "muon:lr=0.01,0.02" (for that optimizer only, instead of the axis for all), "h.*.attn*:lr=0.1,0.2"
 * (a key with a pattern of tensors, which has a * or ?; "muon:h.*:lr=0.1"). */
typedef struct sweep_axis {
  char only[64]; /* "": for all optimizers */
  char key[64];
  size_t count; /* 0: a range */
  char values[SWEEP_VALUES][SWEEP_VALUE];
  double low, high;
} sweep_axis;

typedef struct sweep_grid {
  size_t num_axes;
  sweep_axis axes[SWEEP_AXES];
  size_t random; /* points of each optimizer; 0: all of the grid */
  uint64_t seed;
} sweep_grid;

/* Adds an axis from its text.  SYMO_E_ARGUMENT. */
symo_status sweep_grid_add(symo_context *context, sweep_grid *grid, const char *text);

/* Whether there is an axis besides the optimizer's. */
bool sweep_grid_draws(const sweep_grid *grid);

/* Points of an optimizer, one where it has no axis; SYMO_E_ARGUMENT for a range without random
 * points. */
symo_status sweep_grid_count(symo_context *context, const sweep_grid *grid, const char *optimizer,
                             size_t *count);

/* Point `index`, as settings of spec, and its name: "lr=0.1,beta2=0.9", or "default". */
symo_status sweep_grid_point(symo_context *context, const sweep_grid *grid, const char *optimizer,
                             size_t index, train_spec *spec, char name[TRAIN_TEXT]);

/* A point with its seeds, after the runs. */
typedef struct sweep_row {
  char optimizer[TRAIN_TEXT], name[TRAIN_TEXT];
  size_t seeds, diverged;
  train_result *results; /* [seeds], of the caller */
  double mean, sd;       /* of the figure; infinite when a seed diverged */
} sweep_row;

void sweep_row_judge(sweep_row *row, const char *by);

/* The best row of each optimizer, as a table; and everything. */
void sweep_print(const sweep_row *rows, size_t count, const char *by);
json_t *sweep_json(cli *c, const train_spec *base, const sweep_row *rows, size_t count,
                   const char *by);

#endif
