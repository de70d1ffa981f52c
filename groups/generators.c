/* Generators of a subgroup of O(d): kept in three kinds, and carried over to larger spaces.
 *
 * On R^b (x) R^d (x) R^a an element acts by I (x) g (x) I, and a one-parameter group by the
 * exponentials of I (x) A (x) I; on R^first + R^d + .. by the identity outside its own block, whose
 * Lie generator is zero there. */
#include "groups/generators.h"

#include <string.h>
#include <symo/layout.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

/* O(d) alone has d - 1 generators of d^2 numbers: short texts ask for any amount of memory. */
static const size_t MOST_BYTES = (size_t)1 << 30;

symo_status symo_generator_set_create(symo_context *context, size_t dim, generator_set **out) {
  size_t bytes;
  if (dim == 0) {
    return symo_fail(context, SYMO_E_ARGUMENT,
                     "generators: the dimension is 0 (give the size of the space)");
  }
  if (!symo_mul_size(dim, dim, &bytes) || !symo_mul_size(bytes, sizeof(double), &bytes))
    return symo_fail(context, SYMO_E_SIZE, "generators: dimension %zu is too large", dim);
  generator_set *set = symo_calloc(1, sizeof *set);
  if (set == NULL) return symo_fail_memory(context, "generators");
  set->context = context;
  set->dim = dim;
  *out = set;
  return SYMO_OK;
}

void symo_generator_set_destroy(generator_set *set) {
  if (set == NULL) return;
  symo_free(set->image);
  symo_free(set->sign);
  symo_free(set->dense);
  symo_free(set->lie);
  symo_free(set);
}

/* ---- one more ---- */

/* Room for a row after the first `used`.  Arrays have room for 2^k rows, so that only used = 0 and
 * used = 2^k move them; the old array is handed back in *old, for the new row may lie in it. */
static symo_status make_room(symo_context *context, void **array, size_t used, size_t row_bytes,
                             void **old) {
  *old = NULL;
  if (used != 0 && (used & (used - 1)) != 0) return SYMO_OK;
  size_t bytes, rows = used == 0 ? 1 : 2 * used;
  if (!symo_mul_size(rows, row_bytes, &bytes) || bytes > MOST_BYTES)
    return symo_fail(context, SYMO_E_SIZE,
                     "generators: more than %zu of %.3g MiB each (together at most 1 GiB; take a "
                     "smaller space)",
                     used, (double)row_bytes / 1048576);
  void *wider = symo_malloc(bytes);
  if (wider == NULL) return symo_fail_memory(context, "generators");
  if (used != 0) memcpy(wider, *array, used * row_bytes);
  *old = *array;
  *array = wider;
  return SYMO_OK;
}

symo_status symo_generator_set_add_monomial(generator_set *set, const size_t *image,
                                            const signed char *sign) {
  size_t d = set->dim, n = set->num_monomial;
  void *images = set->image, *signs = set->sign, *old_images, *old_signs;
  symo_status status = make_room(set->context, &images, n, d * sizeof *image, &old_images);
  if (status != SYMO_OK) return status;
  set->image = images;
  memcpy(set->image + n * d, image, d * sizeof *image);
  symo_free(old_images);
  status = make_room(set->context, &signs, n, d, &old_signs);
  if (status != SYMO_OK) return status;
  set->sign = signs;
  if (sign != NULL)
    memcpy(set->sign + n * d, sign, d);
  else
    memset(set->sign + n * d, 1, d);
  symo_free(old_signs);
  set->num_monomial++;
  return SYMO_OK;
}

static symo_status add_matrix(generator_set *set, double **matrices, size_t *count,
                              const double *matrix) {
  size_t size = set->dim * set->dim;
  void *array = *matrices, *old;
  symo_status status = make_room(set->context, &array, *count, size * sizeof *matrix, &old);
  if (status != SYMO_OK) return status;
  *matrices = array;
  memcpy(*matrices + *count * size, matrix, size * sizeof *matrix);
  symo_free(old);
  ++*count;
  return SYMO_OK;
}

symo_status symo_generator_set_add_dense(generator_set *set, const double *q) {
  return add_matrix(set, &set->dense, &set->num_dense, q);
}

symo_status symo_generator_set_add_lie(generator_set *set, const double *a) {
  return add_matrix(set, &set->lie, &set->num_lie, a);
}

