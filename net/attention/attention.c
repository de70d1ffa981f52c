/* Causal self-attention with many heads (Vaswani et al. 2017, decoder side; GPT-2).  Per example
 * and head, with queries Q, keys K and values V, [positions, d] each:
 *
 *   S = Q K' / sqrt d,  P = softmax of row i over the keys j <= i,  A = m P,  O = A V
 * where m is 1, or under dropout 0 or 1 / (1 - rate).
 *
 *   backward           V^ = A' O^,   A^ = O^ V',   S^ = P (m A^ - r)
 *                      r_i = sum_j P m A^ = O^_i O_i
 *                      Q^ = S^ K / sqrt d,   K^ = S^' Q / sqrt d
 * and along a direction
 *   tangent            RS = (RQ K' + Q RK') / sqrt d,   RP = P (RS - sum_j P RS)
 *                      RO = m RP V + A RV
 *   backward tangent   RV^ = A' RO^ + (m RP)' O^,   RA^ = RO^ V' + O^ RV'
 *                      RS^ = P (m RA^ - Rr) + RP (m A^ - r),   Rr_i = sum_j P m RA^ + RP m A^
 *                      RQ^ = (RS^ K + S^ RK) / sqrt d,   RK^ = (RS^' Q + S^' RQ) / sqrt d
 * Gauss-Newton keeps what is linear in RO^, which is backward applied to it.
 *
 * No [positions, positions] array exists: queries go in blocks, and all passes but forward compute
 * P again from the scores and the log-sum-exp of a row that forward saves (Dao et al. 2022). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/hash.h"
#include "core/text.h"
#include "net/attention/attention.h"
#include "net/kernels.h"
#include "net/layer.h"

enum { LANES = SYMO_ATTENTION_LANES, BLOCK = SYMO_ATTENTION_BLOCK, STRIP = SYMO_ATTENTION_STRIP };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- heads ---- */

/* One head of one example, and one direction of its tangents. */
typedef struct attention_head {
  const symo_node *node;
  const symo_pass *pass;
  symo_dtype dtype;
  size_t example, number, direction;
  size_t positions, width; /* of the head */
  size_t keys, columns;    /* both with room to spare */
  double scale;            /* of the scores */
  bool dropping;
  symo_attention_dropout drop;
  void *free; /* workspace that is not reserved */
} attention_head;

