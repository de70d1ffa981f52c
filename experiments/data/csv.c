/* CSV files as they come: separators , ; or tab, fields quoted or not, with a line of names or
 * without. One walk counts records and fields, a second one reads numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "experiments/data/reader.h"

enum { MAX_FIELD = 512, MAX_CLASSES = 65536, AUTO_CLASSES = 100 };

typedef struct table {
  symo_context *context;
  const char *path;
  char *text; /* NUL at the end */
  char separator;
  size_t columns, label;
} table;

/* A place in the text. */
typedef struct cursor {
  const char *at;
  size_t line;  /* from 1 */
  size_t field; /* fields taken from the line */
  bool more;    /* a separator was passed: another field follows */
} cursor;

static symo_status complain(const table *t, const cursor *c, const char *what, const char *advice) {
  return symo_fail(t->context, SYMO_E_FORMAT, "%s:%zu:%zu: %s (%s)", t->path, c->line, c->field,
                   what, advice);
}

static bool ends_line(char x) { return x == '\0' || x == '\n' || x == '\r'; }

/* To the first field of the next line that is not blank; false at the end of the file. */
static bool next_record(cursor *c) {
  for (;;) {
    while (*c->at == ' ') c->at++;
    if (*c->at == '\0') return false;
    if (!ends_line(*c->at)) break;
    if (*c->at != '\r' || c->at[1] != '\n') c->line++;
    c->at++;
  }
  c->field = 0, c->more = true;
  return true;
}

static symo_status quoted_field(const table *t, cursor *c, char field[MAX_FIELD]) {
  size_t n = 0;
  for (c->at++; !(*c->at == '"' && c->at[1] != '"'); c->at++) {
    if (ends_line(*c->at)) return complain(t, c, "the quote is not closed", "close it on the line");
    if (*c->at == '"') c->at++;
    if (n + 1 >= MAX_FIELD) return complain(t, c, "the field is too long", "shorten it");
    field[n++] = *c->at;
  }
  field[n] = '\0';
  c->at++;
  while (*c->at == ' ') c->at++;
  if (*c->at != t->separator && !ends_line(*c->at))
    return complain(t, c, "text behind a closing quote", "put a separator there");
  return SYMO_OK;
}

/* The next field of the line, without quotes and blanks around it. */
static symo_status next_field(const table *t, cursor *c, char field[MAX_FIELD]) {
  c->field++;
  while (*c->at == ' ') c->at++;
  if (*c->at == '"') {
    symo_status status = quoted_field(t, c, field);
    if (status != SYMO_OK) return status;
  } else {
    size_t n = 0;
    for (; *c->at != t->separator && !ends_line(*c->at); c->at++) {
      if (n + 1 >= MAX_FIELD) return complain(t, c, "the field is too long", "shorten it");
      field[n++] = *c->at;
    }
    while (n > 0 && (field[n - 1] == ' ' || field[n - 1] == '\t')) n--;
    field[n] = '\0';
  }
  c->more = *c->at == t->separator;
  if (c->more) c->at++;
  return SYMO_OK;
}

/* A finite decimal number and nothing else. */
static bool number(const char *field, double *out) {
  if (field[0] == '\0' || strspn(field, "0123456789+-.eE") != strlen(field)) return false;
  char *end;
  *out = strtod(field, &end);
  return *end == '\0' && isfinite(*out);
}

static symo_status count_fields(const table *t, cursor *c, size_t *fields, bool *numbers) {
  char field[MAX_FIELD];
  double value;
  *numbers = true;
  while (c->more) {
    symo_status status = next_field(t, c, field);
    if (status != SYMO_OK) return status;
    if (!number(field, &value)) *numbers = false;
  }
  *fields = c->field;
  return SYMO_OK;
}

