/* Low rank plus symmetry: what needs vectors.  A vector is taken to the coordinates of the
 * eigenvectors of S (hessian/spectral.h), in which S + d I multiplies by w + d, and split into its
 * coefficients on the eigenvectors U and what is left, x in the range of Q.  There N = Q (S + d I) Q,
 * on the range of Q, is undone by
 *     N^-1 x = R x - R U' K^-1 U R x ,   R = (S + d I)^-1 ,  K = U R U' .
 * For fractions 0 < s <= 1/2,
 *     N^-s = sin(pi s) / pi  integral over t > 0 of  t^-s (N + t I)^-1 dt ,
 * whose first part is (S + d I)^-s in closed form and whose second part, of rank k, is summed at
 * t = e^u by the trapezoidal rule: the integrand is analytic for |Im u| < pi and decays like
 * e^{(1-s) u} and e^{-(1+s) u}, so a step of 0.6 leaves exp(-2 pi^2 / 0.6) = 5e-15. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "hessian/lowrank.h"

/* ---- the frame of all operations ---- */

typedef struct frame {
  const symo_lowrank *h;
  const char *where;
  symo_dtype t;
  size_t k, n; /* eigenpairs, coordinates */
  double damping;
  double *w; /* [groups], of S + damping I */
  spectral_signs signs;
  double *on;        /* [k], coefficients on U */
  void *x, *scratch; /* [n]: coordinates of the part in the range of Q */
  void *work;
} frame;

static void close_frame(frame *f) {
  symo_free(f->w);
  symo_free(f->on);
  symo_free(f->x);
  symo_free(f->scratch);
  symo_free(f->work);
}

/* x -= U'U x, with the coefficients added to `on`, unless that is NULL. */
static void project(const frame *f, void *x, double *on) {
  for (size_t i = 0; i < f->k; i++) {
    void *u = symo_lowrank_coordinates(f->h, i);
    double c = symo_dot(f->t, f->n, u, x);
    if (on != NULL) on[i] += c;
    symo_axpy(f->t, f->n, -c, u, x);
  }
}

/* The part of x in the range of Q, and its coefficients on U. */
static symo_status open_frame(const symo_lowrank *h, const char *where, double damping,
                              symo_const_vector x, frame *f) {
  *f = (frame){.h = h,
               .where = where,
               .t = h->rest->plan->dtype,
               .k = h->k,
               .n = h->s.numbers,
               .damping = damping};
  size_t bytes = f->n * symo_dtype_size(f->t) + 1;
  f->w = symo_malloc(h->s.groups * sizeof *f->w + 1);
  f->on = symo_calloc(f->k + 1, sizeof *f->on);
  f->x = symo_malloc(bytes);
  f->scratch = symo_malloc(bytes);
  f->work = symo_malloc(h->s.work);
  if (f->w == NULL || f->on == NULL || f->x == NULL || f->scratch == NULL || f->work == NULL)
    return symo_fail_memory(h->context, where);
  spectral_shift(&h->s, damping, f->w, &f->signs);
  spectral_analyze(&h->s, x, f->x, f->work);
  project(f, f->x, f->on);
  project(f, f->x, f->on);
  return SYMO_OK;
}

/* y := the vector of f->x, plus the coefficients on U. */
static symo_status answer(frame *f, symo_vector y) {
  const symo_plan *plan = f->h->rest->plan;
  for (size_t i = 0; i < f->k; i++)
    symo_axpy(f->t, f->n, f->on[i], symo_lowrank_coordinates(f->h, i), f->x);
  spectral_synthesize(&f->h->s, f->x, y, f->work);
  for (size_t i = 0; i < plan->layout->num_tensors; i++)
    if (!isfinite(symo_nd_max_abs(symo_layout_view(plan->layout, f->t, symo_vector_const(y), i))))
      return symo_fail(f->h->context, SYMO_E_NUMERIC,
                       "%s: tensor %s of the result overflows %s (scale the vector down, or add "
                       "damping%s)",
                       f->where, plan->layout->tensors[i].name, symo_dtype_name(f->t),
                       symo_dtype_wider(f->t));
  return SYMO_OK;
}

