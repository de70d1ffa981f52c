/* The workspace of a network, each part taken by the first call that needs it; afterwards nothing
 * allocates.  A run of training never needs what products do. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "net/graph.h"

static void point(const symo_net *net, const symo_net_places *places, char *memory, void **value,
                  void **cot) {
  for (size_t b = 0; b < net->num_buffers; b++) {
    value[b] = memory + places->value[b];
    cot[b] = net->hidden[b] ? memory + places->cot[b] : NULL;
  }
}

static symo_status take(symo_net *net, size_t bytes, void **memory) {
  *memory = symo_malloc(bytes);
  return *memory != NULL ? SYMO_OK : symo_fail_memory(net->context, "network workspace");
}

symo_status symo_net_take_whole(symo_net *net) {
  symo_net_places places;
  if (net->whole != NULL) return SYMO_OK;
  symo_net_arrange(net, SYMO_NET_APART, net->sizes.rows, net->sizes.block, &places);
  symo_status status = take(net, places.bytes, &net->whole);
  if (status != SYMO_OK) return status;
  char *memory = net->whole;
  point(net, &places, memory, net->value, net->cot);
  net->labels = memory + places.labels;
  net->scratch = memory + places.scratch;
  return SYMO_OK;
}

/* ---- products ---- */

static symo_status block_of(symo_net *net, size_t a, size_t b, size_t c, void **memory) {
  size_t bytes;
  if (*memory != NULL) return SYMO_OK;
  if (!symo_mul_size(a, b, &bytes) || !symo_mul_size(bytes, c, &bytes))
    return symo_fail(net->context, SYMO_E_SIZE, "network: workspace too large (narrow the layers)");
  return take(net, bytes, memory);
}

static symo_status take_arena(symo_net *net, void **memory, void **pointers) {
  const size_t bytes = net->sizes.direction_rows * symo_dtype_size(net->spec.dtype);
  size_t width = 0, offset = 0;
  for (size_t b = 0; b < net->num_buffers; b++)
    if (net->hidden[b]) width += net->positions[b] * net->widths[b];
  symo_status status = block_of(net, width, bytes, 1, memory);
  for (size_t b = 0; b < net->num_buffers && status == SYMO_OK; b++) {
    if (!net->hidden[b]) continue;
    pointers[b] = (char *)*memory + offset;
    offset += bytes * net->positions[b] * net->widths[b];
  }
  return status;
}

symo_status symo_net_take_products(symo_net *net) {
  const size_t bytes = symo_dtype_size(net->spec.dtype);
  symo_status status;
  SYMO_TRY(symo_net_take_whole(net));
  SYMO_TRY(take_arena(net, &net->tangents, net->tan));
  SYMO_TRY(take_arena(net, &net->cotangent_tangents, net->ctan));
  SYMO_TRY(block_of(net, 4 * bytes, net->sizes.block, net->parameters, &net->packs));
  if (net->plain) SYMO_TRY(block_of(net, bytes, symo_net_panel_numbers(net), 1, &net->panels));
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
  symo_net_arrange(net, sharing_of(recompute), net->sizes.chunk, 0, &s->places);
  s->lanes = (size_t)threads;
  s->gradient = symo_padded(net->parameters * symo_dtype_size(net->spec.dtype));
  return (double)s->lanes * ((double)s->places.bytes + (double)sizeof(symo_net_lane)) +
         (double)(s->lanes - 1) * (double)s->gradient;
}

static double bytes_of(const symo_net *net, int threads, bool recompute) {
  lane_sizes sizes;
  return size_lanes(net, threads, recompute, &sizes);
}

symo_status symo_net_take_lanes(symo_net *net) {
  lane_sizes s;
  if (net->lanes != NULL) return SYMO_OK;
  symo_status status = SYMO_OK;
  (void)size_lanes(net, symo_pool_threads(net->pool), net->recompute, &s);
  net->lanes = symo_calloc(s.lanes, sizeof *net->lanes);
  if (net->lanes == NULL) return symo_fail_memory(net->context, "network workspace");
  net->num_lanes = s.lanes;
  for (size_t l = 0; l < s.lanes && status == SYMO_OK; l++) {
    symo_net_lane *lane = &net->lanes[l];
    status = take(net, s.places.bytes + (l > 0 ? s.gradient : 0), &lane->memory);
    if (status != SYMO_OK) break;
    char *memory = lane->memory;
    point(net, &s.places, memory, lane->value, lane->cot);
    lane->labels = memory + s.places.labels;
    lane->scratch = memory + s.places.scratch;
    lane->gradient = l > 0 ? memory + s.places.bytes : NULL;
  }
  if (status != SYMO_OK) symo_net_drop_lanes(net);
  return status;
}

void symo_net_drop_lanes(symo_net *net) {
  for (size_t l = 0; l < net->num_lanes; l++) symo_free(net->lanes[l].memory);
  symo_free(net->lanes);
  net->lanes = NULL;
  net->num_lanes = 0;
}

/* ---- what the user says of it ---- */

void symo_net_set_pool(symo_net *net, symo_pool *pool) {
  net->pool = pool;
  symo_net_drop_lanes(net);
}

void symo_net_set_recompute(symo_net *net, bool on) {
  net->recompute = on;
  symo_net_drop_lanes(net);
}

symo_status symo_net_set_chunk(symo_net *net, size_t examples) {
  if (examples > SYMO_NET_MAX_CHUNK)
    return symo_fail(net->context, SYMO_E_SIZE, "network: chunks of %zu %s (at most %d)", examples,
                     symo_plural(examples, "example", "examples"), SYMO_NET_MAX_CHUNK);
  symo_net_drop_lanes(net);
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
