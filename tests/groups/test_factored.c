/* Two axes of a group given by generators, by way of the irreps on one: against decompositions with
 * matrices, which other tests hold against brute force, and against brute force at sizes that have
 * no matrices. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/numeric/blocks.h"
#include "groups/numeric/commutant.h"
#include "groups/numeric/factored.h"
#include "groups/numeric/numeric.h"
#include "tests/support/generated.h"
#include "tests/support/world.h"

static const char *const estimators[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
enum { ESTIMATORS = 5, BOTH = 1 << 1 | 1 << 2 };

enum { MATRICES, FACTORS, BLOCKS, FORMS };

/* The group that plans work with; NULL if it is not made of blocks. */
static symo_group *form_of(const generator_set *set, unsigned orders, int form) {
  const symo_group *like = symo_group_find("dihedral");
  group_instance *made;
  if (form != MATRICES) {
    group_transform *transform = NULL;
    cr_ok(set->context, form == FACTORS ? symo_factored_create(set, orders, INFINITY, 1, &transform)
                                        : symo_blocks_create(set, orders, &transform));
    if (transform == NULL) return NULL;
    cr_ok(set->context, symo_transform_group(set->context, like, transform, &made));
  } else {
    isotypic *iso;
    cr_ok(set->context, symo_isotypic_create(set, orders, 1, &iso));
    cr_ok(set->context, symo_numeric_create(set->context, like, iso, &made));
  }
  return &made->group;
}

static double *dense(symo_world *w, const char *estimator, symo_dtype dtype,
                     const symo_test_batch *g, const symo_test_batch *p) {
  bool params = symo_estimator_needs_parameters(symo_estimator_find(estimator));
  symo_test_case how = {estimator, dtype, false, false, params ? 0.01 : 0};
  return symo_world_dense(w, &how, g, params ? p : NULL);
}

/* All estimators by factors and, if it is made of them, by blocks, against those by matrices. */
static bool compare(const gens_world *world, const generator_set *set, const char *what,
                    const char *tensors, unsigned orders) {
  symo_world w = {.context = world->context, .rng = world->rng};
  symo_group *forms[FORMS];
  double *wanted[ESTIMATORS];
  symo_test_batch g = {0}, p = {0};
  symo_layout *first = NULL; /* which the vectors refer to */
  for (int form = MATRICES; form < FORMS; form++) {
    forms[form] = form_of(set, orders, form);
    if (forms[form] == NULL) continue;
    w.layout = symo_test_letters(w.context, forms[form], set->dim, tensors);
    w.n = symo_layout_num_parameters(w.layout);
    if (form == MATRICES) {
      first = w.layout;
      g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
      p = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 2);
    }
    for (int e = 0; e < ESTIMATORS; e++) {
      double *found = dense(&w, estimators[e], SYMO_F64, &g, &p);
      if (form == MATRICES) wanted[e] = found;
      double defect = symo_test_rel(found, wanted[e], w.n * w.n);
      cr_assert(defect <= 1e-9, "%s, %s, form %d: %s differs by %g", what, tensors, form,
                estimators[e], defect);
      if (form != MATRICES) free(found);
    }
    if (form != MATRICES) symo_layout_destroy(w.layout);
  }
  size_t by_matrices = symo_group_info(forms[MATRICES]).commutant;
  size_t by_factors = symo_group_info(forms[FACTORS]).commutant;
  cr_assert_eq(by_factors, by_matrices, "%s: commutant of %zu dimensions, not %zu", what,
               by_factors, by_matrices);
  bool blocks = forms[BLOCKS] != NULL;
  for (int e = 0; e < ESTIMATORS; e++) free(wanted[e]);
  symo_test_batch_free(&g);
  symo_test_batch_free(&p);
  symo_layout_destroy(first);
  for (int form = 0; form < FORMS; form++) symo_group_destroy(forms[form]);
  return blocks;
}