/* The separator that the line at c holds most often outside quotes. */
static char guess_separator(const cursor *c) {
  static const char candidates[] = {',', ';', '\t'};
  size_t counts[3] = {0}, best = 0;
  bool quoted = false;
  for (const char *p = c->at; !ends_line(*p); p++) {
    if (*p == '"') quoted = !quoted;
    for (size_t i = 0; i < 3; i++)
      if (!quoted && *p == candidates[i]) counts[i]++;
  }
  for (size_t i = 1; i < 3; i++)
    if (counts[i] > counts[best]) best = i;
  return candidates[best];
}

/* The column of the label, by a name of the header or by number. */
static symo_status find_label(table *t, const char *label, const cursor *header) {
  char field[MAX_FIELD], *end;
  t->label = t->columns - 1;
  if (label == NULL) return SYMO_OK;
  if (header != NULL)
    for (cursor c = *header; c.more;) {
      symo_status status = next_field(t, &c, field);
      if (status != SYMO_OK) return status;
      if (strcmp(field, label) != 0) continue;
      t->label = c.field - 1;
      return SYMO_OK;
    }
  unsigned long long index = strtoull(label, &end, 10);
  if (label[0] < '0' || label[0] > '9' || *end != '\0' || index >= t->columns)
    return symo_fail(t->context, SYMO_E_NAME,
                     "%s: no column '%s' (give a name of its first line or a number from 0 to %zu)",
                     t->path, label, t->columns - 1);
  t->label = (size_t)index;
  return SYMO_OK;
}

/* Whether the line is "examples,inputs,names of classes" before records of `columns` fields, as
 * some packages write it, and not the names of columns. */
static bool gives_sizes(const table *t, cursor line, size_t columns) {
  char field[MAX_FIELD];
  double value = 0.0;
  for (int i = 0; i < 2; i++)
    if (!line.more || next_field(t, &line, field) != SYMO_OK || !number(field, &value))
      return false;
  return value + 1.0 == (double)columns;
}

/* Looks at the first two records: separator, number of columns, header, label.  data is left at the
 * first record of numbers. */
static symo_status survey(table *t, const char *label, cursor *data) {
  cursor first = {t->text, 1, 0, false};
  size_t fields, later;
  bool numbers, later_numbers;
  if (!next_record(&first))
    return symo_fail(t->context, SYMO_E_FORMAT, "%s: holds no data (give a CSV file)", t->path);
  t->separator = guess_separator(&first);
  cursor second = first;
  symo_status status = count_fields(t, &second, &fields, &numbers);
  if (status != SYMO_OK) return status;
  t->columns = fields;
  *data = first;
  bool header = !numbers;
  if (next_record(&second)) {
    cursor rest = second;
    status = count_fields(t, &rest, &later, &later_numbers);
    if (status != SYMO_OK) return status;
    if (header) *data = second;
    if (header && later != fields && later_numbers && gives_sizes(t, first, later))
      t->columns = later, header = false;
  } else if (header)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: a line of names and no data (add the data below it)", t->path);
  if (t->columns < 2)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: one column only (inputs and a label are needed)", t->path);
  return find_label(t, label, header ? &first : NULL);
}

/* Reads one record into x [columns - 1] and *label. */
static symo_status read_record(const table *t, cursor *c, double *x, double *label) {
  char field[MAX_FIELD];
  double value;
  while (c->more) {
    symo_status status = next_field(t, c, field);
    if (status != SYMO_OK) return status;
    if (field[0] == '\0') return complain(t, c, "the field is empty", "give a number");
    if (!number(field, &value))
      return symo_fail(t->context, SYMO_E_FORMAT, "%s:%zu:%zu: '%.40s' is not a finite number (%s)",
                       t->path, c->line, c->field, field,
                       c->field - 1 == t->label ? "write classes as whole numbers" : "clean it");
    if (c->field > t->columns) break;
    if (c->field - 1 == t->label)
      *label = value;
    else
      *x++ = value;
  }
  if (c->field != t->columns)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s:%zu: %zu fields or more where %zu are expected (clean the line)", t->path,
                     c->line, c->field, t->columns);
  return SYMO_OK;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The different values of n labels, ascending, at the front of `values`; 0 if one is not whole. */
