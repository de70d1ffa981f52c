/* What every row of the registry of groups with parameters must satisfy: its table is what layouts
 * read, write and compare. */
#include <stdio.h>
#include <string.h>
#include <symo/io.h>

#include "groups/instance.h"
#include "tests/support/testing.h"

static const symo_group *group_of(const symo_layout *layout) {
  return symo_layout_space_group(layout, 0);
}

/* The example of a row is read, and written in both forms comes back as the same group. */
static void check_parameters(symo_context *context, const symo_group *row) {
  char text[200], *notation = NULL, *json = NULL;
  symo_layout *first, *second, *third;
  snprintf(text, sizeof text, "h: %s; w[h]", row->example);
  cr_ok(context, symo_layout_parse(context, text, &first));
  cr_ok(context, symo_layout_to_text(first, &notation));
  cr_ok(context, symo_layout_to_json(first, &json));
  cr_ok(context, symo_layout_parse(context, notation, &second));
  cr_ok(context, symo_layout_from_json(context, json, &third));
  cr_assert(symo_group_equal(group_of(first), group_of(second)), "%s", notation);
  cr_assert(symo_group_equal(group_of(first), group_of(third)), "%s", json);
  for (const group_parameter *p = row->parameters; p->name != NULL; p++) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", p->name);
    cr_assert(strstr(json, key) != NULL, "%s is not in %s", key, json);
    if (p->kind != GROUP_REAL && p->kind != GROUP_FLAG) continue;
    symo_group_spec spec = *symo_group_get_spec(group_of(first));
    symo_group *other = NULL;
    if (p->kind == GROUP_REAL) *symo_group_real(p, &spec) += 0.25;
    if (p->kind == GROUP_FLAG) *symo_group_flag(p, &spec) ^= true;
    cr_ok(context, symo_group_create(context, &spec, &other));
    cr_assert_not(symo_group_equal(group_of(first), other), "%s: %s makes no difference", row->name,
                  p->name);
    symo_group_destroy(other);
  }
  symo_free(notation);
  symo_free(json);
  symo_layout_destroy(first);
  symo_layout_destroy(second);
  symo_layout_destroy(third);
}

Test(group_parameters, tables_are_read_written_and_compared) {
  symo_context *context;
  cr_assert_eq(symo_context_create(&context), SYMO_OK);
  for (size_t i = 0; i < symo_group_count(); i++) {
    const symo_group *row = symo_group_at(i);
    cr_assert_eq(row->parameters != NULL, row->create != NULL, "%s", row->name);
    if (row->example != NULL) check_parameters(context, row);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}
