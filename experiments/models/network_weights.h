#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_WEIGHTS_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_WEIGHTS_H

#include "experiments/data/frame.h"
#include "experiments/models/network_point.h"

/* The point from a file, --weights: a transformer in any form that experiments/gpt/weights.h reads,
 * or the tensors of symo_net_layout by their names, as in theta.safetensors and in checkpoints.
 * The state of an optimizer beside them is passed over.  Exit codes, after the error line. */

/* Whether it is a transformer in the first of the two. */
int network_weights_has_gpt(cli *c, const char *path, bool *out);

/* What the command line leaves open of a transformer spec->net, from spec->weights: with `given`
 * (--net) the vocabulary, biases and the activation, else all of it.  --act and --no-bias hold.
 * Nothing where the file is of the second form. */
int network_weights_fit(cli *c, bool given, network_spec *spec);

/* A text of the metadata of a checkpoint (symo_free), as "tokenizer"; NULL: there is none. */
symo_status network_file_text(symo_context *context, const char *path, const char *key, char **out);

/* The classes and scales that the network in the file was trained with; {0} without a file (path
 * NULL or ""). */
symo_status network_file_frame(symo_context *context, const char *path, symo_data_frame *out);

/* theta, which is there, from spec.weights. */
int network_weights_load(cli *c, network_point *setup);

#endif
