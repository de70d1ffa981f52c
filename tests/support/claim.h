#ifndef SYMO_TESTS_SUPPORT_CLAIM_H
#define SYMO_TESTS_SUPPORT_CLAIM_H

#include <symo/symo.h>

/* A finite set of orthogonal matrices over which one space of a layout is averaged by brute force:
 * the elements of a finite group, or the nodes of a quadrature that is exact for a compact one.
 * The other spaces stand still.  Shares nothing with the library. */
typedef struct symo_claim {
  size_t dim, count, room;
  double *elements; /* [count, dim, dim] row-major */
  double *weights;  /* [count], adding to 1; NULL: all equal */
} symo_claim;

/* All products of the generators, [num, dim, dim]; fails the test past 20000. */
symo_claim symo_claim_closure(size_t dim, size_t num, const double *generators);
/* Rotations of the plane: exact for polynomials of degree < count. */
symo_claim symo_claim_circle(size_t count);
/* Rotations of R^3: exact for polynomials of degree <= 8 in the entries. */
symo_claim symo_claim_rotations(void);
void symo_claim_free(symo_claim *claim);

/* The dense generators of a library group that has only finite ones, [*num, dim, dim] (free). */
double *symo_claim_generators(symo_context *context, const symo_group *group, size_t dim,
                              size_t *num);

/* rho(q) on all parameters, [P, P], where `space` is acted on by q. */
void symo_claim_rho(const symo_layout *layout, size_t space, const double *q, double *rho);

/* The weighted average of rho A rho', [P, P], into new memory (free). */
double *symo_claim_average(const symo_claim *claim, const symo_layout *layout, size_t space,
                           const double *a);

#endif
