/* A recurrence with leak a in (0, 1], unrolled over the steps t = 1 .. T:
 *
 *   z_t = (1 - a) z_(t-1) + a (u_t + W h_(t-1) + b),   h_t = phi(z_t),   z_0 = 0, h_0 = 0
 *
 * a = 1 is the network of Elman (1990); a < 1 is Euler's method of step a for the rate network
 * z' = -z + u + W phi(z) + b.  u = Wx x comes from a dense operation at every step.
 *
 *   backward           h^_t += W' u^_(t+1),   u^_t = a phi'(z_t) h^_t + (1 - a) u^_(t+1)
 *                      W^ += sum_t u^_t h_(t-1)',   b^ += sum_t u^_t
 *   tangent            Rz_t = (1 - a) Rz_(t-1) + a (Ru_t + W Rh_(t-1) + V h_(t-1) + v)
 *                      Rh_t = phi'(z_t) Rz_t
 *   backward tangent   Rh^_t += W' Ru^_(t+1) + V' u^_(t+1)
 *                      Ru^_t = a (phi'(z_t) Rh^_t + phi''(z_t) h^_t Rz_t) + (1 - a) Ru^_(t+1)
 *                      HV += sum_t Ru^_t h_(t-1)' + u^_t Rh_(t-1)',   Hv += sum_t Ru^_t
 * with the direction (V, v); Gauss-Newton without the terms with u^ and h^ (u^_t is a times the
 * derivative by z_t).  Steps are positions, outermost in every buffer, so one step takes the
 * products of dense.c and sums over steps are one product.  The buffer out[1] is of z: its
 * cotangents are the h^ with all their terms. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/number.h"
#include "net/kernels.h"
#include "net/layer.h"
#include "net/param.h"

/* One buffer at step t (from 0), as a matrix of `rows` rows. */
static symo_mat step(const symo_node *node, const symo_pass *pass, const void *buffer, size_t t,
                     size_t k, size_t rows) {
  const size_t block = pass->n * k * node->in_width;
  return symo_mat_dense(symo_at(pass->dtype, buffer, (ptrdiff_t)(t * block)), rows, block / rows);
}

/* now := a now + (1 - a) before, `size` numbers; before NULL: zeros.  Nothing where a is 1. */
static void leak(const symo_node *node, symo_dtype dtype, size_t size, const void *before,
                 void *now) {
  if (node->rate == 0) return;
  symo_scal(dtype, size, node->rate, now);
  if (before != NULL) symo_axpy(dtype, size, 1.0 - node->rate, before, now);
}

static void forward(const symo_node *node, symo_pass *pass, int order) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width;
  void *z = pass->value[node->out[1]], *h = pass->value[node->out[0]];
  memcpy(z, pass->value[node->in[0]], node->in_rows * n * w * symo_dtype_size(d));
  if (node->has_bias)
    symo_kernel_add_row(d, node->in_rows * n, w, symo_at(d, pass->theta, (ptrdiff_t)node->bias), z);
  for (size_t t = 0; t < node->in_rows; t++) {
    symo_mat now = step(node, pass, z, t, 1, n);
    if (t > 0)
      symo_gemm(d, 1.0, step(node, pass, h, t - 1, 1, n),
                symo_mat_t(symo_param_weight(node, d, pass->theta)), 1.0, now);
    leak(node, d, n * w, t > 0 ? step(node, pass, z, t - 1, 1, n).p : NULL, now.p);
    void *slope = step(node, pass, pass->value[node->saved[0]], t, 1, n).p;
    void *curve = step(node, pass, pass->value[node->saved[1]], t, 1, n).p;
    symo_kernel_activation(d, node->activation, n * w, now.p, step(node, pass, h, t, 1, n).p,
                           order >= 1 ? slope : NULL, order >= 2 ? curve : NULL);
  }
}

