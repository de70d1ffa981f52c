/* Groups given by generators: against the closed forms of the same groups, and against brute force
 * for types, products and Lie groups that have none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/instance.h"
#include "groups/numeric/isotypic.h"
#include "tests/support/claim.h"
#include "tests/support/world.h"

static const char *const estimators[] = {"covariance", "h-g", "h-g-bd", "h-pd", "h-star"};
enum { ESTIMATORS = 5 };

static symo_group *make(symo_context *context, const symo_group_spec *spec) {
  symo_group *out;
  cr_ok(context, symo_group_create(context, spec, &out));
  return out;
}

/* The same group as what its generators generate. */
static symo_group *customise(symo_context *context, const symo_group *group, size_t dim) {
  symo_generators *generators;
  symo_group_spec spec = symo_group_spec_default("custom");
  cr_ok(context, symo_group_generators(context, group, dim, &generators));
  spec.generators = *generators;
  symo_group *out = make(context, &spec);
  symo_free(generators);
  return out;
}

static void build(symo_world *w, const symo_group *group, size_t dim, const char *tensors) {
  w->layout = symo_test_letters(w->context, group, dim, tensors);
  w->n = symo_layout_num_parameters(w->layout);
}

static double *estimate(symo_world *w, const char *estimator, symo_dtype dtype,
                        const symo_test_batch *g, const symo_test_batch *p) {
  symo_test_case how = {estimator, dtype, false, false, 0.01};
  bool params = symo_estimator_needs_parameters(symo_estimator_find(estimator));
  if (!params) how.damping = 0;
  return symo_world_dense(w, &how, g, params ? p : NULL);
}

/* ---- against the closed forms ---- */

static void compare_with_custom(symo_world *w, const symo_group *group, size_t d,
                                const char *tensors) {
  symo_group *custom = customise(w->context, group, d);
  build(w, group, d, tensors);
  symo_layout *closed = w->layout;
  symo_test_batch g = symo_test_batch_make(closed, SYMO_F64, w->rng, 2);
  symo_test_batch p = symo_test_batch_make(closed, SYMO_F64, w->rng, 2);
  double *wanted[ESTIMATORS];
  for (int e = 0; e < ESTIMATORS; e++) wanted[e] = estimate(w, estimators[e], SYMO_F64, &g, &p);
  build(w, custom, d, tensors);
  for (int e = 0; e < ESTIMATORS; e++) {
    double *found = estimate(w, estimators[e], SYMO_F64, &g, &p);
    double defect = symo_test_rel(found, wanted[e], w->n * w->n);
    cr_assert(defect <= 1e-9, "%s on %zu, %s: %s differs by %g", symo_group_name(group), d, tensors,
              estimators[e], defect);
    free(found);
    free(wanted[e]);
  }
  symo_world_drop(w);
  symo_test_batch_free(&g);
  symo_test_batch_free(&p);
  symo_layout_destroy(closed);
  symo_group_destroy(custom);
}

Test(custom, generators_of_every_row_give_its_estimates) {
  symo_world w;
  symo_world_open(&w, 301);
  for (size_t k = 0; k < symo_group_count(); k++) {
    const symo_group *group = symo_group_at(k);
    if (symo_group_has_parameters(group)) continue;
    for (size_t d = 1; d <= 5; d++) {
      compare_with_custom(&w, group, d, "hi h ih i");
      compare_with_custom(&w, group, d, "hh h hk k");
      if (d <= 4) compare_with_custom(&w, group, d, "hih kh h");
    }
  }
  symo_world_close(&w);
}

/* ---- against brute force ---- */

/* Every estimator that is a function of the averages: the covariance is the brute-force average,
 * the Reynolds average too; matrices commute with the group; square and inverse square root undo
 * each other; the diagonal is that of the dense matrix. */
