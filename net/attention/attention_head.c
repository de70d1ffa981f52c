/* What one head of one example reads and writes, and its workspace. */
#include "net/attention/attention_head.h"

#include <math.h>

#include "core/alloc.h"
#include "core/hash.h"

enum { LANES = SYMO_ATTENTION_LANES, BLOCK = SYMO_ATTENTION_BLOCK };

size_t symo_attention_scratch(const symo_node *node, size_t k) {
  const size_t keys = symo_round_up(node->in_rows, LANES),
               block = symo_round_up(symo_attention_least(node->in_rows, BLOCK), LANES);
  const size_t columns = symo_round_up(node->out_width / node->heads, LANES);
  if (k == 0) return LANES + 5 * keys * columns + block * (3 * columns + 2 * keys + 4);
  return LANES + 8 * keys * columns + block * (5 * columns + 4 * keys + 5);
}

static symo_attention_dropout drop_of(const symo_node *node, const symo_pass *pass, size_t example,
                                      size_t number) {
  const uint64_t place = symo_hash_join(symo_hash_mix(pass->seed), node->salt);
  const uint64_t key = symo_hash_join(symo_hash_join(place, pass->first + example), number);
  return (symo_attention_dropout){.key = key,
                                  .threshold = (uint32_t)(node->rate * 4294967296.0),
                                  .scale = 1.0 / (1.0 - node->rate)};
}

attention_head symo_attention_head_of(const symo_node *node, const symo_pass *pass, size_t example,
                                      size_t number) {
  const size_t width = node->out_width / node->heads, bytes = symo_dtype_size(pass->dtype);
  const uintptr_t line = LANES * bytes;
  attention_head head = {.node = node,
                         .pass = pass,
                         .dtype = pass->dtype,
                         .example = example,
                         .number = number,
                         .positions = node->in_rows,
                         .width = width,
                         .keys = symo_round_up(node->in_rows, LANES),
                         .columns = symo_round_up(width, LANES),
                         .scale = 1.0 / sqrt((double)width),
                         .dropping = pass->dropping && node->rate > 0.0};
  if (head.dropping) head.drop = drop_of(node, pass, example, number);
  head.free = (void *)symo_round_up((uintptr_t)pass->scratch, line);
  return head;
}

symo_mat symo_attention_reserve(attention_head *head, size_t rows, size_t columns) {
  const symo_mat to =
      symo_mat_dense(head->free, symo_round_up(rows, LANES), symo_round_up(columns, LANES));
  head->free = symo_at(head->dtype, head->free, (ptrdiff_t)(to.rows * to.cols));
  return to;
}

void *symo_attention_reserve_row(attention_head *head, size_t rows) {
  void *row = head->free;
  head->free = symo_at(head->dtype, row, (ptrdiff_t)symo_round_up(rows, LANES));
  return row;
}

static symo_mat view(const attention_head *head, const void *buffer, size_t k, size_t width,
                     size_t first) {
  const size_t at = (head->example * k + head->direction) * width + first;
  return (symo_mat){symo_at(head->dtype, buffer, (ptrdiff_t)at), head->positions, head->width,
                    (ptrdiff_t)(head->pass->n * k * width), 1};
}

symo_mat symo_attention_part_of(const attention_head *head, const void *buffer, size_t k,
                                size_t part) {
  const symo_node *node = head->node;
  return view(head, buffer, k, node->in_width, part * node->out_width + head->number * head->width);
}

symo_mat symo_attention_output_of(const attention_head *head, const void *buffer, size_t k) {
  return view(head, buffer, k, head->node->out_width, head->number * head->width);
}

/* The log-sum-exp of a head stands at every position of every example. */
static symo_mat kept(const attention_head *head, size_t first, size_t rows) {
  const size_t heads = head->node->heads, step = head->pass->n * heads;
  const size_t at = first * step + head->example * heads + head->number;
  void *buffer = head->pass->value[head->node->saved[0]];
  return (symo_mat){symo_at(head->dtype, buffer, (ptrdiff_t)at), rows, 1, (ptrdiff_t)step, 1};
}

void symo_attention_load_lse(const attention_head *head, size_t first, size_t rows, void *lse) {
  symo_attention_pack(head->dtype, 1.0, kept(head, first, rows), symo_mat_dense(lse, rows, 1));
}

void symo_attention_save_lse(const attention_head *head, size_t first, size_t rows, void *lse) {
  symo_attention_unpack(head->dtype, 1.0, NULL, symo_mat_dense(lse, rows, 1),
                        kept(head, first, rows));
}

void symo_attention_drop_weights(const attention_head *head, const symo_attention_rows *at,
                                 void *x) {
  if (head->dropping) symo_attention_drop(&head->drop, at, x);
}
