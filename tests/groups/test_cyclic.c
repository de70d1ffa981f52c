/* Shifts of a ring: closed forms on one to four axes against the sum over all elements, and against
 * the irreps that the generators give. */
#include <math.h>
#include <stdlib.h>

#include "groups/group.h"
#include "tests/support/closed.h"

static symo_claim elements(size_t d) {
  return symo_closed_group(d, 1, (symo_closed_kind[]){SYMO_SHIFT});
}

/* Space h under C_d beside two that stand still. */
static void on_ring(symo_world *w, size_t d, const char *tensors) {
  symo_claim c = elements(d);
  cr_assert_eq(c.count, d);
  const symo_group *identity = symo_group_find("identity");
  symo_closed_space spaces[] = {
      {"h", d, symo_group_find("cyclic"), &c}, {"i", 2, identity, NULL}, {"j", 3, identity, NULL}};
  symo_closed_check(w, 3, spaces, tensors);
  symo_claim_free(&c);
}

Test(cyclic, one_axis) {
  symo_world w;
  symo_world_open(&w, 301);
  for (size_t d = 1; d <= 9; d++) on_ring(&w, d, "h hi jh jhi i ");
  on_ring(&w, 1, "h");
  symo_world_close(&w);
}

Test(cyclic, two_axes_with_biases) {
  symo_world w;
  symo_world_open(&w, 302);
  for (size_t d = 1; d <= 5; d++) on_ring(&w, d, "h hh ih hih j");
  symo_world_close(&w);
}

Test(cyclic, three_and_four_axes) {
  symo_world w;
  symo_world_open(&w, 303);
  for (size_t d = 1; d <= 3; d++) on_ring(&w, d, "h hh hhh");
  on_ring(&w, 4, "hhh h");
  on_ring(&w, 2, "hhhh hihh h");
  on_ring(&w, 3, "hhhh h");
  symo_world_close(&w);
}

/* Labels of two waves: C (x) C, which is two fields. */
Test(cyclic, two_rings) {
  symo_world w;
  symo_world_open(&w, 304);
  symo_claim a = elements(4), b = elements(3),
             s = symo_closed_group(3, 2, (symo_closed_kind[]){SYMO_SHIFT, SYMO_SWAP});
  const symo_group *cyclic = symo_group_find("cyclic");
  symo_closed_space spaces[] = {
      {"h", 4, cyclic, &a}, {"k", 3, cyclic, &b}, {"p", 3, symo_group_find("permutation"), &s}};
  symo_closed_check(&w, 3, spaces, "h k hk kh hp p hpk");
  symo_closed_check(&w, 3, spaces, "hkh hk k h");
  symo_claim_free(&a);
  symo_claim_free(&b);
  symo_claim_free(&s);
  symo_world_close(&w);
}

/* Many positions: tiles of the transform. */
Test(cyclic, long_rings) {
  symo_world w;
  symo_world_open(&w, 305);
  const symo_group *identity = symo_group_find("identity"), *cyclic = symo_group_find("cyclic");
  for (size_t d = 63; d <= 130; d += 67) {
    symo_closed_space spaces[] = {{"h", d, cyclic, NULL}, {"i", 2, identity, NULL}};
    symo_closed_check_samples(&w, 2, spaces, "h hi");
  }
  symo_world_close(&w);
}

/* Along one axis the average is circulant, with the means of products at a distance. */
Test(cyclic, the_average_is_circulant) {
  enum { D = 200 };
  symo_world w;
  symo_world_open(&w, 306);
  symo_closed_space space = {"h", D, symo_group_find("cyclic"), NULL};
  symo_closed_build(&w, 1, &space, "h");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *found = symo_world_dense(&w, &how, &g, NULL), worst = 0;
  for (size_t s = 0; s < D; s++) {
    double sum = 0;
    for (size_t i = 0; i < D; i++) sum += g.flat[i] * g.flat[(i + s) % D] / D;
    for (size_t i = 0; i < D; i++) worst = fmax(worst, fabs(found[i * D + (i + s) % D] - sum));
  }
  cr_assert(worst <= 1e-13, "%g", worst);
  cr_assert(symo_test_max(found, D * D) <= 100);
  free(found);
  symo_test_batch_free(&g);
  symo_world_close(&w);
}

Test(cyclic, labels) {
  symo_world w;
  symo_world_open(&w, 307);
  symo_closed_space space = {"h", 6, symo_group_find("cyclic"), NULL};
  symo_closed_build(&w, 1, &space, "h hh");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  cr_assert_eq(symo_plan_num_labels(plan), 3);
  for (size_t k = 0; k < 3; k++) {
    symo_label_info l = symo_plan_label(plan, k);
    bool wave = strcmp(l.name, "h:wave") == 0;
    cr_assert_eq(l.dim, 1);
    cr_assert_eq(l.count, wave ? 2 : 1, "%s", l.name);
    cr_assert_eq(l.type, wave ? 2 : 1, "%s", l.name);
    cr_assert_eq(l.multiplicity, wave ? 14 : 7, "%s", l.name);
  }
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

Test(cyclic, cuts) {
  symo_world w;
  symo_world_open(&w, 308);
  for (size_t d = 1; d <= 9; d++)
    for (int order = 1; order <= 3; order++)
      symo_closed_check_cuts(&w, symo_group_find("cyclic"), d, order);
  symo_closed_check_cuts(&w, symo_group_find("cyclic"), 5, 4);
  symo_closed_check_cuts(&w, symo_group_find("cyclic"), 140, 1);
  symo_world_close(&w);
}

Test(cyclic, the_generators_give_the_same) {
  symo_world w;
  symo_world_open(&w, 309);
  const symo_group *identity = symo_group_find("identity"), *cyclic = symo_group_find("cyclic");
  for (size_t d = 1; d <= 7; d++) {
    symo_closed_space spaces[] = {{"h", d, cyclic, NULL},
                                  {"i", 2, identity, NULL},
                                  {"p", 3, symo_group_find("permutation"), NULL},
                                  {"k", 3, cyclic, NULL}};
    symo_closed_check_custom(&w, 4, spaces, "h hi ph i");
    if (d <= 4) symo_closed_check_custom(&w, 4, spaces, "h hh ih");
    if (d <= 3) symo_closed_check_custom(&w, 4, spaces, "h hhh hk k");
  }
  symo_world_close(&w);
}