/* How many numbers any pass reserves together. */
static size_t scratch_numbers(const symo_node *node, size_t k) {
  const size_t keys = symo_round_up(node->in_rows, LANES),
               block = symo_round_up(least(node->in_rows, BLOCK), LANES);
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

static attention_head head_of(const symo_node *node, const symo_pass *pass, size_t example,
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

/* Workspace [rows, columns] with its room; `rows` numbers of it. */
static symo_mat reserve(attention_head *head, size_t rows, size_t columns) {
  const symo_mat to =
      symo_mat_dense(head->free, symo_round_up(rows, LANES), symo_round_up(columns, LANES));
  head->free = symo_at(head->dtype, head->free, (ptrdiff_t)(to.rows * to.cols));
  return to;
}

static void *reserve_row(attention_head *head, size_t rows) {
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

/* Strided rows of a head: part 0, 1, 2 = query, key, value of an input buffer, and the output's; k
 * is 1 for values and cotangents. */
static symo_mat part_of(const attention_head *head, const void *buffer, size_t k, size_t part) {
  const symo_node *node = head->node;
  return view(head, buffer, k, node->in_width, part * node->out_width + head->number * head->width);
}

static symo_mat output_of(const attention_head *head, const void *buffer, size_t k) {
  return view(head, buffer, k, head->node->out_width, head->number * head->width);
}

/* The log-sum-exp of a head stands at every position of every example. */
static symo_mat kept(const attention_head *head, size_t first, size_t rows) {
  const size_t heads = head->node->heads, step = head->pass->n * heads;
  const size_t at = first * step + head->example * heads + head->number;
  void *buffer = head->pass->value[head->node->saved[0]];
  return (symo_mat){symo_at(head->dtype, buffer, (ptrdiff_t)at), rows, 1, (ptrdiff_t)step, 1};
}

/* The log-sum-exp of rows [first, first + rows), from and to what forward saves. */
static void load_lse(const attention_head *head, size_t first, size_t rows, void *lse) {
  symo_attention_pack(head->dtype, 1.0, kept(head, first, rows), symo_mat_dense(lse, rows, 1));
}

static void save_lse(const attention_head *head, size_t first, size_t rows, void *lse) {
  symo_attention_unpack(head->dtype, 1.0, NULL, symo_mat_dense(lse, rows, 1),
                        kept(head, first, rows));
}

static void drop(const attention_head *head, const symo_attention_rows *at, void *x) {
  if (head->dropping) symo_attention_drop(&head->drop, at, x);
}

/* ---- forward ---- */

static void forward_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const void *in = pass->value[head.node->in[0]];
  const symo_mat query = part_of(&head, in, 1, 0);
  const symo_mat out = output_of(&head, pass->value[head.node->out[0]], 1);
  const size_t block = least(head.positions, BLOCK);
  symo_mat keys = reserve(&head, head.columns, head.keys);
  symo_mat values = reserve(&head, head.keys, head.columns);
  symo_mat q = reserve(&head, block, head.columns), o = reserve(&head, block, head.columns);
  void *lse = reserve_row(&head, block), *sum = reserve_row(&head, block);
  symo_attention_transpose(d, part_of(&head, in, 1, 1), keys);
  symo_attention_pack(d, 1.0, part_of(&head, in, 1, 2), values);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = least(head.positions - first, BLOCK);
    symo_mat s = reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, s.cols, s.cols, first, 0};
    s.rows = q.rows = o.rows = rows;
    symo_attention_pack(d, head.scale, symo_mat_rows(d, query, first, rows), q);
    symo_attention_scores(&at, q, keys, false, s);
    symo_attention_softmax(&at, s.p, lse, sum);
    save_lse(&head, first, rows, lse);
    drop(&head, &at, s.p);
    symo_attention_mix(&at, s, values, false, o);
    symo_attention_unpack(d, 1.0, sum, o, symo_mat_rows(d, out, first, rows));
  }
}

/* Keys (part 0) or values of a head that extend keeps, one position behind the other: a gemv reads
 * them as they lie. */
static symo_mat kept_part(const attention_head *head, const symo_extent *old, size_t part) {
  const size_t at = (2 * head->number + part) * old->room * head->width;
  return symo_mat_dense(symo_at(head->dtype, old->kept, (ptrdiff_t)at), old->room, head->width);
}

static void extend_head(attention_head head, const symo_extent *old) {
  const symo_dtype d = head.dtype;
  const void *in = head.pass->value[head.node->in[0]];
  const size_t block = least(head.positions, BLOCK), from = old->from;
  const symo_mat query = part_of(&head, in, 1, 0);
  const symo_mat keys = kept_part(&head, old, 0), values = kept_part(&head, old, 1);
  const symo_mat out = output_of(&head, head.pass->value[head.node->out[0]], 1);
  symo_attention_pack(d, 1.0, part_of(&head, in, 1, 1),
                      symo_mat_rows(d, keys, from, head.positions));
  symo_attention_pack(d, 1.0, part_of(&head, in, 1, 2),
                      symo_mat_rows(d, values, from, head.positions));
  symo_mat o = reserve(&head, block, head.columns);
  void *lse = reserve_row(&head, block), *sum = reserve_row(&head, block);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = least(head.positions - first, BLOCK), seen = from + first + rows;
    const symo_mat q = symo_mat_rows(d, query, first, rows);
    const symo_mat k = symo_mat_rows(d, keys, 0, seen), v = symo_mat_rows(d, values, 0, seen);
    symo_mat s = reserve(&now, rows, seen);
    const symo_attention_rows at = {d, rows, s.cols, s.cols, from + first, 0};
    s.rows = o.rows = rows, s.cols = seen, o.cols = head.width;
    if (rows == 1)
      symo_gemv(d, head.scale, k, q.p, 0.0, s.p);
    else
      symo_gemm(d, head.scale, q, symo_mat_t(k), 0.0, s);
    symo_attention_softmax(&at, s.p, lse, sum);
    if (rows == 1)
      symo_gemv(d, 1.0, symo_mat_t(v), s.p, 0.0, o.p);
    else
      symo_gemm(d, 1.0, s, v, 0.0, o);
    symo_attention_unpack(d, 1.0, sum, o, symo_mat_rows(d, out, first, rows));
  }
}

