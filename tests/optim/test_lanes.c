/* Systems of the Gauss-Newton matrix by any solver and in either space have one solution; what a
 * step asks of a problem; and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "tests/net/test_net_support.h"
#include "tests/support/problems.h"

typedef struct lane {
  net_case c;
  symo_layout *layout;
  symo_test_descent d;
} lane;

static void open_lane(lane *l, const char *text, symo_loss loss, symo_dtype dtype, bool soft,
                      const char *preset, const char *settings) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, text, &spec), SYMO_OK);
  spec.loss = loss, spec.dtype = dtype;
  l->c = net_case_create(&spec, 9, 0.7, 3);
  net_case *c = &l->c;
  for (size_t i = 0; soft && i < c->examples * c->outputs; i++)
    c->y[i] *= 0.6 + 0.1 * (double)(i / c->outputs);
  cr_ok(c->context, symo_net_set_data(c->net, c->examples, c->x, c->y));
  cr_ok(c->context, symo_net_layout(c->context, &spec, NULL, &l->layout));
  symo_descent_open(&l->d, c->context, &c->problem, l->layout, preset, settings);
  symo_descent_set(&l->d, c->theta);
}

static void close_lane(lane *l) {
  symo_descent_close(&l->d);
  symo_layout_destroy(l->layout);
  net_case_destroy(&l->c);
}

/* The change of theta in the second of two steps, so that what the first left is in it. */
static double *change(const char *text, symo_loss loss, symo_dtype dtype, const char *preset,
                      const char *settings, size_t *size) {
  lane l;
  open_lane(&l, text, loss, dtype, loss == SYMO_LOSS_CROSS_ENTROPY, preset, settings);
  const size_t n = *size = l.c.size;
  double *before = malloc(n * sizeof *before), *after = malloc(n * sizeof *after);
  cr_assert(symo_descent_step(&l.d).accepted);
  symo_descent_get(&l.d, before);
  cr_assert(symo_descent_step(&l.d).accepted);
  symo_descent_get(&l.d, after);
  for (size_t i = 0; i < n; i++) after[i] -= before[i];
  free(before);
  close_lane(&l);
  return after;
}

enum { WAYS = 4 };

/* One system, of the same matrix, in all ways that there are; of the first by a dense factor. */
static void check_same_system(const char *direct, const char *own,
                              const char *const ways[WAYS][2]) {
  static const char *const nets[] = {"4-5-3", "rnn:3x2-4leak0.3-2each", "conv:4x4x1-c2k3-p2-3"};
  static const char *const common[] = {"damping=constant eps=0.01",
                                       "damping=constant eps=0.001 decay=l2 weight_decay=0.02",
                                       "damping=levenberg-marquardt eps=0.5 decay=l2 "
                                       "weight_decay=0.01"};
  for (size_t t = 0; t < 3; t++)
    for (int loss = SYMO_LOSS_MSE; loss <= SYMO_LOSS_BERNOULLI; loss++)
      for (size_t s = 0; s < 3; s++) {
        size_t n;
        char settings[200];
        if (loss == SYMO_LOSS_CROSS_ENTROPY && t == 1) continue;
        (void)snprintf(settings, sizeof settings, "%s%s", common[s], own);
        double *want = change(nets[t], (symo_loss)loss, SYMO_F64, direct, settings, &n);
        for (size_t k = 0; k < WAYS; k++) {
          (void)snprintf(settings, sizeof settings, "%s%s", common[s], ways[k][1]);
          double *got = change(nets[t], (symo_loss)loss, SYMO_F64, ways[k][0], settings, &n);
          cr_assert(symo_test_rel(got, want, n) <= 1e-8, "%s loss %d %s %s: %g", nets[t], loss,
                    ways[k][0], settings, symo_test_rel(got, want, n));
          free(got);
        }
        free(want);
      }
}

#define EXACTLY " solver_steps=400 solver_tolerance=1e-14"

