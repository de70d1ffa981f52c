/* .npy files: round trips, and headers that lie. */
#include "io/npy.h"

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
TestSuite(io_npy, .init = setup, .fini = teardown);

/* A file of version 1.0 with this header and so many bytes behind it. */
static void craft(const char *header, size_t data_bytes) {
  size_t length = strlen(header);
  unsigned char bytes[2048] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  cr_assert(length + data_bytes + 10 < sizeof bytes);
  bytes[8] = (unsigned char)(length & 255);
  bytes[9] = (unsigned char)(length >> 8);
  memcpy(bytes + 10, header, length);
  symo_test_write(symo_test_path("x.npy"), bytes, 10 + length + data_bytes);
}

static void refused(const char *detail) {
  symo_npy array = {.order = 77};
  cr_fails(context, SYMO_E_FORMAT, detail, symo_npy_read(context, symo_test_path("x.npy"), &array));
  cr_assert(array.order == 77 && array.data == NULL);
}

static void header_refused(const char *detail, const char *header, size_t data_bytes) {
  craft(header, data_bytes);
  refused(detail);
}

Test(io_npy, a_matrix_comes_back_bit_for_bit) {
  double x[12];
  for (size_t i = 0; i < 12; ++i) x[i] = 1.0 / (double)(i + 1);
  const char *path = symo_test_path("x.npy");
  cr_ok(context, symo_npy_write(context, path, x, 3, 4));
  size_t size;
  unsigned char *bytes = symo_test_slurp(path, &size);
  const char *header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }";
  cr_assert(size == 128 + sizeof x && bytes[6] == 1 && bytes[7] == 0 && bytes[127] == '\n');
  cr_assert(bytes[8] + 256 * bytes[9] == 118);
  cr_assert(memcmp(bytes + 10, header, strlen(header)) == 0);
  cr_assert(memcmp(bytes + 128, x, sizeof x) == 0);
  free(bytes);
  symo_npy back = {0};
  cr_ok(context, symo_npy_read(context, path, &back));
  cr_assert(back.type == SYMO_SCALAR_F64 && back.order == 2 && back.shape[0] == 3 &&
            back.shape[1] == 4 && back.count == 12 && memcmp(back.data, x, sizeof x) == 0);
  symo_free(back.data);
}

Test(io_npy, every_order_and_type) {
  static const symo_scalar types[] = {SYMO_SCALAR_F64, SYMO_SCALAR_F32, SYMO_SCALAR_U8};
  const size_t shape[SYMO_MAX_ORDER] = {1, 2, 1, 3, 1, 1, 2, 1};
  unsigned char data[12 * 8];
  for (size_t i = 0; i < sizeof data; ++i) data[i] = (unsigned char)(i * 37);
  for (size_t order = 0; order <= SYMO_MAX_ORDER; ++order)
    for (size_t t = 0; t < 3; ++t) {
      symo_npy back = {0};
      const char *path = symo_test_path("x.npy");
      cr_ok(context, symo_npy_write_array(context, path, types[t], order, shape, data));
      cr_ok(context, symo_npy_read(context, path, &back));
      cr_assert(back.type == types[t] && back.order == order);
      for (size_t i = 0; i < order; ++i) cr_assert(back.shape[i] == shape[i]);
      cr_assert(memcmp(back.data, data, back.count * symo_scalar_size(types[t])) == 0);
      symo_free(back.data);
    }
}

Test(io_npy, empty_matrices) {
  symo_npy back = {0};
  cr_ok(context, symo_npy_write(context, symo_test_path("x.npy"), NULL, 0, 5));
  cr_ok(context, symo_npy_read(context, symo_test_path("x.npy"), &back));
  cr_assert(back.count == 0 && back.shape[0] == 0 && back.shape[1] == 5);
  symo_free(back.data);
}

Test(io_npy, headers_of_other_writers) {
  static const char *const headers[] = {
      "{'shape':(2,),'descr':'<f4','fortran_order':False}\n",
      "{\"fortran_order\": False, \"descr\": \"<f4\", \"shape\": (1, 2), }          \n",
      "{'descr': '<f4', 'fortran_order': False, 'shape': ( 2 , 1 ) , } "};
  for (size_t i = 0; i < 3; ++i) {
    symo_npy back = {0};
    craft(headers[i], 8);
    cr_ok(context, symo_npy_read(context, symo_test_path("x.npy"), &back));
    cr_assert(back.count == 2 && back.type == SYMO_SCALAR_F32);
    symo_free(back.data);
  }
}

Test(io_npy, versions_two_and_three) {
  const char *header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
  size_t length = strlen(header);
  for (unsigned char version = 2; version <= 3; ++version) {
    unsigned char bytes[200] = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0, (unsigned char)length};
    memcpy(bytes + 12, header, length);
    memcpy(bytes + 12 + length, "abc", 3);
    symo_test_write(symo_test_path("x.npy"), bytes, 12 + length + 3);
    symo_npy back = {0};
    cr_ok(context, symo_npy_read(context, symo_test_path("x.npy"), &back));
    cr_assert(back.count == 3 && memcmp(back.data, "abc", 3) == 0);
    symo_free(back.data);
  }
}

