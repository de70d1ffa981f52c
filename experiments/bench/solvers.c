/* Powers of matrices: every solver on square and rectangular matrices against the rate of gemm, in
 * the same run.  The limit is the flops that the solver counts, at that rate.  Matrices are
 * Gaussian: square ones have a condition number of some n; `scaled` ones have rows (columns, if
 * tall) scaled down to 1e-4 as well, which is more like gradients.  The best repetition
 * counts, because the solvers are compared and not the load of the machine.  optim/solver/auto.c
 * takes its crossovers from this table. */
#include "experiments/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "optim/solver/solver.h"

enum { MOST = 64, GEMM_SIDE = 1024 };

typedef struct solver_case {
  const symo_solver *solver;
  double power, eps; /* eps: of a covariance with diagonal 1 */
  size_t rows, cols;
  symo_dtype dtype;
  int steps;
  bool polar, scaled;
  const symo_filter *filter;
} solver_case;

typedef struct memory {
  void *x, *c, *y, *work;
} memory;

/* x normal; for roots c = x'x / rows with twice as many rows as columns. */
static int prepare(bench_report *report, const solver_case *k, memory *m) {
  size_t rows = k->polar ? k->rows : 2 * k->cols, size = symo_dtype_size(k->dtype);
  size_t answer = k->polar ? k->rows * k->cols : k->cols * k->cols;
  size_t work = k->polar ? k->solver->polar_work(k->dtype, k->rows, k->cols)
                         : k->solver->root_work(k->dtype, k->cols);
  *m = (memory){symo_malloc(rows * k->cols * size), symo_malloc(k->cols * k->cols * size),
                symo_malloc(answer * size), symo_malloc(work)};
  if (!m->x || !m->c || !m->y || !m->work) return cli_fail_memory(report->c);
  int code = bench_random(report->c, k->dtype, rows * k->cols, 1, m->x);
  bool wide = rows <= k->cols;
  double n = (double)(wide ? rows : k->cols);
  for (size_t i = 0; code == CLI_DONE && k->scaled && i < rows * k->cols; i++) {
    double at = (double)(wide ? i / k->cols : i % k->cols);
    symo_put(k->dtype, m->x, i, pow(1e-4, at / n) * symo_get(k->dtype, m->x, i));
  }
  return code;
}

static void release(memory *m) {
  symo_free(m->x);
  symo_free(m->c);
  symo_free(m->y);
  symo_free(m->work);
}

/* Seconds of one call; covariances are made anew outside the clock. */
static symo_status once(const solver_case *k, const memory *m, double *seconds) {
  const solver_options o = {.dtype = k->dtype,
                            .eps = k->eps,
                            .power = k->power,
                            .steps = k->steps,
                            .tolerance = 1e-6,
                            .filter = k->filter};
  solver_report report;
  if (!k->polar)
    symo_syrk(k->dtype, 0.5 / (double)k->cols, symo_mat_dense(m->x, 2 * k->cols, k->cols), 0,
              symo_mat_dense(m->c, k->cols, k->cols));
  double start = cli_seconds();
  symo_status status = k->polar ? k->solver->polar(&o, symo_mat_dense(m->x, k->rows, k->cols), m->y,
                                                   &report, m->work)
                                : k->solver->root(&o, k->cols, m->c, m->y, &report, m->work);
  *seconds = cli_seconds() - start;
  return status;
}

