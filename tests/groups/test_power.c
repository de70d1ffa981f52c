/* Copies of a space that are acted on one by one: closed forms against the sum over all elements,
 * samples, and the irreps that the generators give. */
#include "groups/instance.h"
#include "tests/support/closed.h"

static symo_status make(symo_context *context, const char *name, size_t copies, const symo_group *k,
                        size_t dim, symo_group **out) {
  symo_group_part part = {k, dim};
  symo_group_spec spec = symo_group_spec_default(name);
  spec.copies = copies;
  spec.num_parts = 1;
  spec.parts = &part;
  return symo_group_create(context, &spec, out);
}

/* K^h with all elements of K; takes over both. */
static void check(symo_world *w, size_t copies, const symo_group *k, symo_claim of_k,
                  const char *tensors) {
  symo_closed_check_copies(w, "power", copies, k, of_k, tensors);
}

Test(power, of_permutations) {
  symo_world w;
  symo_world_open(&w, 341);
  for (size_t h = 1; h <= 3; h++)
    for (size_t k = 1; k <= 3; k++)
      if (h * k < 9)
        check(&w, h, symo_group_find("permutation"),
              symo_closed_elements(k, 2, SYMO_SHIFT, SYMO_SWAP, 0),
              h * k < 5 ? "h hi jh jhi hh i" : "h hi jh jhi i");
  symo_world_close(&w);
}

Test(power, of_signed_permutations_and_of_the_identity) {
  symo_world w;
  symo_world_open(&w, 342);
  for (size_t h = 1; h <= 3; h++) {
    check(&w, h, symo_group_find("signed-permutation"), symo_closed_elements(1, 1, SYMO_FLIP, 0, 0),
          "h hi i");
    check(&w, h, symo_group_find("identity"), symo_closed_elements(2, 0, 0, 0, 0), "h hi jh");
  }
  check(&w, 2, symo_group_find("signed-permutation"),
        symo_closed_elements(2, 3, SYMO_SHIFT, SYMO_SWAP, SYMO_FLIP), "ih h");
  symo_world_close(&w);
}

/* Without closed forms on one axis, of quaternionic type, and with copies that are made of copies. */
Test(power, of_what_is_found_numerically_and_of_wreath_products) {
  static const double quaternions[32] = {0, -1, 0,  0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0,  1, 0,
                                         0, 0,  -1, 0, 0, 0, 0, 1, 1, 0, 0, 0,  0, -1, 0, 0};
  symo_group_spec spec = symo_group_spec_default("custom");
  symo_group *q8, *inner;
  symo_world w;
  symo_world_open(&w, 343);
  spec.generators = (symo_generators){.dim = 4, .num_matrices = 2, .matrices = quaternions};
  cr_ok(w.context, symo_group_create(w.context, &spec, &q8));
  check(&w, 2, q8, symo_claim_closure(4, 2, quaternions), "h ih");
  symo_claim swap = symo_closed_elements(2, 1, SYMO_SWAP, 0, 0);
  symo_claim both = symo_closed_wreath(2, &swap);
  cr_ok(w.context, make(w.context, "wreath", 2, symo_group_find("permutation"), 2, &inner));
  check(&w, 2, inner, both, "h ih i");
  symo_claim_free(&swap);
  symo_world_close(&w);
}

/* Attention heads: samples of O(3)^4. */
Test(power, of_rotations) {
  symo_world w;
  symo_group *group;
  symo_world_open(&w, 344);
  cr_ok(w.context, make(w.context, "power", 4, symo_group_find("orthogonal"), 3, &group));
  symo_closed_space spaces[] = {{"h", 12, group, NULL},
                                {"i", 3, symo_group_find("identity"), NULL}};
  symo_closed_check_samples(&w, 2, spaces, "h ih");
  symo_group_destroy(group);
  symo_world_close(&w);
}

Test(power, refusals) {
  symo_world w;
  symo_group *group = NULL;
  symo_world_open(&w, 345);
  cr_fails(w.context, SYMO_E_ARGUMENT, "group power: 0 copies",
           make(w.context, "power", 0, symo_group_find("orthogonal"), 3, &group));
  cr_fails(w.context, SYMO_E_UNSUPPORTED, "sum",
           make(w.context, "power", 2, symo_group_find("sign-flip"), 3, &group));
  cr_assert_null(group);
  symo_world_close(&w);
}
