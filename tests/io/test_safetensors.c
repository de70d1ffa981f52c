/* Files of named arrays: round trips of every type, and headers that lie. */
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_safetensors, .init = setup, .fini = teardown);

/* The file "x" is refused with SYMO_E_FORMAT, and the message holds `detail`. */
static void refused(const char *detail) {
  symo_safetensors *file = NULL;
  const char *path = symo_test_path("x");
  cr_fails(context, SYMO_E_FORMAT, detail, symo_safetensors_open(context, path, &file));
  cr_assert(file == NULL);
  cr_assert(strncmp(symo_context_detail(context), path, strlen(path)) == 0);
  cr_assert(strchr(symo_context_detail(context), '\n') == NULL);
}

/* The same for a file with this header and so many bytes of data. */
static void header_refused(const char *detail, const char *header, size_t data_bytes) {
  symo_test_craft(symo_test_path("x"), header, strlen(header), data_bytes);
  refused(detail);
}

/* The same for one entry "w1". */
static void entry_refused(const char *detail, const char *entry, size_t data_bytes) {
  char header[1024], expected[256];
  snprintf(header, sizeof header, "{\"w1\": %s}", entry);
  snprintf(expected, sizeof expected, "x: entry w1: %s", detail);
  header_refused(expected, header, data_bytes);
}

static const symo_safetensors_text texts[] = {{"format", "symo \"test\"\n"}, {"\xC3\xA9", ""}};

/* ---- files that are well ---- */

Test(io_safetensors, keeps_every_bit_of_every_type) {
  enum { N = 6 };
  symo_rng *rng = symo_test_rng(context, 3);
  unsigned char data[SYMO_SCALAR_COUNT][N * 8], back[N * 8];
  symo_safetensors_item items[SYMO_SCALAR_COUNT];
  char names[SYMO_SCALAR_COUNT][16];
  for (int i = 0; i < SYMO_SCALAR_COUNT; ++i) {
    for (size_t k = 0; k < sizeof data[i]; ++k)
      data[i][k] = (unsigned char)symo_rng_below(rng, 256); /* NaN payloads and all */
    snprintf(names[i], sizeof names[i], "t%d", i);
    items[i] = (symo_safetensors_item){
        .name = names[i], .type = (symo_scalar)i, .order = 2, .shape = {2, 3}, .data = data[i]};
  }
  const char *path = symo_test_path("all");
  symo_safetensors *file = NULL;
  cr_ok(context, symo_safetensors_write(context, path, 2, texts, SYMO_SCALAR_COUNT, items));
  cr_ok(context, symo_safetensors_open(context, path, &file));
  cr_assert(symo_safetensors_count(file) == SYMO_SCALAR_COUNT);
  cr_assert_str_eq(symo_safetensors_metadata(file, "format"), texts[0].value);
  cr_assert_str_eq(symo_safetensors_metadata(file, "\xC3\xA9"), "");
  cr_assert(symo_safetensors_metadata(file, "none") == NULL);
  for (int i = 0; i < SYMO_SCALAR_COUNT; ++i) {
    const symo_safetensors_entry *entry = symo_safetensors_find(file, names[i]);
    cr_assert(entry != NULL && (int)entry->type == i && entry->order == 2 && entry->count == N);
    cr_assert(entry->begin % symo_scalar_size(entry->type) == 0);
    cr_ok(context, symo_safetensors_read_raw(file, entry, back));
    cr_assert(memcmp(back, data[i], N * symo_scalar_size(entry->type)) == 0, "%s",
              symo_scalar_name(entry->type));
  }
  cr_assert(symo_safetensors_find(file, "t99") == NULL);
  symo_safetensors_close(file);
  symo_rng_destroy(rng);
}

