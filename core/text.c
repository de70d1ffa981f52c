/* Growing texts. */
#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"

#include <symo/types.h>

static bool reserve(symo_text *out, size_t more) {
  if (out->used + more <= out->room) return true;
  size_t room = 2 * out->room + more + 256;
  char *grown = symo_malloc(room);
  if (grown == NULL) return false;
  if (out->used > 0) memcpy(grown, out->text, out->used);
  symo_free(out->text);
  out->text = grown;
  out->room = room;
  return true;
}

/* Where it does not fit into what is left, it is formatted a second time. */
void symo_text_add(symo_text *out, const char *format, ...) {
  va_list arguments, again;
  if (out->failed) return;
  const size_t left = out->room - out->used;
  va_start(arguments, format);
  va_copy(again, arguments);
  int n = vsnprintf(left > 0 ? out->text + out->used : NULL, left, format, arguments);
  va_end(arguments);
  if (n >= 0 && (size_t)n >= left) {
    if (reserve(out, (size_t)n + 1))
      vsnprintf(out->text + out->used, (size_t)n + 1, format, again);
    else
      n = -1;
  }
  va_end(again);
  if (n < 0)
    out->failed = true;
  else
    out->used += (size_t)n;
}

void symo_text_add_number(symo_text *out, double value) {
  symo_decimal number = symo_decimal_of(value);
  symo_text_add(out, "%s%s", number.text, strcmp(number.text, "-0") == 0 ? ".0" : "");
}

symo_status symo_text_finish(symo_text *text, symo_context *context, char **out) {
  symo_text_add(text, "%s", "");
  if (text->failed) {
    symo_free(text->text);
    *text = (symo_text){0};
    return symo_fail_memory(context, "text");
  }
  *out = text->text;
  *text = (symo_text){0};
  return SYMO_OK;
}
