/* The dense operation z = W a + b, for n examples at once: Z = A W' + 1 b', W [out, in].
 *
 *   forward            Z = A W' + 1 b'
 *   backward           A^ = Z^ W,      W^ += Z^' A,     b^ += Z^' 1
 *   tangent            RZ_k = RA_k W' + A V_k' + 1 v_k'
 *   backward tangent   RA^_k = RZ^_k W + Z^ V_k,   HV_k += RZ^_k' A + Z^' RA_k,   Hv_k += RZ^_k' 1
 * with the direction (V_k, v_k).  The Gauss-Newton product leaves out the terms with Z^
 * (Pearlmutter 1994; Schraudolph 2002).  All k at once, each term is one product: RA W'   [n k, in]
 * [in, out]          A V'    [n, in] [in, k out]   (directions by rows) RZ^ W   [n k, out] [out,
 * in]         Z^ V    [n, out] [out, k in]  (directions by columns) RZ^' A  [k out, n] [n, in] Z^'
 * RA  [out, n] [n, k in] */
#include "core/linalg.h"
#include "core/nd.h"
#include "experiments/net/kernels.h"
#include "experiments/net/op.h"

static symo_mat weight(const symo_node *node, const symo_pass *pass) {
  return symo_mat_dense(symo_at(pass->dtype, pass->theta, (ptrdiff_t)node->weight), node->out_width,
                        node->in_width);
}

/* The part of a packed block that belongs to the parameter at `offset`. */
static void *packed(const symo_pass *pass, const void *block, size_t offset) {
  return symo_at(pass->dtype, block, (ptrdiff_t)(pass->k * offset));
}

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const symo_dtype d = pass->dtype;
  void *z = pass->value[node->out[0]];
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], pass->n, node->in_width);
  symo_gemm(d, 1.0, a, symo_mat_t(weight(node, pass)), 0.0,
            symo_mat_dense(z, pass->n, node->out_width));
  if (node->has_bias)
    symo_kernel_add_row(d, pass->n, node->out_width, symo_at(d, pass->theta, (ptrdiff_t)node->bias),
                        z);
}

static void backward(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], pass->n, node->out_width);
  if (pass->cot[node->in[0]] != NULL)
    symo_gemm(d, 1.0, delta, weight(node, pass), 0.0,
              symo_mat_dense(pass->cot[node->in[0]], pass->n, node->in_width));
  if (pass->gradient == NULL) return;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], pass->n, node->in_width);
  void *gradient = symo_at(d, pass->gradient, (ptrdiff_t)node->weight);
  symo_gemm(d, 1.0, symo_mat_t(delta), a, 1.0,
            symo_mat_dense(gradient, node->out_width, node->in_width));
  if (node->has_bias)
    symo_kernel_sum_rows(d, pass->n, node->out_width, delta.p,
                         symo_at(d, pass->gradient, (ptrdiff_t)node->bias));
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t in = node->in_width, out = node->out_width;
  const bool touched = pass->touched != NULL && pass->touched[index];
  void *tz = pass->tan[node->out[0]], *ta = pass->tan[node->in[0]];
  if (ta != NULL)
    symo_gemm(d, 1.0, symo_mat_dense(ta, pass->n * pass->k, in), symo_mat_t(weight(node, pass)),
              0.0, symo_mat_dense(tz, pass->n * pass->k, out));
  if (!touched) return; /* then ta is not NULL: the runner starts at the first touched node */
  symo_mat v = symo_mat_dense(packed(pass, pass->v_rows, node->weight), pass->k * out, in);
  symo_gemm(d, 1.0, symo_mat_dense(pass->value[node->in[0]], pass->n, in), symo_mat_t(v),
            ta != NULL ? 1.0 : 0.0, symo_mat_dense(tz, pass->n, pass->k * out));
  if (node->has_bias)
    symo_kernel_add_row(d, pass->n, pass->k * out, packed(pass, pass->v_rows, node->bias), tz);
}

