/* Statuses, and the context that keeps the detail of the last failure. */
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/context.h"
#include "core/error.h"
#include "core/linalg.h"
#include "core/nd.h"
#include "core/reserve.h"

#include <symo/types.h>
#include <symo/version.h>

enum { DETAIL = SYMO_MAX_DETAIL };

typedef struct attachment {
  void *item;
  void (*destroy)(void *item);
} attachment;

struct symo_context {
  atomic_size_t references;
  atomic_flag lock;
  char detail[DETAIL];
  atomic_size_t failures;
  size_t num_attached;
  attachment *attached;
};

const char *symo_strerror(symo_status status) {
  switch ((int)status) {
#define TEXT_CASE(name, value, text)                                                               \
  case value: return text;
    SYMO_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
  default: return "unknown status";
  }
}

const char *symo_status_name(symo_status status) {
  switch ((int)status) {
#define NAME_CASE(name, value, text)                                                               \
  case value: return #name;
    SYMO_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
  default: return "SYMO_UNKNOWN";
  }
}

symo_status symo_context_create(symo_context **out) {
  if (out == NULL) return SYMO_E_ARGUMENT;
  if (symo_blas_reserve(1) != SYMO_OK) return SYMO_E_MEMORY;
  symo_context *context = symo_calloc(1, sizeof *context);
  if (context == NULL) return SYMO_E_MEMORY;
  atomic_init(&context->references, 1);
  atomic_flag_clear(&context->lock);
  atomic_init(&context->failures, 0);
  *out = context;
  return SYMO_OK;
}

symo_status symo_context_share(symo_context *context, symo_context **out) {
  if (context == NULL) return symo_context_create(out);
  atomic_fetch_add(&context->references, 1);
  *out = context;
  return SYMO_OK;
}

void symo_context_destroy(symo_context *context) {
  if (context == NULL || atomic_fetch_sub(&context->references, 1) > 1) return;
  for (size_t i = 0; i < context->num_attached; i++)
    context->attached[i].destroy(context->attached[i].item);
  symo_free(context->attached);
  symo_free(context);
}

symo_status symo_context_attach(symo_context *context, void *item, void (*destroy)(void *item)) {
  size_t n = context->num_attached;
  attachment *grown = symo_calloc(n + 1, sizeof *grown);
  if (grown == NULL) return symo_fail_memory(context, "context");
  if (n > 0) memcpy(grown, context->attached, n * sizeof *grown);
  symo_free(context->attached);
  context->attached = grown;
  grown[n] = (attachment){item, destroy};
  context->num_attached = n + 1;
  return SYMO_OK;
}

void *symo_context_attached(const symo_context *context, size_t index) {
  return index < context->num_attached ? context->attached[index].item : NULL;
}

const char *symo_context_detail(const symo_context *context) {
  return context == NULL ? "" : context->detail;
}

size_t symo_context_failures(const symo_context *context) {
  return context == NULL ? 0 : atomic_load(&context->failures);
}

static void clean(char *text) { /* names come from files: one line stays one line */
  for (char *c = text; *c != 0; c++)
    if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
}

static void lock(symo_context *context) {
  while (atomic_flag_test_and_set(&context->lock)) {
  }
}

symo_status symo_fail(symo_context *context, symo_status status, const char *format, ...) {
  if (context == NULL) return status;
  /* Formatted apart: an argument may point into the old detail. */
  char text[DETAIL];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  clean(text);
  lock(context);
  atomic_fetch_add(&context->failures, 1);
  memcpy(context->detail, text, sizeof text);
  atomic_flag_clear(&context->lock);
  return status;
}

symo_status symo_fail_within(symo_context *context, symo_status status, const char *format, ...) {
  if (context == NULL) return status;
  char text[DETAIL];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t used = n < 0 ? 0 : n < DETAIL ? (size_t)n : DETAIL - 1;
  lock(context);
  atomic_fetch_add(&context->failures, 1);
  if (used + 2 < sizeof text) { /* what does not fit is cut, as everywhere */
    size_t room = sizeof text - used - 3, length = strlen(context->detail);
    length = length < room ? length : room;
    memcpy(text + used, ": ", 2);
    memcpy(text + used + 2, context->detail, length);
    text[used + 2 + length] = 0;
  }
  clean(text);
  memcpy(context->detail, text, sizeof text);
  atomic_flag_clear(&context->lock);
  return status;
}

symo_status symo_fail_memory(symo_context *context, const char *where) {
  return symo_fail(context, SYMO_E_MEMORY, "%s: out of memory (use a smaller problem or free some)",
                   where);
}

symo_status symo_fail_null(symo_context *context, const char *where, const char *what) {
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: %s is NULL (pass one)", where, what);
}

symo_status symo_fail_index(symo_context *context, const char *where, const char *what,
                            size_t index, const char *holder, size_t count) {
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: there is no %s %zu (the %s has %zu)", where, what,
                   index, holder, count);
}

symo_status symo_check_damping(symo_context *context, const char *where, double damping) {
  if (damping >= 0 && isfinite(damping)) return SYMO_OK;
  return symo_fail(context, SYMO_E_ARGUMENT, "%s: damping %g (must be >= 0 and finite)", where,
                   isnan(damping) ? fabs(damping) : damping);
}

size_t symo_dtype_size(symo_dtype dtype) {
  return dtype == SYMO_F32 ? sizeof(float) : dtype == SYMO_F64 ? sizeof(double) : 0;
}

const char *symo_dtype_name(symo_dtype dtype) {
  return dtype == SYMO_F32 ? "f32" : dtype == SYMO_F64 ? "f64" : "any";
}

const char *symo_dtype_wider(symo_dtype dtype) { return dtype == SYMO_F32 ? ", or use f64" : ""; }

const char *symo_version(void) { return SYMO_VERSION_STRING; }

/* ---- the build ---- */

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "an unknown compiler"
#endif

static char build[512];
static void describe_build(void) {
  (void)snprintf(build, sizeof build, "%s, %s", COMPILER, symo_linalg_info());
}

const char *symo_build_info(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, describe_build);
  return build;
}
