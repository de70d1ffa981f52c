/* Methods that ask a network for statistics, products or samples, in several processes: what one process
 * comes to, up to the rounding of sums over examples, with states that fall as the processes
 * grow, and that do not know of them. */
#include "core/comm.h"
#include "optim/share.h"
#include "optim/state.h"
#include "tests/net/test_net_support.h"
#include "tests/support/ranks.h"

#include <math.h>
#include <stdio.h>

#include <symo/open.h>

enum { EXAMPLES = 30, STEPS = 7 };

typedef struct share_case {
  const char *net, *preset, *settings;
  /* of each process */
  double *theta[TEST_MOST_RANKS], bytes[TEST_MOST_RANKS], loss[TEST_MOST_RANKS];
  symo_step_report report[TEST_MOST_RANKS];
  size_t size;
} share_case;

static symo_optim *make_optimizer(const share_case *c, symo_context *context, symo_net *net,
                                  const symo_comm *comm, symo_layout **layout) {
  symo_optim_spec spec = symo_optim_spec_default();
  const symo_problem problem = symo_net_problem(net);
  symo_optim *optim = NULL;
  symo_method method;
  symo_rule rules[4];
  char settings[256], *next = NULL;
  cr_ok(context, symo_net_layout(context, symo_net_get_spec(net), NULL, layout));
  cr_ok(context, symo_method_preset(context, c->preset, &method));
  snprintf(settings, sizeof settings, "%s", c->settings);
  for (char *one = strtok_r(settings, ";", &next); one != NULL; one = strtok_r(NULL, ";", &next)) {
    char *value = strchr(one, '=');
    *value++ = '\0';
    cr_ok(context, symo_method_set(context, &method, one, value));
  }
  cr_ok(context, symo_optim_preset_rules(context, &method, &spec.num_rules, rules));
  spec.rules = rules, spec.dtype = SYMO_F64;
  spec.num_sites = problem.num_sites, spec.sites = problem.sites;
  cr_ok(context, symo_optim_create_share(*layout, &spec, comm, &optim));
  return optim;
}

/* All that a share keeps goes to the first process and comes back. */
static symo_optim_state *through_one(symo_optim_state *state, const symo_comm *comm) {
  symo_optim *optim = state->optim;
  symo_optim_state *whole = NULL, *fresh = NULL;
  if (optim->share == NULL) return state;
  if (comm->rank == 0) cr_ok(optim->context, symo_optim_state_create(optim->share->whole, &whole));
  cr_ok(optim->context, symo_share_collect(state, whole));
  cr_ok(optim->context, symo_optim_state_create(optim, &fresh));
  cr_ok(optim->context, symo_share_distribute(whole, fresh));
  symo_optim_state_destroy(whole);
  symo_optim_state_destroy(state);
  return fresh;
}

static void train(const symo_comm *comm, void *arg) {
  share_case *c = arg;
  const int rank = symo_comm_rank(comm);
  symo_context *context = symo_test_context();
  symo_net_spec spec = symo_net_spec_default();
  symo_net *net = NULL;
  symo_layout *layout = NULL;
  symo_optim_state *state = NULL;
  symo_reduction_part parts[64];
  double *x = net_vector(EXAMPLES * 16);
  cr_ok(context, symo_net_parse(context, c->net, &spec));
  cr_ok(context, symo_net_create(context, &spec, &net));
  for (size_t i = 0; i < EXAMPLES * 16; i++) x[i] = sin(0.7 * (double)(i * i % 101));
  cr_ok(context, symo_net_set_data(net, EXAMPLES, x, x));
  const symo_problem problem = symo_net_problem(net);
  double *theta = net_vector(problem.size);
  for (size_t i = 0; i < problem.size; i++) theta[i] = 0.4 * cos(1.7 * (double)i);
  symo_optim *optim = make_optimizer(c, context, net, comm, &layout);
  symo_net_set_comm(net, comm);
  cr_ok(context, symo_net_set_reduction(net, symo_share_list(optim, parts), parts, 0));
  cr_ok(context, symo_optim_state_create(optim, &state));
  for (int s = 0; s < STEPS; s++) {
    if (s == STEPS / 2 && comm != NULL) state = through_one(state, comm);
    cr_ok(context,
          symo_optim_problem_step(state, &problem, theta, &c->loss[rank], &c->report[rank]));
  }
  c->theta[rank] = theta;
  c->bytes[rank] = symo_optim_cost_of(optim).state_bytes;
  if (rank == 0) c->size = problem.size;
  symo_free(x);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_net_destroy(net);
  symo_context_destroy(context);
}

static void check(const char *net, const char *preset, const char *settings, double most_share) {
  share_case one = {.net = net, .preset = preset, .settings = settings};
  /* Bases turn by rounding over the gaps of eigenvalues, here some 1e-4 of the largest, and second
   * moments in them by its square. */
  const double bound = symo_test_bound(SYMO_F64, EXAMPLES, 1e8);
  train(NULL, &one);
  cr_assert(isfinite(one.loss[0]));
  for (int size = 2; size <= 4; size += 2) {
    share_case many = {.net = net, .preset = preset, .settings = settings};
    double most = 0;
    symo_test_ranks(size, train, &many);
    for (int r = 0; r < size; r++) {
      const double error = symo_test_rel(many.theta[r], one.theta[0], one.size);
      cr_assert(error <= bound, "%s in %d: %g", preset, size, error);
      cr_assert_eq(memcmp(many.theta[r], many.theta[0], one.size * sizeof(double)), 0);
      cr_assert(many.report[r].refreshes == one.report[0].refreshes);
      most = fmax(most, many.bytes[r]);
    }
    for (int r = 0; r < size; r++) symo_free(many.theta[r]);
    cr_assert(most <= most_share * one.bytes[0], "%s in %d: %g of %g", preset, size, most,
              one.bytes[0]);
  }
  symo_free(one.theta[0]);
  cr_no_leaks();
}

static const char mlp[] = "9-14-13-12-11-7";

Test(net_share, layer_statistics) {
  check(mlp, "kfac", "statistics_every=2;refresh_every=2;lr=0.05", 0.65);
  check(mlp, "kfac", "fisher=empirical;statistics_every=2;refresh_every=3;kl_clip=1e-5", 0.65);
  check(mlp, "ekfac", "statistics_every=2;refresh_every=3;lr=0.05", 0.65);
  check(mlp, "kfac-lowrank", "statistics_every=2;rank=3;rank_share=0;lr=0.05", 0.65);
}

Test(net_share, estimates_of_diagonals) {
  check(mlp, "adahessian", "lr=0.01", 0.65);
  check(mlp, "sophia-g", "statistics_every=2", 0.65);
  check(mlp, "sophia-h", "statistics_every=3", 0.65);
}

/* Products of the loss are of all parameters together: every process has all of the method. */
Test(net_share, products_of_all_parameters) { check(mlp, "ggn-cg", "solver_tolerance=1e-12", 1); }

/* The norm is that of all tensors, of which a process has the gradient of some. */
Test(net_share, steps_that_are_clipped) {
  check(mlp, "spectral-newton", "clip_norm=0.01", 0.65);
  check(mlp, "adamw", "clip_norm=0.01;eps=0.01", 0.65);
}
