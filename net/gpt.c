/* Transformers as networks, and back: GPT-2 (Radford et al. 2019) with the layers, the starting
 * values and the defaults of nanoGPT. */
#include "net/gpt.h"

#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/graph.h"

symo_gpt_spec symo_gpt_spec_default(void) {
  return (symo_gpt_spec){.block = 1024,
                         .width = 768,
                         .heads = 12,
                         .layers = 12,
                         .tied = true,
                         .activation = SYMO_ACT_GELU,
                         .dtype = SYMO_F32};
}

/* ---- to layers ---- */

static size_t hidden_of(const symo_gpt_spec *gpt) {
  return gpt->hidden > 0 ? gpt->hidden : 4 * gpt->width;
}

/* Layers of one block, and of all. */
static size_t block_layers(const symo_gpt_spec *gpt) { return gpt->dropout > 0.0 ? 11 : 9; }

static symo_status check(symo_context *context, const symo_gpt_spec *gpt) {
  const struct {
    const char *what;
    size_t value, least;
  } rows[] = {{"vocabulary", gpt->vocabulary, 0}, {"block size", gpt->block, 1},
              {"width", gpt->width, 1},           {"heads", gpt->heads, 1},
              {"blocks", gpt->layers, 1},         {"hidden units", gpt->hidden, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (rows[i].value < rows[i].least || rows[i].value > INT32_MAX / 4)
      return symo_fail(context, SYMO_E_ARGUMENT, "gpt: %s %zu (use %zu to %d)", rows[i].what,
                       rows[i].value, rows[i].least, INT32_MAX / 4);
  if (gpt->width % gpt->heads != 0)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "gpt: %zu %s do not divide width %zu (use a divisor)", gpt->heads,
                     symo_plural(gpt->heads, "head", "heads"), gpt->width);
  if (!(gpt->dropout >= 0.0 && gpt->dropout < 1.0))
    return symo_fail(context, SYMO_E_ARGUMENT, "gpt: dropout %g (it lies in [0, 1))", gpt->dropout);
  const size_t room = SYMO_NET_MAX_LAYERS - 4, most = room / block_layers(gpt);
  if (gpt->layers > most)
    return symo_fail(context, SYMO_E_ARGUMENT, "gpt: %zu %s (use at most %zu)", gpt->layers,
                     symo_plural(gpt->layers, "block", "blocks"), most);
  return SYMO_OK;
}

static void add(symo_net_spec *net, symo_net_layer layer) {
  net->layers[net->num_layers++] = layer;
}

static void add_dropout(symo_net_spec *net, const symo_gpt_spec *gpt) {
  if (gpt->dropout > 0.0)
    add(net, (symo_net_layer){.kind = SYMO_NET_DROPOUT, .rate = gpt->dropout});
}

static void add_block(symo_net_spec *net, const symo_gpt_spec *gpt) {
  add(net, (symo_net_layer){.kind = SYMO_NET_FORK});
  add(net, (symo_net_layer){.kind = SYMO_NET_LAYER_NORM});
  add(net, (symo_net_layer){.kind = SYMO_NET_ATTENTION, .count = gpt->heads, .rate = gpt->dropout});
  add_dropout(net, gpt);
  add(net, (symo_net_layer){.kind = SYMO_NET_ADD});
  add(net, (symo_net_layer){.kind = SYMO_NET_FORK});
  add(net, (symo_net_layer){.kind = SYMO_NET_LAYER_NORM});
  add(net, (symo_net_layer){.kind = SYMO_NET_DENSE, .width = hidden_of(gpt)});
  add(net, (symo_net_layer){.kind = SYMO_NET_DENSE, .width = gpt->width, .linear = true});
  add_dropout(net, gpt);
  add(net, (symo_net_layer){.kind = SYMO_NET_ADD});
}

static void fill(const symo_gpt_spec *gpt, symo_net_spec *net) {
  net->input = (symo_net_shape){.axes = 1, .size = {gpt->block}, .features = 1};
  net->num_layers = 0;
  net->activation = gpt->activation;
  net->loss = SYMO_LOSS_TOKENS;
  net->bias = gpt->bias;
  net->dtype = gpt->dtype;
  add(net,
      (symo_net_layer){.kind = SYMO_NET_EMBEDDING, .width = gpt->width, .count = gpt->vocabulary});
  add_dropout(net, gpt);
  for (size_t i = 0; i < gpt->layers; i++) add_block(net, gpt);
  add(net, (symo_net_layer){.kind = SYMO_NET_LAYER_NORM});
  add(net, (symo_net_layer){.kind = SYMO_NET_HEAD, .width = gpt->vocabulary, .tied = gpt->tied});
}

symo_status symo_gpt_to_net(symo_context *context, const symo_gpt_spec *gpt, symo_net_spec *net) {
  symo_status status = check(context, gpt);
  if (status == SYMO_OK) fill(gpt, net);
  return status;
}

/* ---- back ---- */

static bool same_layer(const symo_net_layer *a, const symo_net_layer *b) {
  return a->kind == b->kind && a->width == b->width && a->linear == b->linear &&
         a->tied == b->tied && a->count == b->count && a->rate == b->rate;
}

/* The numbers are read off the first layer of each kind; the rest must then follow. */
bool symo_gpt_of_net(const symo_net_spec *net, symo_gpt_spec *gpt) {
  symo_gpt_spec g = {.block = net->input.size[0],
                     .bias = net->bias,
                     .activation = net->activation,
                     .dtype = net->dtype};
  if (net->num_layers < 2 || net->num_layers > SYMO_NET_MAX_LAYERS || net->input.axes != 1 ||
      net->input.features != 1 || net->loss != SYMO_LOSS_TOKENS)
    return false;
  for (size_t l = 0; l < net->num_layers; l++) {
    const symo_net_layer *layer = &net->layers[l];
    if (layer->kind == SYMO_NET_EMBEDDING) g.vocabulary = layer->count, g.width = layer->width;
    if (layer->kind == SYMO_NET_ATTENTION) g.layers++, g.heads = layer->count;
    if (layer->kind == SYMO_NET_DENSE && !layer->linear) g.hidden = layer->width;
    if (layer->kind == SYMO_NET_DROPOUT) g.dropout = layer->rate;
    if (layer->kind == SYMO_NET_HEAD) g.tied = layer->tied;
  }
  symo_net_spec made = {0};
  if (check(NULL, &g) != SYMO_OK) return false;
  fill(&g, &made);
  if (made.num_layers != net->num_layers) return false;
  for (size_t l = 0; l < made.num_layers; l++)
    if (!same_layer(&made.layers[l], &net->layers[l])) return false;
  if (g.hidden == 4 * g.width) g.hidden = 0;
  *gpt = g;
  return true;
}

/* ---- parameters ---- */

static void draw(const symo_net *net, symo_rng *rng, double deviation, size_t from, size_t count,
                 void *theta) {
  for (size_t i = from; i < from + count; i++)
    symo_put(net->spec.dtype, theta, i, deviation * symo_rng_normal(rng));
}

/* Whether a dense node is the last of a residual branch; dropout may follow it. */
static bool ends_branch(const symo_net *net, size_t at) {
  size_t next = at + 1;
  if (net->nodes[next].op == &symo_op_dropout) next++;
  return net->nodes[next].op->nesting < 0;
}

void symo_gpt_init(const symo_net *net, symo_rng *rng, void *theta) {
  const symo_dtype dtype = net->spec.dtype;
  size_t blocks = 0;
  for (size_t i = 0; i < net->num_nodes; i++)
    if (net->nodes[i].op == &symo_op_attention) blocks++;
  const double small = 0.02 / sqrt(2.0 * (double)(blocks > 0 ? blocks : 1));
  memset(theta, 0, net->parameters * symo_dtype_size(dtype));
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    const size_t size = node->weight_rows * node->weight_columns;
    if (node->op->table)
      draw(net, rng, 0.02, node->weight, size + node->out_rows * node->out_width, theta);
    if (node->op == &symo_op_dense && (i == 0 || node->weight != net->nodes[0].weight))
      draw(net, rng, ends_branch(net, i) ? small : 0.02, node->weight, size, theta);
    if (node->op->gain)
      for (size_t f = 0; f < size; f++) symo_put(dtype, theta, node->weight + f, 1.0);
  }
}
