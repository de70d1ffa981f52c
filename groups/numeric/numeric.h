#ifndef SYMO_GROUPS_NUMERIC_NUMERIC_H
#define SYMO_GROUPS_NUMERIC_NUMERIC_H

#include "groups/instance.h"
#include "groups/numeric/isotypic.h"
#include "groups/numeric/transform.h"

/* A group with the irreps of a numerical decomposition, which it takes over (also on failure). */
symo_status symo_numeric_create(symo_context *context, const symo_group *like, isotypic *iso,
                                group_instance **out);

/* What such groups, and those of groups/numeric/transform.c, say of an irrep; its own name, or one
 * by number and dimension, at most 31 characters. */
enum { SYMO_FOUND_NAME = 32 };
symo_irrep symo_found_irrep(const isotypic_irrep *r, const char *name);
void symo_found_name(const isotypic_irrep *r, size_t number, char out[SYMO_FOUND_NAME]);
/* The table of such a group, without its functions: what it says of itself is said of `like`. */
symo_group symo_found_group(const symo_group *like, size_t num_irreps);
/* Their slots `irreps` and `components`. */
int symo_found_irreps(size_t num, const isotypic_irrep *irreps, char (*names)[SYMO_FOUND_NAME],
                      symo_irrep *out);
int symo_found_components(size_t num, const isotypic_irrep *irreps, int order, symo_component *out);

/* The group that plans work with for a group given by callbacks, whose transform reaches that many
 * axes: with bases as matrices while sum d^p <= SYMO_ISOTYPIC_MAX, beyond with its functions called
 * for every tensor.  What they say is checked (groups/numeric/callbacks.c). */
symo_status symo_callbacks_decompose(symo_context *context, const symo_group *group, size_t dim,
                                     unsigned orders, group_instance **out);
/* The second of these, from the irreps in iso, which it takes out of it. */
symo_status symo_callbacks_transform(symo_context *context, const symo_group *group,
                                     const symo_group_ops *ops, isotypic *iso,
                                     group_transform **out);
/* SYMO_E_NUMERIC: the table is wrong. */
#define SYMO_CALLBACKS_TOLERANCE 1e-9
symo_status symo_callbacks_doubt(symo_context *context, const char *group, size_t dim,
                                 const char *what, double defect);
/* max |a - b| over n numbers; infinity where one is NaN. */
double symo_callbacks_distance(size_t n, const double *a, const double *b);
bool symo_group_is_callbacks(const symo_group *group);

#endif
