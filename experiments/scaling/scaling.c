/* With N processes, n bytes, latency a and bandwidth 1 / b:
 *
 *   a sum for all       2 ceil(k / 4) a +   2 (N - 1) / N n b     (each number out twice)
 *   a sum for owners      ceil(k / 4) a +     (N - 1) / N n b
 *   a short sum         2 ceil(log2 N) a + 2 (N - 1) / N n b
 *   spread from owners    ceil(log2 N) a +   (N - 1) / N n b
 *   to labels, and back    2 a +            n b, what the process with most sends
 *
 * k the number of buckets (core/reduction.h), of which four are on their way at once; short sums and
 * spreads as in Thakur, Rabenseifner, Gropp (2005).  Sums go on while backward does, which is two
 * thirds of a gradient; the last bucket is waited for.  A step of the optimizer takes its flops at the speed of
 * products, and reads and writes state, gradient and parameters once; processes with shares agree in
 * six short sums besides.  Blocked, g = N / matrices processes take one matrix.  Its products go
 * along rows and columns of a square of them: each is 2 m flops a number, m the smaller side, and
 * brings 2 / sqrt(g) of the numbers to each process (van de Geijn and Watts 1997), at half the speed
 * of whole products. */
#include "experiments/scaling/scaling.h"

#include <math.h>

#include "core/alloc.h"
#include "optim/alphas.h"
#include "optim/share.h"

const char *const scaling_names[SCALING_WAYS] = {"replicated", "sharded", "blocked"};

enum { SHORT_SUMS = 6 };
static const double block_efficiency = 0.5;

double scaling_seconds(const scaling_cost *c) {
  return c->gradient + c->wait + c->optimizer + c->spread;
}

/* Flops that a block asks the problem for, for each token. */
static double asked_flops(const symo_optim *optim, const optim_block *b) {
  const double p = (double)optim->layout->parameters, every = (double)b->method.statistics_every;
  double sum = 0;
  if (b->method.source == SYMO_SOURCE_HUTCHINSON) sum = 12 * p * (double)b->method.probes;
  if (b->method.source == SYMO_SOURCE_BARTLETT) sum = 6 * p;
  if (b->curvature != NULL && b->curvature->sites) {
    sum = b->method.fisher == SYMO_FISHER_EMPIRICAL ? 0 : 2 * p;
    for (size_t s = 0; s < optim->spec.num_sites; s++) {
      const symo_factor_site *site = &optim->sites[s];
      const double in = site->table ? 1 : (double)site->inputs, out = (double)site->outputs;
      sum += in * in + out * out;
    }
  }
  return sum / every;
}

