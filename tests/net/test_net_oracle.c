/* The layers of a network by their definitions, one example and one number at a time, in long
 * double. Numbers stand as in the data: [positions, features]. */
#include <math.h>
#include <string.h>

#include "tests/net/test_net_support.h"

typedef struct image {
  const symo_net_spec *spec;
  size_t axes, height, width, features; /* width 1 in one dimension */
  const double *theta;                  /* the parameters that are left */
  long double *a;
} image;

static long double phi(symo_activation activation, long double z) {
  switch (activation) {
  case SYMO_ACT_TANH: return tanhl(z);
  case SYMO_ACT_RELU: return z > 0.0L ? z : 0.0L;
  case SYMO_ACT_GELU: return z * 0.5L * (1.0L + erfl(z / sqrtl(2.0L)));
  default: break;
  }
  return z;
}

static void replace(image *m, const long double *z, size_t height, size_t width, size_t features) {
  cr_assert(height * width * features <= NET_ORACLE_ROOM);
  memcpy(m->a, z, height * width * features * sizeof *z);
  m->height = height, m->width = width, m->features = features;
}

static void dense_each(image *m, size_t out) {
  const double *weight = m->theta, *bias = weight + m->features * out;
  long double z[NET_ORACLE_ROOM];
  for (size_t t = 0; t < m->height; t++)
    for (size_t i = 0; i < out; i++) {
      z[t * out + i] = m->spec->bias ? (long double)bias[i] : 0.0L;
      for (size_t j = 0; j < m->features; j++)
        z[t * out + i] += (long double)weight[i * m->features + j] * m->a[t * m->features + j];
    }
  m->theta = bias + (m->spec->bias ? out : 0);
  replace(m, z, 1, 1, m->height * out);
}

static void dense(image *m, size_t out, bool last) {
  const double *weight = m->theta, *bias = weight + m->features * out;
  long double z[NET_ORACLE_ROOM];
  for (size_t i = 0; i < out; i++) {
    z[i] = m->spec->bias ? (long double)bias[i] : 0.0L;
    for (size_t j = 0; j < m->features; j++)
      z[i] += (long double)weight[i * m->features + j] * m->a[j];
    if (!last) z[i] = phi(m->spec->activation, z[i]);
  }
  m->theta = bias + (m->spec->bias ? out : 0);
  replace(m, z, 1, 1, out);
}

static void recurrent(image *m, size_t out, double leak) {
  const size_t in = m->features;
  const long double a = leak == 0 ? 1.0L : (long double)leak;
  long double state[NET_ORACLE_ROOM] = {0};
  const double *wx = m->theta, *wh = wx + in * out, *bias = wh + out * out;
  long double h[NET_ORACLE_ROOM];
  for (size_t t = 0; t < m->height; t++)
    for (size_t i = 0; i < out; i++) {
      long double z = m->spec->bias ? (long double)bias[i] : 0.0L;
      for (size_t j = 0; j < in; j++) z += (long double)wx[i * in + j] * m->a[t * in + j];
      for (size_t j = 0; j < out && t > 0; j++)
        z += (long double)wh[i * out + j] * h[(t - 1) * out + j];
      state[i] = (1 - a) * state[i] + a * z;
      h[t * out + i] = phi(m->spec->activation, state[i]);
    }
  m->theta = bias + (m->spec->bias ? out : 0);
  replace(m, h, m->height, 1, out);
}

/* The number at (y, x), which may lie outside. */
static long double at(const image *m, bool circular, long y, long x, size_t feature) {
  const long height = (long)m->height, width = (long)m->width;
  if (circular) y = ((y % height) + height) % height, x = ((x % width) + width) % width;
  if (y < 0 || y >= height || x < 0 || x >= width) return 0.0L;
  return m->a[((size_t)y * m->width + (size_t)x) * m->features + feature];
}

static void convolution(image *m, const symo_net_layer *layer) {
  const size_t in = m->features, out = layer->width, kh = layer->window[0];
  const size_t kw = m->axes == 2 ? layer->window[1] : 1;
  const double *weight = m->theta, *bias = weight + out * in * kh * kw;
  long double z[NET_ORACLE_ROOM];
  for (size_t y = 0; y < m->height; y++)
    for (size_t x = 0; x < m->width; x++)
      for (size_t o = 0; o < out; o++) {
        long double sum = m->spec->bias ? (long double)bias[o] : 0.0L;
        for (size_t i = 0; i < in; i++)
          for (size_t v = 0; v < kh; v++)
            for (size_t u = 0; u < kw; u++)
              sum += (long double)weight[((o * in + i) * kh + v) * kw + u] *
                     at(m, layer->circular, (long)(y + v) - (long)(kh / 2),
                        (long)(x + u) - (long)(kw / 2), i);
        z[(y * m->width + x) * out + o] = phi(m->spec->activation, sum);
      }
  m->theta = bias + (m->spec->bias ? out : 0);
  replace(m, z, m->height, m->width, out);
}

