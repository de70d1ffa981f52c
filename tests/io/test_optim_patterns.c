/* Options for tensors of some names: the same from C, from the command line and from a file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/stepping.h"

#include <symo/io.h>
#include <symo/open.h>

static const char layout[] =
    "in: identity 5; a: permutation 6; h: permutation 4; h.0.attn.q.weight[a,in] "
    "h.0.attn.o.weight[in,a] h.0.mlp.up.weight[h,in] h.0.mlp.up.bias[h]";

static symo_context *context;
static void open_context(void) { context = symo_test_context(); }
static void close_context(void) {
  symo_context_destroy(context);
  cr_no_leaks();
}
TestSuite(io_optim_patterns, .init = open_context, .fini = close_context);

static symo_optim_spec *opened(const char *name, size_t count, const char *const *settings) {
  symo_optim_spec *spec = NULL;
  cr_ok(context, symo_optim_spec_open(context, name, count, settings, &spec));
  return spec;
}

static symo_status plan(const symo_optim_spec *spec, symo_optim **out) {
  symo_layout *made = NULL;
  cr_ok(context, symo_layout_parse(context, layout, &made));
  symo_status status = symo_optim_create(made, spec, out);
  symo_layout_destroy(made);
  return status;
}

/* alpha and lr of the four tensors. */
static void has(const symo_optim_spec *spec, const double alpha[4], const double lr[4]) {
  symo_optim *optim = NULL;
  cr_ok(context, plan(spec, &optim));
  for (size_t t = 0; t < 4; t++) {
    const symo_method *m = &spec->rules[symo_optim_rule_of(optim, t)].method;
    cr_assert(m->alpha == alpha[t] && m->lr == lr[t], "tensor %zu: alpha %g, lr %g", t, m->alpha,
              m->lr);
  }
  symo_optim_destroy(optim);
}

static const char *const settings[] = {"h.*.attn*:alpha=1.2", "lr=0.01", "*.o.*:lr=0.5",
                                       "h.*.attn*:cut=0.02", "*:rules.1.lr=0.25"};
enum { SETTINGS = sizeof settings / sizeof *settings };
static const double alphas[] = {1.2, 1.2, 1.6, 1}, rates[] = {0.01, 0.01, 0.01, 0.25};

Test(io_optim_patterns, give_tensors_of_such_names_their_options) {
  symo_optim_spec *spec = opened("symo", SETTINGS - 2, settings), *other;
  /* A tensor has the first pattern that it fits: attn.o keeps its rate. */
  const char *const one[] = {"*.o.*:lr=0.5", "h.*.attn*:alpha=1.2", "lr=0.01"};
  cr_assert(spec->num_rules == 4);
  symo_optim_spec_destroy(spec);
  other = opened("symo", 3, one);
  has(other, (const double[]){1.2, 1.6, 1.6, 1}, (const double[]){0.01, 0.5, 0.01, 0.01});
  symo_optim_spec_destroy(other);
}

Test(io_optim_patterns, are_for_rules_too) {
  const char *const all[] = {"*attn.q*:rules.*.lr=0.5", "*bias:rules.1.weight_decay=0.125"};
  symo_optim_spec *spec = opened("symo", 2, all);
  has(spec, (const double[]){1.6, 1.6, 1.6, 1}, (const double[]){0.5, 0.003, 0.003, 0.003});
  double decay = 0;
  for (size_t r = 0; r < spec->num_rules; r++)
    if (strcmp(spec->rules[r].also, "*bias") == 0) decay = spec->rules[r].method.weight_decay;
  cr_assert(decay == 0.125);
  symo_optim_spec_destroy(spec);
}

