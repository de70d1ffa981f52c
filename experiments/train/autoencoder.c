/* A deep autoencoder (Hinton and Salakhutdinov 2006): images through a narrow layer and back, the
 * pixels as independent Bernoulli probabilities.  The loss is the cross-entropy summed over the
 * pixels of an image; of standardized inputs, which are no probabilities, it is the squared error.
 * 784-1000-500-250-30 stands for the network with its mirror image behind
 * it. */
#include "experiments/train/net_model.h"

#include <string.h>

#include "core/error.h"
#include "core/text.h"

/* Widths that do not end where they begin are half of a network. */
static symo_status mirror(symo_context *context, symo_net_spec *net) {
  size_t widths[SYMO_NET_MAX_LAYERS + 1];
  const size_t half = net->num_layers;
  if (!symo_net_is_plain(net) || symo_net_outputs(net) == symo_net_inputs(net)) return SYMO_OK;
  if (2 * half > SYMO_NET_MAX_LAYERS)
    return symo_fail(context, SYMO_E_ARGUMENT, "net: %zu %s and their mirror image (at most %d)",
                     half, symo_plural(half, "layer", "layers"), (int)SYMO_NET_MAX_LAYERS / 2);
  widths[0] = symo_net_inputs(net);
  for (size_t l = 0; l < half; l++) widths[l + 1] = net->layers[l].width;
  for (size_t l = 0; l < half; l++) widths[half + 1 + l] = widths[half - 1 - l];
  symo_net_spec_set_widths(net, 2 * half + 1, widths);
  return SYMO_OK;
}

static void check_range(const symo_dataset *d, bool *good) {
  for (size_t i = 0; i < d->examples * d->inputs; i++)
    if (!(d->x[i] >= 0 && d->x[i] <= 1)) *good = false;
}

/* The targets are the inputs. */
static void drop_labels(symo_dataset *d) {
  symo_free(d->y);
  d->y = NULL, d->outputs = d->inputs;
}

static symo_status create(symo_context *context, const train_spec *spec, train_model *out) {
  symo_net_spec net;
  symo_dataset train = {0}, test = {0};
  symo_data_frame frame = {0};
  bool good = true;
  symo_status status = SYMO_OK;
  SYMO_TRY(train_net_spec(context, spec, &net));
  SYMO_TRY(train_load_images(context, spec, false, out, &train, &test, &frame));
  drop_labels(&train);
  drop_labels(&test);
  check_range(&train, &good);
  check_range(&test, &good);
  if (!good && !spec->standardize) {
    status = symo_fail(context, SYMO_E_ARGUMENT,
                       "%s: numbers outside [0, 1] (give images; pixels are probabilities; or give "
                       "--standardize)",
                       out->data);
    goto fail;
  }
  net.loss = spec->standardize ? SYMO_LOSS_MSE : SYMO_LOSS_BERNOULLI;
  if (spec->net[0] != '\0') {
    SYMO_TRY(symo_net_parse(context, spec->net, &net));
  } else {
    const bool large = train.inputs >= 256;
    const size_t widths[] = {train.inputs, large ? 256 : 32, large ? 64 : 16, large ? 16 : 8};
    symo_net_spec_set_widths(&net, 4, widths);
  }
  status = symo_net_fit(context, &net, train.inputs);
  if (status != SYMO_OK) {
    status = symo_fail_within(context, status, "%s", out->data);
    goto fail;
  }
  SYMO_TRY(mirror(context, &net));
  SYMO_TRY(train_net_model(context, spec, &net, &train, &test, out));
  SYMO_TRY(train_keep_frame(context, &frame, out));
fail:
  symo_data_frame_drop(&frame);
  symo_data_drop(&train);
  symo_data_drop(&test);
  return status;
}

const train_task train_task_autoencoder = {
    .name = "autoencoder",
    .description = "images through a narrow layer and back; cross-entropy of the\n"
                   "pixels, summed over an image; --standardize: squared error",
    .defaults = "batch=512;steps=500;eval-every=100",
    .create = create};
