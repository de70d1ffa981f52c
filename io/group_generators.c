/* Reads the generators of custom groups, from lists in a layout file or from a safetensors file.
 * All shapes are checked before memory is allocated, so a file cannot request more than it holds.
 * symo_group_create checks that matrices are orthogonal and images form permutations. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "io/group_json.h"
#include "io/safetensors.h"

void symo_group_drop_generators(symo_generators *g) {
  symo_free((void *)(uintptr_t)g->permutations);
  symo_free((void *)(uintptr_t)g->matrices);
  symo_free((void *)(uintptr_t)g->lie);
  *g = (symo_generators){0};
}

/* The arrays while they are filled. */
typedef struct filling {
  const symo_group_source *source;
  size_t dim; /* 0: not known yet */
  size_t num_permutations, num_matrices, num_lie;
  size_t *permutations;
  double *matrices, *lie;
} filling;

static symo_generators as_generators(const filling *f) {
  return (symo_generators){f->dim,          f->num_permutations, f->num_matrices, f->num_lie,
                           f->permutations, f->matrices,         f->lie};
}

/* [count, dim] or [count, dim, dim] numbers of `size` bytes; NULL if they do not fit. */
static void *allocate_array(size_t count, size_t dim, bool square, size_t size) {
  size_t n = 0;
  if (!symo_mul_size(count, dim, &n) || (square && !symo_mul_size(n, dim, &n))) return NULL;
  return symo_calloc(n, size);
}

static symo_status allocate_all(filling *f, const char *at) {
  f->permutations = allocate_array(f->num_permutations, f->dim, false, sizeof *f->permutations);
  f->matrices = allocate_array(f->num_matrices, f->dim, true, sizeof *f->matrices);
  f->lie = allocate_array(f->num_lie, f->dim, true, sizeof *f->lie);
  if (f->permutations == NULL || f->matrices == NULL || f->lie == NULL)
    return symo_fail_memory(f->source->context, at);
  return SYMO_OK;
}

/* The first to tell the dimension sets it, all others must agree. */
static symo_status agree(filling *f, const char *at, size_t n, const char *what) {
  if (f->dim == 0) f->dim = n;
  if (f->dim == n && n > 0) return SYMO_OK;
  if (n == 0)
    return symo_fail(f->source->context, SYMO_E_SHAPE, "%s: %s: is empty (give dim %s)",
                     f->source->where, at, what);
  return symo_fail(f->source->context, SYMO_E_SHAPE,
                   "%s: %s: %zu %s, but %zu are wanted (a permutation is a list of dim whole "
                   "numbers, a matrix a list of dim rows)",
                   f->source->where, at, n, what, f->dim);
}

/* ---- lists ---- */

static const char *const list_advice =
    "a list of permutations [1, 2, 0] or of matrices [[0, 1], [1, 0]]";

/* A list of d lists of d; what they hold is looked at when they are read. */
static symo_status check_matrix(filling *f, const char *at, json_t *matrix) {
  char row_at[SYMO_JSON_PATH];
  json_t *row;
  size_t i;
  symo_status status;
  SYMO_TRY(symo_json_expect(f->source->context, f->source->where, at, matrix, JSON_ARRAY,
                            "a matrix, such as [[0, 1], [-1, 0]]"));
  SYMO_TRY(agree(f, at, json_array_size(matrix), "rows"));
  json_array_foreach(matrix, i, row) {
    symo_json_path(row_at, at, "[%zu]", i);
    SYMO_TRY(symo_json_expect(f->source->context, f->source->where, row_at, row, JSON_ARRAY,
                              "a row of the matrix, [0, 1]"));
    SYMO_TRY(agree(f, row_at, json_array_size(row), "numbers"));
  }
  return SYMO_OK;
fail:
  return status;
}

/* A list of lists is a matrix, every other list a permutation. */
static bool is_matrix(const json_t *item) { return json_is_array(json_array_get(item, 0)); }

