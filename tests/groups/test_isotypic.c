/* The isotypic decomposition from generators: known multiplicities, and for each that the bases are
 * what the header says, against the group itself (enumerated, or random elements). */
#include <math.h>

#include "core/linalg.h"
#include "groups/numeric/irreps.h"
#include "groups/numeric/isotypic.h"
#include "tests/support/decomposition.h"
#include "tests/support/testing.h"

enum { POWERS = SYMO_MAX_REPEAT + 1 };

typedef struct kind { /* an expected irrep, `times` of them */
  size_t times, n, type, copies[POWERS];
} kind;

static symo_context *context;

static generator_set *set_of(size_t d) {
  generator_set *set = NULL;
  cr_ok(context, symo_generator_set_create(context, d, &set));
  return set;
}

static void add_permutation(generator_set *set, const size_t *image, const signed char *sign) {
  cr_ok(context, symo_generator_set_add_monomial(set, image, sign));
}

static void add_cycle(generator_set *set) {
  size_t image[16];
  for (size_t i = 0; i < set->dim; i++) image[i] = (i + 1) % set->dim;
  add_permutation(set, image, NULL);
}

static void add_swap(generator_set *set) {
  size_t image[16];
  for (size_t i = 0; i < set->dim; i++) image[i] = i < 2 ? 1 - i : i;
  add_permutation(set, image, NULL);
}

static void add_reversal(generator_set *set) {
  size_t image[16];
  for (size_t i = 0; i < set->dim; i++) image[i] = (set->dim - i) % set->dim;
  add_permutation(set, image, NULL);
}

static void add_flip(generator_set *set, size_t which) {
  size_t image[16];
  signed char sign[16];
  for (size_t i = 0; i < set->dim; i++) {
    image[i] = i;
    sign[i] = i == which ? -1 : 1;
  }
  add_permutation(set, image, sign);
}

/* The rotation of axes i and j, as a Lie generator. */
static void add_rotation(generator_set *set, size_t i, size_t j, double size) {
  size_t d = set->dim;
  double a[64] = {0};
  a[i * d + j] = -size;
  a[j * d + i] = size;
  cr_ok(context, symo_generator_set_add_lie(set, a));
}

static generator_set *symmetric(size_t d) {
  generator_set *set = set_of(d);
  add_cycle(set);
  add_swap(set);
  return set;
}

/* Left multiplication by i and j on the quaternions, `copies` times. */
static generator_set *quaternion(size_t copies) {
  static const size_t image[2][4] = {{1, 0, 3, 2}, {2, 3, 0, 1}};
  static const signed char sign[2][4] = {{1, -1, 1, -1}, {1, -1, -1, 1}};
  generator_set *set = set_of(4 * copies);
  for (int k = 0; k < 2; k++) {
    size_t images[16];
    signed char signs[16];
    for (size_t i = 0; i < 4 * copies; i++) {
      images[i] = i / 4 * 4 + image[k][i % 4];
      signs[i] = sign[k][i % 4];
    }
    add_permutation(set, images, signs);
  }
  return set;
}

static generator_set *rotations3(void) {
  generator_set *set = set_of(3);
  add_rotation(set, 0, 1, 1);
  add_rotation(set, 1, 2, 3e5); /* the size of a Lie generator does not count */
  return set;
}

