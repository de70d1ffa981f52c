/* Numbers as text, in locales with a point, a comma, and a decimal point of several bytes. */
#include "core/number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "core/text.h"
#include "tests/support/testing.h"

Test(number, numbers_as_people_write_them) {
  static const struct {
    double value;
    const char *text;
  } rows[] = {{0.3, "0.3"},
              {0.9999999, "0.9999999"},
              {1e-7, "1e-7"},
              {1e22, "1e22"},
              {-2.5e-300, "-2.5e-300"},
              {100, "100"},
              {0, "0"},
              {-0.0, "-0"},
              {1.0 / 3, "0.3333333333333333"},
              {1e15, "1e15"},
              {123456789012345, "123456789012345"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    cr_assert_str_eq(symo_decimal_of(rows[i].value).text, rows[i].text);
  symo_context *context = symo_test_context();
  symo_rng *rng = NULL;
  cr_ok(context, symo_rng_create(context, 5, &rng));
  for (int i = 0; i < 2000; i++) {
    double x = ldexp(symo_rng_normal(rng), i % 600 - 300);
    cr_assert(strtod(symo_decimal_of(x).text, NULL) == x, "%.17g", x);
  }
  symo_rng_destroy(rng);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(number, reads_decimals_and_nothing_else) {
  static const struct {
    const char *text;
    double value;
    size_t length; /* read of it; 0: refused */
  } rows[] = {{"0.5", 0.5, 3}, {"-.5e1x", -5, 5}, {"+1.", 1, 3},   {"1e5", 1e5, 3},  {"2EB", 2, 1},
              {"3e+", 3, 1},   {"1.2.3", 1.2, 3}, {"1,5", 1, 1},   {"1e-400", 0, 6}, {"0x10", 0, 1},
              {"", 0, 0},      {".", 0, 0},       {"e5", 0, 0},    {" 1", 0, 0},     {"nan", 0, 0},
              {"inf", 0, 0},   {"-", 0, 0},       {"1e999", 0, 0}, {"--1", 0, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *end = NULL;
    double x = 7;
    bool is = symo_decimal_read(rows[i].text, &end, &x);
    cr_assert(is == (rows[i].length > 0), "%s", rows[i].text);
    cr_assert(is ? x == rows[i].value && end == rows[i].text + rows[i].length : x == 7, "%s",
              rows[i].text);
    is = symo_decimal_read(rows[i].text, NULL, &x);
    cr_assert(is == (rows[i].length > 0 && rows[i].text[rows[i].length] == '\0'));
  }
  char longer[1200] = {0};
  double x;
  memset(longer, '1', 310);
  cr_assert(!symo_decimal_read(longer, NULL, &x));
  memset(longer, '0', 1100);
  cr_assert(!symo_decimal_read(longer, NULL, &x));
}

Test(number, too_large_is_infinite_where_that_is_asked_for) {
  double x = 0;
  cr_assert(symo_decimal_read_wide("1e999", NULL, &x) && x == (double)INFINITY);
  cr_assert(symo_decimal_read_wide("-1e999", NULL, &x) && x == (double)-INFINITY);
  cr_assert(symo_decimal_read_wide("0.5", NULL, &x) && x == 0.5);
  cr_assert(!symo_decimal_read_wide("inf", NULL, &x) && x == 0.5);
}

Test(number, reads_whole_numbers_up_to_a_bound) {
  static const struct {
    const char *text;
    uint64_t most, value;
    size_t length; /* read of it; 0: refused */
  } rows[] = {{"0", 0, 0, 1},
              {"007x", 9, 7, 3},
              {"1e3", 9, 1, 1},
              {"9.5", 9, 9, 1},
              {"18446744073709551615", UINT64_MAX, UINT64_MAX, 20},
              {"18446744073709551616", UINT64_MAX, 0, 0},
              {"99999999999999999999999", UINT64_MAX, 0, 0},
              {"1024", 1024, 1024, 4},
              {"1025", 1024, 0, 0},
              {"10", 3, 0, 0},
              {"3", 2, 0, 0},
              {"", 9, 0, 0},
              {"+1", 9, 0, 0},
              {"-1", 9, 0, 0},
              {" 1", 9, 0, 0},
              {"x", 9, 0, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const char *end = NULL;
    uint64_t n = 77;
    bool is = symo_whole_read(rows[i].text, &end, rows[i].most, &n);
    cr_assert(is == (rows[i].length > 0), "%s", rows[i].text);
    cr_assert(is ? n == rows[i].value && end == rows[i].text + rows[i].length
                 : n == 77 && end == NULL,
              "%s", rows[i].text);
    is = symo_whole_read(rows[i].text, NULL, rows[i].most, &n);
    cr_assert(is == (rows[i].length > 0 && rows[i].text[rows[i].length] == '\0'));
  }
}

/* Decimal points of "," in German and of two bytes in Pashto, where these locales are installed. */
Test(number, other_locales) {
  static const char *const locales[] = {"de_DE.utf8", "fr_FR.utf8", "ps_AF.utf8"};
  for (size_t i = 0; i < 3; i++) {
    if (setlocale(LC_ALL, locales[i]) == NULL) continue;
    double x = 0;
    cr_assert(symo_decimal_read("-1.25e2", NULL, &x) && x == -125, "%s", locales[i]);
    cr_assert(!symo_decimal_read("1,25", NULL, &x));
    cr_assert_str_eq(symo_decimal_of(-0.1).text, "-0.1");
    cr_assert_str_eq(symo_decimal_of(1.5e-7).text, "1.5e-7");
    cr_assert_str_eq(symo_decimal_of(3).text, "3");
  }
  setlocale(LC_ALL, "C");
}
