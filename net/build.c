/* From the layers of a spec to nodes and buffers. */
#include <assert.h>

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

void symo_net_build(symo_net *net, const symo_net_shape *shapes) {
  const symo_net_spec *spec = &net->spec;
  symo_net_builder b = {.net = net, .shape = shapes[0]};
  const size_t positions = symo_net_positions(&shapes[0]);
  net->plain = symo_net_is_plain(spec);
  net->inputs = symo_net_inputs(spec), net->outputs = symo_net_outputs(spec);
  net->targets = symo_net_targets(spec);
  b.at = symo_build_buffer(&b, 1, net->inputs, false);
  if (shapes[0].axes > 0 && !symo_layer_of(spec->layers[0].kind)->tokens)
    symo_build_node(&b, &symo_op_arrange, positions, shapes[0].features);
  for (size_t l = 0; l < spec->num_layers; l++) {
    b.shape = shapes[l], b.after = shapes[l + 1], b.last = l + 1 == spec->num_layers;
    symo_layer_of(spec->layers[l].kind)->build(&b, &spec->layers[l]);
  }
  add_loss(&b);
}