static int run_case(bench_report *report, const solver_case *k, double rate) {
  char name[80];
  (void)snprintf(name, sizeof name, "%s %s %zux%zu %s%s, %d thread%s", k->polar ? "polar" : "root",
                 symo_dtype_name(k->dtype), k->polar ? k->rows : k->cols, k->cols, k->solver->name,
                 k->filter != NULL           ? " cut"
                 : k->scaled                 ? " scaled"
                 : k->polar && k->eps > 0    ? " damped"
                 : k->polar && k->steps == 8 ? " 8 steps"
                                             : "",
                 symo_get_threads(), symo_get_threads() == 1 ? "" : "s");
  if (report->only != NULL && strstr(name, report->only) == NULL) return CLI_DONE;
  memory m;
  double seconds[MOST], flops = k->polar ? k->solver->polar_flops(k->rows, k->cols, k->steps)
                                         : k->solver->root_flops(k->cols, k->steps);
  size_t repeats = report->repeats > 0 ? report->repeats : flops < 1e9 ? 15 : 3;
  if (repeats > MOST) repeats = MOST;
  int code = prepare(report, k, &m);
  for (size_t r = 0; code == CLI_DONE && r <= repeats; r++) { /* the first one warms up */
    cli_progress(report->c, "%s: %zu of %zu", name, r, repeats);
    symo_status status = once(k, &m, &seconds[r > 0 ? r - 1 : 0]);
    if (status != SYMO_OK) code = cli_fail_status(report->c, status);
  }
  release(&m);
  if (code != CLI_DONE) return code;
  (void)symo_median(repeats, seconds); /* sorts them */
  double best = seconds[0], floor = flops / rate;
  bench_add(
      report,
      (bench_row){.figure = best * 1e3, .unit = "ms", .floor = floor * 1e3, .ratio = floor / best},
      "%s", name);
  return CLI_DONE;
}

static int run_polar(bench_report *report, symo_dtype dtype, size_t rows, size_t cols, double rate,
                     const symo_filter *filter) {
  const int products = filter->products;
  double eps = 0.1 * (double)(rows > cols ? rows : cols); /* a tenth of a mean eigenvalue */
  const solver_case cases[] = {
      {&symo_solver_eigh, -0.5, 0, rows, cols, dtype, 0, true, false, NULL},
      {&symo_solver_eigh, -0.5, 0, rows, cols, dtype, 0, true, true, NULL},
      {&symo_solver_eigh, -0.5, eps, rows, cols, dtype, 0, true, false, NULL},
      {&symo_solver_newton_schulz, -0.5, 0, rows, cols, dtype, 5, true, false, NULL},
      {&symo_solver_polar_express, -0.5, 0, rows, cols, dtype, 5, true, false, NULL},
      {&symo_solver_polar_express, -0.5, 0, rows, cols, dtype, 8, true, false, NULL},
      {&symo_solver_eigh, -0.7, 0, rows, cols, dtype, 0, true, true, filter},
      {&symo_solver_shaped, -0.7, 0, rows, cols, dtype, products, true, true, filter},
  };
  int code = CLI_DONE;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0] && code == CLI_DONE; i++)
    code = run_case(report, &cases[i], rate);
  return code;
}

static int run_root(bench_report *report, symo_dtype dtype, size_t n, double rate) {
  const solver_case cases[] = {
      {&symo_solver_eigh, -0.25, 0.01, n, n, dtype, 0, false, false, NULL},
      {&symo_solver_coupled_newton, -0.25, 0.01, n, n, dtype, 100, false, false, NULL},
      {&symo_solver_polar_express, -0.5, 0.01, n, n, dtype, 5, false, false, NULL},
      {&symo_solver_cholesky, -1, 0.01, n, n, dtype, 0, false, false, NULL},
  };
  int code = CLI_DONE;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0] && code == CLI_DONE; i++)
    code = run_case(report, &cases[i], rate);
  return code;
}

/* ---- a root in the basis of the last one ---- */

/* One step of subspace iteration instead of an eigendecomposition: P = orth(V C), eigenvalues the
 * diagonal of P C P', whose off-diagonal part is what is neglected.  V: eigenvectors of an average
 * that has since taken in one more gradient with a weight of 0.05. */
/* Of the processor where it is one thread: other programs do not count then. */
static double now(void) { return symo_get_threads() == 1 ? cli_processor() : cli_seconds(); }

