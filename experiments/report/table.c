/* Tables of JSON.  An object is flattened into fields, "groups.spaces.h1"; what is a list of
 * objects is no field. */
#include "experiments/report/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"

/* ---- fields ---- */

typedef struct field {
  char key[160];
  const json_t *value;
} field;

typedef struct fields {
  size_t count, room;
  field *all;
  bool failed;
} fields;

static bool is_table(const json_t *value) {
  return json_is_array(value) && json_array_size(value) > 0 &&
         json_is_object(json_array_get(value, 0));
}

/* A list whose objects have lists of objects themselves. */
static bool is_nested(const json_t *value) {
  const char *key;
  json_t *inner;
  if (!is_table(value)) return false;
  json_object_foreach(json_array_get(value, 0), key, inner) if (is_table(inner)) return true;
  return false;
}

static void add_field(fields *f, const char *prefix, const char *key, const json_t *value) {
  if (f->count == f->room) {
    size_t room = 2 * f->room + 32;
    field *grown = symo_calloc(room, sizeof *grown);
    if (grown == NULL) {
      f->failed = true;
      return;
    }
    if (f->count > 0) memcpy(grown, f->all, f->count * sizeof *grown);
    symo_free(f->all);
    f->all = grown, f->room = room;
  }
  field *at = &f->all[f->count++];
  at->value = value;
  (void)snprintf(at->key, sizeof at->key, "%.79s%s%.79s", prefix, prefix[0] ? "." : "", key);
}

/* tables: only the lists of objects; otherwise all but these. */
static void collect(fields *f, const char *prefix, const json_t *object, bool tables) {
  void *at = json_object_iter((json_t *)(uintptr_t)object);
  for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
    const char *key = json_object_iter_key(at);
    const json_t *value = json_object_iter_value(at);
    char inner[160];
    (void)snprintf(inner, sizeof inner, "%.79s%s%.79s", prefix, prefix[0] ? "." : "", key);
    if (json_is_object(value)) /* an empty one has no rows */
      collect(f, inner, value, tables);
    else if (is_table(value) == tables)
      add_field(f, prefix, key, value);
  }
}

static const json_t *find(const fields *f, const char *key) {
  for (size_t i = 0; i < f->count; i++)
    if (strcmp(f->all[i].key, key) == 0) return f->all[i].value;
  return NULL;
}

/* ---- cells ---- */

/* Underscores as blanks: "cosine abs hessian". */
static void add_key(report_page *page, const char *key) {
  char text[200];
  (void)snprintf(text, sizeof text, "%s", key);
  for (char *p = text; *p; p++)
    if (*p == '_') *p = ' ';
  report_escape(page, text);
}

static void add_number(report_page *page, double value) {
  symo_text_add(&page->text, "<td class=\"n\" data-value=\"%s\">%.4g</td>",
                symo_decimal_of(value).text, value);
}

static void add_dump(report_page *page, const json_t *value) {
  enum { MOST = 400 };
  char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
  if (text == NULL) {
    page->text.failed = true;
    return;
  }
  const bool cut = strlen(text) > MOST;
  size_t end = cut ? MOST : strlen(text);
  while (cut && ((unsigned char)text[end] & 0xc0) == 0x80) end--; /* whole characters */
  text[end] = '\0';
  symo_text_add(&page->text, "<td>");
  report_escape(page, text);
  symo_text_add(&page->text, "%s</td>", cut ? " .." : "");
  free(text);
}

static void add_cell(report_page *page, const json_t *value) {
  if (value == NULL || json_is_null(value)) {
    symo_text_add(&page->text, "<td%s>-</td>", value != NULL ? " data-value=\"null\"" : "");
  } else if (json_is_integer(value)) {
    symo_text_add(&page->text, "<td class=\"n\" data-value=\"%lld\">%lld</td>",
                  (long long)json_integer_value(value), (long long)json_integer_value(value));
  } else if (json_is_real(value)) {
    add_number(page, json_real_value(value));
  } else if (json_is_string(value) || json_is_boolean(value)) {
    symo_text_add(&page->text, "<td>");
    report_escape(page, json_is_string(value) ? json_string_value(value)
                                              : (json_is_true(value) ? "yes" : "no"));
    symo_text_add(&page->text, "</td>");
  } else {
    add_dump(page, value);
  }
}

