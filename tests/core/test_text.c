/* Texts that grow. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/text.h"
#include "tests/support/testing.h"

Test(text, grows) {
  symo_context *context = symo_test_context();
  symo_text text = {0};
  char *out = NULL;
  for (int i = 0; i < 2000; i++) symo_text_add(&text, "%d,%s;", i, i % 7 ? "" : "seven");
  cr_ok(context, symo_text_finish(&text, context, &out));
  cr_assert(text.text == NULL && text.used == 0 && text.room == 0);
  char *at = out;
  for (int i = 0; i < 2000; i++) {
    char wanted[32];
    int n = snprintf(wanted, sizeof wanted, "%d,%s;", i, i % 7 ? "" : "seven");
    cr_assert(strncmp(at, wanted, (size_t)n) == 0, "piece %d", i);
    at += n;
  }
  cr_assert_eq(*at, '\0');
  symo_free(out);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(text, may_be_empty_or_have_a_long_piece) {
  symo_context *context = symo_test_context();
  symo_text text = {0};
  char *out, longer[5001];
  cr_ok(context, symo_text_finish(&text, context, &out));
  cr_assert_str_eq(out, "");
  symo_free(out);
  memset(longer, 'x', 5000);
  longer[5000] = '\0';
  symo_text_add(&text, "<%s>", longer);
  symo_text_add(&text, "%s", "");
  cr_ok(context, symo_text_finish(&text, context, &out));
  cr_assert(strlen(out) == 5002 && out[0] == '<' && out[5001] == '>');
  symo_free(out);
  symo_context_destroy(context);
  cr_no_leaks();
}

static symo_status write_much(void *self) {
  symo_text text = {0};
  char *out = NULL;
  for (int i = 0; i < 500; i++) symo_text_add(&text, "line %d\n", i);
  symo_status status = symo_text_finish(&text, self, &out);
  cr_assert((out != NULL) == (status == SYMO_OK));
  symo_free(out);
  return status;
}

Test(text, remembers_that_memory_ran_out) {
  symo_context *context = symo_test_context();
  cr_assert(symo_test_allocations(write_much, context) >= 2);
  cr_assert(strstr(symo_context_detail(context), "memory") != NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

/* ---- numbers ---- */

Test(text, numbers_as_people_write_them) {
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
