/* Sound calls of every function while memory runs out and the file system fails, at each place in
 * turn: contexts, groups, layouts, plans, elements, estimates, structured matrices, symmetry.
 * test_interface.sh sees to it that every exported function has a row here or in
 * test_faults_steps.c. */
#include "tests/interface/faults.h"

#include <math.h>

Test(faults, contexts_and_random_numbers) {
  stage s;
  stage_open(&s);
  FAULTY(symo_context_create, symo_context_destroy(s.out.context), &s.out.context);
  FAULTY(symo_rng_create, symo_rng_destroy(s.out.rng), s.context, 3, &s.out.rng);
  QUIET(symo_context_detail, s.context);
  QUIET(symo_context_find_group, s.context, "cyclic");
  QUIET(symo_set_threads, 1);
  QUIET(symo_get_threads, );
  QUIET(symo_rng_below, s.rng, 5);
  QUIET(symo_rng_uniform, s.rng);
  QUIET(symo_rng_normal, s.rng);
  QUIET(symo_dtype_size, SYMO_F32);
  QUIET(symo_dtype_name, SYMO_F32);
  QUIET(symo_strerror, SYMO_OK);
  QUIET(symo_status_name, SYMO_OK);
  QUIET(symo_version, );
  QUIET(symo_build_info, );
  QUIET(symo_context_destroy, NULL);
  QUIET(symo_rng_destroy, NULL);
  QUIET(symo_free, NULL);
  stage_close(&s);
}

/* Two lanes that change places: the reflections of a line. */
static size_t irreps_of(void *self, size_t d) { return 1; }
static void irrep_of(void *self, size_t d, size_t index, symo_group_irrep *out) {
  *out =
      (symo_group_irrep){.name = "all", .dim = 1, .type = SYMO_REAL, .multiplicity = {1, d, d * d}};
}
static void as_they_are(void *self, size_t d, int axes, size_t lanes, const double *x, double *y) {
  memcpy(y, x, (axes == 2 ? d * d : d) * lanes * sizeof *y);
}

Test(faults, groups) {
  stage s;
  stage_open(&s);
  const symo_group *cyclic = symo_group_find("cyclic");
  const symo_group_part parts[] = {{cyclic, 3}, {symo_group_find("orthogonal"), 2}};
  static const double turn[] = {0, 1, 0, 0, 0, 1, 1, 0, 0};
  symo_group_spec spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){.dim = 3, .num_matrices = 1, .matrices = turn};
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  spec = symo_group_spec_default("product");
  spec.num_parts = 2, spec.parts = parts;
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  spec.group = "sum";
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  spec = symo_group_spec_default("wreath");
  spec.num_parts = 1, spec.parts = parts, spec.copies = 2;
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  const size_t keep[] = {0};
  spec = symo_group_spec_default("restriction");
  spec.num_parts = 1, spec.parts = parts, spec.num_keep = 1, spec.keep = keep;
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  spec = symo_group_spec_default("scaling");
  FAULTY(symo_group_create, symo_group_destroy(s.out.group), s.context, &spec, &s.out.group);
  FAULTY(symo_group_generators, symo_free(s.out.generators), s.context, cyclic, 5,
         &s.out.generators);
  FAULTY(symo_group_order, (void)0, s.context, cyclic, 5, 100, &s.out.count);
  const symo_group_ops ops = {.size = sizeof ops,
                              .name = "still",
                              .summary = "the neutral element",
                              .exact = "all",
                              .max_axes = 1,
                              .num_irreps = irreps_of,
                              .irrep = irrep_of,
                              .analyze = as_they_are,
                              .synthesize = as_they_are};
  FAULTY(symo_group_from_ops, symo_group_destroy(s.out.group), s.context, &ops, &s.out.group);
  symo_context *context = NULL, *own = s.context;
  symo_group *group;
  cr_ok(s.context, symo_group_from_ops(s.context, &ops, &group));
  FAULTY_WITH(symo_context_add_group,
              s.context = symo_context_create(&context) == SYMO_OK ? context : own, (void)0,
              (symo_context_destroy(context), s.context = own), context, group);
  symo_group_destroy(group);
  QUIET(symo_group_count, );
  QUIET(symo_group_at, 0);
  QUIET(symo_group_find, "cyclic");
  QUIET(symo_group_name, cyclic);
  QUIET(symo_group_summary, cyclic);
  QUIET(symo_group_irreps, cyclic);
  QUIET(symo_group_average, cyclic);
  QUIET(symo_group_exact, cyclic);
  QUIET(symo_group_has_parameters, cyclic);
  QUIET(symo_group_dim, cyclic);
  QUIET(symo_group_get_spec, cyclic);
  QUIET(symo_group_spec_default, "sum");
  QUIET(symo_group_destroy, NULL);
  stage_close(&s);
}

