/* Second moments in the eigenbasis of orbit covariances, which correct its eigenvalues between
 * refreshes.
 *
 * V (rows) are the eigenvectors of C at its last refresh.  Of a vector x with the coordinates
 * X [n, m] in a label Z = X V' is taken in at every step, and the direction with coordinates Y
 * becomes ((Y V') f) V, products with f entry by entry:
 *
 *     column  v_j  <- beta2 v_j  + (1 - beta2) sum_i Z_ij^2 / n   f_j  = (v_j + eps)^{-alpha/2}
 *     adam    v_ij <- beta2 v_ij + (1 - beta2) Z_ij^2             f_ij = 1 / (v_ij^{alpha/2} + eps)
 *
 * v over the sum of its weights where `correction` says so.
 *
 * column (eigenvalue correction as in EKFAC, George et al. 2018, arXiv 1806.03884): x is what C is
 * made of, the gradient or its momentum.  A refresh puts the eigenvalues of C in the place of v.
 * By linearity v_j is then the diagonal of V C V' with the C of this very step, as long as both
 * take in the same vectors: with a refresh at every step this is the plain root of C, in between
 * the best one that is diagonal in V.  A function of norms of columns, it moves with the group,
 * whatever that is, if V does: eigenvectors that count as zero at a refresh are any basis of what C
 * had not seen, so these columns have one number in common, their mean.
 *
 * adam (Vyas et al. 2024, arXiv 2409.11321, for the label in the place of two axes; with the
 * identity on the other side one-sided SOAP): x is the gradient.  v stays as it is when V is made
 * anew, as published.  Momentum lives in the original space, and V holds the vector of the step
 * already: there is no first step without a direction, as per-axis curvature has it.  Equivariant
 * only under elements that permute rows of X and flip their signs, and once C has full rank.  With
 * eps 0 a v_ij that is at most (10 m u)^2 times the largest, u the rounding of the type, counts as
 * zero, and so does its f_ij: where C has no full rank, the columns of Z that belong to eigenvalues
 * of zero hold rounding alone, which would be divided by its own size.
 *
 * Both are bounded by themselves where a root that is some steps old is not: v holds x itself with
 * the weight w = 1 - beta2 (more while memory is young), so x_ij^2 / v_ij <= 1 / w and
 * sum_i Z_ij^2 / v_j <= n / w for every column, along directions that C had not seen too.  That is
 * n m / w in all, where a fresh root has n r / w, r = min(n, m): columns that only ever saw one
 * vector are all of full size, noise or not.  In columns `stale_floor` holds these down as it does
 * for roots. */
#include <math.h>
#include <string.h>

#include "core/spectrum.h"
#include "optim/damping/damping.h"
#include "optim/orbit/division.h"

/* ---- numbers of either type: sums and powers in float64 ---- */

/* z: dense [rows, m].  sum[j] = sum_i (scale z_ij)^2. */
static void column_squares(symo_dtype dtype, size_t rows, size_t m, double scale, const void *z,
                           double *sum) {
  for (size_t j = 0; j < m; j++) sum[j] = 0;
  for (size_t i = 0; i < rows; i++) {
    const void *row = symo_at(dtype, z, (ptrdiff_t)(i * m));
    const float *single = row;
    const double *twice = row;
    if (dtype == SYMO_F32)
      for (size_t j = 0; j < m; j++) {
        double x = scale * (double)single[j];
        sum[j] += x * x;
      }
    else
      for (size_t j = 0; j < m; j++) sum[j] += scale * twice[j] * (scale * twice[j]);
  }
}

/* z_ij *= f[j]. */
static void column_scale(symo_dtype dtype, size_t rows, size_t m, const double *f, void *z) {
  for (size_t i = 0; i < rows; i++) {
    void *row = symo_at(dtype, z, (ptrdiff_t)(i * m));
    float *single = row;
    double *twice = row;
    if (dtype == SYMO_F32)
      for (size_t j = 0; j < m; j++) single[j] = (float)((double)single[j] * f[j]);
    else
      for (size_t j = 0; j < m; j++) twice[j] *= f[j];
  }
}

