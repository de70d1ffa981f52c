/* Pooling over windows of positions that do not overlap: the mean, which is linear, and the
 * maximum, which is linear once forward has chosen the entries (the first of equal ones: a
 * subgradient). */
#include <string.h>

#include "core/linalg.h"
#include "net/kernels.h"
#include "net/linear.h"
#include "net/window.h"

static void *block_at(const symo_pass *pass, const void *p, size_t position, size_t block) {
  return symo_at(pass->dtype, p, (ptrdiff_t)(position * block));
}

/* ---- mean ---- */

static void mean_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                       void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = symo_window_size(node);
  memset(to, 0, node->out_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++)
      symo_axpy(pass->dtype, block, 1.0 / (double)entries,
                block_at(pass, from, symo_window_pool(node, p, q), block),
                block_at(pass, to, p, block));
}

static void mean_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                         void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = symo_window_size(node);
  memset(to, 0, node->in_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++)
      symo_axpy(pass->dtype, block, 1.0 / (double)entries, block_at(pass, from, p, block),
                block_at(pass, to, symo_window_pool(node, p, q), block));
}

const symo_op symo_op_mean_pool = {.name = "mean pool",
                                   .forward = symo_linear_forward,
                                   .backward = symo_linear_backward,
                                   .tangent = symo_linear_tangent,
                                   .backward_tangent = symo_linear_backward_tangent,
                                   .apply = mean_apply,
                                   .adjoint = mean_adjoint};

/* ---- maximum; saved[0] holds the entry chosen, as a number ---- */

static void max_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const size_t block = symo_linear_block(node, pass, 1);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < symo_window_size(node); q++)
      symo_kernel_raise(
          pass->dtype, block, q,
          block_at(pass, pass->value[node->in[0]], symo_window_pool(node, p, q), block),
          block_at(pass, pass->value[node->out[0]], p, block),
          block_at(pass, pass->value[node->saved[0]], p, block));
}

static void max_move(const symo_node *node, const symo_pass *pass, size_t k, bool back,
                     const void *from, void *to) {
  const size_t block = symo_linear_block(node, pass, k), one = symo_linear_block(node, pass, 1);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < symo_window_size(node); q++) {
      const size_t inside = symo_window_pool(node, p, q);
      symo_kernel_choose(pass->dtype, pass->n, k, node->in_width,
                         block_at(pass, pass->value[node->saved[0]], p, one), q,
                         block_at(pass, from, back ? p : inside, block), back,
                         block_at(pass, to, back ? inside : p, block));
    }
}

static void max_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                      void *to) {
  max_move(node, pass, k, false, from, to);
}

static void max_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                        void *to) {
  max_move(node, pass, k, true, from, to);
}

const symo_op symo_op_max_pool = {.name = "max pool",
                                  .forward = max_forward,
                                  .backward = symo_linear_backward,
                                  .tangent = symo_linear_tangent,
                                  .backward_tangent = symo_linear_backward_tangent,
                                  .apply = max_apply,
                                  .adjoint = max_adjoint};
