/* What else a network tells: outputs, layer inputs and output gradients, labels of its own making.
 */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "experiments/net/graph.h"
#include "experiments/net/kernels.h"

static int output_buffer(const symo_net *net) { return net->nodes[net->num_nodes - 1].in[0]; }

static size_t outputs(const symo_net *net) { return net->spec.widths[net->spec.num_layers]; }

symo_status symo_net_predict(symo_net *net, const void *theta, size_t n, const double *x,
                             double *out) {
  const size_t in = net->spec.widths[0], width = outputs(net);
  if (!symo_all_finite(net->spec.dtype, net->parameters, theta))
    return symo_fail(net->context, SYMO_E_NONFINITE,
                     "network outputs: the parameters hold NaN or infinity (train less boldly)");
  memcpy(net->value_now, net->value, sizeof net->value_now);
  for (size_t first = 0, rows; first < n; first += rows) {
    rows = n - first < net->sizes.rows ? n - first : net->sizes.rows;
    symo_kernel_from_double(net->spec.dtype, rows * in, x + first * in, net->value[0]);
    symo_pass pass = symo_net_pass_on(net, theta, rows);
    symo_net_forward(net, &pass, 0, false);
    symo_kernel_to_double(net->spec.dtype, rows * width, net->value[output_buffer(net)],
                          out + first * width);
  }
  return SYMO_OK;
}

symo_status symo_net_statistics(symo_net *net, const void *theta, const double *labels,
                                size_t layer, double *inputs, double *deltas) {
  symo_status status = symo_net_ready(net, theta, "network statistics");
  if (status != SYMO_OK) return status;
  if (layer >= net->spec.num_layers)
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "network statistics: no layer %zu (there are %zu)", layer,
                     net->spec.num_layers);
  const symo_dtype dtype = net->spec.dtype;
  const symo_node *node = &net->nodes[net->dense[layer]];
  const size_t step = symo_net_chunk(net->examples, net->sizes.rows);
  for (size_t first = 0, n; first < net->examples; first += n) {
    n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, n);
    if (labels != NULL) {
      symo_kernel_from_double(dtype, n * outputs(net), labels + first * outputs(net), net->labels);
      pass.targets = net->labels;
    }
    symo_net_forward(net, &pass, 1, true);
    symo_net_backward(net, &pass);
    symo_kernel_to_double(dtype, n * node->in_width, pass.value[node->in[0]],
                          inputs + first * node->in_width);
    symo_kernel_to_double(dtype, n * node->out_width, pass.cot[node->out[0]],
                          deltas + first * node->out_width);
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

symo_status symo_net_sample_labels(symo_net *net, const void *theta, symo_rng *rng,
                                   double *labels) {
  symo_status status = symo_net_ready(net, theta, "network labels");
  if (status != SYMO_OK) return status;
  const size_t width = outputs(net), step = symo_net_chunk(net->examples, net->sizes.rows);
  for (size_t first = 0, n; first < net->examples; first += n) {
    n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, n);
    symo_net_forward(net, &pass, 0, false);
    double *f = labels + first * width;
    symo_kernel_to_double(net->spec.dtype, n * width, pass.value[output_buffer(net)], f);
    if (net->spec.loss == SYMO_LOSS_CROSS_ENTROPY)
      for (size_t r = 0; r < n; r++) draw_class(width, rng, f + r * width);
    else
      for (size_t i = 0; i < n * width; i++) f[i] += symo_rng_normal(rng);
  }
  return SYMO_OK;
}
