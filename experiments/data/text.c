/* Texts to train on. */
#include "experiments/data/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"
#include "experiments/data/shards.h"
#include "experiments/data/unicode.h"
#include "io/file.h"

enum { PATH = 4096, DEPTH = 32 };

void gpt_text_drop(gpt_text *text) {
  symo_free(text->bytes);
  symo_free(text->ids);
  *text = (gpt_text){0};
}

symo_status gpt_text_clean(symo_context *context, const char *path, char *text, size_t *length) {
  const char *from = text;
  size_t left = *length, n = 0;
  symo_status status = symo_file_skip_mark(context, path, &from, &left);
  if (status != SYMO_OK) return status;
  if (from == text && memchr(text, '\r', left) == NULL) return SYMO_OK;
  for (size_t i = 0; i < left; i++)
    if (from[i] != '\r')
      text[n++] = from[i];
    else if (i + 1 == left || from[i + 1] != '\n')
      text[n++] = '\n';
  text[n] = '\0';
  *length = n;
  return SYMO_OK;
}

static symo_status append(symo_context *context, const char *path, symo_data_kept *kept,
                          size_t *room, gpt_text *text) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  symo_status status = symo_data_slurp(context, path, kept, &bytes, &size);
  if (status == SYMO_OK) status = gpt_text_clean(context, path, (char *)bytes, &size);
  if (status != SYMO_OK) {
    symo_free(bytes);
    return status;
  }
  if (text->bytes == NULL) {
    text->bytes = (char *)bytes, text->length = size, *room = size;
    return SYMO_OK;
  }
  if (size > SIZE_MAX / 4 - text->length) {
    symo_free(bytes);
    return symo_fail(context, SYMO_E_SIZE, "%s: too much text (take fewer files)", path);
  }
  if (text->length + size > *room) {
    const size_t larger = 2 * (text->length + size);
    char *moved = symo_malloc(larger + 1);
    if (moved == NULL) {
      symo_free(bytes);
      return symo_fail_memory(context, path);
    }
    memcpy(moved, text->bytes, text->length);
    symo_free(text->bytes);
    text->bytes = moved, *room = larger;
  }
  memcpy(text->bytes + text->length, bytes, size + 1); /* with its NUL */
  text->length += size;
  symo_free(bytes);
  return SYMO_OK;
}

static symo_status fail_mixed(symo_context *context, const char *first, const char *other) {
  return symo_fail(context, SYMO_E_ARGUMENT,
                   "%s and %s: a text and a shard of tokens (give texts, or files .bin)", first,
                   other);
}

/* Those to train on first, then those that are held back. */
static symo_status read_shards(symo_context *context, size_t count, const char *const *files,
                               symo_data_kept *kept, gpt_text *text) {
  size_t room = 0;
  symo_status status = SYMO_OK;
  for (int held = 0; held < 2; held++) {
    if (held == 1) text->held = text->count;
    for (size_t i = 0; i < count && status == SYMO_OK; i++) {
      if (!symo_shard_is(files[i]))
        status = fail_mixed(context, files[i], files[0]);
      else if (symo_shard_is_held(files[i]) == (held == 1))
        status = symo_shard_add(context, files[i], kept, &room, text);
    }
  }
  if (text->held == 0) text->held = text->count; /* all are: nothing is to train on but them */
  return status;
}

static symo_status read_files(symo_context *context, size_t count, const char *const *files,
                              symo_data_kept *kept, gpt_text *text) {
  size_t room = 0;
  symo_status status = SYMO_OK;
  if (count > 0 && symo_shard_is(files[0])) return read_shards(context, count, files, kept, text);
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    status = symo_shard_is(files[i]) ? fail_mixed(context, files[0], files[i])
                                     : append(context, files[i], kept, &room, text);
  if (status == SYMO_OK && text->length == 0)
    status = symo_fail(context, SYMO_E_ARGUMENT, "%s: is empty (give a text)", files[0]);
  return status;
}