/* What the directions give through the stored derivatives: HV_k and Hv_k. */
static void products(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], pass->n, in);
  symo_mat rz = symo_mat_dense(pass->ctan[node->out[0]], pass->n, k * out);
  symo_gemm(d, 1.0, symo_mat_t(rz), a, 1.0,
            symo_mat_dense(packed(pass, pass->hv_rows, node->weight), k * out, in));
  if (node->has_bias)
    symo_kernel_sum_rows(d, pass->n, k * out, rz.p, packed(pass, pass->hv_rows, node->bias));
  void *ta = pass->tan[node->in[0]];
  if (ta == NULL || pass->gauss_newton) return;
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], pass->n, out);
  symo_gemm(d, 1.0, symo_mat_t(delta), symo_mat_dense(ta, pass->n, k * in), 1.0,
            symo_mat_dense(packed(pass, pass->hv_columns, node->weight), out, k * in));
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  if (pass->hv_rows != NULL) products(node, pass);
  void *ra = pass->ctan[node->in[0]];
  if (ra == NULL) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->ctan[node->out[0]], pass->n * k, out), weight(node, pass),
            0.0, symo_mat_dense(ra, pass->n * k, in));
  if (pass->gauss_newton || pass->touched == NULL || !pass->touched[index]) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->cot[node->out[0]], pass->n, out),
            symo_mat_dense(packed(pass, pass->v_columns, node->weight), out, k * in), 1.0,
            symo_mat_dense(ra, pass->n, k * in));
}

/* [k, out, in] at the parameter's place in a flat block [k, P]. */
static symo_nd flat_view(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                         const void *v) {
  symo_nd x = symo_nd_dense(dtype, symo_at(dtype, v, (ptrdiff_t)node->weight), 3,
                            (size_t[]){k, node->out_width, node->in_width});
  x.s[0] = (ptrdiff_t)parameters;
  return x;
}

/* Either packed form as [k, out, in]. */
static symo_nd packed_view(const symo_node *node, symo_dtype dtype, size_t k, const void *block,
                           bool columns) {
  const size_t in = node->in_width, out = node->out_width;
  symo_nd x = symo_nd_dense(dtype, symo_at(dtype, block, (ptrdiff_t)(k * node->weight)), 3,
                            (size_t[]){k, out, in});
  if (columns) x.s[0] = (ptrdiff_t)in, x.s[1] = (ptrdiff_t)(k * in);
  return x;
}

static symo_nd bias_view(const symo_node *node, symo_dtype dtype, size_t k, size_t stride,
                         const void *p) {
  symo_nd x = symo_nd_dense(dtype, (void *)(uintptr_t)p, 2, (size_t[]){k, node->out_width});
  x.s[0] = (ptrdiff_t)stride;
  return x;
}

static bool load(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                 const void *v, void *rows, void *columns) {
  const size_t size = node->in_width * node->out_width;
  symo_nd from = flat_view(node, dtype, k, parameters, v);
  symo_nd_copy(1.0, from, packed_view(node, dtype, k, rows, false));
  bool any = symo_kernel_any(dtype, k * size, symo_at(dtype, rows, (ptrdiff_t)(k * node->weight)));
  if (any) symo_nd_copy(1.0, from, packed_view(node, dtype, k, columns, true));
  if (!node->has_bias) return any;
  void *bias = symo_at(dtype, rows, (ptrdiff_t)(k * node->bias));
  symo_nd_copy(1.0, bias_view(node, dtype, k, parameters, symo_at(dtype, v, (ptrdiff_t)node->bias)),
               bias_view(node, dtype, k, node->out_width, bias));
  /* A direction that touches the bias alone still needs the second form, of zeros. */
  bool any_bias = symo_kernel_any(dtype, k * node->out_width, bias);
  if (any_bias && !any) symo_nd_copy(1.0, from, packed_view(node, dtype, k, columns, true));
  return any || any_bias;
}

static void store(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                  double scale, const void *rows, const void *columns, void *hv) {
  symo_nd to = flat_view(node, dtype, k, parameters, hv);
  symo_nd_copy(scale, packed_view(node, dtype, k, rows, false), to);
  if (columns != NULL) symo_nd_axpy(scale, packed_view(node, dtype, k, columns, true), to);
  if (node->has_bias)
    symo_nd_copy(scale,
                 bias_view(node, dtype, k, node->out_width,
                           symo_at(dtype, rows, (ptrdiff_t)(k * node->bias))),
                 bias_view(node, dtype, k, parameters, symo_at(dtype, hv, (ptrdiff_t)node->bias)));
}

const symo_op symo_op_dense = {.name = "dense",
                               .forward = forward,
                               .backward = backward,
                               .tangent = tangent,
                               .backward_tangent = backward_tangent,
                               .load = load,
                               .store = store};
