/* The exact Gauss-Newton matrix and the empirical Fisher matrix, dense: too expensive in practice, but
 * they are what K-FAC approximates, with labels of the model and of the data. */
#include "experiments/compare/competitor.h"

#include <symo/examples.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"

typedef symo_status (*dense_of)(symo_context *context, const symo_problem *problem,
                                const void *theta, double *out);

static symo_status build_dense(const compare_input *in, dense_of f, const char *name,
                               compare_approx **out) {
  symo_problem problem = symo_net_problem(in->net);
  size_t n = problem.size, count;
  symo_status status = SYMO_OK;
  double *v = NULL, *w = symo_malloc(n * sizeof *w);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, n));
  if (symo_mul_size(n, n * sizeof *v, &count)) v = symo_malloc(count);
  if (v == NULL || w == NULL || work == NULL) {
    status = symo_fail_memory(in->context, "compare: dense matrix");
    goto fail;
  }
  SYMO_TRY(f(in->context, &problem, in->theta, v));
  status = symo_eigh(SYMO_F64, n, v, w, work);
  if (status != SYMO_OK) {
    symo_fail(in->context, status, "compare: %s: the eigendecomposition failed (leave out --ggn)",
              name);
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

static symo_status build(const compare_input *in, compare_approx **out) {
  return build_dense(in, symo_problem_ggn, "ggn", out);
}

static symo_status build_fisher(const compare_input *in, compare_approx **out) {
  return build_dense(in, symo_problem_fisher, "fisher", out);
}

const compare_competitor compare_competitor_gauss_newton = {
    .name = "ggn",
    .style = {PLOT_BLACK, 4, 10, 2},
    .summary = "the exact Gauss-Newton matrix, dense (reference)",
    .costly = true,
    .build = build};

const compare_competitor compare_competitor_fisher = {
    .name = "fisher",
    .style = {PLOT_BLACK, 5, 10, 2},
    .summary = "the empirical Fisher matrix, dense: mean over examples of g g' (reference)",
    .costly = true,
    .build = build_fisher};