static void backward(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, steps = node->in_rows;
  const symo_mat weight = symo_param_weight(node, d, pass->theta);
  void *total = pass->cot[node->out[1]], *delta = pass->cot[node->in[0]];
  memcpy(total, pass->cot[node->out[0]], steps * n * w * symo_dtype_size(d));
  for (size_t t = steps; t-- > 0;) {
    symo_mat now = step(node, pass, total, t, 1, n);
    if (t + 1 < steps) symo_gemm(d, 1.0, step(node, pass, delta, t + 1, 1, n), weight, 1.0, now);
    void *here = step(node, pass, delta, t, 1, n).p;
    symo_kernel_scale(d, n, 1, w, step(node, pass, pass->value[node->saved[0]], t, 1, n).p, now.p,
                      here);
    leak(node, d, n * w, t + 1 < steps ? step(node, pass, delta, t + 1, 1, n).p : NULL, here);
  }
  if (pass->gradient == NULL) return;
  if (steps > 1)
    symo_gemm(d, 1.0,
              symo_mat_t(symo_mat_dense(step(node, pass, delta, 1, 1, n).p, (steps - 1) * n, w)),
              symo_mat_dense(pass->value[node->out[0]], (steps - 1) * n, w), 1.0,
              symo_param_weight(node, d, pass->gradient));
  if (node->has_bias)
    symo_kernel_sum_rows(d, steps * n, w, delta, symo_at(d, pass->gradient, (ptrdiff_t)node->bias));
}

/* Rz_t for t > 0: + W Rh_(t-1) + V h_(t-1). */
static void carry_tangent(const symo_node *node, size_t index, const symo_pass *pass, size_t t) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, k = pass->k;
  void *rz = pass->tan[node->out[1]], *rh = pass->tan[node->out[0]];
  symo_gemm(d, 1.0, step(node, pass, rh, t - 1, k, n * k),
            symo_mat_t(symo_param_weight(node, d, pass->theta)), 1.0,
            step(node, pass, rz, t, k, n * k));
  if (!symo_param_touched(pass, index)) return;
  symo_mat v = symo_mat_dense(symo_param_packed(pass, pass->v_rows, node->weight), k * w, w);
  symo_gemm(d, 1.0, step(node, pass, pass->value[node->out[0]], t - 1, 1, n), symo_mat_t(v), 1.0,
            step(node, pass, rz, t, k, n));
}

static void example(const symo_node *node, const symo_pass *pass, size_t r, bool add, void *g) {
  const symo_dtype d = pass->dtype;
  const size_t w = node->in_width, steps = node->in_rows;
  const void *delta = pass->cot[node->in[0]];
  symo_param_pairs(pass, steps - 1, w, w, symo_param_row(pass, pass->value[node->out[0]], w, 0, r),
                   symo_param_row(pass, delta, w, steps > 1 ? 1 : 0, r), add,
                   symo_at(d, g, (ptrdiff_t)node->weight));
  if (node->has_bias)
    symo_kernel_sum_apart(d, steps, w, pass->n * w, symo_param_row(pass, delta, w, 0, r),
                          symo_at(d, g, (ptrdiff_t)node->bias));
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, k = pass->k, steps = node->in_rows;
  const void *ru = pass->tan[node->in[0]];
  void *rz = pass->tan[node->out[1]];
  const size_t bytes = steps * n * k * w * symo_dtype_size(d);
  if (ru != NULL)
    memcpy(rz, ru, bytes);
  else
    memset(rz, 0, bytes);
  if (node->has_bias && symo_param_touched(pass, index))
    symo_kernel_add_row(d, steps * n, k * w, symo_param_packed(pass, pass->v_rows, node->bias), rz);
  for (size_t t = 0; t < steps; t++) {
    if (t > 0) carry_tangent(node, index, pass, t);
    leak(node, d, n * k * w, t > 0 ? step(node, pass, rz, t - 1, k, n).p : NULL,
         step(node, pass, rz, t, k, n).p);
    symo_kernel_scale(d, n, k, w, step(node, pass, pass->value[node->saved[0]], t, 1, n).p,
                      step(node, pass, rz, t, k, n).p,
                      step(node, pass, pass->tan[node->out[0]], t, k, n).p);
  }
}

