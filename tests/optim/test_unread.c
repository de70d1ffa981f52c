/* Options that a method does not look at: to set one changes no bit of a run, and is refused. */
#include <stdio.h>
#include <string.h>

#include <symo/io.h>

#include "optim/method.h"
#include "tests/support/stepping.h"
#include "tests/support/testing.h"

enum { W = 48, B = 8, V = 40, ALL = W + B + V, STEPS = 6 };

/* Parameters after some steps with gradients that depend on them; false: the method is refused. */
static bool run(const symo_method *method, double *p) {
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  symo_rule rules[4];
  symo_optim_spec spec = symo_optim_spec_default();
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  double g[ALL];
  symo_vector theta = {.dtype = SYMO_F64, .data = (void *[]){p, p + W, p + W + B}};
  symo_const_vector grad = {.dtype = SYMO_F64, .data = (const void *[]){g, g + W, g + W + B}};
  cr_ok(context, symo_layout_parse(context,
                                   "in: identity 6; h: signed-permutation 8; out: identity 5; "
                                   "w[h,in] b[h] v[out,h]",
                                   &layout));
  cr_ok(context, symo_optim_preset_rules(context, method, &spec.num_rules, rules));
  spec.rules = rules;
  const bool good = symo_optim_create(layout, &spec, &optim) == SYMO_OK;
  symo_rng *rng = symo_test_rng(context, 3);
  symo_test_randn(rng, p, ALL);
  if (good) cr_ok(context, symo_optim_state_create(optim, &state));
  for (int t = 0; good && t < STEPS; t++) {
    symo_test_randn(rng, g, ALL);
    for (int i = 0; i < ALL; i++) g[i] += (1 + i % 3) * p[i];
    cr_ok(context, symo_optim_step(state, grad, theta, NULL));
  }
  symo_rng_destroy(rng);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  return good;
}

/* Values for an option, as many as `text` has room for. */
static size_t candidates(const symo_option *o, char text[8][40]) {
  static const char *const numbers[] = {"0", "1", "2", "3", "0.3", "0.9"};
  size_t n = 0;
  if (o->kind == SYMO_OPTION_FLAG) {
    strcpy(text[n++], "true"), strcpy(text[n++], "false");
  } else if (o->kind == SYMO_OPTION_NUMBER) {
    for (; n < sizeof numbers / sizeof *numbers; n++) strcpy(text[n], numbers[n]);
  } else if (o->values == NULL) {
    strcpy(text[n++], "identity");
  } else {
    for (const char *p = o->values; *p && n < 8; n++) {
      const size_t length = strcspn(p, " ");
      snprintf(text[n], 40, "%.*s", (int)length, p);
      p += length + (p[length] == ' ');
    }
  }
  return n;
}

/* Every option that is called unread, at every value that the method can take: the same bits. */
static size_t check_preset(const char *name) {
  double base[ALL], changed[ALL];
  symo_method method;
  size_t unread = 0;
  cr_assert_eq(symo_method_preset(NULL, name, &method), SYMO_OK);
  if (symo_test_preset_asks(name)) return 0; /* a problem */
  if (method.solver == &symo_solver_shaped)
    method.solver = &symo_solver_eigh; /* fits for seconds */
  cr_assert(run(&method, base), "%s", name);
  for (size_t k = 0; k < symo_method_num_options(); k++) {
    const symo_option *o = symo_method_option(k);
    char text[8][40];
    if (symo_method_unread(&method, o->key) == NULL) continue;
    unread++;
    const size_t count = candidates(o, text);
    for (size_t i = 0; i < count; i++) {
      symo_method other = method;
      if (symo_method_set(NULL, &other, o->key, text[i]) != SYMO_OK ||
          symo_method_unread(&other, o->key) == NULL || !run(&other, changed))
        continue;
      cr_assert_arr_eq(base, changed, sizeof base, "%s: %s=%s changes what is done", name, o->key,
                       text[i]);
    }
  }
  return unread;
}

Test(optim_unread, options_called_unread_change_no_bit) {
  size_t unread = 0;
  for (size_t i = 0; i < symo_method_num_presets(); i++)
    unread += check_preset(symo_method_preset_name(i));
  cr_assert_gt(unread, 100, "only %zu", unread);
  cr_no_leaks();
}

/* What is set but not looked at is refused with what it is of; together settings may be read. */
Test(optim_unread, settings_that_nothing_reads_are_refused) {
  static const struct {
    const char *preset, *settings[3], *reason; /* NULL: taken */
  } cases[] = {
      {"adamw", {"rate=0.9"}, "schedule exponential"},
      {"adamw", {"rate=0.9", "schedule=exponential"}, NULL},
      {"adamw", {"max_dim=100"}, "curvature per-axis"},
      {"shampoo", {"max_dim=100"}, NULL},
      {"shampoo", {"rules.1.max_dim=100"}, "curvature per-axis"},
      {"shampoo", {"rules.*.max_dim=100"}, NULL},
      {"shampoo", {"groups=orthogonal"}, "curvature orbit"},
      {"adamw", {"stable_fraction=0.5", "schedule=cosine", "total_steps=9"}, "schedule wsd"},
      {"adamw", {"stable_fraction=0.5", "schedule=wsd", "total_steps=9"}, NULL},
      {"sgd", {"momentum_ema=false", "momentum=0"}, "momentum above 0"},
      {"sgd", {"momentum_ema=false", "momentum=0.5"}, NULL},
      {"sgd", {"beta2=0.5"}, "graft adam"},
      {"muon", {"skip_tolerance=0.1"}, "roots that are kept"},
      {"adamw", {"solver_steps=3"}, "solvers that iterate"},
      {"adamw", {"threads=2"}, NULL},
      {"adamw", {"betas=0.9,0.99"}, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    symo_context *context = symo_test_context();
    symo_optim_spec *spec = NULL;
    size_t count = 0;
    while (count < 3 && cases[i].settings[count] != NULL) count++;
    symo_status status =
        symo_optim_spec_open(context, cases[i].preset, count, cases[i].settings, &spec);
    if (cases[i].reason == NULL) {
      cr_ok(context, status);
    } else {
      cr_assert_eq(status, SYMO_E_ARGUMENT, "%s %s", cases[i].preset, cases[i].settings[0]);
      cr_assert(strstr(symo_context_detail(context), cases[i].reason) != NULL, "%s",
                symo_context_detail(context));
    }
    symo_optim_spec_destroy(spec);
    symo_context_destroy(context);
  }
  cr_no_leaks();
}
