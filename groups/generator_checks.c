/* Generators of a caller, looked at before they are taken: finite, permutations, Q'Q = I, A' = -A.
 * Generators are counted from 0, as keep and the images are. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/text.h"
#include "groups/generators.h"

/* DEFECT: what is still an orthogonal or antisymmetric matrix, written down with ten digits.
 * MONOMIAL: what is a signed permutation; beside 1 a deviation that arithmetic alone makes. */
static const double DEFECT = 1e-9, MONOMIAL = 1e-12;
/* Of a Lie generator, so that norms and products stay in range. */
static const double LARGEST = 1e100;

typedef struct input {
  generator_set *set;
  const symo_generators *from;
  const char *what;
} input;

static symo_status check_shape(const input *in) {
  const symo_generators *from = in->from;
  symo_context *context = in->set->context;
  size_t d = from->dim, numbers, most = from->num_permutations;
  if (d == 0)
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "%s: the dimension is 0 (give the size of the space)", in->what);
  if (d != in->set->dim)
    return symo_fail(context, SYMO_E_SHAPE, "%s: generators of R^%zu for a space of dimension %zu",
                     in->what, d, in->set->dim);
  const char *missing = NULL;
  if (from->num_permutations != 0 && from->permutations == NULL) missing = "permutations";
  if (from->num_matrices != 0 && from->matrices == NULL) missing = "matrices";
  if (from->num_lie != 0 && from->lie == NULL) missing = "lie";
  if (missing != NULL)
    return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s is NULL, but its count is not 0", in->what,
                     missing);
  if (from->num_matrices > most) most = from->num_matrices;
  if (from->num_lie > most) most = from->num_lie;
  if (!symo_mul_size(d * d, most, &numbers) || numbers > SIZE_MAX / 2 / sizeof(double))
    return symo_fail(context, SYMO_E_SIZE, "%s: %zu %s of R^%zu are too many", in->what, most,
                     symo_plural(most, "generator", "generators"), d);
  return SYMO_OK;
}

static symo_status check_finite(const input *in, const char *name, const double *matrices,
                                size_t count) {
  size_t d = in->set->dim;
  for (size_t n = 0; n < count * d * d; n++)
    if (!isfinite(matrices[n]))
      return symo_fail(in->set->context, SYMO_E_NONFINITE, "%s: %s [%zu, %zu, %zu] is %s", in->what,
                       name, n / (d * d), n / d % d, n % d,
                       isnan(matrices[n]) ? "NaN" : "infinite");
  return SYMO_OK;
}

/* where: [d], scratch. */
static symo_status check_permutation(const input *in, size_t k, size_t *where) {
  size_t d = in->set->dim;
  const size_t *image = in->from->permutations + k * d;
  for (size_t i = 0; i < d; i++) where[i] = d;
  for (size_t i = 0; i < d; i++) {
    if (image[i] >= d)
      return symo_fail(in->set->context, SYMO_E_ARGUMENT,
                       "%s: permutation %zu: %zu goes to %zu, which is out of range (images are 0 "
                       ".. %zu)",
                       in->what, k, i, image[i], d - 1);
    if (where[image[i]] != d)
      return symo_fail(in->set->context, SYMO_E_ARGUMENT,
                       "%s: permutation %zu: image %zu stands twice, for %zu and for %zu (give "
                       "each once)",
                       in->what, k, image[i], where[image[i]], i);
    where[image[i]] = i;
  }
  return SYMO_OK;
}

/* Whether q is a signed permutation, and which.  One entry of +-1 in every column and no two in a
 * row make it one. */
static bool is_monomial(size_t d, const double *q, size_t *image, signed char *sign) {
  for (size_t i = 0; i < d; i++) image[i] = d;
  for (size_t i = 0; i < d; i++) {
    size_t units = 0;
    for (size_t j = 0; j < d; j++) {
      double size = fabs(q[i * d + j]);
      if (size <= MONOMIAL) continue;
      if (fabs(size - 1) > MONOMIAL || image[j] != d) return false;
      units++;
      image[j] = i;
      sign[j] = q[i * d + j] < 0 ? -1 : 1;
    }
    if (units != 1) return false;
  }
  return true;
}

