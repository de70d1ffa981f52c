/* Layer statistics in the passes that take a gradient (symo/factors.h).
 *
 * A dense operation has its pairs (a, d) in two buffers when its backward pass has run: what it
 * read, and the cotangent of what it wrote.  They go to the sums as they stand, a chunk at a time.
 *   empirical  the backward pass of the gradient is used: no pass more
 *   sampled    one more backward pass, without gradients of weights, at labels y drawn from the
 *              model's own distribution; which ones is a function of seed and example alone
 *   exact      one for each output c, with cotangents f^ of which E f^ f^' is the Hessian of the
 *              loss by the outputs: mse e_c, cross-entropy sqrt(p_c) (p - e_c), bernoulli
 *              sqrt(p_c (1 - p_c)) e_c
 * For these losses the last two have the Gauss-Newton matrix as their Fisher matrix (Martens 2020,
 * arXiv 1412.1193). */
#include "net/factors.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/linalg.h"
#include "net/kernels.h"

/* ---- sites ---- */

static bool is_tied(const symo_net *net, size_t table) {
  for (size_t i = 0; i < net->num_nodes; i++)
    if (i != table && net->nodes[i].op == &symo_op_dense &&
        net->nodes[i].weight == net->nodes[table].weight)
      return true;
  return false;
}

static void add_site(symo_net *net, size_t node, symo_factor_site site) {
  if (net->site_of[node] == SYMO_NONE) net->site_of[node] = net->num_sites;
  net->sites[net->num_sites++] = site;
}

/* Wx of a recurrent layer writes what Wh adds to: they have the same d. */
static void find_same_outputs(symo_net *net) {
  for (size_t s = 0; s < net->num_sites; s++) net->same_outputs[s] = SYMO_NONE;
  for (size_t i = 0; i < net->num_nodes; i++)
    for (size_t j = 0; j < net->num_nodes && net->nodes[i].op == &symo_op_recurrent; j++)
      if (net->nodes[j].op == &symo_op_dense && net->nodes[j].out[0] == net->nodes[i].in[0])
        net->same_outputs[net->site_of[j]] = net->site_of[i];
}

/* Weights in their order, then tables: of tokens, and of positions.  A tied table has gradients of
 * two kinds and is none. */
void symo_net_find_sites(symo_net *net) {
  for (size_t i = 0; i < net->num_nodes; i++) net->site_of[i] = SYMO_NONE;
  for (size_t k = 0; k < net->num_weights; k++) {
    const symo_node *node = &net->nodes[net->weights[k]];
    add_site(net, net->weights[k],
             (symo_factor_site){.weight = node->weight,
                                .bias = node->has_bias ? node->bias : SYMO_NONE,
                                .outputs = node->weight_rows,
                                .inputs = node->weight_columns});
  }
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    if (!node->op->table) continue;
    symo_factor_site site = {.weight = node->weight,
                             .bias = SYMO_NONE,
                             .outputs = node->out_width,
                             .inputs = node->weight_rows,
                             .table = true};
    symo_factor_site places = site;
    places.weight = node->weight + node->weight_rows * node->out_width;
    places.inputs = node->out_rows;
    if (is_tied(net, i)) continue;
    add_site(net, i, site);
    add_site(net, i, places);
  }
  find_same_outputs(net);
}

/* Whether the sum of d d' of site s is taken from that site. */
static bool shares_outputs(const symo_net *net, const symo_factor_sums *sums, size_t s) {
  const size_t other = net->same_outputs[s];
  if (other == SYMO_NONE || sums[s].outputs == NULL || sums[other].outputs == NULL) return false;
  return sums[s].moments == NULL && sums[s].output_columns + sums[other].output_columns == 0 &&
         sums[s].sharing == sums[other].sharing;
}

/* What both had before is taken off, and comes back with the rest. */
void symo_net_share_outputs(const symo_net *net, symo_factor_sums *sums, bool end) {
  const double sign = end ? 1.0 : -1.0;
  for (size_t s = 0; s < net->num_sites; s++) {
    if (!shares_outputs(net, sums, s)) continue;
    const symo_factor_sums *from = &sums[net->same_outputs[s]];
    const size_t n = net->sites[s].outputs;
    symo_axpy(sums[s].dtype, n * n, sign, from->outputs, sums[s].outputs);
    sums[s].output_count += sign * from->output_count;
  }
}

