/* The next token of a text, position by position.
 *
 * At each position but in attention the network sees that position alone, and attention sees the
 * keys and values of those before, which it keeps.  All else has room for the ROWS positions that
 * are computed at a time.  Only the last position has logits. */
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/gpt.h"
#include "net/graph.h"
#include "net/kernels.h"

enum { ROWS = 64 };

struct symo_gpt_reader {
  const symo_net *net;
  const void *theta;
  size_t read;      /* positions of which keys and values are kept */
  uint32_t *tokens; /* [inputs]: theirs */
  void *value[SYMO_NET_MAX_BUFFERS], *scratch;
  void *kept[SYMO_NET_MAX_NODES]; /* of nodes that extend */
  void *memory;
};

/* ---- making ---- */

/* Positions that a buffer has room for; 0: no memory of its own. */
static void find_rows(const symo_net *net, size_t *rows) {
  const size_t most = net->inputs < ROWS ? net->inputs : ROWS;
  memset(rows, 0, net->num_buffers * sizeof *rows);
  for (size_t i = 0; i + 1 < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    const bool fork = node->op->nesting > 0; /* gives what it reads */
    for (size_t port = 0; port < SYMO_OP_PORTS && !fork; port++)
      if (node->out[port] >= 0) rows[node->out[port]] = most;
    if (node->saved[0] >= 0) rows[node->saved[0]] = most;
  }
  rows[net->nodes[net->num_nodes - 1].in[0]] = 1;
}

static size_t scratch_bytes(const symo_net *net) {
  size_t most = 0;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    const size_t here = node->op->scratch != NULL ? node->op->scratch(node, 0) : 0;
    if (here > most) most = here;
  }
  return symo_padded(most * symo_dtype_size(net->spec.dtype));
}

static size_t kept_bytes(const symo_net *net, size_t node) {
  if (net->nodes[node].op->extend == NULL) return 0;
  return symo_padded(2 * net->inputs * net->nodes[node].out_width *
                     symo_dtype_size(net->spec.dtype));
}

static void *at_byte(char *memory, size_t at) { return memory != NULL ? memory + at : NULL; }

/* Where everything lies from `memory` on; returns how many bytes that are.  NULL: only these. */
static size_t place(symo_gpt_reader *r, char *memory) {
  const symo_net *net = r->net;
  size_t rows[SYMO_NET_MAX_BUFFERS], at = scratch_bytes(net);
  find_rows(net, rows);
  r->scratch = memory;
  for (size_t b = 0; b < net->num_buffers; b++) {
    r->value[b] = at_byte(memory, at);
    at += symo_padded(rows[b] * net->widths[b] * symo_dtype_size(net->spec.dtype));
  }
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    r->kept[i] = at_byte(memory, at);
    at += kept_bytes(net, i);
    for (size_t port = 0; port < SYMO_OP_PORTS && node->op->nesting > 0; port++)
      r->value[node->out[port]] = r->value[node->in[0]];
  }
  return at;
}

static symo_status allocate(symo_gpt_reader *r) {
  r->tokens = symo_calloc(r->net->inputs, sizeof *r->tokens);
  r->memory = symo_malloc(place(r, NULL));
  if (r->tokens == NULL || r->memory == NULL)
    return symo_fail_memory(r->net->context, "gpt: reader");
  (void)place(r, r->memory);
  return SYMO_OK;
}

symo_status symo_gpt_reader_create(symo_net *net, const void *theta, symo_gpt_reader **out) {
  symo_gpt_spec gpt;
  if (!symo_gpt_of_net(&net->spec, &gpt))
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "gpt: the network is no GPT (use symo_net_predict)");
  if (!symo_all_finite(net->spec.dtype, net->parameters, theta))
    return symo_fail(net->context, SYMO_E_NONFINITE,
                     "gpt: the parameters hold NaN or infinity (train less boldly)");
  symo_gpt_reader *r = symo_calloc(1, sizeof *r);
  if (r == NULL) return symo_fail_memory(net->context, "gpt: reader");
  r->net = net, r->theta = theta;
  const symo_status status = allocate(r);
  if (status == SYMO_OK)
    *out = r;
  else
    symo_gpt_reader_destroy(r);
  return status;
}