Test(io_safetensors, the_header_is_aligned_and_the_entries_follow_each_other) {
  const double numbers[] = {1, 2, 3};
  const symo_safetensors_item items[] = {
      {.name = "bytes", .type = SYMO_SCALAR_U8, .order = 1, .shape = {3}, .data = "abc"},
      {.name = "none", .type = SYMO_SCALAR_F64, .order = 2, .shape = {0, 7}},
      {.name = "one", .type = SYMO_SCALAR_F64, .data = numbers},
      {.name = "f", .type = SYMO_SCALAR_F32, .order = 1, .shape = {1}, .data = numbers}};
  const char *path = symo_test_path("x");
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, 4, items));
  size_t size;
  unsigned char *bytes = symo_test_slurp(path, &size);
  uint64_t header;
  memcpy(&header, bytes, 8);
  cr_assert(header % 8 == 0 && size == 8 + header + 8 + 4 + 3);
  cr_assert(bytes[8] == '{' && memcmp(bytes + size - 3, "abc", 3) == 0);
  cr_assert(strstr((char *)bytes + 8, "__metadata__") == NULL);
  free(bytes);
  symo_safetensors *file = NULL;
  cr_ok(context, symo_safetensors_open(context, path, &file));
  uint64_t at = 0;
  for (size_t i = 0; i < 4; ++i) {
    cr_assert(symo_safetensors_at(file, i)->begin == at);
    at = symo_safetensors_at(file, i)->end;
  }
  const symo_safetensors_entry *one = symo_safetensors_find(file, "one");
  cr_assert(one->order == 0 && one->count == 1);
  cr_assert(symo_safetensors_find(file, "none")->count == 0);
  symo_safetensors_close(file);
}

Test(io_safetensors, an_empty_file_of_arrays) {
  symo_safetensors *file = NULL;
  const char *path = symo_test_path("x");
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, 0, NULL));
  cr_ok(context, symo_safetensors_open(context, path, &file));
  cr_assert(symo_safetensors_count(file) == 0 && symo_safetensors_find(file, "a") == NULL);
  symo_safetensors_close(file);
  symo_test_craft(path, "{}", 2, 0);
  cr_ok(context, symo_safetensors_open(context, path, &file));
  symo_safetensors_close(file);
  symo_safetensors_close(NULL);
}

/* More numbers than fit the piece that conversions go by. */
Test(io_safetensors, converts_long_arrays) {
  enum { N = 20000 };
  double *wide = malloc(N * sizeof *wide), *back = malloc(N * sizeof *back);
  float *narrow = malloc(N * sizeof *narrow);
  for (size_t i = 0; i < N; ++i) wide[i] = 1.0 / (double)(i + 1);
  symo_test_narrow(wide, narrow, N);
  const symo_safetensors_item items[] = {
      {.name = "d", .type = SYMO_SCALAR_F64, .order = 2, .shape = {200, 100}, .data = wide},
      {.name = "f", .type = SYMO_SCALAR_F32, .order = 1, .shape = {N}, .data = narrow}};
  const char *path = symo_test_path("x");
  symo_safetensors *file = NULL;
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, 2, items));
  cr_ok(context, symo_safetensors_open(context, path, &file));
  const symo_safetensors_entry *d = symo_safetensors_find(file, "d");
  const symo_safetensors_entry *f = symo_safetensors_find(file, "f");
  cr_ok(context, symo_safetensors_read(file, f, SYMO_F64, back));
  for (size_t i = 0; i < N; ++i) cr_assert(back[i] == (double)(float)wide[i]);
  memset(narrow, 0, N * sizeof *narrow);
  cr_ok(context, symo_safetensors_read(file, d, SYMO_F32, narrow));
  for (size_t i = 0; i < N; ++i) cr_assert(narrow[i] == (float)wide[i]);
  symo_safetensors_close(file);
  free(wide);
  free(back);
  free(narrow);
}

Test(io_safetensors, refuses_types_and_numbers_that_cannot_be_had) {
  double numbers[5000] = {0};
  numbers[4000] = 1e300;
  const symo_safetensors_item items[] = {
      {.name = "d", .type = SYMO_SCALAR_F64, .order = 1, .shape = {5000}, .data = numbers},
      {.name = "i", .type = SYMO_SCALAR_I64, .order = 1, .shape = {2}, .data = numbers}};
  const char *path = symo_test_path("x");
  symo_safetensors *file = NULL;
  float out[5000];
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, 2, items));
  cr_ok(context, symo_safetensors_open(context, path, &file));
  cr_fails(context, SYMO_E_DTYPE, "x: entry d: number 4000 is beyond the range of f32",
           symo_safetensors_read(file, symo_safetensors_find(file, "d"), SYMO_F32, out));
  cr_fails(context, SYMO_E_DTYPE, "x: entry i: type I64",
           symo_safetensors_read(file, symo_safetensors_find(file, "i"), SYMO_F32, out));
  /* The file is cut while it is open. */
  size_t size;
  unsigned char *bytes = symo_test_slurp(path, &size);
  symo_test_write(path, bytes, size - 40);
  free(bytes);
  double whole[5000];
  cr_fails(context, SYMO_E_FORMAT, "x: entry d: the file ends 24 bytes too early",
           symo_safetensors_read(file, symo_safetensors_find(file, "d"), SYMO_F64, whole));
  symo_safetensors_close(file);
}