Test(faults, layouts_being_made) {
  stage s;
  stage_open(&s);
  const symo_group *group = symo_group_find("permutation");
  const char *const axes[] = {"h", "i"};
  symo_layout *fresh;
  FAULTY(symo_layout_create, symo_layout_destroy(s.out.layout), s.context, &s.out.layout);
  FAULTY(symo_layout_parse, symo_layout_destroy(s.out.layout), s.context,
         "h: wreath(2, cyclic 3); k: scaling 3; w[h,k*] b[h]", &s.out.layout);
#define FRESH                                                                                      \
  cr_ok(s.context, symo_layout_parse(s.context, "h: cyclic 3; i: identity 2; b[h]", &fresh))
  FAULTY_WITH(symo_layout_add_space, FRESH, (void)0, symo_layout_destroy(fresh), fresh, "k", 3,
              group);
  FAULTY_WITH(symo_layout_add_tensor, FRESH, (void)0, symo_layout_destroy(fresh), fresh, "w", 2,
              axes);
  FAULTY_WITH(symo_layout_set_dtype, FRESH, (void)0, symo_layout_destroy(fresh), fresh, SYMO_F32);
  FAULTY(symo_layout_to_text, symo_free(s.out.text), s.layout, &s.out.text);
  FAULTY(symo_layout_split, (void)0, s.layout, SYMO_F64, s.x, s.out.data);
  FAULTY(symo_layout_split_const, (void)0, s.layout, SYMO_F64, s.x, s.out.const_data);
  QUIET(symo_layout_destroy, NULL);
  stage_close(&s);
}

Test(faults, layouts_being_read) {
  stage s;
  stage_open(&s);
  const symo_layout *l = s.layout;
  QUIET(symo_layout_dtype, l);
  QUIET(symo_layout_detail, l);
  QUIET(symo_layout_num_spaces, l);
  QUIET(symo_layout_num_tensors, l);
  QUIET(symo_layout_num_parameters, l);
  QUIET(symo_layout_space_name, l, 0);
  QUIET(symo_layout_space_dim, l, 0);
  QUIET(symo_layout_space_group, l, 0);
  QUIET(symo_layout_tensor_name, l, 0);
  QUIET(symo_layout_tensor_order, l, 0);
  QUIET(symo_layout_tensor_size, l, 0);
  QUIET(symo_layout_tensor_offset, l, 0);
  QUIET(symo_layout_axis_space, l, 0, 0);
  QUIET(symo_layout_axis_dim, l, 0, 0);
  QUIET(symo_layout_axis_dual, l, 0, 0);
  QUIET(symo_layout_find_space, l, "h", &s.out.count);
  QUIET(symo_layout_find_tensor, l, "w", &s.out.count);
  stage_close(&s);
}

Test(faults, plans_and_elements) {
  stage s;
  stage_open(&s);
  symo_layout *fresh;
  static const char hard[] =
      "h: dihedral 4; o: orthogonal 2; p: permutation 3; w[h,h,o] v[p,p,p] b[h]";
  symo_plan_spec centered = symo_plan_spec_default();
  centered.centered = true;
  FAULTY(symo_plan_create, symo_plan_destroy(s.out.plan), s.layout, NULL, &s.out.plan);
  FAULTY(symo_plan_create, symo_plan_destroy(s.out.plan), s.layout, &centered, &s.out.plan);
  FAULTY_WITH(symo_plan_create, cr_ok(s.context, symo_layout_parse(s.context, hard, &fresh)),
              symo_plan_destroy(s.out.plan), symo_layout_destroy(fresh), fresh, NULL, &s.out.plan);
  FAULTY(symo_plan_describe, symo_free(s.out.text), s.plan, &s.out.text);
  FAULTY(symo_plan_mean, (void)0, s.plan, s.in, s.y);
  FAULTY_WITH(symo_element_create, cr_ok(s.context, symo_layout_parse(s.context, hard, &fresh)),
              symo_element_destroy(s.out.element), symo_layout_destroy(fresh), fresh,
              &s.out.element);
  FAULTY(symo_element_sample, (void)0, s.g, s.rng);
  FAULTY(symo_element_sample_space, (void)0, s.g, 1, s.rng);
  FAULTY(symo_element_balance, (void)0, s.g, s.in);
  FAULTY(symo_element_act, (void)0, s.g, s.in, s.y);
  FAULTY(symo_element_act_inverse, (void)0, s.g, s.in, s.y);
  FAULTY(symo_element_act_dual, (void)0, s.g, s.in, s.y);
  FAULTY(symo_element_act_dual_inverse, (void)0, s.g, s.in, s.y);
  QUIET(symo_element_reset, s.g);
  QUIET(symo_element_destroy, NULL);
  QUIET(symo_plan_dtype, s.plan);
  QUIET(symo_plan_coupling, s.plan);
  QUIET(symo_plan_centered, s.plan);
  QUIET(symo_plan_layout, s.plan);
  QUIET(symo_plan_num_labels, s.plan);
  QUIET(symo_plan_label, s.plan, 0);
  QUIET(symo_plan_space, s.plan, 0);
  QUIET(symo_plan_piece, s.plan, 0, 0);
  QUIET(symo_plan_cost_of, s.plan);
  QUIET(symo_plan_spec_default, );
  QUIET(symo_plan_destroy, NULL);
  stage_close(&s);
}

