#ifndef SYMO_GROUPS_NUMERIC_H
#define SYMO_GROUPS_NUMERIC_H

#include "groups/instance.h"
#include "groups/isotypic.h"

/* A group with the irreps of a numerical decomposition, which it takes over (also on failure). */
symo_status symo_numeric_create(symo_context *context, const symo_group *like, isotypic *iso,
                                group_instance **out);

/* The isotypic bases of a group given by callbacks, asked for and checked; SYMO_E_UNSUPPORTED if its
 * transform does not reach that many axes (groups/callbacks.c). */
symo_status symo_callbacks_decompose(symo_context *context, const symo_group *group, size_t dim,
                                     unsigned orders, isotypic **out);
bool symo_group_is_callbacks(const symo_group *group);

#endif
