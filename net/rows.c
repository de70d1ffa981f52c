/* The rows of the Gauss-Newton matrix: with the outputs f of N examples, their Jacobian J and the
 * second derivative Q = L L' of the loss of one example by its outputs,
 *
 *     A = J' Q J / N = S'S,   S = L' J / sqrt(N),   gradient J' r / N = S'w,   L w sqrt(N) = r
 *
 * with r = q - y, of which L is
 *     mse            I                                  q = f
 *     cross-entropy  diag(sqrt q) - q sqrt(q)' / s      q = s softmax(f), s = sum_k y_k
 *     bernoulli      diag(sqrt(q (1 - q)))              q = 1 / (1 + e^-f)
 * (L' is the one that stands before J: L J has another product).  For the softmax L L' = diag(q) -
 * q q' / s, and w = r / sqrt(q) solves L w = r because r sums to 0, whatever the targets' sum s.
 * Where q underflows, LEAST stands for the variance.
 *
 * The rows of the empirical Fisher matrix are the gradients g_i of the losses of single examples,
 * g_i = J_i'c_i with the derivative c_i of the loss by the outputs of example i.
 *
 * The loss over labels drawn from the model, whose squared gradient estimates the diagonal of A
 * (Gauss-Newton-Bartlett; Liu et al. 2023, section 2.3): for a mean over N examples the expectation
 * of N g g' is A, as the score has mean 0 and the examples are independent; tokens are as many
 * examples as there are positions. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "net/graph.h"
#include "net/kernels.h"

#define LEAST 1e-30

#define SYMO_KERNELS "net/rows.inc"
#include "core/real.h"

static const symo_node *loss_of(const symo_net *net) { return &net->nodes[net->num_nodes - 1]; }

size_t symo_net_rows(void *self) {
  const symo_net *net = self;
  return net->examples * net->outputs;
}

/* ---- the factor ---- */

static void apply_factor(const symo_net *net, const symo_pass *pass, bool transposed, void *x) {
  const symo_node *loss = loss_of(net);
  const double scale = 1.0 / sqrt((double)net->examples);
  const size_t w = loss->in_width;
  if (net->spec.loss == SYMO_LOSS_MSE) {
    symo_scal(pass->dtype, pass->n * pass->k * w, scale, x);
    return;
  }
  SYMO_BY_TYPE(pass->dtype, factor, net->spec.loss == SYMO_LOSS_CROSS_ENTROPY, transposed, pass->n,
               pass->k, w, scale, pass->value[loss->saved[0]], x);
}

symo_status symo_net_row_residual(void *self, const void *theta, void *w) {
  symo_net *net = self;
  const symo_node *loss = loss_of(net);
  const symo_dtype dtype = net->spec.dtype;
  symo_status status = symo_net_ready(net, theta, "network rows");
  if (status == SYMO_OK) status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  const double scale = 1.0 / sqrt((double)net->examples);
  const size_t step = symo_net_product_chunk(net, theta, 1), width = loss->in_width;
  for (size_t at = 0; at < net->examples; at += step) {
    const size_t n = net->examples - at < step ? net->examples - at : step;
    symo_pass pass = symo_net_pass(net, theta, at, n);
    symo_net_values(net, &pass, 1, false);
    void *out = symo_at(dtype, w, (ptrdiff_t)(at * width));
    if (net->spec.loss != SYMO_LOSS_MSE) {
      SYMO_BY_TYPE(dtype, residual, net->spec.loss == SYMO_LOSS_CROSS_ENTROPY, n * width, scale,
                   pass.value[loss->saved[0]], pass.targets, out);
      continue;
    }
    memcpy(out, pass.value[loss->in[0]], n * width * symo_dtype_size(dtype));
    symo_axpy(dtype, n * width, -1.0, pass.targets, out);
    symo_scal(dtype, n * width, scale, out);
  }
  return SYMO_OK;
}

/* ---- products, a block of directions at a time ---- */

/* Rows of outputs, or of examples: g_i, the cotangents c of the outputs in the place of L' / sqrt N. */

