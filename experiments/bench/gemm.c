/* The rates of the machine: what everything else is measured against. */
#include "experiments/bench/bench.h"

#include <math.h>

#include "core/alloc.h"
#include "core/linalg.h"

enum { SIDE = 1024, MOST = 64 };

static void add_rate(bench_report *report, const char *what, symo_dtype dtype, size_t n,
                     double flops, size_t repeats, double *seconds) {
  double rate = flops / symo_median(repeats, seconds) / 1e9;
  bench_add(report, (bench_row){.figure = rate, .unit = "GFLOP/s", .floor = NAN, .ratio = NAN},
            "%s %s %zu", what, symo_dtype_name(dtype), n);
}

static int rates(bench_report *report, symo_dtype dtype, size_t repeats) {
  double gemm[MOST], syrk[MOST], eigh[MOST], n = SIDE;
  bench_gemm g = {0};
  int code = bench_gemm_create(report->c, dtype, SIDE, &g);
  double *w = symo_malloc(SIDE * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(dtype, SIDE));
  if (code == CLI_DONE && (w == NULL || work == NULL)) code = cli_fail_memory(report->c);
  symo_mat a = symo_mat_dense(g.a, SIDE, SIDE), c = symo_mat_dense(g.c, SIDE, SIDE);
  for (size_t r = 0; code == CLI_DONE && r < repeats; r++) {
    cli_progress(report->c, "rates %s: %zu of %zu", symo_dtype_name(dtype), r + 1, repeats);
    gemm[r] = 2 * n * n * n / bench_gemm_rate(&g);
    double start = cli_seconds();
    symo_syrk(dtype, 1, a, 0, c);
    syrk[r] = cli_seconds() - start;
    start = cli_seconds();
    symo_status status = symo_eigh(dtype, SIDE, g.c, w, work);
    eigh[r] = cli_seconds() - start;
    if (status != SYMO_OK) code = cli_fail_status(report->c, status);
  }
  if (code == CLI_DONE) {
    add_rate(report, "gemm", dtype, SIDE, 2 * n * n * n, repeats, gemm);
    add_rate(report, "syrk", dtype, SIDE, n * n * n, repeats, syrk);
    bench_add(
        report,
        (bench_row){.figure = symo_median(repeats, eigh), .unit = "s", .floor = NAN, .ratio = NAN},
        "eigh %s %d", symo_dtype_name(dtype), SIDE);
  }
  bench_gemm_destroy(&g);
  symo_free(w);
  symo_free(work);
  return code;
}

static int run(bench_report *report) {
  size_t repeats = report->repeats > 0 ? report->repeats : 7;
  if (repeats > MOST) repeats = MOST;
  int code = rates(report, SYMO_F32, repeats);
  return code == CLI_DONE ? rates(report, SYMO_F64, repeats) : code;
}

const bench_subject bench_subject_gemm = {
    .name = "gemm", .summary = "rates of the machine", .run = run};
