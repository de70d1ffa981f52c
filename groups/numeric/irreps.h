#ifndef SYMO_GROUPS_NUMERIC_IRREPS_H
#define SYMO_GROUPS_NUMERIC_IRREPS_H

#include "core/linalg.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/isotypic.h"

/* The two steps of symo_isotypic_create: split each tensor power into irreducible subspaces, called
 * cells, and find which cells are the same irrep.  All matrices are row-major, float64. */

typedef struct cell { /* an irreducible subspace: rows [first, first + n) of basis[p] */
  unsigned p;
  size_t first, n;
  size_t family; /* which irrep; SIZE_MAX while unknown */
  double best;   /* norm of the strongest intertwiner from a cell of the current family .. */
  size_t from;   /* .. and that cell */
} cell;

typedef struct family { /* an irrep: all cells that are equivalent to it */
  size_t n, type;
  size_t first; /* its first cell; the bases of the others are changed to match that of this cell */
  double *units; /* [type - 1, n, n] orthogonal, antisymmetric, in these coordinates; or NULL */
  bool trivial, negative; /* negative: its rows change their sign in the result */
} family;

typedef struct irreps irreps;
struct irreps {
  const generator_set *set;
  /* Draws `num` random elements of the commutant, from power q to power p, as
   * symo_commutant_draw. */
  symo_status (*draw)(irreps *r, unsigned p, unsigned q, size_t num, double *const *out,
                      size_t *dimension);
  const void *owner; /* further data for draw */
  symo_rng *rng;
  unsigned orders;
  size_t size[SYMO_MAX_REPEAT + 1]; /* d^p, 0 for powers that were not asked for */
  size_t largest;
  /* Two independent random elements of the commutant: a[p] on each power, and c[p][q] also from
   * power q to power p < q.  They are given in the coordinates of R^d and transformed to those of
   * the cells. */
  double *a[SYMO_MAX_REPEAT + 1], *c[SYMO_MAX_REPEAT + 1][SYMO_MAX_REPEAT + 1];
  double *basis[SYMO_MAX_REPEAT + 1]; /* [size, size], orthonormal rows, cell after cell */
  double *scratch;                    /* largest (largest + 1) numbers */
  size_t num_cells, num_families;
  cell *cells;      /* [sum of size] */
  family *families; /* [sum of size] */
  size_t dimension; /* of the commutant; 0 if it was not counted */
  double gap, spread;
};

/* Computes basis[p] and the cells of power p from a[p] and c[p][p].  SYMO_E_NUMERIC if it is not
 * clear which eigenvalues are equal. */
symo_status symo_irreps_split(irreps *r, unsigned p);

/* Computes the families from a and c in the coordinates of the cells, and changes the basis of each
 * cell to that of its family.  SYMO_E_NUMERIC if c leaves the families undecided or if a cell is
 * not irreducible; the bases are then unchanged, and another c may succeed. */
symo_status symo_irreps_match(irreps *r);

/* Bounds for norms of random intertwiners.  Below WEAK it is a rounding error.  A true intertwiner
 * is below STRONG with probability 1e-5. */
#define SYMO_LINK_WEAK 1e-8
#define SYMO_LINK_STRONG 1e-5

/* out = the orthogonal matrix that is a multiple of t, improved by one Newton-Schulz step.  False
 * if t is not a multiple of an orthogonal matrix.  All are [n, n]; t and gram are overwritten. */
bool symo_irreps_isometry(size_t n, double *t, double *gram, double *out);

void symo_irreps_forget_families(irreps *r);

#endif
