#include "tests/support/operators.h"

#include <stdlib.h>

#include "core/linalg.h"
#include "tests/support/dense.h"
#include "tests/support/testing.h"

symo_test_matrix symo_test_matrix_of(symo_rng *rng, symo_dtype dtype, size_t n, const double *w) {
  symo_test_matrix m = {.n = n, .dtype = dtype, .a = symo_dense_new(n, n)};
  double *b = symo_dense_new(n, n), *v = symo_dense_new(n, n), *unused = symo_dense_new(1, n);
  symo_test_randn(rng, b, n * n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++) b[i * n + j] = b[j * n + i];
  symo_dense_eigen(n, b, unused, v);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++) sum += v[i * n + k] * w[k] * v[j * n + k];
      m.a[i * n + j] = m.a[j * n + i] = sum;
    }
  free(b);
  free(v);
  free(unused);
  return m;
}

void symo_test_matrix_drop(symo_test_matrix *m) { free(m->a); }

static symo_status product(void *self, size_t k, const void *v, void *av) {
  symo_test_matrix *m = self;
  m->products += k;
  if (m->fail_after != 0 && m->products > m->fail_after) return m->later;
  for (size_t d = 0; d < k; d++)
    for (size_t i = 0; i < m->n; i++) {
      double sum = 0;
      for (size_t j = 0; j < m->n; j++)
        sum += m->a[i * m->n + j] * symo_get(m->dtype, v, d * m->n + j);
      symo_put(m->dtype, av, d * m->n + i, sum);
    }
  return SYMO_OK;
}

symo_operator symo_test_operator(symo_test_matrix *m) {
  return (symo_operator){
      .name = "matrix", .size = m->n, .dtype = m->dtype, .self = m, .product = product};
}
