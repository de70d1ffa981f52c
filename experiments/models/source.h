#ifndef SYMO_EXPERIMENTS_MODELS_SOURCE_H
#define SYMO_EXPERIMENTS_MODELS_SOURCE_H

#include "experiments/models/setup.h"

/* Where the examples and the trained weights of a setup come from.  Exit codes, after the error
 * line. */

/* Fills x, y, examples and data_name from spec.data, and what spec.net leaves open; checks the
 * widths of the network. */
int compare_load(cli *c, compare_setup *setup);

/* Says on stderr how a CSV file was read, and which options have no effect on the data at hand. */
void compare_note_data(cli *c, const compare_setup *setup);

/* spec.train_steps of full-batch Adam on theta. */
int compare_train(cli *c, compare_setup *setup);

/* "teacher" or "teacher:WIDTHS". */
bool compare_is_teacher(const char *data);

#endif
