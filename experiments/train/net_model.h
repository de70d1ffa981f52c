#ifndef SYMO_EXPERIMENTS_TRAIN_NET_MODEL_H
#define SYMO_EXPERIMENTS_TRAIN_NET_MODEL_H

#include "experiments/data/frame.h"
#include "experiments/train/train.h"

/* Models that are a network of net/ on a data set. */

/* train and test (test->examples 0: none) are dropped: they become the network's.  Weights start as
 * N(0, 1 / inputs), recurrent ones times spec->gain, biases at 0.  *out is what a task's create gives. */
symo_status train_net_model(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                            symo_dataset *train, symo_dataset *test, train_model *out);

/* Those weights. */
void train_init_weights(const symo_net *net, double gain, symo_rng *rng, void *theta);

/* Of --groups, or the one of --layout where it has the network's tensors. */
symo_status train_layout(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                         symo_layout **out);

/* What network, optimizer and `data` bytes of examples will take; *recompute: that is with
 * activations made once more on the way back, since otherwise it would be more than spec->memory.
 * SYMO_E_SIZE when it is more even so. */
symo_status train_bytes(symo_context *context, const train_spec *spec, const symo_net_spec *net,
                        symo_layout *layout, double data, double *bytes, bool *recompute);

/* Activation, bias and dtype of the spec into a network; the layers are left open. */
symo_status train_net_spec(symo_context *context, const train_spec *spec, symo_net_spec *net);

/* Examples to train on and examples held back.  spec->data "": MNIST where it is found, else the
 * shipped digits.  "mnist" and "fashion-mnist" are folders that symo_data_find_user finds.  A
 * folder in idx format brings its own test images; from anything else a fifth is held back.
 * `labelled`: the targets are classes, those of spec->kept if it is given.  out: `data` and
 * `remark` say what was taken, `checksum` of which numbers; frame: the classes, and the scales that
 * the inputs were put on. */
symo_status train_load_images(symo_context *context, const train_spec *spec, bool labelled,
                              train_model *out, symo_dataset *train, symo_dataset *test,
                              symo_data_frame *frame);

/* Says one thing more, behind a semicolon. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void train_add_remark(train_model *model, const char *format, ...);

/* What checkpoints of the model hold of the frame. */
symo_status train_keep_frame(symo_context *context, const symo_data_frame *frame,
                             train_model *model);

#endif
