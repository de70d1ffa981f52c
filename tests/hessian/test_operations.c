/* Operations on structured matrices against the same on dense ones. */
#include <math.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

enum { LAYOUTS = 24, PARAMETERS = 40 };

/* Runs check on random structured matrices, definite or not, coupled or not, centred or not. */
typedef struct kit {
  symo_world *w;
  symo_plan *plan;
  symo_hessian *h;
  double *dense;
  size_t n;
  bool definite, centered;
  symo_dtype dtype;
  double tolerance;
} kit;

static void for_each_case(uint64_t seed, void (*check)(kit *k)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (int i = 0; i < LAYOUTS; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, PARAMETERS);
    for (int option = 0; option < 8; option++) {
      kit k = {.w = &w, .n = w.n, .definite = option & 1, .centered = option & 2};
      k.dtype = option & 4 ? SYMO_F32 : SYMO_F64;
      k.tolerance = option & 4 ? 1e-4 : 1e-11;
      k.plan = symo_world_plan(&w, k.dtype, i % 3 == 0 ? SYMO_BLOCKED : SYMO_COUPLED, k.centered);
      k.h = (k.definite ? symo_world_definite : symo_world_indefinite)(&w, k.plan);
      k.dense = symo_dense_of(k.h);
      check(&k);
      free(k.dense);
      symo_hessian_destroy(k.h);
      symo_plan_destroy(k.plan);
    }
  }
  symo_world_close(&w);
}

/* Largest difference over the largest of b, or over 1. */
static void same(kit *k, const char *what, const double *a, const double *b, size_t n) {
  double scale = fmax(1, symo_test_max(b, n));
  for (size_t i = 0; i < n; i++)
    cr_assert(fabs(a[i] - b[i]) <= k->tolerance * scale, "%s%s%s: number %zu: %g, %g: %s", what,
              k->centered ? ", centred" : "", k->definite ? "" : ", indefinite", i, a[i], b[i],
              k->w->text);
}

static void same_as(kit *k, const char *what, symo_hessian *h, double *expected) {
  double *found = symo_dense_of(h);
  same(k, what, found, expected, k->n * k->n);
  free(found);
  free(expected);
  symo_hessian_destroy(h);
}

static void check_matvec(kit *k) {
  symo_test_batch x = symo_test_batch_make(k->w->layout, k->dtype, k->w->rng, 2);
  double *found = symo_dense_new(1, k->n), *expected = symo_dense_new(1, k->n);
  cr_ok(k->w->context, symo_hessian_matvec(k->h, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], found);
  symo_dense_matvec(k->n, k->dense, x.flat, expected);
  same(k, "matvec", found, expected, k->n);
  free(found);
  free(expected);
  symo_test_batch_free(&x);
}

Test(operations, matvec) { for_each_case(51, check_matvec); }

/* The dense matrix is symmetric to the bit, and its blocks are what symo_hessian_block gives. */
static void check_dense(kit *k) {
  size_t n = k->n;
  for (size_t i = 0; i < n * n; i++)
    cr_assert(k->dense[i] == k->dense[i % n * n + i / n], "not symmetric to the bit");
  for (size_t r = 0; r < symo_layout_num_tensors(k->w->layout); r++)
    for (size_t c = 0; c < symo_layout_num_tensors(k->w->layout); c++) {
      size_t rows = symo_layout_tensor_size(k->w->layout, r);
      size_t columns = symo_layout_tensor_size(k->w->layout, c);
      double *block = symo_dense_new(rows, columns), *expected = symo_dense_new(rows, columns);
      cr_ok(k->w->context, symo_hessian_block(k->h, r, c, block));
      for (size_t i = 0; i < rows * columns; i++)
        expected[i] = k->dense[(symo_layout_tensor_offset(k->w->layout, r) + i / columns) * n +
                               symo_layout_tensor_offset(k->w->layout, c) + i % columns];
      same(k, "block", block, expected, rows * columns);
      free(block);
      free(expected);
    }
}

