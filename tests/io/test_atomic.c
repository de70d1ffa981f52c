/* Files that are there as a whole or not at all. */
#include "io/atomic.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static void expect_content(const char *path, const char *text) {
  size_t size;
  unsigned char *bytes = symo_test_slurp(path, &size);
  cr_assert(size == strlen(text) && memcmp(bytes, text, size) == 0, "%s holds \"%s\"", path,
            (char *)bytes);
  free(bytes);
}

Test(io_atomic, replaces_a_file_and_keeps_its_permissions) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt");
  symo_test_write(path, "old", 3);
  cr_assert(chmod(path, 0640) == 0);
  cr_ok(context, symo_file_write(context, path, "newer", 5));
  expect_content(path, "newer");
  struct stat info;
  cr_assert(stat(path, &info) == 0 && (info.st_mode & 07777) == 0640);
  cr_assert(symo_test_count_files() == 1);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, leaves_the_old_file_until_it_is_committed) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt");
  symo_test_write(path, "old", 3);
  symo_atomic *file = NULL;
  cr_ok(context, symo_atomic_open(context, path, &file));
  cr_ok(context, symo_atomic_write(file, "new", 3));
  expect_content(path, "old");
  cr_assert(symo_test_count_files() == 2);
  symo_atomic_destroy(file);
  cr_assert(symo_test_count_files() == 1);
  expect_content(path, "old");
  symo_atomic_destroy(NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, two_writers_do_not_meet) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt");
  symo_atomic *one = NULL, *two = NULL;
  cr_ok(context, symo_atomic_open(context, path, &one));
  cr_ok(context, symo_atomic_open(context, path, &two));
  cr_ok(context, symo_atomic_write(one, "one", 3));
  cr_ok(context, symo_atomic_write(two, "two", 3));
  cr_ok(context, symo_atomic_commit(two));
  cr_ok(context, symo_atomic_commit(one));
  symo_atomic_destroy(one);
  symo_atomic_destroy(two);
  expect_content(path, "one");
  cr_assert(symo_test_count_files() == 1);
  symo_context_destroy(context);
}

Test(io_atomic, a_relative_path_and_a_link) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt"), *link = symo_test_path("link");
  cr_assert(chdir(symo_test_dir()) == 0);
  cr_ok(context, symo_file_write(context, "a.txt", "one", 3));
  expect_content(path, "one");
  cr_assert(symlink("a.txt", link) == 0);
  cr_ok(context, symo_file_write(context, link, "two", 3));
  expect_content(path, "two");
  struct stat info;
  cr_assert(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
  cr_assert(chdir("/") == 0);
  symo_context_destroy(context);
}

