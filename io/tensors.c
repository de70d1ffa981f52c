/* The tensors of a layout as a safetensors file: one entry a tensor, by name. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "io/safetensors.h"
#include "io/stack.h"

enum { AXES = 200 };

/* "[out, h]", cut when it gets long. */
static void name_axes(const symo_layout *layout, size_t tensor, char out[AXES]) {
  size_t n = (size_t)snprintf(out, AXES, "[");
  for (size_t i = 0; i < symo_layout_tensor_order(layout, tensor) && n < AXES; ++i) {
    const char *name = symo_layout_space_name(layout, symo_layout_axis_space(layout, tensor, i));
    n += (size_t)snprintf(out + n, AXES - n, "%s%.40s", i > 0 ? ", " : "", name);
  }
  if (n < AXES) snprintf(out + n, AXES - n, "]");
}

static symo_quote suggest_tensor(const symo_layout *layout, const char *name) {
  symo_suggestion s = {.name = name};
  for (size_t i = 0; i < symo_layout_num_tensors(layout); ++i)
    symo_suggestion_offer(&s, symo_layout_tensor_name(layout, i),
                          strlen(symo_layout_tensor_name(layout, i)));
  return symo_suggestion_text(&s);
}

/* The entry that looks like the missing tensor `name`: what it may have been meant as. */
static symo_status missing(const symo_layout *layout, const char *path,
                           const symo_safetensors *file, const char *name) {
  symo_quote hint = {""};
  for (size_t i = 0; i < symo_safetensors_count(file) && hint.text[0] == '\0'; ++i) {
    const char *entry = symo_safetensors_at(file, i)->name;
    size_t ignored;
    if (!symo_layout_find_tensor(layout, entry, &ignored))
      hint = symo_did_you_mean(name, 1, &entry);
  }
  return symo_fail(layout->context, SYMO_E_NAME,
                   "%s: no entry %s, which the layout has (the file has %zu %s%s)", path, name,
                   symo_safetensors_count(file),
                   symo_plural(symo_safetensors_count(file), "entry", "entries"), hint.text);
}

/* The shape of the entry of tensor t: with `leading` in front, unless that is SYMO_NONE. */
static symo_status expect_shape(const symo_layout *layout, const symo_safetensors *file,
                                const symo_safetensors_entry *entry, size_t t, size_t leading) {
  const size_t order = symo_layout_tensor_order(layout, t), more = leading != SYMO_NONE;
  size_t shape[SYMO_MAX_ORDER + 1] = {leading};
  char axes[AXES];
  memcpy(shape + more, layout->tensors[t].dim, order * sizeof *shape);
  name_axes(layout, t, axes);
  return symo_safetensors_expect_shape(file, entry, order + more, shape, more ? NULL : axes);
}

/* Every tensor has its entry of the right shape and a real type, and there are no others. */
static symo_status check_entries(const symo_layout *layout, const char *path,
                                 const symo_safetensors *file, size_t leading, bool *any_f64) {
  for (size_t t = 0; t < symo_layout_num_tensors(layout); ++t) {
    const char *name = symo_layout_tensor_name(layout, t);
    const symo_safetensors_entry *entry = symo_safetensors_find(file, name);
    if (entry == NULL) return missing(layout, path, file, name);
    symo_status status = expect_shape(layout, file, entry, t, leading);
    if (status != SYMO_OK) return status;
    if (!symo_scalar_is_real(entry->type))
      return symo_fail(layout->context, SYMO_E_DTYPE,
                       "%s: entry %s: type %s (convert it to F64, F32, F16 or BF16)", path, name,
                       symo_scalar_name(entry->type));
    if (entry->type == SYMO_SCALAR_F64) *any_f64 = true;
  }
  /* Names in the file differ, so as many entries as tensors means that there are no others. */
  size_t count = symo_safetensors_count(file), ignored;
  for (size_t i = 0; i < count && count > symo_layout_num_tensors(layout); ++i) {
    const char *name = symo_safetensors_at(file, i)->name;
    if (!symo_layout_find_tensor(layout, name, &ignored))
      return symo_fail(
          layout->context, SYMO_E_NAME,
          "%s: entry %s: the layout has no such tensor%s (add it there, or leave it out "
          "of the file)",
          path, symo_quoted(name).text, suggest_tensor(layout, name).text);
  }
  return SYMO_OK;
}

