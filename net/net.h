#ifndef SYMO_NET_NET_H
#define SYMO_NET_NET_H

#include <stdbool.h>
#include <symo/problem.h>

#include "core/pool.h"
#include "core/reduction.h"
#include "net/layers.h"

/* Feed-forward, convolutional and recurrent networks with exact second order.  A network is a
 * static list of operations over buffers planned beforehand; every operation knows forward,
 * backward, tangent and tangent of backward (net/op.h), and from that one description
 * come loss, gradient, Hessian- and Gauss-Newton products for blocks of directions, dense
 * Hessians, and layer statistics.
 *
 * As text, with '-' between the parts (symo_net_parse):
 *
 *   20-64-5                   dense: inputs, hidden widths, outputs
 *   rnn:8-16-4                Elman: inputs of a step, hidden widths (several: stacked), outputs
 *                             from the last step; as many steps as the data have, or
 *                             rnn:STEPSxINPUTS-16-4
 *   rnn:8-16leak0.1-4each     leaky units, of which 0.1 is replaced in a step; outputs at each step
 *                             (of mse and bernoulli), [steps, outputs]
 *   conv:8x8x1-c8k3-p2-16-10  image HEIGHTxWIDTHxCHANNELS, or LENGTHxCHANNELS in one dimension,
 *                             then layers, then dense ones on all that is left, the last outputs
 *
 *   c8k3  c8k3c  c8k3x5       convolution to 8 channels, kernel 3 x 3 (odd; 3 x 5), stride 1, same
 *                             size; zero padding, with a final c circular
 *   p2  m2  p2x1              average and maximum over windows 2 x 2 (2 x 1) side by side
 *   ln  rms                   LayerNorm (gain, bias) and RMSNorm (gain) over the features or
 *                             channels at each position or step by itself; eps 1e-5
 *   res-...-add               residual: what entered at `res` is added at `add`; may be nested
 *
 *   gpt:v65-t64-c128-h4-l4    a transformer (net/gpt.h): vocabulary (may be left out
 *                             until the data say it), positions, width, heads, blocks; f300:
 *                             hidden units of its MLPs; untied: a head of its own
 *
 * ln, rms and res-add may stand anywhere between the first and the last number.  The activation
 * follows every convolution, every step of a recurrent layer, and every dense layer but the last.
 *
 * An example is a row of numbers: [inputs], [steps, inputs], [height, width, channels]; tokens by
 * their numbers.
 *
 * Parameters are one flat vector, the tensors of symo_net_layout in order, each row-major.  With l
 * counting the layers that have weights, from 1:
 *   dense        w<l>[out, in] b<l>[out]; on an image w<l>[out, channels, positions]
 *   convolution  w<l>[out, in, kernel height, kernel width] b<l>[out]; one kernel axis in one
 *                dimension
 *   recurrent    wx<l>[h, in] wh<l>[h, h] b<l>[h], without <l> if there is no other hidden layer;
 *                the last layer of a network with recurrent ones is wo bo
 *   norms        ln<m>.gain ln<m>.bias, rms<m>.gain, with m counting norms, from 1
 * Without biases there are no b<l>, no bo, no ln<m>.bias. */
typedef enum symo_activation {
  SYMO_ACT_TANH,
  SYMO_ACT_RELU,
  SYMO_ACT_GELU,
  SYMO_ACT_LINEAR,
  SYMO_ACT_GELU_TANH /* z (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))) / 2 */
} symo_activation;
typedef enum symo_loss {
  SYMO_LOSS_MSE,           /* sum over examples and outputs of (f - y)^2 / (2 N) */
  SYMO_LOSS_CROSS_ENTROPY, /* mean over examples of -sum_k y_k log softmax(f)_k; y a distribution */
  SYMO_LOSS_BERNOULLI,     /* mean over examples of sum_k log(1 + e^f_k) - y_k f_k: cross-entropy of
                          each output by itself, with the logistic function; y in [0, 1] */
  SYMO_LOSS_TOKENS /* mean over examples and positions of -log softmax(f)_y; y the number of a
                      token, one at each position; of networks that end with a head */
} symo_loss;

enum { SYMO_NET_MAX_LAYERS = 255 };

/* What an example is at some place in a network: `features` numbers at each of size[0] x .. x
 * size[axes - 1] positions.  axes 0: a vector; 1: steps, or an image of one dimension; 2: an
 * image. */
typedef struct symo_net_shape {
  size_t axes, size[2], features;
} symo_net_shape;

