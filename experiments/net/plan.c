/* Sizes and workspace of a network, fixed at create: afterwards nothing allocates.
 *
 * Products for k directions stream over [n, k, width] arrays a few times between gemms, so n k
 * width is chosen to stay in a second-level cache.  The dense Hessian takes more examples at a time
 * than would be best for that, since it adds a product to a matrix too large for any cache once per
 * chunk. */
#include "core/alloc.h"
#include "core/error.h"
#include "experiments/net/graph.h"

enum {
  MAX_ROWS = 1024,            /* examples in a chunk */
  MAX_BLOCK = 16,             /* directions in a block */
  MIN_PRODUCT_ROWS = 512,     /* positions, examples, directions: below, gemm is slow */
  MIN_EXAMPLES = 4,           /* in a chunk of a product */
  CACHE_NUMBERS = 128 * 1024, /* of one [n, k, width] array */
  CHUNK_NUMBERS = 4 << 20,    /* of one [n, width] array */
  PACK_NUMBERS = 32 << 20,    /* of the four packed blocks together */
  BATCH_NUMBERS = 1 << 20,    /* of the curvatures kept by the dense Hessian */
  PANEL_COLUMNS = 2304,       /* of its products */
  PANEL_ROWS = 640
};

static size_t clamp(size_t x, size_t low, size_t high) {
  return x < low ? low : x > high ? high : x;
}
static size_t max_size(size_t a, size_t b) { return a > b ? a : b; }

size_t symo_net_chunk(size_t examples, size_t rows) {
  if (examples <= rows) return examples;
  size_t chunks = (examples + rows - 1) / rows;
  return (examples + chunks - 1) / chunks;
}

static size_t numbers(const symo_net *net, size_t buffer) {
  return net->positions[buffer] * net->widths[buffer];
}

/* Of the dense Hessian, which takes more examples at a time. */
static void choose_panels(symo_net *net) {
  symo_net_sizes *s = &net->sizes;
  size_t out = 1, in = 1;
  for (size_t l = 0; l < net->num_weights; l++) {
    in = max_size(in, net->nodes[net->weights[l]].in_width);
    out = max_size(out, net->nodes[net->weights[l]].out_width);
  }
  s->hessian_rows = s->rows;
  s->direction_rows = max_size(s->direction_rows, s->rows);
  s->batch_numbers = clamp(BATCH_NUMBERS / s->hessian_rows, out, out * out);
  s->panel_columns = max_size(clamp((in + 1) * (in + 1), 1, PANEL_COLUMNS), max_size(in + 1, out));
  s->panel_rows = max_size(clamp(out * out, 1, PANEL_ROWS), in + 1);
}

static void choose_sizes(symo_net *net) {
  size_t widest = 1, widest_hidden = 1, positions = 1;
  for (size_t b = 0; b < net->num_buffers; b++) {
    widest = max_size(widest, numbers(net, b));
    positions = max_size(positions, net->positions[b]);
    if (net->hidden[b]) widest_hidden = max_size(widest_hidden, numbers(net, b));
  }
  symo_net_sizes *s = &net->sizes;
  s->rows = clamp(CHUNK_NUMBERS / widest, 16, MAX_ROWS);
  s->block = clamp(PACK_NUMBERS / (4 * net->parameters), 1, MAX_BLOCK);
  const size_t least = max_size(MIN_PRODUCT_ROWS / positions, MIN_EXAMPLES * s->block);
  s->product_rows =
      clamp(CACHE_NUMBERS / widest_hidden, least, max_size(s->rows * s->block, least));
  s->direction_rows = max_size(s->product_rows, s->block);
  if (net->plain) choose_panels(net);
}

/* One block of memory for the buffers that `which` (NULL: all) names, `rows` rows each. */
static symo_status arena(symo_net *net, const bool *which, size_t rows, void **memory,
                         void **pointers) {
  size_t width = 0, bytes, offset = 0;
  for (size_t b = 0; b < net->num_buffers; b++)
    if (which == NULL || which[b]) width += numbers(net, b);
  if (!symo_mul_size(rows, width * symo_dtype_size(net->spec.dtype), &bytes))
    return symo_fail(net->context, SYMO_E_SIZE, "network: workspace too large (narrow the layers)");
  *memory = symo_malloc(bytes);
  if (*memory == NULL) return symo_fail_memory(net->context, "network workspace");
  for (size_t b = 0; b < net->num_buffers; b++) {
    if (which != NULL && !which[b]) continue;
    pointers[b] = (char *)*memory + offset;
    offset += rows * numbers(net, b) * symo_dtype_size(net->spec.dtype);
  }
  return SYMO_OK;
}

static symo_status block_of(symo_net *net, size_t a, size_t b, size_t c, void **memory) {
  size_t bytes;
  if (!symo_mul_size(a, b, &bytes) || !symo_mul_size(bytes, c, &bytes))
    return symo_fail(net->context, SYMO_E_SIZE, "network: workspace too large (narrow the layers)");
  *memory = symo_malloc(bytes);
  return *memory != NULL ? SYMO_OK : symo_fail_memory(net->context, "network workspace");
}

symo_status symo_net_plan(symo_net *net) {
  choose_sizes(net);
  const symo_net_sizes *s = &net->sizes;
  const size_t bytes = symo_dtype_size(net->spec.dtype);
  symo_status status = SYMO_OK;
  SYMO_TRY(arena(net, NULL, s->rows, &net->values, net->value));
  SYMO_TRY(arena(net, net->hidden, s->rows, &net->cotangents, net->cot));
  SYMO_TRY(arena(net, net->hidden, s->direction_rows, &net->tangents, net->tan));
  SYMO_TRY(arena(net, net->hidden, s->direction_rows, &net->cotangent_tangents, net->ctan));
  SYMO_TRY(block_of(net, 4 * bytes, s->block, net->parameters, &net->packs));
  SYMO_TRY(block_of(net, bytes, s->rows, net->outputs, &net->labels));
  if (net->plain) SYMO_TRY(block_of(net, bytes, symo_net_panel_numbers(net), 1, &net->panels));
fail:
  return status;
}
