/* Reading the numbers of a safetensors file: straight into the caller's array where the types are
 * equal, else converted piece by piece. */
#include <stdio.h>

#include "core/error.h"
#include "core/names.h"
#include "io/file.h"
#include "io/safetensors_file.h"

enum { CHUNK = 16384, PART = 100 };

symo_status symo_safetensors_read_raw(const symo_safetensors *file,
                                      const symo_safetensors_entry *entry, void *data) {
  char part[PART];
  snprintf(part, sizeof part, "entry %s", symo_quoted(entry->name).text);
  return symo_file_read_at(file->context, file->path, part, file->fd, file->data_at + entry->begin,
                           data, entry->count * symo_number_size(entry->type));
}

symo_status symo_safetensors_read(const symo_safetensors *file, const symo_safetensors_entry *entry,
                                  symo_dtype dtype, void *data) {
  if (entry->type == symo_number_of(dtype)) return symo_safetensors_read_raw(file, entry, data);
  if (!symo_number_is_real(entry->type))
    return symo_fail(file->context, SYMO_E_DTYPE,
                     "%s: entry %s: type %s (convert it to F64, F32, F16 or BF16)", file->path,
                     symo_quoted(entry->name).text, symo_number_name(entry->type));
  unsigned char chunk[CHUNK];
  char part[PART];
  snprintf(part, sizeof part, "entry %s", symo_quoted(entry->name).text);
  size_t width = symo_number_size(entry->type), room = CHUNK / width;
  for (size_t done = 0; done < entry->count;) {
    size_t n = entry->count - done < room ? entry->count - done : room, bad = 0;
    symo_status status =
        symo_file_read_at(file->context, file->path, part, file->fd,
                          file->data_at + entry->begin + done * width, chunk, n * width);
    if (status != SYMO_OK) return status;
    void *to = (char *)data + done * symo_dtype_size(dtype);
    if (!symo_number_convert(entry->type, chunk, n, dtype, to, &bad))
      return symo_fail(file->context, SYMO_E_DTYPE,
                       "%s: entry %s: number %zu is beyond the range of f32 (use dtype f64)",
                       file->path, symo_quoted(entry->name).text, done + bad);
    done += n;
  }
  return SYMO_OK;
}

symo_status symo_safetensors_expect_shape(const symo_safetensors *file,
                                          const symo_safetensors_entry *entry, size_t order,
                                          const size_t *shape, const char *axes) {
  bool equal = entry->order == order, reversed = entry->order == order && order > 1;
  for (size_t i = 0; equal && i < order; ++i) equal = entry->shape[i] == shape[i];
  for (size_t i = 0; reversed && i < order; ++i) reversed = entry->shape[i] == shape[order - 1 - i];
  if (equal) return SYMO_OK;
  return symo_fail(file->context, SYMO_E_SHAPE, "%s: entry %s: shape %s, but %s%s%s is wanted (%s)",
                   file->path, symo_quoted(entry->name).text,
                   symo_quoted_shape(entry->order, entry->shape).text,
                   symo_quoted_shape(order, shape).text, axes != NULL && order > 0 ? " = " : "",
                   axes == NULL ? ""
                   : order > 0  ? axes
                                : ", one number",
                   reversed ? "it looks transposed: transpose it before writing"
                            : "check the layout and the file");
}
