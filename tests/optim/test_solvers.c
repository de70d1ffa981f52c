/* Every solver against dense oracles, within the band that its file documents. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/solvers.h"
#include "tests/support/testing.h"

static const symo_dtype dtypes[] = {SYMO_F64, SYMO_F32};
static const size_t sizes[] = {1, 2, 7, 64};
static const size_t shapes[][2] = {{1, 1}, {2, 2}, {7, 7}, {40, 64}, {3, 200}, {200, 3}, {64, 20}};
static const double powers[] = {-0.125, -0.25, -0.3, -0.5, -1};

enum { SIZES = 4, SHAPES = 7, POWERS = 5, MOST = 64 * 64 };

typedef struct world {
  symo_context *context;
  symo_rng *rng;
  double a[MOST], out[MOST], wanted[MOST], w[64];
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

/* As the dtype holds it. */
static void rounded(symo_dtype dtype, double *x, size_t n) {
  if (dtype == SYMO_F32)
    for (size_t i = 0; i < n; i++) x[i] = (double)(float)x[i];
}

static void make_spd(world *k, symo_dtype dtype, size_t n, double cond, double scale) {
  solvers_log_spaced(n, cond, k->w);
  for (size_t i = 0; i < n; i++) k->w[i] *= 3 * scale;
  solvers_spd(k->rng, n, k->w, k->a);
  rounded(dtype, k->a, n * n);
}

static size_t small_side(size_t s) {
  return shapes[s][0] < shapes[s][1] ? shapes[s][0] : shapes[s][1];
}

static void make_matrix(world *k, symo_dtype dtype, size_t shape, double cond, double scale) {
  size_t rows = shapes[shape][0], cols = shapes[shape][1], n = small_side(shape);
  solvers_log_spaced(n, cond, k->w);
  for (size_t i = 0; i < n; i++) k->w[i] *= 3 * scale;
  solvers_matrix(k->rng, rows, cols, k->w, k->a);
  rounded(dtype, k->a, rows * cols);
}

/* ---- eigh ---- */

Test(solvers, eigh_root) {
  static const double conds[] = {1, 1e2, 1e6, 1e12};
  world *k = begin(1);
  for (size_t i = 0; i < 2 * SIZES * 4 * POWERS; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = powers[i / 2 % POWERS]};
    size_t n = sizes[i / 10 % SIZES];
    double cond = conds[i / 40], u = symo_epsilon(o.dtype);
    double tolerance = symo_rank_tolerance(o.dtype, n);
    make_spd(k, o.dtype, n, cond, 1);
    if (cond * tolerance > 0.1) o.eps = 30 * tolerance; /* the condition that the dtype can bear */
    solvers_oracle_root(n, k->a, o.eps, o.power, 0, k->wanted);
    cr_ok(k->context, solvers_root(&symo_solver_eigh, &o, n, k->a, k->out, &k->report));
    double worst = (3 + o.eps) / (3 / (n > 1 ? cond : 1) + o.eps);
    double resid = symo_test_rel(k->out, k->wanted, n * n);
    cr_assert(resid <= 10 * (double)n * u * worst, "n %zu cond %g power %g %s: %g", n, cond,
              o.power, symo_dtype_name(o.dtype), resid);
    cr_assert(fabs(log(k->report.condition / worst)) <= 0.1, "%g for %g", k->report.condition,
              worst);
  }
  end(k);
}

Test(solvers, eigh_root_singular) {
  world *k = begin(2);
  for (size_t i = 0; i < 2 * SIZES * POWERS; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = powers[i / 2 % POWERS]};
    size_t n = sizes[i / 10], rank = (n + 1) / 2;
    for (size_t j = 0; j < n; j++) k->w[j] = j < rank ? 1 + 3 * symo_rng_uniform(k->rng) : 0;
    solvers_spd(k->rng, n, k->w, k->a);
    rounded(o.dtype, k->a, n * n);
    solvers_oracle_root(n, k->a, 0, o.power, 1e-4, k->wanted);
    cr_ok(k->context, solvers_root(&symo_solver_eigh, &o, n, k->a, k->out, &k->report));
    double resid = symo_test_rel(k->out, k->wanted, n * n);
    cr_assert(resid <= 100 * (double)n * symo_epsilon(o.dtype), "n %zu: %g", n, resid);
    o.eps = 1; /* nothing is left out then */
    solvers_oracle_root(n, k->a, 1, o.power, 0, k->wanted);
    cr_ok(k->context, solvers_root(&symo_solver_eigh, &o, n, k->a, k->out, &k->report));
    cr_assert(symo_test_rel(k->out, k->wanted, n * n) <= 100 * (double)n * symo_epsilon(o.dtype));
  }
  end(k);
}

