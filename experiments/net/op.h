#ifndef SYMO_EXPERIMENTS_NET_OP_H
#define SYMO_EXPERIMENTS_NET_OP_H

#include "experiments/net/net.h"

/* What an operation of a network is.  A network is a list of nodes in topological order; a node is
 * an operation with the buffers it reads and writes and the place of its parameters.  A buffer is
 * written by one node and read by at most one: fan-out is to be an operation of its own, which adds
 * cotangents.
 *
 * A buffer b of width w stands for four arrays of the network's dtype, for one chunk of n examples
 * and a block of k directions: value[b]  [n, w]                 v      forward cot[b]    [n, w] v^
 * derivative of the PER-EXAMPLE loss by v tan[b]    [n, k, w]              R v    derivative of v
 * along the directions ctan[b]   [n, k, w]              R v^   derivative of v^ along the
 * directions Directions stand inside an example, so that what multiplies all of them by one matrix
 * is one product with n k rows, and what multiplies one activation by all directions one with k w
 * columns. NULL in tan means a tangent that is zero by structure (the network's input, and what
 * lies before the first touched parameter); NULL in cot and ctan means that nobody asks (the
 * network's input). */
enum { SYMO_OP_PORTS = 2 };

typedef struct symo_node {
  const struct symo_op *op;
  int in[SYMO_OP_PORTS], out[SYMO_OP_PORTS]; /* buffers; -1: none */
  int saved[2];                              /* value buffers kept from forward; -1: none */
  size_t in_width, out_width;
  size_t weight, bias; /* offsets of the parameters in the flat vector */
  bool has_bias;
  symo_activation activation;
} symo_node;

/* One run over one chunk.  Packed directions and packed products of a node stand at k times the
 * offset of its parameter: the first form is [k, out, in] (and [k, out] for biases), the second
 * [out, k, in]. */
typedef struct symo_pass {
  symo_dtype dtype;
  size_t n, k;
  const void *theta;
  const void *targets; /* [n, outputs] */
  void **value, **cot, **tan, **ctan;
  double loss;                    /* summed over examples, in float64 */
  void *gradient;                 /* backward adds here, summed over examples; NULL: not wanted */
  const void *v_rows, *v_columns; /* packed directions, first and second form */
  void *hv_rows, *hv_columns;     /* packed products; NULL: not wanted */
  const bool *touched;            /* per node: some direction is not zero on its parameters;
                                     NULL: none is touched anywhere */
  bool gauss_newton;              /* leave out the second derivatives of all but the loss */
} symo_pass;

/* forward           value[out] from value[in]; order 1 and 2 also save what first and second
 *                   derivatives need
 * backward          cot[in] from cot[out]; adds to the gradient of the parameters
 * tangent           tan[out] from tan[in] and the packed directions
 * backward_tangent  ctan[in] from ctan[out], the second derivatives and the packed directions; adds
 * to the packed products load, store       between a flat block of directions [k, P] and the packed
 * forms; store scales. NULL for operations without parameters. node_index says where in
 * pass->touched the node stands.  Nothing allocates and nothing fails. */
typedef struct symo_op {
  const char *name;
  bool is_loss;
  void (*forward)(const symo_node *node, symo_pass *pass, int order);
  void (*backward)(const symo_node *node, symo_pass *pass);
  void (*tangent)(const symo_node *node, size_t node_index, symo_pass *pass);
  void (*backward_tangent)(const symo_node *node, size_t node_index, symo_pass *pass);
  bool (*load)(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters, const void *v,
               void *rows, void *columns); /* true when some direction is not zero */
  void (*store)(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters, double scale,
                const void *rows, const void *columns, void *hv);
} symo_op;

extern const symo_op symo_op_dense;
extern const symo_op symo_op_activation;
extern const symo_op symo_op_mse;
extern const symo_op symo_op_cross_entropy;

#endif
