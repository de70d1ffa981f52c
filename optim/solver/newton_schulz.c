/* Muon's quintic (K. Jordan and others 2024): five steps of 3.4445 s - 4.7750 s^3 + 2.0315 s^5,
 * which does not converge but takes every s / |x|_F in [5e-3, 1] into [0.68, 1.16], in [2e-3, 1]
 * into [0.68, 1.21], and what is smaller to at most 484 times itself.  More steps repeat the
 * polynomial. optim/solver/quintic.c says how; `tolerance` is not looked at. */
#include "optim/solver/quintic.h"

static const quintic coefficients = {.later = {3.4445, -4.7750, 2.0315}, .safety = 1};

static double number(const solver_options *o, double value) {
  return symo_quintic_number(&coefficients, o->steps);
}

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  return symo_quintic_root(&coefficients, o, m, c, out, report, work);
}

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  return symo_quintic_polar_work(&symo_solver_newton_schulz, dtype, rows, cols);
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  return symo_quintic_polar(&coefficients, &symo_solver_newton_schulz, o, x, y, report, work);
}

const symo_solver symo_solver_newton_schulz = {
    .name = "newton-schulz",
    .default_steps = 5,
    .summary = "power -1/2 roughly, by Muon's quintic Newton-Schulz iteration",
    .refuse = symo_quintic_refuse,
    .root_work = symo_quintic_root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .number = number,
    .root_flops = symo_quintic_root_flops,
    .polar_flops = symo_quintic_polar_flops,
};
