/* Statuses, versions, and the context that keeps the detail of a failure. */
#include "tests/support/testing.h"

#include "core/error.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const struct {
  symo_status status;
  int value;
  const char *name;
} statuses[] = {
#define ROW(name, value, text) {name, value, #name},
    SYMO_STATUS_LIST(ROW)
#undef ROW
};
enum { STATUSES = sizeof statuses / sizeof statuses[0] };

Test(context, every_status_has_a_text_and_a_name) {
  for (int i = 0; i < STATUSES; i++) {
    const char *text = symo_strerror(statuses[i].status);
    cr_assert(text != NULL && text[0] != '\0');
    cr_assert_str_neq(text, symo_strerror((symo_status)12345), "%s", statuses[i].name);
    cr_assert_str_eq(symo_status_name(statuses[i].status), statuses[i].name);
    for (int j = 0; j < i; j++) {
      cr_assert_str_neq(text, symo_strerror(statuses[j].status), "%s", statuses[i].name);
      cr_assert_neq(statuses[i].value, statuses[j].value, "%s", statuses[i].name);
    }
  }
}

Test(context, signs_tell_who_is_at_fault) {
  for (int i = 0; i < STATUSES; i++) {
    int error = strncmp(statuses[i].name, "SYMO_E_", 7) == 0;
    cr_assert_eq(statuses[i].value < 0, error, "%s", statuses[i].name);
  }
  cr_assert_eq(SYMO_OK, 0);
}

Test(context, values_that_are_none_have_texts_too) {
  const int strange[] = {4, 1000, -12, -1000, 2147483647, -2147483647};
  for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
    cr_assert_str_eq(symo_strerror((symo_status)strange[i]), "unknown status");
    cr_assert_not_null(symo_status_name((symo_status)strange[i]));
  }
}

Test(context, version_of_library_equals_that_of_headers) {
  char text[64];
  snprintf(text, sizeof text, "%d.%d.%d", SYMO_VERSION_MAJOR, SYMO_VERSION_MINOR,
           SYMO_VERSION_PATCH);
  cr_assert_str_eq(symo_version(), SYMO_VERSION_STRING);
  cr_assert_str_eq(symo_version(), text);
  cr_assert(strlen(symo_build_info()) > 0);
}

Test(context, keeps_the_detail_of_the_last_failure) {
  symo_context *context = symo_test_context();
  cr_assert_str_eq(symo_context_detail(context), "");
  symo_status status =
      symo_fail(context, SYMO_E_NAME, "axis %d of tensor %s names space %s", 1, "w2", "h9");
  cr_assert_eq(status, SYMO_E_NAME);
  cr_assert_str_eq(symo_context_detail(context), "axis 1 of tensor w2 names space h9");
  /* A new detail made from the old one. */
  symo_fail(context, SYMO_E_FORMAT, "a.json: %s (name it)", symo_context_detail(context));
  cr_assert_str_eq(symo_context_detail(context),
                   "a.json: axis 1 of tensor w2 names space h9 (name it)");
  cr_assert_eq(symo_fail_memory(context, "symo_plan_create"), SYMO_E_MEMORY);
  cr_assert(strstr(symo_context_detail(context), "symo_plan_create: ") != NULL);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(context, contexts_are_apart) {
  symo_context *one = symo_test_context(), *two = symo_test_context();
  symo_fail(one, SYMO_E_SHAPE, "one");
  cr_assert_str_eq(symo_context_detail(two), "");
  symo_fail(two, SYMO_E_SHAPE, "two");
  cr_assert_str_eq(symo_context_detail(one), "one");
  symo_context_destroy(one);
  symo_context_destroy(two);
  cr_no_leaks();
}

Test(context, long_details_are_cut) {
  symo_context *context = symo_test_context();
  char name[5000];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  symo_fail(context, SYMO_E_NAME, "begin %s end", name);
  const char *detail = symo_context_detail(context);
  cr_assert_eq(strncmp(detail, "begin xxx", 9), 0);
  cr_assert(strlen(detail) > 200 && strlen(detail) < sizeof name);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(context, null_is_accepted) {
  symo_context_destroy(NULL);
  cr_assert_str_eq(symo_context_detail(NULL), "");
  cr_assert_eq(symo_fail(NULL, SYMO_SINGULAR, "no one %s", "listens"), SYMO_SINGULAR);
  cr_assert_eq(symo_fail_memory(NULL, "nowhere"), SYMO_E_MEMORY);
  cr_assert_eq(symo_context_create(NULL), SYMO_E_ARGUMENT);
}

static symo_status create_and_destroy(void *unused) {
  (void)unused;
  symo_context *context = NULL;
  symo_status status = symo_context_create(&context);
  cr_assert_eq(context != NULL, status == SYMO_OK, "*out is written on success only");
  symo_context_destroy(context);
  return status;
}

Test(context, survives_failing_allocations) {
  cr_assert_eq(symo_test_allocations(create_and_destroy, NULL), 1);
  cr_no_leaks();
}

struct writer {
  symo_context *context;
  char letter;
};

static void *fail_often(void *self) {
  const struct writer *writer = self;
  char text[101];
  memset(text, writer->letter, 100);
  text[100] = '\0';
  for (int i = 0; i < 5000; i++) symo_fail(writer->context, SYMO_E_ARGUMENT, "%s", text);
  return NULL;
}

Test(context, details_of_several_threads_do_not_mix) {
  enum { THREADS = 4 };
  symo_context *context = symo_test_context();
  pthread_t threads[THREADS];
  struct writer writers[THREADS];
  for (int t = 0; t < THREADS; t++) {
    writers[t] = (struct writer){context, (char)('a' + t)};
    cr_assert_eq(pthread_create(&threads[t], NULL, fail_often, &writers[t]), 0);
  }
  for (int t = 0; t < THREADS; t++) cr_assert_eq(pthread_join(threads[t], NULL), 0);
  const char *detail = symo_context_detail(context);
  cr_assert_eq(strlen(detail), 100);
  for (size_t i = 1; i < 100; i++) cr_assert_eq(detail[i], detail[0], "letter %zu", i);
  symo_context_destroy(context);
  cr_no_leaks();
}

Test(context, threads_of_linear_algebra) {
  int before = symo_get_threads();
  cr_assert(before >= 1);
  cr_assert_eq(symo_set_threads(1), SYMO_OK);
  cr_assert_eq(symo_get_threads(), 1);
  cr_assert_eq(symo_set_threads(0), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_set_threads(-3), SYMO_E_ARGUMENT);
  cr_assert_eq(symo_get_threads(), 1);
}

Test(context, generators_repeat_and_differ) {
  symo_context *context = symo_test_context();
  symo_rng *a = symo_test_rng(context, 7), *b = symo_test_rng(context, 7);
  symo_rng *c = symo_test_rng(context, 7 + ((uint64_t)1 << 40));
  int same = 0;
  for (int i = 0; i < 100; i++) {
    double x = symo_rng_uniform(a);
    cr_assert(x >= 0 && x < 1);
    cr_assert_eq(x, symo_rng_uniform(b));
    same += x == symo_rng_uniform(c);
    cr_assert(symo_rng_below(a, 5) < 5);
    symo_rng_below(b, 5);
    symo_rng_below(c, 5);
  }
  cr_assert(same < 5, "the high half of the seed does not count");
  symo_rng_destroy(a);
  symo_rng_destroy(b);
  symo_rng_destroy(c);
  symo_rng_destroy(NULL);
  cr_assert_eq(symo_rng_create(context, 1, NULL), SYMO_E_ARGUMENT);
  symo_context_destroy(context);
  cr_no_leaks();
}
