#ifndef SYMO_HESSIAN_SPECTRAL_H
#define SYMO_HESSIAN_SPECTRAL_H

#include "hessian/hessian.h"

/* A structured matrix in its eigenvectors.  The coordinates of a vector are `numbers` numbers of the
 * plan's dtype, an isometric image of it; each belongs to a group, and the groups have one
 * eigenvalue each, w [groups].  f(S) x has the coordinates of x times f(w) of their groups.  A
 * dropped label is one group, of eigenvalue 0. */
typedef struct spectral {
  symo_hessian *basis; /* in the place of each M its eigenvectors, in rows */
  size_t groups, numbers;
  double *w;
  size_t *first, *at; /* [num_labels]: the first group and the first coordinate of a label */
  size_t work;        /* bytes of workspace of the two transforms */
} spectral;

symo_status spectral_create(const symo_hessian *h, const char *where, spectral *out);
void spectral_drop(spectral *s); /* {0} is accepted */

/* coordinates := those of x;  y := the vector of these coordinates (the transpose).  work: s->work
 * bytes. */
void spectral_analyze(const spectral *s, symo_const_vector x, void *coordinates, void *work);
void spectral_synthesize(const spectral *s, const void *coordinates, symo_vector y, void *work);

/* out := in times factor[group];  out += the same; out may be in.  factor: [groups], `stride`
 * apart. */
void spectral_weigh(const spectral *s, const double *factor, size_t stride, const void *in,
                    bool add, void *out);

/* out[group] := the sum of x y over the coordinates of the group; entries `stride` apart. */
void spectral_dots(const spectral *s, const void *x, const void *y, double *out, size_t stride);

/* w [groups] := the eigenvalues of S, of which those at most 10 m eps times the largest of their M
 * count as 0, plus the damping; so with a positive one they are positive wherever those of S are not
 * negative. */
typedef struct spectral_signs {
  bool zero;     /* an eigenvalue is 0 */
  bool below;    /* one is negative */
  bool negative; /* one is negative by more than the root of eps times the largest of its M */
} spectral_signs;
void spectral_shift(const spectral *s, double damping, double *w, spectral_signs *signs);

#endif
