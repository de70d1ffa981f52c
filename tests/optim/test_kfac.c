/* Steps of curvature kfac against dense matrices, over several steps; its other roads: statistics
 * of the caller's own, checkpoints, threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/hash.h"
#include "core/linalg.h"
#include "core/pool.h"
#include "groups/plan/layout.h"
#include "net/gpt.h"
#include "optim/optim.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/optim/test_kfac_support.h"
#include "tests/support/dense.h"
#include "tests/support/stepping.h"

static symo_step_report step(kfac_trainee *t) {
  symo_step_report report;
  cr_ok(t->c.context, symo_optim_problem_step(t->state, &t->c.problem, t->theta, NULL, &report));
  cr_assert(report.accepted);
  return report;
}

/* ---- the reference ---- */

enum { MOST = 16, BLOCK = 64 }; /* rows of a factor, numbers of a site */

/* A site: averages, what roots were last taken of, their eigenvectors in rows, moments. */
typedef struct reference_site {
  size_t m, n;
  double a[MOST * MOST], g[MOST * MOST], rooted_a[MOST * MOST], rooted_g[MOST * MOST];
  double v[MOST * MOST], u[MOST * MOST], moments[BLOCK];
  bool taken;
} reference_site;

typedef struct reference {
  const kfac_trainee *t;
  size_t steps, updates;
  reference_site sites[4];
  double *theta, *momentum;
} reference;

static size_t place(const symo_factor_site *s, size_t m, size_t e) {
  const size_t i = e / m, j = e % m;
  return j < s->inputs ? s->weight + i * s->inputs + j : s->bias + i;
}

/* Averages of what the problem says at theta: whole matrices, and moments in the bases there are.
 * */
static void take_statistics(reference *r) {
  const kfac_trainee *t = r->t;
  const symo_method *m = &t->method;
  symo_factor_sums sums[4];
  double arrays[4][3][MOST * MOST], loss;
  for (size_t s = 0; s < t->c.problem.num_sites; s++) {
    reference_site *site = &r->sites[s];
    sums[s] = (symo_factor_sums){.dtype = SYMO_F64,
                                 .sharing = m->sharing,
                                 .bias = true,
                                 .inputs = arrays[s][0],
                                 .outputs = arrays[s][1]};
    if (m->basis == SYMO_BASIS_EXAMPLE && site->taken)
      sums[s].input_basis = site->v, sums[s].output_basis = site->u, sums[s].moments = arrays[s][2];
    symo_factor_sums_clear(&t->c.problem.sites[s], &sums[s]);
  }
  symo_factor_request request = {.fisher = m->fisher,
                                 .seed = symo_hash(r->steps),
                                 .num_sites = t->c.problem.num_sites,
                                 .sums = sums};
  cr_ok(t->c.context, t->c.problem.factors(t->c.problem.self, r->theta, &loss, NULL, &request));
  r->updates++;
  const double b = m->beta2, n = (double)r->updates;
  double keep = r->updates == 1 ? 0 : b;
  if (m->correction && r->updates > 1) keep = (b - pow(b, n)) / (1 - pow(b, n));
  for (size_t s = 0; s < t->c.problem.num_sites; s++) {
    reference_site *site = &r->sites[s];
    for (size_t i = 0; i < site->m * site->m; i++) {
      const size_t low = i / site->m >= i % site->m ? i : i % site->m * site->m + i / site->m;
      site->a[i] = keep * site->a[i] + (1 - keep) * arrays[s][0][low] / sums[s].input_count;
    }
    for (size_t i = 0; i < site->n * site->n; i++) {
      const size_t low = i / site->n >= i % site->n ? i : i % site->n * site->n + i / site->n;
      site->g[i] = keep * site->g[i] + (1 - keep) * arrays[s][1][low] / sums[s].output_count;
    }
    for (size_t i = 0; i < site->n * site->m && sums[s].moments != NULL; i++)
      site->moments[i] = b * site->moments[i] + (1 - b) * arrays[s][2][i] / sums[s].output_count;
  }
}