/* ---- backward ---- */

/* Cotangents [k] of the output and of the input: those of the loss, k = 1, or their derivatives,
 * linear in them. */
typedef struct flow {
  symo_mat keys, rows, values;   /* K', K, V' */
  symo_mat key_sums, value_sums; /* K^, V^ */
  symo_mat q, g, q_sum;          /* Q / sqrt d, O^, Q^ of a block */
  void *lse, *r;
} flow;

/* What one strip of keys and one block of queries give each other. */
static void strip(attention_head head, const flow *f, size_t query, size_t rows, size_t key) {
  const size_t count = least(query + rows - key, STRIP);
  symo_mat p = reserve(&head, rows, count), s = reserve(&head, rows, count);
  const symo_attention_rows at = {head.dtype, rows, p.cols, p.cols, query, key};
  p.rows = s.rows = rows;
  symo_attention_scores(&at, f->q, f->keys, false, p);
  symo_attention_scores(&at, f->g, f->values, false, s);
  symo_attention_weights(&at, f->lse, p.p);
  drop(&head, &at, s.p);
  symo_attention_slope(&at, p.p, f->r, s.p);
  drop(&head, &at, p.p);
  symo_attention_collect(&at, p, f->g, f->value_sums);
  symo_attention_collect(&at, s, f->q, f->key_sums);
  symo_attention_mix(&at, s, f->rows, key > 0, f->q_sum);
}

static flow flow_of(attention_head *head, const void *in) {
  const size_t block = least(head->positions, BLOCK), keys = head->keys, columns = head->columns;
  flow f = {.keys = reserve(head, columns, keys),
            .rows = reserve(head, keys, columns),
            .values = reserve(head, columns, keys),
            .key_sums = reserve(head, keys, columns),
            .value_sums = reserve(head, keys, columns),
            .q = reserve(head, block, columns),
            .g = reserve(head, block, columns),
            .q_sum = reserve(head, block, columns),
            .lse = reserve_row(head, block),
            .r = reserve_row(head, block)};
  memset(f.key_sums.p, 0, keys * columns * symo_dtype_size(head->dtype));
  memset(f.value_sums.p, 0, keys * columns * symo_dtype_size(head->dtype));
  symo_attention_transpose(head->dtype, part_of(head, in, 1, 1), f.keys);
  symo_attention_pack(head->dtype, 1.0, part_of(head, in, 1, 1), f.rows);
  symo_attention_transpose(head->dtype, part_of(head, in, 1, 2), f.values);
  return f;
}

