/* The registry of damping modules. */
#include "core/registry.h"
#include "optim/damping/damping.h"

static const void *const rows[] = {
#define DAMPING_ROW(name) &symo_damping_##name,
    SYMO_DAMPING_LIST(DAMPING_ROW)
#undef DAMPING_ROW
};

size_t symo_damping_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_damping *symo_damping_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}

const symo_damping *symo_damping_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(rows), name);
}
