/* The blocks of a dense Hessian for a layer p, a chunk of examples and a batch of seeds: its own, that
 * with the layer after it, and those with later ones (dense_hessian.c has the formulas). */
#include "net/dense_hessian.h"

#include <string.h>

/* ---- loops: the factors of products, and sums into the matrix.  Rows are examples ---- */

void symo_dense_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out) {
  const size_t bytes = symo_dtype_size(dtype), width = w + (one ? 1 : 0);
  for (size_t r = 0; r < n; r++) {
    memcpy(symo_at(dtype, out, (ptrdiff_t)(r * width)), symo_at(dtype, x, (ptrdiff_t)(r * w)),
           w * bytes);
    if (one) symo_put(dtype, out, r * width + w, 1.0);
  }
}

/* How one layer responds to seeds at another; the products multiply it by the other's inputs. */
typedef struct panel_units {
  size_t k, in, out; /* seeds; widths of the layer */
  bool bias;
  const void *curve; /* [n, k, out]  derivative of the layer's output gradient by the seeds */
  const void *moved; /* [n, k, in]   derivative of the layer's input by the seeds */
  const void *input; /* [n, in] */
  const void *delta; /* [n, out] */
} panel_units;

#define SYMO_KERNELS "net/dense_blocks.inc"
#include "core/real.h"

/* out[r, c] = x[r, j] x[r, j'], c running over j in [j0, j1) and, for each, j' in [j, w). */
static void panel_pairs(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                        void *out) {
  SYMO_BY_TYPE(dtype, pairs, n, w, j0, j1, x, out);
}

/* out[r, c] = x[r, j] y[r, i], c running over j in [j0, j1) and, for each, i in [0, v). */
static void panel_outer(symo_dtype dtype, size_t n, size_t w, size_t j0, size_t j1, const void *x,
                        size_t v, const void *y, void *out) {
  SYMO_BY_TYPE(dtype, outer, n, w, j0, j1, x, v, y, out);
}

/* Copies `count` columns of x (rows of length stride) to columns of out (rows of length
 * out_stride). */
static void panel_columns(symo_dtype dtype, size_t n, size_t stride, const void *x,
                          size_t out_stride, size_t count, void *out) {
  const size_t bytes = symo_dtype_size(dtype);
  for (size_t r = 0; r < n; r++)
    memcpy((char *)out + r * out_stride * bytes, (const char *)x + r * stride * bytes,
           count * bytes);
}

/* Units u = s out + i in [u0, u1), each with in (+ 1 with bias) columns:
 *     curve[r,s,i] input[r,:] + delta[r,i] moved[r,s,:],  then curve[r,s,i] for the bias. */
static void panel_form(symo_dtype dtype, size_t n, const panel_units *units, size_t u0, size_t u1,
                       void *out) {
  SYMO_BY_TYPE(dtype, form, n, units, u0, u1, out);
}

/* to = from, or to += from, `count` numbers. */
static void panel_add(symo_dtype dtype, size_t count, const void *from, bool first, double *to) {
  if (dtype == SYMO_F64) {
    const double *x = from;
    if (first)
      memcpy(to, x, count * sizeof *x);
    else
      for (size_t i = 0; i < count; i++) to[i] += x[i];
  } else {
    const float *x = from;
    for (size_t i = 0; i < count; i++) to[i] = first ? (double)x[i] : to[i] + (double)x[i];
  }
}

/* ---- the products ---- */

static size_t pairs_of(const symo_node *p, size_t base, size_t seeds) {
  return seeds * (p->out_width - base) - seeds * (seeds - 1) / 2;
}

static size_t place_of(const symo_node *node, size_t i, size_t j) {
  return j < node->in_width ? node->weight + i * node->in_width + j : node->bias + i;
}

static double *entry(const hessian_job *j, size_t row, size_t column) {
  return j->hessian + row * j->net->parameters + column;
}

static void *shift(const hessian_job *j, const void *p, size_t count) {
  return symo_at(j->dtype, p, (ptrdiff_t)count);
}

/* One row of a product, over inputs [j0, width) of output `unit` of a layer, into row `row`. */
static void add_run(const hessian_job *j, const symo_node *node, size_t row, size_t unit, size_t j0,
                    const void *from) {
  size_t weights = j0 < node->in_width ? node->in_width - j0 : 0;
  panel_add(j->dtype, weights, from, j->first, entry(j, row, place_of(node, unit, j0)));
  if (node->has_bias)
    panel_add(j->dtype, 1, shift(j, from, weights), j->first, entry(j, row, node->bias + unit));
}

