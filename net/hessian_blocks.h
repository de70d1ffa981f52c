#ifndef SYMO_NET_HESSIAN_BLOCKS_H
#define SYMO_NET_HESSIAN_BLOCKS_H

#include "net/graph.h"

/* The state of a dense Hessian under way (dense_hessian.c, which has the mathematics), and the
 * products for one layer p, a chunk of examples and a batch of seeds at its output. */
typedef struct symo_hessian_job {
  symo_net *net;
  symo_dtype dtype;
  size_t n;           /* examples in the chunk */
  bool first;         /* of the chunks: write instead of add */
  size_t base, batch; /* seeds [base, base + batch) of the layer are in hand */
  size_t seed, k;     /* of these, seeds [seed, seed + k) are in the tangent buffers */
  double *hessian;
  /* Workspace.  pairs [n, pairs of the batch]: C_p; next [n, batch out_q] and slope [n, batch]: C_q
   * and the diagonal of T_q for the layer that follows; input_p, input_q [n, in + 1]; panel and
   * product. */
  void *pairs, *next, *slope, *input_p, *input_q, *panel, *product;
} symo_hessian_job;

/* in_width, and one for the bias. */
size_t symo_hessian_width(const symo_node *node);

/* Pairs (i, i' >= i) of outputs with i among the first `seeds` of [base, out). */
size_t symo_hessian_pairs(const symo_node *p, size_t base, size_t seeds);

/* Where in the flat vector the weight (i, j) is, j = in being the bias. */
size_t symo_hessian_place(const symo_node *node, size_t i, size_t j);

/* Takes what the tangent buffers hold to pairs, and with q to next and slope. */
void symo_hessian_gather(const symo_hessian_job *job, const symo_node *p, const symo_node *q);

/* Adds the block (p, p), for all seeds of the batch. */
void symo_hessian_curve(const symo_hessian_job *job, const symo_node *p);

/* Adds the block (p, q) where only pointwise operations stand between, for all seeds of the batch.
 */
void symo_hessian_adjoin(const symo_hessian_job *job, const symo_node *p, const symo_node *q);

/* Adds the block (p, q) for any later q, for the seeds in the tangent buffers. */
void symo_hessian_couple(const symo_hessian_job *job, const symo_node *p, const symo_node *q);

#endif
