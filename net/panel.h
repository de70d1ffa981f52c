#ifndef SYMO_NET_PANEL_H
#define SYMO_NET_PANEL_H

#include "net/net.h"

/* The elementwise side of the dense Hessian (dense_hessian.c): forming the factors of its products,
 * and adding the products into the matrix.  Arrays are dense and row-major, rows are examples. */

/* out[r, :] = x[r, :] followed by 1 when `one`. */
void symo_panel_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out);

/* out[r, c] = x[r, j] x[r, j'], c running over j in [j0, j1) and, for each, j' in [j, w). */
void symo_panel_pairs(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      void *out);

/* out[r, c] = x[r, j] y[r, i], c running over j in [j0, j1) and, for each, i in [0, v). */
void symo_panel_outer(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                      size_t v, const void *y, void *out);

/* Copies `count` columns of x (rows of length stride) to columns of out (rows of length
 * out_stride). */
void symo_panel_columns(symo_dtype dtype, size_t n, size_t stride, const void *x, size_t out_stride,
                        size_t count, void *out);

/* What one layer feels of seeds at another, ready to meet the other's inputs. */
typedef struct symo_panel_units {
  size_t k, in, out; /* seeds; widths of the layer */
  bool bias;
  const void *curve; /* [n, k, out]  derivative of the layer's output gradient by the seeds */
  const void *moved; /* [n, k, in]   derivative of the layer's input by the seeds */
  const void *input; /* [n, in] */
  const void *delta; /* [n, out] */
} symo_panel_units;

/* Units u = s out + i in [u0, u1), each with in (+ 1 with bias) columns:
 *     curve[r,s,i] input[r,:] + delta[r,i] moved[r,s,:],  then curve[r,s,i] for the bias. */
void symo_panel_form(symo_dtype dtype, size_t n, const symo_panel_units *units, size_t u0,
                     size_t u1, void *out);

/* to = from, or to += from, `count` numbers. */
void symo_panel_add(symo_dtype dtype, size_t count, const void *from, bool first, double *to);

#endif
