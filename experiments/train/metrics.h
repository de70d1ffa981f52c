#ifndef SYMO_EXPERIMENTS_TRAIN_METRICS_H
#define SYMO_EXPERIMENTS_TRAIN_METRICS_H

#include <stdio.h>

#include "experiments/train/train.h"

/* metrics.jsonl: one object a line for the parameters before each step, and one for the last ones.
 *
 *   step      steps taken so far
 *   loss      of the examples of the next step
 *   val_loss, val_accuracy   of the examples held back, where they were looked at
 *   lr        of the next step
 *   seconds   of training until there, without evaluations and files
 *
 * and of the next step what applies (symo_step_report): gradient_norm, update_norm, damping,
 * reduction_ratio, condition, effective_rank, refreshes, kept_roots, failed_roots, cg_iterations;
 * refused_steps and rejected_steps since the start; optimizer_seconds.  What is not a number is
 * left out, but for loss: null. */
typedef struct train_metrics {
  symo_context *context;
  char *path;
  FILE *file;
} train_metrics;

typedef struct train_row {
  uint64_t step;
  double loss, val_loss, val_accuracy, seconds, optimizer_seconds; /* NaN: none */
  const symo_step_report *report;                                  /* NULL: no step */
} train_row;

/* Opens DIR/metrics.jsonl with the lines before step `step` that are there already; what follows
 * them, also a line cut short, goes.  *seconds: of the last line kept; *optimizer_seconds: the sum
 * of theirs.  SYMO_E_FORMAT when lines are missing. */
symo_status train_metrics_open(symo_context *context, const char *directory, uint64_t step,
                               train_metrics *out, double *seconds, double *optimizer_seconds);
symo_status train_metrics_write(train_metrics *metrics, const train_row *row);
symo_status train_metrics_sync(train_metrics *metrics); /* onto the disk */
void train_metrics_close(train_metrics *metrics);       /* {0} is accepted */

/* Curves: what plots and summaries read. */
typedef struct train_curve {
  size_t count;
  double *step, *loss, *val_loss,
      *seconds; /* [count]; NaN where there is none; one block at step */
} train_curve;

symo_status train_curve_read(symo_context *context, const char *directory, train_curve *out);
void train_curve_drop(train_curve *curve);

#endif
