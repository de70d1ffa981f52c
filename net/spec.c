/* Network specs: names, defaults, sizes; what layers do to the shape of an example, and where each
 * can stand. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
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

bool symo_net_reads_tokens(const symo_net_spec *spec) {
  const symo_layer *row = spec->num_layers > 0 ? symo_layer_of(spec->layers[0].kind) : NULL;
  return row != NULL && row->tokens;
}

static bool gives_logits(const symo_net_spec *spec) {
  const size_t n = spec->num_layers;
  const symo_layer *row = n > 0 ? symo_layer_of(spec->layers[n - 1].kind) : NULL;
  return row != NULL && row->logits;
}

/* Windows may have made the steps fewer. */
static size_t outputs_of_steps(const symo_net_spec *spec) {
  char why[SYMO_NET_MAX_REASON];
  symo_net_walk walk = {.now = spec->input};
  for (size_t l = 0; l < spec->num_layers; l++)
    if (!symo_net_walk_layer(&walk, &spec->layers[l], why)) return 0;
  return walk.now.features;
}

size_t symo_net_outputs(const symo_net_spec *spec) {
  if (spec->num_layers == 0) return 0;
  const symo_net_layer *last = &spec->layers[spec->num_layers - 1];
  if (last->each) return outputs_of_steps(spec);
  return last->width * (gives_logits(spec) ? symo_net_positions(&spec->input) : 1);
}

size_t symo_net_targets(const symo_net_spec *spec) {
  return spec->loss == SYMO_LOSS_TOKENS ? symo_net_positions(&spec->input) : symo_net_outputs(spec);
}

size_t symo_net_vocabulary(const symo_net_spec *spec) {
  return symo_net_reads_tokens(spec) ? spec->layers[0].count : 0;
}

symo_status symo_net_set_vocabulary(symo_context *context, symo_net_spec *spec, size_t tokens) {
  if (!symo_net_reads_tokens(spec))
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
  for (size_t l = 0; l < spec->num_layers; l++) {
    const symo_layer *row = symo_layer_of(spec->layers[l].kind);
    if (row == NULL || !row->dense) return false;
  }
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

/* ---- shapes ---- */

/* Features at all positions together, where there are positions; logits of long texts are many. */
enum { MOST_NUMBERS = 1 << 24, MOST_TOKEN_NUMBERS = 1 << 30 };

size_t symo_net_positions(const symo_net_shape *shape) {
  size_t count = 1;
  for (size_t a = 0; a < shape->axes; a++) count *= shape->size[a];
  return count;
}

size_t symo_net_kernel(const symo_net_layer *layer, const symo_net_shape *shape) {
  size_t count = 1;
  for (size_t a = 0; a < shape->axes; a++) count *= layer->window[a];
  return count;
}

void symo_net_shape_text(const symo_net_shape *shape, char text[64]) {
  int at = 0;
  for (size_t a = 0; a < shape->axes && a < 2; a++)
    at += snprintf(text + at, 64 - (size_t)at, "%zux", shape->size[a]);
  (void)snprintf(text + at, 64 - (size_t)at, "%zu", shape->features);
}

bool symo_walk_refuse(char why[SYMO_NET_MAX_REASON], const char *text) {
  (void)snprintf(why, SYMO_NET_MAX_REASON, "%s", text);
  return false;
}

/* ---- single rules ---- */

static bool check_width(size_t width, char why[SYMO_NET_MAX_REASON]) {
  if (width >= 1 && width <= INT32_MAX) return true;
  (void)snprintf(why, SYMO_NET_MAX_REASON, "width %zu (use 1 to %d)", width, INT32_MAX);
  return false;
}

static bool check_room(const symo_net_shape *shape, size_t times, size_t most,
                       char why[SYMO_NET_MAX_REASON]) {
  if (shape->axes == 0) return true;
  size_t count = shape->features;
  for (size_t a = 0; a < shape->axes; a++)
    if (!symo_mul_size(count, shape->size[a], &count)) count = SIZE_MAX;
  if (symo_mul_size(count, times, &count) && count <= most) return true;
  (void)snprintf(why, SYMO_NET_MAX_REASON, "too many numbers in an example (at most %zu)", most);
  return false;
}

bool symo_walk_width(symo_net_walk *walk, size_t width, char why[SYMO_NET_MAX_REASON]) {
  walk->now.features = width;
  return check_width(width, why);
}

bool symo_walk_room(const symo_net_walk *walk, size_t times, char why[SYMO_NET_MAX_REASON]) {
  return check_room(&walk->now, times, walk->tokens ? MOST_TOKEN_NUMBERS : MOST_NUMBERS, why);
}

bool symo_walk_rate(double rate, char why[SYMO_NET_MAX_REASON]) {
  if (rate >= 0.0 && rate < 1.0) return true;
  (void)snprintf(why, SYMO_NET_MAX_REASON, "dropout %g (it lies in [0, 1))", rate);
  return false;
}

bool symo_walk_sequence(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]) {
  return walk->now.axes == 1 ||
         symo_walk_refuse(why, "it takes sequences (write rnn:INPUTS-HIDDEN-OUTPUTS)");
}

