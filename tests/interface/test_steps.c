/* Bad arguments, one at a time: methods, optimizers, states, files. */
#include "tests/interface/stage.h"

#include <math.h>
#include <string.h>

#include "tests/support/files.h"

Test(interface, methods) {
  stage s;
  stage_open(&s);
  symo_method *m = &s.method;
  char value[128];
  REFUSED(symo_method_preset, SYMO_E_ARGUMENT, "method_preset: ", "name is NULL", s.context, NULL,
          &s.out.method);
  REFUSED(symo_method_preset, SYMO_E_ARGUMENT, "method_preset: ", "out is NULL", s.context, "adam",
          NULL);
  REFUSED(symo_method_preset, SYMO_E_NAME, "method: ", "no preset", s.context, "adamm",
          &s.out.method);
  GIVES(symo_method_preset_name, NULL, NULL, == NULL, symo_method_num_presets());
  GIVES(symo_method_preset_summary, NULL, NULL, == NULL, symo_method_num_presets());
  GIVES(symo_method_option, NULL, NULL, == NULL, symo_method_num_options());
  const symo_method kept = *m;
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method_set: ", "method is NULL", s.context, NULL, "lr",
          "1");
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method_set: ", "key is NULL", s.context, m, NULL, "1");
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method_set: ", "value is NULL", s.context, m, "lr",
          NULL);
  REFUSED(symo_method_set, SYMO_E_NAME, "method: ", "no option", s.context, m, "lrr", "1");
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method: lr: ", "number", s.context, m, "lr", "nan");
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method: lr: ", "-1", s.context, m, "lr", "-1");
  REFUSED(symo_method_set, SYMO_E_ARGUMENT, "method: nesterov: ", "true or false", s.context, m,
          "nesterov", "perhaps");
  REFUSED(symo_method_set, SYMO_E_NAME, "method: solver: ", "must be one of", s.context, m,
          "solver", "eigg");
  cr_assert(memcmp(m, &kept, sizeof kept) == 0, "the method was written to");
  REFUSED(symo_method_get, SYMO_E_ARGUMENT, "method_get: ", "method is NULL", s.context, NULL, "lr",
          s.out.value);
  REFUSED(symo_method_get, SYMO_E_ARGUMENT, "method_get: ", "key is NULL", s.context, m, NULL,
          s.out.value);
  REFUSED(symo_method_get, SYMO_E_ARGUMENT, "method_get: ", "value is NULL", s.context, m, "lr",
          NULL);
  REFUSED(symo_method_get, SYMO_E_NAME, "method: ", "no option", s.context, m, "lrr", s.out.value);
  cr_ok(s.context, symo_method_get(s.context, m, "lr", value));
  REFUSED(symo_optim_preset_rules, SYMO_E_ARGUMENT, "optim_preset_rules: ", "method is NULL",
          s.context, NULL, &s.out.count, s.out.rules);
  REFUSED(symo_optim_preset_rules, SYMO_E_ARGUMENT, "optim_preset_rules: ", "num is NULL",
          s.context, m, NULL, s.out.rules);
  REFUSED(symo_optim_preset_rules, SYMO_E_ARGUMENT, "optim_preset_rules: ", "rules is NULL",
          s.context, m, &s.out.count, NULL);
  GIVES(symo_module_at, NULL, NULL, .name == NULL, symo_module_count());
  NOTHING_FAILS(symo_method_num_presets);
  NOTHING_FAILS(symo_method_num_options);
  NOTHING_FAILS(symo_module_count);
  stage_close(&s);
}

