/* Images to classes: a network of dense layers (or any other notation of networks) with the
 * cross-entropy of its softmax. */
#include "experiments/train/net_model.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"

static symo_status create(symo_context *context, const train_spec *spec, train_model *out) {
  symo_net_spec net;
  symo_dataset train = {0}, test = {0};
  symo_data_frame frame = {0};
  symo_status status = SYMO_OK;
  SYMO_TRY(train_net_spec(context, spec, &net));
  SYMO_TRY(train_load_images(context, spec, true, out, &train, &test, &frame));
  net.loss = SYMO_LOSS_CROSS_ENTROPY;
  if (spec->net[0] != '\0') {
    SYMO_TRY(symo_net_parse(context, spec->net, &net));
  } else {
    const size_t widths[] = {train.inputs, train.inputs >= 256 ? 256 : 64,
                             train.inputs >= 256 ? 128 : 32, train.outputs};
    symo_net_spec_set_widths(&net, 4, widths);
  }
  status = symo_net_fit(context, &net, train.inputs);
  if (status != SYMO_OK) {
    status = symo_fail_within(context, status, "%s", out->data);
    goto fail;
  }
  if (symo_net_outputs(&net) != train.outputs) {
    status =
        symo_fail(context, SYMO_E_SHAPE, "net: %zu %s for %zu %s (end it with %zu)",
                  symo_net_outputs(&net), symo_plural(symo_net_outputs(&net), "output", "outputs"),
                  train.outputs, symo_plural(train.outputs, "class", "classes"), train.outputs);
    goto fail;
  }
  SYMO_TRY(train_net_model(context, spec, &net, &train, &test, out));
  SYMO_TRY(train_keep_frame(context, &frame, out));
fail:
  symo_data_frame_drop(&frame);
  symo_data_drop(&train);
  symo_data_drop(&test);
  return status;
}

const train_task train_task_classifier = {
    .name = "classifier",
    .description = "images, or the records of a CSV file, to classes: the labels are\n"
                   "words or whole numbers, and stay with the checkpoint, so that\n"
                   "symo eval knows the class of each",
    .defaults = "batch=128;steps=500;eval-every=50",
    .create = create};
