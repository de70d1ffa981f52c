#ifndef SYMO_GROUPS_GENERATORS_H
#define SYMO_GROUPS_GENERATORS_H

#include <symo/group.h>

/* The generators of a group on R^dim, in arrays owned by the set.  Signed permutations ("monomial")
 * are stored apart from other matrices ("dense"), since their commutant can be found by
 * counting. */
typedef struct generator_set {
  symo_context *context;
  size_t dim;
  size_t num_monomial, num_dense, num_lie; /* in the order given within each kind */
  size_t *image;                           /* [num_monomial, dim]: y[image[i]] = sign[i] x[i] */
  signed char *sign;                       /* [num_monomial, dim] */
  double *dense;                           /* [num_dense, dim, dim] */
  double *lie;                             /* [num_lie, dim, dim] */
} generator_set;

symo_status symo_generator_set_create(symo_context *context, size_t dim, generator_set **out);
void symo_generator_set_destroy(generator_set *set);

/* Adds a copy of one generator, without checks.  sign may be NULL (all +). */
symo_status symo_generator_set_add_monomial(generator_set *set, const size_t *image,
                                            const signed char *sign);
symo_status symo_generator_set_add_dense(generator_set *set, const double *q);
symo_status symo_generator_set_add_lie(generator_set *set, const double *a);

/* Checks the caller's generators as symo_group_create says and adds them.  Matrices that are signed
 * permutations are stored as such.  what: begins the detail of a failure. */
symo_status symo_generator_set_add(generator_set *set, const symo_generators *from,
                                   const char *what);

/* Adds to `to` the generators of `from`, acting on the middle factor of R^before (x) R^d (x)
 * R^after (product, wreath), or on coordinates [first, first + d) (sum).  to->dim is the dimension
 * of the whole space. */
symo_status symo_generator_set_embed_product(generator_set *to, const generator_set *from,
                                             size_t before, size_t after);
symo_status symo_generator_set_embed_sum(generator_set *to, const generator_set *from,
                                         size_t first);

size_t symo_generator_set_count(const generator_set *set);

/* The index in the set (monomial, dense, Lie) of generator `number` in the public order, which is
 * permutations, matrices, Lie generators, where permutations with signs count as matrices. */
size_t symo_generator_set_index(const generator_set *set, size_t number);

/* Adds to `to` the generators with the given numbers in the public order. */
symo_status symo_generator_set_keep(const generator_set *from, size_t num_keep, const size_t *keep,
                                    generator_set *to);

/* The set as the public struct, in one block of memory (symo_free).  Permutations with signs become
 * matrices. */
symo_status symo_generator_set_export(const generator_set *set, symo_generators **out);

/* ---- elements ---- */

/* A random element, [dim, dim], by product replacement with the finite generators and with
 * exponentials of random multiples of the Lie generators.  Its distribution is close to Haar
 * measure; the deviation decreases geometrically with the number of steps.  work:
 * symo_random_element_work bytes. */
size_t symo_random_element_work(const generator_set *set);
void symo_random_element(const generator_set *set, symo_rng *rng, double *q, void *work);

/* All elements of a finite group, [*count, dim, dim]; the caller frees *out with symo_free.
 * SYMO_E_SIZE if there are more than cap elements, if they need more than 1 GiB, or if there are
 * Lie generators. */
symo_status symo_enumerate(const generator_set *set, size_t cap, size_t *count, double **out);
/* The number of elements alone; stores no matrices, only hashes and words in the generators. */
symo_status symo_enumerate_count(const generator_set *set, size_t cap, size_t *count);

#endif
