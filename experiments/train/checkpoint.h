#ifndef SYMO_EXPERIMENTS_TRAIN_CHECKPOINT_H
#define SYMO_EXPERIMENTS_TRAIN_CHECKPOINT_H

#include "experiments/train/train.h"

/* DIR/checkpoint.safetensors (run.h). */
symo_status train_checkpoint_write(const train_spec *spec, const char *path, uint64_t step,
                                   const train_model *model, symo_optim_state *state,
                                   const void *theta);

/* The state is made of the file; theta: filled. */
symo_status train_checkpoint_read(symo_context *context, const char *path, const train_model *model,
                                  symo_optim *optim, symo_optim_state **state, void *theta,
                                  uint64_t *step);

/* Of any checkpoint: run.json, and the parameters. */
symo_status train_checkpoint_spec(symo_context *context, const char *path, train_spec *out,
                                  char net[TRAIN_TEXT], uint64_t *step);
symo_status train_checkpoint_parameters(symo_context *context, const char *path,
                                        const train_model *model, void *theta);

#endif
