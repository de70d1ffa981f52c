/* Functions of the C library that fail on demand; see shim.h.
 *
 * For the command: LD_PRELOAD=libshim.so SYMO_SHIM=KIND:AFTER:ERRNO[:always]; where the failure
 * happens, the file SYMO_SHIM_MARK is made. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "tests/support/shim.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const shim_names[SHIM_KINDS] = {
    "none", "open",   "stat", "read",   "write", "sync", "close",    "rename",
    "link", "unlink", "make", "memory", "eigh",  "svd",  "cholesky", "invert"};

static atomic_int armed = SHIM_NONE;
static atomic_long left;
static atomic_bool fired;
static int with;
static bool lasting;

void shim_arm(shim_kind kind, long after, int error, bool always) {
  atomic_store(&left, after);
  atomic_store(&fired, false);
  with = error, lasting = always;
  atomic_store(&armed, kind);
}

bool shim_disarm(void) {
  atomic_store(&armed, SHIM_NONE);
  return atomic_load(&fired);
}

static void mark(void) {
  const char *path = getenv("SYMO_SHIM_MARK");
  if (atomic_exchange(&fired, true) || path == NULL) return;
  long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0666);
  if (fd >= 0) (void)syscall(SYS_close, fd);
}

/* Whether this call of a kind is to fail, or to be short. */
bool shim_now(shim_kind kind) {
  if (atomic_load(&armed) != (int)kind) return false;
  long before = atomic_fetch_sub(&left, 1);
  if (before > 0 || (before < 0 && !lasting)) return false;
  mark();
  return true;
}

static bool fails(shim_kind kind) {
  if (!shim_now(kind)) return false;
  errno = with;
  return true;
}