/* Eigenvectors in rows; moments of the old basis go to the new one. */
static void take_root(reference_site *s) {
  double w[2][MOST], v[MOST * MOST], u[MOST * MOST], columns[MOST * MOST], fresh[BLOCK];
  symo_dense_eigen(s->m, s->a, w[0], columns);
  for (size_t i = 0; i < s->m * s->m; i++) v[i] = columns[i % s->m * s->m + i / s->m];
  symo_dense_eigen(s->n, s->g, w[1], columns);
  for (size_t i = 0; i < s->n * s->n; i++) u[i] = columns[i % s->n * s->n + i / s->n];
  for (size_t i = 0; i < s->n; i++)
    for (size_t j = 0; j < s->m; j++) {
      double sum = s->taken ? 0 : fmax(w[1][i], 0) * fmax(w[0][j], 0);
      for (size_t k = 0; k < s->n && s->taken; k++)
        for (size_t l = 0; l < s->m; l++) {
          double left = 0, right = 0;
          for (size_t e = 0; e < s->n; e++) left += u[i * s->n + e] * s->u[k * s->n + e];
          for (size_t e = 0; e < s->m; e++) right += v[j * s->m + e] * s->v[l * s->m + e];
          sum += left * left * right * right * s->moments[k * s->m + l];
        }
      fresh[i * s->m + j] = sum;
    }
  memcpy(s->moments, fresh, sizeof fresh);
  memcpy(s->v, v, sizeof v), memcpy(s->u, u, sizeof u);
  memcpy(s->rooted_a, s->a, sizeof s->a), memcpy(s->rooted_g, s->g, sizeof s->g);
  s->taken = true;
}

static double mean_diagonal(size_t n, const double *a) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i * n + i] / (double)n;
  return sum;
}

/* The damped block, dense. */
static double *block_of(const symo_method *m, const reference_site *s) {
  const size_t n = s->n * s->m;
  double *out = symo_dense_new(n, n), trace = 0;
  const bool moments = m->basis == SYMO_BASIS_EXAMPLE,
             factored = m->damping == &symo_damping_factored;
  const double root = sqrt(m->eps),
               pi = sqrt(mean_diagonal(s->m, s->rooted_a) / mean_diagonal(s->n, s->rooted_g));
  for (size_t e = 0; e < n; e++)
    for (size_t f = 0; f < n; f++) {
      const size_t i = e / s->m, j = e % s->m, k = f / s->m, l = f % s->m;
      double a = s->rooted_a[j * s->m + l], g = s->rooted_g[i * s->n + k], x;
      if (factored) a += j == l ? root * pi : 0, g += i == k ? root / pi : 0;
      x = a * g;
      if (moments) {
        x = 0;
        for (size_t p = 0; p < s->n; p++)
          for (size_t q = 0; q < s->m; q++)
            x += s->u[p * s->n + i] * s->v[q * s->m + j] * s->moments[p * s->m + q] *
                 s->u[p * s->n + k] * s->v[q * s->m + l];
      }
      if (moments && factored) { /* what damping adds to the product of the factors */
        const double plain = s->rooted_a[j * s->m + l] * s->rooted_g[i * s->n + k];
        x += a * g - plain;
      }
      out[e * n + f] = x;
      trace += e == f ? x : 0;
    }
  const double lambda = m->damping == &symo_damping_trace ? m->eps * trace / (double)n
                        : factored                        ? 0
                                                          : m->eps;
  for (size_t e = 0; e < n; e++) out[e * n + e] += lambda;
  return out;
}

static void reference_step(reference *r) {
  const kfac_trainee *t = r->t;
  const symo_method *m = &t->method;
  const size_t count = t->c.problem.num_sites;
  double *grad = net_vector(t->c.size), *d = net_vector(t->c.size), loss, all = 0;
  cr_ok(t->c.context, t->c.problem.gradient(t->c.problem.self, r->theta, &loss, grad));
  if (r->steps % m->statistics_every == 0) take_statistics(r);
  for (size_t s = 0; s < count; s++) {
    const uint64_t phase = m->stagger ? s * m->refresh_every / count : 0;
    if (!r->sites[s].taken || r->steps % m->refresh_every == phase) take_root(&r->sites[s]);
  }
  for (size_t i = 0; i < t->c.size; i++)
    r->momentum[i] = m->momentum * r->momentum[i] + (1 - m->momentum) * grad[i];
  for (size_t s = 0; s < count; s++) {
    const symo_factor_site *site = &t->c.problem.sites[s];
    const reference_site *own = &r->sites[s];
    const size_t n = own->n * own->m;
    double *block = block_of(m, own), x[BLOCK], y[BLOCK];
    double *power = symo_dense_power(n, block, -m->alpha / 2, 0);
    for (size_t e = 0; e < n; e++) x[e] = r->momentum[place(site, own->m, e)];
    symo_dense_matvec(n, power, x, y);
    for (size_t e = 0; e < n; e++) d[place(site, own->m, e)] = y[e], all += x[e] * y[e];
    free(block), free(power);
  }
  all *= m->lr * m->lr;
  const double factor = m->kl_clip > 0 && all > m->kl_clip ? sqrt(m->kl_clip / all) : 1;
  for (size_t i = 0; i < t->c.size; i++) r->theta[i] -= m->lr * factor * d[i];
  r->steps++;
  symo_free(grad), symo_free(d);
}

