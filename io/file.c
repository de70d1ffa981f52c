/* Reading files through descriptors: interrupted and short reads are gone on with. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"

#include <symo/layout.h>

enum { FIRST_ROOM = 1 << 14, LARGEST_READ = 1 << 30 };

static const struct {
  int error;
  const char *advice;
} advices[] = {
    {ENOENT, "check the path; folders are not made"},
    {ENOTDIR, "a part of the path is a file, not a folder"},
    {EACCES, "choose a place that you may use, or change its permissions"},
    {EPERM, "choose a place that you may use, or change its permissions"},
    {EROFS, "choose a place that can be written to"},
    {EISDIR, "name a file, not a folder"},
    {ENOSPC, "free some space or choose another disk"},
    {EDQUOT, "free some space or choose another disk"},
    {EFBIG, "raise the limit on the size of files"},
    {ENAMETOOLONG, "choose a shorter name"},
    {EMFILE, "close some files or raise the limit on open ones"},
};

symo_status symo_file_fail(symo_context *context, const char *path, const char *doing, int error) {
  const char *advice = "check the disk and the path";
  for (size_t i = 0; i < sizeof advices / sizeof advices[0]; ++i)
    if (advices[i].error == error) advice = advices[i].advice;
  return symo_fail(context, SYMO_E_IO, "%s: cannot %s: %s (%s)", path, doing, strerror(error),
                   advice);
}

void symo_file_close(int fd) {
  if (fd >= 0) close(fd);
}

/* read() that is not interrupted; -1 with errno. */
static ssize_t read_some(int fd, void *data, size_t bytes) {
  ssize_t n;
  do {
    n = read(fd, data, bytes < LARGEST_READ ? bytes : LARGEST_READ);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* A block of twice the size with the same content; NULL when memory runs out.  old is given back.
 */
static char *grown(char *old, size_t length, size_t *room) {
  size_t wanted = *room == 0 ? FIRST_ROOM : 2 * *room;
  char *data = symo_malloc(wanted);
  if (data != NULL) {
    if (length > 0) memcpy(data, old, length);
    *room = wanted;
  }
  symo_free(old);
  return data;
}

symo_status symo_file_read_all(symo_context *context, const char *path, size_t limit, char **data,
                               size_t *length) {
  symo_status status = SYMO_OK;
  char *bytes = NULL;
  size_t used = 0, room = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return symo_file_fail(context, path, "open", errno);
  for (;;) {
    if (used + 1 >= room && (bytes = grown(bytes, used, &room)) == NULL) {
      status = symo_fail_memory(context, path);
      goto fail;
    }
    ssize_t n = read_some(fd, bytes + used, room - used - 1);
    if (n < 0) {
      status = symo_file_fail(context, path, "read", errno);
      goto fail;
    }
    if (n == 0) break;
    used += (size_t)n;
    if (used > limit) {
      status = symo_fail(context, SYMO_E_SIZE, "%s: more than %zu %s (is this the right file?)",
                         path, limit, symo_plural(limit, "byte", "bytes"));
      goto fail;
    }
  }
  symo_file_close(fd);
  bytes[used] = '\0';
  *data = bytes;
  *length = used;
  return SYMO_OK;
fail:
  symo_file_close(fd);
  symo_free(bytes);
  return status;
}

symo_status symo_file_set_aside(symo_context *context, const char *path, char **kept) {
  enum { MOST = 100 };
  struct stat info;
  const size_t room = strlen(path) + 24;
  char *name = symo_malloc(room);
  if (name == NULL) return symo_fail_memory(context, path);
  (void)snprintf(name, room, "%s.damaged", path);
  for (int i = 2; i < MOST && lstat(name, &info) == 0; i++)
    (void)snprintf(name, room, "%s.damaged-%d", path, i);
  if (rename(path, name) == 0) {
    *kept = name;
    return SYMO_OK;
  }
  symo_free(name);
  return symo_file_fail(context, path, "be given another name", errno);
}

symo_status symo_file_skip_mark(symo_context *context, const char *where, const char **text,
                                size_t *length) {
  const char *t = *text;
  if (*length >= 3 && memcmp(t, "\xEF\xBB\xBF", 3) == 0) *text += 3, *length -= 3;
  if (*length < 2 || (memcmp(t, "\xFF\xFE", 2) != 0 && memcmp(t, "\xFE\xFF", 2) != 0))
    return SYMO_OK;
  return symo_fail(context, SYMO_E_FORMAT, "%s: begins as UTF-16 text does (save it as UTF-8)",
                   where);
}

bool symo_file_is_stream(const char *path) {
  static const char *const folders[] = {"/dev/", "/proc/"};
  struct stat info;
  for (size_t i = 0; i < sizeof folders / sizeof *folders; ++i)
    if (strncmp(path, folders[i], strlen(folders[i])) == 0) return true;
  return stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

symo_status symo_file_open(symo_context *context, const char *path, int *fd, uint64_t *size) {
  /* O_NONBLOCK: opening a named pipe must not wait for a writer; it means nothing for files. */
  int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0) return symo_file_fail(context, path, "open", errno);
  struct stat info;
  int error = fstat(opened, &info) != 0 ? errno : 0;
  if (error != 0 || !S_ISREG(info.st_mode)) {
    symo_file_close(opened);
    if (error == 0 && S_ISDIR(info.st_mode)) error = EISDIR;
    if (error != 0) return symo_file_fail(context, path, "read", error);
    return symo_fail(context, SYMO_E_IO, "%s: not a regular file (write it to a disk first)", path);
  }
  *fd = opened;
  *size = (uint64_t)info.st_size;
  return SYMO_OK;
}

symo_status symo_file_read_at(symo_context *context, const char *path, const char *part, int fd,
                              uint64_t offset, void *data, size_t bytes) {
  char *to = data;
  while (bytes > 0) {
    ssize_t n = pread(fd, to, bytes < LARGEST_READ ? bytes : LARGEST_READ, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return symo_file_fail(context, path, "read", errno);
    if (n == 0)
      return symo_fail(context, SYMO_E_FORMAT,
                       "%s: %s: the file ends %zu %s too early (copy or make it again)", path, part,
                       bytes, symo_plural(bytes, "byte", "bytes"));
    to += n;
    offset += (uint64_t)n;
    bytes -= (size_t)n;
  }
  return SYMO_OK;
}
