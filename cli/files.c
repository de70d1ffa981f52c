/* Directories, whole-file output, the clock and the memory of the machine. */
#include "cli/parse.h"

#include "core/alloc.h"
#include "core/error.h"
#include "core/number.h"
#include "io/atomic.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- directories ---- */

static bool is_directory(const char *path) {
  struct stat s;
  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static int fail_directory(cli *c, const char *path, const char *why) {
  return cli_fail(c, CLI_IO, "%s: cannot be made a directory to write in: %s (choose another one)",
                  path, why);
}

int cli_make_directory(cli *c, const char *path) {
  char *copy = symo_strdup(path);
  if (!copy) return cli_fail_status(c, symo_fail_memory(c->context, path));
  int code = CLI_DONE;
  for (char *p = copy + (*copy == '/'); code == CLI_DONE; p++) {
    if (*p && *p != '/') continue;
    char kept = *p;
    *p = '\0';
    /* Another process may make it at the same time. */
    if (*copy && mkdir(copy, 0777) != 0) {
      int why = errno;
      if (!is_directory(copy)) code = fail_directory(c, path, strerror(why));
    }
    *p = kept;
    if (!kept) break;
  }
  symo_free(copy);
  if (code == CLI_DONE && access(path, W_OK | X_OK) != 0)
    code = fail_directory(c, path, strerror(errno));
  return code;
}

char *cli_join(const char *directory, const char *name) {
  size_t length = strlen(directory);
  bool slash = length > 0 && directory[length - 1] != '/';
  size_t bytes = length + strlen(name) + 2;
  char *out = symo_malloc(bytes);
  if (out) (void)snprintf(out, bytes, "%s%s%s", directory, slash ? "/" : "", name);
  return out;
}

/* ---- whole files ---- */

int cli_write_file(cli *c, const char *path, const void *bytes, size_t size) {
  symo_status status = symo_file_write(c->context, path, bytes, size);
  return status == SYMO_OK ? CLI_DONE : cli_fail_status(c, status);
}

int cli_write_json(cli *c, const char *path, json_t *value) {
  size_t length = 0;
  char *text = cli_dump_json(c, value, &length);
  int code = text ? cli_write_file(c, path, text, length)
                  : cli_fail_status(c, symo_fail_memory(c->context, path));
  symo_free(text);
  return code;
}

/* ---- time and machine ---- */

double cli_seconds(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return 0;
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The whole number behind `key` on the first line of the file that begins with it, as in
 * "MemAvailable: 12345 kB"; `otherwise` where there is none, as in "max". */
static double read_amount(const char *path, const char *key, double otherwise) {
  FILE *f = fopen(path, "r");
  char line[256];
  uint64_t amount;
  bool found = false;
  while (f && !found && fgets(line, sizeof line, f)) {
    if (strncmp(line, key, strlen(key)) != 0) continue;
    const char *p = line + strlen(key), *end;
    found = symo_whole_read(p + strspn(p, " \t"), &end, UINT64_MAX, &amount);
  }
  if (f) (void)fclose(f);
  return found ? (double)amount : otherwise;
}

/* What the control group leaves.  Its usage counts the page cache, which makes room when it has to.
 */
static double group_available(void) {
  double limit = read_amount("/sys/fs/cgroup/memory.max", "", INFINITY);
  double used = read_amount("/sys/fs/cgroup/memory.current", "", INFINITY);
  double cache = read_amount("/sys/fs/cgroup/memory.stat", "file ", 0);
  return isfinite(limit) && isfinite(used) ? fmax(0, limit - used + cache) : INFINITY;
}

double cli_memory_available(void) {
  double machine = 1024 * read_amount("/proc/meminfo", "MemAvailable:", INFINITY);
  double bytes = fmin(machine, group_available());
  if (isfinite(bytes)) return bytes;
#ifdef _SC_PHYS_PAGES
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return (double)pages * (double)page;
#endif
  return INFINITY;
}
