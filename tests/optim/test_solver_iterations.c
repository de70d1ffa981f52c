/* Iterations against their own recursions on numbers, and in their bands. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/solvers.h"
#include "tests/support/testing.h"

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};
static const size_t shapes[][2] = {{1, 1},   {2, 2},   {7, 7},   {40, 64},
                                   {3, 200}, {200, 3}, {64, 20}, {30, 30}};

enum { SHAPES = 8, MOST = 64 * 64 };

typedef struct world {
  symo_context *context;
  symo_rng *rng;
  double a[MOST], out[MOST], wanted[MOST], w[64], f[64];
  solver_report report;
} world;

static world *begin(uint64_t seed) {
  world *k = calloc(1, sizeof *k);
  cr_assert(k != NULL);
  k->context = symo_test_context();
  k->rng = symo_test_rng(k->context, seed);
  return k;
}

static void end(world *k) {
  symo_rng_destroy(k->rng);
  symo_context_destroy(k->context);
  free(k);
  cr_no_leaks();
}

static const double muon[3] = {3.4445, -4.7750, 2.0315};
static const double express[6][3] = {{8.156554524902461, -22.48329292557795, 15.878769915207462},
                                     {4.042929935166739, -2.808917465908714, .5000178451051316},
                                     {3.8916678022926607, -2.772484153217685, .5060648178503393},
                                     {3.285753657755655, -2.3681294933425376, .46449024233003106},
                                     {2.3465413258596377, -1.7097828382687081, .42323551169305323},
                                     {1.875, -1.25, 0.375}};

static bool is_muon(const symo_solver *s) { return s == &symo_solver_newton_schulz; }

/* What becomes of a singular value, |X|_F being 1. */
static double mapped(const symo_solver *solver, double s, int steps) {
  if (!is_muon(solver)) s /= 1.02;
  for (int k = 0; k < steps; k++) {
    const double *c = is_muon(solver) ? muon : express[k < 5 ? k : 5];
    s = c[0] * s + c[1] * s * s * s + c[2] * s * s * s * s * s;
  }
  return s;
}

/* x = u diag(w) v' with |x|_F = size, and u diag(f) v'. */
static void make(world *k, size_t rows, size_t cols, double cond, double size) {
  static double u[200 * 200], v[200 * 200];
  size_t n = rows < cols ? rows : cols;
  double norm = 0;
  solvers_log_spaced(n, cond, k->w);
  for (size_t i = 0; i < n; i++) norm += k->w[i] * k->w[i];
  for (size_t i = 0; i < n; i++) k->w[i] *= size / sqrt(norm);
  solvers_orthogonal(k->rng, rows, u);
  solvers_orthogonal(k->rng, cols, v);
  memset(k->a, 0, sizeof k->a);
  memset(k->wanted, 0, sizeof k->wanted);
  for (size_t l = 0; l < n; l++)
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < cols; j++) {
        k->a[i * cols + j] += u[l * rows + i] * k->w[l] * v[l * cols + j];
        k->wanted[i * cols + j] += u[l * rows + i] * k->f[l] * v[l * cols + j];
      }
}

static const symo_solver *const quintics[] = {&symo_solver_newton_schulz,
                                              &symo_solver_polar_express};

Test(solver_iterations, quintic_as_on_numbers) {
  static const int steps[] = {0, 1, 2, 3, 4, 5, 6, 8, 11};
  world *k = begin(1);
  for (size_t i = 0; i < 2 * 2 * SHAPES * 9; i++) {
    const symo_solver *s = quintics[i / 2 % 2];
    solver_options o = {.dtype = dtypes[i % 2], .power = -0.5, .steps = steps[i / 32]};
    size_t rows = shapes[i / 4 % SHAPES][0], cols = shapes[i / 4 % SHAPES][1];
    size_t n = rows < cols ? rows : cols;
    double norm = 0, cond = 100;
    solvers_log_spaced(n, cond, k->w);
    for (size_t l = 0; l < n; l++) norm += k->w[l] * k->w[l];
    for (size_t l = 0; l < n; l++)
      k->f[l] = mapped(s, k->w[l] / sqrt(norm), o.steps > 0 ? o.steps : 5);
    make(k, rows, cols, cond, 7);
    cr_ok(k->context, solvers_polar(s, &o, rows, cols, (int)(i % 3), k->a, k->out, &k->report));
    double resid = symo_test_rel(k->out, k->wanted, rows * cols);
    cr_assert(resid <= (o.dtype == SYMO_F64 ? 1e-10 : 3e-3), "%s %zux%zu %d steps %s: %g", s->name,
              rows, cols, o.steps, symo_dtype_name(o.dtype), resid);
    cr_assert(k->report.iterations == (o.steps > 0 ? o.steps : 5));
  }
  end(k);
}

