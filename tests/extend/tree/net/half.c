/* y = x / 2. */
#include "core/linalg.h"
#include "net/layer.h"
#include "net/linear.h"

#include <string.h>

static void apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                  void *to) {
  const size_t count = node->in_rows * symo_linear_block(node, pass, k);
  memcpy(to, from, count * symo_dtype_size(pass->dtype));
  symo_scal(pass->dtype, count, 0.5, to);
}

static const symo_op op = {.name = "half",
                           .forward = symo_linear_forward,
                           .backward = symo_linear_backward,
                           .tangent = symo_linear_tangent,
                           .backward_tangent = symo_linear_backward_tangent,
                           .apply = apply,
                           .adjoint = apply};

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  (void)walk, (void)layer, (void)why;
  return true;
}

static void build(symo_net_builder *b, const symo_net_layer *layer) {
  (void)symo_build_node(b, &op, symo_build_positions(b), symo_build_width(b));
}

const symo_layer symo_layer_half = {.name = "half",
                                    .notation = "half",
                                    .shape = shape,
                                    .count = symo_layer_count_none,
                                    .build = build,
                                    .tensors = symo_layer_no_tensors};
