/* What `auto` takes.  `symo bench solvers` prints these rows on the machine at hand, by the wall
 * clock.  Here: milliseconds of processor time, as the machine had other work; the best of several,
 * one thread, an AVX-512 Xeon with OpenBLAS 0.3.21, sgemm 168 and dgemm 77 GFLOP/s at 1024.  eigh
 * has two columns: Gaussian matrices, and the same with rows scaled from 1 down to 1e-4, taken to
 * stand for gradients.  Where x'x is ill-conditioned eigh takes a wider type or singular values
 * (eigh.c), and so it does for square Gaussian matrices.  polar-express takes 5 steps,
 * newton-schulz as long.
 *
 *     polar, float32   eigh Gaussian   scaled   polar-express   8 steps of it
 *       64 x 64             0.28         0.26        0.07           0.11
 *      128 x 128            1.3          1.2         0.44           0.68
 *      256 x 256            5.9          5.2         2.6            4.2
 *      384 x 384           15.6         13.9         8.5           13.6
 *      512 x 512           33.8         31.5        21.3           34.1
 *      768 x 768            101           90          61             96
 *     1024 x 1024           239          218         152            243
 *      128 x 512            1.1          1.6         0.63           1.0
 *      256 x 784            4.7          7.5         4.0            6.5
 *      512 x 2048          29.2         55.8        37.6           61.4
 *      768 x 3072          82.8          169         106            175
 *     polar, float64
 *       64 x 64             0.29         0.36        0.12           0.20
 *      256 x 256           10.0          9.1         6.2            9.9
 *      512 x 512           65.2         59.9        42.8           70.1
 *      256 x 784            7.3         18.6         9.6           15.6
 *     root, float32    eigh   polar-express   coupled-newton (p = 4)   cholesky (inverse)
 *       64             0.19       0.09              0.16                  0.06
 *      256              3.0        2.8               6.1                  0.93
 *     1024              101        175               367                    21
 *
 * Five steps leave singular values within 14 per cent of 1, eight (SYMO_AUTO_STEPS) within the
 * rounding of float32 unless they are below 1e-3 of the norm; eigh is exact.  `auto` is to be as
 * good as exact, so it takes eight where they are faster by a half for scaled matrices: in float32
 * up to a smaller side below 256 (1.8 at 128, 1.2 at 256).  That margin is a choice, not a
 * measurement.  float64 is asked for by those who want accuracy: eigh.
 *
 * The number of threads makes no difference yet: with two, on a machine that had other work, times
 * varied twofold and more and were above those of one, which bears no second row.
 *
 * Roots are taken now and then and of any power: eigh.  Cholesky is three to five times faster at
 * power -1 but does not do singular matrices, and coupled-newton is slower from 128 on. */
#include "optim/solver/solver.h"

enum { CROSSOVER_F32 = 256 }; /* smaller sides below it go to polar-express */

const symo_solver *symo_solver_auto_root(symo_dtype dtype, double power, size_t m, int threads) {
  return &symo_solver_eigh;
}

const symo_solver *symo_solver_auto_polar(symo_dtype dtype, double power, size_t rows, size_t cols,
                                          int threads) {
  size_t n = rows < cols ? rows : cols;
  if (dtype != SYMO_F32 || symo_solver_polar_express.refuse(power) != NULL)
    return &symo_solver_eigh;
  return n < CROSSOVER_F32 ? &symo_solver_polar_express : &symo_solver_eigh;
}

const symo_solver *symo_solver_of_systems(const symo_method *method) {
  return method->solver->chooses ? &symo_solver_cg : method->solver;
}

int symo_solver_steps(const symo_method *method) {
  const symo_solver *solver = method->solver;
  return method->solver_steps > 0 && !solver->chooses ? (int)method->solver_steps
                                                      : solver->default_steps;
}

const symo_solver symo_solver_auto = {
    .name = "auto",
    .summary = "by size and threads, from measured crossovers; the plan says which",
    .default_steps = SYMO_AUTO_STEPS,
    .chooses = true,
    .takes_cut = true,
};
