#ifndef SYMO_TESTS_SUPPORT_OPTIM_REFERENCE_H
#define SYMO_TESTS_SUPPORT_OPTIM_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* Optimizers as their authors publish them, in float64, by plain loops and GSL's eigenvectors and
 * singular values: nothing of the library.  One object holds one tensor; p is its parameters, all
 * arrays row-major.  Rules count steps from 1. */

/* Singular values s [min(rows, cols)], descending, x = u diag(s) v'; u [rows, n], v [cols, n]. */
typedef struct reference_svd {
  size_t rows, cols, n;
  double *u, *s, *v;
} reference_svd;
reference_svd reference_svd_of(size_t rows, size_t cols, const double *x);
void reference_svd_free(reference_svd *d);
/* out := u diag(f) v' */
void reference_svd_put(const reference_svd *d, const double *f, double *out);

/* u v' of x; singular values up to zero times the largest count as none. */
void reference_polar(size_t rows, size_t cols, const double *x, double zero, double *out);

/* out := (a + eps I)^power of a symmetric a; with eps 0 eigenvalues up to zero times the largest
 * stay zero. */
void reference_power(size_t n, const double *a, double eps, double power, double zero, double *out);

/* K. Jordan's five steps on x / (|x| + 1e-7). */
void reference_quintic(size_t rows, size_t cols, const double *x, double *out);

/* muon.py.  cols: of view(rows, -1). */
typedef struct reference_muon {
  size_t rows, cols;
  double lr, momentum, decay;
  bool nesterov;
  double *m;
} reference_muon;
void reference_muon_step(reference_muon *o, const double *g, double *p);

/* torch.optim.AdamW; l2: torch.optim.Adam.  muon.py's Adam as well. */
typedef struct reference_adam {
  size_t n;
  double lr, b1, b2, eps, decay;
  bool l2;
  int t;
  double *m, *v;
} reference_adam;
void reference_adam_step(reference_adam *o, const double *g, double *p);

/* torch.optim.SGD without dampening. */
typedef struct reference_sgd {
  size_t n;
  double lr, momentum, decay;
  bool nesterov;
  int t;
  double *m;
} reference_sgd;
void reference_sgd_step(reference_sgd *o, const double *g, double *p);

/* Full-matrix AdaGrad: p -= lr (sum g g' + eps I)^{-1/2} g. */
typedef struct reference_adagrad {
  size_t n;
  double lr, eps;
  double *c; /* [n, n] */
} reference_adagrad;
void reference_adagrad_step(reference_adagrad *o, const double *g, double *p);

/* Distributed Shampoo of Meta, one block a tensor. */
typedef enum reference_graft { GRAFT_NONE, GRAFT_SGD, GRAFT_ADAM } reference_graft;
typedef struct reference_shampoo {
  size_t order, dim[3], n;
  double lr, b1, b2, eps, graft_b2, graft_eps;
  int every, start;
  reference_graft graft;
  int t;
  double *l[3], *root[3], *m, *v;
} reference_shampoo;
void reference_shampoo_step(reference_shampoo *o, const double *g, double *p);

/* SOAP of a matrix. */
typedef struct reference_soap {
  size_t rows, cols;
  double lr, b1, b2, eps, decay;
  int every;
  int calls;
  double *l[2], *q[2], *m, *v; /* columns of q are the basis */
} reference_soap;
void reference_soap_step(reference_soap *o, const double *g, double *p);

/* Arrays for a shape, zero at the start; numbers set before stay as they are. */
void reference_shampoo_open(reference_shampoo *o, size_t order, const size_t *dim);
void reference_shampoo_close(reference_shampoo *o);
void reference_soap_open(reference_soap *o, size_t rows, size_t cols);
void reference_soap_close(reference_soap *o);

#endif
