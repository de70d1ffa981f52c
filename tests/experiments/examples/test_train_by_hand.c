/* The gradient of experiments/examples/train_by_hand.c, which is written by hand, against finite
 * differences of its loss.  The program is included whole; its main gets another name.
 *
 * A central difference with step h has the error h^2/6 L''' by truncation and eps L/h by rounding;
 * h = eps^(1/3) makes both of order eps^(2/3) = 4e-11, times third derivatives and losses, which
 * are below 30 here: weights are at most 1/2, activations at most 1, and L is about log 27. */
#include <float.h>

int train_by_hand_main(void);
#define main train_by_hand_main
#include "experiments/examples/train_by_hand.c"
#undef main

#include "tests/support/testing.h"

static const double step = 6.055454452393343e-6;            /* eps^(1/3) */
static const double tolerance = 30 * 3.666852862501036e-11; /* 30 eps^(2/3) */

static double loss_at(const net *n, const int in[2], int target) {
  static net unused;
  return example(n, in, target, 1, &unused);
}

/* Relative distance of the gradient in one tensor, numbers first .. first + size of the net. */
static double distance(net *n, const net *gradient, const int in[2], int target, size_t first,
                       size_t size) {
  static double differences[sizeof(net) / sizeof(double)];
  double *theta = (double *)n + first;
  for (size_t i = 0; i < size; i++) {
    double kept = theta[i];
    theta[i] = kept + step;
    double above = loss_at(n, in, target);
    theta[i] = kept - step;
    double below = loss_at(n, in, target);
    theta[i] = kept;
    differences[i] = (above - below) / (2 * step);
  }
  return symo_test_rel((const double *)gradient + first, differences, size);
}

Test(train_by_hand, gradient) {
  static net n, gradient;
  const struct {
    const char *name;
    size_t at, size;
  } tensors[] = {{"embed", offsetof(net, embed), sizeof n.embed},
                 {"w1", offsetof(net, w1), sizeof n.w1},
                 {"b1", offsetof(net, b1), sizeof n.b1},
                 {"w2", offsetof(net, w2), sizeof n.w2},
                 {"b2", offsetof(net, b2), sizeof n.b2}};
  /* Two letters, the same letter twice (both columns add to one row of the table), and a target
   * that is read too. */
  const int in[3][2] = {{3, 17}, {4, 4}, {26, 0}}, target[3] = {9, 11, 26};
  uint64_t seed = 7;
  for (size_t i = 0; i < sizeof n / sizeof(double); i++) ((double *)&n)[i] = uniform(&seed) - 0.5;
  for (int k = 0; k < 3; k++) {
    memset(&gradient, 0, sizeof gradient);
    example(&n, in[k], target[k], 1, &gradient);
    for (size_t t = 0; t < sizeof tensors / sizeof *tensors; t++) {
      double d = distance(&n, &gradient, in[k], target[k], tensors[t].at / sizeof(double),
                          tensors[t].size / sizeof(double));
      cr_assert(d <= tolerance, "example %d, %s: off by %g", k, tensors[t].name, d);
    }
  }
}

/* A batch is the mean of its examples, loss and gradient. */
Test(train_by_hand, batch) {
  static net n, of_batch, sum;
  uint64_t seed = 3, same;
  double loss = 0;
  for (size_t i = 0; i < sizeof n / sizeof(double); i++) ((double *)&n)[i] = uniform(&seed) - 0.5;
  same = seed;
  double mean = batch(&n, &seed, &of_batch);
  for (int i = 0; i < BATCH; i++) {
    size_t at = (size_t)(uniform(&same) * (sizeof text - 1));
    loss += example(&n, (int[]){letter(at), letter(at + 1)}, letter(at + 2), 1, &sum);
  }
  for (size_t i = 0; i < sizeof n / sizeof(double); i++) ((double *)&sum)[i] /= BATCH;
  cr_assert(symo_test_rel((double *)&of_batch, (double *)&sum, sizeof n / sizeof(double)) <=
            symo_test_bound(SYMO_F64, BATCH, 1));
  loss /= BATCH;
  cr_assert(symo_test_rel(&mean, &loss, 1) <= symo_test_bound(SYMO_F64, BATCH, 1));
}

/* Both methods learn: the loss begins near log 27 = 3.3 and ends near the entropy of a letter
 * given the two before it, 0.207 (7 of the 54 pairs in the text have more than one successor). */
Test(train_by_hand, learns) {
  double symo[ROUNDS] = {0}, adam[ROUNDS] = {0};
  cr_assert(train("symo lr=0.01", symo) == 0);
  cr_assert(train("adam lr=0.01", adam) == 0);
  for (int r = 1; r < ROUNDS; r++) cr_assert(symo[r] < symo[0] / 2 && adam[r] < adam[0] / 2);
  cr_assert(symo[ROUNDS - 1] < 0.3 && adam[ROUNDS - 1] < 0.3);
  cr_no_leaks();
}

/* An unknown method: train says so, returns a failure, and leaves nothing behind. */
Test(train_by_hand, refuses) {
  double mean[ROUNDS] = {0};
  cr_assert(train("symmo lr=0.01", mean) != 0);
  cr_no_leaks();
}
