/* The workspace of a network: chunk sizes, segments, the places of buffers, and their allocation.
 *
 * A chunk of losses and gradients is small enough for a second-level cache to hold what one
 * operation writes until the next reads it, and large enough to give gemm some hundred rows.  A
 * cotangent lives from the node that writes it to the node that reads it.  Buffers whose lives do
 * not overlap share memory; so do values that backward does not read.  With recomputation (Chen et
 * al. 2016, arXiv 1604.06174) only the values that pass from one segment to the next are kept.
 *
 * Products for k directions read [n, k, width] arrays a few times between gemms, so n k width is
 * chosen to stay in that cache too.  The dense Hessian takes larger chunks: once per chunk it adds
 * a product to a matrix that no cache holds. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/factors.h"

enum {
  CHUNK_POSITIONS = 256,        /* rows that gemm gets from a chunk, at least */
  LANE_NUMBERS = 128 * 1024,    /* values and cotangents of a chunk, if there are so many rows */
  MAX_ROWS = 1024,              /* examples in a chunk */
  MAX_BLOCK = 16,               /* directions in a block */
  MIN_PRODUCT_ROWS = 512,       /* positions, examples, directions: below, gemm is slow */
  MAX_PRODUCT_POSITIONS = 2048, /* positions and directions of an example */
  MIN_EXAMPLES = 4,             /* in a chunk of a product */
  CACHE_NUMBERS = 128 * 1024,   /* of one [n, k, width] array */
  CHUNK_NUMBERS = 4 << 20,      /* of one [n, width] array */
  PACK_NUMBERS = 32 << 20,      /* of the four packed blocks together */
  BATCH_NUMBERS = 1 << 20,      /* of the curvatures kept by the dense Hessian */
  PANEL_COLUMNS = 2304,         /* of its products */
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

/* Rows of the smallest product that an example gives: those of dense layers stand over all
 * positions, recurrent ones step by step. */
static size_t least_rows(const symo_net *net) {
  size_t least = SIZE_MAX;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    const size_t rows = node->op->product_rows != NULL ? node->op->product_rows(node) : SIZE_MAX;
    if (rows < least) least = rows;
  }
  return least == SIZE_MAX ? 1 : least;
}

static size_t above(size_t a, size_t b) { return (a + b - 1) / b; }

static void choose_sizes(symo_net *net) {
  size_t widest = 1, widest_hidden = 1, positions = 1, all = 1;
  const size_t least_positions = least_rows(net);
  for (size_t b = 0; b < net->num_buffers; b++) {
    widest = max_size(widest, numbers(net, b));
    positions = max_size(positions, net->positions[b]);
    all += numbers(net, b) * (net->hidden[b] ? 2 : 1);
    if (net->hidden[b]) widest_hidden = max_size(widest_hidden, numbers(net, b));
  }
  symo_net_sizes *s = &net->sizes;
  s->chunk = clamp(LANE_NUMBERS / all, above(CHUNK_POSITIONS, least_positions), MAX_ROWS);
  s->rows = least_positions > 1 ? s->chunk : clamp(CHUNK_NUMBERS / widest, 16, MAX_ROWS);
  s->block = clamp(PACK_NUMBERS / (4 * net->parameters), 1, MAX_BLOCK);
  s->block = clamp(MAX_PRODUCT_POSITIONS / least_positions, 1, s->block);
  const size_t least =
      max_size(above(MIN_PRODUCT_ROWS, positions), above(MIN_EXAMPLES, least_positions) * s->block);
  s->product_rows =
      clamp(CACHE_NUMBERS / widest_hidden, least, max_size(s->rows * s->block, least));
  s->direction_rows = max_size(s->product_rows, s->block);
  if (net->plain) choose_panels(net);
}

static void choose_segments(symo_net *net) {
  size_t depth = 0;
  bool begins = true;
  net->num_segments = 0;
  for (size_t i = 0; i < net->num_nodes; i++) {
    const int nesting = net->nodes[i].op->nesting;
    if (nesting > 0 && depth++ == 0) begins = true;
    if (begins) net->segments[net->num_segments++] = i;
    begins = nesting < 0 && --depth == 0;
  }
}

