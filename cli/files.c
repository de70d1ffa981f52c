/* Directories, whole-file output, the clock and the memory of the machine. */
#include "cli/parse.h"

#include "core/alloc.h"
#include "core/error.h"
#include "io/atomic.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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

/* What the kernel says can be had, and no more than the control group leaves. */
static double read_number(const char *path) {
  FILE *f = fopen(path, "r");
  double value = INFINITY;
  if (!f) return value;
  char word[64] = "";
  if (fscanf(f, "%63s", word) == 1) {
    char *end = NULL;
    double x = strtod(word, &end);
    if (end != word && *end == '\0') value = x; /* "max" stays unlimited */
  }
  (void)fclose(f);
  return value;
}

static double meminfo_available(void) {
  FILE *f = fopen("/proc/meminfo", "r");
  if (!f) return INFINITY;
  char line[256];
  double kilobytes = INFINITY, x = 0;
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "MemAvailable: %lf kB", &x) == 1) kilobytes = x;
  (void)fclose(f);
  return kilobytes * 1024;
}

/* The page cache is counted as used there, but makes room when it has to. */
static double group_available(void) {
  double limit = read_number("/sys/fs/cgroup/memory.max");
  double used = read_number("/sys/fs/cgroup/memory.current");
  FILE *f = fopen("/sys/fs/cgroup/memory.stat", "r");
  char line[256];
  double cache = 0, x = 0;
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "file %lf", &x) == 1) cache = x;
  if (f) (void)fclose(f);
  return isfinite(limit) && isfinite(used) ? fmax(0, limit - used + cache) : INFINITY;
}

double cli_memory_available(void) {
  double bytes = fmin(meminfo_available(), group_available());
  if (isfinite(bytes)) return bytes;
#ifdef _SC_PHYS_PAGES
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return (double)pages * (double)page;
#endif
  return INFINITY;
}
