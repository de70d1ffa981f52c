/* The exact Hessian of a plain network as a whole, at matrix-matrix speed.
 *
 * The parameters of layer p enter an example's loss, and every later layer q, only through
 * z_p = W_p a_p (+ b_p).  Let e_i be a unit tangent at z_p, and for a layer q >= p
 *     C_q[i, i'] = derivative of the output gradient d_q[i'],   T_q[i, j'] = derivative of a_q[j'].
 * Then, with a bias as an input that is always 1,
 *
 *     H[(p,i,j), (q,i',j')] = 1/N sum_n a_p[j] ( C_q[i,i'] a_q[j'] + d_q[i'] T_q[i,j'] )
 *
 * since the gradient of W_q is d_q a_q'.  The numbers C and T take one tangent and one backward
 * tangent pass with out_p seeds per example, far fewer than the directions of W_p.
 *
 * For a chunk of examples:
 *   q = p         T_p = 0, and the sum is symmetric in (i,i') and in (j,j'): one product of the
 *                 [n, pairs] matrices C_p[i <= i'] and a[j] a[j <= j'], n P_p^2 / 2 flops
 *   q next to p   with pointwise operations between, T_q is diagonal: one product of the matrices
 *                 C_q[i,i'] and a_p[j] a_q[j'], and a small one
 *   q later       the bracket is formed and multiplied by A_p'
 * The latter two take 2 n P_p P_q flops.  Everything lands in the upper triangle.
 *
 * Each of these products is cut by its columns into panels, and a panel with what it adds to the
 * matrix is a task of the network's pool: no two write the same entries. */
#include <string.h>

#include "core/linalg.h"
#include "net/graph.h"

/* ---- loops: the factors of products, and sums into the matrix.  Rows are examples ---- */

