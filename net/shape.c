/* What layers do to the shape of an example, and which layers can stand where. */
#include "net/shape.h"

#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

/* Features at all positions together, where there are positions; logits of long texts are many. */
enum { MOST_NUMBERS = 1 << 24, MOST_TOKEN_NUMBERS = 1 << 30 };

static const char *const names[] = {[SYMO_NET_DENSE] = "dense",
                                    [SYMO_NET_RECURRENT] = "recurrent",
                                    [SYMO_NET_CONV] = "convolution",
                                    [SYMO_NET_MEAN_POOL] = "average pool",
                                    [SYMO_NET_MAX_POOL] = "maximum pool",
                                    [SYMO_NET_FLATTEN] = "flatten",
                                    [SYMO_NET_LAST] = "last step",
                                    [SYMO_NET_LAYER_NORM] = "LayerNorm",
                                    [SYMO_NET_RMS_NORM] = "RMSNorm",
                                    [SYMO_NET_FORK] = "residual block",
                                    [SYMO_NET_ADD] = "end of a residual block",
                                    [SYMO_NET_EMBEDDING] = "embedding",
                                    [SYMO_NET_ATTENTION] = "attention",
                                    [SYMO_NET_DROPOUT] = "dropout",
                                    [SYMO_NET_HEAD] = "head"};

