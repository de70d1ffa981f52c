/* What the K-FAC operator computes.  Every function of it is one of eigenvalues: pair.c. */
#include <math.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/kfac.h"

size_t symo_kfac_size(const symo_kfac *kfac) { return kfac == NULL ? 0 : kfac->parameters; }

static double stored_of(const kfac_factor *f) {
  const double n = (double)f->n, k = (double)f->k;
  if (f->v == NULL) return n;
  return f->k < f->n ? (n + 1) * k + 1 : n * (n + 1) / 2;
}

double symo_kfac_stored(const symo_kfac *kfac) {
  double sum = 0;
  if (kfac == NULL) return NAN;
  for (size_t i = 0; i < kfac->parameters; i++) sum += kfac->held[i] ? 0 : 1;
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const kfac_site *site = &kfac->sites[s];
    if (!symo_kfac_is_set(site)) continue;
    sum += stored_of(&site->a) + stored_of(&site->g);
    if (site->moments != NULL) sum += (double)site->a.n * (double)site->g.n;
  }
  return sum;
}

/* ---- eigenvalues ---- */

double symo_kfac_trace(const symo_kfac *kfac) {
  double sum = 0;
  if (kfac == NULL) return NAN;
  for (size_t i = 0; i < kfac->parameters; i++) sum += kfac->diagonal[i];
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const factor_pair p = symo_kfac_pair(&kfac->sites[s]);
    if (symo_kfac_is_set(&kfac->sites[s])) sum += symo_pair_trace(&p);
  }
  return sum;
}

static const pair_function as_it_is = {SYMO_KFAC_EXACT, 0, 1};

symo_status symo_kfac_eigenvalues(const symo_kfac *kfac, double *out) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(kfac->context, "kfac_eigenvalues", "out");
  size_t at = 0;
  for (size_t i = 0; i < kfac->parameters; i++)
    if (!kfac->held[i]) out[at++] = kfac->diagonal[i];
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const factor_pair p = symo_kfac_pair(&kfac->sites[s]);
    const pair_spectrum spectrum = symo_pair_spectrum(&p, as_it_is);
    for (size_t i = 0; i < p.g.n; i++)
      for (size_t j = 0; j < p.a.n; j++)
        out[at++] = symo_pair_value(&spectrum, i < p.g.k ? i : p.g.k, j < p.a.k ? j : p.a.k);
  }
  while (at < kfac->parameters) out[at++] = 0; /* of sites that are not set */
  return SYMO_OK;
}

static symo_status check_function(const symo_kfac *kfac, const char *where, pair_function f) {
  symo_status status = symo_check_damping(kfac->context, where, f.lambda);
  if (status != SYMO_OK) return status;
  if (!isfinite(f.power))
    return symo_fail(kfac->context, SYMO_E_ARGUMENT, "%s: the power is not finite", where);
  return SYMO_OK;
}

symo_status symo_kfac_logdet(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                             double *out) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(kfac->context, "kfac_logdet", "out");
  const pair_function f = {damping, lambda, 1};
  symo_status status = check_function(kfac, "kfac_logdet", f);
  double sum = 0;
  if (status != SYMO_OK) return status;
  for (size_t i = 0; i < kfac->parameters; i++)
    if (!kfac->held[i]) sum += log(kfac->diagonal[i] + lambda);
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const factor_pair p = symo_kfac_pair(&kfac->sites[s]);
    const pair_spectrum spectrum = symo_pair_spectrum(&p, f);
    if (!symo_kfac_is_set(&kfac->sites[s]))
      sum += (double)kfac->sites[s].where.outputs * (double)symo_kfac_width(&kfac->sites[s]) *
             log(lambda);
    for (size_t i = 0; i <= p.g.k && p.g.n > 0; i++)
      for (size_t j = 0; j <= p.a.k; j++) {
        const double rows = i < p.g.k ? 1 : (double)(p.g.n - p.g.k);
        const double columns = j < p.a.k ? 1 : (double)(p.a.n - p.a.k);
        const double value = symo_pair_value(&spectrum, i, j);
        if (rows * columns == 0) continue;
        sum += rows * columns * (value <= spectrum.zero ? -INFINITY : log(value));
      }
  }
  if (!(sum > -INFINITY))
    return symo_fail(kfac->context, SYMO_SINGULAR,
                     "kfac_logdet: an eigenvalue is zero (give a damping)");
  *out = sum;
  return SYMO_OK;
}

/* ---- products ---- */

/* Where entry (i, j) of the matrix of a site lies. */
static size_t place(const symo_factor_site *s, size_t i, size_t j) {
  if (s->table) return s->weight + j * s->outputs + i;
  return j < s->inputs ? s->weight + i * s->inputs + j : s->bias + i;
}

/* Work space for the largest site, taken before anything is written; NULL: no memory. */
static char *take_room(const symo_kfac *kfac, pair_function f) {
  size_t most = 1;
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const kfac_site *site = &kfac->sites[s];
    const factor_pair p = symo_kfac_pair(site);
    const size_t n = site->where.outputs * symo_kfac_width(site);
    if (!symo_kfac_is_set(site)) continue;
    const size_t bytes = 2 * symo_padded(n * sizeof(double)) + symo_pair_work(&p, f);
    most = bytes > most ? bytes : most;
  }
  char *room = symo_malloc(most);
  if (room == NULL) (void)symo_fail_memory(kfac->context, "kfac");
  return room;
}

