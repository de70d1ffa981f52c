/* Whole files, gunzipped on the way. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "experiments/data/reader.h"
#include "io/file.h"

enum { FIRST_ROOM = 1 << 16, STEP = 1 << 20 };
static const size_t largest_file = (size_t)1 << 32;

bool symo_data_is_directory(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static symo_status grow(symo_context *context, const char *path, unsigned char **bytes,
                        size_t *room, size_t used) {
  size_t wanted = *room == 0 ? FIRST_ROOM : 2 * *room;
  if (wanted > 2 * largest_file)
    return symo_fail(context, SYMO_E_SIZE,
                     "%s: more than 8 GiB when unpacked (take a smaller file)", path);
  unsigned char *larger = symo_malloc(wanted);
  if (larger == NULL) return symo_fail_memory(context, path);
  if (used > 0) memcpy(larger, *bytes, used);
  symo_free(*bytes);
  *bytes = larger, *room = wanted;
  return SYMO_OK;
}

static symo_status read_all(symo_context *context, const char *path, gzFile file,
                            unsigned char **bytes, size_t *size) {
  size_t room = 0;
  symo_status status = SYMO_OK;
  for (*size = 0;;) {
    if (room - *size < 2) status = grow(context, path, bytes, &room, *size);
    if (status != SYMO_OK) return status;
    size_t left = room - *size - 1; /* one for the NUL */
    int got = gzread(file, *bytes + *size, (unsigned)(left < STEP ? left : STEP));
    int code = Z_OK;
    const char *text = gzerror(file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
      return symo_fail(context, code == Z_ERRNO ? SYMO_E_IO : SYMO_E_FORMAT,
                       "%s: cannot be read: %s (is it whole?)", path,
                       code == Z_ERRNO ? strerror(errno) : text);
    if (got == 0) break;
    *size += (size_t)got;
  }
  (*bytes)[*size] = '\0';
  return SYMO_OK;
}

static symo_status copy(symo_context *context, const char *path, const unsigned char *from,
                        size_t size, unsigned char **out) {
  unsigned char *bytes = symo_malloc(size + 1);
  if (bytes == NULL) return symo_fail_memory(context, path);
  memcpy(bytes, from, size + 1);
  *out = bytes;
  return SYMO_OK;
}

enum { KEPT = sizeof((symo_data_kept *)0)->files / sizeof *((symo_data_kept *)0)->files };

void symo_data_kept_drop(symo_data_kept *kept) {
  for (size_t i = 0; i < KEPT; i++) {
    symo_free(kept->files[i].path);
    symo_free(kept->files[i].bytes);
  }
  *kept = (symo_data_kept){0};
}

/* The place of the path, or the first that is free; KEPT: there is none. */
static size_t place_in(const symo_data_kept *kept, const char *path) {
  size_t i = 0;
  while (i < KEPT && kept->files[i].path != NULL && strcmp(kept->files[i].path, path) != 0) i++;
  return i;
}

static symo_status keep(symo_context *context, const char *path, const unsigned char *bytes,
                        size_t size, symo_data_kept *kept) {
  const size_t place = place_in(kept, path);
  unsigned char *copied = NULL;
  char *name = NULL;
  if (place == KEPT) return SYMO_OK;
  symo_status status = copy(context, path, bytes, size, &copied);
  if (status == SYMO_OK && (name = symo_strdup(path)) == NULL)
    status = symo_fail_memory(context, path);
  if (status != SYMO_OK) {
    symo_free(copied);
    return status;
  }
  kept->files[place].path = name, kept->files[place].bytes = copied;
  kept->files[place].size = size;
  return SYMO_OK;
}

/* Names that commands know, and that might have been meant. */
static symo_status fail_path(symo_context *context, const char *path, int error) {
  static const char *const names[] = {"digits", "teacher", "mnist", "fashion-mnist"};
  return symo_fail(context, SYMO_E_IO, "%s: %s%s (give %s)", path, strerror(error),
                   symo_did_you_mean(path, sizeof names / sizeof *names, names).text,
                   strcmp(path, "-") == 0 ? "/dev/stdin for standard input"
                                          : "digits, teacher, or a file");
}

static symo_status read_path(symo_context *context, const char *path, unsigned char **bytes,
                             size_t *size) {
  struct stat info;
  errno = 0;
  if (stat(path, &info) != 0) return fail_path(context, path, errno);
  if (S_ISDIR(info.st_mode))
    return symo_fail(context, SYMO_E_IO, "%s: is a directory (give a file)", path);
  gzFile file = gzopen(path, "rb");
  if (file == NULL)
    return symo_fail(context, SYMO_E_IO, "%s: %s (check the permissions)", path,
                     errno != 0 ? strerror(errno) : "cannot be opened");
  symo_status status = read_all(context, path, file, bytes, size);
  int closed = gzclose(file);
  if (status == SYMO_OK && closed != Z_OK)
    status = symo_fail(context, SYMO_E_FORMAT, "%s: the gzip stream is cut short (fetch it again)",
                       path);
  return status;
}

symo_status symo_data_slurp(symo_context *context, const char *path, symo_data_kept *kept,
                            unsigned char **bytes, size_t *size) {
  unsigned char *read = NULL;
  size_t count = 0;
  const bool stream = symo_file_is_stream(path);
  const size_t place = kept != NULL ? place_in(kept, path) : KEPT;
  if (place < KEPT && kept->files[place].path != NULL) {
    *size = kept->files[place].size;
    return copy(context, path, kept->files[place].bytes, *size, bytes);
  }
  symo_status status = read_path(context, path, &read, &count);
  if (status == SYMO_OK && stream && count == 0)
    status =
        symo_fail(context, SYMO_E_IO,
                  "%s: gives nothing (a pipe can be read once only; put it into a file)", path);
  if (status == SYMO_OK && stream && kept != NULL) status = keep(context, path, read, count, kept);
  if (status != SYMO_OK) {
    symo_free(read);
    return status;
  }
  *bytes = read, *size = count;
  return SYMO_OK;
}
