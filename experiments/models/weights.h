#ifndef SYMO_EXPERIMENTS_MODELS_WEIGHTS_H
#define SYMO_EXPERIMENTS_MODELS_WEIGHTS_H

#include "experiments/models/setup.h"

/* The point from a file, --weights: a transformer in any form that experiments/gpt/weights.h reads, or
 * the tensors of symo_net_layout by their names, as in theta.safetensors and in checkpoints.  The
 * state of an optimizer beside them is passed over.  Exit codes, after the error line. */

/* Whether it is a transformer in the first of the two. */
int compare_weights_has_gpt(cli *c, const char *path, bool *out);

/* What the command line leaves open of a transformer spec->net, from spec->weights: with `given`
 * (--net) the vocabulary, biases and the activation, else all of it.  --act and --no-bias hold.
 * Nothing where the file is of the second form. */
int compare_weights_fit(cli *c, bool given, compare_spec *spec);

/* The tokenizer of the file (symo_free), or NULL. */
int compare_weights_tokenizer(cli *c, const char *path, char **json);

/* theta, which is there, from spec.weights. */
int compare_weights_load(cli *c, compare_setup *setup);

#endif