symo_status symo_net_plan(symo_net *net) {
  double all = 0.0;
  for (size_t b = 0; b < net->num_buffers; b++)
    all += (double)net->positions[b] * (double)net->widths[b];
  /* With room for the examples of a chunk, two numbers each, and directions. */
  if (!(all * 16.0 * MAX_ROWS * MAX_BLOCK < (double)(SIZE_MAX / 4)))
    return symo_fail(net->context, SYMO_E_SIZE, "network: workspace too large (narrow the layers)");
  choose_sizes(net);
  choose_segments(net);
  return SYMO_OK;
}

/* ---- where buffers lie ---- */

/* Where the buffers of one chunk lie in a block of memory, in bytes. */
typedef struct symo_net_places {
  size_t value[SYMO_NET_MAX_BUFFERS], cot[SYMO_NET_MAX_BUFFERS];
  size_t labels, scratch, bytes;
} symo_net_places;

/* Which of them share memory: none; cotangents, from the node that writes one to that which reads
 * it; and the values inside a segment with those inside the others, which then are run forward
 * again on the way back. */
typedef enum symo_net_sharing {
  SYMO_NET_APART,
  SYMO_NET_SHARED,
  SYMO_NET_RECOMPUTED
} symo_net_sharing;

/* A buffer is in use while the nodes [first, last] run. */
typedef struct use {
  size_t first, last, bytes;
} use;

/* Which nodes write and read each buffer: the first also for what a node keeps for itself. */
static void find_nodes(const symo_net *net, use *uses) {
  for (size_t b = 0; b < net->num_buffers; b++) uses[b] = (use){0, 0, 0};
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    for (size_t port = 0; port < SYMO_OP_PORTS; port++) {
      if (node->out[port] >= 0) uses[node->out[port]] = (use){i, i, 0};
      if (node->saved[port] >= 0) uses[node->saved[port]] = (use){i, i, 0};
      if (node->in[port] >= 0) uses[node->in[port]].last = i;
    }
  }
}

static size_t segment_of(const symo_net *net, size_t node) {
  size_t s = net->num_segments - 1;
  while (net->segments[s] > node) s--;
  return s;
}

/* Nobody looks at the value again on the way back.  Of a buffer that one node writes and another
 * reads. */
static bool passes(const symo_net *net, const use *u) {
  if (u->first == u->last) return false;
  return net->nodes[u->first].op->leaves_out && net->nodes[u->last].op->leaves_in;
}

/* Values: to the end if they are looked at again, but inside a segment to its end. */
static void widen(const symo_net *net, symo_net_sharing sharing, size_t b, use *u) {
  const size_t s = segment_of(net, u->first);
  const bool inside = b > 0 && s == segment_of(net, u->last);
  const bool recomputed = inside && sharing == SYMO_NET_RECOMPUTED;
  if (b > 0 && passes(net, u) && (recomputed || sharing == SYMO_NET_SHARED)) return;
  if (recomputed) {
    u->first = net->segments[s];
    u->last = s + 1 < net->num_segments ? net->segments[s + 1] - 1 : net->num_nodes;
  } else {
    u->first = 0, u->last = net->num_nodes;
  }
}

/* Buffer b lies where another does, and both are there as long as either is in use. */
static void share(use *uses, size_t *as, int b, int with) {
  use *u = &uses[as[b] = as[with]];
  u->first = uses[b].first < u->first ? uses[b].first : u->first;
  u->last = max_size(uses[b].last, u->last);
  uses[b].bytes = 0;
}

/* What a fork gives is what it reads, and cotangents of what an add reads are that of what it
 * gives: nobody writes to either afterwards. */
