/* The examples of a network, and which of them count. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "experiments/net/graph.h"
#include "experiments/net/kernels.h"

static symo_status check_values(symo_net *net, const char *what, size_t examples, size_t width,
                                const double *values) {
  /* float32 rounds what is beyond its range to infinity. */
  const double limit = net->spec.dtype == SYMO_F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  for (size_t i = 0; i < examples * width; i++)
    if (!(values[i] >= -limit && values[i] <= limit))
      return symo_fail(net->context, SYMO_E_NONFINITE,
                       "network data: %s %zu of example %zu is not a finite %s (clean the data)",
                       what, i % width, i / width, symo_dtype_name(net->spec.dtype));
  return SYMO_OK;
}

static symo_status check_data(symo_net *net, size_t before, size_t examples, const double *x,
                              const double *y) {
  const size_t in = net->inputs, out = net->outputs;
  size_t count;
  if (examples == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network data: no examples (give at least one)");
  if (examples > SIZE_MAX - before ||
      !symo_mul_size(before + examples, (in > out ? in : out) * sizeof(double), &count))
    return symo_fail(net->context, SYMO_E_SIZE, "network data: %zu examples are too many",
                     examples);
  symo_status status = check_values(net, "input", examples, in, x);
  return status == SYMO_OK && y != x ? check_values(net, "target", examples, out, y) : status;
}

/* `before` rows of old, then `examples` rows of values; NULL when memory runs out. */
static void *join(symo_net *net, size_t before, const void *old, size_t examples, size_t width,
                  const double *values) {
  const symo_dtype dtype = net->spec.dtype;
  const size_t bytes = before * width * symo_dtype_size(dtype);
  char *all = symo_malloc(bytes + examples * width * symo_dtype_size(dtype));
  if (all == NULL) return NULL;
  if (bytes > 0) memcpy(all, old, bytes);
  symo_kernel_from_double(dtype, examples * width, values, all + bytes);
  return all;
}

/* Targets that are the inputs are kept once. */
static symo_status put(symo_net *net, size_t before, size_t examples, const double *x,
                       const double *y) {
  const bool same = y == x && (before == 0 || net->y == net->x);
  symo_status status = check_data(net, before, examples, x, y);
  if (status != SYMO_OK) return status;
  void *new_x = join(net, before, net->x, examples, net->inputs, x);
  void *new_y = same ? new_x : join(net, before, net->y, examples, net->outputs, y);
  if (new_x == NULL || new_y == NULL) {
    symo_free(new_x);
    if (!same) symo_free(new_y);
    return symo_fail_memory(net->context, "network data");
  }
  if (net->y != net->x) symo_free(net->y);
  symo_free(net->x);
  net->x = new_x, net->y = new_y;
  net->total = net->examples = before + examples;
  net->chosen = NULL;
  return SYMO_OK;
}

symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, 0, examples, x, y);
}

symo_status symo_net_add_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, net->total, examples, x, y);
}

/* The chunk's buffers are taken once, at the first selection. */
static symo_status take_buffers(symo_net *net) {
  if (net->batch_x != NULL) return SYMO_OK;
  const size_t bytes = net->sizes.rows * symo_dtype_size(net->spec.dtype);
  void *x = symo_malloc(bytes * net->inputs), *y = symo_malloc(bytes * net->outputs);
  if (x == NULL || y == NULL) {
    symo_free(x);
    symo_free(y);
    return symo_fail_memory(net->context, "network batch");
  }
  net->batch_x = x, net->batch_y = y;
  return SYMO_OK;
}

symo_status symo_net_select(symo_net *net, size_t count, const size_t *rows) {
  if (rows == NULL) {
    net->chosen = NULL, net->examples = net->total;
    return SYMO_OK;
  }
  if (count == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network batch: no examples (choose some)");
  for (size_t i = 0; i < count; i++)
    if (rows[i] >= net->total)
      return symo_fail(net->context, SYMO_E_SHAPE, "network batch: no example %zu (there are %zu)",
                       rows[i], net->total);
  symo_status status = take_buffers(net);
  if (status != SYMO_OK) return status;
  net->chosen = rows, net->examples = count;
  return SYMO_OK;
}

static void gather(const symo_net *net, const void *from, size_t width, const size_t *rows,
                   size_t n, void *to) {
  const size_t bytes = width * symo_dtype_size(net->spec.dtype);
  for (size_t r = 0; r < n; r++)
    memcpy((char *)to + r * bytes, (const char *)from + rows[r] * bytes, bytes);
}

void symo_net_chunk_data(symo_net *net, size_t first, size_t n, void **x, const void **y) {
  const symo_dtype dtype = net->spec.dtype;
  if (net->chosen == NULL) {
    *x = symo_at(dtype, net->x, (ptrdiff_t)(first * net->inputs));
    *y = symo_at(dtype, net->y, (ptrdiff_t)(first * net->outputs));
    return;
  }
  gather(net, net->x, net->inputs, net->chosen + first, n, net->batch_x);
  *x = net->batch_x, *y = net->batch_x;
  if (net->y == net->x) return;
  gather(net, net->y, net->outputs, net->chosen + first, n, net->batch_y);
  *y = net->batch_y;
}

/* ---- evaluation ---- */

static size_t largest(symo_dtype dtype, const void *row, size_t first, size_t width) {
  size_t best = 0;
  for (size_t i = 1; i < width; i++)
    if (symo_get(dtype, row, first + i) > symo_get(dtype, row, first + best)) best = i;
  return best;
}

symo_status symo_net_evaluate(symo_net *net, const void *theta, double *loss, double *accuracy) {
  symo_status status = symo_net_ready(net, theta, "network evaluation");
  if (status != SYMO_OK) return status;
  const symo_dtype dtype = net->spec.dtype;
  const symo_node *node = &net->nodes[net->num_nodes - 1];
  const bool classes = net->spec.loss == SYMO_LOSS_CROSS_ENTROPY;
  const size_t step = symo_net_chunk(net->examples, net->sizes.rows);
  double sum = 0.0, right = 0.0;
  for (size_t first = 0, n; first < net->examples; first += n) {
    n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, n);
    symo_net_forward(net, &pass, 0, true);
    sum += pass.loss;
    for (size_t r = 0, w = net->outputs; classes && r < n; r++)
      if (largest(dtype, pass.value[node->in[0]], r * w, w) ==
          largest(dtype, pass.targets, r * w, w))
        right += 1.0;
  }
  *loss = sum / (double)net->examples;
  if (accuracy != NULL) *accuracy = classes ? right / (double)net->examples : (double)NAN;
  return SYMO_OK;
}