/* ---- pairs ---- */

static void add(const symo_net *net, size_t site, const symo_net_collect *c, symo_factor_rows rows,
                symo_status *status) {
  rows.known = c->known, rows.counted = c->counted;
  if (*status == SYMO_OK)
    *status = symo_factor_sums_add(NULL, &net->sites[site], &c->sums[site], &rows);
}

/* Tokens stand example by example, derivatives position by position. */
static symo_status collect_table(const symo_net *net, size_t i, const symo_pass *pass,
                                 symo_factor_rows rows) {
  const symo_node *node = &net->nodes[i];
  const uint32_t *ids = pass->value[node->in[0]];
  symo_status status = SYMO_OK;
  uint32_t *index = symo_malloc(rows.examples * rows.repeats * sizeof *index);
  if (index == NULL) return SYMO_E_MEMORY;
  for (size_t kind = 0; kind < 2; kind++) {
    for (size_t p = 0; p < rows.repeats; p++)
      for (size_t r = 0; r < rows.examples; r++)
        index[p * rows.examples + r] = kind == 0 ? ids[r * node->in_width + p] : (uint32_t)p;
    rows.indices = index;
    add(net, net->site_of[i] + kind, pass->collect, rows, &status);
  }
  symo_free(index);
  return status;
}

/* Wh meets what the node wrote a step before, zero at first, and what left it is z. */
static symo_status collect_recurrent(const symo_net *net, size_t i, const symo_pass *pass,
                                     symo_factor_rows rows) {
  const symo_node *node = &net->nodes[i];
  symo_status status = SYMO_OK;
  const size_t step = pass->n * node->in_width * symo_dtype_size(pass->dtype);
  char *before = symo_malloc(rows.repeats * step);
  if (before == NULL) return SYMO_E_MEMORY;
  memset(before, 0, step);
  memcpy(before + step, pass->value[node->out[0]], (rows.repeats - 1) * step);
  rows.inputs = before, rows.outputs = pass->cot[node->in[0]];
  add(net, net->site_of[i], pass->collect, rows, &status);
  symo_free(before);
  return status;
}

void symo_net_collect_node(const symo_net *net, size_t i, const symo_pass *pass) {
  const symo_node *node = &net->nodes[i];
  symo_factor_rows rows = {.examples = pass->n, .repeats = node->out_rows, .repeats_first = true};
  if (net->site_of[i] == SYMO_NONE || pass->collect->status != SYMO_OK) return;
  rows.outputs = pass->cot[node->out[0]];
  if (node->op->table) {
    pass->collect->status = collect_table(net, i, pass, rows);
  } else if (node->op == &symo_op_recurrent) {
    pass->collect->status = collect_recurrent(net, i, pass, rows);
  } else {
    rows.inputs = pass->value[node->in[0]];
    if (shares_outputs(net, pass->collect->sums, net->site_of[i])) rows.outputs = NULL;
    add(net, net->site_of[i], pass->collect, rows, &pass->collect->status);
  }
}

/* ---- labels of the model's own ---- */

/* Number `index` of the uniform ones in [0, 1) of an example. */
static double uniform(uint64_t seed, size_t example, uint64_t index) {
  const uint64_t own = symo_hash_join(seed, example);
  return (double)(symo_hash_join(own, index) >> 11) * 0x1p-53;
}

