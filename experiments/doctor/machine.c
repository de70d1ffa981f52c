/* The program, the processor and the linear algebra. */
#include "experiments/doctor/doctor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/bench/bench.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define SUPPORTS(set) (__builtin_cpu_supports(set) != 0)
#else
#define SUPPORTS(set) false
#endif

const char *doctor_instructions(void) {
  return SUPPORTS("avx512f") ? "avx512f" : SUPPORTS("avx2") ? "avx2" : "base";
}

int doctor_processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 && count < 100000 ? (int)count : 1;
}

/* ---- BLAS ---- */

/* OpenBLAS's kernels for processors of x86-64 without AVX2. */
static bool is_old(const char *kernels) {
  static const char *const old[] = {
      "Katmai", "Coppermine", "Northwood",   "Prescott",  "Banias",    "Atom",         "Core2",
      "Penryn", "Dunnington", "Nehalem",     "Athlon",    "Opteron",   "Opteron_SSE3", "Barcelona",
      "Nano",   "Bobcat",     "Sandybridge", "Bulldozer", "Piledriver"};
  for (size_t i = 0; i < sizeof old / sizeof *old; i++)
    if (strcmp(old[i], kernels) == 0) return true;
  return false;
}

static void add_kernels(doctor_report *report) {
  doctor_finding *f = doctor_add(report, "kernels");
  const char *kernels = symo_linalg_kernels(), *set = getenv("OPENBLAS_CORETYPE");
  bool chosen = set != NULL && *set != '\0';
  (void)snprintf(f->value, sizeof f->value, "%s%s%s", kernels,
                 chosen ? ", by OPENBLAS_CORETYPE=" : "", chosen ? set : "");
  if (is_old(kernels) && SUPPORTS("avx2")) {
    f->state = DOCTOR_PROBLEM;
    (void)snprintf(f->advice, sizeof f->advice,
                   "they do not use AVX2, which this processor has: %s",
                   chosen ? "unset OPENBLAS_CORETYPE" : "install a newer OpenBLAS");
  } else if (chosen) {
    f->state = DOCTOR_NOTE;
    (void)snprintf(f->advice, sizeof f->advice,
                   "unset OPENBLAS_CORETYPE for the kernels of this processor");
  }
}

static void add_threads(doctor_report *report) {
  doctor_finding *f = doctor_add(report, "threads");
  int threads = symo_get_threads(), processors = doctor_processors();
  const char *set = getenv("OPENBLAS_NUM_THREADS");
  bool chosen = set != NULL && *set != '\0' && !cli_given(report->c, "threads");
  (void)snprintf(f->value, sizeof f->value, "%d for %d %s%s%s", threads, processors,
                 symo_plural(processors, "processor", "processors"),
                 chosen ? ", by OPENBLAS_NUM_THREADS=" : "", chosen ? set : "");
  if (threads <= processors) return;
  f->state = DOCTOR_NOTE;
  (void)snprintf(f->advice, sizeof f->advice,
                 "more threads than processors wait for each other: --threads %d", processors);
}

/* ---- rates ---- */

enum { SIDE = 768, COPY = 1 << 26 };
static const double budget = 0.15; /* seconds for each rate */

/* The best of the products that `budget` has room for, at least three, in GFLOP/s. */
static int gemm_rate(cli *c, symo_dtype dtype, double *out) {
  bench_gemm g = {0};
  double best = 0, start = cli_seconds();
  int code = bench_gemm_create(c, dtype, SIDE, &g);
  for (int i = 0; code == CLI_DONE && (i < 3 || cli_seconds() - start < budget); i++)
    best = fmax(best, bench_gemm_rate(&g));
  bench_gemm_destroy(&g);
  *out = best / 1e9;
  return code;
}

/* Bytes read and written, in GB/s, by one thread. */
static int copy_rate(cli *c, double *out) {
  char *from = symo_malloc(COPY), *to = symo_malloc(COPY);
  double best = 0;
  int code = from != NULL && to != NULL ? CLI_DONE : cli_fail_memory(c);
  if (code == CLI_DONE) memset(from, 1, COPY), memset(to, 2, COPY);
  for (int i = 0; code == CLI_DONE && i < 4; i++) {
    double start = cli_seconds();
    memcpy(to, from, COPY);
    best = fmax(best, 2.0 * COPY / (cli_seconds() - start));
    from[i] = to[COPY - 1 - i]; /* the copy is used */
  }
  symo_free(from);
  symo_free(to);
  *out = best / 1e9;
  return code;
}

static int add_rates(doctor_report *report) {
  static const char *const names[] = {"gemm f32", "gemm f64", "copy"};
  static const double slow = 5; /* GFLOP/s: what plain loops reach, and a tenth of OpenBLAS */
  cli_progress(report->c, "measuring rates");
  int code = gemm_rate(report->c, SYMO_F32, &report->rates[0]);
  if (code == CLI_DONE) code = gemm_rate(report->c, SYMO_F64, &report->rates[1]);
  if (code == CLI_DONE) code = copy_rate(report->c, &report->rates[2]);
  cli_progress_end(report->c);
  for (size_t i = 0; i < 3 && code == CLI_DONE; i++) {
    doctor_finding *f = doctor_add(report, names[i]);
    (void)snprintf(f->value, sizeof f->value, "%.3g %s", report->rates[i],
                   i < 2 ? "GFLOP/s" : "GB/s, one thread");
    if (i > 0 || report->rates[i] >= slow) continue;
    f->state = DOCTOR_PROBLEM;
    (void)snprintf(f->advice, sizeof f->advice,
                   "as slow as plain loops: see that no other BLAS stands in front of OpenBLAS, "
                   "and that the machine is idle");
  }
  return code;
}

int doctor_machine(doctor_report *report) {
  doctor_finding *f = doctor_add(report, "build");
  (void)snprintf(f->value, sizeof f->value, "%s", symo_build_info());
  add_kernels(report);
  f = doctor_add(report, "instructions");
  (void)snprintf(f->value, sizeof f->value, "%s, in loops of our own", doctor_instructions());
  add_threads(report);
  f = doctor_add(report, "memory");
  double bytes = cli_memory_available();
  (void)snprintf(f->value, sizeof f->value, isfinite(bytes) ? "%.3g GB available" : "unknown",
                 bytes / 1e9);
  return add_rates(report);
}