static void products(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, k = pass->k, rows = (node->in_rows - 1) * n;
  void *rz = pass->ctan[node->in[0]];
  if (node->has_bias)
    symo_kernel_sum_rows(d, node->in_rows * n, k * w, rz,
                         symo_param_packed(pass, pass->hv_rows, node->bias));
  if (rows == 0) return;
  symo_gemm(d, 1.0, symo_mat_t(symo_mat_dense(step(node, pass, rz, 1, k, n).p, rows, k * w)),
            symo_mat_dense(pass->value[node->out[0]], rows, w), 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_rows, node->weight), k * w, w));
  if (pass->tan[node->out[0]] == NULL || pass->gauss_newton) return;
  const void *delta = step(node, pass, pass->cot[node->in[0]], 1, 1, n).p;
  symo_gemm(d, 1.0, symo_mat_t(symo_mat_dense((void *)(uintptr_t)delta, rows, w)),
            symo_mat_dense(pass->tan[node->out[0]], rows, k * w), 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_columns, node->weight), w, k * w));
}

/* Rh^_t for t before the last: + W' Rz^_(t+1) + V' z^_(t+1). */
static void carry_back(const symo_node *node, size_t index, const symo_pass *pass, size_t t) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, k = pass->k;
  void *total = pass->ctan[node->out[1]];
  symo_gemm(d, 1.0, step(node, pass, pass->ctan[node->in[0]], t + 1, k, n * k),
            symo_param_weight(node, d, pass->theta), 1.0, step(node, pass, total, t, k, n * k));
  if (pass->gauss_newton || !symo_param_touched(pass, index)) return;
  symo_gemm(d, 1.0, step(node, pass, pass->cot[node->in[0]], t + 1, 1, n),
            symo_mat_dense(symo_param_packed(pass, pass->v_columns, node->weight), w, k * w), 1.0,
            step(node, pass, total, t, k, n));
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = pass->n, w = node->in_width, k = pass->k, steps = node->in_rows;
  const bool curved = pass->tan[node->out[0]] != NULL && !pass->gauss_newton;
  void *total = pass->ctan[node->out[1]], *rz = pass->ctan[node->in[0]];
  memcpy(total, pass->ctan[node->out[0]], steps * n * k * w * symo_dtype_size(d));
  for (size_t t = steps; t-- > 0;) {
    if (t + 1 < steps) carry_back(node, index, pass, t);
    void *now = step(node, pass, rz, t, k, n).p;
    symo_kernel_scale(d, n, k, w, step(node, pass, pass->value[node->saved[0]], t, 1, n).p,
                      step(node, pass, total, t, k, n).p, now);
    if (curved)
      symo_kernel_curve(d, n, k, w, step(node, pass, pass->value[node->saved[1]], t, 1, n).p,
                        step(node, pass, pass->cot[node->out[1]], t, 1, n).p,
                        step(node, pass, pass->tan[node->out[1]], t, k, n).p, now);
    leak(node, d, n * k * w, t + 1 < steps ? step(node, pass, rz, t + 1, k, n).p : NULL, now);
  }
  if (pass->hv_rows != NULL) products(node, pass);
}

/* Step by step. */
static size_t product_rows(const symo_node *node) {
  (void)node;
  return 1;
}

const symo_op symo_op_recurrent = {.name = "recurrent",
                                   .product_rows = product_rows,
                                   .forward = forward,
                                   .backward = backward,
                                   .tangent = tangent,
                                   .backward_tangent = backward_tangent,
                                   .example = example,
                                   .load = symo_param_load,
                                   .store = symo_param_store};

/* ---- the layer ---- */

/* Leaks down to this are written without an exponent, whose sign would end the part. */
static const double least_leak = 0.001;

