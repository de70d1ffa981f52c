/* Second-order steps on networks: against dense solutions with their exact matrices, and to the
 * minimum. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/net/test_net_support.h"
#include "tests/support/problems.h"

typedef struct net_fixture {
  net_case c;
  symo_layout *layout;
  symo_test_descent d;
} net_fixture;

/* Targets are what the network itself says at c.theta, which is where its loss is least. */
static void open_net(net_fixture *f, const char *widths, symo_loss loss, symo_dtype dtype,
                     uint64_t seed, const char *preset, const char *settings) {
  symo_net_spec spec = symo_net_spec_default();
  cr_assert_eq(symo_net_parse(NULL, widths, &spec), SYMO_OK);
  spec.loss = loss;
  spec.dtype = dtype;
  f->c = net_case_create(&spec, 60, 0.7, seed);
  net_case *c = &f->c;
  if (loss == SYMO_LOSS_MSE) {
    cr_ok(c->context, symo_net_predict(c->net, c->packed, c->examples, c->x, c->y));
    cr_ok(c->context, symo_net_set_data(c->net, c->examples, c->x, c->y));
  }
  cr_ok(c->context, symo_net_layout(c->context, &spec, NULL, &f->layout));
  symo_descent_open(&f->d, c->context, &c->problem, f->layout, preset, settings);
}

static void close_net(net_fixture *f) {
  symo_descent_close(&f->d);
  symo_layout_destroy(f->layout);
  net_case_destroy(&f->c);
}

static void start_near(net_fixture *f, double distance) {
  double *theta = net_random(&f->c, f->c.size);
  for (size_t i = 0; i < f->c.size; i++) theta[i] = f->c.theta[i] + distance * theta[i];
  symo_descent_set(&f->d, theta);
  symo_free(theta);
}

/* One layer from zero, and two so near the minimum that their Hessian is definite. */
Test(second_order_nets, newton_converges_quadratically_on_networks) {
  for (uint64_t seed = 1; seed <= 3; seed++)
    for (int deep = 0; deep < 2; deep++) {
      net_fixture f;
      symo_step_report r = {0};
      open_net(&f, deep ? "4-3-3" : "6-4", deep ? SYMO_LOSS_MSE : SYMO_LOSS_BERNOULLI, SYMO_F64,
               seed, "newton-cg", "damping=constant eps=0 solver_steps=500 solver_tolerance=1e-10");
      if (deep) start_near(&f, 2e-4);
      for (int step = 0; step < 8; step++) r = symo_descent_step(&f.d);
      cr_assert(r.gradient_norm <= 1e-8, "seed %d: %g", (int)seed, r.gradient_norm);
      close_net(&f);
    }
}

/* Far from the minimum, where steps without damping would not go down. */
Test(second_order_nets, levenberg_marquardt_converges_on_networks) {
  static const char *const rows[][3] = {
      {"lm", "4-6-3", ""},
      {"lm", "4-6-3", "precondition=orbit beta2=0.9"},
      {"newton-cg", "6-4", ""},
      {"newton-cg", "4-3-3", ""},
  };
  for (size_t i = 0; i < 4; i++) {
    net_fixture f;
    symo_step_report r = {0};
    open_net(&f, rows[i][1], i == 2 ? SYMO_LOSS_BERNOULLI : SYMO_LOSS_MSE, SYMO_F64, 4, rows[i][0],
             rows[i][2]);
    start_near(&f, 0.5);
    int step = 0;
    do r = symo_descent_step(&f.d);
    while (r.gradient_norm > 1e-8 && ++step < 100);
    cr_assert(r.gradient_norm <= 1e-8, "%zu: %g", i, r.gradient_norm);
    close_net(&f);
  }
}

/* From random starts to a stationary point, whatever the Hessian is there. */
Test(second_order_nets, newton_converges_from_random_starts) {
  for (uint64_t seed = 1; seed <= 6; seed++) {
    net_fixture f;
    symo_step_report r = {0};
    open_net(&f, "3-4-2", SYMO_LOSS_MSE, SYMO_F64, seed, "newton-cg", "");
    double *theta = net_random(&f.c, f.c.size);
    symo_descent_set(&f.d, theta);
    symo_free(theta);
    int step = 0;
    double last = INFINITY;
    do {
      r = symo_descent_step(&f.d);
      cr_assert(f.d.loss <= last + 1e-12, "seed %d, step %d", (int)seed, step);
      last = f.d.loss;
    } while (r.gradient_norm > 1e-8 && ++step < 1000);
    cr_log_info("seed %d: %d steps, %d taken back, loss %g\n", (int)seed, step,
                (int)r.rejected_steps, last);
    cr_assert(r.gradient_norm <= 1e-8, "seed %d: %g", (int)seed, r.gradient_norm);
    close_net(&f);
  }
}

