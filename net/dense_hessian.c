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
#include "net/dense_hessian.h"

#include <string.h>

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
    symo_dense_gather(j, p, q);
    for (size_t m = l + 1; m < net->num_weights; m++)
      if (&net->nodes[net->weights[m]] != q)
        symo_dense_later_block(j, p, &net->nodes[net->weights[m]]);
  }
  symo_dense_own_block(j, p);
  if (q != NULL) symo_dense_next_block(j, p, q);
}

static void layer(hessian_job *j, symo_pass *pass, size_t l) {
  const symo_net *net = j->net;
  const symo_node *p = &net->nodes[net->weights[l]], *q = neighbour(net, l);
  size_t room = p->out_width;
  if (q != NULL && q->out_width > room) room = q->out_width;
  const size_t step = symo_net_chunk(p->out_width, net->sizes.batch_numbers / room);
  symo_dense_extend(j->dtype, j->n, p->in_width, p->has_bias, pass->value[p->in[0]], j->input_p);
  if (q != NULL)
    symo_dense_extend(j->dtype, j->n, q->in_width, q->has_bias, pass->value[q->in[0]], j->input_q);
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
