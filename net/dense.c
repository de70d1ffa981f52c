/* The dense operation z = W a + b, for n examples at once: Z = A W' + 1 b', W [out, in].
 *
 *   forward            Z = A W' + 1 b'
 *   backward           A^ = Z^ W,      W^ += Z^' A,     b^ += Z^' 1
 *   tangent            RZ_k = RA_k W' + A V_k' + 1 v_k'
 *   backward tangent   RA^_k = RZ^_k W + Z^ V_k,   HV_k += RZ^_k' A + Z^' RA_k,   Hv_k += RZ^_k' 1
 * with the direction (V_k, v_k).  The Gauss-Newton product leaves out the terms with Z^
 * (Pearlmutter 1994; Schraudolph 2002).  All k at once, each term is one product:
 *   RA W'   [n k, in] [in, out]         A V'    [n, in] [in, k out]   (directions by rows)
 *   RZ^ W   [n k, out] [out, in]        Z^ V    [n, out] [out, k in]  (directions by columns)
 *   RZ^' A  [k out, n] [n, in]          Z^' RA  [out, n] [n, k in] */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "net/kernels.h"
#include "net/layer.h"
#include "net/param.h"

static size_t product_rows(const symo_node *node) { return node->in_rows; }

/* Every position of an example is one more example here. */
static size_t examples(const symo_node *node, const symo_pass *pass) {
  return pass->n * node->in_rows;
}

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  void *z = pass->value[node->out[0]];
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, node->in_width);
  /* gemm reads what it adds to while it writes it: cheaper than a pass of its own. */
  if (node->has_bias)
    symo_kernel_fill_rows(d, n, node->out_width, symo_at(d, pass->theta, (ptrdiff_t)node->bias), z);
  const symo_mat weight = symo_param_weight(node, d, pass->theta);
  const double old = node->has_bias ? 1.0 : 0.0;
  if (n == 1)
    symo_gemv(d, 1.0, weight, a.p, old, z);
  else
    symo_gemm(d, 1.0, a, symo_mat_t(weight), old, symo_mat_dense(z, n, node->out_width));
}

static void backward(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], n, node->out_width);
  if (pass->cot[node->in[0]] != NULL)
    symo_gemm(d, 1.0, delta, symo_param_weight(node, d, pass->theta), 0.0,
              symo_mat_dense(pass->cot[node->in[0]], n, node->in_width));
  if (pass->gradient == NULL) return;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, node->in_width);
  void *gradient = symo_at(d, pass->gradient, (ptrdiff_t)node->weight);
  symo_gemm(d, 1.0, symo_mat_t(delta), a, 1.0,
            symo_mat_dense(gradient, node->out_width, node->in_width));
  if (node->has_bias)
    symo_kernel_sum_rows(d, n, node->out_width, delta.p,
                         symo_at(d, pass->gradient, (ptrdiff_t)node->bias));
}

static void example(const symo_node *node, const symo_pass *pass, size_t r, bool add, void *g) {
  const symo_dtype d = pass->dtype;
  const size_t in = node->in_width, out = node->out_width;
  const void *delta = symo_param_row(pass, pass->cot[node->out[0]], out, 0, r);
  symo_param_pairs(pass, node->in_rows, in, out,
                   symo_param_row(pass, pass->value[node->in[0]], in, 0, r), delta, add,
                   symo_at(d, g, (ptrdiff_t)node->weight));
  if (node->has_bias)
    symo_kernel_sum_apart(d, node->in_rows, out, pass->n * out, delta,
                          symo_at(d, g, (ptrdiff_t)node->bias));
}

static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width;
  const bool touched = symo_param_touched(pass, index);
  void *tz = pass->tan[node->out[0]], *ta = pass->tan[node->in[0]];
  if (ta != NULL)
    symo_gemm(d, 1.0, symo_mat_dense(ta, n * pass->k, in),
              symo_mat_t(symo_param_weight(node, d, pass->theta)), 0.0,
              symo_mat_dense(tz, n * pass->k, out));
  if (!touched) return; /* then ta is not NULL: the runner starts at the first touched node */
  symo_mat v =
      symo_mat_dense(symo_param_packed(pass, pass->v_rows, node->weight), pass->k * out, in);
  symo_gemm(d, 1.0, symo_mat_dense(pass->value[node->in[0]], n, in), symo_mat_t(v),
            ta != NULL ? 1.0 : 0.0, symo_mat_dense(tz, n, pass->k * out));
  if (node->has_bias)
    symo_kernel_add_row(d, n, pass->k * out, symo_param_packed(pass, pass->v_rows, node->bias), tz);
}

