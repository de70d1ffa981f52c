/* Layouts as JSON (the groups of the spaces: io/group_json.c):
 *   {"dtype": "f64",
 *    "spaces": {"in": {"dim": 20, "group": "identity"}, "h": {"dim": 64, "group": "orthogonal"}},
 *    "tensors": [{"name": "w1", "axes": ["h", "in"]}, {"name": "b1", "axes": ["h*"]}]}
 * Spaces and tensors are in order.  Reading is strict: unknown keys are errors, and only "dtype"
 * may be omitted.  So a layout that is written and read is the same layout. */
#include "io/layout_json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "io/atomic.h"
#include "io/file.h"
#include "io/group_json.h"

#include <symo/io.h>

/* ---- writing ----
 *
 * One space or one tensor on a line; "dtype" only if it is set.  Names consist of characters that
 * JSON does not escape. */

static void add_space(symo_text *text, const symo_layout *layout, size_t space) {
  symo_text_add(text, "\"%s\": ", symo_layout_space_name(layout, space));
  symo_group_add_json(text, symo_layout_space_group(layout, space),
                      symo_layout_space_dim(layout, space));
}

static void add_tensor(symo_text *text, const symo_layout *layout, size_t tensor) {
  symo_text_add(text, "{\"name\": \"%s\", \"axes\": [", symo_layout_tensor_name(layout, tensor));
  for (size_t axis = 0; axis < symo_layout_tensor_order(layout, tensor); ++axis)
    symo_text_add(text, "%s\"%s%s\"", axis > 0 ? ", " : "",
                  symo_layout_space_name(layout, symo_layout_axis_space(layout, tensor, axis)),
                  symo_layout_axis_dual(layout, tensor, axis) ? "*" : "");
  symo_text_add(text, "]}");
}

symo_status symo_layout_to_json(const symo_layout *layout, char **out) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (out == NULL) return symo_fail_null(layout->context, "layout_to_json", "out");
  symo_text text = {0};
  symo_text_add(&text, "{");
  if (symo_layout_dtype(layout) != SYMO_ANY)
    symo_text_add(&text, "\"dtype\": \"%s\",\n ", symo_dtype_name(symo_layout_dtype(layout)));
  symo_text_add(&text, "\"spaces\": {");
  for (size_t i = 0; i < symo_layout_num_spaces(layout); ++i) {
    symo_text_add(&text, i > 0 ? ",\n            " : "");
    add_space(&text, layout, i);
  }
  symo_text_add(&text, "},\n \"tensors\": [");
  for (size_t i = 0; i < symo_layout_num_tensors(layout); ++i) {
    symo_text_add(&text, i > 0 ? ",\n             " : "");
    add_tensor(&text, layout, i);
  }
  symo_text_add(&text, "]}\n");
  return symo_text_finish(&text, layout->context, out);
}

symo_status symo_layout_write_json(const symo_layout *layout, const char *path) {
  if (layout == NULL) return SYMO_E_ARGUMENT;
  if (path == NULL) return symo_fail_null(layout->context, "layout_write_json", "path");
  char *text = NULL;
  symo_status status = symo_layout_to_json(layout, &text);
  if (status == SYMO_OK) status = symo_file_write(layout->context, path, text, strlen(text));
  symo_free(text);
  return status;
}

