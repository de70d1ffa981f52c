/* Characters as tokens, UTF-8, and the text that is taken where none is named. */
#include "tests/support/testing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/alloc.h"
#include "experiments/data/text.h"
#include "experiments/data/tokenizer.h"
#include "experiments/data/unicode.h"

static gpt_tokenizer *characters(symo_context *context, const char *text) {
  gpt_tokenizer *tokenizer = NULL;
  cr_ok(context, gpt_tokenizer_create_characters(context, "text", text, strlen(text), &tokenizer));
  return tokenizer;
}

/* Decoded, the tokens of a text are the text. */
static void round_trip(symo_context *context, const gpt_tokenizer *tokenizer, const char *text,
                       size_t length) {
  uint32_t *ids = NULL;
  size_t count, size, at = 0;
  cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "text", text, length, &ids, &count));
  for (size_t i = 0; i < count; i++) {
    const char *bytes = gpt_tokenizer_decode(tokenizer, ids[i], &size);
    cr_assert(bytes != NULL && size <= length - at && memcmp(bytes, text + at, size) == 0);
    at += size;
  }
  cr_assert_eq(at, length);
  symo_free(ids);
}

Test(gpt_tokens, characters_are_numbered_in_order) {
  symo_context *context = symo_test_context();
  const char *text = "hello, \xc3\xa9t\xc3\xa9 \xf0\x9f\x99\x82\n"; /* e acute, a face */
  gpt_tokenizer *tokenizer = characters(context, text);
  static const uint32_t expected[] = {'\n', ' ', ',', 'e', 'h', 'l', 'o', 't', 0xe9, 0x1f642};
  cr_assert_eq(gpt_tokenizer_size(tokenizer), 10);
  cr_assert_not(gpt_tokenizer_is_bytes(tokenizer));
  for (uint32_t i = 0; i < 10; i++) {
    char utf8[4];
    size_t length;
    const char *bytes = gpt_tokenizer_decode(tokenizer, i, &length);
    cr_assert_eq(length, gpt_utf8_write(expected[i], utf8));
    cr_assert_eq(memcmp(bytes, utf8, length), 0);
  }
  size_t length;
  cr_assert_null(gpt_tokenizer_decode(tokenizer, 10, &length));
  uint32_t *ids = NULL;
  size_t count;
  cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "text", "hot\xc3\xa9", 5, &ids, &count));
  cr_assert(count == 4 && ids[0] == 4 && ids[1] == 6 && ids[2] == 7 && ids[3] == 8);
  symo_free(ids);
  round_trip(context, tokenizer, text, strlen(text));
  round_trip(context, tokenizer, "", 0);
  gpt_tokenizer_destroy(tokenizer);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* A tokenizer takes the room of the code points that it has, not that of all that there are; each
 * one, on whichever page, has its place. */