Test(io_safetensors, compares_shapes) {
  const symo_safetensors_item item = {
      .name = "w", .type = SYMO_SCALAR_U8, .order = 2, .shape = {2, 3}, .data = "abcdef"};
  const char *path = symo_test_path("x");
  symo_safetensors *file = NULL;
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, 1, &item));
  cr_ok(context, symo_safetensors_open(context, path, &file));
  const symo_safetensors_entry *entry = symo_safetensors_at(file, 0);
  const size_t same[] = {2, 3}, turned[] = {3, 2}, other[] = {6};
  cr_ok(context, symo_safetensors_expect_shape(file, entry, 2, same, NULL));
  cr_fails(context, SYMO_E_SHAPE,
           "x: entry w: shape [2, 3], but [3, 2] = [h, in] is wanted (it looks transposed",
           symo_safetensors_expect_shape(file, entry, 2, turned, "[h, in]"));
  cr_fails(context, SYMO_E_SHAPE, "shape [2, 3], but [6] is wanted (check",
           symo_safetensors_expect_shape(file, entry, 1, other, NULL));
  symo_safetensors_close(file);
}

/* ---- what is not written ---- */

Test(io_safetensors, refuses_to_write_names_that_cannot_be_read) {
  const char *path = symo_test_path("x");
  symo_safetensors_item items[] = {{.name = "a", .type = SYMO_SCALAR_U8, .data = "x"},
                                   {.name = "a", .type = SYMO_SCALAR_U8, .data = "x"}};
  cr_fails(context, SYMO_E_ARGUMENT, "two entries named a",
           symo_safetensors_write(context, path, 0, NULL, 2, items));
  items[1].name = "__metadata__";
  cr_fails(context, SYMO_E_ARGUMENT, "cannot be a name",
           symo_safetensors_write(context, path, 0, NULL, 2, items));
  items[1].name = "\xff";
  cr_fails(context, SYMO_E_ARGUMENT, "cannot be a name",
           symo_safetensors_write(context, path, 0, NULL, 2, items));
  const symo_safetensors_text bad = {"key", "\xff"};
  cr_fails(context, SYMO_E_ARGUMENT, "metadata key is not UTF-8",
           symo_safetensors_write(context, path, 1, &bad, 1, items));
  items[0].order = 3;
  items[0].shape[0] = items[0].shape[1] = items[0].shape[2] = (size_t)1 << 31;
  cr_fails(context, SYMO_E_SIZE, "entry a: too large",
           symo_safetensors_write(context, path, 0, NULL, 1, items));
  cr_assert(symo_test_count_files() == 0);
}

/* ---- files that lie ---- */

Test(io_safetensors, refuses_files_that_are_too_short) {
  for (size_t size = 0; size < 8; ++size) {
    symo_test_write(symo_test_path("x"), "\2\0\0\0\0\0\0", size);
    refused("too few for a safetensors file");
  }
  symo_test_write(symo_test_path("x"), "\0\0\0\0\0\0\0\0", 8);
  refused("does not begin with '{'");
}

Test(io_safetensors, refuses_header_lengths_that_lie) {
  const uint64_t lies[] = {3,         100, 100000001, (uint64_t)1 << 40, INT64_MAX, UINT64_MAX - 7,
                           UINT64_MAX};
  for (size_t i = 0; i < sizeof lies / sizeof lies[0]; ++i) {
    symo_test_craft(symo_test_path("x"), "{}", lies[i], 0);
    size_t peak = symo_alloc_live_bytes();
    symo_alloc_reset_peak();
    refused("bytes announced");
    cr_assert(symo_alloc_peak_bytes() <= peak + 10000);
  }
}

Test(io_safetensors, refuses_headers_that_are_no_objects) {
  header_refused("header: does not begin with '{'", "[]", 0);
  header_refused("header: does not begin with '{'", "  {}", 0);
  header_refused("header: line 1, column ", "{,}", 0);
  header_refused("header: line 1, column ", "{} {}", 0);
  symo_test_craft(symo_test_path("x"), "{\"a\": 1}", 4, 0);
  refused("header: line 1, column ");
}

