/* Operators, probes and low rank plus symmetry while memory runs out and LAPACK fails. */
#include "tests/interface/faults.h"

static symo_status product(void *self, size_t k, const void *v, void *av) {
  const double *in = v;
  double *out = av;
  (void)self;
  for (size_t i = 0; i < k * STAGE_SIZE; i++) out[i] = (double)(i % STAGE_SIZE + 1) * in[i];
  return SYMO_OK;
}

static const symo_operator known = {"known", STAGE_SIZE, SYMO_F64, NULL, product};

Test(faults, operators) {
  stage s;
  stage_open(&s);
  symo_problem_point point = {&s.problem, s.theta, SYMO_MATRIX_HESSIAN};
  symo_operator a;
  symo_eigenpairs pairs = {0};
  const symo_lanczos_spec spec = {.count = 2, .basis = 5, .products = 40, .repeated = true};
  QUIET(symo_operator_of_problem, s.context, &point, &a);
  QUIET(symo_lanczos_spec_default, );
  FAULTY(symo_lanczos, symo_eigenpairs_free(&pairs), s.context, &known, &spec, s.rng, &pairs);
  FAULTY(symo_lanczos_quadrature, (void)0, s.context, &known, 4, s.theta, s.rng, &s.out.count,
         s.out.vector, s.out.matrix);
  QUIET(symo_eigenpairs_free, &pairs);
  FAULTY(symo_hutchinson, (void)0, s.context, &known, 4, s.rng, &s.out.number, NULL, s.out.vector);
  FAULTY(symo_hutchpp, (void)0, s.context, &known, 9, s.rng, &s.out.number, NULL);
  FAULTY(symo_estimate_probes, symo_hessian_destroy(s.out.hessian), s.plan, SYMO_LEAST_SQUARES, 1,
         &s.in, &s.in, &s.out.hessian);
  FAULTY(symo_estimate_probes, symo_hessian_destroy(s.out.hessian), s.plan, SYMO_AVERAGE, 1, &s.in,
         &s.in, &s.out.hessian);
  FAULTY(symo_estimate_probes_near, symo_hessian_destroy(s.out.hessian), s.h, 0.5, 1, &s.in, &s.in,
         NULL, &s.out.hessian);
  stage_close(&s);
}

Test(faults, low_rank_plus_symmetry) {
  stage s;
  stage_open(&s);
  const symo_lowrank_spec spec = {
      .products = 6, .rank = 2, .probes = 2, .absolute = true, .strength = 0.5};
  symo_lowrank_quality quality;
  symo_lowrank_cost cost;
  symo_lowrank *h, *out;
  double unit[STAGE_SIZE] = {1}, value = 2;
  bool is_lowrank;
  const char *path = fault_path();
  cr_ok(s.context, symo_lowrank_estimate(s.plan, &known, &spec, s.rng, &h, NULL));
  FAULTY(symo_lowrank_create, symo_lowrank_destroy(out), s.h, 1, &value, unit, &out);
  FAULTY(symo_lowrank_estimate, symo_lowrank_destroy(out), s.plan, &known, &spec, s.rng, &out,
         NULL);
  FAULTY(symo_lowrank_measure, (void)0, h, &known, 3, s.rng, &quality);
  FAULTY(symo_lowrank_abs, symo_lowrank_destroy(out), h, &out);
  FAULTY(symo_lowrank_logdet, (void)0, h, 1, &s.out.number);
  FAULTY(symo_lowrank_dense, (void)0, h, s.out.matrix);
  FAULTY(symo_lowrank_diagonal, (void)0, h, s.y);
  FAULTY(symo_lowrank_matvec, (void)0, h, s.in, s.y);
  FAULTY(symo_lowrank_solve, (void)0, h, 1, s.in, s.y);
  FAULTY(symo_lowrank_power, (void)0, h, 0.25, 1, s.in, s.y);
  FAULTY(symo_lowrank_sample, (void)0, h, 1, s.rng, s.y);
  FAULTY(symo_lowrank_describe, symo_free(s.out.text), h, &s.out.text);
  FAULTY(symo_lowrank_write, (void)0, h, path);
  FAULTY_WITH(symo_lowrank_read, cr_ok(s.context, symo_lowrank_write(h, path)),
              symo_lowrank_destroy(out), (void)0, s.context, path, &out);
  FAULTY_WITH(symo_hessian_file_is_lowrank, cr_ok(s.context, symo_lowrank_write(h, path)), (void)0,
              (void)0, s.context, path, &is_lowrank);
  QUIET(symo_lowrank_plan, s.plan, &spec, &cost);
  QUIET(symo_lowrank_spec_default, );
  QUIET(symo_lowrank_trace, h);
  QUIET(symo_lowrank_frobenius, h);
  QUIET(symo_lowrank_rest, h);
  QUIET(symo_lowrank_rank, h);
  QUIET(symo_lowrank_values, h);
  QUIET(symo_lowrank_vectors, h);
  QUIET(symo_lowrank_detail, h);
  QUIET(symo_lowrank_destroy, NULL);
  symo_lowrank_destroy(h);
  stage_close(&s);
}
