/* The life of a network: from a spec to its parts and workspace, parameters, data. */
#include "net/layer.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "net/gpt.h"
#include "net/kernels.h"

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
  symo_net_build(net, shapes);
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
