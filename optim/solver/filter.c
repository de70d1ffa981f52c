/* Filters of singular values by few products of matrices.
 *
 * A composition of odd polynomials, as Muon's quintic steps, raises the degree by five for every
 * four products on the Gram side.  Squares alone double it with each: after k products of
 *     p_{j+1} = p_j^2 + d_j
 * all of p_1 .. p_{k+1} are at hand, of degrees 1, 2, 4, .. 2^k in z = s^2, and a sum of them with
 * free weights follows a smooth g over four decades of z.  (A linear term in p_j would add nothing:
 * it is a shift of p_j.)  With p_1 = a z + b there are 2 k + 4 numbers to fit.
 *
 * The fit is by least squares of relative errors on a grid that is even in log s from cut / 20 to
 * 1,
 *     sum_i omega_i^2 (s_i p(s_i^2) - f(s_i))^2 + lambda^2 sum_j (c_j / g(0))^2 ,
 * by Levenberg and Marquardt from a fixed set of starting points, spread by an additive recurrence;
 * the best are followed to their end.  The least of them is then bent towards the least largest
 * error (Lawson 1961: weights grow where the error is large).  At last every p_j is divided by its
 * largest value on [0, 1], so that float32 can hold them.
 *
 * Check: alpha 1.4, order 1.4, cut 0.012 has error 0.19 with 7 products and 0.085 with 8.  Five
 * quintic steps with fitted coefficients come to 0.18, and cost some 20 products on the Gram
 * side. */
#include "optim/solver/filter.h"

#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/linalg.h"

double symo_filter_value(const symo_filter_shape *shape, double z) {
  double half = 0.5 * shape->order, floor = pow(shape->cut, shape->order);
  return pow(pow(z, half) + floor, -shape->alpha / shape->order);
}

double symo_filter_polynomial(const symo_filter *filter, double z) {
  double p = filter->slope * z + filter->offset, g = filter->weight[0] + filter->weight[1] * p;
  for (int j = 0; j < filter->products; j++) {
    p = filter->scale[j] * p * p + filter->shift[j];
    g += filter->weight[j + 2] * p;
  }
  return g;
}

/* ---- the least squares problem ---- */

enum {
  GRID = 400, /* half of them even in log s, half even in s */
  STARTS = 24,
  FOLLOWED = 3,
  MOST_UNKNOWNS = 2 * (SYMO_FILTER_MOST + 2),
  ROWS = GRID + SYMO_FILTER_MOST + 2
};
static const double most = 1e60;   /* of p; far beyond what a good fit has */
static const double lambda = 1e-3; /* of the weights, which float32 must hold without cancelling */

/* Unknowns x: a, b, d_1 .. d_k, then c_0 .. c_{k+1} in units of g(0). */
typedef struct fit {
  symo_filter_shape shape;
  int products;
  size_t unknowns, weights; /* number of all, and of c */
  double unit;              /* g(0) */
  double s[GRID], f[GRID], base[GRID], omega[GRID];
  double residual[ROWS], jacobian[ROWS * MOST_UNKNOWNS];
  double normal[MOST_UNKNOWNS * MOST_UNKNOWNS], factor[MOST_UNKNOWNS * MOST_UNKNOWNS];
  double gradient[MOST_UNKNOWNS], step[MOST_UNKNOWNS];
} fit;

static void fit_set(fit *q, const symo_filter_shape *shape, int products) {
  q->shape = *shape;
  q->products = products;
  q->weights = (size_t)products + 2;
  q->unknowns = 2 * q->weights;
  q->unit = symo_filter_value(shape, 0);
  double low = log(shape->cut / 20), bend = 0.5 * shape->cut;
  for (int i = 0; i < GRID; i++) {
    const int place = i / 2, last = GRID / 2 - 1;
    double at = (double)place / last, half;
    double s = i % 2 == 0 ? exp(low * (1 - at)) : q->shape.cut + (1 - q->shape.cut) * at;
    half = fmax(s, bend);
    q->s[i] = s;
    q->f[i] = s * symo_filter_value(shape, s * s);
    q->base[i] = 1 / (half * symo_filter_value(shape, half * half));
  }
  memcpy(q->omega, q->base, sizeof q->omega);
}