/* The same group seen from a random orthonormal basis: dense generators. */
static generator_set *turned(generator_set *from, double error) {
  size_t d = from->dim;
  generator_set *to = set_of(d);
  symo_rng *rng = symo_test_rng(context, 77);
  double q[256], g[256], t[256], tau[16];
  void *work = symo_malloc(symo_eigh_work(SYMO_F64, d));
  symo_test_randn(rng, q, d * d);
  cr_ok(context, symo_haar_orthogonal(d, q, tau, work, symo_eigh_work(SYMO_F64, d)));
  symo_free(work);
  symo_mat qm = symo_mat_dense(q, d, d), gm = symo_mat_dense(g, d, d), tm = symo_mat_dense(t, d, d);
  for (size_t k = 0; k < from->num_monomial; k++) {
    memset(g, 0, sizeof g);
    for (size_t i = 0; i < d; i++) g[from->image[k * d + i] * d + i] = from->sign[k * d + i];
    symo_gemm(SYMO_F64, 1, qm, gm, 0, tm);
    symo_gemm(SYMO_F64, 1, tm, symo_mat_t(qm), 0, gm);
    for (size_t i = 0; i < d * d; i++) g[i] += error * symo_rng_normal(rng);
    cr_ok(context, symo_generator_set_add_dense(to, g));
  }
  symo_rng_destroy(rng);
  symo_generator_set_destroy(from);
  return to;
}

static bool is_row(const isotypic_irrep *r, const kind *expected) {
  bool same = r->n == expected->n && r->type == expected->type;
  for (unsigned p = 0; p < POWERS; p++) same = same && r->copies[p] == expected->copies[p];
  return same;
}

/* The trivial irrep first, ascending dimensions, and as many of each kind as expected. */
static void check_rows(const isotypic *iso, const kind *expected, size_t num_rows) {
  size_t all = 0, commutant = 0;
  cr_assert(is_row(&iso->irreps[0], &expected[0]), "the trivial irrep: %zu, %zu, %zu copies",
            iso->irreps[0].copies[1], iso->irreps[0].copies[2], iso->irreps[0].copies[3]);
  for (size_t k = 0; k < num_rows; k++) {
    size_t found = 0, copies = 0;
    for (size_t j = 0; j < iso->num_irreps; j++) found += is_row(&iso->irreps[j], &expected[k]);
    cr_assert(found == expected[k].times, "row %zu: %zu of %zu", k, found, expected[k].times);
    for (unsigned p = 1; p < POWERS; p++) copies += expected[k].copies[p];
    commutant += expected[k].times * expected[k].type * copies * copies;
    all += expected[k].times;
  }
  cr_assert(iso->num_irreps == all, "%zu irreps instead of %zu", iso->num_irreps, all);
  cr_assert(iso->commutant == commutant);
  for (size_t k = 2; k < iso->num_irreps; k++) cr_assert(iso->irreps[k].n >= iso->irreps[k - 1].n);
}

/* Everything, for two seeds; takes the set. */
static void check(generator_set *set, unsigned orders, const kind *expected, size_t num_rows) {
  bool finite = set->num_lie == 0;
  for (uint64_t seed = 1; seed <= 2; seed++) {
    isotypic *iso = NULL;
    symo_rng *rng = symo_test_rng(context, 5 + seed);
    cr_ok(context, symo_isotypic_create(set, orders, seed, &iso));
    cr_assert(iso->dim == set->dim && iso->orders == orders);
    cr_assert(iso->defect <= 1e-10, "defect %.1e", iso->defect);
    cr_assert(iso->gap >= 1e-8 && iso->spread <= 1e-10);
    check_rows(iso, expected, num_rows);
    decomposition_check(set, iso, rng, finite);
    symo_rng_destroy(rng);
    symo_isotypic_destroy(iso);
  }
  symo_generator_set_destroy(set);
}

#define CHECK(set, orders, rows) check(set, orders, rows, sizeof rows / sizeof *rows)

static void begin(void) {
  symo_set_threads(1);
  context = symo_test_context();
}

static void end(void) {
  symo_context_destroy(context);
  cr_no_leaks();
}

TestSuite(isotypic, .init = begin);

/* ---- known groups ---- */

