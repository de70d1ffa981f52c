/* The commands in this process: what a failed allocation anywhere does, and that verify can say no.
 */
#include "tests/support/testing.h"

#include "experiments/commands/commands.h"
#include "experiments/commands/sampling.h"
#include "tests/cli/test_program.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

static const cli_command *const commands[] = {
    &cli_command_groups, &cli_command_layout, &cli_command_estimate,
    &cli_command_apply,  &cli_command_info,   &cli_command_symmetries,
    &cli_command_verify, &cli_command_report, NULL};

static const char *const notation = "in: identity 2; h: signed-permutation 3; w[h,in] b[h]; r[h,h]";

/* ---- files
 * --------------------------------------------------------------------------------------- */

static void write_vector(const char *name, uint64_t seed) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, seed);
  symo_layout *layout = NULL;
  double x[18];
  cr_ok(context, symo_layout_parse(context, notation, &layout));
  cr_assert_eq(symo_layout_num_parameters(layout), 18);
  symo_test_randn(rng, x, 18);
  cr_ok(context, symo_tensors_write(layout, symo_test_path(name), SYMO_F64, x));
  if (seed == 1) cr_ok(context, symo_layout_write_json(layout, symo_test_path("layout.json")));
  symo_layout_destroy(layout);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
}

static void write_inputs(void) {
  write_vector("g", 1);
  write_vector("t", 2);
}

static size_t count_files(void) {
  DIR *folder = opendir(symo_test_dir());
  cr_assert(folder != NULL);
  size_t n = 0;
  while (readdir(folder)) n++;
  closedir(folder);
  return n;
}

/* ---- running
 * ------------------------------------------------------------------------------------- */

enum { LINE = 2048 };

static int program(const char *line) { return test_program(commands, line); }

/* With 0, 1, 2, ... allocations allowed until it is done: out of memory each time, nothing left. */
static void starve(const char *line) {
  size_t files = count_files();
  int code = CLI_NUMERIC;
  for (long n = 0; code != CLI_DONE; n++) {
    cr_assert_lt(n, 20000, "%s", line);
    symo_alloc_fail_after(n);
    code = program(line);
    symo_alloc_fail_after(-1);
    cr_assert(code == CLI_NUMERIC || code == CLI_DONE, "%s: %ld allocations: exit %d", line, n,
              code);
    cr_no_leaks();
    if (code != CLI_DONE) cr_assert_leq(count_files(), files, "%s: %ld allocations", line, n);
  }
}

/* A folder as symo compare leaves it, with a picture and lists in lists. */
Test(commands, out_of_memory_in_report) {
  static const struct {
    const char *name, *text;
  } files[] = {
      {"results.json",
       "{\"loss\": 0.1, \"in\": {\"a\": [1, 2]}, \"runs\": [{\"seed\": 1, \"rows\": [{\"x\": "
       "2.5, \"y\": null}]}]}"},
      {"command.json", "{\"commands\": [{\"words\": [\"symo\", \"a b\"], \"threads\": 1}]}"},
      {"picture.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"}};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    FILE *file = fopen(symo_test_path(files[i].name), "w");
    cr_assert(file != NULL);
    fputs(files[i].text, file);
    fclose(file);
  }
  starve("symo report @. --out @report.html");
}

Test(commands, out_of_memory_in_groups) { starve("symo groups --json"); }

Test(commands, out_of_memory_in_layout) {
  write_inputs();
  starve("symo layout --layout @layout.json");
  starve("symo layout --layout @layout.json --json");
}

Test(commands, out_of_memory_in_estimate) {
  write_inputs();
  starve(
      "symo estimate --layout @layout.json --grad @g --grad @t --param @t --estimator h-pd --json "
      "--damping 1");
  starve("symo estimate --layout @layout.json --grad @g --estimator h-g --dense @d");
  starve("symo estimate --layout @layout.json --grad @g --estimator h-g --out @h");
}

Test(commands, out_of_memory_in_apply_and_info) {
  write_inputs();
  cr_assert_eq(program("symo estimate --layout @layout.json --grad @g --estimator h-g --out @h"),
               0);
  starve("symo info --hessian @h");
  starve("symo info --hessian @h --json --damping 1");
  starve("symo apply --hessian @h --op solve --damping 1 --in @g --out @u");
  starve("symo apply --hessian @h --op invsqrt --damping 1 --in @g --out @v");
}

Test(commands, out_of_memory_in_verify) {
  write_inputs();
  starve("symo verify --layout @layout.json --samples 200");
  starve("symo verify --layout @layout.json --samples 200 --json");
  starve("symo verify --data teacher --net 2-3-1 --examples 10 --act relu");
  starve("symo verify --data teacher --net 2-3-1 --examples 10 --act relu --dtype f32 --json");
}

Test(commands, out_of_memory_in_symmetries) {
  starve("symo symmetries --net 2-3-1 --act relu");
  starve("symo symmetries --net rnn:2-3-1 --act tanh --json");
}

