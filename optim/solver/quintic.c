/* x (x'x)^{-1/2} by odd polynomials.  With x = U S V' and X_0 = x / |x|_F,
 *     X_{k+1} = P_k X_k ,  P_k = a I + b A_k + c A_k^2 ,  A_k = X_k X_k' ,
 * acts on singular values as s -> a s + b s^3 + c s^5, and everything is a polynomial in A_0 times
 * x.
 *
 * X need not be formed at every step.  With Q the product of the P so far,
 *     A <- A P^2 ,  Q <- Q P ,  and after L steps X <- Q X ,
 * and as all factors commute, one triangle of every product is enough (symo_gemm_lower).  L = 1 is
 * the iteration as published, 3 n^2 m + n^3 flops a step (n rows, m >= n columns after
 * transposition); steps on A alone cost about 4.3 n^3.  The L up to 5 with the fewest flops is
 * taken: for five steps and m = 4 n, 30 n^3 with L = 5, 65 n^3 with L = 1, and 90 n^3 without
 * triangles.
 *
 * While A is not made from X, what rounding made of its zero eigenvalues grows by a^2 a step, hence
 * L <= 5.  A singular value s of X_0 is mapped with an error of some u / s^2 of itself then:
 * nothing in float64, and 1e-8 / s^2 in float32, where s below 1e-3 is out of the band anyhow.
 *
 * A root of a covariance C has A_0 = (C + eps I) / tr, and is Q tr^{-1/2}: all steps on A.  A last
 * look at v' Q A_0 Q v for one v finds the case that rounding has won (many steps, singular C).
 *
 * Published rules divide by |x|_F + 1e-7 (or 1e-6); here the 1e-7 is left out, so that any scale
 * gives the same answer: equal to rounding where |x|_F is far above it.
 *
 * Check: x = I_1 = (1) and the coefficients (3.4445, -4.7750, 2.0315) give 0.701 after one step. */
#include "optim/solver/quintic.h"

#include <math.h>
#include <string.h>

#include "optim/solver/scaled.h"

enum { SEGMENT = 5 }; /* most steps between two products with X */

const char *symo_quintic_refuse(double power) {
  return power == -0.5 ? NULL : "quintic iterations give the power -1/2 only";
}

static int steps_of(int steps) { return steps > 0 ? steps : QUINTIC_STEPS; }

static const double *coefficients(const quintic *q, int step) {
  return step < q->num_first ? q->first[step] : q->later;
}

/* p := a I + b A + c A^2, both triangles, A likewise. */
static void polynomial(symo_dtype t, const double abc[3], symo_mat a, symo_mat p) {
  memcpy(p.p, a.p, a.rows * a.rows * symo_dtype_size(t));
  symo_syrk(t, abc[2], a, abc[1], p);
  symo_add_diagonal(t, a.rows, abc[0], p.p);
  symo_symmetrize(t, a.rows, p.p);
}

static void exchange(symo_mat *a, symo_mat *b) {
  symo_mat c = *a;
  *a = *b;
  *b = c;
}

/* Square matrices to work in. */
typedef struct squares {
  symo_mat a, p, q, t, r;
} squares;

static squares squares_take(symo_dtype t, size_t n, void **work) {
  symo_mat s[5];
  for (int i = 0; i < 5; i++)
    s[i] = symo_mat_dense(symo_piece_take(work, symo_piece_bytes(t, n * n)), n, n);
  return (squares){s[0], s[1], s[2], s[3], s[4]};
}

/* q := the product of P over steps [first, last), from A in a (both triangles). */
static void gram_steps(const quintic *qu, symo_dtype t, int first, int last, squares *s) {
  size_t n = s->a.rows;
  for (int k = first; k < last; k++) {
    polynomial(t, coefficients(qu, k), s->a, s->p);
    if (k + 1 < last) {
      symo_syrk(t, 1, s->p, 0, s->t);
      symo_symmetrize(t, n, s->t.p);
      symo_gemm_lower(t, s->a, s->t, s->r);
      symo_symmetrize(t, n, s->r.p);
      exchange(&s->a, &s->r);
    }
    if (k == first) {
      exchange(&s->q, &s->p);
    } else {
      symo_gemm_lower(t, s->q, s->p, s->t);
      symo_symmetrize(t, n, s->t.p);
      exchange(&s->q, &s->t);
    }
  }
}

/* Flops of gram_steps, forming A and Q X apart. */
static double gram_flops(size_t m, int steps) {
  double n = (double)m;
  return steps * n * n * n + (steps - 1) * (n * n * n + 2 * symo_gemm_lower_flops(m));
}

double symo_quintic_number(const quintic *q, int steps) {
  double s = 1 / q->safety;
  for (int k = 0; k < steps_of(steps); k++) {
    const double *abc = coefficients(q, k), square = s * s;
    s *= abc[0] + square * (abc[1] + square * abc[2]);
  }
  return s;
}

/* ---- roots ---- */

size_t symo_quintic_root_work(symo_dtype dtype, size_t m) {
  return 5 * symo_piece_bytes(dtype, m * m);
}

double symo_quintic_root_flops(size_t m, int steps) { return gram_flops(m, steps_of(steps)); }

/* v'QAQv <= 2 v'v, as it must be where singular values land in [0, 1.21]; not if NaN.  work: three
 * vectors, for which one square and what rounds it up is enough. */