typedef struct refresh {
  void *c, *v, *basis, *product, *out;
  double *w;
  void *work;
} refresh;

static void average(symo_dtype t, size_t n, double old, const void *x, void *c) {
  symo_syrk(t, 1 / (double)n, symo_mat_dense((void *)(uintptr_t)x, n, n), old,
            symo_mat_dense(c, n, n));
  symo_symmetrize(t, n, c);
}

/* C, and the eigenvectors of the C before, those of large eigenvalues first. */
static int refresh_make(bench_report *report, symo_dtype t, size_t n, refresh *r) {
  const size_t bytes = n * n * symo_dtype_size(t), row = bytes / n;
  *r = (refresh){symo_malloc(bytes),
                 symo_malloc(bytes),
                 symo_malloc(bytes),
                 symo_malloc(bytes),
                 symo_malloc(bytes),
                 symo_malloc(n * sizeof(double)),
                 symo_malloc(symo_eigh_work(t, n))};
  if (!r->c || !r->v || !r->basis || !r->product || !r->out || !r->w || !r->work)
    return cli_fail_memory(report->c);
  for (uint64_t seed = 1; seed <= 60; seed++) { /* .95^60 is .05 */
    int code = bench_random(report->c, t, n * n, seed, r->product);
    if (code != CLI_DONE) return code;
    for (size_t i = 0; i < n * n; i++)
      symo_put(t, r->product, i,
               pow(1e-2, (double)(i % n) / (double)n) * symo_get(t, r->product, i));
    if (seed == 60) memcpy(r->out, r->c, bytes);
    average(t, n, seed == 1 ? 0 : 19, r->product, r->c);
    symo_scal(t, n * n, 0.05, r->c);
  }
  symo_status status = symo_eigh(t, n, r->out, r->w, r->work);
  for (size_t i = 0; i < n; i++)
    memcpy((char *)r->v + i * row, (char *)r->out + (n - 1 - i) * row, row);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(report->c, status);
}

static void refresh_drop(refresh *r) {
  symo_free(r->c);
  symo_free(r->v);
  symo_free(r->basis);
  symo_free(r->product);
  symo_free(r->out);
  symo_free(r->w);
  symo_free(r->work);
}

static void refresh_root(symo_dtype t, size_t n, const refresh *r) {
  for (size_t i = 0; i < n; i++) r->w[i] = pow(fmax(r->w[i], 0) + 1e-6, -0.125);
  symo_from_eigh(t, n, r->basis, r->w, r->product, r->out);
}

static symo_status by_eigh(symo_dtype t, size_t n, const refresh *r, double *seconds) {
  const double start = now();
  memcpy(r->basis, r->c, n * n * symo_dtype_size(t));
  symo_status status = symo_eigh(t, n, r->basis, r->w, r->work);
  refresh_root(t, n, r);
  *seconds = fmin(*seconds, now() - start);
  return status;
}

static symo_status by_qr(symo_dtype t, size_t n, const refresh *r, double *seconds, double *off) {
  const symo_mat c = symo_mat_dense(r->c, n, n), p = symo_mat_dense(r->basis, n, n);
  const symo_mat q = symo_mat_dense(r->product, n, n);
  const double start = now();
  double squares = 0, diagonal = 0;
  symo_gemm(t, 1, symo_mat_dense(r->v, n, n), c, 0, p);
  symo_status status = symo_orthonormal_rows(t, n, r->basis, r->work);
  symo_gemm(t, 1, p, c, 0, q);
  for (size_t i = 0; i < n; i++) {
    const void *a = symo_at(t, r->basis, (ptrdiff_t)(i * n));
    const void *b = symo_at(t, r->product, (ptrdiff_t)(i * n));
    r->w[i] = symo_dot(t, n, a, b);
    squares += symo_dot(t, n, b, b);
    diagonal += r->w[i] * r->w[i];
  }
  *off = sqrt(fmax(squares - diagonal, 0) / squares);
  refresh_root(t, n, r);
  *seconds = fmin(*seconds, now() - start);
  return status;
}

