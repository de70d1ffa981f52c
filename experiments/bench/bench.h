#ifndef SYMO_EXPERIMENTS_BENCH_BENCH_H
#define SYMO_EXPERIMENTS_BENCH_BENCH_H

#include "cli/cli.h"
#include "core/statistics.h"
#include "experiments/bench/targets.h"

/* Speed and memory against limits that are measured in the same run.  A subject is one file ending
 * in one const bench_subject, and one row in BENCH_SUBJECT_LIST. */

/* Which side of a target is good. */
typedef enum bench_sense { BENCH_NONE, BENCH_AT_LEAST, BENCH_AT_MOST } bench_sense;

/* A row of targets.h; that of BENCH_NO_TARGET has no sense. */
typedef struct bench_goal {
  bench_sense sense;
  double value;
  const char *what;
} bench_goal;
const bench_goal *bench_goal_of(bench_target target);

typedef struct bench_row {
  char name[96];
  double figure; /* what was measured, in `unit` */
  const char *unit;
  double floor;        /* the limit, in the same unit; NaN: none */
  double ratio;        /* floor / figure for times, figure / floor for memory; NaN: none */
  bench_target target; /* of the ratio */
} bench_row;

enum { BENCH_MOST_ROWS = 512, BENCH_MOST_FIGURES = 8 };

typedef struct bench_report {
  cli *c;
  size_t repeats; /* 0: as many as the subject thinks right */
  const char *only;
  const char *preset; /* of gpt; NULL: none */
  size_t batch;       /* windows in its step */
  bench_row rows[BENCH_MOST_ROWS];
  size_t count;
  const char *keys[BENCH_MOST_FIGURES]; /* beside the rows, in JSON */
  double figures[BENCH_MOST_FIGURES];
  size_t num_figures;
} bench_report;

typedef struct bench_subject {
  const char *name, *summary;
  int (*run)(bench_report *report); /* exit code, after the error line */
  bool ranks;                       /* of several processes, and no part of `all` */
} bench_subject;

#define BENCH_SUBJECT_LIST(X)                                                                      \
  X(estimate)                                                                                      \
  X(hessian)                                                                                       \
  X(curvature)                                                                                     \
  X(shared)                                                                                        \
  X(solvers)                                                                                       \
  X(optim)                                                                                         \
  X(gpt)                                                                                           \
  X(ranks)                                                                                         \
  X(gemm)

#define BENCH_GPT_PRESETS "gpt2"
#define BENCH_SUBJECT_CHOICES "estimate|hessian|curvature|shared|solvers|optim|gpt|ranks|gemm|all"

bool bench_row_ok(const bench_row *row);

/* Adds a row; the name is formatted. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void bench_add(bench_report *report, bench_row row, const char *format, ...);

/* Sets a figure that stands at the top of the JSON. */
void bench_figure(bench_report *report, const char *key, double value);

/* Fills n numbers of the dtype with independent normals. */
int bench_random(cli *c, symo_dtype dtype, size_t n, uint64_t seed, void *out);

/* Rate of a square product of side n, in flops per second: one repetition. */
typedef struct bench_gemm {
  symo_dtype dtype;
  size_t n;
  void *a, *b, *c;
} bench_gemm;

int bench_gemm_create(cli *c, symo_dtype dtype, size_t n, bench_gemm *out);
double bench_gemm_rate(const bench_gemm *gemm);
void bench_gemm_destroy(bench_gemm *gemm);

#endif
