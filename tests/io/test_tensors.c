/* The tensors of a layout from and to files. */
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "io/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

enum { P = 6 + 2 + 8 + 1 };

static symo_context *context;
static symo_layout *layout;
static double numbers[P];

static void setup(void) {
  context = symo_test_context();
  cr_ok(context, symo_layout_parse(context,
                                   "in: identity 3; h: permutation 2; out: identity 4;"
                                   " w1[h,in] b1[h] w2[out,h] s[]",
                                   &layout));
  symo_rng *rng = symo_test_rng(context, 1);
  symo_test_randn(rng, numbers, P);
  symo_rng_destroy(rng);
}

static void teardown(void) {
  symo_layout_destroy(layout);
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_tensors, .init = setup, .fini = teardown);

/* The four tensors as items of type F64, to be changed by the test. */
static void fill_items(symo_safetensors_item items[4]) {
  items[0] = (symo_safetensors_item){.name = "w1", .order = 2, .shape = {2, 3}, .data = numbers};
  items[1] = (symo_safetensors_item){.name = "b1", .order = 1, .shape = {2}, .data = numbers + 6};
  items[2] =
      (symo_safetensors_item){.name = "w2", .order = 2, .shape = {4, 2}, .data = numbers + 8};
  items[3] = (symo_safetensors_item){.name = "s", .data = numbers + 16};
}

static const char *write_items(size_t count, const symo_safetensors_item *items) {
  const char *path = symo_test_path("t.safetensors");
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, count, items));
  return path;
}

static void refused(symo_status expected, const char *detail, size_t count,
                    const symo_safetensors_item *items) {
  void *flat = NULL;
  symo_dtype dtype = SYMO_ANY;
  cr_fails(context, expected, detail,
           symo_tensors_read(layout, write_items(count, items), SYMO_ANY, &dtype, &flat));
  cr_assert(flat == NULL && dtype == SYMO_ANY);
}

Test(io_tensors, come_back_bit_for_bit) {
  float narrow[P];
  symo_test_narrow(numbers, narrow, P);
  const uint64_t nan = 0x7ff00000deadbeefu; /* a signalling NaN with a payload */
  memcpy(&numbers[3], &nan, 8);
  for (int i = 0; i < 2; ++i) {
    symo_dtype dtype = i == 0 ? SYMO_F32 : SYMO_F64, got = SYMO_ANY;
    const void *data = i == 0 ? (const void *)narrow : numbers;
    const char *path = symo_test_path("t");
    void *flat = NULL;
    cr_ok(context, symo_tensors_write(layout, path, dtype, data));
    cr_ok(context, symo_tensors_read(layout, path, SYMO_ANY, &got, &flat));
    cr_assert(got == dtype && memcmp(flat, data, P * symo_dtype_size(dtype)) == 0);
    symo_free(flat);
  }
}

Test(io_tensors, are_converted) {
  float narrow[P];
  symo_test_narrow(numbers, narrow, P);
  void *flat = NULL;
  symo_dtype dtype = SYMO_ANY;
  cr_ok(context, symo_tensors_write(layout, symo_test_path("d"), SYMO_F64, numbers));
  cr_ok(context, symo_tensors_read(layout, symo_test_path("d"), SYMO_F32, &dtype, &flat));
  cr_assert(dtype == SYMO_F32 && memcmp(flat, narrow, sizeof narrow) == 0);
  symo_free(flat);
  cr_ok(context, symo_tensors_write(layout, symo_test_path("f"), SYMO_F32, narrow));
  cr_ok(context, symo_tensors_read(layout, symo_test_path("f"), SYMO_F64, NULL, &flat));
  for (size_t i = 0; i < P; ++i) cr_assert(((double *)flat)[i] == (double)narrow[i]);
  symo_free(flat);
}

