/* What the first lines of a CSV file say: its separator, its columns, and whether there are
 * names. */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/text.h"
#include "experiments/data/csv.h"

/* A line, counted. */
typedef struct line {
  size_t fields, words, bad; /* bad: missing or infinite */
  size_t word;               /* the last word, from 0 */
  bool last_empty;
  bool rising;  /* whole numbers, each larger than the one before, words aside */
  double first; /* of the numbers */
  double second;
  size_t numbers;
  size_t leading; /* numbers before any other field */
} line;

static symo_status look(const csv_table *t, csv_cursor c, line *out) {
  csv_field field;
  double before = -INFINITY;
  *out = (line){.rising = true};
  while (c.more) {
    symo_status status = csv_next_field(t, &c, &field);
    if (status != SYMO_OK) return status;
    out->last_empty = field.text[0] == '\0';
    if (field.kind == CSV_WORD) {
      out->words++, out->word = c.field - 1;
      continue;
    }
    if (field.kind != CSV_NUMBER) {
      out->bad++;
      continue;
    }
    if (out->numbers == 0) out->first = field.value;
    if (out->numbers == 1) out->second = field.value;
    out->leading += out->numbers++ == c.field - 1;
    if (!(field.value > before) || field.value != floor(field.value)) out->rising = false;
    before = field.value;
  }
  out->fields = c.field;
  return SYMO_OK;
}

/* ---- the label ---- */

/* The place of the name among the fields at c; *count: how often it is there. */
static symo_status find_name(const csv_table *t, csv_cursor c, const char *name, bool words_only,
                             size_t *place, size_t *count) {
  csv_field field;
  *count = 0;
  while (c.more) {
    symo_status status = csv_next_field(t, &c, &field);
    if (status != SYMO_OK) return status;
    if (strcmp(field.text, name) != 0 || (words_only && field.kind != CSV_WORD)) continue;
    if ((*count)++ == 0) *place = c.field - 1;
  }
  return SYMO_OK;
}

static bool is_index(const csv_table *t, const char *label, size_t *place) {
  uint64_t index;
  if (!symo_whole_read(label, NULL, t->columns - 1, &index)) return false;
  *place = (size_t)index;
  return true;
}

/* The column of the label, by a name of the first line or by number. */
static symo_status find_label(csv_table *t, const char *label, csv_cursor first) {
  size_t count = 0;
  t->label = t->columns - 1;
  if (label == NULL) return SYMO_OK;
  symo_status status = t->names ? find_name(t, first, label, false, &t->label, &count) : SYMO_OK;
  if (status != SYMO_OK) return status;
  if (count > 1)
    return symo_fail(t->context, SYMO_E_NAME,
                     "%s: %zu %s are named '%s' (give the number of one, from 0)", t->path, count,
                     symo_plural(count, "column", "columns"), label);
  if (count == 1 || is_index(t, label, &t->label)) return SYMO_OK;
  return symo_fail(t->context, SYMO_E_NAME,
                   "%s: no column '%s' (give a name of its first line or a number from 0 to %zu)",
                   t->path, label, t->columns - 1);
}

/* ---- the first line ---- */

static symo_status ambiguous(const csv_table *t, const csv_cursor *first, const char *what) {
  return symo_fail(t->context, SYMO_E_FORMAT,
                   "%s:%zu: %s: are these the names of the columns, or data? (give --header yes or "
                   "--header no)",
                   t->path, first->line, what);
}

static size_t count_records(csv_cursor c) {
  size_t count = 0;
  for (; csv_next_record(&c); count++) c.at += strcspn(c.at, "\r\n");
  return count;
}

/* "examples,inputs,names of classes", as some packages write it.  A line as wide as those below
 * could be data or names, unless the number of examples is right too. */
static bool gives_sizes(const csv_table *t, symo_data_header header, csv_cursor second,
                        const line *a) {
  if (header == SYMO_DATA_HEADER_NO || a->numbers != 2 || a->leading != 2 || a->bad > 0 ||
      a->second + 1.0 != (double)t->columns || a->first != floor(a->first))
    return false;
  return a->fields != t->columns || (header == SYMO_DATA_HEADER_AUTO && a->words > 0 &&
                                     a->first == (double)count_records(second));
}