static void check_against(symo_world *w, const symo_claim *claim, const symo_group *group,
                          const char *tensors, double tolerance) {
  build(w, group, claim->dim, tensors);
  size_t n = w->n;
  symo_test_batch g = symo_test_batch_make(w->layout, SYMO_F64, w->rng, 2);
  double *gg = symo_dense_outer(n, 2, g.flat, g.flat);
  /* The other spaces: k is permuted; that average commutes with this one. */
  symo_test_case how = {"covariance", SYMO_F64, false, false, 0};
  size_t num;
  double *generators = symo_claim_generators(w->context, symo_group_find("permutation"), 3, &num);
  symo_claim permutations = symo_claim_closure(3, num, generators);
  double *half = symo_claim_average(claim, w->layout, 0, gg);
  double *wanted = symo_claim_average(&permutations, w->layout, 2, half);
  double *found = symo_world_dense(w, &how, &g, NULL);
  double defect = symo_test_rel(found, wanted, n * n);
  cr_assert(defect <= tolerance, "covariance, %s: off by %g", tensors, defect);
  free(found);
  symo_plan *plan = symo_world_plan(w, SYMO_F64, SYMO_COUPLED, false);
  symo_hessian *average, *shifted, *root, *one;
  cr_ok(w->context, symo_reynolds(plan, gg, &average));
  found = symo_dense_of(average);
  defect = symo_test_rel(found, wanted, n * n);
  cr_assert(defect <= tolerance, "reynolds, %s: off by %g", tensors, defect);
  free(found);
  cr_ok(w->context, symo_hessian_identity(plan, 1, &one));
  cr_ok(w->context, symo_hessian_add(1, average, 1, one, &shifted));
  cr_ok(w->context, symo_hessian_power(shifted, -0.5, 0, &root));
  for (size_t i = 0; i < n; i++) wanted[i * n + i] += 1;
  double *inverse = symo_dense_power(n, wanted, -0.5, 1e-13);
  found = symo_dense_of(root);
  cr_assert(symo_test_rel(found, inverse, n * n) <= tolerance, "inverse root, %s", tensors);
  symo_test_vector diagonal = symo_test_vector_make(w->layout, SYMO_F64, NULL);
  cr_ok(w->context, symo_hessian_diagonal(root, symo_test_out(&diagonal)));
  symo_test_vector_get(&diagonal, gg);
  for (size_t i = 0; i < n; i++)
    cr_assert(fabs(gg[i] - found[i * n + i]) <= 1e-10, "diagonal, %s: %g, %g", tensors, gg[i],
              found[i * n + i]);
  symo_test_vector_free(&diagonal);
  symo_hessian_destroy(average);
  symo_hessian_destroy(shifted);
  symo_hessian_destroy(root);
  symo_hessian_destroy(one);
  symo_plan_destroy(plan);
  free(found);
  free(inverse);
  free(wanted);
  free(half);
  free(gg);
  free(generators);
  symo_claim_free(&permutations);
  symo_test_batch_free(&g);
  symo_world_drop(w);
}

/* A group of finite generators by its spec. */
static void check_finite(symo_world *w, const symo_group *group, size_t dim, size_t order,
                         const char *tensors) {
  size_t num, found;
  double *generators = symo_claim_generators(w->context, group, dim, &num);
  symo_claim claim = symo_claim_closure(dim, num, generators);
  cr_assert_eq(claim.count, order, "%s: %zu elements", symo_group_name(group), claim.count);
  cr_ok(w->context, symo_group_order(w->context, group, dim, order, &found));
  cr_assert_eq(found, order);
  if (order > 1)
    cr_fails(w->context, SYMO_E_SIZE, "more than",
             symo_group_order(w->context, group, dim, order - 1, &found));
  check_against(w, &claim, group, tensors, 1e-11);
  symo_claim_free(&claim);
  free(generators);
}

/* Left multiplication by i and j on R^4 = H, and on two copies. */
static void quaternions(size_t copies, double *out) {
  static const int from[2][4] = {{1, 0, 3, 2}, {2, 3, 0, 1}};
  static const double sign[2][4] = {{-1, 1, -1, 1}, {-1, 1, 1, -1}};
  size_t d = 4 * copies;
  memset(out, 0, 2 * d * d * sizeof *out);
  for (size_t g = 0; g < 2; g++)
    for (size_t i = 0; i < d; i++)
      out[(g * d + i) * d + i / 4 * 4 + (size_t)from[g][i % 4]] = sign[g][i % 4];
}

static symo_group *of_matrices(symo_context *context, size_t dim, size_t num, const double *m,
                               size_t num_lie, const double *lie) {
  symo_group_spec spec = symo_group_spec_default("custom");
  spec.generators = (symo_generators){
      .dim = dim, .num_matrices = num, .matrices = m, .num_lie = num_lie, .lie = lie};
  return make(context, &spec);
}

