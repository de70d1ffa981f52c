#ifndef SYMO_GROUPS_NUMERIC_ISOTYPIC_H
#define SYMO_GROUPS_NUMERIC_ISOTYPIC_H

#include <symo/layout.h>

#include "groups/generators.h"

enum { SYMO_MAX_REPEAT = 4, SYMO_ISOTYPIC_MAX = 4096 };

/* The isotypic decomposition, found numerically, of the direct sum of tensor powers R^d, R^d (x)
 * R^d, .. of a group given by generators.  All powers are decomposed together, so equal irreps of
 * different powers are known to be equal and the group acts on them by the same matrices.
 *
 * Irreps: number 0 is the trivial one (copies all 0 if it does not occur), then by ascending
 * dimension, then in the order found: deterministic for given generators and seed.
 *
 * basis[p]: [n][copies[p] * type][d^p] row-major, float64, NULL where copies[p] is 0.  For real type
 * the rows are orthonormal: coordinate (r, c) of x is basis[p][r][c] . x, and the group acts on r by
 * the same matrix for all c and p.  For complex and quaternionic type column c * type + u is the
 * coordinate of copy c after multiplication by the unit u in {1, i, (j, k)} of the endomorphism
 * algebra, over sqrt(type):   X_cu = (J_u X_c) / sqrt(type)  with J_0 = 1, J_u orthogonal and
 * antisymmetric.  Then sum basis' basis is still the projector on the irrep's part, and the Gram
 * matrix X'X / (n / type) is the real form of the Hermitian average. */
typedef struct isotypic_irrep {
  char name[32]; /* "" unless somebody gave one */
  size_t n;      /* real dimension */
  size_t rows;   /* of its coordinates, where these are a tight frame of more numbers; 0: n */
  size_t type;   /* 1, 2, 4 */
  size_t copies[SYMO_MAX_REPEAT + 1];
  double *basis[SYMO_MAX_REPEAT + 1];
} isotypic_irrep;

static inline size_t isotypic_rows(const isotypic_irrep *r) { return r->rows > 0 ? r->rows : r->n; }

typedef struct isotypic {
  size_t dim;
  unsigned orders; /* bit p: the power p was asked for */
  size_t num_irreps;
  isotypic_irrep *irreps;
  size_t commutant; /* real dimension of the commutant of the direct sum: sum type copies^2 */
  double gap;       /* least distance of two eigenvalues taken as different, relative */
  double spread;    /* largest distance of two taken as equal, relative */
  double defect;    /* how far generators are from acting alike on all copies, relative, at most */
  size_t elements;  /* of the group, where it is finite and small enough to be listed; else 0 */
  double *block;    /* owns all bases */
} isotypic;

/* orders: bits 1 .. SYMO_MAX_REPEAT.  SYMO_E_SIZE if sum d^p > SYMO_ISOTYPIC_MAX (the message says
 * both numbers); SYMO_NO_CONVERGENCE if no commutant element is found to 1e-11; SYMO_E_NUMERIC if
 * eigenvalues cannot be told apart or the defect is above 1e-8: the message says gap and defect.
 * An empty set of generators is the trivial group.  Signed permutations alone: O(gens D^2) to find
 * the commutant; else some hundred conjugations by random elements, one axis at a time; then one
 * eigendecomposition and a few products of order D = sum d^p. */
symo_status symo_isotypic_create(const generator_set *set, unsigned orders, uint64_t seed,
                                 isotypic **out);
void symo_isotypic_destroy(isotypic *iso);

/* Lists the elements of a group that is finite and small, and holds the commutant against their
 * characters; sets `elements`.  Groups that are neither pass.  Called by symo_isotypic_create. */
symo_status symo_isotypic_check_closure(const generator_set *set, isotypic *iso);

#endif
