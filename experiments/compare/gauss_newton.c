/* The exact Gauss-Newton matrix, dense: too expensive in practice, but it is the matrix that K-FAC
 * approximates. */
#include "experiments/compare/competitor.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

static symo_status build(const compare_input *in, compare_approx **out) {
  symo_problem problem = symo_net_problem(in->net);
  size_t n = problem.size, count;
  symo_status status = SYMO_OK;
  double *v = NULL, *w = symo_malloc(n * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (symo_mul_size(n, n * sizeof *v, &count)) v = symo_malloc(count);
  if (v == NULL || w == NULL || work == NULL) {
    status = symo_fail_memory(in->context, "compare: ggn");
    goto fail;
  }
  SYMO_TRY(symo_problem_ggn(in->context, &problem, in->theta, v));
  status = symo_eigh(SYMO_F64, n, v, w, work);
  if (status != SYMO_OK) {
    symo_fail(in->context, status, "compare: ggn: the eigendecomposition failed (leave out --ggn)");
    goto fail;
  }
  symo_free(work);
  return compare_approx_dense(in->context, n, v, w, out);
fail:
  symo_free(v);
  symo_free(w);
  symo_free(work);
  return status;
}

const compare_competitor compare_competitor_gauss_newton = {
    .name = "ggn",
    .style = {PLOT_BLACK, 4, 10, 2},
    .summary = "the exact Gauss-Newton matrix, dense (reference)",
    .costly = true,
    .build = build};
