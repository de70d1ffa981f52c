#ifndef SYMO_EXPERIMENTS_MODELS_NETWORK_WEIGHTS_H
#define SYMO_EXPERIMENTS_MODELS_NETWORK_WEIGHTS_H

#include "experiments/models/network_point.h"

/* The point from a file, --weights: a transformer in any form that experiments/gpt/weights.h reads, or
 * the tensors of symo_net_layout by their names, as in theta.safetensors and in checkpoints.  The
 * state of an optimizer beside them is passed over.  Exit codes, after the error line. */

/* Whether it is a transformer in the first of the two. */
int network_weights_has_gpt(cli *c, const char *path, bool *out);

/* What the command line leaves open of a transformer spec->net, from spec->weights: with `given`
 * (--net) the vocabulary, biases and the activation, else all of it.  --act and --no-bias hold.
 * Nothing where the file is of the second form. */
int network_weights_fit(cli *c, bool given, network_spec *spec);

/* The tokenizer of the file (symo_free), or NULL. */
int network_weights_tokenizer(cli *c, const char *path, char **json);

/* theta, which is there, from spec.weights. */
int network_weights_load(cli *c, network_point *point);

#endif
