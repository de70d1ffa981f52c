/* Tables of modules. */
#include "core/registry.h"

#include "tests/support/testing.h"

Test(registry, finds_rows_by_number_and_name) {
  static const struct module {
    const char *name;
    int value;
  } one = {"one", 1}, two = {"two", 2};
  static const void *const rows[] = {&one, &two};
  const symo_registry r = SYMO_REGISTRY(rows);
  cr_assert(r.count == 2 && symo_registry_at(r, 0) == &one && symo_registry_at(r, 1) == &two);
  cr_assert(symo_registry_at(r, 2) == NULL && symo_registry_at(r, (size_t)-1) == NULL);
  cr_assert(symo_registry_find(r, "one") == &one && symo_registry_find(r, "two") == &two);
  static const char *const strangers[] = {NULL, "", "on", "ones", "One"};
  for (size_t i = 0; i < 5; i++) cr_assert(symo_registry_find(r, strangers[i]) == NULL);
}
