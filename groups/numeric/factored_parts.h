#ifndef SYMO_GROUPS_NUMERIC_FACTORED_PARTS_H
#define SYMO_GROUPS_NUMERIC_FACTORED_PARTS_H

#include "groups/numeric/factored.h"
#include "groups/numeric/irreps.h"

/* The parts of symo_factored_create: the irreps of R^d and the elements on them (factored.c),
 * random maps, cells and what they are (factored_pairs.c), and the transform (factored_lanes.c). */

typedef struct factor { /* an irrep of R^d; number 0, the trivial one, may have no copies */
  size_t n, type, copies;
  size_t first; /* coordinate (r, c) of R^d is row first + r copies + c of u */
  size_t row;   /* of its first coordinate in those of one copy of each */
  size_t block; /* where its matrix begins in an element of the bank */
} factor;

typedef struct pair_cell { /* an irreducible subspace of V_j (x) V_k */
  size_t irrep, n;
  double *basis;    /* [n, n_j n_k]; NULL: the identity */
  size_t column[2]; /* of its first copy on two axes, in V_j (x) V_k and in V_k (x) V_j */
} pair_cell;

typedef struct factor_pair { /* j <= k */
  size_t j, k, num_cells;
  pair_cell *cells;
  double *block; /* of all bases */
} factor_pair;

typedef struct factored {
  group_transform head; /* first */
  size_t num_factors, num_pairs, room;
  factor *factors;
  factor_pair *pairs;
  double *u;      /* [d, d] */
  size_t *offset; /* of each irrep among coordinates on two axes */
} factored;

/* What is known of an irrep while pairs are split: characters, and a cell that has it in the
 * coordinates that all others take over. */
enum { SYMO_FACTORED_CHARACTERS = 12, SYMO_FACTORED_DRAWS = 8, SYMO_FACTORED_TERMS = 2 };
typedef struct known_irrep {
  size_t n, type, j, k;
  const double *basis;
  double character[SYMO_FACTORED_CHARACTERS];
} known_irrep;

typedef struct factoring {
  const generator_set *set;
  factored *f;
  symo_rng *rng;
  /* Elements in the coordinates of the factors, [num, stride]: random ones, then generators (for
   * Lie generators a rotation by less than a turn). */
  size_t num_random, num_generators, stride;
  double *bank;
  /* Random matrices in the coordinates of one copy of each factor, [draws][terms][2][rows,
   * rows]. */
  size_t rows;
  double *noise;
  size_t num_known, room_known;
  known_irrep *known;
  double gap, spread;
} factoring;

/* All cells of all pairs, and the irreps known in the end. */
symo_status symo_factored_split(factoring *b);

/* Rows of q [n, n] that bring the units [type - 1, n, n] to the form of symo_unit_row. */
void symo_factored_standard(size_t n, size_t type, const double *units, double *q);

/* The functions of the transform (groups/numeric/factored_lanes.c). */
void symo_factored_analyze(const group_transform *t, int axes, size_t only, size_t lanes, double *x,
                           double *coordinates, double *work);
void symo_factored_synthesize(const group_transform *t, int axes, size_t only, size_t lanes,
                              double *coordinates, double *x, double *work);

#endif
