/* Bad arguments, one at a time: plans, elements, structured matrices, symmetry, problems. */
#include "tests/interface/stage.h"

#include <math.h>
#include <string.h>

static const double bad_damping[] = {-1, (double)NAN, (double)INFINITY};
enum { BAD_DAMPING = 3 };

Test(interface, plans) {
  stage s;
  stage_open(&s);
  symo_plan_spec spec = symo_plan_spec_default();
  symo_layout *empty;
  cr_ok(s.context, symo_layout_create(s.context, &empty));
  SILENT(symo_plan_create, NULL, NULL, &s.out.plan);
  REFUSED(symo_plan_create, SYMO_E_ARGUMENT, "plan_create: ", "out is NULL", s.open, NULL, NULL);
  REFUSED(symo_plan_create, SYMO_E_ARGUMENT, "plan: ", "no tensors", empty, NULL, &s.out.plan);
  spec.dtype = (symo_dtype)17;
  REFUSED(symo_plan_create, SYMO_E_DTYPE, "plan: ", "dtype 17", s.open, &spec, &s.out.plan);
  spec = symo_plan_spec_default();
  spec.coupling = (symo_coupling)17;
  REFUSED(symo_plan_create, SYMO_E_ARGUMENT, "plan: ", "coupling 17", s.open, &spec, &s.out.plan);
  /* What was refused has frozen nothing. */
  cr_ok(s.context, symo_layout_set_dtype(s.open, SYMO_F64));
  GIVES(symo_plan_dtype, NULL, NULL, == SYMO_ANY, NULL);
  GIVES(symo_plan_coupling, NULL, NULL, == SYMO_COUPLED, NULL);
  GIVES(symo_plan_centered, NULL, NULL, == false, NULL);
  GIVES(symo_plan_layout, NULL, NULL, == NULL, NULL);
  GIVES(symo_plan_num_labels, NULL, NULL, == 0, NULL);
  GIVES(symo_plan_label, NULL, NULL, .name == NULL, NULL, 0);
  GIVES(symo_plan_label, "plan_label: ", "no label 1", .name == NULL, s.plan, 1);
  GIVES(symo_plan_space, NULL, NULL, .numeric == false, NULL, 0);
  GIVES(symo_plan_space, "plan_space: ", "no space 2", .numeric == false, s.plan, 2);
  GIVES(symo_plan_piece, NULL, NULL, .tensor == SYMO_NONE, NULL, 0, 0);
  GIVES(symo_plan_piece, "plan_piece: ", "no label 1", .tensor == SYMO_NONE, s.plan, 1, 0);
  GIVES(symo_plan_piece, "plan_piece: ", "no piece 2", .tensor == SYMO_NONE, s.plan, 0, 2);
  GIVES(symo_plan_cost_of, NULL, NULL, .parameters == 0, NULL);
  SILENT(symo_plan_describe, NULL, &s.out.text);
  REFUSED(symo_plan_describe, SYMO_E_ARGUMENT, "plan_describe: ", "out is NULL", s.plan, NULL);
  SILENT(symo_plan_mean, NULL, s.in, s.y);
  BAD_INPUTS(symo_plan_mean, "mean: x: ", true, s.plan, v, s.y);
  BAD_OUTPUTS(symo_plan_mean, "mean: y: ", s.plan, s.in, v);
  NOTHING_FAILS(symo_plan_spec_default);
  NOTHING_FAILS(symo_plan_destroy);
  symo_layout_destroy(empty);
  stage_close(&s);
}

