/* Any power by Jacobi's rotations (Golub and Van Loan, Matrix Computations, section 8.5): each
 * makes one entry (p, q) of C zero by t = tan(angle), the smaller root of t^2 + 2 t (c_qq - c_pp) /
 * (2 c_pq) = 1; the sum of squares off the diagonal falls by 2 c_pq^2.  In float64 whatever the
 * type of C.  Only roots: polar factors are made of them by whoever needs one
 * (optim/solver/scaled.h).  Check: C = [[2, 1], [1, 2]], power -1/2 gives entries (1 + 3^{-1/2})/2
 * and (3^{-1/2} - 1)/2. */
#include <math.h>

#include "core/spectrum.h"
#include "optim/solver/scaled.h"

enum { SWEEPS = 30 }; /* six do: convergence is quadratic */

static const char *refuse(double power) {
  return power <= 0 ? NULL : "jacobi takes powers of 0 and below";
}

/* C, its eigenvectors and its eigenvalues. */
static size_t root_work(symo_dtype dtype, size_t m) {
  return 2 * symo_piece_bytes(SYMO_F64, m * m) + symo_piece_bytes(SYMO_F64, m);
}

/* p and q, of m entries that are `step` apart, become c p - s q and s p + c q. */
static void rotate(size_t m, double c, double s, double *p, double *q, size_t step) {
  for (size_t k = 0; k < m * step; k += step) {
    const double x = p[k], y = q[k];
    p[k] = c * x - s * y;
    q[k] = s * x + c * y;
  }
}

/* All pairs once.  Whether an entry of C, which is of size 1, was above rounding. */
static bool sweep(size_t m, double *a, double *v) {
  bool found = false;
  for (size_t p = 0; p < m; p++)
    for (size_t q = p + 1; q < m; q++) {
      const double off = a[p * m + q], gap = a[q * m + q] - a[p * m + p];
      if (fabs(off) <= symo_epsilon(SYMO_F64)) continue;
      const double theta = gap / (2 * off),
                   t = copysign(1, theta) / (fabs(theta) + hypot(1, theta));
      const double c = 1 / hypot(1, t), s = t * c;
      rotate(m, c, s, a + p * m, a + q * m, 1);
      rotate(m, c, s, a + p, a + q, m);
      rotate(m, c, s, v + p * m, v + q * m, 1);
      a[p * m + q] = a[q * m + p] = 0;
      found = true;
    }
  return found;
}

static symo_status root(const solver_options *o, size_t m, void *c, void *out,
                        solver_report *report, void *work) {
  double *a = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, m * m));
  double *v = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, m * m));
  double *w = symo_piece_take(&work, symo_piece_bytes(SYMO_F64, m));
  const double largest = symo_lower_max_abs(o->dtype, m, c);
  const double unit = symo_unit_scale(o->dtype, fmax(largest, o->eps));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  for (size_t i = 0; i < m * m; i++) {
    const size_t row = i / m, col = i % m;
    a[i] = unit * symo_get(o->dtype, c, row > col ? i : col * m + row);
    v[i] = row == col;
  }
  int sweeps = 1;
  while (sweep(m, a, v))
    if (sweeps++ == SWEEPS) return SYMO_NO_CONVERGENCE;
  for (size_t i = 0; i < m; i++) w[i] = a[i * m + i];
  const symo_spectrum s = {.power = o->power,
                           .eps = unit * o->eps,
                           .tolerance = symo_rank_tolerance(o->dtype, m),
                           .floor = symo_epsilon(o->dtype)};
  symo_spectrum_report found;
  symo_spectrum_power(&s, m, w, w, &found);
  const double back = pow(unit, -o->power);
  for (size_t i = 0; i < m * m; i++) {
    double sum = 0;
    for (size_t k = 0; k < m; k++) sum += v[k * m + i / m] * w[k] * v[k * m + i % m];
    symo_put(o->dtype, out, i, back * sum);
  }
  symo_symmetrize(o->dtype, m, out);
  *report = (solver_report){found.condition, found.effective_rank, sweeps};
  return SYMO_OK;
}

static double root_flops(size_t m, int steps) {
  const double n = (double)m;
  return 6 * 18 * n * n * n / 2; /* six sweeps */
}

const symo_solver symo_solver_jacobi = {
    .name = "jacobi",
    .summary = "any power, by rotations; for small matrices",
    .refuse = refuse,
    .root_work = root_work,
    .root = root,
    .root_flops = root_flops,
};