static size_t distinct(size_t n, const double *labels, double *values) {
  size_t count = 0;
  for (size_t r = 0; r < n; r++)
    if (labels[r] != floor(labels[r])) return 0;
  memcpy(values, labels, n * sizeof *values);
  qsort(values, n, sizeof *values, ascending);
  for (size_t r = 0; r < n; r++)
    if (count == 0 || values[r] != values[count - 1]) values[count++] = values[r];
  return count;
}

/* y from the labels. */
static symo_status targets(const table *t, symo_data_task task, const double *labels,
                           double *values, symo_dataset *out) {
  const size_t n = out->examples, count = distinct(n, labels, values);
  out->classes = task == SYMO_DATA_CLASSES;
  if (task == SYMO_DATA_AUTO) out->classes = count >= 2 && count <= AUTO_CLASSES && 2 * count <= n;
  if (out->classes && (count == 0 || count > MAX_CLASSES))
    return symo_fail(
        t->context, SYMO_E_FORMAT,
        "%s: the targets, column %zu, are not classes (those are whole numbers, at most "
        "%d different ones; give --loss mse, or another --label)",
        t->path, t->label, (int)MAX_CLASSES);
  size_t outputs = out->classes ? count : 1, size;
  if (!symo_mul_size(n, outputs, &size))
    return symo_fail(t->context, SYMO_E_SIZE, "%s: too many examples", t->path);
  out->y = symo_calloc(size, sizeof *out->y);
  if (out->y == NULL) return symo_fail_memory(t->context, t->path);
  out->outputs = outputs;
  for (size_t r = 0; r < n; r++)
    if (out->classes) {
      const double *found = bsearch(&labels[r], values, count, sizeof *values, ascending);
      out->y[r * outputs + (size_t)(found - values)] = 1.0;
    } else
      out->y[r] = labels[r];
  return SYMO_OK;
}

/* How many records to make room for: lines, but no more than whole records fit in the text (2 bytes
 * a field), and one that is found wanting. */
static size_t room_for(const char *text, size_t columns) {
  size_t lines = 1, length = 0;
  for (; text[length] != '\0'; length++) lines += text[length] == '\n' || text[length] == '\r';
  size_t fitting = (length + 1) / (2 * columns) + 1;
  return lines < fitting ? lines : fitting;
}

static symo_status read_table(table *t, const symo_data_options *options, symo_dataset *out) {
  cursor data = {0};
  double *labels = NULL, *values = NULL;
  symo_status status = survey(t, options->label, &data);
  if (status != SYMO_OK) return status;
  size_t records = 0, room = room_for(data.at, t->columns);
  out->inputs = t->columns - 1;
  out->x = symo_calloc(room * out->inputs, sizeof *out->x); /* at most eight times the file */
  labels = symo_calloc(room, sizeof *labels);
  values = symo_calloc(room, sizeof *values);
  if (out->x == NULL || labels == NULL || values == NULL) {
    status = symo_fail_memory(t->context, t->path);
    goto fail;
  }
  for (cursor c = data; next_record(&c); records++)
    SYMO_TRY(read_record(t, &c, out->x + records * out->inputs, &labels[records]));
  out->examples = records;
  SYMO_TRY(targets(t, options->task, labels, values, out));
fail:
  symo_free(labels);
  symo_free(values);
  return status;
}

symo_status symo_data_read_csv(symo_context *context, const char *path,
                               const symo_data_options *options, symo_dataset *out) {
  unsigned char *bytes = NULL;
  size_t size = 0;
  symo_status status = symo_data_slurp(context, path, &bytes, &size);
  if (status != SYMO_OK) return status;
  table t = {.context = context, .path = path, .text = (char *)bytes};
  if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) t.text += 3; /* a byte order mark */
  if (strlen((char *)bytes) != size)
    status =
        symo_fail(context, SYMO_E_FORMAT,
                  "%s: holds NUL bytes (a CSV file is text; idx files begin with 0x803)", path);
  else
    status = read_table(&t, options, out);
  symo_free(bytes);
  return status;
}