static void share_residuals(const symo_net *net, use *values, size_t *values_as, use *cots,
                            size_t *cots_as) {
  for (size_t b = 0; b < net->num_buffers; b++) values_as[b] = cots_as[b] = b;
  for (size_t i = 0; i < net->num_nodes; i++)
    for (size_t port = 0; port < SYMO_OP_PORTS && net->nodes[i].op->nesting > 0; port++)
      share(values, values_as, net->nodes[i].out[port], net->nodes[i].in[0]);
  for (size_t i = net->num_nodes; i-- > 0;)
    for (size_t port = 0; port < SYMO_OP_PORTS && net->nodes[i].op->nesting < 0; port++)
      share(cots, cots_as, net->nodes[i].in[port], net->nodes[i].out[0]);
}

static bool stays(const symo_net *net, const use *u) {
  return u->first == 0 && u->last == net->num_nodes;
}

/* An operation works in place where nobody else looks at what it would overwrite: its input on the
 * way back, or the cotangent of its output, which an add has in common with its other input. */
static void share_in_place(const symo_net *net, use *values, size_t *values_as, use *cots,
                           size_t *cots_as) {
  for (size_t i = 0; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    const int in = node->in[0], out = node->out[0];
    if (!node->op->in_place || stays(net, &values[in]) || !passes(net, &values[in])) continue;
    const bool added = net->nodes[cots[out].last].op->nesting < 0;
    share(values, values_as, in, out);
    if (!added && net->hidden[in]) share(cots, cots_as, in, out);
  }
}

/* First those that stay, one behind the other; then each at the lowest place that none of those
 * before it has at the same time.  Returns the end of all. */
static size_t place(const symo_net *net, const use *uses, const size_t *as, size_t *at) {
  size_t base = 0, end;
  for (size_t b = 0; b < net->num_buffers; b++) {
    at[b] = base;
    if (stays(net, &uses[b])) base += uses[b].bytes;
  }
  end = base;
  for (size_t b = 0; b < net->num_buffers; b++) {
    if (stays(net, &uses[b]) || uses[b].bytes == 0) continue;
    at[b] = base;
    for (size_t c = 0; c < b;) {
      const bool together = uses[c].first <= uses[b].last && uses[b].first <= uses[c].last;
      if (together && at[b] < at[c] + uses[c].bytes && at[c] < at[b] + uses[b].bytes) {
        at[b] = at[c] + uses[c].bytes;
        c = 0;
      } else {
        c++;
      }
    }
    end = max_size(end, at[b] + uses[b].bytes);
  }
  for (size_t b = 0; b < net->num_buffers; b++) at[b] = at[as[b]];
  return end;
}

static size_t scratch_bytes(const symo_net *net, size_t k) {
  size_t most = 0;
  for (size_t i = 0; i < net->num_nodes; i++)
    if (net->nodes[i].op->scratch != NULL)
      most = max_size(most, net->nodes[i].op->scratch(&net->nodes[i], k));
  return symo_padded(most * symo_dtype_size(net->spec.dtype));
}

/* Where buffers of chunks of `rows` examples lie; k: directions that operations have scratch for.
 */
static void arrange(const symo_net *net, symo_net_sharing sharing, size_t rows, size_t k,
                    symo_net_places *places) {
  use values[SYMO_NET_MAX_BUFFERS], cots[SYMO_NET_MAX_BUFFERS];
  size_t values_as[SYMO_NET_MAX_BUFFERS], cots_as[SYMO_NET_MAX_BUFFERS];
  const size_t row = rows * symo_dtype_size(net->spec.dtype);
  find_nodes(net, values);
  memcpy(cots, values, net->num_buffers * sizeof *cots);
  for (size_t b = 0; b < net->num_buffers; b++) {
    widen(net, sharing, b, &values[b]);
    if (sharing == SYMO_NET_APART) cots[b] = values[b];
    values[b].bytes = symo_padded(row * numbers(net, b));
    cots[b].bytes = net->hidden[b] ? values[b].bytes : 0;
  }
  for (size_t i = 0; i < net->num_nodes && sharing != SYMO_NET_APART; i++)
    if (net->nodes[i].saved[1] >= 0) values[net->nodes[i].saved[1]].bytes = 0;
  share_residuals(net, values, values_as, cots, cots_as);
  if (sharing != SYMO_NET_APART) share_in_place(net, values, values_as, cots, cots_as);
  const size_t end = place(net, values, values_as, places->value);
  places->labels = end + place(net, cots, cots_as, places->cot);
  for (size_t b = 0; b < net->num_buffers; b++) places->cot[b] += end;
  places->scratch = places->labels + symo_padded(row * net->targets);
  places->bytes = places->scratch + scratch_bytes(net, k);
}

