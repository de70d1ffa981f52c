/* The derivatives of attention along a direction: RO, and the backward tangent (attention.c has the
 * formulas). */
#include <string.h>

#include "net/attention/attention_head.h"

enum { BLOCK = SYMO_ATTENTION_BLOCK };

/* A row block takes all its keys at once, since the means over a row are needed before anything
 * else. */

/* Scores, P, RS and RP of a row block. */
typedef struct scores {
  symo_mat q, rq;       /* Q / sqrt d and its tangent, of the block */
  symo_mat keys, rkeys; /* K', RK' */
  void *lse, *mean;
} scores;

static scores scores_of(attention_head *head, const attention_head *base) {
  const size_t block = symo_attention_least(head->positions, BLOCK);
  const symo_node *node = head->node;
  const symo_pass *pass = head->pass;
  scores s = {.q = symo_attention_reserve(head, block, head->columns),
              .rq = symo_attention_reserve(head, block, head->columns),
              .keys = symo_attention_reserve(head, head->columns, head->keys),
              .rkeys = symo_attention_reserve(head, head->columns, head->keys),
              .lse = symo_attention_reserve_row(head, block),
              .mean = symo_attention_reserve_row(head, block)};
  symo_attention_transpose(head->dtype,
                           symo_attention_part_of(base, pass->value[node->in[0]], 1, 1), s.keys);
  symo_attention_transpose(
      head->dtype, symo_attention_part_of(head, pass->tan[node->in[0]], pass->k, 1), s.rkeys);
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
  symo_attention_pack(
      d, head->scale,
      symo_mat_rows(d, symo_attention_part_of(base, pass->value[in], 1, 0), first, rows), s->q);
  symo_attention_pack(
      d, head->scale,
      symo_mat_rows(d, symo_attention_part_of(head, pass->tan[in], pass->k, 0), first, rows),
      s->rq);
  symo_attention_scores(at, s->q, s->keys, false, p);
  symo_attention_scores(at, s->rq, s->keys, false, rp);
  symo_attention_scores(at, s->q, s->rkeys, true, rp);
  symo_attention_load_lse(head, first, rows, s->lse);
  symo_attention_weights(at, s->lse, p.p);
  memset(s->mean, 0, rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, rp.p, s->mean);
  symo_attention_slope(at, p.p, s->mean, rp.p);
}

void symo_attention_tangent_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const symo_node *node = head.node;
  const size_t block = symo_attention_least(head.positions, BLOCK);
  attention_head base = head;
  base.direction = 0;
  const symo_mat out = symo_attention_output_of(&head, pass->tan[node->out[0]], pass->k);
  scores s = scores_of(&head, &base);
  const symo_mat values = symo_attention_reserve(&head, head.keys, head.columns);
  const symo_mat rvalues = symo_attention_reserve(&head, head.keys, head.columns);
  symo_mat ro = symo_attention_reserve(&head, block, head.columns);
  symo_attention_pack(d, 1.0, symo_attention_part_of(&base, pass->value[node->in[0]], 1, 2),
                      values);
  symo_attention_pack(d, 1.0, symo_attention_part_of(&head, pass->tan[node->in[0]], pass->k, 2),
                      rvalues);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = symo_attention_least(head.positions - first, BLOCK);
    symo_mat p = symo_attention_reserve(&now, rows, first + rows),
             rp = symo_attention_reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = ro.rows = rows;
    scores_block(&head, &base, &s, &at, p, rp);
    symo_attention_drop_weights(&head, &at, p.p);
    symo_attention_drop_weights(&head, &at, rp.p);
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
  const size_t block = symo_attention_least(head->positions, BLOCK), keys = head->keys,
               columns = head->columns;
  const symo_pass *pass = head->pass;
  const void *value = pass->value[head->node->in[0]], *tan = pass->tan[head->node->in[0]];
  curve c = {.rows = symo_attention_reserve(head, keys, columns),
             .rrows = symo_attention_reserve(head, keys, columns),
             .values = symo_attention_reserve(head, columns, keys),
             .rvalues = symo_attention_reserve(head, columns, keys),
             .key_sums = symo_attention_reserve(head, keys, columns),
             .value_sums = symo_attention_reserve(head, keys, columns),
             .q_sum = symo_attention_reserve(head, block, columns),
             .g = symo_attention_reserve(head, block, columns),
             .rg = symo_attention_reserve(head, block, columns),
             .r = symo_attention_reserve_row(head, block),
             .rr = symo_attention_reserve_row(head, block)};
  memset(c.key_sums.p, 0, keys * columns * symo_dtype_size(d));
  memset(c.value_sums.p, 0, keys * columns * symo_dtype_size(d));
  symo_attention_pack(d, 1.0, symo_attention_part_of(base, value, 1, 1), c.rows);
  symo_attention_pack(d, 1.0, symo_attention_part_of(head, tan, pass->k, 1), c.rrows);
  symo_attention_transpose(d, symo_attention_part_of(base, value, 1, 2), c.values);
  symo_attention_transpose(d, symo_attention_part_of(head, tan, pass->k, 2), c.rvalues);
  return c;
}

