/* Copies of a space that are acted on one by one and permuted: closed forms against the sum over
 * all elements, samples, and the irreps that the generators give. */
#include <math.h>
#include <stdlib.h>

#include "groups/instance.h"
#include "tests/support/closed.h"

static symo_group *wreath(symo_world *w, size_t copies, const symo_group *k, size_t dim) {
  symo_group_spec spec = symo_group_spec_default("wreath");
  symo_group_part part = {k, dim};
  symo_group *out;
  spec.copies = copies;
  spec.num_parts = 1;
  spec.parts = &part;
  cr_ok(w->context, symo_group_create(w->context, &spec, &out));
  return out;
}

static symo_group *custom(symo_world *w, const symo_generators *generators) {
  symo_group_spec spec = symo_group_spec_default("custom");
  symo_group *out;
  spec.generators = *generators;
  cr_ok(w->context, symo_group_create(w->context, &spec, &out));
  return out;
}

/* K wr S_h with all elements of K; takes over both. */
static void check(symo_world *w, size_t copies, const symo_group *k, symo_claim of_k,
                  const char *tensors) {
  symo_closed_check_copies(w, "wreath", copies, k, of_k, tensors);
}

static void check_row(symo_world *w, size_t copies, const char *k, symo_claim of_k,
                      const char *tensors) {
  check(w, copies, symo_group_find(k), of_k, tensors);
}

Test(wreath, of_permutations) {
  symo_world w;
  symo_world_open(&w, 321);
  for (size_t h = 1; h <= 3; h++)
    for (size_t k = 1; k <= 3; k++)
      if (h * k < 9)
        check_row(&w, h, "permutation", symo_closed_elements(k, 2, SYMO_SHIFT, SYMO_SWAP, 0),
                  "h hi jh jhi i");
  symo_world_close(&w);
}

Test(wreath, of_signed_permutations_and_of_the_identity) {
  symo_world w;
  symo_world_open(&w, 322);
  for (size_t h = 1; h <= 3; h++) {
    check_row(&w, h, "signed-permutation", symo_closed_elements(1, 1, SYMO_FLIP, 0, 0), "h hi i");
    check_row(&w, h, "identity", symo_closed_elements(2, 0, 0, 0, 0), "h hi jh");
  }
  check_row(&w, 2, "signed-permutation",
            symo_closed_elements(2, 3, SYMO_SHIFT, SYMO_SWAP, SYMO_FLIP), "ih h");
  symo_world_close(&w);
}

/* Families: characters, waves. */
Test(wreath, of_families) {
  symo_world w;
  symo_world_open(&w, 323);
  for (size_t h = 1; h <= 2; h++) {
    static const double flips[8] = {-1, 0, 0, 1, 1, 0, 0, -1};
    check_row(&w, h, "sign-flip", symo_claim_closure(2, 2, flips), "h hi jh i");
    for (size_t d = 2; d <= 5; d++)
      check_row(&w, h, "cyclic", symo_closed_elements(d, 1, SYMO_SHIFT, 0, 0), "h ih i");
  }
  symo_world_close(&w);
}

/* Groups without closed forms on one axis: every type, and copies whose bases overlap. */
Test(wreath, of_what_has_no_closed_forms) {
  static const double third[4] = {-0.5, -0.86602540378443865, 0.86602540378443865, -0.5};
  static const double quaternions[32] = {0, -1, 0,  0, 1, 0, 0, 0, 0, 0, 0, -1, 0, 0,  1, 0,
                                         0, 0,  -1, 0, 0, 0, 0, 1, 1, 0, 0, 0,  0, -1, 0, 0};
  static const size_t twice[4] = {1, 0, 3, 2};
  static const double swaps[16] = {0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0};
  symo_generators turn = {.dim = 2, .num_matrices = 1, .matrices = third};
  symo_generators q8 = {.dim = 4, .num_matrices = 2, .matrices = quaternions};
  symo_generators pairs = {.dim = 4, .num_permutations = 1, .permutations = twice};
  symo_world w;
  symo_world_open(&w, 324);
  check_row(&w, 2, "dihedral", symo_closed_elements(3, 2, SYMO_SHIFT, SYMO_REVERSAL, 0), "h ih i");
  check(&w, 2, custom(&w, &turn), symo_claim_closure(2, 1, third), "h ih i");
  check(&w, 3, custom(&w, &turn), symo_claim_closure(2, 1, third), "h");
  check(&w, 2, custom(&w, &pairs), symo_claim_closure(4, 1, swaps), "h ih i");
  check(&w, 2, custom(&w, &q8), symo_claim_closure(4, 2, quaternions), "h ih");
  symo_world_close(&w);
}