Test(interface, optimizers) {
  stage s;
  stage_open(&s);
  symo_optim_spec spec = s.spec;
#define CREATE(expected, word)                                                                     \
  REFUSED(symo_optim_create, expected, "optim: ", word, s.layout, &spec, &s.out.optim);            \
  spec = s.spec
  SILENT(symo_optim_create, NULL, &spec, &s.out.optim);
  REFUSED(symo_optim_create, SYMO_E_ARGUMENT, "optim_create: ", "spec is NULL", s.layout, NULL,
          &s.out.optim);
  REFUSED(symo_optim_create, SYMO_E_ARGUMENT, "optim_create: ", "out is NULL", s.layout, &spec,
          NULL);
  spec.num_rules = 0;
  CREATE(SYMO_E_ARGUMENT, "no rules");
  spec.rules = NULL;
  CREATE(SYMO_E_ARGUMENT, "no rules");
  spec.dtype = (symo_dtype)17;
  CREATE(SYMO_E_DTYPE, "dtype 17");
  spec.nan = (symo_nan_policy)17;
  CREATE(SYMO_E_ARGUMENT, "nan policy 17");
  spec.budget_bytes = (double)NAN;
  CREATE(SYMO_E_ARGUMENT, "budget");
  spec.budget_bytes = -1;
  CREATE(SYMO_E_ARGUMENT, "budget");
  spec.budget_bytes = 1;
  CREATE(SYMO_E_SIZE, "budget");
  spec.threads = 0;
  CREATE(SYMO_E_ARGUMENT, "0 threads");
  symo_rule *rule = &s.rules[0];
  const symo_rule kept = *rule;
  rule->pattern[0] = 0;
  CREATE(SYMO_E_NAME, "pattern");
  *rule = kept;
  rule->min_order = 3;
  rule->max_order = 2;
  CREATE(SYMO_E_ARGUMENT, "3 to 2 axes");
  *rule = kept;
  rule->method.lr = (double)NAN;
  CREATE(SYMO_E_ARGUMENT, "lr");
  *rule = kept;
  rule->method.solver = NULL;
  CREATE(SYMO_E_NAME, "solver: none of the library's");
  *rule = kept;
  strcpy(rule->pattern, "w");
  CREATE(SYMO_E_ARGUMENT, "no rule is for tensor b");
  GIVES(symo_optim_rule_of, NULL, NULL, == SYMO_NONE, NULL, 0);
  GIVES(symo_optim_rule_of, "optim_rule_of: ", "no tensor 2", == SYMO_NONE, s.optim, 2);
  GIVES(symo_optim_cost_of, NULL, NULL, .state_bytes == 0, NULL);
  GIVES(symo_optim_needs_problem, NULL, NULL, == false, NULL);
  SILENT(symo_optim_describe, NULL, &s.out.text);
  REFUSED(symo_optim_describe, SYMO_E_ARGUMENT, "optim_describe: ", "out is NULL", s.optim, NULL);
  SILENT(symo_optim_state_create, NULL, &s.out.state);
  REFUSED(symo_optim_state_create, SYMO_E_ARGUMENT, "optim_state_create: ", "out is NULL", s.optim,
          NULL);
  GIVES(symo_optim_state_num_entries, NULL, NULL, == 0, NULL);
  GIVES(symo_optim_state_entry, NULL, NULL, .data == NULL, NULL, 0);
  GIVES(symo_optim_state_entry, "optim_state_entry: ", "no entry 99", .data == NULL, s.state, 99);
  GIVES(symo_optim_state_alpha, NULL, NULL, != 0, NULL, 0, NULL);
  GIVES(symo_optim_state_alpha, "optim_state_alpha: ", "no tensor 9", != 0, s.state, 9, NULL);
  SILENT(symo_optim_state_set_lr, NULL, 0, 0.1);
  REFUSED(symo_optim_state_set_lr, SYMO_E_ARGUMENT, "optim_state_set_lr: ", "no rule 9", s.state, 9,
          0.1);
  REFUSED(symo_optim_state_set_lr, SYMO_E_ARGUMENT, "optim_state_set_lr: ", "-1", s.state, 0, -1);
  REFUSED(symo_optim_state_set_lr, SYMO_E_ARGUMENT, "optim_state_set_lr: ", "nan", s.state, 0, NAN);
  symo_optim_state_set_clock(NULL, NULL, NULL);
  NOTHING_FAILS(symo_optim_state_set_clock);
  NOTHING_FAILS(symo_optim_spec_default);
  NOTHING_FAILS(symo_optim_destroy);
  NOTHING_FAILS(symo_optim_state_destroy);
  stage_close(&s);
}

