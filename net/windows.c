/* Windows over the positions of an image, first axis outermost: convolutions and pools.
 *
 * What a convolution's kernel sees: y[p, f K + q] = x[p + q - centre, f] for kernel entry q of K
 * and feature f.  With it a convolution is a dense operation at every position: its weight [out,
 * in, kh, kw] is a matrix [out, in K] (im2col: Chellapilla, Puri, Simard 2006).  Beyond the border
 * are zeros, or the image again when it is circular.
 *
 * Pools run over windows that do not overlap: the mean, which is linear, and the maximum, which is
 * linear once forward has chosen the entries (the first of equal ones: a subgradient). */
#include <stdio.h>
#include <string.h>

#include "core/linalg.h"
#include "net/kernels.h"
#include "net/layer.h"
#include "net/linear.h"

enum { NONE = -1 }; /* outside the image */

/* Missing axes have size 1. */
static size_t axis_size(const symo_node *node, size_t axis) {
  return axis < node->shape.axes ? node->shape.size[axis] : 1;
}

/* Positions in a window. */
static size_t window_size(const symo_node *node) { return node->window[0] * node->window[1]; }

/* The position that entry `entry` of a kernel centred at `position` reads; NONE: outside. */
static ptrdiff_t kernel_place(const symo_node *node, size_t position, size_t entry) {
  const size_t at[] = {position / axis_size(node, 1), position % axis_size(node, 1)};
  const size_t offset[] = {entry / node->window[1], entry % node->window[1]};
  size_t found[2];
  for (size_t axis = 0; axis < 2; axis++) {
    const size_t size = axis_size(node, axis), half = node->window[axis] / 2;
    size_t moved = at[axis] + offset[axis] + size; /* half may exceed the place: 2 size > half */
    if (node->circular)
      found[axis] = (moved + size - half) % size;
    else if (moved < size + half || moved >= 2 * size + half)
      return NONE;
    else
      found[axis] = moved - size - half;
  }
  return (ptrdiff_t)(found[0] * axis_size(node, 1) + found[1]);
}

/* The position that entry `entry` of the pooling window of output `position` reads. */
static size_t pool_place(const symo_node *node, size_t position, size_t entry) {
  const size_t across = axis_size(node, 1) / node->window[1];
  const size_t row = position / across * node->window[0] + entry / node->window[1];
  return row * axis_size(node, 1) + position % across * node->window[1] + entry % node->window[1];
}

/* ---- the operation of convolutions ---- */

static void patches_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                          void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = window_size(node);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++) {
      ptrdiff_t source = kernel_place(node, p, q);
      const void *x = source == NONE ? NULL : symo_at(pass->dtype, from, source * (ptrdiff_t)block);
      symo_kernel_spread(pass->dtype, block, entries, x,
                         symo_at(pass->dtype, to, (ptrdiff_t)(p * block * entries + q)));
    }
}

static void patches_adjoint(const symo_node *node, const symo_pass *pass, size_t k,
                            const void *from, void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = window_size(node);
  memset(to, 0, node->in_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++) {
      ptrdiff_t source = kernel_place(node, p, q);
      if (source != NONE)
        symo_kernel_collect(pass->dtype, block, entries,
                            symo_at(pass->dtype, from, (ptrdiff_t)(p * block * entries + q)),
                            symo_at(pass->dtype, to, source * (ptrdiff_t)block));
    }
}

const symo_op symo_op_patches = {.name = "patches",
                                 .forward = symo_linear_forward,
                                 .backward = symo_linear_backward,
                                 .tangent = symo_linear_tangent,
                                 .backward_tangent = symo_linear_backward_tangent,
                                 .apply = patches_apply,
                                 .adjoint = patches_adjoint};

static void *block_at(const symo_pass *pass, const void *p, size_t position, size_t block) {
  return symo_at(pass->dtype, p, (ptrdiff_t)(position * block));
}

/* ---- the mean ---- */

static void mean_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                       void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = window_size(node);
  memset(to, 0, node->out_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++)
      symo_axpy(pass->dtype, block, 1.0 / (double)entries,
                block_at(pass, from, pool_place(node, p, q), block), block_at(pass, to, p, block));
}

static void mean_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                         void *to) {
  const size_t block = symo_linear_block(node, pass, k), entries = window_size(node);
  memset(to, 0, node->in_rows * block * symo_dtype_size(pass->dtype));
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < entries; q++)
      symo_axpy(pass->dtype, block, 1.0 / (double)entries, block_at(pass, from, p, block),
                block_at(pass, to, pool_place(node, p, q), block));
}

const symo_op symo_op_mean_pool = {.name = "mean pool",
                                   .forward = symo_linear_forward,
                                   .backward = symo_linear_backward,
                                   .tangent = symo_linear_tangent,
                                   .backward_tangent = symo_linear_backward_tangent,
                                   .apply = mean_apply,
                                   .adjoint = mean_adjoint};

/* ---- the maximum; saved[0] holds the entry chosen, as a number ---- */