Test(io_tensors, may_be_of_mixed_types_and_in_any_order) {
  const uint16_t half[] = {0x3C00, 0xC000}, brain[] = {0x3F80, 0, 0, 0, 0, 0, 0, 0x4040};
  const float single[] = {1, 2, 3, 4, 5, 6};
  symo_safetensors_item items[4], reversed[4];
  fill_items(items);
  items[0].type = SYMO_SCALAR_F32, items[0].data = single;
  items[1].type = SYMO_SCALAR_F16, items[1].data = half;
  items[2].type = SYMO_SCALAR_BF16, items[2].data = brain;
  for (int i = 0; i < 4; ++i) reversed[i] = items[3 - i];
  void *flat = NULL;
  symo_dtype dtype = SYMO_ANY;
  cr_ok(context, symo_tensors_read(layout, write_items(4, reversed), SYMO_ANY, &dtype, &flat));
  const double *x = flat;
  cr_assert(dtype == SYMO_F64); /* the scalar is F64 */
  cr_assert(x[0] == 1 && x[5] == 6 && x[6] == 1 && x[7] == -2 && x[8] == 1 && x[15] == 3);
  cr_assert(x[16] == numbers[16]);
  symo_free(flat);
}

Test(io_tensors, f16_alone_gives_f32) {
  uint16_t half[P] = {0x3C00};
  symo_safetensors_item items[4];
  fill_items(items);
  for (int i = 0; i < 4; ++i) items[i].type = SYMO_SCALAR_F16, items[i].data = half;
  void *flat = NULL;
  symo_dtype dtype = SYMO_ANY;
  cr_ok(context, symo_tensors_read(layout, write_items(4, items), SYMO_ANY, &dtype, &flat));
  cr_assert(dtype == SYMO_F32 && ((float *)flat)[6] == 1.0f);
  symo_free(flat);
}

Test(io_tensors, refuses_missing_and_other_entries) {
  symo_safetensors_item items[5];
  fill_items(items);
  refused(SYMO_E_NAME, "t.safetensors: no entry s, which the layout has", 3, items);
  items[2].name = "W2";
  refused(SYMO_E_NAME, "no entry w2, which the layout has (the file has 4 entries", 4, items);
  items[2].name = "w2.";
  refused(SYMO_E_NAME, "did you mean \"w2.\"?", 4, items);
  fill_items(items);
  items[4] = (symo_safetensors_item){.name = "b\n2", .data = numbers};
  refused(SYMO_E_NAME, "entry b?2: the layout has no such tensor", 5, items);
}

Test(io_tensors, refuses_other_shapes) {
  symo_safetensors_item items[4];
  fill_items(items);
  items[0].shape[0] = 3, items[0].shape[1] = 2;
  refused(SYMO_E_SHAPE,
          "entry w1: shape [3, 2], but [2, 3] = [h, in] is wanted (it looks transposed: ", 4,
          items);
  items[0].order = 1, items[0].shape[0] = 6;
  refused(SYMO_E_SHAPE, "entry w1: shape [6], but [2, 3] = [h, in] is wanted (check", 4, items);
  fill_items(items);
  items[3].order = 1, items[3].shape[0] = 1;
  refused(SYMO_E_SHAPE, "entry s: shape [1], but [], one number is wanted", 4, items);
}

Test(io_tensors, refuses_types_that_are_not_real) {
  symo_safetensors_item items[4];
  fill_items(items);
  items[1].type = SYMO_SCALAR_I64;
  refused(SYMO_E_DTYPE, "entry b1: type I64 (convert it to F64, F32, F16 or BF16)", 4, items);
}

Test(io_tensors, refuses_wrong_arguments) {
  void *flat = NULL;
  cr_assert(symo_tensors_read(NULL, "x", SYMO_ANY, NULL, &flat) == SYMO_E_ARGUMENT);
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_tensors_read(layout, NULL, 0, NULL, &flat));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_tensors_write(layout, "x", SYMO_F64, NULL));
  cr_fails(context, SYMO_E_DTYPE, "f32 or f64",
           symo_tensors_write(layout, symo_test_path("x"), SYMO_ANY, numbers));
  cr_fails(context, SYMO_E_IO, "cannot make a file beside it",
           symo_tensors_write(layout, symo_test_path("no/x"), SYMO_F64, numbers));
}

static symo_status write_and_read(void *self) {
  (void)self;
  void *flat = NULL;
  symo_status status = symo_tensors_write(layout, symo_test_path("x"), SYMO_F64, numbers);
  if (status == SYMO_OK)
    status = symo_tensors_read(layout, symo_test_path("x"), SYMO_F32, NULL, &flat);
  symo_free(flat);
  return status;
}

Test(io_tensors, survive_failing_allocations) {
  cr_assert(symo_test_allocations(write_and_read, NULL) > 10);
  cr_assert(symo_test_count_files() == 1);
}
