/* Write beside, then rename.  rename() replaces the target in one step, so whoever opens it sees
 * the old file or the new one; fsync() before it keeps a crash from leaving an empty new one.
 *
 * A process that is killed leaves its temporary file.  Each is locked by its writer (flock), and
 * its name holds the writer's number, so that those which nobody writes any more can be told: the
 * number is of no process here, and the lock, which ends with the process wherever it runs, can be
 * had. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* realpath, flock */
#endif
#ifndef _DARWIN_C_SOURCE
#define _DARWIN_C_SOURCE /* flock */
#endif
#include "io/atomic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/number.h"
#include "io/file.h"

#include <symo/layout.h>

#ifndef PATH_MAX
#define PATH_MAX 4096
#endif

enum { LARGEST_WRITE = 1 << 30, TRIES = 10000, SUFFIX = 48, MOST_LIVE = 16 };

/* Names of files that are to go with the process, for symo_atomic_abandon. */
static _Atomic(char *) live[MOST_LIVE];

void symo_atomic_remember(char *name) {
  for (size_t i = 0; i < MOST_LIVE; ++i) {
    char *none = NULL;
    if (atomic_compare_exchange_strong(&live[i], &none, name)) return;
  }
}

void symo_atomic_forget(char *name) {
  for (size_t i = 0; i < MOST_LIVE; ++i) {
    char *own = name;
    if (atomic_compare_exchange_strong(&live[i], &own, NULL)) return;
  }
}

void symo_atomic_abandon(void) {
  for (size_t i = 0; i < MOST_LIVE; ++i) {
    const char *name = atomic_load(&live[i]);
    if (name != NULL) (void)unlink(name);
  }
}

struct symo_atomic {
  symo_context *context;
  char *path;   /* as the caller wrote it, for messages */
  char *target; /* what is replaced: path, or what the link `path` points to; NULL: no renaming */
  char *temporary;
  int fd, error; /* error: errno of what failed */
  bool failed;
};

static symo_status broken(symo_atomic *file, const char *doing, int error) {
  file->failed = true;
  file->error = error;
  return symo_file_fail(file->context, file->path, doing, error);
}

/* Makes file->temporary: a new file, or a second name of `existing`. */
static int make_temporary(const symo_atomic *file, const char *existing) {
  if (existing == NULL) return open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (linkat(AT_FDCWD, existing, AT_FDCWD, file->temporary, AT_SYMLINK_FOLLOW) != 0) return -1;
  int fd = open(file->temporary, O_RDONLY | O_CLOEXEC);
  int error = errno;
  if (fd < 0) (void)unlink(file->temporary);
  errno = error;
  return fd;
}

/* Opens FOLDER/.symo-PID-N.tmp for the first N that is free.  The name has nothing of the target's
 * in it, which may be as long as names can be. */
static symo_status open_temporary(symo_atomic *file, const char *existing) {
  const char *slash = strrchr(file->target, '/');
  size_t folder = slash == NULL ? 0 : (size_t)(slash - file->target) + 1;
  file->temporary = symo_malloc(folder + SUFFIX);
  if (file->temporary == NULL) return symo_fail_memory(file->context, file->path);
  memcpy(file->temporary, file->target, folder);
  for (int n = 0; n < TRIES; ++n) {
    snprintf(file->temporary + folder, SUFFIX, ".symo-%ld-%d.tmp", (long)getpid(), n);
    file->fd = make_temporary(file, existing);
    if (file->fd >= 0 || errno != EEXIST) break;
  }
  if (file->fd >= 0) {
    (void)flock(file->fd, LOCK_EX | LOCK_NB); /* not every file system can */
    symo_atomic_remember(file->temporary);
    return SYMO_OK;
  }
  int error = errno;
  symo_free(file->temporary);
  file->temporary = NULL;
  return broken(file, "make a file beside it", error);
}

static symo_status open_target(symo_atomic *file) {
  struct stat info;
  bool exists = stat(file->path, &info) == 0;
  if (!exists && errno != ENOENT) return broken(file, "write", errno);
  if (exists && S_ISDIR(info.st_mode)) return broken(file, "write", EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    file->fd = open(file->path, O_WRONLY | O_CLOEXEC);
    return file->fd >= 0 ? SYMO_OK : broken(file, "write", errno);
  }
  char resolved[PATH_MAX];
  const char *target = file->path;
  if (exists && realpath(file->path, resolved) != NULL) target = resolved;
  file->target = symo_strdup(target);
  if (file->target == NULL) return symo_fail_memory(file->context, file->path);
  symo_status status = open_temporary(file, NULL);
  /* A file that is replaced keeps its permissions, as far as the system lets us. */
  if (status == SYMO_OK && exists) (void)fchmod(file->fd, info.st_mode & 07777);
  return status;
}

/* NULL: no memory. */
static symo_atomic *make(symo_context *context, const char *path) {
  symo_atomic *file = symo_calloc(1, sizeof *file);
  if (file == NULL) return NULL;
  file->context = context;
  file->fd = -1;
  file->path = symo_strdup(path);
  if (file->path != NULL) return file;
  symo_free(file);
  return NULL;
}

symo_status symo_atomic_open(symo_context *context, const char *path, symo_atomic **out) {
  symo_atomic *file = make(context, path);
  if (file == NULL) return symo_fail_memory(context, path);
  symo_status status = open_target(file);
  if (status != SYMO_OK) {
    symo_atomic_destroy(file);
    return status;
  }
  *out = file;
  return SYMO_OK;
}

