#ifndef SYMO_TESTS_SUPPORT_GENERATED_H
#define SYMO_TESTS_SUPPORT_GENERATED_H

/* Groups given by generators, and what is compared of their elements. */
#include "groups/generators.h"
#include "tests/support/testing.h"

#define GENS_PI 3.14159265358979323846

typedef struct gens_world {
  symo_context *context;
  symo_rng *rng;
} gens_world;

gens_world gens_begin(uint64_t seed);
void gens_end(gens_world *w); /* looks for leaks */

/* Sets of at most 64 dimensions, and one more generator: i -> i + 1, (a b), the flip of a, an
 * orthogonal matrix (checked), a turn of R^2, and exp(t A) in the plane (i, j). */
generator_set *gens_new(const gens_world *w, size_t d);
void gens_add_cycle(generator_set *s);
void gens_add_swap(generator_set *s, size_t a, size_t b);
void gens_add_flip(generator_set *s, size_t a);
void gens_add_matrix(generator_set *s, const double *q);
void gens_add_rotation(generator_set *s, double angle);
void gens_add_plane(generator_set *s, size_t i, size_t j, double frequency);

/* Six signed permutations, three matrices, three Lie generators: the arrays have to grow. */
generator_set *gens_random(gens_world *w, size_t d);

/* The same group in another basis, a random one: b g b' for every g, none a signed permutation. */
generator_set *gens_turned(gens_world *w, const generator_set *s);

/* Finite groups and their orders; _DENSE: by matrices that are no signed permutations. */
enum {
  GENS_C12,
  GENS_C12_DENSE,
  GENS_S5,
  GENS_S5_DENSE,
  GENS_B3,
  GENS_DIHEDRAL, /* of 14 elements */
  GENS_DIHEDRAL_DENSE,
  GENS_Q8,
  GENS_Q8_DENSE,
  GENS_ICOSAHEDRON,
  GENS_FLIPS,
  GENS_NOTHING,
  GENS_FINITE
};
extern const size_t gens_order[GENS_FINITE];
generator_set *gens_finite(gens_world *w, int which);

/* Generator k as a matrix (free); a random basis; largest |a - b|, largest of |Q'Q - I|. */
double *gens_dense(const generator_set *s, size_t k);
void gens_random_orthogonal(gens_world *w, size_t d, double *q);
double gens_distance(size_t n, const double *a, const double *b);
double gens_orthogonality(size_t d, const double *q);

#endif