/* A in p and RA in rp, S^ in s and RS^ in rs. */
static void curve_scores(const attention_head *head, const curve *c, const symo_attention_rows *at,
                         symo_mat p, symo_mat rp, symo_mat s, symo_mat rs) {
  const symo_dtype d = head->dtype;
  symo_attention_scores(at, c->g, c->values, false, s);
  symo_attention_scores(at, c->rg, c->values, false, rs);
  symo_attention_scores(at, c->g, c->rvalues, true, rs);
  symo_attention_drop_weights(head, at, s.p);
  symo_attention_drop_weights(head, at, rs.p);
  memset(c->r, 0, at->rows * symo_dtype_size(d));
  memset(c->rr, 0, at->rows * symo_dtype_size(d));
  symo_attention_mean(at, p.p, s.p, c->r);
  symo_attention_mean(at, p.p, rs.p, c->rr);
  symo_attention_mean(at, rp.p, s.p, c->rr);
  symo_attention_curve(at, p.p, rp.p, c->r, c->rr, s.p, rs.p);
  symo_attention_slope(at, p.p, c->r, s.p);
  symo_attention_drop_weights(head, at, p.p);
  symo_attention_drop_weights(head, at, rp.p);
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

void symo_attention_curve_head(attention_head head) {
  const symo_dtype d = head.dtype;
  const symo_pass *pass = head.pass;
  const int in = head.node->in[0], out = head.node->out[0];
  attention_head base = head;
  base.direction = 0;
  const symo_mat cot = symo_attention_output_of(&base, pass->cot[out], 1);
  const symo_mat ctan = symo_attention_output_of(&head, pass->ctan[out], pass->k);
  const symo_mat q_to = symo_attention_part_of(&head, pass->ctan[in], pass->k, 0);
  scores of = scores_of(&head, &base);
  curve c = curve_of(&head, &base);
  for (size_t first = 0; first < head.positions; first += BLOCK) {
    attention_head now = head;
    const size_t rows = symo_attention_least(head.positions - first, BLOCK);
    symo_mat p = symo_attention_reserve(&now, rows, first + rows),
             rp = symo_attention_reserve(&now, rows, first + rows);
    symo_mat s = symo_attention_reserve(&now, rows, first + rows),
             rs = symo_attention_reserve(&now, rows, first + rows);
    const symo_attention_rows at = {d, rows, p.cols, p.cols, first, 0};
    p.rows = rp.rows = s.rows = rs.rows = c.g.rows = c.rg.rows = c.q_sum.rows = rows;
    symo_attention_pack(d, 1.0, symo_mat_rows(d, cot, first, rows), c.g);
    symo_attention_pack(d, 1.0, symo_mat_rows(d, ctan, first, rows), c.rg);
    scores_block(&head, &base, &of, &at, p, rp);
    curve_scores(&head, &c, &at, p, rp, s, rs);
    curve_sums(&at, &c, &of, p, rp, s, rs);
    symo_attention_unpack(d, head.scale, NULL, c.q_sum, symo_mat_rows(d, q_to, first, rows));
  }
  symo_attention_unpack(d, 1.0, NULL, c.key_sums,
                        symo_attention_part_of(&head, pass->ctan[in], pass->k, 1));
  symo_attention_unpack(d, 1.0, NULL, c.value_sums,
                        symo_attention_part_of(&head, pass->ctan[in], pass->k, 2));
}
