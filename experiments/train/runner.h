#ifndef SYMO_EXPERIMENTS_TRAIN_RUNNER_H
#define SYMO_EXPERIMENTS_TRAIN_RUNNER_H

#include "experiments/train/metrics.h"
#include "experiments/train/run.h"

/* A run while it goes: for run.c and start.c only. */
typedef struct train_runner {
  cli *c;
  symo_context *context;
  const train_spec *spec;
  const char *directory, *label;
  char *checkpoint; /* path */
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
  double shown;                      /* when the progress line was last written */
  double started, seconds_then;      /* clock and step when this process began */
  uint64_t refused_in_a_row;
  train_result *result;
} train_runner;

/* Everything before the first step: model, threads, optimizer, files; r holds what train_run was given.
 * r->state is NULL where there is nothing to do.  An exit code after its error line. */
int train_runner_start(train_runner *r, train_start how);
void train_runner_drop(train_runner *r);

#endif