/* Centred estimates of layouts with scaling keep some trivial labels and drop others: what apply
 * adds for the dropped ones is theirs alone. */
Test(commands, powers_of_a_centred_estimate_with_scaling) {
  symo_context *context = symo_test_context();
  symo_layout *layout;
  double x[2] = {1, 1}, *mx, *root;
  cr_ok(context, symo_layout_parse(context, "s: scaling(1.5) 1; a[] b[s,s]", &layout));
  cr_ok(context, symo_layout_write_json(layout, symo_test_path("layout.json")));
  cr_ok(context, symo_tensors_write(layout, symo_test_path("v"), SYMO_F64, x));
  x[0] = 1.3;
  x[1] = 0.7;
  cr_ok(context, symo_tensors_write(layout, symo_test_path("g"), SYMO_F64, x));
  cr_assert_eq(program("symo estimate --layout @layout.json --grad @g --estimator h-g-bd "
                       "--centered --out @h"),
               0);
  cr_assert_eq(program("symo apply --hessian @h --op matvec --in @v --out @mv"), 0);
  cr_assert_eq(program("symo apply --hessian @h --op sqrt --damping 2 --in @v --out @root"), 0);
  cr_ok(context, symo_tensors_read(layout, symo_test_path("mv"), SYMO_F64, NULL, (void **)&mx));
  cr_ok(context, symo_tensors_read(layout, symo_test_path("root"), SYMO_F64, NULL, (void **)&root));
  cr_assert(mx[0] == 0 && mx[1] > 3, "%g, %g", mx[0], mx[1]);
  cr_assert(fabs(root[0] - sqrt(2)) <= 1e-12 && fabs(root[1] - sqrt(2 + mx[1])) <= 1e-12, "%g, %g",
            root[0], root[1]);
  symo_free(mx);
  symo_free(root);
  symo_layout_destroy(layout);
  symo_context_destroy(context);
}

/* ---- verify says no
 * ------------------------------------------------------------------------------ */

/* The deviations of elements of the group of `sampled` from the closed forms of `claimed`. */
static void deviations(const char *sampled, const char *claimed, double *blocks, double *means,
                       double *entries) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 3);
  symo_layout *truth = NULL, *claim = NULL;
  symo_plan *plan = NULL;
  symo_element *element = NULL;
  symo_hessian *hessian = NULL;
  symo_plan_spec spec = symo_plan_spec_default();
  sampling s = {0};
  sampling_result r = {0};
  cr_ok(context, symo_layout_parse(context, sampled, &truth));
  cr_ok(context, symo_layout_parse(context, claimed, &claim));
  cr_ok(context, symo_plan_create(claim, &spec, &plan));
  cr_ok(context, symo_element_create(truth, &element));
  cr_ok(context, sampling_create(context, plan, 500, rng, &s));
  const void *data[2];
  symo_layout_split_const(claim, SYMO_F64, s.x, data);
  symo_const_vector grad = symo_const_vector_of(SYMO_F64, data);
  symo_estimate_spec how = symo_estimate_spec_default();
  how.estimator = symo_estimator_find("covariance");
  cr_ok(context, symo_estimate(plan, &how, 1, &grad, NULL, &hessian));
  memcpy(s.y, s.x, s.size * sizeof *s.y); /* then the covariance of x is the closed form */
  for (size_t i = 0; i < s.samples; i++) {
    cr_ok(context, symo_element_sample(element, rng));
    cr_ok(context, sampling_add(&s, element));
  }
  cr_ok(context, sampling_compare(&s, plan, hessian, &r));
  *blocks = *means = 0;
  for (size_t b = 0; b < s.num_blocks; b++)
    if (!(r.blocks[b] <= *blocks)) *blocks = r.blocks[b];
  for (size_t t = 0; t < s.num_tensors; t++)
    if (!(r.means[t] <= *means)) *means = r.means[t];
  *entries = r.entries;
  sampling_drop(&s, &r);
  symo_hessian_destroy(hessian);
  symo_element_destroy(element);
  symo_plan_destroy(plan);
  symo_layout_destroy(claim);
  symo_layout_destroy(truth);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
}

Test(commands, a_wrong_group_is_found_out) {
  const char *layouts[] = {"in: identity 3; h: permutation 5; w[h,in] b[h]",
                           "in: identity 3; h: signed-permutation 5; w[h,in] b[h]",
                           "in: identity 3; h: sign-flip 5; w[h,in] b[h]",
                           "in: identity 3; h: identity 5; w[h,in] b[h]"};
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < 4; j++) {
      double blocks, means, entries;
      deviations(layouts[i], layouts[j], &blocks, &means, &entries);
      if (i == j)
        cr_assert(blocks <= 5 && means <= 5 && entries <= 7, "%zu: %g %g %g", i, blocks, means,
                  entries);
      else
        cr_assert(blocks > 5 && entries > 7, "%zu as %zu: %g %g", i, j, blocks, entries);
    }
  cr_no_leaks();
}
