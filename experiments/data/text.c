/* Texts to train on. */
#include "experiments/data/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/data/reader.h"
#include "experiments/data/unicode.h"
#include "io/file.h"

enum { PATH = 4096 };

void gpt_text_drop(gpt_text *text) {
  symo_free(text->bytes);
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

static symo_status read_files(symo_context *context, size_t count, const char *const *files,
                              symo_data_kept *kept, gpt_text *text) {
  size_t room = 0;
  symo_status status = SYMO_OK;
  for (size_t i = 0; i < count && status == SYMO_OK; i++)
    status = append(context, files[i], kept, &room, text);
  if (status == SYMO_OK && text->length == 0)
    status = symo_fail(context, SYMO_E_ARGUMENT, "%s: is empty (give a text)", files[0]);
  return status;
}

/* ---- the default ---- */

static bool find_shakespeare(char path[PATH]) {
  const char *const places[] = {getenv("SYMO_DATA"), "data", "../shared/data", "."};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (places[i] == NULL) continue;
    const int length = snprintf(path, PATH, "%s/tinyshakespeare.txt", places[i]);
    if (length > 0 && length < PATH && access(path, R_OK) == 0) return true;
  }
  return false;
}

/* Whether the folder holds our Makefile: its first line says so. */
static bool is_our_tree(void) {
  static const char ours[] = "# libsymo.";
  char line[sizeof ours] = "";
  FILE *file = fopen("Makefile", "r");
  if (file == NULL) return false;
  const bool read = fgets(line, sizeof line, file) != NULL;
  fclose(file);
  return read && strcmp(line, ours) == 0;
}

static symo_status read_sources(symo_context *context, gpt_text *text) {
  char **paths = NULL;
  size_t count = 0;
  symo_status status = gpt_source_paths(context, ".", &paths, &count);
  if (status == SYMO_OK && count == 0)
    status = symo_fail(context, SYMO_E_IO, "data: there are no sources here (give --data FILE)");
  if (status == SYMO_OK)
    status = read_files(context, count, (const char *const *)paths, NULL, text);
  snprintf(text->what, sizeof text->what,
           "the sources here (%zu %s, %zu %s): no --data, and no tinyshakespeare.txt in "
           "$SYMO_DATA, data, ../shared/data or here",
           count, symo_plural(count, "file", "files"), text->length,
           symo_plural(text->length, "byte", "bytes"));
  for (size_t i = 0; i < count; i++) symo_free(paths[i]);
  symo_free(paths);
  return status;
}

symo_status gpt_text_read(symo_context *context, size_t count, const char *const *files,
                          symo_data_kept *kept, gpt_text *out) {
  gpt_text text = {0};
  char path[PATH];
  const char *const found[] = {path};
  symo_status status = SYMO_OK;
  if (count == 0 && find_shakespeare(path)) count = 1, files = found;
  if (count > 0) {
    status = read_files(context, count, files, kept, &text);
    if (count == 1)
      snprintf(text.what, sizeof text.what, "%.400s (%zu %s)", files[0], text.length,
               symo_plural(text.length, "byte", "bytes"));
    else
      snprintf(text.what, sizeof text.what, "%.400s and %zu more (%zu %s)", files[0], count - 1,
               text.length, symo_plural(text.length, "byte", "bytes"));
  } else if (is_our_tree()) {
    status = read_sources(context, &text);
  } else {
    status = symo_fail(context, SYMO_E_IO,
                       "data: there is no text: no tinyshakespeare.txt in $SYMO_DATA, data, "
                       "../shared/data or here, and this is not the source folder of libsymo (give "
                       "--data FILE)");
  }
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
