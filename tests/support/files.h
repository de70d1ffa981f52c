#ifndef SYMO_TESTS_SUPPORT_FILES_H
#define SYMO_TESTS_SUPPORT_FILES_H

#include <stddef.h>
#include <stdint.h>

/* The bytes of a file; the caller frees them (free).  The test fails if it cannot be read. */
unsigned char *symo_test_slurp(const char *path, size_t *size);

/* How many files the directory of the test holds. */
size_t symo_test_count_files(void);

/* A safetensors file: the header as it is, its announced length, then `data_bytes` zeros. */
void symo_test_craft(const char *path, const char *header, uint64_t announced, size_t data_bytes);

/* text := a layout file with one space "h", which is this JSON object. */
enum { SYMO_TEST_SPACE_TEXT = 4096 };
void symo_test_space(const char *space, char text[SYMO_TEST_SPACE_TEXT]);

#endif