/* ---- the texts of a folder ---- */

typedef struct path_list {
  symo_context *context;
  char **path;
  size_t count, room;
} path_list;

static void drop_paths(path_list *l) {
  for (size_t i = 0; i < l->count; i++) symo_free(l->path[i]);
  symo_free(l->path);
}

static symo_status add_path(path_list *l, const char *path) {
  if (l->count == l->room) {
    const size_t room = l->room > 0 ? 2 * l->room : 256;
    char **larger = symo_calloc(room, sizeof *larger);
    if (larger == NULL) return symo_fail_memory(l->context, path);
    if (l->count > 0) memcpy(larger, l->path, l->count * sizeof *larger);
    symo_free(l->path);
    l->path = larger, l->room = room;
  }
  char *copy = symo_strdup(path);
  if (copy == NULL) return symo_fail_memory(l->context, path);
  l->path[l->count++] = copy;
  return SYMO_OK;
}

static bool is_text(const char *name) {
  static const char *const endings[] = {".txt", ".md", ".c", ".h"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof *endings; i++)
    if (strcmp(dot, endings[i]) == 0) return true;
  return false;
}

static symo_status walk(path_list *l, const char *folder, int depth) {
  char path[PATH];
  struct stat info;
  const struct dirent *entry;
  symo_status status = SYMO_OK;
  DIR *directory = opendir(folder);
  if (directory == NULL)
    return symo_fail(l->context, SYMO_E_IO, "%s: cannot be listed: %s (check the permissions)",
                     folder, strerror(errno));
  while (status == SYMO_OK && (entry = readdir(directory)) != NULL) {
    const char *name = entry->d_name;
    const int length = snprintf(path, PATH, "%s/%s", folder, name);
    if (name[0] == '.' || length < 0 || length >= PATH || lstat(path, &info) != 0) continue;
    if (S_ISDIR(info.st_mode) && depth < DEPTH && strcmp(name, "build") != 0)
      status = walk(l, path, depth + 1);
    else if (S_ISREG(info.st_mode) && is_text(name))
      status = add_path(l, path);
  }
  closedir(directory);
  return status;
}

