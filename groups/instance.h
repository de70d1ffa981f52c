#ifndef SYMO_GROUPS_INSTANCE_H
#define SYMO_GROUPS_INSTANCE_H

#include <pthread.h>
#include <stdatomic.h>

#include <symo/plan.h>

#include "core/names.h"
#include "groups/generators.h"
#include "groups/group.h"

/* A group on the heap.  Structs that begin with a group_instance are freed by `finish` and then as
 * one block. */
typedef struct group_instance group_instance;
struct group_instance {
  symo_group group; /* first; .name and other texts live as long as the instance */
  atomic_size_t references;
  size_t dim; /* 0: any */
  bool has_spec;
  symo_group_spec spec;                 /* what it points to is owned */
  generator_set *set;                   /* of groups known by their generators alone; else NULL */
  void (*finish)(group_instance *self); /* frees what the struct owns beyond that; may be NULL */
  /* Decompositions found so far (groups/numeric/numeric.c), for several axes at a time. */
  pthread_mutex_t lock;
  group_instance *found; /* a list by `next` */
  unsigned orders;
  group_instance *next;
};

/* True for what lives on the heap. */
bool symo_group_is_instance(const symo_group *group);

static inline const group_instance *symo_group_instance(const symo_group *group) {
  return (const group_instance *)(const void *)group;
}

/* A copy of the row `table` in a struct of `size` bytes, zeroed otherwise; one reference. */
symo_status symo_group_instance_create(symo_context *context, const symo_group *table, size_t size,
                                       size_t dim, group_instance **out);

/* The same for a spec, which is copied, parts retained; dim is that of the group. */
symo_status symo_group_instance_from_spec(symo_context *context, const symo_group *row,
                                          const symo_group_spec *spec, size_t size, size_t dim,
                                          group_instance **out);

const symo_group *symo_group_retain(const symo_group *group);

/* The same group: one address, or equal specs. */
bool symo_group_equal(const symo_group *a, const symo_group *b);

/* Adds the generators of any group on R^dim to a set.  SYMO_E_UNSUPPORTED where there are none. */
symo_status symo_group_add_generators(const symo_group *group, size_t dim, generator_set *out);

/* ---- groups that are their generators (groups/numeric/generated.c) ---- */

/* Slots of their tables: elements by random walk; no closed forms. */
size_t symo_generated_sample_work(const symo_group *self, size_t dim);
symo_status symo_generated_sample(const symo_group *self, size_t dim, symo_rng *rng, double *g,
                                  void *work);
symo_status symo_generated_add(const symo_group *self, size_t dim, generator_set *out);

/* The dimension of a direct sum of the parts, SIZE_MAX if it has no room. */
size_t symo_group_dim_of_parts(const symo_group_spec *spec);

/* Checks that each part has a group with generators that acts on the dimension of the part. */
symo_status symo_group_check_parts(symo_context *context, const symo_group_spec *spec);

/* Makes a group from a set of generators.  Owns the set afterwards, also on failure. */
symo_status symo_generated_create(symo_context *context, const symo_group *row,
                                  const symo_group_spec *spec, generator_set *set,
                                  symo_group **out);

/* Makes the direct product of the groups of the parts, acting on the tensor product (`product`) or
 * on the direct sum of their spaces. */
symo_status symo_generated_combine(symo_context *context, const symo_group *row,
                                   const symo_group_spec *spec, bool product, symo_group **out);

/* ---- closed forms for a layout (groups/numeric/numeric.c) ---- */

/* Finds the group that plans use.  A space with this group stands on p axes of some tensor for
 * every bit p of `orders`.  If the group has closed forms for all these p, it is used itself;
 * otherwise a group with irreps found numerically, which instances keep for later calls.  *out is a
 * reference that the caller releases. */
symo_status symo_group_resolve(symo_context *context, const symo_group *group, size_t dim,
                               unsigned orders, const symo_group **out);

/* How the irreps of a group were found; `numeric` is false for closed forms. */
symo_space_info symo_group_info(const symo_group *group);

/* `; did you mean "NAME"?` for the name of a group of the registry or of the context (which may be
 * NULL) that is near, or "". */
symo_quote symo_group_suggestion(const symo_context *context, const char *name);

#endif
