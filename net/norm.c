/* Norms over the w features at one position, with a gain g and perhaps a bias b:
 *
 *   y = g xhat + b,   xhat = r C x,   r = (m((C x)^2) + eps)^(-1/2)
 * with m the mean over features and C x = x - m(x) (LayerNorm: Ba, Kiros, Hinton 2016) or C x = x
 * (RMSNorm: Zhang, Sennrich 2019).  The derivative of xhat is the symmetric matrix
 *
 *   J t = r (C t - xhat m(xhat t)),   since the derivative of r along t is -r^2 m(xhat t),
 * and with p = g y^:
 *   backward           x^ = J p,   g^ += y^ xhat,   b^ += y^
 *   tangent            R xhat = J Rx,   Ry = g R xhat + v_g xhat + v_b
 *   backward tangent   R x^ = J (g Ry^ + v_g y^) + K,   Hg += Ry^ xhat + y^ R xhat,   Hb += Ry^
 *                      K = -r (m(xhat Rx) x^ + R xhat m(xhat p) + xhat m(p R xhat))
 * The Gauss-Newton product leaves out K and the terms with y^.  The buffer out[1] is of xhat; its
 * cotangent is p. */
#include <string.h>

#include "net/kernels.h"
#include "net/layer.h"
#include "net/param.h"

static bool centres(const symo_node *node) { return node->op == &symo_op_layer_norm; }

/* Every position of an example is one more example here. */
static size_t examples(const symo_node *node, const symo_pass *pass) {
  return pass->n * node->in_rows;
}

static void *gain(const symo_node *node, const symo_pass *pass) {
  return symo_at(pass->dtype, pass->theta, (ptrdiff_t)node->weight);
}

/* out = g x, `rows` rows. */
static void by_gain(const symo_node *node, const symo_pass *pass, size_t rows, const void *x,
                    void *out) {
  symo_kernel_scale(pass->dtype, 1, rows, node->in_width, gain(node, pass), x, out);
}

/* Rows are taken in strips, so that the second loop finds the results of the first in cache. */
enum { STRIP = 16 };

static size_t strip_rows(size_t n, size_t first) { return n - first < STRIP ? n - first : STRIP; }

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass), w = node->in_width;
  for (size_t first = 0; first < n; first += STRIP) {
    const size_t rows = strip_rows(n, first);
    const ptrdiff_t at = (ptrdiff_t)(first * w);
    void *xhat = symo_at(d, pass->value[node->out[1]], at);
    void *y = symo_at(d, pass->value[node->out[0]], at);
    symo_kernel_norm(d, rows, w, centres(node), symo_at(d, pass->value[node->in[0]], at), xhat,
                     symo_at(d, pass->value[node->saved[0]], (ptrdiff_t)first));
    by_gain(node, pass, rows, xhat, y);
    if (node->has_bias)
      symo_kernel_add_row(d, rows, w, symo_at(d, pass->theta, (ptrdiff_t)node->bias), y);
  }
}

static void backward(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass), w = node->in_width;
  void *to = pass->cot[node->in[0]];
  for (size_t first = 0; first < n; first += STRIP) {
    const size_t rows = strip_rows(n, first);
    const ptrdiff_t at = (ptrdiff_t)(first * w);
    const void *xhat = symo_at(d, pass->value[node->out[1]], at);
    const void *delta = symo_at(d, pass->cot[node->out[0]], at);
    void *p = symo_at(d, pass->cot[node->out[1]], at);
    by_gain(node, pass, rows, delta, p);
    if (to != NULL)
      symo_kernel_norm_apply(d, rows, 1, w, centres(node), xhat,
                             symo_at(d, pass->value[node->saved[0]], (ptrdiff_t)first), p,
                             symo_at(d, to, at));
    if (pass->gradient == NULL) continue;
    symo_kernel_inner(d, rows, 1, w, xhat, delta,
                      symo_at(d, pass->gradient, (ptrdiff_t)node->weight));
    if (node->has_bias)
      symo_kernel_sum_rows(d, rows, w, delta, symo_at(d, pass->gradient, (ptrdiff_t)node->bias));
  }
}

static void example(const symo_node *node, const symo_pass *pass, size_t r, bool add, void *g) {
  const symo_dtype d = pass->dtype;
  const size_t w = node->in_width;
  const void *delta = pass->cot[node->out[0]];
  void *to = symo_at(d, g, (ptrdiff_t)node->weight);
  if (!add) memset(to, 0, w * symo_dtype_size(d));
  for (size_t p = 0; p < node->in_rows; p++)
    symo_kernel_inner(d, 1, 1, w, symo_param_row(pass, pass->value[node->out[1]], w, p, r),
                      symo_param_row(pass, delta, w, p, r), to);
  if (node->has_bias)
    symo_kernel_sum_apart(d, node->in_rows, w, pass->n * w, symo_param_row(pass, delta, w, 0, r),
                          symo_at(d, g, (ptrdiff_t)node->bias));
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass), w = node->in_width, k = pass->k;
  void *t = pass->tan[node->in[0]], *ty = pass->tan[node->out[0]];
  if (t != NULL) {
    symo_kernel_norm_apply(d, n, k, w, centres(node), pass->value[node->out[1]],
                           pass->value[node->saved[0]], t, pass->tan[node->out[1]]);
    by_gain(node, pass, n * k, pass->tan[node->out[1]], ty);
  } else {
    symo_kernel_spread(d, n * k * w, 1, NULL, ty);
  }
  if (!symo_param_touched(pass, index)) return;
  symo_kernel_outer(d, n, k, w, pass->value[node->out[1]],
                    symo_param_packed(pass, pass->v_rows, node->weight), ty);
  if (node->has_bias)
    symo_kernel_add_row(d, n, k * w, symo_param_packed(pass, pass->v_rows, node->bias), ty);
}

