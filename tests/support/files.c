/* Files for the tests of io/. */
#include "tests/support/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/testing.h"

unsigned char *symo_test_slurp(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  cr_assert(file != NULL, "cannot open %s", path);
  cr_assert(fseek(file, 0, SEEK_END) == 0);
  long length = ftell(file);
  cr_assert(length >= 0 && fseek(file, 0, SEEK_SET) == 0);
  unsigned char *bytes = malloc((size_t)length + 1);
  cr_assert(bytes != NULL);
  cr_assert(fread(bytes, 1, (size_t)length, file) == (size_t)length);
  bytes[length] = 0;
  fclose(file);
  *size = (size_t)length;
  return bytes;
}

size_t symo_test_count_files(void) {
  DIR *dir = opendir(symo_test_dir());
  cr_assert(dir != NULL);
  size_t count = 0;
  for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
  closedir(dir);
  return count;
}

void symo_test_craft(const char *path, const char *header, uint64_t announced, size_t data_bytes) {
  size_t length = strlen(header);
  unsigned char *bytes = calloc(1, 8 + length + data_bytes);
  cr_assert(bytes != NULL);
  memcpy(bytes, &announced, 8);
  memcpy(bytes + 8, header, length);
  symo_test_write(path, bytes, 8 + length + data_bytes);
  free(bytes);
}

void symo_test_space(const char *space, char text[SYMO_TEST_SPACE_TEXT]) {
  int n = snprintf(text, SYMO_TEST_SPACE_TEXT,
                   "{\"spaces\": {\"h\": %s},\n"
                   " \"tensors\": [{\"name\": \"w\", \"axes\": [\"h\", \"h\"]},\n"
                   "             {\"name\": \"b\", \"axes\": [\"h\"]}]}\n",
                   space);
  cr_assert(n > 0 && n < SYMO_TEST_SPACE_TEXT);
}
