/* Layouts as JSON: round trips, what is refused and how. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "groups/plan/layout.h"
#include "io/layout_json.h"
#include "tests/support/files.h"
#include "tests/support/testing.h"

static const char *const example =
    "{\"dtype\": \"f64\",\n"
    " \"spaces\": {\"in\": {\"dim\": 20, \"group\": \"identity\"},\n"
    "            \"h\": {\"dim\": 64, \"group\": \"signed-permutation\"},\n"
    "            \"out\": {\"dim\": 5, \"group\": \"identity\"}},\n"
    " \"tensors\": [{\"name\": \"w1\", \"axes\": [\"h\", \"in\"]},\n"
    "             {\"name\": \"b1\", \"axes\": [\"h\"]},\n"
    "             {\"name\": \"w2\", \"axes\": [\"out\", \"h*\"]},\n"
    "             {\"name\": \"s\", \"axes\": []}]}\n";

static symo_context *context;
static void setup(void) { context = symo_test_context(); }
static void teardown(void) {
  symo_context_destroy(context);
  if (symo_alloc_live_blocks() != 0) abort(); /* cr_assert does not count here */
}
TestSuite(io_layout_json, .init = setup, .fini = teardown);

/* The text is refused with this status, and the message holds `detail`. */
static void refused(symo_status expected, const char *detail, const char *text) {
  symo_layout *layout = NULL;
  cr_fails(context, expected, detail,
           symo_layout_parse_json(context, "L.json", text, strlen(text), &layout));
  cr_assert(layout == NULL);
  cr_assert(strncmp(symo_context_detail(context), "L.json: ", 8) == 0, "%s",
            symo_context_detail(context));
  cr_assert(strchr(symo_context_detail(context), '\n') == NULL);
}

/* The same for one space "h" with this text behind it. */
static void space_refused(symo_status expected, const char *detail, const char *space) {
  char text[512];
  snprintf(text, sizeof text,
           "{\"spaces\": {\"h\": %s}, \"tensors\": [{\"name\": \"w\", \"axes\": [\"h\"]}]}", space);
  refused(expected, detail, text);
}

/* The same for this list of tensors. */
static void tensors_refused(symo_status expected, const char *detail, const char *tensors) {
  char text[512];
  snprintf(text, sizeof text,
           "{\"spaces\": {\"h\": {\"dim\": 3, \"group\": \"permutation\"}}, \"tensors\": %s}",
           tensors);
  refused(expected, detail, text);
}

Test(io_layout_json, reads_the_example) {
  symo_layout *layout = NULL;
  cr_ok(context, symo_layout_from_json(context, example, &layout));
  cr_assert(symo_layout_dtype(layout) == SYMO_F64);
  cr_assert(symo_layout_num_spaces(layout) == 3 && symo_layout_num_tensors(layout) == 4);
  cr_assert(symo_layout_num_parameters(layout) == 64 * 20 + 64 + 5 * 64 + 1);
  cr_assert_str_eq(symo_layout_space_name(layout, 1), "h");
  cr_assert(symo_layout_space_group(layout, 1) == symo_group_find("signed-permutation"));
  cr_assert(symo_layout_axis_dual(layout, 2, 1) && !symo_layout_axis_dual(layout, 0, 0));
  cr_assert(symo_layout_tensor_order(layout, 3) == 0);
  char *text = NULL;
  cr_ok(context, symo_layout_to_json(layout, &text));
  cr_assert_str_eq(text, example);
  symo_free(text);
  symo_layout_destroy(layout);
}

/* Spaces count in the order in which they stand, however many there are and whatever their names.
 */
