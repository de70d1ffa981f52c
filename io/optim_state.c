/* States of optimizers as safetensors files.  An entry "state:NAME" for each of
 * symo_optim_state_entry; in the metadata format, version, dtype, the layout and the spec as JSON,
 * and a CRC-64/XZ (16 hexadecimal digits) of, in this order,
 *   every other text of the metadata by key in byte order: key, 0, value, 0;
 *   every entry by name in byte order: name, 0, type, 0, the number of axes and the dimensions as
 *   64-bit little-endian numbers, the bytes.
 * So the checksum does not depend on the order of the entries in the file. */
#include "io/optim_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "io/checksum.h"
#include "io/file.h"
#include "io/optim_match.h"
#include "io/safetensors_file.h"
#include "optim/state.h"

#include <symo/io.h>

static const char *const format = "symo-optim-state", *const version = "1";
static const char prefix[] = "state:";

enum { NAME = sizeof prefix + 2 * SYMO_MAX_NAME, CHUNK = 1 << 16, DIGITS = 16 };

/* The texts of ours. */
enum { FORMAT, VERSION, DTYPE, LAYOUT, SPEC, NUM_TEXTS, CHECKSUM = NUM_TEXTS };
static const char *const keys[NUM_TEXTS + 1] = {"format", "version", "dtype",
                                                "layout", "spec",    "checksum"};

/* ---- the checksum ---- */

static int compare_texts(const void *a, const void *b) {
  return strcmp(((const symo_safetensors_text *)a)->key, ((const symo_safetensors_text *)b)->key);
}
static int compare_items(const void *a, const void *b) {
  return strcmp(((const symo_safetensors_item *)a)->name, ((const symo_safetensors_item *)b)->name);
}

static void add_text(symo_checksum *sum, const char *text) {
  symo_checksum_add(sum, text, strlen(text) + 1);
}

/* Sorts them. */
static void add_texts(symo_checksum *sum, size_t count, symo_safetensors_text *texts) {
  qsort(texts, count, sizeof *texts, compare_texts);
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(texts[i].key, keys[CHECKSUM]) == 0) continue;
    add_text(sum, texts[i].key);
    add_text(sum, texts[i].value);
  }
}

static void add_head(symo_checksum *sum, const char *name, symo_scalar type, size_t order,
                     const size_t *shape) {
  uint64_t n = order;
  add_text(sum, name);
  add_text(sum, symo_scalar_name(type));
  symo_checksum_add(sum, &n, sizeof n);
  for (size_t i = 0; i < order; ++i) {
    n = shape[i];
    symo_checksum_add(sum, &n, sizeof n);
  }
}

static size_t bytes_of(const symo_safetensors_item *item) {
  size_t bytes = symo_scalar_size(item->type);
  for (size_t i = 0; i < item->order; ++i) bytes *= item->shape[i];
  return bytes;
}

static void print_checksum(const symo_checksum *sum, char text[DIGITS + 1]) {
  snprintf(text, DIGITS + 1, "%016" PRIx64, symo_checksum_value(sum));
}

/* ---- writing ---- */

typedef struct writer {
  size_t num_texts, count;
  symo_safetensors_text *texts;
  symo_safetensors_item *items;
  char (*names)[NAME];
  char *layout, *spec;
} writer;

static void drop_writer(writer *w) {
  symo_free(w->texts);
  symo_free(w->items);
  symo_free(w->names);
  symo_free(w->layout);
  symo_free(w->spec);
}

static symo_status list_texts(writer *w, symo_optim_state *state, const char *path,
                              size_t num_texts, const symo_safetensors_text *texts) {
  const symo_optim *optim = state->optim;
  symo_status status;
  SYMO_TRY(symo_layout_to_json(optim->layout, &w->layout));
  SYMO_TRY(symo_optim_spec_to_json(optim->context, &optim->spec, &w->spec));
  w->texts = symo_calloc(NUM_TEXTS + num_texts, sizeof *w->texts);
  if (w->texts == NULL) SYMO_TRY(symo_fail_memory(optim->context, path));
  const char *const values[NUM_TEXTS] = {format, version, symo_dtype_name(optim->dtype), w->layout,
                                         w->spec};
  for (size_t i = 0; i < NUM_TEXTS; ++i) w->texts[i] = (symo_safetensors_text){keys[i], values[i]};
  if (num_texts > 0) memcpy(w->texts + NUM_TEXTS, texts, num_texts * sizeof *texts);
  w->num_texts = NUM_TEXTS + num_texts;
fail:
  return status;
}