symo_status symo_atomic_write(symo_atomic *file, const void *data, size_t bytes) {
  const char *from = data;
  while (bytes > 0) {
    ssize_t n = write(file->fd, from, bytes < LARGEST_WRITE ? bytes : LARGEST_WRITE);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return broken(file, "write", errno);
    from += n;
    bytes -= (size_t)n;
  }
  return SYMO_OK;
}

/* Makes the new name last, too.  Not every file system can, and the file is whole without it. */
static void sync_folder(const char *target) {
  char folder[PATH_MAX];
  const char *slash = strrchr(target, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - target) + 1;
  if (length >= sizeof folder) return;
  memcpy(folder, target, length);
  folder[length] = '\0';
  int fd = open(length == 0 ? "." : folder, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

symo_status symo_atomic_commit(symo_atomic *file) {
  if (file->failed)
    return symo_fail(file->context, SYMO_E_IO, "%s: not put in place (writing failed before)",
                     file->path);
  /* Devices and pipes have nothing to sync. */
  if (fsync(file->fd) != 0 && file->target != NULL && errno != EINVAL && errno != ENOTSUP)
    return broken(file, "write", errno);
  int fd = file->fd;
  file->fd = -1;
  if (close(fd) != 0 && errno != EINTR) return broken(file, "write", errno);
  if (file->target == NULL) return SYMO_OK;
  if (rename(file->temporary, file->target) != 0) return broken(file, "put in place", errno);
  (void)unlink(file->temporary); /* it stays where both are names of one file */
  symo_atomic_forget(file->temporary);
  symo_free(file->temporary);
  file->temporary = NULL;
  sync_folder(file->target);
  return SYMO_OK;
}

void symo_atomic_destroy(symo_atomic *file) {
  if (file == NULL) return;
  symo_file_close(file->fd);
  if (file->temporary != NULL) {
    unlink(file->temporary);
    symo_atomic_forget(file->temporary);
  }
  symo_free(file->temporary);
  symo_free(file->target);
  symo_free(file->path);
  symo_free(file);
}

/* ---- what is replaced, under another name ---- */

static symo_status copy(symo_atomic *file, const char *existing) {
  enum { BLOCK = 1 << 14 };
  char block[BLOCK];
  int from = -1;
  uint64_t size = 0, at = 0;
  symo_status status = symo_file_open(file->context, existing, &from, &size);
  while (status == SYMO_OK && at < size) {
    const size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
    status = symo_file_read_at(file->context, existing, "copy", from, at, block, n);
    if (status == SYMO_OK) status = symo_atomic_write(file, block, n);
    at += n;
  }
  symo_file_close(from);
  return status;
}

/* Whether a second name cannot be had, while a copy could. */
static bool no_links(int error) {
  return error == EPERM || error == ENOTSUP || error == EOPNOTSUPP || error == ENOSYS ||
         error == EMLINK || error == EXDEV;
}

symo_status symo_atomic_keep(symo_context *context, const char *existing, const char *path,
                             symo_atomic **out) {
  symo_atomic *file = make(context, path);
  if (file == NULL) return symo_fail_memory(context, path);
  symo_status status;
  file->target = symo_strdup(path);
  SYMO_TRY(file->target != NULL ? SYMO_OK : symo_fail_memory(context, path));
  status = open_temporary(file, existing);
  if (status == SYMO_E_IO && no_links(file->error)) {
    file->failed = false;
    SYMO_TRY(open_temporary(file, NULL));
    status = copy(file, existing);
  }
  SYMO_TRY(status);
  *out = file;
  return SYMO_OK;
fail:
  symo_atomic_destroy(file);
  return status;
}

/* ---- all at once ---- */

symo_status symo_file_write(symo_context *context, const char *path, const void *data,
                            size_t bytes) {
  symo_atomic *file = NULL;
  symo_status status = symo_atomic_open(context, path, &file);
  if (status == SYMO_OK) status = symo_atomic_write(file, data, bytes);
  if (status == SYMO_OK) status = symo_atomic_commit(file);
  symo_atomic_destroy(file);
  return status;
}

/* ---- what others left ---- */

/* The number in ".symo-PID-N.tmp"; 0: another name. */
static long writer_of(const char *name) {
  static const char before[] = ".symo-";
  const char *end;
  uint64_t pid, number;
  if (strncmp(name, before, sizeof before - 1) != 0) return 0;
  const char *digits = name + sizeof before - 1;
  if (!symo_whole_read(digits, &end, INT_MAX, &pid) || *end != '-') return 0;
  if (!symo_whole_read(end + 1, &end, UINT64_MAX, &number)) return 0;
  return strcmp(end, ".tmp") == 0 ? (long)pid : 0;
}

/* In the folder `at`. */
static bool is_abandoned(int at, const char *name) {
  const long pid = writer_of(name);
  if (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH) return false;
  const int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  const bool free = flock(fd, LOCK_EX | LOCK_NB) == 0;
  close(fd);
  return free;
}

void symo_atomic_sweep(const char *folder) {
  DIR *directory = opendir(folder);
  if (directory == NULL) return;
  const int at = dirfd(directory);
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (is_abandoned(at, entry->d_name)) (void)unlinkat(at, entry->d_name, 0);
  closedir(directory);
}
