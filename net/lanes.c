/* Losses and gradients by several threads.
 *
 * The examples are cut into as many parts as there are lanes, one behind the other, and a lane takes
 * its part chunk by chunk.  Each adds to a gradient of its own; these are summed in the order of the
 * lanes.  So results depend on the number of lanes, by rounding, but not on which thread took
 * which. */
#include <string.h>

#include "core/linalg.h"
#include "net/graph.h"

enum { RANGE = 1 << 15 }; /* numbers of the gradient that are summed at a time */

typedef struct lanes_job {
  symo_net *net;
  const void *theta;
  void *gradient; /* NULL: the loss alone */
  symo_net_score score;
  size_t lanes; /* no more than examples */
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

static void run_chunk(const lanes_job *j, symo_net_lane *lane, void *gradient, size_t first,
                      size_t n) {
  symo_net *net = j->net;
  symo_pass pass = pass_of(net, lane, j->theta, first, n);
  pass.gradient = gradient;
  symo_net_forward(net, &pass, gradient != NULL ? 1 : 0, true);
  lane->loss += pass.loss;
  if (j->score != NULL) lane->score += j->score(net, &pass);
  if (gradient == NULL) return;
  if (net->recompute)
    symo_net_backward_again(net, &pass);
  else
    symo_net_backward(net, &pass);
}

static void run_lane(void *arg, size_t index, int worker) {
  const lanes_job *j = arg;
  symo_net *net = j->net;
  symo_net_lane *lane = &net->lanes[index];
  const size_t each = net->examples / j->lanes, more = net->examples % j->lanes;
  size_t first = index * each + (index < more ? index : more);
  const size_t end = first + each + (index < more ? 1 : 0);
  const size_t step = symo_net_chunk(end - first, net->sizes.chunk);
  void *gradient = index == 0 || j->gradient == NULL ? j->gradient : lane->gradient;
  (void)worker;
  lane->loss = lane->score = 0.0;
  if (gradient != NULL) memset(gradient, 0, net->parameters * symo_dtype_size(net->spec.dtype));
  for (size_t n; first < end; first += n) {
    n = end - first < step ? end - first : step;
    run_chunk(j, lane, gradient, first, n);
  }
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
  symo_scal(dtype, n, 1.0 / (double)net->examples, sum);
}

symo_status symo_net_run_lanes(symo_net *net, const void *theta, void *gradient,
                               symo_net_score score, double *loss, double *scores) {
  symo_status status = symo_net_take_lanes(net);
  if (status != SYMO_OK) return status;
  lanes_job j = {.net = net, .theta = theta, .gradient = gradient, .score = score};
  j.lanes = net->num_lanes < net->examples ? net->num_lanes : net->examples;
  symo_pool_run(net->pool, j.lanes, run_lane, &j);
  if (gradient != NULL)
    symo_pool_run(j.lanes > 1 ? net->pool : NULL, (net->parameters + RANGE - 1) / RANGE, sum_range,
                  &j);
  *loss = 0.0;
  if (scores != NULL) *scores = 0.0;
  for (size_t l = 0; l < j.lanes; l++) {
    *loss += net->lanes[l].loss;
    if (scores != NULL) *scores += net->lanes[l].score;
  }
  return SYMO_OK;
}
