/* Structured matrices moved to other dimensions: the same quadratic forms on isotypic vectors that
 * are written down here by hand, the commutant by brute force, estimates of constructions that have
 * the same averages at every width, and what is refused. */
#include <math.h>
#include <stdlib.h>

#include "tests/support/world.h"

static symo_hessian *moved(symo_world *w, const symo_hessian *h, const char *text) {
  symo_layout *layout;
  symo_hessian *out;
  cr_ok(w->context, symo_layout_parse(w->context, text, &layout));
  cr_ok(w->context, symo_hessian_transport(h, layout, &out));
  symo_layout_destroy(layout);
  return out;
}

static symo_hessian *made(symo_world *w, symo_dtype dtype, symo_coupling coupling, bool centered,
                          const char *text) {
  symo_world_parse(w, text);
  symo_plan *plan = symo_world_plan(w, dtype, coupling, centered);
  symo_hessian *h = symo_world_indefinite(w, plan);
  symo_plan_destroy(plan);
  return h;
}

static const symo_layout *layout_of(const symo_hessian *h) {
  return symo_plan_layout(symo_hessian_plan(h));
}

static bool same_blocks(const symo_hessian *a, const symo_hessian *b) {
  const symo_plan *p = symo_hessian_plan(a), *q = symo_hessian_plan(b);
  if (symo_plan_num_labels(p) != symo_plan_num_labels(q)) return false;
  for (size_t l = 0; l < symo_plan_num_labels(p); l++) {
    symo_label_info x = symo_plan_label(p, l), y = symo_plan_label(q, l);
    if (strcmp(x.name, y.name) != 0 || x.multiplicity != y.multiplicity || x.count != y.count ||
        x.dropped != y.dropped)
      return false;
    size_t bytes = x.count * x.multiplicity * x.multiplicity * symo_dtype_size(symo_plan_dtype(p));
    if (!x.dropped && memcmp(symo_hessian_blocks(a, l), symo_hessian_blocks(b, l), bytes) != 0)
      return false;
  }
  return symo_plan_dtype(p) == symo_plan_dtype(q) &&
         strcmp(symo_hessian_name(a), symo_hessian_name(b)) == 0;
}

/* ---- isotypic vectors, of norm 1 at every dimension ---- */

/* On one axis: the mean and a difference s.  On two axes: the identity and the rest; the diagonal of
 * s, and s_i + s_j and s_i - s_j off it; a symmetric and an antisymmetric array with sums zero. */
static double one_axis(size_t pattern, size_t d, size_t i) {
  if (pattern == 0) return 1 / sqrt((double)d);
  return i == 0 ? sqrt(0.5) : i == 1 ? -sqrt(0.5) : 0;
}

static double two_axes(size_t pattern, size_t d, size_t i, size_t j) {
  static const double even[4][4] = {{0, 1, 0, -1}, {1, 0, -1, 0}, {0, -1, 0, 1}, {-1, 0, 1, 0}};
  static const double odd[4][4] = {{0, 1, -1, 0}, {-1, 0, 1, 0}, {1, -1, 0, 0}, {0, 0, 0, 0}};
  double n = (double)d, si = one_axis(1, d, i), sj = one_axis(1, d, j);
  switch (pattern) {
  case 0: return i == j ? 1 / sqrt(n) : 0;
  case 1: return i == j ? 0 : 1 / sqrt(n * (n - 1));
  case 2: return i == j ? si : 0;
  case 3: return i == j ? 0 : (si + sj) / sqrt(2 * (n - 2));
  case 4: return (si - sj) / sqrt(2 * n);
  case 5: return i < 4 && j < 4 ? even[i][j] / sqrt(8) : 0;
  default: return i < 4 && j < 4 ? odd[i][j] / sqrt(6) : 0;
  }
}

/* All such vectors of a layout whose tensors stand on h, on h and i, on h twice, or on h twice and
 * i; i is of dimension 2 and not moved.  The caller frees. */
