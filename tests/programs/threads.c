/* Two optimizers and four estimates at once, each in a thread of its own over objects of its own, and
 * over a plan and a layout that all share: the bits are those of one after the other.  `make
 * test-tsan` runs it under ThreadSanitizer; threads.sh as it is.  Usage: threads [ROUNDS]. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <symo/symo.h>

enum { SIZE = 5 * 7 + 7 + 3 * 7 + 3, TENSORS = 4, STEPS = 12, OPTIMIZERS = 2, ESTIMATES = 4 };
enum { JOBS = OPTIMIZERS + ESTIMATES };

static const char text[] =
    "i: identity 5; h: signed-permutation 7; o: identity 3; w1[h,i] b1[h] w2[o,h] b2[o]";
static const char *const methods[OPTIMIZERS] = {"shampoo lr=0.01 threads=2", "symo-published lr=0.1"};
static const char *const estimators[ESTIMATES] = {"h-g", "h-pd", "h-star", "covariance"};

static const symo_plan *shared; /* of all estimates */
static const void *gradient[TENSORS], *parameters[TENSORS];
static double numbers[2][SIZE];

typedef struct job {
  size_t number;
  symo_status status;
  double out[SIZE]; /* parameters after the steps; a product with the estimate */
} job;

static void steps(job *j) {
  symo_optim_state *state = NULL;
  double g[SIZE];
  const void *grads[TENSORS];
  void *params[TENSORS];
  j->status = symo_optim_open(text, methods[j->number], SYMO_F64, &state, NULL);
  memcpy(j->out, numbers[1], sizeof j->out);
  symo_layout_split(symo_plan_layout(shared), SYMO_F64, j->out, params);
  symo_layout_split_const(symo_plan_layout(shared), SYMO_F64, g, grads);
  for (int t = 0; t < STEPS && j->status == SYMO_OK; t++) {
    for (size_t i = 0; i < SIZE; i++) g[i] = numbers[0][(i + (size_t)t) % SIZE] + j->out[i];
    j->status = symo_optim_step(state, symo_const_vector_of(SYMO_F64, grads),
                                symo_vector_of(SYMO_F64, params), NULL);
  }
  symo_optim_state_destroy(state);
}

static void estimate(job *j) {
  const symo_const_vector g = symo_const_vector_of(SYMO_F64, gradient);
  const symo_const_vector p = symo_const_vector_of(SYMO_F64, parameters);
  symo_estimate_spec spec = symo_estimate_spec_default();
  symo_hessian *h = NULL, *root = NULL;
  void *out[TENSORS];
  spec.estimator = symo_estimator_find(estimators[j->number - OPTIMIZERS]);
  symo_layout_split(symo_plan_layout(shared), SYMO_F64, j->out, out);
  j->status = symo_estimate(shared, &spec, 1, &g, &p, &h);
  if (j->status == SYMO_OK) j->status = symo_hessian_abs(h, &root);
  if (j->status == SYMO_OK)
    j->status = symo_hessian_solve(root, 0.1, g, symo_vector_of(SYMO_F64, out));
  symo_hessian_destroy(root);
  symo_hessian_destroy(h);
}

static void *run(void *self) {
  job *j = self;
  if (j->number < OPTIMIZERS)
    steps(j);
  else
    estimate(j);
  return NULL;
}

static int check(const job *a, const job *b) {
  if (a->status == SYMO_OK && b->status == SYMO_OK && memcmp(a->out, b->out, sizeof a->out) == 0)
    return 0;
  printf("job %zu: %s and %s, other bits\n", a->number, symo_status_name(a->status),
         symo_status_name(b->status));
  return 1;
}

static int round_of_jobs(const job *alone) {
  pthread_t threads[JOBS];
  job jobs[JOBS];
  int failures = 0;
  for (size_t i = 0; i < JOBS; i++) {
    jobs[i] = (job){.number = i};
    if (pthread_create(&threads[i], NULL, run, &jobs[i]) != 0) return 1;
  }
  for (size_t i = 0; i < JOBS; i++) failures += pthread_join(threads[i], NULL) != 0;
  for (size_t i = 0; i < JOBS; i++) failures += check(&alone[i], &jobs[i]);
  return failures;
}

int main(int argc, char **argv) {
  const long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
  job alone[JOBS];
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  uint64_t x = 88172645463325252u; /* Marsaglia's xorshift */
  for (size_t i = 0; i < 2 * SIZE; i++) {
    x ^= x << 13, x ^= x >> 7, x ^= x << 17;
    numbers[i / SIZE][i % SIZE] = (double)(x >> 11) / 9007199254740992.0 - 0.5;
  }
  int failures = symo_set_threads(1) != SYMO_OK;
  if (symo_layout_parse(NULL, text, &layout) != SYMO_OK ||
      symo_plan_create(layout, NULL, &plan) != SYMO_OK)
    return 1;
  shared = plan;
  symo_layout_split_const(layout, SYMO_F64, numbers[0], gradient);
  symo_layout_split_const(layout, SYMO_F64, numbers[1], parameters);
  for (size_t i = 0; i < JOBS; i++) {
    alone[i] = (job){.number = i};
    run(&alone[i]);
  }
  for (long r = 0; r < rounds; r++) failures += round_of_jobs(alone);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  printf("%ld rounds of %d optimizers and %d estimates at once: %s\n", rounds, OPTIMIZERS, ESTIMATES,
         failures == 0 ? "the bits of one after the other" : "other bits");
  return failures != 0;
}
