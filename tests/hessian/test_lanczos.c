/* Leading eigenpairs by products, against a dense eigendecomposition. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/operators.h"
#include "tests/support/world.h"

enum { N = 60, K = 6 };

static int by_size(const void *a, const void *b) {
  double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
  return (x < y) - (x > y);
}

/* The K largest of the spectrum w in size are found, with vectors that are eigenvectors. */
static void check_pairs(const symo_test_matrix *m, const double *w, const symo_eigenpairs *p,
                        double tolerance) {
  size_t n = m->n;
  double *sorted = symo_dense_new(1, n), *u = symo_dense_new(p->count, n),
         *au = symo_dense_new(1, n);
  memcpy(sorted, w, n * sizeof *w);
  qsort(sorted, n, sizeof *sorted, by_size);
  double top = fabs(sorted[0]);
  double rounding = symo_test_bound(m->dtype, n, 1) * top;
  symo_test_unpack(m->dtype, p->vectors, u, p->count * n);
  cr_assert(p->converged == p->count, "%zu of %zu", p->converged, p->count);
  /* Pairs of a first search are held in a second one, whose pairs have what those lack. */
  double held = 0;
  for (size_t k = 0; k < p->count; k++) held = hypot(held, p->residuals[k]);
  for (size_t k = 0; k < p->count; k++) {
    double gap = fabs(fabs(p->values[k]) - fabs(sorted[k]));
    cr_assert(gap <= tolerance * top + rounding, "value %zu: %g for %g", k, p->values[k],
              sorted[k]);
    cr_assert(k == 0 || fabs(p->values[k]) <= fabs(p->values[k - 1]));
    symo_dense_matvec(n, m->a, u + k * n, au);
    double residual = 0;
    for (size_t i = 0; i < n; i++) residual = hypot(residual, au[i] - p->values[k] * u[k * n + i]);
    cr_assert(residual <= p->residuals[k] + held + rounding, "residual %zu: %g, said %g", k,
              residual, p->residuals[k]);
    cr_assert(p->residuals[k] <= tolerance * top);
    for (size_t l = 0; l <= k; l++) {
      double dot = 0;
      for (size_t i = 0; i < n; i++) dot += u[k * n + i] * u[l * n + i];
      cr_assert(fabs(dot - (k == l)) <= symo_test_bound(m->dtype, n, 1), "%zu, %zu: %g", k, l, dot);
    }
  }
  free(sorted);
  free(u);
  free(au);
}

static void check(symo_world *w, symo_dtype dtype, const double *spectrum,
                  const symo_lanczos_spec *spec) {
  symo_test_matrix m = symo_test_matrix_of(w->rng, dtype, N, spectrum);
  symo_operator a = symo_test_operator(&m);
  symo_eigenpairs pairs = {0};
  cr_ok(w->context, symo_lanczos(w->context, &a, spec, w->rng, &pairs));
  cr_assert(pairs.count == spec->count && pairs.size == N && pairs.dtype == dtype);
  cr_assert(pairs.products == m.products);
  /* Six pairs of 60 take at most eight times the size, also where each is looked for again. */
  cr_assert(pairs.products <= 8 * N, "%zu products", pairs.products);
  double tolerance = spec->tolerance > 0 ? spec->tolerance : sqrt(symo_epsilon(dtype));
  check_pairs(&m, spectrum, &pairs, tolerance);
  symo_eigenpairs_free(&pairs);
  symo_test_matrix_drop(&m);
}

typedef double spectrum_of(size_t i);

static double decaying(size_t i) { return pow(0.8, (double)i); }
static double indefinite(size_t i) { return (i % 2 ? -1 : 1) * pow(0.85, (double)i); }
static double clustered(size_t i) { return i < 8 ? 1 + 1e-5 * (double)i : 0.5 / (double)(i + 1); }
static double repeated(size_t i) { return i < 4 ? 3 : i < 9 ? -2 : 1.0 / (double)(i + 1); }
static double deficient(size_t i) { return i < 3 ? (double)(3 - i) : 0; }
static double zero(size_t i) { return (double)i * 0; }
static double equal(size_t i) { return i < N ? -7 : 0; }
static double opposite(size_t i) { return i == 0 ? 2 : i == 1 ? -2 : 1 / (double)(i + 2); }

static spectrum_of *const shapes[] = {decaying,  indefinite, clustered, repeated,
                                      deficient, zero,       equal,     opposite};
enum { SHAPES = sizeof shapes / sizeof *shapes };

