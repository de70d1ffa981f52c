/* The short road: an optimizer or an estimate from texts, which owns all that it was made from. */
#include <stdio.h>
#include <string.h>

#include "core/alloc.h"
#include "core/error.h"
#include "core/names.h"

#include <symo/io.h>
#include <symo/open.h>

/* Gives the detail to the caller, and the context back. */
static symo_status finish(symo_context *context, symo_status status, char *detail) {
  const char *text = symo_context_detail(context);
  if (detail != NULL && status == SYMO_OK) detail[0] = 0;
  if (detail != NULL && status != SYMO_OK)
    snprintf(detail, SYMO_MAX_DETAIL, "%s", *text == 0 ? symo_strerror(status) : text);
  symo_context_destroy(context);
  return status;
}

/* ---- optimizers ---- */

static const char blanks[] = "; \t\r\n";

/* Cuts "NAME KEY=VALUE KEY=VALUE .." in place: the name is what `text` then holds.  settings: room
 * for one more than there are '='.  A word with '=' begins a setting, and so does the first word
 * behind the name, which is refused later if it has none. */
static size_t cut(char *text, const char **settings) {
  size_t count = 0;
  char *end = text + strcspn(text, blanks); /* of the piece before */
  for (char *word = end; *(word += strspn(word, blanks)) != 0;) {
    size_t n = strcspn(word, blanks);
    if (count == 0 || memchr(word, '=', n) != NULL) {
      settings[count++] = word;
      *end = 0;
    }
    word += n;
    end = word;
  }
  *end = 0;
  return count;
}

static symo_status read_method(symo_context *context, const char *method, symo_optim_spec **out) {
  size_t most = 1, start = strspn(method, blanks);
  for (const char *c = method; *c != 0; c++) most += *c == '=';
  char *text = symo_strdup(method + start);
  const char **settings = symo_calloc(most, sizeof *settings);
  symo_status status =
      text == NULL || settings == NULL ? symo_fail_memory(context, "optim_open") : SYMO_OK;
  if (status == SYMO_OK)
    status = symo_optim_spec_open(context, text, cut(text, settings), settings, out);
  symo_free(settings);
  symo_free(text);
  return status;
}

static symo_status set_dtype(symo_context *context, symo_dtype dtype, symo_optim_spec *spec) {
  if (dtype != SYMO_ANY && spec->dtype != SYMO_ANY && spec->dtype != dtype)
    return symo_fail(context, SYMO_E_DTYPE,
                     "optim_open: the method says dtype=%s, the caller %s (leave one out)",
                     symo_dtype_name(spec->dtype), symo_dtype_name(dtype));
  if (dtype != SYMO_ANY) spec->dtype = dtype;
  return SYMO_OK;
}

static symo_status open_optim(symo_context *context, const char *text, const char *method,
                              symo_dtype dtype, symo_optim_state **out) {
  symo_layout *layout = NULL;
  symo_optim_spec *spec = NULL;
  symo_optim *optim = NULL;
  symo_status status;
  if (text == NULL || method == NULL || out == NULL)
    return symo_fail_null(context, "optim_open",
                          text == NULL     ? "layout"
                          : method == NULL ? "method"
                                           : "out");
  SYMO_TRY(symo_layout_open(context, text, &layout));
  SYMO_TRY(read_method(context, method, &spec));
  SYMO_TRY(set_dtype(context, dtype, spec));
  SYMO_TRY(symo_optim_create(layout, spec, &optim));
  SYMO_TRY(symo_optim_state_create(optim, out));
fail:
  symo_optim_destroy(optim); /* the state keeps what it needs */
  symo_optim_spec_destroy(spec);
  symo_layout_destroy(layout);
  return status;
}

symo_status symo_optim_open(const char *layout, const char *method, symo_dtype dtype,
                            symo_optim_state **out, char detail[SYMO_MAX_DETAIL]) {
  symo_context *context = NULL;
  symo_status status = symo_context_create(&context);
  if (status == SYMO_OK) status = open_optim(context, layout, method, dtype, out);
  return finish(context, status, detail);
}

/* ---- estimates ---- */

static symo_status find_estimator(symo_context *context, const char *name,
                                  const symo_estimator **out) {
  enum { MOST = 32 };
  const char *known[MOST];
  size_t count = 0;
  *out = symo_estimator_find(name);
  if (*out != NULL) return SYMO_OK;
  for (; count < MOST && count < symo_estimator_count(); count++)
    known[count] = symo_estimator_name(symo_estimator_at(count));
  return symo_fail(context, SYMO_E_NAME,
                   "hessian_open: there is no estimator \"%s\"%s (symo estimate --help lists them)",
                   symo_quoted(name).text, symo_did_you_mean(name, count, known).text);
}

static symo_status open_hessian(symo_context *context, const char *text, const char *estimator,
                                symo_const_vector gradient, const symo_const_vector *params,
                                symo_hessian **out) {
  symo_layout *layout = NULL;
  symo_plan *plan = NULL;
  symo_plan_spec spec = symo_plan_spec_default();
  symo_estimate_spec estimate = symo_estimate_spec_default();
  symo_status status;
  if (text == NULL || out == NULL)
    return symo_fail_null(context, "hessian_open", text == NULL ? "layout" : "out");
  if (estimator != NULL) SYMO_TRY(find_estimator(context, estimator, &estimate.estimator));
  spec.dtype = gradient.dtype;
  spec.coupling = symo_estimator_coupling(estimate.estimator);
  SYMO_TRY(symo_layout_open(context, text, &layout));
  SYMO_TRY(symo_plan_create(layout, &spec, &plan));
  SYMO_TRY(symo_estimate(plan, &estimate, 1, &gradient, params, out));
fail:
  symo_plan_destroy(plan); /* the Hessian keeps what it needs */
  symo_layout_destroy(layout);
  return status;
}

symo_status symo_hessian_open(const char *layout, const char *estimator, symo_const_vector gradient,
                              const symo_const_vector *params, symo_hessian **out,
                              char detail[SYMO_MAX_DETAIL]) {
  symo_context *context = NULL;
  symo_status status = symo_context_create(&context);
  if (status == SYMO_OK) status = open_hessian(context, layout, estimator, gradient, params, out);
  return finish(context, status, detail);
}