Test(custom, quaternionic_type_on_one_and_two_copies) {
  symo_world w;
  symo_world_open(&w, 302);
  for (size_t copies = 1; copies <= 2; copies++) {
    double q[2 * 64];
    quaternions(copies, q);
    symo_group *group = of_matrices(w.context, 4 * copies, 2, q, 0, NULL);
    check_finite(&w, group, 4 * copies, 8, copies == 1 ? "h hi hk" : "h hi");
    if (copies == 1) check_finite(&w, group, 4, 8, "hh h i");
    build(&w, group, 4 * copies, "h");
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    cr_assert_eq(symo_plan_num_labels(plan), 1);
    symo_label_info label = symo_plan_label(plan, 0);
    cr_assert(label.type == 4 && label.dim == 1 && label.multiplicity == 4 * copies);
    /* Hermitian matrices over H: copies diagonal numbers, four for every pair. */
    double stored = (double)copies + 4 * (double)(copies * (copies - 1)) / 2;
    cr_assert(symo_plan_cost_of(plan).stored_numbers == stored);
    cr_assert_eq(symo_plan_space(plan, 0).elements, 8, "the elements are counted as a check");
    /* A symmetric M that is no Hermitian matrix over H does not commute with the group. */
    symo_hessian *h;
    double m[64] = {0};
    const void *blocks[] = {m};
    for (size_t i = 0; i < 4 * copies; i++) m[i * 4 * copies + i] = i < 2 ? 1 : 2;
    cr_fails(w.context, SYMO_E_ARGUMENT, "Hermitian", symo_hessian_from_blocks(plan, blocks, &h));
    for (size_t i = 0; i < 4 * copies; i++) m[i * 4 * copies + i] = i < 4 ? 1 : 2;
    cr_ok(w.context, symo_hessian_from_blocks(plan, blocks, &h));
    symo_hessian_destroy(h);
    symo_plan_destroy(plan);
    symo_world_drop(&w);
    symo_group_destroy(group);
  }
  symo_world_close(&w);
}

