/* The two losses, per example, of outputs f and targets y.
 *
 *   mse            l = |f - y|^2 / 2                f^ = f - y       R f^ = R f
 *   cross-entropy  l = -sum_k y_k log p_k           f^ = s p - y     R f^ = s (p Rf - p (p' Rf))
 * with p = softmax(f) and s = sum_k y_k (1 for a distribution).  log p_k = f_k - max - log sum
 * exp(f - max) never overflows.  Both are convex in f, so the Gauss-Newton product takes the same R
 * f^. */
#include "core/linalg.h"
#include "net/kernels.h"
#include "net/op.h"

#include <string.h>

static void mse_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  pass->loss += 0.5 * symo_kernel_residual(pass->dtype, pass->n * node->in_width,
                                           pass->value[node->in[0]], pass->targets, NULL);
}

static void mse_backward(const symo_node *node, symo_pass *pass) {
  (void)symo_kernel_residual(pass->dtype, pass->n * node->in_width, pass->value[node->in[0]],
                             pass->targets, pass->cot[node->in[0]]);
}

/* The seed of a tangent pass may be a buffer that no tangent reaches, but never for the last one.
 */
static void mse_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  memcpy(pass->ctan[node->in[0]], pass->tan[node->in[0]],
         pass->n * pass->k * node->in_width * symo_dtype_size(pass->dtype));
}

static void entropy_forward(const symo_node *node, symo_pass *pass, int order) {
  pass->loss += symo_kernel_softmax(pass->dtype, pass->n, node->in_width, pass->value[node->in[0]],
                                    pass->targets, order >= 1 ? pass->value[node->saved[0]] : NULL);
}

static void entropy_backward(const symo_node *node, symo_pass *pass) {
  (void)symo_kernel_residual(pass->dtype, pass->n * node->in_width, pass->value[node->saved[0]],
                             pass->targets, pass->cot[node->in[0]]);
}

static void entropy_backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  symo_kernel_softmax_curve(pass->dtype, pass->n, pass->k, node->in_width,
                            pass->value[node->saved[0]], pass->tan[node->in[0]],
                            pass->ctan[node->in[0]]);
}

/* Nothing follows a loss, so it has no tangent to pass on. */
static void no_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)node, (void)index, (void)pass;
}

const symo_op symo_op_mse = {.name = "mse",
                             .is_loss = true,
                             .forward = mse_forward,
                             .backward = mse_backward,
                             .tangent = no_tangent,
                             .backward_tangent = mse_backward_tangent};

const symo_op symo_op_cross_entropy = {.name = "cross-entropy",
                                       .is_loss = true,
                                       .forward = entropy_forward,
                                       .backward = entropy_backward,
                                       .tangent = no_tangent,
                                       .backward_tangent = entropy_backward_tangent};
