/* Names in messages.  The distance of two names is that of optimal string alignment: the least
 * number of insertions, deletions, replacements and swaps of neighbours. */
#include "core/names.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <symo/types.h>

symo_quote symo_quoted(const char *name) {
  symo_quote quote;
  enum { KEEP = sizeof quote.text - 4 };
  size_t n = 0;
  for (; n < KEEP && name[n] != '\0'; ++n) {
    unsigned char c = (unsigned char)name[n];
    quote.text[n] = c < 0x20 || c == 0x7f ? '?' : name[n];
  }
  if (name[n] != '\0') {
    /* Not through the middle of a character. */
    while (n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80) --n;
    memcpy(quote.text + n, "...", 3);
    n += 3;
  }
  quote.text[n] = '\0';
  return quote;
}

symo_quote symo_quoted_shape(size_t order, const size_t *shape) {
  symo_quote quote;
  enum { ROOM = sizeof quote.text, TAIL = 6 };
  size_t n = (size_t)snprintf(quote.text, ROOM, "[");
  for (size_t i = 0; i < order; ++i) {
    char number[32];
    int length = snprintf(number, sizeof number, "%s%zu", i > 0 ? ", " : "", shape[i]);
    if (n + (size_t)length + TAIL >= ROOM) {
      n += (size_t)snprintf(quote.text + n, ROOM - n, "...");
      break;
    }
    memcpy(quote.text + n, number, (size_t)length + 1);
    n += (size_t)length;
  }
  snprintf(quote.text + n, ROOM - n, "]");
  return quote;
}

enum { LONGEST = 40 };

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Distance of two names of at most LONGEST bytes.  Three rows of the usual table are kept. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb) {
  size_t rows[3][LONGEST + 1];
  for (size_t j = 0; j <= nb; ++j) rows[0][j] = j;
  for (size_t i = 1; i <= na; ++i) {
    size_t *now = rows[i % 3];
    const size_t *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= nb; ++j) {
      size_t best = before[j - 1] + (a[i - 1] != b[j - 1]);
      best = least(best, least(before[j], now[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = least(best, earlier[j - 2] + 1);
      now[j] = best;
    }
  }
  return rows[na % 3][nb];
}

void symo_suggestion_offer(symo_suggestion *s, const char *known, size_t length) {
  size_t own = strlen(s->name);
  if (own == 0 || own > LONGEST || length > LONGEST) return;
  /* A third of the letters may differ; of a short name, one. */
  size_t most = least(1 + own / 3, own - 1);
  if (s->best != NULL) {
    if (s->distance == 0) return;
    most = least(most, s->distance - 1);
  }
  if (own > length + most || length > own + most) return; /* as many letters are to be added */
  size_t d = distance(s->name, own, known, length);
  if (d > most) return;
  s->best = known;
  s->length = length;
  s->distance = d;
}

static symo_quote text_of(const symo_suggestion *s, const char *mark) {
  symo_quote quote = {""};
  if (s->best != NULL)
    snprintf(quote.text, sizeof quote.text, "; did you mean %s%.*s%s?", mark, (int)s->length,
             s->best, mark);
  return quote;
}

symo_quote symo_suggestion_text(const symo_suggestion *s) { return text_of(s, ""); }

symo_quote symo_did_you_mean(const char *name, size_t count, const char *const *known) {
  symo_suggestion s = {.name = name};
  for (size_t i = 0; i < count; ++i) symo_suggestion_offer(&s, known[i], strlen(known[i]));
  return text_of(&s, "\"");
}

/* ---- UTF-8 ---- */

bool symo_utf8_valid(const char *string) {
  const unsigned char *p = (const unsigned char *)string;
  while (*p != 0) {
    unsigned c = *p++;
    if (c < 0x80) continue;
    int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (c < 0xC2 || c > 0xF4) return false;
    uint32_t code = c & (0x3Fu >> more);
    for (int i = 0; i < more; ++i, ++p) {
      if ((*p & 0xC0) != 0x80) return false;
      code = code << 6 | (*p & 0x3Fu);
    }
    /* Longer than need be, half of a surrogate pair, or beyond the last plane. */
    if ((more == 2 && code < 0x800) || (more == 3 && code < 0x10000)) return false;
    if ((code >= 0xD800 && code < 0xE000) || code > 0x10FFFF) return false;
  }
  return true;
}

bool symo_is_name_letter(char letter) {
  return isalnum((unsigned char)letter) || (letter != 0 && strchr("_.-/", letter) != NULL);
}

static bool consists_of_letters(const char *text, const char *others) {
  if (text == NULL || *text == 0 || strlen(text) > SYMO_MAX_NAME) return false;
  while (symo_is_name_letter(*text) || (*text != 0 && strchr(others, *text) != NULL)) text++;
  return *text == 0;
}

bool symo_is_name(const char *name) { return consists_of_letters(name, ""); }
bool symo_is_pattern(const char *pattern) { return consists_of_letters(pattern, "*?"); }

size_t symo_item_length(const char *text) {
  int depth = 0;
  const char *p = text;
  for (; *p != '\0' && (*p != ',' || depth > 0); p++) depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
  return (size_t)(p - text);
}