/* ---- reading ---- */

static symo_status check(const symo_layout *layout, const char *path, symo_dtype dtype,
                         const void *flat_out) {
  if (path == NULL || flat_out == NULL)
    return symo_fail_null(layout->context, "tensors_read", path == NULL ? "path" : "flat_out");
  if (dtype == SYMO_ANY || symo_dtype_size(dtype) != 0) return SYMO_OK;
  return symo_fail(layout->context, SYMO_E_DTYPE,
                   "tensors_read: dtype %d (must be f32, f64 or any)", (int)dtype);
}

/* The entries of an open file into [count, parameters]; room: of the largest entry, where there are
 * several vectors. */
static symo_status read_entries(const symo_layout *layout, const symo_safetensors *file,
                                symo_dtype dtype, size_t count, char *flat, char *room) {
  const size_t item = symo_dtype_size(dtype), all = symo_layout_num_parameters(layout);
  for (size_t t = 0; t < symo_layout_num_tensors(layout); ++t) {
    const char *name = symo_layout_tensor_name(layout, t);
    const size_t size = symo_layout_tensor_size(layout, t);
    char *to = flat + symo_layout_tensor_offset(layout, t) * item;
    symo_status status = symo_safetensors_read(file, symo_safetensors_find(file, name), dtype,
                                               room != NULL ? room : to);
    if (status != SYMO_OK) return status;
    for (size_t i = 0; i < count && room != NULL; i++)
      memcpy(to + i * all * item, room + i * size * item, size * item);
  }
  return SYMO_OK;
}

static size_t largest_tensor(const symo_layout *layout) {
  size_t most = 0;
  for (size_t t = 0; t < symo_layout_num_tensors(layout); ++t)
    if (symo_layout_tensor_size(layout, t) > most) most = symo_layout_tensor_size(layout, t);
  return most;
}

/* count vectors, behind each other along a leading axis; SYMO_NONE: one, without. */
static symo_status read_file(const symo_layout *layout, const char *path, symo_dtype dtype,
                             size_t leading, symo_dtype *dtype_out, void **flat_out) {
  const size_t count = leading == SYMO_NONE ? 1 : leading;
  symo_safetensors *file = NULL;
  char *flat = NULL, *room = NULL;
  bool any_f64 = false;
  size_t bytes = 0;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(layout->context, path, &file));
  SYMO_TRY(check_entries(layout, path, file, leading, &any_f64));
  if (dtype == SYMO_ANY) dtype = any_f64 ? SYMO_F64 : SYMO_F32;
  const size_t item = symo_dtype_size(dtype);
  if (symo_mul_size(symo_layout_num_parameters(layout), item, &bytes) &&
      symo_mul_size(bytes, count, &bytes))
    flat = symo_malloc(bytes);
  if (leading != SYMO_NONE && flat != NULL)
    room = symo_malloc(count * largest_tensor(layout) * item);
  if (flat == NULL || (leading != SYMO_NONE && room == NULL))
    SYMO_TRY(symo_fail_memory(layout->context, path));
  SYMO_TRY(read_entries(layout, file, dtype, count, flat, room));
  symo_safetensors_close(file);
  symo_free(room);
  if (dtype_out != NULL) *dtype_out = dtype;
  *flat_out = flat;
  return SYMO_OK;
fail:
  symo_safetensors_close(file);
  symo_free(flat);
  symo_free(room);
  return status;
}

symo_status symo_tensors_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                              symo_dtype *dtype_out, void **flat_out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  symo_status status = check(layout, path, dtype, flat_out);
  return status == SYMO_OK ? read_file(layout, path, dtype, SYMO_NONE, dtype_out, flat_out)
                           : status;
}

/* ---- stacks ---- */