Test(isotypic, symmetric_groups) {
  static const kind s4[] = {
      {1, 1, 1, {0, 1, 2}}, {1, 3, 1, {0, 1, 3}}, {1, 2, 1, {0, 0, 1}}, {1, 3, 1, {0, 0, 1}}};
  static const kind s5[] = {
      {1, 1, 1, {0, 1, 2}}, {1, 4, 1, {0, 1, 3}}, {1, 5, 1, {0, 0, 1}}, {1, 6, 1, {0, 0, 1}}};
  static const kind s3[] = {
      {1, 1, 1, {0, 1, 2, 5}}, {1, 1, 1, {0, 0, 1, 4}}, {1, 2, 1, {0, 1, 3, 9}}};
  CHECK(symmetric(4), 6, s4);
  CHECK(symmetric(5), 6, s5);
  CHECK(symmetric(3), 14, s3);
  end();
}

Test(isotypic, signed_permutations) {
  static const kind b3[] = {
      {1, 1, 1, {0, 0, 1}}, {1, 2, 1, {0, 0, 1}}, {1, 3, 1, {0, 1, 0}}, {2, 3, 1, {0, 0, 1}}};
  static const kind flips[] = {{1, 1, 1, {0, 0, 3}}, {3, 1, 1, {0, 1, 0}}, {3, 1, 1, {0, 0, 2}}};
  generator_set *set = symmetric(3);
  add_flip(set, 0);
  CHECK(set, 6, b3);
  set = set_of(3);
  for (size_t i = 0; i < 3; i++) add_flip(set, i);
  CHECK(set, 6, flips);
  end();
}

Test(isotypic, cyclic_groups_are_of_complex_type) {
  static const kind c5[] = {{1, 1, 1, {0, 1, 5}}, {2, 2, 2, {0, 1, 5}}};
  static const kind c6[] = {{1, 1, 1, {0, 1}}, {1, 1, 1, {0, 1}}, {2, 2, 2, {0, 1}}};
  static const kind c4[] = {
      {1, 1, 1, {0, 0, 4, 16}}, {1, 1, 1, {0, 0, 4, 16}}, {1, 2, 2, {0, 0, 4, 16}}};
  generator_set *set = set_of(5);
  add_cycle(set);
  CHECK(set, 6, c5);
  set = set_of(6);
  add_cycle(set);
  isotypic *iso = NULL; /* two of one kind: counted by hand */
  cr_ok(context, symo_isotypic_create(set, 2, 1, &iso));
  cr_assert(iso->num_irreps == 4 && iso->commutant == 6);
  for (size_t k = 0; k < 4; k++) cr_assert(is_row(&iso->irreps[k], &c6[k < 2 ? 0 : 2]));
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);
  set = set_of(4);
  add_cycle(set);
  cr_ok(context, symo_isotypic_create(set, 12, 1, &iso));
  cr_assert(iso->num_irreps == 3 && is_row(&iso->irreps[2], &c4[2]));
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);
  end();
}

/* Tensors without the space share the label and have no sign, so an eigenvector cannot fix it. */
Test(isotypic, the_sign_of_the_trivial_irrep_is_settled) {
  for (int which = 0; which < 3; which++)
    for (uint64_t seed = 0; seed < 20; seed++) {
      generator_set *set = set_of(5);
      isotypic *iso = NULL;
      add_cycle(set);
      if (which == 1) add_reversal(set);
      if (which == 2) add_flip(set, 0);
      cr_ok(context, symo_isotypic_create(set, which == 2 ? 4 : 2, seed, &iso));
      const isotypic_irrep *trivial = &iso->irreps[0];
      cr_assert(trivial->copies[which == 2 ? 2 : 1] == 1);
      for (size_t i = 0; which < 2 && i < 5; i++)
        cr_assert_float_eq(trivial->basis[1][i], sqrt(0.2), 1e-13);
      for (size_t i = 0; which == 2 && i < 5; i++)
        cr_assert_float_eq(trivial->basis[2][6 * i], sqrt(0.2), 1e-13);
      symo_isotypic_destroy(iso);
      symo_generator_set_destroy(set);
    }
  end();
}