/* ---- allocation: each part by the first call that needs it; afterwards nothing allocates.  A run
 * of training never needs what products do ---- */

static void set_pointers(const symo_net *net, const symo_net_places *places, char *memory,
                         void **value, void **cot) {
  for (size_t b = 0; b < net->num_buffers; b++) {
    value[b] = memory + places->value[b];
    cot[b] = net->hidden[b] ? memory + places->cot[b] : NULL;
  }
}

static symo_status allocate(symo_net *net, size_t bytes, void **memory) {
  *memory = symo_malloc(bytes);
  return *memory != NULL ? SYMO_OK : symo_fail_memory(net->context, "network workspace");
}

symo_status symo_net_allocate_whole(symo_net *net) {
  symo_net_places places;
  if (net->whole != NULL) return SYMO_OK;
  arrange(net, SYMO_NET_APART, net->sizes.rows, net->sizes.block, &places);
  symo_status status = allocate(net, places.bytes, &net->whole);
  if (status != SYMO_OK) return status;
  char *memory = net->whole;
  set_pointers(net, &places, memory, net->value, net->cot);
  net->labels = memory + places.labels;
  net->scratch = memory + places.scratch;
  return SYMO_OK;
}

/* ---- products ---- */

static symo_status allocate_block(symo_net *net, size_t a, size_t b, size_t c, void **memory) {
  size_t bytes;
  if (*memory != NULL) return SYMO_OK;
  if (!symo_mul_size(a, b, &bytes) || !symo_mul_size(bytes, c, &bytes))
    return symo_fail(net->context, SYMO_E_SIZE, "network: workspace too large (narrow the layers)");
  return allocate(net, bytes, memory);
}

static symo_status allocate_arena(symo_net *net, void **memory, void **pointers) {
  const size_t bytes = net->sizes.direction_rows * symo_dtype_size(net->spec.dtype);
  size_t width = 0, offset = 0;
  for (size_t b = 0; b < net->num_buffers; b++)
    if (net->hidden[b]) width += net->positions[b] * net->widths[b];
  symo_status status = allocate_block(net, width, bytes, 1, memory);
  for (size_t b = 0; b < net->num_buffers && status == SYMO_OK; b++) {
    if (!net->hidden[b]) continue;
    pointers[b] = (char *)*memory + offset;
    offset += bytes * net->positions[b] * net->widths[b];
  }
  return status;
}

symo_status symo_net_allocate_products(symo_net *net) {
  const size_t bytes = symo_dtype_size(net->spec.dtype);
  symo_status status;
  SYMO_TRY(symo_net_allocate_whole(net));
  SYMO_TRY(allocate_arena(net, &net->tangents, net->tan));
  SYMO_TRY(allocate_arena(net, &net->cotangent_tangents, net->ctan));
  SYMO_TRY(allocate_block(net, 4 * bytes, net->sizes.block, net->parameters, &net->packs));
  SYMO_TRY(allocate_block(net, bytes, net->sizes.direction_rows, 1, &net->scores));
  if (net->plain)
    SYMO_TRY(allocate_block(net, bytes, symo_net_panel_numbers(net), 1, &net->panels));
fail:
  return status;
}

/* ---- lanes ---- */

typedef struct lane_sizes {
  symo_net_places places;
  size_t lanes, gradient; /* bytes of one */
} lane_sizes;

static symo_net_sharing sharing_of(bool recompute) {
  return recompute ? SYMO_NET_RECOMPUTED : SYMO_NET_SHARED;
}

