#ifndef SYMO_GROUPS_NUMERIC_IRREPS_H
#define SYMO_GROUPS_NUMERIC_IRREPS_H

#include "core/linalg.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/isotypic.h"

/* The parts of symo_isotypic_create: split each tensor power into irreducible cells, then find which
 * cells are the same irrep.  All matrices are row-major, float64. */

typedef struct cell { /* an irreducible subspace: rows [first, first + n) of basis[p] */
  unsigned p;
  size_t first, n;
  size_t family; /* which irrep; SIZE_MAX while unknown */
  double best;   /* strongest link to a cell of the family that grows, and that cell */
  size_t from;
} cell;

typedef struct family { /* an irrep: all cells in which the group acts alike */
  size_t n, type;
  size_t first;  /* its first cell, whose coordinates all others take over */
  double *units; /* [type - 1, n, n] orthogonal, antisymmetric, in these coordinates; or NULL */
  bool trivial, negative; /* negative: its rows change their sign in the result */
} family;

typedef struct irreps irreps;
struct irreps {
  const generator_set *set;
  /* num random elements of the commutant, from summand q to summand p, as symo_commutant_draw. */
  symo_status (*draw)(irreps *r, unsigned p, unsigned q, size_t num, double *const *out,
                      size_t *dimension);
  const void *owner; /* what else draw wants to know */
  symo_rng *rng;
  unsigned orders;
  size_t size[SYMO_MAX_REPEAT + 1]; /* d^p, 0 for powers that were not asked for */
  size_t largest;
  /* Two independent random elements of the commutant, a of the powers alone, c also from power q to
   * power p < q; at first in the coordinates of R^d, later of the cells. */
  double *a[SYMO_MAX_REPEAT + 1], *c[SYMO_MAX_REPEAT + 1][SYMO_MAX_REPEAT + 1];
  double *basis[SYMO_MAX_REPEAT + 1]; /* [size, size], orthonormal rows, cell after cell */
  double *scratch;                    /* largest (largest + 1) numbers */
  size_t num_cells, num_families;
  cell *cells;      /* room for sum size */
  family *families; /* the same */
  size_t dimension; /* of the commutant, 0 when not counted */
  double gap, spread;
};

/* basis[p] and the cells of power p, from a[p] and c[p][p].  SYMO_E_NUMERIC if eigenvalues cannot
 * be told apart. */
symo_status symo_irreps_split(irreps *r, unsigned p);

/* The families, from a and c in the coordinates of the cells; turns the rows of basis within each
 * cell to the coordinates of its family.  SYMO_E_NUMERIC if c does not decide, or if the cells are
 * not irreducible: nothing has been turned then, and another c may do. */
symo_status symo_irreps_match(irreps *r);

/* Norms of random intertwiners: rounding is below WEAK; a true one below STRONG happens once in
 * 10^5. */
#define SYMO_LINK_WEAK 1e-8
#define SYMO_LINK_STRONG 1e-5

/* out = t times the factor that makes it orthogonal, polished by a step of Newton and Schulz; false
 * if t is not a multiple of an orthogonal matrix.  All [n, n]; t and gram are spoilt. */
bool symo_irreps_isometry(size_t n, double *t, double *gram, double *out);

void symo_irreps_forget_families(irreps *r);

#endif
