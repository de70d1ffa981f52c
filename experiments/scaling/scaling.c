/* With N processes, n bytes, latency a and bandwidth 1 / b:
 *
 *   a sum of all        2 ceil(log2 N) a + 2 (N - 1) / N n b     (each number out twice)
 *   spread from owners    ceil(log2 N) a +   (N - 1) / N n b
 *
 * (Thakur, Rabenseifner, Gropp 2005).  A step of the optimizer takes its flops at the speed of
 * products, and reads and writes state, gradient and parameters once; processes with shares agree in
 * six short sums besides.  Blocked, g = N / matrices processes take one matrix.  Its products go
 * along rows and columns of a square of them: each is 2 m flops a number, m the smaller side, and
 * brings 2 / sqrt(g) of the numbers to each process (van de Geijn and Watts 1997), at half the speed
 * of whole products. */
#include "experiments/scaling/scaling.h"

#include <math.h>

#include "core/alloc.h"
#include "optim/share.h"

const char *const scaling_names[SCALING_WAYS] = {"replicated", "sharded", "blocked"};

enum { SHORT_SUMS = 6 };
static const double block_efficiency = 0.5;

double scaling_seconds(const scaling_cost *c) {
  return c->gradient + c->reduce + c->optimizer + c->spread;
}

scaling_job scaling_job_of(const symo_optim *optim, double tokens) {
  const symo_optim_cost cost = symo_optim_cost_of(optim);
  const symo_layout *layout = optim->layout;
  scaling_job job = {.parameters = (double)layout->parameters,
                     .item = (double)symo_dtype_size(optim->dtype),
                     .step_flops = cost.flops_per_step,
                     .state_bytes = cost.state_bytes,
                     .side = 1,
                     .optim = optim};
  size_t largest = 0;
  for (size_t t = 0; t < layout->num_tensors; t++) {
    const layout_tensor *x = &layout->tensors[t];
    if (x->order < 2) continue;
    job.matrices++;
    if (x->size <= largest) continue;
    largest = x->size;
    job.side = x->dim[0] < x->size / x->dim[0] ? x->dim[0] : x->size / x->dim[0];
  }
  job.gradient_flops = 6 * job.parameters * tokens;
  return job;
}

static double rounds(int ranks) { return ceil(log2((double)ranks)); }

static double sum_seconds(const scaling_machine *m, int ranks, double bytes) {
  const double n = (double)ranks;
  return 2 * rounds(ranks) * m->latency + 2 * (n - 1) / n * bytes / m->bandwidth;
}

static double spread_seconds(const scaling_machine *m, int ranks, double bytes) {
  const double n = (double)ranks;
  return rounds(ranks) * m->latency + (n - 1) / n * bytes / m->bandwidth;
}

/* State, and three times the parameters that belong to it: gradient, and in and out. */
static double local_seconds(const scaling_machine *m, const scaling_job *j, double flops,
                            double bytes) {
  const double share = j->state_bytes > 0 ? bytes / j->state_bytes : 1;
  return flops / m->flops + (2 * bytes + 3 * share * j->parameters * j->item) / m->memory;
}

/* Of the process with most to do, and of the one with most to keep. */
static symo_status largest_share(const scaling_job *j, int ranks, share_load *most) {
  int *owner = symo_calloc(j->optim->layout->num_tensors, sizeof *owner);
  share_load *load = symo_calloc((size_t)ranks, sizeof *load);
  symo_status status = owner != NULL && load != NULL ? SYMO_OK : SYMO_E_MEMORY;
  *most = (share_load){0, 0};
  if (status == SYMO_OK) status = symo_share_assign(j->optim, ranks, owner, load);
  for (int r = 0; r < ranks && status == SYMO_OK; r++) {
    most->flops = fmax(most->flops, load[r].flops);
    most->bytes = fmax(most->bytes, load[r].bytes);
  }
  symo_free(owner);
  symo_free(load);
  return status;
}

/* A matrix in blocks on a square of g processes. */
static double blocked_seconds(const scaling_job *j, const scaling_machine *m, int ranks) {
  const double n = (double)ranks, g = n / (double)j->matrices, flops = j->step_flops / n;
  const double products = j->step_flops / (2 * (double)j->side * j->parameters);
  const double bytes = products * 2 * j->parameters / (double)j->matrices * j->item / sqrt(g);
  return local_seconds(m, j, flops / block_efficiency, j->state_bytes / n) + bytes / m->bandwidth +
         products * 2 * sqrt(g) * m->latency;
}

symo_status scaling_cost_of(scaling_way way, const scaling_job *j, const scaling_machine *m,
                            int ranks, scaling_cost *out) {
  const double vector = j->parameters * j->item;
  share_load most = {j->step_flops, j->state_bytes};
  scaling_cost cost = {.gradient = j->gradient_flops / m->flops / (double)ranks,
                       .reduce = sum_seconds(m, ranks, vector)};
  symo_status status = SYMO_OK;
  if (way == SCALING_BLOCKED && (size_t)ranks <= j->matrices) return SYMO_E_UNSUPPORTED;
  if (way == SCALING_SHARDED && ranks == 1) return SYMO_E_UNSUPPORTED;
  if (way == SCALING_SHARDED) status = largest_share(j, ranks, &most);
  if (status != SYMO_OK) return status;
  if (way == SCALING_BLOCKED) most.bytes /= (double)ranks;
  cost.optimizer = way == SCALING_BLOCKED ? blocked_seconds(j, m, ranks)
                                          : local_seconds(m, j, most.flops, most.bytes);
  if (way != SCALING_REPLICATED)
    cost.spread = spread_seconds(m, ranks, vector) + SHORT_SUMS * sum_seconds(m, ranks, 64);
  cost.bytes = 2 * vector + most.bytes;
  *out = cost;
  return SYMO_OK;
}
