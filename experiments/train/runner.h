#ifndef SYMO_EXPERIMENTS_TRAIN_RUNNER_H
#define SYMO_EXPERIMENTS_TRAIN_RUNNER_H

#include "cli/folder.h"
#include "experiments/train/checkpoint.h"
#include "experiments/train/metrics.h"
#include "experiments/train/record.h"
#include "experiments/train/run.h"

/* A run while it goes: for run.c, start.c and run_folder.c only. */
typedef struct train_runner {
  cli *c;
  symo_context *context;
  const symo_comm *comm; /* NULL: one process */
  const train_spec *spec;
  train_spec own; /* what the model is made of */
  const char *directory, *label;
  char *checkpoint, *previous, *best_path; /* files */
  const char *from; /* the checkpoint that the run goes on from; NULL: it starts */
  cli_folder lock;
  train_record record;
  train_best best; /* so far */
  bool best_fresh; /* it is not in its file yet */
  void *
      best_theta; /* the parameters of best; NULL: nothing is held back, or not the first process */
  train_cache *cache;
  train_model model; /* the cache's, where there is one */
  symo_optim *optim;
  symo_optim_state *state;
  void *theta, *grad;
  void **params;      /* [tensors], into theta */
  const void **grads; /* the same of grad */
  train_metrics metrics;
  symo_pool *pool;
  int threads, blas_threads; /* blas_threads: before the run */
  uint64_t step;
  double seconds, optimizer_seconds; /* of training so far; of the last step */
  train_times times;                 /* of the last step, forward and backward of the last probe */
  double shown, noted;          /* when the progress line was last written, and a line in a log */
  double started, seconds_then; /* clock and step when this process began */
  uint64_t refused_in_a_row;
  train_result *result;
} train_runner;

/* Of several processes the first alone has the folder: it reads and writes what is of the run there.
 * All read the data, and all have the parameters. */
static inline bool train_is_first(const train_runner *r) { return symo_comm_rank(r->comm) == 0; }

/* The clock of the parts of a step: one thread by itself by the time that it has of the processor,
 * so that what else runs counts as little as can be. */
double train_clock(const train_runner *r);

/* Everything before the first step: model, threads, optimizer, files; r holds what train_run was
 * given.  r->state is NULL where there is nothing to do.  An exit code after its error line. */
int train_runner_start(train_runner *r, train_start how);
void train_runner_drop(train_runner *r);

/* The optimizer for a model, or this process's share of it.  changes: as for
 * train_optimizer_spec. */
int train_make_optimizer(cli *c, const train_spec *spec, const train_model *model, int threads,
                         const symo_comm *comm, json_t *changes, symo_optim_spec **made,
                         symo_optim **out);

/* ---- run_folder.c ---- */

/* Takes the folder, if it is there.  It may not be, unless the run goes on. */
int train_take_folder(train_runner *r, train_start how);

/* r->from, of a run that goes on: the newest checkpoint that is whole.  One that is damaged is told,
 * and an error where no other is there; best parameters that are damaged are told and forgotten. */
int train_choose_checkpoint(train_runner *r);

/* run.json and optimizer.json; what an earlier run left in the folder goes first, so that a kill
 * leaves no checkpoint or summary that is another's. */
int train_write_files(train_runner *r, const symo_optim_spec *optim, bool resume);

/* What differs from the run as it was: said, and kept for run.json.  was: the optimizer in the
 * checkpoint; NULL: there is none. */
int train_note_changes(train_runner *r, const train_spec *old, const symo_optim_spec *was,
                       const symo_optim_spec *now);

/* Best parameters, where they are new, and checkpoint; what was the checkpoint is the previous one
 * then. */
symo_status train_save(train_runner *r);
symo_status train_save_best(train_runner *r);

#endif
