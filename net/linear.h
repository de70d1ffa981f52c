#ifndef SYMO_NET_LINEAR_H
#define SYMO_NET_LINEAR_H

#include "net/op.h"

/* The four functions of an operation y = L x without parameters, by its `apply` (L) and `adjoint`
 * (L'): both tangents are L and L' for every direction, and there are no second derivatives. */
void symo_linear_forward(const symo_node *node, symo_pass *pass, int order);
void symo_linear_backward(const symo_node *node, symo_pass *pass);
void symo_linear_tangent(const symo_node *node, size_t node_index, symo_pass *pass);
void symo_linear_backward_tangent(const symo_node *node, size_t node_index, symo_pass *pass);

/* Numbers of one position over k directions, [n, k, width], of what a node reads. */
size_t symo_linear_block(const symo_node *node, const symo_pass *pass, size_t k);

#endif