/* An eps far below rounding must not blow rounding up. */
Test(solvers, eigh_vanishing_eps) {
  world *k = begin(3);
  for (size_t i = 0; i < 2; i++) {
    solver_options o = {.dtype = dtypes[i], .power = -0.5, .eps = 1e-30};
    double u = symo_epsilon(o.dtype);
    for (size_t j = 0; j < 7; j++) k->w[j] = j < 3 ? 1 : 0;
    solvers_spd(k->rng, 7, k->w, k->a);
    cr_ok(k->context, solvers_root(&symo_solver_eigh, &o, 7, k->a, k->out, &k->report));
    cr_assert(symo_test_max(k->out, 49) <= 1.01 / sqrt(u));
    make_matrix(k, o.dtype, 2, 1, 1);
    for (size_t j = 0; j < 7; j++) k->a[21 + j] = k->a[j]; /* two equal rows */
    cr_ok(k->context, solvers_polar(&symo_solver_eigh, &o, 7, 7, 0, k->a, k->out, &k->report));
    cr_assert(symo_test_max(k->out, 49) <= 2);
  }
  end(k);
}

Test(solvers, eigh_power_zero) {
  world *k = begin(4);
  for (size_t i = 0; i < 2; i++) {
    solver_options o = {.dtype = dtypes[i], .power = 0};
    make_matrix(k, o.dtype, 3, 10, 1);
    cr_ok(k->context, solvers_polar(&symo_solver_eigh, &o, 40, 64, 0, k->a, k->out, &k->report));
    cr_assert(symo_test_rel(k->out, k->a, 40 * 64) <= 100 * symo_epsilon(o.dtype));
    for (size_t j = 0; j < 49; j++) k->wanted[j] = j % 8 == 0;
    for (size_t j = 0; j < 49; j++) k->a[j] = 0;
    cr_ok(k->context, solvers_root(&symo_solver_eigh, &o, 7, k->a, k->out, &k->report));
    cr_assert(symo_test_rel(k->out, k->wanted, 49) <= 100 * symo_epsilon(o.dtype));
  }
  end(k);
}

/* accuracy as documented: 1e-3 and 1e-10 at worst, and never worse than what x itself allows. */
Test(solvers, eigh_polar) {
  static const double conds[] = {1, 10, 1e3, 1e6};
  world *k = begin(5);
  for (size_t i = 0; i < 2 * SHAPES * 4 * POWERS; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = powers[i / 2 % POWERS]};
    size_t shape = i / 10 % SHAPES, rows = shapes[shape][0], cols = shapes[shape][1];
    double cond = conds[i / 70], u = symo_epsilon(o.dtype);
    if (o.dtype == SYMO_F32 && cond > 1e3) cond = 1e3; /* below, values start to count as zero */
    make_matrix(k, o.dtype, shape, cond, 1);
    solvers_oracle_polar(rows, cols, k->a, 0, o.power, 0, k->wanted);
    cr_ok(k->context,
          solvers_polar(&symo_solver_eigh, &o, rows, cols, (int)(i % 3), k->a, k->out, &k->report));
    double resid = symo_test_rel(k->out, k->wanted, rows * cols);
    double band = fmax(100 * u * cond, cond <= 10            ? 100 * u * cond * cond
                                       : o.dtype == SYMO_F32 ? 1e-3
                                                             : 1e-10);
    cr_assert(resid <= band, "%zux%zu cond %g power %g %s: %g", rows, cols, cond, o.power,
              symo_dtype_name(o.dtype), resid);
  }
  end(k);
}