static symo_status check_vectors(const symo_lowrank *h, const char *where, symo_const_vector x,
                                 symo_vector y) {
  const symo_layout *layout = h->rest->plan->layout;
  const symo_dtype t = h->rest->plan->dtype;
  char what[64];
  (void)snprintf(what, sizeof what, "%s: x", where);
  symo_status status = symo_layout_check_vector(layout, t, x, what);
  what[strlen(where) + 2] = 'y';
  if (status == SYMO_OK) status = symo_layout_check_arrays(layout, t, symo_vector_const(y), what);
  if (status == SYMO_OK) status = symo_layout_check_apart(layout, where, x, "x", y, "y", NULL);
  return status;
}

/* ---- one operation each, on f->x ---- */

static void multiply(frame *f) {
  spectral_weigh(&f->h->s, f->w, 1, f->x, false, f->x);
  project(f, f->x, NULL);
}

static symo_status singular(const frame *f) {
  return symo_fail(f->h->context, SYMO_SINGULAR,
                   "%s: the matrix is singular with damping %g (add "
                   "damping)",
                   f->where, f->damping);
}

/* b [k] := K^-1 b, by the eigenvectors of K; SYMO_SINGULAR. */
static symo_status solve_small(const frame *f, double *gram, double *b) {
  const size_t k = f->k;
  double *values = symo_malloc(2 * k * sizeof *values + 1), *c;
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, k));
  symo_status status = SYMO_OK;
  if (values == NULL || work == NULL) SYMO_TRY(symo_fail_memory(f->h->context, f->where));
  c = values + k;
  status = symo_eigh(SYMO_F64, k, gram, values, work);
  if (status != SYMO_OK)
    SYMO_TRY(symo_fail(f->h->context, status,
                       "%s: the eigendecomposition of the low-rank part failed (look for enormous "
                       "values)",
                       f->where));
  double most = fmax(fabs(values[0]), fabs(values[k - 1]));
  symo_gemv(SYMO_F64, 1, symo_mat_dense(gram, k, k), b, 0, c);
  for (size_t i = 0; i < k; i++) {
    /* K of a positive definite matrix is one, whatever rounding makes of its least eigenvalues. */
    const double least = symo_rank_tolerance(f->t, k) * most;
    const bool definite = !f->signs.zero && !f->signs.below;
    if (!definite && !(fabs(values[i]) > least)) SYMO_TRY(singular(f));
    c[i] /= definite ? fmax(values[i], least) : values[i];
  }
  symo_gemv(SYMO_F64, 1, symo_mat_t(symo_mat_dense(gram, k, k)), c, 0, b);
fail:
  symo_free(values);
  symo_free(work);
  return status;
}

/* f->x := N^-1 f->x. */
static symo_status divide(frame *f) {
  const size_t k = f->k, item = symo_dtype_size(f->t);
  symo_status status = SYMO_OK;
  void *scaled = symo_malloc(k * f->n * item + 1);
  double *gram = symo_malloc((k * k + k) * sizeof *gram + 1), *b;
  double *inverse = symo_malloc(f->h->s.groups * sizeof *inverse + 1);
  if (scaled == NULL || gram == NULL || inverse == NULL)
    SYMO_TRY(symo_fail_memory(f->h->context, f->where));
  b = gram + k * k;
  for (size_t g = 0; g < f->h->s.groups; g++) inverse[g] = 1 / f->w[g];
  spectral_weigh(&f->h->s, inverse, 1, f->x, false, f->scratch);
  if (k > 0) {
    SYMO_TRY(symo_lowrank_gram(f->h, f->where, f->w, gram, scaled));
    for (size_t i = 0; i < k; i++)
      b[i] = symo_dot(f->t, f->n, symo_lowrank_coordinates(f->h, i), f->scratch);
    SYMO_TRY(solve_small(f, gram, b));
    for (size_t i = 0; i < k; i++)
      symo_axpy(f->t, f->n, -b[i], symo_at(f->t, scaled, (ptrdiff_t)(i * f->n)), f->scratch);
  }
  memcpy(f->x, f->scratch, f->n * item);
  project(f, f->x, NULL);
fail:
  symo_free(scaled);
  symo_free(gram);
  symo_free(inverse);
  return status;
}

