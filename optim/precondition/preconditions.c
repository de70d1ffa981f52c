/* The registry of preconditioners. */
#include "core/registry.h"
#include "optim/precondition/precondition.h"

static const void *const rows[] = {
#define PRECONDITION_ROW(name) &symo_precondition_##name,
    SYMO_PRECONDITION_LIST(PRECONDITION_ROW)
#undef PRECONDITION_ROW
};

size_t symo_precondition_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_precondition *symo_precondition_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}