Test(solvers, eigh_polar_ill_conditioned) {
  world *k = begin(6);
  for (size_t shape = 2; shape < SHAPES; shape++)
    for (size_t i = 0; i < 2; i++) {
      solver_options o = {.dtype = dtypes[i], .power = -0.5};
      size_t rows = shapes[shape][0], cols = shapes[shape][1];
      double cond = i == 0 ? 1e5 : 500;
      make_matrix(k, o.dtype, shape, cond, 1);
      solvers_oracle_polar(rows, cols, k->a, 0, -0.5, 0, k->wanted);
      cr_ok(k->context,
            solvers_polar(&symo_solver_eigh, &o, rows, cols, 0, k->a, k->out, &k->report));
      double resid = symo_test_rel(k->out, k->wanted, rows * cols);
      cr_assert(resid <= 30 * symo_epsilon(o.dtype) * cond, "%zux%zu %s: %g", rows, cols,
                symo_dtype_name(o.dtype), resid);
    }
  end(k);
}

/* Rows (of the smaller side) of very different norms, with eps and without. */
Test(solvers, eigh_polar_of_graded_rows) {
  static const double grades[] = {1, 30, 1e3, 1e5};
  world *k = begin(17);
  for (size_t i = 0; i < 2 * SHAPES * 4 * 2; i++) {
    const size_t shape = i / 2 % SHAPES, rows = shapes[shape][0], cols = shapes[shape][1];
    const size_t n = small_side(shape);
    solver_options o = {.dtype = dtypes[i % 2], .power = -0.5};
    const double u = symo_epsilon(o.dtype);
    double grade = grades[i / 2 / SHAPES % 4], s[64];
    if (o.dtype == SYMO_F32) grade = fmin(grade, 1e3);
    make_matrix(k, o.dtype, shape, 2, 1);
    for (size_t j = 0; j < rows * cols; j++)
      k->a[j] *= pow(grade, -(double)(rows <= cols ? j / cols : j % cols) / (double)n);
    rounded(o.dtype, k->a, rows * cols);
    solvers_singular_values(rows, cols, k->a, s);
    if (i / 2 / SHAPES / 4 > 0) o.eps = 0.3 * s[0] * s[0];
    solvers_oracle_polar(rows, cols, k->a, o.eps, -0.5, 0, k->wanted);
    cr_ok(k->context,
          solvers_polar(&symo_solver_eigh, &o, rows, cols, (int)(i % 3), k->a, k->out, &k->report));
    const double condition = o.eps > 0 ? 2 : s[0] / s[n - 1];
    const double off = symo_test_rel(k->out, k->wanted, rows * cols);
    cr_assert(off <= 10 * (double)n * u * solvers_polar_condition(o.dtype, condition),
              "%zux%zu grade %g eps %g %s: %g", rows, cols, grade, o.eps, symo_dtype_name(o.dtype),
              off);
  }
  end(k);
}

Test(solvers, eigh_polar_eps_and_rank) {
  world *k = begin(7);
  for (size_t i = 0; i < 2 * SHAPES; i++) {
    solver_options o = {.dtype = dtypes[i % 2], .power = -0.5};
    size_t rows = shapes[i / 2][0], cols = shapes[i / 2][1], n = small_side(i / 2);
    for (size_t j = 0; j < n; j++) k->w[j] = j < (n + 1) / 2 ? 2 : 0;
    solvers_matrix(k->rng, rows, cols, k->w, k->a);
    rounded(o.dtype, k->a, rows * cols);
    solvers_oracle_polar(rows, cols, k->a, 0, -0.5, 1e-5, k->wanted);
    cr_ok(k->context,
          solvers_polar(&symo_solver_eigh, &o, rows, cols, 0, k->a, k->out, &k->report));
    double u = symo_epsilon(o.dtype);
    double off = symo_test_rel(k->out, k->wanted, rows * cols);
    cr_assert(off <= 100 * u, "%zux%zu %s: %g", rows, cols, symo_dtype_name(o.dtype), off);
    for (o.eps = 1e-2; o.eps <= 1e2; o.eps *= 100) {
      solvers_oracle_polar(rows, cols, k->a, o.eps, -0.5, 0, k->wanted);
      cr_ok(k->context,
            solvers_polar(&symo_solver_eigh, &o, rows, cols, 0, k->a, k->out, &k->report));
      double resid = symo_test_rel(k->out, k->wanted, rows * cols);
      cr_assert(resid <= 100 * u * (1 + 4 / o.eps), "eps %g: %g", o.eps, resid);
    }
  }
  end(k);
}

