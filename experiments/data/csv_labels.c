/* From the labels of a CSV file to targets. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"
#include "core/number.h"
#include "core/text.h"
#include "experiments/data/csv.h"

enum { MAX_CLASSES = 65536, AUTO_CLASSES = 100, LABEL_TEXT = CSV_FIELD };
static const double largest_label =
    9007199254740992.0; /* 2^53: whole numbers are told apart below */

/* Numbers by value, words by their bytes. */
static int ascending(const void *a, const void *b) {
  const csv_label *x = a, *y = b;
  if (!x->word) return (x->value > y->value) - (x->value < y->value);
  const size_t least = x->length < y->length ? x->length : y->length;
  const int order = memcmp(x->text, y->text, least);
  return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

/* As it is named: words as they are, numbers in one form. */
static void name_of(const csv_label *label, char text[LABEL_TEXT]) {
  if (label->word)
    snprintf(text, LABEL_TEXT, "%.*s", (int)label->length, label->text);
  else
    snprintf(text, LABEL_TEXT, "%s",
             symo_decimal_of(label->value == 0.0 ? 0.0 : label->value).text);
}

/* Line and field of label `index`. */
static csv_cursor place_of(const csv_table *t, csv_cursor data, size_t index) {
  for (size_t r = 0; csv_next_record(&data); r++) {
    if (r == index) break;
    data.at += strcspn(data.at, "\r\n");
  }
  data.field = t->label + 1;
  return data;
}

static symo_status refuse(const csv_table *t, csv_cursor data, const csv_label *labels,
                          size_t index, symo_status status, const char *what, const char *advice) {
  char text[LABEL_TEXT];
  const csv_cursor at = place_of(t, data, index);
  name_of(&labels[index], text);
  return symo_fail(t->context, status, "%s:%zu:%zu: label '%s' %s (%s)", t->path, at.line, at.field,
                   symo_quoted(text).text, what, advice);
}

/* ---- what they are ---- */

/* All words or all numbers; *whole: numbers that can be classes. */
static symo_status check_kinds(const csv_table *t, csv_cursor data, size_t n,
                               const csv_label *labels, bool *whole) {
  size_t words = 0, odd = 0;
  *whole = true;
  for (size_t r = 0; r < n; r++) {
    words += labels[r].word;
    if (!labels[r].word &&
        !(labels[r].value == floor(labels[r].value) && fabs(labels[r].value) <= largest_label))
      *whole = false;
  }
  if (words == 0 || words == n) return SYMO_OK;
  while (labels[odd].word == (words > n / 2)) odd++;
  const bool first = odd == 0 && t->guess_line > 0;
  return refuse(t, data, labels, odd, SYMO_E_FORMAT,
                labels[odd].word ? "is a word among numbers" : "is a number among words",
                first ? "write all in one way, or --header yes if the line holds names"
                      : "write all in one way");
}

/* The different labels in their order, at the front of `sorted`. */
static size_t distinct(size_t n, const csv_label *labels, csv_label *sorted) {
  size_t count = 0;
  memcpy(sorted, labels, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, ascending);
  for (size_t r = 0; r < n; r++)
    if (count == 0 || ascending(&sorted[r], &sorted[count - 1]) != 0) sorted[count++] = sorted[r];
  return count;
}

static symo_data_task task_of(const symo_data_options *options) {
  return options->task != SYMO_DATA_AUTO ? options->task : options->table;
}

/* Names of columns would be a class of their own. */
static symo_status check_first(const csv_table *t, csv_cursor data, size_t n,
                               const csv_label *labels, const csv_label *sorted, size_t count) {
  size_t own = 0, singles = 0;
  if (!t->maybe || n < 3) return SYMO_OK;
  size_t *members = symo_calloc(count, sizeof *members);
  if (members == NULL) return symo_fail_memory(t->context, t->path);
  for (size_t r = 0; r < n; r++) {
    const csv_label *found = bsearch(&labels[r], sorted, count, sizeof *sorted, ascending);
    members[found - sorted]++;
    if (r == 0) own = (size_t)(found - sorted);
  }
  for (size_t i = 0; i < count; i++) singles += members[i] == 1;
  const bool names = members[own] == 1 && singles == 1;
  symo_free(members);
  if (!names) return SYMO_OK;
  return refuse(
      t, data, labels, 0, SYMO_E_FORMAT,
      "is in no other line, and the fields rise as numbers of columns do: are these names, "
      "or data?",
      "give --header yes or --header no");
}

static symo_status decide(const csv_table *t, const symo_data_options *options, csv_cursor data,
                          size_t n, const csv_label *labels, bool whole, size_t count,
                          bool *classes) {
  const symo_data_task task = task_of(options);
  const bool word = labels[0].word, many = 2 * count > n;
  *classes = task == SYMO_DATA_CLASSES || options->num_labels > 0;
  if (task == SYMO_DATA_AUTO && options->num_labels == 0)
    *classes = word || (whole && count >= 2 && count <= AUTO_CLASSES && !many);
  if (!*classes && word)
    return refuse(t, data, labels, 0, SYMO_E_FORMAT, "is a word, but the targets are numbers",
                  "words are classes: --task classes");
  if (*classes && word && task == SYMO_DATA_AUTO && options->num_labels == 0 && many)
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: %zu different words in the %zu %s of column %zu (choose another --label, "
                     "or --task classes if they are classes)",
                     t->path, count, n, symo_plural(n, "line", "lines"), t->label);
  if (*classes && options->num_labels == 0 && ((!word && !whole) || count > MAX_CLASSES))
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s: the targets, column %zu, are not classes (those are words or whole "
                     "numbers, at most %d different ones; choose another --label, or --loss mse "
                     "where there is a choice)",
                     t->path, t->label, (int)MAX_CLASSES);
  if (*classes && options->num_labels == 0 && count == 1)
    return symo_fail(
        t->context, SYMO_E_FORMAT,
        "%s: all labels, column %zu, are the same (give data of two classes at least, or "
        "another --label)",
        t->path, t->label);
  return SYMO_OK;
}

/* ---- classes ---- */

typedef struct known {
  const char *text;
  size_t place;
} known;

static int by_text(const void *a, const void *b) {
  return strcmp(((const known *)a)->text, ((const known *)b)->text);
}

/* The place of each label among those of the options. */
static symo_status place_known(const csv_table *t, const symo_data_options *options,
                               csv_cursor data, size_t n, const csv_label *labels, size_t *place) {
  char text[LABEL_TEXT], list[160] = "";
  symo_status status = SYMO_OK;
  known *table = symo_calloc(options->num_labels, sizeof *table);
  if (table == NULL) return symo_fail_memory(t->context, t->path);
  for (size_t i = 0; i < options->num_labels; i++) table[i] = (known){options->labels[i], i};
  qsort(table, options->num_labels, sizeof *table, by_text);
  for (size_t r = 0; r < n && status == SYMO_OK; r++) {
    name_of(&labels[r], text);
    const known wanted = {text, 0};
    const known *found = bsearch(&wanted, table, options->num_labels, sizeof *table, by_text);
    if (found != NULL) {
      place[r] = found->place;
      continue;
    }
    for (size_t i = 0, used = 0; i < options->num_labels && used < 120; i++)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%.30s", i > 0 ? ", " : "",
                               used > 80 ? ".." : symo_quoted(options->labels[i]).text);
    char what[256];
    snprintf(what, sizeof what, "is no class of the network, which has %s", list);
    status =
        refuse(t, data, labels, r, SYMO_E_NAME, what, "take these lines out, or train on them");
  }
  symo_free(table);
  return status;
}

