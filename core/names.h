#ifndef SYMO_CORE_NAMES_H
#define SYMO_CORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* A name out of a file, made fit for a message: it is cut to a few dozen characters, and control
 * characters are replaced.  Used as  symo_quoted(name).text  in an argument list. */
typedef struct symo_quote {
  char text[80];
} symo_quote;
symo_quote symo_quoted(const char *name);

/* [3, 4, 5], cut when it gets long. */
symo_quote symo_quoted_shape(size_t order, const size_t *shape);

/* The known name that looks most like `name`.  Start with {.name = name}, then offer the known
 * names one by one.  best: not terminated at `length`; NULL while no offer is near. */
typedef struct symo_suggestion {
  const char *name, *best;
  size_t length, distance;
} symo_suggestion;
void symo_suggestion_offer(symo_suggestion *s, const char *known, size_t length);
symo_quote symo_suggestion_text(const symo_suggestion *s); /* "; did you mean NAME?", or "" */

/* `; did you mean "NAME"?` for the nearest of known: [count], or "" when none is near. */
symo_quote symo_did_you_mean(const char *name, size_t count, const char *const *known);

/* True if the bytes are well-formed UTF-8 (RFC 3629). */
bool symo_utf8_valid(const char *string);

/* Letters, digits, and _ . - / : what names of spaces, tensors and groups are made of. */
bool symo_is_name_letter(char letter);
bool symo_is_name(const char *name);       /* at most SYMO_MAX_NAME of them, and at least one */
bool symo_is_pattern(const char *pattern); /* the same, with * and ? */

/* The length of the first item of a list: up to a comma outside of parentheses, or to the end. */
size_t symo_item_length(const char *text);

#endif