/* ---- all of them, each in the slots that it has ---- */

/* The power that every solver takes here. */
static double power_of(const symo_solver *s) { return s->refuse(-0.5) == NULL ? -0.5 : -1; }

static void compare_root(world *k, const symo_solver *s, const solver_options *o, double scale) {
  static double plain[MOST], input[MOST];
  solver_options big = *o;
  if (s->root == NULL) return;
  make_spd(k, o->dtype, 7, 30, 1);
  memcpy(input, k->a, 49 * sizeof *input);
  cr_ok(k->context, solvers_root(s, o, 7, input, plain, &k->report));
  for (size_t i = 0; i < 49; i++) k->a[i] = scale * input[i];
  big.eps = o->eps * scale;
  cr_ok(k->context, solvers_root(s, &big, 7, k->a, k->out, &k->report));
  for (size_t i = 0; i < 49; i++) plain[i] *= pow(scale, o->power);
  double resid = symo_test_rel(k->out, plain, 49);
  cr_assert(resid <= 3e3 * symo_epsilon(o->dtype), "%s root at %g: %g", s->name, scale, resid);
}

static void compare_polar(world *k, const symo_solver *s, const solver_options *o, double scale) {
  static double plain[MOST], input[MOST];
  solver_options big = *o;
  if (s->polar == NULL) return;
  make_matrix(k, o->dtype, 3, 5, 1);
  memcpy(input, k->a, sizeof input);
  cr_ok(k->context, solvers_polar(s, o, 40, 64, 0, input, plain, &k->report));
  for (size_t i = 0; i < 40 * 64; i++) k->a[i] = scale * input[i];
  big.eps = o->eps * scale * scale;
  cr_ok(k->context, solvers_polar(s, &big, 40, 64, 0, k->a, k->out, &k->report));
  for (size_t i = 0; i < 40 * 64; i++) plain[i] *= pow(scale, 1 + 2 * o->power);
  double resid = symo_test_rel(k->out, plain, 40 * 64);
  cr_assert(resid <= 3e3 * symo_epsilon(o->dtype), "%s polar at %g: %g", s->name, scale, resid);
}

static void compare_scaled(world *k, const symo_solver *s, const solver_options *o, double scale) {
  compare_root(k, s, o, scale);
  compare_polar(k, s, o, scale);
}

Test(solvers, scale_free) {
  world *k = begin(8);
  for (size_t i = 0; i < solvers_count(); i++)
    for (int j = 0; j < 8; j++) {
      const symo_solver *s = solvers_at(i);
      solver_options o = solvers_options(s, dtypes[j % 2], j / 4 ? 0.1 : 0, power_of(s));
      compare_scaled(k, s, &o, j / 2 % 2 ? 1e30 : 1e-30);
      if (o.dtype == SYMO_F64) compare_scaled(k, s, &o, j / 2 % 2 ? 1e140 : 1e-140);
    }
  end(k);
}

Test(solvers, zero_gives_zero) {
  world *k = begin(9);
  for (size_t i = 0; i < 2 * solvers_count() * SHAPES; i++) {
    const symo_solver *s = solvers_at(i / 2 / SHAPES);
    solver_options o = solvers_options(s, dtypes[i % 2], 0, power_of(s));
    size_t rows = shapes[i / 2 % SHAPES][0], cols = shapes[i / 2 % SHAPES][1];
    size_t n = small_side(i / 2 % SHAPES);
    memset(k->a, 0, sizeof k->a);
    for (o.eps = 0; s->polar != NULL && o.eps < 0.5; o.eps += 0.25) {
      cr_ok(k->context, solvers_polar(s, &o, rows, cols, (int)(i % 3), k->a, k->out, &k->report));
      cr_assert(symo_test_max(k->out, rows * cols) == 0, "%s", s->name);
    }
    if (s->root == NULL) continue;
    o.eps = 0;
    cr_ok(k->context, solvers_root(s, &o, n, k->a, k->out, &k->report));
    cr_assert(symo_test_max(k->out, n * n) == 0, "%s", s->name);
    o.eps = 0.25; /* of C + 1/4 I */
    cr_ok(k->context, solvers_root(s, &o, 7, k->a, k->out, &k->report));
    if (s->fits) continue;
    double wanted = pow(0.25, o.power);
    bool rough = s == &symo_solver_newton_schulz || s == &symo_solver_polar_express;
    for (size_t j = 0; j < 49; j++)
      cr_assert(fabs(k->out[j] / wanted - (j % 8 == 0)) <= (rough ? 0.33 : 1e-5), "%s %g", s->name,
                k->out[j]);
  }
  end(k);
}

