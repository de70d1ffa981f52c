/* The registry of estimators. */
#include <string.h>

#include "hessian/estimator.h"

static const symo_estimator *const table[] = {
#define ESTIMATOR_ROW(name) &symo_estimator_##name,
    SYMO_ESTIMATOR_LIST(ESTIMATOR_ROW)
#undef ESTIMATOR_ROW
};

size_t symo_estimator_count(void) { return sizeof table / sizeof *table; }

const symo_estimator *symo_estimator_at(size_t index) {
  return index < symo_estimator_count() ? table[index] : NULL;
}

const symo_estimator *symo_estimator_find(const char *name) {
  for (size_t i = 0; name != NULL && i < symo_estimator_count(); i++)
    if (strcmp(table[i]->name, name) == 0) return table[i];
  return NULL;
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