Test(gpt_tokens, room_of_what_is_there) {
  enum { EVERY = 97, PAGES = 4352 };
  symo_context *context = symo_test_context();
  static char text[4 * 0x110000 / EVERY + 4];
  size_t length = 0, count = 0;
  symo_alloc_reset_peak();
  gpt_tokenizer_destroy(characters(context, "ab\xf4\x8f\xbf\xbf")); /* U+10FFFF */
  cr_assert_lt(symo_alloc_peak_bytes(), (size_t)16 * PAGES);
  for (uint32_t c = 0x110000 - EVERY; c >= EVERY; c -= EVERY) {
    const size_t bytes = gpt_utf8_write(c, text + length); /* 0: a surrogate */
    length += bytes;
    count += bytes > 0;
  }
  gpt_tokenizer *tokenizer = NULL;
  cr_ok(context, gpt_tokenizer_create_characters(context, "text", text, length, &tokenizer));
  cr_assert_eq(gpt_tokenizer_size(tokenizer), count);
  round_trip(context, tokenizer, text, length);
  gpt_tokenizer_destroy(tokenizer);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_tokens, what_cannot_be_encoded_is_named) {
  symo_context *context = symo_test_context();
  gpt_tokenizer *tokenizer = characters(context, "ab\n");
  uint32_t *ids = NULL;
  size_t count;
#define REFUSED(status, detail, text)                                                              \
  cr_fails(context, status, detail,                                                                \
           gpt_tokenizer_encode(context, tokenizer, "FILE", text, sizeof text - 1, &ids, &count))
  REFUSED(SYMO_E_NAME, "FILE: line 2, column 3: the character c (U+0063)", "ab\nabc");
  REFUSED(SYMO_E_NAME, "line 1, column 2: the character \xc3\xa9 (U+00E9)", "a\xc3\xa9");
  REFUSED(SYMO_E_NAME, "the character (U+0007)", "a\x07");
  REFUSED(SYMO_E_NAME, "(U+0000)", "a\0b");
  REFUSED(SYMO_E_FORMAT, "FILE: byte 1 (0xff) is not UTF-8", "a\xff");
  REFUSED(SYMO_E_FORMAT, "byte 2 (0xc3)", "ab\xc3");
#undef REFUSED
  cr_assert_null(ids);
  gpt_tokenizer *none = NULL;
  cr_fails(context, SYMO_E_FORMAT, "byte 3 (0xe9) is not UTF-8",
           gpt_tokenizer_create_characters(context, "FILE", "caf\xe9 noir", 9, &none));
  cr_fails(context, SYMO_E_ARGUMENT, "FILE: is empty",
           gpt_tokenizer_create_characters(context, "FILE", "", 0, &none));
  cr_assert_null(none);
  gpt_tokenizer_destroy(tokenizer);
  gpt_tokenizer_destroy(NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_tokens, json_round_trip) {
  symo_context *context = symo_test_context();
  static const char text[] = "a\0\x01\xc3\xa9\xf4\x8f\xbf\xbf\"\\"; /* U+0000, U+10FFFF */
  gpt_tokenizer *one = NULL, *two = NULL;
  char *json = NULL, *again = NULL;
  cr_ok(context, gpt_tokenizer_create_characters(context, "t", text, sizeof text - 1, &one));
  cr_ok(context, gpt_tokenizer_to_json(context, one, &json));
  cr_assert_str_eq(json, "{\"tokens\": \"characters\", \"code_points\": [0, 1, 34, 92, 97, 233, "
                         "1114111]}");
  cr_ok(context, gpt_tokenizer_from_json(context, "checkpoint", json, &two));
  cr_ok(context, gpt_tokenizer_to_json(context, two, &again));
  cr_assert_str_eq(json, again);
  round_trip(context, two, text, sizeof text - 1);
  symo_free(json);
  symo_free(again);
  gpt_tokenizer_destroy(one);
  gpt_tokenizer_destroy(two);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_tokens, hostile_json) {
  static const char *const bad[][2] = {
      {"", "FILE"},
      {"[]", "must be an object"},
      {"{}", "tokens: must be"},
      {"{\"tokens\": 3}", "tokens: must be"},
      {"{\"tokens\": \"words\"}", "tokens: must be"},
      {"{\"tokens\": \"characters\"}", "code_points"},
      {"{\"tokens\": \"characters\", \"code_points\": []}", "code_points: is empty"},
      {"{\"tokens\": \"characters\", \"code_points\": [1, 1]}", "code_points[1]"},
      {"{\"tokens\": \"characters\", \"code_points\": [5, 4]}", "code_points[1]"},
      {"{\"tokens\": \"characters\", \"code_points\": [-1]}", "code_points[0]"},
      {"{\"tokens\": \"characters\", \"code_points\": [55296]}", "code_points[0]"},
      {"{\"tokens\": \"characters\", \"code_points\": [1114112]}", "code_points[0]"},
      {"{\"tokens\": \"characters\", \"code_points\": [1.5]}", "code_points[0]"},
      {"{\"tokens\": \"characters\", \"code_points\": [1], \"more\": 1}", "more"},
      {"{\"tokens\": \"byte-pairs\", \"vocab\": \"v\"}", "merges"},
  };
  symo_context *context = symo_test_context();
  gpt_tokenizer *none = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_fails(context, SYMO_E_FORMAT, bad[i][1],
             gpt_tokenizer_from_json(context, "FILE", bad[i][0], &none));
  cr_assert_null(none);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_tokens, utf8_is_checked) {
  static const char *const bad[] = {"\x80",
                                    "\xc0\x80",
                                    "\xc1\xbf",
                                    "\xe0\x9f\xbf",
                                    "\xed\xa0\x80",
                                    "\xf0\x8f\xbf\xbf",
                                    "\xf4\x90\x80\x80",
                                    "\xf8\x88\x80\x80\x80",
                                    "\xe2\x82",
                                    "\xc3("};
  size_t size;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    gpt_utf8_read(bad[i], strlen(bad[i]), &size);
    cr_assert_eq(size, 0, "case %zu", i);
  }
  char utf8[4];
  for (uint32_t c = 0; c < 0x110000; c++) {
    const size_t written = gpt_utf8_write(c, utf8);
    if (c >= 0xd800 && c < 0xe000) {
      cr_assert_eq(written, 0);
      continue;
    }
    if (gpt_utf8_read(utf8, written, &size) != c || size != written) cr_assert(false, "U+%X", c);
  }
  cr_assert_eq(gpt_utf8_write(0x110000, utf8), 0);
}