static double power_of(double v, double half) { return half == 0.5 ? sqrt(v) : pow(v, half); }

/* v, z: [n].  v = beta v + weight (scale z)^2. */
static void entry_squares(symo_dtype dtype, size_t n, double beta, double weight, double scale,
                          const void *z, void *v) {
  const float *z32 = z;
  const double *z64 = z;
  float *v32 = v;
  double *v64 = v;
  if (dtype == SYMO_F32)
    for (size_t i = 0; i < n; i++) {
      double x = scale * (double)z32[i];
      v32[i] = (float)(beta * (double)v32[i] + weight * (x * x));
    }
  else
    for (size_t i = 0; i < n; i++)
      v64[i] = beta * v64[i] + weight * (scale * z64[i] * (scale * z64[i]));
}

/* z = back z / ((scale v)^half + eps), 0 where v is `zero` at most. */
static void entry_divide(symo_dtype dtype, size_t n, double scale, double half, double back,
                         double eps, double zero, const void *v, void *z) {
  const float *v32 = v;
  const double *v64 = v;
  float *z32 = z;
  double *z64 = z;
  if (dtype == SYMO_F32)
    for (size_t i = 0; i < n; i++) {
      double below = power_of(scale * (double)v32[i], half) + eps;
      z32[i] = below > 0 && !((double)v32[i] <= zero) ? (float)(back * (double)z32[i] / below) : 0;
    }
  else
    for (size_t i = 0; i < n; i++) {
      double below = power_of(scale * v64[i], half) + eps;
      z64[i] = below > 0 && !(v64[i] <= zero) ? back * z64[i] / below : 0;
    }
}

orbit_basis symo_orbit_basis_of(const symo_method *method) {
  return method->basis == SYMO_BASIS_COLUMN ? ORBIT_BASIS_COLUMN
         : method->basis == SYMO_BASIS_ADAM ? ORBIT_BASIS_ADAM
                                            : ORBIT_BASIS_NONE;
}

const char *symo_orbit_basis_refuse(const symo_method *method) {
  if (method->cut > 0)
    return "second moments in a basis take no cut (set cut to 0, or basis to none)";
  const symo_damping *damping = method->damping;
  bool column = symo_orbit_basis_of(method) == ORBIT_BASIS_COLUMN;
  if (method->alpha == 0)
    return "with alpha 0 second moments in a basis scale nothing (set basis to none)";
  if (method->beta2 == 0)
    return "without memory there is no basis to keep second moments in (set beta2 above 0, or "
           "basis "
           "to none)";
  if (method->solver != &symo_solver_auto && method->solver != &symo_solver_eigh)
    return "a basis is made of eigenvectors, which only eigh gives (set solver to eigh, or basis "
           "to "
           "none)";
  if (column && method->beta2 >= 1 && method->statistics_every > 1)
    return "sums of columns and of covariances go together (set statistics_every to 1, or beta2 "
           "below 1)";
  if (!column && damping->relative)
    return "with basis adam eps is added to the root of second moments (set damping to constant, "
           "or "
           "basis to column)";
  return NULL;
}

static bool by_column(const orbit *o) { return o->moments == ORBIT_BASIS_COLUMN; }

static bool of_momentum(const orbit *o) { return o->method.source == SYMO_SOURCE_MOMENTUM; }

bool symo_orbit_moments_ahead(const orbit *o) {
  return o->moments != ORBIT_BASIS_NONE &&
         (o->method.statistics_every > 1 || (!by_column(o) && of_momentum(o)));
}

/* Numbers of second moments in a label. */
size_t symo_orbit_moments_size(const orbit *o, const orbit_label *l) {
  return by_column(o) ? l->label->count * l->label->m : orbit_size(l->label);
}

static double *progress_of(const orbit_label *l, void *const *state) { return state[l->progress]; }

/* ---- columns ---- */

/* Columns that cannot be told apart, the first of a member, as progress says. */
static size_t alike(const orbit_label *l, void *const *state, size_t member) {
  double zeros = progress_of(l, state)[ORBIT_PROGRESS + member];
  return zeros >= 0 && zeros <= (double)l->label->m ? (size_t)zeros : 0;
}