/* Muon's rule as published, on X, in double: five steps, transposed if tall, 1e-7 added. */
static void published(size_t rows, size_t cols, const double *x, double *out) {
  static double a[MOST], b[MOST], next[MOST];
  bool tall = rows > cols;
  size_t n = tall ? cols : rows, m = tall ? rows : cols;
  double norm = 0;
  for (size_t i = 0; i < n * m; i++) norm += x[i] * x[i];
  for (size_t i = 0; i < n * m; i++)
    out[i] = (tall ? x[i % m * cols + i / m] : x[i]) / (sqrt(norm) + 1e-7);
  for (int step = 0; step < 5; step++) {
    for (size_t i = 0; i < n * n; i++) {
      a[i] = 0;
      for (size_t l = 0; l < m; l++) a[i] += out[i / n * m + l] * out[i % n * m + l];
    }
    for (size_t i = 0; i < n * n; i++) {
      b[i] = muon[1] * a[i];
      for (size_t l = 0; l < n; l++) b[i] += muon[2] * a[i / n * n + l] * a[l * n + i % n];
    }
    for (size_t i = 0; i < n * m; i++) {
      next[i] = muon[0] * out[i];
      for (size_t l = 0; l < n; l++) next[i] += b[i / m * n + l] * out[l * m + i % m];
    }
    memcpy(out, next, n * m * sizeof *out);
  }
  for (size_t i = 0; tall && i < n * m; i++) next[i % m * cols + i / m] = out[i];
  if (tall) memcpy(out, next, n * m * sizeof *out);
}

Test(solver_iterations, muon_as_published) {
  world *k = begin(2);
  for (size_t i = 0; i < 2 * SHAPES; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = -0.5, .steps = 5};
    size_t rows = shapes[i / 2][0], cols = shapes[i / 2][1];
    for (size_t j = 0; j < rows * cols; j++) k->a[j] = 1e4 * symo_rng_normal(k->rng);
    published(rows, cols, k->a, k->wanted);
    cr_ok(k->context,
          solvers_polar(&symo_solver_newton_schulz, &o, rows, cols, 0, k->a, k->out, &k->report));
    double resid = symo_test_rel(k->out, k->wanted, rows * cols);
    cr_assert(resid <= (i % 2 ? 1e-3 : 1e-10), "%zux%zu: %g", rows, cols, resid);
  }
  end(k);
}

Test(solver_iterations, bands) {
  static const struct {
    double least, low, high;
  } bands[] = {{5e-3, 0.68, 1.16}, {2e-3, 0.858, 1.142}};
  world *k = begin(3);
  for (size_t i = 0; i < 4 * SHAPES; i++) {
    const symo_solver *s = quintics[i / 2 % 2];
    solver_options o = {.dtype = dtypes[i % 2], .power = -0.5, .steps = 5};
    size_t rows = shapes[i / 4][0], cols = shapes[i / 4][1], n = rows < cols ? rows : cols;
    make(k, rows, cols, n > 1 ? 0.5 / bands[i / 2 % 2].least / sqrt((double)n) : 1, 1e-3);
    cr_ok(k->context, solvers_polar(s, &o, rows, cols, 0, k->a, k->out, &k->report));
    solvers_singular_values(rows, cols, k->out, k->f);
    cr_assert(k->f[0] <= bands[i / 2 % 2].high, "%s %zux%zu %g", s->name, rows, cols, k->f[0]);
    cr_assert(k->f[n - 1] >= bands[i / 2 % 2].low, "%s %zux%zu %g", s->name, rows, cols,
              k->f[n - 1]);
    if (s == &symo_solver_polar_express) { /* it converges */
      o.steps = 9;
      cr_ok(k->context, solvers_polar(s, &o, rows, cols, 0, k->a, k->out, &k->report));
      solvers_oracle_polar(rows, cols, k->a, 0, -0.5, 0, k->wanted);
      double resid = symo_test_rel(k->out, k->wanted, rows * cols);
      cr_assert(resid <= (i % 2 ? 1e-4 : 1e-10), "%zux%zu: %g", rows, cols, resid);
    }
  }
  end(k);
}