void symo_gpt_reader_destroy(symo_gpt_reader *reader) {
  if (reader == NULL) return;
  symo_free(reader->tokens);
  symo_free(reader->memory);
  symo_free(reader);
}

/* ---- reading ---- */

/* The node for `count` positions; rows of the table of positions begin at its bias. */
static symo_node part_of(const symo_node *whole, size_t from, size_t count) {
  symo_node node = *whole;
  node.in_rows = node.out_rows = count;
  if (node.op->table) node.bias += from * node.out_width;
  return node;
}

static void *row_of(const symo_gpt_reader *r, int buffer, size_t row) {
  const size_t width = r->net->widths[buffer];
  return symo_at(r->net->spec.dtype, r->value[buffer], (ptrdiff_t)(row * width));
}

/* Positions [from, from + count), up to what the head reads. */
static void read_rows(symo_gpt_reader *r, size_t from, size_t count) {
  const symo_net *net = r->net;
  void *value[SYMO_NET_MAX_BUFFERS];
  symo_pass pass = {
      .dtype = net->spec.dtype, .n = 1, .scratch = r->scratch, .theta = r->theta, .value = value};
  memcpy(value, r->value, net->num_buffers * sizeof *value);
  value[0] = r->tokens + from;
  for (size_t i = 0; i + 2 < net->num_nodes; i++) {
    const symo_node node = part_of(&net->nodes[i], from, count);
    if (node.op->extend != NULL)
      node.op->extend(&node, &pass,
                      &(symo_extent){.from = from, .room = net->inputs, .kept = r->kept[i]});
    else
      node.op->forward(&node, &pass, 0);
  }
}

/* Logits of row `row` of what was computed last. */
static void read_logits(symo_gpt_reader *r, size_t row, double *out) {
  const symo_net *net = r->net;
  void *value[SYMO_NET_MAX_BUFFERS];
  const symo_node head = part_of(&net->nodes[net->num_nodes - 2], 0, 1);
  symo_pass pass = {.dtype = net->spec.dtype, .n = 1, .theta = r->theta, .value = value};
  value[head.in[0]] = row_of(r, head.in[0], row);
  value[head.out[0]] = r->value[head.out[0]];
  head.op->forward(&head, &pass, 0);
  symo_kernel_to_double(net->spec.dtype, head.out_width, value[head.out[0]], out);
}

static symo_status check_tokens(const symo_net *net, size_t length, const uint32_t *tokens) {
  const size_t vocabulary = symo_net_vocabulary(&net->spec);
  if (length < 1 || length > net->inputs)
    return symo_fail(net->context, SYMO_E_SHAPE, "gpt: %zu %s (use 1 to %zu)", length,
                     symo_plural(length, "token", "tokens"), net->inputs);
  for (size_t i = 0; i < length; i++)
    if (tokens[i] >= vocabulary)
      return symo_fail(net->context, SYMO_E_ARGUMENT, "gpt: %zu is no token (use 0 to %zu)",
                       (size_t)tokens[i], vocabulary - 1);
  return SYMO_OK;
}

/* The last position is always computed: what the head reads is not kept. */
symo_status symo_gpt_next(symo_gpt_reader *reader, size_t length, const uint32_t *tokens,
                          double *out) {
  const symo_status status = check_tokens(reader->net, length, tokens);
  if (status != SYMO_OK) return status;
  size_t at = 0, count = 0;
  while (at + 1 < length && at < reader->read && reader->tokens[at] == tokens[at]) at++;
  memcpy(reader->tokens, tokens, length * sizeof *tokens);
  for (; at < length; at += count) {
    count = length - at < ROWS ? length - at : ROWS;
    read_rows(reader, at, count);
  }
  reader->read = length;
  read_logits(reader, count - 1, out);
  return SYMO_OK;
}
