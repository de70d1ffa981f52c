/* GPT-2's regular expression for words, by hand: at each place the first alternative that fits is
 * taken, each as long as it gets (Radford et al. 2019, encoder of the released code). */
#include <string.h>

#include "experiments/data/bpe.h"
#include "experiments/data/unicode.h"

static gpt_unicode_class class_at(const char *text, size_t length, size_t at, size_t *size) {
  const unsigned char first = (unsigned char)text[at];
  if (first < 0x80) { /* nearly always */
    *size = 1;
    const unsigned lower = first | 0x20u;
    if (lower >= 'a' && lower <= 'z') return GPT_LETTER;
    if (first >= '0' && first <= '9') return GPT_NUMBER;
    return first == ' ' || (first >= '\t' && first <= '\r') ? GPT_SPACE : GPT_OTHER;
  }
  const uint32_t point = gpt_utf8_read(text + at, length - at, size);
  if (*size > 0) return gpt_unicode_class_of(point);
  *size = 1;
  return GPT_OTHER;
}

/* The end of the run of one class, and where its last character begins. */
static size_t run_end(const char *text, size_t length, size_t at, gpt_unicode_class kind,
                      size_t *last) {
  size_t size;
  while (at < length && class_at(text, length, at, &size) == kind) {
    *last = at;
    at += size;
  }
  return at;
}

static size_t contraction(const char *text, size_t left) {
  static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const size_t length = strlen(endings[i]);
    if (length <= left && memcmp(text, endings[i], length) == 0) return length;
  }
  return 0;
}

size_t gpt_word_end(const char *text, size_t length, size_t at) {
  size_t size, last = at;
  if (text[at] == '\'') {
    size = contraction(text + at, length - at);
    if (size > 0) return at + size;
  }
  const size_t begin = text[at] == ' ' && at + 1 < length ? at + 1 : at;
  const gpt_unicode_class kind = class_at(text, length, begin, &size);
  if (kind != GPT_SPACE) return run_end(text, length, begin, kind, &last);
  const size_t end = run_end(text, length, at, GPT_SPACE, &last);
  /* The last white space before something else is left to it, unless it is the only one. */
  return end == length || last == at ? end : last;
}
