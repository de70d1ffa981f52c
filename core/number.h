#ifndef SYMO_CORE_NUMBER_H
#define SYMO_CORE_NUMBER_H

#include <stdbool.h>

/* Numbers as text, with a point in every locale. */

/* The shortest decimal that reads back to the same bits: "0.1", "1e-7", "2", "-0". */
typedef struct symo_decimal {
  char text[32];
} symo_decimal;
symo_decimal symo_decimal_of(double value);

/* Reads the decimal number at the beginning of the text (a sign or none, digits with a point or
 * none, an exponent or none; at most 1000 characters).  *end: behind it.  end NULL: the number must
 * be the whole text.  False for anything else, blanks, hexadecimal, nan, inf, and numbers too large
 * for float64. */
bool symo_decimal_read(const char *text, const char **end, double *out);

#endif
