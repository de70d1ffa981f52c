/* What a run would do: the plan of its optimizer, as text and as JSON, and the layout. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/inputs/tensors.h"
#include "experiments/train/runner.h"
#include "optim/cost.h"
#include "optim/optim.h"

#include <symo/io.h>

/* ---- text ---- */

/* "task gpt changes the preset adamw: momentum 0.9 -> 0.85, .." */
static void print_changes(const train_spec *spec, json_t *changes) {
  const char *key, *before = "";
  json_t *value;
  if (json_object_size(changes) == 0) return;
  printf("task %s changes the preset: ", spec->task->name);
  json_object_foreach(changes, key, value) {
    printf("%s%s %s -> %s", before, key, json_string_value(json_object_get(value, "preset")),
           json_string_value(json_object_get(value, "task")));
    before = "; ";
  }
  printf("\n");
}

static int print_text(cli *c, const train_spec *spec, const symo_optim *optim, json_t *changes) {
  char *text = NULL;
  symo_status status = symo_optim_describe(optim, &text);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  printf("%s", text);
  print_changes(spec, changes);
  symo_free(text);
  return CLI_DONE;
}

/* ---- JSON ---- */

static json_t *tensors_json(cli *c, const symo_optim *optim) {
  const symo_layout *layout = optim->layout;
  json_t *list = json_array();
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    const symo_method *m = &optim->rules[optim->rule_of[t]].method;
    json_t *o = json_object(), *shape = json_array();
    char reason[RULE_REASON];
    for (size_t a = 0; a < symo_layout_tensor_order(layout, t); a++)
      cli_push(c, shape, cli_count((double)symo_layout_axis_dim(layout, t, a)));
    symo_rule_reason(optim, t, reason);
    cli_set(c, o, "name", json_string(symo_layout_tensor_name(layout, t)));
    cli_set(c, o, "shape", shape);
    cli_set(c, o, "method", json_string(m->preset[0] != '\0' ? m->preset : m->curvature->name));
    cli_set(c, o, "rule", cli_count((double)optim->rule_of[t]));
    cli_set(c, o, "reason", json_string(reason));
    cli_push(c, list, o);
  }
  return list;
}

static json_t *items_json(cli *c, const symo_optim *optim, const optim_block *b) {
  json_t *list = json_array();
  plan_item items[PLAN_ITEMS];
  const size_t count = b->curvature != NULL ? symo_block_items(optim, b, items) : 0;
  for (size_t i = 0; i < count; i++) {
    json_t *o = json_object();
    cli_set(c, o, "name", json_string(items[i].name));
    cli_set(c, o, "every", cli_number((double)items[i].every));
    cli_set(c, o, "from", cli_count((double)items[i].start));
    cli_set(c, o, "flops", cli_count(items[i].flops));
    cli_set(c, o, "bytes", cli_count(items[i].bytes));
    if (items[i].products > 0) cli_set(c, o, "products", cli_count(items[i].products));
    cli_push(c, list, o);
  }
  return list;
}

static json_t *settings_json(cli *c, const symo_method *method) {
  json_t *o = json_object();
  char value[128];
  for (size_t i = 0; i < symo_method_num_options(); i++) {
    const char *key = symo_method_option(i)->key;
    if (symo_method_get(cli_context(c), method, key, value) == SYMO_OK)
      cli_set(c, o, key, json_string(value));
  }
  return o;
}

/* Rules with tensors; with curvature hessian or ggn there are no items but products of the
 * problem. */
static json_t *rules_json(cli *c, const symo_optim *optim) {
  json_t *list = json_array();
  for (size_t i = 0; i < optim->num_blocks; i++) {
    const optim_block *b = &optim->blocks[i];
    json_t *o = json_object();
    cli_set(c, o, "rule", cli_count((double)b->rule));
    cli_set(c, o, "match", json_string(optim->rules[b->rule].pattern));
    if (optim->rules[b->rule].also[0] != '\0')
      cli_set(c, o, "also", json_string(optim->rules[b->rule].also));
    cli_set(c, o, "curvature", json_string(b->method.curvature->name));
    cli_set(c, o, "tensors", cli_count((double)b->num_tensors));
    cli_set(c, o, "parameters", cli_count((double)symo_layout_num_parameters(b->layout)));
    cli_set(c, o, "settings", settings_json(c, &b->method));
    cli_set(c, o, "items", items_json(c, optim, b));
    cli_push(c, list, o);
  }
  return list;
}

static int print_json(cli *c, const train_spec *spec, const train_model *model,
                      const symo_optim *optim, json_t *changes) {
  const symo_optim_cost cost = symo_optim_cost_of(optim);
  json_t *o = json_object();
  cli_set(c, o, "task", json_string(spec->task->name));
  cli_set(c, o, "optimizer", json_string(spec->optimizer));
  cli_set(c, o, "net", json_string(model->net));
  cli_set(c, o, "data", json_string(model->data));
  cli_set(c, o, "dtype", json_string(symo_dtype_name(optim->dtype)));
  cli_set(c, o, "parameters", cli_count((double)model->problem.size));
  cli_set(c, o, "tensors", tensors_json(c, optim));
  cli_set(c, o, "rules", rules_json(c, optim));
  cli_set(c, o, "state_bytes", cli_count(cost.state_bytes));
  cli_set(c, o, "work_bytes", cli_count(cost.work_bytes));
  cli_set(c, o, "flops_per_step", cli_count(cost.flops_per_step));
  cli_set(c, o, "memory_bytes", model->bytes > 0 ? cli_count(model->bytes) : json_null());
  cli_set(c, o, "changed_by_task", json_incref(changes));
  return cli_print_json(c, o);
}

int train_print_plan(cli *c, const train_spec *spec, const char *layout) {
  train_model model = {0};
  symo_optim_spec *made = NULL;
  symo_optim *optim = NULL;
  json_t *changes = json_object();
  symo_status status = train_check_files(cli_context(c), spec, false);
  if (status == SYMO_OK) status = spec->task->create(cli_context(c), spec, &model);
  if (status == SYMO_OK && layout != NULL) status = symo_layout_write_json(model.layout, layout);
  int code = status == SYMO_OK ? train_make_optimizer(c, spec, &model, spec->threads, NULL, changes,
                                                      &made, &optim)
                               : cli_fail_status(c, status);
  if (code == CLI_DONE && optim != NULL)
    code = cli_json(c) ? print_json(c, spec, &model, optim, changes)
                       : print_text(c, spec, optim, changes);
  json_decref(changes);
  symo_optim_destroy(optim);
  symo_optim_spec_destroy(made);
  train_model_destroy(&model);
  return code;
}
