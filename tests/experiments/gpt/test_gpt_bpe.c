/* GPT-2's byte pairs: the words of its regular expression, merges in their order, files that are
 * wrong, and any bytes there and back. */
#include "tests/support/testing.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/data/bpe.h"
#include "experiments/data/tokenizer.h"
#include "experiments/data/unicode.h"

/* ---- words ---- */

/* Words separated by '|'. */
static void words(const char *text, const char *expected) {
  char found[512];
  size_t at = 0, used = 0;
  const size_t length = strlen(text);
  while (at < length) {
    const size_t end = gpt_word_end(text, length, at);
    cr_assert(end > at && end <= length);
    if (at > 0) found[used++] = '|';
    memcpy(found + used, text + at, end - at);
    used += end - at;
    at = end;
  }
  found[used] = '\0';
  cr_assert_str_eq(found, expected);
}

Test(gpt_bpe, words_are_cut_as_gpt2_does) {
  words("Hello world", "Hello| world");
  words("we'll don't I've they're he'd I'm it's", "we|'ll| don|'t| I|'ve| they|'re| he|'d| I|'m| it"
                                                  "|'s");
  words("'sand 'S ' s'", "'s|and| '|S| '| s|'");
  words("x=42;  y  = 7\n\n\tz", "x|=|42|;| | y| | =| 7|\n\n|\t|z");
  words("a   ", "a|   ");
  words("a \n b", "a| \n| b");
  words("\n", "\n");
  words(" ", " ");
  words("a\nb", "a|\n|b");
  words("a\n b", "a|\n| b");
  words("3.14abc_x", "3|.|14|abc|_|x");
  words("!? ...", "!?| ...");
  words("\xc3\xa9t\xc3\xa9 \xd0\x96\xd0\x96 \xd9\xa1\xd9\xa2", /* letters, letters, numbers */
        "\xc3\xa9t\xc3\xa9| \xd0\x96\xd0\x96| \xd9\xa1\xd9\xa2");
  words("a\xc2\xa0\xc2\xa0"
        "b",
        "a|\xc2\xa0|\xc2\xa0|b"); /* no-break spaces */
  words("a\xff\xfe"
        "b",
        "a|\xff\xfe|b");
}

/* ---- files ---- */

enum { ROOM = 1 << 16 };

/* The character for a byte, by the other way round: what is not visible is counted from U+0100. */
static size_t visible(int byte, char *out) {
  uint32_t point = (uint32_t)byte;
  if (byte <= 32)
    point = 0x100 + (uint32_t)byte;
  else if (byte >= 127 && byte <= 160)
    point = 0x121 + (uint32_t)(byte - 127);
  else if (byte == 173)
    point = 0x143;
  return gpt_utf8_write(point, out);
}

/* {bytes, then the tokens given}: "more" are texts in GPT-2's writing. */
static const char *write_vocab(size_t count, const char *const *more) {
  static char text[ROOM];
  size_t used = (size_t)snprintf(text, sizeof text, "{");
  for (int b = 0; b < 256; b++) {
    char utf8[8] = "";
    utf8[visible(b, utf8)] = '\0';
    const char *slash = b == '"' || b == '\\' ? "\\" : "";
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s%s\": %d", b > 0 ? ", " : "",
                             slash, utf8, b);
  }
  for (size_t i = 0; i < count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, ", \"%s\": %zu", more[i], 256 + i);
  used += (size_t)snprintf(text + used, sizeof text - used, "}");
  const char *path = symo_test_path("vocab.json");
  symo_test_write(path, text, used);
  return path;
}

static const char *write_merges(const char *text) {
  const char *path = symo_test_path("merges.txt");
  symo_test_write(path, text, strlen(text));
  return path;
}

#define G "\xc4\xa0" /* U+0120: a space */
static const char *const tokens[] = {"he", "ll",  "llo", "hello", G "h", G "hello",
                                     "aa", "aaa", "lo",  "ab",    "bc",  "<|endoftext|>"};
static const char *const pairs =
    "#version: 0.2\nh e\nl l\nll o\nhe llo\n" G " h\n" G " hello\na a\n"
    "aa a\nl o\na b\nb c\n";

static gpt_tokenizer *small(symo_context *context) {
  gpt_tokenizer *tokenizer = NULL;
  const char *vocab = write_vocab(sizeof tokens / sizeof *tokens, tokens);
  const char *merges = write_merges(pairs);
  cr_ok(context, gpt_tokenizer_create_bpe(context, vocab, merges, &tokenizer));
  return tokenizer;
}

