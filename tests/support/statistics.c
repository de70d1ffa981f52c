#include "tests/support/statistics.h"

#include <string.h>

#include "core/linalg.h"
#include "net/graph.h"
#include "net/kernels.h"

/* The rows of a chunk from [p, n, w] to [n, p, w] at `out`; `late`: each a step later, the first
 * zero. */
static void copy_rows(const symo_pass *pass, size_t positions, size_t width, bool late,
                      const void *from, double *out) {
  for (size_t p = 0; p < positions; p++)
    for (size_t r = 0; r < pass->n; r++) {
      double *row = out + (r * positions + p) * width;
      const size_t step = late ? p - 1 : p; /* not used for p = 0 */
      if (late && p == 0)
        memset(row, 0, width * sizeof *row);
      else
        symo_kernel_to_double(pass->dtype, width,
                              symo_at(pass->dtype, from, (ptrdiff_t)((step * pass->n + r) * width)),
                              row);
    }
}

/* Wh of a recurrent node meets what the node wrote a step before, and what left it is z, as the
 * node's input. */
static void copy_statistics(const symo_node *node, const symo_pass *pass, double *inputs,
                            double *deltas) {
  const bool recurrent = node->op == &symo_op_recurrent;
  const int read = recurrent ? node->out[0] : node->in[0];
  const int wrote = recurrent ? node->in[0] : node->out[0];
  copy_rows(pass, node->in_rows, node->in_width, recurrent, pass->value[read], inputs);
  copy_rows(pass, node->in_rows, node->out_width, false, pass->cot[wrote], deltas);
}

symo_status symo_test_statistics(symo_net *net, const void *theta, const double *labels,
                                 size_t index, double *inputs, double *deltas) {
  symo_status status = symo_net_ready(net, theta, "network statistics");
  if (status == SYMO_OK) status = symo_net_allocate_whole(net);
  if (status != SYMO_OK) return status;
  const symo_node *node = &net->nodes[net->weights[index]];
  const size_t step = symo_net_chunk(net->examples, net->sizes.rows);
  for (size_t first = 0, n; first < net->examples; first += n) {
    n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, n);
    if (labels != NULL) {
      status =
          symo_net_convert(net, SYMO_NET_TARGETS, n, labels + first * net->targets, net->labels);
      if (status != SYMO_OK) return status;
      pass.targets = net->labels;
    }
    symo_net_forward(net, &pass, 1, true);
    symo_net_backward(net, &pass);
    copy_statistics(node, &pass, inputs + first * node->in_rows * node->in_width,
                    deltas + first * node->in_rows * node->out_width);
  }
  return SYMO_OK;
}
