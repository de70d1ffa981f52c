#ifndef SYMO_EXPERIMENTS_TRAIN_RUN_H
#define SYMO_EXPERIMENTS_TRAIN_RUN_H

#include "experiments/train/train.h"

/* A run is a folder: run.json (what it is: train_spec_to_json, and record.h), optimizer.json (the
 * spec in full), metrics.jsonl (metrics.h), checkpoint.safetensors (parameters by tensor name, the
 * state of the optimizer, the step and the spec in the metadata, in one file with a checksum),
 * previous.safetensors (the checkpoint before that one), best.safetensors (parameters where the loss on what is held back was lowest, with step and
 * val_loss in the metadata; as of the checkpoint), summary.json once it has ended.
 *
 * Taken up again it goes on from its checkpoint, from the previous one where that is damaged or
 * gone, which is said, or from the start where there is none, and ends
 * with the same bytes as if it had never stopped, but for times and for the history in run.json.
 * What is changed on the way is said and kept there.
 *
 * One process at a time has the folder.  TRAIN_NEW refuses one with a checkpoint or a summary. */
typedef enum train_start { TRAIN_NEW, TRAIN_OVERWRITE, TRAIN_RESUME } train_start;

/* Medians over the steps, of tasks with tokens. */
enum { TRAIN_SPEEDS = 4 };
extern const char *const train_speed_keys[TRAIN_SPEEDS];

typedef struct train_result {
  bool diverged;
  int stopped;                         /* the signal that ended it; 0: none */
  uint64_t steps, checkpoint;          /* steps taken, and those of the checkpoint */
  double loss, val_loss, val_accuracy; /* at the end; NaN: none */
  double smooth_loss;                  /* mean over the last tenth of the lines, at least one */
  double best_val_loss;
  double train_loss; /* as val_loss, of what is trained on; NaN: not asked for */
  double speeds[TRAIN_SPEEDS];
  double seconds, optimizer_seconds;
  size_t parameters;
} train_result;

/* The model of the last run, which the next one takes if it is of the same task, data, network and
 * seed: loading data takes longer than a short run. */
typedef struct train_cache {
  bool full;
  train_spec spec;
  train_model model;
} train_cache;

void train_cache_drop(train_cache *cache); /* {0} is accepted */

/* Runs it, in all processes that there are; with a cache, in this one alone.  label: before the progress line, or NULL; cache: NULL, or {0} before the first run.  An
 * exit code after its error line; CLI_NUMERIC and result->diverged, without a line, when the loss
 * was no longer finite: the last checkpoint is kept.  SIGINT, SIGTERM and SIGHUP end the run with a
 * checkpoint, and 128 and their number as exit code. */
int train_run(cli *c, const train_spec *spec, const char *directory, train_start start,
              const char *label, train_cache *cache, train_result *result);

/* The plan of the optimizer, on stdout, and the layout of the network into a file, unless that is
 * NULL. */
int train_print_plan(cli *c, const train_spec *spec, const char *layout);

/* Why a run diverged, to be printed. */
int train_fail_diverged(cli *c, const char *directory, const train_result *result);

/* summary.json of a folder: false in *there when there is none, or one that is damaged, which is
 * said. */
int train_read_summary(cli *c, const char *directory, bool *there, train_result *out);

json_t *train_result_json(const train_spec *spec, const train_result *result);

#endif
