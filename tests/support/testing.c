/* Helpers of the tests; see testing.h. */
#include "tests/support/testing.h"

#include <criterion/hooks.h>
#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc_faults.h"

/* A limit for every test that has none of its own, $TEST_TIMEOUT seconds: Criterion's own --timeout
 * waits for ever for the test that it ends. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests) {
  const char *text = getenv("TEST_TIMEOUT");
  double seconds = text != NULL ? atof(text) : 300;
  FOREACH_SET(struct criterion_suite_set * set, tests->suites) {
    FOREACH_SET(struct criterion_test * test, set->tests) {
      if (test->data->timeout <= 0) test->data->timeout = seconds;
    }
  }
}

symo_context *symo_test_context(void) {
  symo_context *context = NULL;
  cr_assert(symo_context_create(&context) == SYMO_OK, "no context");
  return context;
}

symo_rng *symo_test_rng(symo_context *context, uint64_t seed) {
  symo_rng *rng = NULL;
  cr_ok(context, symo_rng_create(context, seed, &rng));
  return rng;
}

static double element(symo_dtype dtype, const void *x, size_t i) {
  return dtype == SYMO_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

/* Sums in long double: no overflow at 1e200. */
double symo_test_rel_dtype(symo_dtype dtype, const void *a, const double *b, size_t n) {
  long double above = 0, below = 0;
  for (size_t i = 0; i < n; i++) {
    long double difference = (long double)element(dtype, a, i) - (long double)b[i];
    above += difference * difference;
    below += (long double)b[i] * (long double)b[i];
  }
  if (!isfinite(above) || !isfinite(below)) return INFINITY;
  if (above == 0) return 0;
  return below > 0 ? (double)sqrtl(above / below) : INFINITY;
}

double symo_test_rel(const double *a, const double *b, size_t n) {
  return symo_test_rel_dtype(SYMO_F64, a, b, n);
}

double symo_test_bound(symo_dtype dtype, size_t n, double condition) {
  return 10 * (double)n * (dtype == SYMO_F32 ? FLT_EPSILON : DBL_EPSILON) * condition;
}

double symo_test_max(const double *x, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(x[i])) return INFINITY;
    most = fmax(most, fabs(x[i]));
  }
  return most;
}

void symo_test_randn(symo_rng *rng, double *x, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] = symo_rng_normal(rng);
}

void symo_test_narrow(const double *from, float *to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

void symo_test_widen(const float *from, double *to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (double)from[i];
}

void symo_test_pack(symo_dtype dtype, const double *from, void *to, size_t n) {
  if (dtype == SYMO_F32)
    symo_test_narrow(from, to, n);
  else
    memcpy(to, from, n * sizeof *from);
}

void symo_test_unpack(symo_dtype dtype, const void *from, double *to, size_t n) {
  if (dtype == SYMO_F32)
    symo_test_widen(from, to, n);
  else
    memcpy(to, from, n * sizeof *to);
}

/* ---- files ---- */

static char directory[512];

static void remove_tree(const char *path) {
  DIR *dir = opendir(path);
  if (dir != NULL) {
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
      char inner[1024];
      snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
      struct stat info;
      if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
        remove_tree(inner);
      else
        unlink(inner);
    }
    closedir(dir);
  }
  rmdir(path);
}

static void remove_directory(void) { remove_tree(directory); }

const char *symo_test_dir(void) {
  if (directory[0] != '\0') return directory;
  const char *base = getenv("TMPDIR");
  snprintf(directory, sizeof directory, "%s/symo-test-XXXXXX", base != NULL ? base : "/tmp");
  cr_assert(mkdtemp(directory) != NULL, "cannot make %s", directory);
  atexit(remove_directory);
  return directory;
}

const char *symo_test_path(const char *name) {
  static char ring[8][1024];
  static unsigned next;
  char *path = ring[next++ % 8];
  snprintf(path, sizeof ring[0], "%s/%s", symo_test_dir(), name);
  return path;
}

void symo_test_write(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  cr_assert(file != NULL, "cannot open %s", path);
  size_t written = fwrite(bytes, 1, size, file);
  cr_assert(fclose(file) == 0 && written == size, "cannot write %s", path);
}

/* ---- failing allocations ---- */

/* With all allocations failing behind those that are allowed, and with one failing alone. */
size_t symo_test_allocations(symo_status (*operation)(void *self), void *self) {
  enum { MOST = 100000 };
  for (int alone = 0; alone < 2; alone++)
    for (long allowed = 0;; allowed++) {
      size_t before = symo_alloc_live_blocks();
      (alone ? symo_alloc_fail_once : symo_alloc_fail_after)(allowed);
      symo_status status = operation(self);
      const bool refused = symo_alloc_refused() > 0;
      symo_alloc_fail_after(-1);
      size_t after = symo_alloc_live_blocks();
      cr_assert(after == before, "%ld allocations: %zu live blocks, %zu before", allowed, after,
                before);
      cr_assert(allowed < MOST, "no success within %d allocations", (int)MOST);
      if (alone && !refused) return (size_t)allowed;
      if (!alone && status == SYMO_OK) break;
      cr_assert(status == SYMO_E_MEMORY, "%ld allocations%s: %s instead of SYMO_E_MEMORY", allowed,
                alone ? ", one alone" : "", symo_status_name(status));
    }
  return 0;
}