/* p[0 .. k+1] and, unless NULL, their derivatives dp[j][0 .. k+1] by a, b, d. */
static void powers_of(const fit *q, const double *x, double z, double *p,
                      double dp[][SYMO_FILTER_MOST + 2]) {
  size_t n = q->weights;
  p[0] = 1;
  p[1] = x[0] * z + x[1];
  if (dp != NULL) {
    memset(dp, 0, n * sizeof *dp);
    dp[1][0] = z;
    dp[1][1] = 1;
  }
  for (size_t j = 1; j + 1 < n; j++) {
    p[j + 1] = p[j] * p[j] + x[j + 1];
    if (dp == NULL) continue;
    for (size_t i = 0; i <= j; i++) dp[j + 1][i] = 2 * p[j] * dp[j][i];
    dp[j + 1][j + 1] = 1;
  }
}

/* Residuals and, if asked, their derivatives; the sum of squares. */
static double evaluate(fit *q, const double *x, bool derivatives) {
  size_t n = q->weights, unknowns = q->unknowns;
  const double *c = x + n;
  double p[SYMO_FILTER_MOST + 2], dp[SYMO_FILTER_MOST + 2][SYMO_FILTER_MOST + 2], sum = 0;
  for (size_t i = 0; i < GRID; i++) {
    double by = q->s[i] * q->omega[i] * q->unit / sqrt(GRID), g = 0;
    powers_of(q, x, q->s[i] * q->s[i], p, derivatives ? dp : NULL);
    if (!(fabs(p[n - 1]) < most)) return INFINITY;
    for (size_t j = 0; j < n; j++) g += c[j] * p[j];
    q->residual[i] = by * g - q->f[i] * q->omega[i] / sqrt(GRID);
    sum += q->residual[i] * q->residual[i];
    if (!derivatives) continue;
    double *row = q->jacobian + i * unknowns;
    memset(row, 0, unknowns * sizeof *row);
    for (size_t j = 1; j < n; j++)
      for (size_t l = 0; l <= j; l++) row[l] += by * c[j] * dp[j][l];
    for (size_t j = 0; j < n; j++) row[n + j] = by * p[j];
  }
  for (size_t j = 0; j < n; j++) {
    q->residual[GRID + j] = lambda * c[j];
    sum += q->residual[GRID + j] * q->residual[GRID + j];
    if (!derivatives) continue;
    double *row = q->jacobian + (GRID + j) * unknowns;
    memset(row, 0, unknowns * sizeof *row);
    row[n + j] = lambda;
  }
  return sum;
}

/* step := -(J'J + mu diag(J'J))^-1 J'r; false where that cannot be solved. */
static bool solve(fit *q, double mu, void *work) {
  size_t n = q->unknowns;
  memcpy(q->factor, q->normal, n * n * sizeof(double));
  for (size_t i = 0; i < n; i++) {
    q->factor[i * (n + 1)] += mu * q->normal[i * (n + 1)] + 1e-30;
    q->step[i] = -q->gradient[i];
  }
  if (symo_cholesky(SYMO_F64, n, q->factor, NULL, work) != SYMO_OK) return false;
  symo_mat b = symo_mat_dense(q->step, n, 1);
  symo_trsm(SYMO_F64, n, q->factor, false, b);
  symo_trsm(SYMO_F64, n, q->factor, true, b);
  return true;
}

