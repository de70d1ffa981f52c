/* The pointwise operation y = phi(z).  With phi' and phi'' saved by forward:
 *
 *   backward           z^ = phi'(z) y^
 *   tangent            Rz -> Ry = phi'(z) Rz
 *   backward tangent   Rz^ = phi'(z) Ry^ + phi''(z) y^ Rz
 * and without the last term for the Gauss-Newton product. */
#include "net/kernels.h"
#include "net/op.h"

static void forward(const symo_node *node, symo_pass *pass, int order) {
  symo_kernel_activation(pass->dtype, node->activation, pass->n * node->in_rows * node->in_width,
                         pass->value[node->in[0]], pass->value[node->out[0]],
                         order >= 1 ? pass->value[node->saved[0]] : NULL,
                         order >= 2 ? pass->value[node->saved[1]] : NULL);
}

static void backward(const symo_node *node, symo_pass *pass) {
  if (pass->cot[node->in[0]] == NULL) return;
  symo_kernel_scale(pass->dtype, pass->n * node->in_rows, 1, node->in_width,
                    pass->value[node->saved[0]], pass->cot[node->out[0]], pass->cot[node->in[0]]);
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  symo_kernel_scale(pass->dtype, pass->n * node->in_rows, pass->k, node->in_width,
                    pass->value[node->saved[0]], pass->tan[node->in[0]], pass->tan[node->out[0]]);
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  void *out = pass->ctan[node->in[0]];
  const void *t = pass->tan[node->in[0]];
  if (out == NULL) return;
  symo_kernel_scale(pass->dtype, pass->n * node->in_rows, pass->k, node->in_width,
                    pass->value[node->saved[0]], pass->ctan[node->out[0]], out);
  if (t == NULL || pass->gauss_newton) return;
  symo_kernel_curve(pass->dtype, pass->n * node->in_rows, pass->k, node->in_width,
                    pass->value[node->saved[1]], pass->cot[node->out[0]], t, out);
}

const symo_op symo_op_activation = {.name = "activation",
                                    .leaves_in = true,
                                    .in_place = true,
                                    .forward = forward,
                                    .backward = backward,
                                    .tangent = tangent,
                                    .backward_tangent = backward_tangent};
