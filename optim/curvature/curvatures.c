/* The registry of curvatures. */
#include "core/registry.h"
#include "optim/curvature/curvature.h"

static const void *const rows[] = {
#define CURVATURE_ROW(name) &symo_curvature_##name,
    SYMO_CURVATURE_LIST(CURVATURE_ROW)
#undef CURVATURE_ROW
};

size_t symo_curvature_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_curvature *symo_curvature_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}