static symo_status check_list(filling *f, const char *at, json_t *list, bool lie) {
  char item_at[SYMO_JSON_PATH];
  json_t *item;
  size_t i;
  symo_status status;
  if (list == NULL) return SYMO_OK;
  SYMO_TRY(symo_json_expect(f->source->context, f->source->where, at, list, JSON_ARRAY,
                            lie ? "a list of matrices [[0, 1], [-1, 0]]" : list_advice));
  json_array_foreach(list, i, item) {
    symo_json_path(item_at, at, "[%zu]", i);
    if (lie || is_matrix(item)) {
      SYMO_TRY(check_matrix(f, item_at, item));
      ++*(lie ? &f->num_lie : &f->num_matrices);
      continue;
    }
    SYMO_TRY(symo_json_expect(f->source->context, f->source->where, item_at, item, JSON_ARRAY,
                              list_advice));
    SYMO_TRY(agree(f, item_at, json_array_size(item), "entries"));
    ++f->num_permutations;
  }
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_permutation(const filling *f, const char *at, json_t *item, size_t *to) {
  json_t *value;
  size_t i;
  json_array_foreach(item, i, value) {
    json_int_t image = json_integer_value(value);
    if (json_is_integer(value) && image >= 0 && (unsigned long long)image < f->dim) {
      to[i] = (size_t)image;
      continue;
    }
    char entry[SYMO_JSON_PATH];
    symo_json_path(entry, at, "[%zu]", i);
    return symo_fail(f->source->context, json_is_integer(value) ? SYMO_E_ARGUMENT : SYMO_E_FORMAT,
                     "%s: %s: not an image from 0 to %zu (a permutation is a list of whole "
                     "numbers, a matrix a list of rows)",
                     f->source->where, entry, f->dim - 1);
  }
  return SYMO_OK;
}

static symo_status read_matrix(const filling *f, const char *at, json_t *item, double *to) {
  json_t *row, *value;
  size_t i, j;
  json_array_foreach(item, i, row) json_array_foreach(row, j, value) {
    to[i * f->dim + j] = json_number_value(value);
    if (json_is_number(value)) continue;
    char entry[SYMO_JSON_PATH];
    symo_json_path(entry, at, "[%zu][%zu]", i, j);
    return symo_fail(f->source->context, SYMO_E_FORMAT,
                     "%s: %s: must be a number, not %s (without quotes)", f->source->where, entry,
                     symo_json_type_name(json_typeof(value)));
  }
  return SYMO_OK;
}

static symo_status read_list(const filling *f, const char *at, json_t *list, bool lie) {
  size_t permutations = 0, matrices = 0, square = f->dim * f->dim, i; /* as in the file */
  char item_at[SYMO_JSON_PATH];
  json_t *item;
  json_array_foreach(list, i, item) {
    symo_status status;
    symo_json_path(item_at, at, "[%zu]", i);
    if (lie || is_matrix(item))
      status = read_matrix(f, item_at, item, (lie ? f->lie : f->matrices) + matrices++ * square);
    else
      status = read_permutation(f, item_at, item, f->permutations + permutations++ * f->dim);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status read_lists(filling *f, const char *at, json_t *object) {
  char finite[SYMO_JSON_PATH], lie[SYMO_JSON_PATH];
  json_t *generators = json_object_get(object, "generators");
  json_t *lie_generators = json_object_get(object, "lie_generators");
  symo_status status;
  symo_json_path(finite, at, ".generators");
  symo_json_path(lie, at, ".lie_generators");
  SYMO_TRY(check_list(f, finite, generators, false));
  SYMO_TRY(check_list(f, lie, lie_generators, true));
  if (f->dim == 0)
    SYMO_TRY(symo_fail(f->source->context, SYMO_E_FORMAT,
                       "%s: %s: neither dim nor a generator (give one of them)", f->source->where,
                       at));
  if (f->num_permutations + f->num_matrices + f->num_lie == 0) return SYMO_OK;
  SYMO_TRY(allocate_all(f, at));
  SYMO_TRY(read_list(f, finite, generators, false));
  SYMO_TRY(read_list(f, lie, lie_generators, true));
  return SYMO_OK;
fail:
  return status;
}

/* ---- files ---- */

/* Whole numbers of any type; they are exact below 2^53, far above all that is allowed. */
static double whole_at(symo_scalar type, const unsigned char *p) {
  int64_t i64;
  uint64_t u64;
  int32_t i32;
  uint32_t u32;
  int16_t i16;
  uint16_t u16;
  switch (type) {
  case SYMO_SCALAR_I64: memcpy(&i64, p, sizeof i64); return (double)i64;
  case SYMO_SCALAR_U64: memcpy(&u64, p, sizeof u64); return (double)u64;
  case SYMO_SCALAR_I32: memcpy(&i32, p, sizeof i32); return (double)i32;
  case SYMO_SCALAR_U32: memcpy(&u32, p, sizeof u32); return (double)u32;
  case SYMO_SCALAR_I16: memcpy(&i16, p, sizeof i16); return (double)i16;
  case SYMO_SCALAR_U16: memcpy(&u16, p, sizeof u16); return (double)u16;
  case SYMO_SCALAR_I8: return *p < 128 ? *p : *p - 256;
  case SYMO_SCALAR_U8: return *p;
  default: return NAN;
  }
}

/* entry->count numbers as float64, the caller's. */
static symo_status load(const symo_safetensors *file, symo_context *context, const char *path,
                        const symo_safetensors_entry *entry, double **out) {
  size_t width = symo_scalar_size(entry->type);
  bool real = symo_scalar_is_real(entry->type);
  symo_status status = SYMO_OK;
  unsigned char *raw = NULL;
  double *numbers = symo_calloc(entry->count, sizeof *numbers);
  if (numbers == NULL) return symo_fail_memory(context, path);
  if (!real && (entry->type == SYMO_SCALAR_BOOL || entry->type == SYMO_SCALAR_F8_E4M3 ||
                entry->type == SYMO_SCALAR_F8_E5M2))
    SYMO_TRY(symo_fail(context, SYMO_E_DTYPE, "%s: entry %s: type %s (convert it to F64 or I64)",
                       path, entry->name, symo_scalar_name(entry->type)));
  if (real) {
    SYMO_TRY(symo_safetensors_read(file, entry, SYMO_F64, numbers));
  } else {
    raw = symo_calloc(entry->count, width);
    if (raw == NULL) SYMO_TRY(symo_fail_memory(context, path));
    SYMO_TRY(symo_safetensors_read_raw(file, entry, raw));
    for (size_t i = 0; i < entry->count; ++i) numbers[i] = whole_at(entry->type, raw + i * width);
  }
  *out = numbers;
  numbers = NULL;
fail:
  symo_free(raw);
  symo_free(numbers);
  return status;
}

/* Images out of numbers of any type. */
static symo_status to_images(const filling *f, const char *path, const double *from, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    if (from[i] >= 0 && from[i] < (double)f->dim && from[i] == floor(from[i])) {
      f->permutations[i] = (size_t)from[i];
      continue;
    }
    return symo_fail(f->source->context, SYMO_E_ARGUMENT,
                     "%s: entry permutations: [%zu, %zu] is %g (must be a whole number from 0 to "
                     "%zu)",
                     path, i / f->dim, i % f->dim, from[i], f->dim - 1);
  }
  return SYMO_OK;
}

static const char *const entries[] = {"permutations", "generators", "lie_generators"};

/* Shape [n, d] or [n, d, d]; *count = n. */
static symo_status check_entry(filling *f, const char *path, const symo_safetensors_entry *entry,
                               size_t order, size_t *count) {
  size_t dim = entry->order > 1 ? entry->shape[1] : 0;
  if (f->dim == 0) f->dim = dim;
  if (entry->order != order || dim == 0 || entry->shape[order - 1] != dim || dim != f->dim)
    return symo_fail(f->source->context, SYMO_E_SHAPE,
                     "%s: entry %s: shape %s, but [n, %s%s] is wanted, with d = %zu", path,
                     entry->name, symo_quoted_shape(entry->order, entry->shape).text,
                     order == 3 ? "d, " : "", "d", f->dim);
  *count = entry->shape[0];
  return SYMO_OK;
}

static symo_status read_entries(filling *f, const char *path, const symo_safetensors *file) {
  size_t *const counts[] = {&f->num_permutations, &f->num_matrices, &f->num_lie};
  double *numbers = NULL;
  symo_status status;
  for (size_t i = 0; i < symo_safetensors_count(file); ++i) {
    const symo_safetensors_entry *entry = symo_safetensors_at(file, i);
    size_t k = 0;
    while (k < 3 && strcmp(entry->name, entries[k]) != 0) ++k;
    if (k == 3)
      return symo_fail(f->source->context, SYMO_E_NAME,
                       "%s: entry %s: unknown (known: permutations, generators, lie_generators%s)",
                       path, symo_quoted(entry->name).text,
                       symo_did_you_mean(entry->name, 3, entries).text);
    status = check_entry(f, path, entry, k == 0 ? 2 : 3, counts[k]);
    if (status != SYMO_OK) return status;
  }
  if (symo_safetensors_count(file) == 0)
    return symo_fail(f->source->context, SYMO_E_FORMAT,
                     "%s: no entries (give permutations, generators or lie_generators)", path);
  const symo_safetensors_entry *permutations = symo_safetensors_find(file, entries[0]);
  const symo_safetensors_entry *matrices = symo_safetensors_find(file, entries[1]);
  const symo_safetensors_entry *lie = symo_safetensors_find(file, entries[2]);
  if (matrices != NULL) SYMO_TRY(load(file, f->source->context, path, matrices, &f->matrices));
  if (lie != NULL) SYMO_TRY(load(file, f->source->context, path, lie, &f->lie));
  if (permutations == NULL) return SYMO_OK;
  SYMO_TRY(load(file, f->source->context, path, permutations, &numbers));
  f->permutations = symo_calloc(permutations->count, sizeof *f->permutations);
  if (f->permutations == NULL) SYMO_TRY(symo_fail_memory(f->source->context, path));
  SYMO_TRY(to_images(f, path, numbers, permutations->count));
fail:
  symo_free(numbers);
  return status;
}

static symo_status read_file(filling *f, const char *at, json_t *object) {
  const symo_group_source *source = f->source;
  symo_safetensors *file = NULL;
  symo_text path = {0};
  char key[SYMO_JSON_PATH];
  symo_status status;
  symo_json_path(key, at, ".generators_file");
  const json_t *name = json_object_get(object, "generators_file");
  SYMO_TRY(symo_json_expect(source->context, source->where, key, name, JSON_STRING,
                            "the path of a safetensors file"));
  if (json_object_get(object, "generators") != NULL ||
      json_object_get(object, "lie_generators") != NULL)
    return symo_fail(source->context, SYMO_E_FORMAT,
                     "%s: %s: stands beside generators in the layout (give one of the two)",
                     source->where, key);
  if (source->folder == NULL)
    return symo_fail(source->context, SYMO_E_UNSUPPORTED,
                     "%s: %s: is taken in layout files only (write the generators here)",
                     source->where, key);
  const char *text = json_string_value(name);
  symo_text_add(&path, "%s%s", text[0] == '/' ? "" : source->folder, text);
  if (path.failed) SYMO_TRY(symo_fail_memory(source->context, source->where));
  SYMO_TRY(symo_safetensors_open(source->context, path.text, &file));
  SYMO_TRY(read_entries(f, path.text, file));
fail:
  symo_safetensors_close(file);
  symo_free(path.text);
  return status;
}

symo_status symo_group_read_generators(const symo_group_source *source, const char *at,
                                       json_t *object, size_t dim, symo_generators *out) {
  filling f = {.source = source, .dim = dim};
  bool from_file = json_object_get(object, "generators_file") != NULL;
  if (!from_file && json_object_get(object, "generators") == NULL &&
      json_object_get(object, "lie_generators") == NULL)
    return symo_fail(source->context, SYMO_E_FORMAT,
                     "%s: %s: a custom group needs generators (give generators, lie_generators or "
                     "generators_file)",
                     source->where, at);
  symo_status status = from_file ? read_file(&f, at, object) : read_lists(&f, at, object);
  symo_generators all = as_generators(&f);
  if (status == SYMO_OK)
    *out = all;
  else
    symo_group_drop_generators(&all);
  return status;
}