/* out[r, :] = x[r, :] followed by 1 when `one`. */
static void panel_extend(symo_dtype dtype, size_t n, size_t w, bool one, const void *x, void *out) {
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

#define SYMO_KERNELS "net/dense_hessian.inc"
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

/* A dense Hessian under way: the products for one layer p, a chunk of examples and a batch of seeds
 * at its output. */
typedef struct hessian_job {
  symo_net *net;
  symo_dtype dtype;
  size_t n;           /* examples in the chunk */
  bool first;         /* of the chunks: write instead of add */
  size_t base, batch; /* seeds [base, base + batch) of the layer are in hand */
  size_t turn;        /* batches before this one, of all layers */
  size_t seed, k;     /* of these, seeds [seed, seed + k) are in the tangent buffers */
  double *hessian;
  /* Workspace.  pairs [n, pairs of the batch]: C_p; next [n, batch out_q] and slope [n, batch]: C_q
   * and the diagonal of T_q for the layer that follows; input_p, input_q [n, in + 1]; of each
   * worker, `apart` numbers behind those of the one before, panel and product. */
  size_t apart;
  void *pairs, *next, *slope, *input_p, *input_q, *panel, *product;
} hessian_job;

static size_t width_of(const symo_node *node) { return node->in_width + (node->has_bias ? 1 : 0); }

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

/* The panels of one product, for p and, where there is one, q. */
typedef struct panel_job {
  const hessian_job *j;
  const symo_node *p, *q;
  size_t step; /* what `size` is cut into */
} panel_job;

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

static void gather(const hessian_job *j, const symo_node *p, const symo_node *q) {
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

static void add_own_block(const hessian_job *j, const symo_node *p) {
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

static void add_next_block(const hessian_job *j, const symo_node *p, const symo_node *q) {
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

static void add_later_block(const hessian_job *j, const symo_node *p, const symo_node *q) {
  run_panels(j, p, q, j->k * q->out_width, j->net->sizes.panel_columns / width_of(q), later_panel);
}

/* ---- all of it ---- */

static size_t widest_input(const symo_net *net) {
  size_t width = 1;
  for (size_t l = 0; l < net->num_weights; l++)
    if (net->nodes[net->weights[l]].in_width > width) width = net->nodes[net->weights[l]].in_width;
  return width;
}

/* The parts of the workspace in the order of the job, per example, and the product; the last two
 * are those of one worker. */
enum { PARTS = 7, SHARED_PARTS = 5 };

static size_t parts(const symo_net *net, size_t numbers[PARTS]) {
  const symo_net_sizes *s = &net->sizes;
  const size_t in = widest_input(net) + 1;
  const size_t columns = s->panel_columns + in; /* a panel of pairs ends with a whole input */
  const size_t per_example[] = {s->batch_numbers, s->batch_numbers, s->batch_numbers, in, in,
                                columns};
  size_t shared = 0;
  for (size_t i = 0; i < PARTS - 1; i++) numbers[i] = s->hessian_rows * per_example[i];
  numbers[PARTS - 1] = s->panel_rows * columns;
  for (size_t i = 0; i < SHARED_PARTS; i++) shared += numbers[i];
  const size_t apart = numbers[PARTS - 2] + numbers[PARTS - 1];
  return shared + apart * (size_t)symo_pool_threads(net->pool);
}

size_t symo_net_panel_numbers(const symo_net *net) {
  size_t numbers[PARTS];
  return parts(net, numbers);
}

static void share_workspace(hessian_job *j) {
  size_t numbers[PARTS];
  void **places[] = {&j->pairs,   &j->next,  &j->slope,  &j->input_p,
                     &j->input_q, &j->panel, &j->product};
  char *at = j->net->panels;
  (void)parts(j->net, numbers);
  for (size_t i = 0; i < PARTS; i++) {
    *places[i] = at;
    at += numbers[i] * symo_dtype_size(j->dtype);
  }
  j->apart = numbers[PARTS - 2] + numbers[PARTS - 1];
}

/* One-hot tangents at the output of p. */
static void plant_seeds(const hessian_job *j, const symo_node *p) {
  const size_t width = p->out_width, rows = j->n * j->k;
  void *tangents = j->net->tan[p->out[0]];
  memset(tangents, 0, rows * width * symo_dtype_size(j->dtype));
  for (size_t r = 0; r < rows; r++)
    symo_put(j->dtype, tangents, r * width + j->seed + r % j->k, 1.0);
}

/* The next layer, if only pointwise operations are between. */
static const symo_node *neighbour(const symo_net *net, size_t l) {
  if (l + 1 == net->num_weights) return NULL;
  for (size_t i = net->weights[l] + 1; i < net->weights[l + 1]; i++)
    if (net->nodes[i].op != &symo_op_activation) return NULL;
  return &net->nodes[net->weights[l + 1]];
}

static void batch(hessian_job *j, symo_pass *pass, size_t l) {
  symo_net *net = j->net;
  const symo_node *p = &net->nodes[net->weights[l]], *q = neighbour(net, l);
  const size_t rows = net->sizes.product_rows / j->n;
  const size_t step = symo_net_chunk(j->batch, rows > 0 ? rows : 1);
  for (j->seed = j->base; j->seed < j->base + j->batch; j->seed += j->k) {
    size_t left = j->base + j->batch - j->seed;
    pass->k = j->k = left < step ? left : step;
    plant_seeds(j, p);
    symo_net_tangent(net, pass, net->weights[l] + 1, true);
    symo_net_backward_tangent(net, pass, net->weights[l] + 1);
    gather(j, p, q);
    for (size_t m = l + 1; m < net->num_weights; m++)
      if (&net->nodes[net->weights[m]] != q) add_later_block(j, p, &net->nodes[net->weights[m]]);
  }
  add_own_block(j, p);
  if (q != NULL) add_next_block(j, p, q);
}

static void layer(hessian_job *j, symo_pass *pass, size_t l) {
  const symo_net *net = j->net;
  const symo_node *p = &net->nodes[net->weights[l]], *q = neighbour(net, l);
  size_t room = p->out_width;
  if (q != NULL && q->out_width > room) room = q->out_width;
  const size_t step = symo_net_chunk(p->out_width, net->sizes.batch_numbers / room);
  panel_extend(j->dtype, j->n, p->in_width, p->has_bias, pass->value[p->in[0]], j->input_p);
  if (q != NULL)
    panel_extend(j->dtype, j->n, q->in_width, q->has_bias, pass->value[q->in[0]], j->input_q);
  const size_t ranks = (size_t)symo_comm_size(net->comm);
  for (j->base = 0; j->base < p->out_width; j->base += j->batch, j->turn++) {
    size_t left = p->out_width - j->base;
    j->batch = left < step ? left : step;
    if (j->turn % ranks == (size_t)symo_comm_rank(net->comm)) batch(j, pass, l);
  }
}

/* The entries of a diagonal block that follow from j <= j', for output i and i < i'. */
static void fill_rows(void *arg, size_t i, int worker) {
  const panel_job *job = arg;
  const symo_node *p = job->p;
  const size_t in = p->in_width, size = job->j->net->parameters;
  double *hessian = job->j->hessian;
  (void)worker;
  for (size_t o = i + 1; o < p->out_width; o++) {
    double *block = hessian + (p->weight + i * in) * size + p->weight + o * in;
    for (size_t a = 1; a < in; a++)
      for (size_t b = 0; b < a; b++) block[a * size + b] = block[b * size + a];
    for (size_t a = 0; p->has_bias && a < in; a++)
      hessian[(p->weight + o * in + a) * size + p->bias + i] =
          hessian[(p->weight + i * in + a) * size + p->bias + o];
  }
}

symo_status symo_net_dense_hessian(void *self, const void *theta, double *hessian) {
  symo_net *net = self;
  symo_status status = symo_net_ready(net, theta, "network hessian");
  if (status == SYMO_OK) status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  hessian_job j = {.net = net, .dtype = net->spec.dtype, .hessian = hessian, .first = true};
  share_workspace(&j);
  /* BLAS's own threads would spin for a while after each small product, in the way of the pool's. */
  const int blas = symo_get_threads();
  if (symo_pool_threads(net->pool) > 1 && blas > 1) (void)symo_set_threads(1);
  const size_t step = symo_net_chunk(net->examples, net->sizes.hessian_rows);
  /* Several processes take the batches of seeds in turn.  What one of them adds to, the others leave
   * at 0, so that sums are to the last bit what one process comes to. */
  const bool alone = symo_comm_size(net->comm) == 1;
  const size_t entries = net->parameters * net->parameters;
  if (!alone) memset(hessian, 0, entries * sizeof *hessian);
  for (size_t first = 0; first < net->examples; first += step, j.first = false) {
    j.turn = 0;
    j.n = net->examples - first < step ? net->examples - first : step;
    symo_pass pass = symo_net_pass(net, theta, first, j.n);
    symo_net_forward(net, &pass, 2, true);
    symo_net_backward(net, &pass);
    for (size_t l = 0; l < net->num_weights; l++) layer(&j, &pass, l);
  }
  if (!alone) symo_comm_sum(net->comm, SYMO_F64, entries, hessian);
  for (size_t l = 0; l < net->num_weights; l++) {
    panel_job job = {.j = &j, .p = &net->nodes[net->weights[l]]};
    symo_pool_run(net->pool, job.p->out_width, fill_rows, &job);
  }
  if (symo_get_threads() != blas) (void)symo_set_threads(blas);
  return SYMO_OK;
}

/* Two products forward and four back for every direction; forward and backward do not count beside
 * them. */
static double product_flops(const symo_net *net) {
  double flops = 0.0;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    if (node->op != &symo_op_dense && node->op != &symo_op_recurrent) continue;
    flops +=
        12.0 * (double)node->weight_rows * (double)node->weight_columns * (double)node->in_rows;
  }
  return flops * (double)net->parameters * (double)net->examples;
}

double symo_net_hessian_flops(const symo_net *net) {
  if (!net->plain) return product_flops(net);
  double flops = 0.0;
  for (size_t l = 0; l < net->num_weights; l++) {
    const symo_node *p = &net->nodes[net->weights[l]];
    const double in = (double)p->in_width, out = (double)p->out_width;
    const double a = (double)width_of(p);
    flops += l == 0 ? 2.0 * in * out : 4.0 * in * out; /* forward and backward */
    flops += 0.5 * a * (a + 1.0) * out * (out + 1.0);  /* q = p */
    for (size_t m = l + 1; m < net->num_weights; m++) {
      const symo_node *q = &net->nodes[net->weights[m]];
      const double q_out = (double)q->out_width, size = (double)q->in_width * q_out;
      /* Tangents of one-hot seeds through the next layer are its columns: no product is needed. */
      flops += out * size * (m == l + 1 ? 2.0 : 4.0);
      flops += 2.0 * a * out * (double)width_of(q) * q_out;
      if (q == neighbour(net, l)) flops += 2.0 * a * out * q_out;
    }
  }
  return flops * (double)net->examples;
}