Test(interface, elements) {
  stage s;
  stage_open(&s);
  SILENT(symo_element_create, NULL, &s.out.element);
  REFUSED(symo_element_create, SYMO_E_ARGUMENT, "element_create: ", "out is NULL", s.layout, NULL);
  SILENT(symo_element_sample, NULL, s.rng);
  REFUSED(symo_element_sample, SYMO_E_ARGUMENT, "element_sample: ", "rng is NULL", s.g, NULL);
  SILENT(symo_element_sample_space, NULL, 0, s.rng);
  REFUSED(symo_element_sample_space, SYMO_E_ARGUMENT, "element_sample_space: ", "no space 2", s.g,
          2, s.rng);
  REFUSED(symo_element_sample_space, SYMO_E_ARGUMENT, "element_sample_space: ", "rng is NULL", s.g,
          0, NULL);
  SILENT(symo_element_balance, NULL, s.in);
  SILENT(symo_element_act, NULL, s.in, s.y);
  SILENT(symo_element_act_inverse, NULL, s.in, s.y);
  SILENT(symo_element_act_dual, NULL, s.in, s.y);
  SILENT(symo_element_act_dual_inverse, NULL, s.in, s.y);
  BAD_OUTPUTS(symo_element_act, "act: y: ", s.g, s.in, v);
  BAD_OUTPUTS(symo_element_act_inverse, "act_inverse: y: ", s.g, s.in, v);
  BAD_OUTPUTS(symo_element_act_dual, "act_dual: y: ", s.g, s.in, v);
  BAD_OUTPUTS(symo_element_act_dual_inverse, "act_dual_inverse: y: ", s.g, s.in, v);
  for (size_t k = 0; k < STAGE_INPUT_FAULTS; k++) {
    if (s.inputs[k].status == SYMO_E_DTYPE) continue; /* x and theta may have either type */
    const symo_const_vector v = s.inputs[k].v;
    const char *word = s.inputs[k].word;
    REFUSED(symo_element_balance, s.inputs[k].status, "balance: theta: ", word, s.g, v);
    if (s.inputs[k].status == SYMO_E_NONFINITE) continue; /* acted on as it is */
    REFUSED(symo_element_act, SYMO_E_ARGUMENT, "act: x: ", word, s.g, v, s.y);
    REFUSED(symo_element_act_inverse, SYMO_E_ARGUMENT, "act_inverse: x: ", word, s.g, v, s.y);
    REFUSED(symo_element_act_dual, SYMO_E_ARGUMENT, "act_dual: x: ", word, s.g, v, s.y);
    REFUSED(symo_element_act_dual_inverse, SYMO_E_ARGUMENT, "act_dual_inverse: x: ", word, s.g, v,
            s.y);
  }
  NOTHING_FAILS(symo_element_destroy);
  NOTHING_FAILS(symo_element_reset);
  stage_close(&s);
}

Test(interface, estimates) {
  stage s;
  stage_open(&s);
  symo_estimate_spec spec = symo_estimate_spec_default();
  GIVES(symo_estimator_at, NULL, NULL, == NULL, symo_estimator_count());
  GIVES(symo_estimator_find, NULL, NULL, == NULL, NULL);
  GIVES(symo_estimator_find, NULL, NULL, == NULL, "h-gg");
  GIVES(symo_estimator_name, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_estimator_summary, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_estimator_needs_parameters, NULL, NULL, == false, NULL);
  GIVES(symo_estimator_coupling, NULL, NULL, == SYMO_COUPLED, NULL);
  SILENT(symo_hessian_open, NULL, NULL, s.in, NULL, &s.out.hessian, NULL);
  SILENT(symo_hessian_open, "h: permutation 3; b[h]", NULL, s.in, NULL, NULL, NULL);
  GIVES(symo_hessian_detail, NULL, NULL, [0] == 0, NULL);
  SILENT(symo_estimate, NULL, NULL, 1, &s.in, NULL, &s.out.hessian);
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "out is NULL", s.plan, NULL, 1, &s.in, NULL,
          NULL);
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "no gradient", s.plan, NULL, 0, &s.in, NULL,
          &s.out.hessian);
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "no gradient", s.plan, NULL, 1, NULL, NULL,
          &s.out.hessian);
  BAD_INPUTS(symo_estimate, "estimate: gradient 0: ", true, s.plan, NULL, 1, &v, NULL,
             &s.out.hessian);
  for (int i = 0; i < BAD_DAMPING; i++) {
    spec.damping = bad_damping[i];
    REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "damping", s.plan, &spec, 1, &s.in, NULL,
            &s.out.hessian);
  }
  spec = symo_estimate_spec_default();
  spec.estimator = symo_estimator_find("h-gg");
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "estimator is NULL", s.plan, &spec, 1,
          &s.in, NULL, &s.out.hessian);
  spec.estimator = symo_estimator_find("h-g-bd");
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "blocked", s.plan, &spec, 1, &s.in, NULL,
          &s.out.hessian);
  spec.estimator = symo_estimator_find("h-pd");
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "needs the parameters", s.plan, &spec, 1,
          &s.in, NULL, &s.out.hessian);
  BAD_INPUTS(symo_estimate, "estimate: parameters 0: ", true, s.plan, &spec, 1, &s.in, &v,
             &s.out.hessian);
  spec.estimator = symo_estimator_find("covariance");
  spec.scale = true;
  REFUSED(symo_estimate, SYMO_E_ARGUMENT, "estimate: ", "scale", s.plan, &spec, 1, &s.in, &s.in,
          &s.out.hessian);
  NOTHING_FAILS(symo_estimator_count);
  NOTHING_FAILS(symo_estimate_spec_default);
  stage_close(&s);
}

