/* A training loop with nothing between you and the numbers: an embedding table, a hidden layer, a
 * layer of logits, softmax cross-entropy, forward and backward by hand.  The task: the next letter
 * of a circular text, from the two before it.  Symo and Adam take the same steps. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <symo/symo.h>

enum { V = 27, E = 8, IN = 2 * E, H = 32, BATCH = 32, STEPS = 301 };

typedef struct net {
  double e[V][E], w1[H][IN], b1[H], w2[V][H], b2[V];
} net;

static const char text[] = "the quick brown fox jumps over the lazy dog while five wizards box ";

static int letter(size_t i) {
  char c = text[i % (sizeof text - 1)];
  return c == ' ' ? 26 : c - 'a';
}

/* A small generator of the program's own: the same numbers on every machine. */
static double uniform(uint64_t *s) {
  *s = *s * 6364136223846793005u + 1442695040888963407u;
  return (double)(*s >> 11) / 9007199254740992.0 - 0.5;
}

static double forward(const net *n, const int *in, int target, double *x, double *h, double *p) {
  double most = -INFINITY, sum = 0;
  for (int k = 0; k < IN; k++) x[k] = n->e[in[k / E]][k % E];
  for (int i = 0; i < H; i++) {
    h[i] = n->b1[i];
    for (int k = 0; k < IN; k++) h[i] += n->w1[i][k] * x[k];
    h[i] = tanh(h[i]);
  }
  for (int v = 0; v < V; v++) {
    p[v] = n->b2[v];
    for (int i = 0; i < H; i++) p[v] += n->w2[v][i] * h[i];
    most = fmax(most, p[v]);
  }
  for (int v = 0; v < V; v++) sum += p[v] = exp(p[v] - most);
  for (int v = 0; v < V; v++) p[v] /= sum;
  return -log(p[target]);
}

/* Adds the gradient of the loss of one example, divided by the size of the batch. */
static void backward(const net *n, const int *in, int target, const double *x, const double *h,
                     const double *p, net *g) {
  double dh[H] = {0};
  for (int v = 0; v < V; v++) {
    double d = (p[v] - (v == target)) / BATCH;
    g->b2[v] += d;
    for (int i = 0; i < H; i++) {
      g->w2[v][i] += d * h[i];
      dh[i] += d * n->w2[v][i];
    }
  }
  for (int i = 0; i < H; i++) {
    double d = dh[i] * (1 - h[i] * h[i]);
    g->b1[i] += d;
    for (int k = 0; k < IN; k++) {
      g->w1[i][k] += d * x[k];
      g->e[in[k / E]][k % E] += d * n->w1[i][k];
    }
  }
}

static double batch(const net *n, uint64_t *seed, net *g) {
  double loss = 0, x[IN], h[H], p[V];
  memset(g, 0, sizeof *g);
  for (int i = 0; i < BATCH; i++) {
    size_t at = (size_t)((uniform(seed) + 0.5) * (sizeof text - 1));
    int in[2] = {letter(at), letter(at + 1)}, target = letter(at + 2);
    loss += forward(n, in, target, x, h, p) / BATCH;
    backward(n, in, target, x, h, p, g);
  }
  return loss;
}

static int train(const char *method, double loss[STEPS]) {
  static const char layout[] =
      "vocab: identity 27; embd: identity 8; in: identity 16; h: signed-permutation 32;"
      "e[vocab,embd] w1[h,in] b1[h] w2[vocab,h] b2[vocab]";
  static net n, g;
  symo_vector params = {SYMO_F64, (void *[]){n.e, n.w1, n.b1, n.w2, n.b2}, NULL};
  symo_const_vector grad = {SYMO_F64, (const void *[]){g.e, g.w1, g.b1, g.w2, g.b2}, NULL};
  symo_optim_state *optim;
  char detail[SYMO_MAX_DETAIL];
  uint64_t seed = 1;
  int failed = 0;
  if (symo_optim_open(layout, method, SYMO_F64, &optim, detail))
    return fprintf(stderr, "%s\n", detail), 1;
  for (size_t i = 0; i < sizeof n / sizeof(double); i++) ((double *)&n)[i] = uniform(&seed);
  for (int step = 0; step < STEPS && !failed; step++) {
    loss[step] = batch(&n, &seed, &g);
    failed = symo_optim_step(optim, grad, params, NULL) != SYMO_OK;
  }
  if (failed) fprintf(stderr, "%s\n", symo_optim_state_detail(optim));
  symo_optim_state_destroy(optim);
  return failed;
}

int main(void) {
  static double symo[STEPS], adam[STEPS];
  if (train("symo lr=0.01", symo) || train("adam lr=0.01", adam)) return 1;
  printf("step   symo   adam\n");
  for (int step = 0; step < STEPS; step += 50)
    printf("%4d %6.3f %6.3f\n", step, symo[step], adam[step]);
  return 0;
}
