#ifndef SYMO_EXPERIMENTS_SCALING_SCALING_H
#define SYMO_EXPERIMENTS_SCALING_SCALING_H

#include <stddef.h>
#include <symo/optim.h>

/* Seconds and bytes of a step in many processes (docs/scaling.md).
 *
 *   replicated  every process has all of the optimizer, and makes the same step
 *   sharded     every process has some of the tensors (optim/share.h), and sends their parameters
 *   blocked     where there are more processes than parts, several take one part together, its
 *               matrices in blocks on a square of them.  A forecast: no such products are built */
typedef enum scaling_way {
  SCALING_REPLICATED,
  SCALING_SHARDED,
  SCALING_BLOCKED,
  SCALING_WAYS
} scaling_way;
extern const char *const scaling_names[SCALING_WAYS];

/* What one process has: a message of n bytes takes latency + n / bandwidth. */
typedef struct scaling_machine {
  double flops;     /* of products of matrices, a second */
  double memory;    /* bytes that pass over entries read and write, a second */
  double latency;   /* seconds of a message */
  double bandwidth; /* bytes a second */
} scaling_machine;

/* What is trained: bytes a number; flops of losses and gradients of a step, all processes together;
 * the optimizer in one process. */
typedef struct scaling_job {
  double parameters, item, gradient_flops;
  double sums_bytes; /* of layer statistics, which every process takes of all sites */
  double step_flops, state_bytes;
  size_t matrices, side; /* tensors of two axes and more; the smaller side of the largest */
  const symo_optim *optim;
} scaling_job;

/* tokens: in a step; a gradient takes 6 flops for each of them and each parameter.  What methods ask for
 * beside it, over the steps between: a product with the Hessian 12, a gradient at sampled labels 6;
 * for layer statistics 2 of a backward pass without weights, and the squares of both widths of a
 * site for each token. */
scaling_job scaling_job_of(const symo_optim *optim, double tokens);

/* Seconds of each part of a step: reduce is the sum of gradients, and wait what of it backward, two
 * thirds of the gradient, does not hide; bytes in the process that has most: parameters, gradient and
 * state.  Activations depend on the batch, and are not counted. */
typedef struct scaling_cost {
  double gradient, reduce, wait, optimizer, spread, bytes;
  double labels; /* bytes that a process sends to labels and back, in spread */
} scaling_cost;

double scaling_seconds(const scaling_cost *cost);

/* SYMO_E_MEMORY; SYMO_E_UNSUPPORTED for sharded in one process and of methods that are not divided, and for blocked with no more
 * processes than matrices. */
symo_status scaling_cost_of(scaling_way way, const scaling_job *job, const scaling_machine *machine,
                            int ranks, scaling_cost *out);

#endif