Test(faults, estimates) {
  stage s;
  stage_open(&s);
  for (size_t i = 0; i < symo_estimator_count(); i++) {
    symo_estimate_spec spec = symo_estimate_spec_default();
    spec.estimator = symo_estimator_at(i);
    const bool blocked = symo_estimator_coupling(spec.estimator) == SYMO_BLOCKED;
    FAULTY(symo_estimate, symo_hessian_destroy(s.out.hessian), blocked ? s.blocked : s.plan, &spec,
           1, &s.in, &s.in, &s.out.hessian);
  }
  FAULTY(symo_hessian_open, symo_hessian_destroy(s.out.hessian),
         "i: identity 2; h: cyclic 3; w[h,i] b[h]", "h-star", s.in, &s.in, &s.out.hessian, NULL);
  QUIET(symo_estimator_count, );
  QUIET(symo_estimator_at, 0);
  QUIET(symo_estimator_find, "h-g");
  QUIET(symo_estimator_name, symo_estimator_at(0));
  QUIET(symo_estimator_summary, symo_estimator_at(0));
  QUIET(symo_estimator_needs_parameters, symo_estimator_at(0));
  QUIET(symo_estimator_coupling, symo_estimator_at(0));
  QUIET(symo_estimate_spec_default, );
  stage_close(&s);
}

Test(faults, matrices) {
  stage s;
  stage_open(&s);
  symo_hessian **out = &s.out.hessian;
  stage_outputs *o = &s.out;
  const void *blocks[] = {symo_hessian_blocks(s.h, 0)};
  symo_layout *wide;
  cr_ok(s.context,
        symo_layout_parse(s.context, "i: identity 2; h: signed-permutation 7; w[h,i] b[h]", &wide));
  symo_plan *held; /* the layout keeps what its first plan finds */
  cr_ok(s.context, symo_plan_create(wide, NULL, &held));
#define MADE symo_hessian_destroy(s.out.hessian)
  FAULTY(symo_reynolds, MADE, s.plan, s.dense, out);
  FAULTY(symo_hessian_identity, MADE, s.plan, 2, out);
  FAULTY(symo_hessian_from_blocks, MADE, s.plan, blocks, out);
  FAULTY(symo_hessian_add, MADE, 1, s.h, 2, s.h, out);
  FAULTY(symo_hessian_scale, MADE, 3, s.h, out);
  FAULTY(symo_hessian_abs, MADE, s.h, out);
  FAULTY(symo_hessian_transport, MADE, s.h, wide, out);
  FAULTY(symo_hessian_power, MADE, s.h, -0.3, 0.1, out);
  FAULTY(symo_hessian_sqrt, MADE, s.h, 0.1, out);
  FAULTY(symo_hessian_invsqrt, MADE, s.h, 0.1, out);
  FAULTY(symo_hessian_eigenvalues, (symo_free(o->values), symo_free(o->counts)), s.h, &o->count,
         &o->values, &o->counts);
  FAULTY(symo_hessian_logdet, (void)0, s.h, 0, &o->number);
  FAULTY(symo_hessian_diagonal, (void)0, s.h, s.y);
  FAULTY(symo_hessian_block, (void)0, s.h, 0, 1, o->matrix);
  FAULTY(symo_hessian_dense, (void)0, s.h, o->matrix);
  FAULTY(symo_hessian_describe, symo_free(o->text), s.h, &o->text);
  FAULTY(symo_hessian_matvec, (void)0, s.h, s.in, s.y);
  FAULTY(symo_hessian_solve, (void)0, s.h, 0.1, s.in, s.y);
  FAULTY(symo_hessian_sample, (void)0, s.h, 0.1, s.rng, s.y);
  QUIET(symo_hessian_plan, s.h);
  QUIET(symo_hessian_name, s.h);
  QUIET(symo_hessian_blocks, s.h, 0);
  QUIET(symo_hessian_trace, s.h);
  QUIET(symo_hessian_frobenius, s.h);
  QUIET(symo_hessian_detail, s.h);
  QUIET(symo_hessian_destroy, NULL);
  symo_plan_destroy(held);
  symo_layout_destroy(wide);
  stage_close(&s);
}

Test(faults, symmetry_and_problems) {
  stage s;
  stage_open(&s);
  symo_symmetry_spec spec = symo_symmetry_spec_default();
  spec.samples = 2;
  FAULTY(symo_symmetry_measure, symo_symmetry_destroy(s.out.report), &s.problem, s.layout, s.theta,
         s.rng, &spec, &s.out.report);
  FAULTY(symo_problem_hessian, (void)0, s.context, &s.problem, s.theta, s.out.matrix);
  FAULTY(symo_problem_ggn, (void)0, s.context, &s.problem, s.theta, s.out.matrix);
  QUIET(symo_symmetry_spec_default, );
  QUIET(symo_symmetry_verdict_name, SYMO_SYMMETRY_EXACT);
  QUIET(symo_symmetry_destroy, NULL);
  stage_close(&s);
}