static void max_forward(const symo_node *node, symo_pass *pass, int order) {
  (void)order;
  const size_t block = symo_linear_block(node, pass, 1);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < window_size(node); q++)
      symo_kernel_raise(pass->dtype, block, q,
                        block_at(pass, pass->value[node->in[0]], pool_place(node, p, q), block),
                        block_at(pass, pass->value[node->out[0]], p, block),
                        block_at(pass, pass->value[node->saved[0]], p, block));
}

static void max_move(const symo_node *node, const symo_pass *pass, size_t k, bool back,
                     const void *from, void *to) {
  const size_t block = symo_linear_block(node, pass, k), one = symo_linear_block(node, pass, 1);
  for (size_t p = 0; p < node->out_rows; p++)
    for (size_t q = 0; q < window_size(node); q++) {
      const size_t inside = pool_place(node, p, q);
      symo_kernel_choose(pass->dtype, pass->n, k, node->in_width,
                         block_at(pass, pass->value[node->saved[0]], p, one), q,
                         block_at(pass, from, back ? p : inside, block), back,
                         block_at(pass, to, back ? inside : p, block));
    }
}

static void max_apply(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                      void *to) {
  max_move(node, pass, k, false, from, to);
}

static void max_adjoint(const symo_node *node, const symo_pass *pass, size_t k, const void *from,
                        void *to) {
  max_move(node, pass, k, true, from, to);
}

const symo_op symo_op_max_pool = {.name = "max pool",
                                  .forward = max_forward,
                                  .backward = symo_linear_backward,
                                  .tangent = symo_linear_tangent,
                                  .backward_tangent = symo_linear_backward_tangent,
                                  .apply = max_apply,
                                  .adjoint = max_adjoint};

/* ---- the layers ---- */

static void set_window(symo_node *node, const symo_net_layer *layer) {
  for (size_t a = 0; a < 2; a++) node->window[a] = a < node->shape.axes ? layer->window[a] : 1;
  node->circular = layer->circular;
}

static bool two_axes(const symo_net_reader *r, const symo_net_layer *layer) {
  return r->walk.now.axes == 1 && layer->window[1] != layer->window[0];
}

static symo_status conv_parse(symo_net_reader *r, bool *mine) {
  symo_net_layer layer = {.kind = SYMO_NET_CONV};
  *mine = symo_read_letter(r, 'c');
  if (!*mine) return SYMO_OK;
  const bool fine =
      symo_read_number(r, &layer.width) && symo_read_letter(r, 'k') && symo_read_window(r, &layer);
  layer.circular = symo_read_letter(r, 'c');
  if (!fine || r->at != r->end)
    return symo_read_refuse(
        r, "not a convolution (write c8k3: 8 channels, kernel 3; c8k3c: circular)");
  if (two_axes(r, &layer)) return symo_read_refuse(r, "a kernel of two axes on an image of one");
  return symo_read_add(r, layer);
}

static void conv_print(const symo_net_layer *layer, symo_net_writer *w) {
  symo_write(w, "-", "c", layer->width);
  symo_write_window(w, "k", layer);
  symo_write(w, "", layer->circular ? "c" : "", 0);
}

static bool conv_shape(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  size_t entries = 1;
  if (!symo_walk_image(walk, why)) return false;
  for (size_t a = 0; a < walk->now.axes; a++) {
    const size_t kernel = layer->window[a], size = walk->now.size[a];
    if (kernel % 2 == 0) return symo_walk_refuse(why, "a kernel is odd (use 1, 3, 5, ..)");
    if (kernel / 2 >= size) {
      (void)snprintf(why, SYMO_NET_MAX_REASON,
                     "kernel %zu reaches past an axis of %zu (use at most %zu)", kernel, size,
                     2 * size - 1);
      return false;
    }
    entries *= kernel;
  }
  return symo_walk_room(walk, entries, why) && symo_walk_width(walk, layer->width, why);
}

static double conv_count(const symo_net_spec *spec, const symo_net_layer *layer,
                         const symo_net_shape *before) {
  const double inputs = (double)before->features * (double)symo_net_kernel(layer, before);
  return (double)layer->width * (inputs + (spec->bias ? 1.0 : 0.0));
}

static void conv_build(symo_net_builder *b, const symo_net_layer *layer) {
  const size_t entries = symo_net_kernel(layer, &b->shape);
  const size_t positions = symo_build_positions(b), width = symo_build_width(b);
  if (entries > 1)
    set_window(symo_build_node(b, &symo_op_patches, positions, width * entries), layer);
  symo_build_dense(b, layer->width, b->net->spec.bias);
  symo_build_activation(b);
}