static void apply_site(const kfac_site *site, pair_function f, char *room, const double *x,
                       double *y) {
  const factor_pair p = symo_kfac_pair(site);
  const size_t rows = site->where.outputs, columns = symo_kfac_width(site), n = rows * columns;
  if (!symo_kfac_is_set(site)) { /* zero, damped */
    const double value = f.lambda > 0 ? pow(f.lambda, f.power) : f.power == 0 ? 1 : 0;
    for (size_t e = 0; e < n; e++) {
      const size_t at = place(&site->where, e / columns, e % columns);
      y[at] = value * x[at];
    }
    return;
  }
  const size_t vector = symo_padded(n * sizeof(double));
  double *from = (double *)(void *)room, *to = (double *)(void *)(room + vector);
  for (size_t e = 0; e < n; e++) from[e] = x[place(&site->where, e / columns, e % columns)];
  symo_pair_apply(&p, f, from, to, room + 2 * vector);
  for (size_t e = 0; e < n; e++) y[place(&site->where, e / columns, e % columns)] = to[e];
}

static symo_status apply(const symo_kfac *kfac, const char *where, pair_function f, const double *x,
                         double *y) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (x == NULL || y == NULL) return symo_fail_null(kfac->context, where, x == NULL ? "x" : "y");
  symo_status status = check_function(kfac, where, f);
  if (status != SYMO_OK) return status;
  if (!symo_all_finite(SYMO_F64, kfac->parameters, x))
    return symo_fail(kfac->context, SYMO_E_NONFINITE, "%s: x holds NaN or infinity", where);
  char *room = take_room(kfac, f);
  if (room == NULL) return SYMO_E_MEMORY;
  for (size_t i = 0; i < kfac->parameters; i++) {
    if (kfac->held[i]) continue;
    const double value = kfac->diagonal[i] + f.lambda;
    y[i] = x[i] * (value > 0 ? pow(value, f.power) : f.power == 0 ? 1 : 0);
  }
  for (size_t s = 0; s < kfac->num_sites; s++) apply_site(&kfac->sites[s], f, room, x, y);
  symo_free(room);
  return SYMO_OK;
}

symo_status symo_kfac_matvec(const symo_kfac *kfac, const double *x, double *y) {
  return apply(kfac, "kfac_matvec", as_it_is, x, y);
}

symo_status symo_kfac_power(const symo_kfac *kfac, double power, symo_kfac_damping damping,
                            double lambda, const double *x, double *y) {
  return apply(kfac, "kfac_power", (pair_function){damping, lambda, power}, x, y);
}

symo_status symo_kfac_solve(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                            const double *x, double *y) {
  return apply(kfac, "kfac_solve", (pair_function){damping, lambda, -1}, x, y);
}

symo_status symo_kfac_sample(const symo_kfac *kfac, symo_kfac_damping damping, double lambda,
                             symo_rng *rng, double *out) {
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (rng == NULL || out == NULL)
    return symo_fail_null(kfac->context, "kfac_sample", rng == NULL ? "rng" : "out");
  double *z = symo_calloc(kfac->parameters, sizeof *z);
  if (z == NULL) return symo_fail_memory(kfac->context, "kfac");
  for (size_t i = 0; i < kfac->parameters; i++) z[i] = symo_rng_normal(rng);
  symo_status status = apply(kfac, "kfac_sample", (pair_function){damping, lambda, -0.5}, z, out);
  symo_free(z);
  return status;
}

/* Unit vectors, each through its own block. */
symo_status symo_kfac_dense(const symo_kfac *kfac, double power, symo_kfac_damping damping,
                            double lambda, double *out) {
  const pair_function f = {damping, lambda, power};
  if (kfac == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(kfac->context, "kfac_dense", "out");
  symo_status status = check_function(kfac, "kfac_dense", f);
  const size_t size = kfac->parameters;
  if (status != SYMO_OK) return status;
  double *unit = symo_calloc(size, sizeof *unit);
  char *room = unit != NULL ? take_room(kfac, f) : NULL;
  if (room == NULL) {
    symo_free(unit);
    return symo_fail_memory(kfac->context, "kfac");
  }
  memset(out, 0, size * size * sizeof *out);
  for (size_t i = 0; i < size; i++) {
    const double value = kfac->diagonal[i] + lambda;
    if (!kfac->held[i]) out[i * size + i] = value > 0 ? pow(value, power) : power == 0 ? 1 : 0;
  }
  for (size_t s = 0; s < kfac->num_sites; s++) {
    const kfac_site *site = &kfac->sites[s];
    const size_t columns = symo_kfac_width(site), n = site->where.outputs * columns;
    for (size_t e = 0; e < n; e++) {
      const size_t at = place(&site->where, e / columns, e % columns);
      unit[at] = 1;
      apply_site(site, f, room, unit, out + at * size);
      unit[at] = 0;
    }
  }
  symo_free(unit);
  symo_free(room);
  return SYMO_OK;
}
