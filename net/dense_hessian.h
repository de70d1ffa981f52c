#ifndef SYMO_NET_DENSE_HESSIAN_H
#define SYMO_NET_DENSE_HESSIAN_H

#include "core/linalg.h"
#include "net/graph.h"

/* What dense_hessian.c, which makes the passes, and dense_blocks.c, which adds blocks, have in
 * common. */

/* A dense Hessian under way: the products for one layer p, a chunk of examples and a batch of seeds
 * at its output. */
typedef struct hessian_job {
  symo_net *net;
  symo_dtype dtype;
  size_t n;           /* examples in the chunk */
  bool first;         /* of the chunks: write instead of add */
  size_t base, batch; /* seeds [base, base + batch) of the layer are in hand */
  size_t turn;        /* batches before this one, of all layers */
  size_t seed, k;     /* of these, seeds [seed, seed + k) are in the tangent buffers */
  double *hessian;
  /* Workspace.  pairs [n, pairs of the batch]: C_p; next [n, batch out_q] and slope [n, batch]: C_q
   * and the diagonal of T_q for the layer that follows; input_p, input_q [n, in + 1]; of each
   * worker, `apart` numbers behind those of the one before, panel and product. */
  size_t apart;
  void *pairs, *next, *slope, *input_p, *input_q, *panel, *product;
} hessian_job;

/* The panels of one product, for p and, where there is one, q. */
typedef struct panel_job {
  const hessian_job *j;
  const symo_node *p, *q;
  size_t step; /* what `size` is cut into */
} panel_job;

static inline size_t width_of(const symo_node *node) {
  return node->in_width + (node->has_bias ? 1 : 0);
}

/* out[r, :] = x[r, :] followed by 1 when `one`. */
void symo_dense_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out);

/* The derivatives of the tangent buffers to their places: pairs and, where there is a q next to p,
 * next and slope. */
void symo_dense_gather(const hessian_job *j, const symo_node *p, const symo_node *q);

/* The block of p, that of p and the q next to it, and that of p and any later q. */
void symo_dense_own_block(const hessian_job *j, const symo_node *p);
void symo_dense_next_block(const hessian_job *j, const symo_node *p, const symo_node *q);
void symo_dense_later_block(const hessian_job *j, const symo_node *p, const symo_node *q);

#endif
