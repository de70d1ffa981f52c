/* The life of a network: from the layers of a spec to nodes and buffers, and its parameters. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "net/gpt.h"
#include "net/kernels.h"
#include "net/layer.h"

size_t symo_build_positions(const symo_net_builder *b) { return b->net->positions[b->at]; }
size_t symo_build_width(const symo_net_builder *b) { return b->net->widths[b->at]; }

int symo_build_buffer(symo_net_builder *b, size_t positions, size_t width, bool hidden) {
  symo_net *net = b->net;
  assert(net->num_buffers < SYMO_NET_MAX_BUFFERS);
  net->positions[net->num_buffers] = positions;
  net->widths[net->num_buffers] = width;
  net->hidden[net->num_buffers] = hidden;
  return (int)net->num_buffers++;
}

/* Before the first parameter there is nothing to differentiate by. */
symo_node *symo_build_node(symo_net_builder *b, const symo_op *op, size_t positions, size_t width) {
  symo_net *net = b->net;
  const int in = b->at;
  assert(net->num_nodes + 1 < SYMO_NET_MAX_NODES);
  b->at = symo_build_buffer(b, positions, width, net->parameters > 0);
  symo_node *node = &net->nodes[net->num_nodes++];
  *node = (symo_node){.op = op, .in = {in, -1}, .out = {b->at, -1}, .saved = {-1, -1}};
  node->in_width = net->widths[in], node->out_width = width;
  node->in_rows = net->positions[in], node->out_rows = positions;
  node->shape = b->shape;
  return node;
}

void symo_build_parameters(symo_net_builder *b, symo_node *node, size_t rows, size_t columns,
                           bool bias) {
  symo_net *net = b->net;
  node->weight_rows = rows, node->weight_columns = columns;
  node->weight = net->parameters;
  node->bias = node->weight + rows * columns;
  node->has_bias = bias;
  net->parameters = node->bias + (bias ? rows : 0);
  net->hidden[node->out[0]] = true;
}

void symo_build_weight(symo_net_builder *b, symo_node *node, size_t rows, size_t columns,
                       bool bias) {
  symo_net *net = b->net;
  assert(net->num_weights < SYMO_NET_MAX_WEIGHTS);
  net->weights[net->num_weights++] = (size_t)(node - net->nodes);
  symo_build_parameters(b, node, rows, columns, bias);
}

void symo_build_dense(symo_net_builder *b, size_t width, bool bias) {
  const size_t in = symo_build_width(b);
  symo_node *node = symo_build_node(b, &symo_op_dense, symo_build_positions(b), width);
  symo_build_weight(b, node, width, in, bias);
}

void symo_build_activation(symo_net_builder *b) {
  const size_t positions = symo_build_positions(b), width = symo_build_width(b);
  if (b->net->spec.activation == SYMO_ACT_LINEAR) return;
  symo_node *node = symo_build_node(b, &symo_op_activation, positions, width);
  node->activation = b->net->spec.activation;
  node->saved[0] = symo_build_buffer(b, positions, width, false);
  node->saved[1] = symo_build_buffer(b, positions, width, false);
}

static void add_loss(symo_net_builder *b) {
  static const symo_op *const losses[] = {[SYMO_LOSS_MSE] = &symo_op_mse,
                                          [SYMO_LOSS_CROSS_ENTROPY] = &symo_op_cross_entropy,
                                          [SYMO_LOSS_BERNOULLI] = &symo_op_bernoulli,
                                          [SYMO_LOSS_TOKENS] = &symo_op_tokens};
  symo_net *net = b->net;
  const symo_loss kind = net->spec.loss;
  const size_t positions = net->positions[b->at], width = net->widths[b->at];
  symo_node *loss = &net->nodes[net->num_nodes++];
  *loss = (symo_node){.op = losses[kind],
                      .in = {b->at, -1},
                      .out = {-1, -1},
                      .saved = {-1, -1},
                      .in_width = width,
                      .in_rows = positions};
  if (kind != SYMO_LOSS_MSE)
    loss->saved[0] = symo_build_buffer(b, positions, kind == SYMO_LOSS_TOKENS ? 1 : width, false);
}

