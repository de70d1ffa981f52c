/* The seeds of every target, inputs that once were a fault among them, and neighbours of theirs:
 * each seed cut off at some places, and with some bytes changed, always the same ones. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/targets.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

enum { CUTS = 24, CHANGES = 60, LARGEST = 1 << 16 };

static void neighbours(void (*target)(const uint8_t *, size_t), const uint8_t *seed, size_t size) {
  static const uint8_t bytes[] = {0, 0xff, 0x80, '"', '{', ']', ',', '9', '-', '\n', ' ', 'e'};
  uint8_t *copy = malloc(size + 1);
  uint32_t at = 12345;
  target(seed, size);
  for (size_t i = 0; i < CUTS && i < size; i++) target(seed, size * i / CUTS);
  for (size_t i = 0; i < CHANGES && size > 0; i++) {
    memcpy(copy, seed, size);
    at = at * 1664525u + 1013904223u; /* Numerical Recipes' */
    copy[(at >> 8) % size] = i % 3 == 0 ? (uint8_t)(copy[(at >> 8) % size] ^ (1u << at % 8))
                                        : bytes[(at >> 4) % sizeof bytes];
    target(copy, size);
  }
  free(copy);
}

static void run_seeds(const char *name, void (*target)(const uint8_t *, size_t)) {
  const char *source = getenv("SOURCE");
  char folder[512], path[1024];
  size_t count = 0, size;
  snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", source != NULL ? source : ".", name);
  DIR *directory = opendir(folder);
  cr_assert(directory != NULL, "no %s", folder);
  freopen("/dev/null", "w", stderr); /* the command line prints what is wrong with it */
  for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    uint8_t *seed = symo_test_slurp(path, &size);
    cr_assert(size <= LARGEST, "%s is large", path);
    neighbours(target, seed, size);
    free(seed);
    count++;
  }
  closedir(directory);
  cr_assert(count >= 2, "only %zu seeds in %s", count, folder);
}

#define FUZZ_TEST(name)                                                                            \
  Test(fuzz, name) { run_seeds(#name, fuzz_##name); }
FUZZ_TARGETS(FUZZ_TEST)