/* The first tensor decides whether there is an axis more, and how long it is. */
static symo_status find_leading(const symo_layout *layout, const char *path, size_t *leading) {
  symo_safetensors *file = NULL;
  bool any_f64 = false;
  symo_status status = symo_safetensors_open(layout->context, path, &file);
  if (status != SYMO_OK) return status;
  const symo_safetensors_entry *entry =
      symo_safetensors_find(file, symo_layout_tensor_name(layout, 0));
  const bool stacked = entry != NULL && entry->order == symo_layout_tensor_order(layout, 0) + 1;
  *leading = stacked ? entry->shape[0] : SYMO_NONE;
  status = check_entries(layout, path, file, *leading, &any_f64);
  symo_safetensors_close(file);
  if (status == SYMO_OK && *leading == 0)
    return symo_fail(layout->context, SYMO_E_SHAPE,
                     "%s: a stack of no vectors (write one at least)", path);
  return status;
}

symo_status symo_stack_count(const symo_layout *layout, const char *path, size_t *count) {
  size_t leading = SYMO_NONE;
  symo_status status = find_leading(layout, path, &leading);
  if (status == SYMO_OK) *count = leading == SYMO_NONE ? 1 : leading;
  return status;
}

symo_status symo_stack_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                            size_t count, symo_dtype *dtype_out, void **flat_out) {
  size_t leading = SYMO_NONE;
  symo_status status = find_leading(layout, path, &leading);
  if (status != SYMO_OK) return status;
  if (count != (leading == SYMO_NONE ? 1 : leading))
    return symo_fail(layout->context, SYMO_E_IO, "%s: it has changed while it was read", path);
  return read_file(layout, path, dtype, leading, dtype_out, flat_out);
}

/* ---- writing ---- */

static symo_safetensors_item item_of(const symo_layout *layout, symo_dtype dtype, size_t t,
                                     const char *data) {
  symo_safetensors_item item = {.name = symo_layout_tensor_name(layout, t),
                                .type = symo_scalar_of(dtype),
                                .order = symo_layout_tensor_order(layout, t),
                                .data = data};
  for (size_t i = 0; i < item.order; ++i) item.shape[i] = symo_layout_axis_dim(layout, t, i);
  return item;
}

symo_status symo_tensors_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                               const void *flat) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL || flat == NULL)
    return symo_fail_null(layout->context, "tensors_write", path == NULL ? "path" : "flat");
  if (symo_dtype_size(dtype) == 0)
    return symo_fail(layout->context, SYMO_E_DTYPE,
                     "tensors_write: %s: dtype must be f32 or f64 (say which)", path);
  size_t count = symo_layout_num_tensors(layout);
  symo_safetensors_item *items = symo_calloc(count + 1, sizeof *items);
  if (items == NULL) return symo_fail_memory(layout->context, path);
  for (size_t t = 0; t < count; ++t)
    items[t] =
        item_of(layout, dtype, t,
                (const char *)flat + symo_layout_tensor_offset(layout, t) * symo_dtype_size(dtype));
  symo_status status = symo_safetensors_write(layout->context, path, 0, NULL, count, items);
  symo_free(items);
  return status;
}

symo_status symo_stack_write(const symo_layout *layout, const char *path, symo_dtype dtype,
                             size_t count, const void *flat) {
  const size_t tensors = symo_layout_num_tensors(layout), item = symo_dtype_size(dtype);
  const size_t all = symo_layout_num_parameters(layout);
  symo_safetensors_item *items = symo_calloc(tensors + 1, sizeof *items);
  char *moved = symo_malloc(count * all * item), *at = moved;
  symo_status status = SYMO_OK;
  if (items == NULL || moved == NULL) SYMO_TRY(symo_fail_memory(layout->context, path));
  for (size_t t = 0; t < tensors; ++t) {
    const size_t size = symo_layout_tensor_size(layout, t) * item;
    items[t] = item_of(layout, dtype, t, at);
    if (items[t].order == SYMO_MAX_ORDER)
      SYMO_TRY(symo_fail(layout->context, SYMO_E_SHAPE,
                         "%s: tensor %s has %d axes, and a stack has one more than files take",
                         path, items[t].name, (int)SYMO_MAX_ORDER));
    memmove(items[t].shape + 1, items[t].shape, items[t].order * sizeof *items[t].shape);
    items[t].shape[0] = count, items[t].order++;
    for (size_t i = 0; i < count; i++, at += size)
      memcpy(at, (const char *)flat + (i * all + symo_layout_tensor_offset(layout, t)) * item,
             size);
  }
  status = symo_safetensors_write(layout->context, path, 0, NULL, tensors, items);
fail:
  symo_free(items);
  symo_free(moved);
  return status;
}
