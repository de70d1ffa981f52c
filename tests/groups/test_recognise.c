/* Orbits of index tuples by stabilisers, and groups that are known by their number. */
#include <stdlib.h>
#include <string.h>

#include "groups/group.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/orbits.h"
#include "tests/support/generated.h"

static void add_images(generator_set *set, const size_t *image) {
  cr_ok(set->context, symo_generator_set_add_monomial(set, image, NULL));
}

static void add_three_cycle(generator_set *set, size_t a, size_t b, size_t c) {
  size_t image[64];
  for (size_t i = 0; i < set->dim; i++) image[i] = i == a ? b : i == b ? c : i == c ? a : i;
  add_images(set, image);
}

/* The alternating group on d points. */
static generator_set *alternating(const gens_world *w, size_t d) {
  generator_set *set = gens_new(w, d);
  for (size_t k = 2; k < d; k++) add_three_cycle(set, 0, 1, k);
  return set;
}

static generator_set *symmetric(const gens_world *w, size_t d) {
  generator_set *set = gens_new(w, d);
  gens_add_cycle(set);
  gens_add_swap(set, 0, 1);
  return set;
}

static void check_counts(const generator_set *set, const size_t wanted[4]) {
  size_t counts[SYMO_TUPLES + 1];
  bool counted;
  cr_ok(set->context, symo_tuple_orbits(set, SYMO_TUPLES, &counted, counts));
  cr_assert(counted);
  for (size_t k = 0; k < 4; k++)
    cr_assert_eq(counts[k + 1], wanted[k], "%zu-tuples: %zu orbits, not %zu", k + 1, counts[k + 1],
                 wanted[k]);
}

Test(orbits, check_values) {
  static const size_t s7[] = {1, 2, 5, 15}, c9[] = {1, 9, 81, 729}, b6[] = {0, 1, 0, 4};
  static const size_t a5[] = {1, 2, 5, 16}, two[] = {2, 6, 22, 94};
  gens_world w = gens_begin(360);
  generator_set *set = symmetric(&w, 7);
  check_counts(set, s7);
  symo_generator_set_destroy(set);
  set = gens_new(&w, 9);
  gens_add_cycle(set);
  check_counts(set, c9);
  symo_generator_set_destroy(set);
  set = symmetric(&w, 6);
  gens_add_flip(set, 2);
  check_counts(set, b6);
  symo_generator_set_destroy(set);
  set = alternating(&w, 5);
  check_counts(set, a5);
  symo_generator_set_destroy(set);
  set = gens_new(&w, 8); /* S_4 x S_4 */
  for (size_t k = 0; k < 7; k++)
    if (k != 3) gens_add_swap(set, k, k + 1);
  check_counts(set, two);
  symo_generator_set_destroy(set);
  gens_end(&w);
}

/* Random signed permutations: as many orbits as a search through all tuples finds. */
Test(orbits, random_groups_as_by_search) {
  gens_world w = gens_begin(361);
  for (size_t trial = 0; trial < 60; trial++) {
    size_t d = 2 + trial % 5, num = 1 + trial % 3, counts[SYMO_TUPLES + 1];
    bool counted;
    generator_set *set = gens_new(&w, d);
    for (size_t k = 0; k < num; k++) {
      size_t image[8];
      signed char sign[8];
      for (size_t i = 0; i < d; i++) image[i] = i;
      for (size_t i = d; trial % 4 != 0 && i > 1; i--) {
        size_t j = (size_t)symo_rng_below(w.rng, i), old = image[j];
        image[j] = image[i - 1];
        image[i - 1] = old;
      }
      for (size_t i = 0; i < d; i++)
        sign[i] = trial % 2 == 1 && symo_rng_below(w.rng, 2) == 1 ? -1 : 1;
      cr_ok(w.context, symo_generator_set_add_monomial(set, image, sign));
    }
    cr_ok(w.context, symo_tuple_orbits(set, SYMO_TUPLES, &counted, counts));
    cr_assert(counted);
    double *room = malloc(sizeof *room * 1296);
    for (unsigned p = 1; p <= 2; p++)
      for (unsigned q = p; q <= 2; q++) {
        size_t dimension;
        cr_ok(w.context, symo_commutant_draw(set, p, q, w.rng, 1, &room, &dimension));
        cr_assert_eq(counts[p + q], dimension, "trial %zu: %zu orbits of %u-tuples, not %zu", trial,
                     counts[p + q], p + q, dimension);
      }
    free(room);
    symo_generator_set_destroy(set);
  }
  gens_end(&w);
}

static void check_row(generator_set *set, const char *wanted) {
  const symo_group *row;
  cr_ok(set->context, symo_group_recognise(set, 1U << 1 | 1U << 2, &row));
  if (wanted == NULL)
    cr_assert_null(row, "taken for %s", row == NULL ? "" : row->name);
  else
    cr_assert(row == symo_group_find(wanted), "not taken for %s", wanted);
  symo_generator_set_destroy(set);
}