/* What the report says of factors that were all taken in this step: their least effective rank, and a
 * condition that is at least that of each factor without eigenvalues near zero, damped where what is
 * kept is its inverse. */
static void check_report(const reference *r, const symo_step_report *report, symo_dtype dtype) {
  const symo_method *m = &r->t->method;
  const bool inverses = m->damping == &symo_damping_factored && m->basis == SYMO_BASIS_NONE &&
                        m->solver != &symo_solver_eigh;
  double rank = INFINITY, condition = 0;
  for (size_t s = 0; s < r->t->c.problem.num_sites; s++)
    for (int side = 0; side < 2; side++) {
      const reference_site *site = &r->sites[s];
      const size_t n = side == 0 ? site->m : site->n;
      double w[MOST], v[MOST * MOST], sum = 0, squares = 0;
      symo_dense_eigen(n, side == 0 ? site->rooted_a : site->rooted_g, w, v);
      for (size_t i = 0; i < n; i++) sum += w[i], squares += w[i] * w[i];
      const double pi =
          sqrt(mean_diagonal(site->m, site->rooted_a) / mean_diagonal(site->n, site->rooted_g));
      for (size_t i = 0; i < n && inverses; i++) w[i] += sqrt(m->eps) * (side == 0 ? pi : 1 / pi);
      rank = fmin(rank, sum * sum / squares);
      if (w[0] > 1e-3 * w[n - 1]) condition = fmax(condition, w[n - 1] / w[0]);
    }
  const double rounding = symo_test_bound(dtype, MOST, 1e3);
  cr_assert(fabs(report->effective_rank - rank) <= rounding * rank, "rank %g, not %g",
            report->effective_rank, rank);
  cr_assert(condition > 1 && report->worst_condition >= condition * (1 - rounding),
            "condition %g, at least %g", report->worst_condition, condition);
}

/* A float64 network of the same parameters, whose statistics the reference takes. */
static void check_reference_of(const char *net, const char *preset, const char *settings,
                               symo_dtype dtype) {
  kfac_trainee t = kfac_open(net, dtype, preset, settings, 1), exact;
  exact = kfac_open(net, SYMO_F64, preset, settings, 1);
  reference r = {.t = &exact, .theta = net_vector(t.c.size), .momentum = net_vector(t.c.size)};
  for (size_t s = 0; s < exact.c.problem.num_sites; s++)
    r.sites[s].m = exact.c.problem.sites[s].inputs + 1,
    r.sites[s].n = exact.c.problem.sites[s].outputs;
  symo_test_unpack(dtype, t.theta, r.theta, t.c.size);
  for (int k = 0; k < 9; k++) {
    const symo_step_report report = step(&t);
    reference_step(&r);
    if (t.method.refresh_every == 1) check_report(&r, &report, dtype);
    const double error = symo_test_rel_dtype(dtype, t.theta, r.theta, t.c.size);
    /* Steps of some hundredths; systems of condition 1e3 at most. */
    cr_assert(error <= symo_test_bound(dtype, 10, 100), "%s %s: step %d: %g", preset, settings,
              k + 1, error);
  }
  cr_assert(symo_test_rel_dtype(dtype, t.c.packed, r.theta, t.c.size) >= 1e-3, "it stands still");
  symo_free(r.theta), symo_free(r.momentum);
  symo_optim_state_destroy(exact.state), symo_optim_destroy(exact.optim);
  symo_layout_destroy(exact.layout), symo_free(exact.theta);
  symo_free(exact.c.theta), symo_free(exact.c.packed), symo_free(exact.c.x), symo_free(exact.c.y);
  symo_net_destroy(exact.c.net), symo_rng_destroy(exact.c.rng);
  symo_context_destroy(exact.c.context);
  kfac_close(&t);
}

static void check_reference(const char *preset, const char *settings, symo_dtype dtype) {
  check_reference_of("4-5-3", preset, settings, dtype);
}

