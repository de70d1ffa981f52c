/* Networks of the engine as graphs: the rows of their layers emit operations by name (net/layer.h).
 * Images are [channels, height, width] here, sequences [steps, features]. */
#include "net/net_graph.h"

#include <string.h>

#include "core/error.h"
#include "net/layer.h"

typedef struct builder {
  symo_net_trace trace; /* first: emit is given its address */
  graph *g;
} builder;

static bool find_role(const char *key, graph_role *out) {
  for (int r = 0; r < GRAPH_NUM_ROLES; r++)
    if (strcmp(key, graph_role_key((graph_role)r)) == 0) {
      *out = (graph_role)r;
      return true;
    }
  return false;
}

static symo_status fill_node(builder *b, const symo_trace_step *step, graph_node *node) {
  *node = (graph_node){.num_from = step->num_from,
                       .order = step->order,
                       .out = step->out,
                       .axis = step->axis,
                       .function = step->function,
                       .kind = step->kind,
                       .name = graph_keep(b->g, step->name)};
  if (node->name == NULL) return SYMO_E_MEMORY;
  if (!graph_op_find(step->op, &node->op))
    return symo_fail(b->g->context, SYMO_E_NAME, "network: %s is no operation of graphs", step->op);
  memcpy(node->from, step->from, sizeof step->from);
  memcpy(node->sizes, step->sizes, sizeof step->sizes);
  for (size_t i = 0; i < step->num_tensors; i++) {
    graph_role role;
    if (!find_role(step->tensors[i].role, &role))
      return symo_fail(b->g->context, SYMO_E_NAME, "network: %s is no role of a tensor",
                       step->tensors[i].role);
    node->tensor[role] = graph_keep(b->g, step->tensors[i].name);
    if (node->tensor[role] == NULL) return SYMO_E_MEMORY;
  }
  if (node->num_from > 0 || node->op == GRAPH_INPUT) return SYMO_OK;
  node->num_from = 1;
  node->from[0] = b->trace.value;
  return SYMO_OK;
}

static symo_status emit(symo_net_trace *trace, const symo_trace_step *step) {
  builder *b = (builder *)trace;
  graph_node node;
  symo_status status = fill_node(b, step, &node);
  if (status == SYMO_OK) status = graph_add(b->g, &node);
  if (status != SYMO_OK) return status;
  trace->count = b->g->num_nodes;
  trace->value = trace->count - 1;
  return SYMO_OK;
}

static symo_status add_input(symo_net_trace *t) {
  const symo_net_shape *x = &t->spec->input;
  symo_trace_step step = {.op = "input", .order = x->axes + 1};
  for (size_t a = 0; a < x->axes; a++)
    step.sizes[t->sequence ? a : a + 1] = x->size[a] > 0 ? x->size[a] : 1;
  step.sizes[t->sequence ? x->axes : 0] = x->features;
  return symo_trace_emit(t, step, "in");
}

static symo_status add_layer(builder *b, size_t l) {
  const symo_net_layer *layer = &b->trace.spec->layers[l];
  const symo_layer *row = symo_layer_of(layer->kind);
  if (row->graph == NULL)
    return symo_fail(b->g->context, SYMO_E_ARGUMENT,
                     "network: layer %zu (%s) is not taken apart here (describe the network by "
                     "--graph)",
                     l + 1, row->name);
  b->trace.weights += row->weighs;
  return row->graph(&b->trace, layer);
}

static symo_status add_all(builder *b) {
  symo_net_trace *t = &b->trace;
  symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1];
  if (t->spec->loss == SYMO_LOSS_TOKENS)
    return symo_fail(b->g->context, SYMO_E_ARGUMENT,
                     "network: a transformer is not taken apart here (its layout is known: symo "
                     "verify --net measures it; or describe a block by --graph, as "
                     "experiments/examples/graph-gpt-block.json does)");
  symo_status status = symo_net_shapes(b->g->context, t->spec, shapes);
  if (status != SYMO_OK) return status;
  for (size_t l = 0; l < t->spec->num_layers; l++) {
    const symo_layer *row = symo_layer_of(t->spec->layers[l].kind);
    t->recurrent = t->recurrent || row->recurrent;
    t->sequence = t->sequence || row->recurrent || row->sequence || t->spec->layers[l].each;
    t->total += row->weighs;
  }
  status = add_input(t);
  for (size_t l = 0; l < t->spec->num_layers && status == SYMO_OK; l++) {
    t->shape = shapes[l];
    status = add_layer(b, l);
  }
  if (status != SYMO_OK) return status;
  const symo_trace_step output = {.op = "output", .kind = symo_loss_name(t->spec->loss)};
  return symo_trace_emit(t, output, "loss");
}

symo_status graph_of_net(symo_context *context, const symo_net_spec *spec, graph **out) {
  builder b = {.trace = {.spec = spec, .emit = emit}};
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