static void pool(image *m, const symo_net_layer *layer) {
  const size_t ph = layer->window[0], pw = m->axes == 2 ? layer->window[1] : 1;
  const size_t height = m->height / ph, width = m->width / pw;
  long double z[NET_ORACLE_ROOM];
  for (size_t y = 0; y < height; y++)
    for (size_t x = 0; x < width; x++)
      for (size_t f = 0; f < m->features; f++) {
        long double sum = 0.0L, top = -1e30L;
        for (size_t v = 0; v < ph; v++)
          for (size_t u = 0; u < pw; u++) {
            long double value = at(m, false, (long)(y * ph + v), (long)(x * pw + u), f);
            sum += value;
            top = fmaxl(top, value);
          }
        z[(y * width + x) * m->features + f] =
            layer->kind == SYMO_NET_MAX_POOL ? top : sum / (long double)(ph * pw);
      }
  replace(m, z, height, width, m->features);
}

static void norm(image *m, bool layer_norm) {
  const size_t w = m->features;
  const bool shifted = layer_norm && m->spec->bias;
  const double *gain = m->theta, *bias = gain + w;
  for (size_t p = 0; p < m->height * m->width; p++) {
    long double *x = m->a + p * w, mean = 0.0L, square = 0.0L;
    for (size_t i = 0; i < w && layer_norm; i++) mean += x[i] / (long double)w;
    for (size_t i = 0; i < w; i++) square += (x[i] - mean) * (x[i] - mean) / (long double)w;
    for (size_t i = 0; i < w; i++)
      x[i] = (x[i] - mean) / sqrtl(square + 1e-5L) * (long double)gain[i] +
             (shifted ? (long double)bias[i] : 0.0L);
  }
  m->theta = bias + (shifted ? w : 0);
}

static void flatten(image *m) {
  const size_t positions = m->height * m->width;
  long double z[NET_ORACLE_ROOM];
  for (size_t p = 0; p < positions; p++)
    for (size_t f = 0; f < m->features; f++) z[f * positions + p] = m->a[p * m->features + f];
  replace(m, z, 1, 1, positions * m->features);
}

void net_oracle_outputs(const symo_net_spec *spec, const double *theta, long double *a) {
  image m = {.spec = spec, .axes = spec->input.axes, .theta = theta, .a = a};
  m.height = m.axes > 0 ? spec->input.size[0] : 1;
  m.width = m.axes > 1 ? spec->input.size[1] : 1;
  m.features = spec->input.features;
  long double skips[4][NET_ORACLE_ROOM];
  size_t depth = 0;
  for (size_t l = 0; l < spec->num_layers; l++) {
    const symo_net_layer *layer = &spec->layers[l];
    switch (layer->kind) {
    case SYMO_NET_DENSE:
      if (layer->each)
        dense_each(&m, layer->width);
      else
        dense(&m, layer->width, l + 1 == spec->num_layers);
      break;
    case SYMO_NET_RECURRENT: recurrent(&m, layer->width, layer->rate); break;
    case SYMO_NET_CONV: convolution(&m, layer); break;
    case SYMO_NET_MEAN_POOL:
    case SYMO_NET_MAX_POOL: pool(&m, layer); break;
    case SYMO_NET_FLATTEN: flatten(&m); break;
    case SYMO_NET_LAST: {
      long double last[NET_ORACLE_ROOM];
      memcpy(last, a + (m.height - 1) * m.features, m.features * sizeof *a);
      replace(&m, last, 1, 1, m.features);
      break;
    }
    case SYMO_NET_LAYER_NORM:
    case SYMO_NET_RMS_NORM: norm(&m, layer->kind == SYMO_NET_LAYER_NORM); break;
    case SYMO_NET_FORK:
      cr_assert(depth < 4);
      memcpy(skips[depth++], a, m.height * m.width * m.features * sizeof *a);
      break;
    case SYMO_NET_ADD:
      depth--;
      for (size_t i = 0; i < m.height * m.width * m.features; i++) a[i] += skips[depth][i];
      break;
    default: cr_assert_fail("of tokens there is another oracle"); break;
    }
  }
}