static void conv_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  static const char *const names[][2] = {{"k", NULL}, {"kh", "kw"}};
  const size_t axes = d->shape.axes;
  int all[4] = {0, d->now, 0, 0};
  for (size_t a = 0; a < axes; a++)
    all[2 + a] = symo_draft_add_place(d, names[axes - 1][a], d->weights, layer->window[a], true);
  all[0] = symo_draft_open_space(d, layer->width, "h", d->weights);
  symo_draft_add_weight(d, "w", d->weights, 2 + axes, all);
  if (d->spec->bias) symo_draft_add_tensor(d, "b", d->weights, "", 1, all);
  d->now = all[0];
}

static symo_status conv_graph(symo_net_trace *t, const symo_net_layer *layer) {
  symo_trace_step step = {.op = t->shape.axes == 1 ? "conv1d" : "conv2d",
                          .out = layer->width,
                          .order = t->shape.axes,
                          .sizes = {layer->window[0], layer->window[1]},
                          .kind = layer->circular ? "circular" : "zero"};
  symo_trace_tensor(&step, "weight", "w%zu", t->weights);
  if (t->spec->bias) symo_trace_tensor(&step, "bias", "b%zu", t->weights);
  symo_status status = symo_trace_emit(t, step, "h%zu", t->weights);
  return status == SYMO_OK ? symo_trace_activation(t) : status;
}

const symo_layer symo_layer_conv = {.name = "convolution",
                                    .notation = "c8k3",
                                    .weighs = true,
                                    .parse = conv_parse,
                                    .print = conv_print,
                                    .shape = conv_shape,
                                    .count = conv_count,
                                    .build = conv_build,
                                    .tensors = conv_tensors,
                                    .graph = conv_graph};

static symo_status read_pool(symo_net_reader *r, symo_net_kind kind, bool *mine) {
  symo_net_layer layer = {.kind = kind};
  *mine = symo_read_letter(r, kind == SYMO_NET_MAX_POOL ? 'm' : 'p');
  if (!*mine) return SYMO_OK;
  if (!symo_read_window(r, &layer) || r->at != r->end)
    return symo_read_refuse(r, "not a pool (write p2: averages of 2 x 2; m2: maxima)");
  if (two_axes(r, &layer)) return symo_read_refuse(r, "a window of two axes on an image of one");
  return symo_read_add(r, layer);
}

static symo_status mean_parse(symo_net_reader *r, bool *mine) {
  return read_pool(r, SYMO_NET_MEAN_POOL, mine);
}

static symo_status max_parse(symo_net_reader *r, bool *mine) {
  return read_pool(r, SYMO_NET_MAX_POOL, mine);
}

static void pool_print(const symo_net_layer *layer, symo_net_writer *w) {
  symo_write_window(w, layer->kind == SYMO_NET_MAX_POOL ? "-m" : "-p", layer);
}

static bool pool_shape(symo_net_walk *walk, const symo_net_layer *layer,
                       char why[SYMO_NET_MAX_REASON]) {
  symo_net_shape *now = &walk->now;
  if (!symo_walk_image(walk, why)) return false;
  for (size_t a = 0; a < now->axes; a++)
    if (layer->window[a] == 0 || now->size[a] % layer->window[a] != 0) {
      (void)snprintf(why, SYMO_NET_MAX_REASON,
                     "window %zu does not divide an axis of %zu (use a divisor)", layer->window[a],
                     now->size[a]);
      return false;
    }
  for (size_t a = 0; a < now->axes; a++) now->size[a] /= layer->window[a];
  return true;
}

static void pool_build(symo_net_builder *b, const symo_net_layer *layer) {
  const bool max = layer->kind == SYMO_NET_MAX_POOL;
  const size_t positions = symo_net_positions(&b->after), width = symo_build_width(b);
  symo_node *node =
      symo_build_node(b, max ? &symo_op_max_pool : &symo_op_mean_pool, positions, width);
  set_window(node, layer);
  if (max) node->saved[0] = symo_build_buffer(b, positions, width, false);
}

static void max_tensors(symo_net_draft *d, const symo_net_layer *layer) {
  (void)layer;
  symo_draft_reduce(d);
}

static symo_status pool_graph(symo_net_trace *t, const symo_net_layer *layer) {
  const symo_trace_step step = {.op = "pool",
                                .order = t->shape.axes,
                                .sizes = {layer->window[0], layer->window[1]},
                                .kind = layer->kind == SYMO_NET_MAX_POOL ? "max" : "average"};
  return symo_trace_emit(t, step, "pool%zu", t->count);
}

const symo_layer symo_layer_mean_pool = {.name = "average pool",
                                         .notation = "p2",
                                         .parse = mean_parse,
                                         .print = pool_print,
                                         .shape = pool_shape,
                                         .count = symo_layer_count_none,
                                         .build = pool_build,
                                         .tensors = symo_layer_no_tensors,
                                         .graph = pool_graph};

const symo_layer symo_layer_max_pool = {.name = "maximum pool",
                                        .notation = "m2",
                                        .parse = max_parse,
                                        .print = pool_print,
                                        .shape = pool_shape,
                                        .count = symo_layer_count_none,
                                        .build = pool_build,
                                        .tensors = max_tensors,
                                        .graph = pool_graph};