/* A width that another part follows: the last one is dense. */
static symo_status parse(symo_net_reader *r, bool *mine) {
  symo_net_layer layer = {.kind = SYMO_NET_RECURRENT};
  const char *end = r->end, *leaky = strstr(r->part, "leak");
  *mine = r->family == SYMO_FAMILY_RNN && isdigit((unsigned char)*r->part) && *r->end == '-';
  if (!*mine) return SYMO_OK;
  if (leaky != NULL && leaky < end) {
    if (!symo_decimal_read(leaky + 4, &r->end, &layer.rate) || r->end != end)
      return r->end = end, symo_read_refuse(r, "no leak from 0.001 to 1 (write 16leak0.1)");
    r->end = leaky;
  }
  symo_status status = symo_read_width(r, &layer.width);
  r->end = end;
  if (status == SYMO_OK && leaky != NULL && leaky < end && !(layer.rate >= least_leak))
    return symo_read_refuse(r, "no leak from 0.001 to 1 (write 16leak0.1)");
  if (layer.rate == 1) layer.rate = 0;
  return status == SYMO_OK ? symo_read_add(r, layer) : status;
}

static void print(const symo_net_layer *layer, symo_net_writer *w) {
  symo_write(w, "-", "", layer->width);
  if (layer->rate != 0) symo_write(w, "leak", symo_decimal_of(layer->rate).text, 0);
}

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  if (layer->rate != 0 && !(layer->rate >= least_leak && layer->rate <= 1))
    return symo_walk_refuse(why, "its leak is not from 0.001 to 1");
  return symo_walk_sequence(walk, why) && symo_walk_width(walk, layer->width, why);
}

static double count(const symo_net_spec *spec, const symo_net_layer *layer,
                    const symo_net_shape *before) {
  const double in = (double)before->features, width = (double)layer->width;
  return width * (in + width + (spec->bias ? 1.0 : 0.0));
}

static void build(symo_net_builder *b, const symo_net_layer *layer) {
  const size_t width = layer->width, steps = symo_build_positions(b);
  symo_build_dense(b, width, false);
  symo_node *node = symo_build_node(b, &symo_op_recurrent, steps, width);
  symo_build_weight(b, node, width, width, b->net->spec.bias);
  node->activation = b->net->spec.activation;
  node->rate = layer->rate == 1 ? 0 : layer->rate;
  node->out[1] = symo_build_buffer(b, steps, width, true);
  node->saved[0] = symo_build_buffer(b, steps, width, false);
  node->saved[1] = symo_build_buffer(b, steps, width, false);
}

static void tensors(symo_net_draft *d, const symo_net_layer *layer) {
  const size_t number = d->total > 2 ? d->weights : 0;
  const int h = symo_draft_open_space(d, layer->width, "h", number);
  symo_draft_add_weight(d, "wx", number, 2, (int[]){h, d->now});
  symo_draft_add_weight(d, "wh", number, 2, (int[]){h, h});
  if (d->spec->bias) symo_draft_add_tensor(d, "b", number, "", 1, &h);
  d->now = h;
}

static symo_status graph(symo_net_trace *t, const symo_net_layer *layer) {
  symo_trace_step step = {.op = "recurrent",
                          .out = layer->width,
                          .function = symo_activation_name(t->spec->activation),
                          .kind = layer->rate != 0 ? "leaky" : NULL};
  char number[SYMO_TRACE_NAME] = "";
  if (t->total > 2) (void)snprintf(number, sizeof number, "%zu", t->weights);
  symo_trace_tensor(&step, "weight", "wx%s", number);
  symo_trace_tensor(&step, "weight_hidden", "wh%s", number);
  if (t->spec->bias) symo_trace_tensor(&step, "bias", "b%s", number);
  return symo_trace_emit(t, step, "h%s", number);
}

const symo_layer symo_layer_recurrent = {.name = "recurrent",
                                         .weighs = true,
                                         .recurrent = true,
                                         .sequence = true,
                                         .parse = parse,
                                         .print = print,
                                         .shape = shape,
                                         .count = count,
                                         .build = build,
                                         .tensors = tensors,
                                         .graph = graph};
