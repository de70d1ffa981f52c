#ifndef SYMO_GROUPS_FORMS_SCALING_H
#define SYMO_GROUPS_FORMS_SCALING_H

#include "groups/instance.h"

/* What is known of a scaling group with its parameters; NULL for any other group. */
const symo_group_spec *symo_scaling_spec(const symo_group *group);

/* E c^e over the window, for a whole e: sinh(e a) / (e a), and 0 for odd e if signs are drawn. */
double symo_scaling_moment(const symo_group_spec *spec, int e);

/* The element with the scales c [dim] and nothing permuted. */
void symo_scaling_set(size_t dim, const double *c, double *g);

#endif
