/* symo layout: what the isotypic decomposition of a layout looks like and costs. */
#include "experiments/commands/commands.h"
#include "experiments/inputs/tensors.h"

#include <stdio.h>
#include <string.h>

static json_t *spaces_json(cli *c, const symo_layout *layout, const symo_plan *plan) {
  json_t *list = json_array();
  for (size_t s = 0; s < symo_layout_num_spaces(layout); s++) {
    json_t *o = json_object();
    cli_set(c, o, "name", json_string(symo_layout_space_name(layout, s)));
    cli_set(c, o, "dim", cli_count((double)symo_layout_space_dim(layout, s)));
    cli_set(c, o, "group", json_string(symo_group_name(symo_layout_space_group(layout, s))));
    symo_space_info info = symo_plan_space(plan, s);
    if (info.recognised != NULL) cli_set(c, o, "recognised", json_string(info.recognised));
    if (info.commutant > 0) {
      json_t *found = json_object();
      cli_set(c, found, "commutant", cli_count((double)info.commutant));
      cli_set(c, found, "elements",
              info.elements > 0 ? cli_count((double)info.elements) : json_null());
      cli_set(c, found, "gap", cli_number(info.gap));
      cli_set(c, found, "defect", cli_number(info.defect));
      cli_set(c, o, "found_numerically", found);
    }
    cli_push(c, list, o);
  }
  return list;
}

static json_t *axis_json(const symo_layout *layout, size_t tensor, size_t axis) {
  char name[SYMO_MAX_NAME + 2];
  size_t space = symo_layout_axis_space(layout, tensor, axis);
  (void)snprintf(name, sizeof name, "%s%s", symo_layout_space_name(layout, space),
                 symo_layout_axis_dual(layout, tensor, axis) ? "*" : "");
  return json_string(name);
}

static json_t *tensors_json(cli *c, const symo_layout *layout) {
  json_t *list = json_array();
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    json_t *o = json_object(), *axes = json_array(), *shape = json_array();
    for (size_t a = 0; a < symo_layout_tensor_order(layout, t); a++) {
      cli_push(c, axes, axis_json(layout, t, a));
      cli_push(c, shape, cli_count((double)symo_layout_axis_dim(layout, t, a)));
    }
    cli_set(c, o, "name", json_string(symo_layout_tensor_name(layout, t)));
    cli_set(c, o, "axes", axes);
    cli_set(c, o, "shape", shape);
    cli_set(c, o, "offset", cli_count((double)symo_layout_tensor_offset(layout, t)));
    cli_push(c, list, o);
  }
  return list;
}

static int print_json(cli *c, const symo_layout *layout, const symo_plan *plan) {
  symo_plan_cost cost = symo_plan_cost_of(plan);
  json_t *o = json_object();
  cli_set(c, o, "dtype", json_string(symo_dtype_name(symo_plan_dtype(plan))));
  cli_set(c, o, "coupling", json_string(cli_str(c, "coupling")));
  cli_set(c, o, "centered", json_boolean(symo_plan_centered(plan)));
  cli_set(c, o, "parameters", cli_count(cost.parameters));
  cli_set(c, o, "spaces", spaces_json(c, layout, plan));
  cli_set(c, o, "tensors", tensors_json(c, layout));
  cli_set(c, o, "labels", cli_labels_json(c, plan));
  cli_set(c, o, "stored_numbers", cli_count(cost.stored_numbers));
  cli_set(c, o, "dense_numbers", cli_count(cost.dense_numbers));
  cli_set(c, o, "held_numbers", cli_count(cost.held_numbers));
  cli_set(c, o, "workspace_bytes", cli_count(cost.workspace_bytes));
  cli_set(c, o, "gram_flops", cli_count(cost.gram_flops));
  cli_set(c, o, "root_flops", cli_count(cost.root_flops));
  return cli_print_json(c, o);
}

static int print_text(cli *c, const symo_plan *plan) {
  char *text = NULL;
  symo_status status = symo_plan_describe(plan, &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  size_t length = strlen(text);
  printf("%s%s", text, length && text[length - 1] == '\n' ? "" : "\n");
  symo_free(text);
  return CLI_DONE;
}

static int run(cli *c) {
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  int code = cli_open_layout(c, &layout);
  if (code != CLI_DONE) return code;
  symo_plan_spec spec = symo_plan_spec_default();
  const char *dtype = cli_str(c, "dtype");
  if (dtype) spec.dtype = strcmp(dtype, "f32") == 0 ? SYMO_F32 : SYMO_F64;
  spec.coupling = strcmp(cli_str(c, "coupling"), "blocked") == 0 ? SYMO_BLOCKED : SYMO_COUPLED;
  spec.centered = cli_flag(c, "centered");
  symo_status status = symo_plan_create(layout, &spec, &plan);
  if (status != SYMO_OK)
    code = cli_fail_status(c, status);
  else
    code = cli_json(c) ? print_json(c, layout, plan) : print_text(c, plan);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  return code;
}

static const cli_option options[] = {
    CLI_LAYOUT_ROW,
    {.name = "coupling",
     .arg = "HOW",
     .kind = CLI_CHOICE,
     .choices = "coupled|blocked",
     .fallback = "coupled",
     .help = "coupled: equal labels of different tensors share one matrix (h-pd, h-g and so on); "
             "blocked: each tensor has its own (h-g-bd)"},
    {.name = "centered",
     .kind = CLI_FLAG,
     .help = "Leave out the part that the group does not move"},
    {.name = "dtype",
     .arg = "TYPE",
     .kind = CLI_CHOICE,
     .choices = "f32|f64",
     .help = "Number type to plan for; default: that of the layout, else f64"},
    {.name = NULL}};

const cli_command cli_command_layout = {
    .name = "layout",
    .summary = "how a layout decomposes, and what estimates for it store and cost",
    .description =
        "Prints the labels of a layout: the irreducible representations that occur, their\n"
        "dimension n and multiplicity m, and the tensors they come from.  A structured\n"
        "matrix keeps one symmetric m x m matrix for each label; its size is compared with\n"
        "that of the dense matrix over all parameters.",
    .example = "symo layout --layout net.json\n"
               "symo layout --layout \"in: identity 20; h: signed-permutation 64; w[h,in] b[h]\"",
    .options = options,
    .json = true,
    .run = run};