static void product(symo_net *net, const void *theta, size_t k, bool examples, const void *v,
                    size_t rows, void *sv) {
  void *pack[4];
  const symo_dtype dtype = net->spec.dtype;
  const size_t first = symo_net_load(net, k, v, pack), step = symo_net_product_chunk(net, theta, k);
  const symo_node *loss = loss_of(net);
  if (first == net->num_nodes) {
    for (size_t s = 0; s < k; s++)
      memset(symo_at(dtype, sv, (ptrdiff_t)(s * rows)), 0, rows * symo_dtype_size(dtype));
    return;
  }
  for (size_t at = 0; at < net->examples; at += step) {
    const size_t n = net->examples - at < step ? net->examples - at : step;
    symo_pass pass = symo_net_pass(net, theta, at, n);
    pass.k = k, pass.gauss_newton = true, pass.touched = net->touched;
    pass.v_rows = pack[0], pass.v_columns = pack[1];
    symo_net_values(net, &pass, 1, false);
    symo_net_tangent(net, &pass, first, false);
    void *out = pass.tan[loss->in[0]];
    if (examples) {
      loss->op->backward(loss, &pass);
      symo_kernel_score(dtype, loss->in_rows, n, k, loss->in_width, pass.cot[loss->in[0]], out,
                        rows, at, sv);
      continue;
    }
    apply_factor(net, &pass, true, out);
    SYMO_BY_TYPE(dtype, move, true, n, k, loss->in_width, rows, at, out, sv);
  }
}

static void transposed(symo_net *net, const void *theta, size_t k, bool examples, size_t rows,
                       const void *u, void *su) {
  const symo_dtype dtype = net->spec.dtype;
  const size_t step = symo_net_product_chunk(net, theta, k), size = k * net->parameters;
  const symo_node *loss = loss_of(net);
  void *products = symo_at(dtype, net->packs, 2 * (ptrdiff_t)size);
  memset(products, 0, size * symo_dtype_size(dtype));
  memset(net->tan_now, 0, sizeof net->tan_now);
  for (size_t at = 0; at < net->examples; at += step) {
    const size_t n = net->examples - at < step ? net->examples - at : step;
    symo_pass pass = symo_net_pass(net, theta, at, n);
    pass.k = k, pass.gauss_newton = true, pass.hv_rows = products;
    symo_net_values(net, &pass, 1, false);
    void *out = pass.ctan[loss->in[0]], *all = (void *)(uintptr_t)u;
    if (examples) {
      loss->op->backward(loss, &pass);
      symo_kernel_unscore(dtype, loss->in_rows, n, k, loss->in_width, pass.cot[loss->in[0]], rows,
                          at, u, out);
    } else {
      SYMO_BY_TYPE(dtype, move, false, n, k, loss->in_width, rows, at, out, all);
      apply_factor(net, &pass, false, out);
    }
    symo_net_back_from_outputs(net, &pass);
  }
  for (size_t i = 0; i < net->num_nodes; i++)
    if (net->nodes[i].op->store != NULL)
      net->nodes[i].op->store(&net->nodes[i], dtype, k, net->parameters, 1.0, products, NULL, su);
}

/* Rows of other processes are not here. */
static symo_status check_alone(symo_net *net) {
  if (symo_comm_size(net->comm) == 1) return SYMO_OK;
  return symo_fail(net->context, SYMO_E_UNSUPPORTED,
                   "network rows: the examples are on %d processes (take space parameters)",
                   symo_comm_size(net->comm));
}

static symo_status blocks(symo_net *net, const void *theta, size_t k, bool examples, bool back,
                          const void *in, void *out) {
  symo_status status = symo_net_ready(net, theta, "network rows");
  if (status == SYMO_OK) status = check_alone(net);
  if (status == SYMO_OK) status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  const symo_dtype dtype = net->spec.dtype;
  const size_t most = symo_net_product_block(net, theta);
  const size_t rows = examples ? net->examples : symo_net_rows(net);
  for (size_t first = 0; first < k; first += most) {
    const size_t block = k - first < most ? k - first : most;
    const ptrdiff_t in_row = (ptrdiff_t)(first * rows),
                    in_size = (ptrdiff_t)(first * net->parameters);
    if (back)
      transposed(net, theta, block, examples, rows, symo_at(dtype, in, in_row),
                 symo_at(dtype, out, in_size));
    else
      product(net, theta, block, examples, symo_at(dtype, in, in_size), rows,
              symo_at(dtype, out, in_row));
  }
  return SYMO_OK;
}

symo_status symo_net_row_product(void *self, const void *theta, size_t k, const void *v, void *sv) {
  return blocks(self, theta, k, false, false, v, sv);
}

symo_status symo_net_row_transposed(void *self, const void *theta, size_t k, const void *u,
                                    void *su) {
  return blocks(self, theta, k, false, true, u, su);
}

symo_status symo_net_example_product(void *self, const void *theta, size_t k, const void *v,
                                     void *out) {
  return blocks(self, theta, k, true, false, v, out);
}

symo_status symo_net_example_transposed(void *self, const void *theta, size_t k, const void *u,
                                        void *out) {
  return blocks(self, theta, k, true, true, u, out);
}

/* ---- labels of the model's own ---- */

