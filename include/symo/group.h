#ifndef SYMO_GROUP_H
#define SYMO_GROUP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A family of groups acting on R^d by orthogonal matrices, one member for every d >= 1.  Immutable
 * and static; compared by address. */
typedef struct symo_group symo_group;

/* The registry, in the order of `symo groups`. */
size_t symo_group_count(void);
const symo_group *symo_group_at(size_t index); /* NULL past the end */

/* By name ("signed-permutation"); NULL when there is none. */
const symo_group *symo_group_find(const char *name);

/* Static texts, never NULL. */
const char *symo_group_name(const symo_group *group);
const char *symo_group_summary(const symo_group *group); /* what it is */
const char *symo_group_irreps(const symo_group *group);  /* how R^d decomposes, in words */
const char *symo_group_average(const symo_group *group); /* the average of x y' over it */
const char *symo_group_exact(const symo_group *group);   /* for which weights it is a symmetry */

#ifdef __cplusplus
}
#endif
#endif
