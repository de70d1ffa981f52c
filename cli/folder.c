/* Folders with one writing process at a time. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* flock */
#endif
#ifndef _DARWIN_C_SOURCE
#define _DARWIN_C_SOURCE
#endif
#include "cli/folder.h"
#include "cli/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/error.h"
#include "io/atomic.h"
#include "io/file.h"

static int in_use(cli *c, const char *directory, int fd) {
  char who[32] = "";
  const ssize_t length = pread(fd, who, sizeof who - 1, 0);
  who[length > 0 ? length : 0] = '\0';
  who[strspn(who, "0123456789")] = '\0';
  return cli_fail(c, CLI_IO,
                  "%s: %s%s is writing there (wait until it has ended, or choose another folder)",
                  directory, who[0] != '\0' ? "process " : "another process", who);
}

static int fail(cli *c, const char *path, const char *doing) {
  return cli_fail(c, CLI_IO, "%s: cannot be %s: %s (choose another folder)", path, doing,
                  strerror(errno));
}

/* Whether the path still names the open file: unlocking removes the file. */
static bool is_file(int fd, const char *path) {
  struct stat ours, there;
  return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
         ours.st_dev == there.st_dev;
}

static int lock(cli *c, const char *directory, cli_folder *folder) {
  char who[32], *path = cli_join(directory, ".symo-lock");
  int fd = -1, code = CLI_DONE;
  if (path == NULL) return cli_fail_status(c, symo_fail_memory(cli_context(c), directory));
  while (fd < 0 && code == CLI_DONE) {
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
      code = fail(c, path, "made");
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      code = errno == EWOULDBLOCK ? in_use(c, directory, fd) : fail(c, path, "locked");
    } else if (!is_file(fd, path)) {
      close(fd);
      fd = -1;
    }
  }
  if (code != CLI_DONE) {
    if (fd >= 0) close(fd);
    symo_free(path);
    return code;
  }
  const int length = snprintf(who, sizeof who, "%ld\n", (long)getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, who, (size_t)length, 0) != length)
    errno = 0; /* only for the message of others */
  *folder = (cli_folder){fd, path};
  symo_atomic_remember(path);
  symo_atomic_sweep(directory);
  return CLI_DONE;
}

/* A signal waits until the file is among those that it removes. */
int cli_folder_lock(cli *c, const char *directory, cli_folder *folder) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_BLOCK, &all, &before);
  const int code = lock(c, directory, folder);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return code;
}

void cli_folder_unlock(cli_folder *folder) {
  if (folder->path == NULL) return;
  (void)unlink(folder->path);
  symo_atomic_forget(folder->path);
  close(folder->fd);
  symo_free(folder->path);
  *folder = (cli_folder){0};
}

bool cli_folder_has(const char *directory, const char *name) {
  char path[8192]; /* no allocation: one that failed would say that there is no such file */
  const int length = snprintf(path, sizeof path, "%s/%s", directory, name);
  return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

/* ---- what was asked for ---- */

static json_t *words_json(cli *c) {
  json_t *words = json_array();
  cli_push(c, words, json_string("symo"));
  for (int i = 0; i < c->num_words; i++) cli_push(c, words, json_string(c->words[i]));
  return words;
}

/* The commands of a record that is there, an empty list where there is none.  One that is damaged goes
 * under another name. */
static int earlier(cli *c, const char *path, json_t **out) {
  char *kept = NULL;
  json_t *record = json_load_file(path, 0, NULL);
  *out = json_incref(json_object_get(record, "commands"));
  json_decref(record);
  if (json_is_array(*out)) return CLI_DONE;
  json_decref(*out);
  *out = json_array();
  if (access(path, F_OK) != 0) return CLI_DONE;
  symo_status status = symo_file_set_aside(cli_context(c), path, &kept);
  if (status != SYMO_OK) return cli_fail_status(c, status);
  cli_note(c, "%s: has no list of commands; it is kept as %s, and a new one begins", path, kept);
  symo_free(kept);
  return CLI_DONE;
}

int cli_record(cli *c, const char *directory, bool more, int threads) {
  char *path = cli_join(directory, CLI_RECORD);
  if (path == NULL) return cli_fail_memory(c);
  json_t *commands = NULL;
  int code = more ? earlier(c, path, &commands) : CLI_DONE;
  if (code != CLI_DONE) {
    json_decref(commands);
    symo_free(path);
    return code;
  }
  json_t *record = json_object(), *o = json_object();
  if (commands == NULL) commands = json_array();
  cli_set(c, o, "words", words_json(c));
  cli_set(c, o, "folder", c->folder[0] != '\0' ? json_string(c->folder) : json_null());
  cli_set(c, o, "version", json_string(symo_version()));
  cli_set(c, o, "build", json_string(symo_build_info()));
  cli_set(c, o, "threads", json_integer(threads));
  cli_push(c, commands, o);
  cli_set(c, record, "commands", commands);
  code = cli_write_json(c, path, record);
  symo_free(path);
  return code;
}
