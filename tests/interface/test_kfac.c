/* Bad arguments, one at a time: layer statistics and K-FAC operators. */
#include "tests/interface/stage.h"

#include <math.h>

static const double bad_damping[] = {-1, (double)NAN, (double)INFINITY};
enum { BAD_DAMPING = 3 };

/* w and b of the stage. */
static const symo_factor_site site = {.weight = 0, .bias = 6, .outputs = 3, .inputs = 2};

Test(interface, statistics) {
  stage s;
  stage_open(&s);
  double inputs[9] = {0}, outputs[9] = {0};
  symo_factor_sums sums = {.dtype = SYMO_F64, .bias = true, .inputs = inputs, .outputs = outputs};
  symo_factor_rows rows = {.examples = 1, .repeats = 1, .inputs = s.x, .outputs = s.x};
  static const char where[] = "factor_sums_add: ";
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "site is NULL", s.context, NULL, &sums,
          &rows);
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "sums is NULL", s.context, &site, NULL,
          &rows);
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "rows is NULL", s.context, &site, &sums,
          NULL);
  rows.inputs = NULL;
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "rows->inputs", s.context, &site, &sums,
          &rows);
  rows.inputs = s.x;
  sums.dtype = (symo_dtype)17;
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "dtype", s.context, &site, &sums, &rows);
  sums.dtype = SYMO_F64;
  sums.input_columns = 2;
  REFUSED(symo_factor_sums_add, SYMO_E_ARGUMENT, where, "input_tests", s.context, &site, &sums,
          &rows);
  GIVES(symo_factor_width, NULL, NULL, == 0, NULL, &sums);
  GIVES(symo_factor_width, NULL, NULL, == 0, &site, NULL);
  GIVES(symo_optim_state_factors, NULL, NULL, == NULL, NULL);
  GIVES(symo_optim_state_factors, NULL, NULL, == NULL, s.state); /* sgd wants none */
  symo_factor_sums_clear(NULL, NULL);
  symo_factor_sums_join(&site, &sums, NULL);
  NOTHING_FAILS(symo_factor_sums_clear);
  NOTHING_FAILS(symo_factor_sums_join);
  stage_close(&s);
}

/* A set operator, and sums that it was set with. */
typedef struct kfac_stage {
  symo_kfac *kfac;
  double inputs[9], outputs[9];
  symo_factor_sums sums;
} kfac_stage;

static void open_kfac(stage *s, kfac_stage *k) {
  memset(k, 0, sizeof *k);
  k->sums = (symo_factor_sums){
      .dtype = SYMO_F64, .bias = true, .inputs = k->inputs, .outputs = k->outputs};
  const symo_factor_rows rows = {.examples = 3, .repeats = 1, .inputs = s->x, .outputs = s->theta};
  cr_ok(s->context, symo_factor_sums_add(s->context, &site, &k->sums, &rows));
  cr_ok(s->context, symo_kfac_create(s->context, STAGE_SIZE, 1, &site, &k->kfac));
  cr_ok(s->context, symo_kfac_set(k->kfac, 0, &k->sums));
}

Test(interface, kfac_being_made) {
  stage s;
  kfac_stage k;
  stage_open(&s);
  open_kfac(&s, &k);
  symo_kfac *out = NULL;
  symo_problem without = s.problem;
  without.factors = NULL;
  symo_factor_site wrong = site;
  symo_kfac_spec spec = symo_kfac_spec_default();
  const double *basis = NULL;
  REFUSED(symo_kfac_create, SYMO_E_ARGUMENT, "kfac_create: ", "out is NULL", s.context, STAGE_SIZE,
          1, &site, NULL);
  REFUSED(symo_kfac_create, SYMO_E_ARGUMENT, "kfac_create: ", "sites is NULL", s.context,
          STAGE_SIZE, 1, NULL, &out);
  wrong.bias = 7;
  REFUSED(symo_kfac_create, SYMO_E_ARGUMENT, "kfac: ", "site 0", s.context, STAGE_SIZE, 1, &wrong,
          &out);
  SILENT(symo_kfac_set, NULL, 0, &k.sums);
  REFUSED(symo_kfac_set, SYMO_E_ARGUMENT, "kfac_set: ", "sums is NULL", k.kfac, 0, NULL);
  REFUSED(symo_kfac_set, SYMO_E_ARGUMENT, "kfac_set: ", "no site 1", k.kfac, 1, &k.sums);
  SILENT(symo_kfac_basis, NULL, 0, &basis, NULL);
  REFUSED(symo_kfac_basis, SYMO_E_ARGUMENT, "kfac_basis: ", "no site 1", k.kfac, 1, &basis, NULL);
  SILENT(symo_kfac_set_moments, NULL, 0, &k.sums);
  REFUSED(symo_kfac_set_moments, SYMO_E_ARGUMENT, "kfac_set_moments: ", "moments is NULL", k.kfac,
          0, &k.sums);
  SILENT(symo_kfac_set_diagonal, NULL, s.x);
  REFUSED(symo_kfac_set_diagonal, SYMO_E_ARGUMENT, "kfac_set_diagonal: ", "diagonal is NULL",
          k.kfac, NULL);
  REFUSED(symo_kfac_set_diagonal, SYMO_E_NONFINITE, "kfac_set_diagonal: ", "NaN", k.kfac, s.nan);
  SILENT(symo_kfac_truncate, NULL, 1, 1);
  REFUSED(symo_kfac_truncate, SYMO_E_ARGUMENT, "kfac_truncate: ", "rank", k.kfac, (double)NAN, 1);
  REFUSED(symo_kfac_truncate, SYMO_E_ARGUMENT, "kfac_truncate: ", "share", k.kfac, 1, 1.5);
  REFUSED(symo_kfac_of_problem, SYMO_E_ARGUMENT, "kfac_of_problem: ", "problem is NULL", s.context,
          NULL, s.x, &spec, &out);
  REFUSED(symo_kfac_of_problem, SYMO_E_ARGUMENT, "kfac_of_problem: ", "theta is NULL", s.context,
          &s.problem, NULL, &spec, &out);
  REFUSED(symo_kfac_of_problem, SYMO_E_ARGUMENT, "kfac_of_problem: ", "spec is NULL", s.context,
          &s.problem, s.x, NULL, &out);
  REFUSED(symo_kfac_of_problem, SYMO_E_ARGUMENT, "kfac_of_problem: ", "out is NULL", s.context,
          &s.problem, s.x, &spec, NULL);
  REFUSED(symo_kfac_of_problem, SYMO_E_UNSUPPORTED, "kfac: ", "no layer statistics", s.context,
          &without, s.x, &spec, &out);
  cr_assert(out == NULL && basis == NULL);
  NOTHING_FAILS(symo_kfac_spec_default);
  NOTHING_FAILS(symo_kfac_destroy);
  symo_kfac_destroy(NULL);
  symo_kfac_destroy(k.kfac);
  stage_close(&s);
}

