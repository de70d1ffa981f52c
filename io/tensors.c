/* The tensors of a layout as a safetensors file: one entry a tensor, by name. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "io/safetensors.h"

#include <symo/io.h>

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

/* Every tensor has its entry of the right shape and a real type, and there are no others. */
static symo_status check_entries(const symo_layout *layout, const char *path,
                                 const symo_safetensors *file, bool *any_f64) {
  for (size_t t = 0; t < symo_layout_num_tensors(layout); ++t) {
    const char *name = symo_layout_tensor_name(layout, t);
    const symo_safetensors_entry *entry = symo_safetensors_find(file, name);
    if (entry == NULL) return missing(layout, path, file, name);
    char axes[AXES];
    name_axes(layout, t, axes);
    symo_status status = symo_safetensors_expect_shape(
        file, entry, symo_layout_tensor_order(layout, t), layout->tensors[t].dim, axes);
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

symo_status symo_tensors_read(const symo_layout *layout, const char *path, symo_dtype dtype,
                              symo_dtype *dtype_out, void **flat_out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL || flat_out == NULL)
    return symo_fail_null(layout->context, "tensors_read", path == NULL ? "path" : "flat_out");
  if (dtype != SYMO_ANY && symo_dtype_size(dtype) == 0)
    return symo_fail(layout->context, SYMO_E_DTYPE,
                     "tensors_read: dtype %d (must be f32, f64 or any)", (int)dtype);
  symo_safetensors *file = NULL;
  char *flat = NULL;
  bool any_f64 = false;
  size_t bytes = 0;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(layout->context, path, &file));
  SYMO_TRY(check_entries(layout, path, file, &any_f64));
  if (dtype == SYMO_ANY) dtype = any_f64 ? SYMO_F64 : SYMO_F32;
  if (symo_mul_size(symo_layout_num_parameters(layout), symo_dtype_size(dtype), &bytes))
    flat = symo_malloc(bytes);
  if (flat == NULL) SYMO_TRY(symo_fail_memory(layout->context, path));
  for (size_t t = 0; t < symo_layout_num_tensors(layout); ++t)
    SYMO_TRY(symo_safetensors_read(
        file, symo_safetensors_find(file, symo_layout_tensor_name(layout, t)), dtype,
        flat + symo_layout_tensor_offset(layout, t) * symo_dtype_size(dtype)));
  symo_safetensors_close(file);
  if (dtype_out != NULL) *dtype_out = dtype;
  *flat_out = flat;
  return SYMO_OK;
fail:
  symo_safetensors_close(file);
  symo_free(flat);
  return status;
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
  for (size_t t = 0; t < count; ++t) {
    items[t].name = symo_layout_tensor_name(layout, t);
    items[t].type = symo_scalar_of(dtype);
    items[t].order = symo_layout_tensor_order(layout, t);
    for (size_t i = 0; i < items[t].order; ++i)
      items[t].shape[i] = symo_layout_axis_dim(layout, t, i);
    items[t].data =
        (const char *)flat + symo_layout_tensor_offset(layout, t) * symo_dtype_size(dtype);
  }
  symo_status status = symo_safetensors_write(layout->context, path, 0, NULL, count, items);
  symo_free(items);
  return status;
}