static double *vectors_of(const symo_layout *layout, size_t *count) {
  size_t n = symo_layout_num_parameters(layout), used = 0;
  double *all = symo_dense_new(14 * symo_layout_num_tensors(layout), n);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); t++) {
    size_t order = symo_layout_tensor_order(layout, t), d = symo_layout_axis_dim(layout, t, 0);
    size_t last = order > 0 ? symo_layout_axis_space(layout, t, order - 1) : 0;
    bool inner = strcmp(symo_layout_space_name(layout, last), "i") == 0;
    size_t columns = inner ? 2 : 1, twice = order == (inner ? 3U : 2U);
    double *entries = all + symo_layout_tensor_offset(layout, t);
    for (size_t pattern = 0; pattern < (twice ? 7U : 2U); pattern++)
      for (size_t column = 0; column < columns; column++, used++)
        for (size_t k = 0; k < (twice ? d * d : d); k++)
          entries[used * n + k * columns + column] =
              twice ? two_axes(pattern, d, k / d, k % d) : one_axis(pattern, d, k);
  }
  *count = used;
  return all;
}

/* V A V' for the rows of V, [count, n]. */
static double *forms_of(const symo_hessian *h, size_t *count) {
  size_t n = symo_layout_num_parameters(layout_of(h));
  double *v = vectors_of(layout_of(h), count), *a = symo_dense_of(h);
  double *y = symo_dense_new(1, n), *forms = symo_dense_new(*count, *count);
  for (size_t r = 0; r < *count; r++) {
    symo_dense_matvec(n, a, v + r * n, y);
    for (size_t c = 0; c < *count; c++) {
      forms[r * *count + c] = 0;
      for (size_t i = 0; i < n; i++) forms[r * *count + c] += v[c * n + i] * y[i];
    }
  }
  free(v);
  free(a);
  free(y);
  return forms;
}

static const struct pair {
  const char *from, *to;
} pairs[] = {
    {"h: permutation 6; i: identity 2; w[h,h] b[h] v[h,i] u[h,h,i]",
     "h: permutation 9; i: identity 2; w[h,h] b[h] v[h,i] u[h,h,i]"},
    {"h: permutation 5; i: identity 2; w[h,h] b[h]",
     "h: permutation 4; i: identity 2; w[h,h] b[h]"},
    {"h: permutation 2; i: identity 2; b[h] v[h,i]",
     "h: permutation 40; i: identity 2; b[h] v[h,i]"},
    {"h: signed-permutation 4; i: identity 2; w[h,h] b[h] v[h,i]",
     "h: signed-permutation 7; i: identity 2; w[h,h] b[h] v[h,i]"},
    {"h: orthogonal 7; i: identity 2; w[h,h] b[h] v[h,i]",
     "h: orthogonal 4; i: identity 2; w[h,h] b[h] v[h,i]"},
    {"h: scaling(1.5, permute) 3; i: identity 2; w[h,i] b[h] v[h*,i]",
     "h: scaling(1.5, permute) 8; i: identity 2; w[h,i] b[h] v[h*,i]"},
    {"h: scaling(0.5, signs, permute) 12; i: identity 2; w[h,i] v[h*,i]",
     "h: scaling(0.5, signs, permute) 2; i: identity 2; w[h,i] v[h*,i]"},
};

enum { PAIRS = sizeof pairs / sizeof pairs[0], OPTIONS = 8 };

static void for_each_pair(uint64_t seed, void (*check)(symo_world *w, const symo_hessian *h,
                                                       const symo_hessian *to)) {
  symo_world w;
  symo_world_open(&w, seed);
  for (size_t i = 0; i < PAIRS; i++)
    for (int option = 0; option < OPTIONS; option++) {
      symo_hessian *h = made(&w, option & 4 ? SYMO_F32 : SYMO_F64,
                             option & 1 ? SYMO_BLOCKED : SYMO_COUPLED, option & 2, pairs[i].from);
      symo_hessian *to = moved(&w, h, pairs[i].to);
      check(&w, h, to);
      symo_hessian_destroy(h);
      symo_hessian_destroy(to);
      symo_world_drop(&w);
    }
  symo_world_close(&w);
}

