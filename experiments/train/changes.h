#ifndef SYMO_EXPERIMENTS_TRAIN_CHANGES_H
#define SYMO_EXPERIMENTS_TRAIN_CHANGES_H

#include "experiments/train/train.h"

/* What differs between a run as it was and as it goes on, as {KEY: [OLD, NEW]}. */

/* Options. */
void train_changes_of_options(const train_spec *old, const train_spec *new, json_t *changes);

/* Options of the optimizer, as rules.N.KEY, and the rate of the step behind `step`.  Nothing where
 * the two have not the same number of rules. */
symo_status train_changes_of_optimizer(symo_context *context, const symo_optim_spec *old,
                                       const symo_optim_spec *new, uint64_t step, json_t *changes);

/* A line each on stderr. */
void train_changes_print(cli *c, const char *directory, uint64_t step, const json_t *changes);

#endif
