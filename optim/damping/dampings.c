/* The registry of damping modules. */
#include <string.h>

#include "optim/damping/damping.h"

static const symo_damping *const table[] = {
#define DAMPING_ROW(name) &symo_damping_##name,
    SYMO_DAMPING_LIST(DAMPING_ROW)
#undef DAMPING_ROW
};

size_t symo_damping_count(void) { return sizeof table / sizeof *table; }

const symo_damping *symo_damping_at(size_t index) {
  return index < symo_damping_count() ? table[index] : NULL;
}

const symo_damping *symo_damping_find(const char *name) {
  for (size_t i = 0; name != NULL && i < symo_damping_count(); i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}
