/* Functions of LAPACK that fail on demand; see shim.h.  What they were given is spoilt, as it is where
 * they fail by themselves. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include <dlfcn.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "tests/support/shim.h"

/* A name of its own, so that this file is linked where it is used. */
void shim_arm_lapack(shim_kind kind, long after, bool always) { shim_arm(kind, after, 1, always); }

/* As lapacke.h has them; only core/ includes that. */
#define REAL(name, ...)                                                                            \
  static int (*real_##name)(__VA_ARGS__);                                                          \
  if (real_##name == NULL) {                                                                       \
    void *found_ = dlsym(RTLD_NEXT, #name);                                                        \
    memcpy(&real_##name, &found_, sizeof found_);                                                  \
  }

#define EIGH(name, type)                                                                           \
  int name(int order, char job, char uplo, int n, type *a, int lda, type *w, type *work,           \
           int lwork, int *iwork, int liwork);                                                     \
  int name(int order, char job, char uplo, int n, type *a, int lda, type *w, type *work,           \
           int lwork, int *iwork, int liwork) {                                                    \
    REAL(name, int, char, char, int, type *, int, type *, type *, int, int *, int)                 \
    if (!shim_now(SHIM_EIGH))                                                                      \
      return real_##name(order, job, uplo, n, a, lda, w, work, lwork, iwork, liwork);              \
    for (int i = 0; i < n * n; i++) a[i] = (type)NAN;                                              \
    for (int i = 0; i < n; i++) w[i] = (type)NAN;                                                  \
    return n;                                                                                      \
  }
EIGH(LAPACKE_ssyevd_work, float)
EIGH(LAPACKE_dsyevd_work, double)

#define FACTOR(name, kind, type)                                                                   \
  int name(int order, char uplo, int n, type *a, int lda);                                         \
  int name(int order, char uplo, int n, type *a, int lda) {                                        \
    REAL(name, int, char, int, type *, int)                                                        \
    if (!shim_now(kind)) return real_##name(order, uplo, n, a, lda);                               \
    for (int i = 0; i < n * n; i++) a[i] = (type)NAN;                                              \
    return n;                                                                                      \
  }
FACTOR(LAPACKE_spotrf_work, SHIM_CHOLESKY, float)
FACTOR(LAPACKE_dpotrf_work, SHIM_CHOLESKY, double)
FACTOR(LAPACKE_spotri_work, SHIM_INVERT, float)
FACTOR(LAPACKE_dpotri_work, SHIM_INVERT, double)

int LAPACKE_dgesdd_work(int order, char job, int m, int n, double *a, int lda, double *s, double *u,
                        int ldu, double *vt, int ldvt, double *work, int lwork, int *iwork);
int LAPACKE_dgesdd_work(int order, char job, int m, int n, double *a, int lda, double *s, double *u,
                        int ldu, double *vt, int ldvt, double *work, int lwork, int *iwork) {
  REAL(LAPACKE_dgesdd_work, int, char, int, int, double *, int, double *, double *, int, double *,
       int, double *, int, int *)
  if (!shim_now(SHIM_SVD))
    return real_LAPACKE_dgesdd_work(order, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork,
                                    iwork);
  for (int i = 0; i < m * n; i++) a[i] = (double)NAN;
  return 1;
}
