/* Numbers as text.  strtod and printf use the decimal point of the locale, which may be several
 * bytes long; here it is put in place of '.' and taken out again. */
#include "core/number.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 1000, POINT = 16 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Behind the decimal number at the beginning of the text; NULL if there is none. */
static const char *end_of(const char *text, const char **point) {
  const char *p = text;
  bool digits = false;
  *point = NULL;
  if (*p == '+' || *p == '-') p++;
  for (; is_digit(*p) || (*p == '.' && *point == NULL); p++) {
    if (*p == '.') *point = p;
    digits = digits || is_digit(*p);
  }
  if (!digits) return NULL;
  if (*p == 'e' || *p == 'E') {
    const char *e = p + 1;
    if (*e == '+' || *e == '-') e++;
    if (is_digit(*e)) p = e + strspn(e, "0123456789");
  }
  return p;
}

bool symo_decimal_read_wide(const char *text, const char **end, double *out) {
  char copy[LONGEST + POINT];
  const char *mark = localeconv()->decimal_point, *point, *stop = end_of(text, &point);
  size_t wide = strlen(mark);
  if (stop == NULL || stop - text >= LONGEST || wide >= POINT) return false;
  if (end == NULL && *stop != '\0') return false;
  size_t before = (size_t)((point != NULL ? point : stop) - text);
  memcpy(copy, text, before);
  char *to = copy + before;
  if (point != NULL) {
    size_t after = (size_t)(stop - point) - 1;
    memcpy(to, mark, wide);
    memcpy(to + wide, point + 1, after);
    to += wide + after;
  }
  *to = '\0';
  char *read;
  double value = strtod(copy, &read);
  if (read != to) return false;
  if (end != NULL) *end = stop;
  *out = value;
  return true;
}

bool symo_decimal_read(const char *text, const char **end, double *out) {
  const char *stop;
  double value;
  if (!symo_decimal_read_wide(text, end != NULL ? &stop : NULL, &value) || !isfinite(value))
    return false;
  if (end != NULL) *end = stop;
  *out = value;
  return true;
}

bool symo_whole_read(const char *text, const char **end, uint64_t most, uint64_t *out) {
  const char *p = text;
  uint64_t value = 0;
  for (; is_digit(*p); p++) {
    const uint64_t digit = (uint64_t)(*p - '0');
    if (digit > most || value > (most - digit) / 10) return false;
    value = 10 * value + digit;
  }
  if (p == text || (end == NULL && *p != '\0')) return false;
  if (end != NULL) *end = p;
  *out = value;
  return true;
}

symo_decimal symo_decimal_of(double value) {
  symo_decimal number;
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(number.text, sizeof number.text, "%.*g", digits, value);
    if (strtod(number.text, NULL) == value) break;
  }
  const char *mark = localeconv()->decimal_point;
  char *point = strstr(number.text, mark);
  if (point != NULL) {
    *point = '.';
    memmove(point + 1, point + strlen(mark), strlen(point + strlen(mark)) + 1);
  }
  /* "1e-07" */
  char *e = strchr(number.text, 'e');
  if (e != NULL && (e[1] == '-' || e[1] == '+')) {
    char *from = e + 2, *to = e[1] == '-' ? e + 2 : e + 1;
    while (*from == '0' && from[1] != '\0') from++;
    memmove(to, from, strlen(from) + 1);
  }
  return number;
}
