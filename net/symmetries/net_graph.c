/* Networks of the engine as graphs.  Images are [channels, height, width] here, sequences [steps,
 * features]; norms run over the last axis, so that images are turned for them and back. */
#include "net/symmetries/net_graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

enum { NAME = 48 };

typedef struct builder {
  graph *g;
  const symo_net_spec *spec;
  symo_net_shape shape; /* what the current value is in the engine */
  size_t value;         /* the current node */
  size_t weights, hidden, norms, depth;
  size_t forks[SYMO_NET_MAX_LAYERS];
  bool sequence; /* positions are steps */
  bool flat;     /* a single axis */
} builder;

/* Adds the node, made from the current value, and makes it the current one. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static symo_status
step(builder *b, graph_node node, const char *format, ...) {
  char name[NAME];
  va_list list;
  va_start(list, format);
  (void)vsnprintf(name, sizeof name, format, list);
  va_end(list);
  node.name = graph_keep(b->g, name);
  if (node.name == NULL) return SYMO_E_MEMORY;
  if (node.num_from == 0 && node.op != GRAPH_INPUT) {
    node.num_from = 1;
    node.from[0] = b->value;
  }
  symo_status status = graph_add(b->g, &node);
  if (status == SYMO_OK) b->value = b->g->num_nodes - 1;
  return status;
}

#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
static symo_status
name_tensor(builder *b, graph_node *node, graph_role role, const char *format, ...) {
  char name[NAME];
  va_list list;
  va_start(list, format);
  (void)vsnprintf(name, sizeof name, format, list);
  va_end(list);
  node->tensor[role] = graph_keep(b->g, name);
  return node->tensor[role] == NULL ? SYMO_E_MEMORY : SYMO_OK;
}

static symo_status activate(builder *b) {
  graph_node node = {.op = GRAPH_ACTIVATION, .function = symo_activation_name(b->spec->activation)};
  return step(b, node, "a%zu", b->weights);
}

/* ---- layers with weights ---- */

static bool last_layer(const builder *b) { return b->weights == b->hidden + 1; }

/* "3", or "" where the only hidden layer is recurrent. */
static void number_of(const builder *b, char text[NAME]) {
  text[0] = '\0';
  if (b->hidden > 1) (void)snprintf(text, NAME, "%zu", b->weights);
}

static symo_status add_dense(builder *b, const symo_net_layer *layer) {
  graph_node node = {.op = GRAPH_DENSE, .out = layer->width};
  char number[NAME];
  (void)snprintf(number, sizeof number, "%zu", b->weights);
  if (b->sequence && last_layer(b)) (void)snprintf(number, sizeof number, "o");
  symo_status status = name_tensor(b, &node, ROLE_WEIGHT, "w%s", number);
  if (status == SYMO_OK && b->spec->bias) status = name_tensor(b, &node, ROLE_BIAS, "b%s", number);
  if (status != SYMO_OK) return status;
  if (last_layer(b)) return step(b, node, "out");
  status = step(b, node, "h%zu", b->weights);
  return status == SYMO_OK ? activate(b) : status;
}

static symo_status add_recurrent(builder *b, const symo_net_layer *layer) {
  graph_node node = {.op = GRAPH_RECURRENT,
                     .out = layer->width,
                     .function = symo_activation_name(b->spec->activation)};
  char number[NAME];
  number_of(b, number);
  symo_status status = name_tensor(b, &node, ROLE_WEIGHT, "wx%s", number);
  if (status == SYMO_OK) status = name_tensor(b, &node, ROLE_WEIGHT_HIDDEN, "wh%s", number);
  if (status == SYMO_OK && b->spec->bias) status = name_tensor(b, &node, ROLE_BIAS, "b%s", number);
  return status == SYMO_OK ? step(b, node, "h%s", number) : status;
}

static symo_status add_conv(builder *b, const symo_net_layer *layer) {
  graph_node node = {.op = b->shape.axes == 1 ? GRAPH_CONV1D : GRAPH_CONV2D,
                     .out = layer->width,
                     .order = b->shape.axes,
                     .sizes = {layer->window[0], layer->window[1]},
                     .kind = layer->circular ? "circular" : "zero"};
  symo_status status = name_tensor(b, &node, ROLE_WEIGHT, "w%zu", b->weights);
  if (status == SYMO_OK && b->spec->bias)
    status = name_tensor(b, &node, ROLE_BIAS, "b%zu", b->weights);
  if (status == SYMO_OK) status = step(b, node, "h%zu", b->weights);
  return status == SYMO_OK ? activate(b) : status;
}

/* ---- layers without ---- */

/* Features to the end, or back to the front. */
static symo_status turn(builder *b, bool back) {
  size_t axes = b->shape.axes + 1;
  graph_node node = {.op = GRAPH_TRANSPOSE, .order = axes};
  if (b->flat || axes == 1) return SYMO_OK;
  for (size_t a = 0; a < axes; a++) node.sizes[a] = (back ? a + axes - 1 : a + 1) % axes;
  return step(b, node, "turn%zu", b->g->num_nodes);
}

