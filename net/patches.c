/* What a convolution's kernel sees: y[p, f K + q] = x[p + q - centre, f] for kernel entry q of K
 * and feature f.  With it a convolution is a dense operation at every position: its weight [out,
 * in, kh, kw] is a matrix [out, in K] (im2col: Chellapilla, Puri, Simard 2006).  Beyond the border
 * stand zeros, or the image again when it is circular. */
#include <string.h>

#include "core/linalg.h"
#include "net/kernels.h"
#include "net/linear.h"
#include "net/window.h"

/* Axes that there are not have size 1. */
static size_t axis_size(const symo_node *node, size_t axis) {
  return axis < node->shape.axes ? node->shape.size[axis] : 1;
}

size_t symo_window_size(const symo_node *node) { return node->window[0] * node->window[1]; }

ptrdiff_t symo_window_kernel(const symo_node *node, size_t position, size_t entry) {
  const size_t at[] = {position / axis_size(node, 1), position % axis_size(node, 1)};
  const size_t offset[] = {entry / node->window[1], entry % node->window[1]};
  size_t found[2];
  for (size_t axis = 0; axis < 2; axis++) {
    const size_t size = axis_size(node, axis), half = node->window[axis] / 2;
    size_t moved = at[axis] + offset[axis] + size; /* half may exceed the place: 2 size > half */
    if (node->circular)
      found[axis] = (moved + size - half) % size;
    else if (moved < size + half || moved >= 2 * size + half)
      return SYMO_WINDOW_NONE;
    else
      found[axis] = moved - size - half;
  }
  return (ptrdiff_t)(found[0] * axis_size(node, 1) + found[1]);
}

size_t symo_window_pool(const symo_node *node, size_t position, size_t entry) {
  const size_t across = axis_size(node, 1) / node->window[1];
  const size_t row = position / across * node->window[0] + entry / node->window[1];
  return row * axis_size(node, 1) + position % across * node->window[1] + entry % node->window[1];
}

static void apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                  void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = symo_window_size(node);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++) {
      ptrdiff_t source = symo_window_kernel(node, p, q);
      const void *x =
          source == SYMO_WINDOW_NONE ? NULL : symo_at(pass->dtype, from, source * (ptrdiff_t)block);
      symo_kernel_spread(pass->dtype, block, entries, x,
                         symo_at(pass->dtype, to, (ptrdiff_t)(p * block * entries + q)));
    }
}

static void adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                    void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = symo_window_size(node);
  memset(to, 0, node->in_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++) {
      ptrdiff_t source = symo_window_kernel(node, p, q);
      if (source != SYMO_WINDOW_NONE)
        symo_kernel_collect(pass->dtype, block, entries,
                            symo_at(pass->dtype, from, (ptrdiff_t)(p * block * entries + q)),
                            symo_at(pass->dtype, to, source * (ptrdiff_t)block));
    }
}

const symo_op symo_op_patches = {.name = "patches",
                                 .forward = symo_linear_forward,
                                 .backward = symo_linear_backward,
                                 .tangent = symo_linear_tangent,
                                 .backward_tangent = symo_linear_backward_tangent,
                                 .apply = apply,
                                 .adjoint = adjoint};