static const char *const plain[] = {
    "lr=0.02 kl_clip=0 statistics_every=3 refresh_every=1 damping=constant eps=0.05",
    "lr=0.02 kl_clip=0 statistics_every=3 refresh_every=1 damping=trace eps=0.5 correction=false",
    "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=1 damping=factored eps=0.1 momentum=0",
    "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=4 damping=constant eps=0.05 stagger=true",
    "lr=0.02 kl_clip=0 statistics_every=1 refresh_every=3 damping=constant eps=0.05 stagger=false",
    "lr=0.05 kl_clip=1e-4 statistics_every=3 refresh_every=1 damping=factored eps=0.05",
    "lr=0.02 kl_clip=0 statistics_every=3 refresh_every=1 damping=constant eps=0.05 alpha=1",
    "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=1 damping=constant eps=0.05 fisher=exact",
    "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=1 damping=constant eps=0.05 "
    "fisher=empirical",
    "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=1 damping=constant eps=0.05 beta2=0 "
    "correction=false",
};

Test(optim_kfac, steps_are_those_of_dense_blocks_in_float64) {
  for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
    check_reference("kfac", plain[k], SYMO_F64);
  /* Few inputs, and few outputs: the least effective rank is that of the one side, then of the other. */
  static const char *const nets[] = {"1-5-5", "5-1-3"};
  for (size_t k = 0; k < 12; k++) check_reference_of(nets[k % 2], "kfac", plain[k / 2], SYMO_F64);
}

/* Labels are drawn from outputs in float32: those of the data, or all of them, do not jump. */
Test(optim_kfac, steps_are_those_of_dense_blocks_in_float32) {
  char settings[256];
  for (size_t k = 0; k < 7; k++) {
    snprintf(settings, sizeof settings, "%s fisher=exact", plain[k]);
    check_reference("kfac", settings, SYMO_F32);
  }
}

Test(optim_kfac, moments_of_examples_go_along_with_the_basis) {
  static const char *const settings[] = {
      "lr=0.02 kl_clip=0 statistics_every=1 refresh_every=100 damping=constant eps=0.05",
      "lr=0.02 kl_clip=0 statistics_every=1 refresh_every=3 damping=constant eps=0.05",
      "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=4 damping=trace eps=0.5 fisher=exact",
      "lr=0.02 kl_clip=0 statistics_every=2 refresh_every=4 damping=factored eps=0.1",
  };
  for (size_t k = 0; k < 4; k++) check_reference("ekfac", settings[k], SYMO_F64);
  check_reference("ekfac", settings[2], SYMO_F32);
}

/* ---- other roads ---- */

static const char *const presets[] = {"kfac", "ekfac", "kfac-lowrank"};
static const char quick[] = "statistics_every=2";

/* Gradients and statistics of the caller's own: the same bits. */
Test(optim_kfac, statistics_of_the_callers_own) {
  for (size_t p = 0; p < 3; p++) {
    kfac_trainee a = kfac_open("4-5-3", SYMO_F64, presets[p], quick, 1);
    double *theta = net_vector(a.c.size), *grad = net_vector(a.c.size), loss;
    void *params[16];
    const void *grads[16];
    symo_optim_state *state = NULL;
    memcpy(theta, a.theta, a.c.size * sizeof *theta);
    cr_ok(a.c.context, symo_optim_state_create(a.optim, &state));
    cr_ok(a.c.context, symo_layout_split(a.layout, SYMO_F64, theta, params));
    cr_ok(a.c.context, symo_layout_split_const(a.layout, SYMO_F64, grad, grads));
    const symo_const_vector g = symo_const_vector_of(SYMO_F64, grads);
    const symo_vector x = symo_vector_of(SYMO_F64, params);
    for (int k = 0; k < 6; k++) {
      (void)step(&a);
      const symo_factor_request *request = symo_optim_state_factors(state);
      cr_assert((request != NULL) == (k % 2 == 0), "step %d", k);
      if (request != NULL)
        cr_ok(a.c.context, a.c.problem.factors(a.c.problem.self, theta, &loss, grad, request));
      else
        cr_ok(a.c.context, a.c.problem.gradient(a.c.problem.self, theta, &loss, grad));
      cr_ok(a.c.context, symo_optim_step(state, g, x, NULL));
      cr_assert(memcmp(theta, a.theta, a.c.size * sizeof *theta) == 0, "%s, step %d", presets[p],
                k);
    }
    /* Not without them, and not with those of the last time. */
    cr_fails(a.c.context, SYMO_E_ARGUMENT, "symo_optim_state_factors",
             symo_optim_step(state, g, x, NULL));
    symo_optim_state_destroy(state);
    symo_free(theta), symo_free(grad);
    kfac_close(&a);
  }
}