Test(interface, steps) {
  stage s;
  stage_open(&s);
  symo_problem *p = &s.problem;
  const symo_problem sound = s.problem;
  SILENT(symo_optim_step, NULL, s.in, s.y, NULL);
  /* The last input holds NaN, which is no matter of arguments: the step is refused and counted. */
  BAD_INPUTS(symo_optim_step, "optim: gradient: ", false, s.state, v, s.y, NULL);
  REFUSED(symo_optim_step, SYMO_E_NONFINITE, "optim: step 1: ", "tensor w", s.state,
          s.inputs[STAGE_INPUT_FAULTS - 1].v, s.y, NULL);
  BAD_OUTPUTS(symo_optim_step, "optim: parameters: ", s.state, s.in, v, NULL);
  REFUSED(symo_optim_step, SYMO_E_UNSUPPORTED, "optim: ", "asks the problem", s.second_state, s.in,
          s.y, NULL);
  for (int second = 0; second < 2; second++) {
    symo_optim_state *state = second ? s.second_state : s.state;
    SILENT(symo_optim_problem_step, NULL, p, s.theta, &s.out.number, NULL);
    REFUSED(symo_optim_problem_step, SYMO_E_ARGUMENT, "optim_problem_step: ", "problem is NULL",
            state, NULL, s.theta, &s.out.number, NULL);
    REFUSED(symo_optim_problem_step, SYMO_E_ARGUMENT, "optim_problem_step: ", "theta is NULL",
            state, p, NULL, &s.out.number, NULL);
    p->size = 8;
    REFUSED(symo_optim_problem_step, SYMO_E_SHAPE, "optim: ", "8 parameters", state, p, s.theta,
            &s.out.number, NULL);
    *p = sound;
    p->dtype = SYMO_F32;
    REFUSED(symo_optim_problem_step, SYMO_E_DTYPE, "optim: ", "f32", state, p, s.theta,
            &s.out.number, NULL);
    *p = sound;
    p->gradient = NULL;
    REFUSED(symo_optim_problem_step, SYMO_E_UNSUPPORTED, "optim: ", "no gradient", state, p,
            s.theta, &s.out.number, NULL);
    *p = sound;
  }
  p->hvp = NULL;
  REFUSED(symo_optim_problem_step, SYMO_E_UNSUPPORTED, "optim: ", "", s.second_state, p, s.theta,
          &s.out.number, NULL);
  *p = sound;
  for (size_t i = 0; i < STAGE_SIZE; i++) cr_assert(s.theta[i] == s.x[i]);
  /* Everything as it should be. */
  memcpy(s.out.vector, s.x, sizeof s.x);
  cr_ok(s.context, symo_optim_step(s.state, s.in, s.y, NULL));
  cr_ok(s.context, symo_optim_problem_step(s.second_state, p, s.theta, NULL, NULL));
  stage_close(&s);
}

