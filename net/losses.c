/* The losses, per example, of outputs f and targets y.
 *
 *   mse            l = |f - y|^2 / 2                f^ = f - y       R f^ = R f
 *   cross-entropy  l = -sum_k y_k log p_k           f^ = s p - y     R f^ = s (p Rf - p (p' Rf))
 * with p = softmax(f) and s = sum_k y_k (1 for a distribution).  log p_k = f_k - max - log sum
 * exp(f - max) never overflows.  Both are convex in f, so the Gauss-Newton product takes the same R
 * f^. */
#include <math.h>
#include <string.h>

#include "core/linalg.h"
#include "net/kernels.h"
#include "net/op.h"
#include "net/vecmath.h"

static void mse_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  pass->loss += 0.5 * symo_kernel_residual(pass->dtype, pass->n * node->in_width,
                                           pass->value[node->in[0]], pass->targets, NULL);
}

static void mse_backward(const symo_node *node, symo_pass *pass) {
  (void)symo_kernel_residual(pass->dtype, pass->n * node->in_width, pass->value[node->in[0]],
                             pass->targets, pass->cot[node->in[0]]);
}

/* The seed of a tangent pass may be a buffer that no tangent reaches, but never for the last one.
 */
static void mse_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  memcpy(pass->ctan[node->in[0]], pass->tan[node->in[0]],
         pass->n * pass->k * node->in_width * symo_dtype_size(pass->dtype));
}

static void entropy_forward(const symo_node *node, symo_pass *pass, int order) {
  pass->loss += symo_kernel_softmax(pass->dtype, pass->n, node->in_width, pass->value[node->in[0]],
                                    pass->targets, order >= 1 ? pass->value[node->saved[0]] : NULL);
}

static void entropy_backward(const symo_node *node, symo_pass *pass) {
  (void)symo_kernel_residual(pass->dtype, pass->n * node->in_width, pass->value[node->saved[0]],
                             pass->targets, pass->cot[node->in[0]]);
}

static void entropy_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  symo_kernel_softmax_curve(pass->dtype, pass->n, pass->k, node->in_width,
                            pass->value[node->saved[0]], pass->tan[node->in[0]],
                            pass->ctan[node->in[0]]);
}

/* Nothing follows a loss, so it has no tangent to pass on. */
static void no_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)node, (void)index, (void)pass;
}

const symo_op symo_op_mse = {.name = "mse",
                             .is_loss = true,
                             .forward = mse_forward,
                             .backward = mse_backward,
                             .tangent = no_tangent,
                             .backward_tangent = mse_backward_tangent};

const symo_op symo_op_cross_entropy = {.name = "cross-entropy",
                                       .is_loss = true,
                                       .forward = entropy_forward,
                                       .backward = entropy_backward,
                                       .tangent = no_tangent,
                                       .backward_tangent = entropy_backward_tangent};

/* Independent Bernoulli outputs with probabilities p = 1 / (1 + e^-f) and targets y in [0, 1], per
 * example:
 *
 *   l = sum_k log(1 + e^f_k) - y_k f_k      f^ = p - y      R f^ = p (1 - p) R f
 *
 * With e = e^-|f| <= 1 nothing overflows: log(1 + e^f) = max(f, 0) + log(1 + e), and p is 1 / (1 +
 * e) or e / (1 + e).  float32 sums log(1 + e_k) as the logarithm of products of up to 512 factors,
 * each at most 2, in double: one logarithm for many outputs, exact to 1e-13 of a row. */

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

const symo_op symo_op_bernoulli = {.name = "bernoulli",
                                   .is_loss = true,
                                   .forward = bernoulli_forward,
                                   .backward = bernoulli_backward,
                                   .tangent = no_tangent,
                                   .backward_tangent = bernoulli_backward_tangent};

/* The loss of a text: of an example with logits f_p [vocabulary] and a next token y_p at each of T
 * positions
 *
 *   l = 1/T sum_p (L_p - f_p[y_p]),   L = log sum_i exp f[i] = max + log sum_i exp(f[i] - max)
 *   f^ = (p - e_y) / T,   R f^ = (p R f - p (p' R f)) / T,   p = exp(f - L)
 * forward keeps only L.  The other passes compute p again in the array that receives the result, so
 * a large vocabulary costs no memory beyond its logits and their derivatives. */

static size_t target(const symo_node *node, const symo_pass *pass, size_t row) {
  const size_t p = row / pass->n, r = row % pass->n;
  return ((const uint32_t *)pass->targets)[r * node->in_rows + p];
}

/* ---- one row ---- */

static double log_sum_f64(size_t w, const double *f) {
  double top = f[0], sum = 0.0;
  for (size_t i = 1; i < w; i++) top = f[i] > top ? f[i] : top;
  for (size_t i = 0; i < w; i++) sum += exp(f[i] - top);
  return top + log(sum);
}

