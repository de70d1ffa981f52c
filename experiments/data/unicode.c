/* UTF-8 (RFC 3629, section 4), and classes of code points by bisection in a table. */
#include "experiments/data/unicode.h"

gpt_unicode_class gpt_unicode_class_of(uint32_t point) {
  size_t low = 0, high = gpt_unicode_count; /* ranges before low end before point */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (gpt_unicode_ranges[middle].last < point)
      low = middle + 1;
    else
      high = middle;
  }
  return low < gpt_unicode_count && gpt_unicode_ranges[low].first <= point
             ? gpt_unicode_ranges[low].kind
             : GPT_OTHER;
}

uint32_t gpt_utf8_read(const char *text, size_t left, size_t *size) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* that needs so many bytes */
  const unsigned char *p = (const unsigned char *)text;
  const size_t length = p[0] < 0x80             ? 1
                        : (p[0] & 0xe0) == 0xc0 ? 2
                        : (p[0] & 0xf0) == 0xe0 ? 3
                        : (p[0] & 0xf8) == 0xf0 ? 4
                                                : 0;
  *size = 0;
  if (length == 0 || length > left) return 0;
  uint32_t point = length == 1 ? p[0] : p[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80) return 0;
    point = point << 6 | (p[i] & 0x3fu);
  }
  if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return 0;
  *size = length;
  return point;
}

size_t gpt_utf8_write(uint32_t point, char out[4]) {
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return 0;
  if (point < 0x80) {
    out[0] = (char)point;
    return 1;
  }
  const size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  const uint32_t lead = 0xf00u >> length & 0xffu; /* as many leading ones as bytes */
  for (size_t i = length - 1; i > 0; i--, point >>= 6) out[i] = (char)(0x80u | (point & 0x3fu));
  out[0] = (char)(lead | point);
  return length;
}