Test(io_safetensors, refuses_entries_that_are_no_objects) {
  entry_refused("not an object", "[1, 2]", 0);
  entry_refused("not an object", "null", 0);
}

Test(io_safetensors, refuses_missing_and_unknown_keys) {
  entry_refused("dtype is missing", "{\"shape\": [1], \"data_offsets\": [0, 8]}", 8);
  entry_refused("shape is missing", "{\"dtype\": \"F64\", \"data_offsets\": [0, 8]}", 8);
  entry_refused("data_offsets must be", "{\"dtype\": \"F64\", \"shape\": [1]}", 8);
  entry_refused("unknown key size",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [0, 8], \"size\": 1}", 8);
}

Test(io_safetensors, refuses_unknown_types) {
  entry_refused("unknown dtype F80",
                "{\"dtype\": \"F80\", \"shape\": [1], \"data_offsets\": [0, 10]}", 10);
  entry_refused("dtype is missing or no text",
                "{\"dtype\": 64, \"shape\": [1], \"data_offsets\": [0, 8]}", 8);
}

Test(io_safetensors, refuses_shapes_that_are_none) {
  entry_refused("shape has something else",
                "{\"dtype\": \"F64\", \"shape\": [-1], \"data_offsets\": [0, 8]}", 8);
  entry_refused("shape has something else",
                "{\"dtype\": \"F64\", \"shape\": [1.5], \"data_offsets\": [0, 8]}", 8);
  entry_refused("shape has something else",
                "{\"dtype\": \"F64\", \"shape\": [\"1\"], \"data_offsets\": [0, 8]}", 8);
  entry_refused("shape is missing or no list",
                "{\"dtype\": \"F64\", \"shape\": 1, \"data_offsets\": [0, 8]}", 8);
  entry_refused("9 axes, more than 8",
                "{\"dtype\": \"F64\", \"shape\": [1,1,1,1,1,1,1,1,1], \"data_offsets\": [0, 8]}",
                8);
}

Test(io_safetensors, refuses_shapes_that_overflow) {
  entry_refused("the product of the shape is beyond all measure",
                "{\"dtype\": \"U8\", \"shape\": [4294967296, 4294967296, 4294967296], "
                "\"data_offsets\": [0, 0]}",
                0);
  /* The product of the shape is 2^61, and 2^64 bytes are 0. */
  entry_refused("shape [2305843009213693952] of F64 does not take the 0 bytes",
                "{\"dtype\": \"F64\", \"shape\": [2305843009213693952], \"data_offsets\": [0, 0]}",
                0);
  header_refused("header: line 1, column ",
                 "{\"w\": {\"dtype\": \"F64\", \"shape\": [99999999999999999999]}}", 0);
}

Test(io_safetensors, a_zero_in_a_shape_makes_it_empty) {
  const char *header = "{\"w\":{\"dtype\":\"F64\",\"shape\":[4294967296,4294967296,4294967296,0],"
                       "\"data_offsets\":[0,0]}}";
  symo_safetensors *file = NULL;
  symo_test_craft(symo_test_path("x"), header, strlen(header), 0);
  cr_ok(context, symo_safetensors_open(context, symo_test_path("x"), &file));
  cr_assert(symo_safetensors_at(file, 0)->count == 0);
  symo_safetensors_close(file);
}

Test(io_safetensors, refuses_places_that_are_none) {
  entry_refused("data_offsets must be two whole numbers",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [0]}", 8);
  entry_refused("data_offsets must be two whole numbers",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [-8, 0]}", 8);
  entry_refused("data_offsets must be two whole numbers",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [0, 8.0]}", 8);
  entry_refused("data_offsets must be two whole numbers",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": \"0-8\"}", 8);
  entry_refused("data_offsets begin at 8, behind their end 0",
                "{\"dtype\": \"F64\", \"shape\": [1], \"data_offsets\": [8, 0]}", 8);
  entry_refused("ends at byte 16 of the data, but the file has 12; is it cut off?",
                "{\"dtype\": \"F64\", \"shape\": [2], \"data_offsets\": [0, 16]}", 12);
  entry_refused("ends at byte 9223372036854775807 of the data",
                "{\"dtype\": \"U8\", \"shape\": [9223372036854775807], \"data_offsets\": "
                "[0, 9223372036854775807]}",
                8);
}

