/* The registry of estimators. */
#include <stdio.h>

#include "core/registry.h"
#include "hessian/estimator.h"

static const void *const rows[] = {
#define ESTIMATOR_ROW(name) &symo_estimator_##name,
    SYMO_ESTIMATOR_LIST(ESTIMATOR_ROW)
#undef ESTIMATOR_ROW
};

size_t symo_estimator_count(void) { return SYMO_REGISTRY(rows).count; }

const symo_estimator *symo_estimator_at(size_t index) {
  return symo_registry_at(SYMO_REGISTRY(rows), index);
}

const symo_estimator *symo_estimator_find(const char *name) {
  return symo_registry_find(SYMO_REGISTRY(rows), name);
}

const char *symo_estimator_name(const symo_estimator *estimator) {
  return estimator == NULL ? "" : estimator->name;
}
const char *symo_estimator_summary(const symo_estimator *estimator) {
  return estimator == NULL ? "" : estimator->summary;
}
bool symo_estimator_needs_parameters(const symo_estimator *estimator) {
  return estimator != NULL && estimator->params;
}
symo_coupling symo_estimator_coupling(const symo_estimator *estimator) {
  return estimator == NULL ? SYMO_COUPLED : estimator->coupling;
}
bool symo_estimator_can_scale(const symo_estimator *estimator) { return estimator->can_scale; }

void symo_estimator_list(bool (*has)(const symo_estimator *estimator), const char *between,
                         const char *last, char *out, size_t size) {
  size_t total = 0, done = 0, used = 0;
  for (size_t i = 0; i < symo_estimator_count(); i++) total += has == NULL || has(rows[i]);
  out[0] = '\0';
  for (size_t i = 0; i < symo_estimator_count() && used < size; i++) {
    if (has != NULL && !has(rows[i])) continue;
    const char *before = done == 0 ? "" : done + 1 == total && last != NULL ? last : between;
    used += (size_t)snprintf(out + used, size - used, "%s%s", before, symo_estimator_at(i)->name);
    done++;
  }
}
