/* The root of the mean eigenvalue: (tr C / m + eps)^power I. */
#include <math.h>

#include "optim/solver/scaled.h"

static const char *refuse(double power) {
  return power <= 0 ? NULL : "powers above 0 are no roots of inverses";
}

static size_t root_work(symo_dtype dtype, size_t m) { return 0; }

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  const double mean = symo_trace(o->dtype, m, c) / (double)m + o->eps;
  if (!isfinite(mean)) return SYMO_NO_CONVERGENCE;
  symo_mat_zero(o->dtype, m * m, out);
  if (mean > 0) symo_add_diagonal(o->dtype, m, pow(mean, o->power), out);
  *report = (solver_report){.condition = 1, .effective_rank = (double)m};
  return SYMO_OK;
}

static double root_flops(size_t m, int steps) { return (double)m; }

const symo_solver symo_solver_mean = {
    .name = "mean-eigenvalue",
    .summary = "any power, of the mean eigenvalue alone",
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .root_flops = root_flops,
};
