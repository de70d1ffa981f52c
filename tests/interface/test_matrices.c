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

static symo_status unit_product(void *self, size_t k, const void *v, void *av) {
  (void)self;
  memcpy(av, v, k * STAGE_SIZE * sizeof(double));
  return SYMO_OK;
}

Test(interface, operators) {
  stage s;
  stage_open(&s);
  symo_problem *p = &s.problem;
  const symo_problem sound = s.problem;
  symo_problem_point point = {p, s.theta, SYMO_MATRIX_HESSIAN};
  symo_operator a = {"unit", STAGE_SIZE, SYMO_F64, NULL, unit_product}, out;
  symo_lanczos_spec spec = symo_lanczos_spec_default();
  symo_eigenpairs pairs;
#define POINT(expected, word, point, out)                                                          \
  REFUSED(symo_operator_of_problem, expected, "operator_of_problem: ", word, s.context, point, out)
  POINT(SYMO_E_ARGUMENT, "point is NULL", NULL, &out);
  POINT(SYMO_E_ARGUMENT, "out is NULL", &point, NULL);
  point.theta = NULL;
  POINT(SYMO_E_ARGUMENT, "theta is NULL", &point, &out);
  point = (symo_problem_point){NULL, s.theta, SYMO_MATRIX_HESSIAN};
  POINT(SYMO_E_ARGUMENT, "problem is NULL", &point, &out);
  point.problem = p;
  p->dtype = SYMO_ANY;
  POINT(SYMO_E_DTYPE, "dtype", &point, &out);
  p->hvp = NULL;
  POINT(SYMO_E_UNSUPPORTED, "fill hvp", &point, &out);
  point.matrix = SYMO_MATRIX_GGN;
  p->ggn = NULL;
  POINT(SYMO_E_UNSUPPORTED, "fill ggn", &point, &out);
  *p = sound;
#define LANCZOS(expected, word, a, spec, rng, pairs)                                               \
  REFUSED(symo_lanczos, expected, "lanczos: ", word, s.context, a, spec, rng, pairs)
  LANCZOS(SYMO_E_ARGUMENT, "operator is NULL", NULL, NULL, s.rng, &pairs);
  LANCZOS(SYMO_E_ARGUMENT, "rng is NULL", &a, NULL, NULL, &pairs);
  LANCZOS(SYMO_E_ARGUMENT, "pairs is NULL", &a, NULL, s.rng, NULL);
  LANCZOS(SYMO_E_SIZE, "10 eigenpairs of a matrix of size 9", &a, NULL, s.rng, &pairs);
  spec.count = 0;
  LANCZOS(SYMO_E_ARGUMENT, "count is 0", &a, &spec, s.rng, &pairs);
  spec = (symo_lanczos_spec){.count = 3, .basis = 3};
  LANCZOS(SYMO_E_ARGUMENT, "a basis of 3 for 3", &a, &spec, s.rng, &pairs);
  spec = (symo_lanczos_spec){.count = 3, .tolerance = (double)NAN};
  LANCZOS(SYMO_E_ARGUMENT, "tolerance", &a, &spec, s.rng, &pairs);
  symo_operator bad = a;
  bad.product = NULL;
  LANCZOS(SYMO_E_ARGUMENT, "unit has no product", &bad, NULL, s.rng, &pairs);
  bad = a;
  bad.size = 0;
  LANCZOS(SYMO_E_ARGUMENT, "size 0", &bad, NULL, s.rng, &pairs);
  bad = a;
  bad.dtype = SYMO_ANY;
  LANCZOS(SYMO_E_DTYPE, "dtype", &bad, NULL, s.rng, &pairs);
#define QUADRATURE(expected, word, a, steps, start, rng, count, nodes, weights)                    \
  REFUSED(symo_lanczos_quadrature, expected, "lanczos_quadrature: ", word, s.context, a, steps,    \
          start, rng, count, nodes, weights)
  double *nodes = s.out.vector, *weights = s.out.matrix;
  size_t *count = &s.out.count;
  QUADRATURE(SYMO_E_ARGUMENT, "operator is NULL", NULL, 3, NULL, s.rng, count, nodes, weights);
  QUADRATURE(SYMO_E_ARGUMENT, "no steps", &a, 0, NULL, s.rng, count, nodes, weights);
  QUADRATURE(SYMO_E_ARGUMENT, "rng is NULL", &a, 3, NULL, NULL, count, nodes, weights);
  QUADRATURE(SYMO_E_ARGUMENT, "count is NULL", &a, 3, NULL, s.rng, NULL, nodes, weights);
  QUADRATURE(SYMO_E_ARGUMENT, "nodes is NULL", &a, 3, NULL, s.rng, count, NULL, weights);
  QUADRATURE(SYMO_E_ARGUMENT, "weights is NULL", &a, 3, NULL, s.rng, count, nodes, NULL);
  QUADRATURE(SYMO_E_ARGUMENT, "norm of the start is nan", &a, 3, s.nan, s.rng, count, nodes,
             weights);
  double *number = &s.out.number;
  bad = a;
  bad.product = NULL;
  REFUSED(symo_hutchinson, SYMO_E_ARGUMENT, "hutchinson: ", "operator is NULL", s.context, NULL, 3,
          s.rng, number, NULL, NULL);
  REFUSED(symo_hutchinson, SYMO_E_ARGUMENT, "hutchinson: ", "no product", s.context, &bad, 3, s.rng,
          number, NULL, NULL);
  REFUSED(symo_hutchinson, SYMO_E_ARGUMENT, "hutchinson: ", "no probes", s.context, &a, 0, s.rng,
          number, NULL, NULL);
  REFUSED(symo_hutchinson, SYMO_E_ARGUMENT, "hutchinson: ", "rng is NULL", s.context, &a, 3, NULL,
          number, NULL, NULL);
  REFUSED(symo_hutchinson, SYMO_E_ARGUMENT, "hutchinson: ", "trace is NULL", s.context, &a, 3,
          s.rng, NULL, NULL, NULL);
  REFUSED(symo_hutchpp, SYMO_E_ARGUMENT, "hutchpp: ", "operator is NULL", s.context, NULL, 9, s.rng,
          number, NULL);
  REFUSED(symo_hutchpp, SYMO_E_ARGUMENT, "hutchpp: ", "5 products", s.context, &a, 5, s.rng, number,
          NULL);
  REFUSED(symo_hutchpp, SYMO_E_ARGUMENT, "hutchpp: ", "rng is NULL", s.context, &a, 9, NULL, number,
          NULL);
  REFUSED(symo_hutchpp, SYMO_E_ARGUMENT, "hutchpp: ", "trace is NULL", s.context, &a, 9, s.rng,
          NULL, NULL);
  NOTHING_FAILS(symo_lanczos_spec_default);
  NOTHING_FAILS(symo_eigenpairs_free);
  stage_close(&s);
}

