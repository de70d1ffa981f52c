/* The life of a network: from the layers of a spec to nodes and buffers, its parameters, and its
 * data. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/factors.h"
#include "net/gpt.h"
#include "net/gradient_sum.h"
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

/* Buffers before the first parameter need no derivatives. */
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
  node->dense = b->dense;
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
  net->tokens[SYMO_NET_INPUTS] = symo_net_reads_tokens(spec);
  net->tokens[SYMO_NET_TARGETS] = spec->loss == SYMO_LOSS_TOKENS;
  b.at = symo_build_buffer(&b, 1, net->inputs, false);
  if (shapes[0].axes > 0 && !net->tokens[SYMO_NET_INPUTS])
    symo_build_node(&b, &symo_op_arrange, positions, shapes[0].features);
  for (size_t l = 0; l < spec->num_layers; l++) {
    b.shape = shapes[l], b.after = shapes[l + 1], b.last = l + 1 == spec->num_layers;
    const symo_layer *row = symo_layer_of(spec->layers[l].kind);
    b.dense = row->dense;
    row->build(&b, &spec->layers[l]);
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
  if (symo_net_reads_tokens(spec) && symo_net_vocabulary(spec) == 0)
    return symo_fail(
        context, SYMO_E_ARGUMENT,
        "network: the vocabulary is open (write gpt:v65-..., or set it from the data)");
  symo_net *net = symo_calloc(1, sizeof *net);
  if (net == NULL) return symo_fail_memory(context, "symo_net_create");
  net->context = context;
  net->spec = *spec;
  build_nodes(net, shapes);
  symo_net_find_sites(net);
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
  symo_net_free_sum(net);
  symo_free(net->owners);
  void *owned[] = {
      net->whole,  net->tangents, net->cotangent_tangents,         net->packs, net->panels,
      net->scores, net->x,        net->y == net->x ? NULL : net->y};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
  symo_free(net);
}

const symo_net_spec *symo_net_get_spec(const symo_net *net) { return &net->spec; }
size_t symo_net_num_parameters(const symo_net *net) { return net->parameters; }

void symo_net_set_dropout(symo_net *net, bool on, uint64_t seed) {
  net->dropping = on;
  net->seed = seed;
  net->held = NULL;
}

void symo_net_set_times(symo_net *net, symo_net_times *times) {
  net->times = times;
  if (times == NULL) return;
  times->count = net->num_nodes;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    times->of[i] =
        (symo_net_time){node->op->name, node->in_rows, node->in_width, node->out_width, 0, 0};
  }
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
                           .has_bias = node->has_bias,
                           .dense = node->dense,
                           .recurrent = node->op == &symo_op_recurrent};
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

/* ---- data: the examples, and which of them the loss is on ---- */

static const char *const part_name[] = {[SYMO_NET_INPUTS] = "input", [SYMO_NET_TARGETS] = "target"};

static size_t part_width(const symo_net *net, symo_net_part part) {
  return part == SYMO_NET_TARGETS ? net->targets : net->inputs;
}

/* Bytes of one number of the data. */
static size_t part_size(const symo_net *net, symo_net_part part) {
  return net->tokens[part] ? sizeof(uint32_t) : symo_dtype_size(net->spec.dtype);
}

static symo_status check_values(symo_net *net, symo_net_part part, size_t examples,
                                const double *values) {
  const size_t width = part_width(net, part);
  /* float32 rounds what is beyond its range to infinity. */
  const double limit = net->spec.dtype == SYMO_F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  for (size_t i = 0; i < examples * width; i++)
    if (!(values[i] >= -limit && values[i] <= limit))
      return symo_fail(net->context, SYMO_E_NONFINITE,
                       "network data: %s %zu of example %zu is not a finite %s (clean the data)",
                       part_name[part], i % width, i / width, symo_dtype_name(net->spec.dtype));
  return SYMO_OK;
}

static symo_status refuse_token(symo_net *net, symo_net_part part, size_t i, double value) {
  const size_t width = part_width(net, part);
  return symo_fail(net->context, SYMO_E_ARGUMENT,
                   "network data: %s %zu of example %zu is %g, no token (use 0 to %zu)",
                   part_name[part], i % width, i / width, value,
                   symo_net_vocabulary(&net->spec) - 1);
}

symo_status symo_net_convert(symo_net *net, symo_net_part part, size_t examples,
                             const double *values, void *out) {
  const size_t count = examples * part_width(net, part);
  const double most = (double)symo_net_vocabulary(&net->spec);
  uint32_t *ids = out;
  if (!net->tokens[part]) {
    symo_kernel_from_double(net->spec.dtype, count, values, out);
    return SYMO_OK;
  }
  for (size_t i = 0; i < count; i++) {
    if (!(values[i] >= 0.0 && values[i] < most && values[i] == floor(values[i])))
      return refuse_token(net, part, i, values[i]);
    ids[i] = (uint32_t)values[i];
  }
  return SYMO_OK;
}

