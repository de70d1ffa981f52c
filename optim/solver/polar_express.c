/* Polar Express (Amsel, Persson, Musco and Gower 2025): the best polynomial for every step, here
 * the five that Muon's users settled on, after division by 1.02 |x|_F.  They take s / |x|_F in
 * [1.1e-3, 1] into [0.858, 1.142].  More steps are 15/8 s - 5/4 s^3 + 3/8 s^5, which converges:
 * after six [0.9937, 1.0078] (from 2e-3 up), after eight rounding of float32.
 * optim/solver/quintic.c says how; `tolerance` is not looked at. */
#include "optim/solver/quintic.h"

static const double first[][3] = {
    {8.156554524902461, -22.48329292557795, 15.878769915207462},
    {4.042929935166739, -2.808917465908714, 0.5000178451051316},
    {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
    {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
    {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
};
static const quintic coefficients = {
    .first = first,
    .num_first = sizeof first / sizeof first[0],
    .later = {1.875, -1.25, 0.375},
    .safety = 1.02,
};

static double number(const solver_options *o, double value) {
  return symo_quintic_number(&coefficients, o->steps);
}

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  return symo_quintic_root(&coefficients, o, m, c, out, report, work);
}

static size_t polar_work(symo_dtype dtype, size_t rows, size_t cols) {
  return symo_quintic_polar_work(&symo_solver_polar_express, dtype, rows, cols);
}

static symo_status polar(const solver_options *o, symo_mat x, void *y, solver_report *report,
                         void *work) {
  return symo_quintic_polar(&coefficients, &symo_solver_polar_express, o, x, y, report, work);
}

const symo_solver symo_solver_polar_express = {
    .name = "polar-express",
    .default_steps = 5,
    .summary = "power -1/2 to 14 per cent in five steps, then to rounding",
    .refuse = symo_quintic_refuse,
    .root_work = symo_quintic_root_work,
    .root = root,
    .polar_work = polar_work,
    .polar = polar,
    .number = number,
    .root_flops = symo_quintic_root_flops,
    .polar_flops = symo_quintic_polar_flops,
};