/* ---- fractions ---- */

static const double step = 0.6, digits = 36; /* log of what is left out */

typedef struct resolvents {
  double *g; /* [groups, k, k]: products of the vectors in each group */
  double *b; /* [groups, k]: with x */
  double *z; /* [groups, k]: the sum over t of weight (w + t)^-1 K^-1 U (S + t)^-1 x */
  double *small, *c;
} resolvents;

/* One node of the integral. */
static symo_status add_node(const frame *f, const resolvents *r, double t, double weight) {
  const size_t k = f->k, groups = f->h->s.groups;
  memset(r->small, 0, (k * k + k) * sizeof *r->small);
  for (size_t e = 0; e < groups; e++) {
    double inverse = 1 / (f->w[e] + t);
    for (size_t i = 0; i < k * k; i++) r->small[i] += inverse * r->g[e * k * k + i];
    for (size_t i = 0; i < k; i++) r->c[i] += inverse * r->b[e * k + i];
  }
  symo_status status = symo_cholesky(SYMO_F64, k, r->small, NULL, NULL);
  if (status != SYMO_OK) return singular(f);
  symo_trsm(SYMO_F64, k, r->small, false, symo_mat_dense(r->c, k, 1));
  symo_trsm(SYMO_F64, k, r->small, true, symo_mat_dense(r->c, k, 1));
  for (size_t e = 0; e < groups; e++)
    for (size_t i = 0; i < k; i++) r->z[e * k + i] += weight / (f->w[e] + t) * r->c[i];
  return SYMO_OK;
}

static symo_status integrate(const frame *f, double s, const resolvents *r) {
  const double pi = 3.14159265358979323846;
  double low = INFINITY, high = 0;
  symo_status status = SYMO_OK;
  for (size_t e = 0; e < f->h->s.groups; e++) {
    low = fmin(low, f->w[e]);
    high = fmax(high, f->w[e]);
  }
  double first = log(low) - digits / (1 - s), last = log(high) + digits / (1 + s);
  const size_t nodes = (size_t)ceil((last - first) / step) + 1;
  for (size_t i = 0; i < nodes && status == SYMO_OK; i++) {
    double u = first + step * (double)i, t = exp(u);
    status = add_node(f, r, t, sin(pi * s) / pi * step * exp((1 - s) * u));
  }
  return status;
}

/* f->x := N^-s f->x for 0 < s <= 1/2 and w > 0. */
static symo_status divide_fraction(frame *f, double s) {
  const size_t k = f->k, groups = f->h->s.groups;
  symo_status status = SYMO_OK;
  size_t count = 0;
  double *block = NULL;
  if (symo_mul_size(groups * sizeof *block, k * k + 2 * k + 1, &count))
    block = symo_calloc(count + (k * k + k) * sizeof *block + 1, 1);
  if (block == NULL) SYMO_TRY(symo_fail_memory(f->h->context, f->where));
  resolvents r = {.g = block};
  r.b = r.g + groups * k * k;
  r.z = r.b + groups * k;
  double *power = r.z + groups * k;
  r.small = power + groups;
  r.c = r.small + k * k;
  for (size_t i = 0; i < k; i++) {
    void *u = symo_lowrank_coordinates(f->h, i);
    spectral_dots(&f->h->s, u, f->x, r.b + i, k);
    for (size_t j = 0; j < k; j++)
      spectral_dots(&f->h->s, u, symo_lowrank_coordinates(f->h, j), r.g + i * k + j, k * k);
  }
  if (k > 0) SYMO_TRY(integrate(f, s, &r));
  for (size_t e = 0; e < groups; e++) power[e] = pow(f->w[e], -s);
  for (size_t e = 0; e < groups * k; e++) r.z[e] = -r.z[e];
  spectral_weigh(&f->h->s, power, 1, f->x, false, f->x);
  for (size_t i = 0; i < k; i++)
    spectral_weigh(&f->h->s, r.z + i, k, symo_lowrank_coordinates(f->h, i), true, f->x);
  project(f, f->x, NULL);
fail:
  symo_free(block);
  return status;
}