Test(interface, matrices_being_made) {
  stage s;
  stage_open(&s);
  double block[9] = {1, 0, 0, 0, 1, 0, 0, 0, (double)NAN};
  const void *blocks[1] = {NULL};
  SILENT(symo_reynolds, NULL, s.dense, &s.out.hessian);
  REFUSED(symo_reynolds, SYMO_E_ARGUMENT, "reynolds: ", "dense is NULL", s.plan, NULL,
          &s.out.hessian);
  REFUSED(symo_reynolds, SYMO_E_ARGUMENT, "reynolds: ", "out is NULL", s.plan, s.dense, NULL);
  s.dense[80] = (double)INFINITY;
  REFUSED(symo_reynolds, SYMO_E_NONFINITE, "reynolds: ", "infinity", s.plan, s.dense,
          &s.out.hessian);
  SILENT(symo_hessian_identity, NULL, 1, &s.out.hessian);
  REFUSED(symo_hessian_identity, SYMO_E_ARGUMENT, "identity: ", "out is NULL", s.plan, 1, NULL);
  REFUSED(symo_hessian_identity, SYMO_E_NONFINITE, "identity: ", "nan", s.plan, (double)NAN,
          &s.out.hessian);
  SILENT(symo_hessian_from_blocks, NULL, blocks, &s.out.hessian);
  REFUSED(symo_hessian_from_blocks, SYMO_E_ARGUMENT, "from_blocks: ", "m is NULL", s.plan, NULL,
          &s.out.hessian);
  REFUSED(symo_hessian_from_blocks, SYMO_E_ARGUMENT, "from_blocks: ", "out is NULL", s.plan, blocks,
          NULL);
  REFUSED(symo_hessian_from_blocks, SYMO_E_ARGUMENT, "from_blocks: label h:vector: ", "no block",
          s.plan, blocks, &s.out.hessian);
  blocks[0] = block;
  REFUSED(symo_hessian_from_blocks, SYMO_E_NONFINITE, "from_blocks: label h:vector", "NaN", s.plan,
          blocks, &s.out.hessian);
  const double nan = (double)NAN;
  SILENT(symo_hessian_add, 1, NULL, 1, NULL, &s.out.hessian);
  REFUSED(symo_hessian_add, SYMO_E_ARGUMENT, "hessian_add: ", "x is NULL", 1, NULL, 1, s.h,
          &s.out.hessian);
  REFUSED(symo_hessian_add, SYMO_E_ARGUMENT, "hessian_add: ", "y is NULL", 1, s.h, 1, NULL,
          &s.out.hessian);
  REFUSED(symo_hessian_add, SYMO_E_ARGUMENT, "hessian_add: ", "out is NULL", 1, s.h, 1, s.h, NULL);
  REFUSED(symo_hessian_add, SYMO_E_NONFINITE, "hessian_add: ", "nan", nan, s.h, 1, s.h,
          &s.out.hessian);
  REFUSED(symo_hessian_add, SYMO_E_NONFINITE, "hessian_add: ", "nan", 1, s.h, nan, s.h,
          &s.out.hessian);
  REFUSED(symo_hessian_add, SYMO_E_SHAPE, "hessian_add: ", "different plans", 1, s.h, 1, s.other,
          &s.out.hessian);
  SILENT(symo_hessian_scale, 1, NULL, &s.out.hessian);
  REFUSED(symo_hessian_scale, SYMO_E_ARGUMENT, "hessian_scale: ", "out is NULL", 1, s.h, NULL);
  REFUSED(symo_hessian_scale, SYMO_E_NONFINITE, "hessian_scale: ", "nan", nan, s.h, &s.out.hessian);
  SILENT(symo_hessian_abs, NULL, &s.out.hessian);
  REFUSED(symo_hessian_abs, SYMO_E_ARGUMENT, "abs: ", "out is NULL", s.h, NULL);
  SILENT(symo_hessian_transport, NULL, s.layout, &s.out.hessian);
  REFUSED(symo_hessian_transport, SYMO_E_ARGUMENT, "transport: ", "layout is NULL", s.h, NULL,
          &s.out.hessian);
  REFUSED(symo_hessian_transport, SYMO_E_ARGUMENT, "transport: ", "out is NULL", s.h, s.layout,
          NULL);
  SILENT(symo_hessian_power, NULL, 1, 0, &s.out.hessian);
  REFUSED(symo_hessian_power, SYMO_E_ARGUMENT, "power: ", "out is NULL", s.h, 1, 0, NULL);
  REFUSED(symo_hessian_power, SYMO_E_ARGUMENT, "power: ", "exponent", s.h, nan, 0, &s.out.hessian);
  SILENT(symo_hessian_sqrt, NULL, 0, &s.out.hessian);
  REFUSED(symo_hessian_sqrt, SYMO_E_ARGUMENT, "sqrt: ", "out is NULL", s.h, 0, NULL);
  SILENT(symo_hessian_invsqrt, NULL, 0, &s.out.hessian);
  REFUSED(symo_hessian_invsqrt, SYMO_E_ARGUMENT, "invsqrt: ", "out is NULL", s.h, 0, NULL);
  for (int i = 0; i < BAD_DAMPING; i++) {
    const double d = bad_damping[i];
    REFUSED(symo_hessian_power, SYMO_E_ARGUMENT, "power: ", "damping", s.h, 1, d, &s.out.hessian);
    REFUSED(symo_hessian_sqrt, SYMO_E_ARGUMENT, "sqrt: ", "damping", s.h, d, &s.out.hessian);
    REFUSED(symo_hessian_invsqrt, SYMO_E_ARGUMENT, "invsqrt: ", "damping", s.h, d, &s.out.hessian);
  }
  NOTHING_FAILS(symo_hessian_destroy);
  stage_close(&s);
}

