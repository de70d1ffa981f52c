/* Bad arguments, one at a time: operators, estimates from probes, low rank. */
#include "tests/interface/stage.h"

#include <math.h>
#include <string.h>

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