Test(interface, files_of_layouts_and_matrices) {
  stage s;
  stage_open(&s);
  symo_context *c = s.context;
  const char *path = symo_test_path("file"), *missing = symo_test_path("missing.json");
  REFUSED(symo_layout_read_json, SYMO_E_ARGUMENT, "layout_read_json: ", "path is NULL", c, NULL,
          &s.out.layout);
  REFUSED(symo_layout_read_json, SYMO_E_ARGUMENT, "layout_read_json: ", "out is NULL", c, missing,
          NULL);
  REFUSED(symo_layout_read_json, SYMO_E_IO, "", "missing.json", c, missing, &s.out.layout);
  REFUSED(symo_layout_from_json, SYMO_E_ARGUMENT, "layout_from_json: ", "text is NULL", c, NULL,
          &s.out.layout);
  REFUSED(symo_layout_from_json, SYMO_E_ARGUMENT, "layout_from_json: ", "out is NULL", c, "{}",
          NULL);
  REFUSED(symo_graph_layout, SYMO_E_ARGUMENT, "graph_layout: ", "graph is NULL", c, NULL, 0,
          &s.out.layout, &s.out.text);
  REFUSED(symo_graph_layout, SYMO_E_ARGUMENT, "graph_layout: ", "layout is NULL", c, "{}", 0, NULL,
          &s.out.text);
  REFUSED(symo_graph_layout, SYMO_E_ARGUMENT, "graph_layout: ", "window is -1", c, "{}", -1,
          &s.out.layout, &s.out.text);
  REFUSED(symo_graph_layout, SYMO_E_FORMAT, "graph: ", "nodes", c, "{}", 0, &s.out.layout,
          &s.out.text);
  SILENT(symo_layout_write_json, NULL, path);
  REFUSED(symo_layout_write_json, SYMO_E_ARGUMENT, "layout_write_json: ", "path is NULL", s.layout,
          NULL);
  SILENT(symo_layout_to_json, NULL, &s.out.text);
  REFUSED(symo_layout_to_json, SYMO_E_ARGUMENT, "layout_to_json: ", "out is NULL", s.layout, NULL);
  REFUSED(symo_layout_open, SYMO_E_ARGUMENT, "layout_open: ", "path_or_text is NULL", c, NULL,
          &s.out.layout);
  REFUSED(symo_layout_open, SYMO_E_ARGUMENT, "layout_open: ", "out is NULL", c, "s[]", NULL);
  REFUSED(symo_layout_open, SYMO_E_FORMAT, "layout ", "no such file", c, "nothing", &s.out.layout);
  SILENT(symo_tensors_read, NULL, path, SYMO_F64, &s.out.dtype, &s.out.flat);
  REFUSED(symo_tensors_read, SYMO_E_ARGUMENT, "tensors_read: ", "path is NULL", s.layout, NULL,
          SYMO_F64, &s.out.dtype, &s.out.flat);
  REFUSED(symo_tensors_read, SYMO_E_ARGUMENT, "tensors_read: ", "flat_out is NULL", s.layout, path,
          SYMO_F64, &s.out.dtype, NULL);
  REFUSED(symo_tensors_read, SYMO_E_DTYPE, "tensors_read: ", "dtype 17", s.layout, path,
          (symo_dtype)17, &s.out.dtype, &s.out.flat);
  REFUSED(symo_tensors_read, SYMO_E_IO, "", "missing.json", s.layout, missing, SYMO_F64,
          &s.out.dtype, &s.out.flat);
  SILENT(symo_tensors_write, NULL, path, SYMO_F64, s.x);
  REFUSED(symo_tensors_write, SYMO_E_ARGUMENT, "tensors_write: ", "path is NULL", s.layout, NULL,
          SYMO_F64, s.x);
  REFUSED(symo_tensors_write, SYMO_E_DTYPE, "tensors_write: ", "dtype", s.layout, path, SYMO_ANY,
          s.x);
  REFUSED(symo_tensors_write, SYMO_E_ARGUMENT, "tensors_write: ", "flat is NULL", s.layout, path,
          SYMO_F64, NULL);
  SILENT(symo_hessian_write, NULL, path);
  REFUSED(symo_hessian_write, SYMO_E_ARGUMENT, "hessian_write: ", "path is NULL", s.h, NULL);
  REFUSED(symo_hessian_read, SYMO_E_ARGUMENT, "hessian_read: ", "path is NULL", c, NULL,
          &s.out.hessian);
  REFUSED(symo_hessian_read, SYMO_E_ARGUMENT, "hessian_read: ", "out is NULL", c, path, NULL);
  REFUSED(symo_hessian_read, SYMO_E_IO, "", "missing.json", c, missing, &s.out.hessian);
  symo_lowrank *lowrank = NULL;
  bool is_lowrank = false;
  SILENT(symo_lowrank_write, NULL, path);
  cr_assert(symo_lowrank_create(s.h, 0, NULL, NULL, &lowrank) == SYMO_OK);
  REFUSED(symo_lowrank_write, SYMO_E_ARGUMENT, "lowrank_write: ", "path is NULL", lowrank, NULL);
  symo_lowrank_destroy(lowrank);
  REFUSED(symo_lowrank_read, SYMO_E_ARGUMENT, "lowrank_read: ", "path is NULL", c, NULL, &lowrank);
  REFUSED(symo_lowrank_read, SYMO_E_ARGUMENT, "lowrank_read: ", "out is NULL", c, path, NULL);
  REFUSED(symo_lowrank_read, SYMO_E_IO, "", "missing.json", c, missing, &lowrank);
  REFUSED(symo_hessian_file_is_lowrank, SYMO_E_ARGUMENT,
          "hessian_file_is_lowrank: ", "path is NULL", c, NULL, &is_lowrank);
  REFUSED(symo_hessian_file_is_lowrank, SYMO_E_ARGUMENT, "hessian_file_is_lowrank: ", "out is NULL",
          c, path, NULL);
  REFUSED(symo_hessian_file_is_lowrank, SYMO_E_IO, "", "missing.json", c, missing, &is_lowrank);
  REFUSED(symo_npy_write, SYMO_E_ARGUMENT, "npy_write: ", "path is NULL", c, NULL, s.x, 1, 9);
  REFUSED(symo_npy_write, SYMO_E_ARGUMENT, "npy_write: ", "data is NULL", c, path, NULL, 1, 9);
  REFUSED(symo_npy_write, SYMO_E_SIZE, "", "too large", c, path, s.x, (size_t)-1, 9);
  stage_close(&s);
}

