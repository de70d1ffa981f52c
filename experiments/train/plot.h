#ifndef SYMO_EXPERIMENTS_TRAIN_PLOT_H
#define SYMO_EXPERIMENTS_TRAIN_PLOT_H

#include "experiments/train/metrics.h"
#include "experiments/train/run.h"

/* Runs that differ in their seeds only are one curve: median, and a band from smallest to
 * largest. */
typedef struct plot_group {
  train_spec spec; /* of its first run */
  size_t count, *runs;
  double final; /* median of the last figures */
  bool shown;
} plot_group;

typedef struct plot_runs {
  bool csv; /* plot_add writes metrics.csv beside every metrics.jsonl */
  size_t count, room;
  train_spec *specs;
  train_curve *curves;
  size_t num_groups;
  plot_group *groups;
} plot_runs;

/* Whether any run has a loss. */
bool plot_has_losses(const plot_runs *runs);

/* Adds the run in a folder, or all runs in the folders below it.  An exit code. */
int plot_add(cli *c, plot_runs *runs, const char *directory);
void plot_drop(plot_runs *runs);

/* The figure that is drawn: "loss" or "val_loss", the mean over `smooth` lines up to there. */
typedef struct plot_view {
  const char *metric;
  size_t smooth;
} plot_view;

/* Groups in the order of their final figures; best: of each optimizer only the best one is
 * shown. */
symo_status plot_group_runs(symo_context *context, plot_runs *runs, const plot_view *view,
                            bool best);

/* Points of a group where the figure is known: step, median of the seconds, median, smallest and
 * largest figure.  points: [5][most], most lines of its longest run; returns how many.  scratch:
 * [count]. */
size_t plot_points(const plot_runs *runs, const plot_group *group, const plot_view *view,
                   size_t most, double *points, double *scratch);
size_t plot_longest(const plot_runs *runs, const plot_group *group);

/* All but seeds, and what does not change the numbers; and whether two specs differ in it. */

/* What tells a group that is drawn from the others: "symo lr=0.1"; and the settings of optimizers
 * that all have.  Both may be long: plot_cut leaves `most` bytes at most, an ellipsis at the
 * end. */
enum { PLOT_TITLE = 512 };
void plot_title(const plot_runs *runs, const plot_group *group, char title[PLOT_TITLE]);
void plot_common(const plot_runs *runs, char text[PLOT_TITLE]);
void plot_cut(char *text, size_t most);

/* Script and data of the picture into plots/.  An exit code. */
int plot_write(cli *c, const plot_runs *runs, const plot_view *view, const char *plots,
               const char *name);

#endif