static symo_status add_norm(builder *b, const symo_net_layer *layer) {
  bool rms = layer->kind == SYMO_NET_RMS_NORM;
  const char *name = rms ? "rms" : "ln";
  graph_node node = {.op = rms ? GRAPH_RMSNORM : GRAPH_LAYERNORM};
  b->norms++;
  symo_status status = name_tensor(b, &node, ROLE_GAIN, "%s%zu.gain", name, b->norms);
  if (status == SYMO_OK && !rms && b->spec->bias)
    status = name_tensor(b, &node, ROLE_BIAS, "%s%zu.bias", name, b->norms);
  if (status == SYMO_OK && !b->sequence) status = turn(b, false);
  if (status == SYMO_OK) status = step(b, node, "%s%zu", name, b->norms);
  return status == SYMO_OK && !b->sequence ? turn(b, true) : status;
}

static symo_status add_pool(builder *b, const symo_net_layer *layer) {
  graph_node node = {.op = GRAPH_POOL,
                     .order = b->shape.axes,
                     .sizes = {layer->window[0], layer->window[1]},
                     .kind = layer->kind == SYMO_NET_MAX_POOL ? "max" : "average"};
  return step(b, node, "pool%zu", b->g->num_nodes);
}

static symo_status add_flatten(builder *b) {
  graph_node node = {.op = GRAPH_FLATTEN};
  symo_status status = b->sequence ? turn(b, false) : SYMO_OK;
  if (status == SYMO_OK) status = step(b, node, "flatten%zu", b->g->num_nodes);
  b->flat = true;
  return status;
}

static symo_status add_block_end(builder *b) {
  graph_node node = {.op = GRAPH_ADD, .num_from = 2, .from = {b->forks[--b->depth], b->value}};
  return step(b, node, "add%zu", b->g->num_nodes);
}

static symo_status add_layer(builder *b, const symo_net_layer *layer) {
  graph_node last = {.op = GRAPH_REDUCE, .axis = 0, .kind = "last"};
  switch (layer->kind) {
  case SYMO_NET_DENSE: b->weights++; return add_dense(b, layer);
  case SYMO_NET_RECURRENT: b->weights++; return add_recurrent(b, layer);
  case SYMO_NET_CONV: b->weights++; return add_conv(b, layer);
  case SYMO_NET_MEAN_POOL:
  case SYMO_NET_MAX_POOL: return add_pool(b, layer);
  case SYMO_NET_FLATTEN: return add_flatten(b);
  case SYMO_NET_LAST: return step(b, last, "last%zu", b->g->num_nodes);
  case SYMO_NET_LAYER_NORM:
  case SYMO_NET_RMS_NORM: return add_norm(b, layer);
  case SYMO_NET_FORK: b->forks[b->depth++] = b->value; return SYMO_OK;
  default: return add_block_end(b);
  }
}

static symo_status add_input(builder *b) {
  const symo_net_shape *x = &b->spec->input;
  graph_node node = {.op = GRAPH_INPUT, .order = x->axes + 1};
  for (size_t a = 0; a < x->axes; a++)
    node.sizes[b->sequence ? a : a + 1] = x->size[a] > 0 ? x->size[a] : 1;
  node.sizes[b->sequence ? x->axes : 0] = x->features;
  return step(b, node, "in");
}

static symo_status add_all(builder *b) {
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  if (b->spec->loss == SYMO_LOSS_TOKENS)
    return symo_fail(b->g->context, SYMO_E_ARGUMENT,
                     "network: a transformer is not taken apart here (its layout is known: symo "
                     "verify --net measures it; or describe a block by --graph, as "
                     "experiments/examples/graph-gpt-block.json does)");
  symo_status status = symo_net_shapes(b->g->context, b->spec, shapes);
  for (size_t l = 0; l < b->spec->num_layers; l++) {
    symo_net_kind kind = b->spec->layers[l].kind;
    b->sequence = b->sequence || kind == SYMO_NET_RECURRENT;
    if (kind == SYMO_NET_DENSE || kind == SYMO_NET_RECURRENT || kind == SYMO_NET_CONV) b->hidden++;
  }
  b->hidden -= b->hidden > 0;
  if (status == SYMO_OK) status = add_input(b);
  for (size_t l = 0; l < b->spec->num_layers && status == SYMO_OK; l++) {
    b->shape = shapes[l];
    status = add_layer(b, &b->spec->layers[l]);
  }
  if (status != SYMO_OK) return status;
  graph_node output = {.op = GRAPH_OUTPUT, .kind = symo_loss_name(b->spec->loss)};
  return step(b, output, "loss");
}

symo_status graph_of_net(symo_context *context, const symo_net_spec *spec, graph **out) {
  builder b = {.spec = spec};
  symo_status status = graph_create(context, "network", &b.g);
  if (status != SYMO_OK) return status;
  b.g->dtype = spec->dtype;
  status = add_all(&b);
  if (status == SYMO_OK)
    *out = b.g;
  else
    graph_destroy(b.g);
  return status;
}
