/* Safetensors files.  Reading does not trust the header: its length is compared with that of the
 * file before memory is allocated for it, and the place of each entry must agree with its shape,
 * its type and the entries beside it. */
#include "io/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "io/atomic.h"
#include "io/file.h"
#include "io/json.h"
#include "io/safetensors_file.h"

/* ---- writing: the header is made in memory; the arrays are written without a copy ---- */

enum { LENGTH_BYTES = 8, ALIGNMENT = 8, WIDEST = 8 };

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names must be valid UTF-8 and distinct.  Sorts them. */
static symo_status check_names(symo_context *context, const char *path, const char **names,
                               size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (!symo_utf8_valid(names[i]) || strcmp(names[i], "__metadata__") == 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: \"%s\" cannot be a name (rename it)", path,
                       symo_quoted(names[i]).text);
  qsort(names, count, sizeof *names, compare_texts);
  for (size_t i = 1; i < count; ++i)
    if (strcmp(names[i - 1], names[i]) == 0)
      return symo_fail(context, SYMO_E_ARGUMENT, "%s: two entries named %s (rename one)", path,
                       symo_quoted(names[i]).text);
  return SYMO_OK;
}

static symo_status check_items(symo_context *context, const char *path, size_t num_texts,
                               const symo_safetensors_text *texts, size_t count,
                               const symo_safetensors_item *items) {
  size_t most = count > num_texts ? count : num_texts;
  const char **names = symo_calloc(most + 1, sizeof *names);
  if (names == NULL) return symo_fail_memory(context, path);
  for (size_t i = 0; i < num_texts; ++i) names[i] = texts[i].key;
  symo_status status = check_names(context, path, names, num_texts);
  for (size_t i = 0; i < num_texts && status == SYMO_OK; ++i)
    if (!symo_utf8_valid(texts[i].value))
      status = symo_fail(context, SYMO_E_ARGUMENT, "%s: metadata %s is not UTF-8 (convert it)",
                         path, symo_quoted(texts[i].key).text);
  for (size_t i = 0; i < count; ++i) names[i] = items[i].name;
  if (status == SYMO_OK) status = check_names(context, path, names, count);
  symo_free(names);
  return status;
}

/* *bytes = size of an item.  False on overflow. */
static bool item_bytes(const symo_safetensors_item *item, size_t *bytes) {
  size_t total = symo_scalar_size(item->type);
  for (size_t i = 0; i < item->order; ++i)
    if (item->shape[i] == 0) {
      *bytes = 0;
      return true;
    }
  for (size_t i = 0; i < item->order; ++i)
    if (!symo_mul_size(total, item->shape[i], &total)) return false;
  *bytes = total;
  return true;
}

/* ---- the header ---- */