/* Bytes of all lanes. */
static double size_lanes(const symo_net *net, int threads, bool recompute, lane_sizes *s) {
  arrange(net, sharing_of(recompute), net->sizes.chunk, 0, &s->places);
  s->lanes = (size_t)threads;
  s->gradient = symo_padded(net->parameters * symo_dtype_size(net->spec.dtype));
  return (double)s->lanes * ((double)s->places.bytes + (double)sizeof(symo_net_lane)) +
         (double)(s->lanes - 1) * (double)s->gradient;
}

static double bytes_of(const symo_net *net, int threads, bool recompute) {
  lane_sizes sizes;
  return size_lanes(net, threads, recompute, &sizes);
}

symo_status symo_net_allocate_lanes(symo_net *net) {
  lane_sizes s;
  if (net->lanes != NULL) return SYMO_OK;
  symo_status status = SYMO_OK;
  (void)size_lanes(net, symo_pool_threads(net->pool), net->recompute, &s);
  net->lanes = symo_calloc(s.lanes, sizeof *net->lanes);
  if (net->lanes == NULL) return symo_fail_memory(net->context, "network workspace");
  net->num_lanes = s.lanes;
  for (size_t l = 0; l < s.lanes && status == SYMO_OK; l++) {
    symo_net_lane *lane = &net->lanes[l];
    status = allocate(net, s.places.bytes + (l > 0 ? s.gradient : 0), &lane->memory);
    if (status != SYMO_OK) break;
    char *memory = lane->memory;
    set_pointers(net, &s.places, memory, lane->value, lane->cot);
    lane->labels = memory + s.places.labels;
    lane->scratch = memory + s.places.scratch;
    lane->gradient = l > 0 ? memory + s.places.bytes : NULL;
  }
  if (status != SYMO_OK) symo_net_free_lanes(net);
  return status;
}

void symo_net_free_lanes(symo_net *net) {
  for (size_t l = 0; l < net->num_lanes; l++) symo_free(net->lanes[l].memory);
  symo_free(net->lanes);
  symo_net_free_sums(net);
  net->lanes = NULL;
  net->num_lanes = 0;
}

/* ---- what the user says of it ---- */

void symo_net_set_pool(symo_net *net, symo_pool *pool) {
  net->pool = pool;
  symo_net_free_lanes(net);
  symo_free(net->panels); /* as many as there were threads */
  net->panels = NULL;
}

void symo_net_set_comm(symo_net *net, const symo_comm *comm) {
  net->comm = comm;
  (void)symo_net_set_reduction(net, 0, NULL, 0);
}

void symo_net_set_recompute(symo_net *net, bool on) {
  net->recompute = on;
  symo_net_free_lanes(net);
}

symo_status symo_net_set_chunk(symo_net *net, size_t examples) {
  if (examples > SYMO_NET_MAX_CHUNK)
    return symo_fail(net->context, SYMO_E_SIZE, "network: chunks of %zu %s (at most %d)", examples,
                     symo_plural(examples, "example", "examples"), SYMO_NET_MAX_CHUNK);
  symo_net_free_lanes(net);
  if (examples > 0)
    net->sizes.chunk = examples;
  else
    return symo_net_plan(net);
  return SYMO_OK;
}

symo_net_lanes symo_net_get_lanes(const symo_net *net) {
  const int threads = symo_pool_threads(net->pool);
  return (symo_net_lanes){.examples = net->sizes.chunk,
                          .lanes = threads,
                          .recompute = net->recompute,
                          .bytes = bytes_of(net, threads, net->recompute)};
}

double symo_net_bytes(const symo_net_spec *spec, int threads, bool recompute) {
  symo_net *net = NULL;
  if (threads < 1 || symo_net_create(NULL, spec, &net) != SYMO_OK) return (double)NAN;
  const double bytes = (double)sizeof *net + bytes_of(net, threads, recompute);
  symo_net_destroy(net);
  return bytes;
}