Test(interface, probes_and_low_rank) {
  stage s;
  stage_open(&s);
  double unit[2 * STAGE_SIZE] = {1}, values[2] = {2, 1}, *numbers = s.out.vector;
  symo_operator a = {"unit", STAGE_SIZE, SYMO_F64, NULL, unit_product}, bad = a;
  symo_lowrank_spec spec = symo_lowrank_spec_default();
  symo_lowrank_cost cost;
  symo_lowrank *h, *out;
  unit[STAGE_SIZE + 1] = 1;
  cr_assert(symo_lowrank_create(s.h, 2, values, unit, &h) == SYMO_OK);
  SILENT(symo_estimate_probes, NULL, SYMO_AVERAGE, 1, &s.in, &s.in, &s.out.hessian);
#define PROBES(expected, word, method, count, v, av, out)                                          \
  REFUSED(symo_estimate_probes, expected, "estimate", word, s.plan, method, count, v, av, out)
  PROBES(SYMO_E_ARGUMENT, "probes is NULL", SYMO_AVERAGE, 1, NULL, &s.in, &s.out.hessian);
  PROBES(SYMO_E_ARGUMENT, "products is NULL", SYMO_AVERAGE, 1, &s.in, NULL, &s.out.hessian);
  PROBES(SYMO_E_ARGUMENT, "out is NULL", SYMO_AVERAGE, 1, &s.in, &s.in, NULL);
  PROBES(SYMO_E_ARGUMENT, "no method 9", (symo_probe_method)9, 1, &s.in, &s.in, &s.out.hessian);
  PROBES(SYMO_E_ARGUMENT, "no product", SYMO_AVERAGE, 0, &s.in, &s.in, &s.out.hessian);
  const symo_const_vector hole = s.inputs[STAGE_INPUT_FAULTS - 1].v;
  PROBES(SYMO_E_NONFINITE, "product 0", SYMO_AVERAGE, 1, &s.in, &hole, &s.out.hessian);
  PROBES(SYMO_E_NONFINITE, "probe 0", SYMO_AVERAGE, 1, &hole, &s.in, &s.out.hessian);
  SILENT(symo_estimate_probes_near, NULL, 1, 1, &s.in, &s.in, NULL, &s.out.hessian);
#define NEAR(expected, word, strength, count, v, av, out)                                          \
  REFUSED(symo_estimate_probes_near, expected, "estimate_probes_near: ", word, s.h, strength,      \
          count, v, av, NULL, out)
  NEAR(SYMO_E_ARGUMENT, "probes is NULL", 1, 1, NULL, &s.in, &s.out.hessian);
  NEAR(SYMO_E_ARGUMENT, "products is NULL", 1, 1, &s.in, NULL, &s.out.hessian);
  NEAR(SYMO_E_ARGUMENT, "out is NULL", 1, 1, &s.in, &s.in, NULL);
  NEAR(SYMO_E_ARGUMENT, "no probes", 1, 0, &s.in, &s.in, &s.out.hessian);
  NEAR(SYMO_E_ARGUMENT, "strength 0", 0, 1, &s.in, &s.in, &s.out.hessian);
  NEAR(SYMO_E_ARGUMENT, "strength nan", (double)NAN, 1, &s.in, &s.in, &s.out.hessian);
  NEAR(SYMO_E_NONFINITE, "a product holds", 1, 1, &s.in, &hole, &s.out.hessian);
  REFUSED(symo_estimate_probes_near, SYMO_E_NONFINITE, "matvec: ", "NaN", s.h, 1, 1, &hole, &s.in,
          NULL, &s.out.hessian);
  SILENT(symo_lowrank_create, NULL, 2, values, unit, &out);
#define CREATE(expected, word, k, values, vectors, out)                                            \
  REFUSED(symo_lowrank_create, expected, "lowrank_create: ", word, s.h, k, values, vectors, out)
  CREATE(SYMO_E_ARGUMENT, "out is NULL", 2, values, unit, NULL);
  CREATE(SYMO_E_ARGUMENT, "values is NULL", 2, NULL, unit, &out);
  CREATE(SYMO_E_ARGUMENT, "vectors is NULL", 2, values, NULL, &out);
  CREATE(SYMO_E_SIZE, "10 eigenpairs", STAGE_SIZE + 1, values, unit, &out);
  const double nan = (double)NAN;
  CREATE(SYMO_E_NONFINITE, "NaN", 1, &nan, unit, &out);
  CREATE(SYMO_E_NONFINITE, "NaN", 1, values, s.nan, &out);
  unit[STAGE_SIZE] = 0.5;
  CREATE(SYMO_E_ARGUMENT, "vectors 0 and 1", 2, values, unit, &out);
  SILENT(symo_lowrank_plan, NULL, NULL, &cost);
  REFUSED(symo_lowrank_plan, SYMO_E_ARGUMENT, "lowrank_plan: ", "cost is NULL", s.plan, NULL, NULL);
  spec = (symo_lowrank_spec){.products = 7, .rank = 5, .probes = 3};
  REFUSED(symo_lowrank_plan, SYMO_E_ARGUMENT, "lowrank: ", "raise the products to 8", s.plan, &spec,
          &cost);
  spec = (symo_lowrank_spec){.products = 7, .strength = -1};
  REFUSED(symo_lowrank_plan, SYMO_E_ARGUMENT, "lowrank: ", "strength -1", s.plan, &spec, &cost);
  spec = (symo_lowrank_spec){.products = 7, .prior = s.h};
  REFUSED(symo_lowrank_plan, SYMO_E_ARGUMENT, "lowrank: ", "strength 0 says nothing", s.plan, &spec,
          &cost);
  symo_lowrank_quality quality;
  SILENT(symo_lowrank_measure, NULL, &a, 1, s.rng, &quality);
#define QUALITY(expected, word, a, probes, rng, out)                                               \
  REFUSED(symo_lowrank_measure, expected, "lowrank_measure: ", word, h, a, probes, rng, out)
  QUALITY(SYMO_E_ARGUMENT, "operator is NULL", NULL, 1, s.rng, &quality);
  QUALITY(SYMO_E_ARGUMENT, "rng is NULL", &a, 1, NULL, &quality);
  QUALITY(SYMO_E_ARGUMENT, "out is NULL", &a, 1, s.rng, NULL);
  QUALITY(SYMO_E_ARGUMENT, "no probes", &a, 0, s.rng, &quality);
  spec = (symo_lowrank_spec){.products = 7, .rank = 5, .probes = 3};
  SILENT(symo_lowrank_estimate, NULL, &a, NULL, s.rng, &out, NULL);
#define ESTIMATE(expected, word, a, spec, rng, out)                                                \
  REFUSED(symo_lowrank_estimate, expected, "lowrank", word, s.plan, a, spec, rng, out, NULL)
  ESTIMATE(SYMO_E_ARGUMENT, "operator is NULL", NULL, NULL, s.rng, &out);
  ESTIMATE(SYMO_E_ARGUMENT, "rng is NULL", &a, NULL, NULL, &out);
  ESTIMATE(SYMO_E_ARGUMENT, "out is NULL", &a, NULL, s.rng, NULL);
  ESTIMATE(SYMO_E_ARGUMENT, "raise the products", &a, &spec, s.rng, &out);
  bad.size = 8;
  ESTIMATE(SYMO_E_SHAPE, "acts on 8 numbers", &bad, NULL, s.rng, &out);
  bad = a;
  bad.dtype = SYMO_F32;
  ESTIMATE(SYMO_E_DTYPE, "the operator is f32", &bad, NULL, s.rng, &out);
  SILENT(symo_lowrank_abs, NULL, &out);
  REFUSED(symo_lowrank_abs, SYMO_E_ARGUMENT, "lowrank_abs: ", "out is NULL", h, NULL);
  SILENT(symo_lowrank_logdet, NULL, 0, numbers);
  REFUSED(symo_lowrank_logdet, SYMO_E_ARGUMENT, "lowrank_logdet: ", "out is NULL", h, 0, NULL);
  REFUSED(symo_lowrank_logdet, SYMO_E_ARGUMENT, "lowrank_logdet: ", "damping", h, -1, numbers);
  SILENT(symo_lowrank_dense, NULL, s.out.matrix);
  REFUSED(symo_lowrank_dense, SYMO_E_ARGUMENT, "lowrank_dense: ", "out is NULL", h, NULL);
  SILENT(symo_lowrank_describe, NULL, &s.out.text);
  REFUSED(symo_lowrank_describe, SYMO_E_ARGUMENT, "lowrank_describe: ", "out is NULL", h, NULL);
  SILENT(symo_lowrank_matvec, NULL, s.in, s.y);
  BAD_INPUTS(symo_lowrank_matvec, "lowrank_matvec: ", true, h, v, s.y);
  BAD_OUTPUTS(symo_lowrank_matvec, "lowrank_matvec", h, s.in, v);
  SILENT(symo_lowrank_solve, NULL, 0, s.in, s.y);
  REFUSED(symo_lowrank_solve, SYMO_E_ARGUMENT, "lowrank_solve: ", "damping", h, -1, s.in, s.y);
  BAD_INPUTS(symo_lowrank_solve, "lowrank_solve: ", true, h, 1, v, s.y);
  BAD_OUTPUTS(symo_lowrank_solve, "lowrank_solve", h, 1, s.in, v);
  SILENT(symo_lowrank_power, NULL, 0.5, 0, s.in, s.y);
  REFUSED(symo_lowrank_power, SYMO_E_ARGUMENT, "lowrank_power: ", "damping", h, 1, -1, s.in, s.y);
  REFUSED(symo_lowrank_power, SYMO_E_ARGUMENT, "lowrank_power: ", "exponent", h, (double)NAN, 1,
          s.in, s.y);
  BAD_INPUTS(symo_lowrank_power, "lowrank_power: ", true, h, 0.5, 1, v, s.y);
  BAD_OUTPUTS(symo_lowrank_power, "lowrank_power", h, 0.5, 1, s.in, v);
  SILENT(symo_lowrank_diagonal, NULL, s.y);
  SILENT(symo_lowrank_sample, NULL, 1, s.rng, s.y);
  REFUSED(symo_lowrank_sample, SYMO_E_ARGUMENT, "lowrank_sample: ", "rng is NULL", h, 1, NULL, s.y);
  GIVES(symo_lowrank_rest, NULL, NULL, == NULL, NULL);
  GIVES(symo_lowrank_rank, NULL, NULL, == 0, NULL);
  GIVES(symo_lowrank_values, NULL, NULL, == NULL, NULL);
  GIVES(symo_lowrank_vectors, NULL, NULL, == NULL, NULL);
  GIVES(symo_lowrank_detail, NULL, NULL, [0] == 0, NULL);
  const double trace = symo_lowrank_trace(NULL), norm = symo_lowrank_frobenius(NULL);
  cr_assert(isnan(trace) && isnan(norm));
  GIVES(symo_lowrank_trace, NULL, NULL, != 0, NULL);
  GIVES(symo_lowrank_frobenius, NULL, NULL, != 0, NULL);
  NOTHING_FAILS(symo_lowrank_spec_default);
  NOTHING_FAILS(symo_lowrank_destroy);
  symo_lowrank_destroy(h);
  stage_close(&s);
}
