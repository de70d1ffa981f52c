/* Linear operations without parameters: the frame for all, and those that only move numbers.
 *
 *   arrange  [n, p, w] -> [p, n, w]     flatten  [p, n, w] -> [n, w p]
 *   unroll   [p, n, w] -> [n, p w]      last     [p, n, w] -> [n, w] */
#include "net/linear.h"

#include <string.h>

#include "core/linalg.h"
#include "net/kernels.h"
#include "net/layer.h"

void symo_linear_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  node->op->apply(node, pass, 1, pass->value[node->in[0]], pass->value[node->out[0]]);
}

void symo_linear_backward(const symo_node *node, symo_pass *pass) {
  if (pass->cot[node->in[0]] != NULL)
    node->op->adjoint(node, pass, 1, pass->cot[node->out[0]], pass->cot[node->in[0]]);
}

void symo_linear_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  node->op->apply(node, pass, pass->k, pass->tan[node->in[0]], pass->tan[node->out[0]]);
}

void symo_linear_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  if (pass->ctan[node->in[0]] != NULL)
    node->op->adjoint(node, pass, pass->k, pass->ctan[node->out[0]], pass->ctan[node->in[0]]);
}

size_t symo_linear_block(const symo_node *node, const symo_pass *pass, size_t k) {
  return pass->n * k * node->in_width;
}

/* ---- arrange: of the data alone, which have no derivatives ---- */

static void arrange_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                          void *to) {
  (void)k;
  const size_t bytes = node->out_width * symo_dtype_size(pass->dtype);
  for (size_t r = 0; r < pass->n; r++)
    for (size_t p = 0; p < node->out_rows; p++)
      memcpy((char *)to + (p * pass->n + r) * bytes,
             (const char *)from + (r * node->out_rows + p) * bytes, bytes);
}

static void no_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                       void *to) {
  (void)node, (void)pass, (void)k, (void)from, (void)to;
}

const symo_op symo_op_arrange = {.name = "arrange",
                                 .forward = symo_linear_forward,
                                 .backward = symo_linear_backward,
                                 .tangent = symo_linear_tangent,
                                 .backward_tangent = symo_linear_backward_tangent,
                                 .apply = arrange_apply,
                                 .adjoint = no_adjoint};

/* ---- unroll: outputs at each step of an example behind each other ---- */

static void move_steps(const symo_node *node, const symo_pass *pass, size_t k, bool back,
                       const void *from, void *to) {
  const size_t steps = node->in_rows, bytes = node->in_width * symo_dtype_size(pass->dtype);
  for (size_t r = 0; r < pass->n * k; r++)
    for (size_t p = 0; p < steps; p++) {
      const size_t apart = (p * pass->n * k + r) * bytes, together = (r * steps + p) * bytes;
      memcpy((char *)to + (back ? apart : together), (const char *)from + (back ? together : apart),
             bytes);
    }
}

static void unroll_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                         void *to) {
  move_steps(node, pass, k, false, from, to);
}

static void unroll_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                           void *to) {
  move_steps(node, pass, k, true, from, to);
}

const symo_op symo_op_unroll = {.name = "unroll",
                                .leaves_out = true,
                                .leaves_in = true,
                                .forward = symo_linear_forward,
                                .backward = symo_linear_backward,
                                .tangent = symo_linear_tangent,
                                .backward_tangent = symo_linear_backward_tangent,
                                .apply = unroll_apply,
                                .adjoint = unroll_adjoint};

/* ---- flatten: position p of an example and feature f go to f positions + p ---- */

static void flatten_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                          void *to) {
  const size_t block = symo_linear_block(node, pass, k);
  for (size_t p = 0; p < node->in_rows; p++)
    symo_kernel_spread(pass->dtype, block, node->in_rows,
                       symo_at(pass->dtype, from, (ptrdiff_t)(p * block)),
                       symo_at(pass->dtype, to, (ptrdiff_t)p));
}