static void backward_head(attention_head head, const void *cot_out, void *cot_in, size_t k) {
  const symo_dtype d = head.dtype;
  attention_head base = head;
  base.direction = 0;
  const void *in = head.pass->value[head.node->in[0]];
  const symo_mat query = part_of(&base, in, 1, 0);
  const symo_mat out = output_of(&base, head.pass->value[head.node->out[0]], 1);
  const symo_mat cot = output_of(&head, cot_out, k);
  const symo_mat query_cot = part_of(&head, cot_in, k, 0);
  flow f = flow_of(&base, in);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    const size_t rows = least(head.positions - first, BLOCK);
    const symo_mat g = symo_mat_rows(d, cot, first, rows);
    f.q.rows = f.g.rows = f.q_sum.rows = rows;
    symo_attention_pack(d, head.scale, symo_mat_rows(d, query, first, rows), f.q);
    symo_attention_pack(d, 1.0, g, f.g);
    load_lse(&head, first, rows, f.lse);
    symo_attention_dots(d, g, symo_mat_rows(d, out, first, rows), f.r);
    for (size_t key = 0; key < first + rows; key += STRIP) strip(base, &f, first, rows, key);
    symo_attention_unpack(d, head.scale, NULL, f.q_sum, symo_mat_rows(d, query_cot, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, f.key_sums, part_of(&head, cot_in, k, 1));
  symo_attention_unpack(d, 1.0, NULL, f.value_sums, part_of(&head, cot_in, k, 2));
}

/* ---- derivatives along a direction ---- */

/* A row block takes all its keys at once, since the means over a row are needed before anything
 * else. */

/* Scores, P, RS and RP of a row block. */
typedef struct scores {
  symo_mat q, rq;       /* Q / sqrt d and its tangent, of the block */
  symo_mat keys, rkeys; /* K', RK' */
  void *lse, *mean;
} scores;

static scores scores_of(attention_head *head, const attention_head *base) {
  const size_t block = least(head->positions, BLOCK);
  const symo_node *node = head->node;
  const symo_pass *pass = head->pass;
  scores s = {.q = reserve(head, block, head->columns),
              .rq = reserve(head, block, head->columns),
              .keys = reserve(head, head->columns, head->keys),
              .rkeys = reserve(head, head->columns, head->keys),
              .lse = reserve_row(head, block),
              .mean = reserve_row(head, block)};
  symo_attention_transpose(head->dtype, part_of(base, pass->value[node->in[0]], 1, 1), s.keys);
  symo_attention_transpose(head->dtype, part_of(head, pass->tan[node->in[0]], pass->k, 1), s.rkeys);
  return s;
}

/* P in p and RP in rp, neither dropped. */
static void scores_block(const attention_head *head, const attention_head *base, scores *s,
                         const symo_attention_rows *at, symo_mat p, symo_mat rp) {
  const symo_dtype d = head->dtype;
  const symo_pass *pass = head->pass;
  const int in = head->node->in[0];
  const size_t first = at->query, rows = at->rows;
  s->q.rows = s->rq.rows = rows;
  symo_attention_pack(d, head->scale,
                      symo_mat_rows(d, part_of(base, pass->value[in], 1, 0), first, rows), s->q);
  symo_attention_pack(d, head->scale,
                      symo_mat_rows(d, part_of(head, pass->tan[in], pass->k, 0), first, rows),
                      s->rq);
  symo_attention_scores(at, s->q, s->keys, false, p);
  symo_attention_scores(at, s->rq, s->keys, false, rp);
  symo_attention_scores(at, s->q, s->rkeys, true, rp);
  load_lse(head, first, rows, s->lse);
  symo_attention_weights(at, s->lse, p.p);
  memset(s->mean, 0, rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, rp.p, s->mean);
  symo_attention_slope(at, p.p, s->mean, rp.p);
}

static void tangent_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const symo_node *node = head.node;
  const size_t block = least(head.positions, BLOCK);
  attention_head base = head;
  base.direction = 0;
  const symo_mat out = output_of(&head, pass->tan[node->out[0]], pass->k);
  scores s = scores_of(&head, &base);
  const symo_mat values = reserve(&head, head.keys, head.columns);
  const symo_mat rvalues = reserve(&head, head.keys, head.columns);
  symo_mat ro = reserve(&head, block, head.columns);
  symo_attention_pack(d, 1.0, part_of(&base, pass->value[node->in[0]], 1, 2), values);
  symo_attention_pack(d, 1.0, part_of(&head, pass->tan[node->in[0]], pass->k, 2), rvalues);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = least(head.positions - first, BLOCK);
    symo_mat p = reserve(&now, rows, first + rows), rp = reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = ro.rows = rows;
    scores_block(&head, &base, &s, &at, p, rp);
    drop(&head, &at, p.p);
    drop(&head, &at, rp.p);
    symo_attention_mix(&at, rp, values, false, ro);
    symo_attention_mix(&at, p, rvalues, true, ro);
    symo_attention_unpack(d, 1.0, NULL, ro, symo_mat_rows(d, out, first, rows));
  }
}