Test(wreath, of_wreath_products) {
  symo_world w;
  symo_world_open(&w, 325);
  symo_claim swap = symo_closed_elements(2, 1, SYMO_SWAP, 0, 0),
             flip = symo_closed_elements(1, 1, SYMO_FLIP, 0, 0);
  symo_claim inner = symo_closed_wreath(2, &swap), other = symo_closed_wreath(2, &flip);
  check(&w, 2, wreath(&w, 2, symo_group_find("permutation"), 2), inner, "h ih i");
  check(&w, 2, wreath(&w, 2, symo_group_find("signed-permutation"), 1), other, "h i");
  symo_claim_free(&swap);
  symo_claim_free(&flip);
  symo_world_close(&w);
}

/* Beyond one axis plans take the generators. */
Test(wreath, two_axes_with_biases) {
  symo_world w;
  symo_world_open(&w, 326);
  check_row(&w, 2, "permutation", symo_closed_elements(2, 1, SYMO_SWAP, 0, 0), "hh h ih");
  check_row(&w, 2, "cyclic", symo_closed_elements(2, 1, SYMO_SHIFT, 0, 0), "hh h");
  check_row(&w, 3, "identity", symo_closed_elements(1, 0, 0, 0, 0), "hh h");
  symo_world_close(&w);
}

/* Two spaces of heads in one layout, and beside others. */
Test(wreath, several_spaces) {
  symo_world w;
  symo_world_open(&w, 327);
  symo_claim ring = symo_closed_elements(3, 1, SYMO_SHIFT, 0, 0),
             swap = symo_closed_elements(2, 1, SYMO_SWAP, 0, 0);
  symo_claim a = symo_closed_wreath(2, &ring), b = symo_closed_wreath(2, &swap);
  symo_group *g = wreath(&w, 2, symo_group_find("cyclic"), 3);
  symo_group *k = wreath(&w, 2, symo_group_find("permutation"), 2);
  symo_closed_space spaces[] = {{"h", 6, g, &a},
                                {"k", 4, k, &b},
                                {"r", 3, symo_group_find("cyclic"), &ring},
                                {"i", 2, symo_group_find("identity"), NULL}};
  symo_closed_check(&w, 4, spaces, "h k hk r");
  symo_closed_check(&w, 4, spaces, "rh kr h ih");
  symo_closed_check_custom(&w, 4, spaces, "h k kh rh ih r");
  symo_group_destroy(g);
  symo_group_destroy(k);
  symo_claim_free(&ring);
  symo_claim_free(&swap);
  symo_claim_free(&a);
  symo_claim_free(&b);
  symo_world_close(&w);
}

/* Attention heads: samples and generators instead of a list; nothing is copied. */
Test(wreath, of_orthogonal_groups) {
  symo_world w;
  symo_world_open(&w, 328);
  for (size_t h = 1; h <= 4; h++)
    for (size_t k = 1; k <= 3; k++) {
      symo_group *group = wreath(&w, h, symo_group_find("orthogonal"), k);
      symo_closed_space spaces[] = {{"h", h * k, group, NULL},
                                    {"i", 5, symo_group_find("identity"), NULL}};
      symo_closed_check_samples(&w, 2, spaces, "h hi ih i");
      symo_closed_check_custom(&w, 2, spaces, "h hi ih i");
      symo_closed_build(&w, 2, spaces, "h hi ih i");
      symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
      cr_assert_eq(symo_plan_num_labels(plan), 2);
      symo_label_info l = symo_plan_label(plan, 1);
      cr_assert_str_eq(l.name, "h:each-vector");
      cr_assert(l.views && l.dim == h * k && l.multiplicity == 11);
      symo_plan_destroy(plan);
      if (h * k <= 4) symo_closed_check_custom(&w, 2, spaces, "h hh");
      symo_group_destroy(group);
    }
  symo_world_close(&w);
}

/* O(k) wr S_h: every pair of rows has the mean product times the identity. */
Test(wreath, the_average_over_heads_of_orthogonal_groups) {
  symo_world w;
  symo_world_open(&w, 329);
  symo_world_parse(&w, "h: wreath(4, orthogonal 6); q[h]");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  double *found = symo_world_dense(&w, &how, &g, NULL), sum = 0, worst = 0;
  for (size_t i = 0; i < 24; i++) sum += g.flat[i] * g.flat[i] / 24;
  for (size_t i = 0; i < 24 * 24; i++)
    worst = fmax(worst, fabs(found[i] - (i / 24 == i % 24 ? sum : 0)));
  cr_assert(worst <= 1e-14, "%g", worst);
  free(found);
  symo_test_batch_free(&g);
  symo_world_close(&w);
}