/* Roots, and polar factors with eps, are those of eigh times numbers in the band. */
Test(solver_iterations, quintic_roots) {
  static const double eps[] = {0, 1e-3, 10};
  world *k = begin(4);
  for (size_t i = 0; i < 4 * 3 * SHAPES; i++) {
    const symo_solver *s = quintics[i / 2 % 2];
    solver_options o = {.dtype = dtypes[i % 2], .eps = eps[i / 4 % 3], .power = -0.5};
    size_t rows = shapes[i / 12][0], cols = shapes[i / 12][1], n = rows < cols ? rows : cols;
    double least = 5;
    for (size_t l = 0; l < n; l++) k->w[l] = 1 + 20 * symo_rng_uniform(k->rng);
    solvers_spd(k->rng, n, k->w, k->a);
    cr_ok(k->context, solvers_root(s, &o, n, k->a, k->out, &k->report));
    solvers_oracle_root(n, k->a, o.eps, 0.5, 0, k->wanted);
    for (size_t r = 0; r < n; r++) /* q (c + eps)^{1/2}: its values are the band */
      for (size_t j = 0; j < n; j++) {
        double sum = 0;
        for (size_t l = 0; l < n; l++) sum += k->out[r * n + l] * k->wanted[l * n + j];
        k->a[r * n + j] = sum;
      }
    solvers_singular_values(n, n, k->a, k->f);
    cr_assert(k->f[0] <= 1.21 && k->f[n - 1] >= 0.67, "%s: %g %g", s->name, k->f[n - 1], k->f[0]);
    for (size_t l = 0; l < n; l++) k->f[l] = 0;
    make(k, rows, cols, 10, 5);
    cr_ok(k->context, solvers_polar(s, &o, rows, cols, 1, k->a, k->out, &k->report));
    solvers_oracle_polar(rows, cols, k->a, o.eps, -0.5, 0, k->wanted);
    solvers_singular_values(rows, cols, k->out, k->f);
    solvers_singular_values(rows, cols, k->wanted, k->w);
    for (size_t l = 0; l < n; l++) least = fmin(least, k->f[l] / k->w[l]);
    cr_assert(k->f[0] <= 1.21 * k->w[0] && least >= 0.55, "%s %g", s->name, least);
  }
  end(k);
}

/* ---- coupled Newton ---- */

Test(solver_iterations, coupled_newton) {
  static const double roots[] = {1, 2, 3, 4, 8}, conds[] = {1, 1e2, 1e3, 1e6, 1e12};
  static const size_t sizes[] = {1, 2, 7, 48};
  world *k = begin(5);
  for (size_t i = 0; i < 2 * 5 * 5 * 4; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = -1 / roots[i / 2 % 5], .tolerance = 1e-6};
    size_t n = sizes[i / 50];
    double cond = conds[i / 10 % 5], u = symo_epsilon(o.dtype);
    solvers_log_spaced(n, cond, k->w);
    for (size_t l = 0; l < n; l++) k->w[l] *= 5;
    solvers_spd(k->rng, n, k->w, k->a);
    double worst = n > 1 ? cond : 1;
    if (worst > 1e-4 / u) {
      worst = 1e-4 / u;
      o.eps = 5 / worst;
    }
    symo_status status = solvers_root(&symo_solver_coupled_newton, &o, n, k->a, k->out, &k->report);
    cr_assert(status == SYMO_OK, "n %zu p %g cond %g %s", n, roots[i / 2 % 5], cond,
              symo_dtype_name(o.dtype));
    if (o.dtype == SYMO_F32)
      for (size_t j = 0; j < n * n; j++) k->a[j] = (double)(float)k->a[j];
    solvers_oracle_root(n, k->a, o.eps, o.power, 0, k->wanted);
    double resid = symo_test_rel(k->out, k->wanted, n * n);
    cr_assert(resid <= 1e-5 + 30 * (double)n * u * worst, "n %zu p %g cond %g %s: %g", n,
              roots[i / 2 % 5], cond, symo_dtype_name(o.dtype), resid);
    cr_assert(k->report.iterations <= 60);
  }
  end(k);
}

Test(solver_iterations, coupled_newton_not_found) {
  world *k = begin(6);
  for (size_t i = 0; i < 2; i++) {
    solver_options o = {.dtype = dtypes[i], .power = -0.5};
    const symo_solver *s = &symo_solver_coupled_newton;
    for (size_t l = 0; l < 7; l++) k->w[l] = l < 4 ? 1 + (double)l : 0;
    solvers_spd(k->rng, 7, k->w, k->a); /* singular */
    cr_assert(solvers_root(s, &o, 7, k->a, k->out, &k->report) > 0);
    for (size_t l = 4; l < 7; l++) k->w[l] = -0.5; /* indefinite */
    solvers_spd(k->rng, 7, k->w, k->a);
    cr_assert(solvers_root(s, &o, 7, k->a, k->out, &k->report) > 0);
    for (size_t l = 4; l < 7; l++) k->w[l] = 1e-2;
    solvers_spd(k->rng, 7, k->w, k->a);
    cr_ok(k->context, solvers_root(s, &o, 7, k->a, k->out, &k->report));
    o.steps = 3; /* too few */
    cr_assert(solvers_root(s, &o, 7, k->a, k->out, &k->report) == SYMO_NO_CONVERGENCE);
  }
  end(k);
}

