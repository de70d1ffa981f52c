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

/* Which part of a product is zero or not wanted; the query of row 0 stands `offset` keys after the
 * key of column 0. */
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

/* to [16, ld] becomes the transpose of 16 numbers of each of 16 rows, which stand rs apart.  false:
 * the machine has no registers for it, and nothing is done. */
bool symo_attention_square(const float *x, ptrdiff_t rs, float *to, size_t ld);

/* Copies between strided rows, contiguous each, and workspace, times scale.  pack: where `to` is
 * larger than `from` it becomes zero.  transpose: the same, `to` being the transpose of `from`.
 * unpack: `from` may be larger; row i is divided by over[i] too, unless that is NULL. */
void symo_attention_pack(symo_dtype dtype, double scale, symo_mat from, symo_mat to);
void symo_attention_transpose(symo_dtype dtype, symo_mat from, symo_mat to);
void symo_attention_unpack(symo_dtype dtype, double scale, const void *over, symo_mat from,
                           symo_mat to);

/* out[i] = sum of a b over row i. */
void symo_attention_dots(symo_dtype dtype, symo_mat a, symo_mat b, void *out);

/* Arrays of scores [rows, columns] from key `key` on.  Query i = query + row sees the first
 * i - key + 1 columns; zeros are written beyond them.  One number for each row: lse, sum, r, rr.
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

/* The products of a block.  keys, values and sums have all keys; the block takes its columns from
 * `key` on.
 *   scores         s = q keys, or s += q keys
 *   mix            o = s values, or o += s values
 *   collect        sums += s' q */
void symo_attention_scores(const symo_attention_rows *at, symo_mat q, symo_mat keys, bool add,
                           symo_mat s);
void symo_attention_mix(const symo_attention_rows *at, symo_mat s, symo_mat values, bool add,
                        symo_mat o);
void symo_attention_collect(const symo_attention_rows *at, symo_mat s, symo_mat q, symo_mat sums);

void symo_attention_softmax(const symo_attention_rows *at, void *s, void *lse, void *sum);
void symo_attention_weights(const symo_attention_rows *at, const void *lse, void *s);
void symo_attention_slope(const symo_attention_rows *at, const void *p, const void *r, void *x);
void symo_attention_mean(const symo_attention_rows *at, const void *p, const void *x, void *sum);
void symo_attention_curve(const symo_attention_rows *at, const void *p, const void *rp,
                          const void *r, const void *rr, const void *x, void *rx);

/* Dropout of weights, or of derivatives by them: x = 0, or x / (1 - rate), by place alone. */
typedef struct symo_attention_dropout {
  uint64_t key;       /* of the seed, the node, the example and the head */
  uint32_t threshold; /* of 2^32 */
  double scale;
} symo_attention_dropout;
void symo_attention_drop(const symo_attention_dropout *drop, const symo_attention_rows *at,
                         void *x);

#endif
