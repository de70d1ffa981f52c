/* The same for optimizers, their states, and files. */
#include "tests/interface/faults.h"

Test(faults, methods) {
  stage s;
  stage_open(&s);
  FAULTY(symo_method_preset, (void)0, s.context, "symo", &s.out.method);
  FAULTY(symo_method_set, (void)0, s.context, &s.method, "lr", "0.5");
  FAULTY(symo_method_get, (void)0, s.context, &s.method, "lr", s.out.value);
  FAULTY(symo_optim_preset_rules, (void)0, s.context, &s.method, &s.out.count, s.out.rules);
  QUIET(symo_method_num_presets, );
  QUIET(symo_method_preset_name, 0);
  QUIET(symo_method_preset_summary, 0);
  QUIET(symo_method_num_options, );
  QUIET(symo_method_option, 0);
  QUIET(symo_module_count, );
  QUIET(symo_module_at, 0);
  stage_close(&s);
}

/* Every preset: made, with its state, and its first steps, which take no memory. */
Test(faults, optimizers) {
  stage s;
  stage_open(&s);
  symo_optim *optim = NULL;
  symo_optim_state *state = NULL;
  double loss;
  for (size_t p = 0; p < symo_method_num_presets(); p++) {
    symo_optim_spec spec = s.spec;
    cr_ok(s.context, symo_method_preset(s.context, symo_method_preset_name(p), &s.method));
    cr_ok(s.context, symo_optim_preset_rules(s.context, &s.method, &spec.num_rules, s.rules));
    cr_ok(s.context, symo_optim_create(s.layout, &spec, &optim));
    FAULTY(symo_optim_create, symo_optim_destroy(s.out.optim), s.layout, &spec, &s.out.optim);
    FAULTY(symo_optim_state_create, symo_optim_state_destroy(s.out.state), optim, &s.out.state);
    cr_ok(s.context, symo_optim_state_create(optim, &state));
    for (int step = 0; step < 3; step++) {
      if (!symo_optim_needs_problem(optim)) {
        memcpy(s.out.vector, s.theta, sizeof s.theta);
        QUIET(symo_optim_step, state, s.in, s.y, NULL);
      } else {
        QUIET(symo_optim_problem_step, state, &s.problem, s.theta, &loss, NULL);
      }
    }
    symo_optim_state_destroy(state);
    symo_optim_destroy(optim);
  }
  FAULTY(symo_optim_describe, symo_free(s.out.text), s.optim, &s.out.text);
  FAULTY(symo_optim_open, symo_optim_state_destroy(s.out.state),
         "i: identity 2; h: cyclic 3; w[h,i] b[h]", "shampoo lr=0.1", SYMO_F64, &s.out.state, NULL);
  FAULTY(symo_optim_state_set_lr, (void)0, s.state, 0, 0.1);
  QUIET(symo_optim_rule_of, s.optim, 0);
  QUIET(symo_optim_cost_of, s.optim);
  QUIET(symo_optim_needs_problem, s.optim);
  QUIET(symo_optim_state_factors, s.state);
  QUIET(symo_optim_state_alpha, s.state, 0, NULL);
  QUIET(symo_optim_spec_default, );
  QUIET(symo_optim_state_num_entries, s.state);
  QUIET(symo_optim_state_entry, s.state, 0);
  QUIET(symo_optim_state_set_clock, s.state, NULL, NULL);
  QUIET(symo_optim_state_detail, s.state);
  QUIET(symo_optim_state_destroy, NULL);
  QUIET(symo_optim_destroy, NULL);
  stage_close(&s);
}

