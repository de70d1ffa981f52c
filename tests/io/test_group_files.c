/* Generators of custom groups in files beside the layout. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "groups/plan/layout.h"
#include "io/layout_json.h"
#include "io/safetensors.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_group_files, .init = setup, .fini = teardown);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const symo_generators *generators_of(const symo_layout *layout) {
  return &symo_group_get_spec(symo_layout_space_group(layout, 0))->generators;
}

static const double turn[] = {0.6, -0.8, 0.8, 0.6, 0, 1, 1, 0}, spin[] = {0, 2, -2, 0};

static symo_safetensors_item item(const char *name, symo_scalar type, size_t count, size_t order,
                                  const void *data) {
  return (symo_safetensors_item){
      .name = name, .type = type, .order = order, .shape = {count, 2, 2}, .data = data};
}

static void write_items(const char *path, size_t count, const symo_safetensors_item *items) {
  cr_ok(context, symo_safetensors_write(context, path, 0, NULL, count, items));
}

static symo_status read_with_file(const char *file, symo_layout **out) {
  char space[256], text[SYMO_TEST_SPACE_TEXT];
  const char *path = symo_test_path("L.json");
  snprintf(space, sizeof space, "{\"group\": \"custom\", \"generators_file\": \"%s\"}", file);
  symo_test_space(space, text);
  symo_test_write(path, text, strlen(text));
  return symo_layout_read_json(context, path, out);
}

Test(io_group_files, reads_generators_from_a_file) {
  const int64_t images[] = {1, 0, 0, 1};
  const symo_safetensors_item items[] = {item("permutations", SYMO_SCALAR_I64, 2, 2, images),
                                         item("generators", SYMO_SCALAR_F64, 2, 3, turn),
                                         item("lie_generators", SYMO_SCALAR_F64, 1, 3, spin)};
  symo_layout *layout = NULL;
  char absolute[1024], *written = NULL;
  write_items(symo_test_path("g.safetensors"), 3, items);
  snprintf(absolute, sizeof absolute, "%s", symo_test_path("g.safetensors"));
  const char *const files[] = {"g.safetensors", absolute};
  for (size_t i = 0; i < 2; ++i) {
    cr_ok(context, read_with_file(files[i], &layout));
    const symo_generators *g = generators_of(layout);
    cr_assert(g->dim == 2 && g->num_permutations == 2 && g->num_matrices == 2 && g->num_lie == 1);
    cr_assert(g->permutations[0] == 1 && g->permutations[1] == 0 && g->permutations[3] == 1);
    cr_assert(memcmp(g->matrices, turn, sizeof turn) == 0);
    cr_assert(memcmp(g->lie, spin, sizeof spin) == 0);
    cr_ok(context, symo_layout_to_json(layout, &written));
    cr_assert(strstr(written, "generators_file") == NULL);
    symo_free(written);
    symo_layout_destroy(layout);
  }
}

Test(io_group_files, takes_images_of_every_type) {
  static const int32_t i32[] = {1, 0};
  static const uint32_t u32[] = {1, 0};
  static const int16_t i16[] = {1, 0};
  static const uint16_t u16[] = {1, 0}, f16[] = {0x3C00, 0};
  static const int8_t i8[] = {1, 0};
  static const uint8_t u8[] = {1, 0};
  static const uint64_t u64[] = {1, 0};
  static const double f64[] = {1, 0};
  static const float f32[] = {1, 0};
  const struct {
    symo_scalar type;
    const void *data;
  } rows[] = {{SYMO_SCALAR_I32, i32}, {SYMO_SCALAR_U32, u32}, {SYMO_SCALAR_I16, i16},
              {SYMO_SCALAR_U16, u16}, {SYMO_SCALAR_F16, f16}, {SYMO_SCALAR_I8, i8},
              {SYMO_SCALAR_U8, u8},   {SYMO_SCALAR_U64, u64}, {SYMO_SCALAR_F64, f64},
              {SYMO_SCALAR_F32, f32}};
  for (size_t i = 0; i < COUNT(rows); ++i) {
    symo_layout *layout = NULL;
    symo_safetensors_item one = item("permutations", rows[i].type, 1, 2, rows[i].data);
    write_items(symo_test_path("p.safetensors"), 1, &one);
    cr_ok(context, read_with_file("p.safetensors", &layout));
    const symo_generators *g = generators_of(layout);
    cr_assert(g->num_permutations == 1 && g->permutations[0] == 1 && g->permutations[1] == 0);
    symo_layout_destroy(layout);
  }
}

Test(io_group_files, refuses_files_that_do_not_fit) {
  static const int8_t negative[] = {1, -1}, ones[] = {1, 0, 0, 1};
  static const double half[] = {0.5, 0}, nan[] = {NAN, 0};
  static const symo_scalar i8 = SYMO_SCALAR_I8, f64 = SYMO_SCALAR_F64;
  symo_safetensors_item wide = item("generators", f64, 1, 3, turn);
  wide.shape[2] = 4;
  const struct {
    symo_status status;
    const char *detail;
    symo_safetensors_item item;
  } rows[] = {
      {SYMO_E_ARGUMENT, "entry permutations: [0, 1] is -1 (must be a whole number from 0 to 1)",
       item("permutations", i8, 1, 2, negative)},
      {SYMO_E_ARGUMENT, "[0, 0] is 0.5", item("permutations", f64, 1, 2, half)},
      {SYMO_E_ARGUMENT, "[0, 0] is nan", item("permutations", f64, 1, 2, nan)},
      {SYMO_E_SHAPE, "entry permutations: shape [1, 2, 2], but [n, d] is wanted",
       item("permutations", i8, 1, 3, ones)},
      {SYMO_E_SHAPE, "entry generators: shape [1, 2, 4], but [n, d, d] is wanted", wide},
      {SYMO_E_SHAPE, "entry generators: shape [2, 2]", item("generators", f64, 2, 2, turn)},
      {SYMO_E_NAME,
       "entry permutation: unknown (known: permutations, generators, lie_generators; "
       "did you mean \"permutations\"?)",
       item("permutation", i8, 2, 2, ones)},
      {SYMO_E_DTYPE, "type BOOL", item("permutations", SYMO_SCALAR_BOOL, 2, 2, ones)},
  };
  symo_layout *layout = NULL;
  for (size_t i = 0; i < COUNT(rows); ++i) {
    write_items(symo_test_path("bad.safetensors"), 1, &rows[i].item);
    cr_fails(context, rows[i].status, rows[i].detail, read_with_file("bad.safetensors", &layout));
  }
  write_items(symo_test_path("bad.safetensors"), 0, NULL);
  cr_fails(context, SYMO_E_FORMAT, "no entries", read_with_file("bad.safetensors", &layout));
  cr_fails(context, SYMO_E_IO, "none.safetensors: cannot open",
           read_with_file("none.safetensors", &layout));
  cr_fails(context, SYMO_E_FORMAT, "L.json: ", read_with_file("L.json", &layout));
  cr_assert_null(layout);
}

static symo_status read_a_file(void *self) {
  symo_layout *layout = NULL;
  (void)self;
  symo_status status = read_with_file("g.safetensors", &layout);
  symo_layout_destroy(layout);
  return status;
}

Test(io_group_files, survives_failing_allocations) {
  static const int8_t images[] = {1, 0, 0, 1};
  const symo_safetensors_item items[] = {item("permutations", SYMO_SCALAR_I8, 2, 2, images),
                                         item("generators", SYMO_SCALAR_F64, 2, 3, turn)};
  write_items(symo_test_path("g.safetensors"), 2, items);
  cr_assert(symo_test_allocations(read_a_file, NULL) > 15);
}
