/* One head of one example: its workspace, its rows in the network's buffers, and loops over them.
 *
 * Dropout: the entry (query, key) falls when a hash of the seed, the node's salt, the example, the
 * head, the query and the key is less than rate 2^32: SplitMix64's finaliser (Steele, Lea and Flood
 * 2014) for all but the key, MurmurHash3's (Appleby 2011) for that. */
#include "net/attention/attention.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"
#include "core/vector.h"

enum { LANES = SYMO_ATTENTION_LANES, ROWS = SYMO_ATTENTION_ROWS, BLOCK = SYMO_ATTENTION_BLOCK };

static size_t block_rows(size_t positions) {
  return symo_round_up(positions < BLOCK ? positions : BLOCK, LANES);
}

size_t symo_attention_numbers(const symo_node *node, size_t k) {
  const size_t keys = symo_round_up(node->in_rows, LANES), block = block_rows(node->in_rows);
  const size_t columns = symo_round_up(node->out_width / node->heads, LANES);
  if (k == 0) return LANES + 5 * keys * columns + block * (3 * columns + 2 * keys + 4);
  return LANES + 8 * keys * columns + block * (5 * columns + 4 * keys + 5);
}

static symo_attention_drop drop_of(const symo_node *node, const symo_pass *pass, size_t example,
                                   size_t head) {
  const uint64_t unit = symo_hash_join(symo_hash_mix(pass->seed), node->salt);
  const uint64_t key = symo_hash_join(symo_hash_join(unit, pass->first + example), head);
  return (symo_attention_drop){.key = key,
                               .threshold = (uint32_t)(node->rate * 4294967296.0),
                               .scale = 1.0 / (1.0 - node->rate)};
}

symo_attention_unit symo_attention_unit_of(const symo_node *node, const symo_pass *pass,
                                           size_t example, size_t head) {
  const size_t width = node->out_width / node->heads, bytes = symo_dtype_size(pass->dtype);
  const uintptr_t line = LANES * bytes;
  symo_attention_unit unit = {.node = node,
                              .pass = pass,
                              .dtype = pass->dtype,
                              .example = example,
                              .head = head,
                              .positions = node->in_rows,
                              .width = width,
                              .keys = symo_round_up(node->in_rows, LANES),
                              .columns = symo_round_up(width, LANES),
                              .scale = 1.0 / sqrt((double)width),
                              .dropping = pass->dropping && node->rate > 0.0};
  if (unit.dropping) unit.drop = drop_of(node, pass, example, head);
  unit.free = (void *)symo_round_up((uintptr_t)pass->scratch, line);
  return unit;
}

symo_mat symo_attention_take(symo_attention_unit *unit, size_t rows, size_t columns) {
  const size_t room = symo_round_up(rows, LANES) * symo_round_up(columns, LANES);
  symo_mat to =
      symo_mat_dense(unit->free, symo_round_up(rows, LANES), symo_round_up(columns, LANES));
  unit->free = symo_at(unit->dtype, unit->free, (ptrdiff_t)room);
  return to;
}

void *symo_attention_take_row(symo_attention_unit *unit, size_t rows) {
  void *row = unit->free;
  unit->free = symo_at(unit->dtype, row, (ptrdiff_t)symo_round_up(rows, LANES));
  return row;
}

static symo_mat view(const symo_attention_unit *unit, const void *buffer, size_t k, size_t width,
                     size_t first) {
  const size_t at = (unit->example * k + unit->direction) * width + first;
  return (symo_mat){symo_at(unit->dtype, buffer, (ptrdiff_t)at), unit->positions, unit->width,
                    (ptrdiff_t)(unit->pass->n * k * width), 1};
}

symo_mat symo_attention_part(const symo_attention_unit *unit, const void *buffer, size_t k,
                             size_t part) {
  const symo_node *node = unit->node;
  return view(unit, buffer, k, node->in_width, part * node->out_width + unit->head * unit->width);
}

symo_mat symo_attention_out(const symo_attention_unit *unit, const void *buffer, size_t k) {
  return view(unit, buffer, k, unit->node->out_width, unit->head * unit->width);
}

/* The log-sum-exp of a head stands at every position of every example. */
static symo_mat kept(const symo_attention_unit *unit, size_t first, size_t rows) {
  const size_t heads = unit->node->heads, step = unit->pass->n * heads;
  const size_t at = first * step + unit->example * heads + unit->head;
  void *buffer = unit->pass->value[unit->node->saved[0]];
  return (symo_mat){symo_at(unit->dtype, buffer, (ptrdiff_t)at), rows, 1, (ptrdiff_t)step, 1};
}

void symo_attention_load(const symo_attention_unit *unit, size_t first, size_t rows, void *lse) {
  symo_attention_pack(unit->dtype, 1.0, kept(unit, first, rows), symo_mat_dense(lse, rows, 1));
}

void symo_attention_keep(const symo_attention_unit *unit, size_t first, size_t rows, void *lse) {
  symo_attention_unpack(unit->dtype, 1.0, NULL, symo_mat_dense(lse, rows, 1),
                        kept(unit, first, rows));
}

/* ---- dropout ---- */

static inline uint32_t hash(uint32_t a, uint32_t b, uint32_t key) {
  uint32_t x = key * UINT32_C(0x9e3779b1) + a;
  x = (x ^ (x >> 16)) * UINT32_C(0x85ebca6b);
  x = ((x ^ (x >> 13)) + b) * UINT32_C(0xc2b2ae35);
  return x ^ (x >> 16);
}

#define SYMO_KERNELS "net/attention/attention_unit.inc"
#include "core/real.h"

void symo_attention_drop_rows(const symo_attention_unit *unit, const symo_attention_rows *at,
                              void *x) {
  if (!unit->dropping) return;
  const symo_attention_drop *drop = &unit->drop;
  for (size_t i = 0; i < at->rows; i++) {
    const uint64_t row = symo_hash_join(drop->key, at->query + i);
    void *to = symo_at(at->dtype, x, (ptrdiff_t)(i * at->ld));
    const size_t count = symo_attention_seen(at, i);
    SYMO_BY_TYPE(at->dtype, drop, row, drop->threshold, drop->scale, at->key, count, to);
  }
}