static symo_status list_items(writer *w, symo_optim_state *state, const char *path, size_t count,
                              const symo_safetensors_item *items) {
  size_t own = symo_optim_state_num_entries(state);
  w->items = symo_calloc(own + count + 1, sizeof *w->items);
  w->names = symo_calloc(own + 1, sizeof *w->names);
  if (w->items == NULL || w->names == NULL) return symo_fail_memory(state->optim->context, path);
  for (size_t i = 0; i < own; ++i) {
    symo_state_entry entry = symo_state_entry_at(state, i);
    snprintf(w->names[i], NAME, "%s%s", prefix, entry.name);
    w->items[i] = (symo_safetensors_item){.name = w->names[i],
                                          .type = symo_scalar_of(entry.dtype),
                                          .order = entry.order,
                                          .data = entry.data};
    memcpy(w->items[i].shape, entry.shape, sizeof entry.shape);
  }
  if (count > 0) memcpy(w->items + own, items, count * sizeof *items);
  w->count = own + count;
  return SYMO_OK;
}

symo_status symo_checked_write(symo_context *context, const char *path, size_t num_texts,
                               const symo_safetensors_text *texts, size_t count,
                               const symo_safetensors_item *items) {
  symo_checksum sum;
  char text[DIGITS + 1];
  symo_safetensors_text *all = symo_calloc(num_texts + 1, sizeof *all);
  symo_safetensors_item *sorted = symo_calloc(count + 1, sizeof *sorted);
  symo_status status = all != NULL && sorted != NULL ? SYMO_OK : symo_fail_memory(context, path);
  if (status == SYMO_OK) {
    if (num_texts > 0) memcpy(all, texts, num_texts * sizeof *all);
    if (count > 0) memcpy(sorted, items, count * sizeof *sorted);
    all[num_texts] = (symo_safetensors_text){keys[CHECKSUM], text};
    symo_checksum_start(&sum);
    add_texts(&sum, num_texts + 1, all);
    qsort(sorted, count, sizeof *sorted, compare_items);
    for (size_t i = 0; i < count; ++i) {
      add_head(&sum, sorted[i].name, sorted[i].type, sorted[i].order, sorted[i].shape);
      symo_checksum_add(&sum, sorted[i].data, bytes_of(&sorted[i]));
    }
    print_checksum(&sum, text);
    status = symo_safetensors_write(context, path, num_texts + 1, all, count, sorted);
  }
  symo_free(all);
  symo_free(sorted);
  return status;
}

symo_status symo_checkpoint_write(symo_optim_state *state, const char *path, size_t num_texts,
                                  const symo_safetensors_text *texts, size_t count,
                                  const symo_safetensors_item *items) {
  writer w = {0};
  symo_status status;
  SYMO_TRY(list_texts(&w, state, path, num_texts, texts));
  SYMO_TRY(list_items(&w, state, path, count, items));
  status = symo_checked_write(state->optim->context, path, w.num_texts, w.texts, w.count, w.items);
fail:
  drop_writer(&w);
  return status;
}

symo_status symo_optim_state_write(symo_optim_state *state, const char *path) {
  if (state == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL) return symo_fail_null(state->optim->context, "optim_state_write", "path");
  return symo_checkpoint_write(state, path, 0, NULL, 0, NULL);
}

/* ---- reading: the checksum ---- */

/* The bytes of an entry into `data`, or, where that is NULL, nowhere. */
static symo_status add_entry(symo_checksum *sum, const symo_safetensors *file,
                             const symo_safetensors_entry *entry, void *data) {
  unsigned char chunk[CHUNK];
  add_head(sum, entry->name, entry->type, entry->order, entry->shape);
  if (data != NULL) {
    symo_status status = symo_safetensors_read_raw(file, entry, data);
    if (status == SYMO_OK) symo_checksum_add(sum, data, (size_t)(entry->end - entry->begin));
    return status;
  }
  for (uint64_t at = entry->begin; at < entry->end;) {
    size_t n = entry->end - at < CHUNK ? (size_t)(entry->end - at) : CHUNK;
    symo_status status = symo_file_read_at(file->context, file->path, "entries", file->fd,
                                           file->data_at + at, chunk, n);
    if (status != SYMO_OK) return status;
    symo_checksum_add(sum, chunk, n);
    at += n;
  }
  return SYMO_OK;
}