static symo_status check_size(symo_net *net, size_t before, size_t examples) {
  const size_t in = net->inputs, out = net->targets;
  size_t count;
  if (examples == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network data: no examples (give at least one)");
  if (examples > SIZE_MAX - before ||
      !symo_mul_size(before + examples, (in > out ? in : out) * sizeof(double), &count))
    return symo_fail(net->context, SYMO_E_SIZE, "network data: %zu %s are too many", examples,
                     symo_plural(examples, "example", "examples"));
  return SYMO_OK;
}

/* `before` rows of old, then `examples` rows of values. */
static symo_status join(symo_net *net, symo_net_part part, size_t before, const void *old,
                        size_t examples, const double *values, void **out) {
  const size_t row = part_width(net, part) * part_size(net, part);
  symo_status status = check_values(net, part, examples, values);
  if (status != SYMO_OK) return status;
  *out = symo_malloc((before + examples) * row);
  if (*out == NULL) return symo_fail_memory(net->context, "network data");
  if (before > 0) memcpy(*out, old, before * row);
  return symo_net_convert(net, part, examples, values, (char *)*out + before * row);
}

/* The data become x and y, with room for `examples` of them. */
static void replace(symo_net *net, size_t examples, void *x, void *y) {
  if (net->y != net->x) symo_free(net->y);
  symo_free(net->x);
  net->x = x, net->y = y;
  net->room = examples;
}

static void use_all(symo_net *net, size_t examples) {
  net->total = net->examples = examples;
  net->chosen = NULL, net->held = NULL;
}

/* Targets that are the inputs are kept once. */
static symo_status put(symo_net *net, size_t before, size_t examples, const double *x,
                       const double *y) {
  const bool same = y == x && net->tokens[SYMO_NET_INPUTS] == net->tokens[SYMO_NET_TARGETS] &&
                    (before == 0 || net->y == net->x);
  void *new_x = NULL, *new_y = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(check_size(net, before, examples));
  SYMO_TRY(join(net, SYMO_NET_INPUTS, before, net->x, examples, x, &new_x));
  if (!same) SYMO_TRY(join(net, SYMO_NET_TARGETS, before, net->y, examples, y, &new_y));
  replace(net, before + examples, new_x, same ? new_x : new_y);
  use_all(net, before + examples);
  return SYMO_OK;
fail:
  symo_free(new_x);
  symo_free(new_y);
  return status;
}

symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, 0, examples, x, y);
}

symo_status symo_net_add_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, net->total, examples, x, y);
}

static symo_status check_ids(symo_net *net, symo_net_part part, size_t examples,
                             const uint32_t *ids) {
  const size_t count = examples * part_width(net, part), most = symo_net_vocabulary(&net->spec);
  for (size_t i = 0; i < count; i++)
    if (ids[i] >= most) return refuse_token(net, part, i, (double)ids[i]);
  return SYMO_OK;
}

symo_status symo_net_set_tokens(symo_net *net, size_t examples, const uint32_t *x,
                                const uint32_t *y) {
  const size_t bytes = examples * net->inputs * sizeof *x; /* of the targets too */
  symo_status status = SYMO_OK;
  if (!net->tokens[SYMO_NET_INPUTS] || !net->tokens[SYMO_NET_TARGETS])
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "network data: the network reads no tokens (use symo_net_set_data)");
  SYMO_TRY(check_size(net, 0, examples));
  SYMO_TRY(check_ids(net, SYMO_NET_INPUTS, examples, x));
  SYMO_TRY(check_ids(net, SYMO_NET_TARGETS, examples, y));
  if (examples > net->room || net->y == net->x) {
    void *new_x = symo_malloc(bytes), *new_y = symo_malloc(bytes);
    if (new_x == NULL || new_y == NULL) {
      symo_free(new_x), symo_free(new_y);
      return symo_fail_memory(net->context, "network data");
    }
    replace(net, examples, new_x, new_y);
  }
  memcpy(net->x, x, bytes);
  memcpy(net->y, y, bytes);
  use_all(net, examples);
fail:
  return status;
}

symo_status symo_net_select(symo_net *net, size_t count, const size_t *rows) {
  net->held = NULL;
  if (rows == NULL) {
    net->chosen = NULL, net->examples = net->total;
    return SYMO_OK;
  }
  if (count == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network batch: no examples (choose some)");
  for (size_t i = 0; i < count; i++)
    if (rows[i] >= net->total)
      return symo_fail(net->context, SYMO_E_SHAPE, "network batch: no example %zu (there are %zu)",
                       rows[i], net->total);
  net->chosen = rows, net->examples = count;
  return SYMO_OK;
}

static void gather(size_t bytes, const void *from, const size_t *rows, size_t n, void *to) {
  for (size_t r = 0; r < n; r++)
    memcpy((char *)to + r * bytes, (const char *)from + rows[r] * bytes, bytes);
}

void symo_net_chunk_data(const symo_net *net, size_t first, size_t n, void *x_room, void *y_room,
                         void **x, const void **y) {
  const size_t x_row = net->inputs * part_size(net, SYMO_NET_INPUTS);
  const size_t y_row = net->targets * part_size(net, SYMO_NET_TARGETS);
  if (net->chosen == NULL) {
    *x = (char *)net->x + first * x_row;
    *y = (const char *)net->y + first * y_row;
    return;
  }
  gather(x_row, net->x, net->chosen + first, n, x_room);
  *x = x_room, *y = x_room;
  if (net->y == net->x) return;
  gather(y_row, net->y, net->chosen + first, n, y_room);
  *y = y_room;
}