static void level(size_t n, double *x) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  for (size_t i = 0; i < n; i++) x[i] = sum / (double)n;
}

/* Rounding leaves of eigenvalues that are zero a few eps times the largest, more for large C; this
 * is below what a solver drops, as nothing is dropped here. */
static size_t count_zeros(const orbit *o, size_t m, const double *w) {
  double top = 0;
  size_t zeros = 0;
  for (size_t i = 0; i < m; i++) top = fmax(top, w[i]);
  double limit = 10 * sqrt((double)m) * symo_epsilon(o->dtype) * top;
  while (zeros < m && w[zeros] <= limit) zeros++;
  return zeros;
}

void symo_orbit_basis_start(const orbit *o, const orbit_label *l, void *const *state,
                            const curvature_step *step, const double *eigenvalues) {
  double *progress = progress_of(l, state), correction = symo_orbit_correction(o, step);
  size_t m = l->label->m;
  if (!by_column(o)) return;
  for (size_t i = 0; i < l->label->count; i++) {
    const double *w = eigenvalues + i * m;
    size_t zeros = count_zeros(o, m, w);
    double sum = 0;
    for (size_t j = 0; j < zeros; j++) sum += w[j];
    for (size_t j = 0; j < m; j++) {
      double value = j < zeros ? sum / (double)zeros : w[j];
      symo_put(o->dtype, state[l->moments], i * m + j, fmax(value, 0) / correction);
    }
    progress[ORBIT_PROGRESS + i] = (double)zeros;
  }
  progress[ORBIT_WEIGHT] =
      o->method.beta2 < 1 ? 1 - pow(o->method.beta2, (double)step->updates) : 1;
  /* Whether C holds the vector of this step. */
  if ((step->t - 1) % o->method.statistics_every == 0) progress[ORBIT_TAKEN] = (double)step->t;
}

/* f_j of one member.  Columns that are nothing beside the others, squared: what rounding leaves of
 * an empty column of X, as inputs that are always zero have it. */
static void column_factors(const orbit *o, const orbit_label *l, void *const *state,
                           const curvature_step *now, double back, double scale, size_t member,
                           double *f) {
  size_t m = l->label->m;
  double trace = 0, tolerance = symo_rank_tolerance(o->dtype, m);
  for (size_t j = 0; j < m; j++) {
    f[j] = scale * symo_get(o->dtype, state[l->moments], member * m + j);
    trace += f[j];
  }
  double eps = symo_orbit_damping(o, now, trace, m) + symo_orbit_unseen(o, l, now, trace);
  const symo_spectrum s = {.power = o->own.power, .eps = eps, .tolerance = tolerance * tolerance};
  symo_spectrum_power(&s, m, f, f, NULL);
  for (size_t j = 0; j < m; j++) f[j] *= back;
}

/* ---- steps ---- */

/* Work: X, Z, one number a column, and behind them scratch, or the folded matrices V' f V and
 * theirs. */
typedef struct basis_parts {
  size_t x, values, folded, scratch, all;
} basis_parts;

/* One matrix for all rows is cheaper than there and back where it is small beside X. */
static bool folds(const orbit *o, const orbit_label *l) {
  return by_column(o) && l->label->m <= l->label->ambient;
}

static basis_parts divide(const orbit *o, const orbit_label *l) {
  size_t item = symo_dtype_size(o->dtype), m = l->label->m, square = m * m * item;
  basis_parts p = {.x = symo_padded(orbit_size(l->label) * item)};
  size_t scratch = symo_orbit_gather_bytes(o, l->label), apply = 0;
  p.values = symo_padded(m * sizeof(double));
  if (folds(o, l)) {
    p.folded = symo_padded(l->label->count * square);
    apply = symo_apply_work(o->plan, l->label);
    apply = apply > square ? apply : square;
  }
  p.scratch = symo_padded(apply > scratch ? apply : scratch);
  p.all = 2 * p.x + p.values + p.folded + p.scratch;
  return p;
}

size_t symo_orbit_basis_work(const orbit *o, const orbit_label *l) { return divide(o, l).all; }