/* real_NAME: the C library's own. */
#define REAL(result, name, ...)                                                                    \
  static result (*real_##name)(__VA_ARGS__);                                                       \
  if (real_##name == NULL) {                                                                       \
    void *found_ = dlsym(RTLD_NEXT, #name);                                                        \
    memcpy(&real_##name, &found_, sizeof found_);                                                  \
  }

static mode_t mode_of(int flags, va_list list) {
  return (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
}

int open(const char *path, int flags, ...) {
  REAL(int, open, const char *, int, ...)
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  return fails(SHIM_OPEN) ? -1 : real_open(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  REAL(int, openat, int, const char *, int, ...)
  va_list list;
  va_start(list, flags);
  const mode_t mode = mode_of(flags, list);
  va_end(list);
  return fails(SHIM_OPEN) ? -1 : real_openat(at, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
  REAL(FILE *, fopen, const char *, const char *)
  return fails(SHIM_OPEN) ? NULL : real_fopen(path, mode);
}

DIR *opendir(const char *path) {
  REAL(DIR *, opendir, const char *)
  return fails(SHIM_OPEN) ? NULL : real_opendir(path);
}

int stat(const char *path, struct stat *info) {
  REAL(int, stat, const char *, struct stat *)
  return fails(SHIM_STAT) ? -1 : real_stat(path, info);
}

int fstat(int fd, struct stat *info) {
  REAL(int, fstat, int, struct stat *)
  return fails(SHIM_STAT) ? -1 : real_fstat(fd, info);
}

int fchmod(int fd, mode_t mode) {
  REAL(int, fchmod, int, mode_t)
  return fails(SHIM_STAT) ? -1 : real_fchmod(fd, mode);
}

/* How many bytes a call takes; 0 bytes of some: it fails. */
static size_t taken(shim_kind kind, size_t bytes) {
  if (!shim_now(kind)) return bytes;
  errno = with;
  return with != 0 ? 0 : bytes > 1 ? bytes / 2 : bytes;
}

ssize_t read(int fd, void *to, size_t bytes) {
  REAL(ssize_t, read, int, void *, size_t)
  const size_t n = taken(SHIM_READ, bytes);
  return n == 0 && bytes > 0 ? -1 : real_read(fd, to, n);
}

ssize_t pread(int fd, void *to, size_t bytes, off_t at) {
  REAL(ssize_t, pread, int, void *, size_t, off_t)
  const size_t n = taken(SHIM_READ, bytes);
  return n == 0 && bytes > 0 ? -1 : real_pread(fd, to, n, at);
}

ssize_t write(int fd, const void *from, size_t bytes) {
  REAL(ssize_t, write, int, const void *, size_t)
  const size_t n = fd > 2 ? taken(SHIM_WRITE, bytes) : bytes;
  return n == 0 && bytes > 0 ? -1 : real_write(fd, from, n);
}

ssize_t pwrite(int fd, const void *from, size_t bytes, off_t at) {
  REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
  const size_t n = taken(SHIM_WRITE, bytes);
  return n == 0 && bytes > 0 ? -1 : real_pwrite(fd, from, n, at);
}

/* Of streams of files; stdout and stderr are what the tests themselves look at. */
size_t fwrite(const void *from, size_t size, size_t count, FILE *file) {
  REAL(size_t, fwrite, const void *, size_t, size_t, FILE *)
  if (file != stdout && file != stderr && with != 0 && fails(SHIM_WRITE)) return 0;
  return real_fwrite(from, size, count, file);
}

int fflush(FILE *file) {
  REAL(int, fflush, FILE *)
  if (file != NULL && file != stdout && file != stderr && with != 0 && fails(SHIM_WRITE))
    return EOF;
  return real_fflush(file);
}

int fsync(int fd) {
  REAL(int, fsync, int)
  return fails(SHIM_SYNC) ? -1 : real_fsync(fd);
}

int close(int fd) {
  REAL(int, close, int)
  const int result = real_close(fd);
  return fails(SHIM_CLOSE) ? -1 : result;
}

int fclose(FILE *file) {
  REAL(int, fclose, FILE *)
  const int result = real_fclose(file);
  return fails(SHIM_CLOSE) ? EOF : result;
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *)
  return fails(SHIM_RENAME) ? -1 : real_rename(from, to);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
  REAL(int, linkat, int, const char *, int, const char *, int)
  return fails(SHIM_LINK) ? -1 : real_linkat(from_at, from, to_at, to, flags);
}

int unlink(const char *path) {
  REAL(int, unlink, const char *)
  return fails(SHIM_UNLINK) ? -1 : real_unlink(path);
}

int unlinkat(int at, const char *path, int flags) {
  REAL(int, unlinkat, int, const char *, int)
  return fails(SHIM_UNLINK) ? -1 : real_unlinkat(at, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t)
  return fails(SHIM_MAKE) ? -1 : real_mkdir(path, mode);
}

int ftruncate(int fd, off_t length) {
  REAL(int, ftruncate, int, off_t)
  return fails(SHIM_MAKE) ? -1 : real_ftruncate(fd, length);
}

int flock(int fd, int operation) {
  REAL(int, flock, int, int)
  return fails(SHIM_MAKE) ? -1 : real_flock(fd, operation);
}

#ifdef SHIM_PRELOADED
void *aligned_alloc(size_t alignment, size_t bytes) {
  REAL(void *, aligned_alloc, size_t, size_t)
  return fails(SHIM_MEMORY) ? NULL : real_aligned_alloc(alignment, bytes);
}

static void *counted(size_t bytes) { return fails(SHIM_MEMORY) ? NULL : malloc(bytes); }
extern void json_set_alloc_funcs(void *(*take)(size_t), void (*give)(void *));
#pragma weak json_set_alloc_funcs

__attribute__((constructor)) static void begin(void) {
  char kind[16] = "", always[16] = "";
  long after = 0;
  int error = 0;
  const char *text = getenv("SYMO_SHIM");
  if (text == NULL || sscanf(text, "%15[a-z]:%ld:%d:%15[a-z]", kind, &after, &error, always) < 3)
    return;
  if (json_set_alloc_funcs != NULL) json_set_alloc_funcs(counted, free);
  for (int k = SHIM_NONE + 1; k < SHIM_KINDS; k++)
    if (strcmp(kind, shim_names[k]) == 0) shim_arm((shim_kind)k, after, error, always[0] != '\0');
}
#endif
