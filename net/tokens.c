/* The loss of a text: of an example with logits f_p [vocabulary] and a next token y_p at each of T
 * positions
 *
 *   l = 1/T sum_p (L_p - f_p[y_p]),   L = log sum_i exp f[i] = max + log sum_i exp(f[i] - max)
 *   f^ = (p - e_y) / T,   R f^ = (p R f - p (p' R f)) / T,   p = exp(f - L)
 * Only L is kept from forward: p is made again where it is wanted, in the array that it goes to, so
 * that a large vocabulary costs its logits and their derivatives and no more. */
#include "net/op.h"
#include "net/vecmath.h"

#include <math.h>

static size_t target(const symo_node *node, const symo_pass *pass, size_t row) {
  const size_t p = row / pass->n, r = row % pass->n, at = r * node->in_rows + p;
  return pass->dtype == SYMO_F64 ? (size_t)((const double *)pass->targets)[at]
                                 : (size_t)((const float *)pass->targets)[at];
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

static void forward(const symo_node *node, symo_pass *pass, int order) {
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

static void backward(const symo_node *node, symo_pass *pass) {
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

/* The probabilities of a row stand where its first direction goes to, which therefore comes
 * last. */
static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
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

static void no_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)node, (void)index, (void)pass;
}

const symo_op symo_op_tokens = {.name = "tokens",
                                .is_loss = true,
                                .forward = forward,
                                .backward = backward,
                                .tangent = no_tangent,
                                .backward_tangent = backward_tangent};