scaling_job scaling_job_of(const symo_optim *optim, double tokens) {
  const symo_optim_cost cost = symo_optim_cost_of(optim);
  const symo_layout *layout = optim->layout;
  scaling_job job = {.parameters = (double)layout->parameters,
                     .item = (double)symo_dtype_size(optim->dtype),
                     .step_flops = cost.flops_per_step,
                     .state_bytes = cost.state_bytes,
                     .sums_bytes = (double)optim->sums_bytes,
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
  for (size_t i = 0; i < optim->num_blocks; i++)
    job.gradient_flops += asked_flops(optim, &optim->blocks[i]) * tokens;
  return job;
}

static double rounds(int ranks) { return ceil(log2((double)ranks)); }

static double sum_seconds(const scaling_machine *m, int ranks, double bytes) {
  const double n = (double)ranks;
  return 2 * rounds(ranks) * m->latency + 2 * (n - 1) / n * bytes / m->bandwidth;
}

/* The sum of gradients, and what of it is waited for. */
static void reduce_seconds(const scaling_machine *m, int ranks, double bytes, bool owned,
                           scaling_cost *cost) {
  const double n = (double)ranks, ways = owned ? 1 : 2;
  const double bucket = fmin(bytes, (double)symo_reduction_bucket(ranks));
  const double turns = ceil(ceil(bytes / bucket) / SYMO_COMM_SLOTS);
  const double byte = ranks > 1 ? ways * (n - 1) / n / m->bandwidth : 0;
  cost->reduce = ranks > 1 ? ways * turns * m->latency + byte * bytes : 0;
  const double last = ranks > 1 ? ways * m->latency + byte * bucket : 0;
  cost->wait = fmax(cost->reduce - 2.0 / 3.0 * cost->gradient, last);
}

static double spread_seconds(const scaling_machine *m, int ranks, double bytes) {
  const double n = (double)ranks;
  return rounds(ranks) * m->latency + (n - 1) / n * bytes / m->bandwidth;
}

/* State in and out, and three times the parameters that belong to it: gradient, and in and out. */
static double local_seconds(const scaling_machine *m, const scaling_job *j,
                            const share_load *load) {
  return load->flops / m->flops + (2 * load->bytes + 3 * load->parameters * j->item) / m->memory;
}

/* Of the process with most to do, and of the one with most to keep. */
static symo_status largest_share(const scaling_job *j, int ranks, share_load *most) {
  int *owner = symo_calloc(j->optim->layout->num_tensors, sizeof *owner);
  share_load *load = symo_calloc((size_t)ranks, sizeof *load);
  int **units = symo_calloc(j->optim->num_blocks, sizeof *units);
  symo_status status = owner != NULL && load != NULL && units != NULL ? SYMO_OK : SYMO_E_MEMORY;
  *most = (share_load){0};
  if (status == SYMO_OK) status = symo_share_assign(j->optim, ranks, owner, units, load);
  for (int r = 0; r < ranks && status == SYMO_OK; r++) {
    most->flops = fmax(most->flops, load[r].flops);
    most->bytes = fmax(most->bytes, load[r].bytes);
    most->parameters = fmax(most->parameters, load[r].parameters);
    most->sent = fmax(most->sent, load[r].sent);
  }
  symo_share_free_units(j->optim, units);
  symo_free(owner);
  symo_free(load);
  return status;
}

/* A matrix in blocks on a square of g processes. */
static double blocked_seconds(const scaling_job *j, const scaling_machine *m, int ranks) {
  const double n = (double)ranks, g = n / (double)j->matrices;
  const share_load own = {.flops = j->step_flops / n / block_efficiency,
                          .bytes = j->state_bytes / n,
                          .parameters = j->parameters / n};
  const double products = j->step_flops / (2 * (double)j->side * j->parameters);
  const double bytes = products * 2 * j->parameters / (double)j->matrices * j->item / sqrt(g);
  return local_seconds(m, j, &own) + bytes / m->bandwidth + products * 2 * sqrt(g) * m->latency;
}

symo_status scaling_cost_of(scaling_way way, const scaling_job *j, const scaling_machine *m,
                            int ranks, scaling_cost *out) {
  const double vector = j->parameters * j->item;
  share_load most = {.flops = j->step_flops, .bytes = j->state_bytes, .parameters = j->parameters};
  scaling_cost cost = {.gradient = j->gradient_flops / m->flops / (double)ranks};
  symo_status status = SYMO_OK;
  if (way == SCALING_BLOCKED && (size_t)ranks <= j->matrices) return SYMO_E_UNSUPPORTED;
  if (way != SCALING_REPLICATED && symo_optim_measures(j->optim)) return SYMO_E_UNSUPPORTED;
  if (way == SCALING_SHARDED && ranks == 1) return SYMO_E_UNSUPPORTED;
  if (way == SCALING_SHARDED) status = largest_share(j, ranks, &most);
  if (status != SYMO_OK) return status;
  reduce_seconds(m, ranks, vector, way != SCALING_REPLICATED, &cost);
  if (way == SCALING_BLOCKED) most.bytes /= (double)ranks;
  cost.optimizer =
      way == SCALING_BLOCKED ? blocked_seconds(j, m, ranks) : local_seconds(m, j, &most);
  if (way != SCALING_REPLICATED)
    cost.spread = spread_seconds(m, ranks, vector) + SHORT_SUMS * sum_seconds(m, ranks, 64);
  if (way == SCALING_SHARDED && most.sent > 0) /* to labels, and back */
    cost.labels = most.sent * j->item;
  if (cost.labels > 0) cost.spread += 2 * m->latency + cost.labels / m->bandwidth;
  cost.bytes = 2 * vector + j->sums_bytes + most.bytes;
  *out = cost;
  return SYMO_OK;
}
