/* Messages, JSON, how a status becomes an exit code; directories, files, clock and memory. */
#include "cli/parse.h"
#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "core/text.h"
#include "io/atomic.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- messages ---- */

void cli_progress_end(cli *c) {
  if (!c->progress) return;
  (void)fputs("\r\033[K", stderr);
  (void)fflush(stderr);
  c->progress = false;
}

void cli_progress(cli *c, const char *format, ...) {
  if (!isatty(STDERR_FILENO) || symo_comm_rank(c->ranks) > 0) return;
  char line[160];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(line, sizeof line, format, args);
  va_end(args);
  (void)fprintf(stderr, "\r\033[K%.79s", line);
  (void)fflush(stderr);
  c->progress = true;
}

/* Control characters, as in file names, are replaced: the message is one line. */
static void print_line(cli *c, const char *prefix, char *text) {
  for (char *p = text; *p; p++)
    if ((unsigned char)*p < ' ' || *p == 0x7f) *p = *p == '\n' || *p == '\t' ? ' ' : '?';
  cli_progress_end(c);
  (void)fflush(stdout);
  (void)fprintf(stderr, "%s%s\n", prefix, text);
}

void cli_note(cli *c, const char *format, ...) {
  char line[CLI_LINE];
  va_list args;
  if (symo_comm_rank(c->ranks) > 0) return;
  va_start(args, format);
  (void)vsnprintf(line, sizeof line, format, args);
  va_end(args);
  print_line(c, "symo: ", line);
}

int cli_fail(cli *c, int code, const char *format, ...) {
  char line[CLI_LINE];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (symo_comm_rank(c->ranks) == 0)
    print_line(c, "symo: error: ", line);
  else if (!c->failed)
    memcpy(c->held, line, sizeof line);
  c->failed = true;
  return code;
}

void cli_print_held(cli *c) {
  char prefix[48];
  (void)snprintf(prefix, sizeof prefix, "symo: error: process %d: ", symo_comm_rank(c->ranks));
  if (symo_comm_rank(c->ranks) > 0 && c->failed) print_line(c, prefix, c->held);
}

int cli_exit_code(symo_status status, bool from_flag) {
  static const struct {
    symo_status status;
    int data, flag;
  } rows[] = {{SYMO_OK, CLI_DONE, CLI_DONE},       {SYMO_E_ARGUMENT, CLI_DATA, CLI_USAGE},
              {SYMO_E_NAME, CLI_DATA, CLI_USAGE},  {SYMO_E_SHAPE, CLI_DATA, CLI_DATA},
              {SYMO_E_DTYPE, CLI_DATA, CLI_DATA},  {SYMO_E_NONFINITE, CLI_DATA, CLI_DATA},
              {SYMO_E_SIZE, CLI_DATA, CLI_DATA},   {SYMO_E_UNSUPPORTED, CLI_DATA, CLI_DATA},
              {SYMO_E_FORMAT, CLI_DATA, CLI_DATA}, {SYMO_E_IO, CLI_IO, CLI_IO}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (rows[i].status == status) return from_flag ? rows[i].flag : rows[i].data;
  return CLI_NUMERIC;
}

static int fail_status(cli *c, symo_status status, const char *flag) {
  const char *detail = c->context ? symo_context_detail(c->context) : "";
  bool bare = !detail || !*detail;
  return cli_fail(c, cli_exit_code(status, flag != NULL), "%s%s%s%s%s", flag ? "--" : "",
                  flag ? flag : "", flag ? ": " : (bare ? "symo: " : ""),
                  bare ? symo_strerror(status) : detail,
                  bare && status == SYMO_E_MEMORY ? " (free some, or take a smaller problem)" : "");
}

int cli_fail_status(cli *c, symo_status status) { return fail_status(c, status, NULL); }

int cli_fail_flag(cli *c, symo_status status, const char *flag) {
  return fail_status(c, status, flag);
}

int cli_fail_memory(cli *c) {
  return cli_fail(c, CLI_NUMERIC, "%s: out of memory (use a smaller problem or free some)",
                  cli_name(c));
}

int cli_unknown(cli *c, const char *what, const char *word, size_t count, const char *const *known,
                const char *hint) {
  return cli_fail(c, CLI_USAGE, "%s: there is no \"%s\"%s (%s)", what, symo_quoted(word).text,
                  symo_did_you_mean(word, count, known).text, hint);
}

/* ---- JSON ---- */

json_t *cli_number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

void cli_set(cli *c, json_t *object, const char *key, json_t *value) {
  if (json_object_set_new(object, key, value) != 0) c->broken_json = true;
}

void cli_push(cli *c, json_t *array, json_t *value) {
  if (json_array_append_new(array, value) != 0) c->broken_json = true;
}

/* jansson's 17 digits to the shortest that read back: 0.3, not 0.29999999999999999.  In place: no
 * number gets longer. */
static void shorten_numbers(char *text) {
  char *to = text;
  bool string = false;
  for (const char *p = text; *p;) {
    size_t n = string ? 0 : strspn(p, "-+.0123456789eE");
    if (n == 0 || (*p != '-' && (*p < '0' || *p > '9'))) {
      if (string && *p == '\\')
        *to++ = *p++;
      else if (*p == '"')
        string = !string;
      *to++ = *p++;
      continue;
    }
    symo_decimal number = {""};
    const char *end;
    double value;
    if (strcspn(p, ".eE") < n && symo_decimal_read(p, &end, &value)) {
      number = symo_decimal_of(value);
      if (strpbrk(number.text, ".e") == NULL)
        strcat(number.text, ".0"); /* a real number stays one */
    }
    size_t length = strlen(number.text);
    bool shorter = length > 0 && length <= n;
    memmove(to, shorter ? number.text : p, shorter ? length : n);
    to += shorter ? length : n;
    p += n;
  }
  *to = '\0';
}

/* The JSON text of the value with a newline at the end, [*length]; symo_free.  NULL: out of memory.
 * Takes the value over. */
static char *dump_json(cli *c, json_t *value, size_t *length) {
  const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(17);
  size_t n = value && !c->broken_json ? json_dumpb(value, NULL, 0, flags) : 0;
  char *text = n ? symo_malloc(n + 1) : NULL;
  if (text && json_dumpb(value, text, n, flags) != n) {
    symo_free(text);
    text = NULL;
  }
  json_decref(value);
  if (!text) return NULL;
  text[n] = '\0';
  shorten_numbers(text);
  *length = strlen(text) + 1;
  text[*length - 1] = '\n';
  return text;
}

/* The text is complete before its first byte is printed, so a failure prints nothing. */
int cli_print_json(cli *c, json_t *value) {
  size_t length = 0;
  char *text = dump_json(c, value, &length);
  if (!text) return cli_fail_status(c, symo_fail_memory(c->context, "JSON"));
  (void)fwrite(text, 1, length, stdout); /* a write error is found by the check at the end */
  symo_free(text);
  return CLI_DONE;
}

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
  char *text = dump_json(c, value, &length);
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

double cli_processor(void) {
  struct timespec t;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) != 0) return 0;
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
