/* Structured matrices at the edge: samples, singular and centred ones, overflow, refusals. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/world.h"

static const char small_net[] =
    "i: identity 2; h: signed-permutation 3; p: permutation 3; w[h,i] b[h] v[p,h] c[p] s[]";

/* The covariance of draws from N(0, (A + d I)^-1) is that inverse: entries within 5 standard
 * errors, sqrt((S_ii S_jj + S_ij^2) / draws). */
Test(operations_edges, samples_have_the_covariance) {
  enum { DRAWS = 20000 };
  symo_world w;
  symo_world_open(&w, 81);
  symo_world_parse(&w, "h: signed-permutation 3; p: permutation 2; w[h,p] b[h] c[p]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan);
  size_t n = w.n;
  double damping = 0.5, *a = symo_dense_of(h), *sum = symo_dense_new(n, n),
         *x = symo_dense_new(1, n);
  double *mean = symo_dense_new(1, n);
  for (size_t i = 0; i < n; i++) a[i * n + i] += damping;
  double *s = symo_dense_power(n, a, -1, 0);
  symo_test_vector out = symo_test_vector_make(w.layout, SYMO_F64, NULL);
  for (int k = 0; k < DRAWS; k++) {
    cr_ok(w.context, symo_hessian_sample(h, damping, w.rng, symo_test_out(&out)));
    symo_test_vector_get(&out, x);
    for (size_t i = 0; i < n; i++) {
      mean[i] += x[i] / DRAWS;
      for (size_t j = 0; j < n; j++) sum[i * n + j] += x[i] * x[j] / DRAWS;
    }
  }
  for (size_t i = 0; i < n; i++) {
    cr_assert(fabs(mean[i]) <= 5 * sqrt(s[i * n + i] / DRAWS), "mean of %zu: %g", i, mean[i]);
    for (size_t j = 0; j < n; j++) {
      double sij = s[i * n + j], error = sqrt((s[i * n + i] * s[j * n + j] + sij * sij) / DRAWS);
      cr_assert(fabs(sum[i * n + j] - sij) <= 5 * error, "%zu, %zu: %g, %g", i, j, sum[i * n + j],
                sij);
    }
  }
  free(a);
  free(sum);
  free(x);
  free(mean);
  free(s);
  symo_test_vector_free(&out);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* The same seed, the same bits; and a sample is (A + d I)^{-1/2} times the normal numbers. */
Test(operations_edges, samples_repeat) {
  symo_world w;
  symo_world_open(&w, 82);
  symo_world_parse(&w, small_net);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_plan *plan = symo_world_plan(&w, (symo_dtype)dtype, SYMO_COUPLED, true);
    symo_hessian *h = symo_world_definite(&w, plan), *root;
    symo_test_vector out[3];
    double x[3][64];
    for (int k = 0; k < 3; k++) {
      symo_rng *rng = symo_test_rng(w.context, 99);
      out[k] = symo_test_vector_make(w.layout, (symo_dtype)dtype, NULL);
      if (k < 2) {
        cr_ok(w.context, symo_hessian_sample(h, 0.25, rng, symo_test_out(&out[k])));
      } else {
        symo_test_batch z = symo_test_batch_make(w.layout, (symo_dtype)dtype, rng, 1);
        cr_ok(w.context, symo_hessian_invsqrt(h, 0.25, &root));
        cr_ok(w.context, symo_hessian_matvec(root, z.in[0], symo_test_out(&out[k])));
        symo_hessian_destroy(root);
        symo_test_batch_free(&z);
      }
      symo_test_vector_get(&out[k], x[k]);
      symo_test_vector_free(&out[k]);
      symo_rng_destroy(rng);
    }
    cr_assert(memcmp(x[0], x[1], w.n * sizeof(double)) == 0);
    cr_assert(memcmp(x[0], x[2], w.n * sizeof(double)) == 0);
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}

/* The dropped part: A is zero there, so solving divides by the damping or gives zero. */
Test(operations_edges, centred_matrices) {
  symo_world w;
  symo_world_open(&w, 83);
  symo_world_parse(&w, small_net);
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, true);
  symo_hessian *h = symo_world_definite(&w, plan), *p;
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 3);
  double *y = symo_dense_new(1, w.n), *mean = symo_dense_new(1, w.n), out = 5;
  cr_ok(w.context, symo_plan_mean(plan, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], mean);
  cr_assert(symo_test_max(mean, w.n) > 0.01);
  /* A maps the orbit mean to zero. */
  cr_ok(w.context, symo_hessian_matvec(h, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], y);
  cr_assert(symo_test_max(y, w.n) <= 1e-14);
  cr_ok(w.context, symo_hessian_solve(h, 0, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], y);
  cr_assert(symo_test_max(y, w.n) <= 1e-13);
  cr_ok(w.context, symo_hessian_solve(h, 0.25, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], y);
  for (size_t i = 0; i < w.n; i++) cr_assert(fabs(y[i] - 4 * mean[i]) <= 1e-13);
  cr_fails(w.context, SYMO_SINGULAR, "logdet", symo_hessian_logdet(h, 0, &out));
  cr_assert(out == 5);
  cr_ok(w.context, symo_hessian_logdet(h, 0.25, &out));
  cr_ok(w.context, symo_hessian_power(h, -1, 0.25, &p)); /* stays dropped */
  cr_ok(w.context, symo_hessian_matvec(p, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], y);
  cr_assert(symo_test_max(y, w.n) <= 1e-13);
  cr_assert_null(symo_hessian_blocks(h, 0));
  symo_hessian_destroy(p);
  free(y);
  free(mean);
  symo_test_batch_free(&x);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* Everything is trivial, everything is dropped: the zero matrix. */
Test(operations_edges, a_layout_that_is_dropped_whole) {
  symo_world w;
  symo_world_open(&w, 84);
  symo_world_parse(&w, "i: identity 3; w[i,i] s[]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, true);
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
  symo_test_case how = {"h-pd", SYMO_F64, true, false, 0};
  double *zero = symo_world_dense(&w, &how, &x, &x), out, *values, *y = symo_dense_new(1, w.n);
  size_t count, *multiplicities;
  symo_hessian *h, *p;
  char *text;
  cr_assert(symo_test_max(zero, w.n * w.n) == 0);
  cr_ok(w.context, symo_hessian_identity(plan, 3, &h));
  cr_assert(symo_hessian_trace(h) == 0 && symo_hessian_frobenius(h) == 0);
  cr_ok(w.context, symo_hessian_eigenvalues(h, &count, &values, &multiplicities));
  cr_assert(count == 1 && values[0] == 0 && multiplicities[0] == w.n);
  cr_ok(w.context, symo_hessian_power(h, -0.5, 0, &p));
  cr_ok(w.context, symo_hessian_logdet(h, 2, &out));
  cr_assert(fabs(out - (double)w.n * log(2)) <= 1e-13);
  cr_ok(w.context, symo_hessian_solve(h, 2, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], y);
  for (size_t i = 0; i < w.n; i++) cr_assert(fabs(y[i] - x.flat[i] / 2) <= 1e-15);
  cr_ok(w.context, symo_hessian_diagonal(h, symo_test_out(&x.vectors[1])));
  cr_ok(w.context, symo_hessian_describe(h, &text));
  cr_assert(strstr(text, "dropped") != NULL);
  symo_free(text);
  symo_free(values);
  symo_free(multiplicities);
  free(zero);
  free(y);
  symo_hessian_destroy(p);
  symo_hessian_destroy(h);
  symo_test_batch_free(&x);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* A singular A: solve and negative powers give the pseudo-inverse. */
Test(operations_edges, singular_matrices) {
  symo_world w;
  symo_world_open(&w, 85);
  for (int k = 0; k < 20; k++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 40);
    symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
    symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
    symo_plan *plan;
    symo_hessian *h = symo_world_estimate(&w, &how, &g, NULL, &plan), *p;
    double *a = symo_dense_of(h), *inverse = symo_dense_power(w.n, a, -1, 1e-11);
    double *found = symo_dense_new(1, w.n), *expected = symo_dense_new(1, w.n);
    symo_test_vector y = symo_test_vector_make(w.layout, SYMO_F64, NULL);
    symo_dense_matvec(w.n, inverse, g.flat, expected);
    cr_ok(w.context, symo_hessian_solve(h, 0, g.in[0], symo_test_out(&y)));
    symo_test_vector_get(&y, found);
    cr_assert(symo_test_rel(found, expected, w.n) <= 1e-8, "solve: %s", w.text);
    cr_ok(w.context, symo_hessian_power(h, -1, 0, &p));
    cr_ok(w.context, symo_hessian_matvec(p, g.in[0], symo_test_out(&y)));
    symo_test_vector_get(&y, found);
    cr_assert(symo_test_rel(found, expected, w.n) <= 1e-8, "power: %s", w.text);
    symo_hessian_destroy(p);
    free(a);
    free(inverse);
    free(found);
    free(expected);
    symo_test_vector_free(&y);
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
    symo_test_batch_free(&g);
  }
  symo_world_close(&w);
}

/* Numbers of any size; what does not fit float32 is refused. */
Test(operations_edges, overflow) {
  symo_world w;
  symo_world_open(&w, 86);
  symo_world_parse(&w, small_net);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; dtype++) {
    symo_plan *plan = symo_world_plan(&w, (symo_dtype)dtype, SYMO_COUPLED, false);
    symo_hessian *one, *big, *h = NULL;
    double n = (double)w.n;
    cr_ok(w.context, symo_hessian_identity(plan, 1, &one));
    cr_ok(w.context, symo_hessian_scale(1e30, one, &big));
    cr_assert(fabs(symo_hessian_frobenius(big) - 1e30 * sqrt(n)) <= 1e24);
    cr_assert(fabs(symo_hessian_trace(big) - 1e30 * n) <= 1e24 * n);
    cr_ok(w.context, symo_hessian_invsqrt(big, 0, &h));
    cr_assert(fabs(symo_hessian_trace(h) - 1e-15 * n) <= 1e-20 * n);
    symo_hessian_destroy(h);
    h = NULL;
    if (dtype == SYMO_F32) {
      cr_fails(w.context, SYMO_E_NUMERIC, "power", symo_hessian_power(big, 2, 0, &h));
      cr_fails(w.context, SYMO_E_NUMERIC, "overflow", symo_hessian_scale(1e30, big, &h));
      cr_fails(w.context, SYMO_E_NUMERIC, "overflow", symo_hessian_add(1e30, big, 1, one, &h));
      cr_fails(w.context, SYMO_E_NUMERIC, "identity", symo_hessian_identity(plan, 1e60, &h));
      double dense[64 * 64] = {0};
      for (size_t i = 0; i < w.n; i++) dense[i * w.n + i] = 1e60;
      cr_fails(w.context, SYMO_E_NUMERIC, "reynolds", symo_reynolds(plan, dense, &h));
    } else {
      cr_ok(w.context, symo_hessian_power(big, 2, 0, &h));
      cr_assert(fabs(symo_hessian_trace(h) - 1e60 * n) <= 1e50 * n);
      symo_hessian_destroy(h);
      h = NULL;
    }
    cr_assert_null(h);
    symo_hessian_destroy(one);
    symo_hessian_destroy(big);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}

/* Plans that differ in anything. */
Test(operations_edges, sums_of_different_plans_are_refused) {
  symo_world w;
  symo_world_open(&w, 87);
  symo_world_parse(&w, small_net);
  static const char *const others[] = {
      "i: identity 2; h: sign-flip 3; p: permutation 3; w[h,i] b[h] v[p,h] c[p] s[]",
      "i: identity 2; h: signed-permutation 3; p: permutation 3; w[h,i] b[h] v[p,h] c[p] r[]",
      "i: identity 2; j: signed-permutation 3; p: permutation 3; w[j,i] b[j] v[p,j] c[p] s[]",
      "i: identity 2; h: signed-permutation 3; p: permutation 3; w[i,h] b[h] v[p,h] c[p] s[]",
      "i: identity 2; h: signed-permutation 3; p: permutation 3; w[h,i] b[h] v[p,h] c[p]",
      "i: identity 3; h: signed-permutation 3; p: permutation 3; w[h,i] b[h] v[p,h] c[p] s[]"};
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *a, *b, *sum = NULL;
  cr_ok(w.context, symo_hessian_identity(plan, 1, &a));
  for (int k = 0; k < 9; k++) {
    symo_dtype dtype = k == 6 ? SYMO_F32 : SYMO_F64;
    symo_world_parse(&w, k < 6 ? others[k] : small_net);
    symo_plan *other = symo_world_plan(&w, dtype, k == 7 ? SYMO_BLOCKED : SYMO_COUPLED, k == 8);
    cr_ok(w.context, symo_hessian_identity(other, 1, &b));
    cr_fails(w.context, SYMO_E_SHAPE, "different plans", symo_hessian_add(1, a, 1, b, &sum));
    cr_assert_null(sum);
    symo_hessian_destroy(b);
    symo_plan_destroy(other);
  }
  /* The layout of a is gone by now; its plan keeps what it needs. */
  cr_assert(symo_hessian_trace(a) == 3 * 2 + 3 + 9 + 3 + 1);
  symo_hessian_destroy(a);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* Handles keep what they were made from. */
/* Both triangles have the same bits, wherever in the array vector registers end. */
Test(operations_edges, sums_are_symmetric_to_the_last_bit) {
  symo_world w;
  symo_world_open(&w, 86);
  for (int k = 0; k < 30; k++) {
    char text[64];
    symo_dtype dtype = k % 2 == 0 ? SYMO_F64 : SYMO_F32;
    snprintf(text, sizeof text, "h: signed-permutation 3; i: identity %d; w[h,i]", 2 + k / 2);
    symo_world_parse(&w, text);
    symo_plan *plan = symo_world_plan(&w, dtype, SYMO_COUPLED, false);
    symo_hessian *x = symo_world_indefinite(&w, plan), *y = symo_world_indefinite(&w, plan), *sum;
    cr_ok(w.context, symo_hessian_add(0.3, x, -1.7, y, &sum));
    for (size_t l = 0; l < symo_plan_num_labels(plan); l++) {
      size_t m = symo_plan_label(plan, l).multiplicity;
      const void *a = symo_hessian_blocks(sum, l);
      for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < i; j++)
          cr_assert(symo_get(dtype, a, i * m + j) == symo_get(dtype, a, j * m + i), "%s: %zu, %zu",
                    text, i, j);
    }
    symo_hessian_destroy(x);
    symo_hessian_destroy(y);
    symo_hessian_destroy(sum);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(operations_edges, a_matrix_outlives_its_plan_and_layout) {
  symo_world w;
  symo_world_open(&w, 88);
  symo_world_parse(&w, small_net);
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan), *root;
  symo_plan_destroy(plan);
  symo_world_drop(&w);
  cr_ok(w.context, symo_hessian_sqrt(h, 0, &root));
  symo_hessian_destroy(h);
  cr_assert(symo_layout_num_tensors(symo_plan_layout(symo_hessian_plan(root))) == 5);
  symo_hessian_destroy(root);
  symo_world_close(&w);
}

/* What counts as zero is measured within one M: a small block beside a huge one is not singular. */
Test(operations_edges, logdet_of_blocks_of_different_size) {
  symo_world w;
  symo_world_open(&w, 92);
  symo_world_parse(&w, "h: signed-permutation 3; p: orthogonal 2; w[h] v[p]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F32, SYMO_COUPLED, false);
  const float huge = 1e20F, tiny = 1e-20F;
  const void *m[] = {&huge, &tiny};
  symo_hessian *h = NULL;
  double out = 0;
  cr_ok(w.context, symo_hessian_from_blocks(plan, m, &h));
  cr_ok(w.context, symo_hessian_logdet(h, 0, &out));
  cr_assert(fabs(out - log(1e20)) <= 1e-5 * log(1e20), "%g", out);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* More rows than are multiplied at a time: (A + d I)^-1 (A + d I) x is x, also where the solve
 * takes the pseudo-inverse (d = 0, A of full but very uneven rank). */
Test(operations_edges, labels_with_many_rows) {
  symo_world w;
  symo_world_open(&w, 93);
  symo_world_parse(&w, "h: permutation 70; k: permutation 80; i: identity 2; w[h,i,k] v[k,h] b[h]");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *h = symo_world_definite(&w, plan), *uneven = NULL;
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 3);
  double *a = symo_dense_new(1, w.n), *b = symo_dense_new(1, w.n), *c = symo_dense_new(1, w.n);
  symo_test_vector_get(&x.vectors[0], a);
  cr_ok(w.context, symo_hessian_matvec(h, x.in[0], symo_test_out(&x.vectors[1])));
  symo_test_vector_get(&x.vectors[1], b);
  for (size_t i = 0; i < w.n; i++) b[i] += 0.5 * a[i];
  symo_test_vector_set(&x.vectors[1], b);
  cr_ok(w.context, symo_hessian_solve(h, 0.5, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], c);
  for (size_t i = 0; i < w.n; i++) cr_assert(fabs(c[i] - a[i]) <= 1e-12, "%zu: %g", i, c[i] - a[i]);
  cr_ok(w.context, symo_hessian_power(h, 10, 0, &uneven)); /* eigenvalues from 1 to 10^10 */
  cr_ok(w.context, symo_hessian_matvec(uneven, x.in[0], symo_test_out(&x.vectors[1])));
  cr_ok(w.context, symo_hessian_solve(uneven, 0, x.in[1], symo_test_out(&x.vectors[2])));
  symo_test_vector_get(&x.vectors[2], c);
  for (size_t i = 0; i < w.n; i++) cr_assert(fabs(c[i] - a[i]) <= 1e-4, "%zu: %g", i, c[i] - a[i]);
  free(a);
  free(b);
  free(c);
  symo_test_batch_free(&x);
  symo_hessian_destroy(h);
  symo_hessian_destroy(uneven);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

/* Sign flips leave products of one coordinate alone: every other entry of a block of two tensors, or of
 * one with itself, is 0 to the last bit, and those that are left are the entries of the matrix. */
Test(operations_edges, entries_that_the_group_forbids_are_zero) {
  enum { D = 5 };
  symo_world w;
  symo_world_open(&w, 94);
  symo_world_parse(&w, "f: sign-flip 5; i: identity 3; v[f] w[i,f]");
  for (int type = 0; type < 2; type++) {
    symo_plan *plan = symo_world_plan(&w, type ? SYMO_F32 : SYMO_F64, SYMO_COUPLED, false);
    symo_hessian *h = symo_world_indefinite(&w, plan);
    static const size_t size[] = {D, 3 * D};
    double block[9 * D * D], *a = symo_dense_of(h);
    for (size_t r = 0; r < 2; r++)
      for (size_t c = 0; c < 2; c++) {
        cr_ok(w.context, symo_hessian_block(h, r, c, block));
        for (size_t i = 0; i < size[r]; i++)
          for (size_t j = 0; j < size[c]; j++) {
            const double x = block[i * size[c] + j], y = a[(r * D + i) * w.n + c * D + j];
            cr_assert(i % D == j % D ? x != 0 && fabs(x - y) <= symo_test_bound(SYMO_F32, 4, 10)
                                     : x == 0,
                      "%zu %zu, %zu %zu: %g, %g", r, c, i, j, x, y);
          }
      }
    free(a);
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}
