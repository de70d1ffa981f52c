#ifndef SYMO_CORE_TEXT_H
#define SYMO_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/context.h>

#include "core/number.h"

/* A text that grows.  Start from {0}; a failed allocation is remembered and reported at the end. */
typedef struct symo_text {
  char *text;
  size_t used, room;
  bool failed;
} symo_text;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void symo_text_add(symo_text *out, const char *format, ...);

/* Adds the number as symo_decimal_of writes it, but -0 as "-0.0": JSON would read "-0" as a whole
 * number, which has no sign. */
void symo_text_add_number(symo_text *out, double value);

/* "1 space", "2 spaces": the word behind a number. */
#define symo_plural(n, one, many) ((n) == 1 ? (one) : (many))

/* Hands the text over (symo_free), or SYMO_E_MEMORY. */
symo_status symo_text_finish(symo_text *text, symo_context *context, char **out);

#endif