Test(factored, finite_groups_as_by_matrices) {
  gens_world w = gens_begin(351);
  for (int which = 0; which < GENS_FINITE; which++) {
    generator_set *set = gens_finite(&w, which);
    char what[32];
    snprintf(what, sizeof what, "group %d", which);
    if (set->dim <= 8) {
      compare(&w, set, what, "hh h hi", BOTH);
      compare(&w, set, what, "hhi hh", 1U << 2); /* no tensor with one axis */
    }
    if (set->dim <= 5) compare(&w, set, what, "hhk h kh", BOTH);
    symo_generator_set_destroy(set);
  }
  gens_end(&w);
}

/* Irreps of all types with several copies in R^d: the quaternion group twice and on one more
 * coordinate; rotations of a plane; two blocks; nothing at all. */
Test(factored, types_copies_and_lie_groups) {
  gens_world w = gens_begin(352);
  generator_set *part = gens_finite(&w, GENS_Q8), *set = gens_new(&w, 9);
  for (size_t copy = 0; copy < 2; copy++)
    cr_ok(w.context, symo_generator_set_embed_sum(set, part, 4 * copy));
  symo_generator_set_destroy(part);
  compare(&w, set, "q8 x q8", "hh h", BOTH);
  symo_generator_set_destroy(set);
  part = gens_finite(&w, GENS_Q8_DENSE);
  set = gens_new(&w, 8);
  cr_ok(w.context, symo_generator_set_embed_product(set, part, 2, 1));
  compare(&w, set, "q8, two copies", "hh h", BOTH);
  symo_generator_set_destroy(part);
  symo_generator_set_destroy(set);
  set = gens_new(&w, 5);
  gens_add_plane(set, 0, 1, 1);
  gens_add_plane(set, 2, 3, 2);
  compare(&w, set, "two circles", "hh hi", BOTH);
  gens_add_swap(set, 0, 4);
  compare(&w, set, "a rotation group", "hh h", BOTH);
  symo_generator_set_destroy(set);
  set = gens_new(&w, 7);
  gens_add_swap(set, 0, 1);
  gens_add_swap(set, 1, 2);
  gens_add_swap(set, 3, 4);
  gens_add_swap(set, 4, 5);
  compare(&w, set, "two blocks and a point", "hh h", BOTH);
  symo_generator_set_destroy(set);
  set = gens_new(&w, 3);
  compare(&w, set, "no generators", "hh h", BOTH);
  symo_generator_set_destroy(set);
  gens_end(&w);
}

/* Blocks of all small sizes, whose points lie among each other, and a smaller group. */
Test(factored, blocks_of_permutations) {
  static const size_t blocks[][4] = {{3, 2, 0, 0}, {4, 1, 1, 0}, {2, 2, 2, 0}, {5, 3, 0, 0},
                                     {1, 6, 0, 0}, {4, 4, 0, 0}, {2, 1, 3, 1}};
  gens_world w = gens_begin(355);
  for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) {
    size_t d = 0, place[8], first = 0;
    for (size_t a = 0; a < 4; a++) d += blocks[k][a];
    for (size_t i = 0; i < d; i++) place[i] = d % 3 == 0 ? i : i * 3 % d;
    generator_set *set = gens_new(&w, d);
    for (size_t a = 0; a < 4; first += blocks[k][a++])
      for (size_t i = 1; i < blocks[k][a]; i++) gens_add_swap(set, place[first], place[first + i]);
    cr_assert(compare(&w, set, "blocks", "hh h hi", BOTH));
    cr_assert(compare(&w, set, "blocks", "hhi", 1U << 2));
    symo_generator_set_destroy(set);
  }
  generator_set *set = gens_new(&w, 6); /* two blocks that move together */
  static const size_t together[2][6] = {{1, 2, 0, 4, 5, 3}, {1, 0, 2, 4, 3, 5}};
  for (size_t k = 0; k < 2; k++)
    cr_ok(w.context, symo_generator_set_add_monomial(set, together[k], NULL));
  cr_assert_not(compare(&w, set, "two blocks together", "hh h", BOTH));
  symo_generator_set_destroy(set);
  gens_end(&w);
}

/* ---- sizes that have no matrices ---- */

/* y = rho(g) x for a permutation of h on tensors hh and h. */
static void permute(size_t d, const size_t *image, const double *x, double *y) {
  for (size_t i = 0; i < d; i++) {
    for (size_t j = 0; j < d; j++) y[image[i] * d + image[j]] = x[i * d + j];
    y[d * d + image[i]] = x[d * d + i];
  }
}

