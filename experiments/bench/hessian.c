/* The exact Hessian of a digits network against the rate of dgemm, measured in the same run.  Flops
 * are those of the products that the Hessian needs, as the network counts them. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/alloc.h"
#include "experiments/models/network_point.h"

enum { MOST = 64 };

static symo_status repeat(bench_report *report, const network_point *s, const bench_gemm *gemm,
                          size_t repeats, double *dense, double *seconds, double *rates) {
  for (size_t r = 0; r < repeats; r++) {
    cli_progress(report->c, "exact Hessian: %zu of %zu", r + 1, repeats);
    double here[3];
    for (int k = 0; k < 3; k++) here[k] = bench_gemm_rate(gemm);
    rates[r] = symo_median(3, here);
    (void)nanosleep(&(struct timespec){.tv_nsec = 300000000},
                    NULL); /* BLAS's threads stop to spin */
    double start = cli_seconds();
    symo_status status = symo_problem_hessian(cli_context(report->c), &s->problem, s->theta, dense);
    seconds[r] = cli_seconds() - start;
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static void add_rows(bench_report *report, const char *name, double flops, double seconds,
                     double rate) {
  bench_row row = {
      .figure = seconds, .unit = "s", .floor = flops / rate, .ratio = flops / rate / seconds};
  row.target = symo_get_threads() <= 2 ? BENCH_TARGET_HESSIAN : BENCH_NO_TARGET;
  bench_add(report, row, "%s time", name);
  bench_add(report,
            (bench_row){.figure = flops / seconds / 1e9,
                        .unit = "GFLOP/s",
                        .floor = rate / 1e9,
                        .ratio = flops / seconds / rate},
            "%s rate, against dgemm 1024", name);
}

static int run_net(bench_report *report, const char *net) {
  cli *c = report->c;
  char name[64];
  (void)snprintf(name, sizeof name, "hessian digits %s f64, %d thread%s", net, symo_get_threads(),
                 symo_get_threads() == 1 ? "" : "s");
  if (report->only != NULL && strstr(name, report->only) == NULL) return CLI_DONE;
  network_spec spec = {.net = symo_net_spec_default(),
                       .data = "digits",
                       .groups = "auto",
                       .init_scale = 0.1,
                       .seed = 1,
                       .target_scale = 1};
  symo_status status = symo_net_parse(cli_context(c), net, &spec.net);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  spec.net.loss = SYMO_LOSS_CROSS_ENTROPY;
  spec.net.activation = SYMO_ACT_TANH;
  network_point setup;
  bench_gemm gemm = {0};
  double seconds[MOST], rates[MOST], *dense = NULL;
  size_t repeats = report->repeats > 0 ? report->repeats : 9;
  if (repeats > MOST) repeats = MOST;
  int code = network_point_make(c, &spec, &setup);
  if (code == CLI_DONE) code = bench_gemm_create(c, SYMO_F64, 1024, &gemm);
  if (code == CLI_DONE) {
    dense = symo_malloc(setup.parameters * setup.parameters * sizeof *dense);
    if (dense == NULL) code = cli_fail_memory(c);
  }
  if (code == CLI_DONE) {
    status = repeat(report, &setup, &gemm, repeats, dense, seconds, rates);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE)
    add_rows(report, name, symo_net_hessian_flops(setup.net), symo_median(repeats, seconds),
             symo_median(repeats, rates));
  symo_free(dense);
  bench_gemm_destroy(&gemm);
  network_point_destroy(&setup);
  return code;
}

static int run(bench_report *report) {
  static const char *const nets[] = {"64-32-16-10", "64-32-10"};
  int given = symo_get_threads(), code = CLI_DONE;
  for (int pass = 0; pass < (given == 1 ? 1 : 2) && code == CLI_DONE; pass++) {
    (void)symo_set_threads(pass == 0 ? 1 : given);
    for (size_t i = 0; i < sizeof nets / sizeof nets[0] && code == CLI_DONE; i++)
      code = run_net(report, nets[i]);
  }
  (void)symo_set_threads(given);
  return code;
}

const bench_subject bench_subject_hessian = {
    .name = "hessian", .summary = "the exact Hessian against the rate of dgemm", .run = run};