Test(operations, dense_and_blocks) { for_each_case(52, check_dense); }

static void check_numbers(kit *k) {
  double trace = 0, norm = symo_dense_norm(k->n, k->dense), *d = symo_dense_new(1, k->n);
  double *expected = symo_dense_new(1, k->n);
  symo_test_vector out = symo_test_vector_make(k->w->layout, k->dtype, NULL);
  for (size_t i = 0; i < k->n; i++) trace += expected[i] = k->dense[i * k->n + i];
  double found = symo_hessian_trace(k->h);
  same(k, "trace", &found, &trace, 1);
  found = symo_hessian_frobenius(k->h);
  same(k, "Frobenius norm", &found, &norm, 1);
  cr_ok(k->w->context, symo_hessian_diagonal(k->h, symo_test_out(&out)));
  symo_test_vector_get(&out, d);
  same(k, "diagonal", d, expected, k->n);
  symo_test_vector_free(&out);
  free(d);
  free(expected);
}

Test(operations, trace_norm_diagonal) { for_each_case(53, check_numbers); }

/* Repeated by multiplicity, the eigenvalues are those of the dense matrix. */
static void check_eigenvalues(kit *k) {
  size_t count, *multiplicities, used = 0;
  double *values, *all = symo_dense_new(1, k->n + 1), *w = symo_dense_new(1, k->n);
  cr_ok(k->w->context, symo_hessian_eigenvalues(k->h, &count, &values, &multiplicities));
  for (size_t i = 0; i < count; i++) {
    cr_assert(i == 0 || values[i - 1] <= values[i], "not ascending");
    cr_assert(multiplicities[i] > 0 && used + multiplicities[i] <= k->n);
    for (size_t j = 0; j < multiplicities[i]; j++) all[used++] = values[i];
  }
  cr_assert_eq(used, k->n, "%zu eigenvalues: %s", used, k->w->text);
  symo_dense_eigen(k->n, k->dense, w, NULL);
  same(k, "eigenvalues", all, w, k->n);
  symo_free(values);
  symo_free(multiplicities);
  free(all);
  free(w);
}

Test(operations, eigenvalues) { for_each_case(54, check_eigenvalues); }

static void check_logdet(kit *k) {
  double found = 17, *w = symo_dense_new(1, k->n);
  symo_dense_eigen(k->n, k->dense, w, NULL);
  for (int i = 0; i < 2; i++) {
    double damping = i == 0 ? 0 : 0.5, expected = 0;
    bool definite = k->definite && (damping > 0 || fabs(w[0]) > 1e-3);
    if (!k->definite && fabs(w[0] + damping) < 1e-3) continue; /* rounding decides */
    definite = definite || w[0] + damping > 0;
    if (!definite || w[0] + damping <= 1e-3) {
      cr_fails(k->w->context, SYMO_SINGULAR, "add damping",
               symo_hessian_logdet(k->h, damping, &found));
      cr_assert(found == 17, "written although singular");
      continue;
    }
    for (size_t j = 0; j < k->n; j++) expected += log(w[j] + damping);
    cr_ok(k->w->context, symo_hessian_logdet(k->h, damping, &found));
    same(k, "logdet", &found, &expected, 1);
    found = 17;
  }
  free(w);
}

Test(operations, logdet) { for_each_case(55, check_logdet); }