Test(interface, matrices_being_used) {
  stage s;
  stage_open(&s);
  GIVES(symo_hessian_plan, NULL, NULL, == NULL, NULL);
  GIVES(symo_hessian_name, NULL, NULL, [0] == 0, NULL);
  GIVES(symo_hessian_blocks, NULL, NULL, == NULL, NULL, 0);
  GIVES(symo_hessian_blocks, "hessian_blocks: ", "no label 1", == NULL, s.h, 1);
  cr_assert(isnan(symo_hessian_trace(NULL)) && isnan(symo_hessian_frobenius(NULL)));
  GIVES(symo_hessian_trace, NULL, NULL, != 0, NULL);
  GIVES(symo_hessian_frobenius, NULL, NULL, != 0, NULL);
  stage_outputs *o = &s.out;
  SILENT(symo_hessian_eigenvalues, NULL, &o->count, &o->values, &o->counts);
  REFUSED(symo_hessian_eigenvalues, SYMO_E_ARGUMENT, "eigenvalues: ", "count is NULL", s.h, NULL,
          &o->values, &o->counts);
  REFUSED(symo_hessian_eigenvalues, SYMO_E_ARGUMENT, "eigenvalues: ", "values is NULL", s.h,
          &o->count, NULL, &o->counts);
  REFUSED(symo_hessian_eigenvalues, SYMO_E_ARGUMENT, "eigenvalues: ", "multiplicities is NULL", s.h,
          &o->count, &o->values, NULL);
  SILENT(symo_hessian_logdet, NULL, 0, &o->number);
  REFUSED(symo_hessian_logdet, SYMO_E_ARGUMENT, "logdet: ", "out is NULL", s.h, 0, NULL);
  SILENT(symo_hessian_diagonal, NULL, s.y);
  /* There is no input to share memory with. */
  for (size_t k = 0; k < STAGE_OUTPUT_FAULTS; k++) {
    const symo_const_vector w = s.outputs[k].v;
    const symo_vector v = {w.dtype, (void *const *)w.data, w.strides};
    if (k == 5 || k == 6) continue;
    REFUSED(symo_hessian_diagonal, s.outputs[k].status, "diagonal: out: ", s.outputs[k].word, s.h,
            v);
    REFUSED(symo_hessian_sample, s.outputs[k].status, "sample: out: ", s.outputs[k].word, s.h, 0,
            s.rng, v);
  }
  SILENT(symo_hessian_block, NULL, 0, 0, o->matrix);
  REFUSED(symo_hessian_block, SYMO_E_ARGUMENT, "block: ", "no tensor 2", s.h, 2, 0, o->matrix);
  REFUSED(symo_hessian_block, SYMO_E_ARGUMENT, "block: ", "no tensor 5", s.h, 0, 5, o->matrix);
  REFUSED(symo_hessian_block, SYMO_E_ARGUMENT, "block: ", "out is NULL", s.h, 0, 0, NULL);
  SILENT(symo_hessian_dense, NULL, o->matrix);
  REFUSED(symo_hessian_dense, SYMO_E_ARGUMENT, "dense: ", "out is NULL", s.h, NULL);
  SILENT(symo_hessian_describe, NULL, &o->text);
  REFUSED(symo_hessian_describe, SYMO_E_ARGUMENT, "hessian_describe: ", "out is NULL", s.h, NULL);
  SILENT(symo_hessian_matvec, NULL, s.in, s.y);
  BAD_INPUTS(symo_hessian_matvec, "matvec: x: ", true, s.h, v, s.y);
  BAD_OUTPUTS(symo_hessian_matvec, "matvec: y: ", s.h, s.in, v);
  SILENT(symo_hessian_solve, NULL, 0, s.in, s.y);
  BAD_INPUTS(symo_hessian_solve, "solve: x: ", true, s.h, 0, v, s.y);
  BAD_OUTPUTS(symo_hessian_solve, "solve: y: ", s.h, 0, s.in, v);
  SILENT(symo_hessian_sample, NULL, 0, s.rng, s.y);
  REFUSED(symo_hessian_sample, SYMO_E_ARGUMENT, "sample: ", "rng is NULL", s.h, 0, NULL, s.y);
  for (int i = 0; i < BAD_DAMPING; i++) {
    const double d = bad_damping[i];
    REFUSED(symo_hessian_logdet, SYMO_E_ARGUMENT, "logdet: ", "damping", s.h, d, &o->number);
    REFUSED(symo_hessian_solve, SYMO_E_ARGUMENT, "solve: ", "damping", s.h, d, s.in, s.y);
    REFUSED(symo_hessian_sample, SYMO_E_ARGUMENT, "sample: ", "damping", s.h, d, s.rng, s.y);
  }
  stage_close(&s);
}

