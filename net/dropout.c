/* Dropout (Srivastava et al. 2014): y = m x / (1 - rate), where m is 0 with probability `rate`,
 * else 1, for each number of an example by itself.  Which fall is a function of the seed, the
 * node's salt, the example's number among those that the loss is on, and the number's place in the
 * example, by a hash instead of a generator's sequence (as Salmon et al. 2011 count): forward,
 * backward and tangents make the same mask again, in whatever chunks the examples come, and
 * nothing is kept.  Linear, so that all derivatives are the same product. */
#include "net/linear.h"

#include <string.h>

#include "core/hash.h"
#include "core/linalg.h"
#include "core/vector.h"
#include "net/layer.h"

static uint64_t key_of(const symo_node *node, const symo_pass *pass, size_t example) {
  const uint64_t key = symo_hash_join(symo_hash(pass->seed), node->salt);
  return symo_hash_join(key, pass->first + example);
}

/* 32 bits, by multiplications that vector units have; two keys, so that no two examples have the
 * same sequence moved along. */
static uint32_t bits(uint32_t place, uint32_t low, uint32_t high) {
  uint32_t x = place + low;
  x = (x ^ x >> 16) * 0x7feb352du;
  x = (x ^ x >> 15 ^ high) * 0x846ca68bu;
  x = (x ^ x >> 16) * 0x9e3779b1u;
  return x ^ x >> 15;
}

#define SYMO_KERNELS "net/dropout.inc"
#include "core/real.h"

static void apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                  void *to) {
  const size_t w = node->in_width, bytes = k * w * symo_dtype_size(pass->dtype);
  if (!pass->dropping || node->rate == 0.0) {
    if (to != from) memcpy(to, from, pass->n * node->in_rows * bytes);
    return;
  }
  for (size_t r = 0; r < pass->n; r++) {
    const uint64_t key = key_of(node, pass, r);
    for (size_t p = 0; p < node->in_rows; p++) {
      const ptrdiff_t at = (ptrdiff_t)((p * pass->n + r) * k * w);
      const void *x = symo_at(pass->dtype, from, at);
      void *y = symo_at(pass->dtype, to, at);
      SYMO_BY_TYPE(pass->dtype, row, w, k, (uint32_t)(p * w), key, node->rate, x, y);
    }
  }
}

const symo_op symo_op_dropout = {.name = "dropout",
                                 .leaves_out = true,
                                 .leaves_in = true,
                                 .in_place = true,
                                 .forward = symo_linear_forward,
                                 .backward = symo_linear_backward,
                                 .tangent = symo_linear_tangent,
                                 .backward_tangent = symo_linear_backward_tangent,
                                 .apply = apply,
                                 .adjoint = apply};

/* ---- the layer ---- */

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  (void)walk;
  return symo_walk_rate(layer->rate, why);
}

static void build(symo_net_builder *b, const symo_net_layer *layer) {
  symo_node *node =
      symo_build_node(b, &symo_op_dropout, symo_build_positions(b), symo_build_width(b));
  node->rate = layer->rate, node->salt = (uint64_t)(node - b->net->nodes);
}

static symo_status graph(symo_net_trace *t, const symo_net_layer *layer) {
  (void)layer;
  const symo_trace_step step = {.op = "dropout"};
  return symo_trace_emit(t, step, "dropout%zu", t->count);
}

const symo_layer symo_layer_dropout = {.name = "dropout",
                                       .shape = shape,
                                       .count = symo_layer_count_none,
                                       .build = build,
                                       .tensors = symo_layer_no_tensors,
                                       .graph = graph};