Test(io_safetensors, refuses_sizes_that_do_not_agree) {
  entry_refused("shape [3] of F64 does not take the 16 bytes it has",
                "{\"dtype\": \"F64\", \"shape\": [3], \"data_offsets\": [0, 16]}", 16);
  entry_refused("shape [] of F32 does not take the 8 bytes it has",
                "{\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 8]}", 8);
}

Test(io_safetensors, refuses_overlaps_holes_and_bytes_left_over) {
  header_refused("x: entry b: begins at byte 4 of the data, inside the 8 that come before it",
                 "{\"a\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]},"
                 " \"b\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [4, 12]}}",
                 12);
  header_refused("x: entry b: begins at byte 0 of the data, inside the 8",
                 "{\"a\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]},"
                 " \"b\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]}}",
                 8);
  header_refused("x: entry b: begins at byte 9 of the data, not behind the 8 that come before it",
                 "{\"a\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]},"
                 " \"b\": {\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [9, 10]}}",
                 10);
  entry_refused("begins at byte 1 of the data, not behind the 0",
                "{\"dtype\": \"U8\", \"shape\": [1], \"data_offsets\": [1, 2]}", 2);
  header_refused("x: 9 bytes of data, of which the entries take 8",
                 "{\"a\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [0, 8]}}", 9);
  header_refused("x: 1 byte of data, of which the entries take 0", "{}", 1);
}

Test(io_safetensors, refuses_duplicate_names) {
  header_refused("header: line 1, column ",
                 "{\"a\": {\"dtype\": \"U8\", \"shape\": [0], \"data_offsets\": [0, 0]},"
                 " \"a\": {\"dtype\": \"U8\", \"shape\": [0], \"data_offsets\": [0, 0]}}",
                 0);
}

Test(io_safetensors, refuses_metadata_that_is_no_text) {
  header_refused("header: __metadata__: must be an object {...}, not a list",
                 "{\"__metadata__\": []}", 0);
  header_refused("header: __metadata__.step: must be a string, not a whole number",
                 "{\"__metadata__\": {\"step\": 3}}", 0);
}

Test(io_safetensors, refuses_text_that_is_none) {
  header_refused("header: line 1, column ", "{\"\xff\": 1}", 0);
  header_refused("header: line 1, column ", "{\"\xED\xA0\x80\": 1}", 0);
  header_refused("header: line 1, column ", "{\"a\\u0000b\": 1}", 0);
  header_refused("header: line 1, column ", "{\"\\ud800\": 1}", 0);
}

Test(io_safetensors, names_are_made_fit_for_messages) {
  char header[1000] = "{\"a\\n\\u001b[31m";
  memset(header + strlen(header), 'n', 500);
  strcat(header, "\": 1}");
  header_refused("entry a??[31mnnn", header, 0);
  cr_assert(strlen(symo_context_detail(context)) < 300);
}

Test(io_safetensors, refuses_depth_bombs) {
  enum { DEPTH = 100000 };
  char *header = malloc(5 * DEPTH + 1);
  for (size_t i = 0; i < DEPTH; ++i) memcpy(header + 5 * i, "{\"a\":", 5);
  header[5 * DEPTH] = '\0';
  header_refused("depth", header, 0);
  memset(header + 5, '[', 5 * DEPTH - 5);
  header_refused("depth", header, 0);
  free(header);
}

Test(io_safetensors, refuses_what_is_no_file) {
  symo_safetensors *file = NULL;
  cr_fails(context, SYMO_E_IO, "none: cannot open: No such file",
           symo_safetensors_open(context, symo_test_path("none"), &file));
  cr_fails(context, SYMO_E_IO, "Is a directory",
           symo_safetensors_open(context, symo_test_dir(), &file));
  cr_fails(context, SYMO_E_IO, "not a regular file",
           symo_safetensors_open(context, "/dev/zero", &file));
}

/* ---- failures ---- */

static symo_status write_and_read(void *self) {
  const double *numbers = self;
  const symo_safetensors_item items[] = {
      {.name = "a", .type = SYMO_SCALAR_F64, .order = 1, .shape = {3}, .data = numbers},
      {.name = "b", .type = SYMO_SCALAR_F64, .order = 2, .shape = {1, 2}, .data = numbers}};
  const char *path = symo_test_path("x");
  symo_safetensors *file = NULL;
  float back[3];
  symo_status status;
  SYMO_TRY(symo_safetensors_write(context, path, 2, texts, 2, items));
  SYMO_TRY(symo_safetensors_open(context, path, &file));
  SYMO_TRY(symo_safetensors_read(file, symo_safetensors_find(file, "a"), SYMO_F32, back));
fail:
  symo_safetensors_close(file);
  return status;
}