/* Levenberg and Marquardt from x, to a relative decrease below 1e-4 over ten steps. */
static double descend(fit *q, double *x, int steps, void *work) {
  size_t n = q->unknowns, rows = GRID + q->weights;
  double mu = 1e-2, cost = evaluate(q, x, true), trial[MOST_UNKNOWNS];
  for (int step = 0, quiet = 0; step < steps && quiet < 10 && isfinite(cost); step++) {
    symo_mat j = symo_mat_dense(q->jacobian, rows, n), r = symo_mat_dense(q->residual, rows, 1);
    symo_syrk(SYMO_F64, 1, j, 0, symo_mat_dense(q->normal, n, n));
    symo_gemm(SYMO_F64, 1, symo_mat_t(j), r, 0, symo_mat_dense(q->gradient, n, 1));
    double next = INFINITY;
    for (int i = 0; i < 15 && !(next < cost); i++) {
      if (solve(q, mu, work)) {
        for (size_t k = 0; k < n; k++) trial[k] = x[k] + q->step[k];
        next = evaluate(q, trial, false);
      }
      mu *= 4;
    }
    if (!(next < cost)) break;
    mu = fmax(mu / 16, 1e-12);
    quiet = cost - next < 1e-4 * cost ? quiet + 1 : 0;
    memcpy(x, trial, n * sizeof *x);
    cost = evaluate(q, x, true);
  }
  return cost;
}

/* The weights that are best for the p of x. */
static void start_weights(fit *q, double *x, void *work) {
  size_t n = q->weights;
  memset(x + n, 0, n * sizeof *x);
  evaluate(q, x, true);
  symo_mat j = symo_mat_cols(SYMO_F64, symo_mat_dense(q->jacobian, GRID + n, q->unknowns), n, n);
  symo_mat b = symo_mat_dense(x + n, n, 1);
  symo_syrk(SYMO_F64, -1, j, 0, symo_mat_dense(q->normal, n, n));
  for (size_t i = 0; i < n * n; i++) q->normal[i] = -q->normal[i];
  symo_gemm(SYMO_F64, -1, symo_mat_t(j), symo_mat_dense(q->residual, GRID + n, 1), 0, b);
  if (symo_cholesky(SYMO_F64, n, q->normal, NULL, work) != SYMO_OK) return;
  symo_trsm(SYMO_F64, n, q->normal, false, b);
  symo_trsm(SYMO_F64, n, q->normal, true, b);
}

static void start(fit *q, int number, double *x, void *work) {
  double unit[SYMO_FILTER_MOST + 2] = {0};
  for (size_t i = 0; i < q->weights; i++) { /* square roots of primes have no common period */
    static const int primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43};
    double turn = (number + 1) * sqrt(primes[i]);
    unit[i] = turn - floor(turn);
  }
  x[0] = -1.5 - 2 * unit[0];
  x[1] = 0.8 + 1.1 * unit[1];
  for (size_t i = 2; i < q->weights; i++) x[i] = -0.2 - 1.4 * unit[i];
  start_weights(q, x, work);
}

/* ---- errors ---- */

static double error_at(const fit *q, const double *x, size_t i) {
  double p[SYMO_FILTER_MOST + 2], g = 0;
  powers_of(q, x, q->s[i] * q->s[i], p, NULL);
  for (size_t j = 0; j < q->weights; j++) g += x[q->weights + j] * p[j];
  return fabs(q->s[i] * g * q->unit - q->f[i]) * q->base[i];
}

static double largest_error(const fit *q, const double *x) {
  double largest = 0;
  for (size_t i = 0; i < GRID; i++) {
    double e = error_at(q, x, i);
    if (!(e <= largest)) largest = e;
  }
  return largest;
}