/* What the directions give through the stored derivatives: HV_k and Hv_k. */
static void products(const symo_node *node, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  symo_mat a = symo_mat_dense(pass->value[node->in[0]], n, in);
  symo_mat rz = symo_mat_dense(pass->ctan[node->out[0]], n, k * out);
  symo_gemm(d, 1.0, symo_mat_t(rz), a, 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_rows, node->weight), k * out, in));
  if (node->has_bias)
    symo_kernel_sum_rows(d, n, k * out, rz.p, symo_param_packed(pass, pass->hv_rows, node->bias));
  void *ta = pass->tan[node->in[0]];
  if (ta == NULL || pass->gauss_newton) return;
  symo_mat delta = symo_mat_dense(pass->cot[node->out[0]], n, out);
  symo_gemm(d, 1.0, symo_mat_t(delta), symo_mat_dense(ta, n, k * in), 1.0,
            symo_mat_dense(symo_param_packed(pass, pass->hv_columns, node->weight), out, k * in));
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const symo_dtype d = pass->dtype;
  const size_t n = examples(node, pass);
  const size_t in = node->in_width, out = node->out_width, k = pass->k;
  if (pass->hv_rows != NULL) products(node, pass);
  void *ra = pass->ctan[node->in[0]];
  if (ra == NULL) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->ctan[node->out[0]], n * k, out),
            symo_param_weight(node, d, pass->theta), 0.0, symo_mat_dense(ra, n * k, in));
  if (pass->gauss_newton || !symo_param_touched(pass, index)) return;
  symo_gemm(d, 1.0, symo_mat_dense(pass->cot[node->out[0]], n, out),
            symo_mat_dense(symo_param_packed(pass, pass->v_columns, node->weight), out, k * in),
            1.0, symo_mat_dense(ra, n, k * in));
}

const symo_op symo_op_dense = {.name = "dense",
                               .leaves_out = true,
                               .product_rows = product_rows,
                               .forward = forward,
                               .backward = backward,
                               .tangent = tangent,
                               .backward_tangent = backward_tangent,
                               .example = example,
                               .load = symo_param_load,
                               .store = symo_param_store};

/* ---- the layer ---- */

/* A width; before the first dense layer an image is flattened, and of a sequence the last step
 * taken, unless it is followed by `each`. */
static symo_status dense_parse(symo_net_reader *r, bool *mine) {
  static const char each[] = "each";
  symo_net_layer layer = {.kind = SYMO_NET_DENSE};
  *mine = isdigit((unsigned char)*r->part) && (r->family != SYMO_FAMILY_RNN || *r->end == '\0');
  if (!*mine) return SYMO_OK;
  const char *end = r->end, *behind = end - (sizeof each - 1);
  layer.each = r->family == SYMO_FAMILY_RNN && behind > r->part && strcmp(behind, each) == 0;
  if (layer.each) r->end = behind;
  symo_status status = symo_read_width(r, &layer.width);
  r->end = end;
  if (status != SYMO_OK) return status;
  const symo_net_kind before = r->family == SYMO_FAMILY_RNN ? SYMO_NET_LAST : SYMO_NET_FLATTEN;
  if (r->walk.now.axes > 0 && !layer.each)
    status = symo_read_add(r, (symo_net_layer){.kind = before});
  return status == SYMO_OK ? symo_read_add(r, layer) : status;
}

static void dense_print(const symo_net_layer *layer, symo_net_writer *w) {
  symo_write(w, "-", "", layer->width);
  if (layer->each) symo_write(w, "each", "", 0);
}