Test(io_layout_json, keeps_the_order_of_spaces) {
  enum { SPACES = 300 };
  symo_layout *layout = NULL, *again = NULL;
  symo_rng *rng = symo_test_rng(context, 7);
  cr_ok(context, symo_layout_create(context, &layout));
  for (size_t i = 0; i < SPACES; ++i) {
    char name[40];
    snprintf(name, sizeof name, "s%llu-%zu", (unsigned long long)symo_rng_below(rng, 1000000), i);
    cr_ok(context, symo_layout_add_space(layout, name, 1 + (size_t)symo_rng_below(rng, 9),
                                         symo_group_at((size_t)symo_rng_below(rng, 5))));
  }
  for (size_t i = 0; i < 50; ++i) {
    char name[40], axes[3][140];
    const char *list[3];
    size_t order = (size_t)symo_rng_below(rng, 4);
    for (size_t a = 0; a < order; ++a) {
      size_t space = (size_t)symo_rng_below(rng, SPACES);
      snprintf(axes[a], sizeof axes[a], "%s%s", symo_layout_space_name(layout, space),
               symo_rng_below(rng, 2) ? "*" : "");
      list[a] = axes[a];
    }
    snprintf(name, sizeof name, "t/%zu.x", i);
    symo_layout_add_tensor(layout, name, order, list); /* a triple axis may be refused */
  }
  const char *path = symo_test_path("many.json");
  cr_ok(context, symo_layout_write_json(layout, path));
  cr_ok(context, symo_layout_read_json(context, path, &again));
  cr_assert(symo_layout_equal(layout, again));
  cr_assert(symo_layout_dtype(again) == SYMO_ANY);
  symo_layout_destroy(layout);
  symo_layout_destroy(again);
  symo_rng_destroy(rng);
}

Test(io_layout_json, opens_files_and_short_notation) {
  symo_layout *layout = NULL;
  symo_test_write(symo_test_path("L.json"), example, strlen(example));
  symo_test_write(symo_test_path("layout"), example, strlen(example));
  static const char *const files[] = {"L.json", "layout"};
  for (size_t i = 0; i < 2; ++i) {
    cr_ok(context, symo_layout_open(context, symo_test_path(files[i]), &layout));
    cr_assert(symo_layout_num_tensors(layout) == 4);
    symo_layout_destroy(layout);
  }
  cr_ok(context, symo_layout_open(context, "h: orthogonal 8; b[h]", &layout));
  cr_assert(symo_layout_num_parameters(layout) == 8);
  symo_layout_destroy(layout);
  cr_fails(context, SYMO_E_IO, "none.json: cannot open: No such file",
           symo_layout_open(context, symo_test_path("none.json"), &layout));
  cr_fails(context, SYMO_E_FORMAT, "no such file, and not the short notation",
           symo_layout_open(context, "my-layout", &layout));
  cr_fails(context, SYMO_E_IO, "Is a directory",
           symo_layout_open(context, symo_test_dir(), &layout));
  cr_fails(context, SYMO_E_ARGUMENT, "NULL", symo_layout_open(context, NULL, &layout));
}

/* Editors of some systems put the mark there; layouts, specs, graphs and vocabularies are parsed by
 * the same function. */
Test(io_layout_json, passes_over_a_byte_order_mark) {
  static const char mark[] = "\xEF\xBB\xBF";
  symo_layout *layout = NULL;
  char text[800];
  snprintf(text, sizeof text, "%s%s", mark, example);
  symo_test_write(symo_test_path("marked.json"), text, strlen(text));
  cr_ok(context, symo_layout_open(context, symo_test_path("marked.json"), &layout));
  cr_assert(symo_layout_num_tensors(layout) == 4);
  symo_layout_destroy(layout);
  snprintf(text, sizeof text, "%s%s%s", mark, mark, example); /* once */
  refused(SYMO_E_FORMAT, "line 1, column ", text);
  refused(SYMO_E_FORMAT, "line 1, column ", mark);
  refused(SYMO_E_FORMAT, "line 1, column ", "\xEF\xBB");
}

Test(io_layout_json, names_the_file) {
  symo_layout *layout = NULL;
  const char *path = symo_test_path("bad.json");
  symo_test_write(path, "{\"spaces\":\n  {,}}", 16);
  cr_fails(context, SYMO_E_FORMAT,
           "bad.json: line 2, column 4: ", symo_layout_read_json(context, path, &layout));
}