static void check_forms(symo_world *w, const symo_hessian *h, const symo_hessian *to) {
  size_t before, after;
  double *a = forms_of(h, &before), *b = forms_of(to, &after);
  cr_assert_eq(before, after);
  /* Sums of n numbers at most, twice. */
  size_t n = symo_layout_num_parameters(layout_of(h)) + symo_layout_num_parameters(layout_of(to));
  double bound = symo_test_bound(symo_plan_dtype(symo_hessian_plan(h)), n, 1);
  cr_assert(symo_dense_norm(before, a) > 0);
  cr_assert(symo_test_rel(b, a, before * before) <= bound, "%g > %g: %s",
            symo_test_rel(b, a, before * before), bound, w->text);
  free(a);
  free(b);
}

Test(transport, quadratic_forms_on_isotypic_vectors) { for_each_pair(71, check_forms); }

/* An inverse, a power, |A|: first moved or first computed, to the last bit; and the eigenvalues. */
static void check_functions(symo_world *w, const symo_hessian *h, const symo_hessian *to) {
  symo_hessian *abs[2], *power[2], *back;
  size_t count[2], *multiplicities[2];
  double *values[2];
  const symo_hessian *side[2] = {h, to};
  for (int k = 0; k < 2; k++) {
    cr_ok(w->context, symo_hessian_abs(side[k], &abs[k]));
    cr_ok(w->context, symo_hessian_power(abs[k], -0.5, 0.25, &power[k]));
    cr_ok(w->context, symo_hessian_eigenvalues(side[k], &count[k], &values[k], &multiplicities[k]));
  }
  symo_layout *layout = (symo_layout *)(uintptr_t)layout_of(to);
  cr_ok(w->context, symo_hessian_transport(power[0], layout, &back));
  cr_assert(same_blocks(back, power[1]), "a power: %s", w->text);
  cr_assert_eq(count[0], count[1]);
  cr_assert(memcmp(values[0], values[1], count[0] * sizeof *values[0]) == 0, "%s", w->text);
  for (int k = 0; k < 2; k++) {
    symo_hessian_destroy(abs[k]);
    symo_hessian_destroy(power[k]);
    symo_free(values[k]);
    symo_free(multiplicities[k]);
  }
  symo_hessian_destroy(back);
}

Test(transport, powers_and_eigenvalues_go_along) { for_each_pair(72, check_functions); }

static void check_back(symo_world *w, const symo_hessian *h, const symo_hessian *to) {
  symo_hessian *back;
  symo_layout *layout = (symo_layout *)(uintptr_t)layout_of(h);
  cr_ok(w->context, symo_hessian_transport(to, layout, &back));
  cr_assert(same_blocks(back, h), "there and back: %s", w->text);
  symo_hessian_destroy(back);
}

Test(transport, there_and_back) { for_each_pair(73, check_back); }

/* The matrix at the other dimension commutes with every element of its group. */
Test(transport, commutes_with_the_group) {
  static const struct pair finite[] = {
      {"h: permutation 5; k: signed-permutation 3; i: identity 2; w[h,h] b[h] v[k,h] c[k,i]",
       "h: permutation 4; k: signed-permutation 2; i: identity 2; w[h,h] b[h] v[k,h] c[k,i]"},
      {"h: permutation 3; k: sign-flip 2; v[h,k] b[h] s[]",
       "h: permutation 4; k: sign-flip 2; v[h,k] b[h] s[]"}};
  symo_world w;
  symo_world_open(&w, 74);
  for (size_t i = 0; i < 2; i++)
    for (int option = 0; option < 4; option++) {
      symo_dtype dtype = option & 2 ? SYMO_F32 : SYMO_F64;
      symo_hessian *h =
          made(&w, dtype, option & 1 ? SYMO_BLOCKED : SYMO_COUPLED, false, finite[i].from);
      symo_hessian *to = moved(&w, h, finite[i].to);
      size_t n = symo_layout_num_parameters(layout_of(to));
      double *dense = symo_dense_of(to), *average = symo_dense_average(layout_of(to), dense);
      cr_assert(symo_test_rel(dense, average, n * n) <= symo_test_bound(dtype, n, 1), "%g: %s",
                symo_test_rel(dense, average, n * n), finite[i].to);
      free(dense);
      free(average);
      symo_hessian_destroy(h);
      symo_hessian_destroy(to);
      symo_world_drop(&w);
    }
  symo_world_close(&w);
}