static symo_status add_metadata(symo_checksum *sum, const symo_safetensors *file) {
  size_t count = 0;
  const char *key;
  json_t *value, *metadata = (json_t *)file->metadata; /* only read: the macro wants it so */
  symo_safetensors_text *texts = symo_calloc(json_object_size(metadata) + 1, sizeof *texts);
  if (texts == NULL) return symo_fail_memory(file->context, file->path);
  json_object_foreach(metadata, key, value) texts[count++] =
      (symo_safetensors_text){key, json_string_value(value)};
  add_texts(sum, count, texts);
  symo_free(texts);
  return SYMO_OK;
}

/* Reads the entries to where `targets` [count, in the order of file->entries] says; NULL: none is
 * wanted. */
static symo_status read_checked(const symo_safetensors *file, void *const *targets) {
  const char *stored = symo_safetensors_metadata(file, keys[CHECKSUM]);
  symo_checksum sum;
  char text[DIGITS + 1];
  if (stored == NULL)
    return symo_fail(file->context, SYMO_E_FORMAT,
                     "%s: metadata checksum is missing (is it a checkpoint?)", file->path);
  symo_checksum_start(&sum);
  symo_status status = add_metadata(&sum, file);
  for (size_t i = 0; i < file->count && status == SYMO_OK; ++i) {
    const symo_safetensors_entry *entry = file->by_name[i];
    status = add_entry(&sum, file, entry, targets == NULL ? NULL : targets[entry - file->entries]);
  }
  if (status != SYMO_OK) return status;
  print_checksum(&sum, text);
  if (strcmp(text, stored) == 0) return SYMO_OK;
  return symo_fail(file->context, SYMO_E_FORMAT,
                   "%s: the checksum is %s, and %s is written there (the file was changed or "
                   "damaged: take an older one)",
                   file->path, text, symo_quoted(stored).text);
}

symo_status symo_checkpoint_open(symo_context *context, const char *path, symo_safetensors **file) {
  symo_safetensors *opened = NULL;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(context, path, &opened));
  if (symo_safetensors_metadata(opened, keys[CHECKSUM]) != NULL)
    SYMO_TRY(read_checked(opened, NULL));
  *file = opened;
  return SYMO_OK;
fail:
  symo_safetensors_close(opened);
  return status;
}

symo_status symo_checkpoint_check(symo_context *context, const char *path) {
  symo_safetensors *file = NULL;
  symo_status status = symo_safetensors_open(context, path, &file);
  if (status == SYMO_OK) status = read_checked(file, NULL);
  symo_safetensors_close(file);
  return status;
}

/* ---- reading: what the file says ---- */

static symo_status need(const symo_safetensors *file, int key, const char **value) {
  *value = symo_safetensors_metadata(file, keys[key]);
  if (*value != NULL) return SYMO_OK;
  return symo_fail(file->context, SYMO_E_FORMAT, "%s: metadata %s is missing (make it again)",
                   file->path, keys[key]);
}

static symo_status check_format(const symo_safetensors *file, const symo_optim *optim) {
  const char *text = symo_safetensors_metadata(file, keys[FORMAT]);
  if (text == NULL || strcmp(text, format) != 0)
    return symo_fail(file->context, SYMO_E_FORMAT,
                     "%s: not the state of an optimizer (make one with `symo step --out-state`)",
                     file->path);
  symo_status status = need(file, VERSION, &text);
  if (status == SYMO_OK && strcmp(text, version) != 0)
    status = symo_fail(file->context, SYMO_E_FORMAT,
                       "%s: metadata version is \"%s\" (must be \"%s\": make it again)", file->path,
                       symo_quoted(text).text, version);
  if (status == SYMO_OK) status = need(file, DTYPE, &text);
  if (status == SYMO_OK && strcmp(text, symo_dtype_name(optim->dtype)) != 0)
    status = symo_fail(file->context, SYMO_E_DTYPE,
                       "%s: holds %s, but the optimizer computes in %s (set dtype)", file->path,
                       symo_quoted(text).text, symo_dtype_name(optim->dtype));
  return status;
}

/* Powers of two of momentum and of roots, which files of before had no need of. */
static bool is_power(const char *name) {
  const char *last = strrchr(name, '.');
  return last != NULL && (strcmp(last, ".exponents") == 0 || strcmp(last, ".root-units") == 0 ||
                          strcmp(last, ".units") == 0);
}