/* The check is one: with another number of irreps it fails. */
Test(custom, a_decomposition_that_the_elements_contradict) {
  symo_context *context = symo_test_context();
  static const size_t shift[] = {1, 2, 3, 4, 0};
  generator_set *set;
  isotypic *iso;
  cr_ok(context, symo_generator_set_create(context, 5, &set));
  cr_ok(context, symo_generator_set_add_monomial(set, shift, NULL));
  cr_ok(context, symo_isotypic_create(set, 2, 1, &iso));
  cr_assert(iso->commutant == 5 && iso->elements == 5);
  iso->commutant = 4;
  cr_fails(context, SYMO_E_NUMERIC, "the 5 elements of the group give 5",
           symo_isotypic_check_closure(set, iso));
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(custom, complex_type_with_multiplicity) {
  symo_world w;
  symo_world_open(&w, 303);
  for (size_t d = 3; d <= 6; d++) {
    size_t image[6];
    symo_group_spec spec = symo_group_spec_default("custom");
    for (size_t i = 0; i < d; i++) image[i] = (i + 1) % d;
    spec.generators = (symo_generators){.dim = d, .num_permutations = 1, .permutations = image};
    symo_group *group = make(w.context, &spec);
    check_finite(&w, group, d, d, "h hi hk i");
    check_finite(&w, group, d, d, "hh h");
    symo_group_destroy(group);
  }
  symo_world_close(&w);
}

Test(custom, products_sums_and_subgroups) {
  symo_world w;
  symo_world_open(&w, 304);
  const symo_group_part parts[] = {{symo_group_find("permutation"), 3},
                                   {symo_group_find("sign-flip"), 2}};
  symo_group_spec spec = symo_group_spec_default("product");
  spec.num_parts = 2;
  spec.parts = parts;
  symo_group *product = make(w.context, &spec);
  cr_assert_eq(symo_group_dim(product), 6);
  check_finite(&w, product, 6, 24, "h hi hk");
  spec.group = "sum";
  symo_group *sum = make(w.context, &spec);
  cr_assert_eq(symo_group_dim(sum), 5);
  check_finite(&w, sum, 5, 24, "h hi hh");
  /* Of the generators of B_3 (transposition, cycle, flip), the cycle alone. */
  const symo_group_part whole = {symo_group_find("signed-permutation"), 3};
  static const size_t keep[] = {1, 2};
  spec = symo_group_spec_default("restriction");
  spec.num_parts = 1;
  spec.parts = &whole;
  spec.num_keep = 1;
  spec.keep = keep;
  symo_group *cycle = make(w.context, &spec);
  check_finite(&w, cycle, 3, 3, "h hi hh");
  spec.num_keep = 2;
  symo_group *larger = make(w.context, &spec);
  check_finite(&w, larger, 3, 24, "h hi hh");
  symo_group_destroy(product);
  symo_group_destroy(sum);
  symo_group_destroy(cycle);
  symo_group_destroy(larger);
  symo_world_close(&w);
}

/* The numbers that `keep` takes are those of symo_group_generators, signed permutations among the
 * matrices, in whatever order the parts give them. */
Test(custom, subgroups_count_generators_as_they_are_shown) {
  symo_world w;
  symo_world_open(&w, 311);
  const symo_group_part parts[] = {{symo_group_find("sign-flip"), 2},
                                   {symo_group_find("permutation"), 2}};
  symo_group_spec spec = symo_group_spec_default("sum");
  spec.num_parts = 2;
  spec.parts = parts;
  symo_group *sum = make(w.context, &spec);
  const symo_group_part whole = {sum, 4};
  static const size_t first[] = {0};
  spec = symo_group_spec_default("restriction");
  spec.num_parts = spec.num_keep = 1;
  spec.parts = &whole;
  spec.keep = first;
  symo_group *kept = make(w.context, &spec);
  symo_generators *g;
  cr_ok(w.context, symo_group_generators(w.context, kept, 4, &g));
  cr_assert(g->num_permutations == 1 && g->num_matrices == 0, "the swap comes first");
  symo_free(g);
  symo_group_destroy(kept);
  symo_group_destroy(sum);
  symo_world_close(&w);
}

Test(custom, rotations_of_the_plane_and_of_space) {
  static const double plane[] = {0, -1, 1, 0};
  static const double space[] = {0, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, 0, 1, 0};
  symo_world w;
  symo_world_open(&w, 305);
  symo_group *so2 = of_matrices(w.context, 2, 0, NULL, 1, plane);
  symo_claim circle = symo_claim_circle(12);
  check_against(&w, &circle, so2, "h hi hk i", 1e-11);
  check_against(&w, &circle, so2, "hh h", 1e-11);
  check_against(&w, &circle, so2, "hhh h", 1e-11);
  size_t count;
  cr_fails(w.context, SYMO_E_SIZE, "Lie", symo_group_order(w.context, so2, 2, 1000, &count));
  symo_group *so3 = of_matrices(w.context, 3, 0, NULL, 2, space);
  symo_claim rotations = symo_claim_rotations();
  check_against(&w, &rotations, so3, "h hi hk", 1e-11);
  check_against(&w, &rotations, so3, "hh h", 1e-11);
  symo_claim_free(&circle);
  symo_claim_free(&rotations);
  symo_group_destroy(so2);
  symo_group_destroy(so3);
  symo_world_close(&w);
}

/* An orthogonal matrix of irrational angle generates a dense subgroup of SO(2): the closed group is
 * what is meant. */
Test(custom, an_irrational_rotation_is_the_whole_circle) {
  static const double q[] = {0.8, -0.6, 0.6, 0.8};
  symo_world w;
  symo_world_open(&w, 306);
  symo_group *group = of_matrices(w.context, 2, 1, q, 0, NULL);
  symo_claim circle = symo_claim_circle(12);
  size_t count;
  check_against(&w, &circle, group, "hh h hi", 1e-10);
  cr_fails(w.context, SYMO_E_SIZE, "1000", symo_group_order(w.context, group, 2, 1000, &count));
  symo_claim_free(&circle);
  symo_group_destroy(group);
  symo_world_close(&w);
}

Test(custom, a_rotation_by_a_tiny_angle_is_no_identity) {
  const double q[] = {cos(1e-6), -sin(1e-6), sin(1e-6), cos(1e-6)};
  symo_world w;
  symo_world_open(&w, 313);
  symo_group *group = of_matrices(w.context, 2, 1, q, 0, NULL);
  build(&w, group, 2, "hh h");
  symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
  cr_assert_eq(symo_plan_label(plan, 0).multiplicity, 2, "trace and rotation: it is SO(2)");
  symo_plan_destroy(plan);
  symo_world_drop(&w);
  symo_group_destroy(group);
  symo_world_close(&w);
}

/* ---- one space on three and four axes ---- */

Test(custom, three_and_four_axes_of_the_groups_with_closed_forms) {
  static const struct {
    const char *group, *tensors;
    size_t d, order;
  } cases[] = {{"permutation", "hhh h hi", 3, 6},  {"permutation", "hihh hh h", 2, 2},
               {"permutation", "hhhh h", 2, 2},    {"signed-permutation", "hhh h hh", 2, 8},
               {"sign-flip", "hhh h hi", 3, 8},    {"sign-flip", "hhhh h", 2, 4},
               {"permutation", "hhhh h hh", 3, 6}, {"signed-permutation", "hhhi h", 3, 48}};
  symo_world w;
  symo_world_open(&w, 307);
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    check_finite(&w, symo_group_find(cases[k].group), cases[k].d, cases[k].order, cases[k].tensors);
  symo_world_close(&w);
}

/* ---- the rest ---- */

Test(custom, float32_and_plans_that_are_the_same) {
  symo_world w;
  symo_world_open(&w, 308);
  double q[2 * 64];
  quaternions(2, q);
  symo_group *group = of_matrices(w.context, 8, 2, q, 0, NULL);
  build(&w, group, 8, "h hi hk ih");
  symo_test_batch g = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 1);
  symo_test_batch narrow = symo_test_batch_make(w.layout, SYMO_F32, w.rng, 1);
  memcpy(narrow.flat, g.flat, g.n * sizeof *g.flat);
  symo_test_vector_set(&narrow.vectors[0], g.flat);
  for (int e = 0; e < 3; e++) {
    double *wide = estimate(&w, estimators[e], SYMO_F64, &g, NULL);
    double *again = estimate(&w, estimators[e], SYMO_F64, &g, NULL);
    double *small = estimate(&w, estimators[e], SYMO_F32, &narrow, NULL);
    cr_assert(memcmp(wide, again, w.n * w.n * sizeof *wide) == 0, "not the same bits");
    double defect = symo_test_rel(small, wide, w.n * w.n);
    cr_assert(defect <= (e == 0 ? 1e-5 : 2e-3), "%s: float32 is off by %g", estimators[e], defect);
    free(wide);
    free(again);
    free(small);
  }
  symo_test_batch_free(&g);
  symo_test_batch_free(&narrow);
  symo_world_drop(&w);
  symo_group_destroy(group);
  symo_world_close(&w);
}

