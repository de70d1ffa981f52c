/* metrics.jsonl as CSV (RFC 4180, with line feeds). */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/text.h"
#include "experiments/train/metrics.h"
#include "io/file.h"
#include "io/json.h"

enum { COLUMNS = 1024, KEY = 96 };

typedef struct table {
  cli *c;
  const char *path;
  size_t count;
  char columns[COLUMNS][KEY];
  const json_t *values[COLUMNS]; /* of a line; NULL: it has none */
  symo_text text;
} table;

/* The column of a key, which is added where it is new; COLUMNS: there is no room. */
static size_t column_of(table *t, const char *key) {
  size_t i = 0;
  while (i < t->count && strcmp(t->columns[i], key) != 0) i++;
  if (i == t->count && i < COLUMNS) {
    (void)snprintf(t->columns[i], KEY, "%s", key);
    t->count++;
  }
  return i;
}

/* Values of an object into their columns; objects inside under "prefix.key". */
static symo_status take(table *t, const char *prefix, json_t *object) {
  symo_status status = SYMO_OK;
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    char name[KEY];
    const int length =
        snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", key);
    if (length < 0 || (size_t)length >= sizeof name)
      return symo_fail(cli_context(t->c), SYMO_E_SIZE, "%s: a key is too long (shorten it)",
                       t->path);
    if (json_is_object(value)) {
      status = take(t, name, value);
      if (status != SYMO_OK) return status;
      continue;
    }
    const size_t column = column_of(t, name);
    if (column == COLUMNS)
      return symo_fail(cli_context(t->c), SYMO_E_SIZE, "%s: more than %d keys (leave some out)",
                       t->path, COLUMNS);
    t->values[column] = value;
  }
  return SYMO_OK;
}

/* Quoted where it has to be. */
static void add_string(symo_text *out, const char *text) {
  if (strpbrk(text, ",\"\n\r") == NULL) {
    symo_text_add(out, "%s", text);
    return;
  }
  symo_text_add(out, "\"");
  for (const char *p = text; *p; p++) symo_text_add(out, *p == '"' ? "\"\"" : "%c", *p);
  symo_text_add(out, "\"");
}

static void add_line(table *t) {
  for (size_t i = 0; i < t->count; i++) {
    const json_t *v = t->values[i];
    if (i > 0) symo_text_add(&t->text, ",");
    if (json_is_integer(v))
      symo_text_add(&t->text, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
      symo_text_add(&t->text, "%s", symo_decimal_of(json_real_value(v)).text);
    else if (json_is_string(v))
      add_string(&t->text, json_string_value(v));
    else if (json_is_boolean(v))
      symo_text_add(&t->text, "%s", json_is_true(v) ? "true" : "false");
  }
  symo_text_add(&t->text, "\n");
}

/* Twice over the lines: the first time for the columns. */
static symo_status walk(table *t, const char *text, bool write) {
  for (const char *p = text, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
    json_t *object = NULL;
    memset(t->values, 0, sizeof t->values);
    symo_status status = symo_json_parse(cli_context(t->c), t->path, p, (size_t)(end - p), &object);
    if (status == SYMO_OK) status = take(t, "", object);
    if (status == SYMO_OK && write) add_line(t);
    json_decref(object);
    if (status != SYMO_OK) return status;
  }
  return SYMO_OK;
}

static symo_status make(table *t, char **csv) {
  char *lines = NULL;
  symo_status status = SYMO_OK;
  SYMO_TRY(train_metrics_text(cli_context(t->c), t->path, &lines));
  SYMO_TRY(walk(t, lines, false));
  for (size_t i = 0; i < t->count; i++) {
    if (i > 0) symo_text_add(&t->text, ",");
    add_string(&t->text, t->columns[i]);
  }
  symo_text_add(&t->text, "\n");
  SYMO_TRY(walk(t, lines, true));
  status = symo_text_finish(&t->text, cli_context(t->c), csv);
  t->text = (symo_text){0};
fail:
  symo_free(t->text.text);
  symo_free(lines);
  return status;
}

int train_metrics_csv(cli *c, const char *directory) {
  char *from = cli_join(directory, "metrics.jsonl"), *to = cli_join(directory, "metrics.csv");
  char *csv = NULL;
  table *t = symo_calloc(1, sizeof *t);
  int code = CLI_DONE;
  if (from == NULL || to == NULL || t == NULL) {
    code = cli_fail_memory(c);
  } else {
    t->c = c, t->path = from;
    symo_status status = make(t, &csv);
    code = status == SYMO_OK ? cli_write_file(c, to, csv, strlen(csv)) : cli_fail_status(c, status);
  }
  symo_free(csv);
  symo_free(t);
  symo_free(from);
  symo_free(to);
  return code;
}