/* The number of heads and their width change together. */
Test(transport, wreath_products) {
  symo_world w;
  symo_world_open(&w, 75);
  symo_hessian *h = made(&w, SYMO_F64, SYMO_COUPLED, false,
                         "h: wreath(4, orthogonal 3) 12; i: identity 2; q[h,i] k[h,i]");
  symo_hessian *to = moved(&w, h, "h: wreath(2, orthogonal 8) 16; i: identity 2; q[h,i] k[h,i]");
  double *a = symo_dense_of(h), *b = symo_dense_of(to);
  for (size_t r = 0; r < 4; r++)
    for (size_t c = 0; c < 4; c++) { /* row 0 of q and k */
      double x = a[(r / 2 * 24 + r % 2) * 48 + c / 2 * 24 + c % 2];
      double y = b[(r / 2 * 32 + r % 2) * 64 + c / 2 * 32 + c % 2];
      cr_assert(fabs(x) > 0 && fabs(x - y) <= symo_test_bound(SYMO_F64, 12, 1) * fabs(x));
    }
  free(a);
  free(b);
  symo_hessian_destroy(h);
  symo_hessian_destroy(to);
  symo_world_drop(&w);
  symo_world_close(&w);
}

/* Column c of orthogonal columns with sum zero and squared norm d - 1. */
static double wave(size_t d, size_t c, size_t i) {
  double angle = 2 * 3.14159265358979323846 * (double)(c / 2 + 1) * (double)i / (double)d;
  return sqrt(2 * (double)(d - 1) / (double)d) * (c % 2 == 0 ? cos(angle) : sin(angle));
}

/* [v | b], [d, 3]: its averages over permutations are a'a and r'r at every d, 7 at least. */
static void construct(size_t d, const double *a, const double *r, double *flat) {
  for (size_t i = 0; i < d; i++)
    for (size_t c = 0; c < 3; c++) {
      double x = a[c] / sqrt((double)d);
      for (size_t k = 0; k < 5; k++) x += wave(d, k, i) * r[k * 3 + c];
      flat[c < 2 ? i * 2 + c : 2 * d + i] = x;
    }
}

Test(transport, an_estimate_is_the_one_made_there) {
  static const char *const estimators[] = {"h-g", "h-g-bd", "covariance", "h-pd", "h-star"};
  static const char *const texts[2] = {"h: permutation 9; i: identity 2; v[h,i] b[h]",
                                       "h: permutation 64; i: identity 2; v[h,i] b[h]"};
  symo_world w;
  symo_world_open(&w, 76);
  double numbers[2][18];
  symo_test_randn(w.rng, numbers[0], 36);
  for (int option = 0; option < 20; option++) {
    symo_test_case how = {.estimator = estimators[option % 5],
                          .dtype = option % 2 ? SYMO_F32 : SYMO_F64,
                          .centered = option >= 10,
                          .damping = option % 5 >= 3 ? 0.5 : 0};
    symo_hessian *made_there[2], *to;
    for (int side = 0; side < 2; side++) {
      symo_plan *plan;
      symo_world_parse(&w, texts[side]);
      symo_test_batch x[2];
      for (int k = 0; k < 2; k++) {
        x[k] = symo_test_batch_make(w.layout, how.dtype, w.rng, 1);
        construct(w.n / 3, numbers[k], numbers[k] + 3, x[k].flat);
        symo_test_vector_set(&x[k].vectors[0], x[k].flat);
      }
      made_there[side] = symo_world_estimate(&w, &how, &x[0], &x[1], &plan);
      symo_plan_destroy(plan);
      for (int k = 0; k < 2; k++) symo_test_batch_free(&x[k]);
      symo_world_drop(&w);
    }
    to = moved(&w, made_there[0], texts[1]);
    double *a = symo_dense_of(to), *b = symo_dense_of(made_there[1]);
    /* Roots of averages whose condition is below 1e3 (random 5 x 3 factors), plus damping; label 0
     * has rank one, and its zero eigenvalues are seen as such. */
    double bound = symo_test_bound(how.dtype, 64, 100);
    cr_assert(symo_test_rel(a, b, 192 * 192) <= bound, "%s, option %d: %g > %g", how.estimator,
              option, symo_test_rel(a, b, 192 * 192), bound);
    free(a);
    free(b);
    symo_hessian_destroy(to);
    for (int side = 0; side < 2; side++) symo_hessian_destroy(made_there[side]);
  }
  symo_world_close(&w);
}