static void flatten_adjoint(const symo_node *node, const symo_pass *pass, size_t k,
                            const void *from, void *to) {
  const size_t block = symo_linear_block(node, pass, k);
  memset(to, 0, node->in_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->in_rows; p++)
    symo_kernel_collect(pass->dtype, block, node->in_rows, symo_at(pass->dtype, from, (ptrdiff_t)p),
                        symo_at(pass->dtype, to, (ptrdiff_t)(p * block)));
}

const symo_op symo_op_flatten = {.name = "flatten",
                                 .forward = symo_linear_forward,
                                 .backward = symo_linear_backward,
                                 .tangent = symo_linear_tangent,
                                 .backward_tangent = symo_linear_backward_tangent,
                                 .apply = flatten_apply,
                                 .adjoint = flatten_adjoint};

/* ---- last ---- */

static void last_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                       void *to) {
  const size_t bytes = symo_linear_block(node, pass, k) * symo_dtype_size(pass->dtype);
  memcpy(to, (const char *)from + (node->in_rows - 1) * bytes, bytes);
}

static void last_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                         void *to) {
  const size_t bytes = symo_linear_block(node, pass, k) * symo_dtype_size(pass->dtype);
  memset(to, 0, (node->in_rows - 1) * bytes);
  memcpy((char *)to + (node->in_rows - 1) * bytes, from, bytes);
}

const symo_op symo_op_last = {.name = "last",
                              .forward = symo_linear_forward,
                              .backward = symo_linear_backward,
                              .tangent = symo_linear_tangent,
                              .backward_tangent = symo_linear_backward_tangent,
                              .apply = last_apply,
                              .adjoint = last_adjoint};

/* ---- the layers ---- */

static bool flatten_shape(symo_net_walk *walk, const symo_net_layer *layer,
                          char why[SYMO_NET_MAX_REASON]) {
  (void)layer;
  symo_net_shape *now = &walk->now;
  if (!symo_walk_image(walk, why)) return false;
  *now = (symo_net_shape){.features = now->features * symo_net_positions(now)};
  return true;
}

static void flatten_build(symo_net_builder *b, const symo_net_layer *layer) {
  (void)layer;
  symo_build_node(b, &symo_op_flatten, 1, b->after.features);
}

static void flatten_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  (void)layer;
  d->positions = symo_draft_add_place(d, "p", d->weights + 1, symo_net_positions(&d->shape), true);
}

static symo_status flatten_graph(symo_net_trace *t, const symo_net_layer *layer) {
  (void)layer;
  const symo_trace_step step = {.op = "flatten"};
  symo_status status = t->sequence ? symo_trace_transpose(t, false) : SYMO_OK;
  if (status == SYMO_OK) status = symo_trace_emit(t, step, "flatten%zu", t->count);
  t->flat = true;
  return status;
}

const symo_layer symo_layer_flatten = {.name = "flatten",
                                       .shape = flatten_shape,
                                       .count = symo_layer_count_none,
                                       .build = flatten_build,
                                       .tensors = flatten_tensors,
                                       .graph = flatten_graph};

static bool last_shape(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  (void)layer;
  if (!symo_walk_sequence(walk, why)) return false;
  walk->now = (symo_net_shape){.features = walk->now.features};
  return true;
}

static void last_build(symo_net_builder *b, const symo_net_layer *layer) {
  (void)layer;
  symo_build_node(b, &symo_op_last, 1, b->after.features);
}

static symo_status last_graph(symo_net_trace *t, const symo_net_layer *layer) {
  (void)layer;
  const symo_trace_step step = {.op = "reduce", .kind = "last"};
  return symo_trace_emit(t, step, "last%zu", t->count);
}

const symo_layer symo_layer_last = {.name = "last step",
                                    .sequence = true,
                                    .shape = last_shape,
                                    .count = symo_layer_count_none,
                                    .build = last_build,
                                    .tensors = symo_layer_no_tensors,
                                    .graph = last_graph};
