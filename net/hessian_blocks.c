/* The products of the dense Hessian, block by block; dense_hessian.c has the mathematics. */
#include "net/hessian_blocks.h"

#include "core/linalg.h"
#include "net/panel.h"

typedef symo_hessian_job job_t;

size_t symo_hessian_width(const symo_node *node) {
  return node->in_width + (node->has_bias ? 1 : 0);
}

size_t symo_hessian_pairs(const symo_node *p, size_t base, size_t seeds) {
  return seeds * (p->out_width - base) - seeds * (seeds - 1) / 2;
}

size_t symo_hessian_place(const symo_node *node, size_t i, size_t j) {
  return j < node->in_width ? node->weight + i * node->in_width + j : node->bias + i;
}

static double *entry(const job_t *j, size_t row, size_t column) {
  return j->hessian + row * j->net->parameters + column;
}

static void *shift(const job_t *j, const void *p, size_t count) {
  return symo_at(j->dtype, p, (ptrdiff_t)count);
}

/* One row of a product, over inputs [j0, width) of output `unit` of a layer, into row `row`. */
static void add_run(const job_t *j, const symo_node *node, size_t row, size_t unit, size_t j0,
                    const void *from) {
  size_t weights = j0 < node->in_width ? node->in_width - j0 : 0;
  symo_panel_add(j->dtype, weights, from, j->first,
                 entry(j, row, symo_hessian_place(node, unit, j0)));
  if (node->has_bias)
    symo_panel_add(j->dtype, 1, shift(j, from, weights), j->first,
                   entry(j, row, node->bias + unit));
}

/* product = left' right / N, left being columns [first, first + rows) of [n, stride]. */
static void multiply(const job_t *j, const void *left, size_t stride, size_t first, size_t rows,
                     const void *right, size_t columns) {
  symo_mat a = {shift(j, left, first), rows, j->n, 1, (ptrdiff_t)stride};
  symo_gemm(j->dtype, 1.0 / (double)j->net->examples, a,
            symo_mat_dense((void *)(uintptr_t)right, j->n, columns), 0.0,
            symo_mat_dense(j->product, rows, columns));
}

void symo_hessian_gather(const job_t *j, const symo_node *p, const symo_node *q) {
  const size_t out = p->out_width, total = symo_hessian_pairs(p, j->base, j->batch);
  const void *curve = j->net->ctan[p->out[0]];
  for (size_t s = 0; s < j->k; s++) {
    size_t i = j->seed + s, before = symo_hessian_pairs(p, j->base, i - j->base);
    symo_panel_columns(j->dtype, j->n, j->k * out, shift(j, curve, s * out + i), total, out - i,
                       shift(j, j->pairs, before));
  }
  if (q == NULL) return;
  symo_panel_columns(j->dtype, j->n, j->k * q->out_width, j->net->ctan[q->out[0]],
                     j->batch * q->out_width, j->k * q->out_width,
                     shift(j, j->next, (j->seed - j->base) * q->out_width));
  for (size_t s = 0; s < j->k; s++)
    symo_panel_columns(j->dtype, j->n, j->k * out,
                       shift(j, j->net->tan[q->in[0]], s * out + j->seed + s), j->batch, 1,
                       shift(j, j->slope, j->seed + s - j->base));
}

/* ---- q = p ---- */

/* Pairs in runs of equal i: walks `left` of them from where it stands; false at the end. */
typedef struct pair_run {
  size_t i, output, count;
} pair_run;

static bool next_run(size_t out, size_t left, pair_run *run) {
  if (left == 0) return false;
  run->output += run->count;
  if (run->output == out) run->output = ++run->i;
  run->count = out - run->output < left ? out - run->output : left;
  return true;
}

/* A product with rows for `pairs` pairs and columns for inputs [j0, j1). */
static pair_run add_pairs(const job_t *j, const symo_node *p, size_t pairs, pair_run run, size_t j0,
                          size_t j1, size_t columns) {
  const char *row = j->product;
  for (; next_run(p->out_width, pairs, &run); pairs -= run.count)
    for (size_t r = 0; r < run.count; r++, row += columns * symo_dtype_size(j->dtype)) {
      size_t at = 0;
      for (size_t in = j0; in < j1; at += symo_hessian_width(p) - in++)
        add_run(j, p, symo_hessian_place(p, run.i, in), run.output + r, in, shift(j, row, at));
    }
  return run;
}

/* The first input after j0 with which at least `goal` pairs are together, or the last. */
static size_t inputs_for(size_t width, size_t j0, size_t goal, size_t *columns) {
  size_t j1 = j0, sum = 0;
  while (j1 < width && sum < goal) sum += width - j1++;
  *columns = sum;
  return j1;
}