Test(interface, files_of_optimizers) {
  stage s;
  stage_open(&s);
  symo_context *c = s.context;
  const char *const settings[] = {"lr=1", NULL}, *const wrong[] = {"lr"};
  const char *const lr[] = {"lr", NULL};
  const char *path = symo_test_path("file"), *missing = symo_test_path("missing.json");
  REFUSED(symo_optim_spec_read_json, SYMO_E_ARGUMENT, "optim_spec_read_json: ", "path is NULL", c,
          NULL, &s.out.spec);
  REFUSED(symo_optim_spec_read_json, SYMO_E_ARGUMENT, "optim_spec_read_json: ", "out is NULL", c,
          missing, NULL);
  REFUSED(symo_optim_spec_read_json, SYMO_E_IO, "", "missing.json", c, missing, &s.out.spec);
  REFUSED(symo_optim_spec_from_json, SYMO_E_ARGUMENT, "optim_spec_from_json: ", "text is NULL", c,
          NULL, &s.out.spec);
  REFUSED(symo_optim_spec_from_json, SYMO_E_ARGUMENT, "optim_spec_from_json: ", "out is NULL", c,
          "{}", NULL);
  REFUSED(symo_optim_spec_from_json, SYMO_E_FORMAT, "", "preset", c, "{\"preset\": \"adamm\"}",
          &s.out.spec);
  REFUSED(symo_optim_spec_to_json, SYMO_E_ARGUMENT, "optim_spec_to_json: ", "spec is NULL", c, NULL,
          &s.out.text);
  REFUSED(symo_optim_spec_to_json, SYMO_E_ARGUMENT, "optim_spec_to_json: ", "out is NULL", c,
          &s.spec, NULL);
  symo_optim_spec spec = s.spec;
  spec.rules = NULL;
  REFUSED(symo_optim_spec_to_json, SYMO_E_ARGUMENT, "optim_spec_to_json: ", "rules is NULL", c,
          &spec, &s.out.text);
  REFUSED(symo_optim_spec_open, SYMO_E_ARGUMENT, "optim_spec_open: ", "name_or_path is NULL", c,
          NULL, 0, NULL, &s.out.spec);
  REFUSED(symo_optim_spec_open, SYMO_E_ARGUMENT, "optim_spec_open: ", "out is NULL", c, "adam", 0,
          NULL, NULL);
  REFUSED(symo_optim_spec_open, SYMO_E_ARGUMENT, "optim_spec_open: ", "settings is NULL", c, "adam",
          1, NULL, &s.out.spec);
  REFUSED(symo_optim_spec_open, SYMO_E_ARGUMENT, "optim_spec_open: ", "setting 1 of 2 is NULL", c,
          "adam", 2, settings, &s.out.spec);
  REFUSED(symo_optim_spec_open, SYMO_E_ARGUMENT, "", "lr", c, "adam", 1, wrong, &s.out.spec);
  REFUSED(symo_optim_spec_open, SYMO_E_NAME, "", "no preset", c, "adamm", 0, NULL, &s.out.spec);
  SILENT(symo_optim_state_write, NULL, path);
  REFUSED(symo_optim_state_write, SYMO_E_ARGUMENT, "optim_state_write: ", "path is NULL", s.state,
          NULL);
  SILENT(symo_optim_state_read, NULL, path, 0, NULL, &s.out.state);
  REFUSED(symo_optim_state_read, SYMO_E_ARGUMENT, "optim_state_read: ", "path is NULL", s.optim,
          NULL, 0, NULL, &s.out.state);
  REFUSED(symo_optim_state_read, SYMO_E_ARGUMENT, "optim_state_read: ", "may_differ is NULL",
          s.optim, path, 1, NULL, &s.out.state);
  REFUSED(symo_optim_state_read, SYMO_E_ARGUMENT, "optim_state_read: ", "option 1 of 2", s.optim,
          path, 2, lr, &s.out.state);
  REFUSED(symo_optim_state_read, SYMO_E_ARGUMENT, "optim_state_read: ", "out is NULL", s.optim,
          path, 0, NULL, NULL);
  REFUSED(symo_optim_state_read, SYMO_E_IO, "", "missing.json", s.optim, missing, 0, NULL,
          &s.out.state);
  SILENT(symo_optim_open, NULL, "symo", SYMO_F64, &s.out.state, NULL);
  SILENT(symo_optim_open, "h: permutation 3; b[h]", NULL, SYMO_F64, &s.out.state, NULL);
  SILENT(symo_optim_open, "h: permutation 3; b[h]", "symo", SYMO_F64, NULL, NULL);
  GIVES(symo_optim_state_detail, NULL, NULL, [0] == 0, NULL);
  NOTHING_FAILS(symo_optim_spec_destroy);
  stage_close(&s);
}
