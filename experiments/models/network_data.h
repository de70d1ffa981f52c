#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_DATA_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_DATA_H

#include "experiments/models/network_point.h"

/* Where the examples and the trained weights of a setup come from.  Exit codes, after the error
 * line. */

/* Fills x, y, examples and data_name from spec.data, and what spec.net leaves open; checks the
 * widths of the network. */
int network_data_load(cli *c, network_point *setup);

/* Says on stderr how a CSV file was read, and which options have no effect on the data at hand. */
void network_data_note(cli *c, const network_point *setup);

/* spec.train_steps of full-batch Adam on theta. */
int network_point_train(cli *c, network_point *setup);

/* "teacher" or "teacher:WIDTHS". */
bool network_data_is_teacher(const char *data);

#endif