/* Lawson's weights, ten rounds; keeps the x with the least largest error. */
static void bend(fit *q, double *x, void *work) {
  double best[MOST_UNKNOWNS], least = largest_error(q, x);
  memcpy(best, x, sizeof best);
  for (int round = 0; round < 10; round++) {
    double largest = largest_error(q, x), mean = 0;
    for (size_t i = 0; i < GRID; i++) {
      q->omega[i] *= pow(error_at(q, x, i) / largest + 0.05, 0.35);
      mean += log(q->omega[i] / q->base[i]) / GRID;
    }
    for (size_t i = 0; i < GRID; i++) q->omega[i] *= exp(-mean);
    descend(q, x, 30, work);
    double now = largest_error(q, x);
    if (!(now < least)) continue;
    least = now;
    memcpy(best, x, sizeof best);
  }
  memcpy(x, best, sizeof best);
  memcpy(q->omega, q->base, sizeof q->omega);
}

/* ---- the filter ---- */

/* Every p_j over its largest value, on a grid of [0, 1] and on that of the fit. */
static void normalise(const fit *q, const double *x, symo_filter *out) {
  enum { EVEN = 2000 };
  double top[SYMO_FILTER_MOST + 2] = {0}, p[SYMO_FILTER_MOST + 2];
  for (int i = 0; i <= EVEN + GRID; i++) {
    double s = i > EVEN ? q->s[i - EVEN - 1] : 0;
    powers_of(q, x, i > EVEN ? s * s : i / (double)EVEN, p, NULL);
    for (size_t j = 0; j < q->weights; j++) top[j] = fmax(top[j], fabs(p[j]));
  }
  *out = (symo_filter){.shape = q->shape, .products = q->products};
  out->slope = x[0] / top[1];
  out->offset = x[1] / top[1];
  out->weight[0] = x[q->weights] * q->unit;
  for (size_t j = 1; j < q->weights; j++) out->weight[j] = x[q->weights + j] * q->unit * top[j];
  for (size_t j = 1; j + 1 < q->weights; j++) {
    out->scale[j - 1] = top[j] / top[j + 1] * top[j];
    out->shift[j - 1] = x[j + 1] / top[j + 1];
  }
  out->error = largest_error(q, x);
}

/* The best of STARTS starting points. */
static void fit_products(fit *q, symo_filter *out, void *work) {
  double x[FOLLOWED + 1][MOST_UNKNOWNS], cost[FOLLOWED + 1];
  for (int i = 0; i <= FOLLOWED; i++) cost[i] = INFINITY;
  for (int number = 0; number < STARTS; number++) {
    int at = FOLLOWED;
    start(q, number, x[at], work);
    cost[at] = descend(q, x[at], 60, work);
    for (; at > 0 && !(cost[at] >= cost[at - 1]); at--) {
      double swap[MOST_UNKNOWNS], c = cost[at];
      memcpy(swap, x[at], sizeof swap);
      memcpy(x[at], x[at - 1], sizeof swap);
      memcpy(x[at - 1], swap, sizeof swap);
      cost[at] = cost[at - 1];
      cost[at - 1] = c;
    }
  }
  int best = 0;
  for (int i = 0; i < FOLLOWED; i++) {
    cost[i] = descend(q, x[i], 300, work);
    if (cost[i] < cost[best]) best = i;
  }
  bend(q, x[best], work);
  normalise(q, x[best], out);
}

symo_status symo_filter_compute(const symo_filter_shape *shape, int products, double tolerance,
                                symo_filter *out) {
  if (!(shape->alpha > 0 && shape->alpha <= 2 && shape->cut > 0 && shape->cut < 1 &&
        shape->order > 0 && products >= 0 && products <= SYMO_FILTER_MOST))
    return SYMO_E_ARGUMENT;
  fit *q = symo_malloc(sizeof *q);
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, MOST_UNKNOWNS));
  symo_filter found = {0};
  if (q != NULL && work != NULL)
    for (int k = products > 0 ? products : 1; k <= SYMO_FILTER_MOST; k++) {
      fit_set(q, shape, k);
      fit_products(q, &found, work);
      if (products > 0 || found.error <= tolerance) break;
    }
  symo_free(work);
  symo_free(q);
  if (found.products == 0) return SYMO_E_MEMORY;
  *out = found;
  return SYMO_OK;
}