Test(io_layout_json, refuses_what_is_not_json) {
  refused(SYMO_E_FORMAT, "line 1, column ", "");
  refused(SYMO_E_FORMAT, "line 1, column ", "{");
  refused(SYMO_E_FORMAT, "line 1, column 2: ", "{]");
  refused(SYMO_E_FORMAT, "line 1, column ", "\xff");
  refused(SYMO_E_FORMAT, "begins as UTF-16 text does", "\xff\xfe{");
  refused(SYMO_E_FORMAT, "line 3, column ", "{\"spaces\":\n{},\n\"tensors\": [\"\x01\"]}");
  refused(SYMO_E_FORMAT, "must be an object {...}, not a list", "[]");
  refused(SYMO_E_FORMAT, "must be an object {...}, not a string", "\"h: identity 3; w[h]\"");
}

Test(io_layout_json, refuses_bytes_behind_the_end) {
  symo_layout *layout = NULL;
  char text[600];
  size_t n = (size_t)snprintf(text, sizeof text, "%s x", example);
  cr_fails(context, SYMO_E_FORMAT, "line ",
           symo_layout_parse_json(context, "L.json", text, n, &layout));
  text[n - 1] = '\0'; /* a NUL byte inside the given length */
  cr_fails(context, SYMO_E_FORMAT, "line ",
           symo_layout_parse_json(context, "L.json", text, n, &layout));
}

Test(io_layout_json, refuses_unknown_keys) {
  refused(SYMO_E_FORMAT,
          "L.json: tensor: unknown key (known: dtype, spaces, tensors; did you mean \"tensors\"?)",
          "{\"tensor\": []}");
  space_refused(SYMO_E_FORMAT, "L.json: spaces.h.wdith: unknown key (known: dim, group)",
                "{\"dim\": 3, \"group\": \"identity\", \"wdith\": 4}");
  space_refused(SYMO_E_FORMAT, "spaces.h.gruop: unknown key (known: dim, group; did you mean",
                "{\"dim\": 3, \"gruop\": \"identity\"}");
  tensors_refused(SYMO_E_FORMAT,
                  "tensors[0].axis: unknown key (known: name, axes; did you mean "
                  "\"axes\"?)",
                  "[{\"name\": \"w\", \"axis\": [\"h\"]}]");
}

Test(io_layout_json, refuses_missing_keys) {
  refused(SYMO_E_FORMAT, "spaces: is missing", "{\"tensors\": []}");
  refused(SYMO_E_FORMAT, "tensors: is missing", "{\"spaces\": {}}");
  space_refused(SYMO_E_FORMAT, "spaces.h.dim: is missing", "{\"group\": \"identity\"}");
  space_refused(SYMO_E_FORMAT, "spaces.h.group: is missing", "{\"dim\": 3}");
  tensors_refused(SYMO_E_FORMAT, "tensors[0].name: is missing", "[{\"axes\": [\"h\"]}]");
  tensors_refused(SYMO_E_FORMAT, "tensors[0].axes: is missing", "[{\"name\": \"w\"}]");
  tensors_refused(SYMO_E_FORMAT, "tensors: is empty", "[]");
}

Test(io_layout_json, refuses_duplicate_keys) {
  space_refused(SYMO_E_FORMAT, "duplicate", "{\"dim\": 3, \"dim\": 3, \"group\": \"identity\"}");
  refused(SYMO_E_FORMAT, "duplicate",
          "{\"spaces\": {\"h\": {\"dim\": 3, \"group\": \"identity\"}, \"h\": {\"dim\": 3, "
          "\"group\": \"identity\"}}, \"tensors\": []}");
}

