#ifndef SYMO_NET_OP_H
#define SYMO_NET_OP_H

#include "net/net.h"

/* What an operation of a network is.  A network is a list of nodes in topological order; a node is
 * an operation with the buffers it reads and writes and the place of its parameters.  A buffer is
 * written by one node and read by at most one; the operation `fork` copies a buffer for two readers
 * and adds their cotangents.
 *
 * A buffer b of width w at p positions (1 for vectors) stands for four arrays of the network's
 * dtype, for one chunk of n examples and a block of k directions:
 *   value[b]  [p, n, w]      v      forward
 *   cot[b]    [p, n, w]      v^     derivative of the PER-EXAMPLE loss by v
 *   tan[b]    [p, n, k, w]   R v    derivative of v along the directions
 *   ctan[b]   [p, n, k, w]   R v^   derivative of v^ along the directions
 * Positions are the outermost axis: an operation that treats all positions alike sees p n examples,
 * and one that permutes positions moves whole blocks.  Directions are inside an example:
 * multiplying all of them by one matrix is one product with p n k rows, and multiplying one
 * activation by all directions is one product with k w columns.  NULL in tan means a tangent that
 * is zero by structure (that of the network's input, and of all buffers before the first touched
 * parameter).  NULL in cot and ctan means a derivative that no parameter needs (the network's
 * input, and what is computed from it without parameters). */
enum { SYMO_OP_PORTS = 2 };

typedef struct symo_node {
  const struct symo_op *op;
  int in[SYMO_OP_PORTS], out[SYMO_OP_PORTS]; /* buffers; -1: none.  Some have a buffer that they
                                                alone use as out[1] */
  int saved[2];                              /* value buffers kept from forward, the second only
                                                where order is 2; -1: none */
  size_t in_width, out_width;                /* of in[0] and out[0] */
  size_t in_rows, out_rows;                  /* positions */
  symo_net_shape shape;                      /* of what it reads */
  size_t window[2];
  bool circular;
  bool dense;          /* the weight is that of a dense layer */
  size_t weight, bias; /* offsets of the parameters in the flat vector */
  size_t weight_rows, weight_columns;
  bool has_bias;
  symo_activation activation;
  size_t heads;  /* attention */
  double rate;   /* dropout: the share that is zeroed; 0: none.  recurrent: the share that a step
                    replaces; 0: all */
  uint64_t salt; /* dropout: which of the network's places this is */
} symo_node;

/* One run over one chunk.  Packed directions and packed products of a node start at k times the
 * offset of its parameter.  The first form is [k, out, in] (and [k, out] for biases), the second
 * [out, k, in]. */
typedef struct symo_pass {
  symo_dtype dtype;
  size_t n, k;
  size_t first;  /* the chunk's first example among those that the loss is on */
  bool dropping; /* dropout is on: which entries are zeroed depends on seed, salt, example and
                    position alone, not on the chunks */
  uint64_t seed; /* of dropout */
  void *scratch; /* at least symo_op.scratch numbers, for the operation that runs */
  const void *theta;
  const void *targets; /* [n, targets]; uint32 of the loss of tokens */
  void **value, **cot, **tan, **ctan;
  double loss;                      /* summed over examples, in float64 */
  void *gradient;                   /* backward adds here, summed over examples; NULL: not wanted */
  const void *v_rows, *v_columns;   /* packed directions, first and second form */
  void *hv_rows, *hv_columns;       /* packed products; NULL: not wanted */
  const bool *touched;              /* per node: some direction is not zero on its parameters;
                                     NULL: none is touched anywhere */
  bool gauss_newton;                /* leave out the second derivatives of all but the loss */
  struct symo_net_collect *collect; /* layer statistics that backward adds to; NULL: none */
  void (*passed)(void *arg, size_t node); /* after backward of a node; NULL: nobody asks */
  void *passed_arg;
} symo_pass;

/* Positions of one example that stand before those of a pass, and what an operation keeps of all:
 * room for 2 out_width numbers at each of `room` positions. */
typedef struct symo_extent {
  size_t from, room;
  void *kept;
} symo_extent;

