/* symo step: a chain of commands, each reading what the one before wrote, and five steps in this
 * process give the same bytes; and what a failed allocation anywhere does. */
#include "tests/support/stepping.h"
#include "tests/support/testing.h"

#include "experiments/commands/commands.h"
#include "tests/cli/test_program.h"
#include "tests/support/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const cli_command *const commands[] = {&cli_command_step, &cli_command_optimizers, NULL};

static const char *const notation =
    "in: identity 4; h: signed-permutation 3; out: identity 2; w1[h,in] b1[h] w2[out,h*] b2[out]";
enum { PARAMETERS = 23, TENSORS = 4, STEPS = 5, LINE = 1024 };

/* ---- running ---- */

static int program(const char *line) { return test_program(commands, line); }

/* The layout, parameters "p0" and gradients "g1" .. "g5" as files; also here. */
static void write_inputs(symo_context *context, symo_dtype dtype, symo_layout **layout,
                         double x[STEPS + 1][PARAMETERS]) {
  symo_rng *rng = symo_test_rng(context, 11);
  char name[16];
  cr_ok(context, symo_layout_parse(context, notation, layout));
  cr_ok(context, symo_layout_write_json(*layout, symo_test_path("layout.json")));
  for (int i = 0; i <= STEPS; i++) {
    double random[PARAMETERS];
    symo_test_randn(rng, random, PARAMETERS);
    symo_test_pack(dtype, random, x[i], PARAMETERS);
    snprintf(name, sizeof name, "%c%d", i > 0 ? 'g' : 'p', i);
    cr_ok(context, symo_tensors_write(*layout, symo_test_path(name), dtype, x[i]));
  }
  symo_rng_destroy(rng);
}

/* ---- the chain ---- */

static void compare_with_process(symo_context *context, const char *name, symo_dtype dtype) {
  symo_layout *layout = NULL;
  symo_optim_spec *spec = NULL;
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  double x[STEPS + 1][PARAMETERS];
  void *params[TENSORS], *flat = NULL;
  const void *grad[TENSORS];
  write_inputs(context, dtype, &layout, x);
  cr_ok(context, symo_optim_spec_open(context, name, 0, NULL, &spec));
  spec->dtype = dtype;
  cr_ok(context, symo_optim_create(layout, spec, &optim));
  cr_ok(context, symo_optim_state_create(optim, &state));
  symo_layout_split(layout, dtype, x[0], params);
  for (int i = 1; i <= STEPS; i++) {
    char line[LINE], from[16] = "";
    if (i > 1) snprintf(from, sizeof from, "--state @s%d", i - 1);
    snprintf(line, sizeof line,
             "symo step --layout @layout.json --param @p%d --grad @g%d --optimizer %s %s "
             "--out-param @p%d --out-state @s%d",
             i - 1, i, name, from, i, i);
    cr_assert_eq(program(line), 0, "%s", line);
    symo_layout_split_const(layout, dtype, x[i], grad);
    cr_ok(context, symo_optim_step(state, symo_const_vector_of(dtype, grad),
                                   symo_vector_of(dtype, params), NULL));
  }
  cr_ok(context, symo_tensors_read(layout, symo_test_path("p5"), dtype, NULL, &flat));
  cr_assert(memcmp(flat, x[0], PARAMETERS * symo_dtype_size(dtype)) == 0, "%s", name);
  /* The state too: the same file. */
  cr_ok(context, symo_optim_state_write(state, symo_test_path("s")));
  size_t n, m;
  unsigned char *one = symo_test_slurp(symo_test_path("s"), &n);
  unsigned char *two = symo_test_slurp(symo_test_path("s5"), &m);
  cr_assert(n == m && memcmp(one, two, n) == 0, "%s", name);
  free(one);
  free(two);
  symo_free(flat);
  symo_optim_state_destroy(state);
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(spec);
  symo_layout_destroy(layout);
}

Test(step, chains_of_files_and_one_process_agree) {
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < 2 * symo_method_num_presets(); i++) {
    const char *name = symo_method_preset_name(i / 2);
    if (symo_test_preset_asks(name)) continue;
    compare_with_process(context, name, i % 2 ? SYMO_F32 : SYMO_F64);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- memory ---- */

static void starve(const char *line) {
  size_t files = symo_test_count_files();
  int code = CLI_NUMERIC;
  for (long n = 0; code != CLI_DONE; n++) {
    cr_assert_lt(n, 20000, "%s", line);
    symo_alloc_fail_after(n);
    code = program(line);
    symo_alloc_fail_after(-1);
    cr_assert(code == CLI_NUMERIC || code == CLI_DONE, "%s: %ld allocations: exit %d", line, n,
              code);
    cr_no_leaks();
    /* The state alone may be there, or the parameters without the answer. */
    if (code != CLI_DONE) cr_assert_leq(symo_test_count_files(), files + 1, "%s: %ld", line, n);
  }
}

Test(step, out_of_memory) {
  symo_context *context = symo_test_context();
  symo_layout *layout = NULL;
  double x[STEPS + 1][PARAMETERS];
  write_inputs(context, SYMO_F64, &layout, x);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_assert_eq(program("symo step --layout @layout.json --param @p0 --grad @g1 --optimizer muon "
                       "--out-param @p1 --out-state @s1"),
               0);
  starve("symo step --layout @layout.json --param @p1 --grad @g2 --optimizer muon --state @s1 "
         "--set lr=0.1 --set betas=0.95,0 --out-param @p2 --out-state @s2");
  starve("symo step --layout @layout.json --param @p1 --grad @g2 --optimizer soap --out-param @p3 "
         "--json");
  starve("symo step --layout @layout.json --optimizer symo --plan");
  starve("symo step --layout @layout.json --optimizer shampoo --plan --json");
  starve("symo optimizers --json");
  starve("symo optimizers soap");
}
