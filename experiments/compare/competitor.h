#ifndef SYMO_EXPERIMENTS_COMPARE_COMPETITOR_H
#define SYMO_EXPERIMENTS_COMPARE_COMPETITOR_H

#include "experiments/compare/approx.h"
#include "experiments/compare/run.h"
#include "net/net.h"

/* The approximations that others use, for the same network at the same parameters.  A competitor is
 * one file ending in one const table, and one row in COMPARE_COMPETITOR_LIST. */
typedef struct compare_input {
  symo_context *context;
  symo_net *net;      /* with its data set */
  const void *theta;  /* [P], numbers of the network's dtype */
  const double *grad; /* [P], of the mean loss at theta */
  size_t examples;
  const double *x, *y; /* [N, inputs], [N, outputs]: the data set */
  size_t samples;      /* label draws per example where labels are drawn from the model; >= 1 */
  symo_rng *rng;
} compare_input;

typedef struct compare_competitor {
  const char *name;
  const char *summary; /* the formula, its normalisation, its source */
  plot_style style;
  compare_cost cost;
  bool costly; /* dense eigendecomposition of all parameters: only on request (--ggn) */
  symo_status (*build)(const compare_input *input, compare_approx **out);
} compare_competitor;

#define COMPARE_COMPETITOR_LIST(X)                                                                 \
  X(shampoo)                                                                                       \
  X(shampoo_root)                                                                                  \
  X(kfac)                                                                                          \
  X(kfac_empirical)                                                                                \
  X(ekfac)                                                                                         \
  X(diagonal)                                                                                      \
  X(identity)                                                                                      \
  X(gauss_newton)                                                                                  \
  X(fisher)

size_t compare_competitor_count(void);
const compare_competitor *compare_competitor_at(size_t index);       /* NULL past the end */
const compare_competitor *compare_competitor_find(const char *name); /* NULL: there is none */

/* A tensor of the network's as implementations hold it: order >= 1 axes, row-major, at `offset` of
 * the flat vector.  The weight of a dense layer is a matrix, whatever it reads; that of a
 * convolution keeps its four axes (three in one dimension). */
typedef struct compare_tensor {
  size_t offset, order, dims[4];
} compare_tensor;

/* All of them, in the order of the layout.  *out is the caller's (symo_free). */
symo_status compare_tensors(const compare_input *input, size_t *count, compare_tensor **out);

/* out [P] = the mean over examples of the squared entries of their gradients, at the given labels
 * ([N, outputs]; NULL: those of the data). */
symo_status compare_squares(const compare_input *input, const double *labels, double *out);

#endif
