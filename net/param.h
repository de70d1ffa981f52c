#ifndef SYMO_NET_PARAM_H
#define SYMO_NET_PARAM_H

#include "core/linalg.h"
#include "net/op.h"

/* The parameters of a node, a weight [weight_rows, weight_columns] and perhaps a bias
 * [weight_rows], in theta, in gradients and in packed blocks. */

/* The weight in a flat vector over all parameters: theta or a gradient. */
symo_mat symo_param_weight(const symo_node *node, symo_dtype dtype, const void *flat);

/* The part of a packed block that belongs to the parameter at `offset`. */
void *symo_param_packed(const symo_pass *pass, const void *block, size_t offset);

/* Some direction is not zero on the node's parameters. */
bool symo_param_touched(const symo_pass *pass, size_t node_index);

/* The gradient of one example: g [out, in] = sum over `count` pairs of d a' (count 0: zero), or += it
 * with `add`; a [in] and d [out] are those of the first, and the next are pass->n rows further. */
void symo_param_pairs(const symo_pass *pass, size_t count, size_t in, size_t out, const void *a,
                      const void *d, bool add, void *g);

/* Row r of position p of a buffer of that width. */
void *symo_param_row(const symo_pass *pass, const void *buffer, size_t width, size_t p, size_t r);

/* The load and store slots. */
bool symo_param_load(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                     const void *v, void *rows, void *columns);
void symo_param_store(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                      double scale, const void *rows, const void *columns, void *hv);

#endif
