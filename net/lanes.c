/* Losses and gradients by several threads.
 *
 * The examples are cut into as many parts as there are lanes, one behind the other, and a lane
 * takes its part chunk by chunk.  Each adds to a gradient of its own; these are summed in the order
 * of the lanes.  So results depend on the number of lanes, by rounding, but not on which thread
 * took which. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"
#include "core/linalg.h"
#include "hessian/factors.h"
#include "net/factors.h"
#include "net/gradient_sum.h"

enum { RANGE = 1 << 15 }; /* numbers of the gradient that are summed at a time */

/* The score of a chunk after its forward pass. */
typedef double (*score_of)(const symo_net *net, const symo_pass *pass);

typedef struct lanes_job {
  symo_net *net;
  const void *theta;
  void *gradient; /* NULL: the loss alone */
  score_of score;
  const symo_factor_request *request; /* NULL: no layer statistics */
  size_t first, examples;             /* of this process */
  size_t lanes;                       /* no more than examples */
  bool watched; /* the gradients of several processes are summed while they are made */
  double scale; /* of the sum of the gradients of the lanes */
} lanes_job;

static symo_pass pass_of(const symo_net *net, symo_net_lane *lane, const void *theta, size_t first,
                         size_t n) {
  symo_pass pass = {.dtype = net->spec.dtype,
                    .n = n,
                    .first = first,
                    .dropping = net->dropping,
                    .seed = net->seed,
                    .scratch = lane->scratch,
                    .theta = theta,
                    .value = lane->value_now,
                    .cot = lane->cot};
  memcpy(lane->value_now, lane->value, sizeof lane->value_now);
  symo_net_chunk_data(net, first, n, lane->value[0], lane->labels, &lane->value_now[0],
                      &pass.targets);
  return pass;
}

/* A lane in its last chunk, whose gradient is there node by node. */
typedef struct lane_watch {
  const lanes_job *j;
  symo_net_lane *lane;
  bool first_thread;
} lane_watch;

static void note_passed(void *arg, size_t node) {
  const lane_watch *w = arg;
  atomic_store_explicit(&w->lane->passed, node, memory_order_release);
  if (w->first_thread) symo_net_sum_go_on(w->j->net, w->j->gradient, w->j->lanes);
}

/* watch: NULL, or of the last chunk. */
static void run_chunk(const lanes_job *j, symo_net_lane *lane, void *gradient, size_t first,
                      size_t n, lane_watch *watch) {
  symo_net *net = j->net;
  symo_pass pass = pass_of(net, lane, j->theta, first, n);
  pass.gradient = gradient;
  if (watch != NULL) pass.passed = note_passed, pass.passed_arg = watch;
  symo_net_forward(net, &pass, gradient != NULL || j->request != NULL ? 1 : 0, true);
  lane->loss += pass.loss;
  if (j->score != NULL) lane->score += j->score(net, &pass);
  if (j->request != NULL && lane->status == SYMO_OK)
    lane->status = symo_net_factors_chunk(net, lane, &pass, j->request, lane->sums);
  else if (gradient != NULL)
    symo_net_backward_all(net, &pass, false);
}

static void run_lane(void *arg, size_t index, int worker) {
  const lanes_job *j = arg;
  symo_net *net = j->net;
  symo_net_lane *lane = &net->lanes[index];
  size_t first, end;
  symo_comm_part(j->examples, j->lanes, index, &first, &end);
  first += j->first, end += j->first;
  const size_t step = symo_net_chunk(end - first, net->sizes.chunk);
  void *gradient = index == 0 || j->gradient == NULL ? j->gradient : lane->gradient;
  lane_watch watch = {j, lane, worker == 0};
  lane->loss = lane->score = 0.0;
  lane->status = SYMO_OK;
  if (j->request != NULL)
    lane->sums = index == 0 ? j->request->sums : net->sums + (index - 1) * net->num_sites;
  if (gradient != NULL) memset(gradient, 0, net->parameters * symo_dtype_size(net->spec.dtype));
  if (j->request != NULL) symo_net_share_outputs(net, lane->sums, false);
  for (size_t n; first < end; first += n) {
    n = end - first < step ? end - first : step;
    run_chunk(j, lane, gradient, first, n, j->watched && first + n == end ? &watch : NULL);
  }
  if (j->request != NULL) symo_net_share_outputs(net, lane->sums, true);
}