Test(io_safetensors, survives_failing_allocations) {
  double numbers[] = {1, 2, 3};
  cr_assert(symo_test_allocations(write_and_read, numbers) > 8);
  cr_assert(symo_test_count_files() == 1);
}

/* Reads all that an opened file says it has. */
static void read_everything(const symo_safetensors *file) {
  for (size_t i = 0; i < symo_safetensors_count(file); ++i) {
    const symo_safetensors_entry *entry = symo_safetensors_at(file, i);
    cr_assert(symo_safetensors_find(file, entry->name) == entry);
    cr_assert(entry->count <= 1000);
    double *out = malloc((entry->count + 1) * sizeof *out);
    cr_assert(symo_safetensors_read(file, entry, SYMO_F64, out) <= 0);
    cr_assert(symo_safetensors_read_raw(file, entry, out) == SYMO_OK);
    free(out);
  }
}

/* Changes, cuts and lengthens a file at random. */
static size_t mutate(symo_rng *rng, const unsigned char *bytes, size_t size, unsigned char *out) {
  memcpy(out, bytes, size);
  size_t n = size;
  uint64_t header = 0;
  memcpy(&header, bytes, 8);
  for (uint64_t k = 1 + symo_rng_below(rng, 3); k > 0; --k) {
    size_t at = (size_t)symo_rng_below(rng, symo_rng_below(rng, 8) == 0 ? n : 8 + header);
    if (at >= n) continue;
    switch (symo_rng_below(rng, 6)) {
    case 0: out[at] = (unsigned char)symo_rng_below(rng, 256); break;
    case 1: out[at] = (unsigned char)"0123456789{}[],:\"- e"[symo_rng_below(rng, 20)]; break;
    case 2: out[at] ^= (unsigned char)(1u << symo_rng_below(rng, 8)); break;
    case 3: n = at + 1; break;
    case 4: /* a digit for a digit: headers that parse and lie */
      while (at < n && (out[at] < '0' || out[at] > '9')) ++at;
      if (at < n) out[at] = (unsigned char)('0' + symo_rng_below(rng, 10));
      break;
    default: /* one byte less of it, the announced length put right */
      if (n > 9 && at >= 8 && at < 8 + header) {
        memmove(out + at, out + at + 1, n - at - 1);
        --n;
        --header;
        memcpy(out, &header, 8);
      }
    }
  }
  return n;
}

Test(io_safetensors, survives_random_changes) {
  enum { ROUNDS = 6000 };
  double numbers[24];
  const symo_safetensors_item items[] = {
      {.name = "w1", .type = SYMO_SCALAR_F64, .order = 2, .shape = {2, 3}, .data = numbers},
      {.name = "b1", .type = SYMO_SCALAR_F32, .order = 1, .shape = {12}, .data = numbers},
      {.name = "h", .type = SYMO_SCALAR_F16, .order = 3, .shape = {1, 2, 3}, .data = numbers},
      {.name = "s", .type = SYMO_SCALAR_BF16, .data = numbers}};
  symo_rng *rng = symo_test_rng(context, 5);
  symo_test_randn(rng, numbers, 24);
  const char *path = symo_test_path("x");
  cr_ok(context, symo_safetensors_write(context, path, 2, texts, 4, items));
  size_t size, opened = 0;
  unsigned char *bytes = symo_test_slurp(path, &size), *changed = malloc(size);
  for (int round = 0; round < ROUNDS; ++round) {
    size_t n = mutate(rng, bytes, size, changed);
    path = symo_test_path("x");
    symo_test_write(path, changed, n);
    symo_safetensors *file = NULL;
    symo_status status = symo_safetensors_open(context, path, &file);
    cr_assert(status == SYMO_OK || status == SYMO_E_FORMAT, "%s", symo_context_detail(context));
    if (status == SYMO_OK) read_everything(file), opened++;
    symo_safetensors_close(file);
  }
  cr_assert(opened > ROUNDS / 50 && ROUNDS - opened > ROUNDS / 4, "%zu opened", opened);
  free(bytes);
  free(changed);
  symo_rng_destroy(rng);
}
