#ifndef SYMO_GROUPS_NUMERIC_ISOTYPIC_H
#define SYMO_GROUPS_NUMERIC_ISOTYPIC_H

#include <symo/layout.h>

#include "groups/generators.h"

enum { SYMO_MAX_REPEAT = 4, SYMO_ISOTYPIC_MAX = 4096 };

/* The isotypic decomposition of the direct sum of tensor powers R^d, R^d (x) R^d, .., computed from
 * the generators of a group.  All powers are decomposed together, so that an irrep that occurs in
 * several powers is one irrep, on which the group acts by the same matrices.
 *
 * Irrep 0 is the trivial one; if it does not occur, all its `copies` are 0.  The others are sorted
 * by dimension, then by the order in which they were found.  The order is deterministic for given
 * generators and seed.
 *
 * basis[p]: [n][copies[p] * type][d^p] row-major, float64, NULL where copies[p] is 0.  For real
 * type the rows are orthonormal: coordinate (r, c) of x is basis[p][r][c] . x, and the group acts
 * on r by the same matrix for all c and p.  For complex and quaternionic type column c * type + u
 * is the coordinate of copy c after multiplication by the unit u in {1, i, (j, k)} of the
 * endomorphism algebra, over sqrt(type):   X_cu = (J_u X_c) / sqrt(type)  with J_0 = 1, J_u
 * orthogonal and antisymmetric.  Then sum basis' basis is still the projector on the irrep's part,
 * and the Gram matrix X'X / (n / type) is the real form of the Hermitian average. */
typedef struct isotypic_irrep {
  char name[32]; /* "" if it has none */
  size_t n;      /* real dimension */
  size_t rows;   /* number of coordinates, if they are a tight frame with more than n; 0: n */
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
  double gap;       /* smallest relative distance of two eigenvalues that count as different */
  double spread;    /* largest relative distance of two eigenvalues that count as equal */
  double defect;    /* largest relative difference of the actions of a generator on two copies */
  size_t elements;  /* of the group, if it is finite and small enough to be enumerated; else 0 */
  double *block;    /* owns all bases */
} isotypic;

/* orders: bits 1 .. SYMO_MAX_REPEAT.  An empty set of generators is the trivial group.
 *   SYMO_E_SIZE          D = sum d^p exceeds SYMO_ISOTYPIC_MAX; the detail gives both numbers
 *   SYMO_NO_CONVERGENCE  no element of the commutant was found to 1e-11
 *   SYMO_E_NUMERIC       it is not clear which eigenvalues are equal, or the defect is above 1e-8;
 *                        the detail gives gap and defect
 * Cost: elements of the commutant, which take O(generators D^2) if all generators are signed
 * permutations and about a hundred conjugations by random elements otherwise; then one
 * eigendecomposition and a few products of [D, D] matrices. */
symo_status symo_isotypic_create(const generator_set *set, unsigned orders, uint64_t seed,
                                 isotypic **out);
void symo_isotypic_destroy(isotypic *iso);

/* Checks the dimension of the commutant by characters, for groups that are finite and small, and
 * sets `elements`.  SYMO_OK for all other groups.  symo_isotypic_create calls it. */
symo_status symo_isotypic_check_closure(const generator_set *set, isotypic *iso);

#endif