/* ---- public ---- */

symo_status symo_lowrank_matvec(const symo_lowrank *h, symo_const_vector x, symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  frame f = {0};
  symo_status status = check_vectors(h, "lowrank_matvec", x, y);
  if (status != SYMO_OK) return status;
  SYMO_TRY(open_frame(h, "lowrank_matvec", 0, x, &f));
  memcpy(f.w, h->s.w, h->s.groups * sizeof *f.w);
  multiply(&f);
  for (size_t i = 0; i < f.k; i++) f.on[i] *= h->values[i];
  status = answer(&f, y);
fail:
  close_frame(&f);
  return status;
}

/* The coefficients on U times (values + damping)^p. */
static symo_status raise_values(frame *f, double p, bool whole) {
  double most = 0;
  for (size_t i = 0; i < f->k; i++) most = fmax(most, fabs(f->h->values[i] + f->damping));
  for (size_t i = 0; i < f->k; i++) {
    double value = f->h->values[i] + f->damping;
    if (!whole && value < -sqrt(symo_epsilon(f->t)) * most)
      return symo_fail(f->h->context, SYMO_INDEFINITE,
                       "%s: the eigenvalue %g with damping %g (take symo_lowrank_abs first, or add "
                       "damping)",
                       f->where, f->h->values[i], f->damping);
    if (!whole && value < 0) value = 0;
    if (p < 0 && !(fabs(value) > symo_epsilon(f->t) * most)) return singular(f);
    f->on[i] *= pow(value, p);
  }
  return SYMO_OK;
}

symo_status symo_lowrank_solve(const symo_lowrank *h, double damping, symo_const_vector x,
                               symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  frame f = {0};
  symo_status status = symo_check_damping(h->context, "lowrank_solve", damping);
  if (status == SYMO_OK) status = check_vectors(h, "lowrank_solve", x, y);
  if (status != SYMO_OK) return status;
  SYMO_TRY(open_frame(h, "lowrank_solve", damping, x, &f));
  if (f.signs.zero) SYMO_TRY(singular(&f));
  SYMO_TRY(raise_values(&f, -1, true));
  SYMO_TRY(divide(&f));
  status = answer(&f, y);
fail:
  close_frame(&f);
  return status;
}

/* f->x := N^p f->x: N^{-s} for the fraction, then products or solutions. */
static symo_status raise(frame *f, double p) {
  symo_status status = SYMO_OK;
  double whole = ceil(p), s = whole - p;
  double least = INFINITY;
  for (size_t e = 0; e < f->h->s.groups; e++) {
    if (f->w[e] < 0 && s > 0) f->w[e] = 0;
    if (f->w[e] > 0) least = fmin(least, f->w[e]);
  }
  if (p < 0 && f->signs.zero) return singular(f);
  if (s > 0 && isfinite(least)) {
    /* With p > 0 what is zero is multiplied by zero afterwards: any positive number will do. */
    double *kept = symo_malloc(f->h->s.groups * sizeof *kept + 1);
    if (kept == NULL) return symo_fail_memory(f->h->context, f->where);
    memcpy(kept, f->w, f->h->s.groups * sizeof *kept);
    for (size_t e = 0; e < f->h->s.groups; e++)
      if (f->w[e] == 0) f->w[e] = least;
    for (int half = 0; half < (s > 0.5 ? 2 : 1) && status == SYMO_OK; half++)
      status = divide_fraction(f, s > 0.5 ? s / 2 : s);
    memcpy(f->w, kept, f->h->s.groups * sizeof *kept);
    symo_free(kept);
  }
  while (whole > 0 && status == SYMO_OK) multiply(f), whole--;
  while (whole < 0 && status == SYMO_OK) status = divide(f), whole++;
  return status;
}

