#ifndef SYMO_EXPERIMENTS_BENCH_TARGETS_H
#define SYMO_EXPERIMENTS_BENCH_TARGETS_H

/* What the library is to reach, all of it here: X(NAME, SENSE, VALUE, WHAT).  A row of a benchmark
 * names its target; `symo bench --check` compares. */
#define BENCH_TARGET_LIST(X)                                                                       \
  X(ESTIMATE_TIME, AT_LEAST, 0.9, "bare calls over the time of an estimate")                       \
  X(ESTIMATE_MEMORY, AT_MOST, 1.2, "peak memory of an estimate over what must be held")            \
  X(HESSIAN, AT_LEAST, 0.75, "exact Hessian, of the dgemm rate, on one and two threads")           \
  X(HVP, AT_MOST, 2.5, "a product with the Hessian, in gradients")                                 \
  X(GGN, AT_MOST, 2, "a product with the Gauss-Newton matrix, in gradients")                       \
  X(FISHER, AT_MOST, 2, "a product with the empirical Fisher matrix, in gradients")                \
  X(EXAMPLES, AT_MOST, 2, "gradients of single examples, in gradients")                            \
  X(STATISTICS, AT_MOST, 0.5, "layer statistics beside a gradient, in gradients")                  \
  X(MATRICES_128, AT_LEAST, 0.6, "a step of a preset for matrices at width 128, of its limit")     \
  X(MATRICES_768, AT_LEAST, 0.8, "a step of a preset for matrices at width 768, of its limit")     \
  X(ADAMW_BANDWIDTH, AT_LEAST, 0.7, "adamw, of the speed of memory")                               \
  X(SYMO_OVER_MUON, AT_LEAST, 1, "muon's step over symo's")                                        \
  X(GPT_128, AT_LEAST, 0.8, "a training step at width 128, of the sgemm rate")                     \
  X(GPT_768, AT_LEAST, 0.9, "a training step at width 768, of the sgemm rate")                     \
  X(GPT_THREADS, AT_LEAST, 0.9, "tokens a second, of those of one thread times the threads")       \
  X(GPT_ADAMW, AT_MOST, 0.05, "adamw's share of its training step")                                \
  X(GPT_SYMO, AT_MOST, 0.1, "symo's share of its training step")                                   \
  X(GPT_MEMORY, AT_MOST, 1.1, "memory of symo and its step over muon's")

typedef enum bench_target {
  BENCH_NO_TARGET,
#define BENCH_TARGET_ENUM(name, sense, value, what) BENCH_TARGET_##name,
  BENCH_TARGET_LIST(BENCH_TARGET_ENUM)
#undef BENCH_TARGET_ENUM
      BENCH_TARGETS
} bench_target;

#endif