static void sum_range(void *arg, size_t index, int worker) {
  const lanes_job *j = arg;
  const symo_net *net = j->net;
  const symo_dtype dtype = net->spec.dtype;
  const size_t first = index * RANGE, left = net->parameters - first;
  const size_t n = left < RANGE ? left : RANGE;
  void *sum = symo_at(dtype, j->gradient, (ptrdiff_t)first);
  (void)worker;
  for (size_t l = 1; l < j->lanes; l++)
    symo_axpy(dtype, n, 1.0, symo_at(dtype, net->lanes[l].gradient, (ptrdiff_t)first), sum);
  if (j->scale != 1.0) symo_scal(dtype, n, j->scale, sum);
}

static void sum_ranges(const lanes_job *j) {
  symo_pool_run(j->lanes > 1 ? j->net->pool : NULL, (j->net->parameters + RANGE - 1) / RANGE,
                sum_range, (void *)(uintptr_t)j);
}

/* Before the lanes: what they need to say how far they are. */
static symo_status watch_lanes(lanes_job *j) {
  symo_net *net = j->net;
  if (j->gradient == NULL || symo_comm_size(net->comm) == 1) return SYMO_OK;
  symo_status status = symo_net_allocate_sum(net);
  if (status != SYMO_OK) return status;
  for (size_t l = 0; l < j->lanes; l++) atomic_store(&net->lanes[l].passed, net->num_nodes);
  if (j->lanes == 0) memset(j->gradient, 0, net->parameters * symo_dtype_size(net->spec.dtype));
  j->watched = j->request == NULL; /* statistics take passes of their own */
  symo_net_sum_begin(net, j->gradient, j->scale);
  return SYMO_OK;
}

/* What the request's sums hold already is the same in all processes, and counts once. */
static void begin_sums(const symo_net *net, const symo_factor_request *request) {
  for (size_t k = 0; k < net->num_sites && symo_comm_rank(net->comm) > 0; k++)
    symo_factor_sums_clear(&net->sites[k], &request->sums[k]);
}

/* Who has the weight of a site; -1: all processes have all. */
static int owner_of(const symo_net *net, const symo_factor_site *site) {
  for (size_t o = 0; o < net->num_owners; o++) {
    const symo_reduction_part *p = &net->owners[o];
    if (site->weight >= p->first && site->weight - p->first < p->count) return p->owner;
  }
  return -1;
}

/* Layer statistics of all lanes into the request's, in the order of the lanes, and of all
 * processes in theirs. */
static symo_status join_sums(symo_net *net, const lanes_job *j) {
  symo_status status = SYMO_OK;
  for (size_t l = 0; l < j->lanes && status == SYMO_OK; l++) status = net->lanes[l].status;
  const int failed = symo_comm_first(net->comm, status != SYMO_OK);
  if (status == SYMO_OK && failed >= 0)
    return symo_fail(net->context, SYMO_E_MEMORY, "network factors: process %d ran out of memory",
                     failed);
  if (status == SYMO_E_MEMORY) return symo_fail_memory(net->context, "network factors");
  for (size_t l = 1; l < j->lanes && status == SYMO_OK; l++)
    for (size_t k = 0; k < net->num_sites; k++)
      symo_factor_sums_join(&net->sites[k], &j->request->sums[k], &net->lanes[l].sums[k]);
  for (size_t k = 0; k < net->num_sites && status == SYMO_OK; k++)
    symo_factor_sums_exchange(net->comm, owner_of(net, &net->sites[k]), &net->sites[k],
                              &j->request->sums[k]);
  return status;
}

/* Sums over all examples, by all lanes: the loss, its gradient if that is not NULL (the mean), what
 * `score` says of each chunk, if there is such a function, and layer statistics if they are asked
 * for. */
static symo_status run_lanes(symo_net *net, const void *theta, void *gradient, score_of score,
                             const symo_factor_request *request, double *loss, double *scores) {
  symo_status status = symo_net_allocate_lanes(net);
  if (status == SYMO_OK && request != NULL) status = symo_net_allocate_sums(net, request);
  if (status != SYMO_OK) return status;
  lanes_job j = {
      .net = net, .theta = theta, .gradient = gradient, .score = score, .request = request};
  double sums[2] = {0.0, 0.0};
  j.examples = symo_net_own_examples(net, &j.first);
  j.lanes = net->num_lanes < j.examples ? net->num_lanes : j.examples;
  j.scale = 1.0 / (double)net->examples;
  status = watch_lanes(&j);
  if (status != SYMO_OK) return status;
  if (request != NULL) begin_sums(net, request);
  symo_pool_run(net->pool, j.lanes, run_lane, &j);
  net->counts.forward++, net->counts.backward += gradient != NULL;
  for (size_t l = 0; l < j.lanes; l++) {
    sums[0] += net->lanes[l].loss;
    sums[1] += net->lanes[l].score;
  }
  if (gradient != NULL && symo_comm_size(net->comm) == 1) sum_ranges(&j);
  if (gradient != NULL && symo_comm_size(net->comm) > 1) symo_net_sum_end(net, gradient, j.lanes);
  symo_comm_sum(net->comm, SYMO_F64, 2, sums);
  *loss = sums[0];
  if (scores != NULL) *scores = sums[1];
  return request != NULL ? join_sums(net, &j) : SYMO_OK;
}

