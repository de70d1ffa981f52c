#ifndef SYMO_EXPERIMENTS_TRAIN_CHECKPOINT_H
#define SYMO_EXPERIMENTS_TRAIN_CHECKPOINT_H

#include "experiments/train/train.h"

/* The lowest loss on what is held back. */
typedef struct train_best {
  double loss; /* NaN: none yet */
  uint64_t step;
} train_best;

/* DIR/checkpoint.safetensors (run.h). */
symo_status train_checkpoint_write(const train_spec *spec, const char *path, uint64_t step,
                                   const train_best *best, const train_model *model,
                                   symo_optim_state *state, const void *theta);

/* DIR/best.safetensors: without a state. */
symo_status train_best_write(symo_context *context, const train_spec *spec, const char *path,
                             const train_best *best, const train_model *model, const void *theta);

/* The state is made of the file; theta: filled.  Options of the optimizer that do not say what its
 * state is may be others than there: the spec there is *was (symo_optim_spec_destroy). */
symo_status train_checkpoint_read(symo_context *context, const char *path, const train_model *model,
                                  symo_optim *optim, symo_optim_state **state, void *theta,
                                  uint64_t *step, train_best *best, symo_optim_spec **was);

/* A text of the metadata (symo_free); NULL: there is none. */
symo_status train_checkpoint_text(symo_context *context, const char *path, const char *key,
                                  char **out);

/* Network, tokens, classes and scales of a checkpoint for a spec, so that they are not made of the
 * data again. */
symo_status train_checkpoint_use(symo_context *context, const char *path, train_spec *spec);

/* Of any checkpoint: run.json, and the parameters. */
symo_status train_checkpoint_spec(symo_context *context, const char *path, train_spec *out,
                                  char net[TRAIN_TEXT], uint64_t *step);
symo_status train_checkpoint_parameters(symo_context *context, const char *path,
                                        const train_model *model, void *theta);

#endif
