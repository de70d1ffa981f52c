/* Writing safetensors files: the header is made in memory, the numbers go out from where they are.
 */
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "io/atomic.h"
#include "io/json.h"
#include "io/safetensors.h"

enum { LENGTH_BYTES = 8, ALIGNMENT = 8, WIDEST = 8 };

/* ---- checks ---- */

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names must be texts and differ; sorts them. */
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

/* Bytes of an item; false on overflow. */
static bool item_bytes(const symo_safetensors_item *item, size_t *bytes) {
  size_t total = symo_number_size(item->type);
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
  symo_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[", symo_number_name(item->type));
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
      if (symo_number_size(items[i].type) != width) continue;
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
      if (symo_number_size(items[i].type) != width) continue;
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