static int by_path(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The shards of a folder, in the order of their names: none unless one of them is to train on. */
static symo_status add_shards(path_list *l, const char *folder) {
  struct dirent **names = NULL;
  const int count = scandir(folder, &names, NULL, alphasort);
  const size_t first = l->count;
  bool train = false;
  symo_status status = SYMO_OK;
  for (int i = 0; i < count; i++) {
    char path[PATH];
    const char *name = names[i]->d_name;
    const int length = snprintf(path, PATH, "%s/%s", folder, name);
    const bool trains = strstr(name, "train") != NULL;
    if (status == SYMO_OK && length < PATH && symo_shard_is(name) &&
        (trains || symo_shard_is_held(name))) {
      status = add_path(l, path);
      train = train || trains;
    }
    free(names[i]);
  }
  free(names);
  while (!train && l->count > first) symo_free(l->path[--l->count]);
  return status;
}

/* Its shards, or its texts, in the order of their paths. */
static symo_status add_folder(path_list *l, const char *folder) {
  const size_t first = l->count;
  symo_status status = add_shards(l, folder);
  if (status == SYMO_OK && l->count == first) status = walk(l, folder, 0);
  if (status == SYMO_OK && l->count == first)
    status = symo_fail(l->context, SYMO_E_IO,
                       "%s: a folder without .txt, .md, .c or .h files, or shards with train in "
                       "their names (give a text)",
                       folder);
  if (status == SYMO_OK) qsort(l->path + first, l->count - first, sizeof *l->path, by_path);
  return status;
}

/* ---- what is asked for ---- */

static symo_status read_all(symo_context *context, size_t count, const char *const *given,
                            symo_data_kept *kept, gpt_text *text) {
  char more[32] = "", files[32] = "";
  path_list l = {.context = context};
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    status = symo_data_is_directory(given[i]) ? add_folder(&l, given[i]) : add_path(&l, given[i]);
  if (status == SYMO_OK)
    status = read_files(context, l.count, (const char *const *)l.path, kept, text);
  if (count > 1) snprintf(more, sizeof more, " and %zu more", count - 1);
  if (l.count > count) snprintf(files, sizeof files, "%zu files, ", l.count);
  snprintf(text->what, sizeof text->what, "%.400s%s (%s%zu %s)", given[0], more, files,
           gpt_text_size(text),
           text->ids != NULL ? symo_plural(text->count, "token", "tokens")
                             : symo_plural(text->length, "byte", "bytes"));
  drop_paths(&l);
  return status;
}

symo_status gpt_text_read(symo_context *context, size_t count, const char *const *files,
                          symo_data_kept *kept, gpt_text *out) {
  static const char name[] = "tinyshakespeare.txt";
  gpt_text text = {0};
  char path[PATH];
  const char *const found[] = {path};
  if (count == 0) {
    if (!symo_data_find_user(name, NULL, sizeof path, path))
      return symo_fail(context, SYMO_E_IO,
                       "data: there is no %s in " SYMO_DATA_PLACES
                       " (give a text, or a folder of texts: --data FILE|DIR)",
                       name);
    count = 1, files = found;
  }
  symo_status status = read_all(context, count, files, kept, &text);
  if (status == SYMO_OK)
    *out = text;
  else
    gpt_text_drop(&text);
  return status;
}

size_t gpt_text_split(const char *text, size_t length) {
  size_t characters = 0, at, size;
  for (at = 0; at < length; at += size, characters++) {
    gpt_utf8_read(text + at, length - at, &size);
    if (size == 0) return (size_t)((double)length * 0.9);
  }
  const size_t first = (size_t)((double)characters * 0.9);
  for (at = 0, characters = 0; characters < first; at += size, characters++)
    gpt_utf8_read(text + at, length - at, &size);
  return at;
}

size_t gpt_text_size(const gpt_text *text) {
  return text->ids != NULL ? text->count : text->length;
}

size_t gpt_text_held(const gpt_text *text) {
  if (text->ids == NULL) return gpt_text_split(text->bytes, text->length);
  return text->held < text->count ? text->held : (size_t)((double)text->count * 0.9);
}

symo_status gpt_text_tokenizer(symo_context *context, const gpt_text *text, gpt_tokenizer **out) {
  uint32_t most = 0;
  if (text->ids == NULL)
    return gpt_tokenizer_create_characters(context, text->what, text->bytes, text->length, out);
  for (size_t i = 0; i < text->count; i++) most = text->ids[i] > most ? text->ids[i] : most;
  return gpt_tokenizer_create_numbers(context, text->what, most + (size_t)1, out);
}

symo_status gpt_text_encode(symo_context *context, const gpt_text *text, size_t from, size_t to,
                            const gpt_tokenizer *tokenizer, uint32_t **ids, size_t *count) {
  if (text->ids == NULL)
    return gpt_tokenizer_encode(context, tokenizer, text->what, text->bytes + from, to - from, ids,
                                count);
  const size_t size = gpt_tokenizer_size(tokenizer);
  for (size_t i = from; i < to; i++)
    if (text->ids[i] >= size)
      return symo_fail(context, SYMO_E_NAME,
                       "%s: token %zu of it is %u, and there are %zu (take the data that the "
                       "network was trained on)",
                       text->what, i, (unsigned)text->ids[i], size);
  uint32_t *copy = symo_malloc((to - from + 1) * sizeof *copy);
  if (copy == NULL) return symo_fail_memory(context, text->what);
  memcpy(copy, text->ids + from, (to - from) * sizeof *copy);
  *ids = copy, *count = to - from;
  return SYMO_OK;
}