/* Writing beyond the limit on file sizes fails as a full disk does, for root as well. */
Test(io_atomic, a_full_disk_leaves_nothing_behind) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("big.bin");
  struct rlimit limit = {1000, 1000};
  char *bytes = calloc(1, 100000);
  symo_test_write(path, "old", 3);
  signal(SIGXFSZ, SIG_IGN);
  cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  cr_fails(context, SYMO_E_IO,
           "big.bin: cannot write: ", symo_file_write(context, path, bytes, 100000));
  expect_content(path, "old");
  cr_assert(symo_test_count_files() == 1);
  symo_atomic *file = NULL;
  cr_ok(context, symo_atomic_open(context, path, &file));
  cr_assert(symo_atomic_write(file, bytes, 100000) == SYMO_E_IO);
  cr_fails(context, SYMO_E_IO, "writing failed before", symo_atomic_commit(file));
  symo_atomic_destroy(file);
  expect_content(path, "old");
  free(bytes);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, keeps_what_is_replaced) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt"), *kept = symo_test_path("kept.txt");
  symo_atomic *file = NULL;
  symo_test_write(path, "one", 3);
  cr_ok(context, symo_atomic_keep(context, path, kept, &file));
  cr_ok(context, symo_file_write(context, path, "two", 3));
  cr_assert(access(kept, F_OK) != 0);
  cr_ok(context, symo_atomic_commit(file));
  symo_atomic_destroy(file);
  expect_content(path, "two");
  expect_content(kept, "one");
  /* Nothing follows: both stay as they are. */
  cr_ok(context, symo_atomic_keep(context, path, kept, &file));
  cr_assert(symo_test_count_files() == 3);
  symo_atomic_destroy(file);
  expect_content(kept, "one");
  /* Two names of one file. */
  cr_assert(unlink(kept) == 0 && link(path, kept) == 0);
  cr_ok(context, symo_atomic_keep(context, path, kept, &file));
  cr_ok(context, symo_atomic_commit(file));
  symo_atomic_destroy(file);
  cr_assert(symo_test_count_files() == 2);
  expect_content(kept, "two");
  cr_assert(unlink(path) == 0);
  cr_fails(context, SYMO_E_IO, "No such file", symo_atomic_keep(context, path, kept, &file));
  cr_assert(symo_test_count_files() == 1);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, keeps_a_copy_from_another_file_system) {
  struct stat here, there;
  char path[] = "/dev/shm/symo-test-XXXXXX";
  const int fd = mkstemp(path);
  if (fd < 0 || fstat(fd, &there) != 0 || stat(symo_test_dir(), &here) != 0 ||
      here.st_dev == there.st_dev) {
    if (fd >= 0) unlink(path);
    cr_skip("no other file system");
  }
  symo_context *context = symo_test_context();
  symo_atomic *file = NULL;
  char *bytes = calloc(1, 100001);
  memset(bytes, 'x', 100000);
  symo_test_write(path, bytes, 100000);
  const char *kept = symo_test_path("kept.txt");
  cr_ok(context, symo_atomic_keep(context, path, kept, &file));
  cr_ok(context, symo_atomic_commit(file));
  symo_atomic_destroy(file);
  expect_content(kept, bytes);
  close(fd);
  unlink(path);
  free(bytes);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, devices_are_written_to_and_not_replaced) {
  struct stat info;
  if (stat("/dev/full", &info) != 0 || !S_ISCHR(info.st_mode)) cr_skip("no /dev/full");
  symo_context *context = symo_test_context();
  cr_fails(context, SYMO_E_IO, "No space left on device",
           symo_file_write(context, "/dev/full", "x", 1));
  cr_ok(context, symo_file_write(context, "/dev/null", "x", 1));
  cr_assert(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode));
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, says_why_it_cannot_write) {
  symo_context *context = symo_test_context();
  symo_test_write(symo_test_path("file"), "x", 1);
  cr_fails(context, SYMO_E_IO, "no/such/place: cannot make a file beside it: No such file",
           symo_file_write(context, symo_test_path("no/such/place"), "x", 1));
  cr_fails(context, SYMO_E_IO, "file/below: cannot write: Not a directory",
           symo_file_write(context, symo_test_path("file/below"), "x", 1));
  cr_fails(context, SYMO_E_IO, "Is a directory", symo_file_write(context, symo_test_dir(), "x", 1));
  if (geteuid() != 0) {
    cr_assert(mkdir(symo_test_path("locked"), 0500) == 0);
    cr_fails(context, SYMO_E_IO, "Permission denied",
             symo_file_write(context, symo_test_path("locked/a"), "x", 1));
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(io_atomic, a_name_that_is_too_long) {
  symo_context *context = symo_test_context();
  char name[400];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  cr_fails(context, SYMO_E_IO, "File name too long",
           symo_file_write(context, symo_test_path(name), "x", 1));
  name[255] = '\0'; /* the longest there is */
  cr_ok(context, symo_file_write(context, symo_test_path(name), "x", 1));
  cr_assert(symo_test_count_files() == 1);
  symo_context_destroy(context);
}

Test(io_atomic, reading_says_why_it_cannot) {
  symo_context *context = symo_test_context();
  char *data = NULL;
  size_t length = 0;
  int fd = -1;
  uint64_t size = 0;
  cr_fails(context, SYMO_E_IO, "none: cannot open: No such file",
           symo_file_read_all(context, symo_test_path("none"), 100, &data, &length));
  cr_fails(context, SYMO_E_IO, "Is a directory",
           symo_file_read_all(context, symo_test_dir(), 100, &data, &length));
  cr_fails(context, SYMO_E_IO, "Is a directory",
           symo_file_open(context, symo_test_dir(), &fd, &size));
  cr_fails(context, SYMO_E_IO, "not a regular file",
           symo_file_open(context, "/dev/null", &fd, &size));
  cr_assert(mkfifo(symo_test_path("pipe"), 0600) == 0);
  cr_fails(context, SYMO_E_IO, "not a regular file",
           symo_file_open(context, symo_test_path("pipe"), &fd, &size));
  symo_test_write(symo_test_path("long"), "0123456789", 10);
  cr_fails(context, SYMO_E_SIZE, "more than 9 bytes",
           symo_file_read_all(context, symo_test_path("long"), 9, &data, &length));
  cr_ok(context, symo_file_read_all(context, symo_test_path("long"), 10, &data, &length));
  cr_assert(length == 10 && strcmp(data, "0123456789") == 0);
  symo_free(data);
  cr_assert(fd == -1);
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status write_once(void *self) {
  return symo_file_write(self, symo_test_path("a.txt"), "text", 4);
}

Test(io_atomic, survives_failing_allocations) {
  symo_context *context = symo_test_context();
  cr_assert(symo_test_allocations(write_once, context) >= 3);
  cr_assert(symo_test_count_files() == 1);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* What a handler of signals does: the temporary file goes, the old one stays. */
Test(io_atomic, abandoned_files_go) {
  symo_context *context = symo_test_context();
  const char *path = symo_test_path("a.txt");
  symo_atomic *file = NULL;
  symo_test_write(path, "old", 3);
  cr_ok(context, symo_atomic_open(context, path, &file));
  cr_ok(context, symo_atomic_write(file, "new", 3));
  cr_assert(symo_test_count_files() == 2);
  symo_atomic_abandon();
  cr_assert(symo_test_count_files() == 1);
  symo_atomic_destroy(file);
  symo_atomic_abandon(); /* there is none */
  expect_content(path, "old");
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Those of processes that are gone; not those of living ones, nor what has another name. */
Test(io_atomic, a_folder_is_swept) {
  symo_context *context = symo_test_context();
  char own[64];
  snprintf(own, sizeof own, ".symo-%ld-77.tmp", (long)getpid());
  const char *const kept[] = {own, ".symo-1-0.tmp", ".symo-x-0.tmp", ".symo-999999999.tmp",
                              "a.tmp"};
  symo_atomic *file = NULL;
  symo_test_write(symo_test_path(".symo-999999999-0.tmp"), "x", 1);
  symo_test_write(symo_test_path(".symo-999999998-12.tmp"), "x", 1);
  for (size_t i = 0; i < 5; i++) symo_test_write(symo_test_path(kept[i]), "x", 1);
  cr_ok(context, symo_atomic_open(context, symo_test_path("b.txt"), &file));
  symo_atomic_sweep(symo_test_dir());
  cr_assert(symo_test_count_files() == 6, "%zu", (size_t)symo_test_count_files());
  for (size_t i = 0; i < 5; i++)
    cr_assert(access(symo_test_path(kept[i]), F_OK) == 0, "%s", kept[i]);
  cr_ok(context, symo_atomic_commit(file));
  symo_atomic_destroy(file);
  symo_atomic_sweep("no such folder");
  symo_context_destroy(context);
  cr_no_leaks();
}
