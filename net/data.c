/* The examples of a network, and which of them count. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/gpt.h"
#include "net/graph.h"
#include "net/kernels.h"

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

/* Numbers of tokens, below the vocabulary. */
static symo_status check_tokens(symo_net *net, const char *what, size_t examples, size_t width,
                                const double *values) {
  const size_t most = symo_net_vocabulary(&net->spec);
  for (size_t i = 0; i < examples * width; i++)
    if (!(values[i] >= 0.0 && values[i] < (double)most && values[i] == floor(values[i])))
      return symo_fail(net->context, SYMO_E_ARGUMENT,
                       "network data: %s %zu of example %zu is %g, no token (use 0 to %zu)", what,
                       i % width, i / width, values[i], most - 1);
  return SYMO_OK;
}

static symo_status check_part(symo_net *net, bool targets, size_t examples, const double *values) {
  const char *what = targets ? "target" : "input";
  const size_t width = targets ? net->targets : net->inputs;
  const bool tokens =
      targets ? net->spec.loss == SYMO_LOSS_TOKENS : symo_net_vocabulary(&net->spec) > 0;
  symo_status status = check_values(net, what, examples, width, values);
  return status == SYMO_OK && tokens ? check_tokens(net, what, examples, width, values) : status;
}

static symo_status check_data(symo_net *net, size_t before, size_t examples, const double *x,
                              const double *y) {
  const size_t in = net->inputs, out = net->targets;
  size_t count;
  if (examples == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network data: no examples (give at least one)");
  if (examples > SIZE_MAX - before ||
      !symo_mul_size(before + examples, (in > out ? in : out) * sizeof(double), &count))
    return symo_fail(net->context, SYMO_E_SIZE, "network data: %zu %s are too many", examples,
                     symo_plural(examples, "example", "examples"));
  symo_status status = check_part(net, false, examples, x);
  return status == SYMO_OK && y != x ? check_part(net, true, examples, y) : status;
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
  void *new_y = same ? new_x : join(net, before, net->y, examples, net->targets, y);
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

symo_status symo_net_replace_data(symo_net *net, size_t first, size_t count, const double *x,
                                  const double *y) {
  const symo_dtype dtype = net->spec.dtype;
  if (count > net->total || first > net->total - count)
    return symo_fail(net->context, SYMO_E_SHAPE,
                     "network data: no examples %zu to %zu (there are %zu)", first, first + count,
                     net->total);
  if (count == 0) return SYMO_OK;
  if (net->y == net->x && y != x)
    return symo_fail(net->context, SYMO_E_SHAPE,
                     "network data: the targets are the inputs (give the same array for both)");
  symo_status status = check_data(net, 0, count, x, y);
  if (status != SYMO_OK) return status;
  symo_kernel_from_double(dtype, count * net->inputs, x,
                          symo_at(dtype, net->x, (ptrdiff_t)(first * net->inputs)));
  if (net->y != net->x)
    symo_kernel_from_double(dtype, count * net->targets, y,
                            symo_at(dtype, net->y, (ptrdiff_t)(first * net->targets)));
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
  net->chosen = rows, net->examples = count;
  return SYMO_OK;
}

static void gather(const symo_net *net, const void *from, size_t width, const size_t *rows,
                   size_t n, void *to) {
  const size_t bytes = width * symo_dtype_size(net->spec.dtype);
  for (size_t r = 0; r < n; r++)
    memcpy((char *)to + r * bytes, (const char *)from + rows[r] * bytes, bytes);
}

void symo_net_chunk_data(const symo_net *net, size_t first, size_t n, void *x_room, void *y_room,
                         void **x, const void **y) {
  const symo_dtype dtype = net->spec.dtype;
  if (net->chosen == NULL) {
    *x = symo_at(dtype, net->x, (ptrdiff_t)(first * net->inputs));
    *y = symo_at(dtype, net->y, (ptrdiff_t)(first * net->targets));
    return;
  }
  gather(net, net->x, net->inputs, net->chosen + first, n, x_room);
  *x = x_room, *y = x_room;
  if (net->y == net->x) return;
  gather(net, net->y, net->targets, net->chosen + first, n, y_room);
  *y = y_room;
}