Test(io_npy, refuses_what_is_no_npy_file) {
  static const unsigned char start[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0};
  for (size_t size = 0; size < sizeof start; ++size) {
    symo_test_write(symo_test_path("x.npy"), start, size);
    refused("not a .npy file");
  }
  symo_test_write(symo_test_path("x.npy"), start, sizeof start);
  refused("a header of 118 bytes does not fit the file");
  symo_test_write(symo_test_path("x.npy"), "\x93NUMPY\4\0\0\0\0\0\0", 13);
  refused(".npy version 4.0 is not known");
  symo_test_write(symo_test_path("x.npy"), "\x93NUMPY\2\0\xff\xff\xff\xff", 12);
  refused("a header of 4294967295 bytes does not fit the file");
}

Test(io_npy, refuses_headers_that_are_none) {
  header_refused("the header is not a dictionary", "", 0);
  header_refused("the header is not a dictionary", "[1, 2]", 0);
  header_refused("the header is not a dictionary", "{'descr' '<f8'}", 0);
  header_refused("the header is not a dictionary", "{'descr': '<f8' 'shape': ()}", 0);
  header_refused("must hold descr, fortran_order and shape", "{'descr': '<f8'}", 0);
  header_refused("must hold descr, fortran_order and shape",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (), } x", 8);
  header_refused("unknown key", "{'descr': '<f8', 'order': 'C'}", 0);
}

Test(io_npy, refuses_other_types_and_orders) {
  header_refused("the type is not '<f8'", "{'descr': '>f8', 'fortran_order': False, 'shape': (), }",
                 8);
  header_refused("the type is not '<f8'", "{'descr': '|O', 'fortran_order': False, 'shape': (), }",
                 8);
  header_refused("descr is not a simple type",
                 "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (), }", 8);
  header_refused("fortran_order is not False",
                 "{'descr': '<f8', 'fortran_order': True, 'shape': (), }", 8);
}

Test(io_npy, refuses_shapes_that_lie) {
  header_refused("shape [3, 4] does not take the 88 bytes",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", 88);
  header_refused("shape [3, 4] does not take the 97 bytes",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }", 97);
  header_refused("does not take",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
                 0);
  header_refused("shape is not a tuple",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", 8);
  header_refused("shape is not a tuple",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8);
  header_refused("shape is not a tuple",
                 "{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 8);
  header_refused("shape is not a tuple", "{'descr': '<f8', 'fortran_order': False, 'shape': 3, }",
                 24);
  header_refused("shape is not a tuple", "{'descr': '<f8', 'fortran_order': False, 'shape': (3",
                 24);
}

Test(io_npy, refuses_wrong_arguments) {
  const char *path = symo_test_path("x.npy");
  double x = 0;
  const size_t shape[] = {1};
  cr_fails(context, SYMO_E_SIZE, "is too large",
           symo_npy_write(context, path, &x, (size_t)1 << 32, (size_t)1 << 32));
  cr_fails(context, SYMO_E_ARGUMENT, "data is NULL", symo_npy_write(context, path, NULL, 1, 1));
  cr_fails(context, SYMO_E_ARGUMENT, "npy: cannot write",
           symo_npy_write_array(context, path, SYMO_SCALAR_BF16, 1, shape, &x));
  cr_fails(context, SYMO_E_IO, "cannot make a file beside it",
           symo_npy_write(context, symo_test_path("no/x.npy"), &x, 1, 1));
  cr_assert(symo_test_count_files() == 0);
}

static symo_status write_and_read(void *self) {
  symo_npy back = {0};
  symo_status status = symo_npy_write(context, symo_test_path("x.npy"), self, 1, 2);
  if (status == SYMO_OK) status = symo_npy_read(context, symo_test_path("x.npy"), &back);
  symo_free(back.data);
  return status;
}

Test(io_npy, survives_failing_allocations) {
  double x[] = {1, 2};
  cr_assert(symo_test_allocations(write_and_read, x) >= 6);
  cr_assert(symo_test_count_files() == 1);
}

Test(io_npy, survives_random_changes) {
  symo_rng *rng = symo_test_rng(context, 9);
  double x[6] = {0};
  cr_ok(context, symo_npy_write(context, symo_test_path("x.npy"), x, 2, 3));
  size_t size;
  unsigned char *bytes = symo_test_slurp(symo_test_path("x.npy"), &size), *changed = malloc(size);
  for (int round = 0; round < 3000; ++round) {
    memcpy(changed, bytes, size);
    size_t n = symo_rng_below(rng, 5) == 0 ? 1 + (size_t)symo_rng_below(rng, size) : size;
    for (uint64_t k = 1 + symo_rng_below(rng, 3); k > 0; --k)
      changed[symo_rng_below(rng, 75)] =
          symo_rng_below(rng, 2) ? (unsigned char)symo_rng_below(rng, 256)
                                 : (unsigned char)"0123456789(){},:' F"[symo_rng_below(rng, 19)];
    symo_test_write(symo_test_path("x.npy"), changed, n);
    symo_npy back = {0};
    symo_status status = symo_npy_read(context, symo_test_path("x.npy"), &back);
    cr_assert(status == SYMO_OK || status == SYMO_E_FORMAT);
    cr_assert(status != SYMO_OK || back.count <= 48);
    symo_free(back.data);
  }
  free(bytes);
  free(changed);
  symo_rng_destroy(rng);
}
