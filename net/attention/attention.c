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
#include "net/attention/attention.h"
#include "net/kernels.h"
#include "net/layer.h"

enum { BLOCK = SYMO_ATTENTION_BLOCK, STRIP = SYMO_ATTENTION_STRIP };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- forward ---- */

static void forward_unit(symo_attention_unit unit) {
  const symo_dtype d = unit.dtype;
  const symo_pass *pass = unit.pass;
  const void *in = pass->value[unit.node->in[0]];
  const symo_mat query = symo_attention_part(&unit, in, 1, 0);
  const symo_mat out = symo_attention_out(&unit, pass->value[unit.node->out[0]], 1);
  const size_t block = least(unit.positions, BLOCK);
  symo_mat keys = symo_attention_take(&unit, unit.columns, unit.keys);
  symo_mat values = symo_attention_take(&unit, unit.keys, unit.columns);
  symo_mat q = symo_attention_take(&unit, block, unit.columns);
  symo_mat o = symo_attention_take(&unit, block, unit.columns);
  void *lse = symo_attention_take_row(&unit, block), *sum = symo_attention_take_row(&unit, block);
  symo_attention_turn(d, symo_attention_part(&unit, in, 1, 1), keys);
  symo_attention_pack(d, 1.0, symo_attention_part(&unit, in, 1, 2), values);
  for (size_t first = 0; first < unit.positions; first += BLOCK) {
    symo_attention_unit now = unit;
    const size_t rows = least(unit.positions - first, BLOCK);
    symo_mat s = symo_attention_take(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, s.cols, s.cols, first, 0};
    s.rows = q.rows = o.rows = rows;
    symo_attention_pack(d, unit.scale, symo_mat_rows(d, query, first, rows), q);
    symo_attention_product(d, SYMO_ATTENTION_SCORES, (ptrdiff_t)first, q,
                           symo_mat_cols(d, keys, 0, s.cols), false, s);
    symo_attention_softmax(&at, s.p, lse, sum);
    symo_attention_keep(&unit, first, rows, lse);
    symo_attention_drop_rows(&unit, &at, s.p);
    symo_attention_product(d, SYMO_ATTENTION_QUERIES, (ptrdiff_t)first, s,
                           symo_mat_rows(d, values, 0, s.cols), false, o);
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
static void strip(symo_attention_unit unit, const flow *f, size_t query, size_t rows, size_t key) {
  const symo_dtype d = unit.dtype;
  const ptrdiff_t offset = (ptrdiff_t)query - (ptrdiff_t)key;
  const size_t count = least(query + rows - key, STRIP);
  symo_mat p = symo_attention_take(&unit, rows, count), s = symo_attention_take(&unit, rows, count);
  const symo_attention_rows at = {d, rows, p.cols, p.cols, query, key};
  const size_t columns = p.cols;
  p.rows = s.rows = rows;
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, f->q,
                         symo_mat_cols(d, f->keys, key, columns), false, p);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, f->g,
                         symo_mat_cols(d, f->values, key, columns), false, s);
  symo_attention_weights(&at, f->lse, p.p);
  symo_attention_drop_rows(&unit, &at, s.p);
  symo_attention_slope(&at, p.p, f->r, s.p);
  symo_attention_drop_rows(&unit, &at, p.p);
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(p), f->g, true,
                         symo_mat_rows(d, f->value_sums, key, columns));
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(s), f->q, true,
                         symo_mat_rows(d, f->key_sums, key, columns));
  symo_attention_product(d, SYMO_ATTENTION_QUERIES, offset, s,
                         symo_mat_rows(d, f->rows, key, columns), key > 0, f->q_sum);
}

static flow flow_of(symo_attention_unit *unit, const void *in) {
  const size_t block = least(unit->positions, BLOCK), keys = unit->keys, columns = unit->columns;
  const size_t bytes = symo_dtype_size(unit->dtype);
  flow f = {.keys = symo_attention_take(unit, columns, keys),
            .rows = symo_attention_take(unit, keys, columns),
            .values = symo_attention_take(unit, columns, keys),
            .key_sums = symo_attention_take(unit, keys, columns),
            .value_sums = symo_attention_take(unit, keys, columns),
            .q = symo_attention_take(unit, block, columns),
            .g = symo_attention_take(unit, block, columns),
            .q_sum = symo_attention_take(unit, block, columns),
            .lse = symo_attention_take_row(unit, block),
            .r = symo_attention_take_row(unit, block)};
  memset(f.key_sums.p, 0, keys * columns * bytes);
  memset(f.value_sums.p, 0, keys * columns * bytes);
  symo_attention_turn(unit->dtype, symo_attention_part(unit, in, 1, 1), f.keys);
  symo_attention_pack(unit->dtype, 1.0, symo_attention_part(unit, in, 1, 1), f.rows);
  symo_attention_turn(unit->dtype, symo_attention_part(unit, in, 1, 2), f.values);
  return f;
}