Test(interface, symmetry_and_problems) {
  stage s;
  stage_open(&s);
  symo_problem *p = &s.problem;
  const symo_problem sound = s.problem;
  symo_symmetry_spec spec = symo_symmetry_spec_default();
#define MEASURE(expected, where, word, problem, layout, theta, rng, spec, out)                     \
  REFUSED(symo_symmetry_measure, expected, where, word, problem, layout, theta, rng, spec, out)
  SILENT(symo_symmetry_measure, p, NULL, s.theta, s.rng, NULL, &s.out.report);
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "problem is NULL", NULL, s.layout, s.theta, s.rng, NULL,
          &s.out.report);
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "theta is NULL", p, s.layout, NULL, s.rng, NULL,
          &s.out.report);
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "rng is NULL", p, s.layout, s.theta, NULL, NULL,
          &s.out.report);
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "out is NULL", p, s.layout, s.theta, s.rng, NULL, NULL);
  MEASURE(SYMO_E_NONFINITE, "symmetry: theta: ", "tensor w", p, s.layout, s.nan, s.rng, NULL,
          &s.out.report);
  spec.samples = 0;
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "0 samples", p, s.layout, s.theta, s.rng, &spec,
          &s.out.report);
  spec = symo_symmetry_spec_default();
  spec.exact = (double)NAN;
  MEASURE(SYMO_E_ARGUMENT, "symmetry: ", "bounds", p, s.layout, s.theta, s.rng, &spec,
          &s.out.report);
  p->size = 8;
  MEASURE(SYMO_E_SHAPE, "symmetry: ", "8 parameters", p, s.layout, s.theta, s.rng, NULL,
          &s.out.report);
  *p = sound;
  p->dtype = SYMO_ANY;
  MEASURE(SYMO_E_DTYPE, "symmetry: ", "dtype", p, s.layout, s.theta, s.rng, NULL, &s.out.report);
  p->gradient = NULL;
  MEASURE(SYMO_E_UNSUPPORTED, "symmetry: ", "no gradient", p, s.layout, s.theta, s.rng, NULL,
          &s.out.report);
  *p = sound;
  GIVES(symo_symmetry_verdict_name, NULL, NULL, != NULL, (symo_symmetry_verdict)17);
  double *shared = s.dense;
  for (int ggn = 0; ggn < 2; ggn++) {
    const char *where = ggn ? "problem_ggn: " : "problem_hessian: ";
    symo_status (*exact)(symo_context *, const symo_problem *, const void *, double *) =
        ggn ? symo_problem_ggn : symo_problem_hessian;
    REFUSED(exact, SYMO_E_ARGUMENT, where, "problem is NULL", s.context, NULL, s.theta,
            s.out.matrix);
    REFUSED(exact, SYMO_E_ARGUMENT, where, "theta is NULL", s.context, p, NULL, s.out.matrix);
    REFUSED(exact, SYMO_E_ARGUMENT, where, "is NULL", s.context, p, s.theta, NULL);
    REFUSED(exact, SYMO_E_ARGUMENT, where, "shares memory", s.context, p, shared, shared);
    REFUSED(exact, SYMO_E_ARGUMENT, where, "shares memory", s.context, p, shared + 80, shared);
    p->dtype = SYMO_ANY;
    REFUSED(exact, SYMO_E_DTYPE, where, "dtype", s.context, p, s.theta, s.out.matrix);
    p->dtype = SYMO_F64;
  }
  p->hvp = NULL;
  REFUSED(symo_problem_hessian, SYMO_E_UNSUPPORTED, "problem_hessian: ", "hvp", s.context, p,
          s.theta, s.out.matrix);
  p->ggn = NULL;
  REFUSED(symo_problem_ggn, SYMO_E_UNSUPPORTED, "problem_ggn: ", "ggn", s.context, p, s.theta,
          s.out.matrix);
  NOTHING_FAILS(symo_symmetry_spec_default);
  NOTHING_FAILS(symo_symmetry_destroy);
  stage_close(&s);
}
