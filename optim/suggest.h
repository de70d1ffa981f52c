#ifndef SYMO_OPTIM_SUGGEST_H
#define SYMO_OPTIM_SUGGEST_H

#include <stddef.h>

/* The known name that is least unlike `name`, for messages; NULL when none is near. */
typedef struct suggestion {
  const char *name, *best;
  size_t least;
} suggestion;

/* Starts for a name, then takes known names in one by one (the first `length` letters of each). */
suggestion symo_suggest_start(const char *name);
void symo_suggest_known(suggestion *s, const char *known, size_t length);

/* "; did you mean NAME?", or "" */
typedef struct suggestion_text {
  char text[64];
} suggestion_text;
suggestion_text symo_suggest(const suggestion *s);

#endif
