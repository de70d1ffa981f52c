/* GPT-2 as nanoGPT has it, one number at a time. */
#include "tests/experiments/gpt/test_gpt_support.h"

#include <math.h>
#include <string.h>

#include <symo/layout.h>

symo_gpt_spec gpt_combination(size_t index) {
  symo_gpt_spec gpt = symo_gpt_spec_default();
  gpt.vocabulary = 7, gpt.block = 5, gpt.width = 6, gpt.heads = 2, gpt.layers = 2, gpt.hidden = 9;
  gpt.bias = index % 2 == 1;
  gpt.tied = index / 2 % 2 == 0;
  gpt.activation = index / 4 % 2 == 0 ? SYMO_ACT_GELU : SYMO_ACT_GELU_TANH;
  gpt.dtype = SYMO_F64;
  return gpt;
}

uint32_t *gpt_ids(size_t count, const double *tokens) {
  uint32_t *ids = symo_calloc(count, sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = (uint32_t)tokens[i];
  return ids;
}

net_case gpt_case_create(const symo_gpt_spec *gpt, size_t examples, double scale, uint64_t seed) {
  net_case c = {.examples = examples};
  c.context = symo_test_context();
  c.rng = symo_test_rng(c.context, seed);
  c.spec = symo_net_spec_default();
  cr_ok(c.context, symo_gpt_to_net(c.context, gpt, &c.spec));
  cr_ok(c.context, symo_net_create(c.context, &c.spec, &c.net));
  c.problem = symo_net_problem(c.net);
  c.size = symo_net_num_parameters(c.net);
  c.inputs = symo_net_inputs(&c.spec), c.outputs = symo_net_targets(&c.spec);
  c.theta = net_vector(c.size);
  c.packed = symo_malloc(c.size * symo_dtype_size(gpt->dtype));
  symo_net_init(c.net, scale, c.rng, c.packed);
  symo_test_unpack(gpt->dtype, c.packed, c.theta, c.size);
  c.x = net_vector(examples * c.inputs), c.y = net_vector(examples * c.outputs);
  for (size_t i = 0; i < examples * c.inputs; i++) {
    c.x[i] = (double)symo_rng_below(c.rng, gpt->vocabulary);
    c.y[i] = (double)symo_rng_below(c.rng, gpt->vocabulary);
  }
  cr_ok(c.context, symo_net_set_data(c.net, examples, c.x, c.y));
  return c;
}

/* ---- the oracle ---- */

typedef long double real;

enum { MOST = 32 }; /* positions, and numbers at one */

typedef struct reader {
  const symo_gpt_spec *gpt;
  const double *at; /* the parameters that are left */
  real x[MOST][MOST];
} reader;

static const double *take(reader *m, size_t count) {
  const double *from = m->at;
  m->at += count;
  return from;
}

/* Biases that are not there are zero. */
static real bias_at(const double *bias, size_t i) { return bias == NULL ? 0 : (real)bias[i]; }

static const double *take_bias(reader *m, size_t count) {
  return m->gpt->bias ? take(m, count) : NULL;
}

static void norm(reader *m, real out[MOST][MOST]) {
  const size_t c = m->gpt->width;
  const double *gain = take(m, c), *bias = take_bias(m, c);
  for (size_t p = 0; p < m->gpt->block; p++) {
    real mean = 0, square = 0;
    for (size_t i = 0; i < c; i++) mean += m->x[p][i] / (real)c;
    for (size_t i = 0; i < c; i++) square += (m->x[p][i] - mean) * (m->x[p][i] - mean) / (real)c;
    for (size_t i = 0; i < c; i++)
      out[p][i] = (m->x[p][i] - mean) / sqrtl(square + 1e-5L) * (real)gain[i] + bias_at(bias, i);
  }
}

static real product(const double *weight, const double *bias, size_t i, size_t in, const real *x) {
  real sum = bias_at(bias, i);
  for (size_t j = 0; j < in; j++) sum += (real)weight[i * in + j] * x[j];
  return sum;
}

static void attention(reader *m) {
  const size_t c = m->gpt->width, d = c / m->gpt->heads;
  static _Thread_local real h[MOST][MOST], q[MOST][MOST], k[MOST][MOST], v[MOST][MOST];
  real mixed[MOST];
  norm(m, h);
  const double *wq = take(m, c * c), *wk = take(m, c * c), *wv = take(m, c * c);
  const double *bq = take_bias(m, c), *bk = take_bias(m, c), *bv = take_bias(m, c);
  const double *wo = take(m, c * c), *bo = take_bias(m, c);
  for (size_t p = 0; p < m->gpt->block; p++) {
    for (size_t i = 0; i < c; i++) {
      q[p][i] = product(wq, bq, i, c, h[p]);
      k[p][i] = product(wk, bk, i, c, h[p]);
      v[p][i] = product(wv, bv, i, c, h[p]);
    }
    for (size_t head = 0; head < m->gpt->heads; head++) {
      real weights[MOST], sum = 0;
      for (size_t s = 0; s <= p; s++) {
        real score = 0;
        for (size_t i = head * d; i < (head + 1) * d; i++) score += q[p][i] * k[s][i];
        sum += weights[s] = expl(score / sqrtl((real)d));
      }
      for (size_t i = head * d; i < (head + 1) * d; i++) {
        mixed[i] = 0;
        for (size_t s = 0; s <= p; s++) mixed[i] += weights[s] / sum * v[s][i];
      }
    }
    for (size_t i = 0; i < c; i++) m->x[p][i] += product(wo, bo, i, c, mixed);
  }
}

static real phi(symo_activation activation, real z) {
  const real pi = 3.14159265358979323846264338327950288L;
  if (activation == SYMO_ACT_GELU) return z * (1 + erfl(z / sqrtl(2))) / 2;
  return z * (1 + tanhl(sqrtl(2 / pi) * (z + 0.044715L * z * z * z))) / 2;
}

static void mlp(reader *m) {
  const size_t c = m->gpt->width, f = m->gpt->hidden > 0 ? m->gpt->hidden : 4 * c;
  static _Thread_local real h[MOST][MOST];
  real hidden[MOST];
  norm(m, h);
  const double *up = take(m, f * c), *up_bias = take_bias(m, f);
  const double *down = take(m, c * f), *down_bias = take_bias(m, c);
  for (size_t p = 0; p < m->gpt->block; p++) {
    for (size_t i = 0; i < f; i++)
      hidden[i] = phi(m->gpt->activation, product(up, up_bias, i, c, h[p]));
    for (size_t i = 0; i < c; i++) m->x[p][i] += product(down, down_bias, i, f, hidden);
  }
}

void gpt_oracle_logits(const symo_gpt_spec *gpt, const double *theta, const double *tokens,
                       long double *logits) {
  reader m = {.gpt = gpt, .at = theta};
  const size_t c = gpt->width, v = gpt->vocabulary;
  static _Thread_local real h[MOST][MOST];
  cr_assert(gpt->block <= MOST && 4 * c <= MOST);
  const double *wte = take(&m, v * c), *wpe = take(&m, gpt->block * c);
  for (size_t p = 0; p < gpt->block; p++)
    for (size_t i = 0; i < c; i++)
      m.x[p][i] = (real)wte[(size_t)tokens[p] * c + i] + (real)wpe[p * c + i];
  for (size_t l = 0; l < gpt->layers; l++) {
    attention(&m);
    mlp(&m);
  }
  norm(&m, h);
  const double *head = gpt->tied ? wte : take(&m, v * c);
  for (size_t p = 0; p < gpt->block; p++)
    for (size_t i = 0; i < v; i++) logits[p * v + i] = product(head, NULL, i, c, h[p]);
}

long double gpt_oracle_loss(const net_case *c, const double *theta) {
  symo_gpt_spec gpt;
  real logits[MOST * MOST], loss = 0;
  cr_assert(symo_gpt_of_net(&c->spec, &gpt));
  const size_t t = gpt.block, v = gpt.vocabulary;
  for (size_t r = 0; r < c->examples; r++) {
    gpt_oracle_logits(&gpt, theta, c->x + r * t, logits);
    for (size_t p = 0; p < t; p++) {
      real sum = 0;
      for (size_t i = 0; i < v; i++) sum += expl(logits[p * v + i]);
      loss += logl(sum) - logits[p * v + (size_t)c->y[r * t + p]];
    }
  }
  return loss / (real)(c->examples * t);
}

double *gpt_oracle_gradient(const net_case *c) {
  static const double steps[] = {-2, -1, 1, 2}, weights[] = {1, -8, 8, -1}; /* over 12 h */
  double *out = net_vector(c->size), *theta = net_vector(c->size);
  const double h = 0x1p-17;
  memcpy(theta, c->theta, c->size * sizeof *theta);
  for (size_t i = 0; i < c->size; i++) {
    real sum = 0;
    for (size_t s = 0; s < 4; s++) {
      theta[i] = c->theta[i] + steps[s] * h;
      sum += (real)weights[s] * gpt_oracle_loss(c, theta);
    }
    theta[i] = c->theta[i];
    out[i] = (double)(sum / (12 * (real)h));
  }
  symo_free(theta);
  return out;
}

size_t gpt_offset(const net_case *c, const char *tensor, size_t *size) {
  symo_layout *layout;
  size_t index, offset;
  cr_ok(c->context, symo_net_layout(c->context, &c->spec, "identity", &layout));
  cr_assert(symo_layout_find_tensor(layout, tensor, &index), "%s", tensor);
  offset = symo_layout_tensor_offset(layout, index);
  if (size != NULL) *size = symo_layout_tensor_size(layout, index);
  symo_layout_destroy(layout);
  return offset;
}
