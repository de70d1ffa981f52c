/* Generators: which groups are equal, and what is no group. */
#include <math.h>

#include "groups/instance.h"
#include "tests/support/testing.h"

/* Groups are the same where all of their generators are, in number, kind and every entry. */
Test(custom, groups_are_equal_where_all_generators_are) {
  enum { D = 3, KINDS = 8 };
  static const size_t turn[2 * D] = {1, 2, 0, 1, 0, 2}, other[D] = {1, 0, 2}, pair[2] = {1, 0};
  static const double sign[D * D] = {1, 0, 0, 0, 1, 0, 0, 0, -1},
                               second[D * D] = {1, 0, 0, 0, -1, 0, 0, 0, 1},
                               lie[D * D] = {0, -1, 0, 1, 0, 0, 0, 0, 0},
                               faster[D * D] = {0, 0, -1, 0, 0, 0, 1, 0, 0};
  const symo_generators kinds[KINDS] = {
      {.dim = D, .num_permutations = 1, .permutations = turn},
      {.dim = D, .num_permutations = 2, .permutations = turn},
      {.dim = D, .num_permutations = 1, .permutations = other},
      {.dim = D, .num_matrices = 1, .matrices = sign},
      {.dim = D, .num_matrices = 1, .matrices = second},
      {.dim = D, .num_lie = 1, .lie = lie},
      {.dim = D, .num_lie = 1, .lie = faster},
      {.dim = 2, .num_permutations = 1, .permutations = pair},
  };
  symo_context *context;
  symo_group *first[KINDS], *again[KINDS];
  cr_ok(NULL, symo_context_create(&context));
  for (int i = 0; i < KINDS; i++) {
    symo_group_spec spec = symo_group_spec_default("custom");
    spec.generators = kinds[i];
    cr_ok(context, symo_group_create(context, &spec, &first[i]));
    cr_ok(context, symo_group_create(context, &spec, &again[i]));
  }
  for (int i = 0; i < KINDS; i++)
    for (int k = 0; k < KINDS; k++)
      cr_assert_eq(symo_group_equal(first[i], again[k]), i == k, "%d and %d", i, k);
  for (int i = 0; i < KINDS; i++) {
    symo_group_destroy(first[i]);
    symo_group_destroy(again[i]);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(custom, what_is_no_group_is_refused) {
  symo_context *context = symo_test_context();
  symo_group *out;
  symo_group_spec spec = symo_group_spec_default("custom");
  static const double skewed[] = {1, 0.25, 0, 1}, lie[] = {0, -1, 0.5, 0};
  static const double infinite[] = {1, 0, (double)INFINITY, 1};
  static const size_t twice[] = {0, 2, 2}, outside[] = {0, 1, 3};
  spec.generators = (symo_generators){.dim = 2, .num_matrices = 1, .matrices = skewed};
  cr_fails(context, SYMO_E_ARGUMENT, "2.5e-01", symo_group_create(context, &spec, &out));
  spec.generators.matrices = infinite;
  cr_fails(context, SYMO_E_NONFINITE, "[0, 1, 0]", symo_group_create(context, &spec, &out));
  spec.generators = (symo_generators){.dim = 2, .num_lie = 1, .lie = lie};
  cr_fails(context, SYMO_E_ARGUMENT, "antisymmetric", symo_group_create(context, &spec, &out));
  spec.generators = (symo_generators){.dim = 3, .num_permutations = 1, .permutations = twice};
  cr_fails(context, SYMO_E_ARGUMENT, "permutation", symo_group_create(context, &spec, &out));
  spec.generators.permutations = outside;
  cr_fails(context, SYMO_E_ARGUMENT, "3", symo_group_create(context, &spec, &out));
  spec.generators.dim = 0;
  cr_assert(symo_group_create(context, &spec, &out) != SYMO_OK);
  spec.group = "monster";
  cr_fails(context, SYMO_E_NAME, "monster", symo_group_create(context, &spec, &out));
  spec.group = "permutation";
  cr_fails(context, SYMO_E_ARGUMENT, "parameters", symo_group_create(context, &spec, &out));
  symo_layout *layout;
  cr_ok(context, symo_layout_create(context, &layout));
  cr_fails(context, SYMO_E_ARGUMENT, "parameters",
           symo_layout_add_space(layout, "h", 3, symo_group_find("custom")));
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  cr_no_leaks();
}