/* Box and Muller. */
static double normal(uint64_t seed, size_t example, uint64_t index) {
  const double u = 1 - uniform(seed, example, 2 * index), v = uniform(seed, example, 2 * index + 1);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* A class of softmax(f), f [width], by its distribution function. */
static size_t draw_class(symo_dtype dtype, const void *f, size_t width, double u) {
  double top = -INFINITY, sum = 0;
  size_t class = 0;
  for (size_t i = 0; i < width; i++) top = fmax(top, symo_get(dtype, f, i));
  for (size_t i = 0; i < width; i++) sum += exp(symo_get(dtype, f, i) - top);
  double left = u * sum;
  for (size_t i = 0; i < width && left >= 0; i++) {
    const double mass = exp(symo_get(dtype, f, i) - top);
    if (mass > 0) class = i; /* rounding never leaves it on an impossible one */
    left -= mass;
  }
  return class;
}

/* Targets of a chunk, of the type that losses read. */
static void draw(const symo_net *net, const symo_pass *pass, uint64_t seed, void *labels) {
  const symo_node *loss = &net->nodes[net->num_nodes - 1];
  const symo_dtype d = pass->dtype;
  const size_t w = loss->in_width, rows = loss->in_rows;
  const void *f = pass->value[loss->in[0]];
  for (size_t r = 0; r < pass->n; r++) {
    const size_t example = pass->first + r;
    for (size_t p = 0; p < rows && net->spec.loss == SYMO_LOSS_TOKENS; p++)
      ((uint32_t *)labels)[r * rows + p] = (uint32_t)draw_class(
          d, symo_at(d, f, (ptrdiff_t)((p * pass->n + r) * w)), w, uniform(seed, example, p));
    if (net->spec.loss == SYMO_LOSS_TOKENS) continue;
    const size_t class =
        net->spec.loss == SYMO_LOSS_CROSS_ENTROPY
            ? draw_class(d, symo_at(d, f, (ptrdiff_t)(r * w)), w, uniform(seed, example, 0))
            : 0;
    for (size_t i = 0; i < w; i++) {
      const double v = symo_get(d, f, r * w + i);
      double y = i == class ? 1 : 0;
      if (net->spec.loss == SYMO_LOSS_BERNOULLI)
        y = uniform(seed, example, i) * (1 + exp(-v)) < 1 ? 1 : 0;
      else if (net->spec.loss == SYMO_LOSS_MSE)
        y = v + normal(seed, example, i);
      symo_put(d, labels, r * w + i, y);
    }
  }
}

/* ---- exact ---- */

/* Term c of the Hessian of the losses of a chunk by their outputs, as cotangents. */
static void seed_exact(const symo_net *net, const symo_pass *pass, size_t c) {
  const symo_node *loss = &net->nodes[net->num_nodes - 1];
  const symo_dtype d = pass->dtype;
  const size_t w = loss->in_width;
  const void *p = loss->saved[0] >= 0 ? pass->value[loss->saved[0]] : NULL;
  void *out = pass->cot[loss->in[0]];
  for (size_t r = 0; r < pass->n; r++) {
    const double own = p != NULL ? symo_get(d, p, r * w + c) : 1;
    for (size_t i = 0; i < w; i++) {
      const double unit = i == c ? 1 : 0;
      double v = unit;
      if (net->spec.loss == SYMO_LOSS_CROSS_ENTROPY)
        v = sqrt(own) * (symo_get(d, p, r * w + i) - unit);
      else if (net->spec.loss == SYMO_LOSS_BERNOULLI)
        v = sqrt(own * (1 - own)) * unit;
      symo_put(d, out, r * w + i, v);
    }
  }
}

/* ---- a chunk ---- */

/* Where values are recomputed, a backward pass leaves those of its first segment in the place of
 * the last, which has the outputs. */
static void restore_last(symo_net *net, symo_pass *pass) {
  const double loss = pass->loss;
  if (!net->recompute) return;
  for (size_t i = net->segments[net->num_segments - 1]; i < net->num_nodes; i++)
    net->nodes[i].op->forward(&net->nodes[i], pass, 1);
  pass->loss = loss;
}

static symo_status collect_backward(symo_net *net, symo_pass *pass,
                                    const symo_factor_request *request, symo_factor_sums *sums,
                                    size_t term, bool seeded) {
  symo_net_collect collect = {
      .request = request, .sums = sums, .known = request->known || term > 0, .counted = term > 0};
  pass->collect = &collect;
  symo_net_backward_all(net, pass, seeded);
  pass->collect = NULL;
  return collect.status;
}

symo_status symo_net_factors_chunk(symo_net *net, symo_net_lane *lane, symo_pass *pass,
                                   const symo_factor_request *request, symo_factor_sums *sums) {
  const void *targets = pass->targets;
  symo_status status = SYMO_OK;
  if (request->fisher == SYMO_FISHER_EMPIRICAL && request->labels == NULL)
    return collect_backward(net, pass, request, sums, 0, false);
  if (pass->gradient != NULL) {
    symo_net_backward_all(net, pass, false);
    restore_last(net, pass);
  }
  void *gradient = pass->gradient;
  pass->gradient = NULL;
  if (request->fisher == SYMO_FISHER_EXACT) {
    for (size_t c = 0; c < net->outputs && status == SYMO_OK; c++) {
      if (c > 0) restore_last(net, pass);
      seed_exact(net, pass, c);
      status = collect_backward(net, pass, request, sums, c, true);
    }
  } else {
    pass->targets = lane->labels;
    if (request->labels != NULL)
      status = symo_net_convert(net, SYMO_NET_TARGETS, pass->n,
                                request->labels + pass->first * net->targets, lane->labels);
    else
      draw(net, pass, request->seed, lane->labels);
    if (status == SYMO_OK) status = collect_backward(net, pass, request, sums, 0, false);
  }
  pass->gradient = gradient, pass->targets = targets;
  return status;
}

/* ---- lanes ---- */

static size_t array_bytes(const symo_factor_sums *s, const void *array, size_t rows,
                          size_t columns) {
  return array == NULL ? 0 : symo_padded(rows * columns * symo_dtype_size(s->dtype));
}

/* Gives the arrays of a copy places in memory; memory NULL: only counts. */
static size_t place_sums(const symo_factor_site *site, symo_factor_sums *s, char *memory) {
  const size_t m = symo_factor_width(site, s), n = site->outputs;
  void **arrays[] = {&s->inputs, &s->outputs, &s->moments};
  const size_t bytes[] = {
      array_bytes(s, s->inputs, m,
                  site->table            ? 1
                  : s->input_columns > 0 ? s->input_columns
                                         : m),
      array_bytes(s, s->outputs, n, s->output_columns > 0 ? s->output_columns : n),
      array_bytes(s, s->moments, n, m)};
  size_t at = 0;
  for (int i = 0; i < 3; i++) {
    if (memory != NULL && *arrays[i] != NULL) *arrays[i] = memory + at;
    at += bytes[i];
  }
  return at;
}

void symo_net_free_sums(symo_net *net) {
  symo_free(net->sums_memory);
  symo_free(net->sums);
  net->sums_memory = NULL, net->sums = NULL;
  net->sums_bytes = 0;
}

symo_status symo_net_allocate_sums(symo_net *net, const symo_factor_request *request) {
  const size_t others = net->num_lanes - 1, sites = net->num_sites;
  size_t each = 0;
  if (others == 0) return SYMO_OK;
  for (size_t k = 0; k < sites; k++) {
    symo_factor_sums copy = request->sums[k];
    each += place_sums(&net->sites[k], &copy, NULL);
  }
  if (net->sums == NULL || net->sums_bytes < others * each) {
    symo_net_free_sums(net);
    net->sums = symo_calloc(others * sites, sizeof *net->sums);
    net->sums_memory = symo_malloc(others * each);
    if (net->sums == NULL || net->sums_memory == NULL) {
      symo_net_free_sums(net);
      return symo_fail_memory(net->context, "network factors");
    }
    net->sums_bytes = others * each;
  }
  char *memory = net->sums_memory;
  for (size_t l = 0; l < others; l++)
    for (size_t k = 0; k < sites; k++) {
      symo_factor_sums *s = &net->sums[l * sites + k];
      *s = request->sums[k];
      memory += place_sums(&net->sites[k], s, memory);
      symo_factor_sums_clear(&net->sites[k], s);
    }
  return SYMO_OK;
}

/* ---- checks ---- */

symo_status symo_net_check_request(symo_net *net, const symo_factor_request *request) {
  if (request == NULL || request->sums == NULL)
    return symo_fail_null(net->context, "network factors",
                          request == NULL ? "request" : "request->sums");
  if (request->num_sites != net->num_sites)
    return symo_fail(net->context, SYMO_E_SHAPE,
                     "network factors: %zu sites are asked for, the network has %zu (take those of "
                     "its problem)",
                     request->num_sites, net->num_sites);
  if (request->fisher == SYMO_FISHER_EXACT && net->spec.loss == SYMO_LOSS_TOKENS)
    return symo_fail(net->context, SYMO_E_UNSUPPORTED,
                     "network factors: the exact Fisher takes a backward pass for each output, and "
                     "texts have one for each token at each position (use sampled)");
  for (size_t k = 0; k < net->num_sites; k++)
    if (request->sums[k].dtype != net->spec.dtype)
      return symo_fail(net->context, SYMO_E_DTYPE,
                       "network factors: sums of site %zu are in %s, the network in %s", k,
                       symo_dtype_name(request->sums[k].dtype), symo_dtype_name(net->spec.dtype));
  return SYMO_OK;
}