/* A line of which nobody said what it is. */
static symo_status decide(csv_table *t, const symo_data_options *options, const csv_cursor *first,
                          const line *a) {
  size_t place = t->columns - 1, named = 0;
  symo_status status = SYMO_OK;
  if (options->label != NULL && !is_index(t, options->label, &place))
    status = find_name(t, *first, options->label, true, &place, &named);
  if (status != SYMO_OK) return status;
  t->names = named > 0 || a->words == a->fields;
  if (t->names) return SYMO_OK;
  if (a->words > 1 || (a->words == 1 && (a->word != place || a->bad > 0)))
    return ambiguous(t, first, "holds words and numbers");
  if (a->words == 0 && a->bad == 0 && a->rising && a->fields > 1) {
    const double least = a->first, last = least + (double)(a->fields - 1);
    csv_cursor c = *first;
    csv_field field = {.value = NAN};
    while (c.more && status == SYMO_OK) status = csv_next_field(t, &c, &field);
    if (status != SYMO_OK) return status;
    if (field.value == last && (least == 0.0 || (least == 1.0 && a->fields > 3)))
      return ambiguous(t, first, least == 0.0 ? "0, 1, 2, .." : "1, 2, 3, 4, ..");
  }
  t->guess_line = first->line;
  t->maybe = a->rising && a->bad == 0;
  return SYMO_OK;
}

/* Lines before the first record that begin with #, and "sep=;", by which spreadsheets are told the
 * separator. */
static bool skip_comments(csv_table *t, csv_cursor *c) {
  while (csv_next_record(c)) {
    const char *at = c->at + strspn(c->at, " \t");
    const bool separator = strncmp(at, "sep=", 4) == 0 && strchr(",;\t", at[4]) != NULL &&
                           at[4] != '\0' && strcspn(at + 5, "\r\n") == 0;
    if (separator)
      t->separator = at[4];
    else if (*at != '#')
      return true;
    t->comments += !separator;
    c->at += strcspn(c->at, "\r\n");
  }
  return false;
}

static symo_status read_lines(csv_table *t, csv_cursor *first, csv_cursor *second, line *a,
                              line *b) {
  *first = (csv_cursor){t->text, 1, 0, false};
  if (!skip_comments(t, first))
    return symo_fail(t->context, SYMO_E_FORMAT, "%s: holds no data (give a CSV file)", t->path);
  *second = *first;
  second->at += strcspn(second->at, "\r\n");
  if (!csv_next_record(second)) second->at = NULL;
  if (t->separator == '\0') t->separator = csv_guess_separator(first, second);
  symo_status status = look(t, *first, a);
  *b = *a;
  if (status == SYMO_OK && second->at != NULL) status = look(t, *second, b);
  if (status != SYMO_OK) return status;
  t->trailing = t->separator != ' ' && b->fields > 1 && b->last_empty &&
                (a->last_empty || a->fields != b->fields);
  t->columns = b->fields - t->trailing;
  if (t->trailing && a->last_empty) a->fields--, a->bad--;
  return SYMO_OK;
}

symo_status csv_survey(csv_table *t, const symo_data_options *options, csv_cursor *data) {
  csv_cursor first, second;
  line a, b;
  symo_status status = read_lines(t, &first, &second, &a, &b);
  if (status != SYMO_OK) return status;
  t->sizes = second.at != NULL && gives_sizes(t, options->header, second, &a);
  t->promised = a.first;
  t->names = options->header == SYMO_DATA_HEADER_YES && !t->sizes;
  if (options->header == SYMO_DATA_HEADER_AUTO && !t->sizes)
    status = decide(t, options, &first, &a);
  if (status != SYMO_OK) return status;
  if (!t->names && !t->sizes) { /* the first line is the first record */
    t->trailing = t->trailing && a.last_empty;
    t->columns = a.fields;
  }
  if ((t->names || t->sizes) && second.at == NULL)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: a line of names and no data (add the data below it)", t->path);
  if (t->names && a.fields != t->columns)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s:%zu: %zu %s below a line of %zu %s (clean the line)", t->path, second.line,
                     t->columns, symo_plural(t->columns, "field", "fields"), a.fields,
                     symo_plural(a.fields, "name", "names"));
  if (t->columns < 2)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: one column only (inputs and a label are needed, with commas, semicolons, "
                     "tabs or blanks between)",
                     t->path);
  *data = t->names || t->sizes ? second : first;
  return find_label(t, options->label, first);
}