/* The covariance of one gradient is the average of (rho g)(rho g)' over the group: as an operator
 * on a vector, against all 2 d shifts and reversals. */
static void against_elements(symo_dtype dtype, double tolerance) {
  enum { D = 66 };
  symo_world w;
  symo_world_open(&w, 353);
  w.layout = symo_test_letters(w.context, symo_group_find("dihedral"), D, "hh h");
  size_t n = symo_layout_num_parameters(w.layout), image[D];
  symo_test_batch g = symo_test_batch_make(w.layout, dtype, w.rng, 1);
  symo_test_batch v = symo_test_batch_make(w.layout, dtype, w.rng, 1);
  symo_test_vector out = symo_test_vector_make(w.layout, dtype, w.rng);
  symo_test_case how = {"covariance", dtype, false, false, 0};
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(&w, &how, &g, NULL, &plan);
  symo_space_info info = symo_plan_space(plan, 0);
  cr_assert(info.numeric && info.recognised == NULL && info.defect <= 1e-11);
  cr_ok(w.context, symo_hessian_matvec(h, v.in[0], symo_test_out(&out)));
  double *found = malloc(n * sizeof *found), *wanted = calloc(n, sizeof *wanted);
  double *moved = malloc(n * sizeof *moved), *diagonal = calloc(n, sizeof *diagonal);
  symo_test_vector_get(&out, found);
  for (size_t e = 0; e < 2 * D; e++) {
    for (size_t i = 0; i < D; i++) image[i] = ((e < D ? i : D - 1 - i) + e) % D;
    permute(D, image, g.flat, moved);
    double dot = 0;
    for (size_t i = 0; i < n; i++) dot += moved[i] * v.flat[i];
    for (size_t i = 0; i < n; i++) wanted[i] += dot * moved[i] / (2 * D);
    for (size_t i = 0; i < n; i++) diagonal[i] += moved[i] * moved[i] / (2 * D);
  }
  double defect = symo_test_rel(found, wanted, n);
  cr_assert(defect <= tolerance, "off by %g", defect);
  cr_ok(w.context, symo_hessian_diagonal(h, symo_test_out(&out)));
  symo_test_vector_get(&out, found);
  defect = symo_test_rel(found, diagonal, n);
  cr_assert(defect <= tolerance, "diagonal: off by %g", defect);
  free(found);
  free(wanted);
  free(moved);
  free(diagonal);
  symo_test_vector_free(&out);
  symo_test_batch_free(&g);
  symo_test_batch_free(&v);
  symo_hessian_destroy(h);
  symo_plan_destroy(plan);
  symo_world_close(&w);
}

Test(factored, sixty_six_positions_against_all_elements) {
  against_elements(SYMO_F64, 1e-11);
  against_elements(SYMO_F32, 1e-5);
}

Test(factored, what_would_take_too_long_says_how_long) {
  symo_context *context = symo_test_context();
  symo_group_spec spec = symo_group_spec_default("wreath");
  const symo_group_part part = {symo_group_find("permutation"), 8};
  spec.num_parts = 1;
  spec.parts = &part;
  spec.copies = 12;
  symo_group *group;
  symo_plan *plan;
  cr_ok(context, symo_group_create(context, &spec, &group));
  symo_layout *layout = symo_test_letters(context, group, 96, "hh");
  cr_fails(context, SYMO_E_SIZE,
           "R^96 has irreps of dimension up to 84; to split their products on two axes would take",
           symo_plan_create(layout, NULL, &plan));
  symo_layout_destroy(layout);
  symo_group_destroy(group);
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status create_and_drop(void *set) {
  group_transform *transform;
  symo_status status = symo_factored_create(set, BOTH, INFINITY, 1, &transform);
  if (status == SYMO_OK) transform->destroy(transform);
  return status;
}

Test(factored, every_allocation_may_fail) {
  gens_world w = gens_begin(354);
  generator_set *set = gens_finite(&w, GENS_Q8);
  cr_assert(symo_test_allocations(create_and_drop, set) > 20);
  symo_generator_set_destroy(set);
  gens_end(&w);
}
