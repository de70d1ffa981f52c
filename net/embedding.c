/* Embeddings of tokens: at position p of an example whose token there is t,
 *
 *   y = W_t + U_p
 * with rows of W [vocabulary, w], the node's weight, and U [positions, w], which follows it in the
 * flat vector (node->bias is its place).  Linear in both, so with a direction (V, S)
 *   backward           W^_t += y^,   U^_p += y^
 *   tangent            Ry = V_t + S_p
 *   backward tangent   HV_t += R y^,   HS_p += R y^
 * Tokens are read from the input [n, positions], which holds their ids as uint32.  A tied head is a
 * dense node with the same weight: both add to the same gradient and the same packed products, and
 * load and store the same numbers. */
#include "net/kernels.h"
#include "net/layer.h"
#include "net/param.h"

#include <string.h>

/* The token of example r at position p. */
static size_t token(const symo_node *node, const symo_pass *pass, size_t r, size_t p) {
  const uint32_t *ids = pass->value[node->in[0]];
  return ids[r * node->in_width + p];
}

/* The two tables, each as the only parameter of a node. */
static symo_node table(const symo_node *node, bool positions) {
  symo_node part = *node;
  part.has_bias = false;
  if (positions) part.weight = node->bias, part.weight_rows = node->out_rows;
  return part;
}

/* Row `row` of a parameter at `offset` in a flat vector. */
static void *row_of(const symo_pass *pass, const symo_node *node, const void *flat, size_t offset,
                    size_t row) {
  return symo_at(pass->dtype, flat, (ptrdiff_t)(offset + row * node->out_width));
}

static void forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const size_t w = node->out_width, bytes = w * symo_dtype_size(pass->dtype);
  char *y = pass->value[node->out[0]];
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t r = 0; r < pass->n; r++, y += bytes) {
      memcpy(y, row_of(pass, node, pass->theta, node->weight, token(node, pass, r, p)), bytes);
      symo_kernel_add_row(pass->dtype, 1, w, row_of(pass, node, pass->theta, node->bias, p), y);
    }
}

static void backward(const symo_node *node, symo_pass *pass) {
  const size_t w = node->out_width, bytes = w * symo_dtype_size(pass->dtype);
  const char *delta = pass->cot[node->out[0]];
  if (pass->gradient == NULL) return;
  for (size_t p = 0; p < node->out_rows; p++, delta += pass->n * bytes) {
    symo_kernel_sum_rows(pass->dtype, pass->n, w, delta,
                         row_of(pass, node, pass->gradient, node->bias, p));
    for (size_t r = 0; r < pass->n; r++)
      symo_kernel_sum_rows(
          pass->dtype, 1, w, delta + r * bytes,
          row_of(pass, node, pass->gradient, node->weight, token(node, pass, r, p)));
  }
}

static void example(const symo_node *node, const symo_pass *pass, size_t r, bool add, void *g) {
  const size_t w = node->out_width, bytes = w * symo_dtype_size(pass->dtype);
  if (!add) memset(row_of(pass, node, g, node->weight, 0), 0, node->weight_rows * bytes);
  for (size_t p = 0; p < node->out_rows; p++) {
    const void *delta = symo_param_row(pass, pass->cot[node->out[0]], w, p, r);
    symo_kernel_sum_rows(pass->dtype, 1, w, delta,
                         row_of(pass, node, g, node->weight, token(node, pass, r, p)));
    memcpy(row_of(pass, node, g, node->bias, p), delta, bytes);
  }
}

/* In the second packed form a row of a table holds all directions, as an example of the tangent
 * does. */
static void tangent(const symo_node *node, size_t index, symo_pass *pass) {
  const size_t w = pass->k * node->out_width, bytes = w * symo_dtype_size(pass->dtype);
  const void *tokens = symo_param_packed(pass, pass->v_columns, node->weight);
  const void *places = symo_param_packed(pass, pass->v_columns, node->bias);
  char *ty = pass->tan[node->out[0]];
  if (!symo_param_touched(pass, index)) {
    memset(ty, 0, node->out_rows * pass->n * bytes);
    return;
  }
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t r = 0; r < pass->n; r++, ty += bytes) {
      memcpy(ty, symo_at(pass->dtype, tokens, (ptrdiff_t)(token(node, pass, r, p) * w)), bytes);
      symo_kernel_add_row(pass->dtype, 1, w, symo_at(pass->dtype, places, (ptrdiff_t)(p * w)), ty);
    }
}

