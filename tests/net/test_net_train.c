/* The trainer: Adam's first step by hand, descent, repetition, minibatches, refusals. */
#include "net/train.h"
#include "tests/net/test_net_support.h"

#include <math.h>

Test(net_train, first_step_by_hand) {
  symo_net_spec spec = net_combination(0, "4-5-3");
  net_case c = net_case_create(&spec, 20, 0.5, 31);
  symo_train_spec train = symo_train_spec_default();
  double *grad = net_vector(c.size), *theta = net_vector(c.size), history[2], loss;
  cr_ok(c.context, c.problem.gradient(c.problem.self, c.theta, &loss, grad));
  memcpy(theta, c.theta, c.size * sizeof *theta);
  train.steps = 1;
  cr_ok(c.context, symo_net_train(c.net, &train, 20, c.x, c.y, theta, history, NULL, NULL));
  cr_assert(history[0] == loss);
  for (size_t i = 0; i < c.size; i++) {
    double move = 0.01 * grad[i] / (fabs(grad[i]) + 1e-8);
    cr_assert(fabs(c.theta[i] - theta[i] - move) <= 1e-14);
  }
  symo_free(grad);
  symo_free(theta);
  net_case_destroy(&c);
}

static void descends(symo_dtype dtype, size_t batch) {
  enum { STEPS = 200 };
  for (size_t i = 0; i < 8; i++) {
    symo_net_spec spec = net_combination(i, "4-16-3");
    spec.dtype = dtype;
    net_case c = net_case_create(&spec, 24, 0.4, 32);
    symo_train_spec train = symo_train_spec_default();
    double history[STEPS], again[STEPS], before, after;
    char *copy = symo_malloc(c.size * symo_dtype_size(dtype));
    memcpy(copy, c.packed, c.size * symo_dtype_size(dtype));
    train.steps = STEPS, train.batch = batch, train.seed = 5;
    cr_ok(c.context, c.problem.loss(c.problem.self, c.packed, &before));
    cr_ok(c.context, symo_net_train(c.net, &train, 24, c.x, c.y, c.packed, history, NULL, NULL));
    cr_ok(c.context, c.problem.loss(c.problem.self, c.packed, &after));
    cr_assert(after < before && isfinite(after), "%s: %g to %g", net_spec_text(&spec), before,
              after);
    cr_ok(c.context, symo_net_train(c.net, &train, 24, c.x, c.y, copy, again, NULL, NULL));
    cr_assert(memcmp(history, again, sizeof history) == 0, "not the same twice");
    cr_assert(memcmp(copy, c.packed, c.size * symo_dtype_size(dtype)) == 0);
    symo_free(copy);
    net_case_destroy(&c);
  }
}

Test(net_train, full_batch) { descends(SYMO_F64, 0); }
Test(net_train, minibatches) { descends(SYMO_F64, 7); }
Test(net_train, float32) { descends(SYMO_F32, 0); }

static bool stop_at_three(void *user, size_t step, double loss) {
  *(size_t *)user = step;
  return step < 3 && loss > 0.0;
}

Test(net_train, progress_and_refusals) {
  symo_net_spec spec = net_combination(0, "2-3-2");
  net_case c = net_case_create(&spec, 5, 0.5, 33);
  symo_train_spec good = symo_train_spec_default(), bad;
  size_t last = 99;
  good.steps = 50;
  cr_ok(c.context, symo_net_train(c.net, &good, 5, c.x, c.y, c.theta, NULL, stop_at_three, &last));
  cr_assert_eq(last, 3);
  bad = good, bad.lr = 0.0;
  cr_fails(c.context, SYMO_E_ARGUMENT, "lr",
           symo_net_train(c.net, &bad, 5, c.x, c.y, c.theta, NULL, NULL, NULL));
  bad = good, bad.beta2 = 1.0;
  cr_fails(c.context, SYMO_E_ARGUMENT, "betas",
           symo_net_train(c.net, &bad, 5, c.x, c.y, c.theta, NULL, NULL, NULL));
  bad = good, bad.eps = 0.0;
  cr_fails(c.context, SYMO_E_ARGUMENT, "eps",
           symo_net_train(c.net, &bad, 5, c.x, c.y, c.theta, NULL, NULL, NULL));
  bad = good, bad.batch = 6;
  cr_fails(c.context, SYMO_E_ARGUMENT, "batch",
           symo_net_train(c.net, &bad, 5, c.x, c.y, c.theta, NULL, NULL, NULL));
  bad = good, bad.lr = 1e300;
  cr_fails(c.context, SYMO_E_NUMERIC, "learning rate",
           symo_net_train(c.net, &bad, 5, c.x, c.y, c.theta, NULL, NULL, NULL));
  net_case_destroy(&c);
}

static symo_status train_once(void *self) {
  net_case *c = self;
  symo_train_spec train = symo_train_spec_default();
  train.steps = 2, train.batch = 3;
  return symo_net_train(c->net, &train, c->examples, c->x, c->y, c->theta, NULL, NULL, NULL);
}

Test(net_train, allocation_failures) {
  symo_net_spec spec = net_combination(0, "2-3-2");
  net_case c = net_case_create(&spec, 7, 0.5, 34);
  cr_ok(c.context, train_once(&c)); /* takes the network's own workspace, which stays */
  cr_assert(symo_test_allocations(train_once, &c) >= 6);
  net_case_destroy(&c);
}
