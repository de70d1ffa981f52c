/* symo transport: a structured Hessian moved to a layout with other dimensions. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include "core/text.h"

#include <stdio.h>

typedef struct job {
  symo_hessian *from, *to;
  symo_layout *layout;
} job;

static const symo_layout *layout_of(const symo_hessian *h) {
  return symo_plan_layout(symo_hessian_plan(h));
}

static int answer_json(cli *c, const job *j) {
  const symo_plan *plan = symo_hessian_plan(j->to);
  const symo_layout *from = layout_of(j->from), *to = layout_of(j->to);
  json_t *o = json_object(), *spaces = json_array();
  for (size_t s = 0; s < symo_layout_num_spaces(to); s++) {
    json_t *row = json_object();
    cli_set(c, row, "name", json_string(symo_layout_space_name(to, s)));
    cli_set(c, row, "group", json_string(symo_group_name(symo_layout_space_group(to, s))));
    cli_set(c, row, "from", cli_count((double)symo_layout_space_dim(from, s)));
    cli_set(c, row, "to", cli_count((double)symo_layout_space_dim(to, s)));
    cli_push(c, spaces, row);
  }
  cli_set(c, o, "name", json_string(symo_hessian_name(j->to)));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(symo_plan_dtype(plan))));
  cli_set(c, o, "centered", json_boolean(symo_plan_centered(plan)));
  cli_set(c, o, "parameters_from", cli_count((double)symo_layout_num_parameters(from)));
  cli_set(c, o, "parameters", cli_count((double)symo_layout_num_parameters(to)));
  cli_set(c, o, "spaces", spaces);
  cli_set(c, o, "labels", cli_labels_json(c, plan));
  cli_set(c, o, "trace", cli_number(symo_hessian_trace(j->to)));
  cli_set(c, o, "frobenius", cli_number(symo_hessian_frobenius(j->to)));
  return cli_print_json(c, o);
}

static int answer_text(const job *j) {
  const symo_plan *plan = symo_hessian_plan(j->to), *before = symo_hessian_plan(j->from);
  const symo_layout *from = layout_of(j->from), *to = layout_of(j->to);
  size_t n = symo_layout_num_parameters(to);
  printf("%s from %zu to %zu %s, %s%s\n",
         *symo_hessian_name(j->to) ? symo_hessian_name(j->to) : "Hessian",
         symo_layout_num_parameters(from), n, symo_plural((double)n, "parameter", "parameters"),
         symo_dtype_name(symo_plan_dtype(plan)), symo_plan_centered(plan) ? ", centered" : "");
  for (size_t s = 0; s < symo_layout_num_spaces(to); s++)
    printf("  %-24s %s %zu -> %zu\n", symo_layout_space_name(to, s),
           symo_group_name(symo_layout_space_group(to, s)), symo_layout_space_dim(from, s),
           symo_layout_space_dim(to, s));
  printf("labels  %zu\n", symo_plan_num_labels(plan));
  for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
    symo_label_info info = symo_plan_label(plan, l);
    printf("  %-24s multiplicity %zu, dimension %zu -> %zu%s\n", info.name, info.multiplicity,
           symo_plan_label(before, l).dim, info.dim, info.dropped ? " (dropped)" : "");
  }
  printf("trace   %.9g\nnorm    %.9g (Frobenius)\n", symo_hessian_trace(j->to),
         symo_hessian_frobenius(j->to));
  return CLI_DONE;
}

static int run(cli *c) {
  job j = {0};
  int code = cli_read_hessian(c, &j.from);
  if (code == CLI_DONE) code = cli_open_layout(c, &j.layout);
  if (code == CLI_DONE) {
    symo_status status = symo_hessian_transport(j.from, j.layout, &j.to);
    if (status == SYMO_OK) status = symo_hessian_write(j.to, cli_str(c, "out"));
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  if (code == CLI_DONE) code = cli_json(c) ? answer_json(c, &j) : answer_text(&j);
  symo_hessian_destroy(j.to);
  symo_layout_destroy(j.layout);
  symo_hessian_destroy(j.from);
  return code;
}

static const cli_option options[] = {
    CLI_HESSIAN_ROW,
    CLI_LAYOUT_ROW,
    {.name = "out",
     .arg = "FILE",
     .kind = CLI_STRING,
     .required = true,
     .help = "Where to write the Hessian over the parameters of --layout (safetensors)"},
    {.name = NULL}};

const cli_command cli_command_transport = {
    .name = "transport",
    .summary = "the estimate made at one width, for another width",
    .description =
        "Reads a Hessian and writes the one with the same matrix M on every label over the\n"
        "parameters of a layout with other dimensions.  Inverses, powers and distinct eigenvalues\n"
        "stay the same; trace and determinant do not.  The layout has the same spaces and "
        "tensors.\n"
        "A dimension may change under permutation, signed-permutation, orthogonal, scaling with\n"
        "permute, and wreath, if it is at least twice the number of axes of a tensor that it is "
        "on.",
    .example = "symo transport --hessian narrow.safetensors --layout wide.json \\\n"
               "     --out wide.safetensors",
    .options = options,
    .json = true,
    .run = run};