static void encodes(symo_context *context, const gpt_tokenizer *tokenizer, const char *text,
                    size_t expected, const uint32_t *ids) {
  uint32_t *found = NULL;
  size_t count;
  cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "t", text, strlen(text), &found, &count));
  cr_assert_eq(count, expected, "%s: %zu tokens", text, count);
  for (size_t i = 0; i < count; i++)
    cr_assert_eq(found[i], ids[i], "%s: token %zu is %u", text, i, (unsigned)found[i]);
  symo_free(found);
}
#define ENCODES(text, ...)                                                                         \
  encodes(context, tokenizer, text, sizeof(uint32_t[]){__VA_ARGS__} / sizeof(uint32_t),            \
          (uint32_t[]){__VA_ARGS__})

Test(gpt_bpe, merges_in_their_order) {
  symo_context *context = symo_test_context();
  gpt_tokenizer *tokenizer = small(context);
  cr_assert_eq(gpt_tokenizer_size(tokenizer), 268);
  cr_assert(gpt_tokenizer_is_bytes(tokenizer));
  ENCODES("hello", 259);
  ENCODES("hello hello", 259, 261); /* "h e" stands before " h" */
  ENCODES("he", 256);
  ENCODES("helo", 256, 264);
  ENCODES("lll", 257, 'l');
  ENCODES("aaaa", 262, 262); /* the pairs first, then there is no "aa a" */
  ENCODES("aaaaa", 262, 263);
  ENCODES("abc", 265, 'c'); /* "a b" stands before "b c" */
  ENCODES("xyz", 'x', 'y', 'z');
  ENCODES("\xc3\xa9", 0xc3, 0xa9);
  uint32_t *none = NULL;
  size_t count = 7;
  cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "t", "", 0, &none, &count));
  cr_assert_eq(count, 0);
  symo_free(none);
  gpt_tokenizer_destroy(tokenizer);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_bpe, any_bytes_there_and_back) {
  symo_context *context = symo_test_context();
  symo_rng *rng = symo_test_rng(context, 5);
  gpt_tokenizer *tokenizer = small(context);
  enum { N = 20000 };
  static char text[N];
  for (int kind = 0; kind < 3; kind++) {
    /* Any bytes; a few letters and spaces; one word of two letters. */
    for (size_t i = 0; i < N; i++)
      text[i] = kind == 0   ? (char)symo_rng_below(rng, 256)
                : kind == 1 ? "helo abc\n'"[symo_rng_below(rng, 10)]
                            : "la"[symo_rng_below(rng, 2)];
    uint32_t *ids = NULL;
    size_t count, size, at = 0;
    cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "t", text, N, &ids, &count));
    for (size_t i = 0; i < count; i++) {
      const char *bytes = gpt_tokenizer_decode(tokenizer, ids[i], &size);
      cr_assert(bytes != NULL && size <= N - at && memcmp(bytes, text + at, size) == 0);
      at += size;
    }
    cr_assert_eq(at, N);
    symo_free(ids);
  }
  gpt_tokenizer_destroy(tokenizer);
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_bpe, json_names_the_files) {
  symo_context *context = symo_test_context();
  gpt_tokenizer *one = small(context), *two = NULL;
  char *json = NULL;
  cr_ok(context, gpt_tokenizer_to_json(context, one, &json));
  cr_ok(context, gpt_tokenizer_from_json(context, "checkpoint", json, &two));
  cr_assert_eq(gpt_tokenizer_size(two), 268);
  gpt_tokenizer_destroy(two);
  two = NULL;
  write_merges("h e\n");
  cr_fails(context, SYMO_E_FORMAT, "are not those that it was made with",
           gpt_tokenizer_from_json(context, "checkpoint", json, &two));
  remove(symo_test_path("merges.txt"));
  cr_fails(context, SYMO_E_IO, "merges.txt",
           gpt_tokenizer_from_json(context, "checkpoint", json, &two));
  cr_assert_null(two);
  symo_free(json);
  gpt_tokenizer_destroy(one);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_bpe, marks_and_line_ends_of_merges) {
  static const char *const same[] = {"#version: 0.2\nh e\nl l\n",
                                     "\xEF\xBB\xBF#version: 0.2\nh e\nl l\n",
                                     "\xEF\xBB\xBFh e\r\nl l\r\n"};
  symo_context *context = symo_test_context();
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    gpt_tokenizer *tokenizer = NULL;
    uint32_t *ids = NULL;
    size_t count = 0;
    const char *vocab = write_vocab(sizeof tokens / sizeof *tokens, tokens);
    cr_ok(context, gpt_tokenizer_create_bpe(context, vocab, write_merges(same[i]), &tokenizer));
    cr_ok(context, gpt_tokenizer_encode(context, tokenizer, "t", "hell", 4, &ids, &count));
    cr_assert_eq(count, 2, "%zu: %zu", i, count);
    symo_free(ids);
    gpt_tokenizer_destroy(tokenizer);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(gpt_bpe, malformed_merges) {
  static const char *const bad[][2] = {
      {"h e\nhe\n", "merges.txt:2: is not two tokens"},
      {"h  e\n", "merges.txt:1: is not two tokens"},
      {"h e l\n", "merges.txt:1: is not two tokens"},
      {" e\n", "merges.txt:1: is not two tokens"},
      {"h \n", "merges.txt:1: is not two tokens"},
      {"h e\nx y\n", "merges.txt:2: the two tokens and both together"},
      {"h e\r\nl l\r\nh e\r\n", "merges.txt:3: the pair was there before"},
      {"h e\n\xe4\xb8\xad h\n", "merges.txt:2: has a character that stands for no byte"},
      {"h e\nl \xff\n", "merges.txt:2: has a character that stands for no byte"},
      {"h e\n#version: 0.2\n", "merges.txt:2: "},
  };
  symo_context *context = symo_test_context();
  gpt_tokenizer *none = NULL;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *vocab = write_vocab(sizeof tokens / sizeof *tokens, tokens);
    const char *merges = write_merges(bad[i][0]);
    cr_fails(context, SYMO_E_FORMAT, bad[i][1],
             gpt_tokenizer_create_bpe(context, vocab, merges, &none));
  }
  cr_assert_null(none);
  symo_context_destroy(context);
  cr_no_leaks();
}