/* ---- second derivatives ---- */

typedef struct curve {
  symo_mat rows, rrows, values, rvalues; /* K, RK, V', RV' */
  symo_mat key_sums, value_sums, q_sum;  /* RK^, RV^, and RQ^ of a block */
  symo_mat g, rg;                        /* O^, RO^ of a block */
  void *r, *rr;
} curve;

static curve curve_of(attention_head *head, const attention_head *base) {
  const symo_dtype d = head->dtype;
  const size_t block = least(head->positions, BLOCK), keys = head->keys, columns = head->columns;
  const symo_pass *pass = head->pass;
  const void *value = pass->value[head->node->in[0]], *tan = pass->tan[head->node->in[0]];
  curve c = {.rows = reserve(head, keys, columns),
             .rrows = reserve(head, keys, columns),
             .values = reserve(head, columns, keys),
             .rvalues = reserve(head, columns, keys),
             .key_sums = reserve(head, keys, columns),
             .value_sums = reserve(head, keys, columns),
             .q_sum = reserve(head, block, columns),
             .g = reserve(head, block, columns),
             .rg = reserve(head, block, columns),
             .r = reserve_row(head, block),
             .rr = reserve_row(head, block)};
  memset(c.key_sums.p, 0, keys * columns * symo_dtype_size(d));
  memset(c.value_sums.p, 0, keys * columns * symo_dtype_size(d));
  symo_attention_pack(d, 1.0, part_of(base, value, 1, 1), c.rows);
  symo_attention_pack(d, 1.0, part_of(head, tan, pass->k, 1), c.rrows);
  symo_attention_transpose(d, part_of(base, value, 1, 2), c.values);
  symo_attention_transpose(d, part_of(head, tan, pass->k, 2), c.rvalues);
  return c;
}

/* A in p and RA in rp, S^ in s and RS^ in rs. */
static void curve_scores(const attention_head *head, const curve *c, const symo_attention_rows *at,
                         symo_mat p, symo_mat rp, symo_mat s, symo_mat rs) {
  const symo_dtype d = head->dtype;
  symo_attention_scores(at, c->g, c->values, false, s);
  symo_attention_scores(at, c->rg, c->values, false, rs);
  symo_attention_scores(at, c->g, c->rvalues, true, rs);
  drop(head, at, s.p);
  drop(head, at, rs.p);
  memset(c->r, 0, at->rows * symo_dtype_size(d));
  memset(c->rr, 0, at->rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, s.p, c->r);
  symo_attention_mean(at, p.p, rs.p, c->rr);
  symo_attention_mean(at, rp.p, s.p, c->rr);
  symo_attention_curve(at, p.p, rp.p, c->r, c->rr, s.p, rs.p);
  symo_attention_slope(at, p.p, c->r, s.p);
  drop(head, at, p.p);
  drop(head, at, rp.p);
}

static void curve_sums(const symo_attention_rows *at, const curve *c, const scores *of, symo_mat p,
                       symo_mat rp, symo_mat s, symo_mat rs) {
  symo_attention_collect(at, p, c->rg, c->value_sums);
  symo_attention_collect(at, rp, c->g, c->value_sums);
  symo_attention_collect(at, rs, of->q, c->key_sums);
  symo_attention_collect(at, s, of->rq, c->key_sums);
  symo_attention_mix(at, rs, c->rows, false, c->q_sum);
  symo_attention_mix(at, s, c->rrows, true, c->q_sum);
}