/* ---- refusals ---- */

static void refuse(symo_world *w, symo_status status, const char *text, size_t copies,
                   size_t num_parts, const symo_group *k, size_t part_dim, size_t dim) {
  symo_group_spec spec = symo_group_spec_default("wreath");
  symo_group_part part[2] = {{k, part_dim}, {k, part_dim}};
  symo_group *out = NULL;
  spec.copies = copies;
  spec.num_parts = num_parts;
  spec.parts = part;
  spec.dim = dim;
  cr_fails(w->context, status, text, symo_group_create(w->context, &spec, &out));
  cr_assert_null(out);
}

Test(wreath, refusals) {
  symo_world w;
  symo_world_open(&w, 330);
  const symo_group *s = symo_group_find("permutation");
  refuse(&w, SYMO_E_ARGUMENT, "0 copies", 0, 1, s, 3, 0);
  refuse(&w, SYMO_E_ARGUMENT, "0 groups", 2, 0, s, 3, 0);
  refuse(&w, SYMO_E_ARGUMENT, "2 groups", 2, 2, s, 3, 0);
  refuse(&w, SYMO_E_ARGUMENT, "give one", 2, 1, NULL, 3, 0);
  refuse(&w, SYMO_E_NAME, "has parameters", 2, 1, symo_group_find("custom"), 3, 0);
  refuse(&w, SYMO_E_SHAPE, "on dimension 0", 2, 1, s, 0, 0);
  refuse(&w, SYMO_E_SHAPE, "make 6", 2, 1, s, 3, 7);
  refuse(&w, SYMO_E_SIZE, "2147483647", 1 << 20, 1, s, 1 << 20, 0);
  symo_group *inner = wreath(&w, 2, s, 3);
  refuse(&w, SYMO_E_SHAPE, "acts on 6", 2, 1, inner, 5, 0);
  symo_group_destroy(inner);
  symo_group_spec spec = symo_group_spec_default("scaling");
  symo_group *scaling;
  cr_ok(w.context, symo_group_create(w.context, &spec, &scaling));
  refuse(&w, SYMO_E_UNSUPPORTED, "orthogonal matrices", 2, 1, scaling, 3, 0);
  symo_group_destroy(scaling);
  symo_group_spec empty = symo_group_spec_default("wreath");
  empty.copies = 2;
  empty.num_parts = 1;
  cr_fails(w.context, SYMO_E_ARGUMENT, "0 groups", symo_group_create(w.context, &empty, &scaling));
  symo_world_close(&w);
}

Test(wreath, refuses_to_nest_too_deeply) {
  symo_world w;
  symo_world_open(&w, 331);
  symo_group *g = NULL;
  size_t dim = 2;
  for (int depth = 1; depth < SYMO_MAX_FRAME; depth++) {
    symo_group *outer = wreath(&w, 2, depth == 1 ? symo_group_find("orthogonal") : g, dim);
    symo_group_destroy(g);
    g = outer;
    dim *= 2;
  }
  symo_closed_space spaces[] = {{"h", dim, g, NULL}, {"i", 3, symo_group_find("identity"), NULL}};
  symo_closed_check_samples(&w, 2, spaces, "h ih");
  refuse(&w, SYMO_E_UNSUPPORTED, "less deeply", 2, 1, g, dim, 0);
  symo_group_destroy(g);
  symo_world_close(&w);
}

typedef struct making {
  symo_world *w;
  const symo_group *k;
} making;

static symo_status make_one(void *self) {
  making *m = self;
  symo_group_spec spec = symo_group_spec_default("wreath");
  symo_group_part part = {m->k, 3};
  symo_group *out;
  spec.copies = 2;
  spec.num_parts = 1;
  spec.parts = &part;
  symo_status status = symo_group_create(m->w->context, &spec, &out);
  if (status != SYMO_OK) return status;
  symo_generators *generators;
  status = symo_group_generators(m->w->context, out, 6, &generators);
  if (status == SYMO_OK) symo_free(generators);
  symo_group_destroy(out);
  return status;
}

Test(wreath, failing_allocations) {
  symo_world w;
  symo_world_open(&w, 332);
  making m = {&w, symo_group_find("permutation")};
  cr_assert(symo_test_allocations(make_one, &m) > 5);
  m.k = symo_group_find("dihedral");
  cr_assert(symo_test_allocations(make_one, &m) > 10);
  symo_world_close(&w);
}