static void vocab_refused(symo_context *context, const char *text, const char *detail) {
  gpt_tokenizer *none = NULL;
  const char *vocab = symo_test_path("vocab.json");
  symo_test_write(vocab, text, strlen(text));
  cr_fails(context, SYMO_E_FORMAT, detail,
           gpt_tokenizer_create_bpe(context, vocab, write_merges(""), &none));
  cr_assert_null(none);
}

Test(gpt_bpe, malformed_vocabulary) {
  symo_context *context = symo_test_context();
  vocab_refused(context, "", "vocab.json");
  vocab_refused(context, "{\"a\": 0", "vocab.json");
  vocab_refused(context, "[1, 2]", "must be an object");
  vocab_refused(context, "{\"a\": 0}", "has 1 entry");
  static const char *const repeated[] = {"\xe4\xb8\xad"};
  gpt_tokenizer *none = NULL;
  const char *vocab = write_vocab(1, repeated);
  cr_fails(context, SYMO_E_FORMAT, "has a character that stands for no byte",
           gpt_tokenizer_create_bpe(context, vocab, write_merges(""), &none));
  static const char *const hollow[] = {""};
  vocab = write_vocab(1, hollow);
  cr_fails(context, SYMO_E_FORMAT, "is empty",
           gpt_tokenizer_create_bpe(context, vocab, write_merges(""), &none));
  static const char *const spaced[] = {"a b"};
  vocab = write_vocab(1, spaced);
  cr_fails(context, SYMO_E_FORMAT, "stands for no byte",
           gpt_tokenizer_create_bpe(context, vocab, write_merges(""), &none));
  static const struct {
    const char *from, *to, *detail;
  } edits[] = {{"\"b\": 98", "\"b\": 97", "both have number 97"},
               {"\"b\": 98", "\"b\": -1", "entry \"b\": must have a number from 0 to 255"},
               {"\"b\": 98", "\"b\": 256", "entry \"b\": must have a number from 0 to 255"},
               {"\"b\": 98", "\"b\":1e0", "entry \"b\": must have a number from 0 to 255"},
               {"\"b\": 98", "\"a\": 98", "vocab.json"},
               {"\"b\": 98", "\"bb\":98", "there is no token for byte 0x62"}};
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
    char text[ROOM] = "", changed[ROOM + 16];
    vocab = write_vocab(0, NULL);
    FILE *file = fopen(vocab, "rb");
    cr_assert(file != NULL && fread(text, 1, ROOM - 1, file) > 0);
    fclose(file);
    const char *at = strstr(text, edits[i].from);
    cr_assert_not_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, edits[i].to,
             at + strlen(edits[i].from));
    vocab_refused(context, changed, edits[i].detail);
  }
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status make_and_drop(void *self) {
  gpt_tokenizer *tokenizer = NULL;
  uint32_t *ids = NULL;
  size_t count;
  symo_status status = gpt_tokenizer_create_bpe(self, symo_test_path("vocab.json"),
                                                symo_test_path("merges.txt"), &tokenizer);
  if (status == SYMO_OK)
    status = gpt_tokenizer_encode(self, tokenizer, "t", "hello hello", 11, &ids, &count);
  symo_free(ids);
  gpt_tokenizer_destroy(tokenizer);
  return status;
}

Test(gpt_bpe, failed_allocations) {
  symo_context *context = symo_test_context();
  gpt_tokenizer_destroy(small(context));
  cr_assert_geq(symo_test_allocations(make_and_drop, context), 15);
  symo_context_destroy(context);
  cr_no_leaks();
}