Test(recognise, groups_with_the_commutant_of_a_row) {
  gens_world w = gens_begin(362);
  check_row(symmetric(&w, 12), "permutation");
  check_row(alternating(&w, 9), "permutation");
  check_row(alternating(&w, 5), NULL); /* two orbits on four different points */
  /* The Mathieu group M_11 moves four of eleven points freely and is no S_11. */
  static const size_t mathieu[2][11] = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0},
                                        {0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7}};
  generator_set *set = gens_new(&w, 11);
  for (size_t k = 0; k < 2; k++) add_images(set, mathieu[k]);
  check_row(set, "permutation");
  set = gens_new(&w, 12);
  gens_add_cycle(set);
  check_row(set, NULL);
  set = symmetric(&w, 10);
  gens_add_flip(set, 3);
  check_row(set, "signed-permutation");
  set = gens_new(&w, 10); /* even numbers of signs */
  for (size_t k = 0; k < 9; k++) {
    size_t image[10];
    signed char sign[10];
    for (size_t i = 0; i < 10; i++) {
      image[i] = i;
      sign[i] = i == k || i == k + 1 ? -1 : 1;
    }
    cr_ok(w.context, symo_generator_set_add_monomial(set, image, sign));
  }
  check_row(set, "sign-flip");
  set = gens_new(&w, 10); /* one coordinate is left alone */
  for (size_t k = 0; k < 9; k++) gens_add_flip(set, k);
  check_row(set, NULL);
  set = gens_new(&w, 7);
  for (size_t k = 0; k < 6; k++) gens_add_plane(set, k, k + 1, 1 + (double)k);
  check_row(set, "orthogonal");
  set = gens_new(&w, 7); /* whichever way they turn */
  for (size_t k = 0; k < 6; k++) gens_add_plane(set, k, k + 1, k % 2 ? -1 : -0.5);
  check_row(set, "orthogonal");
  /* SU(3) on C^3 = R^6 by z_i, z_j -> i z_j, i z_i, and back: two planes turn at once, one each way, and
   * multiplication by i commutes with all. */
  set = gens_new(&w, 6);
  for (size_t j = 1; j < 3; j++)
    for (size_t i = 0; i < j; i++)
      for (int way = -1; way <= 1; way += 2) {
        const size_t x = 2 * i, y = x + 1, u = 2 * j, v = u + 1;
        double a[6 * 6] = {0};
        a[x * 6 + v] = a[u * 6 + y] = -way;
        a[v * 6 + x] = a[y * 6 + u] = way;
        cr_ok(w.context, symo_generator_set_add_lie(set, a));
      }
  check_row(set, NULL);
  set = gens_new(&w, 7);
  for (size_t k = 0; k < 6; k++)
    if (k != 2) gens_add_plane(set, k, k + 1, 1);
  check_row(set, NULL);
  set = gens_new(&w, 4); /* SO(4) has one invariant more */
  for (size_t k = 0; k < 3; k++) gens_add_plane(set, k, k + 1, 1);
  check_row(set, NULL);
  check_row(gens_new(&w, 6), NULL);
  gens_end(&w);
}

/* Closed forms stand in, and the plan says so. */
Test(recognise, plans_say_so) {
  enum { D = 40 };
  symo_context *context = symo_test_context();
  size_t images[2 * D];
  for (size_t i = 0; i < D; i++) {
    images[i] = (i + 1) % D;
    images[D + i] = i < 2 ? 1 - i : i;
  }
  symo_group_spec spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){.dim = D, .num_permutations = 2, .permutations = images};
  symo_group *group;
  symo_layout *layout;
  symo_plan *plan;
  const char *axes[] = {"h", "h"};
  cr_ok(context, symo_group_create(context, &spec, &group));
  cr_ok(context, symo_layout_create(context, &layout));
  cr_ok(context, symo_layout_add_space(layout, "h", D, group));
  cr_ok(context, symo_layout_add_tensor(layout, "w", 2, axes));
  cr_ok(context, symo_layout_add_tensor(layout, "b", 1, axes));
  cr_ok(context, symo_plan_create(layout, NULL, &plan));
  symo_space_info info = symo_plan_space(plan, 0);
  cr_assert(!info.numeric && info.recognised != NULL);
  cr_assert_str_eq(info.recognised, "permutation");
  char *text;
  cr_ok(context, symo_plan_describe(plan, &text));
  cr_assert_not_null(strstr(text, "space h: custom recognised as permutation"));
  symo_free(text);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_group_destroy(group);
  symo_context_destroy(context);
  cr_no_leaks();
}