/* ---- Cholesky ---- */

Test(solver_iterations, cholesky) {
  static const size_t sizes[] = {1, 2, 7, 48};
  static const double conds[] = {1, 1e2, 1e8, 1e12};
  world *k = begin(7);
  for (size_t i = 0; i < 2 * 4 * 4; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = -1};
    size_t n = sizes[i / 2 % 4];
    double cond = conds[i / 8], u = symo_epsilon(o.dtype), worst = n > 1 ? cond : 1;
    solvers_log_spaced(n, cond, k->w);
    solvers_spd(k->rng, n, k->w, k->a);
    if (o.dtype == SYMO_F32)
      for (size_t j = 0; j < n * n; j++) k->a[j] = (double)(float)k->a[j];
    if (worst > 1e-3 / u) o.eps = 1e3 * u, worst = 1e-3 / u;
    cr_ok(k->context, solvers_root(&symo_solver_cholesky, &o, n, k->a, k->out, &k->report));
    solvers_oracle_root(n, k->a, o.eps, -1, 0, k->wanted);
    double resid = symo_test_rel(k->out, k->wanted, n * n);
    cr_assert(resid <= 30 * (double)n * u * worst, "n %zu cond %g: %g", n, cond, resid);
  }
  for (size_t i = 0; i < 2; i++) {
    solver_options o = {.dtype = dtypes[i], .power = -1};
    for (size_t l = 0; l < 7; l++) k->w[l] = l < 6 ? 1 : 0.1 * symo_epsilon(o.dtype);
    solvers_spd(k->rng, 7, k->w, k->a);
    symo_status status = solvers_root(&symo_solver_cholesky, &o, 7, k->a, k->out, &k->report);
    cr_assert(status == SYMO_SINGULAR || status == SYMO_INDEFINITE);
    k->w[6] = -1;
    solvers_spd(k->rng, 7, k->w, k->a);
    status = solvers_root(&symo_solver_cholesky, &o, 7, k->a, k->out, &k->report);
    cr_assert(status == SYMO_INDEFINITE);
  }
  end(k);
}

/* (C + eps I)^p of c C is c^p times that of C, for powers of two c to the last bit; and damping that is
 * nothing beside C, however small, changes no bit, since it vanishes in the first sum. */
Test(solver_iterations, roots_do_not_depend_on_where_the_matrix_lies) {
  enum { N = 6 };
  static const int exponents[] = {-80, -40, 0, 40, 80};
  static const double damping[] = {0, 0x1p-70, 0x1p-150, 0x1p-220};
  world *k = begin(9);
  double near[N * N], c[N * N], out[N * N], lambda[N];
  solvers_log_spaced(N, 10, lambda);
  solvers_spd(k->rng, N, lambda, k->a);
  for (size_t i = 0; i < solvers_count(); i++)
    for (int type = 0; type < 2; type++)
      for (int half = 0; half < 2; half++) {
        const symo_solver *s = solvers_at(i);
        solver_options o = {.dtype = dtypes[type], .power = half ? -0.5 : -0.25};
        o.steps = s->default_steps;
        if (s->root == NULL || s->fits || (s->refuse != NULL && s->refuse(o.power) != NULL))
          continue;
        cr_ok(k->context, solvers_root(s, &o, N, k->a, near, &k->report));
        for (int e = 0; e < 5; e++)
          for (int d = 0; d < 4; d++) {
            for (size_t j = 0; j < N * N; j++) c[j] = ldexp(k->a[j], exponents[e]);
            o.eps = ldexp(damping[d], exponents[e]);
            cr_ok(k->context, solvers_root(s, &o, N, c, out, &k->report));
            for (size_t j = 0; j < N * N; j++)
              cr_assert(out[j] == ldexp(near[j], (int)(o.power * exponents[e])),
                        "%s: %s, C 2^%d, eps %g, power %g: %g, %g", s->name,
                        symo_dtype_name(o.dtype), exponents[e], o.eps, o.power, out[j], near[j]);
          }
      }
  end(k);
}
