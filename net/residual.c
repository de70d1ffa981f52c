/* The two ends of a residual block.  fork: u = x, v = x, x^ = u^ + v^.  add: y = u + v, u^ = v^ =
 * y^.  Both are linear: tangents follow the same rules.  Where the plan has let arrays that are equal
 * share memory there is nothing to copy. */
#include <string.h>

#include "net/kernels.h"
#include "net/op.h"

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
                             .forward = add_forward,
                             .backward = add_backward,
                             .tangent = add_tangent,
                             .backward_tangent = add_backward_tangent};
