/* Lines, fields and numbers of CSV files. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "core/error.h"
#include "core/number.h"
#include "experiments/data/csv.h"

symo_status csv_complain(const csv_table *t, const csv_cursor *c, const char *what,
                         const char *advice) {
  return symo_fail(t->context, SYMO_E_FORMAT, "%s:%zu:%zu: %s (%s)", t->path, c->line, c->field,
                   what, advice);
}

static bool ends_line(char x) { return x == '\0' || x == '\n' || x == '\r'; }

static bool is_blank(char x) { return x == ' ' || x == '\t'; }

bool csv_next_record(csv_cursor *c) {
  for (;;) {
    const char *start = c->at;
    while (is_blank(*c->at)) c->at++;
    if (*c->at == '\0') return false;
    if (!ends_line(*c->at)) {
      c->at = start; /* a tab may be a separator behind an empty field */
      break;
    }
    if (*c->at != '\r' || c->at[1] != '\n') c->line++;
    c->at++;
  }
  c->field = 0, c->more = true;
  return true;
}

/* ---- fields ---- */

/* Blanks that are no separators. */
static const char *skip_blanks(const csv_table *t, const char *at) {
  while (*at == ' ' || (*at == '\t' && t->separator != '\t')) at++;
  return at;
}

static bool separates(const csv_table *t, char x) {
  return x == t->separator || (t->separator == ' ' && x == '\t');
}

static symo_status quoted_field(const csv_table *t, csv_cursor *c, char field[CSV_FIELD]) {
  size_t n = 0;
  for (c->at++; !(*c->at == '"' && c->at[1] != '"'); c->at++) {
    if (ends_line(*c->at))
      return csv_complain(t, c, "the quote is not closed", "close it on the line");
    if (*c->at == '"') c->at++;
    if (n + 1 >= CSV_FIELD) return csv_complain(t, c, "the field is too long", "shorten it");
    field[n++] = *c->at;
  }
  field[n] = '\0';
  c->at++;
  if (t->separator != ' ') c->at = skip_blanks(t, c->at);
  if (!separates(t, *c->at) && !ends_line(*c->at))
    return csv_complain(t, c, "text behind a closing quote", "put a separator there");
  return SYMO_OK;
}

static symo_status plain_field(const csv_table *t, csv_cursor *c, char field[CSV_FIELD]) {
  size_t n = 0;
  for (; !separates(t, *c->at) && !ends_line(*c->at); c->at++) {
    if (n + 1 >= CSV_FIELD) return csv_complain(t, c, "the field is too long", "shorten it");
    field[n++] = *c->at;
  }
  while (n > 0 && is_blank(field[n - 1])) n--;
  field[n] = '\0';
  return SYMO_OK;
}

/* ---- what a field is ---- */

/* What programs write where there is no value (those that pandas reads so, and two more). */
static bool is_missing(const char *field) {
  static const char *const marks[] = {"",     "?",    "-",    "--",   ".",    "NA",      "N/A",
                                      "n/a",  "<NA>", "#N/A", "#NA",  "NULL", "null",    "None",
                                      "-NaN", "-nan", "+NaN", "+nan", "nan",  "#N/A N/A"};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (strcmp(field, marks[i]) == 0) return true;
  return strcasecmp(field, "nan") == 0;
}

static bool is_infinity(const char *field) {
  if (*field == '+' || *field == '-') field++;
  return strcasecmp(field, "inf") == 0 || strcasecmp(field, "infinity") == 0;
}

static void classify(const csv_table *t, csv_field *f) {
  char point[CSV_FIELD];
  const char *text = f->text, *comma = strchr(text, ',');
  f->comma = false;
  if (comma != NULL && t->separator != ',' && strchr(text, '.') == NULL) {
    strcpy(point, text);
    point[comma - text] = '.';
    text = point;
  }
  if (symo_decimal_read_wide(text, NULL, &f->value)) {
    f->comma = text == point;
    f->kind = isfinite(f->value) ? CSV_NUMBER : CSV_INFINITE;
  } else {
    f->kind = is_missing(text) ? CSV_MISSING : is_infinity(text) ? CSV_INFINITE : CSV_WORD;
  }
}