Test(gpt_tokens, classes_of_characters) {
  static const struct {
    uint32_t point;
    gpt_unicode_class kind;
  } some[] = {
      {'a', GPT_LETTER},    {'Z', GPT_LETTER},    {'_', GPT_OTHER},     {'7', GPT_NUMBER},
      {' ', GPT_SPACE},     {0x1c, GPT_OTHER},    {0x85, GPT_SPACE},    {0xa0, GPT_SPACE},
      {0xaa, GPT_LETTER},   {0xb2, GPT_NUMBER},   {0xd7, GPT_OTHER},    {0xe9, GPT_LETTER},
      {0x301, GPT_OTHER},   {0x416, GPT_LETTER},  {0x661, GPT_NUMBER},  {0x200b, GPT_OTHER},
      {0x2028, GPT_SPACE},  {0x2160, GPT_NUMBER}, {0x3000, GPT_SPACE},  {0x4e2d, GPT_LETTER},
      {0xac00, GPT_LETTER}, {0x1f642, GPT_OTHER}, {0x10ffff, GPT_OTHER}};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    cr_assert_eq(gpt_unicode_class_of(some[i].point), some[i].kind, "U+%X", some[i].point);
}

/* ---- texts ---- */

Test(gpt_text, files_follow_each_other) {
  symo_context *context = symo_test_context();
  char one[512], two[512];
  snprintf(one, sizeof one, "%s", symo_test_path("one.txt"));
  snprintf(two, sizeof two, "%s", symo_test_path("two.txt"));
  symo_test_write(one, "first\n", 6);
  symo_test_write(two, "second", 6);
  const char *const files[] = {one, two, one};
  gpt_text text = {0};
  cr_ok(context, gpt_text_read(context, 3, files, NULL, &text));
  cr_assert_str_eq(text.bytes, "first\nsecondfirst\n");
  cr_assert_eq(text.length, 18);
  cr_assert(strstr(text.what, "and 2 more (18 bytes)") != NULL, "%s", text.what);
  gpt_text_drop(&text);
  symo_test_write(one, "", 0);
  cr_fails(context, SYMO_E_ARGUMENT, "is empty", gpt_text_read(context, 1, files, NULL, &text));
  const char *const missing[] = {two, "no/such/file"};
  cr_fails(context, SYMO_E_IO, "no/such/file", gpt_text_read(context, 2, missing, NULL, &text));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* As Python reads texts: the mark goes, and all ends of lines are LF. */
Test(gpt_text, marks_and_line_ends) {
  static const char *const same[] = {"one\ntwo\n\nthree", "\xEF\xBB\xBFone\ntwo\n\nthree",
                                     "one\r\ntwo\r\n\r\nthree", "one\rtwo\r\rthree",
                                     "\xEF\xBB\xBFone\r\ntwo\n\rthree"};
  symo_context *context = symo_test_context();
  const char *file = symo_test_path("text.txt");
  gpt_text text = {0};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    symo_test_write(file, same[i], strlen(same[i]));
    cr_ok(context, gpt_text_read(context, 1, &file, NULL, &text));
    cr_assert_str_eq(text.bytes, same[0]);
    cr_assert_eq(text.length, strlen(same[0]));
    gpt_text_drop(&text);
  }
  symo_test_write(file, "one\r", 4);
  cr_ok(context, gpt_text_read(context, 1, &file, NULL, &text));
  cr_assert_str_eq(text.bytes, "one\n");
  gpt_text_drop(&text);
  symo_test_write(file, "\xEF\xBB\xBF", 3);
  cr_fails(context, SYMO_E_ARGUMENT, "is empty", gpt_text_read(context, 1, &file, NULL, &text));
  symo_test_write(file, "\xFE\xFF\0o", 4);
  cr_fails(context, SYMO_E_FORMAT, "UTF-16", gpt_text_read(context, 1, &file, NULL, &text));
  symo_context_destroy(context);
  cr_no_leaks();
}

