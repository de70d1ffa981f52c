/* Curvature kfac: plans that are refused, and which tensors go together. */
#include <stdio.h>

#include "groups/plan/layout.h"
#include "net/gpt.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/optim/test_kfac_support.h"
#include "tests/support/stepping.h"

static void refused(symo_layout *layout, const symo_problem *p, const char *settings,
                    const char *pattern, int max_order, const char *word) {
  symo_rule rules[2] = {{.pattern = "*", .max_order = max_order}, {.pattern = "*", .max_order = 8}};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  symo_context *context = layout->context;
  snprintf(rules[0].pattern, sizeof rules[0].pattern, "%s", pattern);
  cr_ok(context, symo_method_preset(context, "kfac", &rules[0].method));
  cr_ok(context, symo_method_preset(context, "sgd", &rules[1].method));
  symo_test_settings(context, &rules[0].method, settings);
  spec.rules = rules, spec.num_rules = 2;
  if (p != NULL) spec.num_sites = p->num_sites, spec.sites = p->sites;
  cr_fails(context, SYMO_E_UNSUPPORTED, word, symo_optim_create(layout, &spec, &optim));
}

Test(optim_kfac, plans_that_are_refused) {
  static const char *const rows[][2] = {
      {"beta2=1", "beta2 below 1"},
      {"centered=true", "centered false"},
      {"groups=identity", "groups layout"},
      {"mean=false", "mean true"},
      {"source=momentum", "source gradient"},
      {"basis=adam", "basis example"},
      {"solver=newton-schulz", "solver auto or eigh"},
      {"rank=1.5", "whole number"},
      {"rank_share=0.9", "set rank"},
      {"rank=3 basis=example damping=constant refresh_every=1", "whole bases"},
      {"rank=3", "refresh_every 1"},
      {"alpha=1", "alpha 2"},
      {"estimator=h-pd", "estimator"},
      {"cut=0.1", "cut is of"},
  };
  kfac_trainee t = kfac_open("5-res-ln-5-add-3", SYMO_F64, "kfac", "", 1);
  symo_problem other = t.c.problem;
  double loss;
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    refused(t.layout, &t.c.problem, rows[k][0], "w*", 8, rows[k][1]);
  refused(t.layout, NULL, "", "*", 8, "names no sites");
  refused(t.layout, &t.c.problem, "", "*", 8, "tensor ln1.gain belongs to no site");
  refused(t.layout, &t.c.problem, "", "b*", 8, "a bias goes with its weight");
  symo_method m;
  cr_ok(t.c.context, symo_method_preset(t.c.context, "adamw", &m));
  m.rank = 3;
  symo_rule rule = {.pattern = "*", .max_order = 8, .method = m};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  spec.rules = &rule, spec.num_rules = 1;
  cr_fails(t.c.context, SYMO_E_UNSUPPORTED, "of curvature kfac",
           symo_optim_create(t.layout, &spec, &optim));
  other.factors = NULL;
  cr_fails(t.c.context, SYMO_E_UNSUPPORTED, "has not the layer statistics",
           symo_optim_problem_step(t.state, &other, t.theta, &loss, NULL));
  cr_assert(symo_optim_state_factors(NULL) == NULL);
  kfac_close(&t);
}

/* Query, key and value are one matrix: all in one rule, or none; without biases they go too. */
Test(optim_kfac, attention) {
  symo_gpt_spec gpt = gpt_combination(0);
  gpt.bias = true, gpt.dropout = 0, gpt.tied = true;
  net_case c = gpt_case_create(&gpt, 6, 0.2, 5);
  symo_layout *layout = NULL;
  symo_rule rules[2] = {{.pattern = "h.*.weight", .min_order = 2, .max_order = 8},
                        {.pattern = "*", .max_order = 8}};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  double first, loss;
  char *text = NULL;
  cr_ok(c.context, symo_net_layout(c.context, &c.spec, NULL, &layout));
  refused(layout, &c.problem, "", "h.0.attn.q.weight", 8, "several rules");
  cr_ok(c.context, symo_method_preset(c.context, "kfac", &rules[0].method));
  cr_ok(c.context, symo_method_preset(c.context, "adamw", &rules[1].method));
  spec.rules = rules, spec.num_rules = 2;
  spec.num_sites = c.problem.num_sites, spec.sites = c.problem.sites;
  cr_ok(c.context, symo_optim_create(layout, &spec, &optim));
  cr_ok(c.context, symo_optim_describe(optim, &text));
  cr_assert(strstr(text, "h.0.attn.q.weight: inputs") != NULL, "%s", text);
  cr_ok(c.context, symo_optim_state_create(optim, &state));
  double *theta = net_vector(c.size);
  memcpy(theta, c.packed, c.size * sizeof *theta);
  cr_ok(c.context, symo_optim_problem_step(state, &c.problem, theta, &first, NULL));
  for (int k = 0; k < 20; k++)
    cr_ok(c.context, symo_optim_problem_step(state, &c.problem, theta, &loss, NULL));
  cr_assert(loss < first, "%g, %g at first", loss, first);
  symo_free(theta), symo_free(text);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  net_case_destroy(&c);
}
