#ifndef SYMO_CORE_NUMBER_H
#define SYMO_CORE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers as text, with a point in every locale. */

/* The shortest decimal that reads back to the same bits: "0.1", "1e-7", "2", "-0". */
typedef struct symo_decimal {
  char text[32];
} symo_decimal;
symo_decimal symo_decimal_of(double value);

/* Reads the decimal number at the beginning of the text: an optional sign, digits with an optional
 * point, an optional exponent; at most 1000 characters.  *end is set to the character after it; if
 * end is NULL, the number must be the whole text.  False for anything else, such as blanks,
 * hexadecimal numbers, nan, inf, and numbers too large for float64. */
bool symo_decimal_read(const char *text, const char **end, double *out);

/* The same, but a number too large for float64 is infinite instead of refused. */
bool symo_decimal_read_wide(const char *text, const char **end, double *out);

/* Reads the digits at the beginning of the text as a whole number from 0 to `most`; end as above.
 * False for anything else, among them signs and blanks. */
bool symo_whole_read(const char *text, const char **end, uint64_t most, uint64_t *out);

#endif
