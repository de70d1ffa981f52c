#ifndef SYMO_NET_TRAIN_H
#define SYMO_NET_TRAIN_H

#include "net/net.h"

/* A small deterministic trainer: Adam (Kingma and Ba 2015, algorithm 1 with bias correction), full
 * batch, or in minibatches of examples drawn in a new random order each time through the data. */
typedef struct symo_train_spec {
  size_t steps;  /* default 0 */
  double lr;     /* default 1e-2 */
  double beta1;  /* default 0.9 */
  double beta2;  /* default 0.999 */
  double eps;    /* default 1e-8 */
  size_t batch;  /* examples in a minibatch; 0, the default: all, and no random numbers are used */
  uint64_t seed; /* of the order of examples */
} symo_train_spec;

symo_train_spec symo_train_spec_default(void);

/* Trains theta (numbers of the network's dtype) in place on x [examples, inputs] and y [examples,
 * targets], which become the network's data again at the end.  history: NULL, or [steps] losses,
 * each before its step and over its batch.  progress: NULL, or called with (user, step, loss) after
 * each step; when it returns false training ends there. SYMO_E_ARGUMENT for lr or eps not above 0,
 * betas outside [0, 1), batch > examples; SYMO_E_NUMERIC where the loss is no longer finite: theta
 * is then what it was before that step. */
symo_status symo_net_train(symo_net *net, const symo_train_spec *spec, size_t examples,
                           const double *x, const double *y, void *theta, double *history,
                           bool (*progress)(void *user, size_t step, double loss), void *user);

#endif
