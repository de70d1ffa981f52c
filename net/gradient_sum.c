/* The gradient of all processes, summed while backward goes on (core/reduction.h).
 *
 * Numbers of the gradient are there when the last operation that adds to them has gone backward in the
 * last chunk of every lane: of weights that several operations have, the one nearest to the input.
 * So parts of the vector, one a weight or bias, are there in the reverse order of operations.  Lanes
 * say which operation they have passed; the thread of lane 0, which alone may exchange, looks at
 * that behind each of its own, and adds the lanes of what is there, in their order. */
#include "net/gradient_sum.h"

#include <assert.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

struct symo_net_sum {
  symo_reduction *reduction;
  size_t num_parts;
  symo_reduction_part *parts;
  size_t after[SYMO_NET_MAX_NODES + 1]; /* parts that are there behind node i; [num_nodes]: 0 */
  size_t added;                         /* parts whose lanes are summed */
};

enum { RANGES = 2 }; /* of a node */

/* What node i adds to. */
static size_t ranges_of(const symo_node *node, symo_reduction_part ranges[RANGES]) {
  size_t n = 0;
  if (node->op->load == NULL) return 0;
  ranges[n++] = (symo_reduction_part){.first = node->weight,
                                      .count = node->weight_rows * node->weight_columns};
  if (node->op->table)
    ranges[n++] =
        (symo_reduction_part){.first = node->bias, .count = node->out_rows * node->out_width};
  else if (node->has_bias)
    ranges[n++] = (symo_reduction_part){.first = node->bias, .count = node->weight_rows};
  return n;
}

static bool comes_again(const symo_net *net, size_t i, size_t first) {
  symo_reduction_part ranges[RANGES];
  for (size_t k = 0; k < i; k++)
    for (size_t n = ranges_of(&net->nodes[k], ranges); n-- > 0;)
      if (first >= ranges[n].first && first < ranges[n].first + ranges[n].count) return true;
  return false;
}

/* Adds [first, first + count), cut where owners change; parts NULL: only counts. */
static void add_range(symo_net_sum *s, size_t num_owners, const symo_reduction_part *owners,
                      size_t first, size_t count) {
  for (size_t o = 0; count > 0; o++) {
    symo_reduction_part part = {.first = first, .count = count};
    if (num_owners > 0) {
      assert(o < num_owners);
      if (owners[o].first + owners[o].count <= first) continue;
      part.owner = owners[o].owner;
      if (owners[o].first + owners[o].count < first + count)
        part.count = owners[o].first + owners[o].count - first;
    }
    if (s->parts != NULL) s->parts[s->num_parts] = part;
    s->num_parts++;
    first += part.count, count -= part.count;
  }
}

static void list_parts(const symo_net *net, symo_net_sum *s) {
  symo_reduction_part ranges[RANGES];
  s->num_parts = 0;
  s->after[net->num_nodes] = 0;
  for (size_t i = net->num_nodes; i-- > 0; s->after[i] = s->num_parts)
    for (size_t n = ranges_of(&net->nodes[i], ranges); n-- > 0;)
      if (!comes_again(net, i, ranges[n].first))
        add_range(s, net->num_owners, net->owners, ranges[n].first, ranges[n].count);
}

void symo_net_free_sum(symo_net *net) {
  if (net->sum == NULL) return;
  symo_reduction_destroy(net->sum->reduction);
  symo_free(net->sum->parts);
  symo_free(net->sum);
  net->sum = NULL;
}

symo_status symo_net_allocate_sum(symo_net *net) {
  symo_status status = SYMO_OK;
  size_t numbers = 0;
  if (net->sum != NULL || symo_comm_size(net->comm) == 1) return SYMO_OK;
  symo_net_sum *s = net->sum = symo_calloc(1, sizeof *s);
  if (s == NULL) return symo_fail_memory(net->context, "network");
  list_parts(net, s);
  s->parts = symo_calloc(s->num_parts, sizeof *s->parts);
  if (s->parts == NULL) SYMO_TRY(symo_fail_memory(net->context, "network"));
  list_parts(net, s);
  for (size_t p = 0; p < s->num_parts; p++) numbers += s->parts[p].count;
  assert(numbers == net->parameters);
  const size_t most = symo_reduction_bucket(net->comm->size);
  SYMO_TRY(symo_reduction_create(net->context, net->comm, net->spec.dtype, s->num_parts, s->parts,
                                 net->num_owners > 0,
                                 net->bucket_bytes > 0 ? net->bucket_bytes : most, &s->reduction));
  return SYMO_OK;
fail:
  symo_net_free_sum(net);
  return status;
}

void symo_net_sum_begin(symo_net *net, void *gradient, double scale) {
  net->sum->added = 0;
  symo_reduction_begin(net->sum->reduction, gradient, scale);
}

/* Adds what other lanes have of the parts up to `parts`. */
static void add_lanes(symo_net *net, void *gradient, size_t lanes, size_t parts) {
  const symo_dtype dtype = net->spec.dtype;
  for (; net->sum->added < parts; net->sum->added++) {
    const symo_reduction_part *p = &net->sum->parts[net->sum->added];
    for (size_t l = 1; l < lanes; l++)
      symo_axpy(dtype, p->count, 1.0, symo_at(dtype, net->lanes[l].gradient, (ptrdiff_t)p->first),
                symo_at(dtype, gradient, (ptrdiff_t)p->first));
  }
}

void symo_net_sum_go_on(symo_net *net, void *gradient, size_t lanes) {
  size_t passed = 0; /* the last node that all have passed */
  for (size_t l = 0; l < lanes; l++) {
    const size_t own = atomic_load_explicit(&net->lanes[l].passed, memory_order_acquire);
    passed = own > passed ? own : passed;
  }
  const size_t parts = net->sum->after[passed];
  add_lanes(net, gradient, lanes, parts);
  symo_reduction_ready(net->sum->reduction, parts);
}

void symo_net_sum_end(symo_net *net, void *gradient, size_t lanes) {
  add_lanes(net, gradient, lanes, net->sum->num_parts);
  symo_reduction_end(net->sum->reduction);
}

/* ---- what the user says of it ---- */

symo_status symo_net_set_reduction(symo_net *net, size_t num_owners,
                                   const symo_reduction_part *owners, size_t bucket_bytes) {
  symo_reduction_part *copy = NULL;
  if (num_owners > 0) {
    copy = symo_calloc(num_owners, sizeof *copy);
    if (copy == NULL) return symo_fail_memory(net->context, "network");
    memcpy(copy, owners, num_owners * sizeof *copy);
  }
  symo_net_free_sum(net);
  symo_free(net->owners);
  net->owners = copy, net->num_owners = num_owners;
  net->bucket_bytes = bucket_bytes;
  return SYMO_OK;
}

symo_reduction_counts symo_net_get_reduction(const symo_net *net) {
  return symo_reduction_get_counts(net->sum != NULL ? net->sum->reduction : NULL);
}
