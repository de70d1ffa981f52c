/* Names for messages, likeness of names, UTF-8, JSON strings. */
#include "core/names.h"

#include "io/json.h"
#include "tests/support/testing.h"

Test(names, escapes_json) {
  symo_text text = {0};
  symo_json_add_string(&text, "a\"b\\c\n\x01\xC3\xA9");
  symo_json_add_string(&text, "");
  cr_assert(!text.failed);
  cr_assert_str_eq(text.text, "\"a\\\"b\\\\c\\n\\u0001\xC3\xA9\"\"\"");
  symo_free(text.text);
  cr_no_leaks();
}

Test(names, quotes_names) {
  cr_assert_str_eq(symo_quoted("w1\n\x7f").text, "w1??");
  char name[300];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  symo_quote cut = symo_quoted(name);
  cr_assert(strlen(cut.text) == 79 && strcmp(cut.text + 76, "...") == 0);
  /* Not through a character of two bytes. */
  for (size_t i = 0; i + 1 < sizeof name; i += 2) {
    name[i] = '\xC3';
    name[i + 1] = '\xA9';
  }
  name[298] = '\0';
  for (size_t first = 0; first < 2; ++first) {
    if (first == 1) name[1] = 'x'; /* shifted by one */
    cr_assert(symo_utf8_valid(symo_quoted(name + first).text));
  }
}

Test(names, quotes_shapes) {
  const size_t shape[] = {3,
                          4,
                          18446744073709551615u,
                          18446744073709551615u,
                          18446744073709551615u,
                          18446744073709551615u};
  cr_assert_str_eq(symo_quoted_shape(0, shape).text, "[]");
  cr_assert_str_eq(symo_quoted_shape(2, shape).text, "[3, 4]");
  symo_quote cut = symo_quoted_shape(6, shape);
  cr_assert(strlen(cut.text) < sizeof cut.text && strstr(cut.text, "...]") != NULL);
}

Test(names, finds_the_name_that_was_meant) {
  static const char *const known[] = {"identity", "permutation", "signed-permutation", "dim"};
  cr_assert_str_eq(symo_did_you_mean("idntity", 4, known).text, "; did you mean \"identity\"?");
  cr_assert_str_eq(symo_did_you_mean("permuattion", 4, known).text,
                   "; did you mean \"permutation\"?");
  cr_assert_str_eq(symo_did_you_mean("dmi", 4, known).text, "; did you mean \"dim\"?");
  /* Neighbours swapped are one change, and a name of two letters may have no more. */
  static const char *const two[] = {"hi"};
  cr_assert_str_eq(symo_did_you_mean("ih", 1, two).text, "; did you mean \"hi\"?");
  cr_assert_str_eq(symo_did_you_mean("width", 4, known).text, "");
  cr_assert_str_eq(symo_did_you_mean("", 4, known).text, "");
  cr_assert_str_eq(symo_did_you_mean("x", 4, known).text, "");
}

Test(names, takes_parts_of_a_list_without_quotes) {
  static const char list[] = "cyclic orthogonal";
  symo_suggestion s = {.name = "ortogonal"};
  cr_assert_str_eq(symo_suggestion_text(&s).text, "");
  symo_suggestion_offer(&s, list, 6);
  cr_assert_str_eq(symo_suggestion_text(&s).text, "");
  symo_suggestion_offer(&s, list + 7, 10);
  symo_suggestion_offer(&s, "orthogonals", 11); /* further away */
  cr_assert_str_eq(symo_suggestion_text(&s).text, "; did you mean orthogonal?");
}

Test(names, knows_utf8) {
  static const char *const good[] = {"",
                                     "abc",
                                     "\xC3\xA9",
                                     "\xE2\x82\xAC",
                                     "\xF0\x9F\x98\x80",
                                     "\xED\x9F\xBF",
                                     "\xF4\x8F\xBF\xBF"};
  static const char *const bad[] = {"\x80",         "\xC3",         "\xC0\xAF",
                                    "\xE0\x80\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                    "\xF8\x88\x80", "\xE2\x82",     "a\xFF"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; ++i)
    cr_assert(symo_utf8_valid(good[i]), "%zu", i);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i)
    cr_assert(!symo_utf8_valid(bad[i]), "%zu", i);
}

Test(names, items_of_a_list_end_at_commas_outside_of_parentheses) {
  static const struct {
    const char *text;
    size_t length;
  } rows[] = {{"", 0},
              {",a", 0},
              {"a", 1},
              {"ab,c", 2},
              {"f(a, b)", 7},
              {"f(a,b),c", 6},
              {"f(g(a,b),c),d", 11},
              {"f(a,", 4}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    cr_assert_eq(symo_item_length(rows[i].text), rows[i].length, "%s", rows[i].text);
}
