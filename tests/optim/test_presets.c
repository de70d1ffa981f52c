/* Presets: a rate is all they need, and no root is out of proportion to the tensors. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "net/gpt.h"
#include "optim/optim.h"
#include "optim/orbit/orbit.h"
#include "tests/net/test_net_support.h"
#include "tests/support/stepping.h"

static bool is_orbit(const symo_method *m) {
  return m->curvature == &symo_curvature_orbit || m->curvature == &symo_curvature_orbit_blocked;
}

Test(optim_presets, rates_are_constant_but_where_published_otherwise) {
  for (size_t p = 0; p < symo_method_num_presets(); p++) {
    symo_method m;
    const char *name = symo_method_preset_name(p);
    cr_ok(NULL, symo_method_preset(NULL, name, &m));
    const bool published = strcmp(name, "symo-published") == 0;
    cr_assert_eq(m.schedule, published ? SYMO_SCHEDULE_EXPONENTIAL : SYMO_SCHEDULE_CONSTANT, "%s",
                 name);
  }
}

/* ---- training ---- */

/* A network, and the library's rules of a preset for it. */
typedef struct trainee {
  net_case c;
  symo_layout *layout;
  symo_optim *optim;
  symo_optim_state *state;
  double *theta;
} trainee;

/* lr: 0 leaves that of the preset. */
static trainee trainee_open(const char *net, symo_loss loss, size_t examples, const char *preset,
                            double lr) {
  trainee t = {.layout = NULL};
  symo_net_spec spec = symo_net_spec_default();
  symo_method method;
  symo_rule rules[4];
  symo_optim_spec optim_spec = symo_optim_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.loss = loss;
  t.c = net_case_create(&spec, examples, 0.4, 3);
  symo_context *context = t.c.context;
  cr_ok(context, symo_net_layout(context, &spec, NULL, &t.layout));
  cr_ok(context, symo_method_preset(context, preset, &method));
  if (lr > 0) method.lr = lr;
  cr_ok(context, symo_optim_preset_rules(context, &method, &optim_spec.num_rules, rules));
  optim_spec.rules = rules;
  optim_spec.num_sites = t.c.problem.num_sites, optim_spec.sites = t.c.problem.sites;
  cr_ok(context, symo_optim_create(t.layout, &optim_spec, &t.optim));
  cr_ok(context, symo_optim_state_create(t.optim, &t.state));
  t.theta = net_vector(t.c.size);
  memcpy(t.theta, t.c.theta, t.c.size * sizeof *t.theta);
  return t;
}

static void trainee_close(trainee *t) {
  symo_free(t->theta);
  symo_optim_state_destroy(t->state);
  symo_optim_destroy(t->optim);
  symo_layout_destroy(t->layout);
  net_case_destroy(&t->c);
}

/* Mean squared error of a student of a teacher like it. */
static double train(const char *preset, double lr, int steps) {
  trainee t = trainee_open("20-32-5", SYMO_LOSS_MSE, 200, preset, lr);
  net_case *c = &t.c;
  double loss = NAN;
  cr_ok(c->context, symo_net_predict(c->net, c->packed, c->examples, c->x, c->y));
  cr_ok(c->context, symo_net_set_data(c->net, c->examples, c->x, c->y));
  symo_rng *rng = symo_test_rng(c->context, 4);
  symo_net_init_fan_in(c->net, rng, t.theta);
  for (int k = 0; k < steps; k++)
    cr_ok(c->context, symo_optim_problem_step(t.state, &c->problem, t.theta, &loss, NULL));
  symo_rng_destroy(rng);
  trainee_close(&t);
  return loss;
}

/* A schedule that freezes leaves symo at its start after some fifty steps. */
Test(optim_presets, symo_goes_on_for_as_long_as_it_is_asked_to) {
  const double adam = train("adam", 0.01, 300);
  const char *const names[] = {"symo", "symo-bd", "symo-coupled", "symo-stateless"};
  for (size_t i = 0; i < 4; i++) {
    const double early = train(names[i], 0.01, 60), late = train(names[i], 0.01, 300);
    cr_assert(late <= 0.5 * early && late <= adam, "%s: %g after 60, %g after 300; adam %g",
              names[i], early, late, adam);
  }
}

/* As it stands, on batches of 32 of 320 examples with classes.  The rate of symo-pd is its authors'
 * for batches of all examples: on these its steps need a tenth of it or less. */