Test(custom, a_space_that_no_tensor_uses_is_no_matter) {
  symo_world w;
  symo_world_open(&w, 312);
  symo_world_parse(&w, "s: product(cyclic 2, cyclic 2); d: dihedral 4; h: permutation 2; w[h]");
  symo_plan_destroy(symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false));
  symo_world_close(&w);
}

Test(custom, too_many_points_are_refused_with_the_numbers) {
  symo_world w;
  symo_world_open(&w, 309);
  symo_world_parse(&w, "h: permutation 17; t[h,h,h]");
  symo_plan *plan;
  cr_fails(w.context, SYMO_E_SIZE, "4096", symo_plan_create(w.layout, NULL, &plan));
  cr_assert(strstr(symo_context_detail(w.context), "space h") != NULL);
  symo_world_close(&w);
}

static symo_status make_a_plan(void *self) {
  symo_world *w = self;
  symo_plan *plan = NULL;
  double q[2 * 16];
  symo_group *group = NULL;
  symo_layout *layout = NULL;
  const char *axes[] = {"h", "h"};
  symo_group_spec spec = symo_group_spec_default("custom");
  quaternions(1, q);
  spec.generators = (symo_generators){.dim = 4, .num_matrices = 2, .matrices = q};
  symo_status status = symo_group_create(w->context, &spec, &group);
  if (status == SYMO_OK) status = symo_layout_create(w->context, &layout);
  if (status == SYMO_OK) status = symo_layout_add_space(layout, "h", 4, group);
  if (status == SYMO_OK) status = symo_layout_add_tensor(layout, "w", 2, axes);
  if (status == SYMO_OK) status = symo_layout_add_tensor(layout, "b", 1, axes);
  if (status == SYMO_OK) status = symo_plan_create(layout, NULL, &plan);
  symo_plan_destroy(plan);
  symo_layout_destroy(layout);
  symo_group_destroy(group);
  return status;
}

Test(custom, every_allocation_may_fail) {
  symo_world w;
  symo_world_open(&w, 310);
  cr_assert(symo_test_allocations(make_a_plan, &w) > 10);
  symo_world_close(&w);
}
