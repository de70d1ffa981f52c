#ifndef SYMO_CORE_REGISTRY_H
#define SYMO_CORE_REGISTRY_H

#include <stddef.h>
#include <string.h>

/* A constant table of modules, found by number or name.  Each row points at a struct whose first
 * member is  const char *name. */
typedef struct symo_registry {
  const void *const *rows;
  size_t count;
} symo_registry;

#define SYMO_REGISTRY(rows) ((symo_registry){(rows), sizeof(rows) / sizeof *(rows)})

/* NULL behind the last row. */
static inline const void *symo_registry_at(symo_registry r, size_t index) {
  return index < r.count ? r.rows[index] : NULL;
}

/* NULL for a name that is NULL or in no row. */
static inline const void *symo_registry_find(symo_registry r, const char *name) {
  for (size_t i = 0; name != NULL && i < r.count; i++)
    if (strcmp(*(const char *const *)r.rows[i], name) == 0) return r.rows[i];
  return NULL;
}

#endif
