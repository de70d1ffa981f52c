/* Texts that grow. */
#include <stdio.h>

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
