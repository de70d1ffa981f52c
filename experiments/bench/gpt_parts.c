/* Where the time of a gradient goes: the operations of a GPT, alike ones together, forward and
 * backward.  The limit of a dense operation is the time of its three products at the rate that
 * sgemm has on its own shape; of attention, that of its six products, of which the causal mask
 * leaves half, at the rate of a square sgemm.  All else could be free.  On one thread, by its
 * clock. */
#include "experiments/bench/gpt.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"

enum { MOST = 32, CALLS = 16 };

typedef struct part {
  symo_net_time of; /* the first of those alike */
  double number, seconds;
} part;

static bool alike(const symo_net_time *a, const symo_net_time *b) {
  return strcmp(a->name, b->name) == 0 && a->in == b->in && a->out == b->out;
}

/* Adds up what is alike; parts that were there keep the less of two sums. */
static size_t collect(const symo_net_times *times, size_t count, part *parts) {
  double sum[MOST] = {0};
  size_t found = 0;
  for (size_t i = 0; i < times->count; i++) {
    const symo_net_time *time = &times->of[i];
    size_t p = 0;
    while (p < found && !alike(&parts[p].of, time)) p++;
    if (p == MOST) continue;
    if (p == found) found++, parts[p].of = *time, parts[p].number = 0;
    sum[p] += time->forward + time->backward;
    parts[p].number += 1;
  }
  for (size_t p = 0; p < found; p++)
    parts[p].seconds = count > 0 ? fmin(parts[p].seconds, sum[p]) : sum[p];
  return found;
}

/* Seconds a flop of [rows, in] times [in, out]; NaN without memory. */
static double product_flop(size_t rows, size_t in, size_t out) {
  float *a = symo_calloc(rows, in * sizeof *a), *b = symo_calloc(out, in * sizeof *b);
  float *c = symo_calloc(rows, out * sizeof *c);
  double best = a != NULL && b != NULL && c != NULL ? INFINITY : (double)NAN;
  for (int call = 0; call < CALLS && !isnan(best); call++) {
    const double start = cli_processor();
    symo_gemm(SYMO_F32, 1, symo_mat_dense(a, rows, in), symo_mat_t(symo_mat_dense(b, out, in)), 0,
              symo_mat_dense(c, rows, out));
    best = fmin(best, cli_processor() - start);
  }
  symo_free(a), symo_free(b), symo_free(c);
  return best / (2 * (double)rows * (double)in * (double)out);
}

/* Seconds that the products of a part take at least. */
static double limit(const part *p, size_t examples, size_t chunk, double square) {
  const double rows = (double)p->of.rows, in = (double)p->of.in, out = (double)p->of.out;
  const double all = p->number * (double)examples * rows;
  if (strcmp(p->of.name, "dense") == 0)
    return 6 * all * in * out * product_flop(chunk * p->of.rows, p->of.in, p->of.out);
  if (strcmp(p->of.name, "attention") == 0) return 6 * all * rows * out * square;
  return NAN;
}

static void add_part(bench_report *report, const char *name, const part *p, double floor) {
  char sizes[48] = "";
  if (p->of.in != p->of.out && p->of.out > 0)
    (void)snprintf(sizes, sizeof sizes, "%zu to %zu", p->of.in, p->of.out);
  else
    (void)snprintf(sizes, sizeof sizes, "%zu", p->of.in);
  bench_add(report,
            (bench_row){.figure = 1e3 * p->seconds,
                        .unit = "ms",
                        .floor = 1e3 * floor,
                        .ratio = floor / p->seconds},
            "%s: part, %s %s", name, p->of.name, sizes);
}

int bench_gpt_parts(bench_report *report, const char *name, symo_net *net, const void *theta,
                    void *gradient, size_t examples, double square) {
  const symo_problem problem = symo_net_problem(net);
  const size_t repeats = report->repeats > 0 ? report->repeats : 5;
  symo_net_times *times = symo_calloc(1, sizeof *times);
  part parts[MOST];
  size_t found = 0;
  double loss;
  symo_status status = SYMO_OK;
  if (times == NULL) return cli_fail_memory(report->c);
  for (size_t r = 0; r < repeats && status == SYMO_OK; r++) {
    cli_progress(report->c, "%s: parts, %zu of %zu", name, r, repeats);
    times->clock = cli_processor;
    symo_net_set_times(net, times);
    status = problem.gradient(problem.self, theta, &loss, gradient);
    found = collect(times, r, parts);
  }
  symo_net_set_times(net, NULL);
  symo_free(times);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  const size_t chunk = symo_net_get_lanes(net).examples;
  for (size_t p = 0; p < found; p++)
    add_part(report, name, &parts[p], limit(&parts[p], examples, chunk, square));
  return CLI_DONE;
}
