#ifndef SYMO_EXPERIMENTS_TRAIN_METRICS_H
#define SYMO_EXPERIMENTS_TRAIN_METRICS_H

#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"
#include "core/text.h"

#include "experiments/train/train.h"

/* metrics.jsonl: one object a line for the parameters before each step, and one for the last ones.
 *
 *   step      steps taken so far
 *   loss      of the examples of the next step
 *   val_loss, val_accuracy   of the examples held back, where they were looked at
 *   train_loss  of as many examples to train on, where the task asks for it
 *   lr        of the next step
 *   seconds   of training until there, without evaluations and files
 *
 * and of the next step what applies (symo_step_report): gradient_norm, update_norm, damping,
 * reduction_ratio, condition, effective_rank, refreshes, kept_roots, failed_roots, cg_iterations;
 * measured_alphas and alphas, objects, where exponents were measured: the average of each matrix,
 * and what its steps have (alpha=auto); refused_steps and rejected_steps since the start;
 * optimizer_seconds, and optimizer_items, an object: the same by item (symo_step_seconds), and the
 * gradient beside them where the optimizer asks for it; with one thread in one process, seconds of
 * the processor.  Of tasks with tokens also
 * tokens_per_s, gradient_ms, optimizer_ms and, in some lines, forward_ms (of a pass by itself) and
 * backward_ms (what is left of gradient_ms).  What is not a number is left out, but for loss:
 * null. */
typedef struct train_metrics {
  symo_context *context;
  char *path;
  FILE *file;
  uint64_t lost; /* the first step without figures, or the step that the run goes on from */
  char *damaged; /* where a damaged file is kept; NULL: it was sound, or not there */
} train_metrics;

/* Seconds of a step; forward NaN: not measured.  last_..: of the last probe, 0 before it. */
typedef struct train_times {
  double step, gradient, forward, last_forward, last_backward;
} train_times;

typedef struct train_row {
  uint64_t step;
  double loss, val_loss, val_accuracy, seconds, optimizer_seconds; /* NaN: none */
  double train_loss;                                               /* NaN: none */
  const train_times *times; /* NULL: they are not asked for */
  size_t tokens;
  const symo_step_report *report; /* NULL: no step */
  const symo_optim_state *state;  /* whose exponents were measured for the step; NULL: none */
  const symo_layout *layout;      /* its tensors */
} train_row;

/* Exponents of the tensors that have measured ones (alphas.c): , "key": {..}, nothing where there are
 * none; in_use: those of steps, else averages.  The former as an object, NULL: none. */
void train_alphas_add(symo_text *line, const char *key, const symo_optim_state *state,
                      const symo_layout *layout, bool in_use);
json_t *train_alphas_json(const symo_optim_state *state, const symo_layout *layout);

/* Opens DIR/metrics.jsonl with the lines before step `step` that are there already; what follows
 * them, also a line cut short, goes.  *seconds: of the last line kept; *optimizer_seconds: the sum
 * of theirs.  Where lines are missing or damaged, the file is kept under another name, and one takes
 * its place that has no loss for their steps (lost, damaged). */
symo_status train_metrics_open(symo_context *context, const char *directory, uint64_t step,
                               train_metrics *out, double *seconds, double *optimizer_seconds);
symo_status train_metrics_write(train_metrics *metrics, const train_row *row);
symo_status train_metrics_sync(train_metrics *metrics); /* onto the disk */
void train_metrics_close(train_metrics *metrics);       /* {0} is accepted */

/* ---- reading (metrics_read.c) ---- */

/* The whole lines of a file (symo_free); a last one that was cut short is left out.  SYMO_E_FORMAT
 * for bytes that no run writes. */
symo_status train_metrics_text(symo_context *context, const char *path, char **out);

/* The next line (json_decref), which is that of the step and has a loss; NULL, and *at stays, at the
 * end or where it is another.  A figure of it, NaN where there is none. */
json_t *train_next_line(const char **at, uint64_t step);
double train_line_number(const json_t *line, const char *key);

/* Curves: what plots and summaries read.  SYMO_E_FORMAT for a line that is not that of its step. */
typedef struct train_curve {
  size_t count;
  double *step, *loss, *val_loss,
      *seconds; /* [count]; NaN where there is none; one block at step */
} train_curve;

symo_status train_curve_read(symo_context *context, const char *directory, train_curve *out);
void train_curve_drop(train_curve *curve);

/* Writes DIR/metrics.csv, the lines of DIR/metrics.jsonl: a column for each key in the order in which
 * they come up, "optimizer_items.roots" for one inside another; numbers with as few digits as read
 * back to the same bits, nothing where a line has no such key.  Exit code. */
int train_metrics_csv(cli *c, const char *directory);

/* Medians of figures over the lines that have them, NaN where none has: out [count]. */
symo_status train_metrics_medians(symo_context *context, const char *directory, size_t count,
                                  const char *const *keys, double *out);

#endif