/* (A + d I) y = x where A + d I is regular; the pseudo-inverse where d = 0 and A is centred. */
static void check_solve(kit *k) {
  symo_test_batch x = symo_test_batch_make(k->w->layout, k->dtype, k->w->rng, 2);
  double *found = symo_dense_new(1, k->n), *expected = symo_dense_new(1, k->n);
  double *w = symo_dense_new(1, k->n), kept = k->tolerance;
  const double dampings[] = {0, 0.1, 30};
  for (int i = 0; i < 3; i++) {
    double *shifted = symo_dense_identity(k->n, dampings[i]), *sum = symo_dense_new(k->n, k->n);
    for (size_t j = 0; j < k->n * k->n; j++) sum[j] = shifted[j] + k->dense[j];
    double *inverse = symo_dense_power(k->n, sum, -1, k->dtype == SYMO_F32 ? 1e-5 : 1e-12);
    double least = (double)INFINITY, most = 0;
    symo_dense_eigen(k->n, sum, w, NULL);
    for (size_t j = 0; j < k->n; j++) {
      if (fabs(w[j]) > 1e-5 * fabs(w[k->n - 1])) least = fmin(least, fabs(w[j]));
      most = fmax(most, fabs(w[j]));
    }
    k->tolerance = kept * most / least;
    cr_ok(k->w->context,
          symo_hessian_solve(k->h, dampings[i], x.in[0], symo_test_out(&x.vectors[1])));
    symo_test_vector_get(&x.vectors[1], found);
    symo_dense_matvec(k->n, inverse, x.flat, expected);
    same(k, "solve", found, expected, k->n);
    free(shifted);
    free(sum);
    free(inverse);
  }
  k->tolerance = kept;
  free(found);
  free(expected);
  free(w);
  symo_test_batch_free(&x);
}

Test(operations, solve) { for_each_case(56, check_solve); }

/* Powers of A + damping I on what is kept; the dropped part stays zero. */
static double *dense_power(kit *k, double p, double damping) {
  double *kept = symo_dense_power(k->n, k->dense, 0, 1e-5), *sum = symo_dense_new(k->n, k->n);
  for (size_t i = 0; i < k->n * k->n; i++) sum[i] = k->dense[i] + damping * kept[i];
  double *out = symo_dense_power(k->n, sum, p, 1e-5);
  free(kept);
  free(sum);
  return out;
}

static void check_powers(kit *k) {
  const double powers[] = {1, 2, 3, 0.5, -0.5, -1, -2, -0.3, 0.25, 0};
  symo_hessian *h;
  if (!k->definite) return;
  for (int i = 0; i < 10; i++)
    for (int damped = 0; damped < 2; damped++) {
      double damping = damped ? 0.25 : 0;
      cr_ok(k->w->context, symo_hessian_power(k->h, powers[i], damping, &h));
      same_as(k, "power", h, dense_power(k, powers[i], damping));
    }
  cr_ok(k->w->context, symo_hessian_sqrt(k->h, 0.1, &h));
  same_as(k, "sqrt", h, dense_power(k, 0.5, 0.1));
  cr_ok(k->w->context, symo_hessian_invsqrt(k->h, 0, &h));
  same_as(k, "invsqrt", h, dense_power(k, -0.5, 0));
}

Test(operations, powers) { for_each_case(57, check_powers); }

/* What may be done to an indefinite matrix, and what is refused. */
static void check_indefinite(kit *k) {
  double *w = symo_dense_new(1, k->n);
  symo_hessian *h = NULL;
  symo_dense_eigen(k->n, k->dense, w, NULL);
  double *square = symo_dense_product(k->n, k->dense, k->dense);
  cr_ok(k->w->context, symo_hessian_power(k->h, 2, 0, &h));
  same_as(k, "square", h, symo_dense_power(k->n, square, 1, 0));
  cr_ok(k->w->context, symo_hessian_abs(k->h, &h));
  double kept = k->tolerance;
  k->tolerance = fmax(kept, 1e-7); /* the root of a square loses half of the digits */
  same_as(k, "abs", h, symo_dense_power(k->n, square, 0.5, 1e-13));
  k->tolerance = kept;
  if (w[0] < -0.05 * fmax(1, w[k->n - 1])) {
    h = NULL;
    cr_fails(k->w->context, SYMO_INDEFINITE, "symo_hessian_abs", symo_hessian_sqrt(k->h, 0, &h));
    cr_fails(k->w->context, SYMO_INDEFINITE, "label", symo_hessian_invsqrt(k->h, 0, &h));
    cr_fails(k->w->context, SYMO_INDEFINITE, "label", symo_hessian_power(k->h, -0.3, 0, &h));
    cr_assert_null(h);
    cr_ok(k->w->context, symo_hessian_sqrt(k->h, 1 - 2 * w[0], &h));
    symo_hessian_destroy(h);
  }
  free(w);
  free(square);
}

