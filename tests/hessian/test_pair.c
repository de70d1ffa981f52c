/* Functions of Kronecker products of two factors in their eigenbases, against the dense matrix. */
#include "hessian/pair.h"

#include <math.h>
#include <stdlib.h>

#include "core/alloc.h"
#include "core/linalg.h"
#include "tests/support/dense.h"
#include "tests/support/solvers.h"
#include "tests/support/testing.h"

enum { MOST = 10 };

/* A factor of rank k and a tail, and the same dense. */
typedef struct side {
  double q[MOST * MOST], v[MOST * MOST], values[MOST], dense[MOST * MOST];
  factor_basis basis;
} side;

static void fill(side *s, symo_rng *rng, symo_dtype dtype, size_t n, size_t k) {
  s->basis = (factor_basis){.n = n, .k = k, .v = s->v, .values = s->values};
  s->basis.tail = k < n ? 0.5 : 0;
  solvers_orthogonal(rng, n, s->q);
  symo_test_pack(dtype, s->q, s->v, k * n);
  symo_test_unpack(dtype, s->v, s->q, k * n); /* as it was rounded */
  for (size_t i = 0; i < k; i++) s->values[i] = 0.5 + 2 * symo_rng_uniform(rng);
  for (size_t i = 0; i < n * n; i++) {
    s->dense[i] = i % (n + 1) == 0 ? s->basis.tail : 0;
    for (size_t e = 0; e < k; e++)
      s->dense[i] += (s->values[e] - s->basis.tail) * s->q[e * n + i / n] * s->q[e * n + i % n];
  }
}

/* Ranks below, at and beside what fills cache lines (8 numbers): the work space is no larger than it is
 * said to be, and its parts do not lie on each other. */
Test(pair, functions_are_those_of_the_dense_product) {
  static const size_t ranks[] = {1, 7, 8, 9, 10};
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 71);
  const pair_function f = {.damping = SYMO_KFAC_EXACT, .lambda = 0.3, .power = -0.5};
  static side a, g;
  for (int type = 0; type < 2; type++)
    for (size_t c = 0; c < 25; c++) {
      const symo_dtype dtype = type ? SYMO_F32 : SYMO_F64;
      const size_t gn = c % 2 ? 9 : 10, an = 10, n = gn * an;
      fill(&g, rng, dtype, gn, ranks[c % 5] < gn ? ranks[c % 5] : gn);
      fill(&a, rng, dtype, an, ranks[c / 5]);
      const factor_pair pair = {.dtype = dtype, .g = g.basis, .a = a.basis};
      double x[MOST * MOST], packed[MOST * MOST], y[MOST * MOST], wanted[MOST * MOST];
      double *whole = symo_dense_new(n, n);
      symo_test_randn(rng, x, n);
      symo_test_pack(dtype, x, packed, n);
      for (size_t i = 0; i < n * n; i++)
        whole[i] = g.dense[i / n / an * gn + i % n / an] * a.dense[i / n % an * an + i % n % an] +
                   (i % (n + 1) == 0 ? f.lambda : 0);
      double *power = symo_dense_power(n, whole, f.power, 0);
      symo_dense_matvec(n, power, x, wanted);
      const size_t bytes = symo_pair_work(&pair, f);
      void *work = symo_malloc(bytes);
      memset(work, 0xff, bytes);
      symo_pair_apply(&pair, f, packed, y, work);
      symo_free(work);
      symo_test_unpack(dtype, y, x, n);
      cr_assert(symo_test_rel(x, wanted, n) <= symo_test_bound(dtype, n, 25),
                "%s, ranks %zu and %zu of %zu and %zu: %g", symo_dtype_name(dtype), g.basis.k,
                a.basis.k, gn, an, symo_test_rel(x, wanted, n));
      free(whole), free(power);
    }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}