/* theta - (A + eps I)^-1 g, dense. */
static double *dense_step(net_fixture *f, bool ggn, double eps, double decay) {
  net_case *c = &f->c;
  size_t n = c->size;
  double *a = net_vector(n * n), *g = net_vector(n), *theta = net_vector(n), loss;
  symo_descent_get(&f->d, theta);
  if (ggn)
    cr_ok(c->context, symo_problem_ggn(c->context, &c->problem, theta, a));
  else
    cr_ok(c->context, symo_problem_hessian(c->context, &c->problem, theta, a));
  cr_ok(c->context, c->problem.gradient(c->problem.self, theta, &loss, g));
  for (size_t i = 0; i < n; i++) g[i] += decay * theta[i];
  symo_test_solve(n, a, eps + decay, g);
  for (size_t i = 0; i < n; i++) g[i] = theta[i] - g[i];
  symo_free(a);
  symo_free(theta);
  return g;
}

Test(second_order_nets, lanes_agree) {
  static const char *const settings[] = {
      "precondition=none",
      "precondition=none warm_start=true",
      "precondition=diagonal",
      "precondition=diagonal beta2=0.9 correction=true warm_start=true",
      "precondition=orbit",
      "precondition=orbit beta2=0.9 correction=true refresh_every=2",
      "precondition=orbit beta2=1 groups=identity mean=false",
      "precondition=orbit centered=true beta2=0.5",
      "precondition=none decay=l2 weight_decay=0.05",
      "precondition=orbit decay=l2 weight_decay=0.05",
  };
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    for (int cross = 0; cross < 2; cross++) {
      char text[256];
      net_fixture f;
      bool decays = strstr(settings[i], "weight_decay") != NULL;
      snprintf(text, sizeof text,
               "damping=constant solver_steps=5000 solver_tolerance=1e-13 eps=0.02 %s",
               settings[i]);
      open_net(&f, "4-5-5-3", cross ? SYMO_LOSS_CROSS_ENTROPY : SYMO_LOSS_MSE, SYMO_F64, 20 + i,
               "ggn-cg", text);
      start_near(&f, 0.5);
      for (int step = 0; step < 3; step++) {
        double *expected = dense_step(&f, true, 0.02, decays ? 0.05 : 0);
        symo_step_report r = symo_descent_step(&f.d);
        double rel = symo_test_rel(f.d.theta, expected, f.c.size);
        cr_assert(rel <= 1e-9, "%s, step %d: %g", settings[i], step, rel);
        cr_assert(r.accepted && r.failed_roots == 0);
        symo_free(expected);
      }
      close_net(&f);
    }
}

Test(second_order_nets, a_damped_hessian_is_a_lane_too) {
  net_fixture f;
  open_net(&f, "4-5-3", SYMO_LOSS_BERNOULLI, SYMO_F64, 31, "newton-cg",
           "damping=constant solver_steps=5000 solver_tolerance=1e-13 eps=3");
  start_near(&f, 0.5);
  double *expected = dense_step(&f, false, 3, 0);
  symo_descent_step(&f.d);
  cr_assert(symo_test_rel(f.d.theta, expected, f.c.size) <= 1e-10);
  symo_free(expected);
  close_net(&f);
}