/* A check that NaN or a unit of measure can pass is none. */
Test(isotypic, defects_are_in_units_of_the_generator) {
  for (int k = -300; k <= 100; k += 100) {
    generator_set *set = set_of(3);
    isotypic *iso = NULL;
    double size = pow(10, k);
    double a[9] = {0, size, 2 * size, -size, 0, 3 * size, -2 * size, -3 * size, 0};
    cr_ok(context, symo_generator_set_add_lie(set, a));
    cr_ok(context, symo_isotypic_create(set, 6, 1, &iso));
    cr_assert(iso->commutant == 36 && iso->defect > 0 && iso->defect <= 1e-10, "1e%d: %g", k,
              iso->defect);
    symo_isotypic_destroy(iso);
    symo_generator_set_destroy(set);
  }
  end();
}

Test(isotypic, dihedral_groups_are_real) {
  static const kind d5[] = {{1, 1, 1, {0, 1, 3}}, {1, 1, 1, {0, 0, 2}}, {2, 2, 1, {0, 1, 5}}};
  generator_set *set = set_of(5);
  add_cycle(set);
  add_reversal(set);
  CHECK(set, 6, d5);
  end();
}

Test(isotypic, quaternion_group) {
  static const kind one[] = {{1, 1, 1, {0, 0}}, {1, 4, 4, {0, 1}}};
  static const kind two[] = {{1, 1, 1, {0, 0}}, {1, 4, 4, {0, 2}}};
  static const kind cube[] = {{1, 1, 1, {0, 0}}, {1, 4, 4, {0, 1, 0, 16}}};
  CHECK(quaternion(1), 2, one);
  CHECK(quaternion(2), 2, two);
  CHECK(quaternion(1), 10, cube);
  CHECK(turned(quaternion(2), 0), 2, two);
  end();
}

Test(isotypic, rotations) {
  static const kind so2[] = {{1, 1, 1, {0, 0, 2}}, {1, 2, 2, {0, 1, 0}}, {1, 2, 2, {0, 0, 1}}};
  /* The antisymmetric tensors are vectors for SO(3), and not for O(3). */
  static const kind so3[] = {{1, 1, 1, {0, 0, 1, 1}},
                             {1, 3, 1, {0, 1, 1, 3}},
                             {1, 5, 1, {0, 0, 1, 2}},
                             {1, 7, 1, {0, 0, 0, 1}}};
  static const kind o3[] = {
      {1, 1, 1, {0, 0, 1}}, {1, 3, 1, {0, 1, 0}}, {1, 3, 1, {0, 0, 1}}, {1, 5, 1, {0, 0, 1}}};
  generator_set *set = set_of(2);
  add_rotation(set, 0, 1, 1);
  CHECK(set, 6, so2);
  CHECK(rotations3(), 14, so3);
  set = rotations3();
  add_flip(set, 1);
  CHECK(set, 6, o3);
  end();
}

Test(isotypic, trivial_group) {
  static const kind d3[] = {{1, 1, 1, {0, 3, 9}}};
  static const kind d1[] = {{1, 1, 1, {0, 1, 1, 1, 1}}};
  static const kind sign[] = {{1, 1, 1, {0, 0, 1, 0, 1}}, {1, 1, 1, {0, 1, 0, 1, 0}}};
  CHECK(set_of(3), 6, d3);
  CHECK(set_of(1), 30, d1);
  generator_set *set = set_of(1);
  add_flip(set, 0);
  CHECK(set, 30, sign);
  set = set_of(3); /* a Lie generator that is zero generates nothing */
  add_rotation(set, 0, 1, 0);
  CHECK(set, 6, d3);
  end();
}

/* ---- dense generators ---- */

Test(isotypic, any_basis) {
  static const kind s4[] = {
      {1, 1, 1, {0, 1, 2}}, {1, 3, 1, {0, 1, 3}}, {1, 2, 1, {0, 0, 1}}, {1, 3, 1, {0, 0, 1}}};
  static const kind c5[] = {{1, 1, 1, {0, 1, 5}}, {2, 2, 2, {0, 1, 5}}};
  CHECK(turned(symmetric(4), 0), 6, s4);
  generator_set *set = set_of(5);
  add_cycle(set);
  CHECK(turned(set, 0), 6, c5);
  end();
}