static void curve_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const int in = head.node->in[0], out = head.node->out[0];
  attention_head base = head;
  base.direction = 0;
  const symo_mat cot = output_of(&base, pass->cot[out], 1);
  const symo_mat ctan = output_of(&head, pass->ctan[out], pass->k);
  const symo_mat q_to = part_of(&head, pass->ctan[in], pass->k, 0);
  scores of = scores_of(&head, &base);
  curve c = curve_of(&head, &base);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = least(head.positions - first, BLOCK);
    symo_mat p = reserve(&now, rows, first + rows), rp = reserve(&now, rows, first + rows);
    symo_mat s = reserve(&now, rows, first + rows), rs = reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = s.rows = rs.rows = c.g.rows = c.rg.rows = c.q_sum.rows = rows;
    symo_attention_pack(d, 1.0, symo_mat_rows(d, cot, first, rows), c.g);
    symo_attention_pack(d, 1.0, symo_mat_rows(d, ctan, first, rows), c.rg);
    scores_block(&head, &base, &of, &at, p, rp);
    curve_scores(&head, &c, &at, p, rp, s, rs);
    curve_sums(&at, &c, &of, p, rp, s, rs);
    symo_attention_unpack(d, head.scale, NULL, c.q_sum, symo_mat_rows(d, q_to, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, c.key_sums, part_of(&head, pass->ctan[in], pass->k, 1));
  symo_attention_unpack(d, 1.0, NULL, c.value_sums, part_of(&head, pass->ctan[in], pass->k, 2));
}

/* ---- the operation ---- */

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) forward_head(head_of(node, pass, e, h));
}

static void extend(const symo_node *node, symo_pass *pass, const symo_extent *old) {
  for (size_t h = 0; h < node->heads; h++) extend_head(head_of(node, pass, 0, h), old);
}

static void backward(const symo_node *node, symo_pass *pass) {
  void *to = pass->cot[node->in[0]];
  if (to == NULL) return;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++)
      backward_head(head_of(node, pass, e, h), pass->cot[node->out[0]], to, 1);
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  if (pass->tan[node->in[0]] == NULL) {
    symo_kernel_spread(pass->dtype, node->out_rows * pass->n * pass->k * node->out_width, 1, NULL,
                       pass->tan[node->out[0]]);
    return;
  }
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) {
      attention_head head = head_of(node, pass, e, h);
      for (head.direction = 0; head.direction < pass->k; head.direction++) tangent_head(head);
    }
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  void *to = pass->ctan[node->in[0]];
  if (to == NULL) return;
  const bool curved = pass->tan[node->in[0]] != NULL && !pass->gauss_newton;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) {
      attention_head head = head_of(node, pass, e, h);
      for (head.direction = 0; head.direction < pass->k; head.direction++)
        if (curved)
          curve_head(head);
        else
          backward_head(head, pass->ctan[node->out[0]], to, pass->k);
    }
}

const symo_op symo_op_attention = {.name = "attention",
                                   .forward = forward,
                                   .backward = backward,
                                   .tangent = tangent,
                                   .backward_tangent = backward_tangent,
                                   .extend = extend,
                                   .scratch = scratch_numbers};

/* ---- the layer ---- */

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  if (!symo_walk_tokens(walk, why)) return false;
  if (layer->count == 0 || walk->now.features % layer->count != 0) {
    (void)snprintf(why, SYMO_NET_MAX_REASON, "%zu %s do not divide width %zu (use a divisor)",
                   layer->count, symo_plural(layer->count, "head", "heads"), walk->now.features);
    return false;
  }
  return symo_walk_room(walk, 3, why) && symo_walk_rate(layer->rate, why);
}

static double count(const symo_net_spec *spec, const symo_net_layer *layer,
                    const symo_net_shape *before) {
  (void)layer;
  const double in = (double)before->features;
  return 4.0 * in * (in + (spec->bias ? 1.0 : 0.0));
}

static void build(symo_net_builder *b, const symo_net_layer *layer) {
  const size_t positions = symo_build_positions(b), width = symo_build_width(b);
  symo_build_dense(b, 3 * width, b->net->spec.bias);
  symo_node *node = symo_build_node(b, &symo_op_attention, positions, width);
  node->heads = layer->count, node->rate = layer->rate;
  node->salt = (uint64_t)(node - b->net->nodes);
  node->saved[0] = symo_build_buffer(b, positions, layer->count, false);
  symo_build_dense(b, width, b->net->spec.bias);
}

const symo_layer symo_layer_attention = {
    .name = "attention", .shape = shape, .count = count, .build = build};