Test(second_order_nets, float32_follows_float64) {
  static const char *const settings[] = {"precondition=none", "precondition=diagonal beta2=0.9",
                                         "precondition=orbit beta2=0.9",
                                         "precondition=orbit warm_start=true"};
  for (size_t i = 0; i < 4; i++) {
    net_fixture f[2];
    double *narrow = NULL;
    for (int k = 0; k < 2; k++) {
      open_net(&f[k], "4-6-3", SYMO_LOSS_CROSS_ENTROPY, k == 0 ? SYMO_F64 : SYMO_F32, 33, "lm",
               settings[i]);
      start_near(&f[k], 0.3);
      for (int step = 0; step < 5; step++) cr_assert(symo_descent_step(&f[k].d).accepted);
    }
    narrow = net_vector(f[1].c.size);
    symo_descent_get(&f[1].d, narrow);
    cr_assert(symo_test_rel(narrow, f[0].d.theta, f[0].c.size) <= 1e-3, "%s: %g", settings[i],
              symo_test_rel(narrow, f[0].d.theta, f[0].c.size));
    symo_free(narrow);
    symo_descent_close(&f[0].d);
    symo_layout_destroy(f[0].layout);
    symo_descent_close(&f[1].d);
    symo_layout_destroy(f[1].layout);
    for (int k = 0; k < 2; k++) {
      net_case *c = &f[k].c;
      symo_free(c->theta), symo_free(c->packed), symo_free(c->x), symo_free(c->y);
      symo_net_destroy(c->net);
      symo_rng_destroy(c->rng);
      symo_context_destroy(c->context);
    }
    cr_no_leaks();
  }
}

/* ---- state, memory ---- */

Test(second_order_nets, entries_restore_the_run) {
  static const char *const settings[] = {
      "", "warm_start=true precondition=diagonal beta2=0.9 correction=true",
      "warm_start=true precondition=orbit beta2=0.9 refresh_every=3 correction=true"};
  for (size_t i = 0; i < 3; i++) {
    net_fixture f;
    symo_optim_state *copy, *first;
    open_net(&f, "4-6-3", SYMO_LOSS_MSE, SYMO_F64, 40, "lm", settings[i]);
    start_near(&f, 0.5);
    for (int step = 0; step < 4; step++) symo_descent_step(&f.d);
    cr_ok(f.c.context, symo_optim_state_create(f.d.optim, &copy));
    double *theta = net_vector(f.c.size);
    symo_descent_get(&f.d, theta);
    for (size_t e = 0; e < symo_optim_state_num_entries(copy); e++) {
      symo_state_entry from = symo_optim_state_entry(f.d.state, e);
      symo_state_entry to = symo_optim_state_entry(copy, e);
      size_t bytes = symo_dtype_size(from.dtype);
      for (size_t a = 0; a < from.order; a++) bytes *= from.shape[a];
      memcpy(to.data, from.data, bytes);
    }
    for (int step = 0; step < 4; step++) symo_descent_step(&f.d);
    symo_test_bytes unbroken = symo_descent_bytes(&f.d, true);
    first = f.d.state;
    f.d.state = copy;
    symo_descent_set(&f.d, theta);
    for (int step = 0; step < 4; step++) symo_descent_step(&f.d);
    symo_test_bytes resumed = symo_descent_bytes(&f.d, true);
    cr_assert(symo_test_same_bytes(unbroken, resumed), "%s", settings[i]);
    free(unbroken.p);
    free(resumed.p);
    symo_optim_state_destroy(first);
    symo_free(theta);
    close_net(&f);
  }
}

Test(second_order_nets, entries_have_names) {
  net_fixture f;
  open_net(&f, "4-6-3", SYMO_LOSS_MSE, SYMO_F64, 41, "ggn-cg",
           "warm_start=true precondition=diagonal");
  static const char *const names[] = {"counters",         "w1.solution",      "b1.solution",
                                      "w2.solution",      "b2.solution",      "rule-0.w1.second",
                                      "rule-0.b1.second", "rule-0.w2.second", "rule-0.b2.second",
                                      "rule-0.counters"};
  cr_assert_eq(symo_optim_state_num_entries(f.d.state), sizeof names / sizeof *names);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    cr_assert_str_eq(symo_optim_state_entry(f.d.state, i).name, names[i]);
  close_net(&f);
}

Test(second_order_nets, plans_tell_the_preconditioner) {
  net_fixture f;
  char *text;
  open_net(&f, "4-6-3", SYMO_LOSS_MSE, SYMO_F64, 44, "ggn-cg",
           "precondition=orbit refresh_every=7");
  cr_ok(f.c.context, symo_optim_describe(f.d.optim, &text));
  cr_assert(strstr(text, "preconditioned by orbit, roots every 7") != NULL, "%s", text);
  cr_assert(strstr(text, "root by") != NULL, "%s", text);
  symo_free(text);
  close_net(&f);
}