Test(io_layout_json, refuses_wrong_types) {
  refused(SYMO_E_FORMAT, "spaces: must be an object {...}, not a list",
          "{\"spaces\": [], \"tensors\": []}");
  refused(SYMO_E_FORMAT, "tensors: must be a list [...], not an object",
          "{\"spaces\": {}, \"tensors\": {}}");
  refused(SYMO_E_FORMAT, "dtype: must be a string, not a whole number",
          "{\"dtype\": 64, \"spaces\": {}, \"tensors\": []}");
  refused(SYMO_E_DTYPE, "dtype: unknown number type \"float64\" (write \"f32\" or \"f64\"",
          "{\"dtype\": \"float64\", \"spaces\": {}, \"tensors\": []}");
  space_refused(SYMO_E_FORMAT, "spaces.h: must be an object {...}, not a whole number", "64");
  space_refused(SYMO_E_FORMAT, "spaces.h.group: must be a string, not null",
                "{\"dim\": 3, \"group\": null}");
  tensors_refused(SYMO_E_FORMAT, "tensors[1]: must be an object {...}, not a string",
                  "[{\"name\": \"w\", \"axes\": [\"h\"]}, \"b\"]");
  tensors_refused(SYMO_E_FORMAT, "tensors[0].name: must be a string, not true",
                  "[{\"name\": true, \"axes\": [\"h\"]}]");
  tensors_refused(SYMO_E_FORMAT, "tensors[0].axes: must be a list [...], not a string",
                  "[{\"name\": \"w\", \"axes\": \"h\"}]");
  tensors_refused(SYMO_E_FORMAT, "tensors[0].axes[1]: must be a string, not a whole number",
                  "[{\"name\": \"w\", \"axes\": [\"h\", 3]}]");
}

Test(io_layout_json, refuses_dimensions_that_are_none) {
  space_refused(SYMO_E_ARGUMENT, "spaces.h.dim: 0 is not a dimension",
                "{\"dim\": 0, \"group\": \"identity\"}");
  space_refused(SYMO_E_ARGUMENT, "spaces.h.dim: -4 is not a dimension",
                "{\"dim\": -4, \"group\": \"identity\"}");
  space_refused(SYMO_E_FORMAT, "spaces.h.dim: must be a whole number, not a number with a fraction",
                "{\"dim\": 3.5, \"group\": \"identity\"}");
  space_refused(SYMO_E_FORMAT, "spaces.h.dim: must be a whole number",
                "{\"dim\": 1e3, \"group\": \"identity\"}");
  space_refused(SYMO_E_FORMAT, "spaces.h.dim: must be a whole number, not a string",
                "{\"dim\": \"3\", \"group\": \"identity\"}");
  space_refused(SYMO_E_SIZE, "spaces.h: layout: space h: dimension 9000000000000000000",
                "{\"dim\": 9000000000000000000, \"group\": \"identity\"}");
  space_refused(SYMO_E_FORMAT, "line 1, column ", "{\"dim\": 99999999999999999999999999999999}");
  space_refused(SYMO_E_FORMAT, "line 1, column ", "{\"dim\": 1e999}");
}

Test(io_layout_json, refuses_sizes_that_overflow) {
  refused(SYMO_E_SIZE, "tensors[0]: layout: tensor w is too large",
          "{\"spaces\": {\"h\": {\"dim\": 2000000000, \"group\": \"identity\"}}, \"tensors\": "
          "[{\"name\": \"w\", \"axes\": [\"h\", \"h\", \"h\", \"h\"]}]}");
}

Test(io_layout_json, refuses_unknown_groups) {
  space_refused(SYMO_E_NAME,
                "spaces.h.group: unknown group \"permuation\" (known: identity, permutation, "
                "signed-permutation, sign-flip, orthogonal, ",
                "{\"dim\": 3, \"group\": \"permuation\"}");
  space_refused(SYMO_E_NAME, "; did you mean \"permutation\"?)",
                "{\"dim\": 3, \"group\": \"permuation\"}");
  space_refused(SYMO_E_NAME, "unknown group \"a?b\"", "{\"dim\": 3, \"group\": \"a\\nb\"}");
}