/* forward           value[out] from value[in]; order 1 and 2 also save what first and second
 *                   derivatives need
 * extend            forward of positions behind others, of which it keeps what it needs.  NULL:
 *                   forward treats each position by itself
 * backward          cot[in] from cot[out]; adds to the gradient of the parameters
 * tangent           tan[out] from tan[in] and the packed directions
 * backward_tangent  ctan[in] from ctan[out], the second derivatives and the packed directions; adds
 *                   to the packed products
 * example           the gradient of the parameters of example r of the chunk alone, from what
 *                   backward has left in buffers that share no memory, into g [P]: added where
 *                   another node has the same weight and was there before (`add`), else written.
 *                   NULL for operations without parameters
 * load, store       between a flat block of directions [k, P] and the packed forms; store scales.
 *                   NULL for operations without parameters
 * apply, adjoint    of linear operations without parameters (linear.h): `from` and `to` are arrays
 *                   over k directions.  NULL otherwise
 * node_index is the node's index in pass->touched.  No slot allocates or fails. */
typedef struct symo_op {
  const char *name;
  bool is_loss;
  bool leaves_out; /* no pass but forward reads value[out] again, and so for value[in] */
  bool leaves_in;
  bool in_place; /* forward may write value[out] over value[in], backward cot[in] over cot[out] */
  bool gain;     /* the weight is a gain, which starts at 1 */
  bool
      table; /* the weight is a table of tokens; one of positions, [out_rows, out_width], follows */
  int nesting; /* +1: begins a residual block: value[out] are value[in]; -1: ends it: cot[in] are
                  cot[out].  They may share memory */
  size_t (*product_rows)(const symo_node *node); /* rows of the smallest matrix product that an
                                                    example gives.  NULL: no such products */
  void (*forward)(const symo_node *node, symo_pass *pass, int order);
  void (*backward)(const symo_node *node, symo_pass *pass);
  void (*tangent)(const symo_node *node, size_t node_index, symo_pass *pass);
  void (*backward_tangent)(const symo_node *node, size_t node_index, symo_pass *pass);
  void (*extend)(const symo_node *node, symo_pass *pass, const symo_extent *old);
  void (*example)(const symo_node *node, const symo_pass *pass, size_t r, bool add, void *g);
  bool (*load)(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters, const void *v,
               void *rows, void *columns); /* true when some direction is not zero */
  void (*store)(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters, double scale,
                const void *rows, const void *columns, void *hv);
  void (*apply)(const symo_node *node, const symo_pass *pass, size_t k, const void *from, void *to);
  void (*adjoint)(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                  void *to);
  size_t (*scratch)(const symo_node *node, size_t k); /* numbers of the dtype that it works with
                                                         beside its buffers, however many examples;
                                                         k 0: without tangents.  NULL: none */
} symo_op;

extern const symo_op symo_op_dense;      /* at each position */
extern const symo_op symo_op_activation; /* at each position */
extern const symo_op symo_op_mse;
extern const symo_op symo_op_cross_entropy;
extern const symo_op symo_op_bernoulli;
extern const symo_op symo_op_arrange;   /* examples of the data [n, p, w] to [p, n, w] */
extern const symo_op symo_op_flatten;   /* [p, n, w] to [n, w p] */
extern const symo_op symo_op_unroll;    /* [p, n, w] to [n, p w] */
extern const symo_op symo_op_last;      /* the last position */
extern const symo_op symo_op_patches;   /* what a convolution's kernel sees at each position */
extern const symo_op symo_op_mean_pool; /* over windows of positions */
extern const symo_op symo_op_max_pool;
extern const symo_op symo_op_fork; /* to out[0] and out[1] */
extern const symo_op symo_op_add;  /* in[0] + in[1] */
extern const symo_op symo_op_layer_norm;
extern const symo_op symo_op_rms_norm;
extern const symo_op symo_op_recurrent;
extern const symo_op symo_op_embedding; /* rows of a table by token, plus rows by position */
extern const symo_op symo_op_attention; /* causal, many heads: of [p, n, 3 w] = query, key, value */
extern const symo_op symo_op_dropout;
extern const symo_op symo_op_tokens; /* cross-entropy of the next token, mean over positions */

#endif