Test(isotypic, generators_to_thirteen_digits) {
  generator_set *set = turned(symmetric(5), 1e-13);
  isotypic *iso = NULL;
  cr_ok(context, symo_isotypic_create(set, 6, 1, &iso));
  cr_assert(iso->num_irreps == 4 && iso->commutant == 27);
  cr_assert(iso->defect <= 1e-9);
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);
  end();
}

/* A rotation by one radian is dense in SO(2); by 1e-4 too, in many more steps. */
Test(isotypic, infinite_group_from_one_matrix) {
  static const kind so2[] = {{1, 1, 1, {0, 0, 2}}, {1, 2, 2, {0, 1, 0}}, {1, 2, 2, {0, 0, 1}}};
  for (int k = 0; k < 2; k++) {
    double angle = k == 0 ? 1 : 1e-4;
    double q[4] = {cos(angle), -sin(angle), sin(angle), cos(angle)};
    generator_set *set = set_of(2);
    isotypic *iso = NULL;
    cr_ok(context, symo_generator_set_add_dense(set, q));
    cr_ok(context, symo_isotypic_create(set, 6, 1, &iso));
    check_rows(iso, so2, 3);
    symo_isotypic_destroy(iso);
    symo_generator_set_destroy(set);
  }
  end();
}

/* ---- larger ---- */

Test(isotypic, many_irreps) {
  enum { D = 64 };
  generator_set *set = set_of(D);
  size_t image[D];
  signed char sign[D];
  for (size_t i = 0; i < D; i++) image[i] = i;
  for (size_t k = 0; k < D; k++) {
    memset(sign, 1, D);
    sign[k] = -1;
    add_permutation(set, image, sign);
  }
  isotypic *iso = NULL;
  cr_ok(context, symo_isotypic_create(set, 2, 3, &iso));
  cr_assert(iso->num_irreps == D + 1 && iso->commutant == D);
  cr_assert(iso->irreps[0].copies[1] == 0);
  cr_assert(iso->defect <= 1e-12);
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);

  set = set_of(D);
  for (size_t i = 0; i < D; i++) image[i] = (i + 1) % D;
  add_permutation(set, image, NULL);
  cr_ok(context, symo_isotypic_create(set, 2, 3, &iso));
  cr_assert(iso->num_irreps == D / 2 + 1 && iso->commutant == D);
  cr_assert(iso->defect <= 1e-10);
  symo_isotypic_destroy(iso);
  symo_generator_set_destroy(set);
  end();
}

Test(isotypic, same_seed_same_numbers) {
  generator_set *set = quaternion(2);
  isotypic *a = NULL, *b = NULL;
  cr_ok(context, symo_isotypic_create(set, 6, 9, &a));
  cr_ok(context, symo_isotypic_create(set, 6, 9, &b));
  cr_assert(a->num_irreps == b->num_irreps);
  for (size_t k = 0; k < a->num_irreps; k++)
    for (unsigned p = 1; p <= 2; p++) {
      const isotypic_irrep *r = &a->irreps[k];
      size_t numbers = r->n * r->copies[p] * r->type * (p == 1 ? 8 : 64);
      if (numbers > 0)
        cr_assert(memcmp(r->basis[p], b->irreps[k].basis[p], numbers * sizeof(double)) == 0);
    }
  symo_isotypic_destroy(a);
  symo_isotypic_destroy(b);
  symo_generator_set_destroy(set);
  symo_isotypic_destroy(NULL);
  end();
}

/* ---- refusals ---- */