static void build_nodes(symo_net *net, const symo_net_shape *shapes) {
  const symo_net_spec *spec = &net->spec;
  symo_net_builder b = {.net = net, .shape = shapes[0]};
  const size_t positions = symo_net_positions(&shapes[0]);
  net->plain = symo_net_is_plain(spec);
  net->inputs = symo_net_inputs(spec), net->outputs = symo_net_outputs(spec);
  net->targets = symo_net_targets(spec);
  net->tokens[SYMO_NET_INPUTS] = symo_layer_of(spec->layers[0].kind)->tokens;
  net->tokens[SYMO_NET_TARGETS] = spec->loss == SYMO_LOSS_TOKENS;
  b.at = symo_build_buffer(&b, 1, net->inputs, false);
  if (shapes[0].axes > 0 && !net->tokens[SYMO_NET_INPUTS])
    symo_build_node(&b, &symo_op_arrange, positions, shapes[0].features);
  for (size_t l = 0; l < spec->num_layers; l++) {
    b.shape = shapes[l], b.after = shapes[l + 1], b.last = l + 1 == spec->num_layers;
    symo_layer_of(spec->layers[l].kind)->build(&b, &spec->layers[l]);
  }
  add_loss(&b);
}

/* ---- create ---- */

symo_status symo_net_create(symo_context *context, const symo_net_spec *spec, symo_net **out) {
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  symo_status status = symo_net_shapes(context, spec, shapes);
  if (status != SYMO_OK) return status;
  if (symo_net_inputs(spec) == 0)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: the number of steps is open (write rnn:STEPSxINPUTS-..., or fit the "
                     "spec to the data)");
  if (symo_layer_of(spec->layers[0].kind)->tokens && spec->layers[0].count == 0)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "network: the vocabulary is open (write gpt:v65-..., or set it from the data)");
  symo_net *net = symo_calloc(1, sizeof *net);
  if (net == NULL) return symo_fail_memory(context, "symo_net_create");
  net->context = context;
  net->spec = *spec;
  build_nodes(net, shapes);
  SYMO_TRY(symo_net_plan(net));
  *out = net;
  return SYMO_OK;
fail:
  symo_net_destroy(net);
  return status;
}

void symo_net_destroy(symo_net *net) {
  if (net == NULL) return;
  symo_net_free_lanes(net);
  void *owned[] = {net->whole,  net->tangents, net->cotangent_tangents,         net->packs,
                   net->panels, net->x,        net->y == net->x ? NULL : net->y};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
  symo_free(net);
}

const symo_net_spec *symo_net_get_spec(const symo_net *net) { return &net->spec; }
size_t symo_net_num_parameters(const symo_net *net) { return net->parameters; }

void symo_net_set_dropout(symo_net *net, bool on, uint64_t seed) {
  net->dropping = on;
  net->seed = seed;
}

/* ---- parameters ---- */

size_t symo_net_num_weights(const symo_net *net) { return net->num_weights; }

symo_net_weight symo_net_get_weight(const symo_net *net, size_t index) {
  const symo_node *node = &net->nodes[net->weights[index]];
  return (symo_net_weight){.inputs = node->weight_columns,
                           .outputs = node->weight_rows,
                           .rows = node->in_rows,
                           .weight = node->weight,
                           .bias = node->bias,
                           .has_bias = node->has_bias};
}

/* The gains of norms := 1, or += 1. */
static void add_gains(const symo_net *net, void *theta) {
  const symo_dtype dtype = net->spec.dtype;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    if (!node->op->gain) continue;
    for (size_t f = node->weight; f < node->weight + node->weight_rows; f++)
      symo_put(dtype, theta, f, symo_get(dtype, theta, f) + 1.0);
  }
}

void symo_net_init(const symo_net *net, double scale, symo_rng *rng, void *theta) {
  for (size_t i = 0; i < net->parameters; i++)
    symo_put(net->spec.dtype, theta, i, scale * symo_rng_normal(rng));
  add_gains(net, theta);
}

void symo_net_init_fan_in(const symo_net *net, symo_rng *rng, void *theta) {
  const symo_dtype dtype = net->spec.dtype;
  memset(theta, 0, net->parameters * symo_dtype_size(dtype));
  for (size_t l = 0; l < net->num_weights; l++) {
    const symo_node *node = &net->nodes[net->weights[l]];
    const double scale = 1.0 / sqrt((double)node->weight_columns);
    const size_t size = node->weight_rows * node->weight_columns;
    for (size_t i = 0; i < size; i++)
      symo_put(dtype, theta, node->weight + i, scale * symo_rng_normal(rng));
    for (size_t i = 0; node->has_bias && i < node->weight_rows; i++)
      symo_put(dtype, theta, node->bias + i, scale * symo_rng_normal(rng));
  }
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    if (!node->op->table) continue;
    const size_t rows = node->weight_rows + node->out_rows;
    for (size_t j = 0; j < rows * node->out_width; j++)
      symo_put(dtype, theta, node->weight + j,
               symo_rng_normal(rng) / sqrt((double)node->out_width));
  }
  add_gains(net, theta);
}
