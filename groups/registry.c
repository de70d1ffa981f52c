/* The registry of groups. */
#include <string.h>

#include "groups/group.h"

static const symo_group *const table[] = {
#define GROUP_ROW(name) &symo_group_##name,
    SYMO_GROUP_LIST(GROUP_ROW)
#undef GROUP_ROW
};

size_t symo_group_count(void) { return sizeof table / sizeof *table; }

const symo_group *symo_group_at(size_t index) {
  return index < symo_group_count() ? table[index] : NULL;
}

const symo_group *symo_group_find(const char *name) {
  for (size_t i = 0; name != NULL && i < symo_group_count(); i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}

const char *symo_group_name(const symo_group *group) { return group == NULL ? "" : group->name; }
const char *symo_group_summary(const symo_group *group) {
  return group == NULL ? "" : group->summary;
}
const char *symo_group_irreps(const symo_group *group) {
  return group == NULL ? "" : group->irreps_text;
}
const char *symo_group_average(const symo_group *group) {
  return group == NULL ? "" : group->average;
}
const char *symo_group_exact(const symo_group *group) { return group == NULL ? "" : group->exact; }
