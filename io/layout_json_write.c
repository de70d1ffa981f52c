/* The canonical JSON of a layout: one space and one tensor a line, "dtype" only where it is set.
 * What io/layout_json.c reads from it is an equal layout.  Names hold nothing that JSON would
 * escape. */
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "groups/plan/layout.h"
#include "io/atomic.h"
#include "io/group_json.h"

#include <symo/io.h>

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
