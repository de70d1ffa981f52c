/* Gradients of single examples, all those of a chunk at once.
 *
 * The backward pass of a chunk leaves in the buffers, for each operation with parameters, what it
 * read, a, and the derivative d of the loss of each example by what it wrote.  The gradient of one
 * example is a sum of d a' over its own positions (Goodfellow 2015, arXiv 1510.01799): as many flops
 * in all as the gradient of the sum takes, but N times as many numbers to write.  So they are written
 * into a block of the caller's that stays in cache, while forward and backward go on in chunks that
 * products like.  Examples of a block are independent, and threads take them. */
#include "core/error.h"
#include "core/linalg.h"
#include "net/graph.h"

bool symo_net_has_examples(const symo_net *net) {
  for (size_t i = 0; i < net->num_nodes; i++)
    if (net->nodes[i].op->load != NULL && net->nodes[i].op->example == NULL) return false;
  return true;
}

size_t symo_net_examples(void *self) { return ((const symo_net *)self)->examples; }

typedef struct emission {
  const symo_net *net;
  const symo_pass *pass;
  size_t first; /* of the chunk's examples */
  void *g;
  bool add[SYMO_NET_MAX_NODES]; /* a later node, which comes earlier here, has the same weight */
} emission;

static void emit(void *arg, size_t index, int worker) {
  const emission *e = arg;
  const symo_net *net = e->net;
  void *g = symo_at(net->spec.dtype, e->g, (ptrdiff_t)(index * net->parameters));
  (void)worker;
  for (size_t i = net->num_nodes; i-- > 0;)
    if (net->nodes[i].op->example != NULL)
      net->nodes[i].op->example(&net->nodes[i], e->pass, e->first + index, e->add[i], g);
}

static void find_shared(const symo_net *net, bool *add) {
  for (size_t i = 0; i < net->num_nodes; i++) {
    add[i] = false;
    for (size_t j = i + 1; j < net->num_nodes && net->nodes[i].op->example != NULL; j++)
      add[i] = add[i] ||
               (net->nodes[j].op->example != NULL && net->nodes[j].weight == net->nodes[i].weight);
  }
}

/* Examples [first, end) of the data, which the pass has behind it. */
static symo_status hand_over(emission *e, const symo_example_request *request, size_t first,
                             size_t end) {
  symo_net *net = (symo_net *)(uintptr_t)e->net;
  const size_t block = request->take != NULL ? request->block : end - first;
  for (size_t at = first, n; at < end; at += n) {
    n = end - at < block ? end - at : block;
    e->first = at - e->pass->first;
    e->g = request->take != NULL ? request->gradients
                                 : symo_at(net->spec.dtype, request->gradients,
                                           (ptrdiff_t)((at - request->first) * net->parameters));
    symo_pool_run(net->pool, n, emit, e);
    if (request->take == NULL) continue;
    symo_status status = request->take(request->self, at, n, request->gradients);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status check(symo_net *net, const symo_example_request *r) {
  if (r == NULL || r->gradients == NULL)
    return symo_fail_null(net->context, "network examples", r == NULL ? "request" : "gradients");
  if (r->take != NULL && r->block == 0)
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "network examples: blocks of 0 (take 1 example at least)");
  if (r->first <= net->examples && r->count <= net->examples - r->first) return SYMO_OK;
  return symo_fail(net->context, SYMO_E_SHAPE,
                   "network examples: %zu from %zu on are asked for, there are %zu", r->count,
                   r->first, net->examples);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

symo_status symo_net_example_gradients(void *self, const void *theta,
                                       const symo_example_request *request) {
  symo_net *net = self;
  symo_status status = symo_net_ready(net, theta, "network examples");
  if (status == SYMO_OK) status = check(net, request);
  if (status == SYMO_OK) status = symo_net_allocate_whole(net);
  if (status != SYMO_OK) return status;
  /* What is held is a chunk of all examples. */
  const bool held = symo_net_holds(net, theta);
  const size_t from = request->first, end = from + request->count;
  const size_t step =
      held ? net->examples
           : symo_net_chunk(request->count, least(net->sizes.chunk, net->sizes.rows));
  emission e = {.net = net};
  find_shared(net, e.add);
  for (size_t at = held ? 0 : from; at < end && status == SYMO_OK; at += step) {
    const size_t n = held ? net->examples : least(end - at, step);
    symo_pass pass = symo_net_pass(net, theta, at, n);
    symo_net_values(net, &pass, 1, true);
    e.pass = &pass;
    status = hand_over(&e, request, held ? from : at, held ? end : at + n);
  }
  return status;
}