bool symo_walk_image(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]) {
  if (walk->now.axes == 0)
    return symo_walk_refuse(why, "it takes an image, not a vector (write conv:8x8x1-..., before "
                                 "the first dense layer)");
  return symo_net_positions(&walk->now) > 0 || symo_walk_refuse(why, "the number of steps is open");
}

bool symo_walk_tokens(const symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]) {
  return (walk->tokens && walk->now.axes == 1) ||
         symo_walk_refuse(why, "it takes tokens (write gpt:t64-c128-h4-l4)");
}

bool symo_net_walk_input(const symo_net_shape *input, char why[SYMO_NET_MAX_REASON]) {
  if (input->axes > 2) return symo_walk_refuse(why, "an input of more than two axes (use 0 to 2)");
  if (!check_width(input->features, why)) return false;
  for (size_t a = 0; a < input->axes; a++)
    if (input->size[a] == 0 && input->axes > 1)
      return symo_walk_refuse(why, "an image of no positions");
  return check_room(input, 1, MOST_NUMBERS, why);
}

bool symo_net_walk_layer(symo_net_walk *walk, const symo_net_layer *layer,
                         char why[SYMO_NET_MAX_REASON]) {
  const symo_layer *row = symo_layer_of(layer->kind);
  const size_t depth = walk->depth;
  if (walk->ended) return symo_walk_refuse(why, "nothing follows a head or outputs at each step");
  if (row == NULL) return symo_walk_refuse(why, "unknown kind of layer (use those of net.h)");
  if (!row->shape(walk, layer, why)) return false;
  walk->fresh = walk->depth > depth;
  walk->ended = row->logits || layer->each;
  walk->taken++;
  return symo_walk_room(walk, 1, why);
}

/* ---- whole specs ---- */

/* Every later product of sizes is bounded by a small multiple of these. */
static symo_status check_parameters(symo_context *context, const symo_net_spec *spec,
                                    const symo_net_shape *shapes) {
  double total = 0.0;
  for (size_t l = 0; l < spec->num_layers; l++) {
    total += symo_layer_of(spec->layers[l].kind)->count(spec, &spec->layers[l], &shapes[l]);
    if (!(total <= (double)(SIZE_MAX >> 16)))
      return symo_fail(context, SYMO_E_SIZE,
                       "network: too many parameters in layer %zu (narrow it)", l + 1);
  }
  return SYMO_OK;
}

symo_status symo_net_shapes(symo_context *context, const symo_net_spec *spec,
                            symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1]) {
  char why[SYMO_NET_MAX_REASON];
  if (spec->num_layers < 1 || spec->num_layers > SYMO_NET_MAX_LAYERS)
    return symo_fail(context, SYMO_E_ARGUMENT, "network: %zu %s (use 1 to %d)", spec->num_layers,
                     symo_plural(spec->num_layers, "layer", "layers"), (int)SYMO_NET_MAX_LAYERS);
  if (spec->dtype != SYMO_F32 && spec->dtype != SYMO_F64)
    return symo_fail(context, SYMO_E_DTYPE, "network: number type %s (use f32 or f64)",
                     symo_dtype_name(spec->dtype));
  if ((unsigned)spec->activation > SYMO_ACT_GELU_TANH || (unsigned)spec->loss > SYMO_LOSS_TOKENS)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: unknown activation or loss (use those of net.h)");
  if (!symo_net_walk_input(&spec->input, why))
    return symo_fail(context, SYMO_E_ARGUMENT, "network input: %s", why);
  symo_net_walk walk = {.now = shapes[0] = spec->input};
  const symo_layer *row = NULL;
  for (size_t l = 0; l < spec->num_layers; l++) {
    row = symo_layer_of(spec->layers[l].kind);
    if (!symo_net_walk_layer(&walk, &spec->layers[l], why))
      return symo_fail(context, SYMO_E_ARGUMENT, "network: layer %zu (%s): %s", l + 1,
                       row != NULL ? row->name : "unknown", why);
    shapes[l + 1] = walk.now;
  }
  assert(row != NULL); /* of the last layer, and there is one */
  if (row->logits != (spec->loss == SYMO_LOSS_TOKENS))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: loss %s and last layer %s (tokens and a head belong together)",
                     symo_loss_name(spec->loss), row->name);
  if (spec->layers[spec->num_layers - 1].each && spec->loss == SYMO_LOSS_CROSS_ENTROPY)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: cross-entropy is of one distribution, not of outputs at each step "
                     "(take loss mse or bernoulli, or the last step)");
  if (walk.depth > 0 || !row->outputs)
    return symo_fail(context, SYMO_E_ARGUMENT, "network: %s (end with a dense layer)",
                     walk.depth > 0 ? "a residual block is open" : "the last layer has no outputs");
  return check_parameters(context, spec, shapes);
}

double symo_net_count(const symo_net_spec *spec) {
  double sum = 0.0;
  char why[SYMO_NET_MAX_REASON];
  symo_net_walk walk = {.now = spec->input};
  for (size_t l = 0; l < spec->num_layers; l++) {
    const symo_layer *row = symo_layer_of(spec->layers[l].kind);
    if (row != NULL) sum += row->count(spec, &spec->layers[l], &walk.now);
    if (!symo_net_walk_layer(&walk, &spec->layers[l], why)) break;
  }
  return sum;
}
