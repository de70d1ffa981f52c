/* A Hessian computed elsewhere: the same rows against the same references, without the loss (no
 * decrease of a step), the orbit mean of the parameters, and what is made of a network's layers. */
#include "experiments/compare/given.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "experiments/compare/lowrank.h"
#include "experiments/compare/report.h"
#include "experiments/models/network_layout.h"
#include "io/npy.h"

/* ---- reading ---- */

/* Largest |x|; NaN if a number is not finite. */
static double largest(size_t n, const double *x) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(x[i])) return (double)NAN;
    most = fmax(most, fabs(x[i]));
  }
  return most;
}

/* Differences between the triangles up to this, relative to the largest entry, are rounding of
 * float32, in which other programs often compute; the mean is taken. */
static const double rounding = 1e-5;

static int check_matrix(cli *c, const char *path, size_t n, double *h) {
  const double most = largest(n * n, h);
  size_t at = 0;
  while (isnan(most) && isfinite(h[at])) at++;
  if (isnan(most))
    return cli_fail(c, CLI_DATA,
                    "--hessian: %s: entry [%zu, %zu] is %s (check the loss and the weights)", path,
                    at / n, at % n, isnan(h[at]) ? "NaN" : "infinite");
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) {
      double *x = h + i * n + j, *y = h + j * n + i;
      if (fabs(*x - *y) > rounding * most)
        return cli_fail(c, CLI_DATA,
                        "--hessian: %s: not symmetric: entry [%zu, %zu] is %.9g and [%zu, %zu] is "
                        "%.9g (give the whole Hessian, both triangles)",
                        path, i, j, *x, j, i, *y);
      *x = *y = 0.5 * *x + 0.5 * *y;
    }
  return CLI_DONE;
}

static int read_matrix(cli *c, size_t n, double **out) {
  const char *path = cli_str(c, "hessian");
  symo_npy a = {0};
  symo_status status = symo_npy_read(cli_context(c), path, &a);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  int code = CLI_DONE;
  if (a.order != 2 || a.shape[0] != a.shape[1])
    code = cli_fail(c, CLI_DATA, "--hessian: %s: is no square matrix (order %zu, %zu x %zu)", path,
                    a.order, a.order > 0 ? a.shape[0] : 1, a.order > 1 ? a.shape[1] : 1);
  else if (a.shape[0] != n)
    code = cli_fail(c, CLI_DATA,
                    "--hessian: %s: is %zu x %zu, and the layout has %zu %s (the tensors in layout "
                    "order, each row-major)",
                    path, a.shape[0], a.shape[0], n, symo_plural(n, "parameter", "parameters"));
  else if (a.type != symo_scalar_of(SYMO_F64) && a.type != symo_scalar_of(SYMO_F32))
    code = cli_fail(c, CLI_DATA, "--hessian: %s: numbers of type %s (give <f8 or <f4)", path,
                    symo_scalar_name(a.type));
  double *h = code == CLI_DONE ? symo_malloc(a.count * sizeof *h + 1) : NULL;
  if (code == CLI_DONE && h == NULL) code = cli_fail_memory(c);
  const symo_dtype dtype = a.type == symo_scalar_of(SYMO_F32) ? SYMO_F32 : SYMO_F64;
  for (size_t i = 0; code == CLI_DONE && i < a.count; i++) h[i] = symo_get(dtype, a.data, i);
  symo_free(a.data);
  if (code == CLI_DONE) code = check_matrix(c, path, n, h);
  if (code == CLI_DONE)
    *out = h;
  else
    symo_free(h);
  return code;
}

