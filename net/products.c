/* Products of the Hessian, the Gauss-Newton and the Fisher matrix with blocks of directions, and the
 * problem that a network is. */
#include <string.h>

#include "core/linalg.h"
#include "net/graph.h"
#include "net/kernels.h"

size_t symo_net_load(symo_net *net, size_t k, const void *v, void *pack[4]) {
  const size_t size = k * net->parameters;
  size_t first = net->num_nodes;
  for (int i = 0; i < 4; i++) pack[i] = symo_at(net->spec.dtype, net->packs, i * (ptrdiff_t)size);
  memset(pack[2], 0, 2 * size * symo_dtype_size(net->spec.dtype));
  memset(net->touched, 0, sizeof net->touched);
  for (size_t i = net->num_nodes; i-- > 0;) {
    const symo_node *node = &net->nodes[i];
    if (node->op->load == NULL) continue;
    net->touched[i] =
        node->op->load(node, net->spec.dtype, k, net->parameters, v, pack[0], pack[1]);
    if (net->touched[i]) first = i;
  }
  return first;
}

size_t symo_net_product_chunk(const symo_net *net, const void *theta, size_t k) {
  const size_t rows = net->sizes.product_rows / k;
  if (symo_net_holds(net, theta)) return net->examples;
  size_t first, own = symo_net_own_examples(net, &first);
  return symo_net_chunk(own, rows < net->sizes.rows ? rows : net->sizes.rows);
}

size_t symo_net_product_block(const symo_net *net, const void *theta) {
  const size_t most = net->sizes.direction_rows / net->examples;
  return symo_net_holds(net, theta) && most < net->sizes.block ? most : net->sizes.block;
}

/* The way back of a product with the empirical Fisher matrix, whose second derivative of a loss by
 * the outputs is c c', c their cotangent. */
static void backward_scores(symo_net *net, symo_pass *pass, void *scores) {
  const symo_node *loss = &net->nodes[net->num_nodes - 1];
  const int at = loss->in[0];
  loss->op->backward(loss, pass);
  symo_kernel_score(pass->dtype, loss->in_rows, pass->n, pass->k, loss->in_width, pass->cot[at],
                    pass->tan[at], pass->n, 0, scores);
  symo_kernel_unscore(pass->dtype, loss->in_rows, pass->n, pass->k, loss->in_width, pass->cot[at],
                      pass->n, 0, scores, pass->ctan[at]);
  symo_net_back_from_outputs(net, pass);
}

static void product_block(symo_net *net, const void *theta, size_t k, symo_problem_matrix matrix,
                          const void *v, void *hv) {
  const bool hessian = matrix == SYMO_MATRIX_HESSIAN;
  const symo_dtype dtype = net->spec.dtype;
  void *pack[4];
  size_t first = symo_net_load(net, k, v, pack);
  const size_t step = symo_net_product_chunk(net, theta, k);
  size_t at, own = symo_net_own_examples(net, &at);
  const size_t end = at + own;
  for (; at < end && first < net->num_nodes; at += step) {
    size_t n = end - at < step ? end - at : step;
    symo_pass pass = symo_net_pass(net, theta, at, n);
    pass.k = k, pass.gauss_newton = !hessian, pass.touched = net->touched;
    pass.v_rows = pack[0], pass.v_columns = pack[1], pass.hv_rows = pack[2];
    pass.hv_columns = pack[3];
    symo_net_values(net, &pass, hessian ? 2 : 1, hessian);
    symo_net_tangent(net, &pass, first, false);
    if (matrix == SYMO_MATRIX_FISHER)
      backward_scores(net, &pass, net->scores);
    else
      symo_net_backward_tangent(net, &pass, 0);
  }
  for (size_t i = 0; i < net->num_nodes; i++)
    if (net->nodes[i].op->store != NULL)
      net->nodes[i].op->store(&net->nodes[i], dtype, k, net->parameters,
                              1.0 / (double)net->examples, pack[2], hessian ? pack[3] : NULL, hv);
}

static symo_status products(symo_net *net, const void *theta, size_t k, symo_problem_matrix matrix,
                            const void *v, void *hv) {
  static const char *const names[] = {"network hvp", "network ggn", "network fisher"};
  symo_status status = symo_net_ready(net, theta, names[matrix]);
  if (status == SYMO_OK) status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  const symo_dtype dtype = net->spec.dtype;
  const size_t most = symo_net_product_block(net, theta);
  for (size_t first = 0; first < k; first += most) {
    size_t block = k - first < most ? k - first : most;
    ptrdiff_t offset = (ptrdiff_t)(first * net->parameters);
    product_block(net, theta, block, matrix, symo_at(dtype, v, offset), symo_at(dtype, hv, offset));
    symo_comm_sum(net->comm, dtype, block * net->parameters, symo_at(dtype, hv, offset));
  }
  return SYMO_OK;
}

static symo_status slot_hvp(void *self, const void *theta, size_t k, const void *v, void *hv) {
  return products(self, theta, k, SYMO_MATRIX_HESSIAN, v, hv);
}

static symo_status slot_ggn(void *self, const void *theta, size_t k, const void *v, void *gv) {
  return products(self, theta, k, SYMO_MATRIX_GGN, v, gv);
}

static symo_status slot_fisher(void *self, const void *theta, size_t k, const void *v, void *fv) {
  return products(self, theta, k, SYMO_MATRIX_FISHER, v, fv);
}

symo_problem symo_net_problem(symo_net *net) {
  const bool rows = net->spec.loss != SYMO_LOSS_TOKENS, single = symo_net_has_examples(net);
  return (symo_problem){.name = "network",
                        .size = net->parameters,
                        .dtype = net->spec.dtype,
                        .self = net,
                        .loss = symo_net_loss,
                        .gradient = symo_net_gradient,
                        .hvp = slot_hvp,
                        .ggn = slot_ggn,
                        .hessian = net->plain ? symo_net_dense_hessian : NULL,
                        .num_sites = net->num_sites,
                        .sites = net->sites,
                        .factors = symo_net_take_factors,
                        .rows = rows ? symo_net_rows : NULL,
                        .row_residual = rows ? symo_net_row_residual : NULL,
                        .row_product = rows ? symo_net_row_product : NULL,
                        .row_transposed = rows ? symo_net_row_transposed : NULL,
                        .examples = single ? symo_net_examples : NULL,
                        .example_gradients = single ? symo_net_example_gradients : NULL,
                        .fisher = slot_fisher,
                        .example_product = symo_net_example_product,
                        .example_transposed = symo_net_example_transposed,
                        .sampled_gradient = symo_net_sampled_gradient,
                        .hold = symo_net_hold};
}
