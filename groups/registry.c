/* The registry of groups. */
#include "core/registry.h"
#include "groups/group.h"

static const void *const rows[] = {
#define GROUP_ROW(name) &symo_group_##name,
    SYMO_GROUP_LIST(GROUP_ROW)
#undef GROUP_ROW
};

size_t symo_group_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_group *symo_group_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}

const symo_group *symo_group_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(rows), name);
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
