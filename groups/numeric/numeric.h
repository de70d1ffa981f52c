#ifndef SYMO_GROUPS_NUMERIC_NUMERIC_H
#define SYMO_GROUPS_NUMERIC_NUMERIC_H

#include "groups/instance.h"
#include "groups/numeric/isotypic.h"
#include "groups/numeric/transform.h"

/* Makes a group with the irreps of a numerical decomposition.  Owns iso afterwards, also on
 * failure. */
symo_status symo_numeric_create(symo_context *context, const symo_group *like, isotypic *iso,
                                group_instance **out);

/* The description of an irrep for such groups and for those of groups/numeric/transform.c.  The
 * name is that of the irrep or, if it has none, is made from its number and dimension. */
enum { SYMO_FOUND_NAME = 32 };
symo_irrep symo_found_irrep(const isotypic_irrep *r, const char *name);
void symo_found_name(const isotypic_irrep *r, size_t number, char out[SYMO_FOUND_NAME]);
/* The table of such a group without its functions; its texts are those of `like`. */
symo_group symo_found_group(const symo_group *like, size_t num_irreps);
/* Their slots `irreps` and `components`. */
int symo_found_irreps(size_t num, const isotypic_irrep *irreps, char (*names)[SYMO_FOUND_NAME],
                      symo_irrep *out);
int symo_found_components(size_t num, const isotypic_irrep *irreps, int order, symo_component *out);

/* The group that plans use for a group of the caller's code.  If sum d^p <= SYMO_ISOTYPIC_MAX, its
 * bases are stored as matrices; otherwise its functions are called for every tensor.  The results
 * of its functions are checked (groups/numeric/callbacks.c). */
symo_status symo_callbacks_decompose(symo_context *context, const symo_group *group, size_t dim,
                                     unsigned orders, group_instance **out);
/* The second case.  Moves the irreps out of iso. */
symo_status symo_callbacks_transform(symo_context *context, const symo_group *group,
                                     const symo_group_ops *ops, isotypic *iso,
                                     group_transform **out);
/* SYMO_E_NUMERIC: the table is wrong. */
#define SYMO_CALLBACKS_TOLERANCE 1e-9
symo_status symo_callbacks_doubt(symo_context *context, const char *group, size_t dim,
                                 const char *what, double defect);
/* max |a - b| over n numbers; infinity if one is NaN. */
double symo_callbacks_distance(size_t n, const double *a, const double *b);
bool symo_group_is_callbacks(const symo_group *group);

#endif