static void learns(const char *preset) {
  const double lr = strcmp(preset, "symo-pd") == 0 ? 0.01 : 0;
  trainee t = trainee_open("8-12-5", SYMO_LOSS_CROSS_ENTROPY, 320, preset, lr);
  net_case *c = &t.c;
  size_t rows[32];
  double before, after, loss;
  for (size_t i = 0; i < c->examples; i++) { /* a rule that can be learnt */
    size_t class = 0;
    for (size_t k = 1; k < 5; k++)
      if (c->x[8 * i + k] > c->x[8 * i + class]) class = k;
    for (size_t k = 0; k < 5; k++) c->y[5 * i + k] = k == class;
  }
  cr_ok(c->context, symo_net_set_data(c->net, c->examples, c->x, c->y));
  cr_ok(c->context, c->problem.loss(c->problem.self, t.theta, &before));
  for (size_t k = 0; k < 200; k++) {
    for (size_t i = 0; i < 32; i++) rows[i] = (32 * k + i) % c->examples;
    cr_ok(c->context, symo_net_select(c->net, 32, rows));
    cr_ok(c->context, symo_optim_problem_step(t.state, &c->problem, t.theta, &loss, NULL));
  }
  cr_ok(c->context, symo_net_set_data(c->net, c->examples, c->x, c->y));
  cr_ok(c->context, c->problem.loss(c->problem.self, t.theta, &after));
  cr_assert(after < 0.98 * before, "%s: %g before, %g after 200 steps", preset, before, after);
  trainee_close(&t);
}

Test(optim_presets, none_dies_or_stands_still_as_it_is) {
  for (size_t p = 0; p < symo_method_num_presets(); p++) learns(symo_method_preset_name(p));
}

/* ---- proportions ---- */

/* The order of the largest matrix that roots or polar factors are made of. */
static size_t largest_root(const symo_optim *optim) {
  size_t largest = 0;
  for (size_t b = 0; b < optim->num_blocks; b++) {
    if (!is_orbit(&optim->blocks[b].method)) continue;
    const orbit *o = optim->blocks[b].self;
    for (size_t i = 0; i < o->num_labels; i++) {
      const orbit_label *l = &o->labels[i];
      const size_t m = l->label->m, n = l->label->ambient;
      const size_t order = l->way == ORBIT_ROOTS ? m : l->way == ORBIT_POLAR ? (m < n ? m : n) : 0;
      largest = order > largest ? order : largest;
    }
  }
  return largest;
}

/* GPT-2 with 124 million parameters: means over hidden units, which permutations leave where they
 * are, couple all blocks; a root over them would be of order 18,432. */
Test(optim_presets, no_root_is_larger_than_two_tensors) {
  static const char *const presets[] = {"symo", "symo-bd", "symo-coupled", "symo-stateless"};
  static const char *const settings[] = {"", "beta2=0.95"};
  symo_context *context = symo_test_context();
  symo_gpt_spec gpt = symo_gpt_spec_default();
  symo_net_spec net;
  gpt.vocabulary = 50257, gpt.block = 1024, gpt.width = 768, gpt.heads = 12, gpt.layers = 12;
  cr_ok(context, symo_gpt_to_net(context, &gpt, &net));
  for (int k = 0; k < 8; k++) {
    symo_layout *layout;
    symo_optim *optim = NULL;
    symo_rule rules[4];
    symo_method method;
    symo_optim_spec plain = symo_optim_spec_default();
    char *text = NULL;
    cr_ok(context, symo_net_layout(context, &net, NULL, &layout));
    cr_ok(context, symo_method_preset(context, presets[k / 2], &method));
    if (settings[k % 2][0] != '\0') method.beta2 = 0.95;
    cr_ok(context, symo_optim_preset_rules(context, &method, &plain.num_rules, rules));
    plain.rules = rules;
    plain.dtype = SYMO_F32;
    cr_ok(context, symo_optim_create(layout, &plain, &optim));
    const size_t order = largest_root(optim);
    cr_assert(order > 0 && order <= 2 * 768, "%s, %s: %zu", presets[k / 2], settings[k % 2], order);
    cr_ok(context, symo_optim_describe(optim, &text));
    /* Only where it would be one root over all tensors is label 0 without one. */
    cr_assert_eq(strstr(text, "by the mean of the others") != NULL, k >= 4, "%s", text);
    symo_free(text);
    symo_optim_destroy(optim);
    symo_layout_destroy(layout);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}