/* Names of the classes of the file, and the place of each label among them. */
static symo_status place_own(const csv_table *t, size_t n, const csv_label *labels,
                             const csv_label *sorted, size_t count, size_t *place,
                             symo_dataset *out) {
  char *texts = symo_malloc(count * LABEL_TEXT);
  const char **names = symo_calloc(count, sizeof *names);
  if (texts != NULL && names != NULL) {
    for (size_t i = 0; i < count; i++) {
      names[i] = texts + i * LABEL_TEXT;
      name_of(&sorted[i], texts + i * LABEL_TEXT);
    }
    out->labels = symo_data_copy_texts(count, names);
  }
  symo_free(texts);
  symo_free(names);
  if (out->labels == NULL) return symo_fail_memory(t->context, t->path);
  for (size_t r = 0; r < n; r++) {
    const csv_label *found = bsearch(&labels[r], sorted, count, sizeof *sorted, ascending);
    place[r] = (size_t)(found - sorted);
  }
  return SYMO_OK;
}

static symo_status fill_classes(const csv_table *t, const symo_data_options *options,
                                csv_cursor data, const csv_label *labels, const csv_label *sorted,
                                size_t count, symo_dataset *out) {
  const size_t n = out->examples;
  symo_status status = SYMO_OK;
  size_t *place = symo_calloc(n, sizeof *place);
  if (place == NULL) return symo_fail_memory(t->context, t->path);
  if (options->num_labels > 0) {
    SYMO_TRY(place_known(t, options, data, n, labels, place));
    out->labels = symo_data_copy_texts(options->num_labels, options->labels);
    if (out->labels == NULL) SYMO_TRY(symo_fail_memory(t->context, t->path));
  } else {
    SYMO_TRY(place_own(t, n, labels, sorted, count, place, out));
  }
  for (size_t r = 0; r < n; r++) out->y[r * out->outputs + place[r]] = 1.0;
fail:
  symo_free(place);
  return status;
}

symo_status csv_make_targets(const csv_table *t, const symo_data_options *options, csv_cursor data,
                             csv_label *labels, symo_dataset *out) {
  const size_t n = out->examples;
  size_t size, count;
  bool whole = false;
  symo_status status = SYMO_OK;
  if (options->task == SYMO_DATA_NONE) {
    out->outputs = 1;
    out->y = symo_calloc(n, sizeof *out->y);
    return out->y != NULL ? SYMO_OK : symo_fail_memory(t->context, t->path);
  }
  csv_label *sorted = symo_calloc(n, sizeof *sorted);
  if (sorted == NULL) return symo_fail_memory(t->context, t->path);
  SYMO_TRY(check_kinds(t, data, n, labels, &whole));
  count = distinct(n, labels, sorted);
  if (options->num_labels == 0 && task_of(options) != SYMO_DATA_REGRESSION)
    SYMO_TRY(check_first(t, data, n, labels, sorted, count));
  SYMO_TRY(decide(t, options, data, n, labels, whole, count, &out->classes));
  out->outputs = !out->classes ? 1 : options->num_labels > 0 ? options->num_labels : count;
  if (!symo_mul_size(n, out->outputs, &size)) {
    status = symo_fail(t->context, SYMO_E_SIZE, "%s: too many examples", t->path);
    goto fail;
  }
  out->y = symo_calloc(size, sizeof *out->y);
  if (out->y == NULL) SYMO_TRY(symo_fail_memory(t->context, t->path));
  if (out->classes)
    SYMO_TRY(fill_classes(t, options, data, labels, sorted, count, out));
  else
    for (size_t r = 0; r < n; r++) out->y[r] = labels[r].value;
fail:
  symo_free(sorted);
  return status;
}