/* ---- combinators ---- */

/* How R^d lies in the larger space: index i of it at first + (b d + i) a + c, for all b < before
 * and c < a = after. */
typedef struct place {
  size_t first, before, after;
} place;

static void place_monomial(place at, size_t d, const size_t *image, const signed char *sign,
                           size_t whole, size_t *out_image, signed char *out_sign) {
  for (size_t i = 0; i < whole; i++) out_image[i] = i;
  memset(out_sign, 1, whole);
  for (size_t b = 0; b < at.before; b++)
    for (size_t i = 0; i < d; i++)
      for (size_t c = 0; c < at.after; c++) {
        size_t from = at.first + (b * d + i) * at.after + c;
        out_image[from] = at.first + (b * d + image[i]) * at.after + c;
        out_sign[from] = sign[i];
      }
}

/* outside: the diagonal where the smaller space does not reach, 1 or (Lie) 0. */
static void place_matrix(place at, size_t d, const double *q, double outside, size_t whole,
                         double *out) {
  memset(out, 0, whole * whole * sizeof *out);
  for (size_t i = 0; i < whole; i++) out[i * whole + i] = outside;
  for (size_t b = 0; b < at.before; b++)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        for (size_t c = 0; c < at.after; c++) {
          size_t row = at.first + (b * d + i) * at.after + c;
          size_t column = at.first + (b * d + j) * at.after + c;
          out[row * whole + column] = q[i * d + j];
        }
}

static symo_status embed(generator_set *to, const generator_set *from, place at) {
  size_t d = from->dim, whole = to->dim;
  size_t monomial = from->num_monomial, dense = from->num_dense, lie = from->num_lie;
  generator_set before = *to;
  symo_status status = SYMO_OK;
  bool matrices = dense != 0 || lie != 0;
  size_t *image = monomial != 0 ? symo_malloc(whole * sizeof *image) : NULL;
  signed char *sign = monomial != 0 ? symo_malloc(whole) : NULL;
  double *matrix = matrices ? symo_malloc(whole * whole * sizeof *matrix) : NULL;
  if ((monomial != 0 && (image == NULL || sign == NULL)) || (matrices && matrix == NULL)) {
    status = symo_fail_memory(to->context, "generators");
    goto fail;
  }
  for (size_t k = 0; k < monomial; k++) {
    place_monomial(at, d, from->image + k * d, from->sign + k * d, whole, image, sign);
    SYMO_TRY(symo_generator_set_add_monomial(to, image, sign));
  }
  for (size_t k = 0; k < dense; k++) {
    place_matrix(at, d, from->dense + k * d * d, 1, whole, matrix);
    SYMO_TRY(symo_generator_set_add_dense(to, matrix));
  }
  for (size_t k = 0; k < lie; k++) {
    place_matrix(at, d, from->lie + k * d * d, 0, whole, matrix);
    SYMO_TRY(symo_generator_set_add_lie(to, matrix));
  }
fail:
  if (status != SYMO_OK) {
    to->num_monomial = before.num_monomial;
    to->num_dense = before.num_dense;
    to->num_lie = before.num_lie;
  }
  symo_free(image);
  symo_free(sign);
  symo_free(matrix);
  return status;
}

symo_status symo_generator_set_embed_product(generator_set *to, const generator_set *from,
                                             size_t before, size_t after) {
  size_t whole;
  if (!symo_mul_size(before, from->dim, &whole) || !symo_mul_size(whole, after, &whole) ||
      whole != to->dim)
    return symo_fail(to->context, SYMO_E_SHAPE,
                     "generators: a product of dimensions %zu, %zu and %zu is not %zu", before,
                     from->dim, after, to->dim);
  return embed(to, from, (place){0, before, after});
}

symo_status symo_generator_set_embed_sum(generator_set *to, const generator_set *from,
                                         size_t first) {
  if (from->dim > to->dim || first > to->dim - from->dim)
    return symo_fail(to->context, SYMO_E_SHAPE,
                     "generators: a part of dimension %zu does not fit at %zu of %zu", from->dim,
                     first, to->dim);
  return embed(to, from, (place){first, 1, 1});
}

size_t symo_generator_set_count(const generator_set *set) {
  return set->num_monomial + set->num_dense + set->num_lie;
}