#define SYMO_NET_KIND(KIND, row) SYMO_NET_##KIND,
typedef enum symo_net_kind { SYMO_NET_LAYERS(SYMO_NET_KIND) SYMO_NET_NUM_KINDS } symo_net_kind;
#undef SYMO_NET_KIND

typedef struct symo_net_layer {
  symo_net_kind kind;
  size_t width;
  size_t window[2]; /* of the axes there are */
  bool circular;
  bool linear; /* dense: no activation behind it */
  bool each;   /* dense, the last: at every step of a sequence */
  bool tied;
  size_t count;
  double rate;
} symo_net_layer;

typedef struct symo_net_spec {
  symo_net_shape input; /* sequences: size[0] 0 leaves the steps open until symo_net_fit */
  size_t num_layers;    /* >= 1 */
  symo_net_layer layers[SYMO_NET_MAX_LAYERS]; /* the last is dense, or a head */
  symo_activation activation; /* after dense, recurrent, conv, but not after the last and linear
                                 ones */
  symo_loss loss;
  bool bias;        /* default true */
  symo_dtype dtype; /* default SYMO_F64 */
} symo_net_spec;

/* No layers yet. */
symo_net_spec symo_net_spec_default(void);

/* Dense layers of these widths, input first; count from 2 to SYMO_NET_MAX_LAYERS + 1. */
void symo_net_spec_set_widths(symo_net_spec *spec, size_t count, const size_t *widths);

/* The text above into input and layers.  SYMO_E_ARGUMENT, with the part at fault and where it
 * stands; the spec is then untouched. */
symo_status symo_net_parse(symo_context *context, const char *text, symo_net_spec *spec);

/* The text of a spec: text [size], cut off if longer. */
void symo_net_text(const symo_net_spec *spec, char *text, size_t size);

/* Makes the spec take examples of `inputs` numbers: sets steps that are open.  SYMO_E_SHAPE when
 * they cannot be. */
symo_status symo_net_fit(symo_context *context, symo_net_spec *spec, size_t inputs);

/* Sets a vocabulary that is open.  SYMO_E_SHAPE when the network has less than that (more is fine),
 * or no tokens. */
symo_status symo_net_set_vocabulary(symo_context *context, symo_net_spec *spec, size_t tokens);

/* Whether its inputs are tokens; how many there are, 0 while the vocabulary is open. */
bool symo_net_reads_tokens(const symo_net_spec *spec);
size_t symo_net_vocabulary(const symo_net_spec *spec);

/* Numbers in an example, outputs, and numbers in its target: as many as outputs, but one for each
 * position where targets are tokens, of which outputs has the logits [positions, vocabulary].  Of a
 * spec that has layers; 0 inputs while steps are open. */
size_t symo_net_inputs(const symo_net_spec *spec);
size_t symo_net_outputs(const symo_net_spec *spec);
size_t symo_net_targets(const symo_net_spec *spec);

/* Only dense layers: no residuals, no norms. */
bool symo_net_is_plain(const symo_net_spec *spec);

/* Parameters, as a double: sizes from a command line may multiply to anything. */
double symo_net_count(const symo_net_spec *spec);

/* Checks the spec (open steps are taken) and gives the shapes: shapes[l] before layer l, shapes
 * [num_layers + 1].  SYMO_E_ARGUMENT with the layer at fault, SYMO_E_SIZE, SYMO_E_DTYPE. */
symo_status symo_net_shapes(symo_context *context, const symo_net_spec *spec,
                            symo_net_shape shapes[SYMO_NET_MAX_LAYERS + 1]);

/* Names as on the command line; find returns false when there is none. */
const char *symo_activation_name(symo_activation activation);
bool symo_activation_find(const char *name, symo_activation *out);
const char *symo_loss_name(symo_loss loss);
bool symo_loss_find(const char *name, symo_loss *out);

typedef struct symo_net symo_net;

/* SYMO_E_ARGUMENT when steps or the vocabulary are open, and what symo_net_shapes gives. */
symo_status symo_net_create(symo_context *context, const symo_net_spec *spec, symo_net **out);
void symo_net_destroy(symo_net *net);

const symo_net_spec *symo_net_get_spec(const symo_net *net);
size_t symo_net_num_parameters(const symo_net *net);

/* The examples the loss is computed on: x [N, inputs], y [N, targets], row-major float64, copied
 * (and rounded to the dtype; tokens become integers).  SYMO_E_NONFINITE, SYMO_E_SHAPE,
 * SYMO_E_ARGUMENT for what is no token of the vocabulary. */
symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y);

/* More examples behind those there are. */
symo_status symo_net_add_data(symo_net *net, size_t examples, const double *x, const double *y);

/* Which of the examples the loss, and everything else, is on from now on: count of them by their
 * numbers, in that order, which the caller keeps in place (nothing is copied or allocated); any
 * number of times each.  rows NULL: all, as after symo_net_set_data and symo_net_add_data. */
symo_status symo_net_select(symo_net *net, size_t count, const size_t *rows);

/* Loss, dropout off, and, where the targets are distributions (cross-entropy), the share of
 * examples whose largest output is where the largest target is, of tokens the share predicted
 * right; else NaN.  accuracy may be NULL. */
symo_status symo_net_evaluate(symo_net *net, const void *theta, double *loss, double *accuracy);

/* Passes since the network was made, an example being 1 / examples of one, a direction of a
 * tangent pass one. */
typedef struct symo_net_counts {
  double forward, backward, tangent, backward_tangent;
} symo_net_counts;
symo_net_counts symo_net_get_counts(const symo_net *net);

/* The network as a problem: all slots filled, but `hessian` only for plain networks, and the rows
 * not for tokens.  It borrows
 * the network.  Not for several threads. */
symo_problem symo_net_problem(symo_net *net);

/* ---- several threads, and memory ----
 *
 * Losses, gradients and evaluations run over chunks of examples, in as many lanes as the pool has
 * threads, one BLAS thread each: a lane has a part of the examples, fixed by their number, and a
 * workspace of its own.  For one number of lanes and one size of chunks results are always the same
 * bits, and for any other the same up to rounding.  The first call allocates the workspace (it may
 * give SYMO_E_MEMORY); later ones allocate nothing.  Dense
 * Hessians of plain networks cut their products into panels that the threads take.  All else runs
 * in one lane, with as many BLAS threads as there are, and takes what it needs in the same way. */

/* The network borrows the pool; NULL: one lane, BLAS threads as they are. */
void symo_net_set_pool(symo_net *net, symo_pool *pool);

/* Processes take a part of the examples each, as lanes do, and losses, gradients, evaluations and
 * products with directions are those of all examples in every process: added in the order of the
 * processes, so that N of them with one lane each come to the bits of one with N lanes.  Of dense
 * Hessians of plain networks each takes some of the directions: the numbers of one process.  All
 * processes have all examples and the same parameters, and make the same calls.  What is not named
 * here is taken by each process by itself.  The network borrows the table; NULL: one process. */
void symo_net_set_comm(symo_net *net, const symo_comm *comm);

/* How the gradients of several processes are summed: parts of the vector as soon as backward has
 * finished them, in buckets of bucket_bytes (0: symo_reduction_bucket).  owners: of the whole vector,
 * in order, whose the sum of each part is; the rest of the gradient is then undefined in a process,
 * and so are arrays of layer statistics but in the process that has the first number of the weight.
 * None: all processes have all of it.  The bits are the same however they are summed.  SYMO_E_MEMORY.
 */
symo_status symo_net_set_reduction(symo_net *net, size_t num_owners,
                                   const symo_reduction_part *owners, size_t bucket_bytes);
symo_reduction_counts symo_net_get_reduction(const symo_net *net);

/* Examples in a chunk, at most; 0: as many as the network finds best.  SYMO_E_SIZE. */
enum { SYMO_NET_MAX_CHUNK = 1 << 20 };
symo_status symo_net_set_chunk(symo_net *net, size_t examples);

/* Keeps only what passes between residual blocks, and runs each forward once more on the way back.
 * Gradients are the same bits. */
void symo_net_set_recompute(symo_net *net, bool on);

typedef struct symo_net_lanes {
  size_t examples; /* in a chunk */
  int lanes;
  bool recompute;
  double bytes; /* of all lanes, allocated or not yet */
} symo_net_lanes;
symo_net_lanes symo_net_get_lanes(const symo_net *net);

/* Where the time of gradients goes: seconds of each operation, in the order of the network, summed
 * over all gradients from symo_net_set_times on.  rows: positions of an example. */
enum { SYMO_NET_MAX_TIMES = 3 * SYMO_NET_MAX_LAYERS + 2 };
typedef struct symo_net_time {
  const char *name;
  size_t rows, in, out;
  double forward, backward;
} symo_net_time;
typedef struct symo_net_times {
  double (*clock)(void);
  size_t count;
  symo_net_time of[SYMO_NET_MAX_TIMES];
} symo_net_times;

