/* The registry of preconditioners. */
#include <string.h>

#include "optim/precondition/precondition.h"

static const symo_precondition *const table[] = {
#define PRECONDITION_ROW(name) &symo_precondition_##name,
    SYMO_PRECONDITION_LIST(PRECONDITION_ROW)
#undef PRECONDITION_ROW
};

size_t symo_precondition_count(void) { return sizeof table / sizeof *table; }

const symo_precondition *symo_precondition_at(size_t index) {
  return index < symo_precondition_count() ? table[index] : NULL;
}

const symo_precondition *symo_precondition_find(const char *name) {
  for (size_t i = 0; name != NULL && i < symo_precondition_count(); i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
}
