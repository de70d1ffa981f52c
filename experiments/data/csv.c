/* CSV files as they come (data.h).  The first lines say what the file is (csv_head.c); one walk
 * reads the numbers and remembers where the labels stand; these become targets (csv_labels.c). */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "core/text.h"
#include "experiments/data/csv.h"
#include "io/file.h"

/* A label remains where it is, without its quotes, in the text. */
static symo_status read_label(csv_table *t, const csv_cursor *c, const char *at,
                              const csv_field *field, csv_label *out) {
  if (field->kind == CSV_MISSING || field->kind == CSV_INFINITE) return csv_no_number(t, c, field);
  *out = (csv_label){at, strlen(field->text), field->value, field->kind == CSV_WORD};
  if (!out->word) return csv_check_decimal(t, c, field);
  if (!symo_utf8_valid(field->text))
    return csv_complain(t, c, "the label is not UTF-8", "save the file as UTF-8");
  /* "1,234" is a number to whoever wrote it. */
  if (strspn(field->text, "0123456789+-.,'") == out->length && strchr(field->text, ',') != NULL)
    return csv_no_number(t, c, field);
  return SYMO_OK;
}

static symo_status check_width(const csv_table *t, const csv_cursor *c, bool last_empty) {
  const size_t wanted = t->columns + t->trailing;
  if (c->field == wanted && !(t->trailing && !last_empty)) return SYMO_OK;
  if (t->trailing && c->field == wanted)
    return csv_complain(t, c, "a field behind the separator that ends the lines before",
                        "clean the line, or fill the others in");
  return symo_fail(t->context, SYMO_E_FORMAT,
                   "%s:%zu: %zu fields or more where %zu are expected%s (clean the line)", t->path,
                   c->line, c->field, t->columns,
                   t->trailing ? " and a separator behind them" : "");
}

/* Reads one record into x [columns - 1] and *label; label NULL: its field may hold anything.
 * Unquoted text may be moved: `write` is t->text. */
static symo_status read_record(csv_table *t, csv_cursor *c, char *write, double *x,
                               csv_label *label) {
  csv_field field = {.text = ""};
  bool last_empty = false;
  while (c->more && c->field < t->columns + t->trailing) {
    const char *before = c->at;
    symo_status status = csv_next_field(t, c, &field);
    if (status != SYMO_OK) return status;
    last_empty = field.text[0] == '\0';
    if (c->field > t->columns) break;
    if (c->field - 1 == t->label && label != NULL) {
      /* The field, and a quote before it, took at least this room. */
      char *place = write + (before - t->text);
      memcpy(place, field.text, strlen(field.text));
      status = read_label(t, c, place, &field, label);
    } else if (c->field - 1 != t->label) {
      status =
          field.kind == CSV_NUMBER ? csv_check_decimal(t, c, &field) : csv_no_number(t, c, &field);
      *x++ = field.value;
    }
    if (status != SYMO_OK) return status;
  }
  c->field += c->more; /* one more than there may be */
  return check_width(t, c, last_empty);
}

/* How many records to make room for: lines, but no more than whole records fit in the text (2 bytes
 * a field), and one that is found wanting. */
static size_t room_for(const char *text, size_t columns) {
  size_t lines = 1, length = 0;
  for (; text[length] != '\0'; length++) lines += text[length] == '\n' || text[length] == '\r';
  size_t fitting = (length + 1) / (2 * columns) + 1;
  return lines < fitting ? lines : fitting;
}

static void say(const csv_table *t, bool none, symo_dataset *out) {
  char separator[24] = "", names[48] = "data begin in the first line";
  if (t->separator != ',')
    snprintf(separator, sizeof separator, ", separator %s",
             t->separator == ';'    ? ";"
             : t->separator == '\t' ? "tab"
                                    : "blanks");
  if (t->names) snprintf(names, sizeof names, "the first line holds names");
  if (t->sizes) snprintf(names, sizeof names, "the first line holds sizes");
  char what[64] = "targets: numbers, column";
  if (none) snprintf(what, sizeof what, "left out: column");
  if (out->classes) snprintf(what, sizeof what, "targets: %zu classes, column", out->outputs);
  snprintf(out->remark, sizeof out->remark, "%.400s: %zu %s of %zu %s; %s %zu; %s%s%s%s%s", t->path,
           out->examples, symo_plural(out->examples, "example", "examples"), out->inputs,
           symo_plural(out->inputs, "input", "inputs"), what, t->label, names, separator,
           t->decimal == ',' ? ", decimal commas" : "",
           t->trailing ? ", separators at the end of lines" : "",
           t->comments > 0 ? ", comments passed over" : "");
}

static symo_status read_table(csv_table *t, char *write, const symo_data_options *options,
                              symo_dataset *out) {
  csv_cursor data = {0};
  csv_label *labels = NULL;
  symo_status status = csv_survey(t, options, &data);
  if (status != SYMO_OK) return status;
  size_t records = 0, room = room_for(data.at, t->columns);
  out->inputs = t->columns - 1;
  out->x = symo_calloc(room * out->inputs, sizeof *out->x); /* at most eight times the file */
  labels = symo_calloc(room, sizeof *labels);
  if (out->x == NULL || labels == NULL) {
    status = symo_fail_memory(t->context, t->path);
    goto fail;
  }
  const bool none = options->task == SYMO_DATA_NONE;
  for (csv_cursor c = data; csv_next_record(&c); records++)
    SYMO_TRY(
        read_record(t, &c, write, out->x + records * out->inputs, none ? NULL : &labels[records]));
  out->examples = records;
  if (t->sizes && t->promised != (double)records) {
    status =
        symo_fail(t->context, SYMO_E_FORMAT,
                  "%s: the first line says %s examples, and there are %zu (is it whole? or say "
                  "what the line is, names or data: --header yes or --header no)",
                  t->path, symo_decimal_of(t->promised).text, records);
    goto fail;
  }
  SYMO_TRY(csv_make_targets(t, options, data, labels, out));
  out->table = true;
  say(t, none, out);
fail:
  symo_free(labels);
  return status;
}

symo_status symo_data_read_csv(symo_context *context, const char *path, unsigned char *bytes,
                               size_t size, const symo_data_options *options, symo_dataset *out) {
  const char *text = (const char *)bytes;
  size_t length = size;
  symo_status status = symo_file_skip_mark(context, path, &text, &length);
  if (status != SYMO_OK) return status;
  if (strlen(text) != length)
    return symo_fail(context, SYMO_E_FORMAT,
                     "%s: holds NUL bytes (a CSV file is text; idx files begin with 0x803)", path);
  csv_table t = {.context = context, .path = path, .text = text};
  return read_table(&t, (char *)bytes + (size - length), options, out);
}