static int run_refresh(bench_report *report, symo_dtype dtype, size_t n) {
  char name[80];
  (void)snprintf(name, sizeof name, "root %s %zux%zu in the old basis by QR, %d thread%s",
                 symo_dtype_name(dtype), n, n, symo_get_threads(),
                 symo_get_threads() == 1 ? "" : "s");
  if (report->only != NULL && strstr(name, report->only) == NULL) return CLI_DONE;
  const size_t repeats = report->repeats > 0 ? report->repeats : n < 512 ? 15 : 3;
  double eigh = INFINITY, qr = INFINITY, off = NAN;
  refresh r;
  int code = refresh_make(report, dtype, n, &r);
  for (size_t i = 0; code == CLI_DONE && i < repeats; i++) {
    cli_progress(report->c, "%s: %zu of %zu", name, i, repeats);
    symo_status status = by_eigh(dtype, n, &r, &eigh);
    if (status == SYMO_OK) status = by_qr(dtype, n, &r, &qr, &off);
    if (status != SYMO_OK) code = cli_fail_status(report->c, status);
  }
  refresh_drop(&r);
  if (code != CLI_DONE) return code;
  bench_add(report,
            (bench_row){.figure = qr * 1e3, .unit = "ms", .floor = eigh * 1e3, .ratio = eigh / qr},
            "%s", name);
  bench_add(report, (bench_row){.figure = off, .unit = "of |C|", .floor = NAN, .ratio = NAN},
            "%s: neglected", name);
  return CLI_DONE;
}

static int run_dtype(bench_report *report, symo_dtype dtype, const symo_filter *filter) {
  static const size_t sides[] = {32, 64, 128, 256, 384, 512, 768, 1024};
  static const size_t shapes[][2] = {{64, 256}, {128, 512}, {784, 256}, {512, 2048}, {768, 3072}};
  bench_gemm gemm = {0};
  int code = bench_gemm_create(report->c, dtype, GEMM_SIDE, &gemm);
  double rates[3] = {0};
  for (int r = 0; r < 3 && code == CLI_DONE; r++) rates[r] = bench_gemm_rate(&gemm);
  bench_gemm_destroy(&gemm);
  double rate = fmax(rates[0], fmax(rates[1], rates[2]));
  for (size_t i = 0; i < sizeof sides / sizeof sides[0] && code == CLI_DONE; i++)
    code = run_polar(report, dtype, sides[i], sides[i], rate, filter);
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0] && code == CLI_DONE; i++)
    code = run_polar(report, dtype, shapes[i][0], shapes[i][1], rate, filter);
  for (size_t i = 0; i < sizeof sides / sizeof sides[0] && code == CLI_DONE; i++)
    code = run_root(report, dtype, sides[i], rate);
  for (size_t i = 1; i < sizeof sides / sizeof sides[0] && code == CLI_DONE; i++)
    code = run_refresh(report, dtype, sides[i]);
  return code;
}

static int run(bench_report *report) {
  static const symo_filter_shape shape = {.alpha = 1.4, .cut = 0.012, .order = 1.4};
  int given = symo_get_threads(), code = CLI_DONE;
  symo_filter filter;
  symo_status status = symo_filter_fit(&shape, 8, 0, &filter);
  if (status != SYMO_OK) return cli_fail_status(report->c, status);
  for (int pass = 0; pass < (given == 1 ? 1 : 2) && code == CLI_DONE; pass++) {
    (void)symo_set_threads(pass == 0 ? 1 : given);
    code = run_dtype(report, SYMO_F32, &filter);
    if (code == CLI_DONE) code = run_dtype(report, SYMO_F64, &filter);
  }
  (void)symo_set_threads(given);
  return code;
}

const bench_subject bench_subject_solvers = {
    .name = "solvers", .summary = "powers of matrices against the rate of gemm", .run = run};
