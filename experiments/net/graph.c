/* The life of a network: from a spec to nodes and buffers, sizes and workspace, data. */
#include "experiments/net/graph.h"

#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/net/kernels.h"

/* ---- nodes ---- */

static int add_buffer(symo_net *net, size_t width, bool hidden) {
  net->widths[net->num_buffers] = width;
  net->hidden[net->num_buffers] = hidden;
  return (int)net->num_buffers++;
}

static symo_node *add_node(symo_net *net, const symo_op *op, int in, int out) {
  symo_node *node = &net->nodes[net->num_nodes++];
  *node = (symo_node){.op = op, .in = {in, -1}, .out = {out, -1}, .saved = {-1, -1}};
  node->in_width = net->widths[in];
  if (out >= 0) node->out_width = net->widths[out];
  return node;
}

static int add_dense(symo_net *net, size_t layer, int in) {
  const symo_net_spec *spec = &net->spec;
  int out = add_buffer(net, spec->widths[layer + 1], true);
  net->dense[layer] = net->num_nodes;
  symo_node *node = add_node(net, &symo_op_dense, in, out);
  node->weight = net->parameters;
  node->bias = node->weight + node->in_width * node->out_width;
  node->has_bias = spec->bias;
  net->parameters = node->bias + (spec->bias ? node->out_width : 0);
  return out;
}

static int add_activation(symo_net *net, int in) {
  size_t width = net->widths[in];
  int out = add_buffer(net, width, true);
  symo_node *node = add_node(net, &symo_op_activation, in, out);
  node->activation = net->spec.activation;
  node->saved[0] = add_buffer(net, width, false);
  node->saved[1] = add_buffer(net, width, false);
  return out;
}

void symo_net_build(symo_net *net) {
  const symo_net_spec *spec = &net->spec;
  int at = add_buffer(net, spec->widths[0], false);
  for (size_t l = 0; l < spec->num_layers; l++) {
    at = add_dense(net, l, at);
    if (l + 1 < spec->num_layers && spec->activation != SYMO_ACT_LINEAR)
      at = add_activation(net, at);
  }
  bool entropy = spec->loss == SYMO_LOSS_CROSS_ENTROPY;
  symo_node *loss = add_node(net, entropy ? &symo_op_cross_entropy : &symo_op_mse, at, -1);
  if (entropy) loss->saved[0] = add_buffer(net, net->widths[at], false);
}

/* ---- create ---- */

static symo_status check_spec(symo_context *context, const symo_net_spec *spec) {
  if (spec->num_layers < 1 || spec->num_layers > SYMO_NET_MAX_LAYERS)
    return symo_fail(context, SYMO_E_ARGUMENT, "network: %zu layers (use 1 to %d)",
                     spec->num_layers, (int)SYMO_NET_MAX_LAYERS);
  if (spec->dtype != SYMO_F32 && spec->dtype != SYMO_F64)
    return symo_fail(context, SYMO_E_DTYPE, "network: number type %s (use f32 or f64)",
                     symo_dtype_name(spec->dtype));
  if ((unsigned)spec->activation > SYMO_ACT_LINEAR ||
      (unsigned)spec->loss > SYMO_LOSS_CROSS_ENTROPY)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "network: unknown activation or loss (use those of net.h)");
  for (size_t l = 0; l <= spec->num_layers; l++)
    if (spec->widths[l] == 0 || spec->widths[l] > INT32_MAX)
      return symo_fail(context, SYMO_E_ARGUMENT, "network: width %zu of layer %zu (use 1 to %d)",
                       spec->widths[l], l, INT32_MAX);
  /* Every later product of sizes is bounded by a small multiple of these. */
  size_t total = 0;
  for (size_t l = 0; l < spec->num_layers; l++) {
    size_t size;
    if (!symo_mul_size(spec->widths[l] + 1, spec->widths[l + 1], &size) || size > SIZE_MAX >> 16 ||
        total > SIZE_MAX >> 16)
      return symo_fail(context, SYMO_E_SIZE,
                       "network: too many parameters in layer %zu (narrow it)", l + 1);
    total += size;
  }
  return SYMO_OK;
}

symo_status symo_net_create(symo_context *context, const symo_net_spec *spec, symo_net **out) {
  symo_status status = check_spec(context, spec);
  if (status != SYMO_OK) return status;
  symo_net *net = symo_calloc(1, sizeof *net);
  if (net == NULL) return symo_fail_memory(context, "symo_net_create");
  net->context = context;
  net->spec = *spec;
  symo_net_build(net);
  SYMO_TRY(symo_net_plan(net));
  *out = net;
  return SYMO_OK;
fail:
  symo_net_destroy(net);
  return status;
}

void symo_net_destroy(symo_net *net) {
  if (net == NULL) return;
  void *owned[] = {net->values, net->cotangents, net->tangents, net->cotangent_tangents,
                   net->packs,  net->panels,     net->labels,   net->x,
                   net->y};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) symo_free(owned[i]);
  symo_free(net);
}

const symo_net_spec *symo_net_get_spec(const symo_net *net) { return &net->spec; }
size_t symo_net_num_parameters(const symo_net *net) { return net->parameters; }

void symo_net_init(const symo_net *net, double scale, symo_rng *rng, void *theta) {
  for (size_t i = 0; i < net->parameters; i++)
    symo_put(net->spec.dtype, theta, i, scale * symo_rng_normal(rng));
}

/* ---- data ---- */

static symo_status check_values(symo_net *net, const char *what, size_t examples, size_t width,
                                const double *values) {
  /* float32 rounds what is beyond its range to infinity. */
  const double limit = net->spec.dtype == SYMO_F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  for (size_t i = 0; i < examples * width; i++)
    if (!(values[i] >= -limit && values[i] <= limit))
      return symo_fail(net->context, SYMO_E_NONFINITE,
                       "network data: %s %zu of example %zu is not a finite %s (clean the data)",
                       what, i % width, i / width, symo_dtype_name(net->spec.dtype));
  return SYMO_OK;
}

symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y) {
  const symo_dtype dtype = net->spec.dtype;
  const size_t in = net->spec.widths[0], out = net->spec.widths[net->spec.num_layers];
  if (examples == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network data: no examples (give at least one)");
  size_t count;
  if (!symo_mul_size(examples, (in > out ? in : out) * sizeof(double), &count))
    return symo_fail(net->context, SYMO_E_SIZE, "network data: %zu examples are too many",
                     examples);
  symo_status status = check_values(net, "input", examples, in, x);
  if (status == SYMO_OK) status = check_values(net, "target", examples, out, y);
  if (status != SYMO_OK) return status;
  void *new_x = symo_malloc(examples * in * symo_dtype_size(dtype));
  void *new_y = symo_malloc(examples * out * symo_dtype_size(dtype));
  if (new_x == NULL || new_y == NULL) {
    symo_free(new_x);
    symo_free(new_y);
    return symo_fail_memory(net->context, "symo_net_set_data");
  }
  symo_kernel_from_double(dtype, examples * in, x, new_x);
  symo_kernel_from_double(dtype, examples * out, y, new_y);
  symo_free(net->x);
  symo_free(net->y);
  net->x = new_x, net->y = new_y, net->examples = examples;
  return SYMO_OK;
}