static void begin_table(report_page *page, const char *title) {
  symo_text_add(&page->text, "<div class=\"wide\"><table><caption>");
  report_escape(page, title);
  symo_text_add(&page->text, "</caption>\n");
  page->tables++;
}

/* ---- a list ---- */

enum { MOST_ROWS = 1000 };

/* The keys of all rows, in the order in which they come up. */
static void columns_of(const json_t *list, fields *columns) {
  const size_t count = json_array_size(list);
  for (size_t i = 0; i < count && i < MOST_ROWS; i++) {
    fields row = {0};
    collect(&row, "", json_array_get(list, i), false);
    for (size_t k = 0; k < row.count; k++)
      if (find(columns, row.all[k].key) == NULL)
        add_field(columns, "", row.all[k].key, row.all[k].value);
    columns->failed = columns->failed || row.failed;
    symo_free(row.all);
  }
}

/* One line of text for each row of the table. */
static void add_row(report_page *page, const fields *columns, const json_t *object) {
  fields row = {0};
  collect(&row, "", object, false);
  symo_text_add(&page->text, "<tr>");
  for (size_t k = 0; k < columns->count; k++) add_cell(page, find(&row, columns->all[k].key));
  symo_text_add(&page->text, "</tr>\n");
  page->text.failed = page->text.failed || row.failed;
  symo_free(row.all);
}

void report_list(report_page *page, const char *title, const char *note, const json_t *list) {
  fields columns = {0};
  const size_t count = json_array_size(list);
  columns_of(list, &columns);
  if (note != NULL) {
    symo_text_add(&page->text, "<p>");
    report_escape(page, note);
    symo_text_add(&page->text, "</p>\n");
  }
  begin_table(page, title);
  symo_text_add(&page->text, "<thead><tr>");
  for (size_t k = 0; k < columns.count; k++) {
    symo_text_add(&page->text, "<th scope=\"col\">");
    add_key(page, columns.all[k].key);
    symo_text_add(&page->text, "</th>");
  }
  symo_text_add(&page->text, "</tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < count && i < MOST_ROWS; i++)
    add_row(page, &columns, json_array_get(list, i));
  symo_text_add(&page->text, "</tbody></table></div>\n");
  if (count > MOST_ROWS)
    symo_text_add(&page->text, "<p>%zu more rows are in the file.</p>\n", count - MOST_ROWS);
  page->text.failed = page->text.failed || columns.failed;
  symo_free(columns.all);
}

/* ---- an object ---- */

static void add_sections(report_page *page, const char *title, const json_t *list) {
  for (size_t i = 0; i < json_array_size(list); i++) {
    char text[200];
    (void)snprintf(text, sizeof text, "%.120s, %zu of %zu", title, i + 1, json_array_size(list));
    symo_text_add(&page->text, "<details><summary>");
    add_key(page, text);
    symo_text_add(&page->text, "</summary>\n");
    report_object(page, text, json_array_get(list, i));
    symo_text_add(&page->text, "</details>\n");
  }
}

void report_object(report_page *page, const char *title, const json_t *object) {
  fields own = {0}, lists = {0};
  collect(&own, "", object, false);
  collect(&lists, "", object, true);
  if (own.count > 0) {
    begin_table(page, title);
    symo_text_add(&page->text, "<tbody>\n");
    for (size_t i = 0; i < own.count; i++) {
      symo_text_add(&page->text, "<tr><th scope=\"row\">");
      add_key(page, own.all[i].key);
      symo_text_add(&page->text, "</th>");
      add_cell(page, own.all[i].value);
      symo_text_add(&page->text, "</tr>\n");
    }
    symo_text_add(&page->text, "</tbody></table></div>\n");
  }
  for (size_t i = 0; i < lists.count; i++)
    if (is_nested(lists.all[i].value))
      add_sections(page, lists.all[i].key, lists.all[i].value);
    else
      report_list(page, lists.all[i].key, NULL, lists.all[i].value);
  page->text.failed = page->text.failed || own.failed || lists.failed;
  symo_free(own.all);
  symo_free(lists.all);
}