/* Nothing is given: the one file, in $SYMO_DATA, ./data or here, and nothing else. */
Test(gpt_text, the_default) {
  symo_context *context = symo_test_context();
  gpt_text text = {0};
  cr_assert_eq(chdir(symo_test_dir()), 0);
  cr_assert_eq(mkdir("data", 0777), 0);
  cr_assert_eq(mkdir("named", 0777), 0);
  unsetenv("SYMO_DATA");
  symo_test_write("Makefile", "# libsymo.  Words.\n", 19);
  symo_test_write("a.md", "ay\n", 3);
  cr_fails(context, SYMO_E_IO,
           "there is no tinyshakespeare.txt in $SYMO_DATA, ./data or . (give a text",
           gpt_text_read(context, 0, NULL, NULL, &text));
  setenv("SYMO_DATA", "named", 1);
  static const char *const places[] = {"./tinyshakespeare.txt", "data/tinyshakespeare.txt",
                                       "named/tinyshakespeare.txt"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) { /* later ones come first */
    symo_test_write(places[i], places[i], strlen(places[i]));
    cr_ok(context, gpt_text_read(context, 0, NULL, NULL, &text));
    cr_assert_str_eq(text.bytes, places[i]);
    cr_assert_eq(strncmp(text.what, places[i], strlen(places[i])), 0, "%s", text.what);
    gpt_text_drop(&text);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status read_two(void *self) {
  static const char *const given[] = {"t", "first"};
  gpt_text text = {0};
  symo_status status = gpt_text_read(self, 2, given, NULL, &text);
  gpt_text_drop(&text);
  return status;
}

/* A folder is its texts in the order of their paths; it may stand beside files. */
Test(gpt_text, folders) {
  symo_context *context = symo_test_context();
  gpt_text text = {0};
  cr_assert_eq(chdir(symo_test_dir()), 0);
  cr_assert_eq(mkdir("t", 0777), 0);
  cr_assert_eq(mkdir("t/b", 0777), 0);
  cr_assert_eq(mkdir("t/build", 0777), 0);
  const char *const given[] = {"t", "first"};
  cr_fails(context, SYMO_E_IO, "t: a folder without .txt",
           gpt_text_read(context, 1, given, NULL, &text));
  symo_test_write("first", "one\n", 4);
  symo_test_write("t/c.h", "sea\n", 4);
  symo_test_write("t/b/x.txt", "bee\n", 4);
  symo_test_write("t/a.md", "ay\n", 3);
  symo_test_write("t/.c", "hidden", 6);
  symo_test_write("t/build/d.c", "no", 2);
  symo_test_write("t/notes", "no", 2);
  cr_assert_eq(symlink("a.md", "t/link.md"), 0);
  cr_ok(context, gpt_text_read(context, 1, given, NULL, &text));
  cr_assert_str_eq(text.bytes, "ay\nbee\nsea\n");
  cr_assert_str_eq(text.what, "t (3 files, 11 bytes)");
  gpt_text_drop(&text);
  cr_ok(context, gpt_text_read(context, 2, given, NULL, &text));
  cr_assert_str_eq(text.bytes, "ay\nbee\nsea\none\n");
  cr_assert_str_eq(text.what, "t and 1 more (4 files, 15 bytes)");
  gpt_text_drop(&text);
  cr_assert_geq(symo_test_allocations(read_two, context), 9); /* list, paths, files */
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_text, nine_tenths_of_the_characters) {
  cr_assert_eq(gpt_text_split("0123456789", 10), 9);
  cr_assert_eq(gpt_text_split("0123456789a", 11), 9);
  cr_assert_eq(gpt_text_split("", 0), 0);
  /* Ten characters of two bytes; the same cut in the middle: not UTF-8. */
  const char *accents =
      "\xc3\xa0\xc3\xa1\xc3\xa2\xc3\xa3\xc3\xa4\xc3\xa5\xc3\xa6\xc3\xa7\xc3\xa8\xc3"
      "\xa9";
  cr_assert_eq(gpt_text_split(accents, 20), 18);
  cr_assert_eq(gpt_text_split(accents, 19), 17);
}

static symo_status make_and_drop(void *self) {
  gpt_tokenizer *one = NULL, *two = NULL;
  char *json = NULL;
  uint32_t *ids = NULL;
  size_t count;
  symo_status status = gpt_tokenizer_create_characters(self, "t", "abc", 3, &one);
  if (status == SYMO_OK) status = gpt_tokenizer_to_json(self, one, &json);
  if (status == SYMO_OK) status = gpt_tokenizer_from_json(self, "t", json, &two);
  if (status == SYMO_OK) status = gpt_tokenizer_encode(self, two, "t", "cab", 3, &ids, &count);
  symo_free(ids);
  symo_free(json);
  gpt_tokenizer_destroy(one);
  gpt_tokenizer_destroy(two);
  return status;
}

Test(gpt_tokens, failed_allocations) {
  symo_context *context = symo_test_context();
  cr_assert_geq(symo_test_allocations(make_and_drop, context), 8);
  symo_context_destroy(context);
  cr_no_leaks();
}