static bool is_bounded(symo_dtype t, symo_mat a, symo_mat q, void *work) {
  size_t n = a.rows;
  symo_mat v = symo_mat_dense(work, n, 1), qv = v, aqv = v;
  qv.p = symo_at(t, work, (ptrdiff_t)n);
  aqv.p = symo_at(t, work, (ptrdiff_t)(2 * n));
  for (size_t i = 0; i < n; i++) symo_put(t, v.p, i, cos((double)i * (double)i));
  symo_gemm(t, 1, q, v, 0, qv);
  symo_gemm(t, 1, a, qv, 0, aqv);
  double form = symo_dot(t, n, qv.p, aqv.p);
  return form >= 0 && form <= 2 * symo_dot(t, n, v.p, v.p);
}

symo_status symo_quintic_root(const quintic *q, const solver_options *o, size_t m, void *c,
                              void *root, solver_report *report, void *work) {
  symo_dtype t = o->dtype;
  double largest = symo_lower_max_abs(t, m, c), unit = symo_unit_scale(t, fmax(largest, o->eps));
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  *report = (solver_report){NAN, symo_lower_effective_rank(t, m, c), steps_of(o->steps)};
  if (largest == 0 && o->eps == 0) {
    symo_mat_zero(t, m * m, root);
    return SYMO_OK;
  }
  symo_lower_scale(t, m, unit, o->eps * unit, c);
  double trace = symo_trace(t, m, c) * q->safety * q->safety;
  if (!(trace > 0)) return SYMO_INDEFINITE;
  symo_lower_scale(t, m, 1 / trace, 2 * symo_epsilon(t), c);
  symo_symmetrize(t, m, c);
  squares s = squares_take(t, m, &work);
  memcpy(s.a.p, c, m * m * symo_dtype_size(t));
  gram_steps(q, t, 0, steps_of(o->steps), &s);
  if (!is_bounded(t, symo_mat_dense(c, m, m), s.q, s.p.p)) return SYMO_NO_CONVERGENCE;
  memcpy(root, s.q.p, m * m * symo_dtype_size(t));
  symo_scal(t, m * m, sqrt(unit / trace), root);
  return SYMO_OK;
}

/* ---- polar factors ---- */

/* Steps between two products with X, and what that costs. */
static int best_segment(size_t rows, size_t cols, int steps, double *flops) {
  size_t n = rows < cols ? rows : cols;
  double square = (double)n, m = (double)(rows < cols ? cols : rows);
  int best = 1;
  for (int length = 1; length <= SEGMENT && length <= steps; length++) {
    double cost = 0;
    for (int done = 0; done < steps; done += length)
      cost +=
          3 * square * square * m + gram_flops(n, steps - done < length ? steps - done : length);
    if (length > 1 && !(cost < *flops)) continue;
    *flops = cost;
    best = length;
  }
  return best;
}

double symo_quintic_polar_flops(size_t rows, size_t cols, int steps) {
  double flops = 0;
  (void)best_segment(rows, cols, steps_of(steps), &flops);
  return flops;
}

size_t symo_quintic_polar_work(const symo_solver *solver, symo_dtype dtype, size_t rows,
                               size_t cols) {
  size_t n = rows < cols ? rows : cols;
  size_t by_steps = symo_piece_bytes(dtype, rows * cols) + 5 * symo_piece_bytes(dtype, n * n);
  size_t by_root = symo_polar_by_root_work(solver, dtype, rows, cols);
  return by_root > by_steps ? by_root : by_steps;
}

symo_status symo_quintic_polar(const quintic *q, const symo_solver *solver, const solver_options *o,
                               symo_mat x, void *y, solver_report *report, void *work) {
  if (o->eps > 0) return symo_polar_by_root(solver, o, x, y, report, work);
  symo_dtype t = o->dtype;
  int steps = steps_of(o->steps);
  double flops = 0, largest = symo_mat_max_abs(t, x);
  *report = (solver_report){NAN, NAN, steps};
  if (!isfinite(largest)) return SYMO_NO_CONVERGENCE;
  if (largest == 0) {
    symo_mat_zero(t, x.rows * x.cols, y);
    return SYMO_OK;
  }
  int length = best_segment(x.rows, x.cols, steps, &flops);
  void *from = symo_piece_take(&work, symo_piece_bytes(t, x.rows * x.cols)), *to = y;
  if ((steps + length - 1) / length % 2 == 0) { /* the last product is to land in y */
    to = from;
    from = y;
  }
  symo_mat_load(t, symo_unit_scale(t, largest), x, from);
  double norm = symo_nrm2(t, x.rows * x.cols, from) * q->safety;
  squares s = squares_take(t, symo_mat_wide(x).rows, &work);
  for (int done = 0; done < steps; done += length) {
    int last = done + length < steps ? done + length : steps;
    symo_mat a = symo_mat_wide(symo_mat_dense(from, x.rows, x.cols));
    symo_mat b = symo_mat_wide(symo_mat_dense(to, x.rows, x.cols));
    double scale = done == 0 ? 1 / norm : 1;
    symo_syrk(t, scale * scale, symo_mat_t(a), 0, s.a);
    if (done == 0) report->effective_rank = symo_lower_effective_rank(t, s.a.rows, s.a.p);
    symo_symmetrize(t, s.a.rows, s.a.p);
    gram_steps(q, t, done, last, &s);
    symo_gemm(t, scale, s.q, a, 0, b);
    void *swap = from;
    from = to;
    to = swap;
  }
  return SYMO_OK;
}
