#ifndef SYMO_GROUPS_NUMERIC_TRANSFORM_H
#define SYMO_GROUPS_NUMERIC_TRANSFORM_H

#include "groups/instance.h"
#include "groups/numeric/isotypic.h"

/* Isotypic coordinates by a transform of whole lanes, for bases that are too large to be stored as
 * [d^p, d^p] matrices.
 *
 * The coordinates of a lane on p axes are stored irrep after irrep; those of one irrep are
 * [rows][copies[p]] numbers.  The group acts on the rows by an orthogonal matrix that is the same
 * for all copies.  There are n rows for a basis, more for a frame.  For complex type, rows 2r and
 * 2r + 1 are the real and the imaginary part, and the group commutes with multiplication by i.  For
 * quaternionic type, rows 4r .. 4r + 3 are the parts 1, i, j, k, and the group commutes with
 * multiplication by i and j from the right.  The transform is orthogonal. */
typedef struct group_transform group_transform;
struct group_transform { /* each kind of transform has a struct that begins with this one */
  size_t dim;
  unsigned orders;        /* bit p: coordinates on p axes are given */
  size_t num_irreps;      /* number 0 is the trivial one; copies all 0 if it does not occur */
  isotypic_irrep *irreps; /* bases NULL; owned */
  size_t size[3];         /* [p] of an array for one lane: max of d^p and all coordinates */
  uint32_t *orbit[3];     /* [d^p] the least index of the orbit of each; NULL: not known; owned */
  symo_space_info info;   /* `numeric` is true */
  /* x: [d^axes, lanes]; coordinates, work: [size, lanes]; they share no memory.  The input is
   * overwritten.  `only` is the irrep that is needed: analyze need not compute the others, and
   * synthesize may assume that the others are zero. */
  void (*analyze)(const group_transform *t, int axes, size_t only, size_t lanes, double *x,
                  double *coordinates, double *work);
  void (*synthesize)(const group_transform *t, int axes, size_t only, size_t lanes,
                     double *coordinates, double *x, double *work);
  void (*destroy)(group_transform *t); /* frees everything, including the struct */
};

/* Makes the group that plans use.  Owns t afterwards, also on failure. */
symo_status symo_transform_group(symo_context *context, const symo_group *like, group_transform *t,
                                 group_instance **out);
/* The transform of such a group, or NULL. */
const group_transform *symo_transform_of(const symo_group *group);

/* Frees the arrays of the head. */
void symo_transform_release(group_transform *t);

/* Sets `size` from the irreps.  To be called first. */
void symo_transform_measure(group_transform *t);

/* Row `row` of the image under unit u of the algebra is *sign times row symo_unit_row(..). */
size_t symo_unit_row(size_t type, size_t u, size_t row, double *sign);

/* Measures whether an orthogonal matrix Q, [d, d], acts in the same way on all copies of each
 * irrep.  *defect is a relative error, which is zero up to rounding if and only if it does, with
 * probability one.  For a random tensor x with coordinates X, and Y the coordinates of Q x, the
 * test is Y'Y = X'X, including the images under units; both sides are compared as bilinear forms of
 * two random vectors.  *trivial: the largest relative change of the coordinates of irrep 0. */
symo_status symo_transform_defect(symo_context *context, const group_transform *t, int axes,
                                  const double *q, symo_rng *rng, double *defect, double *trivial);

/* Computes t->orbit, the orbits of index tuples, ignoring signs.  It stays NULL if some generator
 * is not a signed permutation. */
symo_status symo_transform_find_orbits(const generator_set *set, group_transform *t);

#endif