Test(isotypic, refusals) {
  generator_set *set = set_of(65);
  isotypic *iso = NULL;
  cr_fails(context, SYMO_E_SIZE, "4290 numbers, at most 4096",
           symo_isotypic_create(set, 6, 1, &iso));
  cr_fails(context, SYMO_E_ARGUMENT, "orders 0x0", symo_isotypic_create(set, 0, 1, &iso));
  cr_fails(context, SYMO_E_ARGUMENT, "orders 0x1", symo_isotypic_create(set, 1, 1, &iso));
  cr_fails(context, SYMO_E_ARGUMENT, "orders 0x20", symo_isotypic_create(set, 32, 1, &iso));
  symo_generator_set_destroy(set);
  cr_assert(iso == NULL);
  end();
}

/* Neither a group of many elements nor the identity to rounding. */
Test(isotypic, undecided_generators) {
  double q[4] = {1, -1e-9, 1e-9, 1};
  isotypic *iso = NULL;
  generator_set *set = set_of(2);
  cr_ok(context, symo_generator_set_add_dense(set, q));
  cr_fails(context, SYMO_NO_CONVERGENCE, "still move by", symo_isotypic_create(set, 2, 1, &iso));
  symo_generator_set_destroy(set);
  set = turned(symmetric(5), 1e-10);
  cr_fails(context, SYMO_NO_CONVERGENCE, "give the generators to full precision",
           symo_isotypic_create(set, 2, 1, &iso));
  symo_generator_set_destroy(set);
  cr_assert(iso == NULL);
  end();
}

/* Cells of n dimensions each on R^d, and a commutant element that no group has. */
static symo_status match(size_t d, size_t n, double *c) {
  double a[16] = {0}, basis[16] = {0}, scratch[20];
  cell cells[4];
  family families[4];
  generator_set *set = set_of(d);
  irreps r = {.set = set, .orders = 2, .size = {0, d}, .largest = d, .scratch = scratch};
  r.cells = cells;
  r.families = families;
  r.a[1] = a;
  r.c[1][1] = c;
  r.basis[1] = basis;
  for (; r.num_cells * n < d; r.num_cells++)
    cells[r.num_cells] = (cell){.p = 1, .first = r.num_cells * n, .n = n, .family = SIZE_MAX};
  symo_add_diagonal(SYMO_F64, d, 1, basis);
  symo_status status = symo_irreps_match(&r);
  symo_irreps_forget_families(&r);
  symo_generator_set_destroy(set);
  return status;
}

Test(isotypic, ambiguous_elements) {
  double weak[4] = {1, 1e-6, 0, 2}, skewed[4] = {1, 1e-6, -1e-6, 1};
  cr_fails(context, SYMO_E_NUMERIC, "equal or different irreps undecided", match(2, 1, weak));
  cr_fails(context, SYMO_E_NUMERIC, "real or complex type undecided", match(2, 2, skewed));
  double odd[9] = {1, 1, 0, -1, 1, 0, 0, 0, 1};
  cr_fails(context, SYMO_E_NUMERIC, "skew part is no unit", match(3, 3, odd));
  double stretched[16] = {1, 0, 1, 0, 0, 1, 0, 2, 0, 0, 1, 0, 0, 0, 0, 1};
  cr_fails(context, SYMO_E_NUMERIC, "intertwiner is no isometry", match(4, 2, stretched));
  double apart[4] = {1, 0, 0, 2};
  cr_ok(context, match(2, 1, apart));
  end();
}

static symo_status create_and_destroy(void *self) {
  isotypic *iso = NULL;
  symo_status status = symo_isotypic_create(self, 6, 4, &iso);
  symo_isotypic_destroy(iso);
  return status;
}

Test(isotypic, allocations) {
  generator_set *sets[] = {symmetric(3), quaternion(1), turned(quaternion(1), 0), rotations3(),
                           turned(symmetric(3), 1e-13)};
  for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
    cr_assert(symo_test_allocations(create_and_destroy, sets[k]) >= 10);
    symo_generator_set_destroy(sets[k]);
  }
  end();
}
