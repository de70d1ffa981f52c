#ifndef SYMO_EXPERIMENTS_NET_NET_H
#define SYMO_EXPERIMENTS_NET_NET_H

#include <stdbool.h>
#include <symo/problem.h>

/* Feed-forward networks with exact second order.  A network is a static list of operations over
 * buffers planned beforehand; every operation knows forward, backward, tangent and tangent of
 * backward (experiments/net/op.h), and from that one description come loss, gradient, Hessian- and
 * Gauss-Newton products for blocks of directions, dense Hessians, and layer statistics.
 *
 * Parameters are one flat vector: for layer l = 1 .. L the weight w<l> [out, in] row-major, then,
 * with biases, b<l> [out]: the tensors of symo_net_layout in order. */
typedef enum symo_activation {
  SYMO_ACT_TANH,
  SYMO_ACT_RELU,
  SYMO_ACT_GELU,
  SYMO_ACT_LINEAR
} symo_activation;
typedef enum symo_loss {
  SYMO_LOSS_MSE,          /* sum over examples and outputs of (f - y)^2 / (2 N) */
  SYMO_LOSS_CROSS_ENTROPY /* mean over examples of -sum_k y_k log softmax(f)_k; y a distribution */
} symo_loss;

enum { SYMO_NET_MAX_LAYERS = 31 };

typedef struct symo_net_spec {
  size_t num_layers;                      /* dense layers, >= 1 */
  size_t widths[SYMO_NET_MAX_LAYERS + 1]; /* [num_layers + 1], input first */
  symo_activation activation;             /* between layers, none after the last */
  symo_loss loss;
  bool bias;        /* default true */
  symo_dtype dtype; /* default SYMO_F64 */
} symo_net_spec;

symo_net_spec symo_net_spec_default(void);

/* "20-64-5" into num_layers and widths.  SYMO_E_ARGUMENT with the detail otherwise. */
symo_status symo_net_parse(symo_context *context, const char *text, symo_net_spec *spec);

/* Names as on the command line; find returns false when there is none. */
const char *symo_activation_name(symo_activation activation);
bool symo_activation_find(const char *name, symo_activation *out);
const char *symo_loss_name(symo_loss loss);
bool symo_loss_find(const char *name, symo_loss *out);

typedef struct symo_net symo_net;

symo_status symo_net_create(symo_context *context, const symo_net_spec *spec, symo_net **out);
void symo_net_destroy(symo_net *net);

const symo_net_spec *symo_net_get_spec(const symo_net *net);
size_t symo_net_num_parameters(const symo_net *net);

/* The examples the loss is computed on: x [N, inputs], y [N, outputs], row-major float64, copied
 * (and rounded to the dtype).  SYMO_E_NONFINITE, SYMO_E_SHAPE. */
symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y);

/* The network as a problem: all slots filled.  It borrows the network.  Not for several threads. */
symo_problem symo_net_problem(symo_net *net);

/* Independent normal entries times `scale`, weights and biases alike.  theta: [P] of the dtype. */
void symo_net_init(const symo_net *net, double scale, symo_rng *rng, void *theta);

/* Outputs f(x) of any examples, x [n, inputs] and out [n, outputs] float64. */
symo_status symo_net_predict(symo_net *net, const void *theta, size_t n, const double *x,
                             double *out);

/* What entered layer `layer` (0-based) and the derivative of the PER-EXAMPLE loss (that is, N times
 * that of the mean loss) by what left it: inputs [N, in], deltas [N, out], float64, caller's
 * arrays. labels NULL: at the data's labels.  Else deltas at these targets instead ([N, outputs]
 * float64): for Fisher matrices with labels drawn from the model. */
symo_status symo_net_statistics(symo_net *net, const void *theta, const double *labels,
                                size_t layer, double *inputs, double *deltas);

/* Targets drawn from the model's own distribution at the data's inputs: one-hot classes for
 * cross-entropy, f + N(0, 1) for mse.  labels: [N, outputs] float64. */
symo_status symo_net_sample_labels(symo_net *net, const void *theta, symo_rng *rng, double *labels);

/* Floating-point operations of the matrix products that the dense Hessian (the `hessian` slot)
 * takes with the data at hand: of the algorithm in dense_hessian.c, symmetry used, elementwise work
 * not counted. */
double symo_net_hessian_flops(const symo_net *net);

/* The group of the hidden spaces that is exact for the activation: tanh signed-permutation, relu
 * and gelu permutation, linear orthogonal. */
const char *symo_net_exact_group(symo_activation activation);

/* Spaces in, h1 .. , out and tensors w1 b1 w2 b2 ...; hidden spaces carry `group` (NULL: the exact
 * one), in and out the identity. */
symo_status symo_net_layout(symo_context *context, const symo_net_spec *spec, const char *group,
                            symo_layout **out);

#endif
