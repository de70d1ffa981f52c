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

static const char *const part_name[] = {[SYMO_NET_INPUTS] = "input", [SYMO_NET_TARGETS] = "target"};

static size_t part_width(const symo_net *net, symo_net_part part) {
  return part == SYMO_NET_TARGETS ? net->targets : net->inputs;
}

/* Bytes of one number of the data. */
static size_t part_size(const symo_net *net, symo_net_part part) {
  return net->tokens[part] ? sizeof(uint32_t) : symo_dtype_size(net->spec.dtype);
}

static symo_status check_values(symo_net *net, symo_net_part part, size_t examples,
                                const double *values) {
  const size_t width = part_width(net, part);
  /* float32 rounds what is beyond its range to infinity. */
  const double limit = net->spec.dtype == SYMO_F32 ? 3.4028234663852886e38 : 1.7976931348623157e308;
  for (size_t i = 0; i < examples * width; i++)
    if (!(values[i] >= -limit && values[i] <= limit))
      return symo_fail(net->context, SYMO_E_NONFINITE,
                       "network data: %s %zu of example %zu is not a finite %s (clean the data)",
                       part_name[part], i % width, i / width, symo_dtype_name(net->spec.dtype));
  return SYMO_OK;
}

static symo_status refuse_token(symo_net *net, symo_net_part part, size_t i, double value) {
  const size_t width = part_width(net, part);
  return symo_fail(net->context, SYMO_E_ARGUMENT,
                   "network data: %s %zu of example %zu is %g, no token (use 0 to %zu)",
                   part_name[part], i % width, i / width, value,
                   symo_net_vocabulary(&net->spec) - 1);
}

symo_status symo_net_convert(symo_net *net, symo_net_part part, size_t examples,
                             const double *values, void *out) {
  const size_t count = examples * part_width(net, part);
  const double most = (double)symo_net_vocabulary(&net->spec);
  uint32_t *ids = out;
  if (!net->tokens[part]) {
    symo_kernel_from_double(net->spec.dtype, count, values, out);
    return SYMO_OK;
  }
  for (size_t i = 0; i < count; i++) {
    if (!(values[i] >= 0.0 && values[i] < most && values[i] == floor(values[i])))
      return refuse_token(net, part, i, values[i]);
    ids[i] = (uint32_t)values[i];
  }
  return SYMO_OK;
}

static symo_status check_size(symo_net *net, size_t before, size_t examples) {
  const size_t in = net->inputs, out = net->targets;
  size_t count;
  if (examples == 0)
    return symo_fail(net->context, SYMO_E_SHAPE, "network data: no examples (give at least one)");
  if (examples > SIZE_MAX - before ||
      !symo_mul_size(before + examples, (in > out ? in : out) * sizeof(double), &count))
    return symo_fail(net->context, SYMO_E_SIZE, "network data: %zu %s are too many", examples,
                     symo_plural(examples, "example", "examples"));
  return SYMO_OK;
}

/* `before` rows of old, then `examples` rows of values. */
static symo_status join(symo_net *net, symo_net_part part, size_t before, const void *old,
                        size_t examples, const double *values, void **out) {
  const size_t row = part_width(net, part) * part_size(net, part);
  symo_status status = check_values(net, part, examples, values);
  if (status != SYMO_OK) return status;
  *out = symo_malloc((before + examples) * row);
  if (*out == NULL) return symo_fail_memory(net->context, "network data");
  if (before > 0) memcpy(*out, old, before * row);
  return symo_net_convert(net, part, examples, values, (char *)*out + before * row);
}

/* The data become x and y, with room for `examples` of them. */
static void replace(symo_net *net, size_t examples, void *x, void *y) {
  if (net->y != net->x) symo_free(net->y);
  symo_free(net->x);
  net->x = x, net->y = y;
  net->room = examples;
}

static void use_all(symo_net *net, size_t examples) {
  net->total = net->examples = examples;
  net->chosen = NULL;
}

/* Targets that are the inputs are kept once. */
static symo_status put(symo_net *net, size_t before, size_t examples, const double *x,
                       const double *y) {
  const bool same = y == x && net->tokens[SYMO_NET_INPUTS] == net->tokens[SYMO_NET_TARGETS] &&
                    (before == 0 || net->y == net->x);
  void *new_x = NULL, *new_y = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(check_size(net, before, examples));
  SYMO_TRY(join(net, SYMO_NET_INPUTS, before, net->x, examples, x, &new_x));
  if (!same) SYMO_TRY(join(net, SYMO_NET_TARGETS, before, net->y, examples, y, &new_y));
  replace(net, before + examples, new_x, same ? new_x : new_y);
  use_all(net, before + examples);
  return SYMO_OK;
fail:
  symo_free(new_x);
  symo_free(new_y);
  return status;
}

symo_status symo_net_set_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, 0, examples, x, y);
}

symo_status symo_net_add_data(symo_net *net, size_t examples, const double *x, const double *y) {
  return put(net, net->total, examples, x, y);
}

static symo_status check_ids(symo_net *net, symo_net_part part, size_t examples,
                             const uint32_t *ids) {
  const size_t count = examples * part_width(net, part), most = symo_net_vocabulary(&net->spec);
  for (size_t i = 0; i < count; i++)
    if (ids[i] >= most) return refuse_token(net, part, i, (double)ids[i]);
  return SYMO_OK;
}

symo_status symo_net_set_tokens(symo_net *net, size_t examples, const uint32_t *x,
                                const uint32_t *y) {
  const size_t bytes = examples * net->inputs * sizeof *x; /* of the targets too */
  symo_status status = SYMO_OK;
  if (!net->tokens[SYMO_NET_INPUTS] || !net->tokens[SYMO_NET_TARGETS])
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "network data: the network reads no tokens (use symo_net_set_data)");
  SYMO_TRY(check_size(net, 0, examples));
  SYMO_TRY(check_ids(net, SYMO_NET_INPUTS, examples, x));
  SYMO_TRY(check_ids(net, SYMO_NET_TARGETS, examples, y));
  if (examples > net->room || net->y == net->x) {
    void *new_x = symo_malloc(bytes), *new_y = symo_malloc(bytes);
    if (new_x == NULL || new_y == NULL) {
      symo_free(new_x), symo_free(new_y);
      return symo_fail_memory(net->context, "network data");
    }
    replace(net, examples, new_x, new_y);
  }
  memcpy(net->x, x, bytes);
  memcpy(net->y, y, bytes);
  use_all(net, examples);
fail:
  return status;
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

static void gather(size_t bytes, const void *from, const size_t *rows, size_t n, void *to) {
  for (size_t r = 0; r < n; r++)
    memcpy((char *)to + r * bytes, (const char *)from + rows[r] * bytes, bytes);
}

void symo_net_chunk_data(const symo_net *net, size_t first, size_t n, void *x_room, void *y_room,
                         void **x, const void **y) {
  const size_t x_row = net->inputs * part_size(net, SYMO_NET_INPUTS);
  const size_t y_row = net->targets * part_size(net, SYMO_NET_TARGETS);
  if (net->chosen == NULL) {
    *x = (char *)net->x + first * x_row;
    *y = (const char *)net->y + first * y_row;
    return;
  }
  gather(x_row, net->x, net->chosen + first, n, x_room);
  *x = x_room, *y = x_room;
  if (net->y == net->x) return;
  gather(y_row, net->y, net->chosen + first, n, y_room);
  *y = y_room;
}