void symo_hessian_curve(const job_t *j, const symo_node *p) {
  const size_t width = symo_hessian_width(p);
  const size_t pairs = symo_hessian_pairs(p, j->base, j->batch);
  const size_t step = symo_net_chunk(pairs, j->net->sizes.panel_rows);
  const size_t goal = symo_net_chunk(width * (width + 1) / 2, j->net->sizes.panel_columns);
  for (size_t j0 = 0, j1, columns; j0 < width; j0 = j1) {
    j1 = inputs_for(width, j0, goal, &columns);
    symo_panel_pairs(j->dtype, j->n, width, j0, j1, j->input_p, j->panel);
    pair_run run = {.i = j->base, .output = j->base, .count = 0};
    for (size_t at = 0, rows; at < pairs; at += rows) {
      rows = pairs - at < step ? pairs - at : step;
      multiply(j, j->pairs, pairs, at, rows, j->panel, columns);
      run = add_pairs(j, p, rows, run, j0, j1, columns);
    }
  }
}

/* ---- the layer after p ---- */

/* sum_n C_q[i,i'] a_p[j] a_q[j']: rows for units (seed, i'), columns for (j, j'). */
static void adjoin_curve(const job_t *j, const symo_node *p, const symo_node *q) {
  const size_t width = symo_hessian_width(q), units = j->batch * q->out_width;
  const size_t step = symo_net_chunk(units, j->net->sizes.panel_rows);
  const size_t inputs = symo_net_chunk(symo_hessian_width(p), j->net->sizes.panel_columns / width);
  for (size_t j0 = 0, j1; j0 < symo_hessian_width(p); j0 = j1) {
    j1 = j0 + inputs < symo_hessian_width(p) ? j0 + inputs : symo_hessian_width(p);
    size_t columns = (j1 - j0) * width;
    symo_panel_outer(j->dtype, j->n, symo_hessian_width(p), j0, j1, j->input_p, width, j->input_q,
                     j->panel);
    for (size_t u = 0, rows; u < units; u += rows) {
      rows = units - u < step ? units - u : step;
      multiply(j, j->next, units, u, rows, j->panel, columns);
      for (size_t r = 0; r < rows; r++)
        for (size_t in = j0; in < j1; in++)
          add_run(j, q, symo_hessian_place(p, j->base + (u + r) / q->out_width, in),
                  (u + r) % q->out_width, 0, shift(j, j->product, r * columns + (in - j0) * width));
    }
  }
}

/* sum_n a_p[j] d_q[i'] T_q[i,i]: rows for j, columns for units (seed i, i'), at j' = i. */
static void adjoin_slope(const job_t *j, const symo_node *p, const symo_node *q) {
  const size_t out = q->out_width, width = symo_hessian_width(p);
  const size_t group = j->net->sizes.panel_columns / out;
  const size_t step = symo_net_chunk(j->batch, group > 0 ? group : 1);
  const void *delta = j->net->cot[q->out[0]];
  for (size_t s0 = 0, seeds; s0 < j->batch; s0 += seeds) {
    seeds = j->batch - s0 < step ? j->batch - s0 : step;
    symo_panel_outer(j->dtype, j->n, j->batch, s0, s0 + seeds, j->slope, out, delta, j->panel);
    multiply(j, j->input_p, width, 0, width, j->panel, seeds * out);
    for (size_t in = 0; in < width; in++)
      for (size_t u = 0; u < seeds * out; u++) {
        size_t i = j->base + s0 + u / out;
        *entry(j, symo_hessian_place(p, i, in), symo_hessian_place(q, u % out, i)) +=
            symo_get(j->dtype, j->product, in * seeds * out + u);
      }
  }
}

void symo_hessian_adjoin(const job_t *j, const symo_node *p, const symo_node *q) {
  adjoin_curve(j, p, q);
  adjoin_slope(j, p, q);
}

/* ---- any later layer ---- */

void symo_hessian_couple(const job_t *j, const symo_node *p, const symo_node *q) {
  const symo_net *net = j->net;
  const size_t width = symo_hessian_width(q), units = j->k * q->out_width;
  const size_t step = symo_net_chunk(units, net->sizes.panel_columns / width);
  const symo_panel_units form = {.k = j->k,
                                 .in = q->in_width,
                                 .out = q->out_width,
                                 .bias = q->has_bias,
                                 .curve = net->ctan[q->out[0]],
                                 .moved = net->tan[q->in[0]],
                                 .input = net->value[q->in[0]],
                                 .delta = net->cot[q->out[0]]};
  for (size_t u0 = 0, count; u0 < units; u0 += count) {
    count = units - u0 < step ? units - u0 : step;
    symo_panel_form(j->dtype, j->n, &form, u0, u0 + count, j->panel);
    multiply(j, j->input_p, symo_hessian_width(p), 0, symo_hessian_width(p), j->panel,
             count * width);
    for (size_t u = u0; u < u0 + count; u++)
      for (size_t in = 0; in < symo_hessian_width(p); in++)
        add_run(j, q, symo_hessian_place(p, j->seed + u / q->out_width, in), u % q->out_width, 0,
                shift(j, j->product, (in * count + u - u0) * width));
  }
}
