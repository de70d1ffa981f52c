/* A training loop with nothing between you and the numbers.  A network reads two letters of a text
 * and predicts the third: embedding, hidden layer, logits, cross-entropy, forward and backward by
 * hand.  It is trained twice on the same batches, by Symo and by Adam. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <symo/symo.h>

enum { LETTERS = 27, EMBED = 8, INPUTS = 2 * EMBED, HIDDEN = 32 };
enum { BATCH = 32, STEPS = 50, ROUNDS = 6 };

/* The parameters.  Their gradient has the same fields. */
typedef struct net {
  double embed[LETTERS][EMBED], w1[HIDDEN][INPUTS], b1[HIDDEN], w2[LETTERS][HIDDEN], b2[LETTERS];
} net;

/* The same tensors and what acts on them: tanh lets hidden units change places and signs. */
static const char layout[] =
    "letters: identity 27; embd: identity 8; in: identity 16; hidden: signed-permutation 32;"
    "embed[letters,embd] w1[hidden,in] b1[hidden] w2[letters,hidden] b2[letters]";

static const char text[] = "the quick brown fox jumps over the lazy dog while five wizards box ";

static int letter(size_t place) {
  char c = text[place % (sizeof text - 1)];
  return c == ' ' ? 26 : c - 'a';
}

/* A generator of our own, uniform in [0, 1): every machine draws the same numbers. */
static double uniform(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Adds the gradient of one example's loss, times weight, to g; returns the loss. */
static double example(const net *n, const int in[2], int target, double weight, net *g) {
  double x[INPUTS], h[HIDDEN], dh[HIDDEN] = {0}, p[LETTERS], most = -INFINITY, sum = 0;

  for (int k = 0; k < INPUTS; k++) x[k] = n->embed[in[k / EMBED]][k % EMBED];
  for (int i = 0; i < HIDDEN; i++) {
    h[i] = n->b1[i];
    for (int k = 0; k < INPUTS; k++) h[i] += n->w1[i][k] * x[k];
    h[i] = tanh(h[i]);
  }
  for (int v = 0; v < LETTERS; v++) {
    p[v] = n->b2[v];
    for (int i = 0; i < HIDDEN; i++) p[v] += n->w2[v][i] * h[i];
    most = fmax(most, p[v]);
  }
  for (int v = 0; v < LETTERS; v++) sum += p[v] = exp(p[v] - most);
  for (int v = 0; v < LETTERS; v++) p[v] /= sum;

  for (int v = 0; v < LETTERS; v++) {
    double d = weight * (p[v] - (v == target));
    g->b2[v] += d;
    for (int i = 0; i < HIDDEN; i++) {
      g->w2[v][i] += d * h[i];
      dh[i] += d * n->w2[v][i];
    }
  }
  for (int i = 0; i < HIDDEN; i++) {
    double d = dh[i] * (1 - h[i] * h[i]);
    g->b1[i] += d;
    for (int k = 0; k < INPUTS; k++) {
      g->w1[i][k] += d * x[k];
      g->embed[in[k / EMBED]][k % EMBED] += d * n->w1[i][k];
    }
  }
  return -log(p[target]);
}

/* The mean loss of a random batch, and its gradient. */
static double batch(const net *n, uint64_t *seed, net *g) {
  double loss = 0;
  memset(g, 0, sizeof *g);
  for (int i = 0; i < BATCH; i++) {
    size_t at = (size_t)(uniform(seed) * (sizeof text - 1));
    loss += example(n, (int[]){letter(at), letter(at + 1)}, letter(at + 2), 1.0 / BATCH, g) / BATCH;
  }
  return loss;
}

/* Trains a network by one method; mean[r] becomes its mean loss over the steps of round r. */
static int train(const char *method, double mean[ROUNDS]) {
  static net n, g;
  symo_vector params = {SYMO_F64, (void *[]){n.embed, n.w1, n.b1, n.w2, n.b2}, NULL};
  symo_const_vector grad = {SYMO_F64, (const void *[]){g.embed, g.w1, g.b1, g.w2, g.b2}, NULL};
  symo_optim_state *optim = NULL;
  char detail[SYMO_MAX_DETAIL];
  uint64_t seed = 1;

  for (size_t i = 0; i < sizeof n / sizeof(double); i++) ((double *)&n)[i] = uniform(&seed) - 0.5;
  int failed = symo_optim_open(layout, method, SYMO_F64, &optim, detail);
  for (int step = 0; step < ROUNDS * STEPS && !failed; step++) {
    mean[step / STEPS] += batch(&n, &seed, &g) / STEPS;
    failed = symo_optim_step(optim, grad, params, NULL);
  }
  if (failed) fprintf(stderr, "%s\n", optim == NULL ? detail : symo_optim_state_detail(optim));
  symo_optim_state_destroy(optim);
  return failed;
}

int main(void) {
  double symo[ROUNDS] = {0}, adam[ROUNDS] = {0};
  if (train("symo lr=0.01", symo) || train("adam lr=0.01", adam)) return 1;
  printf("up to   symo   adam\n");
  for (int r = 0; r < ROUNDS; r++) printf("%5d %6.3f %6.3f\n", (r + 1) * STEPS, symo[r], adam[r]);
  return 0;
}
