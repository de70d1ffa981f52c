/* The registry of curvatures. */
#include <string.h>

#include "optim/curvature/curvature.h"

static const symo_curvature *const table[] = {
#define CURVATURE_ROW(name) &symo_curvature_##name,
    SYMO_CURVATURE_LIST(CURVATURE_ROW)
#undef CURVATURE_ROW
};

size_t symo_curvature_count(void) { return sizeof table / sizeof *table; }

const symo_curvature *symo_curvature_at(size_t index) {
  return index < symo_curvature_count() ? table[index] : NULL;
}

const symo_curvature *symo_curvature_find(const char *name) {
  for (size_t i = 0; name != NULL && i < symo_curvature_count(); i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}
