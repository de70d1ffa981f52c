#ifndef SYMO_EXPERIMENTS_COMPARE_COMPETITOR_H
#define SYMO_EXPERIMENTS_COMPARE_COMPETITOR_H

#include "experiments/compare/approx.h"
#include "experiments/net/net.h"

/* The approximations that others use, for the same network at the same parameters.  A competitor is
 * one file ending in one const table, and one row in COMPARE_COMPETITOR_LIST. */
typedef struct compare_input {
  symo_context *context;
  symo_net *net;      /* with its data set */
  const void *theta;  /* [P], numbers of the network's dtype */
  const double *grad; /* [P], of the mean loss at theta */
  size_t examples;
  size_t samples; /* label draws per example where labels are drawn from the model; >= 1 */
  symo_rng *rng;
} compare_input;

typedef struct compare_competitor {
  const char *name;
  const char *summary; /* the formula, its normalisation, its source */
  bool costly;         /* dense eigendecomposition of all parameters: only on request (--ggn) */
  symo_status (*build)(const compare_input *input, compare_approx **out);
} compare_competitor;

#define COMPARE_COMPETITOR_LIST(X)                                                                 \
  X(shampoo)                                                                                       \
  X(shampoo_root)                                                                                  \
  X(kfac)                                                                                          \
  X(kfac_empirical)                                                                                \
  X(diagonal)                                                                                      \
  X(identity)                                                                                      \
  X(gauss_newton)

size_t compare_competitor_count(void);
const compare_competitor *compare_competitor_at(size_t index);       /* NULL past the end */
const compare_competitor *compare_competitor_find(const char *name); /* NULL: there is none */

/* Where the parameters of dense layer `layer` (0-based) lie in the flat vector: the weight [out,
 * in] at `weight`, the bias [out] at `bias` (meaningless without biases). */
typedef struct compare_layer {
  size_t in, out, weight, bias;
} compare_layer;

compare_layer compare_layer_at(const symo_net_spec *spec, size_t layer);

#endif