symo_status symo_lowrank_power(const symo_lowrank *h, double p, double damping, symo_const_vector x,
                               symo_vector y) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  const char *where = "lowrank_power";
  frame f = {0};
  symo_status status = symo_check_damping(h->context, where, damping);
  if (status == SYMO_OK && !(fabs(p) <= 64))
    status = symo_fail(h->context, SYMO_E_ARGUMENT, "%s: exponent %g (must be from -64 to 64)",
                       where, p);
  if (status == SYMO_OK) status = check_vectors(h, where, x, y);
  if (status != SYMO_OK) return status;
  const bool whole = p == floor(p);
  SYMO_TRY(open_frame(h, where, damping, x, &f));
  if (!whole && f.signs.negative)
    SYMO_TRY(symo_fail(h->context, SYMO_INDEFINITE,
                       "%s: the rest has a negative eigenvalue with damping %g (take "
                       "symo_lowrank_abs first, or add damping)",
                       where, damping));
  SYMO_TRY(raise_values(&f, p, whole));
  SYMO_TRY(raise(&f, p));
  status = answer(&f, y);
fail:
  close_frame(&f);
  return status;
}

symo_status symo_lowrank_sample(const symo_lowrank *h, double damping, symo_rng *rng,
                                symo_vector out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL) return symo_fail_null(h->context, "lowrank_sample", "rng");
  const symo_layout *layout = h->rest->plan->layout;
  const symo_dtype t = h->rest->plan->dtype;
  void *noise = symo_malloc(layout->parameters * symo_dtype_size(t));
  const void **data = symo_malloc((layout->num_tensors + 1) * sizeof *data);
  symo_status status = SYMO_OK;
  if (noise == NULL || data == NULL) SYMO_TRY(symo_fail_memory(h->context, "lowrank_sample"));
  for (size_t i = 0; i < layout->parameters; i++) symo_put(t, noise, i, symo_rng_normal(rng));
  symo_layout_split_const(layout, t, noise, data);
  status = symo_lowrank_power(h, -0.5, damping, symo_const_vector_of(t, data), out);
fail:
  symo_free(noise);
  symo_free(data);
  return status;
}

/* ---- the entries ---- */

/* b [k, P] := U S, float64; u the same of U. */
static symo_status rows_of(const symo_lowrank *h, const char *where, double *u, double *b) {
  const symo_plan *plan = h->rest->plan;
  const symo_layout *layout = plan->layout;
  const symo_dtype t = plan->dtype;
  const size_t p = layout->parameters;
  symo_status status = SYMO_OK;
  void **data = symo_malloc((2 * layout->num_tensors + 1) * sizeof *data),
       *y = symo_malloc(p * symo_dtype_size(t));
  if (data == NULL || y == NULL) SYMO_TRY(symo_fail_memory(h->context, where));
  symo_layout_split(layout, t, y, data + layout->num_tensors);
  for (size_t i = 0; i < h->k; i++) {
    void *row = symo_at(t, h->vectors, (ptrdiff_t)(i * p));
    symo_layout_split(layout, t, row, data);
    SYMO_TRY(symo_hessian_matvec(h->rest, symo_const_vector_of(t, (const void *const *)data),
                                 symo_vector_of(t, data + layout->num_tensors)));
    for (size_t j = 0; j < p; j++) {
      u[i * p + j] = symo_get(t, row, j);
      b[i * p + j] = symo_get(t, y, j);
    }
  }
fail:
  symo_free(data);
  symo_free(y);
  return status;
}

