/* The dense operation z = W a + b, for n examples at once: Z = A W' + 1 b', W [out, in].
 *
 *   forward            Z = A W' + 1 b'
 *   backward           A^ = Z^ W,      W^ += Z^' A,     b^ += Z^' 1
 *   tangent            RZ_k = RA_k W' + A V_k' + 1 v_k'
 *   backward tangent   RA^_k = RZ^_k W + Z^ V_k,   HV_k += RZ^_k' A + Z^' RA_k,   Hv_k += RZ^_k' 1
 * with the direction (V_k, v_k).  The Gauss-Newton product leaves out the terms with Z^
 * (Pearlmutter 1994; Schraudolph 2002).  All k at once, each term is one product:
 *   RA W'   [n k, in] [in, out]         A V'    [n, in] [in, k out]   (directions by rows)
 *   RZ^ W   [n k, out] [out, in]        Z^ V    [n, out] [out, k in]  (directions by columns)
 *   RZ^' A  [k out, n] [n, in]          Z^' RA  [out, n] [n, k in] */
#include "net/kernels.h"
#include "net/param.h"

/* Every position of an example is one more example here. */
static size_t examples(const symo_node *node, const symo_pass *pass) {
  return pass->n * node->in_rows;
}

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  void *z = pass->value[node->out[0]];
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, node->in_width);
  /* gemm reads what it adds to while it writes it: cheaper than a pass of its own. */
  if (node->has_bias)
    symo_kernel_fill_rows(d, n, node->out_width, symo_at(d, pass->theta, (ptrdiff_t)node->bias), z);
  symo_gemm(d, 1.0, a, symo_mat_t(symo_param_weight(node, d, pass->theta)),
            node->has_bias ? 1.0 : 0.0, symo_mat_dense(z, n, node->out_width));
}

static void backward(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], n, node->out_width);
  if (pass->cot[node->in[0]] != NULL)
    symo_gemm(d, 1.0, delta, symo_param_weight(node, d, pass->theta), 0.0,
              symo_mat_dense(pass->cot[node->in[0]], n, node->in_width));
  if (pass->gradient == NULL) return;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, node->in_width);
  void *gradient = symo_at(d, pass->gradient, (ptrdiff_t)node->weight);
  symo_gemm(d, 1.0, symo_mat_t(delta), a, 1.0,
            symo_mat_dense(gradient, node->out_width, node->in_width));
  if (node->has_bias)
    symo_kernel_sum_rows(d, n, node->out_width, delta.p,
                         symo_at(d, pass->gradient, (ptrdiff_t)node->bias));
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width;
  const bool touched = symo_param_touched(pass, index);
  void *tz = pass->tan[node->out[0]], *ta = pass->tan[node->in[0]];
  if (ta != NULL)
    symo_gemm(d, 1.0, symo_mat_dense(ta, n * pass->k, in),
              symo_mat_t(symo_param_weight(node, d, pass->theta)), 0.0,
              symo_mat_dense(tz, n * pass->k, out));
  if (!touched) return; /* then ta is not NULL: the runner starts at the first touched node */
  symo_mat v =
      symo_mat_dense(symo_param_packed(pass, pass->v_rows, node->weight), pass->k * out, in);
  symo_gemm(d, 1.0, symo_mat_dense(pass->value[node->in[0]], n, in), symo_mat_t(v),
            ta != NULL ? 1.0 : 0.0, symo_mat_dense(tz, n, pass->k * out));
  if (node->has_bias)
    symo_kernel_add_row(d, n, pass->k * out, symo_param_packed(pass, pass->v_rows, node->bias), tz);
}

/* What the directions give through the stored derivatives: HV_k and Hv_k. */
static void products(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, in);
  symo_mat rz = symo_mat_dense(pass->ctan[node->out[0]], n, k * out);
  symo_gemm(d, 1.0, symo_mat_t(rz), a, 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_rows, node->weight), k * out, in));
  if (node->has_bias)
    symo_kernel_sum_rows(d, n, k * out, rz.p, symo_param_packed(pass, pass->hv_rows, node->bias));
  void *ta = pass->tan[node->in[0]];
  if (ta == NULL || pass->gauss_newton) return;
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], n, out);
  symo_gemm(d, 1.0, symo_mat_t(delta), symo_mat_dense(ta, n, k * in), 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_columns, node->weight), out, k * in));
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  if (pass->hv_rows != NULL) products(node, pass);
  void *ra = pass->ctan[node->in[0]];
  if (ra == NULL) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->ctan[node->out[0]], n * k, out),
            symo_param_weight(node, d, pass->theta), 0.0, symo_mat_dense(ra, n * k, in));
  if (pass->gauss_newton || !symo_param_touched(pass, index)) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->cot[node->out[0]], n, out),
            symo_mat_dense(symo_param_packed(pass, pass->v_columns, node->weight), out, k * in),
            1.0, symo_mat_dense(ra, n, k * in));
}

const symo_op symo_op_dense = {.name = "dense",
                               .forward = forward,
                               .backward = backward,
                               .tangent = tangent,
                               .backward_tangent = backward_tangent,
                               .load = symo_param_load,
                               .store = symo_param_store};
