/* Shifts and the reversal of a ring, whose irreps are found from the generators. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/closed.h"

static void on_ring(symo_world *w, size_t d, const char *tensors) {
  symo_claim c = symo_closed_group(d, 2, (symo_closed_kind[]){SYMO_SHIFT, SYMO_REVERSAL});
  size_t order = 0;
  const symo_group *dihedral = symo_group_find("dihedral");
  cr_ok(w->context, symo_group_order(w->context, dihedral, d, 1000, &order));
  cr_assert_eq(order, d > 2 ? 2 * d : d);
  cr_assert_eq(c.count, order);
  symo_closed_space spaces[] = {{"h", d, dihedral, &c},
                                {"i", 2, symo_group_find("identity"), NULL}};
  symo_closed_check(w, 2, spaces, tensors);
  symo_claim_free(&c);
}

Test(dihedral, one_axis) {
  symo_world w;
  symo_world_open(&w, 311);
  for (size_t d = 1; d <= 8; d++) on_ring(&w, d, "h hi ih i");
  symo_world_close(&w);
}

Test(dihedral, several_axes_with_biases) {
  symo_world w;
  symo_world_open(&w, 312);
  for (size_t d = 1; d <= 5; d++) on_ring(&w, d, "h hh ih");
  for (size_t d = 1; d <= 3; d++) on_ring(&w, d, "h hhh");
  on_ring(&w, 2, "hhhh hh");
  symo_world_close(&w);
}

/* Trivial, alternating for even d, and waves of dimension 2, one apiece and of real type. */
Test(dihedral, irreps) {
  symo_world w;
  symo_world_open(&w, 313);
  for (size_t d = 3; d <= 12; d++) {
    symo_closed_space space = {"h", d, symo_group_find("dihedral"), NULL};
    symo_closed_build(&w, 1, &space, "h");
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    size_t of[3] = {0};
    for (size_t k = 0; k < symo_plan_num_labels(plan); k++) {
      symo_label_info l = symo_plan_label(plan, k);
      cr_assert(l.dim <= 2 && l.type == 1 && l.multiplicity == 1, "d = %zu: %s", d, l.name);
      of[l.dim] += l.count;
    }
    cr_assert_eq(of[1], d % 2 == 0 ? 2 : 1);
    cr_assert_eq(of[2], (d - 1) / 2);
    symo_plan_destroy(plan);
  }
  symo_world_close(&w);
}
