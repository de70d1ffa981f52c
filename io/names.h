#ifndef SYMO_IO_NAMES_H
#define SYMO_IO_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A name out of a file, made fit for a message: cut to a few dozen characters, control characters
 * replaced.  Used as  symo_quoted(name).text  in an argument list. */
typedef struct symo_quote {
  char text[80];
} symo_quote;
symo_quote symo_quoted(const char *name);

/* [3, 4, 5], cut when it gets long. */
symo_quote symo_quoted_shape(size_t order, const size_t *shape);

/* "; did you mean NAME?" for the known name that looks most like `name`, or "" when none is near.
 * known: [count]. */
symo_quote symo_did_you_mean(const char *name, size_t count, const char *const *known);

/* True if the bytes are well-formed UTF-8 (RFC 3629). */
bool symo_utf8_valid(const char *string);

#endif