/* The network borrows them, with `clock` set by the caller, and sets the rest; only with one lane.
 * NULL: nothing is measured any more. */
void symo_net_set_times(symo_net *net, symo_net_times *times);

/* Bytes of a network and its lanes before anything of it is allocated, data not counted, with
 * chunks of the size that it finds best; NaN where there is no such network. */
double symo_net_bytes(const symo_net_spec *spec, int threads, bool recompute);

/* Independent normal entries times `scale`, weights and biases alike; gains of norms are 1 more.
 * theta: [P] of the dtype. */
void symo_net_init(const symo_net *net, double scale, symo_rng *rng, void *theta);

/* Weights and biases normal with variance 1 / inputs of the weight, embeddings with 1 / width;
 * gains 1, biases of norms 0. */
void symo_net_init_fan_in(const symo_net *net, symo_rng *rng, void *theta);

/* Outputs f(x) of any examples, dropout off, x [n, inputs] and out [n, outputs] float64. */
symo_status symo_net_predict(symo_net *net, const void *theta, size_t n, const double *x,
                             double *out);

/* The weight matrices, in the order of their places in the flat vector: of a dense layer W
 * [outputs, inputs]; of a convolution the same with inputs (channel, kernel height, kernel width);
 * of a recurrent layer first Wx, without the bias, then Wh with it; of attention first query, key
 * and value together, then the dense one; a tied head is none.  One that is applied at `rows`
 * positions or steps of an example (1 for dense layers) has as many pairs of input and output. */
typedef struct symo_net_weight {
  size_t inputs, outputs, rows;
  size_t weight, bias; /* offsets in the flat vector; a bias follows its weight */
  bool has_bias;
  bool dense;     /* of a dense layer: its tensor in the layout may have more axes */
  bool recurrent; /* Wh of a recurrent layer */
} symo_net_weight;

size_t symo_net_num_weights(const symo_net *net);
symo_net_weight symo_net_get_weight(const symo_net *net, size_t index);

/* Targets drawn from the model's own distribution at the data's inputs: one-hot classes for
 * cross-entropy, 0 or 1 for bernoulli, f + N(0, 1) for mse, tokens.  labels: [N, targets]
 * float64. */
symo_status symo_net_sample_labels(symo_net *net, const void *theta, symo_rng *rng, double *labels);

/* Floating-point operations of the matrix products that the dense Hessian takes with the data at
 * hand, elementwise work not counted: of the algorithm in dense_hessian.c, symmetry used, and for
 * networks that are not plain of products with all unit vectors, no short cuts counted. */
double symo_net_hessian_flops(const symo_net *net);

/* The group of the hidden spaces that is exact for the activation: tanh signed-permutation, relu
 * and both gelu permutation, linear orthogonal. */
const char *symo_net_exact_group(symo_activation activation);

/* Spaces and tensors, named as above: in, h<l> (h for wh) behind layer l, out; a residual block
 * makes two of them one, named as the earlier.  Hidden spaces carry `group`: one of the context or
 * the registry by its name, or the notation of symo_layout_parse without the dimension, which is
 * the width of the space ("scaling(1, signs)", "wreath(4, orthogonal 4)").  NULL: the exact one,
 * which is that of the activation, reduced to permutation where a norm or a maximum is taken in
 * the space.  in, out, kernels (kh<l>, kw<l>; k<l> in one dimension) and positions (p<l>) the
 * identity.  Under `scaling` the axes that weights read from are dual.
 *
 * Of a transformer the spaces are block, vocab, embd and for each block i from 0 qk<i> (features of
 * query and key), vo<i> (of value) and mlp<i>; tensors as in gpt.h.  NULL: the identity on the
 * first three, wreath(heads, orthogonal) on qk and vo, permutation on mlp.  One group is that of
 * the mlp spaces; `identity` that of all spaces.  A list gives groups by the kind of space and
 * leaves the others as they are: "qk=orthogonal; vo=identity; mlp=permutation; embd=permutation".
 * If the list has `heads`, there are spaces heads<i> too, and qk<i>, vo<i> are those of one head
 * (orthogonal by default): query is [heads0, qk0, embd], and "heads=permutation" moves heads in all
 * tensors at once.  layout.c explains both forms.  Under `scaling` key is dual to query.
 * SYMO_E_SHAPE with the name of a space whose width the group does not have. */
symo_status symo_net_layout(symo_context *context, const symo_net_spec *spec, const char *group,
                            symo_layout **out);

#endif