/* Numbers in (0, 1), and normal ones, that belong to a seed and a place. */
static double uniform_at(uint64_t key, size_t place) {
  return ((double)(symo_hash_join(key, place) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal_at(uint64_t key, size_t place) {
  const double angle = 6.283185307179586 * uniform_at(key, 2 * place + 1);
  return sqrt(-2.0 * log(uniform_at(key, 2 * place))) * cos(angle);
}

/* A class of a distribution, in w numbers from `first`, p or their logarithms: where the running
 * sum passes `left`. */
static size_t class_at(symo_dtype dtype, const void *x, size_t first, size_t w, bool logarithms,
                       double shift, double left) {
  size_t class = 0;
  for (size_t i = 0; i < w && left >= 0.0; i++) {
    const double number = symo_get(dtype, x, first + i);
    const double mass = logarithms ? exp(number - shift) : number;
    if (mass > 0.0) class = i; /* rounding never leaves it on an impossible one */
    left -= mass;
  }
  return class;
}

/* A token at each position of example r. */
static void draw_tokens(const symo_net *net, const symo_pass *pass, size_t r, uint64_t key,
                        uint32_t *labels) {
  const symo_node *loss = loss_of(net);
  for (size_t p = 0; p < loss->in_rows; p++) {
    const size_t row = p * pass->n + r;
    const double sum = symo_get(pass->dtype, pass->value[loss->saved[0]], row);
    labels[r * loss->in_rows + p] =
        (uint32_t)class_at(pass->dtype, pass->value[loss->in[0]], row * loss->in_width,
                           loss->in_width, true, sum, uniform_at(key, p));
  }
}

/* Of a softmax of mass s the score q - y is sqrt(s) (p - one-hot), whose covariance is Q; targets
 * are one-hot where s is 1. */
static void draw_class(const symo_pass *pass, size_t w, const void *q, size_t r, uint64_t key,
                       void *labels) {
  double s = 0.0;
  for (size_t i = 0; i < w; i++) s += symo_get(pass->dtype, q, r * w + i);
  const size_t class = class_at(pass->dtype, q, r * w, w, false, 0.0, s * uniform_at(key, 0));
  for (size_t i = 0; i < w; i++) {
    const double here = symo_get(pass->dtype, q, r * w + i);
    const double score = s > 0.0 ? here / s - (i == class ? 1.0 : 0.0) : 0.0;
    symo_put(pass->dtype, labels, r * w + i, here - sqrt(s) * score);
  }
}

/* Targets of example r into labels; key: of the seed and the example. */
static void draw(const symo_net *net, const symo_pass *pass, size_t r, uint64_t key, void *labels) {
  const symo_node *loss = loss_of(net);
  const symo_dtype dtype = pass->dtype;
  const size_t w = loss->in_width;
  switch (net->spec.loss) {
  case SYMO_LOSS_TOKENS: draw_tokens(net, pass, r, key, labels); return;
  case SYMO_LOSS_CROSS_ENTROPY:
    draw_class(pass, w, pass->value[loss->saved[0]], r, key, labels);
    return;
  case SYMO_LOSS_BERNOULLI:
    for (size_t i = r * w; i < (r + 1) * w; i++)
      symo_put(dtype, labels, i,
               uniform_at(key, i - r * w) < symo_get(dtype, pass->value[loss->saved[0]], i));
    return;
  case SYMO_LOSS_MSE:
    for (size_t i = r * w; i < (r + 1) * w; i++)
      symo_put(dtype, labels, i,
               symo_get(dtype, pass->value[loss->in[0]], i) + normal_at(key, i - r * w));
    return;
  }
}

symo_status symo_net_sampled_gradient(void *self, const void *theta, uint64_t seed,
                                      double *examples, void *grad) {
  symo_net *net = self;
  const symo_dtype dtype = net->spec.dtype;
  symo_status status = symo_net_ready(net, theta, "network labels");
  if (status == SYMO_OK) status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  memset(grad, 0, net->parameters * symo_dtype_size(dtype));
  size_t at, own = symo_net_own_examples(net, &at);
  const size_t end = at + own;
  const size_t step = symo_net_holds(net, theta) ? own : symo_net_chunk(own, net->sizes.rows);
  for (; at < end; at += step) {
    const size_t n = end - at < step ? end - at : step;
    symo_pass pass = symo_net_pass(net, theta, at, n);
    symo_net_values(net, &pass, 1, false);
    for (size_t r = 0; r < n; r++)
      draw(net, &pass, r, symo_hash_join(symo_hash(seed), at + r), net->labels);
    pass.targets = net->labels;
    pass.gradient = grad;
    symo_net_backward(net, &pass);
  }
  symo_scal(dtype, net->parameters, 1.0 / (double)net->examples, grad);
  symo_comm_sum(net->comm, dtype, net->parameters, grad);
  *examples = (double)net->examples *
              (net->spec.loss == SYMO_LOSS_TOKENS ? (double)loss_of(net)->in_rows : 1.0);
  return SYMO_OK;
}
