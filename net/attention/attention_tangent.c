/* Derivatives of attention along a direction; attention.c has the mathematics.  A row block takes
 * all its keys at once, since the means over a row are needed before anything else. */
#include "net/attention/attention.h"

#include <string.h>

enum { BLOCK = SYMO_ATTENTION_BLOCK };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

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

void symo_attention_tangent_unit(symo_attention_unit unit) {
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

void symo_attention_curve_unit(symo_attention_unit unit) {
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
