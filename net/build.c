/* From the layers of a spec to nodes and buffers. */
#include "net/graph.h"
#include "net/shape.h"

/* Where the construction stands: the last buffer, and the blocks that are open. */
typedef struct builder {
  symo_net *net;
  int at;
  size_t depth;
  int skips[SYMO_NET_MAX_LAYERS];
  symo_net_shape shape; /* of what the layer at hand reads */
} builder;

static int add_buffer(symo_net *net, size_t positions, size_t width, bool hidden) {
  net->positions[net->num_buffers] = positions;
  net->widths[net->num_buffers] = width;
  net->hidden[net->num_buffers] = hidden;
  return (int)net->num_buffers++;
}

/* A node from the last buffer to a new one, which becomes the last.  Before the first parameter
 * there is nothing to differentiate by. */
static symo_node *add_node(builder *b, const symo_op *op, size_t positions, size_t width) {
  symo_net *net = b->net;
  const int in = b->at;
  b->at = add_buffer(net, positions, width, net->parameters > 0);
  symo_node *node = &net->nodes[net->num_nodes++];
  *node = (symo_node){.op = op, .in = {in, -1}, .out = {b->at, -1}, .saved = {-1, -1}};
  node->in_width = net->widths[in], node->out_width = width;
  node->in_rows = net->positions[in], node->out_rows = positions;
  node->shape = b->shape;
  return node;
}

static int save(builder *b, size_t positions, size_t width) {
  return add_buffer(b->net, positions, width, false);
}

/* Gives a node its parameters, the next of the flat vector. */
static void add_parameters(builder *b, symo_node *node, size_t rows, size_t columns, bool bias) {
  symo_net *net = b->net;
  node->weight_rows = rows, node->weight_columns = columns;
  node->weight = net->parameters;
  node->bias = node->weight + rows * columns;
  node->has_bias = bias;
  net->parameters = node->bias + (bias ? rows : 0);
  net->hidden[node->out[0]] = true;
}

static void add_dense(builder *b, size_t width, bool bias) {
  symo_net *net = b->net;
  const size_t in = net->widths[b->at];
  net->weights[net->num_weights++] = net->num_nodes;
  add_parameters(b, add_node(b, &symo_op_dense, net->positions[b->at], width), width, in, bias);
}

/* The table of tokens is the weight, that of positions stands as the bias does, behind it. */
static void add_embedding(builder *b, const symo_net_layer *layer, size_t positions) {
  symo_net *net = b->net;
  symo_node *node = add_node(b, &symo_op_embedding, positions, layer->width);
  add_parameters(b, node, layer->count, layer->width, false);
  net->parameters += positions * layer->width;
}

static void add_dropout(builder *b, double rate) {
  symo_net *net = b->net;
  const uint64_t salt = net->num_nodes;
  symo_node *node = add_node(b, &symo_op_dropout, net->positions[b->at], net->widths[b->at]);
  node->rate = rate, node->salt = salt;
}

static void add_attention(builder *b, const symo_net_layer *layer) {
  symo_net *net = b->net;
  const size_t positions = net->positions[b->at], width = net->widths[b->at];
  add_dense(b, 3 * width, net->spec.bias);
  const uint64_t salt = net->num_nodes;
  symo_node *node = add_node(b, &symo_op_attention, positions, width);
  node->heads = layer->count, node->rate = layer->rate, node->salt = salt;
  node->saved[0] = save(b, positions, layer->count);
  add_dense(b, width, net->spec.bias);
}

/* A tied one has the parameters of the embedding, the first there are. */
static void add_head(builder *b, const symo_net_layer *layer) {
  symo_net *net = b->net;
  const size_t in = net->widths[b->at];
  if (!layer->tied) {
    add_dense(b, layer->width, false);
    return;
  }
  symo_node *node = add_node(b, &symo_op_dense, net->positions[b->at], layer->width);
  node->weight = net->nodes[0].weight, node->bias = node->weight + layer->width * in;
  node->weight_rows = layer->width, node->weight_columns = in;
}

static void add_activation(builder *b) {
  const size_t positions = b->net->positions[b->at], width = b->net->widths[b->at];
  if (b->net->spec.activation == SYMO_ACT_LINEAR) return;
  symo_node *node = add_node(b, &symo_op_activation, positions, width);
  node->activation = b->net->spec.activation;
  node->saved[0] = save(b, positions, width);
  node->saved[1] = save(b, positions, width);
}

static void add_recurrent(builder *b, size_t width) {
  symo_net *net = b->net;
  add_dense(b, width, false);
  net->weights[net->num_weights++] = net->num_nodes;
  const size_t steps = net->positions[b->at];
  symo_node *node = add_node(b, &symo_op_recurrent, steps, width);
  add_parameters(b, node, width, width, net->spec.bias);
  node->activation = net->spec.activation;
  node->out[1] = add_buffer(net, steps, width, true);
  node->saved[0] = save(b, steps, width);
  node->saved[1] = save(b, steps, width);
}

