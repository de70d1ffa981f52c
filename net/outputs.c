/* What a network says of single examples: outputs, and labels of the model's own. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "net/graph.h"
#include "net/kernels.h"

static int output_buffer(const symo_net *net) { return net->nodes[net->num_nodes - 1].in[0]; }

/* The rows of a chunk from [p, n, w] to [n, p, w] at `out`. */
static void copy_rows(const symo_pass *pass, size_t positions, size_t width, const void *from,
                      double *out) {
  for (size_t p = 0; p < positions; p++)
    for (size_t r = 0; r < pass->n; r++)
      symo_kernel_to_double(pass->dtype, width,
                            symo_at(pass->dtype, from, (ptrdiff_t)((p * pass->n + r) * width)),
                            out + (r * positions + p) * width);
}

symo_status symo_net_predict(symo_net *net, const void *theta, size_t n, const double *x,
                             double *out) {
  const size_t in = net->inputs, width = net->outputs;
  const int at = output_buffer(net);
  if (!symo_all_finite(net->spec.dtype, net->parameters, theta))
    return symo_fail(net->context, SYMO_E_NONFINITE,
                     "network outputs: the parameters hold NaN or infinity (train less boldly)");
  symo_status status = symo_net_allocate_whole(net);
  if (status != SYMO_OK) return status;
  memcpy(net->value_now, net->value, sizeof net->value_now);
  for (size_t first = 0, rows; first < n; first += rows) {
    rows = n - first < net->sizes.rows ? n - first : net->sizes.rows;
    status = symo_net_convert(net, SYMO_NET_INPUTS, rows, x + first * in, net->value[0]);
    if (status != SYMO_OK) return status;
    symo_pass pass = symo_net_pass_on(net, theta, rows);
    pass.first = first, pass.dropping = false;
    symo_net_forward(net, &pass, 0, false);
    copy_rows(&pass, net->positions[at], net->widths[at], pass.value[at], out + first * width);
  }
  return SYMO_OK;
}

/* A class from softmax(f), by its distribution function; f is overwritten by the one-hot label. */
static void draw_class(size_t width, symo_rng *rng, double *f) {
  double top = f[0], sum = 0.0;
  for (size_t i = 1; i < width; i++) top = f[i] > top ? f[i] : top;
  for (size_t i = 0; i < width; i++) sum += f[i] = exp(f[i] - top);
  double left = symo_rng_uniform(rng) * sum;
  size_t class = 0;
  for (size_t i = 0; i < width; i++) {
    if (f[i] > 0.0) class = i; /* rounding never leaves it on an impossible one */
    left -= f[i];
    if (left < 0.0) break;
  }
  for (size_t i = 0; i < width; i++) f[i] = i == class ? 1.0 : 0.0;
}

/* A token at each position of each example, from softmax of its logits [p, n, w]. */
static void draw_tokens(const symo_pass *pass, size_t positions, size_t width, const void *logits,
                        symo_rng *rng, double *labels) {
  for (size_t r = 0; r < pass->n; r++)
    for (size_t p = 0; p < positions; p++) {
      const size_t row = (p * pass->n + r) * width;
      double top = symo_get(pass->dtype, logits, row), sum = 0.0;
      for (size_t i = 1; i < width; i++) top = fmax(top, symo_get(pass->dtype, logits, row + i));
      for (size_t i = 0; i < width; i++) sum += exp(symo_get(pass->dtype, logits, row + i) - top);
      double left = symo_rng_uniform(rng) * sum;
      size_t token = 0;
      for (size_t i = 0; i < width && left >= 0.0; i++) {
        const double mass = exp(symo_get(pass->dtype, logits, row + i) - top);
        if (mass > 0.0) token = i;
        left -= mass;
      }
      labels[r * positions + p] = (double)token;
    }
}

symo_status symo_net_sample_labels(symo_net *net, const void *theta, symo_rng *rng,
                                   double *labels) {
  symo_status status = symo_net_ready(net, theta, "network labels");
  if (status == SYMO_OK) status = symo_net_allocate_whole(net);
  if (status != SYMO_OK) return status;
  const size_t width = net->targets, step = symo_net_chunk(net->examples, net->sizes.rows);
  for (size_t first = 0, n; first < net->examples; first += n) {
    n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, n);
    symo_net_forward(net, &pass, 0, false);
    double *f = labels + first * width;
    if (net->spec.loss == SYMO_LOSS_TOKENS) {
      const int at = output_buffer(net);
      draw_tokens(&pass, net->positions[at], net->widths[at], pass.value[at], rng, f);
      continue;
    }
    symo_kernel_to_double(net->spec.dtype, n * width, pass.value[output_buffer(net)], f);
    if (net->spec.loss == SYMO_LOSS_CROSS_ENTROPY)
      for (size_t r = 0; r < n; r++) draw_class(width, rng, f + r * width);
    else if (net->spec.loss == SYMO_LOSS_BERNOULLI)
      for (size_t i = 0; i < n * width; i++)
        f[i] = symo_rng_uniform(rng) * (1.0 + exp(-f[i])) < 1.0 ? 1.0 : 0.0;
    else
      for (size_t i = 0; i < n * width; i++) f[i] += symo_rng_normal(rng);
  }
  return SYMO_OK;
}