static bool dense_shape(symo_net_walk *walk, const symo_net_layer *layer,
                        char why[SYMO_NET_MAX_REASON]) {
  if (layer->each) {
    const size_t steps = walk->now.size[0];
    if (walk->now.axes != 1 || walk->tokens)
      return symo_walk_refuse(why, "outputs at each step are of sequences (write rnn:8-16-4each)");
    if (!symo_walk_width(walk, layer->width, why) || !symo_walk_room(walk, 1, why)) return false;
    walk->now = (symo_net_shape){.features = layer->width * steps};
    return true;
  }
  if (walk->now.axes > 0 && !walk->tokens)
    return symo_walk_refuse(why, "it takes vectors (flatten first, or take the last step)");
  return symo_walk_width(walk, layer->width, why);
}

static double dense_count(const symo_net_spec *spec, const symo_net_layer *layer,
                          const symo_net_shape *before) {
  return (double)layer->width * ((double)before->features + (spec->bias ? 1.0 : 0.0));
}

static void dense_build(symo_net_builder *b, const symo_net_layer *layer) {
  symo_build_dense(b, layer->width, b->net->spec.bias);
  if (layer->each) symo_build_node(b, &symo_op_unroll, 1, b->after.features);
  if (!b->last && !layer->linear) symo_build_activation(b);
}

static void dense_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  const bool last = d->weights == d->total;
  const int out = symo_draft_open_space(d, layer->width, "h", d->weights);
  const int axes[] = {out, d->now, d->positions};
  if (d->recurrent && last) {
    symo_draft_add_weight(d, "wo", 0, 2, axes);
    if (d->spec->bias) symo_draft_add_tensor(d, "bo", 0, "", 1, axes);
  } else {
    symo_draft_add_weight(d, "w", d->weights, d->positions >= 0 ? 3 : 2, axes);
    if (d->spec->bias) symo_draft_add_tensor(d, "b", d->weights, "", 1, axes);
  }
  d->now = out;
  d->positions = -1;
}

static symo_status dense_graph(symo_net_trace *t, const symo_net_layer *layer) {
  symo_trace_step step = {.op = "dense", .out = layer->width};
  const bool last = t->weights == t->total;
  char number[SYMO_TRACE_NAME] = "o";
  if (!t->recurrent || !last) (void)snprintf(number, sizeof number, "%zu", t->weights);
  symo_trace_tensor(&step, "weight", "w%s", number);
  if (t->spec->bias) symo_trace_tensor(&step, "bias", "b%s", number);
  if (last) return symo_trace_emit(t, step, "out");
  symo_status status = symo_trace_emit(t, step, "h%zu", t->weights);
  return status == SYMO_OK && !layer->linear ? symo_trace_activation(t) : status;
}

const symo_layer symo_layer_dense = {.name = "dense",
                                     .notation = "a width",
                                     .weighs = true,
                                     .dense = true,
                                     .outputs = true,
                                     .parse = dense_parse,
                                     .print = dense_print,
                                     .shape = dense_shape,
                                     .count = dense_count,
                                     .build = dense_build,
                                     .tensors = dense_tensors,
                                     .graph = dense_graph};

/* ---- the head: logits at each position ---- */

static bool head_shape(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  if (!symo_walk_tokens(walk, why)) return false;
  if (layer->width != walk->vocabulary)
    return symo_walk_refuse(why, "it has not as many logits as there are tokens");
  if (layer->tied && walk->now.features != walk->embedded)
    return symo_walk_refuse(why, "tied to an embedding of another width");
  walk->now.features = layer->width;
  return true;
}

static double head_count(const symo_net_spec *spec, const symo_net_layer *layer,
                         const symo_net_shape *before) {
  (void)spec;
  return layer->tied ? 0.0 : (double)layer->width * (double)before->features;
}

/* A tied head has the parameters of the embedding, the first there are. */
static void head_build(symo_net_builder *b, const symo_net_layer *layer) {
  const size_t in = symo_build_width(b);
  if (!layer->tied) {
    symo_build_dense(b, layer->width, false);
    return;
  }
  symo_node *node = symo_build_node(b, &symo_op_dense, symo_build_positions(b), layer->width);
  node->weight = b->net->nodes[0].weight, node->bias = node->weight + layer->width * in;
  node->weight_rows = layer->width, node->weight_columns = in;
}

const symo_layer symo_layer_head = {.name = "head",
                                    .weighs = true,
                                    .outputs = true,
                                    .logits = true,
                                    .shape = head_shape,
                                    .count = head_count,
                                    .build = head_build};
