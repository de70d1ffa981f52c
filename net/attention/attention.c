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
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "net/attention/attention_head.h"
#include "net/kernels.h"
#include "net/layer.h"

enum { BLOCK = SYMO_ATTENTION_BLOCK, STRIP = SYMO_ATTENTION_STRIP };

/* ---- forward ---- */

static void forward_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const void *in = pass->value[head.node->in[0]];
  const symo_mat query = symo_attention_part_of(&head, in, 1, 0);
  const symo_mat out = symo_attention_output_of(&head, pass->value[head.node->out[0]], 1);
  const size_t block = symo_attention_least(head.positions, BLOCK);
  symo_mat keys = symo_attention_reserve(&head, head.columns, head.keys);
  symo_mat values = symo_attention_reserve(&head, head.keys, head.columns);
  symo_mat q = symo_attention_reserve(&head, block, head.columns),
           o = symo_attention_reserve(&head, block, head.columns);
  void *lse = symo_attention_reserve_row(&head, block),
       *sum = symo_attention_reserve_row(&head, block);
  symo_attention_transpose(d, symo_attention_part_of(&head, in, 1, 1), keys);
  symo_attention_pack(d, 1.0, symo_attention_part_of(&head, in, 1, 2), values);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = symo_attention_least(head.positions - first, BLOCK);
    symo_mat s = symo_attention_reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, s.cols, s.cols, first, 0};
    s.rows = q.rows = o.rows = rows;
    symo_attention_pack(d, head.scale, symo_mat_rows(d, query, first, rows), q);
    symo_attention_scores(&at, q, keys, false, s);
    symo_attention_softmax(&at, s.p, lse, sum);
    symo_attention_save_lse(&head, first, rows, lse);
    symo_attention_drop_weights(&head, &at, s.p);
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
  const size_t block = symo_attention_least(head.positions, BLOCK), from = old->from;
  const symo_mat query = symo_attention_part_of(&head, in, 1, 0);
  const symo_mat keys = kept_part(&head, old, 0), values = kept_part(&head, old, 1);
  const symo_mat out = symo_attention_output_of(&head, head.pass->value[head.node->out[0]], 1);
  symo_attention_pack(d, 1.0, symo_attention_part_of(&head, in, 1, 1),
                      symo_mat_rows(d, keys, from, head.positions));
  symo_attention_pack(d, 1.0, symo_attention_part_of(&head, in, 1, 2),
                      symo_mat_rows(d, values, from, head.positions));
  symo_mat o = symo_attention_reserve(&head, block, head.columns);
  void *lse = symo_attention_reserve_row(&head, block),
       *sum = symo_attention_reserve_row(&head, block);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = symo_attention_least(head.positions - first, BLOCK),
                 seen = from + first + rows;
    const symo_mat q = symo_mat_rows(d, query, first, rows);
    const symo_mat k = symo_mat_rows(d, keys, 0, seen), v = symo_mat_rows(d, values, 0, seen);
    symo_mat s = symo_attention_reserve(&now, rows, seen);
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
  const size_t count = symo_attention_least(query + rows - key, STRIP);
  symo_mat p = symo_attention_reserve(&head, rows, count),
           s = symo_attention_reserve(&head, rows, count);
  const symo_attention_rows at = {head.dtype, rows, p.cols, p.cols, query, key};
  p.rows = s.rows = rows;
  symo_attention_scores(&at, f->q, f->keys, false, p);
  symo_attention_scores(&at, f->g, f->values, false, s);
  symo_attention_weights(&at, f->lse, p.p);
  symo_attention_drop_weights(&head, &at, s.p);
  symo_attention_slope(&at, p.p, f->r, s.p);
  symo_attention_drop_weights(&head, &at, p.p);
  symo_attention_collect(&at, p, f->g, f->value_sums);
  symo_attention_collect(&at, s, f->q, f->key_sums);
  symo_attention_mix(&at, s, f->rows, key > 0, f->q_sum);
}