/* All that goes in comes out: from a file, and from the spec of a spec. */
Test(io_optim_patterns, files_say_the_same) {
  const char text[] = "{\"preset\": \"symo\", \"lr\": 0.01, \"h.*.attn*:alpha\": 1.2, "
                      "\"h.*.attn*:cut\": 0.02, \"*:rules.1.lr\": 0.25}";
  const char *const given[] = {settings[0], settings[1], settings[3], settings[4]};
  symo_optim_spec *file = NULL, *line = opened("symo", 4, given), *back = NULL;
  char *a = NULL, *b = NULL, *c = NULL;
  cr_ok(context, symo_optim_spec_from_json(context, text, &file));
  has(file, alphas, rates);
  has(line, alphas, rates);
  cr_ok(context, symo_optim_spec_to_json(context, file, &a));
  cr_ok(context, symo_optim_spec_to_json(context, line, &b));
  cr_assert(strcmp(a, b) == 0, "%s\n%s", a, b);
  cr_assert(strstr(a, "\"also\": \"h.*.attn*\"") != NULL);
  cr_ok(context, symo_optim_spec_from_json(context, a, &back));
  cr_ok(context, symo_optim_spec_to_json(context, back, &c));
  cr_assert(strcmp(a, c) == 0);
  symo_free(a);
  symo_free(b);
  symo_free(c);
  symo_optim_spec_destroy(file);
  symo_optim_spec_destroy(line);
  symo_optim_spec_destroy(back);
}

/* Each tensor moves as a method with its options alone would have it. */
Test(io_optim_patterns, steps_are_those_of_the_options) {
  symo_optim_state *state[3] = {NULL};
  const char *const methods[] = {"symo lr=0.01 h.*.attn*:alpha=1.2 h.*.attn*:cut=0.02",
                                 "symo lr=0.01 alpha=1.2 cut=0.02", "symo lr=0.01"};
  double theta[3][80], g[80];
  char detail[SYMO_MAX_DETAIL];
  symo_rng *rng = symo_test_rng(context, 4);
  symo_test_randn(rng, g, 80);
  symo_rng_destroy(rng);
  const size_t offset[] = {0, 30, 60, 80, 84};
  for (int k = 0; k < 3; k++) {
    double bias[4] = {0};
    cr_assert(symo_optim_open(layout, methods[k], SYMO_F64, &state[k], detail) == SYMO_OK, "%s",
              detail);
    memset(theta[k], 0, sizeof theta[k]);
    void *p[4] = {theta[k], theta[k] + 30, theta[k] + 60, bias};
    const void *q[4] = {g, g + 30, g + 60, g};
    for (int t = 0; t < 3; t++)
      cr_assert(symo_optim_step(state[k], symo_const_vector_of(SYMO_F64, q),
                                symo_vector_of(SYMO_F64, p), NULL) == SYMO_OK);
    symo_optim_state_destroy(state[k]);
  }
  for (int t = 0; t < 3; t++) {
    const size_t bytes = (offset[t + 1] - offset[t]) * sizeof(double);
    cr_assert(memcmp(theta[0] + offset[t], theta[t < 2 ? 1 : 2] + offset[t], bytes) == 0, "%d", t);
    cr_assert(memcmp(theta[0] + offset[t], theta[t < 2 ? 2 : 1] + offset[t], bytes) != 0, "%d", t);
  }
}