Test(transport, to_an_equal_layout_is_a_copy) {
  symo_world w;
  symo_world_open(&w, 77);
  for (int i = 0; i < 40; i++) {
    symo_world_random(&w, SYMO_TEST_ALL, 0, 60);
    symo_plan *plan = symo_world_plan(&w, i & 1 ? SYMO_F32 : SYMO_F64,
                                      i & 2 ? SYMO_BLOCKED : SYMO_COUPLED, i & 4);
    symo_hessian *h = symo_world_indefinite(&w, plan);
    char *text;
    cr_ok(w.context, symo_layout_to_text(w.layout, &text));
    symo_hessian *to = moved(&w, h, text);
    cr_assert(same_blocks(h, to), "%s", w.text);
    symo_free(text);
    symo_plan_destroy(plan);
    symo_hessian_destroy(h);
    symo_hessian_destroy(to);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(transport, found_irreps_at_one_dimension) {
  static const char *const text =
      "h: product(cyclic 3, permutation 2); k: permutation 3; p: cyclic 4; q: dihedral 5; "
      "j: permutation 4; w[h] v[k,k,k] b[k] x[p,j] y[q,j] z[h,h]";
  static const char *const wide =
      "h: product(cyclic 3, permutation 2); k: permutation 3; p: cyclic 4; q: dihedral 5; "
      "j: permutation 10; w[h] v[k,k,k] b[k] x[p,j] y[q,j] z[h,h]";
  symo_world w;
  symo_world_open(&w, 78);
  symo_world_parse(&w, text);
  symo_test_batch x = symo_test_batch_make(w.layout, SYMO_F64, w.rng, 3);
  symo_test_case how = {.estimator = "covariance", .dtype = SYMO_F64};
  symo_plan *plan;
  symo_hessian *h = symo_world_estimate(&w, &how, &x, NULL, &plan);
  symo_plan_destroy(plan);
  symo_test_batch_free(&x);
  symo_hessian *same = moved(&w, h, text), *to = moved(&w, h, wide), *back = moved(&w, to, text);
  cr_assert(same_blocks(h, same) && same_blocks(h, to) && same_blocks(h, back));
  double *a = symo_dense_of(h), *b = symo_dense_of(back);
  cr_assert(memcmp(a, b, w.n * w.n * sizeof *a) == 0, "bases of the same group differ");
  free(a);
  free(b);
  symo_hessian_destroy(h);
  symo_hessian_destroy(same);
  symo_hessian_destroy(to);
  symo_hessian_destroy(back);
  symo_world_drop(&w);
  symo_world_close(&w);
}

Test(transport, files) {
  symo_world w;
  symo_world_open(&w, 79);
  for (int option = 0; option < 2; option++) {
    symo_hessian *h = made(&w, option ? SYMO_F32 : SYMO_F64, SYMO_COUPLED, option, pairs[0].from),
                 *read, *to;
    const char *path = symo_test_path("h.safetensors");
    cr_ok(w.context, symo_hessian_write(h, path));
    cr_ok(w.context, symo_hessian_read(w.context, path, &read));
    to = moved(&w, read, pairs[0].to);
    symo_hessian_destroy(read);
    cr_ok(w.context, symo_hessian_write(to, path));
    cr_ok(w.context, symo_hessian_read(w.context, path, &read));
    cr_assert(same_blocks(h, to) && same_blocks(to, read));
    cr_assert_eq(symo_layout_num_parameters(layout_of(read)), 9 * (9 + 1 + 2 + 18));
    symo_hessian_destroy(h);
    symo_hessian_destroy(to);
    symo_hessian_destroy(read);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

Test(transport, refusals) {
  static const struct refusal {
    const char *from, *to;
    symo_status status;
    const char *text;
  } rows[] = {
      {"h: permutation 6; w[h,h]", "h: permutation 3; w[h,h]", SYMO_E_UNSUPPORTED,
       "space h: size 3 is too small: it stands on 2 axes of tensor w"},
      {"h: orthogonal 3; b[h] w[h,h]", "h: orthogonal 8; b[h] w[h,h]", SYMO_E_UNSUPPORTED,
       "space h: size 3 is too small: it stands on 2 axes of tensor w"},
      {"h: permutation 1; b[h]", "h: permutation 2; b[h]", SYMO_E_UNSUPPORTED,
       "size 1 is too small: it stands on 1 axis of tensor b"},
      {"h: wreath(4, orthogonal 1); b[h]", "h: wreath(4, orthogonal 3); b[h]", SYMO_E_UNSUPPORTED,
       "size 1 is too small"},
      {"h: wreath(1, orthogonal 3); b[h]", "h: wreath(5, orthogonal 3); b[h]", SYMO_E_UNSUPPORTED,
       "size 1 is too small"},
      {"h: permutation 6; w[h,h,h]", "h: permutation 7; w[h,h,h]", SYMO_E_UNSUPPORTED,
       "space h stands on 3 axes of tensor w, where the irreps of permutation are found"},
      {"h: wreath(2, permutation 2); w[h,h]", "h: wreath(3, permutation 2); w[h,h]",
       SYMO_E_UNSUPPORTED, "stands on 2 axes of tensor w, where the irreps of wreath are found"},
      {"h: identity 6; w[h]", "h: identity 7; w[h]", SYMO_E_UNSUPPORTED,
       "space h has dimension 7, in the matrix 6, and its group identity has other labels"},
      {"h: sign-flip 6; w[h]", "h: sign-flip 7; w[h]", SYMO_E_UNSUPPORTED, "group sign-flip has"},
      {"h: cyclic 6; w[h]", "h: cyclic 8; w[h]", SYMO_E_UNSUPPORTED, "group cyclic has"},
      {"h: dihedral 6; w[h]", "h: dihedral 8; w[h]", SYMO_E_UNSUPPORTED, "group dihedral has"},
      {"h: scaling(1) 6; w[h]", "h: scaling(1) 8; w[h]", SYMO_E_SHAPE, "group scaling"},
      {"h: scaling(1, permute) 6; w[h]", "h: scaling(2, permute) 8; w[h]", SYMO_E_SHAPE,
       "space h: the parameters of its group scaling are not those"},
      {"h: wreath(2, identity 2); w[h]", "h: wreath(2, identity 3); w[h]", SYMO_E_UNSUPPORTED,
       "group wreath has other labels"},
      {"h: wreath(2, permutation 3); w[h]", "h: wreath(2, orthogonal 3); w[h]", SYMO_E_SHAPE,
       "space h: the parameters of its group wreath are not those"},
      {"h: sum(permutation 2, permutation 3); w[h]", "h: sum(permutation 3, permutation 3); w[h]",
       SYMO_E_UNSUPPORTED, "group sum has other labels"},
      {"h: permutation 6; w[h]", "h: orthogonal 6; w[h]", SYMO_E_SHAPE,
       "space h has the group orthogonal, in the matrix permutation"},
      {"h: permutation 6; w[h]", "k: permutation 6; w[k]", SYMO_E_SHAPE,
       "space 0 is k, in the matrix h"},
      {"h: permutation 6; w[h] b[h]", "h: permutation 6; b[h] w[h]", SYMO_E_SHAPE,
       "tensor 0 is b, in the matrix w"},
      {"h: permutation 6; w[h]", "h: permutation 6; w[h] b[h]", SYMO_E_SHAPE,
       "1 space and 2 tensors, in the matrix 1 and 1"},
      {"h: permutation 6; w[h]", "h: permutation 6; w[h,h]", SYMO_E_SHAPE,
       "tensor w has 2 axes, in the matrix 1"},
      {"h: permutation 6; k: permutation 6; w[h,k]", "h: permutation 6; k: permutation 6; w[k,h]",
       SYMO_E_SHAPE, "axis 0 of tensor w is k, in the matrix h"},
      {"h: scaling(1, permute) 6; w[h]", "h: scaling(1, permute) 6; w[h*]", SYMO_E_SHAPE,
       "axis 0 of tensor w is h*, in the matrix h"},
  };
  symo_world w;
  symo_world_open(&w, 80);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    symo_hessian *h, *out = NULL;
    symo_layout *layout;
    symo_world_parse(&w, rows[i].from);
    symo_plan *plan = symo_world_plan(&w, SYMO_F64, SYMO_COUPLED, false);
    cr_ok(w.context, symo_hessian_identity(plan, 2, &h));
    symo_plan_destroy(plan);
    cr_ok(w.context, symo_layout_parse(w.context, rows[i].to, &layout));
    cr_fails(w.context, rows[i].status, rows[i].text, symo_hessian_transport(h, layout, &out));
    cr_assert_null(out);
    symo_layout_destroy(layout);
    symo_hessian_destroy(h);
    symo_world_drop(&w);
  }
  symo_world_close(&w);
}

/* The detail is that of the matrix, whatever context the layout has. */
Test(transport, other_context_and_dtype) {
  symo_world w;
  symo_world_open(&w, 81);
  symo_context *other = symo_test_context();
  symo_hessian *h = made(&w, SYMO_F64, SYMO_COUPLED, false, "h: permutation 6; b[h]"), *out = NULL;
  symo_layout *layout;
  cr_ok(other, symo_layout_parse(other, "h: permutation 2000000000; b[h]", &layout));
  cr_ok(other, symo_layout_set_dtype(layout, SYMO_F32));
  cr_fails(w.context, SYMO_E_DTYPE, "asks for f32, and the matrix is in f64",
           symo_hessian_transport(h, layout, &out));
  cr_ok(other, symo_layout_set_dtype(layout, SYMO_F64));
  cr_ok(w.context, symo_hessian_transport(h, layout, &out));
  cr_assert(same_blocks(h, out));
  symo_hessian_destroy(out);
  symo_layout_destroy(layout);
  symo_hessian_destroy(h);
  symo_context_destroy(other);
  symo_world_drop(&w);
  symo_world_close(&w);
}

typedef struct attempt {
  symo_hessian *h;
  const char *text;
  symo_context *context;
} attempt;

static symo_status try(void *self) {
  attempt *a = self;
  symo_layout *layout = NULL;
  symo_hessian *out = NULL;
  symo_status status = symo_layout_parse(a->context, a->text, &layout);
  if (status == SYMO_OK) status = symo_hessian_transport(a->h, layout, &out);
  symo_hessian_destroy(out);
  symo_layout_destroy(layout);
  return status;
}

Test(transport, every_allocation_may_fail) {
  symo_world w;
  symo_world_open(&w, 82);
  attempt a = {made(&w, SYMO_F64, SYMO_COUPLED, false, pairs[0].from), pairs[0].to, w.context};
  cr_assert_gt(symo_test_allocations(try, &a), 3);
  symo_hessian_destroy(a.h);
  symo_world_drop(&w);
  symo_world_close(&w);
}