static void set_window(symo_node *node, const symo_net_layer *layer) {
  for (size_t a = 0; a < 2; a++) node->window[a] = a < node->shape.axes ? layer->window[a] : 1;
  node->circular = layer->circular;
}

static void add_conv(builder *b, const symo_net_layer *layer) {
  const size_t entries = symo_net_kernel(layer, &b->shape);
  if (entries > 1)
    set_window(
        add_node(b, &symo_op_patches, b->net->positions[b->at], b->net->widths[b->at] * entries),
        layer);
  add_dense(b, layer->width, b->net->spec.bias);
  add_activation(b);
}

static void add_pool(builder *b, const symo_net_layer *layer, size_t positions) {
  const bool max = layer->kind == SYMO_NET_MAX_POOL;
  symo_node *node =
      add_node(b, max ? &symo_op_max_pool : &symo_op_mean_pool, positions, b->net->widths[b->at]);
  set_window(node, layer);
  if (max) node->saved[0] = save(b, positions, node->out_width);
}

static void add_norm(builder *b, bool centre) {
  symo_net *net = b->net;
  const size_t positions = net->positions[b->at], width = net->widths[b->at];
  symo_node *node = add_node(b, centre ? &symo_op_layer_norm : &symo_op_rms_norm, positions, width);
  add_parameters(b, node, width, 1, centre && net->spec.bias);
  node->out[1] = add_buffer(net, positions, width, true);
  node->saved[0] = save(b, positions, 1);
}

static void add_fork(builder *b) {
  symo_net *net = b->net;
  const size_t positions = net->positions[b->at], width = net->widths[b->at];
  symo_node *node = add_node(b, &symo_op_fork, positions, width);
  node->out[1] = add_buffer(net, positions, width, net->hidden[b->at]);
  b->skips[b->depth++] = node->out[1];
}

static void add_sum(builder *b) {
  symo_node *node = add_node(b, &symo_op_add, b->net->positions[b->at], b->net->widths[b->at]);
  node->in[1] = b->skips[--b->depth];
}

static void add_layer(builder *b, const symo_net_layer *layer, const symo_net_shape *after,
                      bool last) {
  const bool bias = b->net->spec.bias;
  switch (layer->kind) {
  case SYMO_NET_DENSE:
    add_dense(b, layer->width, bias);
    if (!last && !layer->linear) add_activation(b);
    break;
  case SYMO_NET_RECURRENT: add_recurrent(b, layer->width); break;
  case SYMO_NET_CONV: add_conv(b, layer); break;
  case SYMO_NET_MEAN_POOL:
  case SYMO_NET_MAX_POOL: add_pool(b, layer, symo_net_positions(after)); break;
  case SYMO_NET_FLATTEN: add_node(b, &symo_op_flatten, 1, after->features); break;
  case SYMO_NET_LAST: add_node(b, &symo_op_last, 1, after->features); break;
  case SYMO_NET_LAYER_NORM: add_norm(b, true); break;
  case SYMO_NET_RMS_NORM: add_norm(b, false); break;
  case SYMO_NET_FORK: add_fork(b); break;
  case SYMO_NET_ADD: add_sum(b); break;
  case SYMO_NET_EMBEDDING: add_embedding(b, layer, symo_net_positions(after)); break;
  case SYMO_NET_ATTENTION: add_attention(b, layer); break;
  case SYMO_NET_DROPOUT: add_dropout(b, layer->rate); break;
  case SYMO_NET_HEAD: add_head(b, layer); break;
  }
}

static void add_loss(builder *b) {
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
    loss->saved[0] = save(b, positions, kind == SYMO_LOSS_TOKENS ? 1 : width);
}

void symo_net_build(symo_net *net, const symo_net_shape *shapes) {
  const symo_net_spec *spec = &net->spec;
  builder b = {.net = net, .shape = shapes[0]};
  const size_t positions = symo_net_positions(&shapes[0]);
  net->plain = symo_net_is_plain(spec);
  net->inputs = symo_net_inputs(spec), net->outputs = symo_net_outputs(spec);
  net->targets = symo_net_targets(spec);
  b.at = add_buffer(net, 1, net->inputs, false);
  if (shapes[0].axes > 0 && spec->layers[0].kind != SYMO_NET_EMBEDDING)
    add_node(&b, &symo_op_arrange, positions, shapes[0].features);
  for (size_t l = 0; l < spec->num_layers; l++) {
    b.shape = shapes[l];
    add_layer(&b, &spec->layers[l], &shapes[l + 1], l + 1 == spec->num_layers);
  }
  add_loss(&b);
}
