/* Elementwise loops of the dense Hessian; see panel.h. */
#include "net/panel.h"

#include <string.h>

#include "core/linalg.h"

void symo_panel_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out) {
  const size_t bytes = symo_dtype_size(dtype), width = w + (one ? 1 : 0);
  for (size_t r = 0; r < n; r++) {
    memcpy(symo_at(dtype, out, (ptrdiff_t)(r * width)), symo_at(dtype, x, (ptrdiff_t)(r * w)),
           w * bytes);
    if (one) symo_put(dtype, out, r * width + w, 1.0);
  }
}

static void pairs_f64(size_t n, size_t w, size_t j0, size_t j1, const double *restrict x,
                      double *restrict out) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t j = j0; j < j1; j++)
      for (size_t i = j; i < w; i++) *out++ = x[j] * x[i];
}

static void pairs_f32(size_t n, size_t w, size_t j0, size_t j1, const float *restrict x,
                      float *restrict out) {
  for (size_t r = 0; r < n; r++, x += w)
    for (size_t j = j0; j < j1; j++)
      for (size_t i = j; i < w; i++) *out++ = x[j] * x[i];
}

void symo_panel_pairs(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      void *out) {
  if (dtype == SYMO_F64)
    pairs_f64(n, w, j0, j1, x, out);
  else
    pairs_f32(n, w, j0, j1, x, out);
}

static void outer_f64(size_t n, size_t w, size_t j0, size_t j1, const double *restrict x, size_t v,
                      const double *restrict y, double *restrict out) {
  for (size_t r = 0; r < n; r++, x += w, y += v)
    for (size_t j = j0; j < j1; j++, out += v)
      for (size_t i = 0; i < v; i++) out[i] = x[j] * y[i];
}

static void outer_f32(size_t n, size_t w, size_t j0, size_t j1, const float *restrict x, size_t v,
                      const float *restrict y, float *restrict out) {
  for (size_t r = 0; r < n; r++, x += w, y += v)
    for (size_t j = j0; j < j1; j++, out += v)
      for (size_t i = 0; i < v; i++) out[i] = x[j] * y[i];
}

void symo_panel_outer(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      size_t v, const void *y, void *out) {
  if (dtype == SYMO_F64)
    outer_f64(n, w, j0, j1, x, v, y, out);
  else
    outer_f32(n, w, j0, j1, x, v, y, out);
}

void symo_panel_columns(symo_dtype dtype, size_t n, size_t stride, const void *x, size_t out_stride,
                        size_t count, void *out) {
  const size_t bytes = symo_dtype_size(dtype);
  for (size_t r = 0; r < n; r++)
    memcpy((char *)out + r * out_stride * bytes, (const char *)x + r * stride * bytes,
           count * bytes);
}

static void form_f64(size_t n, const symo_panel_units *u, size_t u0, size_t u1,
                     double *restrict out) {
  const double *curve = u->curve, *moved = u->moved, *input = u->input, *delta = u->delta;
  for (size_t r = 0; r < n; r++) {
    for (size_t at = u0; at < u1; at++) {
      const double c = curve[at], d = delta[at % u->out];
      const double *restrict t = moved + at / u->out * u->in;
      for (size_t j = 0; j < u->in; j++) out[j] = c * input[j] + d * t[j];
      if (u->bias) out[u->in] = c;
      out += u->in + (u->bias ? 1 : 0);
    }
    curve += u->k * u->out, moved += u->k * u->in, input += u->in, delta += u->out;
  }
}

static void form_f32(size_t n, const symo_panel_units *u, size_t u0, size_t u1,
                     float *restrict out) {
  const float *curve = u->curve, *moved = u->moved, *input = u->input, *delta = u->delta;
  for (size_t r = 0; r < n; r++) {
    for (size_t at = u0; at < u1; at++) {
      const float c = curve[at], d = delta[at % u->out];
      const float *restrict t = moved + at / u->out * u->in;
      for (size_t j = 0; j < u->in; j++) out[j] = c * input[j] + d * t[j];
      if (u->bias) out[u->in] = c;
      out += u->in + (u->bias ? 1 : 0);
    }
    curve += u->k * u->out, moved += u->k * u->in, input += u->in, delta += u->out;
  }
}

void symo_panel_form(symo_dtype dtype, size_t n, const symo_panel_units *units, size_t u0,
                     size_t u1, void *out) {
  if (dtype == SYMO_F64)
    form_f64(n, units, u0, u1, out);
  else
    form_f32(n, units, u0, u1, out);
}

void symo_panel_add(symo_dtype dtype, size_t count, const void *from, bool first, double *to) {
  if (dtype == SYMO_F64) {
    const double *x = from;
    if (first)
      memcpy(to, x, count * sizeof *x);
    else
      for (size_t i = 0; i < count; i++) to[i] += x[i];
  } else {
    const float *x = from;
    for (size_t i = 0; i < count; i++) to[i] = first ? (double)x[i] : to[i] + (double)x[i];
  }
}