/* Finds the entry of the file for every one of the state: targets[place in file] is its memory. */
static symo_status find_targets(const symo_safetensors *file, symo_optim_state *state,
                                void **targets) {
  for (size_t i = 0; i < symo_optim_state_num_entries(state); ++i) {
    symo_state_entry entry = symo_state_entry_at(state, i);
    char name[NAME];
    snprintf(name, sizeof name, "%s%s", prefix, entry.name);
    const symo_safetensors_entry *found = symo_safetensors_find(file, name);
    if (found == NULL && is_power(entry.name)) continue; /* zero: all numbers as they are */
    if (found == NULL)
      return symo_fail(file->context, SYMO_E_FORMAT,
                       "%s: no entry %s, which the optimizer has (make it again)", file->path,
                       symo_quoted(name).text);
    if (found->type != symo_scalar_of(entry.dtype))
      return symo_fail(file->context, SYMO_E_DTYPE,
                       "%s: entry %s: type %s, but %s is wanted (make "
                       "it again)",
                       file->path, symo_quoted(name).text, symo_scalar_name(found->type),
                       symo_scalar_name(symo_scalar_of(entry.dtype)));
    symo_status status = symo_safetensors_expect_shape(file, found, entry.order, entry.shape, NULL);
    if (status != SYMO_OK) return status;
    targets[found - file->entries] = entry.data;
  }
  return SYMO_OK;
}

/* Entries of nobody: those that begin like ours, and all others where there must be none, but for
 * the parameters, which checkpoints hold beside the state under the names of the layout. */
static symo_status check_rest(const symo_safetensors *file, const symo_layout *layout,
                              void *const *targets, bool others) {
  for (size_t i = 0; i < file->count; ++i) {
    bool ours = strncmp(file->entries[i].name, prefix, sizeof prefix - 1) == 0;
    size_t tensor;
    if (targets[i] != NULL || file->entries[i].count == 0 || (!ours && others)) continue;
    if (!ours && symo_layout_find_tensor(layout, file->entries[i].name, &tensor)) continue;
    return symo_fail(file->context, SYMO_E_FORMAT,
                     "%s: entry %s: the optimizer has no such thing (use the one that the file was "
                     "made with)",
                     file->path, symo_quoted(file->entries[i].name).text);
  }
  return SYMO_OK;
}

static symo_status read_entries(const symo_safetensors *file, bool others,
                                symo_optim_state *state) {
  void **targets = symo_calloc(file->count + 1, sizeof *targets);
  if (targets == NULL) return symo_fail_memory(file->context, file->path);
  symo_status status;
  SYMO_TRY(find_targets(file, state, targets));
  SYMO_TRY(check_rest(file, state->optim->layout, targets, others));
  status = read_checked(file, targets);
  symo_state_forget_bounds(state);
fail:
  symo_free(targets);
  return status;
}

symo_status symo_checkpoint_read(symo_optim *optim, const char *path, size_t num_may_differ,
                                 const char *const *may_differ, symo_safetensors **file,
                                 symo_optim_state **state) {
  symo_safetensors *opened = NULL;
  symo_optim_state *made = NULL;
  const char *layout, *spec;
  symo_status status;
  SYMO_TRY(symo_safetensors_open(optim->context, path, &opened));
  SYMO_TRY(check_format(opened, optim));
  SYMO_TRY(need(opened, LAYOUT, &layout));
  SYMO_TRY(need(opened, SPEC, &spec));
  SYMO_TRY(symo_optim_match_layout(optim, path, layout));
  SYMO_TRY(symo_optim_match_spec(optim, path, spec, num_may_differ, may_differ));
  SYMO_TRY(symo_optim_state_create(optim, &made));
  SYMO_TRY(read_entries(opened, file != NULL, made));
  *state = made;
  if (file != NULL)
    *file = opened;
  else
    symo_safetensors_close(opened);
  return SYMO_OK;
fail:
  symo_optim_state_destroy(made);
  symo_safetensors_close(opened);
  return status;
}

symo_status symo_optim_state_read(symo_optim *optim, const char *path, size_t num_may_differ,
                                  const char *const *may_differ, symo_optim_state **out) {
  if (optim == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL || out == NULL || (may_differ == NULL && num_may_differ > 0))
    return symo_fail_null(optim->context, "optim_state_read",
                          path == NULL  ? "path"
                          : out == NULL ? "out"
                                        : "may_differ");
  for (size_t i = 0; i < num_may_differ; ++i)
    if (may_differ[i] == NULL)
      return symo_fail(optim->context, SYMO_E_ARGUMENT,
                       "optim_state_read: option %zu of %zu in may_differ is NULL (pass names)", i,
                       num_may_differ);
  return symo_checkpoint_read(optim, path, num_may_differ, may_differ, NULL, out);
}
