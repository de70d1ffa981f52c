#ifndef SYMO_GROUPS_GENERATORS_H
#define SYMO_GROUPS_GENERATORS_H

#include <symo/group.h>

/* The generators of a group on R^dim, owned.  Signed permutations are kept apart from other
 * matrices: their commutant is found by counting alone. */
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

/* Copies of one more; no checks.  sign may be NULL (all +). */
symo_status symo_generator_set_add_monomial(generator_set *set, const size_t *image,
                                            const signed char *sign);
symo_status symo_generator_set_add_dense(generator_set *set, const double *q);
symo_status symo_generator_set_add_lie(generator_set *set, const double *a);

/* Those of the caller, checked (symo_group_create says how); dense signed permutations are stored as
 * monomial.  what: begins the sentence of a failure. */
symo_status symo_generator_set_add(generator_set *set, const symo_generators *from,
                                   const char *what);

/* Combinators: to += from acting on the middle factor of R^before (x) R^d (x) R^after (product,
 * wreath), or on coordinates [first, first + d) only (sum).  to->dim is the whole. */
symo_status symo_generator_set_embed_product(generator_set *to, const generator_set *from,
                                             size_t before, size_t after);
symo_status symo_generator_set_embed_sum(generator_set *to, const generator_set *from,
                                         size_t first);

size_t symo_generator_set_count(const generator_set *set);

/* Where generator `number` of the public order (permutations, matrices, Lie generators; signed
 * permutations are matrices there) stands in the set: monomial, then dense, then lie. */
size_t symo_generator_set_index(const generator_set *set, size_t number);

/* Those of the given numbers, public order. */
symo_status symo_generator_set_keep(const generator_set *from, size_t num_keep, const size_t *keep,
                                    generator_set *to);

/* As the public struct, one block (symo_free): monomial ones without signs become permutations, with
 * signs matrices. */
symo_status symo_generator_set_export(const generator_set *set, symo_generators **out);

/* ---- elements ---- */

/* A random element, [dim, dim]: product replacement over the finite generators and exponentials of
 * random multiples of the Lie ones; close to Haar (the deviation falls geometrically with the
 * steps).  work: symo_random_element_work bytes. */
size_t symo_random_element_work(const generator_set *set);
void symo_random_element(const generator_set *set, symo_rng *rng, double *q, void *work);

/* All elements of a finite group, [*count, dim, dim], the caller's (symo_free); SYMO_E_SIZE past
 * cap elements or 1 GiB, or with Lie generators. */
symo_status symo_enumerate(const generator_set *set, size_t cap, size_t *count, double **out);
/* The number alone, without keeping more than hashes and words need. */
symo_status symo_enumerate_count(const generator_set *set, size_t cap, size_t *count);

#endif
