#ifndef SYMO_GROUPS_NUMERIC_TRANSFORM_H
#define SYMO_GROUPS_NUMERIC_TRANSFORM_H

#include "groups/instance.h"
#include "groups/numeric/isotypic.h"

/* Isotypic coordinates by a transform of whole lanes, where the basis is too large to be kept as a
 * matrix: d^p numbers become d^p numbers, and no array of d^p x d^p exists.
 *
 * Coordinates of a lane on p axes are, irrep after irrep, [rows][copies[p]] numbers in which the group
 * acts on every copy by the same orthogonal matrix; rows are the n of a basis, or more of a frame.  Complex type: rows 2r, 2r + 1 are real and
 * imaginary part; quaternionic: rows 4r .. 4r + 3 are the parts 1, i, j, k; the group commutes with
 * multiplication by i (from the right, by i and j).  The transform is orthogonal. */
typedef struct group_transform group_transform;
struct group_transform { /* the head of the struct of whoever makes one */
  size_t dim;
  unsigned orders;        /* bit p: coordinates on p axes are given */
  size_t num_irreps;      /* number 0 is the trivial one; copies all 0 if it does not occur */
  isotypic_irrep *irreps; /* bases NULL; owned */
  size_t size[3];         /* [p] of an array for one lane: max of d^p and all coordinates */
  uint32_t *orbit[3];     /* [d^p] the least index of the orbit of each; NULL: not known; owned */
  symo_space_info info;   /* `numeric` is true */
  /* x: [d^axes, lanes]; coordinates, work: [size, lanes]; apart from each other.  `only` is the irrep that is asked
   * for: analyze may leave the others, synthesize may take the others as zero.  The input is spoilt. */
  void (*analyze)(const group_transform *t, int axes, size_t only, size_t lanes, double *x,
                  double *coordinates, double *work);
  void (*synthesize)(const group_transform *t, int axes, size_t only, size_t lanes,
                     double *coordinates, double *x, double *work);
  void (*destroy)(group_transform *t); /* all, the struct too */
};

/* The group that plans work with; takes t over, also on failure. */
symo_status symo_transform_group(symo_context *context, const symo_group *like, group_transform *t,
                                 group_instance **out);
/* The transform of such a group, or NULL. */
const group_transform *symo_transform_of(const symo_group *group);

/* Frees what the head owns. */
void symo_transform_release(group_transform *t);

/* Sets size; after irreps are known, before anything else. */
void symo_transform_measure(group_transform *t);

/* Row `row` of the image under unit u of the algebra is *sign times row symo_unit_row(..). */
size_t symo_unit_row(size_t type, size_t u, size_t row, double *sign);

/* How far an orthogonal [d, d] matrix is from acting alike on all copies of all irreps, relative;
 * 0 but for rounding if and only if it does, with probability one: for a random tensor x with
 * coordinates X, and Y those of Q x, all products of columns are compared, Y'Y = X'X, images under
 * units included, by two random vectors from either side.  *trivial: how far it moves irrep 0. */
symo_status symo_transform_defect(symo_context *context, const group_transform *t, int axes,
                                  const double *q, symo_rng *rng, double *defect, double *trivial);

/* The orbits of permuted index tuples, signs aside; t->orbit stays NULL if a generator is none. */
symo_status symo_transform_find_orbits(const generator_set *set, group_transform *t);

#endif