static void backward_tangent(const symo_node *node, size_t index, symo_pass *pass) {
  (void)index;
  const size_t w = node->out_width, k = pass->k;
  const symo_dtype d = pass->dtype;
  const char *rc = pass->ctan[node->out[0]];
  if (pass->hv_rows == NULL) return;
  void *tokens = symo_param_packed(pass, pass->hv_rows, node->weight);
  void *places = symo_param_packed(pass, pass->hv_rows, node->bias);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t r = 0; r < pass->n; r++) {
      const size_t t = token(node, pass, r, p);
      for (size_t s = 0; s < k; s++, rc += w * symo_dtype_size(d)) {
        symo_kernel_sum_rows(d, 1, w, rc,
                             symo_at(d, tokens, (ptrdiff_t)((s * node->weight_rows + t) * w)));
        symo_kernel_sum_rows(d, 1, w, rc,
                             symo_at(d, places, (ptrdiff_t)((s * node->out_rows + p) * w)));
      }
    }
}

/* If either table needs the second form, both are packed in it. */
static bool load(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                 const void *v, void *rows, void *columns) {
  const symo_node tokens = table(node, false), places = table(node, true);
  bool any = false;
  for (int i = 0; i < 2; i++) {
    const symo_node *part = i == 0 ? &tokens : &places;
    const size_t size = k * part->weight_rows * part->weight_columns;
    if (symo_param_load(part, dtype, k, parameters, v, rows, columns))
      any = true;
    else
      memset(symo_at(dtype, columns, (ptrdiff_t)(k * part->weight)), 0,
             size * symo_dtype_size(dtype));
  }
  return any;
}

static void store(const symo_node *node, symo_dtype dtype, size_t k, size_t parameters,
                  double scale, const void *rows, const void *columns, void *hv) {
  const symo_node tokens = table(node, false), places = table(node, true);
  symo_param_store(&tokens, dtype, k, parameters, scale, rows, columns, hv);
  symo_param_store(&places, dtype, k, parameters, scale, rows, columns, hv);
}

const symo_op symo_op_embedding = {.name = "embedding",
                                   .leaves_out = true,
                                   .table = true,
                                   .forward = forward,
                                   .backward = backward,
                                   .tangent = tangent,
                                   .backward_tangent = backward_tangent,
                                   .example = example,
                                   .load = load,
                                   .store = store};

/* ---- the layer ---- */

static bool shape(symo_net_walk *walk, const symo_net_layer *layer, char why[SYMO_NET_MAX_REASON]) {
  if (walk->taken > 0 || walk->now.axes != 1 || walk->now.features != 1)
    return symo_walk_refuse(why, "it comes first, of numbers of tokens (write gpt:t64-c128-h4-l4)");
  if (layer->count > INT32_MAX)
    return symo_walk_refuse(why, "too many tokens (use at most 2147483647)");
  walk->tokens = true;
  walk->vocabulary = layer->count, walk->embedded = layer->width;
  return symo_walk_width(walk, layer->width, why);
}

static double count(const symo_net_spec *spec, const symo_net_layer *layer,
                    const symo_net_shape *before) {
  (void)spec;
  return (double)layer->width * ((double)layer->count + (double)symo_net_positions(before));
}

/* The table of tokens is the weight; the table of positions follows it, in the place of a bias. */
static void build(symo_net_builder *b, const symo_net_layer *layer) {
  const size_t positions = symo_net_positions(&b->after);
  symo_node *node = symo_build_node(b, &symo_op_embedding, positions, layer->width);
  symo_build_parameters(b, node, layer->count, layer->width, false);
  b->net->parameters += positions * layer->width;
}

const symo_layer symo_layer_embedding = {
    .name = "embedding", .tokens = true, .shape = shape, .count = count, .build = build};
