/* Curvature kfac of sites whose inputs are tokens. */
#include <math.h>

#include "core/linalg.h"
#include "groups/plan/layout.h"
#include "net/gpt.h"
#include "optim/optim.h"
#include "tests/experiments/gpt/test_gpt_support.h"
#include "tests/net/test_net_support.h"
#include "tests/support/stepping.h"

/* The inputs of a table are one token each: their factor is a diagonal.  A step is that of the operator of
 * the same statistics (symo/kfac.h). */
static void check_table(const char *preset, symo_dtype dtype) {
  symo_gpt_spec gpt = gpt_combination(0);
  gpt.bias = true, gpt.dropout = 0, gpt.tied = false, gpt.dtype = dtype;
  net_case c = gpt_case_create(&gpt, 6, 0.2, 5);
  symo_layout *layout = NULL;
  symo_rule rules[2] = {{.pattern = "wte.weight", .max_order = 8},
                        {.pattern = "*", .max_order = 8}};
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  symo_kfac *kfac = NULL;
  char *text = NULL;
  const double lr = 0.01, eps = 0.05;
  cr_ok(c.context, symo_net_layout(c.context, &c.spec, NULL, &layout));
  cr_ok(c.context, symo_method_preset(c.context, preset, &rules[0].method));
  symo_test_settings(
      c.context, &rules[0].method,
      "lr=0.01 momentum=0 kl_clip=0 damping=constant eps=0.05 statistics_every=1 refresh_every=1");
  cr_ok(c.context, symo_method_preset(c.context, "sgd", &rules[1].method));
  spec.rules = rules, spec.num_rules = 2;
  spec.num_sites = c.problem.num_sites, spec.sites = c.problem.sites;
  cr_ok(c.context, symo_optim_create(layout, &spec, &optim));
  cr_ok(c.context, symo_optim_describe(optim, &text));
  cr_assert(strstr(text, "diagonal") != NULL, "%s", text);
  cr_ok(c.context, symo_optim_state_create(optim, &state));
  const symo_factor_request *request = symo_optim_state_factors(state);
  cr_assert(request != NULL);
  void *grad = symo_calloc(c.size, sizeof(double)), *theta = symo_calloc(c.size, sizeof(double));
  double *g = net_vector(c.size), *d = net_vector(c.size), loss;
  void *params[64];
  const void *grads[64];
  memcpy(theta, c.packed, c.size * symo_dtype_size(dtype));
  cr_ok(c.context, c.problem.factors(c.problem.self, theta, &loss, grad, request));
  size_t site = 0;
  while (request->sums[site].inputs == NULL) site++;
  const symo_factor_site *where = &c.problem.sites[site];
  cr_assert(where->table && where->bias == SYMO_NONE);
  cr_ok(c.context,
        symo_kfac_create(c.context, c.size, c.problem.num_sites, c.problem.sites, &kfac));
  cr_ok(c.context, symo_kfac_set(kfac, site, &request->sums[site]));
  symo_test_unpack(dtype, grad, g, c.size);
  cr_ok(c.context, symo_kfac_solve(kfac, SYMO_KFAC_EXACT, eps, g, d));
  cr_ok(c.context, symo_layout_split(layout, dtype, theta, params));
  cr_ok(c.context, symo_layout_split_const(layout, dtype, grad, grads));
  cr_ok(c.context, symo_optim_step(state, symo_const_vector_of(dtype, grads),
                                   symo_vector_of(dtype, params), NULL));
  double off = 0, most = 0;
  for (size_t i = 0; i < where->inputs * where->outputs; i++) {
    const size_t at = where->weight + i;
    const double moved = symo_get(dtype, c.packed, at) - symo_get(dtype, theta, at);
    off = fmax(off, fabs(moved - lr * d[at])), most = fmax(most, lr * fabs(d[at]));
  }
  /* Parameters of size 1 are rounded in every step. */
  cr_assert(most > 1e-4 && off <= symo_test_bound(dtype, 10, 1), "%s: off by %g of %g", preset, off,
            most);
  symo_free(grad), symo_free(theta), symo_free(g), symo_free(d), symo_free(text);
  symo_kfac_destroy(kfac);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  net_case_destroy(&c);
}

Test(optim_kfac, tables_have_a_diagonal) {
  check_table("kfac", SYMO_F64);
  check_table("kfac", SYMO_F32);
}
