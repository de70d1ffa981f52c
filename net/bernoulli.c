/* Independent Bernoulli outputs with probabilities p = 1 / (1 + e^-f) and targets y in [0, 1], per
 * example:
 *
 *   l = sum_k log(1 + e^f_k) - y_k f_k      f^ = p - y      R f^ = p (1 - p) R f
 *
 * With e = e^-|f| <= 1 nothing overflows: log(1 + e^f) = max(f, 0) + log(1 + e), and p is 1 / (1 +
 * e) or e / (1 + e).  float32 sums log(1 + e_k) as the logarithm of products of up to 512 factors,
 * each at most 2, in double: one logarithm for many outputs, exact to 1e-13 of a row. */
#include "net/op.h"

#include <math.h>

enum { FACTORS = 512 };

/* The sum of l over the outputs; p: NULL, or the probabilities. */
static double loss_f64(size_t count, const double *f, const double *y, double *p) {
  double sum = 0.0;
  for (size_t i = 0; i < count; i++) {
    const double e = exp(-fabs(f[i]));
    sum += (f[i] > 0.0 ? f[i] : 0.0) - y[i] * f[i] + log1p(e);
    if (p != NULL) p[i] = (f[i] >= 0.0 ? 1.0 : e) / (1.0 + e);
  }
  return sum;
}

static double loss_f32(size_t count, const float *f, const float *y, float *p) {
  double sum = 0.0;
  for (size_t first = 0; first < count; first += FACTORS) {
    const size_t end = count - first < FACTORS ? count : first + FACTORS;
    double product = 1.0;
    for (size_t i = first; i < end; i++) {
      const float e = expf(-fabsf(f[i]));
      product *= 1.0 + (double)e;
      sum += (f[i] > 0.0f ? (double)f[i] : 0.0) - (double)y[i] * (double)f[i];
      if (p != NULL) p[i] = (f[i] >= 0.0f ? 1.0f : e) / (1.0f + e);
    }
    sum += log(product);
  }
  return sum;
}

static void bernoulli_forward(const symo_node *node, symo_pass *pass, int order) {
  const size_t count = pass->n * node->in_width;
  const void *f = pass->value[node->in[0]];
  void *p = order >= 1 ? pass->value[node->saved[0]] : NULL;
  pass->loss += pass->dtype == SYMO_F64 ? loss_f64(count, f, pass->targets, p)
                                        : loss_f32(count, f, pass->targets, p);
}

static void bernoulli_backward(const symo_node *node, symo_pass *pass) {
  const size_t count = pass->n * node->in_width;
  if (pass->dtype == SYMO_F64) {
    const double *p = pass->value[node->saved[0]], *y = pass->targets;
    double *out = pass->cot[node->in[0]];
    for (size_t i = 0; i < count; i++) out[i] = p[i] - y[i];
  } else {
    const float *p = pass->value[node->saved[0]], *y = pass->targets;
    float *out = pass->cot[node->in[0]];
    for (size_t i = 0; i < count; i++) out[i] = p[i] - y[i];
  }
}

static void bernoulli_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  const size_t w = node->in_width, rows = pass->n * pass->k;
  for (size_t r = 0; r < rows; r++) {
    const size_t from = r / pass->k * w, to = r * w;
    if (pass->dtype == SYMO_F64) {
      const double *p = (const double *)pass->value[node->saved[0]] + from;
      const double *t = (const double *)pass->tan[node->in[0]] + to;
      double *out = (double *)pass->ctan[node->in[0]] + to;
      for (size_t i = 0; i < w; i++) out[i] = p[i] * (1.0 - p[i]) * t[i];
    } else {
      const float *p = (const float *)pass->value[node->saved[0]] + from;
      const float *t = (const float *)pass->tan[node->in[0]] + to;
      float *out = (float *)pass->ctan[node->in[0]] + to;
      for (size_t i = 0; i < w; i++) out[i] = p[i] * (1.0f - p[i]) * t[i];
    }
  }
}

static void no_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)node, (void)index, (void)pass;
}

const symo_op symo_op_bernoulli = {.name = "bernoulli",
                                   .is_loss = true,
                                   .forward = bernoulli_forward,
                                   .backward = bernoulli_backward,
                                   .tangent = no_tangent,
                                   .backward_tangent = bernoulli_backward_tangent};
