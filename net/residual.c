/* The two ends of a residual block.  fork: u = x, v = x, x^ = u^ + v^.  add: y = u + v, u^ = v^ =
 * y^.  Both are linear: tangents follow the same rules.  Where the plan has let arrays that are
 * equal share memory there is nothing to copy. */
#include <stdio.h>
#include <string.h>

#include "net/kernels.h"
#include "net/layer.h"

static size_t numbers(const symo_node *node, const symo_pass *pass, size_t k) {
  return pass->n * k * node->in_rows * node->in_width;
}

static void copy(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                 void *to) {
  if (to != NULL && to != from)
    memcpy(to, from, numbers(node, pass, k) * symo_dtype_size(pass->dtype));
}

/* ---- fork ---- */

static void part(const symo_node *node, const symo_pass *pass, size_t k, void **arrays) {
  for (size_t i = 0; i < SYMO_OP_PORTS; i++)
    copy(node, pass, k, arrays[node->in[0]], arrays[node->out[i]]);
}

static void merge(const symo_node *node, const symo_pass *pass, size_t k, void **arrays) {
  if (arrays[node->in[0]] == NULL) return;
  symo_kernel_add(pass->dtype, numbers(node, pass, k), arrays[node->out[0]], arrays[node->out[1]],
                  arrays[node->in[0]]);
}

static void fork_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  part(node, pass, 1, pass->value);
}

static void fork_backward(const symo_node *node, symo_pass *pass) {
  merge(node, pass, 1, pass->cot);
}

static void fork_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  part(node, pass, pass->k, pass->tan);
}

static void fork_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  merge(node, pass, pass->k, pass->ctan);
}

const symo_op symo_op_fork = {.name = "fork",
                              .leaves_out = true,
                              .leaves_in = true,
                              .nesting = 1,
                              .forward = fork_forward,
                              .backward = fork_backward,
                              .tangent = fork_tangent,
                              .backward_tangent = fork_backward_tangent};

/* ---- add ---- */

/* Either side may have no tangent: the identity, if the block holds the first touched parameter. */
static void join(const symo_node *node, const symo_pass *pass, size_t k, void **arrays) {
  const void *u = arrays[node->in[0]], *v = arrays[node->in[1]];
  void *y = arrays[node->out[0]];
  if (u != NULL && v != NULL)
    symo_kernel_add(pass->dtype, numbers(node, pass, k), u, v, y);
  else
    copy(node, pass, k, u != NULL ? u : v, y);
}

static void hand_back(const symo_node *node, const symo_pass *pass, size_t k, void **arrays) {
  for (size_t i = 0; i < SYMO_OP_PORTS; i++)
    copy(node, pass, k, arrays[node->out[0]], arrays[node->in[i]]);
}

static void add_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  join(node, pass, 1, pass->value);
}

static void add_backward(const symo_node *node, symo_pass *pass) {
  hand_back(node, pass, 1, pass->cot);
}

static void add_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  join(node, pass, pass->k, pass->tan);
}

static void add_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  hand_back(node, pass, pass->k, pass->ctan);
}

const symo_op symo_op_add = {.name = "add",
                             .leaves_out = true,
                             .leaves_in = true,
                             .nesting = -1,
                             .forward = add_forward,
                             .backward = add_backward,
                             .tangent = add_tangent,
                             .backward_tangent = add_backward_tangent};

/* ---- the layers ---- */

static bool fork_shape(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  (void)layer;
  if (walk->depth == SYMO_NET_MAX_LAYERS) return symo_walk_refuse(why, "too many residual blocks");
  walk->forks[walk->depth++] = walk->now;
  return true;
}

static void fork_build(symo_net_builder *b, const symo_net_layer *layer) {
  (void)layer;
  const size_t positions = symo_build_positions(b), width = symo_build_width(b);
  const bool hidden = b->net->hidden[b->at];
  symo_node *node = symo_build_node(b, &symo_op_fork, positions, width);
  node->out[1] = symo_build_buffer(b, positions, width, hidden);
  b->skips[b->depth++] = node->out[1];
}

static void fork_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  (void)layer;
  d->forks[d->depth++] = d->now;
}

static symo_status fork_graph(symo_net_trace *t, const symo_net_layer *layer) {
  (void)layer;
  t->forks[t->depth++] = t->value;
  return SYMO_OK;
}

const symo_layer symo_layer_fork = {.name = "residual block",
                                    .notation = "res",
                                    .shape = fork_shape,
                                    .count = symo_layer_count_none,
                                    .build = fork_build,
                                    .tensors = fork_tensors,
                                    .graph = fork_graph};

static bool sum_shape(symo_net_walk *walk, const symo_net_layer *layer,
                      char why[SYMO_NET_MAX_REASON]) {
  (void)layer;
  if (walk->depth == 0)
    return symo_walk_refuse(why, "no residual block is open (write res before add)");
  if (walk->fresh) return symo_walk_refuse(why, "an empty residual block (put a layer into it)");
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

static void sum_build(symo_net_builder *b, const symo_net_layer *layer) {
  (void)layer;
  symo_node *node = symo_build_node(b, &symo_op_add, symo_build_positions(b), symo_build_width(b));
  node->in[1] = b->skips[--b->depth];
}

static void sum_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  (void)layer;
  symo_draft_unite(d, d->forks[--d->depth], d->now);
}

static symo_status sum_graph(symo_net_trace *t, const symo_net_layer *layer) {
  (void)layer;
  const symo_trace_step step = {
      .op = "add", .num_from = 2, .from = {t->forks[--t->depth], t->value}};
  return symo_trace_emit(t, step, "add%zu", t->count);
}

const symo_layer symo_layer_add = {.name = "end of a residual block",
                                   .notation = "add",
                                   .shape = sum_shape,
                                   .count = symo_layer_count_none,
                                   .build = sum_build,
                                   .tensors = sum_tensors,
                                   .graph = sum_graph};