/* Saved after three steps; and the same bits by three threads. */
Test(optim_kfac, checkpoints_and_threads) {
  cr_assert_eq(symo_set_threads(1), SYMO_OK); /* of BLAS, as the contract has it */
  for (size_t p = 0; p < 3; p++)
    for (int d = 0; d < 2; d++) {
      kfac_trainee a = kfac_open("rnn:4x3-6-3", d == 0 ? SYMO_F64 : SYMO_F32, presets[p], quick, 1);
      symo_optim *other = NULL;
      symo_optim_state *state = NULL, *threaded = NULL;
      symo_optim_spec spec = a.spec;
      double loss;
      void *theta = symo_calloc(a.c.size, sizeof(double)),
           *third = symo_calloc(a.c.size, sizeof(double));
      const size_t bytes = a.c.size * symo_dtype_size(a.c.spec.dtype);
      spec.threads = 3;
      spec.rules = a.rules;
      memcpy(third, a.theta, bytes);
      cr_ok(a.c.context, symo_optim_create(a.layout, &spec, &other));
      cr_ok(a.c.context, symo_optim_state_create(other, &threaded));
      for (int k = 0; k < 3; k++) (void)step(&a);
      cr_ok(a.c.context, symo_optim_state_create(a.optim, &state));
      for (size_t i = 0; i < symo_optim_state_num_entries(state); i++) {
        symo_state_entry from = symo_optim_state_entry(a.state, i);
        symo_state_entry to = symo_optim_state_entry(state, i);
        size_t size = symo_dtype_size(from.dtype);
        for (size_t k = 0; k < from.order; k++) size *= from.shape[k];
        memcpy(to.data, from.data, size);
      }
      memcpy(theta, a.theta, bytes);
      for (int k = 0; k < 5; k++) {
        (void)step(&a);
        cr_ok(a.c.context, symo_optim_problem_step(state, &a.c.problem, theta, NULL, NULL));
        cr_assert(memcmp(theta, a.theta, bytes) == 0, "%s, step %d", presets[p], k + 4);
      }
      for (int k = 0; k < 8; k++)
        cr_ok(a.c.context, symo_optim_problem_step(threaded, &a.c.problem, third, &loss, NULL));
      cr_assert(memcmp(third, a.theta, bytes) == 0, "%s", presets[p]);
      symo_optim_state_destroy(state), symo_optim_state_destroy(threaded);
      symo_optim_destroy(other);
      symo_free(theta), symo_free(third);
      kfac_close(&a);
    }
}

/* Shared weights, norms beside them, and steps that allocate nothing of the optimizer's. */
Test(optim_kfac, networks_of_all_kinds_go_down) {
  static const char *const nets[] = {"rnn:4x3-6-3", "conv:4x4x2-c3k3-p2-4", "5-res-ln-5-add-3"};
  for (size_t k = 0; k < 3; k++)
    for (size_t p = 0; p < 3; p++) {
      kfac_trainee t = kfac_open(nets[k], SYMO_F32, presets[p], "sharing=reduce", 1);
      double before, after;
      cr_ok(t.c.context, t.c.problem.loss(t.c.problem.self, t.theta, &before));
      for (int i = 0; i < 30; i++) (void)step(&t);
      cr_ok(t.c.context, t.c.problem.loss(t.c.problem.self, t.theta, &after));
      cr_assert(after < before, "%s %s: %g, %g before", nets[k], presets[p], after, before);
      kfac_close(&t);
    }
}

/* Roots that are good enough stay; their number is told. */
Test(optim_kfac, roots_are_kept_where_they_are_good) {
  kfac_trainee t =
      kfac_open("4-5-3", SYMO_F64, "kfac",
                "lr=1e-6 statistics_every=1 refresh_every=1 skip_tolerance=0.5 beta2=0.99", 1);
  symo_step_report report = step(&t);
  cr_assert(report.refreshes == 2 && report.kept_roots == 0);
  report = step(&t);
  cr_assert(report.refreshes == 0 && report.kept_roots == 2);
  kfac_close(&t);
}