Test(io_optim_patterns, what_cannot_be_is_refused) {
  static const struct {
    const char *setting;
    symo_status status;
    const char *detail;
  } rows[] = {{":alpha=1", SYMO_E_ARGUMENT, "a pattern has letters, digits"},
              {"nul\xff*:lr=1", SYMO_E_ARGUMENT, "a pattern has letters, digits"},
              {"a:b:lr=1", SYMO_E_ARGUMENT, "a pattern has letters, digits"},
              {"\001:lr=1", SYMO_E_ARGUMENT, "a pattern has letters, digits"},
              {"*q*:=1", SYMO_E_NAME, "is no option"},
              {"*q*:alphaa=1", SYMO_E_NAME, "did you mean alpha?"},
              {"*q*:alpha=7", SYMO_E_ARGUMENT, "from 0 to 2"},
              {"*q*:rules.7.lr=1", SYMO_E_ARGUMENT, "there are only 2 rules"},
              {"*q*:rules.lr=1", SYMO_E_ARGUMENT, "names no option of a rule"},
              {"*q*:threads=2", SYMO_E_NAME, "is no option"},
              {"*q*:rate=0.5", SYMO_E_ARGUMENT, "nothing looks at rate here"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    symo_optim_spec *spec = NULL;
    cr_fails(context, rows[i].status, rows[i].detail,
             symo_optim_spec_open(context, "symo", 1, &rows[i].setting, &spec));
    const char *detail = symo_context_detail(context);
    cr_assert(detail[strlen(detail) - 1] == ')' && spec == NULL, "%s", detail);
  }
  symo_optim_spec *spec = NULL;
  cr_fails(context, SYMO_E_FORMAT, "\"alphaa\" is no option",
           symo_optim_spec_from_json(context, "{\"preset\": \"symo\", \"*:alphaa\": 1}", &spec));
  static const char *const others[] = {"un=", "", "a:b", "*\\u00e9", "*\\n"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    char text[64];
    (void)snprintf(text, sizeof text, "{\"preset\": \"symo\", \"%s:lr\": 1}", others[i]);
    cr_fails(context, SYMO_E_FORMAT, "a pattern has letters, digits",
             symo_optim_spec_from_json(context, text, &spec));
    (void)snprintf(text, sizeof text, "{\"rules\": [{\"match\": \"%s\", \"preset\": \"sgd\"}]}",
                   others[i]);
    cr_fails(context, SYMO_E_FORMAT, "letters, digits",
             symo_optim_spec_from_json(context, text, &spec));
  }
  cr_fails(context, SYMO_E_FORMAT, "must be a number",
           symo_optim_spec_from_json(context, "{\"preset\": \"symo\", \"*:alpha\": \"x\"}", &spec));
  cr_fails(context, SYMO_E_FORMAT, "into them",
           symo_optim_spec_from_json(context, "{\"rules\": [{\"preset\": \"sgd\"}], \"*:lr\": 1}",
                                     &spec));
}

Test(io_optim_patterns, a_pattern_that_nothing_fits_is_refused) {
  static const char *const none[] = {"h.*.attm*:alpha=1.2", "*bias:alpha=1.2",
                                     "*bias:rules.*.lr=0.5", "*q*:rules.1.lr=0.5"};
  static const bool fits[] = {false, false, true, false};
  for (int i = 0; i < 4; i++) {
    symo_optim_spec *spec = opened("symo", 1, &none[i]);
    symo_optim *optim = NULL;
    if (fits[i])
      cr_ok(context, plan(spec, &optim));
    else
      cr_fails(context, SYMO_E_ARGUMENT, "(there is h.0.attn.q.weight, for example)",
               plan(spec, &optim));
    symo_optim_destroy(optim);
    symo_optim_spec_destroy(spec);
  }
}

/* A state of other patterns is of other rules. */
Test(io_optim_patterns, plans_and_states_know_them) {
  const char *const given[] = {"*attn*:alpha=1.2", "*mlp*:alpha=1.2"};
  symo_optim *optim[2] = {NULL};
  symo_optim_state *state = NULL, *back = NULL;
  char *text = NULL;
  const char *path = symo_test_path("patterns.safetensors");
  for (int i = 0; i < 2; i++) {
    symo_optim_spec *spec = opened("symo", 1, &given[i]);
    cr_ok(context, plan(spec, &optim[i]));
    symo_optim_spec_destroy(spec);
  }
  cr_ok(context, symo_optim_describe(optim[0], &text));
  cr_assert(strstr(text, "rule 0: \"*\" and \"*attn*\"") != NULL, "%s", text);
  symo_free(text);
  cr_ok(context, symo_optim_state_create(optim[0], &state));
  cr_ok(context, symo_optim_state_write(state, path));
  cr_ok(context, symo_optim_state_read(optim[0], path, 0, NULL, &back));
  symo_optim_state_destroy(back);
  back = NULL;
  cr_fails(context, SYMO_E_ARGUMENT, "rule 0 is for other tensors there",
           symo_optim_state_read(optim[1], path, 0, NULL, &back));
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim[0]);
  symo_optim_destroy(optim[1]);
}

static symo_status open_and_read(void *self) {
  const char text[] = "{\"preset\": \"symo\", \"*a*:lr\": 1, \"*b*:lr\": 2}";
  const char *const given[] = {"*c*:lr=0.5", "*a*:alpha=1.2"};
  symo_optim_spec *spec = NULL, *file = NULL;
  (void)self;
  symo_status status = symo_optim_spec_open(context, "symo", 2, given, &spec);
  if (status == SYMO_OK) status = symo_optim_spec_from_json(context, text, &file);
  symo_optim_spec_destroy(spec);
  symo_optim_spec_destroy(file);
  return status;
}

Test(io_optim_patterns, out_of_memory) {
  cr_assert(symo_test_allocations(open_and_read, NULL) >= 5);
}