static hessian_job of_worker(const hessian_job *j, int worker) {
  hessian_job own = *j;
  own.panel = shift(j, j->panel, (size_t)worker * j->apart);
  own.product = shift(j, j->product, (size_t)worker * j->apart);
  return own;
}

/* `size` in steps of at most `most`, as even as can be, and, where there are several workers, EACH
 * for each of them, so that none waits long for the last. */
enum { EACH = 4 };

static void run_panels(const hessian_job *j, const symo_node *p, const symo_node *q, size_t size,
                       size_t most, symo_pool_task task) {
  const size_t workers = (size_t)symo_pool_threads(j->net->pool);
  const size_t least = workers > 1 ? size / (EACH * workers) : size;
  panel_job job = {.j = j, .p = p, .q = q};
  if (most > least) most = least;
  job.step = symo_net_chunk(size, most > 0 ? most : 1);
  symo_pool_run(j->net->pool, (size + job.step - 1) / job.step, task, &job);
}

/* product = left' right / N, left being columns [first, first + rows) of [n, stride]. */
static void multiply(const hessian_job *j, const void *left, size_t stride, size_t first,
                     size_t rows, const void *right, size_t columns) {
  symo_mat a = {shift(j, left, first), rows, j->n, 1, (ptrdiff_t)stride};
  symo_gemm(j->dtype, 1.0 / (double)j->net->examples, a,
            symo_mat_dense((void *)(uintptr_t)right, j->n, columns), 0.0,
            symo_mat_dense(j->product, rows, columns));
}

void symo_dense_gather(const hessian_job *j, const symo_node *p, const symo_node *q) {
  const size_t out = p->out_width, total = pairs_of(p, j->base, j->batch);
  const void *curve = j->net->ctan[p->out[0]];
  for (size_t s = 0; s < j->k; s++) {
    size_t i = j->seed + s, before = pairs_of(p, j->base, i - j->base);
    panel_columns(j->dtype, j->n, j->k * out, shift(j, curve, s * out + i), total, out - i,
                  shift(j, j->pairs, before));
  }
  if (q == NULL) return;
  panel_columns(j->dtype, j->n, j->k * q->out_width, j->net->ctan[q->out[0]],
                j->batch * q->out_width, j->k * q->out_width,
                shift(j, j->next, (j->seed - j->base) * q->out_width));
  for (size_t s = 0; s < j->k; s++)
    panel_columns(j->dtype, j->n, j->k * out,
                  shift(j, j->net->tan[q->in[0]], s * out + j->seed + s), j->batch, 1,
                  shift(j, j->slope, j->seed + s - j->base));
}

/* ---- q = p ---- */

