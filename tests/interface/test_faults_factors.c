/* The same for layer statistics, K-FAC, products, and low rank. */
#include "tests/interface/faults.h"

static symo_status unit_product(void *self, size_t k, const void *v, void *av) {
  for (size_t i = 0; i < k * STAGE_SIZE; i++)
    ((double *)av)[i] = (double)(1 + i % STAGE_SIZE) * ((const double *)v)[i];
  return SYMO_OK;
}

/* w and b of the stage. */
static const symo_factor_site site = {.weight = 0, .bias = 6, .outputs = 3, .inputs = 2};

static symo_status factors_of(void *self, const void *theta, double *loss, void *grad,
                              const symo_factor_request *request) {
  if (loss != NULL) *loss = 1;
  const double numbers[9] = {1, 2, 3, 5, 7, 2, 1, 1, 4};
  const symo_factor_rows rows = {
      .examples = 3, .repeats = 1, .inputs = numbers, .outputs = numbers};
  for (size_t i = 0; i < request->num_sites; i++) {
    symo_status status = symo_factor_sums_add(self, &site, &request->sums[i], &rows);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

Test(faults, layer_statistics) {
  stage s;
  stage_open(&s);
  double inputs[9] = {0}, outputs[9] = {0}, tests[6] = {1, 2, 3, 4, 5, 6};
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  const symo_factor_rows rows = {.examples = 3, .repeats = 1, .inputs = s.x, .outputs = s.theta};
  FAULTY(symo_factor_sums_add, (void)0, s.context, &site, &sums, &rows);
  sums.sharing = SYMO_SHARING_REDUCE;
  FAULTY(symo_factor_sums_add, (void)0, s.context, &site, &sums, &rows);
  sums.input_columns = 2, sums.input_tests = tests;
  FAULTY(symo_factor_sums_add, (void)0, s.context, &site, &sums, &rows);
  QUIET(symo_factor_width, &site, &sums);
  QUIET(symo_factor_sums_clear, &site, &sums);
  QUIET(symo_factor_sums_join, &site, &sums, &sums);
  stage_close(&s);
}

Test(faults, kfac) {
  stage s;
  stage_open(&s);
  double inputs[9] = {0}, outputs[9] = {0}, moments[9];
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  const symo_factor_rows rows = {.examples = 3, .repeats = 1, .inputs = s.x, .outputs = s.theta};
  const symo_kfac_damping exact = SYMO_KFAC_EXACT;
  const double *basis = NULL, *other = NULL;
  symo_kfac *kfac = NULL, *out = NULL;
  symo_kfac_spec spec = symo_kfac_spec_default();
  symo_problem p = s.problem;
  cr_ok(s.context, symo_factor_sums_add(s.context, &site, &sums, &rows));
  FAULTY(symo_kfac_create, symo_kfac_destroy(out), s.context, STAGE_SIZE, 1, &site, &out);
  cr_ok(s.context, symo_kfac_create(s.context, STAGE_SIZE, 1, &site, &kfac));
  cr_ok(s.context, symo_kfac_set(kfac, 0, &sums)); /* another takes its place */
  FAULTY(symo_kfac_set, (void)0, kfac, 0, &sums);
  for (int i = 0; i < 9; i++) moments[i] = 1 + i;
  symo_factor_sums corrected = sums;
  corrected.moments = moments;
  cr_ok(s.context, symo_kfac_set_moments(kfac, 0, &corrected));
  FAULTY(symo_kfac_set_moments, (void)0, kfac, 0, &corrected);
  cr_ok(s.context, symo_kfac_set(kfac, 0, &sums));
  cr_ok(s.context, symo_kfac_set_diagonal(kfac, s.x));
  FAULTY(symo_kfac_set_diagonal, (void)0, kfac, s.x);
  FAULTY(symo_kfac_basis, (void)0, kfac, 0, &basis, &other);
  FAULTY(symo_kfac_matvec, (void)0, kfac, s.x, s.out.vector);
  FAULTY(symo_kfac_power, (void)0, kfac, -0.5, exact, 0.1, s.x, s.out.vector);
  FAULTY(symo_kfac_solve, (void)0, kfac, SYMO_KFAC_FACTORED, 0.1, s.x, s.out.vector);
  FAULTY(symo_kfac_sample, (void)0, kfac, exact, 0.1, s.rng, s.out.vector);
  FAULTY(symo_kfac_logdet, (void)0, kfac, exact, 0.1, &s.out.number);
  FAULTY(symo_kfac_dense, (void)0, kfac, 1, exact, 0.1, s.out.matrix);
  FAULTY(symo_kfac_eigenvalues, (void)0, kfac, s.out.vector);
  FAULTY(symo_kfac_write, (void)0, kfac, fault_path());
  FAULTY_WITH(symo_kfac_read, cr_ok(s.context, symo_kfac_write(kfac, fault_path())),
              symo_kfac_destroy(out), (void)0, s.context, fault_path(), &out);
  FAULTY(symo_kfac_truncate, (void)0, kfac, 1, 1);
  p.self = s.context;
  p.factors = factors_of;
  p.sites = &site;
  p.num_sites = 1;
  FAULTY(symo_kfac_of_problem, symo_kfac_destroy(out), s.context, &p, s.theta, &spec, &out);
  QUIET(symo_kfac_spec_default, );
  QUIET(symo_kfac_size, kfac);
  QUIET(symo_kfac_stored, kfac);
  QUIET(symo_kfac_trace, kfac);
  QUIET(symo_kfac_destroy, NULL);
  symo_kfac_destroy(kfac);
  stage_close(&s);
}

Test(faults, products_and_eigenpairs) {
  stage s;
  stage_open(&s);
  symo_operator a = {"unit", STAGE_SIZE, SYMO_F64, NULL, unit_product}, out;
  const symo_problem_point point = {&s.problem, s.theta, SYMO_MATRIX_HESSIAN};
  symo_lanczos_spec spec = symo_lanczos_spec_default();
  symo_eigenpairs pairs = {.count = 0};
  spec.count = 3;
  FAULTY(symo_operator_of_problem, (void)0, s.context, &point, &out);
  FAULTY(symo_lanczos, symo_eigenpairs_free(&pairs), s.context, &a, &spec, s.rng, &pairs);
  FAULTY(symo_lanczos_quadrature, (void)0, s.context, &a, 3, NULL, s.rng, &s.out.count,
         s.out.vector, s.out.matrix);
  QUIET(symo_lanczos_spec_default, );
  QUIET(symo_eigenpairs_free, NULL);
  stage_close(&s);
}

Test(faults, low_rank) {
  stage s;
  stage_open(&s);
  double unit[2 * STAGE_SIZE] = {1}, values[2] = {2, 1};
  symo_operator a = {"unit", STAGE_SIZE, SYMO_F64, NULL, unit_product};
  symo_lowrank_spec spec = symo_lowrank_spec_default();
  symo_lowrank_cost cost;
  symo_lowrank *h = NULL, *out = NULL;
  unit[STAGE_SIZE + 1] = 1;
  cr_ok(s.context, symo_lowrank_create(s.h, 2, values, unit, &h));
  for (int method = SYMO_LEAST_SQUARES; method <= SYMO_AVERAGE; method++)
    FAULTY(symo_estimate_probes, symo_hessian_destroy(s.out.hessian), s.plan,
           (symo_probe_method)method, 1, &s.in, &s.in, &s.out.hessian);
  FAULTY(symo_lowrank_create, symo_lowrank_destroy(out), s.h, 2, values, unit, &out);
  FAULTY(symo_lowrank_plan, (void)0, s.plan, &spec, &cost);
  FAULTY(symo_lowrank_estimate, symo_lowrank_destroy(out), s.plan, &a, &spec, s.rng, &out, &cost);
  FAULTY(symo_lowrank_abs, symo_lowrank_destroy(out), h, &out);
  FAULTY(symo_lowrank_logdet, (void)0, h, 0.1, &s.out.number);
  FAULTY(symo_lowrank_diagonal, (void)0, h, s.y);
  FAULTY(symo_lowrank_dense, (void)0, h, s.out.matrix);
  FAULTY(symo_lowrank_matvec, (void)0, h, s.in, s.y);
  FAULTY(symo_lowrank_solve, (void)0, h, 0.1, s.in, s.y);
  FAULTY(symo_lowrank_power, (void)0, h, -0.5, 0.1, s.in, s.y);
  FAULTY(symo_lowrank_sample, (void)0, h, 0.1, s.rng, s.y);
  FAULTY(symo_lowrank_describe, symo_free(s.out.text), h, &s.out.text);
  QUIET(symo_lowrank_spec_default, );
  QUIET(symo_lowrank_detail, h);
  QUIET(symo_lowrank_rest, h);
  QUIET(symo_lowrank_rank, h);
  QUIET(symo_lowrank_values, h);
  QUIET(symo_lowrank_vectors, h);
  QUIET(symo_lowrank_trace, h);
  QUIET(symo_lowrank_frobenius, h);
  QUIET(symo_lowrank_destroy, NULL);
  symo_lowrank_destroy(h);
  stage_close(&s);
}

Test(faults, graphs) {
  stage s;
  stage_open(&s);
  static const char graph[] =
      "{\"nodes\": [{\"op\": \"input\", \"name\": \"x\", \"shape\": [4]}, {\"op\": \"dense\", "
      "\"name\": \"h\", \"from\": \"x\", \"in\": 4, \"out\": 3, \"weight\": \"w\", \"bias\": "
      "\"b\"}, "
      "{\"op\": \"dense\", \"name\": \"y\", \"from\": \"h\", \"in\": 3, \"out\": 2, \"weight\": "
      "\"v\"}, {\"op\": \"output\", \"from\": \"y\", \"loss\": \"mse\"}]}";
  FAULTY(symo_graph_layout, (symo_layout_destroy(s.out.layout), symo_free(s.out.text)), s.context,
         graph, 0, &s.out.layout, &s.out.text);
  stage_close(&s);
}