Test(lanes, rows_and_parameters_solve_the_same_system) {
  static const char *const ways[WAYS][2] = {
      {"egn", ""}, {"egn-cg", EXACTLY}, {"ggn-cg", EXACTLY}, {"sgn", EXACTLY " lr=1"}};
  check_same_system("ggn-direct", "", ways);
}

Test(lanes, rows_of_examples_and_parameters_solve_the_same_system) {
  static const char *const ways[WAYS][2] = {{"ngd", " lr=1"},
                                            {"ngd-cg", EXACTLY " lr=1"},
                                            {"ngd-cg", EXACTLY " lr=1 space=parameters"},
                                            {"ggn-cg", EXACTLY " curvature=fisher"}};
  check_same_system("ngd", " lr=1 space=parameters", ways);
}

/* (F + eps I)^-1 g with F of the gradients of single examples, written out; also of a problem without
 * these, where the system of rows is formed by products. */
Test(lanes, natural_gradient_of_single_examples) {
  enum { EXAMPLES = 9 };
  for (int without = 0; without < 2; without++) {
    lane l;
    open_lane(&l, "4-5-3", SYMO_LOSS_CROSS_ENTROPY, SYMO_F64, false, "ngd",
              "damping=constant eps=0.01 lr=1");
    const size_t n = l.c.size;
    double *g = net_vector(EXAMPLES * n), *f = net_vector(n * n), *d = net_vector(n);
    double *theta = net_vector(n), loss;
    for (size_t e = 0; e < EXAMPLES; e++) {
      cr_ok(l.c.context, symo_net_select(l.c.net, 1, &e));
      cr_ok(l.c.context, l.c.problem.gradient(l.c.net, l.c.theta, &loss, g + e * n));
      for (size_t i = 0; i < n; i++) d[i] += g[e * n + i] / EXAMPLES;
    }
    cr_ok(l.c.context, symo_net_select(l.c.net, 0, NULL));
    for (size_t i = 0; i < n * n; i++)
      for (size_t e = 0; e < EXAMPLES; e++) f[i] += g[e * n + i / n] * g[e * n + i % n] / EXAMPLES;
    symo_test_solve(n, f, 0.01, d);
    if (without) l.d.problem.example_gradients = NULL;
    cr_assert(symo_descent_step(&l.d).accepted);
    symo_descent_get(&l.d, theta);
    for (size_t i = 0; i < n; i++) theta[i] = l.c.theta[i] - theta[i];
    cr_assert(symo_test_rel(theta, d, n) <= 1e-10, "%g", symo_test_rel(theta, d, n));
    symo_free(g), symo_free(f), symo_free(d), symo_free(theta);
    close_lane(&l);
  }
}

Test(lanes, float32) {
  for (int loss = SYMO_LOSS_MSE; loss <= SYMO_LOSS_BERNOULLI; loss++) {
    static const char *const presets[] = {"egn", "egn-cg", "ggn-direct"};
    size_t n;
    double *want =
        change("4-5-3", (symo_loss)loss, SYMO_F64, "ggn-direct", "damping=constant eps=0.1", &n);
    for (size_t k = 0; k < 3; k++) {
      double *got =
          change("4-5-3", (symo_loss)loss, SYMO_F32, presets[k], "damping=constant eps=0.1", &n);
      cr_assert(symo_test_rel(got, want, n) <= 1e-3, "%s: %g", presets[k],
                symo_test_rel(got, want, n));
      free(got);
    }
    free(want);
  }
}

/* ---- dense steps of quadratics ---- */

enum { N = 6 };

static symo_test_descent open_quadratic(symo_test_problem *p, symo_context *context,
                                        const double *w, const char *preset, const char *settings) {
  symo_test_descent d;
  symo_rng *rng = symo_test_rng(context, 5);
  double start[N];
  symo_test_quadratic(p, rng, SYMO_F64, N, w);
  symo_test_randn(rng, start, N);
  symo_descent_open(&d, context, &p->problem, NULL, preset, settings);
  symo_descent_set(&d, start);
  symo_rng_destroy(rng);
  return d;
}

