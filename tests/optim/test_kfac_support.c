#include "tests/optim/test_kfac_support.h"

#include "tests/support/stepping.h"

kfac_trainee kfac_open(const char *net, symo_dtype dtype, const char *preset, const char *settings,
                       int threads) {
  kfac_trainee t = {.layout = NULL};
  symo_net_spec spec = symo_net_spec_default();
  cr_ok(NULL, symo_net_parse(NULL, net, &spec));
  spec.loss = SYMO_LOSS_CROSS_ENTROPY, spec.dtype = dtype;
  t.c = net_case_create(&spec, 30, 0.5, 3);
  symo_context *context = t.c.context;
  cr_ok(context, symo_net_layout(context, &spec, NULL, &t.layout));
  cr_ok(context, symo_method_preset(context, preset, &t.method));
  symo_test_settings(context, &t.method, settings);
  t.spec = symo_optim_spec_default();
  cr_ok(context, symo_optim_preset_rules(context, &t.method, &t.spec.num_rules, t.rules));
  t.spec.rules = t.rules;
  t.spec.threads = threads;
  t.spec.num_sites = t.c.problem.num_sites, t.spec.sites = t.c.problem.sites;
  cr_ok(context, symo_optim_create(t.layout, &t.spec, &t.optim));
  cr_ok(context, symo_optim_state_create(t.optim, &t.state));
  t.theta = symo_calloc(t.c.size, sizeof(double));
  memcpy(t.theta, t.c.packed, t.c.size * symo_dtype_size(dtype));
  return t;
}

void kfac_close(kfac_trainee *t) {
  symo_free(t->theta);
  symo_optim_state_destroy(t->state);
  symo_optim_destroy(t->optim);
  symo_layout_destroy(t->layout);
  net_case_destroy(&t->c);
}
