#ifndef SYMO_EXPERIMENTS_DATA_CSV_H
#define SYMO_EXPERIMENTS_DATA_CSV_H

#include "experiments/data/reader.h"

/* The inside of the reader of CSV files: for csv*.c only. */

enum { CSV_FIELD = 512 };

/* A file that is read.  The text is followed by NUL. */
typedef struct csv_table {
  symo_context *context;
  const char *path;
  const char *text;
  char separator; /* ' ': any number of blanks and tabs */
  char decimal;   /* '.' or ',', once a number had one; 0 */
  size_t decimal_line;
  size_t columns, label;
  bool trailing; /* every line ends with a separator, which is no column */
  bool names;    /* the first line holds names */
  bool sizes;    /* or the numbers of examples and inputs, the first of them promised */
  double promised;
  size_t guess_line; /* of the first record, where nobody said that it holds no names; else 0 */
  bool maybe;        /* its fields could be names too, unless its label is found elsewhere */
  size_t comments;   /* lines of them passed over */
} csv_table;

/* A place in the text. */
typedef struct csv_cursor {
  const char *at;
  size_t line;  /* from 1 */
  size_t field; /* fields taken from the line */
  bool more;    /* a separator was passed: another field follows */
} csv_cursor;

/* What a field is.  INFINITE: inf, or a number beyond float64. */
typedef enum csv_kind { CSV_NUMBER, CSV_WORD, CSV_MISSING, CSV_INFINITE } csv_kind;

typedef struct csv_field {
  char text[CSV_FIELD]; /* without quotes and blanks around it */
  csv_kind kind;
  double value; /* of a number */
  bool comma;   /* it has a decimal comma */
} csv_field;

/* ---- csv_scan.c ---- */

/* To the first field of the next line that is not blank; false at the end of the file. */
bool csv_next_record(csv_cursor *c);

/* The next field of the line. */
symo_status csv_next_field(const csv_table *t, csv_cursor *c, csv_field *out);

/* SYMO_E_FORMAT "PATH:LINE:FIELD: WHAT (ADVICE)". */
symo_status csv_complain(const csv_table *t, const csv_cursor *c, const char *what,
                         const char *advice);

/* Why the field is no number, which an input must be. */
symo_status csv_no_number(const csv_table *t, const csv_cursor *c, const csv_field *field);

/* Holds decimal points and commas against each other. */
symo_status csv_check_decimal(csv_table *t, const csv_cursor *c, const csv_field *field);

/* Separator of the lines at first and second (second->at NULL: there is none). */
char csv_guess_separator(const csv_cursor *first, const csv_cursor *second);

/* ---- csv_head.c ---- */

/* Looks at the first lines: separator, columns, whether there are names, and the column of the
 * label.  data is left at the first record. */
symo_status csv_survey(csv_table *t, const symo_data_options *options, csv_cursor *data);

/* ---- csv_labels.c ---- */

/* A label as it stands in the text, and the value of one that is a number. */
typedef struct csv_label {
  const char *text;
  size_t length;
  double value;
  bool word;
} csv_label;

/* y and labels of out from those of its examples; data: where the records begin. */
symo_status csv_make_targets(const csv_table *t, const symo_data_options *options, csv_cursor data,
                             csv_label *labels, symo_dataset *out);

#endif