/* Iterates over pairs in runs of equal i, `left` of them in all; false at the end. */
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
static pair_run add_pairs(const hessian_job *j, const symo_node *p, size_t pairs, pair_run run,
                          size_t j0, size_t j1, size_t columns) {
  const char *row = j->product;
  for (; next_run(p->out_width, pairs, &run); pairs -= run.count)
    for (size_t r = 0; r < run.count; r++, row += columns * symo_dtype_size(j->dtype)) {
      size_t at = 0;
      for (size_t in = j0; in < j1; at += width_of(p) - in++)
        add_run(j, p, place_of(p, run.i, in), run.output + r, in, shift(j, row, at));
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

static void own_panel(void *arg, size_t index, int worker) {
  const panel_job *job = arg;
  const hessian_job j = of_worker(job->j, worker);
  const size_t width = width_of(job->p), pairs = pairs_of(job->p, j.base, j.batch);
  const size_t step = symo_net_chunk(pairs, j.net->sizes.panel_rows);
  size_t j0 = 0, columns, j1 = inputs_for(width, 0, job->step, &columns);
  for (; index > 0; index--) j0 = j1, j1 = inputs_for(width, j0, job->step, &columns);
  if (j0 == j1) return; /* panels end with whole inputs, so that the last may be left over */
  panel_pairs(j.dtype, j.n, width, j0, j1, j.input_p, j.panel);
  pair_run run = {.i = j.base, .output = j.base, .count = 0};
  for (size_t at = 0, rows; at < pairs; at += rows) {
    rows = pairs - at < step ? pairs - at : step;
    multiply(&j, j.pairs, pairs, at, rows, j.panel, columns);
    run = add_pairs(&j, job->p, rows, run, j0, j1, columns);
  }
}

void symo_dense_own_block(const hessian_job *j, const symo_node *p) {
  const size_t width = width_of(p);
  run_panels(j, p, NULL, width * (width + 1) / 2, j->net->sizes.panel_columns, own_panel);
}

/* ---- the layer after p ---- */

/* sum_n C_q[i,i'] a_p[j] a_q[j']: rows for units (seed, i'), columns for (j, j'). */
static void curve_panel(void *arg, size_t index, int worker) {
  const panel_job *job = arg;
  const symo_node *p = job->p, *q = job->q;
  const hessian_job j = of_worker(job->j, worker);
  const size_t width = width_of(q), units = j.batch * q->out_width;
  const size_t step = symo_net_chunk(units, j.net->sizes.panel_rows);
  const size_t j0 = index * job->step, left = width_of(p) - j0;
  const size_t j1 = j0 + (left < job->step ? left : job->step), columns = (j1 - j0) * width;
  panel_outer(j.dtype, j.n, width_of(p), j0, j1, j.input_p, width, j.input_q, j.panel);
  for (size_t u = 0, rows; u < units; u += rows) {
    rows = units - u < step ? units - u : step;
    multiply(&j, j.next, units, u, rows, j.panel, columns);
    for (size_t r = 0; r < rows; r++)
      for (size_t in = j0; in < j1; in++)
        add_run(&j, q, place_of(p, j.base + (u + r) / q->out_width, in), (u + r) % q->out_width, 0,
                shift(&j, j.product, r * columns + (in - j0) * width));
  }
}

/* sum_n a_p[j] d_q[i'] T_q[i,i]: rows for j, columns for units (seed i, i'), at j' = i. */
static void slope_panel(void *arg, size_t index, int worker) {
  const panel_job *job = arg;
  const symo_node *p = job->p, *q = job->q;
  const hessian_job j = of_worker(job->j, worker);
  const size_t out = q->out_width, width = width_of(p);
  const size_t s0 = index * job->step, left = j.batch - s0;
  const size_t seeds = left < job->step ? left : job->step;
  panel_outer(j.dtype, j.n, j.batch, s0, s0 + seeds, j.slope, out, j.net->cot[q->out[0]], j.panel);
  multiply(&j, j.input_p, width, 0, width, j.panel, seeds * out);
  for (size_t in = 0; in < width; in++)
    for (size_t u = 0; u < seeds * out; u++) {
      size_t i = j.base + s0 + u / out;
      *entry(&j, place_of(p, i, in), place_of(q, u % out, i)) +=
          symo_get(j.dtype, j.product, in * seeds * out + u);
    }
}

void symo_dense_next_block(const hessian_job *j, const symo_node *p, const symo_node *q) {
  const size_t columns = j->net->sizes.panel_columns;
  run_panels(j, p, q, width_of(p), columns / width_of(q), curve_panel);
  run_panels(j, p, q, j->batch, columns / q->out_width, slope_panel);
}

/* ---- any later layer ---- */

static void later_panel(void *arg, size_t index, int worker) {
  const panel_job *job = arg;
  const symo_node *p = job->p, *q = job->q;
  const hessian_job j = of_worker(job->j, worker);
  const symo_net *net = j.net;
  const size_t width = width_of(q), u0 = index * job->step, left = j.k * q->out_width - u0;
  const size_t count = left < job->step ? left : job->step;
  const panel_units form = {.k = j.k,
                            .in = q->in_width,
                            .out = q->out_width,
                            .bias = q->has_bias,
                            .curve = net->ctan[q->out[0]],
                            .moved = net->tan[q->in[0]],
                            .input = net->value[q->in[0]],
                            .delta = net->cot[q->out[0]]};
  panel_form(j.dtype, j.n, &form, u0, u0 + count, j.panel);
  multiply(&j, j.input_p, width_of(p), 0, width_of(p), j.panel, count * width);
  for (size_t u = u0; u < u0 + count; u++)
    for (size_t in = 0; in < width_of(p); in++)
      add_run(&j, q, place_of(p, j.seed + u / q->out_width, in), u % q->out_width, 0,
              shift(&j, j.product, (in * count + u - u0) * width));
}

void symo_dense_later_block(const hessian_job *j, const symo_node *p, const symo_node *q) {
  run_panels(j, p, q, j->k * q->out_width, j->net->sizes.panel_columns / width_of(q), later_panel);
}