/* Largest |x|, infinity if any is NaN: squares of large numbers may leave the range. */
static double grow(double most, double x) {
  double size = isnan(x) ? INFINITY : fabs(x);
  return size > most ? size : most;
}

static double orthogonality_defect(size_t d, const double *q, double *gram) {
  symo_mat m = symo_mat_dense((void *)(uintptr_t)q, d, d);
  symo_gemm(SYMO_F64, 1, symo_mat_t(m), m, 0, symo_mat_dense(gram, d, d));
  double most = 0;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) most = grow(most, gram[i * d + j] - (i == j ? 1 : 0));
  return most;
}

static double antisymmetry_defect(size_t d, const double *a, double size) {
  double most = 0;
  if (size == 0) return 0;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j <= i; j++) most = grow(most, a[i * d + j] / size + a[j * d + i] / size);
  return most;
}

static symo_status add_matrix(const input *in, size_t k, size_t *image, signed char *sign,
                              double *gram) {
  size_t d = in->set->dim;
  const double *q = in->from->matrices + k * d * d;
  if (is_monomial(d, q, image, sign)) return symo_generator_set_add_monomial(in->set, image, sign);
  double defect = orthogonality_defect(d, q, gram);
  if (defect > DEFECT)
    return symo_fail(
        in->set->context, SYMO_E_ARGUMENT,
        "%s: matrix %zu: not orthogonal: Q'Q - I has an entry of %.1e (must be at most "
        "%.0e; orthonormalise it)",
        in->what, k, defect, DEFECT);
  return symo_generator_set_add_dense(in->set, q);
}

static symo_status add_lie(const input *in, size_t k) {
  size_t d = in->set->dim;
  const double *a = in->from->lie + k * d * d;
  double size = 0;
  for (size_t n = 0; n < d * d; n++) size = grow(size, a[n]);
  if (size > LARGEST)
    return symo_fail(in->set->context, SYMO_E_ARGUMENT,
                     "%s: Lie generator %zu: has an entry of %.1e (divide it by that: multiples "
                     "generate the same group)",
                     in->what, k, size);
  double defect = antisymmetry_defect(d, a, size);
  if (defect > DEFECT)
    return symo_fail(in->set->context, SYMO_E_ARGUMENT,
                     "%s: Lie generator %zu: not antisymmetric: A + A' has an entry of %.1e times "
                     "the largest of A (must be at most %.0e; take (A - A') / 2)",
                     in->what, k, defect, DEFECT);
  return symo_generator_set_add_lie(in->set, a);
}

static symo_status add_checked(const input *in, size_t *image, signed char *sign, double *gram) {
  const symo_generators *from = in->from;
  symo_status status;
  SYMO_TRY(check_finite(in, "matrix", from->matrices, from->num_matrices));
  SYMO_TRY(check_finite(in, "Lie generator", from->lie, from->num_lie));
  for (size_t k = 0; k < from->num_permutations; k++) {
    SYMO_TRY(check_permutation(in, k, image));
    SYMO_TRY(symo_generator_set_add_monomial(in->set, from->permutations + k * in->set->dim, NULL));
  }
  for (size_t k = 0; k < from->num_matrices; k++) SYMO_TRY(add_matrix(in, k, image, sign, gram));
  for (size_t k = 0; k < from->num_lie; k++) SYMO_TRY(add_lie(in, k));
fail:
  return status;
}

symo_status symo_generator_set_add(generator_set *set, const symo_generators *from,
                                   const char *what) {
  input in = {set, from, what};
  generator_set before = *set;
  size_t d = set->dim;
  symo_status status = check_shape(&in);
  if (status != SYMO_OK) return status;
  size_t *image = symo_malloc(d * sizeof *image);
  signed char *sign = symo_malloc(d);
  double *gram = symo_malloc((from->num_matrices != 0 ? d * d : 1) * sizeof *gram);
  if (image == NULL || sign == NULL || gram == NULL)
    status = symo_fail_memory(set->context, what);
  else
    status = add_checked(&in, image, sign, gram);
  if (status != SYMO_OK) { /* all or none; the room stays */
    set->num_monomial = before.num_monomial;
    set->num_dense = before.num_dense;
    set->num_lie = before.num_lie;
  }
  symo_free(image);
  symo_free(sign);
  symo_free(gram);
  return status;
}
