/* Traces and diagonals of matrices known by their products, from random signs z with E zz' = I:
 *     E z'A z = tr A ,      E z * (A z) = diag A ,
 * with z_i^2 = 1, so that the diagonal of A adds no variance.  Hutch++ splits the trace by an orthogonal
 * projector P = V'V on the span of A times random vectors:
 *     tr A = tr P A P + tr (I - P) A (I - P) ,
 * takes the first part exactly and leaves the second, small where A decays, to the random signs. */
#include <math.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "hessian/operator.h"

static void random_signs(symo_dtype dtype, size_t n, symo_rng *rng, void *x) {
  for (size_t i = 0; i < n; i++) symo_put(dtype, x, i, symo_rng_uniform(rng) < 0.5 ? -1 : 1);
}

/* The mean of numbers that come one by one, and its standard error (Welford 1962). */
typedef struct running {
  size_t count;
  double mean, norm; /* norm: the root of the sum of squared deviations, which stays in range */
} running;

static void add(running *r, double x) {
  double before = x - r->mean;
  r->count++;
  r->mean += before / (double)r->count;
  /* Both factors have one sign. */
  r->norm = hypot(r->norm, sqrt(fabs(before)) * sqrt(fabs(x - r->mean)));
}

static double standard_error(const running *r) {
  if (r->count < 2) return (double)NAN;
  return r->norm / sqrt(((double)r->count - 1) * (double)r->count);
}

static symo_status check(symo_context *context, const char *where, const symo_operator *a,
                         symo_rng *rng, const double *trace) {
  symo_status status = symo_operator_check(context, where, a);
  if (status == SYMO_OK && (rng == NULL || trace == NULL))
    return symo_fail_null(context, where, rng == NULL ? "rng" : "trace");
  return status;
}

symo_status symo_hutchinson(symo_context *context, const symo_operator *a, size_t probes,
                            symo_rng *rng, double *trace, double *error, void *diagonal) {
  const char *where = "hutchinson";
  symo_status status = check(context, where, a, rng, trace);
  if (status != SYMO_OK) return status;
  if (probes == 0)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: no probes (take at least one)", where);
  const size_t n = a->size, item = symo_dtype_size(a->dtype);
  running r = {0};
  size_t bytes = 0;
  char *z = symo_mul_size(2 * item, n, &bytes) ? symo_malloc(bytes) : NULL;
  double *sum = symo_calloc(diagonal == NULL ? 1 : n, sizeof *sum);
  if (z == NULL || sum == NULL) SYMO_TRY(symo_fail_memory(context, where));
  char *az = z + n * item;
  for (size_t k = 0; k < probes; k++) {
    random_signs(a->dtype, n, rng, z);
    SYMO_TRY(symo_operator_apply(context, where, a, 1, z, az));
    double dot = 0;
    for (size_t i = 0; i < n; i++) {
      double x = symo_get(a->dtype, z, i) * symo_get(a->dtype, az, i);
      dot += x;
      if (diagonal != NULL) sum[i] += (x - sum[i]) / (double)(k + 1);
    }
    add(&r, dot);
  }
  for (size_t i = 0; diagonal != NULL && i < n; i++) symo_put(a->dtype, diagonal, i, sum[i]);
  *trace = r.mean;
  if (error != NULL) *error = standard_error(&r);
fail:
  symo_free(z);
  symo_free(sum);
  return status;
}

typedef struct sketch {
  symo_context *context;
  const char *where;
  const symo_operator *a;
  size_t n, item, count; /* count: rows of v so far */
  char *v, *z, *az;      /* [third, n], [n], [n] */
  void *c;               /* 2 third numbers of work space */
} sketch;

static void *row(const sketch *s, size_t i) { return s->v + i * s->n * s->item; }

/* A times a random vector joins the orthonormal rows, unless it lies in their span. */
static symo_status widen(sketch *s, symo_rng *rng) {
  const symo_dtype t = s->a->dtype;
  void *y = row(s, s->count);
  random_signs(t, s->n, rng, s->z);
  symo_status status = symo_operator_apply(s->context, s->where, s->a, 1, s->z, y);
  if (status != SYMO_OK) return status;
  projected_norms p =
      symo_project_out(t, s->n, s->count, s->v, y, s->c, symo_at(t, s->c, (ptrdiff_t)s->count));
  if (!(p.after > 64 * symo_epsilon(t) * p.before) || s->count == s->n) return SYMO_OK;
  if (p.after < 1e-30) {
    symo_scal(t, s->n, 0x1p100, y);
    p.after = symo_nrm2(t, s->n, y);
  }
  symo_scal(t, s->n, 1 / p.after, y);
  s->count++;
  return SYMO_OK;
}

static symo_status estimate(sketch *s, size_t third, size_t probes, symo_rng *rng, double *exact,
                            running *rest) {
  const symo_dtype t = s->a->dtype;
  symo_status status = SYMO_OK;
  *exact = 0;
  for (size_t i = 0; i < third; i++) SYMO_TRY(widen(s, rng));
  for (size_t i = 0; i < s->count; i++) {
    SYMO_TRY(symo_operator_apply(s->context, s->where, s->a, 1, row(s, i), s->az));
    *exact += symo_dot(t, s->n, row(s, i), s->az);
  }
  for (size_t k = 0; k < probes; k++) {
    random_signs(t, s->n, rng, s->z);
    symo_project_out(t, s->n, s->count, s->v, s->z, s->c, symo_at(t, s->c, (ptrdiff_t)s->count));
    SYMO_TRY(symo_operator_apply(s->context, s->where, s->a, 1, s->z, s->az));
    add(rest, symo_dot(t, s->n, s->z, s->az));
  }
fail:
  return status;
}

symo_status symo_hutchpp(symo_context *context, const symo_operator *a, size_t products,
                         symo_rng *rng, double *trace, double *error) {
  const char *where = "hutchpp";
  symo_status status = check(context, where, a, rng, trace);
  if (status != SYMO_OK) return status;
  if (products < 6)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %zu products (take at least 6)", where,
                     products);
  const size_t third = products / 3, item = symo_dtype_size(a->dtype);
  sketch s = {.context = context, .where = where, .a = a, .n = a->size, .item = item};
  running rest = {0};
  double exact;
  size_t bytes = 0;
  char *block = NULL;
  if (symo_mul_size((third + 3) * item, s.n, &bytes)) block = symo_malloc(bytes);
  s.c = symo_malloc(2 * (third + 1) * item);
  if (block == NULL || s.c == NULL) SYMO_TRY(symo_fail_memory(context, where));
  s.v = block; /* one row more than a third, for the vector that may not join */
  s.z = block + (third + 1) * s.n * item;
  s.az = s.z + s.n * item;
  SYMO_TRY(estimate(&s, third, products - 2 * third, rng, &exact, &rest));
  *trace = exact + rest.mean;
  if (error != NULL) *error = standard_error(&rest);
fail:
  symo_free(block);
  symo_free(s.c);
  return status;
}