const char *symo_net_kind_name(symo_net_kind kind) {
  return (size_t)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

bool symo_net_kind_weighs(symo_net_kind kind) {
  return kind == SYMO_NET_DENSE || kind == SYMO_NET_RECURRENT || kind == SYMO_NET_CONV ||
         kind == SYMO_NET_HEAD;
}

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

static bool refuse(char why[SYMO_NET_MAX_REASON], const char *text) {
  (void)snprintf(why, SYMO_NET_MAX_REASON, "%s", text);
  return false;
}

/* ---- the single rules ---- */

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

bool symo_net_walk_input(const symo_net_shape *input, char why[SYMO_NET_MAX_REASON]) {
  if (input->axes > 2) return refuse(why, "an input of more than two axes (use 0 to 2)");
  if (!check_width(input->features, why)) return false;
  for (size_t a = 0; a < input->axes; a++)
    if (input->size[a] == 0 && input->axes > 1) return refuse(why, "an image of no positions");
  return check_room(input, 1, MOST_NUMBERS, why);
}

static bool check_conv(const symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  size_t entries = 1;
  for (size_t a = 0; a < walk->now.axes; a++) {
    const size_t kernel = layer->window[a], size = walk->now.size[a];
    if (kernel % 2 == 0) return refuse(why, "a kernel is odd (use 1, 3, 5, ..)");
    if (kernel / 2 >= size) {
      (void)snprintf(why, SYMO_NET_MAX_REASON,
                     "kernel %zu reaches past an axis of %zu (use at most %zu)", kernel, size,
                     2 * size - 1);
      return false;
    }
    entries *= kernel;
  }
  return check_room(&walk->now, entries, MOST_NUMBERS, why);
}

static bool check_pool(const symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  for (size_t a = 0; a < walk->now.axes; a++)
    if (layer->window[a] == 0 || walk->now.size[a] % layer->window[a] != 0) {
      (void)snprintf(why, SYMO_NET_MAX_REASON,
                     "window %zu does not divide an axis of %zu (use a divisor)", layer->window[a],
                     walk->now.size[a]);
      return false;
    }
  return true;
}

static bool check_embedding(symo_net_walk *walk, const symo_net_layer *layer,
                            char why[SYMO_NET_MAX_REASON]) {
  if (walk->taken > 0 || walk->now.axes != 1 || walk->now.features != 1)
    return refuse(why, "it comes first, of numbers of tokens (write gpt:t64-c128-h4-l4)");
  if (layer->count > INT32_MAX) return refuse(why, "too many tokens (use at most 2147483647)");
  walk->tokens = true;
  walk->vocabulary = layer->count, walk->embedded = layer->width;
  return check_width(layer->width, why);
}

static bool check_attention(const symo_net_walk *walk, const symo_net_layer *layer,
                            char why[SYMO_NET_MAX_REASON]) {
  if (layer->count == 0 || walk->now.features % layer->count != 0) {
    (void)snprintf(why, SYMO_NET_MAX_REASON, "%zu %s do not divide width %zu (use a divisor)",
                   layer->count, symo_plural(layer->count, "head", "heads"), walk->now.features);
    return false;
  }
  return check_room(&walk->now, 3, MOST_TOKEN_NUMBERS, why);
}

static bool check_rate(double rate, char why[SYMO_NET_MAX_REASON]) {
  if (rate >= 0.0 && rate < 1.0) return true;
  (void)snprintf(why, SYMO_NET_MAX_REASON, "dropout %g (it lies in [0, 1))", rate);
  return false;
}

static bool check_head(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  walk->ended = true;
  if (layer->width != walk->vocabulary)
    return refuse(why, "it has not as many logits as there are tokens");
  return !layer->tied || walk->now.features == walk->embedded ||
         refuse(why, "tied to an embedding of another width");
}

/* What a layer reads: a vector, a sequence, an image, tokens. */
static bool check_axes(const symo_net_walk *walk, symo_net_kind kind,
                       char why[SYMO_NET_MAX_REASON]) {
  const size_t axes = walk->now.axes;
  switch (kind) {
  case SYMO_NET_DENSE:
    return axes == 0 || walk->tokens ||
           refuse(why, "it takes vectors (flatten first, or take the last step)");
  case SYMO_NET_RECURRENT:
  case SYMO_NET_LAST:
    return axes == 1 || refuse(why, "it takes sequences (write rnn:INPUTS-HIDDEN-OUTPUTS)");
  case SYMO_NET_CONV:
  case SYMO_NET_MEAN_POOL:
  case SYMO_NET_MAX_POOL:
  case SYMO_NET_FLATTEN:
    if (axes == 0)
      return refuse(why, "it takes an image, not a vector (write conv:8x8x1-..., before the first "
                         "dense layer)");
    return symo_net_positions(&walk->now) > 0 || refuse(why, "the number of steps is open");
  case SYMO_NET_ATTENTION:
  case SYMO_NET_HEAD:
    return (walk->tokens && axes == 1) || refuse(why, "it takes tokens (write gpt:t64-c128-h4-l4)");
  default: return true;
  }
}

/* ---- one layer ---- */

static bool close_block(symo_net_walk *walk, char why[SYMO_NET_MAX_REASON]) {
  if (walk->depth == 0) return refuse(why, "no residual block is open (write res before add)");
  if (walk->fresh) return refuse(why, "an empty residual block (put a layer into it)");
  const symo_net_shape *from = &walk->forks[--walk->depth], *to = &walk->now;
  bool same = from->axes == to->axes && from->features == to->features;
  for (size_t a = 0; a < from->axes && same; a++) same = from->size[a] == to->size[a];
  if (same) return true;
  char before[64], after[64];
  symo_net_shape_text(from, before);
  symo_net_shape_text(to, after);
  (void)snprintf(why, SYMO_NET_MAX_REASON, "the residual block turns %s into %s (keep the shape)",
                 before, after);
  return false;
}

bool symo_net_walk_layer(symo_net_walk *walk, const symo_net_layer *layer,
                         char why[SYMO_NET_MAX_REASON]) {
  if (walk->ended) return refuse(why, "nothing follows a head");
  if (!check_axes(walk, layer->kind, why)) return false;
  symo_net_shape *now = &walk->now;
  bool fork = layer->kind == SYMO_NET_FORK, fine = true;
  switch (layer->kind) {
  case SYMO_NET_CONV: fine = check_conv(walk, layer, why); /* fall through */
  case SYMO_NET_DENSE:
  case SYMO_NET_RECURRENT:
    fine = fine && check_width(layer->width, why);
    now->features = layer->width;
    break;
  case SYMO_NET_MEAN_POOL:
  case SYMO_NET_MAX_POOL:
    fine = check_pool(walk, layer, why);
    for (size_t a = 0; fine && a < now->axes; a++) now->size[a] /= layer->window[a];
    break;
  case SYMO_NET_FLATTEN:
    *now = (symo_net_shape){.features = now->features * symo_net_positions(now)};
    break;
  case SYMO_NET_LAST: *now = (symo_net_shape){.features = now->features}; break;
  case SYMO_NET_FORK:
    if (walk->depth == SYMO_NET_MAX_LAYERS) return refuse(why, "too many residual blocks");
    walk->forks[walk->depth++] = *now;
    break;
  case SYMO_NET_ADD: fine = close_block(walk, why); break;
  case SYMO_NET_LAYER_NORM:
  case SYMO_NET_RMS_NORM: break;
  case SYMO_NET_EMBEDDING:
    fine = check_embedding(walk, layer, why);
    now->features = layer->width;
    break;
  case SYMO_NET_ATTENTION:
    fine = check_attention(walk, layer, why) && check_rate(layer->rate, why);
    break;
  case SYMO_NET_DROPOUT: fine = check_rate(layer->rate, why); break;
  case SYMO_NET_HEAD:
    fine = check_head(walk, layer, why);
    now->features = layer->width;
    break;
  default: return refuse(why, "unknown kind of layer (use those of net.h)");
  }
  walk->fresh = fork;
  walk->taken++;
  return fine && check_room(now, 1, walk->tokens ? MOST_TOKEN_NUMBERS : MOST_NUMBERS, why);
}

/* ---- whole specs ---- */

/* As a double: sizes from a command line may multiply to anything. */
static double count_layer(const symo_net_spec *spec, const symo_net_layer *layer,
                          const symo_net_shape *before) {
  const double in = (double)before->features, width = (double)layer->width;
  const double bias = spec->bias ? 1.0 : 0.0;
  switch (layer->kind) {
  case SYMO_NET_DENSE: return width * (in + bias);
  case SYMO_NET_CONV: return width * (in * (double)symo_net_kernel(layer, before) + bias);
  case SYMO_NET_RECURRENT: return width * (in + width + bias);
  case SYMO_NET_EMBEDDING:
    return width * ((double)layer->count + (double)symo_net_positions(before));
  case SYMO_NET_ATTENTION: return 4.0 * in * (in + bias);
  case SYMO_NET_HEAD: return layer->tied ? 0.0 : width * in;
  case SYMO_NET_LAYER_NORM: return in * (1.0 + bias);
  case SYMO_NET_RMS_NORM: return in;
  default: return 0.0;
  }
}

/* Every later product of sizes is bounded by a small multiple of these. */
static symo_status check_parameters(symo_context *context, const symo_net_spec *spec,
                                    const symo_net_shape *shapes) {
  double total = 0.0;
  for (size_t l = 0; l < spec->num_layers; l++) {
    total += count_layer(spec, &spec->layers[l], &shapes[l]);
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
  for (size_t l = 0; l < spec->num_layers; l++) {
    if (!symo_net_walk_layer(&walk, &spec->layers[l], why))
      return symo_fail(context, SYMO_E_ARGUMENT, "network: layer %zu (%s): %s", l + 1,
                       symo_net_kind_name(spec->layers[l].kind), why);
    shapes[l + 1] = walk.now;
  }
  const symo_net_kind last = spec->layers[spec->num_layers - 1].kind;
  if ((last == SYMO_NET_HEAD) != (spec->loss == SYMO_LOSS_TOKENS))
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: loss %s and last layer %s (tokens and a head belong together)",
                     symo_loss_name(spec->loss), symo_net_kind_name(last));
  if (walk.depth > 0 || (last != SYMO_NET_DENSE && last != SYMO_NET_HEAD))
    return symo_fail(context, SYMO_E_ARGUMENT, "network: %s (end with a dense layer)",
                     walk.depth > 0 ? "a residual block is open" : "the last layer has no outputs");
  return check_parameters(context, spec, shapes);
}

double symo_net_count(const symo_net_spec *spec) {
  double sum = 0.0;
  char why[SYMO_NET_MAX_REASON];
  symo_net_walk walk = {.now = spec->input};
  for (size_t l = 0; l < spec->num_layers; l++) {
    sum += count_layer(spec, &spec->layers[l], &walk.now);
    if (!symo_net_walk_layer(&walk, &spec->layers[l], why)) break;
  }
  return sum;
}