/* out [k, P] := (U S U' + diag(values)) U / 2 - U S: H = S + U'out + out'U. */
static void correction(const symo_lowrank *h, const double *u, const double *b, double *out) {
  const size_t k = h->k, p = h->rest->plan->layout->parameters;
  for (size_t i = 0; i < k; i++)
    for (size_t j = 0; j < p; j++) {
      double sum = -b[i * p + j] + 0.5 * h->values[i] * u[i * p + j];
      for (size_t l = 0; l < k; l++) sum += 0.5 * h->inner[i * k + l] * u[l * p + j];
      out[i * p + j] = sum;
    }
}

static symo_status correct(const symo_lowrank *h, const char *where, double **block, double **u,
                           double **c) {
  const size_t p = h->rest->plan->layout->parameters;
  size_t bytes;
  *block = NULL;
  if (symo_mul_size(3 * h->k * sizeof(double), p, &bytes)) *block = symo_malloc(bytes + 1);
  if (*block == NULL) return symo_fail_memory(h->context, where);
  *u = *block;
  *c = *block + 2 * h->k * p;
  symo_status status = rows_of(h, where, *u, *block + h->k * p);
  if (status == SYMO_OK) correction(h, *u, *block + h->k * p, *c);
  return status;
}

symo_status symo_lowrank_dense(const symo_lowrank *h, double *out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(h->context, "lowrank_dense", "out");
  const size_t p = h->rest->plan->layout->parameters;
  double *block, *u, *c;
  symo_status status = correct(h, "lowrank_dense", &block, &u, &c);
  if (status == SYMO_OK) status = symo_hessian_dense(h->rest, out);
  if (status == SYMO_OK && h->k > 0) {
    symo_syr2k(SYMO_F64, 1, symo_mat_dense(u, h->k, p), symo_mat_dense(c, h->k, p), 1,
               symo_mat_dense(out, p, p));
    symo_symmetrize(SYMO_F64, p, out);
  }
  symo_free(block);
  return status;
}

symo_status symo_lowrank_diagonal(const symo_lowrank *h, symo_vector out) {
  if (h == NULL) return SYMO_E_ARGUMENT;
  const symo_layout *layout = h->rest->plan->layout;
  const symo_dtype t = h->rest->plan->dtype;
  const size_t p = layout->parameters;
  double *block = NULL, *u, *c;
  void *flat = NULL, **data = NULL;
  symo_status status;
  SYMO_TRY(correct(h, "lowrank_diagonal", &block, &u, &c));
  flat = symo_malloc(p * symo_dtype_size(t));
  data = symo_malloc((layout->num_tensors + 1) * sizeof *data);
  if (flat == NULL || data == NULL) SYMO_TRY(symo_fail_memory(h->context, "lowrank_diagonal"));
  SYMO_TRY(symo_hessian_diagonal(h->rest, out)); /* the last that can fail */
  symo_layout_split(layout, t, flat, data);
  for (size_t j = 0; j < p; j++) {
    double sum = 0;
    for (size_t i = 0; i < h->k; i++) sum += 2 * u[i * p + j] * c[i * p + j];
    symo_put(t, flat, j, sum);
  }
  for (size_t i = 0; i < layout->num_tensors; i++) {
    const symo_const_vector from = symo_const_vector_of(t, (const void *const *)data);
    symo_nd_axpy(1, symo_layout_view(layout, t, from, i),
                 symo_layout_view(layout, t, symo_vector_const(out), i));
  }
fail:
  symo_free(block);
  symo_free(flat);
  symo_free(data);
  return status;
}
