#ifndef SYMO_EXPERIMENTS_TRAIN_OPTIONS_H
#define SYMO_EXPERIMENTS_TRAIN_OPTIONS_H

#include "experiments/train/train.h"

/* The rows of option.h on the command line. */

/* The options of a command that takes those of a spec: TASK and `before`, the rows by groups with
 * their second names, `after`.  before and after end with a name of NULL; what they name themselves
 * takes the place of a row of that name. */
enum { TRAIN_MOST_FLAGS = 128, TRAIN_TASK_NAMES = 128 };
typedef struct train_flags {
  cli_option flags[TRAIN_MOST_FLAGS]; /* [count] */
  size_t count;
  char tasks[TRAIN_TASK_NAMES];
} train_flags;
void train_flags_fill(train_flags *out, const cli_option *before, const cli_option *after);

/* What was given on the command line, over spec.  Two names of one thing that say different things
 * are refused.  An exit code after its error line. */
int train_read_options(cli *c, train_spec *spec);

/* Refuses options that were given and that the optimizer of the spec does not depend on. */
int train_check_used(cli *c, const train_spec *spec);

/* --data, of which there may be several: one a line. */
symo_status train_read_data(cli *c, train_spec *spec);

/* The same as train_read_options over spec, which is that of a run to be resumed: what cannot
 * change (train_option.fixed) is refused.  Settings are joined: a new one takes the place of the
 * old one of its key. */
int train_check_options(cli *c, const char *directory, train_spec *spec);

#endif