Test(solvers, not_finite) {
  world *k = begin(10);
  for (size_t i = 0; i < 4 * solvers_count(); i++) {
    const symo_solver *s = solvers_at(i / 4);
    solver_options o = solvers_options(s, dtypes[i % 2], 0, power_of(s));
    double bad = i / 2 % 2 ? (double)NAN : (double)INFINITY;
    make_spd(k, o.dtype, 7, 30, 1);
    k->a[7 * 4 + 2] = bad;
    if (s->root != NULL)
      cr_assert(solvers_root(s, &o, 7, k->a, k->out, &k->report) == SYMO_NO_CONVERGENCE);
    make_matrix(k, o.dtype, 3, 5, 1);
    k->a[100] = bad;
    if (s->polar != NULL)
      cr_assert(solvers_polar(s, &o, 40, 64, 0, k->a, k->out, &k->report) == SYMO_NO_CONVERGENCE);
  }
  end(k);
}

Test(solvers, registry_and_powers) {
  static const struct {
    const char *name;
    double takes[5], refuses[4]; /* up to the first 1 */
  } table[] = {
      {"eigh", {0, -0.3, -0.5, -1, 1}, {0.5, NAN, 1}},
      {"newton-schulz", {-0.5, 1}, {-0.25, -1, 0, 1}},
      {"polar-express", {-0.5, 1}, {-0.25, -1, NAN, 1}},
      {"shaped", {-0.5, -0.125, -1, 1}, {0, 0.5, NAN, 1}},
      {"coupled-newton", {-1, -0.5, -1.0 / 3, -0.125, 1}, {0, -0.3, -2, 1}},
      {"cholesky", {-1, 1}, {-0.5, -0.25, 0, 1}},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const symo_solver *s = solvers_at(i); /* others may stand behind these */
    cr_assert_str_eq(s->name, table[i].name);
    for (int j = 0; table[i].takes[j] != 1; j++)
      cr_assert(s->refuse(table[i].takes[j]) == NULL, "%s %g", s->name, table[i].takes[j]);
    for (int j = 0; table[i].refuses[j] != 1; j++)
      cr_assert(strstr(s->refuse(table[i].refuses[j]), "power") != NULL, "%s", s->name);
  }
  for (size_t i = 0; i < solvers_count(); i++) {
    const symo_solver *s = solvers_at(i);
    if (s->root != NULL) cr_assert(s->root_flops(256, 0) >= 256.0 * 256 * 256, "%s", s->name);
    if (s->polar == NULL) continue;
    cr_assert(s->polar_flops(256, 512, 0) == s->polar_flops(512, 256, 0), "%s", s->name);
    cr_assert(s->polar_flops(256, 512, 0) >= 256.0 * 256 * 512, "%s", s->name);
  }
}

Test(solvers, auto_is_allowed) {
  for (size_t i = 0; i < 2 * POWERS * 2 * SHAPES; i++) {
    symo_dtype t = dtypes[i % 2];
    double power = powers[i / 2 % POWERS];
    int threads = 1 + (int)(i / 10 % 2);
    const size_t *shape = shapes[i / 20];
    const symo_solver *root = symo_solver_auto_root(t, power, shape[0], threads);
    const symo_solver *polar = symo_solver_auto_polar(t, power, shape[0], shape[1], threads);
    cr_assert(root->refuse(power) == NULL && root->root != NULL);
    cr_assert(polar->refuse(power) == NULL && polar->polar != NULL);
    cr_assert(polar == symo_solver_auto_polar(t, power, shape[1], shape[0], threads));
  }
}