Test(interface, kfac_products) {
  stage s;
  kfac_stage k;
  stage_open(&s);
  open_kfac(&s, &k);
  const symo_kfac_damping exact = SYMO_KFAC_EXACT;
  double *y = s.out.vector;
  SILENT(symo_kfac_matvec, NULL, s.x, y);
  REFUSED(symo_kfac_matvec, SYMO_E_ARGUMENT, "kfac_matvec: ", "x is NULL", k.kfac, NULL, y);
  REFUSED(symo_kfac_matvec, SYMO_E_ARGUMENT, "kfac_matvec: ", "y is NULL", k.kfac, s.x, NULL);
  REFUSED(symo_kfac_matvec, SYMO_E_NONFINITE, "kfac_matvec: ", "NaN", k.kfac, s.nan, y);
  SILENT(symo_kfac_power, NULL, 1, exact, 0, s.x, y);
  REFUSED(symo_kfac_power, SYMO_E_ARGUMENT, "kfac_power: ", "power", k.kfac, (double)NAN, exact, 0,
          s.x, y);
  SILENT(symo_kfac_solve, NULL, exact, 0, s.x, y);
  SILENT(symo_kfac_sample, NULL, exact, 0, s.rng, y);
  REFUSED(symo_kfac_sample, SYMO_E_ARGUMENT, "kfac_sample: ", "rng is NULL", k.kfac, exact, 0, NULL,
          y);
  SILENT(symo_kfac_logdet, NULL, exact, 0, &s.out.number);
  REFUSED(symo_kfac_logdet, SYMO_E_ARGUMENT, "kfac_logdet: ", "out is NULL", k.kfac, exact, 0,
          NULL);
  SILENT(symo_kfac_dense, NULL, 1, exact, 0, s.out.matrix);
  REFUSED(symo_kfac_dense, SYMO_E_ARGUMENT, "kfac_dense: ", "out is NULL", k.kfac, 1, exact, 0,
          NULL);
  for (int i = 0; i < BAD_DAMPING; i++) {
    const double bad = bad_damping[i];
    REFUSED(symo_kfac_power, SYMO_E_ARGUMENT, "kfac_power: ", "damping", k.kfac, 1, exact, bad, s.x,
            y);
    REFUSED(symo_kfac_solve, SYMO_E_ARGUMENT, "kfac_solve: ", "damping", k.kfac, exact, bad, s.x,
            y);
    REFUSED(symo_kfac_logdet, SYMO_E_ARGUMENT, "kfac_logdet: ", "damping", k.kfac, exact, bad,
            &s.out.number);
    REFUSED(symo_kfac_dense, SYMO_E_ARGUMENT, "kfac_dense: ", "damping", k.kfac, 1, exact, bad,
            s.out.matrix);
    REFUSED(symo_kfac_sample, SYMO_E_ARGUMENT, "kfac_sample: ", "damping", k.kfac, exact, bad,
            s.rng, y);
  }
  SILENT(symo_kfac_eigenvalues, NULL, y);
  REFUSED(symo_kfac_eigenvalues, SYMO_E_ARGUMENT, "kfac_eigenvalues: ", "out is NULL", k.kfac,
          NULL);
  GIVES(symo_kfac_size, NULL, NULL, == 0, NULL);
  stage_prepare(&s);
  cr_assert(isnan(symo_kfac_stored(NULL)) && isnan(symo_kfac_trace(NULL)));
  NOTHING_FAILS(symo_kfac_stored);
  NOTHING_FAILS(symo_kfac_trace);
  SILENT(symo_kfac_write, NULL, "x");
  REFUSED(symo_kfac_write, SYMO_E_ARGUMENT, "kfac_write: ", "path is NULL", k.kfac, NULL);
  symo_kfac *out = NULL;
  REFUSED(symo_kfac_read, SYMO_E_ARGUMENT, "kfac_read: ", "path is NULL", s.context, NULL, &out);
  REFUSED(symo_kfac_read, SYMO_E_ARGUMENT, "kfac_read: ", "out is NULL", s.context, "x", NULL);
  symo_kfac_destroy(k.kfac);
  stage_close(&s);
}
