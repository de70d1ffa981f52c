#ifndef SYMO_NET_ATTENTION_ATTENTION_H
#define SYMO_NET_ATTENTION_ATTENTION_H

#include "core/linalg.h"
#include "net/op.h"

/* The inside of the attention operation: products with a triangle, and loops over rows of scores.
 * Shared by the files attention*.c only.
 *
 * All of it works on contiguous copies with room to spare: widths and leading dimensions are
 * multiples of SYMO_ATTENTION_LANES, there is room for as many more rows as make their number a
 * multiple of SYMO_ATTENTION_ROWS, and what stands there is zero in whatever is read as a factor.
 *
 * A row block has queries [first, first + rows) against the keys [0, first + rows) or a strip of
 * them.  Query i sees key j when j <= i. */
enum {
  SYMO_ATTENTION_LANES = 16,
  SYMO_ATTENTION_ROWS = 8,
  SYMO_ATTENTION_BLOCK = 64, /* queries in a row block */
  SYMO_ATTENTION_STRIP = 128 /* keys in a strip */
};

/* Which part of a product is nothing, with the query of row 0 standing `offset` keys after the key
 * of column 0. */
typedef enum symo_attention_shape {
  SYMO_ATTENTION_WHOLE,
  SYMO_ATTENTION_SCORES,  /* C [queries, keys]: not wanted at key > query */
  SYMO_ATTENTION_QUERIES, /* A [queries, keys]: zero at key > query */
  SYMO_ATTENTION_KEYS     /* A [keys, queries], a transposed block: zero at key > query */
} symo_attention_shape;

/* C = A B, or C += A B.  The rows of B and C are contiguous. */
void symo_attention_product(symo_dtype dtype, symo_attention_shape shape, ptrdiff_t offset,
                            symo_mat a, symo_mat b, bool add, symo_mat c);

/* The same by BLAS, whatever the machine. */
void symo_attention_blas(symo_dtype dtype, symo_attention_shape shape, ptrdiff_t offset, symo_mat a,
                         symo_mat b, bool add, symo_mat c);

/* Copies between strided rows, contiguous each, and workspace, times scale.  pack: where `to` is
 * larger than `from` it becomes zero; turn makes `to` the transpose.  unpack: `from` may be larger;
 * row i is divided by over[i] too, unless that is NULL. */
void symo_attention_pack(symo_dtype dtype, double scale, symo_mat from, symo_mat to);
void symo_attention_turn(symo_dtype dtype, symo_mat from, symo_mat to);
void symo_attention_unpack(symo_dtype dtype, double scale, const void *over, symo_mat from,
                           symo_mat to);

/* out[i] = sum of a b over row i. */
void symo_attention_dots(symo_dtype dtype, symo_mat a, symo_mat b, void *out);

/* Arrays of scores [rows, columns] from key `key` on: query i = query + row sees the first i - key +
 * 1 columns; what is written beyond them is zero.  Per row: lse, sum, r, rr.
 *   softmax        s -> e = exp(s - max), its sum, lse = log sum exp s
 *   weights        s -> P = exp(s - lse)
 *   slope          x -> P (x - r), the derivative of the softmax applied to x
 *   mean           sum += sum of P x
 *   curve          rx -> P (rx - rr) + RP (x - r), the derivative of that */
typedef struct symo_attention_rows {
  symo_dtype dtype;
  size_t rows, columns, ld; /* columns, ld: with room to spare */
  size_t query, key;
} symo_attention_rows;

/* How many columns row i sees. */
static inline size_t symo_attention_seen(const symo_attention_rows *at, size_t i) {
  const size_t end = at->query + i + 1;
  if (end <= at->key) return 0;
  return end - at->key < at->columns ? end - at->key : at->columns;
}

void symo_attention_softmax(const symo_attention_rows *at, void *s, void *lse, void *sum);
void symo_attention_weights(const symo_attention_rows *at, const void *lse, void *s);
void symo_attention_slope(const symo_attention_rows *at, const void *p, const void *r, void *x);
void symo_attention_mean(const symo_attention_rows *at, const void *p, const void *x, void *sum);
void symo_attention_curve(const symo_attention_rows *at, const void *p, const void *rp,
                          const void *r, const void *rr, const void *x, void *rx);

/* Dropout of attention weights: x = 0, or x / (1 - rate), by place alone. */
typedef struct symo_attention_drop {
  uint64_t key;       /* of the seed, the node, the example and the head */
  uint32_t threshold; /* of 2^32 */
  double scale;
} symo_attention_drop;

/* ---- units ---- */

/* One head of one example, and one direction of its tangents. */
typedef struct symo_attention_unit {
  const symo_node *node;
  const symo_pass *pass;
  symo_dtype dtype;
  size_t example, head, direction;
  size_t positions, width; /* of a head */
  size_t keys, columns;    /* both with room to spare */
  double scale;            /* of the scores */
  bool dropping;
  symo_attention_drop drop;
  void *free; /* workspace not yet taken */
} symo_attention_unit;

symo_attention_unit symo_attention_unit_of(const symo_node *node, const symo_pass *pass,
                                           size_t example, size_t head);

/* Workspace [rows, columns] with its room, and `rows` numbers of it; how many numbers any pass may
 * take together. */
symo_mat symo_attention_take(symo_attention_unit *unit, size_t rows, size_t columns);
void *symo_attention_take_row(symo_attention_unit *unit, size_t rows);
size_t symo_attention_numbers(const symo_node *node, size_t k);

/* Strided rows of a unit: part 0, 1, 2 = query, key, value of an input buffer, and the output's;
 * k is 1 for values and cotangents. */
symo_mat symo_attention_part(const symo_attention_unit *unit, const void *buffer, size_t k,
                             size_t part);
symo_mat symo_attention_out(const symo_attention_unit *unit, const void *buffer, size_t k);

/* The log-sum-exp of rows [first, first + rows), from and to what forward saves. */
void symo_attention_load(const symo_attention_unit *unit, size_t first, size_t rows, void *lse);
void symo_attention_keep(const symo_attention_unit *unit, size_t first, size_t rows, void *lse);

/* Applies the unit's dropout, if it is on, to weights or to derivatives by them. */
void symo_attention_drop_rows(const symo_attention_unit *unit, const symo_attention_rows *at,
                              void *x);

#endif