typedef struct basis_step {
  const orbit *o;
  const orbit_label *l;
  void *const *state;
  curvature_step now; /* in units */
  double unit, eps;
  double level; /* vectors are taken in units of 2^level */
  double back;  /* what is left of units in the result */
  void **spare;
  basis_parts p;
  char *x, *z, *rest;
  double *values;
} basis_step;

/* to = from V' of every member, or from V. */
static void turn(const basis_step *s, const void *from, bool back, void *to) {
  const plan_label *l = s->l->label;
  symo_dtype t = s->o->dtype;
  for (size_t i = 0; i < l->count; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * orbit_member_size(l));
    void *basis = symo_at(t, s->state[s->l->basis], (ptrdiff_t)(i * l->m * l->m));
    symo_mat v = symo_mat_dense(basis, l->m, l->m);
    symo_gemm(t, 1, symo_mat_dense(symo_at(t, from, at), l->ambient, l->m),
              back ? v : symo_mat_t(v), 0, symo_mat_dense(symo_at(t, to, at), l->ambient, l->m));
  }
}

/* Z = X V' of a vector. */
static void project(const basis_step *s, symo_const_vector u, const curvature_scale *scale,
                    const orbit_far *far) {
  symo_const_vector near = symo_orbit_in(s->o, s->l->label, u, scale, s->level, s->spare);
  symo_orbit_gather(s->o, s->l, near, s->level, far, s->x, s->rest);
  turn(s, s->x, false, s->z);
}

static void take_in(const basis_step *s) {
  const plan_label *l = s->l->label;
  symo_dtype t = s->o->dtype;
  double *progress = progress_of(s->l, s->state), beta = s->o->method.beta2;
  double weight = beta >= 1 ? 1 : 1 - beta, share = weight / orbit_divisor(s->o, l);
  size_t size = orbit_member_size(l), m = l->m;
  double scale = exp2(s->level - log2(s->unit));
  void *v = s->state[s->l->moments];
  if (!by_column(s->o)) entry_squares(t, l->count * size, beta, weight, scale, s->z, v);
  for (size_t i = 0; by_column(s->o) && i < l->count; i++) {
    column_squares(t, l->ambient, m, scale, symo_at(t, s->z, (ptrdiff_t)(i * size)), s->values);
    level(alike(s->l, s->state, i), s->values);
    for (size_t j = 0; j < m; j++)
      symo_put(t, v, i * m + j, beta * symo_get(t, v, i * m + j) + share * s->values[j]);
  }
  progress[ORBIT_WEIGHT] = beta >= 1 ? 1 : beta * progress[ORBIT_WEIGHT] + weight;
  progress[ORBIT_TAKEN] = (double)s->now.t;
}

static double correction_of(const basis_step *s) {
  const symo_method *q = &s->o->method;
  double weight = progress_of(s->l, s->state)[ORBIT_WEIGHT];
  return q->correction && q->beta2 < 1 && weight > 0 ? 1 / weight : 1;
}

/* With eps 0 second moments that are nothing beside the largest of their member count as zero:
 * along directions that C has not seen they are those of rounding. */
static void scale_entries(const basis_step *s, double correction) {
  const symo_dtype t = s->o->dtype;
  const double alpha = s->o->method.alpha, tolerance = symo_rank_tolerance(t, s->l->label->m);
  const double eps = s->eps > 0 ? s->eps * pow(s->unit, -alpha) : 0;
  const size_t size = orbit_member_size(s->l->label);
  for (size_t i = 0; i < s->l->label->count; i++) {
    void *v = symo_at(t, s->state[s->l->moments], (ptrdiff_t)(i * size));
    const double most = eps > 0 ? 0 : symo_nd_max_abs(symo_nd_dense(t, v, 1, &size));
    entry_divide(t, size, correction, alpha / 2, s->back, eps, tolerance * tolerance * most, v,
                 symo_at(t, s->z, (ptrdiff_t)(i * size)));
  }
}

