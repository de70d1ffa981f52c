#ifndef SYMO_GROUPS_ROTATION_H
#define SYMO_GROUPS_ROTATION_H

#include <stddef.h>
#include <stdint.h>

/* Orthogonal matrices [d, d], row-major, float64 (groups/rotation.c).  scratch never overlaps the
 * rest. */

void symo_rotation_identity(size_t d, double *q);

/* The orthogonal matrix nearest to q, to second order in the defect.  scratch: 2 d^2 numbers. */
void symo_rotation_correct(size_t d, double *q, double *scratch);

/* q := exp(t A / |A|) q, where A is the antisymmetric part of a and |A| a bound of its largest
 * frequency, not more than sqrt(d / 2) times that.  A = 0: nothing is done.
 * scratch: SYMO_EXP_SCRATCH d^2 numbers. */
enum { SYMO_EXP_SCRATCH = 6 };
void symo_rotation_exp(size_t d, const double *a, double t, double *q, double *scratch);

/* Signed permutations as codes: e_i goes to -e_j or e_j for code[i] = 2 j + 1 or 2 j. */
void symo_code_set(size_t d, const size_t *image, const signed char *sign, uint32_t *code);
void symo_code_identity(size_t d, uint32_t *code);
void symo_code_product(size_t d, const uint32_t *a, const uint32_t *b, uint32_t *out); /* a b */
void symo_code_inverse(size_t d, const uint32_t *a, uint32_t *out);
void symo_code_expand(size_t d, const uint32_t *code, double *q); /* as a matrix */

#endif