static void products(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass), w = node->in_width, k = pass->k;
  const void *ry = pass->ctan[node->out[0]];
  void *hg = symo_param_packed(pass, pass->hv_rows, node->weight);
  symo_kernel_inner(d, n, k, w, pass->value[node->out[1]], ry, hg);
  if (pass->tan[node->in[0]] != NULL && !pass->gauss_newton)
    symo_kernel_inner(d, n, k, w, pass->cot[node->out[0]], pass->tan[node->out[1]], hg);
  if (node->has_bias)
    symo_kernel_sum_rows(d, n, k * w, ry, symo_param_packed(pass, pass->hv_rows, node->bias));
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass), w = node->in_width, k = pass->k;
  if (pass->hv_rows != NULL) products(node, pass);
  void *out = pass->ctan[node->in[0]], *rp = pass->ctan[node->out[1]];
  if (out == NULL) return;
  by_gain(node, pass, n * k, pass->ctan[node->out[0]], rp);
  if (!pass->gauss_newton && symo_param_touched(pass, index))
    symo_kernel_outer(d, n, k, w, pass->cot[node->out[0]],
                      symo_param_packed(pass, pass->v_rows, node->weight), rp);
  const void *xhat = pass->value[node->out[1]], *scale = pass->value[node->saved[0]];
  symo_kernel_norm_apply(d, n, k, w, centres(node), xhat, scale, rp, out);
  if (!pass->gauss_newton && pass->tan[node->in[0]] != NULL)
    symo_kernel_norm_curve(d, n, k, w, centres(node), xhat, scale, pass->cot[node->out[1]],
                           pass->tan[node->in[0]], out);
}

const symo_op symo_op_layer_norm = {.name = "LayerNorm",
                                    .leaves_in = true,
                                    .gain = true,
                                    .forward = forward,
                                    .backward = backward,
                                    .tangent = tangent,
                                    .backward_tangent = backward_tangent,
                                    .example = example,
                                    .load = symo_param_load,
                                    .store = symo_param_store};

const symo_op symo_op_rms_norm = {.name = "RMSNorm",
                                  .leaves_in = true,
                                  .gain = true,
                                  .forward = forward,
                                  .backward = backward,
                                  .tangent = tangent,
                                  .backward_tangent = backward_tangent,
                                  .example = example,
                                  .load = symo_param_load,
                                  .store = symo_param_store};

/* ---- the layers ---- */

static bool is_layer_norm(const symo_net_layer *layer) {
  return layer->kind == SYMO_NET_LAYER_NORM;
}

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  (void)walk, (void)layer, (void)why;
  return true;
}

static double count(const symo_net_spec *spec, const symo_net_layer *layer,
                    const symo_net_shape *before) {
  return (double)before->features * (is_layer_norm(layer) && spec->bias ? 2.0 : 1.0);
}

static void build(symo_net_builder *b, const symo_net_layer *layer) {
  const bool centre = is_layer_norm(layer);
  const size_t positions = symo_build_positions(b), width = symo_build_width(b);
  symo_node *node =
      symo_build_node(b, centre ? &symo_op_layer_norm : &symo_op_rms_norm, positions, width);
  symo_build_parameters(b, node, width, 1, centre && b->net->spec.bias);
  node->out[1] = symo_build_buffer(b, positions, width, true);
  node->saved[0] = symo_build_buffer(b, positions, 1, false);
}

static void tensors(symo_net_draft *d, const symo_net_layer *layer) {
  const char *name = is_layer_norm(layer) ? "ln" : "rms";
  const int axes[] = {d->now, d->positions};
  const size_t order = d->positions >= 0 ? 2 : 1;
  symo_draft_reduce(d);
  symo_draft_add_tensor(d, name, ++d->norms, ".gain", order, axes);
  if (is_layer_norm(layer) && d->spec->bias)
    symo_draft_add_tensor(d, name, d->norms, ".bias", order, axes);
}

/* A norm of a graph runs over the last axis. */
static symo_status graph(symo_net_trace *t, const symo_net_layer *layer) {
  const bool centre = is_layer_norm(layer);
  const char *name = centre ? "ln" : "rms";
  symo_trace_step step = {.op = centre ? "layernorm" : "rmsnorm"};
  t->norms++;
  symo_trace_tensor(&step, "gain", "%s%zu.gain", name, t->norms);
  if (centre && t->spec->bias) symo_trace_tensor(&step, "bias", "%s%zu.bias", name, t->norms);
  symo_status status = t->sequence ? SYMO_OK : symo_trace_transpose(t, false);
  if (status == SYMO_OK) status = symo_trace_emit(t, step, "%s%zu", name, t->norms);
  return status == SYMO_OK && !t->sequence ? symo_trace_transpose(t, true) : status;
}

const symo_layer symo_layer_layer_norm = {.name = "LayerNorm",
                                          .notation = "ln",
                                          .shape = shape,
                                          .count = count,
                                          .build = build,
                                          .tensors = tensors,
                                          .graph = graph};

const symo_layer symo_layer_rms_norm = {.name = "RMSNorm",
                                        .notation = "rms",
                                        .shape = shape,
                                        .count = count,
                                        .build = build,
                                        .tensors = tensors,
                                        .graph = graph};