/* f of every member applied to Z. */
static void scale(const basis_step *s) {
  const plan_label *l = s->l->label;
  symo_dtype t = s->o->dtype;
  const double correction = correction_of(s);
  size_t size = orbit_member_size(l);
  if (!by_column(s->o)) scale_entries(s, correction);
  for (size_t i = 0; by_column(s->o) && i < l->count; i++) {
    column_factors(s->o, s->l, s->state, &s->now, s->back, correction, i, s->values);
    column_scale(t, l->ambient, l->m, s->values, symo_at(t, s->z, (ptrdiff_t)(i * size)));
  }
}

/* out += Y V' f V by one matrix a member. */
static void apply_folded(const basis_step *s, symo_const_vector u, symo_vector out) {
  const plan_label *l = s->l->label;
  symo_dtype t = s->o->dtype;
  char *folded = s->rest, *scratch = folded + s->p.folded;
  const double correction = correction_of(s);
  for (size_t i = 0; i < l->count; i++) {
    ptrdiff_t at = (ptrdiff_t)(i * l->m * l->m);
    column_factors(s->o, s->l, s->state, &s->now, 1, correction, i, s->values);
    symo_from_eigh(t, l->m, symo_at(t, s->state[s->l->basis], at), s->values, scratch,
                   symo_at(t, folded, at));
  }
  symo_label_apply(s->o->plan, l, folded, u, out, scratch);
}

void symo_orbit_basis_apply(const orbit *o, const orbit_label *l, void *const *state,
                            const curvature_step *step, const orbit_vectors *vectors, double to,
                            void **spare, void *work) {
  const symo_const_vector g = vectors->g, u = vectors->u;
  basis_step s = {.o = o, .l = l, .state = state, .eps = step->damping, .p = divide(o, l)};
  const bool of_u = by_column(o) && of_momentum(o);
  const symo_const_vector x = of_u ? u : g;
  const curvature_scale *scale_of_x = of_u ? &step->x : &step->g;
  const orbit_far *far_of_x = of_u ? &vectors->u_far : &vectors->g_far;
  const bool due = progress_of(l, state)[ORBIT_TAKEN] != (double)step->t;
  const bool same = x.data == u.data && x.strides == u.strides;
  s.spare = spare;
  s.x = work;
  s.z = s.x + s.p.x;
  s.values = (double *)(void *)(s.z + s.p.x);
  s.rest = (char *)s.values + s.p.values;
  s.unit = due && symo_orbit_moments_ahead(o)
               ? symo_orbit_take_unit(o, state, l, step, x, scale_of_x, (double)NAN)
               : symo_orbit_unit(o, state, l);
  s.now = symo_orbit_in_units(o, step, s.unit);
  /* A vector is near its own level; what it is in units of the memory may be far from 1. */
  if (due) {
    s.level = symo_orbit_level(o, l->label, scale_of_x, log2(s.unit));
    project(&s, x, scale_of_x, far_of_x);
    take_in(&s);
  }
  if (!(due && same)) s.level = symo_orbit_level(o, l->label, &step->x, log2(s.unit));
  double left = s.level - o->method.alpha * log2(s.unit) - to;
  s.back = exp2(left);
  if (folds(o, l) && !l->apart && left == 0 && !(due && same)) {
    apply_folded(&s, symo_orbit_in(o, l->label, u, &step->x, s.level, spare), vectors->out);
    return;
  }
  if (!(due && same)) project(&s, u, &step->x, &vectors->u_far);
  scale(&s);
  turn(&s, s.z, true, s.x);
  symo_orbit_scatter(o, l, s.x, vectors->out, &vectors->u_far, s.rest);
}

double symo_orbit_basis_flops(const orbit *o, const orbit_label *l) {
  const symo_method *q = &o->method;
  bool same = (by_column(o) && of_momentum(o)) || q->momentum == 0;
  double size = (double)orbit_size(l->label), m = (double)l->label->m;
  double product = 2 * size * m, squares = (by_column(o) ? 2 : 4) * size;
  if (same) return 2 * product + squares + 3 * size;
  if (folds(o, l)) return 2 * product + squares + (double)l->label->count * m * m * m;
  return 3 * product + squares + 3 * size;
}