Test(lanes, newton_direct_solves_the_damped_system) {
  const double w[N] = {3, 1, 0.5, 2, 7, 0.01};
  symo_context *context = symo_test_context();
  symo_test_problem p;
  symo_test_descent d =
      open_quadratic(&p, context, w, "newton-direct", "damping=constant eps=0.25 lr=1");
  double a[N * N], x[N], before[N], after[N];
  symo_descent_get(&d, before);
  memcpy(a, p.a, sizeof a);
  for (size_t i = 0; i < N; i++) { /* the gradient A x - b */
    x[i] = -p.b[i];
    for (size_t j = 0; j < N; j++) x[i] += p.a[i * N + j] * before[j];
  }
  symo_test_solve(N, a, 0.25, x);
  const symo_step_report r = symo_descent_step(&d);
  symo_descent_get(&d, after);
  for (size_t i = 0; i < N; i++) before[i] -= x[i];
  cr_assert(r.accepted && r.cg_iterations == 0 && symo_test_rel(after, before, N) <= 1e-13);
  cr_assert(p.products == N && p.gradients == 1 && p.losses == 0, "%zu", p.products);
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* No factor: a failure that says so, or a rejected step and more damping, until there is one. */
Test(lanes, indefinite_matrices_have_no_factor) {
  const double w[N] = {3, 1, 0.5, 2, 7, -1};
  symo_context *context = symo_test_context();
  symo_test_problem p;
  double before[N], after[N];
  symo_test_descent d = open_quadratic(&p, context, w, "newton-direct", "damping=constant eps=0.1");
  symo_descent_get(&d, before);
  cr_fails(context, SYMO_INDEFINITE, "indefinite (raise eps",
           symo_optim_problem_step(d.state, &d.problem, d.theta, NULL, NULL));
  symo_descent_get(&d, after);
  cr_assert(memcmp(before, after, sizeof before) == 0);
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  d = open_quadratic(&p, context, w, "newton-direct", "eps=0.5");
  symo_descent_get(&d, before);
  for (uint64_t k = 1; k <= 2; k++) { /* 0.5, 0.75; then 1.125 is more than 1 */
    const symo_step_report r = symo_descent_step(&d);
    symo_descent_get(&d, after);
    cr_assert(!r.accepted && r.rejected_steps == k && r.step == k && r.update_norm == 0);
    cr_assert(memcmp(before, after, sizeof before) == 0);
  }
  const symo_step_report r = symo_descent_step(&d);
  cr_assert(r.accepted && r.damping == 0.5 * 1.5 * 1.5 && r.rejected_steps == 2);
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(lanes, sizes_that_no_factor_is_taken_of) {
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  symo_optim *optim = NULL;
  symo_rule rule = {.pattern = "*", .max_order = SYMO_MAX_ORDER};
  symo_optim_spec spec = symo_optim_spec_default();
  cr_ok(context, symo_layout_parse(context, "in: identity 4097; w[in]", &layout));
  spec.num_rules = 1, spec.rules = &rule;
  cr_ok(context, symo_method_preset(context, "ggn-direct", &rule.method));
  cr_fails(context, SYMO_E_SIZE, "4097, and takes at most 4096",
           symo_optim_create(layout, &spec, &optim));
  cr_ok(context, symo_method_preset(context, "egn", &rule.method));
  cr_ok(context, symo_optim_create(layout, &spec, &optim));
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  lane l;
  open_lane(&l, "2-1-3", SYMO_LOSS_MSE, SYMO_F64, false, "egn", "");
  double *x = net_vector(2 * 1366), *y = net_vector(3 * 1366);
  cr_ok(l.c.context, symo_net_set_data(l.c.net, 1366, x, y));
  cr_fails(l.c.context, SYMO_E_SIZE, "at most 4096 rows, not 4098",
           symo_optim_problem_step(l.d.state, &l.d.problem, l.d.theta, NULL, NULL));
  symo_free(x), symo_free(y);
  close_lane(&l);
}

Test(lanes, problems_without_rows) {
  symo_context *context = symo_test_context();
  symo_test_problem p;
  const double w[N] = {3, 1, 0.5, 2, 7, 1};
  symo_test_descent d = open_quadratic(&p, context, w, "egn-cg", "");
  d.problem.rows = NULL;
  cr_fails(context, SYMO_E_UNSUPPORTED, "(fill rows)",
           symo_optim_problem_step(d.state, &d.problem, d.theta, NULL, NULL));
  symo_descent_close(&d);
  symo_test_problem_free(&p);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- what a step asks for ---- */

/* Passes of one step, with the problem told that theta stays, and not. */
static symo_net_counts passes(const char *preset, const char *settings, bool hold,
                              uint64_t *iterations, size_t *n, size_t *rows) {
  lane l;
  open_lane(&l, "4-5-3", SYMO_LOSS_BERNOULLI, SYMO_F64, false, preset, settings);
  if (!hold) l.d.problem.hold = NULL;
  const symo_net_counts before = symo_net_get_counts(l.c.net);
  const symo_step_report r = symo_descent_step(&l.d);
  const symo_net_counts now = symo_net_get_counts(l.c.net);
  cr_assert(r.accepted);
  *iterations = r.cg_iterations, *n = l.c.size, *rows = 9 * 3;
  close_lane(&l);
  return (symo_net_counts){now.forward - before.forward, now.backward - before.backward,
                           now.tangent - before.tangent,
                           now.backward_tangent - before.backward_tangent};
}

/* Forward once for all that happens at theta and once for the trial, backward once; without being
 * told once more for each product. */
Test(lanes, each_shared_intermediate_is_computed_once) {
  static const char *const presets[] = {"ggn-direct", "newton-direct", "ggn-cg", "newton-cg",
                                        "egn",        "egn-cg",        "lm"};
  for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
    uint64_t k;
    size_t n, rows;
    const symo_net_counts c = passes(presets[i], "eps=3", true, &k, &n, &rows);
    const symo_net_counts apart = passes(presets[i], "eps=3", false, &k, &n, &rows);
    const bool direct = strstr(presets[i], "direct") != NULL, dual = presets[i][0] == 'e';
    const double products = direct ? (double)n : dual ? (double)rows : (double)k;
    cr_assert(c.forward == 2 && c.backward == 1, "%s: %g forward, %g backward", presets[i],
              c.forward, c.backward);
    /* S'y for the step, when in rows; and A d of the model */
    const double tangents = dual && strcmp(presets[i], "egn-cg") == 0 ? (double)k : products;
    cr_assert(c.tangent == tangents + 1, "%s: %g tangents, not %g", presets[i], c.tangent,
              tangents + 1);
    cr_assert(c.backward_tangent == tangents + 1 + dual, "%s: %g", presets[i], c.backward_tangent);
    cr_assert(apart.forward > 2 && apart.tangent == c.tangent &&
                  apart.backward_tangent == c.backward_tangent,
              "%s", presets[i]);
    cr_assert(apart.backward > 1 || strstr(presets[i], "newton") == NULL, "%s", presets[i]);
  }
}

/* Gradients of single examples come of the backward pass of the gradient: what is left is S'y for the
 * step, and F d of the model. */
Test(lanes, gradients_of_examples_take_no_pass) {
  uint64_t k;
  size_t n, rows;
  const symo_net_counts c = passes("ngd", "damping=levenberg-marquardt eps=3", true, &k, &n, &rows);
  cr_assert(c.forward == 2 && c.backward == 1 && c.tangent == 1 && c.backward_tangent == 2,
            "%g %g %g %g", c.forward, c.backward, c.tangent, c.backward_tangent);
  const symo_net_counts apart =
      passes("ngd", "damping=levenberg-marquardt eps=3", false, &k, &n, &rows);
  cr_assert(apart.forward == 5 && apart.backward == 2, "%g %g", apart.forward, apart.backward);
}
