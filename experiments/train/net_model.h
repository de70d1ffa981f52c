#ifndef SYMO_EXPERIMENTS_TRAIN_NET_MODEL_H
#define SYMO_EXPERIMENTS_TRAIN_NET_MODEL_H

#include "experiments/data/data.h"
#include "experiments/train/train.h"

/* Models that are a network of experiments/net on a data set. */

/* train and test (test->examples 0: none) are dropped: they become the network's.  Weights start as
 * N(0, 1 / inputs), biases at 0.  *out is what a task's create gives. */
symo_status train_net_model(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                            symo_dataset *train, symo_dataset *test, train_model *out);

/* Of --groups, or the one of --layout where it has the network's tensors. */
symo_status train_layout(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                         symo_layout **out);

/* What network, optimizer and `data` bytes of examples will take; *recompute: that is with activations
 * made once more on the way back, since otherwise it would be more than spec->memory.  SYMO_E_SIZE
 * when it is more even so. */
symo_status train_bytes(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                        symo_layout *layout, double data, double *bytes, bool *recompute);

/* Activation, bias and dtype of the spec into a network; the layers are left open. */
symo_status train_net_spec(symo_context *context, const train_spec *spec, symo_net_spec *net);

/* Examples to train on and examples held back.  spec->data "": MNIST where it is found, else the
 * shipped digits.  "mnist" and "fashion-mnist" are folders looked for in $SYMO_DATA, `data` and the
 * working directory.  A folder in idx format brings its own test images; from anything else a fifth
 * is held back.  name: what was taken. */
symo_status train_load_images(symo_context *context, const train_spec *spec, char name[TRAIN_TEXT],
                              symo_dataset *train, symo_dataset *test);

#endif