/* Generators of custom groups may stand in it: two dense matrices of dimension 1024 are 40 MB. */
enum { LARGEST_FILE = 1 << 27, AT = 160 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef struct reader {
  symo_context *context;
  const char *where;
  const char *folder; /* as in symo_group_source */
  symo_layout *layout;
} reader;

/* ---- reading ---- */

static symo_group_source source_of(const reader *r) {
  return (symo_group_source){r->context, r->where, r->folder};
}

/* Puts file and path before what a function of the layout said. */
static symo_status pass_on(const reader *r, symo_status status, const char *at) {
  symo_group_source source = source_of(r);
  return symo_json_pass_on(&source, status, at);
}

static symo_status read_space(const reader *r, const char *name, json_t *value) {
  char at[AT];
  symo_group_source source = source_of(r);
  symo_group_use use = {0};
  snprintf(at, sizeof at, "spaces.%s", symo_quoted(name).text);
  symo_status status = symo_group_read_json(&source, at, value, &use);
  if (status == SYMO_OK)
    status = pass_on(r, symo_layout_add_space(r->layout, name, use.dim, use.group), at);
  symo_group_destroy(use.made); /* the layout keeps it */
  return status;
}

static symo_status read_axes(const reader *r, const char *at, json_t *list, size_t *order,
                             const char **axes) {
  symo_status status;
  size_t count;
  SYMO_TRY(symo_json_expect(r->context, r->where, at, list, JSON_ARRAY,
                            "the names of spaces, for example [\"h\", \"in\"]"));
  count = json_array_size(list);
  if (count > SYMO_MAX_ORDER)
    return symo_fail(r->context, SYMO_E_UNSUPPORTED, "%s: %s: %zu %s (at most %d)", r->where, at,
                     count, symo_plural(count, "axis", "axes"), SYMO_MAX_ORDER);
  for (size_t i = 0; i < count; ++i) {
    char item[AT + 32];
    const json_t *axis = json_array_get(list, i);
    snprintf(item, sizeof item, "%s[%zu]", at, i);
    SYMO_TRY(symo_json_expect(r->context, r->where, item, axis, JSON_STRING,
                              "the name of a space, for example \"h\" or \"h*\""));
    axes[i] = json_string_value(axis);
  }
  *order = count;
  return SYMO_OK;
fail:
  return status;
}

static symo_status read_tensor(const reader *r, size_t index, json_t *value) {
  static const char *const known[] = {"name", "axes"};
  char at[AT], key[AT + 8];
  const char *axes[SYMO_MAX_ORDER];
  size_t order = 0;
  symo_status status;
  snprintf(at, sizeof at, "tensors[%zu]", index);
  SYMO_TRY(symo_json_expect(r->context, r->where, at, value, JSON_OBJECT,
                            "{\"name\": \"w1\", \"axes\": [\"h\", \"in\"]}"));
  SYMO_TRY(symo_json_check_keys(r->context, r->where, at, value, COUNT(known), known));
  const json_t *name = json_object_get(value, "name");
  snprintf(key, sizeof key, "%s.name", at);
  SYMO_TRY(symo_json_expect(r->context, r->where, key, name, JSON_STRING, "a name such as \"w1\""));
  snprintf(key, sizeof key, "%s.axes", at);
  SYMO_TRY(read_axes(r, key, json_object_get(value, "axes"), &order, axes));
  return pass_on(r, symo_layout_add_tensor(r->layout, json_string_value(name), order, axes), at);
fail:
  return status;
}

static symo_status read_dtype(const reader *r, const json_t *value) {
  static const char *const advice = "write \"f32\" or \"f64\", or leave dtype out";
  symo_status status = symo_json_expect(r->context, r->where, "dtype", value, JSON_STRING, advice);
  if (status != SYMO_OK) return status;
  const char *name = json_string_value(value);
  for (int dtype = SYMO_F32; dtype <= SYMO_F64; ++dtype)
    if (strcmp(name, symo_dtype_name((symo_dtype)dtype)) == 0)
      return pass_on(r, symo_layout_set_dtype(r->layout, (symo_dtype)dtype), "dtype");
  return symo_fail(r->context, SYMO_E_DTYPE, "%s: dtype: unknown number type \"%s\" (%s)", r->where,
                   symo_quoted(name).text, advice);
}

static symo_status read_document(const reader *r, json_t *root) {
  static const char *const known[] = {"dtype", "spaces", "tensors"};
  static const char *const one_tensor = "[{\"name\": \"w1\", \"axes\": [\"h\"]}]";
  symo_status status;
  SYMO_TRY(symo_json_expect(r->context, r->where, "", root, JSON_OBJECT,
                            "{\"spaces\": {...}, \"tensors\": [...]}"));
  SYMO_TRY(symo_json_check_keys(r->context, r->where, "", root, COUNT(known), known));
  const json_t *dtype = json_object_get(root, "dtype");
  if (dtype != NULL) SYMO_TRY(read_dtype(r, dtype));
  json_t *spaces = json_object_get(root, "spaces"), *tensors = json_object_get(root, "tensors");
  SYMO_TRY(symo_json_expect(r->context, r->where, "spaces", spaces, JSON_OBJECT,
                            "{\"h\": {\"dim\": 64, \"group\": \"identity\"}}"));
  SYMO_TRY(symo_json_expect(r->context, r->where, "tensors", tensors, JSON_ARRAY, one_tensor));
  const char *name;
  json_t *value;
  size_t index;
  json_object_foreach(spaces, name, value) SYMO_TRY(read_space(r, name, value));
  json_array_foreach(tensors, index, value) SYMO_TRY(read_tensor(r, index, value));
  if (json_array_size(tensors) == 0)
    return symo_fail(r->context, SYMO_E_FORMAT, "%s: tensors: is empty (add one, as in %s)",
                     r->where, one_tensor);
  return SYMO_OK;
fail:
  return status;
}

/* folder: as in symo_group_source. */
static symo_status parse(symo_context *context, const char *where, const char *folder,
                         const char *text, size_t length, symo_layout **out) {
  reader r = {context, where, folder, NULL};
  json_t *root = NULL;
  symo_status status;
  SYMO_TRY(symo_json_parse(context, where, text, length, &root));
  SYMO_TRY(symo_layout_create(context, &r.layout));
  SYMO_TRY(read_document(&r, root));
  json_decref(root);
  *out = r.layout;
  return SYMO_OK;
fail:
  json_decref(root);
  symo_layout_destroy(r.layout);
  return status;
}

symo_status symo_layout_parse_json(symo_context *context, const char *where, const char *text,
                                   size_t length, symo_layout **out) {
  return parse(context, where, NULL, text, length, out);
}

symo_status symo_layout_from_json(symo_context *context, const char *text, symo_layout **out) {
  if (text == NULL || out == NULL)
    return symo_fail_null(context, "layout_from_json", text == NULL ? "text" : "out");
  return parse(context, "layout", "", text, strlen(text), out);
}

symo_status symo_layout_read_json(symo_context *context, const char *path, symo_layout **out) {
  char *text = NULL, *folder = NULL;
  size_t length = 0;
  if (path == NULL || out == NULL)
    return symo_fail_null(context, "layout_read_json", path == NULL ? "path" : "out");
  symo_status status;
  SYMO_TRY(symo_file_read_all(context, path, LARGEST_FILE, &text, &length));
  folder = symo_strdup(path);
  if (folder == NULL) SYMO_TRY(symo_fail_memory(context, path));
  char *slash = strrchr(folder, '/');
  *(slash == NULL ? folder : slash + 1) = '\0';
  SYMO_TRY(parse(context, path, folder, text, length, out));
fail:
  symo_free(text);
  symo_free(folder);
  return status;
}

/* ---- opening ---- */

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

symo_status symo_layout_open(symo_context *context, const char *path_or_text, symo_layout **out) {
  if (path_or_text == NULL || out == NULL)
    return symo_fail_null(context, "layout_open", path_or_text == NULL ? "path_or_text" : "out");
  struct stat info;
  if (ends_with(path_or_text, ".json") || stat(path_or_text, &info) == 0)
    return symo_layout_read_json(context, path_or_text, out);
  symo_status status = symo_layout_parse(context, path_or_text, out);
  /* Without a colon or a bracket it was hardly meant as the short notation. */
  if (status != SYMO_OK && status != SYMO_E_MEMORY && strpbrk(path_or_text, ":[") == NULL)
    return symo_fail(context, status,
                     "layout \"%s\": no such file, and not the short notation either "
                     "(pass a file, or text such as \"h: permutation 8; b[h]\")",
                     symo_quoted(path_or_text).text);
  return status;
}
