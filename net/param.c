/* Between flat vectors and the packed forms of directions (op.h): copies with strides. */
#include "net/param.h"

#include <string.h>

#include "core/nd.h"
#include "net/kernels.h"

symo_mat symo_param_weight(const symo_node *node, symo_dtype dtype, const void *flat) {
  return symo_mat_dense(symo_at(dtype, flat, (ptrdiff_t)node->weight), node->weight_rows,
                        node->weight_columns);
}

void *symo_param_packed(const symo_pass *pass, const void *block, size_t offset) {
  return symo_at(pass->dtype, block, (ptrdiff_t)(pass->k * offset));
}

void *symo_param_row(const symo_pass *pass, const void *buffer, size_t width, size_t p, size_t r) {
  return symo_at(pass->dtype, buffer, (ptrdiff_t)((p * pass->n + r) * width));
}

void symo_param_pairs(const symo_pass *pass, size_t count, size_t in, size_t out, const void *a,
                      const void *d, bool add, void *g) {
  const ptrdiff_t n = (ptrdiff_t)pass->n;
  if (count == 0) {
    if (!add) memset(g, 0, out * in * symo_dtype_size(pass->dtype));
  } else if (count == 1) {
    symo_kernel_pair(pass->dtype, out, in, add, d, a, g);
  } else {
    const symo_mat as = {(void *)(uintptr_t)a, count, in, n * (ptrdiff_t)in, 1};
    const symo_mat ds = {(void *)(uintptr_t)d, count, out, n * (ptrdiff_t)out, 1};
    symo_gemm(pass->dtype, 1.0, symo_mat_t(ds), as, add ? 1.0 : 0.0, symo_mat_dense(g, out, in));
  }
}

bool symo_param_touched(const symo_pass *pass, size_t node_index) {
  return pass->touched != NULL && pass->touched[node_index];
}

/* [k, out, in] at the parameter's place in a flat block [k, P]. */
static symo_nd flat_view(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                         const void *v) {
  symo_nd x = symo_nd_dense(dtype, symo_at(dtype, v, (ptrdiff_t)node->weight), 3,
                            (size_t[]){k, node->weight_rows, node->weight_columns});
  x.s[0] = (ptrdiff_t)parameters;
  return x;
}

/* Either packed form as [k, out, in]. */
static symo_nd packed_view(const symo_node *node, symo_dtype dtype, size_t k, const void *block,
                           bool columns) {
  const size_t in = node->weight_columns, out = node->weight_rows;
  symo_nd x = symo_nd_dense(dtype, symo_at(dtype, block, (ptrdiff_t)(k * node->weight)), 3,
                            (size_t[]){k, out, in});
  if (columns) x.s[0] = (ptrdiff_t)in, x.s[1] = (ptrdiff_t)(k * in);
  return x;
}

static symo_nd bias_view(const symo_node *node, symo_dtype dtype, size_t k, size_t stride,
                         const void *p) {
  symo_nd x = symo_nd_dense(dtype, (void *)(uintptr_t)p, 2, (size_t[]){k, node->weight_rows});
  x.s[0] = (ptrdiff_t)stride;
  return x;
}

bool symo_param_load(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                     const void *v, void *rows, void *columns) {
  const size_t size = node->weight_rows * node->weight_columns;
  symo_nd from = flat_view(node, dtype, k, parameters, v);
  symo_nd_copy(1.0, from, packed_view(node, dtype, k, rows, false));
  bool any = symo_kernel_any(dtype, k * size, symo_at(dtype, rows, (ptrdiff_t)(k * node->weight)));
  if (any) symo_nd_copy(1.0, from, packed_view(node, dtype, k, columns, true));
  if (!node->has_bias) return any;
  void *bias = symo_at(dtype, rows, (ptrdiff_t)(k * node->bias));
  symo_nd_copy(1.0, bias_view(node, dtype, k, parameters, symo_at(dtype, v, (ptrdiff_t)node->bias)),
               bias_view(node, dtype, k, node->weight_rows, bias));
  /* A direction that touches the bias alone still needs the second form, of zeros. */
  bool any_bias = symo_kernel_any(dtype, k * node->weight_rows, bias);
  if (any_bias && !any) symo_nd_copy(1.0, from, packed_view(node, dtype, k, columns, true));
  return any || any_bias;
}

void symo_param_store(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                      double scale, const void *rows, const void *columns, void *hv) {
  symo_nd to = flat_view(node, dtype, k, parameters, hv);
  symo_nd_copy(scale, packed_view(node, dtype, k, rows, false), to);
  if (columns != NULL) symo_nd_axpy(scale, packed_view(node, dtype, k, columns, true), to);
  if (node->has_bias)
    symo_nd_copy(scale,
                 bias_view(node, dtype, k, node->weight_rows,
                           symo_at(dtype, rows, (ptrdiff_t)(k * node->bias))),
                 bias_view(node, dtype, k, parameters, symo_at(dtype, hv, (ptrdiff_t)node->bias)));
}