Test(lanczos, leading_pairs_of_every_spectrum) {
  symo_world w;
  symo_world_open(&w, 11);
  double spectrum[N];
  for (int s = 0; s < SHAPES; s++)
    for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
      for (size_t basis = 0; basis <= K + 4; basis += K + 4) {
        for (size_t i = 0; i < N; i++) spectrum[i] = shapes[s](i);
        symo_lanczos_spec spec = {.count = K, .basis = basis, .products = 4000, .repeated = true};
        check(&w, (symo_dtype)dtype, spectrum, &spec);
      }
  symo_world_close(&w);
}

/* Numbers near the limits of the type: by powers of two, so the pairs are the same. */
Test(lanczos, tiny_and_huge_matrices) {
  symo_world w;
  symo_world_open(&w, 12);
  double spectrum[N];
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (int sign = -1; sign <= 1; sign += 2)
      for (int s = 0; s < 4; s++) {
        int exponent = sign * (dtype == SYMO_F32 ? 100 : 900);
        for (size_t i = 0; i < N; i++) spectrum[i] = ldexp(shapes[s](i), exponent);
        symo_lanczos_spec spec = {.count = K, .products = 4000, .repeated = true};
        check(&w, (symo_dtype)dtype, spectrum, &spec);
      }
  symo_world_close(&w);
}

Test(lanczos, sharp_tolerance_and_whole_space) {
  symo_world w;
  symo_world_open(&w, 13);
  double spectrum[N];
  for (size_t i = 0; i < N; i++) spectrum[i] = indefinite(i);
  symo_lanczos_spec sharp = {.count = K, .products = 4000, .tolerance = 1e-13};
  check(&w, SYMO_F64, spectrum, &sharp);
  for (size_t count = 1; count <= N; count += N - 1) {
    symo_lanczos_spec all = {.count = count};
    check(&w, SYMO_F64, spectrum, &all);
  }
  symo_world_close(&w);
}

/* The products run out: what is at hand, with residuals that say so. */
Test(lanczos, budget_of_products) {
  symo_world w;
  symo_world_open(&w, 14);
  double spectrum[N];
  for (size_t i = 0; i < N; i++) spectrum[i] = clustered(i);
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, N, spectrum);
  symo_operator a = symo_test_operator(&m);
  for (size_t products = 1; products <= 12; products++) {
    symo_lanczos_spec spec = {.count = K, .products = products, .tolerance = 1e-10};
    symo_eigenpairs pairs = {0};
    m.products = 0;
    cr_ok(w.context, symo_lanczos(w.context, &a, &spec, w.rng, &pairs));
    cr_assert(m.products == products && pairs.products == products);
    cr_assert(pairs.count == (products < K ? products : K) && pairs.converged < K);
    for (size_t k = 0; k < pairs.count; k++) cr_assert(fabs(pairs.values[k]) <= 1.0001);
    symo_eigenpairs_free(&pairs);
  }
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}

static void moments(const symo_world *w, symo_test_matrix *m, const void *start, size_t steps) {
  double nodes[N], weights[N], x[N], y[N], v[N], square = 0;
  size_t count;
  symo_operator a = symo_test_operator(m);
  cr_ok(w->context,
        symo_lanczos_quadrature(w->context, &a, steps, start, w->rng, &count, nodes, weights));
  cr_assert(count == steps);
  symo_test_unpack(m->dtype, start, v, N);
  memcpy(x, v, sizeof x);
  for (size_t i = 0; i < N; i++) square += v[i] * v[i];
  for (size_t power = 0; power < 2 * steps; power++) {
    double exact = 0, sum = 0;
    for (size_t i = 0; i < N; i++) exact += v[i] * x[i] / square;
    for (size_t i = 0; i < count; i++) sum += weights[i] * pow(nodes[i], (double)power);
    cr_assert(fabs(sum - exact) <= symo_test_bound(m->dtype, N, 10), "power %zu: %g for %g", power,
              sum, exact);
    symo_dense_matvec(N, m->a, x, y);
    memcpy(x, y, sizeof x);
  }
  for (size_t i = 1; i < count; i++) cr_assert(nodes[i] > nodes[i - 1] && weights[i] >= 0);
}

/* Exact for polynomials of degree below 2 steps. */
Test(lanczos, quadrature_is_gaussian) {
  symo_world w;
  symo_world_open(&w, 15);
  double spectrum[N], v[N], packed[N];
  for (size_t i = 0; i < N; i++) spectrum[i] = indefinite(i);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++)
    for (size_t steps = 1; steps <= 9; steps += 4) {
      symo_test_matrix m = symo_test_matrix_of(w.rng, (symo_dtype)dtype, N, spectrum);
      symo_test_randn(w.rng, v, N);
      symo_test_pack((symo_dtype)dtype, v, packed, N);
      moments(&w, &m, packed, steps);
      symo_test_matrix_drop(&m);
    }
  symo_world_close(&w);
}