static bool has_signs(const generator_set *set, size_t k) {
  for (size_t i = 0; i < set->dim; i++)
    if (set->sign[k * set->dim + i] < 0) return true;
  return false;
}

size_t symo_generator_set_index(const generator_set *set, size_t number) {
  for (int pass = 0; pass < 2; pass++)
    for (size_t k = 0; k < set->num_monomial; k++)
      if (has_signs(set, k) == (pass == 1) && number-- == 0) return k;
  return set->num_monomial + number;
}

symo_status symo_generator_set_keep(const generator_set *from, size_t num_keep, const size_t *keep,
                                    generator_set *to) {
  size_t d = from->dim, count = symo_generator_set_count(from);
  generator_set before = *to;
  symo_status status = SYMO_OK;
  if (to->dim != d)
    return symo_fail(to->context, SYMO_E_SHAPE,
                     "group restriction: the group acts on R^%zu, the subgroup on R^%zu", d,
                     to->dim);
  if (num_keep != 0 && keep == NULL)
    return symo_fail(to->context, SYMO_E_ARGUMENT, "group restriction: keep is NULL");
  for (size_t n = 0; n < num_keep; n++)
    if (keep[n] >= count)
      return symo_fail(to->context, SYMO_E_ARGUMENT,
                       "group restriction: keep[%zu] is %zu, but there are %zu %s (counted from "
                       "0)",
                       n, keep[n], count, symo_plural(count, "generator", "generators"));
  for (size_t n = 0; n < num_keep; n++) {
    size_t k = symo_generator_set_index(from, keep[n]), matrix = k - from->num_monomial;
    if (k < from->num_monomial)
      SYMO_TRY(symo_generator_set_add_monomial(to, from->image + k * d, from->sign + k * d));
    else if (matrix < from->num_dense)
      SYMO_TRY(symo_generator_set_add_dense(to, from->dense + matrix * d * d));
    else
      SYMO_TRY(symo_generator_set_add_lie(to, from->lie + (matrix - from->num_dense) * d * d));
  }
  return SYMO_OK;
fail:
  to->num_monomial = before.num_monomial;
  to->num_dense = before.num_dense;
  to->num_lie = before.num_lie;
  return status;
}

/* ---- export ---- */

symo_status symo_generator_set_export(const generator_set *set, symo_generators **out) {
  size_t d = set->dim, size = d * d, signed_ones = 0, numbers, bytes;
  for (size_t k = 0; k < set->num_monomial; k++) signed_ones += has_signs(set, k);
  size_t permutations = set->num_monomial - signed_ones, matrices = signed_ones + set->num_dense;
  bool fits = symo_mul_size(matrices + set->num_lie, size, &numbers) &&
              symo_mul_size(numbers, sizeof(double), &bytes) && bytes < SIZE_MAX / 4;
  size_t images = permutations * d;
  if (!fits)
    return symo_fail(set->context, SYMO_E_SIZE, "generators: %zu %s of %zu x %zu are too many",
                     matrices + set->num_lie,
                     symo_plural(matrices + set->num_lie, "matrix", "matrices"), d, d);
  symo_generators *block = symo_malloc(sizeof *block + bytes + images * sizeof(size_t));
  if (block == NULL) return symo_fail_memory(set->context, "generators");
  double *dense = (double *)(void *)(block + 1), *lie = dense + matrices * size;
  size_t *image = (size_t *)(void *)(lie + set->num_lie * size);
  *block = (symo_generators){d, permutations, matrices, set->num_lie, image, dense, lie};
  memset(dense, 0, signed_ones * size * sizeof *dense);
  for (size_t k = 0; k < set->num_monomial; k++) {
    const size_t *from = set->image + k * d;
    if (!has_signs(set, k)) {
      memcpy(image, from, d * sizeof *image);
      image += d;
      continue;
    }
    for (size_t i = 0; i < d; i++) dense[from[i] * d + i] = set->sign[k * d + i];
    dense += size;
  }
  if (set->num_dense != 0) memcpy(dense, set->dense, set->num_dense * size * sizeof *dense);
  if (set->num_lie != 0) memcpy(lie, set->lie, set->num_lie * size * sizeof *lie);
  *out = block;
  return SYMO_OK;
}