Test(io_layout_json, passes_on_what_the_layout_says) {
  tensors_refused(SYMO_E_NAME, "L.json: tensors[0]: layout: axis 1 of tensor w names space g",
                  "[{\"name\": \"w\", \"axes\": [\"h\", \"g\"]}]");
  tensors_refused(SYMO_E_NAME, "tensors[0]: layout: axis 0 of tensor w names space a?b",
                  "[{\"name\": \"w\", \"axes\": [\"a\\nb\"]}]");
  tensors_refused(SYMO_E_NAME, "tensors[1]: layout: tensor w: defined twice",
                  "[{\"name\": \"w\", \"axes\": [\"h\"]}, {\"name\": \"w\", \"axes\": [\"h\"]}]");
  tensors_refused(SYMO_E_NAME, "tensors[0]: layout: tensor \"w 1\": not a name",
                  "[{\"name\": \"w 1\", \"axes\": [\"h\"]}]");
  tensors_refused(SYMO_E_UNSUPPORTED, "tensors[0]: layout: tensor w: space h stands on 5 axes",
                  "[{\"name\": \"w\", \"axes\": [\"h\", \"h\", \"h\", \"h\", \"h\"]}]");
  tensors_refused(SYMO_E_UNSUPPORTED, "tensors[0].axes: 9 axes (at most 8)",
                  "[{\"name\": \"w\", \"axes\": [\"h\",\"h\",\"h\",\"h\",\"h\",\"h\",\"h\",\"h\","
                  "\"h\"]}]");
}

Test(io_layout_json, refuses_depth_bombs) {
  enum { DEPTH = 200000 };
  char *text = malloc(2 * DEPTH + 1);
  cr_assert(text != NULL);
  memset(text, '[', DEPTH);
  memset(text + DEPTH, ']', DEPTH);
  text[2 * DEPTH] = '\0';
  refused(SYMO_E_FORMAT, "depth", text);
  for (size_t i = 0; i + 5 <= DEPTH; i += 5) memcpy(text + i, "{\"a\":", 5);
  refused(SYMO_E_FORMAT, "depth", text);
  free(text);
}

Test(io_layout_json, says_where_it_cannot_write) {
  symo_layout *layout = NULL;
  cr_ok(context, symo_layout_from_json(context, example, &layout));
  cr_fails(context, SYMO_E_IO, "no/L.json: cannot make a file beside it",
           symo_layout_write_json(layout, symo_test_path("no/L.json")));
  symo_layout_destroy(layout);
}

static symo_status round_trip(void *self) {
  (void)self;
  symo_layout *layout = NULL, *again = NULL;
  const char *path = symo_test_path("L.json");
  symo_status status;
  SYMO_TRY(symo_layout_from_json(context, example, &layout));
  SYMO_TRY(symo_layout_write_json(layout, path));
  SYMO_TRY(symo_layout_open(context, path, &again));
fail:
  symo_layout_destroy(layout);
  symo_layout_destroy(again);
  return status;
}

Test(io_layout_json, survives_failing_allocations) {
  cr_assert(symo_test_allocations(round_trip, NULL) > 15);
  cr_assert(symo_test_count_files() == 1);
}

/* Changed and cut texts are read or refused, and nothing else happens. */
Test(io_layout_json, survives_random_changes) {
  symo_rng *rng = symo_test_rng(context, 11);
  size_t length = strlen(example);
  char *text = malloc(length);
  for (int round = 0; round < 3000; ++round) {
    memcpy(text, example, length);
    size_t size = symo_rng_below(rng, 4) == 0 ? (size_t)symo_rng_below(rng, length) : length;
    for (uint64_t k = symo_rng_below(rng, 4); k > 0 && size > 0; --k)
      text[symo_rng_below(rng, size)] = symo_rng_below(rng, 2)
                                            ? (char)symo_rng_below(rng, 256)
                                            : "{}[],:\"0-*e."[symo_rng_below(rng, 12)];
    symo_layout *layout = NULL;
    symo_status status = symo_layout_parse_json(context, "L.json", text, size, &layout);
    cr_assert(status <= 0 && (status == SYMO_OK) == (layout != NULL));
    symo_layout_destroy(layout);
  }
  free(text);
  symo_rng_destroy(rng);
}