Test(operations, indefinite) { for_each_case(58, check_indefinite); }

static void check_linear(kit *k) {
  symo_hessian *other = symo_world_indefinite(k->w, k->plan), *h;
  double *a = symo_dense_of(other), *sum = symo_dense_new(k->n, k->n);
  for (size_t i = 0; i < k->n * k->n; i++) sum[i] = 2 * k->dense[i] - 0.5 * a[i];
  cr_ok(k->w->context, symo_hessian_add(2, k->h, -0.5, other, &h));
  same_as(k, "sum", h, sum);
  for (size_t i = 0; i < k->n * k->n; i++) a[i] = -3 * k->dense[i];
  cr_ok(k->w->context, symo_hessian_scale(-3, k->h, &h));
  same_as(k, "scale", h, a);
  symo_hessian_destroy(other);
  /* The identity is zero on the dropped part. */
  double *id = dense_power(k, 0, 0);
  cr_ok(k->w->context, symo_hessian_identity(k->plan, 2.5, &h));
  for (size_t i = 0; i < k->n * k->n; i++) id[i] *= 2.5;
  if (k->definite)
    same_as(k, "identity", h, id);
  else {
    free(id);
    symo_hessian_destroy(h);
  }
}

Test(operations, sums_and_multiples) { for_each_case(59, check_linear); }

/* The average of a structured matrix is itself; plans may be equal without being the same. */
static void check_fixed_points(kit *k) {
  symo_hessian *h, *sum;
  cr_ok(k->w->context, symo_reynolds(k->plan, k->dense, &h));
  cr_assert_str_eq(symo_hessian_name(h), "reynolds");
  symo_plan *twin = symo_world_plan(k->w, k->dtype, symo_plan_coupling(k->plan), k->centered);
  symo_hessian *other;
  cr_ok(k->w->context, symo_reynolds(twin, k->dense, &other));
  cr_ok(k->w->context, symo_hessian_add(1, h, -1, other, &sum));
  cr_assert(symo_hessian_frobenius(sum) == 0);
  symo_hessian_destroy(sum);
  symo_hessian_destroy(other);
  symo_plan_destroy(twin);
  double *copy = symo_dense_new(k->n, k->n);
  memcpy(copy, k->dense, k->n * k->n * sizeof *copy);
  same_as(k, "reynolds", h, copy);
}

Test(operations, reynolds_keeps_structured_matrices) { for_each_case(60, check_fixed_points); }

static void check_blocks(kit *k) {
  size_t labels = symo_plan_num_labels(k->plan);
  const void **blocks = calloc(labels + 1, sizeof *blocks);
  symo_hessian *h;
  for (size_t l = 0; l < labels; l++) blocks[l] = symo_hessian_blocks(k->h, l);
  cr_ok(k->w->context, symo_hessian_from_blocks(k->plan, blocks, &h));
  for (size_t l = 0; l < labels; l++) {
    symo_label_info info = symo_plan_label(k->plan, l);
    size_t bytes = info.count * info.multiplicity * info.multiplicity * symo_dtype_size(k->dtype);
    if (info.dropped)
      cr_assert_null(blocks[l]);
    else
      cr_assert(memcmp(symo_hessian_blocks(h, l), blocks[l], bytes) == 0, "%s", info.name);
  }
  free(blocks);
  symo_hessian_destroy(h);
}

Test(operations, from_blocks_gives_back_the_bits) { for_each_case(61, check_blocks); }
