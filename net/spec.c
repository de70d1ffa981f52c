/* Network specs: names, defaults, sizes. */
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "net/layer.h"

/* One row per activation: its name and the group of a hidden space under which the loss is
 * invariant. */
static const struct {
  const char *name, *group;
} activations[] = {[SYMO_ACT_TANH] = {"tanh", "signed-permutation"},
                   [SYMO_ACT_RELU] = {"relu", "permutation"},
                   [SYMO_ACT_GELU] = {"gelu", "permutation"},
                   [SYMO_ACT_LINEAR] = {"linear", "orthogonal"},
                   [SYMO_ACT_GELU_TANH] = {"gelu-tanh", "permutation"}};
static const char *const losses[] = {[SYMO_LOSS_MSE] = "mse",
                                     [SYMO_LOSS_CROSS_ENTROPY] = "cross-entropy",
                                     [SYMO_LOSS_BERNOULLI] = "bernoulli",
                                     [SYMO_LOSS_TOKENS] = "tokens"};
enum {
  NUM_ACTIVATIONS = sizeof activations / sizeof *activations,
  NUM_LOSSES = sizeof losses / sizeof *losses
};

symo_net_spec symo_net_spec_default(void) {
  return (symo_net_spec){
      .activation = SYMO_ACT_TANH, .loss = SYMO_LOSS_MSE, .bias = true, .dtype = SYMO_F64};
}

const char *symo_activation_name(symo_activation activation) {
  return (size_t)activation < NUM_ACTIVATIONS ? activations[activation].name : "unknown";
}

const char *symo_net_exact_group(symo_activation activation) {
  return (size_t)activation < NUM_ACTIVATIONS ? activations[activation].group : "identity";
}

const char *symo_loss_name(symo_loss loss) {
  return (size_t)loss < NUM_LOSSES ? losses[loss] : "unknown";
}

bool symo_activation_find(const char *name, symo_activation *out) {
  for (size_t i = 0; i < NUM_ACTIVATIONS; i++)
    if (strcmp(name, activations[i].name) == 0) {
      *out = (symo_activation)i;
      return true;
    }
  return false;
}

bool symo_loss_find(const char *name, symo_loss *out) {
  for (size_t i = 0; i < NUM_LOSSES; i++)
    if (strcmp(name, losses[i]) == 0) {
      *out = (symo_loss)i;
      return true;
    }
  return false;
}

void symo_net_spec_set_widths(symo_net_spec *spec, size_t count, const size_t *widths) {
  spec->input = (symo_net_shape){.features = widths[0]};
  spec->num_layers = count - 1;
  for (size_t l = 1; l < count && l <= SYMO_NET_MAX_LAYERS; l++)
    spec->layers[l - 1] = (symo_net_layer){.kind = SYMO_NET_DENSE, .width = widths[l]};
}

size_t symo_net_inputs(const symo_net_spec *spec) {
  return symo_net_positions(&spec->input) * spec->input.features;
}

/* What a layer of the spec is, where the spec has it. */
static bool reads_tokens(const symo_net_spec *spec) {
  const symo_layer *row = spec->num_layers > 0 ? symo_layer_of(spec->layers[0].kind) : NULL;
  return row != NULL && row->tokens;
}

static bool gives_logits(const symo_net_spec *spec) {
  const size_t n = spec->num_layers;
  const symo_layer *row = n > 0 ? symo_layer_of(spec->layers[n - 1].kind) : NULL;
  return row != NULL && row->logits;
}

size_t symo_net_outputs(const symo_net_spec *spec) {
  if (spec->num_layers == 0) return 0;
  const size_t width = spec->layers[spec->num_layers - 1].width;
  return width * (gives_logits(spec) ? symo_net_positions(&spec->input) : 1);
}

size_t symo_net_targets(const symo_net_spec *spec) {
  return spec->loss == SYMO_LOSS_TOKENS ? symo_net_positions(&spec->input) : symo_net_outputs(spec);
}

size_t symo_net_vocabulary(const symo_net_spec *spec) {
  return reads_tokens(spec) ? spec->layers[0].count : 0;
}

symo_status symo_net_set_vocabulary(symo_context *context, symo_net_spec *spec, size_t tokens) {
  if (!reads_tokens(spec))
    return symo_fail(context, SYMO_E_SHAPE,
                     "network: it reads no tokens (write gpt:t64-c128-h4-l4)");
  const size_t now = spec->layers[0].count;
  if (now != 0 && now < tokens)
    return symo_fail(context, SYMO_E_SHAPE,
                     "network: it has %zu %s, the data have %zu (write v%zu)", now,
                     symo_plural(now, "token", "tokens"), tokens, tokens);
  if (now != 0) return SYMO_OK;
  spec->layers[0].count = tokens;
  if (gives_logits(spec)) spec->layers[spec->num_layers - 1].width = tokens;
  return SYMO_OK;
}

bool symo_net_is_plain(const symo_net_spec *spec) {
  for (size_t l = 0; l < spec->num_layers; l++)
    if (spec->layers[l].kind != SYMO_NET_DENSE) return false;
  return spec->input.axes == 0;
}

symo_status symo_net_fit(symo_context *context, symo_net_spec *spec, size_t inputs) {
  const size_t features = spec->input.features, now = symo_net_inputs(spec);
  if (now == 0 && inputs > 0 && inputs % features == 0) {
    spec->input.size[0] = inputs / features;
    return SYMO_OK;
  }
  if (now == 0)
    return symo_fail(context, SYMO_E_SHAPE,
                     "network: %zu %s are no whole number of steps of %zu (use a divisor)", inputs,
                     symo_plural(inputs, "input", "inputs"), features);
  if (now == inputs) return SYMO_OK;
  return symo_fail(context, SYMO_E_SHAPE,
                   "network: it takes %zu %s, not %zu (give data of as many)", now,
                   symo_plural(now, "input", "inputs"), inputs);
}