Test(faults, texts_of_layouts_and_optimizers) {
  stage s;
  stage_open(&s);
  static const char layout[] =
      "{\"spaces\": {\"h\": {\"dim\": 3, \"group\": \"custom\", \"generators\": [[2, 0, 1]], "
      "\"lie_generators\": []}, \"k\": {\"copies\": 2, \"group\": \"wreath\", \"inner\": "
      "{\"group\": \"cyclic\", \"dim\": 2}}}, \"tensors\": [{\"name\": \"w\", \"axes\": [\"h\", "
      "\"k*\"]}]}";
  static const char rules[] =
      "{\"rules\": [{\"match\": \"w*\", \"min_order\": 2, \"preset\": \"muon\", \"lr\": 0.02}, "
      "{\"max_order\": 1, \"preset\": \"adamw\", \"betas\": [0.9, 0.99]}], \"nan\": \"stop\"}";
  const char *const settings[] = {"lr=0.5", "rules.1.lr=0.1"};
#define LAYOUT symo_layout_destroy(s.out.layout)
#define SPEC symo_optim_spec_destroy(s.out.spec)
  FAULTY(symo_layout_from_json, LAYOUT, s.context, layout, &s.out.layout);
  FAULTY(symo_layout_to_json, symo_free(s.out.text), s.layout, &s.out.text);
  FAULTY_WITH(symo_layout_read_json, symo_test_write(fault_path(), layout, strlen(layout)), LAYOUT,
              (void)0, s.context, fault_path(), &s.out.layout);
  FAULTY_WITH(symo_layout_open, symo_test_write(fault_path(), layout, strlen(layout)), LAYOUT,
              (void)0, s.context, fault_path(), &s.out.layout);
  FAULTY(symo_layout_write_json, (void)0, s.layout, fault_path());
  FAULTY(symo_optim_spec_from_json, SPEC, s.context, rules, &s.out.spec);
  FAULTY(symo_optim_spec_to_json, symo_free(s.out.text), s.context, &s.spec, &s.out.text);
  FAULTY_WITH(symo_optim_spec_read_json, symo_test_write(fault_path(), rules, strlen(rules)), SPEC,
              (void)0, s.context, fault_path(), &s.out.spec);
  FAULTY_WITH(symo_optim_spec_open, symo_test_write(fault_path(), rules, strlen(rules)), SPEC,
              (void)0, s.context, fault_path(), 2, settings, &s.out.spec);
  FAULTY(symo_optim_spec_open, SPEC, s.context, "muon", 1, settings, &s.out.spec);
  QUIET(symo_optim_spec_destroy, NULL);
  stage_close(&s);
}

Test(faults, files_of_numbers) {
  stage s;
  stage_open(&s);
  const char *path = fault_path();
#define WRITTEN(call) cr_ok(s.context, call)
  FAULTY(symo_tensors_write, (void)0, s.layout, path, SYMO_F64, s.x);
  FAULTY_WITH(symo_tensors_read, WRITTEN(symo_tensors_write(s.layout, path, SYMO_F64, s.x)),
              symo_free(s.out.flat), (void)0, s.layout, path, SYMO_F64, &s.out.dtype, &s.out.flat);
  FAULTY_WITH(symo_tensors_read, WRITTEN(symo_tensors_write(s.layout, path, SYMO_F64, s.x)),
              symo_free(s.out.flat), (void)0, s.layout, path, SYMO_F32, &s.out.dtype, &s.out.flat);
  FAULTY(symo_hessian_write, (void)0, s.h, path);
  FAULTY_WITH(symo_hessian_read, WRITTEN(symo_hessian_write(s.h, path)),
              symo_hessian_destroy(s.out.hessian), (void)0, s.context, path, &s.out.hessian);
  FAULTY(symo_optim_state_write, (void)0, s.state, path);
  FAULTY_WITH(symo_optim_state_read, WRITTEN(symo_optim_state_write(s.state, path)),
              symo_optim_state_destroy(s.out.state), (void)0, s.optim, path, 0, NULL, &s.out.state);
  FAULTY(symo_npy_write, (void)0, s.context, path, s.dense, STAGE_SIZE, STAGE_SIZE);
  cr_assert(fault_total > 200, "only %zu failures", fault_total);
  stage_close(&s);
}
