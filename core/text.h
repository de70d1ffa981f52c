#ifndef SYMO_CORE_TEXT_H
#define SYMO_CORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <symo/context.h>

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

/* Hands the text over (symo_free), or SYMO_E_MEMORY. */
symo_status symo_text_finish(symo_text *text, symo_context *context, char **out);

#endif