static flow flow_of(attention_head *head, const void *in) {
  const size_t block = symo_attention_least(head->positions, BLOCK), keys = head->keys,
               columns = head->columns;
  flow f = {.keys = symo_attention_reserve(head, columns, keys),
            .rows = symo_attention_reserve(head, keys, columns),
            .values = symo_attention_reserve(head, columns, keys),
            .key_sums = symo_attention_reserve(head, keys, columns),
            .value_sums = symo_attention_reserve(head, keys, columns),
            .q = symo_attention_reserve(head, block, columns),
            .g = symo_attention_reserve(head, block, columns),
            .q_sum = symo_attention_reserve(head, block, columns),
            .lse = symo_attention_reserve_row(head, block),
            .r = symo_attention_reserve_row(head, block)};
  memset(f.key_sums.p, 0, keys * columns * symo_dtype_size(head->dtype));
  memset(f.value_sums.p, 0, keys * columns * symo_dtype_size(head->dtype));
  symo_attention_transpose(head->dtype, symo_attention_part_of(head, in, 1, 1), f.keys);
  symo_attention_pack(head->dtype, 1.0, symo_attention_part_of(head, in, 1, 1), f.rows);
  symo_attention_transpose(head->dtype, symo_attention_part_of(head, in, 1, 2), f.values);
  return f;
}

static void backward_head(attention_head head, const void *cot_out, void *cot_in, size_t k) {
  const symo_dtype d = head.dtype;
  attention_head base = head;
  base.direction = 0;
  const void *in = head.pass->value[head.node->in[0]];
  const symo_mat query = symo_attention_part_of(&base, in, 1, 0);
  const symo_mat out = symo_attention_output_of(&base, head.pass->value[head.node->out[0]], 1);
  const symo_mat cot = symo_attention_output_of(&head, cot_out, k);
  const symo_mat query_cot = symo_attention_part_of(&head, cot_in, k, 0);
  flow f = flow_of(&base, in);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    const size_t rows = symo_attention_least(head.positions - first, BLOCK);
    const symo_mat g = symo_mat_rows(d, cot, first, rows);
    f.q.rows = f.g.rows = f.q_sum.rows = rows;
    symo_attention_pack(d, head.scale, symo_mat_rows(d, query, first, rows), f.q);
    symo_attention_pack(d, 1.0, g, f.g);
    symo_attention_load_lse(&head, first, rows, f.lse);
    symo_attention_dots(d, g, symo_mat_rows(d, out, first, rows), f.r);
    for (size_t key = 0; key < first + rows; key += STRIP) strip(base, &f, first, rows, key);
    symo_attention_unpack(d, head.scale, NULL, f.q_sum, symo_mat_rows(d, query_cot, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, f.key_sums, symo_attention_part_of(&head, cot_in, k, 1));
  symo_attention_unpack(d, 1.0, NULL, f.value_sums, symo_attention_part_of(&head, cot_in, k, 2));
}

/* ---- the operation ---- */

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) forward_head(symo_attention_head_of(node, pass, e, h));
}

static void extend(const symo_node *node, symo_pass *pass, const symo_extent *old) {
  for (size_t h = 0; h < node->heads; h++)
    extend_head(symo_attention_head_of(node, pass, 0, h), old);
}

static void backward(const symo_node *node, symo_pass *pass) {
  void *to = pass->cot[node->in[0]];
  if (to == NULL) return;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++)
      backward_head(symo_attention_head_of(node, pass, e, h), pass->cot[node->out[0]], to, 1);
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
      attention_head head = symo_attention_head_of(node, pass, e, h);
      for (head.direction = 0; head.direction < pass->k; head.direction++)
        symo_attention_tangent_head(head);
    }
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  void *to = pass->ctan[node->in[0]];
  if (to == NULL) return;
  const bool curved = pass->tan[node->in[0]] != NULL && !pass->gauss_newton;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) {
      attention_head head = symo_attention_head_of(node, pass, e, h);
      for (head.direction = 0; head.direction < pass->k; head.direction++)
        if (curved)
          symo_attention_curve_head(head);
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
                                   .scratch = symo_attention_scratch};

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