/* The mean over random starts is the spectral density: its mean is the trace, within 5 standard
 * errors; and it ends where the Krylov space does. */
Test(lanczos, quadrature_of_random_starts) {
  symo_world w;
  symo_world_open(&w, 16);
  double spectrum[N], nodes[N], weights[N], mean = 0, squares = 0, exact = 0;
  size_t count;
  for (size_t i = 0; i < N; i++) {
    spectrum[i] = i < 20 ? 4 : i < 30 ? -1 : 0;
    exact += spectrum[i] / N;
  }
  /* Diagonal: a rotation would split the eigenvalues by rounding. */
  symo_test_matrix m = {.n = N, .dtype = SYMO_F64, .a = symo_dense_new(N, N)};
  for (size_t i = 0; i < N; i++) m.a[i * N + i] = spectrum[i];
  symo_operator a = symo_test_operator(&m);
  enum { STARTS = 400 };
  for (int s = 0; s < STARTS; s++) {
    cr_ok(w.context,
          symo_lanczos_quadrature(w.context, &a, 10, NULL, w.rng, &count, nodes, weights));
    cr_assert(count == 3, "%zu nodes of three eigenvalues", count);
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += weights[i] * nodes[i];
    mean += sum / STARTS;
    squares += sum * sum / STARTS;
  }
  double error = sqrt((squares - mean * mean) / (STARTS - 1));
  cr_assert(fabs(mean - exact) <= 5 * error, "%g for %g, error %g", mean, exact, error);
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}

Test(lanczos, same_seed_same_bits) {
  symo_world w;
  symo_world_open(&w, 17);
  double spectrum[N];
  symo_eigenpairs pairs[2] = {{0}};
  for (size_t i = 0; i < N; i++) spectrum[i] = decaying(i);
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, N, spectrum);
  symo_operator a = symo_test_operator(&m);
  for (int k = 0; k < 2; k++) {
    symo_rng *rng = symo_test_rng(w.context, 3);
    cr_ok(w.context, symo_lanczos(w.context, &a, NULL, rng, &pairs[k]));
    symo_rng_destroy(rng);
  }
  cr_assert(memcmp(pairs[0].vectors, pairs[1].vectors, pairs[0].count * N * sizeof(double)) == 0);
  for (int k = 0; k < 2; k++) symo_eigenpairs_free(&pairs[k]);
  symo_eigenpairs_free(NULL);
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}

typedef struct attempt {
  symo_world *w;
  symo_operator a;
} attempt;

static symo_status try_lanczos(void *self) {
  attempt *t = self;
  symo_eigenpairs pairs = {0};
  symo_status status = symo_lanczos(t->w->context, &t->a, NULL, t->w->rng, &pairs);
  symo_eigenpairs_free(&pairs);
  return status;
}

static symo_status try_quadrature(void *self) {
  attempt *t = self;
  double nodes[8], weights[8];
  size_t count;
  return symo_lanczos_quadrature(t->w->context, &t->a, 8, NULL, t->w->rng, &count, nodes, weights);
}

/* A product that fails, or gives NaN, and memory that runs out. */
Test(lanczos, failures) {
  symo_world w;
  symo_world_open(&w, 18);
  double spectrum[N];
  for (size_t i = 0; i < N; i++) spectrum[i] = decaying(i);
  symo_test_matrix m = symo_test_matrix_of(w.rng, SYMO_F64, N, spectrum);
  attempt t = {&w, symo_test_operator(&m)};
  cr_assert(symo_test_allocations(try_lanczos, &t) > 0);
  cr_assert(symo_test_allocations(try_quadrature, &t) > 0);
  m.fail_after = m.products + 3;
  m.later = SYMO_E_IO;
  cr_fails(w.context, SYMO_E_IO, "the product of matrix ended with SYMO_E_IO", try_lanczos(&t));
  m.fail_after = 0;
  m.a[5] = (double)NAN;
  cr_fails(w.context, SYMO_E_NUMERIC, "lanczos: a product of matrix holds NaN", try_lanczos(&t));
  cr_fails(w.context, SYMO_E_NUMERIC, "lanczos_quadrature: a product", try_quadrature(&t));
  symo_test_matrix_drop(&m);
  symo_world_close(&w);
}
