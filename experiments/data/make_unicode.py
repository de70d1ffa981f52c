"""Prints unicode_table.c: which code points are letters, numbers and white space.

    python3 experiments/data/make_unicode.py >experiments/data/unicode_table.c

The categories L* and N* are those of Python's unicodedata; White_Space is the property of that name, which
unicodedata does not have (str.isspace also takes U+001C to U+001F).
"""

import unicodedata

SPACES = [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]


def kind(point):
    if point in SPACES:
        return "S"
    return {"L": "L", "N": "N"}.get(unicodedata.category(chr(point))[0])


def ranges():
    first = 0
    for point in range(1, 0x110001):
        if point == 0x110000 or kind(point) != kind(first):
            if kind(first):
                yield first, point - 1, kind(first)
            first = point


words = ["{0x%x, 0x%x, %s}," % each for each in ranges()]
print("/* Made by make_unicode.py from Unicode %s: letters, numbers, white space, ascending. */" %
      unicodedata.unidata_version)
print('#include "experiments/data/unicode.h"\n')
print("/* clang-format off */")
print("#define L GPT_LETTER\n#define N GPT_NUMBER\n#define S GPT_SPACE")
print("const gpt_unicode_range gpt_unicode_ranges[] = {")
line = " "
for word in words:
    if len(line) + 1 + len(word) > 100:
        print(line)
        line = " "
    line += " " + word
print(line + "};")
print("const size_t gpt_unicode_count = sizeof gpt_unicode_ranges / sizeof *gpt_unicode_ranges;")
