#ifndef SYMO_EXPERIMENTS_COMPARE_APPROX_H
#define SYMO_EXPERIMENTS_COMPARE_APPROX_H

#include <symo/symo.h>

/* A symmetric matrix over all parameters, kept in the form in which it is cheapest: structured,
 * Kronecker blocks, a diagonal, or dense.  Everything that `symo compare` asks of an estimate goes
 * through the form; numbers are float64 whatever the network uses. */
typedef struct compare_approx compare_approx;

/* All slots are required. */
typedef struct compare_form {
  const char *name;
  /* out: [P, P], both triangles. */
  symo_status (*dense)(compare_approx *a, double *out);
  /* out: [P], in any order, each as often as it occurs. */
  symo_status (*eigenvalues)(compare_approx *a, double *out);
  /* d = -(|B| + lambda I)^-1 g with |B| = B with the absolute values of its eigenvalues; lambda >
   * 0. g, d: [P], not overlapping. */
  symo_status (*step)(compare_approx *a, double lambda, const double *g, double *d);
  void (*destroy)(void *self); /* accepts half-built */
} compare_form;

struct compare_approx {
  const compare_form *form;
  symo_context *context;
  size_t size;   /* P */
  double stored; /* numbers that a program has to keep for it */
  void *self;
};

void compare_approx_destroy(compare_approx *a); /* NULL is accepted */

/* Takes the Hessian over, also on failure.  stored: as the plan counts. */
symo_status compare_approx_structured(symo_context *context, symo_hessian *hessian,
                                      compare_approx **out);

/* Takes v and w over, also on failure: the matrix V' diag(w) V, eigenvectors in the rows of v [P,
 * P]. */
symo_status compare_approx_dense(symo_context *context, size_t size, double *v, double *w,
                                 compare_approx **out);

/* Takes the diagonal [P] over, also on failure; stored numbers as given. */
symo_status compare_approx_diagonal(symo_context *context, size_t size, double *diagonal,
                                    double stored, compare_approx **out);

/* One block L (x) R on the parameters of a rows x cols matrix, row-major at `offset` of the flat
 * vector: entry ((i,j), (k,l)) is L[i,k] R[j,l].  Both factors are held as eigendecompositions,
 * vectors in rows. augmented: the last of the cols columns is not there but at `bias`, [rows]
 * numbers. */
typedef struct compare_kron {
  size_t rows, cols, offset, bias;
  bool augmented;
  double *left, *left_values, *right, *right_values;
} compare_kron;

/* A block-diagonal matrix of `count` empty blocks to be filled by compare_kron_set. */
symo_status compare_approx_kron(symo_context *context, size_t size, size_t count,
                                compare_approx **out);

/* Fills block `index`: where it lies (factors of `where` are ignored), and the symmetric factors
 * left [rows, rows] and right [cols, cols], which are copied and raised to `power` (eigenvalues of
 * at most n eps times the largest count as zero).  Adds n (n + 1) / 2 a factor to `stored`. */
symo_status compare_kron_set(compare_approx *a, size_t index, compare_kron where,
                             const double *left, const double *right, double power);

/* Fills block `index` with F_1 (x) .. (x) F_order, each to `power`, on a row-major tensor at
 * `offset`; factors[a]: [dims[a], dims[a]], symmetric.  order >= 1. */
symo_status compare_kron_set_axes(compare_approx *a, size_t index, size_t offset, size_t order,
                                  const size_t *dims, const double *const *factors, double power);

#endif