static void backward_unit(symo_attention_unit unit, const void *cot_out, void *cot_in, size_t k) {
  const symo_dtype d = unit.dtype;
  symo_attention_unit base = unit;
  base.direction = 0;
  const void *in = unit.pass->value[unit.node->in[0]];
  const symo_mat query = symo_attention_part(&base, in, 1, 0);
  const symo_mat out = symo_attention_out(&base, unit.pass->value[unit.node->out[0]], 1);
  const symo_mat cot = symo_attention_out(&unit, cot_out, k);
  const symo_mat query_cot = symo_attention_part(&unit, cot_in, k, 0);
  flow f = flow_of(&base, in);
  for (size_t first = 0; first < unit.positions; first += BLOCK) {
    const size_t rows = least(unit.positions - first, BLOCK);
    const symo_mat g = symo_mat_rows(d, cot, first, rows);
    f.q.rows = f.g.rows = f.q_sum.rows = rows;
    symo_attention_pack(d, unit.scale, symo_mat_rows(d, query, first, rows), f.q);
    symo_attention_pack(d, 1.0, g, f.g);
    symo_attention_load(&unit, first, rows, f.lse);
    symo_attention_dots(d, g, symo_mat_rows(d, out, first, rows), f.r);
    for (size_t key = 0; key < first + rows; key += STRIP) strip(base, &f, first, rows, key);
    symo_attention_unpack(d, unit.scale, NULL, f.q_sum, symo_mat_rows(d, query_cot, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, f.key_sums, symo_attention_part(&unit, cot_in, k, 1));
  symo_attention_unpack(d, 1.0, NULL, f.value_sums, symo_attention_part(&unit, cot_in, k, 2));
}

/* Derivatives of attention along a direction; attention.c has the mathematics.  A row block takes
 * all its keys at once, since the means over a row are needed before anything else. */

/* Scores, P, RS and RP of a row block. */
typedef struct scores {
  symo_mat q, rq;       /* Q / sqrt d and its tangent, of the block */
  symo_mat keys, rkeys; /* K', RK' */
  void *lse, *mean;
} scores;

static scores scores_of(symo_attention_unit *unit, const symo_attention_unit *base) {
  const size_t block = least(unit->positions, BLOCK);
  const symo_node *node = unit->node;
  const symo_pass *pass = unit->pass;
  scores s = {.q = symo_attention_take(unit, block, unit->columns),
              .rq = symo_attention_take(unit, block, unit->columns),
              .keys = symo_attention_take(unit, unit->columns, unit->keys),
              .rkeys = symo_attention_take(unit, unit->columns, unit->keys),
              .lse = symo_attention_take_row(unit, block),
              .mean = symo_attention_take_row(unit, block)};
  symo_attention_turn(unit->dtype, symo_attention_part(base, pass->value[node->in[0]], 1, 1),
                      s.keys);
  symo_attention_turn(unit->dtype, symo_attention_part(unit, pass->tan[node->in[0]], pass->k, 1),
                      s.rkeys);
  return s;
}

/* P in p and RP in rp, neither dropped. */
static void scores_block(const symo_attention_unit *unit, const symo_attention_unit *base,
                         scores *s, const symo_attention_rows *at, symo_mat p, symo_mat rp) {
  const symo_dtype d = unit->dtype;
  const symo_pass *pass = unit->pass;
  const int in = unit->node->in[0];
  const size_t first = at->query, rows = at->rows;
  const ptrdiff_t offset = (ptrdiff_t)first;
  const symo_mat keys = symo_mat_cols(d, s->keys, 0, at->columns);
  s->q.rows = s->rq.rows = rows;
  symo_attention_pack(
      d, unit->scale,
      symo_mat_rows(d, symo_attention_part(base, pass->value[in], 1, 0), first, rows), s->q);
  symo_attention_pack(
      d, unit->scale,
      symo_mat_rows(d, symo_attention_part(unit, pass->tan[in], pass->k, 0), first, rows), s->rq);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, s->q, keys, false, p);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, s->rq, keys, false, rp);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, s->q,
                         symo_mat_cols(d, s->rkeys, 0, at->columns), true, rp);
  symo_attention_load(unit, first, rows, s->lse);
  symo_attention_weights(at, s->lse, p.p);
  memset(s->mean, 0, rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, rp.p, s->mean);
  symo_attention_slope(at, p.p, s->mean, rp.p);
}