/* ---- evaluation ---- */

static size_t largest(symo_dtype dtype, const void *row, size_t first, size_t width) {
  size_t best = 0;
  for (size_t i = 1; i < width; i++)
    if (symo_get(dtype, row, first + i) > symo_get(dtype, row, first + best)) best = i;
  return best;
}

/* How many of a chunk's predictions are right. */
static double count_right(const symo_net *net, const symo_pass *pass) {
  const symo_node *node = &net->nodes[net->num_nodes - 1];
  const symo_dtype dtype = net->spec.dtype;
  const void *f = pass->value[node->in[0]];
  const size_t w = node->in_width;
  double right = 0.0;
  for (size_t p = 0; p < node->in_rows; p++)
    for (size_t r = 0; r < pass->n; r++) {
      const size_t guess = largest(dtype, f, (p * pass->n + r) * w, w);
      const size_t truth = net->spec.loss == SYMO_LOSS_TOKENS
                               ? ((const uint32_t *)pass->targets)[r * node->in_rows + p]
                               : largest(dtype, pass->targets, r * w, w);
      right += guess == truth ? 1.0 : 0.0;
    }
  return right / (double)node->in_rows;
}

symo_status symo_net_evaluate(symo_net *net, const void *theta, double *loss, double *accuracy) {
  symo_status status = symo_net_ready(net, theta, "network evaluation");
  if (status != SYMO_OK) return status;
  const bool classes =
      net->spec.loss == SYMO_LOSS_CROSS_ENTROPY || net->spec.loss == SYMO_LOSS_TOKENS;
  const bool dropping = net->dropping;
  double sum = 0.0, right = 0.0;
  net->dropping = false;
  status = run_lanes(net, theta, NULL, classes && accuracy != NULL ? count_right : NULL, NULL, &sum,
                     &right);
  net->dropping = dropping;
  if (status != SYMO_OK) return status;
  *loss = sum / (double)net->examples;
  if (accuracy != NULL) *accuracy = classes ? right / (double)net->examples : (double)NAN;
  return SYMO_OK;
}

/* ---- loss and gradient ---- */

/* The gradient through the workspace of products, which then have its values. */
static symo_status held_gradient(symo_net *net, const void *theta, double *loss, void *grad) {
  symo_status status = symo_net_allocate_products(net);
  if (status != SYMO_OK) return status;
  const symo_dtype dtype = net->spec.dtype;
  symo_pass pass = symo_net_pass(net, theta, 0, net->examples);
  pass.gradient = grad;
  memset(grad, 0, net->parameters * symo_dtype_size(dtype));
  symo_net_values(net, &pass, net->held_hessian ? 2 : 1, true);
  symo_scal(dtype, net->parameters, 1.0 / (double)net->examples, grad);
  *loss = pass.loss;
  return SYMO_OK;
}

static symo_status loss_and_gradient(symo_net *net, const void *theta, double *loss, void *grad,
                                     const symo_factor_request *request) {
  double sum = 0.0;
  symo_status status = symo_net_ready(net, theta, "network loss");
  if (status == SYMO_OK && grad != NULL && request == NULL && symo_net_holds(net, theta))
    status = held_gradient(net, theta, &sum, grad);
  else if (status == SYMO_OK)
    status = run_lanes(net, theta, grad, NULL, request, &sum, NULL);
  if (status == SYMO_OK && loss != NULL) *loss = sum / (double)net->examples;
  return status;
}

symo_status symo_net_loss(void *self, const void *theta, double *loss) {
  return loss_and_gradient(self, theta, loss, NULL, NULL);
}

symo_status symo_net_gradient(void *self, const void *theta, double *loss, void *grad) {
  return loss_and_gradient(self, theta, loss, grad, NULL);
}

symo_status symo_net_take_factors(void *self, const void *theta, double *loss, void *grad,
                                  const symo_factor_request *request) {
  symo_status status = symo_net_check_request(self, request);
  return status == SYMO_OK ? loss_and_gradient(self, theta, loss, grad, request) : status;
}