symo_status csv_next_field(const csv_table *t, csv_cursor *c, csv_field *out) {
  c->field++;
  c->at = skip_blanks(t, c->at);
  symo_status status = *c->at == '"' ? quoted_field(t, c, out->text) : plain_field(t, c, out->text);
  if (status != SYMO_OK) return status;
  if (t->separator == ' ') {
    const bool apart = separates(t, *c->at);
    c->at = skip_blanks(t, c->at);
    c->more = apart && !ends_line(*c->at);
  } else {
    c->more = separates(t, *c->at);
    if (c->more) c->at++;
  }
  classify(t, out);
  return SYMO_OK;
}

symo_status csv_check_decimal(csv_table *t, const csv_cursor *c, const csv_field *field) {
  const char mark = field->comma ? ',' : strchr(field->text, '.') != NULL ? '.' : '\0';
  if (mark == '\0' || field->kind != CSV_NUMBER || mark == t->decimal) return SYMO_OK;
  if (t->decimal != '\0')
    return symo_fail(t->context, SYMO_E_FORMAT,
                     "%s:%zu:%zu: '%.40s' has a decimal %s, and line %zu a decimal %s (write all "
                     "in one way, without separators of thousands)",
                     t->path, c->line, c->field, field->text, mark == ',' ? "comma" : "point",
                     t->decimal_line, t->decimal == ',' ? "comma" : "point");
  t->decimal = mark, t->decimal_line = c->line;
  return SYMO_OK;
}

/* ---- what is wrong with one ---- */

static bool is_number_with_marks(const char *field) {
  return strpbrk(field, "0123456789") != NULL && strpbrk(field, ",' ") != NULL &&
         strspn(field, "0123456789+-.,'eE ") == strlen(field);
}

symo_status csv_no_number(const csv_table *t, const csv_cursor *c, const csv_field *field) {
  const char *text = field->text, *why = "",
             *advice = "inputs are decimal numbers; words can be labels";
  if (field->kind == CSV_MISSING)
    why = ": a missing value", advice = "leave its line out, or fill it in";
  else if (field->kind == CSV_INFINITE)
    why = is_infinity(text) ? "" : ": beyond the range of float64", advice = "clean it";
  else if (text[0] == '#')
    advice = "comments may stand before the first record only";
  else if (strncasecmp(text + strspn(text, "+-"), "0x", 2) == 0)
    why = ": hexadecimal", advice = "write it in decimal";
  else if (is_number_with_marks(text))
    advice = "write decimal points, or semicolons between fields for decimal commas, and no "
             "separators of thousands";
  const char *names = c->line == t->guess_line ? "; --header yes if the line holds names" : "";
  if (text[0] == '\0')
    return symo_fail(t->context, SYMO_E_FORMAT, "%s:%zu:%zu: the field is empty%s (%s%s)", t->path,
                     c->line, c->field, why, advice, names);
  return symo_fail(t->context, SYMO_E_FORMAT, "%s:%zu:%zu: '%.40s' is not a finite number%s (%s%s)",
                   t->path, c->line, c->field, text, why, advice, names);
}

/* ---- separators ---- */

static void count_marks(const char *at, size_t counts[4]) {
  static const char marks[] = ";\t,";
  bool quoted = false, blank = false;
  memset(counts, 0, 4 * sizeof *counts);
  while (is_blank(*at)) at++;
  for (; !ends_line(*at); at++) {
    if (*at == '"') quoted = !quoted;
    if (quoted) continue;
    for (size_t i = 0; i < 3; i++) counts[i] += *at == marks[i];
    counts[3] += !is_blank(*at) && blank;
    blank = is_blank(*at);
  }
}

/* Semicolons and tabs before commas, which may be decimal, where two lines agree on them; then what
 * is most frequent; blanks where there is nothing else. */
char csv_guess_separator(const csv_cursor *first, const csv_cursor *second) {
  static const char marks[] = {';', '\t', ','};
  size_t one[4], two[4], best = 2;
  count_marks(first->at, one);
  if (second->at == NULL)
    memcpy(two, one, sizeof two);
  else
    count_marks(second->at, two);
  for (size_t i = 0; i < 2; i++)
    if (one[i] > 0 && two[i] > 0 && one[i] <= two[i] + 1 && two[i] <= one[i] + 1) return marks[i];
  if (one[0] + one[2] + two[0] + two[2] == 0 && one[3] > 0 && two[3] > 0) return ' ';
  for (size_t i = 0; i < 2; i++)
    if (one[i] > one[best]) best = i;
  return marks[best];
}