static void tangent_unit(symo_attention_unit unit) {
  const symo_dtype d = unit.dtype;
  const symo_pass *pass = unit.pass;
  const symo_node *node = unit.node;
  const size_t block = least(unit.positions, BLOCK);
  symo_attention_unit base = unit;
  base.direction = 0;
  const symo_mat out = symo_attention_out(&unit, pass->tan[node->out[0]], pass->k);
  scores s = scores_of(&unit, &base);
  symo_mat values = symo_attention_take(&unit, unit.keys, unit.columns);
  symo_mat rvalues = symo_attention_take(&unit, unit.keys, unit.columns);
  symo_mat ro = symo_attention_take(&unit, block, unit.columns);
  symo_attention_pack(d, 1.0, symo_attention_part(&base, pass->value[node->in[0]], 1, 2), values);
  symo_attention_pack(d, 1.0, symo_attention_part(&unit, pass->tan[node->in[0]], pass->k, 2),
                      rvalues);
  for (size_t first = 0; first < unit.positions; first += BLOCK) {
    symo_attention_unit now = unit;
    const size_t rows = least(unit.positions - first, BLOCK);
    symo_mat p = symo_attention_take(&now, rows, first + rows);
    symo_mat rp = symo_attention_take(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = ro.rows = rows;
    scores_block(&unit, &base, &s, &at, p, rp);
    symo_attention_drop_rows(&unit, &at, p.p);
    symo_attention_drop_rows(&unit, &at, rp.p);
    symo_attention_product(d, SYMO_ATTENTION_QUERIES, (ptrdiff_t)first, rp,
                           symo_mat_rows(d, values, 0, p.cols), false, ro);
    symo_attention_product(d, SYMO_ATTENTION_QUERIES, (ptrdiff_t)first, p,
                           symo_mat_rows(d, rvalues, 0, p.cols), true, ro);
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

static curve curve_of(symo_attention_unit *unit, const symo_attention_unit *base) {
  const symo_dtype d = unit->dtype;
  const size_t block = least(unit->positions, BLOCK), keys = unit->keys, columns = unit->columns;
  const symo_pass *pass = unit->pass;
  const void *value = pass->value[unit->node->in[0]], *tan = pass->tan[unit->node->in[0]];
  curve c = {.rows = symo_attention_take(unit, keys, columns),
             .rrows = symo_attention_take(unit, keys, columns),
             .values = symo_attention_take(unit, columns, keys),
             .rvalues = symo_attention_take(unit, columns, keys),
             .key_sums = symo_attention_take(unit, keys, columns),
             .value_sums = symo_attention_take(unit, keys, columns),
             .q_sum = symo_attention_take(unit, block, columns),
             .g = symo_attention_take(unit, block, columns),
             .rg = symo_attention_take(unit, block, columns),
             .r = symo_attention_take_row(unit, block),
             .rr = symo_attention_take_row(unit, block)};
  memset(c.key_sums.p, 0, keys * columns * symo_dtype_size(d));
  memset(c.value_sums.p, 0, keys * columns * symo_dtype_size(d));
  symo_attention_pack(d, 1.0, symo_attention_part(base, value, 1, 1), c.rows);
  symo_attention_pack(d, 1.0, symo_attention_part(unit, tan, pass->k, 1), c.rrows);
  symo_attention_turn(d, symo_attention_part(base, value, 1, 2), c.values);
  symo_attention_turn(d, symo_attention_part(unit, tan, pass->k, 2), c.rvalues);
  return c;
}

/* A in p and RA in rp, S^ in s and RS^ in rs. */
static void curve_scores(const symo_attention_unit *unit, const curve *c,
                         const symo_attention_rows *at, symo_mat p, symo_mat rp, symo_mat s,
                         symo_mat rs) {
  const symo_dtype d = unit->dtype;
  const ptrdiff_t offset = (ptrdiff_t)at->query;
  const symo_mat values = symo_mat_cols(d, c->values, 0, at->columns);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, c->g, values, false, s);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, c->rg, values, false, rs);
  symo_attention_product(d, SYMO_ATTENTION_SCORES, offset, c->g,
                         symo_mat_cols(d, c->rvalues, 0, at->columns), true, rs);
  symo_attention_drop_rows(unit, at, s.p);
  symo_attention_drop_rows(unit, at, rs.p);
  memset(c->r, 0, at->rows * symo_dtype_size(d));
  memset(c->rr, 0, at->rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, s.p, c->r);
  symo_attention_mean(at, p.p, rs.p, c->rr);
  symo_attention_mean(at, rp.p, s.p, c->rr);
  symo_attention_curve(at, p.p, rp.p, c->r, c->rr, s.p, rs.p);
  symo_attention_slope(at, p.p, c->r, s.p);
  symo_attention_drop_rows(unit, at, p.p);
  symo_attention_drop_rows(unit, at, rp.p);
}

static void curve_sums(symo_dtype d, const curve *c, const scores *of,
                       const symo_attention_rows *at, symo_mat p, symo_mat rp, symo_mat s,
                       symo_mat rs) {
  const ptrdiff_t offset = (ptrdiff_t)at->query;
  const symo_mat value_sums = symo_mat_rows(d, c->value_sums, 0, at->columns);
  const symo_mat key_sums = symo_mat_rows(d, c->key_sums, 0, at->columns);
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(p), c->rg, true, value_sums);
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(rp), c->g, true, value_sums);
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(rs), of->q, true, key_sums);
  symo_attention_product(d, SYMO_ATTENTION_KEYS, offset, symo_mat_t(s), of->rq, true, key_sums);
  symo_attention_product(d, SYMO_ATTENTION_QUERIES, offset, rs,
                         symo_mat_rows(d, c->rows, 0, at->columns), false, c->q_sum);
  symo_attention_product(d, SYMO_ATTENTION_QUERIES, offset, s,
                         symo_mat_rows(d, c->rrows, 0, at->columns), true, c->q_sum);
}