static int read_all(cli *c, compare_run *run, cli_vector *grad) {
  network_point *s = &run->setup;
  cli_vector theta = {0};
  int code = cli_open_layout(c, &s->layout);
  if (code != CLI_DONE) return code;
  s->parameters = symo_layout_num_parameters(s->layout);
  s->spec.net.dtype = SYMO_F64;
  s->spec.seed = run->spec.network.seed;
  s->data_name = symo_strdup(cli_str(c, "hessian"));
  code = s->data_name == NULL ? cli_fail_memory(c) : read_matrix(c, s->parameters, &run->h);
  if (code == CLI_DONE) code = cli_read_vector(c, s->layout, cli_str(c, "grad"), SYMO_F64, grad);
  if (code != CLI_DONE || cli_str(c, "param") == NULL) return code;
  code = cli_read_vector(c, s->layout, cli_str(c, "param"), SYMO_F64, &theta);
  if (code == CLI_DONE) s->theta = theta.flat;
  symo_free(theta.data);
  return code;
}

/* ---- computing ---- */

static symo_status dense_product(void *self, size_t k, const void *v, void *av) {
  const compare_run *run = self;
  const size_t n = run->setup.parameters;
  symo_gemm(SYMO_F64, 1, symo_mat_dense((void *)(uintptr_t)v, k, n), symo_mat_dense(run->h, n, n),
            0, symo_mat_dense(av, k, n));
  return SYMO_OK;
}

static symo_status compute(compare_bench *b, const double *grad) {
  compare_run *run = b->run;
  network_point *s = &run->setup;
  const size_t n = s->parameters;
  symo_plan_spec spec = symo_plan_spec_default();
  spec.dtype = SYMO_F64;
  const symo_operator a = {"the given Hessian", n, SYMO_F64, run, dense_product};
  symo_status status;
  SYMO_TRY(symo_plan_create(s->layout, &spec, &s->exact_plan));
  SYMO_TRY(compare_prepare(b));
  memcpy(run->grad, grad, n * sizeof *grad);
  run->grad_norm = symo_nrm2(SYMO_F64, n, grad);
  run->h_norm = symo_nrm2(SYMO_F64, n * n, run->h);
  SYMO_TRY(compare_choose_centering(b->c, run));
  b->ref.h = run->h;
  b->ref.grad = run->grad;
  SYMO_TRY(compare_exact_reference(b));
  SYMO_TRY(compare_average_rows(b));
  SYMO_TRY(compare_family_rows(b));
  SYMO_TRY(compare_products_rows(b, &a));
  status = compare_identity_row(b);
fail:
  return status;
}

int compare_given_make(cli *c, const compare_spec *spec, const compare_want *want,
                       compare_run *run) {
  *run = (compare_run){.spec = *spec};
  run->abs.metrics = run->raw[0].metrics = run->raw[1].metrics = compare_metrics_none();
  run->loss = NAN;
  compare_bench b = {.c = c, .want = want, .run = run, .ref = {.context = cli_context(c)}};
  cli_vector grad = {0};
  int code = read_all(c, run, &grad);
  if (code == CLI_DONE) {
    symo_status status = compute(&b, grad.flat);
    if (status != SYMO_OK) code = cli_fail_status(c, status);
  }
  cli_drop_vector(&grad);
  compare_bench_free(&b);
  return code;
}

/* ---- answers ---- */

void compare_given_print_header(cli *c, const compare_run *run) {
  const network_point *s = &run->setup;
  printf("hessian  %s, %zu %s\n", s->data_name, s->parameters,
         symo_plural(s->parameters, "parameter", "parameters"));
  printf("gradient %s\n", cli_str(c, "grad"));
  compare_print_groups(s);
  printf("as given\n");
  printf("point    |gradient| %.3g, |H| %.3g, %zu of %zu %s negative\n", run->grad_norm,
         run->h_norm, run->negative, s->parameters,
         symo_plural(s->parameters, "eigenvalue", "eigenvalues"));
  compare_print_estimates(run, 1);
}

json_t *compare_given_json(cli *c, const compare_run *run) {
  json_t *out = json_object();
  cli_set(c, out, "hessian_file", json_string(run->setup.data_name));
  cli_set(c, out, "gradient_file", json_string(cli_str(c, "grad")));
  cli_set(c, out, "parameters", json_integer((json_int_t)run->setup.parameters));
  cli_set(c, out, "seed", json_integer((json_int_t)run->setup.spec.seed));
  compare_set_estimates(c, out, run);
  return out;
}