static double log_sum_f32(size_t w, const float *f) {
  const float top = symo_vec_max_f32(w, f);
  return (double)top + log(symo_vec_exp_sum_f32(w, f, top, NULL));
}

/* out = scale exp(f - log_sum). */
static void softmax_f64(size_t w, const double *f, double log_sum, double scale, double *out) {
  for (size_t i = 0; i < w; i++) out[i] = scale * exp(f[i] - log_sum);
}

/* The factor goes into the exponent: one pass less over a large vocabulary. */
static void softmax_f32(size_t w, const float *f, float log_sum, float scale, float *out) {
  const float shift = log_sum - logf(scale);
  for (size_t i = 0; i < w; i++) out[i] = f[i] - shift;
  symo_vec_exp_f32(w, out, out);
}

/* out = p (t - mean), where out may be p, and mean is that of t under p, whose sum is `mass`. */
static void curve_f64(size_t w, double mass, const double *p, const double *t, double *out) {
  double mean = 0.0;
  for (size_t i = 0; i < w; i++) mean += p[i] * t[i];
  mean /= mass;
  for (size_t i = 0; i < w; i++) out[i] = p[i] * (t[i] - mean);
}

static void curve_f32(size_t w, double mass, const float *p, const float *t, float *out) {
  double sum = 0.0;
  for (size_t i = 0; i < w; i++) sum += (double)p[i] * (double)t[i];
  const float mean = (float)(sum / mass);
  for (size_t i = 0; i < w; i++) out[i] = p[i] * (t[i] - mean);
}

/* ---- all rows: positions and examples ---- */

static void tokens_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const size_t w = node->in_width, rows = pass->n * node->in_rows;
  const void *f = pass->value[node->in[0]];
  void *kept = pass->value[node->saved[0]];
  double loss = 0.0;
  for (size_t r = 0; r < rows; r++) {
    const size_t y = target(node, pass, r);
    if (pass->dtype == SYMO_F64) {
      const double *row = (const double *)f + r * w, sum = log_sum_f64(w, row);
      ((double *)kept)[r] = sum;
      loss += sum - row[y];
    } else {
      const float *row = (const float *)f + r * w;
      const double sum = log_sum_f32(w, row);
      ((float *)kept)[r] = (float)sum;
      loss += sum - (double)row[y];
    }
  }
  pass->loss += loss / (double)node->in_rows;
}

static void tokens_backward(const symo_node *node, symo_pass *pass) {
  const size_t w = node->in_width, rows = pass->n * node->in_rows;
  const void *f = pass->value[node->in[0]], *kept = pass->value[node->saved[0]];
  void *out = pass->cot[node->in[0]];
  const double scale = 1.0 / (double)node->in_rows;
  for (size_t r = 0; r < rows; r++) {
    const size_t y = target(node, pass, r);
    if (pass->dtype == SYMO_F64) {
      double *row = (double *)out + r * w;
      softmax_f64(w, (const double *)f + r * w, ((const double *)kept)[r], scale, row);
      row[y] -= scale;
    } else {
      float *row = (float *)out + r * w;
      softmax_f32(w, (const float *)f + r * w, ((const float *)kept)[r], (float)scale, row);
      row[y] -= (float)scale;
    }
  }
}

/* The probabilities of a row are kept in the place of its first direction, which is therefore
 * computed last. */
static void tokens_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  const size_t w = node->in_width, k = pass->k, rows = pass->n * node->in_rows;
  const void *f = pass->value[node->in[0]], *kept = pass->value[node->saved[0]];
  const void *tangents = pass->tan[node->in[0]];
  void *out = pass->ctan[node->in[0]];
  const double scale = 1.0 / (double)node->in_rows;
  for (size_t r = 0; r < rows; r++)
    if (pass->dtype == SYMO_F64) {
      const double *t = (const double *)tangents + r * k * w;
      double *p = (double *)out + r * k * w;
      softmax_f64(w, (const double *)f + r * w, ((const double *)kept)[r], scale, p);
      for (size_t s = k; s-- > 0;) curve_f64(w, scale, p, t + s * w, p + s * w);
    } else {
      const float *t = (const float *)tangents + r * k * w;
      float *p = (float *)out + r * k * w;
      softmax_f32(w, (const float *)f + r * w, ((const float *)kept)[r], (float)scale, p);
      for (size_t s = k; s-- > 0;) curve_f32(w, scale, p, t + s * w, p + s * w);
    }
}

const symo_op symo_op_tokens = {.name = "tokens",
                                .is_loss = true,
                                .forward = tokens_forward,
                                .backward = tokens_backward,
                                .tangent = no_tangent,
                                .backward_tangent = tokens_backward_tangent};