static void curve_unit(symo_attention_unit unit) {
  const symo_dtype d = unit.dtype;
  const symo_pass *pass = unit.pass;
  const int in = unit.node->in[0], out = unit.node->out[0];
  symo_attention_unit base = unit;
  base.direction = 0;
  const symo_mat cot = symo_attention_out(&base, pass->cot[out], 1);
  const symo_mat ctan = symo_attention_out(&unit, pass->ctan[out], pass->k);
  const symo_mat q_to = symo_attention_part(&unit, pass->ctan[in], pass->k, 0);
  scores of = scores_of(&unit, &base);
  curve c = curve_of(&unit, &base);
  for (size_t first = 0; first < unit.positions; first += BLOCK) {
    symo_attention_unit now = unit;
    const size_t rows = least(unit.positions - first, BLOCK);
    symo_mat p = symo_attention_take(&now, rows, first + rows);
    symo_mat rp = symo_attention_take(&now, rows, first + rows);
    symo_mat s = symo_attention_take(&now, rows, first + rows);
    symo_mat rs = symo_attention_take(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = s.rows = rs.rows = c.g.rows = c.rg.rows = c.q_sum.rows = rows;
    symo_attention_pack(d, 1.0, symo_mat_rows(d, cot, first, rows), c.g);
    symo_attention_pack(d, 1.0, symo_mat_rows(d, ctan, first, rows), c.rg);
    scores_block(&unit, &base, &of, &at, p, rp);
    curve_scores(&unit, &c, &at, p, rp, s, rs);
    curve_sums(d, &c, &of, &at, p, rp, s, rs);
    symo_attention_unpack(d, unit.scale, NULL, c.q_sum, symo_mat_rows(d, q_to, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, c.key_sums,
                        symo_attention_part(&unit, pass->ctan[in], pass->k, 1));
  symo_attention_unpack(d, 1.0, NULL, c.value_sums,
                        symo_attention_part(&unit, pass->ctan[in], pass->k, 2));
}

/* ---- the operation ---- */

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) forward_unit(symo_attention_unit_of(node, pass, e, h));
}

static void backward(const symo_node *node, symo_pass *pass) {
  void *to = pass->cot[node->in[0]];
  if (to == NULL) return;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++)
      backward_unit(symo_attention_unit_of(node, pass, e, h), pass->cot[node->out[0]], to, 1);
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
      symo_attention_unit unit = symo_attention_unit_of(node, pass, e, h);
      for (unit.direction = 0; unit.direction < pass->k; unit.direction++) tangent_unit(unit);
    }
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  void *to = pass->ctan[node->in[0]];
  if (to == NULL) return;
  const bool curved = pass->tan[node->in[0]] != NULL && !pass->gauss_newton;
  for (size_t e = 0; e < pass->n; e++)
    for (size_t h = 0; h < node->heads; h++) {
      symo_attention_unit unit = symo_attention_unit_of(node, pass, e, h);
      for (unit.direction = 0; unit.direction < pass->k; unit.direction++)
        if (curved)
          curve_unit(unit);
        else
          backward_unit(unit, pass->ctan[node->out[0]], to, pass->k);
    }
}

const symo_op symo_op_attention = {.name = "attention",
                                   .forward = forward,
                                   .backward = backward,
                                   .tangent = tangent,
                                   .backward_tangent = backward_tangent,
                                   .scratch = symo_attention_numbers};

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