static void add_item(symo_text *text, const symo_safetensors_item *item, size_t begin, size_t end) {
  symo_json_add_string(text, item->name);
  symo_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[", symo_scalar_name(item->type));
  for (size_t i = 0; i < item->order; ++i)
    symo_text_add(text, "%s%zu", i > 0 ? "," : "", item->shape[i]);
  symo_text_add(text, "],\"data_offsets\":[%zu,%zu]}", begin, end);
}

static void add_metadata(symo_text *text, size_t num_texts, const symo_safetensors_text *texts) {
  symo_text_add(text, "\"__metadata__\":{");
  for (size_t i = 0; i < num_texts; ++i) {
    symo_text_add(text, i > 0 ? "," : "");
    symo_json_add_string(text, texts[i].key);
    symo_text_add(text, ":");
    symo_json_add_string(text, texts[i].value);
  }
  symo_text_add(text, "}");
}

static symo_status make_header(symo_context *context, const char *path, size_t num_texts,
                               const symo_safetensors_text *texts, size_t count,
                               const symo_safetensors_item *items, symo_text *text) {
  size_t at = 0, bytes = 0;
  bool first = num_texts == 0;
  symo_text_add(text, "{");
  if (num_texts > 0) add_metadata(text, num_texts, texts);
  for (size_t width = WIDEST; width > 0; width /= 2)
    for (size_t i = 0; i < count; ++i) {
      if (symo_scalar_size(items[i].type) != width) continue;
      if (!item_bytes(&items[i], &bytes) || bytes > INT64_MAX - at)
        return symo_fail(context, SYMO_E_SIZE, "%s: entry %s: too large for a file (split it)",
                         path, symo_quoted(items[i].name).text);
      symo_text_add(text, first ? "" : ",");
      first = false;
      add_item(text, &items[i], at, at + bytes);
      at += bytes;
    }
  symo_text_add(text, "}");
  while (text->used % ALIGNMENT != 0 && !text->failed) symo_text_add(text, " ");
  return text->failed ? symo_fail_memory(context, path) : SYMO_OK;
}

/* ---- the file ---- */

static symo_status write_all(symo_atomic *file, const symo_text *header, size_t count,
                             const symo_safetensors_item *items) {
  unsigned char length[LENGTH_BYTES];
  uint64_t announced = header->used;
  memcpy(length, &announced, sizeof length);
  symo_status status = symo_atomic_write(file, length, sizeof length);
  if (status == SYMO_OK) status = symo_atomic_write(file, header->text, header->used);
  for (size_t width = WIDEST; width > 0; width /= 2)
    for (size_t i = 0; i < count && status == SYMO_OK; ++i) {
      size_t bytes = 0;
      if (symo_scalar_size(items[i].type) != width) continue;
      if (item_bytes(&items[i], &bytes)) status = symo_atomic_write(file, items[i].data, bytes);
    }
  return status;
}

symo_status symo_safetensors_write(symo_context *context, const char *path, size_t num_texts,
                                   const symo_safetensors_text *texts, size_t count,
                                   const symo_safetensors_item *items) {
  symo_text header = {0};
  symo_atomic *file = NULL;
  symo_status status;
  SYMO_TRY(check_items(context, path, num_texts, texts, count, items));
  SYMO_TRY(make_header(context, path, num_texts, texts, count, items, &header));
  SYMO_TRY(symo_atomic_open(context, path, &file));
  SYMO_TRY(write_all(file, &header, count, items));
  SYMO_TRY(symo_atomic_commit(file));
fail:
  symo_atomic_destroy(file);
  symo_free(header.text);
  return status;
}

/* ---- reading arrays: directly into the caller's array, or converted in chunks ---- */

enum { CHUNK = 16384, PART = 100 };

symo_status symo_safetensors_read_raw(const symo_safetensors *file,
                                      const symo_safetensors_entry *entry, void *data) {
  char part[PART];
  snprintf(part, sizeof part, "entry %s", symo_quoted(entry->name).text);
  return symo_file_read_at(file->context, file->path, part, file->fd, file->data_at + entry->begin,
                           data, entry->count * symo_scalar_size(entry->type));
}

symo_status symo_safetensors_read(const symo_safetensors *file, const symo_safetensors_entry *entry,
                                  symo_dtype dtype, void *data) {
  if (entry->type == symo_scalar_of(dtype)) return symo_safetensors_read_raw(file, entry, data);
  if (!symo_scalar_is_real(entry->type))
    return symo_fail(file->context, SYMO_E_DTYPE,
                     "%s: entry %s: type %s (convert it to F64, F32, F16 or BF16)", file->path,
                     symo_quoted(entry->name).text, symo_scalar_name(entry->type));
  unsigned char chunk[CHUNK];
  char part[PART];
  snprintf(part, sizeof part, "entry %s", symo_quoted(entry->name).text);
  size_t width = symo_scalar_size(entry->type), room = CHUNK / width;
  for (size_t done = 0; done < entry->count;) {
    size_t n = entry->count - done < room ? entry->count - done : room, bad = 0;
    symo_status status =
        symo_file_read_at(file->context, file->path, part, file->fd,
                          file->data_at + entry->begin + done * width, chunk, n * width);
    if (status != SYMO_OK) return status;
    void *to = (char *)data + done * symo_dtype_size(dtype);
    if (!symo_scalar_convert(entry->type, chunk, n, dtype, to, &bad))
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

enum { LARGEST_HEADER = 100000000, ADVICE = 64 };

static const char *const rewrite = "write the file again with a safetensors library";

/* ---- the header ---- */

static symo_status bad_entry(const symo_safetensors *file, const char *name, const char *what) {
  return symo_fail(file->context, SYMO_E_FORMAT, "%s: entry %s: %s (%s)", file->path,
                   symo_quoted(name).text, what, rewrite);
}

/* Reads the text of the header.  The caller frees *text. */
static symo_status load_header(symo_safetensors *file, char **text, size_t *length) {
  uint64_t size = 0, announced = 0;
  unsigned char bytes[LENGTH_BYTES];
  symo_status status = symo_file_open(file->context, file->path, &file->fd, &size);
  if (status != SYMO_OK) return status;
  if (size < LENGTH_BYTES)
    return symo_fail(file->context, SYMO_E_FORMAT,
                     "%s: %" PRIu64 " bytes are too few for a safetensors file (%s)", file->path,
                     size, rewrite);
  status = symo_file_read_at(file->context, file->path, "header", file->fd, 0, bytes, sizeof bytes);
  if (status != SYMO_OK) return status;
  memcpy(&announced, bytes, sizeof announced);
  if (announced > LARGEST_HEADER || announced > size - LENGTH_BYTES)
    return symo_fail(file->context, SYMO_E_FORMAT,
                     "%s: header: %" PRIu64 " bytes announced, but the file has %" PRIu64
                     " after it and %d are allowed (is it cut off, or no safetensors file?)",
                     file->path, announced, size - LENGTH_BYTES, LARGEST_HEADER);
  char *header = symo_malloc((size_t)announced + 1);
  if (header == NULL) return symo_fail_memory(file->context, file->path);
  status = symo_file_read_at(file->context, file->path, "header", file->fd, LENGTH_BYTES, header,
                             (size_t)announced);
  if (status == SYMO_OK && (announced < 2 || header[0] != '{'))
    status =
        symo_fail(file->context, SYMO_E_FORMAT,
                  "%s: header: does not begin with '{' (is it a safetensors file?)", file->path);
  if (status != SYMO_OK) {
    symo_free(header);
    return status;
  }
  header[announced] = '\0';
  file->data_at = LENGTH_BYTES + announced;
  file->data_size = size - file->data_at;
  *text = header;
  *length = (size_t)announced;
  return SYMO_OK;
}

static symo_status check_metadata(symo_safetensors *file, json_t *metadata, const char *where) {
  const char *key;
  json_t *value;
  symo_status status = symo_json_expect(file->context, where, "__metadata__", metadata, JSON_OBJECT,
                                        "texts by name");
  if (status != SYMO_OK) return status;
  json_object_foreach(metadata, key, value) {
    char at[ADVICE + 80];
    snprintf(at, sizeof at, "__metadata__.%s", symo_quoted(key).text);
    status =
        symo_json_expect(file->context, where, at, value, JSON_STRING, "write numbers as texts");
    if (status != SYMO_OK) return status;
  }
  file->metadata = metadata;
  return SYMO_OK;
}

/* *out = the non-negative whole number `value`.  False if it is not one. */
static bool whole(const json_t *value, uint64_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

static symo_status read_shape(const symo_safetensors *file, symo_safetensors_entry *entry,
                              const json_t *shape) {
  if (!json_is_array(shape)) return bad_entry(file, entry->name, "shape is missing or no list");
  entry->order = json_array_size(shape);
  if (entry->order > SYMO_MAX_ORDER) {
    char what[ADVICE];
    snprintf(what, sizeof what, "%zu %s, more than %d", entry->order,
             symo_plural(entry->order, "axis", "axes"), SYMO_MAX_ORDER);
    return bad_entry(file, entry->name, what);
  }
  bool empty = false;
  for (size_t i = 0; i < entry->order; ++i) {
    uint64_t n;
    if (!whole(json_array_get(shape, i), &n) || n > SIZE_MAX)
      return bad_entry(file, entry->name, "shape has something else than whole numbers >= 0");
    entry->shape[i] = (size_t)n;
    if (n == 0) empty = true;
  }
  entry->count = empty ? 0 : 1;
  for (size_t i = 0; i < entry->order && !empty; ++i)
    if (!symo_mul_size(entry->count, entry->shape[i], &entry->count))
      return bad_entry(file, entry->name, "the product of the shape is beyond all measure");
  return SYMO_OK;
}

/* Checks that type, shape and data_offsets of an entry agree. */
static symo_status read_place(const symo_safetensors *file, symo_safetensors_entry *entry,
                              const json_t *offsets) {
  char what[200];
  size_t bytes;
  if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
      !whole(json_array_get(offsets, 0), &entry->begin) ||
      !whole(json_array_get(offsets, 1), &entry->end))
    return bad_entry(file, entry->name, "data_offsets must be two whole numbers >= 0");
  if (entry->begin > entry->end) {
    snprintf(what, sizeof what, "data_offsets begin at %" PRIu64 ", behind their end %" PRIu64,
             entry->begin, entry->end);
    return bad_entry(file, entry->name, what);
  }
  if (entry->end > file->data_size) {
    snprintf(what, sizeof what,
             "ends at byte %" PRIu64 " of the data, but the file has %" PRIu64 "; is it cut off?",
             entry->end, file->data_size);
    return bad_entry(file, entry->name, what);
  }
  if (!symo_mul_size(entry->count, symo_scalar_size(entry->type), &bytes) ||
      bytes != entry->end - entry->begin) {
    snprintf(what, sizeof what, "shape %s of %s does not take the %" PRIu64 " bytes it has",
             symo_quoted_shape(entry->order, entry->shape).text, symo_scalar_name(entry->type),
             entry->end - entry->begin);
    return bad_entry(file, entry->name, what);
  }
  return SYMO_OK;
}

static symo_status read_entry(const symo_safetensors *file, const char *name, json_t *value,
                              symo_safetensors_entry *entry) {
  static const char *const known[] = {"dtype", "shape", "data_offsets"};
  char where[ADVICE];
  entry->name = name;
  if (!json_is_object(value)) return bad_entry(file, name, "not an object");
  const char *key;
  json_t *ignored;
  json_object_foreach(value, key, ignored) {
    size_t i = 0;
    while (i < 3 && strcmp(key, known[i]) != 0) ++i;
    if (i < 3) continue;
    snprintf(where, sizeof where, "unknown key %.40s", symo_quoted(key).text);
    return bad_entry(file, name, where);
  }
  const json_t *dtype = json_object_get(value, "dtype");
  if (!json_is_string(dtype)) return bad_entry(file, name, "dtype is missing or no text");
  if (!symo_scalar_find(json_string_value(dtype), &entry->type)) {
    char what[ADVICE + 80];
    snprintf(what, sizeof what, "unknown dtype %s", symo_quoted(json_string_value(dtype)).text);
    return bad_entry(file, name, what);
  }
  symo_status status = read_shape(file, entry, json_object_get(value, "shape"));
  if (status != SYMO_OK) return status;
  return read_place(file, entry, json_object_get(value, "data_offsets"));
}

static int compare_places(const void *a, const void *b) {
  const symo_safetensors_entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return strcmp(x->name, y->name);
}

static int compare_names(const void *a, const void *b) {
  const symo_safetensors_entry *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

/* Checks that the entries follow each other without gaps up to the end of the file. */
static symo_status check_places(const symo_safetensors *file) {
  uint64_t at = 0;
  for (size_t i = 0; i < file->count; ++i) {
    const symo_safetensors_entry *entry = &file->entries[i];
    if (entry->begin != at) {
      char what[ADVICE + 80];
      snprintf(what, sizeof what,
               "begins at byte %" PRIu64 " of the data, %s the %" PRIu64 " that come before it",
               entry->begin, entry->begin < at ? "inside" : "not behind", at);
      return bad_entry(file, entry->name, what);
    }
    at = entry->end;
  }
  if (at == file->data_size) return SYMO_OK;
  return symo_fail(file->context, SYMO_E_FORMAT,
                   "%s: %" PRIu64 " %s of data, of which the entries take %" PRIu64 " (%s)",
                   file->path, file->data_size, symo_plural(file->data_size, "byte", "bytes"), at,
                   rewrite);
}

static symo_status read_entries(symo_safetensors *file, const char *where) {
  const char *name;
  json_t *value;
  symo_status status =
      symo_json_expect(file->context, where, "", file->header, JSON_OBJECT, rewrite);
  if (status != SYMO_OK) return status;
  size_t room = json_object_size(file->header) + 1;
  file->entries = symo_calloc(room, sizeof *file->entries);
  file->by_name = symo_calloc(room, sizeof *file->by_name);
  if (file->entries == NULL || file->by_name == NULL)
    return symo_fail_memory(file->context, file->path);
  json_object_foreach(file->header, name, value) {
    if (strcmp(name, "__metadata__") == 0)
      status = check_metadata(file, value, where);
    else
      status = read_entry(file, name, value, &file->entries[file->count++]);
    if (status != SYMO_OK) return status;
  }
  qsort(file->entries, file->count, sizeof *file->entries, compare_places);
  for (size_t i = 0; i < file->count; ++i) file->by_name[i] = &file->entries[i];
  qsort(file->by_name, file->count, sizeof *file->by_name, compare_names);
  return check_places(file);
}

symo_status symo_safetensors_open(symo_context *context, const char *path, symo_safetensors **out) {
  char *text = NULL, *where = NULL;
  symo_text name = {0};
  size_t length = 0;
  symo_status status;
  symo_safetensors *file = symo_calloc(1, sizeof *file);
  if (file == NULL) return symo_fail_memory(context, path);
  file->context = context;
  file->fd = -1;
  file->path = symo_strdup(path);
  if (file->path == NULL) SYMO_TRY(symo_fail_memory(context, path));
  symo_text_add(&name, "%s: header", path);
  SYMO_TRY(symo_text_finish(&name, context, &where));
  SYMO_TRY(load_header(file, &text, &length));
  SYMO_TRY(symo_json_parse(context, where, text, length, &file->header));
  symo_free(text);
  text = NULL;
  SYMO_TRY(read_entries(file, where));
  symo_free(where);
  *out = file;
  return SYMO_OK;
fail:
  symo_free(text);
  symo_free(where);
  symo_safetensors_close(file);
  return status;
}

void symo_safetensors_close(symo_safetensors *file) {
  if (file == NULL) return;
  symo_file_close(file->fd);
  json_decref(file->header);
  symo_free(file->by_name);
  symo_free(file->entries);
  symo_free(file->path);
  symo_free(file);
}

/* ---- looking ---- */

size_t symo_safetensors_count(const symo_safetensors *file) { return file->count; }

const symo_safetensors_entry *symo_safetensors_at(const symo_safetensors *file, size_t index) {
  return &file->entries[index];
}

const symo_safetensors_entry *symo_safetensors_find(const symo_safetensors *file,
                                                    const char *name) {
  symo_safetensors_entry wanted = {.name = name};
  const symo_safetensors_entry *key = &wanted;
  if (file->count == 0) return NULL;
  const symo_safetensors_entry **found =
      bsearch(&key, file->by_name, file->count, sizeof *file->by_name, compare_names);
  return found == NULL ? NULL : *found;
}

const char *symo_safetensors_metadata(const symo_safetensors *file, const char *key) {
  return json_string_value(json_object_get(file->metadata, key));
}
