/* Running the nodes over a chunk: forward, backward, and their derivatives along a block of directions
 * (forward over reverse: Pearlmutter 1994). */
#include <assert.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "net/factors.h"

symo_pass symo_net_pass_on(symo_net *net, const void *theta, size_t n) {
  assert(n <= net->sizes.rows);
  return (symo_pass){.dtype = net->spec.dtype,
                     .n = n,
                     .dropping = net->dropping,
                     .seed = net->seed,
                     .scratch = net->scratch,
                     .theta = theta,
                     .value = net->value_now,
                     .cot = net->cot,
                     .tan = net->tan_now,
                     .ctan = net->ctan};
}

symo_pass symo_net_pass(symo_net *net, const void *theta, size_t first, size_t n) {
  memcpy(net->value_now, net->value, sizeof net->value_now);
  const void *targets;
  symo_net_chunk_data(net, first, n, net->value[0], net->labels, &net->value_now[0], &targets);
  symo_pass pass = symo_net_pass_on(net, theta, n);
  pass.first = first;
  pass.targets = targets;
  return pass;
}

static double clock_of(const symo_net *net) { return net->times != NULL ? net->times->clock() : 0; }

static void forward_node(symo_net *net, size_t i, symo_pass *pass, int order) {
  const double start = clock_of(net);
  net->nodes[i].op->forward(&net->nodes[i], pass, order);
  if (net->times != NULL) net->times->of[i].forward += clock_of(net) - start;
}

static void backward_node(symo_net *net, size_t i, symo_pass *pass) {
  const double start = clock_of(net);
  net->nodes[i].op->backward(&net->nodes[i], pass);
  if (net->times != NULL) net->times->of[i].backward += clock_of(net) - start;
  if (pass->collect != NULL) symo_net_collect_node(net, i, pass);
  if (pass->passed != NULL) pass->passed(pass->passed_arg, i);
}

/* ---- values that are held ---- */

void symo_net_hold(void *self, const void *theta, bool hessian) {
  symo_net *net = self;
  net->held = theta;
  net->held_hessian = hessian;
  net->held_order = -1, net->held_cot = false;
}

bool symo_net_holds(const symo_net *net, const void *theta) {
  return net->held != NULL && net->held == theta && symo_comm_size(net->comm) == 1 &&
         net->examples <= net->sizes.rows && net->examples <= net->sizes.direction_rows;
}

void symo_net_values(symo_net *net, symo_pass *pass, int order, bool cot) {
  const bool holds = symo_net_holds(net, pass->theta);
  if (!holds || net->held_order < order) {
    symo_net_forward(net, pass, order, true);
    if (holds) net->held_order = order, net->held_loss = pass->loss, net->held_cot = false;
  }
  pass->loss = holds ? net->held_loss : pass->loss;
  if (!cot || (holds && net->held_cot && pass->gradient == NULL)) return;
  symo_net_backward(net, pass);
  net->held_cot = holds;
}

symo_net_counts symo_net_get_counts(const symo_net *net) { return net->counts; }

static double share_of(const symo_net *net, const symo_pass *pass) {
  return (double)pass->n / (double)net->examples;
}

/* The workspace of all but losses and gradients. */
static bool is_whole(const symo_net *net, const symo_pass *pass) {
  return pass->value == net->value_now;
}

void symo_net_forward(symo_net *net, symo_pass *pass, int order, bool loss) {
  if (is_whole(net, pass)) net->held_order = -1, net->counts.forward += share_of(net, pass);
  for (size_t i = 0; i < net->num_nodes; i++)
    if (loss || !net->nodes[i].op->is_loss) forward_node(net, i, pass, order);
}

void symo_net_backward(symo_net *net, symo_pass *pass) {
  if (is_whole(net, pass)) net->held_cot = false, net->counts.backward += share_of(net, pass);
  for (size_t i = net->num_nodes; i-- > 0;) backward_node(net, i, pass);
}

/* The same where values are recomputed, from node `end` - 1 down; the last segment is as forward
 * left it. */
static void backward_recomputed(symo_net *net, symo_pass *pass, size_t end) {
  for (size_t s = net->num_segments; s-- > 0; end = net->segments[s]) {
    const size_t first = net->segments[s];
    for (size_t i = first; s + 1 < net->num_segments && i < end; i++) forward_node(net, i, pass, 1);
    for (size_t i = end; i-- > first;) backward_node(net, i, pass);
  }
}

void symo_net_backward_all(symo_net *net, symo_pass *pass, bool seeded) {
  const size_t end = net->num_nodes - (seeded ? 1 : 0);
  if (net->recompute) {
    backward_recomputed(net, pass, end);
    return;
  }
  for (size_t i = end; i-- > 0;) backward_node(net, i, pass);
}

void symo_net_tangent(symo_net *net, symo_pass *pass, size_t first, bool seeded) {
  net->counts.tangent += share_of(net, pass) * (double)pass->k;
  memset(net->tan_now, 0, sizeof net->tan_now);
  if (seeded) net->tan_now[net->nodes[first].in[0]] = net->tan[net->nodes[first].in[0]];
  for (size_t i = first; i < net->num_nodes; i++) {
    const symo_node *node = &net->nodes[i];
    for (size_t port = 0; port < SYMO_OP_PORTS; port++)
      if (node->out[port] >= 0) net->tan_now[node->out[port]] = net->tan[node->out[port]];
    node->op->tangent(node, i, pass);
  }
}

void symo_net_backward_tangent(symo_net *net, symo_pass *pass, size_t last) {
  net->counts.backward_tangent += share_of(net, pass) * (double)pass->k;
  for (size_t i = net->num_nodes; i-- > last;)
    net->nodes[i].op->backward_tangent(&net->nodes[i], i, pass);
}

void symo_net_back_from_outputs(symo_net *net, symo_pass *pass) {
  net->counts.backward_tangent += share_of(net, pass) * (double)pass->k;
  for (size_t i = net->num_nodes - 1; i-- > 0;)
    net->nodes[i].op->backward_tangent(&net->nodes[i], i, pass);
}

symo_status symo_net_ready(symo_net *net, const void *theta, const char *where) {
  if (net->x == NULL)
    return symo_fail(net->context, SYMO_E_ARGUMENT,
                     "%s: the network has no data (call symo_net_set_data)", where);
  if (!symo_all_finite(net->spec.dtype, net->parameters, theta))
    return symo_fail(net->context, SYMO_E_NONFINITE,
                     "%s: the parameters hold NaN or infinity (lower the learning rate or scale)",
                     where);
  return SYMO_OK;
}

/* How many of the examples are this process's, from *first on. */
size_t symo_net_own_examples(const symo_net *net, size_t *first) {
  size_t end;
  symo_comm_part(net->examples, (size_t)symo_comm_size(net->comm),
                 (size_t)symo_comm_rank(net->comm), first, &end);
  return end - *first;
}
